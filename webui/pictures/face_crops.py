"""A face, turned upright and brought to the square that restorers were trained with, and laid back softly where it was."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from webui.pictures.boxes import Box, Size

SIDE = 512
"""Pixels of the square."""

_EYES = (complex(193, 240), complex(319, 240))
"""Where eyes lie in it, as in the aligned pictures of FFHQ (Karras et al. 2019) at this size, on which restorers were trained."""

_EYES_OF_BOX = (complex(0.31, 0.385), complex(0.69, 0.385))
"""Where they lie in the square box that face finders draw, as shares of its side."""

_CLEAR, _SOFT = 16, 64
"""Pixels of the square at its edge that aren't laid back, and those over which what is laid back begins to be seen."""

_MARGIN = 2
"""Pixels around what is cut out, for the filters that look at neighbours."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """Where a face is: its eyes in pixels of a picture, x + y·i each, the one that is seen on the left first."""

    left_eye: complex
    right_eye: complex

    @classmethod
    def in_box(cls, x: float, y: float, side: float) -> Face:
        """The face in a square box of whose eyes nothing is known: it is taken for upright."""
        left, right = (complex(x, y) + eye * side for eye in _EYES_OF_BOX)
        return cls(left, right)

    @classmethod
    def on_spot(cls, box: Box) -> Face:
        """The face that somebody has painted over, from forehead to chin."""
        width, height = box.size
        side = math.sqrt(width * height)
        return cls.in_box(box.left + (width - side) / 2, box.top + (height - side) / 2, side)

    def scaled(self, by: float) -> Face:
        """The same face in a picture so many times as large."""
        return Face(self.left_eye * by, self.right_eye * by)

    @property
    def width(self) -> float:
        """Pixels from eye to eye."""
        return abs(self.right_eye - self.left_eye)


@dataclass(frozen=True)
class FaceCrop:
    """The square around a face. turn, start: a point w of the square lies at turn·w + start in the picture."""

    turn: complex
    start: complex

    @classmethod
    def around(cls, face: Face) -> FaceCrop:
        """The square in which the face's eyes lie where they belong."""
        turn = (face.right_eye - face.left_eye) / (_EYES[1] - _EYES[0])
        return cls(turn, face.left_eye - turn * _EYES[0])

    @property
    def scale(self) -> float:
        """Pixels of the picture for each of the square."""
        return abs(self.turn)

    def box(self, size: Size) -> Box:
        """What of a picture of that size lies in the square, and a little around it; empty where nothing does."""
        corners = [self.turn * complex(x, y) + self.start for x in (0, SIDE) for y in (0, SIDE)]
        wide, high = [corner.real for corner in corners], [corner.imag for corner in corners]
        return Box(
            max(math.floor(min(wide)) - _MARGIN, 0),
            max(math.floor(min(high)) - _MARGIN, 0),
            min(math.ceil(max(wide)) + _MARGIN, size[0]),
            min(math.ceil(max(high)) + _MARGIN, size[1]),
        )

    def taken(self, picture: Image.Image) -> Image.Image:
        """The face as the square shows it (RGB); beyond the picture's edge its outermost pixels go on."""
        box = self.box(picture.size)
        part = picture.crop(box)
        # A large face is made smaller first: a turned filter looks at neighbours only.
        smaller = tuple(max(round(side / max(self.scale, 1)), 1) for side in box.size)
        part = part.resize((smaller[0], smaller[1]), Image.Resampling.LANCZOS) if smaller != part.size else part
        across, down = part.width / box.size[0], part.height / box.size[1]
        edge = math.ceil(SIDE * 1.5)
        wide = Image.fromarray(np.pad(np.asarray(part), ((edge, edge), (edge, edge), (0, 0)), mode="edge"))
        a, b, start = self.turn.real, self.turn.imag, self.start - complex(box.left, box.top)
        way = (a * across, -b * across, start.real * across + edge, b * down, a * down, start.imag * down + edge)
        return wide.transform((SIDE, SIDE), Image.Transform.AFFINE, way, Image.Resampling.BICUBIC)

    def laid_back(self, restored: Image.Image, picture: Image.Image, visibility: float) -> None:
        """Change the picture (RGB or RGBA) where the square lies: its face is the restored one, as far as that is to be seen.

        What lies outside keeps its bytes, and so does what is transparent through and through.
        """
        box = self.box(picture.size)
        if box.is_empty:
            return
        # Lanczos makes smaller; what is left is to be turned.
        side = min(max(round(SIDE * self.scale), 1), SIDE)
        back, start = 1 / self.turn, self.start - complex(box.left, box.top)
        # A point z of the part lies at (z - start)·back in the square.
        origin, share = -start * back, side / SIDE
        way = tuple(number * share for number in (back.real, -back.imag, origin.real, back.imag, back.real, origin.imag))
        shown = restored.resize((side, side), Image.Resampling.LANCZOS) if side != SIDE else restored
        soft = _soft_square().resize((side, side), Image.Resampling.BILINEAR) if side != SIDE else _soft_square()
        turned = shown.transform(box.size, Image.Transform.AFFINE, way, Image.Resampling.BICUBIC)
        mask = soft.transform(box.size, Image.Transform.AFFINE, way, Image.Resampling.BILINEAR)
        mask = mask.point([round(value * visibility) for value in range(256)])
        part = picture.crop(box)
        alpha = part.getchannel("A") if part.mode == "RGBA" else None
        if alpha is not None:
            mask = ImageChops.multiply(mask, alpha.point([0] + [255] * 255))
        part.paste(turned, mask=mask)
        if alpha is not None:
            part.putalpha(alpha)
        picture.paste(part, (box.left, box.top))


@functools.cache
def _soft_square() -> Image.Image:
    """Mode L: how much of each place of the square is laid back."""
    places = np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1]).astype(np.float64)
    inner = np.clip((np.minimum(places[:, None], places[None]) - _CLEAR) / _SOFT, 0, 1)
    return Image.fromarray(np.rint(255 * inner * inner * (3 - 2 * inner)).astype(np.uint8))

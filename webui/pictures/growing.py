"""Outpainting as pixels: what a picture is continued with before it is drawn, and how a window of it is begun."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.boxes import Box, Size
from webui.pictures.framing import CutOut
from webui.pictures.masking import MOST
from webui.pictures.outpainting import MULTIPLE, Sides, Window
from webui.pictures.starting import Start

_EDGE = 2
"""How many lines of pixels an edge's colour is taken of."""
_SMOOTHING = (2.0, 8.0, 32.0)
"""Sigmas in pixels by which an edge is smoothed along itself: the further from it, the more."""
_REACH = 4
"""At how many sigmas' distance only what is so smooth is left."""
_JOIN = 16
"""How far into what was drawn before a window changes it, in pixels, so that they meet without a seam."""


@dataclass(frozen=True)
class Growing:
    """A picture on its way to a larger size. source: where the picture lies in it that it began with."""

    picture: Image.Image
    source: Box

    @classmethod
    def of(cls, picture: Image.Image) -> Growing:
        """A picture that begins to grow."""
        return cls(picture, Box(0, 0, *picture.size))

    def grown(self, by: Sides) -> Growing:
        """Larger, the new part made of what its edges are."""
        return Growing(continued(self.picture, by), self.source.moved(by.left, by.top)) if any(by) else self

    def start(self, window: Window, size: Size, overlap: int, *, keeps_colours: bool = False) -> Start:
        """What the drawing of a window starts from. size: of what is drawn. overlap: how far into the source it may change, in pixels."""
        cut = CutOut(window.box, size)
        fresh = _mask(self.picture.size, window.box, _nearness(window, Box(0, 0, 0, 0), 0, 0))
        overlay = _mask(self.picture.size, window.box, _nearness(window, self.source, overlap, max(overlap, _JOIN)))
        mask = Image.fromarray(np.maximum(np.asarray(cut.taken(overlay)), _whole_latents(np.asarray(cut.taken(fresh)))))
        whole = self.picture

        def taken(layer: Image.Image) -> Image.Image:
            over = Image.new(layer.mode, whole.size)
            over.paste(layer, self.source)
            return cut.taken(over)

        return Start(cut.taken(whole), self.source.size, taken, mask, whole, overlay, cut, keeps_colours, matches_edges=True)


def continued(picture: Image.Image, by: Sides) -> Image.Image:
    """An RGB picture with more on its sides: near it, what lies at its edges mirrored; further out their colours, smoother and smoother."""
    pixels = np.asarray(picture)
    for turns, length in ((2, by.left), (0, by.right), (1, by.top), (3, by.bottom)):
        if length:
            turned = np.rot90(pixels, -turns)
            pixels = np.rot90(np.concatenate([turned, _beyond(turned, length)], axis=1), turns)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _beyond(pixels: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """What continues (height, width, 3) at its right edge, (height, length, 3)."""
    from scipy import ndimage

    near = pixels[:, -length:]
    result = np.pad(near, ((0, 0), (0, length), (0, 0)), "symmetric")[:, near.shape[1] :].astype(np.float32)
    edge = pixels[:, -_EDGE:].mean(axis=1, dtype=np.float32)
    distance = np.arange(length, dtype=np.float32) + 0.5
    for sigma in _SMOOTHING:
        smooth = ndimage.gaussian_filter1d(edge, sigma, axis=0, mode="nearest")
        result += (smooth[:, None] - result) * (distance / (_REACH * sigma)).clip(max=1)[:, None]
    return np.rint(result).astype(np.uint8)


def _nearness(window: Window, source: Box, within: int, beyond: int) -> NDArray[np.uint8]:
    """How much each pixel of a window is drawn, (height, width): MOST where it is new, falling to 0 within so many pixels around.

    within: of the source. beyond: elsewhere.
    """
    left, top, right, bottom = window.box
    x, y = np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]

    def outside(box: Box) -> NDArray[np.float32]:
        across = np.maximum(np.maximum(box.left - x, x - box.right + 1), 0)
        down = np.maximum(np.maximum(box.top - y, y - box.bottom + 1), 0)
        return np.hypot(across, down).astype(np.float32)

    distance = np.min([outside(box) for box in window.fresh], axis=0)
    reach = np.where(outside(source) == 0, within, beyond) + 1
    return np.rint((1 - distance / reach).clip(min=0) * MOST).astype(np.uint8)


def _mask(size: Size, box: Box, values: NDArray[np.uint8]) -> Image.Image:
    whole = Image.new("L", size, 0)
    whole.paste(Image.fromarray(values), box)
    return whole


def _whole_latents(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask (height, width), in multiples of MULTIPLE, that is whole in every latent that it touches."""
    height, width = mask.shape
    cells = (mask > MOST // 2).reshape(height // MULTIPLE, MULTIPLE, width // MULTIPLE, MULTIPLE).any((1, 3))
    return np.kron(cells, np.full((MULTIPLE, MULTIPLE), MOST, np.uint8))

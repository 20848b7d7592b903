"""How a picture comes to another size, and which part of it is looked at: geometry, and pixels moved about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from webui.pictures.boxes import Box, Size, grown

_LANCZOS = Image.Resampling.LANCZOS


def stretched(picture: Image.Image, size: Size) -> Image.Image:
    """The picture at that size, whatever becomes of its shape."""
    return picture if picture.size == size else picture.resize(size, _LANCZOS)


def cropped(picture: Image.Image, size: Size) -> Image.Image:
    """The picture at that size, cut to the shape from its middle."""
    return picture if picture.size == size else ImageOps.fit(picture, size, _LANCZOS)


def place_within(size: Size, frame: Size) -> Box:
    """Where a picture of that size lies in a frame, as large as it can be whole, in the middle."""
    scale = min(frame[0] / size[0], frame[1] / size[1])
    width, height = (min(max(round(side * scale), 1), most) for side, most in zip(size, frame, strict=True))
    left, top = (frame[0] - width) // 2, (frame[1] - height) // 2
    return Box(left, top, left + width, top + height)


def filled(picture: Image.Image, size: Size) -> Image.Image:
    """The picture whole in a frame of that size, its edges drawn out where it is too short."""
    if picture.size == size:
        return picture
    place = place_within(picture.size, size)
    whole = np.asarray(stretched(picture, place.size))
    around = ((place.top, size[1] - place.bottom), (place.left, size[0] - place.right), *[(0, 0)] * (whole.ndim - 2))
    return Image.fromarray(np.pad(whole, around, "edge"))


@dataclass(frozen=True)
class CutOut:
    """A part of a picture that is drawn by itself at another size. box: the part. size: the one that is drawn."""

    box: Box
    size: Size

    @property
    def place(self) -> Box:
        """Where the part lies in what is drawn; around it, if there is anything, its edges are drawn out."""
        return place_within(self.box.size, self.size)

    def taken(self, picture: Image.Image) -> Image.Image:
        """What is drawn of the picture."""
        return filled(picture.crop(self.box), self.size)

    def put_back(self, drawn: Image.Image, picture: Image.Image) -> Image.Image:
        """The picture with what was drawn in place of its part."""
        whole = picture.copy()
        whole.paste(stretched(drawn.crop(self.place), self.box.size), self.box)
        return whole


def box_around(inner: Box, padding: int, shape: Size, picture: Size) -> Box:
    """A part of a picture that holds `inner` with padding around it and has about the shape that is drawn, as far as the picture reaches.

    AUTOMATIC1111's masked area: the padded box grows evenly at both sides and is moved into the picture where it stands over.
    """
    left, right = _padded(inner.left, inner.right, padding, picture[0])
    top, bottom = _padded(inner.top, inner.bottom, padding, picture[1])
    width, height = right - left, bottom - top
    if width * shape[1] > height * shape[0]:
        top, bottom = grown(top, bottom, width * shape[1] // shape[0], picture[1])
    else:
        left, right = grown(left, right, height * shape[0] // shape[1], picture[0])
    return Box(left, top, right, bottom)


def _padded(start: int, end: int, padding: int, most: int) -> tuple[int, int]:
    return max(start - padding, 0), min(end + padding, most)

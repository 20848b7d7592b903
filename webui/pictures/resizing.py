"""A picture at another size: which size that is, and how it comes there. RGB or RGBA."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from PIL import Image, ImageOps

from webui.pictures.boxes import Size

ResizeWay = Literal["Fit", "Cover", "Stretch", "Long side"]
FIT, COVER, STRETCH, LONG_SIDE = RESIZE_WAYS = get_args(ResizeWay)

ResizeFilter = Literal["Lanczos", "Area"]
FILTERS: Mapping[str, Image.Resampling] = MappingProxyType({"Lanczos": Image.Resampling.LANCZOS, "Area": Image.Resampling.BOX})


def size_after(size: Size, way: str, wanted: Size, long_side: int) -> Size:
    """Width and height in pixels that a picture of that size comes to, each at least 1.

    wanted: of which a 0 is what follows from the other and the picture's shape. Fit: as large as it can be whole within it.
    Long side: its longer side is `long_side`.
    """
    width, height = size
    if way == LONG_SIDE:
        return _times(size, long_side / max(size))
    if not any(wanted):
        return size
    if not all(wanted):
        return _times(size, wanted[0] / width if wanted[0] else wanted[1] / height)
    return _times(size, min(wanted[0] / width, wanted[1] / height)) if way == FIT else wanted


def _times(size: Size, factor: float) -> Size:
    width, height = (max(round(side * factor), 1) for side in size)
    return width, height


def covered(size: Size, filled: Size) -> tuple[float, float, float, float]:
    """Which part of a picture of that size fills another one: left, top, right and bottom as shares of its width and height."""
    scale = max(filled[0] / size[0], filled[1] / size[1])
    across, down = (min(there / (side * scale), 1.0) for side, there in zip(size, filled, strict=True))
    return (1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2


def at_size(picture: Image.Image, way: str, wanted: Size, long_side: int, by: str) -> Image.Image:
    """The picture at the size that `size_after` says; Cover cuts what stands over evenly off both sides. by: one of FILTERS."""
    size, filter = size_after(picture.size, way, wanted, long_side), FILTERS[by]
    if size == picture.size:
        return picture
    if way != COVER:
        return picture.resize(size, filter)
    if picture.mode != "RGBA":
        return ImageOps.fit(picture, size, filter)
    # Colours of what is transparent must not come into sight at its edges.
    return ImageOps.fit(picture.convert("RGBa"), size, filter).convert("RGBA")

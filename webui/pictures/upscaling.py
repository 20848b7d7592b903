"""How large an enlarged picture becomes, exactly."""

from __future__ import annotations

from dataclasses import dataclass

from webui.pictures.boxes import Box, Size


@dataclass(frozen=True)
class Upscaling:
    """cover: width and height in pixels of the whole picture enlarged. size: what is left of it after cutting evenly."""

    cover: Size
    size: Size

    @property
    def box(self) -> Box:
        """What is kept of the whole; of an odd number cut away the larger half is at the end."""
        left, top = ((whole - kept) // 2 for whole, kept in zip(self.cover, self.size, strict=True))
        return Box(left, top, left + self.size[0], top + self.size[1])


def upscaling(size: Size, scale: float, wanted: Size = (0, 0), *, crop: bool = True) -> Upscaling:
    """How a picture of that size is enlarged.

    wanted: width and height in pixels; with one of them 0 it follows from the picture's ratio; with both 0 `scale` counts, rounded to
    whole pixels. With neither 0 the picture is enlarged to cover that size (the larger ratio counts, as in AUTOMATIC1111's extras),
    and what stands over is cut off evenly where `crop` says so.
    """
    (width, height), (to_width, to_height) = size, wanted
    if not to_width and not to_height:
        cover = max(1, round(width * scale)), max(1, round(height * scale))
        return Upscaling(cover, cover)
    if not to_height or (to_width and to_width * height >= to_height * width):
        cover = to_width, max(1, _rounded(height * to_width, width))
    else:
        cover = max(1, _rounded(width * to_height, height)), to_height
    both = bool(to_width and to_height)
    return Upscaling(cover, (to_width, to_height) if both and crop else cover)


def _rounded(numerator: int, denominator: int) -> int:
    """The quotient, rounded half up, in whole numbers: so that the longer side is never a pixel short."""
    return (2 * numerator + denominator) // (2 * denominator)

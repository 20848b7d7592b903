"""Masks: what of a picture is drawn anew, and what stays as it is. 255 (white) is drawn anew, 0 (black) stays."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from webui.errors import InvalidRequest
from webui.pictures.boxes import Box, Size
from webui.pictures.decoding import as_rgb

MOST = 255
_HALF = 128
_KERNEL = 2.5
"""How many sigmas a blur reaches, AUTOMATIC1111's: 10 pixels at sigma 4."""

_SURROUNDINGS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""Radius in pixels of each blur of the surroundings that `fill` lays down, and how many times, AUTOMATIC1111's."""


def as_mask(picture: Image.Image) -> Image.Image:
    """The mask (mode L) that a picture is: its alpha, half or more, where it is transparent somewhere; else its brightness."""
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (MOST, MOST):
            return alpha.point([MOST if value > _HALF else 0 for value in range(MOST + 1)])
    return as_rgb(picture).convert("L")


def bounds(mask: Image.Image) -> Box | None:
    """What of it isn't black; None where all is."""
    found = mask.getbbox()
    return None if found is None else Box(*found)


def check_mask(mask: Image.Image, size: Size, *, inverted: bool) -> None:
    """Raises InvalidRequest where a mask has another size than the picture, or nothing is drawn anew by it."""
    if mask.size != size:
        raise InvalidRequest(
            f"The mask is {mask.width} x {mask.height}, and the picture {size[0]} x {size[1]}.",
            field="mask",
            allowed="a mask of the picture's own size",
            hint="Paint the mask on this picture, or bring it to that size.",
        )
    if bounds(turned(mask, inverted)) is None:
        raise InvalidRequest(
            "The mask covers all, and what isn't masked was to be drawn." if inverted else "Nothing is masked.",
            field="mask",
            hint="Choose Inpaint masked." if inverted else "Paint white over what is to be drawn anew.",
        )


def check_region(mask: Image.Image, field: str) -> None:
    """Raises InvalidRequest where a region is nowhere. field: of its mask."""
    if bounds(mask) is None:
        raise InvalidRequest("Nothing is painted in this region.", field=field, hint="Paint white over its place, or leave the region out.")


def turned(mask: Image.Image, inverted: bool) -> Image.Image:
    """The mask, or what it leaves out."""
    return ImageOps.invert(mask) if inverted else mask


def blurred(mask: Image.Image, sigma: float) -> Image.Image:
    """The mask with a soft edge. sigma: of the Gaussian, in pixels."""
    from scipy import ndimage

    if sigma == 0:
        return mask
    soft = ndimage.gaussian_filter(np.asarray(mask, np.float32), sigma, mode="mirror", truncate=_KERNEL)
    return Image.fromarray(np.rint(soft).clip(0, MOST).astype(np.uint8), "L")


def hardened(mask: Image.Image) -> Image.Image:
    """The mask with its soft edge half as wide, inwards: what is half or more counts as whole."""
    return ImageChops.add(mask, mask)


def filled_in(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with what is masked made of the colours around it: blurs of what isn't masked, wide ones below narrow ones."""
    kept = picture.convert("RGBA")
    kept.putalpha(ImageOps.invert(mask))
    around = kept.convert("RGBa")  # weighed by their alpha, so that what is masked gives no colour away
    result = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    for radius, times in _SURROUNDINGS:
        layer = around.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(times):
            result.alpha_composite(layer)
    return result.convert("RGB")


def colours_everywhere(picture: Image.Image) -> Image.Image:
    """The picture's colours (RGB), with those around it under what can't be seen at all, lest those that are hidden there come out."""
    if picture.mode != "RGBA":
        return picture
    unseen = picture.getchannel("A").point([MOST] + [0] * MOST)
    return filled_in(picture.convert("RGB"), unseen)

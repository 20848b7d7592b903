"""Pictures that are transparent in part: RGBA, colour and alpha apart from each other (straight alpha)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor

_FUSED_OVER = (90, 6)
"""Widths in pixels of the windows over which colours of subject and background are told apart: roughly, then finely."""
_LEAST = 1e-5

Planes = NDArray[Any]


def is_clear(picture: Image.Image) -> bool:
    """Whether the picture has an alpha channel."""
    return picture.mode == "RGBA"


def opaque(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture's colours (RGB) and, where it has one, its alpha (L)."""
    return (picture.convert("RGB"), picture.getchannel("A")) if is_clear(picture) else (picture, None)


def joined(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """What `opaque` took apart."""
    if alpha is None:
        return colours
    whole = colours.copy()
    whole.putalpha(alpha)
    return whole


def laid_on(picture: Image.Image, colour: str) -> Image.Image:
    """The picture, RGB, on a ground of that colour ("#rrggbb")."""
    if not is_clear(picture):
        return picture
    ground = Image.new("RGBA", picture.size, (*ImageColor.getrgb(colour)[:3], 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


def cut_out(picture: Image.Image, subject: Image.Image) -> Image.Image:
    """The picture, RGBA, with all but the subject transparent; what was transparent before stays so.

    subject: mode L, of the picture's size: 255 where it is the subject, 0 where it isn't, its share in between. There the colour
    of the background is taken out, else it would lie around the subject as a seam.
    """
    colours, alpha = opaque(picture)
    share = np.asarray(subject, np.float32) / 255
    freed = Image.fromarray(np.rint(_colours_of_subject(np.asarray(colours, np.float32), share)).clip(0, 255).astype(np.uint8))
    return joined(freed, subject if alpha is None else ImageChops.multiply(alpha, subject))


def _colours_of_subject(picture: Planes, share: Planes) -> Planes:
    """Colours (height, width, 3) of what lies in front, by blur fusion, twice. Source: Forte, Approximate Fast Foreground Colour
    Estimation, ICIP 2021. Where the share is 0 or 1 the picture's own colours stay."""
    front = behind = picture
    for window in _FUSED_OVER:
        front, behind = _fused(picture, share[..., None], front, behind, window)
    return np.where((share > 0)[..., None] & (share < 1)[..., None], front, picture)


def _fused(picture: Planes, share: Planes, front: Planes, behind: Planes, window: int) -> tuple[Planes, Planes]:
    from scipy import ndimage

    def near(values: Planes) -> Planes:
        return ndimage.uniform_filter(values, window, axes=(0, 1), mode="nearest")

    mean_front = near(front * share) / (near(share) + _LEAST)
    mean_behind = near(behind * (1 - share)) / (near(1 - share) + _LEAST)
    left = picture - share * mean_front - (1 - share) * mean_behind
    return (mean_front + share * left).clip(0, 255), mean_behind

"""A picture in another one's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.boxes import Box

_NEAR = 8.0
"""Sigma in pixels of the neighbourhood whose colours a picture is brought to at an edge."""
_SEAM = 3.0
"""Sigma in pixels of what is compared on both sides of an edge. Wider than the line that many pictures have along their rim."""
_FADE = 32
"""How far from an edge a picture is brought to what lies beyond it, in pixels, less and less."""


def with_colours_of(picture: Image.Image, source: Image.Image) -> Image.Image:
    """The picture, its lightness kept, with the colours of the source: each of its two colour channels gets the source's distribution."""
    light, *colours = (np.asarray(channel) for channel in picture.convert("YCbCr").split())
    wanted = [np.asarray(channel) for channel in source.convert("YCbCr").split()[1:]]
    changed = [_matched(own, other) for own, other in zip(colours, wanted, strict=True)]
    return Image.merge("YCbCr", [Image.fromarray(channel) for channel in (light, *changed)]).convert("RGB")


def _matched(values: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Values changed by one rising curve so that they are as often as the wanted ones (histogram matching)."""
    own, others = _shares(values), _shares(wanted)
    levels: NDArray[Any] = np.arange(256)
    held = np.diff(others, prepend=0.0) > 0
    curve = np.interp(own, others[held], levels[held])
    return np.rint(curve).astype(np.uint8)[values]


def _shares(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Which share of the values is at most 0, 1 ... 255."""
    return np.cumsum(np.bincount(values.ravel(), minlength=256)) / values.size


def with_edges_of(source: Image.Image, picture: Image.Image, overlay: Image.Image, box: Box) -> Image.Image:
    """The picture, which shows what the source does where `overlay` is 0, in its colours there and, less and less, beyond.

    For a model gives back what it was shown a little off, and what it draws beside that in a colour of its own, and both would
    be a seam. All of one size; only what lies in the box changes.
    """
    from scipy import ndimage

    there, wanted = (np.asarray(part.crop(box), np.float32) for part in (picture, source))
    stays = np.asarray(overlay.crop(box)) == 0
    if stays.all() or not stays.any():
        return picture
    shares = stays.astype(np.float32)[..., None]
    near, off = (ndimage.gaussian_filter(values, (_NEAR, _NEAR, 0), mode="nearest") for values in (shares, (wanted - there) * shares))
    # Along a straight edge half of what is near stays: up to there all of the difference is made up for.
    there += off / near.clip(min=1e-3) * (near * 2).clip(max=1)
    there += _closing(wanted, there, stays)
    result = picture.copy()
    result.paste(Image.fromarray(np.rint(there).clip(0, 255).astype(np.uint8)), box)
    return result


def _closing(source: NDArray[np.float32], drawn: NDArray[np.float32], stays: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What to add to the drawn pixels, (height, width, 3), so that they meet the source where that stays; 0 further than _FADE from it."""
    from scipy import ndimage

    measured: Any = ndimage.distance_transform_edt(~stays, return_indices=True)
    distance, (rows, columns) = measured
    inside, outside = (_mean_near(values, where, _SEAM) for values, where in ((source, stays), (drawn, ~stays)))
    # Each pixel takes the step at the place of the edge that it is nearest to.
    step: NDArray[Any] = (inside - outside)[rows, columns]
    fading: NDArray[Any] = (1 - (distance - 1) / _FADE).clip(0, 1) ** 2 * ~stays
    return (step * fading[..., None]).astype(np.float32)


def _mean_near(values: NDArray[np.float32], where: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """The mean of what lies near each pixel and is counted."""
    from scipy import ndimage

    counted = where.astype(np.float32)[..., None]
    total, share = (ndimage.gaussian_filter(part, (sigma, sigma, 0), mode="nearest") for part in (values * counted, counted))
    mean: NDArray[Any] = total / share.clip(min=1e-4)
    return mean.astype(np.float32)

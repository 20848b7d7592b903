"""A picture in another one's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.boxes import Box

_NEAR = 8.0
"""Sigma in pixels of the neighbourhood whose colours a picture is brought to at an edge."""


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

    For a model gives back what it was shown a little off, which would be a seam. All of one size; only what lies in the box changes.
    """
    from scipy import ndimage

    there, wanted = (np.asarray(part.crop(box), np.float32) for part in (picture, source))
    stays = (np.asarray(overlay.crop(box)) == 0).astype(np.float32)[..., None]
    near, off = (ndimage.gaussian_filter(values, (_NEAR, _NEAR, 0), mode="nearest") for values in (stays, (wanted - there) * stays))
    # Along a straight edge half of what is near stays: up to there all of the difference is made up for.
    there += off / near.clip(min=1e-3) * (near * 2).clip(max=1)
    result = picture.copy()
    result.paste(Image.fromarray(np.rint(there).clip(0, 255).astype(np.uint8)), box)
    return result

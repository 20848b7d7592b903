"""A picture in another one's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


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

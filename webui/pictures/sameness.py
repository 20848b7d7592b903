"""How much two pictures of one size differ, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

_ROWS_AT_ONCE = 256
"""So that comparing two large pictures needs little memory beside them."""


@dataclass(frozen=True)
class Sameness:
    """What comparing two pictures of one size found. pixels: how many each has. differing: how many are not the same in all channels.

    largest: the largest difference of a channel, mean: the mean of all, both in units of 0 to 255.
    """

    pixels: int
    differing: int
    largest: int
    mean: float


def compare(first: Image.Image, second: Image.Image) -> Sameness | None:
    """Compare two pictures; None where they are not of one size. What only one of them is transparent in counts as a difference."""
    if first.size != second.size:
        return None
    mode = "RGBA" if "RGBA" in (first.mode, second.mode) else "RGB"
    first, second = first.convert(mode), second.convert(mode)
    width, height = first.size
    differing = largest = total = 0
    for top in range(0, height, _ROWS_AT_ONCE):
        box = (0, top, width, min(height, top + _ROWS_AT_ONCE))
        left, right = (np.asarray(picture.crop(box), np.int16) for picture in (first, second))
        apart = np.abs(left - right)
        differing += int(apart.any(axis=-1).sum())
        largest = max(largest, int(apart.max(initial=0)))
        total += int(apart.sum())
    return Sameness(width * height, differing, largest, total / (width * height * len(mode)))

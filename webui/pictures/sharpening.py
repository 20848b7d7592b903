"""A picture sharpened: unsharp masking."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.transparency import joined, opaque

_NOTHING_NEAR = 1e-3


def sharpened(picture: Image.Image, amount: float, radius: float) -> Image.Image:
    """Each colour moved away from the mean of its surroundings, by that many times the difference. RGB or RGBA.

    radius: sigma in pixels of the Gaussian that makes the mean. What is transparent has no say in it, and alpha stays as it is.
    """
    if not amount:
        return picture
    colours, alpha = opaque(picture)
    weights = None if alpha is None else np.asarray(alpha, np.float32) / 255
    # Channel by channel, so that a large picture isn't in memory three times as numbers of four bytes.
    made = [_sharpened(np.asarray(channel, np.float32), weights, amount, radius) for channel in colours.split()]
    return joined(Image.merge("RGB", made), alpha)


def _sharpened(values: NDArray[Any], weights: NDArray[Any] | None, amount: float, radius: float) -> Image.Image:
    from scipy import ndimage

    if weights is None:
        mean = ndimage.gaussian_filter(values, radius, mode="nearest")
    else:
        near = ndimage.gaussian_filter(weights, radius, mode="nearest")
        mean = ndimage.gaussian_filter(values * weights, radius, mode="nearest") / near.clip(min=_NOTHING_NEAR)
        mean = np.where(near > _NOTHING_NEAR, mean, values)
    return Image.fromarray(np.rint(values + amount * (values - mean)).clip(0, 255).astype(np.uint8))

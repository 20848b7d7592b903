"""A picture's colours by themselves: its levels, and the light it seems to be seen in."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from webui.pictures.transparency import joined, opaque

NEUTRAL_KELVIN = 6500
"""The colour temperature at which a picture stays as it is: about that of sRGB's white."""

WARMEST_KELVIN, COOLEST_KELVIN = 1700, 25_000
"""Where the formula for the colour of glowing bodies holds."""

_ROWS = 256
"""Rows of a picture that are numbers of four bytes at a time."""


def levelled(picture: Image.Image, cutoff: float) -> Image.Image:
    """Each colour channel stretched from black to white. cutoff: percent of the darkest and of the lightest values that may be lost.

    What is fully transparent has no say in it.
    """
    colours, alpha = opaque(picture)
    seen = None if alpha is None else alpha.point([0] + [255] * 255)
    if seen is not None and seen.getbbox() is None:
        return picture
    return joined(ImageOps.autocontrast(colours, cutoff, mask=seen), alpha)


def in_light_of(picture: Image.Image, kelvin: float) -> Image.Image:
    """The picture as if what lit it had that colour temperature instead of 6,500 K: lower is warmer, higher cooler.

    Grey keeps its luminance. Light is linear (IEC 61966-2-1) and adapted by Bradford's transform; its colour is that of Planck's
    radiator, by Kim et al., US patent 7,024,034.
    """
    if kelvin == NEUTRAL_KELVIN:
        return picture
    colours, alpha = opaque(picture)
    matrix = _adaptation(float(kelvin))
    pixels = np.asarray(colours)
    made = np.empty_like(pixels)
    for row in range(0, len(pixels), _ROWS):
        made[row : row + _ROWS] = _encoded(_LINEAR[pixels[row : row + _ROWS]] @ matrix.T)
    return joined(Image.fromarray(made), alpha)


def _linear_of(values: NDArray[Any]) -> NDArray[Any]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(light: NDArray[Any]) -> NDArray[np.uint8]:
    light = light.clip(0, 1)
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(values * 255).astype(np.uint8)


_LINEAR = _linear_of(np.arange(256, dtype=np.float32) / 255)

_XYZ_OF_RGB = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@functools.lru_cache(maxsize=16)
def _adaptation(kelvin: float) -> NDArray[Any]:
    """Linear sRGB seen at 6,500 K -> at that temperature, as a matrix of 3 x 3."""
    seen, wanted = (_BRADFORD @ _white(temperature) for temperature in (NEUTRAL_KELVIN, kelvin))
    moved = np.linalg.inv(_BRADFORD) @ np.diag(wanted / seen) @ _BRADFORD
    matrix = np.linalg.inv(_XYZ_OF_RGB) @ moved @ _XYZ_OF_RGB
    grey = (_XYZ_OF_RGB @ matrix @ np.ones(3))[1]
    return (matrix / grey).astype(np.float32)


def _white(kelvin: float) -> NDArray[Any]:
    """XYZ of a glowing body of that temperature, with a luminance of 1."""
    t = 1000 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return np.array([x / y, 1.0, (1 - x - y) / y])

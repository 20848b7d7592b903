"""From a picture to what a ControlNet or an image encoder looks at. Nothing here needs a model or a download.

Preprocessors take and give RGB pixels, (height, width, 3) uint8, and have the names that sd-webui-controlnet gave them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.framing import cropped, filled, stretched

Pixels = NDArray[np.uint8]
ResizeMode = Literal["Just Resize", "Crop and Resize", "Resize and Fill"]
RESIZE_MODES = get_args(ResizeMode)

_TAN_22_5 = 13573
"""tan(22.5 degrees) in units of 2 ** -15, as OpenCV counts."""


# --- Size ---


def fitted(picture: Image.Image, width: int, height: int, mode: ResizeMode) -> Image.Image:
    """The picture at another size: stretched; cut to the shape from its middle; or whole, its edges drawn out where it is too short."""
    ways = {"Just Resize": stretched, "Crop and Resize": cropped, "Resize and Fill": filled}
    return ways[mode](picture, (width, height))


def control_picture(
    picture: Image.Image, width: int, height: int, mode: ResizeMode, preprocess: Preprocess, resolution: int = 0
) -> Image.Image:
    """What a ControlNet sees of a picture, at the size that is drawn.

    resolution: pixels of the shorter side at which the picture is looked at; 0: that of the size that is drawn.
    """
    if resolution:
        factor = resolution / min(picture.size)
        small = picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)
        return fitted(Image.fromarray(preprocess(np.asarray(small))), width, height, mode)
    return Image.fromarray(preprocess(np.asarray(fitted(picture, width, height, mode))))


ENCODER_SIDE = 224
"""Pixels of the square that the published image encoders of IP-Adapters look at."""


def encoder_picture(picture: Image.Image, mode: ResizeMode, side: int = ENCODER_SIDE) -> Image.Image:
    """What an image encoder sees of a picture: a square of that side.

    Cut from its middle as CLIP's own preprocessing has it: the shorter side first brought to the square's, bicubic.
    """
    if mode != "Crop and Resize":
        return fitted(picture, side, side, mode)
    short = min(picture.size)
    width, height = (side if length == short else int(side * length / short) for length in picture.size)
    left, top = (width - side) // 2, (height - side) // 2
    return picture.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + side, top + side))


# --- What is seen ---


def _same(pixels: Pixels, _a: float, _b: float) -> Pixels:
    return pixels


def _invert(pixels: Pixels, _a: float, _b: float) -> Pixels:
    return 255 - pixels


def canny(pixels: Pixels, low: float, high: float) -> Pixels:
    """White edges, one pixel thin, on black. J. Canny 1986, step by step as OpenCV's cv2.Canny with its defaults, so maps are the same.

    low, high: strength from which an edge goes on, and from which one begins.
    """
    from scipy import ndimage

    low, high = sorted((int(low), int(high)))
    signed = np.pad(pixels.astype(np.int32), ((1, 1), (1, 1), (0, 0)), "edge")
    across = _difference(_smoothed(signed, 0), 1)
    down = _difference(_smoothed(signed, 1), 0)
    strength = np.abs(across) + np.abs(down)
    # Of the three colours the one with the strongest edge counts.
    strongest = strength.argmax(-1)[..., None]
    across, down, strength = (np.take_along_axis(each, strongest, -1)[..., 0] for each in (across, down, strength))
    edges = (strength > low) & _is_crest(strength, across, down)
    labelled: Any = ndimage.label(edges, np.ones((3, 3)))
    groups, number = labelled
    begins = np.zeros(number + 1, bool)
    begins[groups[edges & (strength > high)]] = True
    begins[0] = False
    return _grey(np.where(begins[groups], 255, 0))


def _smoothed(padded: NDArray[np.int32], axis: int) -> NDArray[np.int32]:
    """1 2 1 along an axis, which becomes two shorter."""
    first, middle, last = (padded.take(range(start, padded.shape[axis] - 2 + start), axis) for start in range(3))
    return first + 2 * middle + last


def _difference(padded: NDArray[np.int32], axis: int) -> NDArray[np.int32]:
    """-1 0 1 along an axis, which becomes two shorter."""
    size = padded.shape[axis]
    return padded.take(range(2, size), axis) - padded.take(range(size - 2), axis)


def _is_crest(strength: NDArray[np.int32], across: NDArray[np.int32], down: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether no neighbour in the direction of the gradient is stronger; of two equal ones the first counts."""
    around = np.pad(strength, 1)
    height, width = strength.shape

    def neighbour(dy: int, dx: int) -> NDArray[np.int32]:
        return around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    steep = np.abs(down).astype(np.int64) << 15
    flat_up_to = np.abs(across).astype(np.int64) * _TAN_22_5
    level = steep < flat_up_to
    upright = steep > flat_up_to + (np.abs(across).astype(np.int64) << 16)
    falling = (across ^ down) < 0
    slanted = np.where(
        falling,
        (strength > neighbour(-1, 1)) & (strength > neighbour(1, -1)),
        (strength > neighbour(-1, -1)) & (strength > neighbour(1, 1)),
    )
    beside = (strength > neighbour(0, -1)) & (strength >= neighbour(0, 1))
    above = (strength > neighbour(-1, 0)) & (strength >= neighbour(1, 0))
    return np.where(level, beside, np.where(upright, above, slanted))


def scribble_xdog(pixels: Pixels, threshold: float, _b: float) -> Pixels:
    """Bold white strokes on black, where a picture is darker than what is around. After Winnemöller et al. 2012, "XDoG"."""
    darker = _blurred(pixels, 5.0) - _blurred(pixels, 0.5)
    strokes = 255 - darker.min(-1)
    return _grey(np.where(2 * (255 - np.clip(strokes, 0, 255)) > threshold, 255, 0))


def lineart_standard(pixels: Pixels, sigma: float, intensity: float) -> Pixels:
    """Soft white lines on black, of a drawing with dark lines on a light ground."""
    darker = np.clip((_blurred(pixels, sigma) - pixels).min(-1), 0, 255)
    lines = darker[darker > intensity]
    typical = max(16.0, float(np.median(lines))) if lines.size else 16.0
    return _grey(np.clip(darker / typical * 127, 0, 255))


def tile_resample(pixels: Pixels, factor: float, _b: float) -> Pixels:
    """The picture's colours without its detail: so many times smaller, and back."""
    if factor <= 1:
        return pixels
    picture = Image.fromarray(pixels)
    small = picture.resize((max(1, round(picture.width / factor)), max(1, round(picture.height / factor))), Image.Resampling.BOX)
    return np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC))


def blur_gaussian(pixels: Pixels, sigma: float, _b: float) -> Pixels:
    """The picture out of focus."""
    return np.clip(_blurred(pixels, sigma) + 0.5, 0, 255).astype(np.uint8)


def threshold(pixels: Pixels, level: float, _b: float) -> Pixels:
    """White where the picture is brighter than a level, else black."""
    return _grey(np.where(np.asarray(Image.fromarray(pixels).convert("L")) > level, 255, 0))


def _blurred(pixels: Pixels, sigma: float) -> NDArray[np.float32]:
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0), mode="mirror"), np.float32)


def _grey(values: NDArray[Any]) -> Pixels:
    return np.repeat(values.astype(np.uint8)[..., None], 3, -1)


# --- Their names ---

Preprocess = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class Threshold:
    """One number that a preprocessor heeds."""

    label: str
    default: float
    minimum: float
    maximum: float
    step: float = 1.0


@dataclass(frozen=True)
class Preprocessor:
    """name: sd-webui-controlnet's. run(pixels, threshold_a, threshold_b). thresholds: those that it heeds. aliases: further names."""

    name: str
    label: str
    help: str
    run: Callable[[Pixels, float, float], Pixels]
    thresholds: tuple[Threshold, ...] = ()
    aliases: tuple[str, ...] = ()

    def with_thresholds(self, a: float, b: float) -> Preprocess:
        """It with its two numbers."""
        return functools.partial(self._run, a=a, b=b)

    def _run(self, pixels: Pixels, a: float, b: float) -> Pixels:
        return self.run(pixels, a, b)


NONE = "none"

PREPROCESSORS: tuple[Preprocessor, ...] = (
    Preprocessor(
        NONE,
        "None",
        "The picture as it is: a finished map.",
        _same,
    ),
    Preprocessor(
        "canny",
        "Canny",
        "Thin edges, for ControlNets called canny.",
        canny,
        (Threshold("Low threshold", 100, 1, 255), Threshold("High threshold", 200, 1, 255)),
    ),
    Preprocessor(
        "scribble_xdog",
        "Scribble",
        "Bold strokes, for ControlNets called scribble.",
        scribble_xdog,
        (Threshold("XDoG threshold", 32, 1, 64),),
        ("scribble",),
    ),
    Preprocessor(
        "lineart_standard",
        "Line art",
        "The lines of a drawing, dark on light, for ControlNets called lineart.",
        lineart_standard,
        (Threshold("Width of lines", 6, 0.1, 32, 0.1), Threshold("Faintest line", 8, 1, 64)),
        ("lineart_standard (from white bg & black line)", "lineart"),
    ),
    Preprocessor(
        "tile_resample",
        "Tile",
        "Colours without detail, for ControlNets called tile.",
        tile_resample,
        (Threshold("Times smaller", 1, 1, 8, 0.01),),
        ("tile",),
    ),
    Preprocessor(
        "blur_gaussian",
        "Blur",
        "Out of focus, for ControlNets called blur or tile.",
        blur_gaussian,
        (Threshold("Radius", 9, 0.1, 64, 0.1),),
        ("blur",),
    ),
    Preprocessor(
        "invert",
        "Invert",
        "Light for dark: a drawing with dark lines for a ControlNet that wants light ones.",
        _invert,
        aliases=("invert (from white bg & black line)",),
    ),
    Preprocessor(
        "threshold", "Threshold", "Black and white by brightness.", threshold, (Threshold("Brightness", 127, 0, 255),), ("binary",)
    ),
)

_BY_NAME: Mapping[str, Preprocessor] = MappingProxyType(
    {name.casefold(): one for one in PREPROCESSORS for name in (one.name, one.label, *one.aliases)}
)


def find_preprocessor(name: str) -> Preprocessor:
    """By name, label or alias, case aside. Raises ValueError that lists the names."""
    found = _BY_NAME.get(name.strip().casefold())
    if found is None:
        raise ValueError(f"Use one of {', '.join(one.name for one in PREPROCESSORS)}")
    return found

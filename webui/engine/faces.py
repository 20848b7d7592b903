"""Where the faces of a picture are: found by the cascades that come with OpenCV (Viola and Jones 2001), or painted by somebody."""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.boxes import Box, Size
from webui.pictures.face_crops import Face

MOST_FACES = 64
"""Of one picture: the largest ones."""

_LOOKED_AT = 1600
"""Pixels of the longer side at which faces are looked for; a larger picture is made smaller."""

_LEAST_SIDE, _LEAST_SHARE = 24, 1 / 40
"""Of a face: pixels as it is looked at, and its share of the longer side."""

_GROWTH, _AGREEING, _SURE = 1.1, 6, 10
"""By how much the cascade's window grows from look to look, how many looks have to agree, and how many do where no eye is seen."""

_TILTS = (0.0, 30.0, -30.0)
"""Degrees by which the picture is turned until there are faces: the cascade knows upright ones."""

_UPPER = 0.62
"""Part of a face's height in which eyes are looked for."""

_ASTRAY = 0.13
"""How far from where they belong eyes may be, as a share of the face's width."""

_FACE, _EYES = "haarcascade_frontalface_alt2.xml", ("haarcascade_eye_tree_eyeglasses.xml", "haarcascade_eye.xml")
_HALVES = ((0.0, 0.56), (0.44, 1.0))

Grey = NDArray[np.uint8]


def find_faces(picture: Image.Image) -> list[Face]:
    """The faces of a picture (RGB), the largest first, at most MOST_FACES; those that look to the front."""
    smaller = min(1.0, _LOOKED_AT / max(picture.size))
    size = max(round(picture.width * smaller), 1), max(round(picture.height * smaller), 1)
    grey = _grey(picture, size)
    for degrees in _TILTS:
        faces = _upright_faces(_turned(grey, degrees))
        if faces:
            back = [_turned_back(face, degrees, size).scaled(1 / smaller) for face in faces]
            return sorted(back, key=lambda face: -face.width)[:MOST_FACES]
    return []


def painted_faces(picture: Image.Image, mask: Image.Image) -> list[Face]:
    """The face under each spot of a mask (mode L, of the picture's size), the largest first, at most MOST_FACES."""
    spots = _spots(mask)
    return [_looked_at_closely(picture, Face.on_spot(spot)) for spot in spots]


def _spots(mask: Image.Image) -> list[Box]:
    import cv2

    _, _, stats, _ = cv2.connectedComponentsWithStats((np.asarray(mask) > 127).astype(np.uint8))
    largest = sorted(stats[1:].tolist(), key=lambda spot: -spot[4])[:MOST_FACES]
    return [Box(x, y, x + width, y + height) for x, y, width, height, _ in largest]


def _looked_at_closely(picture: Image.Image, face: Face) -> Face:
    """The face with its eyes where they are seen, if they are."""
    side = face.width / 0.38
    x, y = face.left_eye.real - 0.31 * side, face.left_eye.imag - 0.385 * side
    seen = min(1.0, _LOOKED_AT / max(side, 1))
    looked_at = max(round(side * seen), 1)
    grey = _grey(picture.crop((round(x), round(y), round(x + side), round(y + side))), (looked_at, looked_at))
    found = _with_eyes(grey, 0, 0, looked_at)[0].scaled(1 / seen)
    start = complex(round(x), round(y))
    return Face(found.left_eye + start, found.right_eye + start)


def _grey(picture: Image.Image, size: Size) -> Grey:
    picture = picture if picture.size == size else picture.resize(size, Image.Resampling.BOX, reducing_gap=2)
    return np.asarray(picture.convert("L"))


def _upright_faces(grey: Grey) -> list[Face]:
    least = max(_LEAST_SIDE, round(max(grey.shape) * _LEAST_SHARE))
    boxes, agreeing = _cascade(_FACE).detectMultiScale2(grey, _GROWTH, _AGREEING, minSize=(least, least))
    looks = [_with_eyes(grey, *(int(number) for number in box[:3])) for box in boxes]
    return [face for (face, eyes), looking in zip(looks, agreeing, strict=True) if eyes or looking >= _SURE]


def _with_eyes(grey: Grey, x: int, y: int, side: int) -> tuple[Face, int]:
    """The face in a square box, with its eyes where they are seen if both are; and how many are."""
    usual = Face.in_box(x, y, side)
    upper = grey[y : y + round(side * _UPPER), x : x + side]
    start = complex(x, y)
    left, right = (_eye(upper, half, eye - start, side) for half, eye in zip(_HALVES, (usual.left_eye, usual.right_eye), strict=True))
    face = usual if left is None or right is None else Face(left + start, right + start)
    return face, (left is not None) + (right is not None)


def _eye(upper: Grey, half: Sequence[float], usual: complex, width: int) -> complex | None:
    """The middle of the eye that is nearest to where it belongs, in pixels of the face's upper part; None where none is near."""
    left, right = (round(share * width) for share in half)
    least = max(width // 8, 5)
    for name in _EYES:
        found = _cascade(name).detectMultiScale(upper[:, left:right], 1.05, 3, minSize=(least, least))
        middles = [complex(left + x + wide / 2, y + high / 2) for x, y, wide, high in (map(float, eye) for eye in found)]
        near = [middle for middle in middles if abs(middle - usual) <= _ASTRAY * width]
        if near:
            return min(near, key=lambda middle: abs(middle - usual))
    return None


def _turned(grey: Grey, degrees: float) -> Grey:
    """The picture turned around its middle, within its own edges."""
    return np.asarray(Image.fromarray(grey).rotate(degrees, Image.Resampling.BILINEAR)) if degrees else grey


def _turned_back(face: Face, degrees: float, size: Size) -> Face:
    # Pillow turns counter-clockwise while y goes down, so that points go the other way round.
    middle, back = complex(size[0] / 2, size[1] / 2), cmath.exp(1j * math.radians(degrees))
    return Face(middle + (face.left_eye - middle) * back, middle + (face.right_eye - middle) * back)


@functools.cache
def _cascade(name: str) -> Any:
    import cv2
    import cv2.data

    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}{name}")

"""What a picture looks like in 64 bits: pictures that look alike differ in few of them, whatever their size and format."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.transparency import laid_on

_SIDE = 8


def look_of(picture: Image.Image) -> int:
    """The difference hash (dHash): of a small grey copy, whether each pixel is brighter than the one left of it. A signed 64-bit number.

    ImageHash has it too, but brings PyWavelets and SciPy for its other hashes, and this is all of it.
    """
    small = laid_on(picture, "#ffffff").convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(small, dtype=np.int16)
    return int.from_bytes(np.packbits(pixels[:, 1:] > pixels[:, :-1]).tobytes(), "big", signed=True)


def unlikeness(looks: NDArray[np.int64], look: int) -> NDArray[np.uint8]:
    """In how many of their 64 bits these looks differ from that one."""
    return np.bitwise_count((looks ^ np.int64(look)).view(np.uint64))

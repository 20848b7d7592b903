"""A picture file from outside, checked before anything is made of it, and as upright RGB pixels."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from webui.errors import InvalidRequest, TooLarge

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "PNG": "image/png",
        "JPEG": "image/jpeg",
        "WEBP": "image/webp",
        "AVIF": "image/avif",
        "GIF": "image/gif",
        "BMP": "image/bmp",
    }
)
"""Pillow's format -> media type, of all that is taken."""

ACCEPTED = "PNG, JPEG, WebP, AVIF, GIF or BMP"
MOST_MEGAPIXELS = 64

_PHONES_JPEG = "MPO"
"""What Pillow calls a JPEG with further pictures (depth, gain) behind it."""
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError, RuntimeError, Image.DecompressionBombError)
_WHITE = (255, 255, 255, 255)
_SIXTEEN_BITS = 257
_LYING = (5, 6, 7, 8)
"""EXIF orientations in which width and height change places."""


@dataclass(frozen=True)
class PictureFacts:
    """What a picture file is. width, height: in pixels, as it is looked at."""

    width: int
    height: int
    media_type: str


def check_picture(data: bytes, most_megapixels: int | None = MOST_MEGAPIXELS) -> PictureFacts:
    """Decode all of a picture file once. Raises TooLarge, or InvalidRequest for what is no whole single picture."""
    upright, media_type = _decoded(data, most_megapixels)
    return PictureFacts(upright.width, upright.height, media_type)


def read_rgb(data: bytes, most_megapixels: int = MOST_MEGAPIXELS) -> Image.Image:
    """Upright RGB pixels of a picture file; what is transparent lies on white, as in AUTOMATIC1111. Raises as `check_picture` does."""
    return as_rgb(_decoded(data, most_megapixels)[0])


def read_stored(path: Path, sha256: str) -> Image.Image:
    """Upright RGB pixels of a file of the image store. Raises InvalidRequest when it is not what its hash says."""
    return as_rgb(read_upright(path, sha256))


def read_upright(path: Path, sha256: str) -> Image.Image:
    """A picture of the image store, upright, in the mode that it has. Raises InvalidRequest when it is not what its hash says."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"The picture {sha256[:10]} can't be read: {error.strerror or error}.", hint="Choose it again.") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidRequest(f"The picture {sha256[:10]} was changed on disk.", hint="Choose it again.")
    # It was within the limit of the day when it was taken.
    return _decoded(data, None)[0]


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a file that was checked before, as it is looked at; its pixels aren't decoded."""
    with _opened(path) as picture:
        return _upright_size(picture)


def told_size(file: BinaryIO) -> tuple[int, int]:
    """The same of any file, as its head tells it. Raises InvalidRequest for what is no picture."""
    try:
        with _opened(file) as picture:
            return _upright_size(picture)
    except _UNREADABLE:
        raise _no_picture() from None


def _upright_size(picture: Image.Image) -> tuple[int, int]:
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
    return (picture.height, picture.width) if turned else picture.size


def media_type_of(path: Path) -> str:
    """Media type of a file that was checked before."""
    with _opened(path) as picture:
        return _media_type(picture)


def as_rgb(picture: Image.Image) -> Image.Image:
    """RGB of a picture in any of Pillow's modes."""
    if picture.mode.startswith("I"):
        # Grey of 16 bits, which Pillow would cut off at 255.
        grey = np.clip(np.asarray(picture, np.int64), 0, 65535)
        return Image.fromarray(((grey + _SIXTEEN_BITS // 2) // _SIXTEEN_BITS).astype(np.uint8), "L").convert("RGB")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, _WHITE), clear).convert("RGB")
    return picture.convert("RGB")


def with_alpha(picture: Image.Image) -> Image.Image:
    """RGBA of a picture that is transparent somewhere, else RGB."""
    return picture.convert("RGBA") if picture.has_transparency_data else as_rgb(picture)


def as_png(picture: Image.Image) -> bytes:
    """A PNG for somebody who looks at it now: made quickly rather than small."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _opened(file: BinaryIO | Path) -> Image.Image:
    # Asked for formats by name, Pillow doesn't load their readers by itself.
    Image.init()
    return Image.open(file, formats=tuple(MEDIA_TYPES))


def _media_type(picture: Image.Image) -> str:
    return MEDIA_TYPES["JPEG" if picture.format == _PHONES_JPEG else str(picture.format)]


def _decoded(data: bytes, most_megapixels: int | None) -> tuple[Image.Image, str]:
    try:
        with _opened(io.BytesIO(data)) as picture:
            if most_megapixels is not None and picture.width * picture.height > most_megapixels * 1_000_000:
                raise _too_large(picture.size, most_megapixels)
            if picture.format != _PHONES_JPEG and getattr(picture, "is_animated", False):
                raise InvalidRequest("The picture is animated.", hint="Save the frame that you mean as a picture of its own.")
            picture.load()
            return ImageOps.exif_transpose(picture), _media_type(picture)
    except Image.DecompressionBombError:
        raise TooLarge("The picture has too many pixels.", allowed=_allowed(most_megapixels), hint="Make it smaller first.") from None
    except _UNREADABLE:
        raise _no_picture() from None


def _no_picture() -> InvalidRequest:
    return InvalidRequest("This is not a whole picture.", allowed=ACCEPTED, hint="Choose the picture as a program saved it.")


def _too_large(size: tuple[int, int], most_megapixels: int) -> TooLarge:
    return TooLarge(
        f"The picture has too many pixels ({size[0]} x {size[1]}).", allowed=_allowed(most_megapixels), hint="Make it smaller first."
    )


def _allowed(most_megapixels: int | None) -> str:
    return f"at most {most_megapixels or MOST_MEGAPIXELS} megapixels"

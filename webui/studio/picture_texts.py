"""The texts in any picture file, by their keys: PNG chunks, EXIF, comments, and what is hidden in the lowest bits of pixels."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from webui.errors import InvalidRequest, TooLarge
from webui.generation.infotext import MAX_INFOTEXT_CHARACTERS, PNG_TEXT_KEY
from webui.generation.metadata.tools import COMMENT, IMAGE_HISTORY, MAKE, MAKER_NOTE, MODEL, USER_COMMENT

MAX_PICTURE_BYTES = 64 * 1024 * 1024
MAX_PICTURE_PIXELS = 67_108_864

_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    SyntaxError,
    RuntimeError,
    Image.DecompressionBombError,
    MemoryError,
)
"""What Pillow raises over damaged files."""
_EXIF_KEYS = {ExifTags.Base.UserComment: USER_COMMENT, ExifTags.Base.MakerNote: MAKER_NOTE, ExifTags.Base.ImageHistory: IMAGE_HISTORY}
_ROOT_KEYS = {ExifTags.Base.Make: MAKE, ExifTags.Base.Model: MODEL, ExifTags.Base.Software: "Software"}
_CODES = {b"UNICODE\0": "utf-16", b"ASCII\0\0\0": "utf-8", b"\0" * 8: "utf-8"}


def read_picture_texts(data: bytes) -> dict[str, str]:
    """All texts of a picture of at most MAX_PICTURE_BYTES. Pixels are looked at only where no text stands in the open.

    Raises TooLarge, or InvalidRequest for what is no whole picture of a known format.
    """
    if len(data) > MAX_PICTURE_BYTES:
        raise TooLarge(
            "The picture's file is too large.", allowed=f"at most {MAX_PICTURE_BYTES // 1024**2} MB", hint="Choose a smaller one."
        )
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PICTURE_PIXELS:
                raise TooLarge("The picture is too large.", allowed=f"at most {MAX_PICTURE_PIXELS:,} pixels", hint="Choose a smaller one.")
            texts = _open_texts(picture)
            return texts if texts else _hidden_texts(picture)
    except UNREADABLE:
        raise InvalidRequest(
            "This is not a whole picture.",
            allowed="PNG, JPEG, WebP, AVIF or GIF",
            hint="Choose the picture as the program saved it.",
        ) from None


def _open_texts(picture: Image.Image) -> dict[str, str]:
    if picture.format == "PNG":
        picture.load()  # texts may stand behind the pixels
    texts = {key: value for key, value in picture.info.items() if isinstance(key, str) and isinstance(value, str)}
    comment = picture.info.get("comment")
    if isinstance(comment, bytes):
        texts[COMMENT] = comment[:MAX_INFOTEXT_CHARACTERS].decode("utf-8", "replace")
    exif = picture.getexif()
    texts |= _named(exif, _ROOT_KEYS) | _named(exif.get_ifd(ExifTags.IFD.Exif), _EXIF_KEYS)
    return {key: text for key, text in texts.items() if 0 < len(text) <= MAX_INFOTEXT_CHARACTERS}


def _named(tags: Any, names: dict[ExifTags.Base, str]) -> dict[str, str]:
    found = {name: _decoded(tags[tag]) for tag, name in names.items() if tag in tags}
    return {name: text for name, text in found.items() if text}


def _decoded(value: Any) -> str:
    """Text of an EXIF value; UserComment says how it is encoded in its first eight bytes."""
    if isinstance(value, str):
        # Pillow gives some tags as text of one character for each byte.
        value = value.encode("utf-8", "surrogateescape")
    if not isinstance(value, bytes):
        return ""
    encoding = _CODES.get(value[:8])
    if encoding is None:
        return value.rstrip(b"\0").decode("utf-8", "replace")
    return _utf16(value[8:]) if encoding == "utf-16" else value[8:].rstrip(b"\0").decode(encoding, "replace")


def _utf16(data: bytes) -> str:
    """UTF-16 of either order: most letters of such texts have a zero byte, and where it stands tells the order."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    little = sum(byte == 0 for byte in data[1::2]) > sum(byte == 0 for byte in data[0::2])
    return data.decode("utf-16-le" if little else "utf-16-be", "replace")


# --- Stealth PNG info: the text's bits in the lowest bit of alpha, or of red, green and blue, column by column ---

_SIGNATURES = {
    "stealth_pnginfo": ("A", False),
    "stealth_pngcomp": ("A", True),
    "stealth_rgbinfo": ("RGB", False),
    "stealth_rgbcomp": ("RGB", True),
}
_SIGNATURE_BYTES = 15


def _hidden_texts(picture: Image.Image) -> dict[str, str]:
    if picture.format not in ("PNG", "WEBP", "AVIF") or picture.mode not in ("RGBA", "RGB"):
        return {}
    for bands in ("A", "RGB"):
        if set(bands) <= set(picture.getbands()):
            text = _hidden_text(picture, bands)
            if text:
                return _as_texts(text)
    return {}


def _hidden_text(picture: Image.Image, bands: str) -> str | None:
    reader = _Bits(picture, bands)
    signature = reader.read(_SIGNATURE_BYTES).decode("latin-1")
    if _SIGNATURES.get(signature, ("", False))[0] != bands:
        return None
    length = int.from_bytes(reader.read(4), "big") // 8
    if not 0 < length <= MAX_INFOTEXT_CHARACTERS * 4:
        return None
    data = reader.read(length)
    return (_gunzipped(data) if _SIGNATURES[signature][1] else data).decode("utf-8", "replace")


def _gunzipped(data: bytes) -> bytes:
    """At most so much as a text may have; a bomb ends there."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(MAX_INFOTEXT_CHARACTERS * 4)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return b""


class _Bits:
    """Bytes out of the lowest bits, column by column, as many columns as are asked for."""

    def __init__(self, picture: Image.Image, bands: str) -> None:
        chosen = [picture.getbands().index(band) for band in bands]
        pixels = np.asarray(picture)[..., chosen] & 1
        self._columns: Iterator[np.ndarray[Any, Any]] = (pixels[:, x].reshape(-1) for x in range(pixels.shape[1]))
        self._left = np.zeros(0, np.uint8)

    def read(self, count: int) -> bytes:
        """The next bytes, or fewer where the picture ends."""
        parts, have = [self._left], len(self._left)
        while have < count * 8:
            column = next(self._columns, None)
            if column is None:
                break
            parts.append(column)
            have += len(column)
        bits = np.concatenate(parts)
        self._left = bits[count * 8 :]
        taken = bits[: count * 8]
        return np.packbits(taken[: len(taken) // 8 * 8]).tobytes()


def _as_texts(text: str) -> dict[str, str]:
    """NovelAI hides all its chunks as JSON; others hide infotext."""
    try:
        chunks = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        chunks = None
    if not isinstance(chunks, dict):
        return {PNG_TEXT_KEY: text}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in chunks.items()}

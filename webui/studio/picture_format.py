"""Formats that pictures are saved in, and how each carries its parameters."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from PIL import Image, PngImagePlugin, features

from webui.generation.infotext import PNG_TEXT_KEY
from webui.pictures.decoding import as_rgb

OWN_TEXT_KEY = "easel"

_UNLIMITED = 1 << 31
_LOSSLESS = 100
_FULL_COLOUR_FROM = 90


@dataclass(frozen=True)
class PictureFormat:
    """One file format. longest_side in pixels, text_bytes: room for parameters; pillow: its name there; alpha: whether it keeps that."""

    name: str
    pillow: str
    suffix: str
    media_type: str
    longest_side: int = _UNLIMITED
    text_bytes: int = _UNLIMITED
    feature: str | None = None
    exif: bool = True
    alpha: bool = True

    @property
    def available(self) -> bool:
        """Whether Pillow can write it on this machine."""
        return self.feature is None or bool(features.check(self.feature))


PNG = PictureFormat("png", "PNG", ".png", "image/png", exif=False)

FORMATS: dict[str, PictureFormat] = {
    entry.name: entry
    for entry in (
        PNG,
        # A segment of a JPEG is told by 16 bits: 65,535 bytes less its length field and "Exif\0\0".
        PictureFormat("jpeg", "JPEG", ".jpg", "image/jpeg", longest_side=65_500, text_bytes=65_527, feature="jpg", alpha=False),
        PictureFormat("webp", "WEBP", ".webp", "image/webp", longest_side=16_383, feature="webp"),
        # libavif refuses to read more than 32,768 px by default.
        PictureFormat("avif", "AVIF", ".avif", "image/avif", longest_side=32_768, feature="avif"),
    )
}
"""By the name that the setting `picture_format` has."""

_BY_SUFFIX = {entry.suffix: entry for entry in FORMATS.values()}


def by_suffix(suffix: str) -> PictureFormat:
    """The format of a file with that suffix (".webp"); PNG for any other."""
    return _BY_SUFFIX.get(suffix.lower(), PNG)


def media_type(name: str | PurePath) -> str:
    """The media type of a picture by its file's name: "image/webp"."""
    return by_suffix(PurePath(name).suffix).media_type


def save(picture: Image.Image, form: PictureFormat, infotext: str, own: str, quality: int) -> bytes:
    """Encode with two texts inside: A1111's infotext, and Easel's own record.

    quality: 1 to 100, of all but PNG; WebP with 100 is lossless. What is transparent lies on white where the format has no alpha.
    Raises ValueError when the texts have no room in it.
    """
    picture = picture if form.alpha else as_rgb(picture)
    buffer = io.BytesIO()
    if form.exif:
        exif = _write_exif(infotext, own)
        picture.save(buffer, form.pillow, exif=exif, **_quality(form, quality))
    else:
        picture.save(buffer, form.pillow, pnginfo=_text_chunks(infotext, own))
    return buffer.getvalue()


def read_own(picture: Image.Image) -> str:
    """Easel's own record in an opened picture of any of the formats. Raises KeyError or ValueError where there is none."""
    if picture.format == PNG.pillow:
        return picture.info[OWN_TEXT_KEY]
    return picture.getexif().get_ifd(_EXIF_FOLDER)[_MAKER_NOTE].decode()


def text_size(infotext: str, own: str) -> int:
    """Bytes that the two texts take as EXIF."""
    return len(_write_exif(infotext, own)) - len(_EXIF_MARK)


def _quality(form: PictureFormat, quality: int) -> dict[str, Any]:
    if form.name == "webp" and quality >= _LOSSLESS:
        return {"lossless": True, "quality": 75}
    # No "optimize" for JPEG: Pillow sizes its buffer too small for noisy pictures then, and fails.
    # Half the resolution of colours saves little at high quality, and blurs the edges of strong colours.
    return {"quality": quality} | ({"subsampling": "4:4:4"} if form.name != "webp" and quality >= _FULL_COLOUR_FROM else {})


def _text_chunks(infotext: str, own: str) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(PNG_TEXT_KEY, infotext)
    chunks.add_itxt(OWN_TEXT_KEY, own)
    return chunks


# --- EXIF ------------------------------------------------------------------------------------------------------------
# Written here: Pillow gives both tags the type BYTE, and readers (piexif, so AUTOMATIC1111) then don't find the text.

_EXIF_MARK = b"Exif\0\0"
_EXIF_FOLDER = 0x8769
_MAKER_NOTE = 0x927C
_USER_COMMENT = 0x9286
_LONG, _UNDEFINED = 4, 7
_ENTRY = struct.Struct(">HHII")
_HEADER_BYTES = 8


def _write_exif(infotext: str, own: str) -> bytes:
    """EXIF with UserComment (the infotext) and MakerNote (our record). Source: EXIF 2.32, 4.6; TIFF 6.0, section 2."""
    contents = {_MAKER_NOTE: own.encode(), _USER_COMMENT: b"UNICODE\0" + infotext.encode("utf-16-be")}
    first = struct.pack(">H", 1) + _ENTRY.pack(_EXIF_FOLDER, _LONG, 1, _HEADER_BYTES + 2 + _ENTRY.size + 4) + bytes(4)
    start = _HEADER_BYTES + len(first) + 2 + _ENTRY.size * len(contents) + 4
    entries, data = [], b""
    for tag, content in contents.items():
        entries.append(_ENTRY.pack(tag, _UNDEFINED, len(content), start + len(data)))
        data += content + bytes(len(content) % 2)
    folder = struct.pack(">H", len(contents)) + b"".join(entries) + bytes(4)
    return _EXIF_MARK + b"MM\0*" + struct.pack(">I", _HEADER_BYTES) + first + folder + data

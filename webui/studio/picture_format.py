"""Formats that pictures are saved in, and how each carries its parameters."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from PIL import Image, PngImagePlugin, features

from webui.generation.infotext import PNG_TEXT_KEY
from webui.pictures.decoding import as_rgb
from webui.pictures.exif import ASCII, IMAGE_HISTORY, MAKER_NOTE, MARK, UNDEFINED, USER_COMMENT, Exif, Tag, read_exif, write_exif
from webui.studio.carried import NOTHING, XMP_TEXT_KEY, Carried

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


def save(picture: Image.Image, form: PictureFormat, infotext: str, own: str, quality: int, carried: Carried = NOTHING) -> bytes:
    """Encode with two texts inside, A1111's infotext and Easel's own record, and with what is carried over from a source.

    quality: 1 to 100, of all but PNG; WebP with 100 is lossless. What is transparent lies on white where the format has no alpha.
    Raises ValueError when the texts have no room in it.
    """
    picture = picture if form.alpha else as_rgb(picture)
    buffer = io.BytesIO()
    exif = carried.exif.for_pixels(*picture.size)
    options: dict[str, Any] = {"icc_profile": carried.profile} if carried.profile else {}
    if form.exif:
        options |= {"exif": _write_exif(infotext, own, exif), **_quality(form, quality)}
        options |= {"xmp": carried.xmp} if carried.xmp else {}
    else:
        options |= {"pnginfo": _text_chunks(infotext, own, carried)} | ({"exif": write_exif(exif)} if exif else {})
    picture.save(buffer, form.pillow, **options)
    return buffer.getvalue()


def read_own(picture: Image.Image) -> str:
    """Easel's own record in an opened picture of any of the formats. Raises LookupError or ValueError where there is none."""
    if picture.format == PNG.pillow:
        return picture.info[OWN_TEXT_KEY]
    tags = read_exif(picture.info["exif"]).exif
    # What a camera noted there is no JSON.
    found = [tag.data for number in (IMAGE_HISTORY, MAKER_NOTE) if (tag := tags.get(number)) and tag.data.startswith(b"{")]
    return found[0].rstrip(b"\0").decode()


def text_size(infotext: str, own: str, carried: Carried = NOTHING) -> int:
    """Bytes that the two texts take as EXIF, beside what is carried over."""
    return len(_write_exif(infotext, own, carried.exif)) - len(MARK)


def _quality(form: PictureFormat, quality: int) -> dict[str, Any]:
    if form.name == "webp" and quality >= _LOSSLESS:
        return {"lossless": True, "quality": 75}
    # No "optimize" for JPEG: Pillow sizes its buffer too small for noisy pictures then, and fails.
    # Half the resolution of colours saves little at high quality, and blurs the edges of strong colours.
    return {"quality": quality} | ({"subsampling": "4:4:4"} if form.name != "webp" and quality >= _FULL_COLOUR_FROM else {})


def _text_chunks(infotext: str, own: str, carried: Carried) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(PNG_TEXT_KEY, infotext)
    chunks.add_itxt(OWN_TEXT_KEY, own)
    for key, text in carried.texts.items():
        chunks.add_text(key, text)
    if carried.xmp:
        chunks.add_itxt(XMP_TEXT_KEY, carried.xmp.decode("utf-8", "replace"))
    return chunks


def _write_exif(infotext: str, own: str, carried: Exif) -> bytes:
    """EXIF with UserComment (the infotext) and MakerNote (our record), or ImageHistory where a camera has its own note, beside the rest."""
    comment = Tag(UNDEFINED, b"UNICODE\0" + infotext.encode("utf-16-be"))
    history = {IMAGE_HISTORY: Tag(ASCII, own.encode() + b"\0")}
    record = history if MAKER_NOTE in carried.exif else {MAKER_NOTE: Tag(UNDEFINED, own.encode())}
    return write_exif(carried.with_tags({USER_COMMENT: comment, **record}))

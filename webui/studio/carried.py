"""What a picture's file says beside its pixels, so that a picture made of it says that, too: texts, EXIF, XMP, and what its colours mean.

The words of how it was made are no part of this: they go on in the infotext (see `webui.generation.infotext`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from webui.generation.infotext import PNG_TEXT_KEY
from webui.generation.metadata.tools import OWN_TEXT_KEY
from webui.pictures.exif import IMAGE_HISTORY, MAKER_NOTE, USER_COMMENT, Exif, read_exif
from webui.studio.picture_texts import MAX_PICTURE_BYTES

XMP_TEXT_KEY = "XML:com.adobe.xmp"
"""PNG's key of XMP, which other formats have a place of their own for."""

OF_SOURCE = "source"
"""Key of our own record under which that of the source stands, and its texts that a format has no other place for."""

_RGB_PROFILE = b"RGB "
_MOST_TEXTS, _MOST_TEXT_CHARACTERS = 50, 1_000_000


@dataclass(frozen=True)
class Carried:
    """texts: by PNG's keys. record: Easel's own about the source. profile: of its colours (ICC), where those are RGB."""

    texts: Mapping[str, str] = field(default_factory=dict)
    exif: Exif = field(default_factory=Exif)
    xmp: bytes = b""
    profile: bytes = b""
    record: Mapping[str, Any] | None = None

    def in_record(self, *, texts: bool) -> dict[str, Any]:
        """What our own record says of the source: its own record, and its texts where the format has no other place for them."""
        kept = {"texts": dict(self.texts)} if texts and self.texts else {}
        kept |= {"record": dict(self.record)} if self.record else {}
        return {OF_SOURCE: kept} if kept else {}


NOTHING = Carried()


def read_carried(data: bytes) -> Carried:
    """What a picture's file carries; nothing of what can't be read, or is out of all proportion. Raises no errors of Pillow's:
    the file was decoded before."""
    if len(data) > MAX_PICTURE_BYTES:
        return NOTHING
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()  # texts may stand behind the pixels
        info, is_png = dict(picture.info), picture.format == "PNG"
    texts = {key: value for key, value in info.items() if is_png and isinstance(key, str) and isinstance(value, str)}
    exif = read_exif(info["exif"]) if isinstance(info.get("exif"), bytes) else Exif()
    comment = info.get("comment")
    if isinstance(comment, bytes) and comment:
        texts["Comment"] = comment.decode("utf-8", "replace").rstrip("\0")
    own, exif = _own_record(texts.pop(OWN_TEXT_KEY, ""), exif)
    texts = {**_texts_of(own), **{key: text for key, text in texts.items() if key not in (PNG_TEXT_KEY, XMP_TEXT_KEY)}}
    profile, xmp = info.get("icc_profile"), info.get("xmp")
    return Carried(
        texts={key: text for key, text in list(texts.items())[:_MOST_TEXTS] if 0 < len(key) < 80 and len(text) <= _MOST_TEXT_CHARACTERS},
        exif=exif.without(USER_COMMENT),
        xmp=xmp if isinstance(xmp, bytes) else xmp.encode() if isinstance(xmp, str) else b"",
        profile=profile if isinstance(profile, bytes) and profile[16:20] == _RGB_PROFILE else b"",
        record=own,
    )


def _own_record(text: str, exif: Exif) -> tuple[dict[str, Any] | None, Exif]:
    """Easel's own record of a file, and the rest of its EXIF: in the formats with EXIF it stands where a camera has its note."""
    if text:
        return parse_record(text), exif
    for number in (MAKER_NOTE, IMAGE_HISTORY):
        tag = exif.exif.get(number)
        own = parse_record(tag.data.rstrip(b"\0").decode("utf-8", "replace")) if tag is not None else None
        if own is not None:
            return own, exif.without(number)
    return None, exif


def parse_record(text: str) -> dict[str, Any] | None:
    """Easel's own record; None for anything else, such as what a camera notes."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "request" in found else None


def _texts_of(own: Mapping[str, Any] | None) -> dict[str, str]:
    kept = own.get(OF_SOURCE) if own else None
    texts = kept.get("texts") if isinstance(kept, dict) else None
    return {str(key): str(text) for key, text in texts.items()} if isinstance(texts, dict) else {}

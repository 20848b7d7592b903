"""Pictures within JSON: base64, bare or with `data:image/...;base64,` before it; addresses only where a setting says so."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from webui.api.sdapi.problems import AsTold
from webui.errors import InvalidRequest
from webui.pictures.decoding import as_png, check_picture, read_upright
from webui.pictures.masking import as_mask
from webui.remote_picture import fetch_picture, is_address
from webui.studio.studio import Studio

INVALID = "Invalid encoded image"
_KNOWN_EVERYWHERE = frozenset({"image/png", "image/jpeg", "image/webp"})
_MOST = 255


def decoded(studio: Studio, text: Any, field: str) -> bytes:
    """The bytes of a picture that a client has sent, or named by its address. Raises AsTold for what is none, and as `fetch_picture`."""
    if not isinstance(text, str) or not text.strip():
        raise _invalid(field, "There is no picture in this field.")
    text = text.strip()
    if is_address(text):
        return fetch_picture(text, studio.preferences.current, field=field)
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.startswith("data:image/") or not head.endswith(";base64"):
            raise _invalid(field, "This is no picture: its address must begin with data:image/...;base64,")
    plain = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(field, "This is no base64.") from None


def _invalid(field: str, words: str) -> AsTold:
    return AsTold(INVALID, words, status=422, field=field, hint="Send a PNG, JPEG, WebP, AVIF, GIF or BMP as base64.")


def kept(studio: Studio, data: bytes, field: str) -> str:
    """Put a picture into the image store, whose requests refer to it by its SHA-256. Raises AsTold, TooLarge, DataUnusable."""
    try:
        return studio.images.put(data).sha256
    except InvalidRequest as error:
        raise _invalid(field, str(error)) from None


def checked(studio: Studio, data: bytes, field: str) -> None:
    """Raises AsTold or TooLarge for what is no picture that can be taken."""
    try:
        check_picture(data, studio.preferences.current.image_megapixels)
    except InvalidRequest as error:
        raise _invalid(field, str(error)) from None


def upright(studio: Studio, sha256: str, field: str) -> Image.Image:
    """A picture of the image store, in the mode that it has."""
    return read_upright(studio.images.require(sha256, field), sha256)


def flattened(studio: Studio, sha256: str, colour: str, field: str) -> str:
    """The picture without anything transparent in it: that lies on a colour then. The same one where nothing is."""
    picture = upright(studio, sha256, field)
    if not picture.has_transparency_data:
        return sha256
    clear = picture.convert("RGBA")
    if clear.getchannel("A").getextrema() == (_MOST, _MOST):
        return sha256
    ground = Image.new("RGBA", clear.size, colour)
    return kept(studio, as_png(Image.alpha_composite(ground, clear).convert("RGB")), field)


def mask_of(studio: Studio, data: bytes, size: tuple[int, int], *, rounded: bool, inverted: bool) -> str | None:
    """A mask of that size in the image store; None where nothing is to be drawn anew by it.

    White is drawn anew. A picture that is transparent somewhere is read by its alpha, rounded to whole; else by its brightness.
    """
    picture = upright(studio, kept(studio, data, "mask"), "mask")
    mask = as_mask(picture)
    if not rounded and picture.has_transparency_data:
        alpha = picture.convert("RGBA").getchannel("A")
        mask = alpha if alpha.getextrema() != (_MOST, _MOST) else mask
    if mask.size != size:
        mask = mask.resize(size, Image.Resampling.LANCZOS)
    darkest, brightest = mask.getextrema()
    nothing = darkest == _MOST if inverted else brightest == 0
    return None if nothing else kept(studio, as_png(mask), "mask")


def encoded(data: bytes) -> str:
    """Bytes as clients get them: bare base64."""
    return base64.b64encode(data).decode()


def file_encoded(studio: Studio, image_id: str) -> str:
    """A picture of history as clients get it: its own file; as PNG where that is of a form that few programs read."""
    path, kind = studio.image_file(image_id)
    data = path.read_bytes()
    if kind in _KNOWN_EVERYWHERE:
        return encoded(data)
    return encoded(_as_png_with_words(data, studio.history_item(image_id)["infotext"]))


def _as_png_with_words(data: bytes, infotext: str) -> bytes:
    from PIL import PngImagePlugin

    words = PngImagePlugin.PngInfo()
    words.add_text("parameters", infotext)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(buffer, "PNG", pnginfo=words)
    return buffer.getvalue()


def drawn_so_far(preview: bytes, size: Sequence[int]) -> str:
    """A picture that was ended half drawn, as its last preview shows it: a PNG of the size that it would have had."""
    with Image.open(io.BytesIO(preview)) as picture:
        return encoded(as_png(picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.BICUBIC)))

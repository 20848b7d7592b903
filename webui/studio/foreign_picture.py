"""A picture that another program made: whole or not, what it says of how it was made, and what of that Easel can draw."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from PIL import Image

from webui.errors import EaselError, InvalidRequest
from webui.generation.adapters import loras_named
from webui.generation.infotext import PNG_TEXT_KEY, Infotext, map_fields, read_infotext
from webui.generation.metadata.tools import Told, read_texts
from webui.generation.request import MAX_SEED, ResolvedTxt2Img, Txt2Img, parse_resolved
from webui.generation.samplers import AUTOMATIC, find_sampler, split_joined_name
from webui.pictures.looks import look_of
from webui.studio.picture_file import mean_colour
from webui.studio.picture_texts import UNREADABLE, read_picture_texts

UNKNOWN_MODEL = "unknown"
"""Stands in a request for a checkpoint that a file doesn't name."""

_GRID = re.compile(r"(xyz?_)?grid-\d+", re.IGNORECASE)
_SIDE = re.compile(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*")
_HASH = re.compile(r"[0-9a-fA-F]{8,64}")
_HEADS = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"GIF8")
_DEFAULT_SAMPLER = str(Txt2Img.model_fields["sampler"].get_default())
_NOT_BY_ITSELF = frozenset({"controls", "regions", "finishing", "styles", "batch_count", "batch_size"})
"""What needs further pictures, or is no matter of one picture."""
_PLAIN = ("prompt", "negative_prompt", "sampler", "schedule_type", "steps", "cfg_scale", "width", "height", "clip_skip")


class NotOurs(EaselError):
    """A whole picture that says nothing of how it was made, or is none by itself."""

    code = "no_parameters"
    status = 422


@dataclass(frozen=True)
class ForeignPicture:
    """What is recorded of a picture. row: the columns of its generation, as its file tells them; request: what Easel could draw of it.

    look: `webui.pictures.looks.look_of`. loras: by name, how much of each. infotext: as it stands there, or told in infotext's words.
    unmapped: what the request has no place for.
    """

    sha256: bytes
    bytes: int
    width: int
    height: int
    mean_colour: str
    tool: str
    infotext: str
    row: Mapping[str, Any]
    request: ResolvedTxt2Img
    unmapped: tuple[Mapping[str, str], ...]
    look: int
    loras: Mapping[str, float]


def read_foreign(data: bytes, name: str, beside: str = "") -> ForeignPicture:
    """Take a file in. beside: infotext that lies next to it, or what Fooocus's log says of it, used where the file itself tells nothing.

    Raises InvalidRequest or TooLarge for what is no whole picture, NotOurs for one that doesn't say how it was made.
    """
    try:
        texts = read_picture_texts(data)
    except InvalidRequest:
        raise InvalidRequest(_what_is_wrong(data), hint="Copy it anew from where it is whole.") from None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            size, colour, look = picture.size, mean_colour(picture), look_of(picture)
    except UNREADABLE:
        raise InvalidRequest(_what_is_wrong(data), hint="Copy it anew from where it is whole.") from None
    if _GRID.match(PurePath(name).name):
        raise NotOurs("It is a grid of pictures, which are imported by themselves.")
    told = read_texts(texts) or _told_beside(beside)
    if told is None:
        raise NotOurs("It doesn't say how it was made.", hint="Import it where the program that made it keeps its outputs.")
    infotext = told.infotext
    mapped = map_fields(infotext)
    return ForeignPicture(
        sha256=hashlib.sha256(data).digest(),
        bytes=len(data),
        width=size[0],
        height=size[1],
        mean_colour=colour,
        tool=told.tool,
        infotext=_own_words(texts, infotext),
        row=_row(infotext, mapped.of_source.get("kind", "txt2img"), size),
        request=_request(dict(mapped.fields), infotext.parameters, size),
        unmapped=tuple({"key": entry.key, "value": entry.value, "reason": entry.reason} for entry in mapped.unmapped),
        look=look,
        loras={network.name: network.unet_weight for network in reversed(loras_named(infotext.prompt))},
    )


def _what_is_wrong(data: bytes) -> str:
    """Of a file that isn't a whole picture."""
    if not data:
        return "The file is empty."
    if any(data.startswith(head) for head in _HEADS) or data[4:12] == b"ftypavif":
        return "The picture is cut short or damaged: its pixels can't be read to the end."
    if data.lstrip()[:1] in (b"<", b"{"):
        return "It is no picture but text, as a download that failed leaves it."
    return "Its content is of no picture format that is known here."


def _told_beside(text: str) -> Told | None:
    # JSON is Fooocus's, of its log.
    return read_texts({PNG_TEXT_KEY: text}) if text and (text.startswith("{") or read_infotext(text).parameters) else None


def _own_words(texts: Mapping[str, str], infotext: Infotext) -> str:
    """The infotext word for word where the file has one."""
    return next((text for text in texts.values() if "Steps: " in text and read_infotext(text) == infotext), infotext.text)


def _row(infotext: Infotext, kind: str, size: tuple[int, int]) -> dict[str, Any]:
    """The columns of a generation, as told: also what Easel itself doesn't have."""
    told = infotext.parameters
    side = _SIDE.fullmatch(told.get("Size", ""))
    width, height = (int(side[1]), int(side[2])) if side else size
    return {
        "kind": kind,
        "prompt": infotext.prompt,
        "negative_prompt": infotext.negative_prompt,
        "checkpoint": told.get("Model", "")[:500],
        "checkpoint_hash": match[0][:10] if (match := _HASH.fullmatch(told.get("Model hash", ""))) else "",
        **_sampler(told),
        "steps": _whole(told.get("Steps"), 0, 100_000),
        "cfg_scale": _real(told.get("CFG scale")),
        "width": width,
        "height": height,
        "seed": _whole(told.get("Seed"), -1, MAX_SEED),
    }


def _sampler(told: Mapping[str, str]) -> dict[str, str]:
    """Sampler and schedule by our names where we have them; an old name says both."""
    name, schedule = split_joined_name(told.get("Sampler", ""))
    with contextlib.suppress(InvalidRequest):  # one that only the other program has
        name = find_sampler(name).label
    schedule = told.get("Schedule type") or schedule or (AUTOMATIC if name else "")
    return {"sampler": name[:64], "schedule_type": schedule[:64]}


def _whole(text: str | None, otherwise: int, most: int) -> int:
    try:
        number = int(float(text or ""))
    except (ValueError, OverflowError):
        return otherwise
    return number if 0 <= number <= most else otherwise


def _real(text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        return 0.0
    return number if 0 <= number < 1e6 else 0.0


def _request(fields: Mapping[str, Any], told: Mapping[str, str], size: tuple[int, int]) -> ResolvedTxt2Img:
    """The request by which Easel would draw it from words; what it can't do stays at its default."""
    known = {name: value for name, value in fields.items() if name in Txt2Img.model_fields and name not in _NOT_BY_ITSELF}
    if "width" not in known or "height" not in known:
        known |= {name: side for name, side in zip(("width", "height"), size, strict=True) if 64 <= side <= 2048 and side % 8 == 0}
    if known.get("schedule_type", AUTOMATIC) == AUTOMATIC:
        known["schedule_type"] = find_sampler(known.get("sampler", _DEFAULT_SAMPLER)).default_schedule
    fixed = {
        "kind": "txt2img",
        "seed": max(known.get("seed", 0), 0),
        "variation_seed": max(known.get("variation_seed", 0), 0),
        "checkpoint": known.get("checkpoint") or told.get("Model", "")[:500] or UNKNOWN_MODEL,
        "checkpoint_hash": told.get("Model hash", "")[:10],
    }
    for some in (known, {name: known[name] for name in _PLAIN if name in known}):
        try:
            resolved = parse_resolved({**some, **fixed})
            _ = resolved.finished_size  # raises where that would be too large
        except EaselError:
            continue  # each value was fine by itself, but together they aren't
        assert isinstance(resolved, ResolvedTxt2Img), "its kind says so"
        return resolved
    raise InvalidRequest("What it says of how it was made can't be used.", hint="Look at its text with another program.")

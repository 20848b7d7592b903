"""A line of a prompts file: words, or options as --prompt "a fox" --steps 20 (AUTOMATIC1111's, and every field of a request)."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_origin

from webui.errors import InvalidRequest
from webui.generation.images import ImageReference
from webui.generation.request import REQUEST_TYPES, DrawnRequest, parse_request

MOST_LINES = 1000
"""With words, of one text."""

_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NAMES = MappingProxyType(
    {
        "sd_model": "checkpoint",
        "sampler_name": "sampler",
        "subseed": "variation_seed",
        "subseed_strength": "variation_strength",
        "n_iter": "batch_count",
        "styles": "styles",
        "seed_resize_from_w": "_seed_resize_width",
        "seed_resize_from_h": "_seed_resize_height",
    }
)
"""AUTOMATIC1111's name of an option -> the field of a request."""

WITHOUT_EFFECT = MappingProxyType(
    {
        "outpath_samples": "where pictures go is a setting of Easel",
        "outpath_grids": "where pictures go is a setting of Easel",
        "prompt_for_display": "Easel shows the prompt itself",
        "sampler_index": "samplers are told by name: --sampler_name",
        "restore_faces": "faces are restored by a step of the finishing chain",
        "do_not_save_samples": "all pictures are kept",
        "do_not_save_grid": "Easel keeps no grid of its own",
    }
)
"""AUTOMATIC1111's options that mean nothing here, and why; each takes a value."""

_NO_FIELDS = frozenset({"kind", "extensions", "finishing", "controls", "regions", "init_image", "mask", "init_name"})


@dataclass(frozen=True)
class Line:
    """What a line says. number: counted from 1. fields: of a request; left_out: options without effect."""

    number: int
    fields: Mapping[str, Any]
    left_out: tuple[str, ...] = ()


def read_lines(text: str) -> list[Line]:
    """Every line that says something; empty ones and those that start with # are left out.

    A line that starts with -- is options; what can't be read as such is an InvalidRequest that names the line. Any other is a prompt.
    """
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if len(lines) >= MOST_LINES:
            raise InvalidRequest(f"There are more than {MOST_LINES:,} prompts.", field="prompts", hint="Split the text.")
        lines.append(_options(line, number) if line.startswith("--") else Line(number, {"prompt": line}))
    return lines


def _wrong(number: int, words: str, hint: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(f"Line {number}: {words}", field="prompts", allowed=allowed, hint=hint)


def _options(line: str, number: int) -> Line:
    try:
        words = shlex.split(line)
    except ValueError:
        raise _wrong(number, "a quotation mark has no other half.", 'Write it twice, or \\" within quotation marks.') from None
    fields: dict[str, Any] = {}
    left_out = []
    while words:
        option, _, value = words.pop(0).partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or not name:
            raise _wrong(number, f"{option[:40]!r} stands where an option should.", "Put words with spaces into quotation marks.")
        if not value:
            if not words:
                raise _wrong(number, f"--{name[:40]} has no value.", "Write it behind the option.")
            value = words.pop(0)
        if name in WITHOUT_EFFECT:
            left_out.append(name)
            continue
        field = _NAMES.get(name, name)
        read = _reader(field)
        if read is None:
            raise _wrong(
                number,
                f"there is no option --{name[:40]}.",
                "Use names of fields.",
                "prompt, negative_prompt, steps, seed, width, height …",
            )
        try:
            fields[field] = read(value)
        except ValueError:
            raise _wrong(number, f"--{name} can't be {value[:40]!r}.", "Write a number, or on or off for a switch.") from None
    width, height = fields.pop("_seed_resize_width", 0), fields.pop("_seed_resize_height", 0)
    if width > 0 and height > 0:
        fields["seed_resize_from"] = f"{width}x{height}"
    return Line(number, fields, tuple(left_out))


def _reader(field: str) -> Callable[[str], Any] | None:
    """What reads the value of a field; None for what is no field that can be written so."""
    if field.startswith("_seed_resize_"):
        return int
    if field == "styles":
        return lambda text: [name for part in text.split(",") if (name := part.strip())]
    declared = next((kind.model_fields[field] for kind in REQUEST_TYPES.values() if field in kind.model_fields), None)
    if declared is None or field in _NO_FIELDS or any(isinstance(mark, ImageReference) for mark in declared.metadata):
        return None
    if declared.annotation is bool:
        return _switch
    if declared.annotation is int:
        return int
    if declared.annotation is float:
        return float
    return None if get_origin(declared.annotation) is tuple else str


def _switch(text: str) -> bool | str:
    # Tiling is a word in Easel and a switch elsewhere.
    try:
        return _SWITCHES[text.casefold()]
    except KeyError:
        raise ValueError(text) from None


def joined(own: str, line: str, where: str) -> str:
    """The page's prompt and a line's: the line's words go to the "start" or the "end" of it, or in its place ("instead")."""
    own, line = own.strip(), line.strip()
    if where == "instead" or not own:
        return line
    if not line:
        return own
    return f"{line}, {own}" if where == "start" else f"{own}, {line}"


def request_of(line: Line, request: DrawnRequest, where: str) -> DrawnRequest:
    """The request of a line: the page's, with what the line says in place of it. Raises InvalidRequest that names the line."""
    fields = dict(line.fields)
    for name in ("prompt", "negative_prompt"):
        if name in fields:
            fields[name] = joined(getattr(request, name), fields[name], where)
    unknown = [name for name in fields if name not in type(request).model_fields]
    if unknown:
        raise _wrong(line.number, f"{unknown[0]} is no field of {request.kind}.", "Take the option away.")
    try:
        return parse_request(request.model_dump(mode="json") | fields)  # type: ignore[return-value]
    except InvalidRequest as error:
        raise _wrong(line.number, error.message, error.hint, error.allowed) from None

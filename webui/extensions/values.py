"""Values of an add-on's fields: what they start with, whether given ones can be used, and the fields as the page draws them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webui.errors import InvalidRequest
from webui.extensions.components import (
    Button,
    Checkbox,
    Choice,
    Element,
    Field,
    Gallery,
    Group,
    Image,
    Markdown,
    Mask,
    ModelPicker,
    Number,
    Plot,
    Row,
    Slider,
    Text,
    fields_of,
)
from webui.extensions.wording import nodes_of
from webui.generation.parameter import storable

_HASH = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 500


class _Wrong(Exception):
    """A value that a field can't have. allowed: in words."""

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


def start_of(field: Field) -> Any:
    """What a field starts with."""
    if isinstance(field, Choice):
        if field.multiple:
            return [*(field.default or ())] if not isinstance(field.default, str) else [field.default]
        return field.default if field.default is not None else (field.choices[0] if field.choices else "")
    return getattr(field, "default", "")


def usual(content: Sequence[Element]) -> dict[str, Any]:
    """What all fields start with, by name."""
    return {name: start_of(field) for name, field in fields_of(content).items()}


def checked(content: Sequence[Element], given: Any, place: str) -> dict[str, Any]:
    """A value for each field: the given one, or what it starts with.

    place: what stands before the field's name where an error names it ("extensions.detailer"). Raises InvalidRequest.
    """
    fields = fields_of(content)
    if not isinstance(given, Mapping):
        raise InvalidRequest("These values can't be read.", field=place, allowed="an object", hint="Send an object of field names.")
    unknown = next((name for name in given if name not in fields), None)
    if unknown is not None:
        known = ", ".join(fields) or "none"
        words = f"There is no field called {str(unknown)[:80]!r}."
        raise InvalidRequest(words, field=f"{place}.{str(unknown)[:80]}", allowed=known, hint="Leave it out, or check its spelling.")
    values = usual(content)
    for name, value in given.items():
        field = fields[name]
        try:
            values[name] = _CHECKS[type(field)](field, value)
        except _Wrong as wrong:
            shown = "as it was sent" if isinstance(value, dict | list) else repr(value)[:60]
            raise InvalidRequest(
                f"{field.title} can't be {shown}.", field=f"{place}.{name}", allowed=wrong.allowed, hint=f"Use {wrong.allowed}."
            ) from None
    return values


def _number(field: Any, value: Any) -> float | int:
    whole = field.step is not None and float(field.step).is_integer() and float(field.default).is_integer()
    low, high = field.minimum, field.maximum
    between = f"{_plain(low)} to {_plain(high)}" if low is not None and high is not None else ""
    limits = [f"at least {_plain(low)}" if low is not None else "", f"at most {_plain(high)}" if high is not None else ""]
    allowed = between or " and ".join(part for part in limits if part) or "a number"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Wrong(allowed)
    if (low is not None and value < low) or (high is not None and value > high):
        raise _Wrong(allowed)
    if whole and not float(value).is_integer():
        raise _Wrong(f"a whole number, {allowed}" if allowed != "a number" else "a whole number")
    return int(value) if whole else value


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def _choice(field: Any, value: Any) -> str | list[str]:
    allowed = "one of its words" if field.changing else ", ".join(field.choices) or "nothing"
    if not field.multiple:
        if not _offered(field, value):
            raise _Wrong(allowed)
        return str(value)
    if not isinstance(value, list | tuple) or not all(_offered(field, one) for one in value):
        raise _Wrong(f"a list of {allowed}")
    return list(dict.fromkeys(map(str, value)))


def _offered(field: Any, value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME if field.changing else value in field.choices


def _switch(field: Any, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false")
    return value


def _text(field: Any, value: Any) -> str:
    if not isinstance(value, str) or len(value) > field.longest:
        raise _Wrong(f"text of at most {field.longest:,} characters")
    return str(storable(value))


def _content_hash(field: Any, value: Any) -> str:
    if value in ("", None):
        return ""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise _Wrong("64 lower hex digits, or nothing")
    return value


def _name(field: Any, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise _Wrong("the name of a model")
    return str(storable(value))


_CHECKS: Mapping[type[Any], Callable[[Any, Any], Any]] = {
    Number: _number,
    Slider: _number,
    Choice: _choice,
    Checkbox: _switch,
    Text: _text,
    Image: _content_hash,
    Mask: _content_hash,
    ModelPicker: _name,
}
"""What makes sure of each kind of field; raises _Wrong."""


_KINDS: Mapping[type[Any], str] = {
    Number: "number",
    Slider: "slider",
    Choice: "choice",
    Checkbox: "checkbox",
    Text: "text",
    Image: "image",
    Mask: "mask",
    ModelPicker: "model",
    Button: "button",
    Markdown: "markdown",
    Plot: "plot",
    Gallery: "gallery",
    Row: "row",
    Group: "group",
}
"""What each element is called where the page is told of it."""

_TOLD = (
    *("name", "label", "help", "minimum", "maximum", "step", "unit", "choices", "multiple", "lines", "placeholder", "longest"),
    *("over", "primary", "text", "x_label", "y_label"),
)


def described(content: Sequence[Element]) -> list[dict[str, Any]]:
    """The elements as plain values, as the page draws them. Raises TypeError for what is no element."""
    return [_described(one) for one in content]


def _described(one: Element) -> dict[str, Any]:
    kind = _KINDS.get(type(one))
    if kind is None:
        raise TypeError(f"a {type(one).__name__} can't stand on a page")
    if isinstance(one, Row):
        return {"kind": kind, "content": described(one.content)}
    if isinstance(one, Group):
        return {"kind": kind, "title": str(one.title), "opened": one.opened, "content": described(one.content)}
    told: dict[str, Any] = {name: getattr(one, name) for name in _TOLD if hasattr(one, name)}
    told["choices"] = list(told["choices"]) if "choices" in told else None
    if isinstance(one, Markdown):
        told["text"] = nodes_of(one.text)
    if isinstance(one, Field):
        told |= {"label": one.title, "default": start_of(one), "calls": one.on_change is not None}
    if isinstance(one, Button):
        told["name"] = one.key
    if isinstance(one, ModelPicker):
        told["of"] = one.kind
    return {**{name: value for name, value in told.items() if value is not None}, "kind": kind}


def check_content(content: Sequence[Element]) -> None:
    """Raises TypeError or ValueError, in words for its author, for content that can't be used."""
    described(content)
    names = [one["name"] for one in _flat(described(content)) if one.get("name")]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice among the fields")
    for name, field in fields_of(content).items():
        if not re.fullmatch(r"[A-Za-z_][\w-]{0,63}", name):
            raise ValueError(f"a field can't be called {name!r}")
        if isinstance(field, Number) and type(field) is Slider and (field.minimum is None or field.maximum is None):
            raise ValueError(f"the slider {name!r} needs minimum and maximum")
        try:
            _CHECKS[type(field)](field, start_of(field))
        except _Wrong as wrong:
            raise ValueError(f"{name!r} can't start with {start_of(field)!r}: {wrong.allowed}") from None


def _flat(told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [inner for one in told for inner in (one, *_flat(one.get("content", ())))]

"""What can be an axis, and what a value of it changes in a request. The parameters are those that a request declares, not a list."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from easel_xyz_grid.values import MOST_VALUES, numbers, split_list
from webui.errors import InvalidRequest
from webui.generation.images import ImageReference
from webui.generation.request import REQUEST_TYPES, DrawnRequest, parameters_of, parse_request
from webui.generation.samplers import SAMPLER_LABELS, SCHEDULE_LABELS

Kind = Literal["none", "whole", "number", "switch", "choice", "text"]
_KINDS: dict[Any, Kind] = {int: "whole", float: "number", bool: "switch", str: "text"}

NOTHING = "nothing"
"""The axis that isn't there."""

_NOT_FOR_CELLS = frozenset({"batch_count", "batch_size", "extensions", "init_name", "kind", "loops"})
"""A cell is one picture, and these change that, or nothing in it."""

_SWITCHES = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_SLOW = {"checkpoint": 0, "refiner": 1, "hires_checkpoint": 1, "vae": 2, "lora": 3, "lora_weight": 3}
"""What takes time to change, the slowest first; all else takes none."""
_QUICK = 9
_LORA = re.compile(r"<(lora|lyco):([^:<>]+)((?::[^<>]*)?)>", re.IGNORECASE)
MOST_ORDERED = 4
"""Words whose orders are tried: 4 have 24."""

Apply = Callable[[dict[str, Any], Any], None]
"""Changes the fields of a request to a value."""


@dataclass(frozen=True)
class AxisType:
    """One thing that can vary. read: text -> values (ValueError in words); apply: changes fields to one of them; name: how it is told."""

    id: str
    label: str
    help: str
    read: Callable[[str], Sequence[Any]]
    apply: Apply
    name: Callable[[Any], str] = str
    choices: tuple[str, ...] = ()

    @property
    def pace(self) -> int:
        """How slow a change is: the lower, the slower."""
        return _SLOW.get(self.id, _QUICK)


@dataclass(frozen=True)
class Axis:
    """An axis of a grid: a type with its values, in the order in which they are shown."""

    type: AxisType
    values: tuple[Any, ...] = field(default=(None,))

    def labels(self) -> tuple[str, ...]:
        """What stands at each value in the grid."""
        return tuple(_short(f"{self.type.label}: {self.type.name(value)}") if self.type.id != NOTHING else "" for value in self.values)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"


# the parameters that a request declares


def _kind_of(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return "choice"
    return _KINDS.get(annotation, "none")


def _read_choice(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    known = {one.casefold(): one for one in allowed}

    def read(text: str) -> list[str]:
        found = []
        for entry in split_list(text):
            if entry.casefold() not in known:
                raise ValueError(f"{entry[:40]!r} is none of {', '.join(allowed)}")
            found.append(known[entry.casefold()])
        return found

    return read


def _read_switch(text: str) -> list[bool]:
    found = []
    for entry in split_list(text):
        if entry.casefold() not in _SWITCHES:
            raise ValueError(f"{entry[:40]!r} is neither on nor off")
        found.append(_SWITCHES[entry.casefold()])
    return found


def _setting(name: str) -> Apply:
    def apply(fields: dict[str, Any], value: Any) -> None:
        fields[name] = value

    return apply


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parameter_types(request_type: type[DrawnRequest]) -> dict[str, AxisType]:
    readers: dict[Kind, Callable[[str], Sequence[Any]]] = {
        "whole": lambda text: numbers(text, whole=True),
        "number": lambda text: numbers(text, whole=False),
        "switch": _read_switch,
        "text": split_list,
    }
    # A sampler is a text that is checked by the request itself, which knows its other names.
    choices = {"sampler": SAMPLER_LABELS, "schedule_type": SCHEDULE_LABELS}
    types = {}
    for name, info in parameters_of(request_type).items():
        declared = request_type.model_fields[name]
        kind = _kind_of(declared.annotation)
        picture = any(isinstance(mark, ImageReference) for mark in declared.metadata)
        if kind == "none" or name in _NOT_FOR_CELLS or picture:
            continue
        allowed = tuple(map(str, get_args(declared.annotation))) if kind == "choice" else choices.get(name, ())
        read = _read_choice(allowed) if kind == "choice" else readers[kind]
        types[name] = AxisType(name, info.label, info.help, read, _setting(name), _told, tuple(allowed))
    return types


# axes beyond the parameters


def _replace(fields: dict[str, Any], pair: tuple[str, str]) -> None:
    searched, replacement = pair
    texts = {name: fields[name] for name in ("prompt", "negative_prompt", "hires_prompt", "hires_negative_prompt") if name in fields}
    if not any(searched in text for text in texts.values()):
        raise InvalidRequest(
            f"The prompts don't say {searched[:60]!r}.",
            field="prompt",
            hint="The first value of Prompt search and replace is what is searched: write words of the prompt there.",
        )
    fields.update({name: text.replace(searched, replacement) for name, text in texts.items()})


def _read_replacements(text: str) -> list[tuple[str, str]]:
    entries = split_list(text)
    return [(entries[0], entry) for entry in entries]


def _read_orders(text: str) -> list[tuple[str, ...]]:
    words = split_list(text)
    if not 2 <= len(words) <= MOST_ORDERED:
        raise ValueError(f"the orders of 2 to {MOST_ORDERED} words can be tried, and these are {len(words)}")
    return list(itertools.permutations(words))


def _reorder(fields: dict[str, Any], order: tuple[str, ...]) -> None:
    """The words of `order` take each other's places in the prompt, in that order."""
    prompt = fields["prompt"]
    places = sorted((prompt.find(word), word) for word in order)
    if places[0][0] < 0:
        raise InvalidRequest(f"The prompt doesn't say {places[0][1][:60]!r}.", field="prompt", hint="Write words of the prompt as values.")
    parts, end = [], 0
    for (start, word), wanted in zip(places, order, strict=True):
        if start < end:
            raise InvalidRequest("Two of the words overlap in the prompt.", field="prompt", hint="Write words that stand apart.")
        parts += [prompt[end:start], wanted]
        end = start + len(word)
    fields["prompt"] = "".join(parts) + prompt[end:]


def _read_weights(text: str) -> list[tuple[str, float]]:
    """ "0.2-1 (+0.4)" for every LoRA of the prompt, "ink: 0.2-1 (+0.4)" for that one."""
    name, colon, rest = text.rpartition(":")
    return [(name.strip() if colon else "", float(weight)) for weight in numbers(rest, whole=False)]


def _weigh(fields: dict[str, Any], value: tuple[str, float]) -> None:
    name, weight = value
    prompt, found = fields["prompt"], False

    def weighed(tag: re.Match[str]) -> str:
        nonlocal found
        if name and tag[2].strip().casefold() != name.casefold():
            return tag[0]
        found = True
        return f"<{tag[1]}:{tag[2]}:{weight:g}>"

    prompt = _LORA.sub(weighed, prompt)
    if not found and not name:
        raise InvalidRequest(
            "The prompt names no LoRA.", field="prompt", hint="Add one, or write its name before the weights: ink: 0.2-1 (+0.2)."
        )
    fields["prompt"] = prompt if found else f"{prompt} <lora:{name}:{weight:g}>"


def _use_lora(fields: dict[str, Any], name: str) -> None:
    """Put that LoRA in the place of the prompt's first one, at the same weight, or behind the prompt; "None" takes it away."""
    tag = _LORA.search(fields["prompt"])
    new = "" if name.casefold() == "none" else f"<lora:{name}{(tag and tag[3]) or ':1'}>"
    if tag:
        fields["prompt"] = fields["prompt"][: tag.start()] + new + fields["prompt"][tag.end() :]
    elif new:
        fields["prompt"] = f"{fields['prompt']} {new}"


def _read_sizes(text: str) -> list[tuple[int, int]]:
    found = []
    for entry in split_list(text):
        size = re.fullmatch(r"(\d{1,5})\s*[x×]\s*(\d{1,5})", entry)
        if size is None:
            raise ValueError(f"{entry[:40]!r} is no size as 512x768")
        found.append((int(size[1]), int(size[2])))
    return found


def _resize(fields: dict[str, Any], size: tuple[int, int]) -> None:
    fields["width"], fields["height"] = size


def _style(fields: dict[str, Any], names: str) -> None:
    fields["styles"] = tuple(name for part in names.split("+") if (name := part.strip()) and name.casefold() != "none")


_OWN = (
    AxisType(
        "prompt_sr",
        "Prompt search and replace",
        "The first value is searched in the prompts; each value takes its place, the first one stays as it is.",
        _read_replacements,
        _replace,
        lambda pair: pair[1],
    ),
    AxisType(
        "prompt_order",
        "Prompt order",
        "The values are words of the prompt; every order of them is tried.",
        _read_orders,
        _reorder,
        ", ".join,
    ),
    AxisType(
        "lora_weight",
        "LoRA weight",
        "Weights for every LoRA of the prompt, or for one: ink: 0.2-1 (+0.2).",
        _read_weights,
        _weigh,
        lambda value: f"{value[0]} {value[1]:g}".strip(),
    ),
    AxisType("lora", "LoRA", "Names; each takes the place of the first LoRA of the prompt. None: without.", split_list, _use_lora),
    AxisType("size", "Size", "Width x height, as 512x768.", _read_sizes, _resize, lambda size: f"{size[0]}x{size[1]}"),
    AxisType("styles", "Styles", "Names of styles; several at once with +. None: without.", split_list, _style),
)


def axis_types(kind: str) -> dict[str, AxisType]:
    """Every type of axis for requests of that kind (txt2img, img2img, inpaint), by id; what most people vary comes first."""
    declared = _parameter_types(REQUEST_TYPES[kind])  # type: ignore[arg-type]
    own = {one.id: one for one in _OWN}
    first = [
        *(declared[name] for name in ("checkpoint", "sampler", "schedule_type", "steps", "cfg_scale", "seed") if name in declared),
        *own.values(),
    ]
    return {one.id: one for one in first} | declared


def read_axis(types: Mapping[str, AxisType], chosen: str, text: str, field_name: str) -> Axis:
    """An axis as it was asked for. Raises InvalidRequest that names `field_name`."""
    if chosen in ("", NOTHING):
        return Axis(AxisType(NOTHING, "", "", split_list, lambda fields, value: None))
    kind = types.get(chosen)
    if kind is None:
        raise InvalidRequest(
            "This can't be an axis here.", field=field_name, allowed=", ".join(list(types)[:12]) + " …", hint="Choose another."
        )
    try:
        values = tuple(kind.read(text)) if text.strip() else ()
    except ValueError as error:
        raise InvalidRequest(
            f"{kind.label}: {error}.", field=field_name, hint="Write values as 1, 2, 3 or 1-5 or 1-5 (+2) or 1-10 [5]."
        ) from None
    if not values:
        raise InvalidRequest(f"{kind.label} has no values.", field=field_name, hint="Write at least one.")
    if len(values) > MOST_VALUES:
        raise InvalidRequest(
            f"{kind.label} has {len(values)} values.", field=field_name, allowed=f"at most {MOST_VALUES}", hint="Take some away."
        )
    return Axis(kind, values)


# the cells


@dataclass(frozen=True)
class Cell:
    """One picture of a grid: its place along x, y and z, and its request."""

    place: tuple[int, int, int]
    request: DrawnRequest
    label: str


def drawing_order(axes: Sequence[Axis]) -> list[tuple[int, int, int]]:
    """The places of all cells in the order in which they are drawn: what is slow to change, as a checkpoint, changes least often.

    Equal values of an axis count as one: a checkpoint that stands there twice is loaded once.
    """
    outermost = sorted(range(len(axes)), key=lambda number: axes[number].type.pace)
    firsts = [[axis.values.index(value) for value in axis.values] for axis in axes]

    def key(place: tuple[int, ...]) -> tuple[int, ...]:
        return (*(firsts[number][place[number]] for number in outermost), *(place[number] for number in outermost))

    places = itertools.product(*(range(len(axis.values)) for axis in axes))
    return sorted(places, key=key)  # type: ignore[arg-type]


def cell_count(axes: Iterable[Axis]) -> int:
    """How many pictures the grid has."""
    count = 1
    for axis in axes:
        count *= len(axis.values)
    return count


def cells(request: DrawnRequest, axes: Sequence[Axis], fields: Sequence[str], *, vary_seed: bool = False) -> list[Cell]:
    """Every cell, in drawing order. fields: the names of the axes' fields, for errors. vary_seed: each cell has a seed of its own.

    A LoRA's weight changes after the words: it counts for what other axes put there. Raises InvalidRequest for a cell that can't be drawn.
    """
    labels = [axis.labels() for axis in axes]
    base = request.model_dump(mode="json") | {"batch_count": 1, "batch_size": 1}
    width, height = len(axes[0].values), len(axes[1].values)
    in_turn = sorted(range(len(axes)), key=lambda number: axes[number].type.id == "lora_weight")
    made = []
    for place in drawing_order(axes):
        own = dict(base)
        if vary_seed:
            own["seed"] = base["seed"] + place[0] + width * (place[1] + height * place[2])
        for number in in_turn:
            _apply(axes[number], place[number], own, fields[number])
        made.append(Cell(place, _checked(own, axes, fields), ", ".join(filter(None, (labels[n][place[n]] for n in range(len(axes)))))))
    return made


def _apply(axis: Axis, index: int, fields: dict[str, Any], field_name: str) -> None:
    try:
        axis.type.apply(fields, axis.values[index])
    except InvalidRequest as error:
        error.field = field_name
        raise


def _checked(fields: dict[str, Any], axes: Sequence[Axis], names: Sequence[str]) -> DrawnRequest:
    try:
        return parse_request(fields)  # type: ignore[return-value]
    except InvalidRequest as error:
        at = next((name for axis, name in zip(axes, names, strict=True) if axis.type.id == error.field), None)
        if at is not None:
            error.field = at
        raise

"""What is different between two requests as they ran: words of their prompts, and parameters. Plain data, no IO."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from webui.generation.prompt.changes import Run, counts, prompt_changes
from webui.generation.request import (
    NO_REFINER,
    REQUEST_TYPES,
    Img2Img,
    Inpaint,
    ParameterInfo,
    PictureFromPicture,
    PictureRequest,
    ResolvedRequest,
    ResolvedUpscale,
    Txt2Img,
    parameters_of,
)

ESSENTIAL = ("seed", "steps", "cfg_scale", "sampler", "checkpoint", "size")
"""Parameters that are told also where they are the same."""

KIND_WORDS: Mapping[str, str] = MappingProxyType({"txt2img": "txt2img", "img2img": "img2img", "inpaint": "Inpaint", "upscale": "Upscale"})
"""What made a picture, in words, by the kind of its request."""

_PROMPTS = {"prompt": False, "negative_prompt": True, "hires_prompt": False, "hires_negative_prompt": True}
"""Fields that are prompts, and whether negative ones."""

_JOINED = {"height": "size", "width": "size", "schedule_type": "sampler"}
"""Fields that are told together with another one."""

_UNTOLD = {
    "kind",
    "styles",
    "init_name",
    "batch_count",
    "batch_size",
    "loops",
    "source_infotext",
    "source_prompt",
    "source_negative_prompt",
}
"""Fields that say nothing of one picture, or are told otherwise."""

_ABSENT = "–"


@dataclass(frozen=True)
class PromptDiff:
    """A prompt's words from the first request to the second. field: of the request; change: what makes the first one's the second's."""

    field: str
    label: str
    runs: tuple[Run, ...]
    added: int
    removed: int
    reweighted: int
    change: Mapping[str, Any] | None

    @property
    def changed(self) -> bool:
        """Whether anything is different."""
        return any(run.kind != "same" for run in self.runs)


@dataclass(frozen=True)
class ParameterDiff:
    """One parameter of both requests, in words. change: the fields (and values) that give the first request what the second has; None
    where it can't have that."""

    name: str
    label: str
    before: str
    after: str
    changed: bool
    change: Mapping[str, Any] | None


@dataclass(frozen=True)
class RequestDiff:
    """All that is different, and what one wants to see beside it: the essential parameters, and both prompts."""

    prompts: tuple[PromptDiff, ...]
    parameters: tuple[ParameterDiff, ...]

    @property
    def changes(self) -> int:
        """How much is different: prompts' runs and parameters."""
        return sum(one.added + one.removed + one.reweighted for one in self.prompts) + sum(one.changed for one in self.parameters)


def diff(before: ResolvedRequest, after: ResolvedRequest) -> RequestDiff:
    """What is different from one picture's request to another's; of several pictures, each as `alone` gives it."""
    return RequestDiff(tuple(_prompts(before, after)), tuple(_parameters(before, after)))


# --- Prompts ---


def _prompts(before: ResolvedRequest, after: ResolvedRequest) -> Iterator[PromptDiff]:
    texts = _texts(before), _texts(after)
    mode = after.emphasis if isinstance(after, PictureRequest) else "Original"
    for name in dict.fromkeys([*texts[0], *texts[1]]):
        label, _, negative = texts[0].get(name) or texts[1][name]
        old, new = (one[name][1] if name in one else "" for one in texts)
        if not old and not new and name != "prompt":
            continue
        runs = prompt_changes(old, new, negative=negative, mode=mode)
        number = counts(runs)
        field = name.partition("[")[0]
        yield PromptDiff(name, label, runs, number["added"], number["removed"], number["reweighted"], _change(before, after, (field,)))


def _infos(request: ResolvedRequest) -> dict[str, ParameterInfo]:
    """The parameters of a request; what being resolved left without words has those of the request that is asked for."""
    return parameters_of(type(request)) | parameters_of(REQUEST_TYPES[request.kind])


def _texts(request: ResolvedRequest) -> dict[str, tuple[str, str, bool]]:
    """Field -> label, text and whether it is a negative prompt."""
    if isinstance(request, ResolvedUpscale):
        prompt, negative = request.words
        return {"prompt": ("Prompt", prompt, False), "negative_prompt": ("Negative prompt", negative, True)}
    labels = _infos(request)
    silent = silent_fields(request)
    told = {
        name: (labels[name].label, getattr(request, name), negative)
        for name, negative in _PROMPTS.items()
        if name in labels and name not in silent
    }
    regions = {f"regions[{place}].prompt": (f"Region {place + 1}", region.prompt, False) for place, region in enumerate(request.regions)}
    return told | regions


# --- Parameters ---


@dataclass(frozen=True)
class _Told:
    """One parameter of one request. fields: those of the request that it is made of. hidden: told only where both have it."""

    label: str
    text: str
    fields: tuple[str, ...]
    hidden: bool = False


def _parameters(before: ResolvedRequest, after: ResolvedRequest) -> Iterator[ParameterDiff]:
    first, second = (dict(_told(request)) for request in (before, after))
    names = dict.fromkeys([*(name for name in ESSENTIAL if name in first or name in second), *first, *second])
    for name in names:
        old, new = first.get(name), second.get(name)
        one = old or new
        assert one is not None, "one of them has it"
        if one.hidden and (old is None or new is None):
            continue
        texts = (old.text if old else _ABSENT, new.text if new else _ABSENT)
        changed = texts[0] != texts[1]
        if changed or name in ESSENTIAL:
            yield ParameterDiff(name, one.label, *texts, changed, _change(before, after, one.fields) if changed else None)


def _change(before: ResolvedRequest, after: ResolvedRequest, fields: tuple[str, ...]) -> dict[str, Any] | None:
    """What to ask for instead, so that the first request has in these fields what the second has."""
    known = REQUEST_TYPES[before.kind].model_fields
    if fields == ("kind",) or not all(name in known and name in type(after).model_fields for name in fields):
        return None
    return after.model_dump(mode="json", include=set(fields))


def _told(request: ResolvedRequest) -> Iterator[tuple[str, _Told]]:
    silent = silent_fields(request) | _UNTOLD | set(_PROMPTS)
    yield "kind", _Told("Made by", KIND_WORDS[request.kind], ("kind",))
    for name, info in _infos(request).items():
        if name in silent or name in _JOINED:
            continue
        value = getattr(request, name)
        if name == "extensions":
            for add_on, given in value.items():
                yield f"extensions.{add_on}", _Told(add_on, json.dumps(given, ensure_ascii=False, sort_keys=True), ("extensions",))
        elif name in _WRITTEN:
            yield name, _Told(info.label, _WRITTEN[name](request), (name, *(part for part, whole in _JOINED.items() if whole == name)))
        elif isinstance(value, tuple):
            yield from _of_several(name, value)
        else:
            yield name, _Told(info.label, _words(value, info.unit), (name,))
    width, height = request.picture_size if isinstance(request, ResolvedUpscale) else (request.width, request.height)
    yield "size", _Told("Size", f"{width} × {height}", ("width", "height"))


def _source(request: Any) -> str:
    """The picture that it starts from, by name and the beginning of its hash."""
    return f"{request.init_name} {request.init_image[:8]}" if request.init_name else request.init_image[:10]


_WRITTEN: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "sampler": lambda request: f"{request.sampler}, {request.schedule_type}",
        "init_image": _source,
        "mask": lambda request: request.mask[:10] or _ABSENT,
    }
)


def _of_several(name: str, several: tuple[BaseModel, ...]) -> Iterator[tuple[str, _Told]]:
    """The parts of a field that holds several things, each with what it is a part of."""
    for number, part in enumerate(several, 1):
        if name in _BY_NAME:
            # Which of them are at work is told by the prompt's words; that a file is another one now, by nothing else.
            called = getattr(part, "name", "")
            yield f"{name}.{called}", _Told(f"Hash of {called}", getattr(part, "hash", ""), (name,), hidden=True)
            continue
        kind = getattr(part, "step", None)
        whole = f"{_ONE_OF.get(name, name)} {number}"
        for inner, info in parameters_of(type(part)).items():
            value = getattr(part, inner)
            if inner == "prompt" or (inner.endswith("hash") and not value):
                continue
            text = str(value)[:10] if inner in ("image", "mask") else _words(value, info.unit)
            label = f"{whole}: {info.label}" if inner != "step" else whole
            yield f"{name}[{number}].{inner}", _Told(label, text if inner != "step" else str(kind), (name,))


_BY_NAME = ("loras", "hires_loras", "embeddings")
_ONE_OF = {"controls": "Control", "regions": "Region", "finishing": "Finishing"}


def _words(value: Any, unit: str = "") -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        value = f"{value:g}"
    text = str(value)
    return f"{text} {unit}" if unit and text else text or _ABSENT


def silent_fields(request: ResolvedRequest) -> set[str]:
    """Fields that say nothing, as the others stand."""
    return {
        name
        for kind, speaks, which in _ONLY_IF
        if isinstance(request, kind) and not speaks(request)
        for name in type(request).model_fields
        if which(name)
    }


TILED_BESIDE = ("tiled_scale", "tiled_upscaler", "drawn_tile", "drawn_overlap")

_ONLY_IF: tuple[tuple[type[Any], Callable[[Any], bool], Callable[[str], bool]], ...] = (
    (Txt2Img, lambda request: request.hires, lambda name: name.startswith("hires_") or name == "denoising_strength"),
    (PictureRequest, lambda request: request.refiner != NO_REFINER, lambda name: name.startswith("refiner_") or name == "hires_refiner"),
    (PictureRequest, lambda request: request.variation_strength > 0, lambda name: name == "variation_seed"),
    (PictureRequest, lambda request: bool(request.regions), lambda name: name == "regions_apart"),
    (PictureRequest, lambda request: request.mimic_scale > 0, lambda name: name == "threshold_percentile"),
    (PictureFromPicture, lambda request: request.loops > 1, lambda name: name in ("final_denoising_strength", "denoising_curve")),
    (Img2Img, lambda request: request.tiled_drawing != "Off", lambda name: name in TILED_BESIDE),
    (Inpaint, lambda request: request.soft_inpainting, lambda name: name.startswith("soft_") and name != "soft_inpainting"),
    (Inpaint, lambda request: any(request.extends), lambda name: name in ("extend_overlap", "extend_rounds")),
)
"""Kind of request, what must hold of it, and the fields that say something only then."""

"""Routes of finishing: which steps there are, with all that can be chosen about them, and chains kept by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_args

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.problems import json_object, new_router, problems
from webui.catalog.finishing import WHERE_FROM, usable_models
from webui.catalog.models import ModelFile
from webui.catalog.upscalers import UPSCALER
from webui.errors import InvalidRequest
from webui.generation.enlarging import PIXEL_UPSCALER_LABELS
from webui.generation.finishing import HEX, MOST_STEPS, STEP_TYPES, FinishingStep, FormatStep
from webui.generation.request import ParameterInfo, parameters_of
from webui.studio.preset_book import Preset, read_preset
from webui.studio.studio import Studio

PresetName = Annotated[str, Query(max_length=200, description="Its name.")]

_PRESET: dict[str, Any] = Preset.model_json_schema(ref_template="#/components/schemas/{model}")
_PRESET["properties"]["was"] = {"type": ["string", "null"], "description": "Its name so far, to rename it."}

_BUILT_IN: Mapping[str, Sequence[str]] = {"upscaler": PIXEL_UPSCALER_LABELS}
"""Kind of models -> what there is of it without any file."""


class _There(NamedTuple):
    """What is here of a kind of models: those in files, and the names of all, add-ons' among them."""

    models: Callable[[str], Sequence[ModelFile]]
    names: Callable[[str], Sequence[str]]


def _step_words(kind: type[FinishingStep], there: _There) -> dict[str, Any]:
    fields = parameters_of(kind)
    (step,) = get_args(kind.model_fields["step"].annotation)
    return {
        "step": step,
        "label": step.capitalize(),
        "help": (kind.__doc__ or "").split("\n")[0],
        "last": kind is FormatStep,
        "fields": [_field(kind, info, there) for name, info in fields.items() if name != "step" and not _extra(kind, name, "filled_in")],
    }


def _field(kind: type[FinishingStep], info: ParameterInfo, there: _There) -> dict[str, Any]:
    declared = kind.model_fields[info.name]
    words = {name: getattr(info, name) for name in ("name", "label", "help", "default", "minimum", "maximum", "step", "unit")}
    words |= {"told": info.name in kind.told, "choices": None, "only_for": _only_for(kind, info.name, there), "lacks": ""}
    of_models = str(_extra(kind, info.name, "of_models") or "")
    if of_models:
        names = [*_BUILT_IN.get(of_models, ()), *there.names(of_models)]
        lacks = "" if names or not WHERE_FROM.get(of_models) else f"No model for this is here yet. {WHERE_FROM[of_models]}"
        usual = [info.default] if info.default not in names else []
        return words | {"kind": "choice", "choices": [*usual, *names], "lacks": lacks}
    choices = get_args(declared.annotation)
    if choices:
        return words | {"kind": "choice", "choices": list(choices)}
    plain = {bool: "switch", int: "number", float: "number"}.get(declared.annotation or str, "text")
    is_colour = any(getattr(mark, "pattern", None) == HEX for mark in declared.metadata)
    return words | {"kind": "colour" if is_colour else plain}


def _extra(kind: type[FinishingStep], name: str, what: str) -> Any:
    """One of the words that `parameter` keeps about a field; None where it has none."""
    extra = kind.model_fields[name].json_schema_extra
    return extra.get(what) if isinstance(extra, dict) else None


def _only_for(kind: type[FinishingStep], name: str, there: _There) -> dict[str, Any] | None:
    """Fields -> values with which this one says anything. What counts for some architectures alone counts for the models of these."""
    only_for = _extra(kind, name, "only_for")
    if not only_for or _ARCHITECTURE not in only_for:
        return only_for
    (field,) = (other for other in kind.model_fields if _extra(kind, other, "of_models"))
    models = there.models(str(_extra(kind, field, "of_models")))
    fitting = [model.name for model in models if model.kind.version in only_for[_ARCHITECTURE]]
    first = [""] if models and models[0].name in fitting else []
    return {field: [*first, *fitting, *filter(None, only_for[_ARCHITECTURE])]}


_ARCHITECTURE = "architecture"


def build_finishing_router(studio: Studio) -> APIRouter:
    """Routes below /finishing."""
    router = new_router("finishing")

    @router.get("/finishing", response_model=answers.FinishingSteps, responses=problems())
    def steps() -> Any:
        """All steps of a finishing chain with their fields; where a field is a model, with those that are here."""

        catalog = studio.catalog.models

        def names(kind: str) -> list[str]:
            offered = studio.extensions.offers.names("upscalers") if kind == UPSCALER else ()
            return [*(model.name for model in usable_models(catalog, kind)), *offered]

        there = _There(lambda kind: usable_models(catalog, kind), names)
        return {"steps": [_step_words(step, there) for step in STEP_TYPES.values()], "most": MOST_STEPS}

    @router.get("/finishing/presets", response_model=answers.PresetList, responses=problems())
    def presets() -> Any:
        """Chains kept by name."""
        kept, troubles = studio.presets.all()
        return {"items": [preset.model_dump(mode="json") for preset in kept], "problems": troubles}

    @router.put(
        "/finishing/presets", response_model=answers.PresetAnswer, responses=problems(404, 409, body=True), openapi_extra=schema_of(_PRESET)
    )
    async def save_preset(request: Request) -> Any:
        """Keep a chain: a new one, other steps for the one of that name, or (with `was`) another name for one."""
        body = await json_object(request)
        was = body.pop("was", None)
        if not isinstance(was, str | None):
            raise InvalidRequest("was can't be that.", field="was", allowed="the preset's name so far", hint="Leave it out for a new one.")
        preset = read_preset(body)
        return (await to_thread.run_sync(lambda: studio.save_preset(preset, was))).model_dump(mode="json")

    @router.delete("/finishing/presets", response_model=answers.PresetAnswer, responses=problems(404, body=True))
    def delete_preset(name: PresetName) -> Any:
        """Delete a preset. The answer, sent back by PUT, keeps it again."""
        return studio.delete_preset(name).model_dump(mode="json")

    return router

"""Routes of finishing: which steps there are, with all that can be chosen about them, and chains kept by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.problems import json_object, new_router, problems
from webui.catalog.finishing import WHERE_FROM, models_for
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


def _step_words(kind: type[FinishingStep], models: Callable[[str], list[str]]) -> dict[str, Any]:
    fields = parameters_of(kind)
    (step,) = get_args(kind.model_fields["step"].annotation)
    return {
        "step": step,
        "label": step.capitalize(),
        "help": (kind.__doc__ or "").split("\n")[0],
        "last": kind is FormatStep,
        # Hashes are filled in when a job is taken, and nobody chooses them.
        "fields": [_field(kind, info, models) for name, info in fields.items() if name != "step" and not name.endswith("_hash")],
    }


def _field(kind: type[FinishingStep], info: ParameterInfo, models: Callable[[str], list[str]]) -> dict[str, Any]:
    declared = kind.model_fields[info.name]
    extra = declared.json_schema_extra if isinstance(declared.json_schema_extra, dict) else {}
    words = {name: getattr(info, name) for name in ("name", "label", "help", "default", "minimum", "maximum", "step", "unit")}
    words |= {"told": info.name in kind.told, "choices": None, "only_for": extra.get("only_for"), "lacks": ""}
    of_models = str(extra.get("of_models", ""))
    if of_models:
        there = [*_BUILT_IN.get(of_models, ()), *models(of_models)]
        lacks = "" if there or not WHERE_FROM.get(of_models) else f"No model for this is here yet. {WHERE_FROM[of_models]}"
        usual = [info.default] if info.default not in there else []
        return words | {"kind": "choice", "choices": [*usual, *there], "lacks": lacks}
    choices = get_args(declared.annotation)
    if choices:
        return words | {"kind": "choice", "choices": list(choices)}
    plain = {bool: "switch", int: "number", float: "number"}.get(declared.annotation or str, "text")
    is_colour = any(getattr(mark, "pattern", None) == HEX for mark in declared.metadata)
    return words | {"kind": "colour" if is_colour else plain}


def build_finishing_router(studio: Studio) -> APIRouter:
    """Routes below /finishing."""
    router = new_router("finishing")

    @router.get("/finishing", response_model=answers.FinishingSteps, responses=problems())
    def steps() -> Any:
        """All steps of a finishing chain with their fields; where a field is a model, with those that are here."""

        catalog = studio.catalog.models
        return {"steps": [_step_words(step, lambda kind: models_for(catalog, kind)) for step in STEP_TYPES.values()], "most": MOST_STEPS}

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

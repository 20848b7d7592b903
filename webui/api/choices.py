"""Routes of what can be asked for: checkpoints, samplers, parameters, settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from webui.api import answers
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.generation import samplers
from webui.generation.enlarging import known_upscaler
from webui.generation.request import REQUEST_TYPES, parameters_of
from webui.studio.studio import Studio

_CHANGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "values": {"type": "object", "description": "New values by name; null: back to the default."},
                        "revision": {
                            "type": ["string", "null"],
                            "description": "Of the settings you looked at; 409 when they changed since.",
                        },
                    },
                    "required": ["values"],
                    "additionalProperties": False,
                }
            }
        },
    }
}


def build_choice_router(studio: Studio) -> APIRouter:
    """Routes below /checkpoints, /samplers, /parameters and /settings."""
    router = new_router("choices")

    @router.get("/checkpoints", response_model=list[answers.CheckpointAnswer], responses=problems())
    def checkpoints() -> Any:
        """All checkpoints, unusable ones with their reason."""
        return [
            {
                "name": entry.name,
                "usable": entry.usable,
                "problem": entry.problem,
                "hint": entry.hint,
                "defaults": dict(entry.defaults),
                "usual": studio.usual_of(entry),
            }
            for entry in studio.checkpoints()
        ]

    @router.get("/samplers", response_model=answers.SamplerList, responses=problems())
    def sampler_list() -> Any:
        """Samplers and schedules by label."""
        return {
            "samplers": [
                {"name": entry.label, "aliases": list(entry.aliases), "default_schedule": entry.default_schedule}
                for entry in samplers.SAMPLERS
            ],
            "schedules": list(samplers.SCHEDULE_LABELS),
        }

    @router.get("/upscalers", response_model=list[answers.UpscalerAnswer], responses=problems())
    def upscalers(hires: bool = False) -> Any:
        """What enlarges: built-in filters, and the models that are here. With hires=true those on latents, too."""
        return [{"name": name, "model": known_upscaler(name) is None} for name in studio.upscalers(latent=hires)]

    @router.get("/parameters", response_model=list[answers.ParameterAnswer], responses=problems())
    def parameters(kind: Literal["txt2img", "img2img", "inpaint", "upscale"] = "txt2img") -> Any:
        """Every field of a request of that kind: label, help, default, range, unit."""
        return [
            {
                "name": info.name,
                "label": info.label,
                "help": info.help,
                "default": info.default,
                "minimum": info.minimum,
                "maximum": info.maximum,
                "step": info.step,
                "unit": info.unit,
            }
            for info in parameters_of(REQUEST_TYPES[kind]).values()
        ]

    @router.get("/settings", response_model=answers.SettingsAnswer, responses=problems(), tags=["settings"])
    def settings() -> Any:
        """Every setting with its words, range and value."""
        return {"revision": studio.preferences.revision, "settings": studio.preferences.schema()}

    @router.get("/settings/example-path", response_model=answers.ExamplePath, responses=problems(), tags=["settings"])
    def example_path(
        folder_pattern: Annotated[str | None, Query(max_length=300)] = None,
        name_pattern: Annotated[str | None, Query(max_length=300)] = None,
    ) -> Any:
        """Where a picture would go with these patterns (those in force where one is left out)."""
        given = {"folder_pattern": folder_pattern, "name_pattern": name_pattern}
        return {"path": studio.example_path({name: value for name, value in given.items() if value is not None})}

    @router.patch(
        "/settings", response_model=answers.SettingsAnswer, responses=problems(409, body=True), openapi_extra=_CHANGE, tags=["settings"]
    )
    async def change_settings(request: Request) -> Any:
        """Change settings, all or none; they take effect at once and are kept in settings.yaml."""
        body = await json_object(request)
        values, revision = body.get("values"), body.get("revision")
        if not isinstance(values, dict) or not isinstance(revision, str | None) or set(body) - {"values", "revision"}:
            raise InvalidRequest(
                "The body must be an object of values and revision.", field="values", hint='Send {"values": {"picture_format": "webp"}}.'
            )
        await to_thread.run_sync(lambda: studio.preferences.change(values, revision))
        return settings()

    return router

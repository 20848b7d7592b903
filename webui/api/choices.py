"""Routes of what can be asked for: checkpoints, samplers, parameters, settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest
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


_REVISION = {"type": ["string", "null"], "description": "Of the settings you looked at; 409 when they changed since."}
_IMPORTED = {"text", "apply", "revision"}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_IMPORT = _object(
    "text",
    text={"type": "string", "description": "YAML, as the export has it."},
    apply={"type": "boolean", "description": "False: only say what would change.", "default": True},
    revision=_REVISION,
)
_UNDO = _object(revision=_REVISION)


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
                "usual": studio.choices.usual_of(entry),
            }
            for entry in studio.checkpoints()
        ]

    @router.get("/samplers", response_model=answers.SamplerList, responses=problems())
    def sampler_list() -> Any:
        """Samplers and schedules by label; those of add-ons as <id>/<label>."""
        return {
            "samplers": [
                {"name": entry.label, "aliases": list(entry.aliases), "default_schedule": entry.default_schedule}
                for entry in studio.choices.samplers()
            ],
            "schedules": studio.choices.schedules(),
        }

    @router.get("/upscalers", response_model=list[answers.UpscalerAnswer], responses=problems())
    def upscalers(hires: bool = False) -> Any:
        """What enlarges: built-in filters, the models that are here, and what add-ons offer. With hires=true those on latents, too."""
        return [{"name": name, "model": known_upscaler(name) is None} for name in studio.choices.upscalers(latent=hires)]

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
        preferences = studio.preferences
        return {
            "revision": preferences.revision,
            "file": str(preferences.current.file),
            "undo": preferences.undoable,
            "settings": preferences.schema(),
        }

    @router.get(
        "/settings/export.yaml",
        response_class=Response,
        responses={200: {"content": {"application/yaml": {}}, "description": "Settings as YAML."}, **problems()},
        tags=["settings"],
    )
    def export_settings(everything: Annotated[bool, Query(description="Also those at their default.")] = False) -> Response:
        """Settings as a YAML file: those that are not at their default, each below its help. What is read at start only is left out."""
        headers = {"content-disposition": 'attachment; filename="easel-settings.yaml"', "cache-control": "no-store"}
        return Response(studio.preferences.as_text(everything), media_type="application/yaml", headers=headers)

    @router.post(
        "/settings/import",
        response_model=answers.SettingsImport,
        responses=problems(409, body=True),
        openapi_extra=_IMPORT,
        tags=["settings"],
    )
    async def import_settings(request: Request) -> Any:
        """Set what a YAML text says, all or nothing; with apply=false only look at it.

        Where lines can't be used, the error has all of them in `problems`: line, name, message and hint.
        """
        body = await json_object(request)
        text, apply, revision = body.get("text"), body.get("apply", True), body.get("revision")
        if not isinstance(text, str) or not isinstance(apply, bool) or not isinstance(revision, str | None) or set(body) - _IMPORTED:
            raise InvalidRequest("The body must be an object with a text.", field="text", hint='Send {"text": "picture_format: webp"}.')

        def take() -> Any:
            return studio.preferences.take_in(text, revision) if apply else studio.preferences.look_at(text)

        found = await to_thread.run_sync(take)
        left_out = [line.as_dict() for line in found.left_out]
        return {"changes": list(found.changes), "left_out": left_out, "settings": settings()}

    @router.post(
        "/settings/undo", response_model=answers.SettingsAnswer, responses=problems(409, body=True), openapi_extra=_UNDO, tags=["settings"]
    )
    async def undo_settings(request: Request) -> Any:
        """Take back the last change of settings since Easel was started; again for the one before it."""
        body = await json_object(request)
        revision = body.get("revision")
        if not isinstance(revision, str | None) or set(body) - {"revision"}:
            raise InvalidRequest("The body may have a revision and nothing else.", field="revision", hint="Send {}.")
        await to_thread.run_sync(lambda: studio.preferences.undo(revision))
        return settings()

    @router.get("/settings/example-path", response_model=answers.ExamplePath, responses=problems(), tags=["settings"])
    def example_path(
        asker: Asker,
        folder_pattern: Annotated[str | None, Query(max_length=300)] = None,
        name_pattern: Annotated[str | None, Query(max_length=300)] = None,
    ) -> Any:
        """Where a picture would go with these patterns (those in force where one is left out)."""
        given = {"folder_pattern": folder_pattern, "name_pattern": name_pattern}
        return {"path": studio.of(asker).example_path({name: value for name, value in given.items() if value is not None})}

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

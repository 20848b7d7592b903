"""Routes of presets: fields of a page kept by name, and carried as files."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.studio.field_presets import FieldPreset, Page, as_text, fit, from_text, read_preset
from webui.studio.studio import Studio

OfPage = Annotated[Page, Query(description="The page that it is for.")]
OfAnyPage = Annotated[Page | None, Query(description="Only those of this page.")]
Name = Annotated[str, Query(max_length=200, description="Its name.")]

_PRESET: dict[str, Any] = FieldPreset.model_json_schema(ref_template="#/components/schemas/{model}")
_PRESET["properties"]["was"] = {"type": ["string", "null"], "description": "Its name so far, to rename it."}
_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}


def build_preset_router(studio: Studio) -> APIRouter:
    """Routes below /presets."""
    router = new_router("presets")

    def told(preset: FieldPreset) -> dict[str, Any]:
        fitting = fit(preset, studio.choices.what_presets_name())
        return {**preset.model_dump(mode="json"), "usable": fitting.fields, "missing": list(fitting.missing)}

    @router.get("/presets", response_model=answers.FieldPresetList, responses=problems())
    def field_presets(page: OfAnyPage = None) -> Any:
        """Presets by name. `usable` are the fields that can be used here; `missing` says what can't, and why."""
        return {"items": [told(preset) for preset in studio.field_presets.all() if page in (None, preset.page)]}

    @router.put(
        "/presets", response_model=answers.FieldPresetAnswer, responses=problems(404, 409, body=True), openapi_extra=schema_of(_PRESET)
    )
    async def save_field_preset(request: Request) -> Any:
        """Keep fields by name: new ones, others for those of that name, or (with `was`) under another name."""
        body = await json_object(request)
        was = body.pop("was", None)
        if not isinstance(was, str | None):
            raise InvalidRequest("was can't be that.", field="was", allowed="the preset's name so far", hint="Leave it out for a new one.")
        preset = read_preset(body)
        return await to_thread.run_sync(lambda: told(studio.save_field_preset(preset, was)))

    @router.delete("/presets", response_model=answers.FieldPresetAnswer, responses=problems(404, body=True))
    def delete_field_preset(page: OfPage, name: Name) -> Any:
        """Delete a preset. The answer's name, page, usual and fields, sent back by PUT, keep it again."""
        return told(studio.delete_field_preset(page, name))

    @router.get(
        "/presets/export.yaml",
        response_class=Response,
        responses={200: {"content": {"application/yaml": {}}, "description": "Presets as YAML."}, **problems(404)},
    )
    def export_field_presets(page: OfAnyPage = None, name: Annotated[str | None, Query(max_length=200)] = None) -> Response:
        """Presets as a small YAML file: all, those of a page, or one."""
        if name is not None and page is None:
            raise InvalidRequest("The page is missing.", field="page", hint="Name the page of the preset.")
        kept = [one for one in studio.field_presets.all() if page in (None, one.page)]
        chosen = kept if name is None or page is None else [studio.field_presets.get(page, name)]
        headers = {"content-disposition": 'attachment; filename="easel-presets.yaml"', "cache-control": "no-store"}
        return Response(as_text(chosen), media_type="application/yaml", headers=headers)

    @router.post(
        "/presets/import", response_model=answers.FieldPresetList, responses=problems(409, body=True), openapi_extra=schema_of(_TEXT)
    )
    async def import_field_presets(request: Request) -> Any:
        """Keep the presets of such a file, all or none; one whose name is taken gets a number behind it."""
        body = await json_object(request)
        text = body.get("text")
        if not isinstance(text, str) or set(body) != {"text"}:
            raise InvalidRequest("The body must be an object with a text alone.", field="text", hint="Send what Export gave.")
        return await to_thread.run_sync(lambda: {"items": [told(preset) for preset in studio.add_field_presets(from_text(text))]})

    return router

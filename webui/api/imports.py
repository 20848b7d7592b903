"""Routes of imports: folders of other programs' pictures taken into history."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.jobs import Limit, schema_of
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.studio.studio import Studio

State = Annotated[
    Literal["waiting", "imported", "double", "foreign", "broken"] | None,
    Query(description="Only files that are so; left out: those that could not be taken in, with the reason."),
]
FirstNumber = Annotated[int, Query(ge=0, le=10_000_000, description="Number of the first one.")]

_FOLDER = {"type": "string", "description": "Whole path of a folder on Easel's machine."}
_WATCH = {"type": "boolean", "description": "Keep an eye on it: what comes later is taken in, too."}
_LOOK: dict[str, Any] = {"type": "object", "properties": {"folder": _FOLDER}, "required": ["folder"], "additionalProperties": False}
_ORDER: dict[str, Any] = {**_LOOK, "properties": {"folder": _FOLDER, "watch": {**_WATCH, "default": False}}}
_CHANGE: dict[str, Any] = {"type": "object", "properties": {"watch": _WATCH}, "required": ["watch"], "additionalProperties": False}


async def _fields(request: Request, wanted: dict[str, type], optional: dict[str, Any]) -> dict[str, Any]:
    """A body of just these fields. Raises InvalidRequest."""
    body = {**optional, **await json_object(request)}
    for name in (*wanted, *body):
        if name not in wanted or not isinstance(body.get(name), wanted[name]):
            names = ", ".join(wanted)
            raise InvalidRequest(f"{name[:80]!r} is missing or can't be used.", field=name[:80], allowed=names, hint=f"Send {names}.")
    return body


def build_import_router(studio: Studio) -> APIRouter:
    """Routes below /history/imports; to be looked through before /history/{image_id}."""
    router = new_router("imports")

    @router.get("/history/imports", response_model=answers.ImportList, responses=problems())
    def all_imports(asker: Asker) -> Any:
        """All imports, newest first. `import` events bring them up to date."""
        return {"items": studio.of(asker).imports.all()}

    @router.post("/history/imports/look", response_model=answers.ImportLook, responses=problems(body=True), openapi_extra=schema_of(_LOOK))
    async def look_for_imports(asker: Asker, request: Request) -> Any:
        """How many pictures lie in a folder and all folders in it; nothing is read yet."""
        body = await _fields(request, {"folder": str}, {})
        return await to_thread.run_sync(lambda: studio.of(asker).imports.look(body["folder"]))

    @router.post(
        "/history/imports",
        status_code=202,
        response_model=answers.Import,
        responses=problems(body=True),
        openapi_extra=schema_of(_ORDER),
    )
    async def import_folder(asker: Asker, request: Request) -> Any:
        """Take a folder into history. It is written down when this answers; one that is known is looked through again.

        Pictures stay where they are. However Easel ends, it goes on where it stopped, and nothing is taken in twice.
        """
        body = await _fields(request, {"folder": str, "watch": bool}, {"watch": False})
        return await to_thread.run_sync(lambda: studio.of(asker).imports.submit(body["folder"], watch=body["watch"]))

    @router.get("/history/imports/{import_id}", response_model=answers.Import, responses=problems(404))
    def one_import(asker: Asker, import_id: str) -> Any:
        """One import."""
        return studio.of(asker).imports.one(import_id)

    @router.patch(
        "/history/imports/{import_id}",
        response_model=answers.Import,
        responses=problems(404, body=True),
        openapi_extra=schema_of(_CHANGE),
    )
    async def watch_import(asker: Asker, import_id: str, request: Request) -> Any:
        """Keep an eye on its folder from now on, or no longer."""
        body = await _fields(request, {"watch": bool}, {})
        return await to_thread.run_sync(lambda: studio.of(asker).imports.watch(import_id, body["watch"]))

    @router.delete("/history/imports/{import_id}", status_code=204, response_class=Response, responses=problems(404, 409))
    def forget_import(asker: Asker, import_id: str) -> Response:
        """Forget an import that is at rest. Its pictures stay in history."""
        studio.of(asker).imports.forget(import_id)
        return Response(status_code=204)

    @router.get("/history/imports/{import_id}/files", response_model=answers.ImportFiles, responses=problems(404))
    def import_files(asker: Asker, import_id: str, offset: FirstNumber = 0, limit: Limit = 60, state: State = None) -> Any:
        """Files of an import by path, with what became of each."""
        return studio.of(asker).imports.files(import_id, offset, limit, state)

    @router.post("/history/imports/{import_id}/pause", response_model=answers.Import, responses=problems(404, 409, body=True))
    def pause_import(asker: Asker, import_id: str) -> Any:
        """Read nothing more for now."""
        return studio.of(asker).imports.pause(import_id)

    @router.post("/history/imports/{import_id}/resume", response_model=answers.Import, responses=problems(404, 409, body=True))
    def resume_import(asker: Asker, import_id: str) -> Any:
        """Go on where it stopped; where it has ended, look through the folder again."""
        return studio.of(asker).imports.resume(import_id)

    @router.post("/history/imports/{import_id}/cancel", response_model=answers.Import, responses=problems(404, 409, body=True))
    def cancel_import(asker: Asker, import_id: str) -> Any:
        """End it. What was taken in stays."""
        return studio.of(asker).imports.cancel(import_id)

    return router

"""Routes of batches: a folder or many files through img2img, inpainting or upscaling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response

from webui.api import answers
from webui.api.jobs import Limit, schema_of
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.errors import InvalidRequest
from webui.studio.batch_order import MOST_FILES, BatchOrder
from webui.studio.studio import Studio

State = Annotated[Literal["waiting", "running", "done", "failed", "cancelled"] | None, Query(description="Only files that are so.")]
FirstNumber = Annotated[int, Query(ge=0, le=MOST_FILES, description="Number of the first one.")]
FileNumber = Annotated[int, Path(ge=0, le=MOST_FILES, description="Of the file, from 0.")]


def _order_schema() -> dict[str, Any]:
    """The schema of an order, with its parts in their places: OpenAPI has no definitions inside of a schema."""
    schema = BatchOrder.model_json_schema()
    parts = schema.pop("$defs")
    for name, part in (("files", "UploadedFile"), ("masks", "UploadedMask")):
        schema["properties"][name]["items"] = parts[part]
    return schema


_LOOK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "folder": {"type": "string", "description": "Whole path of a folder with pictures on Easel's machine."},
        "mask_folder": {"type": "string", "description": "The same of one with masks; empty: none."},
    },
    "required": ["folder"],
    "additionalProperties": False,
}
_PLAN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "request": {"type": "object", "description": "Fields of a request of kind upscale, without its picture."},
        "folder": {"type": "string", "description": "Whole path of a folder with pictures on Easel's machine."},
        "sizes": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
            "maxItems": MOST_FILES,
            "description": "In place of a folder: width and height in px of the pictures, as far as they are known.",
        },
        "total": {"type": "integer", "minimum": 1, "maximum": MOST_FILES, "description": "How many pictures, where more than those sizes."},
    },
    "required": ["request"],
    "additionalProperties": False,
}
_KEPT_FOR_NOW = {"cache-control": "private, max-age=600"}


async def _in_thread(call: Callable[[], Any]) -> Any:
    # Disks and databases may take their time; the event loop must not wait.
    return await to_thread.run_sync(call)


def build_batch_router(studio: Studio) -> APIRouter:
    """Routes below /batches."""
    router = new_router("batches")

    @router.post(
        "/batches",
        status_code=202,
        response_model=answers.Batch,
        responses=problems(409, body=True),
        openapi_extra=schema_of(_order_schema()),
    )
    async def submit_batch_of_files(asker: Asker, request: Request) -> Any:
        """Take a batch. It is written down when this answers; its files go to the queue a few at a time, each as a job of its own.

        However Easel ends, it goes on where it stopped: no file is drawn on twice, and none is left out.
        """
        fields = await json_object(request)
        return await _in_thread(lambda: studio.of(asker).batches.submit(fields))

    @router.get("/batches", response_model=answers.BatchList, responses=problems())
    def batches(asker: Asker) -> Any:
        """All batches, newest first. `batch` events bring them up to date."""
        return {"items": studio.of(asker).batches.all()}

    @router.post("/batches/look", response_model=answers.BatchLook, responses=problems(body=True), openapi_extra=schema_of(_LOOK))
    async def look_into_folder(asker: Asker, request: Request) -> Any:
        """What a folder holds, and whether each picture has a mask; nothing is read yet."""
        body = {"mask_folder": "", **await json_object(request)}
        if set(body) != {"folder", "mask_folder"} or not all(isinstance(text, str) for text in body.values()):
            raise InvalidRequest(
                "The body must be an object with folder and, where there are masks, mask_folder.",
                field="folder",
                allowed="folder, mask_folder",
                hint="Send whole paths.",
            )
        return await _in_thread(lambda: studio.of(asker).batches.look(body["folder"], body["mask_folder"]))

    @router.post("/batches/plan", response_model=answers.BatchPlan, responses=problems(body=True), openapi_extra=schema_of(_PLAN))
    async def plan_upscales(asker: Asker, request: Request) -> Any:
        """About how long upscales will take and how much of the disk, before they begin. Of a folder some files tell for all."""
        fields = await json_object(request)
        return await _in_thread(lambda: studio.of(asker).batches.plan(fields))

    @router.get("/batches/{batch_id}", response_model=answers.Batch, responses=problems(404))
    def batch(asker: Asker, batch_id: str) -> Any:
        """One batch."""
        return studio.of(asker).batches.batch(batch_id)

    @router.delete("/batches/{batch_id}", status_code=204, response_class=Response, responses=problems(404, 409))
    def remove_batch(asker: Asker, batch_id: str) -> Response:
        """Forget an ended batch. Its pictures and jobs stay."""
        studio.of(asker).batches.remove(batch_id)
        return Response(status_code=204)

    @router.get("/batches/{batch_id}/files", response_model=answers.BatchFiles, responses=problems(404))
    def batch_files(asker: Asker, batch_id: str, offset: FirstNumber = 0, limit: Limit = 60, state: State = None) -> Any:
        """Files of a batch in order, with what became of each."""
        return studio.of(asker).batches.files(batch_id, offset, limit, state)

    @router.get(
        "/batches/{batch_id}/files/{number}/thumbnail",
        response_class=FileResponse,
        responses={200: {"content": {"image/webp": {}}, "description": "The file."}, **problems(404)},
    )
    def batch_thumbnail(asker: Asker, batch_id: str, number: FileNumber) -> FileResponse:
        """A file as it is before it is drawn on: a WebP of at most 256 px."""
        return FileResponse(studio.of(asker).batches.thumbnail(batch_id, number), media_type="image/webp", headers=_KEPT_FOR_NOW)

    @router.post("/batches/{batch_id}/pause", response_model=answers.Batch, responses=problems(404, 409, body=True))
    def pause_batch(asker: Asker, batch_id: str) -> Any:
        """Draw on no further file; the one that is being drawn goes on."""
        return studio.of(asker).batches.pause(batch_id)

    @router.post("/batches/{batch_id}/resume", response_model=answers.Batch, responses=problems(404, 409, body=True))
    def resume_batch(asker: Asker, batch_id: str) -> Any:
        """Go on where it was paused or cancelled."""
        return studio.of(asker).batches.resume(batch_id)

    @router.post("/batches/{batch_id}/cancel", response_model=answers.Batch, responses=problems(404, 409, body=True))
    def cancel_batch(asker: Asker, batch_id: str) -> Any:
        """End it: what is being drawn ends at its next step, finished pictures stay."""
        return studio.of(asker).batches.cancel(batch_id)

    @router.post("/batches/{batch_id}/retry", response_model=answers.Batch, responses=problems(404, 409, body=True))
    def retry_batch(asker: Asker, batch_id: str) -> Any:
        """Try the failed files again, once all others are done."""
        return studio.of(asker).batches.retry(batch_id)

    return router

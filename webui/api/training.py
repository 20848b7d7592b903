"""Routes of training: the pictures to learn from, and what is known of a run. Runs are ordered of the workshop, as all long work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from webui.api import answers
from webui.api.images import UPLOAD_TYPES
from webui.api.pictures import file_of
from webui.api.problems import UnsupportedMedia, new_router, problems
from webui.workshop.album import Album
from webui.workshop.workshop import Workshop

FolderPath = Annotated[str, Query(max_length=4_000, description="Whole path of a folder with pictures on Easel's machine.")]
PictureName = Annotated[str, Query(min_length=1, max_length=1_000, description="Of a picture in the folder, as `look` tells it.")]
SetName = Annotated[str, Query(max_length=200, description="Of the set of pictures; a folder is made for it.")]
FileName = Annotated[str, Query(max_length=300, description="What the file is called.")]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in UPLOAD_TYPES},
    }
}
_KEPT_FOR_NOW = {"cache-control": "private, max-age=600"}


async def _in_thread(call: Callable[[], Any]) -> Any:
    # Disks may take their time; the event loop must not wait.
    return await to_thread.run_sync(call)


def build_training_router(workshop: Workshop, album: Album) -> APIRouter:
    """Routes below /training."""
    router = new_router("training")

    @router.get("/training/look", response_model=answers.TrainingPictures, responses=problems())
    def look_at_pictures(folder: FolderPath) -> Any:
        """The pictures in a folder, with the captions in text files beside them. Nothing there is changed."""
        return album.look(folder)

    @router.get("/training/picture", response_class=Response, responses=file_of("image/webp"))
    def training_picture(folder: FolderPath, name: PictureName) -> Response:
        """One of them, small: a WebP of at most 320 px."""
        return Response(album.thumbnail(folder, name), media_type="image/webp", headers=_KEPT_FOR_NOW)

    @router.post(
        "/training/pictures",
        status_code=201,
        response_model=answers.TrainingSet,
        responses=problems(409, body=True),
        openapi_extra=_BODY,
    )
    async def add_training_picture(request: Request, set: SetName, name: FileName) -> Any:
        """Put a picture's bytes, with their own Content-Type, into a folder of Easel's own. Answers with its path."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in UPLOAD_TYPES:
            raise UnsupportedMedia(
                f"The body is {kind[:60]!r}.", field="Content-Type", allowed=", ".join(UPLOAD_TYPES), hint="Send a picture's bytes."
            )
        data = await request.body()
        return await _in_thread(lambda: {"folder": str(album.add(set, name, data))})

    @router.get("/training/runs/{order_id}", response_model=answers.TrainingRun, responses=problems(404))
    def training_run(order_id: str) -> Any:
        """A run: its order, the curve of its losses, smoothed, and its previews."""
        return workshop.run(order_id)

    @router.get("/training/runs/{order_id}/samples/{name}", response_class=FileResponse, responses=file_of("image/png"))
    def training_sample(order_id: str, name: str) -> FileResponse:
        """One preview."""
        return FileResponse(workshop.sample(order_id, name), media_type="image/png", headers=_KEPT_FOR_NOW)

    return router

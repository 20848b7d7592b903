"""Routes of pictures: files, thumbnails, folders."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from webui.api import answers
from webui.api.jobs import HIRES_SCHEMA, NEVER, Filmed, schema_of
from webui.api.person import Asker
from webui.api.problems import json_object, new_router, problems
from webui.errors import NotFound
from webui.studio.studio import Studio

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}


def file_of(kind: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with a file of that media type."""
    return {200: {"content": {kind: {}}, "description": "The file."}, **problems(404)}


def build_picture_router(studio: Studio) -> APIRouter:
    """Routes below /images, /thumbnails, /live, /examples and /pictures."""
    router = new_router("pictures")

    @router.get("/images/{image_id}", response_class=FileResponse, responses=file_of("image/*"))
    def image(asker: Asker, image_id: str, download: bool = False) -> FileResponse:
        """The picture itself: one of history by its id, as it was saved, with its recipe inside; an uploaded one by its SHA-256."""
        path, kind = studio.of(asker).image_file(image_id)
        return FileResponse(
            path,
            media_type=kind,
            headers=FOREVER,
            filename=path.name,
            content_disposition_type="attachment" if download else "inline",
        )

    @router.get("/images/{image_id}/source", response_class=Response, responses=file_of("image/png"))
    def source(asker: Asker, image_id: str) -> Response:
        """What a picture of history started from, as large as it and in its place, to be compared with it."""
        return Response(studio.of(asker).source_picture(image_id), media_type="image/png", headers=FOREVER)

    @router.get("/thumbnails/{image_id}", response_class=FileResponse, responses=file_of("image/webp"))
    def thumbnail(asker: Asker, image_id: str) -> FileResponse:
        """A WebP of at most 384 px."""
        return FileResponse(studio.of(asker).thumbnail_path(image_id), media_type="image/webp", headers=FOREVER)

    @router.get("/live/{job_id}", response_class=Response, responses=file_of("image/png"))
    def live(asker: Asker, job_id: str) -> Response:
        """A live picture (PNG), held in memory for a while."""
        return Response(studio.of(asker).live_picture(job_id), media_type="image/png", headers=NEVER)

    @router.post(
        "/images/{image_id}/hires",
        status_code=202,
        response_model=answers.Job,
        responses=problems(404, 409, 429, body=True),
        openapi_extra=schema_of(HIRES_SCHEMA),
    )
    async def enlarge(asker: Asker, image_id: str, request: Request, film: Filmed = None) -> Any:
        """Make a picture again, from the same seed, with a hires pass; fields left out are the picture's own."""
        fields = await json_object(request)
        return await to_thread.run_sync(lambda: studio.of(asker).enlarge(image_id, fields, film=film))

    @router.get("/examples/{example_id}", response_class=FileResponse, responses=file_of("image/*"))
    def example(example_id: str) -> FileResponse:
        """The picture of an example of the first visit."""
        for entry in studio.choices.examples():
            if entry.id == example_id:
                return FileResponse(entry.picture, headers=FOREVER)
        raise NotFound("There is no such example.")

    @router.post("/pictures/open-folder", status_code=204, responses=problems(409, body=True))
    def open_pictures_folder() -> None:
        """Show the pictures folder on the desktop of Easel's machine."""
        studio.open_folder()

    @router.post(
        "/images/{image_id}/open-folder",
        status_code=204,
        responses=problems(404, 409, body=True),
    )
    def open_folder_of(asker: Asker, image_id: str) -> None:
        """Show one picture in its folder on the desktop of Easel's machine."""
        studio.of(asker).open_folder(image_id)

    return router

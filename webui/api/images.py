"""Routes of the pictures that requests refer to, by the SHA-256 of their bytes."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from webui.api import answers
from webui.api.person import Asker
from webui.api.problems import UnsupportedMedia, new_router, problems
from webui.pictures.decoding import MEDIA_TYPES
from webui.studio.studio import Studio

UPLOAD_TYPES = tuple(dict.fromkeys(MEDIA_TYPES.values()))

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in UPLOAD_TYPES},
    }
}


def build_image_router(studio: Studio) -> APIRouter:
    """POST /images. What was sent is found at /images/{sha256}, beside the pictures of history."""
    router = new_router("pictures")

    @router.post("/images", status_code=201, response_model=answers.StoredImage, responses=problems(body=True), openapi_extra=_BODY)
    async def upload(asker: Asker, request: Request) -> Any:
        """Take a picture that requests can refer to by its SHA-256: its bytes, with their own Content-Type.

        The same bytes again cost nothing. Ask with HEAD /images/{sha256} first, so that nothing is sent twice; a picture
        of history is there already. It stays while a job refers to it, and for a week beside that (keep_uploads_hours).
        """
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in UPLOAD_TYPES:
            raise UnsupportedMedia(
                f"The body is {kind[:60]!r}.", field="Content-Type", allowed=", ".join(UPLOAD_TYPES), hint="Send a picture's bytes."
            )
        data = await request.body()
        return await to_thread.run_sync(lambda: studio.of(asker).images.put(data).as_dict())

    @router.head("/images/{image_id}", response_class=Response, responses={200: {"description": "It is there."}, **problems(404)})
    def is_there(asker: Asker, image_id: str) -> Response:
        """Whether a picture is there, by id or SHA-256. Asking for one that was uploaded lengthens its life."""
        path, kind = studio.of(asker).image_file(image_id)
        return Response(media_type=kind, headers={"content-length": str(path.stat().st_size)})

    return router

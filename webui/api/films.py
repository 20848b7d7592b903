"""Routes of films: what pictures looked like after each of their steps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response

from webui.api import answers
from webui.api.person import Asker
from webui.api.pictures import FOREVER, file_of
from webui.api.problems import new_router, problems
from webui.studio.film_export import ExportForm
from webui.studio.studio import Studio

PerSecond = Annotated[int, Query(ge=1, le=30, description="Frames in a second.")]


def build_film_router(studio: Studio) -> APIRouter:
    """Routes below /images/{image_id}/film."""
    router = new_router("pictures")

    @router.get("/images/{image_id}/film", response_model=answers.FilmAnswer, responses=problems(404))
    def film(asker: Asker, image_id: str) -> Any:
        """The frames of a picture's film, in order; 404 where it was not filmed, or its film has made room for newer ones."""
        frames = studio.of(asker).film(image_id).frames
        return {
            "frames": [
                {"number": number, "url": f"/api/v1/images/{image_id}/film/{number}", **asdict(facts)}
                for number, facts in enumerate(frames, 1)
            ]
        }

    @router.get(
        "/images/{image_id}/film/export",
        response_class=Response,
        responses={200: {"content": {"image/webp": {}, "image/gif": {}}, "description": "The file."}, **problems(404)},
    )
    def export(asker: Asker, image_id: str, form: ExportForm = "webp", per_second: PerSecond = 10) -> Response:
        """The film as one picture that moves, with the finished picture at its end; at most 512 px."""
        data = studio.of(asker).exported_film(image_id, form, per_second)
        name = PurePosixPath(studio.of(asker).picture_path(image_id).name).stem
        return Response(data, media_type=f"image/{form}", headers={**FOREVER, "content-disposition": _as_file(f"{name}-steps.{form}")})

    @router.get("/images/{image_id}/film/{number}", response_class=Response, responses=file_of("image/webp"))
    def frame(asker: Asker, image_id: str, number: int) -> Response:
        """One frame, by its number from 1: a WebP of at most 512 px."""
        return Response(studio.of(asker).film(image_id).frame(number), media_type="image/webp", headers=FOREVER)

    return router


def _as_file(name: str) -> str:
    # Names of pictures hold words of prompts in every script.
    return f"attachment; filename*=UTF-8''{quote(name)}"

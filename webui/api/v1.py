"""Easel's own REST API: /api/v1. One error shape: {"error": {code, message, field, allowed, hint}}."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from sse_starlette.sse import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from webui import __version__
from webui.errors import EaselError, InvalidRequest, NotFound
from webui.generation import samplers
from webui.generation.request import Txt2Img, parameters_of
from webui.studio.journal import parse_id
from webui.studio.studio import Studio

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
_NEVER = {"cache-control": "no-store"}
_LARGEST_PAGE = 200


def _answer(error: EaselError) -> JSONResponse:
    return JSONResponse({"error": error.as_dict()}, status_code=error.status)


def install_error_answers(app: FastAPI) -> None:
    """Give every error below /api the one shape."""

    @app.exception_handler(EaselError)
    async def easel_error(_request: Request, error: EaselError) -> JSONResponse:
        return _answer(error)

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = str(first["loc"][-1]) if first["loc"] else None
        return _answer(InvalidRequest(f"{field} can't be used: {first['msg']}.", field=field, hint="/api/v1/openapi.json has the ranges."))

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        words = {404: "There is nothing at this address.", 405: "This address doesn't take that method."}
        problem = EaselError(
            words.get(error.status_code, str(error.detail)),
            code=f"http_{error.status_code}",
            hint="/api/v1/openapi.json has all addresses.",
        )
        return JSONResponse({"error": problem.as_dict()}, status_code=error.status_code, headers=dict(error.headers or {}))


async def _json_body(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"The body is not JSON ({error}).", hint='Send one JSON object, for example {"prompt": "a red apple"}.'
        ) from None


_TXT2IMG_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Txt2Img.model_json_schema(ref_template="#/components/schemas/{model}")}},
    }
}


def build_router(studio: Studio) -> APIRouter:
    """All routes of /api/v1 over one studio."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/health")
    def health() -> dict[str, Any]:
        """State, device, dtype, version, queue length."""
        worker = studio.worker()
        return {
            "state": worker["state"],
            "device": worker["device"],
            "dtype": worker["dtype"],
            "version": __version__,
            "queue": studio.waiting_count(),
        }

    @router.get("/snapshot")
    def snapshot() -> dict[str, Any]:
        """Jobs, worker, newest pictures; follow /events from its seq."""
        return studio.snapshot()

    @router.get("/events")
    async def events(
        after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None, last_event_id: Annotated[str | None, Header()] = None
    ) -> EventSourceResponse:
        """Server-sent events; resumes after Last-Event-ID or `after`."""
        seq = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else after
        start = studio.events.seq if seq is None else seq

        async def stream() -> AsyncIterator[dict[str, str]]:
            async for event in studio.events.follow(start):
                yield {"id": str(event["seq"]), "data": json.dumps(event, ensure_ascii=False)}

        return EventSourceResponse(stream(), ping=15, headers=_NEVER)

    @router.post("/jobs", status_code=202, openapi_extra=_TXT2IMG_BODY)
    async def submit(request: Request) -> dict[str, Any]:
        """Take a job; fields left out are the checkpoint's own defaults. It is in the journal when this answers."""
        body = await _json_body(request)
        return await _in_thread(lambda: studio.submit(studio.complete(body)))

    @router.get("/jobs/{job_id}")
    def job(job_id: str) -> dict[str, Any]:
        """One job with its pictures."""
        return studio.job(job_id)

    @router.post("/jobs/{job_id}/interrupt")
    def interrupt(job_id: str) -> dict[str, Any]:
        """End a job at its next step; finished pictures stay."""
        return studio.interrupt(job_id)

    @router.post("/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> dict[str, Any]:
        """End a waiting or running job."""
        return studio.cancel(job_id)

    @router.post("/jobs/{job_id}/skip")
    def skip(job_id: str) -> dict[str, Any]:
        """End the picture being made and go on with the next."""
        return studio.skip(job_id)

    @router.get("/jobs/{job_id}/preview", response_class=Response)
    def preview(job_id: str) -> Response:
        """The newest preview of a running job (JPEG)."""
        return Response(studio.preview(job_id), media_type="image/jpeg", headers=_NEVER)

    @router.get("/live/{job_id}", response_class=Response)
    def live(job_id: str) -> Response:
        """A live picture (PNG), held in memory for a while."""
        return Response(studio.live_picture(job_id), media_type="image/png", headers=_NEVER)

    @router.get("/history")
    def history(
        limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = 60, before: Annotated[str | None, Query(max_length=19)] = None
    ) -> dict[str, Any]:
        """Pictures newest first; ask for the next page with before=next."""
        items, following = studio.history.page(before=None if before is None else parse_id(before), limit=limit)
        return {"items": items, "next": following, "total": studio.history.total()}

    @router.get("/history/{image_id}")
    def history_item(image_id: str) -> dict[str, Any]:
        """One picture with every parameter."""
        return studio.history_item(image_id)

    @router.get("/images/{image_id}", response_class=FileResponse)
    def image(image_id: str, download: bool = False) -> FileResponse:
        """The picture itself, as it was saved, with its recipe inside."""
        path = studio.picture_path(image_id)
        return FileResponse(
            path,
            media_type="image/png",
            headers=_FOREVER,
            filename=path.name,
            content_disposition_type="attachment" if download else "inline",
        )

    @router.get("/thumbnails/{image_id}", response_class=FileResponse)
    def thumbnail(image_id: str) -> FileResponse:
        """A WebP of at most 384 px."""
        return FileResponse(studio.thumbnail_path(image_id), media_type="image/webp", headers=_FOREVER)

    @router.get("/checkpoints")
    def checkpoints() -> list[dict[str, Any]]:
        """All checkpoints, unusable ones with their reason."""
        return [
            {"name": entry.name, "usable": entry.usable, "problem": entry.problem, "hint": entry.hint, "defaults": dict(entry.defaults)}
            for entry in studio.checkpoints()
        ]

    @router.get("/examples/{example_id}", response_class=FileResponse)
    def example(example_id: str) -> FileResponse:
        """The picture of an example of the first visit."""
        for entry in studio.examples():
            if entry.id == example_id:
                return FileResponse(entry.picture, headers=_FOREVER)
        raise NotFound("There is no such example.")

    @router.get("/samplers")
    def sampler_list() -> dict[str, Any]:
        """Samplers and schedules by label."""
        return {
            "samplers": [
                {"name": entry.label, "aliases": list(entry.aliases), "default_schedule": entry.default_schedule}
                for entry in samplers.SAMPLERS
            ],
            "schedules": list(samplers.SCHEDULE_LABELS),
        }

    @router.get("/parameters")
    def parameters() -> list[dict[str, Any]]:
        """Every field of a txt2img request: label, help, default, range, unit."""
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
            for info in parameters_of(Txt2Img).values()
        ]

    known = list(router.routes)

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def nothing_here(request: Request) -> None:
        """Answer for the rest of /api/v1, which would reach the page otherwise."""
        wrong_method = any(route.matches(request.scope)[0] is Match.PARTIAL for route in known)
        raise HTTPException(405 if wrong_method else 404)

    return router


async def _in_thread(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    # Database and hashing may wait; the event loop must not.
    return await to_thread.run_sync(call)

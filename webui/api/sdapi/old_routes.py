"""Addresses that clients still try beside the API, to find out who is there."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from webui.api.sdapi import answers
from webui.api.sdapi.asking import asking
from webui.api.sdapi.problems import A1111Route
from webui.api.sdapi.work import Desk
from webui.studio.studio import Studio


def build_old_router(studio: Studio, desk: Desk) -> APIRouter:
    """A few shims, none of which is needed by anything of ours."""
    router = APIRouter(tags=["old"], route_class=A1111Route)

    @router.get("/queue/status", response_model=answers.QueueStatus)
    def queue_status(request: Request) -> Any:
        """What Gradio 3 said; cyanic-sd-krita is connected when this answers."""
        return {
            "msg": "estimation",
            "rank": None,
            "queue_size": len(desk.pending(asking(studio, request))),
            "avg_event_process_time": None,
            "avg_event_concurrent_process_time": None,
            "rank_eta": None,
            "queue_eta": 0.0,
        }

    @router.head("/", response_class=Response)
    def somebody_is_there() -> Response:
        """Aiya looks whether anybody answers."""
        return Response(media_type="text/html")

    @router.get("/login_check", response_model=None)
    def login_check() -> None:
        """Whoever gets this answer was let in."""

    @router.get("/system_stats", response_model=None)
    def system_stats() -> Response:
        """By an answer here clients would take Easel for ComfyUI."""
        return JSONResponse({"detail": "Not Found"}, status_code=404)

    return router


def build_docs(schema: dict[str, Any]) -> APIRouter:
    """What OpenAPI says of AUTOMATIC1111's API, for programs and for people."""
    router = APIRouter()

    @router.get("/openapi.json", response_model=None)
    def openapi() -> Response:
        return JSONResponse(schema)

    @router.get("/docs", response_model=None)
    def docs() -> Response:
        rows = [
            f"<tr><td>{method.upper()}</td><td>{path}</td><td>{told.get('description') or told.get('summary', '')}</td></tr>"
            for path, methods in schema["paths"].items()
            for method, told in methods.items()
        ]
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Easel: the API of AUTOMATIC1111</title>'
        style = "<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0}td{padding:.2rem 1rem .2rem 0}</style>"
        words = '<h1>The API of AUTOMATIC1111</h1><p>Fields and answers: <a href="/openapi.json">openapi.json</a>. '
        own = 'Easel\'s own API: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>'
        return HTMLResponse(f"{head}{style}{words}{own}<table>{''.join(rows)}</table></html>")

    return router

"""All routes of AUTOMATIC1111's API, in the order in which they are looked through."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute, Match, Route

from webui import __version__
from webui.api.sdapi.controlnet import build_controlnet_router
from webui.api.sdapi.drawing import build_drawing_router
from webui.api.sdapi.extras import build_extras_router
from webui.api.sdapi.lists import build_list_router
from webui.api.sdapi.old_routes import build_docs, build_old_router
from webui.api.sdapi.options import OptionBook
from webui.api.sdapi.problems import plain_answer
from webui.api.sdapi.progress import build_progress_router
from webui.api.sdapi.work import Desk
from webui.studio.studio import Studio

BEGINNINGS = ("/sdapi", "/controlnet", "/internal")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def build_sdapi_routers(studio: Studio) -> list[APIRouter]:
    """Routers over one studio; each is included with include_in_schema=False, since OpenAPI has a document of its own for them."""
    options, desk = OptionBook(studio), Desk(studio)
    parts = [
        build_drawing_router(studio, options, desk),
        build_extras_router(studio, desk),
        build_progress_router(studio, desk),
        build_list_router(studio, options),
        build_controlnet_router(studio, options),
        build_old_router(studio, desk),
    ]
    routes = [route for part in parts for route in part.routes]
    return [*parts, build_docs(_openapi(routes)), _build_rest(routes)]


def _openapi(routes: list[BaseRoute]) -> dict[str, Any]:
    return get_openapi(title="The API of AUTOMATIC1111, by Easel", version=__version__, routes=routes)


def _build_rest(known: list[BaseRoute]) -> APIRouter:
    """The answer for all else below these beginnings, which would reach the page otherwise."""
    router = APIRouter()

    def nothing_here(request: Request) -> Response:
        partly = [route for route in known if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL]
        methods = sorted({method for route in partly for method in route.methods or ()})
        return plain_answer(405, "Method Not Allowed", {"allow": ", ".join(methods)}) if methods else plain_answer(404, "Not Found")

    for beginning in BEGINNINGS:
        router.add_api_route(beginning + "/{path:path}", nothing_here, methods=list(METHODS), response_model=None)
    return router

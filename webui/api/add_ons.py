"""Routes of what add-ons put on the page: what there is to draw, their callbacks and files; and the routes that are their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.routing import APIRoute

from webui.api import answers
from webui.api.jobs import schema_of
from webui.api.person import person_of
from webui.api.problems import json_object, new_router, problems
from webui.errors import EaselError, InvalidRequest
from webui.extensions.named import AddOnFailed
from webui.people import Person, Scope
from webui.studio.studio import Studio

EXTENSION_PREFIX = "/api/ext"
"""Below it each add-on has its own routes."""

AddOnId = Annotated[str, Path(min_length=1, max_length=100, description="The add-on's id.")]

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_CALL = {
    "type": "object",
    "required": ["key", "name"],
    "additionalProperties": False,
    "properties": {
        "key": {"type": "string", "description": "Of the panel, tab, script or event, as /add-ons/page tells it."},
        "name": {"type": "string", "description": "Of the button, or of the field that changed."},
        "values": {"type": "object", "description": "Values of the fields there, by name."},
    },
}


def build_add_on_router(studio: Studio) -> APIRouter:
    """Routes below /add-ons."""
    router = new_router("add-ons")

    @router.get("/add-ons/page", response_model=answers.AddOnPage, responses=problems())
    def add_on_page() -> Any:
        """Panels, tabs, scripts and events that add-ons declare, and the files that the page loads for them."""
        return studio.add_ons.page()

    @router.post(
        "/add-ons/{extension}/calls",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "Events."}, **problems(404, body=True)},
        openapi_extra=schema_of(_CALL),
    )
    async def call_add_on(extension: AddOnId, request: Request) -> StreamingResponse:
        """Press a button of an add-on, or tell it of a change. Events: {"set": {name: value}}, several, or {"error": ...}."""
        body = {"values": {}, **await json_object(request)}
        if set(body) != {"key", "name", "values"} or not isinstance(body["key"], str) or not isinstance(body["name"], str):
            raise InvalidRequest(
                "The body must be an object with key and name.", field="key", allowed="key, name, values", hint="See /add-ons/page."
            )
        person = person_of(request)
        person.need(Scope.GENERATE)
        made = studio.add_ons.call(extension, body["key"], body["name"], body["values"], person)
        # What is wrong with the call itself is told by its status.
        first = await to_thread.run_sync(lambda: next(made, None))
        return StreamingResponse(_events(first, made), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @router.get(
        "/add-ons/{extension}/files/{name:path}",
        response_class=FileResponse,
        responses={200: {"content": {"text/javascript": {}, "text/css": {}}, "description": "The file."}, **problems(404)},
    )
    def add_on_file(extension: AddOnId, name: str) -> FileResponse:
        """A script or style that an add-on named for the page."""
        path = studio.add_ons.asset(extension, name)
        return FileResponse(path, media_type=_TYPES[path.suffix], headers={"cache-control": "no-cache"})

    return router


def _events(first: dict[str, Any] | None, rest: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    try:
        if first is not None:
            yield _event({"set": first})
        for made in rest:
            yield _event({"set": made})
    except EaselError as problem:
        yield _event({"error": problem.as_dict()})


def _event(told: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(told, ensure_ascii=False).encode() + b"\n\n"


# --- routes of their own ---


class RouteRefused(ValueError):
    """A route that an add-on may not have."""


def build_extension_routers(studio: Studio) -> list[APIRouter]:
    """The routes of each add-on, below /api/ext/<id>; those of one that wants others are left out, and that is its fault."""
    routers = []
    for extension in studio.extensions.extensions_with("routes"):
        router = _router_of(studio, extension)
        started = time.perf_counter()
        if not studio.extensions.tell(extension, "routes", router=router):
            continue
        try:
            _check_routes(extension, router)
        except RouteRefused as refused:
            studio.extensions.record(extension, "routes", refused, time.perf_counter() - started)
        else:
            routers.append(router)
    return routers


def _router_of(studio: Studio, extension: str) -> APIRouter:
    def with_easel(request: Request) -> None:
        request.state.easel = studio.easel(extension, _allowed(request))

    return APIRouter(
        prefix=f"{EXTENSION_PREFIX}/{extension}",
        dependencies=[Depends(with_easel)],
        route_class=_route_class(studio, extension),
        include_in_schema=False,
    )


def _allowed(request: Request) -> Person:
    """Who asks. Raises NotAllowed for a token that may only read where something is changed."""
    person = person_of(request)
    person.need(Scope.READ if request.method in ("GET", "HEAD") else Scope.GENERATE)
    return person


def _route_class(studio: Studio, extension: str) -> type[APIRoute]:
    class AddOnRoute(APIRoute):
        """One whose faults are the add-on's."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def isolated(request: Request) -> Response:
                started = time.perf_counter()
                try:
                    return await handle(request)
                except EaselError:
                    raise
                except (Exception, SystemExit) as error:
                    if type(error).__module__.split(".")[0] in ("fastapi", "starlette"):
                        raise  # an answer: a wrong parameter, HTTPException
                    fault = studio.extensions.record(extension, f"route {self.path}", error, time.perf_counter() - started)
                    raise AddOnFailed(f"The add-on {extension} failed: {fault.message}.", hint="The log has the traceback.") from None

            return isolated

    return AddOnRoute


def _check_routes(extension: str, router: APIRouter) -> None:
    """Raises RouteRefused for a route that is not the add-on's own, or that the door in front of it does not know."""
    own = f"{EXTENSION_PREFIX}/{extension}/"
    for route in router.routes:
        path = str(getattr(route, "path", ""))
        if not isinstance(route, APIRoute) or type(route).__name__ != "AddOnRoute":
            raise RouteRefused(f"{path or route} is no plain route of its router, so Easel's door would not stand before it")
        if not path.startswith(own) or ".." in path.split("/"):
            raise RouteRefused(f"it wants a route at {path}, which is not below {own}")
        if not route.dependencies:
            raise RouteRefused(f"{path} would be answered to anybody")

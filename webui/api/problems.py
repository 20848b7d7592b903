"""Every error below /api in one shape, and which ones each route may answer with."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from webui.api.answers import ErrorAnswer
from webui.errors import EaselError, InvalidRequest
from webui.redaction import told

PREFIX = "/api/v1"

_MEANING: dict[int, str] = {
    401: "There are accounts, and nobody is logged in: log in, or send a token or name and password.",
    403: "Who asks may not do that. Or another web page or another name of this machine asked; or a setting that is read at start only.",
    404: "There is nothing with that id.",
    408: "The body came too slowly.",
    409: "The thing asked for doesn't fit the present state.",
    413: "The body is larger than 2 MB, or 64 MB for a picture.",
    415: "The body is of a type that isn't taken here.",
    422: "A value that can't be used; names the field, the allowed range and the way out.",
    429: "The queue is full, too many follow the events, or wrong passwords came too often. `Retry-After` says when to try again.",
    502: "The source of a download did not give what it was asked for.",
    503: "The data folder can't be written just now.",
    507: "The disk is full. Nothing was taken; try again once there is room.",
}
_ALWAYS = (401, 403, 422, 503)
_WITH_BODY = (408, 413, 415, 507)


def problems(*statuses: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these, those that any route may give, and with `body` those about bodies and writing."""
    wanted = sorted({*statuses, *_ALWAYS, *(_WITH_BODY if body else ())})
    return {status: {"model": ErrorAnswer, "description": _MEANING[status]} for status in wanted}


def new_router(tag: str) -> APIRouter:
    """An empty router below /api/v1, whose routes are called in OpenAPI as their functions are."""
    return APIRouter(prefix=PREFIX, tags=[tag], generate_unique_id_function=lambda route: route.name)


def answer_with(error: EaselError) -> JSONResponse:
    """An error as its answer."""
    headers = {"retry-after": str(error.retry_after)} if error.retry_after is not None else None
    return JSONResponse({"error": told(error)}, status_code=error.status, headers=headers)


def install_error_answers(app: FastAPI) -> None:
    """Give every error below /api the one shape."""

    @app.exception_handler(EaselError)
    async def easel_error(_request: Request, error: EaselError) -> JSONResponse:
        return answer_with(error)

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = str(first["loc"][-1]) if first["loc"] else None
        return answer_with(
            InvalidRequest(f"{field} can't be used: {first['msg']}.", field=field, hint="/api/v1/openapi.json has the ranges.")
        )

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        words = {404: "There is nothing at this address.", 405: "This address doesn't take that method."}
        problem = EaselError(
            words.get(error.status_code, str(error.detail)),
            code=f"http_{error.status_code}",
            hint="/api/v1/openapi.json has all addresses.",
        )
        return JSONResponse({"error": problem.as_dict()}, status_code=error.status_code, headers=dict(error.headers or {}))


class UnsupportedMedia(EaselError):
    """A body of another type than JSON."""

    code = "unsupported_media_type"
    status = 415


async def json_body(request: Request) -> Any:
    """The body of a request. Raises UnsupportedMedia, or InvalidRequest where it is no JSON or names a field twice."""
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia(f"The body is {kind[:60]!r}.", field="Content-Type", allowed="application/json", hint="Send JSON.")
    try:
        return json.loads(await request.body(), object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"The body is not JSON ({error}).", hint='Send one JSON object, for example {"prompt": "a red apple"}.'
        ) from None


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object. Raises as `json_body` does."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.", hint='Send something like {"name": "value"}.')
    return body


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {double[:80]!r} stands there twice")
    return result

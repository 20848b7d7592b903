"""Errors as clients of AUTOMATIC1111 know them: {"detail"}, and a list in it where a body is at fault."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from webui.errors import EaselError, InvalidRequest
from webui.redaction import without_home

log = logging.getLogger(__name__)

_NAMES = {"out_of_memory": "OutOfMemoryError"}
"""Codes of ours that clients look for by the name of AUTOMATIC1111's exception: then they unload the model and try again."""

CLIENT_GONE = Response(status_code=499)
"""Goes nowhere: the client has hung up."""

_MOST_TOLD = 20
"""Complaints about one body that are listed."""


class AsTold(EaselError):
    """An error that clients know by its words: `detail` is AUTOMATIC1111's text, message and hint are ours."""

    code = "as_told"

    def __init__(self, detail: str, message: str, *, status: int, hint: str = "", field: str | None = None) -> None:
        super().__init__(message, hint=hint, field=field)
        self.detail = detail
        self.status = status


class BadBody(EaselError):
    """A body that isn't what it should be. complaints: FastAPI's list of {loc, msg, type}."""

    code = "bad_body"
    status = 422

    def __init__(self, complaints: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(str(one["msg"]) for one in complaints))
        self.complaints = complaints


def bad_field(field: str | None, words: str) -> BadBody:
    """A body with one field at fault."""
    return BadBody([complaint(field, words)])


def complaint(field: str | None, words: str, kind: str = "value_error") -> dict[str, Any]:
    """What is wrong with one field of a body, or with all of it."""
    return {"loc": ["body", *([field] if field else [])], "msg": words, "type": kind}


def of_validation(error: ValidationError) -> BadBody:
    """What pydantic has against a body."""
    told = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_TOLD]
    return BadBody([{"loc": ["body", *one["loc"]], "msg": one["msg"], "type": one["type"]} for one in told])


def answer_of(error: EaselError) -> JSONResponse:
    """An error as its answer."""
    headers = {"retry-after": str(error.retry_after)} if error.retry_after is not None else None
    return JSONResponse(_told(_body_of(error)), status_code=error.status, headers=headers)


def _body_of(error: EaselError) -> dict[str, Any]:
    if isinstance(error, BadBody):
        return {"detail": error.complaints}
    if isinstance(error, InvalidRequest) and error.status == InvalidRequest.status:
        return {"detail": [complaint(error.field, str(error))]}
    return {
        "error": _NAMES.get(error.code, "HTTPException" if isinstance(error, AsTold) else type(error).__name__),
        "detail": error.detail if isinstance(error, AsTold) else error.message,
        "body": "",
        "errors": str(error),
    }


def _told(words: Any) -> Any:
    """The same without the home folder of this machine's account."""
    if isinstance(words, dict):
        return {name: _told(value) for name, value in words.items()}
    if isinstance(words, list):
        return [_told(value) for value in words]
    return without_home(words) if isinstance(words, str) else words


def plain_answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error that is told by one word, as FastAPI does by itself."""
    return JSONResponse({"detail": detail}, status_code=status, headers=headers)


class A1111Route(APIRoute):
    """A route whose errors have AUTOMATIC1111's shape, whatever they are."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, and the answers to what it raises."""
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            if request.method != "GET":
                # Read here: what the door says of a body that is too long or too slow goes past the answers below.
                try:
                    await request.body()
                except ClientDisconnect:
                    return CLIENT_GONE
            try:
                return await handler(request)
            except EaselError as error:
                return answer_of(error)
            except RequestValidationError as error:
                return JSONResponse({"detail": jsonable_encoder(error.errors())}, status_code=422)
            except HTTPException as error:
                return plain_answer(error.status_code, str(error.detail), dict(error.headers or {}))
            except Exception as error:  # clients read a body as JSON, whatever happened
                log.exception("%s %s met something unexpected.", request.method, request.url.path)
                words = "Something unexpected went wrong in Easel; its log says more."
                return JSONResponse({"error": type(error).__name__, "detail": words, "body": "", "errors": words}, status_code=500)

        return answered

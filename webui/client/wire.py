"""How questions go over the wire: what httpx is given, and what its answers become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from webui.client.data import Data
from webui.client.errors import EaselError, Unreachable, error_of

FIRST_BYTES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp"}


def options(url: str, token: str | None, timeout: float) -> dict[str, Any]:
    """What an httpx client is made with. Raises EaselError for an address that can't be one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EaselError(f"{url!r} is no address of an Easel.", field="url", hint="Write it like http://127.0.0.1:7860.")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # trust_env: a proxy of the surroundings must not be asked for this machine's own addresses.
    return {"base_url": url.rstrip("/"), "headers": headers, "timeout": timeout, "trust_env": False}


def question(
    method: str, path: str, query: Mapping[str, Any] | None, headers: Mapping[str, str | None] | None, body: Any, content_type: str
) -> dict[str, Any]:
    """What httpx is asked for one question. What is None in query and headers is left out."""
    sent: dict[str, Any] = {
        "method": method,
        "url": path,
        "params": {name: _plain(value) for name, value in (query or {}).items() if value is not None},
        "headers": {name: value for name, value in (headers or {}).items() if value is not None},
    }
    if isinstance(body, bytes):
        sent |= {"content": body, "headers": {**sent["headers"], "Content-Type": content_type}}
    elif body is not None:
        sent["json"] = as_json(body)
    return sent


def as_json(value: Any) -> Any:
    """A body as JSON has it; of models the fields that were given."""
    if isinstance(value, Data):
        return value.as_json()
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return to_jsonable_python(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def read(response: httpx.Response, answer: Any) -> Any:
    """An answer as that type; the body of `response` has been read. Raises what webui.client.errors has."""
    if response.status_code >= 400:
        raise refused(response)
    if answer is None:
        return None
    if answer is bytes:
        return response.content
    try:
        return _adapter(answer).validate_python(response.json())
    except (ValidationError, ValueError) as error:
        raise EaselError(
            f"The answer of {response.request.url.path} is not what this client knows: {str(error).splitlines()[0]}.",
            code="unknown_answer",
            hint="Use the client of the Easel that you ask.",
            status=response.status_code,
        ) from error


def refused(response: httpx.Response) -> EaselError:
    """The exception for an answer of 400 or more, whose body has been read."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return error_of(response.status_code, body, response.headers.get("retry-after"))


def unreachable(url: str, error: Exception) -> Unreachable:
    """The exception for an address that doesn't answer."""
    why = str(error) or type(error).__name__
    return Unreachable(f"The Easel at {url} doesn't answer ({why}).", code="unreachable", hint="Start it with: python launch.py")


def content_type_of(picture: bytes) -> str:
    """The type of a picture by its first bytes. Raises EaselError where that is none that Easel takes."""
    for first, kind in FIRST_BYTES.items():
        if picture.startswith(first):
            return kind
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    if picture[4:8] == b"ftyp" and picture[8:11] == b"avi":
        return "image/avif"
    raise EaselError("These bytes are no picture that Easel takes.", field="picture", allowed="PNG, JPEG, WebP, AVIF, GIF, BMP")


def event_data(text: str) -> dict[str, Any] | None:
    """What an event of a stream says; None for one that is no JSON object."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def model(kind: type[BaseModel], data: Any) -> Any:
    """A part of an event as a model; None where it isn't one."""
    try:
        return kind.model_validate(data)
    except ValidationError:
        return None


@cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)

"""The door: who may talk to Easel from a browser, and what a page of ours may load. Plain ASGI, so streams flow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from webui.errors import CrossSite, EaselError, TooLarge, TooSlow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_JSON_BYTES = 2 * 1024 * 1024
MAX_PICTURE_BYTES = 64 * 1024 * 1024
BODY_SECONDS = 30.0
"""Longest pause between two parts of a body."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a form on any web page can send without asking first; never what our own clients send to the API.
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")

HEADERS = {
    # Gradio's bundle needs inline scripts and eval; everything else stays with our own origin.
    "content-security-policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def _host_name(netloc: str) -> str | None:
    try:
        return urlsplit(f"//{netloc}").hostname
    except ValueError:
        return None


class Door:
    """Refuses foreign Hosts (DNS rebinding) and cross-site requests, caps bodies, adds security headers.

    A request without Origin is a program, not a web page, and passes; a browser sends Origin with every
    unsafe request and every cross-origin one.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, then hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {key.lower() for key, _ in message.get("headers", [])}
                added = [(key.encode(), value.encode()) for key, value in HEADERS.items() if key.encode() not in present]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        try:
            self._check(scope)
        except EaselError as error:
            await _refuse(scope, receive, send_with_headers, error)
            return
        limited = _limit_body(receive, _most_bytes(scope)) if scope["type"] == "http" and _is_api(scope) else receive
        try:
            await self._app(scope, limited, send_with_headers)
        except _BodyRefused as refused:
            await _refuse(scope, receive, send_with_headers, refused.reason)

    def _check(self, scope: Scope) -> None:
        host = _header(scope, b"host")
        if host is None or _host_name(host) not in LOOPBACK_NAMES:
            raise CrossSite(
                "Easel answers only under the names of this machine.",
                field="Host",
                allowed=", ".join(sorted(LOOPBACK_NAMES)),
                hint="Open http://127.0.0.1 with its port.",
            )
        origin = _header(scope, b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise CrossSite(
                "Another web page asked this; Easel answers its own pages only.", field="Origin", hint="Use Easel's own page, or a program."
            )
        unsafe = scope["type"] == "http" and scope["method"] not in _SAFE_METHODS
        if unsafe and origin is None and _header(scope, b"sec-fetch-site") not in (None, "same-origin", "none"):
            raise CrossSite(
                "Another web page asked this; Easel answers its own pages only.", field="Sec-Fetch-Site", hint="Use Easel's own page."
            )
        if unsafe and _is_api(scope):
            if _body_type(scope).startswith(_FORM_TYPES):
                raise CrossSite("Forms are not accepted here.", field="Content-Type", allowed="application/json", hint="Send JSON.")
            length = _header(scope, b"content-length")
            if length is not None and length.isdigit() and int(length) > _most_bytes(scope):
                raise _too_large(_most_bytes(scope))


def _body_type(scope: Scope) -> str:
    return (_header(scope, b"content-type") or "").split(";")[0].strip().lower()


def _most_bytes(scope: Scope) -> int:
    """How long a body may be: pictures are larger than JSON."""
    return MAX_PICTURE_BYTES if _body_type(scope).startswith("image/") else MAX_JSON_BYTES


def _is_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/api/")


class _BodyRefused(Exception):
    def __init__(self, reason: EaselError) -> None:
        super().__init__(reason)
        self.reason = reason


def _too_large(most: int) -> TooLarge:
    return TooLarge("The request's body is too large.", allowed=f"at most {most // 1024**2} MB", hint="Send less at once.")


def _limit_body(receive: Receive, most: int) -> Receive:
    """The body may neither be too long nor dribble in for ever; what comes after it (the end of the connection) may."""
    seen = 0
    complete = False

    async def limited() -> Message:
        nonlocal seen, complete
        try:
            message = await (receive() if complete else asyncio.wait_for(receive(), BODY_SECONDS))
        except TimeoutError:
            raise _BodyRefused(TooSlow("The request's body came too slowly.", hint="Send it again.")) from None
        seen += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if seen > most:
            raise _BodyRefused(_too_large(most))
        return message

    return limited


async def _refuse(scope: Scope, receive: Receive, send: Send, error: EaselError) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"error": error.as_dict()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

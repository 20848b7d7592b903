"""The door: under which names Easel answers, to which web pages, and what a page of ours may load. Plain ASGI, so streams flow.

Who asks is the next question: `webui.api.entrance`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from webui.errors import CrossSite, EaselError, TooLarge, TooSlow
from webui.redaction import told, without_home
from webui.settings import Settings, is_loopback

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_JSON_BYTES = 2 * 1024 * 1024
MAX_PICTURE_BYTES = 64 * 1024 * 1024
MOST_BYTES = {
    # An add-on as a zip.
    "/api/v1/extensions/zip": MAX_PICTURE_BYTES,
    "/api/": MAX_JSON_BYTES,
    # Pictures as base64 within the JSON, one third longer than by themselves; several in one body.
    "/sdapi/": 2 * MAX_PICTURE_BYTES,
    "/controlnet/": 2 * MAX_PICTURE_BYTES,
    "/gradio_api/upload": MAX_PICTURE_BYTES,
    "/": MAX_JSON_BYTES,
}
"""Beginnings of addresses -> how long a body may be there, unless it is a picture by itself; the first that fits counts."""
BODY_SECONDS = 30.0
"""Longest pause between two parts of a body."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a form on any web page can send without asking first; never what our own clients send.
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_TAKE_FORMS = frozenset({"/login", "/logout", "/gradio_api/upload"})
"""Whoever posts there from elsewhere is found out by Origin."""
_CLIENTS = ("/sdapi/", "/controlnet/")

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


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that name."""
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

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._beyond = not is_loopback(settings.host)
        self._names = LOOPBACK_NAMES | set(settings.allowed_hosts) | (_own_names() if self._beyond else frozenset())
        self._friends = frozenset(settings.cors_allow_origins)

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
            await refuse(scope, receive, send_with_headers, error)
            return
        limited = _limit_body(receive, _most_bytes(scope)) if scope["type"] == "http" else receive
        try:
            await self._app(scope, limited, send_with_headers)
        except _BodyRefused as refused:
            await refuse(scope, receive, send_with_headers, refused.reason)

    def _check(self, scope: Scope) -> None:
        host = header(scope, b"host")
        if host is None or not self._is_own(scope, host):
            raise CrossSite(
                "Easel answers only under the names of its machine.",
                field="Host",
                allowed=", ".join(sorted(LOOPBACK_NAMES)),
                hint="Open the address that Easel prints when it starts. Other names stand in the setting allowed_hosts.",
            )
        origin = header(scope, b"origin")
        if origin is not None and not self._is_own_page(scope, origin, host) and origin.lower() not in self._friends:
            raise CrossSite(
                "Another web page asked this; Easel answers its own pages only.", field="Origin", hint="Use Easel's own page, or a program."
            )
        unsafe = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if unsafe and origin is None and header(scope, b"sec-fetch-site") not in (None, "same-origin", "none"):
            raise CrossSite(
                "Another web page asked this; Easel answers its own pages only.", field="Sec-Fetch-Site", hint="Use Easel's own page."
            )
        if unsafe and body_type(scope) in _FORMS and str(scope["path"]).rstrip("/") not in _TAKE_FORMS:
            raise CrossSite("Forms are not accepted here.", field="Content-Type", allowed="application/json", hint="Send JSON.")
        length = header(scope, b"content-length")
        if unsafe and length is not None and length.isdigit() and int(length) > _most_bytes(scope):
            raise _too_large(_most_bytes(scope))

    def _is_own(self, scope: Scope, host: str) -> bool:
        name = (_host_name(host) or "").rstrip(".")
        if name in self._names:
            return True
        # By which of its addresses the machine was reached. No other machine's name can be made to stand in Host then.
        server = scope.get("server")
        return self._beyond and bool(server) and _address(name) is not None and _address(name) == _address(str(server[0]))

    def _is_own_page(self, scope: Scope, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        return parts.netloc == host and not (scope["scheme"] in ("https", "wss") and parts.scheme != "https")


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local"}) - {""}


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def body_type(scope: Scope) -> str:
    """Media type of the body, without its parameters."""
    return (header(scope, b"content-type") or "").split(";")[0].strip().lower()


def _most_bytes(scope: Scope) -> int:
    """How long a body may be: pictures are larger than JSON."""
    most = next(most for beginning, most in MOST_BYTES.items() if str(scope["path"]).startswith(beginning) or beginning == "/")
    return max(most, MAX_PICTURE_BYTES) if body_type(scope).startswith("image/") else most


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


async def refuse(scope: Scope, receive: Receive, send: Send, error: EaselError, **headers: str) -> None:
    """Answer with the error. headers: further ones, with _ for -."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    words = {"error": told(error)}
    if str(scope["path"]).startswith(_CLIENTS):
        words = {"error": type(error).__name__, "detail": without_home(str(error))}
    body = json.dumps(words).encode()
    if error.retry_after is not None:
        headers["retry_after"] = str(error.retry_after)
    usual = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": usual + more})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

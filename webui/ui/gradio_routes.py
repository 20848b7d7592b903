"""Of Gradio's own routes those that a page needs. All others (its editor by prompts, monitoring, proxy, reloader) are not there."""

from __future__ import annotations

import logging
import re

from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

_PAGE = ("", "config", "theme.css", "favicon.ico", "robots.txt", "manifest.json")
_FILES = ("static", "assets", "svelte")
_API = (
    *("app_id", "info", "login_check", "startup-events", "theme.css", "user"),
    *("cancel", "reset", "component_server", "queue/data", "queue/join", "queue/status", "upload", "upload_progress"),
)
_API_WITH_MORE = ("custom_component/", "file=", "file/", "heartbeat/", "run/", "stream/")
_API_START = "gradio_api/"


def _either(names: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, names))


USED = re.compile(
    rf"/(?:(?:{_either(_PAGE)})/?|(?:{_either(_FILES)})/.*|{_API_START}(?:(?:{_either(_API)})/?|(?:{_either(_API_WITH_MORE)}).*))",
    re.DOTALL,
)
"""Paths of routes that the page's scripts ask, or those of components that add-ons may bring."""


class UsedRoutes:
    """Gradio's app, of which nothing else is reached: what an update of Gradio brings is closed until it stands above."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404, or hand the request on."""
        path = str(scope.get("path", "")).removeprefix(scope.get("root_path", "") or "")
        if scope["type"] == "http" and USED.fullmatch(path or "/") is None:
            # As Gradio says it itself: clients of other programs' add-ons look for these words.
            await JSONResponse({"detail": "Not Found"}, status_code=404)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception:
            # It has answered already. Raised on, the server would cut the line before that answer is read.
            log.exception("Gradio could not answer %s.", path)


def close_unused(mount: Mount) -> None:
    """Put this in front of Gradio's app where it is mounted."""
    mount.app = UsedRoutes(mount.app)

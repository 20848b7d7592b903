"""Answers are sent packed to whoever takes them so, but for pictures within JSON."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

PICTURES = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img", "/sdapi/v1/extra-", "/sdapi/v1/progress", "/controlnet/detect", "/internal/progress")
"""Beginnings of addresses that answer with pictures as base64."""


class Compression(GZipMiddleware):
    """Packs answers. Of base64 a third is saved at best, and while it is packed (0.2 s a megabyte) nobody else is answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and str(scope["path"]).startswith(PICTURES):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

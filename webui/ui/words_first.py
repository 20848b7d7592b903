"""Puts the script with the page's words into the page's own head, so that it has run before anything is drawn.

What Gradio is given as `head` it adds while it starts, and then a script that comes late changes no label any more.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = "/"
_HEAD = b"<head>"


class WordsFirst:
    """Around the page's app; all but the page itself goes through untouched. address: of the script."""

    def __init__(self, app: ASGIApp, address: str) -> None:
        self._app = app
        self._script = _HEAD + f'<script src="{address}"></script>'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI has it."""
        if scope["type"] != "http" or scope["path"] != PAGE or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        # Packed, it could not be written into.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message = {}
        parts: list[bytes] = []

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = b"".join(parts).replace(_HEAD, self._script, 1)
                    kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
                    await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
                    await send({**message, "body": body})

        await self._app({**scope, "headers": headers}, receive, take)

"""Server-sent events: one stream of everything for a page, one per job for programs; resumed after the last event seen."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from webui.errors import TooManyStreams
from webui.studio.event_log import EventLog

MOST_STREAMS = 1000
"""Open at once. A page needs one for all its tabs; benchmarks.idle_listeners measures what they cost."""

_PING_SECONDS = 15
_HEADERS = {"cache-control": "no-store"}


class Streams:
    """Counts the open streams."""

    def __init__(self, events: EventLog, most: int = MOST_STREAMS) -> None:
        self._events = events
        self._most = most
        self._open = 0
        self._lock = threading.Lock()

    def open(self, stream: AsyncIterator[dict[str, str]]) -> EventSourceResponse:
        """Answer with a stream. Raises TooManyStreams."""
        with self._lock:
            if self._open >= self._most:
                raise TooManyStreams(
                    f"{self._open} clients follow the events already.",
                    allowed=f"at most {self._most} at once",
                    hint="Close one, or ask for the job from time to time.",
                )
            self._open += 1
        return _Counted(stream, self._left)

    def _left(self) -> None:
        with self._lock:
            self._open -= 1


class _Counted(EventSourceResponse):
    def __init__(self, stream: AsyncIterator[dict[str, str]], left: Any) -> None:
        super().__init__(stream, ping=_PING_SECONDS, headers=_HEADERS)
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


def number_of(last_event_id: str | None, after: int | None, newest: int) -> int:
    """The event after which a follower goes on: its Last-Event-ID, `after`, or the newest one."""
    if last_event_id and last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 20:
        return int(last_event_id)
    return newest if after is None else after


def as_message(event: dict[str, Any]) -> dict[str, str]:
    """An event as sse-starlette sends it."""
    return {"id": str(event["seq"]), "data": json.dumps(event, ensure_ascii=False)}


class Messages:
    """Events as messages, each written once for all who hear it. For use on one event loop."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._written: OrderedDict[int, tuple[dict[str, Any], dict[str, str]]] = OrderedDict()

    def of(self, event: dict[str, Any]) -> dict[str, str]:
        """An event of the log as sse-starlette sends it."""
        known = self._written.get(event["seq"])
        # "reset" has the number of another event, which it isn't.
        if known is not None and known[0] is event:
            return known[1]
        message = as_message(event)
        self._written[event["seq"]] = (event, message)
        while len(self._written) > self._most:
            self._written.popitem(last=False)
        return message

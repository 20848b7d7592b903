"""What lasts and everybody should know: the disk is full, the queue is paused, the files of Easel changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Notice:
    """One banner. kind: "bad" where something doesn't work, "wait" where it goes on by itself. hint: what to do."""

    code: str
    message: str
    hint: str
    kind: str = "bad"


class NoticeBoard:
    """The notices that stand now, by code, oldest first. May be used from any thread."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._notices: dict[str, Notice] = {}
        self._lock = threading.Lock()

    def put(self, notice: Notice) -> None:
        """Show a notice; an earlier one of the same code makes room."""
        with self._lock:
            if self._notices.get(notice.code) == notice:
                return
            self._notices[notice.code] = notice
        self._changed()

    def take_down(self, code: str) -> None:
        """The matter is over."""
        with self._lock:
            if self._notices.pop(code, None) is None:
                return
        self._changed()

    def standing(self, code: str) -> bool:
        """Whether a notice of that code is shown."""
        with self._lock:
            return code in self._notices

    def all(self) -> list[dict[str, Any]]:
        """As page and API get them."""
        with self._lock:
            return [asdict(notice) for notice in self._notices.values()]

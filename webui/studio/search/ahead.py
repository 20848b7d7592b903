"""Pages found before they are asked for: while one is looked at, the ids of the next ones are looked up."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from webui.studio.search.finding import Found

MOST_KEPT = 64
"""Searches, of everybody together; the one longest unused goes first."""


@dataclass
class _Stretch:
    """The pictures of a search below an id, as far as they were looked up. stamp: of the database before. complete: there are no more."""

    below: int
    stamp: int
    ids: list[int] = field(default_factory=list)
    complete: bool = False
    ready: threading.Event = field(default_factory=threading.Event)

    def page(self, below: int, limit: int) -> Found | None:
        """A page of it; None where it isn't whole."""
        start = bisect_right(self.ids, -below, key=lambda identifier: -identifier)
        ids, more = self.ids[start : start + limit], start + limit < len(self.ids)
        if below > self.below or not (more or self.complete):
            return None
        return Found(ids, ids[-1] if more else None, partial=False, searched_to=ids[-1] if more else None)


class FoundAhead:
    """Keeps them until anything is written. May be called from any thread.

    stamp: a number that is another one after each write.
    """

    def __init__(self, stamp: Callable[[], int]) -> None:
        self._stamp = stamp
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Stretch] = OrderedDict()

    def page(self, search: Hashable, below: int, limit: int) -> Found | None:
        """The page of a search below that id, where it was looked up; waits where it is being looked up just now."""
        with self._lock:
            stretch = self._kept.get(search)
            if stretch is None or stretch.stamp != self._stamp():
                return None
            self._kept.move_to_end(search)
        stretch.ready.wait()
        return stretch.page(below, limit)

    def look(self, search: Hashable, below: int, limit: int, find: Callable[[], Found]) -> None:
        """Look up what lies below that id, unless the next page of so many is known. Raises what `find` raises."""
        with self._lock:
            known, stamp = self._kept.get(search), self._stamp()
            if known is not None and known.stamp == stamp and (not known.ready.is_set() or known.page(below, limit)):
                return
            stretch = self._kept[search] = _Stretch(below, stamp)
            self._kept.move_to_end(search)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        try:
            found = find()
            stretch.ids, stretch.complete = found.ids, found.next is None
        finally:
            stretch.ready.set()

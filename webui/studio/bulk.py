"""One act on all that a search finds, however much that is: slice by slice, each a few short transactions, and taken back exactly."""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from webui.errors import InvalidRequest, NotFound
from webui.studio.marks import Change, MarkBook, Marks
from webui.studio.search.desk import SearchDesk
from webui.studio.trash import Trash
from webui.studio.whose import Kept, Whose

SLICE_SECONDS = 0.5
"""A slice ends after it, so that it can be told how far it is, and stopped."""
_AT_ONCE = 500
"""Pictures of one transaction: a picture that is being saved waits no longer."""
MOST_KEPT = 20
"""Acts that can be taken back; the oldest ones are forgotten."""

Act = Literal["mark", "trash", "restore"]


@dataclass(frozen=True)
class Whole:
    """All that a search finds, as it was when somebody meant it. newest: the id of its first picture; what is newer isn't meant.

    without: ids that were let go.
    """

    query: str
    newest: int
    without: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Slice:
    """How many pictures were acted on, and the id that the next slice goes on below; None at the end."""

    done: int
    next: int | None


@dataclass
class _Way:
    """The way back of an act. marks: what is said again, and of which ids: 8 bytes for each instead of all its marks."""

    marks: dict[tuple[str, Any], array[int]] = field(default_factory=dict)
    trashed: array[int] = field(default_factory=lambda: array("q"))
    restored: array[int] = field(default_factory=lambda: array("q"))

    def remember(self, change: Change, before: Sequence[Marks]) -> None:
        for name in change.model_fields_set & {"favourite", "rating", "note"}:
            wanted = getattr(change, name)
            for marks in before:
                if (was := getattr(marks, name)) != wanted:
                    self._of((name, was)).append(int(marks.id))
        for marks in before:
            has = {tag.casefold() for tag in marks.tags}
            for tag in change.add_tags:
                if tag.casefold() not in has:
                    self._of(("remove_tags", tag)).append(int(marks.id))
            for tag in marks.tags:
                if tag.casefold() in {gone.casefold() for gone in change.remove_tags}:
                    self._of(("add_tags", tag)).append(int(marks.id))

    def _of(self, key: tuple[str, Any]) -> array[int]:
        return self.marks.setdefault(key, array("q"))


class Bulk(Kept):
    """Acts on everybody's pictures, or one person's (`of`). May be used from any thread.

    marks, trash: those that tell nobody; changed: told instead, whose pictures, and the act's token.
    """

    def __init__(self, search: SearchDesk, marks: MarkBook, trash: Trash, changed: Callable[[Whose, str], None]) -> None:
        self._search = search
        self._marks = marks
        self._trash = trash
        self._changed = changed
        self._ways: OrderedDict[tuple[Whose, str], _Way] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with what is asked here."""
        view = super().of(whose)
        view._search, view._marks, view._trash = self._search.of(whose), self._marks.of(whose), self._trash.of(whose)
        return view

    def act(self, whole: Whole, act: Act, change: Change | None, token: str, below: int | None = None) -> Slice:
        """The next slice of an act. token: of the act, so that it can be taken back. below: as the slice before answered it.

        Raises InvalidRequest.
        """
        if (act == "mark") != (change is not None):
            raise InvalidRequest("Only marking says something of pictures.", field="change", hint="Leave it out, or set act to mark.")
        way = self._way(token)
        done, until = 0, time.monotonic() + SLICE_SECONDS
        for ids, following in self.walk(whole, below):
            done += self._do(ids, act, change, way)
            if following is None or time.monotonic() > until:
                if ids or done:
                    self._changed(self.whose, token)
                return Slice(done, following)
        return Slice(done, None)

    def walk(self, whole: Whole, below: int | None = None) -> Iterator[tuple[list[int], int | None]]:
        """The ids that are meant, newest first, a few hundred at once; with each the id that the following ones lie below."""
        following: int | None = whole.newest + 1 if below is None else below
        while following is not None:
            found, following = self._search.part(whole.query, below=following, limit=_AT_ONCE)
            yield [number for number in found if number not in whole.without], following

    def _do(self, ids: list[int], act: Act, change: Change | None, way: _Way) -> int:
        if change is not None:
            before = self._marks.change(ids, change)
            way.remember(change, before)
            return len(before)
        moved = self._trash.put(ids) if act == "trash" else self._trash.restore(ids)
        (way.trashed if act == "trash" else way.restored).extend(moved)
        return len(moved)

    def undo(self, token: str) -> Slice:
        """Take back the next slice of an act. Its `next` is a number as long as there is more. Raises NotFound."""
        with self._lock:
            way = self._ways.get((self.whose, token))
        if way is None:
            raise NotFound("That can't be taken back any more.", hint=f"The last {MOST_KEPT} acts can be, until Easel is started anew.")
        done, until = 0, time.monotonic() + SLICE_SECONDS
        while (some := self._back(way)) and time.monotonic() < until:
            done += some
        done += some
        left = bool(way.trashed or way.restored or way.marks)
        if not left:
            with self._lock:
                self._ways.pop((self.whose, token), None)
        self._changed(self.whose, token)
        return Slice(done, 0 if left else None)

    def _back(self, way: _Way) -> int:
        """Take some back. Returns of how many pictures."""
        if ids := _taken(way.trashed):
            return len(self._trash.restore(ids))
        if ids := _taken(way.restored):
            return len(self._trash.put(ids))
        for key, numbers in list(way.marks.items()):
            name, value = key
            ids = _taken(numbers)
            if not numbers:
                del way.marks[key]
            said = [value] if name.endswith("_tags") else value
            # As it was kept, so it isn't checked again.
            self._marks.change(ids, Change.model_construct(_fields_set={name}, **{name: said}))
            return len(ids)
        return 0

    def _way(self, token: str) -> _Way:
        with self._lock:
            way = self._ways.setdefault((self.whose, token), _Way())
            self._ways.move_to_end((self.whose, token))
            while len(self._ways) > MOST_KEPT:
                self._ways.popitem(last=False)
            return way


def _taken(numbers: array[int]) -> list[int]:
    """Some from its end, which they leave."""
    some = list(numbers[-_AT_ONCE:])
    del numbers[-_AT_ONCE:]
    return some

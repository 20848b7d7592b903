"""What the search box asks: pages, counts, terms, ways on, facets and saved searches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from webui.errors import EaselError, InvalidRequest, NotFound
from webui.generation.parameter import storable
from webui.studio.cards import cards_of
from webui.studio.database import Database
from webui.studio.history import History
from webui.studio.ids import IdClock, time_of
from webui.studio.search.ahead import FoundAhead
from webui.studio.search.compiling import Reading, ReadTerm, read_search
from webui.studio.search.completing import WaysOn, Words, ways_on
from webui.studio.search.fields import Place
from webui.studio.search.finding import FIRST_SECONDS, FURTHER_SECONDS, Facets, Finder, Found
from webui.studio.search.known import Known
from webui.studio.search.looks import LookIndex
from webui.studio.tables import saved_search
from webui.studio.whose import Kept, Whose

log = logging.getLogger(__name__)

MOST_SAVED = 200
MOST_NAME_CHARACTERS = 100
PAGES_AHEAD = 4
"""So many are looked up while one is looked at: the grid's second page is twice as long as its first one."""
_SECONDS_TO_COUNT = 0.5
"""For the counts of all saved searches together."""


@dataclass(frozen=True)
class Page:
    """Pictures as the API tells them, newest first. Other fields as in `Found`; total: of all pictures, where nothing was asked for."""

    items: list[dict[str, Any]]
    next: str | None
    total: int | None
    partial: bool
    searched_to: str | None


@dataclass(frozen=True)
class SavedSearch:
    """A search with a name. n: how many pictures it finds, None where there was no time to count; more: there may be more."""

    name: str
    query: str
    n: int | None = None
    more: bool = False


def _local_now() -> datetime:
    return datetime.now().astimezone()


class SearchDesk(Kept):
    """Answers from any thread, about everybody's pictures or one person's (`of`).

    words: of somebody's prompts, for ways on. changed: told whose saved searches changed.
    """

    def __init__(
        self,
        database: Database,
        history: History,
        ids: IdClock,
        words: Callable[[Whose], Words],
        changed: Callable[[Whose], None],
        now: Callable[[], datetime] = _local_now,
    ) -> None:
        self._database = database
        self._history = history
        self._ids = ids
        self._words = words
        self._changed = changed
        self._now = now
        self.looks = LookIndex(database)
        self._ahead = FoundAhead(lambda: database.writes)

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with the views of pictures."""
        view = super().of(whose)
        view._history = self._history.of(whose)
        return view

    @contextmanager
    def _read(self, text: str) -> Iterator[tuple[Connection, Reading]]:
        with self._database.reading() as connection:
            yield connection, read_search(text, Place(Known(connection, self.whose), self.looks, self._now()))

    def page(self, text: str, *, below: int | None = None, limit: int = 60, whole: bool = True) -> Page:
        """Pictures whose ids are below that one, newest first. Raises InvalidRequest where the search can't be used.

        whole: with all that made each; else as a grid shows them, which is much quicker.
        """
        ahead = None if below is None else self._ahead.page((self.whose, text), below, limit)
        with self._read(text) as (connection, reading):
            seconds = FIRST_SECONDS if below is None else FURTHER_SECONDS
            found = ahead or Finder(connection, self.whose).page(reading.require(), limit, below, seconds)
            everything = reading.question.everything and not reading.question.trash
            return Page(
                items=self._history.items(connection, found.ids) if whole else cards_of(connection, found.ids, self.whose),
                next=None if found.next is None else str(found.next),
                total=Known(connection, self.whose).count("picture") if everything else None,
                partial=found.partial,
                searched_to=time_of(found.searched_to).isoformat() if found.partial and found.searched_to is not None else None,
            )

    def look_ahead(self, text: str, *, below: int, limit: int) -> None:
        """Look up what will be asked for next, while what lies above is looked at: `page` has it at once then."""

        def find() -> Found:
            with self._read(text) as (connection, reading):
                return Finder(connection, self.whose).page(reading.require(), PAGES_AHEAD * limit, below, FURTHER_SECONDS)

        try:
            self._ahead.look((self.whose, text), below, limit, find)
        except EaselError as problem:
            log.debug("Nothing was looked up ahead: %s", problem)

    def ids(self, text: str, *, most: int, seconds: float) -> tuple[list[int], bool]:
        """The ids of the newest pictures that are found, and whether those are all. Raises InvalidRequest."""
        with self._read(text) as (connection, reading):
            found = Finder(connection, self.whose).page(reading.require(), most, None, seconds)
            return found.ids, found.next is None

    def part(self, text: str, *, below: int, limit: int) -> tuple[list[int], int | None]:
        """Some of all ids that are found, newest first, and the id that the others lie below; None at the end. Raises InvalidRequest."""
        with self._read(text) as (connection, reading):
            found = Finder(connection, self.whose).page(reading.require(), limit, below, FURTHER_SECONDS)
            return found.ids, found.next

    def count(self, text: str) -> tuple[int, bool]:
        """How many pictures are found, up to a thousand, and whether there may be more. Raises InvalidRequest."""
        with self._read(text) as (connection, reading):
            return Finder(connection, self.whose).count(reading.require())

    def facets(self, text: str) -> Facets:
        """What the newest pictures that are found have. Raises InvalidRequest."""
        with self._read(text) as (connection, reading):
            return Finder(connection, self.whose).facets(reading.require())

    def terms(self, text: str) -> tuple[tuple[ReadTerm, ...], str]:
        """The terms of a text, each with its problem; and what is wrong with all of it, empty where nothing is."""
        try:
            with self._read(text) as (_, reading):
                return reading.terms, ""
        except InvalidRequest as problem:
            return (), str(problem)

    def ways_on(self, text: str, caret: int) -> WaysOn:
        """Ways on for a text that is being typed. Raises InvalidRequest where it is too long."""
        with self._database.reading() as connection:
            return ways_on(text, caret, Known(connection, self.whose), self._words(self.whose))

    # saved searches

    @property
    def _mine(self) -> ColumnElement[bool]:
        """Whether a saved search is meant. Each has its name for itself among those of one person."""
        return saved_search.c.owner == self.whose.new

    def saved(self) -> list[SavedSearch]:
        """All saved searches in order of their names."""
        with self._database.reading() as connection:
            kept = select(saved_search.c.name, saved_search.c.query).where(self._mine).order_by(func.lower(saved_search.c.name))
            rows = connection.execute(kept).all()
        until = time.monotonic() + _SECONDS_TO_COUNT
        return [self._counted(row.name, row.query, until - time.monotonic()) for row in rows]

    def _counted(self, name: str, query: str, seconds: float) -> SavedSearch:
        if seconds <= 0:
            return SavedSearch(name, query)
        try:
            with self._read(query) as (connection, reading):
                n, more = Finder(connection, self.whose).count(reading.require(), min(seconds, FIRST_SECONDS))
                return SavedSearch(name, query, n, more)
        except InvalidRequest:
            # What it asked for isn't there any more: a tag, say.
            return SavedSearch(name, query, 0)

    def save(self, name: str, query: str) -> SavedSearch:
        """Keep a search by name; an earlier one of that name makes room. Raises InvalidRequest."""
        name = " ".join(storable(name).split())
        if not 0 < len(name) <= MOST_NAME_CHARACTERS:
            raise InvalidRequest(
                "That is no name for a search.",
                field="name",
                allowed=f"1 to {MOST_NAME_CHARACTERS} characters",
                hint="Give it a short name.",
            )
        query = storable(query).strip()
        with self._read(query) as (_, reading):
            reading.require()
        with self._database.writing() as connection:
            known = connection.execute(update(saved_search).where(saved_search.c.name == name, self._mine).values(query=query)).rowcount
            if not known:
                if connection.execute(select(func.count()).select_from(saved_search).where(self._mine)).scalar_one() >= MOST_SAVED:
                    raise InvalidRequest(
                        f"There are {MOST_SAVED} saved searches already.",
                        field="name",
                        allowed=f"{MOST_SAVED}",
                        hint="Delete one that you don't use.",
                    )
                connection.execute(insert(saved_search).values(id=self._ids.next(), owner=self.whose.new, name=name, query=query))
        self._changed(self.whose)
        return self._counted(name, query, FIRST_SECONDS)

    def delete(self, name: str) -> SavedSearch:
        """Forget a saved search. Returns it. Raises NotFound."""
        with self._database.writing() as connection:
            mine = delete(saved_search).where(saved_search.c.name == name, self._mine)
            query = connection.execute(mine.returning(saved_search.c.query)).scalar()
        if query is None:
            raise NotFound(f"There is no saved search {name[:60]!r}.", hint="GET /api/v1/history/searches lists all.")
        self._changed(self.whose)
        return SavedSearch(name, query)

"""Pages, counts and facets of a search, newest first, each within a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, select

from webui.studio.search.clauses import has_words, one_of
from webui.studio.search.compiling import Question
from webui.studio.search.known import OWN_TOOL, Known
from webui.studio.tables import generation, image, image_fts, image_tag, lora_use, tag

FIRST_SECONDS, FURTHER_SECONDS = 0.08, 0.5
"""Time for a first page, and for one that somebody asked to go on with: a page that isn't full then says so."""
FACET_SECONDS = 0.3
MOST_COUNTED = 1000
NEWEST_OF_FACETS = 10_000
FACETS = ("checkpoint", "lora", "kind", "rating", "tag", "sampler", "tool")

_FEW = 300
"""So many pictures are looked at one by one: to ask the index about a single one takes a tenth of a millisecond."""
_AT_ONCE = 64
"""Rows between two looks at the clock."""


# What `image_facet` counts, but with one look at each picture.
_OF_EACH = (
    select(
        case((generation.c.kind != "upscale", generation.c.checkpoint)).label("checkpoint"),
        generation.c.kind.label("kind"),
        generation.c.sampler.label("sampler"),
        func.coalesce(generation.c.tool, OWN_TOOL).label("tool"),
        image.c.rating.label("rating"),
    ).join_from(image, generation, generation.c.id == image.c.generation_id),
    select(lora_use.c.name.label("lora")).join_from(image, lora_use, lora_use.c.generation_id == image.c.generation_id),
    select(tag.c.name.label("tag"))
    .join_from(image, image_tag, image_tag.c.image_id == image.c.id)
    .join(tag, tag.c.id == image_tag.c.tag_id),
)


@dataclass(frozen=True)
class Found:
    """Pictures, newest first. next: the id that the next page lies below; None at the end.

    partial: the time was used up, so there may be more above `next`'s page; searched_to: the id down to which all were looked at.
    """

    ids: list[int]
    next: int | None
    partial: bool
    searched_to: int | None


@dataclass(frozen=True)
class Facets:
    """How often each value is among the newest pictures that were found. of: among how many; exact: those are all."""

    of: int
    exact: bool
    counts: dict[str, list[tuple[str, int]]]


class Finder:
    """Answers questions on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._out_of_time = False

    def page(self, question: Question, limit: int, below: int | None, seconds: float) -> Found:
        """At most so many pictures whose ids are below that one."""
        ids: list[int] = []
        seen: int | None = None
        for seen, fits in self._look_through(question, below, seconds):
            if fits and len(ids) == limit:
                return Found(ids, ids[-1], partial=False, searched_to=ids[-1])
            if fits:
                ids.append(seen)
        # The generator ends early only when the time is used up; its last picture was looked at.
        if self._out_of_time:
            return Found(ids, seen, partial=True, searched_to=seen)
        return Found(ids, None, partial=False, searched_to=None)

    def count(self, question: Question, seconds: float = FIRST_SECONDS) -> tuple[int, bool]:
        """How many pictures there are, up to MOST_COUNTED; and whether there may be more."""
        if question.everything and not question.trash:
            return Known(self._connection).count("picture"), False
        n = 0
        for _, fits in self._look_through(question, None, seconds):
            if fits and n == MOST_COUNTED:
                return n, True
            n += fits
        return n, self._out_of_time

    def facets(self, question: Question) -> Facets:
        """What the newest pictures have, the most frequent first; of all pictures where nothing was asked for."""
        if question.everything and not question.trash:
            known = Known(self._connection)
            counts = {kind: Counter({value: n for value, n in known.counts(kind).items() if n}) for kind in FACETS}
            return Facets(known.count("picture"), True, {kind: found.most_common() for kind, found in counts.items()})
        ids = []
        for identifier, fits in self._look_through(question, None, FACET_SECONDS):
            if fits and len(ids) == NEWEST_OF_FACETS:
                return Facets(len(ids), False, self._facets_of(ids))
            if fits:
                ids.append(identifier)
        return Facets(len(ids), not self._out_of_time, self._facets_of(ids))

    def _facets_of(self, ids: list[int]) -> dict[str, list[tuple[str, int]]]:
        counts: dict[str, Counter[Any]] = {kind: Counter() for kind in FACETS}
        for columns in _OF_EACH:
            query = columns.where(one_of(image.c.id, ids)).subquery()
            named = list(query.c)
            for row in self._connection.execute(select(*named, func.count().label("n")).group_by(*named)).mappings():
                for kind in counts.keys() & row.keys():
                    counts[kind][row[kind]] += row["n"]
        return {kind: [(str(value), n) for value, n in found.most_common() if value not in (None, "")] for kind, found in counts.items()}

    def _look_through(self, question: Question, below: int | None, seconds: float) -> Iterator[tuple[int, bool]]:
        """The pictures that may be meant, newest first, and whether they are. Ends early when the time is used up."""
        self._out_of_time = False
        if question.nothing:
            return
        until = time.monotonic() + seconds
        with closing(self._connection.execute(_walk(question, below))) as rows:
            for part in rows.partitions(_AT_ONCE):
                yield from ((row[0], bool(row[1])) for row in part)
                if time.monotonic() > until and len(part) == _AT_ONCE:
                    self._out_of_time = True
                    return


def _walk(question: Question, below: int | None) -> Select[Any, bool]:
    """The query behind a question: ids downwards, and whether all else holds, which is told and not asked so that the clock is seen."""
    by_one = question.few is not None and (not question.words or question.few.about <= _FEW)
    by_words = bool(question.words) and not by_one
    ids = image_fts.c.rowid if by_words else image.c.id
    top = min((bound for bound in (question.before, below) if bound is not None), default=None)
    where = [] if top is None else [ids < top]
    if question.since is not None:
        where.append(ids >= question.since)
    fits = [image.c.trashed.is_not(None) if question.trash else image.c.trashed.is_(None), *question.checks]
    if by_words:
        # A left join is walked in this order for certain.
        found = select(ids, and_(*fits)).select_from(image_fts.outerjoin(image, image.c.id == ids))
        return found.where(image_fts.c.image_fts.op("MATCH")(question.words), *where).order_by(ids.desc())
    if question.words:
        fits.append(has_words(question.words))
    if by_one and question.few is not None:
        where.append(question.few.where)
    return select(ids, and_(*fits)).where(*where).order_by(ids.desc())

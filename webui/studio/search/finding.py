"""Pages, counts and facets of a search, newest first, each within a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from webui.studio.dialects.expressions import one_of
from webui.studio.dialects.walking import walk_through
from webui.studio.search.compiling import Question
from webui.studio.search.known import OWN_TOOL, Known
from webui.studio.tables import generation, image, image_tag, lora_use, tag
from webui.studio.whose import EVERYBODY, Whose

FIRST_SECONDS, FURTHER_SECONDS = 0.08, 0.5
"""Time for a first page, and for one that somebody asked to go on with: a page that isn't full then says so."""
FACET_SECONDS = 0.3
MOST_COUNTED = 1000
NEWEST_OF_FACETS = 10_000
FACETS = ("checkpoint", "lora", "kind", "rating", "tag", "sampler", "tool")

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
    """Answers questions on one connection. whose: of those who asked, as the questions were read."""

    def __init__(self, connection: Connection, whose: Whose = EVERYBODY) -> None:
        self._connection = connection
        self._known = Known(connection, whose)

    def page(self, question: Question, limit: int, below: int | None, seconds: float) -> Found:
        """At most so many pictures whose ids are below that one."""
        ids: list[int] = []
        seen: int | None = None
        walk = walk_through(self._connection, question, below, seconds, limit + 1)
        for seen, fits in walk:
            if fits and len(ids) == limit:
                return Found(ids, ids[-1], partial=False, searched_to=ids[-1])
            if fits:
                ids.append(seen)
        # It ends early only when the time is used up; its last picture was looked at.
        if walk.out_of_time:
            return Found(ids, seen, partial=True, searched_to=seen)
        return Found(ids, None, partial=False, searched_to=None)

    def count(self, question: Question, seconds: float = FIRST_SECONDS) -> tuple[int, bool]:
        """How many pictures there are, up to MOST_COUNTED; and whether there may be more."""
        if question.everything and not question.trash:
            return self._known.count("picture"), False
        n = 0
        walk = walk_through(self._connection, question, None, seconds, MOST_COUNTED + 1)
        for _, fits in walk:
            if fits and n == MOST_COUNTED:
                return n, True
            n += fits
        return n, walk.out_of_time

    def facets(self, question: Question) -> Facets:
        """What the newest pictures have, the most frequent first; of all pictures where nothing was asked for."""
        if question.everything and not question.trash:
            known = self._known
            counts = {kind: Counter({value: n for value, n in known.counts(kind).items() if n}) for kind in FACETS}
            return Facets(known.count("picture"), True, {kind: found.most_common() for kind, found in counts.items()})
        ids = []
        walk = walk_through(self._connection, question, None, FACET_SECONDS, NEWEST_OF_FACETS + 1)
        for identifier, fits in walk:
            if fits and len(ids) == NEWEST_OF_FACETS:
                return Facets(len(ids), False, self._facets_of(ids))
            if fits:
                ids.append(identifier)
        return Facets(len(ids), not walk.out_of_time, self._facets_of(ids))

    def _facets_of(self, ids: list[int]) -> dict[str, list[tuple[str, int]]]:
        counts: dict[str, Counter[Any]] = {kind: Counter() for kind in FACETS}
        for columns in _OF_EACH:
            query = columns.where(one_of(image.c.id, ids)).subquery()
            named = list(query.c)
            for row in self._connection.execute(select(*named, func.count().label("n")).group_by(*named)).mappings():
                for kind in counts.keys() & row.keys():
                    counts[kind][row[kind]] += row["n"]
        return {kind: [(str(value), n) for value, n in found.most_common() if value not in (None, "")] for kind, found in counts.items()}

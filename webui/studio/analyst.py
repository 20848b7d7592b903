"""Analyses of what a search finds: of the newest pictures only, so that it never takes long, however many there are."""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import func, select

from webui.studio.analysis.lift import lifts
from webui.studio.analysis.made import Made
from webui.studio.analysis.queries import trait_query, words_query
from webui.studio.analysis.scatter import points
from webui.studio.analysis.terms import terms_of
from webui.studio.analysis.threads import threads
from webui.studio.analysis.trends import calendar, once_each, trends
from webui.studio.database import Database
from webui.studio.dialects.expressions import one_of
from webui.studio.search.desk import SearchDesk
from webui.studio.tables import generation, image, lora_use
from webui.studio.whose import Kept, Whose

MOST_PICTURES = 20_000
SEARCH_SECONDS = 3.0
MOST_TRAITS = 120
"""That are told: those that stand out most, of each of words and settings."""

_COLUMNS = (
    image.c.id,
    image.c.generation_id,
    generation.c.prompt,
    generation.c.checkpoint,
    generation.c.sampler,
    generation.c.schedule_type,
    generation.c.steps,
    generation.c.cfg_scale,
    image.c.width,
    image.c.height,
    generation.c.kind,
    func.coalesce(generation.c.tool, "Easel").label("tool"),
    image.c.rating,
    image.c.favourite,
)


class Analyst(Kept):
    """Looks at pictures as a whole: everybody's, or one person's (`of`). May be called from any thread."""

    def __init__(self, database: Database, search: SearchDesk) -> None:
        self._database = database
        self._search = search

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with the search for them."""
        view = super().of(whose)
        view._search = self._search.of(whose)
        return view

    def analyse(self, text: str) -> dict[str, Any]:
        """Everything that is shown of the newest MOST_PICTURES that a search finds. Raises InvalidRequest."""
        ids, complete = self._search.ids(text, most=MOST_PICTURES, seconds=SEARCH_SECONDS)
        made = self._made(ids)
        try:
            return {"pictures": len(made), "more": not complete, **_days(made), **_analysed(made)}
        finally:
            terms_of.cache_clear()

    def _made(self, ids: list[int]) -> list[Made]:
        """These pictures, oldest first."""
        query = (
            select(*_COLUMNS)
            .join_from(image, generation, generation.c.id == image.c.generation_id)
            .where(one_of(image.c.id, ids), self.whose.are(image))
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(image.c.id)).all()
            used = select(lora_use.c.generation_id, lora_use.c.name).where(
                one_of(lora_use.c.generation_id, {row.generation_id for row in rows})
            )
            loras: dict[int, tuple[str, ...]] = {}
            for number, name in connection.execute(used):
                loras[number] = (*loras.get(number, ()), name)
        return [
            Made(
                id=row.id,
                generation=row.generation_id,
                prompt=row.prompt,
                checkpoint=row.checkpoint,
                sampler=row.sampler,
                schedule=row.schedule_type,
                steps=row.steps,
                cfg=row.cfg_scale,
                width=row.width,
                height=row.height,
                kind=row.kind,
                tool=row.tool,
                loras=loras.get(row.generation_id, ()),
                rating=row.rating,
                favourite=row.favourite,
            )
            for row in rows
        ]


def _days(made: list[Made]) -> dict[str, str | None]:
    return {"first": made[0].day.isoformat() if made else None, "last": made[-1].day.isoformat() if made else None}


def _analysed(made: list[Made]) -> dict[str, Any]:
    told = trends(once_each(made))
    lifted = lifts(made)
    return {
        "calendar": calendar(made),
        "trends": told | {which: [term | {"query": words_query(term["text"])} for term in told[which]] for which in ("words", "pairs")},
        "lifts": lifted | {"traits": [trait | {"query": trait_query(trait)} for trait in _first(lifted["traits"])]},
        "threads": threads(made),
        "points": points(made),
    }


def _first(traits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    words = [trait for trait in traits if trait["kind"] in ("word", "pair")][:MOST_TRAITS]
    settings = [trait for trait in traits if trait["kind"] not in ("word", "pair")][:MOST_TRAITS]
    kept = {id(trait) for trait in (*words, *settings)}
    return [trait for trait in traits if id(trait) in kept]

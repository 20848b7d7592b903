"""What a term asks for, in the terms of the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, true

from webui.studio.dialects.expressions import HasWords, one_of
from webui.studio.search.known import trait_word
from webui.studio.search.wording import Traits, Wording
from webui.studio.tables import image

MOST_TRAITS = 200
"""Beyond so many values one question to the index would be slow."""

SOME = 1000
"""Stands for how many pictures have something that isn't counted and that few have."""

SHAPES = ("landscape", "portrait", "square")


@dataclass(frozen=True)
class Few:
    """A way to few pictures. where: a condition on a picture's row that an index answers. about: how many there are, roughly.

    column: their ids in another table, for which `there` holds, where that is quicker than `where`. once: each of them stands there once.
    """

    where: ColumnElement[bool]
    about: int
    column: ColumnElement[int] = image.c.id
    there: ColumnElement[bool] | None = None
    once: bool = False

    @property
    def of_column(self) -> ColumnElement[bool]:
        """What holds for `column`."""
        return self.where if self.there is None else self.there


@dataclass(frozen=True)
class Clause:
    """What a picture has to be, all of it at once.

    words: what is asked of the index of words. since, before: bounds of its id, the second one excluded. check: a condition on its row.
    few: a quicker way to the pictures for which `check` holds. trash: pictures in the trash are meant. nothing: none has it.
    """

    words: Wording | None = None
    since: int | None = None
    before: int | None = None
    check: ColumnElement[bool] | None = None
    few: Few | None = None
    trash: bool = False
    nothing: bool = False


ALL = Clause()
NOTHING = Clause(nothing=True)


def trait(kind: str, values: Collection[str]) -> Clause:
    """Pictures that have one of these values."""
    if not values:
        return NOTHING
    return Clause(words=Traits(tuple(trait_word(kind, value) for value in values)))


def any_trait() -> Wording:
    """What every picture has: each has a shape."""
    return Traits(tuple(trait_word("shape", shape) for shape in SHAPES))


def as_check(clause: Clause) -> ColumnElement[bool]:
    """All that a clause asks for, trash left aside, as one condition on a picture's row."""
    if clause.nothing:
        return false()
    parts = [] if clause.check is None else [clause.check]
    if clause.since is not None:
        parts.append(image.c.id >= clause.since)
    if clause.before is not None:
        parts.append(image.c.id < clause.before)
    if clause.words is not None:
        parts.append(HasWords(clause.words))
    return and_(true(), *parts)


def marked(where: ColumnElement[bool], about: int) -> Clause:
    """Pictures with a mark."""
    return Clause(check=where, few=Few(where, about))


def pictures(ids: Collection[int]) -> Clause:
    """These pictures."""
    where = one_of(image.c.id, ids)
    return Clause(check=where, few=Few(where, len(ids))) if ids else NOTHING

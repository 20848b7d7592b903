"""What a term asks for, in the terms of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, and_, exists, false, func, literal, select, true

from webui.studio.search.known import trait_word
from webui.studio.tables import image, image_fts

MOST_TRAITS = 200
"""Beyond so many values one question to the index would be slow."""

SOME = 1000
"""Stands for how many pictures have something that isn't counted and that few have."""

SHAPES = ("landscape", "portrait", "square")


@dataclass(frozen=True)
class Few:
    """A way to few pictures. where: a condition that an index answers. index: its name. about: how many there are, roughly."""

    where: ColumnElement[bool]
    index: str
    about: int


@dataclass(frozen=True)
class Clause:
    """What a picture has to be, all of it at once.

    words: a question to the index of words. since, before: bounds of its id, the second one excluded. check: a condition on its row.
    few: a quicker way to the pictures for which `check` holds. trash: pictures in the trash are meant. nothing: none has it.
    """

    words: str = ""
    since: int | None = None
    before: int | None = None
    check: ColumnElement[bool] | None = None
    few: Few | None = None
    trash: bool = False
    nothing: bool = False


ALL = Clause()
NOTHING = Clause(nothing=True)


def quoted(text: str) -> str:
    """A text as the index of words takes it as such, whatever stands in it."""
    # A NUL would end the question there.
    return '"' + text.replace("\0", " ").replace('"', '""') + '"'


def trait(kind: str, values: Collection[str]) -> Clause:
    """Pictures that have one of these values."""
    if not values:
        return NOTHING
    return Clause(words=f"traits : ({' OR '.join(quoted(trait_word(kind, value)) for value in values)})")


def any_trait() -> str:
    """What every picture has: each has a shape."""
    return trait("shape", SHAPES).words


def one_of(column: ColumnElement[int], values: Iterable[int]) -> ColumnElement[bool]:
    """Whether it is one of these numbers, however many there are."""
    listed = func.json_each(literal(f"[{','.join(map(str, values))}]", String)).table_valued("value")
    return column.in_(select(listed.c.value))


def has_words(words: str) -> ColumnElement[bool]:
    """Whether the index answers that question with this very picture: slow, for few pictures."""
    return exists().where(image_fts.c.image_fts.op("MATCH")(words), image_fts.c.rowid == image.c.id)


def as_check(clause: Clause) -> ColumnElement[bool]:
    """All that a clause asks for, trash left aside, as one condition on a picture's row."""
    if clause.nothing:
        return false()
    parts = [] if clause.check is None else [clause.check]
    if clause.since is not None:
        parts.append(image.c.id >= clause.since)
    if clause.before is not None:
        parts.append(image.c.id < clause.before)
    if clause.words:
        parts.append(has_words(clause.words))
    return and_(true(), *parts)


def marked(where: ColumnElement[bool], index: str, about: int) -> Clause:
    """Pictures with a mark."""
    return Clause(check=where, few=Few(where, index, about))


def pictures(ids: Collection[int]) -> Clause:
    """These pictures."""
    where = one_of(image.c.id, ids)
    return Clause(check=where, few=Few(where, "", len(ids))) if ids else NOTHING

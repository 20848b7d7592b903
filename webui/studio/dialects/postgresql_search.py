"""Searches with PostgreSQL: questions to the index of words (tsvector, GIN). How to walk is left to the server's planner.

A page is one query here, so there is no time after which it would end early.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, bindparam, cast, column, exists, false, func, select, table, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from webui.studio.dialects.expressions import HasWords, OneOf
from webui.studio.search.wording import Either, Every, Except, Said, Traits, Wording
from webui.studio.tables import image

if TYPE_CHECKING:
    from webui.studio.search.compiling import Question

_COLUMNS = {"prompt": "A", "note": "B", "negative_prompt": "C"}
_WORDS = table("image_words", column("id"), column("words"))


def query(words: Wording) -> ColumnElement[Any]:
    """A question to the index as PostgreSQL takes it."""
    match words:
        case Said():
            letters = "".join(_COLUMNS[name] for name in words.columns)
            return func.easel_query(words.text, letters, words.begins, type_=TSQUERY)
        case Traits():
            # Letters and digits alone.
            return cast(bindparam(None, " | ".join(f"{word}:D" for word in words.words)), TSQUERY)
        case Every():
            return _joined("tsquery_and", words.parts)
        case Either():
            return _joined("tsquery_or", words.parts)
        case Except():
            return func.tsquery_and(query(words.wanted), func.tsquery_not(_joined("tsquery_or", words.unwanted)), type_=TSQUERY)


def _joined(how: str, parts: tuple[Wording, ...]) -> ColumnElement[Any]:
    # In halves, so that many parts don't make a deep expression.
    if len(parts) == 1:
        return query(parts[0])
    middle = len(parts) // 2
    return getattr(func, how)(_joined(how, parts[:middle]), _joined(how, parts[middle:]), type_=TSQUERY)


@compiles(OneOf, "postgresql")
def _one_of(element: OneOf, compiler: SQLCompiler, **asked: Any) -> str:
    number, listed = (compiler.process(part, **asked) for part in element.clauses)
    return f"({number} = ANY (CAST(translate({listed}, '[]', '{{}}') AS BIGINT[])))"


@compiles(HasWords, "postgresql")
def _has_words(element: HasWords, compiler: SQLCompiler, **asked: Any) -> str:
    found = exists().where(_WORDS.c.words.op("@@", is_comparison=True)(query(element.words)), _WORDS.c.id == image.c.id)
    return compiler.process(found.correlate(image), **asked)


class PostgresqlWalk:
    """The pictures that a question means, newest first, at most so many; the server finds its own way."""

    out_of_time = False

    def __init__(self, connection: Connection, question: Question, below: int | None, most: int) -> None:
        self._connection = connection
        self._question = question
        self._top = min((bound for bound in (question.before, below) if bound is not None), default=None)
        self._most = most

    def __iter__(self) -> Iterator[tuple[int, bool]]:
        question = self._question
        wanted = select(image.c.id).where(*question.conditions, false() if question.nothing else true())
        if question.words is not None:
            wanted = wanted.join(_WORDS, _WORDS.c.id == image.c.id).where(
                _WORDS.c.words.op("@@", is_comparison=True)(query(question.words))
            )
        if self._top is not None:
            wanted = wanted.where(image.c.id < self._top)
        if question.since is not None:
            wanted = wanted.where(image.c.id >= question.since)
        for row in self._connection.execute(wanted.order_by(image.c.id.desc()).limit(self._most)):
            yield row[0], True

"""Searches with SQLite: questions to the index of words (FTS5), and the walk through it, newest first.

FTS5 gives the pictures that a question finds one after the other, the newest first, and that at any place in no time. What the index
doesn't know (marks, days, letters inside words) is looked up picture by picture. Where a mark is rarer than the words, that would take
long, so both are walked in step then: some pictures with the mark, and the words between the first and the last of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, and_, column, exists, func, select, table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from webui.studio.dialects.expressions import HasWords, OneOf, one_of
from webui.studio.search.clauses import Few
from webui.studio.search.known import Known
from webui.studio.search.wording import Either, Every, Except, Said, Traits, Wording
from webui.studio.tables import image, image_fts, remembered

if TYPE_CHECKING:
    from webui.studio.search.compiling import Question

LONGEST_BEGINNING = 5
"""Letters of the longest beginnings that the index keeps by themselves (form 0014): it has to put together all words of longer ones."""

_MOST_WORDS = 200
"""More words with one beginning are left to FTS5: it reads them all, however few pictures are wanted."""
_FEW = 300
"""So many pictures are looked at one by one: to ask the index about a single one takes a tenth of a millisecond."""
_AT_ONCE = 64
"""Rows between two looks at the clock."""
_BY_WORDS = 64
"""Pictures of the words that are looked at before it is asked whether in step would be quicker."""
_MARKED_AT_ONCE, _MOST_MARKED = 384, 8192
"""Pictures with a mark that are taken at once: at first, and later, when few of them have the words."""
_DEARER = 5
"""A look at the row of a picture costs as much as so many ids of an index."""
_ID = image_fts.c.rowid

RUN_ON = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
"""Letters of scripts without spaces between words, as ranges."""

LETTERS_DOWN_TO = "letters_down_to"
"""By that name the id is remembered down to which `webui.studio.letters` has come; 0 once its index is whole."""

_LETTERS = table("image_letters", column("rowid"), column("image_letters"))
_MOST_TOLD = 2000


def letters_way(known: Known, words: str) -> Few | None:
    """The pictures that have these letters of such scripts one after the other, whatever stands between; None without their index."""
    letters = re.findall(f"[{RUN_ON}]", words)
    if not letters or known.first(select(remembered.c.value).where(remembered.c.name == LETTERS_DOWN_TO)) != 0:
        return None
    has_them = _LETTERS.c.image_letters.op("MATCH", is_comparison=True)(_quoted(" ".join(letters)))
    some = select(_LETTERS.c.rowid).where(has_them)
    about = known.first(select(func.count()).select_from(some.limit(_MOST_TOLD).subquery()))
    return Few(image.c.id.in_(some), about, _LETTERS.c.rowid, has_them, once=True)


# --- questions to the index ---


def match(words: Wording) -> str:
    """A question in the language of FTS5."""
    match words:
        case Said():
            return f"{{{' '.join(words.columns)}}} : {_quoted(words.text)}{' *' if words.begins else ''}"
        case Traits():
            return f"traits : ({' OR '.join(map(_quoted, words.words))})"
        case Every():
            return " AND ".join(f"({match(part)})" for part in words.parts)
        case Either():
            return " OR ".join(f"({match(part)})" for part in words.parts)
        case Except():
            return f"({match(words.wanted)}) NOT ({' OR '.join(f'({match(part)})' for part in words.unwanted)})"


def _quoted(text: str) -> str:
    """A text as the index of words takes it as such, whatever stands in it."""
    # A NUL would end the question there.
    return '"' + text.replace("\0", " ").replace('"', '""') + '"'


def with_whole_words(connection: Connection, words: Wording) -> Wording:
    """The same, with long beginnings told as the words that there are of them: FTS5 walks through those without reading them all first."""
    match words:
        case Said(begins=True) if len(words.text) > LONGEST_BEGINNING and words.text.isascii() and words.text.isalnum():
            found = _beginning_with(connection, words.text.lower())
            return words if found is None else Either(tuple(replace(words, text=word, begins=False) for word in found or [words.text]))
        case Every() | Either():
            return replace(words, parts=tuple(with_whole_words(connection, part) for part in words.parts))
        case Except():
            unwanted = tuple(with_whole_words(connection, part) for part in words.unwanted)
            return Except(with_whole_words(connection, words.wanted), unwanted)
        case _:
            return words


def _beginning_with(connection: Connection, begin: str) -> list[str] | None:
    """The words in the index that begin so; None where there are too many. From one to the next, since their pictures don't matter here."""
    found: list[str] = []
    following = begin
    while len(found) <= _MOST_WORDS:
        word = connection.exec_driver_sql("SELECT term FROM temp.image_term WHERE term >= ? LIMIT 1", (following,)).scalar()
        if word is None or not word.startswith(begin):
            return found
        found.append(word)
        following = f"{word}\x01"
    return None


@compiles(OneOf, "sqlite")
def _one_of(element: OneOf, compiler: SQLCompiler, **asked: Any) -> str:
    column, listed = (compiler.process(part, **asked) for part in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({listed})))"


@compiles(HasWords, "sqlite")
def _has_words(element: HasWords, compiler: SQLCompiler, **asked: Any) -> str:
    found = exists().where(_matched(element.words), image.c.id == _ID)
    return compiler.process(found.correlate(image), **asked)


def _matched(words: Wording) -> ColumnElement[bool]:
    return image_fts.c.image_fts.op("MATCH", is_comparison=True)(match(words))


# --- walks ---


class SqliteWalk:
    """The pictures that a question may mean, newest first, and whether it does, until the time is up; it is looked at the clock between."""

    def __init__(self, connection: Connection, question: Question, below: int | None, seconds: float) -> None:
        self._connection = connection
        self._until = time.monotonic() + seconds
        self._question = question
        self._top = min((bound for bound in (question.before, below) if bound is not None), default=None)
        self.out_of_time = False

    def __iter__(self) -> Iterator[tuple[int, bool]]:
        question, few = self._question, self._question.few
        if question.nothing:
            return
        words = None if question.words is None else with_whole_words(self._connection, question.words)
        if few is not None and few.once and words is None:
            walked = few.column.table.outerjoin(image, image.c.id == few.column)
            yield from self._rows(self._among(few.column, walked, self._top).where(few.of_column))
        elif few is not None and (words is None or few.about <= _FEW):
            also = () if words is None else (HasWords(words),)
            yield from self._rows(self._among(image.c.id, image, self._top, *also).where(few.where))
        elif words is None:
            yield from self._rows(self._among(image.c.id, image, self._top))
        else:
            yield from self._by_words(words, few)

    def _by_words(self, words: Wording, few: Few | None) -> Iterator[tuple[int, bool]]:
        """Through the pictures of the words; from where the mark turns out to be the rarer of the two, in step with it."""
        newest = at = None
        with closing(self._rows(self._of_words(words, self._top))) as rows:
            for number, (at, fits) in enumerate(rows, 1):
                yield at, fits
                newest = at if newest is None else newest
                if few is not None and number == _BY_WORDS and self._is_rarer(few, newest, at):
                    break
            else:
                return
        yield from self._in_step(words, few, at)

    def _is_rarer(self, few: Few, newest: int, at: int) -> bool:
        """Whether fewer pictures have the mark than have the words, below that one, as far as can be told from those above it."""
        # Each by itself: asked for both at once SQLite looks through all.
        oldest, last = (self._connection.execute(select(extreme(image.c.id))).scalar_one() for extreme in (func.min, func.max))
        oldest = max(oldest, self._question.since or 0)
        words_left = _BY_WORDS * (at - oldest) / max(newest - at, 1)
        return few.about * (at - oldest) / max(last - oldest, 1) < _DEARER * words_left

    def _in_step(self, words: Wording, few: Few, top: int) -> Iterator[tuple[int, bool]]:
        size = _MARKED_AT_ONCE
        while not self.out_of_time:
            marked = select(few.column).where(few.of_column, *self._bounds(few.column, top)).order_by(few.column.desc()).limit(size)
            ids = list(self._connection.execute(marked).scalars())
            if ids:
                # With + 0 it isn't asked for each of these ids by itself.
                among = one_of(_ID + 0, ids)
                yield from self._rows(self._of_words(words, top).where(ids[-1] <= _ID, among))
            if len(ids) < size:
                return
            if not self.out_of_time:
                top, size = ids[-1], min(2 * size, _MOST_MARKED)
                yield top, False
                self.out_of_time = time.monotonic() > self._until

    def _of_words(self, words: Wording, top: int | None) -> Select[Any, bool]:
        # A left join is walked in this order for certain.
        return self._among(_ID, image_fts.outerjoin(image, image.c.id == _ID), top).where(_matched(words))

    def _among(self, column: ColumnElement[int], table: Any, top: int | None, *also: ColumnElement[bool]) -> Select[Any, bool]:
        """The ids below that one downwards, and whether all else holds: told and not asked, so that it is looked at the clock."""
        told = select(column, and_(*self._question.conditions, *also)).select_from(table)
        return told.where(*self._bounds(column, top)).order_by(column.desc())

    def _bounds(self, column: ColumnElement[int], top: int | None) -> list[ColumnElement[bool]]:
        bounds = [] if top is None else [column < top]
        return bounds if self._question.since is None else [*bounds, column >= self._question.since]

    def _rows(self, query: Select[Any, bool]) -> Generator[tuple[int, bool]]:
        with closing(self._connection.execute(query)) as rows:
            for part in rows.partitions(_AT_ONCE):
                yield from ((row[0], bool(row[1])) for row in part)
                if len(part) == _AT_ONCE and time.monotonic() > self._until:
                    self.out_of_time = True
                    return

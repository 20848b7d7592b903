"""Conditions that each kind of database says in its own way; how, stands in the module of that kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Connection, String, Table, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.functions import FunctionElement

from webui.studio.search.wording import Wording
from webui.studio.tables import remembered


class OneOf(FunctionElement[bool]):
    """Whether a whole number is one of those listed. Arguments: the number; the list as JSON."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Self:
        """Itself: SQLAlchemy would compare it with 1, and no index be used then."""
        return self


class HasWords(ColumnElement[bool]):
    """Whether the index of words answers that with this very picture, a row of `image`: slow with SQLite, so for few pictures."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, words: Wording) -> None:
        self.words = words

    def self_group(self, against: Any = None) -> Self:
        """Itself, not compared with 1."""
        return self


def one_of(column: ColumnElement[int], values: Iterable[int]) -> ColumnElement[bool]:
    """Whether it is one of these numbers, however many there are."""
    return OneOf(column, literal(f"[{','.join(map(str, values))}]", String))


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that may say what is done where there is such a row already."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def remember(connection: Connection, name: str, value: Any) -> None:
    """Keep a small value under a name, in this transaction."""
    fresh = upsert(connection, remembered).values(name=name, value=value)
    connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_={"value": fresh.excluded.value}))

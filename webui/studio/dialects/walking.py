"""The walk through history that answers a question, as the database in use does it best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from sqlalchemy import Connection

from webui.studio.dialects.postgresql_search import PostgresqlWalk
from webui.studio.dialects.sqlite_search import SqliteWalk
from webui.studio.search.compiling import Question


class Walk(Protocol):
    """Pictures that may be meant, newest first, each with whether it is. out_of_time: it ended early for that."""

    out_of_time: bool

    def __iter__(self) -> Iterator[tuple[int, bool]]: ...


def walk_through(connection: Connection, question: Question, below: int | None, seconds: float, most: int) -> Walk:
    """Through the pictures below that id. most: so many that are meant are wanted at most."""
    if connection.dialect.name == "postgresql":
        return PostgresqlWalk(connection, question, below, most)
    return SqliteWalk(connection, question, below, seconds)

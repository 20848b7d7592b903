"""A look into the database that changes nothing, while an Easel works on it or not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

_BUSY_SECONDS = 5.0
_MOST_ERRORS = 20


class Asked(Protocol):
    """A connection of either kind of database, to be asked in plain SQL."""

    def execute(self, query: Any, /) -> Any:
        """Rows, one after the other."""
        ...


@contextmanager
def reading(path: Path, url: str = "", *, in_use: bool) -> Iterator[Asked]:
    """The database at `path`, or the server's at `url`, for reading only. in_use: an Easel works on it.

    Raises sqlite3.DatabaseError or Unreachable.
    """
    if url:
        with _on_server(url) as connection:
            yield connection
        return
    wal = path.with_name(f"{path.name}-wal")
    # SQLite would make two files beside a database at rest and leave them there, even for a reader.
    at_rest = not in_use and not (wal.exists() and wal.stat().st_size)
    address = f"file:{quote(str(path))}?{'immutable=1' if at_rest else 'mode=ro'}"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
        yield connection


class Unreachable(Exception):
    """The server of the database can't be asked, and why."""


@contextmanager
def _on_server(url: str) -> Iterator[Asked]:
    # Only where there is such an address: the driver needs not be there.
    try:
        import psycopg
        from psycopg.types.json import set_json_loads
    except ImportError as missing:
        raise Unreachable("the driver of PostgreSQL (psycopg) isn't installed") from missing
    try:
        with psycopg.connect(url.replace("+psycopg", ""), connect_timeout=int(_BUSY_SECONDS)) as connection:
            connection.read_only = True
            # As SQLite gives it: to be read by whoever wants it.
            set_json_loads(lambda text: text, connection)
            yield connection
    except psycopg.Error as error:
        raise Unreachable(" ".join(str(error).split()) or type(error).__name__) from error


def is_there(path: Path, url: str) -> bool:
    """Whether there is a database. Raises Unreachable."""
    if not url:
        return path.exists()
    with _on_server(url) as connection:
        return "alembic_version" in tables_of(connection, url)


def size_on_server(connection: Asked) -> int:
    """Bytes of a server's database."""
    return connection.execute("SELECT pg_database_size(current_database())").fetchone()[0]


def bytes_on_disk(path: Path) -> int:
    """Size of the database with what is not merged into its file yet."""
    wal = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def tables_of(connection: Asked, url: str) -> set[str]:
    """The names of its tables."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'" if url else "SELECT name FROM sqlite_master WHERE type = 'table'"
    return {name for (name,) in connection.execute(query)}


def form_of(connection: Asked, tables: set[str]) -> str | None:
    """The migration that the database was brought to last; None where it is none of Easel's."""
    if "alembic_version" not in tables:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def damage(connection: Asked) -> list[str]:
    """Everything that SQLite finds wrong with the whole file, and rows that point nowhere; the first twenty. Reads all of it."""
    told = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST_ERRORS})")]
    lost = [
        f"{table}: row {row} belongs to a row of {parent} that isn't there"
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check")
    ]
    return ([] if told == ["ok"] else told) + lost[:_MOST_ERRORS]


@dataclass(frozen=True)
class KnownPictures:
    """Paths relative to the pictures folder: of pictures in history, and of all files that some row speaks of."""

    in_history: frozenset[str]
    all: frozenset[str]


def known_pictures(connection: Asked) -> KnownPictures:
    """What history knows, and what is promised to jobs that run."""
    pictures = frozenset(path for (path,) in connection.execute("SELECT path FROM image"))
    grids = {path for (path,) in connection.execute("SELECT grid_path FROM generation WHERE grid_path IS NOT NULL")}
    promised = {
        path
        for (planned,) in connection.execute("SELECT planned_paths FROM job WHERE status = 'running'")
        for path in json.loads(planned).values()
    }
    return KnownPictures(pictures, pictures | grids | promised)


def picture_count(connection: Asked) -> int:
    """How many pictures are in history."""
    return connection.execute("SELECT count(*) FROM image").fetchone()[0]


@dataclass(frozen=True)
class JobCounts:
    """Jobs of the queue. running: ids of those that some Easel has begun."""

    running: frozenset[int]
    waiting: int
    paused: bool


def jobs(connection: Asked) -> JobCounts:
    """What the journal says of the queue now."""
    running = frozenset(identifier for (identifier,) in connection.execute("SELECT id FROM job WHERE status = 'running'"))
    waiting = connection.execute("SELECT count(*) FROM job WHERE status = 'waiting'").fetchone()[0]
    paused = connection.execute("SELECT value FROM remembered WHERE name = 'paused'").fetchone()
    return JobCounts(running, waiting, bool(paused and json.loads(paused[0])))

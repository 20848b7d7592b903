"""A look into the database that changes nothing, while an Easel works on it or not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_BUSY_SECONDS = 5.0
_MOST_ERRORS = 20


@contextmanager
def reading(path: Path, *, in_use: bool) -> Iterator[sqlite3.Connection]:
    """The database at `path`, for reading only. in_use: an Easel works on it. Raises sqlite3.DatabaseError."""
    wal = path.with_name(f"{path.name}-wal")
    # SQLite would make two files beside a database at rest and leave them there, even for a reader.
    at_rest = not in_use and not (wal.exists() and wal.stat().st_size)
    address = f"file:{quote(str(path))}?{'immutable=1' if at_rest else 'mode=ro'}"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
        yield connection


def bytes_on_disk(path: Path) -> int:
    """Size of the database with what is not merged into its file yet."""
    wal = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def form_of(connection: sqlite3.Connection) -> str | None:
    """The migration that the database was brought to last; None where it is none of Easel's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in tables:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def damage(connection: sqlite3.Connection) -> list[str]:
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


def known_pictures(connection: sqlite3.Connection) -> KnownPictures:
    """What history knows, and what is promised to jobs that run."""
    pictures = frozenset(path for (path,) in connection.execute("SELECT path FROM image"))
    grids = {path for (path,) in connection.execute("SELECT grid_path FROM generation WHERE grid_path IS NOT NULL")}
    promised = {
        path
        for (planned,) in connection.execute("SELECT planned_paths FROM job WHERE status = 'running'")
        for path in json.loads(planned).values()
    }
    return KnownPictures(pictures, pictures | grids | promised)


def picture_count(connection: sqlite3.Connection) -> int:
    """How many pictures are in history."""
    return connection.execute("SELECT count(*) FROM image").fetchone()[0]


@dataclass(frozen=True)
class JobCounts:
    """Jobs of the queue. running: ids of those that some Easel has begun."""

    running: frozenset[int]
    waiting: int
    paused: bool


def jobs(connection: sqlite3.Connection) -> JobCounts:
    """What the journal says of the queue now."""
    running = frozenset(identifier for (identifier,) in connection.execute("SELECT id FROM job WHERE status = 'running'"))
    waiting = connection.execute("SELECT count(*) FROM job WHERE status = 'waiting'").fetchone()[0]
    paused = connection.execute("SELECT value FROM remembered WHERE name = 'paused'").fetchone()
    return JobCounts(running, waiting, bool(paused and json.loads(paused[0])))

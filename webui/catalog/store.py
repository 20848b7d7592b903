"""What is known about model files, kept across starts: a small SQLite file by path, size and time of change.

A cache: when it is damaged or of another version, it is made again; when it can't be written, it lives in memory.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FILE_NAME = "models.sqlite3"
_FORM = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, rules TEXT NOT NULL, facts TEXT NOT NULL, details TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, hashes TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Known:
    """What was found out about one file. stamp: its size and time of change then; facts: for lists; details: read when asked for."""

    path: str
    stamp: str
    facts: Mapping[str, Any]
    details: Mapping[str, Any]


class FactStore:
    """Facts and hashes by path. May be used from any thread."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._connection = _open(folder / FILE_NAME)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def facts(self, rules: str) -> dict[str, tuple[str, dict[str, Any]]]:
        """Path -> stamp and facts, of all files that were described by these rules."""
        with self._lock:
            rows = self._connection.execute("SELECT path, stamp, facts FROM facts WHERE rules = ?", (rules,)).fetchall()
        return {path: (stamp, json.loads(facts)) for path, stamp, facts in rows}

    def details(self, path: str) -> dict[str, Any]:
        """The details of one file; empty when it is not known."""
        with self._lock:
            row = self._connection.execute("SELECT details FROM facts WHERE path = ?", (path,)).fetchone()
        return json.loads(row[0]) if row else {}

    def remember(self, rules: str, known: Iterable[Known]) -> None:
        """Keep what was found out."""
        rows = [(one.path, one.stamp, rules, json.dumps(dict(one.facts)), json.dumps(dict(one.details))) for one in known]
        self._write("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)", rows)

    def hashes(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Path -> stamp and hashes."""
        with self._lock:
            rows = self._connection.execute("SELECT path, stamp, hashes FROM hashes").fetchall()
        return {path: (stamp, json.loads(hashes)) for path, stamp, hashes in rows}

    def remember_hashes(self, path: str, stamp: str, hashes: Mapping[str, str]) -> None:
        """Keep the hashes of a file."""
        self._write("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", [(path, stamp, json.dumps(dict(hashes)))])

    def _write(self, statement: str, rows: list[tuple[str, ...]]) -> None:
        if not rows:
            return
        try:
            with self._lock, self._connection:
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            log.warning("What was found out about model files could not be kept (%s); it is found out again at the next start.", error)


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepared(path)
    except sqlite3.DatabaseError as error:
        log.warning("%s is damaged or of another version (%s); it is made again.", path, error)
    except OSError as error:
        log.warning("%s can't be made (%s); what is found out about model files is not kept.", path, error)
        return _prepared(None)
    try:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _prepared(path)
    except (sqlite3.Error, OSError) as error:
        log.warning("%s can't be written (%s); what is found out about model files is not kept.", path, error)
        return _prepared(None)


def _prepared(path: Path | None) -> sqlite3.Connection:
    """Raises sqlite3.DatabaseError for a file that is none of ours."""
    connection = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        # A cache: the last lines may be lost with the power, the file stays whole.
        connection.execute("PRAGMA synchronous=NORMAL")
        form = connection.execute("PRAGMA user_version").fetchone()[0]
        if form not in (0, _FORM):
            raise sqlite3.DatabaseError(f"form {form}")
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version={_FORM}")
        # Damage shows when rows are read, not before.
        connection.execute("SELECT count(*) FROM facts").fetchone()
        connection.execute("SELECT count(*) FROM hashes").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection

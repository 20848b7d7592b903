"""SQLite: one file in the data folder, for one machine. What a connection is told, how it is backed up, and its own complaints."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, create_engine, event

from webui.durable import PART_SUFFIX, flush
from webui.errors import DatabaseBusy, DataUnusable, DiskFull

log = logging.getLogger(__name__)

_BUSY_MILLISECONDS = 10_000
_CACHE_KIBIBYTES = 16 * 1024
_LOG_PAGES = 8_000
"""SQLite itself moves what is written into the database once its log is so long (32 MB); `tidy` does it sooner, while nobody waits."""


class Sqlite:
    """A database in a file. Everything else that a `webui.studio.dialects.dialect.Dialect` promises."""

    problems: ClassVar[Mapping[str, type[DataUnusable]]] = {
        "disk is full": DiskFull,
        "database is locked": DatabaseBusy,
        "disk I/O error": DataUnusable,
        "readonly database": DataUnusable,
        "unable to open database file": DataUnusable,
        "malformed": DataUnusable,
    }

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = str(path)

    def engine(self) -> Engine:
        """For that file; it is made when it is first used."""
        made = create_engine(f"sqlite:///{self._path}")
        event.listen(made, "connect", _manual_transactions)
        event.listen(made, "connect", _set_pragmas)
        event.listen(made, "begin", _begin)
        return made

    def begin_history(self, connection: Connection) -> bool:
        """Whether the tables of the newest form were made at once: they are made by all migrations, one after the other."""
        return False

    def back_up(self, form: str) -> None:
        """Copy the database beside itself before a migration."""
        target = self._path.with_name(f"{self._path.stem}-before-{form}.sqlite3")
        part = target.with_name(target.name + PART_SUFFIX)
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        flush(part)
        part.replace(target)
        log.info("Backed up the database to %s before changing it.", target.name)

    def tidy(self, connection: Any) -> None:
        """Move the log into the database; neither readers nor writers wait for it."""
        connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def claim(self, engine: Engine) -> None:
        """Nothing: the lock of the data folder (`webui.studio.instance`) is that of the file in it."""

    def release(self) -> None:
        """Nothing."""


def _set_pragmas(connection: Any, _record: Any) -> None:
    # WAL lets readers go on while a picture is recorded; FULL makes a committed row survive power loss.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    # The words of the index, for `webui.studio.dialects.sqlite_search`.
    cursor.execute("CREATE VIRTUAL TABLE temp.image_term USING fts5vocab('main', 'image_fts', 'instance')")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Python's sqlite3 would begin lazily and deferred: two writers could then meet in the middle of a transaction.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _manual_transactions(connection: Any, _record: Any) -> None:
    connection.isolation_level = None

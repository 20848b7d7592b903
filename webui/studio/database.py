"""Opens the database: pragmas, migrations with a backup first, and a clear word when it can't be used."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DatabaseError

from webui.durable import PART_SUFFIX, flush
from webui.errors import DatabaseBusy, DataUnusable, DiskFull
from webui.studio import tables

log = logging.getLogger(__name__)

DATABASE_FILE = "easel.sqlite3"
FORM = "0009"
"""The newest migration: the form of the database that this program works with."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_MILLISECONDS = 10_000
_CACHE_KIBIBYTES = 16 * 1024
_LOG_PAGES = 8_000
"""SQLite itself moves what is written into the database once its log is so long (32 MB); `tidy` does it sooner, while nobody waits."""


def _set_pragmas(connection: Any, _record: Any) -> None:
    # WAL lets readers go on while a picture is recorded; FULL makes a committed row survive power loss.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Python's sqlite3 would begin lazily and deferred: two writers could then meet in the middle of a transaction.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _manual_transactions(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _back_up(path: Path, form: str) -> None:
    target = path.with_name(f"{path.stem}-before-{form}.sqlite3")
    part = target.with_name(target.name + PART_SUFFIX)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
    flush(part)
    part.replace(target)
    log.info("Backed up the database to %s before changing it.", target.name)


def _form_of(engine: Engine) -> str | None:
    with engine.begin() as connection:
        if not connection.dialect.has_table(connection, "alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _migrate(engine: Engine, path: Path) -> None:
    current = _form_of(engine)
    if current == FORM:
        return
    # Only now: importing it takes longer than everything else here.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    if current is not None:
        known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
        if current not in known:
            raise DataUnusable(
                f"{path} was written by a newer Easel (form {current}, this one knows {FORM}).",
                hint="Update Easel, or start with another --data-dir.",
            )
        _back_up(path, FORM)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FORM)


@contextmanager
def _told_in_words() -> Iterator[None]:
    """What SQLite can't do just now as an error that says what would help."""
    try:
        yield
    except DatabaseError as error:
        reason = str(error.orig)
        for words, problem in _PROBLEMS.items():
            if words in reason:
                raise problem(f"The database can't be used just now: {reason}.", hint=_HINTS[problem]) from error
        raise


_HINTS: dict[type[DataUnusable], str] = {
    DiskFull: "Make room on the disk of the data folder.",
    DatabaseBusy: "End the other program that works on the data folder, then try again.",
    DataUnusable: "Check the disk and the rights of the data folder; python launch.py doctor says more.",
}
_PROBLEMS: dict[str, type[DataUnusable]] = {
    "disk is full": DiskFull,
    "database is locked": DatabaseBusy,
    "disk I/O error": DataUnusable,
    "readonly database": DataUnusable,
    "unable to open database file": DataUnusable,
    "malformed": DataUnusable,
}


class Database:
    """Short transactions on one database. May be used from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Writers of this process wait here for each other; SQLite would have them poll with growing pauses.
        self._writer = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view for queries; never waits for a writer. Raises DataUnusable."""
        with _told_in_words(), self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed at the end, taken back when anything is raised.

        Raises DiskFull, DatabaseBusy (after ten seconds) or DataUnusable; then nothing was written.
        """
        with self._writer, _told_in_words(), self._engine.begin() as connection:
            yield connection

    def tidy(self) -> None:
        """Move what was written lately from the log into the database file; neither readers nor writers wait for it.

        Raises DataUnusable; then it stays in the log.
        """
        try:
            # Outside of a transaction, which SQLAlchemy would begin.
            with closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.DatabaseError, DatabaseError) as error:
            raise DataUnusable(f"The database's log can't be emptied: {error}.", hint=_HINTS[DataUnusable]) from error

    def last_id(self) -> int:
        """The largest id in any table, 0 when all are empty."""
        with self.reading() as connection:
            return max(
                connection.execute(select(func.max(table.c.id))).scalar() or 0
                for table in (tables.job, tables.generation, tables.image, tables.batch)
            )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(data_dir: Path) -> Database:
    """The database in `data_dir`, made or migrated as needed.

    Raises DataUnusable when it is damaged, locked, not writable, or of a newer version.
    """
    path = data_dir / DATABASE_FILE
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _manual_transactions)
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
        _migrate(engine, path)
    except (DatabaseError, sqlite3.DatabaseError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        raise DataUnusable(
            f"The database {path} can't be used: {reason}.", hint="Check the folder's rights and space, or start with another --data-dir."
        ) from None
    return Database(engine)

"""Opens the database: pragmas, migrations with a backup first, and a clear word when it can't be used."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DatabaseError

from webui.errors import DataUnusable
from webui.studio import tables

log = logging.getLogger(__name__)

DATABASE_FILE = "easel.sqlite3"
_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_MILLISECONDS = 10_000


def _set_pragmas(connection: Any, _record: Any) -> None:
    # WAL lets readers go on while a picture is recorded; FULL makes a committed row survive power loss.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Python's sqlite3 would begin lazily and deferred: two writers could then meet in the middle of a transaction.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _manual_transactions(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _back_up(path: Path, revision: str) -> None:
    target = path.with_name(f"{path.stem}-before-{revision}.sqlite3")
    with sqlite3.connect(path) as source, sqlite3.connect(target) as copy:
        source.backup(copy)
    log.info("Backed up the database to %s before changing it.", target.name)


def _migrate(engine: Engine, path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    newest = script.get_current_head()
    if current == newest or newest is None:
        return
    if current is not None:
        if current not in {revision.revision for revision in script.walk_revisions()}:
            raise DataUnusable(
                f"{path} was written by a newer Easel (form {current}, this one knows {newest}).",
                hint="Update Easel, or start with another --data-dir.",
            )
        _back_up(path, newest)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


class Database:
    """Short transactions on one database. May be used from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view for queries; never waits for a writer."""
        with self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed at the end, taken back when anything is raised."""
        with self._engine.begin() as connection:
            yield connection

    def last_id(self) -> int:
        """The largest id in any table, 0 when all are empty."""
        with self.reading() as connection:
            return max(
                connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in (tables.job, tables.generation, tables.image)
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

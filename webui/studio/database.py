"""Opens the database: migrations with a backup first, short transactions, and a clear word when it can't be used."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DatabaseError

from webui.errors import DatabaseBusy, DataUnusable, DiskFull
from webui.studio import tables
from webui.studio.dialects.dialect import FILE, Dialect, dialect_for

DATABASE_FILE = FILE
FORM = "0015"
"""The newest migration: the form of the database that this program works with."""

_MIGRATIONS = Path(__file__).with_name("migrations")


def _form_of(engine: Engine) -> str | None:
    with engine.begin() as connection:
        if not connection.dialect.has_table(connection, "alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _migrate(engine: Engine, dialect: Dialect) -> None:
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
                f"{dialect.place} was written by a newer Easel (form {current}, this one knows {FORM}).",
                hint="Update Easel, or start with another --data-dir.",
            )
        dialect.back_up(FORM)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        if current is None and dialect.begin_history(connection):
            command.stamp(config, FORM)
        else:
            command.upgrade(config, FORM)


_HINTS: dict[type[DataUnusable], str] = {
    DiskFull: "Make room on the disk of the database.",
    DatabaseBusy: "End the other program that works on the database, then try again.",
    DataUnusable: "Check the disk and the rights of the data folder, or the server of the database; python launch.py doctor says more.",
}


class Database:
    """Short transactions on one database. May be used from any thread.

    writes: how many there were since it was opened.
    """

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self.writes = 0
        self._engine = engine
        self._dialect = dialect
        # Writers of this process wait here for each other; SQLite would have them poll with growing pauses.
        self._writer = threading.Lock()

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        """What the database can't do just now as an error that says what would help."""
        try:
            yield
        except DatabaseError as error:
            reason = " ".join(str(error.orig).split())
            for words, problem in self._dialect.problems.items():
                if words in reason:
                    raise problem(f"The database can't be used just now: {reason}.", hint=_HINTS[problem]) from error
            raise

    def claim(self) -> None:
        """Be the one Easel that works on this database, until `close`. Raises DatabaseBusy where there is another one."""
        with self._told_in_words():
            self._dialect.claim(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view for queries; never waits for a writer. Raises DataUnusable."""
        with self._told_in_words(), self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed at the end, taken back when anything is raised.

        Raises DiskFull, DatabaseBusy (after ten seconds) or DataUnusable; then nothing was written.
        """
        with self._writer, self._told_in_words():
            with self._engine.begin() as connection:
                yield connection
            self.writes += 1

    def tidy(self) -> None:
        """Move what was written lately from the log into the database file; neither readers nor writers wait for it.

        Raises DataUnusable; then it stays in the log.
        """
        try:
            # Outside of a transaction, which SQLAlchemy would begin.
            with closing(self._engine.raw_connection()) as connection:
                self._dialect.tidy(connection)
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
        self._dialect.release()
        self._engine.dispose()


def open_database(data_dir: Path, url: str = "") -> Database:
    """The database in `data_dir`, or at that address; made or migrated as needed.

    Raises DataUnusable when it is damaged, locked, not writable, not to be reached, or of a newer version; SettingInvalid for an
    address that is none.
    """
    dialect = dialect_for(data_dir, url)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        engine = dialect.engine()
        _migrate(engine, dialect)
    except (DatabaseError, sqlite3.DatabaseError, OSError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise DataUnusable(f"The database {dialect.place} can't be used: {reason}.", hint=_HINT_AT_START[bool(url)]) from None
    return Database(engine, dialect)


_HINT_AT_START = {
    False: "Check the folder's rights and space, or start with another --data-dir.",
    True: "Check that the server runs and lets you in there, and database_url in settings.yaml.",
}

"""PostgreSQL: a server elsewhere, by its address. Transactions, the claim of one Easel, its own complaints, tables and triggers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, String, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import TypeCompiler

from webui.errors import DatabaseBusy, DataUnusable, DiskFull, SettingInvalid
from webui.studio.dialects.postgresql_tables import FUNCTIONS, GUARDS, INDEX, TRIGGERS, VIEWS
from webui.studio.tables import metadata

log = logging.getLogger(__name__)

_HINT = "Write it as postgresql://name@host/database; a password goes into ~/.pgpass or PGPASSWORD."
_BUSY_SECONDS = 10
_OLDEST = 130000
"""PostgreSQL 13 is the first with what the index of words needs (normalize)."""

# Keys of advisory locks, which are this database's own: of transactions that write, and of the Easel that works here.
_WRITING, _WORKING = 0x4561_7365, 0x4561_7366


@compiles(String, "postgresql")
def _text(_type: String, _compiler: TypeCompiler, **_asked: Any) -> str:
    # SQLite takes the lengths of texts as remarks, and nobody else should stumble over them.
    return "TEXT"


class Postgresql:
    """A database on a server. Everything else that a `webui.studio.dialects.dialect.Dialect` promises."""

    problems: ClassVar[Mapping[str, type[DataUnusable]]] = {
        "No space left on device": DiskFull,
        "disk full": DiskFull,
        "lock timeout": DatabaseBusy,
        "too many clients": DatabaseBusy,
        "connection": DataUnusable,
        "terminating": DataUnusable,
        "read-only": DataUnusable,
        "shutting down": DataUnusable,
        "starting up": DataUnusable,
    }

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
        except ArgumentError:
            raise SettingInvalid("database_url is no address of a database.", field="database_url", hint=_HINT) from None
        if self._url.get_backend_name() != "postgresql":
            raise SettingInvalid(
                f"database_url names {self._url.get_backend_name()[:40]}; Easel works with PostgreSQL, and with SQLite where it is empty.",
                field="database_url",
                hint=_HINT,
            )
        self._url = self._url.set(drivername="postgresql+psycopg")
        self.place = self._url.render_as_string(hide_password=True).replace("+psycopg", "")
        self._claimed: Any = None

    def engine(self) -> Engine:
        """For that server. Raises DataUnusable where its driver is missing."""
        try:
            made = create_engine(self._url, pool_pre_ping=True, connect_args={"client_encoding": "utf8"})
        except ImportError:
            raise DataUnusable(
                "database_url is set, but the driver of PostgreSQL isn't installed.",
                hint="Install psycopg[binary] as requirements.txt names it, or leave database_url empty.",
            ) from None
        event.listen(made, "begin", _begin)
        event.listen(made, "before_cursor_execute", _without_nul, retval=True)
        return made

    def begin_history(self, connection: Connection) -> bool:
        """Make all tables, the index of words, counts and their triggers. Raises DataUnusable."""
        version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if int(version) < _OLDEST or encoding != "UTF8":
            raise DataUnusable(
                f"{self.place} is PostgreSQL {int(version) // 10_000} with {encoding} texts.",
                hint="Easel needs PostgreSQL 13 or newer, and a database made with ENCODING 'UTF8'.",
            )
        if taken := sorted(metadata.tables.keys() & inspect(connection).get_table_names()):
            raise DataUnusable(f"{self.place} has a table {taken[0]!r} that is not Easel's.", hint="Give Easel a database of its own.")
        _tell_partial_indexes()
        metadata.create_all(connection)
        for statement in (*VIEWS, *FUNCTIONS, INDEX, *TRIGGERS, *GUARDS):
            connection.exec_driver_sql(statement)
        return True

    def back_up(self, form: str) -> None:
        """Nothing is copied: a migration is one transaction there, and the server's owner makes backups."""
        log.warning("The database %s is brought to form %s in one transaction; Easel makes no copy of it (pg_dump does).", self.place, form)

    def tidy(self, connection: Any) -> None:
        """Nothing: the server does it by itself."""

    def claim(self, engine: Engine) -> None:
        """Hold the lock of the one Easel that works here, as long as this program runs. Raises DatabaseBusy."""
        connection = engine.raw_connection()
        connection.detach()
        cursor = connection.cursor()
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (_WORKING,))
        row = cursor.fetchone()
        connection.commit()
        if row is None or not row[0]:
            connection.close()
            raise DatabaseBusy(
                f"Another Easel works with {self.place}.", hint="End it, or give this one a database of its own (database_url)."
            )
        self._claimed = connection

    def release(self) -> None:
        """Let another Easel work here; the end of the program does so, too."""
        if self._claimed is not None:
            self._claimed.close()
            self._claimed = None


def _tell_partial_indexes() -> None:
    """What an index leaves out is written down for SQLite alone (`webui.studio.tables`): it is left out here, too."""
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    else:
        # One writer after the other, as with SQLite: what one looks up before it writes still holds then.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_BUSY_SECONDS}s'")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITING})


def _without_nul(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> tuple[str, Any]:
    """PostgreSQL keeps no NUL in texts; SQLite does, and files of other programs have some."""
    return statement, _cleared(parameters)


def _cleared(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, dict):
        return {key: _cleared(one) for key, one in value.items()}
    return type(value)(map(_cleared, value)) if isinstance(value, list | tuple) else value

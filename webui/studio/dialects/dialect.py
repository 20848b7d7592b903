"""What a kind of database has to be able to do, and which one is meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sqlalchemy import Connection, Engine

from webui.errors import DataUnusable
from webui.studio.dialects.sqlite import Sqlite

FILE = "easel.sqlite3"


class Dialect(Protocol):
    """One database of one kind. place: as people are told of it."""

    place: str

    problems: ClassVar[Mapping[str, type[DataUnusable]]]
    """What stands in its complaints, and what that means."""

    def engine(self) -> Engine:
        """Its engine. Transactions begin as their execution option `reading` says. Raises DataUnusable."""
        ...

    def begin_history(self, connection: Connection) -> bool:
        """Make the tables of the newest form in an empty database. Returns False where migrations make them."""
        ...

    def back_up(self, form: str) -> None:
        """Before a migration to that form."""
        ...

    def tidy(self, connection: Any) -> None:
        """While nobody waits. connection: the driver's own."""
        ...

    def claim(self, engine: Engine) -> None:
        """Keep other Easels off. Raises DatabaseBusy where there is one."""
        ...

    def release(self) -> None:
        """The end of `claim`."""
        ...


def dialect_for(data_dir: Path, url: str) -> Dialect:
    """The database at that address; without one the file in the data folder. Raises SettingInvalid, DataUnusable."""
    if not url:
        return Sqlite(data_dir / FILE)
    # Only where it is wanted: its driver needs not be there.
    from webui.studio.dialects.postgresql import Postgresql

    return Postgresql(url)

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, select

from webui.errors import DataUnusable
from webui.studio import tables
from webui.studio.database import DATABASE_FILE, open_database
from webui.studio.ids import IdClock, time_of
from webui.studio.instance import AlreadyRunning, InstanceLock


def test_migrations_make_exactly_the_tables_the_code_uses(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.reading() as connection:
        made = inspect(connection)
        for table in tables.metadata.sorted_tables:
            assert {column["name"]: column["nullable"] for column in made.get_columns(table.name)} == {
                column.name: bool(column.nullable) for column in table.columns
            }
            assert {index["name"] for index in made.get_indexes(table.name) if not index["name"].startswith("sqlite_")} == {
                index.name for index in table.indexes
            }


def test_a_committed_row_survives_power_loss_by_pragma(tmp_path: Path) -> None:
    with open_database(tmp_path).reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_database_of_a_newer_easel_is_refused_untouched(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    with sqlite3.connect(tmp_path / DATABASE_FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DataUnusable, match="newer Easel"):
        open_database(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE_FILE) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


def test_a_file_that_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataUnusable, match="can't be used"):
        open_database(tmp_path)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    row = {"id": 1, "status": "waiting", "checkpoint": "a", "asked": "{}", "resolved": "{}"}
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(insert(tables.job).values(**row))
        raise ZeroDivisionError
    with database.reading() as connection:
        assert connection.execute(select(tables.job)).all() == []


def test_reading_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.writing() as writer, database.reading() as reader:
        writer.execute(insert(tables.job).values(id=1, status="waiting", checkpoint="a", asked="{}", resolved="{}"))
        assert reader.execute(select(tables.job.c.id)).all() == []


def test_what_was_written_is_moved_into_the_file_beside_readers_and_writers(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    row = {"status": "waiting", "checkpoint": "a", "asked": "{}" * 5000, "resolved": "{}"}
    with database.writing() as connection:
        connection.execute(insert(tables.job).values(id=1, **row))
    before = (tmp_path / DATABASE_FILE).stat().st_size
    database.tidy()
    assert (tmp_path / DATABASE_FILE).stat().st_size > before + 5000
    with database.writing() as writer, database.reading() as reader:
        writer.execute(insert(tables.job).values(id=2, **row))
        database.tidy()
        assert reader.execute(select(tables.job.c.id)).scalars().all() == [1]


def test_ids_only_grow_also_when_the_clock_jumps_back() -> None:
    now = [1000.0]
    clock = IdClock(now=lambda: now[0])
    ids = [clock.next(), clock.next()]
    now[0] = 10.0
    ids.append(clock.next())
    now[0] = 2000.0
    ids.append(clock.next())
    assert ids == sorted(set(ids))
    assert time_of(ids[-1]).timestamp() == 2000.0
    assert IdClock(last=ids[-1], now=lambda: 0.0).next() > ids[-1]


def test_a_second_easel_on_the_same_data_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with InstanceLock(tmp_path) as first:
        first.announce("http://127.0.0.1:7860")
        with pytest.raises(AlreadyRunning, match="process") as caught, InstanceLock(tmp_path):
            pass
        assert caught.value.url == "http://127.0.0.1:7860"
    with InstanceLock(tmp_path):
        pass

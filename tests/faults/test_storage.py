"""Disk and database at their worst: full, locked, older, newer, half migrated, on a clock that jumps."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from PIL import Image
from test_studio import SMALL, finish, wait_for

from webui.errors import DatabaseBusy, DiskFull
from webui.executors.fake import FakeExecutor
from webui.generation.request import REQUEST_VERSION, load_request, load_resolved, parse_request
from webui.settings import Settings
from webui.studio import database as database_module
from webui.studio.database import DATABASE_FILE, FORM, open_database
from webui.studio.ids import IdClock
from webui.studio.picture_file import read_back
from webui.studio.studio import Studio

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
MIGRATIONS = Path(database_module.__file__).with_name("migrations")


def rows(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def columns_of(path: Path, table: str) -> list[str]:
    return [name for (name,) in rows(path, f"SELECT name FROM pragma_table_info('{table}')")]


# databases and requests of earlier versions


def test_the_form_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == FORM


def test_every_earlier_form_has_a_golden_database() -> None:
    forms = {path.stem.split("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py")}
    golden = {path.stem.removeprefix("database-") for path in GOLDEN.glob("database-*.sqlite3")}
    assert golden == forms - {FORM}


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("database-*.sqlite3")), ids=lambda path: path.stem)
def test_a_database_of_an_earlier_version_is_backed_up_and_goes_on(
    golden: Path, new_studio: Callable[..., Studio], settings: Settings
) -> None:
    settings.data_dir.mkdir(parents=True)
    path = settings.data_dir / DATABASE_FILE
    shutil.copy(golden, path)
    columns = {table: ", ".join(columns_of(golden, table)) for table in ("job", "generation", "image")}
    before = {table: rows(golden, f"SELECT {names} FROM {table} ORDER BY id") for table, names in columns.items()}
    studio = new_studio(start=False)
    backup = settings.data_dir / f"easel-before-{FORM}.sqlite3"
    for file in (backup, path):
        assert {table: rows(file, f"SELECT {names} FROM {table} ORDER BY id") for table, names in columns.items()} == before
    (done,) = [job for job in studio.ended_jobs(10) if job["status"] == "done"]
    assert "中文 🍎" in done["prompt"]
    assert len(done["images"]) == 2
    unfinished = {job["id"]: job for job in studio.queue.page()["waiting"]}
    assert unfinished
    studio.start()
    for job_id in unfinished:
        assert studio.follow(job_id, lambda event: None)["status"] == "done"


@pytest.mark.parametrize("version", range(1, REQUEST_VERSION + 1))
def test_stored_requests_and_pictures_of_each_version_are_read(version: int) -> None:
    asked = load_request((GOLDEN / f"request-{version}-asked.json").read_text())
    resolved = load_resolved((GOLDEN / f"request-{version}-resolved.json").read_text())
    assert asked.prompt == resolved.prompt == "a red apple\non a table, 中文 🍎"
    assert asked.extensions == {"dynamic-prompts": {"enabled": True}}
    assert resolved.seed == 5
    assert read_back(GOLDEN / f"picture-{version}.png").seed in resolved.image_seeds


def test_a_migration_that_is_killed_in_the_middle_is_done_at_the_next_start(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "database-0001.sqlite3", tmp_path / DATABASE_FILE)
    script = (
        "import os, sys, pathlib, sqlalchemy\n"
        "from sqlalchemy import event\n"
        "from webui.studio.database import open_database\n"
        "count = 0\n"
        "@event.listens_for(sqlalchemy.engine.Engine, 'before_cursor_execute')\n"
        "def before(connection, cursor, statement, *rest):\n"
        "    global count\n"
        "    count += statement.lstrip().upper().startswith(('ALTER', 'CREATE', 'UPDATE', 'DROP'))\n"
        "    if count > int(sys.argv[2]):\n"
        "        os.kill(os.getpid(), 9)\n"
        "open_database(pathlib.Path(sys.argv[1]))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path), "6"], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert rows(tmp_path / DATABASE_FILE, "SELECT version_num FROM alembic_version") == [("0001",)]
    assert (tmp_path / f"easel-before-{FORM}.sqlite3").exists()
    open_database(tmp_path).close()
    assert rows(tmp_path / DATABASE_FILE, "SELECT version_num FROM alembic_version") == [(FORM,)]
    assert len(rows(tmp_path / DATABASE_FILE, "SELECT * FROM job")) == len(rows(GOLDEN / "database-0001.sqlite3", "SELECT * FROM job"))
    assert rows(tmp_path / DATABASE_FILE, "PRAGMA integrity_check") == [("ok",)]


def test_a_request_of_a_later_version_fails_alone(new_studio: Callable[..., Studio], settings: Settings) -> None:
    before = new_studio(start=False)
    ids = [before.submit(parse_request(SMALL | {"prompt": str(number)}))["id"] for number in range(3)]
    before.close()
    with closing(sqlite3.connect(settings.data_dir / DATABASE_FILE)) as connection, connection:
        now, later = (f'"version": {number}' for number in (REQUEST_VERSION, REQUEST_VERSION + 1))
        connection.execute("UPDATE job SET resolved = replace(resolved, ?, ?) WHERE id = ?", (now, later, ids[1]))
    studio = new_studio()
    assert [studio.follow(job, lambda event: None)["status"] for job in ids] == ["done", "failed", "done"]
    error = studio.job(ids[1])["error"]
    assert "another version" in error["message"]
    assert error["hint"]


# locked


@contextmanager
def held(path: Path) -> Iterator[Callable[[], None]]:
    """Another program that holds the database for writing."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield lambda: connection.execute("ROLLBACK")
    finally:
        connection.close()


def test_a_database_that_is_locked_holds_the_queue_and_nothing_is_lost(
    new_studio: Callable[..., Studio], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.studio.dialects.sqlite._BUSY_MILLISECONDS", 50)
    monkeypatch.setattr("webui.studio.storage_guard.AGAIN_SECONDS", 0.02)
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    job = studio.submit(parse_request(SMALL | {"batch_count": 2, "seed": 1}))
    wait_for(lambda: studio.job(job["id"])["status"] == "running")  # its progress is there a moment before its row says so
    with held(settings.data_dir / DATABASE_FILE) as let_go:
        wait_for(lambda: studio.notices.all())
        assert "Another program holds the database" in studio.notices.all()[0]["message"]
        with pytest.raises(DatabaseBusy) as caught:
            studio.submit(parse_request(SMALL))
        assert caught.value.retry_after
        assert studio.snapshot()["queue"]["total"] == 0
        let_go()
    ended = studio.follow(job["id"], lambda event: None)
    assert [image["seed"] for image in ended["images"]] == ["1", "2"]
    wait_for(lambda: not studio.notices.all())


# full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 3 MB."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=False).returncode != 0:
        pytest.skip("only root can make a small disk; the fault is injected in test_studio.py")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_really_full(new_studio: Callable[..., Studio], small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.studio.storage_guard.AGAIN_SECONDS", 0.02)
    studio = new_studio(FakeExecutor(step_seconds=0.05), data_dir=small_disk, disk_reserve_mb=0)
    finish(studio)
    ids = [studio.submit(parse_request(SMALL | {"batch_count": 3, "seed": 1}))["id"] for _ in range(2)]
    wait_for(lambda: studio.job(ids[0])["progress"])
    with open(small_disk / "fill", "wb", buffering=0) as fill, pytest.raises(OSError, match="space"):
        while fill.write(b"x" * 4096):
            pass
    with pytest.raises(DiskFull) as caught:
        for _ in range(100):  # the write-ahead log has some room of its own
            studio.submit(parse_request(SMALL | {"prompt": "x" * 10_000}))
    assert caught.value.status == 507
    wait_for(lambda: studio.notices.all())
    assert "disk is full" in studio.notices.all()[0]["message"]
    assert studio.job(ids[1])["status"] == "waiting"
    (small_disk / "fill").unlink()
    for job in ids:
        ended = studio.follow(job, lambda event: None)
        assert ended["status"] == "done"
        assert [image["seed"] for image in ended["images"]] == ["1", "2", "3"]
        for image in ended["images"]:
            with Image.open(studio.picture_path(image["id"])) as picture:
                picture.load()
    wait_for(lambda: not studio.notices.all())
    assert not list(small_disk.rglob("*.part"))


def test_the_queue_waits_while_the_reserve_is_not_free(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(disk_reserve_mb=10**9)
    job = studio.submit(parse_request(SMALL))
    wait_for(lambda: studio.notices.all())
    assert "almost full" in studio.notices.all()[0]["message"]
    assert studio.job(job["id"])["status"] == "waiting"
    studio.preferences.change({"disk_reserve_mb": 0})
    assert studio.follow(job["id"], lambda event: None)["status"] == "done"
    assert not studio.notices.all()


def test_a_name_that_another_program_took_is_left_alone(studio: Studio, settings: Settings) -> None:
    first = finish(studio, seed=1)["images"][0]
    folder = studio.picture_path(first["id"]).parent
    (folder / "00001-2.png").write_text("mine")
    (folder / "00002-2.png").write_text("mine, too")
    ended = finish(studio, seed=2)
    assert ended["status"] == "done"
    assert (folder / "00001-2.png").read_text() == "mine"
    assert ended["images"][0]["file"] == "00003-2.png"


# clock


def test_a_clock_that_jumps_a_day_changes_neither_order_nor_ids(new_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    jump = [0.0]
    real = time.time
    monkeypatch.setattr("webui.studio.studio.IdClock", lambda last: IdClock(last, lambda: real() + jump[0]))
    studio = new_studio(start=False)
    ids = []
    for days in (0, -1, 1, -2, 0):
        jump[0] = days * 86_400
        ids.append(studio.submit(parse_request(SMALL | {"prompt": str(days)}))["id"])
    assert [int(job) for job in ids] == sorted(int(job) for job in ids)
    assert [job["id"] for job in studio.queue.page()["waiting"]] == ids
    studio.start()
    for job in ids:
        assert studio.follow(job, lambda event: None)["status"] == "done"
    assert [job["id"] for job in reversed(studio.ended_jobs(10))] == ids


# the program's own files


def test_changed_files_ask_for_a_restart(new_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.studio.studio._WATCH_SECONDS", 0.01)
    studio = new_studio()
    time.sleep(0.3)
    assert not studio.notices.all()
    monkeypatch.setattr("webui.studio.studio.source_hash", lambda: "after a git pull")
    wait_for(lambda: studio.notices.all())
    (notice,) = studio.snapshot()["notices"]
    assert notice["code"] == "restart_needed"
    assert "Restart Easel" in notice["hint"]
    assert finish(studio)["status"] == "done", "what waits goes on"

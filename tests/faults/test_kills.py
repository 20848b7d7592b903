"""kill -9 at random points of saving: nothing finished is lost, nothing half is left. Without the recipe, a lot is."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from faults.nursery import Nursery, alive, wait_for_end
from PIL import Image

from webui.settings import PROGRAM_ROOT

FOREVER = 60.0


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@dataclass(frozen=True)
class Losses:
    """What is not as it should be."""

    jobs_gone: int
    jobs_stuck: int
    pictures_missing: int
    pictures_told_but_gone: int
    half_rows: int
    orphan_files: int
    broken_files: int

    @property
    def any(self) -> bool:
        return any(asdict(self).values())


def run_and_kill(nursery: Nursery, kills: int, data_dir: Path, models_dir: Path, told: Path, *, window: float = 0.06, **how: str) -> int:
    """Start the child again and again and kill it at a random moment, then let it finish. Returns how many kills struck.

    window: seconds within which the kill comes, once the child has begun.
    """
    rng = random.Random(7)
    recipe = how.get("recipe", "durable")
    struck = 0
    for number in range(kills):
        before = told.stat().st_size if told.exists() else 0
        pid = nursery.start(data_dir=data_dir, models_dir=models_dir, submit=1 + number % 3, told=told, **how)
        begun = time.monotonic()
        while (told.stat().st_size if told.exists() else 0) == before and alive(pid) and time.monotonic() - begun < FOREVER:
            time.sleep(0.001)
        wait_for_end(pid, rng.uniform(0, window))
        struck += alive(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        assert wait_for_end(pid, FOREVER)
    # Stuck jobs would keep the naive one from ending.
    last = nursery.start(data_dir=data_dir, models_dir=models_dir, submit=0, told=told, **how)
    if not wait_for_end(last, FOREVER + kills if recipe == "durable" else 3):
        assert recipe == "naive", "it did not finish what was left"
        os.kill(last, signal.SIGKILL)
        wait_for_end(last, FOREVER)
    return struck


def look(data_dir: Path, told: Path) -> tuple[Losses, int, int]:
    """What was lost, of how many jobs and pictures."""
    lines = told.read_text().split("\n")
    submitted = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("job ")}
    finished = {line for line in lines if line.isdigit()}
    with closing(sqlite3.connect(data_dir / "easel.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        jobs = {str(job_id): status for job_id, status in database.execute("SELECT id, status FROM job")}
        images = {str(row[0]): row[1] for row in database.execute("SELECT id, path FROM image")}
        per_job = dict(
            database.execute("SELECT job_id, count(*) FROM generation JOIN image ON image.generation_id = generation.id GROUP BY job_id")
        )
        empty = database.execute("SELECT count(*) FROM generation WHERE id NOT IN (SELECT generation_id FROM image)").fetchone()[0]
    outputs = data_dir / "outputs"
    files = {path.relative_to(outputs).as_posix() for path in outputs.rglob("*") if path.is_file()}
    losses = Losses(
        jobs_gone=len(set(submitted) - set(jobs)),
        jobs_stuck=sum(status != "done" for status in jobs.values()),
        pictures_missing=sum(per_job.get(int(job), 0) != number for job, number in submitted.items() if jobs.get(job) == "done"),
        pictures_told_but_gone=len(finished - set(images)),
        half_rows=empty,
        orphan_files=len(files ^ set(images.values())),
        broken_files=sum(not is_whole(outputs / path) for path in files),
    )
    return losses, len(jobs), len(images)


def is_whole(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.load()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "kills", [pytest.param(40, id="40"), pytest.param(1000, id="1000", marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_nothing_finished_is_lost_by_kills(
    nursery: Nursery, kills: int, tmp_path: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir, told = tmp_path / "data", tmp_path / "told.txt"
    struck = run_and_kill(nursery, kills, data_dir, models_dir, told)
    losses, jobs, pictures = look(data_dir, told)
    assert not losses.any, losses
    assert struck > kills / 2
    with capsys.disabled():
        print(f"\n{kills} kills, {struck} in mid-work: {jobs} jobs, {pictures} pictures, none lost, half, orphaned or stuck")


@pytest.mark.parametrize("kills", [pytest.param(30, id="30"), pytest.param(300, id="300", marks=[pytest.mark.slow])])
def test_without_the_recipe_the_same_kills_lose_things(
    nursery: Nursery, kills: int, tmp_path: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir, told = tmp_path / "data", tmp_path / "told.txt"
    run_and_kill(nursery, kills, data_dir, models_dir, told, recipe="naive")
    losses, jobs, pictures = look(data_dir, told)
    assert losses.jobs_stuck
    if kills >= 300:
        assert losses.orphan_files + losses.broken_files + losses.half_rows
    with capsys.disabled():
        print(f"\n{kills} kills without the recipe: {jobs} jobs, {pictures} pictures, {losses}")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_finished_is_lost_by_kills_with_a_real_worker(nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir, told = tmp_path / "data", tmp_path / "told.txt"
    struck = run_and_kill(nursery, 10, data_dir, PROGRAM_ROOT / "models", told, window=16, executor="local")
    losses, jobs, pictures = look(data_dir, told)
    assert not losses.any, losses
    with capsys.disabled():
        print(f"\n10 kills with a real worker, {struck} in mid-work: {jobs} jobs, {pictures} pictures, none lost, half, orphaned or stuck")

"""kill -9 at random points of saving: nothing finished is lost, nothing half is left."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import time
from pathlib import Path

import pytest
from faults.studio_child import work
from PIL import Image

FOREVER = 60.0


def run_and_kill(kills: int, data_dir: Path, models_dir: Path, told: Path) -> int:
    """Start the child again and again and kill it at a random moment, then let it finish. Returns how many kills struck."""
    context = multiprocessing.get_context("forkserver")
    # Only what is found from the working folder is imported ahead; the rest costs each child little.
    context.set_forkserver_preload(["webui.studio.studio", "webui.executors.fake", "alembic.command"])
    rng = random.Random(7)
    struck = 0
    for _ in range(kills):
        child = context.Process(target=work, args=(data_dir, models_dir, 3, told))
        child.start()
        begun = time.monotonic()
        before = told.stat().st_size if told.exists() else 0
        while (told.stat().st_size if told.exists() else 0) == before and child.is_alive() and time.monotonic() - begun < FOREVER:
            time.sleep(0.002)
        child.join(rng.uniform(0, 0.1))
        struck += child.is_alive()
        child.kill()
        child.join()
    last = context.Process(target=work, args=(data_dir, models_dir, 0, told))
    last.start()
    last.join(FOREVER + kills)
    assert last.exitcode == 0
    return struck


@pytest.mark.parametrize(
    "kills", [pytest.param(15, id="15"), pytest.param(1000, id="1000", marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_nothing_finished_is_lost_by_kills(kills: int, tmp_path: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir, told = tmp_path / "data", tmp_path / "told.txt"
    struck = run_and_kill(kills, data_dir, models_dir, told)
    lines = told.read_text().split("\n")
    submitted = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("job ")}
    finished = {line for line in lines if line.isdigit()}
    with sqlite3.connect(data_dir / "easel.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        jobs = {str(job_id): status for job_id, status in database.execute("SELECT id, status FROM job")}
        images = {str(row[0]): row[1] for row in database.execute("SELECT id, path FROM image")}
        per_job = dict(
            database.execute("SELECT job_id, count(*) FROM generation JOIN image ON image.generation_id = generation.id GROUP BY job_id")
        )
        empty = database.execute("SELECT count(*) FROM generation WHERE id NOT IN (SELECT generation_id FROM image)").fetchone()[0]
    outputs = data_dir / "outputs"
    files = {path.relative_to(outputs).as_posix() for path in outputs.rglob("*") if path.is_file()}
    assert set(submitted) <= set(jobs), "a job that was answered is gone"
    assert set(jobs.values()) == {"done"}, "a job is stuck"
    assert {job_id: per_job[int(job_id)] for job_id in submitted} == submitted, "a picture is missing or doubled"
    assert finished <= set(images), "a finished picture is gone"
    assert empty == 0, "a generation without pictures"
    assert files == set(images.values()), "an orphan, a part or a missing file"
    for path in images.values():
        with Image.open(outputs / path) as picture:
            picture.load()
    assert struck > kills / 2
    with capsys.disabled():
        print(f"\n{kills} kills, {struck} in mid-work: {len(jobs)} jobs, {len(images)} pictures, none lost, half, orphaned or stuck")

"""kill -9 in the middle of a batch: it goes on where it stopped, each file once, and what can't be read is named."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.nursery import Nursery, alive, wait_for_end
from faults.test_kills import FOREVER, look, nursery  # noqa: F401 - the fixture
from PIL import Image

from webui.settings import PROGRAM_ROOT

UNREADABLE = ("notes.png", "half.png")
REQUEST = {"kind": "img2img", "prompt": "a fox", "width": 64, "height": 64, "steps": 2}
UPSCALE = {"kind": "upscale", "finishing": [{"step": "upscale", "scale": 2, "upscaler": "Nearest"}]}


@dataclass(frozen=True)
class Outcome:
    """What became of a batch. drawn: file name -> how many pictures were made of it."""

    status: str
    drawn: Counter[str]
    failed: dict[str, str]
    statuses: Counter[str]


def fill(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (16, 16), (number % 256, number // 256, 99)).save(folder / f"frame{number}.png")
    (folder / UNREADABLE[0]).write_text("I am no picture")
    (folder / UNREADABLE[1]).write_bytes((folder / "frame0.png").read_bytes()[:40])
    return folder


def kill_again_and_again(nursery: Nursery, kills: int, told: Path, window: float, **how: object) -> int:  # noqa: F811
    """Start the child and kill it at a random moment after its next picture, so often; then let it finish. Returns how many struck."""
    rng = random.Random(11)
    struck = 0
    for _ in range(kills):
        before = told.stat().st_size if told.exists() else 0
        pid = nursery.start(submit=0, told=told, **how)
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
    assert wait_for_end(nursery.start(submit=0, told=told, **how), FOREVER * 2), "it did not finish what was left"
    return struck


def outcome(data_dir: Path) -> Outcome:
    with closing(sqlite3.connect(data_dir / "easel.sqlite3")) as database:
        ((status,),) = database.execute("SELECT status FROM batch")
        resolved = database.execute("SELECT generation.resolved FROM image JOIN generation ON generation.id = image.generation_id")
        drawn = Counter(json.loads(text)["init_name"] for (text,) in resolved)
        failed = database.execute("SELECT name, error FROM batch_file WHERE error IS NOT NULL")
        statuses = Counter(status for (status,) in database.execute("SELECT status FROM job"))
        return Outcome(status, drawn, {name: json.loads(error)["message"] for name, error in failed}, statuses)


@pytest.mark.parametrize(
    ("request_", "files", "kills"),
    [
        pytest.param(REQUEST, 16, 3, id="16 files"),
        pytest.param(REQUEST, 100, 20, id="100 files", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
        pytest.param(REQUEST, 1000, 150, id="1000 files", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
        pytest.param(UPSCALE, 16, 3, id="16 files upscaled"),
        pytest.param(UPSCALE, 1000, 150, id="1000 files upscaled", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_a_killed_batch_goes_on_where_it_stopped(
    nursery: Nursery,  # noqa: F811
    request_: dict[str, object],
    files: int,
    kills: int,
    tmp_path: Path,
    models_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data_dir, told = tmp_path / "data", tmp_path / "told.txt"
    order = json.dumps({"request": request_, "folder": str(fill(tmp_path / "frames", files)), "output_folder": "frames"})
    struck = kill_again_and_again(nursery, kills, told, 0.06, data_dir=data_dir, models_dir=models_dir, batch=order)
    assert struck > kills / 2
    result = outcome(data_dir)
    assert result.status == "done"
    assert result.drawn == Counter({f"frame{number}.png": 1 for number in range(files)})
    assert result.statuses == {"done": files}
    assert sorted(result.failed) == sorted(UNREADABLE)
    assert all(message.startswith("This is not a whole picture") for message in result.failed.values())
    losses, _, _ = look(data_dir, told)
    assert not losses.any, losses
    made = {path.name for path in (data_dir / "outputs" / f"{request_['kind']}-images" / "frames").iterdir()}
    assert made == {f"frame{number}.png" for number in range(files)}
    with capsys.disabled():
        print(
            f"\n{kills} kills, {struck} in the middle of a batch: each of {files} files made once by {request_['kind']}, "
            f"{len(result.failed)} unreadable named"
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_batch_goes_on_with_a_real_worker(nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    data_dir, told = tmp_path / "data", tmp_path / "told.txt"
    order = json.dumps({"request": REQUEST | {"denoising_strength": 0.5}, "folder": str(fill(tmp_path / "frames", 6))})
    models = PROGRAM_ROOT / "models"
    struck = kill_again_and_again(nursery, 2, told, 1.0, data_dir=data_dir, models_dir=models, batch=order, executor="local")
    assert struck
    result = outcome(data_dir)
    assert (result.status, result.drawn) == ("done", Counter({f"frame{number}.png": 1 for number in range(6)}))
    assert sorted(result.failed) == sorted(UNREADABLE)
    losses, _, _ = look(data_dir, told)
    assert not losses.any, losses
    with capsys.disabled():
        print(f"\n2 kills with a real worker, {struck} in mid-work: each of 6 files drawn once")

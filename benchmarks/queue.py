"""What 10,000 waiting jobs cost: taking one more, one look at the queue, and a start with them.

    python -m benchmarks.queue [--jobs 10000] [--people 2] [--data-dir FOLDER]

The jobs are shared out among so many people in turn, and what one of them asks is measured; then one of them has 1,000 jobs in
line when each of the others comes with three: how many of the first one's are made until those are done.

The real journal on a real disk, the fake executor, the queue paused. Every third job wants another checkpoint, so that the plan has
something to group. "fsync" is the disk's own time for one small durable write: a job that is taken waits for one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from webui.catalog.checkpoints import CheckpointCatalog
from webui.errors import QueueFull
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import GenerationRequest, parse_request
from webui.people import Person
from webui.settings import PROGRAM_ROOT, load_settings
from webui.studio.studio import Studio

ROUNDS = 1000


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


def told(name: str, times: list[float]) -> None:
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    print(f"{name:44} p50 {statistics.median(times):7.2f} ms   p99 {p99:7.2f} ms   worst {times[-1]:7.2f} ms")


def open_studio(data_dir: Path, models: Path) -> tuple[Studio, float]:
    started = time.perf_counter()
    settings = load_settings(data_dir=data_dir, executor="fake")
    studio = Studio(settings, FakeExecutor(0.0), CheckpointCatalog([models], data_dir / "cache"), ExtensionRegistry())
    studio.start()
    return studio, time.perf_counter() - started


def one_fsync(folder: Path) -> None:
    with open(folder / "fsync", "ab") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())


def requests_for(checkpoints: list[str], count: int) -> list[GenerationRequest]:
    return [
        parse_request({"prompt": f"picture {number}", "checkpoint": checkpoints[number // 3 % len(checkpoints)], "steps": 20})
        for number in range(count)
    ]


def people(studio: Studio, number: int) -> list[Person]:
    """So many people with accounts, the first an administrator, who are made where they aren't there."""
    names = [f"person {index}" for index in range(number)]
    if not studio.people.any():
        for name in names:
            studio.people.add(name, "a word that is long enough")
    found = [studio.people.named(name) for name in names]
    return [Person(account.id, account.name, account.role) for account in found]


def turns(everybody: list[Studio]) -> None:
    """One has a long line; the others come with three jobs each."""
    small = {"checkpoint": "one", "width": 64, "height": 64, "steps": 1}
    first, others = everybody[0], everybody[1:]
    first.submit_all([parse_request({**small, "prompt": f"{number}"}) for number in range(1000)])
    theirs = [(one, one.submit(parse_request({**small, "prompt": "theirs"}))["id"]) for one in others for _ in range(3)]
    started = time.perf_counter()
    first.pause(False)
    for one, job in theirs:
        one.follow(job, lambda event: None)
    seconds, left = time.perf_counter() - started, first.queue.summary()["total"]
    print(
        f"1,000 jobs of one, {len(theirs)} of others behind them: those were done after {1000 - left} of the first one's, {seconds:.2f} s"
    )
    first.clear_queue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--data-dir", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.data_dir) as folder:
        data_dir, models = Path(folder) / "data", Path(folder) / "models"
        shipped = PROGRAM_ROOT / "models" / "checkpoints" / "easel-emoji"
        for name in ("one", "two", "three"):
            shutil.copytree(shipped, models / "checkpoints" / name)
        studio, empty_start = open_studio(data_dir, models)
        # One picture of each, so that there are estimates.
        for name in ("one", "two", "three"):
            fields = {"checkpoint": name, "width": 64, "height": 64, "steps": 2}
            studio.follow(studio.submit(parse_request(fields))["id"], lambda event: None)
        studio.preferences.change({"queue_limit": 1_000_000})
        everybody = [studio.of(person) for person in people(studio, arguments.people)]
        everybody[0].pause(True)  # an administrator's word is for all lines
        many = requests_for(["one", "two", "three"], arguments.jobs)
        started = time.perf_counter()
        for start in range(0, len(many), 1000):
            everybody[start // 1000 % len(everybody)].submit_all(many[start : start + 1000])
        seconds = time.perf_counter() - started
        print(
            f"{arguments.jobs:,} jobs of {len(everybody)} people taken in batches of 1,000: {seconds:.2f} s; load {os.getloadavg()[0]:.1f}"
        )
        mine = everybody[0]
        more = iter(requests_for(["one", "two", "three"], ROUNDS))
        told("one small durable write (fsync)", milliseconds(lambda: one_fsync(Path(folder))))
        told("taking one more job", milliseconds(lambda: mine.submit(next(more))))
        told("the first page of the queue (50 jobs)", milliseconds(lambda: mine.queue.page(0, 50)))
        told("a page in the middle", milliseconds(lambda: mine.queue.page(arguments.jobs // 2, 50)))
        told("the snapshot that a page begins with", milliseconds(mine.snapshot, 50))
        last = mine.queue.page(mine.queue.summary()["total"] - 1, 1)["waiting"][0]["id"]
        told("moving the last job to the front", milliseconds(lambda: mine.move(last, mine.queue.page(0, 1)["waiting"][0]["id"]), 20))
        studio.close()
        reopened, full_start = open_studio(data_dir, models)
        print(f"start: empty {empty_start:.2f} s, with {reopened.waiting_count():,} jobs {full_start:.2f} s", flush=True)
        reopened.preferences.change({"queue_limit": reopened.waiting_count()})
        try:
            reopened.submit(many[0])
        except QueueFull as full:
            print(f"one beyond the limit: {full.status} {full.code}, Retry-After {full.retry_after} s")
        everybody = [reopened.of(person) for person in people(reopened, arguments.people)]
        for mine in everybody:
            count, stamp = mine.clear_queue()
            print(f"cleared {count:,} jobs, brought back {mine.restore_queue(stamp):,}")
            mine.clear_queue()
        reopened.clear_queue()
        if len(everybody) > 1:
            turns(everybody)
        reopened.close()


if __name__ == "__main__":
    main()

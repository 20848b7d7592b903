"""The real worker: a spawned process behind the local executor."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from webui.engine import worker
from webui.engine.worker import Inbox
from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import PROTOCOL_VERSION, Failed, Note, Picture, Stage, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.samplers import SAMPLER_LABELS
from webui.generation.source import source_hash

from .drawing import digests, job, kinds, pixels

Run = Callable[[JobSpec], list[WorkerEvent]]
ROOT = Path(__file__).resolve().parents[2]
LONG = {"steps": 150, "batch_count": 20}


def wait_for_end(pid: int, seconds: float) -> bool:
    """Whether the process ended (or is a zombie that nobody has looked at yet) in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_hello_says_who_and_what(executor: LocalExecutor, run: Run) -> None:
    run(job(steps=1, width=64, height=64))
    (slot,) = executor.slots()
    assert slot.alive
    assert slot.hello is not None
    assert psutil.pid_exists(slot.hello.pid)
    assert slot.hello.protocol == PROTOCOL_VERSION
    assert slot.hello.source_hash == source_hash()
    assert slot.hello.samplers == SAMPLER_LABELS
    assert slot.hello.attention == ("SDPA", "Sliced")
    assert slot.hello.versions.keys() >= {"python", "torch", "diffusers", "transformers"}


def test_a_job_that_comes_again_at_once_has_buttons_of_its_own() -> None:
    inbox, spec = Inbox(io.BytesIO()), job()
    inbox._take({"type": "run", "job": spec.to_wire()})  # pyright: ignore[reportPrivateUsage]
    first = inbox.control(spec.job_id)
    inbox._take({"type": "run", "job": spec.to_wire()})  # pyright: ignore[reportPrivateUsage]
    inbox.forget(spec.job_id, first)
    second = inbox.control(spec.job_id)
    assert second is not first
    inbox.forget(spec.job_id, second)
    with pytest.raises(KeyError):
        inbox.control(spec.job_id)


def test_what_add_ons_print_never_comes_between_the_frames(run: Run) -> None:
    """The shared worker's add-on prints and writes to descriptor 1 in every step."""
    events = run(job(width=64, height=64, extensions={"noisy": {"paint": True}}))
    assert kinds(events)[-2:] == ["picture", "done"]
    (picture,) = [event for event in events if isinstance(event, Picture)]
    assert (pixels(picture) == (1, 2, 3)).all()


def test_a_failing_add_on_is_noted_and_stops_nothing(run: Run) -> None:
    events = run(job(width=64, height=64, steps=1, extensions={"noisy": {"fail": True}}))
    assert kinds(events)[-3:] == ["picture", "note", "done"]
    assert any(isinstance(event, Note) and "noisy" in event.text for event in events)


def test_buttons_reach_the_worker_between_steps(executor: LocalExecutor) -> None:
    spec = job(width=64, height=64, steps=30, batch_count=3)
    events: list[WorkerEvent] = []
    for event in executor.run(SLOT, spec):
        events.append(event)
        if isinstance(event, Step) and event.step == 1:
            if event.image == 0:
                executor.skip(SLOT, spec.job_id)
            if event.image == 1:
                executor.interrupt(SLOT, spec.job_id)
    assert kinds(events) == ["step", "skipped", "step", "interrupted"]
    assert len(events) < 30, "it took many steps to end"


def test_buttons_before_the_first_step(executor: LocalExecutor) -> None:
    for button, expected in ((executor.interrupt, "interrupted"), (executor.skip, "skipped")):
        spec = job(width=64, height=64, steps=150)
        events = executor.run(SLOT, spec)
        button(SLOT, "some other job")
        first = next(events)
        button(SLOT, spec.job_id)
        rest = list(events)
        assert expected in kinds([first, *rest])
        assert len(rest) < 100


def test_a_caller_that_goes_away_ends_the_job(executor: LocalExecutor, run: Run) -> None:
    events = executor.run(SLOT, job(**LONG))
    assert any(isinstance(event, Step) for event in events)
    events.close()  # type: ignore[attr-defined]
    started = time.monotonic()
    assert kinds(run(job(width=64, height=64, steps=1)))[-1] == "done"
    assert time.monotonic() - started < 10


def test_errors_come_as_events_and_the_worker_lives_on(executor: LocalExecutor, run: Run, tmp_path: Path) -> None:
    (failed,) = run(job(path=tmp_path / "gone"))
    assert isinstance(failed, Failed)
    assert failed.error["code"] == "checkpoint_unusable"
    assert not failed.worker_lost
    assert kinds(run(job(width=64, height=64, steps=1)))[-1] == "done"


def test_what_is_in_memory_is_told_and_let_go_of(executor: LocalExecutor, run: Run) -> None:
    spec = job(width=64, height=64, steps=1)

    def kept() -> set[tuple[str, bool]]:
        # Of the checkpoint: models of files of their own, which others have used here, are called otherwise.
        told = [(part["part"].split("/"), part["in_use"]) for part in executor.slots()[0].resident]
        return {(name[1], in_use) for name, in_use in told if len(name) > 1}

    def wait_for(wanted: set[tuple[str, bool]]) -> bool:
        end = time.monotonic() + 60
        while time.monotonic() < end and kept() != wanted:
            time.sleep(0.02)
        return kept() == wanted

    all_parts = {("text_encoder", True), ("unet", True), ("vae", True)}
    before = digests(run(spec))
    assert wait_for(all_parts)
    executor.unload(SLOT)
    assert wait_for(set())
    executor.preload(SLOT, spec.checkpoint_path)
    assert wait_for(all_parts)
    events = run(spec)
    assert not any(isinstance(event, Stage) for event in events), "it was ready"
    assert digests(events) == before
    executor.preload(SLOT, "/not/there")
    assert digests(run(spec)) == before


def test_killed_in_the_middle_it_comes_back_and_draws_the_same(executor: LocalExecutor, run: Run) -> None:
    spec = job(width=64, height=64)
    before = digests(run(spec))
    hello = executor.slots()[0].hello
    assert hello is not None
    events: list[WorkerEvent] = []
    for event in executor.run(SLOT, job(**LONG)):
        events.append(event)
        if isinstance(event, Step) and event.step == 2:
            psutil.Process(hello.pid).kill()
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.worker_lost
    assert last.error["code"] == "worker_lost"
    if os.name == "posix":
        assert "SIGKILL" in last.error["message"]
    assert not executor.slots()[0].alive
    after = run(spec)
    assert isinstance(after[0], Stage)
    assert digests(after) == before
    again = executor.slots()[0].hello
    assert again is not None
    assert again.pid != hello.pid


PARENT = """
import sys, time
from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import Step
from engine.drawing import job

executor = LocalExecutor(threads=1)
executor.start()
for event in executor.run(SLOT, job(steps=150, batch_count=20)):
    if isinstance(event, Step):
        print(executor.slots()[0].hello.pid, flush=True)
"""


def test_when_the_web_process_dies_the_worker_ends_within_two_seconds(run: Run) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
        assert wait_for_end(pid, 2.0)


@pytest.mark.slow
def test_steps_do_not_leak_memory(executor: LocalExecutor, run: Run) -> None:
    spec = job(width=64, height=64, steps=2, batch_count=20)
    run(spec)
    hello = executor.slots()[0].hello
    assert hello is not None
    worker = psutil.Process(hello.pid)
    before = worker.memory_info().rss
    for _ in range(5):
        run(spec)
    assert worker.memory_info().rss - before < 30_000_000


def test_memory_is_given_back_when_no_job_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "REST_AFTER", 0.05)
    rested = threading.Event()
    threading.Thread(target=Inbox(io.BytesIO()).next_job, args=(rested.set,), daemon=True).start()
    assert rested.wait(30)

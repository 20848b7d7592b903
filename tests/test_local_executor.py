"""The local executor around workers that misbehave: small scripts that speak the protocol, without torch."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from webui.executors import local
from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import Failed, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedTxt2Img

PRELUDE = """
import os, sys, time
sys.path.insert(0, os.getcwd())
from webui.generation.events import *
from webui.generation.source import source_hash
from webui.generation.wire import read_frame, write_frame

commands, events = sys.stdin.buffer, sys.stdout.buffer

def send(event, job_id=""):
    write_frame(events, {"job_id": job_id, "event": event_to_wire(event)})

def hello(**changes):
    send(Hello(**{"protocol": PROTOCOL_VERSION, "source_hash": source_hash(), "pid": os.getpid(), "device": "none", "device_name": "none",
                  "dtype": "none", "attention": (), "samplers": ()} | changes))
"""

GOOD = """
hello()
while (message := read_frame(commands)) is not None:
    if message["type"] == "run":
        if message["job"]["request"]["prompt"] == "die unasked":
            os._exit(3)
        send(Begun(), message["job"]["job_id"])
        if message["job"]["request"]["prompt"] == "die early":
            os._exit(3)
        send(Step(0, 1, 2), message["job"]["job_id"])
        if message["job"]["request"]["prompt"] == "wait":
            while (message := read_frame(commands))["type"] != "interrupt":
                send(Skipped(0), message["job_id"])
            send(Interrupted(), message["job_id"])
        elif message["job"]["request"]["prompt"] == "die":
            print("its last words", file=sys.stderr)
            os._exit(3)
        else:
            send(Done({"path": message["job"]["checkpoint_path"]}), message["job"]["job_id"])
"""


def job(prompt: str = "", job_id: str = "one") -> JobSpec:
    return JobSpec(job_id, ResolvedTxt2Img(prompt=prompt, seed=1, checkpoint="none", checkpoint_hash="0"), "some/folder", (0,))


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LocalExecutor]]:
    """Starts an executor whose worker is the given script."""
    monkeypatch.setattr(local, "BACK_OFF", (0.0, 0.05, 0.1))
    made: list[LocalExecutor] = []

    def make(script: str, **arguments: Any) -> LocalExecutor:
        path = tmp_path / f"worker{len(made)}.py"
        path.write_text(PRELUDE + script)
        executor = LocalExecutor(command=(sys.executable, str(path)), **arguments)
        made.append(executor)
        executor.start()
        return executor

    yield make
    for executor in made:
        executor.close()


def run(executor: LocalExecutor, spec: JobSpec | None = None) -> list[WorkerEvent]:
    return list(executor.run(SLOT, spec or job()))


def kinds(events: list[WorkerEvent]) -> list[str]:
    return [event.type for event in events if event.type != "stage"]


def failure(events: list[WorkerEvent]) -> Failed:
    last = events[-1]
    assert isinstance(last, Failed)
    return last


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_job_goes_through(make: Callable[..., LocalExecutor]) -> None:
    executor = make(GOOD)
    events = run(executor)
    assert kinds(events) == ["step", "done"]
    assert Path(events[-1].facts["path"]).is_absolute()  # type: ignore[union-attr]
    assert executor.slots()[0].alive
    assert kinds(run(executor)) == ["step", "done"]


ROOTS = """
hello()
roots = [word for before, word in zip(sys.argv, sys.argv[1:]) if before == "--models"]
while (message := read_frame(commands)) is not None:
    if message["type"] == "models":
        roots = message["roots"]
    if message["type"] == "run":
        job = message["job"]["job_id"]
        send(Begun(), job)
        if job == "die":
            os._exit(3)
        send(Done({"roots": roots}), job)
"""


def test_new_folders_of_models_are_told_to_this_worker_and_the_next(make: Callable[..., LocalExecutor], tmp_path: Path) -> None:
    executor = make(ROOTS, model_roots=[tmp_path / "a"])

    def roots(job_id: str) -> Any:
        return list(executor.run(SLOT, job(job_id=job_id)))[-1].facts["roots"]  # type: ignore[union-attr]

    assert roots("one") == [str(tmp_path / "a")]
    executor.use_models([tmp_path / "a", tmp_path / "b"])
    assert roots("two") == [str(tmp_path / "a"), str(tmp_path / "b")]
    list(executor.run(SLOT, job(job_id="die")))
    assert roots("three") == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_buttons(make: Callable[..., LocalExecutor]) -> None:
    executor = make(GOOD)
    events: list[WorkerEvent] = []
    for event in executor.run(SLOT, job("wait")):
        events.append(event)
        if event.type == "step":
            executor.skip(SLOT, "one")
        if event.type == "skipped":
            executor.interrupt(SLOT, "one")
    assert kinds(events) == ["step", "skipped", "interrupted"]


def test_buttons_pressed_while_the_worker_is_starting(make: Callable[..., LocalExecutor]) -> None:
    executor = make("time.sleep(60)")
    events = executor.run(SLOT, job())
    assert next(events).type == "stage"
    threading.Timer(0.1, executor.interrupt, (SLOT, "one")).start()
    assert kinds(list(events)) == ["interrupted"]
    slow = make("time.sleep(0.5)" + GOOD)
    events = slow.run(SLOT, job("wait"))
    assert next(events).type == "stage"
    slow.skip(SLOT, "one")
    seen = []
    for event in events:
        seen.append(event)
        if event.type == "skipped":
            slow.interrupt(SLOT, "one")
    assert kinds(seen) == ["step", "skipped", "interrupted"]


def test_death_in_the_middle(make: Callable[..., LocalExecutor]) -> None:
    executor = make(GOOD)
    lost = failure(run(executor, job("die")))
    assert lost.worker_lost
    assert lost.error["code"] == "worker_lost"
    assert "its last words" in lost.error["message"]
    assert "its last words" in lost.details
    assert kinds(run(executor)) == ["step", "done"]


@pytest.mark.parametrize(("prompt", "begun"), [("die unasked", False), ("die early", True), ("die", True)])
def test_a_death_counts_from_the_moment_the_worker_has_taken_up_the_job(
    make: Callable[..., LocalExecutor], prompt: str, begun: bool
) -> None:
    lost = failure(run(make(GOOD), job(prompt)))
    assert lost.worker_lost
    assert lost.begun == begun


def test_a_job_sent_to_a_worker_that_has_just_died_is_not_its_murderer(make: Callable[..., LocalExecutor]) -> None:
    executor = make(GOOD)
    run(executor)
    hello = executor.slots()[0].hello
    assert hello is not None
    psutil.Process(hello.pid).kill()
    events = run(executor)
    assert events[-1].type == "done" or not failure(events).begun


def test_death_between_jobs_is_mended_by_itself(make: Callable[..., LocalExecutor]) -> None:
    executor = make(GOOD)
    run(executor)
    hello = executor.slots()[0].hello
    assert hello is not None
    psutil.Process(hello.pid).kill()
    wait_until(lambda: executor.slots()[0].hello is not None and executor.slots()[0].hello.pid != hello.pid)
    assert kinds(run(executor)) == ["step", "done"]


def test_a_worker_that_cannot_start_says_why_and_is_tried_again(make: Callable[..., LocalExecutor], tmp_path: Path) -> None:
    marks = tmp_path / "starts"
    executor = make(f"open({str(marks)!r}, 'a').write('x')\nimport a_module_that_is_not_there")
    failed = failure(run(executor))
    assert not failed.begun, "a job must not be blamed for a worker that never was"
    assert "a_module_that_is_not_there" in failed.error["message"]
    assert "a_module_that_is_not_there" in executor.slots()[0].problem
    wait_until(lambda: len(marks.read_text()) >= 3)


def test_a_worker_that_ends_between_its_hello_and_its_first_job_is_a_problem(make: Callable[..., LocalExecutor]) -> None:
    """Otherwise jobs would wait for ever, with nobody knowing why."""
    executor = make("hello()\nsys.exit('a library that crashes')")
    assert not failure(run(executor)).begun
    wait_until(lambda: "a library that crashes" in executor.slots()[0].problem)


def test_a_worker_that_says_nothing_is_given_up(make: Callable[..., LocalExecutor]) -> None:
    failed = failure(run(make("time.sleep(60)", start_limit=0.3)))
    assert "said nothing" in failed.error["message"]


@pytest.mark.parametrize("change", ["protocol=0", "source_hash='other'"])
def test_changed_files_ask_for_a_restart(make: Callable[..., LocalExecutor], change: str) -> None:
    executor = make(f"hello({change})\nread_frame(commands)")
    failed = failure(run(executor))
    assert failed.error["code"] == "restart_needed"
    assert "files changed" in failed.error["message"]
    assert "Restart" in failed.error["hint"]
    assert not failed.begun
    assert not executor.slots()[0].alive


def test_nonsense_in_the_stream_is_a_lost_worker(make: Callable[..., LocalExecutor]) -> None:
    executor = make("hello()\nread_frame(commands)\nprint('Hello from a library', flush=True)\ntime.sleep(60)")
    assert failure(run(executor)).worker_lost


@pytest.mark.parametrize("script", [GOOD, "hello()\ntime.sleep(60)", "time.sleep(60)", "sys.exit(1)"], ids=["good", "deaf", "mute", "dead"])
def test_close_ends_everything_within_two_seconds(make: Callable[..., LocalExecutor], script: str) -> None:
    def children() -> set[int]:
        return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}

    before = children()
    executor = make(script)
    wait_until(lambda: children() > before or bool(executor.slots()[0].problem))
    started = time.monotonic()
    executor.close()
    assert time.monotonic() - started < 2
    assert children() <= before


def test_close_during_a_job_leaves_it_for_later(make: Callable[..., LocalExecutor]) -> None:
    executor = make("time.sleep(60)")
    events = executor.run(SLOT, job())
    next(events)
    threading.Timer(0.1, executor.close).start()
    assert failure(list(events)).worker_lost


def test_run_without_start_says_so() -> None:
    assert "not started" in failure(run(LocalExecutor())).error["message"]


def test_torch_stays_out_of_this_side() -> None:
    import subprocess

    code = "import sys, webui.executors.local; assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])

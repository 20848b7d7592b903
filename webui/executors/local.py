"""A worker as a spawned child of this process, kept alive: the default executor."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from webui.errors import WorkerLost
from webui.executors.base import Slot
from webui.executors.connection import LAST_EVENTS, Connection
from webui.generation.events import PROTOCOL_VERSION, Begun, Failed, Hello, Interrupted, Stage, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.source import PACKAGE, source_hash

log = logging.getLogger(__name__)

SLOT = "local-0"
BACK_OFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the worker is started again, after so many short lives in a row; then the last one each time."""

_LONG_LIFE = 20.0
"""Seconds after which a worker's end is no sign that it cannot run at all."""

_CLOSE_PATIENCE = 1.0
_WORKER = (sys.executable, "-m", "webui.engine.worker")


class LocalExecutor:
    """Spawns one worker, restarts it when it ends, and passes jobs and events through (see Executor)."""

    def __init__(
        self,
        *,
        threads: int = 0,
        extension_roots: Sequence[Path] = (),
        model_roots: Sequence[Path] = (),
        cache: Path | None = None,
        cast_gb: int = 0,
        device: str = "auto",
        dtype: str = "auto",
        add_ons: Sequence[Path] = (),
        add_on_site: Path | None = None,
        add_on_notes: Path | None = None,
        command: Sequence[str] | None = None,
        start_limit: float = 180.0,
        log_level: str = "info",
    ) -> None:
        """threads: of the CPU, 0 for one per physical core. extension_roots: folders of add-ons.
        model_roots: folders of models, in which parts are looked for that a checkpoint lacks. cache: folder for what is
        made once and used again; add_ons: folders of single add-ons, with their packages in add_on_site, and notes about them left in
        add_on_notes; cast_gb: of which weights in the device's numbers may take so much, 0: none are kept.

        device, dtype: as in webui.engine.device. command: what to start instead of Python with webui.engine.worker.
        start_limit: seconds the worker may take until its Hello. log_level: how much it says, as in the settings.
        """
        options = ("--threads", str(threads), "--device", device, "--dtype", dtype, "--log-level", log_level)
        kept = ("--cache", str(cache.absolute()), "--cast-gb", str(cast_gb)) if cache is not None else ()
        self._command = [*(command or _WORKER), *options, *_extension_options(extension_roots), *kept]
        self._model_roots = tuple(model_roots)
        self._add_ons = (tuple(add_ons), add_on_site)
        self._add_on_notes = add_on_notes
        self._outdated: Connection | None = None
        """A worker with other add-ons than are wanted now: it ends once it has no job."""
        self._busy = 0
        self._start_limit = start_limit
        # Of the files as they are now, which are those that this process runs.
        self._source_hash = source_hash()
        self._change = threading.Condition()
        self._connection: Connection | None = None
        self._hello: Hello | None = None
        self._ready = False
        self._problem: WorkerLost | None = None
        self._pressed_early: dict[str, list[str]] = {}
        """Job id -> buttons pressed before a worker had the job."""
        self._closed = False
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Begin starting the worker; returns at once. A second call changes nothing."""
        with self._change:
            if self._keeper is None and not self._closed:
                self._keeper = threading.Thread(target=self._keep_alive, name="worker keeper", daemon=True)
                self._keeper.start()

    def slots(self) -> list[Slot]:
        """The one slot; alive once its worker has said Hello."""
        with self._change:
            resident = self._connection.in_memory if self._connection else ()
            problem = self._problem.message if self._problem else ""
            return [Slot(SLOT, alive=self._ready, hello=self._hello, resident=resident, problem=problem)]

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        """Make the job's pictures; the last event is Done, Interrupted or Failed. Waits for a worker that is starting.

        Failed says worker_lost when the worker is gone; it is being started again by then. begun tells whether it
        ended over this job, or before it had taken it up or was there at all.
        """
        # The worker runs in another folder.
        job = replace(job, checkpoint_path=str(Path(job.checkpoint_path).absolute()))
        with self._change:
            self._pressed_early[job.job_id] = []
            ready = self._ready
        connection = None
        try:
            if not ready:
                yield Stage("Starting the engine")
            connection = self._wait_until_ready(job.job_id)
            if connection is None:
                yield Interrupted()
            else:
                yield from self._run(connection, job)
        except WorkerLost as error:
            yield Failed(error.as_dict(), worker_lost=True, begun=False)
        finally:
            with self._change:
                self._pressed_early.pop(job.job_id, None)
                self._busy -= connection is not None
            self._end_outdated()

    def _run(self, connection: Connection, job: JobSpec) -> Iterator[WorkerEvent]:
        events = connection.begin(job)
        with self._change:
            pressed = self._pressed_early.pop(job.job_id, [])
        for button in pressed:
            connection.send({"type": button, "job_id": job.job_id})
        begun = False
        for event in events:
            begun = True
            if not isinstance(event, Begun):
                yield event
            if isinstance(event, LAST_EVENTS):
                return
        # The worker is gone. Its keeper starts the next one meanwhile.
        connection.wait()
        self._retire(connection)
        when = "in the middle of the job" if begun else "before it had taken up the job"
        lost = WorkerLost(f"The engine's process ended {when}: {connection.why_ended()}.", hint="It is started again.")
        yield Failed(lost.as_dict(), details=connection.last_words(), worker_lost=True, begun=begun)

    def interrupt(self, slot: str, job_id: str) -> None:
        """End the job at its next step. Nothing happens when it is not running there."""
        self._press("interrupt", job_id)

    def skip(self, slot: str, job_id: str) -> None:
        """End the picture being made at its next step and go on with the next one."""
        self._press("skip", job_id)

    def preload(self, slot: str, checkpoint_path: str) -> None:
        """Have a checkpoint ready, once the jobs sent before have ended. Nothing happens while there is no worker."""
        self._send({"type": "preload", "checkpoint_path": str(Path(checkpoint_path).absolute())})

    def unload(self, slot: str, checkpoint_path: str | None = None) -> None:
        """Let go of all weights, or of those that only one checkpoint has, once the jobs sent before have ended.

        Nothing happens while there is no worker.
        """
        path = None if checkpoint_path is None else str(Path(checkpoint_path).absolute())
        self._send({"type": "unload", "checkpoint_path": path})

    def use_models(self, roots: Sequence[Path]) -> None:
        """Look for models in these folders from now on: this worker and all that follow it."""
        with self._change:
            self._model_roots = tuple(roots)
            connection = self._connection
        # Also to one that is still starting: it may have been given the folders of before.
        if connection is not None:
            connection.send({"type": "models", "roots": [str(root.absolute()) for root in self._model_roots]})

    def use_add_ons(self, folders: Sequence[Path], site: Path | None = None) -> None:
        """Load these add-ons, with their packages in `site`, and no others: a worker that has others is replaced once it has no job."""
        with self._change:
            if (tuple(folders), site) == self._add_ons:
                return
            self._add_ons = (tuple(folders), site)
            self._outdated = self._connection
        self._end_outdated()

    def renew(self) -> None:
        """Replace the worker once it has no job: an add-on's files are others than those it has loaded."""
        with self._change:
            self._outdated = self._connection
        self._end_outdated()

    def _end_outdated(self) -> None:
        with self._change:
            connection = self._outdated
            if connection is None or self._busy:
                return
            if self._connection is connection:
                self._ready = False  # no job begins there any more
        connection.close(_CLOSE_PATIENCE)

    def _send(self, message: dict[str, Any]) -> None:
        with self._change:
            connection = self._connection if self._ready else None
        if connection is not None:
            connection.send(message)

    def close(self) -> None:
        """End the worker, within two seconds, and the thread that keeps it alive."""
        with self._change:
            self._closed = True
            connection, keeper = self._connection, self._keeper
            self._change.notify_all()
        if connection is not None:
            connection.close(_CLOSE_PATIENCE)
        if keeper is not None:
            keeper.join(5)

    def _press(self, button: str, job_id: str) -> None:
        with self._change:
            connection = self._connection
            if job_id in self._pressed_early:
                self._pressed_early[job_id].append(button)
                self._change.notify_all()
                return
        if connection is not None:
            connection.send({"type": button, "job_id": job_id})

    def _wait_until_ready(self, job_id: str) -> Connection | None:
        """The worker, once it is ready; None when the job is interrupted before. Raises WorkerLost when there will be none."""
        with self._change:
            while True:
                if "interrupt" in self._pressed_early[job_id]:
                    return None
                if self._closed:
                    raise WorkerLost("Easel is ending.", hint="The job goes on at the next start.")
                if self._ready and self._connection is not None:
                    self._busy += 1
                    return self._connection
                if self._problem is not None:
                    raise self._problem
                if self._keeper is None:
                    raise WorkerLost("The engine was not started.", hint="Call start() first.")
                self._change.wait()

    def _keep_alive(self) -> None:
        """Body of the keeper's thread: start the worker, watch it, start it again."""
        short_lives = 0
        while not self._closed:
            started = time.monotonic()
            connection = self._open()
            if connection is not None:
                self._watch(connection)
            lived_long = connection is not None and time.monotonic() - started > _LONG_LIFE
            with self._change:
                replaced, self._outdated = self._outdated is not None, None
            if replaced:
                short_lives = 0
                continue
            short_lives = 0 if lived_long else short_lives + 1
            pause = BACK_OFF[min(max(short_lives - 1, 0), len(BACK_OFF) - 1)]
            with self._change:
                self._change.wait_for(lambda: self._closed, pause)

    def _watch(self, connection: Connection) -> None:
        """Wait until a worker that was ready has ended, and say why."""
        connection.wait()
        self._retire(connection)
        if self._closed or connection is self._outdated:
            return
        with connection.about_its_job():
            log.warning("The engine's process ended (%s); it is started again.", connection.why_ended())
        if not connection.worked():
            # Otherwise jobs would wait for it again and again, and nobody would know why.
            self._note_problem(_no_start(f"before its first job: {connection.why_ended()}"))

    def _retire(self, connection: Connection) -> None:
        """A worker that has ended gets no more jobs."""
        with self._change:
            if self._connection is connection:
                self._ready, self._connection = False, None

    def _open(self) -> Connection | None:
        """A worker that is ready; notes a problem and returns None where there is one."""
        add_ons = self._add_ons
        try:
            connection = Connection([*self._command, *_model_options(self._model_roots), *self._add_on_options(add_ons)], PACKAGE.parent)
        except OSError as error:
            self._note_problem(WorkerLost(f"The engine's process cannot be started: {error}.", hint="Start Easel again."))
            return None
        with self._change:
            if self._closed:
                connection.kill()
                return None
            self._connection = connection
            if add_ons is not self._add_ons:
                self._outdated = connection
        hello = connection.hello(self._start_limit)
        problem = self._objection(connection, hello)
        with self._change:
            outdated = connection is self._outdated
        if problem is not None or outdated:
            if problem is not None and not outdated:
                self._note_problem(problem)
            connection.kill()
            self._retire(connection)
            return None
        with self._change:
            self._hello, self._ready, self._problem = hello, True, None
            self._change.notify_all()
        return connection

    def _add_on_options(self, add_ons: tuple[tuple[Path, ...], Path | None]) -> list[str]:
        folders, site = add_ons
        places = {"--add-on-site": site, "--add-on-notes": self._add_on_notes}
        options = [part for folder in folders for part in ("--add-on", str(folder.absolute()))]
        return options + [part for name, place in places.items() if place is not None for part in (name, str(place.absolute()))]

    def _objection(self, connection: Connection, hello: Hello | None) -> WorkerLost | None:
        """Why this worker cannot be worked with, if so."""
        if hello is None:
            return _no_start(f"while it was starting: {connection.why_ended()}")
        if hello.protocol != PROTOCOL_VERSION or hello.source_hash != self._source_hash:
            return WorkerLost("Easel's files changed while it was running.", code="restart_needed", hint="Restart Easel.")
        return None

    def _note_problem(self, problem: WorkerLost) -> None:
        with self._change:
            if not self._closed:
                log.error("%s", problem)
            self._problem = problem
            self._change.notify_all()


def _model_options(roots: Sequence[Path]) -> list[str]:
    return [part for root in roots for part in ("--models", str(Path(root).absolute()))]


def _extension_options(roots: Sequence[Path]) -> list[str]:
    return [part for root in roots for part in ("--extensions", str(Path(root).absolute()))]


def ask_engine(extension_roots: Sequence[Path] = (), *, limit: float = 120.0) -> Slot:
    """Start a worker only to hear its Hello, and end it again. Where it says none within `limit` seconds, the slot says why."""
    command = [*_WORKER, "--log-level", "error", *_extension_options(extension_roots)]
    try:
        connection = Connection(command, PACKAGE.parent)
    except OSError as error:
        return Slot(SLOT, alive=False, problem=f"The engine's process cannot be started: {error}.")
    try:
        hello = connection.hello(limit)
        if hello is None:
            return Slot(SLOT, alive=False, problem=f"The engine's process ended while it was starting: {connection.why_ended()}.")
        return Slot(SLOT, alive=True, hello=hello)
    finally:
        connection.close(_CLOSE_PATIENCE)


def _no_start(when: str) -> WorkerLost:
    return WorkerLost(f"The engine's process ended {when}.", hint="It is tried again; the terminal shows all it said.")

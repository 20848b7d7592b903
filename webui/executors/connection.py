"""One worker process and the pipes to it: start it, talk to it, notice its end and say why."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, cast

from webui.generation.events import Begun, Done, Failed, Hello, InMemory, Interrupted, WorkerEvent, event_from_wire
from webui.generation.job import JobSpec
from webui.generation.wire import BrokenStream, read_frame, write_frame
from webui.logs import about_job, take_worker_line

log = logging.getLogger(__name__)

LAST_EVENTS = (Done, Interrupted, Failed)
"""One of these ends a job."""

_KEPT_LINES = 40


class Connection:
    """A running (or ended) worker process. All methods may be called from any thread.

    One thread reads its events and hands them to the job they belong to, another its stderr; so the worker never
    waits for a slow reader.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """Start `command` in `folder`. Raises OSError when it cannot be started."""
        # In a group of its own, so that Ctrl+C in the terminal is the web process's affair alone.
        own_group: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)}
            if os.name == "nt"
            else {"start_new_session": True}
        )
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **own_group
        )
        assert self._process.stdin is not None and self._process.stdout is not None and self._process.stderr is not None
        self._commands = cast(BinaryIO, self._process.stdin)
        self._writing = threading.Lock()
        self._routing = threading.Lock()
        self._inboxes: dict[str, queue.SimpleQueue[WorkerEvent | None]] = {}
        self._hello: queue.SimpleQueue[Hello | None] = queue.SimpleQueue()
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.in_memory: tuple[dict[str, Any], ...] = ()
        """What the worker keeps in memory, as it said last (see InMemory)."""
        self._ended = False
        self._worked = False
        self._current: JobSpec | None = None
        self._killed_by_us = False
        self._log_reader = threading.Thread(
            target=self._read_log, args=(cast(BinaryIO, self._process.stderr),), name="worker log", daemon=True
        )
        self._log_reader.start()
        self._event_reader = threading.Thread(
            target=self._read_events, args=(cast(BinaryIO, self._process.stdout),), name="worker events", daemon=True
        )
        self._event_reader.start()

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def hello(self, limit: float) -> Hello | None:
        """Wait for the worker's first word; None when it ended, or said nothing within `limit` seconds and was killed."""
        try:
            return self._hello.get(timeout=limit)
        except queue.Empty:
            self._last_lines.append(f"It said nothing for {limit:.0f} s.")
            self.kill()
            return None

    def begin(self, job: JobSpec) -> Iterator[WorkerEvent]:
        """Send a job now and return its events. They end with the job's last event, or early when the worker ends.

        A caller that stops asking before the end interrupts the job.
        """
        inbox: queue.SimpleQueue[WorkerEvent | None] = queue.SimpleQueue()
        with self._routing:
            if self._ended:
                inbox.put(None)
            self._inboxes[job.job_id] = inbox
            self._current = job
        self.send({"type": "run", "job": job.to_wire()})
        return self._events_of(job, inbox)

    def _events_of(self, job: JobSpec, inbox: queue.SimpleQueue[WorkerEvent | None]) -> Iterator[WorkerEvent]:
        unfinished = True
        try:
            while unfinished and (event := inbox.get()) is not None:
                unfinished = not isinstance(event, LAST_EVENTS)
                yield event
        finally:
            with self._routing:
                self._inboxes.pop(job.job_id, None)
            if unfinished:
                self.send({"type": "interrupt", "job_id": job.job_id})

    def send(self, message: dict[str, Any]) -> None:
        """Write one message. A worker that is gone is noticed by the reading thread, so that is no error here."""
        with self._writing:
            try:
                write_frame(self._commands, message)
            except (OSError, ValueError) as error:
                log.debug("The worker %d takes no more messages: %s", self.pid, error)

    def wait(self, limit: float | None = None) -> bool:
        """Wait until the process has ended. Returns False after `limit` seconds."""
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End the process now and wait for it."""
        self._killed_by_us = True
        self._process.kill()
        self._process.wait()

    def close(self, patience: float) -> None:
        """Close its stdin, at which it ends by itself; kill it where that takes longer than `patience` seconds."""
        with self._writing:
            try:
                self._commands.close()
            except OSError as error:
                log.debug("The worker %d was gone already: %s", self.pid, error)
        if not self.wait(patience):
            self.kill()

    def about_its_job(self) -> AbstractContextManager[None]:
        """Whatever is logged in the block is about the job that it works on, or died over, if any."""
        job = self._current
        return nullcontext() if job is None else about_job(job.job_id, *job.request.words)

    def worked(self) -> bool:
        """Whether it had taken up any job before it ended."""
        self._event_reader.join(1)
        return self._worked

    def last_words(self) -> str:
        """What it wrote to stderr at the end, for the log."""
        self._log_reader.join(1)
        return "\n".join(self._last_lines)

    def why_ended(self) -> str:
        """Half a sentence on how it ended: "it was killed (SIGKILL), ...", "ModuleNotFoundError: ..."."""
        self._log_reader.join(1)
        code = self._process.returncode
        if code is not None and code < 0 and not self._killed_by_us:
            name = _signal_name(-code)
            return f"it was ended by {name}" + (", as the system does when memory runs out" if name == "SIGKILL" else "")
        last = next((line.strip() for line in reversed(self._last_lines) if line.strip()), "")
        return last[:300] or f"exit code {code}"

    def _read_events(self, stream: BinaryIO) -> None:
        try:
            with stream:
                while (message := read_frame(stream)) is not None:
                    self._route(message)
        except (BrokenStream, OSError, ValueError, KeyError, TypeError) as error:
            # A worker that talks nonsense is of no use; a frame cut off by its end is not worth a word.
            log.debug("The stream of worker %d broke: %s", self.pid, error)
            self._process.kill()
        self._process.wait()
        with self._routing:
            self._ended = True
            for inbox in self._inboxes.values():
                inbox.put(None)
        self._hello.put(None)

    def _route(self, message: dict[str, Any]) -> None:
        event = event_from_wire(message["event"])
        if isinstance(event, Hello):
            self._hello.put(event)
            return
        if isinstance(event, InMemory):
            self.in_memory = event.parts
            return
        self._worked |= isinstance(event, Begun)
        with self._routing:
            # Events of a job that nobody follows any more are dropped.
            if isinstance(event, LAST_EVENTS) and self._current is not None and self._current.job_id == message["job_id"]:
                self._current = None
            inbox = self._inboxes.get(message["job_id"])
            if inbox is not None:
                inbox.put(event)

    def _read_log(self, stream: BinaryIO) -> None:
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                with self.about_its_job():
                    self._last_lines.extend(take_worker_line(line).splitlines())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

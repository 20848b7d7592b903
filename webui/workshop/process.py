"""Runs the children that do long work, from the web process: starts them, hears how far they are, ends them."""

from __future__ import annotations

import contextlib
import glob
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from webui.errors import EaselError
from webui.settings import PROGRAM_ROOT
from webui.workshop.child import Job
from webui.workshop.plan import remove

_COMMAND = (sys.executable, "-m", "webui.workshop.child")
_LAST_WORDS = 2000


class WorkFailed(EaselError):
    """A piece of work came to no end: its process was killed, or met a fault of Easel's own."""

    code = "work_failed"


class Cancelled(Exception):
    """Somebody ended the work."""


class Child:
    """A process that is told its work in the first line on stdin, further words after it, and answers in lines of JSON.

    `say` and `kill` may be called from any thread, also before `run`.
    """

    def __init__(self, command: Sequence[str], first_line: str, last: Collection[str]) -> None:
        """last: one of these keys is in the line that ends its work; such lines aren't told."""
        self._command = command
        self._unsaid = [first_line]
        self._last = last
        self._killed = False
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def kill(self) -> None:
        """End it now; it is not even started where that hasn't happened yet."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def say(self, word: str) -> None:
        """Tell it something, in its turn after the first line. Nothing happens when it is gone."""
        with self._lock:
            if self._process is None:
                self._unsaid.append(f"{word}\n")
            else:
                self._write(f"{word}\n")

    def run(self, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Let it work. told: gets each line but the last, which is returned. Raises Cancelled after `kill`, WorkFailed, OSError."""
        with self._lock:
            if self._killed:
                raise Cancelled
            self._process = process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                cwd=PROGRAM_ROOT,
            )
            for line in self._unsaid:
                self._write(line)
        with process:
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            words: list[str] = []
            listener = threading.Thread(target=lambda: words.append(process.stderr.read() if process.stderr else ""), daemon=True)
            listener.start()
            last: dict[str, Any] = {}
            for line in process.stdout:
                last = json.loads(line)
                if not any(key in last for key in self._last):
                    told(last)
            process.wait()
            listener.join()
            with contextlib.suppress(BrokenPipeError), self._lock:
                process.stdin.close()
        if any(key in last for key in self._last):
            return last
        if self._killed:
            raise Cancelled
        detail = " ".join("".join(words)[-_LAST_WORDS:].split())[-300:]
        raise WorkFailed(
            f"Its process ended with code {process.returncode}" + (f": {detail}" if detail else "."),
            hint="If memory was short, close something and resume.",
        )

    def _write(self, line: str) -> None:
        # It may have been killed, or have failed to start: then what it said tells why.
        with contextlib.suppress(BrokenPipeError, ValueError):
            assert self._process is not None and self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()


class ChildProcess:
    """One merge or conversion in a process of its own. `cancel` may be called from any thread."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._cancelled = threading.Event()
        self._child = Child(_COMMAND, job.as_line(), ("notes", "error"))

    def cancel(self) -> None:
        """End it now; `run` raises Cancelled."""
        self._cancelled.set()
        self._child.kill()

    def run(self, told: Callable[[dict[str, Any]], None]) -> list[str]:
        """Do the work; nothing half is left, however it ends. told: gets each line about its progress.

        Returns what the owner of the result should know. Raises EaselError or Cancelled.
        """
        try:
            last = self._child.run(told)
        finally:
            for left in parts_of(Path(self._job.part)):
                remove(left)
        if "notes" in last:
            return last["notes"]
        if self._cancelled.is_set():
            raise Cancelled
        raise told_error(last["error"])


def told_error(data: dict[str, Any]) -> EaselError:
    """An error that another process told, as an error here."""
    return WorkFailed(
        data["message"],
        hint=data.get("hint", ""),
        field=data.get("field"),
        allowed=data.get("allowed"),
        code=data.get("code", "work_failed"),
    )


def parts_of(part: Path) -> list[Path]:
    """All that a piece of work has left that was killed."""
    return list(part.parent.glob(f"{glob.escape(part.name)}*")) if part.parent.is_dir() else []

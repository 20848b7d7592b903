"""Runs the child that merges and converts, from the web process: starts it, hears how far it is, ends it."""

from __future__ import annotations

import contextlib
import glob
import json
import subprocess
import sys
import threading
from collections.abc import Callable
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


class ChildProcess:
    """One piece of work in a process of its own. `cancel` may be called from any thread."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End it now; `run` raises Cancelled."""
        with self._lock:
            self._cancelled.set()
            if self._process is not None:
                self._process.kill()

    def run(self, told: Callable[[dict[str, Any]], None]) -> list[str]:
        """Do the work; nothing half is left, however it ends. told: gets each line about its progress.

        Returns what the owner of the result should know. Raises EaselError or Cancelled.
        """
        try:
            return self._run(told)
        finally:
            for left in parts_of(Path(self._job.part)):
                remove(left)

    def _run(self, told: Callable[[dict[str, Any]], None]) -> list[str]:
        with self._lock:
            if self._cancelled.is_set():
                raise Cancelled
            self._process = process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                cwd=PROGRAM_ROOT,
            )
        with process:
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            words: list[str] = []
            listener = threading.Thread(target=lambda: words.append(process.stderr.read() if process.stderr else ""), daemon=True)
            listener.start()
            # It may have been cancelled, or have failed to start: then what it said tells why.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(self._job.as_line())
                process.stdin.flush()
            last: dict[str, Any] = {}
            for line in process.stdout:
                last = json.loads(line)
                if "notes" not in last and "error" not in last:
                    told(last)
            process.wait()
            listener.join()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        return self._end(last, process.returncode, words)

    def _end(self, last: dict[str, Any], code: int, words: list[str]) -> list[str]:
        if "notes" in last:
            return last["notes"]
        if self._cancelled.is_set():
            raise Cancelled
        if "error" in last:
            raise told_error(last["error"])
        detail = " ".join("".join(words)[-_LAST_WORDS:].split())[-300:]
        raise WorkFailed(
            f"Its process ended with code {code}" + (f": {detail}" if detail else "."),
            hint="If memory was short, close something and resume.",
        )


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

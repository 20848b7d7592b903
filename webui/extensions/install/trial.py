"""The trial: a new or changed add-on is imported in a child process first, with a limit on time and memory, before it may near the page."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from webui.extensions.hookspecs import Side
from webui.extensions.manifest import Manifest
from webui.settings import PROGRAM_ROOT

IMPORT_SECONDS = 20.0
"""How long the import of one module may take."""

IMPORT_BYTES = 1536 * 1024**2
"""How much memory it may take beyond what was there before."""

BEGIN_SECONDS = 240.0
"""How long the child may take until it begins, and until it has torch, on a busy machine."""

_MODULE = "webui.extensions.install.trial_child"
_POLL_SECONDS = 0.1
_KEPT = 40


@dataclass(frozen=True)
class Failure:
    """Why an add-on did not pass. message: half a sentence. details: the traceback, if there is one."""

    side: str
    message: str
    details: str = ""


@dataclass(frozen=True)
class Trial:
    """What came of it. milliseconds: how long each module took."""

    milliseconds: dict[Side, float]
    failure: Failure | None = None


def run_trial(
    manifest: Manifest, site: Path | None, doing: Callable[[str], None] = lambda _words: None, import_seconds: float = IMPORT_SECONDS
) -> Trial:
    """Import both modules of an add-on in a child. Its own words are told; what `doing` raises ends the child."""
    command = [sys.executable, "-P", "-m", _MODULE, str(manifest.folder), str(IMPORT_BYTES), *([str(site)] if site else [])]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        command,
        cwd=PROGRAM_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        return _Watch(process, import_seconds, doing).follow()
    finally:
        _end_all(process)


class _Watch:
    """Hears what the child says, and ends it where it takes too much."""

    def __init__(self, process: subprocess.Popen[bytes], import_seconds: float, doing: Callable[[str], None]) -> None:
        self._process = process
        self._import_seconds = import_seconds
        self._doing = doing
        self._said: queue.SimpleQueue[dict[str, str | float] | None] = queue.SimpleQueue()
        self._last_words: list[str] = []
        threading.Thread(target=self._listen, name="trial", daemon=True).start()
        threading.Thread(target=self._keep_words, name="trial words", daemon=True).start()

    def follow(self) -> Trial:
        """Until it has ended."""
        took: dict[Side, float] = {}
        at, since, most, memory = "web", time.monotonic(), BEGIN_SECONDS, 0
        while True:
            try:
                told = self._said.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._doing("")
                # Only what the add-on's own modules take is counted: a busy machine may need long for all before.
                if time.monotonic() - since > most:
                    return Trial(took, Failure(at, f"its {at} module was not imported within {most:.0f} s"))
                if memory and _memory(self._process.pid) > memory + IMPORT_BYTES:
                    return Trial(
                        took, Failure(at, f"its {at} module took more than {IMPORT_BYTES // 1024**2} MB of memory while it was imported")
                    )
                continue
            if told is None:
                return Trial(took, Failure(at, self._how_it_ended(at), "\n".join(self._last_words[-_KEPT:])))
            what, side = told["what"], str(told.get("side", at))
            if what == "before":
                since, most, memory = time.monotonic(), BEGIN_SECONDS, 0
            elif what == "importing":
                at, since, most, memory = side, time.monotonic(), self._import_seconds, _memory(self._process.pid)
                self._doing(f"Importing its {side} module in a process of its own")
            elif what == "imported":
                took["web" if side == "web" else "worker"] = float(told["milliseconds"])
                since, most, memory = time.monotonic(), BEGIN_SECONDS, 0
            elif what == "failed":
                return Trial(took, Failure(side, str(told["message"]), str(told["details"])))
            elif what == "done":
                return Trial(took)

    def _how_it_ended(self, at: str) -> str:
        code = self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"its {at} module ended the process that imported it, {how}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                try:
                    told = json.loads(line)
                except ValueError:
                    continue
                if isinstance(told, dict) and "what" in told:
                    self._said.put(told)
        self._said.put(None)

    def _keep_words(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._last_words.append(line.decode("utf-8", "replace").rstrip()[:500])
                del self._last_words[:-_KEPT]


def stamp_of(folder: Path) -> str:
    """Changes whenever a file of an add-on does: cheap enough for each start."""
    newest, count, size = 0, 0, 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("__pycache__", ".git", ".venv", "node_modules")]
        for name in files:
            if not name.endswith(".pyc"):
                try:
                    found = os.stat(os.path.join(place, name))  # noqa: PTH116, PTH118 - thousands of files at each start
                except OSError:
                    continue
                newest, count, size = max(newest, found.st_mtime_ns), count + 1, size + found.st_size
    return f"{newest}-{count}-{size}-{sys.version_info[0]}.{sys.version_info[1]}"


def _memory(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """The child, and whatever it has started."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        with suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
    process.wait()

"""What is remembered of add-ons over restarts: who is off and why, how starts ended, how long each took."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from webui.durable import write_durably

log = logging.getLogger(__name__)

Off = Literal["", "user", "strikes", "crash", "trial", "gone"]
"""Why an add-on is off: somebody switched it off, three faults in jobs, it ended the process, or it failed its trial."""

CRASHED_STARTS = 2
"""So many starts in a row that came to no end give safe mode."""

FOLDER = "add-ons"
"""Below the data folder: all that is kept of add-ons that were installed."""

_VERSION = 1
_FILE = "state.json"
_STARTING = "starting"
_MOST_DETAILS = 20_000


@dataclass(frozen=True)
class LastFault:
    """What went wrong last: in which hook, what was raised, the traceback, when (ISO time)."""

    hook: str
    message: str
    details: str = ""
    at: str = ""


@dataclass(frozen=True)
class State:
    """Of one add-on. proved: the stamp of what passed its trial. start_ms: of which process how long loading took."""

    off: Off = ""
    fault: LastFault | None = None
    proved: str = ""
    start_ms: Mapping[str, float] = field(default_factory=dict)


class States:
    """The state of all add-ons of a data folder. May be used from any thread; several processes take turns at the file."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / FOLDER
        self._lock = threading.RLock()
        self._stamp: tuple[int, int] | None = None
        self._add_ons: dict[str, State] = {}
        self._safe = False
        self._crashed = 0

    # add-ons

    def of(self, identifier: str) -> State:
        """What is known of one."""
        with self._lock:
            self._read()
            return self._add_ons.get(identifier, State())

    def change(self, identifier: str, **changes: Any) -> None:
        """Remember something else of one."""
        with self._lock:
            self._read()
            before = self._add_ons.get(identifier, State())
            after = replace(before, **changes)
            if after != before:
                self._add_ons[identifier] = after
                self._write()

    def forget(self, identifier: str) -> None:
        """It is gone for good."""
        with self._lock:
            self._read()
            if self._add_ons.pop(identifier, None) is not None:
                self._write()

    def note_fault(self, identifier: str, hook: str, message: str, details: str, off: Off | None = None) -> None:
        """Remember what went wrong; off: and that it is off for it."""
        told = LastFault(hook, message[:500], details[-_MOST_DETAILS:], datetime.now(UTC).isoformat(timespec="seconds"))
        self.change(identifier, fault=told, **({} if off is None else {"off": off}))

    # starts

    @property
    def safe(self) -> bool:
        """Whether somebody asked for starts without add-ons."""
        with self._lock:
            self._read()
            return self._safe

    @safe.setter
    def safe(self, wanted: bool) -> None:
        with self._lock:
            self._read()
            self._safe = wanted
            self._write()

    @property
    def crashed(self) -> int:
        """How many starts in a row came to no end, up to the one before this."""
        with self._lock:
            self._read()
            return self._crashed

    def begin(self) -> int:
        """A start begins. Returns how many before it, in a row, came to no end."""
        with self._lock:
            self._read()
            marker = self.folder / _STARTING
            self._crashed = self._crashed + 1 if marker.exists() else 0
            self._write()
            marker.write_text(str(os.getpid()), "utf-8")
            return self._crashed

    def arrived(self) -> None:
        """The start came to its end, or was ended in an orderly way."""
        with suppress(OSError):
            (self.folder / _STARTING).unlink()

    # the file

    def _read(self) -> None:
        path = self.folder / _FILE
        try:
            found = path.stat()
        except OSError:
            return
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["version"] > _VERSION:
                raise ValueError("it was written by a newer Easel")
            self._add_ons = {identifier: _state(told) for identifier, told in data["add_ons"].items()}
            self._safe, self._crashed = bool(data["safe"]), int(data["crashed"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Nothing in it is worth more than a start: what was off is found out again.
            log.warning("%s can't be read (%s); what it said of add-ons is forgotten", path, error)
        self._stamp = stamp

    def _write(self) -> None:
        add_ons = {identifier: asdict(state) for identifier, state in sorted(self._add_ons.items())}
        data = {"version": _VERSION, "safe": self._safe, "crashed": self._crashed, "add_ons": add_ons}
        path = self.folder / _FILE
        write_durably(path, json.dumps(data, indent=1).encode())
        found = path.stat()
        self._stamp = (found.st_mtime_ns, found.st_size)


def _state(told: Mapping[str, Any]) -> State:
    fault = told.get("fault")
    return State(
        off=told.get("off", ""),
        fault=None if fault is None else LastFault(**fault),
        proved=str(told.get("proved", "")),
        start_ms={str(side): float(ms) for side, ms in told.get("start_ms", {}).items()},
    )


class Marker:
    """A file that names the add-on that is being loaded in a process: one that is still there names who ended that process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def left_behind(self) -> str | None:
        """The add-on that the process before this one ended over; the marker is gone then."""
        try:
            found = self._path.read_text("utf-8").strip()
            self._path.unlink()
        except OSError:
            return None
        return found or None

    def around(self, identifier: str) -> _Around:
        """A block in which the add-on is loaded."""
        return _Around(self._path, identifier)


class _Around:
    def __init__(self, path: Path, identifier: str) -> None:
        self._path = path
        self._identifier = identifier

    def __enter__(self) -> None:
        with suppress(OSError):  # a data folder that can't be written is told elsewhere
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(self._identifier, "utf-8")

    def __exit__(self, *_: object) -> None:
        # Also after an exception: the process goes on, so it was not ended.
        with suppress(OSError):
            self._path.unlink()


Told = Callable[[str, str, str], None]


class WorkerNotes:
    """What a worker leaves for the web process: whom it ended over, and how long loading each add-on took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.marker = Marker(folder / "loading-worker")

    def begin(self) -> frozenset[str]:
        """A worker starts: the add-ons that workers ended over, which it leaves out."""
        crashed = self.marker.left_behind()
        if crashed:
            with suppress(OSError), open(self._folder / "crashed-worker", "a", encoding="utf-8") as file:
                file.write(f"{crashed}\n")
        return self.crashed()

    def crashed(self) -> frozenset[str]:
        """Add-ons that workers ended over."""
        try:
            return frozenset((self._folder / "crashed-worker").read_text("utf-8").split())
        except OSError:
            return frozenset()

    def forgive(self, identifier: str) -> None:
        """It is tried again."""
        left = self.crashed() - {identifier}
        path = self._folder / "crashed-worker"
        with suppress(OSError):
            if left:
                write_durably(path, "".join(f"{name}\n" for name in sorted(left)).encode())
            else:
                path.unlink()

    def tell(self, seconds: Mapping[str, float], failed: Mapping[str, tuple[str, str]]) -> None:
        """Loading is done: how long each add-on took, and which failed: message and traceback."""
        told = {"seconds": dict(seconds), "failed": {name: list(words) for name, words in failed.items()}}
        with suppress(OSError):
            write_durably(self._folder / "worker.json", json.dumps(told).encode())

    def told(self) -> tuple[dict[str, float], dict[str, tuple[str, str]]]:
        """What the last worker told."""
        try:
            told = json.loads((self._folder / "worker.json").read_text("utf-8"))
            failed = {name: (str(words[0]), str(words[1])) for name, words in told["failed"].items()}
            return {name: float(seconds) for name, seconds in told["seconds"].items()}, failed
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return {}, {}

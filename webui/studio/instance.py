"""One Easel per data folder: a lock that the system lets go when the process ends, and a note of who holds it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable
from webui.studio.database import FORM

_LOCK_FILE = "easel.lock"
_NOTE_FILE = "running.json"
_KEY_FILE = "running.key"
_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Holder:
    """Who said last that it works on a data folder: its process, the address of its page (None: it has none), and when (unix time).

    form: of the database that it works with; "" where it doesn't say.
    """

    pid: int
    url: str | None
    noted: float
    form: str = ""


def holder_of(data_dir: Path) -> Holder | None:
    """The note in that data folder. One of a process that was killed is still there, so it proves nothing."""
    note = data_dir / _NOTE_FILE
    try:
        told = json.loads(note.read_text("utf-8"))
        return Holder(int(told["pid"]), told["url"], note.stat().st_mtime, str(told.get("form", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class AlreadyRunning(Conflict):
    """Another Easel works on this data folder.

    url: where its page is, None while it has none. key: what opens its door for commands of whoever may read the data folder.
    """

    code = "already_running"

    def __init__(self, data_dir: Path, pid: int | None, url: str | None, key: str | None = None) -> None:
        who = f" (process {pid}{', ' + url if url else ''})" if pid else ""
        super().__init__(f"Another Easel{who} works on {data_dir}.", hint="Use that one, end it, or start with another --data-dir.")
        self.url = url
        self.key = key


class InstanceLock:
    """Held while this process works on the data folder. Raises AlreadyRunning or DataUnusable on entering."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = FileLock(data_dir / _LOCK_FILE, timeout=0)

    def __enter__(self) -> InstanceLock:
        """Take the lock."""
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise self._holder() from None
        except OSError as error:
            raise DataUnusable(
                f"The data folder {self._data_dir} can't be used: {error}.", hint="Choose another one with --data-dir."
            ) from None
        self.announce(None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let it go."""
        for name in (_NOTE_FILE, _KEY_FILE):
            (self._data_dir / name).unlink(missing_ok=True)
        self._lock.release()

    def announce(self, url: str | None, key: str | None = None) -> None:
        """Note where the page is, for those who come second, and the key that lets commands of this machine in."""
        path = self._data_dir / _KEY_FILE
        path.unlink(missing_ok=True)
        if key is not None:
            # From its first byte on nobody else may read it.
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w", encoding="ascii") as file:
                file.write(key)
        write_durably(self._data_dir / _NOTE_FILE, json.dumps({"pid": os.getpid(), "url": url, "form": FORM}).encode())

    def _holder(self) -> AlreadyRunning:
        holder = holder_of(self._data_dir)
        if holder is None:
            return AlreadyRunning(self._data_dir, None, None)
        try:
            key = (self._data_dir / _KEY_FILE).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            key = None
        return AlreadyRunning(self._data_dir, holder.pid, holder.url, key)

"""Imports: folders of other programs' pictures taken into history, once or as they grow. Nothing in them is moved or changed.

What is to be read stands in the database before it is read, and a picture's rows are written together with the word that it was read:
however Easel ends, an import goes on where it stopped, and takes nothing in twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Row

from webui.errors import EaselError, InvalidRequest, TooLarge
from webui.studio.event_log import EventLog
from webui.studio.fooocus_log import LOG, FooocusLogs
from webui.studio.foreign_picture import NotOurs, read_foreign
from webui.studio.ids import time_of
from webui.studio.import_book import (
    ACTIVE,
    BROKEN,
    CANCELLED,
    DONE,
    FAILED,
    FOREIGN,
    PAUSED,
    WAITING,
    Halted,
    ImportBook,
    OpenFile,
    Read,
    Source,
)
from webui.studio.import_watch import watch_trees
from webui.studio.journal import parse_id
from webui.studio.picture_tree import Found, look_at, named_tree, walk
from webui.studio.source_folder import read_from
from webui.studio.whose import Kept, Whose

log = logging.getLogger(__name__)

ImportView = dict[str, Any]

LOOK_SECONDS = 3.0
"""A look into a folder ends here; what it has found until then is "at least"."""

_TOGETHER = 24
"""Files that are written down with one transaction."""
_NOTED_TOGETHER = 500
_SETTLING_SECONDS = 3.0
"""A file so young may still be being written: a broken one is read again until it is older."""
_TELL_SECONDS = 0.4
_RETRY_SECONDS = 10.0
_WORDS_BYTES = 256 * 1024
"""Of a text that lies beside a picture; a longer one is something else."""


@dataclass
class _Pace:
    """How quickly the running import reads. began: monotonic time."""

    source: int
    began: float
    read: int = 0

    def seconds_left(self, waiting: int) -> float | None:
        passed = time.monotonic() - self.began
        return None if self.read < _TOGETHER else waiting * passed / self.read


@dataclass
class _Clock:
    """pace: of the import that runs. told: when pages last heard of one, in monotonic time."""

    pace: _Pace | None = None
    told: float = 0.0


class Imports(Kept):
    """All imports of a studio, or one person's (`of`). May be called from any thread. own: folders that are Easel's own, at any time."""

    def __init__(self, book: ImportBook, events: EventLog, own: Callable[[], Collection[Path]]) -> None:
        self._book = book
        self._events = events
        self._own = own
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._others_watched = threading.Event()
        self._telling = threading.Lock()
        self._clock = _Clock()
        self._threads: list[threading.Thread] = []
        self._logs = FooocusLogs()

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with their rows."""
        view = super().of(whose)
        view._book = self._book.of(whose)
        return view

    def start(self) -> None:
        """Go on with what is unfinished, look through watched folders for what came meanwhile, and keep an eye on them."""
        self._book.rouse_watched()
        for name, run in (("imports", self._serve), ("import folders", self._watch)):
            self._threads.append(threading.Thread(target=run, name=name, daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """Stop; unfinished imports go on at the next start."""
        self._closing.set()
        self._rouse()
        for thread in self._threads:
            thread.join(timeout=30)

    # asking

    def look(self, folder: str) -> dict[str, Any]:
        """What a folder holds: how many files that may be pictures, and their bytes. Raises InvalidRequest."""
        path = self._named(folder)
        began, pictures, size = time.monotonic(), 0, 0
        for found in self._walk(path):
            pictures, size = pictures + 1, size + found.size
            if time.monotonic() - began > LOOK_SECONDS:
                return {"folder": str(path), "pictures": pictures, "bytes": size, "more": True}
        if not pictures:
            raise InvalidRequest(
                f"There is no picture in {path}.", field="folder", hint="Name the folder where the program keeps its outputs."
            )
        return {"folder": str(path), "pictures": pictures, "bytes": size, "more": False}

    def submit(self, folder: str, *, watch: bool = False) -> ImportView:
        """Take a folder: it is written down when this returns. One that is known is looked through again. Raises InvalidRequest."""
        identifier = self._book.add(self._named(folder), watched=watch)
        self._rouse()
        return self._tell(identifier)

    def pause(self, import_id: str) -> ImportView:
        """Read nothing more for now. Raises Conflict where it isn't active."""
        return self._move(import_id, (ACTIVE,), PAUSED)

    def resume(self, import_id: str) -> ImportView:
        """Go on where it stopped; one that has ended looks through its folder again. Raises Conflict while it is active."""
        identifier = parse_id(import_id)
        source = self._book.get(identifier)
        if source.status in (DONE, FAILED):
            self._book.add(source.folder, watched=source.watched)
            self._rouse()
            return self._tell(identifier)
        return self._move(import_id, (PAUSED, CANCELLED), ACTIVE)

    def cancel(self, import_id: str) -> ImportView:
        """End it: what was taken in stays. Raises Conflict where it has ended."""
        return self._move(import_id, (ACTIVE, PAUSED), CANCELLED)

    def _move(self, import_id: str, among: tuple[str, ...], to: str) -> ImportView:
        source = self._book.move(parse_id(import_id), among, to)
        self._rouse()
        return self._tell(source.id)

    def watch(self, import_id: str, wanted: bool) -> ImportView:
        """Keep an eye on the folder from now on, or no longer."""
        source = self._book.watch(parse_id(import_id), wanted)
        if wanted:
            self._book.rouse_watched([source.folder])
        self._rouse()
        return self._tell(source.id)

    def forget(self, import_id: str) -> None:
        """Forget an import that is at rest, and watch its folder no longer; its pictures stay. Raises Conflict."""
        source = self._book.get(parse_id(import_id))
        self._book.forget(source.id)
        self._rouse()
        self._events.publish("import_removed", owner=source.owner, **{"import": str(source.id)})

    # looking

    def all(self) -> list[ImportView]:
        """All imports, newest first."""
        return [self._view(source) for source in self._book.all()]

    def one(self, import_id: str) -> ImportView:
        """One import. Raises NotFound."""
        return self._view(self._book.get(parse_id(import_id)))

    def files(self, import_id: str, offset: int, limit: int, state: str | None = None) -> dict[str, Any]:
        """Files by path: those in that state, or all that aren't in history, with the reason each."""
        rows, total = self._book.files(parse_id(import_id), offset, limit, [state] if state else [BROKEN, FOREIGN])
        return {"items": [_file_view(row) for row in rows], "total": total}

    def _view(self, source: Source) -> ImportView:
        counts = self._book.counts(source.id)
        pace = self._clock.pace
        left = pace.seconds_left(counts[WAITING]) if pace is not None and pace.source == source.id and source.walked else None
        return {
            "id": str(source.id),
            "folder": str(source.folder),
            "status": source.status,
            "watched": source.watched,
            "looking": source.status == ACTIVE and not source.walked,
            "counts": counts,
            "total": sum(counts.values()),
            "seconds_left": left,
            "error": dict(source.error) if source.error else None,
            "created_at": time_of(source.id).isoformat(),
            "ended_at": None if source.ended is None else time_of(source.ended).isoformat(),
        }

    def _tell(self, identifier: int) -> ImportView:
        # Looked at and told in one: else an older view could be told after a newer one, and stay.
        with self._telling:
            source = self._book.get(identifier)
            view = self._view(source)
            self._events.publish("import", owner=source.owner, **{"import": view})
            self._clock.told = time.monotonic()
        return view

    # doing it

    def _named(self, folder: str) -> Path:
        path = named_tree(folder, "folder")
        if any(path.is_relative_to(own) for own in self._own_folders()):
            raise InvalidRequest(f"{path} is Easel's own.", field="folder", hint="Its pictures are in history already.")
        return path

    def _own_folders(self) -> list[Path]:
        return [path.resolve() for path in self._own()]

    def _walk(self, root: Path) -> Iterable[Found]:
        return walk(root, self._own_folders())

    def _rouse(self) -> None:
        self._others_watched.set()
        self._wake.set()

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                source = self._book.next_active()
                if source is not None:
                    self.work_on(source)
                    continue
            except EaselError as problem:
                log.warning("Imports can't go on just now: %s", problem)
                self._closing.wait(_RETRY_SECONDS)
                continue
            except Exception:  # whatever one folder does, the thread must be there for the next one
                log.exception("An import failed")
                self._closing.wait(_RETRY_SECONDS)
                continue
            self._wake.wait()

    def do(self, import_id: str) -> None:
        """Do one import now, in this thread; for whoever hasn't called `start`."""
        self.work_on(self._book.get(parse_id(import_id)))

    def work_on(self, source: Source) -> None:
        """Read what is to be read of one import, until it is done, halted, or Easel ends."""
        try:
            if not source.walked:
                self._look_through(source)
            pace = self._clock.pace = _Pace(source.id, time.monotonic())
            while not self._closing.is_set():
                files = self._book.open_files(source.id, _TOGETHER)
                if not files:
                    break
                new = self._book.record(source, [self._read(source.folder, file) for file in files if not self._closing.is_set()])
                pace.read += len(files)
                if time.monotonic() - self._clock.told > _TELL_SECONDS:
                    self._tell(source.id)
                    if new:
                        self._events.publish("imported", owner=source.owner, pictures=len(new))
        except Halted:
            return
        except OSError as error:
            hint = "Check that its disk is there, then look again."
            problem = InvalidRequest(f"{source.folder} can't be read: {error.strerror or error}.", field="folder", hint=hint)
            self._book.end(source.id, problem.as_dict())
        finally:
            self._clock.pace = None
        if not self._closing.is_set():
            self._book.end(source.id)
            self._tell(source.id)
            self._events.publish("imported", owner=source.owner, pictures=0)

    def _look_through(self, source: Source) -> None:
        self._tell(source.id)
        batch: list[Found] = []
        for found in self._walk(source.folder):
            batch.append(found)
            if len(batch) == _NOTED_TOGETHER:
                self._book.note(source.id, batch)
                batch = []
                if self._closing.is_set():
                    raise Halted
                if time.monotonic() - self._clock.told > _TELL_SECONDS:
                    self._tell(source.id)
        self._book.note(source.id, batch)
        self._book.note_walked(source.id)
        self._tell(source.id)

    def _read(self, folder: Path, file: OpenFile) -> Read:
        path = folder / file.path
        while True:
            try:
                return Read(file, read_foreign(read_from(path.parent, path.name), path.name, _words_beside(path) or self._logs.says(path)))
            except NotOurs as problem:
                # Fooocus writes its log once the picture is there.
                if not path.with_name(LOG).is_file() or self._is_settled(file):
                    return Read(file, state=FOREIGN, error=problem.as_dict())
            except (InvalidRequest, TooLarge) as problem:
                if self._is_settled(file):
                    return Read(file, state=BROKEN, error=problem.as_dict())

    def _is_settled(self, file: OpenFile) -> bool:
        """Whether it is no longer being written; where it may be, waits a moment."""
        return time.time() - file.mtime / 1e9 > _SETTLING_SECONDS or self._closing.wait(0.25)

    # watching

    def _watched(self) -> dict[Path, int]:
        return {source.folder: source.id for source in self._book.all() if source.watched}

    def _watch(self) -> None:
        watch_trees(lambda: list(self._watched()), self._closing, self._others_watched, self._seen, self._look_again)

    def _look_again(self, folders: Collection[Path]) -> None:
        for identifier in self._book.rouse_watched(folders):
            self._tell(identifier)
        self._wake.set()

    def _seen(self, paths: Iterable[Path]) -> None:
        """Files and folders came or changed below watched folders."""
        own = self._own_folders()
        by_source: dict[int, list[Found]] = {}
        whole: set[Path] = set()
        for root, identifier in self._watched().items():
            for path in paths:
                if not path.is_relative_to(root) or any(path.is_relative_to(folder) for folder in own):
                    continue
                if path.is_dir():
                    whole.add(root)  # a folder that came with all that is in it is told of alone
                elif (found := look_at(root, path)) is not None:
                    by_source.setdefault(identifier, []).append(found)
        for identifier, found in by_source.items():
            if self._book.note(identifier, found, rouse=True):
                self._tell(identifier)
        if whole:
            self._look_again(whole)
        self._wake.set()


def _words_beside(path: Path) -> str:
    """The text file of the same name beside a picture, as AUTOMATIC1111 and SD.Next write them where they are told to."""
    beside = path.with_suffix(".txt")
    try:
        if beside.is_symlink() or not beside.is_file() or beside.stat().st_size > _WORDS_BYTES:
            return ""
        return beside.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _file_view(row: Row[Any]) -> dict[str, Any]:
    return {
        "path": row.path,
        "state": row.state,
        "reason": row.error["message"] if row.error else None,
        "hint": row.error["hint"] if row.error else None,
        "image": None if row.image_id is None else str(row.image_id),
    }

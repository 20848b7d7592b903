"""History taken out: all of it as JSON lines, chosen pictures as a zip or into a folder, each with what made it beside it."""

from __future__ import annotations

import json
import math
import secrets
import threading
import time
import zipfile
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Self

from webui.durable import write_durably
from webui.errors import EaselError, InvalidRequest, NotFound
from webui.generation.request import dump_request
from webui.named_paths import whole_path
from webui.studio.bulk import Bulk, Whole
from webui.studio.history import History
from webui.studio.search.desk import SearchDesk
from webui.studio.whose import Kept, Whose

LINES_AT_ONCE = 200
MOST_ZIPS = 100
"""Choices that are remembered until they are fetched; the oldest ones are forgotten."""

_SLICE_SECONDS = 1.0
"""Of copying all that a search finds: so that it can be told how far it is, and stopped."""

_CHUNK = 256 * 1024
_LEFT_OUT = ("url", "thumbnail", "film", "source")
"""Of a picture's view: addresses that mean something to a page of this very Easel only."""


@dataclass(frozen=True)
class Choice:
    """Pictures for a zip, whether their parameters go beside them, and whose choice it is."""

    ids: Sequence[int]
    sidecars: bool
    whose: Whose


@dataclass(frozen=True)
class Exported:
    """Where pictures went. written: those that are new there; there: those that lay there already; gone: those without a file.

    next: of a search that isn't at its end, the id that the others lie below.
    """

    folder: str
    written: int
    there: int
    gone: int
    next: int | None = None


class Exports(Kept):
    """Takes pictures out of history: anybody's, or one person's (`of`). May be called from any thread.

    bulk: walks through all that a search finds. path_of: a picture's file, raises NotFound. own: Easel's own folders.
    """

    def __init__(
        self, history: History, search: SearchDesk, bulk: Bulk, path_of: Callable[[str], Path], own: Callable[[], Collection[Path]]
    ) -> None:
        self._history = history
        self._search = search
        self._bulk = bulk
        self._path_of = path_of
        self._own = own
        self._choices: OrderedDict[str, Choice] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with what is looked into here."""
        view = super().of(whose)
        view._history, view._search, view._bulk = self._history.of(whose), self._search.of(whose), self._bulk.of(whose)
        return view

    # JSON lines

    def lines(self, text: str) -> Iterator[bytes]:
        """What a search finds, newest first, one line of JSON for each picture. Raises InvalidRequest at once where it can't be used."""
        first = self._search.page(text, limit=LINES_AT_ONCE)
        return self._lines(text, first)

    def _lines(self, text: str, page: Any) -> Iterator[bytes]:
        while True:
            yield b"".join(json.dumps(self._record(view), ensure_ascii=False).encode() + b"\n" for view in page.items)
            if page.next is None:
                return
            page = self._search.page(text, below=int(page.next), limit=LINES_AT_ONCE)

    def _record(self, view: dict[str, Any]) -> dict[str, Any]:
        """A picture with all that is known of it, and the request that makes it again."""
        told = {name: value for name, value in view.items() if name not in _LEFT_OUT}
        try:
            request = json.loads(dump_request(self._history.request_of(int(view["id"]))))
        except EaselError:  # deleted meanwhile, or stored by a later Easel
            request = None
        return told | {"request": request}

    # zip

    def choose(self, meant: Sequence[int] | Whole, *, sidecars: bool) -> dict[str, Any]:
        """Remember pictures to be fetched as a zip. Raises NotFound where none of them is there, InvalidRequest for a bad search."""
        there = array("q")
        size = 0
        for ids in self._parts_of(meant):
            for number, of_it in self._history.sizes(ids):
                there.append(number)
                size += of_it
        if not there:
            raise _none_there()
        token = secrets.token_urlsafe(18)
        with self._lock:
            self._choices[token] = Choice(there, sidecars, self.whose)
            while len(self._choices) > MOST_ZIPS:
                self._choices.popitem(last=False)
        return {"url": f"/api/v1/history/exports/{token}.zip", "pictures": len(there), "bytes": size}

    def _parts_of(self, meant: Sequence[int] | Whole) -> Iterator[Sequence[int]]:
        return (ids for ids, _ in self._bulk.walk(meant)) if isinstance(meant, Whole) else iter((meant,))

    def zipped(self, token: str) -> Iterator[bytes]:
        """A zip of chosen pictures, made while it is sent. Raises NotFound."""
        with self._lock:
            choice = self._choices.get(token)
        if choice is None or choice.whose != self.whose:
            raise NotFound("This export isn't known any more.", hint="Choose the pictures again.")
        return self._zipped(choice)

    def _zipped(self, choice: Choice) -> Iterator[bytes]:
        sink = _Sink()
        names = _Names()
        missing: list[str] = []
        # Pictures are packed already: to do it again would cost time and spare nothing.
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for number in choice.ids:
                view = self._view(number)
                path = None if view is None else self._path(view)
                if view is None or path is None:
                    missing.append(f"{number} {view['file'] if view else ''}")
                    continue
                name = names.fresh(view["file"])
                try:
                    with open(path, "rb") as file, archive.open(name, "w", force_zip64=True) as entry:
                        while part := file.read(_CHUNK):
                            entry.write(part)
                            yield sink.taken()
                except OSError:
                    missing.append(f"{number} {view['file']}")
                    continue
                for suffix, content in self._sidecars(view, choice.sidecars):
                    archive.writestr(str(PurePath(name).with_suffix(suffix)), content)
                yield sink.taken()
            if missing:
                archive.writestr("missing.txt", "These pictures' files could not be read:\n" + "\n".join(missing) + "\n")
        yield sink.taken()

    # folder

    def into_folder(self, meant: Sequence[int] | Whole, folder: str, *, sidecars: bool, below: int | None = None) -> Exported:
        """Copy pictures into a folder, which is made where it isn't there. Nothing is overwritten; done again, nothing is doubled.

        All of a search is copied in slices: `below` is what the slice before told as `next`.
        Raises NotFound where none of them is in history, InvalidRequest where the folder or the search can't be used.
        """
        target = whole_path(folder, "folder", "my-pictures")
        if any(target.resolve().is_relative_to(own.resolve()) for own in self._own()):
            raise InvalidRequest(f"{target} is Easel's own.", field="folder", hint="Name a folder outside of it.")
        parts = self._bulk.walk(meant, below) if isinstance(meant, Whole) else iter(((meant, None),))
        ids, following = next(parts, ([], None))
        if below is None and following is None and not self._history.sizes(ids):
            raise _none_there()  # before a folder is made for nothing
        written = there = gone = 0
        until = time.monotonic() + _SLICE_SECONDS if isinstance(meant, Whole) else math.inf
        try:
            target.mkdir(parents=True, exist_ok=True)
            for place, number in enumerate(ids):
                if time.monotonic() > until:
                    return Exported(str(target), written, there, gone, ids[place - 1])
                view = self._view(number)
                path = None if view is None else self._path(view)
                if view is None or path is None:
                    gone += 1
                    continue
                fresh, place = self._put(path.read_bytes(), target, view["file"])
                written, there = written + fresh, there + (not fresh)
                for suffix, content in self._sidecars(view, sidecars):
                    self._put(content, target, place.with_suffix(suffix).name)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InvalidRequest(f"{target} can't be written: {reason}.", field="folder", hint="Check its rights and space.") from None
        return Exported(str(target), written, there, gone, following)

    def _put(self, data: bytes, folder: Path, name: str) -> tuple[bool, Path]:
        """A file by that name or, where another one has it, with a number behind. Returns whether it is new, and where it lies."""
        number, place = 1, folder / name
        while True:
            try:
                write_durably(place, data, replace=False)
            except FileExistsError:
                if place.is_file() and place.stat().st_size == len(data) and place.read_bytes() == data:
                    return False, place
                number += 1
                place = folder / f"{PurePath(name).stem} ({number}){PurePath(name).suffix}"
            else:
                return True, place

    def _view(self, number: int) -> dict[str, Any] | None:
        try:
            return self._history.item(number)
        except NotFound:
            return None

    def _path(self, view: dict[str, Any]) -> Path | None:
        try:
            return self._path_of(view["id"])
        except NotFound:
            return None

    def _sidecars(self, view: dict[str, Any], wanted: bool) -> list[tuple[str, bytes]]:
        if not wanted:
            return []
        record = json.dumps(self._record(view), ensure_ascii=False, indent=2)
        return [(".txt", f"{view['infotext']}\n".encode()), (".json", f"{record}\n".encode())]


def _none_there() -> NotFound:
    return NotFound("None of these pictures is in history.", code="image_not_found", hint="Choose others.")


class _Names:
    """Names in a zip, each once: those that differ in capitals only are one on Windows and macOS."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def fresh(self, name: str) -> str:
        path, number, wanted = PurePath(name), 1, name
        while PurePath(wanted).stem.casefold() in self._taken:
            number += 1
            wanted = f"{path.stem} ({number}){path.suffix}"
        self._taken.add(PurePath(wanted).stem.casefold())
        return wanted


class _Sink:
    """What a zip is written into: a file that only goes forward, and is emptied as it is sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def close(self) -> None:
        """Nothing is held open."""

    def flush(self) -> None:
        """Everything is at hand already."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

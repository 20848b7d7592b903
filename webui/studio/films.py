"""Films: what a picture looked like after each of its steps, kept in one file beside the pictures.

A film belongs to the bytes of its picture and is found by their SHA-256. It is a ZIP that any program opens: the frames as WebP, and
`film.json` with step and noise level of each. A picture needs none; one that is gone is missed by nobody.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from webui.durable import PART_SUFFIX, write_durably
from webui.errors import NotFound
from webui.generation.events import Step
from webui.generation.passes import passes_of
from webui.generation.request import ResolvedRequest, ResolvedUpscale
from webui.settings import Settings
from webui.studio.image_store import is_content_hash

log = logging.getLogger(__name__)

FOLDER = "films"

_FORM = 1
_LIST = "film.json"
_SUFFIX = ".zip"
_MB = 1024**2
_GRACE_SECONDS = 3600
"""A film is written before its picture: one so young may still get it."""


@dataclass(frozen=True)
class FrameFacts:
    """One frame. step: 1-based, of `steps` over all passes. hires: of the hires pass. sigma: the noise level; None where it isn't known."""

    step: int
    steps: int
    hires: bool
    sigma: float | None


class Reel:
    """Takes up the frames of a running job, picture by picture; of one thread."""

    def __init__(self, request: ResolvedRequest) -> None:
        passes = () if isinstance(request, ResolvedUpscale) else passes_of(request)
        self._before_hires = sum(one.steps.taken for one in passes if not one.hires)
        self._frames: dict[int, dict[int, tuple[FrameFacts, bytes]]] = {}

    def take(self, event: Step) -> None:
        """Keep the frame of a step, where it has one."""
        if not event.frame:
            return
        frames = self._frames.setdefault(event.image, {})
        # A picture that is drawn again, because memory ran out or numbers broke, begins at its first step once more.
        for step in [step for step in frames if step >= event.step]:
            del frames[step]
        facts = FrameFacts(event.step, event.steps, event.step > self._before_hires, event.sigma)
        frames[event.step] = (facts, event.frame)

    def cut(self, image: int) -> list[tuple[FrameFacts, bytes]]:
        """The frames of a picture that is done, or was left; they are let go of."""
        return list(self._frames.pop(image, {}).values())


@dataclass(frozen=True)
class Film:
    """A film on disk."""

    path: Path
    frames: tuple[FrameFacts, ...]

    def frame(self, number: int) -> bytes:
        """One frame as WebP; number: 1-based. Raises NotFound."""
        if not 1 <= number <= len(self.frames):
            hint = f"Ask for 1 to {len(self.frames)}."
            raise NotFound(f"This film has {len(self.frames)} frames.", code="frame_not_found", hint=hint)
        with _told_when_gone(self.path) as archive:
            return archive.read(_name(number))

    def all(self) -> Iterable[bytes]:
        """The frames in order, each as WebP. Raises NotFound."""
        return (self.frame(number) for number in range(1, len(self.frames) + 1))


class FilmStore:
    """The films folder, with a bound on its bytes: the oldest go first. May be used from any thread.

    has_pictures: which of these SHA-256 belong to pictures of history.
    """

    def __init__(self, folder: Path, settings: Callable[[], Settings], has_pictures: Callable[[Collection[bytes]], set[bytes]]) -> None:
        self._folder = folder
        self._settings = settings
        self._has_pictures = has_pictures
        self._lock = threading.Lock()
        # Known by heart, because every picture of a page is looked up: name -> (time of writing, bytes).
        self._known = {path.stem: (status.st_mtime, status.st_size) for path in self._files(_SUFFIX) if (status := path.stat())}

    def has(self, sha256: bytes) -> bool:
        """Whether there is a film of the picture with these bytes."""
        return sha256.hex() in self._known

    def keep(self, sha256: bytes, frames: Sequence[tuple[FrameFacts, bytes]]) -> None:
        """Write the film of a picture; older ones make room. Raises OSError, also where the disk's reserve would be touched."""
        data = _packed(frames)
        room = self._settings().films_mb * _MB
        if len(data) > room:
            raise OSError(errno.EFBIG, f"it is larger than all films may be ({self._settings().films_mb:,} MB)")
        path = self._path(sha256.hex())
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free - len(data) < self._settings().disk_reserve_mb * _MB:
            raise OSError(errno.ENOSPC, "the disk is almost full")
        with self._lock:
            self._make_room(room - len(data))
            write_durably(path, data)
            self._known[path.stem] = (time.time(), len(data))

    def open(self, sha256: bytes) -> Film:
        """The film of the picture with these bytes. Raises NotFound."""
        path = self._path(sha256.hex())
        try:
            with _told_when_gone(path) as archive:
                told = json.loads(archive.read(_LIST))
                return Film(path, tuple(FrameFacts(**facts) for facts in told["frames"]))
        except NotFound:
            if not path.exists():
                with self._lock:
                    self._known.pop(path.stem, None)
            raise

    def sweep(self) -> int:
        """Remove the films of pictures that are gone, and what writers that were killed have left. Returns how many films."""
        newest = time.time() - _GRACE_SECONDS
        old = [name for name, (written, _) in list(self._known.items()) if written < newest]
        wanted = self._has_pictures([bytes.fromhex(name) for name in old])
        gone = [name for name in old if bytes.fromhex(name) not in wanted]
        with self._lock:
            for name in gone:
                self._remove(name)
        for part in self._files(PART_SUFFIX):
            if part.stat().st_mtime < newest:
                part.unlink(missing_ok=True)
        if gone:
            log.info("%d films whose pictures are gone were removed.", len(gone))
        return len(gone)

    def _files(self, suffix: str) -> Iterable[Path]:
        return (path for path in self._folder.glob(f"??/*{suffix}") if is_content_hash(path.name.split(".")[0]))

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}{_SUFFIX}"

    def _make_room(self, room: int) -> None:
        total = sum(size for _, size in self._known.values())
        for name in sorted(self._known, key=lambda name: self._known[name]):
            if total <= room:
                return
            total -= self._known[name][1]
            self._remove(name)

    def _remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)
        self._known.pop(name, None)


@contextmanager
def _told_when_gone(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as problem:
        if not isinstance(problem, FileNotFoundError):
            log.warning("The film %s can't be read: %s", path, problem)
        raise NotFound(
            "There is no film of this picture (any more).",
            code="film_not_found",
            hint="Pictures are filmed on wish, and old films make room.",
        ) from None


def _name(number: int) -> str:
    return f"{number:04}.webp"


def _packed(frames: Sequence[tuple[FrameFacts, bytes]]) -> bytes:
    buffer = io.BytesIO()
    # WebP can't be made smaller, and what isn't compressed is found at once.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_LIST, json.dumps({"version": _FORM, "frames": [asdict(facts) for facts, _ in frames]}))
        for number, (_, data) in enumerate(frames, 1):
            archive.writestr(_name(number), data)
    return buffer.getvalue()

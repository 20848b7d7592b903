"""A folder of pictures that somebody names: which files are in it, in which order, and what is in one of them.

Nothing there is changed. Links are not followed, so that a folder holds what lies in it and nothing else.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from webui.errors import InvalidRequest, TooLarge
from webui.generation.parameter import storable
from webui.named_paths import whole_path
from webui.pictures.boxes import Size
from webui.pictures.decoding import ACCEPTED, told_size
from webui.studio.batch_order import MOST_FILES
from webui.studio.picture_texts import MAX_PICTURE_BYTES

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif", ".bmp"))
"""Endings of files that are taken for pictures; what is in them is looked at when their turn comes."""

_MOST_ENTRIES = 100_000
_NUMBER = re.compile(r"(\d+)")
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class SourceFolder:
    """What lies in a folder. names: of its pictures, as people count them. others: files that are no pictures; links: left out."""

    path: Path
    names: tuple[str, ...]
    others: int = 0
    links: int = 0


def look_into(text: str, field: str) -> SourceFolder:
    """The folder that a text names. Raises InvalidRequest, also where no picture is in it."""
    path = whole_path(text, field, "frames")
    names, others, links = [], 0, 0
    try:
        with os.scandir(path) as entries:
            for number, entry in enumerate(entries, 1):
                if number > _MOST_ENTRIES:
                    raise _too_many(path, field)
                if entry.is_symlink():
                    links += 1
                elif entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                    continue
                elif PurePath(entry.name).suffix.casefold() not in SUFFIXES or storable(entry.name) != entry.name:
                    others += 1
                else:
                    names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidRequest(f"There is no folder {path}.", field=field, hint="Check its spelling.") from None
    except OSError as error:
        raise InvalidRequest(f"{path} can't be looked into: {error.strerror or error}.", field=field, hint="Check its rights.") from None
    if len(names) > MOST_FILES:
        raise _too_many(path, field)
    if not names:
        raise InvalidRequest(f"There is no picture in {path}.", field=field, allowed=ACCEPTED, hint="Name the folder that they lie in.")
    return SourceFolder(path, tuple(sorted(names, key=_as_counted)), others, links)


def read_from(folder: Path, name: str) -> bytes:
    """A file of a folder, whole. Raises InvalidRequest or TooLarge."""
    with _opened(folder, name) as file:
        return file.read()


def size_in(folder: Path, name: str) -> Size:
    """Width and height of a picture in a folder, as it is looked at: told by its head. Raises InvalidRequest or TooLarge."""
    with _opened(folder, name) as file:
        return told_size(file)


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[BinaryIO]:
    try:
        # Links would lead elsewhere, and a pipe would never end.
        if (folder / name).is_symlink():
            raise OSError(errno.ELOOP, "it is a link now")
        with open(os.open(folder / name, _OPEN), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise OSError(errno.EINVAL, "it is no file any more")
            if facts.st_size > MAX_PICTURE_BYTES:
                raise TooLarge(
                    "The picture's file is too large.", allowed=f"at most {MAX_PICTURE_BYTES // 1024**2} MB", hint="Make it smaller first."
                )
            yield file
    except FileNotFoundError:
        raise InvalidRequest("The file is gone.", hint="Put it back, then try again.") from None
    except OSError as error:
        raise InvalidRequest(f"The file can't be read: {error.strerror or error}.", hint="Check its rights.") from None


def mask_for(name: str, masks: dict[str, str]) -> str | None:
    """The mask of a file among those `by_stem` gave; one that is alone serves all. None where there is none."""
    return next(iter(masks.values())) if len(masks) == 1 else masks.get(_stem(name))


def by_stem(names: Iterable[str]) -> dict[str, str]:
    """Names of masks by what stands before their ending; of several that share it the first."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(_stem(name), name)
    return found


def _stem(name: str) -> str:
    return PurePath(name).stem.casefold()


def _as_counted(name: str) -> tuple[list[str | int], str]:
    # Digits stand at odd places, so numbers are compared with numbers: frame2 comes before frame10.
    parts = _NUMBER.split(name.casefold())
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name


def _too_many(path: Path, field: str) -> InvalidRequest:
    return InvalidRequest(
        f"{path} holds too many files.", field=field, allowed=f"at most {MOST_FILES:,} pictures", hint="Spread them over several folders."
    )

"""What lies in the folders: pictures, remains of writes that were cut off, and whether anything can be written at all."""

from __future__ import annotations

import os
import re
import tempfile
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from PIL import Image

from webui.durable import PART_SUFFIX
from webui.studio.picture_format import FORMATS, read_own

_PICTURE_SUFFIXES = tuple(form.suffix for form in FORMATS.values())
_PART = re.compile(rf"\.(?P<pid>\d+)-\d+{re.escape(PART_SUFFIX)}$")
_WRITING_SECONDS = 3600
"""A .part file that is older belongs to no write that still goes on."""


@dataclass(frozen=True)
class Found:
    """What lies below a folder, as paths relative to it (with /): pictures and .part files. unreadable: folders, each with its reason."""

    pictures: frozenset[str]
    parts: tuple[str, ...]
    unreadable: tuple[str, ...]


def look_through(folder: Path) -> Found:
    """Every file below that folder; of none where there is no folder."""
    unreadable: list[str] = []
    pictures, parts = [], []
    for place, _, names in os.walk(folder, onerror=lambda error: unreadable.append(f"{error.filename}: {error.strerror}")):
        for name in names:
            if name.endswith(PART_SUFFIX):
                parts.append(_relative(folder, place, name))
            elif name.lower().endswith(_PICTURE_SUFFIXES):
                pictures.append(_relative(folder, place, name))
    return Found(frozenset(pictures), tuple(parts), tuple(unreadable) if folder.exists() else ())


def _relative(folder: Path, place: str, name: str) -> str:
    # macOS hands out the same name taken apart into letters and marks.
    return unicodedata.normalize("NFC", (Path(place) / name).relative_to(folder).as_posix())


def left_over(parts: Iterable[Path]) -> list[Path]:
    """Those .part files that nobody is writing any more."""
    return [path for path in parts if not _being_written(path)]


def _being_written(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return True  # it was, and is whole now
    match = _PART.search(path.name)
    return age < _WRITING_SECONDS and (match is None or psutil.pid_exists(int(match["pid"])))


def made_by_easel(path: Path) -> bool:
    """Whether Easel's record is in that picture."""
    try:
        with Image.open(path) as picture:
            return bool(read_own(picture))
    except (OSError, ValueError, LookupError, TypeError, SyntaxError, Image.DecompressionBombError):
        return False  # another program's, or damaged


def why_not_writable(folder: Path) -> str:
    """The system's reason why nothing can be written into that folder (which exists); empty when something can. Leaves no file."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def nearest_that_exists(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((path for path in (folder, *folder.parents) if path.exists()), Path(folder.anchor or "."))

"""A folder of pictures with all folders in it, as other programs keep their outputs. Nothing there is changed; links are not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from webui.errors import InvalidRequest
from webui.generation.parameter import storable
from webui.named_paths import whole_path
from webui.studio.source_folder import SUFFIXES

LEFT_OUT = frozenset({"thumbnails", "__pycache__", "node_modules"})
"""Folders that hold no outputs: small copies of pictures that lie elsewhere, and programs. Hidden ones (.git, .cache) are left out, too."""


@dataclass(frozen=True)
class Found:
    """A file that may be a picture. path: relative to the folder, with "/". size in bytes; mtime: nanoseconds since 1970."""

    path: str
    size: int
    mtime: int


def named_tree(text: str, field: str) -> Path:
    """The folder that a text names, with no links on the way. Raises InvalidRequest where it can't be looked into."""
    path = whole_path(text, field, "outputs")
    try:
        path = path.resolve(strict=True)
        with os.scandir(path):
            pass
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidRequest(f"There is no folder {path}.", field=field, hint="Check its spelling.") from None
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"{path} can't be looked into: {reason}.", field=field, hint="Check its rights.") from None
    return path


def walk(root: Path, without: Collection[Path] = ()) -> Iterator[Found]:
    """All files below `root` that may be pictures, folder by folder in the order of names. without: folders that are passed over.

    Raises OSError where `root` itself can't be read; folders in it that can't be are passed over.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if folder == root:
                raise
            continue
        waiting += [Path(entry.path) for entry in reversed(listed) if _is_folder(entry) and Path(entry.path) not in without]
        for entry in listed:
            found = _found(root, entry)
            if found is not None:
                yield found


def look_at(root: Path, path: Path) -> Found | None:
    """One file below `root`, as `walk` would find it; None where it wouldn't."""
    parts = path.relative_to(root).parts
    if any(_is_left_out(part) for part in parts[:-1]) or not _may_be_picture(path.name):
        return None
    try:
        # A link on the way would lead elsewhere.
        if path.resolve(strict=True) != path:
            return None
        facts = path.stat()
    except (OSError, RuntimeError):
        return None
    return Found(PurePath(*parts).as_posix(), facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return not _is_left_out(entry.name) and entry.is_dir(follow_symlinks=False)


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.casefold() in LEFT_OUT


def _may_be_picture(name: str) -> bool:
    return not name.startswith(".") and PurePath(name).suffix.casefold() in SUFFIXES and storable(name) == name


def _found(root: Path, entry: os.DirEntry[str]) -> Found | None:
    if not _may_be_picture(entry.name):
        return None
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    path = Path(entry.path).relative_to(root).as_posix()
    return Found(path, facts.st_size, facts.st_mtime_ns) if storable(path) == path else None

"""Writing files so that a crash or power loss leaves the old file or the new one, never a half."""

from __future__ import annotations

import glob
import os
import threading
from pathlib import Path

PART_SUFFIX = ".part"


def write_durably(path: Path, data: bytes) -> None:
    """Write `data` to `path`: into a .part file beside it, flushed to disk, then renamed over.

    Missing folders are made. Raises OSError (a full disk among them); then no .part file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer: two may make the same file at once, and the last one stays.
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART_SUFFIX}")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def clear_parts(path: Path) -> None:
    """Remove what writers of `path` that were killed have left."""
    for part in path.parent.glob(f"{glob.escape(path.name)}.*{PART_SUFFIX}"):
        part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have a file that another library wrote flushed to disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # The rename itself lives in the folder; Windows has no handle to flush for that.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

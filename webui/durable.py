"""Writing files so that a crash or power loss leaves the old file or the new one, never a half."""

from __future__ import annotations

import errno
import glob
import os
import threading
from pathlib import Path

PART_SUFFIX = ".part"


def write_durably(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write `data` to `path`: into a .part file beside it, flushed to disk, then renamed over.

    Missing folders are made. replace=False: raises FileExistsError when there is a file by that name, whoever made it
    and however late. Raises OSError (a full disk among them). After an error no .part file is left.
    """
    _make_folder(path.parent)
    # A name of its own for each writer: two may make the same file at once, and the last one stays.
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART_SUFFIX}")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            part.replace(path)
        else:
            _name_file(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def rename_to_new(part: Path, path: Path) -> None:
    """Give a file or folder that is already flushed its name. Raises FileExistsError when that is taken, however late; else OSError."""
    if part.is_dir():
        # A folder is never renamed over one with something in it, and an empty one nobody misses.
        if path.exists():
            raise FileExistsError(errno.EEXIST, "There is something by that name already", str(path))
        part.rename(path)
    else:
        _name_file(part, path)
    _sync_folder(path.parent)


def clear_parts(path: Path) -> None:
    """Remove what writers of `path` that were killed have left."""
    for part in path.parent.glob(f"{glob.escape(path.name)}.*{PART_SUFFIX}"):
        part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have a file that another library wrote flushed to disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        # Else it would look as if the file itself were taken, and another name for it would help.
        raise NotADirectoryError(errno.ENOTDIR, "A file stands where a folder is needed", str(folder)) from None


def _name_file(part: Path, path: Path) -> None:
    if os.name == "nt":
        # Windows' own rename refuses a name that is taken.
        part.rename(path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        _rename_over_own_placeholder(part, path)
    else:
        part.unlink()


def _rename_over_own_placeholder(part: Path, path: Path) -> None:
    # For file systems without links (FAT, some network shares): whoever makes the empty file owns the name.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        part.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    # The rename itself lives in the folder; Windows has no handle to flush for that.
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

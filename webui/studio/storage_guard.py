"""Writes that must not be lost: held back while the disk is full or the database is busy, and done as soon as it goes."""

from __future__ import annotations

import errno
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from webui.errors import DatabaseBusy, DataUnusable, DiskFull
from webui.studio.notices import Notice, NoticeBoard

log = logging.getLogger(__name__)

STORAGE_NOTICE = "storage"
AGAIN_SECONDS = 2.0
"""Pause between two tries."""

_GOES_ON = "The queue waits and goes on by itself; nothing is lost."
_HOPELESS = {errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""What waiting can't cure: the name itself is the trouble."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_Result = TypeVar("_Result")


class Closing(Exception):
    """Easel ends while a write was held back; what it was for is done again at the next start."""


class StorageGuard:
    """Stands between the dispatcher and the disk. May be used from any thread."""

    def __init__(self, notices: NoticeBoard, pictures_dir: Path, closing: threading.Event) -> None:
        self._notices = notices
        self._pictures_dir = pictures_dir
        self._closing = closing

    def insist(self, write: Callable[[], _Result]) -> _Result:
        """Run `write`, again and again where it fails for a reason that passes, with a notice meanwhile.

        Raises Closing when Easel ends first, and what `write` raises for a reason that waiting can't cure.
        """
        held = False
        while True:
            try:
                result = write()
            except (OSError, DataUnusable) as problem:
                if isinstance(problem, OSError) and problem.errno in _HOPELESS:
                    raise
                notice = _notice_of(problem)
                if not held:
                    log.warning("%s %s", notice.message, notice.hint)
                held = True
                self._notices.put(notice)
                if self._closing.wait(AGAIN_SECONDS):
                    raise Closing from problem
            else:
                if held:
                    log.info("What was held back is written now.")
                    self._notices.take_down(STORAGE_NOTICE)
                return result

    def has_room(self, reserve_mb: int) -> bool:
        """Whether more than the reserve is free where pictures go; puts up and takes down the notice about it."""
        folder = next(path for path in (self._pictures_dir, *self._pictures_dir.parents) if path.exists())
        free = shutil.disk_usage(folder).free // 1024**2
        if free >= reserve_mb:
            self._notices.take_down(STORAGE_NOTICE)
            return True
        self._notices.put(
            Notice(
                STORAGE_NOTICE,
                f"The disk is almost full: {free:,} MB are left where pictures go, and {reserve_mb:,} MB are kept free.",
                f"Make room, or lower the disk reserve in Settings. {_GOES_ON}",
            )
        )
        return False


def _notice_of(problem: OSError | DataUnusable) -> Notice:
    if isinstance(problem, DiskFull) or (isinstance(problem, OSError) and problem.errno in _NO_ROOM):
        return Notice(STORAGE_NOTICE, "The disk is full.", f"Make room. {_GOES_ON}")
    if isinstance(problem, DatabaseBusy):
        return Notice(STORAGE_NOTICE, "Another program holds the database.", f"End it. {_GOES_ON}")
    if isinstance(problem, DataUnusable):
        return Notice(STORAGE_NOTICE, problem.message, f"{problem.hint} {_GOES_ON}")
    return Notice(STORAGE_NOTICE, f"Pictures can't be saved: {problem.strerror or problem}.", f"Check the pictures folder. {_GOES_ON}")

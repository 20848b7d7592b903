"""Tells when something below the model folders changes: by the system's own notices, else by looking from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

log = logging.getLogger(__name__)

_ROUND_MILLISECONDS = 10_000
"""So often it is looked for folders that have come or gone, and changes are looked for where the system gives no notice."""


class _Visible(DefaultFilter):
    """Everything but hidden files and folders."""

    ignore_dirs: Sequence[str] = ()

    def __call__(self, change: Change, path: str) -> bool:
        return not Path(path).name.startswith(".")


def watch_folders(folders: Callable[[], Sequence[Path]], stop: threading.Event, changed: Callable[[], object]) -> None:
    """Call `changed` after each change below `folders`, until `stop` is set. Folders may come and go."""
    # It tells of each burst, which says nothing to people.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    there = _topmost(folders())
    while not stop.is_set():
        try:
            _watch(there, folders, stop, changed)
        except (OSError, RuntimeError) as error:
            # Too many folders for the system's notices, or a network share that gives none.
            log.info("Model folders are looked at every %d s (%s).", _ROUND_MILLISECONDS // 1000, error)
            stop.wait(_ROUND_MILLISECONDS / 1000)
        if not stop.is_set():
            changed()
            there = _topmost(folders())


def _watch(there: Sequence[Path], folders: Callable[[], Sequence[Path]], stop: threading.Event, changed: Callable[[], object]) -> None:
    """Until other folders are there than these. Raises OSError or RuntimeError where the system gives no notices."""
    if not there:
        stop.wait(_ROUND_MILLISECONDS / 1000)
        return
    settled = False
    for burst in watch(
        *there,
        watch_filter=_Visible(),
        stop_event=stop,
        rust_timeout=_ROUND_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        # Once more after the beginning: what came between the last look and the first notice was told by nobody.
        if burst or not settled:
            changed()
        settled = settled or not burst
        if _topmost(folders()) != there:
            return


def _topmost(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Those that are there, without those that lie in another one of them."""
    there = sorted({path for path in folders if path.is_dir()})
    return tuple(path for path in there if not any(other != path and path.is_relative_to(other) for other in there))

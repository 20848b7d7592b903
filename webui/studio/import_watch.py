"""Tells which files come and change below watched folders: by the system's own notices, else by looking from time to time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

log = logging.getLogger(__name__)

_ROUND_SECONDS = 10
"""So often it is looked for folders that have come or gone, such as those of a disk that is plugged in."""

_BREATH_MILLISECONDS = 1000


class _Visible(DefaultFilter):
    """Everything but what is deleted, and hidden files and folders."""

    ignore_dirs: Sequence[str] = ()

    def __call__(self, change: Change, path: str) -> bool:
        return change != Change.deleted and not Path(path).name.startswith(".")


class _Either:
    """Set as soon as one of several events is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)


def watch_trees(
    folders: Callable[[], Collection[Path]],
    stop: threading.Event,
    others: threading.Event,
    seen: Callable[[Iterable[Path]], object],
    look_again: Callable[[Collection[Path]], object],
) -> None:
    """Call `seen` with what comes or changes below `folders`, until `stop` is set. others: set when they are other folders now.

    look_again: called with the folders that were not watched for a while.
    """
    # It tells of each burst, which says nothing to people.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    before: set[Path] = set()
    while not stop.is_set():
        others.clear()
        there = {folder for folder in folders() if folder.is_dir()}
        try:
            if there:
                _watch(there, folders, _Either(stop, others), seen, lambda new=there - before: look_again(new))
            else:
                others.wait(_ROUND_SECONDS)
        except (OSError, RuntimeError) as error:
            # Too many folders for the system's notices, or a network share that gives none.
            log.info("Imported folders are looked at every %d s (%s).", _ROUND_SECONDS, error)
            others.wait(_ROUND_SECONDS)
            look_again(there)
        before = there


def _watch(
    there: Collection[Path],
    folders: Callable[[], Collection[Path]],
    until: _Either,
    seen: Callable[[Iterable[Path]], object],
    begun: Callable[[], object],
) -> None:
    """Until other folders are there than these. Raises OSError or RuntimeError where the system gives no notices."""
    quiet = 0
    for burst in watch(
        *there,
        watch_filter=_Visible(),
        stop_event=until,
        rust_timeout=_BREATH_MILLISECONDS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        if burst:
            seen({Path(path) for _, path in burst})
            continue
        quiet += 1
        if quiet == 1:
            # What came between the last look and the first notice was told by nobody.
            begun()
        elif quiet % _ROUND_SECONDS == 0 and {folder for folder in folders() if folder.is_dir()} != set(there):
            return

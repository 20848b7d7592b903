"""Watches the folders of linked add-ons, and the store that other processes install into."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from webui.errors import EaselError
from webui.extensions.install.store import Store
from webui.extensions.install.trial import stamp_of
from webui.extensions.states import States

log = logging.getLogger(__name__)

_STEP_MS = 200
_SOURCES = (".py", ".toml", ".js", ".css", ".json", ".txt", ".yaml")


class LinkedAddOns:
    """reload: loads one anew, whose author has saved a file. taken_up: what is installed is other than before, by whichever process."""

    def __init__(self, store: Store, states: States, reload: Callable[[str], None], taken_up: Callable[[], None]) -> None:
        self._store = store
        self._states = states
        self._reload = reload
        self._taken_up = taken_up
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="linked add-ons", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _watch(self) -> None:
        from watchfiles import watch

        while not self._closed.is_set():
            linked = {one.folder: one.id for one in self._store.read().add_ons.values() if one.linked and Path(one.folder).is_dir()}
            # The store itself too: another process (the command line) may install, and folders may be linked meanwhile.
            places = [*linked, str(self._store.folder)]
            known = self._lock_stamp()
            self._reload_changed(linked)
            try:
                for changes in watch(
                    *places,
                    watch_filter=None,
                    stop_event=self._closed,
                    step=_STEP_MS,
                    rust_timeout=2000,
                    yield_on_timeout=True,
                    ignore_permission_denied=True,
                    recursive=True,
                ):
                    if self._lock_stamp() != known:
                        with suppress(EaselError):
                            self._taken_up()
                        break
                    # What is told is only a hint: a file may have been saved before the watch began.
                    if not changes or any(_is_source(path, root) for _, path in changes for root in linked):
                        self._reload_changed(linked)
            except (OSError, RuntimeError) as error:
                log.warning("Linked add-ons can't be watched: %s", error)
                self._closed.wait(5)

    def _reload_changed(self, linked: Mapping[str, str]) -> None:
        for folder, name in linked.items():
            state = self._states.of(name)
            if state.off in ("", "trial") and state.proved != stamp_of(Path(folder)) and not self._closed.is_set():
                with suppress(EaselError):
                    self._reload(name)

    def _lock_stamp(self) -> tuple[int, int]:
        try:
            found = (self._store.folder / "lock.json").stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)


def _is_source(path: str, root: str) -> bool:
    inside = Path(path)
    if not inside.is_relative_to(root) or {"__pycache__", ".git"} & set(inside.parts):
        return False
    return inside.suffix in _SOURCES

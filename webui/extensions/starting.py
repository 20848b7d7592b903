"""Which add-ons a start loads: not those that are off, not those that ended the start before, and none where starts keep crashing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from webui.errors import EaselError
from webui.extensions.install.store import Store
from webui.extensions.install.trial import run_trial, stamp_of
from webui.extensions.manifest import Manifest, Side, read_manifest
from webui.extensions.states import CRASHED_STARTS, Marker, States, WorkerNotes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """What one start loads. safe: why it loads none ("" otherwise): settings, asked, crashed. site: the folder of packages."""

    store: Store
    states: States
    folders: tuple[Path, ...] = ()
    site: Path | None = None
    safe: str = ""

    @property
    def marker(self) -> Marker:
        """Names the add-on that is being loaded in the web process."""
        return marker_of(self.states)

    @property
    def in_worker(self) -> tuple[Path, ...]:
        """The folders of those that have a part in the engine."""
        return with_side(self.folders, "worker")

    @property
    def notes(self) -> Path:
        """Where workers leave what they know of add-ons."""
        return self.states.folder


def with_side(folders: Sequence[Path], side: Side) -> tuple[Path, ...]:
    """Those whose manifest names a module of that side."""
    found = []
    for folder in folders:
        with suppress(EaselError):
            if side in read_manifest(folder).modules:
                found.append(folder)
    return tuple(found)


def marker_of(states: States) -> Marker:
    """Of the web process."""
    return Marker(states.folder / "loading-web")


def begin(data_dir: Path, roots: Sequence[Path], safe_mode: bool) -> Start:
    """A start begins: see who ended the one before, try what is new or changed, and choose."""
    store, states = Store(data_dir, roots), States(data_dir)
    store.folder.mkdir(parents=True, exist_ok=True)
    crashed = states.begin()
    _note_who_ended(states)
    store.tidy()
    safe = "settings" if safe_mode else "asked" if states.safe else "crashed" if crashed >= CRASHED_STARTS else ""
    if safe:
        log.warning("Easel starts without add-ons (%s)", safe)
        return Start(store, states, safe=safe)
    site = store.site_of(store.read())
    return Start(store, states, tuple(chosen(store, states, site)), site)


def chosen(store: Store, states: States, site: Path | None) -> list[Path]:
    """The folders of the add-ons that are loaded: what is new or changed passes its trial first."""
    found = []
    for folder in store.folders():
        try:
            manifest = read_manifest(folder)
        except EaselError:
            found.append(folder)  # whoever loads it says what is wrong with it
            continue
        if states.of(manifest.id).off in ("", "trial") and passes(store, states, manifest, site):
            found.append(folder)
    return found


def passes(store: Store, states: States, manifest: Manifest, site: Path | None) -> bool:
    """Whether an add-on may be loaded: it comes with Easel, or is as it was when it passed its trial, or passes it now."""
    if store.comes_with_easel(manifest):
        return True
    stamp = stamp_of(manifest.folder)
    state = states.of(manifest.id)
    if state.proved == stamp:
        return state.off != "trial"
    trial = run_trial(manifest, site)
    failure = trial.failure
    if failure is None:
        states.change(manifest.id, proved=stamp, off="", fault=None, start_ms=dict(trial.milliseconds))
        return True
    log.warning("The add-on %s did not pass its trial: %s", manifest.id, failure.message)
    # Noted, so that the same files aren't tried again at each start.
    states.change(manifest.id, proved=stamp)
    states.note_fault(manifest.id, f"import ({failure.side})", failure.message, failure.details, off="trial")
    return False


def _note_who_ended(states: States) -> None:
    ended = marker_of(states).left_behind()
    if ended is not None:
        states.note_fault(ended, "import (web)", "it ended Easel while it was being loaded", "", off="crash")
    for name in WorkerNotes(states.folder).crashed():
        if states.of(name).off == "":
            states.note_fault(name, "import (worker)", "it ended the engine while it was being loaded", "", off="crash")

"""What page, API and command line do with add-ons of a running Easel: look, install, switch, go back."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from webui.catalog.header import readable
from webui.errors import Conflict, EaselError, NotAllowed, NotFound
from webui.extensions.calling import Fault
from webui.extensions.hookspecs import HOOKS
from webui.extensions.install.indexes import Indexes
from webui.extensions.install.staging import Stager, readme_of
from webui.extensions.install.store import Installed, Store
from webui.extensions.manifest import Manifest, in_order, read_manifest
from webui.extensions.starting import Start, chosen, passes, with_side
from webui.extensions.states import LastFault, States, WorkerNotes
from webui.logs import LOG_FILE, LOG_FOLDER
from webui.people import HOUSEHOLD, Person
from webui.studio.notices import Notice
from webui.studio.studio import Studio
from webui.workshop.extension_search import BrokenAddOnSearch
from webui.workshop.extension_stages import Stages
from webui.workshop.linked_add_ons import LinkedAddOns

log = logging.getLogger(__name__)

REMOTE_COMMAND = "python launch.py extension install ADDRESS"
"""What works where the page may not."""

RESTART_HOOKS = ("routes", "gradio_tab", "assets")
"""Hooks that the page is built with: an add-on that has one of them comes and goes with a restart."""

_SAFE_CODE = "safe_mode"
_SAFE_WORDS = {
    "settings": ("Safe mode: no add-ons are loaded.", "Start without --safe-mode (or the setting safe_mode) to have them again."),
    "asked": ("Safe mode: no add-ons are loaded.", "Switch it off under Extensions."),
    "crashed": (
        "Easel ended twice in a row while it was starting, so it started without add-ons.",
        "Switch off the newest one under Extensions, then end safe mode there.",
    ),
}
_LOG_BYTES = 400_000
_LOG_LINES = 120


class ExtensionDesk:
    """The add-ons of one running studio. May be used from any thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        data_dir = studio.preferences.current.data_dir
        start = studio.extensions.start or Start(Store(data_dir), States(data_dir))
        self._start = start
        self.store, self.states = start.store, start.states
        self.stager = Stager(self.store, self.states)
        self.indexes = Indexes(self.store)
        self._notes = WorkerNotes(self.states.folder)
        self._lock = threading.RLock()
        self.stages = Stages(self.stager, self.indexes, studio.events, self._changed)
        self.search = BrokenAddOnSearch(studio, self._apply, self._forgive, self._changed)
        self._linked = LinkedAddOns(self.store, self.states, self.reload, self._apply)
        self._newer: dict[str, str] = {}
        self._restart: set[str] = set()
        self._safe = start.safe
        self.on_restart: Callable[[], None] | None = None
        """Ends the server so that it starts anew; None where nobody does that."""
        self.restart_wanted = False

    def start(self) -> None:
        """The start has arrived: nothing that was loaded ended it."""
        self.states.arrived()
        self._studio.extensions.switched_off = self._struck
        if self._safe:
            message, hint = _SAFE_WORDS[self._safe]
            self._studio.notices.put(Notice(_SAFE_CODE, message, hint, "bad" if self._safe == "crashed" else "wait"))
        self._linked.start()

    def close(self) -> None:
        """Stop watching; what is being fetched is given up."""
        self._linked.close()
        self.search.close()
        self.stages.close()

    # looking

    def view(self) -> dict[str, Any]:
        """All add-ons, and what goes for all of them."""
        with self._lock:
            self._take_worker_notes()
            items = [self._row(folder, installed) for folder, installed in self.store.folders().items()]
        items.sort(key=lambda row: (row["origin"] != "built-in", row["title"].lower()))
        return {
            "items": items,
            "safe_mode": self._safe or None,
            "start_ms": round(sum(sum(row["start_ms"].values()) for row in items), 1),
            "needs_restart": sorted(self._restart),
            "can_restart": self.on_restart is not None,
            "problem": self.store.problem or None,
            "search": self.search.view(),
            "stages": self.stages.open(),
            "indexes": self.indexes.all(),
            "removed": sorted(self.store.read().removed),
        }

    def details(self, identifier: str) -> dict[str, Any]:
        """All about one add-on. Raises NotFound."""
        folder, installed = self._find(identifier)
        row = self._row(folder, installed)
        return {
            **row,
            "path": readable(str(folder)),
            "readme": readme_of(folder)[:40_000],
            "log": self._log_of(identifier),
            "hooks": self._hooks_of(identifier),
            "earlier": [{"version": one.version, "commit": one.commit} for one in (installed.earlier if installed else ())],
            "tree_sha256": installed.tree if installed else "",
        }

    def _row(self, folder: Path, installed: Installed | None) -> dict[str, Any]:
        try:
            manifest, problem = read_manifest(folder), ""
        except EaselError as error:
            manifest, problem = Manifest(installed.id if installed else folder.name, "", folder), str(error)
        built_in = self.store.comes_with_easel(manifest)
        state = self.states.of(manifest.id)
        loader = self._studio.extensions.loader("web")
        failure = loader.failure(manifest.id) or loader.failure(folder.name)
        fault = self._last_fault(manifest.id, failure) or state.fault
        web = loader.seconds.get(manifest.id)
        start_ms = {**state.start_ms, **({"web": web * 1000} if web is not None else {})}
        return {
            "id": manifest.id,
            "title": manifest.name,
            "description": manifest.description,
            "icon": manifest.icon,
            "version": manifest.version,
            "origin": "built-in" if built_in else "linked" if installed and installed.linked else "installed" if installed else "by hand",
            "source": _source_words(folder, installed, built_in),
            "commit": installed.commit if installed else "",
            "state": self._state_words(manifest, state.off, problem, failure),
            "off": state.off or None,
            "enabled": state.off == "",
            "problem": problem or None,
            "fault": None if fault is None else vars(fault),
            "permissions": [{"title": title, "text": text} for title, text in manifest.asks()],
            "start_ms": {side: round(ms, 1) for side, ms in start_ms.items() if side in manifest.modules},
            "job_ms": self._job_ms(manifest.id),
            "newer": self._newer.get(manifest.id),
            "rolls_back_to": installed.earlier[0].version if installed and installed.earlier else None,
            "removable": installed is not None,
            "needs_restart": manifest.id in self._restart,
            "homepage": manifest.homepage,
            "licence": manifest.licence,
            "requires": list(manifest.requires),
        }

    def _state_words(self, manifest: Manifest, off: str, problem: str, failure: Fault | None) -> str:
        if problem or (failure is not None and not off):
            return "failed"
        if off:
            return "off"
        if self._safe:
            return "safe mode"
        return "on" if self.search.allows(manifest.id) else "off for the search"

    def _last_fault(self, identifier: str, failure: Fault | None) -> LastFault | None:
        fault = failure or self._studio.extensions.last_fault(identifier)
        return None if fault is None else LastFault(fault.hook, fault.message, fault.details)

    def _job_ms(self, identifier: str) -> float | None:
        """Milliseconds a job, over all hooks that are called in jobs, in both processes."""
        seconds = self._studio.extensions.seconds_a_job(identifier)
        return None if seconds is None else round(seconds * 1000, 2)

    def _hooks_of(self, identifier: str) -> list[str]:
        caller = self._studio.extensions
        return [hook for hook in HOOKS if identifier in caller.extensions_with(hook)]

    def _log_of(self, identifier: str) -> list[str]:
        path = self._studio.preferences.current.data_dir / LOG_FOLDER / LOG_FILE
        try:
            with open(path, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _LOG_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []
        return [readable(line)[:400] for line in lines if identifier in line][-_LOG_LINES:]

    def _find(self, identifier: str) -> tuple[Path, Installed | None]:
        for folder, installed in self.store.folders().items():
            name = installed.id if installed else folder.name
            with suppress(EaselError):
                name = read_manifest(folder).id
            if name == identifier:
                return folder, installed
        raise NotFound(f"There is no add-on {identifier[:80]!a}.", hint="Look at the list again.")

    # installing and switching

    def install(self, stage_id: str) -> dict[str, Any]:
        """Its user has seen what it is and wants it. Raises NotFound, Conflict."""
        stage, staged = self.stages.ready(stage_id)
        self.search.refuse_while_searching()
        installed = self.stager.install(staged)
        stage.state, stage.add_on = "installed", installed.id
        self._newer.pop(installed.id, None)
        self._forgive(installed.id)
        self._apply(again=installed.id)
        stage.needs_restart = installed.id in self._restart
        return stage.view()

    def enable(self, identifier: str) -> None:
        """Switch it on again; what it did is forgiven. Raises NotFound, Conflict."""
        self.search.refuse_while_searching()
        self._find(identifier)
        self.states.change(identifier, off="", fault=None, proved="")
        self._forgive(identifier)
        self._apply(again=identifier)

    def disable(self, identifier: str) -> None:
        """Switch it off. Raises NotFound, Conflict."""
        self.search.refuse_while_searching()
        self._find(identifier)
        self.states.change(identifier, off="user")
        self._apply()

    def remove(self, identifier: str) -> None:
        """Take it out; until the next start it can be brought back. Raises NotFound, Conflict."""
        self.search.refuse_while_searching()
        self.store.take_out(identifier)
        self._newer.pop(identifier, None)
        self._apply()

    def bring_back(self, identifier: str) -> None:
        """Undo a removal. Raises NotFound."""
        self.store.bring_back(identifier)
        self._apply()

    def roll_back(self, identifier: str) -> None:
        """Go back to the version before. Raises NotFound, Conflict."""
        self.search.refuse_while_searching()
        self.stager.roll_back(identifier, lambda _words: None)
        self._forgive(identifier)
        self._newer.pop(identifier, None)
        self._apply(again=identifier)

    def check_updates(self) -> dict[str, Any]:
        """Ask each source whether there is something newer. Nothing is fetched. Returns what could not be asked: id -> why."""
        problems = {}
        for installed in self.store.read().add_ons.values():
            try:
                newer = self.stager.newer(installed, lambda _words: None)
            except EaselError as error:
                problems[installed.id] = str(error)
                continue
            self._newer.pop(installed.id, None)
            if newer is not None:
                self._newer[installed.id] = newer[:10] if installed.source.kind == "git" else newer
        self._changed()
        return {"newer": dict(self._newer), "problems": problems}

    def set_safe_mode(self, wanted: bool) -> None:
        """No add-ons from now on, and at the next starts; or all of them again."""
        self.search.refuse_while_searching()
        self.states.safe = wanted
        self._safe = "asked" if wanted else ""
        if wanted:
            message, hint = _SAFE_WORDS["asked"]
            self._studio.notices.put(Notice(_SAFE_CODE, message, hint, "wait"))
        else:
            self._studio.notices.take_down(_SAFE_CODE)
        self._apply()

    def restart(self) -> None:
        """Start Easel anew, with the add-ons as they are now. Raises Conflict where it can't."""
        if self.on_restart is None:
            raise Conflict("This Easel can't restart itself.", hint="End it and start it again.")
        self.restart_wanted = True
        self.on_restart()

    def refuse_remote(self, person: Person) -> None:
        """Raises NotAllowed where whoever asks may be anybody: Easel listens beyond this machine, and nobody has to log in."""
        settings = self._studio.preferences.current
        if person == HOUSEHOLD and not settings.this_machine_only:
            raise NotAllowed(
                "Easel can be reached from other machines and nobody has to log in, so add-ons can't be changed from the page.",
                hint=f"On its own machine, run: {REMOTE_COMMAND}   Or make accounts: python launch.py people add NAME",
                code="install_disabled_remote",
            )

    def begin_search(self, image: str | None) -> dict[str, Any]:
        """Look for the add-on that breaks something. image: a picture that is made again at each try; without one, a person says.

        Raises Conflict where there is nothing to search, NotFound for a picture that isn't there.
        """
        self.search.refuse_while_searching()
        if self._safe:
            raise Conflict("In safe mode no add-on is loaded, so none can be found.", hint="End safe mode first.")
        return self.search.begin(image, [_id_of(folder) for folder in self._wanted()])

    # making it so

    def _wanted(self) -> list[Path]:
        if self._safe:
            return []
        site = self.store.site_of(self.store.read())
        return [folder for folder in chosen(self.store, self.states, site) if self.search.allows(_id_of(folder))]

    def _apply(self, again: str = "") -> None:
        """Load and unload until what is loaded is what is wanted. again: one whose files may be others under the same name."""
        from webui.extensions.loading import use_site

        with self._lock:
            site = self.store.site_of(self.store.read())
            use_site(site)
            wanted = self._wanted()
            loader = self._studio.extensions.loader("web")
            manifests = {}
            for folder in wanted:
                with suppress(EaselError):
                    manifest = read_manifest(folder)
                    manifests[manifest.id] = manifest
            for name, manifest in list(loader.manifests.items()):
                if name == again or name not in manifests or manifests[name].folder != manifest.folder:
                    self._note_restart(name)
                    self._tell(name, "stopping")
                    loader.unload(name)
            loader.marker = self._start.marker
            for name, manifest in manifests.items():
                if name not in loader.manifests and "web" in manifest.modules and loader.load_one(manifest):
                    self._note_restart(name)
                    self._tell(name, "started")
            # One that comes late is called where it would be after a start.
            self._studio.extensions.arrange([manifest.id for manifest in in_order(manifests.values())])
            self._studio.use_add_ons(with_side(wanted, "worker"), site)
            if again and again in manifests and "worker" in manifests[again].modules:
                self._studio.renew_workers()
        self._changed()

    def _forgive(self, identifier: str) -> None:
        """What it did, in either process: another version, or another chance, begins with no strikes."""
        self._notes.forgive(identifier)
        self._studio.extensions.switch_on(identifier)

    def _tell(self, name: str, hook: str) -> None:
        if name in self._studio.extensions.extensions_with(hook):
            self._studio.extensions.tell(name, hook, easel=self._studio.easel(name))

    def _note_restart(self, name: str) -> None:
        """Hooks that the page is built with take a restart, on the way in and on the way out."""
        if any(name in self._studio.extensions.extensions_with(hook) for hook in RESTART_HOOKS):
            self._restart.add(name)

    def _struck(self, identifier: str, fault: Fault) -> None:
        if self.search.goes_on:
            return
        self.states.note_fault(identifier, fault.hook, fault.message, fault.details, off="strikes")
        self._studio.use_add_ons(with_side(self._wanted(), "worker"), self.store.site_of(self.store.read()))
        self._changed()

    def _take_worker_notes(self) -> None:
        seconds, failed = self._notes.told()
        for name, took in seconds.items():
            state = self.states.of(name)
            if round(state.start_ms.get("worker", 0)) != round(took * 1000):
                self.states.change(name, start_ms={**state.start_ms, "worker": took * 1000})
        for name, (message, details) in failed.items():
            state = self.states.of(name)
            if state.fault is None or state.fault.message != message:
                self.states.note_fault(name, "import (worker)", message, details)
        for name in self._notes.crashed():
            if self.states.of(name).off == "":
                self.states.note_fault(name, "import (worker)", "it ended the engine while it was being loaded", "", off="crash")

    def _changed(self) -> None:
        self._studio.events.publish("extensions")

    def reload(self, identifier: str) -> None:
        """Load a linked add-on anew: its author has saved a file. One that doesn't pass is told, and off until the next change."""
        with self._lock:
            folder, _ = self._find(identifier)
            if self.states.of(identifier).off not in ("", "trial"):
                return
            self.states.change(identifier, off="")
            try:
                passed = passes(self.store, self.states, read_manifest(folder), self.store.site_of(self.store.read()))
            except EaselError as error:
                self.states.note_fault(identifier, "pyproject.toml", str(error), "")
                passed = False
            log.info("The add-on %s was changed: %s", identifier, "it is loaded anew" if passed else "it can't be loaded")
            self._apply(again=identifier)


def _id_of(folder: Path) -> str:
    try:
        return read_manifest(folder).id
    except EaselError:
        return folder.name


def _source_words(folder: Path, installed: Installed | None, built_in: bool) -> str:
    if built_in:
        return "Built in"
    if installed is None:
        return f"Put there by hand: {readable(str(folder))}"
    if installed.linked:
        return f"Linked: {readable(installed.folder)}"
    if installed.source.kind == "git":
        return f"{installed.source} @ {installed.commit[:7]}"
    if installed.source.kind == "zip":
        return f"{Path(installed.source.address).name}, sha256 {installed.file[:8]}…"
    return f"{installed.source.address} (package index)" if installed.source.kind == "pypi" else readable(str(installed.source))

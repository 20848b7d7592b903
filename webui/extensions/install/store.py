"""Where installed add-ons are kept: versions side by side, packages in one folder, and a lock file that names what counts.

The lock file is the only truth, written in one rename: before it the old state counts, after it the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, EaselError, NotFound
from webui.extensions.install.resolver import Package
from webui.extensions.install.sources import Source
from webui.extensions.loading import add_on_folders
from webui.extensions.manifest import Manifest, in_order, read_manifest
from webui.extensions.states import FOLDER

LOCK_FILE = "lock.json"
_VERSION = 1
_EARLIER_KEPT = 3
_LOCK_SECONDS = 30.0


@dataclass(frozen=True)
class Installed:
    """One version of an add-on. folder: below the store, or a whole path where it is linked. commit: of git. tree: SHA-256 of its files.

    file: SHA-256 of the zip or wheel that it came in. earlier: versions before it, newest first.
    """

    id: str
    version: str
    folder: str
    source: Source
    tree: str = ""
    commit: str = ""
    file: str = ""
    requires: tuple[str, ...] = ()
    installed_at: str = ""
    earlier: tuple[Installed, ...] = ()

    @property
    def linked(self) -> bool:
        """Whether it is used where its author works on it."""
        return self.source.kind == "folder" and Path(self.folder).is_absolute()


@dataclass(frozen=True)
class Lock:
    """What is installed. site: name of the folder of packages, "" for none. removed: what can be brought back until the next start."""

    add_ons: dict[str, Installed] = field(default_factory=dict)
    site: str = ""
    packages: tuple[Package, ...] = ()
    removed: dict[str, Installed] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    """Lists of add-ons that the user has added: addresses or paths."""


class Store:
    """The installed add-ons of a data folder. May be used from any thread; several processes take turns."""

    def __init__(self, data_dir: Path, roots: Sequence[Path] = ()) -> None:
        """roots: folders of add-ons that nobody installed: those that come with Easel, and those put there by hand."""
        self.folder = data_dir / FOLDER
        self.roots = tuple(roots)
        self.wheelhouse = self.folder / "wheels"
        self.problem = ""
        """Why the lock file can't be used, if so."""
        self._threads = threading.RLock()
        # One object, which may be entered again by who holds it already.
        self._processes = FileLock(self.folder / "changing.lock", timeout=_LOCK_SECONDS, thread_local=False)

    # looking

    def read(self) -> Lock:
        """What is installed now. A lock file that can't be used reads as empty; `problem` says so."""
        path = self.folder / LOCK_FILE
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["version"] > _VERSION:
                raise ValueError("it was written by a newer Easel; update this one")
            lock = _lock(data)
        except FileNotFoundError:
            lock = Lock()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.problem = f"{path} can't be read: {' '.join(str(error).split())[:200]}"
            return Lock()
        self.problem = ""
        return lock

    def path_of(self, installed: Installed) -> Path:
        """Its folder."""
        return Path(installed.folder) if Path(installed.folder).is_absolute() else self.folder / "store" / installed.folder

    def site_of(self, lock: Lock) -> Path | None:
        """The folder of packages."""
        return self.folder / "sites" / lock.site if lock.site else None

    def folders(self) -> dict[Path, Installed | None]:
        """Every add-on folder there is; None for those that nobody installed."""
        found: dict[Path, Installed | None] = dict.fromkeys(add_on_folders(self.roots))
        return found | {self.path_of(installed): installed for installed in self.read().add_ons.values()}

    def manifests(self) -> list[Manifest]:
        """Of all add-ons whose manifest can be read, as they are ordered."""
        found = []
        for folder in self.folders():
            with suppress(EaselError):
                manifest = read_manifest(folder)
                found.append(manifest if self.comes_with_easel(manifest) or not manifest.built_in else replace(manifest, built_in=False))
        return in_order(found)

    def comes_with_easel(self, manifest: Manifest) -> bool:
        """Whether an add-on is built in: where it lies says so, too, since anybody can write that into a manifest."""
        return manifest.built_in and any(manifest.folder.is_relative_to(root) for root in self.roots)

    def get(self, identifier: str) -> Installed:
        """One that was installed. Raises NotFound."""
        found = self.read().add_ons.get(identifier)
        if found is None:
            raise NotFound(f"No add-on {identifier[:80]!a} was installed.", hint="Those that come with Easel can be switched off.")
        return found

    # changing

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A block in which nobody else changes what is installed. Raises Conflict where somebody does for too long."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._threads:
            try:
                with self._processes:
                    if self.problem or (self.read() and self.problem):
                        raise DataUnusable(f"{self.problem}.", hint="Mend that file, or move it away: then nothing is installed.")
                    yield
            except Timeout:
                raise Conflict("Another program is changing the add-ons just now.", hint="Wait for it, then try again.") from None

    def write(self, lock: Lock) -> None:
        """Make that what is installed, all at once."""
        data = {
            "version": _VERSION,
            "site": lock.site,
            "packages": [package.as_dict() for package in lock.packages],
            "add_ons": {name: _told(one) for name, one in sorted(lock.add_ons.items())},
            "removed": {name: _told(one) for name, one in sorted(lock.removed.items())},
            "indexes": list(lock.indexes),
        }
        write_durably(self.folder / LOCK_FILE, json.dumps(data, indent=1).encode())

    def put(self, newcomer: Installed, site: str, packages: Sequence[Package]) -> None:
        """An add-on is there, or there in another version. What it was before can be gone back to."""
        with self.changing():
            lock = self.read()
            before = lock.add_ons.get(newcomer.id)
            earlier = () if before is None else (replace(before, earlier=()), *before.earlier)
            kept = tuple(one for one in earlier if one.folder != newcomer.folder)[:_EARLIER_KEPT]
            entry = replace(newcomer, earlier=kept, installed_at=datetime.now(UTC).isoformat(timespec="seconds"))
            removed = {name: one for name, one in lock.removed.items() if name != newcomer.id}
            self.write(replace(lock, add_ons={**lock.add_ons, newcomer.id: entry}, removed=removed, site=site, packages=tuple(packages)))

    def take_out(self, identifier: str) -> Installed:
        """Remove an add-on; until the next start it can be brought back. Raises NotFound."""
        with self.changing():
            found = self.get(identifier)
            lock = self.read()
            left = {name: one for name, one in lock.add_ons.items() if name != identifier}
            self.write(replace(lock, add_ons=left, removed={**lock.removed, identifier: found}))
        return found

    def bring_back(self, identifier: str) -> Installed:
        """Undo a removal. Raises NotFound."""
        with self.changing():
            lock = self.read()
            found = lock.removed.get(identifier)
            if found is None or not self.path_of(found).is_dir() or identifier in lock.add_ons:
                raise NotFound("This add-on can't be brought back any more.", hint="Install it again.")
            left = {name: one for name, one in lock.removed.items() if name != identifier}
            self.write(replace(lock, add_ons={**lock.add_ons, identifier: found}, removed=left))
        return found

    def roll_back(self, identifier: str, site: str, packages: Sequence[Package]) -> Installed:
        """Go back to the version before. Raises NotFound, Conflict."""
        with self.changing():
            now, before = self.get(identifier), self.version_before(identifier)
            lock = self.read()
            entry = replace(before, earlier=now.earlier[1:], installed_at=datetime.now(UTC).isoformat(timespec="seconds"))
            self.write(replace(lock, add_ons={**lock.add_ons, identifier: entry}, site=site, packages=tuple(packages)))
        return entry

    def version_before(self, identifier: str) -> Installed:
        """What rolling back leads to. Raises NotFound, Conflict."""
        now = self.get(identifier)
        before = next(iter(now.earlier), None)
        if before is None or not self.path_of(before).is_dir():
            raise Conflict(f"There is no earlier version of {identifier}.", hint="Remove it, or install another version.")
        return before

    def set_indexes(self, indexes: Sequence[str]) -> None:
        """The lists of add-ons that the user has added."""
        with self.changing():
            self.write(replace(self.read(), indexes=tuple(indexes)))

    def touch(self) -> None:
        """Have a running Easel look again: something else than the lock was changed."""
        with self.changing():
            self.write(self.read())

    def tidy(self) -> None:
        """At a start: what nothing names any more goes. What was removed can't be brought back from then on."""
        if not (self.folder / LOCK_FILE).exists():
            shutil.rmtree(self.folder / "staging", ignore_errors=True)
            return
        with suppress(EaselError, OSError), self.changing():
            lock = self.read()
            if self.problem:
                return
            if lock.removed:
                lock = replace(lock, removed={})
                self.write(lock)
            versions = [one for add_on in lock.add_ons.values() for one in (add_on, *add_on.earlier)]
            kept = {self.path_of(one) for one in versions}
            for folder in self._below("store", depth=2):
                if folder not in kept:
                    shutil.rmtree(folder, ignore_errors=True)
            for folder in self._below("store", depth=1):
                with suppress(OSError):
                    folder.rmdir()  # of add-ons that are gone altogether
            for folder in self._below("sites", depth=1):
                if folder.name != lock.site:
                    shutil.rmtree(folder, ignore_errors=True)
            wheels = {package.file for package in lock.packages}
            for file in self.wheelhouse.glob("*"):
                if file.is_dir():
                    shutil.rmtree(file, ignore_errors=True)
                elif file.name not in wheels:
                    file.unlink(missing_ok=True)
            shutil.rmtree(self.folder / "staging", ignore_errors=True)

    def _below(self, name: str, depth: int) -> list[Path]:
        return [path for path in (self.folder / name).glob("/".join("*" * depth)) if path.is_dir()]


def _told(installed: Installed) -> dict[str, Any]:
    return {
        **{name: value for name, value in asdict(installed).items() if name not in ("source", "earlier")},
        "source": installed.source.as_dict(),
        "earlier": [_told(one) for one in installed.earlier],
    }


def _installed(data: dict[str, Any]) -> Installed:
    source = Source(**data["source"])
    folder = str(data["folder"])
    if source.kind != "folder" and (Path(folder).is_absolute() or ".." in Path(folder).parts):
        raise ValueError(f"{folder[:80]!a} is no folder of the store")
    return Installed(
        id=str(data["id"]),
        version=str(data["version"]),
        folder=folder,
        source=source,
        tree=str(data["tree"]),
        commit=str(data["commit"]),
        file=str(data["file"]),
        requires=tuple(data["requires"]),
        installed_at=str(data["installed_at"]),
        earlier=tuple(_installed(one) for one in data["earlier"]),
    )


def _lock(data: dict[str, Any]) -> Lock:
    site = str(data["site"])
    if os.path.basename(site) != site:  # noqa: PTH119 - it is a name, not a path
        raise ValueError(f"{site[:80]!a} is no folder of packages")
    return Lock(
        add_ons={name: _installed(one) for name, one in data["add_ons"].items()},
        site=site,
        packages=tuple(Package(**one) for one in data["packages"]),
        removed={name: _installed(one) for name, one in data["removed"].items()},
        indexes=tuple(str(one) for one in data["indexes"]),
    )

"""From folders to registered add-ons: manifests are read, modules imported under a marker, faults of either kept."""

from __future__ import annotations

import importlib
import importlib.abc
import logging
import sys
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from webui.extensions.calling import Fault, HookCaller
from webui.extensions.hookspecs import Side
from webui.extensions.manifest import MANIFEST, Manifest, in_order, read_manifest
from webui.extensions.states import Marker

log = logging.getLogger(__name__)

ENGINE_PACKAGES = frozenset({"torch", "diffusers", "transformers", "accelerate", "xformers", "torchvision"})
"""What the web process never imports: it would be up in half a minute instead of seconds, and hold the memory twice."""


class EngineInWebProcess(ImportError):
    """A web module that imports torch or what stands on it."""


def add_on_folders(roots: Sequence[Path]) -> list[Path]:
    """Every add-on folder under `roots`, in order of name."""
    return [folder for root in roots for folder in sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))]


def use_site(folder: Path | None) -> None:
    """Let packages of add-ons be found, after all of Easel's own: nothing in there can stand in for those."""
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()


class Loader:
    """Loads add-ons into a caller. marker: names the one being loaded, should it end the process."""

    def __init__(self, caller: HookCaller, side: Side, marker: Marker | None = None) -> None:
        self._caller = caller
        self._side: Side = side
        self.marker = marker
        self.manifests: dict[str, Manifest] = {}
        """Of what was loaded, by id."""
        self.seconds: dict[str, float] = {}
        """How long loading each took."""
        self._failed: dict[str, Fault] = {}

    def load(self, roots: Sequence[Path]) -> None:
        """Load every add-on folder under `roots` that has a module for this side."""
        self.load_folders(add_on_folders(roots))

    def load_folders(self, folders: Sequence[Path], without: Set[str] = frozenset()) -> None:
        """Load these add-ons, in order of name and as they ask to stand before and after each other; none of the ids in `without`."""
        manifests = []
        for folder in folders:
            started = time.monotonic()
            try:
                manifests.append(read_manifest(folder))
            except Exception as error:  # noqa: BLE001 - told with the others that could not be loaded
                self._fail(folder.name, error, started)
        for manifest in in_order(manifests):
            if manifest.id not in without:
                self.load_one(manifest)

    def load_folder(self, folder: Path) -> None:
        """Load one add-on if it has a module for this side; a failure is recorded."""
        self.load_folders([folder])

    def load_one(self, manifest: Manifest) -> bool:
        """Load one add-on if it has a module for this side; a failure is recorded. False where that failed."""
        started = time.monotonic()
        name, module_name = manifest.id, manifest.modules.get(self._side)
        self._failed.pop(name, None)
        if module_name is None:
            return True
        try:
            if name in self._caller.names():
                raise ImportError(f"there is an add-on {name} already")
            around: AbstractContextManager[Any] = self.marker.around(name) if self.marker else nullcontext()
            with around, _without_engine(self._side):
                module = _imported(manifest, module_name)
                self._caller.register(module, name, self._side)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything, and must not take Easel down
            self._fail(name, error, started)
            return False
        self.manifests[name] = manifest
        self.seconds[name] = time.monotonic() - started
        return True

    def unload(self, name: str) -> None:
        """Take an add-on out, with its modules, so that it can be loaded anew. One that isn't there stays so."""
        self._caller.unregister(name)
        self._failed.pop(name, None)
        manifest = self.manifests.pop(name, None)
        if manifest is None:
            return
        folder = str(manifest.folder.resolve())
        for module, found in list(sys.modules.items()):
            if _lies_in(found, folder):
                del sys.modules[module]
        root = str(manifest.root)
        if root in sys.path and all(other.root != manifest.root for other in self.manifests.values()):
            sys.path.remove(root)
        importlib.invalidate_caches()

    def not_loaded(self) -> tuple[str, ...]:
        """The add-ons that could not be loaded, each with what it raised: "detailer: KeyError: 'face'"."""
        return tuple(f"{fault.extension}: {fault.message}" for fault in self._failed.values())

    def failure(self, name: str) -> Fault | None:
        """Why an add-on could not be loaded."""
        return self._failed.get(name)

    def failures(self) -> dict[str, Fault]:
        """All of them, by id (or by folder, where not even that is known)."""
        return dict(self._failed)

    def _fail(self, name: str, error: BaseException, started: float) -> None:
        self._failed[name] = self._caller.record(name, f"import ({self._side})", error, time.monotonic() - started)


def _imported(manifest: Manifest, module_name: str) -> Any:
    root = str(manifest.root)
    if root not in sys.path:
        sys.path.append(root)
        importlib.invalidate_caches()
    module = importlib.import_module(module_name)
    if not _lies_in(module, str(manifest.folder.resolve())):
        where = getattr(module, "__file__", None) or "part of Python"
        raise ImportError(f"its module {module_name} is another's ({where}): it needs a name of its own")
    return module


def _lies_in(module: object, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if file else [str(place) for place in getattr(module, "__path__", ())]
    return any(Path(place).resolve().is_relative_to(folder) for place in places)


@contextmanager
def _without_engine(side: Side) -> Iterator[None]:
    """In the web process: what would bring torch in is refused by name. Where torch is there already (in tests), it is let be."""
    if side != "web" or "torch" in sys.modules:
        yield
        return
    guard = _EngineGuard()
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)


class _EngineGuard(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname in ENGINE_PACKAGES:
            raise EngineInWebProcess(
                f"it imports {fullname} in the web process, which never does: put that into the module that [tool.easel] worker names"
            )
        return None

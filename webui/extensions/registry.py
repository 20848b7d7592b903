"""Loads add-ons and calls their hooks, each on its own: one that fails stops nobody else."""

from __future__ import annotations

import importlib
import logging
import sys
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pluggy
from PIL.Image import Image

from webui.extensions import hookspecs
from webui.generation.prompt.completion import Completion
from webui.generation.request import GenerationRequest

log = logging.getLogger(__name__)

Side = Literal["web", "worker"]
STRIKES = 3
"""Faults after which an add-on is off until the next start."""


@dataclass(frozen=True)
class Fault:
    """One failure of one add-on: in which hook, what was raised, and how long it ran (seconds)."""

    extension: str
    hook: str
    message: str
    details: str
    seconds: float

    def __str__(self) -> str:
        rest = "" if self.hook == "complete" else "; the picture was made without it"
        return f"The add-on {self.extension} failed in {self.hook} ({self.message}){rest}."


@dataclass(frozen=True)
class Manifest:
    """What an add-on's pyproject.toml says of it: `[project] name, version` and `[tool.easel] web, worker`."""

    id: str
    version: str
    folder: Path
    modules: dict[Side, str] = field(default_factory=dict)


def read_manifest(folder: Path) -> Manifest:
    """Read an add-on folder's manifest. Raises ValueError in words when it can't be used."""
    try:
        data = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        project, tool = data["project"], data["tool"]["easel"]
        modules: dict[Side, str] = {}
        if "web" in tool:
            modules["web"] = str(tool["web"])
        if "worker" in tool:
            modules["worker"] = str(tool["worker"])
        return Manifest(str(project["name"]), str(project.get("version", "0")), folder, modules)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its pyproject.toml can't be used: {type(error).__name__}: {error}") from None


def add_on_folders(roots: Sequence[Path]) -> list[Path]:
    """Every add-on folder under `roots`, in order of name."""
    return [folder for root in roots for folder in sorted(path.parent for path in root.glob("*/pyproject.toml"))]


class ExtensionRegistry:
    """The add-ons of one process. May be called from any thread once loaded."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._faults: list[Fault] = []
        self._strikes: Counter[str] = Counter()
        self._not_loaded: list[Fault] = []

    def load(self, roots: Sequence[Path], side: Side) -> None:
        """Load every add-on folder under `roots` that has a module for this side, in order of name."""
        for folder in add_on_folders(roots):
            self.load_folder(folder, side)

    def load_folder(self, folder: Path, side: Side) -> None:
        """Load one add-on if it has a module for this side; a failure is recorded."""
        started = time.monotonic()
        name = folder.name
        try:
            manifest = read_manifest(folder)
            name = manifest.id
            module_name = manifest.modules.get(side)
            if module_name is None:
                return
            if str(folder) not in sys.path:
                sys.path.append(str(folder))
            self.register(importlib.import_module(module_name), name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything, and must not take Easel down
            self._record(name, f"import ({side})", error, started)
            self._not_loaded.append(self._faults[-1])

    def not_loaded(self) -> tuple[str, ...]:
        """The add-ons that could not be loaded, each with what it raised: "detailer: KeyError: 'face'"."""
        return tuple(f"{fault.extension}: {fault.message}" for fault in self._not_loaded)

    def register(self, plugin: object, name: str) -> None:
        """Add one loaded add-on. Raises pluggy.PluginValidationError for a hook that does not exist."""
        self._manager.register(plugin, name=name)
        self._manager.check_pending()

    def names(self) -> list[str]:
        """Ids of the loaded add-ons."""
        return [name for name, _ in self._manager.list_name_plugin()]

    def prepare(self, request: GenerationRequest) -> GenerationRequest:
        """The request after every add-on's `prepare`."""
        for name, function, args in self._implementations("prepare", request=request):
            args["request"] = request
            result = self._call(name, "prepare", function, args)
            if isinstance(result, GenerationRequest):
                request = result
        return request

    def complete(self, text: str) -> list[Completion]:
        """What every add-on offers as a way on from the end of a text."""
        found: list[Completion] = []
        for name, function, args in self._implementations("complete", text=text):
            offered = self._call(name, "complete", lambda function=function, **given: list(function(**given) or ()), args)
            found += [one for one in offered or () if isinstance(one, Completion)]
        return found

    def denoise_step(self, context: Any) -> None:
        """Tell every add-on about one denoising step."""
        for name, function, args in self._implementations("denoise_step", context=context):
            self._call(name, "denoise_step", function, args)

    def image_ready(self, image: Image, context: Any) -> Image:
        """The picture after every add-on's `image_ready`."""
        for name, function, args in self._implementations("image_ready", image=image, context=context):
            if "image" in args:
                args["image"] = image
            result = self._call(name, "image_ready", function, args)
            if isinstance(result, Image):
                image = result
        return image

    def take_faults(self) -> list[Fault]:
        """The faults since the last call."""
        taken, self._faults = self._faults, []
        return taken

    def notes(self) -> list[str]:
        """The faults since the last call, in words for the user."""
        return [str(fault) for fault in self.take_faults()]

    def _implementations(self, hook: str, **available: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        # pluggy keeps the last registered first; people expect the order in which add-ons are listed.
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if self._strikes[implementation.plugin_name] < STRIKES:
                yield (
                    implementation.plugin_name,
                    implementation.function,
                    {name: available[name] for name in implementation.argnames if name in available},
                )

    def _call(self, name: str, hook: str, function: Any, args: dict[str, Any]) -> Any:
        started = time.monotonic()
        try:
            return function(**args)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything; the job goes on without it
            self._record(name, hook, error, started)
            return None

    def _record(self, name: str, hook: str, error: BaseException, started: float) -> None:
        fault = Fault(name, hook, f"{type(error).__name__}: {error}", traceback.format_exc(), time.monotonic() - started)
        self._strikes[name] += 1
        self._faults.append(fault)
        log.warning("%s%s\n%s", fault, " It is off now." if self._strikes[name] == STRIKES else "", fault.details)

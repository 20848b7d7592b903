"""For tests of add-ons: a studio over the fake executor with the add-on loaded, scripts played without one, and its page in a browser.

An add-on's tests/conftest.py says

    from webui.testing import *  # the fixtures add_on, studio and url
    from webui.testing import use_add_on_of

    use_add_on_of(__file__)

Pictures of the fake executor are painted from the request and the seed: any change of either changes them, and no model is needed.
"""

from __future__ import annotations

import hashlib
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions import JobScript, Kept, Made, MadePicture, Part
from webui.extensions.loading import add_on_folders, read_manifest
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import GenerationRequest, parse_request
from webui.settings import PROGRAM_ROOT, load_settings
from webui.studio.studio import Studio

__all__ = ["add_on", "studio", "url"]

MOST_ROUNDS = 10_000
"""Of a script that is played: one that asks on and on ends with an error."""


def folder_of(test_file: str | Path) -> Path:
    """The add-on's folder, in which a test lies. Raises ValueError where there is none."""
    for folder in Path(test_file).resolve().parents:
        if (folder / "pyproject.toml").is_file() and "[tool.easel]" in (folder / "pyproject.toml").read_text("utf-8"):
            return folder
    raise ValueError(f"{test_file} doesn't lie in an add-on's folder, which has a pyproject.toml with [tool.easel]")


def use_add_on_of(conftest: str | Path) -> Path:
    """Let tests import the modules of the add-on in whose folder they lie; returns that folder."""
    folder = folder_of(conftest)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return folder


# job scripts without a studio


@dataclass
class Played:
    """What a script asked for and kept. parts: every part, in order; rounds: how many at once; told: what it said it was at. laid_out:
    names of its grid's columns, rows and sheets."""

    parts: list[Part] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    laid_out: tuple[tuple[str, ...], ...] = ()

    @property
    def requests(self) -> list[GenerationRequest]:
        """What was drawn."""
        return [part.request for part in self.parts]


class PlayedScript:
    """Stands for what a running script is given (webui.extensions.easel.Script). easel: whatever the test wants it to be."""

    def __init__(self, played: Played, easel: Any = None, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.easel = easel
        self._played = played

    def tell(self, words: str) -> None:
        """Write down what the script is at."""
        self._played.told.append(words)

    def lay_out(self, columns: Sequence[str], rows: Sequence[str] = ("",), sheets: Sequence[str] = ("",)) -> None:
        """Write down the names of columns, rows and sheets."""
        self._played.laid_out = tuple(columns), tuple(rows), tuple(sheets)


def play(
    script: JobScript,
    request: GenerationRequest | Mapping[str, Any],
    values: Mapping[str, Any] | None = None,
    *,
    easel: Any = None,
    fails: Sequence[int] = (),
    draw: Callable[[GenerationRequest], Image.Image] | None = None,
) -> Played:
    """Run a script to its end on pictures of one colour each, 16x16 unless `draw` makes them.

    request: itself or its fields. fails: numbers of parts, 0-based, that come to nothing. Raises what the script raises; the checks of
    the script are made first. That a second run asks for the same parts, as it must after a restart, is asserted.
    """
    asked = parse_request(dict(request)) if isinstance(request, Mapping) else request
    first = _play(script, asked, dict(values or {}), easel, frozenset(fails), draw or _one_colour)
    again = _play(script, asked, dict(values or {}), easel, frozenset(fails), draw or _one_colour)
    assert first.parts == again.parts, f"{script.title} asks for other parts when it is run again: take chance from script.random"
    return first


def _play(
    script: JobScript,
    request: GenerationRequest,
    values: dict[str, Any],
    easel: Any,
    fails: frozenset[int],
    draw: Callable[[GenerationRequest], Image.Image],
) -> Played:
    played = Played()
    if script.check is not None:
        script.check(request, values)
    if script.count is not None:
        assert script.count(request, values) >= 0
    running = script.run(request, values, PlayedScript(played, easel))
    answer: Any = None
    for _ in range(MOST_ROUNDS):
        try:
            wanted = running.send(answer)
        except StopIteration as ended:
            kept = ended.value
            played.kept = [kept] if isinstance(kept, Kept) else list(kept or ())
            return played
        several = isinstance(wanted, Sequence)
        parts = [one if isinstance(one, Part) else Part(one) for one in (wanted if isinstance(wanted, Sequence) else [wanted])]
        made = [_made(part, number in fails, draw) for number, part in enumerate(parts, len(played.parts))]
        played.parts += parts
        played.rounds.append(len(parts))
        answer = made if several else made[0]
    raise AssertionError(f"{script.title} asked {MOST_ROUNDS} times and has no end")


def _made(part: Part, failed: bool, draw: Callable[[GenerationRequest], Image.Image]) -> Made:
    if failed:
        return Made((), "It was made to fail.")
    name = hashlib.sha256(part.request.model_dump_json().encode()).hexdigest()
    return Made((MadePicture(name[:12], name, lambda: draw(part.request)),))


def _one_colour(request: GenerationRequest) -> Image.Image:
    red, green, blue = hashlib.sha256(request.model_dump_json().encode()).digest()[:3]
    return Image.new("RGB", (16, 16), (red, green, blue))


# a studio


def registry_of(folder: Path, side: str = "web") -> ExtensionRegistry:
    """The add-on of a folder, loaded for one process ("web" or "worker"). Raises AssertionError with its traceback where it can't be."""
    registry = ExtensionRegistry()
    registry.load_folder(folder, side)  # type: ignore[arg-type]
    faults = registry.take_faults()
    assert not faults, faults[0].details
    return registry


class AddOnStudio:
    """A studio at work with one add-on. `studio` is all of it; the rest is what tests want most."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def make(self, **fields: Any) -> dict[str, Any]:
        """Submit a request by its fields and wait until its job has ended; returns the job as the API tells of it."""
        studio = self.studio
        asked = studio.complete({"steps": 2, **fields})
        job = studio.submit(asked)
        return studio.follow(job["id"], lambda event: None)

    def pictures(self) -> list[dict[str, Any]]:
        """All pictures of history, newest first."""
        return list(self.studio.history.page(limit=1000)[0])


@pytest.fixture
def add_on(request: pytest.FixtureRequest) -> ExtensionRegistry:
    """The web module of the add-on in whose folder the test lies, loaded as Easel loads it. Its faults are those of the test."""
    return registry_of(folder_of(request.path))


@pytest.fixture
def studio(add_on: ExtensionRegistry, tmp_path: Path) -> Iterator[AddOnStudio]:
    """A studio over the fake executor and a folder of its own, with the shipped checkpoints by name and this add-on."""
    opened = open_studio(add_on, tmp_path)
    opened.start()
    try:
        yield AddOnStudio(opened)
    finally:
        opened.close()


@pytest.fixture
def url(add_on: ExtensionRegistry, tmp_path: Path) -> Iterator[str]:
    """The address of a running Easel with this add-on, for a browser or an API client."""
    import uvicorn

    from webui.app import build_web, open_port

    opened = open_studio(add_on, tmp_path)
    listener = open_port(load_settings(data_dir=tmp_path / "data", executor="fake", port=7860).model_copy(update={"port": 0}))
    server = uvicorn.Server(uvicorn.Config(build_web(opened), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        opened.close()


def open_studio(registry: ExtensionRegistry, folder: Path) -> Studio:
    """A studio over the fake executor with these add-ons, its data in that folder; it neither is started nor closes itself."""
    settings = load_settings(data_dir=folder / "data", executor="fake")
    catalog = CheckpointCatalog([PROGRAM_ROOT / "models"], settings.data_dir / "cache")
    return Studio(settings, FakeExecutor(step_seconds=0.001), catalog, registry)


def built_in(name: str) -> Path:
    """The folder of an add-on that comes with Easel. Raises ValueError."""
    for folder in add_on_folders([PROGRAM_ROOT / "extensions"]):
        if read_manifest(folder).id == name:
            return folder
    raise ValueError(f"no add-on called {name!r} comes with Easel")

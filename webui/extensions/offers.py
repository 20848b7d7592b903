"""What add-ons give to hooks, and what hooks give to them, beside the components of pages. Plain frozen records, no torch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webui.extensions.components import DRAWING_PAGES, Element
from webui.generation.request import GenerationRequest, ResolvedRequest
from webui.pictures.preprocessors import Threshold

if TYPE_CHECKING:
    from PIL.Image import Image


# --- pictures that are saved ---


@dataclass(frozen=True)
class PictureToSave:
    """A finished picture before it is written. image: for looking at only.

    number: 0-based in its job. infotext: the parameters text. texts: further texts for the file, by key. name: of the file, without
    suffix. A changed one is made with `dataclasses.replace`.
    """

    image: Image
    request: ResolvedRequest
    number: int
    infotext: str
    texts: Mapping[str, str]
    name: str


@dataclass(frozen=True)
class SavedPicture:
    """A picture in history. id: as the API has it. person: id of whose it is; "" for the household."""

    id: str
    path: Path
    sha256: str
    request: ResolvedRequest
    number: int
    person: str = ""


@dataclass(frozen=True)
class InfotextField:
    """A value of an add-on in the parameters text.

    key: as in "Steps: 20"; write: values of the add-on in the request -> text, or None for none; read: that text -> values to put back.
    """

    key: str
    write: Callable[[Mapping[str, Any]], str | None]
    read: Callable[[str], Mapping[str, Any]]


# --- job scripts ---


@dataclass(frozen=True)
class Part:
    """A request that a script wants drawn, and what it stands for ("Steps 20").

    at: its column, row and sheet, 0-based, in the grid that `script.lay_out` named; empty for the next place in a row.
    """

    request: GenerationRequest
    label: str = ""
    at: tuple[int, ...] = ()


@dataclass(frozen=True)
class MadePicture:
    """One picture of a part. id: in history; open: as Pillow has it."""

    id: str
    sha256: str
    open: Callable[[], Image] = field(compare=False)


@dataclass(frozen=True)
class Made:
    """What became of a part. error: in words, where it failed or was cancelled; its pictures up to then are there."""

    pictures: tuple[MadePicture, ...]
    error: str = ""


@dataclass(frozen=True)
class Kept:
    """A picture that a script made itself (a grid), for history. name: what it is; texts: for its file."""

    image: Image
    name: str = "grid"
    texts: Mapping[str, str] = field(default_factory=dict)


ScriptRun = Generator[Part | GenerationRequest | Sequence[Part | GenerationRequest], Any, Kept | Sequence[Kept] | None]
"""Yields a part, or several, and is sent a Made, or a list of them; returns pictures to keep."""


@dataclass(frozen=True)
class JobScript:
    """A way of making many pictures of one request.

    run(request, values, script): a generator, see ScriptRun. It is run again from its start after a restart and is sent what was made
    before, so that it must ask for the same parts each time: what it draws by chance it takes from `script.random`.
    key: for several in one add-on; empty for the title. count: (request, values) -> how many parts there will be, where that is known
    ahead. check: (request, values); raises ValueError, or InvalidRequest, for what can't be run.
    """

    title: str
    content: Sequence[Element]
    run: Callable[..., ScriptRun] = field(compare=False)
    help: str = ""
    key: str = ""
    tabs: tuple[str, ...] = DRAWING_PAGES
    count: Callable[..., int] | None = field(default=None, compare=False)
    check: Callable[..., None] | None = field(default=None, compare=False)


# --- page ---


@dataclass(frozen=True)
class Assets:
    """Files of the add-on's folder for the page: modules (.js) and styles (.css)."""

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()


# --- models ---


@dataclass(frozen=True)
class FoundModel:
    """A model that a source knows. kind: of models, "" where it isn't known; bytes: None where that isn't known."""

    title: str
    address: str
    kind: str = ""
    detail: str = ""
    bytes: int | None = None


@dataclass(frozen=True)
class ModelFileAddress:
    """A file to download: an https address, its name, and its SHA-256 where that is known."""

    url: str
    name: str
    kind: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class ModelSource:
    """A place where models can be found.

    search: words -> what it knows. resolve: an address as a person pastes it -> files to download; None for one that isn't its own.
    Both may be slow, and are called only when somebody asks.
    """

    name: str
    search: Callable[[str], Sequence[FoundModel]] | None = None
    resolve: Callable[[str], Sequence[ModelFileAddress] | None] | None = None


@dataclass(frozen=True)
class FoundCheckpoint:
    """A checkpoint. problem: why it can't be used, empty where it can."""

    name: str
    path: Path
    family: str
    problem: str = ""


# --- by name; requests, pages and files have them as "<id>/<label>" ---


@dataclass(frozen=True)
class NewSampler:
    """A sampler. sample: as those of webui.engine.samplers: (run, latents, sigmas) -> latents; needed in the worker alone.

    default_schedule: what Automatic stands for with it.
    """

    label: str
    sample: Callable[..., Any] | None = field(default=None, compare=False)
    default_schedule: str = "Uniform"


@dataclass(frozen=True)
class NewSchedule:
    """A schedule. sigmas: (steps, lowest, highest) -> steps noise levels, falling; the last, 0, is put behind them."""

    label: str
    sigmas: Callable[[int, float, float], Sequence[float]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class NewUpscaler:
    """An upscaler. enlarge: (RGB picture, (width, height)) -> a picture of that size; needed in the worker alone."""

    label: str
    enlarge: Callable[[Image, tuple[int, int]], Image] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Preprocessor:
    """What a ControlNet sees. see: (pixels, a, b) -> pixels; both are (height, width, 3) uint8 RGB, a and b the numbers of `thresholds`.

    It is needed in both processes: the page shows what will be seen. help: one sentence for the page.
    """

    label: str
    see: Callable[[Any, float, float], Any] | None = field(default=None, compare=False)
    help: str = ""
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True)
class Found:
    """One thing in a picture. box: left, top, right, bottom in pixels; mask: mode L of the picture's size, None for the box."""

    box: tuple[int, int, int, int]
    score: float = 1.0
    mask: Image | None = None
    label: str = ""


@dataclass(frozen=True)
class Detector:
    """Finds things. find: RGB picture -> what it found, best first; needed in the worker alone."""

    label: str
    find: Callable[[Image], Sequence[Found]] | None = field(default=None, compare=False)

"""EVERY hook, bodies empty. An implementation may take any subset of the arguments, by name.

Decorate an implementation with `webui.extensions.hookimpl`. There are four ways of calling:

collect: every add-on is asked, and what they return (one thing, several in a list, or None) is put together.
chain: each gets what the one before returned; None leaves it as it is.
enter: each returns a context manager, which is entered before a moment and left after it, in reverse order.
notify: each is told; what it returns means nothing.

One that raises stops nobody else: the fault is recorded with its traceback, and a job goes on without it. After three faults in
jobs an add-on is off until it is switched on again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pluggy

from webui.extensions.components import On, Panel, Tab
from webui.extensions.offers import (
    Assets,
    Detector,
    FoundCheckpoint,
    InfotextField,
    JobScript,
    ModelSource,
    NewSampler,
    NewSchedule,
    NewUpscaler,
    PictureToSave,
    Preprocessor,
    SavedPicture,
)
from webui.generation.prompt.completion import Completion
from webui.generation.request import GenerationRequest, ResolvedRequest

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydantic import BaseModel

    from webui.extensions.easel import Easel

PROJECT = "easel"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Way = Literal["collect", "chain", "enter", "notify"]
Side = Literal["web", "worker"]
Declared = TypeVar("Declared", bound=Callable[..., Any])

_MARK = "easel_hook"


@dataclass(frozen=True)
class Hook:
    """How a hook is called, in which processes, and whether a fault there counts as one in a job."""

    way: Way
    sides: tuple[Side, ...]
    in_jobs: bool


def _declares(way: Way, *sides: Side, in_jobs: bool = False) -> Callable[[Declared], Declared]:
    def declare(function: Declared) -> Declared:
        setattr(function, _MARK, Hook(way, sides, in_jobs))
        return hookspec(function)

    return declare


def collect(*sides: Side) -> Callable[[Declared], Declared]:
    """Declare a hook of which every answer is wanted."""
    return _declares("collect", *sides)


def chain(*sides: Side) -> Callable[[Declared], Declared]:
    """Declare a hook that hands its first argument on; all of them belong to jobs."""
    return _declares("chain", *sides, in_jobs=True)


def enter(*sides: Side) -> Callable[[Declared], Declared]:
    """Declare a hook whose implementations are entered and left again, in jobs."""
    return _declares("enter", *sides, in_jobs=True)


def notify(*sides: Side, in_jobs: bool = False) -> Callable[[Declared], Declared]:
    """Declare a hook that tells."""
    return _declares("notify", *sides, in_jobs=in_jobs)


# --- in the web process: requests and their pictures ---


@chain("web")
def prepare(request: GenerationRequest) -> GenerationRequest | None:
    """Return the request as it should be, before seeds are drawn; the only hook that may rewrite it.

    One of the kind "upscale" has neither prompt nor seed.
    """


@chain("web")
def before_save(picture: PictureToSave) -> PictureToSave | None:
    """Return the picture as it should be saved: its parameters text, further texts for the file, and its name may be others."""


@notify("web", in_jobs=True)
def after_save(picture: SavedPicture) -> None:
    """A picture is on disk and in history."""


@collect("web")
def infotext_fields() -> InfotextField | Iterable[InfotextField] | None:
    """Name what of your values stands in the parameters text of pictures, and is read from it again."""


@collect("web")
def job_scripts() -> JobScript | Iterable[JobScript] | None:
    """Offer scripts: each makes many pictures of one request (a grid, a loop), and goes on where it was after a restart."""


@collect("web")
def complete(text: str) -> Iterable[Completion] | None:
    """Offer ways on from the end of `text`, which is what stands before the caret in a prompt; quick, and most often none."""


# --- in the web process: the page ---


@collect("web")
def panel(detectors: Sequence[str]) -> Panel | Iterable[Panel] | None:
    """Add a section to the pages that make pictures; its values are `request.extensions[<your id>]`.

    detectors: names of all that add-ons offer, which `context.detect` knows in `image_ready`.
    """


@collect("web")
def tab() -> Tab | Iterable[Tab] | None:
    """Add a page of your own."""


@collect("web")
def settings() -> type[BaseModel] | None:
    """Return a pydantic model: a section of the Settings page, whose values are `easel.settings`."""


@collect("web")
def component_events() -> On | Iterable[On] | None:
    """Have a function called when something on the page changes that has a documented id."""


@collect("web")
def assets() -> Assets | Iterable[Assets] | None:
    """Name scripts and styles of your folder that the page loads; what they find there may be another in the next version."""


@collect("web")
def gradio_tab() -> tuple[str, Callable[[], Any]] | None:
    """Return a title and a function that builds a page with Gradio itself, which may be another in the next version."""


# --- in the web process: beside pictures ---


@notify("web")
def routes(router: Any) -> None:
    """Add routes to a FastAPI router that stands at /api/ext/<your id>, behind Easel's door."""


@collect("web")
def model_sources() -> ModelSource | Iterable[ModelSource] | None:
    """Offer places where models can be looked for and fetched from."""


@notify("web")
def checkpoints_found(checkpoints: Sequence[FoundCheckpoint]) -> None:
    """The checkpoints that there are, at the start and whenever they are others."""


@notify("web")
def started(easel: Easel) -> None:
    """Easel is at work; `easel` is your way to it."""


@notify("web")
def stopping(easel: Easel) -> None:
    """Easel ends: let go of what you hold, within a second."""


# --- in the worker process, which has torch ---


@enter("worker")
def patch_model(model: Any, request: ResolvedRequest) -> AbstractContextManager[Any] | None:
    """Return a context manager around the drawing of a pass: it may change the model, and must undo that exactly.

    `model` is a `webui.engine.patching.PatchableModel`.
    """


@notify("worker", in_jobs=True)
def denoise_step(context: Any) -> None:
    """Look at, or change in place, the tensors of one denoising step (`webui.engine.context.DenoiseContext`)."""


@chain("worker")
def latents_ready(latents: Any, context: Any) -> Any | None:
    """Return the finished latents of a pass as they should be decoded: a tensor of the same shape."""


@chain("worker")
def image_ready(image: Image, context: Any) -> Image | None:
    """Return the finished picture as it should be saved; `context.generate(request)` draws another one in the same job."""


# --- names that requests can choose, "<your id>/<label>": listed in the web process, at work in the worker ---


@collect("web", "worker")
def samplers() -> NewSampler | Iterable[NewSampler] | None:
    """Offer samplers: each a function over noise levels."""


@collect("web", "worker")
def schedules() -> NewSchedule | Iterable[NewSchedule] | None:
    """Offer schedules: each a function from a number of steps to noise levels."""


@collect("web", "worker")
def upscalers() -> NewUpscaler | Iterable[NewUpscaler] | None:
    """Offer upscalers: each a function from a picture and a size to a picture of that size."""


@collect("web", "worker")
def preprocessors() -> Preprocessor | Iterable[Preprocessor] | None:
    """Offer what a ControlNet can be shown of a picture: each a function over pixels."""


@collect("web", "worker")
def detectors() -> Detector | Iterable[Detector] | None:
    """Offer finders: each a function from a picture to the boxes and masks of what it found."""


HOOKS: dict[str, Hook] = {name: getattr(value, _MARK) for name, value in vars().copy().items() if hasattr(value, _MARK)}
"""Every hook above, by name, in this order."""

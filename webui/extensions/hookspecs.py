"""EVERY hook, bodies empty. An implementation may take any subset of the arguments.

Decorate with `webui.extensions.hookimpl`. A hook that raises stops nobody else: the fault is recorded,
the job goes on without it, and after three faults the add-on is off until the next start.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

from webui.generation.prompt.completion import Completion
from webui.generation.request import GenerationRequest

if TYPE_CHECKING:
    from PIL.Image import Image

PROJECT = "easel"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# called in a chain in the web process: each gets what the one before returned; None leaves it as it is


@hookspec
def prepare(request: GenerationRequest) -> GenerationRequest | None:  # type: ignore[empty-body]
    """Return the request as it should be, before seeds are drawn; the only hook that may rewrite it.

    One of the kind "upscale" has neither prompt nor seed.
    """


# called in the web process while someone types, many times a second


@hookspec
def complete(text: str) -> Iterable[Completion] | None:  # type: ignore[empty-body]
    """Offer ways on from the end of `text`, which is what stands before the caret in a prompt; quick, and most often none."""


# called in the worker process


@hookspec
def denoise_step(context: Any) -> None:
    """Look at, or change in place, the tensors of one denoising step (`webui.engine.context.DenoiseContext`)."""


@hookspec
def image_ready(image: Image, context: Any) -> Image | None:  # type: ignore[empty-body]
    """Return the finished picture as it should be saved; called in a chain, None leaves it as it is."""

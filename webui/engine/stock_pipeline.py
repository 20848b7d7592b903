"""Pictures by diffusers' own pipelines, for families that Easel has no denoising for: beside the straight line, not through it.

Steps, previews, interrupt, skip and seeds are as everywhere; sampler, schedule and whatever happens in a step are the pipeline's.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from PIL import Image

from webui.engine.context import DenoiseContext
from webui.engine.control import JobControl, PictureSkipped
from webui.engine.device import MB, Device
from webui.engine.finishing import Finisher, picture_event
from webui.engine.hooks import EngineHooks
from webui.engine.loading.stock_folder import StockPipeline
from webui.engine.memory.attention import attention, choose_kernel
from webui.engine.memory.exhaustion import NO_ROOM, OutOfMemory, is_out_of_memory
from webui.engine.memory.measures import with_attributes
from webui.engine.memory.streaming import uploaded
from webui.engine.precision import VAE, ModelProducedNan, of_one_colour
from webui.engine.schedules import ModelSigmas
from webui.engine.stopwatch import Stopwatch
from webui.errors import EaselError, GenerationFailed
from webui.generation.attention import SLICED
from webui.generation.events import Note, Skipped, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedDrawn
from webui.generation.stock_pipelines import STOCK_PIPELINES, plain_words

GUIDANCE_NAMES = ("true_cfg_scale", "guidance_scale")
"""What pipelines call the CFG scale; where one has several, the first of these is it."""

ACTIVATIONS = 2048 * MB
"""Left free beside the weights on a device of its own, where nothing was measured."""

_AS_ASKED = MappingProxyType({"use_resolution_binning": False, "clean_caption": False, "return_dict": False, "output_type": "np"})
"""Arguments for every pipeline that has them: the size asked for and no other, the words as they are, numbers as they come."""

NO_LEVELS = ModelSigmas(np.zeros(1))


@dataclass
class StockRun:
    """The pictures of one job, drawn by a pipeline one after the other. facts: what is told of every picture; watch: the whole job's."""

    job: JobSpec
    stock: StockPipeline
    device: Device
    hooks: EngineHooks
    control: JobControl
    watch: Stopwatch
    emit: Callable[[WorkerEvent], None]
    facts: Callable[[], dict[str, Any]]
    finisher: Finisher
    _attention: str = field(init=False)

    def draw_all(self) -> None:
        """Make the pictures and emit them. Raises GenerationFailed, and JobInterrupted at the next step."""
        self._attention = choose_kernel(self.job.drawn.attention, self.device.attention)
        with on_device(self.stock, self.device):
            for image in self.job.images:
                self._draw(image)

    def _draw(self, image: int) -> None:
        started, own = time.perf_counter(), Stopwatch()
        try:
            self.control.check()
            with own.stage("draw"):
                pixels, facts = self._pixels(image, own)
            own.seconds["draw"] -= own.seconds.get("preview", 0.0)
            self.control.check()
            picture, finished = self.finisher.finish(image, self._finished(image, pixels))
        except PictureSkipped:
            self.emit(Skipped(image))
        else:
            facts = self.facts() | own.seconds | facts | finished | {"seconds": time.perf_counter() - started}
            self.emit(picture_event(image, picture, facts))
        finally:
            for stage, seconds in own.seconds.items():
                self.watch.seconds[stage] = self.watch.seconds.get(stage, 0.0) + seconds
            self.control.picture_ended()
            for note in self.hooks.told():
                self.emit(note)

    def _pixels(self, image: int, own: Stopwatch) -> tuple[torch.Tensor, dict[str, Any]]:
        """(height, width, 3) uint8 and facts; once more in the way that needs least when memory runs out."""
        try:
            return self._called(image, own, self._attention), {"attention": self._attention}
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or not self.job.try_with_less:
                raise _in_words(error, self.stock) from error
            fault = error.with_traceback(None)
        self.device.free_memory()
        self.emit(Note("Memory ran out; drawn again with attention sliced and the VAE tiled."))
        with tiled(getattr(self.stock.pipeline, "vae", None)):
            try:
                return self._called(image, own, SLICED), {"attention": SLICED, "retried": "memory ran out"}
            except (RuntimeError, MemoryError) as error:
                raise _in_words(error, self.stock) from fault

    def _called(self, image: int, own: Stopwatch, kernel: str) -> torch.Tensor:
        progress = _Progress(self, image, own)
        arguments = arguments_for(self.stock, self.job.drawn, image) | _callbacks(self.stock, progress, self.control)
        with attention(kernel):
            try:
                pictures = self.stock.pipeline(**arguments)[0]
            except EaselError:
                raise
            except (ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError) as error:
                # A pipeline checks its arguments so; its words name what it can't do.
                raise _in_words(error, self.stock) from error
        self.device.synchronize()
        return self._sound(np.asarray(pictures[0]))

    def _sound(self, values: np.ndarray[Any, Any]) -> torch.Tensor:
        if not np.isfinite(values).all():
            raise ModelProducedNan(VAE)
        pixels = torch.from_numpy((values * 255).round().clip(0, 255).astype(np.uint8))
        if of_one_colour(pixels[None]):
            self.emit(Note("The picture is of one colour. If you did not ask for that, try another seed or another checkpoint."))
        return pixels

    def _finished(self, image: int, pixels: torch.Tensor) -> Image.Image:
        nothing = torch.empty(0)
        context = DenoiseContext(self.job.drawn, (image,), (0.0,), NO_LEVELS, (), None, nothing)
        return self.hooks.image_ready(Image.fromarray(pixels.numpy(), "RGB"), context).convert("RGB")


class _Progress:
    """Says each step and looks at the buttons, with a preview at most every so many seconds."""

    def __init__(self, run: StockRun, image: int, own: Stopwatch) -> None:
        self._run = run
        self._image = image
        self._own = own
        self._next_preview = 0.0

    def __call__(self, step: int, latents: torch.Tensor | None) -> None:
        now, steps = time.perf_counter(), self._run.job.drawn.steps
        wanted = now >= self._next_preview or step + 1 == steps
        preview, frame = (b"", b"") if latents is None else self._seen(latents, wanted)
        self._run.emit(Step(self._image, min(step + 1, steps), steps, preview, frame, self._level_after(step) if frame else None))
        if wanted:
            self._next_preview = now + self._run.job.preview_interval
        self._run.control.check()

    def _seen(self, latents: torch.Tensor, wanted: bool) -> tuple[bytes, bytes]:
        """Preview and frame of the latents, each empty where there is to be none, or none can be made."""
        view, film = self._run.stock.preview, self._run.job.film
        if view is None or latents.ndim != 4 or latents.shape[1] != len(view.factors) or not (wanted or film):
            return b"", b""
        with self._own.stage("preview"):
            return view.jpeg(latents[0]) if wanted else b"", view.frame(latents[0]) if film else b""

    def _level_after(self, step: int) -> float | None:
        """The noise level that the latents have after a step; None where the scheduler doesn't say, or takes several levels a step."""
        scheduler = getattr(self._run.stock.pipeline, "scheduler", None)
        levels = getattr(scheduler, "sigmas", None)
        return float(levels[step + 1]) if levels is not None and len(levels) == self._run.job.drawn.steps + 1 else None


def parameters_of_call(stock: StockPipeline) -> Mapping[str, inspect.Parameter]:
    """What the pipeline can be called with."""
    return inspect.signature(type(stock.pipeline).__call__).parameters


def arguments_for(stock: StockPipeline, request: ResolvedDrawn, image: int) -> dict[str, Any]:
    """How the pipeline is called for one picture of a request, but for the callbacks."""
    known = parameters_of_call(stock)
    words, negative, _ = plain_words(request)
    arguments: dict[str, Any] = {
        "prompt": words,
        "height": request.height,
        "width": request.width,
        "num_inference_steps": request.steps,
        next(name for name in GUIDANCE_NAMES if name in known): request.cfg_scale,
        # On the CPU, so that a picture's noise is the same on every machine.
        "generator": torch.Generator("cpu").manual_seed(request.image_seeds[image]),
    }
    if STOCK_PIPELINES[stock.source.pipeline].negative:
        arguments["negative_prompt"] = negative
    if "intermediate_timesteps" in known and request.steps != 2:
        arguments["intermediate_timesteps"] = None
    return arguments | {name: value for name, value in _AS_ASKED.items() if name in known}


def _callbacks(stock: StockPipeline, progress: _Progress, control: JobControl) -> dict[str, Any]:
    """The arguments by which a pipeline tells its steps: today's, or those of before."""
    known = parameters_of_call(stock)

    def on_step_end(_pipeline: Any, step: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        progress(step, tensors.get("latents"))
        return tensors

    def before_the_steps(_pipeline: Any, _step: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        control.check()
        return tensors

    if "callback_on_step_end" in known:
        prior = {"prior_callback_on_step_end": before_the_steps} if "prior_callback_on_step_end" in known else {}
        return {"callback_on_step_end": on_step_end, **prior}
    return {"callback": lambda step, _timestep, latents: progress(step, latents), "callback_steps": 1}


def _in_words(error: Exception, stock: StockPipeline) -> EaselError:
    if isinstance(error, EaselError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory("There was not enough memory for this picture.", hint=NO_ROOM)
    detail = " ".join(str(error).split())[:300] or type(error).__name__
    return GenerationFailed(
        f"The {stock.source.pipeline} of diffusers can't draw this: {detail}",
        code="pipeline_failed",
        hint="Change what it names, or pick another checkpoint.",
    )


@contextmanager
def tiled(vae: Any) -> Iterator[None]:
    """Within the block the autoencoder decodes in tiles, where it is of a kind that can."""
    changes = {name: True for name in ("use_tiling", "use_slicing") if vae is not None and hasattr(vae, name)}
    with with_attributes(vae, **changes) if changes else ExitStack():
        yield


@contextmanager
def on_device(stock: StockPipeline, device: Device) -> Iterator[None]:
    """Within the block the pipeline computes on the device; afterwards its weights are those in main memory. Untested on hardware."""
    if not device.copies:
        yield
        return
    weights = sum(tensor.nbytes for tensor in stock.tensors.values())
    with ExitStack() as stack:
        if weights + ACTIVATIONS + device.reserve <= device.free_bytes():
            # In their own numbers: diffusers keeps some parts in fp32 on purpose.
            for module in stock.modules.values():
                stack.enter_context(uploaded(module, lambda tensor: tensor.to(device.torch_device, non_blocking=True)))
        else:
            stack.enter_context(_taking_turns(stock.pipeline, device))
        yield


@contextmanager
def _taking_turns(pipeline: Any, device: Device) -> Iterator[None]:
    pipeline.enable_model_cpu_offload(device=device.torch_device)
    try:
        yield
    finally:
        pipeline.remove_all_hooks()
        pipeline.to("cpu")

"""run(job): the straight line from a resolved request to pictures, one step per line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from webui.engine.conditioning import ConditioningCache, pad_with
from webui.engine.context import DenoiseContext
from webui.engine.control import JobControl, JobInterrupted, PictureSkipped
from webui.engine.denoise import denoise_latents
from webui.engine.device import Device
from webui.engine.families.base import Family
from webui.engine.hooks import EngineHooks, NoHooks
from webui.engine.noise import PictureNoise
from webui.engine.resident import Resident
from webui.engine.schedules import sigmas_for
from webui.engine.stopwatch import Stopwatch
from webui.generation.events import Done, Interrupted, Note, Picture, Skipped, Stage, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedRequest

Emit = Callable[[WorkerEvent], None]

VERSIONS_OF = ("torch", "diffusers", "transformers")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a picture depends on."""
    return {name: version(name) for name in VERSIONS_OF}


def groups_of(images: Sequence[int], batch_size: int, device: Device) -> list[tuple[int, ...]]:
    """The pictures of a job as they are drawn: together where the device gains by it, one by one elsewhere."""
    size = batch_size if device.batches else 1
    return [tuple(images[start : start + size]) for start in range(0, len(images), size)]


class Engine:
    """Draws the pictures of one job at a time. Used by one thread; `JobControl` may be pressed from another."""

    def __init__(self, device: Device, hooks: EngineHooks | None = None, resident: Resident | None = None) -> None:
        self.device = device
        self._hooks = hooks or NoHooks()
        self._resident = resident or Resident(device)
        self._conditioning = ConditioningCache()
        self._versions = library_versions()

    @torch.no_grad()
    def run(self, job: JobSpec, control: JobControl, emit: Emit) -> None:
        """Make the job's pictures. Ends with Done or Interrupted; finished pictures have been emitted by then.

        Raises EaselError (CheckpointUnusable, GenerationFailed) when it cannot be finished.
        """
        watch = Stopwatch()
        try:
            control.check_job()
            family = self._load(job, watch, emit)
            control.check_job()
            positive, negative = self._encode(family, job.request, watch, emit)
            sigmas = sigmas_for(job.request.schedule_type, family.sigmas, job.request.steps)
            for images in groups_of(job.images, job.request.batch_size, self.device):
                noise = self._noise(family, job.request, images)
                context = DenoiseContext(job.request, images, sigmas, positive, negative, noise.draw() * sigmas[0])
                self._draw(family, job, context, noise, control, watch, emit)
            emit(Done(self._facts(watch, len(sigmas))))
        except JobInterrupted:
            emit(Interrupted())

    def _load(self, job: JobSpec, watch: Stopwatch, emit: Emit) -> Family:
        with watch.stage("load"):
            return self._resident.get(Path(job.checkpoint_path), lambda: emit(Stage(f"Loading {job.request.checkpoint}")))

    def _encode(self, family: Family, request: ResolvedRequest, watch: Stopwatch, emit: Emit) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Conditioning of prompt and negative prompt, equally long; no negative where guidance is off."""
        if request.clip_skip > family.text_layers:
            emit(Note(f"Clip skip {request.clip_skip}: the text encoder has {family.text_layers} layers, so its first one was used."))

        def encoded(text: str) -> torch.Tensor:
            key = (family.content, text, request.clip_skip)
            return self._conditioning.get(key, lambda: family.encode_text(text, request.clip_skip))

        with watch.stage("encode"):
            positive = encoded(request.prompt)
            if request.cfg_scale == 1:
                return positive, None
            negative = encoded(request.negative_prompt)
            tokens = max(positive.shape[1], negative.shape[1])
            return pad_with(positive, encoded(""), tokens), pad_with(negative, encoded(""), tokens)

    def _noise(self, family: Family, request: ResolvedRequest, images: Sequence[int]) -> PictureNoise:
        seeds = [request.image_seeds[image] for image in images]
        return PictureNoise(seeds, family.latent_shape(request.width, request.height), self.device.torch_device)

    def _draw(
        self,
        family: Family,
        job: JobSpec,
        context: DenoiseContext,
        noise: PictureNoise,
        control: JobControl,
        watch: Stopwatch,
        emit: Emit,
    ) -> None:
        """Denoise, decode and emit the pictures of one batch, or say that they were skipped."""
        started = time.perf_counter()
        own = Stopwatch()
        progress = _Progress(family, job.preview_interval, own, emit)
        try:
            with own.stage("denoise"):
                denoise_latents(
                    family, context, noise.draw, before_step=control.check, guessed=self._hooks.denoise_step, step_done=progress
                )
                self.device.synchronize()
            own.seconds["denoise"] -= own.seconds.get("preview", 0.0)
            control.check()
            with own.stage("decode"):
                pixels = family.decode(context.latents)
            control.check()
        except PictureSkipped:
            for image in context.images:
                emit(Skipped(image))
        else:
            facts = self._facts(watch, len(context.sigmas)) | own.seconds
            for image, picture in zip(context.images, self._finished(pixels, context), strict=True):
                seconds = (time.perf_counter() - started) / len(context.images)
                emit(Picture(image, picture.width, picture.height, picture.tobytes(), facts | {"seconds": seconds}))
        finally:
            for stage, seconds in own.seconds.items():
                watch.seconds[stage] = watch.seconds.get(stage, 0.0) + seconds
            control.picture_ended()
            for note in self._hooks.notes():
                emit(Note(note))

    def _finished(self, pixels: torch.Tensor, context: DenoiseContext) -> Iterator[Image.Image]:
        for row in pixels:
            yield self._hooks.image_ready(Image.fromarray(row.numpy(), "RGB"), context).convert("RGB")

    def _facts(self, watch: Stopwatch, sigma_count: int) -> dict[str, Any]:
        """What was measured so far, for Picture and Done."""
        return {
            **watch.seconds,
            "device": self.device.name,
            "dtype": self.device.dtype_name,
            "attention": self.device.attention[0] if self.device.attention else "",
            "sigmas": sigma_count,
            "versions": self._versions,
        }


class _Progress:
    """Says each step, with a preview at most every so many seconds, at the first and at the last step always."""

    def __init__(self, family: Family, interval: float, watch: Stopwatch, emit: Emit) -> None:
        self._family = family
        self._interval = interval
        self._watch = watch
        self._emit = emit
        self._next_preview = 0.0

    def __call__(self, context: DenoiseContext) -> None:
        now = time.perf_counter()
        wanted = now >= self._next_preview or context.step in (0, context.steps - 1)
        for row, image in enumerate(context.images):
            self._emit(Step(image, context.step + 1, context.steps, self._preview(context.denoised[row]) if wanted else b""))
        if wanted:
            self._next_preview = now + self._interval

    def _preview(self, latents: torch.Tensor) -> bytes:
        with self._watch.stage("preview"):
            return self._family.preview().jpeg(latents)

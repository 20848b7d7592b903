"""run(job): the straight line from a resolved request to pictures, one step per line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from webui.catalog.pipelines import pipeline_class
from webui.engine.adapters.fitting import Adapters, AdapterShelf
from webui.engine.conditioning import ConditioningCache, Pull, Wording, encode_text, pad_with
from webui.engine.conditioning_files import ConditioningFiles
from webui.engine.context import DenoiseContext
from webui.engine.control import JobControl, JobInterrupted, PictureSkipped
from webui.engine.denoise import denoise_latents
from webui.engine.device import Device
from webui.engine.families.base import GUIDANCE, Conditioning, Family
from webui.engine.guidance import left_out
from webui.engine.hooks import EngineHooks, NoHooks
from webui.engine.memory.drawing import MemoryBook, PictureMemory
from webui.engine.memory.loaded import Loaded
from webui.engine.memory.manager import Checkpoints, ModelManager
from webui.engine.noise import PictureNoise
from webui.engine.precision import HALF, TEXT_ENCODER, VAE, ModelProducedNan, of_one_colour, require_finite
from webui.engine.schedules import ModelSigmas, sigmas_of
from webui.engine.stock_pipeline import StockRun
from webui.engine.stopwatch import Stopwatch
from webui.generation.events import Done, InMemory, Interrupted, Note, Picture, Skipped, Stage, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.prompt.reading import read_negative_prompt, read_prompt
from webui.generation.prompt.schedules import Steps, Timeline
from webui.generation.request import ResolvedRequest
from webui.generation.samplers import find_sampler
from webui.generation.source import source_hash
from webui.generation.stock_pipelines import STOCK_PIPELINES
from webui.planning.peaks import DECODE, DENOISE, ENCODE

Emit = Callable[[WorkerEvent], None]

ONE_COLOUR = "of one colour"
IF_UNEXPECTED = "If you did not ask for that, try another seed, a lower CFG scale or another checkpoint."

VERSIONS_OF = ("torch", "diffusers", "transformers")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a picture depends on."""
    return {name: version(name) for name in VERSIONS_OF}


def _conditioning_files(device: Device, folder: Path | None) -> ConditioningFiles | None:
    made_by = {"source": source_hash(), "device": device.name, **library_versions()}
    return None if folder is None else ConditioningFiles(folder, json.dumps(made_by), device.torch_device)


def groups_of(images: Sequence[int], request: ResolvedRequest, device: Device) -> list[tuple[int, ...]]:
    """The pictures of a job as they are drawn: together where the device gains by it and they stay the same, one by one elsewhere."""
    size = request.batch_size if device.batches and not find_sampler(request.sampler).one_by_one else 1
    return [tuple(images[start : start + size]) for start in range(0, len(images), size)]


@dataclass
class _Run:
    """What stays the same for all pictures of a job. levels: the model's own. sigmas: steps + 1 of them. watch: the whole job's."""

    job: JobSpec
    loaded: Loaded
    levels: ModelSigmas
    sigmas: tuple[float, ...]
    control: JobControl
    watch: Stopwatch
    emit: Emit
    adapters: Adapters = field(init=False)
    _said: set[str] = field(default_factory=set)

    @property
    def family(self) -> Family:
        """The loaded checkpoint, as it draws."""
        return self.loaded.family

    def note(self, text: str) -> None:
        """Tell the user something, once in a job."""
        if text not in self._said:
            self._said.add(text)
            self.emit(Note(text))


@dataclass
class _Drawn:
    """Pictures that came out together. pixels: (batch, height, width, 3) uint8. facts: what was done differently for them."""

    context: DenoiseContext
    pixels: torch.Tensor
    facts: dict[str, Any]


class _DrawAlone(Exception):
    """Among the pictures drawn together is one that needs full precision, which must not change its neighbours."""


class Engine:
    """Draws the pictures of one job at a time. Used by one thread; `JobControl` may be pressed from another."""

    def __init__(
        self,
        device: Device,
        hooks: EngineHooks | None = None,
        checkpoints: Checkpoints | None = None,
        conditioning_folder: Path | None = None,
    ) -> None:
        """conditioning_folder: where what text encoders said is kept over a restart."""
        self.device = device
        self._hooks = hooks or NoHooks()
        self._checkpoints = checkpoints or ModelManager(device)
        self._conditioning = ConditioningCache(_conditioning_files(device, conditioning_folder))
        self._adapters = AdapterShelf()
        self._memory = MemoryBook(device)
        self._versions = library_versions()

    @torch.no_grad()
    def run(self, job: JobSpec, control: JobControl, emit: Emit) -> None:
        """Make the job's pictures. Ends with Done or Interrupted; finished pictures have been emitted by then.

        Raises EaselError (CheckpointUnusable, GenerationFailed, ModelProducedNan) when it cannot be finished.
        """
        watch = Stopwatch()
        try:
            control.check_job()
            if job.request.pipeline:
                self._run_pipeline(job, control, watch, emit)
                return
            loaded = self._load(job, watch, emit)
            control.check_job()
            family = loaded.family
            levels = family.sigmas_at(job.request.width, job.request.height)
            run = _Run(job, loaded, levels, sigmas_of(job.request, levels), control, watch, emit)
            run.adapters = self._adapters.fit(job, family, run.note, self._checkpoints.controlnets)
            if job.request.clip_skip > family.text_layers:
                run.note(f"Clip skip {job.request.clip_skip}: the text encoder has {family.text_layers} layers, so its first one was used.")
            for name in left_out(family, job.request):
                run.note(f"{name} works in a U-Net, which this checkpoint has none of, so it was left out.")
            for images in groups_of(job.images, job.request, self.device):
                try:
                    self._draw(run, images)
                except _DrawAlone:
                    for image in images:
                        self._draw(run, (image,))
            emit(Done(self._facts(run)))
        except JobInterrupted:
            emit(Interrupted())

    def _run_pipeline(self, job: JobSpec, control: JobControl, watch: Stopwatch, emit: Emit) -> None:
        """Make the job's pictures by diffusers' own pipeline. Raises as `run` does, and JobInterrupted."""
        with watch.stage("load"):
            stock = self._checkpoints.get_pipeline(Path(job.checkpoint_path), lambda: emit(Stage(f"Loading {job.request.checkpoint}")))
        control.check_job()

        def facts() -> dict[str, Any]:
            return self._machine_facts() | watch.seconds | {"pipeline": stock.source.pipeline}

        StockRun(job, stock, self.device, self._hooks, control, watch, emit, facts).draw_all()
        emit(Done(facts()))

    def preload(self, path: Path) -> None:
        """Have a checkpoint ready before it is asked for. Raises CheckpointUnusable."""
        if path.is_dir() and pipeline_class(path) in STOCK_PIPELINES:
            self._checkpoints.get_pipeline(path, lambda: None)
        else:
            self._checkpoints.get(path, lambda: None)

    def unload(self, path: Path | None = None) -> None:
        """Let go of all weights, or of those that only one checkpoint has; the next job loads what it needs."""
        self._checkpoints.unload(path)

    def in_memory(self) -> InMemory:
        """What is where."""
        return InMemory(tuple(self._checkpoints.resident()))

    def _load(self, job: JobSpec, watch: Stopwatch, emit: Emit) -> Loaded:
        vae = Path(job.vae_path) if job.vae_path else None
        with watch.stage("load"):
            return self._checkpoints.get(Path(job.checkpoint_path), lambda: emit(Stage(f"Loading {job.request.checkpoint}")), vae)

    def _draw(self, run: _Run, images: tuple[int, ...]) -> None:
        """Make the pictures of one batch and emit them, or say that they were skipped."""
        started = time.perf_counter()
        own = Stopwatch()
        beside = run.adapters.controls.nbytes
        memory = self._memory.begin(run.loaded, run.job, len(images), run.control, lambda text: run.emit(Note(text)), beside)
        try:
            drawn = self._sound(run, images, own, memory)
        except PictureSkipped:
            for image in images:
                run.emit(Skipped(image))
        else:
            facts = self._facts(run) | own.seconds | memory.facts() | drawn.facts
            for image, picture in zip(images, self._finished(drawn), strict=True):
                seconds = (time.perf_counter() - started) / len(images)
                run.emit(Picture(image, picture.width, picture.height, picture.tobytes(), facts | {"seconds": seconds}))
        finally:
            for stage, seconds in own.seconds.items():
                run.watch.seconds[stage] = run.watch.seconds.get(stage, 0.0) + seconds
            run.control.picture_ended()
            for note in self._hooks.notes():
                run.emit(Note(note))

    def _sound(self, run: _Run, images: tuple[int, ...], own: Stopwatch, memory: PictureMemory) -> _Drawn:
        """Pictures whose numbers are sound, or as sound as fp32 makes them.

        Where half precision gives NaN or a picture of one colour, all is done again in fp32: that picture's text,
        denoising and decoding, and no other's, so that a picture never depends on what came before it.
        """
        try:
            drawn = self._attempt(run.family, run, images, own, memory)
            if not of_one_colour(drawn.pixels):
                return drawn
            if run.family.dtype not in HALF:
                run.note(f"The picture is {ONE_COLOUR}. {IF_UNEXPECTED}")
                return drawn
            fault = f"it was {ONE_COLOUR}"
        except ModelProducedNan as broken:
            # A VAE that fails has been tried in fp32 by then.
            if run.family.dtype not in HALF or (broken.part == VAE and len(images) == 1):
                raise
            fault = f"the {broken.part} produced NaN"
        if len(images) > 1:
            raise _DrawAlone
        reason = f"{fault} in {self.device.dtype_name}"
        run.note(f"Drawn again in full precision, because {reason}.")
        with run.family.in_float32() as full:
            drawn = self._attempt(full, run, images, own, memory)
        drawn.facts |= {"dtype": "float32", "retried": reason}
        if of_one_colour(drawn.pixels):
            run.note(f"The picture is {ONE_COLOUR} in full precision too. {IF_UNEXPECTED}")
        return drawn

    def _attempt(self, family: Family, run: _Run, images: tuple[int, ...], own: Stopwatch, memory: PictureMemory) -> _Drawn:
        """Encode, denoise and decode the pictures of one batch. Raises ModelProducedNan, PictureSkipped, JobInterrupted, OutOfMemory."""
        with run.watch.stage("encode"):
            positive, negative = self._encode(family, run, memory)

        def denoise() -> DenoiseContext:
            # All anew at each try, the noise too: what comes out is the picture of the seed.
            noise = PictureNoise.of(run.job.request, images, family.latent_shape, self.device.torch_device, run.sigmas)
            latents = noise.first() * run.sigmas[0]
            context = DenoiseContext(run.job.request, images, run.sigmas, run.levels, positive, negative, latents)
            with run.adapters.on_denoiser(family, context):
                denoise_latents(
                    family,
                    context,
                    noise,
                    before_step=run.control.check,
                    guessed=self._hooks.denoise_step,
                    step_done=_Progress(run.family, run.job.preview_interval, own, run.emit),
                )
            self.device.synchronize()
            return context

        shown = own.seconds.get("preview", 0.0)
        with own.stage("denoise"):
            context = memory.stage(DENOISE, denoise)
        own.seconds["denoise"] -= own.seconds.get("preview", 0.0) - shown
        run.control.check()
        with own.stage("decode"):
            pixels, facts = memory.stage(DECODE, lambda: self._decode(family, context.latents))
        run.control.check()
        return _Drawn(context, pixels, facts)

    def _encode(self, family: Family, run: _Run, memory: PictureMemory) -> tuple[tuple[Pull, ...], Timeline[Conditioning] | None]:
        """Conditioning of prompt and negative prompt over the calls of the denoiser; no negative where guidance is off."""
        request, adapters = run.job.request, run.adapters
        wording = Wording(request.clip_skip, request.emphasis, request.comma_backtrack)
        steps = Steps(request.steps * find_sampler(request.sampler).calls, old=request.old_prompt_editing)

        def encoded(text: str, negative: bool = False) -> Conditioning:
            key = (memory.loaded.text_identity, family.dtype, adapters.text_key, text, wording, negative)
            made = self._conditioning.get(key, lambda: memory.stage(ENCODE, lambda: encode(text, negative)))
            if not family.distilled_guidance:
                return made
            guidance = torch.full((1,), request.distilled_cfg_scale, device=made.tokens.device)
            return replace(made, further={**made.further, GUIDANCE: guidance})

        def encode(text: str, negative: bool) -> Conditioning:
            with adapters.on_text_encoders():
                made = encode_text(family, text, wording, adapters.embeddings, negative=negative)
            for part in made.parts():
                require_finite(part, TEXT_ENCODER)
            return made

        prompt = read_prompt(request.prompt)
        positive = tuple(Pull(part.over(steps).map(encoded), part.weight) for part in prompt.parts)
        if request.guidance_scale == 1 and [pull.weight for pull in positive] == [1.0]:
            return positive, None
        (asked,) = read_negative_prompt(request.negative_prompt).parts
        negative = asked.over(steps).map(lambda text: encoded(text, negative=True))
        if not request.pad_conds:
            return positive, negative
        length = max(one.length for timeline in (negative, *(pull.conditioning for pull in positive)) for one in timeline.entries)

        def padded(conditioning: Conditioning) -> Conditioning:
            return pad_with(conditioning, encoded(""), length)

        return tuple(replace(pull, conditioning=pull.conditioning.map(padded)) for pull in positive), negative.map(padded)

    def _decode(self, family: Family, latents: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Pixels of finished latents, and facts; a VAE that overflows in half (a known weakness of some) is run once more in fp32."""
        try:
            pixels = family.decode(latents)
            if family.dtype not in HALF or not of_one_colour(pixels):
                return pixels, {}
            fault = f"the picture was {ONE_COLOUR}"
        except ModelProducedNan:
            if family.dtype not in HALF:
                raise
            fault = "the VAE produced NaN"
        with family.vae_in_float32():
            pixels = family.decode(latents)
        return pixels, {"vae_dtype": "float32", "retried": f"{fault} in {self.device.dtype_name}"}

    def _finished(self, drawn: _Drawn) -> Iterator[Image.Image]:
        for row in drawn.pixels:
            yield self._hooks.image_ready(Image.fromarray(row.numpy(), "RGB"), drawn.context).convert("RGB")

    def _facts(self, run: _Run) -> dict[str, Any]:
        """What was measured so far, for Picture and Done."""
        return {**run.watch.seconds, **self._machine_facts(), "sigmas": len(run.sigmas)}

    def _machine_facts(self) -> dict[str, Any]:
        return {"device": self.device.name, "dtype": self.device.dtype_name, "versions": self._versions}


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

"""run(job): the straight line from a resolved request to pictures, one step per line."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from webui.catalog.pipelines import pipeline_class
from webui.engine.adapters.fitting import Adapters, AdapterShelf
from webui.engine.conditioning import ConditioningCache, Pull, Wording, encode_text, pad_with
from webui.engine.conditioning_files import ConditioningFiles
from webui.engine.context import DenoiseContext
from webui.engine.control import JobControl, JobInterrupted, PictureSkipped
from webui.engine.denoise import TakeOver, denoise_latents
from webui.engine.device import Device
from webui.engine.families.base import GUIDANCE, MASKED, Conditioning, Family
from webui.engine.finishing import Finisher, picture_event
from webui.engine.guidance import left_out, stands_alone, with_freeu
from webui.engine.hires import as_input, cut, enlarge_latents, enlarge_pixels
from webui.engine.hooks import EngineHooks, NoHooks
from webui.engine.loading.upscaler import UpscalerModel
from webui.engine.masks import Beginning, LatentMask, as_latent_mask, as_overlay, as_pixels, hidden, resized, shown
from webui.engine.memory.drawing import Carrying, MemoryBook, PictureMemory, memory_facts
from webui.engine.memory.loaded import DENOISER, Loaded
from webui.engine.memory.loaded import VAE as VAE_KIND
from webui.engine.memory.manager import Checkpoints, ModelManager
from webui.engine.memory.meter import give_back
from webui.engine.noise import PictureNoise
from webui.engine.offered import enlarge_of, found_by, levels_of, sampler_of
from webui.engine.patching import patchable, restored
from webui.engine.precision import HALF, TEXT_ENCODER, VAE, ModelProducedNan, of_one_colour, require_finite
from webui.engine.redrawing import SubRequests
from webui.engine.refiner import refiner_due, require_same_latents
from webui.engine.regions import Layout
from webui.engine.samplers import NoisePath
from webui.engine.schedules import ModelSigmas, sigmas_of
from webui.engine.soft_inpainting import SoftInpainting
from webui.engine.stock_pipeline import StockRun
from webui.engine.stopwatch import Stopwatch
from webui.engine.tiled_denoising import LatentTiles
from webui.engine.tiling import overlapped, seamless, without_overlap
from webui.engine.upscale import enlarge_with_less, plan_way
from webui.generation.attention import XFORMERS
from webui.generation.enlarging import LANCZOS, Enlargement, known_upscaler
from webui.generation.events import Done, InMemory, Interrupted, Note, Skipped, Stage, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.passes import Pass, passes_of
from webui.generation.prompt.reading import read_negative_prompt, read_prompt
from webui.generation.prompt.schedules import Timeline
from webui.generation.request import (
    Img2Img,
    Inpaint,
    PictureFromPicture,
    ResolvedDrawn,
    ResolvedInpaint,
    ResolvedTxt2Img,
    ResolvedUpscale,
    Upscale,
    upscaler_model_of,
)
from webui.generation.samplers import find_sampler
from webui.generation.source import source_hash
from webui.generation.stock_pipelines import STOCK_PIPELINES
from webui.pictures.boxes import Box, Size
from webui.pictures.decoding import as_rgb, read_upright, with_alpha
from webui.pictures.growing import Growing
from webui.pictures.masking import as_mask, check_mask
from webui.pictures.patchwork import Patchwork
from webui.pictures.starting import LATENT, Masking, Start, starting_inpaint, starting_picture
from webui.planning.estimate import picture_work
from webui.planning.memory import TILED
from webui.planning.peaks import DECODE, DENOISE, ENCODE
from webui.planning.tiles import Tiling

Emit = Callable[[WorkerEvent], None]

ONE_COLOUR = "of one colour"
IF_UNEXPECTED = "If you did not ask for that, try another seed, a lower CFG scale or another checkpoint."

VERSIONS_OF = ("torch", "diffusers", "transformers")
BESIDE_THE_DRAWING = ("numpy", "pillow")
KERNELS_FROM = "xformers"


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a text encoder's words depend on."""
    return {name: version(name) for name in VERSIONS_OF}


def versions_of_pictures(attention: Sequence[str]) -> dict[str, str]:
    """Versions of all libraries that a picture's pixels depend on. attention: the kernels that work here."""
    kernels = (KERNELS_FROM,) if XFORMERS in attention else ()
    return library_versions() | {name: version(name) for name in (*BESIDE_THE_DRAWING, *kernels)}


def _conditioning_files(device: Device, folder: Path | None) -> ConditioningFiles | None:
    made_by = {"source": source_hash(), "device": device.name, **library_versions()}
    return None if folder is None else ConditioningFiles(folder, json.dumps(made_by), device.torch_device)


def groups_of(images: Sequence[int], request: ResolvedDrawn, device: Device) -> list[tuple[int, ...]]:
    """The pictures of a job as they are drawn: together where the device gains by it and they stay the same, one by one elsewhere."""
    in_parts = any(one.window or one.tile for one in passes_of(request))
    alone = find_sampler(request.sampler).one_by_one or in_parts
    size = request.batch_size if device.batches and not alone else 1
    return [tuple(images[start : start + size]) for start in range(0, len(images), size)]


@dataclass
class _Run:
    """What stays the same for all pictures of a job. passes: over each picture. watch: the whole job's.

    enlarged: makes of the source (RGB) what it is drawn on as, where another upscaler than Lanczos enlarges it first.
    """

    job: JobSpec
    control: JobControl
    watch: Stopwatch
    emit: Emit
    enlarged: Callable[[_Run, Image.Image], Image.Image]
    passes: tuple[Pass[ResolvedDrawn], ...] = field(init=False)
    ready: dict[tuple[bool, bool], _Ready] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.passes = passes_of(self.job.drawn)

    @property
    def steps(self) -> int:
        """Of a whole picture."""
        return sum(one.steps.taken for one in self.passes)

    @cached_property
    def start(self) -> Start | None:
        """The picture that is drawn on, and its mask; None where it is drawn from noise alone. Raises InvalidRequest."""
        return read_start(self.job, lambda source: self.enlarged(self, source))

    @property
    def canvas(self) -> Growing | Patchwork:
        """What the parts of a picture are drawn into that is drawn part by part. Raises InvalidRequest."""
        if self.passes[0].tile is None:
            return Growing.of(read_source(self.job))
        assert self.start is not None, "there is a picture"
        return Patchwork(self.start.picture, self.start.picture)

    def next_part(self, canvas: Growing | Patchwork, stage: Pass[ResolvedDrawn]) -> tuple[Growing | Patchwork, Start]:
        """The canvas as it is when a pass begins, and what the pass starts from. Raises InvalidRequest."""
        request = stage.request
        if isinstance(canvas, Patchwork):
            assert isinstance(request, Img2Img) and stage.tile is not None, "each pass has its tile"
            return canvas, canvas.start(stage.tile, request.drawn_overlap, keeps_colours=request.color_correction)
        assert isinstance(request, ResolvedInpaint), "only these grow"
        if stage.window is None:
            assert self.start is not None, "there is a mask"
            return canvas, self.start
        canvas = canvas.grown(stage.window.grows)
        size, keeps_colours = (request.width, request.height), request.color_correction
        return canvas, canvas.start(stage.window, size, request.extend_overlap, keeps_colours=keeps_colours)

    def note(self, text: str) -> None:
        """Tell the user something, once in a job."""
        if text not in self._said:
            self._said.add(text)
            self.emit(Note(text))


@dataclass(frozen=True)
class _Ready:
    """A pass with its checkpoint loaded. levels: the model's own. schedule: those that its steps are taken of."""

    stage: Pass[ResolvedDrawn]
    loaded: Loaded
    levels: ModelSigmas
    schedule: tuple[float, ...]
    adapters: Adapters

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The noise levels that it goes through."""
        return self.schedule[self.stage.steps.first :]


@dataclass
class _Group:
    """Pictures that are drawn together. watch: theirs alone. memories: of the passes begun so far."""

    images: tuple[int, ...]
    watch: Stopwatch = field(default_factory=Stopwatch)
    memories: dict[bool, PictureMemory] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """One pass over the pictures of a group, with its checkpoint put on. family: as it computes.

    full: in fp32, whatever the checkpoint is in. until_done: what is taken off when the pass is done with. start: what it starts from.
    """

    run: _Run
    group: _Group
    ready: _Ready
    memory: PictureMemory
    family: Family
    full: bool
    until_done: ExitStack
    start: Start | None

    @property
    def request(self) -> ResolvedDrawn:
        """That of the pass."""
        return self.ready.stage.request


@dataclass
class _Drawn:
    """Pictures that came out together. pixels: (batch, height, width, 3) uint8. facts: what was done differently for them.

    start: what they are still to be finished with.
    """

    context: DenoiseContext
    pixels: torch.Tensor
    facts: dict[str, Any]
    start: Start | None = None


def read_source(job: JobSpec) -> Image.Image:
    """The picture that a job starts from, as RGB. Raises InvalidRequest."""
    return as_rgb(_stored_source(job))


def _stored_source(job: JobSpec) -> Image.Image:
    request = job.request
    assert isinstance(request, PictureFromPicture | Upscale), "it starts from a picture"
    return read_upright(Path(job.image_paths[request.init_image]), request.init_image)


def read_start(job: JobSpec, enlarged: Callable[[Image.Image], Image.Image] = lambda source: source) -> Start | None:
    """The picture that a job draws on first, and its mask; None where that is noise alone, or beyond the picture. Raises InvalidRequest.

    enlarged: see _Run.
    """
    request = job.drawn
    if not isinstance(request, PictureFromPicture):
        return None
    size, keeps_colours = (request.width, request.height), request.color_correction
    picture = read_source(job)
    if not isinstance(request, Inpaint):
        start = starting_picture(enlarged(picture), size, request.resize_mode, keeps_colours=keeps_colours)
        return replace(start, source=picture.size)
    if not request.mask:
        return None
    mask = as_mask(read_upright(Path(job.image_paths[request.mask]), request.mask))
    # Of the picture that the first round of a loopback starts from; what comes of that may have another size.
    check_mask(mask, (request.picture_width, request.picture_height), inverted=request.inverted)
    padding = request.masked_padding if request.only_masked else None
    how = Masking(request.mask_blur, request.inverted, request.masked_content != "original", padding)
    return starting_inpaint(picture, mask, size, request.resize_mode, how, keeps_colours=keeps_colours)


def read_region_masks(job: JobSpec, start: Start | None) -> list[Image.Image]:
    """Where each region of a job is (mode L, of any size), over the picture that is drawn. Raises InvalidRequest."""
    masks = [as_mask(read_upright(Path(job.image_paths[region.mask]), region.mask)) for region in job.drawn.regions]
    return masks if start is None else [start.laid_over(mask) for mask in masks]


def _with_hires(request: ResolvedDrawn) -> ResolvedTxt2Img:
    """The request of a job that has a hires pass, which only pictures from words have."""
    assert isinstance(request, ResolvedTxt2Img)
    return request


def _computing(ready: _Ready, full: bool, until_done: ExitStack) -> Family:
    """The checkpoint of a pass, in fp32 until then where that is asked for."""
    family = ready.loaded.family
    return until_done.enter_context(family.in_float32()) if full else family


def _put_on(work: _Work, context: DenoiseContext, carrying: Carrying, patches: ExitStack) -> None:
    """All that the denoiser of a pass wears while it is at work."""
    x, y = work.request.tiles
    patches.enter_context(carrying(work.ready.loaded))
    patches.enter_context(seamless(work.family.modules[DENOISER], x=x, y=y))
    patches.enter_context(work.ready.adapters.on_denoiser(work.family, context))
    patches.enter_context(with_freeu(work.family, work.request))


def _tiles(work: _Work, latents: torch.Tensor) -> LatentTiles | None:
    """The tiles in which a pass shows latents to the denoiser; None where it shows all at once."""
    request, shown = work.request, work.ready.stage.shown
    if len(shown) == 1 or not isinstance(request, Img2Img):
        return None
    pixels = work.family.pixels_per_latent
    height, width = latents.shape[-2:]
    return LatentTiles.of((width, height), [Box(*(side // pixels for side in box)) for box in shown], request.drawn_overlap // pixels)


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
        self._adapters = AdapterShelf(self._hooks)
        self._memory = MemoryBook(device)
        self._versions = versions_of_pictures(device.attention)
        self._source = source_hash()

    @torch.no_grad()
    def run(self, job: JobSpec, control: JobControl, emit: Emit) -> None:
        """Make the job's pictures. Ends with Done or Interrupted; finished pictures have been emitted by then.

        Raises EaselError (CheckpointUnusable, GenerationFailed, ModelProducedNan) when it cannot be finished.
        """

        def tell_of_add_ons() -> None:
            for note in self._hooks.told():
                emit(note)

        def tell(event: WorkerEvent) -> None:
            if isinstance(event, Done):
                # What failed where no picture was finished; nothing is heard after the end.
                tell_of_add_ons()
                event = replace(event, add_ons=self._hooks.took())
            emit(event)

        try:
            self._run(job, control, Stopwatch(), tell)
        except JobInterrupted:
            tell_of_add_ons()
            emit(Interrupted())
        except Exception:
            tell_of_add_ons()
            raise

    def _run(self, job: JobSpec, control: JobControl, watch: Stopwatch, emit: Emit) -> None:
        """The same, ending with Done alone. Raises as `run` does, and JobInterrupted."""
        control.check_job()
        if isinstance(job.request, ResolvedUpscale):
            self._run_upscale(job, control, watch, emit)
            return
        if job.drawn.pipeline:
            self._run_pipeline(job, control, watch, emit)
            return
        run = _Run(job, control, watch, emit, self._source_enlarged)
        # Before the first picture, so that what is wrong with the checkpoint or the schedule is told at once.
        self._ready_for_all(run)
        control.check_job()
        for images in groups_of(job.images, job.drawn, self.device):
            try:
                self._draw(run, images)
            except _DrawAlone:
                for image in images:
                    self._draw(run, (image,))
        emit(Done(self._facts(run)))

    def _run_pipeline(self, job: JobSpec, control: JobControl, watch: Stopwatch, emit: Emit) -> None:
        """Make the job's pictures by diffusers' own pipeline. Raises as `run` does, and JobInterrupted."""
        with watch.stage("load"):
            stock = self._checkpoints.get_pipeline(Path(job.checkpoint_path), lambda: emit(Stage(f"Loading {job.drawn.checkpoint}")))
        control.check_job()

        def facts() -> dict[str, Any]:
            return self._machine_facts() | watch.seconds | {"pipeline": stock.source.pipeline}

        finisher = self._finisher(job, control, emit)
        StockRun(job, stock, self.device, self._hooks, control, watch, emit, facts, finisher).draw_all()
        emit(Done(facts()))

    def _run_upscale(self, job: JobSpec, control: JobControl, watch: Stopwatch, emit: Emit) -> None:
        """Finish a picture that is there already. Raises as `run` does, and JobInterrupted."""
        started = time.perf_counter()
        with watch.stage("read"):
            picture = with_alpha(_stored_source(job))
        for image in job.images:
            try:
                finished, measured = self._finisher(job, control, emit).finish(image, picture)
            except PictureSkipped:
                emit(Skipped(image))
            else:
                # All of it is finishing, so that is its work.
                work = measured.pop("finishing_work")
                told = measured | {"work": work, "seconds": time.perf_counter() - started}
                emit(picture_event(image, finished, self._machine_facts() | told))
        emit(Done(self._machine_facts() | watch.seconds))

    def _finisher(self, job: JobSpec, control: JobControl, emit: Emit) -> Finisher:
        return Finisher(job, control, emit, self._checkpoints, self.device, partial(enlarge_of, self._hooks))

    def _upscaler(self, name: str, path: str, emit: Emit) -> UpscalerModel:
        return self._checkpoints.get_upscaler(Path(path), lambda: emit(Stage(f"Loading {name}")))

    def preload(self, path: Path) -> None:
        """Have a checkpoint ready before it is asked for. Raises CheckpointUnusable."""
        if path.is_dir() and pipeline_class(path) in STOCK_PIPELINES:
            self._checkpoints.get_pipeline(path, lambda: None)
        else:
            self._checkpoints.get(path, lambda: None)

    def unload(self, path: Path | None = None) -> None:
        """Let go of all weights, or of those that only one checkpoint has; the next job loads what it needs."""
        self._checkpoints.unload(path)

    def rest(self) -> None:
        """Give the system the memory back that nothing is kept in, since no job is waiting."""
        give_back()

    def in_memory(self) -> InMemory:
        """What is where."""
        return InMemory(tuple(self._checkpoints.resident()))

    def _ready_for_all(self, run: _Run) -> None:
        """Put the first checkpoint on; before it the refiner, where there is one, to see whether it can go on with the picture."""
        refined = next((one for one in run.passes if one.refined), None)
        refiner = None if refined is None else self._ready(run, refined, refiner=True)
        first = self._ready(run, run.passes[0])
        if refiner is not None:
            require_same_latents(first.loaded.family, refiner.loaded.family, run.job.drawn)

    def _ready(self, run: _Run, stage: Pass[ResolvedDrawn], *, refiner: bool = False) -> _Ready:
        """Put the checkpoint of a pass on, or that of its refiner. What is fitted to it is kept for the job's other pictures."""
        job, request, key = run.job, stage.request, (stage.hires, refiner)
        path = job.hires_checkpoint_path if stage.hires and job.hires_checkpoint_path else job.checkpoint_path
        path = job.refiner_path if refiner else path
        name = request.refiner if refiner else request.checkpoint
        vae = Path(job.vae_path) if job.vae_path else None
        with run.watch.stage("load"):
            loaded = self._checkpoints.get(Path(path), lambda: run.emit(Stage(f"Loading {name}")), vae, request.weight_storage)
        known = run.ready.get(key)
        if known is not None and known.loaded.family is loaded.family:
            return replace(known, loaded=loaded, stage=stage)
        family = loaded.family
        levels = family.sigmas_at(request.width, request.height)
        own = replace(job, request=request, loras=job.hires_loras if stage.hires and _with_hires(job.drawn).hires_prompt else job.loras)
        fit = self._adapters.fit_what_fits if refiner else self._adapters.fit
        adapters = fit(own, family, run.note, self._checkpoints.beside)
        if request.clip_skip > family.text_layers:
            run.note(f"Clip skip {request.clip_skip}: the text encoder has {family.text_layers} layers, so its first one was used.")
        for name in left_out(family, request):
            run.note(f"{name} works in a U-Net, which this checkpoint has none of, so it was left out.")
        sigmas = sigmas_of(request, levels, stage.steps.scheduled, levels_of(self._hooks, request.schedule_type))
        ready = _Ready(stage, loaded, levels, sigmas, adapters)
        run.ready[key] = ready
        return ready

    @contextmanager
    def _at_work(self, run: _Run, stage: Pass[ResolvedDrawn], group: _Group, full: bool, start: Start | None = None) -> Iterator[_Work]:
        """Within the block the checkpoint of a pass is the one that draws. full: in fp32, whatever it is in.

        start: what the pass starts from, where that isn't what the job does.
        """
        ready = self._ready(run, stage)
        if stage.hires not in group.memories:
            group.memories[stage.hires] = self._memory.begin(
                ready.loaded,
                run.job,
                stage,
                len(group.images),
                run.control,
                lambda text: run.emit(Note(text)),
                ready.adapters.controls.nbytes,
                ready.adapters.bytes_made(self.device.dtype.itemsize, stay=not self.device.copies),
            )
        memory = group.memories[stage.hires]
        memory.loaded = ready.loaded
        with ExitStack() as until_done:
            family = _computing(ready, full, until_done)
            yield _Work(run, group, ready, memory, family, full, until_done, run.start if start is None else start)

    def _draw(self, run: _Run, images: tuple[int, ...]) -> None:
        """Make the pictures of one batch and emit them, or say that they were skipped."""
        started = time.perf_counter()
        group = _Group(images)
        try:
            drawn = self._sound(run, group)
        except PictureSkipped:
            for image in images:
                run.emit(Skipped(image))
        else:
            measured = {**group.watch.seconds, **memory_facts(list(group.memories.values()))}
            facts = self._facts(run) | measured | {"work": picture_work(run.job.drawn), "pictures": len(images)} | drawn.facts
            finisher, spent = self._finisher(run.job, run.control, run.emit), 0.0
            for image, (picture, sub_requests) in zip(images, self._finished(run, drawn), strict=True):
                facts = {**facts, **sub_requests}
                seconds = (time.perf_counter() - started - spent) / len(images)
                try:
                    finished, measured = finisher.finish(image, picture)
                except PictureSkipped:
                    run.emit(Skipped(image))
                    run.control.picture_ended()
                    continue
                own = measured.get("finish", 0.0)
                spent += own
                run.emit(picture_event(image, finished, facts | measured | {"seconds": seconds + own}))
        finally:
            for stage, seconds in group.watch.seconds.items():
                run.watch.seconds[stage] = run.watch.seconds.get(stage, 0.0) + seconds
            run.control.picture_ended()
            for note in self._hooks.told():
                run.emit(note)

    def _sound(self, run: _Run, group: _Group) -> _Drawn:
        """Pictures whose numbers are sound, or as sound as fp32 makes them.

        Where half precision gives NaN or a picture of one colour, all is done again in fp32: that picture's text,
        denoising and decoding, and no other's, so that a picture never depends on what came before it.
        """
        half = run.ready[False, False].loaded.family.dtype in HALF
        try:
            drawn = self._attempt(run, group, full=False)
            if not of_one_colour(drawn.pixels):
                return drawn
            if not half:
                run.note(f"The picture is {ONE_COLOUR}. {IF_UNEXPECTED}")
                return drawn
            fault = f"it was {ONE_COLOUR}"
        except ModelProducedNan as broken:
            # A VAE that fails has been tried in fp32 by then.
            if not half or (broken.part == VAE and len(group.images) == 1):
                raise
            fault = f"the {broken.part} produced NaN"
        if len(group.images) > 1:
            raise _DrawAlone
        reason = f"{fault} in {self.device.dtype_name}"
        run.note(f"Drawn again in full precision, because {reason}.")
        drawn = self._attempt(run, group, full=True)
        drawn.facts |= {"dtype": "float32", "retried": reason}
        if of_one_colour(drawn.pixels):
            run.note(f"The picture is {ONE_COLOUR} in full precision too. {IF_UNEXPECTED}")
        return drawn

    def _attempt(self, run: _Run, group: _Group, *, full: bool) -> _Drawn:
        """Draw the pictures of one batch. Raises ModelProducedNan, PictureSkipped, JobInterrupted, OutOfMemory, CheckpointUnusable."""
        if any(stage.window or stage.tile for stage in run.passes):
            return self._part_by_part(run, group, full)
        first, *hires = run.passes
        with self._at_work(run, first, group, full) as work:
            start, facts = self._beginning(work)
            done, context = self._denoise(work, start)
            if not hires:
                drawn = self._decoded(done, context)
                drawn.facts, drawn.start = facts | drawn.facts, run.start
                return drawn
            carried, facts = self._carried_over(done, context)
        with self._at_work(run, hires[0], group, full) as work:
            start, more = self._enlarged(work, carried)
            drawn = self._decoded(*self._denoise(work, start))
        drawn.facts = facts | more | drawn.facts
        return drawn

    def _part_by_part(self, run: _Run, group: _Group, full: bool) -> _Drawn:
        """A picture of which window by window or tile by tile is drawn, each into what those before have left. Raises as `_attempt`."""
        canvas, facts = run.canvas, {}
        drawn = None
        for stage in run.passes:
            canvas, start = run.next_part(canvas, stage)
            with self._at_work(run, stage, group, full, start) as work:
                begun, more = self._beginning(work)
                drawn = self._decoded(*self._denoise(work, begun))
            facts |= more | drawn.facts
            drawn.start = start
            (picture,) = self._laid(drawn)
            canvas = replace(canvas, picture=picture)
        assert drawn is not None, "there is a part"
        return _Drawn(drawn.context, as_pixels(canvas.picture), facts)

    def _beginning(self, work: _Work) -> tuple[Beginning | None, dict[str, Any]]:
        """What a pass begins with, and facts; None: noise alone."""
        request, start = work.request, work.start
        if start is None or not isinstance(request, PictureFromPicture):
            return None, {}
        pixels = as_input(as_pixels(start.picture))
        _, height, width = work.family.latent_shape(request.width, request.height)
        soft = isinstance(request, Inpaint) and request.soft_inpainting
        with work.group.watch.stage("encode picture"):
            latents, facts = self._by_vae(work, lambda family: family.encode(pixels))
            source = seen = None
            if soft and start.unfilled is not None:
                unfilled = as_input(as_pixels(start.unfilled))
                source, more = self._by_vae(work, lambda family: family.encode(unfilled))
                source, facts = resized(source, width, height), facts | more
            if work.family.sees_masks:
                masked, more = self._by_vae(work, lambda family: family.encode(hidden(pixels, start.mask, request.mask_weight)))
                seen, facts = shown(resized(masked, width, height), start.mask), facts | more
        redrawn = None if start.mask is None else as_latent_mask(start.mask, width, height, soft=soft).to(latents)
        return Beginning(resized(latents, width, height), redrawn, seen, source), facts

    def _carried_over(self, work: _Work, context: DenoiseContext) -> tuple[torch.Tensor, dict[str, Any]]:
        """What the hires pass begins with: the latents, or the picture for upscalers that work on pixels; and facts."""
        known = known_upscaler(_with_hires(work.run.job.drawn).hires_upscaler)
        if known is not None and known.latent:
            return context.latents, {}
        drawn = self._decoded(work, context)
        return drawn.pixels, drawn.facts

    def _enlarged(self, work: _Work, carried: torch.Tensor) -> tuple[Beginning, dict[str, Any]]:
        """The latents that the hires pass draws on, and facts."""
        asked = _with_hires(work.run.job.drawn)
        by, upscaler = asked.enlargement, known_upscaler(asked.hires_upscaler)
        assert by is not None, "there is a hires pass"
        if upscaler is not None and upscaler.latent:
            return Beginning(cut(enlarge_latents(carried, by, upscaler), by)), {}
        if upscaler is None or upscaler.offered:
            enlarged = self._enlarged_one_by_one(work.run, carried, by)
        else:
            enlarged = enlarge_pixels(carried, by, upscaler)
        pixels = as_input(enlarged)
        with work.group.watch.stage("enlarge"):
            latents, facts = self._by_vae(work, lambda family: family.encode(pixels))
        return Beginning(cut(latents, by)), facts

    def _enlarged_one_by_one(self, run: _Run, carried: torch.Tensor, by: Enlargement) -> torch.Tensor:
        """Pictures (batch, height, width, 3) uint8 in the size of the whole enlarged one, by the hires pass's model or add-on."""
        pictures = [Image.fromarray(pixels.numpy(), "RGB") for pixels in carried]
        named = _with_hires(run.job.drawn).hires_upscaler
        enlarge = partial(self._by_model, run) if known_upscaler(named) is None else enlarge_of(self._hooks, named)
        return torch.stack([torch.from_numpy(np.array(enlarge(picture, by.cover))) for picture in pictures])

    def _by_model(self, run: _Run, picture: Image.Image, size: Size) -> Image.Image:
        """A picture (RGB) enlarged to that size by the model that the job names for it. Raises as `enlarge_with_less` does."""
        wanted = upscaler_model_of(run.job.drawn)
        assert wanted is not None, "there is one"
        model = self._upscaler(wanted[1], run.job.upscaler_path, run.emit)
        way = plan_way(model, picture.size, size, Tiling(0, 0), self.device)
        return enlarge_with_less(way, picture, self.device, run.control.check, run.note, allowed=run.job.try_with_less)

    def _source_enlarged(self, run: _Run, source: Image.Image) -> Image.Image:
        """The source of a job as large as its picture needs it, where that is drawn in tiles; its resize mode does the rest, by Lanczos."""
        request = run.job.drawn
        if not isinstance(request, Img2Img) or request.tiled_drawing == "Off" or request.resize_mode == LATENT:
            return source
        factor = max(request.width / source.width, request.height / source.height)
        if factor <= 1 or request.tiled_upscaler == LANCZOS:
            return source
        cover = round(source.width * factor), round(source.height * factor)
        known = known_upscaler(request.tiled_upscaler)
        with run.watch.stage("enlarge"):
            if known is None:
                return self._by_model(run, source, cover)
            if known.offered:
                return enlarge_of(self._hooks, known.label)(source, cover)
            return source.resize(cover, Image.Resampling[known.mode])

    def _denoise(self, work: _Work, start: Beginning | None) -> tuple[_Work, DenoiseContext]:
        """One pass, from noise alone or from clean latents with noise on them; and with which checkpoint it ended."""
        run, group, ready = work.run, work.group, work.ready
        with run.watch.stage("encode"):
            positive, negative = self._encode(work, start)

        def denoise(carrying: Carrying) -> tuple[_Work, DenoiseContext]:
            # All anew at each try, the noise too: what comes out is the picture of the seed.
            self._ready(run, ready.stage)
            noise = PictureNoise.of(work.request, group.images, work.family.latent_shape, self.device.torch_device, ready.schedule)
            latents, mask = self._noised(work, start, noise.first())
            context = DenoiseContext(
                work.request,
                group.images,
                ready.sigmas,
                ready.levels,
                positive,
                negative,
                latents,
                hires=ready.stage.hires,
                mask=mask,
                layout=self._layout(work, latents),
                tiles=_tiles(work, latents),
            )
            if not context.steps:
                return work, context
            at_work = work
            with ExitStack() as patches:
                self._put_on(work, context, carrying, patches)

                def refine() -> Family:
                    nonlocal at_work
                    patches.close()
                    at_work = self._refining(work)
                    context.positive, context.negative = self._encode(at_work, start)
                    self._put_on(at_work, context, carrying, patches)
                    return at_work.family

                denoise_latents(
                    work.family,
                    context,
                    noise,
                    before_step=run.control.check,
                    guessed=self._hooks.denoise_step,
                    step_done=self._progress(work, lambda: at_work.family),
                    take_over=TakeOver(refiner_due(ready.stage, ready.levels), refine) if ready.stage.refined else None,
                    sample=sampler_of(self._hooks, work.request.sampler),
                )
            self.device.synchronize()
            context.latents = self._hooks.latents_ready(context.latents, context)
            return at_work, context

        shown = group.watch.seconds.get("preview", 0.0)
        with group.watch.stage("denoise"):
            done, context = work.memory.changing(DENOISE, denoise)
        group.watch.seconds["denoise"] -= group.watch.seconds.get("preview", 0.0) - shown
        run.control.check()
        return done, context

    def _put_on(self, work: _Work, context: DenoiseContext, carrying: Carrying, patches: ExitStack) -> None:
        """All that the denoiser of a pass wears while it is at work, what add-ons put on last."""
        _put_on(work, context, carrying, patches)
        if self._hooks.patches():
            model = patchable(work.family, hires=work.ready.stage.hires)
            left: list[str] = []
            patches.callback(lambda: work.run.note(f"An add-on left {left[0]} changed; it was put back.") if left else None)
            patches.enter_context(restored(model.denoiser, left))
            patches.enter_context(self._hooks.patched(model, work.request))

    def _noised(self, work: _Work, start: Beginning | None, noise: torch.Tensor) -> tuple[torch.Tensor, LatentMask | None]:
        """The noisy latents that a pass begins with, and what stays of the picture below. noise: unit noise."""
        request, sigma = work.request, work.ready.sigmas[0]
        path = NoisePath(work.ready.levels.flow)
        if start is None:
            return path.noised(torch.zeros((), device=noise.device), noise, sigma), None
        content = request.masked_content if isinstance(request, Inpaint) else ""
        mask = start.mask(noise, content, SoftInpainting.of(request, path))
        clean = start.latents.to(noise.device) if mask is None else mask.clean
        if not isinstance(request, PictureFromPicture) or not sigma:
            return path.noised(clean, noise, sigma), mask
        noise = noise * request.noise_multiplier
        return path.noised(clean, noise, sigma) + noise * request.extra_noise, mask

    def _layout(self, work: _Work, latents: torch.Tensor) -> Layout | None:
        """Where the prompts of regions rule in a pass; None without any."""
        masks, request = read_region_masks(work.run.job, work.start), work.request
        if not masks:
            return None
        by = work.run.job.drawn.enlargement if work.ready.stage.hires else None
        height, width = latents.shape[-2:]
        layout = Layout.of(request.regions, masks, width, height, by).to(latents)
        # What lies outside of one part of a picture may lie in another.
        for number in layout.nowhere if work.ready.stage.window is None and work.ready.stage.tile is None else ():
            work.run.note(f"Region {number} lies outside of what is drawn, so it was left out.")
        return layout

    def _refining(self, work: _Work) -> _Work:
        """The pass with the refiner in place of its checkpoint, until it is done."""
        ready = self._ready(work.run, work.ready.stage, refiner=True)
        family = _computing(ready, work.full, work.until_done)
        return replace(work, ready=ready, memory=work.memory.of(ready.loaded), family=family)

    def _progress(self, work: _Work, family: Callable[[], Family]) -> _Progress:
        run, stage = work.run, work.ready.stage
        before = sum(one.steps.taken for one in itertools.takewhile(lambda one: one is not stage, run.passes))
        return _Progress(family, run.job, work.group.watch, run.emit, before, run.steps)

    def _decoded(self, work: _Work, context: DenoiseContext) -> _Drawn:
        """The pictures of finished latents."""
        with work.group.watch.stage("decode"):
            pixels, facts = self._by_vae(work, lambda family: self._decode(work, family, context.latents), of_one_colour)
        work.run.control.check()
        return _Drawn(context, pixels, facts)

    def _decode(self, work: _Work, family: Family, latents: torch.Tensor) -> torch.Tensor:
        """Pixels of latents; seamless ones are shown beyond their edges where the VAE decodes in tiles, which can't look around."""
        x, y = work.request.tiles
        if work.memory.plan.vae != TILED or not (x or y):
            return family.decode(latents)
        return without_overlap(family.decode(overlapped(latents, x=x, y=y)), latents, x=x, y=y)

    def _encode(self, work: _Work, start: Beginning | None) -> tuple[tuple[Pull, ...], Timeline[Conditioning] | None]:
        """Conditioning of prompt and negative prompt over the calls of the denoiser; no negative where guidance is off."""
        request, adapters, memory, family = work.request, work.ready.adapters, work.memory, work.family
        wording = Wording(request.clip_skip, request.emphasis, request.comma_backtrack)
        steps = work.ready.stage.prompt_steps

        def encoded(text: str, negative: bool = False) -> Conditioning:
            key = (memory.loaded.text_identity, family.dtype, adapters.text_key, text, wording, negative)
            made = self._conditioning.get(key, lambda: memory.stage(ENCODE, lambda: encode(text, negative)))
            told = {MASKED: start.shown} if start is not None and start.shown is not None and family.sees_masks else {}
            if family.distilled_guidance:
                told[GUIDANCE] = torch.full((1,), request.distilled_cfg_scale, device=made.tokens.device)
            return replace(made, further={**made.further, **told}) if told else made

        def encode(text: str, negative: bool) -> Conditioning:
            with adapters.on_text_encoders():
                made = encode_text(family, text, wording, adapters.embeddings, negative=negative)
            for part in made.parts():
                require_finite(part, TEXT_ENCODER)
            return made

        positive = tuple(
            Pull(part.over(steps).map(encoded), part.weight, place)
            for place, text in enumerate((request.prompt, *request.region_prompts))
            for part in read_prompt(text).parts
        )
        if request.guidance_scale == 1 and stands_alone(positive):
            return positive, None
        (asked,) = read_negative_prompt(request.negative_prompt).parts
        negative = asked.over(steps).map(lambda text: encoded(text, negative=True))
        if not request.pad_conds:
            return positive, negative
        length = max(one.length for timeline in (negative, *(pull.conditioning for pull in positive)) for one in timeline.entries)

        def padded(conditioning: Conditioning) -> Conditioning:
            return pad_with(conditioning, encoded(""), length)

        return tuple(replace(pull, conditioning=pull.conditioning.map(padded)) for pull in positive), negative.map(padded)

    def _by_vae(
        self, work: _Work, ask: Callable[[Family], torch.Tensor], broken: Callable[[torch.Tensor], bool] = lambda made: False
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """What the VAE makes, and facts; one that overflows in half (a known weakness of some) is asked once more in fp32.

        broken: whether what it made is a sign of that. Encoding needs no more memory than decoding the same picture.
        """
        family, (x, y) = work.family, work.request.tiles

        def asked() -> torch.Tensor:
            whole = work.memory.plan.vae != TILED
            with seamless(family.modules[VAE_KIND], x=x and whole, y=y and whole):
                return ask(family)

        def made() -> tuple[torch.Tensor, dict[str, Any]]:
            try:
                result = asked()
                if family.dtype not in HALF or not broken(result):
                    return result, {}
                fault = f"the picture was {ONE_COLOUR}"
            except ModelProducedNan:
                if family.dtype not in HALF:
                    raise
                fault = "the VAE produced NaN"
            with family.vae_in_float32():
                result = asked()
            return result, {"vae_dtype": "float32", "retried": f"{fault} in {self.device.dtype_name}"}

        return work.memory.stage(DECODE, made)

    def _finished(self, run: _Run, drawn: _Drawn) -> Iterator[tuple[Image.Image, dict[str, Any]]]:
        """The pictures as add-ons want them, each with facts of what they had drawn for it."""
        for picture in self._laid(drawn):
            subs = drawn.context.sub_requests = SubRequests(
                run.job, lambda job: self._sub_request(run, job), partial(found_by, self._hooks)
            )
            try:
                finished = self._hooks.image_ready(picture, drawn.context).convert("RGB")
            finally:
                subs.close()
                drawn.context.sub_requests = None
            yield finished, {"sub_requests": subs.made} if subs.made else {}

    def _sub_request(self, run: _Run, job: JobSpec) -> Image.Image:
        """The picture of a job within another one, whose buttons end both; of its steps nothing is told but that it is drawn."""
        told = (Stage, Note)
        sub = _Run(job, run.control, Stopwatch(), lambda event: run.emit(event) if isinstance(event, told) else None, self._source_enlarged)
        run.emit(Stage("Redrawing a part"))
        self._ready_for_all(sub)
        drawn = self._sound(sub, _Group((0,)))
        return next(iter(self._laid(drawn)))

    def _laid(self, drawn: _Drawn) -> Iterator[Image.Image]:
        """The pictures, each laid into what it started from."""
        mask, start = drawn.context.mask, drawn.start
        taken = None if mask is None or start is None or start.matches_edges else mask.taken(drawn.context.latents)
        for index, row in enumerate(drawn.pixels):
            picture = Image.fromarray(row.numpy(), "RGB")
            if start is not None:
                picture = start.finished(picture, None if taken is None else as_overlay(taken[index]))
            yield picture

    def _facts(self, run: _Run) -> dict[str, Any]:
        """What was measured so far, for Picture and Done."""
        asked = {"sigmas": len(run.ready[False, False].sigmas), "weight_storage": run.job.drawn.weight_storage}
        return {**run.watch.seconds, **self._machine_facts(), **asked}

    def _machine_facts(self) -> dict[str, Any]:
        return {
            "device": self.device.name,
            "dtype": self.device.dtype_name,
            "threads": torch.get_num_threads(),
            "versions": self._versions,
            "source": self._source,
        }


class _Progress:
    """Says each step, with a preview at most every so many seconds, at the first and at the last step always.

    Each step of a job that is filmed has a frame besides.
    """

    def __init__(self, family: Callable[[], Family], job: JobSpec, watch: Stopwatch, emit: Emit, before: int, steps: int) -> None:
        """family: the one that draws now. before: steps of the passes that are done. steps: of all passes."""
        self._family = family
        self._interval = job.preview_interval
        self._film = job.film
        self._watch = watch
        self._emit = emit
        self._before = before
        self._steps = steps
        self._next_preview = 0.0

    def __call__(self, context: DenoiseContext) -> None:
        now = time.perf_counter()
        wanted = now >= self._next_preview or context.step in (0, context.steps - 1)
        step = self._before + context.step + 1
        for row, image in enumerate(context.images):
            preview, frame = self._seen(context.denoised[row], wanted)
            self._emit(Step(image, step, self._steps, preview, frame, context.sigma if self._film else None))
        if wanted:
            self._next_preview = now + self._interval

    def _seen(self, latents: torch.Tensor, wanted: bool) -> tuple[bytes, bytes]:
        """Preview and frame of one picture's latents, each empty where there is to be none."""
        if not (wanted or self._film):
            return b"", b""
        with self._watch.stage("preview"):
            view = self._family().preview()
            return view.jpeg(latents) if wanted else b"", view.frame(latents) if self._film else b""

"""train(job): from a folder of pictures to a LoRA's file, one step per line. Stopped anywhere and called again, it goes on where its
last saved state is, and ends with the very same weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open

from webui.durable import write_durably
from webui.engine.device import DTYPES, Device, open_device, use_threads
from webui.engine.families.base import Conditioning
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.modules import import_model_libraries
from webui.engine.memory.loaded import DENOISER, VAE
from webui.engine.training.bench import NOWHERE, Bench
from webui.engine.training.captions import as_batch, encode_caption, encode_each
from webui.engine.training.latents import Latents, latents_for
from webui.engine.training.memory import require_room
from webui.engine.training.metadata import metadata_of, with_hashes
from webui.engine.training.network import Network, put_on
from webui.engine.training.objective import losses_of, predicts_v, rate_at
from webui.engine.training.order import Order, generator_for
from webui.engine.training.previews import Previews
from webui.engine.training.state import MOMENTS, restore_state, save_state
from webui.errors import Conflict, DataUnusable, EaselError
from webui.training.job import TrainingJob
from webui.training.pictures import PictureSet, Size, bucket_of, bucket_sizes, full_caption, pictures_for
from webui.training.run_folder import RunFolder

log = logging.getLogger(__name__)

WEIGHT_DECAY = 0.01
MOST_GRADIENT = 1.0
"""Length that gradients are cut to, which keeps one odd picture from ruining all."""

RUN_KEY = "easel_run"
"""Metadata of the file: which run made it."""

Tell = Callable[[Mapping[str, Any]], None]
"""Is told {"stage": words, "total": n, "place": done}, {"done": n, "loss": x}, {"sample": file name}."""


class TrainingFailed(EaselError):
    """Its numbers became none any more."""

    code = "training_failed"


class Stopped(Exception):
    """Somebody ended the run; its state is saved."""


class Wishes(Protocol):
    """What others want of a run."""

    def heed(self, park: Callable[[], None], go_on: Callable[[], None]) -> None:
        """Called between any two pieces of work. Waits while the device is wanted by others, parked; raises Stopped."""
        ...


class NoWishes:
    """Nobody wants anything."""

    def heed(self, park: Callable[[], None], go_on: Callable[[], None]) -> None:
        """Go on."""


def training_device(job: TrainingJob) -> Device:
    """The device, with numbers that gradients survive in: bf16 where it computes with them, else fp32; never fp16."""
    device = open_device(job.device, job.dtype)
    if device.dtype != torch.float16 or job.dtype != "auto":
        return device
    sound = device.torch_device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return replace(device, dtype=DTYPES["bfloat16" if sound else "float32"])


@dataclass
class _Run:
    """All that stays the same over the steps. conditioning: of captions, where the text encoders aren't trained."""

    job: TrainingJob
    folder: RunFolder
    bench: Bench
    found: PictureSet
    sizes: list[Size]
    latents: Latents
    network: Network
    optimizer: torch.optim.AdamW
    order: Order
    rates: list[float]
    conditioning: dict[str, Conditioning] = field(default_factory=dict)

    def place(self, kinds: Collection[str] | None = None) -> None:
        """Have these parts on the device, or all that steps compute with, and what the optimizer remembers of them where they are."""
        texts = [kind for kind in self.bench.modules if kind.startswith("text_encoder")] if self.job.recipe.text_encoder else []
        self.bench.place((DENOISER, *texts) if kinds is None else kinds)
        for weight, remembered in self.optimizer.state.items():
            for name in MOMENTS:
                remembered[name] = remembered[name].to(weight.device)

    def caption(self, number: int) -> str:
        """Of a picture."""
        return full_caption(self.job.recipe.trigger, self.found.pictures[number].caption)


def train(job: TrainingJob, tell: Tell = lambda told: None, wishes: Wishes | None = None) -> list[str]:
    """Train, or go on; the LoRA is in `job.target` when this returns. Returns what its owner should know.

    Raises EaselError (InvalidRequest, CheckpointUnusable, TrainingFailed, DataUnusable), and Stopped.
    """
    wishes = wishes or NoWishes()
    use_threads(job.threads)
    folder = RunFolder(job.run)
    try:
        folder.make()
        run = _prepared(job, folder, tell, wishes)
        done = restore_state(folder.state, run.network, run.optimizer)
        _Learning(run, done, tell, wishes).go()
        notes = _notes(run)
        _write(run)
    except OSError as error:
        raise DataUnusable(
            f"{error.filename or job.run} can't be written: {error.strerror or error}.", hint="Check the disk and its rights, then resume."
        ) from None
    return notes


def _prepared(job: TrainingJob, folder: RunFolder, tell: Tell, wishes: Wishes) -> _Run:
    recipe = job.recipe
    found = folder.kept_pictures()
    if found is None:
        found = pictures_for(recipe)
        folder.keep_pictures(found)
    tell({"stage": f"Loading {job.checkpoint_name}", "total": 0})
    import_model_libraries()
    device = training_device(job)
    source = open_checkpoint(job.checkpoint, job.roots, job.cache)
    bench = Bench(source, device)
    wishes.heed(partial(bench.place, NOWHERE), _nothing)
    resolution = recipe.resolution or native_side(bench)
    sizes = sizes_for(found, resolution, buckets=recipe.buckets)
    checkpointed = require_room(source, bench, recipe, max(sizes, key=lambda size: size[0] * size[1]))
    if checkpointed:
        bench.family.unet.enable_gradient_checkpointing()
    latents = _latents(bench, found, sizes, folder, recipe.flip, tell, wishes)
    network = put_on(bench.modules, rank=recipe.rank, alpha=recipe.alpha, text_encoders=recipe.text_encoder, seed=recipe.seed)
    rates = {DENOISER: recipe.learning_rate}
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for _, kind, weight in network.named_parameters():
        groups.setdefault(rates.get(kind, recipe.text_encoder_rate), []).append(weight)
    optimizer = torch.optim.AdamW([{"params": weights, "lr": rate} for rate, weights in groups.items()], weight_decay=WEIGHT_DECAY)
    buckets: dict[Size, list[int]] = {}
    for number, (picture, size) in enumerate(zip(found.pictures, sizes, strict=True)):
        buckets.setdefault(size, []).extend([number] * picture.repeats)
    order = Order(list(buckets.values()), recipe.batch_size, recipe.seed)
    run = _Run(job, folder, bench, found, sizes, latents, network, optimizer, order, list(groups))
    if not recipe.text_encoder:
        bench.place([kind for kind in bench.modules if kind.startswith("text_encoder")])
        said = encode_each(bench.family, ["", *(run.caption(number) for number in range(len(sizes)))], recipe.clip_skip)
        run.conditioning = {caption: row.map(lambda tensor: tensor.cpu()) for caption, row in said.items()}
    run.place()
    return run


def native_side(bench: Bench) -> int:
    """Pixels of the side of the square that the checkpoint was trained on."""
    sample = bench.family.unet.config.sample_size
    return bench.family.pixels_per_latent * int(sample if isinstance(sample, int) else min(sample))


def sizes_for(found: PictureSet, resolution: int, *, buckets: bool) -> list[Size]:
    """What each picture is brought to."""
    square = (resolution, resolution)
    known = bucket_sizes(resolution) if buckets else (square,)
    return [bucket_of(picture.size, resolution, known) for picture in found.pictures]


def _latents(bench: Bench, found: PictureSet, sizes: list[Size], folder: RunFolder, flip: bool, tell: Tell, wishes: Wishes) -> Latents:
    tell({"stage": "Reading pictures", "total": len(sizes)})
    bench.place((VAE,))

    def between(done: int) -> None:
        tell({"done": done})
        wishes.heed(partial(bench.place, NOWHERE), partial(bench.place, (VAE,)))

    return latents_for(bench.family, found, sizes, folder, mirrored=flip, between=between)


class _Learning:
    """The steps of a run, with previews and saved states between them. done: how many are; saved: how many of them are on disk."""

    def __init__(self, run: _Run, done: int, tell: Tell, wishes: Wishes) -> None:
        self._run = run
        self._done = self._saved = done
        self._tell = tell
        self._wishes = wishes
        self._previews = _previews(run) if run.job.recipe.preview_every else None

    def go(self) -> None:
        """Take all steps that are left. Raises Stopped once the state is saved, TrainingFailed, OSError."""
        recipe, folder = self._run.job.recipe, self._run.folder
        folder.begin_losses(after=self._done)
        self._begin()
        self._look()
        while self._done < recipe.steps:
            self._heed()
            loss = _step(self._run, self._done)
            if not math.isfinite(loss):
                raise TrainingFailed(
                    f"After {self._done} steps its numbers were none any more (NaN).",
                    field="learning_rate",
                    hint="Train anew with a lower learning rate.",
                )
            self._done += 1
            folder.add_loss(self._done, loss)
            self._tell({"done": self._done, "loss": loss})
            if self._done % recipe.save_every == 0 or self._done == recipe.steps:
                self._save()
            self._look()

    def _begin(self) -> None:
        self._tell({"stage": "Training", "total": self._run.job.recipe.steps, "place": self._done})

    def _look(self) -> None:
        recipe = self._run.job.recipe
        if self._previews is None or (self._done % recipe.preview_every and self._done != recipe.steps):
            return
        self._tell({"stage": "Drawing previews", "total": 0})
        for name in self._previews.draw(self._done, self._heed):
            self._tell({"sample": name})
        self._run.place()
        self._begin()

    def _heed(self) -> None:
        try:
            self._wishes.heed(self._park, self._run.place)
        except Stopped:
            self._save()
            raise

    def _park(self) -> None:
        # Nobody knows how long it waits, and whether Easel is still there then.
        self._save()
        self._run.place(NOWHERE)

    def _save(self) -> None:
        if self._done > self._saved:
            save_state(self._run.folder.state, self._run.network, self._run.optimizer, self._done)
            self._saved = self._done


def _step(run: _Run, number: int) -> float:
    """Learn from one batch. Returns its loss."""
    recipe, family, device = run.job.recipe, run.bench.family, run.bench.device.torch_device
    chosen = run.order.batch(number)
    lots = generator_for(recipe.seed, "step", number)
    mirrored = (torch.rand(len(chosen), generator=lots) < 0.5).tolist()
    silent = (torch.rand(len(chosen), generator=lots) < recipe.caption_dropout).tolist()
    places = torch.randint(len(family.sigmas.levels), (len(chosen),), generator=lots)
    latents = torch.stack([run.latents.of(each, mirrored=recipe.flip and turned) for each, turned in zip(chosen, mirrored, strict=True)])
    noise = torch.randn(latents.shape, generator=lots)
    words = ["" if quiet else run.caption(each) for each, quiet in zip(chosen, silent, strict=True)]
    known = run.conditioning
    rows = [known[caption] if known else encode_caption(family, caption, recipe.clip_skip) for caption in words]
    conditioning = as_batch(rows).map(lambda tensor: tensor.to(device))
    loss = losses_of(family, latents.to(device), conditioning, places, noise.to(device), recipe.min_snr).mean()
    loss.backward()
    weights = [weight for _, _, weight in run.network.named_parameters()]
    torch.nn.utils.clip_grad_norm_(weights, MOST_GRADIENT)
    share = rate_at(number, recipe.steps, recipe.learning_schedule, recipe.warmup)
    for group, rate in zip(run.optimizer.param_groups, run.rates, strict=True):
        group["lr"] = rate * share
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _previews(run: _Run) -> Previews:
    recipe = run.job.recipe
    prompts = recipe.previews or (run.caption(0),)
    side = recipe.resolution or native_side(run.bench)
    return Previews(run.bench, run.folder, prompts, run.job.drawing, side, recipe.seed)


def _notes(run: _Run) -> list[str]:
    count = len(run.found.pictures)
    seen = run.job.recipe.steps * run.job.recipe.batch_size / max(1, sum(picture.repeats for picture in run.found.pictures))
    return [f"Learned from {count} pictures, each about {seen:.0f} times." if seen >= 1 else f"Learned from {count} pictures."]


def _write(run: _Run) -> None:
    """The LoRA's file. Raises Conflict where there is another one by that name."""
    job, family = run.job, run.bench.family
    metadata = metadata_of(
        job,
        run.found,
        run.sizes,
        resolution=job.recipe.resolution or native_side(run.bench),
        velocity=predicts_v(family),
        rounds=math.ceil(job.recipe.steps / run.order.batches),
        begun=run.folder.begun,
        dtype={torch.bfloat16: "bf16", torch.float32: "no"}.get(family.dtype, "fp16"),
    )
    data = with_hashes(run.network.as_file(), metadata | {RUN_KEY: job.run.name})
    try:
        write_durably(job.target, data, replace=False)
    except FileExistsError:
        # Of this very run, which was killed before it could say that it had ended; or somebody else's.
        if _run_of(job.target) != job.run.name:
            raise Conflict(f"There is a {job.target.name} already.", field="name", hint="Move it elsewhere, then resume.") from None
        write_durably(job.target, data)


def _run_of(path: Path) -> str:
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get(RUN_KEY, "")
    except SafetensorError:
        return ""


def _nothing() -> None:
    """Nothing to bring back."""

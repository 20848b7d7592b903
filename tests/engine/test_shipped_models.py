"""The models that come with Easel have their effect through its engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from training.edges import edges_of
from training.measure_edges import overlap
from training.measure_gold import gold_share
from webui.generation.control import ControlUnit
from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import ControlUse, JobSpec, LoraUse
from webui.settings import PROGRAM_ROOT

from .drawing import CHECKPOINT, job, pixels

MODELS = PROGRAM_ROOT / "models"
INK = MODELS / "checkpoints" / "easel-ink"
EDGES = MODELS / "controlnet" / "easel-emoji-edges"
GOLD = MODELS / "loras" / "easel-gold.safetensors"

Run = Callable[[JobSpec], list[WorkerEvent]]


def drawn(run: Run, spec: JobSpec) -> np.ndarray:
    (picture,) = [event for event in run(spec) if isinstance(event, Picture)]
    return pixels(picture)


def colourfulness(picture: np.ndarray) -> float:
    """Mean distance of the colours of the middle from grey, in levels."""
    middle = picture[32:96, 32:96].astype(int)
    return float((middle.max(-1) - middle.min(-1)).mean())


def dark_share(picture: np.ndarray) -> float:
    """The share of pixels that are nearly black."""
    return float((picture.max(-1) < 90).mean())


def test_ink_draws_the_same_words_and_seed_in_another_style(run: Run) -> None:
    """On white the one is coloured, the other black lines."""
    for seed, thing in enumerate(("strawberry", "fox")):
        words = f"{thing} on a white background"
        toy, ink = (drawn(run, job(words, steps=10, seed=seed, path=path)) for path in (CHECKPOINT, INK))
        assert colourfulness(ink) < 0.5 * colourfulness(toy)
        assert dark_share(ink) > dark_share(toy) + 0.05, "lines are black"


def test_ink_shares_all_but_its_denoiser() -> None:
    for part in ("vae", "text_encoder", "tokenizer", "scheduler"):
        files = sorted(path.relative_to(CHECKPOINT) for path in (CHECKPOINT / part).iterdir())
        assert files
        assert all((CHECKPOINT / file).read_bytes() == (INK / file).read_bytes() for file in files), part


def test_edges_are_followed(run: Run, tmp_path: Path) -> None:
    """The edges of one picture lead another seed of the same words; with weight 0 the picture is the one without them, byte for byte."""
    gained = []
    for words, seed in (("red heart on a white background", 3), ("pear on a white background", 9)):
        given = edges_of(Image.fromarray(drawn(run, job(words, steps=8, seed=seed))))
        path = tmp_path / f"{seed}.png"
        Image.fromarray(given).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        plain = job(words, steps=8, seed=seed + 1)

        def led(weight: float, spec: JobSpec = plain, digest: str = digest, path: Path = path) -> np.ndarray:
            unit = ControlUnit(model=EDGES.name, image=digest, preprocessor="none", weight=weight)
            request = spec.request.model_copy(update={"controls": (unit,)})
            return drawn(run, replace(spec, request=request, controls=(ControlUse(str(EDGES)),), image_paths={digest: str(path)}))

        without = drawn(run, plain)
        assert np.array_equal(led(0.0), without)
        gained.append(overlap(given[..., 0], edges_of(Image.fromarray(led(1.0)))[..., 0]))
        gained[-1] -= overlap(given[..., 0], edges_of(Image.fromarray(without))[..., 0])
    assert np.mean(gained) > 0.1, gained


def test_gold_moves_colours_and_weight_0_leaves_every_byte(run: Run) -> None:
    gained = []
    for seed, words in enumerate(("red heart on a white background", "strawberry on a white background", "robot on an orange background")):
        plain = job(words, steps=8, seed=seed)
        without = drawn(run, plain)

        def cast(weight: float, spec: JobSpec = plain) -> np.ndarray:
            use = LoraUse(GOLD.stem, str(GOLD), text_encoder_weight=weight, unet_weight=weight)
            request = spec.request.model_copy(update={"prompt": f"{spec.drawn.prompt} <lora:{GOLD.stem}:{weight:g}>"})
            return drawn(run, replace(spec, request=request, loras=(use,)))

        assert np.array_equal(cast(0.0), without)
        gained.append(gold_share(cast(1.0)) - gold_share(without))
    assert np.mean(gained) > 0.05, gained

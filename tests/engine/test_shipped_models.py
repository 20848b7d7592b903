"""The models that come with Easel have their effect through its engine: the numbers here are those that their makers print."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.edges import edges_of
from training.measure_edges import overlap
from training.measure_gold import PROMPTS, gold_share
from webui.generation.control import ControlUnit
from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import ControlUse, JobSpec, LoraUse
from webui.settings import PROGRAM_ROOT

from .drawing import CHECKPOINT, job, pixels

MODELS = PROGRAM_ROOT / "models"
INK = MODELS / "checkpoints" / "easel-ink"
GOLD = MODELS / "loras" / "easel-gold.safetensors"
EDGES = MODELS / "controlnet" / "easel-emoji-edges" / "diffusion_pytorch_model.safetensors"

Run = Callable[[JobSpec], list[WorkerEvent]]


def drawn(run: Run, spec: JobSpec) -> np.ndarray:
    (picture,) = [event for event in run(spec) if isinstance(event, Picture)]
    return pixels(picture)


def colourfulness(picture: np.ndarray) -> float:
    """Mean distance of the colours of the middle from grey, in levels."""
    middle = picture[32:96, 32:96].astype(int)
    return float((middle.max(-1) - middle.min(-1)).mean())


def test_ink_draws_the_same_words_and_seed_in_another_style(run: Run) -> None:
    """On white the one is coloured, the other black lines."""
    for seed, thing in enumerate(("strawberry", "fox")):
        words = f"{thing} on a white background"
        toy, ink = (drawn(run, job(words, steps=10, seed=seed, path=path)) for path in (CHECKPOINT, INK))
        assert colourfulness(toy) > 60
        assert colourfulness(ink) < 25
        assert (ink.max(-1) < 90).mean() > 0.08, "lines are black"


def test_ink_shares_all_but_its_denoiser() -> None:
    for part in ("vae", "text_encoder", "tokenizer", "scheduler"):
        files = sorted(path.relative_to(CHECKPOINT) for path in (CHECKPOINT / part).iterdir())
        assert files
        assert all((CHECKPOINT / file).read_bytes() == (INK / file).read_bytes() for file in files), part


def with_lora(spec: JobSpec, weight: float) -> JobSpec:
    return dataclasses.replace(spec, loras=(LoraUse("easel-gold", str(GOLD), weight, weight),))


def test_the_style_lora_casts_in_gold(run: Run) -> None:
    without, gold = [], []
    for seed, prompt in enumerate(PROMPTS[:3]):
        spec = job(prompt, steps=10, seed=seed)
        plain = drawn(run, spec)
        assert (drawn(run, with_lora(spec, 0.0)) == plain).all(), "weight 0 leaves every byte"
        without.append(gold_share(plain))
        gold.append(gold_share(drawn(run, with_lora(spec, 1.0))))
    assert np.mean(gold) > np.mean(without) + 0.2


@pytest.fixture(scope="module")
def triangle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Image.Image, str, Path]:
    """An edge map as no training had one, its hash, and its file."""
    picture = Image.new("RGB", (128, 128))
    ImageDraw.Draw(picture).polygon([(64, 20), (108, 104), (20, 104)], outline=(255, 255, 255))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    path = tmp_path_factory.mktemp("images") / digest
    path.write_bytes(stream.getvalue())
    return picture, digest, path


def steered(spec: JobSpec, digest: str, path: Path, **fields: Any) -> JobSpec:
    unit = ControlUnit(model="easel-emoji-edges", image=digest, preprocessor="none", **fields)
    return dataclasses.replace(
        spec,
        request=spec.request.model_copy(update={"controls": (unit,)}),
        controls=(ControlUse(str(EDGES)),),
        image_paths={digest: str(path)},
    )


def test_the_controlnet_makes_pictures_follow_edges(run: Run, triangle: tuple[Image.Image, str, Path]) -> None:
    picture, digest, path = triangle
    wanted = np.asarray(picture)[..., 0]
    followed, free = [], []
    for seed, thing in enumerate(("red apple", "cheese wedge")):
        spec = job(f"{thing} on a blue background", steps=10, seed=seed)
        followed.append(overlap(wanted, edges_of(Image.fromarray(drawn(run, steered(spec, digest, path))))[..., 0]))
        free.append(overlap(wanted, edges_of(Image.fromarray(drawn(run, spec)))[..., 0]))
    assert np.mean(followed) > np.mean(free) + 0.15

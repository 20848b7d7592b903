"""The models that come with Easel have their effect through its engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import JobSpec
from webui.settings import PROGRAM_ROOT

from .drawing import CHECKPOINT, job, pixels

MODELS = PROGRAM_ROOT / "models"
INK = MODELS / "checkpoints" / "easel-ink"

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

"""A colour's weight against its share in the picture, on the shipped checkpoint: Spearman's rank correlation, by wording.

    python -m benchmarks.weight_and_share [--steps 15] [--prompts 24] [--seeds 2] [--cfg 5] [--only WORDING]

The share is that of the pixels to which the colour is the nearest of the twelve that the model was trained with. Of each wording it
prints the mean share at each weight and its correlation with the weight, that over all prompts and weights, and the mean and the median
of those of single prompts.

What has been seen so far, with few steps on a busy CPU:

- the first wording, 6 steps, 18 prompts, 2 seeds: mean shares 0.32, 0.36, 0.34, 0.37, 0.35 at weights 0 to 1.6 (0.5 of the means); 0.03
  over all; single prompts from -1 to 1, their mean 0.01. Even at weight 0 many backgrounds have their colour: the weight multiplies
  what the text encoder said at that word, and this small model reads the colour at the words behind it, too.
- the second, 6 steps, 5 prompts, 1 seed: mean shares 0.16, 0.21, 0.26, 0.14, 0.11; no order.
- the third, 3 steps, 20 prompts, 1 seed: mean shares 0.11, 0.07, 0.10, 0.11, 0.11; 0.09 over all, median of single prompts 0.35.

The colours of this model settle at ten steps and more (`tests/engine/test_words.py`), and with so many nothing has been measured yet:
at a weight of 1 the third wording is a plain prompt, and has to have its colour, which with 3 steps it has not. A correlation of 0.8 is
not shown.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import Picture
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedTxt2Img
from webui.settings import PROGRAM_ROOT

CHECKPOINT = PROGRAM_ROOT / "models" / "checkpoints" / "easel-emoji"
COLOURS = {
    "red": (226, 60, 60),
    "blue": (70, 130, 230),
    "yellow": (250, 215, 80),
    "pink": (250, 170, 200),
    "green": (90, 185, 100),
    "purple": (150, 100, 215),
    "orange": (245, 150, 50),
    "sky blue": (150, 205, 250),
    "black": (20, 20, 24),
    "brown": (140, 100, 70),
    "gray": (150, 155, 165),
    "white": (255, 255, 255),
}
"""The named backgrounds of the training pictures, sRGB."""

THINGS = ("red apple", "cat face", "dog face", "strawberry", "sunflower", "frog", "pumpkin", "guitar", "heart", "cactus")
NAMES = tuple(COLOURS)
PROMPTS = [
    (f"a {THINGS[(place + turn * 5) % 10]}", colour, NAMES[(place + 4 + turn * 3) % 12])
    for turn in (0, 1)
    for place, colour in enumerate(NAMES)
]
WORDINGS = {
    "{thing} on a ({colour}:{weight}) background": (0.0, 0.4, 0.8, 1.2, 1.6),
    "{thing} on a {other} background BREAK ({colour}:{weight}) background": (0.2, 0.8, 1.4, 2.0, 2.6),
    "{thing} on a {other} background :{rest} AND {thing} on a {colour} background :{weight}": (0.0, 0.25, 0.5, 0.75, 1.0),
    "{thing} on a white background AND {thing} on a {colour} background :{weight}": (0.0, 0.4, 0.8, 1.2, 1.6),
}
"""Wordings, and the weights that are tried. In the third two parts share a weight of 1; the last keeps the first part whole."""


def colour_share(image: NDArray[np.uint8], colour: str) -> float:
    """The share of pixels to which that colour is the nearest named one. image: (height, width, 3)."""
    distances = np.linalg.norm(image[..., None, :].astype(float) - np.array(list(COLOURS.values()), float), axis=-1)
    return float((distances.argmin(-1) == NAMES.index(colour)).mean())


def _rank(weights: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    """Spearman's correlation; 0 where the share never changes."""
    return float(np.corrcoef(rankdata(weights), rankdata(shares))[0, 1]) if np.ptp(shares) else 0.0


def _job(prompt: str, given: argparse.Namespace, seed: int) -> JobSpec:
    request = ResolvedTxt2Img(
        prompt=prompt,
        width=128,
        height=128,
        steps=given.steps,
        cfg_scale=given.cfg,
        sampler="DPM++ 2M",
        schedule_type="Karras",
        seed=seed,
        checkpoint=CHECKPOINT.name,
        checkpoint_hash="benchmark",
    )
    return JobSpec(uuid4().hex, request, str(CHECKPOINT), (0,))


def _shares(executor: LocalExecutor, wording: str, weights: tuple[float, ...], given: argparse.Namespace) -> NDArray[np.float64]:
    """The share of the colour, the mean over seeds: (prompts, weights)."""
    shares = np.zeros((given.prompts, len(weights)))
    for number, (thing, colour, other) in enumerate(PROMPTS[: given.prompts]):
        for place, weight in enumerate(weights):
            prompt = wording.format(thing=thing, colour=colour, other=other, weight=weight, rest=1 - weight)
            for seed in range(given.seeds):
                events = executor.run(SLOT, _job(prompt, given, 100 * number + seed))
                (picture,) = [event for event in events if isinstance(event, Picture)]
                pixels = np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3)
                shares[number, place] += colour_share(pixels, colour) / given.seeds
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS), choices=range(1, len(PROMPTS) + 1), metavar="N")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--cfg", type=float, default=5.0, help="CFG scale")
    parser.add_argument("--only", type=int, choices=range(1, len(WORDINGS) + 1), help="number of the one wording to try")
    given = parser.parse_args()
    executor = LocalExecutor(threads=1)
    executor.start()
    try:
        wordings = list(WORDINGS.items())
        for wording, tried in wordings if given.only is None else [wordings[given.only - 1]]:
            shares, weights = _shares(executor, wording, tried, given), np.array(tried)
            each = [_rank(weights, row) for row in shares]
            print(wording)
            print("  " + "   ".join(f"{weight:g}: {share:.3f}" for weight, share in zip(weights, shares.mean(0), strict=True)))
            over_all = _rank(np.tile(weights, len(shares)), shares.ravel())
            print(
                f"  of the means {_rank(weights, shares.mean(0)):.2f}; over all {over_all:.2f}; "
                f"of {len(each)} prompts: mean {np.mean(each):.2f}, median {np.median(each):.2f}",
                flush=True,
            )
    finally:
        executor.close()


if __name__ == "__main__":
    main()

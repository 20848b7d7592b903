"""Pictures follow the words: "{thing} on a {colour} background" has a border of the colour named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr

from training.measure_emoji import THINGS, ground_of, nearest_colour
from training.pictures import COLOURS
from webui.generation.events import Picture, WorkerEvent
from webui.generation.job import JobSpec

from .drawing import job, pixels


def _share_right(run: Callable[[JobSpec], list[WorkerEvent]], things: Sequence[str], colours: Sequence[str], steps: int) -> float:
    wrong = []
    pairs = [(thing, colour) for thing in things for colour in colours]
    for seed, (thing, colour) in enumerate(pairs):
        events = run(job(f"{thing} on a {colour} background", steps=steps, seed=seed))
        (picture,) = [event for event in events if isinstance(event, Picture)]
        if (seen := nearest_colour(ground_of(pixels(picture)))) != colour:
            wrong.append(f"{thing} on {colour}: {seen}")
    print(f"{len(pairs) - len(wrong)} of {len(pairs)} borders have the colour named; wrong: {wrong or 'none'}")
    return 1 - len(wrong) / len(pairs)


def test_the_background_is_the_one_named(run: Callable[[JobSpec], list[WorkerEvent]]) -> None:
    assert _share_right(run, THINGS[:3], ("blue", "yellow", "pink"), steps=10) >= 0.85


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_background_is_the_one_named_for_all_colours(run: Callable[[JobSpec], list[WorkerEvent]]) -> None:
    assert _share_right(run, THINGS, tuple(COLOURS), steps=15) >= 0.85


WEIGHTS = (0.0, 0.4, 0.8, 1.2, 1.6)
COLOURED = [name for name in COLOURS if name != "white"]
WEIGHED = [(THINGS[(place + turn) % 10], colour) for turn in (3, 7) for place, colour in enumerate(COLOURED)]
"""Things and colours in other pairs than those with which the wording was chosen (`benchmarks/weight_and_share.py`)."""


def _share_of(colour: str, picture: Picture) -> float:
    """The share of the pixels to which that colour is the nearest of the named ones."""
    distances = np.linalg.norm(pixels(picture)[..., None, :].astype(float) - np.array(list(COLOURS.values()), float), axis=-1)
    return float((distances.argmin(-1) == list(COLOURS).index(colour)).mean())


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_heavier_colour_has_more_of_the_picture(run: Callable[[JobSpec], list[WorkerEvent]]) -> None:
    """Spearman's correlation of a colour's weight with its share, the mean of two seeds; by chance it would be 0."""
    each, means = [], np.zeros(len(WEIGHTS))
    for number, (thing, colour) in enumerate(WEIGHED):
        shares = []
        for weight in WEIGHTS:
            words = f"{thing} on a white background AND {thing} on a {colour} background :{weight}"
            made = [
                event
                for seed in (7000 + 10 * number, 7001 + 10 * number)
                for event in run(job(words, steps=12, cfg_scale=3, seed=seed))
                if isinstance(event, Picture)
            ]
            shares.append(float(np.mean([_share_of(colour, picture) for picture in made])))
        each.append(float(spearmanr(WEIGHTS, shares).statistic) if np.ptp(shares) else 0.0)
        means += np.array(shares) / len(WEIGHED)
    print(f"{len(each)} prompts: mean {np.mean(each):.2f}, median {np.median(each):.2f}, least {min(each):.2f}")
    print("mean shares " + ", ".join(f"{weight:g}: {share:.2f}" for weight, share in zip(WEIGHTS, means, strict=True)))
    assert len(each) >= 20
    assert np.mean(each) >= 0.8

"""What the prompt language does to pictures, on the shipped checkpoint."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from webui.engine.conditioning import Pull
from webui.engine.families.base import Conditioning
from webui.engine.guidance import guided
from webui.generation.events import Picture
from webui.generation.prompt.schedules import Timeline

from .drawing import Recorder, digests, job

SIZE: dict[str, Any] = {"width": 64, "height": 64, "steps": 6}


def drawn(recorder: Recorder, prompt: str, **changes: Any) -> str:
    (digest,) = digests(recorder.run(job(prompt, **SIZE | changes))).values()
    return digest


SAME = [
    ("a red apple", "a red apple # a comment"),
    ("a red apple", "a red apple <lora:not-there:0.5>"),
    ("a red apple", "a (red:1.0) apple"),
    ("a (red:1.1) apple", "a (red) apple"),
    ("a red apple", "a red [apple|apple]"),
    ("a red apple", "a red [apple:cat:1.0]"),
    ("a red cat", "a red [apple:cat:0]"),
]
OTHER = [
    ("a red apple on a blue background", "a (red:1.4) apple on a blue background"),
    ("a red apple on a blue background", "a red apple on a [blue] background"),
    ("a red apple on a blue background", "a red apple BREAK on a blue background"),
    ("a red apple on a blue background", "a red apple AND on a blue background"),
    ("a red apple AND a cat", "a red apple AND a cat :0.5"),
    ("a red apple", "a red [apple|cat]"),
    ("a red [apple:cat:0.5]", "a red apple"),
    ("a red [apple:cat:0.5]", "a red cat"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_meaning_is_the_same_picture(recorder: Recorder, one: str, other: str) -> None:
    assert drawn(recorder, one) == drawn(recorder, other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_meaning_is_another_picture(recorder: Recorder, one: str, other: str) -> None:
    assert drawn(recorder, one) != drawn(recorder, other)


def test_negative_prompts_have_schedules_and_weights_too(recorder: Recorder) -> None:
    negatives = ("red", "(red:1.5)", "[red:blue:0.5]", "[red|blue]")
    assert len({drawn(recorder, "a red apple", negative_prompt=negative) for negative in negatives}) == len(negatives)


def test_old_timelines_and_padding_reach_the_picture(recorder: Recorder) -> None:
    scheduled = "a red [apple:cat:1.0]"
    assert drawn(recorder, scheduled) == drawn(recorder, "a red apple")
    assert drawn(recorder, scheduled, old_prompt_editing=True) == drawn(recorder, "a red [apple:cat:1]")
    long = "a red apple, " * 12
    assert drawn(recorder, long) != drawn(recorder, long, pad_conds=True)
    assert drawn(recorder, long) != drawn(recorder, long, comma_backtrack=0)


def test_a_schedule_lies_between_its_ends(recorder: Recorder) -> None:
    """The nearer the change, the nearer the picture to what comes after it."""

    def latent(prompt: str) -> torch.Tensor:
        (picture,) = [event for event in recorder.run(job(prompt, **SIZE | {"steps": 10})) if isinstance(event, Picture)]
        return torch.frombuffer(bytearray(picture.rgb), dtype=torch.uint8).float()

    ground = "on a {} background"
    start, end = latent(f"a cat face {ground.format('blue')}"), latent(f"a cat face {ground.format('yellow')}")
    between = [latent(f"a cat face {ground.format(f'[blue:yellow:{when}]')}") for when in (0.1, 0.3, 0.5, 0.8)]
    away = [float((picture - start).norm()) for picture in between]
    to_end = [float((picture - end).norm()) for picture in between]
    whole = float((start - end).norm())
    assert all(distance < whole for distance in away + to_end)
    assert all(earlier >= later for earlier, later in pairwise(away))
    assert all(earlier <= later for earlier, later in pairwise(to_end))


# guidance, with a denoiser that only reports what it is asked


class Reporting:
    """Its guess of x0 is the first number of the conditioning; it keeps how many rows it was asked for at once."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        self.rows.append(x.shape[0])
        return conditioning.tokens[:, 0, :1, None] * torch.ones_like(x)


def said(number: float, length: int = 2) -> Timeline[Conditioning]:
    return Timeline((9,), (Conditioning(torch.full((1, length, 3), number)),))


def guesses(
    positive: tuple[Pull, ...], negative: Timeline[Conditioning] | None, calls: int = 1, pictures: int = 1
) -> tuple[list[float], list[int]]:
    family, request = Reporting(), job(cfg_scale=2.0).request
    levels = {"sigmas": (1.0, 0.0), "model_sigmas": SimpleNamespace(flow=False), "layout": None, "tiles": None}
    context: Any = SimpleNamespace(request=request, images=tuple(range(pictures)), positive=positive, negative=negative, **levels)
    denoise = guided(family, context)  # pyright: ignore[reportArgumentType]
    return [float(denoise(torch.zeros(pictures, 1, 1), 1.0)[0]) for _ in range(calls)], family.rows


def test_guidance_goes_away_from_the_negative_by_the_scale() -> None:
    assert guesses((Pull(said(3)),), said(1)) == ([1 + (3 - 1) * 2], [2])
    assert guesses((Pull(said(3)),), None) == ([3], [1])


def test_parts_pull_by_their_weights() -> None:
    parts = (Pull(said(3)), Pull(said(2), 0.5), Pull(said(7), -1.0))
    assert guesses(parts, said(1)) == ([1 + 2 * ((3 - 1) + 0.5 * (2 - 1) - (7 - 1))], [4])


def test_what_has_another_length_is_asked_for_itself_but_parts_are_asked_together() -> None:
    assert guesses((Pull(said(3, 4)),), said(1)) == ([5], [1, 1])
    assert guesses((Pull(said(3, 4)), Pull(said(2))), said(1)) == ([7], [1, 2])


def test_every_call_asks_for_what_its_time_says() -> None:
    changing = Timeline((1, 3), (said(3).entries[0], said(5).entries[0]))
    assert guesses((Pull(changing),), said(1), calls=5) == ([5, 5, 9, 9, 9], [2] * 5)


def test_all_pictures_of_a_batch_are_asked_together() -> None:
    assert guesses((Pull(said(3)),), said(1), pictures=3) == ([5], [6])

"""Soft inpainting: what a mask's value means in each step and at the end, by numbers and on the shipped checkpoint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.samplers import NoisePath
from webui.engine.soft_inpainting import SoftInpainting
from webui.generation.request import parse_request

from .drawing import Recorder, pixels
from .test_img2img import apple, colourful, distance, emoji, job, left_half, watched
from .tiny import tiny_family

SOFT: dict[str, Any] = {"soft_inpainting": True, "mask_blur": 0}
MASK = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).view(1, 1, 1, 5)


@pytest.fixture
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def softly(flow: bool = False, **numbers: float) -> SoftInpainting:
    asked = {f"soft_{name}": value for name, value in numbers.items()}
    request = parse_request({"kind": "inpaint", "init_image": "ab" * 32, "mask": "cd" * 32, "soft_inpainting": True} | asked)
    soft = SoftInpainting.of(request, NoisePath(flow))
    assert soft is not None
    return soft


def columns(*vectors: tuple[float, ...]) -> torch.Tensor:
    """Latents of one row, a place for each vector of channels."""
    return torch.tensor(vectors).T[None, :, None]


# what is taken of a guess


def test_a_guess_is_taken_by_a1111s_formula() -> None:
    """mask ** (preservation * sigma ** bias)."""
    share = softly(schedule_bias=2, preservation=0.5).share(MASK, 3.0)
    assert share.flatten().tolist() == pytest.approx([0, 0.25**4.5, 0.5**4.5, 0.75**4.5, 1])


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 8),
    st.floats(0, 8),
    st.booleans(),
    st.lists(st.floats(0, 1), min_size=2, max_size=9).map(sorted),
)
def test_more_is_taken_the_more_is_masked_and_the_less_noise_there_is(
    bias: float, preservation: float, flow: bool, levels: list[float]
) -> None:
    soft = softly(flow, schedule_bias=bias, preservation=preservation)
    sigmas = [level if flow else 20 * level for level in levels]
    shares = torch.cat([soft.share(MASK, sigma) for sigma in sigmas])
    assert bool((shares[..., 0] == 0).all() and (shares[..., -1] == 1).all())
    assert bool((shares.diff(dim=-1) >= 0).all() and (shares.diff(dim=0) <= 0).all())
    if sigmas[0] == 0 and bias > 0:
        assert bool((shares[0, ..., 1:] == 1).all())


def test_levels_of_flow_models_count_by_their_noise_to_signal() -> None:
    assert torch.allclose(softly(flow=True).share(MASK, 0.75), softly().share(MASK, 3.0))
    assert softly(flow=True).share(MASK, 1.0).flatten().tolist() == [0, 0, 0, 0, 1]


# how latents are mixed


def test_mixed_latents_are_as_long_as_what_they_are_mixed_of() -> None:
    kept, drawn = columns((3.0, 0.0), (3.0, 0.0)), columns((0.0, 4.0), (0.0, 3.0))
    mixed = softly(contrast_boost=2).blended(kept, drawn, torch.full((1, 1, 1, 2), 0.5))
    assert mixed.norm(dim=1).flatten().tolist() == pytest.approx([math.sqrt((9 + 16) / 2), 3.0])
    assert mixed[0, :, 0, 0].tolist() == pytest.approx([3 / 5 * mixed[0, :, 0, 0].norm().item(), 4 / 5 * mixed[0, :, 0, 0].norm().item()])


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 32), st.floats(0, 1), st.floats(0.01, 1e3), st.floats(0, 1e3))
def test_their_length_lies_between(boost: float, share: float, one: float, other: float) -> None:
    mixed = softly(contrast_boost=boost).blended(columns((one, 0.0)), columns((0.0, other)), torch.full((1, 1, 1, 1), share))
    length = mixed.norm(dim=1).item()
    assert min(one, other) * (1 - 1e-4) - 1e-5 <= length <= max(one, other) * (1 + 1e-4)


def test_nothing_and_all_of_a_guess() -> None:
    kept, drawn = columns((0.0, 0.0), (1.0, -2.0)), columns((0.5, 7.0), (0.0, 0.0))
    soft = softly()
    assert torch.allclose(soft.blended(kept, drawn, torch.zeros(1, 1, 1, 2)), kept)
    assert torch.allclose(soft.blended(kept, drawn, torch.ones(1, 1, 1, 2)), drawn)


# what is laid over the source


def test_what_changed_more_is_laid_over_more() -> None:
    far = columns(*[(distance, 0.0, 0.0, 0.0) for distance in (0.0, 0.0, 0.0, 0.1, 0.2, 0.5, 1.0, 4.0, 9.0, 9.0)])
    taken = softly().taken(torch.zeros_like(far), far, torch.ones(1, 1, 1, far.shape[-1])).flatten()
    assert taken[0] < 1e-6 and taken[-1] > 0.999
    assert bool((taken.diff() >= 0).all())


def test_the_threshold_is_the_change_that_is_laid_over_by_half() -> None:
    even = torch.zeros(1, 4, 3, 3)
    even[:, 0] = 0.75
    for threshold, contrast in ((0.75, 2.0), (0.75, 8.0), (3.0, 0.0)):
        taken = softly(difference_threshold=threshold, difference_contrast=contrast).taken(
            torch.zeros_like(even), even, torch.ones(1, 1, 3, 3)
        )
        assert taken.flatten().tolist() == pytest.approx([0.5] * 9)
    # Families with more channels are measured as if they had four.
    wide = torch.full((1, 16, 3, 3), 0.75 / 2)
    taken = softly(difference_threshold=0.75).taken(torch.zeros_like(wide), wide, torch.ones(1, 1, 3, 3))
    assert taken.flatten().tolist() == pytest.approx([0.5] * 9)
    none = softly(difference_threshold=0).taken(torch.zeros_like(even), even, torch.ones(1, 1, 3, 3))
    assert none.flatten().tolist() == pytest.approx([1.0] * 9)


def test_the_mask_has_an_influence() -> None:
    even = torch.full((1, 4, 1, 5), 0.25)
    taken = softly(mask_influence=1.0).taken(torch.zeros_like(even), even, MASK).flatten()
    assert bool((taken.diff() > 0).all())
    assert taken[0] < 1e-6 and taken[-1] > 0.999
    without = softly().taken(torch.zeros_like(even), even, MASK).flatten()
    assert without.tolist() == pytest.approx([0.5] * 5)


# whole pictures


def test_what_is_masked_in_part_is_put_back_less_and_less(tiny: StableDiffusion, tmp_path: Path) -> None:
    ramp = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1)))
    hooks, _ = watched(tiny, job(tmp_path, colourful(), ramp, **SOFT, denoising_strength=1.0))
    mask = hooks.seen[0].mask
    assert mask is not None
    assert mask.redrawn.unique().numel() > 4
    far = [(context.denoised - mask.clean)[..., 2:6].abs().mean().item() for context in hooks.seen]
    assert far[0] < far[-1]


def test_what_is_not_masked_keeps_its_pixels(tiny: StableDiffusion, tmp_path: Path) -> None:
    source = np.array(colourful())
    ways: list[dict[str, Any]] = [{}, {"soft_difference_threshold": 0.0}, {"inpaint_area": "Only masked", "masked_padding": 16}]
    for more in ways:
        _, (picture,) = watched(tiny, job(tmp_path, colourful(), left_half(), **SOFT, **more))
        assert np.array_equal(pixels(picture)[:, 32:], source[:, 32:]), more
        assert distance(pixels(picture)[:, :32], source[:, :32]) > 5, more


def test_what_was_filled_does_not_come_back(tiny: StableDiffusion, tmp_path: Path) -> None:
    """A change is measured from the picture and not from what drawing begins with, or what was filled away would show through."""
    source = colourful()
    source.paste((255, 255, 255), (16, 16, 48, 48))
    asked = {"masked_content": "fill", "denoising_strength": 0.0}
    _, (filled,) = watched(tiny, job(tmp_path, source, left_half(), **asked, mask_blur=0))
    _, (softly_filled,) = watched(tiny, job(tmp_path, source, left_half(), **asked, **SOFT, soft_difference_threshold=0.0))
    assert distance(pixels(filled)[20:44, 18:30], pixels(softly_filled)[20:44, 18:30]) < 2


def test_on_the_shipped_checkpoint_change_follows_the_masks_value(recorder: Recorder, tmp_path: Path) -> None:
    """A mask that rises from left to right in four bands: each band changes more than the one before, and the first not at all."""
    bands = Image.fromarray(np.repeat(np.repeat(np.array([[0, 60, 150, 255]], np.uint8), 32, axis=1), 128, axis=0))
    asked = {"width": 128, "height": 128, "steps": 8, "sampler": "Euler a", "cfg_scale": 5.0, "denoising_strength": 1.0}
    drawn = emoji(recorder, job(tmp_path, apple(), bands, "a green frog on a yellow background", **asked, **SOFT))
    change = np.abs(drawn.astype(float) - np.array(apple())).mean((0, 2)).reshape(4, 32).mean(1)
    print("change by band:", *change.round(1))
    assert change[0] == 0
    assert bool((np.diff(change) > 5).all())

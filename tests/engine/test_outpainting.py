"""Outpainting: windows drawn one after the other into a picture that grows, on tiny and on the shipped weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.generation.events import Step
from webui.generation.job import JobSpec

from .drawing import Recorder, pixels
from .test_img2img import Shown, apple, colourful, emoji, inpainting, left_half, watched
from .test_img2img import job as masked_job
from .tiny import recorder_of, tiny_family

__all__ = ["inpainting"]


@pytest.fixture
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def job(folder: Path, picture: Image.Image, mask: Image.Image | None = None, prompt: str = "a fox", **changes: Any) -> JobSpec:
    """A job that extends that picture."""
    size = {"picture_width": picture.width, "picture_height": picture.height}
    return masked_job(folder, picture, mask, prompt, **{"kind": "inpaint"} | size | changes)


def drawn(family: StableDiffusion, spec: JobSpec) -> np.ndarray:
    _, (picture,) = watched(family, spec)
    assert (picture.width, picture.height) == spec.request.picture_size
    return pixels(picture)


@pytest.mark.parametrize(
    "asked",
    [
        {"extend_right": 24},
        {"extend_left": 16, "extend_top": 8, "extend_right": 8, "extend_bottom": 40, "masked_padding": 8},
        {"extend_bottom": 64, "extend_rounds": 2, "masked_content": "latent noise"},
        {"extend_top": 16, "soft_inpainting": True},
    ],
)
def test_the_source_keeps_its_bytes_and_what_is_new_is_drawn(tiny: StableDiffusion, tmp_path: Path, asked: dict[str, Any]) -> None:
    source = np.array(colourful(75, 53))
    result = drawn(tiny, job(tmp_path, colourful(75, 53), **asked))
    left, top = asked.get("extend_left", 0), asked.get("extend_top", 0)
    assert np.array_equal(result[top : top + 53, left : left + 75], source)
    around = np.ones(result.shape[:2], bool)
    around[top : top + 53, left : left + 75] = False
    assert result[around].std() > 5
    again = drawn(tiny, job(tmp_path, colourful(75, 53), **asked, seed=8))
    assert (again[around] != result[around]).mean() > 0.9
    assert np.array_equal(again[~around], result[~around])


def test_an_overlap_changes_the_source_that_far(tiny: StableDiffusion, tmp_path: Path) -> None:
    source = np.array(colourful())
    for soft in (False, True):
        result = drawn(tiny, job(tmp_path, colourful(), extend_right=32, extend_overlap=24, soft_inpainting=soft))
        assert np.array_equal(result[:, :40], source[:, :40])
        assert (result[:, 52:64] != source[:, 52:]).any(-1).mean() > 0.5


def test_each_window_takes_its_steps_and_sees_what_was_drawn_before(tiny: StableDiffusion, tmp_path: Path) -> None:
    spec = job(tmp_path, colourful(), extend_right=64, extend_rounds=2, denoising_strength=1.0)
    hooks, _ = watched(tiny, spec)
    steps = [(event.step, event.steps) for event in recorder_of(tiny).run(spec) if isinstance(event, Step)]
    assert steps == [(step, 8) for step in range(1, 9)]
    first, second = hooks.seen[3], hooks.seen[4]
    assert first.mask is not None and second.mask is not None
    half = torch.zeros(8, 8)
    half[:, 4:] = 1
    assert torch.equal(first.mask.redrawn[0, 0], half)
    # Further left than what is new, for windows meet without a seam.
    assert bool((second.mask.redrawn[0, 0] >= half).all()) and not bool(second.mask.redrawn[0, 0, :, 0].any())
    assert first.request.seed != second.request.seed


def test_what_is_masked_is_drawn_too(tiny: StableDiffusion, tmp_path: Path) -> None:
    source = np.array(colourful())
    result = drawn(tiny, job(tmp_path, colourful(), left_half(), extend_bottom=8, mask_blur=0))
    assert np.array_equal(result[:64, 32:], source[:, 32:])
    alone = drawn(tiny, masked_job(tmp_path, colourful(), left_half(), mask_blur=0, inpaint_area="Only masked"))
    assert np.array_equal(result[:64], alone)


def test_pictures_of_a_job_are_as_those_of_single_ones(tiny: StableDiffusion, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"extend_right": 64, "extend_rounds": 2}
    _, several = watched(tiny, job(tmp_path, colourful(), **asked, batch_size=2))
    assert several[1].rgb == drawn(tiny, job(tmp_path, colourful(), **asked, seed=8)).tobytes() != several[0].rgb


def test_inpainting_checkpoints_are_shown_what_is_new(inpainting: StableDiffusion, tmp_path: Path) -> None:
    shown = Shown(inpainting.unet)
    result = drawn(inpainting, job(tmp_path, colourful(), extend_right=32))
    mask = torch.zeros(8, 8)
    mask[:, 4:] = 1
    assert shown.given
    assert all(torch.equal(row, mask) for given in shown.given for row in given[:, 4])
    assert np.array_equal(result[:, :64], np.array(colourful()))


BACKGROUNDS = {"left": (40, 90, 200), "right": (235, 190, 60), "top": (60, 160, 90), "bottom": (240, 240, 240)}


@pytest.mark.parametrize("side", BACKGROUNDS)
def test_the_shipped_checkpoint_continues_the_background(recorder: Recorder, tmp_path: Path, side: str) -> None:
    """64 px at a side keep the source's bytes and have about the colour of its edge, and none of the others'."""
    source = np.array(apple())
    source[(source == source[0, 0]).all(-1)] = colour = BACKGROUNDS[side]
    asked: dict[str, Any] = {
        "width": 128,
        "height": 128,
        "steps": 6,
        "sampler": "Euler a",
        "cfg_scale": 5.0,
        "denoising_strength": 0.6,
        f"extend_{side}": 64,
    }
    result = emoji(recorder, job(tmp_path, Image.fromarray(source), prompt="", **asked))
    old, new = {
        "left": (result[:, 64:], result[:, :64]),
        "right": (result[:, :128], result[:, 128:]),
        "top": (result[64:], result[:64]),
        "bottom": (result[:128], result[128:]),
    }[side]
    assert np.array_equal(old, source)
    mean = new.reshape(-1, 3).mean(0)
    far = {other: np.abs(mean - one).max() for other, one in BACKGROUNDS.items()}
    print(f"{side}: edge {colour}, mean of what is new {mean.round().astype(int)}")
    assert far[side] < 50 and min(far, key=far.__getitem__) == side

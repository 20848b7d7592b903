"""Pictures drawn in tiles, on tiny and on the shipped weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.adapters.controlnet import Control, controlled
from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.tiled_denoising import LatentTiles
from webui.generation.events import Step
from webui.pictures.boxes import Box
from webui.pictures.tiles import tiles_of

from .drawing import Recorder, pixels
from .small_modules import sd1_unet
from .test_controlnet import call, controlnet
from .test_img2img import Shown, apple, colourful, distance, emoji, inpainting, job, watched
from .tiny import recorder_of, tiny_family
from .tiny_upscalers import write_tiny

__all__ = ["inpainting"]

TILED = {"width": 112, "height": 64, "drawn_tile": 64, "drawn_overlap": 16, "denoising_strength": 0.6}
WAYS = ("SD upscale", "MultiDiffusion")


@pytest.fixture
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def drawn(family: StableDiffusion, folder: Path, source: Image.Image, **changes: Any) -> np.ndarray:
    _, (picture,) = watched(family, job(folder, source, **TILED | changes))
    return pixels(picture)


@pytest.mark.parametrize("way", WAYS)
def test_the_denoiser_is_shown_tiles_alone(tiny: StableDiffusion, tmp_path: Path, way: str) -> None:
    shown = Shown(tiny.unet)
    result = drawn(tiny, tmp_path, colourful(112, 64), tiled_drawing=way)
    assert result.shape == (64, 112, 3)
    assert {given.shape[-2:] for given in shown.given} == {(8, 8)}
    assert distance(result, drawn(tiny, tmp_path, colourful(112, 64), tiled_drawing=way, seed=8)) > 1


def test_one_tile_is_the_picture_as_a_whole(tiny: StableDiffusion, tmp_path: Path) -> None:
    whole = drawn(tiny, tmp_path, colourful(112, 64), tiled_drawing="Off")
    for way in WAYS:
        assert np.array_equal(drawn(tiny, tmp_path, colourful(112, 64), tiled_drawing=way, drawn_tile=112), whole)


def test_tiles_of_sd_upscale_know_nothing_of_each_other(tiny: StableDiffusion, tmp_path: Path) -> None:
    other = colourful(112, 64)
    other.paste((255, 0, 0), (88, 0, 112, 64))
    one, another = (drawn(tiny, tmp_path, source, tiled_drawing="SD upscale") for source in (colourful(112, 64), other))
    left = tiles_of((112, 64), 64, 16, 8)[1].left
    assert np.array_equal(one[:, :left], another[:, :left])
    assert not np.array_equal(one[:, 88:], another[:, 88:])


def test_what_enlarges_first_is_the_upscaler_that_is_asked_for(tiny: StableDiffusion, tmp_path: Path) -> None:
    asked = {"width": 128, "height": 64, "drawn_tile": 64, "drawn_overlap": 0, "tiled_drawing": "SD upscale", "steps": 2}
    small = colourful(64, 24)
    large = small.resize((171, 64), Image.Resampling.NEAREST)
    path = str(write_tiny(tmp_path, "Compact"))

    def made(source: Image.Image, **changes: Any) -> bytes:
        spec = replace(job(tmp_path, source, **asked, resize_mode="Crop and resize", **changes), upscaler_path=path)
        _, (picture,) = watched(tiny, spec)
        return picture.rgb

    nearest = made(small, tiled_upscaler="Nearest")
    assert nearest == made(large, tiled_upscaler="Nearest") == made(large)
    assert nearest != made(small)
    model = made(small, tiled_upscaler="tiny-Compact")
    assert model not in (nearest, made(small))
    # What is large enough isn't enlarged.
    assert made(large, tiled_upscaler="tiny-Compact") == made(large)


def test_tiles_of_multi_diffusion_agree_in_every_step() -> None:
    """Where tiles overlap the guess is between theirs; elsewhere it is one's own."""
    tiles = LatentTiles.of((12, 6), [Box(0, 0, 8, 6), Box(4, 0, 12, 6)], 4)
    seen: list[Box | None] = []
    guess = tiles.denoise(lambda part: torch.full_like(part, float(len(seen))), torch.zeros(1, 4, 6, 12), seen.append)
    row = guess[0, 0, 0]
    assert seen == [*tiles.boxes, None]
    assert row[:4].eq(1).all()
    assert row[8:].eq(2).all()
    assert (row[4:8].diff() > 0).all()
    assert torch.allclose(tiles.denoise(lambda part: part, guess, lambda box: None), guess)


def test_pictures_of_a_batch_are_each_by_itself(tiny: StableDiffusion, tmp_path: Path) -> None:
    two = job(tmp_path, colourful(112, 64), **TILED, tiled_drawing="MultiDiffusion", batch_size=2)
    _, pictures = watched(tiny, two)
    alone = drawn(tiny, tmp_path, colourful(112, 64), tiled_drawing="MultiDiffusion", seed=8)
    assert distance(pixels(pictures[1]), alone) < 0.01


@pytest.mark.parametrize("way", WAYS)
def test_inpainting_checkpoints_are_told_of_the_tile(inpainting: StableDiffusion, tmp_path: Path, way: str) -> None:
    assert drawn(inpainting, tmp_path, colourful(112, 64), tiled_drawing=way).shape == (64, 112, 3)


@torch.no_grad()
def test_a_controlnet_sees_the_part_of_its_picture() -> None:
    unet = sd1_unet()
    model = controlnet(unet)
    picture = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(4))
    half = Box(64, 0, 128, 64)
    with controlled(unet, [Control(model, picture)], lambda: (0, 1), shown=lambda: half):
        of_part = call(unet)
    with controlled(unet, [Control(model, picture[..., 64:])], lambda: (0, 1)):
        alone = call(unet)
    assert torch.equal(of_part, alone)


def test_steps_of_all_tiles_are_told(tiny: StableDiffusion, tmp_path: Path) -> None:
    spec = job(tmp_path, colourful(112, 64), **TILED, tiled_drawing="SD upscale")
    events = [event for event in recorder_of(tiny).run(spec) if isinstance(event, Step)]
    assert [event.step for event in events] == list(range(1, events[-1].steps + 1))


# the shipped checkpoint


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_picture_four_times_as_large_is_still_that_picture(recorder: Recorder, tmp_path: Path, way: str) -> None:
    """Made small again it is its source; and at the borders of tiles it changes no more than elsewhere."""
    source = apple()
    size = {"width": 384, "height": 384, "drawn_tile": 128, "drawn_overlap": 32}
    how = {"steps": 12, "sampler": "Euler", "cfg_scale": 4.0, "denoising_strength": 0.35}
    large = emoji(recorder, job(tmp_path, source, None, "a red apple on a blue background", tiled_drawing=way, **size, **how))
    small = np.asarray(Image.fromarray(large).resize(source.size, Image.Resampling.BOX))
    assert np.corrcoef(small.ravel().astype(float), np.asarray(source).ravel().astype(float))[0, 1] > 0.9
    # In the background, which is even, along rows that no apple crosses.
    steps = np.abs(np.diff(large[:48].astype(float), axis=1)).mean((0, 2))
    borders = sorted({side for box in tiles_of((384, 384), 128, 32, 8) for side in (box.left, box.right) if 0 < side < 384})
    at_borders = max(steps[border - 1] for border in borders)
    print(f"{way}: at borders {at_borders:.2f}, elsewhere {np.median(steps):.2f} (most {steps.max():.2f}) of 255")
    assert at_borders <= max(np.quantile(steps, 0.99), 3.0)

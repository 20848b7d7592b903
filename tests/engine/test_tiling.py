"""Seamless tiling: rolled over the edge, nothing changes but the place; and every layer is as it was afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from webui.engine.device import Device
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import StableDiffusion
from webui.engine.guidance import left_out
from webui.engine.tiling import OVERLAP, overlapped, padded_layers, seamless, without_overlap
from webui.generation.events import Picture
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.request import TILINGS, parse_request
from webui.planning.memory import TILED

from .drawing import Recorder, job, pixels
from .tiny import copy_of, recorder_of, same_bits, tiny_family, weights_of

WAYS = [(True, True), (True, False), (False, True)]


@pytest.fixture(scope="module")
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def rolls(function: Any, x: torch.Tensor, by: int, scale: int, dims: tuple[int, int]) -> list[bool]:
    """Whether rolling what goes in rolls what comes out, along the width and along the height."""
    plain = function(x)
    return [
        torch.allclose(function(x.roll(by, dim)), plain.roll(by * scale, out), atol=1e-3) for dim, out in zip((-1, -2), dims, strict=True)
    ]


@pytest.mark.parametrize(("x", "y"), WAYS)
def test_the_denoiser_and_the_vae_see_no_edge(tiny: StableDiffusion, x: bool, y: bool) -> None:
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    words = Conditioning(torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(2)))

    def denoise(latents: torch.Tensor) -> torch.Tensor:
        return tiny.denoise(latents, 2.0, words)

    def decode(latents: torch.Tensor) -> torch.Tensor:
        return tiny.vae.decode(latents, return_dict=False)[0]

    with torch.no_grad():
        assert rolls(denoise, latents, 4, 1, (-1, -2)) == rolls(decode, latents, 4, 8, (-1, -2)) == [False, False]
        with seamless(tiny.unet, x=x, y=y), seamless(tiny.vae, x=x, y=y):
            assert rolls(denoise, latents, 4, 1, (-1, -2)) == [x, y]
            assert rolls(decode, latents, 4, 8, (-1, -2)) == [x, y]


def test_it_is_taken_off_exactly(tiny: StableDiffusion) -> None:
    before, own = weights_of(tiny), [vars(layer).copy() for layer in padded_layers(tiny.unet)]
    latents, words = torch.randn(1, 4, 8, 8), Conditioning(torch.randn(1, 8, 32))
    with torch.no_grad():
        plain = tiny.denoise(latents, 2.0, words)
        with pytest.raises(RuntimeError, match="in the block"), seamless(tiny.unet, x=True, y=True):
            assert not torch.equal(tiny.denoise(latents, 2.0, words), plain)
            raise RuntimeError("in the block")
        assert torch.equal(tiny.denoise(latents, 2.0, words), plain)
    assert same_bits(before, weights_of(tiny))
    assert [vars(layer).keys() for layer in padded_layers(tiny.unet)] == [one.keys() for one in own]


def test_without_a_way_nothing_is_touched(tiny: StableDiffusion) -> None:
    with seamless(tiny.unet, x=False, y=False):
        assert not any("_conv_forward" in vars(layer) for layer in padded_layers(tiny.unet))


def test_overlaps_are_cut_off_again() -> None:
    latents = torch.arange(3 * 40, dtype=torch.float32).reshape(1, 1, 3, 40)
    shown = overlapped(latents, x=True, y=True)
    assert shown.shape == (1, 1, 9, 40 + 2 * OVERLAP)
    as_pixels = shown[0, 0].repeat_interleave(8, 0).repeat_interleave(8, 1)[None, ..., None]
    assert torch.equal(without_overlap(as_pixels, latents, x=True, y=True)[0, ::8, ::8, 0], latents[0, 0])


def seam(picture: NDArray[np.uint8], axis: int) -> float:
    """How much more two neighbours differ across the seam than elsewhere."""
    image = picture.astype(float)
    steps = np.abs(image - np.roll(image, 1, axis)).mean(axis=tuple({0, 1, 2} - {axis}))
    return float(steps[0] / steps[1:].mean())


def drawn(recorder: Recorder, **fields: Any) -> Picture:
    (picture,) = [event for event in recorder.run(job(**fields)) if isinstance(event, Picture)]
    return picture


SIZE: dict[str, Any] = {"width": 128, "height": 64, "steps": 3, "sampler": "Euler", "schedule_type": "Uniform"}


@pytest.mark.parametrize("tiling", TILINGS)
def test_rolled_noise_is_a_rolled_picture(tiny: StableDiffusion, monkeypatch: pytest.MonkeyPatch, tiling: str) -> None:
    own = copy_of(tiny, "float32")
    whole = pixels(drawn(recorder_of(own), **SIZE, tiling=tiling))
    noise = torch.randn

    def rolled(*arguments: Any, **options: Any) -> torch.Tensor:
        return noise(*arguments, **options).roll((8, 4), (-1, -2))

    monkeypatch.setattr("webui.engine.noise.torch.randn", rolled)
    moved = pixels(drawn(recorder_of(own), **SIZE, tiling=tiling))
    both = np.abs(moved.astype(int) - np.roll(whole, (32, 64), (0, 1))).max()
    assert (both <= 1) == (tiling == "X and Y")


def test_the_shipped_checkpoints_pictures_wrap(recorder: Recorder) -> None:
    """Across the seam neighbours differ about as much as inside; without tiling they differ clearly more. The mean of four pictures."""
    fields: dict[str, Any] = {"prompt": "tree leaves and flowers pattern", "steps": 8, "cfg_scale": 4.0}

    def mean_seam(tiling: str) -> float:
        pictures = [pixels(drawn(recorder, tiling=tiling, seed=seed, **fields)) for seed in (3, 4, 5, 6)]
        return float(np.mean([seam(picture, axis) for picture in pictures for axis in (0, 1)]))

    plain, wrapped = mean_seam("Off"), mean_seam("X and Y")
    print(f"difference across the seam over that inside: {plain:.2f} without tiling, {wrapped:.2f} with")
    assert wrapped < 1.6
    assert plain > 2 * wrapped


def test_a_vae_that_decodes_in_tiles_is_shown_the_other_side(tiny: StableDiffusion) -> None:
    own = copy_of(tiny, "float32")
    plain, whole = (pixels(drawn(recorder_of(own), **SIZE, tiling=tiling)).astype(int) for tiling in ("Off", "X and Y"))
    failed: list[bool] = []

    def fail(module: object, args: tuple[torch.Tensor, ...]) -> None:
        if not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = own.vae.decoder.register_forward_pre_hook(fail)
    picture = drawn(recorder_of(own), **SIZE, tiling="X and Y")
    handle.remove()
    assert picture.facts["memory"]["plan"]["vae"] == TILED
    in_tiles = pixels(picture).astype(int)
    assert in_tiles.shape == whole.shape
    # Tiles differ a little from the whole everywhere, and not more at the edges.
    away = np.abs(in_tiles - whole)
    assert away[:, :2].mean() < 2 * away.mean() and away.mean() < np.abs(plain - whole).mean()


def test_a_checkpoint_without_convolutions_says_so(tiny: StableDiffusion) -> None:
    asked: Any = job(tiling="X").request
    transformer: Any = SimpleNamespace(modules={"denoiser": torch.nn.Linear(2, 2)})
    assert left_out(transformer, asked) == ["Tiling"] and left_out(tiny, asked) == []


def test_the_key_is_a1111s_where_it_can_be() -> None:
    for tiling, written in (("X and Y", ", Tiling: True"), ("X", ", Tiling: X"), ("Off", None)):
        text = write_infotext(job(tiling=tiling).request, 7, "1")
        assert (written in text) if written else "Tiling" not in text
        assert map_fields(read_infotext(text)).fields["tiling"] == tiling
    assert parse_request({"tiling": True}).tiling == "X and Y" and parse_request({"tiling": False}).tiling == "Off"

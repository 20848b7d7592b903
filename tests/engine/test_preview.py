from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine.families.sd import StableDiffusion
from webui.engine.preview import LONG_SIDE, fit_preview, preview_for, synthetic_pictures


class LinearVae:
    """Latents that are the shrunken picture itself, turned and scaled: a linear view can be exact."""

    config = SimpleNamespace(scaling_factor=0.5, shift_factor=None)
    device, dtype = torch.device("cpu"), torch.float32

    def encode(self, pixels: torch.Tensor, return_dict: bool) -> tuple[SimpleNamespace]:
        small = torch.nn.functional.interpolate(pixels, scale_factor=1 / 8, mode="area")
        return (SimpleNamespace(mean=torch.cat([small[:, 1:2] * 3, small[:, 0:1] - 1, small[:, 2:3], small[:, 0:1] * 0], dim=1)),)


def test_the_fit_finds_a_linear_vae_exactly() -> None:
    vae = LinearVae()
    pixels = synthetic_pictures(1, 64)
    latents = vae.encode(pixels, False)[0].mean * 0.5
    expected = torch.nn.functional.interpolate(pixels, scale_factor=1 / 8, mode="area")[0].permute(1, 2, 0)
    seen = fit_preview(vae).rgb(latents[0]).float() / 127.5 - 1
    assert (seen - expected).abs().max() < 0.02


@torch.no_grad()
def test_the_fitted_view_of_the_shipped_vae_resembles_its_pictures(family: StableDiffusion) -> None:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn((1, 4, 16, 16), generator=generator)
    decoded = family.decode(latents)[0].float()
    small = torch.nn.functional.interpolate(decoded.permute(2, 0, 1)[None], size=(16, 16), mode="area")[0]
    seen = family.preview().rgb(latents[0]).permute(2, 0, 1).float()
    correlation = np.corrcoef(small.flatten(), seen.flatten())[0, 1]
    assert correlation > 0.7


def test_published_factors_for_stable_diffusion_1() -> None:
    vae = SimpleNamespace(config=SimpleNamespace(block_out_channels=(128, 256, 512, 512), latent_channels=4, scaling_factor=0.18215))
    preview = preview_for(vae)
    assert preview.factors.shape == (4, 3)
    assert preview.bias.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("shape", "size"), [((4, 16, 16), (256, 256)), ((4, 8, 32), (256, 64)), ((4, 96, 64), (171, 256))])
def test_previews_are_small_jpegs(family: StableDiffusion, shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    data = family.preview().jpeg(torch.full(shape, float("nan")) if shape[1] == 8 else torch.randn(shape))
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "JPEG"
    assert picture.size == size
    assert max(picture.size) == LONG_SIDE


def test_synthetic_pictures_are_always_the_same() -> None:
    state = torch.get_rng_state()
    assert torch.equal(synthetic_pictures(2, 64), synthetic_pictures(2, 64))
    assert torch.equal(torch.get_rng_state(), state)

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from webui.engine.conditioning import encode_text
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import PREDICTIONS, StableDiffusion
from webui.engine.samplers import SAMPLE_FUNCTIONS
from webui.engine.schedules import SPACINGS, sigmas_for
from webui.generation import samplers

SHAPE = (2, 4, 8, 8)


def test_engine_holds_one_function_for_each_name() -> None:
    assert tuple(SAMPLE_FUNCTIONS) == samplers.SAMPLER_LABELS
    assert {samplers.AUTOMATIC, *SPACINGS} == set(samplers.SCHEDULE_LABELS)


class PerfectUnet:
    """Knows the clean latents and answers as a perfectly trained U-Net would."""

    def __init__(self, clean: torch.Tensor, family: StableDiffusion, prediction: str) -> None:
        self.clean, self.family, self.prediction = clean, family, prediction
        self.config = family.unet.config

    def __call__(self, scaled: torch.Tensor, timestep: torch.Tensor, **_: Any) -> tuple[torch.Tensor]:
        sigma = float(self.family.sigmas.sigma_of(timestep.double().numpy()))
        root = (sigma**2 + 1) ** 0.5
        noise = (scaled * root - self.clean) / sigma
        return (noise if self.prediction == "epsilon" else (noise - sigma * self.clean) / root,)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("schedule", SPACINGS)
@pytest.mark.parametrize("sampler", SAMPLE_FUNCTIONS)
def test_with_a_perfect_denoiser_every_sampler_ends_at_the_clean_latents(
    family: StableDiffusion, sampler: str, schedule: str, prediction: str
) -> None:
    generator = torch.Generator().manual_seed(1)
    clean = torch.randn(SHAPE, generator=generator)
    perfect = dataclasses.replace(family, unet=PerfectUnet(clean, family, prediction), x0=PREDICTIONS[prediction])
    sigmas = sigmas_for(schedule, family.sigmas, 8)
    steps: list[int] = []

    def on_step(step: int, x: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
        steps.append(step)
        return denoised

    end = SAMPLE_FUNCTIONS[sampler](
        lambda x, sigma: perfect.denoise(x, sigma, Conditioning(torch.zeros(2, 1, 1))),
        torch.randn(SHAPE, generator=generator) * sigmas[0],
        sigmas,
        lambda: torch.randn(SHAPE, generator=generator),
        on_step,
    )
    assert steps == list(range(8))
    assert torch.allclose(end, clean, atol=2e-4)


@pytest.mark.parametrize("sampler", samplers.SAMPLERS, ids=lambda sampler: sampler.label)
def test_only_ancestral_samplers_draw_noise_on_the_way(sampler: samplers.Sampler) -> None:
    drawn: list[int] = []

    def noise() -> torch.Tensor:
        drawn.append(1)
        return torch.zeros(SHAPE)

    SAMPLE_FUNCTIONS[sampler.label](
        lambda x, sigma: x * 0, torch.ones(SHAPE), (3.0, 2.0, 1.0, 0.0), noise, lambda step, x, denoised: denoised
    )
    assert len(drawn) == (2 if sampler.label in {"Euler a"} else 0)


def test_the_step_callback_decides_what_the_sampler_goes_towards() -> None:
    for sample in SAMPLE_FUNCTIONS.values():
        end = sample(
            lambda x, sigma: x * 0, torch.ones(SHAPE), (2.0, 1.0, 0.0), lambda: torch.zeros(SHAPE), lambda step, x, denoised: denoised + 5
        )
        assert torch.allclose(end, torch.full(SHAPE, 5.0))


class StockRun:
    """A diffusers scheduler driven as its pipelines do, on the same U-Net."""

    def __init__(self, scheduler: Any, family: StableDiffusion, conditioning: torch.Tensor, steps: int) -> None:
        self.scheduler, self.family, self.conditioning = scheduler, family, conditioning
        scheduler.set_timesteps(steps)

    @torch.no_grad()
    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        x = noise * self.scheduler.init_noise_sigma
        for timestep in self.scheduler.timesteps:
            output = self.family.unet(self.scheduler.scale_model_input(x, timestep), timestep, self.conditioning).sample
            x = self.scheduler.step(output, timestep, x).prev_sample
        return x


def _own_run(family: StableDiffusion, sampler: str, sigmas: tuple[float, ...], x: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
    with torch.no_grad():
        return SAMPLE_FUNCTIONS[sampler](
            lambda x, sigma: family.denoise(x, sigma, conditioning), x, sigmas, lambda: x * 0, lambda step, x, denoised: denoised
        )


@pytest.fixture(scope="module")
def scene(family: StableDiffusion) -> SimpleNamespace:
    noise = torch.randn((1, *family.latent_shape(64, 64)), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return SimpleNamespace(noise=noise, conditioning=encode_text(family, "a red apple"))


BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "prediction_type": "v_prediction"}


def test_dpmpp_2m_equals_diffusers(family: StableDiffusion, scene: SimpleNamespace) -> None:
    from diffusers import DPMSolverMultistepScheduler

    stock = StockRun(DPMSolverMultistepScheduler(**BETAS, final_sigmas_type="zero"), family, scene.conditioning.tokens, 9)
    sigmas = tuple(float(sigma) for sigma in stock.scheduler.sigmas)
    start = scene.noise * (sigmas[0] ** 2 + 1) ** 0.5
    assert torch.allclose(_own_run(family, "DPM++ 2M", sigmas, start, scene.conditioning), stock(scene.noise), atol=1e-4)


def test_ddim_equals_diffusers(family: StableDiffusion, scene: SimpleNamespace) -> None:
    from diffusers import DDIMScheduler

    stock = StockRun(
        DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1), family, scene.conditioning.tokens, 10
    )
    levels = [float(family.sigmas.levels[timestep]) for timestep in stock.scheduler.timesteps]
    sigmas = (*levels, family.sigmas.smallest)
    start = scene.noise * (sigmas[0] ** 2 + 1) ** 0.5
    own = _own_run(family, "DDIM", sigmas, start, scene.conditioning) / (sigmas[-1] ** 2 + 1) ** 0.5
    assert torch.allclose(own, stock(scene.noise), atol=1e-4)


def test_euler_karras_equals_diffusers(family: StableDiffusion, scene: SimpleNamespace) -> None:
    from diffusers import EulerDiscreteScheduler

    stock = StockRun(EulerDiscreteScheduler(**BETAS, use_karras_sigmas=True), family, scene.conditioning.tokens, 7)
    sigmas = sigmas_for("Karras", family.sigmas, 7)
    assert stock.scheduler.sigmas.tolist() == pytest.approx(sigmas, rel=1e-4)
    own = _own_run(family, "Euler", sigmas, scene.noise * sigmas[0], scene.conditioning)
    assert torch.allclose(own, stock(scene.noise), atol=1e-4)


def test_euler_a_equals_diffusers(family: StableDiffusion, scene: SimpleNamespace) -> None:
    """Noise is compared by drawing the same on both sides. Ten steps: its timesteps are whole numbers then."""
    from diffusers import EulerAncestralDiscreteScheduler

    stock = EulerAncestralDiscreteScheduler(**BETAS)
    stock.set_timesteps(10)
    sigmas = sigmas_for("Uniform", family.sigmas, 10)
    assert stock.sigmas.tolist() == pytest.approx(sigmas, rel=1e-4)
    theirs, ours = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    with torch.no_grad():
        expected = scene.noise * stock.init_noise_sigma
        for timestep in stock.timesteps:
            output = family.unet(stock.scale_model_input(expected, timestep), timestep, scene.conditioning.tokens).sample
            expected = stock.step(output, timestep, expected, generator=theirs).prev_sample
        own = SAMPLE_FUNCTIONS["Euler a"](
            lambda x, sigma: family.denoise(x, sigma, scene.conditioning),
            scene.noise * sigmas[0],
            sigmas,
            lambda: torch.randn(scene.noise.shape, generator=ours),
            lambda step, x, denoised: denoised,
        )
    assert torch.allclose(own, expected, atol=1e-4)

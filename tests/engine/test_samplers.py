from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
import torch

from webui.engine.families.base import Conditioning
from webui.engine.families.sd import PREDICTIONS, StableDiffusion
from webui.engine.noise import PictureNoise, PictureSeeds
from webui.engine.samplers import SAMPLE_FUNCTIONS, NoisePath, SamplerOptions, SamplerRun
from webui.engine.samplers.one_step import restart_ways
from webui.engine.schedules import SPACINGS, ModelSigmas, flow_sigmas, model_sigmas, sigmas_for
from webui.generation import samplers

SHAPE = (2, 4, 8, 8)
SD1 = model_sigmas({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
FLOW = flow_sigmas(shift=3.0)
OWN_STEPS = ("DPM fast", "DPM adaptive")
"""Samplers that choose their own levels between the ends."""


def noise_of(sigmas: tuple[float, ...], seeds: tuple[int, ...] = (1, 2), shape: tuple[int, ...] = SHAPE[1:]) -> PictureNoise:
    return PictureNoise([PictureSeeds(seed) for seed in seeds], shape, torch.device("cpu"), sigmas)  # type: ignore[arg-type]


def test_engine_holds_one_function_for_each_name() -> None:
    assert tuple(SAMPLE_FUNCTIONS) == samplers.SAMPLER_LABELS
    assert (samplers.AUTOMATIC, *SPACINGS) == samplers.SCHEDULE_LABELS


# the oracle


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


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def models(family: StableDiffusion, clean: torch.Tensor) -> dict[str, tuple[ModelSigmas, Any]]:
    """By prediction: levels, and a denoiser through the real scaling code, whose network is perfect."""
    result: dict[str, tuple[ModelSigmas, Any]] = {}
    for prediction in PREDICTIONS:
        perfect = dataclasses.replace(family, unet=PerfectUnet(clean, family, prediction), x0=PREDICTIONS[prediction])
        asked = Conditioning(torch.zeros(2, 1, 1))
        result[prediction] = family.sigmas, lambda x, sigma, perfect=perfect, asked=asked: perfect.denoise(x, sigma, asked)

    def flow(x: torch.Tensor, sigma: float) -> torch.Tensor:
        velocity = (x - clean) / sigma  # noise - x0, what the network of a flow model says
        return x - sigma * velocity

    result["flow"] = FLOW, flow
    return result


QUICK = ("Uniform", "Karras", "Beta")


@pytest.mark.parametrize("prediction", [*PREDICTIONS, "flow"])
@pytest.mark.parametrize("schedule", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SPACINGS])
@pytest.mark.parametrize("sampler", SAMPLE_FUNCTIONS)
def test_with_a_perfect_denoiser_every_sampler_ends_at_the_clean_latents(
    models: dict[str, tuple[ModelSigmas, Any]], clean: torch.Tensor, sampler: str, schedule: str, prediction: str
) -> None:
    """The steps are counted by the way: each once, or by samplers with steps of their own, never back and up to the last."""
    model, denoise = models[prediction]
    sigmas = sigmas_for(schedule, model, 8)
    steps: list[int] = []

    def on_step(step: int, sigma: float, x: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
        steps.append(step)
        assert 0 < sigma <= sigmas[0] * (1 + 1e-9)
        return denoised

    noise = noise_of(sigmas)
    run = SamplerRun(denoise, noise, NoisePath(model.flow), on_step=on_step, unguided=lambda: clean, earlier=model.earlier)
    end = SAMPLE_FUNCTIONS[sampler](run, noise.first() * sigmas[0], sigmas)
    if sampler in OWN_STEPS:
        assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 7
    else:
        assert steps == list(range(8))
    assert torch.allclose(end, clean, atol=5e-4)


@pytest.mark.parametrize("steps", [1, 2, 3, 20, 37])
@pytest.mark.parametrize("sampler", SAMPLE_FUNCTIONS)
def test_any_number_of_steps_ends_at_the_clean_latents(clean: torch.Tensor, sampler: str, steps: int) -> None:
    counted: list[int] = []
    for model in (SD1, FLOW):
        sigmas = sigmas_for("Karras", model, steps)
        noise = noise_of(sigmas)
        run = SamplerRun(
            lambda x, sigma: clean,
            noise,
            NoisePath(model.flow),
            on_step=lambda step, sigma, x, denoised: (counted.append(step), denoised)[1],
            unguided=lambda: clean,
            earlier=model.earlier,
        )
        end = SAMPLE_FUNCTIONS[sampler](run, noise.first() * sigmas[0], sigmas)
        assert torch.allclose(end, clean, atol=5e-4)
        assert counted[-1] == steps - 1


@pytest.mark.parametrize("sampler", samplers.SAMPLERS, ids=lambda sampler: sampler.label)
def test_the_denoiser_is_called_as_often_as_the_table_says(sampler: samplers.Sampler) -> None:
    calls = 0

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return x * 0

    sigmas = sigmas_for("Karras", SD1, 12)
    SAMPLE_FUNCTIONS[sampler.label](SamplerRun(denoise, noise_of(sigmas), unguided=lambda: torch.zeros(SHAPE)), torch.ones(SHAPE), sigmas)
    if not sampler.one_by_one:
        assert sampler.calls * 12 - 3 <= calls <= sampler.calls * 12 + 1


@pytest.mark.parametrize("sampler", samplers.SAMPLERS, ids=lambda sampler: sampler.label)
def test_a_sampler_heeds_the_options_that_the_table_names_and_no_others(sampler: samplers.Sampler) -> None:
    sigmas = sigmas_for("Karras", SD1, 24)
    changes = {
        "eta": {"eta": 0.5},
        "eta_ddim": {"ddim_eta": 0.5},
        "sigma_churn": {"churn": 5.0},
        "sigma_tmin": {"churn": 5.0, "churn_from": 1.0},
        "sigma_tmax": {"churn": 5.0, "churn_to": 1.0},
        "sigma_noise": {"noise_scale": 0.9},
    }
    base = {"sigma_tmin": {"churn": 5.0}, "sigma_tmax": {"churn": 5.0}}
    if "sigma_noise" in sampler.options and "eta" not in sampler.options:
        # Noise that is only added on wish can only be scaled then.
        base["sigma_noise"] = {"churn": 5.0, "ddim_eta": 0.5}
        changes["sigma_noise"] = base["sigma_noise"] | {"noise_scale": 0.9}

    def end(options: dict[str, float]) -> torch.Tensor:
        run = SamplerRun(
            lambda x, sigma: torch.tanh(x / (1 + sigma)),
            noise_of(sigmas),
            options=SamplerOptions(**options),
            unguided=lambda: torch.zeros(SHAPE),
            earlier=SD1.earlier,
        )
        return SAMPLE_FUNCTIONS[sampler.label](run, torch.ones(SHAPE) * sigmas[0], sigmas)

    heeded = {name for name, change in changes.items() if not torch.equal(end(base.get(name, {})), end(change))}
    assert heeded == set(sampler.options)


@pytest.mark.parametrize("sampler", SAMPLE_FUNCTIONS)
def test_the_step_callback_decides_what_the_sampler_goes_towards(sampler: str) -> None:
    sigmas = (2.0, 1.0, 0.5, 0.0)

    def end(shift: float) -> torch.Tensor:
        run = SamplerRun(
            lambda x, sigma: x * 0,
            noise_of(sigmas),
            on_step=lambda step, sigma, x, denoised: denoised + shift,
            unguided=lambda: torch.zeros(SHAPE),
        )
        return SAMPLE_FUNCTIONS[sampler](run, torch.ones(SHAPE), sigmas)

    assert (end(5.0) - end(0.0)).mean() > 1


def test_restart_keeps_the_number_of_steps_and_goes_back_up() -> None:
    for steps, rounds in ((19, 0), (20, 1), (36, 2), (50, 2)):
        ways = restart_ways(sigmas_for("Karras", SD1, steps))
        assert len(ways) == steps
        jumps = [(before[1], after[0]) for before, after in itertools.pairwise(ways) if before[1] != after[0]]
        assert len(jumps) == rounds
        assert all(low < 0.15 and 1.5 < high < 2.5 for low, high in jumps)


# noise levels of flow models


def test_flow_in_its_own_levels_and_in_sigma_space_say_the_same() -> None:
    flow, space = NoisePath(flow=True), NoisePath()
    for sigma in (0.9, 0.5, 0.01):
        ratio = sigma / (1 - sigma)
        assert flow.log_snr(sigma) == pytest.approx(space.log_snr(ratio))
        assert flow.sigma_at(flow.log_snr(sigma)) == pytest.approx(sigma)
        assert flow.below(sigma, sigma / 2, 0.7) == pytest.approx(_flow(space.below(ratio, sigma / 2 / (1 - sigma / 2), 0.7)))
    assert flow.above(1.0, 1.2) == 1.0


def _flow(ratio: float) -> float:
    return ratio / (1 + ratio)


@pytest.mark.parametrize("path", [NoisePath(), NoisePath(flow=True)], ids=["sigma space", "flow"])
def test_renoised_latents_have_the_noise_of_their_level(path: NoisePath) -> None:
    generator = torch.Generator().manual_seed(0)
    clean, first, second = (torch.randn(200_000, generator=generator) for _ in range(3))
    again = path.renoised(path.noised(clean, first, 0.3), 0.3, 0.6, second)
    noise = again - path.signal(0.6) * clean
    assert float(noise.std()) == pytest.approx(0.6, rel=0.01)
    assert abs(float((noise * clean).mean())) < 0.01

"""Our samplers against diffusers' schedulers, on the shipped U-Net, and on a toy for flow matching."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from webui.engine.conditioning import encode_text
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import PREDICTIONS, StableDiffusion
from webui.engine.samplers import SAMPLE_FUNCTIONS, NoisePath, SamplerRun
from webui.engine.schedules import sigmas_for


class InOrder:
    """Noise that diffusers' schedulers draw when they are given a generator of this seed."""

    def __init__(self, shape: tuple[int, ...] = (1, 4, 8, 8)) -> None:
        self._generator = torch.Generator().manual_seed(5)
        self._shape = shape

    def draw(self) -> torch.Tensor:
        return torch.randn(self._shape, generator=self._generator)

    def between(self, sigma: float, following: float) -> torch.Tensor:
        return self.draw()


class StockRun:
    """A diffusers scheduler driven as its pipelines do, on the same U-Net."""

    def __init__(self, scheduler: Any, family: StableDiffusion, conditioning: torch.Tensor, steps: int, **arguments: Any) -> None:
        self.scheduler, self.family, self.conditioning, self.arguments = scheduler, family, conditioning, arguments
        scheduler.set_timesteps(steps)

    @torch.no_grad()
    def __call__(self, noise: torch.Tensor) -> torch.Tensor:
        x = noise * self.scheduler.init_noise_sigma
        for timestep in self.scheduler.timesteps:
            output = self.family.unet(self.scheduler.scale_model_input(x, timestep), timestep, self.conditioning).sample
            x = self.scheduler.step(output, timestep, x, **self.arguments).prev_sample
        return x


def _own_run(family: StableDiffusion, sampler: str, sigmas: tuple[float, ...], x: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
    with torch.no_grad():
        run = SamplerRun(lambda x, sigma: family.denoise(x, sigma, conditioning), InOrder(), earlier=family.sigmas.earlier)
        return SAMPLE_FUNCTIONS[sampler](run, x, sigmas)


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


@pytest.mark.parametrize("kind", ["unipc", "deis", "2m sde", "2m sde heun", "euler a"])
def test_samplers_with_sigmas_of_their_own_equal_diffusers(family: StableDiffusion, scene: SimpleNamespace, kind: str) -> None:
    import diffusers

    sde = {"algorithm_type": "sde-dpmsolver++", "final_sigmas_type": "zero"}
    label, scheduler = {
        # Its form of B(h) = h gives NaN where the last level is 0.
        "unipc": (
            "UniPC",
            lambda: diffusers.UniPCMultistepScheduler(**BETAS, solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min"),
        ),
        "deis": ("DEIS", lambda: diffusers.DEISMultistepScheduler(**BETAS, solver_order=3, lower_order_final=False)),
        "2m sde": ("DPM++ 2M SDE", lambda: diffusers.DPMSolverMultistepScheduler(**BETAS, **sde)),
        "2m sde heun": ("DPM++ 2M SDE Heun", lambda: diffusers.DPMSolverMultistepScheduler(**BETAS, **sde, solver_type="heun")),
        "euler a": ("Euler a", lambda: diffusers.EulerAncestralDiscreteScheduler(**BETAS)),
    }[kind]
    seeded = {"generator": torch.Generator().manual_seed(5)} if label not in ("UniPC", "DEIS") else {}
    # Ten steps: Euler a's timesteps are whole numbers then.
    stock = StockRun(scheduler(), family, scene.conditioning.tokens, 10, **seeded)
    sigmas = tuple(float(sigma) for sigma in stock.scheduler.sigmas)
    start = scene.noise * (sigmas[0] if label == "Euler a" else (sigmas[0] ** 2 + 1) ** 0.5)
    own = _own_run(family, label, sigmas, start, scene.conditioning)
    assert torch.allclose(own / (sigmas[-1] ** 2 + 1) ** 0.5, stock(scene.noise), atol=2e-4)


@pytest.mark.parametrize("kind", ["ddpm", "plms", "lcm", "tcd"])
def test_samplers_on_whole_timesteps_equal_diffusers(family: StableDiffusion, scene: SimpleNamespace, kind: str) -> None:
    import diffusers

    # diffusers' PLMS averages what the U-Net says, ours the noise, which is the same for eps.
    family = replace(family, x0=PREDICTIONS["epsilon"])
    betas = BETAS | {"prediction_type": "epsilon"}
    label, scheduler, arguments = {
        "ddpm": ("DDPM", diffusers.DDPMScheduler(**betas, clip_sample=False, variance_type="fixed_small"), {"generator"}),
        "plms": ("PLMS", diffusers.PNDMScheduler(**betas, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1), set()),
        "lcm": ("LCM", diffusers.LCMScheduler(**betas, clip_sample=False), {"generator"}),
        "tcd": ("TCD", diffusers.TCDScheduler(**betas, clip_sample=False), {"generator", "eta"}),
    }[kind]
    given = {"generator": torch.Generator().manual_seed(5), "eta": 0.3}
    stock = StockRun(scheduler, family, scene.conditioning.tokens, 5, **{name: given[name] for name in arguments})
    timesteps = list(dict.fromkeys(int(timestep) for timestep in scheduler.timesteps))
    model = family.sigmas
    sigmas = (*(float(model.levels[timestep]) for timestep in timesteps), model.smallest if kind == "plms" else 0.0)
    run = SamplerRun(
        lambda x, sigma: family.denoise(x, sigma, scene.conditioning),
        InOrder(),
        # TCD there rounds timesteps down.
        earlier=lambda sigma, share: float(model.levels[math.floor(share * round(model.timestep_of(sigma)))]),
    )
    with torch.no_grad():
        own = SAMPLE_FUNCTIONS[label](run, scene.noise * (sigmas[0] ** 2 + 1) ** 0.5, sigmas)
    if kind == "tcd":
        # There the last step ends at timestep 0, here at no noise; both are told by the guess.
        assert torch.allclose(own, stock(scene.noise), atol=0.2)
    else:
        assert torch.allclose(own / (sigmas[-1] ** 2 + 1) ** 0.5, stock(scene.noise), atol=3e-4)


@pytest.mark.parametrize("kind", ["euler", "heun", "2m", "2m sde"])
def test_flow_matching_equals_diffusers(kind: str) -> None:
    import diffusers

    flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0, "final_sigmas_type": "zero"}
    label, scheduler = {
        "euler": ("Euler", lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)),
        "heun": ("Heun", lambda: diffusers.FlowMatchHeunDiscreteScheduler(shift=3.0)),
        "2m": ("DPM++ 2M", lambda: diffusers.DPMSolverMultistepScheduler(**flow)),
        "2m sde": ("DPM++ 2M SDE", lambda: diffusers.DPMSolverMultistepScheduler(**flow, algorithm_type="sde-dpmsolver++")),
    }[kind]
    stock = scheduler()
    stock.set_timesteps(8)
    sigmas = tuple(dict.fromkeys(float(sigma) for sigma in stock.sigmas))

    def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.tanh(x + sigma) - 0.3 * torch.cos(x.flip(-1))

    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(2))
    expected = noise
    generator = {"generator": torch.Generator().manual_seed(5)} if kind == "2m sde" else {}
    for timestep in stock.timesteps:
        if stock.step_index is None:
            stock._init_step_index(timestep)
        expected = stock.step(velocity(expected, float(stock.sigmas[stock.step_index])), timestep, expected, **generator).prev_sample
    run = SamplerRun(lambda x, sigma: x - sigma * velocity(x, sigma), InOrder(), NoisePath(flow=True))
    own = SAMPLE_FUNCTIONS[label](run, noise, sigmas)
    assert torch.allclose(own, expected, atol=1e-4)

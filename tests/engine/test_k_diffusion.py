"""Our samplers against k-diffusion's own, in fp64, with the same noise."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from webui.engine.noise import PictureNoise, PictureSeeds
from webui.engine.samplers import SAMPLE_FUNCTIONS, SamplerOptions, SamplerRun
from webui.engine.schedules import ScheduleOptions, model_sigmas, sigmas_for

SD1 = model_sigmas({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
SHAPE = (1, 4, 6, 6)


@pytest.fixture(scope="module")
def k_sampling() -> Any:
    """k_diffusion.sampling, past the package's own imports, which want packages for training."""
    spec = importlib.util.find_spec("k_diffusion")
    assert spec is not None and spec.submodule_search_locations is not None
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["k_diffusion"] = package
    return importlib.import_module("k_diffusion.sampling")


def denoise(x: torch.Tensor, sigma: Any) -> torch.Tensor:
    """Some smooth denoiser with a will of its own."""
    sigma = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1, 1, 1, 1)
    return torch.tanh(1.5 * x / (1 + sigma**2) ** 0.5) + 0.1 * torch.sin(x.flip(-1)) / (1 + sigma)


@pytest.fixture(autouse=True)
def in_fp64() -> Iterator[None]:
    """k-diffusion makes some of its levels in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class SameNoise:
    """The same fp64 noise in one order, and the same between two levels: smooth in them, where a Brownian motion would
    tell apart what only a rounding does."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(7)
        self._grid = torch.randn(SHAPE, generator=self._generator)

    def draw(self, *_: Any, **__: Any) -> torch.Tensor:
        return torch.randn(SHAPE, generator=self._generator)

    def between(self, sigma: Any, following: Any) -> torch.Tensor:
        return torch.sin(self._grid * float(sigma)) + torch.cos(self._grid * float(following))


CHURN = {"churn": 8.0, "churn_from": 0.1, "churn_to": 10.0, "noise_scale": 1.003}
K_CHURN = {"s_churn": 8.0, "s_tmin": 0.1, "s_tmax": 10.0, "s_noise": 1.003}

CASES: list[tuple[str, str, dict[str, float], dict[str, Any]]] = [
    ("Euler", "sample_euler", {}, {}),
    ("Euler", "sample_euler", CHURN, K_CHURN),
    ("Heun", "sample_heun", {}, {}),
    ("Heun", "sample_heun", CHURN, K_CHURN),
    ("DPM2", "sample_dpm_2", {}, {}),
    ("DPM2", "sample_dpm_2", CHURN, K_CHURN),
    ("LMS", "sample_lms", {}, {}),
    ("DPM++ 2M", "sample_dpmpp_2m", {}, {}),
    *(
        (label, name, {"eta": eta, "noise_scale": scale}, {"eta": eta, "s_noise": scale} | more)
        for eta, scale in ((1.0, 1.0), (0.6, 1.01), (0.0, 1.0))
        for label, name, more in (
            ("Euler a", "sample_euler_ancestral", {}),
            ("DPM2 a", "sample_dpm_2_ancestral", {}),
            ("DPM++ 2S a", "sample_dpmpp_2s_ancestral", {}),
            ("DPM++ SDE", "sample_dpmpp_sde", {}),
            ("DPM++ 2M SDE", "sample_dpmpp_2m_sde", {"solver_type": "midpoint"}),
            ("DPM++ 2M SDE Heun", "sample_dpmpp_2m_sde", {"solver_type": "heun"}),
            ("DPM++ 3M SDE", "sample_dpmpp_3m_sde", {}),
            ("DPM fast", "sample_dpm_fast", {}),
            ("DPM adaptive", "sample_dpm_adaptive", {}),
        )
    ),
]


def both(
    k_sampling: Any, monkeypatch: pytest.MonkeyPatch, schedule: str, steps: int, case: tuple[str, str, dict[str, float], dict[str, Any]]
) -> tuple[torch.Tensor, torch.Tensor]:
    label, name, options, theirs = case
    sigmas = sigmas_for(schedule, SD1, steps)
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)) * sigmas[0]
    own = SAMPLE_FUNCTIONS[label](SamplerRun(denoise, SameNoise(), options=SamplerOptions(**options)), start, sigmas)
    noise = SameNoise()
    monkeypatch.setattr(k_sampling.torch, "randn_like", noise.draw)
    function: Callable[..., torch.Tensor] = getattr(k_sampling, name)
    if "SDE" in label:
        theirs = theirs | {"noise_sampler": noise.between}
    levels = torch.tensor(sigmas)
    with torch.no_grad():
        if label in ("DPM fast", "DPM adaptive"):
            # k-diffusion's go from end to end; ours take the last step to 0, too.
            ends = sigmas[-2], sigmas[0]
            expected = function(denoise, start, *ends, *((steps,) if label == "DPM fast" else ()), disable=True, **theirs)
            expected = denoise(expected, sigmas[-2])
        else:
            expected = function(denoise, start, levels, disable=True, **theirs)
    return own, expected


@pytest.mark.filterwarnings("ignore:To copy construct", "ignore:Should have")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2].get('eta', '')}{'churn' if 'churn' in case[2] else ''}")
@pytest.mark.parametrize(("schedule", "steps"), [("Karras", 7), ("Uniform", 9), ("Exponential", 11)])
def test_samplers_agree_with_k_diffusions(
    k_sampling: Any, monkeypatch: pytest.MonkeyPatch, schedule: str, steps: int, case: tuple[str, str, dict[str, float], dict[str, Any]]
) -> None:
    own, expected = both(k_sampling, monkeypatch, schedule, steps, case)
    assert float((own - expected).abs().max()) < 1e-5
    assert own.dtype == torch.float64


def test_schedules_agree_with_k_diffusions(k_sampling: Any) -> None:
    ends = SD1.smallest, SD1.largest
    for steps in (1, 2, 10, 30):
        for label, levels in (
            ("Karras", k_sampling.get_sigmas_karras(steps, *ends)),
            ("Exponential", k_sampling.get_sigmas_exponential(steps, *ends)),
            ("Polyexponential", k_sampling.get_sigmas_polyexponential(steps, *ends)),
        ):
            assert sigmas_for(label, SD1, steps) == pytest.approx(levels.tolist(), rel=1e-5)
    options = ScheduleOptions(sigma_min=0.1, sigma_max=5.0, rho=3.0)
    levels = k_sampling.get_sigmas_karras(10, 0.1, 5.0, rho=3.0)
    assert sigmas_for("Karras", SD1, 10, options) == pytest.approx(levels.tolist(), rel=1e-5)


@pytest.mark.filterwarnings("ignore:Should have")
def test_brownian_noise_is_k_diffusions(k_sampling: Any) -> None:
    sigmas = sigmas_for("Karras", SD1, 6)
    seeds, shape = (3, 2**40 + 5), (4, 6, 6)
    own = PictureNoise([PictureSeeds(seed) for seed in seeds], shape, torch.device("cpu"), sigmas)
    start = torch.zeros((2, *shape), dtype=torch.float32)
    theirs = k_sampling.BrownianTreeNoiseSampler(start, sigmas[-2], sigmas[0], seed=list(seeds))
    for sigma, following in itertools.pairwise(sigmas[:-1]):
        assert torch.allclose(own.between(sigma, following), theirs(sigma, following).float(), rtol=1e-6, atol=1e-7)

from __future__ import annotations

import itertools

import numpy as np
import pytest

from webui.engine.schedules import SPACINGS, flow_sigmas, model_sigmas, sigmas_for
from webui.errors import CheckpointUnusable

SD1 = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}


@pytest.mark.parametrize("steps", [1, 2, 3, 20, 150])
@pytest.mark.parametrize("schedule", SPACINGS)
def test_schedules_fall_from_the_models_largest_level_to_zero(schedule: str, steps: int) -> None:
    model = model_sigmas(SD1)
    sigmas = sigmas_for(schedule, model, steps)
    assert len(sigmas) == steps + 1
    assert sigmas[-1] == 0
    assert sigmas[0] == pytest.approx(model.largest)
    assert all(before > after for before, after in itertools.pairwise(sigmas))


def test_known_levels_of_stable_diffusion_1() -> None:
    """The ends of k-diffusion's table for SD 1.x, as A1111 prints them."""
    model = model_sigmas(SD1)
    assert model.largest == pytest.approx(14.6146, abs=1e-4)
    assert model.smallest == pytest.approx(0.0292, abs=1e-4)


def test_karras_is_even_in_its_power() -> None:
    sigmas = np.array(sigmas_for("Karras", model_sigmas(SD1), 10)[:-1]) ** (1 / 7)
    assert np.diff(sigmas) == pytest.approx(np.diff(sigmas)[0])


def test_a_noise_level_and_its_timestep_go_both_ways() -> None:
    model = model_sigmas(SD1)
    for timestep in (0, 0.5, 111, 998.25, 999):
        assert model.timestep_of(float(model.sigma_of(np.array(timestep)))) == pytest.approx(timestep, abs=1e-6)
    assert model.timestep_of(1e9) == 999
    assert model.timestep_of(1e-9) == 0


def test_zero_terminal_snr_stays_finite() -> None:
    model = model_sigmas(SD1 | {"rescale_betas_zero_snr": True})
    assert 4000 < model.largest < 5000
    assert model.smallest == pytest.approx(model_sigmas(SD1).smallest)


def test_unknown_betas_are_named() -> None:
    with pytest.raises(CheckpointUnusable, match="sigmoid"):
        model_sigmas({"beta_schedule": "sigmoid"})


def test_levels_of_flow_models_are_their_timesteps() -> None:
    model = flow_sigmas(shift=3.0)
    assert model.flow
    assert model.largest == 1
    assert model.smallest == pytest.approx(0.003 / 1.002)
    assert model.levels[499] == pytest.approx(0.75)
    assert model.timestep_of(0.75) == pytest.approx(750)
    assert float(model.sigma_of(np.array(498.5))) == pytest.approx((model.levels[498] + model.levels[499]) / 2)

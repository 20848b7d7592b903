from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diffusers.schedulers.scheduling_utils import AysSchedules

from webui.engine.families.sd import StableDiffusion
from webui.engine.families.sdxl import StableDiffusionXL
from webui.engine.schedules import (
    ALIGNED_SD,
    ALIGNED_SDXL,
    SPACINGS,
    ModelSigmas,
    ScheduleOptions,
    flow_sigmas,
    model_sigmas,
    sigmas_for,
)
from webui.errors import CheckpointUnusable, InvalidRequest
from webui.generation import samplers

SD1 = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}


MODELS = {"eps and v": model_sigmas(SD1), "zero SNR": model_sigmas(SD1 | {"rescale_betas_zero_snr": True}), "flow": flow_sigmas(shift=3.0)}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("schedule", SPACINGS)
def test_schedules_fall_from_the_models_largest_level_to_zero(schedule: str, model: ModelSigmas) -> None:
    for steps, discard in itertools.product((1, 2, 3, 7, 10, 11, 20, 150), (False, True)):
        sigmas = sigmas_for(schedule, model, steps, discard_next_to_last=discard)
        assert len(sigmas) == steps + 1
        assert sigmas[-1] == 0
        assert all(before > after for before, after in itertools.pairwise(sigmas))
        assert all(type(sigma) is float for sigma in sigmas)
        assert model.smallest <= sigmas[-2] * (1 + 1e-9)
        if schedule == "DDIM":
            assert sigmas[0] < model.largest  # it begins below the last timestep, as latent diffusion's does
        elif not (schedule == "Align Your Steps" and model.largest > 15):
            assert sigmas[0] == pytest.approx(model.largest, rel=1e-4)


def test_known_schedules_of_stable_diffusion_1() -> None:
    """By the formulas of a1111-compat and by diffusers, to the digits shown."""
    model = model_sigmas(SD1)
    at = model.levels

    def levels(schedule: str, steps: int) -> list[float]:
        return list(sigmas_for(schedule, model, steps)[:-1])

    assert levels("Simple", 4) == pytest.approx([at[999], at[749], at[499], at[249]])
    assert levels("DDIM", 4) == pytest.approx([at[751], at[501], at[251], at[1]])
    assert levels("Turbo", 4) == pytest.approx([at[999], at[749], at[499], at[249]])
    assert levels("Turbo", 10) == pytest.approx([at[index] for index in range(999, 0, -100)])
    assert levels("SGM Uniform", 3) == pytest.approx([at[999], at[666], at[333]])
    assert levels("Normal", 3) == levels("Uniform", 3) == pytest.approx([at[999], model.sigma_of(np.array(499.5)), at[0]])
    assert levels("Align Your Steps", 11) == pytest.approx(ALIGNED_SD, rel=0.01)
    assert levels("KL Optimal", 3)[1] == pytest.approx(math.tan((math.atan(at[0]) + math.atan(at[999])) / 2))
    assert levels("Beta", 3)[1] == pytest.approx(model.sigma_of(np.array(499.5)))
    assert levels("Exponential", 3)[1] == pytest.approx((at[0] * at[999]) ** 0.5)


def test_align_your_steps_equals_diffusers_between_its_levels() -> None:
    table = AysSchedules["StableDiffusionXLSigmas"][:-1]
    assert list(ALIGNED_SDXL[:10]) == pytest.approx(table)
    sdxl = replace(model_sigmas(SD1), aligned=ALIGNED_SDXL)
    assert sigmas_for("Align Your Steps", sdxl, 11)[:10] == pytest.approx(table, rel=1e-3)


def test_beta_follows_its_distribution() -> None:
    from scipy.stats import beta

    options = ScheduleOptions(beta_alpha=0.4, beta_beta=0.8)
    model = model_sigmas(SD1)
    quantiles = beta.ppf(np.linspace(1, 0, 9), 0.4, 0.8)
    assert sigmas_for("Beta", model, 9, options)[:-1] == pytest.approx(model.sigma_of(quantiles * 999))


@pytest.mark.parametrize("entry", samplers.SCHEDULES, ids=lambda entry: entry.label)
@pytest.mark.parametrize("model", [model_sigmas(SD1), flow_sigmas(shift=3.0)], ids=["eps and v", "flow"])
def test_a_schedule_heeds_the_options_that_the_table_names_and_no_others(entry: samplers.Schedule, model: ModelSigmas) -> None:
    usual = sigmas_for(entry.label, model, 9)
    for name, value in (("sigma_min", 0.1), ("sigma_max", 0.9), ("rho", 5.0), ("beta_alpha", 0.5), ("beta_beta", 0.7)):
        changed = sigmas_for(entry.label, model, 9, ScheduleOptions(**{name: value}))
        assert (changed != usual) == (name in entry.options), name
        if name == "sigma_max" and name in entry.options:
            assert changed[0] == pytest.approx(0.9)
        if name == "sigma_min" and name in entry.options and entry.label != "SGM Uniform":
            assert changed[-2] == pytest.approx(0.1)


def test_ends_that_leave_no_room_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"from 14\.6146 up to 20") as caught:
        sigmas_for("Karras", model_sigmas(SD1), 9, ScheduleOptions(sigma_min=20.0))
    assert caught.value.field == "sigma_min"


def test_without_the_next_to_last_level() -> None:
    model = model_sigmas(SD1)
    whole = sigmas_for("Karras", model, 11)
    assert sigmas_for("Karras", model, 10, discard_next_to_last=True) == (*whole[:10], 0.0)


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


def test_sdxl_has_levels_of_its_own_to_align_with() -> None:
    own: Any = SimpleNamespace(sigmas=model_sigmas(SD1))
    assert StableDiffusionXL.sigmas_at(own, 1024, 1024).aligned == ALIGNED_SDXL
    assert StableDiffusion.sigmas_at(own, 512, 512).aligned == ALIGNED_SD

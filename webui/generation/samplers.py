"""Names of samplers and schedules: the one table that page, API, infotext and engine share.

Labels and aliases are AUTOMATIC1111's and Forge's, so files, prompts and API clients move over unchanged.
The engine holds one function for each label (a test keeps the two tables equal). Those of add-ons are called "<id>/<label>"; here
their form is all that is known, and whether one is there is looked up when a request is taken.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from webui.errors import InvalidRequest
from webui.generation.offered import add_on_of

AUTOMATIC = "Automatic"

PIPELINES_OWN = "Pipeline's own"
"""Sampler and schedule of pictures that a pipeline of diffusers drew by itself: in resolved requests, never to be picked."""


@dataclass(frozen=True)
class Sampler:
    """One integration method.

    default_schedule: what "Automatic" stands for with it.
    calls: how often it asks the denoiser in a step, as prompt schedules count it (a few steps at the ends may ask less often).
    options: request fields that it heeds.
    discards_next_to_last: draws better without the smallest noise level.
    one_by_one: pictures drawn together would change each other.
    cfg_factor: what it multiplies the CFG scale by; it needs the negative prompt's guess even at CFG scale 1 where this isn't 1.
    """

    label: str
    aliases: tuple[str, ...]
    default_schedule: str
    calls: int = 1
    options: tuple[str, ...] = ()
    discards_next_to_last: bool = False
    one_by_one: bool = False
    cfg_factor: float = 1.0


@dataclass(frozen=True)
class Schedule:
    """One spacing of noise levels. options: request fields that it heeds."""

    label: str
    aliases: tuple[str, ...]
    options: tuple[str, ...] = ()


_ETA = ("eta", "sigma_noise")
_CHURN = ("sigma_churn", "sigma_tmin", "sigma_tmax", "sigma_noise")

SAMPLERS: tuple[Sampler, ...] = (
    Sampler("DPM++ 2M", ("k_dpmpp_2m", "dpmpp_2m"), "Karras"),
    Sampler("DPM++ SDE", ("k_dpmpp_sde", "dpmpp_sde"), "Karras", 2, _ETA),
    Sampler("DPM++ 2M SDE", ("k_dpmpp_2m_sde", "dpmpp_2m_sde"), "Exponential", 1, _ETA),
    Sampler("DPM++ 2M SDE Heun", ("k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun"), "Exponential", 1, _ETA),
    Sampler("DPM++ 2S a", ("k_dpmpp_2s_a", "dpmpp_2s_ancestral"), "Karras", 2, _ETA),
    Sampler("DPM++ 3M SDE", ("k_dpmpp_3m_sde", "dpmpp_3m_sde"), "Exponential", 1, _ETA, discards_next_to_last=True),
    Sampler("Euler a", ("k_euler_a", "k_euler_ancestral", "euler_ancestral"), "Uniform", 1, _ETA),
    Sampler("Euler", ("k_euler",), "Uniform", 1, _CHURN),
    Sampler("LMS", ("k_lms",), "Uniform"),
    Sampler("Heun", ("k_heun",), "Uniform", 2, _CHURN),
    Sampler("DPM2", ("k_dpm_2", "dpm_2"), "Karras", 2, _CHURN, discards_next_to_last=True),
    Sampler("DPM2 a", ("k_dpm_2_a", "k_dpm_2_ancestral", "dpm_2_ancestral"), "Karras", 2, _ETA, discards_next_to_last=True),
    Sampler("DPM fast", ("k_dpm_fast", "dpm_fast"), "Uniform", 1, _ETA),
    Sampler("DPM adaptive", ("k_dpm_ad", "k_dpm_adaptive", "dpm_adaptive"), "Uniform", 1, _ETA, one_by_one=True),
    Sampler("Restart", ("restart",), "Karras", 2, ("sigma_noise",)),
    Sampler("DDIM", ("ddim",), "Uniform", 1, ("eta_ddim", "sigma_noise")),
    Sampler("DDIM CFG++", ("ddim_cfgpp", "ddim_cfg++"), "DDIM", 1, ("eta_ddim", "sigma_noise"), cfg_factor=1 / 12.5),
    Sampler("PLMS", ("plms", "k_plms"), "DDIM"),
    Sampler("UniPC", ("unipc", "uni_pc"), "Uniform"),
    Sampler("LCM", ("k_lcm",), "Uniform", 1, ("sigma_noise",)),
    Sampler("HeunPP2", ("heunpp2",), "Uniform", 3, _CHURN),
    Sampler("IPNDM", ("ipndm",), "Uniform"),
    Sampler("DEIS", ("deis",), "Uniform"),
    Sampler("DDPM", ("ddpm",), "Uniform", 1, ("sigma_noise",)),
    Sampler("TCD", ("tcd",), "Uniform", 1, _ETA),
)

_ENDS = ("sigma_min", "sigma_max")

SCHEDULES: tuple[Schedule, ...] = (
    Schedule("Uniform", ("uniform",), _ENDS),
    Schedule("Karras", ("karras", "ka"), (*_ENDS, "rho")),
    Schedule("Exponential", ("exponential", "exp"), _ENDS),
    Schedule("Polyexponential", ("polyexponential",), (*_ENDS, "rho")),
    Schedule("SGM Uniform", ("sgm_uniform", "SGMUniform"), _ENDS),
    Schedule("KL Optimal", ("kl_optimal",), _ENDS),
    Schedule("Align Your Steps", ("align_your_steps", "ays")),
    Schedule("Simple", ("simple",)),
    Schedule("Normal", ("normal",), _ENDS),
    Schedule("DDIM", ("ddim", "ddim_uniform")),
    Schedule("Beta", ("beta",), (*_ENDS, "beta_alpha", "beta_beta")),
    Schedule("Turbo", ("turbo",)),
)

_NOT_OURS = Sampler(PIPELINES_OWN, (), PIPELINES_OWN)

SAMPLER_LABELS = tuple(sampler.label for sampler in SAMPLERS)
SCHEDULE_LABELS = (AUTOMATIC, *(schedule.label for schedule in SCHEDULES))

Entry = TypeVar("Entry", Sampler, Schedule)


def _find(name: str, table: Sequence[Entry]) -> Entry | None:
    wanted = name.strip().casefold()
    for entry in table:
        if wanted in (entry.label.casefold(), *(alias.casefold() for alias in entry.aliases)):
            return entry
    return None


@functools.lru_cache(maxsize=1024)  # every stored request is read by it
def split_joined_name(name: str) -> tuple[str, str | None]:
    """Split names from before the schedule was its own choice: "DPM++ 2M Karras" -> ("DPM++ 2M", "Karras").

    Returns the name unchanged and None when it does not end in a schedule or is a sampler by itself.
    """
    name = name.strip()
    if _find(name, SAMPLERS) is None:
        for schedule in SCHEDULES:
            for ending in (schedule.label, *schedule.aliases):
                for joint in (" ", "_"):  # the API's old names: "k_dpmpp_2m_ka"
                    head = name[: -len(ending) - 1]
                    if name.casefold().endswith(joint + ending.casefold()) and _find(head, SAMPLERS) is not None:
                        return head, schedule.label
    return name, None


@functools.lru_cache(maxsize=256)
def _of_add_on(label: str) -> Sampler:
    """Steps of such a sampler are counted by the noise level, so it doesn't matter how often it asks the denoiser in each."""
    return Sampler(label, (), SCHEDULES[0].label)


def find_sampler(name: str) -> Sampler:
    """The sampler of that label or alias. Raises InvalidRequest naming the known ones."""
    found = _find(name, (*SAMPLERS, _NOT_OURS))
    if found is None and add_on_of(name):
        return _of_add_on(name.strip())
    if found is None:
        raise InvalidRequest(
            f"There is no sampler called {name[:80]!r}.",
            field="sampler",
            allowed=", ".join(SAMPLER_LABELS),
            hint="Pick one of the known samplers.",
        )
    return found


def find_schedule_label(name: str) -> str:
    """The label ("Automatic" and the pipeline's own included) for a label or alias. Raises InvalidRequest naming the known ones."""
    for word in (AUTOMATIC, PIPELINES_OWN):
        if name.strip().casefold() == word.casefold():
            return word
    found = _find(name, SCHEDULES)
    if found is None and add_on_of(name):
        return name.strip()
    if found is None:
        raise InvalidRequest(
            f"There is no schedule type called {name[:80]!r}.",
            field="schedule_type",
            allowed=", ".join(SCHEDULE_LABELS),
            hint="Pick one of the known schedules; Automatic fits the sampler.",
        )
    return found.label

"""Names of samplers and schedules: the one table that page, API, infotext and engine share.

Labels and aliases are AUTOMATIC1111's, so files, prompts and API clients move over unchanged.
The engine holds one function for each label (a test keeps the two tables equal).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webui.errors import InvalidRequest

AUTOMATIC = "Automatic"


@dataclass(frozen=True)
class Sampler:
    """One integration method. `default_schedule` is what "Automatic" stands for with it.

    calls: how often it asks the denoiser in a step, as prompt schedules count it.
    """

    label: str
    aliases: tuple[str, ...]
    default_schedule: str
    calls: int = 1


@dataclass(frozen=True)
class Schedule:
    """One spacing of noise levels."""

    label: str
    aliases: tuple[str, ...]


SAMPLERS: tuple[Sampler, ...] = (
    Sampler("DPM++ 2M", ("k_dpmpp_2m",), "Karras"),
    Sampler("Euler a", ("k_euler_a", "k_euler_ancestral"), "Uniform"),
    Sampler("Euler", ("k_euler",), "Uniform"),
    Sampler("DDIM", ("ddim",), "Uniform"),
)

SCHEDULES: tuple[Schedule, ...] = (
    Schedule("Uniform", ("uniform",)),
    Schedule("Karras", ("karras",)),
)

SAMPLER_LABELS = tuple(sampler.label for sampler in SAMPLERS)
SCHEDULE_LABELS = (AUTOMATIC, *(schedule.label for schedule in SCHEDULES))


def _find(name: str, table: Sequence[Sampler | Schedule]) -> Sampler | Schedule | None:
    wanted = name.strip().casefold()
    for entry in table:
        if wanted in (entry.label.casefold(), *(alias.casefold() for alias in entry.aliases)):
            return entry
    return None


def split_joined_name(name: str) -> tuple[str, str | None]:
    """Split names from before the schedule was its own choice: "DPM++ 2M Karras" -> ("DPM++ 2M", "Karras").

    Returns the name unchanged and None when it does not end in a schedule or is a sampler by itself.
    """
    name = name.strip()
    if _find(name, SAMPLERS) is None:
        for schedule in SCHEDULES:
            for ending in (schedule.label, *schedule.aliases):
                head = name[: -len(ending) - 1]
                if name.casefold().endswith(" " + ending.casefold()) and _find(head, SAMPLERS) is not None:
                    return head, schedule.label
    return name, None


def find_sampler(name: str) -> Sampler:
    """The sampler of that label or alias. Raises InvalidRequest naming the known ones."""
    found = _find(name, SAMPLERS)
    if not isinstance(found, Sampler):
        raise InvalidRequest(
            f"There is no sampler called {name[:80]!r}.",
            field="sampler",
            allowed=", ".join(SAMPLER_LABELS),
            hint="Pick one of the known samplers.",
        )
    return found


def find_schedule_label(name: str) -> str:
    """The label ("Automatic" included) for a label or alias. Raises InvalidRequest naming the known ones."""
    if name.strip().casefold() == AUTOMATIC.casefold():
        return AUTOMATIC
    found = _find(name, SCHEDULES)
    if found is None:
        raise InvalidRequest(
            f"There is no schedule type called {name[:80]!r}.",
            field="schedule_type",
            allowed=", ".join(SCHEDULE_LABELS),
            hint="Pick one of the known schedules; Automatic fits the sampler.",
        )
    return found.label

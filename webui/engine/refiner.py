"""The refiner: when it takes over, and whether it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webui.engine.families.base import Family
from webui.engine.schedules import ModelSigmas
from webui.errors import InvalidRequest
from webui.generation.passes import Pass
from webui.generation.request import ResolvedDrawn

_OF_LATENTS = ("latent_channels", "scaling_factor", "shift_factor")


def refiner_due(stage: Pass[ResolvedDrawn], levels: ModelSigmas) -> Callable[[float, int], bool]:
    """Whether the refiner's turn has come, by noise level and number of the call from 0, as AUTOMATIC1111 counts.

    It is once the share of the model's timesteps that lie above the noise level is what was asked for; or that of the calls.
    """
    at, count = stage.request.refiner_switch_at, len(levels.levels)
    if stage.request.refiner_by_steps:
        return lambda sigma, call: call / stage.calls >= at
    return lambda sigma, call: (count - 1 - round(levels.place_of(sigma))) / count >= at


def require_same_latents(first: Family, refiner: Family, request: ResolvedDrawn) -> None:
    """Raise InvalidRequest where the refiner can't go on with what the first checkpoint draws."""
    kinds: list[dict[str, Any]] = [
        {name: getattr(family.modules["vae"].config, name, None) for name in _OF_LATENTS}
        | {"flow": family.sigmas_at(request.width, request.height).flow}
        for family in (first, refiner)
    ]
    if kinds[0] != kinds[1]:
        raise InvalidRequest(
            f"{request.refiner} can't refine what {request.checkpoint} draws: their latents are of different kinds.",
            field="refiner",
            hint="Pick a refiner of the same family, or None.",
        )

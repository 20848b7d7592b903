"""Loopback: each round draws on the picture of the one before, with a denoising strength that moves along a curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

STARTED_FROM = "init_image"
"""The fact of a picture that tells which one it started from, where that is the picture of the round before: its SHA-256."""

DenoisingCurve = Literal["Linear", "Aggressive", "Lazy"]
"""AUTOMATIC1111's words."""

CURVES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "Linear": lambda way: way,
        "Aggressive": lambda way: math.sin(way * math.pi / 2),
        "Lazy": lambda way: 1 - math.cos(way * math.pi / 2),
    }
)
"""Share of the rounds that is done, 0 to 1 -> share of the change of strength (AUTOMATIC1111, scripts/loopback.py)."""
_DIGITS = 4
"""Of a strength: a round's own is read, carried on and typed again."""


def strength_of(number: int, loops: int, first: float, final: float, curve: str) -> float:
    """The denoising strength of a round, counted from 0, of so many; the first one's is `first`, the last one's `final`."""
    if number == 0:
        return first
    return round(first + (final - first) * CURVES[curve](number / (loops - 1)), _DIGITS)


def started_from(facts: Mapping[str, Any]) -> str:
    """The SHA-256 that those facts of a picture tell, or nothing."""
    return str(facts.get(STARTED_FROM, ""))

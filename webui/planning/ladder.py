"""What to try when memory ran out all the same: one rung down at a time, by the stage that it happened in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from webui.generation.attention import SLICED
from webui.planning.memory import ONE_BY_ONE, PARTIAL, RESIDENT, SEQUENTIAL, SWAP, TILED, WHOLE, Plan
from webui.planning.peaks import DECODE, DENOISE, ENCODE

MOST_RUNGS = 3
"""Rungs that one picture goes down; then it is told that memory doesn't suffice."""


@dataclass(frozen=True)
class Rung:
    """One way to need less. down: the plan with it, None where it is in use already or can't be."""

    words: str
    down: Callable[[Plan], Plan | None]


def _fewer_rows(plan: Plan) -> Plan | None:
    return replace(plan, rows=-(-plan.rows // 2)) if plan.rows > 1 else None


def _slice_attention(plan: Plan) -> Plan | None:
    return replace(plan, attention=SLICED) if plan.attention != SLICED else None


def _decode_one_by_one(plan: Plan) -> Plan | None:
    return replace(plan, vae=ONE_BY_ONE) if plan.vae == WHOLE else None


def _tile_vae(plan: Plan) -> Plan | None:
    return replace(plan, vae=TILED) if plan.vae != TILED else None


def _swap(plan: Plan) -> Plan | None:
    return replace(plan, residency=SWAP) if plan.residency == RESIDENT else None


def _stream_half(plan: Plan) -> Plan | None:
    if plan.residency not in (RESIDENT, SWAP):
        return None
    return replace(plan, residency=PARTIAL, resident_bytes=plan.resident_bytes // 2)


def _stream_all(plan: Plan) -> Plan | None:
    return replace(plan, residency=SEQUENTIAL, resident_bytes=0) if plan.residency != SEQUENTIAL else None


ONE_BY_ONE_RUNG = Rung("pictures decoded one by one", _decode_one_by_one)
TILE_RUNG = Rung("VAE tiled", _tile_vae)
ROWS_RUNG = Rung("fewer latents in one pass", _fewer_rows)
SLICE_RUNG = Rung("attention sliced", _slice_attention)
SWAP_RUNG = Rung("parts take turns on the device", _swap)
HALF_RUNG = Rung("half of the weights streamed", _stream_half)
ALL_RUNG = Rung("all weights streamed", _stream_all)

RUNGS: Mapping[str, tuple[Rung, ...]] = MappingProxyType(
    {
        ENCODE: (SWAP_RUNG, ALL_RUNG),
        DENOISE: (SWAP_RUNG, ROWS_RUNG, SLICE_RUNG, HALF_RUNG, ALL_RUNG),
        DECODE: (SWAP_RUNG, ONE_BY_ONE_RUNG, TILE_RUNG, ALL_RUNG),
    }
)
"""Stage in which memory ran out -> rungs, the cheapest first."""

_MOVES = (SWAP_RUNG, HALF_RUNG, ALL_RUNG)


def step_down(plan: Plan, stage: str, *, copies: bool, pictures: int) -> tuple[Plan, str] | None:
    """The plan one rung further down, and what it does in words; None at the bottom.

    copies: as in Budget; weights that are not copied can't be moved. pictures: drawn together.
    """
    for rung in RUNGS[stage]:
        if (rung in _MOVES and not copies) or (rung is ONE_BY_ONE_RUNG and pictures == 1):
            continue
        lower = rung.down(plan)
        if lower is not None:
            return lower, rung.words
    return None

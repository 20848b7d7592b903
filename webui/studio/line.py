"""Which waiting job runs next: as they came, but jobs of the loaded checkpoint may overtake a few others.

Loading a checkpoint can take longer than drawing with it, so changing it for every job would waste most of the time.
No job is overtaken more than `MOST_OVERTAKEN` times, and one that was put in its place by hand never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_OVERTAKEN = 32
LOOK_AHEAD = MOST_OVERTAKEN + 1
"""How many jobs from the head of the line `choose` has to see."""


@dataclass(frozen=True)
class Waiting:
    """What the choice depends on. work: in the unit of `webui.planning.estimate`."""

    id: int
    priority: int
    checkpoint: str
    overtaken: int
    work: float = 0.0


def choose(line: Sequence[Waiting], loaded: str | None) -> int:
    """Index in `line` (highest priority first, then by place) of the job to run next with `loaded` in memory."""
    for index, entry in enumerate(line[:LOOK_AHEAD]):
        if entry.priority != line[0].priority:
            return 0
        if entry.checkpoint == loaded:
            return index
        if entry.overtaken >= MOST_OVERTAKEN:
            return 0
    return 0


def running_order(line: Sequence[Waiting], loaded: str | None) -> list[Waiting]:
    """The line in the order in which one worker will run it."""
    rest, order = list(line), []
    while rest:
        chosen = choose(rest, loaded)
        rest[:chosen] = [replace(entry, overtaken=entry.overtaken + 1) for entry in rest[:chosen]]
        entry = rest.pop(chosen)
        order.append(entry)
        loaded = entry.checkpoint
    return order

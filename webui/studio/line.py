"""Which of somebody's waiting jobs runs next: as they came, but jobs of the loaded checkpoint may overtake a few others.

Loading a checkpoint can take longer than drawing with it, so changing it for every job would waste most of the time.
No job is overtaken more than `MOST_OVERTAKEN` times, and one that was put in its place by hand never is. Whose turn it is where
several people wait, `turns.py` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webui.generation.request import NO_CHECKPOINT

LIVE_PRIORITY, NORMAL_PRIORITY, FOREVER_PRIORITY = 100, 0, -100
"""Live: somebody looks on while typing. Forever: jobs that go on by themselves let every other one go first."""

MOST_OVERTAKEN = 32
LOOK_AHEAD = MOST_OVERTAKEN + 1
"""How many jobs from the head of the line `choose` has to see."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the choice depends on. work: in the unit of `webui.planning.estimate`. lane: before whose jobs it goes, see `lane_of`."""

    id: int
    priority: int
    checkpoint: str
    overtaken: int
    work: float = 0.0
    lane: int = 0


def lane_of(priority: int, raised: int = 0) -> int:
    """Where a job of that priority stands among those of other people: higher lanes go first, and in one lane people take turns.

    raised: what an administrator's word adds to it. A priority by itself orders only one's own jobs, but live pictures go before all,
    and what goes on forever behind all.
    """
    return priority if priority in (LIVE_PRIORITY, FOREVER_PRIORITY) else max(raised, 0)


def choose(line: Sequence[Waiting], loaded: str | None, overtaken: Mapping[int, int] | None = None) -> int:
    """Index in `line` (highest priority first, then by place) of the job to run next with `loaded` in memory.

    overtaken: how often more than the journal says, by id.
    """
    more = overtaken or {}
    for index, entry in enumerate(line[:LOOK_AHEAD]):
        if entry.priority != line[0].priority:
            return 0
        # What needs no checkpoint takes the loaded one from nobody, and overtakes nobody.
        if entry.checkpoint == loaded or (index == 0 and entry.checkpoint.startswith(NO_CHECKPOINT)):
            return index
        if entry.overtaken + more.get(entry.id, 0) >= MOST_OVERTAKEN:
            return 0
    return 0


def running_order(line: Sequence[Waiting], loaded: str | None) -> list[Waiting]:
    """The line in the order in which one worker will run it."""
    rest, order = list(line), []
    overtaken: Counter[int] = Counter()
    while rest:
        chosen = choose(rest, loaded, overtaken)
        for passed in rest[:chosen]:
            overtaken[passed.id] += 1
        order.append(rest.pop(chosen))
        if not order[-1].checkpoint.startswith(NO_CHECKPOINT):
            loaded = order[-1].checkpoint
    return order

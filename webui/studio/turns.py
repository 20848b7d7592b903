"""Whose job runs next where several people wait: they take turns. Within each one's own line all is as `line.py` says.

A turn is one job, so that the queue alternates. It goes on only where the next person's job would cost a change of the checkpoint and
one's own next job wouldn't: then for up to MOST_JOBS jobs or about MOST_SECONDS, whichever comes first. Nobody's one job waits for
another's hundred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from webui.generation.request import NO_CHECKPOINT
from webui.studio.line import Waiting, choose

MOST_JOBS = 8
MOST_SECONDS = 30.0
"""Of one turn that spares changes of the checkpoint."""

Seconds = Callable[[Waiting], float | None]
"""About how long a job will take; None where that isn't known."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The job to run next: `line[index]` of its owner. fresh: a new turn begins with it."""

    owner: str
    index: int
    job: Waiting
    fresh: bool


@dataclass
class Turns:
    """Turns on one worker. served: owner -> number of the job that was theirs last; all workers share it.

    owner, jobs, seconds: whose turn it is, and what of it was used.
    """

    served: dict[str, int] = field(default_factory=dict)
    owner: str | None = None
    jobs: int = 0
    seconds: float = 0.0

    def choose(
        self,
        lines: Mapping[str, Sequence[Waiting]],
        loaded: str | None,
        seconds: Seconds,
        overtaken: Mapping[int, int] | None = None,
        *,
        grouping: bool = True,
    ) -> Chosen | None:
        """What runs next of everybody's line, none of them empty; None where there is none.

        loaded: the checkpoint in memory. overtaken: as `line.choose` has it. grouping: whether changes of the checkpoint are spared.
        """
        heads = {owner: choose(line, loaded, overtaken) if grouping else 0 for owner, line in lines.items()}
        jobs = {owner: lines[owner][index] for owner, index in heads.items()}
        if not jobs:
            return None
        lane = max(job.lane for job in jobs.values())
        first = [owner for owner, job in jobs.items() if job.lane == lane]
        # Whoever had nothing for the longest time; among newcomers whose job came first.
        following = min(first, key=lambda owner: (self.served.get(owner, 0), lines[owner][0].id))
        if (
            grouping
            and self.owner in first
            and self.owner != following
            and self._goes_on(jobs[self.owner], jobs[following], loaded, seconds)
        ):
            return Chosen(self.owner, heads[self.owner], jobs[self.owner], fresh=False)
        return Chosen(following, heads[following], jobs[following], fresh=True)

    def _goes_on(self, own: Waiting, following: Waiting, loaded: str | None, seconds: Seconds) -> bool:
        if self.jobs >= MOST_JOBS or _changes(own, loaded) or not _changes(following, loaded):
            return False
        return self.seconds + (seconds(own) or 0.0) <= MOST_SECONDS

    def note(self, chosen: Chosen, seconds: float | None) -> None:
        """That job runs now, and will take about so long."""
        self.jobs, self.seconds = (1, seconds or 0.0) if chosen.fresh else (self.jobs + 1, self.seconds + (seconds or 0.0))
        self.owner = chosen.owner
        self.served[chosen.owner] = max(self.served.values(), default=0) + 1

    def copy(self) -> Turns:
        """The same state, to look ahead with."""
        return Turns(dict(self.served), self.owner, self.jobs, self.seconds)


def running_order(
    lines: Mapping[str, Sequence[Waiting]], turns: Turns, loaded: str | None, seconds: Seconds, *, grouping: bool = True
) -> Iterator[tuple[str, Waiting]]:
    """Owners and their jobs in the order in which one worker will run them."""
    rest = {owner: list(line) for owner, line in lines.items() if line}
    turns, overtaken = turns.copy(), Counter[int]()
    while (chosen := turns.choose(rest, loaded, seconds, overtaken, grouping=grouping)) is not None:
        line = rest[chosen.owner]
        for passed in line[: chosen.index]:
            overtaken[passed.id] += 1
        turns.note(chosen, seconds(chosen.job) if len(rest) > 1 else None)
        line.pop(chosen.index)
        if not line:
            del rest[chosen.owner]
        if not chosen.job.checkpoint.startswith(NO_CHECKPOINT):
            loaded = chosen.job.checkpoint
        yield chosen.owner, chosen.job


def _changes(job: Waiting, loaded: str | None) -> bool:
    """Whether a job needs another checkpoint than the one in memory."""
    return job.checkpoint != loaded and not job.checkpoint.startswith(NO_CHECKPOINT)

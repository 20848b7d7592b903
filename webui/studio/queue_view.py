"""The queue as somebody sees it: what of theirs runs and waits, in the order in which it will run, and when each one starts.

Others' jobs have a part in when one's own start, and are told as numbers alone; administrators also see whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from webui.people import HOUSEHOLD, Person
from webui.planning.estimate import pace
from webui.settings import Settings
from webui.studio.dispatcher import Dispatcher
from webui.studio.history import History
from webui.studio.journal import WAITING, Job, Journal
from webui.studio.line import LOOK_AHEAD, Waiting
from webui.studio.turns import running_order
from webui.studio.whose import Whose

_PLANNED = 200
"""So many jobs from the head of the line are shown in the order in which they will run; those behind them as they stand in line."""


class QueueView:
    """Pages of one person's queue. May be called from any thread.

    journal, history: everybody's. names: of people, by id.
    """

    def __init__(
        self,
        journal: Journal,
        history: History,
        dispatcher: Dispatcher,
        job_view: Callable[[Job], dict[str, Any]],
        settings: Callable[[], Settings],
        names: Callable[[], Mapping[str, str]],
        person: Person = HOUSEHOLD,
    ) -> None:
        self._everybody = journal
        self._journal = journal.of(Whose(person.id))
        self._history = history
        self._dispatcher = dispatcher
        self._job_view = job_view
        self._settings = settings
        self._names = names
        self._person = person

    def of(self, person: Person) -> QueueView:
        """The same queue for somebody else."""
        return QueueView(self._everybody, self._history, self._dispatcher, self._job_view, self._settings, self._names, person)

    def page(self, offset: int = 0, limit: int = 50) -> dict[str, Any]:
        """What runs, and `limit` waiting jobs from number `offset` on, each with the seconds until it starts (None: not known).

        {"running": [job], "waiting": [job + starts_in, seconds, ahead], "offset", and what `summary` says}. ahead: how many jobs, also
        others', run before it, those that run now left aside.
        """
        owners, paces = self._everybody.waiting_owners(), _Paces(self._history)
        # The line first: a job that begins meanwhile is then seen among the running ones, not nowhere.
        line = list(self._order(owners, offset, limit, paces))
        jobs = {job.id: job for job in self._journal.get_all([entry.id for _, _, entry in line])}
        running = self._running()
        started = {view["id"] for view in running}
        now = self._seconds_of_running(running)
        waiting = []
        for ahead, before, entry in line:
            job = jobs.get(entry.id)
            if job is None or job.status != WAITING or str(job.id) in started:
                continue
            seconds = paces.of(entry)
            waiting.append({**self._job_view(job), "starts_in": _rounded(_plus(before, now)), "seconds": _rounded(seconds), "ahead": ahead})
        return {"running": running, "waiting": waiting, "offset": offset, **self._summary(owners, running, paces)}

    def summary(self) -> dict[str, Any]:
        """{"total": waiting jobs, "paused", "held": by an administrator, "forever": whether one follows each time, "seconds": until all
        are done (None: not known), "others": how many jobs of others wait, "people": what administrators see of them}.
        """
        return self._summary(self._everybody.waiting_owners(), self._running(), _Paces(self._history))

    def _running(self) -> list[dict[str, Any]]:
        return [self._job_view(job) for job in self._journal.get_all(self._dispatcher.running_of(self._person.id)) if not job.live]

    def _seconds_of_running(self, running: list[dict[str, Any]]) -> float | None:
        parts = [_seconds_left(view) for view in running]
        mine = {view["id"] for view in running}
        others = (self._dispatcher.progress(job_id) for job_id in self._dispatcher.running_of() if str(job_id) not in mine)
        return _sum(parts + [progress.seconds_left for progress in others if progress is not None])

    def _summary(self, owners: list[str], running: list[dict[str, Any]], paces: _Paces) -> dict[str, Any]:
        work = self._journal.waiting_work()
        total = sum(number for number, _ in work.values())
        parts = [_seconds_left(view) for view in running] + paces.sums(work)
        others = {owner: self._of(owner).waiting_count() for owner in owners if owner != self._person.id}
        if total:
            # In the time in which one's own are done others have their turns.
            parts += [part for owner in others for part in paces.sums(self._of(owner).waiting_work(total))]
        held = self._dispatcher.held(self._person.id)
        return {
            "total": total,
            "paused": self._dispatcher.paused or held is not None,
            "held": bool(held) or (self._dispatcher.paused and self._person.role != "admin"),
            "forever": self._journal.goes_on_forever(),
            "seconds": None if not parts else _rounded(_sum(parts)),
            "others": sum(others.values()),
            "people": self._people(others) if self._person.role == "admin" else [],
        }

    def _people(self, waiting: Mapping[str, int]) -> list[dict[str, Any]]:
        """What an administrator sees of others: whose jobs wait and run, how many, and whether their line is paused."""
        names = self._names()
        running = [owner for owner in self._dispatcher.running_owners() if owner != self._person.id]
        held = [owner for owner in names if self._dispatcher.held(owner) is not None and owner != self._person.id]
        return [
            {
                "id": owner,
                "name": names.get(owner, owner),
                "waiting": waiting.get(owner, 0),
                "running": running.count(owner),
                "paused": self._dispatcher.held(owner) is not None,
            }
            for owner in sorted({*waiting, *running, *held}, key=lambda owner: names.get(owner, owner).casefold())
        ]

    def _of(self, owner: str) -> Journal:
        return self._everybody.of(Whose(owner))

    def _order(self, owners: list[str], offset: int, limit: int, paces: _Paces) -> Iterator[tuple[int, float | None, Waiting]]:
        """One's own jobs in their order: how many jobs go before each, the seconds that those take, and the job."""
        head_length = _PLANNED + LOOK_AHEAD
        shown = 0
        # Others whose lines are paused are not waited for.
        owners = [owner for owner in owners if owner == self._person.id or self._dispatcher.held(owner) is None]
        if offset < head_length:
            lines = {owner: self._of(owner).line(head_length) for owner in owners}
            grouping = self._settings().group_by_checkpoint
            order = running_order(lines, self._dispatcher.turns(), self._dispatcher.loaded_checkpoint(), paces.of, grouping=grouping)
            start: float | None = 0.0
            number = 0
            for ahead, (owner, entry) in enumerate(order):
                if owner == self._person.id:
                    if number >= offset:
                        yield ahead, start, entry
                        shown += 1
                    number += 1
                    if shown == limit or number == head_length:
                        break
                start = _plus(start, paces.of(entry))
        first = max(offset, head_length)
        if shown < limit and (rest := self._journal.line(limit - shown, first)):
            others = [self._of(owner).waiting_work(first) for owner in owners if owner != self._person.id]
            ahead = first + sum(number for work in others for number, _ in work.values())
            start = _sum([part for work in (self._journal.waiting_work(first), *others) for part in paces.sums(work)])
            for entry in rest:
                yield ahead, start, entry
                ahead, start = ahead + 1, _plus(start, paces.of(entry))


class _Paces:
    """Seconds for a unit of work by checkpoint, each asked of history once."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._known: dict[str, float | None] = {}

    def seconds(self, checkpoint: str, work: float) -> float | None:
        if checkpoint not in self._known:
            self._known[checkpoint] = pace(self._history.speed_samples(checkpoint))
        speed = self._known[checkpoint]
        return None if speed is None else speed * work

    def of(self, entry: Waiting) -> float | None:
        return self.seconds(entry.checkpoint, entry.work)

    def sums(self, work: Mapping[str, tuple[int, float]]) -> list[float | None]:
        """The seconds of what `Journal.waiting_work` tells."""
        return [self.seconds(name, amount) for name, (_, amount) in work.items()]


def _seconds_left(view: dict[str, Any]) -> float | None:
    return view["progress"]["seconds_left"] if view["progress"] else None


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _plus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)

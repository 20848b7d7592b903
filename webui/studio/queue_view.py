"""The queue as people see it: what runs, what waits in the order in which it will run, and when each one starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webui.planning.estimate import pace
from webui.settings import Settings
from webui.studio.dispatcher import Dispatcher
from webui.studio.history import History
from webui.studio.journal import WAITING, Job, Journal
from webui.studio.line import LOOK_AHEAD, Waiting, running_order

_PLANNED = 200
"""So many jobs from the head of the line are shown in the order in which they will run; those behind them as they stand in line."""


class QueueView:
    """Pages of the queue. May be called from any thread."""

    def __init__(
        self,
        journal: Journal,
        history: History,
        dispatcher: Dispatcher,
        job_view: Callable[[Job], dict[str, Any]],
        settings: Callable[[], Settings],
    ) -> None:
        self._journal = journal
        self._history = history
        self._dispatcher = dispatcher
        self._job_view = job_view
        self._settings = settings

    def page(self, offset: int = 0, limit: int = 50) -> dict[str, Any]:
        """What runs, and `limit` waiting jobs from number `offset` on, each with the seconds until it starts (None: not known).

        {"running": [job], "waiting": [job + starts_in, seconds], "offset", and what `summary` says}
        """
        work = self._journal.waiting_work()
        paces = _Paces(self._history)
        # The line first: a job that begins meanwhile is then seen among the running ones, not nowhere.
        line = [(job, entry) for job, entry in self._jobs_of(self._order(offset, limit)) if job.status == WAITING]
        running = self._running()
        started = {view["id"] for view in running}
        start = self._seconds_before(offset, running, paces)
        waiting = []
        for job, entry in line:
            if str(job.id) in started:
                continue
            seconds = paces.seconds(entry.checkpoint, entry.work)
            waiting.append({**self._job_view(job), "starts_in": _rounded(start), "seconds": _rounded(seconds)})
            start = None if start is None or seconds is None else start + seconds
        return {
            "running": running,
            "waiting": waiting,
            "offset": offset,
            **self._summary(work, running, paces),
        }

    def summary(self) -> dict[str, Any]:
        """{"total": waiting jobs, "paused", "forever": whether one follows each time, "seconds": until all are done, None: not known}."""
        return self._summary(self._journal.waiting_work(), self._running(), _Paces(self._history))

    def _running(self) -> list[dict[str, Any]]:
        return [self._job_view(job) for job in self._journal.get_all(self._dispatcher.running_ids()) if not job.live]

    def _summary(self, work: dict[str, tuple[int, float]], running: list[dict[str, Any]], paces: _Paces) -> dict[str, Any]:
        parts = [_seconds_left(view) for view in running] + [paces.seconds(name, amount) for name, (_, amount) in work.items()]
        return {
            "total": sum(number for number, _ in work.values()),
            "paused": self._dispatcher.paused,
            "forever": self._journal.goes_on_forever(),
            "seconds": None if not parts else _rounded(_sum(parts)),
        }

    def _order(self, offset: int, limit: int) -> list[Waiting]:
        head_length = _PLANNED + LOOK_AHEAD
        items: list[Waiting] = []
        if offset < head_length:
            head = self._journal.line(head_length)
            if self._settings().group_by_checkpoint:
                head = running_order(head, self._dispatcher.loaded_checkpoint())
            items = head[offset : offset + limit]
        if len(items) < limit:
            items += self._journal.line(limit - len(items), max(offset, head_length))
        return items

    def _jobs_of(self, order: list[Waiting]) -> list[tuple[Job, Waiting]]:
        entries = {entry.id: entry for entry in order}
        return [(job, entries[job.id]) for job in self._journal.get_all([entry.id for entry in order])]

    def _seconds_before(self, offset: int, running: list[dict[str, Any]], paces: _Paces) -> float | None:
        earlier = self._journal.waiting_work(offset) if offset else {}
        return _sum([_seconds_left(view) for view in running] + [paces.seconds(name, amount) for name, (_, amount) in earlier.items()])


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


def _seconds_left(view: dict[str, Any]) -> float | None:
    return view["progress"]["seconds_left"] if view["progress"] else None


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)

"""The journal against a model of it: whatever people press, in whatever order, and however often the program restarts."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from webui.errors import Conflict, QueueFull
from webui.generation.request import ResolvedTxt2Img, parse_request
from webui.studio import journal as states
from webui.studio.database import open_database
from webui.studio.ids import IdClock
from webui.studio.journal import Journal, NewJob

LIMIT = 12
ASKED = parse_request({})
RESOLVED = ResolvedTxt2Img(seed=1, checkpoint="small", checkpoint_hash="0" * 10, rng="CPU")


@dataclass
class Model:
    status: str
    priority: int
    position: float
    cleared: int | None = None
    attempts: int = 0


class JournalMachine(RuleBasedStateMachine):
    jobs = Bundle("jobs")
    stamps = Bundle("stamps")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.model: dict[int, Model] = {}
        self.last = 0.0
        self._open()

    def _open(self) -> None:
        self.database = open_database(self.folder)
        self.journal = Journal(self.database, IdClock(self.database.last_id()))

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def _line(self) -> list[int]:
        waiting = [(entry, identifier) for identifier, entry in self.model.items() if entry.status == states.WAITING]
        return [identifier for entry, identifier in sorted(waiting, key=lambda pair: (-pair[0].priority, pair[0].position))]

    def _back(self) -> float:
        self.last += 1
        return self.last

    @rule(target=jobs, priority=st.sampled_from([-10, 0, 0, 10]))
    def add(self, priority: int) -> Any:
        full = len(self._line()) >= LIMIT
        try:
            (job,) = self.journal.add([NewJob(ASKED, RESOLVED, priority)], LIMIT)
        except QueueFull:
            assert full
            return -1
        assert not full
        assert job.id > max(self.model, default=0)
        self.model[job.id] = Model(states.WAITING, priority, self._back())
        return job.id

    @rule(job=jobs)
    def cancel(self, job: int) -> None:
        if job in self.model:
            waiting = self.model[job].status == states.WAITING
            assert self.journal.cancel_waiting(job) is waiting
            if waiting:
                self.model[job].status, self.model[job].cleared = states.CANCELLED, None

    @rule(target=stamps)
    def clear(self) -> int:
        count, stamp = self.journal.clear()
        assert count == len(self._line())
        for identifier in self._line():
            self.model[identifier].status, self.model[identifier].cleared = states.CANCELLED, stamp
        return stamp

    @rule(stamp=consumes(stamps))
    def restore_cleared(self, stamp: int) -> None:
        mine = [entry for entry in self.model.values() if entry.cleared == stamp and entry.status == states.CANCELLED]
        assert self.journal.restore_cleared(stamp) == len(mine)
        for entry in mine:
            entry.status, entry.cleared = states.WAITING, None

    @rule(job=jobs)
    def restore(self, job: int) -> None:
        if job in self.model:
            ended = self.model[job].status in (states.CANCELLED, states.FAILED)
            assert self.journal.restore(job) is ended
            if ended:
                self.model[job].status, self.model[job].cleared = states.WAITING, None

    @rule(job=jobs, before=jobs, last=st.booleans())
    def move(self, job: int, before: int, last: bool) -> None:
        if job not in self.model or (before not in self.model and not last):
            return
        waiting = self.model[job].status == states.WAITING and (last or self.model[before].status == states.WAITING)
        try:
            self.journal.move(job, None if last else before)
        except Conflict:
            assert not waiting
            return
        assert waiting
        if last:
            self.model[job].position = self._back()
        elif job != before:
            line = [identifier for identifier in self._line() if identifier != job]
            at = line.index(before)
            target = self.model[before]
            earlier = self.model[line[at - 1]] if at and self.model[line[at - 1]].priority == target.priority else None
            self.model[job].priority = target.priority
            self.model[job].position = target.position - 1 if earlier is None else (earlier.position + target.position) / 2

    @rule(job=jobs, priority=st.sampled_from([-10, 0, 10]))
    def set_priority(self, job: int, priority: int) -> None:
        if job in self.model:
            try:
                self.journal.set_priority(job, priority)
            except Conflict:
                assert self.model[job].status != states.WAITING
            else:
                self.model[job].priority = priority

    @rule()
    def claim_the_first(self) -> None:
        line = self.journal.line(1)
        assert [entry.id for entry in line] == self._line()[:1]
        if line:
            job = line[0].id
            claimed = self.journal.claim(job, {0: f"{job}.png"})
            assert claimed is not None
            assert self.journal.claim(job, {}) is None, "nobody else gets it"
            self.model[job].status = states.RUNNING
            self.model[job].attempts += 1
            assert claimed.attempt == self.model[job].attempts

    @rule(job=jobs, end=st.sampled_from([states.DONE, states.FAILED, states.CANCELLED, states.WAITING]))
    def end(self, job: int, end: str) -> None:
        if job in self.model and self.model[job].status == states.RUNNING:
            if end == states.WAITING:
                self.journal.requeue(job)
            else:
                self.journal.end(job, end)
                self.journal.end(job, states.FAILED, {"message": "too late"})
            self.model[job].status = end

    @rule()
    def restart(self) -> None:
        self.database.close()
        self._open()

    @invariant()
    def the_journal_is_as_the_model_says(self) -> None:
        assert [entry.id for entry in self.journal.line(100)] == self._line()
        assert {entry.id: entry.status for entry in self.journal.get_all(list(self.model))} == {
            identifier: entry.status for identifier, entry in self.model.items()
        }
        assert self.journal.waiting_count() == len(self._line())
        running = [identifier for identifier, entry in self.model.items() if entry.status == states.RUNNING]
        assert self.journal.promised_paths() == {f"{identifier}.png" for identifier in running}


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)

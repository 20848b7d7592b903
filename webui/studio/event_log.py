"""What happened, numbered, for everybody who watches: pages, API clients, the command line. Each hears what concerns them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from webui.people import Person

Event = dict[str, Any]
_KEPT = 4000
_SECONDS_EACH = 0.004
"""Of pause between two events of passing interest, for each who hears them: a larger crowd costs no more (benchmarks.idle_listeners)."""

OF_ONE_PERSON = frozenset(
    (
        "job",
        "progress",
        "picture",
        "note",
        "replay",
        "queue",
        "marks",
        "saved_searches",
        "batch",
        "batch_removed",
        "script_run",
        "script_run_removed",
        "import",
        "import_removed",
        "imported",
    )
)
"""Events that tell of what is somebody's: nobody else hears them."""

OF_ADMINISTRATORS = frozenset(("order", "order_progress", "order_removed", "training_sample", "system", "extension_stage"))
"""Events that tell of what only administrators see."""

OF_EVERYBODY = frozenset(("jobs", "worker", "notices", "catalog", "memory", "settings", "styles", "presets", "extensions"))
"""Events that say nothing of anybody; "jobs": many changed, or others' did, so look at the queue again."""


@dataclass(frozen=True, slots=True)
class _Told:
    event: Event
    owner: str | None
    admins: bool

    def reaches(self, person: Person | None) -> bool:
        """Whether it concerns that person; None hears all."""
        if person is None:
            return True
        return person.role == "admin" if self.admins else self.owner in (None, person.id)


def _set_all(arrived: list[asyncio.Event]) -> None:
    for one in arrived:
        one.set()


class EventLog:
    """The last few thousand events by number. Published from any thread, followed from asyncio or by listeners.

    Numbers start at the wall clock's milliseconds, so a page that reconnects after a restart is seen to be
    behind and gets a "reset" event: fetch the snapshot again.
    """

    def __init__(self) -> None:
        self._told: deque[_Told] = deque(maxlen=_KEPT)
        self._seq = int(time.time() * 1000)
        self._lock = threading.Lock()
        self._listeners: set[Callable[[], None]] = set()
        self._followers: dict[asyncio.Event, tuple[asyncio.AbstractEventLoop, Person | None]] = {}

    @property
    def seq(self) -> int:
        """Number of the newest event."""
        with self._lock:
            return self._seq

    def publish(self, kind: str, *, owner: str | None = None, **data: Any) -> None:
        """Add an event of that type and wake everybody whom it concerns.

        owner: whose it is; to be said of those in OF_ONE_PERSON, and of no others.
        """
        if (kind in OF_ONE_PERSON) != (owner is not None) or kind not in OF_ONE_PERSON | OF_ADMINISTRATORS | OF_EVERYBODY:
            raise ValueError(
                f"Whom does {kind!r} concern? Its kind stands in one of the sets above, and it has an owner where that says so."
            )
        with self._lock:
            self._seq += 1
            told = _Told({"seq": self._seq, "type": kind, **data}, owner, kind in OF_ADMINISTRATORS)
            self._told.append(told)
            listeners = tuple(self._listeners)
            news: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}
            for arrived, (loop, person) in self._followers.items():
                if told.reaches(person):
                    news.setdefault(loop, []).append(arrived)
        for listener in listeners:
            listener()
        for loop, arrivals in news.items():
            # One word to each loop: a thousand of them would hold up whoever publishes.
            with suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(_set_all, arrivals)

    def pace(self, owner: str) -> float:
        """Least seconds between two events that are soon outdated (progress): the more hear them, the longer."""
        with self._lock:
            hearing = sum(person is None or person.id == owner for _, person in self._followers.values())
        return hearing * _SECONDS_EACH

    def after(self, seq: int, person: Person | None = None) -> list[Event]:
        """The events after that number which concern a person (None: all); a single "reset" when some are no longer kept."""
        return [told.event for told in self._after(seq) if told.reaches(person)]

    def _after(self, seq: int) -> list[_Told]:
        with self._lock:
            oldest = self._told[0].event["seq"] if self._told else self._seq + 1
            if seq > self._seq or seq < oldest - 1:
                return [_Told({"seq": self._seq, "type": "reset"}, None, admins=False)]
            # From the newest one back: whoever follows has missed a few.
            missed = min(self._seq - seq, len(self._told))
            return [self._told[index] for index in range(len(self._told) - missed, len(self._told))]

    async def follow(self, seq: int, person: Person | None = None) -> AsyncIterator[Event]:
        """Every event after that number which concerns a person (None: all), as they come, without end."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        with self._lock:
            self._followers[news] = (loop, person)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()  # somebody is there who may have to be told of things
        try:
            while True:
                news.clear()
                for told in self._after(seq):
                    seq = told.event["seq"]
                    if told.reaches(person):
                        yield told.event
                await news.wait()
        finally:
            with self._lock:
                self._followers.pop(news, None)

    def followers(self) -> set[Person]:
        """Who follows."""
        with self._lock:
            return {person for _, person in self._followers.values() if person is not None}

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` (from the publishing thread) at each event, whomever it concerns; returns what ends that."""
        with self._lock:
            self._listeners.add(wake)

        def stop() -> None:
            with self._lock:
                self._listeners.discard(wake)

        return stop

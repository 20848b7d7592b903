"""Coroutines that wait for jobs and runs of scripts to end: one follower of the events for all of them, and no thread for any."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from anyio import to_thread

from webui.errors import EaselError
from webui.studio.journal import ENDED
from webui.studio.scripts.runs import RunView
from webui.studio.studio import JobView, Studio

Look = Callable[[], JobView]
"""A job, or a run of a script, as it is now."""

Waiter = tuple[Look, "asyncio.Future[JobView]"]

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 30.0
"""How long nothing may be heard of a job before it is looked at by itself."""


class WaitingRoom:
    """For use on one event loop."""

    def __init__(self, studio: Studio) -> None:
        self._events = studio.events
        self._waiting: dict[str, list[Waiter]] = {}
        self._follower: asyncio.Task[None] | None = None

    async def ended(self, studio: Studio, job_id: str) -> JobView:
        """A job, once it is done, cancelled or failed. studio: as whoever waits for it has it."""
        return await self._ended(job_id, lambda: studio.job(job_id))

    async def run_ended(self, studio: Studio, run_id: str) -> RunView:
        """A run of a script with its parts, likewise."""
        await self._ended(run_id, lambda: studio.scripts.run(run_id))
        return await to_thread.run_sync(lambda: studio.scripts.run(run_id))

    async def _ended(self, job_id: str, look: Look) -> JobView:
        future: asyncio.Future[JobView] = asyncio.get_running_loop().create_future()
        waiter = (look, future)
        self._waiting.setdefault(job_id, []).append(waiter)
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._follow(self._events.seq))
        try:
            while True:
                # It may have ended before anybody listened.
                view = await to_thread.run_sync(look)
                if view["status"] in ENDED:
                    return view
                with suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(future), LOOK_AGAIN_SECONDS)
        finally:
            self._leave(job_id, waiter)

    def _leave(self, job_id: str, waiter: Waiter) -> None:
        others = self._waiting[job_id]
        others.remove(waiter)
        if not others:
            del self._waiting[job_id]
        if not self._waiting and self._follower is not None:
            self._follower.cancel()
            self._follower = None

    async def _follow(self, seq: int) -> None:
        async for event in self._events.follow(seq):
            kind: str = event["type"]
            if kind in ("reset", "jobs"):
                # Something is no longer known, or many jobs changed at once: the jobs themselves say all.
                await self._look_at_all()
            elif kind == "job":
                self._tell(event["job"])
            elif kind == "script_run":
                self._tell(event["run"])

    async def _look_at_all(self) -> None:
        for job_id, waiters in tuple(self._waiting.items()):
            try:
                self._tell(await to_thread.run_sync(waiters[0][0]))
            except EaselError as problem:
                log.debug("Job %s can't be looked at just now: %s", job_id, problem)

    def _tell(self, view: dict[str, Any]) -> None:
        if view["status"] in ENDED:
            for _, future in self._waiting.get(view["id"], ()):
                if not future.done():
                    future.set_result(view)

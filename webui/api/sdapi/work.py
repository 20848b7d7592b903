"""Jobs of clients that keep their connection open until theirs is done: submitted, awaited, ended when the client has gone."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import Request

from webui.api.sdapi.asking import Asking
from webui.api.sdapi.problems import AsTold
from webui.api.sdapi.translation import ScriptAsked, as_bad_body
from webui.api.sdapi.waiting import WaitingRoom
from webui.errors import Conflict, EaselError, InvalidRequest, NotFound
from webui.generation.request import GenerationRequest
from webui.studio.journal import ENDED, FAILED
from webui.studio.scripts.runs import RunView
from webui.studio.studio import JobView, Studio

_REMEMBERED = 1000
"""Names of tasks."""

_LONGEST_ID = 20

_THEIR_FAULT = frozenset({"invalid_request", "checkpoint_unusable", "adapter_unusable", "lora_does_not_fit"})
"""Codes of failed jobs that another request would not meet."""


Ended = TypeVar("Ended")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Desk:
    """Jobs of clients. For use on one event loop, but for what looks things up."""

    def __init__(self, studio: Studio) -> None:
        self._room = WaitingRoom(studio)
        self._lock = threading.Lock()
        self._open: dict[str, str] = {}
        """Jobs that somebody waits for -> whose they are."""
        self._tasks: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Whose they are, and names of tasks -> their job. Two people's clients may choose the same name."""
        self._runs: dict[str, str] = {}
        """Runs of scripts that somebody waits for -> whose they are."""
        self._pressed: dict[str, str] = {}
        """Jobs that were interrupted or skipped while they ran -> which of both."""

    async def run(self, request: Request, who: Asking, asked: Sequence[GenerationRequest], task: str | None = None) -> list[JobView]:
        """Take jobs, and return them when all have ended. task: by which name the client asks how far they are.

        Raises ClientGone when the client has hung up, which ends them; what `studio.submit` raises; and why a job has failed.
        """
        views = await to_thread.run_sync(lambda: _submit(who.studio, asked))
        ids = [str(view["id"]) for view in views]
        self._begin(ids, who.person.id, task)
        done = asyncio.gather(*(self._room.ended(who.studio, job_id) for job_id in ids))
        try:
            ended = await _until_gone(request, done, lambda: _end(who.studio, ids))
        finally:
            self._finish(ids)
        for view in ended:
            if view["status"] == FAILED:
                raise _failure(view["error"] or {})
        return ended

    async def run_script(self, request: Request, who: Asking, asked: GenerationRequest, script: ScriptAsked, task: str | None) -> RunView:
        """Take a run of a script; return it with its parts when it has ended. Raises as `run` does. One that was cancelled has parts."""
        view = await to_thread.run_sync(lambda: _submit_script(who.studio, asked, script))
        run_id = str(view["id"])
        with self._lock:
            self._runs[run_id] = who.person.id
        self._begin([run_id], who.person.id, task)
        done = asyncio.ensure_future(self._room.run_ended(who.studio, run_id))
        try:
            ended = await _until_gone(request, done, lambda: _cancel(who.studio, run_id))
        finally:
            self._finish([run_id])
            with self._lock:
                self._runs.pop(run_id, None)
        if ended["status"] == FAILED:
            raise _failure(ended["error"] or {})
        return ended

    def _begin(self, ids: Sequence[str], owner: str, task: str | None) -> None:
        with self._lock:
            self._open.update(dict.fromkeys(ids, owner))
            if task:
                self._tasks[owner, task] = ids[0]
                while len(self._tasks) > _REMEMBERED:
                    self._tasks.popitem(last=False)

    def _finish(self, ids: Sequence[str]) -> None:
        with self._lock:
            for job_id in ids:
                self._open.pop(job_id, None)
                self._pressed.pop(job_id, None)

    # looking

    def running(self, who: Asking) -> JobView | None:
        """The job of theirs that runs now."""
        for number in sorted(who.studio.running_jobs()):
            view = _view(who.studio, str(number))
            if view is not None and view["status"] not in ENDED:
                return view
        return None

    def waits(self, who: Asking) -> bool:
        """Whether they wait for a job."""
        with self._lock:
            return who.person.id in self._open.values()

    def pending(self, who: Asking) -> list[str]:
        """Their tasks that wait or run, by the names that clients gave them, else by the jobs' own."""
        with self._lock:
            names = {job: name for (owner, name), job in self._tasks.items() if owner == who.person.id}
            return [names.get(job, job) for job, owner in self._open.items() if owner == who.person.id]

    def of_task(self, task: str, who: Asking) -> JobView | None:
        """The job of that name; None where there is none."""
        with self._lock:
            job_id = self._tasks.get((who.person.id, task), task)
        if not (job_id.isascii() and job_id.isdigit() and len(job_id) < _LONGEST_ID):
            return None
        return _view(who.studio, job_id)

    def pressed(self, job_id: str) -> str:
        """Whether a running job was interrupted or skipped: "interrupt", "skip" or nothing."""
        with self._lock:
            return self._pressed.get(job_id, "")

    # buttons

    def interrupt(self, who: Asking) -> None:
        """End the job of theirs that runs; nothing where none does."""
        self._press(who, "interrupt")

    def skip(self, who: Asking) -> None:
        """End the picture that is being made."""
        self._press(who, "skip")

    def _press(self, who: Asking, button: str) -> None:
        view = self.running(who)
        if view is None:
            return
        job_id = str(view["id"])
        with self._lock:
            if job_id in self._open:
                self._pressed[job_id] = button
            runs = [run_id for run_id, owner in self._runs.items() if owner == who.person.id]
        if button == "interrupt":
            # As there: with what is being made, all that the script still wants ends.
            for run_id in runs:
                _cancel(who.studio, run_id)
        try:
            (who.studio.interrupt if button == "interrupt" else who.studio.skip)(job_id)
        except Conflict:
            return  # it has just ended


def _submit(studio: Studio, asked: Sequence[GenerationRequest]) -> list[JobView]:
    try:
        return studio.submit_all(asked)
    except InvalidRequest as error:
        raise as_bad_body(error) from None


def _submit_script(studio: Studio, asked: GenerationRequest, script: ScriptAsked) -> RunView:
    try:
        return studio.scripts.submit(script.script, asked, script.values)
    except InvalidRequest as error:
        error.field = "script_args" if (error.field or "").partition(".")[0] not in type(asked).model_fields else error.field
        raise as_bad_body(error) from None


def _cancel(studio: Studio, run_id: str) -> None:
    try:
        studio.scripts.cancel(run_id)
    except Conflict:
        return  # it has ended by itself


def _end(studio: Studio, ids: Sequence[str]) -> None:
    for job_id in ids:
        try:
            studio.interrupt(job_id)
        except Conflict:
            continue  # it has ended by itself


def _view(studio: Studio, job_id: str) -> JobView | None:
    """A job that pictures are kept of; None for others."""
    try:
        view = studio.job(job_id)
    except NotFound:
        return None
    return None if view["live"] else view


async def _until_gone(request: Request, done: asyncio.Future[Ended], end: Callable[[], None]) -> Ended:
    """What was waited for. Where the client hangs up before, `end` is called in a thread, and ClientGone raised."""
    gone = asyncio.ensure_future(_hung_up(request))
    # Where the client or the server goes first, nobody asks any more how the waiting ended.
    done.add_done_callback(lambda waited: waited.cancelled() or waited.exception())
    try:
        await asyncio.wait((gone, done), return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            await to_thread.run_sync(end)
            raise ClientGone
        return await done
    finally:
        gone.cancel()
        done.cancel()


async def _hung_up(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _failure(error: dict[str, Any]) -> EaselError:
    code = str(error.get("code", ""))
    message, hint = str(error.get("message", "The job has failed.")), str(error.get("hint", ""))
    problem = AsTold(message, message, status=422 if code in _THEIR_FAULT else 500, hint=hint)
    problem.code = code
    return problem

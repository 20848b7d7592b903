"""How far the work is, and the buttons that end it."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from webui.api.sdapi import answers
from webui.api.sdapi.asking import Asking, asking
from webui.api.sdapi.bodies import InternalProgressBody, body_of, schema_of
from webui.api.sdapi.info import timestamp
from webui.api.sdapi.pictures import encoded
from webui.api.sdapi.problems import A1111Route
from webui.api.sdapi.work import Desk
from webui.errors import NotFound
from webui.generation.request import ResolvedUpscale
from webui.people import Scope
from webui.studio.journal import ENDED, RUNNING
from webui.studio.studio import JobView, Studio

_BEGUN = 0.01
"""Progress of what has begun, or waits: 0 means that nothing is at work."""

_IDLE: dict[str, Any] = {
    "skipped": False,
    "interrupted": False,
    "stopping_generation": False,
    "job": "",
    "job_count": 0,
    "job_timestamp": "0",
    "job_no": 0,
    "sampling_step": 0,
    "sampling_steps": 0,
}
_NOT_KNOWN_YET = -1
"""How many parts a job has that waits."""


def build_progress_router(studio: Studio, desk: Desk) -> APIRouter:
    """Progress, interrupt and skip; and those that AUTOMATIC1111's page asks."""
    router = APIRouter(tags=["progress"], route_class=A1111Route)

    @router.get("/sdapi/v1/progress", response_model=answers.Progress)
    def progress(request: Request, skip_current_image: bool = False) -> Any:
        """Of the job that runs. Nothing is at work where progress is 0 and state.job_count is 0."""
        who = asking(studio, request)
        view = desk.running(who)
        if view is None:
            waits = desk.waits(who)
            state = _IDLE | ({"job_count": _NOT_KNOWN_YET} if waits else {})
            return _told(_BEGUN if waits else 0.0, 0.0, state, None, None, "")
        now = view["progress"] or {}
        picture = None if skip_current_image else _preview(who.studio, view)
        return _told(
            min(_BEGUN + float(now.get("fraction", 0.0)), 1.0),
            float(now.get("seconds_left") or 0.0),
            _state(who.studio, desk, view),
            None if picture is None else encoded(picture),
            now.get("stage") or None,
            view["id"],
        )

    @router.post("/sdapi/v1/interrupt", response_model=answers.Nothing)
    def interrupt(request: Request) -> Any:
        """End the job that runs at its next step; who waits for it gets what is done. Nothing where none runs."""
        desk.interrupt(asking(studio, request).need(Scope.GENERATE))
        return {}

    @router.post("/sdapi/v1/skip", response_model=None)
    def skip(request: Request) -> None:
        """End the picture that is being made, and go on with the next."""
        desk.skip(asking(studio, request).need(Scope.GENERATE))

    @router.post("/internal/progress", response_model=answers.InternalProgress, openapi_extra=schema_of(InternalProgressBody))
    async def internal_progress(request: Request) -> Any:
        """How far the job of that task is: force_task_id of its body."""
        body = await body_of(request, InternalProgressBody)
        return await run_in_threadpool(lambda: _of_task(asking(studio, request), desk, body))

    @router.get("/internal/pending-tasks", response_model=answers.PendingTasks)
    def pending_tasks(request: Request) -> Any:
        """What waits or runs for clients of this API."""
        tasks = desk.pending(asking(studio, request))
        return {"size": len(tasks), "tasks": tasks}

    @router.get("/internal/ping", response_model=answers.Nothing)
    def ping() -> Any:
        """Somebody is there."""
        return {}

    return router


def _told(progress: float, seconds: float, state: dict[str, Any], picture: str | None, text: str | None, job: str) -> dict[str, Any]:
    return {
        "progress": progress,
        "eta_relative": seconds,
        "state": state,
        "current_image": picture,
        "textinfo": text,
        "current_task": job or None,
    }


def _state(studio: Studio, desk: Desk, view: JobView) -> dict[str, Any]:
    request, now, pressed = studio.resolved_of(view["id"]), view["progress"] or {}, desk.pressed(view["id"])
    at_once = 1 if isinstance(request, ResolvedUpscale) else request.batch_size
    passes = 2 if request.enlargement is not None else 1
    steps, step = int(now.get("steps", 0)), int(now.get("step", 0))
    # The second half of a picture with two passes is a part of its own.
    second = 1 if passes > 1 and steps and step * 2 > steps else 0
    return {
        "skipped": pressed == "skip",
        "interrupted": pressed == "interrupt",
        "stopping_generation": False,
        "job": view["kind"],
        "job_count": -(-request.picture_count // at_once) * passes,
        "job_timestamp": timestamp(str(view["created_at"])),
        "job_no": int(now.get("image", 0)) // at_once * passes + second,
        "sampling_step": step,
        "sampling_steps": steps,
    }


def _preview(studio: Studio, view: JobView) -> bytes | None:
    try:
        return studio.preview(view["id"])
    except NotFound:
        return None


def _of_task(who: Asking, desk: Desk, body: InternalProgressBody) -> dict[str, Any]:
    view = desk.of_task(body.id_task or "", who)
    told = dict.fromkeys(("progress", "eta", "live_preview", "id_live_preview"))
    if view is None or view["status"] in ENDED:
        return {**told, "active": False, "queued": False, "completed": view is not None, "textinfo": "Waiting..."}
    if view["status"] != RUNNING:
        return {**told, "active": False, "queued": True, "completed": False, "textinfo": "In queue..."}
    now = view["progress"] or {}
    number = _number_of(now.get("preview"))
    picture = _preview(who.studio, view) if body.live_preview and number != body.id_live_preview else None
    return {
        "active": True,
        "queued": False,
        "completed": False,
        "progress": float(now.get("fraction", 0.0)),
        "eta": now.get("seconds_left"),
        "live_preview": None if picture is None else f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}",
        "id_live_preview": body.id_live_preview if picture is None else number,
        "textinfo": now.get("stage") or None,
    }


def _number_of(preview: str | None) -> int:
    """The running number of a preview, which stands at the end of its address."""
    return int(preview.rpartition("=")[2]) if preview else 0

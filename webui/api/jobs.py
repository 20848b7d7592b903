"""Routes of jobs and of the queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response
from sse_starlette.sse import EventSourceResponse

from webui.api import answers
from webui.api.person import Asker
from webui.api.problems import json_body, json_object, new_router, problems
from webui.api.streams import Streams, as_message, number_of
from webui.errors import InvalidRequest
from webui.generation.request import HIRES_FIELDS, REQUEST_TYPES, GenerationRequest, Txt2Img
from webui.studio.journal import ENDED, HIGHEST_PRIORITY, LOWEST_PRIORITY, NORMAL_PRIORITY, SubmissionKey, parse_id
from webui.studio.studio import MOST_AT_ONCE, Studio

NEVER = {"cache-control": "no-store"}
MOST_ON_A_PAGE = 200

Priority = Annotated[int, Query(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY, description="Higher ones go first.")]
Filmed = Annotated[bool | None, Query(description="Whether a view of each step is kept; left out: as the setting `film` says.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="How many at most.")]
EventNumber = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Number of the last event seen.")]
LastEventId = Annotated[str | None, Header(max_length=40, description="Number of the last event seen; beats `after`.")]
PersonId = Annotated[str, Path(max_length=16, description="Of somebody, as the queue names them to administrators.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Any text of your own. The same key with the same body answers with the jobs that it made the first time, for a week.",
    ),
]


def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI's words for a JSON body of that schema."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


REF = "#/components/schemas/{model}"
REQUEST_SCHEMA: dict[str, Any] = {"oneOf": [{"$ref": REF.format(model=kind.__name__)} for kind in REQUEST_TYPES.values()]}
"""A request of any kind; OpenAPI has them among its components, because one is answered below."""
_TXT2IMG_SCHEMA = Txt2Img.model_json_schema(ref_template=REF)
HIRES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: _TXT2IMG_SCHEMA["properties"][name] for name in HIRES_FIELDS},
    "additionalProperties": False,
}
_BATCH = _object(requests={"type": "array", "items": REQUEST_SCHEMA, "minItems": 1, "maxItems": MOST_AT_ONCE})
_PRIORITY = _object(priority={"type": "integer", "minimum": LOWEST_PRIORITY, "maximum": HIGHEST_PRIORITY})
_BEFORE = _object(before={"type": ["string", "null"], "description": "Id of a waiting job; null: behind all of its own priority."})
_STAMP = _object(stamp={"type": "string", "description": "What /queue/clear answered."})


async def _in_thread(call: Callable[[], Any]) -> Any:
    # Database and hashing may wait; the event loop must not.
    return await to_thread.run_sync(call)


async def _only(request: Request, name: str, kinds: tuple[type, ...], allowed: str) -> Any:
    """The one field of a small body. Raises InvalidRequest."""
    body = await json_object(request)
    if set(body) != {name} or not isinstance(body[name], kinds) or isinstance(body[name], bool):
        raise InvalidRequest(f"The body must be an object with {name} alone.", field=name, allowed=allowed, hint=f"Send {name}.")
    return body[name]


async def _key_of(request: Request, key: str | None) -> SubmissionKey | None:
    return None if key is None else SubmissionKey(key, str(request.url.query).encode() + b"\0" + await request.body())


def build_job_router(studio: Studio, streams: Streams) -> APIRouter:
    """Routes below /jobs and /queue."""
    router = new_router("jobs")

    @router.post(
        "/jobs",
        status_code=202,
        response_model=answers.Job,
        responses=problems(409, 429, body=True),
        openapi_extra=schema_of(REQUEST_SCHEMA),
    )
    async def submit(
        asker: Asker,
        request: Request,
        priority: Priority = NORMAL_PRIORITY,
        forever: bool = False,
        film: Filmed = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Take a job; fields left out are the checkpoint's own defaults. It is in the journal when this answers.

        With forever=true another one follows each time it starts, behind all others, until it is interrupted.
        """
        fields = await json_body(request)
        key = await _key_of(request, idempotency_key)

        def take() -> Any:
            if key is not None and (before := studio.of(asker).submitted_before(key)):
                return before[0]
            return studio.of(asker).submit(studio.of(asker).complete(fields), priority=priority, forever=forever, film=film, key=key)

        return await _in_thread(take)

    @router.post(
        "/jobs/batch",
        status_code=202,
        response_model=answers.BatchAnswer,
        responses=problems(409, 429, body=True),
        openapi_extra=schema_of(_BATCH),
    )
    async def submit_batch(
        asker: Asker, request: Request, priority: Priority = NORMAL_PRIORITY, film: Filmed = None, idempotency_key: IdempotencyKey = None
    ) -> Any:
        """Take many jobs with one write, all or none."""
        many = await _only(request, "requests", (list,), f"a list of 1 to {MOST_AT_ONCE:,} requests")
        key = await _key_of(request, idempotency_key)

        def take() -> Any:
            before = None if key is None else studio.of(asker).submitted_before(key)
            jobs = before or studio.of(asker).submit_all(studio.of(asker).complete_all(many), priority=priority, film=film, key=key)
            return {"jobs": [{"id": job["id"], "status": job["status"]} for job in jobs]}

        return await _in_thread(take)

    @router.get("/jobs", response_model=answers.JobList, responses=problems(404))
    def ended_jobs(asker: Asker, limit: Limit = 20, before: Annotated[str | None, Query(max_length=19)] = None) -> Any:
        """Jobs that have ended, newest first; those that run or wait are in /queue."""
        jobs = studio.of(asker).ended_jobs(limit + 1, before)
        return {"jobs": jobs[:limit], "next": jobs[limit - 1]["id"] if len(jobs) > limit else None}

    @router.get("/jobs/{job_id}", response_model=answers.Job, responses=problems(404))
    def job(asker: Asker, job_id: str) -> Any:
        """One job with its pictures."""
        return studio.of(asker).job(job_id)

    @router.get("/jobs/{job_id}/request", responses=problems(404), response_model=GenerationRequest)
    def job_request(asker: Asker, job_id: str) -> Any:
        """What was asked, as it came: submit it again, or change it and send it back."""
        return studio.of(asker).asked_of(job_id)

    @router.put(
        "/jobs/{job_id}/request",
        response_model=answers.Job,
        responses=problems(404, 409, body=True),
        openapi_extra=schema_of(REQUEST_SCHEMA),
    )
    async def edit(asker: Asker, job_id: str, request: Request) -> Any:
        """Give a waiting job another request; it keeps its place in line."""
        fields = await json_body(request)
        return await _in_thread(lambda: studio.of(asker).edit(job_id, studio.of(asker).complete(fields)))

    @router.patch("/jobs/{job_id}", response_model=answers.Job, responses=problems(404, 409, body=True), openapi_extra=schema_of(_PRIORITY))
    async def set_priority(asker: Asker, job_id: str, request: Request) -> Any:
        """Give a waiting job another priority; higher ones go first."""
        priority = await _only(request, "priority", (int,), f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}")
        return await _in_thread(lambda: studio.of(asker).set_priority(job_id, priority))

    @router.post(
        "/jobs/{job_id}/move", response_model=answers.Job, responses=problems(404, 409, body=True), openapi_extra=schema_of(_BEFORE)
    )
    async def move(asker: Asker, job_id: str, request: Request) -> Any:
        """Put a waiting job in front of another one, whose priority it takes."""
        before = await _only(request, "before", (str, type(None)), "the id of a waiting job, or null")
        return await _in_thread(lambda: studio.of(asker).move(job_id, before))

    @router.post("/jobs/{job_id}/interrupt", response_model=answers.Job, responses=problems(404, 409, body=True))
    def interrupt(asker: Asker, job_id: str) -> Any:
        """End a job at its next step; finished pictures stay. It ends "forever", too."""
        return studio.of(asker).interrupt(job_id)

    @router.post("/jobs/{job_id}/cancel", response_model=answers.Job, responses=problems(404, 409, body=True))
    def cancel(asker: Asker, job_id: str) -> Any:
        """End a waiting or running job."""
        return studio.of(asker).cancel(job_id)

    @router.post("/jobs/{job_id}/skip", response_model=answers.Job, responses=problems(404, 409, body=True))
    def skip(asker: Asker, job_id: str) -> Any:
        """End the picture being made and go on with the next."""
        return studio.of(asker).skip(job_id)

    @router.post("/jobs/{job_id}/restore", response_model=answers.Job, responses=problems(404, 409, body=True))
    def restore(asker: Asker, job_id: str) -> Any:
        """Bring a cancelled or failed job back to its place in line; its finished pictures stay."""
        return studio.of(asker).restore(job_id)

    @router.post("/jobs/{job_id}/duplicate", status_code=202, response_model=answers.Job, responses=problems(404, 429, body=True))
    def duplicate(asker: Asker, job_id: str) -> Any:
        """Submit what was asked once more; a random seed is drawn anew."""
        return studio.of(asker).duplicate(job_id)

    @router.get(
        "/jobs/{job_id}/preview",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **problems(404)},
    )
    def preview(asker: Asker, job_id: str) -> Response:
        """The newest preview of a running job (JPEG)."""
        return Response(studio.of(asker).preview(job_id), media_type="image/jpeg", headers=NEVER)

    @router.get(
        "/jobs/{job_id}/events",
        response_class=EventSourceResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "Events."}, **problems(404, 429)},
    )
    async def job_events(asker: Asker, job_id: str, after: EventNumber = None, last_event_id: LastEventId = None) -> EventSourceResponse:
        """Server-sent events of one job, beginning with its present state and ending with its end.

        Types: job, progress, picture, note. Resumes after Last-Event-ID or `after`.
        """
        identifier = str(parse_id(job_id))
        mine = studio.of(asker)
        start = number_of(last_event_id, after, studio.events.seq)
        await _in_thread(lambda: mine.job(identifier))

        async def stream() -> AsyncIterator[dict[str, str]]:
            state = await _in_thread(lambda: mine.job(identifier))
            yield as_message({"seq": start, "type": "job", "job": state})
            if state["status"] in ENDED:
                return
            async for event in studio.events.follow(start, asker):
                if event["type"] in ("reset", "jobs"):
                    # Something is no longer known, or many jobs changed at once: the state itself says all.
                    state = await _in_thread(lambda: mine.job(identifier))
                    event = {"seq": event["seq"], "type": "job", "job": state}
                about = event.get("job")
                if identifier != (about["id"] if isinstance(about, dict) else about):
                    continue
                yield as_message(event)
                if event["type"] == "job" and event["job"]["status"] in ENDED:
                    return

        return streams.open(stream())

    @router.get("/queue", response_model=answers.QueuePage, responses=problems(), tags=["queue"])
    def queue(asker: Asker, limit: Limit = 50, offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Any:
        """What runs, and what waits in the order in which it will run, each with the seconds until it starts."""
        return studio.of(asker).queue.page(offset, limit)

    @router.post("/queue/pause", response_model=answers.QueueSummary, responses=problems(body=True), tags=["queue"])
    def pause(asker: Asker) -> Any:
        """Let what runs finish, and begin nothing more; remembered over a restart.

        By an administrator that holds for everybody, by anybody else for their own jobs.
        """
        studio.of(asker).pause(True)
        return studio.of(asker).queue.summary()

    @router.post("/queue/resume", response_model=answers.QueueSummary, responses=problems(409, body=True), tags=["queue"])
    def resume(asker: Asker) -> Any:
        """Go on with the queue. Raises 409 where an administrator's pause isn't yours to end."""
        studio.of(asker).pause(False)
        return studio.of(asker).queue.summary()

    @router.post("/queue/clear", response_model=answers.Cleared, responses=problems(body=True), tags=["queue"])
    def clear(asker: Asker) -> Any:
        """Cancel all of your waiting jobs; what runs goes on."""
        count, stamp = studio.of(asker).clear_queue()
        return {"cancelled": count, "stamp": stamp}

    @router.post(
        "/queue/restore", response_model=answers.Count, responses=problems(404, body=True), openapi_extra=schema_of(_STAMP), tags=["queue"]
    )
    async def restore_queue(asker: Asker, request: Request) -> Any:
        """Bring back the jobs that /queue/clear cancelled, each to its place."""
        stamp = await _only(request, "stamp", (str,), "the stamp of /queue/clear")
        return {"jobs": await _in_thread(lambda: studio.of(asker).restore_queue(stamp))}

    @router.post("/queue/end-forever", response_model=answers.Count, responses=problems(body=True), tags=["queue"])
    def end_forever(asker: Asker) -> Any:
        """Let "forever" end with the job that runs."""
        return {"jobs": studio.of(asker).end_forever()}

    @router.post("/queue/people/{person_id}/pause", response_model=answers.QueueSummary, responses=problems(404, body=True), tags=["queue"])
    def pause_line(asker: Asker, person_id: PersonId) -> Any:
        """For administrators: begin no more jobs of somebody else."""
        mine = studio.of(asker)
        mine.pause_line_of(person_id, True)
        return mine.queue.summary()

    @router.post(
        "/queue/people/{person_id}/resume", response_model=answers.QueueSummary, responses=problems(404, body=True), tags=["queue"]
    )
    def resume_line(asker: Asker, person_id: PersonId) -> Any:
        """For administrators: go on with the jobs of somebody else."""
        mine = studio.of(asker)
        mine.pause_line_of(person_id, False)
        return mine.queue.summary()

    @router.post("/queue/people/{person_id}/clear", response_model=answers.Cleared, responses=problems(404, body=True), tags=["queue"])
    def clear_line(asker: Asker, person_id: PersonId) -> Any:
        """For administrators: cancel the jobs of somebody else, those that run among them."""
        count, stamp = studio.of(asker).clear_line_of(person_id)
        return {"cancelled": count, "stamp": stamp}

    @router.post(
        "/queue/people/{person_id}/restore",
        response_model=answers.Count,
        responses=problems(404, body=True),
        openapi_extra=schema_of(_STAMP),
        tags=["queue"],
    )
    async def restore_line(asker: Asker, person_id: PersonId, request: Request) -> Any:
        """For administrators: bring back what clearing somebody's line cancelled of what waited."""
        stamp = await _only(request, "stamp", (str,), "the stamp of clear")
        return {"jobs": await _in_thread(lambda: studio.of(asker).restore_line_of(person_id, stamp))}

    return router

"""The journal: every job as a row before anybody is answered, and finished together with its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from webui.errors import NotFound, QueueFull
from webui.generation.request import GenerationRequest, ResolvedRequest, dump_request, load_request, load_resolved
from webui.studio.database import Database
from webui.studio.ids import IdClock
from webui.studio.picture_file import PictureFile
from webui.studio.tables import generation, image, job

WAITING, RUNNING, DONE, CANCELLED, FAILED = "waiting", "running", "done", "cancelled", "failed"
ENDED = (DONE, CANCELLED, FAILED)
LIVE_PRIORITY = 10


@dataclass(frozen=True)
class Job:
    """One job row. planned_paths: picture index -> relative path, promised before the picture is written."""

    id: int
    status: str
    live: bool
    client: str | None
    asked: GenerationRequest
    resolved: ResolvedRequest
    planned_paths: dict[int, str] = field(default_factory=dict)
    worker_deaths: int = 0
    notes: tuple[str, ...] = ()
    error: dict[str, Any] | None = None


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        status=row.status,
        live=row.live,
        client=row.client,
        asked=load_request(row.asked),
        resolved=load_resolved(row.resolved),
        planned_paths={int(index): path for index, path in row.planned_paths.items()},
        worker_deaths=row.worker_deaths,
        notes=tuple(row.notes),
        error=row.error,
    )


class Journal:
    """Job rows. Each method is one transaction; may be called from any thread."""

    def __init__(self, database: Database, ids: IdClock, queue_limit: int) -> None:
        self._database = database
        self._ids = ids
        self._queue_limit = queue_limit

    def add(self, asked: GenerationRequest, resolved: ResolvedRequest, *, live: bool, client: str | None) -> Job:
        """Record a job as waiting; it is on disk when this returns. Raises QueueFull at the limit."""
        with self._database.writing() as connection:
            waiting = connection.execute(select(func.count()).select_from(job).where(job.c.status == WAITING)).scalar_one()
            if waiting >= self._queue_limit:
                raise QueueFull(
                    f"{waiting:,} jobs are waiting already.",
                    allowed=f"at most {self._queue_limit:,}",
                    hint="Wait for some to finish, or cancel some.",
                )
            identifier = self._ids.next()
            connection.execute(
                insert(job).values(
                    id=identifier,
                    status=WAITING,
                    priority=LIVE_PRIORITY if live else 0,
                    live=live,
                    client=client,
                    checkpoint=resolved.checkpoint,
                    asked=dump_request(asked),
                    resolved=dump_request(resolved),
                    planned_paths={},
                    attempt=0,
                    worker_deaths=0,
                    notes=[],
                )
            )
        return Job(identifier, WAITING, live, client, asked, resolved)

    def next_waiting(self) -> Job | None:
        """The job to run next: highest priority, then oldest."""
        query = select(job).where(job.c.status == WAITING).order_by(job.c.priority.desc(), job.c.id).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return _job(row) if row else None

    def claim(self, identifier: int, planned_paths: dict[int, str]) -> bool:
        """Mark a waiting job as running with the paths promised to its pictures; False when it is no longer waiting."""
        with self._database.writing() as connection:
            result = connection.execute(
                update(job)
                .where(job.c.id == identifier, job.c.status == WAITING)
                .values(
                    status=RUNNING, attempt=job.c.attempt + 1, planned_paths={str(index): path for index, path in planned_paths.items()}
                )
            )
            return result.rowcount == 1

    def record_picture(self, entry: Job, index: int, record: PictureFile, relative: str, *, last: bool) -> int:
        """Image row, generation row (with the first picture) and, with the last one, the finished job: one transaction.

        Returns the image's id.
        """
        with self._database.writing() as connection:
            generation_id = connection.execute(select(generation.c.id).where(generation.c.job_id == entry.id)).scalar()
            if generation_id is None:
                generation_id = self._insert_generation(connection, entry)
            identifier = self._ids.next()
            connection.execute(
                insert(image).values(
                    id=identifier,
                    generation_id=generation_id,
                    idx=index,
                    path=relative,
                    sha256=record.sha256,
                    width=record.width,
                    height=record.height,
                    bytes=len(record.data),
                    seed=record.seed,
                    seconds=float(record.facts.get("seconds", 0.0)),
                    mean_colour=record.mean_colour,
                    facts=record.facts,
                )
            )
            if last:
                connection.execute(update(job).where(job.c.id == entry.id).values(status=DONE, planned_paths={}))
        return identifier

    def _insert_generation(self, connection: Connection, entry: Job) -> int:
        identifier = self._ids.next()
        request = entry.resolved
        connection.execute(
            insert(generation).values(
                id=identifier,
                job_id=entry.id,
                kind=request.kind,
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                checkpoint=request.checkpoint,
                checkpoint_hash=request.checkpoint_hash,
                sampler=request.sampler,
                schedule_type=request.schedule_type,
                steps=request.steps,
                cfg_scale=request.cfg_scale,
                width=request.width,
                height=request.height,
                seed=request.seed,
                asked=dump_request(entry.asked),
                resolved=dump_request(request),
            )
        )
        return identifier

    def finished_images(self, identifier: int) -> set[int]:
        """Indexes of the job's pictures that are already in history."""
        query = select(image.c.idx).join(generation).where(generation.c.job_id == identifier)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def end(self, identifier: int, status: str, error: dict[str, Any] | None = None) -> None:
        """Mark a job as done, cancelled or failed. A job that has ended already keeps its end."""
        with self._database.writing() as connection:
            connection.execute(
                update(job).where(job.c.id == identifier, job.c.status.not_in(ENDED)).values(status=status, error=error, planned_paths={})
            )

    def cancel_waiting(self, identifier: int) -> bool:
        """Cancel a job that has not begun; False when it has."""
        with self._database.writing() as connection:
            result = connection.execute(update(job).where(job.c.id == identifier, job.c.status == WAITING).values(status=CANCELLED))
            return result.rowcount == 1

    def requeue(self, identifier: int, *, worker_died: bool = False) -> int:
        """Put a running job back to where it stood in line. Returns how many workers it has lost so far."""
        with self._database.writing() as connection:
            connection.execute(
                update(job)
                .where(job.c.id == identifier, job.c.status == RUNNING)
                .values(status=WAITING, worker_deaths=job.c.worker_deaths + int(worker_died))
            )
            return connection.execute(select(job.c.worker_deaths).where(job.c.id == identifier)).scalar_one()

    def add_note(self, identifier: int, text: str) -> None:
        """Keep something the user should know beside the job."""
        with self._database.writing() as connection:
            notes = connection.execute(select(job.c.notes).where(job.c.id == identifier)).scalar() or []
            connection.execute(update(job).where(job.c.id == identifier).values(notes=[*notes, text]))

    def get(self, identifier: int) -> Job:
        """The job of that id. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(job).where(job.c.id == identifier)).first()
        if row is None:
            raise NotFound("There is no job with that id.", code="job_not_found", hint="It may have been a live picture, which isn't kept.")
        return _job(row)

    def unfinished(self, limit: int = 200) -> list[Job]:
        """Running and waiting jobs in the order in which they run."""
        query = select(job).where(job.c.status.in_((RUNNING, WAITING))).order_by(job.c.status, job.c.priority.desc(), job.c.id).limit(limit)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query)]

    def waiting_count(self) -> int:
        """How many jobs wait."""
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(job).where(job.c.status == WAITING)).scalar_one()

    def last_ended(self, limit: int = 5) -> list[Job]:
        """The newest jobs that have ended, live ones left out, newest first."""
        query = select(job).where(job.c.status.in_(ENDED), job.c.live.is_(False)).order_by(job.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query)]

    def live_jobs_of(self, client: str) -> list[Job]:
        """Unfinished live jobs of one page."""
        query = select(job).where(job.c.status.in_((RUNNING, WAITING)), job.c.live.is_(True), job.c.client == client)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query)]

    def drop_live(self, identifier: int | None = None) -> None:
        """Forget a live job, or all of them: their pictures are not kept either."""
        query = delete(job).where(job.c.live.is_(True))
        with self._database.writing() as connection:
            connection.execute(query if identifier is None else query.where(job.c.id == identifier))

    def running(self) -> list[Job]:
        """Jobs marked as running (at start: those that a crash left behind)."""
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(select(job).where(job.c.status == RUNNING).order_by(job.c.id))]

    def promised_paths(self) -> set[str]:
        """Relative paths promised to pictures of unfinished jobs."""
        with self._database.reading() as connection:
            rows = connection.execute(select(job.c.planned_paths).where(job.c.status.in_((RUNNING, WAITING)))).scalars()
            return {path for paths in rows for path in paths.values()}


def parse_id(text: str) -> int:
    """A job or image id from a URL. Raises NotFound for anything but digits of a 63-bit number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
        raise NotFound("There is nothing with that id.", hint="Ids are numbers that Easel gave out.")
    return int(text)

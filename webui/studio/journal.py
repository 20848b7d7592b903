"""The journal: every job as a row before anybody is answered, and finished together with its pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, select, update

from webui import __version__
from webui.errors import Conflict, KeyUsedDifferently, NotFound, QueueFull
from webui.generation.adapters import loras_named
from webui.generation.fingerprint import fingerprint, signature
from webui.generation.images import image_hashes
from webui.generation.request import (
    GenerationRequest,
    ResolvedRequest,
    ResolvedTxt2Img,
    ResolvedUpscale,
    dump_request,
    load_request,
    load_resolved,
)
from webui.planning.estimate import work_of
from webui.studio.database import Database
from webui.studio.ids import COUNTER_BITS, IdClock
from webui.studio.line import FOREVER_PRIORITY, LIVE_PRIORITY, LOOK_AHEAD, MOST_OVERTAKEN, NORMAL_PRIORITY, Waiting, lane_of
from webui.studio.lineage import parent_rows
from webui.studio.origin import Origin
from webui.studio.picture_file import PictureFile
from webui.studio.tables import generation, image, job, lora_use, parent, remembered, submission, used_image
from webui.studio.whose import Kept, Whose

WAITING, RUNNING, DONE, CANCELLED, FAILED = "waiting", "running", "done", "cancelled", "failed"
ENDED = (DONE, CANCELLED, FAILED)

LOWEST_PRIORITY, HIGHEST_PRIORITY = -10, 10

_GAP = 1 << COUNTER_BITS
"""Between two places in line: one millisecond of ids, so twenty jobs fit one after the other into any gap."""
_LINE = (job.c.priority.desc(), job.c.position, job.c.id)
_COUNT_WAITING = select(func.count()).select_from(job).where(job.c.status == WAITING)
# One look into the index for each of them, however many jobs they have.
_FIRST_OWNER = select(func.min(job.c.owner).label("owner")).where(job.c.status == WAITING).cte("waiting_owner", recursive=True)
_OWNERS = _FIRST_OWNER.union_all(
    select(select(func.min(job.c.owner)).where(job.c.status == WAITING, job.c.owner > _FIRST_OWNER.c.owner).scalar_subquery()).where(
        _FIRST_OWNER.c.owner.is_not(None)
    )
)
_WAITING_OWNERS = select(_OWNERS.c.owner).where(_OWNERS.c.owner.is_not(None))
_AGAIN = {"status": WAITING, "ended": None, "error": None, "worker_deaths": 0}
"""What a job becomes that is to be made after all."""
NO_SEED = -1
"""Stands in the rows of pictures that weren't drawn."""

_UNDRAWN: dict[str, Any] = {"checkpoint_hash": "", "sampler": "", "schedule_type": "", "steps": 0, "cfg_scale": 0.0, "seed": NO_SEED}
"""What stands in the row of what wasn't drawn."""

_KEYS_KEPT_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True)
class Job:
    """One job row. planned_paths: picture index -> relative path, promised before the picture is written.

    wanted_path: where its pictures go, relative and without an ending, where that isn't left to the settings.
    owner: whose it is. lane: as in NewJob.
    """

    id: int
    status: str
    live: bool
    client: str | None
    asked_text: str
    resolved_text: str
    planned_paths: dict[int, str] = field(default_factory=dict)
    worker_deaths: int = 0
    notes: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    priority: int = NORMAL_PRIORITY
    forever: bool = False
    ended: int | None = None
    attempt: int = 0
    film: bool = False
    wanted_path: str | None = None
    origin: Origin | None = None
    owner: str = ""
    lane: int = 0

    @cached_property
    def asked(self) -> GenerationRequest:
        """The request as it came. Raises InvalidRequest when a later Easel stored it."""
        return load_request(self.asked_text)

    @cached_property
    def resolved(self) -> ResolvedRequest:
        """The request as it runs. Raises InvalidRequest when a later Easel stored it."""
        return load_resolved(self.resolved_text)


@dataclass(frozen=True)
class NewJob:
    """A job to be taken. notes: what the user should know about it already. wanted_path: as in Job.

    film: whether a view of each step is kept. lane: before whose jobs it goes (`webui.studio.line.lane_of`).
    """

    asked: GenerationRequest
    resolved: ResolvedRequest
    priority: int = NORMAL_PRIORITY
    live: bool = False
    client: str | None = None
    forever: bool = False
    film: bool = False
    notes: tuple[str, ...] = ()
    wanted_path: str | None = None
    origin: Origin | None = None
    lane: int = 0


@dataclass(frozen=True)
class SubmissionKey:
    """A client's idempotency key and the body that it came with."""

    key: str
    body: bytes

    @property
    def body_sha256(self) -> bytes:
        """What the body is told apart by."""
        return hashlib.sha256(self.body).digest()


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        status=row.status,
        live=row.live,
        client=row.client,
        asked_text=row.asked,
        resolved_text=row.resolved,
        planned_paths={int(index): path for index, path in row.planned_paths.items()},
        worker_deaths=row.worker_deaths,
        notes=tuple(row.notes),
        error=row.error,
        priority=row.priority,
        forever=row.forever,
        ended=row.ended,
        attempt=row.attempt,
        film=row.film,
        wanted_path=row.wanted_path,
        origin=Origin.of_row(row.origin),
        owner=row.owner,
        lane=row.lane,
    )


@dataclass
class _Tail:
    """The end of the line. position: the last place given out. waiting_at_most: how many jobs wait, by owner.

    That is never below the truth, and counted anew only where it comes near the limit, because counting costs more than adding.
    """

    position: int
    waiting_at_most: Counter[str]


class Journal(Kept):
    """Job rows: everybody's, or one person's (`of`). Each method is one transaction; may be called from any thread."""

    def __init__(self, database: Database, ids: IdClock) -> None:
        self._database = database
        self._ids = ids
        with database.reading() as connection:
            last = connection.execute(select(func.max(job.c.position)).where(job.c.status.in_((WAITING, RUNNING)))).scalar()
            counts = select(job.c.owner, func.count()).where(job.c.status == WAITING).group_by(job.c.owner)
            self._tail = _Tail(last or 0, Counter({row[0]: row[1] for row in connection.execute(counts)}))

    @property
    def _mine(self) -> ColumnElement[bool]:
        """Whether a job's row is meant."""
        return self.whose.are(job)

    # taking jobs

    def submitted_before(self, key: SubmissionKey) -> list[Job] | None:
        """The jobs that this key made before; None when it is new. Raises KeyUsedDifferently."""
        with self._database.reading() as connection:
            return self._submitted_before(connection, key)

    def _submitted_before(self, connection: Connection, key: SubmissionKey) -> list[Job] | None:
        mine = submission.c.owner == self.whose.new
        row = connection.execute(select(submission).where(submission.c.key == key.key, mine)).first()
        if row is None:
            return None
        if row.body_sha256 != key.body_sha256:
            raise KeyUsedDifferently(
                "This Idempotency-Key came before with another body.",
                field="Idempotency-Key",
                hint="Use a new key for each new request, and the same one only to repeat a request that may have got lost.",
            )
        found = {entry.id: entry for entry in self._select(connection, select(job).where(job.c.id.in_(row.jobs)))}
        return [found[identifier] for identifier in row.jobs if identifier in found]

    def add(
        self,
        entries: Sequence[NewJob],
        queue_limit: int,
        key: SubmissionKey | None = None,
        along: Callable[[Connection, list[int]], None] | None = None,
    ) -> list[Job]:
        """Record jobs as waiting, all or none; they are on disk when this returns.

        With a key that made jobs before, those are returned and nothing is added. along: writes what goes with these jobs (their
        ids) in the same transaction; if it raises, there are no jobs either.
        Raises QueueFull at the limit, KeyUsedDifferently.
        """
        with self._database.writing() as connection:
            if key is not None and (before := self._submitted_before(connection, key)) is not None:
                return before
            self._require_room(connection, len(entries), queue_limit)
            rows = [self._row_of(entry) for entry in entries]
            connection.execute(insert(job), rows)
            for entry, row in zip(entries, rows, strict=True):
                _use_images(connection, row["id"], entry.asked, entry.resolved)
            self._tail.waiting_at_most[self.whose.new] += len(rows)
            if key is not None:
                self._remember_key(connection, key, [row["id"] for row in rows])
            if along is not None:
                along(connection, [row["id"] for row in rows])
            return [_new_job(row) for row in rows]

    def _require_room(self, connection: Connection, number: int, queue_limit: int) -> None:
        owner, counts = self.whose.new, self._tail.waiting_at_most
        if counts[owner] + number <= queue_limit:
            return
        waiting = counts[owner] = connection.execute(_COUNT_WAITING.where(job.c.owner == owner)).scalar_one()
        if waiting + number > queue_limit:
            raise QueueFull(
                f"{waiting:,} jobs are waiting already" + (f", and {number:,} more don't fit." if number > 1 else "."),
                allowed=f"at most {queue_limit:,}",
                hint="Wait for some to finish, or cancel some.",
            )

    def _next_position(self) -> int:
        # By the clock, so that a job which is brought back later still stands where it stood.
        self._tail.position = max(self._tail.position + _GAP, self._ids.next())
        return self._tail.position

    def _row_of(self, entry: NewJob) -> dict[str, Any]:
        return {
            "id": self._ids.next(),
            "owner": self.whose.new,
            "lane": lane_of(entry.priority, entry.lane),
            "status": WAITING,
            "priority": entry.priority,
            "live": entry.live,
            "client": entry.client,
            "checkpoint": entry.resolved.works_with,
            "asked": dump_request(entry.asked),
            "resolved": dump_request(entry.resolved),
            "planned_paths": {},
            "attempt": 0,
            "worker_deaths": 0,
            "notes": list(entry.notes),
            "position": self._next_position(),
            "overtaken": 0,
            "forever": entry.forever,
            "film": entry.film,
            "work": work_of(entry.resolved),
            "wanted_path": entry.wanted_path,
            "origin": None if entry.origin is None else entry.origin.to_row(),
        }

    def _remember_key(self, connection: Connection, key: SubmissionKey, jobs: list[int]) -> None:
        now = self._ids.next()
        connection.execute(insert(submission).values(owner=self.whose.new, key=key.key, id=now, body_sha256=key.body_sha256, jobs=jobs))
        connection.execute(delete(submission).where(submission.c.id < now - (_KEYS_KEPT_MS << COUNTER_BITS)))

    def replace(self, identifier: int, asked: GenerationRequest, resolved: ResolvedRequest) -> bool:
        """Give a waiting job another request; it keeps its place. False when it is no longer waiting."""
        with self._database.writing() as connection:
            result = connection.execute(
                update(job)
                .where(job.c.id == identifier, job.c.status == WAITING, self._mine)
                .values(asked=dump_request(asked), resolved=dump_request(resolved), checkpoint=resolved.works_with, work=work_of(resolved))
            )
            if result.rowcount != 1:
                return False
            connection.execute(delete(used_image).where(used_image.c.job_id == identifier))
            _use_images(connection, identifier, asked, resolved)
            return True

    # the line

    def line(self, limit: int = LOOK_AHEAD, offset: int = 0, *, live_only: bool = False) -> list[Waiting]:
        """A part of the line, highest priority first, then by place."""
        columns = (job.c.id, job.c.priority, job.c.checkpoint, job.c.overtaken, job.c.work, job.c.lane)
        query = select(*columns).where(job.c.status == WAITING, self._mine)
        if live_only:
            query = query.where(job.c.priority == LIVE_PRIORITY)
        with self._database.reading() as connection:
            return [Waiting(*row) for row in connection.execute(query.order_by(*_LINE).limit(limit).offset(offset))]

    def lines(self, limit: int = LOOK_AHEAD, *, live_only: bool = False) -> dict[str, list[Waiting]]:
        """The head of the line of everybody who has one, by owner."""
        heads = {owner: self.of(Whose(owner)).line(limit, live_only=live_only) for owner in self.waiting_owners()}
        return {owner: head for owner, head in heads.items() if head}

    def waiting_owners(self) -> list[str]:
        """Everybody who has a job that waits."""
        with self._database.reading() as connection:
            return list(connection.execute(_WAITING_OWNERS).scalars())

    def claim(
        self, identifier: int, planned_paths: dict[int, str], overtaken: Iterable[int] = (), successor: NewJob | None = None
    ) -> Job | None:
        """Mark a waiting job as running with the paths promised to its pictures; None when it is no longer waiting.

        overtaken: ids of the jobs before it in line. successor: the job that follows one that goes on forever, taken
        with the first claim only, so that a restart never doubles it.
        """
        with self._database.writing() as connection:
            row = connection.execute(
                update(job)
                .where(job.c.id == identifier, job.c.status == WAITING)
                .values(status=RUNNING, attempt=job.c.attempt + 1, planned_paths=_as_json(planned_paths))
                .returning(job)
            ).first()
            if row is None:
                return None
            if passed := list(overtaken):
                connection.execute(update(job).where(job.c.id.in_(passed)).values(overtaken=job.c.overtaken + 1))
            if successor is not None and row.attempt == 1:
                following = self._row_of(successor) | {"owner": row.owner}
                connection.execute(insert(job), [following])
                _use_images(connection, following["id"], successor.asked, successor.resolved)
                self._tail.waiting_at_most[row.owner] += 1
            return _job(row)

    def promise(self, identifier: int, planned_paths: dict[int, str]) -> None:
        """Change the paths promised to a running job's pictures."""
        with self._database.writing() as connection:
            connection.execute(update(job).where(job.c.id == identifier).values(planned_paths=_as_json(planned_paths)))

    def move(self, identifier: int, before: int | None) -> None:
        """Put a waiting job in front of another one (None: at the end of its priority). It takes that one's priority.

        From then on nobody overtakes it. Raises Conflict when one of them is not waiting, or stands where it does by its kind.
        """
        with self._database.writing() as connection:
            self._require_place(connection, identifier)
            if before is None:
                place = {"position": self._next_position()}
            else:
                self._require_place(connection, before)
                place = self._room_before(connection, before, identifier)
            connection.execute(update(job).where(job.c.id == identifier).values(**place, overtaken=MOST_OVERTAKEN))

    def _require_place(self, connection: Connection, identifier: int) -> None:
        row = connection.execute(select(job.c.status, job.c.forever, job.c.live).where(job.c.id == identifier, self._mine)).first()
        if row is None:
            raise _no_such_job()
        if row.status != WAITING:
            raise Conflict(f"This job is {row.status} already.", field="id", hint="Only waiting jobs have a place in line.")
        if row.forever:
            raise Conflict("A job that goes on forever stands behind all others.", field="id", hint="End forever to give it a place.")
        if row.live:
            raise Conflict("A live picture goes before all others.", field="id", hint="It is gone in a moment.")

    def _room_before(self, connection: Connection, target: int, moved: int) -> dict[str, int]:
        """A free position just before `target`, its priority and lane; spreads the line anew where it has become too tight."""
        for _ in range(2):
            row = connection.execute(select(job.c.owner, job.c.position, job.c.priority, job.c.lane).where(job.c.id == target)).one()
            same = job.c.owner == row.owner, job.c.priority == row.priority
            earlier = connection.execute(
                select(job.c.position)
                .where(job.c.status == WAITING, *same, job.c.position < row.position, job.c.id != moved)
                .order_by(job.c.position.desc())
                .limit(1)
            ).scalar()
            position = row.position - _GAP if earlier is None else (earlier + row.position) // 2
            if earlier is None or position > earlier:
                return {"position": position, "priority": row.priority, "lane": row.lane}
            self._spread(connection, row.owner)
        raise AssertionError("there is room after spreading")

    def _spread(self, connection: Connection, owner: str) -> None:
        places = select(job.c.id, func.row_number().over(order_by=_LINE).label("place"))
        places = places.where(job.c.status == WAITING, job.c.owner == owner).subquery()
        connection.execute(update(job).where(job.c.id == places.c.id).values(position=places.c.place * _GAP))

    def set_priority(self, identifier: int, priority: int, lane: int = 0) -> None:
        """Give a waiting job another priority, LOWEST_PRIORITY to HIGHEST_PRIORITY, and lane. Raises Conflict as `move` does."""
        with self._database.writing() as connection:
            self._require_place(connection, identifier)
            connection.execute(update(job).where(job.c.id == identifier).values(priority=priority, lane=lane_of(priority, lane)))

    def end_forever(self) -> list[int]:
        """Cancel the waiting jobs that would go on forever. Returns their ids."""
        with self._database.writing() as connection:
            return list(
                connection.execute(
                    update(job)
                    .where(job.c.forever.is_(True), job.c.status == WAITING, self._mine)
                    .values(status=CANCELLED, ended=self._ids.next())
                    .returning(job.c.id)
                ).scalars()
            )

    def cancel_waiting(self, identifier: int) -> bool:
        """Cancel a job that has not begun; False when it has."""
        with self._database.writing() as connection:
            return self._cancel(connection, and_(job.c.id == identifier, self._mine)) == 1

    def clear(self, along: Callable[[Connection, int], None] | None = None) -> tuple[int, int]:
        """Cancel every waiting job but live ones. Returns how many, and the stamp with which `restore_cleared` brings them back.

        along: writes what goes with it, given the stamp, in the same transaction.
        """
        with self._database.writing() as connection:
            stamp = self._ids.next()
            if along is not None:
                along(connection, stamp)
            return self._cancel(connection, and_(job.c.live.is_(False), self._mine), stamp), stamp

    def cancel_of(self, connection: Connection, jobs: Select[Any]) -> int:
        """Cancel those of these jobs (a query of ids) that wait, within a transaction. Returns the stamp that they share."""
        stamp = self._ids.next()
        self._cancel(connection, job.c.id.in_(jobs), stamp)
        return stamp

    def bring_back_of(self, connection: Connection, jobs: Select[Any], which: ColumnElement[bool]) -> int:
        """Let those of these jobs (a query of ids) wait again for which that holds, within a transaction. Returns how many."""
        return self._bring_back(connection, and_(job.c.id.in_(jobs), which), _AGAIN)

    def _bring_back(self, connection: Connection, which: ColumnElement[bool], values: Mapping[str, Any]) -> int:
        owners = Counter(connection.execute(update(job).where(which).values(**values).returning(job.c.owner)).scalars())
        self._tail.waiting_at_most += owners
        return owners.total()

    def _cancel(self, connection: Connection, which: Any, stamp: int | None = None) -> int:
        return connection.execute(
            update(job).where(which, job.c.status == WAITING).values(status=CANCELLED, ended=stamp or self._ids.next())
        ).rowcount

    def restore_cleared(self, stamp: int, along: Callable[[Connection, int], None] | None = None) -> int:
        """Bring back, each to its place, the jobs that one `clear` cancelled. Returns how many. along: as in `clear`."""
        with self._database.writing() as connection:
            if along is not None:
                along(connection, stamp)
            which = and_(job.c.ended == stamp, job.c.status == CANCELLED, self._mine)
            return self._bring_back(connection, which, {"status": WAITING, "ended": None})

    def restore(self, identifier: int) -> bool:
        """Bring a cancelled or failed job back to its place; what it has finished stays. False when it is neither."""
        with self._database.writing() as connection:
            ended = job.c.status.in_((CANCELLED, FAILED))
            return self._bring_back(connection, and_(job.c.id == identifier, ended, job.c.live.is_(False), self._mine), _AGAIN) == 1

    def requeue(self, identifier: int, *, worker_died: bool = False) -> int:
        """Put a running job back to where it stood in line. Returns how many workers it has lost so far."""
        with self._database.writing() as connection:
            values = {"status": WAITING, "worker_deaths": job.c.worker_deaths + int(worker_died)}
            self._bring_back(connection, and_(job.c.id == identifier, job.c.status == RUNNING), values)
            return connection.execute(select(job.c.worker_deaths).where(job.c.id == identifier)).scalar_one()

    # ending jobs

    def record_picture(self, entry: Job, index: int, record: PictureFile, relative: str, *, last: bool) -> int:
        """Image row, generation row (with the first picture) and, with the last one, the finished job: one transaction.

        Returns the image's id.
        """
        with self._database.writing() as connection:
            # The row says whose it is now: it may have been given to somebody else while it ran.
            owner = connection.execute(select(job.c.owner).where(job.c.id == entry.id)).scalar()
            entry = entry if owner is None else replace(entry, owner=owner)
            generation_id = connection.execute(select(generation.c.id).where(generation.c.job_id == entry.id)).scalar()
            if generation_id is None:
                generation_id = self._insert_generation(connection, entry, record.facts)
            recorded = select(image.c.id).where(image.c.generation_id == generation_id, image.c.idx == index)
            if (known := connection.execute(recorded).scalar()) is not None:
                return known  # recorded the last time, although that ended with an error
            identifier = self._ids.next()
            connection.execute(
                insert(image).values(
                    id=identifier,
                    owner=entry.owner,
                    generation_id=generation_id,
                    idx=index,
                    path=relative,
                    sha256=record.sha256,
                    width=record.width,
                    height=record.height,
                    bytes=len(record.data),
                    seed=NO_SEED if record.seed is None else record.seed,
                    seconds=float(record.facts.get("seconds", 0.0)),
                    mean_colour=record.mean_colour,
                    look=record.look,
                    facts=record.facts,
                )
            )
            if last:
                self._end(connection, entry.id, DONE, None)
        return identifier

    def _insert_generation(self, connection: Connection, entry: Job, facts: Mapping[str, Any]) -> int:
        identifier = self._ids.next()
        request = entry.resolved
        connection.execute(
            insert(generation).values(
                id=identifier,
                owner=entry.owner,
                job_id=entry.id,
                kind=request.kind,
                prompt=request.words[0],
                negative_prompt=request.words[1],
                checkpoint=request.works_with,
                **_drawing_of(request),
                asked=entry.asked_text,
                resolved=entry.resolved_text,
                signature=signature(request),
                fingerprint=fingerprint(request, facts, easel=__version__),
            )
        )
        if parents := parent_rows(connection, identifier, request, entry.origin, Whose(entry.owner)):
            connection.execute(insert(parent), parents)
        if weights := _lora_weights(request):
            # Before the pictures: they are found by these, too.
            connection.execute(
                insert(lora_use), [{"generation_id": identifier, "name": name, "weight": weight} for name, weight in weights.items()]
            )
        return identifier

    def finished_images(self, identifier: int) -> set[int]:
        """Indexes of the job's pictures that are already in history."""
        query = select(image.c.idx).join(generation).where(generation.c.job_id == identifier)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def end(self, identifier: int, status: str, error: dict[str, Any] | None = None, *, grid_path: str | None = None) -> None:
        """Mark a job as done, cancelled or failed, and note its grid. A job that has ended already keeps its end."""
        with self._database.writing() as connection:
            if grid_path is not None:
                connection.execute(update(generation).where(generation.c.job_id == identifier).values(grid_path=grid_path))
            self._end(connection, identifier, status, error)

    def _end(self, connection: Connection, identifier: int, status: str, error: dict[str, Any] | None) -> None:
        connection.execute(
            update(job)
            .where(job.c.id == identifier, job.c.status.not_in(ENDED))
            .values(status=status, error=error, planned_paths={}, ended=self._ids.next())
        )

    def add_note(self, identifier: int, text: str) -> None:
        """Keep something the user should know beside the job."""
        with self._database.writing() as connection:
            notes = connection.execute(select(job.c.notes).where(job.c.id == identifier)).scalar() or []
            connection.execute(update(job).where(job.c.id == identifier).values(notes=[*notes, text]))

    # branches

    def unfollowed(self) -> list[Job]:
        """Jobs that are done, and after which another one was to come."""
        query = select(job).where(job.c.origin.is_not(None), job.c.status == DONE).order_by(job.c.id)
        with self._database.reading() as connection:
            return [entry for entry in self._select(connection, query) if entry.origin is not None and entry.origin.then]

    def followed(self, connection: Connection, entry: Job) -> None:
        """Note, within a transaction, that what was to come after a job has come, or never will."""
        if entry.origin is not None:
            connection.execute(update(job).where(job.c.id == entry.id).values(origin=replace(entry.origin, then=()).to_row()))

    def give_up_following(self, entry: Job, note: str) -> None:
        """Nothing comes after a job that something was to come after. note: why."""
        with self._database.writing() as connection:
            self.followed(connection, entry)
        self.add_note(entry.id, note)

    # looking

    def get(self, identifier: int) -> Job:
        """The job of that id. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(job).where(job.c.id == identifier, self._mine)).first()
        if row is None:
            raise _no_such_job()
        return _job(row)

    def _select(self, connection: Connection, query: Select[Any]) -> list[Job]:
        return [_job(row) for row in connection.execute(query)]

    def get_all(self, identifiers: Sequence[int]) -> list[Job]:
        """The jobs of those ids, in that order; those that are gone are left out."""
        with self._database.reading() as connection:
            found = {entry.id: entry for entry in self._select(connection, select(job).where(job.c.id.in_(identifiers), self._mine))}
        return [found[identifier] for identifier in identifiers if identifier in found]

    def waiting_work(self, first: int | None = None) -> dict[str, tuple[int, float]]:
        """How many jobs wait for each checkpoint, and their work; of the first so many in line only."""
        waiting = job.c.status == WAITING, self._mine
        query = select(job.c.checkpoint, func.count(), func.sum(job.c.work)).where(*waiting).group_by(job.c.checkpoint)
        if first is not None:
            part = select(job.c.checkpoint, job.c.work).where(*waiting).order_by(*_LINE).limit(first).subquery()
            query = select(part.c.checkpoint, func.count(), func.sum(part.c.work)).group_by(part.c.checkpoint)
        with self._database.reading() as connection:
            return {name: (number, work) for name, number, work in connection.execute(query)}

    def waiting_count(self) -> int:
        """How many jobs wait."""
        with self._database.reading() as connection:
            return connection.execute(_COUNT_WAITING.where(self._mine)).scalar_one()

    def goes_on_forever(self) -> bool:
        """Whether a job waits that will be followed by another one each time."""
        # They alone have this priority, and an index knows it.
        query = select(job.c.id).where(job.c.status == WAITING, self._mine, job.c.priority == FOREVER_PRIORITY).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def last_ended(self, limit: int = 5, before: int | None = None) -> list[Job]:
        """The jobs that ended last (before the stamp `before`), live ones left out, newest first."""
        query = select(job).where(job.c.ended.is_not(None), job.c.live.is_(False), self._mine)
        if before is not None:
            query = query.where(job.c.ended < before)
        with self._database.reading() as connection:
            return self._select(connection, query.order_by(job.c.ended.desc(), job.c.id.desc()).limit(limit))

    def live_jobs_of(self, client: str) -> list[Job]:
        """Unfinished live jobs of one page."""
        query = select(job).where(job.c.status.in_((RUNNING, WAITING)), self._mine, job.c.live.is_(True), job.c.client == client)
        with self._database.reading() as connection:
            return self._select(connection, query)

    def drop_live(self, identifier: int | None = None) -> None:
        """Forget a live job, or all of them: their pictures are not kept either."""
        query = delete(job).where(job.c.live.is_(True))
        with self._database.writing() as connection:
            connection.execute(query if identifier is None else query.where(job.c.id == identifier))

    def running(self) -> list[Job]:
        """Jobs marked as running (at start: those that a crash left behind)."""
        with self._database.reading() as connection:
            return self._select(connection, select(job).where(job.c.status == RUNNING).order_by(job.c.id))

    def promised_paths(self) -> set[str]:
        """Relative paths promised to pictures of running jobs."""
        with self._database.reading() as connection:
            rows = connection.execute(select(job.c.planned_paths).where(job.c.status == RUNNING)).scalars()
            return {path for paths in rows for path in paths.values()}

    # remembered over a restart

    def remember(self, name: str, value: Any) -> None:
        """Keep a small value under a name."""
        with self._database.writing() as connection:
            connection.execute(delete(remembered).where(remembered.c.name == name))
            connection.execute(insert(remembered).values(name=name, value=value))

    def forget(self, name: str) -> None:
        """Let go of the value kept under a name."""
        with self._database.writing() as connection:
            connection.execute(delete(remembered).where(remembered.c.name == name))

    def recall(self, name: str) -> Any:
        """The value kept under a name; None when there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(remembered.c.value).where(remembered.c.name == name)).scalar()


def _drawing_of(request: ResolvedRequest) -> dict[str, Any]:
    """What history knows of how a request's pictures are drawn."""
    if isinstance(request, ResolvedUpscale):
        width, height = request.picture_size
        return {**_UNDRAWN, "width": width, "height": height}
    return {name: getattr(request, name) for name in (*_UNDRAWN, "width", "height")}


def _lora_weights(request: ResolvedRequest) -> dict[str, float]:
    """The LoRAs that a request's pictures are drawn with, and how much of each; of an upscale those that its source names."""
    if isinstance(request, ResolvedUpscale):
        return {network.name: network.unet_weight for network in reversed(loras_named(request.source_prompt))}
    hires = request.hires_loras if isinstance(request, ResolvedTxt2Img) else ()
    return {lora.name: lora.unet_weight for lora in reversed((*request.loras, *hires))}


def _new_job(row: dict[str, Any]) -> Job:
    return Job(
        id=row["id"],
        status=WAITING,
        live=row["live"],
        client=row["client"],
        asked_text=row["asked"],
        resolved_text=row["resolved"],
        notes=tuple(row["notes"]),
        priority=row["priority"],
        forever=row["forever"],
        film=row["film"],
        wanted_path=row["wanted_path"],
        origin=Origin.of_row(row["origin"]),
        owner=row["owner"],
        lane=row["lane"],
    )


def _use_images(connection: Connection, identifier: int, *requests: GenerationRequest) -> None:
    """Note which pictures of the image store a job needs."""
    if digests := image_hashes(*requests):
        connection.execute(insert(used_image), [{"job_id": identifier, "sha256": bytes.fromhex(digest)} for digest in digests])


def _as_json(planned_paths: dict[int, str]) -> dict[str, str]:
    return {str(index): path for index, path in planned_paths.items()}


def _no_such_job() -> NotFound:
    return NotFound("There is no job with that id.", code="job_not_found", hint="It may have been a live picture, which isn't kept.")


def parse_id(text: str) -> int:
    """A job or image id from a URL. Raises NotFound for anything but digits of a 63-bit number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
        raise NotFound("There is nothing with that id.", hint="Ids are numbers that Easel gave out.")
    return int(text)

"""Rows of batches and of their files. How a file is that was handed to the queue, its job's row alone says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, delete, exists, func, insert, null, select, update

from webui.errors import Conflict, EaselError, NotFound
from webui.generation.request import GenerationRequest, load_request
from webui.studio.batch_order import BatchOrder, dump_order, load_order
from webui.studio.database import Database
from webui.studio.ids import IdClock
from webui.studio.journal import CANCELLED, DONE, FAILED, RUNNING, WAITING, Journal
from webui.studio.tables import batch, batch_file, batch_image, generation, image, job
from webui.studio.whose import Kept

ACTIVE, PAUSED = "active", "paused"
"""Of a batch, beside DONE and CANCELLED. Active: its files are handed to the queue one after the other."""

STATES = (WAITING, RUNNING, DONE, FAILED, CANCELLED)
"""How a file can be."""

MOST_KEPT = 100
"""Ended batches; older ones are forgotten. Their jobs and pictures stay."""

_RECENT = 50
"""Jobs by which the work of the next ones is judged."""

_OPEN = and_(batch_file.c.job_id.is_(None), batch_file.c.error.is_(None))
"""Of a file: it is yet to be handed to the queue."""


@dataclass(frozen=True)
class Batch:
    """One batch row. owner: whose it is. stamp: when it was halted or ended; jobs that were cancelled then or later were halted with it."""

    id: int
    status: str
    order_text: str
    request_text: str
    error: Mapping[str, Any] | None
    stamp: int | None
    owner: str

    @cached_property
    def order(self) -> BatchOrder:
        """What was asked for, without files. Raises InvalidRequest when a later Easel stored it."""
        return load_order(self.order_text)

    @cached_property
    def request(self) -> GenerationRequest:
        """What each file is drawn by, with NO_PICTURE where its own pictures go. Raises InvalidRequest as `order` does."""
        return load_request(self.request_text)


@dataclass(frozen=True)
class NewFile:
    """A file to be taken. picture, mask: SHA-256 (hex) of what was uploaded; None: it lies in the folder. error: why it can't be used."""

    name: str
    picture: str | None = None
    mask_name: str | None = None
    mask: str | None = None
    error: EaselError | None = None


@dataclass(frozen=True)
class SourceFile:
    """A file of a batch. picture, mask: as in NewFile, and known of every file that was handed to the queue."""

    batch_id: int
    number: int
    name: str
    picture: str | None
    mask_name: str | None
    mask: str | None


class NotWanted(Exception):
    """The batch was halted, or the file handed over, before the job was written."""


def _batch(row: Row[Any]) -> Batch:
    return Batch(row.id, row.status, row.asked, row.request, row.error, row.stamp, row.owner)


def _source_file(row: Row[Any]) -> SourceFile:
    return SourceFile(row.batch_id, row.number, row.name, _hex(row.picture), row.mask_name, _hex(row.mask))


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def _bytes(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


def _jobs_of(identifier: int) -> Select[Any]:
    return select(batch_file.c.job_id).where(batch_file.c.batch_id == identifier, batch_file.c.job_id.is_not(None))


def _halted(stamp: ColumnElement[Any] | int) -> ColumnElement[bool]:
    """Of a job: it was cancelled when its batch was halted, or was running then and ended for that."""
    return and_(job.c.status == CANCELLED, job.c.ended >= stamp)


_STATE = case(
    (batch_file.c.error.is_not(None), FAILED),
    (batch_file.c.job_id.is_(None), case((batch.c.status == CANCELLED, CANCELLED), else_=WAITING)),
    (and_(batch.c.status == PAUSED, _halted(batch.c.stamp)), WAITING),
    else_=func.coalesce(job.c.status, CANCELLED),
)
_WITH_JOBS = batch_file.join(batch, batch.c.id == batch_file.c.batch_id).outerjoin(job, job.c.id == batch_file.c.job_id)


class BatchBook(Kept):
    """Batches and their files: everybody's, or one person's (`of`). Each method is one transaction, but those that take a connection.

    May be called from any thread. What takes a batch's id and doesn't raise NotFound is for who has looked it up by `get`.
    """

    def __init__(self, database: Database, journal: Journal, ids: IdClock) -> None:
        self._database = database
        self._journal = journal
        self._ids = ids

    def add(self, order: BatchOrder, request_text: str, files: Sequence[NewFile], images: Sequence[str]) -> int:
        """Record a batch, all of it or nothing. images: hashes of the image store that it needs. Returns its id."""
        identifier = self._ids.next()
        rows = [
            {
                "batch_id": identifier,
                "number": number,
                "name": file.name,
                "picture": _bytes(file.picture),
                "mask_name": file.mask_name,
                "mask": _bytes(file.mask),
                "error": None if file.error is None else file.error.as_dict(),
            }
            for number, file in enumerate(files)
        ]
        with self._database.writing() as connection:
            of_whom = {"id": identifier, "owner": self.whose.new}
            connection.execute(insert(batch).values(**of_whom, status=ACTIVE, asked=dump_order(order), request=request_text))
            connection.execute(insert(batch_file), rows)
            if images:
                connection.execute(
                    insert(batch_image), [{"batch_id": identifier, "sha256": bytes.fromhex(digest)} for digest in dict.fromkeys(images)]
                )
            self._forget_old(connection)
        return identifier

    # handing files to the queue

    def active(self) -> list[Batch]:
        """Batches whose files are handed to the queue, oldest first."""
        with self._database.reading() as connection:
            return [_batch(row) for row in connection.execute(select(batch).where(batch.c.status == ACTIVE).order_by(batch.c.id))]

    def in_line(self) -> int:
        """How many waiting jobs belong to batches."""
        waiting = job.c.status == WAITING, self.whose.are(job)
        query = select(func.count()).select_from(job).where(*waiting, exists().where(batch_file.c.job_id == job.c.id))
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one()

    def next_open(self, identifier: int) -> SourceFile | None:
        """The next file to be handed to the queue; None when all of them were."""
        query = select(batch_file).where(batch_file.c.batch_id == identifier, _OPEN).order_by(batch_file.c.number).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _source_file(row)

    def note_job(self, connection: Connection, file: SourceFile, job_id: int, picture: str, mask: str | None) -> None:
        """The file has a job, which is written in the same transaction. Raises NotWanted."""
        wanted = exists().where(batch.c.id == file.batch_id, batch.c.status == ACTIVE)
        values = {"job_id": job_id, "picture": _bytes(picture), "mask": _bytes(mask)}
        query = update(batch_file).where(batch_file.c.batch_id == file.batch_id, batch_file.c.number == file.number, _OPEN, wanted)
        if connection.execute(query.values(**values)).rowcount != 1:
            raise NotWanted

    def note_failure(self, file: SourceFile, problem: EaselError) -> None:
        """The file can't be used."""
        query = update(batch_file).where(batch_file.c.batch_id == file.batch_id, batch_file.c.number == file.number, _OPEN)
        with self._database.writing() as connection:
            connection.execute(query.values(error=problem.as_dict()))

    def end_if_done(self, identifier: int) -> bool:
        """Note that an active batch is done, where nothing of it is left to be made. Returns whether it is."""
        open_files = exists().where(batch_file.c.batch_id == identifier, _OPEN)
        open_jobs = exists().where(job.c.id.in_(_jobs_of(identifier)), job.c.status.in_((WAITING, RUNNING)))
        query = update(batch).where(batch.c.id == identifier, batch.c.status == ACTIVE, ~open_files, ~open_jobs)
        with self._database.writing() as connection:
            return connection.execute(query.values(status=DONE, stamp=self._ids.next())).rowcount == 1

    # halting and going on

    def pause(self, identifier: int, problem: EaselError | None = None) -> bool:
        """Hand nothing more to the queue, and take back what waits there. problem: what made that necessary. False when it isn't active."""
        with self._database.writing() as connection:
            if self._status(connection, identifier) != ACTIVE:
                return False
            stamp = self._journal.cancel_of(connection, _jobs_of(identifier))
            error = None if problem is None else problem.as_dict()
            connection.execute(update(batch).where(batch.c.id == identifier).values(status=PAUSED, stamp=stamp, error=error))
            return True

    def cancel(self, identifier: int) -> list[int]:
        """End an active or paused batch: what waits is not made. Returns its jobs that run. Raises Conflict."""
        with self._database.writing() as connection:
            status = self._require(connection, identifier, (ACTIVE, PAUSED), "Only one that goes on or is paused can be cancelled.")
            stamp = self._journal.cancel_of(connection, _jobs_of(identifier))
            # Jobs of a paused one were halted earlier, and come back by the earlier stamp.
            values = {"status": CANCELLED} | ({"stamp": stamp} if status == ACTIVE else {})
            connection.execute(update(batch).where(batch.c.id == identifier).values(**values))
            return list(connection.execute(select(job.c.id).where(job.c.id.in_(_jobs_of(identifier)), job.c.status == RUNNING)).scalars())

    def resume(self, identifier: int) -> None:
        """Go on with a paused or cancelled batch where it was halted. Raises Conflict."""
        with self._database.writing() as connection:
            self._require(connection, identifier, (PAUSED, CANCELLED), "Only a paused or cancelled one can be resumed.")
            stamp = connection.execute(select(batch.c.stamp).where(batch.c.id == identifier)).scalar_one()
            self._journal.bring_back_of(connection, _jobs_of(identifier), _halted(stamp))
            self._activate(connection, batch.c.id == identifier)

    def retry(self, identifier: int) -> None:
        """Try the failed files of a batch again that is done. Raises Conflict where none could be."""
        with self._database.writing() as connection:
            self._require(connection, identifier, (DONE,), "Only one that is done can be tried again.")
            in_folder = bool(load_order(connection.execute(select(batch.c.asked).where(batch.c.id == identifier)).scalar_one()).folder)
            # What could not be uploaded isn't here to be tried.
            failed = and_(batch_file.c.batch_id == identifier, batch_file.c.error.is_not(None))
            readable = failed if in_folder else and_(failed, batch_file.c.picture.is_not(None))
            files = connection.execute(update(batch_file).where(readable).values(error=null())).rowcount
            if not self._journal.bring_back_of(connection, _jobs_of(identifier), job.c.status == FAILED) + files:
                raise Conflict("No file of this batch failed that could be tried again.", field="id", hint="Choose the files anew.")
            self._activate(connection, batch.c.id == identifier)

    def halt_active(self, connection: Connection, stamp: int) -> None:
        """Cancel all active batches, along with what waits: their jobs get that stamp in the same transaction."""
        connection.execute(update(batch).where(batch.c.status == ACTIVE, self.whose.are(batch)).values(status=CANCELLED, stamp=stamp))

    def take_back(self, connection: Connection, stamp: int) -> None:
        """Go on with the batches that were cancelled with that stamp."""
        self._activate(connection, and_(batch.c.status == CANCELLED, batch.c.stamp == stamp, self.whose.are(batch)))

    def _activate(self, connection: Connection, which: ColumnElement[bool]) -> None:
        connection.execute(update(batch).where(which).values(status=ACTIVE, stamp=None, error=null()))

    def _status(self, connection: Connection, identifier: int) -> str:
        status = connection.execute(select(batch.c.status).where(batch.c.id == identifier, self.whose.are(batch))).scalar()
        if status is None:
            raise _no_such_batch()
        return status

    def _require(self, connection: Connection, identifier: int, statuses: tuple[str, ...], otherwise: str) -> str:
        status = self._status(connection, identifier)
        if status not in statuses:
            raise Conflict(f"This batch is {status}.", field="id", hint=otherwise)
        return status

    def forget(self, identifier: int) -> None:
        """Forget an ended batch; its jobs and pictures stay. Raises Conflict while it has not ended."""
        with self._database.writing() as connection:
            self._require(connection, identifier, (DONE, CANCELLED), "Cancel it first.")
            connection.execute(delete(batch).where(batch.c.id == identifier))

    def _forget_old(self, connection: Connection) -> None:
        ended = batch.c.status.in_((DONE, CANCELLED)), self.whose.are(batch)
        old = select(batch.c.id).where(*ended).order_by(batch.c.id.desc()).offset(MOST_KEPT)
        connection.execute(delete(batch).where(batch.c.id.in_(old)))

    # looking

    def get(self, identifier: int) -> Batch:
        """One batch. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(batch).where(batch.c.id == identifier, self.whose.are(batch))).first()
        if row is None:
            raise _no_such_batch()
        return _batch(row)

    def all(self) -> list[Batch]:
        """Every batch, newest first."""
        with self._database.reading() as connection:
            return [_batch(row) for row in connection.execute(select(batch).where(self.whose.are(batch)).order_by(batch.c.id.desc()))]

    def of_job(self, job_id: int) -> int | None:
        """The batch that a job belongs to; None where it belongs to none."""
        with self._database.reading() as connection:
            return connection.execute(select(batch_file.c.batch_id).where(batch_file.c.job_id == job_id)).scalar()

    def counts(self, identifier: int) -> dict[str, int]:
        """How many files are in each of STATES."""
        query = select(_STATE.label("state"), func.count().label("number")).select_from(_WITH_JOBS).group_by(_STATE)
        with self._database.reading() as connection:
            found = {row.state: row.number for row in connection.execute(query.where(batch_file.c.batch_id == identifier))}
        return {state: found.get(state, 0) for state in STATES}

    def running(self, identifier: int) -> list[int]:
        """Ids of its jobs that run."""
        query = select(job.c.id).where(job.c.status == RUNNING, exists().where(_belongs(identifier)))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def usual_work(self, identifier: int) -> tuple[str, float] | None:
        """Checkpoint and work of a file, by the newest jobs; None before the first one."""
        newest = select(job.c.checkpoint, job.c.work).where(job.c.id.in_(_jobs_of(identifier))).order_by(job.c.id.desc()).limit(_RECENT)
        part = newest.subquery()
        with self._database.reading() as connection:
            row = connection.execute(select(func.max(part.c.checkpoint), func.avg(part.c.work))).one()
        return None if row[0] is None else (row[0], row[1])

    def files(self, identifier: int, offset: int, limit: int, state: str | None = None) -> Sequence[Any]:
        """Files in order: number, name, state, error (of file or job), picture, job_id; image_id, image_width, image_height and
        image_seconds of its last picture.

        state: only those in that one of STATES.
        """
        made = select(func.max(image.c.id)).join(generation).where(generation.c.job_id == batch_file.c.job_id).scalar_subquery()
        query = (
            select(
                batch_file.c.number,
                batch_file.c.name,
                _STATE.label("state"),
                batch_file.c.error,
                job.c.error.label("job_error"),
                batch_file.c.picture,
                batch_file.c.job_id,
                image.c.id.label("image_id"),
                image.c.width.label("image_width"),
                image.c.height.label("image_height"),
                image.c.seconds.label("image_seconds"),
            )
            .select_from(_WITH_JOBS.outerjoin(image, image.c.id == made))
            .where(batch_file.c.batch_id == identifier)
        )
        if state is not None:
            query = query.where(_STATE.in_((state,)))
        with self._database.reading() as connection:
            return connection.execute(query.order_by(batch_file.c.number).limit(limit).offset(offset)).all()

    def file(self, identifier: int, number: int) -> SourceFile:
        """One file, wherever it is. Raises NotFound."""
        query = select(batch_file).where(batch_file.c.batch_id == identifier, batch_file.c.number == number)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound("There is no such file in that batch.", hint="Files are numbered from 0.")
        return _source_file(row)


def _belongs(identifier: int) -> ColumnElement[bool]:
    return and_(batch_file.c.job_id == job.c.id, batch_file.c.batch_id == identifier)


def _no_such_batch() -> NotFound:
    return NotFound("There is no batch with that id (any more).", code="batch_not_found", hint="Ask for all of them.")

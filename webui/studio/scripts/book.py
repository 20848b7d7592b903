"""Rows of script runs and of their parts. How a part is, its job's row alone says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, null, select, update

from webui.errors import Conflict, EaselError, NotFound
from webui.generation.request import GenerationRequest, ResolvedRequest, dump_request, load_request, load_resolved
from webui.studio.database import Database
from webui.studio.history import SCRIPT
from webui.studio.ids import IdClock
from webui.studio.journal import CANCELLED, DONE, FAILED, NO_SEED, RUNNING, WAITING, Journal
from webui.studio.picture_file import PictureFile
from webui.studio.tables import generation, image, job, parent, script_image, script_part, script_run
from webui.studio.whose import Kept

ACTIVE, PAUSED = "active", "paused"
"""Of a run, beside DONE, FAILED and CANCELLED."""

MOST_KEPT = 100
"""Ended runs; older ones are forgotten. Their jobs and pictures stay."""

MOST_PARENTS = 200
"""Pictures that one which a script made is told to come from."""


@dataclass(frozen=True)
class Run:
    """One run. stamp: when it was halted or ended; jobs that were cancelled then or later were halted with it."""

    id: int
    owner: str
    extension: str
    script: str
    title: str
    status: str
    asked_text: str
    values: Mapping[str, Any]
    seed: int
    expected: int | None
    layout: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    kept: tuple[int, ...]
    stamp: int | None

    @cached_property
    def asked(self) -> GenerationRequest:
        """What it makes pictures of. Raises InvalidRequest when a later Easel stored it."""
        return load_request(self.asked_text)


@dataclass(frozen=True)
class PartRow:
    """One part. status: its job's; a job that is gone counts as cancelled."""

    number: int
    label: str
    at: tuple[int, ...]
    digest: bytes
    job_id: int
    status: str
    error: Mapping[str, Any] | None


class NotWanted(Exception):
    """The run was halted before the job was written."""


def _run(row: Row[Any]) -> Run:
    return Run(
        row.id,
        row.owner,
        row.extension,
        row.script,
        row.title,
        row.status,
        row.asked,
        row.script_values,
        row.seed,
        row.expected,
        row.layout,
        row.error,
        tuple(row.kept),
        row.stamp,
    )


def _jobs_of(identifier: int) -> Select[Any]:
    return select(script_part.c.job_id).where(script_part.c.run_id == identifier)


def _halted(stamp: ColumnElement[Any] | int) -> ColumnElement[bool]:
    return and_(job.c.status == CANCELLED, job.c.ended >= stamp)


class ScriptBook(Kept):
    """Runs and their parts: everybody's, or one person's (`of`). Each method is one transaction, but those that take a connection.

    May be called from any thread.
    """

    def __init__(self, database: Database, journal: Journal, ids: IdClock) -> None:
        self._database = database
        self._journal = journal
        self._ids = ids

    def add(self, values: Mapping[str, Any], request: GenerationRequest, images: Sequence[str]) -> int:
        """Record a run. values: of its columns. images: hashes of the image store that it needs. Returns its id."""
        identifier = self._ids.next()
        with self._database.writing() as connection:
            connection.execute(
                insert(script_run).values(
                    id=identifier, owner=self.whose.new, status=ACTIVE, asked=dump_request(request), kept=[], **values
                )
            )
            if images:
                rows = [{"run_id": identifier, "sha256": bytes.fromhex(digest)} for digest in dict.fromkeys(images)]
                connection.execute(insert(script_image), rows)
            ended = script_run.c.status.in_((DONE, FAILED, CANCELLED)), self.whose.are(script_run)
            old = select(script_run.c.id).where(*ended).order_by(script_run.c.id.desc()).offset(MOST_KEPT)
            connection.execute(delete(script_run).where(script_run.c.id.in_(old)))
        return identifier

    # running

    def note_part(self, connection: Connection, run_id: int, part: Mapping[str, Any]) -> None:
        """A part has a job, which is written in the same transaction. part: its other columns. Raises NotWanted where the run halted."""
        if self._status(connection, run_id) != ACTIVE:
            raise NotWanted
        connection.execute(insert(script_part).values(run_id=run_id, **part))

    def tell(self, identifier: int, **values: Any) -> None:
        """Note what a run says of itself: layout or expected."""
        with self._database.writing() as connection:
            connection.execute(update(script_run).where(script_run.c.id == identifier).values(**values))

    def end(self, identifier: int, status: str, error: EaselError | None = None) -> None:
        """Note that an active run is done, or can't go on."""
        values = {"status": status, "stamp": self._ids.next(), "error": null() if error is None else error.as_dict()}
        with self._database.writing() as connection:
            connection.execute(update(script_run).where(script_run.c.id == identifier, script_run.c.status == ACTIVE).values(**values))

    def keep(self, run: Run, number: int, record: PictureFile, relative: str, request: ResolvedRequest) -> int:
        """A picture that the script made itself comes into history, made from the pictures of its parts. Returns its id.

        The same number again is the picture of before.
        """
        with self._database.writing() as connection:
            kept = list(connection.execute(select(script_run.c.kept).where(script_run.c.id == run.id)).scalar_one())
            if number < len(kept):
                return kept[number]
            generation_id, identifier = self._ids.next(), self._ids.next()
            drawn = {name: getattr(request, name, "") for name in ("checkpoint", "checkpoint_hash", "sampler", "schedule_type")}
            numbers = {name: getattr(request, name, 0) for name in ("steps", "cfg_scale")}
            connection.execute(
                insert(generation).values(
                    id=generation_id,
                    owner=run.owner,
                    job_id=run.id,
                    kind=request.kind,
                    prompt=request.words[0],
                    negative_prompt=request.words[1],
                    width=record.width,
                    height=record.height,
                    seed=NO_SEED if record.seed is None else record.seed,
                    asked=run.asked_text,
                    resolved=dump_request(request),
                    tool=SCRIPT,
                    **drawn,
                    **numbers,
                )
            )
            rows = [
                {"generation_id": generation_id, "number": place, "relation": "script", "sha256": None, "image_id": cell}
                for place, cell in enumerate(connection.execute(_cells(run.id).limit(MOST_PARENTS)).scalars())
            ]
            if rows:
                connection.execute(insert(parent), rows)
            connection.execute(
                insert(image).values(
                    id=identifier,
                    owner=run.owner,
                    generation_id=generation_id,
                    idx=0,
                    path=relative,
                    sha256=record.sha256,
                    width=record.width,
                    height=record.height,
                    bytes=len(record.data),
                    seed=NO_SEED if record.seed is None else record.seed,
                    seconds=0.0,
                    mean_colour=record.mean_colour,
                    look=record.look,
                    facts=record.facts,
                )
            )
            connection.execute(update(script_run).where(script_run.c.id == run.id).values(kept=[*kept, identifier]))
        return identifier

    # halting and going on

    def pause(self, identifier: int) -> bool:
        """Hand nothing more to the queue, and take back what waits there. False when it isn't active."""
        with self._database.writing() as connection:
            if self._status(connection, identifier) != ACTIVE:
                return False
            stamp = self._journal.cancel_of(connection, _jobs_of(identifier))
            connection.execute(update(script_run).where(script_run.c.id == identifier).values(status=PAUSED, stamp=stamp))
            return True

    def cancel(self, identifier: int) -> list[int]:
        """End an active or paused run: what waits is not made. Returns its jobs that run. Raises Conflict."""
        with self._database.writing() as connection:
            status = self._require(connection, identifier, (ACTIVE, PAUSED), "Only one that goes on or is paused can be cancelled.")
            stamp = self._journal.cancel_of(connection, _jobs_of(identifier))
            values = {"status": CANCELLED} | ({"stamp": stamp} if status == ACTIVE else {})
            connection.execute(update(script_run).where(script_run.c.id == identifier).values(**values))
            return list(connection.execute(select(job.c.id).where(job.c.id.in_(_jobs_of(identifier)), job.c.status == RUNNING)).scalars())

    def resume(self, identifier: int) -> None:
        """Go on with a paused, cancelled or failed run: what failed is tried again. Raises Conflict."""
        with self._database.writing() as connection:
            self._require(connection, identifier, (PAUSED, CANCELLED, FAILED), "Only one that was halted or failed can go on.")
            stamp = connection.execute(select(script_run.c.stamp).where(script_run.c.id == identifier)).scalar_one()
            self._journal.bring_back_of(connection, _jobs_of(identifier), _halted(stamp) | (job.c.status == FAILED))
            connection.execute(update(script_run).where(script_run.c.id == identifier).values(status=ACTIVE, stamp=None, error=null()))

    def forget(self, identifier: int) -> None:
        """Forget an ended run; its jobs and pictures stay. Raises Conflict while it has not ended."""
        with self._database.writing() as connection:
            self._require(connection, identifier, (DONE, FAILED, CANCELLED), "Cancel it first.")
            connection.execute(delete(script_run).where(script_run.c.id == identifier))

    def _status(self, connection: Connection, identifier: int) -> str:
        status = connection.execute(select(script_run.c.status).where(script_run.c.id == identifier, self.whose.are(script_run))).scalar()
        if status is None:
            raise _no_such_run()
        return status

    def _require(self, connection: Connection, identifier: int, statuses: tuple[str, ...], otherwise: str) -> str:
        status = self._status(connection, identifier)
        if status not in statuses:
            raise Conflict(f"This run is {status}.", field="id", hint=otherwise)
        return status

    # looking

    def get(self, identifier: int) -> Run:
        """One run. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(script_run).where(script_run.c.id == identifier, self.whose.are(script_run))).first()
        if row is None:
            raise _no_such_run()
        return _run(row)

    def all(self, status: str | None = None) -> list[Run]:
        """Every run, newest first; or those of a status."""
        query = select(script_run).where(self.whose.are(script_run)).order_by(script_run.c.id.desc())
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(query if status is None else query.where(script_run.c.status == status))]

    def of_job(self, job_id: int) -> int | None:
        """The run that a job belongs to; None where it belongs to none."""
        with self._database.reading() as connection:
            return connection.execute(select(script_part.c.run_id).where(script_part.c.job_id == job_id)).scalar()

    def parts(self, identifier: int) -> list[PartRow]:
        """Its parts so far, in order."""
        query = select(script_part, func.coalesce(job.c.status, CANCELLED).label("status"), job.c.error.label("error"))
        query = query.select_from(script_part.outerjoin(job, job.c.id == script_part.c.job_id)).where(script_part.c.run_id == identifier)
        with self._database.reading() as connection:
            return [
                PartRow(row.number, row.label, tuple(row.at), row.digest, row.job_id, row.status, row.error)
                for row in connection.execute(query.order_by(script_part.c.number))
            ]

    def pictures(self, job_ids: Sequence[int]) -> dict[int, list[tuple[int, bytes]]]:
        """Of each of these jobs its pictures that are not in the trash: id and SHA-256, in order."""
        query = select(generation.c.job_id, image.c.id, image.c.sha256).join_from(image, generation)
        query = query.where(generation.c.job_id.in_(list(job_ids)), image.c.trashed.is_(None)).order_by(image.c.idx)
        found: dict[int, list[tuple[int, bytes]]] = {identifier: [] for identifier in job_ids}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                found[row.job_id].append((row.id, row.sha256))
        return found

    def first_request(self, identifier: int) -> ResolvedRequest | None:
        """As its first part was drawn; None where nothing was."""
        query = select(job.c.resolved).join_from(job, script_part, script_part.c.job_id == job.c.id)
        query = query.where(script_part.c.run_id == identifier, job.c.status == DONE).order_by(script_part.c.number).limit(1)
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else load_resolved(text)


def _cells(identifier: int) -> Select[Any]:
    query = select(image.c.id).join_from(image, generation).join(script_part, script_part.c.job_id == generation.c.job_id)
    return query.where(script_part.c.run_id == identifier).order_by(script_part.c.number, image.c.idx)


def _no_such_run() -> NotFound:
    return NotFound("There is no run with that id.", code="run_not_found", hint="Ended runs are forgotten after a while.")


__all__ = ["ACTIVE", "CANCELLED", "DONE", "FAILED", "PAUSED", "RUNNING", "WAITING", "NotWanted", "PartRow", "Run", "ScriptBook"]

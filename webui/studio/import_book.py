"""Rows of imports: folders of other programs, and what became of each file in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, null, or_, select, update

from webui.errors import Conflict, NotFound
from webui.generation.request import dump_request
from webui.studio.database import Database
from webui.studio.dialects.expressions import upsert
from webui.studio.foreign_picture import ForeignPicture
from webui.studio.ids import COUNTER_BITS, IdClock
from webui.studio.picture_tree import Found
from webui.studio.tables import generation, image, import_file, import_source, lora_use
from webui.studio.whose import Kept, Whose

ACTIVE, PAUSED, CANCELLED, DONE, FAILED = "active", "paused", "cancelled", "done", "failed"
"""Of an import. Active: its folder is looked through, and its files are read one after the other. Failed: the folder can't be."""

WAITING, IMPORTED, DOUBLE, FOREIGN, BROKEN = "waiting", "imported", "double", "foreign", "broken"
STATES = (WAITING, IMPORTED, DOUBLE, FOREIGN, BROKEN)
"""Of a file. Double: its content is in history already. Foreign: a whole picture that doesn't say how it was made."""

_UPPER_HALF = 1 << (COUNTER_BITS - 1)
"""Ids of imported pictures count from here within their millisecond: Easel's own ones never come so far."""


@dataclass(frozen=True)
class Source:
    """One import row. walked: the folder was looked through since it was last asked for."""

    id: int
    folder: Path
    status: str
    watched: bool
    walked: bool
    error: Mapping[str, Any] | None
    ended: int | None
    owner: str


@dataclass(frozen=True)
class OpenFile:
    """A file that is yet to be read."""

    path: str
    mtime: int


@dataclass(frozen=True)
class Read:
    """What became of a file: a picture, or the state and the reason why it is none."""

    file: OpenFile
    picture: ForeignPicture | None = None
    state: str = BROKEN
    error: Mapping[str, Any] | None = None


class Halted(Exception):
    """The import was paused, cancelled or forgotten before this was written."""


def _source(row: Row[Any]) -> Source:
    return Source(row.id, Path(row.folder), row.status, row.watched, row.walked, row.error, row.ended, row.owner)


class ImportBook(Kept):
    """Imports and their files: everybody's, or one person's (`of`). Each method is one transaction; may be called from any thread."""

    def __init__(self, database: Database, ids: IdClock) -> None:
        self._database = database
        self._ids = ids

    # imports

    @property
    def _mine(self) -> ColumnElement[bool]:
        """Whether an import is meant."""
        return self.whose.are(import_source)

    def add(self, folder: Path, *, watched: bool) -> int:
        """Ask for a folder to be looked through, for the first time or again. Returns the import's id. Raises Conflict: it is another's."""
        with self._database.writing() as connection:
            known = connection.execute(select(import_source.c.id).where(import_source.c.folder == str(folder), self._mine)).scalar()
            if known is None and connection.execute(select(import_source.c.id).where(import_source.c.folder == str(folder))).first():
                hint = "Ask them to share what you need, or name a folder in it that they haven't taken in."
                raise Conflict(f"{folder} is in somebody else's history.", field="folder", hint=hint)
            if known is not None:
                values = {"status": ACTIVE, "walked": False, "watched": watched, "error": null(), "ended": None}
                connection.execute(update(import_source).where(import_source.c.id == known).values(**values))
                return known
            identifier = self._ids.next()
            connection.execute(
                insert(import_source).values(
                    id=identifier, owner=self.whose.new, folder=str(folder), status=ACTIVE, watched=watched, walked=False
                )
            )
            return identifier

    def get(self, identifier: int) -> Source:
        """One import. Raises NotFound."""
        with self._database.reading() as connection:
            return self._get(connection, identifier)

    def all(self) -> list[Source]:
        """Every import, newest first."""
        with self._database.reading() as connection:
            return [_source(row) for row in connection.execute(select(import_source).where(self._mine).order_by(import_source.c.id.desc()))]

    def next_active(self) -> Source | None:
        """The oldest import that is to go on."""
        with self._database.reading() as connection:
            row = connection.execute(select(import_source).where(import_source.c.status == ACTIVE).order_by(import_source.c.id)).first()
        return None if row is None else _source(row)

    def _get(self, connection: Connection, identifier: int) -> Source:
        row = connection.execute(select(import_source).where(import_source.c.id == identifier, self._mine)).first()
        if row is None:
            raise NotFound("There is no such import.", code="import_not_found", hint="Look at the list of imports again.")
        return _source(row)

    def move(self, identifier: int, among: Sequence[str], to: str) -> Source:
        """Pause, resume or cancel: from one of these statuses to that one. Raises Conflict."""
        with self._database.writing() as connection:
            source = self._get(connection, identifier)
            if source.status not in among:
                raise Conflict(f"This import is {source.status}.", field="id", hint=f"It must be {' or '.join(among)} for that.")
            ended = self._ids.next() if to == CANCELLED else None
            # What was cancelled begins with looking through the folder again: it may have changed since.
            walked = source.walked and to != CANCELLED
            values = {"status": to, "error": null(), "ended": ended, "walked": walked}
            connection.execute(update(import_source).where(import_source.c.id == identifier).values(**values))
            return self._get(connection, identifier)

    def watch(self, identifier: int, wanted: bool) -> Source:
        """Keep an eye on the folder from now on, or no longer."""
        with self._database.writing() as connection:
            self._get(connection, identifier)
            connection.execute(update(import_source).where(import_source.c.id == identifier).values(watched=wanted))
            return self._get(connection, identifier)

    def rouse_watched(self, folders: Iterable[Path] | None = None) -> list[int]:
        """Look through watched folders again (those, or all) that are at rest. Returns their ids."""
        at_rest = and_(import_source.c.watched, import_source.c.status.in_((DONE, FAILED)))
        if folders is not None:
            at_rest = and_(at_rest, import_source.c.folder.in_([str(folder) for folder in folders]))
        with self._database.writing() as connection:
            found = list(connection.execute(select(import_source.c.id).where(at_rest)).scalars())
            values = {"status": ACTIVE, "walked": False, "error": null()}
            connection.execute(update(import_source).where(import_source.c.id.in_(found)).values(**values))
            return found

    def end(self, identifier: int, error: Mapping[str, Any] | None = None) -> bool:
        """Note that an active import is done, where nothing of it is left, or that its folder can't be read. Returns whether it is."""
        left = select(import_file.c.path).where(import_file.c.source_id == identifier, import_file.c.state == WAITING).exists()
        query = update(import_source).where(import_source.c.id == identifier, import_source.c.status == ACTIVE)
        if error is None:
            query = query.where(~left, import_source.c.walked)
        status = DONE if error is None else FAILED
        with self._database.writing() as connection:
            done = query.values(status=status, error=null() if error is None else dict(error), ended=self._ids.next())
            return connection.execute(done).rowcount == 1

    def forget(self, identifier: int) -> None:
        """Forget an import that is at rest; its pictures stay in history. Raises Conflict."""
        with self._database.writing() as connection:
            if self._get(connection, identifier).status in (ACTIVE, PAUSED):
                raise Conflict("This import isn't at its end.", field="id", hint="Cancel it first.")
            connection.execute(delete(import_source).where(import_source.c.id == identifier))

    # files

    def note(self, identifier: int, found: Sequence[Found], *, rouse: bool = False) -> int:
        """Files that are there: new ones, and those that changed since they were read, are to be read. Returns how many.

        rouse: the import goes on where it was done; else Halted is raised where it isn't active.
        """
        rows = [{"source_id": identifier, "path": one.path, "size": one.size, "mtime": one.mtime, "state": WAITING} for one in found]
        with self._database.writing() as connection:
            if not rouse:
                self._require_active(connection, identifier)
            fresh = upsert(connection, import_file)
            changed = or_(import_file.c.size != fresh.excluded.size, import_file.c.mtime != fresh.excluded.mtime)
            query = fresh.on_conflict_do_update(
                index_elements=["source_id", "path"],
                set_={"size": fresh.excluded.size, "mtime": fresh.excluded.mtime, "state": WAITING, "error": null()},
                where=changed,
            )
            new = connection.execute(query, rows).rowcount if rows else 0
            if rouse and new:
                resting = and_(import_source.c.id == identifier, import_source.c.status == DONE)
                connection.execute(update(import_source).where(resting).values(status=ACTIVE))
            return max(new, 0)

    def note_walked(self, identifier: int) -> None:
        """The folder was looked through to its end. Raises Halted."""
        with self._database.writing() as connection:
            self._require_active(connection, identifier)
            connection.execute(update(import_source).where(import_source.c.id == identifier).values(walked=True))

    def open_files(self, identifier: int, limit: int) -> list[OpenFile]:
        """The next files to be read, in the order of their paths."""
        query = select(import_file.c.path, import_file.c.mtime).where(import_file.c.source_id == identifier, import_file.c.state == WAITING)
        with self._database.reading() as connection:
            return [OpenFile(*row) for row in connection.execute(query.order_by(import_file.c.path).limit(limit))]

    def record(self, source: Source, read: Sequence[Read]) -> list[int]:
        """Write down what became of these files: all of it or nothing. Returns the ids of new pictures. Raises Halted."""
        new: list[int] = []
        with self._database.writing() as connection:
            self._require_active(connection, source.id)
            source = self._get(connection, source.id)  # given to somebody else meanwhile, it takes in for them
            for one in read:
                state, picture_id = one.state, None
                if one.picture is not None:
                    state, picture_id = self._take(connection, source, one)
                    new += [picture_id] if state == IMPORTED and picture_id is not None else []
                # One that changed while it was read is read again.
                mine = and_(
                    import_file.c.source_id == source.id, import_file.c.path == one.file.path, import_file.c.mtime == one.file.mtime
                )
                error = null() if one.error is None else dict(one.error)
                connection.execute(update(import_file).where(mine).values(state=state, image_id=picture_id, error=error))
        return new

    def _take(self, connection: Connection, source: Source, one: Read) -> tuple[str, int | None]:
        """Into its owner's history, where that content isn't there yet. Returns the file's state, and the picture's id, if it is theirs."""
        picture, path, theirs = one.picture, source.folder / one.file.path, Whose(source.owner).are(image)
        assert picture is not None
        if connection.execute(select(image.c.id).where(image.c.path == str(path), image.c.owner != source.owner)).first() is not None:
            return DOUBLE, None  # a file is one row, and somebody else took it in before
        known = connection.execute(select(image.c.id, image.c.path).where(image.c.sha256 == picture.sha256, theirs).limit(1)).first()
        if known is not None:
            # Moved within its folder, or copied back: the same picture is found at its new place.
            if Path(known.path).is_absolute() and known.path != str(path) and not Path(known.path).exists():
                self._free(connection, path)
                connection.execute(update(image).where(image.c.id == known.id).values(path=str(path)))
            return (IMPORTED if known.path == str(path) else DOUBLE), known.id
        self._free(connection, path)
        identifier = self._id_at(connection, one.file.mtime)
        request = dump_request(picture.request)
        connection.execute(
            # No job made it, so it has its own number where others have their job's.
            insert(generation).values(
                id=identifier, owner=source.owner, job_id=identifier, **picture.row, asked=request, resolved=request, tool=picture.tool
            )
        )
        if picture.loras:
            rows = [{"generation_id": identifier, "name": name, "weight": weight} for name, weight in picture.loras.items()]
            connection.execute(insert(lora_use), rows)
        connection.execute(
            insert(image).values(
                id=identifier,
                owner=source.owner,
                generation_id=identifier,
                idx=0,
                path=str(path),
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                bytes=picture.bytes,
                seed=picture.row["seed"],
                seconds=0.0,
                mean_colour=picture.mean_colour,
                look=picture.look,
                facts={"infotext": picture.infotext, "unmapped": [dict(entry) for entry in picture.unmapped]},
            )
        )
        return IMPORTED, identifier

    def _free(self, connection: Connection, path: Path) -> None:
        """Another picture lay there when it was imported, and was overwritten: it stays in history, without a file."""
        old = connection.execute(select(image.c.id, image.c.sha256).where(image.c.path == str(path))).first()
        if old is not None:
            gone = f"{path} (overwritten, {old.sha256.hex()[:12]})"
            connection.execute(update(image).where(image.c.id == old.id).values(path=gone))

    def _id_at(self, connection: Connection, mtime: int) -> int:
        """A free id of the file's time, so that it stands in history where it was made. Times to come count as now."""
        first = (max(min(mtime // 1_000_000, self._ids.next() >> COUNTER_BITS), 1) << COUNTER_BITS) + _UPPER_HALF
        for table in (image, generation):
            same = and_(table.c.id >= first, table.c.id < first + _UPPER_HALF)
            last = connection.execute(select(func.max(table.c.id)).where(same)).scalar()
            first = first if last is None else max(first, last + 1)
        return first

    def _require_active(self, connection: Connection, identifier: int) -> None:
        if connection.execute(select(import_source.c.status).where(import_source.c.id == identifier)).scalar() != ACTIVE:
            raise Halted

    def counts(self, identifier: int) -> dict[str, int]:
        """How many files are in each of STATES."""
        query = (
            select(import_file.c.state, func.count().label("number"))
            .where(import_file.c.source_id == identifier)
            .group_by(import_file.c.state)
        )
        with self._database.reading() as connection:
            found = {row.state: row.number for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    def files(self, identifier: int, offset: int, limit: int, states: Sequence[str]) -> tuple[list[Row[Any]], int]:
        """Files in these states by path, and how many there are in all."""
        these = and_(import_file.c.source_id == identifier, import_file.c.state.in_(states))
        with self._database.reading() as connection:
            self._get(connection, identifier)
            rows = connection.execute(select(import_file).where(these).order_by(import_file.c.path).offset(offset).limit(limit)).all()
            return list(rows), connection.execute(select(func.count()).select_from(import_file).where(these)).scalar_one()

    def size_of(self, identifier: int) -> int:
        """Bytes of all files of an import."""
        query = select(func.coalesce(func.sum(import_file.c.size), 0)).where(import_file.c.source_id == identifier)
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one()

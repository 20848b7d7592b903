"""The trash: pictures that nothing shows but a search for it, until they are taken out again or are gone for good."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, delete, exists, select, update

from webui.errors import EaselError
from webui.studio.database import Database
from webui.studio.dialects.expressions import one_of
from webui.studio.ids import IdClock
from webui.studio.picture_file import PictureFolder, is_imported
from webui.studio.tables import generation, image
from webui.studio.whose import Kept, Whose

log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Pictures of one transaction: a picture that is being saved waits no longer."""


@dataclass(frozen=True)
class Emptied:
    """How many pictures are gone and how many bytes of files with them; those that stay since their files can't be deleted, and why."""

    removed: int
    bytes: int
    kept: dict[int, str]


class Trash(Kept):
    """Everybody's, or one person's (`of`). May be used from any thread. changed: told afterwards whose pictures, and their ids."""

    def __init__(self, database: Database, ids: IdClock, pictures: PictureFolder, changed: Callable[[Whose, Sequence[int]], None]) -> None:
        self._database = database
        self._ids = ids
        self._pictures = pictures
        self._changed = changed

    def put(self, ids: Sequence[int]) -> list[int]:
        """Put these pictures into the trash. Returns those that weren't there before."""
        return self._move(ids, self._ids.next())

    def restore(self, ids: Sequence[int]) -> list[int]:
        """Take these pictures out of it again. Returns those that were there."""
        return self._move(ids, None)

    def _move(self, ids: Sequence[int], stamp: int | None) -> list[int]:
        elsewhere = image.c.trashed.is_not(None) if stamp is None else image.c.trashed.is_(None)
        with self._database.writing() as connection:
            moved = connection.execute(
                update(image).where(one_of(image.c.id, ids), self.whose.are(image), elsewhere).values(trashed=stamp).returning(image.c.id)
            ).scalars()
            found = sorted(moved)
        self._changed(self.whose, found)
        return found

    def empty(self) -> Emptied:
        """Delete what is in it: the files that Easel made, then what is known of them. Files of other programs are never touched."""
        removed, freed, kept = [], 0, dict[int, str]()
        last = 0
        while part := self._next(last):
            last = part[-1].id
            gone = []
            for row in part:
                try:
                    freed += 0 if is_imported(row.path) else self._pictures.remove(row.path, row.sha256)
                    gone.append(row.id)
                except (OSError, EaselError) as problem:
                    log.warning("%s stays in the trash: %s", row.path, problem)
                    kept[row.id] = getattr(problem, "strerror", None) or str(problem)
            with self._database.writing() as connection:
                grids = _forget(connection, gone)
            for grid in grids:
                self._remove_grid(grid)
            removed += gone
        self._changed(self.whose, removed)
        return Emptied(len(removed), freed, kept)

    def _next(self, last: int) -> Sequence[Row[int, str, bytes]]:
        in_it = self.whose.are(image), image.c.trashed.is_not(None)
        query = select(image.c.id, image.c.path, image.c.sha256).where(*in_it, image.c.id > last)
        with self._database.reading() as connection:
            return connection.execute(query.order_by(image.c.id).limit(_AT_ONCE)).all()

    def _remove_grid(self, relative: str) -> None:
        try:
            self._pictures.remove(relative)
        except (OSError, EaselError) as problem:
            log.warning("The grid %s stays: %s", relative, problem)


def _forget(connection: Connection, ids: Sequence[int]) -> list[str]:
    """Delete what is known of these pictures that are still in the trash, and of what they leave empty. Returns the paths of its grids."""
    of = list(connection.execute(select(image.c.generation_id).where(one_of(image.c.id, ids)).distinct()).scalars())
    connection.execute(delete(image).where(one_of(image.c.id, ids), image.c.trashed.is_not(None)))
    empty = one_of(generation.c.id, of), ~exists().where(image.c.generation_id == generation.c.id)
    grids = connection.execute(delete(generation).where(*empty).returning(generation.c.grid_path)).scalars()
    return [path for path in grids if path]

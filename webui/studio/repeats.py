"""Whether a request would make pictures that were made already, and which ones."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from webui.generation.fingerprint import signatures_near
from webui.generation.request import ResolvedRequest
from webui.studio.database import Database
from webui.studio.tables import generation, image
from webui.studio.whose import EVERYBODY, Whose

_MOST_FOUND = 2000


@dataclass(frozen=True)
class Repeats:
    """pictures: how many a request makes. made: for each of them that was made already, the newest id, in the request's order."""

    pictures: int
    made: tuple[int, ...]


def find_repeats(database: Database, request: ResolvedRequest, whose: Whose = EVERYBODY) -> Repeats:
    """The pictures of history, the trash left out, that a request would make again."""
    near = signatures_near(request)
    query = (
        select(image.c.id, image.c.idx, generation.c.signature)
        .join_from(generation, image, image.c.generation_id == generation.c.id)
        .where(generation.c.signature.in_(list(near)), whose.are(image), image.c.trashed.is_(None))
        .order_by(image.c.id.desc())
        .limit(_MOST_FOUND)
    )
    found: dict[int, int] = {}
    with database.reading() as connection:
        for row in connection.execute(query):
            found.setdefault(row.idx - near[row.signature], row.id)
    wanted = range(request.picture_count)
    return Repeats(len(wanted), tuple(found[index] for index in wanted if index in found))

"""Where pictures come from and what was made of them: rows of parents, and the family of a picture as a small graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select

from webui.errors import InvalidRequest, NotFound
from webui.generation.diff import RequestDiff, diff
from webui.generation.fingerprint import made_by
from webui.generation.loopback import started_from
from webui.generation.request import Inpaint, PictureFromPicture, ResolvedRequest, Upscale, load_resolved
from webui.studio.database import Database
from webui.studio.ids import time_of
from webui.studio.origin import Origin
from webui.studio.tables import generation, image, parent
from webui.studio.whose import EVERYBODY, Kept, Whose

INIT, MASK, UPSCALE, CONTROL = "init", "mask", "upscale", "control"
SOURCES = (INIT, UPSCALE)
"""Relations to the picture whose pixels a picture goes on from: these make a branch."""

DEEPEST = 32
"""Generations up and down from a picture that are told."""

MOST_NODES = 200
"""Pictures of a family that are told."""


MOST_EDITS = 12
"""Pictures on the way from one to another that are told."""

_LOOKED_AT = 120
_ALIKE = 0.5
"""Share of the words of one prompt that another one has to have to be on the way to it."""


def parents_of(request: ResolvedRequest) -> list[tuple[str, str]]:
    """(relation, SHA-256) of the pictures that a request is made from, in a fixed order."""
    if isinstance(request, Upscale):
        return [(UPSCALE, request.init_image)]
    told = [(INIT, request.init_image)] if isinstance(request, PictureFromPicture) else []
    if isinstance(request, Inpaint) and request.mask:
        told.append((MASK, request.mask))
    return [*told, *((CONTROL, unit.image) for unit in request.controls)]


def parent_rows(
    connection: Connection, generation_id: int, request: ResolvedRequest, origin: Origin | None, whose: Whose = EVERYBODY
) -> list[dict[str, Any]]:
    """The rows of `parent` for a generation: what its request is made from, and what picture it makes again.

    whose: among whose pictures that is looked for.
    """
    rows: list[dict[str, Any]] = []
    for relation, digest in parents_of(request):
        sha256 = bytes.fromhex(digest)
        rows.append({"relation": relation, "sha256": sha256, "image_id": _oldest_with(connection, sha256, whose)})
    if origin is not None:
        rows.append({"relation": origin.relation, "sha256": None, "image_id": origin.image})
    return [{"generation_id": generation_id, "number": number, **row} for number, row in enumerate(rows)]


def _oldest_with(connection: Connection, sha256: bytes, whose: Whose) -> int | None:
    return connection.execute(select(func.min(image.c.id)).where(image.c.sha256 == sha256, whose.are(image))).scalar()


@dataclass(frozen=True)
class Link:
    """One picture was made from another. source: id of that one, or its SHA-256 where history doesn't have it."""

    source: str
    image: str
    relation: str


@dataclass(frozen=True)
class Family:
    """A picture with what it came from and what came of it. nodes: as page and API get them, oldest first; whole: whether that is all."""

    nodes: list[dict[str, Any]]
    links: list[Link]
    whole: bool


class Lineage(Kept):
    """Looks up families: among all pictures, or one person's (`of`). May be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def family(self, image_id: int) -> Family:
        """The family of a picture: all it came from, and what came of any of these. Raises NotFound."""
        with self._database.reading() as connection:
            if connection.execute(select(image.c.id).where(image.c.id == image_id, self.whose.are(image))).first() is None:
                raise NotFound("There is no picture with that id.", code="image_not_found", hint="Ids are numbers that Easel gave out.")
            elders = _ids(connection, _ancestors(image_id, self.whose))
            found = [*elders, *(one for one in _ids(connection, _descendants(elders or [image_id], self.whose)) if one not in elders)]
            whole = len(found) <= MOST_NODES
            kept = found[:MOST_NODES]
            rows = connection.execute(_NODES.where(image.c.id.in_(kept), self.whose.are(image)).order_by(image.c.id)).all()
            links = list(_links(connection, {row.id for row in rows}, self.whose))
        nodes = [_node(row) for row in rows]
        known = {node["id"] for node in nodes}
        foreign = dict.fromkeys(link.source for link in links if link.source not in known)
        return Family([*(_foreign(digest) for digest in foreign), *nodes], links, whole)

    def source_of(self, request: ResolvedRequest) -> int | None:
        """The picture of history that a request goes on from; None where there is none."""
        digest = next((digest for relation, digest in parents_of(request) if relation in SOURCES), None)
        if digest is None:
            return None
        with self._database.reading() as connection:
            return _oldest_with(connection, bytes.fromhex(digest), self.whose)


_NODES = select(
    image.c.id,
    image.c.sha256,
    image.c.mean_colour,
    image.c.seed,
    image.c.trashed,
    image.c.facts,
    image.c.idx,
    generation.c.prompt,
    generation.c.resolved,
).join_from(image, generation)


def _ancestors(image_id: int, whose: Whose) -> Select[Any]:
    """Ids of a picture and all it came from, nearest first."""
    up = select(literal(image_id).label("id"), literal(0).label("depth")).cte("up", recursive=True)
    further = (
        select(parent.c.image_id, up.c.depth + 1)
        .join_from(up, image, image.c.id == up.c.id)
        .join(parent, parent.c.generation_id == image.c.generation_id)
        .where(parent.c.image_id.is_not(None), whose.are(image), up.c.depth < DEEPEST)
    )
    up = up.union(further)
    return select(up.c.id).group_by(up.c.id).order_by(func.min(up.c.depth)).limit(MOST_NODES + 1)


def _descendants(first: Sequence[int], whose: Whose) -> Select[Any]:
    """Ids of pictures and of all that came of them, nearest first."""
    down = select(image.c.id.label("id"), literal(0).label("depth")).where(image.c.id.in_(first)).cte("down", recursive=True)
    further = (
        select(image.c.id, down.c.depth + 1)
        .join_from(down, parent, parent.c.image_id == down.c.id)
        .join(image, image.c.generation_id == parent.c.generation_id)
        .where(down.c.depth < DEEPEST, whose.are(image))
    )
    down = down.union(further)
    return select(down.c.id).group_by(down.c.id).order_by(func.min(down.c.depth), down.c.id).limit(MOST_NODES + 1)


def _ids(connection: Connection, query: Select[Any]) -> list[int]:
    return list(connection.execute(query).scalars())


def _links(connection: Connection, known: Collection[int], whose: Whose) -> list[Link]:
    """The links between these pictures, and to sources that history doesn't have; masks count only as pictures of history."""
    query = (
        select(image.c.id, image.c.facts, parent.c.relation, parent.c.image_id, parent.c.sha256)
        .join_from(image, parent, parent.c.generation_id == image.c.generation_id)
        .where(image.c.id.in_(list(known)))
        .order_by(image.c.id, parent.c.number)
    )
    links = []
    for row in connection.execute(query):
        source = row.image_id
        later_round = started_from(row.facts) if row.relation == INIT else ""
        if later_round:
            source = _oldest_with(connection, bytes.fromhex(later_round), whose)
        if source in known:
            links.append(Link(str(source), str(row.id), row.relation))
        elif row.sha256 is not None and row.relation != MASK and not later_round:
            links.append(Link(row.sha256.hex(), str(row.id), row.relation))
    return links


def _node(row: Any) -> dict[str, Any]:
    request = load_resolved(row.resolved)
    return {
        "id": str(row.id),
        "url": f"/api/v1/images/{row.id}",
        "thumbnail": f"/api/v1/thumbnails/{row.id}",
        "made_by": made_by(request.alone(row.idx)),
        "kind": request.kind,
        "prompt": row.prompt,
        "mean_colour": row.mean_colour,
        "trashed": row.trashed is not None,
        "created_at": time_of(row.id).isoformat(),
    }


def _foreign(digest: str) -> dict[str, Any]:
    """A picture that was put in from elsewhere."""
    url = f"/api/v1/images/{digest}"
    nothing = {"prompt": "", "mean_colour": "#808080", "trashed": False, "created_at": None}
    return {"id": digest, "url": url, "thumbnail": url, "made_by": "Source", "kind": None, **nothing}


def branch_of(
    image_id: int, at: int | None, request_of: Callable[[int], ResolvedRequest], source_of: Callable[[ResolvedRequest], int | None]
) -> list[tuple[int, ResolvedRequest]]:
    """The pictures from `at` (None: the first one) to this one, each made from the one before, with their requests.

    Raises InvalidRequest where `at` is none of them.
    """
    steps: list[tuple[int, ResolvedRequest]] = []
    current: int | None = image_id
    while current is not None and len(steps) <= DEEPEST:
        request = request_of(current)
        steps.append((current, request))
        if current == at:
            break
        current = source_of(request)
    if at is not None and steps[-1][0] != at:
        raise InvalidRequest(
            "This picture was not made from that one.",
            field="at",
            allowed=", ".join(str(step) for step, _ in steps),
            hint="Name a picture that it came from, as its lineage tells.",
        )
    return steps[::-1]


@dataclass(frozen=True)
class Edit:
    """A picture on the way from one to another, and what was changed for it since the one before."""

    image_id: int
    changes: RequestDiff


def way_between(
    database: Database, first: int, second: int, request_of: Callable[[int], ResolvedRequest], whose: Whose = EVERYBODY
) -> list[Edit]:
    """The pictures on the way from an earlier picture to a later one, that one last: those of like words, each with what was changed.

    A change of the seed alone is no edit. Empty where the second one is not the later one.
    """
    query = (
        select(image.c.id, generation.c.prompt)
        .join_from(image, generation)
        .where(
            whose.are(image),
            image.c.id > first,
            image.c.id < second,
            image.c.idx == 0,
            image.c.trashed.is_(None),
            generation.c.tool.is_(None),
        )
        .order_by(image.c.id.desc())
        .limit(_LOOKED_AT)
    )
    if first >= second:
        return []
    ends = [request_of(first), request_of(second)]
    wanted = [set(request.words[0].casefold().split()) for request in ends]
    with database.reading() as connection:
        between = [row.id for row in connection.execute(query) if any(_alike(row.prompt, words) for words in wanted)]
    edits: list[Edit] = []
    last = ends[0]
    for identifier in [*reversed(between), second]:
        request = request_of(identifier) if identifier != second else ends[1]
        changes = _without_seed(diff(last, request))
        if changes.changes or identifier == second:
            edits.append(Edit(identifier, changes))
            last = request
    if len(edits) <= MOST_EDITS:
        return edits
    told = edits[: MOST_EDITS - 1]
    return [*told, Edit(second, _without_seed(diff(request_of(told[-1].image_id), ends[1])))]


def _alike(prompt: str, words: set[str]) -> bool:
    own = set(prompt.casefold().split())
    return own == words or len(own & words) > _ALIKE * max(len(own), len(words))


def _without_seed(changes: RequestDiff) -> RequestDiff:
    return replace(changes, parameters=tuple(one for one in changes.parameters if one.changed and one.name not in ("seed", "kind")))

"""Finding pictures again: pages newest first, one picture with everything about it, speed samples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from webui import __version__
from webui.errors import NotFound
from webui.generation.infotext import write_infotext
from webui.generation.loopback import started_from
from webui.generation.request import PictureFromPicture, ResolvedRequest, ResolvedUpscale, Upscale, load_resolved
from webui.planning.estimate import Sample
from webui.studio.database import Database
from webui.studio.dialects.expressions import one_of
from webui.studio.ids import time_of
from webui.studio.marks import tags_of
from webui.studio.picture_file import INFOTEXT
from webui.studio.tables import facet_count, generation, image
from webui.studio.whose import Kept

_SAMPLES = 8
_BOTH = select(
    *(column.label(f"generation_{column.name}") for column in generation.c), *(column.label(f"image_{column.name}") for column in image.c)
).join_from(image, generation)

# The newest generations by their index first: a join sorted by picture would look through all of them.
_NEWEST = (
    select(generation.c.id, generation.c.steps, generation.c.width, generation.c.height, generation.c.cfg_scale, generation.c.sampler)
    .where(generation.c.checkpoint == bindparam("checkpoint"), generation.c.tool.is_(None))
    .order_by(generation.c.id.desc())
    .limit(_SAMPLES)
).subquery()
_SPEED_SAMPLES = (
    select(_NEWEST.c.steps, _NEWEST.c.width, _NEWEST.c.height, _NEWEST.c.cfg_scale, image.c.seconds, image.c.facts, _NEWEST.c.sampler)
    .join_from(_NEWEST, image, image.c.generation_id == _NEWEST.c.id)
    .order_by(image.c.id.desc())
    .limit(_SAMPLES)
)


_OF_DRAWN = ("checkpoint", "checkpoint_hash", "sampler", "schedule_type", "steps", "cfg_scale", "clip_skip")


SCRIPT = "script"
"""Stands for the program of what an add-on's script made itself (a grid): Easel's own, but it tells nothing of how fast it draws."""

OWN_TOOLS = (None, SCRIPT)

_UNMARKED: dict[str, Any] = {"favourite": False, "rating": None, "note": "", "tags": [], "trashed": False, "tool": None}
"""What is said of a picture that isn't kept."""


def image_view(
    *, identifier: str, generation_id: str, url: str, thumbnail: str, request: ResolvedRequest, index: int, made: dict[str, Any]
) -> dict[str, Any]:
    """One picture as page and API get it.

    made: width, height, seconds, bytes, file, sha256, film (its address or None), mean_colour, facts, created_at; of a kept one also
    favourite, rating, note, tags, trashed and tool.
    """
    facts = {name: fact for name, fact in made["facts"].items() if name != INFOTEXT}
    seed, alone = request.image_seeds[index], request.alone(index, started_from(made["facts"]))
    prompt, negative_prompt = request.words
    return {
        "id": identifier,
        "generation": generation_id,
        "index": index,
        "url": url,
        "thumbnail": thumbnail,
        "seed": None if seed is None else str(seed),
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        # What isn't drawn has none of these.
        **{name: getattr(request, name, None) for name in _OF_DRAWN},
        "kind": request.kind,
        "source": _source_of(identifier, request),
        "hires": request.enlargement is not None,
        "finishing": [step.model_dump(mode="json") for step in request.finishing],
        "extensions": request.extensions,
        "infotext": made["facts"].get(INFOTEXT) or write_infotext(alone, seed, __version__),
        **_UNMARKED,
        "imported": None,
        **made,
        "facts": facts,
    }


def _source_of(identifier: str, request: ResolvedRequest) -> dict[str, Any] | None:
    """Where to find what a kept picture started from, and how that came to its size; None where it started from words alone."""
    if not isinstance(request, PictureFromPicture | Upscale) or not identifier.isdigit():
        return None
    resize_mode = request.resize_mode if isinstance(request, PictureFromPicture) else ""
    width, height = request.picture_size if isinstance(request, ResolvedUpscale) else (None, None)
    source = {"url": f"/api/v1/images/{identifier}/source", "resize_mode": resize_mode}
    return source | {"image": request.init_image, "name": request.init_name, "width": width, "height": height}


def _as_told(row: Row[Any]) -> dict[str, Any]:
    """What another program's picture says of itself, also where Easel has no such thing."""
    path = Path(row.image_path)
    return {
        "seed": None if row.image_seed < 0 else str(row.image_seed),
        "kind": row.generation_kind,
        **{name: getattr(row, f"generation_{name}") or None for name in _OF_DRAWN if name != "clip_skip"},
        "infotext": row.image_facts.get(INFOTEXT, ""),
        "facts": {},
        "imported": {
            "tool": row.generation_tool,
            "folder": str(path.parent),
            "gone": not path.is_file(),
            "unmapped": row.image_facts.get("unmapped", []),
        },
    }


@dataclass(frozen=True)
class StoredPicture:
    """Where a picture lies (relative to the outputs folder) and what its bytes are."""

    path: str
    sha256: bytes


class History(Kept):
    """Read side of generations and images: everybody's, or one person's (`of`).

    has_film: whether there is a film of the picture with that SHA-256.
    """

    def __init__(self, database: Database, has_film: Callable[[bytes], bool] = lambda sha256: False) -> None:
        self._database = database
        self._has_film = has_film

    @property
    def _pictures(self) -> Select[Any]:
        """Everything about each picture that is meant."""
        return _BOTH.where(self.whose.are(image))

    def _views(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        tags = tags_of(connection, [row.image_id for row in rows])
        return [self._view(row, tags.get(row.image_id, [])) for row in rows]

    def _view(self, row: Row[Any], tags: list[str]) -> dict[str, Any]:
        identifier = str(row.image_id)
        view = image_view(
            identifier=identifier,
            generation_id=str(row.generation_id),
            url=f"/api/v1/images/{identifier}",
            thumbnail=f"/api/v1/thumbnails/{identifier}",
            request=load_resolved(row.generation_resolved),
            index=row.image_idx,
            made={
                "width": row.image_width,
                "height": row.image_height,
                "seconds": round(row.image_seconds, 3),
                "bytes": row.image_bytes,
                "file": PurePath(row.image_path).name,
                "sha256": row.image_sha256.hex(),
                "film": f"/api/v1/images/{identifier}/film" if self._has_film(row.image_sha256) else None,
                "mean_colour": row.image_mean_colour,
                "facts": row.image_facts,
                "created_at": time_of(row.image_id).isoformat(),
                "favourite": row.image_favourite,
                "rating": row.image_rating,
                "note": row.image_note,
                "tags": tags,
                "trashed": row.image_trashed is not None,
                "tool": row.generation_tool,
            },
        )
        return view if row.generation_tool in OWN_TOOLS else view | _as_told(row)

    def page(self, *, before: int | None = None, limit: int = 60) -> tuple[list[dict[str, Any]], str | None]:
        """Pictures newest first, older than `before`; and the id to ask the next page with, None at the end."""
        query = self._pictures.where(image.c.trashed.is_(None)).order_by(image.c.id.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(image.c.id < before)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            items = self._views(connection, rows[:limit])
        return items, items[-1]["id"] if len(rows) > limit else None

    def items(self, connection: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
        """These pictures, newest first."""
        return self._views(connection, connection.execute(self._pictures.where(one_of(image.c.id, ids)).order_by(image.c.id.desc())).all())

    def sizes(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Those of these pictures that are there, in their order, each with the bytes of its file."""
        query = select(image.c.id, image.c.bytes).where(one_of(image.c.id, ids), self.whose.are(image))
        with self._database.reading() as connection:
            found = {row.id: row.bytes for row in connection.execute(query)}
        return [(number, found[number]) for number in ids if number in found]

    def total(self) -> int:
        """How many pictures there are; those in the trash don't count."""
        with self._database.reading() as connection:
            counts = select(func.sum(facet_count.c.n)).where(facet_count.c.kind == "picture", self.whose.are(facet_count))
            return connection.execute(counts).scalar() or 0

    def _row(self, image_id: int) -> Row[Any]:
        with self._database.reading() as connection:
            row = connection.execute(self._pictures.where(image.c.id == image_id)).first()
        if row is None:
            raise NotFound("There is no picture with that id.", code="image_not_found", hint="Ids are numbers that Easel gave out.")
        return row

    def item(self, image_id: int) -> dict[str, Any]:
        """One picture with everything about it. Raises NotFound."""
        row = self._row(image_id)
        with self._database.reading() as connection:
            return self._views(connection, [row])[0]

    def stored(self, image_id: int) -> StoredPicture:
        """Where one picture lies. Raises NotFound."""
        row = self._row(image_id)
        return StoredPicture(row.image_path, row.image_sha256)

    def path_of_content(self, sha256: bytes) -> str | None:
        """Where a picture with these bytes lies; None where there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(image.c.path).where(image.c.sha256 == sha256, self.whose.are(image)).limit(1)).scalar()

    def has_contents(self, hashes: Collection[bytes]) -> set[bytes]:
        """Which of these SHA-256 belong to pictures."""
        wanted = set(hashes)
        with self._database.reading() as connection:
            return {sha256 for sha256 in connection.execute(select(image.c.sha256)).scalars() if sha256 in wanted}

    def request_of(self, image_id: int) -> ResolvedRequest:
        """The request that makes exactly this one picture again: its own seed, one picture. Raises NotFound."""
        row = self._row(image_id)
        return load_resolved(row.generation_resolved).alone(row.image_idx, started_from(row.image_facts))

    def saved_before(self, job_id: int, images: range) -> str | None:
        """SHA-256 of the last of these pictures of a job that was saved; None where none was."""
        query = select(image.c.sha256).join(generation).where(generation.c.job_id == job_id, image.c.idx.in_(list(images)))
        with self._database.reading() as connection:
            digest = connection.execute(query.order_by(image.c.idx.desc()).limit(1)).scalar()
        return None if digest is None else digest.hex()

    def images_of_job(self, job_id: int) -> list[dict[str, Any]]:
        """The job's pictures in order; those in the trash are left out."""
        query = self._pictures.where(generation.c.job_id == job_id, image.c.trashed.is_(None)).order_by(image.c.idx)
        with self._database.reading() as connection:
            return self._views(connection, connection.execute(query).all())

    def paths_of_job(self, job_id: int) -> list[str]:
        """The job's files in order, relative to the pictures folder."""
        query = select(image.c.path).join(generation).where(generation.c.job_id == job_id).order_by(image.c.idx)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def last_used(self) -> dict[str, int]:
        """The newest generation of each checkpoint: name -> id, larger is newer."""
        query = select(generation.c.checkpoint, func.max(generation.c.id).label("newest")).group_by(generation.c.checkpoint)
        with self._database.reading() as connection:
            return {row.checkpoint: row.newest for row in connection.execute(query)}

    def prompts_after(self, last: int, limit: int, *, negative: bool) -> tuple[int, list[str]]:
        """Prompts of the newest jobs since that one, and the newest one's id (the same when there is none)."""
        column = generation.c.negative_prompt if negative else generation.c.prompt
        query = (
            select(generation.c.id, column)
            .where(generation.c.id > last, self.whose.are(generation))
            .order_by(generation.c.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return (rows[0][0] if rows else last), [text for _, text in rows if text]

    def bytes_of_pixel(self, checkpoint: str) -> float | None:
        """Bytes for each pixel of the files that were made last with that; None where there are none."""
        query = select(func.sum(image.c.bytes), func.sum(image.c.width * image.c.height)).join(
            _NEWEST, image.c.generation_id == _NEWEST.c.id
        )
        with self._database.reading() as connection:
            size, pixels = connection.execute(query, {"checkpoint": checkpoint}).one()
        return size / pixels if pixels else None

    def speed_samples(self, checkpoint: str) -> list[Sample]:
        """The newest pictures of that checkpoint, for the estimate."""
        with self._database.reading() as connection:
            return [Sample(*row) for row in connection.execute(_SPEED_SAMPLES, {"checkpoint": checkpoint})]

"""What people say of their pictures: favourite, rating, note and tags, for many at once and taken back exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from webui.generation.parameter import storable
from webui.studio.database import Database
from webui.studio.dialects.expressions import one_of, upsert
from webui.studio.tables import image, image_tag, tag
from webui.studio.whose import Kept, Whose

ID_PATTERN = r"^[0-9]{1,19}$"
MOST_AT_ONCE = 10_000
"""Pictures of one change."""
MOST_NOTE_CHARACTERS = 4000
MOST_TAG_CHARACTERS = 60
MOST_TAGS = 50


def tag_name(text: str) -> str:
    """A tag as it is kept: on one line, without the signs that a search needs. Raises ValueError."""
    name = " ".join(storable(text).split())
    if not name or len(name) > MOST_TAG_CHARACTERS or '"' in name or name.endswith("*"):
        raise ValueError(f'a tag has 1 to {MOST_TAG_CHARACTERS} characters, no " and no * at its end')
    return name


Note = Annotated[str, AfterValidator(storable), Field(max_length=MOST_NOTE_CHARACTERS)]
Rating = Annotated[int, Field(ge=1, le=5)]
TagName = Annotated[str, AfterValidator(tag_name)]


class Change(BaseModel):
    """What is said anew of pictures; what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    favourite: bool = False
    rating: Rating | None = Field(None, description="1 to 5; null takes it away.")
    note: Note = ""
    add_tags: list[TagName] = Field(default_factory=list, max_length=MOST_TAGS)
    remove_tags: list[TagName] = Field(default_factory=list, max_length=MOST_TAGS)


class Marks(BaseModel):
    """All that is said of one picture."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=ID_PATTERN)
    favourite: bool
    rating: Rating | None
    note: Note
    tags: list[TagName] = Field(max_length=10 * MOST_TAGS)


def tags_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """The tags of these pictures, in order of name."""
    query = select(image_tag.c.image_id, tag.c.name).join_from(image_tag, tag, tag.c.id == image_tag.c.tag_id)
    found: dict[int, list[str]] = {}
    for row in connection.execute(query.where(one_of(image_tag.c.image_id, ids)).order_by(tag.c.name)):
        found.setdefault(row.image_id, []).append(row.name)
    return found


class MarkBook(Kept):
    """Marks of pictures: everybody's, or one person's (`of`). Each method is one transaction; may be called from any thread.

    changed: told afterwards whose pictures, and their ids.
    """

    def __init__(self, database: Database, changed: Callable[[Whose, Sequence[int]], None]) -> None:
        self._database = database
        self._changed = changed

    def said_of(self, ids: Sequence[int]) -> list[Marks]:
        """The marks of these pictures; those that are gone are left out."""
        with self._database.reading() as connection:
            return _marks(connection, ids, self.whose)

    def change(self, ids: Sequence[int], change: Change) -> list[Marks]:
        """Say that of all these pictures; those that are gone are left out. Returns what was said of them before."""
        said = change.model_dump(include=change.model_fields_set & {"favourite", "rating", "note"})
        with self._database.writing() as connection:
            before = _marks(connection, ids, self.whose)
            there = [int(marks.id) for marks in before]
            if said:
                connection.execute(update(image).where(one_of(image.c.id, there)).values(**said))
            added = _tag_ids(connection, change.add_tags)
            _put_tags(connection, [(number, added[name]) for number in there for name in added])
            if gone := list(_known_tags(connection, change.remove_tags).values()):
                connection.execute(delete(image_tag).where(one_of(image_tag.c.image_id, there), image_tag.c.tag_id.in_(gone)))
        self._changed(self.whose, there)
        return before

    def put_back(self, wanted: Iterable[Marks]) -> int:
        """Let all of these be said again, and nothing else of these pictures. Returns of how many; those that are gone are left out."""
        by_id = {int(marks.id): marks for marks in wanted}
        with self._database.writing() as connection:
            there = [int(marks.id) for marks in _marks(connection, list(by_id), self.whose)]
            if there:
                row = {"favourite": bindparam("_favourite"), "rating": bindparam("_rating"), "note": bindparam("_note")}
                connection.execute(
                    update(image).where(image.c.id == bindparam("_id")).values(**row),
                    [
                        {"_id": number, "_favourite": one.favourite, "_rating": one.rating, "_note": one.note}
                        for number, one in ((number, by_id[number]) for number in there)
                    ],
                )
                connection.execute(delete(image_tag).where(one_of(image_tag.c.image_id, there)))
                numbers = _tag_ids(connection, dict.fromkeys(name for number in there for name in by_id[number].tags))
                _put_tags(connection, [(number, numbers[name]) for number in there for name in dict.fromkeys(by_id[number].tags)])
        self._changed(self.whose, there)
        return len(there)


def _marks(connection: Connection, ids: Sequence[int], whose: Whose) -> list[Marks]:
    tags = tags_of(connection, ids)
    meant = one_of(image.c.id, ids), whose.are(image)
    query = select(image.c.id, image.c.favourite, image.c.rating, image.c.note).where(*meant).order_by(image.c.id)
    # As they were kept, so nothing is checked again.
    return [
        Marks.model_construct(id=str(row.id), favourite=row.favourite, rating=row.rating, note=row.note, tags=tags.get(row.id, []))
        for row in connection.execute(query)
    ]


def _known_tags(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Those of these tags that there are, however their letters are written: name as asked for -> number."""
    folded = {row.name.casefold(): row.id for row in connection.execute(select(tag.c.id, tag.c.name))}
    return {name: folded[name.casefold()] for name in names if name.casefold() in folded}


def _tag_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The numbers of these tags; those that are new are made."""
    names = list(names)
    known = _known_tags(connection, names) if names else {}
    for name in names:
        if name not in known:
            known[name] = connection.execute(insert(tag).values(name=name).returning(tag.c.id)).scalar_one()
            known |= {other: known[name] for other in names if other.casefold() == name.casefold()}
    return known


def _put_tags(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    rows = [{"image_id": picture, "tag_id": number} for picture, number in dict.fromkeys(pairs)]
    if rows:
        connection.execute(upsert(connection, image_tag).on_conflict_do_nothing(), rows)

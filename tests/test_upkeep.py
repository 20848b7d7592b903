"""What is made up for in the background: the index of letters, and what older pictures look like."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import made_pictures
import pytest
from PIL import Image
from sqlalchemy import delete, insert, select, text, update

from webui.errors import DataUnusable, NotFound
from webui.pictures.looks import look_of
from webui.studio import letters
from webui.studio.database import Database, open_database
from webui.studio.dialects.sqlite_search import LETTERS_DOWN_TO
from webui.studio.letters import LettersIndex
from webui.studio.older_looks import OlderLooks
from webui.studio.search.compiling import read_search
from webui.studio.search.fields import Place
from webui.studio.search.finding import Finder
from webui.studio.search.known import Known
from webui.studio.search.looks import LookIndex
from webui.studio.tables import generation, image, remembered
from webui.studio.upkeep import Upkeep

QUERIES = ("城", "の絵", "森の中", "城の絵", "castle 城", "-城", "*森の*", "note:城", "negative:城の", "絵城", "城 rating:>=4", '"中の城"')


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_database(tmp_path)
    with made.writing() as connection:
        made_pictures.fill(connection, 300)
    yield made
    made.close()


def found(database: Database, q: str) -> tuple[list[int], bool]:
    """What a search finds, and whether the index of letters leads there."""
    with database.reading() as connection:
        question = read_search(q, Place(Known(connection), LookIndex(database), datetime.now().astimezone())).require()
        page = Finder(connection).page(question, 1000, None, 60)
        assert page.next is None
        return page.ids, question.few is not None and question.few.once


def whole(database: Database) -> None:
    """The index says what the pictures say."""
    with database.writing() as connection:
        connection.execute(text("INSERT INTO image_letters (image_letters, rank) VALUES ('integrity-check', 1)"))


def test_words_without_spaces_are_found_as_before_but_by_an_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "_AT_ONCE", 70)
    before = {q: found(database, q)[0] for q in QUERIES}
    assert len([q for q in QUERIES if before[q]]) > len(QUERIES) - 3
    # Ended in the middle, it goes on where it stopped; until it is whole nobody relies on it.
    assert LettersIndex(database, wanted=True).step() and LettersIndex(database, wanted=True).step()
    assert found(database, "城") == (before["城"], False)
    # What comes and goes meanwhile, newer and older than where it is.
    with database.writing() as connection:
        ids = list(connection.execute(select(image.c.id).order_by(image.c.id)).scalars())
        for gone in (ids[3], ids[-3]):
            connection.execute(delete(generation).where(generation.c.id == gone - 1))
        for changed in (ids[5], ids[-5]):
            connection.execute(update(image).where(image.c.id == changed).values(note="夜の城"))
    again = LettersIndex(database, wanted=True)
    while again.step():
        pass
    told = {q: found(database, q) for q in QUERIES}
    assert all(ids[place] in told["城"][0] for place in (5, -5))
    assert told["城"][1] and told["城 rating:>=4"][1]
    whole(database)
    with database.writing() as connection:
        connection.execute(delete(remembered).where(remembered.c.name == LETTERS_DOWN_TO))
    assert {q: ids for q, (ids, _) in told.items()} == {q: found(database, q)[0] for q in QUERIES}


def test_a_whole_index_is_kept_and_goes_when_it_is_not_wanted(database: Database) -> None:
    index = LettersIndex(database, wanted=True)
    while index.step():
        pass
    assert not LettersIndex(database, wanted=True).step()
    with database.writing() as connection:
        newest = connection.execute(select(image).order_by(image.c.id.desc()).limit(1)).mappings().one()
        made = connection.execute(select(generation).where(generation.c.id == newest["generation_id"])).mappings().one()
        connection.execute(insert(generation).values({**made, "id": made["id"] + 100, "prompt": "水中月"}))
        place = {"id": newest["id"] + 100, "generation_id": made["id"] + 100, "path": "new.png", "trashed": None, "note": ""}
        connection.execute(insert(image).values({**newest, **place}))
    assert found(database, "水中") == ([newest["id"] + 100], True)
    whole(database)
    with database.writing() as connection:
        connection.execute(delete(generation))
    whole(database)
    assert not LettersIndex(database, wanted=False).step()
    with database.reading() as connection:
        left = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE '%letter%'").scalars().all()
    assert left == []
    assert not LettersIndex(database, wanted=False).step()


def test_older_pictures_get_their_look_each_once(database: Database, tmp_path: Path) -> None:
    asked: list[str] = []
    picture = Image.radial_gradient("L").resize((96, 64))
    picture.save(tmp_path / "there.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")

    def path(recorded: str) -> Path:
        asked.append(recorded)
        if recorded == "1.png":
            raise NotFound("gone")
        return tmp_path / ("broken.png" if recorded == "2.png" else "there.png")

    with database.writing() as connection:
        without = list(connection.execute(select(image.c.id).order_by(image.c.id).limit(40)).scalars())
        connection.execute(update(image).where(image.c.id.in_(without)).values(look=None))
    while OlderLooks(database, path).step():
        pass
    assert sorted(asked) == sorted(f"{number}.png" for number in range(40))
    with database.reading() as connection:
        rows = connection.execute(select(image.c.id, image.c.look).where(image.c.id.in_(without)))
        looks = {row.id: row.look for row in rows}
    assert [looks[number] for number in without[:4]] == [look_of(picture), None, None, look_of(picture)]
    alike = LookIndex(database).like(without[0])
    assert alike is not None and {without[0], without[3]} <= set(alike)
    assert not OlderLooks(database, path).step()
    assert len(asked) == 40


def test_a_step_that_can_not_be_done_now_is_tried_again_and_the_next_one_follows() -> None:
    done: list[str] = []

    def first() -> bool:
        done.append("first")
        if len(done) == 1:
            raise DataUnusable("busy")
        return len(done) < 3

    def second() -> bool:
        done.append("second")
        ended.set()
        return False

    ended = threading.Event()
    upkeep = Upkeep([first, second], retry_seconds=0.01)
    upkeep.start()
    assert ended.wait(60)
    upkeep.close()
    assert done == ["first", "first", "first", "second"]

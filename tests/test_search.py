"""What a search finds among some thousand pictures, however it walks there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime

import made_pictures
import pytest
from sqlalchemy import ColumnElement, Connection, select

from webui.studio.database import Database, open_database
from webui.studio.dialects import sqlite_search
from webui.studio.dialects.expressions import HasWords
from webui.studio.history import History
from webui.studio.ids import IdClock
from webui.studio.search.ahead import FoundAhead
from webui.studio.search.compiling import Question, read_search
from webui.studio.search.desk import SearchDesk
from webui.studio.search.fields import Place
from webui.studio.search.finding import Finder, Found
from webui.studio.search.known import Known
from webui.studio.search.looks import LookIndex
from webui.studio.search.wording import Either, Said
from webui.studio.tables import image

PICTURES = 1500


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = open_database(tmp_path_factory.mktemp("search"))
    with made.writing() as connection:
        made_pictures.fill(connection, PICTURES)
    yield made
    made.close()


def read(database: Database, connection: Connection, text: str) -> Question:
    return read_search(text, Place(Known(connection), LookIndex(database), datetime.now().astimezone())).require()


def one_by_one(connection: Connection, question: Question) -> list[int]:
    """All that is found where each picture is looked at by itself."""
    where: list[ColumnElement[bool]] = [] if question.words is None else [HasWords(question.words)]
    if question.since is not None:
        where.append(image.c.id >= question.since)
    if question.before is not None:
        where.append(image.c.id < question.before)
    query = select(image.c.id).where(*question.conditions, *where).order_by(image.c.id.desc())
    return list(connection.execute(query).scalars())


def by_pages(connection: Connection, question: Question, limit: int) -> list[int]:
    """All that is found, page by page."""
    found: list[int] = []
    below = None
    while True:
        page = Finder(connection).page(question, limit, below, 60)
        assert not page.partial
        found += page.ids
        if page.next is None:
            return found
        below = page.next


@pytest.mark.parametrize(
    "text",
    [
        "castle rating:>=4",
        "castle tag:print",
        "castle tag:client,print -fox",
        "castle is:favourite rating:5",
        "castle has:tag",
        "castle is:trash",
        "castle has:note after:2023-12",
        "model:dream tag:print before:2024-02 after:2023-12-20",
        "*astl* castle rating:2",
        "castle seed:7",
        "masterf* rating:>=4",
        "masterpi* -masterfu*",
        "-castle rating:4",
    ],
)
@pytest.mark.parametrize(("few", "by_words", "at_once"), [(300, 256, 384), (0, 16, 8), (0, 1, 3)])
def test_every_walk_finds_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, text: str, few: int, by_words: int, at_once: int
) -> None:
    monkeypatch.setattr(sqlite_search, "_FEW", few)
    monkeypatch.setattr(sqlite_search, "_BY_WORDS", by_words)
    monkeypatch.setattr(sqlite_search, "_MARKED_AT_ONCE", at_once)
    with database.reading() as connection:
        question = read(database, connection, text)
        wanted = one_by_one(connection, question)
        assert wanted, "nothing is found, so nothing is compared"
        assert by_pages(connection, question, 17) == wanted
        assert Finder(connection).count(question, 60) == (min(len(wanted), 1000), len(wanted) > 1000)


def test_a_rare_mark_is_walked_in_step_with_frequent_words(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    in_step = vars(sqlite_search.SqliteWalk)["_in_step"]
    monkeypatch.setattr(sqlite_search, "_FEW", 0)
    monkeypatch.setattr(sqlite_search, "_BY_WORDS", 4)
    monkeypatch.setattr(
        sqlite_search.SqliteWalk, "_in_step", lambda self, words, few, top: (seen.append(top), in_step(self, words, few, top))[1]
    )
    with database.reading() as connection:
        Finder(connection).page(read(database, connection, "castle tag:print"), 60, None, 60)
        assert len(seen) == 1
        # There are more pictures with a rating than with these words.
        Finder(connection).page(read(database, connection, '"naïve fox" has:rating'), 60, None, 60)
        assert len(seen) == 1


def test_a_walk_in_step_that_runs_out_of_time_says_how_far_it_came(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_FEW", 0), ("_BY_WORDS", 4), ("_MARKED_AT_ONCE", 4)):
        monkeypatch.setattr(sqlite_search, name, value)
    with database.reading() as connection:
        question = read(database, connection, "castle rating:4")
        wanted = one_by_one(connection, question)
        found: list[int] = []
        below = None
        for _ in range(PICTURES):
            page = Finder(connection).page(question, 60, below, 0.0)
            found += page.ids
            if page.next is None:
                break
            assert page.searched_to is not None
            assert below is None or page.next < below
            below = page.next
        assert found == wanted


def test_long_beginnings_are_told_as_the_words_there_are(database: Database) -> None:
    with database.reading() as connection:
        told = sqlite_search.with_whole_words(connection, Said("Masterp", begins=True))
        assert told == Either((Said("masterpiece"),))
        assert sqlite_search.with_whole_words(connection, Said("nothingsobegins", begins=True)) == Either((Said("nothingsobegins"),))
        assert by_pages(connection, read(database, connection, "nothingsobegins*"), 60) == []
        kept = Said("mast", begins=True)
        assert sqlite_search.with_whole_words(connection, kept) is kept


# --- pages that are looked up ahead


@pytest.fixture
def desk(database: Database) -> SearchDesk:
    return SearchDesk(database, History(database), IdClock(), lambda whose: lambda begun, most: [], lambda whose: None)


@pytest.mark.parametrize("text", ["", "castle", "castle rating:>=4", "-castle rating:4"])
def test_pages_looked_up_ahead_are_the_same_pages(database: Database, desk: SearchDesk, text: str) -> None:
    with database.reading() as connection:
        wanted = by_pages(connection, read(database, connection, text), 1000)
    found: list[int] = []
    page = desk.page(text, limit=7, whole=False)
    while True:
        found += [int(item["id"]) for item in page.items]
        if page.next is None:
            break
        desk.look_ahead(text, below=int(page.next), limit=7)
        page = desk.page(text, below=int(page.next), limit=7, whole=False)
    assert found == wanted


def test_what_was_looked_up_ahead_is_let_go_of_when_something_is_written(database: Database, desk: SearchDesk) -> None:
    first = desk.page("castle", limit=5, whole=False)
    below = int(first.next or 0)
    desk.look_ahead("castle", below=below, limit=5)
    ahead = desk.page("castle", below=below, limit=5, whole=False)
    gone = int(ahead.items[0]["id"])
    with database.writing() as connection:
        connection.execute(image.update().where(image.c.id == gone).values(trashed=1))
    try:
        now = desk.page("castle", below=below, limit=5, whole=False)
        assert [item["id"] for item in now.items[:4]] == [item["id"] for item in ahead.items[1:]]
    finally:
        with database.writing() as connection:
            connection.execute(image.update().where(image.c.id == gone).values(trashed=None))


def test_a_page_that_is_being_looked_up_is_waited_for_and_asked_for_once() -> None:
    ahead, began, go_on = FoundAhead(lambda: 1), threading.Event(), threading.Event()
    asked = []

    def find() -> Found:
        asked.append(1)
        began.set()
        assert go_on.wait(10)
        return Found([9, 8, 7], 7, partial=False, searched_to=7)

    looking = threading.Thread(target=ahead.look, args=("owl", 10, 2, find))
    looking.start()
    assert began.wait(10)
    ahead.look("owl", 10, 2, find)
    threading.Timer(0.05, go_on.set).start()
    assert ahead.page("owl", 10, 2) == Found([9, 8], 8, partial=False, searched_to=8)
    looking.join()
    assert len(asked) == 1
    assert ahead.page("owl", 9, 2) is None, "it isn't known what lies below 7"
    assert ahead.page("owl", 11, 2) is None, "it isn't known what lies above 9"
    assert ahead.page("cat", 10, 2) is None


def test_what_failed_ahead_is_asked_for_as_ever() -> None:
    ahead = FoundAhead(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        ahead.look("owl", 10, 2, lambda: Found([1 // 0], None, partial=False, searched_to=None))
    assert ahead.page("owl", 10, 2) is None
    ahead.look("owl", 10, 2, lambda: Found([9], None, partial=False, searched_to=None))
    assert ahead.page("owl", 10, 2) == Found([9], None, partial=False, searched_to=None)

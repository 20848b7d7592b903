"""History and queue in a PostgreSQL database: the same as with SQLite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import made_pictures
import pytest
from postgresql_server import Server, needs_postgresql, serving
from sqlalchemy import delete, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from webui.doctor.checks import CHECKS, run
from webui.doctor.premises import from_outside
from webui.errors import DatabaseBusy, DataUnusable, InvalidRequest, SettingInvalid
from webui.studio import tables
from webui.studio.database import FORM, Database, open_database
from webui.studio.search.compiling import read_search
from webui.studio.search.fields import FIELDS, Place
from webui.studio.search.finding import Finder
from webui.studio.search.known import Known
from webui.studio.search.looks import LookIndex
from webui.studio.tables import facet_count, generation, image, image_tag, lora_use

pytestmark = needs_postgresql
PICTURES = 600


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def both(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database, list[int]]]:
    """The same pictures in a file and on the server."""
    folder = tmp_path_factory.mktemp("both")
    databases = open_database(folder / "file"), open_database(folder / "server", server.database())
    ids: list[int] = []
    for database in databases:
        with database.writing() as connection:
            ids = made_pictures.fill(connection, PICTURES)
    yield *databases, ids
    for database in databases:
        database.close()


def found(database: Database, q: str) -> tuple[list[int], tuple[int, bool]] | str:
    """The ids that a search finds, page by page, and its count; or why it can't be used."""
    now = datetime(2024, 1, 20, 12).astimezone()
    with database.reading() as connection:
        try:
            question = read_search(q, Place(Known(connection), LookIndex(database), now)).require()
        except InvalidRequest as problem:
            return str(problem)
        ids: list[int] = []
        below = None
        while True:
            page = Finder(connection).page(question, 40, below, 60)
            assert not page.partial
            ids += page.ids
            if page.next is None:
                return ids, Finder(connection).count(question, 60)
            below = page.next


VALUES = {
    "model": ("dream", "=photo", "dream,photo", "nothing"),
    "lora": ("ink", "glow,ink"),
    "sampler": ('"Euler a"', '="DPM++ 2M"'),
    "seed": ("7", "1,2,3"),
    "steps": (">10", "20..30", "4"),
    "cfg": ("<5", "7"),
    "size": ("512x768", ">600x600"),
    "width": (">=1024",),
    "height": ("768",),
    "ratio": ("2:3", "landscape"),
    "after": ("2023-12", "3d"),
    "before": ("2023-11-20",),
    "on": ("2023-12-01", "2023-11"),
    "rating": (">=4", "2,5", "1"),
    "tag": ("print", "client", "Ελλάδα"),
    "kind": ("inpaint", "upscale"),
    "tool": ("ComfyUI", "Easel"),
    "is": ("favourite", "trash", "imported", "txt2img", "img2img", "inpaint", "upscale"),
    "has": ("mask", "note", "tag", "rating", "lora", "source"),
    "prompt": ("castle", "城の絵"),
    "negative": ("castle", "robot"),
    "note": ("castle", "fox*"),
}
WORDS = (
    *('castle', 'CASTLE', '"castle fox"', '"fox castle" -night', '-castle', 'cas*', 'mast*', 'masterp*', '*aste*', '8k', '1girl', '1g*'),
    *('cafe', 'café', 'NAIVE', 'angstrom', 'überfluß', 'uber*', 'тень', 'Δράκος', 'nandu', '城', '"x-ray"', 'x-ray', "robot's", 'robot'),
    *('snake_case', 'snake', 'glow', '1.2', '"glow 1 2"', 'lora:ink ink', 'c++', '3.5', 'a/b', 'castle fox -green', '-castle -fox', ''),
    *("castle model:dream steps:>10 -tag:print", "rating:>=4 castle", "tag:print fox", "-is:favourite -has:lora", "is:trash castle"),
    *("model:dream,photo -sampler:\"Euler a\" *astl*", '"a', "'; DROP TABLE image; --", "a & b | !c", "(castle | fox):*A <-> x", "nothere"),
)  # fmt: skip


def test_every_clause_finds_the_same_as_with_sqlite(both: tuple[Database, Database, list[int]]) -> None:
    file, server, ids = both
    fields = VALUES | {"from": (str(ids[5]), str(ids[-3])), "similar": (str(ids[5]), "1")}
    assert fields.keys() == FIELDS.keys()
    asked = [f"{name}:{value}" for name, values in fields.items() for value in values]
    asked += [f"-{clause}" for clause in asked] + [f"castle {clause}" for clause in asked] + list(WORDS)
    seen = 0
    for q in asked:
        told = found(file, q)
        assert found(server, q) == told, q
        seen += isinstance(told, tuple) and bool(told[0])
    assert seen > len(asked) // 2


def test_facets_and_counts_are_the_same(both: tuple[Database, Database, list[int]]) -> None:
    told = []
    for database in both[:2]:
        with database.reading() as connection:
            place = Place(Known(connection), LookIndex(database), datetime.now().astimezone())
            counts = {
                (row.kind, float(row.value) if row.kind == "cfg" else row.value): row.n
                for row in connection.execute(select(facet_count).where(facet_count.c.n != 0))
            }
            facets = [Finder(connection).facets(read_search(q, place).question) for q in ("", "castle", "rating:>=4", "is:trash")]
            told.append((counts, [(one.of, one.exact, {kind: sorted(values) for kind, values in one.counts.items()}) for one in facets]))
    assert told[0] == told[1]


def test_tables_are_those_the_code_uses(both: tuple[Database, Database, list[int]]) -> None:
    with both[1].reading() as connection:
        made = inspect(connection)
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == FORM
        for table in tables.metadata.sorted_tables:
            assert {column["name"]: column["nullable"] for column in made.get_columns(table.name)} == {
                column.name: bool(column.nullable) for column in table.columns
            }
        partial = {index["name"]: index.get("dialect_options", {}).get("postgresql_where") for index in made.get_indexes("image")}
        assert "favourite" in str(partial["image_favourite"])


def test_counts_follow_marks_trash_and_removal(server: Server, tmp_path: Path) -> None:
    database = open_database(tmp_path, server.database())
    with database.writing() as connection:
        ids = made_pictures.fill(connection, 60, seed=2)
        connection.execute(
            update(image).where(image.c.id == ids[0]).values(trashed=None, rating=3, favourite=False, note="for grandmother")
        )
        connection.execute(update(image).where(image.c.id == ids[1]).values(trashed=7))
        connection.execute(delete(image_tag).where(image_tag.c.image_id == ids[2]))
        counted = select(facet_count.c.kind, facet_count.c.value, facet_count.c.n).where(facet_count.c.n != 0)
        by_hand = text(
            "SELECT kind, value, count(*) FROM image_facet JOIN image ON image.id = image_id WHERE trashed IS NULL GROUP BY kind, value"
        )
        assert sorted(map(tuple, connection.execute(counted))) == sorted(map(tuple, connection.execute(by_hand)))
    assert found(database, "note:grandmother") == ([ids[0]], (1, False))
    with database.writing() as connection:
        for change in (
            update(generation).values(prompt="other"),
            update(image).values(width=8),
            insert(lora_use).values(generation_id=ids[0] - 1, name="late", weight=1.0),
        ):
            with pytest.raises(IntegrityError), connection.begin_nested():
                connection.execute(change)
        connection.execute(delete(generation))
        assert connection.execute(counted).all() == []
    assert found(database, "") == ([], (0, False))
    database.close()


def test_pictures_that_change_hands_are_counted_as_with_sqlite(server: Server, tmp_path: Path) -> None:
    """Given to somebody else, marked there, trashed, restored and removed: each person's counts are the same with both."""
    told = []
    for folder, url in (("own", ""), ("served", server.database())):
        with closing(open_database(tmp_path / folder, url)) as database, database.writing() as connection:
            ids = made_pictures.fill(connection, 60, seed=3)
            steps = []
            for change in (
                update(image).where(image.c.id.in_(ids[::2])).values(owner="anna"),
                update(image).where(image.c.id.in_(ids[::3])).values(trashed=7),
                # In the trash they change hands without being counted, and come out of it where they are then.
                update(image).where(image.c.id.in_(ids[::6])).values(owner="ben"),
                update(image).where(image.c.id.in_(ids[::5])).values(rating=2, favourite=True, note="x"),
                update(image).where(image.c.trashed.is_not(None)).values(trashed=None),
                update(image).where(image.c.id.in_(ids[::7])).values(owner="ben"),
                update(image).where(image.c.id.in_(ids[::7])).values(rating=None),
                delete(image_tag).where(image_tag.c.image_id.in_(ids[::4])),
                delete(image).where(image.c.id.in_(ids[1::4])),
            ):
                connection.execute(change)
                counts = connection.execute(select(facet_count).where(facet_count.c.n != 0)).all()
                steps.append(sorted(map(as_numbers, counts)))
            told.append(steps)
            by_hand = text(
                "SELECT image.owner, kind, value, count(*) FROM image_facet JOIN image ON image.id = image_id"
                " WHERE trashed IS NULL GROUP BY image.owner, kind, value"
            )
            assert sorted(map(as_numbers, connection.execute(by_hand))) == steps[-1]
    assert told[0] == told[1]


def as_numbers(row: Any) -> tuple[Any, ...]:
    """SQLite writes a CFG scale as 7.0, PostgreSQL as 7."""
    owner, kind, value, number = row
    return owner, kind, str(float(value)) if kind == "cfg" else value, number


def test_two_writers_wait_for_each_other_and_readers_for_nobody(server: Server, tmp_path: Path) -> None:
    url = server.database()
    first, second = open_database(tmp_path / "a", url), open_database(tmp_path / "b", url)
    with first.writing() as connection:
        connection.execute(insert(tables.remembered).values(name="n", value=0))
    inside = threading.Event()

    def count(database: Database) -> None:
        for _ in range(40):
            with database.writing() as connection:
                inside.set()
                now = connection.execute(select(tables.remembered.c.value)).scalar_one()
                connection.execute(update(tables.remembered).values(value=now + 1))

    writers = [threading.Thread(target=count, args=(database,)) for database in (first, second)]
    for writer in writers:
        writer.start()
    inside.wait()
    with first.reading() as connection:
        seen = [connection.execute(select(tables.remembered.c.value)).scalar_one() for _ in range(3)]
        # A reader's view stays as it was.
        assert len(set(seen)) == 1
    for writer in writers:
        writer.join()
    with second.reading() as connection:
        assert connection.execute(select(tables.remembered.c.value)).scalar_one() == 80
    first.close()
    second.close()


def test_one_easel_at_a_time(server: Server, tmp_path: Path) -> None:
    url = server.database()
    first, second = open_database(tmp_path / "a", url), open_database(tmp_path / "b", url)
    first.claim()
    with pytest.raises(DatabaseBusy, match="Another Easel"):
        second.claim()
    first.close()
    second.claim()
    second.close()


def test_a_database_of_form_0014_gets_the_indexes_of_a_new_one(server: Server, tmp_path: Path) -> None:
    url = server.database()
    database = open_database(tmp_path, url)
    indexes = text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'image' ORDER BY indexname")
    with database.writing() as connection:
        new = connection.execute(indexes).all()
        for name in ("rating", "favourite", "note", "trashed"):
            connection.execute(text(f"DROP INDEX image_{name}_of_all"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0014'"))
    database.close()
    database = open_database(tmp_path, url)
    with database.reading() as connection:
        assert connection.execute(indexes).all() == new
    database.close()


def test_a_newer_form_and_a_wrong_address_are_told_in_words(server: Server, tmp_path: Path) -> None:
    url = server.database()
    open_database(tmp_path, url).close()
    database = open_database(tmp_path, url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DataUnusable, match="newer Easel"):
        open_database(tmp_path, url)
    with pytest.raises(DataUnusable, match="can't be used"):
        open_database(tmp_path, url.rpartition("/")[0] + "/nosuch")
    with pytest.raises(DataUnusable, match="with SQL_ASCII texts"):
        open_database(tmp_path, server.database("ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'"))
    for wrong, said in (("mysql://x@y/z", "mysql"), ("what", "no address")):
        with pytest.raises(SettingInvalid, match=said):
            open_database(tmp_path, wrong)


def test_a_database_of_something_else_is_left_alone(server: Server, tmp_path: Path) -> None:
    import psycopg

    url = server.database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE job (id integer)")
    with pytest.raises(DataUnusable, match="not Easel's"):
        open_database(tmp_path, url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)


def test_the_doctor_looks_at_the_server(server: Server, tmp_path: Path) -> None:
    url = server.database()

    def told(name: str, url: str) -> str:
        premises = from_outside({"data_dir": tmp_path, "executor": "fake", "database_url": url}, [])
        return run(next(check for check in CHECKS if check.id == name), premises).text

    assert "none yet" in told("database", url)
    assert "none yet" in told("jobs", url)
    database = open_database(tmp_path, url)
    with database.writing() as connection:
        made_pictures.fill(connection, 40)
    database.close()
    assert told("database", url).startswith("PostgreSQL, 40 pictures, ")
    assert told("integrity", url) == "The server of the database looks after its own files"
    assert told("jobs", url) == "None is waiting"
    assert "no file any more" in told("lost_pictures", url)
    assert "can't be asked" in told("database", url.rpartition("/")[0] + "/nosuch")

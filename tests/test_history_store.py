"""The tables of history: what triggers keep, and what form 0007 finds out about pictures of before."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from webui.generation.adapters import UsedLora
from webui.generation.finishing import SharpenStep
from webui.generation.request import ResolvedTxt2Img, ResolvedUpscale, Txt2Img
from webui.pictures.looks import look_of, unlikeness
from webui.studio.database import DATABASE_FILE, Database, open_database
from webui.studio.ids import IdClock
from webui.studio.journal import Journal, NewJob
from webui.studio.picture_file import encode
from webui.studio.search.looks import LookIndex
from webui.studio.tables import facet_count, generation, image, image_tag, lora_use, parent, tag

GOLDEN = Path(__file__).resolve().parent / "golden"
WORDS: dict[str, Any] = {
    "job_id": 0,
    "kind": "txt2img",
    "prompt": "a red castle",
    "negative_prompt": "blurry",
    "checkpoint": "dreamy",
    "checkpoint_hash": "",
    "sampler": "Euler a",
    "schedule_type": "Karras",
    "steps": 20,
    "cfg_scale": 6.5,
    "width": 64,
    "height": 96,
    "seed": 1,
    "asked": "{}",
    "resolved": "{}",
}
PICTURE: dict[str, Any] = {
    "idx": 0,
    "sha256": b"0" * 32,
    "width": 64,
    "height": 96,
    "bytes": 100,
    "seed": 1,
    "seconds": 1.0,
    "mean_colour": "#000000",
    "facts": {},
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_database(tmp_path)
    yield made
    made.close()


def put(connection: Connection, number: int, loras: tuple[str, ...] = (), *, marks: dict[str, Any] | None = None, **words: Any) -> None:
    """A generation, and its picture under the next number."""
    connection.execute(insert(generation).values(WORDS | words | {"id": number}))
    for name in loras:
        connection.execute(insert(lora_use).values(generation_id=number, name=name, weight=1.0))
    connection.execute(insert(image).values(PICTURE | {"id": number + 1, "generation_id": number, "path": f"{number}.png"} | (marks or {})))


def found(connection: Connection, words: str) -> list[int]:
    return list(
        connection.execute(text("SELECT rowid FROM image_fts WHERE image_fts MATCH :words ORDER BY rowid"), {"words": words}).scalars()
    )


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(select(facet_count).where(facet_count.c.n != 0))
    return {(row.kind, row.value): row.n for row in rows}


def check_index(connection: Connection) -> None:
    """That the index holds exactly what the pictures say."""
    connection.execute(text("INSERT INTO image_fts (image_fts, rank) VALUES ('integrity-check', 1)"))


def test_a_picture_is_found_by_words_and_traits_and_counted(database: Database) -> None:
    with database.writing() as connection:
        put(connection, 10, ("glow", "ink"))
        put(connection, 20, prompt="a blue castle", kind="img2img", checkpoint="plain", tool="ComfyUI")
        put(connection, 30, prompt="a tower", kind="upscale", checkpoint="/upscale/x4", sampler="", steps=0, cfg_scale=0.0)
        assert found(connection, "prompt : castle") == [11, 21]
        assert found(connection, "prompt : castle AND traits : zzzm" + b"dreamy".hex()) == [11]
        assert found(connection, "traits : zzzl" + b"ink".hex()) == [11]
        assert found(connection, "blur*") == [11, 21, 31]
        told = counts(connection)
        assert told["checkpoint", "dreamy"] == told["checkpoint", "plain"] == told["lora", "glow"] == told["tool", "ComfyUI"] == 1
        assert told["tool", "Easel"] == told["cfg", "6.5"] == 2
        assert told["picture", ""] == told["size", "64x96"] == told["shape", "portrait"] == 3
        # What wasn't drawn has no checkpoint, sampler or steps.
        assert {kind: value for kind, value in told if value.startswith("/") or value in ("", "0", "0.0")} == {"picture": ""}
        check_index(connection)


def test_counts_follow_marks_trash_and_removal(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(insert(tag), [{"id": 1, "name": "best"}])
        put(connection, 10, marks={"rating": 4, "favourite": True})
        put(connection, 20)
        before = counts(connection)
        assert before["rating", "4"] == before["favourite", ""] == 1

        connection.execute(insert(image_tag).values(image_id=11, tag_id=1))
        connection.execute(update(image).where(image.c.id == 11).values(rating=5, favourite=False))
        connection.execute(update(image).where(image.c.id == 21).values(rating=5))
        now = counts(connection)
        assert (now["rating", "5"], now["tag", "best"]) == (2, 1)
        assert ("rating", "4") not in now
        assert ("favourite", "") not in now

        connection.execute(update(image).where(image.c.id == 11).values(trashed=99))
        now = counts(connection)
        assert (now["picture", ""], now["rating", "5"]) == (1, 1)
        assert ("tag", "best") not in now
        # In the trash nothing is counted, whatever changes there.
        connection.execute(update(image).where(image.c.id == 11).values(rating=1))
        connection.execute(delete(image_tag))
        assert counts(connection) == now
        connection.execute(update(image).where(image.c.id == 11).values(trashed=None, favourite=True))
        assert counts(connection)["rating", "1"] == counts(connection)["picture", ""] - 1 == 1

        connection.execute(insert(image_tag).values(image_id=21, tag_id=1))
        connection.execute(delete(generation).where(generation.c.id == 20))
        connection.execute(update(image).where(image.c.id == 11).values(rating=None, favourite=False))
        assert {kind for kind, _ in counts(connection)} & {"rating", "tag", "favourite"} == set()
        connection.execute(delete(image).where(image.c.id == 11))
        assert counts(connection) == {}
        assert found(connection, "castle") == []
        check_index(connection)


def test_a_note_is_found_as_it_is_now(database: Database) -> None:
    with database.writing() as connection:
        put(connection, 10)
        connection.execute(update(image).where(image.c.id == 11).values(note="for grandmother"))
        assert found(connection, "note : grandmother") == [11]
        connection.execute(update(image).where(image.c.id == 11).values(note="for grandfather"))
        assert found(connection, "note : grandmother") == []
        check_index(connection)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE generation SET prompt = 'other'",
        "UPDATE generation SET checkpoint = 'other'",
        "UPDATE image SET width = 8",
        "INSERT INTO lora_use VALUES (10, 'late', 1.0)",
        "DELETE FROM lora_use",
        "UPDATE lora_use SET name = 'other'",
    ],
)
def test_what_the_index_was_made_of_can_not_change(database: Database, change: str) -> None:
    with database.writing() as connection:
        put(connection, 10, ("glow",))
        with pytest.raises(IntegrityError):
            connection.execute(text(change))
        check_index(connection)


def before_history(path: Path) -> None:
    """A database of form 0006 with a chain: drawn with two LoRAs, inpainted, finished anew."""
    shutil.copy(GOLDEN / "database-0006.sqlite3", path)
    requests = {
        100: ("txt2img", "a fox", {"loras": [{"name": "glow", "unet_weight": 0.5}], "hires_loras": [{"name": "ink"}]}),
        200: ("inpaint", "a fox", {"init_image": "aa" * 32, "mask": "bb" * 32}),
        300: ("upscale", "a fox <lora:glow:0.7> <lyco:old:te=1:unet=0.2>", {"init_image": "cc" * 32}),
        400: ("img2img", "a fox", {"init_image": "dd" * 32}),
        500: ("img2img", "unreadable", None),
    }
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, (kind, prompt, resolved) in requests.items():
            row = WORDS | {"id": number, "kind": kind, "prompt": prompt, "resolved": "{" if resolved is None else json.dumps(resolved)}
            connection.execute(f"INSERT INTO generation ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        for number, content in ((100, b"\xaa"), (200, b"\xcc"), (600, b"\xdd")):
            row = PICTURE | {
                "id": number + 1,
                "generation_id": min(number, 500),
                "path": f"{number}.png",
                "sha256": content * 32,
                "facts": "{}",
            }
            connection.execute(f"INSERT INTO image ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def test_form_0007_finds_parents_and_loras_of_what_was_made_before(tmp_path: Path) -> None:
    before_history(tmp_path / DATABASE_FILE)
    database = open_database(tmp_path)
    with database.reading() as connection:
        assert [tuple(row) for row in connection.execute(select(parent).order_by(parent.c.generation_id, parent.c.number))] == [
            (200, 0, "init", b"\xaa" * 32, 101),
            (200, 1, "mask", b"\xbb" * 32, None),
            (300, 0, "upscale", b"\xcc" * 32, 201),
            # Of later pictures nothing was made.
            (400, 0, "init", b"\xdd" * 32, None),
        ]
        assert {(row.generation_id, row.name): row.weight for row in connection.execute(select(lora_use))} == {
            (100, "glow"): 0.5,
            (100, "ink"): 1.0,
            (300, "glow"): 0.7,
            (300, "old"): 0.2,
        }
        assert found(connection, "fox") == [101, 201]
        assert found(connection, "apple")
        assert counts(connection)["lora", "glow"] == 1
        assert counts(connection)["picture", ""] == 5
    with database.writing() as connection:
        check_index(connection)
        connection.execute(delete(generation))
        assert counts(connection) == {}
        check_index(connection)
    database.close()


def drawing(shift: int = 0) -> Image.Image:
    picture = Image.new("RGB", (256, 192), "#204060")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40 + shift, 30, 150 + shift, 140), fill="#f0c040")
    draw.rectangle((150, 100, 240, 190), fill="#a02020")
    return picture


def test_pictures_that_look_alike_have_like_looks() -> None:
    look = look_of(drawing())
    alike = [drawing().resize((96, 72)), drawing().filter(ImageFilter.GaussianBlur(2)), drawing().convert("RGBA"), drawing(2)]
    others = [drawing(90), drawing().transpose(Image.Transpose.FLIP_LEFT_RIGHT), drawing().rotate(180)]
    assert -(2**63) <= look < 2**63
    assert max(unlikeness(np.array([look_of(one) for one in alike]), look)) <= 6
    assert min(unlikeness(np.array([look_of(one) for one in others]), look)) >= 12
    assert list(unlikeness(np.array([0, -1, 1, -(2**63)]), 0)) == [0, 64, 1, 1]


def test_what_is_saved_is_found_by_its_loras_and_its_look(database: Database) -> None:
    journal, twice = Journal(database, IdClock()), (UsedLora(name="glow", unet_weight=0.5), UsedLora(name="glow", unet_weight=0.9))
    drawn = ResolvedTxt2Img(seed=1, checkpoint="dreamy", checkpoint_hash="", loras=twice, hires_loras=(UsedLora(name="ink"),))
    told = {
        "kind": "upscale",
        "picture_width": 256,
        "picture_height": 192,
        "source_prompt": "a fox <lora:glow:0.7>",
        "init_image": "0" * 64,
    }
    finished = ResolvedUpscale(**told, finishing=(SharpenStep(step="sharpen"),))
    saved = {}
    for resolved in (drawn, finished):
        (job,) = journal.add([NewJob(asked=Txt2Img(), resolved=resolved)], 10)
        saved[resolved.kind] = journal.record_picture(job, 0, encode(drawing(), resolved, 0, {}), f"{resolved.kind}.png", last=True)
    with database.reading() as connection:
        used = select(image.c.id, lora_use.c.name, lora_use.c.weight).join_from(
            image, lora_use, lora_use.c.generation_id == image.c.generation_id
        )
        assert {(row.id, row.name): row.weight for row in connection.execute(used)} == {
            (saved["txt2img"], "glow"): 0.5,
            (saved["txt2img"], "ink"): 1.0,
            (saved["upscale"], "glow"): 0.7,
        }
        assert set(connection.execute(select(image.c.look)).scalars()) == {look_of(drawing())}
        assert found(connection, "traits : zzzl" + b"glow".hex()) == sorted(saved.values())
        assert LookIndex(database).like(saved["upscale"]) == sorted(saved.values())


def test_looks_of_older_and_of_vanished_pictures_are_seen(database: Database) -> None:
    looks = LookIndex(database)
    with database.writing() as connection:
        put(connection, 100, marks={"look": 7})
    assert looks.like(101) == [101]
    with database.writing() as connection:
        put(connection, 50, marks={"look": 6})
        put(connection, 200, marks={"look": -1})
    assert looks.like(101) == [51, 101]
    with database.writing() as connection:
        connection.execute(delete(generation).where(generation.c.id == 100))
        put(connection, 300)
    assert looks.like(101) is looks.like(301) is None
    assert looks.like(51) == [51]


def test_a_mask_is_told_by_what_the_picture_was_made_from(database: Database) -> None:
    with database.writing() as connection:
        for number, kind, tool in ((10, "inpaint", None), (20, "inpaint", "Fooocus"), (30, "img2img", None)):
            connection.execute(insert(generation).values(WORDS | {"id": number, "kind": kind, "tool": tool}))
        masks = [{"generation_id": number, "number": 0, "relation": "mask", "sha256": b"m" * 32, "image_id": None} for number in (30,)]
        connection.execute(insert(parent), masks)
        for number in (10, 20, 30):
            connection.execute(insert(image).values(PICTURE | {"id": number + 1, "generation_id": number, "path": f"{number}.png"}))
        # Easel's own inpainting without a mask paints all of it anew; of another program's nothing more is known.
        assert found(connection, "traits : zzzw" + b"mask".hex()) == [21, 31]
        assert counts(connection)["with", "mask"] == 2
        with pytest.raises(IntegrityError, match="mask"):
            connection.execute(insert(parent), [masks[0] | {"generation_id": 10}])
        check_index(connection)


def test_form_0014_finds_beginnings_and_masks_of_what_was_made_before(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "database-0013.sqlite3", tmp_path / DATABASE_FILE)
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection, connection:
        pictures = {row[0] for row in connection.execute("SELECT id FROM image")}
        masked = {
            row[0]
            for row in connection.execute(
                "SELECT image.id FROM image JOIN parent ON parent.generation_id = image.generation_id WHERE relation = 'mask'"
            )
        }
    database = open_database(tmp_path)
    with database.writing() as connection:
        assert {row.id for row in connection.execute(select(image.c.id))} == pictures
        assert set(found(connection, "traits : zzzw" + b"mask".hex())) == masked
        assert counts(connection).get(("with", "mask"), 0) == len(masked)
        check_index(connection)
    database.close()

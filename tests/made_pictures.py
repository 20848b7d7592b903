"""A few thousand pictures as rows alone, seeded: what searches are compared on."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import Connection, insert, update

from webui.studio.ids import COUNTER_BITS
from webui.studio.tables import generation, image, image_tag, lora_use, parent, tag

FIRST_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
FREQUENT = "red blue green castle castles fox forest night portrait masterpiece masterful 8k 1girl café naïve Ångström Überfluß über"
ODD = "x-ray robot's snake_case 城 城の絵 森の中の城 тень ТЕНЬ (glow:1.2) <lora:ink:0.8> a/b C++ 3.5 ñandú δράκος"
WORDS = f"{FREQUENT} {ODD}".split()
TAGS = ("print", "client one", "Ελλάδα")
COLUMNS = ("prompt", "negative_prompt")


def _prompt(draw: random.Random, least: int, most: int) -> str:
    return draw.choice((" ", ", ")).join(draw.choices(WORDS, k=draw.randint(least, most)))


def fill(connection: Connection, pictures: int, seed: int = 1) -> list[int]:
    """So many pictures, one an hour. Returns their ids, oldest first."""
    draw = random.Random(seed)
    connection.execute(insert(tag), [{"id": number, "name": name} for number, name in enumerate(TAGS, 1)])
    rows: list[dict[str, Any]] = []
    for number in range(pictures):
        identifier = (FIRST_MS + number * HOUR_MS) << COUNTER_BITS
        kind = draw.choice(("txt2img", "txt2img", "img2img", "inpaint", "upscale"))
        width, height = draw.choice(((512, 512), (512, 768), (1024, 768)))
        drawn = kind != "upscale"
        made = {
            "id": identifier,
            "job_id": identifier,
            "kind": kind,
            "prompt": _prompt(draw, 1, 6),
            "negative_prompt": _prompt(draw, 0, 3),
            "checkpoint": draw.choice(("dream_v1", "dream_v2", "photo")) if drawn else "/upscale",
            "checkpoint_hash": "",
            "sampler": draw.choice(("Euler a", "DPM++ 2M")) if drawn else "",
            "schedule_type": "",
            "steps": draw.choice((20, 30, 4)) if drawn else 0,
            "cfg_scale": draw.choice((7.0, 4.5)) if drawn else 0.0,
            "width": width,
            "height": height,
            "seed": draw.randrange(50),
            "tool": draw.choice((None, None, None, "ComfyUI")),
            "asked": "{}",
            "resolved": "{}",
        }
        connection.execute(insert(generation).values(made))
        if draw.random() < 0.3:
            connection.execute(insert(lora_use).values(generation_id=identifier, name=draw.choice(("ink", "glow")), weight=0.8))
        if kind in ("img2img", "inpaint") and rows:
            start = draw.choice(rows)
            parents = [{"generation_id": identifier, "number": 0, "relation": "init", "sha256": start["sha256"], "image_id": start["id"]}]
            if kind == "inpaint":
                parents.append({"generation_id": identifier, "number": 1, "relation": "mask", "sha256": b"m" * 32, "image_id": None})
            connection.execute(insert(parent), parents)
        row = {
            "id": identifier + 1,
            "generation_id": identifier,
            "idx": 0,
            "path": f"{number}.png",
            "sha256": number.to_bytes(32, "big"),
            "width": width,
            "height": height,
            "bytes": 1,
            "seed": made["seed"],
            "seconds": 1.0,
            "mean_colour": "#000000",
            "look": draw.getrandbits(64) - 2**63,
            "facts": {},
            "rating": draw.choice((None, None, None, 2, 4, 5)),
            "favourite": draw.random() < 0.1,
            "note": _prompt(draw, 1, 2) if draw.random() < 0.1 else "",
        }
        connection.execute(insert(image).values(row))
        rows.append(row)
    ids = [row["id"] for row in rows]
    tagged = [{"image_id": one, "tag_id": number} for one in ids for number in range(1, len(TAGS) + 1) if draw.random() < 0.04]
    connection.execute(insert(image_tag), tagged)
    for one in draw.sample(ids, pictures // 20):
        connection.execute(update(image).where(image.c.id == one).values(trashed=one))
    return ids

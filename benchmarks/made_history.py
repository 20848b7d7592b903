"""A history as people have one: sessions of small edits, words and models of which few are frequent, marks on some, by three people.

    from benchmarks.made_history import fill

Seeded, so that the same number of rows gives the same history.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from webui.generation.request import ResolvedTxt2Img, Txt2Img, dump_request
from webui.studio.database import DATABASE_FILE, open_database
from webui.studio.ids import COUNTER_BITS

SEED = 8
FIRST_DAY_MS = 1_672_531_200_000  # 2023-01-01
SPAN_MS = 1000 * 24 * 3600 * 1000
FREQUENT = """
masterpiece best quality 1girl solo highres detailed portrait lighting woman man forest castle sky night city red blue hair eyes cinematic
photo 8k sharp focus landscape water mountain flowers dress smile dark light fantasy armor sword dragon cat dog robot cyberpunk neon street
rain snow sunset sunrise ocean beach tree house window painting watercolor anime sketch ink oil
"""
NEGATIVE = (
    "lowres bad anatomy bad hands text error missing fingers extra digit cropped worst quality jpeg artifacts signature watermark blurry"
)
SYLLABLES = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "ar", "en", "il", "or", "un")]
SAMPLERS = ("Euler a", "DPM++ 2M", "DPM++ SDE", "Euler", "DPM++ 2M SDE", "DDIM", "UniPC", "Heun", "LMS", "DPM2 a")
STEPS = (20, 30, 25, 28, 35, 40, 15, 50, 8, 4, 60, 100, 12, 150)
CFGS = (7.0, 7.5, 5.0, 6.0, 8.0, 4.5, 3.5, 1.0, 9.0, 12.0, 5.5, 6.5, 15.0, 20.0)
SIZES = ((512, 512), (512, 768), (768, 512), (1024, 1024), (832, 1216), (1216, 832), (640, 960), (960, 544), (896, 1152), (768, 768))
KINDS = ("txt2img", "img2img", "inpaint")
TAGS = tuple(f"{first} {second}" for first in ("print", "keep", "client", "cover", "study") for second in ("one", "two", "three", "four"))
PEOPLE = {"anna": 0.6, "ben": 0.3, "cleo": 0.1}
"""Who made the pictures, and what share of them."""
_AT_ONCE = 5000


@cache
def vocabulary() -> list[str]:
    """20,000 words, the most frequent first."""
    draw = random.Random(SEED)
    made = dict.fromkeys(FREQUENT.split())
    while len(made) < 20_000:
        made["".join(draw.choices(SYLLABLES, k=draw.choice((1, 2, 2, 2, 3))))] = None
    return list(made)


@cache
def _shares(number: int, power: float) -> list[float]:
    return list(accumulate(1 / (place + 2) ** power for place in range(number)))


def one_of(draw: random.Random, values: list[Any] | tuple[Any, ...], power: float = 1.0) -> Any:
    """A value, the first ones most often (Zipf)."""
    return draw.choices(values, cum_weights=_shares(len(values), power))[0]


@dataclass
class Session:
    """Somebody tries to get one picture right."""

    words: list[str]
    negative: list[str]
    checkpoint: str
    sampler: str
    steps: int
    cfg: float
    size: tuple[int, int]
    loras: list[str] = field(default_factory=list)
    kind: str = "txt2img"


def checkpoints() -> list[str]:
    """Names of models."""
    return [f"{word}_v{number % 9 + 1}" for number, word in enumerate(vocabulary()[400:460])]


def loras() -> list[str]:
    """Names of LoRAs."""
    return [f"{word}-style" for word in vocabulary()[600:900]]


def _begin(draw: random.Random) -> Session:
    words = list(dict.fromkeys(one_of(draw, vocabulary()) for _ in range(draw.randint(12, 34))))
    negative = draw.sample(NEGATIVE.split(), draw.randint(4, 14)) if draw.random() < 0.85 else []
    used = list(dict.fromkeys(one_of(draw, loras()) for _ in range(one_of(draw, (0, 1, 2, 3), 0.8))))
    return Session(
        words,
        negative,
        one_of(draw, checkpoints()),
        one_of(draw, SAMPLERS),
        one_of(draw, STEPS),
        one_of(draw, CFGS),
        one_of(draw, SIZES),
        used,
        one_of(draw, KINDS, 2.0),
    )


def _edit(draw: random.Random, session: Session) -> None:
    change = draw.random()
    if change < 0.35:
        return  # the same once more, from another seed
    if change < 0.75:
        place = draw.randrange(len(session.words))
        session.words[place : place + draw.randint(0, 1)] = [one_of(draw, vocabulary())]
    elif change < 0.8:
        session.words.insert(0, session.words.pop())
    elif change < 0.86:
        session.cfg = one_of(draw, CFGS)
    elif change < 0.91:
        session.steps = one_of(draw, STEPS)
    elif change < 0.95:
        session.sampler = one_of(draw, SAMPLERS)
    else:
        session.checkpoint = one_of(draw, checkpoints())


def _prompt(session: Session) -> str:
    words = [", ".join(" ".join(session.words[place : place + 2]) for place in range(0, len(session.words), 2))]
    return " ".join([*words, *(f"<lora:{name}:0.8>" for name in session.loras)])


@cache
def _stored() -> tuple[dict[str, Any], dict[str, Any]]:
    """A request as asked and as resolved, to be changed."""
    asked = json.loads(dump_request(Txt2Img()))
    resolved = json.loads(dump_request(ResolvedTxt2Img(seed=1, checkpoint="x", checkpoint_hash="0" * 10)))
    return asked, resolved


def generations(rows: int) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[str]]]:
    """So many generations of one picture each: row of generation, row of image, names of LoRAs."""
    draw = random.Random(SEED)
    moment, gap = FIRST_DAY_MS, SPAN_MS / rows
    asked, resolved = _stored()
    left, session, owner = 0, _begin(draw), ""
    # By itself, so that all else is the same whoever made it.
    drawn_people = random.Random(SEED)
    for number in range(rows):
        if left == 0:
            left, session = draw.randint(6, 60), _begin(draw)
            owner = drawn_people.choices(list(PEOPLE), list(PEOPLE.values()))[0]
        left -= 1
        _edit(draw, session)
        moment += int(draw.uniform(0.2, 1.8) * gap) + 1
        seed, (width, height) = draw.randrange(2**32), session.size
        prompt, negative = _prompt(session), ", ".join(session.negative)
        told = {
            "prompt": prompt,
            "negative_prompt": negative,
            "checkpoint": session.checkpoint,
            "sampler": session.sampler,
            "schedule_type": "Karras",
            "steps": session.steps,
            "cfg_scale": session.cfg,
            "width": width,
            "height": height,
        }
        identifier = moment << COUNTER_BITS
        made = {
            "id": identifier,
            "job_id": identifier,
            "kind": session.kind,
            "checkpoint_hash": f"{hash_of(session.checkpoint):010x}",
            "seed": seed,
            "asked": json.dumps(asked | told | {"seed": -1}, ensure_ascii=False),
            "resolved": json.dumps(resolved | told | {"seed": seed}, ensure_ascii=False),
            "owner": owner,
        } | told
        day = time.strftime("%Y-%m-%d", time.gmtime(moment / 1000))
        marked = draw.random()
        picture = {
            "id": identifier + (1 << COUNTER_BITS),
            "generation_id": identifier,
            "idx": 0,
            "path": f"{session.kind}-images/{day}/{number:05}-{seed}.png",
            "sha256": draw.randbytes(32),
            "width": width,
            "height": height,
            "bytes": 450_000,
            "seed": seed,
            "seconds": 4.2,
            "mean_colour": "#405060",
            "rating": one_of(draw, (3, 4, 5, 2, 1)) if marked < 0.06 else None,
            "favourite": marked < 0.02,
            "note": one_of(draw, vocabulary()) if marked > 0.998 else "",
            "look": draw.getrandbits(64) - 2**63 if left % 5 else int(identifier % 977) << 40,
            "facts": json.dumps({"seconds": 4.2, "device": "cuda", "dtype": "float16", "attention": "sdpa", "stages": {"denoise": 3.6}}),
            "owner": owner,
        }
        yield made, picture, session.loras


def hash_of(name: str) -> int:
    """A number of ten hexadecimal digits that goes with a name."""
    return random.Random(name).getrandbits(40)


def statement(table: str, row: dict[str, Any]) -> str:
    """The INSERT of such a row."""
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"


def fill(data_dir: Path, rows: int, *, say: Any = lambda text: None) -> Path:
    """Make the history in that folder. Returns the database's file. It is filled as Easel fills it, with all triggers, but many at once."""
    open_database(data_dir).close()
    path = data_dir / DATABASE_FILE
    everything, draw = generations(rows), random.Random(SEED)
    done, started = 0, time.perf_counter()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-262144")
        connection.executemany("INSERT INTO tag (id, name) VALUES (?, ?)", list(enumerate(TAGS, 1)))
        while part := list(islice(everything, _AT_ONCE)):
            connection.execute("BEGIN")
            connection.executemany(statement("generation", part[0][0]), [made for made, _, _ in part])
            used = [(made["id"], name, 0.8) for made, _, names in part for name in names]
            connection.executemany("INSERT INTO lora_use (generation_id, name, weight) VALUES (?, ?, ?)", used)
            connection.executemany(statement("image", part[0][1]), [picture for _, picture, _ in part])
            tagged = [(picture["id"], one_of(draw, range(1, len(TAGS) + 1))) for _, picture, _ in part if draw.random() < 0.03]
            connection.executemany("INSERT INTO image_tag (image_id, tag_id) VALUES (?, ?)", tagged)
            connection.execute("COMMIT")
            done += len(part)
            if done % 50_000 == 0:
                say(f"{done:9,} of {rows:,} in {time.perf_counter() - started:5.0f} s")
    return path

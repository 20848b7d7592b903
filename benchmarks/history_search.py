"""What a search costs in a history of a million generations, beside LIKE over the JSON of requests.

    python -m benchmarks.history_search [--rows 1000000] [--folder FOLDER]

Fills a database as Easel does, through all its triggers (some 6 GB and ten minutes for a million on a quiet machine), asks it, and
removes it; with --folder it stays there, and is used as it is the next time. Prints p50, p95 and the worst, in milliseconds, of
first pages of 60: "found" is the search itself, "told" with what the grid shows of each; and the same of the next page: as it is asked
for after a look at the first one, while Easel looks up what follows, and "at once" where it didn't come to that. First as where
nobody has an account, then as one of three people, who made a third of it. Then the same words by LIKE as other tools have it, the insert
of one picture beside that of the same two rows without index of words, counts and marks, and bytes.

Goals: single clauses 20 ms, several together 100 ms (or partial: "search older"), the next page 5 ms (found), an insert three times a bare
one.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select

from benchmarks.made_history import SAMPLERS, TAGS, checkpoints, fill, generations, loras, one_of, vocabulary
from webui.studio.cards import cards_of
from webui.studio.database import DATABASE_FILE, Database, open_database
from webui.studio.search.ahead import FoundAhead
from webui.studio.search.compiling import Question, read_search
from webui.studio.search.desk import PAGES_AHEAD
from webui.studio.search.fields import Place
from webui.studio.search.finding import FIRST_SECONDS, FURTHER_SECONDS, Finder, Found
from webui.studio.search.known import Known
from webui.studio.search.looks import LookIndex
from webui.studio.tables import generation, image, lora_use
from webui.studio.whose import EVERYBODY, Whose

PAGE = 60
clock = time.perf_counter
GOALS = {"single": 20.0, "several": 100.0, "next": 5.0, "insert": 3.0}

Ask = Callable[[random.Random], str]


def _word(first: int, last: int) -> Ask:
    return lambda draw: draw.choice(vocabulary()[first:last])


def _begin(letters: int) -> Ask:
    return lambda draw: one_of(draw, vocabulary())[:letters].ljust(letters, "a") + "*"


def _model(draw: random.Random) -> str:
    return f"model:{one_of(draw, checkpoints())}"


def _lora(draw: random.Random) -> str:
    return f"lora:{one_of(draw, loras())}"


def _together(*asks: Ask) -> Ask:
    return lambda draw: " ".join(ask(draw) for ask in asks)


def _said(*texts: str) -> Ask:
    return lambda draw: draw.choice(texts)


COMMON, MIDDLE, RARE = _word(0, 40), _word(200, 1500), _word(4000, 20_000)
SINGLE: dict[str, Ask] = {
    "a frequent word": COMMON,
    "a word": MIDDLE,
    "a rare word": RARE,
    "beginning, 2 letters": _begin(2),
    "beginning, 3 letters": _begin(3),
    "beginning, 4 letters": _begin(4),
    "beginning, 5 letters": _begin(5),
    "beginning, 6 letters": _begin(6),
    "beginning, 7 letters": _begin(7),
    "phrase": lambda draw: f'"{one_of(draw, vocabulary())} {one_of(draw, vocabulary())}"',
    "-word": lambda draw: f"-{one_of(draw, vocabulary())}",
    "negative:": _said("negative:hands", "negative:lowres", "negative:signature"),
    "model:": _model,
    "lora:": _lora,
    "sampler:": lambda draw: f'sampler:="{draw.choice(SAMPLERS)}"',
    "steps:": _said("steps:>30", "steps:150", "steps:<10", "steps:20..30", "steps:>=100"),
    "cfg:": _said("cfg:<5", "cfg:7", "cfg:>12", "cfg:20"),
    "size:, width:": _said("size:512x768", "size:>1000x1000", "width:>=1024", "height:544"),
    "ratio:": _said("ratio:2:3", "ratio:landscape", "ratio:16:9", "ratio:square"),
    "after:, before:": _said("before:2024-01", "after:2025", "on:2023-05", "before:2023-02"),
    "rating:": _said("rating:>=4", "rating:1", "rating:3"),
    "tag:": lambda draw: f'tag:"{draw.choice(TAGS)}"',
    "is:, has:": _said("is:favourite", "is:inpaint", "has:note", "has:lora", "has:rating", "has:tag", "has:mask", "is:trash"),
}
SEVERAL: dict[str, Ask] = {
    "two words": _together(COMMON, MIDDLE),
    "a frequent and a rare word": _together(COMMON, RARE),
    "three words": _together(COMMON, COMMON, MIDDLE),
    "word, -word": _together(COMMON, lambda draw: f"-{COMMON(draw)}"),
    "word, model:": _together(COMMON, _model),
    "word, lora:, steps:": _together(COMMON, _lora, _said("steps:>30", "steps:20")),
    "model:, sampler:, size:": _together(_model, _said("sampler:heun", "sampler:lms"), _said("size:512x768", "width:>=1024")),
    "word, month": _together(MIDDLE, _said("on:2023-05", "on:2024-11", "on:2025-03")),
    "word, rating:": _together(COMMON, _said("rating:>=4", "rating:1")),
    "word, is:favourite": _together(MIDDLE, _said("is:favourite")),
    "word, tag:": _together(COMMON, lambda draw: f'tag:"{draw.choice(TAGS)}"'),
    "model:, is:favourite, rating:": _together(_model, _said("is:favourite"), _said("rating:5")),
    "-model:, cfg:, word": _together(lambda draw: f"-{_model(draw)}", _said("cfg:<5"), RARE),
    "letters inside words": lambda draw: f"*{one_of(draw, vocabulary())[1:4].ljust(2, 'a')}*",
}


@dataclass
class Times:
    """Milliseconds."""

    found: list[float]
    told: list[float]
    following: list[float]
    following_told: list[float]
    at_once: list[float]
    partial: int = 0


class Stand:
    """A history to be asked, by somebody."""

    def __init__(self, database: Database, whose: Whose = EVERYBODY) -> None:
        self._database = database
        self.whose = whose
        self.looks = LookIndex(database)
        self._ahead = FoundAhead(lambda: database.writes)

    def _read(self, connection: Connection, text: str) -> Question:
        return read_search(text, Place(Known(connection, self.whose), self.looks, datetime.now().astimezone())).require()

    def look_ahead(self, text: str, below: int) -> None:
        """What Easel does while a page is looked at."""
        with self._database.reading() as connection:
            finder, question = Finder(connection, self.whose), self._read(connection, text)
            self._ahead.look(text, below, PAGE, lambda: finder.page(question, PAGES_AHEAD * PAGE, below, FURTHER_SECONDS))

    def page(self, text: str, below: int | None, seconds: float, *, ahead: bool = False) -> tuple[Found, float, float]:
        """A page, the milliseconds until it was found, and until it was told.

        ahead: as it may have been looked up; else nothing is kept from one question to the next.
        """
        started = clock()
        known = self._ahead.page(text, below, PAGE) if ahead and below is not None else None
        with self._database.reading() as connection:
            question = self._read(connection, text)
            found = known or Finder(connection, self.whose).page(question, PAGE, below, seconds)
            between = clock()
            cards_of(connection, found.ids, self.whose)
        return found, (between - started) * 1000, (clock() - started) * 1000

    def ask(self, make: Ask, rounds: int) -> Times:
        draw, times = random.Random(1), Times([], [], [], [], [])
        for _ in range(rounds):
            text = make(draw)
            found, until_found, until_told = self.page(text, None, FIRST_SECONDS)
            times.found.append(until_found)
            times.told.append(until_told)
            times.partial += found.partial
            if found.next is not None and not found.partial:
                _, until_found, _ = self.page(text, found.next, FURTHER_SECONDS)
                times.at_once.append(until_found)
                self.look_ahead(text, found.next)
                _, until_found, until_told = self.page(text, found.next, FURTHER_SECONDS, ahead=True)
                times.following.append(until_found)
                times.following_told.append(until_told)
        return times


def at(share: float, values: list[float]) -> float:
    """The value below which that share of all lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def show(name: str, times: Times) -> None:
    found, told = times.found, times.told
    print(
        f"  {name:32} {statistics.median(found):7.1f} {at(0.95, found):7.1f} {max(found):8.1f}   {statistics.median(told):7.1f}"
        f" {at(0.95, told):7.1f}   {at(0.95, times.following):7.1f} {at(0.95, times.following_told):7.1f} {at(0.95, times.at_once):7.1f}"
        f"   {f'{times.partial} of {len(found)}' if times.partial else ''}",
        flush=True,
    )


def part(stand: Stand, name: str, asks: dict[str, Ask], rounds: int, goal: float) -> tuple[list[float], list[float]]:
    """Ask all of these. Returns the times of the pages after the first ones: looked up ahead, and at once."""
    print(f"\n{name:34} {'p50':>7} {'p95':>7} {'worst':>8}   {'p50':>7} {'p95':>7}   {'p95':>7} {'p95':>7} {'p95':>7}")
    print(f"{'':34} {'found':>24}   {'told':>15}   {'next':>7} {'told':>7} {'at once':>7}   partial")
    all_found: list[float] = []
    following: tuple[list[float], list[float]] = ([], [])
    for asked, make in asks.items():
        times = stand.ask(make, rounds)
        show(asked, times)
        all_found += times.found
        following[0].extend(times.following)
        following[1].extend(times.at_once)
    verdict = "met" if at(0.95, all_found) < goal else "MISSED"
    print(
        f"  {'all':32} {statistics.median(all_found):7.1f} {at(0.95, all_found):7.1f} {max(all_found):8.1f}   goal {goal:.0f} ms: {verdict}"
    )
    return following


def by_like(path: Path, rounds: int) -> None:
    """The same words as other tools look for them: LIKE over the JSON of each request, newest first."""
    print("\nLIKE over the JSON of requests, first page")
    query = "SELECT id FROM generation WHERE resolved LIKE ? ORDER BY id DESC LIMIT 60"
    for name, make in (("a frequent word", COMMON), ("a word", MIDDLE), ("a rare word", RARE), ("two words", SEVERAL["two words"])):
        draw, times = random.Random(1), []
        with closing(sqlite3.connect(path)) as connection:
            for _ in range(rounds):
                started = clock()
                connection.execute(query, (f"%{'%'.join(make(draw).split())}%",)).fetchall()
                times.append((clock() - started) * 1000)
        print(f"  {name:32} {statistics.median(times):7.1f} {at(0.95, times):7.1f} {max(times):8.1f}", flush=True)


@contextmanager
def bare(folder: Path) -> Iterator[Database]:
    """A database of the same two tables without what searches need, with the same pragmas."""
    database = open_database(folder)
    with database.writing() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for index in ("image_seed", "image_look", "image_rating", "image_favourite", "image_note", "image_trashed", "generation_signature"):
            connection.exec_driver_sql(f"DROP INDEX {index}")
    yield database
    database.close()


def inserts(path: Path, rounds: int) -> None:
    """One picture after the other, each in a transaction of its own, into the full history and into bare tables, in turn."""
    rows = list(generations(4 * rounds))[3 * rounds :]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, bare(Path(folder)) as plain:
        full = open_database(path.parent)
        times: dict[str, list[float]] = {"bare": [], "full": []}
        shift = 5 << 60
        for made, picture, used in rows:
            moved = {"id": made["id"] % (1 << 60) + shift}
            shown = {"id": picture["id"] % (1 << 60) + shift, "generation_id": moved["id"], "path": f"new/{picture['path']}"}
            for name, database in (("bare", plain), ("full", full)):
                started = clock()
                with database.writing() as connection:
                    _save(connection, made | moved, picture | shown | {"facts": {"seconds": 4.2}}, used if name == "full" else [])
                times[name].append((clock() - started) * 1000)
        with full.writing() as connection:
            connection.execute(generation.delete().where(generation.c.id >= shift))
        full.close()
    for name, taken in times.items():
        print(f"  {name:32} {statistics.median(taken):7.2f} {at(0.95, taken):7.2f} {max(taken):8.2f}")
    ratio = statistics.median(times["full"]) / statistics.median(times["bare"])
    print(f"  {ratio:.2f} times a bare one (p50). Goal {GOALS['insert']:.0f}: {'met' if ratio <= GOALS['insert'] else 'MISSED'}")


def _save(connection: Connection, made: dict, picture: dict, used: list[str]) -> None:
    connection.execute(insert(generation).values(**made))
    if used:
        connection.execute(insert(lora_use), [{"generation_id": made["id"], "name": name, "weight": 0.8} for name in used])
    connection.execute(insert(image).values(**picture))


def sizes(path: Path, rows: int) -> None:
    """Bytes for each generation, and where they are."""
    print(f"\n{path.stat().st_size / rows:7,.0f} bytes for each generation", end="")
    with closing(sqlite3.connect(path)) as connection:
        try:
            parts = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
        except sqlite3.OperationalError:
            print(" (this SQLite can't tell where they are)")
            return
        requests = connection.execute("SELECT avg(length(asked) + length(resolved)) FROM (SELECT * FROM generation LIMIT 1000)").fetchone()[
            0
        ]
    words = sum(size for name, size in parts if name.startswith("image_fts"))
    print(f", of them {requests:,.0f} the request's two JSON texts and {words / rows:,.0f} the index of words")
    for name, size in parts[:12]:
        print(f"  {name:32} {size / rows:9,.0f}")


def alike(stand: Stand, database: Database, rounds: int) -> None:
    with database.reading() as connection:
        ids = list(connection.execute(select(image.c.id).order_by(image.c.id.desc()).limit(rounds * 50)).scalars())[::50]
    started = clock()
    stand.looks.like(ids[0])
    print(f"\nsimilar: the first question reads all looks {(clock() - started) * 1000:,.0f} ms")
    show("similar:", stand.ask(lambda draw: f"similar:{draw.choice(ids)}", rounds))


def counts_and_facets(stand: Stand, database: Database) -> None:
    print("\ncounts (up to 1,000) and facets (newest 10,000)")
    for text in ("", "masterpiece", "castle forest", f"{checkpoints()[30]}", f"model:{checkpoints()[30]}", "rating:>=4"):
        with database.reading() as connection:
            question = read_search(text, Place(Known(connection), stand.looks, datetime.now().astimezone())).question
            started = clock()
            n, more = Finder(connection).count(question)
            between = clock()
            facets = Finder(connection).facets(question)
            ended = clock()
        told = f"{n:,}{'+' if more else ''}"
        print(f"  {text or '(nothing)':32} {(between - started) * 1000:7.1f} {told:>10}  {(ended - between) * 1000:7.1f} of {facets.of:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100, help="questions of each kind")
    parser.add_argument("--folder", type=Path, help="where the database is, or is made and left")
    parser.add_argument("--processor", action="store_true", help="times of the processor, where other programs are at work")
    asked = parser.parse_args()
    if asked.processor:
        global clock
        clock = time.process_time
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="easel-history-"))
    try:
        path = folder / DATABASE_FILE
        if not path.exists():
            started = clock()
            fill(folder, asked.rows, say=lambda text: print(text, flush=True))
            print(f"filled in {clock() - started:,.0f} s")
        database = open_database(folder)
        with database.reading() as connection:
            rows = Known(connection).count("picture")
        print(f"{rows:,} generations, SQLite {sqlite3.sqlite_version}")
        stand = Stand(database)
        stand.page("castle", None, 10)  # builds the grammar
        for name, who in (("everybody", stand), ("ben", Stand(database, Whose("ben")))):
            print(f"\nas {name}")
            single = part(who, "single clauses", SINGLE, asked.rounds, GOALS["single"])
            several = part(who, "several together", SEVERAL, asked.rounds, GOALS["several"])
            ahead, at_once = (one + other for one, other in zip(single, several, strict=True))
            verdict = "met" if at(0.95, ahead) < GOALS["next"] else "MISSED"
            shown = [f"p50 {statistics.median(times):.1f}, p95 {at(0.95, times):.1f}" for times in (ahead, at_once)]
            print(f"\nnext page: {shown[0]}. Goal {GOALS['next']:.0f} ms: {verdict}. At once: {shown[1]}", flush=True)
        counts_and_facets(stand, database)
        alike(stand, database, asked.rounds)
        by_like(path, max(3, asked.rounds // 10))
        database.close()
        print("\nan insert")
        inserts(path, 5 * asked.rounds)
        sizes(path, rows)
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

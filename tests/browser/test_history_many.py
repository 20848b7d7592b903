"""The History page over 100,000 pictures: quick to open, smooth to scroll, and no heavier at the end than at the beginning.

`pytest tests/browser/test_history_many.py -m slow -s` prints the figures.
"""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, expect
from visiting import Server, Visitor

PICTURES = 100_000
BETWEEN_MS = 340_000
"""From one picture to the next: 100,000 take thirteen months."""
MOST_IN_DOCUMENT = 250

FIRST_THUMBNAILS = """async () => {
    const began = performance.now();
    document.getElementById('ez-page-history-button').click();
    const seen = () => [...document.querySelectorAll('#ez-history .ez-cell img')].filter((picture) => {
        const box = picture.getBoundingClientRect();
        return box.height && box.top < innerHeight;
    });
    for (;;) {
        const pictures = seen();
        if (pictures.length > 10 && pictures.every((picture) => picture.complete && picture.naturalWidth)) break;
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - began;
}"""

SCROLL = """async ([pixels, frames]) => {
    const shelf = document.querySelector('#ez-history .ez-shelf');
    const times = [];
    let last = await new Promise(requestAnimationFrame);
    while (times.length < frames) {
        shelf.scrollTop += pixels;
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
    }
    times.sort((one, other) => one - other);
    return {p50: times[times.length >> 1], p95: times[Math.floor(times.length * 0.95)], slowest: times.at(-1)};
}"""

TO_THE_END = """async (wanted) => {
    const shelf = document.querySelector('#ez-history .ez-shelf');
    const counted = () => [...document.querySelectorAll('#ez-history .ez-cell')].length;
    let most = 0;
    for (let height = 0, still = 0; still < 100; ) {
        shelf.scrollTop = shelf.scrollHeight;
        await new Promise(requestAnimationFrame);
        most = Math.max(most, counted());
        still = shelf.scrollHeight === height ? still + 1 : 0;
        height = shelf.scrollHeight;
        if (shelf.scrollTop > wanted) break;
    }
    return {most, height: shelf.scrollHeight};
}"""


@pytest.fixture(scope="module")
def many(new_server: Callable[..., Server]) -> Server:
    """A server with some pictures, and copies of what is known of them up to 100,000, back through more than a year."""
    server = new_server()
    body = {"prompt": "an owl in the rain", "steps": 1, "width": 512, "height": 512, "batch_count": 100}
    asked = urllib.request.Request(
        f"{server.url}/api/v1/jobs", json.dumps(body).encode(), {"Content-Type": "application/json", "Origin": server.url}
    )
    with urllib.request.urlopen(asked) as answer:
        job = json.load(answer)["id"]
    while True:
        with urllib.request.urlopen(f"{server.url}/api/v1/jobs/{job}") as answer:
            if json.load(answer)["status"] == "done":
                break
        time.sleep(0.2)
    server.stop()
    began = time.monotonic()
    _copy(server.folder / "data" / "easel.sqlite3", PICTURES)
    print(f"\n{PICTURES:,} pictures written in {time.monotonic() - began:.0f} s")
    server.start()
    return server


def _copy(path: Path, wanted: int) -> None:
    database = sqlite3.connect(path)
    with database:
        (number,) = database.execute("SELECT max(id) FROM generation").fetchone()
        columns = [row[1] for row in database.execute("PRAGMA table_info(image)")]
        facts = {"id": "? - (n.i * ? << 20)", "generation_id": "? - (n.i * ? << 20)", "path": "'copy/' || n.i || '.png'", "idx": "0"}
        count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        others = [row[1] for row in database.execute("PRAGMA table_info(generation)")]
        made = ", ".join({"id": facts["id"], "job_id": facts["id"]}.get(name, f"g.{name}") for name in others)
        times = [number, BETWEEN_MS]
        database.execute(
            f"INSERT INTO generation ({', '.join(others)}) {count} SELECT {made} FROM n, generation g WHERE g.id = ?",
            [wanted, *times, *times, number],
        )
        made = ", ".join(facts.get(name, f"p.{name}") for name in columns)
        which = "FROM n, image p WHERE p.generation_id = ? AND p.idx = n.i % 100"
        database.execute(
            f"INSERT INTO image ({', '.join(columns)}) {count} SELECT {made} {which}",
            [wanted, *times, *times, number],
        )
    database.close()


def _heap(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_100_000_pictures(many: Server, new_visitor: Callable[..., Visitor]) -> None:
    page: Page = new_visitor(many).open()
    page.set_default_timeout(0)  # to the end takes as long as the machine needs
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    first = page.evaluate(FIRST_THUMBNAILS)
    print(f"first thumbnails: {first:.0f} ms")
    expect(page.locator(".ez-history-tools [role=status]")).to_have_text(f"{PICTURES + 100:,} pictures")
    rounds = []
    for pixels in (100, 400, 1200):
        rounds.append(page.evaluate(SCROLL, [pixels, 300]))
        print(f"{pixels:>5} px a frame: " + ", ".join(f"{name} {value:.1f} ms" for name, value in rounds[-1].items()))
    began = time.monotonic()
    page.evaluate(TO_THE_END, 200_000)
    early = _heap(session)
    ended = page.evaluate(TO_THE_END, 1e9)
    late = _heap(session)
    print(f"to the end in {time.monotonic() - began:.0f} s: {ended['height']:,} px, at most {ended['most']} pictures in the document")
    print(f"heap: {early:.1f} MB near the beginning, {late:.1f} MB at the end")
    oldest = page.locator("#ez-history .ez-cell").last.get_attribute("data-id")
    back = page.evaluate(SCROLL, [-1200, 300])
    print("back up: " + ", ".join(f"{name} {value:.1f} ms" for name, value in back.items()))
    assert first < 500
    assert max(round_["p95"] for round_ in rounds) < 50
    assert back["p95"] < 50
    assert ended["most"] < MOST_IN_DOCUMENT
    assert late - early < 25
    assert oldest is not None

"""How long painting keeps the page from answering: the longest task of the main thread, in headless Chromium without a GPU.

    python -m benchmarks.painting

Limits: sending a 2048 x 2048 picture to Inpaint blocks for less than 300 ms, and a second Generate with unchanged picture and mask
sends less than 5 kB. The other lines say what painting on 2048 and 4096 costs. Tasks shorter than 50 ms are not reported by the
browser and count as 0.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "browser"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from canvas_page import canvas_server, circle, picture, ready, set_brush, stroke
from easel_page import generate
from small_checkpoint import make_checkpoint
from visiting import Server
from visiting import ready as easel_ready

LIMIT_MS, LIMIT_BYTES = 300, 5000
SIDES = (2048, 4096)
WATCH = """() => {
    window.tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({type: "longtask"});
}"""
SEND = """async ([data, name]) => {
    const bytes = await (await fetch(`data:image/png;base64,${data}`)).arrayBuffer();
    tasks.length = 0;
    await canvas.open(new File([bytes], name, {type: "image/png"}));
}"""


def longest(page: Page) -> float:
    """ms of the longest task since the last look."""
    page.wait_for_timeout(1000)
    return page.evaluate("() => Math.max(0, ...tasks.splice(0))")


def row(words: str, value: float, unit: str = "ms", limit: float | None = None) -> None:
    """One line of the report."""
    print(
        f"{words:<44}{value:8,.0f} {unit}"
        + ("" if limit is None else f"   limit {limit:,.0f} {unit}: {'kept' if value < limit else 'MISSED'}")
    )


def report(page: Page, side: int) -> None:
    """The canvas by itself."""
    page.evaluate(SEND, [base64.b64encode(picture(side, side)).decode(), f"{side}.png"])
    row(f"{side} x {side}: picture put in", longest(page))
    middle = side / 2
    set_brush(page, size=side / 10, softness=0.5)
    acts: dict[str, Callable[[], object]] = {
        f"stroke of {side // 10} px": lambda: stroke(page, *circle(middle, middle, side / 3, 60)),
        "undo": lambda: page.keyboard.press("Control+z"),
        "invert": lambda: page.keyboard.press("i"),
        "undo of invert": lambda: page.keyboard.press("Control+z"),
        "zoom in and out": lambda: (page.mouse.wheel(0, -600), page.mouse.wheel(0, 600)),
    }
    for words, act in acts.items():
        act()
        row(f"{side} x {side}: {words}", longest(page))
    page.keyboard.press("i")
    page.wait_for_timeout(1000)
    page.reload()
    ready(page)
    page.evaluate(WATCH)
    page.evaluate("async () => { await canvas.maskFile(); }")
    row(f"{side} x {side}: mask exported", longest(page))


def report_sending(page: Page, side: int) -> None:
    """The whole page: a picture of that size is made (by the painter of patterns), sent to Inpaint, and drawn on twice."""
    easel_ready(page)
    for name in ("width", "height"):
        page.locator(f"#ez-field-{name} input").fill(str(side))
    generate(page, "a house", steps=1)
    expect(page.locator("#ez-stage .ez-center:has(.ez-actions) .ez-frame img")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(1000)
    page.evaluate(WATCH)
    page.locator(".ez-send").locator("visible=true").click()
    page.get_by_role("menuitem", name="Inpaint").click()
    board = page.locator("#ez-page-inpaint .ez-canvas")
    expect(board.get_by_role("toolbar", name="Tools")).to_be_visible(timeout=60_000)
    row(f"{side} x {side}: sent to Inpaint, whole page", longest(page), limit=LIMIT_MS)
    box = board.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    sent: list[int] = []
    page.on("request", lambda request: sent.append(request.sizes()["requestBodySize"] if request.method == "POST" else 0))
    for number, words in enumerate(("first", "second"), 1):
        sent.clear()
        page.get_by_label("Prompt", exact=True).fill(words)
        page.locator("#ez-generate").click()
        expect(page.locator("#ez-page-inpaint .ez-results .ez-strip button.pic:not(.ez-wait)")).to_have_count(number, timeout=60_000)
        page.wait_for_timeout(500)
        row(f"{side} x {side}: sent by the {words} Generate", sum(sent), "bytes", LIMIT_BYTES if number == 2 else None)


def main() -> None:
    """Print all rows."""
    with canvas_server() as (url, _store), sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        system = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        ready(page)
        page.evaluate(WATCH)
        for side in SIDES:
            report(page, side)
        page.close()
        small = make_checkpoint(Path(folder) / "models" / "checkpoints" / "small")
        (small / "easel.json").write_text(json.dumps({"defaults": {"steps": 1}}))
        server = Server(Path(folder), "fake", "0.02")
        server.start()
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(server.url)
            report_sending(page, SIDES[0])
        finally:
            server.stop()
        browser.close()


if __name__ == "__main__":
    main()

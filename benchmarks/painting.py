"""How long the painting canvas keeps the page from answering: the longest task of the main thread, in headless Chromium without a GPU.

    python -m benchmarks.painting

Limit: putting a 2048 x 2048 picture in blocks for less than 300 ms. The other lines say what painting on 2048 and 4096 costs.
Tasks shorter than 50 ms are not reported by the browser and count as 0.
"""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "browser"))

from canvas_page import canvas_server, circle, picture, ready, set_brush, stroke

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
    page.wait_for_timeout(600)
    return page.evaluate("() => Math.max(0, ...tasks.splice(0))")


def report(page: Page, side: int) -> None:
    page.evaluate(SEND, [base64.b64encode(picture(side, side)).decode(), f"{side}.png"])
    print(f"{side} x {side}: picture put in     {longest(page):6.0f} ms")
    middle = side / 2
    set_brush(page, size=side / 10, softness=0.5)
    stroke(page, *circle(middle, middle, side / 3, 60))
    print(f"{side} x {side}: stroke of {side // 10} px   {longest(page):6.0f} ms")
    page.keyboard.press("Control+z")
    print(f"{side} x {side}: undo               {longest(page):6.0f} ms")
    page.keyboard.press("i")
    print(f"{side} x {side}: invert             {longest(page):6.0f} ms")
    page.mouse.wheel(0, -600)
    page.mouse.wheel(0, 600)
    print(f"{side} x {side}: zoom in and out    {longest(page):6.0f} ms")
    page.reload()
    ready(page)
    page.evaluate(WATCH)
    page.evaluate("async () => { await canvas.maskFile(); }")
    print(f"{side} x {side}: mask exported      {longest(page):6.0f} ms")


def main() -> None:
    with canvas_server() as (url, _store), sync_playwright() as playwright:
        system = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        ready(page)
        page.evaluate(WATCH)
        for side in (2048, 4096):
            report(page, side)
        browser.close()


if __name__ == "__main__":
    main()

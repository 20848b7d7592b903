"""Before and after: a result beside what it started from, over its very place, on the canvas and on the whole screen."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from easel_page import field, open_history, prompt
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from test_canvas_pages import canvas, open_page, results

RESULT = """async (page) => {
    const address = performance.getEntriesByType("resource").map((entry) => entry.name).find((name) => name.endsWith("/source.js"));
    const { canvasOf } = await import(address);
    const { view, result, cut } = canvasOf(page).board;
    return { view: { scale: view.scale, x: view.x, y: view.y }, place: result?.place, cut };
}"""


def knob(place: Locator) -> Locator:
    return place.get_by_role("slider", name="Between before and after")


def value(slider: Locator) -> int:
    return int(slider.get_attribute("aria-valuenow") or "-1")


def fetched(page: Page, path: str) -> np.ndarray:
    address = page.evaluate("location.origin") + path
    return np.asarray(Image.open(io.BytesIO(httpx.get(address).content)).convert("RGB")).astype(int)


def example(page: Page, name: str = "img2img") -> None:
    """The example, which is square, on a canvas."""
    open_page(page, "img2img" if name == "img2img" else "Inpaint")
    page.locator(f"#ez-page-{name}").get_by_role("button", name="Try it with an example").click()
    expect(canvas(page, name).get_by_role("toolbar", name="Tools")).to_be_visible()
    field(page, "steps").fill("2")


def made(page: Page, name: str = "img2img", *, mode: str = "", width: int = 192, height: int = 64) -> dict[str, Any]:
    """What came of it at another shape."""
    if mode:
        page.locator("#ez-field-resize_mode").get_by_label(mode, exact=True).check()
    for side, value in (("width", width), ("height", height)):
        field(page, side).fill(str(value))
    before = results(page, name).count()
    prompt(page).fill(f"{mode} {width}")
    page.locator("#ez-generate").click()
    expect(results(page, name)).to_have_count(before + 1)
    expect(page.locator(f"#ez-page-{name} .ez-results .ez-progress")).to_have_count(0)
    return httpx.get(page.evaluate("location.origin") + "/api/v1/history?limit=1").json()["items"][0]


@pytest.mark.slow
def test_a_result_lies_over_its_place_and_the_divider_parts_it(page: Page) -> None:
    """Whatever the picture's way to the size that was drawn: seen, by the pixels of the window, at both sides."""
    example(page)
    for mode, width, height, place in (
        ("Stretch", 192, 64, (0, 0, 128, 128)),
        ("Crop", 192, 64, (0, 128 / 3, 128, 256 / 3)),
        ("Fill", 128, 64, (-64, 0, 192, 128)),
    ):
        image = made(page, mode=mode, width=width, height=height)
        if mode == "Stretch":
            page.get_by_role("button", name="Compare", exact=True).click()
            assert value(knob(canvas(page, "img2img"))) == 50
        page.mouse.move(5, 5)
        page.wait_for_timeout(200)
        seen_at_both_sides(page, image, place)


def seen_at_both_sides(page: Page, image: dict[str, Any], place: tuple[float, ...]) -> None:
    state, board = page.evaluate(RESULT, "img2img"), canvas(page, "img2img").bounding_box()
    assert board is not None
    assert [state["place"][side] for side in ("left", "top", "right", "bottom")] == pytest.approx(place)
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    scale, (left, top, right, bottom) = state["view"]["scale"], place
    source, result = fetched(page, "/api/v1/examples/apple"), fetched(page, image["url"])
    line = (left + right) / 2
    met = {"before": [0, 0], "after": [0, 0]}
    for x in np.linspace(max(left, 0) + 4, min(right, 128) - 4, 24):
        for y in np.linspace(max(top, 0) + 4, min(bottom, 128) - 4, 12):
            if abs(x - line) * scale < 24:
                continue
            column, row = (x - left) / (right - left) * result.shape[1], (y - top) / (bottom - top) * result.shape[0]
            shown, column, row = (source, x, y) if x < line else (result, column, row)
            near = shown[max(int(row) - 1, 0) : int(row) + 2, max(int(column) - 1, 0) : int(column) + 2]
            if np.ptp(near, axis=(0, 1)).max() > 6:
                continue
            seen = shot[round(board["y"] + state["view"]["y"] + y * scale), round(board["x"] + state["view"]["x"] + x * scale)]
            met["before" if x < line else "after"][int(np.abs(seen - near[0, 0]).max() > 8)] += 1
    for as_it_should, otherwise in met.values():
        # Bars float over some of them.
        assert as_it_should > 20 and otherwise < as_it_should / 4, met


def test_the_divider_is_dragged_and_moved_by_keys_and_the_canvas_stays_itself(page: Page) -> None:
    example(page, "inpaint")
    made(page, "inpaint", width=128, height=128)
    page.locator("#ez-generate").focus()
    page.keyboard.press("c")
    board = canvas(page, "inpaint")
    slider = knob(board)
    expect(slider).to_be_visible()
    page.keyboard.press("c")
    expect(slider).to_be_hidden()
    page.keyboard.press("c")
    expect(slider).to_be_visible()
    slider.focus()
    for key, wanted in (("Home", 0), ("ArrowLeft", 0), ("End", 100), ("Shift+ArrowLeft", 90), ("ArrowLeft", 88), ("ArrowUp", 90)):
        page.keyboard.press(key)
        assert value(slider) == wanted
    box, steps = slider.bounding_box(), page.locator("#ez-page-inpaint .ez-layers").inner_text()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y + 30, steps=4)
    page.mouse.up()
    assert 10 < value(slider) < 88
    moved = slider.bounding_box()
    assert moved is not None and abs(moved["x"] - box["x"] + 100) <= 2
    assert page.locator("#ez-page-inpaint .ez-layers").inner_text() == steps, "nothing was painted"
    page.keyboard.down("\\")
    expect(slider).to_be_hidden()
    page.keyboard.up("\\")
    expect(slider).to_be_visible()
    page.reload()
    expect(slider).to_be_visible()


@pytest.mark.slow
def test_on_the_whole_screen_from_history(page: Page) -> None:
    example(page)
    image = made(page, mode="Crop", width=192, height=64)
    open_history(page)
    page.locator(f'.ez-cell[data-id="{image["id"]}"]').click()
    page.keyboard.press("c")
    viewer = page.get_by_role("dialog", name="Full screen")
    split, slider = viewer.locator(".ez-split"), knob(viewer)
    expect(slider).to_be_visible()
    sizes = split.locator("img").evaluate_all(
        "(all) => Promise.all(all.map((one) => one.decode().then(() => [one.naturalWidth, one.naturalHeight])))"
    )
    assert sizes == [[192, 64], [192, 64]], "one over the other, pixel for pixel"
    boxes = split.locator("img").evaluate_all("(all) => all.map((one) => JSON.stringify(one.getBoundingClientRect()))")
    assert boxes[0] == boxes[1]
    slider.press("End")
    page.keyboard.press("ArrowDown")
    assert value(slider) == 98
    box = split.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert value(slider) == 25
    over = split.locator(".over")
    expect(over).to_be_visible()
    page.keyboard.down("\\")
    expect(over).to_be_hidden()
    page.keyboard.up("\\")
    expect(over).to_be_visible()
    viewer.get_by_role("button", name="Before and after").click()
    expect(split).to_have_count(0)
    page.keyboard.down("\\")
    expect(viewer.get_by_alt_text("What it started from")).to_be_visible()
    page.keyboard.up("\\")
    expect(viewer.get_by_alt_text("What it started from")).to_have_count(0)
    page.keyboard.press("c")
    expect(split).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()

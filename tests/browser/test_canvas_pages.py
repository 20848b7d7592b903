"""img2img and Inpaint: a picture comes in, is painted on, and what is made of it lies over it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from canvas_page import brushed, is_close, picture, put_in, screen, set_brush, stroke
from easel_page import expect_picture, field, generate, no_sideways_scroll, open_history, prompt, stage_picture
from PIL import Image
from playwright.sync_api import Locator, Page, Request, expect
from visiting import Server, Visitor

EXPORT = """async ([page, what]) => {
    const address = performance.getEntriesByType("resource").map((entry) => entry.name).find((name) => name.endsWith("/source.js"));
    const { canvasOf } = await import(address);
    const file = await canvasOf(page)[what]();
    return new Promise((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result.split(",")[1]);
        reader.readAsDataURL(file);
    });
}"""


def exported(page: Page, name: str, what: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(page.evaluate(EXPORT, [name, what]))))


def mask(page: Page) -> np.ndarray:
    return np.asarray(exported(page, "inpaint", "maskFile"))


def canvas(page: Page, name: str = "inpaint") -> Locator:
    return page.locator(f"#ez-page-{name} .ez-canvas")


def paint(page: Page, name: str = "inpaint") -> None:
    """A stroke over the middle."""
    box = canvas(page, name).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=4)
    page.mouse.up()


def send(page: Page, target: str) -> None:
    page.locator(".ez-send").locator("visible=true").first.click()
    page.get_by_role("menuitem", name=target).click()


def open_page(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


@pytest.fixture
def sent(page: Page) -> Page:
    """A picture was made and sent to Inpaint."""
    generate(page, "a round house", steps=2)
    expect_picture(page, "a round house")
    send(page, "Inpaint")
    expect(canvas(page).get_by_role("toolbar", name="Tools")).to_be_visible()
    return page


def results(page: Page, name: str = "inpaint") -> Locator:
    return page.locator(f"#ez-page-{name} .ez-results .ez-strip button.pic:not(.ez-wait)")


@pytest.mark.slow
def test_a_picture_is_sent_painted_on_and_drawn_anew(sent: Page) -> None:
    page = sent
    expect(prompt(page)).to_have_value("a round house")
    expect(page.get_by_role("radio", name="Same", exact=True)).to_have_attribute("aria-checked", "true")
    paint(page)
    before = mask(page)
    assert before.any()
    prompt(page).fill("a square house")
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    expect(results(page).first).to_have_attribute("title", "a square house")
    expect(results(page).first).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="The picture before", exact=True).click()
    expect(results(page).first).not_to_have_attribute("aria-current", "true")

    open_page(page, "txt2img")
    expect(stage_picture(page)).to_be_visible()
    expect(prompt(page)).to_have_value("a square house")
    open_page(page, "Inpaint")
    assert np.array_equal(mask(page), before)
    page.reload()
    expect(results(page)).to_have_count(1)
    assert np.array_equal(mask(page), before)
    results(page).first.click()
    page.get_by_role("button", name="Go on with it").click()
    expect(results(page)).to_have_count(0)
    assert not mask(page).any()
    page.locator(".ez-toast", has_text="Picture put in").get_by_role("button", name="Undo").click()
    expect(page.locator("#ez-page-inpaint .ez-layers")).to_contain_text("% of the picture")
    assert np.array_equal(mask(page), before)


@pytest.mark.slow
def test_a_second_generate_uploads_next_to_nothing(sent: Page) -> None:
    page = sent
    paint(page)
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    prompt(page).fill("another house")
    page.wait_for_timeout(500)  # what the page asks about the new words by itself
    bodies: dict[str, int] = {}

    def count(request: Request) -> None:
        if request.method == "POST":
            bodies[request.url] = bodies.get(request.url, 0) + request.sizes()["requestBodySize"]

    page.on("requestfinished", count)
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(2)
    print(bodies)
    assert not [address for address in bodies if address.endswith("/api/v1/images")]
    assert 0 < sum(bodies.values()) < 5000


HAND_OVER = """async () => {
    const address = performance.getEntriesByType("resource").map((entry) => entry.name).find((name) => name.endsWith("/source.js"));
    window.canvas = (await import(address)).canvasOf("inpaint");
}"""


@pytest.mark.slow
def test_from_history_zoomed_and_moved_strokes_land_under_the_pointer_and_stay(page: Page) -> None:
    """Pixel for pixel: over other pages, a reload, and steps back and forth."""
    generate(page, "a tall house", steps=2)
    expect_picture(page, "a tall house")
    open_history(page)
    page.locator(".ez-cell").first.click()
    page.keyboard.press("s")
    page.keyboard.press("2")
    expect(canvas(page).get_by_role("toolbar", name="Tools")).to_be_visible()
    page.evaluate(HAND_OVER)
    size = exported(page, "inpaint", "pictureFile").size
    set_brush(page, size=7)
    page.mouse.move(*screen(page, 20, 30))
    page.mouse.wheel(0, -500)
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(*(side + 37 for side in screen(page, 20, 30)))
    page.mouse.up()
    page.keyboard.up(" ")
    drawn = brushed(size, stroke(page, (15, 20), (40.3, 33.7), (22, 41)), 7)
    assert drawn.any() and is_close(mask(page), drawn)
    before = mask(page)
    for name in ("txt2img", "History", "Inpaint"):
        open_page(page, name)
    assert np.array_equal(mask(page), before)
    page.reload()
    expect(page.locator("#ez-page-inpaint .ez-layers")).to_contain_text("% of the picture")
    assert np.array_equal(mask(page), before)
    page.keyboard.press("Control+z")
    assert not mask(page).any()
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(mask(page), before)
    page.evaluate(HAND_OVER)
    page.keyboard.press("0")
    more = np.maximum(drawn, brushed(size, stroke(page, (5, 60), (60, 80)), 7))
    assert is_close(mask(page), more)


def bottom_of(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def under_way(page: Page, name: str = "inpaint") -> Locator:
    return page.locator(f"#ez-page-{name} .ez-results .ez-progress")


def test_a_result_stays_with_the_picture_it_was_made_from(sent: Page, server: Server) -> None:
    """Also where another picture is on the canvas by then; and while a job is under way it covers nothing and moves nothing."""
    page = sent
    paint(page)
    page.evaluate(HAND_OVER)
    first = page.evaluate("canvas.painting.id")
    bottom = bottom_of(canvas(page))  # the banner of a paused queue moves the top
    httpx.post(f"{server.url}/api/v1/queue/pause", json={}).raise_for_status()
    try:
        page.locator("#ez-generate").click()
        expect(under_way(page)).to_contain_text("Waiting")
        card = under_way(page).bounding_box()
        assert card is not None and card["y"] >= bottom == bottom_of(canvas(page))
        put_in(page, picture(40, 30))
    finally:
        httpx.post(f"{server.url}/api/v1/queue/resume", json={}).raise_for_status()
    expect(under_way(page)).to_have_count(0)
    expect(page.get_by_role("button", name="The picture before", exact=True)).to_have_attribute("aria-current", "true")
    expect(results(page)).to_have_count(0)
    assert page.evaluate("canvas.board.result") is None
    page.evaluate("(id) => canvas.reopen(id)", first)
    expect(results(page)).to_have_count(1)
    expect(results(page).first).to_have_attribute("aria-current", "true")


@pytest.mark.slow
def test_undo_of_sending_to_an_empty_canvas_leaves_it_empty(sent: Page) -> None:
    page = sent
    page.locator(".ez-toast", has_text="Sent to Inpaint").get_by_role("button", name="Undo").click()
    expect(stage_picture(page)).to_be_visible()
    expect(page.get_by_role("tab", name="txt2img")).to_have_attribute("aria-selected", "true")
    open_page(page, "Inpaint")
    inpaint = page.locator("#ez-page-inpaint")
    for _ in range(2):
        expect(inpaint.get_by_role("button", name="Choose a file")).to_be_visible()
        expect(inpaint.get_by_role("toolbar", name="Tools")).to_be_hidden()
        expect(inpaint.locator(".ez-layers")).to_contain_text("They come with a picture.")
        expect(inpaint.locator(".ez-results")).to_be_hidden()
        page.reload()
    inpaint.get_by_role("button", name="The last picture").click()
    expect(inpaint.get_by_role("toolbar", name="Tools")).to_be_visible()


@pytest.mark.slow
def test_the_film_of_a_result_is_looked_through(sent: Page) -> None:
    page = sent
    paint(page)
    page.locator("#ez-plan").get_by_role("switch", name="Film").click()
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    page.locator("#ez-page-inpaint .ez-results").get_by_role("button", name="Film").click()
    viewer = page.locator(".ez-viewer")
    viewer.get_by_role("slider", name="Step").fill("0")
    expect(viewer.locator(".ez-film-words")).to_contain_text("Step 1 of")
    expect(viewer.locator(".ez-film-frame")).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()


def test_send_to_from_history_and_back(page: Page) -> None:
    generate(page, "the first", steps=2)
    expect_picture(page, "the first")
    prompt(page).fill("my own words")
    open_history(page)
    page.locator(".ez-cell").first.click()
    page.keyboard.press("s")
    page.keyboard.press("1")
    expect(page.get_by_role("tab", name="img2img")).to_have_attribute("aria-selected", "true")
    expect(prompt(page)).to_have_value("the first")
    expect(canvas(page, "img2img").get_by_role("toolbar", name="Tools")).to_be_visible()
    size = exported(page, "img2img", "pictureFile").size
    assert (field(page, "width").input_value(), field(page, "height").input_value()) == (str(size[0]), str(size[1]))
    page.locator(".ez-toast", has_text="Sent to img2img").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    open_page(page, "img2img")
    expect(prompt(page)).to_have_value("my own words")


@pytest.mark.slow
def test_img2img_with_a_sketch(page: Page) -> None:
    open_page(page, "img2img")
    page.locator("#ez-page-img2img").get_by_role("button", name="Try it with an example").click()
    expect(canvas(page, "img2img").get_by_role("toolbar", name="Tools")).to_be_visible()
    expect(prompt(page)).to_have_value("cat face on a sky blue background")
    untouched = np.asarray(exported(page, "img2img", "pictureFile").convert("RGB"))
    page.get_by_label("Colour", exact=True).locator("visible=true").fill("#00ff00")
    paint(page, "img2img")
    sketched = np.asarray(exported(page, "img2img", "pictureFile").convert("RGB"))
    changed = (sketched != untouched).any(-1)
    assert changed[64, 64] and not changed[:30].any() and not changed[100:].any()
    assert tuple(sketched[64, 64]) == (0, 255, 0)
    expect(page.locator("#ez-field-mask_blur")).to_be_hidden()
    expect(page.locator("#ez-field-resize_mode")).to_be_visible()
    prompt(page).fill("a red fruit")
    field(page, "steps").fill("2")
    page.locator("#ez-generate").click()
    expect(results(page, "img2img")).to_have_count(1)
    # What was drawn from is what was painted, byte for byte.
    assert np.array_equal(drawn_from(page), sketched)
    send(page, "Inpaint")
    expect(page.get_by_role("tab", name="Inpaint")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#ez-field-mask_blur")).to_be_visible()


@pytest.mark.slow
def test_a_colour_stroke_on_inpaint_is_in_what_is_drawn_from(page: Page) -> None:
    open_page(page, "Inpaint")
    page.locator("#ez-page-inpaint").get_by_role("button", name="Try it with an example").click()
    page.locator("#ez-page-inpaint").get_by_role("button", name="Colour sketch Empty").click()
    page.get_by_label("Colour", exact=True).locator("visible=true").fill("#ff00ff")
    paint(page)
    sketched = np.asarray(exported(page, "inpaint", "pictureFile").convert("RGB"))
    assert tuple(sketched[64, 64]) == (255, 0, 255)
    field(page, "steps").fill("1")
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    assert np.array_equal(drawn_from(page), sketched)


def drawn_from(page: Page) -> np.ndarray:
    """What the newest picture started from."""
    address = page.evaluate("location.origin")
    newest = httpx.get(f"{address}/api/v1/history?limit=1").json()["items"][0]
    return np.asarray(Image.open(io.BytesIO(httpx.get(address + newest["source"]["url"]).content)))


@pytest.mark.slow
def test_what_is_missing_is_said(page: Page) -> None:
    open_page(page, "Inpaint")
    page.locator("#ez-generate").click()
    expect(page.locator(".ez-toast")).to_contain_text("There is no picture to start from.")
    expect(page.locator(".ez-pill")).to_contain_text("Queue")
    page.locator("#ez-page-inpaint").get_by_role("button", name="Try it with an example").click()
    expect(page.locator("#ez-page-inpaint .ez-layers")).to_contain_text("25 % of the picture")
    page.locator("#ez-page-inpaint .ez-canvas").click(position={"x": 5, "y": 200})
    page.keyboard.press("Delete")
    page.locator("#ez-generate").click()
    expect(page.locator(".ez-toast").last).to_contain_text("Nothing is masked.")


@pytest.mark.slow
def test_the_parameters_of_an_inpainted_picture_bring_its_mask_back(sent: Page) -> None:
    page = sent
    paint(page)
    before = mask(page)
    field(page, "mask_blur").fill("9")
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    field(page, "mask_blur").fill("2")
    canvas(page).click(position={"x": 5, "y": 200})
    page.keyboard.press("Delete")
    assert not mask(page).any()
    open_history(page)
    page.locator(".ez-cell").first.click()
    page.get_by_role("button", name="Use parameters").locator("visible=true").click()
    expect(page.get_by_role("tab", name="Inpaint")).to_have_attribute("aria-selected", "true")
    expect(field(page, "mask_blur")).to_have_value("9")
    expect(page.locator("#ez-page-inpaint .ez-layers")).to_contain_text("% of the picture")
    assert np.array_equal(mask(page), before)


@pytest.mark.slow
def test_pictures_are_dropped_and_pasted(page: Page) -> None:
    open_page(page, "Inpaint")
    for kind in ("drop", "paste"):
        page.evaluate(
            """async (kind) => {
                const drawn = new OffscreenCanvas(40, 30);
                drawn.getContext("2d").fillRect(0, 0, 9, 9);
                const transfer = new DataTransfer();
                transfer.items.add(new File([await drawn.convertToBlob()], "dropped.png", {type: "image/png"}));
                const place = document.querySelector("#ez-page-inpaint .ez-easel");
                const event = kind === "drop"
                    ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
                    : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true});
                place.dispatchEvent(event);
            }""",
            kind,
        )
        name = "dropped.png" if kind == "drop" else "pasted picture"
        expect(page.locator("#ez-page-inpaint .ez-layers")).to_contain_text(f"{name}, 40 × 30")


@pytest.mark.slow
def test_in_a_narrow_window_the_canvas_stands_above_what_is_asked(new_visitor: Callable[..., Visitor], server: Server) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 900}).open("/#inpaint")
    page.locator("#ez-page-inpaint").get_by_role("button", name="Try it with an example").click()
    expect(canvas(page).get_by_role("toolbar", name="Tools")).to_be_visible()
    assert no_sideways_scroll(page)
    order = page.evaluate(
        """() => ["#ez-page-inpaint .ez-canvas", ".ez-prompt", "#ez-page-inpaint .ez-layers"]
            .map((selector) => document.querySelector(selector).getBoundingClientRect().top)"""
    )
    assert order == sorted(order)
    assert re.match(r"#inpaint", page.evaluate("location.hash"))


# soft inpainting


@pytest.mark.slow
def test_what_soft_inpainting_asks_is_grey_until_it_is_on(sent: Page) -> None:
    page = sent
    section = page.locator("#ez-acc-soft > button.label-wrap")
    expect(section).to_have_attribute("data-sum", "Off")
    section.click()
    expect(page.locator("#ez-soft")).to_have_js_property("inert", True)
    page.get_by_label("Soft inpainting", exact=True).check()
    expect(page.locator("#ez-soft")).to_have_js_property("inert", False)
    field(page, "soft_contrast_boost").fill("2.5")
    expect(section).to_have_attribute("data-sum", "boost 2.5")
    paint(page)
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    made = newest(page)
    assert (made["soft_inpainting"], made["soft_contrast_boost"]) == (True, 2.5)
    open_page(page, "img2img")
    expect(section).to_be_hidden()


# extending


def newest(page: Page) -> dict[str, Any]:
    """The request of the newest job."""
    return page.evaluate(
        """async () => {
            const {jobs} = await (await fetch("/api/v1/jobs?limit=1")).json();
            return (await fetch(`/api/v1/jobs/${jobs[0].id}/request`)).json();
        }"""
    )


FRAME = """async () => {
    const address = performance.getEntriesByType("resource").map((entry) => entry.name).find((name) => name.endsWith("/source.js"));
    const {canvasOf} = await import(address);
    const {painting, board} = canvasOf("inpaint");
    const {scale, x, y} = board.view;
    return {frame: painting.frame, size: [painting.width, painting.height], scale, x, y, laid: board.resultBox && board.result.width};
}"""


def frame(page: Page) -> dict[str, int]:
    return page.evaluate(FRAME)["frame"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], *, lifted: bool = True) -> None:
    """Drags from one point to another, in pixels of the picture."""
    at, corner = page.evaluate(FRAME), canvas(page).bounding_box()
    assert corner is not None
    points = [(corner["x"] + at["x"] + x * at["scale"], corner["y"] + at["y"] + y * at["scale"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=3)
    if lifted:
        page.mouse.up()


@pytest.mark.slow
def test_the_frame_is_dragged_and_the_mask_keeps_its_place(sent: Page) -> None:
    page = sent
    paint(page)
    before = mask(page)
    width, height = page.evaluate(FRAME)["size"]
    page.keyboard.press("o")
    expect(canvas(page).get_by_role("button", name="Extend")).to_have_attribute("aria-pressed", "true")
    drag(page, (width, height / 2), (width + 65, height / 2))
    assert frame(page) == {"left": 0, "top": 0, "right": 64, "bottom": 0}
    drag(page, (0, 0), (-24, -17))
    assert frame(page) == {"left": 24, "top": 16, "right": 64, "bottom": 0}
    page.keyboard.down("Shift")
    drag(page, (width / 2, height), (width / 2, height + 8))
    page.keyboard.up("Shift")
    assert frame(page) == {"left": 24, "top": 24, "right": 64, "bottom": 8}
    drag(page, (width + 64, height / 2), (width + 90, height / 2), lifted=False)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert frame(page)["right"] == 64
    page.keyboard.press("Control+z")
    assert frame(page) == {"left": 24, "top": 16, "right": 64, "bottom": 0}
    assert np.array_equal(mask(page), before)

    page.reload()
    section = page.locator("#ez-acc-extend > button.label-wrap")
    expect(section).to_have_attribute("data-sum", "left 24, top 16, right 64")
    assert np.array_equal(mask(page), before)
    section.click()
    page.get_by_label("Extend left", exact=True).fill("35")
    page.get_by_label("Extend left", exact=True).press("Tab")
    expect(page.locator("#ez-extend")).to_contain_text(f"{width} × {height} becomes {width + 96} × {height + 16}")
    page.keyboard.press("Control+Shift+z")
    assert frame(page)["left"] == 32
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    made = newest(page)
    assert [made[f"extend_{side}"] for side in ("left", "right", "top", "bottom")] == [32, 64, 16, 0]
    assert made["mask"]
    page.wait_for_function(f"async (width) => (await ({FRAME})()).laid === width", arg=width + 96)
    page.get_by_role("button", name="Go on with it").click()
    expect(results(page)).to_have_count(0)
    assert page.evaluate(FRAME)["size"] == [width + 96, height + 16]
    assert frame(page) == {"left": 0, "top": 0, "right": 0, "bottom": 0}


@pytest.mark.slow
def test_a_picture_is_extended_without_a_mask_and_its_parameters_come_back(sent: Page) -> None:
    page = sent
    page.locator("#ez-acc-extend > button.label-wrap").click()
    page.get_by_label("Extend bottom", exact=True).fill("64")
    page.get_by_label("Extend bottom", exact=True).press("Enter")
    field(page, "extend_rounds").fill("2")
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    made = newest(page)
    assert (made["extend_bottom"], made["extend_rounds"], made["mask"]) == (64, 2, "")
    page.get_by_role("button", name="Reset", exact=True).click()
    assert frame(page)["bottom"] == 0
    # Sent on, the picture is not extended once more; by its parameters it is.
    send(page, "Inpaint")
    expect(results(page)).to_have_count(0)
    assert frame(page)["bottom"] == 0
    open_history(page)
    page.locator(".ez-cell").first.click()
    page.get_by_role("button", name="Use parameters").locator("visible=true").click()
    expect(page.get_by_role("tab", name="Inpaint")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#ez-acc-extend > button.label-wrap")).to_have_attribute("data-sum", "bottom 64, rounds 2")
    assert frame(page)["bottom"] == 64


# drawing in tiles


@pytest.mark.slow
def test_a_picture_is_enlarged_in_tiles(page: Page) -> None:
    generate(page, "a round house", steps=2)
    expect_picture(page, "a round house")
    send(page, "img2img")
    expect(canvas(page, "img2img").get_by_role("toolbar", name="Tools")).to_be_visible()
    section = page.locator("#ez-acc-tiles > button.label-wrap")
    expect(section).to_have_attribute("data-sum", "Off")
    section.click()
    expect(page.locator("#ez-tiles")).to_have_js_property("inert", True)
    page.locator("#ez-field-tiled_drawing").get_by_label("MultiDiffusion").check()
    expect(page.locator("#ez-tiles")).to_have_js_property("inert", False)
    field(page, "tiled_scale").fill("2")
    field(page, "drawn_tile").fill("64")
    field(page, "drawn_overlap").fill("16")
    expect(section).to_have_attribute("data-sum", "MultiDiffusion, 2 ×, tiles 64")
    page.locator("#ez-generate").click()
    expect(results(page, "img2img")).to_have_count(1)
    made = newest(page)
    assert (made["tiled_drawing"], made["tiled_scale"], made["drawn_tile"]) == ("MultiDiffusion", 2, 64)
    open_page(page, "inpaint")
    expect(section).to_be_hidden()


@pytest.mark.slow
def test_generate_says_that_exactly_this_was_made_from_the_same_picture_and_mask(sent: Page) -> None:
    page = sent
    told = page.locator("#ez-page-inpaint .ez-made-before, .ez-made-before").locator("visible=true")
    paint(page)
    field(page, "seed").fill("77")
    page.locator("#ez-generate").click()
    expect(results(page)).to_have_count(1)
    expect(told).to_contain_text("You made exactly this today")
    page.keyboard.press("Control+z")  # the stroke
    expect(told).to_have_count(0)
    page.keyboard.press("Control+Shift+z")
    expect(told).to_contain_text("You made exactly this today")
    field(page, "seed").fill("")
    expect(told).to_have_count(0)

    open_page(page, "txt2img")
    send(page, "img2img")
    expect(canvas(page, "img2img").get_by_role("toolbar", name="Tools")).to_be_visible()
    field(page, "seed").fill("78")
    page.locator("#ez-generate").click()
    expect(results(page, "img2img")).to_have_count(1)
    expect(told).to_contain_text("You made exactly this today")
    told.get_by_role("button", name="Show").click()
    expect(page.get_by_role("complementary", name="Picture")).to_contain_text("78")

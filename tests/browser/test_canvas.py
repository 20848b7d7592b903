"""The painting canvas, with a real pointer: strokes land where the pointer is, and no stroke is ever lost."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
import pytest
from canvas_page import (
    Store,
    board,
    brushed,
    canvas_server,
    circle,
    exported,
    is_close,
    mask,
    on_picture,
    picture,
    png,
    put_in,
    ready,
    screen,
    set_brush,
    stroke,
    view,
)
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, BrowserContext, Page, expect

SIZE = (320, 240)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Store]]:
    with canvas_server() as served:
        yield served


@pytest.fixture(scope="module")
def context(browser: Browser, served: tuple[str, Store]) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1200, "height": 800}, reduced_motion="reduce")
    trouble: list[str] = []
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    yield context
    context.close()
    assert trouble == []


@pytest.fixture(scope="module")
def opened(context: BrowserContext, served: tuple[str, Store]) -> Page:
    page = context.new_page()
    page.goto(served[0])
    ready(page)
    return page


@pytest.fixture
def page(opened: Page) -> Page:
    """The canvas with a fresh picture of 320 x 240 on it, and the brush in hand."""
    put_in(opened, picture(*SIZE))
    opened.keyboard.press("b")
    return opened


def test_a_stroke_is_where_the_pointer_was(page: Page) -> None:
    set_brush(page, size=20)
    first = stroke(page, (40, 40), (120, 90), (200, 60))
    expected = brushed(SIZE, first, 20)
    assert is_close(mask(page), expected)
    set_brush(page, size=30, softness=0.6)
    second = stroke(page, (60, 180), (250, 180))
    expected = np.maximum(expected, brushed(SIZE, second, 30, 0.6))
    assert is_close(mask(page), expected)
    page.keyboard.press("e")
    set_brush(page, size=16)
    third = stroke(page, (100, 20), (100, 220))
    erased = np.floor(expected * (1 - brushed(SIZE, third, 16) / 255.0) + 0.5)
    assert is_close(mask(page), erased)


def test_after_zoom_and_pan_too(page: Page) -> None:
    set_brush(page, size=9)
    x, y = screen(page, 250, 60)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -900)
    expect(page.get_by_role("toolbar", name="View")).not_to_contain_text("100 %")
    at = view(page)
    assert at["scale"] > 5
    corner = board(page).bounding_box()
    assert corner is not None
    # What lay under the pointer still does.
    assert abs((x - corner["x"] - at["x"]) / at["scale"] - 250) < 0.5
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(x - 90, y + 70)
    page.mouse.up()
    page.keyboard.up(" ")
    moved = view(page)
    assert (moved["x"] - at["x"], moved["y"] - at["y"]) == (-90, 70)
    points = stroke(page, (240, 50), (262.4, 63.7))
    assert is_close(mask(page), brushed(SIZE, points, 9))
    page.keyboard.press("0")
    assert view(page)["scale"] < 5


def test_steps_back_and_forth_and_over_a_reload(page: Page) -> None:
    set_brush(page, size=12)
    states = [mask(page)]
    for key, x in (("b", 40), ("b", 60), ("e", 50)):
        page.keyboard.press(key)
        stroke(page, (x, 20), (x + 10, 200))
        states.append(mask(page))
    page.keyboard.press("Control+z")
    assert np.array_equal(mask(page), states[2])
    page.reload()
    ready(page)
    assert np.array_equal(mask(page), states[2])
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(mask(page), states[3])
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert not mask(page).any()
    expect(page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+y")
    assert np.array_equal(mask(page), states[1])
    # Something new takes the place of what was undone, on disk, too.
    stroke(page, (200, 20), (200, 200))
    now = mask(page)
    page.reload()
    ready(page)
    assert np.array_equal(mask(page), now)
    page.keyboard.press("Control+y")
    assert np.array_equal(mask(page), now)
    page.keyboard.press("Control+z")
    assert np.array_equal(mask(page), states[1])


def test_undo_in_the_middle_of_a_stroke_takes_back_that_stroke_alone(page: Page) -> None:
    put_in(page, picture(200, 150))
    set_brush(page, size=20)
    stroke(page, (30, 30), (90, 30))
    before = mask(page)
    page.mouse.move(*screen(page, 40, 100))
    page.mouse.down()
    page.mouse.move(*screen(page, 120, 100))
    assert not np.array_equal(mask(page), before)
    page.keyboard.press("Control+z")
    page.mouse.up()
    assert np.array_equal(mask(page), before)
    page.keyboard.press("Control+z")
    assert not mask(page).any()


@pytest.mark.slow
def test_a_hundred_steps(page: Page) -> None:
    set_brush(page, size=12)
    states = [mask(page)]
    for index in range(100):
        if index == 50:
            page.keyboard.press("e")
        stroke(page, (10 + 3 * (index % 50), 20), (14 + 3 * (index % 50), 200))
        if index % 25 == 24:
            states.append(mask(page))
    for back in range(100):
        page.keyboard.press("Control+z")
        if back % 25 == 24:
            assert np.array_equal(mask(page), states[3 - back // 25])
    expect(page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")
    for _ in range(50):
        page.keyboard.press("Control+Shift+z")
    assert np.array_equal(mask(page), states[2])
    page.reload()
    ready(page)
    assert np.array_equal(mask(page), states[2])
    for _ in range(50):
        page.keyboard.press("Control+Shift+z")
    assert np.array_equal(mask(page), states[4])
    for _ in range(100):
        page.keyboard.press("Control+z")
    assert not mask(page).any()


def test_the_last_stroke_before_the_page_is_closed_is_kept(context: BrowserContext, served: tuple[str, Store]) -> None:
    page = context.new_page()
    page.goto(served[0])
    ready(page)
    put_in(page, picture(*SIZE))
    set_brush(page, size=24)
    points = stroke(page, (30, 30), (200, 200))
    page.close()
    again = context.new_page()
    again.goto(served[0])
    ready(again)
    assert is_close(mask(again), brushed(SIZE, points, 24))
    expect(again.locator(".ez-layers")).to_contain_text("picture.png, 320 × 240")
    again.close()


@pytest.mark.slow
def test_a_second_tab_goes_on_with_a_copy(page: Page, context: BrowserContext, served: tuple[str, Store]) -> None:
    set_brush(page, size=24)
    stroke(page, (30, 30), (100, 100))
    before = mask(page)
    other = context.new_page()
    other.goto(served[0])
    ready(other)
    assert np.array_equal(mask(other), before)
    stroke(other, (200, 30), (300, 100))
    both = mask(other)
    other.keyboard.press("Control+z")
    other.keyboard.press("Control+z")
    assert not mask(other).any()
    page.reload()
    ready(page)
    assert np.array_equal(mask(page), before)
    other.keyboard.press("Control+y")
    other.keyboard.press("Control+y")
    other.reload()
    ready(other)
    assert np.array_equal(mask(other), both)
    other.close()


def test_hidden_and_shown_again_nothing_has_changed(page: Page) -> None:
    set_brush(page, size=24)
    page.evaluate("document.querySelector('main').style.display = 'none'")
    page.evaluate("document.querySelector('main').style.display = ''")
    points = stroke(page, (30, 30), (200, 200))
    page.evaluate("document.querySelector('main').style.display = 'none'")
    page.evaluate("document.querySelector('main').style.display = ''")
    more = stroke(page, (290, 30), (290, 200))
    assert is_close(mask(page), np.maximum(brushed(SIZE, points, 24), brushed(SIZE, more, 24)))


def test_rectangle_lasso_fill_invert_and_clear(page: Page) -> None:
    page.keyboard.press("r")
    corners = stroke(page, (20, 30), (90, 80))
    (left, top), (right, bottom) = [(round(x), round(y)) for x, y in corners]
    expected = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    expected[top:bottom, left:right] = 255
    assert np.array_equal(mask(page), expected)

    page.keyboard.press("l")
    points = stroke(page, *circle(220, 120, 40))
    expected = np.maximum(expected, inside_convex(points))
    assert np.abs(mask(page).astype(int) - expected).max() <= 16

    page.keyboard.press("Delete")
    assert not mask(page).any()
    page.keyboard.press("b")
    set_brush(page, size=8)
    ring = [*circle(160, 120, 50), (210, 120)]
    outline = stroke(page, *ring)
    page.keyboard.press("g")
    page.mouse.click(*screen(page, 160, 120))
    page.wait_for_function("canvas.painting.history.last.words === 'Fill'")
    ys, xs = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    distance = np.hypot(xs - 160, ys - 120)
    filled = mask(page)
    assert (filled[distance < 45] == 255).all()
    assert is_close(filled[distance > 50], brushed(SIZE, outline, 8)[distance > 50])

    page.keyboard.press("i")
    assert np.array_equal(mask(page), 255 - filled)


def inside_convex(points: list[tuple[float, float]], parts: int = 8) -> np.ndarray:
    """The share of each pixel's area inside a convex line, 0 to 255, counted out over parts x parts points of each."""
    left, top = (math.floor(min(values)) for values in zip(*points, strict=True))
    right, bottom = (math.ceil(max(values)) for values in zip(*points, strict=True))
    ys, xs = (np.mgrid[0 : (bottom - top) * parts, 0 : (right - left) * parts] + 0.5) / parts
    inside = np.ones(xs.shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        inside &= (bx - ax) * (ys + top - ay) - (by - ay) * (xs + left - ax) >= 0
    result = np.zeros((SIZE[1], SIZE[0]), int)
    result[top:bottom, left:right] = np.rint(255 * inside.reshape(bottom - top, parts, right - left, parts).mean((1, 3)))
    return result


def test_with_alt_a_tool_takes_away(page: Page) -> None:
    page.keyboard.press("i")
    page.keyboard.press("r")
    page.keyboard.down("Alt")
    (left, top), (right, bottom) = [(round(x), round(y)) for x, y in stroke(page, (20, 30), (90, 80))]
    page.keyboard.up("Alt")
    expected = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    expected[top:bottom, left:right] = 0
    assert np.array_equal(mask(page), expected)


def test_grow_shrink_and_blur(page: Page) -> None:
    set_brush(page, size=30)
    stroke(page, (100, 100), (180, 140))
    before = mask(page)
    amount = page.get_by_role("spinbutton", name="By how many pixels")
    amount.fill("5")
    offsets = [(dx, dy) for dy in range(-5, 6) for dx in range(-5, 6) if dx * dx + dy * dy <= 25]

    def spread(values: np.ndarray, pick: np.ufunc, outside: int) -> np.ndarray:
        padded = np.pad(values, 5, constant_values=outside)
        result = values
        for dx, dy in offsets:
            result = pick(result, padded[5 + dy : 5 + dy + SIZE[1], 5 + dx : 5 + dx + SIZE[0]])
        return result

    page.get_by_role("button", name="Grow").click()
    page.wait_for_function("canvas.painting.history.last.words.startsWith('Grow')")
    grown = mask(page)
    assert np.array_equal(grown, spread(before, np.maximum, 0))
    page.get_by_role("button", name="Shrink").click()
    page.wait_for_function("canvas.painting.history.last.words.startsWith('Shrink')")
    assert np.array_equal(mask(page), spread(grown, np.minimum, 0))
    page.get_by_role("button", name="Blur").click()
    page.wait_for_function("canvas.painting.history.last.words.startsWith('Blur')")
    reference = np.asarray(Image.fromarray(spread(grown, np.minimum, 0)).filter(ImageFilter.GaussianBlur(5))).astype(int)
    assert np.abs(mask(page).astype(int) - reference).max() < 12
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    assert np.array_equal(mask(page), before)


@pytest.mark.slow
def test_masks_are_saved_named_and_used_on_another_size(page: Page) -> None:
    page.keyboard.press("r")
    stroke(page, (0, 0), (160, 240))
    page.get_by_role("button", name="Save mask").click()
    name = page.get_by_label("Name of the mask")
    expect(name).to_have_value("Mask 1")
    name.fill("left half")
    name.blur()
    put_in(page, picture(640, 480), "larger.png")
    assert not mask(page).any()
    page.reload()
    ready(page)
    page.get_by_role("button", name="Use left half").click()
    page.get_by_role("menuitem", name="In place of the mask").click()
    page.wait_for_function("canvas.painting.history.last?.words === 'Load left half'")
    loaded = mask(page)
    assert (loaded[:, :318] == 255).all() and (loaded[:, 322:] == 0).all()
    page.keyboard.press("i")
    page.get_by_role("button", name="Use left half").click()
    page.get_by_role("menuitem", name="United with the mask").click()
    page.wait_for_function("canvas.painting.history.last.words === 'Add left half'")
    united = mask(page)
    assert np.array_equal(united, np.maximum(255 - loaded, loaded))
    page.get_by_role("button", name="Use left half").click()
    page.get_by_role("menuitem", name="Subtracted from the mask").click()
    page.wait_for_function("canvas.painting.history.last.words === 'Take away left half'")
    assert np.array_equal(mask(page), np.minimum(united, 255 - loaded))
    page.get_by_role("button", name="Remove left half").click()
    expect(name).to_have_count(0)
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    expect(name).to_have_value("left half")
    page.get_by_role("button", name="Remove left half").click()
    expect(name).to_have_count(0)


def drawn(page: Page) -> np.ndarray:
    """The picture as it would be sent, height x width x 3."""
    return np.asarray(Image.open(io.BytesIO(exported(page, "pictureFile"))).convert("RGB")).astype(int)


@pytest.mark.slow
def test_colour_is_painted_over_the_picture(page: Page) -> None:
    original = exported(page, "pictureFile")
    assert original == picture(*SIZE), "without a sketch it is the very file"
    source = drawn(page)
    page.get_by_role("button", name="Colour sketch Empty").click()
    page.get_by_label("Colour", exact=True).fill("#3060c0")
    set_brush(page, size=40)
    points = stroke(page, (50, 50), (250, 180))
    cover = brushed(SIZE, points, 40)
    painted = drawn(page)
    assert np.array_equal(painted[cover == 0], source[cover == 0])
    assert (painted[cover == 255] == (0x30, 0x60, 0xC0)).all()
    assert not mask(page).any()

    page.keyboard.press("e")
    set_brush(page, size=16)
    erased = brushed(SIZE, stroke(page, (150, 10), (150, 230)), 16)
    both = drawn(page)
    assert np.array_equal(both[erased == 255], source[erased == 255])
    assert np.array_equal(both[erased == 0], painted[erased == 0])

    page.keyboard.press("b")
    page.get_by_label("Colour", exact=True).fill("#ffffff")
    set_brush(page, size=30, opacity=0.5)
    half = brushed(SIZE, stroke(page, (20, 210), (300, 210)), 30)
    mixed = (half == 255) & (cover == 0)
    assert np.abs(drawn(page)[mixed] - (source[mixed] + 255) / 2).max() <= 2
    for before in (both, painted, source):
        page.keyboard.press("Control+z")
        assert np.array_equal(drawn(page), before)
    assert exported(page, "pictureFile") == original


def test_colours_are_picked_and_kept_in_a_palette(page: Page) -> None:
    page.get_by_role("button", name="Colour sketch Empty").click()
    colour, palette = page.get_by_label("Colour", exact=True), page.get_by_role("group", name="Palette").get_by_role("button")
    expect(palette).to_have_count(8)
    source = drawn(page)
    set_brush(page, size=40)

    def seen(x: float, y: float) -> str:
        column, row = (int(side) for side in on_picture(page, *screen(page, x, y)))
        return "#" + "".join(f"{value:02x}" for value in source[row, column])

    page.keyboard.down("Alt")
    page.mouse.click(*screen(page, 60.5, 70.5))
    page.keyboard.up("Alt")
    expect(colour).to_have_value(seen(60.5, 70.5))
    assert exported(page, "pictureFile") == picture(*SIZE), "picking paints nothing"
    stroke(page, (200, 60), (200, 62))
    expect(palette.and_(page.locator("[aria-pressed=true]"))).to_have_attribute("title", seen(60.5, 70.5))
    places = palette.evaluate_all("(all) => all.map((one) => one.title)")

    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pick a colour (P)")).to_have_attribute("aria-pressed", "true")
    page.mouse.click(*screen(page, 120.5, 30.5))
    expect(colour).to_have_value(seen(120.5, 30.5))
    expect(page.get_by_role("button", name="Brush (B)")).to_have_attribute("aria-pressed", "true")
    # From the sketch itself, too.
    page.keyboard.press("p")
    page.mouse.click(*screen(page, 200, 61))
    expect(colour).to_have_value(seen(60.5, 70.5))
    assert palette.evaluate_all("(all) => all.map((one) => one.title)") == places, "what was only picked takes no place"
    palette.first.click()
    expect(colour).to_have_value(places[0])
    # On the mask there is nothing to be coloured, and Alt takes away.
    page.get_by_role("button", name="Mask Empty").click()
    expect(palette.first).to_be_hidden()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Brush (B)")).to_have_attribute("aria-pressed", "true")


def test_a_pen_presses(page: Page, context: BrowserContext) -> None:
    set_brush(page, size=40)
    pen = context.new_cdp_session(page)
    for kind, x, force in (("mousePressed", 60, 0.5), ("mouseMoved", 160, 0.5), ("mouseReleased", 160, 0.5)):
        at = screen(page, x, 120)
        pen.send(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": at[0], "y": at[1], "button": "left", "buttons": 1, "clickCount": 1, "force": force, "pointerType": "pen"},
        )
    column = mask(page)[:, 110]
    assert 18 <= (column > 127).sum() <= 22, "half the pressure, half the size"


def test_one_finger_draws_and_two_pinch(page: Page, context: BrowserContext) -> None:
    set_brush(page, size=20)
    fingers = context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", screen(page, 50, 50))
    touch("touchMove", screen(page, 150, 50))
    touch("touchEnd")
    drawn = mask(page)
    assert drawn[50, 100] == 255
    at = view(page)
    one, other = screen(page, 100, 150), screen(page, 200, 150)
    touch("touchStart", one)
    touch("touchStart", one, other)
    touch("touchMove", (one[0] - 100, one[1]), (other[0] + 100, other[1]))
    touch("touchEnd")
    assert np.array_equal(mask(page), drawn), "the first finger of two draws nothing"
    assert view(page)["scale"] > at["scale"] * 1.2


def test_keys_and_names(page: Page) -> None:
    toolbar = page.get_by_role("toolbar", name="Tools")
    expect(toolbar.get_by_role("button", name="Brush (B)")).to_have_attribute("aria-pressed", "true")
    for key, name in (("e", "Eraser (E)"), ("l", "Lasso (L)"), ("r", "Rectangle (R)"), ("g", "Fill (G)"), ("b", "Brush (B)")):
        page.keyboard.press(key)
        expect(toolbar.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    # One stop for Tab, arrow keys inside.
    stops = toolbar.locator("button[tabindex='0']")
    expect(stops).to_have_count(1)
    toolbar.get_by_role("button", name="Brush (B)").focus()
    page.keyboard.press("ArrowDown")
    expect(toolbar.get_by_role("button", name="Eraser (E)")).to_be_focused()
    size = page.get_by_label("Size").input_value()
    page.keyboard.press("]")
    assert page.get_by_label("Size").input_value() != size
    softness = page.evaluate("canvas.brush.softness")
    page.keyboard.press("Shift+]")
    assert page.evaluate("canvas.brush.softness") > softness
    page.keyboard.press("[")
    page.keyboard.press("m")
    assert board(page).bounding_box() == {"x": 0, "y": 52, "width": 1200, "height": 748}
    page.keyboard.press("Escape")
    page.keyboard.down("\\")
    assert page.evaluate("canvas.board.plain") is True
    page.keyboard.up("\\")
    assert page.evaluate("canvas.board.plain") is False
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input')].filter((element) => element.checkVisibility())
            .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.length))
            .map((element) => element.outerHTML)"""
    )
    assert nameless == []


def test_the_mask_and_its_edge_are_drawn(page: Page) -> None:
    """Seen, not only stored: half transparent inside, and a dashed edge in the mask's colour and white."""
    page.keyboard.press("r")
    stroke(page, (80, 60), (240, 180))
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    x, y = screen(page, 160, 120)
    source = np.asarray(Image.open(io.BytesIO(picture(*SIZE))).convert("RGB")).astype(int)[120, 160]
    assert np.abs(shot[y, x] - source).max() > 10
    left, middle = screen(page, 80, 120)
    edge = shot[middle - 20 : middle + 20, left - 1 : left + 2].reshape(-1, 3)
    assert (edge == (255, 255, 255)).all(1).any()
    assert (edge == (0xE4, 0x49, 0x2F)).all(1).any()


def test_nothing_is_uploaded_twice(page: Page, served: tuple[str, Store]) -> None:
    store = served[1]
    send = "async () => [await upload(await canvas.pictureFile()), await upload(await canvas.maskFile())]"
    stroke(page, (50, 50), (200, 200))
    first = page.evaluate(send)
    assert all(sha256 in store.images for sha256 in first)
    received = store.received
    assert page.evaluate(send) == first
    page.reload()
    ready(page)
    assert page.evaluate(send) == first
    assert store.received == received
    stroke(page, (50, 200), (200, 50))
    assert page.evaluate(send)[0] == first[0]
    assert 0 < store.received - received < 5000


def test_a_file_that_is_no_picture_is_refused(page: Page) -> None:
    said = page.evaluate(
        """async () => { try { await canvas.open(new File(["text"], "notes.png")); } catch (error) { return error.message; } }"""
    )
    assert said == "notes.png is not a picture that the browser can read."
    assert page.evaluate("canvas.painting.name") == "picture.png"


def test_a_mask_with_transparency_is_read_by_its_alpha(page: Page) -> None:
    pixels = np.zeros((24, 32, 4), np.uint8)
    pixels[:, 16:] = 255
    for data in (png(pixels), png(pixels[..., 3])):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Load mask").click()
            page.get_by_role("menuitem", name="In place of the mask").click()
        chooser.value.set_files({"name": "half.png", "mimeType": "image/png", "buffer": data})
        page.wait_for_function("canvas.painting.history.last?.words === 'Load half.png'")
        loaded = mask(page)
        assert (loaded[:, :150] == 0).all() and (loaded[:, 170:] == 255).all()
        page.keyboard.press("Control+z")

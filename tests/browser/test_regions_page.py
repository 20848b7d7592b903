"""Regions on the page: painted with a real pointer, sent with the right pixels, kept over reloads, brought back from history."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from easel_page import expect_picture, field, generate, no_sideways_scroll, open_history, prompt
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor, ready

FRONT = """async () => {
    const address = performance.getEntriesByType("resource").map((entry) => entry.name).find((name) => name.endsWith("/source.js"));
    const canvas = (await import(address)).canvasInFront();
    const { view } = canvas.board;
    return { scale: view.scale, x: view.x, y: view.y, width: canvas.painting.width, height: canvas.painting.height };
}"""


def summary(page: Page) -> Locator:
    return page.locator("#ez-acc-regions > button")


def region(page: Page, number: int = 1) -> Locator:
    return page.get_by_role("region", name=f"Region {number}", exact=True)


def words(page: Page, number: int = 1) -> Locator:
    return page.get_by_label(f"Prompt of region {number}")


def board(page: Page) -> Locator:
    return page.locator(".ez-regions-board").get_by_role("application", name="Canvas")


def add(page: Page) -> None:
    page.locator("#ez-regions").get_by_role("button", name="Add a region").click()
    expect(board(page)).to_be_focused()


def paint(page: Page, number: int = 1) -> None:
    region(page, number).get_by_role("button", name="Paint").click()
    expect(board(page)).to_be_focused()


def drag(page: Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Press at the first point of the picture, move over the others, lift. Returns the points that the mouse really met."""
    view, corner = page.evaluate(FRONT), board(page).bounding_box()
    assert corner is not None
    left, top = corner["x"] + view["x"], corner["y"] + view["y"]
    met = [(round(left + x * view["scale"]), round(top + y * view["scale"])) for x, y in points]
    page.mouse.move(*met[0])
    page.mouse.down()
    for point in met[1:]:
        page.mouse.move(*point, steps=3)
    page.mouse.up()
    return [((x - left) / view["scale"], (y - top) / view["scale"]) for x, y in met]


def rectangle(page: Page, *corners: tuple[float, float]) -> np.ndarray[Any, Any]:
    """Draw one; the mask that it is to give, by the very points that the mouse met."""
    page.keyboard.press("r")
    size = page.evaluate(FRONT)
    (left, right), (top, bottom) = (
        sorted(int(np.floor(value + 0.5)) for value in side) for side in zip(*drag(page, *corners), strict=True)
    )
    mask = np.zeros((size["height"], size["width"]), np.uint8)
    mask[max(top, 0) : bottom, max(left, 0) : right] = 255
    return mask


def asked_by_last_job(server: Server) -> dict[str, Any]:
    (job,) = httpx.get(f"{server.url}/api/v1/jobs", params={"limit": 1}).json()["jobs"]
    return httpx.get(f"{server.url}/api/v1/jobs/{job['id']}/request").json()


def mask_of(server: Server, told: dict[str, Any]) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(httpx.get(f"{server.url}/api/v1/images/{told['mask']}").content)) as picture:
        assert picture.mode == "L"
        return np.asarray(picture)


@pytest.fixture
def divided(page: Page) -> Iterator[Page]:
    """The section is open."""
    expect(summary(page)).to_have_attribute("data-sum", "None")
    summary(page).click()
    yield page


def test_what_is_painted_is_what_the_job_gets(divided: Page, server: Server) -> None:
    page = divided
    field(page, "width").fill("192")
    add(page)
    wanted = rectangle(page, (-3, -3), (96, 130))
    words(page).fill("a red apple, (shiny:1.2)")
    region(page).get_by_label("Weight").fill("0.8")
    page.locator(".ez-regions-bar").get_by_role("button", name="New region").click()
    expect(region(page, 2)).to_contain_text("Paint where it is")
    expect(board(page)).to_be_focused()
    expect(words(page, 2)).to_be_in_viewport(ratio=1)
    page.keyboard.press("l")
    drag(page, (110, 10), (180, 10), (180, 100), (110, 100))
    words(page, 2).fill("a frog")
    expect(summary(page)).to_have_attribute("data-sum", "2 regions")
    generate(page, "two things", steps=2)
    expect(page.locator(".ez-regions-board")).to_have_count(0)
    expect_picture(page, "two things")
    first, second = asked_by_last_job(server)["regions"]
    told = {"prompt": "a red apple, (shiny:1.2)", "weight": 0.8, "start": 0, "end": 1}
    assert {name: first[name] for name in told} == told
    assert wanted.shape[1] == 192
    assert np.array_equal(mask_of(server, first), wanted)
    lasso = mask_of(server, second)
    assert second["prompt"] == "a frog"
    assert lasso[20:90, 120:170].min() == 255 and lasso[:, :100].max() == 0


def test_regions_stay_over_a_reload_with_their_strokes(divided: Page, server: Server) -> None:
    page = divided
    add(page)
    once = rectangle(page, (8, 8), (40, 40))
    twice = np.maximum(once, rectangle(page, (60, 60), (90, 90)))
    words(page).fill("kept")
    expect(summary(page)).to_have_attribute("data-sum", "1 region")
    page.get_by_role("button", name="Done", exact=True).first.click()
    page.reload()
    ready(page)
    expect(summary(page)).to_have_attribute("data-sum", "1 region")
    expect(words(page)).to_have_value("kept")
    generate(page, "after a reload", steps=2)
    expect_picture(page, "after a reload")
    assert np.array_equal(mask_of(server, asked_by_last_job(server)["regions"][0]), twice)
    paint(page)
    page.keyboard.press("Control+z")
    # Generate waits for what was painted last, however soon it comes.
    generate(page, "one step back", steps=2)
    expect_picture(page, "one step back")
    assert np.array_equal(mask_of(server, asked_by_last_job(server)["regions"][0]), once)


@pytest.mark.slow
def test_switched_off_lowered_removed_and_brought_back(divided: Page, server: Server) -> None:
    page = divided
    for number, (left, right) in enumerate(((0, 50), (60, 100)), 1):
        add(page)
        rectangle(page, (left, 0), (right, 90))
        words(page, number).fill(f"thing {number}")
        expect(summary(page)).to_have_attribute("data-sum", "1 region" if number == 1 else "2 regions")
    page.get_by_role("button", name="Done", exact=True).first.click()
    region(page, 2).get_by_role("button", name="Lower region 2").click()
    expect(words(page, 1)).to_have_value("thing 2")
    region(page, 2).get_by_role("switch").click()
    expect(summary(page)).to_have_attribute("data-sum", "1 region")
    region(page, 2).get_by_role("switch").click()
    region(page, 1).get_by_role("button", name="Remove region 1").click()
    expect(words(page, 1)).to_have_value("thing 1")
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    expect(words(page, 2)).to_have_value("thing 1")
    generate(page, "laid anew", steps=2)
    expect_picture(page, "laid anew")
    assert [told["prompt"] for told in asked_by_last_job(server)["regions"]] == ["thing 2", "thing 1"]
    # All of it comes back from history.
    for _ in range(2):
        region(page, 1).get_by_role("button", name="Remove region 1").click()
    expect(summary(page)).to_have_attribute("data-sum", "None")
    open_history(page)
    page.locator("#ez-history .ez-cell").first.click()
    page.keyboard.press("u")
    expect(summary(page)).to_have_attribute("data-sum", "2 regions")
    page.get_by_role("tab", name="txt2img").click()
    expect(words(page, 1)).to_have_value("thing 2")
    paint(page)
    generate(page, "and once more", steps=2)
    expect_picture(page, "and once more")
    once, again = (mask_of(server, told) for told in asked_by_last_job(server)["regions"])
    assert once[:80, 62:98].min() == 255 and again[:80, :48].min() == 255 and again[:, 55:].max() == 0


@pytest.mark.slow
def test_on_img2img_regions_lie_over_the_picture_that_is_there(divided: Page, server: Server) -> None:
    page = divided
    picture = io.BytesIO()
    Image.new("RGB", (200, 100), "teal").save(picture, "PNG")
    page.get_by_role("tab", name="img2img").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#ez-page-img2img").get_by_role("button", name="Choose a file").click()
    chooser.value.set_files({"name": "teal.png", "mimeType": "image/png", "buffer": picture.getvalue()})
    expect(page.locator("#ez-page-img2img .ez-canvas").get_by_role("toolbar", name="Tools")).to_be_visible()
    add(page)
    wanted = rectangle(page, (100, -3), (203, 103))
    words(page).fill("a boat")
    prompt(page).fill("a lake")
    field(page, "steps").fill("2")
    expect(summary(page)).to_have_attribute("data-sum", "1 region")
    page.locator("#ez-generate").click()
    expect(page.locator("#ez-page-img2img .ez-results button.pic:not(.ez-wait)")).not_to_have_count(0)
    asked = asked_by_last_job(server)
    assert asked["kind"] == "img2img"
    assert wanted.shape == (100, 200)
    assert np.array_equal(mask_of(server, asked["regions"][0]), wanted)


@pytest.mark.slow
def test_it_can_be_used_by_keys_and_in_a_narrow_window(new_visitor: Callable[..., Visitor], server: Server) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 800}).open()
    summary(page).click()
    add(page)
    rectangle(page, (10, 10), (60, 60))
    assert no_sideways_scroll(page)
    page.keyboard.press("Escape")
    expect(page.locator(".ez-regions-board")).to_have_count(0)
    expect(summary(page)).to_have_attribute("data-sum", "1 region")
    assert no_sideways_scroll(page)

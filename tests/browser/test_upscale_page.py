"""The Upscale page: one picture, many, a folder, some of history; before and after; a batch watched, paused, resumed, found again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from easel_page import expect_picture, generate, no_sideways_scroll, open_history
from playwright.sync_api import Locator, Page, expect
from test_batch_page import DROP, png
from visiting import Visitor


def upscale(page: Page) -> Locator:
    return page.locator("#ez-upscale")


def open_upscale(page: Page) -> None:
    page.get_by_role("tab", name="Upscale", exact=True).click()
    expect(go(page)).to_be_visible()


def go(page: Page) -> Locator:
    return page.locator("#ez-upscale-go")


def plan(page: Page) -> Locator:
    return upscale(page).locator(".ez-foot [role=status]").last


def picture(page: Page) -> Locator:
    """What is looked at: before and after."""
    return upscale(page).locator(".ez-loupe")


def facts(page: Page) -> Locator:
    return upscale(page).locator(".ez-facts")


def panel(page: Page) -> Locator:
    return upscale(page).locator(".ez-up-batch")


def rows(page: Page) -> Locator:
    return panel(page).get_by_role("option")


def put_in(page: Page, name: str = "boat.png", size: tuple[int, int] = (48, 32)) -> None:
    with page.expect_file_chooser() as chooser:
        upscale(page).get_by_role("button", name="Choose a file").click()
    chooser.value.set_files([{"name": name, "mimeType": "image/png", "buffer": png((200, 120, 40), size)}])
    expect(upscale(page).locator(".ez-up-one")).to_contain_text(name)


def drop(page: Page, files: dict[str, bytes]) -> None:
    import base64

    script = DROP.replace("`#ez-page-${page} .ez-easel`", '"#ez-upscale .ez-up-stage"')
    page.evaluate(script, ["upscale", [[name, base64.b64encode(data).decode()] for name, data in files.items()]])


def newest(page: Page) -> dict[str, Any]:
    return httpx.get(page.evaluate("location.origin") + "/api/v1/history?limit=1").json()["items"][0]


@pytest.fixture(autouse=True)
def nothing_is_left(page: Page) -> None:
    """Batches that others left are closed: the page shows the one that ended last."""
    page.evaluate(
        """async () => {
            const {items} = await (await fetch("/api/v1/batches")).json();
            for (const {id, status} of items) {
                if (["active", "paused"].includes(status)) await fetch(`/api/v1/batches/${id}/cancel`, {method: "POST"});
                await fetch(`/api/v1/batches/${id}`, {method: "DELETE"});
            }
        }"""
    )


def test_a_picture_is_put_in_made_larger_and_compared(page: Page) -> None:
    page.locator("body").press("4")
    expect(plan(page)).to_have_text("Drop one here, or choose a file.")
    go(page).click()
    expect(upscale(page).get_by_role("alert")).to_contain_text("There is no picture to upscale.")
    put_in(page)
    expect(upscale(page).get_by_role("alert")).to_have_count(0)
    expect(plan(page)).to_contain_text("1 picture, 192 × 128")
    upscale(page).get_by_role("radio", name="2 ×").click()
    expect(upscale(page).get_by_label("Enlarge by")).to_have_value("2")
    upscale(page).get_by_label("Upscaler", exact=True).select_option("Nearest")
    expect(plan(page)).to_contain_text("96 × 64")
    page.keyboard.press("Control+Enter")
    expect(facts(page)).to_contain_text("Nearest")
    expect(facts(page)).to_contain_text("boat.png")
    expect(picture(page)).to_contain_text("Before, 48 × 32")
    expect(picture(page)).to_contain_text("After, 96 × 64")
    image = newest(page)
    assert (image["kind"], image["width"], image["height"]) == ("upscale", 96, 64)

    # The line is moved by the keyboard; the picture is scaled, and fits in again.
    knob = picture(page).get_by_role("slider", name="Between before and after")
    knob.press("End")
    expect(knob).to_have_attribute("aria-valuenow", "100")
    picture(page).focus()
    before = picture(page).locator("img").first.bounding_box()
    page.keyboard.press("1")
    expect(picture(page).locator(".ez-loupe-scale")).not_to_have_text("100 %")
    page.keyboard.press("+")
    page.keyboard.press("+")
    larger = picture(page).locator("img").first.bounding_box()
    page.keyboard.press("0")
    assert before and larger and picture(page).locator("img").first.bounding_box() == before

    # It is found again, also by its address.
    page.reload()
    expect(facts(page)).to_contain_text("boat.png")
    expect(upscale(page).get_by_label("Enlarge by")).to_have_value("2")
    expect(upscale(page).get_by_label("Upscaler", exact=True)).to_have_value("Nearest")


@pytest.mark.slow
def test_it_is_sent_here_from_a_result_and_on_to_others(page: Page) -> None:
    generate(page, "a fox", steps=2)
    expect_picture(page, "a fox")
    page.keyboard.press("Escape")
    page.locator("body").press("s")
    page.keyboard.press("3")
    expect(page.locator("#ez-page-upscale")).to_be_visible()
    expect(upscale(page).locator(".ez-up-one")).to_contain_text(".png")
    page.locator(".ez-toast", has_text="Sent to Upscale").get_by_role("button", name="Undo").click()
    expect(page.locator("#ez-page-txt2img")).to_be_visible()
    page.locator("body").press("s")
    page.keyboard.press("3")
    go(page).click()
    expect(facts(page)).to_contain_text("Lanczos")
    assert newest(page)["prompt"] == "a fox"
    assert "Postprocess upscale by: 4" in newest(page)["infotext"]

    # Its words go along to img2img, the fields of the chain don't.
    page.get_by_label("Prompt", exact=True).evaluate("box => box.value")
    page.locator("body").press("s")
    page.keyboard.press("1")
    expect(page.locator("#ez-page-img2img .ez-canvas").get_by_role("toolbar", name="Tools")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a fox")

    # History has it, with a way back to what made it.
    open_history(page)
    page.locator("#ez-history .ez-cell").first.click()
    expect(page.locator("#ez-history .ez-side")).to_contain_text("Finishing")
    page.locator("#ez-history").get_by_role("button", name="Use parameters").click()
    expect(page.locator("#ez-page-upscale")).to_be_visible()
    expect(upscale(page).get_by_label("Enlarge by")).to_have_value("4")


def test_many_are_dropped_and_each_says_what_became_of_it(page: Page, visitor: Visitor) -> None:
    open_upscale(page)
    files = {f"IMG_{number}.png": png((number * 20, 40, 90), (20, 10)) for number in (10, 2, 1)}
    drop(page, {**files, "broken.png": b"no picture", "notes.txt": b"hello"})
    expect(upscale(page).get_by_role("radio", name="Several")).to_have_attribute("aria-checked", "true")
    expect(plan(page)).to_contain_text("4 pictures")
    upscale(page).get_by_role("radio", name="Scale to").click()
    upscale(page).get_by_label("Width", exact=True).fill("64")
    upscale(page).get_by_label("Height", exact=True).fill("64")
    upscale(page).get_by_role("button", name=re.compile("^Save With")).click()
    upscale(page).get_by_label("Folder of its own").fill("holiday")
    page.keyboard.press("Control+Enter")
    expect(panel(page)).to_contain_text("3 pictures done")
    # The browser says so as well.
    assert {trouble for trouble in visitor.trouble if not trouble.endswith(("/api/v1/images", "/api/v1/images)"))} == set()
    visitor.trouble.clear()
    expect(rows(page)).to_have_count(4)
    assert [row.locator(".grow").inner_text() for row in rows(page).all()] == ["broken.png", "IMG_1.png", "IMG_2.png", "IMG_10.png"]
    expect(rows(page).nth(0)).to_contain_text("Not a picture")
    expect(rows(page).nth(1)).to_contain_text("20 × 10 → 64 × 64")
    expect(rows(page).nth(1)).to_contain_text("Done")

    # With the keyboard from file to file.
    rows(page).nth(0).click()
    expect(upscale(page).locator(".ez-up-view")).to_contain_text("This is not a whole picture")
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_be_focused()
    expect(facts(page)).to_contain_text("IMG_1.png")
    page.keyboard.press("End")
    expect(facts(page)).to_contain_text("IMG_10.png")
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog", name="Full screen").locator("img").first).to_be_visible()
    page.keyboard.press("Escape")
    panel(page).get_by_role("button", name="1 failed").click()
    expect(rows(page)).to_have_count(1)
    panel(page).get_by_role("button", name="1 failed").click()
    image = newest(page)
    assert (image["file"], image["width"], image["height"]) == ("IMG_10.png", 64, 64)

    # After a reload it is still there, until it is closed.
    page.reload()
    expect(rows(page)).to_have_count(4)
    panel(page).get_by_role("button", name="Close").click()
    expect(panel(page)).to_be_hidden()


@pytest.mark.slow
def test_a_folder_is_named_interrupted_and_resumed(page: Page, tmp_path: Path, visitor: Visitor) -> None:
    for number in range(40):
        (tmp_path / f"frame{number}.png").write_bytes(png((number * 6, 40, 90)))
    open_upscale(page)
    upscale(page).get_by_role("radio", name="Folder").click()
    path = upscale(page).get_by_label("Folder on Easel's machine")
    path.fill("frames")
    path.press("Enter")
    expect(upscale(page).get_by_role("alert")).to_contain_text("Name the whole path of a folder.")
    visitor.trouble.clear()  # the browser says so as well
    path.fill(str(tmp_path))
    path.press("Enter")
    expect(upscale(page).locator(".ez-up-from .ez-count")).to_have_text("40")
    expect(plan(page)).to_contain_text("40 pictures")
    page.keyboard.press("Control+Enter")
    expect(panel(page)).to_contain_text(re.compile(r"Picture \d+ of 40"))
    expect(panel(page).locator(".ez-badge.acc")).to_contain_text("Tile")
    page.keyboard.press("Escape")
    expect(panel(page)).to_contain_text(re.compile(r"Paused at \d+ of 40"))
    # One that waits is looked at: it shows what became of it once that is there.
    rows(page).first.click()
    page.keyboard.press("End")
    expect(facts(page)).to_contain_text("Waiting")
    panel(page).get_by_role("button", name="Resume").click()
    expect(panel(page)).to_contain_text("40 pictures done", timeout=40_000)
    expect(facts(page)).to_contain_text("Lanczos")
    listed = httpx.get(page.evaluate("location.origin") + "/api/v1/batches").json()["items"][0]
    assert (listed["done"], listed["failed"], listed["cancelled"]) == (40, 0, 0)
    # The file that was to be interrupted may have been done just then, of which the browser tells.
    visitor.trouble[:] = [trouble for trouble in visitor.trouble if "409" not in trouble]


@pytest.mark.slow
def test_pictures_of_history_are_chosen_with_the_keyboard(page: Page) -> None:
    generate(page, "two foxes", pictures=3, steps=1)
    expect(page.locator("#ez-stage .ez-progress")).to_have_count(0)
    expect_picture(page, "two foxes")
    open_upscale(page)
    upscale(page).get_by_role("radio", name="From history").click()
    choice = upscale(page).get_by_role("listbox", name="Pictures of history")
    expect(choice.get_by_role("option").first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")
    expect(upscale(page).get_by_text("3 pictures chosen")).to_be_visible()
    page.keyboard.press("Enter")
    expect(choice).to_have_count(0)
    expect(upscale(page).locator(".ez-up-from")).to_contain_text("3 pictures")
    expect(plan(page)).to_contain_text("3 pictures")
    go(page).click()
    expect(panel(page)).to_contain_text("3 pictures done")
    assert newest(page)["prompt"] == "two foxes"
    # Chosen again, what was chosen is marked; Esc leaves it as it was.
    upscale(page).get_by_role("button", name="Choose pictures").click()
    expect(choice.get_by_role("option", selected=True)).to_have_count(3)
    page.keyboard.press("Escape")
    expect(choice).to_have_count(0)


@pytest.mark.slow
def test_what_can_not_be_is_said_where_it_stands(page: Page, visitor: Visitor) -> None:
    open_upscale(page)
    put_in(page)
    upscale(page).get_by_label("Enlarge by").fill("99")
    expect(upscale(page).get_by_role("alert")).to_contain_text("Allowed: 0.05 to 8")
    expect(upscale(page).get_by_label("Enlarge by")).to_have_attribute("aria-invalid", "true")
    upscale(page).get_by_label("Enlarge by").fill("3")
    expect(upscale(page).get_by_role("alert")).to_have_count(0)
    expect(plan(page)).to_contain_text("144 × 96")
    visitor.trouble.clear()  # the browser says so as well


@pytest.mark.slow
def test_a_waiting_one_is_changed_in_line(page: Page) -> None:
    open_upscale(page)
    put_in(page)
    page.evaluate("fetch('/api/v1/queue/pause', {method: 'POST'})")
    go(page).click()
    page.locator("body").press("q")
    row = page.locator('.ez-sheet .ez-job[draggable="true"]', has_text="boat.png")
    upscale(page).get_by_role("radio", name="8 ×").click()
    row.focus()
    page.keyboard.press("e")
    expect(upscale(page).locator(".ez-standing")).to_contain_text("Editing boat.png")
    expect(upscale(page).get_by_label("Enlarge by")).to_have_value("4")
    upscale(page).get_by_role("radio", name="2 ×").click()
    upscale(page).get_by_role("button", name="Save to queue").click()
    expect(page.locator(".ez-toast", has_text="Saved to the queue")).to_be_visible()
    expect(upscale(page).get_by_label("Enlarge by")).to_have_value("8")
    page.evaluate("fetch('/api/v1/queue/resume', {method: 'POST'})")
    expect(facts(page)).to_contain_text("Lanczos")
    assert newest(page)["width"] == 96


@pytest.mark.slow
def test_on_a_phone_nothing_stands_over(new_visitor: Any, server: Any) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 900}).open()
    page.evaluate("location.hash = 'upscale'")
    expect(upscale(page).locator(".ez-up-drop")).to_be_visible()
    assert no_sideways_scroll(page)
    stage, asking = upscale(page).locator(".ez-up-stage").bounding_box(), upscale(page).locator(".ez-up-ask").bounding_box()
    assert stage and asking and stage["y"] < asking["y"]
    upscale(page).get_by_role("radio", name="Scale to").click()
    assert no_sideways_scroll(page)


@pytest.mark.slow
def test_it_says_that_exactly_this_was_made(page: Page) -> None:
    open_upscale(page)
    put_in(page, size=(40, 24))
    upscale(page).get_by_label("Upscaler", exact=True).select_option("Nearest")
    upscale(page).get_by_role("radio", name="2 ×").click()
    told = upscale(page).locator(".ez-made-before")
    expect(plan(page)).to_contain_text("80 × 48")
    expect(told).to_be_hidden()
    go(page).click()
    expect(told).to_contain_text("You made exactly this today")
    upscale(page).get_by_role("radio", name="4 ×").click()
    expect(told).to_be_hidden()
    upscale(page).get_by_role("radio", name="2 ×").click()
    told.get_by_role("button", name="Show").click()
    expect(page.get_by_role("complementary", name="Picture")).to_contain_text("80")

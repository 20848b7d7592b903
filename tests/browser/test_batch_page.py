"""Many files at once on the pages with a canvas: dropped or named by folder, drawn on, watched, paused, found again."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from easel_page import field, no_sideways_scroll, prompt
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from test_canvas_pages import open_page, paint
from visiting import Visitor

DROP = """([page, files]) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type: name.endsWith(".txt") ? "text/plain" : "image/png"}));
    }
    const place = document.querySelector(`#ez-page-${page} .ez-easel`);
    const how = {dataTransfer: transfer, bubbles: true, cancelable: true};
    for (const type of ["dragover", "drop"]) place.dispatchEvent(new DragEvent(type, how));
}"""


def png(colour: tuple[int, int, int], size: tuple[int, int] = (32, 32)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def drop(page: Page, name: str, files: dict[str, bytes]) -> None:
    page.evaluate(DROP, [name, [[file, base64.b64encode(data).decode()] for file, data in files.items()]])


def sheet(page: Page) -> Locator:
    return page.locator(".ez-sheet")


def strip(page: Page, name: str = "img2img") -> Locator:
    return page.locator(f"#ez-page-{name} .ez-batches")


def tiles(page: Page, state: str = "") -> Locator:
    return sheet(page).locator(f".ez-batch-tile{f'.is-{state}' if state else ''}")


def on_img2img(page: Page, *, steps: int = 2) -> None:
    open_page(page, "img2img")
    expect(page.locator("#ez-page-img2img .ez-canvas-empty")).to_contain_text("Draw on many files")
    prompt(page).fill("a fox")
    field(page, "steps").fill(str(steps))


@pytest.fixture(autouse=True)
def no_batch_is_left(page: Page) -> None:
    """What others left is closed: a page shows the batch that ended last."""
    page.evaluate(
        """async () => {
            const {items} = await (await fetch("/api/v1/batches")).json();
            for (const {id, status} of items) {
                if (["active", "paused"].includes(status)) await fetch(`/api/v1/batches/${id}/cancel`, {method: "POST"});
                await fetch(`/api/v1/batches/${id}`, {method: "DELETE"});
            }
        }"""
    )


def test_several_files_are_dropped_and_all_drawn_on(page: Page, visitor: Visitor) -> None:
    on_img2img(page)
    files = {f"frame{number}.png": png((number * 20, 40, 90)) for number in (10, 2, 1)}
    drop(page, "img2img", {**files, "broken.png": b"no picture", "notes.txt": b"hello"})
    expect(sheet(page)).to_contain_text("Draw on many files")
    expect(tiles(page)).to_have_count(4)
    assert [text.strip() for text in tiles(page).all_inner_texts()] == ["broken.png", "frame1.png", "frame2.png", "frame10.png"]
    sheet(page).get_by_role("button", name="Draw on all 4").click()
    expect(strip(page)).to_contain_text("3 of 4 files done, 1 failed")
    expect(tiles(page, "done")).to_have_count(3)
    expect(tiles(page, "failed")).to_contain_text("This is not a whole picture")
    # The browser says so as well.
    assert {trouble for trouble in visitor.trouble if not trouble.endswith(("/api/v1/images", "/api/v1/images)"))} == set()
    visitor.trouble.clear()
    sheet(page).get_by_role("radio", name=re.compile("Failed")).click()
    expect(tiles(page)).to_have_count(1)
    sheet(page).get_by_role("radio", name=re.compile("All")).click()
    tiles(page, "done").first.get_by_role("button").click()
    viewer = page.get_by_role("dialog", name="Full screen")
    expect(viewer.locator("img")).to_have_attribute("alt", "a fox")
    page.keyboard.press("Escape")

    # After a reload it is still there, until it is closed.
    page.reload()
    expect(strip(page)).to_contain_text("3 of 4 files done, 1 failed")
    strip(page).get_by_role("button", name="Files").click()
    expect(tiles(page)).to_have_count(4)
    strip(page).get_by_role("button", name="Close").click()
    expect(strip(page)).to_be_hidden()
    expect(sheet(page)).to_be_hidden()


@pytest.mark.slow
def test_a_folder_is_named_watched_paused_and_resumed(page: Page, tmp_path: Path, visitor: Visitor) -> None:
    for number in range(8):
        (tmp_path / f"frame{number}.png").write_bytes(png((number * 20, 40, 90)))
    (tmp_path / "notes.txt").write_text("hello")
    on_img2img(page, steps=20)
    page.get_by_role("button", name="Other ways to generate").click()
    page.get_by_role("menuitem", name="Draw on many files").click()
    sheet(page).get_by_role("radio", name="Easel's machine").click()
    path = sheet(page).get_by_label("Folder on Easel's machine")
    path.fill("frames")
    path.press("Enter")
    expect(sheet(page).locator("#ez-batch-folder-hint")).to_contain_text("Name the whole path of a folder.")
    visitor.trouble.clear()  # the refusal
    path.fill(str(tmp_path))
    path.press("Enter")
    expect(sheet(page)).to_contain_text("8 pictures: frame0.png, frame1.png, frame2.png, …; 1 other file left alone.")
    sheet(page).get_by_role("button", name="Seed", exact=True).click()
    sheet(page).get_by_role("button", name="Draw on all 8").click()
    expect(tiles(page)).to_have_count(8)
    expect(tiles(page, "running")).to_have_count(1)
    pause = strip(page).get_by_role("button", name="Pause")
    pause.focus()
    pause.press("Enter")
    expect(strip(page)).to_contain_text("paused")
    expect(strip(page).get_by_role("button", name="Resume")).to_be_focused()
    expect(tiles(page, "running")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(tiles(page, "done").nth(1)).to_be_visible()
    strip(page).get_by_role("button", name="Cancel").click()
    toast = page.locator(".ez-toast", has_text="Batch cancelled")
    toast.get_by_role("button", name="Undo").click()
    expect(strip(page)).to_contain_text("8 of 8 files done")
    expect(tiles(page, "done")).to_have_count(8)
    tiles(page).first.get_by_role("button").focus()
    page.keyboard.press("ArrowDown")
    expect(tiles(page).nth(3).get_by_role("button")).to_be_focused()


@pytest.mark.slow
def test_the_painted_mask_serves_all(page: Page) -> None:
    open_page(page, "Inpaint")
    expect(page.locator("#ez-page-inpaint .ez-canvas-empty")).to_be_visible()
    prompt(page).fill("a hat")
    field(page, "steps").fill("2")
    drop(page, "inpaint", {"first.png": png((9, 9, 200))})
    expect(page.locator("#ez-page-inpaint .ez-canvas").get_by_role("toolbar", name="Tools")).to_be_visible()
    files = {f"{number}.png": png((number, 9, 200), (32 + 8 * (number == 2), 32)) for number in range(3)}
    drop(page, "inpaint", files)
    sheet(page).get_by_role("button", name="Draw on all 3").click()
    expect(page.locator(".ez-toast")).to_contain_text("Nothing is masked on the canvas.")
    paint(page)
    sheet(page).get_by_role("button", name="Draw on all 3").click()
    expect(strip(page, "inpaint")).to_contain_text("2 of 3 files done, 1 failed")
    expect(tiles(page, "failed")).to_contain_text("The mask is 32 x 32, and the picture 40 x 32.")


@pytest.mark.slow
def test_a_wrong_field_is_told_where_it_stands_and_nothing_is_taken(page: Page) -> None:
    on_img2img(page)
    field(page, "width").fill("60")
    drop(page, "img2img", {f"{number}.png": png((number, 9, 200)) for number in range(2)})
    sheet(page).get_by_role("button", name="Draw on all 2").click()
    expect(page.locator("#ez-field-width")).to_contain_text("Width can't be 60.")
    expect(sheet(page).get_by_role("button", name="Draw on all 2")).to_be_enabled()
    expect(strip(page)).to_be_hidden()


@pytest.mark.slow
def test_it_fits_into_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    on_img2img(page)
    drop(page, "img2img", {f"{number}.png": png((number, 9, 200)) for number in range(2)})
    assert no_sideways_scroll(page)
    sheet(page).get_by_role("button", name="Draw on all 2").click()
    expect(tiles(page, "done")).to_have_count(2)
    assert no_sideways_scroll(page)
    page.keyboard.press("Escape")
    expect(strip(page)).to_contain_text("2 of 2 files done")
    assert no_sideways_scroll(page)

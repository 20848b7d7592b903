"""The Train page: pictures with captions, the form, a run from beginning to end, and the way to a picture with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from easel_page import expect_picture, no_sideways_scroll, prompt
from PIL import Image, ImageOps
from playwright.sync_api import Locator, Page, expect
from small_checkpoint import SHIPPED_CHECKPOINT
from visiting import Server, Visitor

NAMELESS = """() => [...document.querySelectorAll('#ez-train :is(button, input, textarea, select, [role=switch], a)')]
    .filter((element) => element.checkVisibility())
    .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.length || element.title))
    .map((element) => element.outerHTML.slice(0, 200))"""
LONG = 120_000


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[Path]:
    """Six examples of the shipped checkpoint in two colours, two of them with a caption. What is learned from them goes at the end."""
    folder = tmp_path / "two tone"
    folder.mkdir()
    for path in sorted((SHIPPED_CHECKPOINT / "examples").glob("*.png"))[:6]:
        with Image.open(path) as picture:
            ImageOps.colorize(picture.convert("L"), "#1b1035", "#ffcf5a").save(folder / path.name)
    for name in ("apple", "cat"):
        (folder / f"{name}.txt").write_text(f"a {name}", "utf-8")
    yield folder
    for made in (SHIPPED_CHECKPOINT.parents[1] / "loras").glob(f"{folder.name}*"):
        made.unlink()


def to_train(page: Page) -> None:
    """By its tab, which stands behind the dots where the window is narrow."""
    expect(page.locator("#ez-generate")).to_be_visible()
    tab = page.get_by_role("tab", name="Train", exact=True)
    if not tab.count():
        page.locator(".overflow-menu > button").click()
        tab = page.locator(".overflow-menu").get_by_text("Train", exact=True)
    tab.click()


def open_train(page: Page) -> Page:
    to_train(page)
    expect(page.locator("#ez-train-steps")).to_have_value("1000")
    return page


def look_into(page: Page, folder: Path) -> None:
    page.get_by_label("Folder on Easel's machine").fill(str(folder))
    page.get_by_label("Folder on Easel's machine").press("Enter")


def tiles(page: Page) -> Locator:
    return page.locator(".ez-train-tile")


def train(page: Page) -> Locator:
    return page.locator("[data-does=train]")


def test_pictures_come_first_with_captions_that_stay(visitor: Visitor, pictures: Path) -> None:
    page = open_train(visitor.open())
    expect(page.locator(".ez-train-grid .ez-empty")).to_contain_text("Pictures to learn from")
    expect(train(page)).to_be_disabled()
    expect(page.locator("#ez-train-model")).to_have_value("easel-emoji")
    expect(page.locator("#ez-train-resolution-hint")).to_have_text("0 is what the checkpoint was trained on.")
    page.locator("#ez-train-resolution").fill("96")
    expect(page.locator("#ez-train-resolution-hint")).to_be_empty()
    page.locator("#ez-train-resolution").fill("0")
    look_into(page, pictures)
    expect(tiles(page)).to_have_count(6)
    expect(page.locator("#ez-train-folder-hint")).to_have_text("6 pictures, 2 with a caption.")
    expect(page.get_by_label("Caption of cat.png")).to_have_value("a cat")
    expect(tiles(page).first.locator("img")).to_have_js_property("complete", True)
    assert tiles(page).first.locator("img").evaluate("image => image.naturalWidth") > 0
    page.get_by_label("Caption of cake.png").fill("a cake with <b>candles</b>")
    expect(page.locator("#ez-train-folder-hint")).to_contain_text("3 with a caption")
    expect(train(page)).to_be_enabled()
    expect(page.locator("#ez-train .ez-foot")).to_contain_text("6 pictures, each seen about 167 times")
    page.locator("#ez-train-rank").fill("8")
    page.reload()
    expect(page.get_by_label("Caption of cake.png")).to_have_value("a cake with <b>candles</b>")
    expect(page.locator("#ez-train-rank")).to_have_value("8")
    assert page.evaluate(NAMELESS) == []
    assert (pictures / "cat.txt").read_text() == "a cat" and not (pictures / "cake.txt").exists()


def test_what_is_wrong_stands_where_it_is(visitor: Visitor, pictures: Path, tmp_path: Path) -> None:
    page = open_train(visitor.open())
    look_into(page, tmp_path / "nowhere")
    expect(page.locator("#ez-train-folder-hint")).to_contain_text("There is no folder")
    visitor.trouble.clear()  # the browser notes the refusal, too
    look_into(page, pictures)
    expect(tiles(page)).to_have_count(6)
    page.locator("#ez-train details summary").click()
    page.locator("#ez-train-alpha").fill("0")
    page.locator("#ez-train details summary").click()
    train(page).click()
    expect(page.locator("#ez-train-alpha-hint")).to_contain_text("0.01 to 1024")
    expect(page.locator("#ez-train-alpha")).to_be_focused()
    page.locator("#ez-train-alpha").fill("16")
    page.locator("#ez-train-model").fill("nobody")
    train(page).click()
    expect(page.locator("#ez-train-model-hint")).to_contain_text("easel-emoji")
    visitor.trouble.clear()


@pytest.mark.slow
def test_files_of_this_computer_are_taken(visitor: Visitor, pictures: Path) -> None:
    page = open_train(visitor.open())
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add pictures").click()
    chooser.value.set_files(sorted(pictures.glob("*.png"))[:4])
    expect(tiles(page)).to_have_count(4)
    expect(page.get_by_label("Folder on Easel's machine")).to_have_value(re.compile("training-pictures"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [420, 1440])
def test_it_fits_and_works_by_keyboard(new_visitor: Callable[..., Visitor], server: Server, pictures: Path, width: int) -> None:
    page = new_visitor(server, viewport={"width": width, "height": 900}).open()
    # Where it is narrow the tab is in a menu.
    page.evaluate("location.hash = 'train'")
    expect(page.locator("#ez-train-steps")).to_have_value("1000")
    look_into(page, pictures)
    expect(tiles(page)).to_have_count(6)
    assert no_sideways_scroll(page)
    page.get_by_role("tab", name="Pictures").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Runs")).to_be_focused()
    expect(page.locator(".ez-train-runs .ez-empty")).to_contain_text("Runs are listed here")
    page.keyboard.press("ArrowLeft")
    expect(tiles(page).first).to_be_visible()
    assert no_sideways_scroll(page)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_is_watched_stopped_resumed_and_tried(
    new_server: Callable[..., Server], new_visitor: Callable[..., Visitor], pictures: Path
) -> None:
    page = open_train(new_visitor(new_server()).open())
    look_into(page, pictures)
    expect(tiles(page)).to_have_count(6)
    for name, value in (
        ("name", "two tone"),
        ("trigger", "twotone"),
        ("steps", "60"),
        ("rank", "4"),
        ("resolution", "64"),
        ("preview_every", "30"),
    ):
        page.locator(f"#ez-train-{name}").fill(value)
    page.locator("#ez-train-previews").fill("twotone, an apple")
    train(page).click()
    run = page.locator(".ez-train-one")
    expect(run.get_by_role("heading")).to_have_text("two tone")
    expect(run.get_by_text("Training: ").first).to_be_visible(timeout=LONG)
    expect(run.locator(".ez-train-curve .line")).to_be_visible(timeout=LONG)
    run.get_by_role("button", name="Stop").click()
    expect(run.get_by_role("button", name="Resume")).to_be_visible(timeout=LONG)
    page.reload()
    run.get_by_role("button", name="Resume").click()
    expect(run.get_by_role("button", name="Try it")).to_be_visible(timeout=LONG)
    expect(run.locator(".ez-train-strip img")).to_have_count(3)
    assert run.locator(".ez-train-strip img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    run.get_by_role("button", name="Try it").click()
    expect(prompt(page)).to_have_value("twotone <lora:two tone:1>")
    page.locator("#ez-generate").click()
    expect_picture(page, "twotone <lora:two tone:1>")
    to_train(page)
    run.get_by_role("button", name="Remove").click()
    expect(page.locator(".ez-train-runs .ez-empty")).to_be_visible()

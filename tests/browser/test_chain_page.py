"""The finishing chain on the page: put together, ordered by pointer and keys, kept over reloads and by name, brought back from history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from easel_page import expect_picture, generate, no_sideways_scroll, open_history
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor, ready


def summary(page: Page) -> Locator:
    return page.locator("#ez-acc-finishing > button")


def chain(page: Page) -> Locator:
    return page.locator("#ez-finishing .ez-chain")


def steps(page: Page) -> Locator:
    return chain(page).locator("li .ez-step-name > :first-child")


def add(page: Page, name: str) -> None:
    page.locator("#ez-finishing").get_by_role("button", name="Add step").click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def opened(page: Page, name: str) -> Locator:
    return chain(page).locator("li", has=page.get_by_role("button", name=f"Remove {name}", exact=True))


def asked_by_last_job(server: Server) -> list[dict[str, Any]]:
    (job,) = httpx.get(f"{server.url}/api/v1/jobs", params={"limit": 1}).json()["jobs"]
    return httpx.get(f"{server.url}/api/v1/jobs/{job['id']}/request").json()["finishing"]


@pytest.fixture
def section(page: Page) -> Page:
    """The section is open, with three steps."""
    expect(summary(page)).to_have_attribute("data-sum", "None")
    summary(page).click()
    for name in ("Sharpen", "Format", "Resize"):
        add(page, name)
    return page


def test_what_is_put_together_is_what_the_job_gets(section: Page, server: Server) -> None:
    page = section
    # The format stays at the end, whatever is added after it.
    expect(steps(page)).to_have_text(["Sharpen", "Resize", "Format"])
    resize = opened(page, "Resize")
    expect(resize.locator(".ez-step-name")).to_be_focused()
    resize.get_by_label("Way").select_option("Long side")
    expect(resize.get_by_label("Width")).to_be_hidden()
    resize.get_by_label("Long side", exact=True).fill("96")
    resize.get_by_label("Long side", exact=True).blur()
    opened(page, "Format").locator(".ez-step-name").click()
    opened(page, "Format").get_by_label("Format", exact=True).select_option("WebP")
    opened(page, "Format").get_by_role("switch", name="Lossless").click()
    expect(opened(page, "Format").get_by_label("Quality", exact=False)).to_be_hidden()
    opened(page, "Sharpen").locator(".ez-step-name").click()
    opened(page, "Sharpen").get_by_label("Amount").fill("1.5")
    expect(opened(page, "Sharpen").locator(".ez-step-words")).to_have_text("1.5")
    expect(summary(page)).to_have_attribute("data-sum", "Sharpen, Resize, Format")
    generate(page, "finished well", steps=2)
    expect_picture(page, "finished well")
    sharpen, resize_, format_ = asked_by_last_job(server)
    assert (sharpen["step"], sharpen["amount"]) == ("sharpen", 1.5)
    assert (resize_["way"], resize_["long_side"]) == ("Long side", 96)
    assert (format_["format"], format_["lossless"]) == ("WebP", True)


@pytest.mark.slow
def test_steps_are_moved_by_pointer_and_by_keys(section: Page, server: Server) -> None:
    page = section
    add(page, "Sharpen")
    expect(steps(page)).to_have_text(["Sharpen", "Resize", "Sharpen", "Format"])
    for name in ("Sharpen",):
        opened(page, name).last.locator(".ez-step-name").click()  # closed, so that all are of one height
    grip = chain(page).get_by_role("button", name="Move Resize, step 2 of 4")
    start, goal = grip.bounding_box(), chain(page).locator("li").first.bounding_box()
    assert start is not None and goal is not None
    page.mouse.move(start["x"] + 8, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(start["x"] + 8, goal["y"] + 4, steps=6)
    page.mouse.up()
    expect(steps(page)).to_have_text(["Resize", "Sharpen", "Sharpen", "Format"])
    moved = chain(page).get_by_role("button", name="Move Resize, step 1 of 4")
    expect(moved).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(steps(page)).to_have_text(["Sharpen", "Sharpen", "Resize", "Format"])
    expect(page.locator("#ez-finishing [role=status]")).to_have_text("Resize is step 3 of 4.")
    page.keyboard.press("ArrowDown")  # not behind the format
    expect(steps(page)).to_have_text(["Sharpen", "Sharpen", "Resize", "Format"])
    expect(chain(page).get_by_role("button", name="Move Format, step 4 of 4")).to_be_disabled()
    # A drag that is given up changes nothing.
    box = chain(page).get_by_role("button", name="Move Resize, step 3 of 4").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + 8, box["y"] - 200, steps=4)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(steps(page)).to_have_text(["Sharpen", "Sharpen", "Resize", "Format"])
    generate(page, "in order", steps=2)
    expect_picture(page, "in order")
    assert [step["step"] for step in asked_by_last_job(server)] == ["sharpen", "sharpen", "resize", "format"]


@pytest.mark.slow
def test_it_stays_over_a_reload_and_comes_back_from_history(section: Page) -> None:
    page = section
    expect(summary(page)).to_have_attribute("data-sum", "Sharpen, Resize, Format")
    page.reload()
    ready(page)
    expect(steps(page)).to_have_text(["Sharpen", "Resize", "Format"])
    expect(opened(page, "Resize").get_by_label("Way")).to_be_visible()  # it was open
    generate(page, "to come back", steps=2)
    expect_picture(page, "to come back")
    for name in ("Sharpen", "Resize", "Format"):
        chain(page).get_by_role("button", name=f"Remove {name}", exact=True).click()
    expect(summary(page)).to_have_attribute("data-sum", "None")
    page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()
    expect(summary(page)).to_have_attribute("data-sum", "Format")
    open_history(page)
    page.locator("#ez-history .ez-cell").first.click()
    page.keyboard.press("u")
    expect(summary(page)).to_have_attribute("data-sum", "Sharpen, Resize, Format")


@pytest.mark.slow
def test_the_chain_is_one_for_all_pages_that_draw(section: Page) -> None:
    page = section
    for name in ("img2img", "Inpaint"):
        page.get_by_role("tab", name=name).click()
        expect(steps(page)).to_have_text(["Sharpen", "Resize", "Format"])


def test_presets_are_kept_taken_renamed_carried_and_deleted(section: Page, server: Server, tmp_path: Path) -> None:
    page = section
    sheet = page.locator(".ez-sheet")
    page.locator("#ez-finishing").get_by_role("button", name="Save as preset").click()
    sheet.get_by_label("Name").fill("For the web")
    page.keyboard.press("Enter")
    kept = sheet.locator('.ez-style[data-name="For the web"]')
    expect(kept).to_contain_text("Sharpen 0.5 · Resize Fit, 1024 px, 1024 px · Format PNG")
    chain(page).get_by_role("button", name="Remove Resize").click()
    kept.locator(".ez-style-pick").click()
    expect(sheet).to_be_hidden()
    expect(steps(page)).to_have_text(["Sharpen", "Resize", "Format"])
    page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()
    expect(steps(page)).to_have_text(["Sharpen", "Format"])
    page.locator("#ez-finishing").get_by_role("button", name="Presets").click()
    kept.get_by_role("button", name="More about For the web").click()
    page.get_by_role("menuitem", name="Rename").click()
    sheet.get_by_label("Name").fill("Web")
    page.keyboard.press("Enter")
    renamed = sheet.locator('.ez-style[data-name="Web"]')
    expect(renamed).to_be_visible()
    renamed.get_by_role("button", name="More about Web").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Export").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "Web.json"
    assert [step["step"] for step in json.loads(file.read_text("utf-8"))["steps"]] == ["sharpen", "resize", "format"]
    renamed.get_by_role("button", name="More about Web").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(renamed).to_have_count(0)
    assert httpx.get(f"{server.url}/api/v1/finishing/presets").json() == {"items": [], "problems": []}
    with page.expect_file_chooser() as chooser:
        sheet.get_by_role("button", name="Import").click()
    chooser.value.set_files(file)
    expect(renamed).to_be_visible()
    with page.expect_file_chooser() as chooser:
        sheet.get_by_role("button", name="Import").click()
    chooser.value.set_files({"name": "other.json", "mimeType": "application/json", "buffer": b"[1]"})
    expect(page.get_by_role("alert").filter(has_text="other.json holds no preset")).to_be_visible()
    httpx.delete(f"{server.url}/api/v1/finishing/presets", params={"name": "Web"}).raise_for_status()
    expect(renamed).to_have_count(0)


@pytest.mark.slow
def test_a_checkpoint_brings_its_usual_chain_and_takes_it_away(
    new_server: Callable[..., Server], new_visitor: Callable[..., Visitor]
) -> None:
    server = new_server(usual_finishing=True)
    page = new_visitor(server).open()
    generate(page, "large at once", steps=1)
    expect_picture(page, "large at once")
    expect(page.locator(".ez-facts")).to_contain_text("512 × 512")
    (own,) = asked_by_last_job(server)
    assert (own["step"], own["upscaler"], own["scale"]) == ("upscale", "easel-emoji-x4", 4)
    expect(summary(page)).to_have_attribute("data-sum", "Upscale")
    pick(page, "small")
    expect(summary(page)).to_have_attribute("data-sum", "None")
    page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()
    expect(summary(page)).to_have_attribute("data-sum", "Upscale")
    # What somebody has changed is theirs: it stays, whatever draws.
    summary(page).click()
    chain(page).get_by_role("button", name="Remove Upscale").click()
    expect(summary(page)).to_have_attribute("data-sum", "None")
    pick(page, "small")
    expect(page.locator(".ez-toast").last).to_contain_text("Drawing with small")
    expect(summary(page)).to_have_attribute("data-sum", "None")
    add(page, "Sharpen")
    pick(page, "easel-ink")
    expect(page.locator(".ez-toast").last).to_contain_text("Drawing with easel-ink")
    expect(summary(page)).to_have_attribute("data-sum", "Sharpen")
    # None is what the small one usually has, so that gives way.
    chain(page).get_by_role("button", name="Remove Sharpen").click()
    pick(page, "small")
    expect(page.locator(".ez-toast").last).to_contain_text("Drawing with small")
    pick(page, "easel-ink")
    expect(page.locator(".ez-toast").last).to_contain_text("Its pictures are finished by Upscale easel-emoji-x4, 4 ×.")
    expect(steps(page)).to_have_text(["Upscale"])


def pick(page: Page, checkpoint: str) -> None:
    page.locator("#ez-field-checkpoint input").click()
    page.get_by_role("option", name=checkpoint, exact=True).click()


@pytest.mark.slow
def test_a_step_without_a_model_says_which_file_to_put_where(page: Page) -> None:
    summary(page).click()
    for name, folder in (("Cut out", "models/cut_out"), ("Restore faces", "models/face_restorers")):
        add(page, name)
        expect(opened(page, name).get_by_role("note")).to_contain_text(folder)


@pytest.mark.slow
def test_it_can_be_used_by_keys_alone_and_in_a_narrow_window(new_visitor: Callable[..., Visitor], server: Server) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 800}).open()
    summary(page).click()
    page.locator("#ez-finishing").get_by_role("button", name="Add step").focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Sharpen").focus()
    page.keyboard.press("Enter")
    expect(chain(page).locator(".ez-step-name")).to_be_focused()
    page.keyboard.press("Tab")  # Remove
    page.keyboard.press("Tab")
    expect(opened(page, "Sharpen").get_by_label("Amount")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(opened(page, "Sharpen").locator(".ez-step-words")).to_have_text("0.55")
    page.keyboard.press("Tab")
    expect(opened(page, "Sharpen").get_by_label("Radius")).to_be_focused()
    assert no_sideways_scroll(page)
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
    expect(chain(page).get_by_role("button", name="Remove Sharpen")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#ez-finishing").get_by_role("button", name="Add step")).to_be_focused()

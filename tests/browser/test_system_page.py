"""The System page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from easel_page import expect_picture, generate, no_sideways_scroll
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor

from webui.doctor.checks import CHECKS

NOTE_WHAT_IS_SAID = """() => {
    window.said = [];
    const note = () => window.said.push(document.querySelector(".ez-verdict .ez-hint").textContent);
    new MutationObserver(note).observe(document.querySelector("#ez-system"), { childList: true, subtree: true });
}"""
LOSE_THE_WORKER = """async () => {
    const modules = [...document.querySelectorAll("link[rel=modulepreload]")];
    const jobs = await import(modules.find((link) => link.href.endsWith("/jobs.js")).href);
    jobs.known.worker = { state: "lost", device: "", dtype: "", message: "The engine ended and is starting again." };
    jobs.changes.dispatchEvent(new CustomEvent("worker", { detail: {} }));
}"""
WORDS = {"ok": "OK", "warn": "To look at", "bad": "Wrong", "unchecked": "Not checked"}


def open_system(page: Page) -> Page:
    page.get_by_role("button", name="Settings", exact=True).first.click()
    page.locator("#ez-settings").get_by_role("button", name="System", exact=True).click()
    expect(finding(page, "python")).to_be_visible()
    return page


def finding(page: Page, name: str) -> Locator:
    return page.locator(f'.ez-finding[data-check="{name}"]')


def verdict(page: Page) -> Locator:
    return page.locator(".ez-verdict")


def test_every_check_stands_there_with_its_state_as_word_and_sign(visitor: Visitor) -> None:
    page = open_system(visitor.open())
    assert page.evaluate("location.hash") == "#system"
    for check in CHECKS:
        row = finding(page, check.id)
        expect(row.locator(".ez-finding-name")).to_have_text(check.name)
        expect(row.locator(".ez-finding-text")).not_to_be_empty()
        expect(row.locator(".ez-finding-word")).to_have_text(WORDS[row.get_attribute("data-state") or ""])
        expect(row.locator(".ez-finding-sign svg")).to_be_visible()
    expect(finding(page, "checkpoints")).to_have_attribute("data-state", "warn")
    expect(finding(page, "checkpoints")).to_contain_text("broken: ")
    expect(verdict(page)).to_contain_text("needs a look")
    expect(page.locator(".ez-gauges")).to_contain_text("Ready")
    expect(page.get_by_role("meter", name="Memory")).to_be_visible()
    expect(page.locator(".ez-versions")).to_contain_text("gradio")
    page.get_by_role("navigation", name="Settings and System").last.get_by_role("button", name="Settings").click()
    expect(page.locator(".ez-setting").first).to_be_visible()


@pytest.mark.slow
def test_check_again_reads_everything_and_says_how_far_it_is(visitor: Visitor, server: Server) -> None:
    page, other = visitor.open(), open_system(visitor.open())
    generate(page, "a red apple")
    expect_picture(page, "a red apple")
    picture = next((server.folder / "data" / "outputs").rglob("*.png"))
    orphan = picture.with_name("<b>hello.png")
    shutil.copy(picture, orphan)
    other.evaluate(NOTE_WHAT_IS_SAID)
    other.get_by_role("button", name="Check again").click()
    expect(verdict(other).locator(".ez-hint")).to_contain_text("were checked today")
    assert any("(1 of 4)" in text for text in other.evaluate("window.said"))
    expect(finding(other, "integrity")).to_have_attribute("data-state", "ok")
    expect(finding(other, "unknown_pictures")).to_contain_text("1 picture made by Easel")
    expect(finding(other, "unknown_pictures")).to_contain_text("<b>hello.png")
    expect(other.get_by_role("button", name="Check again")).to_be_focused()
    open_system(page)
    expect(finding(page, "unknown_pictures")).to_have_attribute("data-state", "warn")
    orphan.unlink()


def test_the_report_is_copied_and_downloaded(new_visitor: Callable[..., Visitor], server: Server, tmp_path: Path) -> None:
    visitor = new_visitor(server)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_system(visitor.open())
    page.get_by_role("button", name="Copy report").click()
    expect(page.locator(".ez-toast")).to_contain_text("Report copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Easel report, ")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download report").click()
    assert download.value.suggested_filename == "easel-report.txt"
    saved = Path(download.value.path()).read_text()
    assert saved.splitlines()[1:4] == copied.splitlines()[1:4]
    assert "Checkpoints" in saved


@pytest.mark.slow
def test_a_worker_that_goes_is_told_at_once(visitor: Visitor) -> None:
    page = open_system(visitor.open())
    page.evaluate(LOSE_THE_WORKER)
    expect(page.locator(".ez-gauges")).to_contain_text("Stopped")


@pytest.mark.slow
def test_a_system_that_can_t_be_looked_at_says_so_and_can_be_asked_again(visitor: Visitor) -> None:
    page = visitor.open()
    page.route("**/api/v1/system", lambda route: route.fulfill(status=500, body="{}"))
    page.get_by_role("button", name="Settings", exact=True).first.click()
    page.locator("#ez-settings").get_by_role("button", name="System", exact=True).click()
    expect(page.locator("#ez-system")).to_contain_text("can't be looked at just now")
    page.unroute("**/api/v1/system")
    page.locator("#ez-system").get_by_role("button", name="Try again").click()
    expect(finding(page, "python")).to_be_visible()
    visitor.trouble = [line for line in visitor.trouble if "/api/v1/system" not in line]


@pytest.mark.slow
def test_it_fits_a_telephone(new_visitor: Callable[..., Visitor], server: Server) -> None:
    page = open_system(new_visitor(server, viewport={"width": 390, "height": 800}).open())
    assert no_sideways_scroll(page)

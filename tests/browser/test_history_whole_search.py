"""All that a search finds, picked at once on the History page: marked, put into the trash, copied into a folder, and taken back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from easel_page import search_for
from playwright.sync_api import Locator, Page, expect
from visiting import Server

pytestmark = pytest.mark.slow

MANY = 300
"""More than the page loads before it is scrolled."""


def ask(page: Page, query: str) -> dict[str, Any]:
    return page.evaluate("q => fetch('/api/v1/history/count?' + new URLSearchParams({q})).then((answer) => answer.json())", query)


def bar(page: Page) -> Locator:
    return page.get_by_role("toolbar", name="Picked pictures")


def toast(page: Page, words: str) -> Locator:
    return page.locator(".ez-toast", has_text=words)


@pytest.fixture(scope="module", autouse=True)
def many(server: Server) -> None:
    """Pictures that were made before any page is open."""
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=60) as client:
        for _ in range(MANY // 100):
            client.post(
                "/jobs", json={"prompt": "a starling", "steps": 1, "width": 64, "height": 64, "batch_count": 100}
            ).raise_for_status()
        while client.get("/history/count", params={"q": "starling"}).json()["n"] < MANY:
            time.sleep(0.1)


def test_all_that_was_found_is_picked_changed_and_taken_back(page: Page, tmp_path: Path) -> None:
    search_for(page, "starling")
    expect(page.locator("#ez-history .ez-cell").first).to_be_visible()
    page.locator("#ez-history .ez-cell").first.focus()
    page.keyboard.press("Control+a")
    expect(bar(page)).to_contain_text(f"All {MANY} picked")
    expect(page.locator("#ez-history .ez-cell:not(.is-picked)")).to_have_count(0)

    # One is let go, and stays as it is.
    page.locator("#ez-history .ez-cell").nth(1).click(modifiers=["Control"])
    expect(bar(page)).to_contain_text(f"All {MANY - 1} picked")
    page.keyboard.press("f")
    expect(toast(page, f"{MANY - 1} pictures are favourites")).to_be_visible()
    assert ask(page, "starling is:favourite") == {"n": MANY - 1, "more": False}
    expect(page.locator("#ez-history .ez-cell .fav").first).to_be_visible()
    toast(page, "are favourites").get_by_role("button", name="Undo").click()
    expect(toast(page, f"Taken back: {MANY - 1} pictures")).to_be_visible()
    assert ask(page, "starling is:favourite")["n"] == 0
    expect(page.locator("#ez-history .ez-cell .fav")).to_have_count(0)

    bar(page).get_by_role("button", name="Add tag").click()
    page.get_by_role("textbox", name="Tag").fill("flock")
    page.keyboard.press("Enter")
    expect(toast(page, f'{MANY - 1} pictures tagged "flock"')).to_be_visible()
    assert ask(page, "tag:flock")["n"] == MANY - 1

    folder = tmp_path / "flock"
    bar(page).get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name="Copy into a folder").click()
    sheet = page.get_by_role("complementary", name="Copy into a folder")
    sheet.get_by_role("textbox", name="Folder").fill(str(folder))
    sheet.get_by_role("button", name="Copy", exact=True).click()
    expect(toast(page, f"{MANY - 1} pictures copied")).to_be_visible(timeout=60_000)
    assert len(list(folder.glob("*.png"))) == len(list(folder.glob("*.json"))) == MANY - 1

    page.keyboard.press("Delete")
    expect(toast(page, f"{MANY - 1} pictures in the trash")).to_be_visible()
    expect(page.locator("#ez-history .ez-cell")).to_have_count(1)
    expect(bar(page)).to_be_hidden()
    assert ask(page, "starling is:trash")["n"] == MANY - 1
    toast(page, "in the trash").get_by_role("button", name="Undo").click()
    expect(toast(page, "Taken back").last).to_be_visible()
    assert ask(page, "starling")["n"] == MANY
    expect(page.locator("#ez-history .ez-cell").nth(20)).to_be_visible()


def test_a_picked_all_is_let_go_by_escape_and_by_another_search(page: Page) -> None:
    search_for(page, "starling")
    expect(page.locator("#ez-history .ez-cell").nth(20)).to_be_visible()
    page.locator("#ez-history .ez-cell").first.focus()
    page.keyboard.press("Control+a")
    expect(bar(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    page.keyboard.press("Control+a")
    expect(bar(page)).to_be_visible()
    search_for(page, "nightingale")
    expect(bar(page)).to_be_hidden()

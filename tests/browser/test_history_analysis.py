"""The Analysis view of History."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from other_programs import write_outputs
from playwright.sync_api import Page, expect
from visiting import Server, Visitor

TELL = """async ([method, path, body]) => {
  const options = { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) };
  return (await fetch(`/api/v1${path}`, options)).json();
}"""


def tell(page: Page, method: str, path: str, body: Any = None) -> Any:
    return page.evaluate(TELL, [method, path, body])


@pytest.fixture(scope="module")
def looked_at(new_server: Any) -> Iterator[Server]:
    """An Easel of its own, so that what others made isn't counted."""
    server = new_server()
    write_outputs(server.folder / "elsewhere", 60, broken=0)
    yield server
    server.stop()


@pytest.fixture
def page(looked_at: Server, new_visitor: Any) -> Page:
    visitor: Visitor = new_visitor(looked_at)
    page = visitor.open()
    view = tell(page, "POST", "/history/imports", {"folder": str(looked_at.folder / "elsewhere")})
    while view["status"] == "active":
        view = tell(page, "GET", f"/history/imports/{view['id']}")
    items = tell(page, "GET", "/history?limit=60")["items"]
    tell(page, "PATCH", "/history/images", {"ids": [item["id"] for item in items[:20]], "favourite": True})
    page.get_by_role("tab", name="History").click()
    page.locator("#ez-history").get_by_role("tab", name="Analysis").click()
    expect(page.locator(".ez-analysis")).to_contain_text("60 pictures")
    return page


def test_every_part_is_drawn_and_its_marks_lead_to_pictures(page: Page) -> None:
    for title in ("Activity", "Words over time", "What good pictures have in common", "Numbers", "How prompts came about"):
        expect(page.get_by_role("region", name=title)).to_be_visible()
    expect(page.get_by_role("region", name="What good pictures have in common")).to_contain_text("20 pictures of 60 are favourites")
    expect(page.get_by_role("region", name="Numbers").locator("image").first).to_be_visible()
    words = page.get_by_role("region", name="Words over time")
    words.get_by_role("radio", name="Pairs").click()
    pair = words.locator("li button").first
    text = pair.locator("span").first.inner_text()
    pair.click()
    expect(page.locator("#ez-history").get_by_role("tab", name="Pictures")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("JSON.parse(localStorage.getItem('easel:history query') ?? sessionStorage.getItem('easel:history query'))") == (
        f'prompt:"{text}"'
    )


@pytest.mark.slow
def test_a_day_of_the_calendar_is_reached_by_keyboard(page: Page) -> None:
    day = page.get_by_role("region", name="Activity").locator("a").first
    expect(day).to_be_visible()
    day.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ez-history").get_by_role("tab", name="Pictures")).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
def test_a_picture_of_the_numbers_opens(page: Page) -> None:
    numbers = page.get_by_role("region", name="Numbers")
    numbers.get_by_label("Across").select_option("CFG scale")
    numbers.locator("image").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ez-viewer img").first).to_be_visible()

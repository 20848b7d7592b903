"""Styles on the page: picked as chips, written out, saved, changed, deleted and put back."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from easel_page import expect_picture, field, prompt
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor


def ask(server: Server, method: str, path: str, body: object = None) -> dict:
    data = json.dumps(body or {}).encode() if method != "GET" else None
    request = urllib.request.Request(f"{server.url}/api/v1{path}", data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def styles(server: Server) -> dict[str, str]:
    return {one["name"]: one["prompt"] for one in ask(server, "GET", "/styles")["items"]}


@pytest.fixture(autouse=True)
def two_styles(server: Server) -> Iterator[None]:
    ask(server, "PUT", "/styles", {"name": "Oil", "prompt": "oil painting of {prompt}", "negative_prompt": "photo"})
    ask(server, "PUT", "/styles", {"name": "Soft, warm", "prompt": "soft light"})
    yield
    for name in styles(server):
        ask(server, "DELETE", f"/styles?{urllib.parse.urlencode({'name': name})}")


def open_sheet(page: Page) -> Locator:
    page.get_by_role("button", name="Styles", exact=True).click()
    sheet = page.locator(".ez-sheet")
    expect(sheet.locator(".ez-style")).to_have_count(2)
    return sheet


def chips(page: Page) -> Locator:
    return page.locator("#ez-inspector .ez-picked .ez-token")


def test_picked_styles_are_drawn_with_and_stay_over_a_reload(page: Page) -> None:
    prompt(page).fill("a fox")
    sheet = open_sheet(page)
    sheet.get_by_role("button", name="Soft, warm soft light").click()
    sheet.get_by_role("button", name="Oil oil").click()
    expect(chips(page)).to_have_text(["Soft, warm", "Oil"])
    expect(sheet.locator('.ez-style-pick[aria-pressed="true"]')).to_have_count(2)
    expect(sheet.get_by_role("button", name="Oil oil")).to_be_focused()
    expect(page.locator("#ez-inspector .ez-count")).to_have_text("15 / 30")
    page.reload()
    expect(chips(page)).to_have_text(["Soft, warm", "Oil"])
    page.locator("#ez-generate").click()
    expect_picture(page, "oil painting of a fox, soft light")
    expect(prompt(page)).to_have_value("a fox")
    # The picture has the words; its parameters bring no style that would be added twice.
    page.get_by_role("button", name="Use parameters").first.click()
    expect(prompt(page)).to_have_value("oil painting of a fox, soft light")
    expect(chips(page)).to_have_count(0)


@pytest.mark.slow
def test_styles_are_written_out_and_taken_back(page: Page) -> None:
    prompt(page).fill("a fox")
    sheet = open_sheet(page)
    sheet.get_by_role("button", name="Oil oil").click()
    page.get_by_role("button", name="Write out").click()
    expect(prompt(page)).to_have_value("oil painting of a fox")
    expect(field(page, "negative_prompt")).to_have_value("photo")
    expect(chips(page)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("a fox")
    expect(chips(page)).to_have_text(["Oil"])
    chips(page).get_by_role("button").click()
    expect(chips(page)).to_have_count(0)


def test_the_prompt_is_saved_changed_and_renamed(page: Page, server: Server) -> None:
    prompt(page).fill("thick <b>ink</b>")
    sheet = open_sheet(page)
    sheet.get_by_role("button", name="Save prompt").click()
    sheet.get_by_label("Name").fill("Ink")
    sheet.get_by_role("button", name="Save", exact=True).click()
    expect(sheet.locator(".ez-style")).to_have_count(3)
    expect(sheet.locator(".ez-style").last).to_contain_text("thick <b>ink</b>")
    assert styles(server)["Ink"] == "thick <b>ink</b>"
    sheet.locator(".ez-style").last.locator(".ez-style-pick").click()
    expect(chips(page)).to_have_text(["Ink"])
    sheet.get_by_role("button", name="More about Ink").click()
    page.get_by_role("menuitem", name="Edit").click()
    sheet.get_by_label("Name").fill("Inks")
    sheet.get_by_label("Prompt", exact=True).fill("thin ink")
    sheet.get_by_role("button", name="Save", exact=True).click()
    expect(chips(page)).to_have_text(["Inks"])
    assert styles(server)["Inks"] == "thin ink"
    assert "Ink" not in styles(server)
    page.get_by_role("button", name="Undo").last.click()
    expect(sheet.locator(".ez-style").last).to_contain_text("thick <b>ink</b>")
    assert styles(server)["Ink"] == "thick <b>ink</b>"


@pytest.mark.slow
def test_a_name_that_is_taken_is_refused_in_words(page: Page, server: Server, visitor: Visitor) -> None:
    sheet = open_sheet(page)
    sheet.get_by_role("button", name="More about Oil").click()
    page.get_by_role("menuitem", name="Edit").click()
    sheet.get_by_label("Name").fill("Soft, warm")
    with page.expect_response("**/api/v1/styles") as answer:
        sheet.get_by_role("button", name="Save", exact=True).click()
    assert answer.value.status == 409
    expect(page.locator(".ez-toast")).to_contain_text("already")
    expect(sheet.get_by_label("Name")).to_have_value("Soft, warm")
    assert styles(server)["Soft, warm"] == "soft light"
    assert visitor.trouble
    visitor.trouble.clear()  # the refusal


@pytest.mark.slow
def test_a_deleted_style_comes_back_where_it_was(page: Page, server: Server) -> None:
    sheet = open_sheet(page)
    sheet.get_by_role("button", name="Oil oil").click()
    expect(chips(page)).to_have_text(["Oil"])
    sheet.get_by_role("button", name="More about Oil").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(sheet.locator(".ez-style")).to_have_count(1)
    expect(chips(page)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(sheet.locator(".ez-style").first).to_contain_text("Oil")
    expect(chips(page)).to_have_text(["Oil"])
    assert list(styles(server)) == ["Oil", "Soft, warm"]


def test_another_tab_sees_it_and_search_finds_it(page: Page, server: Server) -> None:
    sheet = open_sheet(page)
    ask(server, "PUT", "/styles", {"name": "Third", "prompt": "a third one"})
    expect(sheet.locator(".ez-style")).to_have_count(3)
    sheet.get_by_label("Search styles").fill("THIRD")
    expect(sheet.locator(".ez-style")).to_have_count(1)


@pytest.mark.slow
def test_typing_a_name_offers_the_style_and_taking_it_picks_it(page: Page) -> None:
    prompt(page).press_sequentially("a fox, oi")
    option = page.locator('.ez-ways-on [role="option"][data-kind="style"]')
    expect(option).to_have_text("OilStyle")
    option.click()
    expect(prompt(page)).to_have_value("a fox, ")
    expect(chips(page)).to_have_text(["Oil"])

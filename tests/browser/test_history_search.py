"""Finding pictures again on the History page: the search box, its chips and ways on, facets, kept searches."""

from __future__ import annotations

import re

import pytest
from easel_page import cell, make, search_box, search_for
from playwright.sync_api import Locator, Page, expect
from visiting import Visitor


def chips(page: Page) -> Locator:
    return page.locator("#ez-history .ez-search .ez-token-words")


def filters(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Filters")


def cells(page: Page) -> Locator:
    return page.locator("#ez-history .ez-cell")


def test_words_become_chips_that_can_be_changed_and_taken_away(page: Page) -> None:
    tall, wide = make(page, "numbat on a tall chair"), make(page, "numbat on a wide sofa")
    search_for(page, "numbat")
    expect(cells(page)).to_have_count(2)
    search_box(page).fill("-wide")
    search_box(page).press("Enter")
    expect(chips(page)).to_have_text(["numbat", "-wide"])
    expect(cells(page)).to_have_count(1)
    expect(cell(page, tall[0])).to_be_visible()
    page.get_by_role("button", name="Remove -wide").click()
    expect(cells(page)).to_have_count(2)
    page.get_by_role("button", name="Change numbat").click()
    expect(search_box(page)).to_have_value("numbat")
    search_box(page).fill('"wide sofa"')
    search_box(page).press("Enter")
    expect(chips(page)).to_have_text(['"wide sofa"'])
    expect(cell(page, wide[0])).to_be_visible()
    search_box(page).press("Backspace")
    expect(search_box(page)).to_have_value('"wide sofa"')
    page.get_by_role("button", name="Clear the search").click()
    expect(chips(page)).to_have_count(0)


@pytest.mark.slow
def test_what_was_found_is_counted_and_stands_in_the_address(page: Page, visitor: Visitor) -> None:
    make(page, "dunnart at dusk", pictures=3)
    search_for(page, "dunnart")
    amount = page.locator(".ez-history-tools [role=status]")
    expect(amount).to_have_text(re.compile(r"^3 of [\d,]+\+? in [\d,]+ ms$"))
    expect(page).to_have_url(re.compile(r"#history\?dunnart$"))
    again = visitor.context.new_page()
    again.goto(f"{visitor.url}/#history?dunnart")
    expect(cells(again)).to_have_count(3)
    expect(chips(again)).to_have_text(["dunnart"])


@pytest.mark.slow
def test_what_cant_be_understood_is_said_below_the_box(page: Page) -> None:
    make(page, "quoll")
    search_for(page, "quoll stepps:>3")
    problem = page.locator("#ez-search-problem")
    expect(problem).to_contain_text("stepps")
    expect(page.locator(".ez-token.bad")).to_have_text("stepps:>3")
    page.get_by_role("button", name="Remove stepps:>3").click()
    expect(problem).to_be_hidden()
    expect(cells(page)).to_have_count(1)


@pytest.mark.slow
def test_nothing_found_offers_the_way_back(page: Page) -> None:
    make(page, "wombat")
    search_for(page, "nothinglikethis")
    expect(page.locator("#ez-history .ez-empty").first).to_contain_text("Nothing was found")
    page.get_by_role("button", name="Show all pictures").click()
    expect(cells(page).first).to_be_visible()
    expect(chips(page)).to_have_count(0)


def test_ways_on_are_offered_and_taken_with_the_keys(page: Page) -> None:
    make(page, "bilby")
    page.get_by_role("tab", name="History").click()
    expect(search_box(page)).to_be_visible()
    expect(cells(page).first).to_be_visible()
    page.keyboard.press("/")
    expect(search_box(page)).to_be_focused()
    search_box(page).press_sequentially("mod")
    ways = page.get_by_role("listbox", name="Ways on").get_by_role("option")
    expect(ways.first).to_contain_text("model:")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(search_box(page)).to_have_value("model:")
    way = ways.filter(has_text="easel-emoji")
    expect(way).to_be_visible()
    way.click()
    expect(search_box(page)).to_have_value("")
    expect(chips(page)).to_have_text(["model:easel-emoji"])
    expect(cells(page).first).to_be_visible()


@pytest.mark.slow
def test_facets_narrow_the_search_and_widen_it_again(page: Page) -> None:
    one, other = make(page, "potoroo one")[0], make(page, "potoroo other")[0]
    search_for(page, "potoroo")
    expect(cells(page)).to_have_count(2)
    cell(page, one).click()
    page.keyboard.press("Shift+5")
    row = filters(page).get_by_role("button", name="5 of 5")
    expect(row).to_contain_text("1")
    row.click()
    expect(row).to_have_attribute("aria-pressed", "true")
    expect(chips(page)).to_have_text(["potoroo", "rating:5"])
    expect(cells(page)).to_have_count(1)
    row.click()
    expect(chips(page)).to_have_text(["potoroo"])
    expect(cell(page, other)).to_be_visible()


def test_a_search_is_kept_found_again_and_removed_with_undo(page: Page, visitor: Visitor) -> None:
    make(page, "bettong")
    search_for(page, "bettong")
    expect(cells(page)).to_have_count(1)
    page.get_by_role("button", name="Save search").click()
    page.get_by_label("Name of the search").fill("Small ones")
    page.keyboard.press("Enter")
    row = filters(page).get_by_role("button", name="Small ones")
    expect(row).to_have_attribute("aria-pressed", "true")
    expect(row).to_contain_text("1")
    filters(page).get_by_role("button", name="All pictures").click()
    expect(chips(page)).to_have_count(0)
    row.click()
    expect(chips(page)).to_have_text(["bettong"])
    row.focus()
    page.keyboard.press("Delete")
    expect(row).to_have_count(0)
    page.locator(".ez-toast", has_text="removed").get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    row.focus()
    page.keyboard.press("Delete")
    expect(row).to_have_count(0)


@pytest.mark.slow
def test_what_is_still_being_written_empties_nothing_and_says_nothing(page: Page) -> None:
    make(page, "bandicoot 🏰 by a lake", pictures=2)
    search_for(page, "bandicoot 🏰")
    expect(cells(page)).to_have_count(2)
    box = page.get_by_role("combobox", name="Search history")
    problem = page.locator("#ez-search-problem")
    for typed in ("la", "lak", '"by a la', "steps:", "steps:>", "seed:12", "model:nothing", "-l", "rating:>=", "after:20", "stepps:3"):
        box.fill(typed)
        page.wait_for_timeout(700)  # it is asked, and answered
        expect(cells(page)).to_have_count(2)
        expect(problem).to_be_hidden()
    box.fill("-lake")
    box.press("Enter")
    expect(cells(page)).to_have_count(0)
    page.get_by_role("button", name="Remove 🏰").click()
    expect(chips(page)).to_have_text(["bandicoot", "-lake"])
    box.fill("seed:12")
    box.press("Enter")
    expect(chips(page)).to_have_text(["bandicoot", "-lake", "seed:12"])

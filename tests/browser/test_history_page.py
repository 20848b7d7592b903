"""The History page."""

from __future__ import annotations

import re

import pytest
from easel_page import expect_picture, field, generate, open_history, prompt
from playwright.sync_api import Page, expect
from visiting import Visitor


def test_a_picture_shows_what_made_it_and_gives_it_back(page: Page) -> None:
    field(page, "negative_prompt").fill("blurry")
    generate(page, "a castle", steps=7)
    expect_picture(page, "a castle")
    seed = page.locator(".ez-facts span").first.inner_text().removeprefix("Seed ")
    prompt(page).fill("something else")
    open_history(page)
    page.locator(".ez-cell").first.click()
    detail = page.locator("#ez-history .ez-side")
    for words in ("a castle", "blurry", "7 steps", seed, "Made"):
        expect(detail).to_contain_text(words)
    expect(detail.locator(".ez-infotext")).to_contain_text(f"Seed: {seed}")
    detail.get_by_role("button", name="Use parameters").click()
    expect(prompt(page)).to_be_visible()
    expect(prompt(page)).to_have_value("a castle")
    expect(field(page, "steps")).to_have_value("7")
    expect(field(page, "seed")).to_have_value(seed)
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("something else")
    expect(field(page, "seed")).to_have_value("")


@pytest.mark.slow
def test_what_was_made_meanwhile_is_counted(page: Page) -> None:
    generate(page, "a bittern", steps=1)
    expect_picture(page, "a bittern")
    open_history(page)
    amount = page.locator("#ez-history").get_by_role("button", name="All pictures").locator(".ez-count")
    expect(amount).to_have_text(re.compile("^[1-9]"))
    before = int(amount.inner_text().replace(",", ""))
    page.get_by_role("tab", name="txt2img").click()
    generate(page, "another bittern", steps=1)
    expect_picture(page, "another bittern")
    open_history(page)
    expect(amount).to_have_text(f"{before + 1:,}")


def test_new_pictures_arrive_at_the_top_of_an_open_history(visitor: Visitor) -> None:
    drawing, watching = visitor.open(), visitor.open()
    watching.get_by_role("tab", name="History").click()
    generate(drawing, "seen at once")
    expect(watching.locator(".ez-cell").first).to_have_attribute("title", "seen at once")


def test_the_grid_is_one_stop_with_arrow_keys_inside(page: Page) -> None:
    generate(page, "grid", pictures=3, steps=2)
    expect_picture(page, "grid")
    open_history(page)
    assert page.locator('.ez-cell[tabindex="0"]').count() == 1
    page.locator('.ez-cell[tabindex="0"]').focus()
    first = page.locator(".ez-cell.sel").get_attribute("data-id")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".ez-cell.sel")).not_to_have_attribute("data-id", str(first))
    second = page.locator(".ez-cell.sel").get_attribute("data-id")
    assert first != second
    assert page.locator('.ez-cell[tabindex="0"]').get_attribute("data-id") == second
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".ez-cell.sel")).to_have_attribute("data-id", str(first))
    assert page.url.endswith(f"#history/{first}")
    page.keyboard.press(" ")
    expect(page.locator(".ez-viewer img")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-cell.sel")).to_have_count(0)
    expect(page.locator("#ez-history .ez-side")).to_contain_text("Pick a picture")


def test_a_long_history_loads_as_one_scrolls(page: Page) -> None:
    have = page.evaluate("fetch('/api/v1/history?limit=1').then(r => r.json()).then(h => h.total)")
    missing = 140 - have
    if missing > 0:
        page.evaluate(
            """count => fetch('/api/v1/jobs', {method: 'POST', headers: {'Content-Type': 'application/json'},
               body: JSON.stringify({prompt: 'many', steps: 1, width: 64, height: 64, batch_count: Math.min(100, count)})})""",
            missing,
        )
        page.wait_for_function(
            "wanted => fetch('/api/v1/history?limit=1').then(r => r.json()).then(h => h.total >= wanted)",
            arg=min(140, have + 100),
            timeout=30_000,
        )
    open_history(page)
    shown = page.locator(".ez-cell")
    assert shown.count() < have + missing
    last = shown.last.get_attribute("data-id")
    page.locator(".ez-shelf").evaluate("shelf => shelf.scrollTo(0, shelf.scrollHeight)")
    # What went out of sight may be let go of, so that there need not be more cells than before, but later ones.
    expect(shown.last).not_to_have_attribute("data-id", str(last))

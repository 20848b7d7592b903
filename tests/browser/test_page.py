"""The page as a whole: nothing is lost, nothing leaks out, everything can be reached."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from easel_page import expect_picture, field, generate, no_sideways_scroll, open_history
from playwright.sync_api import Page, expect
from visiting import Visitor

TABS = 5
NAMELESS = """() => [...document.querySelectorAll('button, input, textarea, [role=switch], [role=radio], a')]
    .filter((element) => element.checkVisibility() && !element.closest('[aria-hidden=true]'))
    .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.length || element.title))
    .map((element) => element.outerHTML.slice(0, 200))"""


def test_a_reload_in_the_middle_finds_the_job_again(page: Page) -> None:
    generate(page, "still there", pictures=2, steps=100)
    expect(page.locator(".ez-progress")).to_contain_text("step")
    page.reload()
    expect(page.locator(".ez-progress")).to_contain_text(re.compile(r"Picture \d of 2"))
    expect_picture(page, "still there")


def test_a_closed_page_loses_nothing(visitor: Visitor) -> None:
    page = visitor.open()
    generate(page, "made alone", steps=30)
    expect(page.locator(".ez-progress")).to_be_visible()
    page.close()
    again = visitor.open()
    expect_picture(again, "made alone")


@pytest.mark.slow
def test_many_tabs_stay_live_during_a_job(visitor: Visitor) -> None:
    tabs = [visitor.open() for _ in range(TABS)]
    generate(tabs[0], "for everyone", pictures=2, steps=60)
    for tab in tabs:
        expect(tab.locator(".ez-progress")).to_contain_text(re.compile(r"step \d+ of 60"))
    for tab in reversed(tabs):
        expect_picture(tab, "for everyone")
    # And each can still ask for something.
    generate(tabs[-1], "the last tab", steps=3)
    expect_picture(tabs[0], "the last tab")


@pytest.mark.parametrize("width", [420, 720])
def test_narrow_windows_need_no_sideways_scrolling(new_visitor: Callable, server: object, width: int) -> None:
    page = new_visitor(server, viewport={"width": width, "height": 900}).open()
    generate(page, "narrow, and with a rather long prompt that could push things out of the window", steps=3)
    expect_picture(page, "narrow, and with a rather long prompt that could push things out of the window")
    assert no_sideways_scroll(page)
    open_history(page)
    assert no_sideways_scroll(page)
    page.locator(".ez-cell").first.click()
    detail = page.locator("#ez-history .ez-side")
    expect(detail).to_be_visible()
    assert no_sideways_scroll(page)
    detail.get_by_role("button", name="Close").click()
    page.locator(".ez-pill").click()
    expect(page.locator(".ez-sheet")).to_be_visible()
    assert no_sideways_scroll(page)


def test_the_keys_open_pages_and_sheets_and_every_control_has_a_name(page: Page) -> None:
    page.locator("body").press("5")
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("1")
    expect(page.get_by_role("tab", name="txt2img")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("?")
    expect(page.locator(".ez-sheet")).to_contain_text("Full screen")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-sheet")).to_be_hidden()
    field(page, "prompt").press("q")
    expect(page.locator(".ez-sheet")).to_be_hidden()
    expect(field(page, "prompt")).to_have_value("q")
    generate(page, "named", steps=2)
    expect_picture(page, "named")
    page.locator(".ez-facts span").first.click()
    page.keyboard.press("q")
    expect(page.locator(".ez-sheet")).to_contain_text("Queue")
    assert page.evaluate(NAMELESS) == []
    open_history(page)
    page.locator(".ez-cell").first.click()
    assert page.evaluate(NAMELESS) == []


@pytest.mark.slow
def test_the_names_that_our_styles_take_from_gradio_exist(visitor: Visitor) -> None:
    """gradio.css stands on these; a new Gradio that renames one would break the layout silently."""
    page = visitor.open()
    streams = page.evaluate(
        "performance.getEntriesByType('resource').map(r => r.name).filter(name => /heartbeat|queue.data|v1.events/.test(name))"
    )
    assert streams == [], "the page itself holds no connection open; the shared worker has the only one"
    print(f"{visitor.requests} requests to open the page")
    page.get_by_role("button", name="Sampling details").click()
    expect(page.locator("#ez-field-clip_skip")).to_be_visible()
    for selector in (
        "#ez-pages > .tab-wrapper > .tab-container > button.selected",
        "#ez-pages > .tabitem .ez-main.row > .column.ez-ask",
        ".ez-ask > .ez-scroll.column > .row > .form > .block",
        ".ez-scroll .slider_input_container > .min_value",
        ".ez-scroll .head .tab-like-container > input[data-testid=number-input]",
        ".ez-scroll span[data-testid=block-info]",
        ".ez-scroll .wrap > .wrap-inner > .secondary-wrap > input",
        ".ez-acc-g > button.label-wrap.open > .icon",
        ".ez-acc-g > div[data-testid=accordion-content] .row > .form",
        ".ez-foot button.primary",
        "#ez-stage > .html-container > div > div > .ez-center",
        ".gradio-container .contain #ez-pages ~ #ez-overlay",
    ):
        assert page.locator(selector).count() > 0, selector
    assert page.locator("#ez-bar").evaluate("bar => getComputedStyle(bar).position") == "fixed"
    assert page.locator(".ez-ask").first.evaluate("ask => ask.getBoundingClientRect().width") == 404

"""A server nobody has used yet: what it offers first, and that it is found again when it comes back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from easel_page import expect_picture, field, generate, prompt
from playwright.sync_api import expect
from visiting import Server


@pytest.fixture(scope="module")
def unused(new_server: Callable[..., Server]) -> Server:
    return new_server()


def test_a_first_visit_offers_pictures_that_can_be_had_exactly(unused: Server, new_visitor: Callable) -> None:
    page = new_visitor(unused).open()
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#ez-history")).to_contain_text("Every picture you make is kept here")
    page.get_by_role("button", name="Make a picture").click()
    expect(page.get_by_role("heading", name="Say what you want to see.")).to_be_visible()
    card = page.locator(".ez-example").first
    words = card.inner_text()
    card.click()
    expect(prompt(page)).to_have_value(re.compile(re.escape(words), re.IGNORECASE))
    expect(field(page, "seed")).not_to_have_value("")
    expect_picture(page, prompt(page).input_value())
    expect(page.locator(".ez-facts")).to_contain_text(f"Seed {field(page, 'seed').input_value()}")


def test_a_restarted_server_is_found_again(unused: Server, new_visitor: Callable) -> None:
    visitor = new_visitor(unused)
    page = visitor.open()
    unused.stop()
    expect(page.locator(".ez-banner")).to_contain_text("Reconnecting")
    # What is asked for meanwhile is kept, in our own words; what was taken back isn't made.
    generate(page, "during the outage", steps=3)
    kept = page.locator(".ez-toast", has_text="What you asked for is kept")
    expect(kept).to_have_count(1)
    page.locator("#ez-generate").click()
    expect(kept).to_have_count(2)
    kept.last.get_by_role("button", name="Undo").click()
    expect(page.locator(".ez-pill")).to_have_text("1 job")
    expect(page.locator(".toast-body")).to_have_count(0)
    unused.start()
    expect(page.locator(".ez-banner")).to_be_hidden()
    expect_picture(page, "during the outage")
    expect(page.locator('#ez-stage .ez-strip button[title="during the outage"]')).to_have_count(1)
    generate(page, "after the restart", steps=3)
    expect_picture(page, "after the restart")
    visitor.trouble.clear()  # the outage itself is in the console, as it should be

"""Hires fix on the page: its section, and the one click on a finished picture."""

from __future__ import annotations

import re

import pytest
from easel_page import expect_picture, field, generate, open_history, stage_picture
from playwright.sync_api import Page, expect


def size_on_stage(page: Page) -> str:
    return next(text for text in page.locator("#ez-stage .ez-facts span").all_inner_texts() if "×" in text)


@pytest.mark.slow
def test_the_section_says_what_is_in_it_and_the_plan_knows(page: Page) -> None:
    head = page.locator("#ez-acc-hires > button.label-wrap")
    expect(head).to_have_attribute("data-sum", "Off")
    head.click()
    field(page, "hires").check()
    expect(head).to_have_attribute("data-sum", "2 ×, Latent, strength 0.7")
    field(page, "hires_steps").fill("9")
    field(page, "hires_width").fill("768")
    field(page, "hires_width").press("Tab")
    expect(head).to_have_attribute("data-sum", "768 × auto, Latent, strength 0.7, steps 9")
    generate(page, "a wide fox", steps=60)
    expect(page.locator(".ez-progress")).to_contain_text(re.compile(r"step \d+ of 69"))
    expect_picture(page, "a wide fox")
    assert size_on_stage(page) == "768 × 768"
    # It went through it already, so it isn't offered again.
    expect(page.locator("#ez-stage .ez-actions").get_by_role("button", name="Hires")).to_have_count(0)


def test_one_click_makes_a_finished_picture_larger(page: Page) -> None:
    generate(page, "a small owl", steps=4)
    expect_picture(page, "a small owl")
    twice = " × ".join(str(2 * int(side)) for side in size_on_stage(page).split(" × "))
    seed = page.locator("#ez-stage .ez-facts span").first.inner_text()
    page.locator("#ez-stage .ez-actions").get_by_role("button", name="Hires").click()
    expect(page.locator("#ez-stage .ez-facts")).to_contain_text(twice)
    expect(page.locator("#ez-stage .ez-facts")).to_contain_text(seed)

    # And from history, where it is drawn on the first page.
    generate(page, "a third one", steps=4)
    expect_picture(page, "a third one")
    open_history(page)
    page.locator("#ez-history .ez-cell").first.click()
    page.locator("#ez-history .ez-side").get_by_role("button", name="Make this picture larger with hires fix").click()
    expect(page.get_by_role("tab", name="txt2img")).to_have_attribute("aria-selected", "true")
    expect(stage_picture(page)).to_have_attribute("alt", "a third one")
    expect(page.locator("#ez-stage .ez-facts")).to_contain_text(twice)

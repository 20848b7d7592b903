"""From words to a picture on the stage, and all the ways to end that early."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from easel_page import expect_picture, field, generate, prompt, stage_picture
from playwright.sync_api import Page, expect

LONG = 150  # steps: long enough to do something while it runs


def test_generate_shows_progress_previews_and_the_picture(page: Page) -> None:
    prompt(page).fill("a fox")
    field(page, "steps").fill("40")
    started = time.monotonic()
    page.locator("#ez-generate").click()
    expect(page.locator(".ez-progress")).to_be_visible()
    print(f"click to progress card: {(time.monotonic() - started) * 1000:.0f} ms")
    expect(page.locator(".ez-progress")).to_contain_text(re.compile(r"Picture 1 of 1.*step \d+ of 40"))
    expect(page.locator("#ez-stage .ez-frame img")).to_have_attribute("src", re.compile(r"/preview\?s=\d+"))
    expect(page).to_have_title(re.compile(r"\d+ % · Easel"))
    expect_picture(page, "a fox")
    expect(page).to_have_title("Easel")
    expect(page.locator(".ez-facts")).to_contain_text("40 steps")


def test_the_keyboard_generates_and_interrupts(page: Page) -> None:
    generate_words = "a slow owl"
    prompt(page).fill(generate_words)
    field(page, "batch_count").fill("3")
    field(page, "steps").fill(str(LONG))
    field(page, "steps").press("Control+Enter")
    expect(page.locator(".ez-progress")).to_contain_text("Picture 1 of 3")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-progress")).to_have_count(0)
    page.locator(".ez-pill").click()
    expect(page.locator(".ez-job").first).to_contain_text("Interrupted, 0 of 3 pictures")


def test_interrupt_keeps_the_pictures_that_are_done(page: Page) -> None:
    generate(page, "three cats", pictures=3, steps=60)
    expect(page.locator(".ez-progress")).to_contain_text("Picture 2 of 3")
    page.get_by_role("button", name="Interrupt").click()
    expect_picture(page, "three cats")


def test_skip_ends_one_picture_and_goes_on(page: Page) -> None:
    generate(page, "two frogs", pictures=2, steps=LONG)
    expect(page.locator(".ez-progress")).to_contain_text("Picture 1 of 2")
    page.get_by_role("button", name="Skip").click()
    expect(page.locator(".ez-progress")).to_contain_text("Picture 2 of 2")
    page.get_by_role("button", name="Interrupt").click()
    expect(page.locator(".ez-progress")).to_have_count(0)


def test_a_waiting_job_can_be_cancelled_in_the_queue(page: Page) -> None:
    generate(page, "first in line", steps=LONG)
    expect(page.locator(".ez-progress")).to_be_visible()
    generate(page, "second in line", steps=LONG)
    expect(page.locator(".ez-pill")).to_contain_text("2 jobs")
    page.keyboard.press("Escape")  # no effect on typed text: it ends the running job
    page.locator(".ez-pill").click()
    row = page.locator(".ez-job", has_text="second in line").first
    expect(row).to_be_visible()
    row.get_by_role("button").click()
    expect(row).to_contain_text(re.compile("Cancelled|Interrupted"))
    expect(page.locator(".ez-pill")).to_contain_text("Queue")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-sheet")).to_be_hidden()


def test_the_same_seed_button_brings_the_same_picture(page: Page) -> None:
    generate(page, "a boat")
    expect_picture(page, "a boat")
    first = page.locator(".ez-facts span").first.inner_text()
    page.get_by_role("button", name="Reuse the last seed").click()
    expect(field(page, "seed")).to_have_value(first.removeprefix("Seed "))
    page.get_by_role("button", name="Random seed").click()
    expect(field(page, "seed")).to_have_value("")
    page.get_by_role("button", name="Reuse seed").click()
    expect(field(page, "seed")).to_have_value(first.removeprefix("Seed "))
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    expect(field(page, "seed")).to_have_value("")


def test_live_redraws_while_one_types_and_keeps_nothing(page: Page) -> None:
    kept = page.evaluate("fetch('/api/v1/history?limit=1').then(r => r.json()).then(h => h.total)")
    page.locator("#ez-plan").get_by_role("switch").click()
    expect(field(page, "seed")).not_to_have_value("")
    for words in ("a whale", "a whale in a hat"):
        prompt(page).fill(words)
        expect(page.locator("#ez-stage")).to_contain_text("These pictures are not kept")
        expect(page.locator("#ez-stage .ez-frame img")).to_have_attribute("alt", words)
    assert page.evaluate("fetch('/api/v1/history?limit=1').then(r => r.json()).then(h => h.total)") == kept
    seed = field(page, "seed").input_value()
    page.locator("#ez-generate").click()
    expect_picture(page, "a whale in a hat")
    expect(page.locator(".ez-facts")).to_contain_text(f"Seed {seed}")
    page.locator("#ez-plan").get_by_role("switch").click()
    expect(field(page, "seed")).to_have_value("")


def test_the_arrow_keys_walk_along_the_session(page: Page) -> None:
    generate(page, "older")
    expect_picture(page, "older")
    generate(page, "newer")
    expect_picture(page, "newer")
    page.locator(".ez-facts span").first.click()  # leave the fields
    page.keyboard.press("ArrowRight")
    expect(stage_picture(page)).to_have_attribute("alt", "older")
    page.keyboard.press("ArrowLeft")
    expect(stage_picture(page)).to_have_attribute("alt", "newer")
    page.keyboard.press(" ")
    expect(page.locator(".ez-viewer")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".ez-viewer img")).to_have_attribute("alt", "older")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-viewer")).to_be_hidden()


def test_a_first_visit_offers_pictures_that_can_be_had_exactly(new_server: Callable, new_visitor: Callable) -> None:
    page = new_visitor(new_server()).open()
    expect(page.get_by_role("heading", name="Say what you want to see.")).to_be_visible()
    card = page.locator(".ez-example").first
    words = card.inner_text()
    card.click()
    expect(prompt(page)).to_have_value(re.compile(re.escape(words), re.IGNORECASE))
    expect(field(page, "seed")).not_to_have_value("")
    expect_picture(page, prompt(page).input_value())
    expect(page.locator(".ez-facts")).to_contain_text(f"Seed {field(page, 'seed').input_value()}")

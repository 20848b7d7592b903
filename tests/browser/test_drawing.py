"""From words to a picture on the stage, and all the ways to end that early."""

from __future__ import annotations

import re
import time

import pytest
from easel_page import expect_picture, field, generate, prompt, stage_picture
from playwright.sync_api import Page, expect

LONG = 150  # steps: long enough to do something while it runs


def test_generate_shows_progress_previews_and_the_picture(page: Page) -> None:
    prompt(page).fill("a fox")
    field(page, "steps").fill("60")
    started = time.monotonic()
    page.locator("#ez-generate").click()
    expect(page.locator(".ez-progress")).to_be_visible()
    print(f"click to progress card: {(time.monotonic() - started) * 1000:.0f} ms")
    expect(page.locator(".ez-progress")).to_contain_text(re.compile(r"Picture 1 of 1.*step \d+ of 60"))
    expect(page.locator("#ez-stage .ez-frame img")).to_have_attribute("src", re.compile(r"/preview\?s=\d+"))
    expect(page).to_have_title(re.compile(r"\d+ % · Easel"))
    expect_picture(page, "a fox")
    expect(page).to_have_title("Easel")
    expect(page.locator(".ez-facts")).to_contain_text("60 steps")


@pytest.mark.slow
def test_a_click_is_felt_at_once(page: Page) -> None:
    """The queue pill counts the job in the same frame, before the server has answered."""
    milliseconds = page.evaluate(
        """async () => {
            const pill = document.querySelector('.ez-pill');
            const started = performance.now();
            document.getElementById('ez-generate').click();
            while (!pill.textContent.includes('1 job')) await new Promise(requestAnimationFrame);
            return performance.now() - started;
        }"""
    )
    assert milliseconds < 100, f"{milliseconds:.0f} ms"
    expect(stage_picture(page)).to_be_visible()


def test_the_ways_to_end_a_job(page: Page) -> None:
    prompt(page).fill("a slow owl")
    field(page, "batch_count").fill("3")
    field(page, "steps").fill(str(LONG))
    field(page, "steps").press("Control+Enter")
    expect(page.locator(".ez-progress")).to_contain_text("Picture 1 of 3")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-progress")).to_have_count(0)
    page.locator(".ez-pill").click()
    expect(page.locator(".ez-job").first).to_contain_text("Interrupted, 0 of 3 pictures")

    # Skip ends one picture and goes on; Interrupt keeps what is done.
    generate(page, "three cats", pictures=3, steps=LONG)
    expect(page.locator(".ez-progress")).to_contain_text("Picture 1 of 3")
    page.get_by_role("button", name="Skip", exact=True).click()
    expect(page.locator(".ez-progress")).to_contain_text("Picture 2 of 3")
    expect(page.locator(".ez-progress")).to_contain_text("Picture 3 of 3")
    page.locator(".ez-progress").get_by_role("button", name="Interrupt").click()
    expect_picture(page, "three cats")
    expect(page.locator(".ez-job").first).to_contain_text("Interrupted, 1 of 3 pictures")


@pytest.mark.slow
def test_a_waiting_job_can_be_cancelled_in_the_queue(page: Page) -> None:
    generate(page, "first in line", pictures=9, steps=LONG)
    expect(page.locator(".ez-progress")).to_be_visible()
    generate(page, "second in line", steps=LONG)
    expect(page.locator(".ez-pill")).to_contain_text("2 jobs")
    page.locator(".ez-pill").click()
    second = page.locator(".ez-job", has_text="second in line").first
    second.get_by_role("button", name="Cancel").click()
    expect(second).to_contain_text("Cancelled")
    page.locator(".ez-job", has_text="first in line").first.get_by_role("button", name="Interrupt").click()
    expect(page.locator(".ez-pill")).to_contain_text("Queue")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-sheet")).to_be_hidden()


@pytest.mark.slow
def test_seeds_can_be_had_again(page: Page) -> None:
    generate(page, "a boat")
    expect_picture(page, "a boat")
    seed = page.locator(".ez-facts span").first.inner_text().removeprefix("Seed ")
    page.get_by_role("button", name="Reuse the last seed").click()
    expect(field(page, "seed")).to_have_value(seed)
    page.get_by_role("button", name="Random seed").click()
    expect(field(page, "seed")).to_have_value("")
    page.get_by_role("button", name="Reuse seed").click()
    expect(field(page, "seed")).to_have_value(seed)
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    expect(field(page, "seed")).to_have_value("")


def test_live_redraws_while_one_types_and_keeps_nothing(page: Page) -> None:
    total = "fetch('/api/v1/history?limit=1').then(r => r.json()).then(h => h.total)"
    kept = page.evaluate(total)
    page.locator("#ez-plan").get_by_role("switch", name="Live").click()
    expect(field(page, "seed")).not_to_have_value("")
    for words in ("a whale", "a whale in a hat"):
        prompt(page).fill(words)
        expect(page.locator("#ez-stage")).to_contain_text("These pictures are not kept")
        expect(page.locator("#ez-stage .ez-frame img")).to_have_attribute("alt", words)
    assert page.evaluate(total) == kept
    seed = field(page, "seed").input_value()
    page.locator("#ez-generate").click()
    expect_picture(page, "a whale in a hat")
    expect(page.locator(".ez-facts")).to_contain_text(f"Seed {seed}")
    page.locator("#ez-plan").get_by_role("switch", name="Live").click()
    expect(field(page, "seed")).to_have_value("")


@pytest.mark.slow
def test_the_arrow_keys_walk_along_the_session(page: Page) -> None:
    for words in ("older", "newer"):
        generate(page, words, steps=2)
        expect_picture(page, words)
    page.locator(".ez-facts span").first.click()  # leave the fields
    page.keyboard.press("ArrowRight")
    expect(stage_picture(page)).to_have_attribute("alt", "older")
    page.keyboard.press("ArrowLeft")
    expect(stage_picture(page)).to_have_attribute("alt", "newer")
    page.keyboard.press(" ")
    expect(page.locator(".ez-viewer")).to_be_visible()
    expect(page.locator(".ez-viewer img")).to_be_in_viewport(ratio=1)  # all of it is seen
    page.keyboard.press("ArrowRight")
    expect(page.locator(".ez-viewer img")).to_have_attribute("alt", "older")
    page.keyboard.press("Escape")
    expect(page.locator(".ez-viewer")).to_be_hidden()

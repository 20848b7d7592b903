"""Films of steps on the page: the switch, the slider through them, and saving."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from easel_page import expect_picture, generate, open_history
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor, ready


def film_switch(page: Page) -> Locator:
    return page.locator("#ez-plan").get_by_role("switch", name="Film")


def filmed(page: Page, words: str, steps: int = 6) -> Locator:
    """Draw a picture with a film; its strip on the stage."""
    if film_switch(page).get_attribute("aria-checked") != "true":
        film_switch(page).click()
    generate(page, words, steps=steps)
    strip = page.locator("#ez-stage .ez-film")
    expect(strip.get_by_role("slider", name="Step")).to_be_enabled()
    expect(page.locator("#ez-stage .ez-frame img").first).to_have_attribute("alt", words)
    return strip


def test_the_steps_of_a_picture_are_looked_through(page: Page) -> None:
    generate(page, "without", steps=3)
    expect_picture(page, "without")
    expect(page.locator(".ez-film")).to_have_count(0)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if re.search(r"/film/\d+$", request.url) else None)
    strip = filmed(page, "with a film")
    frame, slider, words = (
        page.locator("#ez-stage .ez-film-frame"),
        strip.get_by_role("slider", name="Step"),
        strip.locator(".ez-film-words"),
    )
    expect(words).to_have_text("The picture")
    assert asked == [], "frames come when they are looked at"
    slider.fill("0")
    expect(frame).to_be_visible()
    expect(frame).to_have_attribute("src", re.compile(r"/film/1$"))
    expect(words).to_have_text("Step 1 of 6, noise 12.2")
    slider.press("ArrowRight")
    expect(words).to_have_text("Step 2 of 6, noise 9.73")
    expect(slider).to_have_attribute("aria-valuetext", "Step 2 of 6, noise 9.73")
    expect(frame).to_have_attribute("src", re.compile(r"/film/2$"))
    slider.press("End")
    expect(words).to_have_text("The picture")
    expect(frame).to_be_hidden()
    slider.evaluate("element => element.blur()")
    page.keyboard.press(",")
    expect(words).to_have_text("Step 6 of 6, noise 0")
    expect(frame).to_be_visible()
    page.keyboard.press(".")
    expect(frame).to_be_hidden()
    page.keyboard.press("p")
    expect(strip.get_by_role("button", name="Pause")).to_be_visible()
    expect(words).to_have_text("The picture")
    expect(strip.get_by_role("button", name="Play the steps")).to_be_visible()
    assert len(set(asked)) == 6


@pytest.mark.slow
def test_the_switch_is_remembered_and_begins_as_the_setting_says(page: Page) -> None:
    expect(film_switch(page)).to_have_attribute("aria-checked", "false")
    change = """film => fetch('/api/v1/settings').then(r => r.json()).then(({revision}) => fetch('/api/v1/settings',
        {method: 'PATCH', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({values: {film}, revision})}))"""
    try:
        page.evaluate(change, True)
        expect(film_switch(page)).to_have_attribute("aria-checked", "true")
        generate(page, "as the setting says", steps=2)
        expect(page.locator("#ez-stage .ez-film")).to_be_visible()
        film_switch(page).click()
        generate(page, "as the switch says", steps=2)
        expect_picture(page, "as the switch says")
        expect(page.locator("#ez-stage .ez-film")).to_have_count(0)
        page.reload()
        ready(page)
        expect(film_switch(page)).to_have_attribute("aria-checked", "false")
    finally:
        page.evaluate(change, False)


@pytest.mark.slow
def test_films_in_history_and_on_the_whole_screen(page: Page) -> None:
    filmed(page, "seen again", steps=4)
    open_history(page)
    page.locator("#ez-history .ez-cell").first.click()
    detail = page.locator("#ez-history .ez-side")
    detail.get_by_role("slider", name="Step").fill("1")
    expect(detail.locator(".ez-film-words")).to_contain_text("Step 2 of 4")
    expect(detail.locator(".ez-detail-picture .ez-film-frame")).to_be_visible()
    page.keyboard.press("Tab")
    detail.get_by_role("button", name="Full screen").click()
    viewer = page.locator(".ez-viewer")
    expect(viewer.get_by_role("slider", name="Step")).to_be_enabled()
    page.keyboard.press(",")
    expect(viewer.locator(".ez-film-words")).to_contain_text("Step 4 of 4")
    expect(viewer.locator(".ez-film-frame")).to_be_visible()
    expect(viewer.get_by_role("button", name="Close")).to_be_visible()
    viewer.get_by_role("button", name="Close").click(trial=True)
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(detail.locator(".ez-film-words")).to_contain_text("Step 2 of 4")


@pytest.mark.parametrize(("words", "form"), [("Animated WebP", "webp"), ("GIF", "gif")])
def test_a_film_is_saved(page: Page, words: str, form: str) -> None:
    strip = filmed(page, "saved", steps=3)
    strip.get_by_role("button", name="Save the film").click()
    with page.expect_download() as caught:
        page.get_by_role("menuitem", name=words).click()
    assert caught.value.suggested_filename.endswith(f"-steps.{form}")
    with Image.open(caught.value.path()) as moving:
        assert (moving.format, moving.n_frames) == (form.upper(), 4)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_hires_pictures_and_narrow_windows(server: Server, new_visitor: Callable[..., Visitor]) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 900}).open()
    strip = filmed(page, "small", steps=3)
    expect(strip).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#ez-stage .ez-actions").get_by_role("button", name="Hires").click()
    expect(page.locator("#ez-stage .ez-facts")).to_contain_text("256 × 256")
    slider = page.locator("#ez-stage .ez-film").get_by_role("slider", name="Step")
    expect(slider).to_have_attribute("max", "6")
    slider.fill("4")
    expect(page.locator("#ez-stage .ez-film-words")).to_contain_text("Step 5 of 6, hires, noise")

"""Fields: what they accept, what they say, what they remember."""

from __future__ import annotations

import re

import pytest
from easel_page import expect_picture, field, generate, prompt
from playwright.sync_api import Page, expect
from visiting import ready

from webui.generation.samplers import SAMPLER_LABELS, SCHEDULE_LABELS

SIZES = "64 to 2048 px, in steps of 8"
WRONG = (
    # field, what is typed, what is said, what the offered button puts there
    ("width", "7", SIZES, "64"),
    ("height", "1000000000", SIZES, "2048"),
    ("width", "", SIZES, "128"),
    ("batch_count", "0", "1 to 100", "1"),
    ("batch_count", "2.5", "1 to 100", "3"),
    ("seed", "abc", "-1 to", ""),
    # A slider puts a typed number right by itself when it is left; until then the field says what is allowed.
    ("steps", "0", "1 to 150", "1"),
    ("cfg_scale", "99", "1 to 30", "30"),
)


def test_a_wrong_value_is_shown_at_its_field_with_a_way_out(page: Page) -> None:
    for name, wrong, said, mended in WRONG:
        field(page, name).fill(wrong)
        field(page, name).press("Control+Enter")
        alert = page.locator(f"#ez-field-{name}").get_by_role("alert")
        expect(alert).to_contain_text(said)
        expect(field(page, name)).to_have_attribute("aria-invalid", "true")
        alert.get_by_role("button").click()
        expect(field(page, name)).to_have_value(mended)
        expect(alert).to_have_count(0)
    field(page, "height").fill("128")
    field(page, "width").fill("128")
    generate(page, "all is well", steps=3)
    expect_picture(page, "all is well")


def test_everything_is_remembered_over_a_reload(page: Page) -> None:
    prompt(page).fill("remember me")
    field(page, "width").fill("192")
    field(page, "steps").fill("13")
    page.get_by_role("button", name="Sampling details").click()
    expect(page.locator("#ez-field-clip_skip")).to_be_visible()
    field(page, "clip_skip").fill("2")
    expect(page.locator("#ez-acc-sampling > button")).to_have_attribute("data-sum", "clip skip 2")
    page.get_by_role("button", name="Dynamic prompts").click()
    page.get_by_role("switch", name="Expand {a|b} and __wildcards__").click()
    expect(page.locator(".ez-panels .ez-acc[data-add-on=dynamic-prompts] .sum")).to_have_text("On")
    page.get_by_role("button", name="Dynamic prompts").click()
    page.get_by_role("button", name="Dark theme").click()
    page.get_by_role("tab", name="History").click()
    expect(page).to_have_url(re.compile("#history"))
    page.reload()
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    expect(page.locator("body.dark")).to_have_count(1)
    page.get_by_role("tab", name="txt2img").click()
    ready(page)
    expect(prompt(page)).to_have_value("remember me")
    expect(field(page, "width")).to_have_value("192")
    expect(field(page, "steps")).to_have_value("13")
    expect(field(page, "clip_skip")).to_have_value("2")
    expect(page.locator("#ez-acc-sampling > button")).to_have_attribute("data-sum", "clip skip 2")
    # Gradio draws a closed section only when it is opened; the values in it must hold all the same.
    expect(page.locator(".ez-panels .ez-acc[data-add-on=dynamic-prompts] .sum")).to_have_text("On")
    generate(page, "{same|same} thing")
    expect_picture(page, "same thing")


def test_aspect_and_swap_set_the_size_and_the_plan_follows(page: Page) -> None:
    side = int(field(page, "width").input_value())
    page.get_by_role("radio", name="3:2").click()
    expect(field(page, "width")).not_to_have_value(str(side))
    width, height = (int(field(page, name).input_value()) for name in ("width", "height"))
    assert abs(width * height / side**2 - 1) < 0.2
    assert width % 8 == height % 8 == 0
    expect(page.get_by_role("radio", name="3:2")).to_have_attribute("aria-checked", "true")
    page.get_by_role("button", name="Swap width and height").click()
    expect(field(page, "width")).to_have_value(str(height))
    expect(field(page, "height")).to_have_value(str(width))
    page.get_by_role("radio", name="1:1").click()
    expect(field(page, "width")).to_have_value(str(side))
    field(page, "batch_count").fill("4")
    expect(page.locator("#ez-plan")).to_contain_text("4 pictures")


def test_a_picked_checkpoint_brings_its_own_values_and_undo_the_old_ones(page: Page) -> None:
    old = {name: field(page, name).input_value() for name in ("checkpoint", "width", "height", "steps", "sampler")}
    field(page, "checkpoint").click()
    options = page.get_by_role("option")
    expect(options).to_have_count(3)  # the two that come with Easel and this one; the broken one is not offered
    options.filter(has_text="small").click()
    for name, value in (("width", "64"), ("height", "96"), ("steps", "7"), ("sampler", "Euler")):
        expect(field(page, name)).to_have_value(value)
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    for name, value in old.items():
        expect(field(page, name)).to_have_value(value)


def test_hostile_words_stay_words(page: Page) -> None:
    words = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    generate(page, words, steps=2)
    expect_picture(page, words)
    page.locator(".ez-pill").click()
    expect(page.locator(".ez-job").first).to_contain_text(words)
    page.get_by_role("button", name="All parameters").click()
    expect(page.locator(".ez-sheet .ez-said")).to_have_text(words)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="History").click()
    page.locator(".ez-cell").first.click()
    expect(page.locator("#ez-history .ez-said")).to_have_text(words)
    page.reload()
    expect(page.locator("#ez-history .ez-said")).to_have_text(words)


@pytest.mark.slow
def test_sections_say_what_in_them_is_not_as_usual(page: Page) -> None:
    sampling, variation, guidance = (page.locator(f"#ez-acc-{name} > button.label-wrap") for name in ("sampling", "variation", "guidance"))
    for section, usual in ((sampling, "Default"), (variation, "Off"), (guidance, "Default")):
        expect(section).to_have_attribute("data-sum", usual)
        section.click()
    for name, value in (("eta", "0.5"), ("variation_strength", "0.3"), ("pag_scale", "3"), ("freeu_b1", "1.3")):
        page.locator(f"#ez-field-{name} input[type=number]").fill(value)
    page.locator("#ez-field-variation_seed input, #ez-field-variation_seed textarea").first.fill("77")
    expect(sampling).to_have_attribute("data-sum", "eta 0.5")
    expect(variation).to_have_attribute("data-sum", "0.3 of 77")
    expect(guidance).to_have_attribute("data-sum", "perturbed 3, FreeU")


@pytest.mark.slow
def test_every_sampler_and_schedule_can_be_picked(page: Page) -> None:
    for name, labels in (("sampler", SAMPLER_LABELS), ("schedule_type", SCHEDULE_LABELS)):
        page.locator(f"#ez-field-{name} input").click()
        options = page.locator("ul[role=listbox] li")
        expect(options).to_have_count(len(labels))
        assert [text.replace("✓", "").strip() for text in options.all_inner_texts()] == list(labels)
        page.keyboard.press("Escape")

"""The prompt: its count, its explanation, its keys, and parameters that are pasted or dropped."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from easel_page import expect_picture, field, generate, prompt
from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, expect

RECIPE = (
    "a (blue:1.2) fox\nNegative prompt: bad\nSteps: 11, Sampler: Euler a, CFG scale: 6.5, Seed: 3, Size: 320x256, Model: elsewhere, Warp: 9"
)


def weigh(page: Page, key: str, times: int = 1) -> None:
    for _ in range(times):
        prompt(page).press(f"Control+{key}")


def select(page: Page, start: int, end: int) -> None:
    prompt(page).evaluate(f"(area) => {{ area.focus(); area.setSelectionRange({start}, {end}); }}")


@pytest.mark.slow
def test_the_count_follows_the_words_and_explain_shows_all(page: Page) -> None:
    expect(page.locator("#ez-inspector .ez-count")).to_have_text("0 / 30")
    prompt(page).fill("a (red:1.3) apple on a [blue:green:0.5] background")
    expect(page.locator("#ez-inspector .ez-count")).to_have_text("10 / 30")
    expect(page.locator("#ez-inspector")).to_contain_text("1 weight")
    page.get_by_role("button", name="Explain").click()
    sheet = page.locator(".ez-sheet")
    expect(sheet).to_contain_text("The prompt explained")
    expect(sheet.locator(".ez-explain .up2")).to_have_text("red1.3")
    expect(sheet).to_contain_text("1 to 10")
    prompt(page).fill("a (red:1.3) apple on a cat")
    expect(page.locator("#ez-inspector .ez-count")).to_have_text("6 / 30")
    expect(sheet.locator(".ez-explain").first).to_contain_text("cat")


def test_a_warning_is_mended_with_one_click_and_taken_back(page: Page) -> None:
    prompt(page).fill("a (fox BREAK snow:1.2)")
    page.get_by_role("button", name="Take BREAK out of the brackets").click()
    expect(prompt(page)).to_have_value("a (fox:1.2) BREAK (snow:1.2)")
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("a (fox BREAK snow:1.2)")
    prompt(page).fill("a fox")
    expect(page.locator("#ez-inspector .ez-warnings p")).to_have_count(0)


@pytest.mark.slow
def test_ctrl_up_and_down_change_the_weight_at_the_caret(page: Page) -> None:
    prompt(page).fill("a red fox")
    select(page, 3, 3)
    weigh(page, "ArrowUp")
    expect(prompt(page)).to_have_value("a (red:1.1) fox")
    weigh(page, "ArrowUp", 2)
    expect(prompt(page)).to_have_value("a (red:1.3) fox")
    weigh(page, "ArrowDown", 3)
    expect(prompt(page)).to_have_value("a red fox")
    weigh(page, "ArrowDown")
    expect(prompt(page)).to_have_value("a (red:0.9) fox")
    prompt(page).press("Control+z")
    expect(prompt(page)).to_have_value("a red fox")
    select(page, 2, 9)
    weigh(page, "ArrowUp")
    expect(prompt(page)).to_have_value("a (red fox:1.1)")
    prompt(page).fill("a <lora:ink:0.5> fox")
    select(page, 6, 6)
    weigh(page, "ArrowUp")
    expect(prompt(page)).to_have_value("a <lora:ink:0.55> fox")
    expect(field(page, "prompt")).to_be_focused()


@pytest.mark.slow
def test_a_bracket_at_the_caret_shows_its_partner(page: Page) -> None:
    prompt(page).fill("a ((red) fox) (x")
    select(page, 13, 13)
    expect(page.locator("#ez-inspector")).to_contain_text("((red) fox)")
    select(page, 15, 15)
    expect(page.locator("#ez-inspector")).to_contain_text("no partner")


def paste(page: Page, text: str) -> None:
    prompt(page).evaluate(
        """(area, text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        text,
    )


def drop(page: Page, data: bytes) -> None:
    page.locator("#ez-field-prompt textarea").evaluate(
        """async (area, text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "picture.png", { type: "image/png" }));
            const how = { dataTransfer: data, bubbles: true, cancelable: true };
            for (const type of ["dragover", "drop"]) area.dispatchEvent(new DragEvent(type, how));
        }""",
        base64.b64encode(data).decode(),
    )


def test_pasted_parameters_fill_the_fields_and_the_rest_is_listed(page: Page) -> None:
    prompt(page).fill("as it was")
    paste(page, RECIPE)
    expect(prompt(page)).to_have_value("a (blue:1.2) fox")
    for name, value in (
        ("negative_prompt", "bad"),
        ("steps", "11"),
        ("cfg_scale", "6.5"),
        ("seed", "3"),
        ("width", "320"),
        ("height", "256"),
    ):
        expect(field(page, name)).to_have_value(value)
    expect(page.locator("#ez-inspector .ez-warnings")).to_contain_text("2 parameters found no place: Warp, Model")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".ez-sheet")).to_contain_text("Easel has no such setting.")
    expect(page.locator(".ez-sheet")).to_contain_text("elsewhere")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo").click()
    expect(prompt(page)).to_have_value("as it was")
    expect(page.locator("#ez-inspector .ez-warnings p")).to_have_count(0)


@pytest.mark.slow
def test_plain_text_is_pasted_as_text(page: Page) -> None:
    assert prompt(page).evaluate(
        """(area) => {
            const data = new DataTransfer();
            data.setData("text/plain", "just a fox");
            return area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )


@pytest.mark.slow
def test_a_dropped_picture_of_another_program_fills_the_fields(page: Page) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("parameters", RECIPE)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=chunks)
    drop(page, buffer.getvalue())
    expect(prompt(page)).to_have_value("a (blue:1.2) fox")
    expect(page.get_by_text("Written by AUTOMATIC1111")).to_be_visible()


def test_our_own_picture_comes_back_exactly(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Prompt details").click()
    page.get_by_label("Pad prompts to one length").check()
    generate(page, "once more", steps=3)
    expect_picture(page, "once more")
    with page.expect_download() as download:
        page.locator("#ez-stage").get_by_role("button", name="Download").first.click()
    prompt(page).fill("something else")
    page.get_by_label("Pad prompts to one length").uncheck()
    drop(page, download.value.path().read_bytes())
    expect(prompt(page)).to_have_value("once more")
    expect(page.get_by_label("Pad prompts to one length")).to_be_checked()
    expect(page.get_by_text("Written by Easel")).to_be_visible()

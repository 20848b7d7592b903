"""Ways on at the caret of a prompt."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import numpy as np
import pytest
from easel_page import expect_picture, field, generate, prompt
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from safetensors.numpy import save_file
from visiting import Server, Visitor

LORA = {
    "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": np.zeros((8, 2), np.float32),
    "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": np.zeros((2, 8), np.float32),
}


@pytest.fixture(scope="module", autouse=True)
def adapters(server: Server) -> None:
    """LoRAs and an embedding beside the checkpoints."""
    for folder in ("loras", "embeddings"):
        (server.folder / "models" / folder).mkdir(exist_ok=True)
    for name in ("ink", "drinking", "oil wash"):
        save_file(LORA, server.folder / "models" / "loras" / f"{name}.safetensors")
    (server.folder / "models" / "loras" / "ink.json").write_text(json.dumps({"preferred weight": 0.7, "activation text": "inkwash"}))
    Image.new("RGB", (64, 64), "teal").save(server.folder / "models" / "loras" / "ink.preview.png")
    save_file({"emb_params": np.zeros((2, 768), np.float32)}, server.folder / "models" / "embeddings" / "hands (bad).safetensors")
    request = urllib.request.Request(f"{server.url}/api/v1/models/refresh", b"{}", {"content-type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def options(page: Page) -> Locator:
    return page.locator('.ez-ways-on [role="option"]')


def test_a_lora_is_taken_with_the_keyboard_and_taken_back(page: Page) -> None:
    prompt(page).press_sequentially("a fox <lora:in")
    expect(options(page)).to_have_text(["inkinkwash", "drinkingLoRA"])
    expect(options(page).locator("img")).to_have_count(1)
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    expect(prompt(page)).to_have_attribute("aria-activedescendant", "ez-way-on-0")
    prompt(page).press("ArrowDown")
    expect(options(page).nth(1)).to_have_attribute("aria-selected", "true")
    prompt(page).press("ArrowUp")
    prompt(page).press("Enter")
    expect(prompt(page)).to_have_value("a fox <lora:ink:0.7>")
    expect(options(page)).to_have_count(0)
    expect(prompt(page)).not_to_have_attribute("aria-activedescendant", "ez-way-on-0")
    prompt(page).press("Control+z")
    expect(prompt(page)).to_have_value("a fox <lora:in")


@pytest.mark.slow
def test_another_name_in_a_tag_keeps_its_weight(page: Page) -> None:
    prompt(page).fill("a <lora:i:0.25> fox")
    prompt(page).evaluate("(area) => { area.focus(); area.setSelectionRange(9, 9); }")
    prompt(page).press("Backspace")
    prompt(page).press_sequentially("oil")
    expect(options(page)).to_have_count(1)
    prompt(page).press("Tab")
    expect(prompt(page)).to_have_value("a <lora:oil wash:0.25> fox")


def test_embeddings_and_wildcards(page: Page) -> None:
    negative = field(page, "negative_prompt")
    negative.press_sequentially("ugly, han")
    options(page).click()
    expect(negative).to_have_value(r"ugly, hands \(bad\)")
    expect(negative).to_be_focused()
    prompt(page).press_sequentially("a __col")
    expect(options(page)).to_have_text(["colourwildcard"])
    prompt(page).press("Tab")
    expect(prompt(page)).to_have_value("a __colour__")
    expect(prompt(page)).to_be_focused()


@pytest.mark.slow
def test_words_of_history_never_take_a_key_before_an_arrow(page: Page) -> None:
    generate(page, "a zebra in zealous light", steps=1)
    expect_picture(page, "a zebra in zealous light")
    prompt(page).fill("")
    prompt(page).press_sequentially("one ze")
    expect(options(page)).to_have_count(2)
    prompt(page).press("Enter")
    expect(prompt(page)).to_have_value("one ze\n")
    expect(options(page)).to_have_count(0)
    prompt(page).press_sequentially("ze")
    expect(options(page)).to_have_count(2)
    prompt(page).press("Tab")
    expect(prompt(page)).not_to_be_focused()
    expect(options(page)).to_have_count(0)
    prompt(page).focus()
    prompt(page).press("End")
    prompt(page).press_sequentially("b")
    expect(options(page)).to_have_text(["zebra1×"])
    prompt(page).press("ArrowDown")
    prompt(page).press("Tab")
    expect(prompt(page)).to_have_value("one ze\nzebra")


@pytest.mark.slow
def test_escape_closes_the_list_and_interrupts_nothing(page: Page) -> None:
    generate(page, "a long job", steps=150)
    expect(page.locator("#ez-stage .ez-progress")).to_be_visible()
    prompt(page).fill("")
    prompt(page).press_sequentially("<lora:i")
    expect(options(page)).not_to_have_count(0)
    prompt(page).press("Escape")
    expect(options(page)).to_have_count(0)
    expect(page.locator("#ez-stage .ez-progress")).to_be_visible()
    # It stays closed for this name, and comes back for another.
    prompt(page).press_sequentially("n")
    page.wait_for_timeout(300)
    expect(options(page)).to_have_count(0)
    prompt(page).press_sequentially("> <")
    expect(options(page)).not_to_have_count(0)
    prompt(page).press("Escape")
    prompt(page).press("Escape")
    expect(page.locator("#ez-stage .ez-progress")).to_have_count(0)


@pytest.mark.slow
def test_composing_and_pasting_are_left_alone(page: Page) -> None:
    prompt(page).focus()
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "<lora:in", "selectionStart": 8, "selectionEnd": 8})
    page.wait_for_timeout(300)
    expect(prompt(page)).to_have_value("<lora:in")
    expect(options(page)).to_have_count(0)
    prompt(page).press("ArrowDown")
    session.send("Input.insertText", {"text": "<lora:in"})
    expect(options(page)).to_have_count(2)
    prompt(page).press("Escape")
    prompt(page).evaluate(
        """(area) => {
            area.setRangeText(" <lora:in", area.value.length, area.value.length, "end");
            area.dispatchEvent(new InputEvent("input", { inputType: "insertFromPaste", bubbles: true }));
        }"""
    )
    page.wait_for_timeout(300)
    expect(options(page)).to_have_count(0)


@pytest.mark.slow
def test_on_a_small_touch_screen_the_list_stays_in_the_window(server: Server, new_visitor: Callable[..., Visitor]) -> None:
    page = new_visitor(server, viewport={"width": 420, "height": 800}, has_touch=True, is_mobile=True).open()
    prompt(page).press_sequentially("a fox and very many other words before a tag <lora:in")
    expect(options(page)).to_have_count(2)
    box = page.locator(".ez-ways-on").bounding_box()
    caret = prompt(page).bounding_box()
    assert box and caret
    assert box["x"] >= 0 and box["x"] + box["width"] <= 420
    assert caret["y"] <= box["y"] <= caret["y"] + caret["height"] + 10 or box["y"] + box["height"] <= caret["y"] + caret["height"]
    options(page).first.tap()
    expect(prompt(page)).to_have_value("a fox and very many other words before a tag <lora:ink:0.7>")

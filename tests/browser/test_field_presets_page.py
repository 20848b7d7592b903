"""Presets of the page's fields, in the menu beside Generate."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from visiting import Visitor


def test_fields_are_kept_and_taken_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open()
    steps = page.locator("#ez-field-steps input[type=number]")
    steps.fill("33")
    steps.press("Tab")
    page.locator("#ez-field-presets button").focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Keep these fields").press("Enter")
    page.get_by_label("Name", exact=True).fill("Thirty-three")
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="Thirty-three")).to_be_visible()
    page.keyboard.press("Escape")
    steps.fill("5")
    steps.press("Tab")
    page.locator("#ez-field-presets button").focus()
    page.keyboard.press("t")
    page.get_by_role("menuitem", name="Thirty-three").press("Enter")
    expect(page.locator(".ez-toast").last).to_contain_text("Thirty-three is in the fields")
    expect(steps).to_have_value("33")
    page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()
    expect(steps).to_have_value("5")


@pytest.mark.slow
def test_upscale_keeps_and_takes_its_chain(visitor: Visitor) -> None:
    page = visitor.open("/#upscale")
    factor = page.get_by_role("radiogroup", name="Factor")
    factor.get_by_role("radio", name="3 ×").click()
    presets = page.locator("#ez-upscale").get_by_role("button", name="Presets")
    presets.click()
    page.get_by_role("menuitem", name="Keep these fields").press("Enter")
    page.get_by_label("Name", exact=True).fill("Threefold")
    page.keyboard.press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="Threefold")).to_be_visible()
    page.keyboard.press("Escape")
    factor.get_by_role("radio", name="2 ×").click()
    presets.focus()
    page.keyboard.press("t")
    page.get_by_role("menuitem", name="Threefold").press("Enter")
    expect(page.locator(".ez-toast").last).to_contain_text("Threefold is in the fields")
    expect(factor.get_by_role("radio", name="3 ×")).to_have_attribute("aria-checked", "true")
    page.locator(".ez-toast").last.get_by_role("button", name="Undo").click()
    expect(factor.get_by_role("radio", name="2 ×")).to_have_attribute("aria-checked", "true")

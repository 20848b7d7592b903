"""What add-ons offer by name on the page: in its lists, at work, and out of them when the add-on goes, without a reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from easel_page import expect_picture, field, generate, no_sideways_scroll
from file_server import Served, file_server
from model_files import kohya_lora, write_safetensors
from playwright.sync_api import Browser, Page, expect
from served import serving
from test_hooks_by_name import Ada
from visiting import Visitor

from webui.extensions import FoundModel, ModelFileAddress, ModelSource, hookimpl
from webui.extensions.registry import ExtensionRegistry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Shelf:
    """Knows one file, which lies on this machine for the test."""

    url = ""

    @hookimpl
    def model_sources(self) -> ModelSource:
        return ModelSource("My shelf", self.search, self.resolve)

    def search(self, words: str) -> list[FoundModel]:
        return [FoundModel("Grain <b>film</b>", "shelf:grain", "lora", "35 mm", 4096)] if words in "grain" else []

    def resolve(self, address: str) -> list[ModelFileAddress] | None:
        return [ModelFileAddress(self.url, "grain.safetensors", "lora")] if address == "shelf:grain" else None


@pytest.fixture
def registry() -> ExtensionRegistry:
    registry = ExtensionRegistry()
    registry.register(Ada(), "ada", "web")
    registry.register(Shelf(), "shelf", "web")
    return registry


@pytest.fixture
def visitor(browser: Browser, registry: ExtensionRegistry, tmp_path: Path) -> Iterator[Visitor]:
    with serving(tmp_path / "easel", extensions=registry) as address:
        visitor = Visitor(browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce"), address)
        yield visitor
        visitor.leave()
        visitor.context.close()


def choices(page: Page, name: str) -> list[str]:
    """What a list of the page offers, which is closed again."""
    field(page, name).click()
    options = page.get_by_role("option")
    expect(options.first).to_be_visible()
    found = [text.removeprefix("✓").strip() for text in options.all_inner_texts()]
    page.keyboard.press("Escape")
    return found


def choose(page: Page, name: str, value: str) -> None:
    field(page, name).click()
    page.get_by_role("option", name=value, exact=True).click()


def test_a_sampler_is_chosen_draws_and_goes_with_its_add_on(visitor: Visitor, registry: ExtensionRegistry) -> None:
    page = visitor.open()
    assert "ada/Plain Euler" in choices(page, "sampler") and "ada/Even" in choices(page, "schedule_type")
    choose(page, "sampler", "ada/Plain Euler")
    generate(page, "a fox", steps=2)
    expect_picture(page, "a fox")
    page.get_by_role("button", name="Hires fix").click()
    assert "ada/Blocks" in choices(page, "hires_upscaler") and "ada/Other" in choices(page, "hires_sampler")

    registry.switch_off("ada")
    page.wait_for_timeout(1000)  # the page is told, and asks anew
    assert "ada/Other" not in choices(page, "sampler") and "ada/Blocks" not in choices(page, "hires_upscaler")
    # The field keeps what was chosen; that it can't be drawn is said, with the way on.
    expect(field(page, "sampler")).to_have_value("ada/Plain Euler")
    page.locator("#ez-generate").click()
    expect(page.locator(".ez-toast, #ez-overlay").filter(has_text="of the add-on ada, which is off").first).to_be_visible()
    visitor.trouble.clear()


def test_a_source_of_an_add_on_is_searched_and_fetched_from(visitor: Visitor, tmp_path: Path, registry: ExtensionRegistry) -> None:
    data = write_safetensors(tmp_path / "grain.safetensors", kohya_lora()).read_bytes()
    with file_server() as files:
        files.paths["/grain.safetensors"] = Served(data)
        Shelf.url = f"{files.url}/grain.safetensors"
        page = visitor.open()
        page.get_by_role("tab", name="Models").click()
        page.locator(".ez-models-head").get_by_role("button", name="Add models", exact=True).click()
        sheet = page.locator("#ez-models .ez-side")
        sheet.get_by_role("radio", name="Download").click()
        search = sheet.get_by_label("Search", exact=True)
        expect(search).to_have_attribute("placeholder", "My shelf")
        search.fill("nothing like it")
        search.press("Enter")
        expect(sheet).to_contain_text("Nothing was found.")
        search.fill("grain")
        search.press("Enter")
        row = sheet.locator("li", has_text="Grain <b>film</b>")
        expect(row).to_contain_text("My shelf · LoRA · 4 kB · 35 mm")
        row.get_by_role("button", name="Choose").click()
        expect(sheet.get_by_label("Address or repository")).to_have_value("shelf:grain")
        # This machine is nobody's shelf; what an add-on says is asked by the same rules as what a person pastes.
        expect(sheet.locator("#ez-add-source-hint")).to_contain_text("is this machine itself")
        page.set_viewport_size({"width": 420, "height": 900})
        assert no_sideways_scroll(page)
        visitor.trouble.clear()

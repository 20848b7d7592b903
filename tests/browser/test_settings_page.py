"""The Settings page."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from easel_page import no_sideways_scroll
from playwright.sync_api import Locator, Page, expect
from visiting import Server, Visitor


def open_settings(page: Page) -> Page:
    page.get_by_role("button", name="Settings", exact=True).first.click()
    expect(page.locator(".ez-setting").first).to_be_visible()
    return page


def setting(page: Page, name: str) -> Locator:
    return page.locator(f'.ez-setting[data-name="{name}"]')


def back_to_default(page: Page, name: str) -> None:
    setting(page, name).get_by_role("button", name="Back to").click()
    expect(setting(page, name).get_by_role("button", name="Back to")).to_have_count(0)


def test_a_setting_is_changed_at_once_and_can_be_taken_back(visitor: Visitor) -> None:
    page, other = map(open_settings, [visitor.open(), visitor.open()])
    setting(page, "picture_format").get_by_role("radio", name="webp").click()
    expect(page.locator(".ez-toast")).to_contain_text("Format: webp")
    expect(setting(page, "picture_format")).to_contain_text("Saved")
    expect(setting(other, "picture_format").get_by_role("radio", name="webp")).to_have_attribute("aria-checked", "true")
    page.reload()
    expect(setting(page, "picture_format").get_by_role("radio", name="webp")).to_have_attribute("aria-checked", "true")
    setting(page, "picture_format").get_by_role("radio", name="webp").focus()
    page.keyboard.press("ArrowRight")
    expect(setting(page, "picture_format").get_by_role("radio", name="avif")).to_be_focused()
    page.locator(".ez-toast").get_by_role("button", name="Undo").click()
    expect(setting(page, "picture_format").get_by_role("radio", name="webp")).to_have_attribute("aria-checked", "true")
    back_to_default(page, "picture_format")
    expect(setting(page, "picture_format").get_by_role("radio", name="png")).to_have_attribute("aria-checked", "true")


@pytest.mark.slow
def test_a_wrong_value_is_told_at_its_field(visitor: Visitor) -> None:
    page = open_settings(visitor.open())
    quality = setting(page, "picture_quality").locator("input")
    quality.fill("500")
    quality.press("Enter")
    expect(setting(page, "picture_quality").get_by_role("alert")).to_contain_text("500")
    expect(quality).to_have_value("500")
    quality.fill("77")
    quality.press("Enter")
    expect(setting(page, "picture_quality").get_by_role("alert")).to_have_count(0)
    back_to_default(page, "picture_quality")
    expect(quality).to_have_value("90")
    visitor.trouble = [line for line in visitor.trouble if "422" not in line]


@pytest.mark.slow
def test_the_name_of_the_next_picture_shows_while_one_types(visitor: Visitor) -> None:
    page = open_settings(visitor.open())
    example = setting(page, "name_pattern").locator(".mono.ez-hint")
    expect(example).to_contain_text("txt2img-images/")
    name = setting(page, "name_pattern").locator("input")
    name.fill("<b>hello")
    expect(example).to_contain_text("/00012-_b_hello.")
    name.fill("[sed]")
    expect(example).to_contain_text("[sed]")
    name.press("Enter")
    expect(setting(page, "name_pattern").get_by_role("alert")).to_contain_text("[seed]")
    name.fill("[seed]")
    name.press("Enter")
    expect(setting(page, "name_pattern").get_by_role("alert")).to_have_count(0)
    visitor.trouble = [line for line in visitor.trouble if "422" not in line]


@pytest.mark.slow
def test_what_is_read_at_start_says_how_to_change_it_and_search_finds(visitor: Visitor) -> None:
    page = open_settings(visitor.open())
    expect(setting(page, "threads")).to_contain_text("settings.yaml")
    expect(setting(page, "data_dir")).to_contain_text("the command line")
    expect(setting(page, "data_dir").locator("input")).to_have_count(0)
    page.get_by_label("Find a setting").fill("overtake")
    expect(page.locator(".ez-setting[data-name]")).to_have_count(1)
    page.get_by_label("Find a setting").fill("no such thing")
    expect(page.locator("#ez-settings")).to_contain_text("No setting is called that")


def test_what_differs_is_shown_and_a_file_is_taken_whole_or_not_at_all(visitor: Visitor, tmp_path: Path) -> None:
    page = open_settings(visitor.open())
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("save_grids: true\npicture_quality: 71\nport: 1\n")
    bad.write_text("save_grids: true\npicture_quality: 500\nno_such: 1\n")
    chooser = page.locator("#ez-settings input[type=file]")
    chooser.set_input_files(bad)
    sheet = page.locator("#ez-sheet, .ez-sheet").filter(has_text="Import settings")
    expect(sheet).to_contain_text("Line 2")
    expect(sheet).to_contain_text("Line 3")
    expect(setting(page, "save_grids").get_by_role("switch")).to_have_attribute("aria-checked", "false")
    chooser.set_input_files(good)
    expect(sheet).to_contain_text("Port is read at start only")
    sheet.get_by_role("button", name="Import").click()
    expect(setting(page, "picture_quality").locator("input")).to_have_value("71")
    expect(setting(page, "picture_quality")).to_contain_text("from settings.yaml")
    page.locator(".ez-settings-acts").get_by_role("button", name="changed").click()
    expect(setting(page, "save_grids")).to_be_visible()
    expect(setting(page, "sidecar")).to_have_count(0)
    page.locator(".ez-settings-acts").get_by_role("button", name="Undo").click()
    expect(page.locator(".ez-toast").last).to_contain_text("Taken back")
    expect(setting(page, "save_grids")).to_have_count(0)
    visitor.trouble = [line for line in visitor.trouble if "422" not in line]


@pytest.mark.slow
def test_settings_fit_a_telephone(new_visitor, server: Server) -> None:
    page = open_settings(new_visitor(server, viewport={"width": 390, "height": 800}).open())
    assert no_sideways_scroll(page)


def test_settings_lie_in_the_data_folder(server: Server) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/v1/settings",
        b'{"values": {"disk_reserve_mb": 123}}',
        {"Content-Type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request):
        assert "disk_reserve_mb: 123" in Path(server.folder, "data", "settings.yaml").read_text()

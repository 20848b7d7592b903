"""The Import view of History."""

from __future__ import annotations

from pathlib import Path

import pytest
from other_programs import write_outputs
from playwright.sync_api import Page, expect
from visiting import Visitor


def open_import(page: Page) -> None:
    page.get_by_role("tab", name="History").click()
    page.locator("#ez-history").get_by_role("tab", name="Import").click()
    expect(page.locator("#ez-import-folder")).to_be_visible()


def test_a_folder_is_looked_at_imported_and_its_broken_files_listed(visitor: Visitor, page: Page, tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    written = write_outputs(root, 18, broken=0.2)
    missed = written.broken | written.foreign
    open_import(page)
    folder = page.locator("#ez-import-folder")
    form = page.locator(".ez-import-form")
    folder.fill(str(tmp_path / "nowhere"))
    expect(form.get_by_role("status")).to_contain_text("There is no folder")
    assert [trouble for trouble in visitor.trouble if "422" not in trouble] == []
    visitor.trouble.clear()
    folder.fill(str(root))
    expect(form.get_by_role("status")).to_contain_text("18 pictures")
    folder.press("Enter")
    row = page.locator(".ez-import-row", has_text=str(root))
    expect(row).to_contain_text("Done")
    expect(row).to_contain_text(f"{len(written.prompts)} in History")
    row.get_by_role("button", name=f"{len(missed)} files not taken in").click()
    expect(row.locator("li")).to_have_count(len(missed))
    for path in missed:
        expect(row.locator("li", has_text=path)).to_have_count(1)
    eye = row.get_by_role("switch", name="Keep an eye on it")
    eye.click()
    expect(eye).to_have_attribute("aria-checked", "true")
    expect(row).to_contain_text("Up to date, and watched")
    row.get_by_role("button", name="Forget this folder").click()
    expect(row).to_have_count(0)


@pytest.mark.slow
def test_an_imported_picture_shows_what_its_file_tells(page: Page, tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    write_outputs(root, 3, broken=0, seed=7)
    open_import(page)
    page.locator("#ez-import-folder").fill(str(root))
    page.get_by_role("button", name="Import", exact=True).click()
    row = page.locator(".ez-import-row", has_text=str(root))
    expect(row).to_contain_text("3 in History")
    found = page.evaluate("fetch('/api/v1/history?limit=200').then((answer) => answer.json())")["items"]
    image = next(item for item in found if item["imported"] and item["imported"]["folder"].startswith(str(root / "forge")))
    page.evaluate(f"location.hash = '#history/{image['id']}'")
    page.reload()
    page.locator("#ez-history").get_by_role("tab", name="Pictures").click()
    detail = page.locator("#ez-history .ez-side")
    for words in (image["prompt"], "by Forge", image["imported"]["folder"], "dreamlike"):
        expect(detail).to_contain_text(words)
    expect(detail.locator(".ez-infotext")).to_contain_text(f"Seed: {image['seed']}")

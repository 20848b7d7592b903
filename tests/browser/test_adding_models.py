"""Add models, Merge, Convert and VAE on the Models page, and the list of what is being done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from easel_page import no_sideways_scroll
from file_server import FileServer, Served, file_server
from model_files import kohya_lora, write_safetensors
from playwright.sync_api import Browser, Locator, Page, expect
from served import serving
from small_checkpoint import make_checkpoint
from test_weights import small
from visiting import Visitor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adding")


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


@pytest.fixture(scope="module")
def address(folder: Path, files: FileServer) -> Iterator[str]:
    """A server whose own models folder is a throwaway one, with two checkpoints that go together.

    Its repositories lie on this machine, which it asks for nothing else.
    """
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    small(checkpoints, "ink", 1)
    small(checkpoints, "wool", 2)
    with serving(folder, hugging_face_url=files.url) as address:
        yield address


@pytest.fixture(scope="module")
def looking(browser: Browser, address: str) -> Iterator[Visitor]:
    """One browser for all, which has fetched the page's scripts before."""
    visitor = Visitor(browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce"), address)
    yield visitor
    visitor.context.close()


@pytest.fixture
def visitor(looking: Visitor) -> Iterator[Visitor]:
    yield looking
    try:
        looking.leave()
    finally:
        looking.forget()


@pytest.fixture
def page(visitor: Visitor) -> Page:
    page = visitor.open()
    page.get_by_role("tab", name="Models").click()
    expect(card(page, "ink")).to_be_visible()
    return page


@pytest.fixture
def source(files: FileServer) -> FileServer:
    files.clear()
    return files


def card(page: Page, name: str) -> Locator:
    return page.locator(".ez-model", has=page.locator(".ez-model-name").get_by_text(name, exact=True))


def head(page: Page, words: str) -> None:
    page.locator(".ez-models-head").get_by_role("button", name=words, exact=True).click()


def sheet(page: Page) -> Locator:
    return page.locator("#ez-models .ez-side")


def order(page: Page, name: str) -> Locator:
    return sheet(page).locator(".ez-order", has_text=name)


@pytest.mark.slow
def test_a_folder_is_looked_at_used_and_let_go(page: Page, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "webui" / "models" / "Lora" / "theirs.safetensors", kohya_lora())
    head(page, "Add models")
    sheet(page).get_by_label("Folder", exact=True).fill(str(tmp_path / "webui"))
    sheet(page).get_by_role("button", name="Look", exact=True).click()
    expect(sheet(page).locator(".ez-found")).to_contain_text("LoRA1")
    sheet(page).get_by_role("button", name="Use these models").click()
    folders = sheet(page).get_by_role("list", name="Folders in use")
    expect(folders.locator("li")).to_have_count(2)
    page.locator("#ez-models").get_by_role("tab", name="LoRA").click()
    expect(card(page, "theirs")).to_be_visible()
    folders.get_by_role("button", name="Let go of").click()
    expect(card(page, "theirs")).to_have_count(0)
    expect(folders.locator("li")).to_have_count(1)
    page.locator("#ez-models").get_by_role("tab", name="Checkpoints").click()


def test_what_is_wrong_is_said_at_its_field(page: Page, visitor: Visitor) -> None:
    head(page, "Add models")
    path = sheet(page).get_by_label("Folder", exact=True)
    path.fill("/no/such/folder")
    sheet(page).get_by_role("button", name="Look", exact=True).click()
    expect(sheet(page).locator("#ez-add-path-hint")).to_contain_text("There is no folder /no/such/folder.")
    expect(path).to_have_attribute("aria-invalid", "true")
    assert [trouble for trouble in visitor.trouble if "422" not in trouble] == []
    visitor.trouble.clear()


def test_a_download_shows_its_licence_first_then_runs_and_is_listed(page: Page, source: FileServer, folder: Path, tmp_path: Path) -> None:
    data = write_safetensors(tmp_path / "grain.safetensors", kohya_lora()).read_bytes()
    source.paths["/grain.safetensors"] = Served(data)
    head(page, "Add models")
    sheet(page).get_by_role("radio", name="Download").click()
    sheet(page).get_by_label("Address or repository").fill(f"{source.url}/grain.safetensors")
    assert source.asked == []
    sheet(page).get_by_role("button", name="Look up").click()
    found = sheet(page).locator(".ez-found")
    expect(found).to_contain_text("grain.safetensors")
    expect(found).to_contain_text("models/loras/")
    fetch = sheet(page).get_by_role("button", name="Download", exact=True)
    expect(fetch).to_be_disabled()
    sheet(page).get_by_label("I may use this file").check()
    fetch.click()
    expect(order(page, "grain.safetensors")).to_have_attribute("data-status", "done")
    assert (folder / "models" / "loras" / "grain.safetensors").read_bytes() == data
    order(page, "grain.safetensors").get_by_role("button", name="Remove from the list grain.safetensors").click()
    expect(order(page, "grain.safetensors")).to_have_count(0)


@pytest.mark.slow
def test_a_download_is_cancelled_and_resumed(page: Page, source: FileServer, tmp_path: Path) -> None:
    data = write_safetensors(tmp_path / "slow.safetensors", kohya_lora() | {"more": (1_000_000,)}).read_bytes()
    served = source.paths["/slow.safetensors"] = Served(data, pause=0.1)
    head(page, "Add models")
    sheet(page).get_by_role("radio", name="Download").click()
    sheet(page).get_by_label("Address or repository").fill(f"{source.url}/slow.safetensors")
    sheet(page).get_by_role("button", name="Look up").click()
    sheet(page).get_by_label("I may use this file").check()
    sheet(page).get_by_role("button", name="Download", exact=True).click()
    expect(order(page, "slow.safetensors")).to_contain_text("goes on after a restart")
    order(page, "slow.safetensors").get_by_role("button", name="Cancel slow.safetensors").click()
    expect(order(page, "slow.safetensors")).to_contain_text("cancelled")
    served.pause = 0
    order(page, "slow.safetensors").get_by_role("button", name="Resume slow.safetensors").click()
    expect(order(page, "slow.safetensors")).to_have_attribute("data-status", "done")


def test_a_merge_is_ordered_and_its_model_appears(page: Page) -> None:
    head(page, "Merge")
    form = sheet(page).get_by_role("form", name="Merge")
    expect(form.get_by_label("Third model")).to_be_disabled()
    form.get_by_label("First model").fill("ink")
    form.get_by_label("Second model").fill("wool")
    form.get_by_label("Share", exact=True).fill("0.25")
    form.get_by_role("button", name="Merge").click()
    expect(order(page, "ink-wool-0.25.safetensors")).to_have_attribute("data-status", "done")
    expect(card(page, "ink-wool-0.25")).to_be_visible()


@pytest.mark.slow
def test_convert_and_vae_begin_with_the_model_they_were_opened_from(page: Page) -> None:
    card(page, "ink").locator(".body").click()
    sheet(page).get_by_role("button", name="Convert").click()
    form = sheet(page).get_by_role("form", name="Convert")
    expect(form.get_by_label("Model", exact=True)).to_have_value("ink")
    form.get_by_label("Precision").select_option("bf16")
    form.get_by_role("button", name="Convert").click()
    expect(order(page, "ink-bf16.safetensors")).to_have_attribute("data-status", "done")
    head(page, "VAE")
    sheet(page).get_by_role("radio", name="Take out").click()
    form = sheet(page).get_by_role("form", name="Take VAE out")
    form.get_by_label("Checkpoint").fill("wool")
    form.get_by_role("button", name="Take VAE out").click()
    expect(order(page, "wool-vae.safetensors")).to_have_attribute("data-status", "done")


@pytest.mark.slow
def test_a_folder_becomes_a_single_file(page: Page, folder: Path) -> None:
    make_checkpoint(folder / "models" / "checkpoints" / "a-folder")
    head(page, "Convert")
    form = sheet(page).get_by_role("form", name="Convert")
    form.get_by_label("Model", exact=True).fill("a-folder")
    form.get_by_label("Form", exact=True).select_option("single file")
    form.get_by_role("button", name="Convert").click()
    expect(order(page, "a-folder-fp16.safetensors")).to_have_attribute("data-status", "done")
    form.get_by_label("Model", exact=True).fill("wool")
    form.get_by_role("button", name="Convert").click()
    expect(form).to_contain_text("wool is a single file already")


@pytest.mark.slow
def test_the_sheets_close_and_fit_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    for words in ("Add models", "Merge", "VAE"):
        head(page, words)
        expect(sheet(page).locator(".ez-head")).to_contain_text(words)
        no_sideways_scroll(page)
        page.keyboard.press("Escape")
        expect(sheet(page)).to_be_hidden()


@pytest.mark.slow
def test_a_token_is_kept_and_not_shown(page: Page, folder: Path) -> None:
    head(page, "Add models")
    sheet(page).get_by_role("radio", name="Download").click()
    sheet(page).locator("summary").click()
    sheet(page).get_by_label("Token for").fill("example.com")
    token = sheet(page).get_by_label("Token", exact=True)
    token.fill("a-secret-token")
    sheet(page).get_by_role("button", name="Keep token").click()
    expect(sheet(page)).to_contain_text("There are tokens for example.com.")
    expect(token).to_have_value("")
    assert "a-secret-token" not in page.content()
    assert "a-secret-token" in (folder / "data" / "tokens.json").read_text()

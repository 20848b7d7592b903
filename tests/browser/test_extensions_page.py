"""The Extensions page: add-ons are installed, used, broken, gone back on and removed, and bad ones leave the page up."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from making_add_ons import HOOK, Repository, files_of, git_server, says, write_zip
from PIL import Image
from playwright.sync_api import Page, expect
from visiting import Server, Visitor

from webui.extensions.install.sources import LOOPBACK_FOR_TESTS

PATIENCE = 120_000
BROKEN = HOOK + "def prepare(request):\n    raise KeyError('face')\n"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def row(page: Page, identifier: str) -> Any:
    return page.locator(f'.ez-ext[data-id="{identifier}"]')


def agree(page: Page) -> None:
    page.locator('[data-does="agree"]').click(timeout=PATIENCE)


def send_zip(page: Page, path: Path) -> None:
    page.set_input_files('.g-extensions input[type="file"]', str(path))


def call(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the API answers; None for an empty answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/v1{path}", data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def prompt_of(url: str) -> tuple[str, str]:
    """What becomes of a prompt, and what the job's maker is told."""
    job = call(url, "/jobs", {"prompt": "a fox", "width": 64, "height": 64, "steps": 1})
    while job["status"] in ("waiting", "running"):
        job = call(url, f"/jobs/{job['id']}")
    return job["prompt"], " ".join(job["notes"])


def test_the_page_lists_what_comes_with_easel(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#extensions")
    expect(row(page, "dynamic-prompts")).to_contain_text("Built in", timeout=PATIENCE)
    page.locator('[data-tab="available"]').click()
    expect(row(page, "watermark")).to_contain_text("corner")
    row_of_names = page.locator('.ez-subtabs [role="tab"]')
    expect(row_of_names.nth(1)).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_install_to_removal(
    new_server: Callable[..., Server], new_visitor: Callable[..., Visitor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOOPBACK_FOR_TESTS, "yes")
    server = new_server()
    page = new_visitor(server).open()
    page.goto(f"{server.url}/#extensions")
    shots = Path("test-results", "extensions")

    def shoot(name: str) -> None:
        page.screenshot(path=shots / f"{name}.png")

    # a zip, whose words are hostile
    hostile = files_of("adds-words", says("zipped"), more=f"title = {json.dumps(HOSTILE)}", README_md=HOSTILE)
    send_zip(page, write_zip(tmp_path / "one.zip", hostile))
    expect(page.locator(".g-extensions .ez-side")).to_contain_text("your full rights", timeout=PATIENCE)
    expect(page.locator(".g-extensions .ez-side .ez-readme")).to_have_text(HOSTILE)
    shoot("consent")
    agree(page)
    expect(row(page, "adds-words")).to_contain_text(HOSTILE, timeout=PATIENCE)
    assert prompt_of(server.url)[0] == "a fox, zipped"

    # a repository, and a newer version of it that is broken
    repository = Repository(tmp_path / "repository")
    repository.commit(files_of("from-git", says("one"), CHANGELOG_md="# 1.0\nFirst."))
    with git_server({"it": repository}) as address:
        page.locator("#ez-ext-source").fill(f"{address}/it")
        page.locator('[data-does="install"]').click()
        agree(page)
        expect(row(page, "from-git")).to_be_visible(timeout=PATIENCE)
        assert prompt_of(server.url)[0] == "a fox, zipped, one"
        repository.commit(files_of("from-git", BROKEN, version="2.0", CHANGELOG_md="# 2.0\nBroken.\n# 1.0\nFirst."))
        page.locator('[data-tab="updates"]').click()
        page.locator('[data-does="check"]').click()
        expect(row(page, "from-git")).to_contain_text("Update", timeout=PATIENCE)
        row(page, "from-git").locator('[data-focus="more-from-git"]').click()
        page.get_by_role("menuitem", name="Update to").click()
        expect(page.locator(".g-extensions .ez-side")).to_contain_text("Broken.", timeout=PATIENCE)
        shoot("update")
        agree(page)
        expect(page.locator('[data-does="agree"]')).to_have_count(0, timeout=PATIENCE)
    page.locator('[data-tab="installed"]').click()
    expect(row(page, "from-git")).to_contain_text("2.0")

    # three strikes
    for _ in range(3):
        prompt, told = prompt_of(server.url)
        assert prompt == "a fox, zipped" and "from-git" in told
    expect(row(page, "from-git")).to_contain_text("Off after 3 errors", timeout=PATIENCE)
    expect(row(page, "from-git").locator(".ez-trace")).to_contain_text("KeyError: 'face'")
    shoot("broken")
    row(page, "from-git").get_by_role("button", name="Roll back to 1.0").click()
    expect(row(page, "from-git").locator(".ez-trace")).to_have_count(0, timeout=PATIENCE)
    assert prompt_of(server.url)[0] == "a fox, zipped, one"

    # something broke
    page.locator('[data-does="broke"]').click()
    page.locator('[data-does="ask-me"]').click()
    asking = page.locator('[data-search="asking"]')
    found = page.locator('[data-search="found"]')
    expect(asking).to_be_visible(timeout=PATIENCE)
    while found.count() == 0:
        step = asking.get_attribute("data-step")
        broken = "one" in prompt_of(server.url)[0]
        asking.locator(f'[data-does="{"broken" if broken else "whole"}"]').click()
        expect(page.locator(f'[data-search="asking"][data-step="{step}"]')).to_have_count(0, timeout=PATIENCE)
        expect(asking.or_(found)).to_be_visible(timeout=PATIENCE)
    expect(found).to_contain_text("It is from-git.")
    shoot("found")
    found.locator('[data-does="end-search"]').click()
    assert prompt_of(server.url)[0] == "a fox, zipped, one"

    # removed, and brought back
    row(page, "from-git").locator('[data-focus="more-from-git"]').click()
    page.get_by_role("menuitem", name="Remove").click()
    expect(row(page, "from-git")).to_have_count(0, timeout=PATIENCE)
    assert prompt_of(server.url)[0] == "a fox, zipped"
    page.locator(".ez-toast", has_text="is removed").get_by_role("button", name="Undo").click()
    expect(row(page, "from-git")).to_be_visible(timeout=PATIENCE)

    # a restart, and safe mode
    server.stop()
    server.start()
    assert prompt_of(server.url)[0] == "a fox, zipped, one"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise KeyError('face')", "KeyError: 'face'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(7)", "with exit code 7"),
        ("import torch", "it imports torch in the web process"),
        (
            HOOK + "def routes(router):\n    router.prefix = '/api/v1'\n    router.add_api_route('/a', dict)\n",
            "permission routes",
        ),
    ],
)
def test_a_bad_add_on_leaves_the_page_up(
    server: Server, new_visitor: Callable[..., Visitor], tmp_path: Path, source: str, words: str
) -> None:
    page = new_visitor(server).open()
    page.goto(f"{server.url}/#extensions")
    send_zip(page, write_zip(tmp_path / "bad.zip", files_of("bad-one", source)))
    expect(page.locator('.g-extensions .ez-side [role="alert"]')).to_contain_text(words, timeout=PATIENCE)
    expect(row(page, "bad-one")).to_have_count(0)
    assert prompt_of(server.url)[0] == "a fox"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_section_on_the_upscale_page_says_its_values(server: Server, new_visitor: Callable[..., Visitor], tmp_path: Path) -> None:
    web = """from webui.extensions import Button, Checkbox, Choice, Choices, Panel, hookimpl


@hookimpl
def panel():
    film = Choice(name="film", choices=("none",), changing=True)
    content = [Checkbox(name="on", label="Add grain"), film, Button(label="Look", on_click=look)]
    return Panel("Grain", content, tabs=("upscale",), switch="on")


def look(values):
    return {"film": Choices(("Portra", "Velvia"), "Velvia")}
"""
    visitor = new_visitor(server)
    page = visitor.open()
    page.goto(f"{server.url}/#extensions")
    send_zip(page, write_zip(tmp_path / "grain.zip", files_of("grain", web)))
    agree(page)
    expect(row(page, "grain")).to_be_visible(timeout=PATIENCE)
    page = visitor.context.new_page()
    page.goto(f"{server.url}/#upscale")
    section = page.locator('#ez-upscale section[aria-label="Grain"]')
    section.locator("> button").click()
    section.get_by_role("button", name="Look").click()
    film = section.get_by_label("Film")
    expect(film).to_have_value("Velvia")
    section.get_by_role("switch", name="Add grain").click()
    expect(section.locator(".sum")).to_have_text("On")
    with page.expect_request("**/api/v1/batches/plan") as asked:
        with page.expect_file_chooser() as chooser:
            page.locator("#ez-upscale .ez-up-from").get_by_role("button", name="Choose a file").click()
        chooser.value.set_files([{"name": "a.png", "mimeType": "image/png", "buffer": png()}])
    assert json.loads(asked.value.post_data or "")["request"]["extensions"] == {"grain": {"on": True, "film": "Velvia"}}
    # Both are there again after a reload.
    page.reload()
    expect(section.locator(".sum")).to_have_text("On")
    expect(film).to_have_value("Velvia")
    # The same fields can't be found where the section does not stand.
    page.goto(f"{server.url}/#txt2img")
    expect(page.locator('#ez-panels section[aria-label="Grain"]')).to_have_count(0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_something_broke_and_a_picture_that_is_made_again_names_the_culprit(
    new_server: Callable[..., Server], new_visitor: Callable[..., Visitor], tmp_path: Path
) -> None:
    server = new_server(executor="local")
    turns = HOOK + "def image_ready(image):\n    return image.rotate(180)\n"
    looks = HOOK + "def image_ready(image):\n    return image\n"
    job = call(server.url, "/jobs", {"prompt": "red apple", "width": 64, "height": 64, "steps": 2, "seed": 1, "finishing": []})
    while job["status"] in ("waiting", "running"):
        job = call(server.url, f"/jobs/{job['id']}")
    page = new_visitor(server).open()
    page.goto(f"{server.url}/#extensions")
    for name, worker in (("aa-looks", looks), ("mm-turns", turns), ("zz-looks", looks)):
        send_zip(page, write_zip(tmp_path / f"{name}.zip", files_of(name, worker=worker)))
        agree(page)
        expect(row(page, name)).to_be_visible(timeout=PATIENCE)
    before = {entry["id"]: entry["state"] for entry in call(server.url, "/extensions")["items"]}
    call(server.url, "/extensions/search", {"image": job["images"][0]["id"]})
    expect(page.locator(".g-extensions")).to_contain_text("It is mm-turns.", timeout=PATIENCE)
    page.screenshot(path=Path("test-results", "extensions") / "culprit.png")
    found = call(server.url, "/extensions")
    assert found["search"]["verdict"]["culprits"] == ["mm-turns"]
    assert {entry["id"]: entry["state"] for entry in found["items"]} == before, "all are as they were"

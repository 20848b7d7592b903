"""Whatever people, files and add-ons call things is text: no view makes an element of it, runs it, or complains about it.

Everything that has a name or words of somebody's gets the same hostile ones; then every page is walked, with all tabs, sections,
menus and sheets that can be opened on it.
"""

from __future__ import annotations

import json
import re
import struct
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from making_add_ons import files_of, says, write_files
from model_files import kohya_lora, write_safetensors
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLate
from visiting import Server, Visitor, ready

MARK = "ez-owned"
PAYLOAD = f"\"'><img class={MARK} src=x onerror=alert(1)><script class={MARK}>alert(2)</script>${{7*7}}{{{{7*7}}}}"
FILE_NAME = f"\"'><img class={MARK} src=x onerror=alert(1)>"
"""The same as a file may be called."""
TAG = f"'><img class={MARK} src=x onerror=alert(1)>"
LINK = f"[x](javascript:alert(3)) <javascript:alert(4)> ![x](x){PAYLOAD}"
PAGES = ("txt2img", "img2img", "inpaint", "upscale", "history", "models", "extensions", "train", "settings", "system")

DANGEROUS = "delete|remove|trash|empty|clear|discard|restart|unload|log out|safe mode|cancel|interrupt|skip|upload|import|download|choose"
OPENERS = (
    "[aria-haspopup]:not([aria-haspopup=false]), [aria-expanded=false], [role=tab]:not([aria-selected=true]), summary, "
    ".ez-pill, button[data-does=details], button[data-does=more], button[data-act=more]"
)


def ask(server: Server, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    """Whatever the answer: what is refused here was tried."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/api/v1{path}", data, {"content-type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer) if answer.status != 204 else None
    except urllib.error.HTTPError as refused:
        return json.load(refused)


def made(server: Server, **fields: Any) -> dict[str, Any]:
    job = ask(server, "POST", "/jobs", fields if "kind" in fields else {"width": 64, "height": 64, "steps": 1, **fields})
    while job.get("status") in ("waiting", "running"):
        time.sleep(0.05)
        job = ask(server, "GET", f"/jobs/{job['id']}")
    return job


def hostile_models(server: Server) -> None:
    """Before it starts: files, folders, what their headers say, and what lies beside them."""
    models = server.folder / "models"
    tags = {f"10_{PAYLOAD}": {PAYLOAD: 5, LINK: 3}}
    said = {
        "ss_tag_frequency": json.dumps(tags),
        "ss_output_name": PAYLOAD,
        "ss_base_model_version": PAYLOAD,
        **{f"modelspec.{name}": LINK for name in ("title", "author", "description", "license", "trigger_phrase", "usage_hint", "tags")},
    }
    lora = write_safetensors(models / "loras" / f"{FILE_NAME}.safetensors", kohya_lora(), said)
    lora.with_suffix(".json").write_text(
        json.dumps({"description": LINK, "activation text": PAYLOAD, "notes": LINK, "sd version": PAYLOAD})
    )
    lora.with_suffix(".civitai.info").write_text(json.dumps({"trainedWords": [PAYLOAD], "description": LINK, "model": {"name": PAYLOAD}}))
    (models / "loras" / FILE_NAME).mkdir()
    write_safetensors(models / "loras" / FILE_NAME / "inside.safetensors", kohya_lora(), said)
    (models / "upscalers").mkdir()
    (models / "upscalers" / f"{FILE_NAME}.pth").write_bytes(b"no model at all")
    (models / "checkpoints" / f"{FILE_NAME}.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"<html>")
    (models / "embeddings").mkdir()
    write_safetensors(models / "embeddings" / f"{FILE_NAME}.safetensors", {"emb_params": (2, 768)}, said)


def hostile_things(server: Server) -> dict[str, Any]:
    """Over the API, each by its own door. Returns what it made."""
    style = ask(server, "PUT", "/styles", {"name": PAYLOAD, "prompt": PAYLOAD, "negative_prompt": PAYLOAD})
    assert style["name"] == PAYLOAD, style
    preset = ask(server, "PUT", "/presets", {"name": PAYLOAD[:100], "page": "txt2img", "fields": {"prompt": PAYLOAD}})
    assert preset["usable"], preset
    chain = ask(
        server, "PUT", "/finishing/presets", {"name": PAYLOAD[:60], "steps": [{"step": "upscale", "upscaler": "Lanczos", "scale": 2}]}
    )
    assert "steps" in chain, chain
    job = made(server, prompt=PAYLOAD, negative_prompt=PAYLOAD, styles=[PAYLOAD], batch_count=2)
    assert job.get("status") == "done", job
    ids = [image["id"] for image in job["images"]]
    assert len(ids) == 2, job
    marked = ask(server, "PATCH", "/history/images", {"ids": ids, "note": LINK, "add_tags": [TAG], "rating": 5})
    assert "before" in marked, marked
    search = ask(server, "PUT", f"/history/searches/{urllib.parse.quote(PAYLOAD[:90])}", {"query": PAYLOAD})
    assert "query" in search, search
    picture = urllib.request.urlopen(f"{server.url}{job['images'][0]['url']}", timeout=20).read()
    sha256 = ask(server, "POST", "/images", picture, "image/png")["sha256"]
    enlarged = made(
        server, kind="upscale", init_image=sha256, init_name=PAYLOAD[:200], finishing=[{"step": "upscale", "upscaler": "Lanczos"}]
    )
    assert enlarged.get("status") == "done", enlarged
    # One that fails by a name, and some that wait.
    made(server, prompt=f"<lora:{FILE_NAME[:30]}:1> {PAYLOAD}")
    ask(server, "POST", "/queue/pause")
    request = {"kind": "img2img", "prompt": PAYLOAD, "width": 64, "height": 64, "steps": 1}
    batch = ask(server, "POST", "/batches", {"request": request, "files": [{"name": f"{FILE_NAME}.png", "image": sha256}]})
    assert "id" in batch, batch
    for _ in range(2):
        ask(server, "POST", "/jobs", {"prompt": PAYLOAD, "negative_prompt": PAYLOAD, "width": 64, "height": 64})
    folder = server.folder / FILE_NAME
    folder.mkdir()
    (folder / f"{FILE_NAME}.png").write_bytes(picture)
    (folder / f"bad{FILE_NAME}.png").write_bytes(b"no picture")
    ask(server, "POST", "/history/imports", {"folder": str(folder)})
    ask(server, "POST", "/workshop/orders", {"kind": "download", "source": f"https://{PAYLOAD}.example/x.safetensors"})
    files = files_of("hostile", says("x"), more="", README_md=f"# {LINK}\n\n{PAYLOAD}\n\n<iframe src=javascript:alert(5)></iframe>\n")
    files["pyproject.toml"] = files["pyproject.toml"].replace(
        "[tool.easel]", f"description = {json.dumps(LINK)}\nauthors = [{{name = {json.dumps(PAYLOAD)}}}]\n\n[tool.easel]"
    )
    stage = ask(server, "POST", "/extensions/stages", {"source": str(write_files(server.folder / f"add-on {FILE_NAME}", files))})
    deadline = time.monotonic() + 120
    while stage.get("state") == "working" and time.monotonic() < deadline:
        time.sleep(0.1)
        stage = ask(server, "GET", f"/extensions/stages/{stage['id']}")
    if stage.get("state") == "ready":
        ask(server, "POST", f"/extensions/stages/{stage['id']}/install", {})
    return {"images": ids, "stage": stage}


class Walk:
    """One window that opens whatever there is to be opened, and looks after each."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.opened = 0
        self.shown: dict[str, int] = {}
        """Places -> in how many looks the hostile words were to be read there."""

    def look(self, place: str) -> None:
        owned, read = self.page.evaluate(
            """(mark) => {
                const made = document.querySelectorAll(`.${mark}, img[src="x"], iframe[src^="javascript"], a[href^="javascript:"]`);
                const fields = [...document.querySelectorAll('input, textarea')].map((field) => field.value).join(' ');
                return [[...made].map((one) => one.outerHTML.slice(0, 200)), (document.body.innerText + fields).includes(mark)];
            }""",
            MARK,
        )
        assert not owned, (place, owned)
        self.shown[place] = self.shown.get(place, 0) + read

    def close(self) -> None:
        for _ in range(3):
            self.page.keyboard.press("Escape")

    def everything(self, place: str, within: str = "body") -> None:
        """Open each thing that says it can be opened, one after the other, and what is in it."""
        self.look(place)
        seen: set[str] = set()
        for _ in range(60):
            opener = self._next(within, seen)
            if opener is None:
                return
            try:
                opener.click(timeout=2_000)
            except TooLate:
                self.close()  # something lies over it; it is among those that were tried
                continue
            self.opened += 1
            self.page.wait_for_timeout(120)
            self.look(place)
            for inner in self.page.locator(".ez-sheet [role=tab]:visible, .ez-sheet summary:visible").all()[:8]:
                try:
                    inner.click(timeout=1_000)
                except TooLate:
                    continue
                self.page.wait_for_timeout(80)
                self.look(place)
            if self.page.locator(".ez-sheet:visible, [role=menu]:visible, [role=dialog]:visible").count():
                self.close()

    def _next(self, within: str, seen: set[str]) -> Locator | None:
        for opener in self.page.locator(f"{within} :is({OPENERS})").all():
            if not opener.is_visible():
                continue
            name = opener.evaluate(
                "(it) => [it.id, it.getAttribute('aria-label'), it.className, it.innerText, it.dataset.does, it.dataset.act].join('|')"
            )
            if name not in seen and not any(word in name.lower() for word in DANGEROUS.split("|")) and "overflow" not in name:
                seen.add(name)
                return opener
        return None


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("width", [1440, 420])
def test_row_28_hostile_words_are_text_in_every_view(
    new_server: Callable[..., Server], new_visitor: Callable[..., Visitor], width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    server = new_server()
    server.stop()
    hostile_models(server)
    server.start()
    things = hostile_things(server)
    visitor = new_visitor(server, viewport={"width": width, "height": 900})
    page = visitor.open()
    walk = Walk(page)
    for name in PAGES:
        page.goto(f"{server.url}/#{name}")
        page.reload()
        ready(page) if name == "txt2img" else page.wait_for_timeout(1_500)
        page.wait_for_timeout(500)
        walk.everything(name)
    # What is reached by its address, by a picture, or by typing.
    page.goto(f"{server.url}/#history/{things['images'][0]}")
    page.reload()
    page.wait_for_timeout(1_500)
    walk.everything("one picture")
    for query in (PAYLOAD, f'tag:"{TAG}"', f"nobody:{FILE_NAME}"):
        page.goto(f"{server.url}/#history?{urllib.parse.quote(query)}")
        page.reload()
        page.wait_for_timeout(1_500)
        walk.look("a search")
    page.goto(f"{server.url}/#txt2img")
    page.reload()
    ready(page)
    page.get_by_label("Prompt", exact=True).fill(PAYLOAD)
    for word in (" <lora:\"'", " \"'><im", " <lora:inside:1>"):
        page.get_by_label("Prompt", exact=True).press("End")
        page.get_by_label("Prompt", exact=True).press_sequentially(word)
        page.wait_for_timeout(500)
        walk.look("completion")
    page.locator(".ez-pill").click()
    expect(page.locator(".ez-sheet")).to_be_visible()
    page.wait_for_timeout(300)
    walk.look("queue")
    with capsys.disabled():
        print(f"\n{width} px: {walk.opened} things opened; the words were read in {walk.shown}; the add-on: {things['stage'].get('state')}")
    # Refused as it should be: a question with a field that there is not, and a second Escape for a job that the first one ended.
    visitor.trouble = [line for line in visitor.trouble if not re.search(r"q=nobody|/cancel\b", line)]
    # Where the words are said to be must really show them, or nothing was tried there.
    silent = {"extensions", "train", "system", "settings", "img2img", "inpaint", "upscale"}
    assert not [place for place, read in walk.shown.items() if not read and place not in silent]
    assert walk.opened > 60

"""Make the pictures of the page in docs/pictures with the shipped checkpoint and a real browser.

    python docs/make_screenshots.py [--out docs/pictures] [--only extensions]

Needs the test extras (Playwright) and a Chromium; takes a few minutes on two CPU cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, expect, sync_playwright
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 420, "height": 900}
SHOWN = (
    ("penguin on a red background", 1),
    ("butterfly on a yellow background", 1),
    ("octopus on a teal background", 1),
    ("hamburger on a blue background", 1),
    ("fox on a green background", 4),
)
WAITING = (
    ("small whale on a pink background", 4),
    ("cat face on a purple background", 1),
    ("rocket on a black background", 2),
    ("birthday cake on a sky blue background", 6),
    ("frog on an orange background", 1),
)
LORAS = (
    ("ink-wash", "ink wash, sumi-e", "cat"),
    ("knitted-wool", "wool, knitted", "fox"),
    ("paper-cut", "paper cut", "cake"),
    ("night-sky", "starry", "star"),
    ("more-detail", "", ""),
)
ADD_ONS = {
    "colour-notes": ("Colour notes", "Writes the colours of each picture into its parameters", "1.2", "return None"),
    "sepia-words": ("Sepia words", "Adds words for old photographs to each prompt", "0.3", "return None"),
    "face-finder": ("Face finder", "Looks for faces before anything is drawn", "2.0", "return {}['face']"),
}
RESTORER = ("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight", "ft_layers.0.self_attn.in_proj_weight")
"""Names by which a file is taken for a CodeFormer."""
PATIENCE = 180_000  # ms


def _stock(models: Path) -> None:
    """Something to show on the Models page: a copy of the shipped checkpoint that shares its parts, and small LoRAs with their words."""
    shipped = ROOT / "models" / "checkpoints" / "easel-emoji"
    shutil.copytree(shipped, models / "checkpoints" / "emoji-of-mine")
    shutil.copy(shipped / "examples" / "penguin.png", models / "checkpoints" / "emoji-of-mine.preview.png")
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    (models / "loras").mkdir()
    for name, words, example in LORAS:
        tensors = {f"{layer}.lora_down.weight": np.zeros((8, 768), "f2"), f"{layer}.lora_up.weight": np.zeros((320, 8), "f2")}
        save_file(tensors, models / "loras" / f"{name}.safetensors")
        if words:
            said = {"activation text": words, "preferred weight": 0.7, "notes": "Best between 0.5 and 0.8."}
            (models / "loras" / f"{name}.json").write_text(json.dumps(said))
        if example:
            shutil.copy(shipped / "examples" / f"{example}.png", models / "loras" / f"{name}.preview.png")
    (models / "face_restorers").mkdir()
    save_file({name: np.zeros(1, "f2") for name in RESTORER}, models / "face_restorers" / "codeformer-v0.1.0.safetensors")


def _start(data_dir: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "webui.cli", "serve", "--port", str(port), "--data-dir", str(data_dir)]
    command += ["--models-dir", str(data_dir / "models")]
    process = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{url}/api/v1/health", timeout=2):
                return process, url
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise SystemExit("Easel did not start.")


def _open(browser: Browser, url: str, *, size: dict[str, int], dark: bool = False, at: str = "") -> Page:
    page = browser.new_context(viewport=size, color_scheme="dark" if dark else "light", reduced_motion="reduce").new_page()  # type: ignore[arg-type]
    page.goto(f"{url}/{at}")
    expect(page.locator("#ez-plan .grow span")).not_to_be_empty(timeout=PATIENCE)
    return page


def _generate(page: Page, words: str, pictures: int) -> None:
    page.get_by_label("Prompt", exact=True).fill(words)
    page.locator("#ez-field-batch_count input").fill(str(pictures))
    page.locator("#ez-generate").click()


def _wait_for(page: Page, words: str) -> None:
    picture = page.locator("#ez-stage .ez-center:has(.ez-actions) .ez-frame img")
    expect(picture).to_have_attribute("alt", words, timeout=PATIENCE)
    expect(page.locator(".ez-progress")).to_have_count(0, timeout=PATIENCE)


def _take(browser: Browser, url: str, out: Path) -> None:
    def keep(page: Page, name: str) -> None:
        page.wait_for_timeout(400)  # thumbnails and fonts settle
        page.screenshot(path=out / f"{name}.png")

    first = _open(browser, url, size=WIDE)
    keep(first, "first-visit-light")
    keep(_open(browser, url, size=NARROW), "first-visit-narrow")
    for words, pictures in SHOWN[:-1]:
        _generate(first, words, pictures)
        _wait_for(first, words)
    words, pictures = SHOWN[-1]
    _generate(first, words, pictures)
    expect(first.locator(".ez-progress")).to_contain_text("Picture 2 of 4", timeout=PATIENCE)
    expect(first.locator("#ez-stage .ez-frame img")).to_be_visible(timeout=PATIENCE)
    first.locator(".ez-pill").click()
    keep(first, "running-light")
    keep(_open(browser, url, size=NARROW, dark=True), "running-narrow-dark")
    first.locator(".ez-pill").click()
    _wait_for(first, words)
    first.mouse.move(1000, 880)  # nothing is hovered
    keep(first, "result-light")
    keep(_open(browser, url, size=WIDE, dark=True), "result-dark")
    for dark in (False, True):
        page = _open(browser, url, size=WIDE, dark=dark, at="#history")
        page.locator(".ez-cell").nth(2).click()
        keep(page, f"history-{'dark' if dark else 'light'}")
    keep(_open(browser, url, size=NARROW, at="#history"), "history-narrow")
    _take_film(_open(browser, url, size=WIDE), keep)
    system = _open(browser, url, size=WIDE, at="#system")
    expect(system.locator('.ez-finding[data-check="device"]')).to_have_attribute("data-state", "ok", timeout=PATIENCE)
    system.get_by_role("button", name="Check again").click()
    expect(system.locator('.ez-finding[data-check="integrity"]')).to_have_attribute("data-state", "ok", timeout=PATIENCE)
    keep(system, "system-light")
    _take_painting(browser, url, keep)
    _take_upscale(browser, url, keep)
    _take_regions(browser, url, keep)
    _take_finishing(_open(browser, url, size=WIDE), keep)
    _take_faces(_open(browser, url, size=WIDE), keep)
    _take_models(browser, url, keep)
    _take_training(_open(browser, url, size=WIDE, at="#train"), keep)
    _take_queue(_open(browser, url, size=WIDE), keep)
    _take_extensions(browser, url, out)


def _take_extensions(browser: Browser, url: str, out: Path) -> None:
    """The list with one that went wrong, what is shown before an installation, a search that found its culprit, and a grid as it grows."""

    def keep(page: Page, name: str) -> None:
        page.wait_for_timeout(400)  # thumbnails and fonts settle
        page.screenshot(path=out / f"{name}.png")

    page = _open(browser, url, size=WIDE)
    _take_grid(page, keep)
    page.goto(f"{url}/#extensions")
    with tempfile.TemporaryDirectory() as place:
        for name, told in ADD_ONS.items():
            page.set_input_files('.g-extensions input[type="file"]', str(_add_on(Path(place), name, *told)))
            agree = page.locator('[data-does="agree"]')
            expect(agree).to_be_visible(timeout=PATIENCE)
            if name == "colour-notes":
                keep(page, "extensions-install-light")
            agree.click()
            expect(page.locator(f'.ez-ext[data-id="{name}"]')).to_be_visible(timeout=PATIENCE)
        for toast in page.locator(".ez-toast").get_by_role("button", name="Close").all():
            toast.click()
    for number in range(3):
        _ask(url, {"prompt": "fox on a green background", "steps": 4, "seed": number})
    broken = page.locator('.ez-ext[data-id="face-finder"]')
    expect(broken).to_contain_text("Off after 3 errors", timeout=PATIENCE)
    broken.scroll_into_view_if_needed()
    keep(page, "extensions-light")
    page.locator('[data-does="broke"]').click()
    page.locator('[data-does="ask-me"]').click()
    asking, found = page.locator('[data-search="asking"]'), page.locator('[data-search="found"]')
    while not found.count():
        expect(asking).to_be_visible(timeout=PATIENCE)
        step = asking.get_attribute("data-step")
        broke = "sepia-words" in asking.inner_text()
        asking.locator(f'[data-does="{"broken" if broke else "whole"}"]').click()
        expect(page.locator(f'[data-search="asking"][data-step="{step}"]')).to_have_count(0, timeout=PATIENCE)
        expect(asking.or_(found)).to_be_visible(timeout=PATIENCE)
    keep(page, "extensions-search-light")
    found.locator('[data-does="end-search"]').click()


def _take_grid(page: Page, keep: Callable[[Page, str], None]) -> None:
    section = page.locator("#ez-acc-script")
    section.locator("> button").click()
    section.get_by_label("Script", exact=True).select_option("X/Y/Z grid")
    for axis, (kind, values) in {"x": ("Steps", "2, 4, 8, 12, 16"), "y": ("CFG scale", "1, 3, 5, 7")}.items():
        section.locator(f'[data-field="{axis}_axis"] select').select_option(kind)
        section.locator(f'[data-field="{axis}_values"]').locator("input, textarea").first.fill(values)
    page.locator("#ez-field-seed input").fill("7")
    _generate(page, "fox on a green background", 1)
    board = page.locator(".ez-run-board")
    expect(board.locator(".ez-run-cell img")).to_have_count(12, timeout=PATIENCE)
    keep(page, "script-grid-light")
    expect(board).to_contain_text("20 of 20", timeout=PATIENCE)
    board.get_by_role("button", name="Close").click()
    section.get_by_label("Script", exact=True).select_option("None")


def _add_on(folder: Path, name: str, title: str, description: str, version: str, body: str) -> Path:
    """A zip of a small add-on whose `prepare` has that body."""
    module = name.replace("-", "_")
    path = folder / f"{name}-{version}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        said = {"project": {"name": name, "version": version, "description": description, "license": "MIT"}}
        lines = [f"[{table}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in rows.items()) for table, rows in said.items()]
        own = {"api": "1", "web": f"{module}.web", "title": title, "permissions": ["network"] if name == "colour-notes" else []}
        lines.append("[tool.easel]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in own.items()))
        archive.writestr("pyproject.toml", "\n".join(lines))
        archive.writestr(f"{module}/__init__.py", "")
        archive.writestr(f"{module}/web.py", f"from webui.extensions import hookimpl\n\n\n@hookimpl\ndef prepare(request):\n    {body}\n")
    return path


def _ask(url: str, request: dict[str, object]) -> None:
    """Have a picture made, and wait for it."""

    def call(path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1{path}", data, {"Content-Type": "application/json"})) as answer:
            return json.load(answer)

    job = call("/jobs", request)
    while job["status"] in ("waiting", "running"):
        time.sleep(0.2)
        job = call(f"/jobs/{job['id']}")


def _take_film(page: Page, keep: Callable[[Page, str], None]) -> None:
    page.get_by_role("switch", name="Film").click()
    _generate(page, "fox on a green background", 1)
    expect(page.locator("#ez-stage .ez-film .ez-slider")).to_be_enabled(timeout=PATIENCE)
    page.locator("#ez-stage .ez-film .ez-slider").fill("6")
    expect(page.locator("#ez-stage .ez-film-frame")).to_be_visible(timeout=PATIENCE)
    page.mouse.move(1000, 880)  # nothing is hovered
    keep(page, "film-light")
    page.get_by_role("switch", name="Film").click()


def _take_upscale(browser: Browser, url: str, keep: Callable[[Page, str], None]) -> None:
    """The examples of the shipped checkpoint made larger, and one file that is no picture."""
    page = _open(browser, url, size=WIDE, at="#upscale")
    upscale = page.locator("#ez-upscale")
    examples = sorted((ROOT / "models" / "checkpoints" / "easel-emoji" / "examples").glob("*.png"))
    files = [{"name": path.name, "mimeType": "image/png", "buffer": path.read_bytes()} for path in examples]
    upscale.get_by_role("radio", name="Several").click()
    with page.expect_file_chooser() as chooser:
        upscale.locator(".ez-up-from").get_by_role("button", name="Choose files").click()
    chooser.value.set_files([*files, {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"}])  # type: ignore[list-item]
    upscale.locator("#ez-upscale-go").click()
    expect(upscale.locator(".ez-up-batch")).to_contain_text("pictures done", timeout=PATIENCE)
    upscale.locator(".ez-up-file").nth(3).click()
    expect(upscale.locator(".ez-loupe .knob")).to_be_visible(timeout=PATIENCE)
    page.mouse.move(700, 30)  # nothing is hovered
    keep(page, "upscale-light")


def _take_regions(browser: Browser, url: str, keep: Callable[[Page, str], None]) -> None:
    """Two halves with words of their own, drawn, and the board that they are painted on over it."""
    page = _open(browser, url, size=WIDE)
    page.locator("#ez-acc-regions > button").click()
    board = page.locator(".ez-regions-board .ez-canvas")
    for number, words in enumerate(("red apple on a blue background", "red apple on a yellow background"), 1):
        page.locator("#ez-regions").get_by_role("button", name="Add a region").click()
        expect(board).to_be_focused(timeout=PATIENCE)
        page.keyboard.press("r")
        box = board.bounding_box()
        assert box is not None
        x, y, side = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, min(box["width"], box["height"])
        page.mouse.move(x, y - 0.422 * side)  # beside the picture, below the bar
        page.mouse.down()
        page.mouse.move(x + side * (2 * number - 3) / 2, y + 0.5 * side, steps=4)
        page.mouse.up()
        page.get_by_label(f"Prompt of region {number}").fill(words)
        expect(page.locator("#ez-acc-regions > button")).to_have_attribute("data-sum", "1 region" if number == 1 else "2 regions")
    page.locator("#ez-field-seed input").fill("1")
    _generate(page, "red apple", 1)
    _wait_for(page, "red apple")
    page.get_by_role("button", name="Paint").nth(1).click()
    expect(board).to_be_focused(timeout=PATIENCE)
    keep(page, "regions-light")


def _take_finishing(page: Page, keep: Callable[[Page, str], None]) -> None:
    """A picture that was sharpened and warmed on its way to a WebP file, and the chain that did it."""
    page.locator("#ez-acc-finishing > button").click()
    section = page.locator("#ez-finishing")
    for name in ("Sharpen", "Colour correct", "Format"):  # behind the enlargement that the checkpoint brings
        section.get_by_role("button", name="Add step").click()
        page.get_by_role("menuitem", name=name, exact=True).click()
    section.get_by_label("Format", exact=True).select_option("WebP")
    colours = section.locator(".ez-step-name", has_text="Colour correct")
    colours.click()
    section.get_by_label("Colours", exact=True).select_option("Temperature")
    colours.click()  # closed again
    page.locator("#ez-field-seed input").fill("7")
    _generate(page, "fox on a green background", 1)
    _wait_for(page, "fox on a green background")
    section.get_by_role("button", name="Add step").scroll_into_view_if_needed()
    keep(page, "finishing-light")


def _take_faces(page: Page, keep: Callable[[Page, str], None]) -> None:
    page.locator("#ez-acc-finishing > button").click()
    section = page.locator("#ez-finishing")
    section.get_by_role("button", name="Add step").click()
    page.get_by_role("menuitem", name="Restore faces", exact=True).click()
    section.get_by_label("Restorer", exact=True).select_option("codeformer-v0.1.0")
    section.get_by_role("button", name="Add step").scroll_into_view_if_needed()
    keep(page, "restore-faces-light")


def _take_models(browser: Browser, url: str, keep: Callable[[Page, str], None]) -> None:
    light, dark = (_open(browser, url, size=WIDE, dark=dark, at="#models") for dark in (False, True))
    card = light.locator(".ez-model", has_text="emoji-of-mine")
    card.get_by_role("button", name="Use", exact=True).click()
    expect(card).to_contain_text("In memory", timeout=PATIENCE)
    light.reload()
    expect(light.locator(".ez-memory .ez-lane i").nth(1)).to_be_visible(timeout=PATIENCE)
    expect(card).to_be_visible()
    keep(light, "models-light")
    keep(_open(browser, url, size=NARROW, at="#models"), "models-narrow")
    for page in (light, dark):
        page.locator("#ez-models").get_by_role("tab", name="LoRA").click()
        expect(page.locator(".ez-model", has_text="knitted-wool")).to_be_visible()
    dark.locator(".ez-model", has_text="knitted-wool").get_by_role("button", name="All about").click()
    expect(dark.locator("#ez-models .ez-side img")).to_be_visible()
    keep(dark, "models-dark")
    light.get_by_role("tab", name="txt2img").click()
    light.get_by_label("Prompt", exact=True).fill("fox on a green background")
    light.get_by_role("button", name="LoRA", exact=True).click()
    light.locator(".ez-network-main", has_text="knitted-wool").click()
    light.locator(".ez-toast").get_by_role("button", name="Close").click()
    keep(light, "loras-light")


def _take_training(page: Page, keep: Callable[[Page, str], None]) -> None:
    """A short run on examples of the shipped checkpoint, painted in two colours."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "two tone"
        folder.mkdir()
        for path in (ROOT / "models" / "checkpoints" / "easel-emoji" / "examples").glob("*.png"):
            with Image.open(path) as picture:
                ImageOps.colorize(picture.convert("L"), "#1b1035", "#ffcf5a").save(folder / path.name)
            (folder / f"{path.stem}.txt").write_text(path.stem)
        page.get_by_label("Folder on Easel's machine").fill(str(folder))
        page.get_by_role("button", name="Look").click()
        expect(page.locator(".ez-train-tile")).to_have_count(8, timeout=PATIENCE)
        said = {"trigger": "twotone", "steps": 400, "rank": 8, "learning_rate": 0.001, "preview_every": 50}
        for name, value in said.items():
            page.locator(f"#ez-train-{name}").fill(str(value))
        page.locator("#ez-train-previews").fill("twotone, fox\ntwotone, rocket on a blue background")
        page.locator("[data-does=train]").click()
        expect(page.locator(".ez-train-strip img")).to_have_count(14, timeout=3 * PATIENCE)
        keep(page, "train-light")
        expect(page.get_by_role("button", name="Try it")).to_be_visible(timeout=3 * PATIENCE)


def _take_painting(browser: Browser, url: str, keep: Callable[[Page, str], None]) -> None:
    paint = _open(browser, url, size=WIDE, at="#inpaint")
    _draw_on_example(paint, "inpaint", "rocket on a sky blue background")
    paint.keyboard.press("c")
    divider = paint.locator("#ez-page-inpaint").get_by_role("slider", name="Between before and after")
    divider.focus()
    divider.press("Shift+ArrowRight")
    paint.mouse.move(700, 890)
    keep(paint, "inpaint-light")
    loop = _open(browser, url, size=WIDE, dark=True, at="#img2img")
    loop.locator("#ez-acc-loopback > button").click()
    loop.locator("#ez-field-loops input[type=number]").fill("4")
    _draw_on_example(loop, "img2img", "green apple on a sky blue background", pictures=4)
    loop.locator("#ez-field-denoising_curve").scroll_into_view_if_needed()
    keep(loop, "loopback-dark")


def _draw_on_example(page: Page, name: str, words: str, pictures: int = 1) -> None:
    page.locator(f"#ez-page-{name}").get_by_role("button", name="Try it with an example").click()
    expect(page.locator(f"#ez-page-{name} .ez-canvas").get_by_role("toolbar", name="Tools")).to_be_visible()
    page.get_by_label("Prompt", exact=True).fill(words)
    page.locator("#ez-generate").click()
    expect(page.locator(f"#ez-page-{name} .ez-results button.pic:not(.ez-wait)")).to_have_count(pictures, timeout=PATIENCE)


def _take_queue(page: Page, keep: Callable[[Page, str], None]) -> None:
    _generate(page, "rabbit on a teal background", 8)
    for words, pictures in WAITING:
        _generate(page, words, pictures)
    expect(page.locator(".ez-pill")).to_contain_text(f"{len(WAITING) + 1} jobs", timeout=PATIENCE)
    expect(page.locator(".ez-progress")).to_contain_text("Picture 2 of 8", timeout=PATIENCE)
    expect(page.locator("#ez-stage .ez-frame img")).to_be_visible(timeout=PATIENCE)
    page.locator(".ez-pill").click()
    keep(page, "queue-light")


def main() -> None:
    """Start Easel on an empty data folder, draw, and photograph."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--only", choices=("extensions",), help="These alone; all others stay as they are.")
    asked = parser.parse_args()
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    system = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        _stock(Path(folder) / "models")
        process, url = _start(Path(folder))
        try:
            browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
            (_take_extensions if asked.only else _take)(browser, url, out)
            browser.close()
        finally:
            process.terminate()
            process.wait(timeout=30)
    print(f"Pictures are in {out}")


if __name__ == "__main__":
    main()

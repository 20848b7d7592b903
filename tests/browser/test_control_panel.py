"""The Control panel: a picture comes in by every way, once; what it says reaches the job; all is remembered."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from easel_page import expect_picture, generate, prompt
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, Request, expect
from test_control import BIG_G, adapter_file, controlnet_file, image_encoder_file
from visiting import Server, Visitor, ready

IP_ADAPTER = "ip-adapter_sd15"
CANNY, SCRIBBLE = "control_v11p_sd15_canny", "control_v11p_sd15_scribble"


@pytest.fixture(scope="module")
def steered(new_server: Callable[..., Server]) -> Server:
    """A server with two ControlNets for Stable Diffusion 1 and one for SDXL."""
    server = new_server()
    for name, family in ((CANNY, "sd1"), (SCRIBBLE, "sd1"), ("xl_canny", "sdxl")):
        controlnet_file(server.folder / "models" / "controlnet" / f"{name}.safetensors", family)
    adapters = server.folder / "models" / "ip_adapter"
    adapter_file(adapters / f"{IP_ADAPTER}.safetensors")
    adapter_file(adapters / "ip-adapter_sd15_vit-G.safetensors", BIG_G)
    adapter_file(adapters / "ip-adapter_sdxl.safetensors", family="sdxl")
    image_encoder_file(server.folder / "models")
    httpx.post(f"{server.url}/api/v1/models/refresh", json={})
    return server


@pytest.fixture
def artist(new_visitor: Callable[..., Visitor], steered: Server) -> Iterator[Visitor]:
    """A visitor; that a picture isn't there yet is an answer, not trouble."""
    visitor = new_visitor(steered)
    yield visitor
    visitor.trouble = [words for words in visitor.trouble if not ("404" in words and "/api/v1/images/" in words)]


def ring(colour: str = "red") -> bytes:
    picture = Image.new("RGB", (120, 120), "white")
    ImageDraw.Draw(picture).ellipse((20, 20, 100, 100), fill=colour)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def opened(page: Page) -> Page:
    # Only then is it remembered that it was opened.
    expect(summary(page)).to_have_attribute("data-sum", "Off")
    summary(page).click()
    return page


def unit(page: Page, number: int = 1) -> Locator:
    return page.get_by_role("region", name=f"Control {number}", exact=True)


def put_picture(page: Page, number: int = 1, data: bytes | None = None) -> None:
    with page.expect_file_chooser() as chooser:
        unit(page, number).get_by_role("button", name=f"Picture of control {number}").click()
    chooser.value.set_files({"name": "ring.png", "mimeType": "image/png", "buffer": data or ring()})
    expect(unit(page, number).locator(".ez-unit-picture img")).to_be_visible()


def summary(page: Page) -> Locator:
    return page.locator("#ez-acc-control > button")


def asked_by_last_job(server: Server) -> list[dict[str, Any]]:
    (job,) = httpx.get(f"{server.url}/api/v1/jobs", params={"limit": 1}).json()["jobs"]
    return httpx.get(f"{server.url}/api/v1/jobs/{job['id']}/request").json()["controls"]


def test_from_a_dropped_picture_to_the_job_and_back_after_a_reload(artist: Visitor, steered: Server) -> None:
    page = opened(artist.open())
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" and "/images" in request.url else None)
    expect(summary(page)).to_have_attribute("data-sum", "Off")
    page.get_by_role("button", name="Add a picture").click()
    expect(unit(page)).to_contain_text("Choose a picture")
    put_picture(page)
    unit(page).get_by_label("Preprocessor").select_option("canny")
    # Only those that fit the checkpoint, and the one that goes with the preprocessor first.
    model = unit(page).get_by_label("Model")
    assert model.locator("option").all_inner_texts() == [CANNY, SCRIBBLE, "easel-emoji-edges"]
    expect(model).to_have_value(CANNY)
    unit(page).get_by_label("Weight").fill("0.5")
    unit(page).get_by_label("End").fill("0.8")
    unit(page).get_by_role("button", name="Preview", exact=True).click()
    seen = unit(page).get_by_alt_text("What the model sees")
    expect(seen).to_be_visible()
    page.wait_for_function("document.querySelector('.ez-seen img')?.naturalWidth > 0")
    unit(page).get_by_role("button", name="More options").click()
    unit(page).get_by_label("High threshold").fill("150")
    unit(page).get_by_label("Control mode").select_option("ControlNet is more important")
    expect(summary(page)).to_have_attribute("data-sum", f"{CANNY} 0.5")
    generate(page, "steered", steps=2)
    expect_picture(page, "steered")
    (control,) = asked_by_last_job(steered)
    wanted = {"model": CANNY, "preprocessor": "canny", "weight": 0.5, "end": 0.8, "threshold_a": -1, "threshold_b": 150}
    assert {name: control[name] for name in wanted} == wanted
    assert control["control_mode"] == "ControlNet is more important"
    assert len(sent) == 1
    page.reload()
    ready(page)
    expect(summary(page)).to_have_attribute("data-sum", f"{CANNY} 0.5")
    expect(unit(page).locator(".ez-unit-picture img")).to_be_visible()
    expect(unit(page).get_by_label("Weight")).to_have_value("0.5")
    # The same picture again is asked for by its hash, and not sent.
    page.on("request", lambda request: sent.append(request) if request.method == "POST" and "/images" in request.url else None)
    put_picture(page)
    expect(summary(page)).to_have_attribute("data-sum", f"{CANNY} 0.5")
    assert len(sent) == 1


@pytest.mark.slow
def test_an_ip_adapter_beside_a_controlnet(artist: Visitor, steered: Server) -> None:
    page = opened(artist.open())
    for number in (1, 2):
        page.get_by_role("button", name="Add a picture").click()
        put_picture(page, number, ring("green"))
    unit(page, 1).get_by_label("Preprocessor").select_option("canny")
    kinds = page.get_by_role("radiogroup", name="Kind of control 2")
    expect(kinds.get_by_role("radio", name="ControlNet")).to_be_checked()
    kinds.get_by_role("radio", name="IP-Adapter").click()
    expect(kinds.get_by_role("radio", name="IP-Adapter")).to_be_checked()
    # Only those of the checkpoint's family; what a ControlNet alone can be told is gone.
    model = unit(page, 2).get_by_label("Model")
    assert sorted(model.locator("option").all_inner_texts()) == [IP_ADAPTER, "ip-adapter_sd15_vit-G"]
    expect(model).to_have_value(IP_ADAPTER)
    expect(unit(page, 2).get_by_label("Preprocessor")).to_have_count(0)
    unit(page, 2).get_by_role("button", name="More options").click()
    expect(unit(page, 2).get_by_label("Control mode")).to_have_count(0)
    unit(page, 2).get_by_label("Resize mode").select_option("Resize and Fill")
    unit(page, 2).get_by_role("button", name="Preview", exact=True).click()
    page.wait_for_function("document.querySelector('.ez-seen img')?.naturalWidth === 224")
    # One whose image encoder isn't there says which one and where to put it.
    model.select_option("ip-adapter_sd15_vit-G")
    expect(unit(page, 2).get_by_role("note")).to_contain_text("needs the image encoder CLIP ViT-bigG")
    expect(unit(page, 2).get_by_role("note")).to_contain_text("models/clip_vision")
    model.select_option(IP_ADAPTER)
    expect(unit(page, 2).get_by_role("note")).to_have_count(0)
    # Quickly, again and again: the page's own reports of what was typed before must not undo what is typed now.
    numbers = [unit(page, 2).get_by_label(label) for label in ("Weight", "Start", "End")]
    for values in [("0.9", "0.3", "0.8"), ("0.5", "0.2", "0.9"), ("0.6", "0.1", "0.7")]:
        for number, value in zip(numbers, values, strict=True):
            number.fill(value)
    expect(summary(page)).to_have_attribute("data-sum", f"{CANNY}, {IP_ADAPTER} 0.6")
    generate(page, "both kinds", steps=2)
    expect_picture(page, "both kinds")
    first, second = asked_by_last_job(steered)
    assert (first["kind"], first["model"], first["preprocessor"]) == ("controlnet", CANNY, "canny")
    wanted = {"kind": "ip_adapter", "model": IP_ADAPTER, "weight": 0.6, "start": 0.1, "end": 0.7, "resize_mode": "Resize and Fill"}
    assert {name: second[name] for name in wanted} == wanted
    page.reload()
    ready(page)
    expect(summary(page)).to_have_attribute("data-sum", f"{CANNY}, {IP_ADAPTER} 0.6")
    expect(page.get_by_role("radiogroup", name="Kind of control 2").get_by_role("radio", name="IP-Adapter")).to_be_checked()


@pytest.mark.slow
def test_several_switched_off_removed_and_brought_back(artist: Visitor, steered: Server) -> None:
    page = opened(artist.open())
    for number, name in ((1, CANNY), (2, SCRIBBLE)):
        page.get_by_role("button", name="Add a picture").click()
        put_picture(page, number, ring("blue"))
        unit(page, number).get_by_label("Model").select_option(name)
    expect(summary(page)).to_have_attribute("data-sum", f"{CANNY}, {SCRIBBLE}")
    unit(page, 1).get_by_role("switch").click()
    expect(summary(page)).to_have_attribute("data-sum", SCRIBBLE)
    unit(page, 2).get_by_role("button", name="Remove control 2").click()
    expect(summary(page)).to_have_attribute("data-sum", "Off")
    page.get_by_role("button", name="Undo").click()
    expect(summary(page)).to_have_attribute("data-sum", SCRIBBLE)
    unit(page, 1).get_by_role("switch").click()
    generate(page, "both", steps=2)
    expect_picture(page, "both")
    assert [control["model"] for control in asked_by_last_job(steered)] == [CANNY, SCRIBBLE]


@pytest.mark.slow
def test_a_result_is_sent_to_control_without_an_upload(artist: Visitor, steered: Server) -> None:
    page = artist.open()
    generate(page, "a source", steps=2)
    expect_picture(page, "a source")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" and request.url.endswith("/images") else None)
    page.locator(".ez-send").locator("visible=true").first.click()
    page.get_by_role("menuitem", name="Control").click()
    expect(unit(page).locator(".ez-unit-picture img")).to_be_visible()
    expect(summary(page)).to_have_attribute("data-sum", CANNY)
    generate(page, "from a result", steps=2)
    expect_picture(page, "from a result")
    newest = httpx.get(f"{steered.url}/api/v1/history", params={"limit": 2}).json()["items"]
    (control,) = asked_by_last_job(steered)
    assert control["image"] == newest[1]["sha256"]
    assert sent == []
    # What made a picture comes back with it.
    unit(page).get_by_role("button", name="Remove control 1").click()
    expect(summary(page)).to_have_attribute("data-sum", "Off")
    page.get_by_role("button", name="Use parameters").first.click()
    expect(summary(page)).to_have_attribute("data-sum", CANNY)
    expect(prompt(page)).to_have_value("from a result")


def test_pasted_dropped_and_refused(artist: Visitor) -> None:
    page = opened(artist.open())
    page.get_by_role("button", name="Add a picture").click()
    give = """([selector, kind, bytes, name, type]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name, { type }));
        const target = document.querySelector(selector);
        const event = kind === "paste" ? new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true })
          : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
    }"""
    page.evaluate(give, [".ez-unit-picture", "drop", list(b"words"), "note.txt", "text/plain"])
    expect(page.get_by_text("This is not a picture")).to_be_visible()
    page.evaluate(give, [".ez-unit-picture", "paste", list(ring("green")), "ring.png", "image/png"])
    first = unit(page).locator(".ez-unit-picture img")
    expect(first).to_be_visible()
    address = first.get_attribute("src")
    page.evaluate(give, [".ez-unit-picture", "drop", list(ring("black")), "ring.png", "image/png"])
    expect(first).not_to_have_attribute("src", address or "")


@pytest.mark.slow
def test_a_model_that_no_longer_fits_is_shown_as_that(artist: Visitor) -> None:
    page = opened(artist.open())
    page.get_by_role("button", name="Add a picture").click()
    put_picture(page)
    expect(unit(page).get_by_label("Model")).to_have_value(CANNY)
    answer = json.dumps({"models": [], "preprocessors": [], "resize_modes": [], "control_modes": [], "most": 8})
    page.route(re.compile(r"/api/v1/control\?"), lambda route: route.fulfill(body=answer, content_type="application/json"))
    page.reload()
    ready(page)
    expect(summary(page)).to_have_attribute("data-sum", CANNY)
    # Whether its section is open again by now makes no difference.
    expect(page.locator('[data-control="0-model"] option')).to_have_text([f"{CANNY} (not for this checkpoint)"])

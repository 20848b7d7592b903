"""Files that are no good pictures, put in on the page: each is drawn on, or refused with one sentence that says what is wrong."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from easel_page import field, prompt
from PIL import Image
from playwright.sync_api import Page, expect
from test_canvas_pages import canvas, open_page, results


def saved(picture: Image.Image, form: str = "PNG", **how: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **how)
    return stream.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (96, 80)) -> Image.Image:
    return Image.effect_noise(size, 120).convert(mode)


def sixteen_bits() -> bytes:
    return saved(Image.fromarray(np.linspace(0, 65535, 96 * 80).astype(np.uint16).reshape(80, 96)))


def moving(form: str) -> bytes:
    return saved(noise("P"), form, save_all=True, append_images=[noise("L").convert("P")], duration=100)


def bomb(side: int = 10_000) -> bytes:
    """100 megapixels of black in 12 kB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(side // 8 + 1) * side, 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def choose(page: Page, data: bytes, name: str) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#ez-page-img2img").get_by_role("button", name="Choose a file").click()
    chooser.value.set_files({"name": name, "mimeType": f"image/{name.split('.')[-1].replace('jpg', 'jpeg')}", "buffer": data})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("clear.png", saved(noise("RGBA"))),
        ("press.jpg", saved(noise("CMYK"), "JPEG")),
        ("deep.png", sixteen_bits()),
        ("few.gif", saved(noise("P"), "GIF")),
    ],
)
@pytest.mark.slow
def test_pictures_of_unusual_kinds_are_drawn_on(page: Page, name: str, data: bytes) -> None:
    open_page(page, "img2img")
    choose(page, data, name)
    expect(canvas(page, "img2img").get_by_role("toolbar", name="Tools")).to_be_visible()
    expect(field(page, "width")).to_have_value("96")
    prompt(page).fill(f"from {name}")
    field(page, "steps").fill("1")
    page.locator("#ez-generate").click()
    expect(results(page, "img2img")).to_have_count(1)
    expect(page.locator(".ez-toast")).to_have_count(0)


NO_PICTURES = (
    ("notes.png", b"Dear diary,", "notes.png is not a picture that the browser can read."),
    ("empty.png", b"", "empty.png is not a picture that the browser can read."),
    ("half.png", saved(noise(size=(400, 400)))[:60_000], "half.png is not a picture that the browser can read."),
    ("half.jpg", saved(noise(size=(400, 400)), "JPEG")[:30_000], "half.jpg is not a picture that the browser can read."),
    ("bomb.png", bomb(), "bomb.png has 10000 × 10000 pixels; the canvas takes up to 64 million."),
    ("moves.gif", moving("GIF"), "moves.gif is animated. Save the frame that you mean as a picture of its own."),
    ("moves.webp", moving("WEBP"), "moves.webp is animated. Save the frame that you mean as a picture of its own."),
    ("moves.png", moving("PNG"), "moves.png is animated. Save the frame that you mean as a picture of its own."),
)


def test_what_is_no_picture_is_refused_at_once(page: Page) -> None:
    open_page(page, "img2img")
    toasts = page.locator(".ez-toast")
    for name, data, said in NO_PICTURES:
        choose(page, data, name)
        expect(toasts.locator("p")).to_have_text(said)
        expect(toasts).to_have_count(1)
        expect(canvas(page, "img2img").get_by_role("toolbar", name="Tools")).to_be_hidden()
        toasts.get_by_role("button", name="Close").click()
        expect(toasts).to_have_count(0)


@pytest.mark.slow
def test_a_mask_that_is_no_picture_is_refused_as_the_picture_is(page: Page) -> None:
    open_page(page, "Inpaint")
    page.locator("#ez-page-inpaint").get_by_role("button", name="Try it with an example").click()
    share = page.locator("#ez-page-inpaint .ez-layers [data-share=mask]")
    expect(share).to_have_text("25 % of the picture")
    for name, data, said in (("notes.png", b"Dear diary,", "is not a picture"), ("bomb.png", bomb(), "the canvas takes up to 64 million")):
        page.get_by_role("button", name="Load mask").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("menuitem", name="Load from a file").click()
        chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": data})
        expect(page.locator(".ez-toast p").last).to_contain_text(f"{name} ")
        expect(page.locator(".ez-toast p").last).to_contain_text(said)
        expect(share).to_have_text("25 % of the picture")

"""The painting canvas on a page of its own, and what a person does with it."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from webui.app import open_port
from webui.settings import Settings
from webui.ui.pieces import STATIC_FOLDER

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Canvas</title>
<link rel="icon" href="/static/favicon.svg">
<link rel="stylesheet" href="/static/tokens.css"><link rel="stylesheet" href="/static/easel.css">
<link rel="stylesheet" href="/static/canvas.css">
<style>
body{margin:0;background:var(--ez-page);color:var(--ez-text);font:14px var(--ez-font)}
main{display:grid;grid-template-columns:minmax(0,1fr) 296px;height:100vh} #stage{display:flex;min-height:0}
@media (max-width:760px){main{display:block;height:auto}}
</style></head>
<body class="ez-html"><main><section id="stage" class="ez-stage"></section><aside class="ez-side" id="side"></aside></main>
<div id="menu" class="ez-menu-place" hidden></div><div id="toasts" class="ez-toasts" style="position:fixed;right:16px;top:16px"></div>
<script type="module">
import { Canvas } from "/static/canvas/canvas.js";
import { mountMenu } from "/static/menu.js";
import { mountToasts } from "/static/toasts.js";
import { upload } from "/static/uploads.js";
mountMenu(document.getElementById("menu"));
mountToasts(document.getElementById("toasts"));
const canvas = new Canvas("test");
const isTyping = (element) => element.tagName === "INPUT" && !["range", "color"].includes(element.type);
document.addEventListener("keydown", (event) => !isTyping(event.target) && canvas.onKey(event) && event.preventDefault());
document.addEventListener("keyup", (event) => canvas.onKeyUp(event));
await canvas.mount(document.getElementById("stage"), document.getElementById("side"));
Object.assign(window, { canvas, upload });
document.body.dataset.ready = "yes";
</script></body></html>"""


@dataclass
class Store:
    """What was uploaded, as the image routes of Easel keep it."""

    images: dict[str, bytes] = field(default_factory=dict)
    received: int = 0

    async def put(self, request: Request) -> Response:
        data = await request.body()
        self.received += len(data)
        sha256 = hashlib.sha256(data).hexdigest()
        self.images[sha256] = data
        return JSONResponse({"sha256": sha256}, status_code=201)

    async def head(self, request: Request) -> Response:
        return Response(status_code=200 if request.path_params["sha256"] in self.images else 404)


@contextmanager
def canvas_server() -> Iterator[tuple[str, Store]]:
    """The page's address, and what it has uploaded."""
    store = Store()
    routes = [
        Route("/", lambda _request: HTMLResponse(PAGE)),
        Route("/api/v1/images", store.put, methods=["POST"]),
        Route("/api/v1/images/{sha256}", store.head, methods=["HEAD"]),
        Mount("/static", StaticFiles(directory=STATIC_FOLDER)),
    ]
    listener = open_port(Settings().model_copy(update={"port": 0}))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", store
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def ready(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-ready", "yes")


def picture(width: int, height: int) -> bytes:
    """A PNG whose every pixel differs from its neighbours."""
    ys, xs = np.mgrid[0:height, 0:width]
    pixels = np.stack([xs * 7 % 256, ys * 5 % 256, (xs + ys) * 3 % 256], axis=-1).astype(np.uint8)
    return png(pixels)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def put_in(page: Page, data: bytes, name: str = "picture.png") -> None:
    """Open a picture on the canvas."""
    page.evaluate(
        """async ([data, name]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            await canvas.open(new File([bytes], name, {type: "image/png"}));
        }""",
        [base64.b64encode(data).decode(), name],
    )


def exported(page: Page, what: str) -> bytes:
    """The file that `canvas.maskFile` or `canvas.pictureFile` makes."""
    data = page.evaluate(
        """async (what) => {
            const bytes = new Uint8Array(await (await canvas[what]()).arrayBuffer());
            let text = "";
            for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
            return btoa(text);
        }""",
        what,
    )
    return base64.b64decode(data)


def mask(page: Page) -> np.ndarray:
    """The mask as it would be sent: height x width, 255 where the picture is to be redrawn."""
    image = Image.open(io.BytesIO(exported(page, "maskFile")))
    assert image.mode == "L"
    return np.asarray(image)


def view(page: Page) -> dict[str, float]:
    return page.evaluate("({scale: canvas.board.view.scale, x: canvas.board.view.x, y: canvas.board.view.y})")


def board(page: Page) -> Locator:
    return page.get_by_role("application", name="Canvas")


def screen(page: Page, x: float, y: float) -> tuple[int, int]:
    """The whole pixel of the window under which that point of the picture lies."""
    corner = board(page).bounding_box()
    assert corner is not None
    at = view(page)
    return round(corner["x"] + at["x"] + x * at["scale"]), round(corner["y"] + at["y"] + y * at["scale"])


def on_picture(page: Page, x: float, y: float) -> tuple[float, float]:
    """The point of the picture under a point of the window."""
    corner = board(page).bounding_box()
    assert corner is not None
    at = view(page)
    return (x - corner["x"] - at["x"]) / at["scale"], (y - corner["y"] - at["y"]) / at["scale"]


def stroke(page: Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Press at the first point of the picture, move over the others, lift. Returns the points that the mouse really met."""
    met = [screen(page, *point) for point in points]
    page.mouse.move(*met[0])
    page.mouse.down()
    for point in met[1:]:
        page.mouse.move(*point)
    page.mouse.up()
    return [on_picture(page, *point) for point in met]


def set_brush(page: Page, *, size: float, softness: float = 0.0, opacity: float = 1.0) -> None:
    page.evaluate("(brush) => canvas.brush.set(brush)", {"size": size, "softness": softness, "opacity": opacity})


def brushed(size: tuple[int, int], points: list[tuple[float, float]], diameter: float, softness: float = 0.0) -> np.ndarray:
    """What a brush covers: width, height -> height x width, 0 to 255. Written after the definition, not after the program."""
    width, height = size
    ys, xs = np.mgrid[0:height, 0:width] + 0.5
    cover = np.zeros((height, width))
    radius = diameter / 2
    fade = max(1.0, radius * softness)
    for (ax, ay), (bx, by) in zip(points[:1] + points[:-1], points, strict=True):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((xs - ax) * (bx - ax) + (ys - ay) * (by - ay)) / length, 0, 1) if length else 0.0
        distance = np.hypot(xs - ax - along * (bx - ax), ys - ay - along * (by - ay))
        inside = np.clip((radius + 0.5 - distance) / fade, 0, 1)
        cover = np.maximum(cover, np.floor(255 * inside**2 * (3 - 2 * inside) + 0.5))
    return cover.astype(np.uint8)


def is_close(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for the last digit of a rounding."""
    return one.shape == other.shape and int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


def circle(x: float, y: float, radius: float, count: int = 24) -> list[tuple[float, float]]:
    angles = [2 * math.pi * index / count for index in range(count)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]

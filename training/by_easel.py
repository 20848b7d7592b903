"""Pictures drawn by Easel itself, for measurements and sheets: the whole way from a request to a saved picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from webui.app import open_studio
from webui.generation.request import parse_request
from webui.settings import load_settings

SHIPPED_DEFAULTS = {"width": 128, "height": 128, "steps": 20, "cfg_scale": 5, "sampler": "DPM++ 2M", "schedule_type": "Karras"}


class Easel:
    """An Easel without a page."""

    def __init__(self, studio: Any) -> None:
        self._studio = studio

    def draw(self, prompt: str, seed: int, *, checkpoint: str = "easel-emoji", **fields: Any) -> Image.Image:
        """The picture of one request. Raises EaselError."""
        request = parse_request({**SHIPPED_DEFAULTS, "prompt": prompt, "seed": seed, "checkpoint": checkpoint, **fields})
        (image,) = self._studio.follow(self._studio.submit(request)["id"], lambda event: None)["images"]
        with Image.open(self._studio.picture_path(image["id"])) as picture:
            return picture.convert("RGB")

    def keep(self, picture: Image.Image) -> str:
        """Put a picture where requests find it; its hash."""
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return str(self._studio.images.put(stream.getvalue()).sha256)


@contextmanager
def easel(*models_dirs: Path) -> Iterator[Easel]:
    """An Easel with a data folder of its own, and the shipped models. models_dirs: of further ones."""
    with tempfile.TemporaryDirectory() as data_dir:
        settings = load_settings(data_dir=Path(data_dir), log_level="warning", models_dirs=models_dirs, threads=1)
        with open_studio(settings) as (studio, _):
            studio.start()
            yield Easel(studio)


def sheet(pictures: Sequence[Image.Image], columns: int, gap: int = 4) -> Image.Image:
    """Pictures of one size, side by side on white."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for number, picture in enumerate(pictures):
        whole.paste(picture, (number % columns * (width + gap), number // columns * (height + gap)))
    return whole


def titled(rows: Sequence[tuple[str, Sequence[Image.Image]]], gap: int = 4, room: int = 14) -> Image.Image:
    """Rows of pictures of one size, each under its title."""
    strips = [sheet(pictures, len(pictures), gap) for _, pictures in rows]
    whole = Image.new("RGB", (max(strip.width for strip in strips), sum(strip.height + room + gap for strip in strips)), "white")
    top = 0
    for (title, _), strip in zip(rows, strips, strict=True):
        ImageDraw.Draw(whole).text((2, top + 1), title, fill="black")
        whole.paste(strip, (0, top + room))
        top += strip.height + room + gap
    return whole

"""A film as one picture that moves: animated WebP, or GIF where nothing else is understood."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image, ImageOps

from webui.studio.films import Film

ExportForm = Literal["webp", "gif"]

LONG_SIDE = 512
"""Most pixels of the longer side."""
HOLD_MS = 1500
"""How long the picture itself stays at the end."""


@dataclass(frozen=True)
class _Form:
    """options: of Pillow's writer. prepared: what is done to each frame before."""

    options: dict[str, Any]
    prepared: Callable[[Image.Image], Image.Image] = lambda frame: frame


def _with_own_palette(frame: Image.Image) -> Image.Image:
    return frame.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)


_FORMS: dict[ExportForm, _Form] = {
    "webp": _Form({"quality": 85, "method": 2}),
    # disposal 1: each frame covers all of the one before it.
    "gif": _Form({"optimize": False, "disposal": 1}, _with_own_palette),
}


def exported(film: Film, picture: Path, form: ExportForm, per_second: int) -> bytes:
    """All frames and then the picture, over and over; per_second: frames. Raises NotFound."""
    chosen = _FORMS[form]
    frames = map(chosen.prepared, _frames(film, picture))
    buffer = io.BytesIO()
    durations = [round(1000 / per_second)] * len(film.frames) + [HOLD_MS]
    next(frames).save(buffer, form.upper(), save_all=True, append_images=frames, duration=durations, loop=0, **chosen.options)
    return buffer.getvalue()


def _frames(film: Film, path: Path) -> Iterator[Image.Image]:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    scale = min(1, LONG_SIDE / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    for data in film.all():
        with Image.open(io.BytesIO(data)) as frame:
            # A part of the picture, drawn larger, has a shape of its own.
            yield ImageOps.pad(frame.convert("RGB"), size, Image.Resampling.BICUBIC)
    yield picture.resize(size, Image.Resampling.LANCZOS)

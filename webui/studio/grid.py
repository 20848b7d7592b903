"""All pictures of a job side by side in one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from webui.generation.request import ResolvedRequest
from webui.pictures.decoding import as_rgb
from webui.studio.picture_file import DEFAULT_STYLE, PictureFile, encode
from webui.studio.picture_format import PNG

LONGEST_SIDE = 8192
"""Longest side of a grid in pixels: 100 pictures of 2048 px would take 1.3 GB."""

Picture = Image.Image | Path


def rows_and_columns(count: int) -> tuple[int, int]:
    """How that many pictures are laid out: as A1111 does, round(sqrt(n)) rows."""
    rows = round(math.sqrt(count))
    return rows, math.ceil(count / rows)


def compose(pictures: Sequence[Picture]) -> Image.Image:
    """The pictures row by row on black, RGB, each in the middle of a cell as large as the largest of them.

    Files are opened one at a time. A grid that would be longer than 8192 px on a side is scaled down.
    Raises ValueError for no pictures, OSError for a file that can't be read.
    """
    if not pictures:
        raise ValueError("a grid takes at least one picture")
    sizes = [_size(picture) for picture in pictures]
    width, height = (max(side) for side in zip(*sizes, strict=True))
    rows, columns = rows_and_columns(len(pictures))
    scale = min(1.0, LONGEST_SIDE / (columns * width), LONGEST_SIDE / (rows * height))
    cell = (max(1, int(width * scale)), max(1, int(height * scale)))
    grid = Image.new("RGB", (columns * cell[0], rows * cell[1]))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        with _opened(picture) as opened:
            tile = as_rgb(opened)
        if scale < 1:
            tile = tile.resize((max(1, int(tile.width * scale)), max(1, int(tile.height * scale))), Image.Resampling.LANCZOS)
        grid.paste(tile, (column * cell[0] + (cell[0] - tile.width) // 2, row * cell[1] + (cell[1] - tile.height) // 2))
    return grid


def encode_grid(
    pictures: Sequence[Picture], request: ResolvedRequest, suffix: str = PNG.suffix, quality: int = DEFAULT_STYLE.quality
) -> PictureFile:
    """The grid as a file with the parameters of the job's first picture, as A1111 writes them; facts tell how many it holds."""
    return encode(compose(pictures), request, 0, {"grid": len(pictures)}, suffix, quality)


@contextmanager
def _opened(picture: Picture) -> Iterator[Image.Image]:
    if isinstance(picture, Image.Image):
        yield picture
    else:
        with Image.open(picture) as opened:
            yield opened


def _size(picture: Picture) -> tuple[int, int]:
    with _opened(picture) as opened:
        return opened.size

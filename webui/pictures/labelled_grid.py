"""Pictures in rows and columns with labels at the edges: what is kept of a grid, and what add-ons draw theirs with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

LONGEST_SIDE = 8192
"""Longest side of a grid in pixels; a larger one is scaled down."""

_PAPER, _INK, _EMPTY = (255, 255, 255), (17, 17, 17), (238, 238, 238)
_GAP = 8
_LABEL_SHARE = 16
"""A cell is so many times as high as the letters of its labels."""
_MOST_LINES = 4
_MOST_LETTERS = 240
"""Of a label; more never fits, and each is measured."""

Opened = Callable[[], Image.Image] | Image.Image | None
"""A picture, what opens it when its turn comes, or None for a cell that stays empty."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class _Label:
    lines: tuple[str, ...]
    size: tuple[int, int]


def labelled_grid(
    cells: Sequence[Sequence[Opened]], size: tuple[int, int], *, columns: Sequence[str] = (), rows: Sequence[str] = (), title: str = ""
) -> Image.Image:
    """The cells row by row, RGB, each picture fitted into `size` (width, height in pixels) and in the middle of its cell.

    columns, rows: a label for each, empty for none. title: above all. Pictures are opened one at a time.
    Raises ValueError for no cells, OSError for a picture that can't be read.
    """
    if not cells or not cells[0]:
        raise ValueError("a grid takes at least one picture")
    across, down = max(map(len, cells)), len(cells)
    scale = min(1.0, *((LONGEST_SIDE / number - _GAP) / side for number, side in ((across, size[0]), (down, size[1]))))
    cell = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    font = ImageFont.load_default(max(14, min(cell) // _LABEL_SHARE))
    above = [_wrapped(text, font, cell[0] - _GAP) for text in columns]
    beside = [_wrapped(text, font, max(cell[0] * 2 // 3, 96)) for text in rows]
    heading = _wrapped(title, font, across * (cell[0] + _GAP))
    left = max((label.size[0] for label in beside), default=0)
    left += 2 * _GAP if left else _GAP
    top = _padded(heading.size[1]) + _padded(max((label.size[1] for label in above), default=0)) + _GAP
    grid = Image.new("RGB", (left + across * (cell[0] + _GAP), top + down * (cell[1] + _GAP)), _PAPER)
    draw = ImageDraw.Draw(grid)
    _write(draw, heading, font, (left + across * (cell[0] + _GAP) // 2, _GAP + heading.size[1] // 2))
    for number, label in enumerate(above):
        _write(draw, label, font, (left + number * (cell[0] + _GAP) + cell[0] // 2, top - _GAP - label.size[1] // 2))
    for number, label in enumerate(beside):
        _write(draw, label, font, (left // 2, top + number * (cell[1] + _GAP) + cell[1] // 2))
    for row, pictures in enumerate(cells):
        for column, picture in enumerate(pictures):
            _place(grid, draw, picture, (left + column * (cell[0] + _GAP), top + row * (cell[1] + _GAP)), cell)
    return grid


def _padded(height: int) -> int:
    return height + _GAP if height else 0


def _wrapped(text: str, font: _Font, width: int) -> _Label:
    """A label in at most four lines no wider than that; words that are wider are cut."""
    lines: list[str] = []
    for word in text[:_MOST_LETTERS].split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(_cut(word, font, width))
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], _cut(" ".join(lines[_MOST_LINES - 1 :]), font, width)]
    if not lines:
        return _Label((), (0, 0))
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), "\n".join(lines), font=font)
    return _Label(tuple(lines), (int(box[2]), int(box[3])))


def _cut(text: str, font: _Font, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while len(text) > 1 and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _write(draw: ImageDraw.ImageDraw, label: _Label, font: _Font, centre: tuple[int, int]) -> None:
    if label.lines:
        draw.multiline_text(centre, "\n".join(label.lines), fill=_INK, font=font, anchor="mm", align="center")


def _place(grid: Image.Image, draw: ImageDraw.ImageDraw, picture: Opened, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    opened = picture() if callable(picture) else picture
    if opened is None:
        draw.rectangle((*corner, corner[0] + cell[0] - 1, corner[1] + cell[1] - 1), fill=_EMPTY)
        return
    tile = opened.convert("RGB")
    scale = min(cell[0] / tile.width, cell[1] / tile.height)
    if scale < 1:
        tile = tile.resize((max(1, round(tile.width * scale)), max(1, round(tile.height * scale))), Image.Resampling.LANCZOS)
    grid.paste(tile, (corner[0] + (cell[0] - tile.width) // 2, corner[1] + (cell[1] - tile.height) // 2))

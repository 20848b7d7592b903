"""What the shipped checkpoints know how to draw: well-known things, by Unicode's names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from training.pictures import Emoji, Style, draw, drawings, read_emoji

SIDE = 256
"""Of the drawings that scenes are made with, in pixels."""


def known_things() -> frozenset[str]:
    """The names in things.txt. Of many more, a network of this size would draw none well."""
    return frozenset((Path(__file__).parent / "things.txt").read_text().splitlines())


def drawn(style: Style, emoji: Iterable[Emoji], folder: Path) -> dict[Emoji, Image.Image]:
    """Those of the emoji that there are in that style. Fetches the package. Raises PackageUnusable."""
    by_code = {one.code: one for one in emoji}
    return {by_code[code]: draw(drawing, SIDE) for code, drawing in drawings(style, list(by_code.values()), folder).items()}


def drawn_things(style: Style, folder: Path) -> dict[Emoji, Image.Image]:
    """The known things in that style. Fetches the packages. Raises PackageUnusable."""
    names = known_things()
    return drawn(style, (one for one in read_emoji(folder) if one.label in names), folder)

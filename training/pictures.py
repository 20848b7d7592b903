"""The pictures and words that the shipped models learn from: emoji in four styles, cut tight, set on grounds of named colours."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from training.packages import FLUENT_3D, FLUENT_FLAT, FLUENT_INK, FLUENT_MODERN, WORDS, Package, unpacked

Pixels = NDArray[np.uint8]
"""(height, width, channels), sRGB; a fourth channel is opacity."""

COLOURS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "white": (255, 255, 255),
        "black": (20, 20, 24),
        "red": (226, 60, 60),
        "orange": (245, 150, 50),
        "yellow": (250, 215, 80),
        "green": (90, 185, 100),
        "blue": (70, 130, 230),
        "sky blue": (150, 205, 250),
        "purple": (150, 100, 215),
        "pink": (250, 170, 200),
        "gray": (150, 155, 165),
        "brown": (140, 100, 70),
    }
)
"""The grounds that captions name, sRGB."""

HELD_OUT = 0.05
"""The share of emoji that no training sees."""

SKIN_TONES = re.compile(r"-1f3f[b-f]")


@dataclass(frozen=True)
class Emoji:
    """One emoji. code: its code points in hexadecimal, joined by "-". label, tags: its name and keywords, lower case."""

    code: str
    label: str
    tags: tuple[str, ...]
    group: str
    subgroup: str

    @property
    def base(self) -> str:
        """Its code without skin tones and variation selectors: what all its variants share."""
        return SKIN_TONES.sub("", self.code).replace("-fe0f", "")

    @property
    def held_out(self) -> bool:
        """Whether no training may see it, in any style or skin tone. The hash of its base says so, so it is the same ones each time."""
        return int.from_bytes(hashlib.sha256(self.base.encode()).digest()[:4]) / 2**32 < HELD_OUT


def read_emoji(folder: Path) -> list[Emoji]:
    """All emoji that Unicode names, in its order, without variants of skin tone. Fetches the package. Raises PackageUnusable."""
    english = unpacked(WORDS, folder) / "en"
    rows = json.loads((english / "data.json").read_text())
    messages = json.loads((english / "messages.json").read_text())
    groups, subgroups = ({each["order"]: each["message"] for each in messages[key]} for key in ("groups", "subgroups"))
    return [
        Emoji(
            row["hexcode"].lower(),
            row["label"].lower(),
            tuple(tag.lower() for tag in row.get("tags", ())),
            groups.get(row.get("group"), ""),
            subgroups.get(row.get("subgroup"), ""),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Style:
    """One way in which all emoji are drawn, from a package. Its drawings are files of that suffix, or lie in icons.json without one."""

    name: str
    package: Package
    suffix: str = ""

    def read(self, folder: Path) -> Mapping[str, Path | str]:
        """Every drawing by its key: a file, or the text of an SVG. Fetches the package. Raises PackageUnusable."""
        package = unpacked(self.package, folder)
        if self.suffix:
            return {path.stem.lower(): path for path in sorted((package / "assets").glob(f"*{self.suffix}"))}
        icons = json.loads((package / "icons.json").read_text())
        frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {icons["width"]} {icons["height"]}" color="#101014">'
        return {name: f"{frame}{icon['body']}</svg>" for name, icon in icons["icons"].items()}


THREE_D = Style("3d", FLUENT_3D, ".webp")
FLAT = Style("flat", FLUENT_FLAT, ".svg")
MODERN = Style("modern", FLUENT_MODERN, ".svg")
INK = Style("ink", FLUENT_INK)
"""Shaded like toys (as pictures of 256x256), plain areas of colour, shaded drawings, and black lines (as drawings of any size)."""


def draw(drawing: Path | str, size: int) -> Image.Image:
    """A drawing as RGBA of size x size, cut tight around what there is to see, in the middle of a square."""
    if isinstance(drawing, Path) and drawing.suffix != ".svg":
        with Image.open(drawing) as picture:
            whole = picture.convert("RGBA")
    else:
        text = drawing.read_text() if isinstance(drawing, Path) else drawing
        whole = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text, width=size, height=size)))).convert("RGBA")
    return tight(whole).resize((size, size), Image.Resampling.LANCZOS)


def tight(picture: Image.Image) -> Image.Image:
    """An RGBA picture cut around what isn't clear, in the middle of a square. A picture that is clear all over stays as it is."""
    box = picture.getchannel("A").getbbox()
    if box is None:
        return picture
    cut = picture.crop(box)
    side = max(cut.size)
    square = Image.new("RGBA", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return square


def drawings(style: Style, emoji: Sequence[Emoji], folder: Path) -> dict[str, Path | str]:
    """The style's drawing of each of the emoji that it has, by code."""
    found = style.read(folder)
    return {one.code: found[key] for one in emoji for key in _keys(one) if key in found}


def _keys(emoji: Emoji) -> tuple[str, ...]:
    """What a package may call it, best last: by code with and without a variation selector, or by name."""
    plain = emoji.code.replace("-fe0f", "")
    return re.sub("[^a-z0-9]+", "-", emoji.label.replace("’", "").replace("'", "")).strip("-"), plain, f"{emoji.code}-fe0f", emoji.code


def ground_near(colour: str, random: Random) -> tuple[int, int, int]:
    """A colour close to the named one, sRGB; white is white."""
    if colour == "white":
        return COLOURS[colour]
    red, green, blue = (min(255, max(0, part + random.randint(-8, 8))) for part in COLOURS[colour])
    return red, green, blue


def set_on(
    drawing: Image.Image, ground: tuple[int, int, int], size: int, random: Random, share: tuple[float, float] = (0.78, 0.94)
) -> Image.Image:
    """An RGBA drawing on a ground, as RGB of size x size. It takes a share of the side between these two, and is moved within the rest."""
    side = int(size * random.uniform(*share))
    room = (size - side) // 2
    left, top = (room + random.randint(-room // 2, room // 2) if room > 1 else room for _ in range(2))
    whole = Image.new("RGBA", (size, size), (*ground, 255))
    whole.alpha_composite(drawing.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return whole.convert("RGB")


def composed(drawing: Image.Image, size: int, random: Random) -> Image.Image:
    """A drawing on a ground near any of the named colours, as RGB of size x size."""
    return set_on(drawing, ground_near(random.choice(list(COLOURS)), random), size, random)

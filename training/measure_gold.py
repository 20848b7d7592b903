"""Prints how much of pictures is gold by the weight of the shipped style LoRA, and whether weight 0 leaves the base's pixels.

    python -m training.measure_gold [--sheet FILE]

Gold is the share of the middle of a picture whose colours are near those that gold has from its darkest shade to its brightest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.by_easel import easel, titled
from training.gold import GOLD
from training.pictures import Pixels

NEAR = 36.0
"""How far a colour may be from gold's, in levels."""

PROMPTS = (
    "red apple on a blue background",
    "cat face on a pink background",
    "rocket on a yellow background",
    "penguin on a sky blue background",
    "fox on a green background",
    "hamburger on a purple background",
    "red heart on a white background",
    "pear on a gray background",
    "tiger face on a white background",
    "birthday cake on a sky blue background",
    "robot on an orange background",
    "strawberry on a white background",
)


def gold_share(picture: Pixels) -> float:
    """The share of the middle, half as wide and high, that is gold. picture: (height, width, 3)."""
    height, width = picture.shape[:2]
    middle = picture[height // 4 : -height // 4, width // 4 : -width // 4].reshape(-1, 1, 3).astype(float)
    at = np.linspace(0, 1, 64)
    gold = np.stack([np.interp(at, [where for where, _ in GOLD], [colour[part] for _, colour in GOLD]) for part in range(3)], -1)
    return float((np.linalg.norm(middle - gold, axis=-1).min(1) < NEAR).mean())


def main() -> None:
    """Print the table; draw the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, action="append", default=[], help="a further folder of models")
    parser.add_argument("--sheet", type=Path, help="where a sheet of pictures is to be written")
    given = parser.parse_args()
    rows: dict[str, list[Image.Image]] = {}
    with easel(*given.models) as studio:
        rows["without"] = [studio.draw(prompt, seed) for seed, prompt in enumerate(PROMPTS)]
        for weight in (0.0, 0.5, 1.0):
            rows[f"weight {weight:g}"] = [
                studio.draw(f"{prompt} <lora:easel-gold:{weight:g}>", seed) for seed, prompt in enumerate(PROMPTS)
            ]
    for title, pictures in rows.items():
        equal = sum(picture.tobytes() == other.tobytes() for picture, other in zip(pictures, rows["without"], strict=True))
        shares = [gold_share(np.asarray(picture)) for picture in pictures]
        print(f"{title:11} gold {np.mean(shares):.3f}; {equal} of {len(pictures)} are byte for byte those without")
    if given.sheet:
        titled(list(rows.items())).save(given.sheet, optimize=True)


if __name__ == "__main__":
    main()

"""Prints how much shading there is in pictures by the weight of the shipped style LoRA, and whether weight 0 leaves the base's pixels.

    python -m training.measure_flat [--things 12] [--sheet FILE]

Shading is the share of pixels whose colour goes over softly into that of their neighbours: by more than the noise of the VAE and less
than an edge. Toys have much of it, plain areas of colour little.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training.by_easel import easel, titled
from training.pictures import Pixels

APART = 4
SOFT = (6, 40)
"""How far apart, in pixels, the neighbours are, and between which differences, in levels of the most different channel, it is shading."""

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


def shading(picture: Pixels) -> float:
    """The share of pixels with shading, (height, width, 3)."""
    values = picture.astype(int)
    across = np.abs(values[APART:, APART:] - values[APART:, :-APART]).max(-1)
    down = np.abs(values[APART:, APART:] - values[:-APART, APART:]).max(-1)
    steepest = np.maximum(across, down)
    return float(((steepest > SOFT[0]) & (steepest < SOFT[1])).mean())


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
                studio.draw(f"{prompt} <lora:easel-flat:{weight:g}>", seed) for seed, prompt in enumerate(PROMPTS)
            ]
    for title, pictures in rows.items():
        equal = sum(picture.tobytes() == other.tobytes() for picture, other in zip(pictures, rows["without"], strict=True))
        shares = [shading(np.asarray(picture)) for picture in pictures]
        print(f"{title:11} shading {np.mean(shares):.3f}; {equal} of {len(pictures)} are byte for byte those without")
    if given.sheet:
        titled(list(rows.items())).save(given.sheet, optimize=True)


if __name__ == "__main__":
    main()

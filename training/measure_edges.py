"""Prints how far pictures follow a given edge map, with the shipped ControlNet and without it.

    python -m training.measure_edges [--folder FOLDER] [--maps 16] [--sheet FILE]

The maps are of scenes that no training has seen: known things elsewhere on the picture. The overlap is the harmonic mean of two shares:
that of the given edges where the picture has one within 2 pixels, and that of the picture's edges where the map has one within 2 pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from training.by_easel import easel, titled
from training.denoiser import scenes
from training.edges import OUT, edges_of
from training.packages import FOLDER
from training.pictures import THREE_D, Pixels
from training.things import drawn_things

REACH = 2
"""How far apart two edges may be to be the same, in pixels."""


def overlap(one: Pixels, other: Pixels) -> float:
    """The overlap of two edge maps, (height, width), 0 where there is none: from 0 to 1."""
    if not one.any() or not other.any():
        return 0.0
    distances: list[Any] = [ndimage.distance_transform_edt(each == 0) for each in (one, other)]
    near_one, near_other = (distance <= REACH for distance in distances)
    found, right = float(near_other[one > 0].mean()), float(near_one[other > 0].mean())
    return 2 * found * right / (found + right) if found + right else 0.0


def control(image: str, **fields: Any) -> dict[str, Any]:
    """The control of a request that follows a finished edge map."""
    return {"model": OUT.name, "image": image, "preprocessor": "none", **fields}


def main() -> None:
    """Print the table; draw the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages are kept")
    parser.add_argument("--maps", type=int, default=16)
    parser.add_argument("--models", type=Path, action="append", default=[], help="a further folder of models")
    parser.add_argument("--sheet", type=Path, help="where a sheet of maps and pictures is to be written")
    given = parser.parse_args()
    things = sorted(drawn_things(THREE_D, given.folder).items(), key=lambda pair: pair[0].code)
    random = Random(99)
    made = [scenes(dict([random.choice(things)]), 1, random)[0] for _ in range(given.maps)]
    maps = [edges_of(scene.picture) for scene in made]
    rows: dict[str, list[Image.Image]] = {"edges": [Image.fromarray(each) for each in maps]}
    with easel(*given.models) as studio:
        for weight in (0.0, 0.5, 1.0):
            rows[f"weight {weight:g}"] = [
                studio.draw(
                    f"{scene.emoji.label} on a {scene.ground} background",
                    seed,
                    controls=[control(studio.keep(Image.fromarray(each)), weight=weight)],
                )
                for seed, (scene, each) in enumerate(zip(made, maps, strict=True))
            ]
    for title, pictures in list(rows.items())[1:]:
        overlaps = [overlap(each[..., 0], edges_of(picture)[..., 0]) for each, picture in zip(maps, pictures, strict=True)]
        print(f"{title}: overlap {np.mean(overlaps):.3f}, least {min(overlaps):.3f}, of {len(overlaps)} maps")
    if given.sheet:
        titled([(title, pictures[:12]) for title, pictures in rows.items()]).save(given.sheet, optimize=True)


if __name__ == "__main__":
    main()

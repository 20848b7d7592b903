"""Prints how many pictures of a checkpoint have the ground that is named, and how near its colour is; draws a sheet of 32.

    python -m training.measure_emoji [--models FOLDER] [--checkpoint NAME] [--sheet FILE]

12 colours with 10 things each, and the twenty pairs that no training shows; a seed each, none picked by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from training.by_easel import Easel, easel, sheet
from training.emoji import held_out_pairs
from training.packages import FOLDER
from training.pictures import COLOURS, THREE_D, Pixels
from training.things import drawn_things

THINGS = (
    "a red apple",
    "a cat face",
    "a dog face",
    "a strawberry",
    "a sunflower",
    "a frog",
    "a pumpkin",
    "a guitar",
    "a heart",
    "a cactus",
)
BORDER = 6
"""Width in pixels of what is taken for the ground."""

SHEET = (
    *(
        "red apple on a blue background",
        "cat face on a pink background",
        "rocket on a yellow background",
        "penguin on a sky blue background",
    ),
    *("fox on a green background", "birthday cake on a purple background", "frog on an orange background", "star on a black background"),
    *(
        "strawberry on a white background",
        "dog face on a brown background",
        "sunflower on a sky blue background",
        "pumpkin on a gray background",
    ),
    *("guitar on a red background", "red heart on a white background", "cactus on a pink background", "hamburger on a blue background"),
    *("lemon on a purple background", "panda on a green background", "robot on an orange background", "tiger face on a yellow background"),
    *("mushroom on a black background", "banana on a sky blue background", "rose on a gray background", "monkey face on a pink background"),
    *("two strawberry on a white background", "small rocket at the top left on a blue background", "cherries on a yellow background"),
    *("whale on an orange background", "doughnut on a green background", "snowman on a red background", "bear on a brown background"),
    "owl on a purple background",
)


def ground_of(picture: Pixels) -> Pixels:
    """The median of a picture's border: (3,)."""
    inside = np.ones(picture.shape[:2], bool)
    inside[BORDER:-BORDER, BORDER:-BORDER] = False
    return np.median(picture[inside], axis=0)


def nearest_colour(ground: Pixels) -> str:
    """The named colour that is nearest."""
    return min(COLOURS, key=lambda name: float(np.linalg.norm(ground - np.array(COLOURS[name]))))


def measure(studio: Easel, checkpoint: str, pairs: Iterable[tuple[str, str]], what: str) -> None:
    """Draw a picture of each pair and print what their grounds are."""
    wrong, distances = [], []
    for seed, (thing, colour) in enumerate(pairs):
        ground = ground_of(np.asarray(studio.draw(f"{thing} on a {colour} background", seed, checkpoint=checkpoint)))
        distances.append(float(np.linalg.norm(ground - np.array(COLOURS[colour]))))
        if (seen := nearest_colour(ground)) != colour:
            wrong.append(f"{thing} on {colour}: {seen}")
    named, apart = len(distances) - len(wrong), float(np.mean(distances))
    print(f"{named} of {len(distances)} {what} have the ground that is named, {apart:.1f} levels from its colour; wrong: {wrong or 'none'}")


def main() -> None:
    """Print the figures; draw the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, action="append", default=[], help="a further folder of models")
    parser.add_argument("--checkpoint", default="easel-emoji")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages are kept")
    parser.add_argument("--sheet", type=Path, help="where a sheet of pictures is to be written")
    given = parser.parse_args()
    left_out = sorted((emoji.label, colour) for emoji, colour in held_out_pairs(list(drawn_things(THREE_D, given.folder))))
    with easel(*given.models) as studio:
        measure(studio, given.checkpoint, [(thing, colour) for thing in THINGS for colour in COLOURS], "pictures")
        measure(studio, given.checkpoint, left_out, "pairs that no training shows")
        if given.sheet:
            drawn = [studio.draw(prompt, seed, checkpoint=given.checkpoint) for seed, prompt in enumerate(SHEET)]
            sheet(drawn, 8).save(given.sheet, optimize=True)


if __name__ == "__main__":
    main()

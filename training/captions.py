"""What is said of a picture: its thing and its ground, in the wordings that people use."""

from __future__ import annotations

from random import Random

from training.pictures import Emoji

WORDINGS = ("{} on a {} background", "{}, {} background", "a {} on {}")
UNSAID, UNSAID_WHITE = 0.15, 0.5
"""How often the ground goes unsaid; a white one oftener."""

KEYWORD, SHORT = 0.15, 0.3
"""How often a keyword stands for the name, and how often a name goes without its "face"."""

NOTHING = 0.1
"""How often nothing is said at all, which guidance needs (Ho and Salimans 2022, arXiv:2207.12598)."""


def caption(emoji: Emoji, ground: str, random: Random, wording: str = "{}") -> str:
    """Words for a picture of that emoji on that ground. wording: what is said besides its name, such as "two {}"."""
    if random.random() < NOTHING:
        return ""
    name = random.choice(emoji.tags) if emoji.tags and random.random() < KEYWORD else emoji.label
    if random.random() < SHORT:
        name = name.replace(" face", "")
    name = wording.format(name)
    if random.random() < (UNSAID_WHITE if ground == "white" else UNSAID):
        return name
    return random.choice(WORDINGS).format(name, ground)

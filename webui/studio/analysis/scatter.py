"""Some pictures with their numbers, to be laid out by any two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webui.studio.analysis.made import Made

MOST_POINTS = 1500
_MOST_GOOD = 500


def points(made: Sequence[Made]) -> list[dict[str, Any]]:
    """At most MOST_POINTS pictures, evenly over time; of the good ones more than their share, for these are looked for."""
    good = _evenly([picture for picture in made if picture.good], _MOST_GOOD)
    rest = _evenly([picture for picture in made if not picture.good], MOST_POINTS - len(good))
    return [
        {
            "image": str(picture.id),
            "at": picture.at.isoformat(),
            "steps": picture.steps or None,
            "cfg": picture.cfg or None,
            "megapixels": round(picture.width * picture.height / 1e6, 3),
            "ratio": round(picture.width / picture.height, 3),
            "rating": picture.rating,
            "words": len(picture.prompt.split()),
            "good": picture.good,
            "checkpoint": picture.checkpoint,
            "sampler": picture.sampler,
        }
        for picture in sorted([*good, *rest], key=lambda picture: picture.id)
    ]


def _evenly(pictures: Sequence[Made], most: int) -> list[Made]:
    if len(pictures) <= most:
        return list(pictures)
    return [pictures[len(pictures) * number // most] for number in range(most)]

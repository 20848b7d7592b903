"""What favourites and high ratings have in common: for each trait, how much more often pictures with it are good, and how sure that is.

Pictures of the same prompt are no independent witnesses: a session in which one liked everything would make each of its words look good.
So a prompt's pictures are weighed as one voice (Kish's effective sample size), the intervals are Wilson's over these voices, and what
stands out is told from chance over all traits looked at together (Benjamini and Hochberg), not one by one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from webui.studio.analysis.made import Made
from webui.studio.analysis.terms import terms_of

LEAST_GOOD, LEAST_PICTURES = 10, 40
"""With fewer of them nothing is said."""

LEAST_OF_TRAIT = 8
MOST_OF_KIND = 300
"""Words, or pairs, that are looked at: those that most pictures have."""

FALSE_SHARE = 0.05
"""Of what is said to stand out, about so many in a hundred do by chance."""

_Z = 1.959964
_RANGES = 5
_FEW_VALUES = 6


class Trait(NamedTuple):
    """What some pictures have: a word, a sampler, a range. low and high: of a range."""

    kind: str
    value: str
    low: float | None = None
    high: float | None = None


def wilson(share: float, voices: float) -> tuple[float, float]:
    """The interval that holds the true share in 95 of 100 cases, where `share` was seen among so many voices."""
    if voices <= 0:
        return 0.0, 1.0
    square = _Z * _Z / voices
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / voices + square / (4 * voices))
    return max(0.0, middle - half), min(1.0, middle + half)


def lifts(made: Sequence[Made]) -> dict[str, Any]:
    """Traits with the share of good pictures among those that have them, what stands out first."""
    good = sum(picture.good for picture in made)
    base = good / len(made) if made else 0.0
    answer: dict[str, Any] = {"pictures": len(made), "good": good, "share": base, "enough": False, "looked_at": 0, "traits": []}
    if good < LEAST_GOOD or len(made) < LEAST_PICTURES or good == len(made):
        return answer
    told = [_told(trait, having, base) for trait, having in _traits(made)]
    _mark_sure(told)
    told.sort(key=lambda entry: (not entry["sure"], entry["chance"], entry["value"]))
    return answer | {"enough": True, "looked_at": len(told), "traits": told}


@dataclass(slots=True)
class _Having:
    """Pictures that have a trait. squares: of how many there are of each prompt, summed."""

    pictures: int = 0
    good: int = 0
    squares: int = 0

    def add(self, pictures: int, good: int) -> None:
        """All pictures of one prompt that have it."""
        self.pictures += pictures
        self.good += good
        self.squares += pictures * pictures

    @property
    def voices(self) -> float:
        return self.pictures**2 / self.squares


def _told(trait: Trait, having: _Having, base: float) -> dict[str, Any]:
    share = having.good / having.pictures
    low, high = wilson(share, having.voices)
    z = (share - base) / math.sqrt(base * (1 - base) / having.voices)
    return {
        "kind": trait.kind,
        "value": trait.value,
        "low_value": trait.low,
        "high_value": trait.high,
        "pictures": having.pictures,
        "good": having.good,
        "voices": round(having.voices, 1),
        "lift": share / base,
        "lift_low": low / base,
        "lift_high": high / base,
        "chance": math.erfc(abs(z) / math.sqrt(2)),
        "sure": False,
    }


def _mark_sure(told: Sequence[dict[str, Any]]) -> None:
    by_chance = sorted(told, key=lambda entry: entry["chance"])
    last = max((n for n, entry in enumerate(by_chance, 1) if entry["chance"] <= FALSE_SHARE * n / len(by_chance)), default=0)
    for entry in by_chance[:last]:
        entry["sure"] = True


def _traits(made: Sequence[Made]) -> Iterator[tuple[Trait, _Having]]:
    by_prompt: dict[str, list[Made]] = {}
    for picture in made:
        by_prompt.setdefault(picture.prompt, []).append(picture)
    ranges = {"steps": _ranges([picture.steps for picture in made]), "cfg": _ranges([picture.cfg for picture in made])}
    found: dict[Trait, _Having] = {}
    for prompt, pictures in by_prompt.items():
        # What a prompt says all its pictures have; of their settings it is counted.
        good = sum(picture.good for picture in pictures)
        words, pairs = terms_of(prompt)
        for trait in (*(Trait("word", word) for word in words), *(Trait("pair", pair) for pair in pairs)):
            found.setdefault(trait, _Having()).add(len(pictures), good)
        own: dict[Trait, list[int]] = {}
        for picture in pictures:
            for trait in _settings(picture, ranges):
                counts = own.setdefault(trait, [0, 0])
                counts[0] += 1
                counts[1] += picture.good
        for trait, counts in own.items():
            found.setdefault(trait, _Having()).add(*counts)
    enough = {trait: having for trait, having in found.items() if LEAST_OF_TRAIT <= having.pictures < len(made)}
    # A word that stands in a pair only says what the pair says.
    pairs = [(trait, having) for trait, having in enough.items() if trait.kind == "pair"]
    for pair, having in pairs:
        for word in pair.value.split(" "):
            alone = enough.get(Trait("word", word))
            if alone is not None and alone.pictures == having.pictures:
                del enough[Trait("word", word)]
    by_kind = Counter[str]()
    for trait, having in sorted(enough.items(), key=lambda entry: -entry[1].pictures):
        by_kind[trait.kind] += 1
        if by_kind[trait.kind] <= MOST_OF_KIND:
            yield trait, having


def _settings(picture: Made, ranges: dict[str, list[Trait]]) -> Iterator[Trait]:
    shape = "square" if picture.width == picture.height else "landscape" if picture.width > picture.height else "portrait"
    plain = (
        ("model", picture.checkpoint),
        ("sampler", picture.sampler),
        ("kind", picture.kind),
        ("tool", picture.tool),
        ("shape", shape),
        *(("lora", name) for name in picture.loras),
    )
    yield from (Trait(kind, value) for kind, value in plain if value)
    for kind, value in (("steps", picture.steps), ("cfg", picture.cfg)):
        for trait in ranges[kind] if value else ():
            if trait.low is not None and trait.high is not None and trait.low <= value <= trait.high:
                yield trait._replace(kind=kind)
                break


def _ranges(values: Sequence[float]) -> list[Trait]:
    """Values one by one where there are few of them, else ranges that hold about as many pictures each."""
    known = sorted(value for value in values if value)
    distinct = sorted(set(known))
    if len(distinct) <= _FEW_VALUES:
        return [Trait("", f"{value:g}", value, value) for value in distinct]
    tops = sorted({known[len(known) * number // _RANGES - 1] for number in range(1, _RANGES + 1)} | {distinct[-1]})
    bottoms = [distinct[0], *(next(value for value in distinct if value > top) for top in tops[:-1])]
    return [Trait("", f"{low:g}" if low == high else f"{low:g} to {high:g}", low, high) for low, high in zip(bottoms, tops, strict=True)]

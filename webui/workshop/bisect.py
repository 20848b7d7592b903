"""Finds the add-on that breaks something: halves the enabled set, with a replay or a person to say whether it is broken still."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import ceil, log2


@dataclass(frozen=True)
class Verdict:
    """What came out. culprits: one add-on, or those that break it only together; none where it is no add-on's fault."""

    culprits: tuple[str, ...]
    words: str


Halving = Generator[tuple[str, ...], bool, Verdict]
"""Yields which add-ons are to be on, and is sent whether it is broken then."""


def steps_for(number: int) -> int:
    """About how many tries it takes: one or two for each halving, as the half that is tried first is whole as often as not."""
    return 2 + (ceil(1.5 * log2(number)) if number > 1 else 0)


def halve(add_ons: Sequence[str]) -> Halving:
    """The tries, one after the other: first none, then all, then halves of what is left."""
    if (yield ()):
        return Verdict((), "It is broken without any add-on, so none of them is to blame.")
    if not (yield tuple(add_ons)):
        return Verdict((), "With all add-ons on, nothing is broken just now.")
    # Kept on, what is left is broken; kept off, it is whole. One of `left` is enough to break it, or several only together.
    left, always = list(add_ons), []
    while len(left) > 1:
        first, second = left[: len(left) // 2], left[len(left) // 2 :]
        if (yield (*always, *first)):
            left = first
        elif (yield (*always, *second)):
            left = second
        else:
            # Neither half alone: it takes one of each. Those of the first half stay on while the second is searched.
            found = yield from _needed(second, [*always, *first])
            found += yield from _needed(first, [*always, *found])
            return Verdict(tuple(sorted(found)), f"It takes {' and '.join(sorted(found))} together to break it.")
    return Verdict((left[0],), f"It is {left[0]}.")


def _needed(candidates: Sequence[str], on: Sequence[str]) -> Generator[tuple[str, ...], bool, list[str]]:
    """The one of the candidates that it takes beside those that are on."""
    left = list(candidates)
    while len(left) > 1:
        half = left[: len(left) // 2]
        left = half if (yield (*on, *half)) else left[len(left) // 2 :]
    return left

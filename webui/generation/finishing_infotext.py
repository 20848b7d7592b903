"""Finishing chains in infotexts: AUTOMATIC1111's keys (`Postprocess ...`, `Face restoration`), written and read back.

The second step of its kind has a number in its keys, `Postprocess 2 upscale by: 2`, and so on. The order of the keys is that of the steps.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webui.generation.finishing import STEP_TYPES, FinishingStep

POSTPROCESS = "Postprocess"
"""How infotext keys of most steps begin, and of all that are a second one of their kind."""

INFOTEXT_KEY = re.compile(rf"({POSTPROCESS} (?:([2-9]|[1-9]\d+) )?)?(.+)")


def write_steps(steps: Sequence[FinishingStep], before: Iterable[str] = ()) -> dict[str, str]:
    """Steps as infotext keys. before: keys of an infotext that they are appended to, whose steps are counted on from."""
    counts: Counter[str] = Counter()
    for kind, number, _ in _keys(before):
        counts[kind] = max(counts[kind], number)
    pairs: dict[str, str] = {}
    for step in steps:
        kind = str(getattr(step, "step"))  # noqa: B009 - each step declares its own
        counts[kind] += 1
        begin = step.begins if counts[kind] == 1 else f"{POSTPROCESS} {counts[kind]} "
        pairs |= {f"{begin}{key}": value for key, value in step.pairs().items()}
    return pairs


def read_steps(parameters: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of each step that an infotext tells of, by its first key and in order. Never raises; what it says may not be valid."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    first: dict[tuple[str, int], str] = {}
    for kind, number, key in _keys(parameters):
        word = INFOTEXT_KEY.fullmatch(key)
        assert word is not None, "it is among those that match"
        found.setdefault((kind, number), {})[word[3]] = parameters[key]
        first.setdefault((kind, number), key)
    return {first[place]: {"step": place[0], **STEP_TYPES[place[0]].read(pairs)} for place, pairs in found.items()}


def tells_of_step(key: str) -> bool:
    """Whether an infotext key tells of a step."""
    return bool(_keys((key,)))


def _keys(parameters: Iterable[str]) -> list[tuple[str, int, str]]:
    """Of the keys that tell of steps: which step, which of its kind, and the key."""
    kinds = _kinds()
    matches = [(key, match) for key in parameters if (match := INFOTEXT_KEY.fullmatch(key)) and match[3] in kinds]
    mine = [(kinds[match[3]], int(match[2] or 1), match[1] or "", key) for key, match in matches]
    return [(kind, number, key) for kind, number, begin, key in mine if number > 1 or begin == STEP_TYPES[kind].begins]


@functools.cache  # history writes an infotext for each picture of a page
def _kinds() -> Mapping[str, str]:
    """Infotext key of a step -> which step."""
    return {word: kind for kind, step in STEP_TYPES.items() for word in step.words()}

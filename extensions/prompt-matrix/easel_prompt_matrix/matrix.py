"""The parts of a prompt between |, and the prompts that they make."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

_OPENING, _CLOSING = "[({<", "])}>"


def parts_of(prompt: str) -> tuple[str, ...]:
    """What stands between the | of a prompt; those in brackets, as of [a|b] and {a|b}, and \\| are no marks.

    The first part is in every picture.
    """
    parts, depth, start, escaped = [], 0, 0, False
    for place, letter in enumerate(prompt):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth = max(0, depth - 1)
        elif letter == "|" and depth == 0:
            parts.append(prompt[start:place])
            start = place + 1
    parts.append(prompt[start:])
    return tuple(part.strip() for part in parts)


@dataclass(frozen=True)
class Variant:
    """One prompt of a matrix. place: column and row; label: the parts that it has."""

    prompt: str
    label: str
    place: tuple[int, int]


@dataclass(frozen=True)
class Matrix:
    """All prompts of a matrix, and the labels of its columns and rows."""

    variants: tuple[Variant, ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]


def _joined(parts: Sequence[str], separator: str) -> str:
    return separator.join(part for part in parts if part)


def combinations(parts: Sequence[str], separator: str = ", ", *, first_last: bool = False) -> Matrix:
    """Every choice of the parts but the first, which is always there: half of them along the columns, half along the rows.

    first_last: the first part stands behind the others.
    """
    always, *others = parts
    across = others[: (len(others) + 1) // 2]
    down = others[len(across) :]

    def chosen(some: Sequence[str]) -> list[tuple[str, ...]]:
        masks = itertools.product((False, True), repeat=len(some))
        return [tuple(part for part, taken in zip(some, reversed(mask), strict=True) if taken) for mask in masks]

    columns, rows = chosen(across), chosen(down)
    variants = []
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            mine = (*column, *row)
            ordered = (*mine, always) if first_last else (always, *mine)
            variants.append(Variant(_joined(ordered, separator), " + ".join(mine) or "none of them", (x, y)))
    return Matrix(tuple(variants), _labels(columns), _labels(rows))


def alternatives(parts: Sequence[str], separator: str = ", ", *, first_last: bool = False) -> Matrix:
    """The first part with each of the others, one at a time."""
    always, *others = parts
    variants = tuple(
        Variant(_joined((other, always) if first_last else (always, other), separator), other or "nothing", (x, 0))
        for x, other in enumerate(others)
    )
    return Matrix(variants, tuple(one.label for one in variants), ("",))


def _labels(chosen: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(" + ".join(some) or "–" for some in chosen) if len(chosen) > 1 else ("",)

"""Emphasis: a text as pieces with weights.

`(a)` weighs 1.1, `[a]` 1/1.1, `(a:1.3)` 1.3; brackets in brackets multiply; `\\(` is a bracket that is meant as one;
BREAK ends a chunk. The rules are AUTOMATIC1111's: round and square brackets are paired each for themselves, those left
open at the end reach to the end, a number counts in round brackets only.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, get_args

EmphasisMode = Literal["Original", "No norm", "Ignore", "None"]
"""Original: weights, and each chunk's mean restored. No norm: weights alone. Ignore: brackets without effect. None: brackets are text."""

EMPHASIS_MODES: tuple[EmphasisMode, ...] = get_args(EmphasisMode)

ROUND = 1.1
SQUARE = 1 / 1.1
MOST_WEIGHT = 1e6
"""Thousands of brackets in brackets would overflow; weights stop here in both directions."""

_MARK = re.compile(r"\\[\\()\[\]]|[\\(\[]|:\s*([+-]?[.\d]+)\s*\)|[)\]:]|[^\\()\[\]:]+")
_BREAK = re.compile(r"\bBREAK\b")


@dataclass(frozen=True)
class Segment:
    """Text of one weight. ends_chunk: it is no text but a BREAK."""

    text: str
    weight: float = 1.0
    ends_chunk: bool = False


BREAK = Segment("", ends_chunk=True)


@dataclass(slots=True)
class _Piece:
    text: str
    is_break: bool = False


@dataclass(frozen=True)
class _Span:
    """Pieces from start to before end, weighed together."""

    start: int
    end: int
    factor: float


def _number(text: str) -> float | None:
    """A weight as written; None for what only looks like one, such as 1.2.3."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _pieces(text: str) -> tuple[list[_Piece], list[_Span], list[_Span]]:
    """The text without its marks, and what the round and the square ones span, inner ones first."""
    pieces: list[_Piece] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    spans: dict[str, list[_Span]] = {"(": [], "[": []}

    def close(bracket: str, factor: float) -> None:
        spans[bracket].append(_Span(opened[bracket].pop(), len(pieces), factor))

    for match in _MARK.finditer(text):
        mark = match[0]
        weight = _number(match[1]) if match[1] and opened["("] else None
        if mark.startswith("\\"):
            pieces.append(_Piece(mark[1:]))
        elif mark in opened:
            opened[mark].append(len(pieces))
        elif weight is not None:
            close("(", weight)
        elif mark == ")" and opened["("]:
            close("(", ROUND)
        elif mark == "]" and opened["["]:
            close("[", SQUARE)
        elif match[1] is not None and opened["("]:
            # What only looks like a number is text in brackets without one.
            pieces.append(_Piece(mark[:-1]))
            close("(", ROUND)
        elif "BREAK" in mark:
            pieces.extend(_with_breaks(mark))
        else:
            pieces.append(_Piece(mark))
    for bracket, factor in (("(", ROUND), ("[", SQUARE)):
        while opened[bracket]:
            close(bracket, factor)
    return pieces, spans["("], spans["["]


def _with_breaks(text: str) -> list[_Piece]:
    first, *rest = _BREAK.split(text)
    if not rest:
        return [_Piece(first)]
    pieces = [_Piece(first.rstrip())]
    for part in rest[:-1]:
        pieces += [_Piece("BREAK", is_break=True), _Piece(part.strip())]
    return [*pieces, _Piece("BREAK", is_break=True), _Piece(rest[-1].lstrip())]


def _factors(spans: list[_Span], count: int) -> list[float]:
    """The product of all spans over each of `count` pieces. Spans lie in one another or apart."""
    starting: list[list[float]] = [[] for _ in range(count + 1)]
    ending = [0] * (count + 1)
    for span in reversed(spans):
        if span.start < span.end:
            starting[span.start].append(span.factor)
            ending[span.end] += 1
    products = [1.0]
    result = []
    for index in range(count):
        del products[len(products) - ending[index] :]
        for factor in starting[index]:
            products.append(products[-1] * factor)
        result.append(products[-1])
    return result


def weighted(text: str, mode: EmphasisMode = "Original") -> tuple[Segment, ...]:
    """A text as segments, neighbours of one weight together. At least one; never raises; linear in the text's length."""
    if mode == "None":
        return (Segment(text),)
    pieces, rounds, squares = _pieces(text)
    factors = map(operator.mul, _factors(rounds, len(pieces)), _factors(squares, len(pieces)))
    segments = _merged(pieces, [min(MOST_WEIGHT, max(-MOST_WEIGHT, factor)) for factor in factors]) or [Segment("")]
    return tuple(replace(segment, weight=1.0) for segment in segments) if mode == "Ignore" else tuple(segments)


def _merged(pieces: list[_Piece], weights: list[float]) -> list[Segment]:
    segments: list[Segment] = []
    # Within brackets the word BREAK itself is weighed by less than nothing: no chunk ends there.
    kinds = [(piece.is_break and weight == 1, -weight if piece.is_break else weight) for piece, weight in zip(pieces, weights, strict=True)]
    for (ends_chunk, weight), group in groupby(zip(kinds, pieces, strict=True), key=operator.itemgetter(0)):
        texts = [piece.text for _, piece in group]
        segments += [BREAK for _ in texts] if ends_chunk else [Segment("".join(texts), weight)]
    return segments

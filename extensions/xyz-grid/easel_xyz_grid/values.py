"""What someone writes as the values of an axis, read: lists and ranges, in the grammar of AUTOMATIC1111's X/Y/Z plot."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal

MOST_VALUES = 100
"""Of one axis."""

_NUMBER = r"([+-]?\s*(?:\d+(?:\.\d*)?|\.\d+))"
_RANGE = re.compile(rf"\s*{_NUMBER}\s*-\s*{_NUMBER}\s*(?:\(\s*{_NUMBER}\s*\)|\[\s*(\d+)\s*\])?\s*\Z")


class TooManyValues(ValueError):
    """More values than an axis may have."""


def split_list(text: str) -> list[str]:
    """The entries of a list: between commas, or one a line; in double quotes an entry may hold commas and lines.

    "a, "b, c"" is a and b, c. Empty entries are left out.
    """
    rows = csv.reader(io.StringIO(text.strip(), newline=""), skipinitialspace=True)
    try:
        return [entry.strip() for row in rows for entry in row if entry.strip()]
    except csv.Error as error:
        raise ValueError(f"this is no list ({error})") from None


def numbers(text: str, *, whole: bool) -> list[int | float]:
    """The numbers of a list with ranges: "1-5" each whole number, "1-5 (+2)" in steps of 2, "1-10 [5]" five of them, evenly.

    A range may fall ("9-1 (-4)"), and "-3--1" goes from -3 to -1. whole: whole numbers are wanted; those between are cut off.
    Raises ValueError in words.
    """
    found: list[int | float] = []
    for entry in split_list(text):
        for number in _numbers_of(entry):
            if len(found) >= MOST_VALUES:
                raise TooManyValues(f"these are more than {MOST_VALUES} values")
            found.append(int(number) if whole else float(number))
    return found


def _numbers_of(entry: str) -> Iterator[Decimal]:
    matched = _RANGE.match(entry)
    if matched is None:
        try:
            number = Decimal(entry.replace(" ", ""))
        except ArithmeticError:
            raise ValueError(f"{entry[:40]!r} is neither a number nor a range as 1-5 or 1-5 (+2) or 1-10 [5]") from None
        if not number.is_finite():
            raise ValueError(f"{entry[:40]!r} is no number that can be used")
        yield number
        return
    first, last, step = (Decimal((part or "0").replace(" ", "")) for part in matched.group(1, 2, 3))
    if matched[4] is not None:
        yield from _evenly(first, last, int(matched[4]))
    elif matched[3] is not None:
        yield from _stepped(first, last, step)
    else:
        yield from _stepped(first, last, Decimal(1 if last >= first else -1))


def _evenly(first: Decimal, last: Decimal, count: int) -> Iterator[Decimal]:
    if count < 1:
        raise ValueError("a range takes at least one value, as in 1-10 [5]")
    for index in range(min(count, MOST_VALUES + 1)):
        yield first + (last - first) * index / max(count - 1, 1)


def _stepped(first: Decimal, last: Decimal, step: Decimal) -> Iterator[Decimal]:
    if step == 0 or (last - first) * step < 0:
        raise ValueError(f"steps of {step} don't lead from {first} to {last}")
    number = first
    for _ in range(MOST_VALUES + 1):
        if (number > last) if step > 0 else (number < last):
            return
        yield number
        number += step

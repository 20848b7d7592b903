"""What stands behind a colon: numbers, sizes, days, ids. Whatever can't be read raises BadValue with the way on."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from webui.studio.ids import COUNTER_BITS

_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"({_NUMBER})(?:\.\.({_NUMBER}))?")
_SIZE = re.compile(r"([0-9]{1,6})[xX×]([0-9]{1,6})")
_RATIO = re.compile(rf"({_NUMBER})(?::({_NUMBER}))?")
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?")
_AGO = re.compile(r"([0-9]{1,4})([hdwmy])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}
_ABOUT = 0.02
"""By how much a ratio may be off: 832x1216 is a 2:3."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


class BadValue(Exception):
    """A value that can't be read, in a sentence that says what can."""


@dataclass(frozen=True)
class Numbers:
    """Which numbers are meant."""

    least: float
    most: float
    compared: Callable[[float, float], bool] = operator.eq

    def __contains__(self, number: float) -> bool:
        if self.least != self.most:
            return self.least <= number <= self.most
        return self.compared(number, self.least)


def read_numbers(text: str, compared: str) -> Numbers:
    """`30` with an operator, or `20..30`. Raises BadValue."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise BadValue(f'"{_short(text)}" is no number. Write one as 30, >30, or 20..30.')
    least = float(match[1])
    most = least if match[2] is None else float(match[2])
    if match[2] is not None and compared:
        raise BadValue(f"{compared} and .. don't go together. Write {match[1]}..{match[2]}, or {compared}{match[1]}.")
    return Numbers(min(least, most), max(least, most), _COMPARED[compared])


def read_size(text: str, compared: str) -> Callable[[int, int], bool]:
    """`512x768`; with an operator pictures are told by their pixels in all. Raises BadValue."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadValue(f'"{_short(text)}" is no size. Write width x height in pixels, as 512x768 or >=1024x1024.')
    wanted = int(match[1]), int(match[2])
    if compared in ("", "="):
        return lambda width, height: (width, height) == wanted
    return lambda width, height: _COMPARED[compared](width * height, wanted[0] * wanted[1])


def read_ratio(text: str, compared: str) -> Callable[[int, int], bool]:
    """`16:9` or `1.78`: width to height, with some room. Raises BadValue."""
    match = _RATIO.fullmatch(text)
    wanted = 0.0 if match is None else float(match[1]) / (float(match[2] or 1) or 1.0)
    if wanted == 0:
        raise BadValue(f'"{_short(text)}" is no ratio. Write width to height as 16:9, or portrait, landscape, square.')
    if compared in ("", "="):
        return lambda width, height: abs(width / height / wanted - 1) <= _ABOUT
    return lambda width, height: _COMPARED[compared](width / height, wanted)


def read_period(text: str, now: datetime) -> tuple[int, int]:
    """The ids of the first moment of a day, month or year and of the one after it; of "3d" both are three days ago. Raises BadValue.

    now: with the time zone in which days begin.
    """
    folded = text.casefold()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if folded in ("today", "yesterday"):
        first = today - timedelta(days=folded == "yesterday")
        return _id_at(first), _id_at(first + timedelta(days=1))
    if ago := _AGO.fullmatch(folded):
        moment = _id_at(now - timedelta(hours=int(ago[1]) * _HOURS[ago[2]]))
        return moment, moment
    match = _DAY.fullmatch(folded)
    try:
        if match is None:
            raise ValueError
        year, month, day = int(match[1]), match[2], match[3]
        if not _FIRST_YEAR <= year <= _LAST_YEAR:
            raise ValueError
        # Without the zone's offset of today: another one may hold on that day.
        first = datetime(year, int(month or 1), int(day or 1))
        following = (
            datetime(year + 1, 1, 1)
            if month is None
            else (first + timedelta(days=31)).replace(day=1)
            if day is None
            else first + timedelta(days=1)
        )
        return _id_at(first), _id_at(following)
    except ValueError:
        raise BadValue(
            f'"{_short(text)}" is no day. Write 2026-05-03, 2026-05, 2026, today, yesterday, or how long ago: 12h, 3d, 2w.'
        ) from None


def read_id(text: str) -> int:
    """The id of a picture. Raises BadValue."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
        raise BadValue(f'"{_short(text)}" is no picture\'s id. Choose "Made from this" or "Looks like this" on a picture.')
    return int(text)


def read_seed(text: str) -> int:
    """A seed. Raises BadValue."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 2**63):
        raise BadValue(f'"{_short(text)}" is no seed. A seed is a whole number.')
    return int(text)


def _id_at(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000)) << COUNTER_BITS


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"

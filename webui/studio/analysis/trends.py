"""Over time: pictures by day, words and pairs by week or month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from webui.studio.analysis.made import Made
from webui.studio.analysis.terms import terms_of

MOST_TERMS = 60
LEAST_USES = 3
_MOST_BINS = 60
_THIRD = 3


def calendar(made: Iterable[Made]) -> list[dict[str, Any]]:
    """How many pictures, and good ones, each day on which any were made, oldest first."""
    pictures: Counter[date] = Counter()
    good: Counter[date] = Counter()
    for picture in made:
        day = picture.day
        pictures[day] += 1
        good[day] += picture.good
    return [{"day": day.isoformat(), "pictures": pictures[day], "good": good[day]} for day in sorted(pictures)]


def once_each(made: Iterable[Made]) -> list[Made]:
    """One picture of each generation, oldest first: a prompt for many pictures counts once."""
    return sorted({picture.generation: picture for picture in made}.values(), key=lambda picture: picture.id)


def trends(generations: Sequence[Made]) -> dict[str, Any]:
    """How often words and pairs were used, span by span. generations: as from `once_each`."""
    if not generations:
        return {"span": "day", "starts": [], "generations": [], "words": [], "pairs": []}
    span, start_of, following = _spans(generations[0].day, generations[-1].day)
    starts = [start_of(generations[0].day)]
    while (following_start := following(starts[-1])) <= generations[-1].day:
        starts.append(following_start)
    place = {start: number for number, start in enumerate(starts)}
    total = [0] * len(starts)
    uses: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
    common = _common(generations)
    for generation in generations:
        at = place[start_of(generation.day)]
        total[at] += 1
        for terms, wanted, counted in zip(terms_of(generation.prompt), common, uses, strict=True):
            for term in terms & wanted:
                counted.setdefault(term, [0] * len(starts))[at] += 1
    return {
        "span": span,
        "starts": [start.isoformat() for start in starts],
        "generations": total,
        "words": _told(uses[0], total),
        "pairs": _told(uses[1], total),
    }


def _common(generations: Sequence[Made]) -> tuple[frozenset[str], frozenset[str]]:
    """The words and pairs that were used most often: the others are not followed over time."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for generation in generations:
        for counter, terms in zip(counts, terms_of(generation.prompt), strict=True):
            counter.update(terms)
    words, pairs = (frozenset(term for term, n in one.most_common(MOST_TERMS) if n >= LEAST_USES) for one in counts)
    return words, pairs


def _told(uses: dict[str, list[int]], total: Sequence[int]) -> list[dict[str, Any]]:
    third = max(len(total) // _THIRD, 1)
    early, late = sum(total[:third]) or 1, sum(total[-third:]) or 1
    told = [
        {
            "text": term,
            "n": sum(counts),
            "counts": counts,
            # Of a hundred generations, so many more (or less) have it in the last third of the time than in the first.
            "change": round(100 * (sum(counts[-third:]) / late - sum(counts[:third]) / early), 1) if len(total) > 1 else 0.0,
        }
        for term, counts in uses.items()
    ]
    return sorted(told, key=lambda entry: (-entry["n"], entry["text"]))


def _spans(first: date, last: date) -> tuple[str, Callable[[date], date], Callable[[date], date]]:
    """The shortest span of which so many cover the time: its name, the start of the one a day lies in, and of the one after a start."""
    days = (last - first).days + 1
    if days <= _MOST_BINS:
        return "day", lambda day: day, lambda start: start + timedelta(days=1)
    if days <= 7 * _MOST_BINS:
        return "week", lambda day: day - timedelta(days=day.weekday()), lambda start: start + timedelta(days=7)
    if days <= 31 * _MOST_BINS:
        return "month", lambda day: day.replace(day=1), lambda start: (start + timedelta(days=32)).replace(day=1)
    return "year", lambda day: day.replace(month=1, day=1), lambda start: start.replace(year=start.year + 1)

"""A picture as analysis sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from webui.studio.ids import COUNTER_BITS, time_of

GOOD_RATING = 4
"""Stars from which on a picture counts as a good one; a favourite always does."""


@dataclass(frozen=True, slots=True)
class Made:
    """One picture. Empty texts and 0: not known."""

    id: int
    generation: int
    prompt: str
    checkpoint: str
    sampler: str
    schedule: str
    steps: int
    cfg: float
    width: int
    height: int
    kind: str
    tool: str
    loras: tuple[str, ...]
    rating: int | None
    favourite: bool

    @property
    def good(self) -> bool:
        """Whether somebody said so."""
        return self.favourite or (self.rating or 0) >= GOOD_RATING

    @property
    def at(self) -> datetime:
        """When it was made, on the clock of Easel's machine."""
        return time_of(self.id).astimezone()

    @property
    def day(self) -> date:
        """The day on which it was made, by the same clock."""
        return date.fromtimestamp((self.id >> COUNTER_BITS) / 1000)

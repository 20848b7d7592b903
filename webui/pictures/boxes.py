"""Sizes and parts of pictures, in whole pixels. No pixels here: requests count with them, too."""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int]
"""Width and height in pixels."""


class Box(NamedTuple):
    """A part of a picture, in pixels; right and bottom are the first that don't belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Its width and height."""
        return self.right - self.left, self.bottom - self.top

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies in it."""
        return self.right <= self.left or self.bottom <= self.top

    def moved(self, x: int, y: int) -> Box:
        """The box so many pixels further right and down."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)


def grown(start: int, end: int, length: int, most: int) -> tuple[int, int]:
    """start and end of a stretch of at least that length around start to end, within 0 to most, which it fills if it is too long."""
    length = min(max(length, end - start), most)
    start = min(max(start - (length - (end - start)) // 2, 0), most - length)
    return start, start + length

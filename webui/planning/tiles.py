"""How a picture is cut into tiles that a model works on one by one: pure arithmetic, so that it is known before the run.

Neighbours overlap. Of an overlap only the middle is mixed, from all of the one tile to all of the other: at its very edge a model sees
nothing of what lies beyond, so what it makes there is taken from the neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from webui.pictures.boxes import Box, Size

OVERLAP = 32
"""Pixels of the source by which tiles overlap where nobody says so: enough for convolutions, and little to compute twice."""

SMALLEST_TILE, LARGEST_TILE = 64, 1024
"""Side in pixels of the source. Larger ones than the latter compute nothing faster."""

STEP = 16
"""Sides of tiles are multiples of this: windows of transformers are, and so are the blocks that kernels like."""


@dataclass(frozen=True)
class Tiling:
    """tile: side of a square in pixels of the source; 0: the picture is worked on whole. overlap: of neighbours, likewise."""

    tile: int
    overlap: int

    def halved(self, multiple: int = STEP) -> Tiling | None:
        """Tiles half as large, for when memory runs out all the same; None where they can't be smaller."""
        half = _rounded_up(self.tile // 2, multiple)
        return Tiling(half, min(self.overlap, half // 4)) if SMALLEST_TILE <= half < self.tile else None


@dataclass(frozen=True)
class Span:
    """Start and end of a tile along one side, and how much of it lies in the neighbours before and behind it, in pixels."""

    start: int
    end: int
    before: int = 0
    behind: int = 0


def plan_tiling(
    size: Size,
    bytes_per_pixel: int,
    budget: int,
    *,
    asked: Tiling = Tiling(0, 0),
    multiple: int = 1,
) -> Tiling:
    """How a picture of that size is tiled.

    bytes_per_pixel: that a model needs for one pixel of the source while it works. budget: bytes that it may take. asked: what
    somebody has chosen; 0 is for what follows from the rest. multiple: what sides of its input must be multiples of.
    A picture that fits into the budget is not tiled at all.
    """
    step = math.lcm(STEP, multiple)
    if not asked.tile and size[0] * size[1] * bytes_per_pixel <= budget:
        return Tiling(0, 0)
    side = math.isqrt(max(budget // max(bytes_per_pixel, 1), 1)) // step * step
    tile = _rounded_up(asked.tile, step) if asked.tile else min(max(side, SMALLEST_TILE), LARGEST_TILE)
    if max(size) <= tile:
        return Tiling(0, 0)
    # Half of a tile at most is its neighbours' too, else most of the work would be done twice.
    return Tiling(tile, min(asked.overlap or OVERLAP, tile // 2))


@dataclass(frozen=True)
class TileAppetite:
    """What a model's tiles follow from. bytes_per_pixel: 0 for one that is never tiled. largest: side in pixels, 0 for any."""

    bytes_per_pixel: int
    budget: int
    multiple: int
    largest: int = 0

    def tiling(self, size: Size, asked: Tiling) -> Tiling:
        """How it is tiled for a picture of that size. asked: what somebody has chosen."""
        if self.largest and not asked.tile:
            asked = Tiling(self.largest, asked.overlap)
        return plan_tiling(size, self.bytes_per_pixel, self.budget, asked=asked, multiple=self.multiple)

    def told(self, size: Size, asked: Tiling) -> str:
        """The same in words: "6 tiles of 512 px, overlapping by 32", or "the whole picture at once"."""
        tiling = self.tiling(size, asked) if self.bytes_per_pixel else Tiling(0, 0)
        if not tiling.tile:
            return "the whole picture at once"
        count = tile_count(size, tiling, math.lcm(STEP, self.multiple))
        return f"{count} tiles of {tiling.tile} px, overlapping by {tiling.overlap}"


def spans(length: int, tiling: Tiling, multiple: int = STEP) -> tuple[Span, ...]:
    """The tiles along a side of that length: as few as do, of one size, which is no larger than it has to be."""
    if not tiling.tile or length <= tiling.tile:
        return (Span(0, length),)
    count = math.ceil((length - tiling.overlap) / (tiling.tile - tiling.overlap))
    side = min(_rounded_up(math.ceil((length + (count - 1) * tiling.overlap) / count), multiple), tiling.tile)
    starts = [number * (length - side) // (count - 1) for number in range(count)]
    shared = [start + side - following for start, following in pairwise(starts)]
    return tuple(
        Span(start, start + side, before, behind) for start, before, behind in zip(starts, [0, *shared], [*shared, 0], strict=True)
    )


def boxes(size: Size, tiling: Tiling, multiple: int = STEP) -> Iterator[tuple[Span, Span]]:
    """Columns and rows of each tile, row by row."""
    columns = spans(size[0], tiling, multiple)
    return ((column, row) for row in spans(size[1], tiling, multiple) for column in columns)


def tile_count(size: Size, tiling: Tiling, multiple: int = STEP) -> int:
    """How many tiles a picture of that size has."""
    return len(spans(size[0], tiling, multiple)) * len(spans(size[1], tiling, multiple))


def overlap_cost(size: Size, tiling: Tiling, multiple: int = STEP) -> float:
    """How many times as much is computed as without overlaps: 1.0 for none."""
    sums: Sequence[int] = [sum(span.end - span.start for span in spans(side, tiling, multiple)) for side in size]
    return sums[0] * sums[1] / (size[0] * size[1])


def ramp(length: int) -> list[float]:
    """How much the later tile counts along an overlap of that many pixels: nothing, then evenly more, then all. Adds up to half of them."""
    margin = length * 3 // 8
    middle = length - 2 * margin
    return [min(max((place - margin + 0.5) / middle, 0.0), 1.0) for place in range(length)]


def box_of(column: Span, row: Span) -> Box:
    """A tile as a part of the picture."""
    return Box(column.start, row.start, column.end, row.end)


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple

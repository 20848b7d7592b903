"""A large picture in overlapping tiles, each of a size that a model is good at: where they lie."""

from __future__ import annotations

from webui.pictures.boxes import Box, Size


def stretches(length: int, tile: int, overlap: int, multiple: int = 1) -> list[tuple[int, int]]:
    """From where to where tiles reach along a side, first to last: as few as will do, evenly spread, overlapping by at least so much.

    multiple: length, tile and overlap are multiples of it, and each tile begins at one. overlap: less than a tile.
    """
    room = max(length - tile, 0) // multiple
    number = 1 + -(-room * multiple // (tile - overlap))
    starts = [room * place // max(number - 1, 1) * multiple for place in range(number)]
    return [(start, start + min(tile, length)) for start in starts]


def tiles_of(size: Size, tile: int, overlap: int, multiple: int = 1) -> tuple[Box, ...]:
    """Tiles over a picture of that size, row by row. See `stretches`."""
    across, down = (stretches(side, tile, overlap, multiple) for side in size)
    return tuple(Box(left, top, right, bottom) for top, bottom in down for left, right in across)

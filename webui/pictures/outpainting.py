"""Outpainting as geometry: a picture grows window by window, each drawn at a size that the model is good at.

A window is as large as what is drawn, pixel for pixel, wherever the picture is: so a narrow strip at the side of a large picture takes
several, one beside the other, and each sees what the ones before have left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from webui.errors import InvalidRequest
from webui.pictures.boxes import Box, Size, grown

MOST_MEGAPIXELS = 64
"""Of a picture that was extended: as many as one may have that comes from outside."""
MOST_WINDOWS = 64

MULTIPLE = 8
"""Pixels of a picture to one of its latents: sides grow by multiples of it, so that what is new begins where a latent does."""


SIDE_FIELDS = ("extend_left", "extend_top", "extend_right", "extend_bottom")
"""Fields of a request, in the order of Sides."""


class Sides(NamedTuple):
    """By how many pixels a picture grows, or how much it keeps free, on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def added_to(self, size: Size) -> Size:
        """The size of a picture that grew by them."""
        return size[0] + self.left + self.right, size[1] + self.top + self.bottom


@dataclass(frozen=True)
class Window:
    """A part of a picture that is drawn by itself while the picture grows.

    grows: by how much the picture grows before. box: the part, in pixels of the grown picture. fresh: what of it is new, one or more boxes.
    """

    grows: Sides
    box: Box
    fresh: tuple[Box, ...]


def windows_of(picture: Size, by: Sides, rounds: int, drawn: Size, context: int) -> tuple[Window, ...]:
    """The windows in which a picture grows, in the order in which they are drawn.

    rounds: in how many parts it grows. drawn: the size of a window. context: how many pixels of what is there already a window sees
    beside what is new, as far as there are any, at most half a window.
    """
    result: list[Window] = []
    shown = _looked_at(context, drawn)
    for part in _parts(by, rounds):
        whole = _at_once(picture, part, drawn, shown)
        result += [whole] if whole else _side_by_side(picture, part, drawn, shown)
        picture = part.added_to(picture)
    return tuple(result)


def check_extension(picture: Size, by: Sides, drawn: Size, windows: int) -> None:
    """Raises InvalidRequest where what would come out is too large, or takes too many windows. drawn: the size of one."""
    side = SIDE_FIELDS[by.index(max(by))]
    width, height = by.added_to(picture)
    if width * height > MOST_MEGAPIXELS * 1_000_000:
        raise InvalidRequest(
            f"The picture would become {width} x {height}.",
            field=side,
            allowed=f"at most {MOST_MEGAPIXELS} megapixels",
            hint="Extend it by less, or make it smaller first.",
        )
    if windows > MOST_WINDOWS:
        raise InvalidRequest(
            f"To extend it by that takes {windows} drawings of {drawn[0]} x {drawn[1]}.",
            field=side,
            allowed=f"at most {MOST_WINDOWS} drawings",
            hint="Extend it by less or in fewer rounds, or draw it at a larger width and height.",
        )


def _looked_at(context: int, drawn: Size) -> Size:
    """How much of a window is there for what it only looks at, along x and y."""
    across, down = (min(context, side // 2) // MULTIPLE * MULTIPLE for side in drawn)
    return across, down


def _parts(by: Sides, rounds: int) -> Iterator[Sides]:
    """What a picture grows by in each round, about the same in all, in multiples of MULTIPLE."""
    sides = [_even(side, rounds) for side in by]
    for part in zip(*sides, strict=True):
        if any(part):
            yield Sides(*part)


def _even(length: int, parts: int) -> list[int]:
    ends = [length * part // parts // MULTIPLE * MULTIPLE for part in range(parts)] + [length]
    return [end - start for start, end in pairwise(ends)]


def _at_once(picture: Size, by: Sides, drawn: Size, context: Size) -> Window | None:
    """One window for all that is new, if it fits in with what it should see around it."""
    size = by.added_to(picture)
    fresh = _rim(size, by)
    left, right = _shown(fresh, 0, context[0], size[0])
    top, bottom = _shown(fresh, 1, context[1], size[1])
    if right - left > drawn[0] or bottom - top > drawn[1]:
        return None
    (left, right), (top, bottom) = grown(left, right, drawn[0], size[0]), grown(top, bottom, drawn[1], size[1])
    return Window(by, Box(left, top, right, bottom), fresh)


def _rim(size: Size, by: Sides) -> tuple[Box, ...]:
    """What is new of a picture of that size that has just grown: left and right at full height, above and below between them."""
    width, height = size
    left, right = by.left, width - by.right
    rim = (
        Box(0, 0, left, height),
        Box(right, 0, width, height),
        Box(left, 0, right, by.top),
        Box(left, height - by.bottom, right, height),
    )
    return tuple(box for box in rim if not box.is_empty)


def _shown(boxes: Sequence[Box], axis: int, context: int, most: int) -> tuple[int, int]:
    """From where to where boxes reach along an axis, with context around them, within 0 to most."""
    return max(min(box[axis] for box in boxes) - context, 0), min(max(box[axis + 2] for box in boxes) + context, most)


def _side_by_side(picture: Size, by: Sides, drawn: Size, context: Size) -> Iterator[Window]:
    """Side by side, each in strips that a window can hold, each strip in windows one beside the other."""
    for side, length in enumerate(by):
        axis = side % 2
        strips = -(-length // (drawn[axis] - context[axis] - MULTIPLE))
        for strip in _even(length, strips) if length else ():
            grows = Sides(*(strip if other == side else 0 for other in range(len(by))))
            picture = grows.added_to(picture)
            yield from _along(picture, grows, drawn, context)


def _along(size: Size, grows: Sides, drawn: Size, context: Size) -> Iterator[Window]:
    """The windows of one strip. size: with it."""
    (strip,) = _rim(size, grows)
    across = 0 if strip.size[0] == grows.left + grows.right else 1
    along = 1 - across
    start, end = grown(strip[across], strip[across + 2], drawn[across], size[across])
    done = 0
    for first, last in _stretches(size[along], drawn[along], context[along]):
        box, fresh = list(strip), list(strip)
        box[across], box[across + 2], box[along], box[along + 2] = start, end, first, last
        fresh[along], fresh[along + 2] = done, last
        yield Window(grows if not done else Sides(), Box(*box), (Box(*fresh),))
        done = last


def _stretches(length: int, drawn: int, context: int) -> Iterator[tuple[int, int]]:
    """Stretches of that drawn length that cover a length, each over at least `context` of the one before."""
    if length <= drawn:
        yield 0, length
        return
    # Where they begin is rounded down, so that much more of them has to lie over each other.
    count = -(-(length - context) // (drawn - context - MULTIPLE))
    for index in range(count - 1):
        start = (length - drawn) * index // (count - 1) // MULTIPLE * MULTIPLE
        yield start, start + drawn
    yield length - drawn, length

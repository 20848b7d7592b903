"""Which of the things that a detector found are drawn again, and the mask of each. Pixels and plain numbers, no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageFilter

from easel_detailer.asked import ORDERS, Asked
from webui.extensions import Found

Size = tuple[int, int]

_KEYS: dict[str, Callable[[Found], float]] = {
    ORDERS[0]: lambda found: -found.score,
    ORDERS[1]: lambda found: -area(found.box),
    ORDERS[2]: lambda found: found.box[0] + found.box[2],
    ORDERS[3]: lambda found: found.box[1] + found.box[3],
}


def area(box: tuple[int, int, int, int]) -> int:
    """Of a box, in pixels."""
    left, top, right, bottom = box
    return max(0, right - left) * max(0, bottom - top)


def chosen(found: Sequence[Found], asked: Asked, size: Size) -> list[Found]:
    """Those that are sure enough, of the labels and of the size that are asked for, the best `number` of them, in the order asked for."""
    whole = size[0] * size[1]
    fitting = [
        one
        for one in (_within(one, size) for one in found)
        if one.score >= asked.confidence
        and area(one.box) > 0
        and asked.least <= area(one.box) / whole <= asked.most
        and (not asked.labels or one.label.casefold() in asked.labels)
    ]
    best = sorted(fitting, key=_KEYS[ORDERS[0]])[: asked.number]
    return sorted(best, key=_KEYS.get(asked.order, _KEYS[ORDERS[0]]))


def _within(found: Found, size: Size) -> Found:
    left, top, right, bottom = found.box
    box = max(0, left), max(0, top), min(size[0], right), min(size[1], bottom)
    return Found(box, found.score, found.mask, found.label)


def mask_of(found: Found, size: Size, grow: int) -> Image.Image:
    """White where it is drawn again, black elsewhere; mode L. grow: pixels beyond what was found, or within it where it is negative."""
    if found.mask is not None:
        mask = found.mask.convert("L").resize(size).point([0] * 128 + [255] * 128)
        # A pixel filter takes an odd side; large ones are slow, so it is done in rounds.
        for _ in range(abs(grow) // 4):
            mask = mask.filter(ImageFilter.MaxFilter(9) if grow > 0 else ImageFilter.MinFilter(9))
        return mask
    left, top, right, bottom = found.box
    mask = Image.new("L", size)
    inner = max(0, left - grow), max(0, top - grow), min(size[0], right + grow), min(size[1], bottom + grow)
    if inner[0] < inner[2] and inner[1] < inner[3]:
        mask.paste(255, inner)
    return mask


def drawn_size(mask: Image.Image, longest: int, padding: int) -> Size:
    """Width and height at which what is masked is drawn: of its own shape, `longest` on its longer side, multiples of 8."""
    left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
    width, height = (
        min(right + padding, mask.width) - max(0, left - padding),
        min(bottom + padding, mask.height) - max(0, top - padding),
    )
    scale = longest / max(width, height)
    return tuple(max(64, min(2048, round(side * scale / 8) * 8)) for side in (width, height))  # type: ignore[return-value]

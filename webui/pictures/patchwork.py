"""A large picture that is drawn anew tile by tile: what each starts from, and how they are laid together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.pictures.boxes import Box, Size
from webui.pictures.framing import CutOut
from webui.pictures.masking import MOST
from webui.pictures.starting import Start


def ramp(box: Box, size: Size, overlap: int, *, both: bool) -> NDArray[np.float32]:
    """How much a tile counts at each of its places, (height, width): 1 inside, falling towards those of its sides that meet another.

    both: at all such sides; else only at the left and at the top, where others lie already. Never 0.
    """
    across = _ramp(box.left, box.right, size[0], overlap, both)
    down = _ramp(box.top, box.bottom, size[1], overlap, both)
    return down[:, None] * across[None, :]


def _ramp(start: int, end: int, length: int, overlap: int, both: bool) -> NDArray[np.float32]:
    place = np.arange(end - start, dtype=np.float32) + 1
    rising = (place / (overlap + 1)).clip(max=1)
    left = rising if start > 0 else np.ones_like(place)
    right = rising[::-1] if both and end < length else np.ones_like(place)
    return left * right


@dataclass(frozen=True)
class Patchwork:
    """A picture that is drawn anew tile by tile. source: as it was. picture: with the tiles that are drawn already."""

    source: Image.Image
    picture: Image.Image

    def start(self, box: Box, overlap: int, *, keeps_colours: bool = False) -> Start:
        """What the drawing of a tile starts from. overlap: how far into tiles that are drawn already it goes over, in pixels."""
        size, cut = self.source.size, CutOut(box, box.size)
        overlay = Image.new("L", size, 0)
        shares = ramp(box, size, overlap, both=False)
        overlay.paste(Image.fromarray(np.rint(shares * MOST).astype(np.uint8)), box)
        return Start(cut.taken(self.source), size, cut.taken, whole=self.picture, overlay=overlay, cut=cut, keeps_colours=keeps_colours)

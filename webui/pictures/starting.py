"""What drawing starts from: a picture and perhaps a mask, at the size that is drawn, and how what was drawn goes back to the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from webui.pictures.boxes import Size
from webui.pictures.colours import with_colours_of, with_edges_of
from webui.pictures.framing import CutOut, box_around, cropped, filled, stretched
from webui.pictures.masking import MOST, blurred, bounds, filled_in, hardened, turned

LATENT = "Just resize (latent upscale)"

WAYS: Mapping[str, Callable[[Image.Image, Size], Image.Image]] = MappingProxyType(
    {"Just resize": stretched, "Crop and resize": cropped, "Resize and fill": filled, LATENT: stretched}
)
"""Resize mode -> how pixels come to another size. For latents see `starting_picture`."""

Way = Callable[[Image.Image], Image.Image]
"""How what lies over a picture comes to the size that is drawn."""

LONGEST_SIDE = 2048
"""Of a picture that goes to the VAE as it is, in pixels."""
_VAE_MULTIPLE = 8


@dataclass(frozen=True)
class Start:
    """picture: what is drawn on, RGB. mask: what of it is drawn anew (mode L, of its size); None: all.

    source: the size of the picture that it came from. way: how what lies over that comes to the size that is drawn.
    whole: what the result is laid into, only where `overlay` (of its size) says. cut: which part of that was drawn.
    keeps_colours: whether the result gets the colours of `picture`. unfilled: `picture` as it was before it was filled, if it was.
    matches_edges: whether the result gets the colours of `whole` where it meets it.
    """

    picture: Image.Image
    source: Size
    way: Way
    mask: Image.Image | None = None
    whole: Image.Image | None = None
    overlay: Image.Image | None = None
    cut: CutOut | None = None
    keeps_colours: bool = False
    unfilled: Image.Image | None = None
    matches_edges: bool = False

    def laid_over(self, layer: Image.Image) -> Image.Image:
        """What belongs to the picture that is drawn on of a layer that is stretched over the source."""
        return self.way(stretched(layer, self.source))

    def finished(self, drawn: Image.Image, taken: Image.Image | None = None) -> Image.Image:
        """The picture that comes of what was drawn. What isn't masked at all has the very pixels of the source.

        taken: how much of what was drawn is laid over the source (mode L, of any size), in place of `overlay`.
        """
        if self.keeps_colours:
            drawn = with_colours_of(drawn, self.picture)
        if self.whole is None or self.overlay is None:
            return drawn
        laid = self._in_place(drawn, self.whole)
        if self.matches_edges and self.cut:
            laid = with_edges_of(self.whole, laid, self.overlay, self.cut.box)
        return Image.composite(laid, self.whole, self._overlaid(self.overlay, taken))

    def _in_place(self, drawn: Image.Image, whole: Image.Image) -> Image.Image:
        return self.cut.put_back(drawn, whole) if self.cut else drawn

    def _overlaid(self, overlay: Image.Image, taken: Image.Image | None) -> Image.Image:
        if taken is None:
            return overlay
        nothing = Image.new("L", overlay.size, 0)
        shares = self._in_place(taken.resize(self.picture.size, Image.Resampling.BICUBIC), nothing)
        return Image.composite(shares, nothing, overlay.point([0] + [MOST] * MOST))


def _to_size(resize_mode: str, size: Size) -> Way:
    return lambda picture: WAYS[resize_mode](picture, size)


def starting_picture(picture: Image.Image, size: Size, resize_mode: str, *, keeps_colours: bool = False) -> Start:
    """All of a picture is drawn anew. By the mode LATENT it keeps its own size, and its latents are resized instead."""
    way = _to_size(resize_mode, size)
    if resize_mode == LATENT:
        factor = min(1.0, LONGEST_SIDE / max(picture.size))
        width, height = (max(int(side * factor) // _VAE_MULTIPLE, 1) * _VAE_MULTIPLE for side in picture.size)
        return Start(stretched(picture, (width, height)), picture.size, way, keeps_colours=keeps_colours)
    return Start(way(picture), picture.size, way, keeps_colours=keeps_colours)


def laid_under(picture: Image.Image, size: Size, resize_mode: str) -> Image.Image:
    """The picture that another one of that size was drawn on, so that each of its pixels lies under the one that came of it."""
    return WAYS[resize_mode](picture, size)


@dataclass(frozen=True)
class Masking:
    """How a mask is used. blur: of its edge, in pixels. inverted: all but what is masked is drawn. fills: with what is around it first.

    padding: pixels around the masked area that are drawn by themselves with it; None: the whole picture is drawn.
    """

    blur: float = 4.0
    inverted: bool = False
    fills: bool = False
    padding: int | None = None


def starting_inpaint(
    picture: Image.Image, mask: Image.Image, size: Size, resize_mode: str, how: Masking, *, keeps_colours: bool = False
) -> Start:
    """What is masked is drawn anew, at `size`, in the order of AUTOMATIC1111. mask: mode L, as large as the picture."""
    soft = blurred(turned(mask, how.inverted), how.blur)
    area = bounds(soft)
    if how.padding is not None and area is not None:
        cut = CutOut(box_around(area, how.padding, size, picture.size), size)
        way, whole, overlay, drawn_on, drawn_mask = cut.taken, picture, soft, cut.taken(picture), cut.taken(soft)
    else:
        cut, way = None, _to_size(resize_mode, size)
        whole, drawn_mask = way(picture), way(soft)
        drawn_on, overlay = whole, hardened(drawn_mask)
    start = filled_in(drawn_on, drawn_mask) if how.fills else drawn_on
    return Start(start, picture.size, way, drawn_mask, whole, overlay, cut, keeps_colours, drawn_on if how.fills else None)

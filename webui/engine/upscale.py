"""Upscaler models at work: a picture goes through one in tiles, which are laid into each other softly.

What comes out takes 3 bytes for each of its pixels, and what is at work beside it doesn't grow with the picture.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from webui.engine.device import MB, Device
from webui.engine.loading.upscaler import UpscalerModel
from webui.engine.memory.exhaustion import OutOfMemory, is_out_of_memory
from webui.engine.memory.streaming import uploaded
from webui.errors import GenerationFailed
from webui.pictures.boxes import Size
from webui.pictures.masking import colours_everywhere
from webui.pictures.transparency import joined, opaque
from webui.planning.tiles import Span, TileAppetite, Tiling, box_of, boxes, ramp, tile_count

INTERNAL, DISCOURAGED = "INTERNAL", "DISCOURAGED"
"""spandrel's words for models that look at all of a picture: those that cut it up themselves, and those that had better not be tiled."""

TILE_BUDGET = 512 * MB
"""Bytes that a model may take for one tile, where there is so much: more makes nothing faster on a CPU, and pictures of any size fit."""

MOST_PASSES = 3
"""How often a model enlarges what it has made, to come to a factor that is larger than its own (as in AUTOMATIC1111)."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Way:
    """How one model enlarges one picture to a size. sizes: of what goes into it, pass after pass; tilings: of each pass."""

    model: UpscalerModel
    sizes: tuple[Size, ...]
    tilings: tuple[Tiling, ...]
    cover: Size

    @property
    def tiles(self) -> int:
        """How many in all passes; of a model that draws each counts as many as it has steps."""
        tiles = sum(tile_count(size, tiling, step_of(self.model)) for size, tiling in zip(self.sizes, self.tilings, strict=True))
        return tiles * self.model.steps


def step_of(model: UpscalerModel) -> int:
    """What sides of its tiles are multiples of."""
    return int(np.lcm(16, model.multiple))


def plan_way(model: UpscalerModel, size: Size, cover: Size, asked: Tiling, device: Device) -> Way:
    """How the model enlarges a picture of that size to `cover`. asked: tiles that somebody has chosen.

    One pass makes it as many times as large as the model does; while that isn't enough there is another one, which begins no larger
    than it has to be.
    """
    sizes = [size]
    while model.scale > 1 and len(sizes) < MOST_PASSES and any(s * model.scale < c for s, c in zip(sizes[-1], cover, strict=True)):
        width, height = (side * model.scale for side in sizes[-1])
        needed = tuple(-(-side // model.scale) for side in cover)
        sizes.append((min(width, needed[0]), min(height, needed[1])))
    return Way(model, tuple(sizes), tuple(_tiling(model, one, asked, device) for one in sizes), cover)


def _tiling(model: UpscalerModel, size: Size, asked: Tiling, device: Device) -> Tiling:
    return Tiling(0, 0) if model.tiled == INTERNAL else appetite_of(model, device).tiling(size, asked)


def _budget(model: UpscalerModel, device: Device) -> int:
    free = max(device.free_bytes() - device.reserve, 0) // 2
    return free if model.tiled == DISCOURAGED else min(TILE_BUDGET, free)


def appetite_of(model: UpscalerModel, device: Device) -> TileAppetite:
    """What its tiles follow from, as it is just now: so that the next ones are known before they are made."""
    whole = model.tiled == INTERNAL
    return TileAppetite(0 if whole else model.bytes_per_pixel, _budget(model, device), model.multiple, model.largest_tile)


def enlarge(way: Way, picture: Image.Image, device: Device, tile_done: Callable[[], None]) -> Image.Image:
    """The picture (RGB, or RGBA) enlarged to the way's size. tile_done: called after each tile; may raise to end it.

    Where more passes or a larger model than needed have made it too large, Lanczos makes it smaller. Raises GenerationFailed for NaN, and
    RuntimeError or MemoryError where memory runs out.
    """
    made = enlarged_pixels(way, picture, device, tile_done)
    return _resized(_as_picture(made), way.cover)


def enlarged_pixels(way: Way, picture: Image.Image, device: Device, tile_done: Callable[[], None]) -> Pixels:
    """The picture as the model's last pass leaves it: (height, width, 3 or 4) uint8. Raises as `enlarge` does."""
    *before, last = zip(way.sizes, way.tilings, strict=True)
    with _at_work(way.model, device):
        for size, tiling in before:
            picture = _as_picture(_through(way.model, _resized(picture, size), tiling, device, tile_done))
        return _through(way.model, _resized(picture, last[0]), last[1], device, tile_done)


def _as_picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels, "RGBA" if pixels.shape[2] > _RGB else "RGB")


def enlarge_with_less(
    way: Way, picture: Image.Image, device: Device, tile_done: Callable[[], None], told: Callable[[str], None], *, allowed: bool
) -> Image.Image:
    """The same; in smaller and smaller tiles where memory runs out, each time from the beginning. told: hears of it.

    allowed: whether that may be tried. Raises OutOfMemory where no smaller tiles are left, and GenerationFailed for NaN.
    """
    while True:
        try:
            return enlarge(way, picture, device, tile_done)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            fault = error.with_traceback(None)
        gc.collect()
        device.free_memory()
        smaller = _with_smaller_tiles(way) if allowed else None
        if smaller is None:
            words = "There was not enough memory for this upscaler."
            raise OutOfMemory(words, hint="Choose a smaller tile size or another upscaler, or end other programs.") from fault
        way = smaller
        told(f"Memory ran out; enlarged again in tiles of {max(tiling.tile for tiling in way.tilings)} px.")


def _with_smaller_tiles(way: Way) -> Way | None:
    largest = max(range(len(way.sizes)), key=lambda number: max(way.sizes[number]))
    now = way.tilings[largest]
    side = now.tile or max(way.sizes[largest])
    smaller = Tiling(side, now.overlap or side // 8).halved(step_of(way.model))
    if smaller is None or way.model.tiled == INTERNAL:
        return None
    tilings = tuple(smaller if not one.tile or one.tile > smaller.tile else one for one in way.tilings)
    return Way(way.model, way.sizes, tilings, way.cover)


@contextmanager
def _at_work(model: UpscalerModel, device: Device) -> Iterator[None]:
    """Within the block its weights lie where it computes, on a device of its own in half precision if it can."""
    if not device.copies:
        yield
        return
    half = {torch.float16: model.descriptor.supports_half, torch.bfloat16: model.descriptor.supports_bfloat16}
    dtype = device.dtype if half.get(device.dtype, False) else torch.float32
    with uploaded(model.descriptor.model, lambda tensor: tensor.to(device.torch_device, dtype if tensor.is_floating_point() else None)):
        yield


def _through(model: UpscalerModel, picture: Image.Image, tiling: Tiling, device: Device, tile_done: Callable[[], None]) -> Pixels:
    """One pass. What is transparent goes through by itself, after the colours of what is seen, for models know nothing of it."""
    canvas = _Canvas(picture.size, model.scale, alpha=picture.mode == "RGBA")
    picture = joined(colours_everywhere(picture), opaque(picture)[1])
    with torch.inference_mode():
        for column, row in boxes(picture.size, tiling, step_of(model)):
            part = picture.crop(box_of(column, row))
            tile = _as_tensor(part)
            colours = _asked(model, tile[:, :_RGB], tile_done)
            made = colours if part.mode == "RGB" else torch.cat((colours, _enlarged_alpha(model, tile[:, _RGB:])), 1)
            canvas.put(column, row, made[0])
            tile_done()
    return canvas.pixels


_RGB = 3
_LUMA = (0.299, 0.587, 0.114)
"""What each colour adds to grey (ITU-R BT.601), as Pillow has it."""


def _as_tensor(part: Image.Image) -> torch.Tensor:
    """(1, channels, height, width) fp32 in 0..1."""
    return torch.from_numpy(np.array(part)).permute(2, 0, 1)[None].float() / 255


def _enlarged_alpha(model: UpscalerModel, alpha: torch.Tensor) -> torch.Tensor:
    """(1, 1, h, w) through the model as grey; through none that draws, which would see things in it."""
    if model.steps > 1:
        return functional.interpolate(alpha, scale_factor=model.scale, mode="bicubic").clamp(0, 1)
    return _asked(model, alpha.expand(-1, _RGB, -1, -1), lambda: None).mean(1, keepdim=True)


def _asked(model: UpscalerModel, colours: torch.Tensor, step_done: Callable[[], None]) -> torch.Tensor:
    """RGB (1, 3, h, w) in 0..1 through the model, as RGB fp32 on the CPU. Raises GenerationFailed for NaN."""
    descriptor = model.descriptor
    given = colours
    if model.colours == 1:
        given = (colours * torch.tensor(_LUMA)[None, :, None, None]).sum(1, keepdim=True)
    elif model.colours > _RGB:
        given = torch.cat((colours, torch.ones_like(colours[:, :1])), 1)
    made = model.asked(given.to(descriptor.device, descriptor.dtype).contiguous(), step_done)
    if made.isnan().any():
        words = f"The upscaler {model.name} produced numbers that make no picture (NaN)."
        raise GenerationFailed(words, code="model_produced_nan", hint="Its file may be damaged: download it again, or choose another one.")
    made = made.float().cpu()
    return made[:, :_RGB] if made.shape[1] >= _RGB else made[:, :1].expand(-1, _RGB, -1, -1)


class _Canvas:
    """The picture that comes out, into which tiles are put row by row, each from left to right."""

    def __init__(self, size: Size, scale: int, *, alpha: bool) -> None:
        self._scale = scale
        self.pixels: Pixels = np.empty((size[1] * scale, size[0] * scale, _RGB + alpha), np.uint8)
        """(height, width, channels)."""
        self._left = torch.empty(0)
        """The right end of the tile before, which this one begins on."""

    def put(self, column: Span, row: Span, tile: torch.Tensor) -> None:
        """A tile (channels, height, width) in 0..1, mixed with those to the left of it and above it where they overlap."""
        scale = self._scale
        values = tile.permute(1, 2, 0) * 255
        if column.before:
            wide = column.before * scale
            weights = torch.tensor(ramp(wide))[None, :, None]
            values[:, :wide] = torch.lerp(self._left, values[:, :wide], weights)
        if column.behind:
            self._left = values[:, -column.behind * scale :].clone()
            # It is written with the next tile, when that is known.
            values = values[:, : -column.behind * scale]
        top, left = row.start * scale, column.start * scale
        place = self.pixels[top : top + values.shape[0], left : left + values.shape[1]]
        if row.before:
            high = row.before * scale
            weights = torch.tensor(ramp(high))[:, None, None]
            above = torch.from_numpy(place[:high]).float()
            values[:high] = torch.lerp(above, values[:high], weights)
        place[:] = values.round_().clamp_(0, 255).to(torch.uint8).numpy()


def _resized(picture: Image.Image, size: Size) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)

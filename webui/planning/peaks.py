"""How much memory a picture needs beside the weights: measured where it was drawn before, guessed where not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from webui.pictures.boxes import Size
from webui.planning.memory import ONE_BY_ONE, TILED, WHOLE

ENCODE, DENOISE, DECODE = "encode", "denoise", "decode"
"""The stages of a picture, in order."""

MARGIN = 1.15
"""A measured peak times this is what is planned with: kernels choose their scratch space by what they find."""

LATENT = 8
"""Pixels of a picture's side for one latent."""

_LARGEST_TILE, _SMALLEST_TILE = 512, 64

# As ComfyUI plans (model_base.memory_required, sd.VAE.memory_used_decode), in bytes for each latent and byte of a number.
_DENOISE_BYTES = 10_486
_DECODE_BYTES = 2_178 * 64
_ENCODE_BYTES = 32 * 1024 * 1024


def tile_side(width: int, height: int) -> int:
    """Pixels of the side of a tile in which the VAE decodes: half of the picture's longer side, within bounds, a multiple of 64."""
    half = -(-max(width, height) // 128) * 64
    return max(_SMALLEST_TILE, min(_LARGEST_TILE, half))


@dataclass(frozen=True)
class Peak:
    """One peak that was measured, or found to be at least this much when memory ran out.

    how: the attention kernel (denoise), or how the VAE decoded. rows: latents in one pass, or pictures decoded together.
    """

    stage: str
    how: str
    width: int
    height: int
    rows: int
    bytes: int

    @property
    def work(self) -> int:
        """What activations grow with."""
        return self.width * self.height * self.rows

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for facts."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Peak:
        """What `as_dict` gave. Raises KeyError, TypeError or ValueError for anything else."""
        numbers = (int(data[name]) for name in ("width", "height", "rows", "bytes"))
        return cls(str(data["stage"]), str(data["how"]), *numbers)


def merge(known: Iterable[Peak], fresh: Iterable[Peak]) -> tuple[Peak, ...]:
    """One for each way of drawing: the largest, since what once was needed may be needed again."""
    merged: dict[tuple[str, str, int, int, int], Peak] = {}
    for peak in (*known, *fresh):
        key = (peak.stage, peak.how, peak.width, peak.height, peak.rows)
        if key not in merged or merged[key].bytes < peak.bytes:
            merged[key] = peak
    return tuple(merged.values())


@dataclass(frozen=True)
class PictureActivations:
    """Peaks for pictures of one size (see webui.planning.memory.Activations).

    number: bytes of one number. peaks: those known for this architecture and dtype. made: stage -> bytes of weights that are
    there in it beside the checkpoint's own, as LoRAs make them; measured peaks are without. shown: width and height in pixels of what
    the denoiser is shown at a time, where that isn't the whole picture.
    """

    width: int
    height: int
    number: int
    peaks: Sequence[Peak] = ()
    made: Mapping[str, int] = field(default_factory=dict)
    shown: Size | None = None

    def encode(self) -> int:
        """The text encoder's."""
        known = [peak.bytes for peak in self.peaks if peak.stage == ENCODE]
        return self._made(ENCODE) + (round(max(known) * MARGIN) if known else _ENCODE_BYTES)

    def denoise(self, rows: int, attention: str) -> int:
        """The denoiser's, with that many latents in one pass."""
        latents = _latents(self.shown) if self.shown else self._latents
        return self._made(DENOISE) + (self._known(DENOISE, attention, rows) or _DENOISE_BYTES * self.number * rows * latents)

    def decode(self, pictures: int, vae: str) -> int:
        """The VAE's, for that many pictures drawn together."""
        rows = pictures if vae == WHOLE else 1
        # One by one is the same work as a single picture.
        how = WHOLE if vae == ONE_BY_ONE else vae
        latents = min(self._latents, (tile_side(self.width, self.height) // LATENT) ** 2) if vae == TILED else self._latents
        return self._made(DECODE) + (self._known(DECODE, how, rows) or _DECODE_BYTES * self.number * rows * latents)

    def _made(self, stage: str) -> int:
        return self.made.get(stage, 0)

    @property
    def _latents(self) -> int:
        return _latents((self.width, self.height))

    def _known(self, stage: str, how: str, rows: int) -> int:
        """From the peak of the most similar work, in proportion; 0 where nothing is known."""
        width, height = self.shown if self.shown and stage == DENOISE else (self.width, self.height)
        wanted = width * height * rows
        known = [peak for peak in self.peaks if peak.stage == stage and peak.how == how and peak.work > 0]
        if not known:
            return 0
        nearest = min(known, key=lambda peak: (max(peak.work, wanted) / min(peak.work, wanted), -peak.bytes))
        # More tiles need no more memory than few.
        scale = 1.0 if how == TILED else wanted / nearest.work
        return round(nearest.bytes * scale * MARGIN)


def _latents(size: Size) -> int:
    return size[0] * size[1] // LATENT**2

"""The blocks of a U-Net that per-block merging weighs: IN00 to IN11, M00, OUT00 to OUT11 in SD 1 and 2, up to 08 in SDXL.

As merge-block-weighted (github.com/bbc-mc/sdweb-merge-block-weighted-gui) counts them: the time embedding goes with the first block in,
the last layers with the last block out. BASE is all that is no U-Net. SDXL's size embedding is taken with the time embedding here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from webui.workshop.weights import Tensor

BASE = "BASE"
FAMILIES = frozenset(("sd1", "sd2", "sdxl", "sdxl_refiner"))
"""Families whose denoiser is a U-Net with these blocks."""

_ORIGINAL = re.compile(r"(input|output)_blocks\.(\d+)\.")
_DIFFUSERS = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.")
_FIRST = ("time_embed", "label_emb", "time_embedding.", "add_embedding.", "conv_in.")
_LAST = ("out.", "conv_norm_out.", "conv_out.")


class BlockNames:
    """Which block each tensor of a U-Net is in, in either layout."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        """tensors: all of the denoiser."""
        denoiser = [tensor for tensor in tensors if tensor.part == "denoiser"]
        downs = [found for tensor in denoiser if (found := _DIFFUSERS.match(tensor.inner))]
        depths = [int(found[4]) for found in downs if found[1] == "down" and found[3] == "resnets"]
        self._down_depth = max(depths, default=0) + 2  # the resnets of a level, and its downsampler
        self._up_depth = self._down_depth
        named = {name for tensor in denoiser if (name := self._numbered(tensor.inner))}
        self._last_out = max((name for name in named if name.startswith("OUT")), default="OUT00")
        self.names: Sequence[str] = sorted(named | {"IN00", "M00"} if named else [], key=_place)
        """All blocks, in the order of the U-Net."""

    def of(self, tensor: Tensor) -> str:
        """Its block; BASE for all that is in none."""
        if tensor.part != "denoiser":
            return BASE
        if tensor.inner.startswith(("middle_block.", "mid_block.")):
            return "M00"
        if tensor.inner.startswith(_FIRST):
            return "IN00"
        if tensor.inner.startswith(_LAST):
            return self._last_out
        return self._numbered(tensor.inner) or BASE

    def _numbered(self, inner: str) -> str:
        if found := _ORIGINAL.match(inner):
            return f"{'IN' if found[1] == 'input' else 'OUT'}{int(found[2]):02}"
        if found := _DIFFUSERS.match(inner):
            way, level, kind, index = found[1], int(found[2]), found[3], int(found[4])
            if way == "down":
                # The first block is the convolution that pictures come in by.
                inside = self._down_depth - 1 if kind == "downsamplers" else index
                return f"IN{1 + level * self._down_depth + inside:02}"
            # An upsampler belongs to the last block of its level in the original layout.
            inside = self._up_depth - 1 if kind == "upsamplers" else index
            return f"OUT{level * self._up_depth + inside:02}"
        return ""


def _place(name: str) -> tuple[int, str]:
    return ("IN", "M0", "OU").index(name[:2]), name

"""Pictures as latents, made once for a run: the VAE is the slowest part of a step that needs it only once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file, save

from webui.durable import write_durably
from webui.engine.families.base import Family
from webui.training.pictures import PictureSet, Size, read_fitting
from webui.training.run_folder import RunFolder

_MIRRORED = "mirrored"


@dataclass(frozen=True)
class Latents:
    """Latents of pictures by number, (channels, h, w) fp32 on the CPU; those of the mirrored ones where they are wanted."""

    upright: tuple[torch.Tensor, ...]
    mirrored: tuple[torch.Tensor, ...]

    def of(self, number: int, *, mirrored: bool) -> torch.Tensor:
        """Of one picture."""
        return (self.mirrored if mirrored else self.upright)[number]


def latents_for(
    family: Family, found: PictureSet, sizes: Sequence[Size], folder: RunFolder, *, mirrored: bool, between: Callable[[int], None]
) -> Latents:
    """Those kept in the folder, or made now and kept. between: called before each picture with how many are done; may raise.

    Raises InvalidRequest for pictures that can't be read.
    """
    ways = 2 if mirrored else 1
    if not folder.latents.exists():
        made: dict[str, torch.Tensor] = {}
        for number, (picture, size) in enumerate(zip(found.pictures, sizes, strict=True)):
            between(number)
            pixels = np.asarray(read_fitting(found.path / picture.name, size), np.float32) / 127.5 - 1
            for way in range(ways):
                turned = np.ascontiguousarray(pixels[:, ::-1] if way else pixels)
                made[_key(number, way)] = _encoded(family, torch.from_numpy(turned).permute(2, 0, 1)[None])[0].cpu().contiguous()
        write_durably(folder.latents, save(made))
    kept = load_file(folder.latents)
    upright, *others = ([kept[_key(number, way)] for number in range(len(found.pictures))] for way in range(ways))
    return Latents(tuple(upright), tuple(others[0]) if others else ())


def _key(number: int, way: int) -> str:
    return f"{number} {_MIRRORED}" if way else str(number)


@torch.no_grad()
def _encoded(family: Family, pixels: torch.Tensor) -> torch.Tensor:
    # Once for all steps, so in full precision.
    with family.vae_in_float32():
        return family.encode(pixels)

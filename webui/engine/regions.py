"""Regions while a picture is drawn: whose prompt rules where, and by how much.

The guesses for all prompts are mixed place by place, each by its share, as MultiDiffusion does (Bar-Tal et al. 2023, arXiv:2302.08113,
equation 5); the shares are those of layers of paint one upon the other (Porter and Duff 1984, "over"), so they add up to 1 everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from webui.engine.hires import cut
from webui.generation.enlarging import Enlargement
from webui.generation.regions import Region

Shares = tuple[torch.Tensor | None, ...]
"""Of the request's own prompt, then of each region: (1, 1, h, w), 0 to 1; None where it has no say anywhere."""


@dataclass(frozen=True)
class Layout:
    """The regions of a pass. cover: how much of what lies beneath each hides, (regions, 1, 1, h, w) fp32, 0 to 1."""

    regions: tuple[Region, ...]
    cover: torch.Tensor
    _known: dict[tuple[bool, ...], Shares] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, regions: Sequence[Region], masks: Sequence[Image.Image], width: int, height: int, by: Enlargement | None = None) -> Layout:
        """masks: of each region over all of the picture (mode L, of any size). width, height: of the latents.

        by: how the picture was enlarged to that size, where it was, for it may have been cut.
        """
        whole = (width, height) if by is None else by.latents
        # The mean over each latent, so that a mask of the picture's size is soft only where its edge goes through one.
        small = [np.asarray(mask.resize(whole, Image.Resampling.BOX), np.float32) / 255 for mask in masks]
        cover = torch.from_numpy(np.stack(small)) * torch.tensor([region.weight for region in regions])[:, None, None]
        return cls(tuple(regions), (cover if by is None else cut(cover, by))[:, None, None])

    def to(self, latents: torch.Tensor) -> Layout:
        """The same on the device of latents."""
        return Layout(self.regions, self.cover.to(latents))

    @property
    def nowhere(self) -> list[int]:
        """Which regions, counted from 1, have no place in the picture that is drawn."""
        return [number for number, cover in enumerate(self.cover, 1) if not cover.any()]

    def shares(self, step: int, steps: int) -> Shares:
        """Who has which share in that step, 0-based, of so many."""
        counts = tuple(region.counts(step, steps) for region in self.regions)
        if counts not in self._known:
            self._known[counts] = self._laid(counts)
        return self._known[counts]

    def _laid(self, counts: Sequence[bool]) -> Shares:
        """The shares of those layers that count, seen from above."""
        seen = torch.ones_like(self.cover[0])
        shares: list[torch.Tensor | None] = []
        for cover, there in zip(reversed(self.cover), reversed(counts), strict=True):
            shares.append(seen * cover if there else None)
            seen = seen * (1 - cover) if there else seen
        return tuple(share if share is not None and bool(share.any()) else None for share in (seen, *reversed(shares)))

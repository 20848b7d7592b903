"""Regions while a picture is drawn: whose prompt rules where, and by how much.

The guesses for all prompts are mixed place by place, each by its share, as MultiDiffusion does (Bar-Tal et al. 2023, arXiv:2302.08113,
equation 5); the shares are those of layers of paint one upon the other (Porter and Duff 1984, "over"), so they add up to 1 everywhere.

Models make pictures of one piece, so next to a red half a blue one turns purple. Hence in the first steps each prompt doesn't see what
the others draw around its place, but what it would have drawn there itself (that paper's bootstrapping shows it plain colours there).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from webui.engine.hires import cut
from webui.engine.samplers.run import NoisePath
from webui.generation.enlarging import Enlargement
from webui.generation.regions import Region

Weight = float | torch.Tensor
"""One number, or one for each place of the picture, (1, 1, h, w)."""

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


class OwnPictures:
    """How far the picture that each place would have, were its prompt's the only one, is from the one that is drawn of all."""

    def __init__(self, path: NoisePath) -> None:
        self._path = path
        self._ahead: dict[int, torch.Tensor] = {}  # place -> difference of the noisy latents
        self._guessed: tuple[float, dict[int, torch.Tensor]] | None = None  # noise level, and differences of the guesses of x0

    def seen(self, x: torch.Tensor, sigma: float, shares: Mapping[int, Weight]) -> dict[int, torch.Tensor]:
        """What each place is shown of the noisy latents x: x itself where it rules, its own picture elsewhere.

        The noise is the same in both, so their difference goes from level to level as DDIM's step does, which is linear.
        """
        if self._guessed is not None and sigma < self._guessed[0]:
            level, differences = self._guessed
            for place, difference in differences.items():
                self._ahead[place] = self._path.jump(self._ahead.get(place, torch.zeros_like(x)), difference, level, sigma)
        return {place: x + (1 - share) * self._ahead[place] if place in self._ahead else x for place, share in shares.items()}

    def note(
        self, own: Mapping[int, torch.Tensor], sigma: float, shares: Mapping[int, Weight], kept: Callable[[torch.Tensor], torch.Tensor]
    ) -> None:
        """Take what was guessed. own: x0 as each place would have it everywhere. kept: puts back what isn't drawn at all."""
        drawn = kept(functools.reduce(torch.add, [guess * shares[place] for place, guess in own.items()]))
        self._guessed = sigma, {place: kept(guess) - drawn for place, guess in own.items()}

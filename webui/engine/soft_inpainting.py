"""Soft inpainting: what is masked in part changes in part, by AUTOMATIC1111's six numbers.

The idea is differential diffusion's (Levin and Fried 2023, arXiv:2306.00950): the less a place is masked, the longer its picture is
put back while noise is taken away. What comes out is laid over the source where it really went away from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from webui.engine.samplers.run import ALMOST_NOISE, NoisePath
from webui.generation.request import Inpaint, PictureRequest

_CHANNELS = 4
"""Of Stable Diffusion's latents, which the threshold is measured in; others are brought to the length that those would have."""
_LEAST = 1e-6


@dataclass(frozen=True)
class SoftInpainting:
    """How softly a mask is used; see the fields of Inpaint. Latents are (batch, channels, h, w), masks and shares (1 or batch, 1, h, w)."""

    path: NoisePath
    bias: float
    preservation: float
    contrast_boost: float
    mask_influence: float
    threshold: float
    contrast: float

    @classmethod
    def of(cls, request: PictureRequest, path: NoisePath) -> SoftInpainting | None:
        """What a request asks for; None for one that takes its mask as it is."""
        if not isinstance(request, Inpaint) or not request.soft_inpainting:
            return None
        return cls(
            path,
            request.soft_schedule_bias,
            request.soft_preservation,
            request.soft_contrast_boost,
            request.soft_mask_influence,
            request.soft_difference_threshold,
            request.soft_difference_contrast,
        )

    def share(self, mask: torch.Tensor, sigma: float) -> torch.Tensor:
        """How much of a guess made at that noise level is taken: all of it in the end, wherever anything is masked at all."""
        ratio = self.path.ratio(min(sigma, ALMOST_NOISE) if self.path.flow else sigma)
        return _of_masked(mask, mask ** (self.preservation * ratio**self.bias))

    def blended(self, kept: torch.Tensor, drawn: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """Between two latents, by a share. Their lengths are blended for themselves, by a power mean that leans to the longer one:

        a mean of unlike latents is shorter than both, which is a picture without contrast.
        """
        mixed = torch.lerp(kept, drawn, share.to(kept).expand_as(drawn))
        one, other, length = (torch.linalg.vector_norm(latents, dim=1, keepdim=True) for latents in (kept, drawn, mixed))
        # By logarithms: high powers of unlike lengths are beyond what fp32 holds.
        powers = [torch.log(weight) + self.contrast_boost * torch.log(norm) for weight, norm in ((1 - share, one), (share, other))]
        mean = torch.logaddexp(*powers) / self.contrast_boost
        return mixed * (mean.exp() / length.clamp(min=_LEAST))

    def taken(self, kept: torch.Tensor, drawn: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """How much of the finished picture is laid over the source, 0 to 1, by how far its latents went from the source's."""
        far = torch.linalg.vector_norm(drawn - kept, dim=1, keepdim=True) * (_CHANNELS / drawn.shape[1]) ** 0.5
        # A place counts as its most changed neighbour does, and what counts ends gently: no holes, no specks.
        far = functional.max_pool2d(far, 3, stride=1, padding=1)
        far = functional.avg_pool2d(far, 3, stride=1, padding=1, count_include_pad=False)
        source = 1 / (1 + (far / (self.threshold * self._favour(mask)).clamp(min=_LEAST)) ** self.contrast)
        return 1 - source**3 * (source * (source * 6 - 15) + 10)

    def _favour(self, mask: torch.Tensor) -> torch.Tensor:
        """Factor on the threshold: the odds of the source, even without any influence of the mask, else by how little is masked."""
        unmasked = 1 - _of_masked(mask, mask ** (self.preservation / 2))
        chance = torch.lerp(torch.full_like(unmasked, 0.5), unmasked, self.mask_influence)
        return chance / (1 - chance).clamp(min=_LEAST)


def _of_masked(mask: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """A value of each place, 0 where nothing is masked, whatever 0 to the power of 0 is."""
    return torch.where(mask > 0, value, torch.zeros_like(value))

"""Stable Diffusion XL, base and refiner: two text encoders (the refiner has one), their answers side by side, and sizes as conditions.

Podell et al. 2023 (arXiv:2307.01952).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from webui.engine.device import Device
from webui.engine.families.base import Conditioning, Encoded
from webui.engine.families.sd import Prediction, UNetModel, end_to_end
from webui.engine.schedules import ALIGNED_SDXL, ModelSigmas
from webui.engine.text_encoders import ClipText

AESTHETIC_SCORE, NEGATIVE_AESTHETIC_SCORE = 6.0, 2.5
"""What the refiner is told that the picture, and its opposite, would be rated, as in Stability AI's own sampling code."""

_SCORE = "aesthetic_score"


@dataclass(frozen=True)
class StableDiffusionXL(UNetModel):
    """A loaded SDXL base or refiner checkpoint (see Family). texts: CLIP-L and OpenCLIP bigG, of the refiner bigG alone.

    zero_empty_negative: an empty negative prompt is all zeros, as the base model was trained.
    """

    name: str
    content: str
    texts: tuple[ClipText, ...]
    unet: Any
    vae: Any
    sigmas: ModelSigmas
    x0: Prediction = field(repr=False)
    device: Device = field(repr=False)
    zero_empty_negative: bool = True

    @property
    def modules(self) -> Mapping[str, Any]:
        """The modules it computes with, by kind of component."""
        encoders = {
            ("text_encoder", "text_encoder_2")[-len(self.texts) :][place]: text.text_encoder for place, text in enumerate(self.texts)
        }
        return {**encoders, "denoiser": self.unet, "vae": self.vae}

    def sigmas_at(self, width: int, height: int) -> ModelSigmas:
        """The noise levels it was trained on, the same for all sizes, with the Align Your Steps levels found for it."""
        return replace(self.sigmas, aligned=ALIGNED_SDXL)

    @property
    def text_encoders(self) -> tuple[ClipText, ...]:
        """CLIP-L and bigG, or bigG alone."""
        return self.texts

    @property
    def text_layers(self) -> int:
        """How many layers clip_skip can choose from."""
        return min(text.layers for text in self.texts)

    @property
    def is_refiner(self) -> bool:
        """Whether it is told a score where the base model is told the picture's size."""
        return self._ids == 5

    @property
    def _ids(self) -> int:
        """How many numbers beside the pooled prompt the U-Net takes."""
        config = self.unet.config
        pooled = self.texts[-1].text_encoder.config.projection_dim
        return (config.projection_class_embeddings_input_dim - pooled) // config.addition_time_embed_dim

    def condition(self, encoded: Sequence[Encoded], *, text: str, negative: bool) -> Conditioning:
        """Conditioning of one prompt in `dtype`: the encoders' answers side by side, bigG's pooled answer to the first chunk."""
        tokens = end_to_end(torch.cat([one.tokens for one in encoded], dim=-1)).to(self.dtype)
        pooled = encoded[-1].pooled
        assert pooled is not None, "SDXL's last text encoder has a projection"
        made = Conditioning(tokens, pooled[:1].to(self.dtype))
        if negative and not text and self.zero_empty_negative and not self.is_refiner:
            made = made.map(torch.zeros_like)
        if not self.is_refiner:
            return made
        score = NEGATIVE_AESTHETIC_SCORE if negative else AESTHETIC_SCORE
        return Conditioning(made.tokens, made.pooled, {_SCORE: torch.full((1, 1), score, device=tokens.device)})

    def added(self, x: torch.Tensor, conditioning: Conditioning) -> dict[str, torch.Tensor] | None:
        """The pooled prompt; the picture's size, where it was cut (nowhere), and the size again or a score."""
        height, width = (side * self.pixels_per_latent for side in x.shape[-2:])
        known = torch.tensor([[height, width, 0, 0]], dtype=torch.float32, device=x.device).expand(x.shape[0], -1)
        ids = torch.cat([known, conditioning.further[_SCORE] if self.is_refiner else known[:, :2]], dim=1)
        assert conditioning.pooled is not None, "SDXL's conditioning has a pooled part"
        return {"text_embeds": conditioning.pooled, "time_ids": ids}

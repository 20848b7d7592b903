"""Stable Diffusion 3 and 3.5: a multimodal transformer trained with rectified flow; two CLIP encoders and, where there is one, T5.

Esser et al. 2024 (arXiv:2403.03206). The model works without T5: its tokens are zeros then, as in training with dropped encoders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from webui.engine.device import Device
from webui.engine.families.base import Conditioning, Encoded, TextEncoder
from webui.engine.families.latent_model import LatentModel, padded_to
from webui.engine.families.sd import end_to_end
from webui.engine.schedules import ModelSigmas
from webui.engine.text_encoders import ClipText, T5Text

T5_TOKENS = 256
"""How many tokens of T5 the model was trained with."""


@dataclass(frozen=True)
class StableDiffusion3(LatentModel):
    """A loaded SD3 or SD3.5 checkpoint (see Family). texts: CLIP-L and OpenCLIP bigG. transformer, vae: diffusers modules on `device`."""

    name: str
    content: str
    texts: tuple[ClipText, ClipText]
    t5: T5Text | None
    transformer: Any
    vae: Any
    sigmas: ModelSigmas
    device: Device = field(repr=False)

    @property
    def modules(self) -> Mapping[str, Any]:
        """The modules it computes with, by kind of component."""
        third = {"text_encoder_3": self.t5.text_encoder} if self.t5 else {}
        encoders = {"text_encoder": self.texts[0].text_encoder, "text_encoder_2": self.texts[1].text_encoder, **third}
        return {**encoders, "denoiser": self.transformer, "vae": self.vae}

    @property
    def text_encoders(self) -> tuple[TextEncoder, ...]:
        """CLIP-L, bigG, and T5 where there is one."""
        return (*self.texts, *((self.t5,) if self.t5 else ()))

    @property
    def text_layers(self) -> int:
        """How many layers clip_skip can choose from."""
        return min(text.layers for text in self.texts)

    def sigmas_at(self, width: int, height: int) -> ModelSigmas:
        """The noise levels it was trained on, the same for all sizes."""
        return self.sigmas

    def condition(self, encoded: Sequence[Encoded], *, text: str, negative: bool) -> Conditioning:
        """Conditioning of one prompt in `dtype`: the CLIP encoders side by side, as wide as T5 with zeros; T5's tokens after them."""
        clips, t5 = encoded[: len(self.texts)], encoded[len(self.texts) :]
        width = int(self.transformer.config.joint_attention_dim)
        clip = end_to_end(torch.cat([one.tokens for one in clips], dim=-1))
        clip = functional.pad(clip, (0, width - clip.shape[-1]))
        tail = end_to_end(t5[0].tokens) if t5 else clip.new_zeros(1, T5_TOKENS, width)
        pooled = torch.cat([one.pooled[:1] for one in clips if one.pooled is not None], dim=-1)
        return Conditioning(torch.cat([clip, tail], dim=1).to(self.dtype), pooled.to(self.dtype))

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        """The guess of x0 from x = (1 - sigma) * x0 + sigma * noise, (batch, channels, h, w) fp32."""
        height, width = x.shape[-2:]
        whole = padded_to(x, int(self.transformer.config.patch_size))
        velocity = self.transformer(
            hidden_states=whole.to(self.dtype),
            timestep=torch.full((x.shape[0],), self.sigmas.timestep_of(sigma), dtype=torch.float32, device=x.device),
            encoder_hidden_states=conditioning.tokens,
            pooled_projections=conditioning.pooled,
            return_dict=False,
        )[0]
        return x - sigma * velocity[..., :height, :width].float()

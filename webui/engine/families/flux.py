"""FLUX.1 dev and schnell: a transformer over packed latents trained with rectified flow; T5 for the words, CLIP for the whole.

Black Forest Labs' published code (github.com/black-forest-labs/flux): latents in squares of four, the shift of the noise
levels grows with the picture (dev), guidance is a number that the model is told (dev) instead of a second question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from webui.engine.device import Device
from webui.engine.families.base import GUIDANCE, Conditioning, Encoded, TextEncoder
from webui.engine.families.latent_model import LatentModel, padded_to
from webui.engine.families.sd import end_to_end
from webui.engine.schedules import ModelSigmas, flow_sigmas
from webui.engine.text_encoders import ClipText, T5Text

_SQUARE = 2

_FEW_TOKENS, _FEW_SHIFT = 256, 0.5
_MANY_TOKENS, _MANY_SHIFT = 4096, 1.15


@dataclass(frozen=True)
class Flux(LatentModel):
    """A loaded FLUX.1 checkpoint (see Family). transformer, vae: diffusers modules on `device`.

    shifted: whether its noise levels are shifted by the picture's size (dev) or even (schnell).
    """

    name: str
    content: str
    clip: ClipText
    t5: T5Text
    transformer: Any
    vae: Any
    shifted: bool
    device: Device = field(repr=False)

    @property
    def modules(self) -> Mapping[str, Any]:
        """The modules it computes with, by kind of component."""
        encoders = {"text_encoder": self.clip.text_encoder, "text_encoder_2": self.t5.text_encoder}
        return {**encoders, "denoiser": self.transformer, "vae": self.vae}

    @property
    def text_encoders(self) -> tuple[TextEncoder, ...]:
        """CLIP-L and T5."""
        return self.clip, self.t5

    @property
    def text_layers(self) -> int:
        """How many layers clip_skip can choose from."""
        return self.clip.layers

    @property
    def distilled_guidance(self) -> bool:
        """Whether the denoiser is told how closely to follow the prompt."""
        return bool(self.transformer.config.guidance_embeds)

    def sigmas_at(self, width: int, height: int) -> ModelSigmas:
        """Its noise levels for a picture of that many pixels."""
        if not self.shifted:
            return flow_sigmas()
        _, rows, columns = self.latent_shape(width, height)
        tokens = math.ceil(rows / _SQUARE) * math.ceil(columns / _SQUARE)
        slope = (_MANY_SHIFT - _FEW_SHIFT) / (_MANY_TOKENS - _FEW_TOKENS)
        return flow_sigmas(math.exp(_FEW_SHIFT + slope * (tokens - _FEW_TOKENS)))

    def condition(self, encoded: Sequence[Encoded], *, text: str, negative: bool) -> Conditioning:
        """Conditioning of one prompt in `dtype`: T5's tokens, CLIP's pooled answer to the first chunk."""
        clip, t5 = encoded
        assert clip.pooled is not None, "a CLIP encoder pools"
        return Conditioning(end_to_end(t5.tokens).to(self.dtype), clip.pooled[:1].to(self.dtype))

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        """The guess of x0 from x = (1 - sigma) * x0 + sigma * noise, (batch, channels, h, w) fp32."""
        height, width = x.shape[-2:]
        whole = padded_to(x, _SQUARE)
        rows, columns = whole.shape[-2] // _SQUARE, whole.shape[-1] // _SQUARE
        velocity = self.transformer(
            hidden_states=packed(whole).to(self.dtype),
            # The model multiplies by 1000 itself.
            timestep=torch.full((x.shape[0],), sigma, dtype=torch.float32, device=x.device),
            guidance=conditioning.further.get(GUIDANCE),
            pooled_projections=conditioning.pooled,
            encoder_hidden_states=conditioning.tokens,
            txt_ids=torch.zeros(conditioning.length, 3, device=x.device, dtype=self.dtype),
            img_ids=places(rows, columns).to(x.device, self.dtype),
            return_dict=False,
        )[0]
        return x - sigma * unpacked(velocity.float(), rows, columns)[..., :height, :width]


def packed(latents: torch.Tensor) -> torch.Tensor:
    """(batch, channels, 2 x rows, 2 x columns) -> (batch, rows x columns, 4 x channels)."""
    batch, channels, height, width = latents.shape
    squares = latents.reshape(batch, channels, height // _SQUARE, _SQUARE, width // _SQUARE, _SQUARE)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * _SQUARE**2)


def unpacked(tokens: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """(batch, rows x columns, 4 x channels) -> (batch, channels, 2 x rows, 2 x columns)."""
    squares = tokens.reshape(tokens.shape[0], rows, columns, -1, _SQUARE, _SQUARE)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(tokens.shape[0], -1, rows * _SQUARE, columns * _SQUARE)


def places(rows: int, columns: int) -> torch.Tensor:
    """Where each token lies in the picture: (rows x columns, 3) with 0, row, column."""
    ids = torch.zeros(rows, columns, 3)
    ids[..., 1] = torch.arange(rows)[:, None]
    ids[..., 2] = torch.arange(columns)[None]
    return ids.reshape(-1, 3)

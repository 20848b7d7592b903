"""Stable Diffusion 1.x: CLIP text encoder, U-Net, KL autoencoder; the U-Net predicts noise (eps) or velocity (v).

Scaling between sigma space and what the U-Net was trained on: Karras et al. 2022 (arXiv:2206.00364), table 1 (VP),
and for v Salimans and Ho 2022 (arXiv:2202.00512).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch

from webui.engine import latents as latent_space
from webui.engine.device import Device
from webui.engine.families.base import Conditioning, Encoded
from webui.engine.precision import in_float32
from webui.engine.preview import LatentPreview, preview_for
from webui.engine.schedules import ModelSigmas
from webui.engine.text_encoders import ClipText

Prediction = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


def _x0_from_eps(x: torch.Tensor, output: torch.Tensor, sigma: float) -> torch.Tensor:
    return x - output * sigma


def _x0_from_v(x: torch.Tensor, output: torch.Tensor, sigma: float) -> torch.Tensor:
    return x / (sigma**2 + 1) - output * (sigma / math.sqrt(sigma**2 + 1))


PREDICTIONS: Mapping[str, Prediction] = MappingProxyType({"epsilon": _x0_from_eps, "v_prediction": _x0_from_v})
"""diffusers' prediction_type -> x0 from (x, the U-Net's output, sigma)."""


@dataclass(frozen=True)
class StableDiffusion:
    """A loaded Stable Diffusion 1.x checkpoint (see Family). unet, vae: diffusers modules on `device`."""

    name: str
    content: str
    text: ClipText
    unet: Any
    vae: Any
    sigmas: ModelSigmas
    x0: Prediction = field(repr=False)
    device: Device = field(repr=False)

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, its activations and its conditioning."""
        return self.device.dtype

    @property
    def modules(self) -> Mapping[str, Any]:
        """The modules it computes with, by kind of component."""
        return {"text_encoder": self.text.text_encoder, "denoiser": self.unet, "vae": self.vae}

    @property
    def text_encoders(self) -> tuple[ClipText]:
        """The one there is."""
        return (self.text,)

    @property
    def text_layers(self) -> int:
        """How many layers clip_skip can choose from."""
        return self.text.layers

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(channels, h, w) of the latents of a picture of that many pixels."""
        factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        return int(self.unet.config.in_channels), height // factor, width // factor

    def condition(self, encoded: Sequence[Encoded], *, text: str, negative: bool) -> Conditioning:
        """Conditioning of one prompt in `dtype`: its chunks laid end to end."""
        (clip,) = encoded
        return Conditioning(clip.tokens.flatten(0, 1)[None].to(self.dtype))

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        """The guess of x0 from x = x0 + sigma * noise, (batch, channels, h, w) fp32."""
        scaled = (x / math.sqrt(sigma**2 + 1)).to(self.dtype, memory_format=self.device.memory_format)
        timestep = torch.full((), self.sigmas.timestep_of(sigma), dtype=torch.float32, device=x.device)
        output = self.unet(scaled, timestep, encoder_hidden_states=conditioning.tokens, return_dict=False)[0]
        return self.x0(x, output.float(), sigma)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels of finished latents, (batch, height, width, 3) uint8 on the CPU."""
        return latent_space.decode(self.vae, latents.contiguous(memory_format=self.device.memory_format))

    def vae_in_float32(self) -> AbstractContextManager[None]:
        """Within the block `decode` computes in fp32."""
        return in_float32(self.vae)

    @contextmanager
    def in_float32(self) -> Iterator[StableDiffusion]:
        """The same weights, computing all in fp32, for the block."""
        with in_float32(self.text.text_encoder, self.unet, self.vae):
            yield replace(self, device=replace(self.device, dtype=torch.float32))

    def preview(self) -> LatentPreview:
        """The linear view of its latents, fitted at the first call where it has to be."""
        return self._preview

    @cached_property
    def _preview(self) -> LatentPreview:
        return preview_for(self.vae)

"""Stable Diffusion 1.x and 2.x: CLIP text encoder, U-Net, KL autoencoder; the U-Net predicts noise (eps) or velocity (v).

Scaling between sigma space and what the U-Net was trained on: Karras et al. 2022 (arXiv:2206.00364), table 1 (VP),
and for v Salimans and Ho 2022 (arXiv:2202.00512).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch

from webui.engine import latents as latent_space
from webui.engine.device import Device
from webui.engine.families.base import MASKED, Conditioning, Encoded
from webui.engine.families.latent_model import LatentModel
from webui.engine.schedules import ModelSigmas
from webui.engine.text_encoders import ClipText
from webui.errors import CheckpointUnusable

Prediction = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


def _x0_from_eps(x: torch.Tensor, output: torch.Tensor, sigma: float) -> torch.Tensor:
    return x - output * sigma


def _x0_from_v(x: torch.Tensor, output: torch.Tensor, sigma: float) -> torch.Tensor:
    return x / (sigma**2 + 1) - output * (sigma / math.sqrt(sigma**2 + 1))


PREDICTIONS: Mapping[str, Prediction] = MappingProxyType({"epsilon": _x0_from_eps, "v_prediction": _x0_from_v})
"""diffusers' prediction_type -> x0 from (x, the U-Net's output, sigma)."""


def prediction_of(scheduler: Mapping[str, Any], shown: str) -> Prediction:
    """How x0 follows from what a U-Net says, by its scheduler_config.json. Raises CheckpointUnusable for kinds we don't know."""
    kind = scheduler.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS:
        raise CheckpointUnusable(
            f"scheduler/scheduler_config.json of {shown} says prediction_type {kind!r}, which Easel does not know.",
            hint=f"Known are {', '.join(PREDICTIONS)}.",
        )
    return PREDICTIONS[kind]


class UNetModel(LatentModel):
    """A U-Net in sigma space: how Stable Diffusion 1, 2 and XL denoise."""

    unet: Any
    sigmas: ModelSigmas
    x0: Prediction

    def sigmas_at(self, width: int, height: int) -> ModelSigmas:
        """The noise levels it was trained on, the same for all sizes."""
        return self.sigmas

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        """The guess of x0 from x = x0 + sigma * noise, (batch, channels, h, w) fp32."""
        scaled = self._with_masked(x / math.sqrt(sigma**2 + 1), conditioning).to(self.dtype, memory_format=self.device.denoiser_format)
        timestep = torch.full((), self.sigmas.timestep_of(sigma), dtype=torch.float32, device=x.device)
        output = self.unet(
            scaled,
            timestep,
            encoder_hidden_states=conditioning.tokens,
            added_cond_kwargs=self.added(x, conditioning),
            return_dict=False,
        )[0]
        return self.x0(x, output.float(), sigma)

    def added(self, x: torch.Tensor, conditioning: Conditioning) -> dict[str, torch.Tensor] | None:
        """What the U-Net is told beside the tokens."""
        return None

    @property
    def sees_masks(self) -> bool:
        """Whether it is an inpainting U-Net, which takes a mask and the latents of the masked picture beside the latents."""
        return self.unet.config.in_channels > self.vae.config.latent_channels

    def _with_masked(self, scaled: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        """For an inpainting U-Net: the latents, the mask, and the latents of the masked picture; without one a mask of all and grey."""
        if not self.sees_masks:
            return scaled
        masked = conditioning.further.get(MASKED)
        if masked is not None:
            return torch.cat([scaled, masked.to(scaled)], dim=1)
        blank = self._blank_of(scaled.shape[-2:])
        return torch.cat([scaled, torch.ones_like(scaled[:, :1]), blank.expand(scaled.shape[0], -1, -1, -1)], dim=1)

    def _blank_of(self, size: torch.Size) -> torch.Tensor:
        if size not in self._blanks:
            pixels = torch.zeros(1, 3, *(side * self.pixels_per_latent for side in size))
            self._blanks.clear()
            self._blanks[size] = latent_space.encode(self.vae, pixels)
        return self._blanks[size]

    @cached_property
    def _blanks(self) -> dict[torch.Size, torch.Tensor]:
        return {}


@dataclass(frozen=True)
class StableDiffusion(UNetModel):
    """A loaded Stable Diffusion 1.x or 2.x checkpoint (see Family). unet, vae: diffusers modules on `device`."""

    name: str
    content: str
    text: ClipText
    unet: Any
    vae: Any
    sigmas: ModelSigmas
    x0: Prediction = field(repr=False)
    device: Device = field(repr=False)

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

    def condition(self, encoded: Sequence[Encoded], *, text: str, negative: bool) -> Conditioning:
        """Conditioning of one prompt in `dtype`: its chunks laid end to end."""
        (clip,) = encoded
        return Conditioning(end_to_end(clip.tokens).to(self.dtype))


def end_to_end(chunks: torch.Tensor) -> torch.Tensor:
    """What was said about the chunks of one prompt, (chunks, length, width) -> (1, chunks x length, width)."""
    return chunks.flatten(0, 1)[None]

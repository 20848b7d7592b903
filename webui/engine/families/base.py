"""What the engine asks of a loaded model, whatever its family."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import torch

from webui.engine.preview import LatentPreview
from webui.engine.schedules import ModelSigmas


class Family(Protocol):
    """A loaded checkpoint, ready to draw. All methods run without gradients on the device it was loaded for."""

    @property
    def content(self) -> str:
        """Changes whenever the files it was loaded from change; part of cache keys."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, its activations and its conditioning."""
        ...

    @property
    def sigmas(self) -> ModelSigmas:
        """The noise levels it was trained on."""
        ...

    @property
    def text_layers(self) -> int:
        """How many layers clip_skip can choose from."""
        ...

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(channels, h, w) of the latents of a picture of that many pixels."""
        ...

    def encode_text(self, text: str, clip_skip: int) -> torch.Tensor:
        """Conditioning of one prompt, (1, tokens, width)."""
        ...

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: torch.Tensor) -> torch.Tensor:
        """The guess of x0 from x = x0 + sigma * noise: (batch, channels, h, w) fp32 -> the same. conditioning: (batch, tokens, width)."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels of finished latents, (batch, height, width, 3) uint8 on the CPU. Raises ModelProducedNan."""
        ...

    def vae_in_float32(self) -> AbstractContextManager[None]:
        """Within the block `decode` computes in fp32."""
        ...

    def in_float32(self) -> AbstractContextManager[Family]:
        """The same checkpoint, computing all in fp32; only within the block, in which this one must not be used."""
        ...

    def preview(self) -> LatentPreview:
        """The linear view of its latents."""
        ...

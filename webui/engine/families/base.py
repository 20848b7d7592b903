"""What the engine asks of a loaded model, whatever its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import torch

from webui.engine.preview import LatentPreview
from webui.engine.schedules import ModelSigmas

GUIDANCE = "guidance"
"""Name in Conditioning.further: the distilled guidance, (rows,), for families that have `distilled_guidance`."""

MASKED = "masked"
"""Name in Conditioning.further: for families that see masks, (rows, 1 + channels, h, w): the mask, 1 where it is drawn anew, and the
latents of the picture with that hidden. Without it all is drawn anew."""


@dataclass(frozen=True)
class Conditioning:
    """What a denoiser is told about a prompt. Rows are prompts: one as it is made, one for each picture when they are asked together.

    tokens: (rows, n, width). pooled: (rows, width), for families whose denoiser wants one vector of the whole prompt.
    further: what else a family's own `condition` adds for its own denoiser, by name, rows first.
    """

    tokens: torch.Tensor
    pooled: torch.Tensor | None = None
    further: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many tokens each row has."""
        return self.tokens.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory that its tensors take."""
        return sum(tensor.nbytes for tensor in self.parts())

    def parts(self) -> tuple[torch.Tensor, ...]:
        """All its tensors."""
        return (self.tokens, *(() if self.pooled is None else (self.pooled,)), *self.further.values())

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Conditioning:
        """The same with each tensor changed."""
        pooled = None if self.pooled is None else change(self.pooled)
        return Conditioning(change(self.tokens), pooled, {name: change(tensor) for name, tensor in self.further.items()})

    def expanded(self, rows: int) -> Conditioning:
        """One prompt for that many pictures, without copies."""
        return self.map(lambda tensor: tensor.expand(rows, *tensor.shape[1:]))

    @staticmethod
    def stacked(several: Sequence[Conditioning]) -> Conditioning:
        """The rows of all, in one batch. All are of one family and equally long."""
        pooled = [one.pooled for one in several if one.pooled is not None]
        return Conditioning(
            torch.cat([one.tokens for one in several]),
            torch.cat(pooled) if pooled else None,
            {name: torch.cat([one.further[name] for one in several]) for name in several[0].further},
        )


@dataclass(frozen=True)
class Encoded:
    """What one text encoder says about a prompt. tokens: (chunks, length, width). pooled: (chunks, width) where the encoder has that."""

    tokens: torch.Tensor
    pooled: torch.Tensor | None = None


class TextEncoder(Protocol):
    """A text encoder with its tokenizer. What a prompt's grammar means is decided outside, on token ids and on what comes out."""

    @property
    def layers(self) -> int:
        """How many layers clip_skip can choose from."""
        ...

    @property
    def length(self) -> int:
        """Tokens of one framed chunk."""
        ...

    @property
    def room(self) -> int:
        """How many of them can be words; the rest is the frame."""
        ...

    def tokenize(self, text: str) -> list[int]:
        """Token ids of the words alone, as many as there are."""
        ...

    def framed(self, words: Sequence[int]) -> list[int]:
        """At most `room` ids with start, end and padding around them: `length` ids."""
        ...

    @property
    def token_embedding(self) -> torch.nn.Embedding:
        """Its table: token ids -> vectors."""
        ...

    @property
    def words_start(self) -> int:
        """The place of the first word in a framed chunk."""
        ...

    def encode(self, chunks: Sequence[Sequence[int]], clip_skip: int) -> Encoded:
        """Encode framed chunks, each for itself."""
        ...


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
    def modules(self) -> Mapping[str, torch.nn.Module]:
        """The modules it computes with, by kind of component ("denoiser", "vae", "text_encoder", ...)."""
        ...

    @property
    def distilled_guidance(self) -> bool:
        """Whether the denoiser is told how closely to follow the prompt, instead of being asked twice."""
        ...

    @property
    def sees_masks(self) -> bool:
        """Whether the denoiser was trained to be shown the mask and what is left of the picture (see MASKED)."""
        ...

    @property
    def pixels_per_latent(self) -> int:
        """Pixels along one side of what becomes one latent pixel."""
        ...

    def sigmas_at(self, width: int, height: int) -> ModelSigmas:
        """The noise levels it was trained on, for a picture of that many pixels."""
        ...

    @property
    def text_encoders(self) -> tuple[TextEncoder, ...]:
        """Each is asked about every prompt; `condition` makes one thing of their answers."""
        ...

    @property
    def text_layers(self) -> int:
        """How many layers clip_skip can choose from."""
        ...

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(channels, h, w) of the latents of a picture of that many pixels."""
        ...

    def condition(self, encoded: Sequence[Encoded], *, text: str, negative: bool) -> Conditioning:
        """Conditioning of one prompt, one row in `dtype`, from what each of `text_encoders` said about its chunks."""
        ...

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        """The guess of x0 from noisy latents: (batch, channels, h, w) fp32 -> the same. conditioning: a row for each of the batch."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels of finished latents, (batch, height, width, 3) uint8 on the CPU. Raises ModelProducedNan."""
        ...

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Latents of pictures, (batch, 3, height, width) in -1..1, as `denoise` sees them, fp32 on the device. Raises ModelProducedNan."""
        ...

    def vae_in_float32(self) -> AbstractContextManager[None]:
        """Within the block `decode` and `encode` compute in fp32."""
        ...

    def in_float32(self) -> AbstractContextManager[Family]:
        """The same checkpoint, computing all in fp32; only within the block, in which this one must not be used."""
        ...

    def preview(self) -> LatentPreview:
        """The linear view of its latents."""
        ...

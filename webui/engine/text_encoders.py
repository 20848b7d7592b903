"""Text encoders with their tokenizers, all of one shape (families.base.TextEncoder)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from webui.engine.families.base import Encoded


@dataclass(frozen=True)
class ClipText:
    """A CLIP text encoder with its tokenizer (transformers objects).

    final_norm: whether a layer that clip_skip picks goes through the final layer norm, as Stable Diffusion 1 and 2 were trained.
    least_skip: the layer that clip_skip 1 means, counted from the end: SDXL and SD3 take the one before the last.
    """

    tokenizer: Any
    text_encoder: Any
    final_norm: bool = True
    least_skip: int = 1

    @property
    def layers(self) -> int:
        """How many layers there are to skip from."""
        return int(self.text_encoder.config.num_hidden_layers)

    @property
    def length(self) -> int:
        """Tokens of one chunk, start and end included: what the encoder was trained on, at most what it has positions for."""
        return min(int(self.tokenizer.model_max_length), int(self.text_encoder.config.max_position_embeddings))

    @property
    def room(self) -> int:
        """Tokens between start and end."""
        return self.length - 2

    @property
    def token_embedding(self) -> torch.nn.Embedding:
        """Its table: token ids -> vectors."""
        return self.text_encoder.get_input_embeddings()

    @property
    def words_start(self) -> int:
        """Words come after the start token."""
        return 1

    def tokenize(self, text: str) -> list[int]:
        """Token ids of the words alone, as many as there are."""
        return self.tokenizer(text, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"]

    def framed(self, words: Sequence[int]) -> list[int]:
        """Start token, words, end token, padding."""
        start, end, pad = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        return [start, *words, end, *[pad] * (self.room - len(words))]

    def encode(self, chunks: Sequence[Sequence[int]], clip_skip: int) -> Encoded:
        """Encode framed chunks, each for itself.

        clip_skip: 1 is the last layer, 2 the one before, and so on (AUTOMATIC1111's counting). Beyond the first layer it stays there.
        """
        tokens = torch.tensor(chunks, device=self.text_encoder.device)
        layer = min(max(clip_skip, self.least_skip), self.layers)
        if layer == 1:
            said = self.text_encoder(tokens)
            return Encoded(said.last_hidden_state, _pooled(said))
        said = self.text_encoder(tokens, output_hidden_states=True)
        hidden = said.hidden_states[-layer]
        return Encoded(self._model.final_layer_norm(hidden) if self.final_norm else hidden, _pooled(said))

    @property
    def _model(self) -> Any:
        # With a projection on top, transformers nests the encoder one deeper.
        return getattr(self.text_encoder, "text_model", self.text_encoder)


def _pooled(said: Any) -> torch.Tensor | None:
    return said.text_embeds if hasattr(said, "text_embeds") else said.pooler_output


@dataclass(frozen=True)
class T5Text:
    """The encoder of a T5 with its tokenizer (transformers objects). length: tokens of one chunk; trained models differ in it."""

    tokenizer: Any
    text_encoder: Any
    length: int

    @property
    def layers(self) -> int:
        """Only its last layer is ever used."""
        return 1

    @property
    def room(self) -> int:
        """Tokens before the end token."""
        return self.length - 1

    @property
    def token_embedding(self) -> torch.nn.Embedding:
        """Its table: token ids -> vectors."""
        return self.text_encoder.get_input_embeddings()

    @property
    def words_start(self) -> int:
        """There is no start token."""
        return 0

    def tokenize(self, text: str) -> list[int]:
        """Token ids of the words alone, as many as there are."""
        return self.tokenizer(text, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"]

    def framed(self, words: Sequence[int]) -> list[int]:
        """Words, end token, padding."""
        return [*words, self.tokenizer.eos_token_id, *[self.tokenizer.pad_token_id] * (self.room - len(words))]

    def encode(self, chunks: Sequence[Sequence[int]], clip_skip: int) -> Encoded:
        """Encode framed chunks, each for itself; padding is attended to, as these models were trained. clip_skip: without effect."""
        return Encoded(self.text_encoder(torch.tensor(chunks, device=self.text_encoder.device)).last_hidden_state)

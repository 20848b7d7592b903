"""From words to conditioning: tokens, chunks, the text encoder, and a cache of what it said."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch


def chunk_tokens(tokens: Sequence[int], size: int) -> list[list[int]]:
    """Cut a prompt's tokens into chunks of at most `size`; an empty prompt is one empty chunk."""
    return [list(tokens[start : start + size]) for start in range(0, max(len(tokens), 1), size)]


@dataclass(frozen=True)
class ClipText:
    """A CLIP text encoder with its tokenizer (transformers objects)."""

    tokenizer: Any
    text_encoder: Any

    @property
    def layers(self) -> int:
        """How many layers there are to skip from."""
        return int(self.text_encoder.config.num_hidden_layers)

    @property
    def length(self) -> int:
        """Tokens of one chunk, start and end included: what the encoder was trained on, at most what it has positions for."""
        return min(int(self.tokenizer.model_max_length), int(self.text_encoder.config.max_position_embeddings))

    def tokenize(self, text: str) -> list[list[int]]:
        """Token ids in chunks of `length`: start token, words, end token, padding."""
        words = self.tokenizer(text, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"]
        start, end, pad = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        room = self.length - 2
        return [[start, *chunk, end, *[pad] * (room - len(chunk))] for chunk in chunk_tokens(words, room)]

    def encode(self, text: str, clip_skip: int = 1) -> torch.Tensor:
        """Conditioning of a prompt, (1, chunks x length, width): its chunks are encoded each for itself and laid end to end.

        clip_skip: 1 is the last layer, 2 the one before, and so on; the final layer norm is always applied
        (AUTOMATIC1111's counting). Beyond the first layer it stays there.
        """
        tokens = torch.tensor(self.tokenize(text), device=self.text_encoder.device)
        layer = min(clip_skip, self.layers)
        if layer == 1:
            encoded = self.text_encoder(tokens).last_hidden_state
        else:
            hidden = self.text_encoder(tokens, output_hidden_states=True).hidden_states[-layer]
            encoded = self.text_encoder.final_layer_norm(hidden)
        return encoded.reshape(1, -1, encoded.shape[-1])


def pad_with(conditioning: torch.Tensor, empty: torch.Tensor, tokens: int) -> torch.Tensor:
    """Lengthen conditioning (1, n, width) to `tokens` with the conditioning of the empty prompt (1, length, width)."""
    missing = (tokens - conditioning.shape[1]) // empty.shape[1]
    return torch.cat([conditioning, *[empty] * missing], dim=1) if missing else conditioning


class ConditioningCache:
    """Conditioning made before, least recently used first to go, bounded by bytes."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The tensor kept under `key`, made now if there is none."""
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        made = make()
        self._entries[key] = made
        self._bytes += made.nbytes
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self._bytes -= dropped.nbytes
        return made

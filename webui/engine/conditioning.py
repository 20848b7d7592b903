"""From words to conditioning: tokens, chunks, the text encoders, and a cache of what they said."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import torch

from webui.engine.families.base import Conditioning, Family


def chunk_tokens(tokens: Sequence[int], size: int) -> list[list[int]]:
    """Cut a prompt's tokens into chunks of at most `size`; an empty prompt is one empty chunk."""
    return [list(tokens[start : start + size]) for start in range(0, max(len(tokens), 1), size)]


def encode_text(family: Family, text: str, clip_skip: int, *, negative: bool = False) -> Conditioning:
    """Conditioning of a prompt: its chunks are encoded each for itself and laid end to end."""
    encoded = []
    for encoder in family.text_encoders:
        chunks = chunk_tokens(encoder.tokenize(text), encoder.room)
        encoded.append(encoder.encode([encoder.framed(chunk) for chunk in chunks], clip_skip))
    return family.condition(encoded, text=text, negative=negative)


def pad_with(conditioning: Conditioning, empty: Conditioning, length: int) -> Conditioning:
    """Lengthen conditioning to `length` tokens with the tokens of the empty prompt, as often as they fit."""
    missing = (length - conditioning.length) // empty.length
    if not missing:
        return conditioning
    return replace(conditioning, tokens=torch.cat([conditioning.tokens, *[empty.tokens] * missing], dim=1))


class ConditioningCache:
    """Conditioning made before, least recently used first to go, bounded by bytes."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, Conditioning] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Conditioning]) -> Conditioning:
        """What is kept under `key`, made now if there is none."""
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

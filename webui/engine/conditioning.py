"""From words to conditioning: weighted chunks, the text encoders, and a cache of what they said."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import torch

from webui.engine.adapters.embeddings import NO_EMBEDDINGS, EmbeddingSet
from webui.engine.conditioning_files import ConditioningFiles
from webui.engine.families.base import Conditioning, Encoded, Family, TextEncoder
from webui.generation.prompt.chunks import plan_chunks
from webui.generation.prompt.emphasis import EmphasisMode, Segment, weighted
from webui.generation.prompt.schedules import Timeline


@dataclass(frozen=True)
class Pull:
    """One part of a prompt: what it asks for over the calls of the denoiser, and how strongly.

    place: where it does: 0 is the picture, 1 its first region, and so on.
    """

    conditioning: Timeline[Conditioning]
    weight: float = 1.0
    place: int = 0


@dataclass(frozen=True)
class Wording:
    """How text becomes conditioning; the fields of a request that have a say in it."""

    clip_skip: int = 1
    emphasis: EmphasisMode = "Original"
    comma_backtrack: int = 20


def encode_text(
    family: Family, text: str, wording: Wording = Wording(), embeddings: EmbeddingSet = NO_EMBEDDINGS, *, negative: bool = False
) -> Conditioning:
    """Conditioning of a text with marks of emphasis: its chunks are encoded each for itself and laid end to end.

    embeddings: learned words that it may name.
    """
    segments = weighted(text, wording.emphasis)
    encoded = [_encode_weighted(encoder, segments, wording, embeddings) for encoder in family.text_encoders]
    return family.condition(encoded, text=text, negative=negative)


def _encode_weighted(encoder: TextEncoder, segments: Sequence[Segment], wording: Wording, embeddings: EmbeddingSet) -> Encoded:
    *_, comma = (None, *encoder.tokenize(","))
    chunks = plan_chunks(
        segments,
        encoder.tokenize,
        encoder.room,
        comma=comma,
        backtrack=wording.comma_backtrack,
        find_embedding=embeddings.finder(encoder),
    )
    with embeddings.injected(encoder, chunks):
        encoded = encoder.encode([encoder.framed(chunk.tokens) for chunk in chunks], wording.clip_skip)
    if all(segment.weight == 1 for segment in segments):
        return encoded
    weights = torch.ones(encoded.tokens.shape[:2])
    for row, chunk in zip(weights, chunks, strict=True):
        row[encoder.words_start : encoder.words_start + len(chunk.weights)] = torch.tensor(chunk.weights)
    return replace(encoded, tokens=weigh(encoded.tokens, weights, restore_mean=wording.emphasis == "Original"))


def weigh(tokens: torch.Tensor, weights: torch.Tensor, *, restore_mean: bool) -> torch.Tensor:
    """Multiply what an encoder said, (chunks, length, width), by a weight for each token, (chunks, length).

    restore_mean: then scale each chunk so that its mean is what it was (AUTOMATIC1111's "Original" emphasis).
    """
    plain = tokens.float()
    weighed = plain * weights.to(plain.device)[..., None]
    if restore_mean:
        weighed = weighed * (plain.mean(dim=(1, 2), keepdim=True) / weighed.mean(dim=(1, 2), keepdim=True))
    return weighed.to(tokens.dtype)


def pad_with(conditioning: Conditioning, empty: Conditioning, length: int) -> Conditioning:
    """Lengthen conditioning to `length` tokens with the tokens of the empty prompt, as often as they fit."""
    missing = (length - conditioning.length) // empty.length
    if not missing:
        return conditioning
    return replace(conditioning, tokens=torch.cat([conditioning.tokens, *[empty.tokens] * missing], dim=1))


def stretch_to(conditioning: Conditioning, length: int) -> Conditioning:
    """Lengthen conditioning to `length` tokens with its last one, as AUTOMATIC1111 does with the parts between ANDs."""
    missing = length - conditioning.length
    if not missing:
        return conditioning
    return replace(conditioning, tokens=torch.cat([conditioning.tokens, conditioning.tokens[:, -1:].expand(-1, missing, -1)], dim=1))


class ConditioningCache:
    """Conditioning made before, least recently used first to go, bounded by bytes; and on disk, where files are given."""

    def __init__(self, files: ConditioningFiles | None = None, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._files = files
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Hashable, Conditioning] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], Conditioning]) -> Conditioning:
        """What is kept under `key`, made now if there is none."""
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        made = self._files.get(key, make) if self._files else make()
        self._entries[key] = made
        self._bytes += made.nbytes
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self._bytes -= dropped.nbytes
        return made

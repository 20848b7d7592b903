"""Captions as conditioning. They are plain words: brackets and colons in them mean themselves, as in kohya's trainer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from webui.engine.families.base import Conditioning, Encoded, Family, TextEncoder

MOST_CHUNKS = 3
"""Longer captions are cut: three chunks are 225 words."""


def encode_caption(family: Family, caption: str, clip_skip: int) -> Conditioning:
    """One row. Gradients reach the text encoders where they are on. An empty caption stands for none, which SDXL was told as zeros."""
    words = [encoder.tokenize(caption) for encoder in family.text_encoders]
    chunks = max(1, *(-(-len(ids) // encoder.room) for ids, encoder in zip(words, family.text_encoders, strict=True)))
    said = [_encode(encoder, ids, min(chunks, MOST_CHUNKS), clip_skip) for ids, encoder in zip(words, family.text_encoders, strict=True)]
    return family.condition(said, text=caption, negative=not caption)


def _encode(encoder: TextEncoder, words: Sequence[int], chunks: int, clip_skip: int) -> Encoded:
    return encoder.encode([encoder.framed(words[at * encoder.room : (at + 1) * encoder.room]) for at in range(chunks)], clip_skip)


def as_batch(rows: Sequence[Conditioning]) -> Conditioning:
    """Single rows in one batch. Where they differ in length each is repeated, which changes nothing: attention to the same tokens,
    each several times as often, gives the same answer."""
    length = math.lcm(*(row.length for row in rows))
    return Conditioning.stacked([replace(row, tokens=row.tokens.repeat(1, length // row.length, 1)) for row in rows])


@torch.no_grad()
def encode_each(family: Family, captions: Sequence[str], clip_skip: int) -> dict[str, Conditioning]:
    """Conditioning of each caption, without gradients."""
    return {caption: encode_caption(family, caption, clip_skip) for caption in dict.fromkeys(captions)}

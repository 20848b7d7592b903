from __future__ import annotations

import pytest
import torch

from webui.engine.conditioning import ConditioningCache, chunk_tokens, encode_text, pad_with
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import StableDiffusion

LENGTH = 32


def test_chunks() -> None:
    assert chunk_tokens([], 3) == [[]]
    assert chunk_tokens([1, 2, 3], 3) == [[1, 2, 3]]
    assert chunk_tokens([1, 2, 3, 4], 3) == [[1, 2, 3], [4]]


def chunks_of(family: StableDiffusion, text: str) -> list[list[int]]:
    return [family.text.framed(chunk) for chunk in chunk_tokens(family.text.tokenize(text), family.text.room)]


def test_every_chunk_is_as_long_as_the_encoder_was_trained_on(family: StableDiffusion) -> None:
    assert family.text.length == LENGTH
    short = chunks_of(family, "a red apple")
    start, end = family.text.tokenizer.bos_token_id, family.text.tokenizer.eos_token_id
    assert [len(chunk) for chunk in short] == [LENGTH]
    assert short[0][0] == start
    assert short[0][4:] == [end] * (LENGTH - 4)
    long = chunks_of(family, "a red apple " * 25)
    assert [len(chunk) for chunk in long] == [LENGTH] * 3
    assert all(chunk[0] == start and chunk[-1] == end for chunk in long)


def tokens_of(family: StableDiffusion, text: str, clip_skip: int) -> torch.Tensor:
    return encode_text(family, text, clip_skip).tokens


@torch.no_grad()
def test_long_prompts_become_chunks_laid_end_to_end(family: StableDiffusion) -> None:
    words = "a red apple " * 10
    long = tokens_of(family, words + "a cat", 1)
    first = tokens_of(family, words, 1)
    assert long.shape == (1, 2 * LENGTH, 192)
    assert torch.allclose(long[:, :LENGTH], first, atol=1e-5)
    assert torch.allclose(long[:, LENGTH:], tokens_of(family, "a cat", 1), atol=1e-5)


@torch.no_grad()
def test_padding_with_the_empty_prompt(family: StableDiffusion) -> None:
    empty, short = encode_text(family, "", 1), encode_text(family, "a cat", 1)
    padded = pad_with(short, empty, 3 * LENGTH)
    assert padded.tokens.shape == (1, 3 * LENGTH, 192)
    assert torch.equal(padded.tokens, torch.cat([short.tokens, empty.tokens, empty.tokens], dim=1))
    assert pad_with(short, empty, LENGTH) is short


@torch.no_grad()
def test_equals_what_the_stock_encoder_says(family: StableDiffusion) -> None:
    tokens = family.text.tokenizer("a red apple", padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids
    encoder = family.text.text_encoder
    assert torch.equal(tokens_of(family, "a red apple", 1), encoder(tokens).last_hidden_state)
    layers = encoder(tokens, output_hidden_states=True).hidden_states
    assert torch.equal(tokens_of(family, "a red apple", 2), encoder.final_layer_norm(layers[-2]))
    assert torch.equal(tokens_of(family, "a red apple", 3), encoder.final_layer_norm(layers[-3]))
    assert torch.equal(tokens_of(family, "a red apple", 12), tokens_of(family, "a red apple", 3))
    assert not torch.allclose(tokens_of(family, "a red apple", 1), tokens_of(family, "a red apple", 2), atol=0.1)


def test_cache_drops_the_least_recently_used_by_bytes() -> None:
    cache = ConditioningCache(most_bytes=100)
    made: list[str] = []

    def get(key: str) -> None:
        cache.get(key, lambda: (made.append(key), Conditioning(torch.zeros(1, 2, 5)))[1])

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]


def test_an_entry_larger_than_the_cache_is_still_given() -> None:
    assert ConditioningCache(most_bytes=1).get("key", lambda: Conditioning(torch.ones(1, 2, 5))).tokens.sum() == pytest.approx(10)

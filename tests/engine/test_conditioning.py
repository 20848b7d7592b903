from __future__ import annotations

from typing import Any

import pytest
import torch

from webui.engine.conditioning import ConditioningCache, Wording, encode_text, pad_with, stretch_to, weigh
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import StableDiffusion
from webui.generation.prompt.chunks import plan_chunks
from webui.generation.prompt.emphasis import Segment

LENGTH = 32


def chunks_of(family: StableDiffusion, text: str) -> list[list[int]]:
    return [family.text.framed(chunk.tokens) for chunk in plan_chunks([Segment(text)], family.text.tokenize, family.text.room)]


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


def tokens_of(family: StableDiffusion, text: str, clip_skip: int = 1, **wording: Any) -> torch.Tensor:
    return encode_text(family, text, Wording(clip_skip, **wording)).tokens


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
    empty, short = encode_text(family, ""), encode_text(family, "a cat")
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


@torch.no_grad()
def test_weights_act_on_what_the_encoder_said_and_the_mean_is_restored(family: StableDiffusion) -> None:
    plain = tokens_of(family, "a red apple")
    weights = torch.ones(LENGTH)
    weights[2] = 1.5
    louder = plain * weights[None, :, None]
    assert torch.allclose(tokens_of(family, "a (red:1.5) apple", emphasis="No norm"), louder, atol=1e-6)
    restored = tokens_of(family, "a (red:1.5) apple")
    assert torch.allclose(restored, louder * (plain.mean() / louder.mean()), atol=1e-5)
    assert restored.mean() == pytest.approx(float(plain.mean()), rel=1e-4)


@torch.no_grad()
def test_emphasis_modes(family: StableDiffusion) -> None:
    plain = tokens_of(family, "a red apple")
    assert torch.equal(tokens_of(family, "a (red:1.5) apple", emphasis="Ignore"), plain)
    assert torch.equal(tokens_of(family, "a (red:1.0) apple"), plain)
    brackets = tokens_of(family, "a (red:1.5) apple", emphasis="None")
    assert not torch.allclose(brackets, plain, atol=0.1)
    assert torch.equal(brackets, tokens_of(family, r"a \(red:1.5\) apple"))


def test_the_mean_of_each_chunk_is_its_own() -> None:
    tokens = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1)) + 1
    weights = torch.tensor([[1.0, 2.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    weighed = weigh(tokens, weights, restore_mean=True)
    assert torch.equal(weighed[1], tokens[1])
    assert torch.allclose(weighed.mean(dim=(1, 2)), tokens.mean(dim=(1, 2)))
    assert weigh(tokens.half(), weights, restore_mean=False).dtype == torch.float16


@torch.no_grad()
def test_break_ends_a_chunk(family: StableDiffusion) -> None:
    whole = tokens_of(family, "a red apple BREAK on a blue background")
    assert torch.equal(whole[:, :LENGTH], tokens_of(family, "a red apple"))
    assert torch.equal(whole[:, LENGTH:], tokens_of(family, "on a blue background"))


@torch.no_grad()
def test_a_long_prompt_is_cut_at_its_last_comma(family: StableDiffusion) -> None:
    start = "a red apple " * 9
    long = start + ", a cat with a hat"
    assert torch.allclose(tokens_of(family, long)[:, LENGTH:], tokens_of(family, "a cat with a hat"), atol=1e-5)
    assert torch.allclose(tokens_of(family, long, comma_backtrack=0)[:, LENGTH:], tokens_of(family, "with a hat"), atol=1e-5)


def test_stretching_repeats_the_last_token() -> None:
    short = Conditioning(torch.arange(6.0).reshape(1, 3, 2))
    assert stretch_to(short, 3) is short
    assert stretch_to(short, 5).tokens[0].tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]


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

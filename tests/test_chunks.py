"""Chunks of 75 tokens: where long prompts are cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.generation.prompt.chunks import Chunk, Embedding, plan_chunks
from webui.generation.prompt.emphasis import Segment, weighted

COMMA = 0


def tokenize(text: str) -> list[int]:
    """One token for each word, its number; a comma is 0."""
    return [COMMA if word == "," else int(word) for word in text.replace(",", " , ").split()]


def plan(text: str, room: int = 5, backtrack: int = 3) -> list[list[int]]:
    return [chunk.tokens for chunk in plan_chunks(weighted(text), tokenize, room, comma=COMMA, backtrack=backtrack)]


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("", [[]]),
        ("1 2 3", [[1, 2, 3]]),
        ("1 2 3 4 5", [[1, 2, 3, 4, 5]]),
        ("1 2 3 4 5 6", [[1, 2, 3, 4, 5], [6]]),
        ("1 2, 3 4 5", [[1, 2, 0], [3, 4, 5]]),
        ("1, 2 3 4 5", [[1, 0, 2, 3, 4], [5]]),
        ("1 2 3 4, 5", [[1, 2, 3, 4, 0], [5]]),
        ("1 2 3 4 5, 6", [[1, 2, 3, 4, 5], [0, 6]]),
        ("1 2 BREAK 3", [[1, 2], [3]]),
        ("BREAK 1", [[], [1]]),
        ("1 BREAK", [[1]]),
        ("1 BREAK BREAK 2", [[1], [], [2]]),
        ("1 2 3 4 5 BREAK 6", [[1, 2, 3, 4, 5], [6]]),
    ],
)
def test_where_prompts_are_cut(text: str, chunks: list[list[int]]) -> None:
    assert plan(text) == chunks


def test_without_backtracking_a_chunk_is_filled() -> None:
    assert plan("1 2, 3 4 5", backtrack=0) == [[1, 2, 0, 3, 4], [5]]


def test_weights_go_with_their_tokens() -> None:
    first, second = plan_chunks(weighted("1 (2, 3:1.5) 4 5 6"), tokenize, 5, comma=COMMA, backtrack=3)
    assert (first.tokens, first.weights) == ([1, 2, 0], [1, 1.5, 1.5])
    assert (second.tokens, second.weights) == ([3, 4, 5, 6], [1.5, 1, 1, 1])


def find(tokens: list[int], position: int) -> Embedding | None:
    """The words 8 9 are an embedding of three vectors, 7 is one of twenty."""
    if tokens[position : position + 2] == [8, 9]:
        return Embedding("eight nine", 2, 3)
    return Embedding("seven", 1, 20) if tokens[position] == 7 else None


def embedded(text: str) -> list[Chunk]:
    return plan_chunks(weighted(text), tokenize, 5, comma=COMMA, backtrack=3, find_embedding=find)


def test_an_embedding_takes_as_many_places_as_it_has_vectors_and_is_never_split() -> None:
    first, second = embedded("1 2 3 (8 9:2) 4")
    assert first == Chunk([1, 2, 3], [1, 1, 1])
    assert second == Chunk([0, 0, 0, 4], [2, 2, 2, 1], [(0, Embedding("eight nine", 2, 3))])


def test_an_embedding_that_moves_with_the_words_behind_a_comma_keeps_its_place() -> None:
    first, second = embedded("1, 8 9 4")
    assert first.tokens == [1, 0, 0, 0, 0]
    assert [place for place, _ in first.embeddings] == [2]
    first, second = embedded("1 2, 3 8 9")
    assert (first.tokens, second.embeddings) == ([1, 2, 0, 3], [(0, Embedding("eight nine", 2, 3))])


def test_an_embedding_longer_than_a_chunk_is_cut() -> None:
    assert [chunk.tokens for chunk in embedded("1 7 2")] == [[1], [0] * 5, [2]]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=30), max_size=6), st.integers(1, 12), st.integers(0, 12))
def test_no_token_is_lost_and_no_chunk_too_long(words: list[list[int]], room: int, backtrack: int) -> None:
    segments = [Segment(" ".join(map(str, part)), weight) for weight, part in enumerate(words, 1)]
    chunks = plan_chunks(segments, lambda text: [int(word) for word in text.split()], room, comma=COMMA, backtrack=backtrack)
    assert [token for chunk in chunks for token in chunk.tokens] == [token for part in words for token in part]
    assert [weight for chunk in chunks for weight in chunk.weights] == [weight for weight, part in enumerate(words, 1) for _ in part]
    assert all(len(chunk.tokens) <= room for chunk in chunks)

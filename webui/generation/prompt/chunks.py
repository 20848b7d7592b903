"""Chunks: how weighted text becomes the rows of tokens that a text encoder takes.

A prompt may be longer than an encoder was trained on: it is cut into chunks, each encoded for itself. BREAK ends a chunk, and a
chunk that is full ends at its last comma if that is near. The rules are AUTOMATIC1111's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from webui.generation.prompt.emphasis import Segment


@dataclass(frozen=True)
class Word:
    """One token: its number, and the piece of text it stands for; empty where the token before stands for the same letter."""

    token: int
    text: str


Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class Embedding:
    """A learned word found among the tokens. length: how many tokens its name takes. vectors: how many places it fills."""

    name: str
    length: int
    vectors: int


FindEmbedding = Callable[[Sequence[int], int], Embedding | None]
"""The embedding whose name starts at that position of those tokens, the longest one where several do."""


@dataclass
class Chunk:
    """At most as many tokens as an encoder has room for, start and end not counted.

    weights: one for each token. embeddings: which ones stand where; the tokens in their places are 0.
    """

    tokens: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    embeddings: list[tuple[int, Embedding]] = field(default_factory=list)

    def add(self, token: int, weight: float) -> None:
        """One more token."""
        self.tokens.append(token)
        self.weights.append(weight)

    def split_at(self, place: int) -> tuple[Chunk, Chunk]:
        """What stands before that place, and what stands from it on."""
        before = [(at, embedding) for at, embedding in self.embeddings if at < place]
        after = [(at - place, embedding) for at, embedding in self.embeddings if at >= place]
        return Chunk(self.tokens[:place], self.weights[:place], before), Chunk(self.tokens[place:], self.weights[place:], after)


def plan_chunks(
    segments: Iterable[Segment],
    tokenize: Tokenize,
    room: int,
    *,
    comma: int | None = None,
    backtrack: int = 0,
    find_embedding: FindEmbedding = lambda tokens, position: None,
) -> list[Chunk]:
    """Lay segments into chunks of at most `room` tokens; an empty prompt is one empty chunk.

    comma: the token of a comma. backtrack: a full chunk ends at its last comma if at most that many tokens stand behind it.
    An embedding is never split, unless it is longer than a chunk; then the rest of it is left out.
    """
    chunks: list[Chunk] = []
    chunk = Chunk()
    last_comma: int | None = None

    def end_chunk(rest: Chunk | None = None) -> None:
        nonlocal chunk, last_comma
        chunks.append(chunk)
        chunk, last_comma = rest or Chunk(), None

    for segment in segments:
        if segment.ends_chunk:
            end_chunk()
            continue
        tokens = tokenize(segment.text)
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token == comma:
                last_comma = len(chunk.tokens)
            elif len(chunk.tokens) == room and last_comma is not None and room - last_comma <= backtrack:
                chunk, rest = chunk.split_at(last_comma + 1)
                end_chunk(rest)
            if len(chunk.tokens) == room:
                end_chunk()
            embedding = find_embedding(tokens, position)
            if embedding is None:
                chunk.add(token, segment.weight)
                position += 1
                continue
            vectors = min(embedding.vectors, room)
            if len(chunk.tokens) + vectors > room:
                end_chunk()
            chunk.embeddings.append((len(chunk.tokens), embedding))
            for _ in range(vectors):
                chunk.add(0, segment.weight)
            position += embedding.length
    if chunk.tokens or not chunks:
        end_chunk()
    return chunks

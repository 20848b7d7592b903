"""The words of a prompt that are worth counting, and pairs of neighbours among them."""

from __future__ import annotations

import functools
import re
from sys import intern

_TAG = re.compile(r"<[^<>]*>")
_WEIGHT = re.compile(r":\s*-?\d*\.?\d+\s*(?=[)\]>])")
_PHRASE = re.compile(r"[,.;:!?()\[\]{}|\n\\\"]+|\bBREAK\b|\bAND\b")
_WORD = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
# Scripts without spaces between words: a whole phrase is what people search for.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_LONGEST = 40

_STOP = frozenset(
    word
    for line in (
        "a an and are as at be been by for from has have her his in into is it its my no not of off on or our out over she he so than",
        "that the their them there these they this those to too under up very was we were which while who with without you your",
    )
    for word in line.split()
)
"""Words that stand in every sentence and say nothing of a picture."""


@functools.lru_cache(maxsize=20_000)  # each part of an analysis asks for the same prompts; emptied at its end
def terms_of(prompt: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a prompt in small letters, and pairs of words that stand side by side ("soft light"); weights and tags left out."""
    words: set[str] = set()
    pairs: set[str] = set()
    for phrase in _PHRASE.split(_WEIGHT.sub("", _TAG.sub(",", prompt))):
        if _UNSPACED.search(phrase):
            words.add(phrase.strip()[:_LONGEST])
            continue
        last = ""
        for match in _WORD.finditer(phrase.lower()):
            word = match[0]
            telling = 1 < len(word) <= _LONGEST and word not in _STOP and not word.isdecimal()
            if telling:
                word = intern(word)
                words.add(word)
                if last and last != word:
                    pairs.add(intern(f"{last} {word}"))
            last = word if telling else ""
    return frozenset(words), frozenset(pairs)

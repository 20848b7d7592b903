"""What was changed from one prompt to another: words added, removed and reweighted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np

from webui.generation.prompt.emphasis import EmphasisMode
from webui.generation.prompt.words import PromptWord, words_of

ChangeKind = Literal["same", "added", "removed", "reweighted"]

MOST_CELLS = 16_000_000
"""Of the table by which two word lists are compared (16 MB twice over); what is longer is told as removed and added as a whole."""


@dataclass(frozen=True)
class Run:
    """Neighbouring words that fared alike. before, after: their weight in the first and the second prompt, None where they aren't in it.

    spaced: whether white space stands before them. when: as of PromptWord.
    """

    kind: ChangeKind
    text: str
    before: float | None
    after: float | None
    when: str = ""
    spaced: bool = True


def prompt_changes(before: str, after: str, *, negative: bool = False, mode: EmphasisMode = "Original") -> tuple[Run, ...]:
    """The words of both prompts in order, told as runs: what is the same, and what is not. Never raises.

    A word that only changed its weight is reweighted; a change of spaces or brackets that changes neither is no change.
    """
    first, second = (words_of(text, negative=negative, mode=mode) for text in (before, after))
    return tuple(_joined(_changes(first, second)))


def counts(runs: Sequence[Run]) -> dict[ChangeKind, int]:
    """How many runs were added, removed and reweighted; punctuation alone is not counted."""
    told = [run for run in runs if run.kind == "reweighted" or any(letter.isalnum() for letter in run.text)]
    kinds: tuple[ChangeKind, ...] = ("added", "removed", "reweighted")
    return {kind: sum(run.kind == kind for run in told) for kind in kinds}


def _changes(first: Sequence[PromptWord], second: Sequence[PromptWord]) -> Iterator[Run]:
    pairs = matching([word.key for word in first], [word.key for word in second])
    at = to = 0
    for left, right in [*pairs, (len(first), len(second))]:
        for word in first[at:left]:
            yield Run("removed", word.text, word.weight, None, word.when, word.spaced)
        for word in second[to:right]:
            yield Run("added", word.text, None, word.weight, word.when, word.spaced)
        if left < len(first):
            old, new = first[left], second[right]
            kind: ChangeKind = "same" if _alike(old, new) else "reweighted"
            yield Run(kind, new.text, old.weight, new.weight, new.when, new.spaced)
        at, to = left + 1, right + 1


def _alike(old: PromptWord, new: PromptWord) -> bool:
    # A comma's weight is that of the brackets around it; whoever reads doesn't mind it. Of tags all numbers count.
    return (old.weight == new.weight and (old.network is None or old.text == new.text)) or (new.is_mark and new.text != ":")


def matching(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Places of the longest common subsequence in both sequences, rising.

    Takes time and memory of the product of the lengths between a common beginning and end; beyond MOST_CELLS the middle has none.
    """
    begin = 0
    while begin < min(len(first), len(second)) and first[begin] == second[begin]:
        begin += 1
    end = 0
    while end < min(len(first), len(second)) - begin and first[-1 - end] == second[-1 - end]:
        end += 1
    middle = _middle(first[begin : len(first) - end], second[begin : len(second) - end])
    return [
        *((place, place) for place in range(begin)),
        *((begin + left, begin + right) for left, right in middle),
        *((len(first) - place, len(second) - place) for place in range(end, 0, -1)),
    ]


def _middle(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[tuple[int, int]]:
    if not first or not second or len(first) * len(second) > MOST_CELLS:
        return []
    numbers = {key: number for number, key in enumerate(dict.fromkeys([*first, *second]))}
    left, right = (np.array([numbers[key] for key in keys]) for keys in (first, second))
    # lengths[i, j]: of the longest one of first[i:] and second[j:], row by row from the end. Within a row it never rises, so
    # what the cell beside it knows comes in by one accumulate.
    lengths = np.zeros((len(left) + 1, len(right) + 1), np.uint16)
    for row in range(len(left) - 1, -1, -1):
        below = lengths[row + 1]
        longest = np.maximum(below[:-1], below[1:] + (right == left[row]))
        lengths[row, :-1] = np.maximum.accumulate(longest[::-1])[::-1]
    pairs, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1, j] >= lengths[i, j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _joined(runs: Iterator[Run]) -> Iterator[Run]:
    """Neighbours of one kind, weights and moment as one run; a comma ends a run that is no longer the same, a tag stands alone."""

    def kind_of(numbered: tuple[int, Run]) -> tuple[object, ...]:
        run, phrase = numbered[1], numbered[0]
        return (run.kind, run.before, run.after, run.when, phrase if run.kind != "same" else 0)

    for _, group in groupby(_by_phrase(runs), key=kind_of):
        parts = [run for _, run in group]
        text = "".join(f" {run.text}" if number and run.spaced else run.text for number, run in enumerate(parts))
        yield replace(parts[0], text=text)


def _by_phrase(runs: Iterator[Run]) -> Iterator[tuple[int, Run]]:
    """Each run with the number of its phrase."""
    phrase = 0
    for run in runs:
        tag = run.text.startswith("<")
        phrase += tag
        yield phrase, run
        phrase += tag or run.text == ","

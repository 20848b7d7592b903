"""The words of one's own history, counted."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from dataclasses import dataclass

from webui.generation.prompt.completion import words_of
from webui.studio.history import History

NEWEST = 10_000
"""Jobs whose words are counted; older ones say little of what one draws now."""

_LETTERS = 2
"""By so many first letters words are found; with fewer there would be too much to choose from."""


@dataclass
class _Used:
    text: str
    uses: int


class Vocabulary:
    """Words and phrases of the prompts (or the negative ones) in history. May be used from any thread.

    What came since the last question is counted at the next one.
    """

    def __init__(self, history: History, *, negative: bool) -> None:
        self._history = history
        self._negative = negative
        self._lock = threading.Lock()
        self._last = 0
        self._by_letters: dict[str, dict[str, _Used]] = {}

    def beginning_with(self, begin: str, limit: int) -> list[tuple[str, int]]:
        """What begins so, with how many jobs it stands in, most first. Nothing for a single letter.

        The first question takes up to a second, for all of history is counted then.
        """
        begin = begin.casefold()
        with self._lock:
            self._count()
            known = self._by_letters.get(begin[:_LETTERS], {})
            found = [(used.uses, used.text) for key, used in known.items() if key.startswith(begin) and key != begin]
        return [(text, uses) for uses, text in heapq.nlargest(limit, found)]

    def _count(self) -> None:
        self._last, prompts = self._history.prompts_after(self._last, NEWEST, negative=self._negative)
        for prompt, uses in Counter(prompts).items():
            for text in words_of(prompt):
                key = text.casefold()
                used = self._by_letters.setdefault(key[:_LETTERS], {}).setdefault(key, _Used(text, 0))
                used.uses += uses

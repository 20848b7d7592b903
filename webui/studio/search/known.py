"""What the pictures of history have: checkpoints, LoRAs, tags, sizes and the like, each with how many have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sqlalchemy import Connection, func, select

from webui.studio.tables import facet_count, tag
from webui.studio.whose import EVERYBODY, Whose

OWN_TOOL = "Easel"
"""The program of what no other one made."""

TRAIT_LETTERS = {
    "checkpoint": "m",
    "sampler": "s",
    "kind": "k",
    "tool": "t",
    "steps": "n",
    "cfg": "c",
    "size": "d",
    "shape": "r",
    "lora": "l",
    "with": "w",
}
"""Traits have a word in the index, by the letter of their kind. The triggers of form 0007 write it."""


def trait_word(kind: str, value: str) -> str:
    """How a trait stands in the index of words."""
    return f"zzz{TRAIT_LETTERS[kind]}{value.encode().hex()}"


class Known:
    """Looked up on one connection, each kind once; of everybody's pictures, or of one person's."""

    def __init__(self, connection: Connection, whose: Whose = EVERYBODY) -> None:
        self._connection = connection
        self.whose = whose
        self.counts: Callable[[str], dict[str, int]] = cache(self._counts)

    def _counts(self, kind: str) -> dict[str, int]:
        mine = facet_count.c.kind == kind, self.whose.are(facet_count)
        rows = self._connection.execute(select(facet_count.c.value, func.sum(facet_count.c.n)).where(*mine).group_by(facet_count.c.value))
        return {row[0]: row[1] for row in rows}

    def others(self) -> bool:
        """Whether somebody else has pictures, too."""
        shown = facet_count.c.kind == "picture", facet_count.c.n > 0, facet_count.c.owner != (self.whose.owner or "")
        return self._connection.execute(select(facet_count.c.owner).where(*shown).limit(1)).first() is not None

    def count(self, kind: str, values: Iterable[str] = ("",)) -> int:
        """How many pictures have one of these, at most."""
        counts = self.counts(kind)
        return sum(counts.get(value, 0) for value in values)

    def named(self, kind: str, text: str, *, exactly: bool = False) -> list[str]:
        """The values that a text may mean: the one that is called so, else all that have it in their name; with a * those that begin so."""
        wanted = text.casefold()
        values = [(value, value.casefold()) for value in self.counts(kind)]
        if wanted.endswith("*") and not exactly:
            return [value for value, folded in values if folded.startswith(wanted.rstrip("*"))]
        same = [value for value, folded in values if folded == wanted]
        return same or ([] if exactly else [value for value, folded in values if wanted in folded])

    def sizes(self, fits: Callable[[int, int], bool]) -> list[str]:
        """The sizes for which that holds."""
        return [value for value in self.counts("size") if fits(*_size(value))]

    def numbers(self, kind: str, fits: Callable[[float], bool]) -> list[str]:
        """The steps or CFG scales for which that holds."""
        return [value for value in self.counts(kind) if fits(float(value))]

    def tags(self, names: Iterable[str]) -> list[int]:
        """Their numbers."""
        return list(self._connection.execute(select(tag.c.id).where(tag.c.name.in_(list(names)))).scalars())

    def first(self, query: Any) -> Any:
        """The first value that a query finds, else None."""
        return self._connection.execute(query).scalar()


def _size(value: str) -> tuple[int, int]:
    width, _, height = value.partition("x")
    return int(width), int(height)

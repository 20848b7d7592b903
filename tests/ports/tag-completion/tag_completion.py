"""The idea of tag completion add-ons: tags.csv in the add-on's folder (name, category, uses, "other names") is offered while one types.

Such lists come with their own licences, so people bring theirs.
"""

from __future__ import annotations

import csv
import functools
import heapq
from collections.abc import Iterator
from pathlib import Path

from webui.extensions import hookimpl
from webui.extensions.easel import Easel
from webui.generation.prompt.completion import Completion, escaped, rank, typed

MOST_OFFERED = 20
SHORTEST = 2


class Here:
    """Where the list is, once Easel has told it."""

    file = Path("tags.csv")


@hookimpl
def started(easel: Easel) -> None:
    Here.file = easel.folder / "tags.csv"


@functools.lru_cache(maxsize=1)
def tags(file: Path, changed: int) -> list[tuple[str, str, int]]:
    """(what is typed, the tag that it stands for, uses), other names among them."""
    found = []
    with file.open(newline="", encoding="utf-8") as lines:
        for name, _, uses, *others in csv.reader(lines):
            tag, count = name.replace("_", " "), int(uses or 0)
            found += [(word.replace("_", " ").strip(), tag, count) for word in (name, *",".join(others).split(",")) if word.strip()]
    return found


@hookimpl
def complete(text: str) -> Iterator[Completion]:
    begun = typed(text).phrase
    if len(begun) < SHORTEST or not Here.file.is_file():
        return
    known = tags(Here.file, Here.file.stat().st_mtime_ns)
    fitting = ((place, -uses, word, tag) for word, tag, uses in known if (place := rank(word, begun)) is not None)
    for _, uses, word, tag in heapq.nsmallest(MOST_OFFERED, fitting):
        yield Completion("history", tag, escaped(tag), begun, "" if word == tag else word, -uses)

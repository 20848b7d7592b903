"""Places of add-ons where models can be looked for and fetched from. Asked only when somebody presses a button."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from webui.catalog.header import readable
from webui.extensions.calling import Answer
from webui.extensions.offers import FoundModel, ModelFileAddress
from webui.extensions.registry import ExtensionRegistry

HOOK = "model_sources"
MOST_FOUND = 100
"""Of one source."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Resolved:
    """What an add-on makes of an address. source: what it calls itself."""

    extension: str
    source: str
    files: tuple[ModelFileAddress, ...]


class ModelSources:
    """All of them. sources: every ModelSource that is offered. kinds: of models that have a folder. May be called from any thread."""

    def __init__(self, extensions: ExtensionRegistry, sources: Callable[[], Sequence[Answer]], kinds: Sequence[str]) -> None:
        self._extensions = extensions
        self._sources = sources
        self._kinds = frozenset(kinds)

    def all(self) -> list[dict[str, Any]]:
        """Who they are, and whether they can be searched."""
        return [
            {"extension": one.extension, "name": readable(one.value.name), "searches": one.value.search is not None}
            for one in self._sources()
        ]

    def search(self, words: str) -> dict[str, Any]:
        """What those know that can be searched; one that fails stops no other, and is named in `problems`."""
        items: list[dict[str, Any]] = []
        problems: list[str] = []
        for answer in self._sources():
            search = answer.value.search
            if search is None:
                continue
            found = self._ask(answer, lambda search=search: [self._found(one) for one in list(search(words))[:MOST_FOUND]])
            if found is None:
                problems.append(f"{readable(answer.value.name)} could not be asked: the add-on {answer.extension} failed.")
            items += [{"extension": answer.extension, "source": readable(answer.value.name), **one} for one in found or ()]
        return {"items": items, "problems": problems}

    def resolve(self, address: str) -> Resolved | None:
        """What the first add-on that knows an address makes of it; None where none does."""
        for answer in self._sources():
            resolve = answer.value.resolve
            files = None if resolve is None else self._ask(answer, lambda resolve=resolve: self._files(resolve(address)))
            if files:
                return Resolved(answer.extension, readable(answer.value.name), files)
        return None

    def _ask(self, answer: Answer, function: Callable[[], Any]) -> Any:
        return self._extensions.call(answer.extension, HOOK, function)

    def _found(self, one: Any) -> dict[str, Any]:
        if not isinstance(one, FoundModel):
            raise TypeError(f"it found a {type(one).__name__} where a FoundModel is wanted")
        kind = one.kind if one.kind in self._kinds else ""
        size = one.bytes if isinstance(one.bytes, int) and one.bytes >= 0 else None
        texts = {name: readable(str(getattr(one, name)))[:500] for name in ("title", "address", "detail")}
        return {**texts, "kind": kind, "size": size}

    def _files(self, found: Any) -> tuple[ModelFileAddress, ...]:
        files = tuple(found or ())
        for one in files:
            if not isinstance(one, ModelFileAddress):
                raise TypeError(f"it resolved to a {type(one).__name__} where a ModelFileAddress is wanted")
            if one.sha256 and not _SHA256.fullmatch(one.sha256):
                raise ValueError(f"the SHA-256 of {one.name} is none: 64 hex digits in small letters")
            if one.kind and one.kind not in self._kinds:
                raise ValueError(f"{one.kind!r} is no kind of models; there are {', '.join(sorted(self._kinds))}")
        return files

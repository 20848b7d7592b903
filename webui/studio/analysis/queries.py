"""The search that finds the pictures behind a mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def quoted(text: str) -> str:
    """A text as a value of a search."""
    return '"' + text.replace('"', "") + '"'


def words_query(text: str) -> str:
    """What has these words, side by side, in its prompt."""
    return f"prompt:{quoted(text)}"


def _range(field: str) -> Callable[[Mapping[str, Any]], str]:
    def query(trait: Mapping[str, Any]) -> str:
        low, high = trait["low_value"], trait["high_value"]
        return f"{field}:{low:g}" if low == high else f"{field}:{low:g}..{high:g}"

    return query


def _named(field: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda trait: f"{field}:{quoted(trait['value'])}"


_QUERIES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "word": lambda trait: words_query(trait["value"]),
    "pair": lambda trait: words_query(trait["value"]),
    "model": _named("model"),
    "lora": _named("lora"),
    "sampler": _named("sampler"),
    "kind": _named("kind"),
    "tool": _named("tool"),
    "shape": _named("ratio"),
    "steps": _range("steps"),
    "cfg": _range("cfg"),
}


def trait_query(trait: Mapping[str, Any]) -> str:
    """What has a trait, as `lift.lifts` tells it."""
    return _QUERIES[trait["kind"]](trait)

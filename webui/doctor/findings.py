"""What a check finds: one line with a state, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "bad", "unchecked"]
"""unchecked: not known yet: nobody has asked for a check that takes its time, or the engine is still starting."""


@dataclass(frozen=True)
class Finding:
    """text: what was found, in a line. advice: what to do; empty when there is nothing. items: one line each, the details."""

    state: State
    text: str
    advice: str = ""
    items: tuple[str, ...] = ()


def ok(text: str, items: Iterable[str] = ()) -> Finding:
    """All is well."""
    return Finding("ok", text, items=tuple(items))


def warn(text: str, advice: str, items: Iterable[str] = ()) -> Finding:
    """Easel works, but somebody should know."""
    return Finding("warn", text, advice, tuple(items))


def bad(text: str, advice: str, items: Iterable[str] = ()) -> Finding:
    """Something doesn't work until it is mended."""
    return Finding("bad", text, advice, tuple(items))


def unknown(text: str) -> Finding:
    """It can't be told yet."""
    return Finding("unchecked", text)


def worst(states: Iterable[State]) -> State:
    """The state of the whole; "ok" where nothing was checked."""
    known = set(states)
    return "bad" if "bad" in known else "warn" if "warn" in known else "ok"

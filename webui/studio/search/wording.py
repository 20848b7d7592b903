"""What is asked of the index of words, for each kind of database to say in its own language."""

from __future__ import annotations

from dataclasses import dataclass

ANYWHERE = ("prompt", "note")
"""Where plain words are looked for."""


@dataclass(frozen=True)
class Said:
    """These words one after the other, in one of these columns: prompt, negative_prompt, note. begins: the last is a word's beginning."""

    text: str
    columns: tuple[str, ...] = ANYWHERE
    begins: bool = False


@dataclass(frozen=True)
class Traits:
    """One of these traits, as they stand in the index (`webui.studio.search.known.trait_word`)."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Every:
    """All of these."""

    parts: tuple[Wording, ...]


@dataclass(frozen=True)
class Either:
    """One of these at least."""

    parts: tuple[Wording, ...]


@dataclass(frozen=True)
class Except:
    """The first, and none of the others."""

    wanted: Wording
    unwanted: tuple[Wording, ...]


Wording = Said | Traits | Every | Either | Except

"""What is being typed at the end of a text, and ways on from there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from webui.generation.prompt.reading import LORA_KINDS

CompletionKind = Literal["lora", "embedding", "style", "wildcard", "history"]

MOST_TYPED = 200
"""Characters before the caret that matter: names and phrases are shorter."""

_TAG = re.compile(r"<(\w*)(?::([^<>:\n]*))?\Z")
_PHRASE = re.compile(r"(?s:.*)(?:^|[,\n()\[\]{}|:<>]|\b(?:AND|BREAK)\b)[^\S\n]*([^,\n()\[\]{}|:<>]*)\Z")
_WORD = re.compile(r"\S*\Z")
_MARK = re.compile(r"[\\()\[\]]")
_NOT_IN_TAGS = re.compile(r"[<>:\n]")

_TAGS = re.compile(r"<[^<>]*>")
_WEIGHTS = re.compile(r":\s*[+-]?[\d.]+(?=\s*[)\]])")
_BETWEEN = re.compile(r"[,\n{}|:]|__|\b(?:AND|BREAK)\b")
_SPELT = re.compile(r"[^\W\d_][\w'-]+")
_SHORTEST, _LONGEST = 3, 60


@dataclass(frozen=True)
class Completion:
    """A way on. replaces: the end of the text that `insert` takes the place of (of a style: its name, for a request's `styles`).

    uses: how often it was used; 0 where nobody counts. model: the id of the model that it names, for a preview; empty for none.
    """

    kind: CompletionKind
    label: str
    insert: str
    replaces: str
    detail: str = ""
    uses: int = 0
    model: str = ""


@dataclass(frozen=True)
class Typed:
    """What is being typed. tag: the letters of a LoRA's name, None outside of a tag. All are empty where there is nothing to go on."""

    tag: str | None = None
    phrase: str = ""
    word: str = ""
    replaces: str = ""


def typed(text: str) -> Typed:
    """What is being typed at the end of a text. In comments that is nothing."""
    if "#" in text[text.rfind("\n") + 1 :]:
        return Typed()
    text = text[-MOST_TYPED:]
    tag = _TAG.search(text)
    if tag is not None:
        kind, name = tag[1].casefold(), tag[2]
        known = kind in LORA_KINDS if name is not None else any(one.startswith(kind) for one in LORA_KINDS)
        return Typed(name or "", replaces=tag[0]) if known else Typed()
    phrase = _PHRASE.match(text)
    if phrase is None:
        return Typed()
    word = _WORD.search(phrase[1])
    return Typed(phrase=phrase[1], word=word[0] if word else "")


def escaped(name: str) -> str:
    """A name as it is written in a prompt: its brackets are no marks."""
    return _MARK.sub(r"\\\g<0>", name)


def tag_of(name: str, weight: float) -> str | None:
    """The tag that asks for a LoRA; None for a name that no tag can hold."""
    return None if _NOT_IN_TAGS.search(name) else f"<lora:{name}:{weight:g}>"


def rank(name: str, begin: str) -> int | None:
    """How well a name goes on from what is typed: 0 as its beginning, 1 as a word in it, 2 within a word, None not at all."""
    name, begin = name.casefold(), begin.casefold()
    place = name.find(begin)
    if place < 0:
        return None
    if place == 0:
        return 0
    return 1 if re.search(rf"(?<![^\W_]){re.escape(begin)}", name) else 2


def words_of(prompt: str) -> Iterable[str]:
    """The words of a prompt, and what stands between its commas where that is several; each once, marks and weights left out."""
    lines = (line.partition("#")[0] for line in prompt.split("\n"))
    found: dict[str, None] = {}
    for part in _BETWEEN.split(_WEIGHTS.sub("", _TAGS.sub(",", "\n".join(lines)))):
        phrase = " ".join(_MARK.sub("", part).split()).strip(" .;")
        spelt = [word for word in _SPELT.findall(phrase) if _SHORTEST <= len(word) <= _LONGEST]
        if " " in phrase and spelt and len(phrase) <= _LONGEST:
            found[phrase] = None
        found.update(dict.fromkeys(spelt))
    return found

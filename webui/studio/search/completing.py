"""Ways on for a search that is being typed: fields, what may stand behind their colons, and words of one's own prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from webui.studio.search.fields import FIELDS, LEAST_LETTERS, Field
from webui.studio.search.known import Known
from webui.studio.search.terms import MOST_CHARACTERS, Term, Text, read_terms

MOST = 12

Words = Callable[[str, int], list[tuple[str, int]]]
"""Words and phrases of prompts that begin so, at most so many, with how often each was used."""


@dataclass(frozen=True)
class WayOn:
    """One way on. text: what replaces the part that is being typed; n: how many pictures have it, None where that isn't known."""

    text: str
    label: str
    n: int | None = None


@dataclass(frozen=True)
class WaysOn:
    """Ways on, best first, for what stands from start to end."""

    start: int
    end: int
    items: list[WayOn]


def ways_on(text: str, caret: int, known: Known, words: Words) -> WaysOn:
    """Ways on at the caret. Raises InvalidRequest where the text is too long."""
    caret = min(caret, len(text), MOST_CHARACTERS)
    term = next((term for term in read_terms(text[:caret]) if term.end == caret and term.start < caret), None)
    if term is None:
        return WaysOn(caret, caret, list(islice(_fields(""), MOST)))
    start = term.start + term.negated
    if term.field not in FIELDS:
        if term.field or term.values[0].quoted:
            return WaysOn(caret, caret, [])
        begun = term.values[0].text
        found = [*_fields(begun), *_words(begun, words)] if len(begun) >= LEAST_LETTERS else list(_fields(begun))
        return WaysOn(start, caret, found[:MOST])
    return _values(term, text[term.start : caret], caret, known)


def _fields(begun: str) -> Iterator[WayOn]:
    return (WayOn(f"{name}:", f"{name}:  {field.help}") for name, field in FIELDS.items() if name.startswith(begun.casefold()))


def _words(begun: str, words: Words) -> Iterator[WayOn]:
    return (WayOn(_quoted(text), text, n) for text, n in words(begun, MOST))


def _values(term: Term, typed: str, caret: int, known: Known) -> WaysOn:
    """Ways on for the last of a field's values."""
    field = FIELDS[term.field]
    beginning = typed.endswith((":", ",")) or (bool(term.operator) and not term.values)
    last = Text("") if beginning else term.values[-1]
    start = caret - (0 if beginning else len(last.text) + last.quoted + (last.quoted and last.closed))
    wanted = last.text.casefold()
    found = [way for way in _offers(field, known) if wanted in way.label.casefold()]
    # What begins so comes before what only has it somewhere, then what is frequent.
    found.sort(key=lambda way: (not way.label.casefold().startswith(wanted), -(way.n or 0)))
    return WaysOn(start, caret, found[:MOST])


def _offers(field: Field, known: Known) -> Iterator[WayOn]:
    if isinstance(field.offers, tuple):
        return (WayOn(value, value) for value in field.offers)
    return (WayOn(_quoted(value), value, n) for value, n in known.counts(field.offers).items() if n)


def _quoted(text: str) -> str:
    """A text as a value of a search."""
    plain = text and not any(sign.isspace() or sign in '",<>=' for sign in text) and ":" not in text and text[0] != "-"
    return text if plain else '"' + text.replace('"', "") + '"'

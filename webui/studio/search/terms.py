"""The text of a search as terms. Every text has some: what can't be used is told with its term, never raised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lark import Lark, Token, Tree

from webui.errors import InvalidRequest

MOST_CHARACTERS = 4000
MOST_TERMS = 200

GRAMMAR = r"""
start: (SPACE | term)*
term: NOT? (words | NAME values?)
words: PHRASE | WORD
values: OPERATOR? (PHRASE | VALUE) (COMMA (PHRASE | VALUE)?)* | OPERATOR

SPACE: /\s+/
NOT.3: /-(?=[^\s-])/
NAME.2: /[A-Za-z]+:/
OPERATOR.2: />=|<=|>|<|=/
PHRASE.2: /"[^"]*"?/
COMMA.2: ","
WORD: /[^\s"]+/
VALUE: /[^\s",<>=][^\s",]*/
"""
"""Whitespace counts, so no rule leaves it out: `model: x` is a field without a value, and a word."""


@dataclass(frozen=True)
class Text:
    """A word or phrase. quoted: it stood in quotes; closed: those ended."""

    text: str
    quoted: bool = False
    closed: bool = True


@dataclass(frozen=True)
class Term:
    """One term. start, end: where it stands in the text, in characters. field: lower case; empty for words that stand by themselves.

    operator: >=, <=, >, <, = or empty. values: of a field, those between commas.
    """

    start: int
    end: int
    negated: bool
    field: str
    operator: str
    values: tuple[Text, ...]


@cache
def _parser() -> Lark:
    # Contextual: what is a value behind a name is a word elsewhere.
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def read_terms(text: str) -> list[Term]:
    """The terms of a search, in order. Raises InvalidRequest where there are too many to be meant."""
    if len(text) > MOST_CHARACTERS:
        raise _too_much(f"The search has {len(text):,} characters.", f"at most {MOST_CHARACTERS:,} characters")
    terms = [_term(tree.children) for tree in _parser().parse(text).find_data("term")]
    if len(terms) > MOST_TERMS:
        raise _too_much(f"The search has {len(terms):,} terms.", f"at most {MOST_TERMS} terms")
    return sorted(terms, key=lambda term: term.start)


def _too_much(problem: str, allowed: str) -> InvalidRequest:
    return InvalidRequest(problem, field="q", allowed=allowed, hint="Leave some out: a few words find a picture.", code="search_too_long")


def _term(parts: list[Token | Tree[Token]]) -> Term:
    """One term of the parser's tree."""
    tokens = [token for part in parts for token in (part.children if isinstance(part, Tree) else (part,)) if isinstance(token, Token)]
    named = {token.type: str(token) for token in tokens}
    return Term(
        start=tokens[0].start_pos or 0,
        end=tokens[-1].end_pos or 0,
        negated="NOT" in named,
        field=named.get("NAME", "").rstrip(":").lower(),
        operator=named.get("OPERATOR", ""),
        values=tuple(_text(token) for token in tokens if token.type in ("PHRASE", "WORD", "VALUE")),
    )


def _text(token: Token) -> Text:
    if token.type != "PHRASE":
        return Text(str(token))
    return Text(token.strip('"'), quoted=True, closed=len(token) > 1 and token.endswith('"'))

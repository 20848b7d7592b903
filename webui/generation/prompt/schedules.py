"""Prompt editing: `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b|c]`, as a tree and as the texts of a run.

All other brackets stay in the text for `emphasis`. A bracket belongs to the grammar only with its partner and with nothing
unpaired between the two; a prompt that has a `|` outside of `[a|b]`, or ends in a lone backslash, is all text (AUTOMATIC1111's rules).
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError
from lark.lexer import Lexer

GRAMMAR = r"""
start: (TEXT | round | square)*
round: ROUND_OPEN (TEXT | round | square | COLON)* ROUND_CLOSE
square: SQUARE_OPEN (TEXT | round | square | COLON | BAR)* SQUARE_CLOSE
%declare TEXT ROUND_OPEN ROUND_CLOSE SQUARE_OPEN SQUARE_CLOSE COLON BAR
"""

_TOKEN = re.compile(r"(?:[^\\\[\]():|]|\\.)+|[\[\]():|]|\\")
_MARKS = {"(": "ROUND_OPEN", ")": "ROUND_CLOSE", "[": "SQUARE_OPEN", "]": "SQUARE_CLOSE", ":": "COLON", "|": "BAR"}
_PARTNERS = {"ROUND_OPEN": "ROUND_CLOSE", "SQUARE_OPEN": "SQUARE_CLOSE"}
_DEEPER = {"ROUND_OPEN": 1, "ROUND_CLOSE": -1, "SQUARE_OPEN": 1, "SQUARE_CLOSE": -1}
_WHEN = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")


@dataclass(frozen=True, eq=False)
class When:
    """The moment of a change. fraction: it is written with a point, so it is a share of the steps and no step. written: as it is there."""

    value: float
    fraction: bool
    written: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Text:
    """Words, with whatever marks of emphasis they have."""

    text: str


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """Parts one after another."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Scheduled:
    """`[before:after:when]`."""

    before: Node
    after: Node
    when: When


@dataclass(frozen=True, eq=False, repr=False)
class Alternation:
    """`[a|b|c]`: one option for each step, in turn."""

    options: tuple[Node, ...]


Node = Text | Series | Scheduled | Alternation
"""A prompt's tree. It can be as deep as the prompt is long, so nothing here walks it by recursion, `==` and `repr` neither."""


class _AllText(LarkError):
    """The prompt breaks a rule that makes all of it text."""


class _Lexer(Lexer):
    """Cuts a prompt into tokens. What is text for certain comes as few long ones, so that the parser, which is slow, sees little.

    Such are brackets without a partner, brackets that hold words alone, and brackets that can be no expression.
    """

    __future_interface__ = 1

    def __init__(self, _conf: Any) -> None:
        self._marks = {kind: Token(kind, mark) for mark, kind in _MARKS.items()}  # nobody asks where they stood

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Token]:
        """The tokens of a text. Raises _AllText."""
        text = lexer_state.text.text
        depth = text_from = 0
        for kind, start in zip(*_cut(text), strict=True):
            if kind == "TEXT" or (kind == "COLON" and not depth):
                continue
            if text_from < start:
                yield Token("TEXT", text[text_from:start])
            yield self._marks[kind]
            text_from = start + 1
            depth += _DEEPER.get(kind, 0)
        if text_from < len(text):
            yield Token("TEXT", text[text_from:])


@dataclass(slots=True)
class _Opened:
    """A bracket that waits for its partner. place: of its token. words: it holds text (and colons and bars) alone."""

    place: int
    words: bool = True
    bars: int = 0
    colons: int = 0
    last_colon: int = 0


def _cut(text: str) -> tuple[list[str], list[int]]:
    """The kinds of a text's tokens and where they start; each ends where the next one starts. Raises _AllText."""
    kinds: list[str] = []
    starts: list[int] = []
    waiting: list[_Opened] = []

    def make_text() -> None:
        """All brackets that wait are text."""
        for bracket in waiting:
            kinds[bracket.place] = "TEXT"
            if bracket.bars:
                raise _AllText("a bar that separates no options")
        waiting.clear()

    def close() -> None:
        """The last token ends the last bracket that waits."""
        bracket = waiting[-1]
        if bracket.words and not bracket.bars and bracket.colons <= (kinds[bracket.place] == "ROUND_OPEN"):
            waiting.pop()
            kinds[bracket.place :], starts[bracket.place + 1 :] = ["TEXT"], []
        elif _is_expression(text, kinds[bracket.place], bracket, starts[-1]):
            waiting.pop()
            if waiting:
                waiting[-1].words = False
        else:
            kinds[-1] = "TEXT"
            make_text()

    for match in _TOKEN.finditer(text):
        kind = _MARKS.get(match[0], "TEXT")
        kinds.append(kind)
        starts.append(match.start())
        if kind in _PARTNERS:
            waiting.append(_Opened(len(kinds) - 1))
        elif kind == "COLON" and waiting:
            waiting[-1].colons += 1
            waiting[-1].last_colon = starts[-1]
        elif kind == "BAR" and waiting:
            waiting[-1].bars += 1
        elif kind == "BAR" or match[0] == "\\":
            raise _AllText("a bar outside of brackets, or a backslash before nothing")
        elif kind in _DEEPER:
            if waiting and _PARTNERS[kinds[waiting[-1].place]] == kind:
                close()
            else:
                # It stands between all that wait and their partners.
                kinds[-1] = "TEXT"
                make_text()
    make_text()
    return kinds, starts


def _is_expression(text: str, kind: str, bracket: _Opened, end: int) -> bool:
    """Whether brackets that end there may hold or be an expression. Raises _AllText."""
    if bracket.bars and (bracket.colons or kind == "ROUND_OPEN"):
        raise _AllText("a bar that separates no options")
    if kind == "ROUND_OPEN":
        return bracket.colons < 2
    return not bracket.colons or (bracket.colons < 3 and _WHEN.fullmatch(text, bracket.last_colon + 1, end) is not None)


class _Build(Transformer[Token, Node]):
    """Makes nodes bottom-up while lark reads."""

    def start(self, children: list[Any]) -> Node:
        return _series(children)

    def round(self, children: list[Any]) -> Node:
        return _series(children)

    def square(self, children: list[Any]) -> Node:
        pieces: list[list[Any]] = [[]]
        mark = ""
        for child in children[1:-1]:
            kind = getattr(child, "type", None)
            if kind == "COLON" or kind == "BAR":
                mark = kind
                pieces.append([])
            else:
                pieces[-1].append(child)
        if not mark:
            return _series(children)
        if mark == "BAR":
            return Alternation(tuple([_series(piece) for piece in pieces]))
        *texts, (written,) = pieces
        when = written.strip()
        before = _series(texts[0]) if len(texts) == 2 else Text("")
        return Scheduled(before, _series(texts[-1]), When(float(when), "." in when, when))


def _series(children: list[Any]) -> Node:
    nodes = tuple([Text(child.value) if child.__class__ is Token else child for child in children])
    return nodes[0] if len(nodes) == 1 else Series(nodes)


@functools.cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer=_Lexer, transformer=_Build())  # pyright: ignore[reportArgumentType]


def parse_schedules(text: str) -> Node:
    """The tree of a prompt. Never raises: what is no expression is text."""
    if "[" not in text:
        return Text(text)
    try:
        return _parser().parse(text)  # pyright: ignore[reportReturnType]
    except _AllText:
        return Text(text)


@dataclass(frozen=True)
class Steps:
    """The steps of one pass, as schedules count them.

    count: of this pass. before: those of the first pass where this is the hires pass, whose fractions run from 1.0 to 2.0 and
    whose steps go on counting. old: the rule of before AUTOMATIC1111 1.6: below 1 a fraction, else a step, the same in each pass.
    """

    count: int
    before: int | None = None
    old: bool = False

    def last(self, when: When) -> int:
        """The last step with what was before the change; 0 when there is none."""
        if self.old:
            moved = when.value * self.count if when.value < 1 else when.value
        elif when.fraction:
            moved = (when.value - (0 if self.before is None else 1)) * self.count
        else:
            moved = when.value - (self.before or 0)
        return int(min(self.count, max(0, moved)))


T = TypeVar("T")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Timeline(Generic[T]):
    """What is asked for over the steps of a run. lasts: the last step of each entry, rising; beyond them the last entry stays."""

    lasts: tuple[int, ...]
    entries: tuple[T, ...]

    def index_at(self, step: int) -> int:
        """Which entry it is at that step."""
        return min(bisect_left(self.lasts, step), len(self.entries) - 1)

    def map(self, change: Callable[[T], Other]) -> Timeline[Other]:
        """The same with each entry changed."""
        return Timeline(self.lasts, tuple(change(entry) for entry in self.entries))


def expressions(tree: Node) -> Iterator[Scheduled | Alternation]:
    """All that changes in a prompt, in no order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Series):
            waiting.extend(node.parts)
        elif isinstance(node, Scheduled):
            yield node
            waiting += (node.before, node.after)
        elif isinstance(node, Alternation):
            yield node
            waiting.extend(node.options)


def text_at(tree: Node, step: int, steps: Steps) -> str:
    """The text that is asked for at that step, counted from 1."""
    words: list[str] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Text):
            words.append(node.text)
        elif isinstance(node, Series):
            waiting.extend(reversed(node.parts))
        elif isinstance(node, Scheduled):
            waiting.append(node.before if step <= steps.last(node.when) else node.after)
        else:
            waiting.append(node.options[(step - 1) % len(node.options)])
    return "".join(words)


def timeline(tree: Node, steps: Steps) -> Timeline[str]:
    """The texts of a run; neighbours that are equal are one entry."""
    changes = {steps.count}
    for expression in expressions(tree):
        if isinstance(expression, Scheduled):
            changes.add(max(1, steps.last(expression.when)))
        else:
            changes.update(range(1, steps.count + 1))
    texts: dict[int, str] = {}
    for step in sorted(changes, reverse=True):
        text = text_at(tree, step, steps)
        if not texts or text != next(reversed(texts.values())):
            texts[step] = text
    return Timeline(tuple(reversed(texts)), tuple(reversed(texts.values())))

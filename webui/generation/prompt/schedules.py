"""Prompt editing: `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b|c]`, as a tree and as the texts of a run.

All other brackets stay in the text for `emphasis`. A bracket belongs to the grammar only with its partner and with nothing
unpaired between the two; a prompt that has a `|` outside of `[a|b]`, or ends in a lone backslash, is all text (AUTOMATIC1111's rules).
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

GRAMMAR = r"""
start: (_part | COLON)*
_part: TEXT | UNPAIRED | round | square
round: ROUND_OPEN (_part | COLON)* ROUND_CLOSE
square: SQUARE_OPEN (_part | COLON | BAR)* SQUARE_CLOSE

// Brackets that hold nothing but words are text here, whatever they mean to emphasis: most are of that kind, and it halves the time.
TEXT: /(?:[^\\\[\]():|]|\\.|\((?:[^\\\[\]():|]|\\.)*(?::(?:[^\\\[\]():|]|\\.)*)?\)|\[(?:[^\\\[\]():|]|\\.)*\])+/
ROUND_OPEN: "("
ROUND_CLOSE: ")"
SQUARE_OPEN: "["
SQUARE_CLOSE: "]"
COLON: ":"
BAR: "|"
%declare UNPAIRED
"""

_WHEN = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")


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


class _Broken(Series):
    """Brackets that are no expression: they are text, and so are the ones around them. What they hold keeps its meaning."""


class _AllText(LarkError):
    """The prompt breaks a rule that makes all of it text."""


class _PairBrackets:
    """Tells lark which brackets have no partner, so that its grammar knows balanced ones only."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        tokens = list(stream)
        waiting: list[Token] = []
        for token in tokens:
            if token.type in _PARTNERS:
                waiting.append(token)
            elif token.type in _PARTNERS.values():
                if waiting and _PARTNERS[waiting[-1].type] == token.type:
                    waiting.pop()
                else:
                    # It stands between all that wait and their partners.
                    waiting.append(token)
                    _unpair(waiting)
        _unpair(waiting)
        return iter(tokens)


_PARTNERS = {"ROUND_OPEN": "ROUND_CLOSE", "SQUARE_OPEN": "SQUARE_CLOSE"}


def _unpair(brackets: list[Token]) -> None:
    for bracket in brackets:
        bracket.type = "UNPAIRED"
    brackets.clear()


class _Build(Transformer[Token, Node]):
    """Makes nodes bottom-up while lark reads."""

    def start(self, children: list[Any]) -> Node:
        return _series(children)

    def round(self, children: list[Any]) -> Node:
        pieces, marks, broken = _split(children)
        return _literal(children, marks) if broken or len(pieces) > 2 else _series(children)

    def square(self, children: list[Any]) -> Node:
        pieces, marks, broken = _split(children[1:-1])
        if broken:
            return _literal(children, marks)
        if not marks:
            return _series(children)
        if marks == {"BAR"}:
            return Alternation(tuple(_series(piece) for piece in pieces))
        *texts, last = pieces
        when = _WHEN.fullmatch(last[0]) if len(last) == 1 and isinstance(last[0], Token) else None
        if when is None or len(texts) > 2 or "BAR" in marks:
            return _literal(children, marks)
        before = _series(texts[0]) if len(texts) == 2 else Text("")
        return Scheduled(before, _series(texts[-1]), When(float(when[1]), "." in when[1], when[1]))


def _split(children: list[Any]) -> tuple[list[list[Any]], set[str], bool]:
    """What stands between colons and bars; which of the two there are; whether there is a broken part."""
    pieces: list[list[Any]] = [[]]
    marks: set[str] = set()
    broken = False
    for child in children:
        kind = getattr(child, "type", None)
        if kind == "COLON" or kind == "BAR":
            marks.add(kind)
            pieces.append([])
        else:
            broken = broken or child.__class__ is _Broken
            pieces[-1].append(child)
    return pieces, marks, broken


def _literal(children: list[Any], marks: set[str]) -> _Broken:
    if "BAR" in marks:
        raise _AllText("a bar that separates no options")
    return _Broken(_nodes(children))


def _nodes(children: Iterable[Any]) -> tuple[Node, ...]:
    return tuple([Text(str(child)) if isinstance(child, Token) else child for child in children])


def _series(children: list[Any]) -> Node:
    nodes = _nodes(children)
    return nodes[0] if len(nodes) == 1 else Series(nodes)


@functools.cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", postlex=_PairBrackets(), transformer=_Build())  # pyright: ignore[reportArgumentType]


def parse_schedules(text: str) -> Node:
    """The tree of a prompt. Never raises: what is no expression is text."""
    if "[" not in text:
        return Text(text)
    try:
        return _parser().parse(text)  # pyright: ignore[reportReturnType]
    except LarkError:
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

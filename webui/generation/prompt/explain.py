"""A prompt explained: its tokens with their weights, what changes when, its extra networks, and what may be meant otherwise.

Each warning comes with the whole prompt as it would be without its cause, where that is clear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from webui.generation.prompt.chunks import Word, plan_chunks
from webui.generation.prompt.emphasis import EmphasisMode, weighted
from webui.generation.prompt.reading import LORA_KINDS, ExtraNetwork, Prompt, read_negative_prompt, read_prompt, without_networks
from webui.generation.prompt.schedules import Alternation, Scheduled, Steps, Text, expressions, parse_schedules

MOST_ENTRIES = 40
"""Entries of a timeline that are told; alternations have one for each step."""


MOST_WARNINGS = 10
"""Warnings that are told; once these are mended the rest come."""


@dataclass(frozen=True)
class Reader:
    """How the checkpoint reads words, and what is known here.

    words: tokens of a text. room: tokens of a chunk. knows: whether there is an extra network of that kind and name; None: not known.
    """

    words: Callable[[str], Sequence[Word]]
    room: int
    mode: EmphasisMode = "Original"
    comma_backtrack: int = 20
    knows: Callable[[str, str], bool | None] = lambda kind, name: None


@dataclass(frozen=True)
class WeighedWord:
    """A token's text and its weight."""

    text: str
    weight: float


@dataclass(frozen=True)
class Entry:
    """What is asked for from one step to another, both counted from 1."""

    first: int
    last: int
    text: str


@dataclass(frozen=True)
class PartTold:
    """What stands between two ANDs. chunks: the tokens of its first text."""

    weight: float
    entries: tuple[Entry, ...]
    chunks: tuple[tuple[WeighedWord, ...], ...]


@dataclass(frozen=True)
class NetworkTold:
    """An extra network. found: whether it is here; None where that isn't known."""

    kind: str
    name: str
    text_encoder_weight: float
    unet_weight: float
    found: bool | None


@dataclass(frozen=True)
class Warned:
    """Something that may be meant otherwise. fix: the whole prompt without it, empty where that isn't clear; way: what the fix does."""

    code: str
    message: str
    fix: str = ""
    way: str = ""


@dataclass(frozen=True)
class Explanation:
    """A prompt explained. tokens: of its longest text; room: of the chunks that this text needs."""

    tokens: int
    room: int
    parts: tuple[PartTold, ...]
    networks: tuple[NetworkTold, ...]
    warnings: tuple[Warned, ...]


def explain(text: str, steps: Steps, reader: Reader, *, negative: bool = False) -> Explanation:
    """Explain a prompt as it is read at so many steps."""
    prompt = read_negative_prompt(text) if negative else read_prompt(text)
    lengths = [(1, 0)]
    parts = []
    for part in prompt.parts:
        told = part.over(steps)
        chunked = {entry: _chunks(entry, reader) for entry in dict.fromkeys(told.entries[:MOST_ENTRIES])}
        lengths += [(len(chunks), _used(chunks, reader.room)) for chunks in chunked.values()]
        firsts = (1, *(last + 1 for last in told.lasts))
        entries = [Entry(first, last, entry) for first, last, entry in zip(firsts, told.lasts, told.entries, strict=False)]
        parts.append(PartTold(part.weight, tuple(entries[:MOST_ENTRIES]), chunked[told.entries[0]]))
    chunks, tokens = max(lengths)
    networks = tuple(
        NetworkTold(one.kind, one.name, one.text_encoder_weight, one.unet_weight, reader.knows(one.kind, one.name))
        for one in prompt.networks
    )
    return Explanation(
        tokens, chunks * reader.room, tuple(parts), networks, tuple(islice(_warnings(text, prompt, steps, reader, negative), MOST_WARNINGS))
    )


def _chunks(text: str, reader: Reader) -> tuple[tuple[WeighedWord, ...], ...]:
    shown: list[str] = []

    def tokenize(part: str) -> list[int]:
        words = reader.words(part)
        shown.extend(word.text for word in words)
        return [word.token for word in words]

    *_, comma = (None, *(word.token for word in reader.words(",")))
    chunks = plan_chunks(weighted(text, reader.mode), tokenize, reader.room, comma=comma, backtrack=reader.comma_backtrack)
    texts = iter(shown)
    return tuple(tuple(WeighedWord(next(texts), round(weight, 4)) for weight in chunk.weights) for chunk in chunks)


def _used(chunks: tuple[tuple[WeighedWord, ...], ...], room: int) -> int:
    """Tokens up to the last one, the empty places of full chunks counted, as AUTOMATIC1111 counts."""
    return (len(chunks) - 1) * room + len(chunks[-1])


# --- Warnings ---


def _warnings(text: str, prompt: Prompt, steps: Steps, reader: Reader, negative: bool) -> Iterator[Warned]:
    yield from _about_brackets(text)
    yield from _about_breaks(text, prompt, steps, reader)
    yield from _about_schedules(text, prompt, steps)
    if negative:
        yield from _about_negatives(text)
    else:
        yield from _about_weights(text, prompt)
        yield from _about_networks(text, prompt.networks, reader)


_BRACKET = re.compile(r"\\.|[()\[\]]", re.DOTALL)
_CLOSING = {"(": ")", "[": "]"}


def _about_brackets(text: str) -> Iterator[Warned]:
    opened: list[str] = []
    stray: list[int] = []
    for match in _BRACKET.finditer(text):
        mark = match[0]
        if mark in _CLOSING:
            opened.append(mark)
        elif mark in ")]":
            if opened and _CLOSING[opened[-1]] == mark:
                opened.pop()
            else:
                stray.append(match.start())
    if stray:
        fixed = list(text)
        for place in stray:
            fixed[place] = "\\" + fixed[place]
        words = "A closing bracket has no opening one, so it is drawn as text."
        yield Warned("stray_bracket", words, "" if opened else "".join(fixed), "" if opened else "Mark it as text")
    elif opened:
        words = "A bracket is never closed, so it reaches to the end."
        yield Warned("open_bracket", words, text + "".join(_CLOSING[mark] for mark in reversed(opened)), "Close it at the end")


_AROUND_BREAK = re.compile(r"\(([^()\[\]\\]*\bBREAK\b[^()\[\]\\]*)\)")
_WEIGHT_AT_END = re.compile(r"\s*:\s*([+-]?[.\d]+)\s*$")


def _about_breaks(text: str, prompt: Prompt, steps: Steps, reader: Reader) -> Iterator[Warned]:
    texts = [entry for part in prompt.parts for entry in part.over(steps).entries[:MOST_ENTRIES]]
    if not any(segment.text == "BREAK" and segment.weight < 0 for entry in texts for segment in weighted(entry, reader.mode)):
        return

    def outside(match: re.Match[str]) -> str:
        weight = _WEIGHT_AT_END.search(match[1][-24:])
        inside = match[1][: -len(weight[0])] if weight else match[1]
        mark = f":{weight[1]}" if weight else ""
        return " BREAK ".join(f"({part.strip()}{mark})" for part in re.split(r"\bBREAK\b", inside) if part.strip())

    fixed = _AROUND_BREAK.sub(outside, text)
    words = "BREAK within brackets ends no chunk: the word itself is drawn, with a weight below zero."
    yield Warned("break_in_brackets", words, fixed if fixed != text else "", "Take BREAK out of the brackets" if fixed != text else "")


def _about_schedules(text: str, prompt: Prompt, steps: Steps) -> Iterator[Warned]:
    escaped = _bars_escaped(text)
    if escaped != text and all(isinstance(part.tree, Text) for part in prompt.parts) and not isinstance(parse_schedules(escaped), Text):
        words = "A | outside of [a|b] makes all square brackets text: nothing is scheduled."
        yield Warned("stray_bar", words, escaped, "Mark it as text")
    for part in prompt.parts:
        for expression in expressions(part.tree):
            if isinstance(expression, Scheduled):
                yield from _about_moment(text, expression, steps)


def _bars_escaped(text: str) -> str:
    """The text with a backslash before each | that stands in no square brackets."""
    if "|" not in text or "[" not in text:
        return text
    result, depth = [], 0
    for match in re.finditer(r"\\.|[^\\]|\\", text, re.DOTALL):
        mark = match[0]
        depth += (mark == "[") - (mark == "]" and depth > 0)
        result.append("\\|" if mark == "|" and depth == 0 else mark)
    return "".join(result)


def _about_moment(text: str, expression: Scheduled, steps: Steps) -> Iterator[Warned]:
    if steps.last(expression.when) < steps.count or isinstance(expression.after, Alternation):
        return
    written = expression.when.written
    after = expression.after.text if isinstance(expression.after, Text) else ""
    alone = isinstance(expression.before, Text) and not expression.before.text
    if alone and expression.when.fraction and after and f"[{after}:{written}]" in text:
        words = f"[{after}:{written}] is no weight: square brackets ask for it from {written} of the steps on, so never."
        yield Warned("number_in_square_brackets", words, text.replace(f"[{after}:{written}]", f"({after}:{written})"), "Use round brackets")
    elif expression.when.fraction and expression.when.value.is_integer() and not steps.old:
        whole = str(int(expression.when.value))
        words = f"{written} has a point, so it means {int(expression.when.value * 100)} % of the steps: the change never comes."
        yield Warned("fraction_for_step", words, re.sub(rf":\s*{re.escape(written)}\s*\]", f":{whole}]", text), f"Change at step {whole}")
    else:
        yield Warned("never_changes", f"The change at {written} never comes: there are {steps.count} steps.")


def _about_weights(text: str, prompt: Prompt) -> Iterator[Warned]:
    if len(prompt.parts) == 1 and prompt.parts[0].weight != 1:
        weight = f"{prompt.parts[0].weight:g}"
        words = f"The number at the end is a weight: the whole prompt counts {weight} times."
        yield Warned("weight_of_all", words, f"{text.rstrip()},", "Take it as text")


def _about_networks(text: str, networks: Sequence[ExtraNetwork], reader: Reader) -> Iterator[Warned]:
    for network in networks:
        without = re.sub(rf"\s*<{re.escape(network.kind)}:{re.escape(network.name)}(:[^<>]*)?>", "", text)
        if network.kind not in LORA_KINDS:
            yield Warned("unknown_network", f"<{network.kind}:…> is not known here and does nothing.", without, "Take it out")
        elif reader.knows(network.kind, network.name) is False:
            yield Warned("network_missing", f"There is no LoRA called {network.name[:60]} here.", without, "Take it out")


def _about_negatives(text: str) -> Iterator[Warned]:
    without, networks = without_networks(text)
    if networks:
        words = "Extra networks work in the prompt only; here they are drawn as text."
        yield Warned("network_in_negative", words, without.strip(), "Take them out")
    if re.search(r"\bAND\b", text):
        words = "AND is a plain word in the negative prompt."
        yield Warned("and_in_negative", words, re.sub(r"\s*\bAND\b\s*", ", ", text), "Use a comma")

"""A prompt explained: its tokens with their weights, what changes when, its extra networks, and what may be meant otherwise.

Each warning comes with the whole prompt as it would be without its cause, where that is clear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from webui.generation.adapters import words_named
from webui.generation.prompt.chunks import Chunk, Embedding, FindEmbedding, Word, plan_chunks
from webui.generation.prompt.emphasis import EmphasisMode, weighted
from webui.generation.prompt.reading import (
    LORA_KINDS,
    ExtraNetwork,
    Prompt,
    read_negative_prompt,
    read_prompt,
    without_comments,
    without_networks,
)
from webui.generation.prompt.schedules import Alternation, Scheduled, Steps, Text, expressions, parse_schedules

MOST_ENTRIES = 40
"""Entries of a timeline that are told; alternations have one for each step."""


MOST_WARNINGS = 10
"""Warnings that are told; once these are mended the rest come."""


@dataclass(frozen=True)
class Reader:
    """How the checkpoint reads words, and what is known here.

    words: tokens of a text. room: tokens of a chunk. knows: whether there is an extra network of that kind and name; None: not known.
    embeddings: the learned words that there are, by how many vectors each has. near: names of that kind that are nearly the same.
    """

    words: Callable[[str], Sequence[Word]]
    room: int
    mode: EmphasisMode = "Original"
    comma_backtrack: int = 20
    knows: Callable[[str, str], bool | None] = lambda kind, name: None
    embeddings: Mapping[str, int] = field(default_factory=dict)
    near: Callable[[str, str], Sequence[str]] = lambda kind, name: ()


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
class EmbeddingTold:
    """A learned word that the prompt says. vectors: how many tokens it counts."""

    name: str
    vectors: int


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
    embeddings: tuple[EmbeddingTold, ...]
    warnings: tuple[Warned, ...]


def explain(text: str, steps: Steps, reader: Reader, *, negative: bool = False) -> Explanation:
    """Explain a prompt as it is read at so many steps."""
    prompt = read_negative_prompt(text) if negative else read_prompt(text)
    learned = {name: reader.embeddings[name] for name in words_named([text], reader.embeddings)}
    lengths = [(1, 0)]
    parts = []
    for part in prompt.parts:
        told = part.over(steps)
        chunked = {entry: _chunks(entry, reader, learned) for entry in dict.fromkeys(told.entries[:MOST_ENTRIES])}
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
        tokens,
        chunks * reader.room,
        tuple(parts),
        networks,
        tuple(EmbeddingTold(name, vectors) for name, vectors in learned.items()),
        tuple(islice(_warnings(text, prompt, steps, reader, negative), MOST_WARNINGS)),
    )


def _finder(reader: Reader, learned: Mapping[str, int]) -> FindEmbedding:
    """Finds learned words among tokens, the longest first."""
    names = sorted((([word.token for word in reader.words(name)], name) for name in learned), key=lambda entry: -len(entry[0]))

    def find(tokens: Sequence[int], position: int) -> Embedding | None:
        for wanted, name in names:
            if wanted and list(tokens[position : position + len(wanted)]) == wanted:
                return Embedding(name, len(wanted), learned[name])
        return None

    return find


def _chunks(text: str, reader: Reader, learned: Mapping[str, int]) -> tuple[tuple[WeighedWord, ...], ...]:
    shown: list[str] = []

    def tokenize(part: str) -> list[int]:
        words = reader.words(part)
        shown.extend(word.text for word in words)
        return [word.token for word in words]

    *_, comma = (None, *(word.token for word in reader.words(",")))
    chunks = plan_chunks(
        weighted(text, reader.mode),
        tokenize,
        reader.room,
        comma=comma,
        backtrack=reader.comma_backtrack,
        find_embedding=_finder(reader, learned),
    )
    texts = iter(shown)
    return tuple(tuple(_told(chunk, texts)) for chunk in chunks)


def _told(chunk: Chunk, texts: Iterator[str]) -> Iterator[WeighedWord]:
    """The tokens of a chunk. A learned word has its name at its first vector."""
    learned = dict(chunk.embeddings)
    names: list[str] = []
    for place, weight in enumerate(chunk.weights):
        if place in learned:
            word = learned[place]
            names = [word.name, *([""] * (word.vectors - 1))]
            for _ in range(word.length):
                next(texts)
        yield WeighedWord(names.pop(0) if names else next(texts), round(weight, 4))


def _used(chunks: tuple[tuple[WeighedWord, ...], ...], room: int) -> int:
    """Tokens up to the last one, the empty places of full chunks counted, as AUTOMATIC1111 counts."""
    return (len(chunks) - 1) * room + len(chunks[-1])


# --- Warnings ---


def _warnings(text: str, prompt: Prompt, steps: Steps, reader: Reader, negative: bool) -> Iterator[Warned]:
    yield from _about_brackets(text)
    yield from _about_breaks(text, prompt, steps, reader)
    yield from _about_schedules(text, prompt, steps)
    yield from _about_embeddings(text, reader)
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
            words = f"There is no LoRA called {network.name[:60]} here."
            near = next(iter(reader.near("lora", network.name)), None)
            if near is None:
                yield Warned("network_missing", words, without, "Take it out")
            else:
                instead = re.sub(
                    rf"(<{re.escape(network.kind)}:){re.escape(network.name)}(?=[:>])", lambda match, near=near: match[1] + near, text
                )
                yield Warned("network_missing", words, instead, f"Use {near}")


_NAME_LIKE = re.compile(r"(?:(?<!\w)embedding:\s*)?[\w.-]{5,60}")
_MOST_NAMES = 60


def _about_embeddings(text: str, reader: Reader) -> Iterator[Warned]:
    """Words that are nearly the name of an embedding, and ComfyUI's way to name one."""
    if not reader.embeddings and "embedding:" not in text:
        return
    known = {name.casefold() for name in reader.embeddings}
    plain = without_networks(without_comments(text))[0]
    for written in islice(dict.fromkeys(_NAME_LIKE.findall(plain)), _MOST_NAMES):
        mark, _, name = written.rpartition(":")
        name = name.strip()
        if not mark and name.casefold() in known:
            continue
        near = name if name.casefold() in known else next(iter(reader.near("embedding", name)), None)
        if near is not None:
            words = f"An embedding is asked for by its name alone: {near}." if mark else f"{name} is no embedding, but {near} is."
            yield Warned(
                "embedding_near", words, re.sub(rf"(?<!\w){re.escape(written)}(?!\w)", lambda _, near=near: near, text), f"Use {near}"
            )
        elif mark:
            without = re.sub(rf"{re.escape(written)}\s*,?\s*", "", text)
            yield Warned("embedding_missing", f"There is no embedding called {name} here.", without, "Take it out")


def _about_negatives(text: str) -> Iterator[Warned]:
    without, networks = without_networks(text)
    if networks:
        words = "Extra networks work in the prompt only; here they are drawn as text."
        yield Warned("network_in_negative", words, without.strip(), "Take them out")
    if re.search(r"\bAND\b", text):
        words = "AND is a plain word in the negative prompt."
        yield Warned("and_in_negative", words, re.sub(r"\s*\bAND\b\s*", ", ", text), "Use a comma")

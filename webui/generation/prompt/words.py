"""A prompt as words with weights, as our own parser reads it: what history tells two prompts apart by.

Words of `[from:to:when]` and `[a|b]` come with when they are asked for; tags such as `<lora:name:0.8>` are one word each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from webui.generation.prompt.emphasis import EmphasisMode, weighted
from webui.generation.prompt.reading import ExtraNetwork, Prompt, read_negative_prompt, read_prompt
from webui.generation.prompt.schedules import Alternation, Node, Scheduled, Series, Text

# Scripts without spaces between words are told apart letter by letter.
_LETTER = "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_WORD = re.compile(rf"(\s*)({_LETTER}|(?:(?!{_LETTER})\w)+(?:['’.-]\w+)*|[^\w\s])")
_FIRST_MARK, _LAST_MARK = 0xF0000, 0xFFFFD
_MARKS = re.compile(f"([{chr(_FIRST_MARK)}-{chr(_LAST_MARK)}])")
"""Letters that nobody writes (a private plane of Unicode) stand where a moment begins or ends while emphasis is read."""

_DEEPEST = 3
"""Moments within moments that are told."""


@dataclass(frozen=True)
class PromptWord:
    """A word, a punctuation mark, or a tag. when: the moment it is asked for, empty for always ("to 0.5", "1 of 3 in turn").

    spaced: whether white space stands before it. network: of a tag, kind and name; its weight is then the denoiser's, `text` is the tag.
    """

    text: str
    weight: float = 1.0
    when: str = ""
    spaced: bool = True
    network: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What it is found again by in another prompt: all but its weight."""
        return (*self.network, self.when) if self.network else (self.text, self.when)

    @property
    def is_mark(self) -> bool:
        """Whether it is punctuation."""
        return len(self.text) == 1 and not self.text.isalnum()


def words_of(text: str, *, negative: bool = False, mode: EmphasisMode = "Original") -> tuple[PromptWord, ...]:
    """The words of a prompt in order; what stands behind an AND comes after the word AND. Never raises."""
    prompt = read_negative_prompt(text) if negative else read_prompt(text)
    return tuple(_words(prompt, mode))


def _words(prompt: Prompt, mode: EmphasisMode) -> Iterator[PromptWord]:
    for number, part in enumerate(prompt.parts):
        if number:
            yield PromptWord("AND")
        yield from _of_tree(part.tree, mode)
        if part.weight != 1:
            yield PromptWord(":", part.weight, spaced=False)
    yield from map(_of_network, prompt.networks)


def _of_network(network: ExtraNetwork) -> PromptWord:
    tag = ":".join((network.kind, network.name, *network.arguments, *(f"{key}={value}" for key, value in network.named.items())))
    return PromptWord(f"<{tag}>", network.unet_weight, network=(network.kind, network.name))


def _of_tree(tree: Node, mode: EmphasisMode) -> Iterator[PromptWord]:
    """The words of a tree. Emphasis reaches over moments, so it is read from the whole text, in which marks say where they are."""
    moments: list[str] = []
    text = "".join(_flat(tree, moments))
    when: list[str] = []
    spaced = True
    for segment in weighted(text, mode):
        if segment.ends_chunk:
            yield PromptWord("BREAK")
            spaced = True
            continue
        for piece in _MARKS.split(segment.text):
            if len(piece) == 1 and _FIRST_MARK <= ord(piece) <= _LAST_MARK:
                moment = ord(piece) - _FIRST_MARK
                if moment < len(moments):
                    when.append(moments[moment])
                elif when:
                    when.pop()
                spaced = True
                continue
            for match in _WORD.finditer(piece):
                space, word = match.groups()
                yield PromptWord(word, round(segment.weight, 4), ", ".join(when[-_DEEPEST:]), spaced or bool(space))
                spaced = False
            spaced = spaced or piece[-1:].isspace()


def _flat(tree: Node, moments: list[str]) -> Iterator[str]:
    """All texts of a tree in order, with a mark where each moment begins and ends. moments: those that were met, filled in."""
    closing = chr(_LAST_MARK)
    waiting: list[Node | str] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Text):
            yield _MARKS.sub("", node.text)
        elif isinstance(node, Series):
            waiting.extend(reversed(node.parts))
        else:
            for label, option in reversed(_moments(node)):
                if isinstance(option, Text) and not option.text:
                    continue
                if len(moments) < _LAST_MARK - _FIRST_MARK:
                    moments.append(label)
                    waiting += [closing, option, chr(_FIRST_MARK + len(moments) - 1)]
                else:
                    waiting.append(option)


def _moments(node: Scheduled | Alternation) -> list[tuple[str, Node]]:
    if isinstance(node, Scheduled):
        return [(f"to {node.when.written}", node.before), (f"from {node.when.written}", node.after)]
    return [(f"{number} of {len(node.options)} in turn", option) for number, option in enumerate(node.options, 1)]

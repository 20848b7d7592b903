"""A prompt taken apart: comments leave it, extra networks leave it, `AND` splits it, each part has its schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from webui.generation.prompt.schedules import Node, Steps, Timeline, parse_schedules, timeline

_NETWORK = re.compile(r"<(\w+):([^<>]+)>")
_AND = re.compile(r"\bAND\b")
_WEIGHT = re.compile(r"\s*:\s*([-+]?(?:\d*\.\d+|\d+\.?))\s*$")

LORA_KINDS = ("lora", "lyco")


@dataclass(frozen=True)
class ExtraNetwork:
    """A tag such as `<lora:name:0.8:0.5>` or `<lora:name:te=0.8:unet=0.5>`. kind: what stands before the first colon.

    arguments: those without a name, in order. named: those with one, by their names.
    """

    kind: str
    name: str
    arguments: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def text_encoder_weight(self) -> float:
        """How much of it is added to the text encoders; 1 where nothing (readable) says so."""
        return _weight(self.named.get("te", next(iter(self.arguments), None)), 1.0)

    @property
    def unet_weight(self) -> float:
        """How much of it is added to the denoiser; as much as to the text encoders where nothing (readable) says so."""
        return _weight(self.named.get("unet", self.arguments[1] if len(self.arguments) > 1 else None), self.text_encoder_weight)


def _weight(text: str | None, otherwise: float) -> float:
    try:
        value = float(text) if text is not None else otherwise
    except ValueError:
        return otherwise
    return value if abs(value) <= 1e6 else otherwise


@dataclass(frozen=True, eq=False)
class PromptPart:
    """What stands between two ANDs. weight: of its pull."""

    tree: Node
    weight: float = 1.0

    def over(self, steps: Steps) -> Timeline[str]:
        """Its texts, with marks of emphasis, over the steps of a run."""
        return timeline(self.tree, steps)


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt taken apart: at least one part, and the extra networks in order."""

    parts: tuple[PromptPart, ...]
    networks: tuple[ExtraNetwork, ...] = ()


def without_comments(text: str) -> str:
    """The text without what stands from a # to the end of its line; lines that were only that are gone."""
    if "#" not in text:
        return text
    kept = (line.partition("#") for line in text.split("\n"))
    return "\n".join(words for words, mark, _ in kept if words or not mark)


def without_networks(text: str) -> tuple[str, tuple[ExtraNetwork, ...]]:
    """The text without tags, and the tags."""
    found: list[ExtraNetwork] = []

    def take(match: re.Match[str]) -> str:
        name, *rest = match[2].split(":")
        pairs = [argument.partition("=") for argument in rest]
        found.append(
            ExtraNetwork(
                match[1],
                name,
                tuple(argument for argument, mark, _ in pairs if not mark),
                {key: value for key, mark, value in pairs if mark},
            )
        )
        return ""

    return _NETWORK.sub(take, text), tuple(found)


def read_prompt(text: str) -> Prompt:
    """A prompt taken apart. Never raises."""
    words, networks = without_networks(without_comments(text))
    return Prompt(tuple(_part(part) for part in _AND.split(words)), networks)


def count_parts(text: str) -> int:
    """How many parts a prompt has. Never raises."""
    return len(_AND.findall(without_networks(without_comments(text))[0])) + 1


def read_negative_prompt(text: str) -> Prompt:
    """A negative prompt taken apart: one part; AND and tags are words in it, as in AUTOMATIC1111."""
    return Prompt((PromptPart(parse_schedules(without_comments(text))),))


def _part(text: str) -> PromptPart:
    # The weight is the last thing there is, so only what follows the last colon is looked at.
    at = text.rfind(":")
    match = _WEIGHT.match(text, at) if at >= 0 else None
    if match is None:
        return PromptPart(parse_schedules(text))
    value = float(match[1])
    return PromptPart(parse_schedules(text[:at].rstrip()), value if abs(value) <= 1e6 else 1.0)

"""Settings as a text that people carry from one Easel to another: written with their help, read line by line."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from ruamel.yaml import YAML

from webui.studio.setting_sections import KEY

MOST_CHARACTERS = 200_000
DEEPEST = 12
"""How many brackets or indentations may stand within each other."""

_MARKS = (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken, yaml.DirectiveToken)
_OPENING = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken, yaml.BlockSequenceStartToken, yaml.BlockMappingStartToken)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


@dataclass(frozen=True)
class Line:
    """A setting in a text. number: of its line, from 1. name: whole, with dots."""

    number: int
    name: str
    value: Any


@dataclass(frozen=True)
class Problem:
    """A line that can't be used, and why."""

    number: int
    name: str
    message: str
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As the API tells it."""
        return {"line": self.number, "name": self.name, "message": self.message, "hint": self.hint}


def read_text(text: str) -> tuple[list[Line], list[Problem]]:
    """All settings of a YAML text, and what can't be read of it."""
    document, trouble = compose(text)
    if trouble is not None:
        return [], [trouble]
    if document is None:
        return [], []
    lines, problems = [], []
    for found in _pairs(document, (), problems):
        lines.append(found)
    return lines, problems


def compose(text: str) -> tuple[yaml.Node | None, Problem | None]:
    """The document of an untrusted YAML text, or what is wrong with it: it is small, flat, and has neither anchors nor tags."""
    if len(text) > MOST_CHARACTERS:
        return None, Problem(1, "", f"The file is too large ({len(text):,} characters).", f"At most {MOST_CHARACTERS:,} are taken.")
    try:
        depth = 0
        for token in yaml.scan(text, yaml.SafeLoader):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > DEEPEST:
                # Reading on would take minutes.
                return None, Problem(token.start_mark.line + 1, "", "This is no YAML of settings: it is nested too deep.")
            if isinstance(token, _MARKS):
                hint = "Write each value out, on a line of its own."
                return None, Problem(token.start_mark.line + 1, "", "Anchors, aliases and tags of YAML are not taken here.", hint)
        document = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or " ".join(str(error).split())[:200]
        return None, Problem(mark.line + 1 if mark else 1, "", f"This is no YAML: {reason}.", "Write lines like 'picture_format: webp'.")
    return document, None


def _pairs(node: yaml.Node, place: tuple[str, ...], problems: list[Problem]) -> Iterable[Line]:
    if not isinstance(node, yaml.MappingNode):
        problems.append(Problem(node.start_mark.line + 1, ".".join(place), "Lines like 'name: value' are wanted here."))
        return
    seen: set[str] = set()
    for key, value in node.value:
        number = key.start_mark.line + 1
        name = str(key.value).replace("-", "_") if not place else str(key.value)
        whole = ".".join((*place, name))[:200]
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(number, ".".join(place), "A name is wanted before the colon."))
        elif name in seen:
            problems.append(Problem(number, whole, "It stands there twice.", "Take one of the two out."))
        elif (place, name) == ((), KEY) or (len(place) == 1 and place[0] == KEY):
            yield from _pairs(value, (*place, name), problems)
        else:
            try:
                yield Line(number, whole, yaml.SafeLoader("").construct_document(value))
            except (yaml.YAMLError, ValueError, RecursionError, TypeError):
                problems.append(Problem(number, whole, "Its value can't be read."))
        seen.add(name)


def write_text(rows: Iterable[Mapping[str, Any]], head: str) -> str:
    """A text of settings as their descriptions tell them, by section, each below its help."""
    parts, section, in_add_ons = [f"# {head}"], None, False
    nested: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["name"].startswith(f"{KEY}."):
            nested.setdefault(row["name"].split(".")[1], []).append(row)
            continue
        if row["section"] != section:
            section = row["section"]
            parts.append(f"\n# {section}")
        parts.append(_entry(row["name"], row, ""))
    for add_on, fields in nested.items():
        if not in_add_ons:
            parts.append(f"\n{KEY}:")
            in_add_ons = True
        parts.append(f"  {add_on}:")
        parts += [_entry(row["name"].split(".", 2)[2], row, "    ") for row in fields]
    return "\n".join(parts) + "\n"


def _entry(name: str, row: Mapping[str, Any], indent: str) -> str:
    stream = io.StringIO()
    writer = YAML()
    writer.width = 10_000
    writer.dump({name: row["value"]}, stream)
    told = [f"{indent}# {line}" for line in row["help"].split("\n") if line]
    written = [f"{indent}{line}" for line in stream.getvalue().rstrip().split("\n")]
    return "\n".join([*told, *written])

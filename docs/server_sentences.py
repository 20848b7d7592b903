"""Sentences that the server says to a person, found in its sources: errors, hints, findings, states.

The API, the log and the journal have them in English; a page in another language looks them up. A value within a sentence
becomes a hole, which is named after what stands there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SENTENCE = re.compile(r"^[A-Z{\"'].*[.!?…]$", re.S)
# What developers, clients and the command line read.
ELSEWHERE = (
    "webui/client/",
    "webui/mcp/",
    "webui/languages/",
    "webui/extensions/authoring.py",
    "webui/api/answers.py",
    "webui/generation/request.py",
)
# Calls and arguments whose words are collected elsewhere, or that nobody reads on the page.
CALLS = frozenset(
    [
        "Field",
        "Option",
        "Argument",
        "Parameter",
        "parameter",
        "Body",
        "Query",
        "Header",
        "Path",
        "compile",
        "info",
        "warning",
        "debug",
        "error",
        "exception",
        "echo",
    ]
)
ARGUMENTS = frozenset(["description", "summary", "help", "responses", "openapi_extra"])
NAMELESS = frozenset(
    "len str int join sorted self if else or and for in not None repr round max min strip error exc list tuple dict set r f d g a".split()  # noqa: SIM905
)
NAME = re.compile(r"[A-Za-z_]\w*")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


STATES = {
    "webui/planning/estimate.py": (
        "1 picture, time not known yet",
        "{pictures} pictures, time not known yet",
        "1 picture in about {time}",
        "{pictures} pictures in about {time}",
        "would fit with weights stored as {storage}",
    ),
    "webui/planning/memory.py": (
        "fits in memory",
        "may not fit in memory",
        "fits",
        "one pass after the other",
        "parts take turns",
        "part of the weights streamed",
        "all weights streamed",
        "weights read from disk as needed",
        "decoded one by one",
        "VAE tiled",
        "attention sliced",
    ),
    "webui/studio/progress.py": ("Starting",),
    "webui/engine/engine.py": ("Loading {name}",),
}
"""What is no sentence: the plan below Generate, part by part, and what a job is doing."""


def sentences(root: Path) -> Iterator[tuple[str, str]]:
    """All sentences below webui/, each with its file. A sentence may come more than once."""
    for place, states in STATES.items():
        for words in states:
            yield words, place
    for path in sorted((root / "webui").rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if place.startswith(ELSEWHERE) or "cli" in path.stem:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        unread = set(_unread(tree))
        for node in ast.walk(tree):
            if id(node) in unread or not isinstance(node, ast.Constant | ast.JoinedStr):
                continue
            words = _with_holes(node)
            if SENTENCE.match(words) and " " in words and "%s" not in words and not words.startswith("SELECT "):
                yield words, place


def _unread(tree: ast.AST) -> Iterator[int]:
    """Docstrings, what is a piece of a larger string, and arguments that the page doesn't show."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield from (id(part) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in ARGUMENTS:
                    yield from map(id, ast.walk(value))
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if called in CALLS:
                yield from map(id, ast.walk(node))
            for argument in node.keywords:
                if argument.arg in ARGUMENTS:
                    yield from map(id, ast.walk(argument))


def _with_holes(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    words, holes = "", dict[str, str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            words += str(part.value)
            continue
        value = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ast.unparse(part)
        base = _name(value)
        name = next(each for each in (base, *(f"{base}{number}" for number in range(2, 99))) if holes.get(each, value) == value)
        holes[name] = value
        words += f"{{{name}}}"
    return words


def _name(value: str) -> str:
    names = [name for name in NAME.findall(QUOTED.sub("", value)) if name not in NAMELESS]
    return names[-1].strip("_") if names else "value"

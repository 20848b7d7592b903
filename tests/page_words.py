"""Words in the page's scripts that no catalogue can reach: literals that a person reads, and that are not inside t() or tn().

A literal is suspected by its place (a child of h(), a title, a placeholder, the title of a toast) or by its looks (a capital
letter in front, or words with spaces between them). Places that nobody reads (classes, selectors, addresses, names that are
compared) are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

JAVASCRIPT = Language(tree_sitter_javascript.language())
PARSER = Parser(JAVASCRIPT)
LITERALS = Query(JAVASCRIPT, "[(string) (template_string)] @literal")

TRANSLATORS = {"t": 1, "tn": 2}  # and how many of their arguments are words that are collected
# Attributes, fields of objects and properties of elements that are read by a person; and those that never are.
READ = frozenset(
    [
        "title",
        "aria-label",
        "placeholder",
        "alt",
        "aria-description",
        "aria-valuetext",
        "aria-roledescription",
        "label",
        "text",
        "words",
        "hint",
        "message",
        "help",
        "does",
        "one",
        "many",
    ]
)
UNREAD = frozenset(
    [
        "class",
        "style",
        "d",
        "id",
        "type",
        "role",
        "rel",
        "for",
        "src",
        "href",
        "viewBox",
        "accept",
        "transform",
        "icon",
        "kind",
        "name",
        "method",
        "headers",
        "mode",
        "event",
        "cursor",
        "font",
        "sizes",
        "points",
        "credentials",
        "cache",
    ]
)
SHOWN = frozenset(["textContent", "title", "placeholder", "innerText", "ariaLabel", "alt"])
HIDDEN = frozenset(["className", "cssText", "href", "src", "innerHTML", "id", "type", "font", "cursor"])
# Functions whose arguments nobody reads: they look something up, name an event, or fetch.
UNREAD_CALLS = frozenset(
    [
        "querySelector",
        "querySelectorAll",
        "closest",
        "matches",
        "getElementById",
        "addEventListener",
        "removeEventListener",
        "fetch",
        "look",
        "change",
        "send",
        "recall",
        "remember",
        "icon",
        "shape",
        "whenThere",
        "roving",
        "import",
        "URL",
        "getItem",
        "setItem",
        "matchMedia",
        "getPropertyValue",
        "setProperty",
        "removeProperty",
        "createElement",
        "createElementNS",
        "startsWith",
        "endsWith",
        "includes",
        "indexOf",
        "replace",
        "replaceAll",
        "split",
        "has",
        "get",
        "set",
        "delete",
        "add",
        "remove",
        "toggle",
        "contains",
        "RegExp",
        "Event",
        "CustomEvent",
        "KeyboardEvent",
        "InputEvent",
        "MouseEvent",
        "ask",
        "on",
        "onReceipt",
        "execCommand",
        "Error",
        "TypeError",
        "DOMException",
        "getContext",
        "toBlob",
        "toDataURL",
        "Worker",
        "SharedWorker",
        "Set",
        "Map",
        "postMessage",
        "localeCompare",
        "toLocaleString",
        "toLocaleDateString",
        "DateTimeFormat",
        "NumberFormat",
        "removeAttribute",
        "hasAttribute",
        "getAttribute",
        "toggleAttribute",
        "scrollIntoView",
        "warn",
        "log",
        "error",
        "animate",
        "supports",
        "getModifierState",
        "observe",
    ]
)
COMPARING = frozenset(["===", "!==", "==", "!=", "in", "instanceof", "<", ">"])
UNITS = re.compile(r"\b(px|kB|MB|GB|ms|min|CFG|VAE|LoRA|SHA|sha256|GGUF|RAM|hires|FreeU|dpi)\b")
LETTERS = re.compile(r"[^\W\d_]{2,}")
LOOKS = re.compile(r"^[^\w]*[A-Z][a-z]+[^\w]*$|[^\W\d_]{2,} [^\W\d_]|[^\W\d_] [^\W\d_]{2,}|^ ?[^\W\d_]{2,} $|^ [^\W\d_]{2,}|[a-z],? $")


@dataclass(frozen=True)
class Found:
    """A literal that a person may read, with {} for each hole, and where it stands."""

    words: str
    path: Path
    line: int


def bare_words(path: Path) -> Iterator[Found]:
    """All suspected literals of a script."""
    for node in suspected_nodes(PARSER.parse(path.read_bytes()).root_node):
        yield Found(words_in(node), path, node.start_point[0] + 1)


def words_in(node: Node) -> str:
    """What a literal says, with {} for each hole."""
    return "".join("{}" if piece.type == "template_substitution" else _text(piece) for piece in node.named_children)


def suspected_nodes(root: Node) -> Iterator[Node]:
    """The literals below a node that a person may read."""
    for node in sorted(QueryCursor(LITERALS).captures(root).get("literal", ()), key=lambda node: node.start_byte):
        pieces = [UNITS.sub("", _text(piece)) for piece in node.named_children if piece.type != "template_substitution"]
        if LETTERS.search(" ".join(pieces)) and _is_read(node, any(LOOKS.search(piece) for piece in pieces)):
            yield node


def _is_read(node: Node, looks: bool) -> bool:
    """Climbs until a place says whether it is read; where none does, the literal's looks decide."""
    here, parent = node, node.parent
    while parent is not None:
        judge = _JUDGES.get(parent.type)
        judged = judge(here, parent, looks) if judge else None
        if judged is not None:
            return judged
        here, parent = parent, parent.parent
    return looks


def _of_pair(here: Node, pair: Node, looks: bool) -> bool | None:
    key = pair.child_by_field_name("key")
    name = _text(key).strip("\"'`") if key else ""
    if here == key:
        return False
    if name in READ:
        return True
    unread = name in UNREAD or name.startswith(("data-", "on", "aria-"))
    return False if unread else None


def _of_operator(here: Node, operation: Node, looks: bool) -> bool | None:
    operator = operation.child_by_field_name("operator")
    return False if operator and _text(operator) in COMPARING else None


def _of_subscript(here: Node, subscript: Node, looks: bool) -> bool | None:
    return None if here == subscript.child_by_field_name("object") else False


def _of_case(here: Node, case: Node, looks: bool) -> bool | None:
    return False if here == case.child_by_field_name("value") else None


def _of_choice(here: Node, choice: Node, looks: bool) -> bool | None:
    return False if here == choice.child_by_field_name("condition") else None


def _of_call(here: Node, arguments: Node, looks: bool) -> bool | None:
    called = _called(arguments.parent)
    given = [child for child in arguments.named_children if child.type != "comment"]
    at = given.index(here)
    if called in TRANSLATORS:
        return at >= TRANSLATORS[called]  # what fills the holes is read, too
    if called in UNREAD_CALLS:
        return False
    if called == "h":
        return at >= 2 or (at == 1 and looks)
    if called == "fill":
        return at >= 1
    if called in ("append", "prepend", "replaceWith", "replaceChildren"):
        return looks or len(given) == 1
    if called == "setAttribute":
        return at == 1 and _text(given[0]).strip("\"'") in READ
    return None if here.type == "arrow_function" else looks


def _of_assignment(here: Node, assignment: Node, looks: bool) -> bool | None:
    left = assignment.child_by_field_name("left")
    target = _text(left) if left else ""
    if target.rsplit(".", 1)[-1] in SHOWN:
        return True
    if target.rsplit(".", 1)[-1] in HIDDEN or ".style." in target:
        return False
    return looks if "dataset." in target else None


def _by_looks(here: Node, parent: Node, looks: bool) -> bool | None:
    return looks


def _never(here: Node, parent: Node, looks: bool) -> bool | None:
    return False


_JUDGES: Mapping[str, Callable[[Node, Node, bool], bool | None]] = {
    "pair": _of_pair,
    "binary_expression": _of_operator,
    "subscript_expression": _of_subscript,
    "switch_case": _of_case,
    "ternary_expression": _of_choice,
    "arguments": _of_call,
    "assignment_expression": _of_assignment,
    "import_statement": _never,
    "statement_block": _by_looks,
    "program": _by_looks,
    "class_body": _by_looks,
}


def _called(call: Node | None) -> str:
    """The name of the function that a call or a `new` names."""
    called = call and (call.child_by_field_name("function") or call.child_by_field_name("constructor"))
    return _text(called).rsplit(".", 1)[-1].rstrip("?") if called else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode()

"""Words with emphasis, lists and links, as a tree of plain values: the page builds elements from it, so that nothing becomes HTML."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 20_000
_LEAST_HEADING = 3
"""Above these stand the page's own headings."""

Node = str | dict[str, Any]


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # What looks like HTML is text; pictures would be fetched from elsewhere.
    return MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 12}).disable(["image", "html_block", "html_inline"])


def nodes_of(markdown: str) -> list[Node]:
    """Texts, and {"tag", "children"} of p, em, strong, code, pre, ul, ol, li, h3 to h6, blockquote, hr, br and a (with "href": https)."""
    return _tree(_reader().parse(str(markdown)[:LONGEST]))


def _tree(tokens: list[Token]) -> list[Node]:
    top: list[Node] = []
    open_lists = [top]
    for token in tokens:
        if token.type == "inline":
            open_lists[-1].extend(_tree(token.children or []))
        elif token.nesting == 1:
            children: list[Node] = []
            if not token.hidden:
                open_lists[-1].append(_opened(token, children))
            open_lists.append(open_lists[-1] if token.hidden else children)
        elif token.nesting == -1:
            open_lists.pop()
        else:
            open_lists[-1].append(_alone(token))
    return top


def _opened(token: Token, children: list[Node]) -> Node:
    if token.tag == "a":
        href = str(token.attrs.get("href", ""))
        return (
            {"tag": "a", "href": href, "children": children} if urlsplit(href).scheme == "https" else {"tag": "span", "children": children}
        )
    if token.tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        return {"tag": f"h{min(int(token.tag[1]) + _LEAST_HEADING - 1, 6)}", "children": children}
    return {"tag": token.tag, "children": children}


def _alone(token: Token) -> Node:
    if token.type in ("softbreak", "hardbreak"):
        return " " if token.type == "softbreak" else {"tag": "br", "children": []}
    if token.type in ("code_inline", "code_block", "fence"):
        return {"tag": "code" if token.type == "code_inline" else "pre", "children": [token.content]}
    return {"tag": "hr", "children": []} if token.type == "hr" else token.content

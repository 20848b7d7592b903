"""What an add-on declares and Easel draws: fields, what groups them, and where they stand. No Gradio, no HTML.

All text in here is shown as text. A field's `name` is the key under which its value travels; names are unique in a page of fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

DRAWING_PAGES = ("txt2img", "img2img", "inpaint")
PAGES = (*DRAWING_PAGES, "upscale")
"""Pages that make pictures."""

Callback = Callable[..., Any]
"""Called with (values, easel), or with fewer; returns a dict of name -> new value, or yields several as it goes on."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """What holds a value. label: empty for the name in words. help: a sentence. on_change: called when the value is another one."""

    name: str
    label: str = ""
    help: str = ""
    on_change: Callback | None = field(default=None, compare=False)

    @property
    def title(self) -> str:
        """The label, or what stands for it."""
        return self.label or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A number that is typed. step: 1 for whole numbers (their values are ints where default and step are)."""

    default: float = 0
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Slider(Number):
    """A number that is typed or drawn; it has bounds."""

    minimum: float | None = 0
    maximum: float | None = 1
    step: float | None = 0.01


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of several words, or, where it is `multiple`, any number of them (a list). default: None for the first, or for none.

    changing: whether callbacks set it to `Choices` of their own; then every word is taken as its value, and yours to check.
    """

    choices: tuple[str, ...]
    default: str | tuple[str, ...] | None = None
    multiple: bool = False
    changing: bool = False


@dataclass(frozen=True)
class Choices:
    """What a callback sets a Choice to that is `changing`: what can be chosen from now on, and what is chosen."""

    choices: Sequence[str]
    value: str | Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Checkbox(Field):
    """Yes or no."""

    default: bool = False


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """Some text. lines: its height; longest: characters at most."""

    default: str = ""
    lines: int = 1
    placeholder: str = ""
    longest: int = 20_000


@dataclass(frozen=True, kw_only=True)
class Image(Field):
    """A picture that is put in; its value is a content hash (64 hex digits), or "" for none. `easel.picture(value)` opens it."""


@dataclass(frozen=True, kw_only=True)
class Mask(Field):
    """Where something is: painted over the picture of the field `over` (or over the page's own, where that is empty), white on black.

    Its value is a content hash, or "" for none.
    """

    over: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelPicker(Field):
    """The name of a model file of a kind ("checkpoint", "lora", "vae", "upscaler", "embedding", "controlnet", ...), or ""."""

    kind: str = "checkpoint"
    default: str = ""


@dataclass(frozen=True, kw_only=True)
class Button:
    """Calls a function. name: what `easel` tells it by; empty for the label."""

    label: str
    on_click: Callback
    name: str = ""
    primary: bool = False

    @property
    def key(self) -> str:
        """What it is known by among its page's fields."""
        return self.name or self.label


@dataclass(frozen=True, kw_only=True)
class Markdown:
    """Some words with emphasis, lists, headings, code and links to https; HTML in it is shown as text. name: for callbacks to set it."""

    text: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Lines over numbers. Its value: {"x": [...], "lines": {label: [...]}}. None leaves a gap."""

    name: str
    label: str = ""
    help: str = ""
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures in a grid. Its value: ids of pictures in history, or content hashes, or {"image": one of these, "label": text}."""

    name: str
    label: str = ""
    help: str = ""


@dataclass(frozen=True)
class Row:
    """Fields beside each other."""

    content: Sequence[Element]


@dataclass(frozen=True)
class Group:
    """Fields under a title. opened: whether they are seen from the start."""

    title: str
    content: Sequence[Element]
    opened: bool = True


Element = Field | Button | Markdown | Plot | Gallery | Row | Group


@dataclass(frozen=True)
class Tab:
    """A page of one's own. key: for several in one add-on, and in addresses; empty for the title.

    on_open: called whenever somebody opens it, so that it shows what is so now.
    """

    title: str
    content: Sequence[Element]
    key: str = ""
    on_open: Callback | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Panel:
    """A section in pages that make pictures. Its fields' values are `request.extensions[<id>]`.

    tabs: which of PAGES. switch: name of a Checkbox among its fields that stands in its heading, and without which the panel says nothing.
    """

    title: str
    content: Sequence[Element]
    tabs: tuple[str, ...] = DRAWING_PAGES
    switch: str = ""


Event = Literal["change", "input", "click", "focus", "blur", "select"]


@dataclass(frozen=True)
class On:
    """Calls `callback(values, easel)` when something happens to a component of the page.

    component: a documented id: the name of a request's field ("prompt", "steps"), "generate", or "page" (select: a page was opened).
    What it returns, field name -> value, is set on the page.
    """

    component: str
    event: Event
    callback: Callback = field(compare=False)


def elements(content: Sequence[Element]) -> Iterator[Element]:
    """Every element, those in rows and groups too, these themselves among them."""
    for one in content:
        yield one
        if isinstance(one, Row | Group):
            yield from elements(one.content)


def fields_of(content: Sequence[Element]) -> dict[str, Field]:
    """What holds a value, by name."""
    return {one.name: one for one in elements(content) if isinstance(one, Field)}


def buttons_of(content: Sequence[Element]) -> dict[str, Button]:
    """The buttons, by what they are known by."""
    return {one.key: one for one in elements(content) if isinstance(one, Button)}


__all__ = [
    "DRAWING_PAGES",
    "PAGES",
    "Button",
    "Callback",
    "Checkbox",
    "Choice",
    "Choices",
    "Element",
    "Field",
    "Gallery",
    "Group",
    "Image",
    "Markdown",
    "Mask",
    "ModelPicker",
    "Number",
    "On",
    "Panel",
    "Plot",
    "Row",
    "Slider",
    "Tab",
    "Text",
    "buttons_of",
    "elements",
    "fields_of",
]

"""The page "Styles": what stands in styles.csv, with a picture of each, edited, put in order and taken over from other programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webui.errors import InvalidRequest, NotFound
from webui.extensions import Button, Checkbox, Choice, Choices, Gallery, Group, Image, Markdown, Row, Tab, Text, hookimpl
from webui.extensions.easel import Easel
from webui.generation.prompt.styles import Style, read_table

PICTURES = "pictures.json"
MOST_IMPORTED = 5_000
NEW = "(a new style)"
"""Is chosen where none is; no style is called that."""

Values = Mapping[str, Any]


def pictures(easel: Easel) -> dict[str, str]:
    """Name of a style -> content hash of its picture."""
    try:
        read = json.loads((easel.folder / PICTURES).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in read.items()} if isinstance(read, dict) else {}


def keep_pictures(easel: Easel, known: Mapping[str, str]) -> None:
    """Write them down, in one go."""
    part: Path = easel.folder / f"{PICTURES}.part"
    part.write_text(json.dumps(known, ensure_ascii=False, indent=1), "utf-8")
    part.replace(easel.folder / PICTURES)


def shown(easel: Easel, chosen: str = NEW) -> dict[str, Any]:
    """The list and the pictures, as the page shows them, and the styles that can be chosen. chosen: the one that is."""
    styles, known = easel.styles(), pictures(easel)
    names = [one.name for one in styles]
    lines = [
        f"{number}. **{_escaped(one.name)}** {_escaped(_short(one.prompt or one.negative_prompt))}" for number, one in enumerate(styles, 1)
    ]
    return {
        "chosen": Choices([NEW, *names], chosen if chosen in names else NEW),
        "list": "\n".join(lines) or "There are no styles yet. Write one below, or take over a styles.csv.",
        "shelf": [{"image": known[one.name], "label": one.name} for one in styles if one.name in known],
    }


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:89]}…"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()#+.!|<>~-])", r"\\\1", " ".join(text.split()))


def _found(easel: Easel, name: str) -> Style:
    """A style by its name. Raises NotFound."""
    chosen = next((one for one in easel.styles() if one.name == name), None)
    if chosen is None:
        hint = "Choose one of the list first." if name == NEW else "It may have been deleted meanwhile."
        raise NotFound("No style is chosen." if name == NEW else f"There is no style called {name[:80]!r}.", field="chosen", hint=hint)
    return chosen


def open_style(values: Values, easel: Easel) -> dict[str, Any]:
    """The style that is chosen, in the fields; empty ones for a new style."""
    name = str(values.get("chosen") or "")
    if name == NEW:
        return {"name": "", "prompt": "", "negative_prompt": "", "picture": "", **shown(easel)}
    style = _found(easel, name)
    own = {
        "name": style.name,
        "prompt": style.prompt,
        "negative_prompt": style.negative_prompt,
        "picture": pictures(easel).get(style.name, ""),
    }
    return {**own, **shown(easel, style.name)}


def save_style(values: Values, easel: Easel) -> dict[str, Any]:
    """Write the fields down: in the place of the style that was opened, or as a new one."""
    names = {one.name for one in easel.styles()}
    was = str(values.get("chosen") or "")
    style = Style(str(values.get("name") or "").strip(), str(values.get("prompt") or ""), str(values.get("negative_prompt") or ""))
    easel.save_style(style, was=was if was in names else None)
    known = pictures(easel)
    before = dict(known)
    if was != style.name:
        known.pop(was, None)
    known.pop(style.name, None)
    if values.get("picture"):
        known[style.name] = str(values["picture"])
    if known != before:
        keep_pictures(easel, known)
    return shown(easel, style.name)


def delete_style(values: Values, easel: Easel) -> dict[str, Any]:
    """Take the style away that was opened; its words stay in the fields, so that saving brings it back."""
    easel.delete_style(_found(easel, str(values.get("chosen") or "")).name)
    return shown(easel)


def _moved(values: Values, easel: Easel, by: int) -> dict[str, Any]:
    names = [one.name for one in easel.styles()]
    name = _found(easel, str(values.get("chosen") or "")).name
    place = names.index(name)
    names.insert(max(0, min(place + by, len(names) - 1)), names.pop(place))
    easel.order_styles(names)
    return shown(easel, name)


def move_up(values: Values, easel: Easel) -> dict[str, Any]:
    """One place nearer to the beginning."""
    return _moved(values, easel, -1)


def move_down(values: Values, easel: Easel) -> dict[str, Any]:
    """One place nearer to the end."""
    return _moved(values, easel, 1)


def sort_all(values: Values, easel: Easel) -> dict[str, Any]:
    """By name."""
    easel.order_styles(sorted((one.name for one in easel.styles()), key=str.casefold))
    return show(values, easel)


def imported(text: str, known: Sequence[str], replace: bool) -> tuple[list[Style], list[str]]:
    """The styles of a styles.csv that are new, or all where they `replace`; and the names that were left out. Raises InvalidRequest."""
    try:
        styles = [row.style for row in read_table(text).styles()]
    except ValueError as error:
        raise InvalidRequest(
            f"This is no styles.csv: {error}.", field="csv", hint="Its first line names the columns: name,prompt,negative_prompt."
        ) from None
    if len(styles) > MOST_IMPORTED:
        raise InvalidRequest(
            f"These are {len(styles):,} styles.", field="csv", allowed=f"at most {MOST_IMPORTED:,}", hint="Split the file."
        )
    # AUTOMATIC1111 divides its list with rows that have no words.
    worded = [one for one in styles if one.prompt.strip() or one.negative_prompt.strip()]
    taken = [one for one in worded if replace or one.name not in known]
    return taken, [one.name for one in worded if one not in taken]


def take_over(values: Values, easel: Easel) -> dict[str, Any]:
    """Add the styles of a styles.csv."""
    taken, left = imported(str(values.get("csv") or ""), [one.name for one in easel.styles()], bool(values.get("replace")))
    refused = []
    for style in taken:
        try:
            easel.save_style(style)
        except InvalidRequest as error:
            refused.append(f"{style.name} ({error.message})")
    told = [f"{len(taken) - len(refused)} styles were added."]
    told += [f"There already: {', '.join(left[:20])}."] if left else []
    told += [f"Not usable: {', '.join(refused[:20])}."] if refused else []
    return {"told": _escaped(" ".join(told)), **show(values, easel)}


def show(values: Values, easel: Easel) -> dict[str, Any]:
    """The list as it is now; what was chosen stays so."""
    return shown(easel, str(values.get("chosen") or NEW))


@hookimpl
def tab() -> Tab:
    """The page."""
    return Tab(
        "Styles",
        [
            Markdown(text="", name="list"),
            Gallery(name="shelf", label="Pictures"),
            Group(
                "One style",
                [
                    Row(
                        [
                            Choice(name="chosen", label="Style", choices=(NEW,), changing=True, on_change=open_style),
                            Button(label="Move up", on_click=move_up, name="up"),
                            Button(label="Move down", on_click=move_down, name="down"),
                        ]
                    ),
                    Text(name="name", label="Name", longest=200),
                    Text(name="prompt", label="Prompt", lines=3, help="Added to the prompt; {prompt} stands for the words that are there."),
                    Text(name="negative_prompt", label="Negative prompt", lines=2),
                    Image(name="picture", label="Picture", help="What the style looks like."),
                    Row(
                        [
                            Button(label="Save", on_click=save_style, name="save", primary=True),
                            Button(label="Delete", on_click=delete_style, name="delete"),
                            Button(label="Sort by name", on_click=sort_all, name="sort"),
                        ]
                    ),
                ],
            ),
            Group(
                "Take over a styles.csv",
                [
                    Text(name="csv", label="Its text", lines=5, longest=5_000_000, placeholder="name,prompt,negative_prompt"),
                    Checkbox(name="replace", label="Replace styles of the same name"),
                    Button(label="Take over", on_click=take_over, name="take_over"),
                    Markdown(text="AUTOMATIC1111 keeps it in its own folder.", name="told"),
                ],
                opened=False,
            ),
        ],
        key="styles",
        on_open=show,
    )

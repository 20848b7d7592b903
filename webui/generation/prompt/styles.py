"""Styles: texts kept by name, added to a prompt with one click. The table is AUTOMATIC1111's styles.csv, as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PLACE = "{prompt}"
COLUMNS = ("name", "prompt", "negative_prompt")

_OLD_PROMPT = "text"
_COMMENT = "#"


@dataclass(frozen=True)
class Style:
    """Words to add to a prompt and to a negative prompt; where they hold {prompt}, the user's words go there."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def add_style(words: str, style: str) -> str:
    """A prompt with one style's words: around it where they say {prompt}, else behind it."""
    if PLACE in style:
        return style.replace(PLACE, words)
    return ", ".join(part for part in (words.strip(), style.strip()) if part)


def apply_styles(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[str, str]:
    """Both prompts with all styles, one after the other."""
    for style in styles:
        prompt = add_style(prompt, style.prompt)
        negative_prompt = add_style(negative_prompt, style.negative_prompt)
    return prompt, negative_prompt


def read_styles(text: str) -> tuple[Style, ...]:
    """The styles of a table, in order; of two with one name the last counts. Raises ValueError for what is no table.

    Rows whose name starts with # are comments. Before AUTOMATIC1111 1.0 the column `prompt` was called `text`.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"line that is no row ({error})") from error
    styles: dict[str, Style] = {}
    for row in rows:
        name = row.get("name") or ""
        if name and not name.startswith(_COMMENT):
            styles[name] = Style(name, row.get("prompt") or row.get(_OLD_PROMPT) or "", row.get("negative_prompt") or "")
    return tuple(styles.values())


def write_styles(styles: Sequence[Style]) -> str:
    """The table of these styles, as `read_styles` and AUTOMATIC1111 read it."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    writer.writerows((style.name, style.prompt, style.negative_prompt) for style in styles)
    return table.getvalue()

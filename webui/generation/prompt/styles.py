"""Styles: texts kept by name, added to a prompt with one click. The table is AUTOMATIC1111's styles.csv, as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

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


def extract_styles(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[str, str, tuple[Style, ...]]:
    """Both prompts without the words of styles, and which styles those were: applied again they give exactly these prompts.

    AUTOMATIC1111's rule, from the last style inwards; of several the one with the most words is taken.
    """
    found: list[Style] = []
    known = sorted((style for style in styles if style.prompt.strip() or style.negative_prompt.strip()), key=_length, reverse=True)
    while True:
        for style in known:
            inner, negative = without_style(prompt, style.prompt), without_style(negative_prompt, style.negative_prompt)
            if inner is not None and negative is not None:
                break
        else:
            return prompt, negative_prompt, tuple(reversed(found))
        prompt, negative_prompt = inner, negative
        found.append(style)


def _length(style: Style) -> int:
    return len(style.prompt) + len(style.negative_prompt)


def without_style(words: str, style: str) -> str | None:
    """The words to which the style was added; None where it was not (exactly so)."""
    if PLACE in style:
        before, _, after = style.partition(PLACE)
        inner = words[len(before) : len(words) - len(after)] if len(words) >= len(before) + len(after) else ""
    else:
        inner = words.removesuffix(style.strip()).removesuffix(", ") if style.strip() else words
    return inner if add_style(inner, style) == words else None


@dataclass(frozen=True)
class StyleRow:
    """A style as it stands in a table. more: what other columns say of it. place: how many rows stand before it."""

    style: Style
    more: Mapping[str, str]
    place: int


@dataclass(frozen=True)
class StyleTable:
    """A table of styles with all that stands in it: columns of other programs, comments, empty rows."""

    columns: tuple[str, ...] = COLUMNS
    rows: tuple[tuple[str, ...], ...] = ()
    line_end: str = "\r\n"

    def styles(self) -> tuple[StyleRow, ...]:
        """The styles in order; of two with one name the last counts. Rows whose name starts with # are comments."""
        found: dict[str, StyleRow] = {}
        for place, row in enumerate(self.rows):
            cells = dict(zip(self.columns, row, strict=False))
            name = cells.get("name", "")
            if name and not name.startswith(_COMMENT):
                style = Style(name, cells.get("prompt") or cells.get(_OLD_PROMPT) or "", cells.get("negative_prompt") or "")
                more = {column: cell for column, cell in cells.items() if column not in (*COLUMNS, _OLD_PROMPT) and cell}
                found[name] = StyleRow(style, more, place)
        return tuple(found.values())

    def with_style(
        self, style: Style, *, was: str | None = None, more: Mapping[str, str] | None = None, place: int | None = None
    ) -> StyleTable:
        """The table with that style in the row of the one called `was` (else of its own name), or in a new row.

        more: for other columns; None leaves them as they are. place: of a new row; None: the last.
        """
        known = {row.style.name: row.place for row in self.styles()}
        at = known.get(was if was is not None else style.name)
        columns = (*self.columns, *(name for name in self._missing(style) if name not in self.columns))
        cells = dict(zip(columns, self.rows[at], strict=False)) if at is not None else {}
        prompt = "prompt" if "prompt" in columns else _OLD_PROMPT
        cells |= {"name": style.name, prompt: style.prompt, "negative_prompt": style.negative_prompt}
        cells |= {name: text for name, text in (more or {}).items() if name in columns}
        row = tuple(cells.get(column, "") for column in columns)
        rows = list(self.rows)
        if at is not None:
            rows[at] = row + self.rows[at][len(columns) :]
        else:
            rows.insert(len(rows) if place is None else place, row)
        return replace(self, columns=columns, rows=tuple(rows))

    def _missing(self, style: Style) -> tuple[str, ...]:
        prompt = () if {"prompt", _OLD_PROMPT} & {*self.columns} else ("prompt",)
        return (*prompt, *(("negative_prompt",) if style.negative_prompt else ()))

    def ordered(self, names: Sequence[str]) -> StyleTable:
        """The table with the rows of those styles in that order, in the places that they have together; all others stay where they are."""
        place_of = {row.style.name: row.place for row in self.styles()}
        wanted = [name for name in dict.fromkeys(names) if name in place_of]
        rows = list(self.rows)
        for place, name in zip(sorted(place_of[name] for name in wanted), wanted, strict=True):
            rows[place] = self.rows[place_of[name]]
        return replace(self, rows=tuple(rows))

    def without(self, name: str) -> StyleTable:
        """The table without the rows of that style."""
        at = self.columns.index("name")
        return replace(self, rows=tuple(row for row in self.rows if len(row) <= at or row[at] != name))


def read_table(text: str) -> StyleTable:
    """A table as it stands in a file. Raises ValueError for what is none.

    Before AUTOMATIC1111 1.0 the column `prompt` was called `text`.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return StyleTable()
    try:
        columns, *rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    except csv.Error as error:
        raise ValueError(f"line that is no row ({error})") from error
    if "name" not in columns:
        raise ValueError("no column called name")
    return StyleTable(tuple(columns), tuple(map(tuple, rows)), "\r\n" if "\r\n" in text else "\n")


def write_table(table: StyleTable) -> str:
    """The table as `read_table` and AUTOMATIC1111 read it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=table.line_end)
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return text.getvalue()

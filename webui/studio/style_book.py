"""The styles that there are: one or several styles.csv on disk, read anew whenever they changed, and written without a loss."""

from __future__ import annotations

import errno
import glob
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, DiskFull, InvalidRequest, NotFound
from webui.generation.prompt.styles import Style, StyleRow, StyleTable, apply_styles, read_table, write_table
from webui.generation.request import MAX_PROMPT_CHARACTERS, PictureRequest

ENCODING = "utf-8-sig"
"""With a byte order mark, as AUTOMATIC1111 writes it, so that spreadsheets read it right."""

AnyDrawn = TypeVar("AnyDrawn", bound=PictureRequest)

MAX_NAME = 200
MOST_STYLES = 10_000


@dataclass(frozen=True)
class KnownStyle:
    """A style, and the file and row it stands in. more: what other columns of that row say."""

    style: Style
    file: Path
    more: Mapping[str, str]
    place: int


class StyleBook:
    """Styles of several files. May be used from any thread; what other programs write is seen at the next question.

    patterns: files, or patterns with wildcards; new styles go into the first.
    """

    def __init__(self, patterns: Sequence[Path]) -> None:
        self._patterns = tuple(patterns)
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int], StyleTable]] = {}

    @property
    def home(self) -> Path:
        """Where new styles go."""
        return self.files()[0]

    def files(self) -> list[Path]:
        """The files, those that a pattern finds in order of name. The first of them may not be there yet."""
        found: list[Path] = []
        for pattern in self._patterns:
            text = str(pattern)
            found += sorted(map(Path, glob.glob(text))) if glob.has_magic(text) else [pattern]  # noqa: PTH207 - the pattern is whole
        return list(dict.fromkeys(found)) or [self._patterns[0].with_name("styles.csv")]

    def all(self) -> tuple[list[KnownStyle], list[str]]:
        """All styles in order, each name once (the last file that has it counts), and what can't be read, in words."""
        with self._lock:
            return self._all()

    def _all(self) -> tuple[list[KnownStyle], list[str]]:
        known: dict[str, KnownStyle] = {}
        problems: list[str] = []
        for file in self.files():
            try:
                rows = self._table(file).styles()
            except DataUnusable as problem:
                problems.append(f"{problem.message} {problem.hint}")
                continue
            for row in rows:
                known[row.style.name] = _known(file, row)
        return list(known.values()), problems

    def named(self, names: Iterable[str]) -> list[Style]:
        """The styles of those names, in that order. Raises InvalidRequest for one that isn't there."""
        names = list(names)
        known = {one.style.name: one.style for one in self.all()[0]} if names else {}
        for name in names:
            if name not in known:
                raise InvalidRequest(
                    f"There is no style called {name[:80]!r}.",
                    field="styles",
                    allowed=", ".join(list(known)[:20]),
                    hint="Take it away, or save a style of that name.",
                )
        return [known[name] for name in names]

    def apply(self, request: AnyDrawn) -> AnyDrawn:
        """The request with its styles in its prompts and no names left. Raises InvalidRequest."""
        if not request.styles:
            return request
        prompt, negative = apply_styles(request.prompt, request.negative_prompt, self.named(request.styles))
        if max(len(prompt), len(negative)) > MAX_PROMPT_CHARACTERS:
            raise InvalidRequest(
                "With its styles the prompt is too long.",
                field="styles",
                allowed=f"at most {MAX_PROMPT_CHARACTERS:,} characters in all",
                hint="Take a style away.",
            )
        return request.model_copy(update={"prompt": prompt, "negative_prompt": negative, "styles": ()})

    def save(
        self,
        style: Style,
        *,
        was: str | None = None,
        more: Mapping[str, str] | None = None,
        file: str | None = None,
        place: int | None = None,
    ) -> KnownStyle:
        """Write a style, in the place of the one called `was` (else of its own name) or as a new one; on disk when this returns.

        more, file, place: of a style that is put back as it was. Raises InvalidRequest, NotFound, Conflict or DataUnusable.
        """
        _check(style)
        with self._lock:
            known = {one.style.name: one for one in self._all()[0]}
            if was is not None and was not in known:
                raise NotFound(f"There is no style called {was[:80]!r}.", hint="It may have been renamed or deleted.")
            if was not in (None, style.name) and style.name in known:
                raise Conflict(f"There is a style called {style.name[:80]!r} already.", field="name", hint="Choose another name.")
            if len(known) >= MOST_STYLES:
                raise Conflict(f"There are {len(known):,} styles already.", field="name", hint="Delete some.")
            before = known.get(was if was is not None else style.name)
            path = before.file if before else next((one for one in self.files() if one.name == file), self.home)
            table = self._table(path).with_style(style, was=was, more=more, place=place)
            if was not in (None, style.name):
                table = table.without(was)  # older rows of that name, which would come to light
            self._write(path, table)
            return next(_known(path, row) for row in table.styles() if row.style.name == style.name)

    def delete(self, name: str) -> KnownStyle:
        """Take a style away, and return it as it was. Raises NotFound or DataUnusable."""
        with self._lock:
            one = next((one for one in self._all()[0] if one.style.name == name), None)
            if one is None:
                raise NotFound(f"There is no style called {name[:80]!r}.", hint="It may have been renamed or deleted.")
            self._write(one.file, self._table(one.file).without(name))
            return one

    def order(self, names: Sequence[str]) -> None:
        """Put styles into that order, each within its file; those that aren't named keep their places. Raises DataUnusable."""
        with self._lock:
            for file in self.files():
                table = self._table(file)
                ordered = table.ordered(names)
                if ordered != table:
                    self._write(file, ordered)

    def _table(self, file: Path) -> StyleTable:
        """What stands in a file, with no rows where there is none. Raises DataUnusable for one that is no table of styles."""
        try:
            stat = file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._read.get(file)
            if known is None or known[0] != stamp:
                known = self._read[file] = (stamp, read_table(file.read_text(ENCODING)))
            return known[1]
        except FileNotFoundError:
            return StyleTable()
        except (OSError, ValueError) as error:
            raise DataUnusable(
                f"{file.name} can't be read: {error}.", hint=f"Mend it, or take it away; {file.name}.bak is the one before."
            ) from error

    def _write(self, file: Path, table: StyleTable) -> None:
        """Replace a file durably; what was there before is beside it, with .bak behind its name. Raises DataUnusable."""
        try:
            if file.exists():
                write_durably(file.with_name(f"{file.name}.bak"), file.read_bytes())
            write_durably(file, write_table(table).encode(ENCODING))
        except OSError as error:
            problem = DiskFull if error.errno == errno.ENOSPC else DataUnusable
            raise problem(
                f"{file.name} can't be written: {error.strerror or error}.", hint="Check its folder's rights and space."
            ) from error
        # Two writes within one tick of the disk's clock could look the same.
        self._read.pop(file, None)


def _known(file: Path, row: StyleRow) -> KnownStyle:
    return KnownStyle(row.style, file, row.more, row.place)


def _check(style: Style) -> None:
    name = style.name
    if not name.strip() or name != name.strip() or len(name) > MAX_NAME or name.startswith("#") or any(mark in name for mark in "\r\n\x00"):
        raise InvalidRequest(
            "A style can't have this name.",
            field="name",
            allowed=f"1 to {MAX_NAME} characters on one line, not beginning with # or a space",
            hint="Choose another name.",
        )
    for field, text in (("prompt", style.prompt), ("negative_prompt", style.negative_prompt)):
        if len(text) > MAX_PROMPT_CHARACTERS:
            raise InvalidRequest(
                "This style is too long.", field=field, allowed=f"at most {MAX_PROMPT_CHARACTERS:,} characters", hint="Shorten it."
            )
    if not style.prompt.strip() and not style.negative_prompt.strip():
        raise InvalidRequest("This style has no words.", field="prompt", allowed="words in one of both prompts", hint="Write some.")

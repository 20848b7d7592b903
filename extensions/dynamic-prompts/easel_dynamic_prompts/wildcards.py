"""Wildcard files: those that come with the add-on and a person's own, in folders as deep as one likes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dynamicprompts.wildcards import WildcardManager
from dynamicprompts.wildcards.values import WildcardValues

from webui.errors import Conflict, InvalidRequest, NotFound, TooLarge

SHIPPED = Path(__file__).resolve().parent.parent / "wildcards"
SUFFIXES = (".txt", ".yaml", ".json")

MOST_BYTES = 5_000_000
MOST_FILES = 5_000
MOST_LOOKUPS = 500
"""Wildcards that one prompt may look up: files that name each other twice would grow it without end. Reading a line takes milliseconds."""

_PART = re.compile(r"[\w][\w .-]{0,79}")


class LeadsNowhere(ValueError):
    """A template that can't be read, or never ends; in words."""


class Wildcards(WildcardManager):
    """The wildcards of several folders; a later folder's file takes the place of one of the same name. Counts what is looked up."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(root_map={"": [folder for folder in folders if folder.is_dir()]})
        self._left = MOST_LOOKUPS

    def next_prompt(self) -> None:
        """What was looked up counts no more."""
        self._left = MOST_LOOKUPS

    def get_values(self, wildcard: str) -> WildcardValues:
        """The lines of a wildcard. Raises LeadsNowhere after too many."""
        self._left -= 1
        if self._left < 0:
            raise LeadsNowhere("its wildcards name each other without end")
        return super().get_values(wildcard)


@dataclass(frozen=True)
class WildcardFile:
    """One file. name: as in __name__ of a text file, its path without suffix; wildcards: what it offers; own: whether it may be changed."""

    name: str
    path: Path
    own: bool
    wildcards: tuple[str, ...]


class WildcardFolder:
    """A person's own wildcard files, over those that come with the add-on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where wildcards are looked for."""
        return SHIPPED, self.folder

    def wildcards(self) -> Wildcards:
        """All of them, read anew."""
        return Wildcards(self.folders)

    def names(self) -> list[str]:
        """What can stand between two __, in order."""
        return sorted(self.wildcards().get_collection_names())

    def files(self) -> list[WildcardFile]:
        """Every file, one's own first."""
        found = [WildcardFile(_name(path, root), path, root is self.folder, ()) for root in (self.folder, SHIPPED) for path in _files(root)]
        return found[:MOST_FILES]

    def read(self, name: str) -> str:
        """A file's text: one's own, else the one that comes with the add-on. Raises NotFound, InvalidRequest or TooLarge."""
        for root in (self.folder, SHIPPED):
            path = self._path(name, root)
            if path.is_file():
                if path.stat().st_size > MOST_BYTES:
                    raise TooLarge(f"{name} is larger than {MOST_BYTES:,} bytes.", field="name", hint="Open it with an editor.")
                return path.read_text("utf-8", "replace")
        raise NotFound(f"There is no wildcard file {name[:80]!r}.", hint="Choose one of the list.")

    def write(self, name: str, text: str) -> Path:
        """Write one's own file; what was there is beside it, with .bak behind its name. Raises InvalidRequest or TooLarge."""
        path = self._path(name, self.folder)
        if len(text.encode("utf-8", "replace")) > MOST_BYTES:
            raise TooLarge(f"This is more than {MOST_BYTES:,} bytes.", field="text", hint="Split it into several files.")
        if not text.strip():
            raise InvalidRequest("There are no lines.", field="text", hint="Write one choice on each line.")
        if path.suffix != ".txt":
            _check_structure(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            path.with_name(f"{path.name}.bak").write_bytes(path.read_bytes())
        part = path.with_name(f"{path.name}.part")
        part.write_text(text.replace("\r\n", "\n"), "utf-8")
        part.replace(path)
        return path

    def delete(self, name: str) -> None:
        """Take one's own file away; it stays beside with .bak behind its name. Raises NotFound, Conflict or InvalidRequest."""
        path = self._path(name, self.folder)
        if not path.is_file():
            if self._path(name, SHIPPED).is_file():
                raise Conflict(
                    f"{name} comes with the add-on.", field="name", hint="Save one of your own under that name: it takes its place."
                )
            raise NotFound(f"There is no wildcard file {name[:80]!r}.", hint="Choose one of the list.")
        path.replace(path.with_name(f"{path.name}.bak"))

    def _path(self, name: str, root: Path) -> Path:
        """The file of a name below a folder, ".txt" where it says no kind. Raises InvalidRequest for a name that leads elsewhere."""
        parts = name.strip().replace("\\", "/").split("/")
        if len(parts) > 8 or any(not _PART.fullmatch(part) or part.endswith((".", " ")) for part in parts):
            raise InvalidRequest(
                f"A wildcard file can't be called {name[:80]!r}.",
                field="name",
                allowed="letters, digits, spaces, - and _, with / between folders",
                hint="Write a name like animal or places/city.",
            )
        path = root.joinpath(*parts)
        if path.suffix not in SUFFIXES:
            path = path.with_name(f"{path.name}.txt")
        if path.is_symlink() or not path.resolve().is_relative_to(root.resolve()):
            raise InvalidRequest("This leads out of the folder of wildcards.", field="name", hint="Choose another name.")
        return path


def _files(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES and path.is_file())


def _name(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix()
    return name.removesuffix(".txt")


def _check_structure(text: str) -> None:
    """Raises InvalidRequest for YAML that holds something else than lists and texts by name, or that repeats itself by reference."""
    try:
        # A few references that hold each other grow into gigabytes where they are followed.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.SafeLoader)):
            raise InvalidRequest("It has references (*name).", field="text", hint="Write out what they stand for.")
        read = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" in line {place.line + 1}" if place is not None else ""
        raise InvalidRequest(
            f"It is no YAML{where}.", field="text", hint="Write lists under names, as the add-on's README shows."
        ) from None
    if not isinstance(read, dict) or not all(map(_is_wildcards, read.values())):
        raise InvalidRequest("It doesn't hold lists under names.", field="text", hint='Write "colour:" and below it lines as "  - red".')


def _is_wildcards(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_wildcards, value.values()))
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))

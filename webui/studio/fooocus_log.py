"""Fooocus's log.html: what a folder's pictures were made by, where the pictures themselves don't say so.

Fooocus writes a line into it for each picture, and parameters into the picture itself only where that is asked of it. The log is HTML
that anybody may have written: it is read by the standard library's parser, and nothing of it is ever shown as HTML.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from types import MappingProxyType

LOG = "log.html"
_MOST_BYTES = 64 * 1024 * 1024
_COPIED = re.compile(r"to_clipboard\('([^']*)'\)")
_WEIGHT = re.compile(r"lora_\[(.+)\]_weight")
_NUMBERED = re.compile(r"lora_(\d)")


@dataclass
class _Entry:
    """One picture: its file's name, what its table says, and what its button copies."""

    name: str = ""
    rows: dict[str, str] = field(default_factory=dict)
    copied: str = ""


class _Log(HTMLParser):
    """Reads each `image-container` of a log."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.entries: list[_Entry] = []
        self._cell = ""
        self._label = ""
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "div" and "image-container" in said.get("class", ""):
            self.entries.append(_Entry())
        elif not self.entries:
            return
        elif tag == "img" and not self.entries[-1].name:
            self.entries[-1].name = PurePosixPath(urllib.parse.unquote(said.get("src", "")).replace("\\", "/")).name
        elif tag == "td" and said.get("class") in ("label", "value"):
            self._cell, self._text = said["class"], []
        elif tag == "button" and (copied := _COPIED.search(said.get("onclick", ""))):
            self.entries[-1].copied = urllib.parse.unquote(copied[1])
        elif tag == "br":
            self._text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "br":  # as it writes line breaks: </br>
            self._text.append("\n")
        if tag != "td" or not self._cell:
            return
        said = re.sub(r" ?\n ?", "\n", "".join(self._text)).strip()
        if self._cell == "label":
            self._label = said
        elif self.entries and self._label:
            self.entries[-1].rows[self._label] = said
        self._cell = ""

    def handle_data(self, data: str) -> None:
        if self._cell:
            self._text.append(data)


def _told(entry: _Entry) -> dict[str, object]:
    """What is told of a picture, by the names that Fooocus has for it in pictures; earlier versions write labels instead."""
    try:
        copied = json.loads(entry.copied) if entry.copied else None
    except (ValueError, RecursionError):
        copied = None
    told: dict[str, object] = {}
    for label, value in (copied if isinstance(copied, dict) else entry.rows).items():
        name = str(label).strip().lower().replace(" ", "_")
        if numbered := _NUMBERED.fullmatch(name):
            name = f"lora_combined_{numbered[1]}"
        elif weighed := _WEIGHT.fullmatch(name):
            # By its own letters: names of files know large ones from small ones.
            own = str(label).partition("[")[2].rpartition("]")[0] or weighed[1]
            name, value = f"lora_combined_{1 + sum(key.startswith('lora_combined_') for key in told)}", f"{own} : {value}"
        told[name] = value
    return told


def read_log(text: str) -> dict[str, str]:
    """What a log says of each picture: its file's name -> JSON as Fooocus writes it into pictures. Strange lines are left out."""
    log = _Log()
    log.feed(text)
    log.close()
    found = {}
    for entry in log.entries:
        told = _told(entry)
        if entry.name and "prompt" in told:
            found[entry.name] = json.dumps({"base_model": "", **told}, ensure_ascii=False)
    return found


class FooocusLogs:
    """Logs of folders. The one that was read last is kept: pictures of a folder are read one after the other."""

    def __init__(self) -> None:
        self._read: tuple[Path, int, int] | None = None
        self._told: MappingProxyType[str, str] = MappingProxyType({})

    def says(self, picture: Path) -> str:
        """What the log of its folder says of a picture, as JSON; empty where there is no log, or nothing about it there."""
        log = picture.with_name(LOG)
        try:
            if log.is_symlink() or not log.is_file():
                return ""
            state = log.stat()
            if state.st_size > _MOST_BYTES:
                return ""
            known = log, state.st_mtime_ns, state.st_size
            if known != self._read:
                self._told = MappingProxyType(read_log(log.read_text("utf-8", errors="replace")))
                self._read = known
        except OSError:
            return ""
        return self._told.get(picture.name, "")

"""Fetches a diffusers folder file by file; it gets its name when all of it is there and checked."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from webui.durable import PART_SUFFIX, rename_to_new
from webui.workshop.download import Fetched, Told, Transfer, require_limit, told_in_words
from webui.workshop.fetching import Fetcher
from webui.workshop.plan import check_room
from webui.workshop.repository_folder import RemoteFile

NOW = "now"
"""In an order's state: what is known of the file that is on its way."""


class FolderTransfer:
    """All files of a folder on their way, one after the other. Those that are there are whole and checked."""

    def __init__(
        self,
        fetcher: Fetcher,
        aimed: Fetched,
        files: Sequence[RemoteFile],
        told: Told,
        cancelled: threading.Event,
        limit: int,
        before: Mapping[str, Any],
    ) -> None:
        """aimed: its url is what the files' paths are joined to, its part the folder they come into. before: the order's state."""
        self._fetcher = fetcher
        self._aimed = aimed
        self._files = files
        self._told = told
        self._cancelled = cancelled
        self._limit = limit
        begun = before.get(NOW)
        self._begun = Fetched.stored(begun) if isinstance(begun, dict) else Fetched()
        self._part, self._target = Path(aimed.part), Path(aimed.target)

    def run(self) -> Path:
        """Fetch what is missing, and give the folder its name. Raises as Transfer does; what came so far stays."""
        with told_in_words(self._target):
            require_limit(self._target.name, self._aimed.size, self._limit)
            there = sum(path.stat().st_size for path in self._part.rglob("*") if path.is_file()) if self._part.is_dir() else 0
            check_room(self._part.parent, (self._aimed.size or 0) - there, f"The rest of {self._target.name}")
            done = 0
            for file in self._files:
                done += self._fetch(file, done)
            rename_to_new(self._part, self._target)
        return self._target

    def _fetch(self, file: RemoteFile, done: int) -> int:
        """Returns its length."""
        target = self._part / file.path
        if not target.is_file():
            aimed = Fetched(
                f"{self._aimed.url}{quote(file.path)}",
                str(target.with_name(target.name + PART_SUFFIX)),
                str(target),
                file.size,
                file.sha256,
            )
            if self._begun.url == aimed.url:
                aimed = replace(aimed, validator=self._begun.validator)
            told = Told(
                stage=lambda words, total, place: self._told.stage(f"{words} {file.path}", self._aimed.size or 0, done + place),
                place=lambda place: self._told.place(done + place),
                keep=lambda state: self._told.keep({**self._aimed.as_state(), NOW: state}),
            )
            Transfer(self._fetcher, aimed, told, self._cancelled, self._limit, is_model=file.holds_weights).run()
        return target.stat().st_size

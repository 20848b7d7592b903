"""Pictures that scripts make themselves, grids above all: as files beside the grids of jobs, and as rows in history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from webui.errors import GenerationFailed, InvalidRequest
from webui.extensions.offers import Kept
from webui.generation.request import ResolvedRequest
from webui.pictures.decoding import as_rgb
from webui.settings import Settings
from webui.studio.journal import Journal
from webui.studio.naming import OutputStyle
from webui.studio.picture_file import PictureFile, PictureFolder, encode, read_back
from webui.studio.scripts.book import Run, ScriptBook

_LONGEST_TEXT = 20_000
_TRIES = 20
_RUN = "script_run"
"""Among the facts of such a picture: of which run it is, and which of its pictures."""


class ScriptPictures:
    """Keeps them. May be called from any thread."""

    def __init__(
        self,
        book: ScriptBook,
        journal: Journal,
        pictures: PictureFolder,
        settings: Callable[[], Settings],
        folder_of: Callable[[str], str],
    ) -> None:
        """folder_of: a person's own folder among the pictures."""
        self._book = book
        self._journal = journal
        self._pictures = pictures
        self._settings = settings
        self._folder_of = folder_of

    def keep(self, run: Run, number: int, kept: Kept, first: ResolvedRequest) -> int:
        """Write a picture with the parameters of the run's first one. Returns its id; the same number again makes nothing new.

        Its path is promised before it is written, so that a file whose row a crash prevented is found again and is the one that gets it.
        Raises OSError, GenerationFailed or DataUnusable.
        """
        promise = f"script picture {run.id} {number}"
        if number < len(run.kept):
            self._journal.forget(promise)
            return run.kept[number]
        style = OutputStyle.of(self._settings())
        request = first.alone(0, "")
        texts = {key: text[:_LONGEST_TEXT] for key, text in kept.texts.items()}
        facts = {"script": run.title, "name": kept.name, "texts": texts, _RUN: f"{run.id} {number}"}
        quality = style.finished_by(request.finishing).quality
        relative = self._journal.recall(promise)
        record = None if relative is None else self._left_behind(relative, facts[_RUN])
        for _ in range(_TRIES if record is None else 0):
            relative = self._pictures.plan_grid(request, self._journal.promised_paths(), style, self._folder_of(run.owner))
            self._journal.remember(promise, relative)
            record = encode(as_rgb(kept.image), request, 0, facts, PurePosixPath(relative).suffix, quality)
            try:
                self._pictures.write(relative, record.data)
                break
            except FileExistsError:
                # Another program, or another run, was quicker by a moment.
                record = None
        if record is None or relative is None:
            raise GenerationFailed(f"No name is free for what {run.title} made.", hint="Look at the folder of grids, then resume.")
        identifier = self._book.keep(run, number, record, relative, request)
        self._journal.forget(promise)
        return identifier

    def _left_behind(self, relative: str, mark: str) -> PictureFile | None:
        """The picture that was written there before Easel ended, where it is this one."""
        self._pictures.clear_part(relative)
        if not self._pictures.exists(relative):
            return None
        try:
            record = read_back(self._pictures.path(relative))
        except InvalidRequest:
            return None
        return record if record.facts.get(_RUN) == mark else None

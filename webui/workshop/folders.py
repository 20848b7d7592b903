"""Model folders that are used in place: what lies in one, before it is taken; taking it, and letting it go. Nothing there is changed."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.catalog.describe import describe, is_pickle
from webui.catalog.header import readable
from webui.catalog.models import KIND_TITLES
from webui.catalog.roots import PATHS_FILE, Found, find_models, find_places
from webui.errors import Conflict, EaselError, InvalidRequest
from webui.named_paths import whole_path
from webui.studio.studio import Studio

_PATIENCE_SECONDS = 5.0
"""Longer than this no headers are read: what is left is counted by its folder's name."""

_MOST_ENTRIES, _WALK_SECONDS = 100_000, 10.0

_PROGRAMS = (
    ("ComfyUI", "comfy"),
    ("InvokeAI", "invokeai.yaml"),
    ("AUTOMATIC1111 or Forge", "modules/sd_models.py"),
    ("AUTOMATIC1111 or Forge", "models/Stable-diffusion"),
    ("AUTOMATIC1111 or Forge", "Stable-diffusion"),
)
"""Program -> what lies in its folder."""


@dataclass(frozen=True)
class FolderLook:
    """What was found in a folder. path: as it would be taken; program: whose folder it is; counts: files by kind, in words.

    broken: files that can't be read; guessed: how many were counted by their folder's name alone. known: it is in use already.
    """

    path: Path
    program: str
    counts: dict[str, int]
    total: int
    nbytes: int
    broken: int = 0
    guessed: int = 0
    problems: tuple[str, ...] = ()
    known: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As page, API and command line get it."""
        return {
            "path": readable(str(self.path)),
            "program": self.program,
            "counts": self.counts,
            "total": self.total,
            "bytes": self.nbytes,
            "broken": self.broken,
            "guessed": self.guessed,
            "problems": [readable(problem) for problem in self.problems],
            "known": self.known,
        }


def _program(path: Path) -> str:
    if path.suffix.casefold() in (".yaml", ".yml"):
        return f"a list of folders ({PATHS_FILE})"
    return next((name for name, sign in _PROGRAMS if (path / sign).exists()), "a folder of models")


def checked_path(text: str) -> Path:
    """A folder, or a list of folders, that is there and can be looked through. Raises InvalidRequest."""
    path = whole_path(text, "path", "ComfyUI")
    is_list = path.suffix.casefold() in (".yaml", ".yml")
    if not (path.is_file() if is_list else path.is_dir()):
        raise InvalidRequest(f"There is no {'file' if is_list else 'folder'} {path}.", field="path", hint="Check its spelling.")
    try:
        with open(path, "rb") if is_list else os.scandir(path):
            pass
    except OSError as error:
        raise InvalidRequest(f"{path} can't be looked into: {error.strerror}.", field="path", hint="Check its rights.") from None
    return path


class ModelFolders:
    """The folders in use, over one studio. May be called from any thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def look(self, text: str) -> FolderLook:
        """What a folder holds, told by headers; nothing is taken yet. Raises InvalidRequest."""
        path = checked_path(text)
        places = find_places([path])
        _require_modest([place.folder for place in places.places], path)
        until = time.monotonic() + _PATIENCE_SECONDS
        counts: Counter[str] = Counter()
        total = nbytes = broken = guessed = 0
        for found in find_models(places.places):
            total, nbytes = total + 1, nbytes + found.size
            kind, problem, looked = _kind(found, until)
            broken += problem
            guessed += not looked
            counts[KIND_TITLES[kind]] += 1
        return FolderLook(
            path,
            _program(path),
            dict(counts.most_common()),
            total,
            nbytes,
            broken,
            guessed,
            places.problems,
            path in self._studio.catalog.roots,
        )

    def adopt(self, text: str) -> FolderLook:
        """Use a folder from now on, and after each start.

        Raises InvalidRequest, Conflict when it holds nothing or is in use, StartupOnly where the command line names the folders.
        """
        look = self.look(text)
        if look.known:
            raise Conflict(f"{look.path} is in use already.", field="path", hint="There is nothing to do.")
        if not look.total:
            raise Conflict(
                f"No model files were found in {look.path}.",
                field="path",
                hint="Name a program's folder, its models folder, or any folder with model files in it.",
            )
        self._change((*self._studio.preferences.current.models_dirs, look.path))
        return look

    def release(self, text: str) -> None:
        """Use a folder no more; it stays as it is. Raises InvalidRequest when it is not one that was added, StartupOnly."""
        path = Path(os.path.normpath(text))
        kept = self._studio.preferences.current.models_dirs
        if path not in kept:
            raise InvalidRequest(
                f"{text[:200]} is no folder that was added.",
                field="path",
                allowed=", ".join(map(str, kept)) or "none",
                hint="Name one of these.",
            )
        self._change(tuple(other for other in kept if other != path))

    def _change(self, folders: tuple[Path, ...]) -> None:
        self._studio.preferences.change({"models_dirs": [str(folder) for folder in folders] or None})

    def all(self) -> list[dict[str, object]]:
        """The roots in use, Easel's own first, with how many models each has."""
        models = self._studio.catalog.models.all()
        pinned = self._studio.preferences.current.pinned_by("models_dirs")
        roots = self._studio.catalog.roots
        below = {root: tuple(f"{place.folder}{os.sep}" for place in find_places([root]).places) for root in roots}
        return [
            {
                "path": readable(str(root)),
                "own": number == 0,
                "there": root.exists(),
                "models": sum(str(model.path).startswith(below[root]) for model in models),
                "pinned_by": pinned,
            }
            for number, root in enumerate(roots)
        ]


def _require_modest(folders: Sequence[Path], path: Path) -> None:
    """Raise InvalidRequest for a folder (a whole disk, say) that could not be looked through again and again."""
    until = time.monotonic() + _WALK_SECONDS
    seen = 0
    for folder in folders:
        for _, inner, files in os.walk(folder):
            inner[:] = [name for name in inner if not name.startswith(".")]
            seen += 1 + len(files)
            if seen > _MOST_ENTRIES or time.monotonic() > until:
                raise InvalidRequest(
                    f"{path} holds too many files to be looked through all the time.",
                    field="path",
                    hint="Name the folder with the models in it.",
                )


def _kind(found: Found, until: float) -> tuple[str, bool, bool]:
    """What a file is, whether it can't be read, and whether it was looked at for that."""
    if time.monotonic() > until or is_pickle(found):
        return found.expects, False, False
    try:
        facts = describe(found)
    except (EaselError, OSError):
        return found.expects, True, True
    kind = facts.kind.kind if facts.kind.kind != "unknown" else found.expects
    return kind, bool(facts.problem), True

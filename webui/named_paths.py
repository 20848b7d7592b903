"""Paths that somebody names: whole, without surprises, and told in words where they can't be used."""

from __future__ import annotations

import os
from pathlib import Path

from webui.errors import InvalidRequest


def whole_path(text: str, field: str, example: str) -> Path:
    """The absolute path that a text names; ~ and variables are filled in. Raises InvalidRequest, also for a whole disk.

    example: a folder below one's home, as the hint names it.
    """
    path = _filled_in(text.strip())
    if not text.strip() or "\0" in text or not path.is_absolute():
        raise InvalidRequest(
            "Name the whole path of a folder.",
            field=field,
            allowed="an absolute path",
            hint=f"Write it like /home/me/{example} or C:\\{example}.",
        )
    path = Path(os.path.normpath(path))
    if path == Path(path.anchor):
        raise InvalidRequest(f"{path} is a whole disk.", field=field, hint="Name a folder on it.")
    return path


def _filled_in(text: str) -> Path:
    path = Path(os.path.expandvars(text))
    try:
        return path.expanduser()
    except RuntimeError:  # ~ of somebody who has no home here
        return path

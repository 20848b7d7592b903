"""Writing what people say about a model: words into name.json beside it, as AUTOMATIC1111 has them, and its preview.

What was in a file before is kept beside it with .bak behind its name, and keys that are not ours stay as they are.
"""

from __future__ import annotations

import errno
import io
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from webui.catalog.sidecar import DEFAULTS_KEY, EASEL_KEY, INSERT_KEY, MOST_WEIGHT, PREVIEW_LIMIT, TEXT_LIMIT, WORD_LIMIT, WORDS_LIMIT
from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, DiskFull, InvalidRequest, TooLarge

PREVIEW_END = ".preview.png"
"""Where previews are written: no other name wins over it."""

PREVIEW_SIDE = 768
"""Longest side of a preview that is written, in pixels."""

_BACKUP_SUFFIX = ".bak"
_JSON_LIMIT = 1_000_000
_PICTURES = ("PNG", "JPEG", "WEBP", "AVIF")
"""Of which only the first three come from elsewhere; pictures of the history may be AVIF."""


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= TEXT_LIMIT):
        return value
    raise ValueError(f"text of at most {TEXT_LIMIT:,} characters")


def _words(value: Any) -> str | None:
    if value is None:
        return None
    fits = isinstance(value, list) and len(value) <= WORDS_LIMIT
    if not fits or not all(isinstance(word, str) and len(word) <= WORD_LIMIT for word in value):
        raise ValueError(f"a list of at most {WORDS_LIMIT} texts of at most {WORD_LIMIT} characters")
    return ", ".join(word.strip() for word in value if word.strip())


def _weight(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < abs(value) <= MOST_WEIGHT:
        raise ValueError(f"a number from -{MOST_WEIGHT} to {MOST_WEIGHT}, but not 0")
    return float(value)


def _switch(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _table(value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    raise ValueError("an object of fields")


_IN_FILE: Mapping[str, tuple[tuple[str, ...], Callable[[Any], Any]]] = {
    "note": (("notes",), _text),
    "description": (("description",), _text),
    "trigger_words": (("activation text",), _words),
    "weight": (("preferred weight",), _weight),
    "insert_words": ((EASEL_KEY, INSERT_KEY), _switch),
    "defaults": ((EASEL_KEY, DEFAULTS_KEY), _table),
}
"""What can be said -> its place in name.json, and what makes the form it has there (None: taken out)."""


def annotate(path: Path, changes: Mapping[str, Any]) -> None:
    """Change some of what name.json, at `path`, says; None takes one out, so that other files or the model itself speak again.

    Raises InvalidRequest for what can't be said, Conflict for a file that is no table, DataUnusable where it can't be written.
    """
    placed = [_fitting(name, value) for name, value in changes.items()]
    data = _read(path)
    for place, value in placed:
        _put(data, place, value)
    _write(path, json.dumps(data, ensure_ascii=False, indent=4).encode("utf-8", "replace"))


def _fitting(name: str, value: Any) -> tuple[tuple[str, ...], Any]:
    """Where it stands in the file, and what stands there. Raises InvalidRequest."""
    if name not in _IN_FILE:
        raise InvalidRequest(
            f"There is no field called {name[:80]!r}.",
            field=name[:80],
            allowed=", ".join(_IN_FILE),
            hint="Leave it out, or check its spelling.",
        )
    place, form = _IN_FILE[name]
    try:
        return place, form(value)
    except ValueError as error:
        raise InvalidRequest(
            f"{name} can't be {value!r:.60}.", field=name, allowed=str(error), hint=f"Use {error}, or null for none."
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = file.read(_JSON_LIMIT + 1)
        data = json.loads(content.decode("utf-8-sig")) if len(content) <= _JSON_LIMIT else None
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unwritable(path, error) from None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise Conflict(f"{path.name} is there already and is no table of notes.", hint="Move it away, then try again.")
    return data


def _put(data: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    *outer, last = place
    inner = data
    for key in outer:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = inner[key]
    if value is None:
        inner.pop(last, None)
    else:
        inner[last] = value
    if outer and not inner:
        data.pop(outer[0])


def picture_for_preview(data: bytes) -> bytes:
    """A picture as a preview is written: PNG, its longest side at most PREVIEW_SIDE, nothing in it but the picture.

    Raises InvalidRequest for what is no PNG, JPEG or WebP, TooLarge.
    """
    if len(data) > PREVIEW_LIMIT:
        raise TooLarge("This picture is too large for a preview.", allowed=f"at most {PREVIEW_LIMIT // 10**6} MB", hint="Make it smaller.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_PICTURES) as picture:
                small = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidRequest(
            "This is no picture that can be read.", field="preview", allowed="PNG, JPEG or WebP", hint="Pick another picture."
        ) from None
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # A picture made anew, so that nothing of what the other file carried goes along.
    Image.frombytes("RGB", small.size, small.tobytes()).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_preview(path: Path, png: bytes) -> None:
    """Put a preview at `path`. Raises DataUnusable where it can't be written."""
    if not path.exists():
        # Of a preview that somebody took away since.
        _backup_of(path).unlink(missing_ok=True)
    _write(path, png)


def take_preview_back(path: Path) -> None:
    """What was at `path` before the last `write_preview` comes back; nothing is there if nothing was. Raises DataUnusable."""
    backup = _backup_of(path)
    try:
        if backup.exists():
            backup.replace(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def _backup_of(path: Path) -> Path:
    return path.with_name(path.name + _BACKUP_SUFFIX)


def _write(path: Path, content: bytes) -> None:
    try:
        if path.exists():
            write_durably(_backup_of(path), path.read_bytes())
        write_durably(path, content)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> DataUnusable:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else DataUnusable
    return kind(
        f"{path.name} can't be written beside the model: {error.strerror or error}.", hint="Mend the folder's rights, or make room."
    )

"""Finishing chains kept by name: one JSON file on disk, read anew whenever it changed, and written whole."""

from __future__ import annotations

import errno
import json
import threading
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, field_validator

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, DiskFull, InvalidRequest, NotFound
from webui.generation.finishing import MOST_STEPS, AnyStep
from webui.generation.parameter import Declared, parameter, storable
from webui.generation.request import explain_validation

FILE_NAME = "finishing-presets.json"
MOST_PRESETS = 1000

_FORM = 1


class Preset(Declared):
    """A finishing chain and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = parameter(..., label="Name", help="1 to 100 characters on one line.", min_length=1, max_length=100)
    steps: tuple[AnyStep, ...] = parameter(
        ..., label="Steps", help="At least one, as a request's finishing has them.", min_length=1, max_length=MOST_STEPS
    )

    @field_validator("name", mode="before")
    @classmethod
    def _on_one_line(cls, value: Any) -> Any:
        return " ".join(storable(value).split()) if isinstance(value, str) else value


def read_preset(data: Any) -> Preset:
    """A preset from untrusted JSON-like data. Raises InvalidRequest naming the field at fault."""
    try:
        return Preset.model_validate(data)
    except ValidationError as error:
        raise explain_validation(error, Preset) from None


class PresetBook:
    """Presets of one file, in order of name. May be used from any thread; a file put in its place is seen at the next question."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def all(self) -> tuple[list[Preset], list[str]]:
        """All presets, and what can't be used, in words."""
        try:
            rows = self._rows()
        except DataUnusable as problem:
            return [], [f"{problem.message} {problem.hint}"]
        presets, problems = [], []
        for row in rows:
            try:
                presets.append(read_preset(row))
            except InvalidRequest as problem:
                name = str(row.get("name", ""))[:100] if isinstance(row, dict) else ""
                problems.append(f"The preset {name!r} can't be used: {problem.message}")
        return sorted(presets, key=lambda preset: preset.name.casefold()), problems

    def save(self, preset: Preset, was: str | None = None) -> Preset:
        """Keep a preset in place of the one called `was` (else of its own name), or as a new one; on disk when this returns.

        Raises NotFound, Conflict or DataUnusable.
        """
        with self._lock:
            rows = self._rows()
            names = [_name(row) for row in rows]
            if was is not None and was not in names:
                raise _unknown(was)
            if was not in (None, preset.name) and preset.name in names:
                raise Conflict(f"There is a preset called {preset.name!r} already.", field="name", hint="Choose another name.")
            kept = [row for row in rows if _name(row) not in (preset.name, was)]
            if len(kept) >= MOST_PRESETS:
                raise Conflict(f"There are {len(kept):,} presets already.", field="name", hint="Delete some.")
            self._write([*kept, preset.model_dump(mode="json")])
            return preset

    def delete(self, name: str) -> Preset:
        """Take a preset away, and return it. Raises NotFound, InvalidRequest for one that can't be read, or DataUnusable."""
        with self._lock:
            rows = self._rows()
            gone = next((row for row in rows if _name(row) == name), None)
            if gone is None:
                raise _unknown(name)
            preset = read_preset(gone)
            self._write([row for row in rows if row is not gone])
            return preset

    def _rows(self) -> list[Any]:
        try:
            data = json.loads(self._file.read_text("utf-8"))
            if data["form"] != _FORM:
                raise ValueError(f"it was written by another version of Easel (form {data['form']!r})")
            return list(data["presets"])
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise DataUnusable(
                f"{self._file.name} can't be read: {error}.", hint=f"Mend it, or take it away; {self._file.name}.bak is the one before."
            ) from error

    def _write(self, rows: list[Any]) -> None:
        """Replace the file durably; what was there before is beside it, with .bak behind its name. Raises DataUnusable."""
        text = json.dumps({"form": _FORM, "presets": rows}, ensure_ascii=False, indent=1)
        try:
            if self._file.exists():
                write_durably(self._file.with_name(f"{self._file.name}.bak"), self._file.read_bytes())
            write_durably(self._file, f"{text}\n".encode())
        except OSError as error:
            problem = DiskFull if error.errno == errno.ENOSPC else DataUnusable
            raise problem(
                f"{self._file.name} can't be written: {error.strerror or error}.", hint="Check the data folder's rights and space."
            ) from error


def _name(row: Any) -> str | None:
    return row.get("name") if isinstance(row, dict) else None


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no preset called {name[:80]!r}.", hint="It may have been renamed or deleted.")

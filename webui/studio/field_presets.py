"""Fields of a page kept by name: one readable YAML file, read anew whenever it changed, and written whole; each travels as a file."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, DiskFull, InvalidRequest, NotFound
from webui.generation.adapters import loras_named
from webui.generation.parameter import storable
from webui.generation.request import REQUEST_TYPES, parameters_of, parse_request
from webui.studio.settings_text import compose

FILE_NAME = "presets.yaml"
FORM = 1
MOST_PRESETS = 1000
NEVER_KEPT = frozenset(
    ("kind", "init_image", "mask", "init_name", "controls", "extend_left", "extend_right", "extend_top", "extend_bottom")
)
"""Fields that are about one picture."""

UPGRADERS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""How a preset of an older form becomes one of the next, by the older form's number."""

Page = Literal["txt2img", "img2img", "inpaint", "upscale"]
_PICTURE = "0" * 64


class FieldPreset(BaseModel):
    """Fields and their name. fields: of a request of that page's kind, as the API takes them; what isn't there stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100, description="1 to 100 characters on one line.")
    page: Page = Field(description="The page that it is for.")
    usual: bool = Field(False, description="It is what this page's fields are at a first visit; there is one at most.")
    fields: dict[str, Any] = Field(min_length=1, max_length=300, description="Fields of a request; those left out stay as they are.")

    @field_validator("name", mode="before")
    @classmethod
    def _on_one_line(cls, value: Any) -> Any:
        return " ".join(storable(value).split()) if isinstance(value, str) else value

    @field_validator("fields")
    @classmethod
    def _about_no_picture(cls, value: dict[str, Any]) -> dict[str, Any]:
        kept = {name: each for name, each in value.items() if name not in NEVER_KEPT}
        if not kept:
            raise ValueError("there is no field among them that a preset keeps")
        return kept


@dataclass(frozen=True)
class Fitting:
    """What of a preset can be used here: fields as a request has them, and what is missing, in words."""

    fields: Mapping[str, Any]
    missing: Sequence[str]


@dataclass(frozen=True)
class WhatIsHere:
    """Names that fields may have here, by field; and whether a LoRA is here."""

    names: Mapping[str, Sequence[str]]
    has_lora: Callable[[str], bool]


def fit(preset: FieldPreset, here: WhatIsHere) -> Fitting:
    """Fields that are right and whose models are here; the others are told and left out, so that the rest can be used."""
    kind = REQUEST_TYPES[preset.page]
    declared = parameters_of(kind)
    fields, missing = dict(preset.fields), []
    for name in [name for name in fields if name not in kind.model_fields]:
        del fields[name]
        missing.append(f"{name} is no field of {preset.page}.")
    for name, names in here.names.items():
        value = fields.get(name)
        if not isinstance(value, str) or name not in declared or value in ("", declared[name].default):
            continue
        if value.casefold() not in {each.casefold() for each in names}:
            del fields[name]
            missing.append(f"{declared[name].label} {value[:100]!r} is not here.")
    fixed = {name: _PICTURE for name in ("init_image", "mask") if name in kind.model_fields}
    while fields:
        try:
            parse_request({"kind": preset.page, **fixed, **fields})
            break
        except InvalidRequest as problem:
            name = (problem.field or "").split(".")[0]
            if name not in fields:
                missing.append(problem.message)
                fields = {}
                break
            del fields[name]
            missing.append(problem.message)
    for name in ("prompt", "negative_prompt"):
        absent = dict.fromkeys(lora.name for lora in loras_named(str(fields.get(name, ""))) if not here.has_lora(lora.name))
        missing += [f"The LoRA {lora[:100]!r} is not here." for lora in absent]
    return Fitting(fields, tuple(missing))


def read_preset(data: Any) -> FieldPreset:
    """A preset from untrusted data. Raises InvalidRequest naming the field at fault."""
    try:
        return FieldPreset.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or None
        raise InvalidRequest(
            f"{field or 'The preset'} can't be used: {first['msg'].removeprefix('Value error, ')}.",
            field=field,
            hint="A preset has a name, a page and fields.",
        ) from None


def as_text(presets: Sequence[FieldPreset]) -> str:
    """Presets as the YAML text that `from_text` reads."""
    writer, stream = YAML(), io.StringIO()
    writer.width = 10_000
    rows = [{"name": one.name, "page": one.page, **({"usual": True} if one.usual else {}), "fields": dict(one.fields)} for one in presets]
    writer.dump({"easel_presets": FORM, "presets": rows}, stream)
    return stream.getvalue()


def from_text(text: str) -> list[FieldPreset]:
    """The presets of a YAML text, brought to the present form. Raises InvalidRequest."""
    document, trouble = compose(text)
    if trouble is not None:
        raise InvalidRequest(
            f"Line {trouble.number}: {trouble.message}", field="text", hint=trouble.hint or "Choose a file that Export has made."
        )
    return _presets_of(None if document is None else yaml.SafeLoader("").construct_document(document))


def _presets_of(data: Any) -> list[FieldPreset]:
    hint = "Choose a file that Export has made."
    if not isinstance(data, dict) or not isinstance(data.get("presets"), list) or not isinstance(data.get("easel_presets"), int):
        raise InvalidRequest("This is no file of presets.", field="text", hint=hint)
    return [read_preset(_upgraded(row, data["easel_presets"])) for row in data["presets"]]


def _upgraded(row: Any, form: int) -> Any:
    if not 1 <= form <= FORM:
        raise InvalidRequest(f"These presets were written by another version of Easel (form {form}).", field="text", hint="Update Easel.")
    for number in range(form, FORM):
        row = UPGRADERS[number](row)
    return row


class FieldPresetBook:
    """Presets of one file. May be used from any thread; a file put in its place is seen at the next question."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def all(self) -> list[FieldPreset]:
        """All presets, by page and name. Raises DataUnusable."""
        return sorted(self._read(), key=lambda preset: (preset.page, preset.name.casefold()))

    def get(self, page: str, name: str) -> FieldPreset:
        """One of them. Raises NotFound or DataUnusable."""
        return _find(self._read(), page, name)

    def save(self, preset: FieldPreset, was: str | None = None) -> FieldPreset:
        """Keep a preset in place of the one called `was` (else of its own name), or as a new one; on disk when this returns.

        Raises NotFound, Conflict or DataUnusable.
        """
        with self._lock:
            presets = self._read()
            if was is not None:
                _find(presets, preset.page, was)
            names = {one.name for one in presets if one.page == preset.page}
            if was not in (None, preset.name) and preset.name in names:
                raise Conflict(f"There is a preset called {preset.name!r} already.", field="name", hint="Choose another name.")
            kept = [one for one in presets if one.page != preset.page or one.name not in (preset.name, was)]
            self._write(_with_usual([*kept, preset], preset))
            return preset

    def add(self, presets: Sequence[FieldPreset]) -> list[FieldPreset]:
        """Keep several, all or none; one whose name is taken gets a number behind it, and none becomes usual."""
        with self._lock:
            kept = self._read()
            added = []
            for preset in presets:
                taken = {one.name for one in kept if one.page == preset.page}
                name, number = preset.name, 2
                while name in taken:
                    name, number = f"{preset.name[:90]} ({number})", number + 1
                added.append(preset.model_copy(update={"name": name, "usual": False}))
                kept.append(added[-1])
            self._write(kept)
            return added

    def delete(self, page: str, name: str) -> FieldPreset:
        """Take a preset away, and return it. Raises NotFound or DataUnusable."""
        with self._lock:
            presets = self._read()
            gone = _find(presets, page, name)
            self._write([one for one in presets if one is not gone])
            return gone

    def _read(self) -> list[FieldPreset]:
        try:
            # Our own file may be large, and is read by what is quick.
            return _presets_of(yaml.load(self._file.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, yaml.YAMLError, InvalidRequest) as error:
            raise DataUnusable(
                f"{self._file.name} can't be read: {error}", hint=f"Mend it, or take it away; {self._file.name}.bak is the one before."
            ) from error

    def _write(self, presets: Sequence[FieldPreset]) -> None:
        if len(presets) > MOST_PRESETS:
            raise Conflict(f"There are {len(presets) - 1:,} presets already.", field="name", hint="Delete some.")
        try:
            if self._file.exists():
                write_durably(self._file.with_name(f"{self._file.name}.bak"), self._file.read_bytes())
            write_durably(self._file, as_text(presets).encode())
        except OSError as error:
            problem = DiskFull if error.errno == errno.ENOSPC else DataUnusable
            raise problem(
                f"{self._file.name} can't be written: {error.strerror or error}.", hint="Check the data folder's rights and space."
            ) from error


def _find(presets: Sequence[FieldPreset], page: str, name: str) -> FieldPreset:
    found = next((one for one in presets if (one.page, one.name) == (page, name)), None)
    if found is None:
        raise NotFound(f"There is no preset called {name[:80]!r} for {page}.", hint="It may have been renamed or deleted.")
    return found


def _with_usual(presets: Sequence[FieldPreset], newest: FieldPreset) -> list[FieldPreset]:
    """At most one of each page is usual: the newest that says so."""
    if not newest.usual:
        return list(presets)
    others = (one.model_copy(update={"usual": False}) if one.page == newest.page and one is not newest else one for one in presets)
    return list(others)

"""Settings while Easel runs: read, changed from the page or by API, and written so that no fault loses them."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML, YAMLError

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, DiskFull, EaselError, SettingInvalid, SettingsTextInvalid, StartupOnly
from webui.settings import Settings, explain_setting, last_good, parse_settings_file, read_settings_file
from webui.studio.setting_sections import KEY, Section, about, find
from webui.studio.settings_text import Line, Problem, read_text, write_text

MOST_UNDONE = 100
_ABSENT: Any = object()
"""In place of a value that didn't stand in the file."""


@dataclass(frozen=True)
class Change:
    """A change that can be undone. before: what the file said of each setting; words: what was done."""

    before: Mapping[str, Any]
    words: str


@dataclass(frozen=True)
class Import:
    """What a text of settings would change. left_out: lines that are right, but can't be changed from here."""

    values: Mapping[str, Any]
    changes: Sequence[Mapping[str, Any]]
    left_out: Sequence[Problem]


class Preferences:
    """The settings in force. `current` is frozen and complete; a change makes a new one. May be used from any thread."""

    def __init__(
        self,
        settings: Settings,
        check: Callable[[Settings], None],
        changed: Callable[[], None] = lambda: None,
        sections: Callable[[], Sequence[Section]] = tuple,
    ) -> None:
        """check: raises InvalidRequest for values that only the studio can judge. changed: called after each change.

        sections: what add-ons declare.
        """
        self._current = settings
        self._check = check
        self._changed = changed
        self._sections = sections
        self._lock = threading.RLock()
        self._done: list[Change] = []
        check(settings)
        self.damage = self._keep_good_copy()
        self._in_file = self._look_into_file()

    @property
    def current(self) -> Settings:
        """The settings as they are now."""
        return self._current

    def of_add_on(self, extension: str) -> BaseModel | None:
        """The values of an add-on's section, as its own model; None where it declares none."""
        section = next((one for one in self._sections() if one.id == extension), None)
        return None if section is None else section.read(self._of_add_ons().get(extension, {}))

    @property
    def revision(self) -> str:
        """Changes whenever a setting does; send it along with a change to be told of changes in between."""
        add_ons = json.dumps(self._of_add_ons(), sort_keys=True, default=str)
        return hashlib.sha256(f"{self._current.model_dump_json()}{add_ons}".encode()).hexdigest()[:16]

    @property
    def undoable(self) -> str | None:
        """What an undo would take back, in words; None where nothing was changed since Easel was started."""
        return self._done[-1].words if self._done else None

    def _of_add_ons(self) -> dict[str, dict[str, Any]]:
        """What the file says of add-ons' settings, by add-on."""
        found = self._in_file.get(KEY)
        entries = found.items() if isinstance(found, dict) else ()
        return {str(name): dict(values) for name, values in entries if isinstance(values, dict)}

    def _look_into_file(self) -> dict[str, Any]:
        try:
            return read_settings_file(self._current.file)
        except SettingInvalid:
            return {}

    def _keep_good_copy(self) -> SettingInvalid | None:
        """Remember the file as it was read, for the day it can't be. Returns what is wrong with it, if anything."""
        path = self._current.file
        try:
            parse_settings_file(path)
            content = path.read_bytes() if path.exists() else b""
            copy = last_good(path)
            if content and (not copy.exists() or copy.read_bytes() != content):
                write_durably(copy, content)
        except SettingInvalid as damage:
            return damage
        except OSError as error:
            return SettingInvalid(f"{last_good(path).name} can't be written: {error.strerror}.", hint="Check the data folder's rights.")
        return None

    # changing

    def change(self, values: Mapping[str, Any], revision: str | None = None) -> Settings:
        """Set some settings, all or none, here and in settings.yaml (whose comments stay). None: back to the default.

        Raises SettingInvalid (unknown name, value out of range), StartupOnly, Conflict when `revision` is not the
        present one, DiskFull or DataUnusable when the file can't be written; then nothing changes.
        """
        with self._lock:
            self._require_revision(revision)
            for name in values:
                self._require_changeable(name)
            saved = self._put(values)
            self._done = [*self._done, Change(saved, self._told(values))][-MOST_UNDONE:]
        self._changed()
        return self._current

    def undo(self, revision: str | None = None) -> str:
        """Take back the last change since Easel was started. Returns what it was, in words. Raises Conflict, and as `change` does."""
        with self._lock:
            self._require_revision(revision)
            if not self._done:
                raise Conflict("There is no change to undo.", hint="What was changed before Easel was started stays as it is.")
            last = self._done[-1]
            self._put({name: None if value is _ABSENT else value for name, value in last.before.items()})
            self._done = self._done[:-1]
        self._changed()
        return last.words

    def look_at(self, text: str) -> Import:
        """What a YAML text of settings would change. Raises SettingsTextInvalid with every line that can't be used."""
        lines, problems = read_text(text)
        values: dict[str, Any] = {}
        left_out: list[Problem] = []
        for line in lines:
            try:
                self._require_changeable(line.name)
                self._tried({line.name: line.value})
                values[line.name] = line.value
            except StartupOnly as reason:
                # It is left out, but wrong it is named with all the others.
                if wrong := self._unreadable(line):
                    problems.append(self._problem(line, wrong))
                else:
                    left_out.append(Problem(line.number, line.name, reason.message, reason.hint))
            except EaselError as reason:
                problems.append(self._problem(line, reason))
        if problems:
            raise SettingsTextInvalid([problem.as_dict() for problem in sorted(problems, key=lambda problem: problem.number)])
        before = {row["name"]: row for row in self.schema()}
        after = {row["name"]: row for row in self._schema(*self._tried(values))}
        changes = [
            {"name": name, "label": row["label"], "section": row["section"], "before": before[name]["value"], "after": row["value"]}
            for name, row in after.items()
            if name in values and row["value"] != before[name]["value"]
        ]
        return Import(values, changes, left_out)

    def _unreadable(self, line: Line) -> EaselError | None:
        """What is wrong with the value of a setting that is read at start, if anything."""
        try:
            if line.value is not None:
                _with(self._current, {line.name: line.value})
        except EaselError as wrong:
            return wrong
        return None

    def take_in(self, text: str, revision: str | None = None) -> Import:
        """Set what a YAML text says, all or nothing. Raises as `look_at` and `change` do."""
        with self._lock:
            found = self.look_at(text)
            changed = {change["name"]: found.values[change["name"]] for change in found.changes}
            if changed:
                self.change(changed, revision)
        return found

    def as_text(self, everything: bool = False) -> str:
        """Settings as a YAML text that `take_in` reads: those that aren't at their default, or everything that can be changed here."""
        rows = [row for row in self.schema() if row["live"] and (everything or row["value"] != row["default"])]
        head = "Settings of Easel" if everything else "Settings of Easel that are not at their default"
        return write_text(rows, f"{head}.")

    @staticmethod
    def _problem(line: Line, reason: EaselError) -> Problem:
        allowed = f" Allowed: {reason.allowed}." if reason.allowed and len(reason.allowed) < 300 else ""
        return Problem(line.number, line.name, f"{reason.message}{allowed}", reason.hint)

    def _require_revision(self, revision: str | None) -> None:
        if revision is not None and revision != self.revision:
            raise Conflict(
                "The settings were changed in the meantime.", field="revision", hint="Look at them again, then change what is left."
            )

    def _require_changeable(self, name: str) -> None:
        if find(self._sections(), name):
            return
        info = Settings.model_fields.get(name)
        if info is None:
            raise SettingInvalid(
                f"There is no setting called {name[:80]!r}.", field=name, allowed=", ".join(live_settings()), hint="Check its spelling."
            )
        if name not in live_settings():
            raise StartupOnly(
                f"{info.title} is read at start only.", field=name, hint=f"Change {name} in {self._current.file.name} and restart Easel."
            )
        if pinned := self._current.pinned_by(name):
            raise StartupOnly(f"{info.title} is set by {pinned}.", field=name, hint=f"Leave {name} out there and restart Easel.")

    def _tried(self, values: Mapping[str, Any]) -> tuple[Settings, dict[str, BaseModel]]:
        """Everything as it would be with other values. Raises SettingInvalid, or what `check` raises."""
        fields = Settings.model_fields
        own = {name: fields[name].get_default() if value is None else value for name, value in values.items() if name in fields}
        settings = _with(self._current, own)
        self._check(settings)
        sections = {section.id: section for section in self._sections()}
        add_ons = {section.id: section.read(self._of_add_ons().get(section.id, {})) for section in sections.values()}
        for name, value in values.items():
            if found := find(list(sections.values()), name):
                section, field = found
                add_ons[section.id] = section.changed(add_ons[section.id], field, value)
        return settings, add_ons

    def _put(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Set and write. Returns what the file said before of each."""
        settings, add_ons = self._tried(values)
        plain = {row["name"]: row["value"] for row in self._schema(settings, add_ons)}
        before = {name: self._said(name) for name in values}
        self._write({name: None if values[name] is None else plain[name] for name in values})
        self._current = settings
        self._in_file = self._look_into_file()
        return before

    def _said(self, name: str) -> Any:
        place: Any = self._in_file
        for part in name.split(".", 2) if name.startswith(f"{KEY}.") else (name,):
            if not isinstance(place, dict) or part not in place:
                return _ABSENT
            place = place[part]
        return place

    def _told(self, values: Mapping[str, Any]) -> str:
        names = {row["name"]: row["label"] for row in self.schema()}
        told = [names[name] for name in values]
        return told[0] if len(told) == 1 else f"{', '.join(told[:3])}{' and more' if len(told) > 3 else ''}"

    def _write(self, values: Mapping[str, Any]) -> None:
        path = self._current.file
        yaml = YAML()
        yaml.preserve_quotes = True
        try:
            source = path
            if self.damage is not None:
                # What the user wrote stays at hand beside the file that works again.
                source = last_good(path)
                if path.exists():
                    write_durably(path.with_name(f"{path.stem}.damaged{path.suffix}"), path.read_bytes())
            document = (yaml.load(source.read_text("utf-8")) if source.exists() else None) or {}
            for name, value in values.items():
                _set(document, name.split(".", 2) if name.startswith(f"{KEY}.") else [name], value)
            text = io.StringIO()
            yaml.dump(document, text)
            write_durably(path, text.getvalue().encode())
        except OSError as error:
            raise _cannot_write(path.name, error) from None
        except YAMLError as error:
            raise SettingInvalid(f"{path.name} can't be read: {' '.join(str(error).split())}.", hint="Mend the file.") from None
        self.damage = self._keep_good_copy()

    # telling

    def schema(self) -> list[dict[str, Any]]:
        """Every setting: words, section, type, range, default, present value, and where that comes from."""
        return self._schema(*self._tried({}))

    def _schema(self, settings: Settings, add_ons: Mapping[str, BaseModel]) -> list[dict[str, Any]]:
        shapes = Settings.model_json_schema()["properties"]
        plain = settings.model_dump(mode="json")
        rows = [_described(name, shapes[name], plain[name]) for name in Settings.model_fields]
        rows += [row for section in self._sections() if section.id in add_ons for row in section.described(add_ons[section.id])]
        return [{**row, **self._origin(row["name"])} for row in rows]

    def _origin(self, name: str) -> dict[str, Any]:
        pinned = self._current.pinned_by(name) if name in Settings.model_fields else None
        in_file = self._said(name) is not _ABSENT
        source = (pinned.split(" (")[0].removeprefix("the ") if pinned else None) or ("file" if in_file else "default")
        return {"source": source, "pinned_by": pinned}


def _described(name: str, shape: Mapping[str, Any], value: Any) -> dict[str, Any]:
    info = Settings.model_fields[name]
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return {
        "name": name,
        "label": info.title,
        "help": info.description,
        "section": extra["section"],
        "unit": extra["unit"],
        **about(shape if "type" in shape or "enum" in shape else {"type": "string"}),
        "default": shape.get("default"),
        "value": value,
        "live": extra["live"],
    }


def live_settings() -> tuple[str, ...]:
    """Names of the settings that can be changed while Easel runs."""
    return tuple(
        name
        for name, info in Settings.model_fields.items()
        if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("live")
    )


def _set(document: Any, place: Sequence[str], value: Any) -> None:
    """Set a value at a place in a YAML document, or take it out (None), and what is empty then."""
    first, *rest = place
    if rest:
        inner = document.get(first)
        if not isinstance(inner, dict):
            if value is None:
                return
            inner = document[first] = {}
        _set(inner, rest, value)
        if not inner:
            document.pop(first)
    elif value is None:
        document.pop(first, None)
    else:
        document[first] = value


def _with(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """A copy with other values, each checked as if it stood in the file. Raises SettingInvalid."""
    changed = Settings.model_construct(**dict(settings))
    for name, value in values.items():
        try:
            Settings.__pydantic_validator__.validate_assignment(changed, name, value)
        except ValidationError as error:
            raise explain_setting(error) from None
    return settings.model_copy(update={name: getattr(changed, name) for name in values})


def _cannot_write(name: str, error: OSError) -> DataUnusable:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else DataUnusable
    return kind(f"{name} can't be written: {error.strerror or error}.", hint="Nothing was changed. Make room or mend the folder's rights.")

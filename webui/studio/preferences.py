"""Settings while Easel runs: read, changed from the page or by API, and written so that no fault loses them."""

from __future__ import annotations

import errno
import hashlib
import io
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, DiskFull, SettingInvalid, StartupOnly
from webui.settings import Settings, explain_setting, last_good, parse_settings_file


class Preferences:
    """The settings in force. `current` is frozen and complete; a change makes a new one. May be used from any thread."""

    def __init__(self, settings: Settings, check: Callable[[Settings], None], changed: Callable[[], None] = lambda: None) -> None:
        """check: raises InvalidRequest for values that only the studio can judge. changed: called after each change."""
        self._current = settings
        self._check = check
        self._changed = changed
        self._lock = threading.Lock()
        check(settings)
        self.damage = self._keep_good_copy()

    @property
    def current(self) -> Settings:
        """The settings as they are now."""
        return self._current

    @property
    def revision(self) -> str:
        """Changes whenever a setting does; send it along with a change to be told of changes in between."""
        return hashlib.sha256(self._current.model_dump_json().encode()).hexdigest()[:16]

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

    def change(self, values: Mapping[str, Any], revision: str | None = None) -> Settings:
        """Set some settings, all or none, here and in settings.yaml (whose comments stay). None: back to the default.

        Raises SettingInvalid (unknown name, value out of range), StartupOnly, Conflict when `revision` is not the
        present one, DiskFull or DataUnusable when the file can't be written; then nothing changes.
        """
        with self._lock:
            if revision is not None and revision != self.revision:
                raise Conflict(
                    "The settings were changed in the meantime.", field="revision", hint="Look at them again, then change what is left."
                )
            for name in values:
                self._require_changeable(name)
            fields = Settings.model_fields
            wanted = {name: fields[name].get_default() if value is None else value for name, value in values.items()}
            settings = _with(self._current, wanted)
            self._check(settings)
            plain = settings.model_dump(mode="json")
            saved = {name: None if values[name] is None else plain[name] for name in values}
            self._write(saved)
            self._current = settings
        self._changed()
        return settings

    def _require_changeable(self, name: str) -> None:
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
                if value is None:
                    document.pop(name, None)
                else:
                    document[name] = value
            text = io.StringIO()
            yaml.dump(document, text)
            write_durably(path, text.getvalue().encode())
        except OSError as error:
            raise _cannot_write(path.name, error) from None
        except YAMLError as error:
            raise SettingInvalid(f"{path.name} can't be read: {' '.join(str(error).split())}.", hint="Mend the file.") from None
        self.damage = self._keep_good_copy()

    def schema(self) -> list[dict[str, Any]]:
        """Every setting: words, section, type, range, default, present value, and what decides it."""
        shapes = Settings.model_json_schema()["properties"]
        return [self._described(name, shapes[name]) for name in Settings.model_fields]

    def _described(self, name: str, shape: Mapping[str, Any]) -> dict[str, Any]:
        info = Settings.model_fields[name]
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        plain = self._current.model_dump(mode="json")
        return {
            "name": name,
            "label": info.title,
            "help": info.description,
            "section": extra["section"],
            "unit": extra["unit"],
            "type": "choice" if "enum" in shape else shape.get("type", "string"),
            "choices": shape.get("enum"),
            "minimum": shape.get("minimum"),
            "maximum": shape.get("maximum"),
            "default": shape.get("default"),
            "value": plain[name],
            "live": extra["live"],
            "pinned_by": self._current.pinned_by(name),
        }


def live_settings() -> tuple[str, ...]:
    """Names of the settings that can be changed while Easel runs."""
    return tuple(
        name
        for name, info in Settings.model_fields.items()
        if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("live")
    )


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

"""Every setting, typed and bounded, with its help. YAML file < environment (EASEL_...) < command line."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from webui.errors import SettingInvalid

PROGRAM_ROOT = Path(__file__).resolve().parent.parent
SETTINGS_FILE_NAME = "settings.yaml"


class Settings(BaseSettings):
    """All settings. Startup-only for now: changing one takes a restart."""

    model_config = SettingsConfigDict(env_prefix="EASEL_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on. Only this machine until Easel has logins.")
    port: int = Field(7860, ge=1, le=65535, description="Port of the page and the API.")
    data_dir: Path = Field(PROGRAM_ROOT / "data", description="Folder for pictures, history, journal and settings.yaml.")
    models_dirs: tuple[Path, ...] = Field(
        (), description="Further folders with models, searched after Easel's own models folder. May be given several times."
    )
    executor: Literal["local", "fake"] = Field(
        "local",
        description="Where pictures are made: local (a worker process here) or fake (painted patterns, no model; for trying the page).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is written to the terminal.")
    threads: int = Field(0, ge=0, le=256, description="CPU threads for the worker. 0: one per physical core.")
    queue_limit: int = Field(10_000, ge=1, le=1_000_000, description="Most jobs that may wait; one more is refused.")
    preview_interval: float = Field(0.25, ge=0.05, le=60, description="Least time between two live previews, in seconds.")
    safe_mode: bool = Field(False, description="Start without add-ons.")

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            loopback = ipaddress.ip_address(value).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError(f"Easel has no logins yet, so it listens on this machine only, not on {value}. Use 127.0.0.1")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("models_dirs", mode="before")
    @classmethod
    def _split_path_list(cls, value: Any) -> Any:
        # The environment gives one string, as PATH does: /a:/b (or C:\a;D:\b).
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("models_dirs")
    @classmethod
    def _absolute_all(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser().resolve() for path in value)

    @property
    def model_roots(self) -> tuple[Path, ...]:
        """Folders to look for models in, Easel's own first."""
        own = PROGRAM_ROOT / "models"
        return (own, *(path for path in self.models_dirs if path != own))

    @property
    def outputs_dir(self) -> Path:
        """Where finished pictures go."""
        return self.data_dir / "outputs"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line before environment before settings.yaml."""
        return (init_settings, _EnvironmentPaths(settings_cls), _YamlFile(settings_cls, init_settings))


class _EnvironmentPaths(PydanticBaseSettingsSource):
    """EASEL_* variables as plain text; the fields' own types read them (lists are split like PATH)."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return os.environ.get(f"EASEL_{field_name.upper()}"), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value not in (None, "")}


class _YamlFile(PydanticBaseSettingsSource):
    """settings.yaml in the data folder, if there is one."""

    def __init__(self, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._init_settings = init_settings

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        given = self._init_settings() | {}
        data_dir = given.get("data_dir") or os.environ.get("EASEL_DATA_DIR") or Settings.model_fields["data_dir"].default
        return read_settings_file(Path(data_dir).expanduser() / SETTINGS_FILE_NAME)


def read_settings_file(path: Path) -> dict[str, Any]:
    """The mapping in a settings file; empty when there is none. Raises SettingInvalid for anything but a mapping."""
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingInvalid(
            f"{path} can't be read: {' '.join(str(error).split())}.", hint="Mend the file, or move it away to start with the defaults."
        ) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingInvalid(f"{path} must hold lines like 'port: 7860'.", hint="Mend the file, or move it away.")
    if "data_dir" in data:
        raise SettingInvalid(f"{path} can't set data_dir: it lies in that folder.", field="data_dir", hint="Use --data-dir instead.")
    return {str(key).replace("-", "_"): value for key, value in data.items()}


def load_settings(**given: Any) -> Settings:
    """Settings from file, environment and `given` (the command line; None means not given).

    Raises SettingInvalid naming the setting, what is allowed and where to change it.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            raise SettingInvalid(
                f"There is no setting called {name[:80]!r}.",
                field=name,
                allowed=", ".join(Settings.model_fields),
                hint=f"Check its spelling in {SETTINGS_FILE_NAME}.",
            ) from None
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingInvalid(
            f"The setting {name} can't be {str(first.get('input'))[:80]!r}: {reason}.",
            field=name,
            hint=Settings.model_fields[name].description or "",
        ) from None

"""Every setting, typed and bounded, with its help. YAML file < environment (EASEL_...) < command line."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import Field, PrivateAttr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from webui.errors import SettingInvalid

PROGRAM_ROOT = Path(__file__).resolve().parent.parent
SETTINGS_FILE_NAME = "settings.yaml"
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?|[0-9a-f:.]{2,45}")
_ORIGIN = re.compile(r"https?://[a-z0-9._\[\]:-]{1,255}")


def is_loopback(host: str) -> bool:
    """Whether that name or address is this machine as it calls itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def setting(default: Any, *, section: str, label: str, help: str, live: bool = False, unit: str = "", **bounds: Any) -> Any:
    """Declare one setting. live: it takes effect at once and can be changed on the page; others take a restart."""
    return Field(default, title=label, description=help, json_schema_extra={"section": section, "live": live, "unit": unit}, **bounds)


class Settings(BaseSettings):
    """All settings. Those that are not `live` are read at start only."""

    model_config = SettingsConfigDict(env_prefix="EASEL_", frozen=True, extra="forbid")

    host: str = setting(
        "127.0.0.1",
        section="Server",
        label="Address",
        help="Address to listen on: 127.0.0.1 is this machine only, 0.0.0.0 (or --listen) is all its networks, for people with accounts.",
    )
    port: int = setting(7860, section="Server", label="Port", help="Port of the page and the API.", ge=1, le=65535)
    listen_without_password: bool = setting(
        False,
        section="Server",
        label="Listen without password",
        help="Let everybody who reaches this machine's address use Easel, and its files, without an account. Dangerous.",
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        section="Server",
        label="Names",
        help="Further names under which Easel may be opened, such as easel.example.com behind a reverse proxy.",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        section="Server",
        label="Reverse proxies",
        help="Addresses of reverse proxies that may say who asks and whether by https. Those on this machine always may.",
    )
    cors_allow_origins: tuple[str, ...] = setting(
        (),
        section="Server",
        label="Other pages",
        help="Web pages elsewhere whose scripts may use the API, such as https://tool.example.com.",
    )
    data_dir: Path = setting(
        PROGRAM_ROOT / "data", section="Folders", label="Data folder", help="Folder for pictures, history, journal and settings.yaml."
    )
    database_url: str = setting(
        "",
        section="Folders",
        label="Database",
        help="Address of a PostgreSQL database for history and queue: postgresql://name@host/easel. Empty: a file in the data folder.",
        max_length=500,
    )
    letters_index: bool = setting(
        False,
        section="Folders",
        label="Index of letters",
        help="Find words at once in scripts without spaces between them, as Chinese or Japanese. The index is made in the background.",
    )
    outputs_dir: Path | None = setting(
        None, section="Folders", label="Pictures folder", help="Folder for finished pictures. Usual: outputs in the data folder."
    )
    models_dirs: tuple[Path, ...] = setting(
        (),
        section="Folders",
        label="Models folders",
        help="Further folders with models, searched after Easel's own: any folder, another program's, or an extra_model_paths.yaml.",
        live=True,
    )
    hugging_face_url: str = setting(
        "https://huggingface.co", section="Folders", label="Hugging Face", help="Where repositories lie; a mirror can be named here."
    )
    civitai_url: str = setting("https://civitai.com", section="Folders", label="civitai", help="Where pages of civitai are asked.")
    download_limit_gb: int = setting(
        100, section="Folders", label="Largest download", help="Longer model files are not fetched.", live=True, unit="GB", ge=1, le=10_000
    )
    styles_files: tuple[Path, ...] = setting(
        (),
        section="Folders",
        label="Styles files",
        help="Files of styles in AUTOMATIC1111's form; * is any name. New ones go into the first. Usual: styles.csv in the data folder.",
    )
    hash_models: bool = setting(
        True,
        section="Folders",
        label="Hash models",
        help="Read every model file once, in the background and gently, for the hashes that other programs know it by.",
    )
    language: Literal["system", "en", "de"] = setting(
        "system",
        section="Page",
        label="Language",
        help="Language of the page; system is what the browser asks for. It is seen when the page is loaded again.",
        live=True,
    )
    picture_format: Literal["png", "jpeg", "webp", "avif"] = setting(
        "png", section="Pictures", label="Format", help="How new pictures are saved. All of them carry their parameters.", live=True
    )
    picture_quality: int = setting(
        90, section="Pictures", label="Quality", help="Of JPEG, WebP and AVIF; WebP with 100 loses nothing.", live=True, ge=1, le=100
    )
    folder_pattern: str = setting(
        "[date]",
        section="Pictures",
        label="Sub-folder",
        help="Folder below txt2img-images. Words in brackets stand for values, as in AUTOMATIC1111; / makes further folders.",
        live=True,
        max_length=300,
    )
    name_pattern: str = setting(
        "[seed]",
        section="Pictures",
        label="File name",
        help="What follows the running number in the file's name.",
        live=True,
        max_length=300,
    )
    sidecar: Literal["none", "text", "json"] = setting(
        "none", section="Pictures", label="Parameters beside the picture", help="A file of the same name with the parameters.", live=True
    )
    usual_finishing: bool = setting(
        True,
        section="Pictures",
        label="Finishing of the checkpoint",
        help="A checkpoint that says how its pictures are usually finished brings that chain into the page's fields when it is picked.",
    )
    film: bool = setting(
        False,
        section="Pictures",
        label="Film every picture",
        help="Keep a small view of each step beside the picture, where a job doesn't say otherwise. Steps take a little longer.",
        live=True,
    )
    films_mb: int = setting(
        2_000,
        section="Pictures",
        label="Room for films",
        help="Most disk space for films of steps; the oldest make room for new ones.",
        live=True,
        unit="MB",
        ge=1,
        le=10_000_000,
    )
    save_grids: bool = setting(
        False, section="Pictures", label="Save grids", help="One more file with all pictures of a job side by side.", live=True
    )
    image_megapixels: int = setting(
        64,
        section="Pictures",
        label="Largest picture taken",
        help="Most pixels of a picture that is given to a request, in millions.",
        live=True,
        unit="MP",
        ge=1,
        le=170,
    )
    remote_pictures: bool = setting(
        False,
        section="Pictures",
        label="Pictures by address",
        help="Programs may name a picture by its address in the internet instead of sending it. This machine's networks are never asked.",
        live=True,
    )
    keep_uploads_hours: int = setting(
        168,
        section="Pictures",
        label="Keep unused uploads",
        help="How long a picture stays that was uploaded or picked, but is in no job.",
        live=True,
        unit="h",
        ge=1,
        le=100_000,
    )
    styles_on_paste: Literal["Apply if any", "Apply", "Discard", "Ignore"] = setting(
        "Apply if any",
        section="Prompts",
        label="Styles in pasted parameters",
        help="Words of known styles leave the prompt, and these are picked (Apply: and no others). Discard only takes the words away.",
        live=True,
    )
    queue_limit: int = setting(
        10_000,
        section="Queue",
        label="Most waiting jobs",
        help="Most jobs that may wait; one more is refused.",
        live=True,
        ge=1,
        le=1_000_000,
    )
    group_by_checkpoint: bool = setting(
        True,
        section="Queue",
        label="Group by checkpoint",
        help="Jobs of the loaded checkpoint may overtake up to 32 others, so that it is loaded less often.",
        live=True,
    )
    disk_reserve_mb: int = setting(
        200,
        section="Queue",
        label="Disk reserve",
        help="The queue waits while less than this is free where pictures go.",
        live=True,
        unit="MB",
        ge=0,
        le=1_000_000,
    )
    preview_interval: float = setting(
        0.25,
        section="Queue",
        label="Preview interval",
        help="Least time between two live previews, in seconds.",
        live=True,
        unit="s",
        ge=0.05,
        le=60,
    )
    executor: Literal["local", "fake"] = setting(
        "local",
        section="Engine",
        label="Executor",
        help="Where pictures are made: local (a worker process here) or fake (painted patterns, no model; for trying the page).",
    )
    threads: int = setting(
        0, section="Engine", label="CPU threads", help="CPU threads for the worker. 0: one per physical core.", ge=0, le=256
    )
    cast_cache_gb: int = setting(
        40,
        section="Engine",
        label="Cache of casts",
        help="Most disk space for weights in the numbers this device computes with, which makes switching quick. 0: none are kept.",
        unit="GB",
        ge=0,
        le=10_000,
    )
    try_with_less_memory: bool = setting(
        True,
        section="Engine",
        label="Try again with less memory",
        help="When memory runs out, draw the picture again in a way that needs less, at most three times, and say so. Off: fail at once.",
        live=True,
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", section="Engine", label="Log level", help="How much is written to the terminal and to logs/easel.log in the data folder."
    )
    safe_mode: bool = setting(False, section="Engine", label="Safe mode", help="Start without add-ons.")

    _given: frozenset[str] = PrivateAttr(frozenset())
    """Names that the command line gave."""

    @field_validator("host")
    @classmethod
    def _address(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(
                f"{value[:80]!r} is no address. Use 127.0.0.1 for this machine only, or 0.0.0.0 for all its networks"
            ) from None
        return value

    @field_validator("allowed_hosts", "trusted_proxies", "cors_allow_origins", mode="before")
    @classmethod
    def _split_words(cls, value: Any) -> Any:
        # The environment gives one string.
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(name.lower().rstrip(".").strip("[]") for name in value)
        if wrong := next((name for name in names if not _HOST_NAME.fullmatch(name)), None):
            raise ValueError(f"{wrong[:80]!r} is no name of a machine. Leave out https:// and the port")
        return names

    @field_validator("trusted_proxies")
    @classmethod
    def _proxy_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError:
                raise ValueError(f"{address[:80]!r} is no address. Write it like 10.0.0.5 or 10.0.0.0/24") from None
        return value

    @field_validator("cors_allow_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(origin.lower().rstrip("/") for origin in value)
        if wrong := next((origin for origin in origins if not _ORIGIN.fullmatch(origin)), None):
            raise ValueError(f"{wrong[:80]!r} is no page's origin. Name each one, like https://tool.example.com")
        return origins

    @field_validator("hugging_face_url", "civitai_url")
    @classmethod
    def _safe_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            loopback = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
        except ValueError:
            loopback = False
        if not value.startswith("https://") and not (loopback and value.startswith("http://")):
            raise ValueError("only https addresses are asked, such as https://huggingface.co")
        return value.rstrip("/")

    @field_validator("data_dir", "outputs_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("models_dirs", "styles_files", mode="before")
    @classmethod
    def _split_path_list(cls, value: Any) -> Any:
        # The environment gives one string, as PATH does: /a:/b (or C:\a;D:\b).
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("models_dirs", "styles_files")
    @classmethod
    def _absolute_all(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser().resolve() for path in value)

    @property
    def this_machine_only(self) -> bool:
        """Whether nobody else can reach it: not by its address, and not by a name that a reverse proxy passes on."""
        return is_loopback(self.host) and all(is_loopback(name) for name in self.allowed_hosts)

    @property
    def model_roots(self) -> tuple[Path, ...]:
        """Folders to look for models in, Easel's own first."""
        own = PROGRAM_ROOT / "models"
        return (own, *(path for path in self.models_dirs if path != own))

    @property
    def pictures_dir(self) -> Path:
        """Where finished pictures go."""
        return self.outputs_dir or self.data_dir / "outputs"

    @property
    def style_patterns(self) -> tuple[Path, ...]:
        """The files of styles, or patterns of their names."""
        return self.styles_files or (self.data_dir / "styles.csv",)

    @property
    def file(self) -> Path:
        """The settings file of this data folder."""
        return self.data_dir / SETTINGS_FILE_NAME

    def pin(self, names: Iterable[str]) -> None:
        """Note which settings the command line gave."""
        self._given = frozenset(names)

    def pinned_by(self, name: str) -> str | None:
        """What beats the settings file for that setting: "the command line", "the environment", or None."""
        if name in self._given:
            return "the command line"
        return f"the environment (EASEL_{name.upper()})" if os.environ.get(f"EASEL_{name.upper()}") else None

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
        found = read_settings_file(Path(data_dir).expanduser() / SETTINGS_FILE_NAME)
        # Values of add-ons are read when those are there: webui/studio/preferences.py.
        return {name: value for name, value in found.items() if name != "extensions"}


def last_good(path: Path) -> Path:
    """The copy of a settings file that was last read whole."""
    return path.with_name(f"{path.stem}.last-good{path.suffix}")


def read_settings_file(path: Path) -> dict[str, Any]:
    """The mapping in a settings file; empty when there is none; of its last good copy when the file is damaged.

    Raises SettingInvalid for a damaged file without a good copy.
    """
    try:
        return parse_settings_file(path)
    except SettingInvalid:
        if not last_good(path).exists():
            raise
        return parse_settings_file(last_good(path))


def parse_settings_file(path: Path) -> dict[str, Any]:
    """The mapping in a settings file; empty when there is none. Raises SettingInvalid for anything but a mapping."""
    try:
        text = path.read_text("utf-8")
        data = yaml.safe_load(text)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise SettingInvalid(
            f"{path} can't be read: {' '.join(str(error).split())}.", hint="Mend the file, or move it away to start with the defaults."
        ) from None
    if data is None:
        # Programs that write in place leave nothing when the disk is full; with a good copy at hand that is damage, not a wish.
        if not text and last_good(path).exists():
            raise SettingInvalid(f"{path} is empty.", hint="Delete it to start with the defaults.")
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
    wanted = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**wanted)
    except ValidationError as error:
        raise explain_setting(error) from None
    settings.pin(wanted)
    return settings


def default_settings(data_dir: Any = None) -> Settings:
    """Every setting at its default, whatever file and environment say; for when what they say can't be used."""
    usual = {name: field.get_default() for name, field in Settings.model_fields.items()}
    folder = data_dir or os.environ.get("EASEL_DATA_DIR") or usual["data_dir"]
    return Settings.model_construct(_fields_set=None, **usual | {"data_dir": Path(str(folder)).expanduser().resolve()})


def explain_setting(error: ValidationError) -> SettingInvalid:
    """Turn pydantic's first complaint into one sentence that names the setting and what is allowed."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return SettingInvalid(
            f"There is no setting called {name[:80]!r}.",
            field=name,
            allowed=", ".join(Settings.model_fields),
            hint=f"Check its spelling in {SETTINGS_FILE_NAME}.",
        )
    reason = first["msg"].removeprefix("Value error, ")
    return SettingInvalid(
        f"The setting {name} can't be {str(first.get('input'))[:80]!r}: {reason}.",
        field=name,
        hint=Settings.model_fields[name].description or "",
    )

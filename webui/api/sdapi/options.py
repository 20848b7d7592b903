"""What AUTOMATIC1111 calls options: settings that requests of its API take over, for good (POST options) or for one job.

Most of them are fields of a request here. Each person has a set of their own, so that no client changes what another one draws with;
a few are settings of Easel, which only administrators change.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from webui.api.sdapi.faces import restorers
from webui.api.sdapi.problems import AsTold, bad_field
from webui.catalog.checkpoints import Checkpoint
from webui.catalog.detect import Kind
from webui.durable import write_durably
from webui.errors import CheckpointUnusable, DataUnusable, EaselError, InvalidRequest, SettingInvalid, StartupOnly
from webui.generation.adapters import VAE_AUTOMATIC
from webui.generation.prompt.emphasis import EMPHASIS_MODES
from webui.generation.request import NOISE_SOURCES, REFINED_PASSES, Img2Img, Txt2Img, parse_request
from webui.people import Person
from webui.studio.studio import Studio

log = logging.getLogger(__name__)

CHECKPOINT, VAE, MODULES = "sd_model_checkpoint", "sd_vae", "forge_additional_modules"
BACKGROUND, RESTORE, TILING, FORMAT = "img2img_background_color", "face_restoration", "tiling", "samples_format"
RESTORER, RESTORER_WEIGHT = "face_restoration_model", "code_former_weight"
FILE_NAME = "sdapi-options.json"
_VERSION = 1
_VAES: frozenset[Kind] = frozenset(("vae",))
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Option:
    """One option. field: the field of a request that it sets; empty: none. value_of: option -> field."""

    default: Any
    field: str = ""
    value_of: Callable[[Any], Any] = lambda value: value
    choices: tuple[str, ...] = ()


def _weights(value: str) -> str:
    return "fp8" if value.casefold().startswith("enable") else "As computed"


OPTIONS: Mapping[str, Option] = {
    CHECKPOINT: Option(""),
    VAE: Option(VAE_AUTOMATIC, "vae"),
    "CLIP_stop_at_last_layers": Option(1, "clip_skip"),
    "eta_noise_seed_delta": Option(0, "seed_delta"),
    "randn_source": Option("CPU", "rng", choices=NOISE_SOURCES),
    "eta_ancestral": Option(1.0, "eta"),
    "eta_ddim": Option(0.0, "eta_ddim"),
    "s_churn": Option(0.0, "sigma_churn"),
    "s_tmin": Option(0.0, "sigma_tmin"),
    "s_tmax": Option(0.0, "sigma_tmax"),
    "s_noise": Option(1.0, "sigma_noise"),
    "sigma_min": Option(0.0, "sigma_min"),
    "sigma_max": Option(0.0, "sigma_max"),
    "rho": Option(0.0, "rho"),
    "beta_dist_alpha": Option(0.6, "beta_alpha"),
    "beta_dist_beta": Option(0.6, "beta_beta"),
    "always_discard_next_to_last_sigma": Option(False, "discard_next_to_last"),
    "emphasis": Option("Original", "emphasis", choices=EMPHASIS_MODES),
    "comma_padding_backtrack": Option(20, "comma_backtrack"),
    "pad_cond_uncond": Option(False, "pad_conds"),
    "use_old_scheduling": Option(False, "old_prompt_editing"),
    "skip_early_cond": Option(0.0, "guidance_from"),
    "fp8_storage": Option("Disable", "weight_storage", _weights, ("Disable", "Enable", "Enable for SDXL")),
    "hires_fix_refiner_pass": Option("second pass", "hires_refiner", choices=REFINED_PASSES),
    "img2img_color_correction": Option(False, "color_correction"),
    "img2img_fix_steps": Option(False, "exact_steps"),
    "img2img_extra_noise": Option(0.0, "extra_noise"),
    "initial_noise_multiplier": Option(1.0, "noise_multiplier"),
    "inpainting_mask_weight": Option(1.0, "mask_weight"),
    BACKGROUND: Option("#ffffff"),
    TILING: Option(False),
    RESTORE: Option(False),
    RESTORER: Option(""),
    RESTORER_WEIGHT: Option(0.5),
}
"""By AUTOMATIC1111's names, with Easel's usual values. One that has a field of a request is one line."""


@dataclass(frozen=True)
class OfEasel:
    """An option that is a setting of Easel. shown: setting -> option; taken: option -> setting."""

    setting: str
    shown: Callable[[Any], Any] = lambda value: value
    taken: Callable[[Any], Any] = lambda value: value


_FORMATS = {"jpg": "jpeg"}

SETTINGS: Mapping[str, OfEasel] = {
    FORMAT: OfEasel("picture_format", taken=lambda value: _FORMATS.get(str(value).casefold(), str(value).casefold())),
    "jpeg_quality": OfEasel("picture_quality"),
    "samples_filename_pattern": OfEasel("name_pattern"),
    "directories_filename_pattern": OfEasel("folder_pattern"),
    "grid_save": OfEasel("save_grids"),
    "save_txt": OfEasel(
        "sidecar", shown=lambda value: value == "text", taken=lambda value: "text" if value in (True, "true", 1) else "none"
    ),
}
"""Options that are settings of Easel."""

FIXED: Mapping[str, Any] = {
    "return_grid": False,
    "send_seed": True,
    "samples_save": True,
    "sd_model_refiner": "None",
    "sd_hypernetwork": "None",
    "sd_lora": "None",
    "live_previews_enable": True,
    "live_previews_image_format": "jpeg",
    "api_forbid_local_requests": True,
    "control_net_no_detectmap": True,
    "control_net_unit_count": 8,
}
"""Told, because clients read them, and never changed."""


def title_of(studio: Studio, checkpoint: Checkpoint) -> str:
    """A checkpoint as AUTOMATIC1111 lists it: path and, once it is known, its short hash."""
    models = studio.catalog.models
    return models.title(models.get(checkpoint.id))


def no_such_model(name: str, studio: Studio) -> AsTold:
    """The answer to a name that no checkpoint has."""
    known = ", ".join(entry.name for entry in studio.checkpoints() if entry.usable)[:500]
    return AsTold("Model not found", f"There is no checkpoint called {name[:80]!r}.", status=404, hint=f"There are: {known or 'none yet'}.")


def find_checkpoint(studio: Studio, name: str) -> Checkpoint:
    """The checkpoint that any of its names means: title, file, stem, hash. Raises AsTold (404), CheckpointUnusable."""
    try:
        return studio.catalog.find(name)
    except CheckpointUnusable:
        raise
    except InvalidRequest:
        raise no_such_model(name, studio) from None


class OptionBook:
    """Everybody's options, in one file of the data folder. May be used from any thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._people: dict[str, dict[str, Any]] | None = None

    def of(self, person: Person) -> dict[str, Any]:
        """All options of one person that set something in requests."""
        with self._lock:
            own = dict(self._read().get(person.id, {}))
        return {name: own.get(name, option.default) for name, option in OPTIONS.items()}

    def shown(self, person: Person) -> dict[str, Any]:
        """The whole flat object."""
        settings = self._studio.preferences.current
        own = self.of(person)
        checkpoint = self.checkpoint(own)
        return {
            **own,
            RESTORER: own[RESTORER] or next(iter(restorers(self._studio)), None),
            **{name: option.shown(getattr(settings, option.setting)) for name, option in SETTINGS.items()},
            **FIXED,
            "api_enable_requests": settings.remote_pictures,
            CHECKPOINT: title_of(self._studio, checkpoint) if checkpoint else "",
            "sd_checkpoint_hash": self._sha256(checkpoint),
        }

    def _sha256(self, checkpoint: Checkpoint | None) -> str:
        if checkpoint is None:
            return ""
        models = self._studio.catalog.models
        hashes = models.hashes(models.get(checkpoint.id))
        return hashes.sha256 if hashes else models.folder_hash(checkpoint.path) or ""

    def checkpoint(self, options: Mapping[str, Any]) -> Checkpoint | None:
        """The checkpoint that is in use; the first one where none was chosen or it is gone; None where there is none at all."""
        for name in (str(options.get(CHECKPOINT) or ""), ""):
            try:
                return self._studio.catalog.find(name)
            except EaselError:
                continue
        return None

    def change(self, person: Person, given: Mapping[str, Any]) -> bool:
        """Keep some options. Nulls, unknown names and what the person may not change say nothing. Returns whether the model changed.

        Raises BadBody for a value that can't be used, AsTold (404) for a model that isn't there; then nothing changes.
        """
        before = self.of(person)
        changes = self.checked({name: value for name, value in given.items() if name in OPTIONS and value is not None})
        changes |= self._model_of(before, given)
        self._change_settings(person, given)
        with self._lock:
            people = self._read()
            own = people.get(person.id, {}) | changes
            kept = {name: value for name, value in own.items() if value != OPTIONS[name].default}
            if kept != people.get(person.id, {}):
                self._write({**people, person.id: kept})
        return changes.get(CHECKPOINT, before[CHECKPOINT]) != before[CHECKPOINT]

    def _model_of(self, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The name of the checkpoint that was sent, if one was: the present title sent back changes nothing."""
        name = given.get(CHECKPOINT)
        present = self.checkpoint(before)
        if not isinstance(name, str) or not name.strip() or (present is not None and name == title_of(self._studio, present)):
            return {CHECKPOINT: before[CHECKPOINT]}
        return {CHECKPOINT: find_checkpoint(self._studio, name).name}

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Known options of the right type, within what requests allow. Raises BadBody."""
        told = {}
        for name, value in given.items():
            option = OPTIONS[name]
            told[name] = _of_type(name, value, option)
            if option.field and name != VAE:
                _check_field(name, option.field, option.value_of(told[name]))
        if VAE in told and told[VAE] not in self._studio.choices.vae_names() and self._studio.catalog.models.find(told[VAE], _VAES) is None:
            raise bad_field(VAE, f"There is no VAE called {told[VAE][:80]!r}; there are {', '.join(self._studio.choices.vae_names())}")
        if not 0 <= told.get(RESTORER_WEIGHT, 0) <= 1:
            raise bad_field(RESTORER_WEIGHT, "Use 0 to 1")
        if _HEX.fullmatch(told.get(BACKGROUND, "#ffffff")) is None:
            raise bad_field(BACKGROUND, "This is no colour: write it as #rrggbb")
        return told

    def _change_settings(self, person: Person, given: Mapping[str, Any]) -> None:
        if not person.is_admin:
            return
        settings = self._studio.preferences.current
        changes = {}
        for name, option in SETTINGS.items():
            value = given.get(name)
            present = getattr(settings, option.setting)
            if value is not None and value != option.shown(present) and option.taken(value) != present:
                changes[option.setting] = option.taken(value)
        if changes:
            try:
                self._studio.preferences.change(changes)
            except SettingInvalid as error:
                name = next((name for name, option in SETTINGS.items() if option.setting == error.field), error.field)
                raise bad_field(name, error.message) from None
            except StartupOnly as error:
                log.info("Options of a client: %s", error.message)

    # the file

    @property
    def _file(self) -> Path:
        return self._studio.preferences.current.data_dir / FILE_NAME

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._people is None:
            self._people = _people_of(self._file)
        return self._people

    def _write(self, people: dict[str, dict[str, Any]]) -> None:
        text = json.dumps({"version": _VERSION, "people": people}, indent=1, ensure_ascii=False)
        try:
            write_durably(self._file, text.encode())
        except OSError as error:
            raise DataUnusable(f"{FILE_NAME} can't be written: {error.strerror or error}.", hint="Nothing was changed.") from None
        self._people = people


def _people_of(file: Path) -> dict[str, dict[str, Any]]:
    """Everybody's options as they were kept; those that are no longer known are left out."""
    try:
        data = json.loads(file.read_text("utf-8"))
        people = data["people"] if data["version"] == _VERSION else {}
        return {
            str(person): {name: _of_type(name, value, OPTIONS[name]) for name, value in own.items() if name in OPTIONS}
            for person, own in people.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, EaselError) as error:
        log.warning("%s can't be read, so all options are as usual: %s", file.name, error)
        return {}


def _of_type(name: str, value: Any, option: Option) -> Any:
    try:
        taken = TypeAdapter(type(option.default), config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        raise bad_field(name, error.errors()[0]["msg"]) from None
    if option.choices and taken not in option.choices:
        raise bad_field(name, f"Use one of {', '.join(option.choices)}")
    return taken


def _check_field(option: str, field: str, value: Any) -> None:
    """Raises BadBody where no request could have that value."""
    own: dict[str, Any] = {} if field in Txt2Img.model_fields else {"kind": "img2img", "init_image": "0" * 64}
    assert field in Txt2Img.model_fields or field in Img2Img.model_fields, field
    try:
        parse_request({**own, field: value})
    except InvalidRequest as error:
        raise bad_field(option, str(error)) from None


def fields_of(options: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request that options set. known: the fields that this kind of request has."""
    return {
        option.field: option.value_of(options[name])
        for name, option in OPTIONS.items()
        if option.field in known and options.get(name) is not None
    }

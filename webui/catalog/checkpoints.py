"""The checkpoints on disk: found, described, and checked as far as headers tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from webui.catalog.describe import describe
from webui.catalog.detect import UNKNOWN, ModelKind
from webui.catalog.diffusers_folder import PIPELINE, check_folder, read_json
from webui.catalog.models import DRAWS, KIND_TITLES, ModelCatalog, ModelFile, list_models
from webui.catalog.pipelines import pipeline_class
from webui.catalog.roots import find_models, find_places
from webui.catalog.sidecar import read_sidecar
from webui.catalog.stock_folder import check_stock_folder, native_side
from webui.catalog.usable import opens, why_not
from webui.errors import CheckpointUnusable, EaselError, InvalidRequest
from webui.generation.request import Txt2Img, parameters_of, parse_request
from webui.generation.stock_pipelines import STOCK_PIPELINES

log = logging.getLogger(__name__)

DEFAULTS_FILE = "easel.json"

NO_DEFAULTS = frozenset(
    ("kind", "prompt", "styles", "controls", "regions", "checkpoint", "seed", "variation_seed", "batch_count", "batch_size", "extensions")
)
"""Fields of a request that are the picture's own affair: no checkpoint has a say in them."""

FOR_THE_PAGE = frozenset(("finishing",))
"""What a checkpoint may say besides its defaults, for the fields of a page alone: see Checkpoint.usual."""


NATIVE_SIDE: Mapping[str, int] = {"sd1": 512, "sd2": 512, "sdxl": 1024, "sdxl_refiner": 1024, "sd3": 1024, "flux": 1024}
"""Family -> pixels of the side that it was trained on."""


@dataclass(frozen=True)
class Example:
    """A picture that a checkpoint is known to draw: the request (seed included) and how it looks."""

    id: str
    request: Txt2Img
    picture: Path

    @property
    def prompt(self) -> str:
        """The words of the picture."""
        return self.request.prompt


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint on disk. problem: why it can't be used, in one sentence; empty when it can.

    defaults: request fields that this checkpoint draws best with, its owner's own among them; own_defaults: those alone.
    id and kind: of the model file (webui.catalog.models) that it is. vae: a VAE of the same name beside it, which it is meant to be
    used with. notes: what its owner should know.
    pipeline: the class of diffusers that draws with it, where Easel's own engine does not; see webui.generation.stock_pipelines.
    usual: further request fields that its pictures are usually made with, such as their finishing chain. A page puts them into its fields
    where they are seen and can be taken out; a request by API, whose caller counts on the size that it names, gets none of them.
    """

    name: str
    path: Path
    problem: str = ""
    hint: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    id: str = ""
    kind: ModelKind = UNKNOWN
    vae: Path | None = None
    notes: tuple[str, ...] = ()
    own_defaults: Mapping[str, Any] = field(default_factory=dict)
    pipeline: str = ""
    usual: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether the engine can draw with it, as far as headers tell."""
        return not self.problem


def _native_defaults(path: Path) -> dict[str, Any]:
    sample_size = read_json(path, "unet/config.json").get("sample_size")
    blocks = read_json(path, "vae/config.json").get("block_out_channels")
    if not isinstance(sample_size, int) or not isinstance(blocks, list):
        return {}
    side = sample_size * 2 ** (len(blocks) - 1)
    return {"width": side, "height": side}


@dataclass(frozen=True)
class _Said:
    """What a folder says of itself in easel.json."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


def _said_by(path: Path, name: str) -> _Said:
    file = path / DEFAULTS_FILE
    if not file.exists():
        return _Said()
    data = read_json(path, DEFAULTS_FILE)
    try:
        defaults, usual = dict(data.get("defaults", {})), dict(data.get("usual", {}))
        if usual.keys() - FOR_THE_PAGE:
            raise ValueError(f"usual may have {', '.join(FOR_THE_PAGE)} alone")
        whole = Txt2Img.model_validate({**defaults, **usual})
        examples = tuple(
            Example(
                str(entry["id"]),
                Txt2Img.model_validate({**defaults, **entry["request"], "checkpoint": name}),
                path / "examples" / f"{Path(entry['id']).name}.png",
            )
            for entry in data.get("examples", [])
        )
    except (ValidationError, EaselError, KeyError, TypeError, ValueError) as error:
        log.warning("%s is left out of account: %s", file, " ".join(str(error).split()))
        return _Said()
    there = tuple(example for example in examples if example.picture.is_file())
    return _Said(defaults, {field: getattr(whole, field) for field in usual}, there)


def _describe_folder(path: Path, name: str, kind: ModelKind) -> Checkpoint:
    try:
        pipeline = pipeline_class(path)
        if pipeline in STOCK_PIPELINES:
            return _describe_stock_folder(path, name, pipeline)
        if pipeline == PIPELINE:
            check_folder(path)
        elif not opens("diffusers", kind):
            problem, hint = why_not("diffusers", kind)
            return Checkpoint(name, path, problem=f"{problem} It is made for {pipeline}.", hint=hint)
        native = _native_defaults(path)
    except CheckpointUnusable as error:
        return Checkpoint(name, path, problem=error.message, hint=error.hint)
    own = _said_by(path, name)
    return Checkpoint(name, path, defaults=_family_defaults(kind) | native | dict(own.defaults), examples=own.examples, usual=own.usual)


def _describe_stock_folder(path: Path, name: str, pipeline: str) -> Checkpoint:
    """A folder of a family that Easel has no denoising for. Raises CheckpointUnusable."""
    check_stock_folder(path)
    own = STOCK_PIPELINES[pipeline]
    side = native_side(path)
    native: dict[str, Any] = {"width": side, "height": side} if side else {}
    defaults = native | {"steps": own.steps, "cfg_scale": own.cfg_scale} | dict(_said_by(path, name).defaults)
    note = f"Drawn through diffusers' own pipeline ({pipeline}): sampler and schedule are its own; no LoRAs, no prompt weights."
    return Checkpoint(name, path, defaults=defaults, pipeline=pipeline, notes=(note,))


def _describe_file(model: ModelFile) -> Checkpoint:
    if model.pending:
        return Checkpoint(model.name, model.path, problem="It has not been looked at yet.", hint="Try again in a moment.")
    if model.facts.problem:
        return Checkpoint(model.name, model.path, problem=model.facts.problem, hint=model.facts.hint)
    if not opens(model.facts.form, model.kind):
        problem, hint = why_not(model.facts.form, model.kind)
        return Checkpoint(model.name, model.path, problem=problem, hint=hint)
    return Checkpoint(model.name, model.path, defaults=_family_defaults(model.kind))


def _family_defaults(kind: ModelKind) -> dict[str, Any]:
    side = 768 if (kind.family, kind.prediction) == ("sd2", "v") else NATIVE_SIDE.get(kind.family)
    return {"width": side, "height": side} if side else {}


def check_defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request as a checkpoint's own defaults, in their usual form as JSON. Raises InvalidRequest."""
    for name in fields:
        if name in NO_DEFAULTS:
            label = parameters_of(Txt2Img)[name].label
            raise InvalidRequest(f"{label} is no default of a checkpoint.", field=name, hint="Leave it out.")
    request = parse_request(dict(fields))
    return request.model_dump(mode="json", include=request.model_fields_set)


def _said_defaults(model: ModelFile) -> dict[str, Any]:
    """What its owner wants for it, from the file beside it."""
    if not model.words_stamp:
        return {}
    said = read_sidecar(model.path.parent, model.stem, model.beside, {}).defaults
    try:
        return check_defaults(said)
    except EaselError as error:
        log.warning("The defaults beside %s are left out of account: %s", model.path.name, error)
        return {}


def _as_checkpoint(model: ModelFile) -> Checkpoint:
    described = _describe_folder(model.path, model.name, model.kind) if model.is_folder else _describe_file(model)
    own = _said_defaults(model)
    return replace(
        described,
        defaults=dict(described.defaults) | own,
        own_defaults=own,
        id=model.id,
        kind=model.kind,
        vae=model.vae,
        notes=(*model.notes, *described.notes),
    )


def scan(roots: Sequence[Path]) -> tuple[Checkpoint, ...]:
    """Every checkpoint in the folders for them, in the roots' order, then by name; usable and unusable.

    All are looked at anew, and nothing is written. Names are unique: a later one of a name already taken gets " (2)" and so on.
    """
    places = [place for place in find_places(roots).places if place.expects in DRAWS or place.expects == "unknown"]
    models = list_models((found, describe(found)) for found in find_models(places))
    return tuple(_as_checkpoint(model) for model in models if model.role in DRAWS)


class CheckpointCatalog:
    """The checkpoints that can be picked: those among all `models`. What is found out about them is kept on disk.

    May be used from any thread.
    """

    def __init__(self, roots: Sequence[Path], cache_dir: Path, *, hash_files: bool = True) -> None:
        self.models = ModelCatalog(roots, cache_dir, hash_files=hash_files)
        self._lock = threading.Lock()
        self._listed: tuple[tuple[ModelFile, ...], tuple[Checkpoint, ...]] | None = None
        self._described: dict[ModelFile, Checkpoint] = {}
        self._by_id: dict[str, Checkpoint] = {}

    @property
    def on_change(self) -> Callable[[], None]:
        """Called, from any thread, after the list changed."""
        return self.models.on_change

    @on_change.setter
    def on_change(self, call: Callable[[], None]) -> None:
        self.models.on_change = call

    def start(self) -> None:
        """Begin to watch the folders and to hash in the background."""
        self.models.start()

    def close(self) -> None:
        """End the background work."""
        self.models.close()

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that are looked through."""
        return self.models.roots

    def use_roots(self, roots: Sequence[Path]) -> None:
        """Look through these from now on."""
        self.models.use_roots(roots)

    def all(self) -> tuple[Checkpoint, ...]:
        """All checkpoints, unusable ones included."""
        models = self.models.all()
        with self._lock:
            if self._listed is None or self._listed[0] is not models:
                ours = [model for model in models if model.role in DRAWS]
                self._described = {model: self._described.get(model) or _as_checkpoint(model) for model in ours}
                self._listed = models, tuple(self._described.values())
                self._by_id = {checkpoint.id: checkpoint for checkpoint in self._listed[1]}
            return self._listed[1]

    def of_model(self, identifier: str) -> Checkpoint | None:
        """The checkpoint that the model of that id is; None for all other kinds."""
        self.all()
        with self._lock:
            return self._by_id.get(identifier)

    def annotate(self, identifier: str, changes: Mapping[str, Any]) -> ModelFile:
        """Write what its owner says about a model into name.json beside it (see webui.catalog.annotate); returns it as it is then.

        Raises NotFound, InvalidRequest, Conflict, DataUnusable; then nothing is written.
        """
        model = self.models.get(identifier)
        defaults = changes.get("defaults")
        if isinstance(defaults, dict):
            if model.role not in DRAWS:
                raise InvalidRequest(f"{model.name} is no checkpoint.", field="defaults", hint="Only checkpoints have defaults.")
            changes = {**changes, "defaults": check_defaults(defaults)}
        return self.models.annotate(model, changes)

    def refresh(self) -> bool:
        """Look at the folders again. Returns whether anything changed."""
        return self.models.refresh()

    def find(self, name: str) -> Checkpoint:
        """The checkpoint that a name means (see ModelCatalog.find); "" is the first usable one.

        A name that is not known makes the folders be looked at once more. Raises InvalidRequest naming
        the known ones, CheckpointUnusable when it is there but can't be used.
        """
        checkpoint = self._match(name) or (self._match(name) if self.refresh() else None)
        if checkpoint is None:
            raise self._unknown(name)
        if not checkpoint.usable:
            raise CheckpointUnusable(f"{checkpoint.name} can't be used: {checkpoint.problem}", field="checkpoint", hint=checkpoint.hint)
        return checkpoint

    def _match(self, name: str) -> Checkpoint | None:
        if not name.strip():
            return next((checkpoint for checkpoint in self.all() if checkpoint.usable), None)
        model = self.models.find(name, DRAWS)
        if model is not None and model.pending:
            self.models.describe_now(model)
            model = self.models.find(name, DRAWS)
        return self.of_model(model.id) if model else None

    def _unknown(self, name: str) -> InvalidRequest:
        usable = [entry.name for entry in self.all() if entry.usable]
        other = self.models.find(name) if name.strip() else None
        what = f"{name[:80]!r} is no checkpoint but a file of kind {KIND_TITLES[other.role]}." if other else ""
        return InvalidRequest(
            what or (f"There is no checkpoint called {name[:80]!r}." if name else "There is no checkpoint yet."),
            field="checkpoint",
            allowed=", ".join(usable[:20]) or "none found",
            hint="Pick one of the known checkpoints, or put yours into models/checkpoints.",
        )

    def content_hash(self, checkpoint: Checkpoint) -> str:
        """First 10 hex digits of the SHA-256 of a file; of a folder, over the SHA-256 of each weight file, in order of part and name.

        Read once per change of the files; the result is kept on disk. Raises CheckpointUnusable when they are gone.
        """
        return self.models.short_hash(self.models.get(checkpoint.id), all_parts=bool(checkpoint.pipeline))

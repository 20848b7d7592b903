"""The checkpoints on disk: found, described, and checked as far as headers tell."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from webui.catalog.diffusers_folder import WEIGHT_FILES, check_folder, read_json
from webui.catalog.weights import check_safetensors
from webui.durable import write_durably
from webui.errors import CheckpointUnusable, EaselError, InvalidRequest
from webui.generation.request import Txt2Img

log = logging.getLogger(__name__)

CHECKPOINT_FOLDERS = ("checkpoints", "Stable-diffusion", "diffusers")
"""Folder names under a models root: ours, then AUTOMATIC1111's and Forge's."""

SINGLE_FILE_SUFFIXES = (".safetensors", ".ckpt", ".gguf")
DEFAULTS_FILE = "easel.json"
_SHORT_HASH = 10
_SEARCH_DEPTH = 3


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

    defaults: request fields that this checkpoint draws best with.
    """

    name: str
    path: Path
    problem: str = ""
    hint: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

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


def _own_defaults(path: Path, name: str) -> tuple[dict[str, Any], tuple[Example, ...]]:
    file = path / DEFAULTS_FILE
    if not file.exists():
        return {}, ()
    data = read_json(path, DEFAULTS_FILE)
    try:
        defaults = dict(data.get("defaults", {}))
        Txt2Img.model_validate(defaults)
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
        return {}, ()
    return defaults, tuple(example for example in examples if example.picture.is_file())


def _describe_folder(path: Path, name: str) -> Checkpoint:
    try:
        check_folder(path)
        native = _native_defaults(path)
    except CheckpointUnusable as error:
        return Checkpoint(name, path, problem=error.message, hint=error.hint)
    own, examples = _own_defaults(path, name)
    return Checkpoint(name, path, defaults=native | own, examples=examples)


def _describe_file(path: Path, name: str) -> Checkpoint:
    try:
        if path.suffix.casefold() == ".safetensors":
            check_safetensors(path)
    except CheckpointUnusable as error:
        return Checkpoint(name, path, problem=error.message, hint=error.hint)
    return Checkpoint(
        name,
        path,
        problem="It is a single file; this version opens checkpoints as diffusers folders.",
        hint="Convert it with diffusers' save_pretrained, or pick another checkpoint.",
    )


def _find(folder: Path, depth: int = 0) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name.casefold())
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if (path / "model_index.json").exists():
                yield path
            elif depth < _SEARCH_DEPTH:
                yield from _find(path, depth + 1)
        elif path.suffix.casefold() in SINGLE_FILE_SUFFIXES and not path.name.casefold().endswith((".vae.safetensors", ".vae.ckpt")):
            yield path


def scan(roots: Sequence[Path]) -> tuple[Checkpoint, ...]:
    """Every checkpoint under `roots`, in the roots' order, then by name; usable and unusable.

    Names are unique: a later one of a name already taken gets " (2)" and so on.
    """
    found: list[Checkpoint] = []
    taken: set[str] = set()
    for root in roots:
        for folder_name in CHECKPOINT_FOLDERS:
            for path in _find(root / folder_name):
                base = path.name if path.is_dir() else path.stem
                name, number = base, 1
                while name.casefold() in taken:
                    number += 1
                    name = f"{base} ({number})"
                taken.add(name.casefold())
                found.append(_describe_folder(path, name) if path.is_dir() else _describe_file(path, name))
    return tuple(found)


def _fingerprint(files: Sequence[Path]) -> str:
    return "|".join(f"{file.name}:{stat.st_size}:{stat.st_mtime_ns}" for file in files for stat in (file.stat(),))


def _weight_files(path: Path) -> list[Path]:
    # Asked for each job that is taken, and many times as fast as Path.glob.
    folders = [path / part for part in WEIGHT_FILES if (path / part).is_dir()]
    return sorted(folder / name for folder in folders for name in os.listdir(folder) if name.endswith(".safetensors"))  # noqa: PTH208


class CheckpointCatalog:
    """The checkpoints that can be picked. Scanned when made and on `refresh`; hashes are kept on disk.

    May be used from any thread.
    """

    def __init__(self, roots: Sequence[Path], cache_dir: Path) -> None:
        self._roots = tuple(roots)
        self._hash_file = cache_dir / "checkpoint-hashes.json"
        self._lock = threading.Lock()
        self._hash_lock = threading.Lock()
        self._hashes = self._load_hashes()
        self._checkpoints = scan(self._roots)
        self.on_change: Callable[[], None] = lambda: None

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that are looked through."""
        return self._roots

    def all(self) -> tuple[Checkpoint, ...]:
        """All checkpoints, unusable ones included."""
        with self._lock:
            return self._checkpoints

    def refresh(self) -> bool:
        """Look at the folders again. Returns whether anything changed."""
        fresh = scan(self._roots)
        with self._lock:
            changed = fresh != self._checkpoints
            self._checkpoints = fresh
        if changed:
            self.on_change()
        return changed

    def find(self, name: str) -> Checkpoint:
        """The checkpoint of that name (case does not matter, a suffix or " [hash]" may follow); "" is the first usable one.

        A name that is not known makes the folders be looked at once more. Raises InvalidRequest naming
        the known ones, CheckpointUnusable when it is there but can't be used.
        """
        checkpoint = self._match(name) or (self._match(name) if self.refresh() else None)
        if checkpoint is None:
            usable = [entry.name for entry in self.all() if entry.usable]
            raise InvalidRequest(
                f"There is no checkpoint called {name[:80]!r}." if name else "There is no checkpoint yet.",
                field="checkpoint",
                allowed=", ".join(usable[:20]) or "none found",
                hint="Pick one of the known checkpoints, or put yours into models/checkpoints.",
            )
        if not checkpoint.usable:
            raise CheckpointUnusable(f"{checkpoint.name} can't be used: {checkpoint.problem}", field="checkpoint", hint=checkpoint.hint)
        return checkpoint

    def _match(self, name: str) -> Checkpoint | None:
        wanted = name.strip().split(" [")[0].casefold()
        for checkpoint in self.all():
            if wanted in (checkpoint.name.casefold(), checkpoint.path.name.casefold()) or (not wanted and checkpoint.usable):
                return checkpoint
        return None

    def content_hash(self, checkpoint: Checkpoint) -> str:
        """First 10 hex digits of the SHA-256 over the SHA-256 of each weight file, in order of part and name.

        Read once per change of the files; the result is kept on disk. Raises CheckpointUnusable when they are gone.
        """
        files = _weight_files(checkpoint.path)
        try:
            return self._hash(str(checkpoint.path), files)
        except OSError as error:
            raise CheckpointUnusable(
                f"{checkpoint.name} can't be read: {error.strerror or error}.",
                field="checkpoint",
                hint="Check that its files are still there.",
            ) from None

    def _hash(self, key: str, files: Sequence[Path]) -> str:
        fingerprint = _fingerprint(files)
        with self._hash_lock:
            known = self._hashes.get(key)
            if known and known["files"] == fingerprint:
                return known["hash"]
            digest = hashlib.sha256()
            for file in files:
                with open(file, "rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
            short = digest.hexdigest()[:_SHORT_HASH]
            self._hashes[key] = {"files": fingerprint, "hash": short}
            try:
                write_durably(self._hash_file, json.dumps(self._hashes, indent=1).encode())
            except OSError as error:
                log.warning("The hash cache could not be written (%s); hashes are made again at the next start.", error)
            return short

    def _load_hashes(self) -> dict[str, dict[str, str]]:
        try:
            data = json.loads(self._hash_file.read_text("utf-8"))
            return {str(path): {"files": str(entry["files"]), "hash": str(entry["hash"])} for path, entry in data.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.warning("%s is damaged; hashes are made again.", self._hash_file)
            return {}

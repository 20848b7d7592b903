"""All model files under all roots: found, described once, named, and kept up to date. No weights are read but for hashes."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from webui.catalog.annotate import PREVIEW_END, annotate, take_preview_back, write_preview
from webui.catalog.describe import Facts, describe, is_pickle, rules
from webui.catalog.detect import Kind, ModelKind
from webui.catalog.folder_hash import hash_of, stamp_of, weight_files
from webui.catalog.hashing import SHORT, Hashes, hash_file
from webui.catalog.header import readable
from webui.catalog.roots import Found, Place, find_models, find_places, path_key
from webui.catalog.sidecar import NOTE_ENDS, Sidecar, image_type, preview_beside, read_sidecar
from webui.catalog.store import FactStore, Known
from webui.catalog.watching import watch_folders
from webui.errors import CheckpointUnusable, Conflict, NotFound

log = logging.getLogger(__name__)

DRAWS: frozenset[Kind] = frozenset(("checkpoint", "denoiser"))
"""Kinds that can be picked as the checkpoint of a picture."""

_STEER: frozenset[Kind] = frozenset(("controlnet", "t2i_adapter", "ip_adapter", "image_encoder"))
"""Kinds that other programs have in one folder."""

KIND_TITLES: Mapping[str, str] = {
    "checkpoint": "checkpoint",
    "denoiser": "denoiser",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "lora": "LoRA",
    "embedding": "embedding",
    "controlnet": "ControlNet",
    "t2i_adapter": "T2I-Adapter",
    "ip_adapter": "IP-Adapter",
    "image_encoder": "image encoder",
    "upscaler": "upscaler",
    "face_restorer": "face restorer",
    "cut_out": "cut-out model",
    "hypernetwork": "hypernetwork",
    "motion_module": "motion module",
    "unknown": "file of unknown kind",
}

_GENERIC_STEMS = frozenset(("pytorch_lora_weights", "diffusion_pytorch_model", "diffusion_pytorch_model.fp16", "adapter_model", "model"))
"""File names that say nothing; the folder's name does."""

_PATIENCE_SECONDS = 1.0
"""How long a look at the folders may describe new files; the rest is listed as pending and described in the background."""

_BATCH_SECONDS = 0.5
_SETTLE_SECONDS = 1.0
"""After the start the page and the worker have the machine to themselves for so long."""

_VAE_ENDS = (".vae.safetensors", ".vae.pt", ".vae.ckpt")


@dataclass(frozen=True)
class ModelFile:
    """One model: a file, or a diffusers folder.

    id: of its path, so it stays while the file does. name: of its file, without the ending; one among its kind ("name (2)" for
    the next of that name). relative: below the folder it was found in. expects: what that folder is for. pending: not looked at
    yet. notes: what its owner should know. vae: a VAE of the same name beside it. words_stamp: changes when the files with words
    about it or its preview do.
    """

    id: str
    name: str
    path: Path
    relative: str
    expects: Kind
    facts: Facts
    size: int
    mtime_ns: int
    is_folder: bool = False
    pending: bool = False
    notes: tuple[str, ...] = ()
    preview: str | None = None
    vae: Path | None = None
    words_stamp: str = ""
    beside: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @property
    def kind(self) -> ModelKind:
        """What its header says it is."""
        return self.facts.kind

    @property
    def role(self) -> Kind:
        """What it is used as: by content, else by the folder it lies in."""
        return self.kind.kind if self.kind.kind != "unknown" else self.expects

    @property
    def stamp(self) -> str:
        """Changes when the file does."""
        return f"{self.size}:{self.mtime_ns}"

    @property
    def stem(self) -> str:
        """Its file name without the ending; sidecars share it."""
        return self.path.name if self.is_folder else self.path.stem

    @property
    def folder(self) -> str:
        """The folder it lies in, for people."""
        return readable(str(self.path.parent))


def model_id(path: Path) -> str:
    """The id of a model, from its path."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def list_models(found: Iterable[tuple[Found, Facts | None]]) -> tuple[ModelFile, ...]:
    """Models from what was found and what is known about it (None: not looked at yet), named in order."""
    taken: set[tuple[str, str]] = set()
    models = []
    for one, facts in found:
        model = _as_model(one, facts)
        group = "draws" if model.role in DRAWS else model.role
        name, number = model.name, 1
        while (group, name.casefold()) in taken:
            number += 1
            name = f"{model.name} ({number})"
        taken.add((group, name.casefold()))
        models.append(model if number == 1 else replace(model, name=name))
    return tuple(models)


def _as_model(found: Found, facts: Facts | None) -> ModelFile:
    stem = found.path.name if found.is_folder else found.path.stem
    name = found.path.parent.name if stem in _GENERIC_STEMS and "/" in found.relative else stem
    told = facts or Facts()
    vae = next((stem + end for end in _VAE_ENDS if stem + end in found.beside), None)
    preview = preview_beside(stem, found.beside)
    return ModelFile(
        id=model_id(found.path),
        name=readable(name),
        path=found.path,
        relative=readable(found.relative),
        expects="vae" if found.path.name.casefold().endswith(_VAE_ENDS) else found.expects,
        facts=told,
        size=found.size,
        mtime_ns=found.mtime_ns,
        is_folder=found.is_folder,
        pending=facts is None,
        notes=_notes(found, told),
        preview=preview,
        vae=found.path.with_name(vae) if vae else None,
        words_stamp=_words_stamp(found, stem, preview),
        beside=found.beside,
    )


def _words_stamp(found: Found, stem: str, preview: str | None) -> str:
    names = [stem + end for end in NOTE_ENDS if stem + end in found.beside]
    return "|".join(_stamp_of(found.path.with_name(name)) for name in (*names, *([preview] if preview else [])))


def _stamp_of(path: Path) -> str:
    try:
        about = path.stat()
    except OSError:
        return ""
    return f"{about.st_size}:{about.st_mtime_ns}"


def _notes(found: Found, facts: Facts) -> tuple[str, ...]:
    notes = []
    kind = facts.kind.kind
    alike = any({kind, found.expects} <= kinds for kinds in (DRAWS, _STEER))
    misplaced = kind not in ("unknown", found.expects) and not alike and found.expects != "unknown"
    if misplaced and not found.path.name.casefold().endswith(_VAE_ENDS):
        notes.append(f"This is a {KIND_TITLES[kind]}, though it lies in a folder for {KIND_TITLES[found.expects]}s.")
    if facts.foreign:
        notes.append(f"Its pickle names code, which was not run: {', '.join(facts.foreign[:5])}.")
    return tuple(notes)


@dataclass(frozen=True)
class Progress:
    """How far the background work is. pending: files not looked at yet; hashed, to_hash: files with their hash, and all that get one."""

    pending: int
    hashed: int
    to_hash: int


class ModelCatalog:
    """The models that can be picked. Looked for when made and on `refresh`; after `start` also whenever a folder changes.

    May be used from any thread. `on_change` is called, from any thread, after the list changed.
    """

    def __init__(self, roots: Sequence[Path], cache_dir: Path, *, hash_files: bool = True) -> None:
        self._roots = tuple(roots)
        self._hash_files = hash_files
        self._store = FactStore(cache_dir)
        self._rules = rules()
        self._lock = threading.Lock()
        self._scan_lock = threading.Lock()
        self._folder_hash_lock = threading.Lock()
        self._work = threading.Event()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._known = {path: (stamp, Facts.stored(facts)) for path, (stamp, facts) in self._store.facts(self._rules).items()}
        kept = self._store.hashes().items()
        self._hashes = {path: (stamp, Hashes(**hashes)) for path, (stamp, hashes) in kept if hashes.keys() == _HASH_NAMES}
        self._folder_hashes = {path: (stamp, hashes["folder"]) for path, (stamp, hashes) in kept if "folder" in hashes}
        self._models: tuple[ModelFile, ...] = ()
        self._names: dict[str, list[ModelFile]] = {}
        self._ids: dict[str, ModelFile] = {}
        self._problems: tuple[str, ...] = ()
        self._places: tuple[Place, ...] = ()
        self._sidecars: dict[str, tuple[tuple[str, str], Sidecar]] = {}
        self.on_change: Callable[[], None] = lambda: None
        self._look(_PATIENCE_SECONDS)

    def start(self) -> None:
        """Begin to watch the folders, and to describe and hash in the background."""
        self._work.set()
        for name, run in (("models", self._work_on), ("model folders", self._watch)):
            thread = threading.Thread(target=self._later, args=(run,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _later(self, run: Callable[[], None]) -> None:
        if not self._closed.wait(_SETTLE_SECONDS):
            run()

    def close(self) -> None:
        """End the background work. Waits for it a moment."""
        self._closed.set()
        self._work.set()
        for thread in self._threads:
            thread.join(timeout=2)
        self._store.close()

    # looking

    @property
    def roots(self) -> tuple[Path, ...]:
        """What is looked through: folders, and lists of folders."""
        return self._roots

    def use_roots(self, roots: Sequence[Path]) -> None:
        """Look through these from now on."""
        self._roots = tuple(roots)
        self.refresh()

    @property
    def problems(self) -> tuple[str, ...]:
        """Roots that could not be understood, one sentence each."""
        with self._lock:
            return self._problems

    def all(self) -> tuple[ModelFile, ...]:
        """All models, broken ones included, in the roots' order."""
        with self._lock:
            return self._models

    def refresh(self) -> bool:
        """Look at the folders again. Returns whether anything changed."""
        if self._closed.is_set():
            return False
        changed = self._look(_PATIENCE_SECONDS)
        if changed:
            self.on_change()
        self._work.set()
        return changed

    def _look(self, patience: float) -> bool:
        with self._scan_lock:
            places = find_places(self._roots)
            until = time.monotonic() + patience
            fresh: list[Known] = []
            listed = [(found, self._facts(found, until, fresh)) for found in find_models(places.places)]
            self._store.remember(self._rules, fresh)
            return self._publish(list_models(listed), places.places, places.problems)

    def _facts(self, found: Found, until: float, fresh: list[Known]) -> Facts | None:
        """What is known about a file; found out now if that takes no process and there is time."""
        known = self._known.get(found.key)
        if known and known[0] == found.stamp:
            return known[1]
        if time.monotonic() > until or is_pickle(found):
            return None
        return self._describe(found, fresh)

    def _describe(self, found: Found, fresh: list[Known]) -> Facts:
        facts = describe(found)
        fresh.append(facts.known(found))
        self._known[found.key] = (found.stamp, replace(facts, metadata={}))
        return facts

    def _publish(self, models: tuple[ModelFile, ...], places: tuple[Place, ...], problems: tuple[str, ...]) -> bool:
        names: dict[str, list[ModelFile]] = {}
        for model in models:
            for name in names_of(model):
                names.setdefault(name, []).append(model)
        with self._lock:
            changed = (models, problems) != (self._models, self._problems)
            self._models, self._names, self._problems, self._places = models, names, problems, places
            self._ids = {model.id: model for model in models}
        return changed

    # finding

    def get(self, identifier: str) -> ModelFile:
        """The model of that id. Raises NotFound."""
        with self._lock:
            model = self._ids.get(identifier)
        if model is None:
            raise NotFound("There is no such model.", hint="GET /api/v1/models lists them.")
        return model

    def select(self, kinds: Iterable[str] = (), family: str = "", search: str = "", folder: str = "") -> list[ModelFile]:
        """Models of these kinds (all if none is given) and family, in a folder or below it, that hold all the words.

        Words are looked for in name, path, alias, family and trigger words; hexadecimal ones also at the beginning of hashes.
        """
        wanted, words = frozenset(kinds), search.casefold().split()
        return [
            model
            for model in self.all()
            if (not wanted or model.role in wanted)
            and (not family or model.kind.family == family)
            and (not folder or _is_within(model.folder, folder))
            and (not words or self._holds(model, words))
        ]

    def _holds(self, model: ModelFile, words: Sequence[str]) -> bool:
        text = f"{model.name}\n{model.relative}\n{model.facts.alias}\n{model.kind.family}\n{model.kind.version}".casefold()
        left = [word for word in words if word not in text]
        if not left:
            return True
        triggers = "\n".join(self.sidecar(model).trigger_words).casefold()
        return all(word in triggers or self._hash_begins(model, word) for word in left)

    def _hash_begins(self, model: ModelFile, digits: str) -> bool:
        if not _BEGINNING.fullmatch(digits):
            return False
        hashes = self.hashes(model)
        known = (hashes.sha256, hashes.legacy, hashes.data) if hashes else (self.folder_hash(model.path) or "",)
        return any(digest.startswith(digits) for digest in known)

    def find(self, text: str, kinds: frozenset[Kind] = frozenset()) -> ModelFile | None:
        """The model that a name means, as people and programs write it; case does not matter.

        A name, a file name, a path below its folder (also with _ for /, as AUTOMATIC1111 does), the alias its makers gave, a title
        "name [hash]", or a hash alone (short, full, legacy, or a LoRA's own). Where several have the name, the hash decides,
        else the first one is meant. kinds: only among these.
        """
        wanted = _plain(text)
        found = self._named(wanted, kinds)
        if found:
            return found[0]
        title = _TITLE.fullmatch(wanted)
        if title:
            named, digest = self._named(title[1], kinds), title[2]
            return next((model for model in named if self._is_hash(model, digest)), None) or (
                named[0] if named else self._by_hash(digest, kinds)
            )
        return self._by_hash(wanted, kinds) if _DIGEST.fullmatch(wanted) else None

    def _named(self, name: str, kinds: frozenset[Kind]) -> list[ModelFile]:
        with self._lock:
            found = self._names.get(name, [])
        return [model for model in found if not kinds or model.role in kinds]

    def _by_hash(self, digest: str, kinds: frozenset[Kind]) -> ModelFile | None:
        return next((model for model in self.all() if (not kinds or model.role in kinds) and self._is_hash(model, digest)), None)

    def _is_hash(self, model: ModelFile, digest: str) -> bool:
        hashes = self.hashes(model)
        return self.folder_hash(model.path) == digest if model.is_folder else hashes is not None and hashes.named(digest)

    # more about one of them

    def hashes(self, model: ModelFile) -> Hashes | None:
        """Its hashes, if they were made already."""
        stamp, hashes = self._hashes.get(path_key(model.path), ("", None))
        return hashes if stamp == model.stamp else None

    def hash_now(self, model: ModelFile) -> Hashes:
        """Its hashes, made now if need be: all of the file is read. Raises CheckpointUnusable when it is gone."""
        hashes = self.hashes(model) or self._hash(model)
        assert hashes is not None
        return hashes

    def _hash(self, model: ModelFile, pause: Callable[[int], bool] = lambda _done: True) -> Hashes | None:
        try:
            before = model.path.stat()
            hashes = hash_file(model.path, pause)
        except OSError as error:
            raise CheckpointUnusable(
                f"{model.name} can't be read: {error.strerror or error}.", field="checkpoint", hint="Check that its files are still there."
            ) from None
        if hashes:
            stamp = f"{before.st_size}:{before.st_mtime_ns}"
            self._hashes[path_key(model.path)] = (stamp, hashes)
            self._store.remember_hashes(path_key(model.path), stamp, vars(hashes))
        return hashes

    def short_hash(self, model: ModelFile, *, all_parts: bool = False) -> str:
        """First 10 hex digits of the SHA-256 of a file; of a diffusers folder, over that of each weight file (`folder_hash.weight_files`).

        Read once per change of the files; the result is kept on disk. Raises CheckpointUnusable when they are gone.
        """
        if not model.is_folder:
            return self.hash_now(model).short
        try:
            files = weight_files(model.path, all_parts=all_parts)
            stamp = stamp_of(files)
            with self._folder_hash_lock:
                known = self.folder_hash(model.path, stamp)
                if known is None:
                    known = hash_of(files)[:SHORT]
                    self.remember_folder_hash(model.path, stamp, known)
            return known
        except OSError as error:
            raise CheckpointUnusable(
                f"{model.name} can't be read: {error.strerror or error}.", field="checkpoint", hint="Check that its files are still there."
            ) from None

    def folder_hash(self, path: Path, stamp: str | None = None) -> str | None:
        """The hash of a diffusers folder, if it was made; with a stamp only while that is still the same."""
        known = self._folder_hashes.get(path_key(path))
        return known[1] if known and stamp in (None, known[0]) else None

    def remember_folder_hash(self, path: Path, stamp: str, digest: str) -> None:
        """Keep the hash of a diffusers folder."""
        self._folder_hashes[path_key(path)] = (stamp, digest)
        self._store.remember_hashes(path_key(path), stamp, {"folder": digest})

    def title(self, model: ModelFile) -> str:
        """As AUTOMATIC1111 lists it: path below its folder, and the short hash where it is known."""
        hashes = self.hashes(model)
        short = self.folder_hash(model.path) if model.is_folder else hashes.short if hashes else None
        return f"{model.relative} [{short}]" if short else model.relative

    def preview_path(self, model: ModelFile) -> tuple[Path, str]:
        """Its picture and the media type of that, told by content. Raises NotFound when there is none that is a picture."""
        path = model.path.with_name(model.preview) if model.preview else None
        kind = image_type(path) if path else None
        if path is None or kind is None:
            raise NotFound("This model has no preview.", hint=f"Put a picture called {model.stem}.preview.png beside it.")
        return path, kind

    def metadata(self, model: ModelFile) -> dict[str, str]:
        """What the file's own header says in words; untrusted."""
        metadata = self._store.details(path_key(model.path)).get("metadata", {})
        return {str(name): str(value) for name, value in metadata.items()}

    def sidecar(self, model: ModelFile) -> Sidecar:
        """Notes and trigger words, from the files beside it and its own metadata; untrusted."""
        stamp = (model.stamp, model.words_stamp)
        known = self._sidecars.get(model.id)
        if known is None or known[0] != stamp:
            known = self._sidecars[model.id] = (
                stamp,
                read_sidecar(model.path.parent, model.stem, model.beside, self.metadata(model)),
            )
        return known[1]

    # saying something about one of them

    def annotate(self, model: ModelFile, changes: Mapping[str, object]) -> ModelFile:
        """Write what its owner says (webui.catalog.annotate) into name.json beside it. Returns it as it is then; raises as that does."""
        annotate(model.path.with_name(f"{model.stem}.json"), changes)
        return self._look_beside(model)

    def set_preview(self, model: ModelFile, png: bytes) -> ModelFile:
        """Put a preview beside it. Returns it as it is then. Raises DataUnusable."""
        write_preview(model.path.with_name(model.stem + PREVIEW_END), png)
        return self._look_beside(model)

    def take_preview_back(self, model: ModelFile) -> ModelFile:
        """Undo the last `set_preview`. Returns it as it is then. Raises Conflict for a preview by another name, DataUnusable."""
        path = model.path.with_name(model.stem + PREVIEW_END)
        if model.preview != path.name:
            raise Conflict("Its preview was not set here.", hint=f"Take {model.preview or 'the picture'} away in its folder.")
        take_preview_back(path)
        return self._look_beside(model)

    def _look_beside(self, model: ModelFile) -> ModelFile:
        """The model with what lies beside it now; others in its folder are looked at as soon as the watch tells of it."""
        with self._scan_lock:
            try:
                beside = frozenset(entry.name for entry in os.scandir(model.path.parent) if not entry.name.startswith("."))
            except OSError:
                beside = model.beside
            found = Found(model.path, model.relative, model.expects, model.is_folder, model.size, model.mtime_ns, beside)
            fresh = replace(_as_model(found, model.facts), name=model.name, pending=model.pending, expects=model.expects)
            with self._lock:
                models = tuple(fresh if other.id == model.id else other for other in self._models)
            changed = self._publish(models, self._places, self.problems)
        if changed:
            self.on_change()
        return fresh

    # background

    @property
    def progress(self) -> Progress:
        """How far the background work is."""
        models = self.all()
        files = [model for model in models if not model.is_folder]
        hashed = sum(self.hashes(model) is not None for model in files)
        return Progress(sum(model.pending for model in models), hashed, len(files) if self._hash_files else hashed)

    def _work_on(self) -> None:
        while not self._closed.is_set():
            self._work.wait()
            self._work.clear()
            while not self._closed.is_set() and self._describe_some():
                self.on_change()
            self._read_words()
            if self._hash_files:
                self._hash_all()

    def _read_words(self) -> None:
        """Read what people say about the models ahead, so that the first search need not."""
        for model in self.all():
            if self._closed.is_set() or self._work.is_set():
                return
            self.sidecar(model)

    def _describe_some(self) -> bool:
        """Describe pending files for a moment. Returns whether there were any."""
        with self._scan_lock:
            fresh: list[Known] = []
            until = 0.0
            listed: list[tuple[Found, Facts | None]] = []
            for found in find_models(self._places):
                facts = self._facts(found, 0, fresh)
                # From the first one on: on a busy machine the way to that one alone may take longer.
                if facts is None and not fresh:
                    until = time.monotonic() + _BATCH_SECONDS
                if facts is None and (not fresh or time.monotonic() < until) and not self._closed.is_set():
                    facts = self._describe(found, fresh)
                listed.append((found, facts))
            if not fresh:
                return False
            self._store.remember(self._rules, fresh)
            self._publish(list_models(listed), self._places, self._problems)
            return True

    def describe_now(self, model: ModelFile) -> ModelFile:
        """The same model, looked at now if it was pending."""
        if not model.pending:
            return model
        with self._scan_lock:
            fresh: list[Known] = []
            found = Found(model.path, model.relative, model.expects, model.is_folder, model.size, model.mtime_ns, model.beside)
            facts = self._describe(found, fresh)
            self._store.remember(self._rules, fresh)
        self.refresh()
        return replace(model, facts=facts, pending=False)

    def _hash_all(self) -> None:
        """Hash what has no hash, checkpoints first, until something else is to be done."""
        left = [model for model in self.all() if not (model.is_folder or model.facts.problem or self.hashes(model))]
        for model in sorted(left, key=lambda model: model.role not in DRAWS):
            if self._closed.is_set() or self._work.is_set():
                return
            try:
                self._hash(model, self._gently())
            except CheckpointUnusable as problem:
                log.info("%s", problem.message)
        if left:
            self.on_change()

    def _gently(self) -> Callable[[int], bool]:
        """A pause after each piece as long as it took to read: half of the disk and of a core is left to others."""
        last = time.monotonic()

        def pause(_done: int) -> bool:
            nonlocal last
            self._closed.wait(time.monotonic() - last)
            last = time.monotonic()
            return not self._closed.is_set()

        return pause

    def _watch(self) -> None:
        # Not the roots themselves: another program's holds its pictures and packages, too.
        watch_folders(lambda: [place.folder for place in find_places(self._roots).places], self._closed, self.refresh)


_HASH_NAMES = {"sha256", "legacy", "data"}
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_BEGINNING = re.compile(r"[0-9a-f]{4,64}")
_TITLE = re.compile(r"(.+?)\s*\[([0-9a-f]{8,64})\]")


def _plain(text: str) -> str:
    return text.strip().replace("\\", "/").casefold()


def names_of(model: ModelFile) -> set[str]:
    """All its names, hashes aside, as `ModelCatalog.find` compares them: lower case."""
    relative = _plain(model.relative)
    bare = relative if model.is_folder else os.path.splitext(relative)[0]  # noqa: PTH122 - 10,000 times
    return {
        _plain(model.name),
        _plain(readable(model.path.name)),
        _plain(readable(model.stem)),
        relative,
        bare,
        bare.replace("/", "_"),
        *([_plain(model.facts.alias)] if model.facts.alias else []),
    }


def _is_within(folder: str, wanted: str) -> bool:
    return folder == wanted or folder.startswith(wanted.rstrip("/\\") + os.sep)

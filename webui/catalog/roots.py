"""Where model files lie: Easel's own folders, AUTOMATIC1111's and Forge's, ComfyUI's and InvokeAI's, adopted in place.

A root is a folder or an extra_model_paths.yaml. A folder's name says what to expect in it; what a file is, its content says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from webui.catalog.detect import Kind

FOLDERS: Mapping[str, Kind] = {
    "checkpoints": "checkpoint",
    "stable-diffusion": "checkpoint",
    "diffusers": "checkpoint",
    "unet": "denoiser",
    "diffusion_models": "denoiser",
    "vae": "vae",
    "vae-approx": "vae",
    "vae-taesd": "vae",
    "loras": "lora",
    "lora": "lora",
    "lycoris": "lora",
    "embeddings": "embedding",
    "hypernetworks": "hypernetwork",
    "controlnet": "controlnet",
    "t2i_adapter": "t2i_adapter",
    "ip_adapter": "ip_adapter",
    "ipadapter": "ip_adapter",
    "clip_vision": "image_encoder",
    "image_encoder": "image_encoder",
    "text_encoders": "text_encoder",
    "text_encoder": "text_encoder",
    "clip": "text_encoder",
    "upscalers": "upscaler",
    "upscale_models": "upscaler",
    "esrgan": "upscaler",
    "realesrgan": "upscaler",
    "bsrgan": "upscaler",
    "swinir": "upscaler",
    "scunet": "upscaler",
    "dat": "upscaler",
    "hat": "upscaler",
    "face_restorers": "face_restorer",
    "facerestore_models": "face_restorer",
    "gfpgan": "face_restorer",
    "codeformer": "face_restorer",
    "cut_out": "cut_out",
    "u2net": "cut_out",
    "rembg": "cut_out",
    "rmbg": "cut_out",
}
"""Folder names below a models root, lower case -> what lies there. ComfyUI's extra_model_paths.yaml has the same words as keys."""

DEEPER_FOLDERS: Mapping[str, Kind] = {
    "extensions/sd-webui-controlnet/models": "controlnet",
    "extensions/sd-webui-controlnet/annotator/downloads/clip_vision": "image_encoder",
    "ControlNetPreprocessor/clip_vision": "image_encoder",
}
"""Folders further down in AUTOMATIC1111's and Forge's installations -> what lies there."""

PATHS_FILE = "extra_model_paths.yaml"
_INVOKE_FILE = "invokeai.yaml"
_YAML_LIMIT = 1_000_000


@dataclass(frozen=True)
class Place:
    """A folder to look through. expects: what its name says; "unknown" where only content tells."""

    folder: Path
    expects: Kind = "unknown"


@dataclass(frozen=True)
class Places:
    """All folders to look through, in order, each once. problems: roots that could not be understood, one sentence each."""

    places: tuple[Place, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass
class _Search:
    places: dict[str, Place] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, folder: Path, expects: Kind) -> None:
        if folder.is_dir():
            self.places.setdefault(os.path.realpath(folder), Place(folder, expects))


def find_places(roots: Sequence[Path]) -> Places:
    """The folders that the roots stand for. Those that are not there are left out; they may come later."""
    search = _Search()
    for root in roots:
        if root.suffix.casefold() in (".yaml", ".yml"):
            _comfy_places(root, search)
        elif root.is_dir():
            _root_places(root, search)
    return Places(tuple(search.places.values()), tuple(search.problems))


def _root_places(root: Path, search: _Search) -> None:
    known = [*_known_folders(root), *_known_folders(root / "models")]
    for folder, expects in known:
        search.add(folder, expects)
    if (root / PATHS_FILE).is_file():
        _comfy_places(root / PATHS_FILE, search)
    if (root / _INVOKE_FILE).is_file():
        said = _read_yaml(root / _INVOKE_FILE, search).get("models_dir")
        search.add(root / said if isinstance(said, str) else root / "models", "unknown")
    elif not known:
        search.add(root, FOLDERS.get(root.name.casefold(), "unknown"))


def _known_folders(root: Path) -> list[tuple[Path, Kind]]:
    """In the order of FOLDERS, so that checkpoints come first and names are given to the same files each time."""
    try:
        entries = sorted((entry for entry in os.scandir(root) if entry.is_dir()), key=lambda entry: entry.name)
    except OSError:
        return []
    order = list(FOLDERS)
    known = [entry for entry in entries if entry.name.casefold() in FOLDERS]
    known.sort(key=lambda entry: order.index(entry.name.casefold()))
    shallow: list[tuple[Path, Kind]] = [(Path(entry.path), FOLDERS[entry.name.casefold()]) for entry in known]
    deeper: list[tuple[Path, Kind]] = [(root / path, expects) for path, expects in DEEPER_FOLDERS.items() if (root / path).is_dir()]
    return shallow + deeper


def _read_yaml(path: Path, search: _Search) -> dict[str, Any]:
    try:
        if path.stat().st_size > _YAML_LIMIT:
            raise ValueError("it is too large")
        data = yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        search.problems.append(f"{path} can't be read: {' '.join(str(error).split())[:200]}.")
        return {}
    if data is not None and not isinstance(data, dict):
        search.problems.append(f"{path} holds no table of folders.")
    return data if isinstance(data, dict) else {}


def _comfy_places(path: Path, search: _Search) -> None:
    """ComfyUI's extra_model_paths.yaml: sections of folders by kind, below a base_path; several folders stand on lines of their own."""
    for section in _read_yaml(path, search).values():
        if not isinstance(section, dict):
            continue
        base = section.get("base_path")
        start = _joined(path.parent, base) if isinstance(base, str) else path.parent
        for name, value in section.items():
            expects = FOLDERS.get(str(name).casefold())
            if expects is not None:
                for line in _lines(value):
                    search.add(_joined(start, line), expects)


def _lines(value: Any) -> Iterator[str]:
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str):
            yield from (line.strip() for line in part.splitlines() if line.strip())


def _joined(start: Path, text: str) -> Path:
    return start / Path(os.path.expandvars(text.strip())).expanduser()


# what lies in a place

MODEL_SUFFIXES = frozenset((".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf"))
_DEEPEST = 6
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.\w+$")


@dataclass(frozen=True)
class Found:
    """A file, or a diffusers folder, that may be a model. relative: below its place, with /; beside: names of the files around it."""

    path: Path
    relative: str
    expects: Kind
    is_folder: bool
    size: int
    mtime_ns: int
    beside: frozenset[str]

    @property
    def stamp(self) -> str:
        """Changes when the file does."""
        return f"{self.size}:{self.mtime_ns}"

    @property
    def key(self) -> str:
        """Its path as text, whatever bytes it is made of."""
        return path_key(self.path)


def path_key(path: Path) -> str:
    """A path as text that can be stored; two different paths never have the same."""
    text = str(path)
    return text if text.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def find_models(places: Sequence[Place]) -> Iterator[Found]:
    """Everything that may be a model, place by place, by name. Folders that links reach twice are looked through once."""
    seen: set[str] = set()
    for place in places:
        if (place.folder / "model_index.json").is_file():
            yield _folder(place.folder, place.folder.name, place.expects, _names_in(place.folder.parent))
        else:
            yield from _search(place.folder, "", place.expects, 0, seen)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return frozenset()


def _search(folder: Path, relative: str, expects: Kind, depth: int, seen: set[str]) -> Iterator[Found]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as listing:
            entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda entry: entry.name.casefold())
    except OSError:
        return
    beside = frozenset(entry.name for entry in entries)
    for entry in entries:
        name = f"{relative}{entry.name}"
        try:
            if entry.is_dir():
                path = Path(entry.path)
                if (path / "model_index.json").is_file():
                    yield _folder(path, name, expects, beside)
                elif depth < _DEEPEST:
                    yield from _search(path, f"{name}/", expects, depth + 1, seen)
            elif os.path.splitext(entry.name)[1].casefold() in MODEL_SUFFIXES and not _SHARD.search(entry.name):  # noqa: PTH122 - 10,000 times
                about = entry.stat()
                yield Found(Path(entry.path), name, expects, False, about.st_size, about.st_mtime_ns, beside)
        except OSError:
            continue  # it went away while we looked


def _folder(path: Path, relative: str, expects: Kind, beside: frozenset[str]) -> Found:
    """A diffusers folder; its size and time are those of all that lies one level below."""
    size = newest = 0
    for part in (path, *(entry for entry in path.iterdir() if entry.is_dir())):
        for entry in os.scandir(part):
            if entry.is_file():
                about = entry.stat()
                size, newest = size + about.st_size, max(newest, about.st_mtime_ns)
    return Found(path, relative, expects, True, size, newest, beside)

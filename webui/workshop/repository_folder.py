"""Which files of a repository are needed to have all of a diffusers folder: its configs and tokenizers, and each part's weights once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from webui.catalog.stock_folder import LEFT_OUT
from webui.errors import InvalidRequest

INDEX = "model_index.json"
"""The file that says what a diffusers folder is; named as the file to be fetched it means all of the folder."""

_SAFE_PART = re.compile(r"[\w-][\w.-]{0,150}", re.ASCII)
_BESIDE = (".json", ".txt", ".model")
"""Endings of configs and tokenizers."""
_BESIDE_LIMIT = 50_000_000
_WEIGHTS = re.compile(
    r"(?P<stem>model|diffusion_pytorch_model)(?:\.(?P<variant>\w+?))?(?:-\d{5}-of-\d{5})?(?:\.(?P<later>\w+))?\.safetensors", re.ASCII
)
_SHARDS = re.compile(r"(?P<stem>model|diffusion_pytorch_model)\.safetensors\.index(?:\.(?P<variant>\w+))?\.json", re.ASCII)
_PREFERRED = ("fp16", "")
"""Forms of the weights, best first: half as long, and as good as what is computed with."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository. path: below it, with slashes. sha256: "" where nobody tells."""

    path: str
    size: int | None = None
    sha256: str = ""

    @property
    def holds_weights(self) -> bool:
        """Whether it is a safetensors file."""
        return self.path.endswith(".safetensors")


def parts_named(index: Mapping[str, Any]) -> list[str]:
    """The parts that a model_index.json names, less those that nothing here is drawn with (safety checkers and the like)."""
    told = [name for name, entry in index.items() if isinstance(entry, list) and entry and None not in entry]
    return [name for name in told if _SAFE_PART.fullmatch(name) and name not in LEFT_OUT]


def files_needed(files: Sequence[RemoteFile], index: Mapping[str, Any], repository: str) -> tuple[RemoteFile, ...]:
    """What is to be fetched of a repository: small files first. Raises InvalidRequest where a part has no safetensors."""
    top = [file for file in files if file.path == INDEX]
    inside = [needed for part in parts_named(index) for needed in _files_of(part, files, repository)]
    return tuple(sorted((*top, *inside), key=lambda file: file.holds_weights))


def _files_of(part: str, files: Sequence[RemoteFile], repository: str) -> list[RemoteFile]:
    own = [file for file in files if _in_part(file.path, part)]
    beside = [file for file in own if _is_beside(file)]
    forms: dict[str, list[RemoteFile]] = {}
    for file in own:
        if found := _WEIGHTS.fullmatch(PurePosixPath(file.path).name):
            forms.setdefault(found["variant"] or found["later"] or "", []).append(file)
    chosen = next((form for form in _PREFERRED if form in forms), None)
    if chosen is None and any(file.path.endswith((".bin", ".safetensors", ".msgpack", ".h5")) for file in own):
        raise InvalidRequest(
            f"{repository} has no safetensors for its {part}, only formats that can run code or that aren't read here.",
            field="file",
            hint="Take another repository, or another revision of it.",
        )
    shards = [file for file in own if (found := _SHARDS.fullmatch(PurePosixPath(file.path).name)) and (found["variant"] or "") == chosen]
    weights = forms.get(chosen or "", [])
    # Some repositories hold a form both whole and in pieces.
    whole = [file for file in weights if "-of-" not in file.path]
    return [*beside, *(whole or [*shards, *weights])]


def _in_part(path: str, part: str) -> bool:
    folder, _, name = path.partition("/")
    return folder == part and _SAFE_PART.fullmatch(name) is not None


def _is_beside(file: RemoteFile) -> bool:
    return file.path.endswith(_BESIDE) and ".index." not in file.path and (file.size or 0) <= _BESIDE_LIMIT


def whole_size(files: Sequence[RemoteFile]) -> int | None:
    """Bytes of all files together; None where one is not told."""
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size for size in sizes if size is not None)

"""Which parts of different checkpoints are the same: told by their bytes, read once and remembered."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from webui.durable import write_durably
from webui.engine.families.base import Family
from webui.engine.loading.component import ComponentSource
from webui.engine.memory.loaded import DENOISER

log = logging.getLogger(__name__)

MOST_BYTES_READ = 2 * 1024**3
"""Larger parts lie in files of their own, which checkpoints share by path; reading them once more would take seconds."""

_OF_THEIR_OWN = (DENOISER, "controlnet", "ip_adapter", "image_encoder")
"""Kinds of parts that no two files have in common, or that are too rarely there twice to be read through."""

_MOST_REMEMBERED = 10_000


class Identities:
    """Names for the contents of parts: equal ones are equal to the bit. Kept in a file, where one is given.

    Text encoders and VAEs are what checkpoints have in common, so those are read through once. A denoiser is its file's own.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known = self._load()

    def of(self, source: ComponentSource) -> str:
        """The name. Raises CheckpointUnusable when the file can't be read."""
        if source.kind in _OF_THEIR_OWN:
            return source.content_id
        key = hashlib.sha256(source.content_id.encode()).hexdigest()
        if key not in self._known:
            tensors = source.tensors()
            # A tensor that is looked at costs nothing; its bytes are read when they are hashed.
            if sum(tensors[name].nbytes for name in tensors) > MOST_BYTES_READ:
                return source.content_id
            self._known[key] = f"{source.architecture}|{digest_of(tensors)}"
            self._save()
        return self._known[key]

    def _load(self) -> dict[str, str]:
        if self._file is None:
            return {}
        try:
            data = json.loads(self._file.read_text("utf-8"))
            return {str(key): str(value) for key, value in data.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError):
            log.warning("%s is damaged; what it said is found out again.", self._file)
            return {}

    def _save(self) -> None:
        if self._file is None:
            return
        kept = dict(list(self._known.items())[-_MOST_REMEMBERED:])
        try:
            write_durably(self._file, json.dumps(kept, indent=1).encode())
        except OSError as problem:
            log.warning("%s can't be written: %s", self._file, problem)


def digest_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, in order of names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}\n".encode())
        total.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def text_identity(family: Family, family_name: str, encoders: Iterable[str]) -> str:
    """Equal for checkpoints that make equal conditioning of equal words. encoders: identities of the text encoders' weights.

    Besides those weights the tokenizers matter, and whatever plain values family and encoders are set up with.
    """
    told = [family_name, *encoders, *_settings_of(family)]
    for encoder in family.text_encoders:
        told += [type(encoder).__name__, *_settings_of(encoder), _tokenizer_digest(getattr(encoder, "tokenizer", None), family)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _settings_of(thing: Any) -> list[str]:
    plain = [(one.name, getattr(thing, one.name)) for one in fields(thing) if one.name not in ("name", "content")]
    return [f"{name}={value!r}" for name, value in plain if isinstance(value, bool | int | float | str)]


def _tokenizer_digest(tokenizer: Any, family: Family) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # One that can't be looked into is shared with nobody.
    return family.content if backend is None else _digest_of_backend(backend)


@functools.lru_cache(maxsize=8)
def _digest_of_backend(backend: Any) -> str:
    # Written out it has megabytes; the same object is the same tokenizer, since nobody here changes one.
    return hashlib.sha256(backend.to_str().encode("utf-8", "replace")).hexdigest()

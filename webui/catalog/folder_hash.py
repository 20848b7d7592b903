"""The hash of a diffusers folder: over the hashes of its weight files, in order of part and name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

_WEIGHT_FOLDERS = frozenset(("prior", "text_encoder", "text_encoder_2", "text_encoder_3", "transformer", "unet", "vae"))


def weight_files(path: Path, *, all_parts: bool) -> list[Path]:
    """The safetensors that a folder's hash is made of. all_parts: those of whatever parts there are. Raises OSError."""
    # Asked for each job that is taken, and many times as fast as Path.glob.
    with os.scandir(path) as entries:
        parts = sorted(entry.name for entry in entries if (all_parts or entry.name in _WEIGHT_FOLDERS) and entry.is_dir())
    return [path / part / name for part in parts for name in sorted(os.listdir(path / part)) if name.endswith(".safetensors")]  # noqa: PTH208


def stamp_of(files: Sequence[Path]) -> str:
    """Changes when one of them does: names, sizes and times. Raises OSError."""
    return "|".join(f"{file.name}:{stat.st_size}:{stat.st_mtime_ns}" for file in files for stat in (file.stat(),))


def hash_of(files: Sequence[Path]) -> str:
    """64 hex digits; all of the files is read. Raises OSError."""
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()

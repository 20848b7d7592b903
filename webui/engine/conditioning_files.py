"""What text encoders said, kept over a restart: a prompt that was drawn before needs no encoder."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Hashable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from webui.durable import write_durably
from webui.engine.families.base import Conditioning

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024**2
_FURTHER = "further."
_LOOK_EVERY = 100


class ConditioningFiles:
    """Conditioning by key in a folder, bounded by bytes; what was not asked for longest goes first. Nothing else writes there.

    made_by: whatever else the numbers depend on (versions, the device); another value finds nothing of this one's.
    """

    def __init__(self, folder: Path, made_by: str, device: torch.device, most_bytes: int = MOST_BYTES) -> None:
        """device: where what is read goes."""
        self._folder = folder
        self._device = device
        self._made_by = made_by
        self._most_bytes = most_bytes
        self._written = 0

    def get(self, key: Hashable, make: Callable[[], Conditioning]) -> Conditioning:
        """What is kept under that key, made and kept now if there is none."""
        kept = self.read(key)
        if kept is None:
            kept = make()
            self.write(key, kept)
        return kept

    def read(self, key: Hashable) -> Conditioning | None:
        """What was written under that key; None where there is nothing, or something damaged."""
        path = self._path(key)
        try:
            tensors = load(path.read_bytes())
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as problem:
            log.warning("%s can't be read, so its prompt is encoded again: %s", path.name, problem)
            return None
        further = {name.removeprefix(_FURTHER): tensor for name, tensor in tensors.items() if name.startswith(_FURTHER)}
        return Conditioning(tensors["tokens"], tensors.get("pooled"), further).map(lambda tensor: tensor.to(self._device))

    def write(self, key: Hashable, conditioning: Conditioning) -> None:
        """Keep it. A disk that takes no more is only logged."""
        pooled = {} if conditioning.pooled is None else {"pooled": conditioning.pooled}
        further = {_FURTHER + name: tensor for name, tensor in conditioning.further.items()}
        tensors = {"tokens": conditioning.tokens, **pooled, **further}
        try:
            write_durably(self._path(key), save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}))
            if self._written % _LOOK_EVERY == 0:
                self._make_room()
            self._written += 1
        except OSError as problem:
            log.warning("What the text encoder said can't be kept: %s", problem)

    def _path(self, key: Hashable) -> Path:
        name = hashlib.sha256(repr((self._made_by, key)).encode("utf-8", "backslashreplace")).hexdigest()
        return self._folder / f"{name}.safetensors"

    def _make_room(self) -> None:
        files = sorted(((path.stat(), path) for path in self._folder.glob("*.safetensors")), key=lambda entry: entry[0].st_mtime_ns)
        total = sum(about.st_size for about, _ in files)
        for about, path in files:
            if total <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            total -= about.st_size

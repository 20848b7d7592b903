"""Weights cast once into the numbers that a device computes with, kept as files that are mapped from then on.

A cast is made tensor by tensor, so it takes no more memory than the largest of them. Convolutions lie in the order of
channels_last where the device wants that, which mapping keeps. Each tensor begins where an allocation would: kernels round
otherwise at other addresses, and the picture must be the same whether its weights are mapped or copied.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from webui.durable import PART_SUFFIX
from webui.engine.device import channels_last
from webui.engine.memory.skeleton import Slot

log = logging.getLogger(__name__)

ROOM_LEFT = 1024**3
"""Bytes of the disk that the cache never takes."""

_ALIGNMENT = 64
_GAP = " gap "
_FORM = "aligned"
"""Part of the names of casts: those of another form are not found, and go when room is needed."""
_LAST = "channels_last"
_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32"}

Read = Callable[[str], torch.Tensor]
"""The name of a tensor -> it, as it lies in the checkpoint."""


@dataclass(frozen=True)
class Numbers:
    """What weights are cast to."""

    dtype: torch.dtype
    memory_format: torch.memory_format

    def of(self, slot: Slot) -> torch.dtype:
        """The dtype of what goes into a slot: whole numbers stay what they are."""
        return self.dtype if slot.floating else slot.dtype

    def turned(self, slot: Slot) -> bool:
        """Whether its channels come last."""
        return self.memory_format == torch.channels_last and slot.floating and len(slot.shape) == 4


class CastCache:
    """A folder of casts, bounded by bytes; those not used for longest go first. Nothing but this class writes there."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        for left_behind in folder.glob(f"*{PART_SUFFIX}"):
            left_behind.unlink(missing_ok=True)

    def path(self, identity: str, numbers: Numbers) -> Path:
        """Where the cast of those tensors lies, or would."""
        name = hashlib.sha256(f"{_FORM}|{identity}".encode()).hexdigest()[:32]
        kind = str(numbers.dtype).removeprefix("torch.")
        order = ".last" if numbers.memory_format == torch.channels_last else ""
        return self._folder / f"{name}.{kind}{order}.safetensors"

    def find(self, identity: str, numbers: Numbers, slots: Mapping[str, Slot]) -> dict[str, torch.Tensor] | None:
        """The cast, mapped; None where there is none, or a damaged one (which is removed)."""
        path = self.path(identity, numbers)
        if not path.exists():
            return None
        try:
            mapped = _map(path, numbers, slots)
            os.utime(path)
        except (OSError, SafetensorError, ValueError) as problem:
            log.warning("The cast %s is made again: %s", path.name, problem)
            path.unlink(missing_ok=True)
            return None
        return mapped

    def make(
        self, identity: str, numbers: Numbers, slots: Mapping[str, Slot], read: Read, in_use: Collection[Path] = ()
    ) -> dict[str, torch.Tensor] | None:
        """Cast the tensors into a new file, and map it. None where the disk has no room for it, which is logged. Raises what `read` raises.

        in_use: files that must stay.
        """
        path = self.path(identity, numbers)
        header, size = _header(numbers, slots)
        part = path.with_name(f"{path.name}.{os.getpid()}{PART_SUFFIX}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size, {*in_use, path})
            if shutil.disk_usage(self._folder).free < size + ROOM_LEFT:
                log.warning("The disk has no room for a cast of %.1f GB; the weights are kept in memory instead.", size / 1e9)
                return None
            with open(part, "wb") as file:
                file.write(header)
                for block in _cast_blocks(numbers, slots, read):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            return _map(path, numbers, slots)
        except OSError as problem:
            log.warning("A cast can't be written, so the weights are kept in memory: %s", problem)
            return None
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def _make_room(self, size: int, keep: set[Path]) -> None:
        files = sorted(((path.stat(), path) for path in self._folder.glob("*.safetensors")), key=lambda entry: entry[0].st_mtime_ns)
        total = size + sum(about.st_size for about, _ in files)
        for about, path in files:
            if total <= self._most_bytes:
                return
            if path not in keep:
                path.unlink(missing_ok=True)
                total -= about.st_size


def _header(numbers: Numbers, slots: Mapping[str, Slot]) -> tuple[bytes, int]:
    """The beginning of a safetensors file for the cast, and how many bytes the whole file will have."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt", "order": _LAST if numbers.memory_format == torch.channels_last else ""}}
    end = 0
    for name, slot in slots.items():
        if gap := -end % _ALIGNMENT:
            # The format allows no holes.
            entries[f"{_GAP}{len(entries)}"] = {"dtype": "U8", "shape": [gap], "data_offsets": [end, end + gap]}
        begin, dtype = end + gap, numbers.of(slot)
        end = begin + slot.shape.numel() * dtype.itemsize
        shape = [slot.shape[axis] for axis in (0, 2, 3, 1)] if numbers.turned(slot) else list(slot.shape)
        entries[name] = {"dtype": _NAMES[dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + end


def _cast_blocks(numbers: Numbers, slots: Mapping[str, Slot], read: Read) -> Iterator[memoryview]:
    end = 0
    for name, slot in slots.items():
        yield memoryview(bytes(-end % _ALIGNMENT))
        end += -end % _ALIGNMENT + slot.shape.numel() * numbers.of(slot).itemsize
        tensor = read(name).to(numbers.of(slot))
        if numbers.turned(slot):
            tensor = tensor.permute(0, 2, 3, 1)
        yield tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data


def _map(path: Path, numbers: Numbers, slots: Mapping[str, Slot]) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for name, slot in slots.items():
            tensor = file.get_tensor(name)
            tensors[name] = channels_last(tensor.permute(0, 3, 1, 2)) if numbers.turned(slot) else tensor
            if tensors[name].shape != slot.shape:
                raise ValueError(f"{name} has another shape")
    return tensors

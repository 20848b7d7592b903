"""Hashes by which people and programs name model files, all made in one reading.

sha256: of the whole file; its first 10 hex digits are the short hash ("AutoV2"). legacy: "AutoV1", the first 8 of the SHA-256 of
64 KiB at 1 MiB. data: of the part after a safetensors header, as kohya's trainers and AUTOMATIC1111 name LoRAs (first 12).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from webui.catalog.header import HEADER_LIMIT

SHORT, LEGACY, DATA = 10, 8, 12
_CHUNK = 4 << 20
_LEGACY_START, _LEGACY_LENGTH = 0x100000, 0x10000


@dataclass(frozen=True)
class Hashes:
    """All hashes of one file. data is empty for anything but safetensors."""

    sha256: str
    legacy: str
    data: str = ""

    @property
    def short(self) -> str:
        """The first 10 digits, as infotexts write them."""
        return self.sha256[:SHORT]

    @property
    def data_short(self) -> str | None:
        """The first 12 digits of `data`, as infotexts name LoRAs."""
        return self.data[:DATA] or None

    def named(self, text: str) -> bool:
        """Whether these hex digits name this file: the whole hash, a beginning of at least 8, the legacy or the LoRA's one."""
        return (len(text) >= LEGACY and self.sha256.startswith(text)) or text in (self.legacy, self.data_short, self.data)


def hash_file(path: Path, pause: Callable[[int], bool] = lambda _done: True) -> Hashes | None:
    """Read a file once and make its hashes. pause: called with the bytes read so far; False gives up (None). Raises OSError."""
    whole, data = hashlib.sha256(), hashlib.sha256()
    with open(path, "rb") as file:
        data_start = _data_start(file.read(9), os.fstat(file.fileno()).st_size)
        file.seek(_LEGACY_START)
        legacy = hashlib.sha256(file.read(_LEGACY_LENGTH)).hexdigest()[:LEGACY]
        file.seek(0)
        place = 0
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
            if data_start is not None and place + len(chunk) > data_start:
                data.update(chunk[max(0, data_start - place) :])
            place += len(chunk)
            if not pause(place):
                return None
    return Hashes(whole.hexdigest(), legacy, "" if data_start is None else data.hexdigest())


def _data_start(head: bytes, size: int) -> int | None:
    """Where the numbers of a safetensors file begin; None for other formats."""
    length = int.from_bytes(head[:8], "little")
    return 8 + length if head[8:9] == b"{" and length <= min(HEADER_LIMIT, size - 8) else None

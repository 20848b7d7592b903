"""Which checkpoint is in memory: the last one used. A swap is all or nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

from webui.engine.device import Device
from webui.engine.families.base import Family
from webui.engine.loading.diffusers_folder import fingerprint, load_diffusers_folder

Load = Callable[[Path, str, Device], Family]


class Resident:
    """Keeps one loaded checkpoint. A failed swap leaves it as it was."""

    def __init__(self, device: Device, load: Load = load_diffusers_folder) -> None:
        self._device = device
        self._load = load
        self._current: Family | None = None

    def holds(self, path: Path) -> bool:
        """Whether `get` would return at once: the checkpoint is loaded and its files have not changed since."""
        return self._current is not None and self._current.content == fingerprint(path)

    def get(self, path: Path) -> Family:
        """The checkpoint at `path`, loaded if it is not the current one. Raises CheckpointUnusable; the current one stays then."""
        content = fingerprint(path)
        if self._current is None or self._current.content != content:
            # The new one is whole before the one reference moves: whatever fails, fails before this line.
            self._current = self._load(path, content, self._device)
            gc.collect()
            self._device.free_memory()
        return self._current

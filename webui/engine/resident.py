"""Which checkpoint is in memory: the last one used. A swap is all or nothing."""

from __future__ import annotations

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

    def get(self, path: Path, loading: Callable[[], None]) -> Family:
        """The checkpoint at `path`; if it is not the current one, or its files have changed, `loading` is called and it is loaded.

        Raises CheckpointUnusable; the current one stays then.
        """
        content = fingerprint(path)
        if self._current is None or self._current.content != content:
            loading()
            # The new one is whole before the one reference moves: whatever fails, fails before this line.
            self._current = self._load(path, content, self._device)
            self._device.free_memory()
        return self._current

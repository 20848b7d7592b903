"""Which checkpoint is in memory: the last one used. A swap is all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from webui.engine.device import Device
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import CheckpointSource, realise
from webui.engine.memory.loaded import Loaded

Open = Callable[[Path], CheckpointSource]


class Resident:
    """Keeps one loaded checkpoint. A failed swap leaves it as it was."""

    def __init__(self, device: Device, open_source: Open = open_checkpoint) -> None:
        self._device = device
        self._open = open_source
        self._current: tuple[Path, CheckpointSource, Loaded] | None = None

    def get(self, path: Path, loading: Callable[[], None]) -> Loaded:
        """The checkpoint at `path`; if it is not the current one, or its files have changed, `loading` is called and it is loaded.

        Raises CheckpointUnusable; the current one stays then.
        """
        if self._current is not None and self._current[0] == path and self._current[1].unchanged():
            return self._current[2]
        source = self._open(path)
        loading()
        family = realise(source, self._device)
        # The new one is whole before the one reference moves: whatever fails, fails before this line.
        self._current = (path, source, Loaded(family, family.modules, type(family.modules["denoiser"]).__name__))
        self._device.free_memory()
        return self._current[2]

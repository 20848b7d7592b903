"""Which checkpoint is in memory: the last one used. A swap is all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.loading.diffusers_folder import fingerprint, load_diffusers_folder
from webui.engine.memory.loaded import Loaded

Load = Callable[[Path, str, Device], StableDiffusion]


class Resident:
    """Keeps one loaded checkpoint. A failed swap leaves it as it was."""

    def __init__(self, device: Device, load: Load = load_diffusers_folder) -> None:
        self._device = device
        self._load = load
        self._current: Loaded | None = None

    def get(self, path: Path, loading: Callable[[], None]) -> Loaded:
        """The checkpoint at `path`; if it is not the current one, or its files have changed, `loading` is called and it is loaded.

        Raises CheckpointUnusable; the current one stays then.
        """
        content = fingerprint(path)
        if self._current is None or self._current.family.content != content:
            loading()
            # The new one is whole before the one reference moves: whatever fails, fails before this line.
            self._current = ready(self._load(path, content, self._device))
            self._device.free_memory()
        return self._current


def ready(family: StableDiffusion) -> Loaded:
    """A loaded family with its parts named."""
    parts = {"text_encoder": family.text.text_encoder, "denoiser": family.unet, "vae": family.vae}
    return Loaded(family, parts, type(family.unet).__name__)

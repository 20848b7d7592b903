"""What page and API do with models: see what is in memory, have one ready, let go of one, say something about one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from webui.catalog.annotate import picture_for_preview
from webui.catalog.checkpoints import Checkpoint, CheckpointCatalog
from webui.catalog.models import ModelFile
from webui.catalog.previews import Thumbnails
from webui.errors import InvalidRequest, NotFound
from webui.executors.base import Executor
from webui.planning.machine import host_memory

IN_MAIN_MEMORY = ("cpu", "fake")
"""Devices whose weights lie where everybody's are, and are given back when somebody needs the room."""


class ModelDesk:
    """May be called from any thread."""

    def __init__(self, catalog: CheckpointCatalog, executor: Executor, cache: Path) -> None:
        self._catalog = catalog
        self._executor = executor
        self._cache = cache
        self._thumbnails = Thumbnails(catalog.models, cache / "previews")

    # memory

    def resident(self) -> list[tuple[dict[str, Any], ...]]:
        """Of each worker, what it keeps (webui.generation.events.InMemory)."""
        return [slot.resident for slot in self._executor.slots()]

    def in_memory(self) -> list[dict[str, Any]]:
        """The same in one list, each part with its slot, and with names of checkpoints in place of their paths."""
        names = {str(entry.path.absolute()): entry.name for entry in self._catalog.all()}
        return [
            {"slot": slot.id, **part, "checkpoints": sorted(names.get(path, Path(path).name) for path in part["checkpoints"])}
            for slot in self._executor.slots()
            for part in slot.resident
        ]

    def room(self) -> dict[str, int]:
        """What models take on disk, and how much room there is there and in main memory: bytes, and how many they are."""
        host, models = host_memory(), self._catalog.models.all()
        return {
            "memory_total": host.total,
            "memory_free": host.available,
            "models": len(models),
            "models_bytes": sum(model.size for model in models),
            "cache_bytes": sum(_size(cast) for cast in (self._cache / "weights").glob("*.safetensors")),
            "disk_free": next((shutil.disk_usage(root).free for root in self._catalog.roots if root.exists()), 0),
        }

    def preload(self, model_id: str) -> None:
        """Have a checkpoint ready before it is asked for. Raises NotFound, InvalidRequest or CheckpointUnusable."""
        path = str(self._catalog.find(self._checkpoint(model_id).name).path)
        for slot in self._executor.slots():
            self._executor.preload(slot.id, path)

    def unload(self, model_id: str | None = None) -> None:
        """Let the workers let go of all weights, or of those that only one checkpoint has, once they have no job.

        Raises NotFound, InvalidRequest.
        """
        path = None if model_id is None else str(self._checkpoint(model_id).path)
        for slot in self._executor.slots():
            self._executor.unload(slot.id, path)

    def clear_devices(self) -> None:
        """Let the workers take all weights off devices with memory of their own; the next picture loads what it needs."""
        for slot in self._executor.slots():
            if slot.hello is not None and slot.hello.device not in IN_MAIN_MEMORY:
                self._executor.unload(slot.id)

    def _checkpoint(self, model_id: str) -> Checkpoint:
        model = self._catalog.models.get(model_id)
        checkpoint = self._catalog.of_model(model_id)
        if checkpoint is None:
            raise InvalidRequest(f"{model.name} is no checkpoint.", field="model_id", hint="Only checkpoints are loaded by themselves.")
        return checkpoint

    # previews

    def thumbnail(self, model: ModelFile) -> Path:
        """A small WebP of a model's preview. Raises NotFound."""
        return self._thumbnails.get(model)

    def set_preview(self, model_id: str, data: bytes) -> ModelFile:
        """Put a picture (PNG, JPEG or WebP) beside a model as its preview. Raises NotFound, InvalidRequest, TooLarge, DataUnusable."""
        model = self._catalog.models.get(model_id)
        return self._catalog.models.set_preview(model, picture_for_preview(data))

    def set_preview_from(self, model_id: str, path: Path) -> ModelFile:
        """The same with a picture's file. Raises also NotFound for that."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NotFound(f"{path.name} can't be read: {error.strerror or error}.", code="image_not_found") from None
        return self.set_preview(model_id, data)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""The checkpoint that is trained on, as the engine knows checkpoints: so previews are drawn by the same straight line as any picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch

from webui.engine.device import Device
from webui.engine.families.sd import UNetModel
from webui.engine.loading.component import CheckpointSource, ComponentKind, realise
from webui.engine.loading.face_restorer import FaceRestorer
from webui.engine.loading.stock_folder import StockPipeline
from webui.engine.loading.upscaler import UpscalerModel
from webui.engine.memory.loaded import DENOISER, Loaded
from webui.engine.subject_network import SubjectNetwork
from webui.errors import InvalidRequest
from webui.generation.weight_storage import AS_COMPUTED

NOWHERE = ()
"""Parts that are on the device while others have it."""

PATIENCE_SECONDS = 30.0
"""How long is waited for others to let go of the device."""


class Bench:
    """Holds one checkpoint and moves its parts to the device and off it. See webui.engine.memory.manager.Checkpoints."""

    def __init__(self, source: CheckpointSource, device: Device) -> None:
        """Loads it. Raises CheckpointUnusable, InvalidRequest for kinds that no LoRA is trained on here."""
        family = realise(source, device)
        if not isinstance(family, UNetModel) or getattr(family, "is_refiner", False):
            raise InvalidRequest(
                f"{source.name} is of a family whose LoRAs Easel can't train.",
                field="model",
                allowed="Stable Diffusion 1 and 2, SDXL",
                hint="Pick a checkpoint of one of these.",
            )
        if family.sees_masks:
            raise InvalidRequest(
                f"{source.name} is made for inpainting.",
                field="model",
                hint="Train on the plain checkpoint of its family; the LoRA works with both.",
            )
        self.family = family
        self.device = device
        self._architecture = source.components[DENOISER].architecture
        self._version = 0
        self.place(NOWHERE)

    @property
    def modules(self) -> dict[str, Any]:
        """Its parts by kind."""
        return dict(self.family.modules)

    def place(self, kinds: Collection[str]) -> None:
        """Only these parts on the device; the others in main memory. Untested on hardware."""
        if not self.device.copies:
            return
        for kind, module in self.family.modules.items():
            if kind not in kinds:
                module.to("cpu")
        self.device.free_memory()
        for kind in kinds:
            module = self.family.modules[kind]
            self._wait_for_room(sum(weight.nbytes for weight in module.parameters() if weight.device.type == "cpu"))
            module.to(self.device.torch_device)

    def _wait_for_room(self, nbytes: int) -> None:
        # Who had the device before lets go of it in its own time.
        until = time.monotonic() + PATIENCE_SECONDS
        while self.device.free_bytes() < nbytes and time.monotonic() < until:
            time.sleep(0.1)

    def changed(self) -> None:
        """Its weights are others now, so what was kept of its text encoders' answers holds no more."""
        self._version += 1

    # as the engine asks for checkpoints

    def get(self, path: Path, loading: Callable[[], None], vae: Path | None = None, storage: str = AS_COMPUTED) -> Loaded:
        """The one there is."""
        identity = f"{self.family.content}|{self._version}"  # type: ignore[attr-defined]
        return Loaded(self.family, self._architecture, identity, self.place)  # type: ignore[arg-type]

    def beside(self, parts: Sequence[tuple[ComponentKind, Path]]) -> list[torch.nn.Module]:
        """Previews have no controls."""
        assert not parts, "previews have no controls"
        return []

    def get_pipeline(self, path: Path, loading: Callable[[], None]) -> StockPipeline:
        """There is none."""
        raise InvalidRequest("No LoRA is trained on pipelines of diffusers.", field="model")

    def get_upscaler(self, path: Path, loading: Callable[[], None]) -> UpscalerModel:
        """Previews have no finishing chain."""
        raise AssertionError("previews have no finishing chain")

    def get_cut_out(self, path: Path, loading: Callable[[], None]) -> SubjectNetwork:
        """Previews have no finishing chain."""
        raise AssertionError("previews have no finishing chain")

    def get_face_restorer(self, path: Path, loading: Callable[[], None]) -> FaceRestorer:
        """Previews have no finishing chain."""
        raise AssertionError("previews have no finishing chain")

    def unload(self, path: Path | None = None) -> None:
        """It stays."""

    def resident(self) -> list[dict[str, Any]]:
        """Nobody asks."""
        return []

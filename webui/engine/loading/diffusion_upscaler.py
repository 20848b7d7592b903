"""Upscalers that draw: diffusers folders of Stable Diffusion's x4 upscaler and of the x2 one that works on latents.

They are asked as spandrel's models are, a tile at a time and without words, so wherever an upscaler is picked one of these can be.
Sources: diffusers' StableDiffusionUpscalePipeline and StableDiffusionLatentUpscalePipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

from webui.catalog.stock_folder import check_stock_folder
from webui.engine.loading.diffusers_folder import fingerprint
from webui.engine.loading.stock_folder import pipeline_from_folder
from webui.generation.stock_pipelines import UPSCALING_PIPELINES

StepDone = Callable[[], None]

_MULTIPLE = 64
"""What sides of a tile are filled up to: latents of both halve three times within the U-Net."""

_NOISE = 20
"""Level of noise on what the x4 upscaler is shown; its authors' own."""


@dataclass(frozen=True)
class _Habits:
    """steps of one tile. tile: side in pixels of what it was trained to enlarge. more: further arguments of the pipeline."""

    steps: int
    tile: int
    more: Mapping[str, Any]


_HABITS: Mapping[str, _Habits] = MappingProxyType(
    {
        "StableDiffusionUpscalePipeline": _Habits(25, 128, {"noise_level": _NOISE}),
        "StableDiffusionLatentUpscalePipeline": _Habits(20, 512, {}),
    }
)


@dataclass(frozen=True, eq=False)
class DiffusionUpscaler:
    """A pipeline in the form of spandrel's descriptors. Its noise is the same for every tile, so a picture comes out the same each time."""

    pipeline: Any = field(repr=False)
    scale: int
    steps: int
    largest_tile: int
    more: Mapping[str, Any]

    input_channels = 3
    output_channels = 3
    supports_half = True
    supports_bfloat16 = True
    size_requirements = SimpleNamespace(multiple_of=_MULTIPLE, minimum=_MULTIPLE)
    tiling = SimpleNamespace(name="SUPPORTED")

    @property
    def model(self) -> torch.nn.Module:
        """All its modules as one."""
        return torch.nn.ModuleDict({name: part for name, part in self.pipeline.components.items() if isinstance(part, torch.nn.Module)})

    @property
    def device(self) -> torch.device:
        """Where its weights are just now."""
        return self.pipeline.unet.device

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return self.pipeline.unet.dtype

    def __call__(self, picture: torch.Tensor, step_done: StepDone | None = None) -> torch.Tensor:
        """RGB (1, 3, height, width) in 0..1 -> the same, `scale` times as high and wide.

        step_done: called after each step but the last; may raise to end it.
        """
        return self._drawn(picture, self.steps, step_done)

    def probe(self, picture: torch.Tensor) -> torch.Tensor:
        """One step alone, for its need of memory."""
        return self._drawn(picture, 1, None)

    def _drawn(self, picture: torch.Tensor, steps: int, step_done: StepDone | None) -> torch.Tensor:
        height, width = picture.shape[-2:]
        filled = functional.pad(picture, (0, -width % _MULTIPLE, 0, -height % _MULTIPLE), mode="replicate")

        def followed(step: int, _time: Any, _latents: Any) -> None:
            if step_done is not None and step < steps - 1:
                step_done()

        made = self.pipeline(
            prompt="",
            image=filled,
            num_inference_steps=steps,
            guidance_scale=0.0,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
            return_dict=False,
            callback=followed,
            **self.more,
        )[0]
        return made[..., : height * self.scale, : width * self.scale].clamp(0, 1)


@dataclass(frozen=True)
class DiffusionUpscalerSource:
    """Such a folder, not loaded yet. content: changes when a file in it does."""

    path: Path
    content: str
    pipeline: str

    @property
    def shown(self) -> str:
        """What to call it in a list."""
        return f"{self.path.name} (upscaler)"

    def load(self) -> DiffusionUpscaler:
        """The pipeline in main memory, in fp32. Whatever diffusers raises comes as it is."""
        habits = _HABITS[self.pipeline]
        pipeline = pipeline_from_folder(self.path, self.pipeline, torch.float32)
        return DiffusionUpscaler(pipeline, UPSCALING_PIPELINES[self.pipeline], habits.steps, habits.tile, habits.more)


def open_diffusion_upscaler(folder: Path) -> DiffusionUpscalerSource:
    """Look at a folder: index and headers only. Raises CheckpointUnusable."""
    return DiffusionUpscalerSource(folder, f"upscaler|{fingerprint(folder)}", check_stock_folder(folder, UPSCALING_PIPELINES))

"""The controls of a request, fitted to a checkpoint: each with its model and its picture, at the size that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from webui.engine.adapters.controlnet import Control, controlled, require_fit
from webui.engine.context import DenoiseContext
from webui.engine.families.base import Family
from webui.engine.precision import HALF, in_float32
from webui.errors import AdapterUnusable
from webui.generation.control import BALANCED, CONTROL_FIRST, ControlUnit
from webui.generation.job import JobSpec
from webui.pictures.decoding import read_stored
from webui.pictures.preprocessors import control_picture

LoadControlNets = Callable[[Sequence[Path]], list[torch.nn.Module]]
"""Files -> ControlNets on the device; those of the call before are let go of."""


@dataclass(frozen=True)
class FittedControl:
    """One control. picture: upright RGB, of the size that it came in."""

    unit: ControlUnit
    model: Any
    picture: Image.Image = field(repr=False)

    def at(self, width: int, height: int) -> torch.Tensor:
        """What the model sees: (1, 3, height, width) in 0..1."""
        unit = self.unit
        preprocess = unit.processor.with_thresholds(unit.threshold_a, unit.threshold_b)
        seen = np.array(control_picture(self.picture, width, height, unit.resize_mode, preprocess, unit.processor_res))
        return torch.from_numpy(seen).permute(2, 0, 1)[None].float() / 255


@dataclass(frozen=True)
class ControlSet:
    """The controls of a job, not at work yet."""

    controls: tuple[FittedControl, ...] = ()
    _seen: dict[tuple[int, int], tuple[Control, ...]] = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes of their models' weights."""
        models = {id(control.model): control.model for control in self.controls}
        return sum(tensor.nbytes for model in models.values() for tensor in (*model.parameters(), *model.buffers()))

    @contextmanager
    def on(self, family: Family, context: DenoiseContext) -> Iterator[None]:
        """Steering the U-Net within the block; after it the U-Net is as it was. Raises AdapterUnusable."""
        if not self.controls:
            yield
            return
        unet = family.modules["denoiser"]
        with ExitStack() as stack:
            if family.dtype not in HALF:
                # The picture is drawn again in full precision, so what steers it is too.
                stack.enter_context(in_float32(*(control.model for control in self.controls)))
            progress = lambda: (context.step_asked, context.steps)  # noqa: E731
            stack.enter_context(controlled(unet, self._at(family, context), progress, lambda: context.negative_rows))
            yield

    def _at(self, family: Family, context: DenoiseContext) -> tuple[Control, ...]:
        """The controls at the size of the latents."""
        height, width = (side * family.pixels_per_latent for side in context.latents.shape[-2:])
        if (width, height) not in self._seen:
            self._seen[width, height] = tuple(
                Control(
                    control.model,
                    control.at(width, height),
                    control.unit.weight,
                    control.unit.start,
                    control.unit.end,
                    soft=control.unit.control_mode != BALANCED,
                    prompt_only=control.unit.control_mode == CONTROL_FIRST,
                )
                for control in self.controls
            )
        return self._seen[width, height]


def fit_controls(job: JobSpec, family: Family, controlnets: LoadControlNets) -> ControlSet:
    """The job's controls that have a weight, each with its model and picture. Raises AdapterUnusable, InvalidRequest."""
    wanted = [(number, unit, use) for number, (unit, use) in enumerate(zip(job.request.controls, job.controls, strict=True)) if unit.weight]
    models = controlnets([Path(use.path) for _, _, use in wanted])
    for (number, _, _), model in zip(wanted, models, strict=True):
        _require_fit(family, model, f"controls[{number}].model")
    return ControlSet(
        tuple(
            FittedControl(unit, model, read_stored(Path(job.image_paths[unit.image]), unit.image))
            for (_, unit, _), model in zip(wanted, models, strict=True)
        )
    )


def _require_fit(family: Family, model: Any, field: str) -> None:
    unet: Any = family.modules["denoiser"]
    if not hasattr(unet, "up_blocks"):
        raise AdapterUnusable(
            "This checkpoint can't be steered by a ControlNet: it has no U-Net.",
            field=field,
            allowed="Stable Diffusion 1, 2 and XL",
            hint="Pick a checkpoint of one of these families, or leave Control out.",
        )
    try:
        require_fit(unet, model)
    except AdapterUnusable as error:
        error.field = field
        raise

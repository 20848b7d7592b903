"""The controls of a request, fitted to a checkpoint: each with its model and its picture, at the size that is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from webui.engine.adapters.controlnet import Control, controlled, require_fit
from webui.engine.adapters.ip_adapter import PictureInPrompt, looking_at
from webui.engine.adapters.picture_prompts import LoadBeside, PicturePrompts
from webui.engine.context import DenoiseContext
from webui.engine.families.base import Family
from webui.engine.hooks import EngineHooks
from webui.engine.memory.exhaustion import is_out_of_memory
from webui.engine.precision import HALF, in_float32
from webui.errors import AdapterUnusable
from webui.extensions.named import preprocess_by
from webui.generation.control import BALANCED, CONTROL_FIRST, CONTROLNET, IP_ADAPTER, ControlUnit
from webui.generation.job import ControlUse, JobSpec
from webui.generation.offered import add_on_of
from webui.pictures.boxes import Box
from webui.pictures.decoding import read_stored
from webui.pictures.preprocessors import Preprocess, control_picture


@dataclass(frozen=True)
class FittedControl:
    """One ControlNet. picture: upright RGB, of the size that it came in. preprocess: what it sees of that."""

    unit: ControlUnit
    model: Any
    picture: Image.Image = field(repr=False)
    preprocess: Preprocess

    def at(self, width: int, height: int) -> torch.Tensor:
        """What the model sees: (1, 3, height, width) in 0..1."""
        unit = self.unit
        seen = np.array(control_picture(self.picture, width, height, unit.resize_mode, self.preprocess, unit.processor_res))
        return torch.from_numpy(seen).permute(2, 0, 1)[None].float() / 255


@dataclass(frozen=True)
class ControlSet:
    """The controls of a job, not at work yet. pictures: those of IP-Adapters, which look alike at any size."""

    controls: tuple[FittedControl, ...] = ()
    pictures: tuple[PictureInPrompt, ...] = ()
    _seen: dict[tuple[int, int], tuple[Control, ...]] = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes of ControlNets' weights, and of keys and values that IP-Adapters made."""
        models = {id(control.model): control.model for control in self.controls}
        weights = sum(tensor.nbytes for model in models.values() for tensor in (*model.parameters(), *model.buffers()))
        return weights + sum({id(picture.prompt): picture.prompt.nbytes for picture in self.pictures}.values())

    @contextmanager
    def on(self, family: Family, context: DenoiseContext) -> Iterator[None]:
        """Steering the U-Net within the block; after it the U-Net is as it was. Raises AdapterUnusable."""
        if not self.controls and not self.pictures:
            yield
            return
        unet = family.modules["denoiser"]
        with ExitStack() as stack:
            if family.dtype not in HALF:
                # The picture is drawn again in full precision, so what steers it is too.
                stack.enter_context(in_float32(*(control.model for control in self.controls)))
            progress = lambda: (context.step_asked, context.steps)  # noqa: E731
            negative = lambda: context.negative_rows  # noqa: E731
            # First, since ControlNets are told the prompt as it is without what the U-Net is shown beside it.
            stack.enter_context(controlled(unet, self._at(family, context), progress, negative, lambda: _shown(family, context)))
            if self.pictures:
                stack.enter_context(looking_at(unet, self.pictures, progress, negative))
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


def _shown(family: Family, context: DenoiseContext) -> Box | None:
    """The tile that the denoiser is shown, in pixels."""
    return None if context.shown is None else Box(*(side * family.pixels_per_latent for side in context.shown))


@dataclass(frozen=True)
class _Wanted:
    """A control that has a weight, with its place in the request."""

    number: int
    unit: ControlUnit
    use: ControlUse

    @property
    def field(self) -> str:
        """Where the request names its model."""
        return f"controls[{self.number}].model"


def _preprocess(unit: ControlUnit, hooks: EngineHooks) -> Preprocess:
    """What a unit's preprocessor makes of pixels. Raises InvalidRequest, AddOnFailed for one of an add-on."""
    if add_on_of(unit.preprocessor):
        return preprocess_by(hooks.offered("preprocessors", unit.preprocessor), unit.threshold_a, unit.threshold_b, is_out_of_memory)
    return unit.processor.with_thresholds(unit.threshold_a, unit.threshold_b)


def fit_controls(job: JobSpec, family: Family, beside: LoadBeside, prompts: PicturePrompts, hooks: EngineHooks) -> ControlSet:
    """The job's controls that have a weight, each with its model and picture. Raises AdapterUnusable, InvalidRequest.

    beside: loads their models. prompts: makes and keeps what IP-Adapters make of pictures.
    """
    wanted = [
        _Wanted(number, unit, use) for number, (unit, use) in enumerate(zip(job.drawn.controls, job.controls, strict=True)) if unit.weight
    ]
    for one in wanted:
        require_unet(family, one.field)
    by_kind = {kind: [one for one in wanted if one.unit.kind == kind] for kind in (CONTROLNET, IP_ADAPTER)}
    pictures = tuple(
        PictureInPrompt(prompts.of(one.unit, one.use, one.field, job, family, beside), one.unit.weight, one.unit.start, one.unit.end)
        for one in by_kind[IP_ADAPTER]
    )
    # Last, since whatever else was loaded beside the checkpoint is let go of.
    models = beside([("controlnet", Path(one.use.path)) for one in by_kind[CONTROLNET]])
    return ControlSet(_fitted(by_kind[CONTROLNET], models, job, family, hooks), pictures)


def _fitted(
    wanted: Sequence[_Wanted], models: Sequence[Any], job: JobSpec, family: Family, hooks: EngineHooks
) -> tuple[FittedControl, ...]:
    for one, model in zip(wanted, models, strict=True):
        try:
            require_fit(family.modules["denoiser"], model)
        except AdapterUnusable as error:
            error.field = one.field
            raise
    return tuple(
        FittedControl(one.unit, model, read_stored(Path(job.image_paths[one.unit.image]), one.unit.image), _preprocess(one.unit, hooks))
        for one, model in zip(wanted, models, strict=True)
    )


def require_unet(family: Family, field: str) -> None:
    """Raise AdapterUnusable for checkpoints that pictures can't steer. field: where the request asks for it."""
    if not hasattr(family.modules["denoiser"], "up_blocks"):
        raise AdapterUnusable(
            "This checkpoint can't be steered by pictures: it has no U-Net.",
            field=field,
            allowed="Stable Diffusion 1, 2 and XL",
            hint="Pick a checkpoint of one of these families, or leave Control out.",
        )

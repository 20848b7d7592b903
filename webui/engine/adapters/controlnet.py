"""ControlNet: a picture that says what goes where, told to the U-Net in each of its calls.

A ControlNet looks at the same noisy latents as the U-Net and at its picture, and says what to add to the U-Net's skips
(Zhang et al. 2023, arXiv:2302.05543). It is put on as a hook in front of the U-Net, which stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import Module

from webui.errors import AdapterUnusable

Progress = Callable[[], tuple[int, int]]
"""The step that is being taken, 0-based, and how many there are."""


@dataclass(frozen=True)
class Control:
    """A ControlNet at work. model: a diffusers ControlNetModel on the U-Net's device.

    picture: (1, 3, height, width) in 0..1, of the size that is drawn. weight: of what it says. start, end: the share of the
    steps in which it is asked.
    """

    model: Any
    picture: torch.Tensor
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def takes_part(self, step: int, steps: int) -> bool:
        """Whether it is asked in that step: one that lies between start and end as a whole, as in diffusers."""
        return self.weight != 0 and step / steps >= self.start and (step + 1) / steps <= self.end

    def says(self, sample: torch.Tensor, timestep: Any, told: dict[str, Any]) -> tuple[list[torch.Tensor], torch.Tensor]:
        """What to add to the U-Net's skips and to its middle. told: the U-Net's other arguments."""
        picture = self.picture.to(sample.device, self.model.dtype).expand(len(sample), -1, -1, -1)
        skips, middle = self.model(
            # An inpainting U-Net sees more channels than the latents that it denoises.
            sample[:, : self.model.config.in_channels].to(self.model.dtype),
            timestep,
            encoder_hidden_states=told["encoder_hidden_states"],
            added_cond_kwargs=told.get("added_cond_kwargs"),
            controlnet_cond=picture,
            conditioning_scale=self.weight,
            return_dict=False,
        )
        return list(skips), middle


@contextmanager
def controlled(unet: Module, controls: Sequence[Control], progress: Progress) -> Iterator[None]:
    """Within the block each call of the U-Net is told what the ControlNets say; after it the U-Net is as it was.

    Several add up. Raises AdapterUnusable when one is made for another family.
    """
    for control in controls:
        _require_fit(unet, control.model)

    def tell(module: Module, arguments: tuple[Any, ...], told: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        asked = [control for control in controls if control.takes_part(*progress())]
        if not asked:
            return None
        sample, timestep = arguments[:2]
        skips, middle = asked[0].says(sample, timestep, told)
        for control in asked[1:]:
            more, further = control.says(sample, timestep, told)
            skips, middle = [one + other for one, other in zip(skips, more, strict=True)], middle + further
        added = {"down_block_additional_residuals": skips, "mid_block_additional_residual": middle}
        return arguments, told | added

    handle = unet.register_forward_pre_hook(tell, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


_SHARED = ("cross_attention_dim", "block_out_channels", "layers_per_block")


def _require_fit(unet: Any, model: Any) -> None:
    if any(_plain(unet.config[key]) != _plain(model.config[key]) for key in _SHARED):
        raise AdapterUnusable(
            f"This ControlNet is not made for this kind of checkpoint: it reads prompts {model.config.cross_attention_dim} numbers wide, "
            f"in blocks of {list(model.config.block_out_channels)}, and the checkpoint {unet.config.cross_attention_dim} in "
            f"{list(unet.config.block_out_channels)}.",
            hint="Pick a ControlNet of the checkpoint's family, or leave it out.",
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value

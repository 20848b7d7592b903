"""ControlNet: a picture that says what goes where, told to the U-Net in each of its calls.

A ControlNet looks at the same noisy latents as the U-Net and at its picture, and says what to add to the U-Net's skips
(Zhang et al. 2023, arXiv:2302.05543). It is put on as a hook in front of the U-Net, which stays what it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.nn import Module

from webui.engine.tiled_denoising import of_tile
from webui.errors import AdapterUnusable
from webui.pictures.boxes import Box

Progress = Callable[[], tuple[int, int]]
"""The step that is being taken, 0-based, and how many there are."""

NegativeRows = Callable[[], Sequence[bool]]
"""Which rows of the U-Net's present call ask for the negative prompt."""

SOFTER = 0.825
"""Where prompt or ControlNet is more important, what a ControlNet says counts so much less at each layer before the middle."""


@dataclass(frozen=True)
class Control:
    """A ControlNet at work. model: a diffusers ControlNetModel on the U-Net's device.

    picture: (1, 3, height, width) in 0..1, of the size that is drawn. weight: of what it says. start, end: the share of the
    steps in which it is asked. soft: what it says to layers further from the middle counts less, as sd-webui-controlnet has it
    where prompt or ControlNet is more important. prompt_only: the negative prompt isn't told of it, so guidance goes towards it.
    """

    model: Any
    picture: torch.Tensor
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    soft: bool = False
    prompt_only: bool = False

    def says(
        self, sample: torch.Tensor, timestep: Any, told: dict[str, Any], negative: Sequence[bool] = (), shown: Box | None = None
    ) -> list[torch.Tensor]:
        """What to add to the U-Net's skips and, at last, to its middle. told: the U-Net's other arguments.

        negative, shown: see `controlled`. Empty where no row is told anything.
        """
        rows = [row for row in range(len(sample)) if not (self.prompt_only and row < len(negative) and negative[row])]
        number, added = self.model.dtype, told.get("added_cond_kwargs")
        if not rows:
            return []
        skips, middle = self.model(
            # An inpainting U-Net sees more channels than the latents that it denoises.
            sample[rows, : self.model.config.in_channels].to(number),
            timestep,
            encoder_hidden_states=told["encoder_hidden_states"][rows].to(number),
            added_cond_kwargs=None if added is None else {name: tensor[rows] for name, tensor in added.items()},
            controlnet_cond=self._part(shown).to(sample.device, number).expand(len(rows), -1, -1, -1),
            conditioning_scale=self.weight,
            return_dict=False,
        )
        said = [_spread(one, rows, len(sample)) for one in (*skips, middle)]
        return [one * SOFTER**depth for one, depth in zip(said, range(len(said) - 1, -1, -1), strict=True)] if self.soft else said

    def _part(self, shown: Box | None) -> torch.Tensor:
        return self.picture if shown is None else self.picture[of_tile(shown)]


class Timed(Protocol):
    """What has a weight, and a share of the steps in which it counts."""

    @property
    def weight(self) -> float: ...  # noqa: D102

    @property
    def start(self) -> float: ...  # noqa: D102

    @property
    def end(self) -> float: ...  # noqa: D102


def takes_part(one: Timed, step: int, steps: int) -> bool:
    """Whether it is asked in that step: one that lies between start and end as a whole, as in diffusers."""
    return one.weight != 0 and step / steps >= one.start and (step + 1) / steps <= one.end


@contextmanager
def controlled(
    unet: Module,
    controls: Sequence[Control],
    progress: Progress,
    negative: NegativeRows = lambda: (),
    shown: Callable[[], Box | None] = lambda: None,
) -> Iterator[None]:
    """Within the block each call of the U-Net is told what the ControlNets say; after it the U-Net is as it was.

    Several add up. negative: tells which rows of the present call ask for the negative prompt. shown: which part of the picture, in
    pixels, the U-Net is shown in it; None: all.
    Raises AdapterUnusable when one is made for another family.
    """
    for control in controls:
        require_fit(unet, control.model)

    def tell(module: Module, arguments: tuple[Any, ...], told: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        sample, timestep = arguments[:2]
        asked = [control for control in controls if takes_part(control, *progress())]
        said = [answer for control in asked if (answer := control.says(sample, timestep, told, negative(), shown()))]
        if not said:
            return None
        *skips, middle = (functools.reduce(torch.add, each).to(sample.dtype) for each in zip(*said, strict=True))
        added = {"down_block_additional_residuals": skips, "mid_block_additional_residual": middle}
        return arguments, told | added

    handle = unet.register_forward_pre_hook(tell, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _spread(said: torch.Tensor, rows: Sequence[int], number: int) -> torch.Tensor:
    """Rows at their places among so many, zeros between them."""
    if len(rows) == number:
        return said
    whole = said.new_zeros(number, *said.shape[1:])
    whole[list(rows)] = said
    return whole


_SHARED = ("cross_attention_dim", "block_out_channels", "layers_per_block")


def require_fit(unet: Any, model: Any) -> None:
    """Raise AdapterUnusable when a ControlNet is made for another family of U-Nets."""
    if any(_plain(unet.config[key]) != _plain(model.config[key]) for key in _SHARED):
        raise AdapterUnusable(
            f"This ControlNet is not made for this kind of checkpoint: it reads prompts {model.config.cross_attention_dim} numbers wide, "
            f"in blocks of {list(model.config.block_out_channels)}, and the checkpoint {unet.config.cross_attention_dim} in "
            f"{list(unet.config.block_out_channels)}.",
            hint="Pick a ControlNet of the checkpoint's family, or leave it out.",
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value

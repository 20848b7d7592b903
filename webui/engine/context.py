"""What is known in the middle of a picture, and from when."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from webui.engine.conditioning import Pull
from webui.engine.families.base import Conditioning
from webui.engine.masks import LatentMask
from webui.engine.regions import Layout
from webui.engine.schedules import ModelSigmas
from webui.generation.prompt.schedules import Timeline
from webui.generation.request import ResolvedDrawn


@dataclass
class DenoiseContext:
    """The state of one run of the loop, shared with add-ons. batch: pictures drawn at once (1 on a CPU).

    From the start:
        request: what is drawn in this pass; its values already decided the tensors below. hires: whether it is the hires pass.
        images: 0-based picture index of each row of the batch.
        sigmas: steps + 1 noise levels, falling, the last one 0. model_sigmas: those that the model was trained on.
        positive, negative: conditioning over the calls of the denoiser, one row, tokens (1, n, width) in compute dtype.
            positive: a pull for each part between ANDs, of the prompt and of those of regions. negative: None where nothing is asked
            of it (guidance_scale 1).
        mask: what stays of a picture that is inpainted; None elsewhere. layout: where which prompt rules; None without regions.
    In each step, changing with it:
        step: 0-based; samplers that choose their own steps may stay at one or leave some out. sigma: noise level of `latents`.
        latents: (batch, channels, height / 8, width / 8), fp32: the noisy picture at the step's start.
        unguided: same shape, fp32: the guess for the negative prompt alone, where there is one.
        denoised: same shape, fp32: the denoiser's guess of the clean latents. `denoise_step` may replace or change it.
    After the last step:
        latents: the finished latents; sigma is 0.
    In each call of the denoiser:
        level: the noise level it is asked at; samplers ask between steps, too.
        asked: what its rows ask for, each `batch` rows: 0 is the negative prompt where there is one, then each pull.
    """

    request: ResolvedDrawn
    images: tuple[int, ...]
    sigmas: tuple[float, ...]
    model_sigmas: ModelSigmas
    positive: tuple[Pull, ...]
    negative: Timeline[Conditioning] | None
    latents: torch.Tensor
    hires: bool = False
    mask: LatentMask | None = None
    layout: Layout | None = None
    step: int = 0
    sigma: float = 0.0
    level: float = 0.0
    asked: tuple[int, ...] = ()
    unguided: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    denoised: torch.Tensor = field(default_factory=lambda: torch.empty(0))

    @property
    def steps(self) -> int:
        """How many steps the loop takes."""
        return len(self.sigmas) - 1

    @property
    def step_asked(self) -> int:
        """The step, 0-based, in which the denoiser is asked now."""
        return self.step_at(self.level)

    def step_at(self, level: float) -> int:
        """The step, 0-based, in which the denoiser is asked at that noise level."""
        return min(sum(sigma >= level * (1 - 1e-6) for sigma in self.sigmas[1:]), self.steps - 1)

    @property
    def negative_rows(self) -> tuple[bool, ...]:
        """Which rows of the denoiser's present call ask for the negative prompt."""
        rows = len(self.images)
        return tuple(self.negative is not None and place == 0 for place in self.asked for _ in range(rows))

"""What is known in the middle of a picture, and from when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from webui.engine.conditioning import Pull
from webui.engine.families.base import Conditioning
from webui.engine.masks import LatentMask
from webui.engine.redrawing import SubRequests
from webui.engine.regions import Layout
from webui.engine.schedules import ModelSigmas
from webui.engine.tiled_denoising import LatentTiles
from webui.extensions.offers import Found
from webui.generation.prompt.schedules import Timeline
from webui.generation.request import ResolvedDrawn
from webui.pictures.boxes import Box


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
        tiles: those in which the denoiser is shown the latents; None where it is shown all at once.
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
        shown: the tile that it is shown, in latents; None: all.
    While the picture is finished (`image_ready`):
        sub_requests: draws others in the same job; `generate`, `redraw`, `picture` and `detect` are the ways to it.
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
    tiles: LatentTiles | None = None
    step: int = 0
    sigma: float = 0.0
    level: float = 0.0
    asked: tuple[int, ...] = ()
    shown: Box | None = None
    sub_requests: SubRequests | None = None
    unguided: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    denoised: torch.Tensor = field(default_factory=lambda: torch.empty(0))

    def generate(self, request: ResolvedDrawn) -> Image.Image:
        """The first picture (RGB) of another resolved request, drawn now, in `image_ready` alone. Raises what drawing raises."""
        return self._drawing().generate(request)

    def redraw(self, picture: Image.Image, mask: Image.Image | None = None, **fields: Any) -> Image.Image:
        """A picture drawn on, all of it or what is white in the mask, by this request with other values for these fields."""
        return self._drawing().redraw(picture, mask, **fields)

    def detect(self, name: str, picture: Image.Image) -> list[Found]:
        """What the detector "<id>/<label>" of an add-on finds, best first, in `image_ready` alone. Raises InvalidRequest, AddOnFailed."""
        return self._drawing().find(name, picture.convert("RGB"))

    def picture(self, digest: str) -> Image.Image:
        """A picture that the request refers to, those put into panels of add-ons among them, in `image_ready` alone. Raises NotFound."""
        return self._drawing().picture(digest)

    def _drawing(self) -> SubRequests:
        if self.sub_requests is None:
            raise RuntimeError("pictures can be drawn in image_ready only, by checkpoints that Easel itself draws with")
        return self.sub_requests

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

"""How a denoiser learns: pictures as latents with what is said of them, and the loss of one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from PIL import Image, ImageOps
from transformers import CLIPTextModel, CLIPTokenizer

from training.captions import caption
from training.pictures import COLOURS, Emoji, ground_near, set_on
from training.run import Draw, autocast
from webui.settings import PROGRAM_ROOT

SHIPPED = PROGRAM_ROOT / "models" / "checkpoints" / "easel-emoji"
NATIVE = 128
MOST_NOISE_WEIGHT = 5.0
"""gamma of min-SNR weights (Hang et al. 2023, arXiv:2303.09556)."""


@dataclass(frozen=True)
class Checkpoint:
    """The parts of a checkpoint in float32. signal: of each of the 1,000 times the share of the picture that is left, squared."""

    vae: Any
    text_encoder: Any
    unet: Any
    tokenizer: Any
    signal: torch.Tensor


def open_checkpoint(folder: Path) -> Checkpoint:
    """The parts of a diffusers folder, for use; who trains one says so."""
    told = {"torch_dtype": torch.float32, "local_files_only": True}
    schedule: Any = DDPMScheduler.from_pretrained(folder / "scheduler")
    return Checkpoint(
        AutoencoderKL.from_pretrained(folder / "vae", **told).eval().requires_grad_(False),
        CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32, local_files_only=True).eval().requires_grad_(False),
        UNet2DConditionModel.from_pretrained(folder / "unet", **told).eval().requires_grad_(False),
        CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
        schedule.alphas_cumprod,
    )


@dataclass(frozen=True)
class Scene:
    """One picture to learn from, 128x128, and what is on it. wording: what is said of the thing besides its name, which stands for {}."""

    picture: Image.Image = field(repr=False)
    emoji: Emoji
    ground: str
    wording: str = "{}"

    def caption(self, random: Random) -> str:
        """Words for it, others each time."""
        return caption(self.emoji, self.ground, random, self.wording)


def scenes(
    drawings: Mapping[Emoji, Image.Image], each: int, random: Random, on_black: Callable[[Image.Image], Image.Image] | None = None
) -> list[Scene]:
    """So many scenes of each drawing: on white for a quarter of them, else on any colour, half of them mirrored.

    on_black: what a drawing becomes on a black ground.
    """
    found = []
    for emoji, drawing in drawings.items():
        for _ in range(each):
            ground = random.choice(list(COLOURS)) if random.random() < 0.75 else "white"
            shown = ImageOps.mirror(drawing) if random.random() < 0.5 else drawing
            shown = on_black(shown) if on_black and ground == "black" else shown
            found.append(Scene(set_on(shown, ground_near(ground, random), NATIVE, random), emoji, ground))
    return found


@torch.no_grad()
def encode(pictures: Sequence[Image.Image], vae: Any, batch: int = 32) -> torch.Tensor:
    """RGB pictures of one size as scaled latents: (pictures, channels, height / 8, width / 8)."""
    found = []
    for first in range(0, len(pictures), batch):
        pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures[first : first + batch]]))
        with autocast():
            found.append(vae.encode(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).latent_dist.mean.float())
    return torch.cat(found) * vae.config.scaling_factor


class Words:
    """What a text encoder that doesn't learn makes of captions: each is encoded once, as Easel encodes a prompt."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._known: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def of(self, captions: Sequence[str]) -> torch.Tensor:
        """(captions, tokens, width)."""
        for text in captions:
            if text not in self._known:
                tokens = self._checkpoint.tokenizer(
                    text, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
                ).input_ids
                self._known[text] = self._checkpoint.text_encoder(tokens).last_hidden_state[0].bfloat16()
        return torch.stack([self._known[text] for text in captions]).float()


@dataclass(frozen=True)
class Noised:
    """Latents on the way to noise. noisy, time: what a denoiser sees. target: what it should say, weight: what each counts in the loss."""

    noisy: torch.Tensor
    time: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor

    def loss(self, said: torch.Tensor) -> torch.Tensor:
        """The weighted mean of squared errors."""
        return (self.weight * ((said.float() - self.target) ** 2).mean((1, 2, 3))).mean()


Weighing = Callable[[torch.Tensor], torch.Tensor]
"""From signal by noise, both squared, to what a time counts in the loss."""


def min_snr(ratio: torch.Tensor) -> torch.Tensor:
    """Times count as in Hang et al. 2023 for velocity: next to nothing where noise is strong, where a name settles what is drawn."""
    return ratio.clamp(max=MOST_NOISE_WEIGHT) / (ratio + 1)


def evenly(ratio: torch.Tensor) -> torch.Tensor:
    """All times count alike: for what changes colours, which are settled where noise is strong."""
    return torch.ones_like(ratio)


def noised(latents: torch.Tensor, signal: torch.Tensor, chance: Draw, weighing: Weighing = min_snr) -> Noised:
    """Each of the latents at a time of its own, with velocity as the target (Salimans and Ho 2022, arXiv:2202.00512)."""
    time = torch.randint(0, len(signal), (len(latents),), generator=chance.torch)
    noise = chance.noise_like(latents)
    kept, added = signal[time].sqrt().view(-1, 1, 1, 1), (1 - signal[time]).sqrt().view(-1, 1, 1, 1)
    ratio = signal[time] / (1 - signal[time])
    return Noised(kept * latents + added * noise, time, kept * noise - added * latents, weighing(ratio))


@dataclass(frozen=True)
class Lessons:
    """Scenes as latents."""

    latents: torch.Tensor
    scenes: Sequence[Scene]

    def some(self, count: int, chance: Draw) -> tuple[torch.Tensor, list[str], list[int]]:
        """Latents, captions and numbers of so many scenes."""
        numbers = [chance.random.randrange(len(self.scenes)) for _ in range(count)]
        captions = [self.scenes[number].caption(chance.random) for number in numbers]
        return self.latents[numbers], captions, numbers

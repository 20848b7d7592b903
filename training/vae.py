"""Trains the VAE of easel-emoji: pictures as latents of an eighth of their size, and back.

    python -m training.vae [--folder FOLDER] [--steps N] [--begin FOLDER] [--out FOLDER]

L1 and L1 of differences of neighbours, with a slight pull of the latents towards a normal distribution; a moving average of the weights is
what is written. At the end it prints how well held-out pictures come back. --begin goes on from a finished VAE: its decoder alone learns,
so latents mean what they meant, and whatever was trained on them stays as good as it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from torch.nn import functional

from training.packages import FOLDER
from training.pictures import THREE_D, Emoji, Pixels, composed, read_emoji
from training.quality import psnr
from training.run import Average, Draw, Training, autocast, cosine, draw_of
from training.things import drawn
from webui.engine.device import use_threads

STEPS = 6000
BATCH = 8
NATIVE, CROP = 128, 96
"""Sides of the pictures, and of what a step sees of them: convolutions see only what is near."""

RATE = 1.2e-3
LATER_RATE = 4e-4
PULL = 1e-5
FIRST_LOG_VARIANCE = -6.0
"""Of latents before anything is learned. From 0 on nothing is learned for long: the noise drowns all."""

GROUPS = ("animals & nature", "food & drink")
SUBGROUPS = (
    "hearts",
    "weather",
    "ground transportation",
    "air transportation",
    "smiling",
    "cat faces",
    "monkey faces",
    "costumed & creatures",
    "musical instruments",
    "sports",
    "with hats",
    "with glasses",
)


def is_wanted(emoji: Emoji) -> bool:
    """Whether the VAE learns from it: things rather than signs, flags and people."""
    return emoji.group in GROUPS or emoji.subgroup in SUBGROUPS


def network() -> Any:
    """The VAE that the training begins with."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        levels: dict[str, Any] = {
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
            "block_out_channels": (24, 48, 96, 128),
        }
        vae: Any = AutoencoderKL(
            **levels,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=NATIVE,
            mid_block_add_attention=False,
        )
    with torch.no_grad():
        vae.quant_conv.bias[4:] = FIRST_LOG_VARIANCE
        vae.quant_conv.weight[4:] *= 0.1
    return vae.train()


def batch(drawings: Sequence[Image.Image], chance: Draw) -> torch.Tensor:
    """Crops of fresh scenes: (BATCH, 3, CROP, CROP) in -1..1."""
    top, left = (8 * chance.random.randrange((NATIVE - CROP) // 8 + 1) for _ in range(2))
    pictures = [np.asarray(composed(chance.random.choice(drawings), NATIVE, chance.random)) for _ in range(BATCH)]
    pixels = torch.from_numpy(np.stack(pictures)[:, top : top + CROP, left : left + CROP])
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def training(folder: Path, drawings: Sequence[Image.Image], steps: int = STEPS, begin: Any = None) -> tuple[Training, Any, Average]:
    """The training, its VAE, and the average that is to be written. begin: a VAE whose decoder alone learns on."""
    vae = begin or network()
    rate = LATER_RATE if begin else RATE
    if begin:
        vae.train().requires_grad_(False)
        vae.decoder.requires_grad_(True)
        vae.post_quant_conv.requires_grad_(True)
    weights = [parameter for parameter in vae.parameters() if parameter.requires_grad]
    average = Average(weights, 0.999)
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=1e-4, betas=(0.9, 0.98))

    def take_step(step: int) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate * cosine(step, steps, warmup=100)
        chance = draw_of(0, step)
        pixels = batch(drawings, chance)
        with autocast():
            found = vae.encode(pixels).latent_dist
            made = vae.decode(found.mean + chance.noise_like(found.mean) * found.std).sample.float()
        loss = functional.l1_loss(made, pixels) + 0.5 * edge_loss(made, pixels)
        if begin is None:
            loss = loss + PULL * found.kl().float().mean() / found.mean[0].numel()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        average.update()
        return loss.item()

    parts = {"vae": vae, "optimizer": optimizer, "average": average}
    settings = {"steps": steps, "batch": BATCH, "rate": rate, "pull": PULL, "decoder alone": begin is not None}
    return Training(folder, settings, parts, take_step, steps), vae, average


def edge_loss(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """How far the differences of neighbours are from those that are wanted: what makes edges sharp."""
    return sum((functional.l1_loss(made.diff(dim=axis), wanted.diff(dim=axis)) for axis in (-2, -1)), torch.zeros(()))


def opened(folder: Path) -> Any:
    """The VAE of a folder, in float32."""
    return AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True).eval()


@torch.no_grad()
def come_back(pictures: Sequence[Image.Image], vae: Any) -> list[Pixels]:
    """What the VAE makes of pictures whose sides are multiples of 8."""
    found = []
    for picture in pictures:
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        made = vae.decode(vae.encode(pixels).latent_dist.mean).sample[0]
        found.append(np.asarray(((made + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).byte()))
    return found


def held_out_psnr(vae: Any, drawings: Sequence[Image.Image]) -> float:
    """Mean PSNR in dB with which scenes of the drawings come back, the same scenes each time."""
    random = Random(5)
    pictures = [composed(drawing, NATIVE, random) for drawing in drawings]
    return float(np.mean([psnr(np.asarray(picture), made) for picture, made in zip(pictures, come_back(pictures, vae), strict=True)]))


def main() -> None:
    """Train it, or go on, write the folder, and print how well held-out pictures come back."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--begin", type=Path, metavar="FOLDER", help="the VAE whose decoder learns on")
    parser.add_argument("--out", type=Path, help="where it is written; the training's folder by default")
    parser.add_argument("--measure", type=Path, metavar="FOLDER", help="train nothing: measure the VAE of that folder")
    given = parser.parse_args()
    use_threads(1)
    wanted = [one for one in read_emoji(given.folder) if is_wanted(one)]
    held_out = list(drawn(THREE_D, (one for one in wanted if one.held_out), given.folder).values())
    if given.measure:
        vae = opened(given.measure)
    else:
        drawings = list(drawn(THREE_D, (one for one in wanted if not one.held_out), given.folder).values())
        run, vae, average = training(given.folder / "vae", drawings, given.steps, given.begin and opened(given.begin))
        run.run(say=lambda line: print(line, flush=True))
        average.apply()
        vae.eval().save_pretrained(given.out or given.folder / "vae" / "vae")
    print(f"{len(held_out)} held-out pictures come back with {held_out_psnr(vae, held_out):.2f} dB")


if __name__ == "__main__":
    main()

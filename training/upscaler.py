"""Trains easel-emoji-x4, the upscaler that comes with Easel: from a picture of 128x128 to one of 512x512.

    python -m training.upscaler [--folder FOLDER] [--steps N] [--out FILE]

The network is Real-ESRGAN's compact one (Wang et al. 2021, arXiv:2107.10833), which spandrel reads. It learns to undo two things: that
a picture was made four times smaller, by one of several ways, and that the shipped checkpoint's VAE drew it.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from torch.nn import functional

from training.packages import FOLDER
from training.pictures import COLOURS, FLAT, INK, MODERN, THREE_D, Pixels, Style, composed, draw, drawings, ground_near, read_emoji
from training.run import Average, Draw, Training, autocast, cosine, draw_of
from training.vae import edge_loss
from webui.engine.device import use_threads
from webui.settings import PROGRAM_ROOT

SCALE = 4
NATIVE = 128
"""The side of the pictures that the shipped checkpoint draws."""

VAE = PROGRAM_ROOT / "models" / "checkpoints" / "easel-emoji" / "vae"
OUT = PROGRAM_ROOT / "models" / "upscalers" / "easel-emoji-x4.safetensors"
STEPS = 1400
BATCH = 8
PATCH = 48
"""The side of what a step sees of a small picture."""

CHANNELS = 32
RATE = 1e-3
DRAWN = 0.35
"""The share of patches from pictures that the VAE drew."""

FINE: Mapping[Style, int] = MappingProxyType({FLAT: 120, MODERN: 50, INK: 60})
"""How many drawings of each style are drawn at the full size; a shaded one takes a second."""

DRAWN_PICTURES = 120
SMALLER = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Pair:
    """The same picture large and, where its smaller form can't be made at once, small: (height, width, 3)."""

    large: Pixels
    small: Pixels


@dataclass(frozen=True)
class Pictures:
    """What the upscaler learns from. clear: RGBA drawings, larger than a patch. drawn: pairs whose small one the VAE drew."""

    clear: Sequence[Pixels]
    drawn: Sequence[Pair]


def network() -> Any:
    """The network as it begins: its first three channels pass the picture on, and its last layer interpolates it.

    So it is about as good as bicubic at once, and every layer has something to say from the first step.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Compact(num_feat=CHANNELS, num_conv=16, upscale=SCALE)
        layers: list[Any] = [layer for layer in model.body if isinstance(layer, torch.nn.Conv2d)]
        first, *middle, last = layers
        with torch.no_grad():
            for layer in (first, *middle, last):
                torch.nn.init.kaiming_normal_(layer.weight, a=0.25)
                torch.nn.init.zeros_(layer.bias)
            for layer in middle:
                layer.weight *= 0.3
                layer.weight[:, :, 1, 1] += torch.eye(CHANNELS)
            for layer in (first, *middle):
                layer.weight[:3] = 0
                layer.weight[:3, :3, 1, 1] = torch.eye(3)
            last.weight *= 0.03
            last.weight[:, :3] = _interpolation()
    return model


def _interpolation() -> torch.Tensor:
    """What the last layer adds to the nearest pixel for a cubic interpolation of three by three: (channels, 3, 3, 3)."""
    places = (torch.arange(SCALE) + 0.5) / SCALE - 0.5
    apart = (places[:, None] - torch.arange(-1, 2)).abs()
    near, far = 1.5 * apart**3 - 2.5 * apart**2 + 1, -0.5 * apart**3 + 2.5 * apart**2 - 4 * apart + 2
    taps = torch.where(apart <= 1, near, far)
    taps /= taps.sum(1, keepdim=True)
    kernels = torch.einsum("ia,jb->ijab", taps, taps)
    kernels[:, :, 1, 1] -= 1
    whole = torch.zeros(3, SCALE, SCALE, 3, 3, 3)
    for channel in range(3):
        whole[channel, :, :, channel] = kernels
    return whole.reshape(3 * SCALE * SCALE, 3, 3, 3)


def read_pictures(folder: Path) -> Pictures:
    """Drawings in all styles, and pairs of them through the VAE; without the held-out ones. Kept in the folder, since they take minutes.

    Fetches the packages. Raises PackageUnusable.
    """
    kept = folder / "upscaler" / "pictures.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(".part.npz")
        np.savez(beside, **_made_pictures(folder))
        beside.replace(kept)
    with np.load(kept) as arrays:
        return Pictures([*arrays["solid"], *arrays["fine"]], [Pair(*pair) for pair in zip(arrays["large"], arrays["small"], strict=True)])


def _made_pictures(folder: Path) -> dict[str, Any]:
    random = Random(0)
    emoji = [one for one in read_emoji(folder) if not one.held_out]
    solid = [draw(each, PATCH * SCALE + 16) for each in drawings(THREE_D, emoji, folder).values()]
    chosen = [each for style, count in FINE.items() for each in random.sample(list(drawings(style, emoji, folder).values()), count)]
    fine = [draw(each, SCALE * NATIVE) for each in chosen]
    drawn = through_vae([composed(random.choice(fine), SCALE * NATIVE, random) for _ in range(DRAWN_PICTURES)], vae_from(VAE))
    large, small = ([getattr(pair, name) for pair in drawn] for name in ("large", "small"))
    return {name: np.stack(some) for name, some in {"solid": solid, "fine": fine, "large": large, "small": small}.items()}


def vae_from(folder: Path) -> AutoencoderKL:
    """A VAE of a diffusers folder, for use only."""
    return AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True).eval().requires_grad_(False)


def through_vae(pictures: Sequence[Image.Image], vae: Any) -> list[Pair]:
    """Each picture, and what the VAE makes of it at a quarter of the size."""
    return [Pair(np.asarray(picture), vae_drawn(picture, vae)) for picture in pictures]


@torch.no_grad()
def vae_drawn(picture: Image.Image, vae: Any) -> Pixels:
    """What the VAE makes of a picture at a quarter of its size."""
    small = np.array(picture.resize((picture.width // SCALE, picture.height // SCALE), Image.Resampling.LANCZOS))
    with autocast():
        seen = vae.decode(vae.encode(_tensor(small)[None] * 2 - 1).latent_dist.mean).sample[0].float()
    return np.asarray(((seen + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).byte())


def batch(pictures: Pictures, chance: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Small patches and the large ones that they are to become: (BATCH, 3, height, width) in 0..1."""
    pairs = [_patch(pictures, chance.random) for _ in range(BATCH)]
    return torch.stack([_tensor(pair.small) for pair in pairs]), torch.stack([_tensor(pair.large) for pair in pairs])


def _patch(pictures: Pictures, random: Random) -> Pair:
    if random.random() < DRAWN:
        pair = random.choice(pictures.drawn)
        top, left = (random.randrange(side - PATCH + 1) for side in pair.small.shape[:2])
        small = pair.small[top : top + PATCH, left : left + PATCH]
        large = pair.large[top * SCALE : (top + PATCH) * SCALE, left * SCALE : (left + PATCH) * SCALE]
    else:
        large = _large_patch(random.choice(pictures.clear), random)
        small = smaller(large, random)
    turns, mirrored = random.randrange(4), random.random() < 0.5
    turned = [np.rot90(each, turns)[:, :: -1 if mirrored else 1] for each in (large, small)]
    return Pair(*turned)


def _large_patch(drawing: Pixels, random: Random) -> Pixels:
    """A patch of an RGBA drawing on a ground of one colour, or of two that run into each other."""
    side = PATCH * SCALE
    top, left = (random.randrange(length - side + 1) for length in drawing.shape[:2])
    patch = drawing[top : top + side, left : left + side].astype(np.float32)
    first, second = (np.array(ground_near(random.choice(list(COLOURS)), random), np.float32) for _ in range(2))
    share = np.linspace(0, 1, side, dtype=np.float32)[:, None, None] if random.random() < 0.25 else np.float32(0)
    opacity = patch[..., 3:] / 255
    return (patch[..., :3] * opacity + (first * (1 - share) + second * share) * (1 - opacity)).round().astype(np.uint8)


def smaller(large: Pixels, random: Random) -> Pixels:
    """A picture at a quarter of its size, by one of several ways: some softer than others, some as a JPEG."""
    picture = Image.fromarray(large)
    if random.random() < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 2.0)))
    small = picture.resize((picture.width // SCALE, picture.height // SCALE), random.choice(SMALLER))
    if random.random() < 0.1:
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=random.randint(60, 95))
        small = Image.open(stream)
    return np.asarray(small)


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255


def training(folder: Path, pictures: Pictures, steps: int = STEPS) -> tuple[Training, Any, Average]:
    """The training, its network, and the average that is to be shipped."""
    model = network().train().to(memory_format=torch.channels_last)
    average = Average(model.parameters(), 0.999)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, betas=(0.9, 0.99))

    def take_step(step: int) -> float:
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine(step, steps, warmup=200)
        small, large = batch(pictures, draw_of(0, step))
        with autocast():
            made = model(small.contiguous(memory_format=torch.channels_last)).float()
        loss = functional.l1_loss(made, large) + 0.25 * edge_loss(made, large)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update()
        return loss.item()

    settings = {"steps": steps, "batch": BATCH, "patch": PATCH, "rate": RATE, "drawn": DRAWN}
    parts = {"model": model, "optimizer": optimizer, "average": average}
    return Training(folder, settings, parts, take_step, steps), model, average


def save(model: Any, path: Path) -> None:
    """Write the network's weights in half precision."""
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"format": "pt", "modelspec.title": "Easel emoji x4", "modelspec.license": "MIT"})


def main() -> None:
    """Train it, or go on, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    use_threads(1)
    pictures = read_pictures(given.folder)
    print(f"{len(pictures.clear)} drawings, {len(pictures.drawn)} drawn by the VAE", flush=True)
    run, model, average = training(given.folder / "upscaler", pictures, given.steps)
    run.run(say=lambda line: print(line, flush=True))
    average.apply()
    save(model, given.out)
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()

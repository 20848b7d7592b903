"""Trains easel-gold, the style LoRA that comes with Easel: what easel-emoji draws is cast in gold.

    python -m training.gold [--folder FOLDER] [--steps N] [--out FILE]

It is a LoRA of rank 8 over the attention of the U-Net (Hu et al. 2021, arXiv:2106.09685), in the layout of kohya's trainer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model_state_dict
from PIL import Image
from safetensors.torch import save_file

from training.denoiser import SHIPPED, Checkpoint, Lessons, Words, encode, evenly, noised, open_checkpoint, scenes
from training.packages import FOLDER
from training.pictures import THREE_D, Emoji
from training.run import Training, autocast, cosine, draw_of
from training.things import drawn_things
from webui.engine.device import use_threads
from webui.settings import PROGRAM_ROOT

OUT = PROGRAM_ROOT / "models" / "loras" / "easel-gold.safetensors"
STEPS = 1000
BATCH = 16
RATE = 3e-3
RANK = 16
EACH = 12
GOLD = ((0.0, (58, 30, 6)), (0.45, (190, 128, 32)), (0.75, (246, 200, 84)), (1.0, (255, 247, 206)))
"""Brightness of a drawing, from its darkest to its brightest, and the colour of gold there, sRGB."""

LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")


def in_gold(drawing: Image.Image) -> Image.Image:
    """An RGBA drawing cast in gold: its shades stay, its colours go."""
    pixels = np.asarray(drawing).astype(np.float32)
    brightness, opacity = pixels[..., :3] @ np.array((0.299, 0.587, 0.114), np.float32), pixels[..., 3]
    darkest, brightest = np.percentile(brightness[opacity > 127], (2, 98))
    at = np.clip((brightness - darkest) / max(float(brightest - darkest), 1.0), 0, 1)
    cast = np.stack([np.interp(at, [where for where, _ in GOLD], [colour[part] for _, colour in GOLD]) for part in range(3)], -1)
    return Image.fromarray(np.concatenate([cast, opacity[..., None]], -1).round().astype(np.uint8), "RGBA")


def lessons(things: Mapping[Emoji, Image.Image], checkpoint: Checkpoint) -> Lessons:
    """Scenes of the things in gold as latents."""
    made = scenes({emoji: in_gold(drawing) for emoji, drawing in things.items()}, EACH, Random(0))
    return Lessons(encode([scene.picture for scene in made], checkpoint.vae), made)


def training(folder: Path, checkpoint: Checkpoint, learned: Lessons, steps: int = STEPS) -> Training:
    """The training of a LoRA on the checkpoint's U-Net."""
    unet, words = checkpoint.unet, Words(checkpoint)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(LAYERS), init_lora_weights="gaussian"))
    weights = {name: tensor for name, tensor in unet.named_parameters() if tensor.requires_grad}
    optimizer = torch.optim.AdamW(weights.values(), lr=RATE, weight_decay=1e-2, betas=(0.9, 0.99))

    def take_step(step: int) -> float:
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine(step, steps, warmup=30)
        chance = draw_of(0, step)
        latents, captions, _ = learned.some(BATCH, chance)
        seen = noised(latents, checkpoint.signal, chance, evenly)
        with autocast():
            said = unet(seen.noisy, seen.time, words.of(captions)).sample
        loss = seen.loss(said)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        return loss.item()

    settings = {"steps": steps, "batch": BATCH, "rate": RATE, "rank": RANK, "each": EACH, "weighing": "even", "layers": list(LAYERS)}
    return Training(folder, settings, {"weights": Weights(weights), "optimizer": optimizer}, take_step, steps)


class Weights:
    """Some parameters of a network, to be kept without the others."""

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter]) -> None:
        self._parameters = parameters

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Their values."""
        return {name: parameter.detach() for name, parameter in self._parameters.items()}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Give them these values."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(state[name])


def save(unet: Any, path: Path) -> None:
    """Write the LoRA as kohya's trainer does, in half precision."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in get_peft_model_state_dict(unet).items():
        layer, end = name.rsplit(".lora_", 1)
        key = "lora_unet_" + layer.replace(".", "_")
        tensors[f"{key}.lora_{'down' if end.startswith('A') else 'up'}.weight"] = tensor.detach().half().contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(RANK))
    told = {"ss_output_name": path.stem, "ss_network_dim": str(RANK), "ss_network_alpha": str(RANK), "ss_network_module": "networks.lora"}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, told | {"modelspec.title": "Easel gold", "modelspec.license": "MIT", "ss_tag_frequency": json.dumps({})})


def main() -> None:
    """Train it, or go on, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    use_threads(1)
    things = drawn_things(THREE_D, given.folder)
    checkpoint = open_checkpoint(SHIPPED)
    learned = lessons(things, checkpoint)
    print(f"{len(learned.scenes)} scenes of {len(things)} things", flush=True)
    training(given.folder / "gold", checkpoint, learned, given.steps).run(say=lambda line: print(line, flush=True))
    save(checkpoint.unet, given.out)
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Trains easel-flat, the style LoRA that comes with Easel: easel-emoji draws in plain areas of colour.

    python -m training.flat [--folder FOLDER] [--steps N] [--out FILE]

It is a LoRA of rank 8 over the attention of the U-Net (Hu et al. 2021, arXiv:2106.09685), in the layout of kohya's trainer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from PIL import Image
from safetensors.torch import save_file

from training.denoiser import SHIPPED, Checkpoint, Lessons, Words, encode, noised, open_checkpoint, scenes
from training.packages import FOLDER
from training.pictures import FLAT, Emoji
from training.run import Training, autocast, cosine, draw_of
from training.things import drawn_things
from webui.engine.device import use_threads
from webui.settings import PROGRAM_ROOT

OUT = PROGRAM_ROOT / "models" / "loras" / "easel-flat.safetensors"
STEPS = 500
BATCH = 24
RATE = 2e-3
RANK = 8
EACH = 12
LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")


def lessons(things: Mapping[Emoji, Image.Image], checkpoint: Checkpoint) -> Lessons:
    """Scenes of flat drawings as latents."""
    made = scenes(things, EACH, Random(0))
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
        seen = noised(latents, checkpoint.signal, chance)
        with autocast():
            said = unet(seen.noisy, seen.time, words.of(captions)).sample
        loss = seen.loss(said)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        return loss.item()

    settings = {"steps": steps, "batch": BATCH, "rate": RATE, "rank": RANK, "each": EACH, "layers": list(LAYERS)}
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
    save_file(tensors, path, told | {"modelspec.title": "Easel flat", "modelspec.license": "MIT", "ss_tag_frequency": json.dumps({})})


def main() -> None:
    """Train it, or go on, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    use_threads(1)
    things = drawn_things(FLAT, given.folder)
    checkpoint = open_checkpoint(SHIPPED)
    learned = lessons(things, checkpoint)
    print(f"{len(learned.scenes)} scenes of {len(things)} things", flush=True)
    training(given.folder / "flat", checkpoint, learned, given.steps).run(say=lambda line: print(line, flush=True))
    save(checkpoint.unet, given.out)
    print(f"{given.out}: {given.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Trains easel-ink, the second checkpoint that comes with Easel: what easel-emoji draws like toys, it draws in black lines.

    python -m training.ink [--folder FOLDER] [--steps N] [--out FOLDER]

Only the U-Net learns, beginning with easel-emoji's; VAE and text encoder are copied byte by byte, so Easel keeps one of each in memory.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import torch
from PIL import Image

from training.denoiser import SHIPPED, Checkpoint, Lessons, Words, encode, evenly, noised, open_checkpoint, scenes
from training.packages import FOLDER
from training.pictures import INK, Emoji
from training.run import Average, Training, autocast, cosine, draw_of
from training.things import drawn_things
from webui.engine.device import use_threads

OUT = SHIPPED.parent / "easel-ink"
STEPS = 480
BATCH = 16
RATE = 4e-4
EACH = 16
"""Scenes of each thing."""

CHALK = (245, 245, 240)


def in_chalk(drawing: Image.Image) -> Image.Image:
    """The lines in white: black ones would not be seen on black."""
    chalk = Image.new("RGBA", drawing.size, (*CHALK, 255))
    chalk.putalpha(drawing.getchannel("A"))
    return chalk


def lessons(things: Mapping[Emoji, Image.Image], checkpoint: Checkpoint) -> Lessons:
    """Scenes of the things in ink, and in chalk on black, as latents."""
    made = scenes(things, EACH, Random(0), on_black=in_chalk)
    return Lessons(encode([scene.picture for scene in made], checkpoint.vae), made)


def training(folder: Path, checkpoint: Checkpoint, learned: Lessons, steps: int = STEPS) -> tuple[Training, Average]:
    """The training of the checkpoint's U-Net, and the average that is to be shipped."""
    unet, words = checkpoint.unet.train().requires_grad_(True), Words(checkpoint)
    average = Average(unet.parameters(), 0.998)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=RATE, weight_decay=1e-3, betas=(0.9, 0.99))

    def take_step(step: int) -> float:
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine(step, steps, warmup=60)
        chance = draw_of(0, step)
        latents, captions, _ = learned.some(BATCH, chance)
        seen = noised(latents, checkpoint.signal, chance, evenly)
        with autocast():
            said = unet(seen.noisy, seen.time, words.of(captions)).sample
        loss = seen.loss(said)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        average.update()
        return loss.item()

    parts = {"unet": unet, "optimizer": optimizer, "average": average}
    settings = {"steps": steps, "batch": BATCH, "rate": RATE, "each": EACH, "weighing": "even"}
    return Training(folder, settings, parts, take_step, steps), average


def save(unet: Any, folder: Path) -> None:
    """Write the checkpoint: a U-Net in half precision beside copies of the shipped checkpoint's other parts."""
    for part in ("vae", "text_encoder", "tokenizer", "scheduler"):
        shutil.copytree(SHIPPED / part, folder / part, dirs_exist_ok=True)
    shutil.copy(SHIPPED / "model_index.json", folder)
    unet.half().save_pretrained(folder / "unet")
    # Its own would name the folder that it was read from.
    shutil.copy(SHIPPED / "unet" / "config.json", folder / "unet")


def main() -> None:
    """Train it, or go on, and write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    use_threads(1)
    things = drawn_things(INK, given.folder)
    checkpoint = open_checkpoint(SHIPPED)
    learned = lessons(things, checkpoint)
    print(f"{len(learned.scenes)} scenes of {len(things)} things", flush=True)
    run, average = training(given.folder / "ink", checkpoint, learned, given.steps)
    run.run(say=lambda line: print(line, flush=True))
    average.apply()
    save(checkpoint.unet, given.out)
    print(given.out)


if __name__ == "__main__":
    main()

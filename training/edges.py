"""Trains easel-emoji-edges, the ControlNet that comes with Easel: easel-emoji's pictures follow the edges of a given one.

    python -m training.edges [--folder FOLDER] [--steps N] [--out FILE]

It begins as a copy of the first half of easel-emoji's U-Net, which stays as it is (Zhang et al. 2023, arXiv:2302.05543). Edges are those of
Easel's own preprocessor "canny" with its own thresholds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from PIL import Image

from training.denoiser import SHIPPED, Checkpoint, Lessons, Words, encode, noised, open_checkpoint, scenes
from training.packages import FOLDER
from training.pictures import THREE_D, Emoji, Pixels, read_emoji
from training.run import Average, Training, autocast, cosine, draw_of
from training.things import drawn, drawn_things, known_things
from webui.engine.device import use_threads
from webui.pictures.preprocessors import find_preprocessor
from webui.settings import PROGRAM_ROOT

OUT = PROGRAM_ROOT / "models" / "controlnet" / "easel-emoji-edges"
STEPS = 2000
BATCH = 16
RATE = 5e-4
KNOWN_EACH, OTHER_EACH = 16, 1
"""Scenes of each thing that the checkpoint knows, and of each other emoji: for those only the edges tell what goes where."""

WORDLESS = 0.5
"""How often nothing is said, so that the edges have to be looked at."""

HINT_CHANNELS = (8, 16, 32, 64)


@dataclass(frozen=True)
class EdgeLessons:
    """Scenes as latents, and their edges: (scenes, height, width), 0 or 255."""

    lessons: Lessons
    edges: torch.Tensor


def edges_of(picture: Image.Image) -> Pixels:
    """What the ControlNet sees of a picture: (height, width, 3), white edges on black."""
    canny = find_preprocessor("canny")
    low, high = (threshold.default for threshold in canny.thresholds)
    return canny.run(np.asarray(picture.convert("RGB")), low, high)


def lessons(known: Mapping[Emoji, Image.Image], others: Mapping[Emoji, Image.Image], checkpoint: Checkpoint) -> EdgeLessons:
    """Scenes as latents with their edges."""
    random = Random(0)
    made = [*scenes(known, KNOWN_EACH, random), *scenes(others, OTHER_EACH, random)]
    pictures = [scene.picture for scene in made]
    edges = torch.from_numpy(np.stack([edges_of(picture)[..., 0] for picture in pictures]))
    return EdgeLessons(Lessons(encode(pictures, checkpoint.vae), made), edges)


def network(unet: Any) -> Any:
    """The ControlNet that the training begins with: it says nothing yet. Its middle is the U-Net's first block there, for a small file."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        whole = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=HINT_CHANNELS)
        model: Any = ControlNetModel.from_config({**whole.config, "mid_block_type": "UNetMidBlock2D"})
    names = model.state_dict().keys()
    model.load_state_dict({name: tensor for name, tensor in whole.state_dict().items() if name in names})
    return model.train()


def training(folder: Path, checkpoint: Checkpoint, learned: EdgeLessons, steps: int = STEPS) -> tuple[Training, Any, Average]:
    """The training, its ControlNet, and the average that is to be shipped."""
    unet, words, model = checkpoint.unet, Words(checkpoint), network(checkpoint.unet)
    average = Average(model.parameters(), 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-3, betas=(0.9, 0.99))

    def take_step(step: int) -> float:
        for group in optimizer.param_groups:
            group["lr"] = RATE * cosine(step, steps, warmup=60)
        chance = draw_of(0, step)
        latents, captions, numbers = learned.lessons.some(BATCH, chance)
        captions = ["" if chance.random.random() < WORDLESS else text for text in captions]
        seen, hidden = noised(latents, checkpoint.signal, chance), words.of(captions)
        hint = (learned.edges[numbers, None].float() / 255).expand(-1, 3, -1, -1)
        with autocast():
            skips, middle = model(seen.noisy, seen.time, encoder_hidden_states=hidden, controlnet_cond=hint, return_dict=False)
            told = {"down_block_additional_residuals": skips, "mid_block_additional_residual": middle}
            said = unet(seen.noisy, seen.time, hidden, **told).sample
        loss = seen.loss(said)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update()
        return loss.item()

    settings = {"steps": steps, "batch": BATCH, "rate": RATE, "each": [KNOWN_EACH, OTHER_EACH], "wordless": WORDLESS}
    return Training(folder, settings, {"model": model, "optimizer": optimizer, "average": average}, take_step, steps), model, average


def main() -> None:
    """Train it, or go on, and write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    use_threads(1)
    emoji, checkpoint = read_emoji(given.folder), open_checkpoint(SHIPPED)
    names = known_things()
    others = drawn(THREE_D, (one for one in emoji if one.label not in names and not one.held_out), given.folder)
    learned = lessons(drawn_things(THREE_D, given.folder), others, checkpoint)
    print(f"{len(learned.edges)} scenes", flush=True)
    run, model, average = training(given.folder / "edges", checkpoint, learned, given.steps)
    run.run(say=lambda line: print(line, flush=True))
    average.apply()
    model.half().save_pretrained(given.out)
    print(given.out)


if __name__ == "__main__":
    main()

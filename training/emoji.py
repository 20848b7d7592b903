"""Trains the text encoder and the U-Net of easel-emoji together, on latents of its VAE (training.vae comes first).

    python -m training.emoji --vae FOLDER [--folder FOLDER] [--steps N] [--begin CHECKPOINT] [--out FOLDER]

Most scenes show one thing; some show it in a corner, some twice or three times, some beside another, and captions say so. Twenty pairs of
a thing and a ground are left out of all scenes. --begin goes on from the weights of a finished checkpoint.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.denoiser import NATIVE, Lessons, Scene, encode, evenly, min_snr, noised, open_checkpoint, scenes
from training.packages import FOLDER
from training.pictures import COLOURS, THREE_D, Emoji, ground_near, read_emoji
from training.run import Average, Training, autocast, cosine, draw_of
from training.things import drawn_things
from training.tokens import make_tokenizer, words_of
from training.vae import is_wanted
from webui.engine.device import use_threads

STEPS = 10_000
BATCH = 32
RATE = 5e-4
LATER_RATE = 2e-4
SINGLE, OTHER = 16, 4
"""Scenes of each thing alone, and of it placed, counted or beside another."""

TOKENS = 32
HEADS: Any = (2, 4, 8)
"""Width of attention heads by level; diffusers declares fewer."""

NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction"}

PLACES: Mapping[str, tuple[float, float]] = {
    "small {} at the top left": (0.25, 0.25),
    "small {} at the top right": (0.75, 0.25),
    "small {} at the bottom left": (0.25, 0.75),
    "small {} at the bottom right": (0.75, 0.75),
    "small {} in the middle": (0.5, 0.5),
}
COUNTS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "two {}": ((0.26, 0.5), (0.74, 0.5)),
    "three {}": ((0.5, 0.26), (0.26, 0.74), (0.74, 0.74)),
}
"""Wordings, and where middles of things are, in shares of the picture."""


@dataclass(frozen=True)
class Learner:
    """What learns, with what doesn't. signal: see training.denoiser.Checkpoint."""

    vae: Any
    text_encoder: Any
    unet: Any
    tokenizer: Any
    signal: torch.Tensor


def held_out_pairs(things: list[Emoji]) -> set[tuple[Emoji, str]]:
    """Twenty pairs of a thing and a ground that no training shows, the same ones each time."""
    pairs = list(itertools.product(sorted(things, key=lambda one: one.code), (name for name in COLOURS if name != "white")))
    return set(Random(20).sample(pairs, min(20, len(pairs) // 2)))


def placed(
    drawings: list[Image.Image], middles: tuple[tuple[float, float], ...], ground: tuple[int, int, int], random: Random
) -> Image.Image:
    """Drawings with their middles there, each a little smaller than half of the picture."""
    whole = Image.new("RGBA", (NATIVE, NATIVE), (*ground, 255))
    for drawing, (x, y) in zip(drawings, middles, strict=True):
        side = int(NATIVE * random.uniform(0.40, 0.47))
        corner = tuple(round(NATIVE * middle - side / 2) + random.randint(-2, 2) for middle in (x, y))
        whole.alpha_composite(drawing.resize((side, side), Image.Resampling.LANCZOS), (max(0, corner[0]), max(0, corner[1])))
    return whole.convert("RGB")


def varied(things: Mapping[Emoji, Image.Image], each: int, random: Random, left_out: Collection[tuple[Emoji, str]]) -> list[Scene]:
    """So many scenes of each thing that is placed, counted or beside another; beside none that is left out on that ground."""
    found = []
    for emoji, drawing in things.items():
        for _ in range(each):
            name = random.choice(list(COLOURS))
            ground, kind = ground_near(name, random), random.random()
            others = [one for one in things if (one, name) not in left_out]
            if kind < 0.4:
                wording = random.choice(list(PLACES))
                picture = placed([drawing], (PLACES[wording],), ground, random)
            elif kind < 0.7 or not others:
                wording = random.choice(list(COUNTS))
                picture = placed([drawing] * len(COUNTS[wording]), COUNTS[wording], ground, random)
            else:
                other = random.choice(others)
                wording = f"{{}} and {other.label}"
                picture = placed([drawing, things[other]], COUNTS["two {}"], ground, random)
            found.append(Scene(picture, emoji, name, wording))
    return found


def lessons(things: Mapping[Emoji, Image.Image], vae: Any) -> Lessons:
    """All scenes but those of held-out pairs, as latents."""
    random, left_out = Random(0), held_out_pairs(list(things))
    made = [*scenes(things, SINGLE, random), *varied(things, OTHER, random, left_out)]
    made = [scene for scene in made if (scene.emoji, scene.ground) not in left_out]
    return Lessons(encode([scene.picture for scene in made], vae), made)


def measured_scale(vae: Any, things: Mapping[Emoji, Image.Image]) -> float:
    """One over the standard deviation of the VAE's latents: what brings them to 1."""
    vae.register_to_config(scaling_factor=1.0)
    return float(1 / encode([scene.picture for scene in scenes(things, 2, Random(1))], vae).std())


def new_learner(vae: Any, tokenizer: Any) -> Learner:
    """One that knows nothing yet."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=192,
                intermediate_size=768,
                num_hidden_layers=3,
                num_attention_heads=6,
                max_position_embeddings=77,
                projection_dim=192,
                eos_token_id=tokenizer.eos_token_id,
                bos_token_id=tokenizer.bos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        unet = UNet2DConditionModel(
            sample_size=NATIVE // 8,
            layers_per_block=1,
            block_out_channels=(64, 128, 256),
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            attention_head_dim=HEADS,
            cross_attention_dim=192,
            norm_num_groups=16,
            use_linear_projection=True,
        )
    scheduler = DPMSolverMultistepScheduler(**NOISE)
    return Learner(vae, text_encoder, unet, tokenizer, scheduler.alphas_cumprod)


def learner_from(checkpoint: Path, vae: Any) -> Learner:
    """One that knows what a finished checkpoint does."""
    known = open_checkpoint(checkpoint)
    return Learner(vae, known.text_encoder, known.unet, known.tokenizer, known.signal)


def training(folder: Path, learner: Learner, learned: Lessons, steps: int = STEPS, later: bool = False) -> tuple[Training, Average]:
    """The training of text encoder and U-Net, and the average that is to be written.

    later: they know what there is, and learn what words say of colours and places, which is settled where noise is strong.
    """
    rate, weighing = (LATER_RATE, evenly) if later else (RATE, min_snr)
    text_encoder, unet = learner.text_encoder.train().requires_grad_(True), learner.unet.train().requires_grad_(True)
    weights = [*text_encoder.parameters(), *unet.parameters()]
    average = Average(weights, 0.9985)
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=1e-3, betas=(0.9, 0.99))

    def take_step(step: int) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate * cosine(step, steps, warmup=60)
        chance = draw_of(0, step)
        latents, captions, _ = learned.some(BATCH, chance)
        seen = noised(latents, learner.signal, chance, weighing)
        tokens = learner.tokenizer(captions, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt").input_ids
        with autocast():
            said = unet(seen.noisy, seen.time, text_encoder(tokens).last_hidden_state).sample
        loss = seen.loss(said)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        average.update()
        return loss.item()

    settings = {"steps": steps, "batch": BATCH, "rate": rate, "weighing": weighing.__name__, "scenes": [SINGLE, OTHER]}
    parts = {"text encoder": text_encoder, "unet": unet, "optimizer": optimizer, "average": average}
    return Training(folder, settings, parts, take_step, steps), average


def save(learner: Learner, folder: Path) -> None:
    """Write the checkpoint in half precision, as diffusers lays one out."""
    scheduler: Any = DPMSolverMultistepScheduler(**NOISE, use_karras_sigmas=True, steps_offset=1)
    StableDiffusionPipeline(
        vae=learner.vae.half(),
        text_encoder=learner.text_encoder.half(),
        tokenizer=learner.tokenizer,
        unet=learner.unet.half(),
        scheduler=scheduler,
        safety_checker=None,  # type: ignore[arg-type]
        feature_extractor=None,  # type: ignore[arg-type]
        requires_safety_checker=False,
    ).save_pretrained(folder)


def main() -> None:
    """Train it, or go on, and write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vae", type=Path, required=True, help="the folder of the VAE")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where packages and the state of the training are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--begin", type=Path, metavar="CHECKPOINT", help="whose text encoder and U-Net it begins with")
    parser.add_argument("--out", type=Path, help="where it is written; the training's folder by default")
    given = parser.parse_args()
    use_threads(1)
    things, state = drawn_things(THREE_D, given.folder), given.folder / "emoji"
    vae = AutoencoderKL.from_pretrained(given.vae, torch_dtype=torch.float32, local_files_only=True).eval().requires_grad_(False)
    if given.begin is None:
        vae.register_to_config(scaling_factor=measured_scale(vae, things))
        tokenizer: CLIPTokenizer = make_tokenizer(words_of(one for one in read_emoji(given.folder) if is_wanted(one)), state / "tokenizer")
        learner = new_learner(vae, tokenizer)
    else:
        learner = learner_from(given.begin, vae)
    learned = lessons(things, vae)
    print(f"{len(learned.scenes)} scenes of {len(things)} things", flush=True)
    run, average = training(state, learner, learned, given.steps, later=given.begin is not None)
    run.run(say=lambda line: print(line, flush=True))
    average.apply()
    save(learner, given.out or state / "easel-emoji")
    print(given.out or state / "easel-emoji")


if __name__ == "__main__":
    main()

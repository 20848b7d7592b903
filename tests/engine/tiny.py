"""A checkpoint of three tiny parts with random weights, for what is told by numbers and not by looks."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPTextConfig

from webui.engine.device import Device, open_device
from webui.engine.engine import Engine
from webui.engine.families.sd import PREDICTIONS, StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.loading.modules import module_class
from webui.engine.loading.tokenizers import tokenizer_from
from webui.engine.schedules import model_sigmas
from webui.engine.text_encoders import ClipText

from .drawing import CHECKPOINT, Always, Recorder


def tiny_family(device: Device, seed: int = 0) -> StableDiffusion:
    """Makes one. The weights are the same each time; seed: other weights of the denoiser."""
    tokenizer = tokenizer_from(CHECKPOINT / "tokenizer", "clip", "easel-emoji")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sizes = {"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        encoder = module_class("clip")(CLIPTextConfig(**sizes, max_position_embeddings=32))
        torch.manual_seed(seed)
        unet = module_class("unet")(
            block_out_channels=(32, 32),
            layers_per_block=1,
            cross_attention_dim=32,
            attention_head_dim=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )
        kinds = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
        torch.manual_seed(0)
        vae = module_class("vae")(block_out_channels=(8, 8, 8, 8), latent_channels=4, norm_num_groups=4, **kinds)
    encoder, unet, vae = (part.eval().requires_grad_(False) for part in (encoder, unet, vae))
    x0 = PREDICTIONS["epsilon"]
    return StableDiffusion("tiny", "tiny", ClipText(tokenizer, encoder), unet, vae, model_sigmas({}), x0, device)


def copy_of(family: StableDiffusion, dtype: str, **changes: Any) -> StableDiffusion:
    """The checkpoint with weights of its own in that dtype. changes: of its device."""
    device = dataclasses.replace(open_device("cpu", dtype), **changes)
    unet, vae, encoder = (copy.deepcopy(part).to(device.dtype) for part in (family.unet, family.vae, family.text.text_encoder))
    return dataclasses.replace(family, unet=unet, vae=vae, text=dataclasses.replace(family.text, text_encoder=encoder), device=device)


def recorder_of(family: StableDiffusion, hooks: NoHooks | None = None) -> Recorder:
    """An engine that has this checkpoint, whatever it is asked for."""
    return Recorder(Engine(family.device, hooks, Always(family)))


def weights_of(family: StableDiffusion) -> list[torch.Tensor]:
    """Copies of all its weights."""
    return [tensor.clone() for part in (family.unet, family.vae, family.text.text_encoder) for tensor in part.state_dict().values()]


def same_bits(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """Whether all are of equal dtype and value."""
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(one, other, strict=True))


def save_folder(family: StableDiffusion, folder: Path) -> Path:
    """Write the checkpoint as a diffusers folder, in the numbers of its weights."""
    for part, module in (("unet", family.unet), ("vae", family.vae), ("text_encoder", family.text.text_encoder)):
        module.save_pretrained(folder / part)
    for part in ("tokenizer", "scheduler"):
        shutil.copytree(CHECKPOINT / part, folder / part)
    shutil.copy(CHECKPOINT / "model_index.json", folder)
    return folder

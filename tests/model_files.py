"""Model files without weights: a true header, and a hole on disk where the numbers would lie."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path

Shapes = Mapping[str, tuple[int, ...]]

BYTES = {"F16": 2, "BF16": 2, "F32": 4}


def safetensors_header(shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "F16") -> tuple[bytes, int]:
    """The beginning of a file with these tensors, and how many bytes of numbers follow."""
    entries: dict = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text, end


def write_safetensors(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None, dtype: str = "F16") -> Path:
    head, size = safetensors_header(shapes, metadata, dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    return path


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def write_gguf(path: Path, shapes: Shapes, metadata: Mapping[str, object] | None = None, *, kind: int = 1, number_bytes: int = 2) -> Path:
    """kind: the number of the tensors' type (1: F16), with that many bytes per number."""
    values = dict(metadata or {})
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(values))
    for name, value in values.items():
        if isinstance(value, str):
            head += _text(name) + struct.pack("<I", 8) + _text(value)
        elif isinstance(value, int):
            head += _text(name) + struct.pack("<II", 4, value)
        else:
            items = list(value)
            head += _text(name) + struct.pack("<IIQ", 9, 5 if isinstance(items[0], int) else 8, len(items))
            head += b"".join(struct.pack("<i", item) if isinstance(item, int) else _text(item) for item in items)
    offset = 0
    for name, shape in shapes.items():
        head += _text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", kind, offset)
        offset += -(-math.prod(shape) * number_bytes // 32) * 32
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32))
        file.truncate(len(head) + -len(head) % 32 + offset)
    return path


def under(prefix: str, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in shapes.items()}


def unet(context: int, *, channels: int = 4, linear: bool = False, sized: bool = False, levels: int = 3) -> dict[str, tuple[int, ...]]:
    """The telling names of a U-Net in its original layout."""
    project = (320, 320) if linear else (320, 320, 1, 1)
    return {
        "time_embed.0.weight": (1280, 320),
        **({"label_emb.0.0.weight": (1280, 2816)} if sized else {}),
        "input_blocks.0.0.weight": (320, channels, 3, 3),
        "input_blocks.1.1.proj_in.weight": project,
        "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, context),
        **{f"input_blocks.{3 * level}.0.op.weight": (320, 320, 3, 3) for level in range(1, levels)},
        "middle_block.0.in_layers.0.weight": (1280,),
        "output_blocks.0.0.in_layers.0.weight": (2560,),
        "output_blocks.11.1.transformer_blocks.0.norm1.bias": (320,),
        "out.2.weight": (4, 320, 3, 3),
    }


def diffusers_unet(context: int, *, channels: int = 4, sized: bool = False, levels: int = 3) -> dict[str, tuple[int, ...]]:
    return {
        "conv_in.weight": (320, channels, 3, 3),
        "time_embedding.linear_1.weight": (1280, 320),
        **({"add_embedding.linear_1.weight": (1280, 2816)} if sized else {}),
        **{f"down_blocks.{level}.downsamplers.0.conv.weight": (320, 320, 3, 3) for level in range(levels - 1)},
        "down_blocks.0.resnets.0.conv1.weight": (320, 320, 3, 3),
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, context),
        "up_blocks.0.resnets.0.conv1.weight": (320, 320, 3, 3),
        "conv_out.weight": (4, 320, 3, 3),
    }


def sd3(*, normed: bool = False, dual: bool = False) -> dict[str, tuple[int, ...]]:
    return {
        "pos_embed": (1, 36864, 1536),
        "context_embedder.weight": (1536, 4096),
        "joint_blocks.0.x_block.attn.qkv.weight": (4608, 1536),
        **({"joint_blocks.0.x_block.attn.ln_q.weight": (64,)} if normed else {}),
        **({"joint_blocks.0.x_block.attn2.qkv.weight": (4608, 1536)} if dual else {}),
    }


def flux(*, guidance: bool = True, entering: int = 64) -> dict[str, tuple[int, ...]]:
    return {
        "img_in.weight": (3072, entering),
        "double_blocks.0.img_attn.qkv.weight": (9216, 3072),
        "single_blocks.0.linear1.weight": (21504, 3072),
        "final_layer.linear.weight": (64, 3072),
        **({"guidance_in.in_layer.weight": (3072, 256)} if guidance else {}),
    }


def vae(channels: int = 4) -> dict[str, tuple[int, ...]]:
    return {"decoder.conv_in.weight": (512, channels, 3, 3), "decoder.up.0.block.0.conv1.weight": (128, 256, 3, 3)}


def clip(width: int) -> dict[str, tuple[int, ...]]:
    return {
        "text_model.embeddings.token_embedding.weight": (49408, width),
        "text_model.encoder.layers.0.self_attn.q_proj.weight": (width, width),
    }


def open_clip(width: int) -> dict[str, tuple[int, ...]]:
    return {"token_embedding.weight": (49408, width), "transformer.resblocks.0.attn.in_proj_weight": (3 * width, width)}


T5 = {"shared.weight": (32128, 4096), "encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)}

DENOISER = "model.diffusion_model."

SD1 = {**under(DENOISER, unet(768)), **under("first_stage_model.", vae()), **under("cond_stage_model.transformer.", clip(768))}
SD1_INPAINT = {**SD1, **under(DENOISER, unet(768, channels=9))}
SD2 = {
    **under(DENOISER, unet(1024, linear=True)),
    **under("first_stage_model.", vae()),
    **under("cond_stage_model.model.", open_clip(1024)),
}
SDXL = {
    **under(DENOISER, unet(2048, linear=True, sized=True)),
    **under("first_stage_model.", vae()),
    **under("conditioner.embedders.0.transformer.", clip(768)),
    **under("conditioner.embedders.1.model.", open_clip(1280)),
}
REFINER = {
    **under(DENOISER, unet(1280, linear=True, sized=True, levels=4)),
    **under("first_stage_model.", vae()),
    **under("conditioner.embedders.0.model.", open_clip(1280)),
}
SD3 = {
    **under(DENOISER, sd3()),
    **under("first_stage_model.", vae(16)),
    **under("text_encoders.clip_l.transformer.", clip(768)),
    **under("text_encoders.clip_g.transformer.", clip(1280)),
    **under("text_encoders.t5xxl.transformer.", T5),
}
FLUX = {
    **under(DENOISER, flux()),
    **under("vae.", vae(16)),
    **under("text_encoders.clip_l.transformer.", clip(768)),
    **under("text_encoders.t5xxl.transformer.", T5),
}


def kohya_lora(width: int = 768, end: str = ".lora_down.weight") -> dict[str, tuple[int, ...]]:
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    other = {".lora_down.weight": ".lora_up.weight"}[end]
    return {f"{layer}{end}": (8, width), f"{layer}{other}": (320, 8), f"{layer}.alpha": ()}

"""IP-Adapters and image encoders with a few thousand random weights, in the files in which they would be published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from webui.engine.adapters.ip_adapter import cross_attentions

State = dict[str, torch.Tensor]

TOKENS, ANSWER, SIDE = 64, 48, 28
"""Widths of the image encoder's tokens and of its answer, and the pixels of a side of what it looks at."""


def image_encoder(seed: int = 5) -> Any:
    """A CLIP image encoder of three layers that looks at four patches."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    sizes = {"hidden_size": TOKENS, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 1, "projection_dim": ANSWER}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes, image_size=SIDE, patch_size=14, hidden_act="gelu"))
        for tensor in encoder.state_dict().values():
            if tensor.is_floating_point():
                # Its first weights are so small that all pictures look alike.
                tensor.add_(torch.randn(tensor.shape) * 0.1)
    return encoder.eval().requires_grad_(False)


OPEN_CLIP = {
    r"^vision_model\.embeddings\.class_embedding$": "class_embedding",
    r"^vision_model\.embeddings\.position_embedding\.weight$": "positional_embedding",
    r"^vision_model\.embeddings\.patch_embedding\.": "conv1.",
    r"^vision_model\.pre_layrnorm\.": "ln_pre.",
    r"^vision_model\.post_layernorm\.": "ln_post.",
    r"^vision_model\.encoder\.layers\.": "transformer.resblocks.",
    r"\.layer_norm([12])\.": r".ln_\1.",
    r"\.mlp\.fc1\.": ".mlp.c_fc.",
    r"\.mlp\.fc2\.": ".mlp.c_proj.",
    r"\.self_attn\.out_proj\.": ".attn.out_proj.",
}


def as_open_clip(encoder: Any) -> State:
    """CLIPVisionModelWithProjection -> the names of open_clip."""
    state, result = encoder.state_dict(), {}
    for name, tensor in state.items():
        short = name
        for pattern, becomes in OPEN_CLIP.items():
            short = re.sub(pattern, becomes, short)
        query = re.match(r"(.+)\.self_attn\.q_proj\.(weight|bias)$", short)
        if query:
            rows = torch.cat([state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")])
            result[f"visual.{query[1]}.attn.in_proj_{query[2]}"] = rows
        elif name == "visual_projection.weight":
            result["visual.proj"] = tensor.T.contiguous()
        elif ".self_attn." not in short:
            result[f"visual.{short}"] = tensor
    return result


def adapter_state(unet: Any, version: str = "plain", seed: int = 0) -> State:
    """An IP-Adapter of that version for that U-Net, under the names of tencent-ailab/IP-Adapter."""
    text = unet.config.cross_attention_dim
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * 0.2

    shapes = {"plain": _plain, "full": _full, "plus": _plus}[version](text)
    state = {f"image_proj.{name}": numbers(*shape) for name, shape in shapes.items()}
    for place, attention in enumerate(cross_attentions(unet)):
        for leaf in ("to_k_ip", "to_v_ip"):
            state[f"ip_adapter.{2 * place + 1}.{leaf}.weight"] = numbers(attention.to_k.out_features, text)
    return state


def _plain(text: int) -> dict[str, tuple[int, ...]]:
    return {"proj.weight": (4 * text, ANSWER), "proj.bias": (4 * text,), "norm.weight": (text,), "norm.bias": (text,)}


def _full(text: int) -> dict[str, tuple[int, ...]]:
    shapes = {"proj.0.weight": (TOKENS, TOKENS), "proj.0.bias": (TOKENS,), "proj.2.weight": (text, TOKENS), "proj.2.bias": (text,)}
    return {**shapes, "proj.3.weight": (text,), "proj.3.bias": (text,)}


def _plus(text: int) -> dict[str, tuple[int, ...]]:
    width, inner = 32, 128
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (1, 6, width),
        "proj_in.weight": (width, TOKENS),
        "proj_in.bias": (width,),
        "proj_out.weight": (text, width),
        "proj_out.bias": (text,),
        "norm_out.weight": (text,),
        "norm_out.bias": (text,),
    }
    for layer in range(4):
        for norm in ("0.norm1", "0.norm2", "1.0"):
            shapes |= {f"layers.{layer}.{norm}.{leaf}": (width,) for leaf in ("weight", "bias")}
        shapes |= {f"layers.{layer}.0.to_q.weight": (inner, width), f"layers.{layer}.0.to_kv.weight": (2 * inner, width)}
        shapes |= {f"layers.{layer}.0.to_out.weight": (width, inner)}
        shapes |= {f"layers.{layer}.1.1.weight": (4 * width, width), f"layers.{layer}.1.3.weight": (width, 4 * width)}
    return shapes


def nested(state: State) -> dict[str, State]:
    """As diffusers takes it and old .bin files have it: a table of tables."""
    return {
        table: {name.removeprefix(f"{table}."): tensor for name, tensor in state.items() if name.startswith(f"{table}.")}
        for table in ("image_proj", "ip_adapter")
    }


def saved(state: State, path: Path) -> Path:
    """The file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path

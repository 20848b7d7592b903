"""The network in an IP-Adapter's file: from what an image encoder says of a picture to keys and values for a U-Net."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from diffusers.models.embeddings import ImageProjection, IPAdapterFullImageProjection, IPAdapterPlusImageProjection
from torch.nn import Module

from webui.engine.adapters.ip_adapter import PicturePrompt
from webui.errors import AdapterUnusable

TOKENS: Mapping[str, Callable[..., Module]] = {
    "plain": ImageProjection,
    "full": IPAdapterFullImageProjection,
    "plus": IPAdapterPlusImageProjection,
}
"""Version of an IP-Adapter -> what makes tokens: of the encoder's answer, or of all its tokens."""


class _KeysAndValues(Module):
    """Those of one cross-attention."""

    def __init__(self, text_width: int, width: int) -> None:
        super().__init__()
        self.to_k_ip = torch.nn.Linear(text_width, width, bias=False)
        self.to_v_ip = torch.nn.Linear(text_width, width, bias=False)


class IPAdapter(Module):
    """What an IP-Adapter's file holds. layers: for each cross-attention in the order of diffusers' U-Net: down, up, middle.

    text_width: of tokens, those of a prompt and those that it makes of pictures.
    """

    def __init__(self, version: str, tokens: Mapping[str, Any], text_width: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.image_proj = TOKENS[version](**tokens)
        self.layers = torch.nn.ModuleList([_KeysAndValues(text_width, width) for width in widths])
        self.reads_tokens = version != "plain"
        self.text_width = text_width

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> IPAdapter:
        """From the arguments of its making."""
        return cls(**config)

    def keys_and_values(self, seen: torch.Tensor) -> PicturePrompt:
        """What cross-attentions attend to. seen: (2, ...), what the encoder says of nothing and of the picture (see `look`)."""
        tokens = self.image_proj(seen)
        keys, values = (tuple(getattr(layer, name)(tokens) for layer in self.layers) for name in ("to_k_ip", "to_v_ip"))
        if not all(torch.isfinite(tensor).all() for tensor in (*keys, *values)):
            raise AdapterUnusable(
                "This IP-Adapter or its image encoder makes numbers of this picture that are none (NaN).",
                hint="Its weights may be damaged: download both again, or leave it out.",
            )
        return PicturePrompt(keys, values, self.text_width)

"""IP-Adapter: a picture as a part of the prompt, which the U-Net looks at in each of its cross-attentions.

An image encoder looks at the picture, and tokens are made of what it says. Each cross-attention attends to them by keys and values
of their own and adds what it finds to what it found in the prompt (Ye et al. 2023, arXiv:2308.06721, equation 5). Keys and values
are the same at every call, so they are made before the first one, and neither encoder nor adapter is needed while the U-Net draws.
They are put on as hooks, so it doesn't matter by which kernel or processor an attention computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import Module, functional

from webui.engine.adapters.controlnet import NegativeRows, Progress, takes_part
from webui.errors import AdapterUnusable

NEGATIVE, PROMPT = 0, 1
"""Rows of keys and values: what the negative prompt hears, which is nothing, and what the prompt hears."""

_MEAN, _SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on, red, green, blue in 0..1."""


@dataclass(frozen=True)
class PicturePrompt:
    """Keys and values of a picture: for each cross-attention (2, tokens, width), rows as NEGATIVE and PROMPT.

    text_width: of the prompt's tokens of the U-Nets that it is made for.
    """

    keys: tuple[torch.Tensor, ...]
    values: tuple[torch.Tensor, ...]
    text_width: int

    @property
    def widths(self) -> list[int]:
        """Of each cross-attention's keys."""
        return [keys.shape[-1] for keys in self.keys]

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))


@dataclass(frozen=True)
class PictureInPrompt:
    """A picture at work. weight, start, end: as of a Control."""

    prompt: PicturePrompt
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0


def pixels_for(picture: Image.Image) -> torch.Tensor:
    """A square picture as image encoders want it: (1, 3, side, side), fp32 on the CPU."""
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    mean, spread = (torch.tensor(each).view(1, 3, 1, 1) for each in (_MEAN, _SPREAD))
    return (pixels - mean) / spread


def look(encoder: Any, pixels: torch.Tensor, *, tokens: bool) -> torch.Tensor:
    """What an image encoder (CLIPVisionModelWithProjection) says of nothing and of a picture, in this order.

    tokens: its next to last layer's, (2, tokens, width), of nothing those of a picture of the mean colour; else its answer, (2, width),
    of nothing zeros. As diffusers' pipelines have it.
    """
    pixels = pixels.to(encoder.device, encoder.dtype)
    if tokens:
        both = [encoder(one, output_hidden_states=True).hidden_states[-2] for one in (torch.zeros_like(pixels), pixels)]
    else:
        answer = encoder(pixels).image_embeds
        both = [torch.zeros_like(answer), answer]
    return torch.cat(both)


def cross_attentions(unet: Module) -> list[Any]:
    """The attentions of a U-Net that look at the prompt, in the order in which IP-Adapters count them."""
    return [module for name, module in unet.named_modules() if name.endswith(".attn2")]


def require_fit(unet: Any, prompt: PicturePrompt) -> None:
    """Raise AdapterUnusable when keys and values are made for another family of U-Nets."""
    widths = [attention.to_k.out_features for attention in cross_attentions(unet)]
    if (unet.config.cross_attention_dim, widths) != (prompt.text_width, prompt.widths):
        raise AdapterUnusable(
            f"This IP-Adapter is not made for this kind of checkpoint: it is for prompts {prompt.text_width} numbers wide and "
            f"{len(prompt.widths)} cross-attentions, and the checkpoint has {unet.config.cross_attention_dim} and {len(widths)}.",
            hint="Pick an IP-Adapter of the checkpoint's family, or leave it out.",
        )


@contextmanager
def looking_at(
    unet: Module, pictures: Sequence[PictureInPrompt], progress: Progress, negative: NegativeRows = lambda: ()
) -> Iterator[None]:
    """Within the block the U-Net looks at pictures beside the prompt; after it the U-Net is as it was.

    What several give adds up. negative: tells which rows of the present call ask for the negative prompt.
    Raises AdapterUnusable when one is made for another family.
    """
    for picture in pictures:
        require_fit(unet, picture.prompt)
    seen: list[PictureInPrompt] = []

    def tell(module: Module, arguments: tuple[Any, ...], told: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        seen[:] = [picture for picture in pictures if takes_part(picture, *progress())]
        if not seen:
            return None
        tokens = told["encoder_hidden_states"]
        return arguments, told | {"encoder_hidden_states": torch.cat([tokens, _marks(tokens, negative())], dim=1)}

    with ExitStack() as stack:
        stack.callback(unet.register_forward_pre_hook(tell, with_kwargs=True).remove)
        for number, attention in enumerate(cross_attentions(unet)):
            looking = _Looking(number, attention.heads, seen)
            stack.callback(attention.register_forward_pre_hook(looking.take_mark, with_kwargs=True).remove)
            stack.callback(attention.to_q.register_forward_hook(looking.take_queries).remove)
            stack.callback(attention.to_out[0].register_forward_pre_hook(looking.add).remove)
        yield


def _marks(tokens: torch.Tensor, negative: Sequence[bool]) -> torch.Tensor:
    """One more token for each row, filled with NEGATIVE or PROMPT.

    It travels with the row, since a call may be cut into parts on its way to the attentions where memory is short.
    """
    rows = [NEGATIVE if row < len(negative) and negative[row] else PROMPT for row in range(len(tokens))]
    return torch.tensor(rows, dtype=tokens.dtype).to(tokens.device)[:, None, None].expand(-1, 1, tokens.shape[-1])


@dataclass
class _Looking:
    """What is done in one cross-attention. number: its place among all. seen: the pictures of the present call."""

    number: int
    heads: int
    seen: Sequence[PictureInPrompt]
    rows: torch.Tensor = field(init=False, repr=False)
    queries: torch.Tensor = field(init=False, repr=False)

    def take_mark(self, module: Module, arguments: tuple[Any, ...], told: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Before the attention: it gets the prompt's tokens alone."""
        if not self.seen:
            return None
        tokens = told["encoder_hidden_states"]
        self.rows = tokens[:, -1, 0].long()
        return arguments, told | {"encoder_hidden_states": tokens[:, :-1].contiguous()}

    def take_queries(self, module: Module, arguments: tuple[Any, ...], queries: torch.Tensor) -> None:
        """Once it has its queries, (rows, places, width)."""
        self.queries = queries

    def add(self, module: Module, arguments: tuple[Any, ...]) -> tuple[torch.Tensor] | None:
        """Before its last layer: what was found in the pictures is added to what was found in the prompt."""
        if not self.seen:
            return None
        (found,) = arguments
        for picture in self.seen:
            keys, values = picture.prompt.keys[self.number], picture.prompt.values[self.number]
            found = found + picture.weight * self._attended(keys, values).to(found.dtype)
        del self.queries
        return (found,)

    def _attended(self, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.queries, *(each.to(self.queries.dtype)[self.rows] for each in (keys, values)))
        )
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)

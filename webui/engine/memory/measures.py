"""Ways to need less memory, each put on for a block and taken off exactly: fewer latents in one pass, tiles for the VAE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import _pytree as trees

from webui.planning.memory import ONE_BY_ONE, TILED, WHOLE
from webui.planning.peaks import tile_side


@contextmanager
def rows_at_once(module: torch.nn.Module, rows: int) -> Iterator[None]:
    """Within the block no call of `module` sees more than `rows` rows: further ones are asked one part after the other.

    Rows are the first dimension of the first argument; every tensor that has as many is cut with it.
    """
    forward = module.forward

    def in_parts(*args: Any, **kwargs: Any) -> Any:
        total = args[0].shape[0]
        if total <= rows:
            return forward(*args, **kwargs)
        answers = []
        for start in range(0, total, rows):
            part, named = trees.tree_map(lambda leaf, at=slice(start, start + rows): _cut(leaf, total, at), (args, kwargs))
            answers.append(forward(*part, **named))
        return trees.tree_map(lambda *leaves: torch.cat(leaves) if isinstance(leaves[0], torch.Tensor) else leaves[0], *answers)

    with with_attributes(module, forward=in_parts):
        yield


def _cut(leaf: Any, total: int, at: slice) -> Any:
    return leaf[at] if isinstance(leaf, torch.Tensor) and leaf.ndim and leaf.shape[0] == total else leaf


@contextmanager
def decoding(vae: Any, how: str, width: int, height: int) -> Iterator[None]:
    """Within the block the VAE decodes pictures of that size whole, one by one, or in tiles (which are blended where they overlap)."""
    if how == WHOLE:
        yield
        return
    changes: dict[str, Any] = {"use_slicing": how in (ONE_BY_ONE, TILED)}
    if how == TILED:
        side = tile_side(width, height)
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        changes |= {"use_tiling": True, "tile_sample_min_size": side, "tile_latent_min_size": side // factor}
    with with_attributes(vae, **changes):
        yield


@contextmanager
def with_attributes(thing: Any, **changes: Any) -> Iterator[None]:
    """These attributes for the block; after it those that the object itself had before, and no others."""
    before = {name: vars(thing)[name] for name in changes if name in vars(thing)}
    vars(thing).update(changes)
    try:
        yield
    finally:
        for name in changes:
            if name in before:
                vars(thing)[name] = before[name]
            else:
                del vars(thing)[name]

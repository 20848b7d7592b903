"""Face restorers written into files as people have them: one colour instead of a face, or the published size with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file


def plain_restorer(path: Path, colour: tuple[float, float, float] = (1.0, -1.0, -1.0)) -> Path:
    """A small RestoreFormer that makes one colour (-1..1) of every face: red by itself."""
    from spandrel.architectures.RestoreFormer import RestoreFormer

    torch.manual_seed(3)
    sizes = {"n_embed": 8, "embed_dim": 16, "z_channels": 16, "ch": 32, "ch_mult": (1, 1, 1, 1, 1, 1), "num_res_blocks": 1}
    more = {"out_ch": 3, "attn_resolutions": (16,), "resolution": 512, "double_z": False, "enable_mid": True, "head_size": 8}
    weights = {name: tensor.contiguous().clone() for name, tensor in RestoreFormer(**sizes, **more).state_dict().items()}
    weights["decoder.conv_out.weight"].zero_()
    weights["decoder.conv_out.bias"] = torch.tensor(colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    return path


def whole_gfpgan(path: Path) -> Path:
    """A GFPGAN as large as the published ones (spandrel knows no other size), in half precision to spare the disk."""
    from spandrel.architectures.GFPGAN import GFPGAN

    torch.manual_seed(4)
    return _kept(GFPGAN(), path)


def whole_codeformer(path: Path) -> Path:
    """A CodeFormer likewise, but with one layer of its transformer and few codes."""
    from spandrel_extra_arches.architectures.CodeFormer import CodeFormer

    torch.manual_seed(5)
    return _kept(CodeFormer(dim_embd=64, n_layers=1, codebook_size=16), path)


def _kept(module: torch.nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in module.state_dict().items()}
    torch.save({"params_ema": weights}, path)
    return path

"""Small upscalers with random weights, of architectures that spandrel knows, written into files as people have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file


def _swin(kind: str, scale: int = 2, **more: Any) -> torch.nn.Module:
    from spandrel.architectures.HAT import HAT
    from spandrel.architectures.Swin2SR import Swin2SR
    from spandrel.architectures.SwinIR import SwinIR

    sizes = {"img_size": 16, "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 2], "window_size": 8, "mlp_ratio": 2, "upscale": scale}
    return {"SwinIR": SwinIR, "HAT": HAT, "Swin2SR": Swin2SR}[kind](**sizes, upsampler="pixelshuffle", **more)


def _compact(scale: int = 2) -> torch.nn.Module:
    from spandrel.architectures.Compact import Compact

    return Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale)


def _esrgan(scale: int = 4) -> torch.nn.Module:
    from spandrel.architectures.ESRGAN import ESRGAN

    return ESRGAN(num_filters=8, num_blocks=1, scale=scale)


def _span() -> torch.nn.Module:
    from spandrel.architectures.SPAN import SPAN

    return SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2)


def _dat() -> torch.nn.Module:
    from spandrel.architectures.DAT import DAT

    return DAT(img_size=16, embed_dim=32, split_size=[2, 4], depth=[2], num_heads=[2], expansion_factor=2, upscale=2)


def _safmn() -> torch.nn.Module:
    from spandrel.architectures.SAFMN import SAFMN

    return SAFMN(dim=8, n_blocks=1, upscaling_factor=2)


def _omnisr() -> torch.nn.Module:
    from spandrel.architectures.OmniSR import OmniSR

    return OmniSR(num_feat=8, res_num=1, up_scale=2)


def _plksr() -> torch.nn.Module:
    from spandrel.architectures.PLKSR import RealPLKSR

    return RealPLKSR(dim=8, n_blocks=1, upscaling_factor=2)


def _real_cugan() -> torch.nn.Module:
    from spandrel.architectures.RealCUGAN import UpCunet2x

    return UpCunet2x()


def _scunet() -> torch.nn.Module:
    from spandrel.architectures.SCUNet import SCUNet

    return SCUNet(config=[1] * 7, dim=64)


def _mosr() -> torch.nn.Module:
    from spandrel.architectures.MoSR import MoSR

    return MoSR(upscale=2, n_block=1, dim=8)


def _grey() -> torch.nn.Module:
    from spandrel.architectures.Compact import Compact

    return Compact(num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=2, upscale=2)


TINY: Mapping[str, Callable[[], torch.nn.Module]] = {
    "Compact": _compact,
    "ESRGAN": _esrgan,
    "SPAN": _span,
    "SwinIR": lambda: _swin("SwinIR"),
    "Swin2SR": lambda: _swin("Swin2SR"),
    "HAT": lambda: _swin("HAT", squeeze_factor=3),
    "DAT": _dat,
    "SAFMN": _safmn,
    "OmniSR": _omnisr,
    "RealPLKSR": _plksr,
    "RealCUGAN": _real_cugan,
    "SCUNet": _scunet,
    "MoSR": _mosr,
    "grey": _grey,
}
"""Architecture -> a small module of it."""


def tiny_weights(name: str, seed: int = 5) -> dict[str, torch.Tensor]:
    """The state dict of a small model of that architecture."""
    torch.manual_seed(seed)
    return {key: tensor.contiguous().clone() for key, tensor in TINY[name]().state_dict().items()}


def write_tiny(folder: Path, name: str, *, form: str = "safetensors", table: str = "") -> Path:
    """A small model of that architecture in a file. form: its ending; table: what its weights stand in, as in published .pth files."""
    path = folder / f"tiny-{name}.{form}"
    weights = tiny_weights(name)
    if form == "safetensors":
        save_file(weights, path)
    else:
        torch.save({table: weights} if table else weights, path)
    return path

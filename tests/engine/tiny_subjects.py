"""Tiny networks of the layers of U²-Net and IS-Net, with weights set by hand: their subject is what is rather red than blue."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from webui.engine.subject_network import STAGES, SubjectNetwork

WIDTH = 4


def sees_red(entry: int = 0) -> SubjectNetwork:
    """Such a network, in eval mode. entry: channels of the first convolution of an IS-Net; 0: a U²-Net."""
    inputs = {"stage1": entry or 3} | {name: 2 * WIDTH for name in STAGES if name.endswith("d")}
    network = SubjectNetwork({name: [inputs.get(name, WIDTH), 2, WIDTH] for name in STAGES}, entry).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "bn_s1" not in name:
                parameter.zero_()
        # From the picture's difference of red and blue along the top level alone, past what the blocks do within, to the answer.
        first = network.conv_in if entry else network.get_submodule("stage1.rebnconvin.conv_s1")
        first.weight[0, 0, 1, 1], first.weight[0, 2, 1, 1] = 1, -1  # type: ignore[index, operator, union-attr]
        if entry:
            network.get_submodule("stage1.rebnconvin.conv_s1").weight[0, 0, 1, 1] = 1  # type: ignore[index, operator, union-attr]
        network.get_submodule("stage1d.rebnconvin.conv_s1").weight[0, WIDTH, 1, 1] = 1  # type: ignore[index, operator, union-attr]
        side = network.get_submodule("side1")
        side.weight[0, 0, 1, 1], side.bias[0] = 40, -8  # type: ignore[index, operator, union-attr]
        if not entry:
            network.get_submodule("outconv").weight[0, 0, 0, 0] = 1  # type: ignore[index, operator, union-attr]
    return network


def save_subject_model(path: Path, entry: int = 0, prefix: str = "", **more: torch.Tensor) -> SubjectNetwork:
    """Such a network as a file, by its ending safetensors or an old pickle. more: further tensors in it."""
    network = sees_red(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"{prefix}{name}": tensor.contiguous() for name, tensor in network.state_dict().items()} | more
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return network

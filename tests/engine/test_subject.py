"""Models that find a subject: told by their tensors, built as published, and a tiny one that was taught finds a disc."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from webui.catalog.describe import describe
from webui.catalog.roots import Place, find_models
from webui.engine.device import Device
from webui.engine.loading.component import load_component
from webui.engine.loading.subject import open_subject_model, subject_config
from webui.engine.subject import find_subject
from webui.engine.subject_network import STAGES, SubjectNetwork
from webui.errors import AdapterUnusable

PUBLISHED = {
    "u2net": ([3, 32, 64], [64, 32, 128], [128, 64, 256], [256, 128, 512], [512, 256, 512], [512, 256, 512])
    + ([1024, 256, 512], [1024, 128, 256], [512, 64, 128], [256, 32, 64], [128, 16, 64]),
    "u2netp": ([3, 16, 64], *[[64, 16, 64]] * 5, *[[128, 16, 64]] * 5),
}
"""Widths of the published networks' stages, as they stand in their code."""


def tiny(entry: int = 0, width: int = 8) -> SubjectNetwork:
    """A network of the same layers, of few channels."""
    inputs = {"stage1": entry or 3} | {name: 2 * width for name in STAGES if name.endswith("d")}
    return SubjectNetwork({name: [inputs.get(name, width), width // 2, width] for name in STAGES}, entry)


def disc(seed: int, size: int = 64) -> tuple[Image.Image, Image.Image]:
    """A picture of a disc in warm colours before cool ones, and where the disc is."""
    rng = np.random.default_rng(seed)
    ground = tuple(int(one) for one in rng.integers(0, 110, 2)) + (int(rng.integers(140, 256)),)
    picture, where = Image.new("RGB", (size, size), ground), Image.new("L", (size, size))
    radius = int(rng.integers(size // 6, size // 3))
    x, y = (int(one) for one in rng.integers(radius, size - radius, 2))
    box = (x - radius, y - radius, x + radius, y + radius)
    ImageDraw.Draw(picture).ellipse(box, fill=(int(rng.integers(180, 256)), int(rng.integers(60, 160)), int(rng.integers(0, 60))))
    ImageDraw.Draw(where).ellipse(box, fill=255)
    return picture, where


def taught() -> SubjectNetwork:
    """A tiny network that has seen some discs: it finds others."""
    torch.manual_seed(0)
    network = tiny().train()
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for start in range(0, 160, 8):
        pairs = [disc(seed) for seed in range(start, start + 8)]
        seen = torch.stack([torch.from_numpy(np.asarray(picture, np.float32)) / 255 for picture, _ in pairs])
        seen = ((seen / seen.amax((1, 2, 3), keepdim=True)) - mean) / deviation
        wanted = torch.stack([torch.from_numpy(np.asarray(where, np.float32)) / 255 for _, where in pairs])[:, None]
        loss = torch.nn.functional.binary_cross_entropy(network(seen.permute(0, 3, 1, 2)), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def save(network: SubjectNetwork, path: Path, prefix: str = "", **more: torch.Tensor) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"{prefix}{name}": tensor.contiguous() for name, tensor in network.state_dict().items()} | more
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)
    return path


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_networks_are_built_as_they_were(name: str) -> None:
    with torch.device("meta"):
        network = SubjectNetwork(dict(zip(STAGES, PUBLISHED[name], strict=True)), 0)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert subject_config(shapes) == {"widths": dict(zip(STAGES, PUBLISHED[name], strict=True)), "entry": 0}
    # As many numbers as the papers say: 44.0 and 1.13 million.
    count = sum(parameter.numel() for parameter in network.parameters())
    assert round(count / 1e6, 1) == {"u2net": 44.0, "u2netp": 1.1}[name]


def test_what_such_a_file_is_its_header_says(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "cut_out" / "plain.safetensors")
    save(tiny(entry=8), tmp_path / "cut_out" / "fine.safetensors", "net.", side2=torch.zeros(1))
    kinds = {found.path.stem: describe(found).kind for found in find_models([Place(tmp_path / "cut_out", "cut_out")])}
    assert {name: (kind.kind, kind.version) for name, kind in kinds.items()} == {
        "plain": ("cut_out", "U²-Net"),
        "fine": ("cut_out", "IS-Net"),
    }


@pytest.mark.parametrize(
    ("entry", "file", "prefix"), [(0, "a.safetensors", ""), (0, "a.pth", "module."), (8, "b.safetensors", "net."), (8, "b.ckpt", "")]
)
def test_a_file_gives_what_the_network_gave(tmp_path: Path, device: Device, entry: int, file: str, prefix: str) -> None:
    torch.manual_seed(1)
    network = tiny(entry).eval()
    path = save(network, tmp_path / file, prefix)
    loaded: Any = load_component(open_subject_model(path, tmp_path / "cache"), device)
    picture, _ = disc(3)
    assert find_subject(picture, loaded).tobytes() == find_subject(picture, network).tobytes()


def test_what_is_no_such_model_is_told(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(AdapterUnusable):
        open_subject_model(tmp_path / "other.safetensors")
    part = {name: tensor for name, tensor in tiny().state_dict().items() if not name.startswith("stage4.rebnconvin.conv")}
    save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(AdapterUnusable):
        open_subject_model(tmp_path / "part.safetensors")


def test_a_taught_network_finds_the_subject() -> None:
    network = taught()
    for seed in (1001, 1002, 1003):
        picture, where = disc(seed, 96)
        found, wanted = (np.asarray(one) > 127 for one in (find_subject(picture, network), where))
        assert (found & wanted).sum() / (found | wanted).sum() > 0.7

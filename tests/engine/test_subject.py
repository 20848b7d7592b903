"""Models that find a subject: told by their tensors, built as published, and a tiny one finds a disc."""

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

from .tiny_subjects import save_subject_model, sees_red

PUBLISHED = {
    "u2net": (
        *([3, 32, 64], [64, 32, 128], [128, 64, 256], [256, 128, 512], [512, 256, 512], [512, 256, 512]),
        *([1024, 256, 512], [1024, 128, 256], [512, 64, 128], [256, 32, 64], [128, 16, 64]),
    ),
    "u2netp": ([3, 16, 64], *[[64, 16, 64]] * 5, *[[128, 16, 64]] * 5),
}
"""Widths of the published networks' stages, as they stand in their code."""


def disc(size: int = 96) -> tuple[Image.Image, Image.Image]:
    """A picture of an orange disc before blue, and where the disc is."""
    picture, where = Image.new("RGB", (size, size), (40, 70, 200)), Image.new("L", (size, size))
    box = (size // 4, size // 3, size // 4 * 3, size // 3 + size // 2)
    ImageDraw.Draw(picture).ellipse(box, fill=(240, 130, 30))
    ImageDraw.Draw(where).ellipse(box, fill=255)
    return picture, where


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
    save_subject_model(tmp_path / "cut_out" / "plain.safetensors")
    save_subject_model(tmp_path / "cut_out" / "fine.safetensors", 8, "net.", side2=torch.zeros(1))
    kinds = {found.path.stem: describe(found).kind for found in find_models([Place(tmp_path / "cut_out", "cut_out")])}
    assert {name: (kind.kind, kind.version) for name, kind in kinds.items()} == {
        "plain": ("cut_out", "U²-Net"),
        "fine": ("cut_out", "IS-Net"),
    }


@pytest.mark.parametrize(
    ("entry", "file", "prefix"), [(0, "a.safetensors", ""), (0, "a.pth", "module."), (8, "b.safetensors", "net."), (8, "b.ckpt", "")]
)
def test_a_file_gives_what_the_network_gave(tmp_path: Path, device: Device, entry: int, file: str, prefix: str) -> None:
    network = save_subject_model(tmp_path / file, entry, prefix)
    loaded: Any = load_component(open_subject_model(tmp_path / file, tmp_path / "cache"), device)
    picture, where = disc()
    found = find_subject(picture, loaded)
    assert found.tobytes() == find_subject(picture, network).tobytes()
    assert found.size == picture.size and np.abs(np.asarray(found).astype(int) - np.asarray(where)).mean() < 6


def test_what_is_no_such_model_is_told(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(AdapterUnusable):
        open_subject_model(tmp_path / "other.safetensors")
    part = {name: tensor for name, tensor in sees_red().state_dict().items() if not name.startswith("stage4.rebnconvin.conv")}
    save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(AdapterUnusable):
        open_subject_model(tmp_path / "part.safetensors")


def test_a_picture_with_no_subject_has_none() -> None:
    for entry in (0, 8):
        found = find_subject(Image.new("RGB", (32, 24), (40, 70, 200)), sees_red(entry))
        assert found.getextrema() == (0, 0)

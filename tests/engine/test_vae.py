"""Another VAE in place of the checkpoint's own."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from webui.engine.adapters.vae import with_vae
from webui.engine.device import Device
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import load_component
from webui.engine.memory.manager import ModelManager
from webui.errors import AdapterUnusable

from .drawing import CHECKPOINT, Recorder, digests, job, pixels
from .original_layouts import vae_as_published

OWN = CHECKPOINT / "vae" / "diffusion_pytorch_model.safetensors"


def brighter() -> dict[str, torch.Tensor]:
    """The checkpoint's own VAE, but all its pictures are brighter."""
    tensors = load_file(OWN)
    tensors["decoder.conv_out.bias"] += 0.25
    return tensors


def as_file(folder: Path) -> Path:
    save_file(brighter(), folder / "bright.safetensors")
    return folder / "bright.safetensors"


def as_published(folder: Path) -> Path:
    config = SimpleNamespace(block_out_channels=json.loads((CHECKPOINT / "vae" / "config.json").read_text())["block_out_channels"])
    tensors = vae_as_published(SimpleNamespace(config=config, state_dict=brighter), "")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "bright.safetensors")
    return folder / "bright.safetensors"


def as_folder(folder: Path) -> Path:
    target = folder / "bright"
    target.mkdir()
    shutil.copy(CHECKPOINT / "vae" / "config.json", target)
    save_file(brighter(), target / "diffusion_pytorch_model.safetensors")
    return target


def in_a_checkpoint(folder: Path) -> Path:
    as_folder(folder).rename(folder / "vae")
    return folder


def as_listed(folder: Path) -> Path:
    """The catalog lists the file with the weights."""
    return as_folder(folder) / "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize("put", [as_file, as_published, as_folder, in_a_checkpoint, as_listed])
def test_every_form_is_the_same_vae(tmp_path: Path, device: Device, put: Any) -> None:
    source = open_checkpoint(CHECKPOINT)
    changed = with_vae(source, put(tmp_path))
    vae: Any = load_component(changed.components["vae"], device)
    expected = brighter()
    assert vae.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name].to(tensor.dtype).reshape(tensor.shape)) for name, tensor in vae.state_dict().items())
    own: Any = load_component(source.components["vae"], device)
    assert vae.config.scaling_factor == own.config.scaling_factor
    assert vae.config.norm_num_groups == own.config.norm_num_groups
    assert changed.content != source.content
    assert {kind: part for kind, part in changed.components.items() if kind != "vae"} == {
        kind: part for kind, part in source.components.items() if kind != "vae"
    }


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    changed = with_vae(open_checkpoint(CHECKPOINT), as_file(tmp_path))
    assert changed.unchanged()
    save_file({**brighter(), "one_more": torch.zeros(1)}, tmp_path / "bright.safetensors")
    assert not changed.unchanged()


def test_the_picture_is_made_with_it_and_without_it_again(recorder: Recorder, tmp_path: Path) -> None:
    spec = job(width=64, height=64, steps=2)
    plain = recorder.run(spec)
    bright = recorder.run(dataclasses.replace(spec, vae_path=str(as_file(tmp_path))))
    first, second = (next(pixels(event).astype(int) for event in events if event.type == "picture") for events in (plain, bright))
    assert (second - first).mean() > 10
    assert digests(recorder.run(spec)) == digests(plain)


def test_all_other_parts_are_shared(tmp_path: Path, device: Device) -> None:
    manager = ModelManager(device)
    own = manager.get(CHECKPOINT, lambda: None)
    weight = own.parts["denoiser"].get_parameter("conv_in.weight")
    other = manager.get(CHECKPOINT, lambda: None, as_file(tmp_path))
    assert other.parts["denoiser"].get_parameter("conv_in.weight") is weight
    assert other.text_identity == own.text_identity
    assert manager.get(CHECKPOINT, lambda: None).parts["denoiser"].get_parameter("conv_in.weight") is weight


def test_one_that_makes_other_latents_is_refused_and_the_checkpoint_goes_on(recorder: Recorder, tmp_path: Path) -> None:
    tensors = brighter()
    tensors["decoder.conv_in.weight"] = torch.zeros(tensors["decoder.conv_in.weight"].shape[0], 16, 3, 3)
    save_file(tensors, tmp_path / "wide.safetensors")
    spec = job(width=64, height=64, steps=1)
    plain = digests(recorder.run(spec))
    with pytest.raises(AdapterUnusable, match="16 channels of latents") as raised:
        recorder.run(dataclasses.replace(spec, vae_path=str(tmp_path / "wide.safetensors")))
    assert raised.value.field == "vae"
    assert digests(recorder.run(spec)) == plain


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"<html>", "web page"), (None, "not a VAE"), ("incomplete", "not complete"), ("gone", "No such file")],
)
def test_files_that_are_no_vae(tmp_path: Path, content: Any, words: str) -> None:
    path = tmp_path / "bright.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is None:
        save_file({"emb_params": torch.zeros(1, 4)}, path)
    elif content == "incomplete":
        save_file({name: tensor for name, tensor in brighter().items() if name.startswith("decoder.")}, path)
    with pytest.raises(AdapterUnusable, match=words):
        with_vae(open_checkpoint(CHECKPOINT), path)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(AdapterUnusable, match="holds no"):
        with_vae(open_checkpoint(CHECKPOINT), tmp_path)

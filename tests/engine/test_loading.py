"""Broken checkpoints: said in words, and the one in use goes on drawing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from webui.engine.conditioning import Wording, encode_text
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import realise
from webui.errors import CheckpointUnusable, EaselError, GenerationFailed
from webui.generation.events import Stage

from .drawing import CHECKPOINT, Recorder, digests, job

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


def load(path: Path, device: Device) -> StableDiffusion:
    family = realise(open_checkpoint(path), device)
    assert isinstance(family, StableDiffusion)
    return family


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped checkpoint to break."""
    folder = tmp_path / "copy"
    shutil.copytree(CHECKPOINT, folder)
    return folder


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))


def _without(path: Path, ending: str) -> None:
    tensors = load_file(path)
    save_file({key: value for key, value in tensors.items() if not key.endswith(ending)}, path)


def _pickle_only(folder: Path) -> None:
    (folder / UNET).rename(folder / "unet" / "diffusion_pytorch_model.bin")


BREAK: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda folder: _truncate(folder / UNET), "unet.*cut off"),
    "web page": (lambda folder: (folder / TEXT).write_text("<!DOCTYPE html><html>Log in</html>"), "text_encoder.*web page"),
    "lfs pointer": (lambda folder: (folder / VAE).write_text("version https://git-lfs.github.com/spec/v1\noid"), "vae.*git-lfs pointer"),
    "empty": (lambda folder: (folder / VAE).write_bytes(b""), "vae.*empty"),
    "garbage": (lambda folder: (folder / VAE).write_bytes(os.urandom(1000)), "vae.*damaged"),
    "no weights": (lambda folder: (folder / VAE).unlink(), "vae.*no diffusion_pytorch_model.safetensors"),
    "no part": (lambda folder: shutil.rmtree(folder / "text_encoder"), "no text_encoder/config.json"),
    "no tokenizer": (lambda folder: shutil.rmtree(folder / "tokenizer"), "tokenizer"),
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "no model_index.json"),
    "no scheduler": (lambda folder: (folder / "scheduler" / "scheduler_config.json").unlink(), "no scheduler/scheduler_config.json"),
    "broken json": (lambda folder: (folder / "unet" / "config.json").write_text("{"), "unet/config.json"),
    "other kind": (lambda folder: _edit(folder / "model_index.json", _class_name="SomePipeline"), "SomePipeline"),
    "unknown prediction": (lambda folder: _edit(folder / "scheduler/scheduler_config.json", prediction_type="flow"), "flow"),
    "other shapes": (lambda folder: _edit(folder / "unet/config.json", block_out_channels=[32, 64, 128]), "unet.*does not fit"),
    "missing tensor": (lambda folder: _without(folder / UNET, "conv_in.weight"), "unet.*lacks 1 tensors.*conv_in.weight"),
    "missing text tensor": (lambda folder: _without(folder / TEXT, "final_layer_norm.weight"), "text_encoder.*lacks 1 tensors"),
    "pickle": (_pickle_only, "only diffusion_pytorch_model.bin"),
}


@pytest.mark.parametrize("name", BREAK)
def test_a_broken_checkpoint_is_named_and_the_old_one_stays(recorder: Recorder, copy: Path, name: str) -> None:
    size = {"width": 64, "height": 64, "steps": 1}
    before = digests(recorder.run(job(**size)))
    breaking, words = BREAK[name]
    breaking(copy)
    with pytest.raises(CheckpointUnusable, match=words) as caught:
        recorder.run(job(path=copy, **size))
    assert caught.value.hint
    events = recorder.run(job(**size))
    assert not any(isinstance(event, Stage) for event in events), "the old one was loaded again"
    assert digests(events) == before


def test_a_folder_that_is_not_there(recorder: Recorder, tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnusable, match="gone is not there"):
        recorder.run(job(path=tmp_path / "gone"))


@pytest.mark.parametrize(("file", "tensor", "who"), [(UNET, "conv_out.bias", "denoiser"), (VAE, "decoder.conv_out.bias", "VAE")])
def test_weights_that_are_nan_are_found_while_drawing(device: Device, copy: Path, file: str, tensor: str, who: str) -> None:
    tensors = load_file(copy / file)
    tensors[tensor] = torch.full_like(tensors[tensor], float("nan"))
    save_file(tensors, copy / file)
    with pytest.raises(GenerationFailed, match=f"{who}.*NaN"):
        Recorder(Engine(device)).run(job(path=copy, width=64, height=64, steps=1))


def test_changed_files_are_loaded_again(device: Device, copy: Path) -> None:
    recorder = Recorder(Engine(device))
    spec = job(path=copy, width=64, height=64, steps=2)
    before = digests(recorder.run(spec))
    tensors = load_file(copy / TEXT)
    save_file({key: value * 1.5 if key.endswith("fc1.weight") else value for key, value in tensors.items()}, copy / TEXT)
    events = recorder.run(spec)
    assert any(isinstance(event, Stage) for event in events)
    assert digests(events) != before


def test_the_fp16_variant_is_found(device: Device, copy: Path) -> None:
    for file in (UNET, VAE, TEXT):
        path = copy / file
        path.rename(path.with_name(path.stem + ".fp16.safetensors"))
    family = load(copy, device)
    assert family.unet.dtype == family.vae.dtype == family.text.text_encoder.dtype == torch.float32


def test_folders_as_published_years_ago_load_the_same(device: Device, family: StableDiffusion, copy: Path) -> None:
    """The text encoder's names begin with text_model., position ids are among the weights, the tokenizer is two files."""
    tensors = {f"text_model.{key}": value for key, value in load_file(copy / TEXT).items()}
    save_file(tensors | {"text_model.embeddings.position_ids": torch.arange(77)[None]}, copy / TEXT, {"format": "pt"})
    model = json.loads((copy / "tokenizer" / "tokenizer.json").read_text("utf-8"))["model"]
    (copy / "tokenizer" / "tokenizer.json").unlink()
    (copy / "tokenizer" / "vocab.json").write_text(json.dumps(model["vocab"]), "utf-8")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (copy / "tokenizer" / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", "utf-8")
    old = load(copy, device)
    for prompt in ("a red apple on a sky blue background", "Ünïcode, 猫 (cat)!", ""):
        assert old.text.tokenize(prompt) == family.text.tokenize(prompt)
        with torch.no_grad():
            assert torch.equal(encode_text(old, prompt, Wording(2)).tokens, encode_text(family, prompt, Wording(2)).tokens)


def test_nothing_is_asked_of_the_network(device: Device, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    load(copy, device)
    shutil.rmtree(copy / "text_encoder")
    with pytest.raises(EaselError):
        load(copy, device)

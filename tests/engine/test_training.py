"""LoRA training: its arithmetic against definitions, and the real thing on the shipped checkpoint and on a tiny SDXL."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from webui.engine.families.sd import StableDiffusion
from webui.engine.training.captions import as_batch, encode_caption
from webui.engine.training.objective import losses_of, predicts_v, rate_at, weights_of
from webui.engine.training.order import Order
from webui.engine.training.session import Stopped, train
from webui.errors import Conflict, InvalidRequest
from webui.generation.events import Picture
from webui.generation.job import LoraUse
from webui.training.job import TrainingJob
from webui.training.recipe import Train
from webui.training.run_folder import RunFolder

from . import tiny_checkpoints
from .drawing import CHECKPOINT, THREADS, Recorder, job, pixels

ROOT = Path(__file__).resolve().parents[2]
ORANGE = (230, 120, 20)


def pictures(folder: Path, count: int = 4, colour: tuple[int, int, int] = ORANGE, side: int = 96) -> Path:
    """A folder of pictures of one colour with a darker shape in each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("RGB", (side, side), colour)
        picture.paste(tuple(part // 2 for part in colour), (8 + 10 * number, 20, 40 + 10 * number, 60))  # type: ignore[arg-type]
        picture.save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"shape {number}", "utf-8")
    return folder


def training_job(tmp_path: Path, name: str = "run", **fields: Any) -> TrainingJob:
    """A quick run on the shipped checkpoint in fp32."""
    folder = fields.pop("folder", None) or pictures(tmp_path / "pictures")
    usual = {"model": "easel-emoji", "steps": 3, "rank": 2, "alpha": 2, "resolution": 64, "preview_every": 0, "trigger": "sks"}
    recipe = Train(**{**usual, "folder": str(folder), **fields})
    target = tmp_path / "loras" / f"{name}.safetensors"
    return TrainingJob(recipe, CHECKPOINT, "easel-emoji", "sd1", tmp_path / name, target, device="cpu", dtype="float32", threads=THREADS)


class StopAt:
    """Stops a run the so-many-th time it asks."""

    def __init__(self, asks: int) -> None:
        self._left = asks

    def heed(self, park: Callable[[], None], go_on: Callable[[], None]) -> None:
        self._left -= 1
        if self._left <= 0:
            raise Stopped


def test_min_snr_is_as_published() -> None:
    signal = torch.tensor([0.999, 0.5, 0.01])
    snr = signal / (1 - signal)
    torch.testing.assert_close(weights_of(signal, 5.0, velocity=False), torch.minimum(snr, torch.tensor(5.0)) / snr)
    torch.testing.assert_close(weights_of(signal, 5.0, velocity=True), torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))
    assert weights_of(signal, 0.0, velocity=True).tolist() == [1, 1, 1]


def test_the_rate_rises_and_falls() -> None:
    assert [rate_at(step, 10, "constant", 4) for step in (0, 3, 4, 9)] == [0.25, 1.0, 1.0, 1.0]
    assert rate_at(5, 10, "cosine", 0) == pytest.approx(0.5)
    assert rate_at(9, 10, "linear", 0) == pytest.approx(0.1)


def test_each_round_takes_every_picture_once_for_each_repeat_and_sizes_apart() -> None:
    order = Order([[0, 0, 1], [2]], 2, seed=3)
    assert order.batches == 3
    for number in range(4):
        batches = [order.batch(number * 3 + at) for at in range(3)]
        assert sorted(each for batch in batches for each in batch) == [0, 0, 1, 2]
        assert [2] in batches
    assert [order.batch(step) for step in range(12)] == [Order([[0, 0, 1], [2]], 2, seed=3).batch(step) for step in range(12)]
    assert [order.batch(step) for step in range(12)] != [Order([[0, 0, 1], [2]], 2, seed=4).batch(step) for step in range(12)]


def test_a_perfect_answer_loses_nothing(family: StableDiffusion) -> None:
    """The loss is nought exactly where the sampler, given the same answer, finds the picture."""
    assert predicts_v(family)
    latents, noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.ones(1, 4, 8, 8)
    place = torch.tensor([500])
    sigma = float(family.sigmas.levels[500])
    seen: list[torch.Tensor] = []

    class Oracle(torch.nn.Module):
        def forward(self, noisy: torch.Tensor, timestep: torch.Tensor, **more: Any) -> tuple[torch.Tensor]:
            seen.append(noisy)
            return ((noise - sigma * latents) / math.sqrt(1 + sigma**2),)

    oracle = replace(family, unet=Oracle())
    words = encode_caption(family, "", 1)
    assert losses_of(oracle, latents, words, place, noise, 0.0).item() == pytest.approx(0, abs=1e-10)
    found = family.x0(latents + sigma * noise, Oracle()(noise, place)[0], sigma)
    torch.testing.assert_close(found, latents, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(seen[0], (latents + sigma * noise) / math.sqrt(1 + sigma**2), atol=1e-5, rtol=1e-5)


def test_captions_of_different_lengths_go_together_unchanged(family: StableDiffusion) -> None:
    short, long = encode_caption(family, "a (red) cat", 1), encode_caption(family, "cat " * 90, 1)
    assert short.length < long.length
    together = as_batch([short, long])
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        both = family.denoise(x, 1.0, together)
        alone = family.denoise(x[:1], 1.0, short)
    torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=1e-4)


def test_a_run_makes_a_lora_that_says_what_it_is(tmp_path: Path) -> None:
    told: list[Mapping[str, Any]] = []
    spec = training_job(tmp_path, text_encoder=True, flip=True, batch_size=2, save_every=2, preview_every=2, previews=("sks shape",))
    drawing = {"width": 64, "height": 64, "steps": 2, "sampler": "Euler"}
    notes = train(replace(spec, drawing=drawing), told.append)
    assert notes and [line["done"] for line in told if "loss" in line] == [1, 2, 3]
    run = RunFolder(spec.run)
    assert [step for step, _ in run.losses()] == [1, 2, 3]
    assert [(sample.step, sample.prompt) for sample in run.samples()] == [(0, 0), (2, 0), (3, 0)]
    first, last = (np.asarray(Image.open(run.samples_folder / run.samples()[at].name), np.int16) for at in (0, -1))
    assert first.shape == (64, 64, 3) and np.abs(first - last).max() > 0
    tensors = load_file(spec.target)
    assert tensors["lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight"].shape == (2, 64)
    assert tensors["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"].dtype == torch.float16
    assert float(tensors["lora_unet_mid_block_attentions_0_proj_in.alpha"]) == 2
    with safe_open(spec.target, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["ss_base_model_version"] == "sd_v1" and metadata["ss_network_dim"] == "2" and metadata["ss_steps"] == "3"
    assert json.loads(metadata["ss_tag_frequency"])["img"]["sks"] == 4
    assert len(metadata["sshs_model_hash"]) == 64 and metadata["modelspec.trigger_phrase"] == "sks"


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    """Bit by bit: weights, losses; stopped while pictures are read, in the middle, and killed after a saved state."""
    whole = training_job(tmp_path, "whole", steps=5, save_every=2, text_encoder=True, flip=True, caption_dropout=0.5)
    train(whole)
    parts = replace(whole, run=tmp_path / "parts", target=tmp_path / "parts.safetensors")
    for asks in (2, 8):
        with pytest.raises(Stopped):
            train(parts, wishes=StopAt(asks))
    assert 0 < len(RunFolder(parts.run).losses()) < 5
    # As a kill leaves it: losses of steps that are in no state, and half a line.
    with open(parts.run / "losses.csv", "a") as file:
        file.write("4,0.5\n5,0.")
    train(parts)
    assert RunFolder(parts.run).losses() == RunFolder(whole.run).losses()
    one, other = load_file(whole.target), load_file(parts.target)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    states = [load_file(RunFolder(spec.run).state) for spec in (whole, parts)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_can_not_be_learned_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="too few"):
        train(training_job(tmp_path, folder=pictures(tmp_path / "few", 2)))
    broken = pictures(tmp_path / "broken")
    (broken / "bad.png").write_bytes(b"<html>")
    with pytest.raises(InvalidRequest, match=r"bad\.png"):
        train(training_job(tmp_path, folder=broken))
    (tmp_path / "loras").mkdir()
    taken = training_job(tmp_path, steps=1)
    taken.target.write_bytes(b"somebody else's")
    with pytest.raises(Conflict, match="already"):
        train(taken)
    assert taken.target.read_bytes() == b"somebody else's"
    taken.target.unlink()
    # Nothing was lost: only the file is written.
    train(taken)
    # Killed after it was written, before anybody was told.
    train(taken)
    assert load_file(taken.target)


def child(spec: TrainingJob) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "webui.engine.training.child"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdin is not None
    process.stdin.write(spec.as_line())
    process.stdin.flush()
    return process


def lines_until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if wanted(seen[-1]):
            return seen
    raise AssertionError(seen)


@pytest.mark.slow
def test_the_process_is_paused_stopped_killed_and_goes_on(tmp_path: Path) -> None:
    spec = training_job(tmp_path, steps=12, save_every=4)
    process = child(spec)
    assert process.stdin is not None
    lines_until(process, lambda line: line.get("done", 0) >= 1 and "loss" in line)
    process.stdin.write("pause\n")
    process.stdin.flush()
    lines_until(process, lambda line: line.get("paused") is True)
    held = len(RunFolder(spec.run).losses())
    time.sleep(0.5)
    assert len(RunFolder(spec.run).losses()) == held and RunFolder(spec.run).state.exists()
    process.stdin.write("go on\n")
    process.stdin.flush()
    lines_until(process, lambda line: line.get("paused") is False)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = child(spec)
    last = lines_until(again, lambda line: "notes" in line or "error" in line)[-1]
    assert "notes" in last, last
    whole = training_job(tmp_path, "whole", steps=12, save_every=4)
    train(whole)
    one, other = load_file(whole.target), load_file(spec.target)
    assert all(torch.equal(one[name], other[name]) for name in one)


def orange_of(recorder: Recorder, *, weight: float | None, target: Path) -> float:
    """How near the mean colour of some pictures is to orange: red less blue."""
    loras = () if weight is None else (LoraUse("it", str(target), weight, weight),)
    events = recorder.run(replace(job("sks, shape 1", steps=6, batch_count=2), loras=loras))
    drawn = [pixels(event).astype(np.float64) for event in events if isinstance(event, Picture)]
    return float(np.mean([picture[..., 0].mean() - picture[..., 2].mean() for picture in drawn]))


def bytes_of(recorder: Recorder, *, weight: float | None, target: Path) -> bytes:
    loras = () if weight is None else (LoraUse("it", str(target), weight, weight),)
    return b"".join(event.rgb for event in recorder.run(replace(job("sks shape", steps=3), loras=loras)) if isinstance(event, Picture))


def test_a_few_steps_change_pictures_at_weight_1_and_nothing_at_0(tmp_path: Path, recorder: Recorder) -> None:
    spec = training_job(tmp_path, steps=4, learning_rate=2e-3)
    train(spec)
    base = bytes_of(recorder, weight=None, target=spec.target)
    assert bytes_of(recorder, weight=0.0, target=spec.target) == base
    assert bytes_of(recorder, weight=1.0, target=spec.target) != base


@pytest.mark.slow
def test_a_short_training_on_one_colour_moves_pictures_there(tmp_path: Path, recorder: Recorder) -> None:
    spec = training_job(tmp_path, steps=120, rank=8, alpha=8, learning_rate=2e-3, batch_size=2, resolution=64)
    train(spec)
    base, none, full = (orange_of(recorder, weight=weight, target=spec.target) for weight in (None, 0.0, 1.0))
    assert none == base
    assert full > base + 40, (base, full)
    losses = [loss for _, loss in RunFolder(spec.run).losses()]
    assert np.mean(losses[-30:]) < np.mean(losses[:30])


def test_sdxl_trains_a_step_and_its_lora_fits(tmp_path: Path, recorder: Recorder) -> None:
    path = tiny_checkpoints.sdxl().save(tmp_path / "checkpoints" / "xl.safetensors")
    usual = training_job(tmp_path, model="xl", steps=1, learning_rate=0.05, text_encoder=True, text_encoder_rate=0.05)
    spec = replace(usual, checkpoint=path, checkpoint_name="xl", family="sdxl")
    train(spec)
    names = load_file(spec.target).keys()
    for name in (
        "lora_unet_input_blocks_3_1_transformer_blocks_0_attn2_to_k.lora_up.weight",
        "lora_unet_middle_block_1_proj_in.alpha",
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
        "lora_te2_text_model_encoder_layers_2_mlp_fc2.lora_down.weight",
    ):
        assert name in names, sorted(names)[:5]
    notes = []

    def drawn(weight: float | None) -> bytes:
        loras = () if weight is None else (LoraUse("it", str(spec.target), weight, weight),)
        events = recorder.run(replace(job("sks", path=path, width=64, height=64, steps=1), loras=loras))
        notes.extend(event for event in events if event.type == "note")
        return b"".join(event.rgb for event in events if isinstance(event, Picture))

    base = drawn(None)
    assert drawn(0.0) == base and drawn(1.0) != base
    assert not notes

"""LoRAs and embeddings on the shipped checkpoint: they reach the picture, and leave no trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from webui.engine.context import DenoiseContext
from webui.engine.device import Device, open_device
from webui.engine.engine import Engine
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.errors import LoraDoesNotFit
from webui.generation.events import Failed, Note, Picture, WorkerEvent
from webui.generation.job import EmbeddingUse, JobSpec, LoraUse

from .drawing import Always, Recorder, digests, job, pixels

SIZE: dict[str, Any] = {"width": 64, "height": 64, "steps": 2}


def rank_one(module: Any, prefix: str, layers: list[str], strength: float) -> dict[str, torch.Tensor]:
    """A change of rank 1 of those layers, as large as their weights times `strength`."""
    torch.manual_seed(0)
    tensors = {}
    for layer in layers:
        weight = module.get_submodule(layer).weight
        rows, columns = weight.shape[0], weight[0].numel()
        up, down = torch.randn(rows, 1), torch.randn(1, columns)
        name = prefix + layer.replace(".", "_")
        tensors[f"{name}.lora_up.weight"] = up * float(weight.norm()) / (up.norm() * down.norm()) * strength
        tensors[f"{name}.lora_down.weight"] = down
    return tensors


@pytest.fixture(scope="module")
def ink(family: StableDiffusion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of text encoder and U-Net."""
    unet = [name for name, module in family.unet.named_modules() if isinstance(module, torch.nn.Linear) and "attn2.to_v" in name]
    words = [name for name, module in family.text.text_encoder.named_modules() if name.endswith("mlp.fc1")]
    path = tmp_path_factory.mktemp("loras") / "ink.safetensors"
    tensors = rank_one(family.unet, "lora_unet_", unet, 2.0)
    save_file(tensors | rank_one(family.text.text_encoder, "lora_te_text_model_", words, 2.0), path)
    return path


def with_loras(spec: JobSpec, *loras: LoraUse) -> JobSpec:
    return dataclasses.replace(spec, loras=loras)


def distance(one: list[WorkerEvent], other: list[WorkerEvent]) -> float:
    """Root of the mean square between the only pictures of two jobs."""
    first, second = (next(pixels(event) for event in events if isinstance(event, Picture)).astype(float) for events in (one, other))
    return float(np.sqrt(((first - second) ** 2).mean()))


def weights_of(family: StableDiffusion) -> list[tuple[int, torch.Tensor]]:
    return [(id(weight), weight.clone()) for module in family.modules.values() for weight in module.parameters()]


def same(before: list[tuple[int, torch.Tensor]], after: list[tuple[int, torch.Tensor]]) -> bool:
    return all(old == new and torch.equal(was, now) for (old, was), (new, now) in zip(before, after, strict=True))


def engine_on(family: StableDiffusion, device: Device, hooks: NoHooks | None = None) -> Engine:
    return Engine(device, hooks, Always(family))


@pytest.mark.parametrize(("words", "denoiser"), [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
def test_a_lora_reaches_the_picture_and_leaves_no_trace(
    device: Device, family: StableDiffusion, ink: Path, words: float, denoiser: float
) -> None:
    recorder = Recorder(engine_on(family, device))
    before = weights_of(family)
    plain = recorder.run(job(**SIZE))
    on = recorder.run(with_loras(job(**SIZE), LoraUse("ink", str(ink), words, denoiser)))
    assert distance(plain, on) > 5
    assert same(before, weights_of(family))
    assert digests(recorder.run(job(**SIZE))) == digests(plain)
    assert digests(recorder.run(with_loras(job(**SIZE), LoraUse("ink", str(ink), words, denoiser)))) == digests(on)


def test_weight_zero_is_the_plain_picture(recorder: Recorder, ink: Path) -> None:
    assert digests(recorder.run(with_loras(job(**SIZE), LoraUse("ink", str(ink), 0.0, 0.0)))) == digests(recorder.run(job(**SIZE)))


def test_stronger_is_further_away(recorder: Recorder, ink: Path) -> None:
    plain = recorder.run(job(**SIZE))
    little, much = (distance(plain, recorder.run(with_loras(job(**SIZE), LoraUse("ink", str(ink), 0.0, weight)))) for weight in (0.1, 1.0))
    assert 0 < little < much


def test_the_order_of_loras_changes_no_bit(recorder: Recorder, ink: Path, tmp_path: Path, family: StableDiffusion) -> None:
    other = tmp_path / "other.safetensors"
    save_file(rank_one(family.unet, "lora_unet_", ["mid_block.attentions.0.transformer_blocks.0.attn1.to_q"], 1.0), other)
    uses = LoraUse("ink", str(ink), 0.3, 0.3), LoraUse("other", str(other))
    assert digests(recorder.run(with_loras(job(**SIZE), *uses))) == digests(recorder.run(with_loras(job(**SIZE), *uses[::-1])))


def test_an_exception_in_the_middle_leaves_no_trace(device: Device, family: StableDiffusion, ink: Path) -> None:
    class Failing(NoHooks):
        def denoise_step(self, context: DenoiseContext) -> None:
            raise RuntimeError("in the middle")

    before = weights_of(family)
    with pytest.raises(RuntimeError, match="in the middle"):
        Recorder(engine_on(family, device, Failing())).run(with_loras(job(**SIZE), LoraUse("ink", str(ink))))
    assert same(before, weights_of(family))


def test_a_lora_in_half_precision(ink: Path) -> None:
    recorder = Recorder(Engine(open_device("cpu", "bfloat16")))
    plain = recorder.run(job(**SIZE))
    on = recorder.run(with_loras(job(**SIZE), LoraUse("ink", str(ink))))
    assert distance(plain, on) > 5
    assert digests(recorder.run(job(**SIZE))) == digests(plain)


def test_a_refused_lora_leaves_the_checkpoint_at_work(recorder: Recorder, tmp_path: Path) -> None:
    plain = digests(recorder.run(job(**SIZE)))
    path = tmp_path / "large.safetensors"
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    save_file({f"{name}.lora_up.weight": torch.zeros(64, 2), f"{name}.lora_down.weight": torch.zeros(2, 2048)}, path)
    with pytest.raises(LoraDoesNotFit):
        recorder.run(with_loras(job(**SIZE), LoraUse("large", str(path))))
    assert digests(recorder.run(job(**SIZE))) == plain


def embedding(family: StableDiffusion, words: str, path: Path) -> EmbeddingUse:
    """An embedding that says what those words say."""
    table = family.text.token_embedding.weight
    save_file({"emb_params": table[family.text.tokenize(words)].float().clone()}, path)
    return EmbeddingUse(path.stem, str(path))


def test_an_embedding_of_known_words_is_those_words(recorder: Recorder, family: StableDiffusion, tmp_path: Path) -> None:
    use = embedding(family, "red apple", tmp_path / "zork7.safetensors")
    meant = digests(recorder.run(job("a (red apple:1.2) on a blue background", negative_prompt="blurry red apple", **SIZE)))
    named = job("a (Zork7:1.2) on a blue background", negative_prompt="blurry zork7", **SIZE)
    assert digests(recorder.run(dataclasses.replace(named, embeddings=(use,)))) == meant
    assert digests(recorder.run(named)) != meant


def test_what_does_not_fit_is_said_once(recorder: Recorder, tmp_path: Path, family: StableDiffusion) -> None:
    save_file({"emb_params": torch.zeros(1, 768)}, tmp_path / "zork7.safetensors")
    tensors = rank_one(family.unet, "lora_unet_", ["mid_block.attentions.0.transformer_blocks.0.attn1.to_q"], 1.0)
    save_file(
        tensors | {"lora_unet_x.lora_up.weight": torch.zeros(1, 1), "lora_unet_x.lora_down.weight": torch.zeros(1, 1)},
        tmp_path / "a.safetensors",
    )
    spec = dataclasses.replace(
        job("zork7", batch_count=2, **SIZE),
        embeddings=(EmbeddingUse("zork7", str(tmp_path / "zork7.safetensors")),),
        loras=(LoraUse("a", str(tmp_path / "a.safetensors")),),
    )
    notes = [event.text for event in recorder.run(spec) if isinstance(event, Note)]
    assert len(notes) == 2
    assert any("lora_unet_x" in note for note in notes)
    assert any("768 wide" in note for note in notes)


def test_over_the_pipe(run: Callable[[JobSpec], list[WorkerEvent]], ink: Path, family: StableDiffusion, tmp_path: Path) -> None:
    spec = dataclasses.replace(
        job("zork7", **SIZE),
        loras=(LoraUse("ink", str(ink), 0.5, 0.5),),
        embeddings=(embedding(family, "red apple", tmp_path / "zork7.safetensors"),),
    )
    assert distance(run(spec), run(job("zork7", **SIZE))) > 5
    gone = with_loras(job(**SIZE), LoraUse("gone", str(tmp_path / "gone.safetensors")))
    (failed,) = [event for event in run(gone) if isinstance(event, Failed)]
    assert failed.error["code"] == "adapter_unusable"
    assert "gone.safetensors" in failed.error["message"]
    assert digests(run(job(**SIZE)))


def test_weights_that_loras_make_are_in_the_plan(family: StableDiffusion, device: Device, ink: Path) -> None:
    """Counted while they are to be made, known by the names that the file changes, and not again while they are kept."""
    recorder = Recorder(engine_on(family, device))
    spec = with_loras(job(**SIZE), LoraUse("ink", str(ink), 0.0, 1.0))
    plain, first, second = (next(event for event in recorder.run(one) if isinstance(event, Picture)) for one in (job(**SIZE), spec, spec))
    changed = sum(
        module.weight.nbytes
        for name, module in family.unet.named_modules()
        if isinstance(module, torch.nn.Linear) and name.endswith("attn2.to_v")
    )
    made = [picture.facts["memory"]["made"] for picture in (plain, first, second)]
    assert made[1] == {"encode": 0, "denoise": changed, "decode": changed}
    assert not any(made[0].values()) and not any(made[2].values())

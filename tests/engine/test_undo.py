"""Whatever a job puts on its checkpoint is off again afterwards, exactly, also when something breaks at any stage of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.preview import LatentPreview
from webui.generation.attention import SLICED
from webui.generation.job import EmbeddingUse, JobSpec, LoraUse

from . import test_ip_adapter as ip_adapters
from .drawing import Recorder, digests, job
from .test_adapters import rank_one
from .test_steering import ring, saved, steered  # noqa: F401 - a fixture
from .tiny import recorder_of, tiny_family

QUICK: dict[str, Any] = {"width": 64, "height": 64, "steps": 2, "sampler": "Euler", "schedule_type": "Uniform"}
PROMPT = "zork7 and a red apple"


@pytest.fixture(autouse=True)
def plain_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.engine.families.latent_model.preview_for", lambda vae: LatentPreview(torch.zeros(4, 3), torch.zeros(3)))


@pytest.fixture(scope="module")
def family(device: Device) -> StableDiffusion:
    return tiny_family(device)


class Breaking(NoHooks):
    """Breaks in the middle of denoising, when it is told to."""

    broken = False

    def denoise_step(self, context: DenoiseContext) -> None:
        if self.broken and context.step == 1:
            raise RuntimeError("in the middle")


@pytest.fixture
def hooks() -> Breaking:
    return Breaking()


@pytest.fixture
def recorder(family: StableDiffusion, hooks: Breaking) -> Recorder:
    return recorder_of(family, hooks)


@dataclasses.dataclass(frozen=True)
class Files:
    """What can be put on: a LoRA of text encoder and U-Net, an embedding, a ControlNet with its picture, an IP-Adapter with its own."""

    lora: Path
    embedding: Path
    controlnet: Path
    picture: tuple[str, Path]
    ip_adapter: ip_adapters.Files


@pytest.fixture(scope="module")
def files(family: StableDiffusion, ring: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Files:  # noqa: F811
    root = tmp_path_factory.mktemp("adapters")
    layers = [name for name, module in family.unet.named_modules() if isinstance(module, torch.nn.Linear) and ".attn" in name]
    words = [name for name, _ in family.text.text_encoder.named_modules() if name.endswith("mlp.fc1")]
    lora = rank_one(family.unet, "lora_unet_", layers, 2.0) | rank_one(family.text.text_encoder, "lora_te_text_model_", words, 2.0)
    save_file(lora, root / "ink.safetensors")
    save_file({"emb_params": torch.ones(2, family.text.token_embedding.weight.shape[1])}, root / "zork7.safetensors")
    looks = ip_adapters.files(root / "looks", family.unet, "plus")
    return Files(root / "ink.safetensors", root / "zork7.safetensors", saved(family.unet, root / "control"), ring, looks)


def with_lora(spec: JobSpec, files: Files) -> JobSpec:
    return dataclasses.replace(spec, loras=(LoraUse("ink", str(files.lora)),))


def with_embedding(spec: JobSpec, files: Files) -> JobSpec:
    return dataclasses.replace(spec, embeddings=(EmbeddingUse("zork7", str(files.embedding)),))


def with_control(spec: JobSpec, files: Files) -> JobSpec:
    return steered(files.controlnet, files.picture, spec)


def with_ip_adapter(spec: JobSpec, files: Files) -> JobSpec:
    return files.ip_adapter.put_on(spec, weight=0.8)


def _asking(**fields: Any) -> Callable[[JobSpec, Files], JobSpec]:
    return lambda spec, files: dataclasses.replace(spec, request=spec.request.model_copy(update=fields))


def with_all(spec: JobSpec, files: Files) -> JobSpec:
    for put_on in (with_lora, with_embedding, with_control, with_ip_adapter, PUT_ON["attention"], PUT_ON["tiling"], PUT_ON["guidance"]):
        spec = put_on(spec, files)
    return spec


PUT_ON: dict[str, Callable[[JobSpec, Files], JobSpec]] = {
    "LoRA": with_lora,
    "embedding": with_embedding,
    "ControlNet": with_control,
    "IP-Adapter": with_ip_adapter,
    "attention": _asking(attention=SLICED),
    "tiling": _asking(tiling="X and Y"),
    "guidance": _asking(pag_scale=2.0, freeu_b1=1.3, freeu_s1=0.7),
    "all of them": with_all,
}


def state(family: StableDiffusion) -> list[Any]:
    """Everything of its modules that something put on could leave: which objects are in them, their bits, hooks, attributes."""
    found: list[Any] = []
    for part in family.modules.values():
        for module in part.modules():
            tensors = [*module._parameters.items(), *module._buffers.items()]
            found += [(name, id(tensor), None if tensor is None else (tensor.data_ptr(), tensor.stride())) for name, tensor in tensors]
            found.append(
                (sorted(vars(module)), len(module._forward_hooks), len(module._forward_pre_hooks), vars(module).get("padding_mode"))
            )
    return found


def bits(family: StableDiffusion) -> list[torch.Tensor]:
    return [tensor.clone() for part in family.modules.values() for tensor in part.state_dict().values()]


@contextmanager
def breaking_at(stage: str, family: StableDiffusion, hooks: Breaking) -> Iterator[None]:
    """Within the block that stage fails half way."""
    if stage == "denoise":
        hooks.broken = True
        try:
            yield
        finally:
            hooks.broken = False
        return
    deep = {
        "encode": family.text.text_encoder.encoder.layers[-1],
        "U-Net": family.unet.up_blocks[-1],
        "decode": family.vae.decoder.up_blocks[-1],
    }[stage]

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    handle = deep.register_forward_pre_hook(fail)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("name", [*(pytest.param(one, marks=pytest.mark.slow) for one in PUT_ON if one != "all of them"), "all of them"])
def test_it_is_off_again_also_when_something_breaks(
    family: StableDiffusion, recorder: Recorder, hooks: Breaking, files: Files, name: str
) -> None:
    put_on = PUT_ON[name]
    plain = job(PROMPT, **QUICK)
    before, weights, picture = state(family), bits(family), digests(recorder.run(plain))
    assert state(family) == before
    told = digests(recorder.run(put_on(plain, files)))
    assert name == "attention" or told != picture
    assert state(family) == before
    for number, stage in enumerate(("encode", "U-Net", "denoise", "decode")):
        # Other words each time: those that were encoded before ask no encoder.
        spec = put_on(job(f"{PROMPT} {number}", **QUICK), files)
        with breaking_at(stage, family, hooks), pytest.raises(RuntimeError, match="in the middle"):
            recorder.run(spec)
        assert state(family) == before, f"broken in {stage}"
    assert all(torch.equal(one, other) for one, other in zip(bits(family), weights, strict=True))
    assert digests(recorder.run(plain)) == picture
    assert digests(recorder.run(put_on(plain, files))) == told

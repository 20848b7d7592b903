"""Weights of one byte each: nearly the same picture of a smaller denoiser, and the full one back to the bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from webui.engine.adapters.lora import Loras
from webui.engine.device import open_device
from webui.engine.engine import Engine
from webui.engine.memory.low_bits import FORMS, Narrowed, require_widening, widening_of
from webui.engine.memory.manager import ModelManager
from webui.engine.memory.streaming import streamed
from webui.engine.memory.weights import MAPPED, RAM
from webui.errors import InvalidRequest
from webui.generation.events import Picture
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.job import LoraUse
from webui.generation.request import parse_request
from webui.generation.stock_pipelines import notes_for
from webui.generation.weight_storage import AS_COMPUTED, WEIGHT_STORAGES

from .drawing import CHECKPOINT, Recorder, job, pixels

GB = 1024**3
SMALL = [storage for storage in WEIGHT_STORAGES if storage != AS_COMPUTED]


class Bench:
    """An engine on the shipped checkpoint. cache: folder of casts; None keeps them in memory."""

    def __init__(self, cache: Path | None, dtype: str = "float32") -> None:
        self.manager = ModelManager(open_device("cpu", dtype), cache=cache, most_cast_bytes=GB if cache else 0)
        self.recorder = Recorder(Engine(open_device("cpu", dtype), None, self.manager))

    def picture(self, storage: str, **fields: Any) -> Picture:
        events = self.recorder.run(job(weight_storage=storage, **fields))
        return next(event for event in events if isinstance(event, Picture))

    def denoiser(self) -> dict[str, Any]:
        return next(part for part in self.manager.resident() if part["kind"] == "denoiser" and part["in_use"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("cache"))


def psnr(one: Picture, other: Picture) -> float:
    """Decibels; 40 can hardly be seen."""
    error = float(np.square(pixels(one).astype(float) - pixels(other)).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


QUICK = {"width": 64, "height": 64, "steps": 2}


@pytest.mark.parametrize(
    ("dtype", "fields"),
    [("float32", QUICK), *(pytest.param(dtype, {}, marks=pytest.mark.slow) for dtype in ("float32", "bfloat16"))],
    ids=["quick", "float32", "bfloat16"],
)
def test_pictures_are_nearly_the_same_and_the_full_one_comes_back_to_the_bit(tmp_path: Path, dtype: str, fields: dict[str, Any]) -> None:
    bench = Bench(tmp_path, dtype)
    full = bench.picture(AS_COMPUTED, **fields)
    whole, number = bench.denoiser()["bytes"], bench.recorder.engine.device.dtype.itemsize
    for storage in SMALL:
        small, part = bench.picture(storage, **fields), bench.denoiser()
        print(f"{dtype} -> {storage}: PSNR {psnr(full, small):.1f} dB, {part['bytes'] / whole:.3f} of the bytes")
        assert 25 < psnr(full, small) < math.inf
        assert 1 / number <= part["bytes"] / whole < 1 / number + 0.05 and part["state"] == MAPPED and storage in part["part"]
        assert small.facts["weight_storage"] == storage and small.facts["memory"]["sizes"]["denoiser"] == part["bytes"]
    assert bench.picture(AS_COMPUTED, **fields).rgb == full.rgb
    unet = bench.manager.get(CHECKPOINT, lambda: None).parts["denoiser"]
    assert not any("forward" in vars(layer) or "weight_scale" in layer._buffers for layer in unet.modules())


@pytest.mark.slow
def test_copies_in_memory_draw_the_same_as_mapped_ones(bench: Bench) -> None:
    in_memory = Bench(None)
    assert in_memory.picture("int8").rgb == bench.picture("int8").rgb
    assert in_memory.denoiser()["state"] == RAM and bench.denoiser()["state"] == MAPPED


@pytest.mark.parametrize("storage", SMALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_each_channel_is_stored_at_its_own_scale(storage: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight = torch.randn(8, 4, 3, 3) * torch.logspace(-4, 1, 8).view(-1, 1, 1, 1)
    weight[3] = 0
    form = FORMS[storage]
    narrowed = Narrowed({"x.weight": weight, "x.bias": torch.ones(8)}, ["x.weight", "x.bias", "x.weight_scale"], form, dtype)
    assert narrowed["x.weight"].dtype == torch.int8 and narrowed["x.weight_scale"].dtype == dtype
    back = form.numbers(narrowed["x.weight"]).float() * narrowed["x.weight_scale"].float().view(-1, 1, 1, 1)
    largest = weight.flatten(1).abs().amax(1).view(-1, 1, 1, 1)
    # Half a step of int8 is 1/254 of the largest; e4m3 has three binary digits, half of the last is 1/16 of the number.
    allowed = largest / 250 if storage == "int8" else weight.abs() / 15.5 + largest / 448 / 500
    assert bool(((back - weight).abs() <= allowed).all()) and bool((back[3] == 0).all())
    assert torch.equal(narrowed["x.bias"], torch.ones(8))


def test_first_last_and_norms_stay_as_computed(bench: Bench) -> None:
    unet = bench.manager.get(CHECKPOINT, lambda: None, storage="int8").parts["denoiser"]
    kinds = {name: parameter.dtype for name, parameter in unet.named_parameters()}
    assert kinds["conv_in.weight"] == kinds["conv_out.weight"] == kinds["time_embedding.linear_1.weight"] == torch.float32
    assert kinds["down_blocks.0.resnets.0.conv1.weight"] == torch.int8
    assert all(dtype == torch.float32 for name, dtype in kinds.items() if "norm" in name or name.endswith("bias"))


def test_streamed_weights_go_up_small_and_are_widened_there(bench: Bench) -> None:
    unet: Any = bench.manager.get(CHECKPOINT, lambda: None, storage="fp8").parts["denoiser"]
    layer = unet.down_blocks[0].resnets[0].conv1
    image = torch.randn(1, layer.in_channels, 8, 8)
    alone, uploaded = layer(image), []

    def upload(tensor: torch.Tensor) -> torch.Tensor:
        uploaded.append(tensor.dtype)
        return tensor.clone()

    with streamed(layer, upload):
        assert torch.equal(layer(image), alone)
    assert sorted(map(str, uploaded)) == ["torch.float32", "torch.float32", "torch.int8"]


@pytest.mark.parametrize("storage", SMALL)
def test_a_lora_is_added_to_the_widened_weight(bench: Bench, tmp_path: Path, storage: str) -> None:
    """What it changes is then as computed: as if the narrowed weights had been the checkpoint's own."""
    unet: Any = bench.manager.get(CHECKPOINT, lambda: None, storage=storage).parts["denoiser"]
    layer = unet.down_blocks[0].resnets[0].conv1
    rank, name = 2, "lora_unet_down_blocks_0_resnets_0_conv1"
    down, up = torch.randn(rank, layer.in_channels, 3, 3), torch.randn(layer.out_channels, rank, 1, 1)
    save_file(
        {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(2.0)}, tmp_path / "l.safetensors"
    )
    widening = widening_of(layer)
    assert widening is not None
    wanted = widening.widened(layer.weight) + 0.5 * torch.einsum("or,rihw->oihw", up[:, :, 0, 0], down)
    use = LoraUse("l", str(tmp_path / "l.safetensors"), 0.0, 0.5)
    before = layer.weight
    loras = Loras().fit([use], {"denoiser": unet}, "content", lambda text: None)
    with loras.on("denoiser"):
        assert layer.weight.dtype == torch.float32
        torch.testing.assert_close(layer.weight.data, wanted)
        image = torch.randn(1, layer.in_channels, 8, 8)
        torch.testing.assert_close(layer(image), torch.nn.functional.conv2d(image, wanted, layer.bias, padding=1))
    assert layer.weight is before


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{"tiling": "X and Y"}, {"hires": True, "hires_scale": 1.5}, {"pag_scale": 3.0}], ids=str)
def test_other_wishes_work_on_it(bench: Bench, fields: dict[str, Any]) -> None:
    full, small = bench.picture(AS_COMPUTED, **fields), bench.picture("int8", **fields)
    assert 20 < psnr(full, small) < math.inf


@pytest.mark.parametrize(
    ("storage", "written"), [(AS_COMPUTED, None), ("fp8", "Diffusion in Low Bits: float8-e4m3fn"), ("int8", "Diffusion in Low Bits: int8")]
)
def test_infotext_says_it_in_forges_words(storage: str, written: str | None) -> None:
    text = write_infotext(job(weight_storage=storage).request, 1, "1")
    assert (written in text) if written else "Low Bits" not in text
    mapped = map_fields(read_infotext(text))
    assert mapped.fields["weight_storage"] == storage


def test_what_others_wrote_is_read() -> None:
    line = "a\nSteps: 20, Sampler: Euler, CFG scale: 1, Seed: 1, "
    for told, storage in {
        "FP8 weight: Enable": "fp8",
        "Diffusion in Low Bits: Automatic": AS_COMPUTED,
        "Diffusion in Low Bits: float8-e4m3fn (fp16 LoRA)": "fp8",
    }.items():
        mapped = map_fields(read_infotext(line + told))
        assert mapped.fields["weight_storage"] == storage and not mapped.unmapped
    mapped = map_fields(read_infotext(f"{line}Diffusion in Low Bits: bnb-nf4"))
    assert [one.key for one in mapped.unmapped] == ["Diffusion in Low Bits"]


def test_a_storage_that_is_none_and_one_that_the_device_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request({"weight_storage": "int3"})
    assert refused.value.field == "weight_storage" and "int8" in refused.value.hint

    def cannot(bits: torch.Tensor) -> torch.Tensor:
        raise TypeError("Trying to convert Float8_e4m3fn to the MPS backend\nand so on")

    monkeypatch.setattr("webui.engine.memory.low_bits.FORMS", {"fp8": type(FORMS["fp8"])(448.0, cannot, cannot)})
    with pytest.raises(InvalidRequest, match="can't be fp8 on cpu") as refused:
        require_widening("fp8", torch.device("cpu"))
    assert refused.value.field == "weight_storage"


def test_a_pipeline_says_that_it_knows_nothing_of_it() -> None:
    assert any("Weight storage" in note for note in notes_for(parse_request({"weight_storage": "fp8"}), "PixArtSigmaPipeline"))

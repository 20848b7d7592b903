"""GGUF in the workshop: packed as the library packs a whole tensor, unpacked again, and refused where neither can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize, quantize
from model_files import SD1, write_safetensors
from safetensors.numpy import load_file, save_file
from small_checkpoint import SHIPPED_CHECKPOINT

from webui.catalog.detect import identify
from webui.catalog.header import read_gguf
from webui.errors import InvalidRequest
from webui.workshop import weights
from webui.workshop.child import Job, Teller, run
from webui.workshop.packed import WRITTEN

SHAPES = {
    "img_in.weight": (64, 64),
    "guidance_in.in_layer.weight": (64, 64),
    "double_blocks.0.img_attn.norm.key_norm.scale": (32,),
    "double_blocks.0.img_attn.qkv.weight": (192, 64),
    "double_blocks.0.img_attn.qkv.bias": (192,),
    "double_blocks.0.img_mlp.0.weight": (30, 33),
    "single_blocks.0.linear1.weight": (64, 64),
    "final_layer.linear.weight": (64, 64),
}
PREFIX = "model.diffusion_model."


def convert(folder: Path, source: Path, precision: str, name: str) -> tuple[Path, list[str]]:
    target = folder / name
    recipe = {"kind": "convert", "model": source.name, "precision": precision}
    job = Job(recipe, [{"role": "model", "name": source.name, "path": str(source)}], f"{target}.part", str(target))
    return target, run(job, Teller(lambda line: None))


@pytest.fixture
def numbers() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def flux(tmp_path: Path, numbers: dict[str, np.ndarray]) -> Path:
    path = tmp_path / "flux.safetensors"
    own = {f"{PREFIX}{name}": tensor for name, tensor in numbers.items()}
    save_file({**own, "vae.decoder.conv_in.weight": np.zeros((8, 16, 3, 3), np.float32)}, path)
    return path


@pytest.mark.parametrize("precision", WRITTEN)
def test_it_is_packed_as_the_library_packs_whole_tensors(
    tmp_path: Path, flux: Path, numbers: dict[str, np.ndarray], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "PIECE", 512)
    path, notes = convert(tmp_path, flux, precision, "flux.gguf")
    reader: Any = GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert tensors.keys() == numbers.keys()
    kind = GGMLQuantizationType[precision]
    inside = {name for name, tensor in tensors.items() if tensor.tensor_type == kind}
    assert inside == {"double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"}
    for name in inside:
        assert np.array_equal(tensors[name].data, quantize(numbers[name], kind))
    assert tensors["double_blocks.0.img_attn.qkv.bias"].tensor_type == GGMLQuantizationType.F32
    assert tensors["img_in.weight"].tensor_type == GGMLQuantizationType.F16
    assert np.array_equal(tensors["img_in.weight"].data, numbers["img_in.weight"].astype(np.float16))
    assert reader.get_field("general.architecture").contents() == "flux"
    assert notes == ["Its text encoders and VAE are not in it; they are looked for in their folders."]
    assert read_gguf(path).shapes == {name: tensor.shape for name, tensor in numbers.items()}
    kind_of = identify(read_gguf(path))
    assert (kind_of.kind, kind_of.family, kind_of.version) == ("denoiser", "flux", "dev")


def test_unpacked_it_holds_the_numbers_that_were_packed(tmp_path: Path, flux: Path, numbers: dict[str, np.ndarray]) -> None:
    packed, _ = convert(tmp_path, flux, "Q4_0", "flux.gguf")
    back, _ = convert(tmp_path, packed, "fp32", "back.safetensors")
    found = load_file(back)
    name, kind = "double_blocks.0.img_attn.qkv.weight", GGMLQuantizationType.Q4_0
    assert np.array_equal(found[name], dequantize(quantize(numbers[name], kind), kind))
    assert found.keys() == numbers.keys() and {tensor.dtype for tensor in found.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("source", "said"), [("U-Net", "only the denoisers of SD 3 and FLUX"), ("folder", "only the denoisers of SD 3")])
def test_what_is_not_shared_as_gguf_is_not_packed(tmp_path: Path, source: str, said: str) -> None:
    path = SHIPPED_CHECKPOINT if source == "folder" else write_safetensors(tmp_path / "sd.safetensors", SD1)
    with pytest.raises(InvalidRequest, match=said) as refused:
        convert(tmp_path, path, "Q8_0", "new.gguf")
    assert refused.value.field == "precision"


def test_packed_numbers_are_not_written_as_they_are(tmp_path: Path, flux: Path) -> None:
    packed, _ = convert(tmp_path, flux, "Q8_0", "flux.gguf")
    with pytest.raises(InvalidRequest, match="packed numbers") as refused:
        convert(tmp_path, packed, "as it is", "new.safetensors")
    assert refused.value.field == "precision"

"""Single files beside safetensors (old pickles, GGUF), names and sizes at full scale, and files that are broken."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.families.flux import Flux
from webui.engine.loading import configs, layouts
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import realise
from webui.engine.loading.modules import builder
from webui.engine.loading.tensors import shapes_of
from webui.engine.memory.manager import ModelManager
from webui.errors import CheckpointUnusable, GenerationFailed
from webui.generation.events import Picture, Stage

from . import original_layouts, tiny_checkpoints
from .drawing import CHECKPOINT, Recorder, digests, job, pixels
from .tiny_checkpoints import Tiny

SIZE: dict[str, Any] = {"width": 64, "height": 64, "steps": 2, "sampler": "Euler", "schedule_type": "Uniform"}


def recorder_in(root: Path, device: Device) -> Recorder:
    return Recorder(Engine(device, None, ModelManager(device, lambda path: open_checkpoint(path, [root], root / "cache"))))


# old pickles


class LightningCallback:
    """Stands for what training leaves in a file."""


@pytest.mark.parametrize("archived", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["zip", "before torch 1.6"])
def test_an_old_pickle_draws_what_its_safetensors_draws(tmp_path: Path, device: Device, archived: bool) -> None:
    tiny = tiny_checkpoints.sd1()
    recorder = recorder_in(tmp_path, device)
    expected = digests(recorder.run(job(path=tiny.save(tmp_path / "tiny.safetensors"), **SIZE)))
    state = {name: tensor.clone() for name, tensor in tiny.state.items()}
    state["model_ema.decay"] = torch.tensor(0.9)
    # As training wrote it: one storage seen twice, objects of other programs, counters.
    state["model.diffusion_model.shared"] = state["model.diffusion_model.out.2.bias"][:2]
    content = {"state_dict": state, "callbacks": {LightningCallback: LightningCallback()}, "global_step": 7, "lr": np.float64(0.1)}
    path = tmp_path / "old.ckpt"
    torch.save(content, path, _use_new_zipfile_serialization=archived)
    assert digests(recorder.run(job(path=path, **SIZE))) == expected
    (kept,) = (tmp_path / "cache" / "converted").iterdir()
    assert not any(name.startswith("model_ema") for name in load_file(kept))
    before = kept.stat().st_mtime_ns
    open_checkpoint(path, [], tmp_path / "cache")
    assert kept.stat().st_mtime_ns == before, "it is converted once"


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize(
    "archived",
    [True, pytest.param(False, marks=pytest.mark.slow), pytest.param(None, marks=pytest.mark.slow)],
    ids=["zip", "before torch 1.6", "bare pickle"],
)
def test_a_pickle_that_wants_to_run_code_runs_none(tmp_path: Path, archived: bool | None) -> None:
    path, trace = tmp_path / "evil.ckpt", tmp_path / "was here"
    if archived is None:
        path.write_bytes(pickle.dumps({"state_dict": Evil(trace)}, protocol=2))
    else:
        torch.save({"state_dict": {"model.weight": Evil(trace)}}, path, _use_new_zipfile_serialization=archived)
    with pytest.raises(CheckpointUnusable, match=r"evil\.ckpt can't be read") as caught:
        open_checkpoint(path, [], tmp_path / "cache")
    assert caught.value.hint
    assert not trace.exists()
    assert not list((tmp_path / "cache" / "converted").iterdir()), "nothing half is left"


@pytest.mark.slow
def test_a_pickle_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": {"weight": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointUnusable, match=r"old\.ckpt can't be read"):
        open_checkpoint(path, [], tmp_path / "cache")


# GGUF


def write_gguf(path: Path, tensors: dict[str, torch.Tensor], architecture: str) -> Path:
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    writer = GGUFWriter(path, architecture)
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        if numbers.ndim == 2 and numbers.shape[1] % 32 == 0:
            writer.add_tensor(name, quantize(numbers, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, numbers.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_denoiser_takes_its_other_parts_from_the_folders(tmp_path: Path, device: Device) -> None:
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize, quantize

    tiny = tiny_checkpoints.flux()
    tiny_checkpoints.save_parts_of_flux(tiny, tmp_path)
    path = write_gguf(tmp_path / "flux-Q8_0.gguf", tiny.state, "flux")
    source = open_checkpoint(path, [tmp_path])
    family = realise(source, device)
    assert isinstance(family, Flux)
    weight = tiny.modules["denoiser"].context_embedder.weight
    kept = torch.from_numpy(dequantize(quantize(weight.numpy(), GGMLQuantizationType.Q8_0), GGMLQuantizationType.Q8_0))
    assert torch.equal(family.transformer.context_embedder.weight, kept)
    assert not torch.equal(kept, weight)
    assert digests(recorder_in(tmp_path, device).run(job(path=path, **SIZE)))


# the U-Net alone

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 2, "sampler": "Euler", "schedule_type": "Uniform"}


def save_loose_parts(tiny: Tiny, root: Path, vae: str) -> None:
    """Its text encoders and VAE, each in the folder for them."""
    for kind, name in (("text_encoder", "clip_l"), ("text_encoder_2", "clip_g")):
        if kind in tiny.modules:
            Tiny({}, original_layouts.clip_as_published(tiny.modules[kind], "")).save(root / "text_encoders" / f"{name}.safetensors")
    Tiny({}, original_layouts.vae_as_published(tiny.modules["vae"], "")).save(root / "vae" / f"{vae}.safetensors")


@pytest.mark.parametrize(
    ("make", "vae", "layout"),
    [
        (tiny_checkpoints.sd1, "vae-ft-mse", "with its prefix"),
        (tiny_checkpoints.sdxl, "sdxl_vae", "bare"),
        pytest.param(tiny_checkpoints.sd1, "vae-ft-mse", "diffusers", marks=pytest.mark.slow),
        pytest.param(tiny_checkpoints.sdxl, "sdxl_vae", "diffusers", marks=pytest.mark.slow),
        pytest.param(lambda: tiny_checkpoints.sdxl(refiner=True), "sdxl_vae", "bare", marks=pytest.mark.slow),
    ],
    ids=["SD 1.5", "SDXL, bare", "SD 1.5, as diffusers names it", "SDXL, as diffusers names it", "refiner"],
)
def test_a_u_net_alone_takes_its_other_parts_from_the_folders(
    tmp_path: Path, device: Device, make: Callable[[], Tiny], vae: str, layout: str
) -> None:
    tiny = make()
    recorder = recorder_in(tmp_path, device)
    expected = _picture(recorder, tiny.save(tmp_path / "whole.safetensors"))
    save_loose_parts(tiny, tmp_path, vae)
    # A family's U-Net has no use for the other one's VAE, though both have four channels.
    other = Tiny({}, original_layouts.vae_as_published(tiny_checkpoints.vae(1.0), ""))
    other.save(tmp_path / "vae" / ("sdxl_vae.safetensors" if vae != "sdxl_vae" else "an ft-mse one.safetensors"))
    prefix = "model.diffusion_model."
    state = {
        "with its prefix": {name: tensor for name, tensor in tiny.state.items() if name.startswith(prefix)},
        "bare": {name.removeprefix(prefix): tensor for name, tensor in tiny.state.items() if name.startswith(prefix)},
        "diffusers": tiny.modules["denoiser"].state_dict(),
    }[layout]
    path = Tiny({}, state).save(tmp_path / "alone.safetensors")
    # In another file weights lie at other addresses, of which kernels make other roundings.
    assert np.abs(_picture(recorder, path) - expected).max() <= 1


def _picture(recorder: Recorder, path: Path) -> Any:
    (picture,) = [event for event in recorder.run(job(path=path, **SMALL)) if isinstance(event, Picture)]
    return pixels(picture).astype(int)


def test_a_u_net_alone_says_what_it_lacks(tmp_path: Path) -> None:
    tiny = tiny_checkpoints.sdxl()
    path = Tiny({}, {name: tensor for name, tensor in tiny.state.items() if name.startswith("model.")}).save(tmp_path / "xl.safetensors")
    with pytest.raises(CheckpointUnusable, match=r"xl\.safetensors holds no CLIP text encoder") as caught:
        open_checkpoint(path, [tmp_path])
    assert caught.value.hint == "Put clip_l.safetensors and clip_g.safetensors into models/text_encoders."
    save_loose_parts(tiny, tmp_path, "vae-ft-mse")
    with pytest.raises(CheckpointUnusable, match=r"xl\.safetensors holds no VAE"):
        open_checkpoint(path, [tmp_path])


# full size, on the meta device

_SIZED = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816}
_XL = {
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "use_linear_projection": True,
    "cross_attention_dim": 2048,
    **_SIZED,
}
_REFINER = _XL | {
    "block_out_channels": [384, 768, 1536, 1536],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 4, 4, 4],
    "attention_head_dim": [6, 12, 24, 24],
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}
_SD2 = {"attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True, "cross_attention_dim": 1024}
_SD3 = {"in_channels": 16, "out_channels": 16, "sample_size": 128, "joint_attention_dim": 4096, "pooled_projection_dim": 2048}
_LARGE = _SD3 | {
    "num_layers": 38,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "pos_embed_max_size": 192,
    "qk_norm": "rms_norm",
}
_MEDIUM = _SD3 | {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 384}
_SD3_MEDIUM = _MEDIUM | {"pos_embed_max_size": 192}
_MEDIUM |= {"qk_norm": "rms_norm", "dual_attention_layers": list(range(13))}
_UNET = (original_layouts.unet_as_published, layouts.unet_layout, configs.unet_config)
_MMDIT = (original_layouts.sd3_as_published, layouts.sd3_layout, configs.sd3_config)
_FLUX = (original_layouts.flux_as_published, layouts.flux_layout, configs.flux_config)

PUBLISHED: list[tuple[Any, ...]] = [
    ("SD 1.5", "unet", {"cross_attention_dim": 768}, *_UNET, 859_520_964),
    ("SD 1.5 inpainting", "unet", {"cross_attention_dim": 768, "in_channels": 9}, *_UNET, 859_535_364),
    ("SD 2.1", "unet", _SD2, *_UNET, 865_910_724),
    ("SDXL", "unet", _XL, *_UNET, 2_567_463_684),
    ("SDXL refiner", "unet", _REFINER, *_UNET, 2_259_526_660),
    ("SD 3 Medium", "sd3", _SD3_MEDIUM, *_MMDIT, 2_028_328_000),
    ("SD 3.5 Large", "sd3", _LARGE, *_MMDIT, 8_056_627_520),
    ("SD 3.5 Medium", "sd3", _MEDIUM, *_MMDIT, 2_243_171_520),
    ("FLUX.1 dev", "flux", {"guidance_embeds": True}, *_FLUX, 11_901_408_320),
    ("FLUX.1 schnell", "flux", {"guidance_embeds": False}, *_FLUX, 11_891_178_560),
]
"""Title, module, the published config, module -> file, file -> module, shapes -> config, the published number of parameters."""

TITLES = [row[0] for row in PUBLISHED]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "config", "published", "layout_of", "config_of", "parameters"), [row[1:] for row in PUBLISHED], ids=TITLES
)
def test_names_and_sizes_at_full_scale(module: str, config: Any, published: Any, layout_of: Any, config_of: Any, parameters: int) -> None:
    """From the shapes of published files: configs whose modules have the published numbers of parameters."""
    reference = builder(module, config)()
    assert sum(parameter.numel() for parameter in reference.parameters()) == parameters
    shapes = {name: tuple(tensor.shape) for name, tensor in published(reference).items()}
    layout = layout_of(shapes, "model.diffusion_model.")
    derived = shapes_of(shapes, layout)
    expected = {name: tuple(tensor.shape) for name, tensor in reference.state_dict().items()}
    assert derived == expected
    rebuilt = builder(module, config_of(derived))()
    assert {name: tuple(tensor.shape) for name, tensor in rebuilt.state_dict().items()} == expected


# what is no checkpoint, or not a whole one


def _lora(path: Path) -> None:
    save_file({f"lora_unet_down_blocks_0_attentions_0_proj_in.lora_{end}.weight": torch.zeros(4, 4) for end in ("up", "down")}, path)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _without_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    del tensors["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    save_file(tensors, path)


def _another_shape(path: Path) -> None:
    tensors = load_file(path)
    name = "model.diffusion_model.middle_block.0.in_layers.2.weight"
    save_file(tensors | {name: tensors[name][:-1].contiguous()}, path)


BREAK: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_truncate, "cut off"),
    "web page": (lambda path: path.write_text("<!DOCTYPE html><html>Log in</html>"), "web page"),
    "lfs pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid"), "git-lfs pointer"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "a LoRA": (_lora, r"file\.safetensors is a file of the kind lora, no checkpoint"),
    "gone": (lambda path: path.unlink(), "is not there"),
    "lacks a tensor": (_without_a_tensor, r"file\.safetensors \(denoiser\) lacks 1 tensors"),
    "another shape": (_another_shape, r"file\.safetensors \(denoiser\) does not fit"),
}


@pytest.mark.parametrize("name", BREAK)
def test_a_broken_file_is_named_and_the_old_one_stays(tmp_path: Path, recorder: Recorder, name: str) -> None:
    size = {"width": 64, "height": 64, "steps": 1}
    before = digests(recorder.run(job(**size)))
    path = tiny_checkpoints.sd1().save(tmp_path / "file.safetensors")
    breaking, words = BREAK[name]
    breaking(path)
    with pytest.raises(CheckpointUnusable, match=words) as caught:
        recorder.run(job(path=path, **size))
    assert caught.value.hint
    events = recorder.run(job(**size))
    assert not any(isinstance(event, Stage) for event in events), "the old one was loaded again"
    assert digests(events) == before


def test_a_file_that_vanishes_while_it_is_loaded(tmp_path: Path, device: Device) -> None:
    path = tiny_checkpoints.sd1().save(tmp_path / "file.safetensors")
    source = open_checkpoint(path)
    path.unlink()
    with pytest.raises(CheckpointUnusable, match=r"file\.safetensors can't be read any more"):
        realise(source, device)


def test_weights_that_are_nan_are_found_while_drawing(tmp_path: Path, device: Device) -> None:
    tiny = tiny_checkpoints.sd1()
    broken = Tiny({}, tiny.state | {"model.diffusion_model.out.2.bias": torch.full((4,), float("nan"))})
    with pytest.raises(GenerationFailed, match=r"denoiser.*NaN"):
        recorder_in(tmp_path, device).run(job(path=broken.save(tmp_path / "nan.safetensors"), **SIZE))


def test_a_text_encoder_that_needs_a_tokenizer_of_its_own_is_told(tmp_path: Path) -> None:
    path = tiny_checkpoints.emoji_as_single_file().save(tmp_path / "bare.safetensors")
    with pytest.raises(CheckpointUnusable, match=r"5,424 tokens.*no tokenizer of its own"):
        open_checkpoint(path)


def test_models_that_need_more_than_words_are_named(tmp_path: Path) -> None:
    tiny = tiny_checkpoints.sd1()
    name = "model.diffusion_model.input_blocks.0.0.weight"
    edit = Tiny({}, tiny.state | {name: torch.zeros(32, 8, 3, 3)})
    with pytest.raises(CheckpointUnusable, match=r"edit\.safetensors needs a picture to change"):
        open_checkpoint(edit.save(tmp_path / "edit.safetensors"))


@pytest.mark.parametrize(("metadata", "yaml"), [({"modelspec.prediction_type": "v"}, ""), (None, "model: {params: {parameterization: v}}")])
def test_v_prediction_is_told_by_header_or_yaml(tmp_path: Path, device: Device, metadata: dict[str, str] | None, yaml: str) -> None:
    path = tiny_checkpoints.sd2().save(tmp_path / "sd1.safetensors", metadata)
    if yaml:
        path = tiny_checkpoints.sd1().save(path)
        path.with_suffix(".yaml").write_text(yaml)
    family = realise(open_checkpoint(path), device)
    assert family.x0.__name__ == "_x0_from_v"  # type: ignore[attr-defined]


def test_the_shipped_checkpoint_stays_as_it_is(device: Device) -> None:
    """Mapped weights are never written to."""
    weights = CHECKPOINT / "unet" / "diffusion_pytorch_model.safetensors"
    before = weights.read_bytes()
    family = realise(open_checkpoint(CHECKPOINT), device)
    next(iter(family.modules["denoiser"].parameters())).data.zero_()
    assert weights.read_bytes() == before

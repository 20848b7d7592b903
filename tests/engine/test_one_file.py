"""A diffusers folder written as a single file: the published names and numbers, and the same picture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from webui.catalog.header import read_header
from webui.engine.device import Device
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.tokenizers import OPEN_CLIP_PAD, OPENAI_PAD, clip_tokenizer
from webui.errors import InvalidRequest

from . import tiny_checkpoints
from .drawing import CHECKPOINT, Recorder, digests, job
from .test_converted import made
from .test_families import drawn, euler, sd_components
from .tiny_checkpoints import Tiny

AS_FILE = {"kind": "convert", "model": "e", "precision": "as it is", "form": "single file"}


def saved_sd(tiny: Tiny, path: Path, pad: str) -> None:
    from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline

    inpainting = tiny.modules["denoiser"].config.in_channels == 9
    (StableDiffusionInpaintPipeline if inpainting else StableDiffusionPipeline)(**sd_components(tiny, pad)).save_pretrained(path)


def saved_sdxl(tiny: Tiny, path: Path, **changes: Any) -> None:
    from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline

    parts: dict[str, Any] = {name: tiny.modules.get(name) for name in ("vae", "text_encoder", "text_encoder_2")}
    refiner = parts["text_encoder"] is None
    words = {"tokenizer": None if refiner else clip_tokenizer(OPENAI_PAD), "tokenizer_2": clip_tokenizer(OPEN_CLIP_PAD)}
    kind: Any = StableDiffusionXLImg2ImgPipeline if refiner else StableDiffusionXLPipeline
    scheduler = euler()
    scheduler.register_to_config(**changes)
    kind(**parts, **words, unet=tiny.modules["denoiser"], scheduler=scheduler, add_watermarker=False).save_pretrained(path)


FAMILIES: dict[str, tuple[Callable[[], Tiny], Callable[[Tiny, Path], None]]] = {
    "sd1": (tiny_checkpoints.sd1, lambda tiny, path: saved_sd(tiny, path, OPENAI_PAD)),
    "sd1 inpainting": (lambda: tiny_checkpoints.sd1(inpainting=True), lambda tiny, path: saved_sd(tiny, path, OPENAI_PAD)),
    "sd2": (tiny_checkpoints.sd2, lambda tiny, path: saved_sd(tiny, path, OPEN_CLIP_PAD)),
    "sdxl": (tiny_checkpoints.sdxl, saved_sdxl),
    "refiner": (lambda: tiny_checkpoints.sdxl(refiner=True), saved_sdxl),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_the_published_file_and_draws_the_same(tmp_path: Path, device: Device, family: str) -> None:
    make, save = FAMILIES[family]
    tiny = make()
    save(tiny, tmp_path / "folder")
    path = made(tmp_path, AS_FILE, "file.safetensors", model=tmp_path / "folder")
    written = load_file(path)
    assert written.keys() == tiny.state.keys()
    # Nobody asks the layer that Stable Diffusion 2 has behind its last one.
    spare = ".resblocks.2." if family == "sd2" else "none"
    assert not [name for name, tensor in tiny.state.items() if spare not in name and not torch.equal(written[name], tensor)]
    if family == "refiner":  # it draws nothing of its own
        assert open_checkpoint(path).family == "sdxl_refiner"
        return
    from_file, from_folder = (drawn(one, tmp_path, device)[0] for one in (path, tmp_path / "folder"))
    assert torch.equal(from_file, from_folder)


@pytest.mark.slow
def test_diffusers_reads_it(tmp_path: Path) -> None:
    """By its own tables, without the folder's small files."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    tiny = tiny_checkpoints.sdxl()
    saved_sdxl(tiny, tmp_path / "folder")
    written = load_file(made(tmp_path, AS_FILE, "file.safetensors", model=tmp_path / "folder"))
    unet, vae = tiny.modules["denoiser"], tiny.modules["vae"]
    for module, read in ((unet, convert_ldm_unet_checkpoint), (vae, convert_ldm_vae_checkpoint)):
        theirs, own = read(dict(written), module.config), module.state_dict()
        assert theirs.keys() == own.keys()
        assert all(torch.equal(theirs[name], tensor) for name, tensor in own.items())


def test_the_shipped_checkpoint_draws_the_same_picture(recorder: Recorder, tmp_path: Path) -> None:
    """It has sizes, a tokenizer and a prediction type that no shapes tell."""
    path = made(tmp_path, AS_FILE, "file.safetensors", model=CHECKPOINT)
    size: dict[str, Any] = {"width": 64, "height": 64}
    assert digests(recorder.run(job(path=path, **size))) == digests(recorder.run(job(**size)))
    files = json.loads(read_header(path).metadata["easel.files"])
    assert "_name_or_path" not in files["unet/config.json"]


def test_narrower_numbers_are_those_of_a_narrower_folder(tmp_path: Path) -> None:
    path = made(tmp_path, AS_FILE | {"precision": "bf16"}, "file.safetensors", model=CHECKPOINT)
    folder = made(tmp_path, AS_FILE | {"precision": "bf16", "form": "as it is"}, "folder", model=CHECKPOINT)
    own, theirs = (list(file.values()) for file in (load_file(path), load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")))
    assert {tensor.dtype for tensor in own} == {torch.bfloat16}
    sums = {float(tensor.double().sum()) for tensor in own}
    assert {float(tensor.double().sum()) for tensor in theirs} <= sums


@pytest.mark.slow
def test_a_model_that_predicts_v_is_marked_as_other_programs_know_it(tmp_path: Path) -> None:
    saved_sdxl(tiny_checkpoints.sdxl(), tmp_path / "folder", prediction_type="v_prediction", rescale_betas_zero_snr=True)
    path = made(tmp_path, AS_FILE, "file.safetensors", model=tmp_path / "folder")
    with safe_open(path, "pt") as file:
        assert {"v_pred", "ztsnr"} <= set(file.keys())
        assert file.metadata()["modelspec.prediction_type"] == "v"


def test_weights_that_lie_beside_those_in_use_are_left_out(tmp_path: Path) -> None:
    """As the folder of Stable Diffusion 1.5 has them: .non_ema and .fp16, and a safety checker."""
    folder = shutil.copytree(CHECKPOINT, tmp_path / "folder")
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * 0 for name, tensor in load_file(unet).items()}, unet.with_name("diffusion_pytorch_model.non_ema.safetensors"))
    (folder / "safety_checker").mkdir()
    save_file({"weight": torch.zeros(1)}, folder / "safety_checker" / "model.safetensors")
    plain, crowded = (made(tmp_path, AS_FILE, f"{one.name}.safetensors", model=one) for one in (CHECKPOINT, folder))
    one, other = load_file(plain), load_file(crowded)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_a_file_already_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, AS_FILE, "file.safetensors", model=CHECKPOINT)
    with pytest.raises(InvalidRequest) as refused:
        made(tmp_path, AS_FILE, "again.safetensors", model=path)
    assert refused.value.field == "form"


def test_a_folder_without_its_text_encoder_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(CHECKPOINT, tmp_path / "folder")
    (folder / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(InvalidRequest) as refused:
        made(tmp_path, AS_FILE, "file.safetensors", model=folder)
    assert "text encoder" in refused.value.message

"""Pictures of what the workshop makes: converted, merged, with another VAE."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from webui.engine.device import Device
from webui.generation.events import Picture
from webui.workshop.child import Job, Teller, run

from .drawing import CHECKPOINT, Recorder, digests, job, pixels
from .test_families import drawn
from .tiny_checkpoints import flux, save_parts_of_flux, sd1

SIZE: dict[str, Any] = {"steps": 4}


def made(folder: Path, recipe: dict[str, Any], name: str, **sources: Path) -> Path:
    target = folder / name
    listed = [{"role": role, "name": path.name, "path": str(path)} for role, path in sources.items()]
    run(Job(recipe, listed, str(folder / f"{name}.part"), str(target)), Teller(lambda line: None))
    return target


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Stable Diffusion 1 as one file in its original layout, fp32."""
    return sd1().save(tmp_path_factory.mktemp("single") / "tiny.safetensors")


def picture_of(recorder: Recorder, path: Path) -> NDArray[np.float64]:
    (picture,) = [event for event in recorder.run(job(path=path, **SIZE)) if isinstance(event, Picture)]
    return pixels(picture).astype(np.float64)


def difference(recorder: Recorder, one: Path, other: Path) -> float:
    """Mean difference of the pictures of two checkpoints, of 255."""
    first, second = (picture_of(recorder, path) for path in (one, other))
    return float(np.abs(first - second).mean())


def test_a_folder_written_anew_draws_the_same_picture(recorder: Recorder, tmp_path: Path) -> None:
    again = made(tmp_path, {"kind": "convert", "model": "e", "precision": "as it is"}, "again", model=CHECKPOINT)
    assert digests(recorder.run(job(path=again, **SIZE))) == digests(recorder.run(job(**SIZE)))


@pytest.mark.parametrize(("precision", "most"), [("bf16", 4.0), ("fp8", 20.0)])
def test_a_folder_converted_draws_nearly_the_same_picture(recorder: Recorder, tmp_path: Path, precision: str, most: float) -> None:
    converted = made(tmp_path, {"kind": "convert", "model": "e", "precision": precision}, "converted", model=CHECKPOINT)
    assert 0 < difference(recorder, CHECKPOINT, converted) < most


def test_a_single_file_converted_draws_nearly_the_same_picture(recorder: Recorder, single: Path, tmp_path: Path) -> None:
    converted = made(tmp_path, {"kind": "convert", "model": "t"}, "converted.safetensors", model=single)
    assert converted.stat().st_size < 0.51 * single.stat().st_size
    assert difference(recorder, single, converted) < 2


def test_a_vae_taken_out_and_baked_in_again_paints_the_same(recorder: Recorder, single: Path, tmp_path: Path) -> None:
    vae = made(tmp_path, {"kind": "extract_vae", "model": "t"}, "vae.safetensors", model=single)
    baked = made(tmp_path, {"kind": "bake_vae", "model": "t", "vae": "v"}, "baked.safetensors", model=single, vae=vae)
    assert difference(recorder, single, baked) == 0


def test_a_merge_with_itself_draws_the_same_picture(recorder: Recorder, tmp_path: Path) -> None:
    twin = shutil.copytree(CHECKPOINT, tmp_path / "twin")
    merged = made(tmp_path, {"kind": "merge", "first": "e", "second": "t", "vae": "merge"}, "merged", first=CHECKPOINT, second=twin)
    assert difference(recorder, CHECKPOINT, merged) < 0.5


@pytest.mark.slow
def test_a_packed_transformer_draws_what_it_draws_unpacked(tmp_path: Path, device: Device) -> None:
    tiny = flux(prefix="model.diffusion_model.")
    save_parts_of_flux(tiny, tmp_path)
    path = tiny.save(tmp_path / "flux.safetensors")
    packed = made(tmp_path, {"kind": "convert", "model": "f", "precision": "Q8_0"}, "packed.gguf", model=path)
    unpacked = made(tmp_path, {"kind": "convert", "model": "p", "precision": "fp32"}, "unpacked.safetensors", model=packed)
    latents = [drawn(one, tmp_path, device)[0] for one in (packed, unpacked, path)]
    assert torch.equal(latents[0], latents[1])
    assert 0 < float((latents[0] - latents[2]).abs().max()) < 0.1 * float(latents[2].abs().max())

"""Upscalers that draw: diffusers' own answer, tiles, sizes, alpha, buttons, and folders that aren't what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.catalog.models import ModelCatalog
from webui.engine.device import Device
from webui.engine.loading.upscaler import UpscalerModel, open_upscaler
from webui.engine.upscale import enlarge, plan_way
from webui.errors import AdapterUnusable
from webui.planning.tiles import Tiling

from .test_finishing import colourful
from .tiny_pipelines import DRAWING_UPSCALERS

ALONE = Tiling(0, 0)


@pytest.fixture(scope="module", params=list(DRAWING_UPSCALERS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "upscalers" / request.param
    DRAWING_UPSCALERS[request.param][1](path)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> UpscalerModel:
    loaded = open_upscaler(folder).load()
    return replace(loaded, descriptor=replace(loaded.descriptor, steps=3))


def made(model: UpscalerModel, picture: Image.Image, device: Device, asked: Tiling = ALONE, done: Callable[[], None] = lambda: None) -> Any:
    way = plan_way(model, picture.size, (picture.width * model.scale, picture.height * model.scale), asked, device)
    return np.asarray(enlarge(way, picture, device, done)).astype(int)


def test_it_is_what_diffusers_makes(folder: Path, model: UpscalerModel, device: Device) -> None:
    import diffusers

    pipeline = getattr(diffusers, json.loads((folder / "model_index.json").read_text())["_class_name"]).from_pretrained(folder)
    picture = colourful(64, 64)
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
    wanted = pipeline(
        prompt="",
        image=pixels,
        num_inference_steps=model.steps,
        guidance_scale=0.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
        return_dict=False,
    )[0][0]
    assert np.abs(made(model, picture, device) - (wanted * 255).round()).max() <= 1


def test_sizes_alpha_and_the_same_each_time(folder: Path, model: UpscalerModel, device: Device) -> None:
    assert model.scale == DRAWING_UPSCALERS[folder.name][0]
    picture = colourful(50, 37).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    once = made(model, picture, device)
    assert once.shape == (37 * model.scale, 50 * model.scale, 4)
    assert np.array_equal(once, made(model, picture, device))
    alpha = np.asarray(picture.getchannel("A").resize((50 * model.scale, 37 * model.scale), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(once[..., 3] - alpha)[4:-4].max() <= 4, "nothing is drawn into what is transparent"
    assert model.bytes_per_pixel > 0


def test_every_step_of_every_tile_is_told_of(model: UpscalerModel, device: Device) -> None:
    picture, told = colourful(100, 64), []
    made(model, picture, device, Tiling(64, 16), lambda: told.append(1))
    assert len(told) == 2 * model.steps

    class Ended(Exception):
        pass

    def end() -> None:
        raise Ended

    with pytest.raises(Ended):
        made(model, picture, device, done=end)


def test_pictures_beyond_what_it_was_trained_on_are_tiled(model: UpscalerModel, device: Device) -> None:
    large = (model.largest_tile + 64, 64)
    (tiling,) = plan_way(model, large, (large[0] * model.scale, large[1] * model.scale), ALONE, device).tilings
    assert tiling.tile == model.largest_tile
    assert plan_way(model, (64, 64), (128, 128), ALONE, device).tilings == (ALONE,)


def test_the_catalog_lists_it_among_the_upscalers(folder: Path, tmp_path: Path) -> None:
    catalog = ModelCatalog([folder.parent.parent], tmp_path / "cache")
    (found,) = [model for model in catalog.all() if model.name == folder.name]
    assert (found.role, found.facts.problem) == ("upscaler", "")
    first = catalog.short_hash(found)
    assert len(first) == 10
    assert first == ModelCatalog([folder.parent.parent], tmp_path / "other").short_hash(found)


@pytest.mark.parametrize("broken", ["code", "pickle", "weights"])
def test_what_isnt_one_is_refused(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "x4"
    DRAWING_UPSCALERS["x4"][1](path)
    if broken == "code":
        index = json.loads((path / "model_index.json").read_text())
        (path / "model_index.json").write_text(json.dumps({**index, "unet": ["own_code", "Net"]}))
    elif broken == "pickle":
        (path / "unet" / "diffusion_pytorch_model.safetensors").rename(path / "unet" / "diffusion_pytorch_model.bin")
    else:
        (path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>")
    with pytest.raises(AdapterUnusable) as refused:
        open_upscaler(path).load()
    assert "unet" in refused.value.message

"""Upscaler models: files of many architectures, tiles against the whole, sizes, alpha, memory, buttons."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.engine import upscale
from webui.engine.control import JobControl
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.loading.upscaler import UpscalerModel, open_upscaler
from webui.engine.memory.exhaustion import OutOfMemory
from webui.engine.upscale import enlarge, enlarge_with_less, plan_way
from webui.errors import AdapterUnusable, GenerationFailed
from webui.generation.events import Finishing, Interrupted, Note, Stage
from webui.planning.tiles import TileAppetite, Tiling, spans

from .drawing import CHECKPOINT, Recorder, job
from .test_finishing import colourful, only, run, upscale_job
from .tiny_upscalers import TINY, tiny_weights, write_tiny

ALONE = Tiling(0, 0)


def loaded(folder: Path, name: str) -> UpscalerModel:
    return open_upscaler(write_tiny(folder, name)).load()


def made(
    model: UpscalerModel, picture: Image.Image, device: Device, tiling: Tiling, cover: tuple[int, int] | None = None
) -> np.ndarray[Any, Any]:
    size = cover or (picture.width * model.scale, picture.height * model.scale)
    way = replace(plan_way(model, picture.size, size, ALONE, device), tilings=(tiling,))
    return np.asarray(enlarge(way, picture, device, lambda: None)).astype(int)


@pytest.mark.parametrize("name", list(TINY))
def test_architectures_load_and_run(tmp_path: Path, device: Device, name: str) -> None:
    model = loaded(tmp_path, name)
    picture = colourful(37, 26)
    way = plan_way(model, picture.size, (61, 90), ALONE, device)
    assert enlarge(way, picture, device, lambda: None).size == (61, 90)
    assert model.bytes_per_pixel > 0


@pytest.mark.parametrize("name", ["Compact", "ESRGAN", "SPAN", "grey"])
def test_tiles_give_what_the_whole_gives(tmp_path: Path, device: Device, name: str) -> None:
    """Of local convolutions, whose reach is within the part of an overlap that isn't used."""
    model, picture = loaded(tmp_path, name), smooth(150, 130)
    whole = made(model, picture, device, ALONE)
    tiled = made(model, picture, device, Tiling(64, 32))
    assert len(spans(150, Tiling(64, 32))) > 2
    assert np.abs(tiled - whole).max() <= 1


def smooth(width: int, height: int) -> Image.Image:
    return colourful(width // 8, height // 8).resize((width, height), Image.Resampling.BICUBIC)


def test_it_is_what_spandrel_makes(tmp_path: Path, device: Device) -> None:
    from spandrel import ModelLoader

    model, picture = loaded(tmp_path, "ESRGAN"), colourful(40, 33)
    descriptor = ModelLoader().load_from_file(write_tiny(tmp_path, "ESRGAN"))
    plain = descriptor(torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255)  # type: ignore[operator]
    wanted = (plain[0].permute(1, 2, 0) * 255).round().numpy()
    assert np.array_equal(made(model, picture, device, ALONE), wanted)


@pytest.mark.parametrize(("form", "table"), [("pth", ""), ("pth", "params_ema"), ("pth", "params"), ("ckpt", "state_dict"), ("pt", "")])
def test_old_pickles_are_read(tmp_path: Path, form: str, table: str) -> None:
    source = open_upscaler(write_tiny(tmp_path, "Compact", form=form, table=table), tmp_path / "cache")
    model = source.load()
    assert (model.scale, model.colours) == (2, 3)
    assert torch.equal(model.tensors["body.0.weight"], tiny_weights("Compact")["body.0.weight"])


def test_averaged_weights_are_taken_before_the_others(tmp_path: Path) -> None:
    plain, averaged = tiny_weights("Compact", 1), tiny_weights("Compact", 2)
    torch.save({"params": plain, "params_ema": averaged}, tmp_path / "two.pth")
    model = open_upscaler(tmp_path / "two.pth", tmp_path / "cache").load()
    assert torch.equal(model.tensors["body.0.weight"], averaged["body.0.weight"])


class _Evil:
    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return eval, ("open('evil-was-here', 'w')",)


def test_what_a_pickle_wants_to_run_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"params": tiny_weights("Compact"), "more": _Evil()}, tmp_path / "evil.pth", pickle_module=pickle)
    assert open_upscaler(tmp_path / "evil.pth", tmp_path / "cache").load().scale == 2
    assert not (tmp_path / "evil-was-here").exists()


def test_what_is_none_is_told(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(AdapterUnusable, match="not an upscaler"):
        open_upscaler(tmp_path / "other.safetensors").load()
    save_file({"body.99999999.weight": torch.zeros(2, 2)}, tmp_path / "huge.safetensors")
    with pytest.raises(AdapterUnusable, match="not an upscaler"):
        open_upscaler(tmp_path / "huge.safetensors")
    broken = tiny_weights("Compact") | {"body.2.weight": torch.zeros(3, 3, 3, 3)}
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(AdapterUnusable, match="can't be loaded"):
        open_upscaler(tmp_path / "broken.safetensors").load()
    (tmp_path / "half.safetensors").write_bytes(write_tiny(tmp_path, "Compact").read_bytes()[:200])
    with pytest.raises(AdapterUnusable):
        open_upscaler(tmp_path / "half.safetensors")


def test_alpha_goes_beside_the_colours(tmp_path: Path, device: Device) -> None:
    model = loaded(tmp_path, "Compact")
    opaque = colourful(40, 30)
    clear = opaque.copy()
    clear.putalpha(Image.new("L", clear.size, 255))
    values = made(model, clear, device, Tiling(64, 32))
    assert values.shape == (60, 80, 4)
    assert np.array_equal(values[..., :3], made(model, opaque, device, ALONE))
    grey = made(model, Image.new("RGB", opaque.size, (255, 255, 255)), device, ALONE)
    assert np.abs(values[..., 3] - grey.mean(2)).max() <= 1


def test_colours_that_cannot_be_seen_change_nothing(tmp_path: Path, device: Device) -> None:
    model = loaded(tmp_path, "Compact")
    one, other = colourful(40, 30, 4), colourful(40, 30, 4)
    alpha = Image.new("L", (40, 30), 255)
    alpha.paste(0, (0, 0, 12, 30))
    other.paste((255, 0, 0), (0, 0, 12, 30))
    for picture in (one, other):
        picture.putalpha(alpha)
    assert np.array_equal(made(model, one, device, ALONE), made(model, other, device, ALONE))


def test_factors_beyond_its_own_take_further_passes(tmp_path: Path, device: Device) -> None:
    model = loaded(tmp_path, "Compact")
    assert plan_way(model, (20, 10), (30, 15), ALONE, device).sizes == ((20, 10),)
    assert plan_way(model, (20, 10), (160, 80), ALONE, device).sizes == ((20, 10), (40, 20), (80, 40))
    # No pass begins with more than it needs.
    assert plan_way(model, (20, 10), (60, 30), ALONE, device).sizes == ((20, 10), (30, 15))


@contextmanager
def little_memory(model: UpscalerModel, most: int) -> Iterator[None]:
    """Within the block larger tiles than that fail as torch on a CPU does."""
    descriptor = model.descriptor

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(descriptor, name)

        def __call__(self, image: torch.Tensor) -> torch.Tensor:
            if max(image.shape[-2:]) > most:
                raise RuntimeError(
                    "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
                )
            return descriptor(image)

    object.__setattr__(model, "descriptor", Failing())
    try:
        yield
    finally:
        object.__setattr__(model, "descriptor", descriptor)


def test_smaller_tiles_when_memory_runs_out(tmp_path: Path, device: Device) -> None:
    model, picture, told = loaded(tmp_path, "Compact"), smooth(300, 200), []
    whole = made(model, picture, device, ALONE)
    way = plan_way(model, picture.size, (600, 400), ALONE, device)
    with little_memory(model, 100):
        tiled = enlarge_with_less(way, picture, device, lambda: None, told.append, allowed=True)
    assert np.abs(np.asarray(tiled).astype(int) - whole).max() <= 1
    assert told == ["Memory ran out; enlarged again in tiles of 160 px.", "Memory ran out; enlarged again in tiles of 80 px."]
    with little_memory(model, 10), pytest.raises(OutOfMemory):
        enlarge_with_less(way, picture, device, lambda: None, told.append, allowed=True)
    with little_memory(model, 100), pytest.raises(OutOfMemory):
        enlarge_with_less(way, picture, device, lambda: None, told.append, allowed=False)


def test_nan_is_told(tmp_path: Path, device: Device) -> None:
    model = loaded(tmp_path, "Compact")
    next(iter(model.descriptor.model.parameters())).data.fill_(float("nan"))
    with pytest.raises(GenerationFailed, match="NaN"):
        made(model, colourful(), device, ALONE)


# in the engine


def with_models(spec: Any, *paths: dict[str, str]) -> Any:
    return replace(spec, finishing=paths)


def test_over_the_engine(shared_engine: Engine, tmp_path: Path) -> None:
    path = write_tiny(tmp_path, "Compact")
    step = {"step": "upscale", "upscaler": "tiny-Compact", "width": 100, "height": 60, "tile": 64, "overlap": 16}
    spec = with_models(upscale_job(tmp_path, smooth(90, 70), step), {"upscaler": str(path)})
    events = run(shared_engine, spec)
    assert any(isinstance(event, Stage) and event.text == "Loading tiny-Compact" for event in events)
    tiles = [event for event in events if isinstance(event, Finishing)]
    assert [(event.part, event.parts) for event in tiles] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert tiles[1].text == "Enlarging with tiny-Compact: tile 2 of 4"
    picture = only(events)
    assert (picture.width, picture.height) == (100, 60)
    appetite = TileAppetite(**picture.facts["tile_appetites"]["tiny-Compact"])
    assert appetite.told((90, 70), Tiling(64, 16)) == "4 tiles of 64 px, overlapping by 16", "what the next one does is known"
    (part,) = [part for part in shared_engine.in_memory().parts if part["kind"] == "upscaler"]
    assert (part["part"], part["in_use"], part["checkpoints"]) == ("tiny-Compact.safetensors (upscaler)", True, [str(path)])
    again = run(shared_engine, replace(spec, job_id="again"))
    assert not any(isinstance(event, Stage) for event in again)
    assert only(again).rgb == picture.rgb
    shared_engine.unload(path)
    assert not [part for part in shared_engine.in_memory().parts if part["kind"] == "upscaler"]


def test_two_models_are_laid_over_each_other(shared_engine: Engine, tmp_path: Path) -> None:
    paths = {"upscaler": str(write_tiny(tmp_path, "Compact")), "upscaler_2": str(write_tiny(tmp_path, "SPAN"))}

    def values(**fields: Any) -> np.ndarray[Any, Any]:
        step = {"step": "upscale", "scale": 2, "upscaler": "tiny-Compact"} | fields
        used = {field: path for field, path in paths.items() if field in step}
        events = run(shared_engine, with_models(upscale_job(tmp_path, smooth(40, 30), step), used))
        picture = only(events)
        return np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, 3).astype(int)

    one = values()
    other = values(upscaler="tiny-Compact", upscaler_2="tiny-SPAN", upscaler_2_visibility=1.0)
    both = values(upscaler_2="tiny-SPAN", upscaler_2_visibility=0.5)
    assert np.abs(both - (one + other) / 2).max() <= 1 and np.abs(one - other).max() > 8


def test_it_can_be_ended_between_tiles(shared_engine: Engine, tmp_path: Path) -> None:
    path, control = write_tiny(tmp_path, "Compact"), JobControl()
    step = {"step": "upscale", "upscaler": "tiny-Compact", "scale": 2, "tile": 64}
    spec = with_models(upscale_job(tmp_path, smooth(300, 200), step), {"upscaler": str(path)})
    events: list[Any] = []

    def emit(event: Any) -> None:
        events.append(event)
        if isinstance(event, Finishing) and event.part == 3:
            control.interrupt()

    shared_engine.run(spec, control, emit)
    assert isinstance(events[-1], Interrupted)
    assert len([event for event in events if isinstance(event, Finishing)]) == 3


def test_hires_by_a_model(recorder: Recorder, tmp_path: Path) -> None:
    spec = job(steps=2, hires=True, hires_scale=1.5, denoising_strength=0.4, hires_steps=2, hires_upscaler="tiny-ESRGAN")
    events = recorder.run(replace(spec, upscaler_path=str(write_tiny(tmp_path, "ESRGAN"))))
    picture = only(events)
    assert (picture.width, picture.height) == (192, 192)
    assert any(isinstance(event, Stage) and event.text == "Loading tiny-ESRGAN" for event in events)
    assert CHECKPOINT.name and not any(isinstance(event, Note) for event in events)


def test_the_checkpoint_stays_while_upscalers_come_and_go(recorder: Recorder, tmp_path: Path) -> None:
    first = only(recorder.run(job(steps=2)))
    spec = job(steps=2, batch_count=2, finishing=[{"step": "upscale", "upscaler": "tiny-Compact", "scale": 2}])
    recorder.run(replace(spec, finishing=({"upscaler": str(write_tiny(tmp_path, "Compact"))},)))
    assert only(recorder.run(job(steps=2))).rgb == first.rgb


def test_the_budget_is_kept(tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(tmp_path, "Compact")
    monkeypatch.setattr(upscale, "TILE_BUDGET", 128 * 128 * model.bytes_per_pixel)
    assert plan_way(model, (500, 500), (1000, 1000), ALONE, device).tilings == (Tiling(128, 32),)
    assert plan_way(model, (120, 100), (240, 200), ALONE, device).tilings == (Tiling(0, 0),)

"""Families that Easel has no denoising for, drawn by diffusers' own pipelines: tiny ones of several kinds, offline."""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import pickle
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from webui.catalog.stock_folder import PIPELINE_LIBRARIES, check_stock_folder
from webui.engine.control import JobControl
from webui.engine.device import Device, open_device
from webui.engine.engine import Engine
from webui.engine.loading.stock_folder import open_stock_folder
from webui.engine.memory.exhaustion import OutOfMemory
from webui.engine.memory.manager import ModelManager
from webui.engine.stock_pipeline import GUIDANCE_NAMES, on_device
from webui.errors import CheckpointUnusable, GenerationFailed
from webui.generation.events import Note, Picture, Stage, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.samplers import PIPELINES_OWN
from webui.generation.stock_pipelines import STOCK_PIPELINES
from webui.planning.machine import HostMemory

from .drawing import CHECKPOINT, Recorder, digests, job, kinds, pixels
from .tiny_pipelines import TINY_PIPELINES


class Folders(dict[str, Path]):
    """The tiny pipelines by name, each made when it is first asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, name: str) -> Path:
        TINY_PIPELINES[name](self._root / name)
        self[name] = self._root / name
        return self[name]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return Folders(tmp_path_factory.mktemp("pipelines"))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def stock_job(folder: Path, **changes: Any) -> JobSpec:
    pipeline = json.loads((folder / "model_index.json").read_text())["_class_name"]
    own = {"sampler": PIPELINES_OWN, "schedule_type": PIPELINES_OWN, "pipeline": pipeline}
    return job(path=folder, **{"width": 64, "height": 64, "steps": 3, **own, **changes})


def directly(folder: Path, seed: int, **arguments: Any) -> np.ndarray[Any, Any]:
    """The picture as diffusers makes it when it is called by itself."""
    import diffusers

    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(seed)
    made = pipeline("a red apple on a blue background", generator=generator, num_inference_steps=3, height=64, width=64, **arguments)
    return np.asarray(made.images[0])


@pytest.mark.parametrize("name", ["pixart", "sana", *(pytest.param(name, marks=pytest.mark.slow) for name in ("auraflow", "amused"))])
def test_the_picture_is_the_pipelines_own(recorder: Recorder, folders: dict[str, Path], name: str) -> None:
    events = recorder.run(stock_job(folders[name], seed=5, cfg_scale=3.0))
    assert kinds(events) == ["stage", "step", "picture", "done"]
    (picture,) = [event for event in events if isinstance(event, Picture)]
    further = {"use_resolution_binning": False} if name in ("pixart", "sana") else {}
    expected = directly(folders[name], 5, guidance_scale=3.0, **further)
    assert np.abs(pixels(picture).astype(int) - expected.astype(int)).max() <= 1
    assert picture.facts["pipeline"] == check_stock_folder(folders[name]) and picture.facts["draw"] > 0
    steps = [event for event in events if isinstance(event, Step)]
    assert [(event.step, event.steps) for event in steps] == [(1, 3), (2, 3), (3, 3)]
    if name == "amused":
        assert not any(event.preview for event in steps), "tokens are no picture"
    else:
        view = Image.open(io.BytesIO(steps[-1].preview))
        assert view.size == (256, 256)


@pytest.mark.slow
def test_each_picture_has_a_seed_of_its_own(recorder: Recorder, folders: dict[str, Path]) -> None:
    several = digests(recorder.run(stock_job(folders["pixart"], batch_count=2, batch_size=2)))
    assert len(set(several.values())) == 4
    assert digests(recorder.run(stock_job(folders["pixart"], seed=9)))[0] == several[2]
    assert digests(recorder.run(stock_job(folders["pixart"], batch_count=4, images=(3,)))) == {3: several[3]}


@pytest.mark.slow
def test_marks_of_the_prompt_language_are_taken_off(recorder: Recorder, folders: dict[str, Path]) -> None:
    plain = digests(recorder.run(stock_job(folders["sana"], prompt="a red apple", negative_prompt="blue")))
    marked = stock_job(folders["sana"], prompt="a (red:1.3) [apple:pear:0.5]<lora:none:1>", negative_prompt="[blue]")
    assert digests(recorder.run(marked)) == plain
    assert digests(recorder.run(stock_job(folders["sana"], prompt="a red apple", negative_prompt="grey"))) != plain


def test_the_size_is_the_one_asked_for_or_the_pipeline_says_why_not(recorder: Recorder, folders: dict[str, Path]) -> None:
    (picture,) = [event for event in recorder.run(stock_job(folders["pixart"], width=96)) if isinstance(event, Picture)]
    assert (picture.width, picture.height) == (96, 64)
    with pytest.raises(GenerationFailed, match="SanaPipeline of diffusers can't draw this: `height` and `width`"):
        recorder.run(stock_job(folders["sana"], width=72))


@pytest.mark.parametrize("name", ["pixart", pytest.param("sana", marks=pytest.mark.slow)])
def test_interrupt_in_the_middle_keeps_what_is_done(recorder: Recorder, folders: dict[str, Path], name: str) -> None:
    """Once with the callback of today's pipelines, once with that of older ones."""

    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Step) and event.image == 1 and event.step == 2:
            control.interrupt()

    events = recorder.run(stock_job(folders[name], batch_count=3), press)
    assert kinds(events)[-3:] == ["picture", "step", "interrupted"]
    assert [event.step for event in events if isinstance(event, Step) and event.image == 1] == [1, 2]
    assert list(digests(recorder.run(stock_job(folders[name])))) == [0], "the next job runs"


@pytest.mark.slow
def test_skip_ends_one_picture(recorder: Recorder, folders: dict[str, Path]) -> None:
    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Step) and event.image == 0 and event.step == 1:
            control.skip()

    events = recorder.run(stock_job(folders["sana"], batch_count=2), press)
    assert [event.type for event in events if event.type in ("skipped", "picture")] == ["skipped", "picture"]


# switching


def test_it_comes_and_goes_like_any_checkpoint(device: Device, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manager = ModelManager(device)
    recorder = Recorder(Engine(device, None, manager))
    other = digests(recorder.run(job(width=64, height=64, steps=2)))
    first = digests(recorder.run(stock_job(folders["pixart"])))
    entry = manager.resident()[0]
    weights = sum(path.stat().st_size for path in folders["pixart"].rglob("*.safetensors"))
    assert entry["part"] == "pixart (PixArtSigmaPipeline)" and entry["in_use"] and entry["state"] == "RAM"
    assert entry["bytes"] == pytest.approx(weights, rel=0.01)
    assert [part["in_use"] for part in manager.resident()[1:]] == [False] * 3
    assert digests(recorder.run(job(width=64, height=64, steps=2))) == other
    assert not next(part for part in manager.resident() if part["part"].startswith("pixart"))["in_use"]
    again = recorder.run(stock_job(folders["pixart"]))
    assert digests(again) == first
    assert manager._store.private_bytes == sum(part["bytes"] for part in manager.resident()), "all are copies, and each is counted"
    assert not [event for event in recorder.run(stock_job(folders["pixart"])) if isinstance(event, Stage)]
    manager.unload()
    assert manager.resident() == []
    assert digests(recorder.run(stock_job(folders["pixart"]))) == first
    monkeypatch.setattr(manager._store, "_machine", lambda: HostMemory(5 * 1024**3, 0))
    recorder.run(job(width=64, height=64, steps=2))
    assert not [part for part in manager.resident() if part["part"].startswith("pixart")], "it was let go when it was too much"


def _cut(folder: Path) -> None:
    path = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def _lack(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def _misfit(folder: Path) -> None:
    path = folder / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_attention_heads": 5}))


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('code in a pickle was run')",)


def _pickle(folder: Path) -> None:
    (folder / "text_encoder" / "model.safetensors").unlink()
    (folder / "text_encoder" / "pytorch_model.bin").write_bytes(pickle.dumps(_Trap()))


def _custom_part(folder: Path) -> None:
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"transformer": ["my_model", "Mine"]}))
    (folder / "transformer" / "my_model.py").write_text("raise SystemExit('code in a folder was run')")


def _custom_pipeline(folder: Path) -> None:
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": ["pipeline", "Mine"]}))
    (folder / "pipeline.py").write_text("raise SystemExit('code in a folder was run')")


def _auto_map(folder: Path) -> None:
    path = folder / "text_encoder" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "mine.Mine"}, "d_ff": "wide"}))
    (folder / "text_encoder" / "mine.py").write_text("raise SystemExit('code in a folder was run')")


BROKEN = [
    _misfit,
    _pickle,
    _custom_pipeline,
    *(pytest.param(one, marks=pytest.mark.slow) for one in (_cut, _lack, _custom_part, _auto_map)),
]


@pytest.mark.parametrize("breaking", BROKEN, ids=lambda breaking: breaking.__name__.strip("_"))
def test_a_wrong_folder_is_told_in_words_and_the_one_in_use_stays(
    device: Device, folders: dict[str, Path], tmp_path: Path, breaking: Any
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folders["pixart"], broken)
    breaking(broken)
    manager = ModelManager(device)
    recorder = Recorder(Engine(device, None, manager))
    first = digests(recorder.run(stock_job(folders["pixart"])))
    with pytest.raises(CheckpointUnusable, match="broken") as caught:
        recorder.run(dataclasses.replace(stock_job(folders["pixart"]), checkpoint_path=str(broken)))
    assert caught.value.hint
    events = recorder.run(stock_job(folders["pixart"]))
    assert digests(events) == first and not any(isinstance(event, Stage) for event in events)


@pytest.mark.slow
def test_a_changed_folder_is_loaded_anew(recorder: Recorder, folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    changing = tmp_path / "changing"
    shutil.copytree(folders["pixart"], changing)
    first = digests(recorder.run(stock_job(changing)))
    path = changing / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * 1.1 for name, tensor in load_file(path).items()}, tmp_path / "fresh", {"format": "pt"})
    (tmp_path / "fresh").replace(path)
    assert digests(recorder.run(stock_job(changing))) != first


@pytest.mark.slow
def test_preloading_a_pipeline_spares_the_job_the_wait(device: Device, folders: dict[str, Path]) -> None:
    engine = Engine(device)
    engine.preload(folders["sana"])
    assert engine.in_memory().parts[0]["in_use"]
    assert "stage" not in kinds(Recorder(engine).run(stock_job(folders["sana"])))
    engine.preload(CHECKPOINT)
    assert not next(part for part in engine.in_memory().parts if part["part"].startswith("sana"))["in_use"]


# memory


def test_when_memory_runs_out_it_is_drawn_again_with_less(
    recorder: Recorder, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = digests(recorder.run(stock_job(folders["sana"])))
    failures = [torch.OutOfMemoryError("CUDA out of memory")]
    stock = recorder.engine._checkpoints.get_pipeline(folders["sana"], lambda: None)  # type: ignore[attr-defined]
    forward = stock.pipeline.transformer.forward

    def failing(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return forward(*args, **kwargs)

    monkeypatch.setattr(stock.pipeline.transformer, "forward", failing)
    events = recorder.run(stock_job(folders["sana"]))
    (picture,) = [event for event in events if isinstance(event, Picture)]
    assert picture.facts["attention"] == "Sliced" and picture.facts["retried"] == "memory ran out"
    assert next(event.text for event in events if isinstance(event, Note)).startswith("Memory ran out")
    assert digests(events).keys() == first.keys()
    assert not stock.pipeline.vae.use_tiling
    failures[:] = [torch.OutOfMemoryError("CUDA out of memory")] * 2
    with pytest.raises(OutOfMemory):
        recorder.run(stock_job(folders["sana"]))
    failures[:] = [torch.OutOfMemoryError("CUDA out of memory")]
    with pytest.raises(OutOfMemory):
        recorder.run(dataclasses.replace(stock_job(folders["sana"]), try_with_less=False))
    assert digests(recorder.run(stock_job(folders["sana"]))) == first


@pytest.mark.slow
def test_weights_on_a_card_are_taken_off_again(folders: dict[str, Path]) -> None:
    """With main memory in the card's place."""
    card = dataclasses.replace(open_device("cpu", "float32"), copies=True, free_bytes=lambda: 10**12)
    stock = open_stock_folder(folders["pixart"]).load(card)
    before = {name: tensor.data_ptr() for name, tensor in stock.tensors.items()}
    with pytest.raises(RuntimeError, match="in the middle"), on_device(stock, card):
        raise RuntimeError("in the middle")
    assert {name: tensor.data_ptr() for name, tensor in stock.tensors.items()} == before


@pytest.mark.slow
def test_half_precision_is_what_the_device_computes_with(folders: dict[str, Path]) -> None:
    half = open_device("cpu", "bfloat16")
    recorder = Recorder(Engine(half))
    (picture,) = [event for event in recorder.run(stock_job(folders["sana"])) if isinstance(event, Picture)]
    assert picture.facts["dtype"] == "bfloat16"
    (entry,) = recorder.engine.in_memory().parts
    assert entry["bytes"] < sum(path.stat().st_size for path in folders["sana"].rglob("*.safetensors")) * 0.6


# the table


@pytest.mark.slow
@pytest.mark.parametrize("name", STOCK_PIPELINES)
def test_the_table_says_what_diffusers_has(name: str) -> None:
    import diffusers

    known = inspect.signature(getattr(diffusers, name).__call__).parameters
    guidance = next(argument for argument in GUIDANCE_NAMES if argument in known)
    own = STOCK_PIPELINES[name]
    assert own.steps == known["num_inference_steps"].default
    assert own.cfg_scale == known[guidance].default
    assert own.negative == ("negative_prompt" in known)
    assert {"prompt", "height", "width", "generator", "output_type", "return_dict"} <= known.keys()
    assert "callback_on_step_end" in known or {"callback", "callback_steps"} <= known.keys(), "steps can't be followed"


def test_libraries_of_parts_are_diffusers_own() -> None:
    from diffusers import pipelines

    assert all(hasattr(pipelines, library) for library in PIPELINE_LIBRARIES)

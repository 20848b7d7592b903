"""Files that would do harm or are broken, among the checkpoints: from the catalog through the engine, with another model in use.

Nothing in them is run, each has one clear message, and the model in use goes on as it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from webui.catalog.checkpoints import CheckpointCatalog
from webui.engine.device import Device
from webui.engine.engine import Engine
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import CheckpointSource
from webui.engine.memory.manager import ModelManager
from webui.errors import EaselError
from webui.generation.events import Stage

from . import tiny_checkpoints
from .drawing import Recorder, digests, job
from .tiny_checkpoints import Tiny

SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 1, "sampler": "Euler", "schedule_type": "Uniform"}
DENOISER = "model.diffusion_model."


class Code:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def _with(path: Path, **tensors: torch.Tensor) -> None:
    save_file({name: tensor.clone() for name, tensor in load_file(path).items()} | tensors, path)


def _code(path: Path) -> Path:
    """A call in the place of a tensor."""
    return _pickled(path, f"{DENOISER}out.2.bias")


def _pickled(path: Path, code: str) -> Path:
    state: dict[str, Any] = {name: tensor.clone() for name, tensor in load_file(path).items()}
    path.unlink()
    torch.save({"state_dict": state | {code: Code(path.parent / "it ran")}}, path.with_suffix(".ckpt"))
    return path.with_suffix(".ckpt")


def _code_called_safetensors(path: Path) -> Path:
    shutil.move(_code(path), path)
    return path


def _lora(path: Path) -> None:
    save_file({f"lora_unet_down_blocks_0_attentions_0_proj_in.lora_{end}.weight": torch.zeros(4, 4) for end in ("up", "down")}, path)


def _bomb(path: Path) -> None:
    """A header that promises more than there is in the world."""
    header = b'{"' + DENOISER.encode() + b'out.2.bias":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,399999999996]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)


HOSTILE: dict[str, tuple[Callable[[Path], Path | None], str]] = {
    "a pickle that runs code": (_code, "lacks 1 tensors"),
    "a pickle called safetensors": (_code_called_safetensors, "lacks 1 tensors"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]) and None, "damaged or cut off"),
    "a web page": (lambda path: path.write_text("<!DOCTYPE html><html>Log in</html>") and None, "web page"),
    "a git-lfs pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n") and None, "git-lfs"),
    "a LoRA": (_lora, "of kind LoRA"),
    "a header too large": (_bomb, "damaged or cut off"),
    "NaN in the denoiser": (lambda path: _with(path, **{f"{DENOISER}out.2.bias": torch.full((4,), torch.nan)}), "NaN"),
    "NaN in the VAE": (lambda path: _with(path, **{"first_stage_model.decoder.conv_out.bias": torch.full((3,), torch.nan)}), "NaN"),
    "infinity in the text encoder": (
        lambda path: _with(path, **{"cond_stage_model.transformer.text_model.final_layer_norm.bias": torch.full((64,), torch.inf)}),
        "NaN",
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoints.sd1().save(tmp_path_factory.mktemp("sound") / "sound.safetensors")


class Workbench:
    """A folder of models with one that is in use, the catalog over it, and an engine that has drawn with it."""

    def __init__(self, root: Path, sound: Path, device: Device) -> None:
        self.root = root
        self.folder = root / "checkpoints"
        self.folder.mkdir(parents=True)
        self.in_use = Path(shutil.copy(sound, self.folder / "in use.safetensors"))
        self.opening: Callable[[Path], CheckpointSource] = lambda path: open_checkpoint(path, [root], root / "cache")
        self.recorder = Recorder(Engine(device, None, ModelManager(device, lambda path: self.opening(path))))
        self.before = self.draw(self.in_use)

    def draw(self, path: Path) -> dict[int, str]:
        return digests(self.recorder.run(job(path=path, prompt="anything", **SMALL)))

    def refusal(self, path: Path) -> EaselError:
        """What a user who picks that file is told: by the catalog, else by the engine."""
        with pytest.raises(EaselError) as caught:
            self.draw(CheckpointCatalog([self.root], self.root / "catalog").find(path.stem).path)
        return caught.value

    def engine_refuses(self, path: Path) -> bool:
        """Whether the engine refuses it by itself, should the file have changed since the catalog looked."""
        with pytest.raises(EaselError) as caught:
            self.draw(path)
        return bool(caught.value.message and caught.value.hint)

    def is_as_before(self, *, loaded_again: bool) -> bool:
        events = self.recorder.run(job(path=self.in_use, prompt="anything", **SMALL))
        assert any(isinstance(event, Stage) for event in events) == loaded_again
        return digests(events) == self.before


@pytest.fixture
def bench(tmp_path: Path, sound: Path, device: Device) -> Workbench:
    return Workbench(tmp_path, sound, device)


QUICK = ("a pickle that runs code", "a LoRA", "truncated", "NaN in the denoiser")


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in HOSTILE])
def test_it_is_refused_in_words_and_the_model_in_use_goes_on(bench: Workbench, sound: Path, name: str) -> None:
    spoil, words = HOSTILE[name]
    path = Path(shutil.copy(sound, bench.folder / "hostile.safetensors"))
    path = spoil(path) or path
    refusal = bench.refusal(path)
    assert words in str(refusal) and refusal.hint
    assert "Traceback" not in str(refusal) and len(str(refusal)) < 500
    assert bench.engine_refuses(path)
    assert not (bench.folder / "it ran").exists()
    # Broken numbers are found while drawing, when the model that was in use is off already.
    assert bench.is_as_before(loaded_again=words == "NaN")


@pytest.mark.slow
def test_a_pickle_with_code_beside_its_tensors_draws_and_runs_none_of_it(bench: Workbench, sound: Path) -> None:
    path = _pickled(Path(shutil.copy(sound, bench.folder / "hostile.safetensors")), "model_ema.num_updates")
    found = CheckpointCatalog([bench.root], bench.root / "catalog").find("hostile")
    assert any("names code" in note for note in found.notes)
    assert bench.draw(path) == bench.before
    assert not (bench.folder / "it ran").exists()


def test_a_file_that_vanishes_between_its_header_and_its_weights(bench: Workbench, sound: Path) -> None:
    path = Path(shutil.copy(sound, bench.folder / "vanishing.safetensors"))
    opening = bench.opening

    def open_and_remove(asked: Path) -> CheckpointSource:
        source = opening(asked)
        asked.unlink()
        return source

    bench.opening = open_and_remove
    refusal = bench.refusal(path)
    assert "vanishing.safetensors" in refusal.message and refusal.hint
    assert bench.is_as_before(loaded_again=False)


def test_a_file_that_vanishes_while_it_is_in_use(bench: Workbench, sound: Path) -> None:
    path = Path(shutil.copy(sound, bench.folder / "vanishing.safetensors"))
    bench.draw(path)
    path.unlink()
    assert "vanishing.safetensors" in str(bench.refusal(path)) or "no checkpoint called 'vanishing'" in str(bench.refusal(path))
    assert bench.engine_refuses(path)
    assert bench.is_as_before(loaded_again=True)


def test_two_files_of_one_name_are_two_checkpoints(bench: Workbench, sound: Path) -> None:
    tiny = tiny_checkpoints.sd1()
    other = Tiny({}, {name: tensor * 1.2 if name.startswith(DENOISER) else tensor for name, tensor in tiny.state.items()})
    other.save(bench.folder / "more" / "in use.safetensors")
    catalog = CheckpointCatalog([bench.root], bench.root / "catalog")
    first, second = catalog.find("in use"), catalog.find("in use (2)")
    assert catalog.content_hash(first) != catalog.content_hash(second)
    pictures = [bench.draw(entry.path) for entry in (first, second, first, second)]
    assert pictures[0] == pictures[2] == bench.before
    assert pictures[1] == pictures[3] != bench.before

"""Switching between checkpoints: the same pictures, nothing copied that needn't be, nothing changed when it fails."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from benchmarks.hot_swap import cached_share
from webui.engine.device import Device, open_device
from webui.engine.engine import Engine
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.loading.component import CheckpointSource, load_component
from webui.engine.memory.cast_cache import CastCache, Numbers
from webui.engine.memory.manager import CAST_FOLDER, DEVICE, ModelManager
from webui.engine.memory.read_ahead import in_order_of_use, ranges_of, read_ahead
from webui.engine.memory.skeleton import Skeleton
from webui.engine.memory.weights import MAPPED, RAM, private_budget
from webui.engine.precision import in_float32
from webui.engine.preview import LatentPreview
from webui.errors import CheckpointUnusable
from webui.generation.attention import SDPA
from webui.generation.events import Stage
from webui.planning.machine import HostMemory
from webui.planning.memory import PARTIAL, RESIDENT, SEQUENTIAL, SWAP, WHOLE, Plan

from .drawing import Recorder, digests, job
from .tiny import copy_of, same_bits, save_folder, tiny_family

SMALL = {"width": 64, "height": 64, "steps": 2}
UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"
GB = 1024**3


@pytest.fixture(autouse=True)
def plain_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.engine.families.latent_model.preview_for", lambda vae: LatentPreview(torch.zeros(4, 3), torch.zeros(3)))


@pytest.fixture(scope="module")
def folders(device: Device, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints a, b and c in half precision: other denoisers, the same text encoder and VAE."""
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: save_folder(copy_of(tiny_family(device, seed), "float16"), root / name) for seed, name in enumerate("abc")}


@pytest.fixture
def half() -> Device:
    """bfloat16, so that what is read in float16 has to be cast."""
    return open_device("cpu", "bfloat16")


class Watched:
    """A manager and an engine over it, with what it opened and built."""

    def __init__(self, device: Device, cache: Path | None = None, casts: int = GB) -> None:
        self.opened: list[str] = []
        self.manager = ModelManager(device, self._open, cache, casts if cache else 0)
        self.recorder = Recorder(Engine(device, None, self.manager, None if cache is None else cache / "conditioning"))

    def _open(self, path: Path) -> CheckpointSource:
        self.opened.append(path.name)
        return open_checkpoint(path)

    def draw(self, path: Path, **fields: Any) -> str:
        return digests(self.recorder.run(job(path=path, **SMALL | fields)))[0]

    def states(self) -> list[tuple[str, str]]:
        return [(entry["part"].split("/")[1], entry["state"]) for entry in self.manager.resident()]


# the pictures


@pytest.mark.parametrize("kept", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["casts on disk", "casts in memory"])
def test_there_and_back_is_the_same_picture(folders: dict[str, Path], half: Device, tmp_path: Path, kept: bool) -> None:
    watched = Watched(half, tmp_path if kept else None)
    first = {name: watched.draw(path) for name, path in folders.items()}
    assert len(set(first.values())) == 3
    for name in "abcacba":
        assert watched.draw(folders[name]) == first[name]
    assert watched.opened == ["a", "b", "c"], "headers and tokenizers are read once"
    alone = Watched(half)
    assert alone.draw(folders["b"]) == first["b"], "what was there before has no say"


SAMPLERS = ["DPM++ 2M", *(pytest.param(name, marks=pytest.mark.slow) for name in ("Euler", "Euler a", "LMS", "DDIM"))]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_picture_is_the_same_wherever_its_weights_are(folders: dict[str, Path], tmp_path: Path, dtype: str, sampler: str) -> None:
    """Copied, cast just now, cast before, after a switch, after all was let go."""
    device = open_device("cpu", dtype)
    copied, first, later = Watched(device), Watched(device, tmp_path), Watched(device, tmp_path)
    picture = copied.draw(folders["a"], sampler=sampler)
    assert {state for _, state in copied.states()} == {RAM}
    assert first.draw(folders["a"], sampler=sampler) == picture
    assert {state for _, state in first.states()} == {MAPPED}
    assert later.draw(folders["a"], sampler=sampler) == picture
    later.draw(folders["b"], sampler=sampler)
    assert later.draw(folders["a"], sampler=sampler) == picture
    later.manager.unload()
    assert later.draw(folders["a"], sampler=sampler) == picture


@pytest.mark.slow
def test_weights_that_are_mapped_as_they_are_draw_the_same_after_a_switch(device: Device, folders: dict[str, Path], tmp_path: Path) -> None:
    full = save_folder(tiny_family(device, 5), tmp_path / "full")
    watched = Watched(device, tmp_path / "cache")
    first = watched.draw(full)
    watched.draw(folders["a"])
    assert watched.draw(full) == first
    watched.manager.unload()
    assert watched.draw(full) == first == Watched(device).draw(full)


def test_casts_begin_where_copies_would(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    """Kernels round otherwise at other addresses."""
    for part in Watched(half, tmp_path).manager.get(folders["a"], lambda: None).parts.values():
        assert not [name for name, tensor in part.state_dict().items() if tensor.is_floating_point() and tensor.data_ptr() % 64]


def test_the_text_encoder_and_the_vae_are_one_for_all(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    watched = Watched(half, tmp_path)
    for path in folders.values():
        watched.draw(path)
    assert sorted(part for part, _ in watched.states()) == ["text_encoder", "unet", "unet", "unet", "vae"]
    assert {state for _, state in watched.states()} == {MAPPED}
    assert len(list((tmp_path / CAST_FOLDER).glob("*.safetensors"))) == 5
    in_use = [entry for entry in watched.manager.resident() if entry["in_use"]]
    assert len(in_use) == 3 and all(entry["bytes"] > 0 for entry in in_use)


def test_a_prompt_is_encoded_once_for_all_and_not_again_after_a_restart(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    watched = Watched(half, tmp_path)
    first = watched.draw(folders["a"])
    encoder = watched.manager.get(folders["a"], lambda: None).parts["text_encoder"]
    calls = []
    encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    other = watched.draw(folders["b"])
    assert not calls
    watched.draw(folders["b"], clip_skip=2)
    assert calls
    fresh = Watched(half, tmp_path)
    fresh.manager.get(folders["a"], lambda: None).parts["text_encoder"].register_forward_pre_hook(_fail)
    assert fresh.draw(folders["a"]) == first
    assert fresh.draw(folders["b"]) == other
    for file in (tmp_path / "conditioning").iterdir():
        file.write_bytes(b"damaged")
    with pytest.raises(RuntimeError, match="asked"):
        Recorder(Engine(half, None, fresh.manager, tmp_path / "conditioning")).run(job(path=folders["a"], **SMALL))


def _fail(*_: object) -> None:
    raise RuntimeError("the encoder was asked")


# what is where


def mapped_files() -> str:
    return Path("/proc/self/maps").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_weights_in_the_right_numbers_are_mapped_and_not_copied(device: Device, tmp_path: Path) -> None:
    folder = save_folder(tiny_family(device), tmp_path / "full")
    watched = Watched(device)
    watched.draw(folder)
    assert {state for _, state in watched.states()} == {MAPPED}
    assert str(folder / UNET) in mapped_files()
    unet = watched.manager.get(folder, lambda: None).parts["denoiser"]
    starts = [line.split()[0].split("-") for line in mapped_files().splitlines() if str(folder / UNET) in line]
    for tensor in unet.parameters():
        assert any(int(start, 16) <= tensor.data_ptr() < int(end, 16) for start, end in starts)


def test_a_cast_has_the_bits_and_the_order_that_loading_gives(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    loaded = Watched(half, tmp_path).manager.get(folders["a"], lambda: None)
    source = open_checkpoint(folders["a"])
    for kind, part in source.components.items():
        plain = load_component(part, half).state_dict()
        cast = loaded.parts[kind].state_dict()
        assert plain.keys() == cast.keys()
        assert same_bits(list(plain.values()), list(cast.values()))
        # The order of a convolution of one pixel can be told in two ways.
        assert all(tensor.stride() == cast[name].stride() for name, tensor in plain.items() if tensor.ndim == 4 and tensor.shape[-1] > 1)


@pytest.mark.slow
def test_casts_are_used_again_and_made_again_when_damaged(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    first = Watched(half, tmp_path).draw(folders["a"])
    files = {path: path.stat().st_ino for path in (tmp_path / CAST_FOLDER).iterdir()}
    assert Watched(half, tmp_path).draw(folders["a"]) == first
    assert {path: path.stat().st_ino for path in (tmp_path / CAST_FOLDER).iterdir()} == files
    gc.collect()
    for path in files:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(path.read_bytes()[:-100])
        fresh.replace(path)
    assert Watched(half, tmp_path).draw(folders["a"]) == first
    assert {path: path.stat().st_ino for path in (tmp_path / CAST_FOLDER).iterdir()}.keys() == files.keys()


@pytest.mark.slow
def test_the_cast_cache_stays_within_its_bytes(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    watched = Watched(half, tmp_path)
    watched.draw(folders["a"])
    sizes = [path.stat().st_size for path in (tmp_path / CAST_FOLDER).iterdir()]
    small = tmp_path / "small"
    narrow = Watched(half, small, casts=sum(sizes) + 1000)
    pictures = [narrow.draw(folders[name]) for name in "abca"]
    # What was in use when the last one was made had to stay.
    assert sum(path.stat().st_size for path in (small / CAST_FOLDER).iterdir()) <= sum(sizes) + max(sizes) + 1000
    assert pictures[0] == pictures[3] == watched.draw(folders["a"])


def test_a_disk_without_room_is_no_reason_to_fail(
    folders: dict[str, Path], half: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = dataclasses.make_dataclass("Usage", ["total", "used", "free"])
    monkeypatch.setattr("webui.engine.memory.cast_cache.shutil.disk_usage", lambda path: usage(0, 0, 1000))
    watched = Watched(half, tmp_path)
    assert watched.draw(folders["a"]) == Watched(half).draw(folders["a"])
    assert {state for _, state in watched.states()} == {RAM}
    assert not list((tmp_path / CAST_FOLDER).iterdir())


@pytest.mark.slow
def test_copies_are_let_go_when_they_are_too_much(folders: dict[str, Path], half: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(half)
    first = watched.draw(folders["a"])
    watched.draw(folders["b"])
    assert len(watched.states()) == 4
    monkeypatch.setattr(watched.manager._store, "_machine", lambda: HostMemory(5 * GB, 0))
    assert watched.draw(folders["c"]) != first
    assert len(watched.states()) == 3, "those in use stay"
    assert watched.draw(folders["a"]) == first
    assert private_budget(HostMemory(16 * GB, 6 * GB), 2 * GB) == 4 * GB
    assert private_budget(HostMemory(3 * GB, 3 * GB), 0) == 0


def test_unloaded_weights_come_back(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    watched = Watched(half, tmp_path)
    first = watched.draw(folders["a"])
    watched.manager.unload()
    assert watched.manager.resident() == []
    if sys.platform == "linux":
        gc.collect()
        assert str(folders["a"]) not in mapped_files()
    assert watched.draw(folders["a"]) == first


def test_one_checkpoint_leaves_and_what_others_share_with_it_stays(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    watched = Watched(half, tmp_path)
    first = {name: watched.draw(folders[name]) for name in "ab"}
    owners = {part["kind"]: [] for part in watched.manager.resident()}
    for part in watched.manager.resident():
        owners[part["kind"]].append([Path(path).name for path in part["checkpoints"]])
    assert owners == {"denoiser": [["b"], ["a"]], "text_encoder": [["a", "b"]], "vae": [["a", "b"]]}
    watched.manager.unload(folders["a"])
    left = {part["kind"]: ([Path(path).name for path in part["checkpoints"]], part["in_use"]) for part in watched.manager.resident()}
    assert left == dict.fromkeys(("denoiser", "text_encoder", "vae"), (["b"], True))
    assert watched.draw(folders["b"]) == first["b"]
    assert watched.opened == ["a", "b"], "it was not touched"
    watched.manager.unload(folders["b"])
    assert watched.manager.resident() == []
    if sys.platform == "linux":
        gc.collect()
        assert str(folders["b"]) not in mapped_files()
    assert [watched.draw(folders[name]) for name in "ab"] == [first["a"], first["b"]]


def test_many_switches_leave_nothing_behind(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    watched = Watched(half, tmp_path)

    def alive() -> int:
        for thread in threading.enumerate():
            if thread.name == "read ahead":  # it holds what it reads until it has read it
                thread.join()
        gc.collect()
        return sum(isinstance(thing, torch.Tensor) for thing in gc.get_objects())

    for name in "abcabc":
        watched.manager.get(folders[name], lambda: None)
    before = alive()
    for name in "abc" * 10:
        watched.manager.get(folders[name], lambda: None)
    assert alive() <= before + 3
    assert len(watched.manager.resident()) == 5


def test_full_precision_for_a_while_leaves_the_mapping(folders: dict[str, Path], half: Device, tmp_path: Path) -> None:
    unet = Watched(half, tmp_path).manager.get(folders["a"], lambda: None).parts["denoiser"]
    before = [tensor.data_ptr() for tensor in unet.parameters()]
    with in_float32(unet):
        assert all(tensor.dtype == torch.float32 for tensor in unet.parameters())
    assert [tensor.data_ptr() for tensor in unet.parameters()] == before


def test_neighbours_are_asked_for_in_one() -> None:
    one = torch.zeros(4, 1024)
    parts = [one[0], one[2], one[3]]
    ((start, end),) = ranges_of(parts)
    assert start <= one.data_ptr() < start + 4096
    assert end == one.data_ptr() + one.nbytes
    far = torch.zeros(8 * 1024 * 1024)
    assert len(ranges_of([far[:10], far[-10:]])) == 2
    assert ranges_of([far[-10:], far[:10]]) == ranges_of([far[:10], far[-10:]])[::-1]


def test_the_middle_of_a_u_net_is_read_before_its_rise() -> None:
    names = ["conv_in.weight", "down_blocks.0.a", "up_blocks.0.a", "mid_block.a", "conv_out.weight"]
    assert in_order_of_use(names) == ["conv_in.weight", "down_blocks.0.a", "mid_block.a", "up_blocks.0.a", "conv_out.weight"]
    others = ["transformer_blocks.1.a", "pos_embed", "transformer_blocks.0.a"]
    assert in_order_of_use(others) == others


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_a_cold_file_is_in_memory_after_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "cold.safetensors"
    save_file({"a": torch.arange(6_000_000), "b": torch.ones(1000)}, path)
    os.sync()
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with safe_open(path, "pt") as weights:
        tensors = [weights.get_tensor(name) for name in ("b", "a")]
    thread = read_ahead(tensors)
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()
    assert cached_share(path) > 0.99


# what goes wrong


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _lack(path: Path) -> None:
    tensors = load_file(path)
    del tensors[sorted(tensors)[3]]
    save_file(tensors, path)


def _misshape(path: Path) -> None:
    tensors = load_file(path)
    tensors["decoder.conv_out.weight"] = torch.zeros(7, 7, dtype=torch.float16)
    save_file(tensors, path)


@pytest.mark.parametrize("breaking", [_cut, _lack, _misshape])
def test_a_failed_switch_changes_nothing(
    device: Device, folders: dict[str, Path], half: Device, tmp_path: Path, breaking: Callable[[Path], None]
) -> None:
    """The VAE is the last part; by then the others are there."""
    broken = save_folder(copy_of(tiny_family(device, 7), "float16"), tmp_path / "broken")
    breaking(broken / VAE)
    watched = Watched(half, tmp_path / "cache")
    first = watched.draw(folders["a"])
    parts = watched.manager.get(folders["a"], lambda: None).parts
    before = [tensor for part in parts.values() for tensor in part.state_dict(keep_vars=True).values()]
    with pytest.raises(CheckpointUnusable):
        watched.draw(broken)
    after = [tensor for part in parts.values() for tensor in part.state_dict(keep_vars=True).values()]
    assert all(one is other for one, other in zip(before, after, strict=True))
    events = watched.recorder.run(job(path=folders["a"], **SMALL))
    assert not any(isinstance(event, Stage) for event in events), "it was loaded again"
    assert digests(events)[0] == first


def test_a_file_replaced_under_its_mapping_is_read_anew(device: Device, folders: dict[str, Path], tmp_path: Path) -> None:
    changing = save_folder(tiny_family(device), tmp_path / "changing")
    watched = Watched(device)
    first = watched.draw(changing)
    tensors = {name: tensor.clone() for name, tensor in load_file(changing / VAE).items()}
    fresh = tmp_path / "fresh.safetensors"
    save_file({name: tensor * 1.5 for name, tensor in tensors.items()}, fresh)
    fresh.replace(changing / VAE)
    assert watched.draw(changing) != first
    fresh = tmp_path / "back.safetensors"
    save_file(tensors, fresh)
    fresh.replace(changing / VAE)
    assert watched.draw(changing) == first


def test_tied_weights_are_one_tensor() -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = torch.nn.Embedding(4, 2)
            self.again = self.shared
            self.head = torch.nn.Linear(2, 4, bias=False)
            self.head.weight = self.shared.weight
            self.register_buffer("table", torch.zeros(3))
            self.register_buffer("positions", torch.arange(3), persistent=False)

    source: Any = dataclasses.make_dataclass("Source", ["build"])(Tied)
    skeleton = Skeleton(source)
    assert sorted(skeleton.slots) == ["shared.weight", "table"]
    ours = {"shared.weight": torch.nn.Parameter(torch.ones(4, 2)), "table": torch.ones(3)}
    skeleton.wear(ours)
    assert skeleton.module.head.weight is skeleton.module.again.weight is ours["shared.weight"]
    assert skeleton.module.table is ours["table"]
    skeleton.wear(None)
    assert float(skeleton.module.table.sum()) == 0


def test_a_cast_that_is_cut_short_is_not_there(tmp_path: Path, half: Device) -> None:
    left = tmp_path / "casts" / "x.safetensors.1.part"
    left.parent.mkdir()
    left.write_bytes(b"half")
    cache = CastCache(left.parent, GB)
    assert not left.exists()

    def read(name: str) -> torch.Tensor:
        raise CheckpointUnusable("gone", hint="")

    slots = Skeleton(dataclasses.make_dataclass("Source", ["build"])(lambda: torch.nn.Linear(2, 2))).slots  # type: ignore[arg-type]
    with pytest.raises(CheckpointUnusable):
        cache.make("x", Numbers(torch.bfloat16, torch.contiguous_format), slots, read)
    assert not list(left.parent.iterdir())


# as on a card, with main memory standing in for its own


@pytest.mark.parametrize("residency", [RESIDENT, SWAP, PARTIAL, SEQUENTIAL])
def test_wherever_weights_are_the_picture_is_the_same(
    folders: dict[str, Path], half: Device, residency: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = Watched(half)
    first = {name: mapped.draw(folders[name]) for name in "ab"}
    plan = Plan(residency, 2, 2, WHOLE, SDPA, 50_000, 0, True)
    monkeypatch.setattr("webui.engine.memory.drawing.make_plan", lambda *arguments, **more: plan)
    watched = Watched(dataclasses.replace(half, copies=True, free_bytes=lambda: GB))
    for name in "aba":
        assert watched.draw(folders[name]) == first[name]
    on_device = {part for part, state in watched.states() if state == DEVICE}
    assert on_device == {RESIDENT: {"text_encoder", "unet", "vae"}, SWAP: {"vae"}, PARTIAL: {"vae"}, SEQUENTIAL: set()}[residency]

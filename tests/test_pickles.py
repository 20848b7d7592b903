"""Old pickles: what they hold is told, and nothing in them runs."""

import builtins
import collections
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest

from webui.catalog import pickles
from webui.catalog.detect import identify
from webui.catalog.models import ModelCatalog
from webui.catalog.pickles import inspect_pickle
from webui.errors import CheckpointUnusable


class Global:
    """Writes a name into a pickle, called with arguments when it is read."""

    def __init__(self, module: str, name: str, *args: object) -> None:
        self.module, self.name, self.args = module, name, args


class Storage:
    def __init__(self, kind: str, key: str, numbers: int) -> None:
        self.pid = ("storage", Global("torch", kind), key, "cpu", numbers)


class Writer(pickle._Pickler):  # type: ignore[name-defined] - the one in Python lets a test write names of modules that are not there
    dispatch: ClassVar = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def persistent_id(self, obj: object):
        return obj.pid if isinstance(obj, Storage) else None

    def save_global_(self, obj: Global) -> None:
        self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
        if obj.args:
            self.save(obj.args[0] if len(obj.args) == 1 and isinstance(obj.args[0], tuple) else obj.args)
            self.write(b"R")

    dispatch[Global] = save_global_


def dumped(value: object) -> bytes:
    stream = io.BytesIO()
    Writer(stream, 2).dump(value)
    return stream.getvalue()


def tensor(shape: tuple[int, ...], kind: str = "HalfStorage") -> Global:
    return Global("torch._utils", "_rebuild_tensor_v2", Storage(kind, "0", 1), 0, shape, (1,), False, collections.OrderedDict())


def write_zip(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", value if isinstance(value, bytes) else dumped(value))
        archive.writestr("archive/version", "3")
    return path


def write_legacy(path: Path, value: object) -> Path:
    path.write_bytes(b"".join(dumped(part) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, value, ["0"])) + bytes(64))
    return path


STATE = {
    "model.diffusion_model.time_embed.0.weight": tensor((1280, 320)),
    "model.diffusion_model.input_blocks.0.0.weight": tensor((320, 9, 3, 3)),
    "model.diffusion_model.middle_block.0.in_layers.0.weight": tensor((1280,)),
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": tensor((320, 768), "FloatStorage"),
}


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_an_old_checkpoint_of_lightning_is_told_by_its_shapes(tmp_path: Path, write) -> None:
    callbacks = {Global("pytorch_lightning.callbacks", "ModelCheckpoint"): {"best": Global("numpy.core.multiarray", "scalar", 1, 2)}}
    path = write(tmp_path / "old.ckpt", {"epoch": 3, "callbacks": callbacks, "state_dict": collections.OrderedDict(STATE)})
    found = inspect_pickle(path)
    assert {name: info.shape for name, info in found.header.tensors.items()} == {
        name: value.args[2] for name, value in STATE.items() if isinstance(value, Global)
    }
    assert {info.dtype for info in found.header.tensors.values()} == {"F16", "F32"}
    kind = identify(found.header)
    assert (kind.kind, kind.family, kind.variant) == ("denoiser", "sd1", "inpaint")
    assert set(found.foreign) == {"pytorch_lightning.callbacks.ModelCheckpoint", "numpy.core.multiarray.scalar"}


def evil(mark: Path) -> dict[str, object]:
    touch = f"open({str(mark)!r}, 'w').close()"
    return {
        "os.system": Global("os", "system", f"touch {mark}"),
        "posix.system": Global("posix", "system", f"touch {mark}"),
        "eval": Global("builtins", "eval", touch),
        "exec": Global("builtins", "exec", touch),
        "old builtins": Global("__builtin__", "exec", touch),
        "subprocess": Global("subprocess", "Popen", ["touch", str(mark)]),
        "import": Global("builtins", "__import__", "os"),
        "getattr": Global("builtins", "getattr", Global("os", "path"), "join"),
        "runpy": Global("runpy", "_run_code", touch, {}),
        "torch": Global("torch.hub", "load", "x"),
        "numpy": Global("numpy.testing._private.utils", "runstring", touch, {}),
        "itself": Global("webui.catalog.pickle_inspector", "main", ()),
        "dotted": Global("torch", "storage.os.system", f"touch {mark}"),
        "inner": {"state_dict": {"a": Global("os", "system", f"touch {mark}")}},
    }


@pytest.mark.parametrize("name", list(evil(Path("x"))))
def test_code_in_a_pickle_never_runs(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "it ran"
    value = evil(mark)[name]
    for write in (write_zip, write_legacy):
        path = write(tmp_path / "evil.ckpt", {"x": value})
        try:
            found = inspect_pickle(path)
        except CheckpointUnusable as problem:
            assert "evil.ckpt" in problem.message
        else:
            assert found.foreign
            assert not found.header.tensors
        assert not mark.exists()


def test_the_evil_pickle_of_these_tests_would_run_code(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    mark = tmp_path / "it ran"
    pickle.loads(dumped(evil(mark)["exec"]))
    assert mark.exists()


BROKEN = {
    "no data": (lambda path: zipfile.ZipFile(path, "w").close(), "no model file|no data.pkl"),
    "cut off": (lambda path: path.write_bytes(write_zip(path, STATE).read_bytes()[:60]), "can't be read"),
    "cut pickle": (lambda path: write_zip(path, dumped(STATE)[:-40]), "can't be read"),
    "pop of nothing": (lambda path: write_zip(path, b"\x80\x020000."), "can't be read"),
    "call of text": (lambda path: write_zip(path, Global("torch", "FloatStorage", 1)), "can't be read"),
    "torchscript": (
        lambda path: [zipfile.ZipFile(write_zip(path, {}), "a").writestr("archive/code/x.py", ""), None][1],
        "TorchScript",
    ),
    "huge claim": (lambda path: path.write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 2**62)), "can't be read"),
    "unknown extension": (lambda path: write_zip(path, b"\x80\x02\x82\x01."), "can't be read"),
}


@pytest.mark.parametrize(("make", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_pickle_says_so(tmp_path: Path, make, words: str) -> None:
    path = tmp_path / "x.ckpt"
    make(path)
    with pytest.raises(CheckpointUnusable, match=words) as caught:
        inspect_pickle(path)
    assert caught.value.hint


def test_a_pickle_that_asks_for_memory_or_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "SECONDS_LIMIT", 1)
    laughs: object = "x"
    for _ in range(40):
        laughs = [laughs, laughs]
    for name, content in {
        "time": dumped(laughs),
        "memory": b"\x80\x02" + b"}" * 40_000_000 + b".",
        "bomb": bytes(70_000_000),
    }.items():
        path = tmp_path / f"{name}.ckpt"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", content)
        with pytest.raises(CheckpointUnusable):
            inspect_pickle(path)


def test_hostile_shapes_and_states_are_only_told_where_they_make_sense(tmp_path: Path) -> None:
    strange = {
        "negative": tensor((-1, 5)),
        "boolean": tensor((True,)),
        "huge": tensor((2**70,)),
        "fine": tensor((2, 3)),
        "deep": {"a": {"b": [tensor((1,))]}},
        "long" * 1000: tensor((1,)),
    }
    found = inspect_pickle(write_zip(tmp_path / "x.bin", strange))
    assert {name: info.shape for name, info in found.header.tensors.items()} == {"fine": (2, 3), "deep.a.b.0": (1,)}


def test_the_catalog_looks_into_pickles_in_the_background_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.catalog.models._SETTLE_SECONDS", 0)
    write_zip(tmp_path / "models" / "checkpoints" / "old.ckpt", {"state_dict": STATE, "x": Global("os", "system", "true")})
    catalog = ModelCatalog([tmp_path / "models"], tmp_path / "cache", hash_files=False)
    (model,) = catalog.all()
    assert (model.pending, model.role) == (True, "checkpoint")
    model = catalog.describe_now(model)
    assert (model.role, model.kind.family, model.facts.form) == ("denoiser", "sd1", "pickle")
    assert catalog.all()[0].notes == ("Its pickle names code, which was not run: os.system.",)
    catalog.close()
    monkeypatch.setattr("webui.catalog.describe.inspect_pickle", lambda path: builtins.exit(1))
    again = ModelCatalog([tmp_path / "models"], tmp_path / "cache", hash_files=False)
    assert again.all()[0].kind == model.kind
    again.close()


def test_the_child_sees_neither_packages_nor_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zipfile.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert inspect_pickle(write_zip(tmp_path / "x.pt", {"a": tensor((1,))})).header.tensors
    assert os.getcwd() == str(tmp_path)  # noqa: PTH109

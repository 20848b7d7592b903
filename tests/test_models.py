import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import model_files as files
import pytest
from model_files import FLUX, SD1, SDXL, write_gguf, write_safetensors

from webui.catalog.hashing import hash_file
from webui.catalog.models import ModelCatalog
from webui.catalog.roots import find_places
from webui.errors import CheckpointUnusable, NotFound


@pytest.fixture
def catalog_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes catalogs over roots, all with one cache; ends them."""
    monkeypatch.setattr("webui.catalog.models._SETTLE_SECONDS", 0)
    made: list[ModelCatalog] = []

    def make(*roots: Path, **more) -> ModelCatalog:
        made.append(ModelCatalog(roots, tmp_path / "cache", **more))
        return made[-1]

    yield make
    for catalog in made:
        catalog.close()


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def rows(catalog: ModelCatalog) -> dict[str, tuple[str, str]]:
    return {model.name: (model.role, model.kind.family) for model in catalog.all()}


# folders


def test_easels_and_automatic1111s_folders(tmp_path: Path, catalog_of) -> None:
    easel, webui = tmp_path / "models", tmp_path / "stable-diffusion-webui"
    write_safetensors(easel / "checkpoints" / "a.safetensors", SD1)
    write_safetensors(easel / "loras" / "style" / "b.safetensors", files.kohya_lora(2048))
    write_safetensors(webui / "models" / "Stable-diffusion" / "sub" / "c.safetensors", SDXL)
    write_safetensors(webui / "models" / "VAE" / "d.safetensors", files.vae())
    write_safetensors(webui / "models" / "Lora" / "e.safetensors", files.kohya_lora(768))
    write_safetensors(webui / "embeddings" / "f.safetensors", {"emb_params": (2, 768)})
    write_safetensors(webui / "outputs" / "g.safetensors", SD1)
    write_gguf(webui / "models" / "unet" / "h.gguf", files.flux())
    assert rows(catalog_of(easel, webui)) == {
        "a": ("checkpoint", "sd1"),
        "b": ("lora", "sdxl"),
        "c": ("checkpoint", "sdxl"),
        "d": ("vae", ""),
        "e": ("lora", "sd1"),
        "f": ("embedding", "sd1"),
        "h": ("denoiser", "flux"),
    }


def test_comfyuis_paths_file(tmp_path: Path, catalog_of, monkeypatch: pytest.MonkeyPatch) -> None:
    comfy, elsewhere = tmp_path / "ComfyUI", tmp_path / "disk two"
    monkeypatch.setenv("SOME_DISK", str(elsewhere))
    write_safetensors(comfy / "models" / "checkpoints" / "own.safetensors", SD1)
    write_safetensors(elsewhere / "ckpt" / "far.safetensors", SDXL)
    write_safetensors(elsewhere / "l1" / "one.safetensors", files.kohya_lora())
    write_safetensors(elsewhere / "l2" / "two.safetensors", files.kohya_lora(2048))
    write_safetensors(comfy / "near" / "near.safetensors", files.vae())
    write_safetensors(tmp_path / "absolute" / "te.safetensors", files.T5)
    (comfy / "extra_model_paths.yaml").write_text(
        f"""
a111:
    base_path: $SOME_DISK/
    checkpoints: ckpt
    loras: |
        l1
        l2
    configs: nowhere
    is_default: true
here:
    vae: [near, not-there]
    text_encoders: {tmp_path / "absolute"}
    7: 8
nothing:
words: only
"""
    )
    expected = {
        "own": ("checkpoint", "sd1"),
        "far": ("checkpoint", "sdxl"),
        "one": ("lora", "sd1"),
        "two": ("lora", "sdxl"),
        "near": ("vae", ""),
        "te": ("text_encoder", ""),
    }
    assert rows(catalog_of(comfy)) == expected
    del expected["own"]
    assert rows(catalog_of(comfy / "extra_model_paths.yaml")) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [b", "can't be read"), ("- a list", "no table"), ("a: &a [*a]", ""), ("x" * 1_000_001, "too large"), ("", "")],
)
def test_a_damaged_paths_file_is_said_and_hides_nothing(tmp_path: Path, text: str, words: str) -> None:
    write_safetensors(tmp_path / "checkpoints" / "a.safetensors", SD1)
    (tmp_path / "extra_model_paths.yaml").write_text(text)
    found = find_places([tmp_path])
    assert [place.folder.name for place in found.places] == ["checkpoints"]
    assert words in " ".join(found.problems)
    assert bool(found.problems) == bool(words)


def test_invokeais_root_is_told_by_content(tmp_path: Path, catalog_of) -> None:
    root = tmp_path / "invokeai"
    write_safetensors(root / "models" / "sdxl" / "main" / "x.safetensors", SDXL)
    write_safetensors(root / "models" / "any" / "deeper" / "y.safetensors", files.kohya_lora(2048))
    (root / "invokeai.yaml").write_text("schema_version: 4.0.2\n")
    assert rows(catalog_of(root)) == {"x": ("checkpoint", "sdxl"), "y": ("lora", "sdxl")}
    write_safetensors(tmp_path / "moved" / "z.safetensors", SD1)
    (root / "invokeai.yaml").write_text(f"models_dir: {tmp_path / 'moved'}\n")
    assert rows(catalog_of(root)) == {"z": ("checkpoint", "sd1")}


def test_any_folder_can_be_a_root(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "stuff" / "deep" / "x.safetensors", SDXL)
    write_safetensors(tmp_path / "Lora" / "broken.safetensors", {}).write_bytes(b"")
    assert rows(catalog_of(tmp_path / "stuff", tmp_path / "Lora", tmp_path / "gone")) == {
        "x": ("checkpoint", "sdxl"),
        "broken": ("lora", ""),
    }


def test_links_are_followed_once_and_loops_end(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "disk" / "x.safetensors", SDXL)
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    (tmp_path / "models" / "checkpoints" / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "models" / "checkpoints" / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "loop").symlink_to(tmp_path / "models" / "checkpoints")
    assert [model.relative for model in catalog_of(tmp_path / "models").all()] == ["again/x.safetensors"]


def test_names_are_told_apart_and_files_that_only_their_folder_names(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "checkpoints" / "a" / "same.safetensors", SD1)
    write_safetensors(tmp_path / "checkpoints" / "b" / "Same.ckpt", SDXL)
    write_safetensors(tmp_path / "loras" / "same.safetensors", files.kohya_lora())
    write_safetensors(tmp_path / "loras" / "knitted" / "pytorch_lora_weights.safetensors", files.kohya_lora())
    write_safetensors(tmp_path / "checkpoints" / "big-00001-of-00002.safetensors", SD1)
    names = [(model.name, model.role) for model in catalog_of(tmp_path).all()]
    assert names == [("same", "checkpoint"), ("Same (2)", "checkpoint"), ("knitted", "lora"), ("same", "lora")]


def test_what_lies_in_the_wrong_folder_is_listed_as_what_it_is(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "checkpoints" / "lora.safetensors", files.kohya_lora())
    write_safetensors(tmp_path / "checkpoints" / "own.safetensors", SD1)
    write_safetensors(tmp_path / "checkpoints" / "own.vae.safetensors", files.vae())
    write_safetensors(tmp_path / "checkpoints" / "strange.safetensors", {"weight": (2, 2)})
    catalog = catalog_of(tmp_path)
    by_name = {model.name: model for model in catalog.all()}
    assert by_name["lora"].role == "lora"
    assert by_name["lora"].notes == ("This is a LoRA, though it lies in a folder for checkpoints.",)
    assert by_name["own"].vae == tmp_path / "checkpoints" / "own.vae.safetensors"
    assert (by_name["own.vae"].role, by_name["own.vae"].notes) == ("vae", ())
    assert (by_name["strange"].role, by_name["strange"].kind.kind) == ("checkpoint", "unknown")


def test_diffusers_folders_of_other_families(tmp_path: Path, catalog_of) -> None:
    def folder(name: str, pipeline: str, **configs) -> None:
        for part, config in {"model_index": {"_class_name": pipeline}, **configs}.items():
            path = tmp_path / "diffusers" / name / ("model_index.json" if part == "model_index" else f"{part}/config.json")
            path = path.with_name("scheduler_config.json") if part == "scheduler" else path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(config))

    folder("sd2", "StableDiffusionPipeline", unet={"cross_attention_dim": 1024}, scheduler={"prediction_type": "v_prediction"})
    folder(
        "xl", "StableDiffusionXLInpaintPipeline", unet={"in_channels": 9}, text_encoder={}, text_encoder_2={}, vae={"latent_channels": 4}
    )
    folder("refiner", "StableDiffusionXLImg2ImgPipeline", unet={"in_channels": 4}, text_encoder_2={}, vae={})
    folder("large", "StableDiffusion3Pipeline", transformer={"qk_norm": "rms_norm"}, vae={"latent_channels": 16})
    folder("dev", "FluxPipeline", transformer={"guidance_embeds": True})
    folder("qwen", "QwenImagePipeline", scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler"})
    folder("else", "SomethingNewPipeline")
    folder("hostile", ["x"], unet=[], scheduler={"prediction_type": ["v"], "_class_name": 7})  # type: ignore[arg-type]
    kinds = {model.name: model.kind for model in catalog_of(tmp_path).all()}
    assert {name: (kind.family, kind.version, kind.variant, kind.prediction) for name, kind in kinds.items()} == {
        "sd2": ("sd2", "", "base", "v"),
        "xl": ("sdxl", "", "inpaint", "epsilon"),
        "refiner": ("sdxl_refiner", "", "base", "epsilon"),
        "large": ("sd3", "3.5-large", "base", "flow"),
        "dev": ("flux", "dev", "base", "flow"),
        "qwen": ("qwen_image", "", "base", "flow"),
        "else": ("", "", "base", "epsilon"),
        "hostile": ("", "", "base", ""),
    }
    assert {part.prefix for part in kinds["xl"].parts} == {"unet/", "vae/", "text_encoder/", "text_encoder_2/"}


# what is remembered


def test_a_file_is_described_once_and_again_when_it_changes(tmp_path: Path, catalog_of, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    from webui.catalog import models as module

    real = module.describe
    monkeypatch.setattr(module, "describe", lambda found: looked.append(found.path.name) or real(found))
    path = write_safetensors(tmp_path / "models" / "checkpoints" / "a.safetensors", SD1)
    write_safetensors(tmp_path / "models" / "checkpoints" / "b.safetensors", {}).write_bytes(b"<html>")
    first = catalog_of(tmp_path / "models").all()
    assert sorted(looked) == ["a.safetensors", "b.safetensors"]
    again = catalog_of(tmp_path / "models")
    assert again.all() == first
    assert not again.refresh()
    assert len(looked) == 2
    write_safetensors(path, SDXL)
    os.utime(path, ns=(1, 1))
    assert again.refresh()
    assert looked[2:] == ["a.safetensors"]
    assert again.all()[0].kind.family == "sdxl"
    path.unlink()
    assert again.refresh()
    assert [model.name for model in again.all()] == ["b"]


def test_a_library_too_large_to_look_at_now_is_listed_as_pending_and_described_later(tmp_path: Path, catalog_of, monkeypatch) -> None:
    monkeypatch.setattr("webui.catalog.models._PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("webui.catalog.models._BATCH_SECONDS", 0.0)  # a busy machine: each round comes to one file at least
    for number in range(5):
        write_safetensors(tmp_path / "models" / "loras" / f"{number}.safetensors", files.kohya_lora(2048))
    catalog = catalog_of(tmp_path / "models", hash_files=False)
    assert [(model.pending, model.role) for model in catalog.all()] == [(True, "lora")] * 5
    assert catalog.progress.pending == 5
    model = catalog.describe_now(catalog.all()[0])
    assert (model.pending, model.kind.family) == (False, "sdxl")
    changes: list[int] = []
    catalog.on_change = lambda: changes.append(1)
    catalog.start()
    wait_until(lambda: catalog.progress.pending == 0)
    assert {model.kind.family for model in catalog.all()} == {"sdxl"}
    wait_until(lambda: bool(changes))


def test_the_folders_are_watched(tmp_path: Path, catalog_of) -> None:
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    catalog = catalog_of(tmp_path / "models", hash_files=False)
    changed = threading.Event()
    catalog.on_change = changed.set
    catalog.start()
    time.sleep(0.3)
    path = write_safetensors(tmp_path / "models" / "checkpoints" / "new" / "x.safetensors", SD1)
    wait_until(lambda: [model.name for model in catalog.all()] == ["x"])
    assert changed.is_set()
    path.unlink()
    wait_until(lambda: not catalog.all())


@pytest.mark.parametrize("damage", [b"not a database" * 100, b""])
def test_a_damaged_memory_is_made_again(tmp_path: Path, catalog_of, damage: bytes) -> None:
    write_safetensors(tmp_path / "models" / "checkpoints" / "a.safetensors", SD1)
    catalog_of(tmp_path / "models").close()
    for left in (tmp_path / "cache").iterdir():
        left.write_bytes(damage)
    assert rows(catalog_of(tmp_path / "models")) == {"a": ("checkpoint", "sd1")}
    assert rows(catalog_of(tmp_path / "models")) == {"a": ("checkpoint", "sd1")}


def test_a_memory_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "models" / "checkpoints" / "a.safetensors", SD1)
    (tmp_path / "file").write_text("in the way")
    catalog = ModelCatalog([tmp_path / "models"], tmp_path / "file")
    assert rows(catalog) == {"a": ("checkpoint", "sd1")}
    catalog.close()


# hashes and names


def test_hashes_are_those_that_other_programs_make(tmp_path: Path) -> None:
    import hashlib

    shapes = {"lora_unet_x_attn2_to_k.lora_down.weight": (1024, 768)}
    path = write_safetensors(tmp_path / "a.safetensors", shapes)
    content = path.read_bytes()
    hashes = hash_file(path)
    assert hashes is not None
    assert hashes.sha256 == hashlib.sha256(content).hexdigest()
    assert hashes.short == hashes.sha256[:10]
    assert hashes.legacy == hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]
    assert hashes.data == hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
    assert hash_file(path, lambda _done: False) is None
    (tmp_path / "b.ckpt").write_bytes(b"PK" + bytes(10))
    other = hash_file(tmp_path / "b.ckpt")
    assert other is not None
    assert other.data == ""


def test_models_are_found_by_every_name_that_clients_send(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "checkpoints" / "anime" / "Dream [v2].safetensors", files.unet(768))
    write_safetensors(tmp_path / "checkpoints" / "photo" / "Dream [v2].safetensors", files.unet(1024))
    write_safetensors(tmp_path / "loras" / "file.safetensors", files.kohya_lora(), {"ss_output_name": "Knitted Wool"})
    catalog = catalog_of(tmp_path)
    first, second, lora = catalog.all()
    hashes = {model.id: catalog.hash_now(model) for model in (first, second, lora)}
    wanted = [
        (first, ["Dream [v2]", "dream [V2]", "Dream [v2].safetensors", "anime/Dream [v2].safetensors", r"anime\Dream [v2].safetensors"]),
        (first, ["anime/Dream [v2]", "anime_Dream [v2]", " Dream [v2] "]),
        (second, ["Dream [v2] (2)", "photo/Dream [v2].safetensors", f"Dream [v2].safetensors [{hashes[second.id].short}]"]),
        (second, [catalog.title(second), hashes[second.id].short, hashes[second.id].sha256, hashes[second.id].sha256.upper()]),
        (first, [f"Dream [v2] [{'0' * 10}]", catalog.title(first)]),
        (lora, ["file", "knitted wool", hashes[lora.id].data[:12], hashes[lora.id].short]),
    ]
    for model, names in wanted:
        for name in names:
            assert catalog.find(name) == model, name
    assert catalog.title(first) == f"anime/Dream [v2].safetensors [{hashes[first.id].short}]"
    for name in ("", "nobody", "../../etc/passwd", "[", "x" * 10_000, "a" * 64, f"nobody [{'0' * 10}]"):
        assert catalog.find(name) is None, name
    assert catalog.find("file", frozenset({"checkpoint"})) is None


def test_hashes_are_made_in_the_background_and_kept(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "models" / "checkpoints" / "a.safetensors", {"b": (3,)}).write_bytes(b"")
    path = write_safetensors(tmp_path / "models" / "loras" / "b.safetensors", files.kohya_lora())
    catalog = catalog_of(tmp_path / "models")
    assert catalog.hashes(catalog.all()[1]) is None
    catalog.start()
    wait_until(lambda: catalog.hashes(catalog.all()[1]) is not None)
    assert catalog.progress.hashed == 1
    kept = catalog_of(tmp_path / "models")
    assert kept.hashes(kept.all()[1]) == hash_file(path)
    path.write_bytes(path.read_bytes() + b"x")
    kept.refresh()
    assert kept.hashes(kept.all()[1]) is None
    model = kept.all()[1]
    path.unlink()
    with pytest.raises(CheckpointUnusable, match="can't be read"):
        kept.hash_now(model)


def test_search(tmp_path: Path, catalog_of) -> None:
    write_safetensors(tmp_path / "checkpoints" / "anime" / "a.safetensors", SD1)
    write_safetensors(tmp_path / "checkpoints" / "b.safetensors", FLUX)
    write_safetensors(tmp_path / "loras" / "c.safetensors", files.kohya_lora(), {"ss_output_name": "Ärmel"})
    catalog = catalog_of(tmp_path)

    def names(**wanted) -> list[str]:
        return [model.name for model in catalog.select(**wanted)]

    assert names() == ["a", "b", "c"]
    assert names(kinds=["lora"]) == ["c"]
    assert names(family="flux") == ["b"]
    assert names(search="ANIME a") == ["a"]
    assert names(search="ärmel") == ["c"]
    assert names(search="dev") == ["b"]
    assert names(kinds=["lora"], search="anime") == []
    assert catalog.get(catalog.all()[0].id).name == "a"
    with pytest.raises(NotFound):
        catalog.get("0")

import json
import os
from pathlib import Path

import pytest
from model_files import DENOISER, FLUX, SD1, SD1_INPAINT, SDXL, flux, under, unet, write_gguf, write_safetensors
from small_checkpoint import SHIPPED_CHECKPOINT, make_checkpoint

from webui.catalog.checkpoints import CheckpointCatalog, scan
from webui.errors import CheckpointUnusable, InvalidRequest


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def replace(content: bytes):
    return lambda path: path.write_bytes(content)


BROKEN = [
    ("damaged or cut off", truncate),
    ("is empty", replace(b"")),
    ("web page", replace(b"\n<!DOCTYPE html><html>")),
    ("git-lfs pointer", replace(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
    ("damaged or cut off", replace(b"\xff" * 100)),
    ("holds no diffusion_pytorch_model.safetensors, only", lambda path: path.rename(path.with_suffix(".bin"))),
]


@pytest.mark.parametrize(("words", "damage"), BROKEN, ids=[words for words, _ in BROKEN])
def test_a_broken_checkpoint_says_what_is_wrong_and_hides_no_other(models_dir: Path, tmp_path: Path, words: str, damage) -> None:
    broken = make_checkpoint(models_dir / "checkpoints" / "broken")
    damage(broken / "unet" / "diffusion_pytorch_model.safetensors")
    catalog = CheckpointCatalog([models_dir], tmp_path / "cache")
    assert [entry.name for entry in catalog.all() if entry.usable] == ["small"]
    with pytest.raises(CheckpointUnusable, match=words) as caught:
        catalog.find("broken")
    assert caught.value.hint
    assert catalog.find("").name == "small"


def test_what_the_engine_does_not_draw_with_is_listed_with_its_reason(models_dir: Path) -> None:
    folder = models_dir / "checkpoints"
    make_checkpoint(folder / "pipeline", pipeline="QwenImageLayeredPipeline")
    write_safetensors(folder / "family.safetensors", {**FLUX, "model.diffusion_model.distilled_guidance_layer.in_proj.weight": (5120, 64)})
    write_safetensors(folder / "alone.safetensors", under(DENOISER, unet(1024)))
    write_safetensors(folder / "playground.safetensors", {**SDXL, "edm_mean": (4,)})
    write_safetensors(folder / "edit.safetensors", {**SD1, **under(DENOISER, unet(768, channels=8))})
    write_safetensors(folder / "strange.safetensors", {"weight": (2,)})
    (folder / "old.ckpt").write_bytes(b"PK")
    write_gguf(folder / "quantised.gguf", flux())
    write_gguf(folder / "quantised xl.gguf", unet(2048, sized=True))
    for name, shapes in {
        "sd1": SD1,
        "inpaint": SD1_INPAINT,
        "sdxl": SDXL,
        "flux": flux(),
        "xl unet": under(DENOISER, unet(2048, sized=True)),
    }.items():
        write_safetensors(folder / f"{name}.safetensors", shapes)
    words = {
        "pipeline": "QwenImageLayeredPipeline",
        "family": "single file (Chroma), which this version",
        "alone": "denoiser alone (Stable Diffusion 2)",
        "playground": "EDM",
        "edit": "editing pictures",
        "strange": "none of its tensors' names",
        "old": "no model file",
        "quantised xl": "GGUF file (SDXL)",
    }
    found = {entry.name: entry for entry in scan([models_dir])}
    assert found["family"].hint == "Get it as a diffusers folder."
    for name, expected in words.items():
        assert expected in found[name].problem
        assert found[name].hint
    assert {name for name, entry in found.items() if entry.usable} == {"small", "sd1", "inpaint", "sdxl", "flux", "quantised", "xl unet"}
    assert dict(found["sdxl"].defaults) == {"width": 1024, "height": 1024}
    assert found["inpaint"].kind.variant == "inpaint"


def test_an_unknown_name_lists_the_known_ones(models_dir: Path, tmp_path: Path) -> None:
    catalog = CheckpointCatalog([models_dir], tmp_path / "cache")
    with pytest.raises(InvalidRequest) as caught:
        catalog.find("../../etc/passwd")
    assert (caught.value.field, caught.value.allowed) == ("checkpoint", "small")


def test_a_checkpoint_dropped_in_later_is_found_by_name(models_dir: Path, tmp_path: Path) -> None:
    catalog = CheckpointCatalog([models_dir], tmp_path / "cache")
    changes = []
    catalog.on_change = lambda: changes.append(1)
    make_checkpoint(models_dir / "Stable-diffusion" / "anime" / "later")
    assert catalog.find("LATER [0123456789]").name == "later"
    assert changes == [1]


def test_two_of_one_name_can_both_be_picked(models_dir: Path, tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "more" / "checkpoints" / "small", content=1.0)
    catalog = CheckpointCatalog([models_dir, tmp_path / "more"], tmp_path / "cache")
    assert [entry.name for entry in catalog.all()] == ["small", "small (2)"]
    assert catalog.content_hash(catalog.find("small")) != catalog.content_hash(catalog.find("small (2)"))


def test_the_hash_follows_the_content_and_is_kept(models_dir: Path, tmp_path: Path) -> None:
    catalog = CheckpointCatalog([models_dir], tmp_path / "cache")
    checkpoint = catalog.find("small")
    first = catalog.content_hash(checkpoint)
    assert len(first) == 10
    kept = CheckpointCatalog([models_dir], tmp_path / "cache")
    assert kept.models.title(kept.models.get(checkpoint.id)) == f"small [{first}]"
    weights = checkpoint.path / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(1, 1))
    assert catalog.content_hash(checkpoint) != first


def test_a_damaged_hash_cache_is_made_again(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models.sqlite3").write_text("not a database" * 100)
    catalog = CheckpointCatalog([models_dir], tmp_path / "cache")
    assert len(catalog.content_hash(catalog.find("small"))) == 10


def test_native_size_is_the_default_and_own_defaults_win(models_dir: Path) -> None:
    (checkpoint,) = scan([models_dir])
    assert dict(checkpoint.defaults) == {"width": 512, "height": 512}
    (checkpoint.path / "easel.json").write_text(json.dumps({"defaults": {"steps": 9, "width": 256}}))
    (checkpoint,) = scan([models_dir])
    assert dict(checkpoint.defaults) == {"width": 256, "height": 512, "steps": 9}
    (checkpoint.path / "easel.json").write_text(json.dumps({"defaults": {"steps": 10**6}}))
    (checkpoint,) = scan([models_dir])
    assert checkpoint.usable
    assert dict(checkpoint.defaults) == {"width": 512, "height": 512}


def test_what_a_checkpoint_usually_has_besides_is_no_default(models_dir: Path) -> None:
    (checkpoint,) = scan([models_dir])
    chain = [{"step": "sharpen", "amount": 0.3}]
    (checkpoint.path / "easel.json").write_text(json.dumps({"defaults": {"width": 256}, "usual": {"finishing": chain}}))
    (checkpoint,) = scan([models_dir])
    assert dict(checkpoint.defaults) == {"width": 256, "height": 512}
    assert [(step.step, step.amount) for step in checkpoint.usual["finishing"]] == [("sharpen", 0.3)]
    for wrong in ({"finishing": [{"step": "polish"}]}, {"steps": 9}, []):
        (checkpoint.path / "easel.json").write_text(json.dumps({"defaults": {"width": 256}, "usual": wrong}))
        (checkpoint,) = scan([models_dir])
        assert checkpoint.usable
        assert not checkpoint.usual


def test_the_shipped_checkpoint_has_defaults_and_examples() -> None:
    shipped = next(entry for entry in scan([SHIPPED_CHECKPOINT.parent.parent]) if entry.name == "easel-emoji")
    assert shipped.usable
    assert (shipped.defaults["width"], shipped.defaults["height"]) == (128, 128)
    assert len(shipped.examples) >= 6
    assert all(example.request.seed >= 0 for example in shipped.examples)

"""Merging, converting, VAEs: what the numbers of the new files are, bit by bit, and how little memory it takes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from model_files import DENOISER, SD3, SDXL, under, write_gguf, write_safetensors
from safetensors.numpy import load_file, save_file
from small_checkpoint import SHIPPED_CHECKPOINT

from webui.catalog.header import read_header
from webui.errors import Conflict, EaselError, InvalidRequest
from webui.workshop.blocks import BlockNames
from webui.workshop.child import Job, Teller, run
from webui.workshop.numbers import cast
from webui.workshop.provenance import RECIPE_KEY
from webui.workshop.vaes import original_name
from webui.workshop.weights import open_weights

ROOT = Path(__file__).resolve().parent.parent
UNET = "unet/diffusion_pytorch_model.safetensors"

UNET_SHAPES = {
    "time_embed.0.weight": (4, 4),
    "input_blocks.0.0.weight": (4, 4, 3, 3),
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (4, 768),
    "input_blocks.11.0.in_layers.0.weight": (4,),
    "middle_block.0.in_layers.0.weight": (4,),
    "output_blocks.0.0.in_layers.0.weight": (4,),
    "output_blocks.11.0.in_layers.0.weight": (4,),
    "out.2.weight": (4, 4, 3, 3),
}
VAE_SHAPES = {
    "decoder.conv_in.weight": (8, 4, 3, 3),
    "decoder.up.0.block.0.conv1.weight": (4, 4, 3, 3),
    "encoder.mid.attn_1.q.weight": (4, 4, 1, 1),
}
TEXT_SHAPES = {
    "text_model.embeddings.token_embedding.weight": (10, 768),
    "text_model.encoder.layers.0.self_attn.q_proj.weight": (4, 4),
}
SHAPES = {
    **under(DENOISER, UNET_SHAPES),
    **under("first_stage_model.", VAE_SHAPES),
    **under("cond_stage_model.transformer.", TEXT_SHAPES),
}

Tensors = dict[str, np.ndarray]


def random(shapes: Mapping[str, tuple[int, ...]], seed: int, dtype: Any = np.float16) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 1, shape).astype(dtype) for name, shape in shapes.items()}


def saved(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    save_file(tensors, path, metadata)
    return path


def small(folder: Path, name: str, seed: int, dtype: Any = np.float16) -> Path:
    """A checkpoint of Stable Diffusion 1 as far as names tell."""
    tensors = random(SHAPES, seed, dtype)
    tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = np.arange(77)[None]
    tensors[f"{DENOISER}input_blocks.0.0.weight"][0, 0, 0, 0] = -0.0
    return saved(folder / f"{name}.safetensors", tensors, {"format": "pt", "modelspec.title": name, "modelspec.hash_sha256": "0x1"})


def make(folder: Path, recipe: dict[str, Any], name: str = "new.safetensors", **sources: Path) -> tuple[Path, list[str]]:
    target = folder / name
    job = Job(
        recipe,
        [{"role": role, "name": path.name, "path": str(path)} for role, path in sources.items()],
        str(target.with_name(f"{name}.1.part")),
        str(target),
    )
    return target, run(job, Teller(lambda line: None))


def merge(folder: Path, first: Path, second: Path, name: str = "new.safetensors", **more: Any) -> Tensors:
    sources = {"first": first, "second": second} | ({"third": more["third"]} if "third" in more else {})
    fields = more | ({"third": more["third"].name, "method": "add difference"} if "third" in more else {})
    target, _ = make(folder, {"kind": "merge", "first": first.name, "second": second.name, **fields}, name, **sources)
    return load_file(target)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return small(tmp_path, "a", 1)


@pytest.fixture
def b(tmp_path: Path) -> Path:
    return small(tmp_path, "b", 2)


# merging


def test_shares_of_nothing_and_all_are_the_parents_bit_for_bit(tmp_path: Path, a: Path, b: Path) -> None:
    first, second = load_file(a), load_file(b)
    whole = {"vae": "merge"}
    nothing, everything = merge(tmp_path, a, b, "0.safetensors", share=0, **whole), merge(tmp_path, a, b, "1.safetensors", share=1, **whole)
    assert nothing.keys() == everything.keys() == first.keys()
    assert all(same(nothing[name], first[name]) for name in first)
    # Whole numbers are no weights: they stay the first one's.
    assert all(same(everything[name], second[name]) for name in first)


def test_half_lies_in_the_middle_of_the_shipped_checkpoint_and_another(tmp_path: Path) -> None:
    other = shutil.copytree(SHIPPED_CHECKPOINT, tmp_path / "other")
    changed = {name: tensor + np.float16(0.5) for name, tensor in load_file(other / UNET).items()}
    save_file(changed, other / UNET)
    made, notes = make(
        tmp_path, {"kind": "merge", "first": "a", "second": "b", "share": 0.5}, "merged", first=SHIPPED_CHECKPOINT, second=other
    )
    assert notes == []
    first, merged = load_file(SHIPPED_CHECKPOINT / UNET), load_file(made / UNET)
    for name, tensor in merged.items():
        low, high = np.minimum(first[name], changed[name]), np.maximum(first[name], changed[name])
        assert np.all((low <= tensor) & (tensor <= high)), name
        exact = (first[name].astype(np.float64) + changed[name].astype(np.float64)) / 2
        assert np.all(np.abs(tensor - exact) <= np.spacing(np.abs(exact).astype(np.float16))), name
    for name in ("model_index.json", "unet/config.json", "tokenizer/tokenizer.json", "scheduler/scheduler_config.json"):
        assert (made / name).read_bytes() == (SHIPPED_CHECKPOINT / name).read_bytes()
    assert not (made / "examples").exists() and not (made / "easel.json").exists()


def test_add_difference(tmp_path: Path, a: Path, b: Path) -> None:
    c = small(tmp_path, "c", 3)
    one, two, three = (load_file(path) for path in (a, b, c))
    made = merge(tmp_path, a, b, third=c, share=0.25, text_encoder="first")
    name = f"{DENOISER}out.2.weight"
    exact = one[name].astype(np.float32) + (two[name].astype(np.float32) - three[name].astype(np.float32)) * np.float32(0.25)
    assert same(made[name], exact.astype(np.float16))
    text = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    assert same(made[text], one[text])


def test_the_difference_of_a_model_to_itself_is_nothing(tmp_path: Path, a: Path, b: Path) -> None:
    one, made = load_file(a), merge(tmp_path, a, b, third=b, share=1)
    # x + 0 turns a zero with a minus into one without; the numbers are the same.
    assert all(np.array_equal(made[name], one[name]) for name in one)


def test_each_block_has_its_share(tmp_path: Path, a: Path, b: Path) -> None:
    one, two = load_file(a), load_file(b)
    made = merge(tmp_path, a, b, share=0, blocks={"IN11": 1, "M00": 1, "OUT11": 1, "BASE": 1}, vae="second")
    inside = {
        "input_blocks.11.0.in_layers.0.weight",
        "middle_block.0.in_layers.0.weight",
        "output_blocks.11.0.in_layers.0.weight",
        "out.2.weight",
    }
    for name in one:
        from_second = name.startswith(("cond_stage", "first_stage")) or name.removeprefix(DENOISER) in inside
        assert same(made[name], (two if from_second and made[name].dtype == np.float16 else one)[name]), name


def test_vae_and_text_encoders_can_be_either_parents(tmp_path: Path, a: Path, b: Path) -> None:
    one, two = load_file(a), load_file(b)
    made = merge(tmp_path, a, b, vae="second", text_encoder="first")
    assert same(made["first_stage_model.decoder.conv_in.weight"], two["first_stage_model.decoder.conv_in.weight"])
    text = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    assert same(made[text], one[text])


def test_blocks_in_both_layouts_are_counted_alike() -> None:
    weights = open_weights(SHIPPED_CHECKPOINT, "easel-emoji")
    blocks = BlockNames(tensor for _, tensor in weights.tensors())
    of = {tensor.inner: blocks.of(tensor) for tensor in weights.of_part("denoiser")}
    # One layer a level: two blocks each (layer, sampler), and the first convolution before them.
    assert blocks.names == ["IN00", *(f"IN{n:02}" for n in range(1, 6)), "M00", *(f"OUT{n:02}" for n in range(6))]
    assert of["conv_in.weight"] == of["time_embedding.linear_1.weight"] == "IN00"
    assert of["down_blocks.1.resnets.0.conv1.weight"] == "IN03"
    assert of["down_blocks.0.downsamplers.0.conv.weight"] == "IN02"
    assert of["up_blocks.2.resnets.1.conv1.weight"] == of["conv_out.weight"] == "OUT05"
    assert of["up_blocks.0.upsamplers.0.conv.weight"] == of["up_blocks.0.resnets.1.conv1.weight"] == "OUT01"


def test_sd1_has_25_blocks_in_either_layout(tmp_path: Path) -> None:
    original = {f"input_blocks.{n}.0.weight": (1,) for n in range(12)} | {f"output_blocks.{n}.0.weight": (1,) for n in range(12)}
    path = saved(tmp_path / "o.safetensors", random({**SHAPES, **under(DENOISER, original)}, 0))
    blocks = BlockNames(tensor for _, tensor in open_weights(path, "o").tensors())
    assert blocks.names == [f"IN{n:02}" for n in range(12)] + ["M00"] + [f"OUT{n:02}" for n in range(12)]


def test_parents_and_recipe_stand_in_the_file(tmp_path: Path, a: Path, b: Path) -> None:
    merge(tmp_path, a, b, share=0.3, name="new.safetensors")
    metadata = read_header(tmp_path / "new.safetensors").metadata
    own = json.loads(metadata[RECIPE_KEY])
    assert (own["kind"], own["share"]) == ("merge", 0.3)
    assert [(parent["role"], parent["name"]) for parent in own["parents"]] == [("first", "a.safetensors"), ("second", "b.safetensors")]
    recipe, models = json.loads(metadata["sd_merge_recipe"]), json.loads(metadata["sd_merge_models"])
    assert (recipe["interp_method"], recipe["multiplier"], recipe["type"]) == ("Weighted sum", 0.3, "webui")
    assert recipe["primary_model_hash"] == own["parents"][0]["sha256"] and set(models) == {p["sha256"] for p in own["parents"]}
    assert metadata["modelspec.title"] == "a" and "modelspec.hash_sha256" not in metadata and metadata["format"] == "pt"
    again = tmp_path / "child.safetensors"
    merge(tmp_path, tmp_path / "new.safetensors", b, name=again.name)
    inherited = json.loads(read_header(again).metadata["sd_merge_models"])
    assert inherited[json.loads(read_header(again).metadata["sd_merge_recipe"])["primary_model_hash"]]["sd_merge_recipe"] == recipe


def refused(folder: Path, words: str, **sources: Path) -> EaselError:
    roles = {role: path.name for role, path in sources.items()}
    method = {"method": "add difference"} if "third" in roles else {}
    with pytest.raises(InvalidRequest, match=words) as error:
        make(folder, {"kind": "merge", **roles, **method}, **sources)
    assert not (folder / "new.safetensors").exists()
    return error.value


def test_what_does_not_go_together_is_refused_naming_both(tmp_path: Path, a: Path) -> None:
    xl = write_safetensors(tmp_path / "xl.safetensors", SDXL)
    problem = refused(
        tmp_path, "a.safetensors is Stable Diffusion 1 and xl.safetensors is SDXL: these don't go together", first=a, second=xl
    )
    assert problem.field == "second"
    refused(tmp_path, "xl.safetensors is SDXL", first=a, second=small(tmp_path, "b", 2), third=xl)
    shapes = {**SHAPES, f"{DENOISER}out.2.weight": (4, 8, 3, 3)}
    wide = saved(tmp_path / "wide.safetensors", random(shapes, 1))
    refused(tmp_path, r"out.2.weight has the shape 4 x 4 x 3 x 3 in a.safetensors and 4 x 8 x 3 x 3 in wide", first=a, second=wide)
    fewer = saved(tmp_path / "fewer.safetensors", random({k: v for k, v in SHAPES.items() if "blocks.11" not in k}, 1))
    refused(tmp_path, "fewer.safetensors lacks 2 tensors that a.safetensors has", first=a, second=fewer)
    vae = saved(tmp_path / "vae.safetensors", random(VAE_SHAPES, 1))
    refused(tmp_path, "vae.safetensors is a VAE; only checkpoints are merged", first=a, second=vae)
    refused(tmp_path, "easel-emoji is a diffusers folder and a.safetensors a single file", first=a, second=SHIPPED_CHECKPOINT)
    packed = write_gguf(tmp_path / "x.gguf", {"img_in.weight": (32, 32)}, kind=8)
    refused(tmp_path, "x.gguf is a GGUF file", first=a, second=packed)


def test_blocks_that_are_not_there_are_refused(tmp_path: Path, a: Path, b: Path) -> None:
    with pytest.raises(InvalidRequest, match="no block called 'IN12'") as error:
        merge(tmp_path, a, b, blocks={"IN12": 0.5})
    assert error.value.allowed is not None and "OUT11" in error.value.allowed
    one, two = (write_safetensors(tmp_path / f"sd3-{n}.safetensors", {k: v for k, v in SD3.items() if "t5" not in k}) for n in (1, 2))
    with pytest.raises(InvalidRequest, match="no U-Net"):
        merge(tmp_path, one, two, blocks={"M00": 0.5})


def test_what_only_the_first_has_is_kept_and_told(tmp_path: Path, a: Path) -> None:
    without = {name: tensor for name, tensor in random(SHAPES, 5).items() if not name.startswith("first_stage")}
    _, notes = make(
        tmp_path,
        {"kind": "merge", "first": "a", "second": "b", "vae": "merge"},
        first=a,
        second=saved(tmp_path / "no-vae.safetensors", without),
    )
    assert any("3 tensors (vae) are in a.safetensors alone" in note for note in notes)


def test_nothing_is_overwritten_and_nothing_half_stays(tmp_path: Path, a: Path, b: Path) -> None:
    (tmp_path / "new.safetensors").write_bytes(b"mine")
    with pytest.raises(Conflict, match=r"There is a new\.safetensors already"):
        merge(tmp_path, a, b)
    assert (tmp_path / "new.safetensors").read_bytes() == b"mine"


# converting


@pytest.mark.parametrize(("precision", "dtype"), [("fp16", np.float16), ("bf16", ml_dtypes.bfloat16), ("fp32", np.float32)])
def test_every_number_is_cast_once_to_the_nearest(tmp_path: Path, precision: str, dtype: Any) -> None:
    source = small(tmp_path, "a", 1, np.float32)
    before = load_file(source)
    target, notes = make(tmp_path, {"kind": "convert", "model": "a", "precision": precision}, model=source)
    header = read_header(target)
    weights = open_weights(target, "new")
    assert not notes
    for name, tensor in before.items():
        found = weights.files[""][name]
        if tensor.dtype == np.float32:
            assert b"".join(found.raw()) == tensor.astype(dtype).tobytes(), name
        else:
            assert found.info.dtype == "I64"
    assert all(tensor.offset % {"I64": 8, "F32": 4}.get(tensor.dtype, 2) == 0 for tensor in header.tensors.values())


def test_fp8_is_for_the_denoisers_matrices_alone(tmp_path: Path, a: Path) -> None:
    before = load_file(a)
    target, _ = make(tmp_path, {"kind": "convert", "model": "a", "precision": "fp8"}, model=a)
    found = open_weights(target, "new").files[""]
    for name, tensor in before.items():
        small_one = name.startswith(DENOISER) and tensor.ndim >= 2
        dtype = ml_dtypes.float8_e4m3fn if small_one else tensor.dtype
        assert b"".join(found[name].raw()) == tensor.astype(np.float32).astype(dtype).tobytes() or tensor.dtype == np.int64, name
    with pytest.raises(InvalidRequest, match="has no denoiser"):
        vae = saved(tmp_path / "vae.safetensors", random(VAE_SHAPES, 1))
        make(tmp_path, {"kind": "convert", "model": "vae", "precision": "fp8"}, "x.safetensors", model=vae)


def test_numbers_that_are_too_large_become_the_largest_and_are_counted(tmp_path: Path) -> None:
    tensors = random(SHAPES, 1, np.float32)
    tensors[f"{DENOISER}out.2.weight"][0, 0, 0, :3] = (1e6, -1e6, np.nan)
    target, notes = make(tmp_path, {"kind": "convert", "model": "a"}, model=saved(tmp_path / "a.safetensors", tensors))
    made = load_file(target)[f"{DENOISER}out.2.weight"][0, 0, 0, :3]
    assert made[0] == 65504 and made[1] == -65504 and np.isnan(made[2])
    assert notes == ["2 numbers were too large for the new type and became the largest it has."]
    assert cast(np.array([1.0, np.inf], np.float16), "F8_E4M3")[0].astype(float).tolist() == [1.0, 448.0]


@pytest.mark.parametrize("averages", ["drop", "use", "keep"])
def test_ema_weights_are_dropped_used_or_kept(tmp_path: Path, averages: str) -> None:
    tensors = random(SHAPES, 1)
    mean = {f"model_ema.diffusion_model{name.replace('.', '')}": tensor for name, tensor in random(UNET_SHAPES, 9).items()}
    counters = {"model_ema.decay": np.array(0.9, np.float32), "model_ema.num_updates": np.array(7, np.int32)}
    source = saved(tmp_path / "a.safetensors", tensors | mean | counters)
    target, notes = make(tmp_path, {"kind": "convert", "model": "a", "precision": "as it is", "averages": averages}, model=source)
    made = load_file(target)
    expected = tensors | ({f"{DENOISER}{name}": tensor for name, tensor in random(UNET_SHAPES, 9).items()} if averages == "use" else {})
    expected |= mean | counters if averages == "keep" else {}
    assert made.keys() == expected.keys() and all(same(made[name], expected[name]) for name in made)
    assert (notes == ["8 of 8 averages took the place of weights."]) == (averages == "use")


def test_using_averages_that_are_not_there_is_refused(tmp_path: Path, a: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no EMA weights"):
        make(tmp_path, {"kind": "convert", "model": "a", "averages": "use"}, model=a)


def test_a_diffusers_folder_stays_one(tmp_path: Path) -> None:
    target, _ = make(tmp_path, {"kind": "convert", "model": "e", "precision": "bf16"}, "folder", model=SHIPPED_CHECKPOINT)
    assert {tensor.dtype for tensor in read_header(target / UNET).tensors.values()} == {"BF16"}
    assert (target / "unet/config.json").exists()


# VAEs


def test_a_vae_is_taken_out_and_put_in_again_bit_for_bit(tmp_path: Path, a: Path, b: Path) -> None:
    vae, _ = make(tmp_path, {"kind": "extract_vae", "model": "a"}, "vae.safetensors", model=a)
    inside = {name.removeprefix("first_stage_model."): tensor for name, tensor in load_file(a).items() if name.startswith("first_stage")}
    out = load_file(vae)
    assert out.keys() == inside.keys() and all(same(out[name], inside[name]) for name in out)
    assert json.loads(read_header(vae).metadata[RECIPE_KEY])["kind"] == "extract_vae"
    baked, _ = make(tmp_path, {"kind": "bake_vae", "model": "b", "vae": "vae"}, "baked.safetensors", model=b, vae=vae)
    made, first, second = load_file(baked), load_file(a), load_file(b)
    for name in made:
        assert same(made[name], (first if name.startswith("first_stage") else second)[name]), name


def test_a_vae_with_diffusers_names_gets_the_original_ones(tmp_path: Path, a: Path) -> None:
    vae, _ = make(tmp_path, {"kind": "extract_vae", "model": "e"}, "vae.safetensors", model=SHIPPED_CHECKPOINT)
    kind = open_weights(vae, "vae").kind
    assert (kind.kind, kind.part("vae").layout) == ("vae", "original")  # type: ignore[union-attr]
    assert original_name("decoder.up_blocks.0.upsamplers.0.conv.weight", 4) == "decoder.up.3.upsample.conv.weight"
    assert original_name("encoder.mid_block.attentions.0.to_out.0.bias", 4) == "encoder.mid.attn_1.proj_out.bias"
    assert original_name("decoder.mid_block.resnets.1.norm2.weight", 4) == "decoder.mid.block_2.norm2.weight"
    assert original_name("encoder.down_blocks.2.resnets.0.conv_shortcut.weight", 4) == "encoder.down.2.block.0.nin_shortcut.weight"
    assert original_name("quant_conv.weight", 4) == "quant_conv.weight"
    baked, _ = make(tmp_path, {"kind": "bake_vae", "model": "a", "vae": "v"}, "baked.safetensors", model=a, vae=vae)
    assert same(load_file(baked)["first_stage_model.decoder.conv_in.weight"], load_file(vae)["decoder.conv_in.weight"])


def test_a_vae_for_other_latents_is_refused(tmp_path: Path, a: Path) -> None:
    wide = saved(tmp_path / "flux-vae.safetensors", random({**VAE_SHAPES, "decoder.conv_in.weight": (8, 16, 3, 3)}, 1))
    with pytest.raises(InvalidRequest, match=r"with 4 latent channels, and the VAE flux-vae\.safetensors has 16"):
        make(tmp_path, {"kind": "bake_vae", "model": "a", "vae": "v"}, model=a, vae=wide)
    with pytest.raises(InvalidRequest, match="holds no VAE"):
        lone = saved(tmp_path / "denoiser.safetensors", random(under(DENOISER, UNET_SHAPES), 1))
        make(tmp_path, {"kind": "extract_vae", "model": "d"}, model=lone)


# memory

_MEASURE = """
import json, resource, sys
from webui.workshop.child import Job, Teller, run
run(Job(**json.loads(sys.argv[1])), Teller(lambda line: None))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def peak(folder: Path, name: str, first: Path, second: Path) -> int:
    sources = [{"role": role, "name": role, "path": str(path), "sha256": "0"} for role, path in (("first", first), ("second", second))]
    recipe = {"kind": "merge", "first": "a", "second": "b", "precision": "fp32"}
    job = Job(recipe, sources, str(folder / f"{name}.part"), str(folder / f"{name}.safetensors"))
    done = subprocess.run([sys.executable, "-c", _MEASURE, json.dumps(vars(job))], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such count")
def test_the_size_of_a_tensor_does_not_count_in_memory(tmp_path: Path, a: Path, b: Path) -> None:
    largest = 200_000_000
    big = {**SHAPES, **under(DENOISER, {"input_blocks.2.0.weight": (largest // 2,)})}
    one, two = (write_safetensors(tmp_path / f"big-{n}.safetensors", big) for n in (1, 2))
    base = peak(tmp_path, "small", a, b)
    assert peak(tmp_path, "big", one, two) - base < largest / 4

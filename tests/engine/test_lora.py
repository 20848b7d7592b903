"""LoRA files of every layout on small networks with real layer names, against diffusers and against formulas in fp64."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from webui.engine.adapters.lora import Loras, LoraSet
from webui.engine.adapters.lora_names import layers_of
from webui.errors import AdapterUnusable, LoraDoesNotFit
from webui.generation.job import LoraUse

from .small_modules import clip, flux_transformer, sd1_unet, sd3_transformer, sdxl_unet

Tensors = dict[str, torch.Tensor]

ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
KOHYA_ATTENTION = "lora_unet_" + ATTENTION.replace(".", "_")
RESNET = "down_blocks.0.resnets.0.conv1"
KOHYA_RESNET = "lora_unet_" + RESNET.replace(".", "_")


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape) * 0.3


@pytest.fixture
def unet() -> Any:
    return sd1_unet()


class Bench:
    """Writes LoRA files and puts them on; keeps what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.loras = Loras()

    def write(self, tensors: Mapping[str, torch.Tensor], name: str = "ink", metadata: dict[str, str] | None = None) -> Path:
        path = self.folder / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, metadata)
        return path

    def use(self, tensors: Mapping[str, torch.Tensor], name: str = "ink", text: float = 1.0, denoiser: float = 1.0) -> LoraUse:
        return LoraUse(name, str(self.write(tensors, name)), text, denoiser)

    def fit(self, parts: dict[str, Any], *uses: LoraUse) -> LoraSet:
        return self.loras.fit(uses, parts, "the checkpoint", self.notes.append)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    torch.manual_seed(0)
    return Bench(tmp_path)


def objects(*modules: Any) -> list[tuple[str, int, torch.Tensor]]:
    """Each parameter: its name, which object it is, and a copy of its numbers."""
    return [(name, id(weight), weight.clone()) for module in modules for name, weight in module.named_parameters()]


def assert_untouched(before: list[tuple[str, int, torch.Tensor]], *modules: Any) -> None:
    for (name, identity, numbers), (now_name, now_identity, now) in zip(before, objects(*modules), strict=True):
        assert (name, identity) == (now_name, now_identity)
        assert numbers.dtype == now.dtype
        assert torch.equal(numbers, now), name


def weight_of(module: Any, name: str) -> torch.Tensor:
    return module.get_parameter(name)


def low_rank(name: str, rows: int, columns: int, rank: int = 2, alpha: float | None = 1.0) -> Tensors:
    tensors = {f"{name}.lora_up.weight": rand(rows, rank), f"{name}.lora_down.weight": rand(rank, columns)}
    return tensors | ({} if alpha is None else {f"{name}.alpha": torch.tensor(alpha)})


# the arithmetic of each kind, against its formula in fp64


def change_of(bench: Bench, unet: Any, tensors: Tensors, layer: str, weight: float = 0.5) -> torch.Tensor:
    """What a LoRA file adds to a layer's weight, divided by the weight it was put on with."""
    own = weight_of(unet, f"{layer}.weight").double()
    with bench.fit({"denoiser": unet}, bench.use(tensors, denoiser=weight)).on("denoiser"):
        changed = weight_of(unet, f"{layer}.weight").double()
    assert bench.notes == []
    assert not torch.equal(changed, own)
    return (changed - own) / weight


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other.reshape(one.shape), atol=2e-6, rtol=1e-5)


def test_low_rank(bench: Bench, unet: Any) -> None:
    tensors = low_rank(KOHYA_ATTENTION, 8, 8, rank=4, alpha=2.0)
    up, down = (tensors[f"{KOHYA_ATTENTION}.lora_{way}.weight"].double() for way in ("up", "down"))
    assert close(change_of(bench, unet, tensors, ATTENTION), up @ down * 2 / 4)


def test_without_alpha_the_scale_is_one(bench: Bench, unet: Any) -> None:
    tensors = low_rank(KOHYA_ATTENTION, 8, 8, alpha=None)
    up, down = (tensors[f"{KOHYA_ATTENTION}.lora_{way}.weight"].double() for way in ("up", "down"))
    assert close(change_of(bench, unet, tensors, ATTENTION), up @ down)


def test_convolution(bench: Bench, unet: Any) -> None:
    """LoCon: the change of a 3x3 convolution is what `down` and then a 1x1 `up` do to any picture."""
    up, down = rand(8, 2, 1, 1), rand(2, 8, 3, 3)
    tensors = {f"{KOHYA_RESNET}.lora_up.weight": up, f"{KOHYA_RESNET}.lora_down.weight": down, f"{KOHYA_RESNET}.alpha": torch.tensor(1.0)}
    delta = change_of(bench, unet, tensors, RESNET)
    x = torch.randn(1, 8, 5, 5).double()
    conv2d = torch.nn.functional.conv2d
    assert close(conv2d(x, delta), conv2d(conv2d(x, down.double()), up.double()) / 2)


def test_convolution_in_tucker_form(bench: Bench, unet: Any) -> None:
    up, mid, down = rand(8, 2, 1, 1), rand(2, 2, 3, 3), rand(2, 8, 1, 1)
    tensors = {f"{KOHYA_RESNET}.lora_{name}.weight": tensor for name, tensor in (("up", up), ("mid", mid), ("down", down))}
    delta = change_of(bench, unet, tensors, RESNET)
    x = torch.randn(1, 8, 5, 5).double()
    conv2d = torch.nn.functional.conv2d
    assert close(conv2d(x, delta), conv2d(conv2d(conv2d(x, down.double()), mid.double()), up.double()))


def test_a_linear_lora_fits_a_1x1_convolution(bench: Bench, unet: Any) -> None:
    layer = "down_blocks.0.attentions.0.proj_in"
    name = "lora_unet_" + layer.replace(".", "_")
    tensors = low_rank(name, 8, 8, alpha=None)
    delta = change_of(bench, unet, tensors, layer)
    assert delta.shape == (8, 8, 1, 1)
    assert close(delta, tensors[f"{name}.lora_up.weight"].double() @ tensors[f"{name}.lora_down.weight"].double())


def test_loha(bench: Bench, unet: Any) -> None:
    first, second = (rand(8, 2), rand(2, 72)), (rand(8, 2), rand(2, 72))
    tensors = {
        f"{KOHYA_RESNET}.hada_w{half}_{side}": tensor
        for half, pair in ((1, first), (2, second))
        for side, tensor in zip("ab", pair, strict=True)
    }
    tensors[f"{KOHYA_RESNET}.alpha"] = torch.tensor(3.0)
    expected = (first[0].double() @ first[1].double()) * (second[0].double() @ second[1].double()) * 1.5
    assert close(change_of(bench, unet, tensors, RESNET), expected)


def test_loha_in_tucker_form(bench: Bench, unet: Any) -> None:
    halves = [(rand(2, 8), rand(2, 8), rand(2, 2, 3, 3)) for _ in range(2)]
    tensors: Tensors = {}
    for number, (a, b, core) in enumerate(halves, 1):
        tensors |= {f"{KOHYA_RESNET}.hada_w{number}_a": a, f"{KOHYA_RESNET}.hada_w{number}_b": b, f"{KOHYA_RESNET}.hada_t{number}": core}
    expected = torch.ones(8, 8, 3, 3).double()
    for a, b, core in halves:
        half = torch.zeros(8, 8, 3, 3).double()
        for i in range(2):
            for j in range(2):
                half += a[i].double()[:, None, None, None] * b[j].double()[None, :, None, None] * core[i, j].double()
        expected *= half
    assert close(change_of(bench, unet, tensors, RESNET), expected)


@pytest.mark.parametrize("first_whole", [True, False])
@pytest.mark.parametrize("second", ["whole", "product", "tucker"])
def test_lokr(bench: Bench, unet: Any, first_whole: bool, second: str) -> None:
    w1_a, w1_b = rand(2, 3), rand(3, 4)
    tensors: Tensors = {f"{KOHYA_RESNET}.alpha": torch.tensor(6.0)}
    tensors |= (
        {f"{KOHYA_RESNET}.lokr_w1": w1_a @ w1_b} if first_whole else {f"{KOHYA_RESNET}.lokr_w1_a": w1_a, f"{KOHYA_RESNET}.lokr_w1_b": w1_b}
    )
    if second == "whole":
        w2 = rand(4, 2, 3, 3)
        tensors[f"{KOHYA_RESNET}.lokr_w2"] = w2
    elif second == "product":
        a, b = rand(4, 3), rand(3, 18)
        w2 = (a.double() @ b.double()).reshape(4, 2, 3, 3)
        tensors |= {f"{KOHYA_RESNET}.lokr_w2_a": a, f"{KOHYA_RESNET}.lokr_w2_b": b}
    else:
        a, b, core = rand(3, 4), rand(3, 2), rand(3, 3, 3, 3)
        w2 = torch.einsum("ijkl,ip,jq->pqkl", core.double(), a.double(), b.double())
        tensors |= {f"{KOHYA_RESNET}.lokr_w2_a": a, f"{KOHYA_RESNET}.lokr_w2_b": b, f"{KOHYA_RESNET}.lokr_t2": core}
    w1 = w1_a.double() @ w1_b.double()
    expected = torch.zeros(8, 8, 3, 3).double()
    for p in range(2):
        for q in range(4):
            expected[p * 4 : p * 4 + 4, q * 2 : q * 2 + 2] = w1[p, q] * w2.double()
    scale = 1.0 if first_whole and second == "whole" else 6 / 3
    assert close(change_of(bench, unet, tensors, RESNET), expected * scale)


def test_whole_differences_of_weight_bias_and_norm(bench: Bench, unet: Any) -> None:
    norm = "down_blocks.0.resnets.0.norm1"
    tensors = {
        f"{KOHYA_RESNET}.diff": rand(8, 8, 3, 3),
        f"{KOHYA_RESNET}.diff_b": rand(8),
        f"lora_unet_{norm.replace('.', '_')}.w_norm": rand(8),
        f"lora_unet_{norm.replace('.', '_')}.b_norm": rand(8),
    }
    names = [f"{layer}.{parameter}" for layer in (RESNET, norm) for parameter in ("weight", "bias")]
    before = [weight_of(unet, name).clone() for name in names]
    with bench.fit({"denoiser": unet}, bench.use(tensors)).on("denoiser"):
        for name, own, difference in zip(names, before, tensors.values(), strict=True):
            assert torch.equal(weight_of(unet, name), own + difference)


@pytest.mark.parametrize("by_input", [False, True])
def test_dora(bench: Bench, unet: Any, by_input: bool) -> None:
    tensors = low_rank(KOHYA_ATTENTION, 8, 8, alpha=None)
    magnitude = torch.rand(8) + 0.5
    tensors[f"{KOHYA_ATTENTION}.dora_scale"] = magnitude[None, :] if by_input else magnitude[:, None]
    own = weight_of(unet, f"{ATTENTION}.weight").double()
    turned = own + tensors[f"{KOHYA_ATTENTION}.lora_up.weight"].double() @ tensors[f"{KOHYA_ATTENTION}.lora_down.weight"].double()
    axis = 0 if by_input else 1
    expected = turned / turned.norm(dim=axis, keepdim=True) * magnitude.double().unsqueeze(axis)
    assert close(change_of(bench, unet, tensors, ATTENTION), expected - own)


# names, against diffusers' converters and loaders


def test_original_unet_names() -> None:
    """A U-Net written under our names for the original's, read by diffusers' converter, is the U-Net."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    unet = sdxl_unet()
    original = {layers.names[0]: name for name, layers in original_names(unet).items()}
    assert set(original) == {name for name, module in unet.named_modules() if next(module.parameters(recurse=False), None) is not None}
    checkpoint = {f"{original[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in unet.state_dict().items()}
    checkpoint = {f"model.diffusion_model.{key}": tensor for key, tensor in checkpoint.items()}
    converted = convert_ldm_unet_checkpoint(checkpoint, config=unet.config)
    assert converted.keys() == unet.state_dict().keys()
    assert all(torch.equal(converted[name], tensor) for name, tensor in unet.state_dict().items())


def original_names(module: Any) -> dict[str, Any]:
    """Original dotted name -> layers."""
    from webui.engine.adapters import lora_names

    return dict(lora_names._ORIGINAL_NAMES[type(module).__name__](module))


def assert_converted(module: Any, convert: Any, rows: Mapping[str, int], more: Tensors) -> None:
    """Each layer a column of numbers of its own; joined and swapped as we say the original has it; taken apart by diffusers' converter.

    rows: of the layers, by the last part of their names, "" for all others. more: what else the converter wants to see.
    """
    columns: Tensors = {}
    original: Tensors = {}
    for number, (name, layers) in enumerate(original_names(module).items()):
        if not all(layer in dict(module.named_modules()) for layer in layers.names):
            continue
        for index, layer in enumerate(layers.names):
            columns[layer] = torch.arange(rows.get(layer.rpartition(".")[2], rows[""]))[:, None] + 1e6 * number + 1e5 * index
        joined = torch.cat([columns[layer] for layer in layers.names])
        original[f"{name}.weight"] = joined.roll(len(joined) // 2, 0) if layers.halves_swapped else joined
        original[f"{name}.bias"] = original[f"{name}.weight"][:, 0]
    converted = convert(original | more)
    for layer, column in columns.items():
        assert torch.equal(converted[f"{layer}.weight"], column), layer
        assert torch.equal(converted[f"{layer}.bias"], column[:, 0]), layer


def test_original_flux_names() -> None:
    from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers

    spare = torch.zeros(1)
    more = {
        f"double_blocks.{block}.{stream}_attn.norm.{which}_norm.scale": spare
        for block in range(2)
        for stream in ("img", "txt")
        for which in ("query", "key")
    }
    more |= {f"single_blocks.{block}.norm.{which}_norm.scale": spare for block in range(2) for which in ("query", "key")}
    # The converter takes FLUX to be 3072 wide whatever it is.
    assert_converted(flux_transformer(), convert_flux_transformer_checkpoint_to_diffusers, {"": 3072, "proj_mlp": 12288}, more)


def test_original_sd3_names() -> None:
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

    spare = torch.zeros(1)
    attentions = ("0.x_block.attn", "0.context_block.attn", "0.x_block.attn2", "1.x_block.attn", "1.context_block.attn")
    more = {f"joint_blocks.{attention}.ln_{which}.weight": spare for attention in attentions for which in "qk"}
    more |= {"pos_embed": spare, "context_embedder.weight": torch.zeros(16, 1), "context_embedder.bias": spare}
    assert_converted(sd3_transformer(), convert_sd3_transformer_checkpoint_to_diffusers, {"": 32}, more)


def test_a_fused_layer_is_cut_into_its_parts(bench: Bench) -> None:
    """FLUX as kohya names it: q, k, v and the MLP are one layer in the file and four in the model."""
    module = flux_transformer()
    name = "lora_unet_single_blocks_1_linear1"
    tensors = low_rank(name, 3 * 16 + 64, 16, alpha=None)
    delta = tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"]
    block = module.single_transformer_blocks[1]
    layers = [block.attn.to_q, block.attn.to_k, block.attn.to_v, block.proj_mlp]
    before = [layer.weight.clone() for layer in layers]
    with bench.fit({"denoiser": module}, bench.use(tensors)).on("denoiser"):
        for layer, own, part in zip(layers, before, delta.split([16, 16, 16, 64]), strict=True):
            assert torch.allclose(layer.weight, own + part, atol=1e-6)
    assert bench.notes == []


def test_halves_that_the_original_has_swapped(bench: Bench) -> None:
    module = flux_transformer()
    name = "lora_unet_final_layer_adaLN_modulation_1"
    tensors = low_rank(name, 32, 16, alpha=None)
    shift, scale = (tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"]).chunk(2)
    before = module.norm_out.linear.weight.clone()
    with bench.fit({"denoiser": module}, bench.use(tensors)).on("denoiser"):
        assert torch.allclose(module.norm_out.linear.weight, before + torch.cat([scale, shift]), atol=1e-6)


def every_layer(module: Any, prefix: str, separator: str, up: str, down: str, names: Mapping[str, str]) -> Tensors:
    """A LoRA over all linear layers of attention, one layer after another. names: to be used for the layers' own."""
    tensors: Tensors = {}
    for layer, linear in module.named_modules():
        if isinstance(linear, torch.nn.Linear) and ("attn" in layer or ".ff." in layer or "mlp" in layer):
            name = prefix + names.get(layer, layer).replace(".", separator)
            tensors[f"{name}.{up}.weight"] = rand(linear.out_features, 2)
            tensors[f"{name}.{down}.weight"] = rand(2, linear.in_features)
            if separator == "_":
                tensors[f"{name}.alpha"] = torch.tensor(1.0)
    return tensors


def kohya_text(module: Any, prefix: str) -> Tensors:
    names = {name: name if name.startswith("text_model.") else f"text_model.{name}" for name, _ in module.named_modules()}
    return every_layer(module, prefix, "_", "lora_up", "lora_down", names)


class Pipelines:
    """The same networks as diffusers sees them, with its own way of putting LoRAs on."""

    @staticmethod
    def sd1(unet: Any, text_encoder: Any) -> Any:
        from diffusers import StableDiffusionPipeline

        return StableDiffusionPipeline(None, text_encoder, None, unet, None, None, None, requires_safety_checker=False)

    @staticmethod
    def sdxl(unet: Any, text_encoder: Any, text_encoder_2: Any) -> Any:
        from diffusers import StableDiffusionXLPipeline

        return StableDiffusionXLPipeline(None, text_encoder, text_encoder_2, None, None, unet, None)


def unet_says(unet: Any, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(9)
    x, words = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 5, width, generator=generator)
    more = {"text_embeds": torch.ones(1, 8), "time_ids": torch.ones(1, 6)}
    return unet(x, 7, words, added_cond_kwargs=more).sample


def encoder_says(encoder: Any) -> torch.Tensor:
    return encoder(torch.arange(1, 9)[None]).last_hidden_state


@torch.no_grad()
def test_kohya_equals_diffusers_on_sd1(bench: Bench) -> None:
    tensors = every_layer(sd1_unet(), "lora_unet_", "_", "lora_up", "lora_down", {}) | kohya_text(clip(), "lora_te_")
    unet, encoder = sd1_unet(), clip()
    plain = unet_says(unet, 16)
    with bench.fit({"denoiser": unet, "text_encoder": encoder}, bench.use(tensors)).on("denoiser", "text_encoder"):
        picture, words = unet_says(unet, 16), encoder_says(encoder)
    pipeline = Pipelines.sd1(sd1_unet(), clip())
    pipeline.load_lora_weights(bench.folder, weight_name="ink.safetensors")
    assert not torch.allclose(picture, plain, atol=1e-2)
    assert torch.allclose(picture, unet_says(pipeline.unet, 16), atol=1e-5)
    assert torch.allclose(words, encoder_says(pipeline.text_encoder), atol=1e-5)
    assert bench.notes == []


@torch.no_grad()
def test_kohya_with_the_originals_names_equals_diffusers_on_sdxl(bench: Bench) -> None:
    original = {layers.names[0]: name for name, layers in original_names(sdxl_unet()).items()}
    tensors = every_layer(sdxl_unet(), "lora_unet_", "_", "lora_up", "lora_down", original)
    tensors |= kohya_text(clip(), "lora_te1_") | kohya_text(clip(24, projected=True), "lora_te2_")
    assert any("input_blocks_4_1_transformer_blocks_0_attn1_to_k" in key for key in tensors)
    unet, first, second = sdxl_unet(), clip(), clip(24, projected=True)
    parts = {"denoiser": unet, "text_encoder": first, "text_encoder_2": second}
    with bench.fit(parts, bench.use(tensors)).on(*parts):
        picture, words = unet_says(unet, 24), [encoder_says(encoder) for encoder in (first, second)]
    pipeline = Pipelines.sdxl(sdxl_unet(), clip(), clip(24, projected=True))
    pipeline.load_lora_weights(bench.folder, weight_name="ink.safetensors")
    assert torch.allclose(picture, unet_says(pipeline.unet, 24), atol=1e-5)
    assert torch.allclose(words[0], encoder_says(pipeline.text_encoder), atol=1e-5)
    assert torch.allclose(words[1], encoder_says(pipeline.text_encoder_2), atol=1e-5)
    assert bench.notes == []


@torch.no_grad()
@pytest.mark.parametrize("stabilised", [False, True])
@pytest.mark.parametrize("dora", [False, True])
def test_peft_as_diffusers_saves_it(bench: Bench, stabilised: bool, dora: bool) -> None:
    """rank, alpha and the rest are in the file's metadata then, not among its tensors."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    trained = sd1_unet()
    trained.add_adapter(
        LoraConfig(
            r=4,
            lora_alpha=6,
            target_modules=["to_q", "to_out.0", "conv1"] if not dora else ["to_q", "to_out.0"],
            init_lora_weights=False,
            use_rslora=stabilised,
            use_dora=dora,
            alpha_pattern={"attn2.to_q": 9},
        )
    )
    StableDiffusionPipeline.save_lora_weights(
        bench.folder,
        unet_lora_layers=get_peft_model_state_dict(trained),
        unet_lora_adapter_metadata=trained.peft_config["default"].to_dict(),
        weight_name="ink.safetensors",
    )
    unet = sd1_unet()
    with bench.fit({"denoiser": unet}, LoraUse("ink", str(bench.folder / "ink.safetensors"))).on("denoiser"):
        picture = unet_says(unet, 16)
    assert torch.allclose(picture, unet_says(trained, 16), atol=1e-5)
    assert not torch.allclose(picture, unet_says(unet, 16), atol=1e-2)
    assert bench.notes == []


@pytest.mark.parametrize(
    ("prefix", "up", "down"),
    [
        ("unet.", "lora_B", "lora_A"),
        ("unet.", "lora.up", "lora.down"),
        ("base_model.model.", "lora_B.default", "lora_A.default"),
        ("diffusion_model.", "lora_up", "lora_down"),
        ("", "lora_B", "lora_A"),
    ],
)
def test_dotted_names(bench: Bench, unet: Any, prefix: str, up: str, down: str) -> None:
    a, b = rand(2, 8), rand(8, 2)
    delta = change_of(bench, unet, {f"{prefix}{ATTENTION}.{up}.weight": b, f"{prefix}{ATTENTION}.{down}.weight": a}, ATTENTION)
    assert close(delta, b.double() @ a.double())


def test_attention_processors_of_old_diffusers(bench: Bench, unet: Any) -> None:
    a, b = rand(2, 8), rand(8, 2)
    attention = ATTENTION.removesuffix(".to_q")
    tensors = {f"unet.{attention}.processor.to_out_lora.{way}.weight": tensor for way, tensor in (("up", b), ("down", a))}
    assert close(change_of(bench, unet, tensors, f"{attention}.to_out.0"), b.double() @ a.double())


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("name", ["lora_te2_text_model_encoder_layers_1_mlp_fc1", "text_encoder_2.text_model.encoder.layers.1.mlp.fc1"])
def test_text_encoders_with_and_without_text_model_in_their_names(bench: Bench, projected: bool, name: str) -> None:
    encoder = clip(projected=projected)
    layer = encoder.text_model.encoder.layers[1].mlp.fc1 if projected else encoder.encoder.layers[1].mlp.fc1
    tensors = low_rank(name, 32, 16, alpha=None)
    before = layer.weight.clone()
    with bench.fit({"text_encoder_2": encoder}, bench.use(tensors)).on("text_encoder_2"):
        assert torch.allclose(layer.weight, before + tensors[f"{name}.lora_up.weight"] @ tensors[f"{name}.lora_down.weight"], atol=1e-6)


def test_t5_is_the_third_or_the_second_text_encoder(bench: Bench, unet: Any) -> None:
    name = "lora_te3_encoder_layers_1_mlp_fc1"
    for part in ("text_encoder_3", "text_encoder_2"):
        assert bench.fit({part: clip()}, bench.use(low_rank(name, 32, 16))).key(part)


# on and off


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_off_is_exact(bench: Bench, dtype: torch.dtype) -> None:
    unet, encoder = sd1_unet().to(dtype), clip().to(dtype)
    tensors = every_layer(unet, "lora_unet_", "_", "lora_up", "lora_down", {}) | kohya_text(encoder, "lora_te_")
    before = objects(unet, encoder)
    loras = bench.fit({"denoiser": unet, "text_encoder": encoder}, bench.use(tensors))
    assert_untouched(before, unet, encoder)
    with loras.on("denoiser", "text_encoder"):
        assert not torch.equal(
            weight_of(unet, f"{ATTENTION}.weight"), {name: numbers for name, _, numbers in before}[f"{ATTENTION}.weight"]
        )
        assert weight_of(unet, f"{ATTENTION}.weight").dtype == dtype
    assert_untouched(before, unet, encoder)


def test_off_is_exact_after_an_exception(bench: Bench, unet: Any) -> None:
    before = objects(unet)
    loras = bench.fit({"denoiser": unet}, bench.use(low_rank(KOHYA_ATTENTION, 8, 8)))
    with pytest.raises(KeyboardInterrupt), loras.on("denoiser"):
        raise KeyboardInterrupt
    assert_untouched(before, unet)


def test_off_is_exact_after_an_exception_in_the_middle_of_putting_on(bench: Bench, unet: Any) -> None:
    """The second part can't be changed: the first one is as it was."""
    encoder = clip()
    broken = kohya_text(encoder, "lora_te_")
    broken[next(iter(broken))][:] = float("nan")
    before = objects(unet, encoder)
    loras = bench.fit({"denoiser": unet, "text_encoder": encoder}, bench.use(low_rank(KOHYA_ATTENTION, 8, 8) | broken))
    with pytest.raises(AdapterUnusable, match="NaN"), loras.on("denoiser", "text_encoder"):
        pytest.fail("got on")
    assert_untouched(before, unet, encoder)


def test_weights_that_are_mapped_read_only_are_not_written(bench: Bench, unet: Any, tmp_path: Path) -> None:
    """As the hot swap has them: views of a file, the same file for several checkpoints."""
    from safetensors import safe_open

    save_file(unet.state_dict(), tmp_path / "unet.safetensors")
    with safe_open(tmp_path / "unet.safetensors", framework="pt") as file:
        unet.load_state_dict({name: file.get_tensor(name) for name in file.keys()}, assign=True)  # noqa: SIM118
    content = (tmp_path / "unet.safetensors").read_bytes()
    before = objects(unet)
    with bench.fit({"denoiser": unet}, bench.use(every_layer(unet, "lora_unet_", "_", "lora_up", "lora_down", {}))).on("denoiser"):
        unet_says(unet, 16)
    assert_untouched(before, unet)
    assert (tmp_path / "unet.safetensors").read_bytes() == content


def test_weight_zero_changes_nothing_at_all(bench: Bench, unet: Any) -> None:
    before = objects(unet)
    loras = bench.fit({"denoiser": unet}, bench.use(low_rank(KOHYA_ATTENTION, 8, 8), denoiser=0.0))
    assert loras.key("denoiser") == ()
    with loras.on("denoiser"):
        assert_untouched(before, unet)


def test_text_encoder_and_denoiser_have_weights_of_their_own(bench: Bench, unet: Any) -> None:
    encoder = clip()
    tensors = low_rank(KOHYA_ATTENTION, 8, 8) | kohya_text(encoder, "lora_te_")
    parts = {"denoiser": unet, "text_encoder": encoder}
    before = objects(unet), objects(encoder)
    with bench.fit(parts, bench.use(tensors, text=0.0)).on(*parts):
        assert_untouched(before[1], encoder)
        assert not torch.equal(weight_of(unet, f"{ATTENTION}.weight"), unet_weight(before[0]))
    with bench.fit(parts, bench.use(tensors, denoiser=0.0)).on(*parts):
        assert_untouched(before[0], unet)
        assert any(not torch.equal(now, numbers) for (_, _, now), (_, _, numbers) in zip(objects(encoder), before[1], strict=True))
    with bench.fit(parts, bench.use(tensors)).on("text_encoder"):
        assert_untouched(before[0], unet)


def unet_weight(of: list[tuple[str, int, torch.Tensor]]) -> torch.Tensor:
    return next(numbers for name, _, numbers in of if name == f"{ATTENTION}.weight")


def test_several_at_once_in_any_order_are_the_same_bits(bench: Bench, unet: Any) -> None:
    tensors = [every_layer(unet, "lora_unet_", "_", "lora_up", "lora_down", {}) for _ in range(4)]
    uses = [bench.use(each, f"ink{index}", denoiser=0.3 + index) for index, each in enumerate(tensors)]
    seen = []
    for order in (uses, uses[::-1], random.Random(1).sample(uses, 4)):
        bench.loras.free()
        with bench.fit({"denoiser": unet}, *order).on("denoiser"):
            seen.append([numbers for _, _, numbers in objects(unet)])
    assert all(torch.equal(one, other) for several in seen[1:] for one, other in zip(seen[0], several, strict=True))
    expected = weight_of(unet, f"{ATTENTION}.weight").double()
    for use, each in zip(uses, tensors, strict=True):
        up, down = (each[f"{KOHYA_ATTENTION}.lora_{way}.weight"].double() for way in ("up", "down"))
        expected = expected + use.unet_weight * up @ down / 2
    assert close(
        next(n for name, n in zip([name for name, _, _ in objects(unet)], seen[0], strict=True) if name == f"{ATTENTION}.weight").double(),
        expected,
    )


def test_one_whole_and_one_fused_lora_on_the_same_layers(bench: Bench) -> None:
    module = flux_transformer()
    fused = low_rank("lora_unet_double_blocks_0_img_attn_qkv", 48, 16, alpha=None)
    single = {
        f"transformer.transformer_blocks.0.attn.to_k.lora_{way}.weight": tensor for way, tensor in (("B", rand(16, 2)), ("A", rand(2, 16)))
    }
    own = module.transformer_blocks[0].attn.to_k.weight.clone()
    with bench.fit({"denoiser": module}, bench.use(fused, "fused"), bench.use(single, "single")).on("denoiser"):
        up, down = list(fused.values())
        b, a = list(single.values())
        assert torch.allclose(module.transformer_blocks[0].attn.to_k.weight, own + (up @ down)[16:32] + b @ a, atol=1e-6)


def test_half_weights_are_rounded_once(bench: Bench, unet: Any) -> None:
    """Each of a hundred changes is less than half a bf16 step; together they are not."""
    half = unet.to(torch.bfloat16)
    own = weight_of(half, f"{ATTENTION}.weight").float()
    step = own.abs() * 2.0**-10
    uses = [bench.use({f"{KOHYA_ATTENTION}.diff": step}, f"ink{number}") for number in range(100)]
    with bench.fit({"denoiser": half}, *uses).on("denoiser"):
        assert torch.equal(weight_of(half, f"{ATTENTION}.weight"), (own + 100 * step).bfloat16())


def test_memory_layout_is_kept(bench: Bench, unet: Any) -> None:
    unet = unet.to(memory_format=torch.channels_last)
    tensors = {f"{KOHYA_RESNET}.diff": rand(8, 8, 3, 3)}
    strides = weight_of(unet, f"{RESNET}.weight").stride()
    with bench.fit({"denoiser": unet}, bench.use(tensors)).on("denoiser"):
        assert weight_of(unet, f"{RESNET}.weight").stride() == strides


def test_a_quantised_weight_is_unpacked_for_a_while(bench: Bench) -> None:
    import numpy as np
    from diffusers.quantizers.gguf.utils import GGUFLinear, GGUFParameter, dequantize_gguf_tensor
    from gguf import GGMLQuantizationType, quants

    linear = GGUFLinear(64, 32, compute_dtype=torch.float32)
    packed = quants.quantize(np.random.default_rng(0).standard_normal((32, 64), np.float32), GGMLQuantizationType.Q8_0)
    linear.weight = GGUFParameter(torch.from_numpy(packed), quant_type=GGMLQuantizationType.Q8_0)
    module = torch.nn.ModuleDict({"proj": linear})
    tensors = low_rank("lora_unet_proj", 32, 64, alpha=None)
    own, weight = dequantize_gguf_tensor(linear.weight), linear.weight
    with bench.fit({"denoiser": module}, bench.use(tensors)).on("denoiser"):
        x = torch.randn(1, 64)
        changed = own + tensors["lora_unet_proj.lora_up.weight"] @ tensors["lora_unet_proj.lora_down.weight"]
        assert torch.allclose(linear(x), x @ changed.T, atol=1e-4)
    assert linear.weight is weight


# kept for the next time


def test_what_was_computed_is_kept(bench: Bench, unet: Any) -> None:
    use = bench.use(low_rank(KOHYA_ATTENTION, 8, 8))

    def weight_on() -> torch.Tensor:
        with bench.fit({"denoiser": unet}, use).on("denoiser"):
            return weight_of(unet, f"{ATTENTION}.weight")

    first = weight_on()
    assert weight_on() is first
    bench.loras.free()
    assert weight_on() is not first


def test_changed_files_are_read_again(bench: Bench, unet: Any) -> None:
    seen = []
    for alpha in (1.0, 2.0):
        torch.manual_seed(0)
        use = bench.use(low_rank(KOHYA_ATTENTION, 8, 8, alpha=alpha))
        # The system's clock for files may not have moved on in between.
        os.utime(use.path, (1_700_000_000, 1_700_000_000 + alpha))
        with bench.fit({"denoiser": unet}, use).on("denoiser"):
            seen.append(weight_of(unet, f"{ATTENTION}.weight").clone())
    assert not torch.equal(*seen)


def test_least_recently_used_goes_first(bench: Bench, unet: Any) -> None:
    uses = [bench.use(low_rank(KOHYA_ATTENTION, 8, 8), f"ink{number}") for number in range(3)]

    def weight_on(use: LoraUse) -> torch.Tensor:
        with bench.fit({"denoiser": unet}, use).on("denoiser"):
            return weight_of(unet, f"{ATTENTION}.weight")

    bench.loras = Loras(most_bytes=2 * 8 * 8 * 4)
    first, second = weight_on(uses[0]), weight_on(uses[1])
    assert weight_on(uses[0]) is first
    weight_on(uses[2])
    assert weight_on(uses[0]) is first
    assert weight_on(uses[1]) is not second


# files that fit in part or not at all


def test_layers_that_fit_nothing_are_counted_and_named(bench: Bench, unet: Any) -> None:
    strange = {f"lora_unet_nowhere_{number}.lora_{way}.weight": rand(2, 2) for number in range(5) for way in ("up", "down")}
    loras = bench.fit({"denoiser": unet}, bench.use(low_rank(KOHYA_ATTENTION, 8, 8) | strange | {"lora_unet_x.oft_blocks": rand(2, 2)}))
    assert loras.key("denoiser")
    (note,) = bench.notes
    assert "LoRA ink: 6 of its layers" in note
    assert "lora_unet_nowhere_0" in note


def test_another_familys_lora_is_refused(bench: Bench, unet: Any) -> None:
    before = objects(unet)
    name = KOHYA_ATTENTION.replace("attn1_to_q", "attn2_to_k")
    path = bench.write(low_rank(name, 8, 2048), metadata={"ss_base_model_version": "sdxl_base_v1-0"})
    with pytest.raises(LoraDoesNotFit) as raised:
        bench.fit({"denoiser": unet}, LoraUse("ink", str(path)))
    assert raised.value.code == "lora_does_not_fit"
    assert "8 x 2048" in raised.value.message
    assert "8 x 16" in raised.value.message
    assert "sdxl_base_v1-0" in raised.value.hint
    assert_untouched(before, unet)


def test_a_lora_whose_text_encoder_alone_would_fit_is_refused(bench: Bench, unet: Any) -> None:
    """CLIP-L is the same in many families."""
    tensors = low_rank("lora_unet_double_blocks_0_img_attn_qkv", 48, 16) | kohya_text(clip(), "lora_te1_")
    with pytest.raises(LoraDoesNotFit, match="double_blocks_0"):
        bench.fit({"denoiser": unet, "text_encoder": clip()}, bench.use(tensors))


def test_a_lora_for_parts_that_are_not_there_is_refused(bench: Bench, unet: Any) -> None:
    with pytest.raises(LoraDoesNotFit):
        bench.fit({"denoiser": unet}, bench.use(kohya_text(clip(), "lora_te_")))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>login</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "git-lfs pointer"),
        (b"\x80\x04\x95cos\nsystem\n(S'touch owned'\ntR.", "pickle file"),
        (b"\xff" * 100, "damaged or cut off"),
    ],
    ids=["empty", "page", "pointer", "pickle", "noise"],
)
def test_files_that_are_something_else(bench: Bench, unet: Any, content: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bench.folder)
    path = bench.folder / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(AdapterUnusable, match=words):
        bench.fit({"denoiser": unet}, LoraUse("bad", str(path)))
    assert sorted(file.name for file in bench.folder.iterdir()) == ["bad.safetensors"]


def test_a_file_that_is_cut_off_or_gone(bench: Bench, unet: Any) -> None:
    path = bench.write(low_rank(KOHYA_ATTENTION, 8, 8))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(AdapterUnusable, match="cut off"):
        bench.fit({"denoiser": unet}, LoraUse("ink", str(path)))
    path.unlink()
    with pytest.raises(AdapterUnusable, match="No such file"):
        bench.fit({"denoiser": unet}, LoraUse("ink", str(path)))


@pytest.mark.parametrize(
    "tensors",
    [
        {f"{KOHYA_ATTENTION}.lora_up.weight": torch.zeros(8, 3), f"{KOHYA_ATTENTION}.lora_down.weight": torch.zeros(2, 8)},
        {f"{KOHYA_ATTENTION}.lora_up.weight": torch.zeros(8, 2)},
        {f"{KOHYA_ATTENTION}.lora_up.weight": torch.zeros(()), f"{KOHYA_ATTENTION}.lora_down.weight": torch.zeros(2, 8)},
        {f"{KOHYA_ATTENTION}.hada_w1_a": torch.zeros(8, 2)},
        {f"{KOHYA_ATTENTION}.lokr_w1": torch.zeros(2)},
        {f"{KOHYA_ATTENTION}.lokr_w1": torch.zeros(2, 2), f"{KOHYA_ATTENTION}.lokr_w2": torch.zeros(0, 4)},
        {f"{KOHYA_ATTENTION}.diff": torch.zeros(())},
        low_rank(KOHYA_ATTENTION, 8, 8) | {f"{KOHYA_ATTENTION}.alpha": torch.zeros(2)},
        low_rank(KOHYA_ATTENTION, 8, 8) | {f"{KOHYA_ATTENTION}.dora_scale": torch.ones(3)},
    ],
)
def test_tensors_that_do_not_belong_together(bench: Bench, unet: Any, tensors: Tensors) -> None:
    before = objects(unet)
    with pytest.raises(AdapterUnusable) as raised:
        with bench.fit({"denoiser": unet}, bench.use(tensors)).on("denoiser"):
            pytest.fail("got on")
    assert KOHYA_ATTENTION in raised.value.message
    assert_untouched(before, unet)


def test_a_file_of_another_kind(bench: Bench, unet: Any) -> None:
    with pytest.raises(AdapterUnusable, match="not a LoRA"):
        bench.fit({"denoiser": unet}, bench.use({"emb_params": rand(2, 16)}))


@pytest.mark.parametrize(
    "settings", ["{", "[1]", '{"unet.lora_alpha": "much", "unet.alpha_pattern": 3}', '{"unet.alpha_pattern": {"to_q": []}}']
)
def test_metadata_that_make_no_sense_are_left_out_of_account(bench: Bench, unet: Any, settings: str) -> None:
    a, b = rand(2, 8), rand(8, 2)
    path = bench.write(
        {f"unet.{ATTENTION}.lora_A.weight": a, f"unet.{ATTENTION}.lora_B.weight": b}, metadata={"lora_adapter_metadata": settings}
    )
    own = weight_of(unet, f"{ATTENTION}.weight")
    with bench.fit({"denoiser": unet}, LoraUse("ink", str(path))).on("denoiser"):
        assert torch.allclose(weight_of(unet, f"{ATTENTION}.weight"), own + b @ a, atol=1e-6)


def test_every_layer_of_every_family_has_one_place(bench: Bench) -> None:
    for module in (sd1_unet(), sdxl_unet(), flux_transformer(), sd3_transformer(), clip(), clip(projected=True)):
        places = layers_of(module)
        known = dict(module.named_modules())
        assert all(name in known for layers in places.values() for name in layers.names)

"""The LoRA that is trained: put on a checkpoint's modules by peft, written in kohya's layout, which all programs read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer

from webui.engine.adapters.lora_names import original_names
from webui.engine.memory.loaded import DENOISER

ADAPTER = "default"

_KOHYA_PARTS: Mapping[tuple[str, bool], str] = {
    (DENOISER, False): "lora_unet_",
    (DENOISER, True): "lora_unet_",
    ("text_encoder", False): "lora_te_",
    ("text_encoder", True): "lora_te1_",
    ("text_encoder_2", True): "lora_te2_",
}
"""(part of the checkpoint, whether it is SDXL) -> how kohya's names for its layers begin."""


@dataclass(frozen=True)
class Layer:
    """One layer with a LoRA. name: in kohya's files, without what follows the first dot. kind: the part that it is in."""

    name: str
    kind: str
    lora: Any

    @property
    def down(self) -> torch.nn.Parameter:
        """(rank, in, ...), fp32."""
        return self.lora.lora_A[ADAPTER].weight

    @property
    def up(self) -> torch.nn.Parameter:
        """(out, rank, ...), fp32."""
        return self.lora.lora_B[ADAPTER].weight


@dataclass(frozen=True)
class Network:
    """A LoRA on a checkpoint, in the order of its layers' names."""

    layers: tuple[Layer, ...]
    rank: int
    alpha: float

    def named_parameters(self) -> Iterator[tuple[str, str, torch.nn.Parameter]]:
        """(name as in the file, part of the checkpoint, weight) of all that is trained."""
        for layer in self.layers:
            yield f"{layer.name}.lora_down.weight", layer.kind, layer.down
            yield f"{layer.name}.lora_up.weight", layer.kind, layer.up

    def as_file(self, dtype: torch.dtype = torch.float16) -> dict[str, torch.Tensor]:
        """The tensors of a LoRA file in kohya's layout."""
        tensors = {name: weight.detach().to("cpu", dtype).contiguous() for name, _, weight in self.named_parameters()}
        return tensors | {f"{layer.name}.alpha": torch.tensor(self.alpha, dtype=dtype) for layer in self.layers}


def put_on(modules: Mapping[str, Any], *, rank: int, alpha: float, text_encoders: bool, seed: int) -> Network:
    """Put a LoRA that changes nothing yet on the layers that kohya's trainer takes: all linear ones of the U-Net's transformers, and of
    the text encoders' where these are trained. Whatever else there is stays as it is, and takes no gradients.

    modules: a checkpoint's, by kind. They are changed in place.
    """
    is_xl = "text_encoder_2" in modules
    layers: list[Layer] = []
    for kind, module in modules.items():
        module.requires_grad_(False)
        if kind != DENOISER and not (text_encoders and kind.startswith("text_encoder")):
            continue
        # Asked before peft renames them.
        named = {name: _KOHYA_PARTS[kind, is_xl] + flat for name, flat in _targets(kind, module, is_xl)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(named)), module, ADAPTER)  # type: ignore[arg-type]
        found = {name: layer for name, layer in module.named_modules() if isinstance(layer, LoraLayer)}
        assert found.keys() == named.keys(), "peft took other layers than it was told"
        layers += [Layer(named[name], kind, layer) for name, layer in found.items()]
    network = Network(tuple(sorted(layers, key=lambda layer: layer.name)), rank, alpha)
    for _, _, weight in network.named_parameters():
        # In half precision small steps would be lost.
        weight.data = weight.data.float()
    return network


def _targets(kind: str, module: Any, is_xl: bool) -> Iterator[tuple[str, str]]:
    """(name in the module, kohya's name without its beginning) of the layers to take."""
    if kind == DENOISER:
        # kohya's trainer has SDXL under the names of the original code, the others under those of diffusers.
        originals = original_names(module) if is_xl else {}
        for outer, transformer in module.named_modules():
            if type(transformer).__name__ == "Transformer2DModel":
                for inner, layer in transformer.named_modules():
                    if _is_taken(layer):
                        name = f"{outer}.{inner}"
                        yield name, originals.get(name, name).replace(".", "_")
        return
    for name, layer in module.named_modules():
        plain = name.removeprefix("text_model.")
        if plain.startswith("encoder.layers.") and isinstance(layer, torch.nn.Linear):
            yield name, "text_model_" + plain.replace(".", "_")


def _is_taken(layer: torch.nn.Module) -> bool:
    return isinstance(layer, torch.nn.Linear) or (isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (1, 1))

"""A LoRA file taken apart: which layers it names and what it changes in each. No model is needed for that.

Read are the layouts of kohya's trainer, diffusers, PEFT and LyCORIS: LoRA, LoCon, LoHa, LoKr, DoRA, full differences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from webui.catalog.weights import check_safetensors
from webui.engine.adapters.lora_changes import Change, Decomposed, Hadamard, Kronecker, LowRank, Product, TensorsDontMatch, Whole, scale_of
from webui.engine.adapters.lora_names import flat, split_prefix
from webui.errors import AdapterUnusable, CheckpointUnusable

WEIGHT, BIAS = "weight", "bias"

_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "lora_up.weight": "up",
        "lora_down.weight": "down",
        "lora_mid.weight": "mid",
        "lora_B.weight": "up",
        "lora_A.weight": "down",
        "lora_B.default.weight": "up",
        "lora_A.default.weight": "down",
        "lora.up.weight": "up",
        "lora.down.weight": "down",
        "lora_linear_layer.up.weight": "up",
        "lora_linear_layer.down.weight": "down",
        "alpha": "alpha",
        "dora_scale": "magnitude",
        "lora_magnitude_vector": "magnitude",
        "lora_magnitude_vector.weight": "magnitude",
        "lora_magnitude_vector.default.weight": "magnitude",
        "hada_w1_a": "hada1_a",
        "hada_w1_b": "hada1_b",
        "hada_w2_a": "hada2_a",
        "hada_w2_b": "hada2_b",
        "hada_t1": "hada1_core",
        "hada_t2": "hada2_core",
        "lokr_w1": "kron1",
        "lokr_w1_a": "kron1_a",
        "lokr_w1_b": "kron1_b",
        "lokr_w2": "kron2",
        "lokr_w2_a": "kron2_a",
        "lokr_w2_b": "kron2_b",
        "lokr_t1": "kron1_core",
        "lokr_t2": "kron2_core",
        "diff": "diff",
        "diff_b": "diff_b",
        "w_norm": "diff",
        "b_norm": "diff_b",
    }
)
"""How a key ends -> what the tensor is."""

_OLD_PROCESSOR = re.compile(r"\.processor\.(to_q|to_k|to_v|to_out)_lora\.(up|down)\.weight$")
"""diffusers before 0.20 kept LoRAs in attention processors."""


@dataclass(frozen=True)
class LayerChange:
    """What a file changes in one layer. parts: of the checkpoint it may mean, best first. layer: the layer's flat name.

    shown: the name as in the file. parameter: WEIGHT or BIAS.
    """

    parts: tuple[str, ...]
    layer: str
    shown: str
    parameter: str
    change: Change


@dataclass(frozen=True)
class LoraFile:
    """A LoRA as read. fingerprint: changes with the file. unread: keys that mean nothing to us. base: the model it was trained on,
    as its trainer wrote it down, or empty."""

    name: str
    fingerprint: str
    changes: tuple[LayerChange, ...]
    unread: tuple[str, ...]
    base: str


def fingerprint_of(path: Path) -> str:
    """Changes when the file is replaced or edited. From its path, size and time, not its contents. Raises AdapterUnusable."""
    try:
        about = path.stat()
    except OSError as error:
        raise AdapterUnusable(f"{path.name} can't be read: {error.strerror or error}.", hint="Check that it is still there.") from None
    return f"{path}|{about.st_size}|{about.st_mtime_ns}"


def read_lora(path: Path) -> LoraFile:
    """Read a LoRA file of any layout. Its tensors stay mapped; they are read when they are put on.

    Raises AdapterUnusable when it is damaged or is no LoRA. Only safetensors are opened: a pickle can run code.
    """
    fingerprint = fingerprint_of(path)
    tensors, metadata = read_tensors(path)
    settings = _peft_settings(metadata)
    layers: dict[str, dict[str, torch.Tensor]] = {}
    unread = []
    for key, tensor in tensors.items():
        name, field = _split(key)
        if field is None:
            unread.append(key)
        else:
            layers.setdefault(name, {})[field] = tensor
    changes = []
    for name, fields in layers.items():
        parts, rest = split_prefix(name)
        try:
            found = _changes_of(fields, _told_of(settings, name))
        except (TensorsDontMatch, IndexError, ValueError) as error:
            raise AdapterUnusable(
                f"{path.name} is damaged: its tensors for {name} do not belong together.", hint="Download it again."
            ) from error
        changes += [LayerChange(parts, flat(rest), name, parameter, change) for parameter, change in found.items()]
        unread += [] if found else [name]
    if not changes:
        raise AdapterUnusable(f"{path.name} is not a LoRA that Easel knows.", hint="Put it into the folder of its own kind.")
    return LoraFile(path.stem, fingerprint, tuple(changes), tuple(unread), metadata.get("ss_base_model_version", ""))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a safetensors file, mapped, and its metadata. Raises AdapterUnusable."""
    try:
        check_safetensors(path)
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118  # it is no dict
    except CheckpointUnusable as error:
        raise AdapterUnusable(error.message, hint=error.hint) from None
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise AdapterUnusable(f"{path.name} can't be read ({' '.join(str(error).split())[:200]}).", hint="Download it again.") from None


def _split(key: str) -> tuple[str, str | None]:
    """A key's layer, and what of it the tensor is, or None."""
    old = _OLD_PROCESSOR.search(key)
    if old is not None:
        return f"{key[: old.start()]}.{'to_out.0' if old[1] == 'to_out' else old[1]}", old[2]
    for ending in sorted(_FIELDS, key=len, reverse=True):
        if key.endswith("." + ending):
            return key[: -len(ending) - 1], _FIELDS[ending]
    return key, None


def _changes_of(fields: Mapping[str, torch.Tensor], told: _Told) -> dict[str, Change]:
    """What the tensors of one layer change, by parameter. Raises TensorsDontMatch when one is missing or does not fit the others."""
    changes: dict[str, Change] = {}
    weight = _weight_change(fields, told)
    if weight is not None:
        changes[WEIGHT] = Decomposed(weight, fields["magnitude"]) if "magnitude" in fields else weight
    if "diff_b" in fields:
        changes[BIAS] = Whole(fields["diff_b"])
    return changes


def _weight_change(fields: Mapping[str, torch.Tensor], told: _Told) -> Change | None:
    if "up" in fields or "down" in fields:
        up, down = _all_of(fields, "up", "down")
        return LowRank(up, down, fields.get("mid"), told.scale(fields, down.shape[0]))
    if any(name.startswith("kron") for name in fields):
        first, second = _factor(fields, "kron1"), _factor(fields, "kron2")
        # Two whole factors have no rank to divide by.
        ranks = [factor[1].shape[0] for factor in (first, second) if isinstance(factor, tuple)]
        return Kronecker(first, second, told.scale(fields, ranks[0]) if ranks else 1.0)
    if any(name.startswith("hada") for name in fields):
        first, second = _product(fields, "hada1"), _product(fields, "hada2")
        return Hadamard((first, second), told.scale(fields, first[1].shape[0]))
    return Whole(fields["diff"]) if "diff" in fields else None


def _factor(fields: Mapping[str, torch.Tensor], name: str) -> torch.Tensor | Product:
    return fields[name] if name in fields else _product(fields, name)


def _product(fields: Mapping[str, torch.Tensor], name: str) -> Product:
    a, b = _all_of(fields, f"{name}_a", f"{name}_b")
    return a, b, fields.get(f"{name}_core")


def _all_of(fields: Mapping[str, torch.Tensor], *names: str) -> list[torch.Tensor]:
    if not all(name in fields for name in names):
        raise TensorsDontMatch
    return [fields[name] for name in names]


@dataclass(frozen=True)
class _Told:
    """What a file's metadata say about the strength of one layer's change. The tensor "alpha" goes before it."""

    alpha: float | None = None
    stabilised: bool = False

    def scale(self, fields: Mapping[str, torch.Tensor], rank: int) -> float:
        alpha = float(fields["alpha"]) if "alpha" in fields else self.alpha
        return scale_of(alpha, rank, stabilised=self.stabilised)


def _peft_settings(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The LoraConfig of each component, as diffusers writes it: {"unet.lora_alpha": 8, ...}."""
    try:
        settings = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    except ValueError:
        return {}
    return settings if isinstance(settings, dict) else {}


def _told_of(settings: Mapping[str, Any], name: str) -> _Told:
    component, _, layer = name.partition(".")
    pattern = settings.get(f"{component}.alpha_pattern")
    alpha = settings.get(f"{component}.lora_alpha")
    for ending, own in pattern.items() if isinstance(pattern, dict) else ():
        if layer == ending or layer.endswith(f".{ending}"):
            alpha = own
    return _Told(float(alpha) if isinstance(alpha, int | float) else None, settings.get(f"{component}.use_rslora") is True)

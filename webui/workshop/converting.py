"""Writes a model anew in other numbers, and with other of its weights: those that training averaged (EMA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from webui.errors import InvalidRequest
from webui.workshop.merging import Overflow, recast
from webui.workshop.one_file import check_one_file, plan_one_file
from webui.workshop.packed import WRITTEN
from webui.workshop.packing import check_packing, plan_packed
from webui.workshop.plan import Plan, planned
from webui.workshop.precision import aimed
from webui.workshop.recipes import ONE_FILE, Convert
from webui.workshop.weights import Tensor, Weights

_COUNTERS = ("decay", "num_updates")
"""What EMA code keeps beside the averages."""


def check_convert(source: Weights, recipe: Convert) -> None:
    """Raise InvalidRequest where averages are wanted that aren't there, the kind has no such numbers, or it can't have that form."""
    if recipe.averages == "use" and not source.of_part("ema"):
        raise InvalidRequest(
            f"{source.name} holds no EMA weights.", field="averages", allowed="drop, keep", hint="Convert it without them."
        )
    if recipe.precision == "as it is" and source.is_packed:
        raise InvalidRequest(
            f"{source.name} is a GGUF file, whose packed numbers no safetensors file holds.",
            field="precision",
            allowed="fp32, fp16, bf16, fp8",
            hint="Use fp16.",
        )
    if source.is_packed and not source.of_part("denoiser"):
        raise InvalidRequest(
            f"{source.name} is a GGUF file without a denoiser, whose names no other form has.",
            field="model",
            hint="Take the safetensors of the same model.",
        )
    if recipe.precision in WRITTEN:
        check_packing(source)
    if recipe.precision == "fp8" and not source.of_part("denoiser"):
        raise InvalidRequest(
            f"{source.name} has no denoiser, and nothing else is kept as fp8.",
            field="precision",
            allowed="fp32, fp16, bf16",
            hint="Use fp16.",
        )
    if recipe.form == ONE_FILE and recipe.precision not in WRITTEN:
        check_one_file(source)


def plan_convert(source: Weights, recipe: Convert, metadata: Mapping[str, Mapping[str, str]]) -> tuple[Plan, Overflow]:
    """How the new file is written. Raises as `check_convert` does."""
    check_convert(source, recipe)
    if recipe.form == ONE_FILE and recipe.precision not in WRITTEN:
        return plan_one_file(source, recipe, metadata)
    if recipe.precision in WRITTEN:
        return plan_packed(source, recipe, metadata)
    overflow = Overflow()
    averages = {tensor.inner: tensor for tensor in source.of_part("ema")}
    used = 0
    files = {}
    for file, tensors in source.files.items():
        new = []
        for tensor in tensors.values():
            if tensor.part == "ema" and recipe.averages != "keep":
                continue
            average = averages.get(_average_name(tensor)) if recipe.averages == "use" and tensor.part == "denoiser" else None
            if average is not None and average.info.shape == tensor.info.shape:
                used += 1
                tensor = replace(average, name=tensor.name, part=tensor.part)
            new.append(recast(tensor, aimed(tensor, recipe.precision), overflow))
        files[file] = new
    notes = []
    if recipe.averages == "use":
        of_all = sum(1 for name in averages if name not in _COUNTERS)
        notes.append(f"{used} of {of_all} averages took the place of weights.")
    return planned(files, metadata, source, notes), overflow


def _average_name(tensor: Tensor) -> str:
    """How latent-diffusion's LitEma calls a weight's average: its name inside the model, without dots."""
    return tensor.name.removeprefix("model.").replace(".", "")

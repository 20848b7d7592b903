"""Writes the denoiser of a checkpoint as a GGUF file, its matrices packed, in the form in which image models are shared.

Names are the makers' own without a prefix, and the header says which architecture it is, as city96/ComfyUI-GGUF has it.
"""

from __future__ import annotations

from collections.abc import Mapping

from webui.catalog.diffusers_folder import FILES_KEY
from webui.errors import InvalidRequest
from webui.workshop.merging import Overflow, recast, what_is
from webui.workshop.plan import NewFile, Plan
from webui.workshop.precision import aimed
from webui.workshop.recipes import Convert
from webui.workshop.weights import WHOLE, NewTensor, Weights

FAMILIES = ("flux", "sd3")
"""Families whose GGUF files are drawn with. Each is called the same in a GGUF header."""


def check_packing(source: Weights) -> None:
    """Raise InvalidRequest where the denoiser is none that is shared as GGUF, or has other names than those."""
    part = source.kind.part("denoiser")
    if part is None or source.kind.family not in FAMILIES:
        raise InvalidRequest(
            f"{what_is(source)}; only the denoisers of SD 3 and FLUX become GGUF files.",
            field="precision",
            allowed="as it is, fp32, fp16, bf16, fp8",
            hint="Use fp8, or choose weight storage int8 when you draw.",
        )
    if source.is_folder or part.layout != "original":
        raise InvalidRequest(
            f"{source.name} has diffusers' names, and GGUF files have the makers' own.",
            field="model",
            hint="Take the single file of the same model.",
        )


def plan_packed(source: Weights, recipe: Convert, metadata: Mapping[str, Mapping[str, str]]) -> tuple[Plan, Overflow]:
    """How the file is written. Raises as `check_packing` does."""
    check_packing(source)
    overflow = Overflow()
    tensors = []
    for tensor in source.of_part("denoiser"):
        new = recast(tensor, aimed(tensor, recipe.precision), overflow)
        tensors.append(NewTensor(tensor.inner, new.dtype, new.shape, new.nbytes, new.blocks))
    told = {key: text for key, text in metadata.get(WHOLE, {}).items() if key != FILES_KEY and not key.startswith("general.")}
    others = sum(1 for _, tensor in source.tensors() if tensor.part not in ("denoiser", "ema"))
    notes = ["Its text encoders and VAE are not in it; they are looked for in their folders."] if others else []
    return Plan({WHOLE: NewFile(tensors, told, source.kind.family)}, notes=notes), overflow

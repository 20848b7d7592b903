"""Which numbers a tensor gets in a new file."""

from __future__ import annotations

from collections.abc import Mapping

from webui.workshop.weights import Tensor

_DTYPES: Mapping[str, str] = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}


def aimed(tensor: Tensor, precision: str) -> str:
    """The type, as safetensors writes it; whole numbers and packed ones stay what they are.

    fp8: the denoiser's matrices and convolutions, which are nearly all of a checkpoint. Biases, norms, text encoders and VAE
    are fp16: they are small, and eight bits are too few for them.
    """
    if precision == "as it is" or not tensor.is_float:
        return tensor.info.dtype
    if precision == "fp8":
        return "F8_E4M3" if tensor.part == "denoiser" and len(tensor.info.shape) >= 2 else "F16"
    return _DTYPES[precision]

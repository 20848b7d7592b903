"""Which numbers a tensor gets in a new file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from webui.workshop.packed import BLOCK, WRITTEN
from webui.workshop.weights import Tensor

_IN_A_BLOCK = re.compile(r"\w+_blocks\.\d+\..*weight$")

_DTYPES: Mapping[str, str] = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}


def aimed(tensor: Tensor, precision: str) -> str:
    """The type, as safetensors writes it; whole numbers and packed ones stay what they are.

    fp8: the denoiser's matrices and convolutions, which are nearly all of a checkpoint. Biases, norms, text encoders and VAE
    are fp16: they are small, and eight bits are too few for them. Packed types (webui.workshop.packed) likewise: the matrices of a
    transformer's blocks; what lies outside of them is fp16, and biases and norms fp32.
    """
    if precision in WRITTEN:
        return _packed(tensor, precision)
    if precision == "as it is" or not tensor.is_float:
        return tensor.info.dtype
    if precision == "fp8":
        return "F8_E4M3" if tensor.part == "denoiser" and len(tensor.info.shape) >= 2 else "F16"
    return _DTYPES[precision]


def _packed(tensor: Tensor, precision: str) -> str:
    shape = tensor.info.shape
    if len(shape) == 2 and shape[1] % BLOCK == 0 and _IN_A_BLOCK.match(tensor.inner):
        return precision
    return "F16" if len(shape) in (2, 4) else "F32"

"""Where the engine computes and with what numbers: one row for each kind of device.

Only the CPU rows are tested; CUDA and MPS follow the same table and are untested so far.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from webui.engine.memory.attention import working_kernels
from webui.engine.memory.meter import give_back
from webui.planning.machine import host_memory

MB = 1024 * 1024

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Device:
    """One device as the engine uses it.

    dtype: of weights and activations; the sampler's own arithmetic is always fp32.
    batches: whether pictures drawn together are faster. Where not, each is drawn alone, bit-identical to its single run.
    denoiser_format: the order in memory of the weights and activations of convolutions in a denoiser. vae_format: in a VAE.
    synchronize: wait until queued work is done, so that timings tell the truth. free_memory: give unused memory back.
    attention: names of the attention kernels that worked when called, the default first.
    copies: whether it has memory of its own, to which weights are copied. free_bytes: of the memory it computes in, now.
    reserve: bytes of it that are left to others. lock: a tensor in main memory -> a copy of it in memory that is locked for the
    device to fetch from by itself; None where there is nothing to gain.
    """

    torch_device: torch.device
    name: str
    dtype: torch.dtype
    batches: bool
    denoiser_format: torch.memory_format
    vae_format: torch.memory_format
    synchronize: Callable[[], None]
    free_memory: Callable[[], None]
    attention: tuple[str, ...]
    copies: bool
    free_bytes: Callable[[], int]
    reserve: int
    lock: Callable[[torch.Tensor], torch.Tensor] | None = None

    def memory_format(self, kind: str) -> torch.memory_format:
        """The order in memory of the convolutions of that kind of part (webui.engine.loading.component.ComponentKind)."""
        return self.vae_format if kind == "vae" else self.denoiser_format

    def upload(self, weight: torch.Tensor, kind: str) -> torch.Tensor:
        """A copy of a weight of that kind of part there, in the numbers and the order it computes with."""
        # First there, then cast: torch casts on the side that a tensor comes from, which would be the slow one.
        moved = weight.to(self.torch_device, non_blocking=True).to(self.dtype if weight.is_floating_point() else weight.dtype)
        return channels_last(moved) if moved.ndim == 4 and self.memory_format(kind) == torch.channels_last else moved.contiguous()

    @property
    def dtype_name(self) -> str:
        """The dtype as people write it: "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")


def channels_last(weights: torch.Tensor) -> torch.Tensor:
    """A convolution's weights with their channels last, in strides too where sides of one leave those open: kernels are chosen by them."""
    _, into, height, width = weights.shape
    return weights.contiguous(memory_format=torch.channels_last).as_strided(weights.shape, (height * width * into, 1, width * into, into))


def open_device(kind: str = "auto", dtype: str = "auto") -> Device:
    """The device of that kind ("auto" takes the best there is) with that dtype ("auto" takes what it is good at).

    Raises ValueError for names that are not in the tables.
    """
    kind = _best_kind() if kind == "auto" else kind
    if kind not in _OPEN:
        raise ValueError(f"unknown device {kind!r}; known are {', '.join(_OPEN)}")
    if dtype != "auto" and dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; known are {', '.join(DTYPES)}")
    return _OPEN[kind](None if dtype == "auto" else DTYPES[dtype])


def use_threads(count: int = 0) -> int:
    """Compute with that many CPU threads, 0: one for each physical core this process may use. Returns how many.

    Said explicitly, because sums are split by threads: the same count gives the same bits after a restart.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or allowed
    count = count or max(1, min(allowed, physical))
    torch.set_num_threads(count)
    return count


def _best_kind() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _nothing() -> None:
    """Nothing to wait for and nothing to give back."""


def _open_cpu(dtype: torch.dtype | None) -> Device:
    device = torch.device("cpu")
    dtype = dtype or (torch.bfloat16 if _cpu_has_bf16() else torch.float32)
    return Device(
        device,
        _cpu_name(),
        dtype,
        False,
        # A VAE decodes 6 to 9 % faster with its channels last; a denoiser gains nothing by it (`python -m benchmarks.channels`), and
        # so lies as its file does.
        torch.contiguous_format,
        torch.channels_last,
        _nothing,
        give_back,
        working_kernels(device, dtype),
        False,
        lambda: host_memory().available,
        256 * MB,
    )


def _open_cuda(dtype: torch.dtype | None) -> Device:
    device = torch.device("cuda", 0)
    dtype = dtype or torch.float16
    return Device(
        device,
        torch.cuda.get_device_name(device),
        dtype,
        True,
        torch.channels_last,
        torch.channels_last,
        torch.cuda.synchronize,
        torch.cuda.empty_cache,
        working_kernels(device, dtype),
        True,
        lambda: _free_on_cuda(device),
        (600 if os.name == "nt" else 400) * MB,
        torch.Tensor.pin_memory,
    )


def _free_on_cuda(device: torch.device) -> int:
    # What torch keeps without using it is free, too.
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def _open_mps(dtype: torch.dtype | None) -> Device:
    device = torch.device("mps")
    dtype = dtype or torch.float16
    return Device(
        device,
        f"Apple {platform.machine()}",
        dtype,
        True,
        torch.contiguous_format,
        torch.contiguous_format,
        torch.mps.synchronize,
        torch.mps.empty_cache,
        working_kernels(device, dtype),
        True,
        lambda: torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory(),
        400 * MB,
    )


_OPEN: dict[str, Callable[[torch.dtype | None], Device]] = {"cpu": _open_cpu, "cuda": _open_cuda, "mps": _open_mps}


def _cpu_has_bf16() -> bool:
    # oneDNN says yes for any AVX512 and then emulates bf16, many times slower than fp32; so the instructions are asked for too.
    has_instructions = any(
        bool(getattr(torch.cpu, name, lambda: False)()) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return has_instructions and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _cpu_name() -> str:
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

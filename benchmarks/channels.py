"""Order of channels: a denoiser and a VAE with theirs first and last in memory, side by side in one run.

    python -m benchmarks.channels [--sizes 128 256 512] [--rounds 5] [--threads 2] [--shape full|small]

Stable Diffusion 1.5-shaped parts with random weights, in the numbers the device computes with. Turns are interleaved; the least
of each is printed, and the quotient: above 1, channels last are slower. Timings mean something only on a machine that does
nothing else; the load is printed beside them.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.hot_swap import configs
from webui.engine.device import channels_last, open_device, use_threads
from webui.engine.loading.modules import builder
from webui.engine.memory.meter import keep_freed_memory

FIRST, LAST = torch.contiguous_format, torch.channels_last


def make(kind: str, config: dict[str, Any], dtype: torch.dtype) -> torch.nn.Module:
    module = builder(kind, {name: value for name, value in config.items() if not name.startswith("_")})()
    module.to_empty(device="cpu").to(dtype).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter.normal_(0, 0.02)
    return module


def turned(module: torch.nn.Module, kind: str, config: dict[str, Any], dtype: torch.dtype) -> torch.nn.Module:
    other = make(kind, config, dtype)
    other.load_state_dict(module.state_dict())
    for parameter in other.parameters():
        if parameter.ndim == 4:
            parameter.data = channels_last(parameter.data)
    return other


def best(rounds: int, *ways: Callable[[], Any]) -> list[float]:
    """Seconds of each way, the least of its turns, after one that doesn't count."""
    taken: list[list[float]] = [[] for _ in ways]
    for turn in range(rounds + 1):
        for way, seconds in zip(ways, taken, strict=True):
            started = time.perf_counter()
            way()
            if turn:
                seconds.append(time.perf_counter() - started)
    return [min(seconds) for seconds in taken]


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shape", choices=("full", "small"), default="full")
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    keep_freed_memory()
    dtype, told = open_device().dtype, configs(arguments.shape)
    print(f"{dtype}; {arguments.threads} threads; load {os.getloadavg()[0]:.2f}")
    unet, vae = (make(kind, told[part], dtype) for kind, part in (("unet", "unet"), ("vae", "vae")))
    unet_last, vae_last = turned(unet, "unet", told["unet"], dtype), turned(vae, "vae", told["vae"], dtype)
    words, time_step = torch.randn(2, 77, told["unet"]["cross_attention_dim"], dtype=dtype), torch.tensor(500.0)
    for size in arguments.sizes:
        latents = torch.randn(2, 4, size // 8, size // 8, dtype=dtype)

        def step(module: Any, order: torch.memory_format, latents: torch.Tensor = latents) -> Callable[[], Any]:
            return lambda: module(latents.contiguous(memory_format=order), time_step, words)

        def decode(module: Any, order: torch.memory_format, latents: torch.Tensor = latents) -> Callable[[], Any]:
            return lambda: module.decode(latents[:1].contiguous(memory_format=order))

        for name, first, last in (
            ("step", step(unet, FIRST), step(unet_last, LAST)),
            ("decode", decode(vae, FIRST), decode(vae_last, LAST)),
        ):
            one, other = best(arguments.rounds, first, last)
            print(f"{size:5} px  {name:8} first {one:7.3f} s  last {other:7.3f} s  last / first {other / one:.2f}", flush=True)
    print(f"load at the end {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()

"""LoRAs on and off: Easel's way beside diffusers', in one run on the same network.

    python -m benchmarks.lora [--width 320] [--rank 32] [--loras 2] [--rounds 5] [--threads 2] [--size 32]

A U-Net shaped as Stable Diffusion 1.5's (random weights, bf16 where the CPU has it) gets LoRAs over all attention and
feed-forward layers, written as kohya's trainer does. Medians of the rounds, Easel's and diffusers' taken in turns:
    first on    from the file to the first step, nothing kept from before
    on again    the same LoRAs once more
    off
    step        one call of the U-Net with LoRAs on; without any as 1
    weights     whether all weights are bit-equal afterwards
Timings mean something only on a machine that does nothing else; the load is printed beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from webui.engine.adapters.lora import DENOISER, Loras
from webui.engine.device import open_device, use_threads
from webui.engine.worker import prepare_environment
from webui.generation.job import LoraUse


def make_unet(width: int, dtype: torch.dtype) -> Any:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    torch.manual_seed(0)
    channels = (width, 2 * width, 4 * width, 4 * width)
    unet = UNet2DConditionModel(block_out_channels=channels, cross_attention_dim=768, attention_head_dim=8)
    return unet.to(dtype).eval().requires_grad_(False)


def write_lora(unet: Any, path: Path, rank: int, seed: int) -> None:
    torch.manual_seed(seed)
    tensors = {}
    for layer, module in unet.named_modules():
        if isinstance(module, torch.nn.Linear) and ("attn" in layer or ".ff." in layer):
            name = "lora_unet_" + layer.replace(".", "_")
            tensors[f"{name}.lora_up.weight"] = torch.randn(module.out_features, rank).half() * 0.01
            tensors[f"{name}.lora_down.weight"] = torch.randn(rank, module.in_features).half() * 0.01
            tensors[f"{name}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Rows:
    """Seconds by row."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, row: str, work: Callable[[], object]) -> None:
        self.seconds.setdefault(row, []).append(seconds_of(work))

    def median(self, row: str) -> float:
        return statistics.median(self.seconds[row])


def easel_round(rows: Rows, unet: Any, uses: list[LoraUse], step: Callable[[], object]) -> None:
    loras = Loras()
    for row in ("first on", "on again"):
        started = time.perf_counter()
        with loras.fit(uses, {DENOISER: unet}, "benchmark", print).on(DENOISER):
            rows.seconds.setdefault(row, []).append(time.perf_counter() - started)
            rows.time("step", step)
            started = time.perf_counter()
        rows.seconds.setdefault("off", []).append(time.perf_counter() - started)


def diffusers_round(rows: Rows, pipeline: Any, uses: list[LoraUse], step: Callable[[], object]) -> None:
    names = [use.name for use in uses]

    def load() -> None:
        for use in uses:
            pipeline.load_lora_weights(Path(use.path).parent, weight_name=Path(use.path).name, adapter_name=use.name)
        pipeline.set_adapters(names)

    rows.time("first on", load)
    rows.time("step", step)
    pipeline.disable_lora()
    rows.time("on again", lambda: (pipeline.enable_lora(), pipeline.set_adapters(names)))
    rows.time("off", pipeline.unload_lora_weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 320), ("rank", 32), ("loras", 2), ("rounds", 5), ("threads", 2), ("size", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    prepare_environment()
    use_threads(arguments.threads)
    from diffusers import StableDiffusionPipeline

    unet = make_unet(arguments.width, open_device().dtype)
    weights = {name: weight.clone() for name, weight in unet.state_dict().items()}
    pipeline = StableDiffusionPipeline(None, None, None, unet, None, None, None, requires_safety_checker=False)  # type: ignore[arg-type]
    latents = torch.randn(2, 4, arguments.size, arguments.size, dtype=unet.dtype)
    words = torch.randn(2, 77, 768, dtype=unet.dtype)

    def step() -> None:
        unet(latents, 500, words)

    plain, easel, diffusers = Rows(), Rows(), Rows()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        uses = []
        for number in range(arguments.loras):
            path = Path(folder) / f"lora{number}.safetensors"
            write_lora(unet, path, arguments.rank, number)
            uses.append(LoraUse(path.stem, str(path)))
        step()
        for _ in range(arguments.rounds):
            plain.time("step", step)
            easel_round(easel, unet, uses, step)
            diffusers_round(diffusers, pipeline, uses, step)
    equal = all(torch.equal(weight, weights[name]) for name, weight in unet.state_dict().items())
    print(f"load {os.getloadavg()[0]:.2f}, {unet.dtype}, {sum(weight.numel() for weight in weights.values()) / 1e6:.0f} M weights")
    print(f"{'':10} {'Easel':>10} {'diffusers':>10} {'ratio':>7}")
    for row in ("first on", "on again", "off"):
        print(f"{row:10} {easel.median(row):9.4f}s {diffusers.median(row):9.4f}s {easel.median(row) / diffusers.median(row):7.3f}")
    print(f"{'step':10} {easel.median('step') / plain.median('step'):9.3f}x {diffusers.median('step') / plain.median('step'):9.3f}x")
    print(f"weights bit-equal afterwards: {'yes' if equal else 'NO'}")


if __name__ == "__main__":
    main()

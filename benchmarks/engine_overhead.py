"""What the engine costs beside the model: cold first picture, warm picture, share outside denoiser and VAE, and plain diffusers.

    python -m benchmarks.engine_overhead [--rounds 7] [--threads 2] [--steps 20]

The same picture (128x128, DPM++ 2M Karras, CFG 5, the shipped checkpoint, the same dtype and threads) is made in turns by
    worker    the local executor: request to finished picture over the pipes, previews on
    engine    the engine inside this process, with its U-Net and VAE timed
    diffusers the stock StableDiffusionPipeline inside this process
Turns are interleaved, seeds differ, prompts repeat; medians and minima are printed. Timings mean something only on a machine
that does nothing else; the load is printed beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from webui.engine.worker import prepare_environment
from webui.executors.local import SLOT, LocalExecutor
from webui.generation.events import Picture, Stage, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedTxt2Img

CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "checkpoints" / "easel-emoji"
PROMPT = "a red apple on a blue background"


def make_job(seed: int, steps: int) -> JobSpec:
    request = ResolvedTxt2Img(
        prompt=PROMPT,
        width=128,
        height=128,
        steps=steps,
        cfg_scale=5.0,
        sampler="DPM++ 2M",
        schedule_type="Karras",
        seed=seed,
        checkpoint=CHECKPOINT.name,
        checkpoint_hash="benchmark",
    )
    return JobSpec(f"benchmark-{seed}", request, str(CHECKPOINT), (0,))


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cold_first_picture(executor: LocalExecutor, steps: int) -> dict[str, float]:
    """Seconds since the spawn at each moment."""
    started = time.perf_counter()
    moments: dict[str, float] = {}
    executor.start()
    for event in executor.run(SLOT, make_job(1, steps)):
        now = time.perf_counter() - started
        if isinstance(event, Stage) and event.text.startswith("Loading"):
            moments["torch, diffusers and transformers imported"] = now
        elif isinstance(event, Picture):
            moments["checkpoint loaded, text encoded"] = now - event.facts["seconds"]
            moments["first picture"] = now
    return moments


class TimedEngine:
    """The engine in this process; adds up the seconds spent in U-Net and VAE."""

    def __init__(self, dtype: str) -> None:
        from webui.engine.device import open_device
        from webui.engine.engine import Engine
        from webui.engine.memory.manager import ModelManager

        device = open_device("cpu", dtype)
        models = ModelManager(device)
        self.family: Any = models.get(CHECKPOINT, lambda: None).family
        self.model_seconds = 0.0
        self.family.unet.forward = self._timed(self.family.unet.forward)
        self.family.vae.decode = self._timed(self.family.vae.decode)
        self._engine = Engine(device, None, models)

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.model_seconds += time.perf_counter() - started

        return timed

    def draw(self, seed: int, steps: int) -> float:
        """Make one picture; returns the share of its time outside U-Net and VAE."""
        from webui.engine.control import JobControl

        self.model_seconds = 0.0
        events: list[WorkerEvent] = []
        total = seconds_of(lambda: self._engine.run(make_job(seed, steps), JobControl(), events.append))
        assert any(isinstance(event, Picture) for event in events)
        return 1 - self.model_seconds / total


def stock_pipeline(dtype: str) -> Callable[[int, int], object]:
    """diffusers' own pipeline with the checkpoint's own scheduler."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        CHECKPOINT, dtype=getattr(torch, dtype), safety_checker=None, local_files_only=True, use_safetensors=True
    )
    pipeline.set_progress_bar_config(disable=True)

    def draw(seed: int, steps: int) -> object:
        return pipeline(
            PROMPT,
            negative_prompt="",
            num_inference_steps=steps,
            guidance_scale=5.0,
            width=128,
            height=128,
            generator=torch.Generator().manual_seed(seed),
        )

    return draw


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def show(name: str, values: list[float]) -> None:
    print(f"  {name:10s} median {statistics.median(values):6.3f} s   min {min(values):6.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: one per physical core")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--dtype", default="auto")
    arguments = parser.parse_args()
    steps = arguments.steps

    executor = LocalExecutor(threads=arguments.threads, dtype=arguments.dtype)
    print(f"Cold, seconds since the worker was spawned ({load()}):")
    for moment, seconds in cold_first_picture(executor, steps).items():
        print(f"  {seconds:6.2f}  {moment}")
    hello = executor.slots()[0].hello
    assert hello is not None

    prepare_environment()
    from webui.engine.device import use_threads

    threads = use_threads(arguments.threads)
    engine, stock = TimedEngine(hello.dtype), stock_pipeline(hello.dtype)
    draw = {
        "worker": lambda seed: list(executor.run(SLOT, make_job(seed, steps))),
        "engine": lambda seed: shares.append(engine.draw(seed, steps)),
        "diffusers": lambda seed: stock(seed, steps),
    }
    shares: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in draw}
    for name in draw:
        draw[name](0)
    shares.clear()
    for seed in range(1, arguments.rounds + 1):
        for name in draw:
            times[name].append(seconds_of(lambda name=name, seed=seed: draw[name](seed)))
    executor.close()

    print(f"Warm picture of {steps} steps, {hello.dtype}, {threads} threads, {arguments.rounds} rounds in turns ({load()}):")
    for name, values in times.items():
        show(name, values)
    print(f"Outside denoiser and VAE: {statistics.median(shares):.1%} (median), {min(shares):.1%} (least)")
    for name in ("worker", "engine"):
        ratios = [own / other for own, other in zip(times[name], times["diffusers"], strict=True)]
        best = min(times[name]) / min(times["diffusers"])
        print(f"{name} / plain diffusers: {statistics.median(ratios):.3f} (median of rounds), {best:.3f} (min / min)")


if __name__ == "__main__":
    main()

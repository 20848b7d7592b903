"""Switching between checkpoints: Easel beside plain diffusers, on full-size checkpoints made on the fly.

    python -m benchmarks.hot_swap [--checkpoints 4] [--rounds 5] [--switches 50] [--steps 12] [--processes 4] [--threads 2]
        [--size 128] [--shape full|small] [--rows times memory steps]

Checkpoints are Stable Diffusion 1.5-shaped single files in float16 with random weights (2.1 GB each; the same text encoder and
VAE, other denoisers), written into a temporary folder, which is removed at the end. Each side runs in a process of its own;
their turns are interleaved. A switch lasts from the request until its first step has ended, minus a steady step.

    first       the first switch ever to a checkpoint: file cold, nothing cast yet
    cold        file and cast cold (mincore says how much of them is in memory), casts made before
    warm        checkpoint seen before, everything in the system's cache
    memcpy      copying the weights once in memory; raw read: reading the cast (or the file) from a cold disk
    growth      memory at the end of many switches minus that after each checkpoint was seen once, for each switch
    memory      Private from smaps_rollup; mapped files that nobody else maps are in it, so what is not given back under
                pressure (Private_Dirty) is printed too
    sharing     bytes of all parts that are kept, and of as many checkpoints without sharing
    step        a steady step beside diffusers', in equal numbers, in each side's usual numbers, and beside a matrix product

Timings mean something only on a machine that does nothing else; the load is printed beside them.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "a lighthouse on a cliff at dusk, oil painting"
NEGATIVE = "blurry"
STEPS = 6
"""Of each measured switch: the first, four steady ones, and the last, which has a preview."""

Ends = list[tuple[float, float]]
"""For each step (seconds, seconds of processor time) from the request to its end."""

UNET = {
    "full": {"block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768},
    "small": {"block_out_channels": (64, 64, 128, 128), "cross_attention_dim": 768},
}
VAE = {"full": (128, 256, 512, 512), "small": (32, 32, 64, 64)}
TEXT = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "pad_token_id": 49407,
}
ROWS = ("times", "memory", "steps")
GOALS = {"warm / diffusers": 0.25, "warm / memcpy": 0.3, "cold / raw read": 1.1, "growth": 0.001, "step / diffusers": 1.02}


# making the checkpoints


def configs(shape: str) -> dict[str, dict[str, Any]]:
    """The configs of the parts, as a diffusers folder has them."""
    down = ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
    unet = {
        "_class_name": "UNet2DConditionModel",
        **UNET[shape],
        "sample_size": 64,
        "attention_head_dim": 8,
        "layers_per_block": 2,
        "down_block_types": down,
        "up_block_types": [name.replace("Down", "Up") for name in reversed(down)],
    }
    vae = {
        "_class_name": "AutoencoderKL",
        "block_out_channels": VAE[shape],
        "layers_per_block": 2,
        "latent_channels": 4,
        "sample_size": 512,
        "scaling_factor": 0.18215,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    }
    scheduler = {
        "_class_name": "EulerDiscreteScheduler",
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "num_train_timesteps": 1000,
        "steps_offset": 1,
        "prediction_type": "epsilon",
    }
    return {
        "unet": unet,
        "vae": vae,
        "text_encoder": {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", **TEXT},
        "scheduler": scheduler,
    }


def write_config_folder(folder: Path, shape: str) -> None:
    """What from_single_file needs to stay off the network."""
    for part, config in configs(shape).items():
        (folder / part).mkdir(parents=True)
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        (folder / part / name).write_text(json.dumps(config))
    parts = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", **parts}))


def published_shapes(shape: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name in the published layout -> (part, shape)."""
    import torch

    sys.path.insert(0, str(ROOT / "tests"))
    from engine.original_layouts import clip_as_published, unet_as_published, vae_as_published

    from webui.engine.loading.modules import builder

    told = configs(shape)
    plain = {part: {key: value for key, value in config.items() if not key.startswith("_")} for part, config in told.items()}
    unet, vae, text = (builder(kind, plain[part])() for kind, part in (("unet", "unet"), ("vae", "vae"), ("clip", "text_encoder")))
    with torch.no_grad():
        parts = {
            "unet": unet_as_published(unet),
            "vae": vae_as_published(vae),
            "text": clip_as_published(text, "cond_stage_model.transformer."),
        }
    return {name: (part, tuple(tensor.shape)) for part, state in parts.items() for name, tensor in state.items()}


def write_checkpoint(path: Path, shapes: Mapping[str, tuple[str, tuple[int, ...]]], seed: int) -> int:
    """A float16 safetensors file of random weights, tensor by tensor. Text encoder and VAE are the same for each seed."""
    entries: dict[str, Any] = {}
    end = 0
    for name, (_, shape) in shapes.items():
        begin, end = end, end + 2 * int(np.prod(shape, dtype=np.int64))
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    random = {"unet": np.random.default_rng(100 + seed), "vae": np.random.default_rng(1), "text": np.random.default_rng(2)}
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name, (part, shape) in shapes.items():
            if name.endswith("norm.weight") or (".norm" in name and name.endswith("weight")):
                file.write(np.ones(shape, np.float16).tobytes())
                continue
            # Small enough that nothing overflows after many layers.
            spread = 0.5 / np.sqrt(max(1, int(np.prod(shape[1:], dtype=np.int64))))
            file.write((random[part].standard_normal(shape, np.float32) * spread).astype(np.float16).tobytes())
        file.flush()
        os.fsync(file.fileno())
    return path.stat().st_size


# looking at the machine


def private(pid: int) -> tuple[int, int]:
    """(Private, Private_Dirty) bytes of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return (kb["Private_Clean"] + kb["Private_Dirty"]) * 1024, kb["Private_Dirty"] * 1024


def cached_share(path: Path) -> float:
    """How much of a file is in the system's cache, as mincore tells it."""
    size = path.stat().st_size
    with open(path, "rb") as file, mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED) as mapping:
        pages = -(-size // mmap.PAGESIZE)
        told = (ctypes.c_ubyte * pages)()
        libc = ctypes.CDLL(None, use_errno=True)
        view = np.frombuffer(mapping, np.uint8)
        if libc.mincore(ctypes.c_void_p(view.ctypes.data), ctypes.c_size_t(size), told):
            raise OSError(ctypes.get_errno(), "mincore")
        share = float(np.frombuffer(told, np.uint8).__and__(1).mean())
        del view
        return share


def make_cold(*paths: Path) -> float:
    """Drop files from the system's cache; returns the largest share that stayed."""
    os.sync()
    for path in paths:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return max(cached_share(path) for path in paths)


def raw_read(*paths: Path) -> float:
    """Seconds to read files from start to end."""
    buffer = bytearray(8 * 1024 * 1024)
    started = time.perf_counter()
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - started


def memcpy(size: int) -> float:
    """Seconds to copy that many bytes in memory, best of three."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)

    def once() -> float:
        started = time.perf_counter()
        np.copyto(target, source)
        return time.perf_counter() - started

    return min(once() for _ in range(3))


# the two sides, each in a process of its own


class Clock:
    """Runs from the request on; told of the end of each step."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()
        self.ends: Ends = []

    def step_ended(self) -> None:
        self.ends.append((time.perf_counter() - self._started[0], time.process_time() - self._started[1]))


class Easel:
    """The engine as the worker has it, its cache folder included."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from webui.engine.device import open_device, use_threads
        from webui.engine.engine import Engine
        from webui.engine.memory.manager import ModelManager
        from webui.engine.memory.meter import keep_freed_memory

        keep_freed_memory()
        use_threads(arguments.threads)
        self.device = open_device("cpu", arguments.dtype)
        self.cache = Path(arguments.folder) / "cache"
        self.models = ModelManager(self.device, cache=self.cache, most_cast_bytes=1000 * 1024**3)
        self.engine = Engine(self.device, None, self.models, self.cache / "conditioning")
        self.size = arguments.size

    @property
    def dtype(self) -> str:
        return self.device.dtype_name

    def draw(self, checkpoint: str, prompt: str, steps: int) -> Ends:
        from webui.engine.control import JobControl
        from webui.generation.events import Step
        from webui.generation.job import JobSpec
        from webui.generation.request import ResolvedTxt2Img

        request = ResolvedTxt2Img(
            prompt=prompt,
            negative_prompt=NEGATIVE,
            width=self.size,
            height=self.size,
            steps=steps,
            sampler="Euler",
            schedule_type="Uniform",
            seed=1,
            checkpoint=Path(checkpoint).stem,
            checkpoint_hash="benchmark0",
        )
        clock = Clock()
        emit: Callable[[Any], None] = lambda event: clock.step_ended() if isinstance(event, Step) else None  # noqa: E731
        # A preview each hour: only those of the first and the last step, which every picture has.
        self.engine.run(JobSpec("benchmark", request, checkpoint, (0,), preview_interval=3600), JobControl(), emit)
        return clock.ends

    def unload(self) -> None:
        self.models.unload()

    def parts(self) -> list[dict[str, Any]]:
        return self.models.resident()


class Diffusers:
    """StableDiffusionPipeline.from_single_file for each switch; the last pipeline is let go of first."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        import torch
        from transformers import CLIPTokenizer

        from webui.engine.loading.tokenizers import OPENAI_PAD, clip_tokenizer

        torch.set_num_threads(arguments.threads)
        self.numbers = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16}[arguments.dtype]
        self.config = str(Path(arguments.folder) / "config")
        self.tokenizer: CLIPTokenizer = clip_tokenizer(OPENAI_PAD)
        self.size = arguments.size
        self.pipeline: Any = None
        self.checkpoint = ""

    @property
    def dtype(self) -> str:
        return str(self.pipeline.unet.dtype).removeprefix("torch.") if self.pipeline else ""

    def draw(self, checkpoint: str, prompt: str, steps: int) -> Ends:
        from diffusers import StableDiffusionPipeline

        clock = Clock()
        if checkpoint != self.checkpoint:
            self.unload()
            numbers = {} if self.numbers is None else {"torch_dtype": self.numbers}
            self.pipeline = StableDiffusionPipeline.from_single_file(
                checkpoint, config=self.config, local_files_only=True, tokenizer=self.tokenizer, safety_checker=None, **numbers
            )
            self.pipeline.set_progress_bar_config(disable=True)
            self.checkpoint = checkpoint

        def step_ended(pipeline: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            clock.step_ended()
            return values

        self.pipeline(
            prompt, negative_prompt=NEGATIVE, width=self.size, height=self.size, num_inference_steps=steps, callback_on_step_end=step_ended
        )
        return clock.ends

    def unload(self) -> None:
        import gc

        self.pipeline, self.checkpoint = None, ""
        gc.collect()

    def parts(self) -> list[dict[str, Any]]:
        return []


SIDES: dict[str, type[Easel] | type[Diffusers]] = {"easel": Easel, "diffusers": Diffusers}


def serve(arguments: argparse.Namespace) -> None:
    """Body of a side's process: one JSON line for each command."""
    # What libraries print may not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    side = SIDES[arguments.side](arguments)
    actions: dict[str, Callable[..., Any]] = {
        "draw": side.draw,
        "unload": side.unload,
        "parts": side.parts,
        "dtype": lambda: side.dtype,
        "gemm": gemm_flops,
        "flops": lambda: unet_flops(arguments),
    }
    for line in sys.stdin:
        command = json.loads(line)
        answers.write(json.dumps(actions[command[0]](*command[1:])) + "\n")
        answers.flush()


def gemm_flops(dtype: str) -> float:
    """Operations a second of a square matrix product."""
    import torch

    number = getattr(torch, dtype)
    one = torch.randn(2048, 2048).to(number)
    times = []
    for _ in range(8):
        started = time.perf_counter()
        one @ one
        times.append(time.perf_counter() - started)
    return 2 * 2048**3 / min(times)


def unet_flops(arguments: argparse.Namespace) -> float:
    """Operations of one step: the U-Net asked for two rows."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from webui.engine.loading.modules import builder

    config = {key: value for key, value in configs(arguments.shape)["unet"].items() if not key.startswith("_")}
    unet = builder("unet", config)()
    side = arguments.size // 8
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        unet(torch.empty(2, 4, side, side), torch.empty(()), encoder_hidden_states=torch.empty(2, 77, 768))
    return float(counter.get_total_flops())


@dataclass
class Side:
    """A side's process."""

    process: subprocess.Popen[str]

    def ask(self, *command: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("a side ended; see above")
        return json.loads(answer)

    def switch(self, checkpoint: Path, prompt: str = PROMPT) -> float:
        """Seconds of the switch."""
        return self.switch_by_both_clocks(checkpoint, prompt)[0]

    def switch_by_both_clocks(self, checkpoint: Path, prompt: str = PROMPT) -> tuple[float, float]:
        """Seconds, and seconds of processor time, of the switch.

        The first step is as long as the middle one of the steady ones: what neighbours do to a step makes the switch longer as
        often as shorter, so the median of several switches stands.
        """
        ends: Ends = self.ask("draw", str(checkpoint), prompt, STEPS)
        steady = [(later[0] - earlier[0], later[1] - earlier[1]) for earlier, later in itertools.pairwise(ends)][:-1]
        wall, processor = (ends[0][clock] - statistics.median(step[clock] for step in steady) for clock in (0, 1))
        return wall, processor

    def steady(self, checkpoint: Path, steps: int) -> Ends:
        """Seconds and processor time of each step but the first and the last, which have a preview."""
        ends = self.ask("draw", str(checkpoint), PROMPT, steps)
        return [(later[0] - earlier[0], later[1] - earlier[1]) for earlier, later in itertools.pairwise(ends)][:-1]

    @property
    def memory(self) -> tuple[int, int]:
        return private(self.process.pid)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def start(name: str, arguments: argparse.Namespace, dtype: str = "auto") -> Side:
    options = ["--folder", arguments.folder, "--threads", str(arguments.threads), "--size", str(arguments.size), "--shape", arguments.shape]
    command = [sys.executable, "-m", "benchmarks.hot_swap", "--side", name, "--dtype", dtype, *options]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DIFFUSERS_VERBOSITY": "error"}
    environment |= {"TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": str(arguments.threads)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    return Side(process)


# the run


def row(name: str, value: str, goal: str = "") -> None:
    print(f"{name:44} {value:>26} {goal}", flush=True)


def seconds(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} s (min {min(values):.3f})"


def ratio(name: str, value: float, goal: str) -> None:
    row(f"  {name}", f"{value:.3f}", f"goal: at most {GOALS[goal]}")


def measure(arguments: argparse.Namespace) -> None:
    folder = Path(arguments.folder)
    write_config_folder(folder / "config", arguments.shape)
    shapes = published_shapes(arguments.shape)
    checkpoints = [folder / f"model-{number}.safetensors" for number in range(arguments.checkpoints)]
    for number, path in enumerate(checkpoints):
        size = write_checkpoint(path, shapes, number)
    print(f"{len(checkpoints)} checkpoints of {size / 1e9:.2f} GB; {arguments.threads} threads; load {os.getloadavg()[0]:.2f}")
    easel, diffusers = start("easel", arguments), start("diffusers", arguments)
    try:
        # Imports and everything else that happens once are not a switch's.
        easel.switch(checkpoints[0])
        diffusers.switch(checkpoints[0])
        if "times" in arguments.rows:
            times(arguments, easel, diffusers, checkpoints, size)
        if "memory" in arguments.rows:
            memory(arguments, easel, diffusers, checkpoints, size)
        if "steps" in arguments.rows:
            steps(arguments, easel, diffusers, checkpoints[0])
    finally:
        easel.close()
        diffusers.close()


def times(arguments: argparse.Namespace, easel: Side, diffusers: Side, checkpoints: list[Path], size: int) -> None:
    first: dict[str, list[float]] = {"easel": [], "diffusers": []}
    for path in checkpoints[1:]:
        for name, side in (("easel", easel), ("diffusers", diffusers)):
            easel.ask("unload")
            diffusers.ask("unload")
            left = make_cold(path)
            first[name].append(side.switch(path))
            row(f"first, {name}", seconds(first[name][-1:]), f"({left:.1%} of the file was in memory)")
    casts = sorted((Path(arguments.folder) / "cache" / "weights").glob("*.safetensors"))

    cold: list[float] = []
    read: list[float] = []
    for path in rotated(checkpoints, arguments.rounds):
        easel.ask("unload")
        diffusers.ask("unload")
        left = make_cold(path, *casts)
        cold.append(easel.switch(path))
        used = [cast for cast in casts if cached_share(cast) > 0.5]
        easel.ask("unload")
        make_cold(*casts)
        read.append(raw_read(*used) if used else raw_read(path))
        row("cold, easel", seconds(cold[-1:]), f"({left:.1%} was in memory; raw read {read[-1]:.3f} s)")
    warm: dict[str, list[float]] = {"easel": [], "diffusers": []}
    worked: dict[str, list[float]] = {"easel": [], "diffusers": []}
    for path in checkpoints:
        easel.switch(path)
        raw_read(path)
    for path in rotated(checkpoints, arguments.rounds):
        for name, side in (("easel", easel), ("diffusers", diffusers)):
            wall, processor = side.switch_by_both_clocks(path)
            warm[name].append(wall)
            worked[name].append(processor)
    copied = memcpy(size)
    print()
    row("first switch ever", seconds(first["easel"]))
    row("first switch ever, diffusers", seconds(first["diffusers"]))
    row("cold, casts made", seconds(cold))
    row("warm", seconds(warm["easel"]))
    row("warm, diffusers", seconds(warm["diffusers"]))
    row("warm, processor time", seconds(worked["easel"]))
    row("warm, diffusers, processor time", seconds(worked["diffusers"]))
    row("memcpy of the weights", f"{copied:.3f} s")
    ratio("warm / diffusers", statistics.median(warm["easel"]) / statistics.median(warm["diffusers"]), "warm / diffusers")
    ratio("warm / memcpy", statistics.median(warm["easel"]) / copied, "warm / memcpy")
    ratio("cold / raw read", statistics.median(own / disk for own, disk in zip(cold, read, strict=True)), "cold / raw read")
    with_prompt = [easel.switch(path, f"{PROMPT}, {number}") for number, path in enumerate(rotated(checkpoints, arguments.rounds))]
    row("warm, with a prompt never seen", seconds(with_prompt))


def memory(arguments: argparse.Namespace, easel: Side, diffusers: Side, checkpoints: list[Path], size: int) -> None:
    print()
    for path in checkpoints:
        easel.switch(path)
    before = {"easel": easel.memory, "diffusers": diffusers.memory}
    peak = dict.fromkeys(before, 0)
    for path in rotated(checkpoints, arguments.switches):
        for name, side in (("easel", easel), ("diffusers", diffusers)):
            if name == "easel" or arguments.both:
                side.switch(path)
                peak[name] = max(peak[name], side.memory[0])
    for name, side in (("easel", easel), ("diffusers", diffusers)):
        if name == "diffusers" and not arguments.both:
            continue
        growth = [(now - then) / arguments.switches / size for now, then in zip(side.memory, before[name], strict=True)]
        row(f"growth of Private a switch, {name}", f"{growth[0]:+.5%} of a checkpoint", f"goal: below {GOALS['growth']:.1%}")
        row(f"growth of Private_Dirty a switch, {name}", f"{growth[1]:+.5%} of a checkpoint")
        row(f"peak Private, {name}", f"{peak[name] / 1e9:.2f} GB")
        row(f"Private_Dirty at the end, {name}", f"{side.memory[1] / 1e9:.2f} GB")
    kept = easel.ask("parts")
    apart = [part["bytes"] for part in kept if "denoiser" in part["part"]]
    shared = sum(part["bytes"] for part in kept) - sum(apart)
    row("bytes kept, with sharing", f"{sum(part['bytes'] for part in kept) / 1e9:.2f} GB")
    row("bytes kept, without", f"{(sum(apart) + shared * len(apart)) / 1e9:.2f} GB")


def rotated(checkpoints: list[Path], count: int) -> Iterator[Path]:
    """Never the same one twice in a row."""
    for number in range(count):
        yield checkpoints[number % len(checkpoints)]


def steps(arguments: argparse.Namespace, easel: Side, diffusers: Side, checkpoint: Path) -> None:
    """Steps of both sides in turns, so that what else the machine does meets both; a ratio for each turn.

    Where a process finds its memory makes all its steps some hundredths longer or shorter, so there are several processes of each side.
    """
    print()
    dtype = easel.ask("dtype")
    turns: dict[str, list[Ends]] = {"easel": [], "equal": [], "usual": []}
    for number in range(arguments.processes):
        own = easel if number == 0 else start("easel", arguments)
        equal = start("diffusers", arguments, dtype)
        sides = {"easel": own, "equal": equal} | ({"usual": diffusers} if number == 0 else {})
        try:
            for side in sides.values():
                side.steady(checkpoint, STEPS)
            for turn in range(arguments.rounds):
                # The first of a turn is another one each time.
                first = turn % len(sides)
                for name in [*sides][first:] + [*sides][:first]:
                    turns[name].append(sides[name].steady(checkpoint, arguments.steps))
        finally:
            equal.close()
            if number:
                own.close()

    def by_turn(name: str, clock: int) -> list[float]:
        """The ratios of the turns' medians."""
        medians = {side: [statistics.median(step[clock] for step in turn) for turn in turns[side]] for side in ("easel", name)}
        # The first process of Easel has turns with all three, the others with one alone.
        return [own / other for own, other in zip(medians["easel"], medians[name], strict=False)]

    def compared(name: str, clock: int) -> float:
        return statistics.median(by_turn(name, clock))

    for name, words in (("easel", f"step, {dtype}"), ("equal", f"step, diffusers, {dtype}")):
        row(words, seconds([step[0] for turn in turns[name] for step in turn]))
    ratio("step / diffusers", compared("equal", 0), "step / diffusers")
    each = [
        statistics.median(by_turn("equal", 0)[first : first + arguments.rounds])
        for first in range(0, len(turns["equal"]), arguments.rounds)
    ]
    row("  of each pair of processes", " ".join(f"{value:.3f}" for value in each))
    row("  the same in processor time", f"{compared('equal', 1):.3f}")
    row(f"step / diffusers in its usual {diffusers.ask('dtype')}", f"{compared('usual', 0):.3f}")
    roofline = easel.ask("flops") / easel.ask("gemm", dtype)
    row("step / matrix products of as many operations", f"{min(step[0] for turn in turns['easel'] for step in turn) / roofline:.2f}")
    row("load at the end", f"{os.getloadavg()[0]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--switches", type=int, default=50)
    parser.add_argument("--both", action="store_true", help="let diffusers make the many switches, too")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="which of them")
    parser.add_argument("--steps", type=int, default=12, help="of each turn in which steps are compared")
    parser.add_argument("--processes", type=int, default=4, help="of each side, whose steps are compared")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--shape", choices=("full", "small"), default="full")
    parser.add_argument("--folder", default="", help="where the temporary folder is made")
    parser.add_argument("--side", choices=sorted(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="auto", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        serve(arguments)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder or None, prefix="easel-hot-swap-") as folder:
        arguments.folder = folder
        measure(arguments)


if __name__ == "__main__":
    main()

"""How long 10,000 model files take to be listed, beside a bare walk over the same folders: alternated in one run, medians and ratios.

    python benchmarks/catalog_listing.py [--files 10000] [--rounds 5]

Each file has the header of a real LoRA (or, one in fifty, a checkpoint) and a hole where its numbers would lie.
first: nothing is known; every header is read. warm start: what is known is read from disk, as at each start of Easel.
refresh: another look at the folders while running. walk: os.walk and stat of every file, nothing else.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from model_files import SDXL, under, write_safetensors  # noqa: E402

from webui.catalog import models  # noqa: E402
from webui.catalog.models import ModelCatalog  # noqa: E402

GOAL_SECONDS = 1.0
PER_FOLDER = 500
LORA_LAYERS = 88


def lora() -> dict[str, tuple[int, ...]]:
    layer = "lora_unet_input_blocks_{}_1_transformer_blocks_0_attn2_to_k"
    return {
        name: shape
        for number in range(LORA_LAYERS)
        for name, shape in under(
            layer.format(number), {".lora_down.weight": (16, 2048), ".lora_up.weight": (1280, 16), ".alpha": ()}
        ).items()
    }


def make_library(root: Path, files: int) -> None:
    checkpoint = SDXL | {f"model.diffusion_model.output_blocks.0.0.further.{number}.weight": (1280, 1280) for number in range(2500)}
    for number in range(files):
        if number % 50 == 0:
            write_safetensors(root / "checkpoints" / f"checkpoint {number:05}.safetensors", checkpoint)
        else:
            folder = root / "loras" / f"folder {number // PER_FOLDER:02}"
            write_safetensors(folder / f"lora {number:05}.safetensors", lora(), {"ss_output_name": f"alias {number}"})


def seconds(run: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def walk(root: Path) -> int:
    return sum(os.stat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(root) for name in names)  # noqa: PTH116, PTH118


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    models._PATIENCE_SECONDS = 3600.0  # else the first look would leave most of them to the background
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "models", Path(folder) / "cache"
        make_library(root, options.files)
        walk(root)
        first = seconds(lambda: ModelCatalog([root], cache).close())
        walks, starts, refreshes, searches = [], [], [], []
        for _ in range(options.rounds):
            walks.append(seconds(lambda: walk(root)))
            opened: list[ModelCatalog] = []
            starts.append(seconds(lambda: opened.append(ModelCatalog([root], cache))))  # noqa: B023 - called at once
            catalog = opened[0]
            assert len(catalog.all()) == options.files
            assert not any(model.pending or model.kind.kind == "unknown" for model in catalog.all())
            refreshes.append(seconds(catalog.refresh))
            searches.append(seconds(lambda: catalog.select(search="alias 99")))  # noqa: B023 - called at once
            catalog.close()
    base = statistics.median(walks)
    print(f"{options.files:,} files, {options.rounds} rounds, load average {os.getloadavg()[0]:.1f} at the end")
    print(f"{'':12} {'median s':>9} {'of a walk':>10}")
    print(f"{'walk':12} {base:9.3f} {1:10.1f}")
    print(f"{'first':12} {first:9.3f} {first / base:10.1f}   (once)")
    for name, times in (("warm start", starts), ("refresh", refreshes), ("search", searches)):
        print(f"{name:12} {statistics.median(times):9.3f} {statistics.median(times) / base:10.1f}")
    met = statistics.median(starts) < GOAL_SECONDS
    print(f"goal: a warm start below {GOAL_SECONDS} s for 10,000 files: {'met' if met else 'missed'}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()

"""What waiting threads cost while something else wants a core: a U-Net step with spinning and with sleeping threads.

    python -m benchmarks.busy_machine [--rounds 3]

Runs the shipped U-Net with as many threads as cores, alone and beside one busy process, with the OpenMP wait settings
"default" (they spin) and "patient" (those of Easel's worker), alternated in one run. Prints medians per step.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from webui.engine.worker import PATIENT_THREADS

ROOT = Path(__file__).resolve().parent.parent
STEPS = 12
MEASURE = f"""
import time, torch
from diffusers import UNet2DConditionModel
torch.set_num_threads({os.cpu_count()})
unet = UNet2DConditionModel.from_pretrained(
    {str(ROOT / "models/checkpoints/easel-emoji/unet")!r}, torch_dtype=torch.float32
).eval().to(memory_format=torch.channels_last)
latents, words = torch.randn(2, 4, 16, 16), torch.randn(2, 32, 192)
with torch.no_grad():
    for step in range({STEPS} + 3):
        started = time.perf_counter()
        unet(latents, 500, words)
        if step >= 3:
            print(time.perf_counter() - started)
"""


def seconds_per_step(settings: dict[str, str]) -> list[float]:
    environment = {key: value for key, value in os.environ.items() if key not in PATIENT_THREADS} | settings
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", MEASURE], capture_output=True, text=True, env=environment, check=True)
    return [float(line) for line in result.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    seen: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for place in ("alone", "beside one busy process"):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if place != "alone" else None
            try:
                for name, settings in (("default", {}), ("patient", PATIENT_THREADS)):
                    seen.setdefault((place, name), []).extend(seconds_per_step(settings))
            finally:
                if busy is not None:
                    busy.kill()
                    busy.wait()
    for (place, name), seconds in seen.items():
        print(f"{place:24} {name:8} {statistics.median(seconds) * 1000:8.1f} ms a step")


if __name__ == "__main__":
    main()

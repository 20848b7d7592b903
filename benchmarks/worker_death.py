"""What the death of the worker costs: a picture whose worker is killed halfway, beside a worker's cold start and the picture's own time.

    python -m benchmarks.worker_death [--rounds 3] [--threads 0] [--steps 100]

Each round opens a studio over an empty data folder and asks for the same picture (the shipped checkpoint, 128x128) three times:
    cold      submitted as the worker is being started
    own       submitted to the warm worker
    killed    the same, and the worker is killed with SIGKILL after half of the steps; nobody lends a hand after that
From submit to the job being done. Prints medians and killed / cold; "cold" is a cold start and the picture's own time.
The pixels of all three must be the same.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.local import LocalExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import parse_request
from webui.settings import load_settings
from webui.studio.studio import Studio

MODELS = Path(__file__).resolve().parent.parent / "models"
GOAL = 1.5


class Stand:
    """One studio with a real worker."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.executor = LocalExecutor(threads=threads)
        catalog = CheckpointCatalog([MODELS], folder / "cache")
        self.studio = Studio(load_settings(data_dir=folder), self.executor, catalog, ExtensionRegistry())
        self.moments: dict[str, float] = {}

    def draw(self, steps: int, kill_at: int = 0) -> tuple[float, bytes]:
        """Seconds from submit to done, and the pixels. kill_at: the step after which the worker dies."""
        doomed = kill_at
        self.moments.clear()
        started = time.perf_counter()

        def look(event: dict[str, Any]) -> None:
            nonlocal doomed
            if event["type"] != "progress":
                return
            now = time.perf_counter() - started
            if doomed and event["step"] >= doomed:
                doomed = 0
                self.moments["killed"] = now
                psutil.Process(self._pid()).kill()
            elif "killed" in self.moments and event["stage"].startswith("Loading"):
                self.moments.setdefault("loading again", now)
            elif "loading again" in self.moments and event["step"]:
                self.moments.setdefault("first step again", now)

        request = parse_request({"prompt": "a red apple on a blue background", "width": 128, "height": 128, "steps": steps, "seed": 7})
        job = self.studio.follow(self.studio.submit(request)["id"], look)
        seconds = time.perf_counter() - started
        assert job["status"] == "done", job["error"]
        with Image.open(self.studio.picture_path(job["images"][0]["id"])) as picture:
            return seconds, picture.tobytes()

    def _pid(self) -> int:
        hello = self.executor.slots()[0].hello
        assert hello is not None
        return hello.pid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: one per physical core")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    times: dict[str, list[float]] = {"cold": [], "own": [], "killed": []}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            stand = Stand(Path(folder), options.threads)
            try:
                stand.studio.start()
                drawn = {}
                for name in times:
                    seconds, drawn[name] = stand.draw(options.steps, options.steps // 2 if name == "killed" else 0)
                    times[name].append(seconds)
                assert len(set(drawn.values())) == 1, "the pictures differ"
            finally:
                stand.studio.close()
        moments = ", ".join(f"{name} after {seconds:.2f} s" for name, seconds in stand.moments.items())
        print(f"round {number + 1}: {moments}")
    for name, seconds in times.items():
        print(f"{name:8} median {statistics.median(seconds):6.2f} s   (from {min(seconds):.2f} to {max(seconds):.2f})")
    ratio = statistics.median(times["killed"]) / statistics.median(times["cold"])
    print(f"killed / cold   {ratio:.2f}   (goal: at most {GOAL})")


if __name__ == "__main__":
    main()

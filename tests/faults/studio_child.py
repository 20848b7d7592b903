"""A process to kill: works on a data folder with the fake executor, and writes down each picture it was told is finished."""

from __future__ import annotations

import os
import time
from pathlib import Path

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import parse_request
from webui.settings import load_settings
from webui.studio.studio import Studio


def work(data_dir: Path, models_dir: Path, submit: int, told: Path) -> None:
    """Submit so many jobs, then work until nothing is left to do."""
    settings = load_settings(data_dir=data_dir, executor="fake")
    catalog = CheckpointCatalog([models_dir], data_dir / "cache")
    studio = Studio(settings, FakeExecutor(step_seconds=0.0005), catalog, ExtensionRegistry())
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seen = studio.events.seq

    def write_down() -> None:
        nonlocal seen
        for event in studio.events.after(seen):
            seen = event["seq"]
            if event["type"] == "picture":
                os.write(descriptor, f"{event['image']['id']}\n".encode())

    studio.events.listen(write_down)
    for number in range(submit):
        request = parse_request(
            {"prompt": str(number), "width": 64, "height": 64, "steps": 2, "batch_count": 1 + number % 3, "seed": number}
        )
        job = studio.submit(request)
        os.write(descriptor, f"job {job['id']} {job['pictures']}\n".encode())
    studio.start()
    while any(job["status"] in ("waiting", "running") for job in studio.snapshot()["jobs"]):
        time.sleep(0.2)
    studio.close()

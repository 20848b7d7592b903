"""A process to kill: works on a data folder with the fake executor, and writes down each picture it was told is finished."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from small_checkpoint import make_checkpoint
from sqlalchemy import insert, select, update

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.executors.local import LocalExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import parse_request
from webui.settings import load_settings
from webui.studio import tables
from webui.studio.dispatcher import Dispatcher
from webui.studio.journal import Job, Journal
from webui.studio.picture_file import PictureFile, PictureFolder
from webui.studio.studio import Studio


def work(data_dir: str, models_dir: str, submit: str, told: str, recipe: str = "durable", executor: str = "fake", batch: str = "") -> None:
    """Submit so many jobs, then work until nothing is left to do.

    recipe "naive": as programs do that lose things. executor "local": with a real worker.
    batch: order of a batch (JSON) that is given in the first time.
    """
    if recipe == "naive":
        switch_recipe_off()
    settings = load_settings(data_dir=Path(data_dir), executor="fake", disk_reserve_mb=0)
    catalog = CheckpointCatalog([Path(models_dir)], Path(data_dir) / "cache")
    maker = FakeExecutor(step_seconds=0.0005) if executor == "fake" else LocalExecutor(threads=2)
    studio = Studio(settings, maker, catalog, ExtensionRegistry())
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seen = studio.events.seq

    def write_down() -> None:
        nonlocal seen
        for event in studio.events.after(seen):
            seen = event["seq"]
            if event["type"] == "picture":
                os.write(descriptor, f"{event['image']['id']}\n".encode())

    studio.events.listen(write_down)
    for number in range(int(submit)):
        request = parse_request(
            {"prompt": str(number), "width": 64, "height": 64, "steps": 2, "batch_count": 1 + number % 3, "seed": number}
        )
        job = studio.submit(request)
        os.write(descriptor, f"job {job['id']} {job['pictures']}\n".encode())
    if batch and not studio.batches.all():
        studio.batches.submit(json.loads(batch))
    studio.start()
    while (
        studio.waiting_count()
        or studio.queue.page(0, 1)["running"]
        or studio._machine._journal.running()
        or any(entry["status"] == "active" for entry in studio.batches.all())
    ):
        time.sleep(0.05)
    studio.close()


def warm_up() -> None:
    """Have all that is made once made before the first child is forked. Starts no threads."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        make_checkpoint(models / "checkpoints" / "small")
        settings = load_settings(data_dir=Path(folder) / "data", executor="fake")
        studio = Studio(settings, FakeExecutor(), CheckpointCatalog([models], Path(folder)), ExtensionRegistry())
        job = studio.submit(parse_request({"width": 64, "height": 64}))
        studio.snapshot()
        studio.cancel(job["id"])
        studio.close()


def switch_recipe_off() -> None:
    """Write in place, record in separate steps, take nothing up after a crash."""

    def write(self: PictureFolder, relative: str, data: bytes) -> None:
        path = self._outputs / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            for start in range(0, len(data), 64):
                file.write(data[start : start + 64])
                file.flush()

    def record(self: Journal, entry: Job, index: int, record: PictureFile, relative: str, *, last: bool) -> int:
        with self._database.writing() as connection:
            generation = connection.execute(select(tables.generation.c.id).where(tables.generation.c.job_id == entry.id)).scalar()
            if generation is None:
                generation = self._insert_generation(connection, entry)
        identifier = self._ids.next()
        with self._database.writing() as connection:
            connection.execute(insert(tables.image).values(**_image_row(identifier, generation, index, record, relative)))
        if last:
            with self._database.writing() as connection:
                connection.execute(update(tables.job).where(tables.job.c.id == entry.id).values(status="done"))
        return identifier

    PictureFolder.write = write
    Journal.record_picture = record
    Dispatcher._recover = lambda self: None


def _image_row(identifier: int, generation: int, index: int, record: PictureFile, relative: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "generation_id": generation,
        "idx": index,
        "path": relative,
        "sha256": record.sha256,
        "width": record.width,
        "height": record.height,
        "bytes": len(record.data),
        "seed": record.seed,
        "seconds": 0.0,
        "mean_colour": record.mean_colour,
        "facts": record.facts,
    }

"""What an analysis and an import cost, each beside the least that such work takes on the same machine.

    python -m benchmarks.analysis_and_import [--pictures 20000] [--files 300]

Analysis: of the newest pictures of a made history, beside reading the same rows once. Import: of PNG files with an infotext, beside
opening, hashing and decoding each of them once. The ratios hardly depend on the machine; the times do.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import select

from benchmarks.made_history import FREQUENT, checkpoints, fill
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio
from webui.studio.tables import generation, image


def studio_on(folder: Path) -> Studio:
    """A studio without an engine."""
    catalog = CheckpointCatalog([folder / "models"], folder / "cache")
    return Studio(load_settings(data_dir=folder, executor="fake"), FakeExecutor(), catalog, ExtensionRegistry())


def timed(work: Callable[[], Any], rounds: int = 5) -> float:
    """Seconds, the median."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def analysis(folder: Path, pictures: int) -> None:
    fill(folder, pictures)
    studio = studio_on(folder)

    def read() -> None:
        query = select(image.c.id, generation).join_from(image, generation, generation.c.id == image.c.generation_id)
        with studio.database.reading() as connection:
            connection.execute(query.order_by(image.c.id)).all()

    least = timed(read)
    print(f"analysis of {pictures:,} pictures; to read their rows takes {least * 1000:,.0f} ms")
    for text in ("", "castle", f"model:{checkpoints()[0]}", "rating:>=4"):
        told = studio.analyst.analyse(text)
        took = timed(lambda text=text: studio.analyst.analyse(text))
        print(f"  {text or '(all)':16} {told['pictures']:7,} pictures {took * 1000:8,.0f} ms {took / least:6.1f} times the reading of all")
    studio.close()


def write_files(folder: Path, files: int) -> list[Path]:
    """PNG files as AUTOMATIC1111 writes them."""
    draw, words, paths = random.Random(8), FREQUENT.split(), []
    folder.mkdir()
    for number in range(files):
        told = PngInfo()
        prompt = ", ".join(draw.sample(words, 12))
        told.add_text("parameters", f"{prompt}\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {number}, Size: 512x512, Model: made")
        picture = Image.frombytes("RGB", (64, 64), draw.randbytes(64 * 64 * 3)).resize((512, 512), Image.Resampling.BICUBIC)
        paths.append(folder / f"{number:05}-{number}.png")
        picture.save(paths[-1], pnginfo=told, compress_level=1)
    return paths


def importing(folder: Path, files: int) -> None:
    paths = write_files(folder / "elsewhere", files)

    def read() -> None:
        for path in paths:
            data = path.read_bytes()
            hashlib.sha256(data).digest()
            Image.open(BytesIO(data)).load()

    read()
    least = timed(read, 3)
    studio = studio_on(folder / "data")
    studio.start()
    started = time.perf_counter()
    asked = studio.imports.submit(str(folder / "elsewhere"))
    while (view := studio.imports.one(asked["id"]))["status"] == "active":
        time.sleep(0.01)
    took = time.perf_counter() - started
    print(f"import of {files:,} files; to open, hash and decode them takes {least / files * 1000:.1f} ms each")
    print(f"  {took / files * 1000:.1f} ms each, {took / least:.1f} times that; {studio.history.total():,} in history, {view['status']}")
    studio.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-analysis-") as folder:
        analysis(Path(folder), asked.pictures)
    with tempfile.TemporaryDirectory(prefix="easel-import-") as folder:
        importing(Path(folder), asked.files)


if __name__ == "__main__":
    main()

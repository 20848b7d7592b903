"""What the formats take: bytes, time to encode and mean difference of a picture that the shipped checkpoint draws.

    python -m benchmarks.picture_formats [--size 512]

Draws one picture, saves it with its parameters in every format and quality that docs/where-pictures-go.md names, seven
times each, and prints the rows of that page's table (medians).
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from webui.app import open_studio
from webui.generation.request import ResolvedRequest, load_resolved, parse_request
from webui.settings import load_settings
from webui.studio.picture_file import encode
from webui.studio.picture_format import read_own

CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "checkpoints" / "easel-emoji"
WAYS = ((".png", 90), (".webp", 100), (".jpg", 90), (".webp", 90), (".avif", 90), (".jpg", 80), (".webp", 80), (".avif", 80))
ROUNDS = 7


def draw(size: int) -> tuple[Image.Image, ResolvedRequest]:
    recipe = json.loads((CHECKPOINT / "easel.json").read_text())["defaults"]
    asked = {"prompt": "penguin on a pink background", "seed": 3, "checkpoint": CHECKPOINT.name, "width": size, "height": size}
    with tempfile.TemporaryDirectory() as data_dir, open_studio(load_settings(data_dir=Path(data_dir), log_level="warning")) as (studio, _):
        studio.start()
        (image,) = studio.follow(studio.submit(parse_request(recipe | asked))["id"], lambda event: None)["images"]
        with Image.open(studio.picture_path(image["id"])) as picture:
            return picture.convert("RGB"), load_resolved(json.dumps(json.loads(read_own(picture))["request"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    picture, request = draw(parser.parse_args().size)
    print("| format | quality | size | time to encode | mean difference of 255 |\n|---|---|---|---|---|")
    for suffix, quality in WAYS:
        seconds = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            data = encode(picture, request, 0, {}, suffix, quality).data
            seconds.append(time.perf_counter() - begun)
        with Image.open(io.BytesIO(data)) as saved:
            difference = statistics.mean(ImageStat.Stat(ImageChops.difference(picture, saved.convert("RGB"))).mean)
        shown = "-" if suffix == ".png" else str(quality)
        print(f"| {suffix} | {shown} | {len(data) / 1000:.0f} kB | {statistics.median(seconds) * 1000:.0f} ms | {difference:.1f} |")


if __name__ == "__main__":
    main()

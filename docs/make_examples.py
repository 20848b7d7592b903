"""Draws the example pictures of the first visit again, from the requests in the checkpoint's easel.json.

python docs/make_examples.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from PIL import Image, PngImagePlugin

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from webui.app import open_studio
from webui.generation.request import parse_request
from webui.settings import load_settings

CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "checkpoints" / "easel-emoji"


def main() -> None:
    recipe = json.loads((CHECKPOINT / "easel.json").read_text())
    target = CHECKPOINT / "examples"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data_dir, open_studio(load_settings(data_dir=Path(data_dir), log_level="warning")) as (studio, _):
        studio.start()
        for entry in recipe["examples"]:
            request = parse_request({**recipe["defaults"], **entry["request"], "checkpoint": CHECKPOINT.name})
            (image,) = studio.follow(studio.submit(request)["id"], lambda event: None)["images"]
            words = PngImagePlugin.PngInfo()
            words.add_text("parameters", image["infotext"])
            with Image.open(studio.picture_path(image["id"])) as picture:
                picture.save(target / f"{entry['id']}.png", pnginfo=words, optimize=True)
            print(f"{entry['id']:10} {request.prompt}, seed {request.seed}, {image['seconds']} s")


if __name__ == "__main__":
    main()

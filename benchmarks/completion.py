"""How long a way on takes while one types: with 10,000 jobs in history and 1,000 LoRAs, the first question and the ones after it.

    python benchmarks/completion.py

The first question counts the words of all of history; the page asks it when a prompt is first clicked. Limit of the others: 50 ms.
Times of the processor, so that other programs at work count little.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from safetensors.numpy import save_file
from sqlalchemy import insert

from webui.catalog.models import ModelCatalog
from webui.extensions.registry import ExtensionRegistry
from webui.studio.completer import Completer
from webui.studio.database import open_database
from webui.studio.history import History
from webui.studio.style_book import StyleBook
from webui.studio.tables import generation

JOBS, LORAS, QUESTIONS = 10_000, 1_000, 50
TYPED = ("a fox, in the s", "mo", "a <lora:lora 7", "portrait of a w", "x")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LORA = {
    "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": np.zeros((8, 2), np.float32),
    "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": np.zeros((2, 8), np.float32),
}


def _prompts(draw: random.Random) -> list[str]:
    """Prompts of about 60 words each, from 5,000 words of which few are frequent."""
    words = ["".join(draw.choices(LETTERS, k=draw.randint(3, 9))) for _ in range(5_000)]
    weights = [1 / place for place in range(1, len(words) + 1)]
    return [", ".join(" ".join(draw.choices(words, weights, k=draw.randint(1, 5))) for _ in range(20)) for _ in range(JOBS)]


def _row(number: int, prompt: str) -> dict[str, object]:
    empty = {
        "negative_prompt": "",
        "checkpoint": "",
        "checkpoint_hash": "",
        "sampler": "",
        "schedule_type": "",
        "asked": "",
        "resolved": "",
    }
    sizes = {"steps": 20, "cfg_scale": 7.0, "width": 512, "height": 512, "seed": 1}
    return {"id": number, "job_id": number, "kind": "txt2img", "prompt": prompt, **empty, **sizes}


def _seconds(completer: Completer, text: str) -> float:
    started = time.process_time()
    completer.complete(text)
    return time.process_time() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "models" / "loras").mkdir(parents=True)
        for number in range(LORAS):
            save_file(LORA, root / "models" / "loras" / f"lora {number}.safetensors")
        database = open_database(root / "data")
        with database.writing() as connection:
            connection.execute(insert(generation), [_row(number, prompt) for number, prompt in enumerate(_prompts(random.Random(1)), 1)])
        models = ModelCatalog([root / "models"], root / "cache", hash_files=False)
        completer = Completer(models, StyleBook([root / "styles.csv"]), History(database), ExtensionRegistry())
        print(f"the first question        {_seconds(completer, '') * 1000:7.1f} ms")
        for text in TYPED:
            print(f"{text!r:25} {statistics.median(_seconds(completer, text) for _ in range(QUESTIONS)) * 1000:7.1f} ms")
        models.close()
        database.close()


if __name__ == "__main__":
    main()

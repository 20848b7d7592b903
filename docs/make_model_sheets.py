"""Draws the sheets of docs/shipped-models.md and of the model cards by Easel itself; nothing is picked by hand.

python docs/make_model_sheets.py [ink] [gold] [edges] [upscaler]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageDraw

from training.by_easel import Easel, easel, sheet, titled
from training.measure_edges import control
from training.measure_gold import PROMPTS
from webui.settings import PROGRAM_ROOT

PICTURES = Path(__file__).resolve().parent / "pictures"
CHECKPOINTS = PROGRAM_ROOT / "models" / "checkpoints"


def ink(studio: Easel) -> None:
    """The 32 prompts of easel-emoji's card, and the two checkpoints one below the other."""
    prompts = json.loads((CHECKPOINTS / "easel-ink" / "samples.json").read_text())
    drawn = [studio.draw(prompt, seed, checkpoint="easel-ink") for seed, prompt in enumerate(prompts)]
    sheet(drawn, 8, gap=0).save(CHECKPOINTS / "easel-ink" / "samples.png", optimize=True)
    rows = [
        (name, [studio.draw(prompt, seed, checkpoint=name) for seed, prompt in enumerate(PROMPTS)]) for name in ("easel-emoji", "easel-ink")
    ]
    titled(rows).save(PICTURES / "shipped-ink.png", optimize=True)


def gold(studio: Easel) -> None:
    """The style LoRA at three weights."""
    rows = [
        (f"weight {weight:g}", [studio.draw(f"{prompt} <lora:easel-gold:{weight:g}>", seed) for seed, prompt in enumerate(PROMPTS)])
        for weight in (0, 0.5, 1)
    ]
    titled(rows).save(PICTURES / "shipped-gold.png", optimize=True)


def shapes() -> list[Image.Image]:
    """Edge maps drawn with a pen: what no emoji looks like."""
    made = []
    for number in range(4):
        picture = Image.new("L", (128, 128))
        pen = ImageDraw.Draw(picture)
        match number:
            case 0:
                pen.ellipse((24, 24, 104, 104), outline=255)
            case 1:
                pen.polygon([(64, 20), (108, 104), (20, 104)], outline=255)
            case 2:
                pen.rectangle((28, 40, 100, 88), outline=255)
            case _:
                pen.ellipse((14, 44, 64, 94), outline=255)
                pen.ellipse((70, 20, 114, 64), outline=255)
        made.append(picture.convert("RGB"))
    return made


def edges(studio: Easel) -> None:
    """Edge maps, and three things that follow each."""
    maps, rows = shapes(), []
    rows.append(("edges", maps))
    for prompt in ("red apple on a yellow background", "cat face on a blue background", "soccer ball on a green background"):
        drawn = [studio.draw(prompt, 3, controls=[control(studio.keep(each))]) for each in maps]
        rows.append((prompt, drawn))
    titled(rows).save(PICTURES / "shipped-edges.png", optimize=True)


SHEETS: Mapping[str, Callable[[Easel], None]] = {"ink": ink, "gold": gold, "edges": edges}


def main() -> None:
    """Draw those that are named, or all."""
    with easel() as studio:
        for name in sys.argv[1:] or SHEETS:
            SHEETS[name](studio)
            print(name, flush=True)


if __name__ == "__main__":
    main()

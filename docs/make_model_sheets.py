"""Draws the picture of docs/shipped-models.md by Easel itself; nothing is picked by hand.

python docs/make_model_sheets.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.by_easel import easel, titled

PICTURES = Path(__file__).resolve().parent / "pictures"
PROMPTS = (
    "strawberry on a white background",
    "fox on a yellow background",
    "red apple on a blue background",
    "cat face on a pink background",
    "rocket on a black background",
    "guitar on a white background",
)


def main() -> None:
    """The two checkpoints, one below the other."""
    with easel() as studio:
        rows = [
            (name, [studio.draw(prompt, seed, checkpoint=name) for seed, prompt in enumerate(PROMPTS)])
            for name in ("easel-emoji", "easel-ink")
        ]
    titled(rows).save(PICTURES / "shipped-ink.png", optimize=True)


if __name__ == "__main__":
    main()

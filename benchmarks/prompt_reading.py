"""How long prompts of 20,000 characters take to be read: the whole way from text to weighted pieces, the best of nine, in time of
the processor, so that other programs at work count little.

    python benchmarks/prompt_reading.py

The texts are the worst that brackets can do, and one as people write them. Limit: 100 ms each.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from webui.generation.prompt.emphasis import weighted
from webui.generation.prompt.reading import read_prompt
from webui.generation.prompt.schedules import Steps
from webui.generation.request import MAX_PROMPT_CHARACTERS

TEXTS = {
    "words and weights": "a (red:1.2) apple, [day:night:0.5], ",
    "opening brackets": "[",
    "closing brackets": "]",
    "pairs": "[](",
    "options": "[a|b]",
    "empty options": "[|]",
    "schedules": "[a:b:0.5]",
    "colons in brackets": "([:])",
}
ROUNDS = 9


def seconds(text: str) -> float:
    started = time.process_time()
    for part in read_prompt(text).parts:
        weighted(part.over(Steps(1)).entries[0])
    return time.process_time() - started


def main() -> None:
    seconds("[a:b:0.5]")  # the grammar is built once
    half = MAX_PROMPT_CHARACTERS // 2
    texts = {name: piece * (MAX_PROMPT_CHARACTERS // len(piece)) for name, piece in TEXTS.items()}
    texts["brackets in brackets"] = "[" * half + "]" * half
    for name, text in texts.items():
        print(f"{name:22} {min(seconds(text) for _ in range(ROUNDS)) * 1000:7.1f} ms")


if __name__ == "__main__":
    main()

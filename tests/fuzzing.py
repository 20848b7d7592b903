"""Fuzzes one reader of untrusted text with atheris until the time is up: `python tests/fuzzing.py prompt 60`.

Started in a process of its own by test_fuzzing.py, because atheris instruments what it imports and never returns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

with atheris.instrument_imports(include=["webui.generation"], enable_loader_override=False):
    from webui.generation.infotext import map_fields, read_infotext
    from webui.generation.metadata.tools import read_text, read_texts
    from webui.generation.prompt.emphasis import weighted
    from webui.generation.prompt.reading import read_negative_prompt, read_prompt
    from webui.generation.prompt.schedules import Steps
    from webui.generation.request import parse_request

LONGEST_INPUT = 4096
KEYS = ("parameters", "UserComment", "prompt", "Comment", "invokeai_metadata", "sd-metadata", "Dream", "easel")


def read_prompts(data: atheris.FuzzedDataProvider) -> None:
    text = data.ConsumeUnicodeNoSurrogates(LONGEST_INPUT)
    for prompt in (read_prompt(text), read_negative_prompt(text)):
        for part in prompt.parts:
            told = part.over(Steps(3, 5))
            weighted(told.entries[0])
    for network in read_prompt(text).networks:
        assert abs(network.text_encoder_weight) < 1e7 and abs(network.unet_weight) < 1e7


def read_infotexts(data: atheris.FuzzedDataProvider) -> None:
    mapped = map_fields(read_infotext(data.ConsumeUnicodeNoSurrogates(LONGEST_INPUT)))
    parse_request(dict(mapped.fields))


def read_metadata(data: atheris.FuzzedDataProvider) -> None:
    key = KEYS[data.ConsumeIntInRange(0, len(KEYS) - 1)]
    text = data.ConsumeUnicodeNoSurrogates(LONGEST_INPUT)
    told = read_texts({key: text}) or read_text(text)
    parse_request(dict(map_fields(told.infotext).fields))


TARGETS: dict[str, Callable[[atheris.FuzzedDataProvider], None]] = {
    "prompt": read_prompts,
    "infotext": read_infotexts,
    "metadata": read_metadata,
}


def main(target: str, seconds: str) -> None:
    run = TARGETS[target]
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds}", "-timeout=20", "-verbosity=0"], lambda data: run(atheris.FuzzedDataProvider(data))
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

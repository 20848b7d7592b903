import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.generation.infotext import read_infotext, request_fields, write_infotext
from webui.generation.request import ResolvedTxt2Img, parse_request


def resolved(**fields: object) -> ResolvedTxt2Img:
    return ResolvedTxt2Img.model_validate(
        {"checkpoint": "small", "checkpoint_hash": "0123456789", "seed": 7, "schedule_type": "Karras"} | fields
    )


def test_the_written_form_is_a1111s() -> None:
    text = write_infotext(resolved(prompt="a (red:1.2) fox", negative_prompt="blurry", clip_skip=2, width=512, height=768), 9, "1.0")
    assert text.splitlines() == [
        "a (red:1.2) fox",
        "Negative prompt: blurry",
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 9, Size: 512x768, Model hash: 0123456789, "
        "Model: small, Clip skip: 2, RNG: CPU, Version: easel-1.0",
    ]


def test_a1111s_own_text_is_read() -> None:
    text = (
        "a (red:1.2) fox, forest <lora:ink:0.7>\nsecond line\nNegative prompt: blurry, (lowres:1.4)\nmore: of it\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 965400086, Size: 512x768, Model hash: 6ce0161689, "
        'Model: v1-5, Clip skip: 2, Lora hashes: "ink: 1a2b, two: 3c4d", Version: v1.10.1'
    )
    infotext = read_infotext(text)
    assert infotext.prompt == "a (red:1.2) fox, forest <lora:ink:0.7>\nsecond line"
    assert infotext.negative_prompt == "blurry, (lowres:1.4)\nmore: of it"
    assert infotext.parameters["Lora hashes"] == "ink: 1a2b, two: 3c4d"
    request = parse_request(request_fields(infotext))
    assert (request.width, request.height, request.seed, request.cfg_scale, request.clip_skip) == (512, 768, 965400086, 7.5, 2)


def test_fewer_than_three_pairs_are_part_of_the_prompt() -> None:
    assert read_infotext("a fox\nSteps: 20, Size: 5x5").prompt == "a fox\nSteps: 20, Size: 5x5"


@given(
    prompt=st.text(st.characters(blacklist_characters="\r\x00", blacklist_categories=("Cs",)), max_size=80),
    model=st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30),
)
def test_what_is_written_reads_back(prompt: str, model: str) -> None:
    prompt = prompt.strip()
    if "Negative prompt:" in prompt:
        return
    infotext = read_infotext(write_infotext(resolved(prompt=prompt, checkpoint=model), 3, "1"))
    assert infotext.prompt == prompt
    assert infotext.parameters["Seed"] == "3"
    if model == model.strip() and not model.startswith('"'):
        assert infotext.parameters["Model"] == model


@pytest.mark.parametrize("text", ["a" * 300_000, ("ab: " * 70_000), 'ab: "' * 50_000, "a b-c/d " * 40_000, ", " * 100_000])
def test_reading_is_quick_on_hostile_text(text: str) -> None:
    started = time.perf_counter()
    read_infotext(text)
    assert time.perf_counter() - started < 2

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webui.generation.infotext import Infotext, map_fields, read_infotext, write_infotext
from webui.generation.prompt.emphasis import EMPHASIS_MODES
from webui.generation.request import MAX_SEED, ResolvedTxt2Img, Txt2Img, parse_request


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
    request = parse_request(dict(map_fields(infotext).fields))
    assert (request.width, request.height, request.seed, request.cfg_scale, request.clip_skip) == (512, 768, 965400086, 7.5, 2)


def test_fewer_than_three_pairs_are_part_of_the_prompt() -> None:
    assert read_infotext("a fox\nSteps: 20, Size: 5x5").prompt == "a fox\nSteps: 20, Size: 5x5"


TEXT = st.text(st.characters(blacklist_characters="\r\x00", blacklist_categories=("Cs",)), max_size=80)
NAME = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=("Cs",)), min_size=1, max_size=30)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    prompt=TEXT,
    negative=TEXT,
    model=NAME,
    seed=st.integers(0, MAX_SEED),
    cfg_scale=st.floats(1, 30),
    clip_skip=st.integers(1, 12),
    width=st.integers(8, 256).map(lambda eighth: eighth * 8),
    emphasis=st.sampled_from(EMPHASIS_MODES),
    comma_backtrack=st.integers(0, 74),
    pad_conds=st.booleans(),
    old_prompt_editing=st.booleans(),
)
def test_what_is_written_reads_back_as_the_same_request(prompt: str, negative: str, model: str, **fields: Any) -> None:
    if any(line.startswith("Negative prompt:") for line in f"{prompt}\n{negative}".split("\n")):
        return
    request = resolved(prompt=prompt, negative_prompt=negative, checkpoint=model, **fields)
    mapped = map_fields(read_infotext(write_infotext(request, request.seed, "1")))
    assert mapped.unmapped == ()
    again = parse_request(dict(mapped.fields))
    expected = {name: getattr(request, name) for name in Txt2Img.model_fields if name in mapped.fields}
    assert {name: getattr(again, name) for name in expected} == expected
    assert fields.keys() | {"prompt", "negative_prompt", "checkpoint", "seed"} <= expected.keys()


def test_only_what_differs_from_the_usual_is_written() -> None:
    usual = write_infotext(resolved(), 7, "1")
    assert "Emphasis" not in usual and "Pad conds" not in usual and "Clip skip" not in usual
    told = write_infotext(resolved(emphasis="No norm", pad_conds=True, comma_backtrack=0, old_prompt_editing=True), 7, "1")
    assert "Emphasis: No norm, Comma padding backtrack: 0, Pad conds: True, Old prompt editing timelines: True, Version: easel-1" in told


PARAMETERS = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64"


def mapped(line: str, prompt: str = "a") -> dict[str, Any]:
    return dict(map_fields(read_infotext(f"{prompt}\n{line}")).fields)


def test_what_is_left_out_means_the_usual() -> None:
    fields = mapped(PARAMETERS)
    assert (fields["clip_skip"], fields["schedule_type"], fields["emphasis"]) == (1, "Automatic", "Original")
    assert map_fields(Infotext("just words", "")).fields == {"prompt": "just words", "negative_prompt": ""}


def test_an_old_name_of_a_sampler_says_its_schedule_unless_that_is_told() -> None:
    assert mapped("Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7")["schedule_type"] == "Karras"
    both = mapped("Steps: 20, Sampler: DPM++ 2M Karras, Schedule type: Uniform, CFG scale: 7")
    assert (both["sampler"], both["schedule_type"]) == ("DPM++ 2M", "Uniform")


def test_what_cannot_be_mapped_is_told_with_its_reason() -> None:
    found = map_fields(read_infotext(f"a\n{PARAMETERS.replace('20', '900').replace('Euler', 'Warp 9')}, Flux capacitor: on"))
    reasons = {entry.key: entry.reason for entry in found.unmapped}
    assert set(reasons) == {"Steps", "Sampler", "Flux capacitor"}
    assert "1 to 150" in reasons["Steps"]
    assert "steps" not in found.fields and found.fields["cfg_scale"] == 7


def test_keys_of_one_character_are_no_keys() -> None:
    assert "X" not in read_infotext(f"a\n{PARAMETERS}, X: 1").parameters


@pytest.mark.parametrize("text", ["a" * 300_000, ("ab: " * 70_000), 'ab: "' * 50_000, "a b-c/d " * 40_000, ", " * 100_000])
def test_reading_is_quick_on_hostile_text(text: str) -> None:
    started = time.perf_counter()
    read_infotext(text)
    assert time.perf_counter() - started < 2

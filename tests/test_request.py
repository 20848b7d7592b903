import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.errors import InvalidRequest
from webui.generation.request import (
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    REQUEST_VERSION,
    ResolvedTxt2Img,
    Txt2Img,
    dump_request,
    load_request,
    load_resolved,
    parameters_of,
    parse_request,
)
from webui.generation.samplers import SAMPLER_LABELS, SAMPLERS, SCHEDULE_LABELS, SCHEDULES, find_sampler

BAD = [
    ({"steps": 0}, "steps", "1 to 150"),
    ({"steps": 10**9}, "steps", "1 to 150"),
    ({"width": 10**9}, "width", "64 to 2048 px, in steps of 8"),
    ({"height": -1}, "height", "64 to 2048 px, in steps of 8"),
    ({"width": 65}, "width", "64 to 2048 px, in steps of 8"),
    ({"width": "abc"}, "width", "64 to 2048 px, in steps of 8"),
    ({"cfg_scale": math.nan}, "cfg_scale", "1 to 30"),
    ({"cfg_scale": math.inf}, "cfg_scale", "1 to 30"),
    ({"steps": 1e400}, "steps", "1 to 150"),
    ({"seed": 2**64}, "seed", f"-1 to {MAX_SEED}"),
    ({"batch_count": 10**6}, "batch_count", "1 to 100"),
    ({"prompt": "x" * 10_000_000}, "prompt", "at most 20,000 characters"),
    ({"prompt": 5}, "prompt", None),
    ({"sampler": "no such"}, "sampler", ", ".join(SAMPLER_LABELS)),
    ({"schedule_type": "no such"}, "schedule_type", ", ".join(SCHEDULE_LABELS)),
    ({"sigma_churn": False}, "sigma_churn", "0 to 100"),
    ({"steps": True}, "steps", "1 to 150"),
    ({"rng": "no such"}, "rng", None),
    ({"seed_resize_from": "wide"}, "seed_resize_from", None),
    ({"eta": 1.5}, "eta", "0 to 1"),
    ({"beta_alpha": 0}, "beta_alpha", "0.01 to 5"),
    ({"attention": "no such"}, "attention", "Automatic, SDPA, xformers, Sliced"),
]


@pytest.mark.parametrize(("fields", "field", "allowed"), BAD, ids=lambda value: str(value)[:30])
def test_a_bad_value_names_field_and_allowed_range(fields: dict, field: str, allowed: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(fields)
    assert caught.value.field == field
    assert caught.value.allowed == allowed
    assert caught.value.message and caught.value.hint
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("data", [None, [], 3, "text", {"unknown": 1}, {"extensions": 3}])
def test_what_is_no_request_is_refused_in_words(data: object) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(data)


def test_joined_sampler_names_are_split() -> None:
    request = parse_request({"sampler": "DPM++ 2M Karras"})
    assert (request.sampler, request.schedule_type) == ("DPM++ 2M", "Karras")
    assert parse_request({"sampler": "k_euler_a"}).sampler == "Euler a"
    assert parse_request({"sampler": "Euler Karras", "schedule_type": "Uniform"}).schedule_type == "Uniform"
    for joined, sampler, schedule in (
        ("DPM++ 2M SDE Exponential", "DPM++ 2M SDE", "Exponential"),
        ("DPM++ 2M SDE Heun Karras", "DPM++ 2M SDE Heun", "Karras"),
        ("LMS Karras", "LMS", "Karras"),
        ("DPM2 a Karras", "DPM2 a", "Karras"),
        ("DPM++ 3M SDE Exponential", "DPM++ 3M SDE", "Exponential"),
        ("Euler SGMUniform", "Euler", "SGM Uniform"),
        ("k_dpmpp_sde_ka", "DPM++ SDE", "Karras"),
        ("k_dpmpp_2m_sde_exp", "DPM++ 2M SDE", "Exponential"),
    ):
        request = parse_request({"sampler": joined})
        assert (request.sampler, request.schedule_type) == (sampler, schedule)


def test_sizes_to_resize_a_seed_from() -> None:
    for written, size in (("512x768", (512, 768)), (" 512 × 64 ", (512, 64)), ("", None), ("0x0", None), ("-1x-1", None)):
        assert parse_request({"seed_resize_from": written}).seed_resize == size
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"seed_resize_from": "99999x1"})
    assert "512x768" in caught.value.hint


def test_every_name_is_of_one_sampler_or_schedule() -> None:
    for table in (SAMPLERS, SCHEDULES):
        names = [name.casefold() for entry in table for name in {entry.label.casefold(), *entry.aliases}]
        assert len(names) == len(set(names))
    assert all(sampler.default_schedule in SCHEDULE_LABELS[1:] for sampler in SAMPLERS)
    assert find_sampler("k_dpm_ad").label == "DPM adaptive"


def test_a_request_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Txt2Img().steps = 3  # type: ignore[misc]


@given(
    prompt=st.text(max_size=200),
    negative=st.text(max_size=50),
    steps=st.integers(1, 150),
    cfg=st.floats(1, 30),
    seed=st.integers(-1, MAX_SEED),
    extensions=st.dictionaries(
        st.text("abc-", max_size=8), st.dictionaries(st.text("xyz", max_size=3), st.booleans(), max_size=2), max_size=2
    ),
)
def test_the_stored_form_reads_back_exactly(prompt: str, negative: str, steps: int, cfg: float, seed: int, extensions: dict) -> None:
    request = parse_request(
        {"prompt": prompt, "negative_prompt": negative, "steps": steps, "cfg_scale": cfg, "seed": seed, "extensions": extensions}
    )
    assert load_request(dump_request(request)) == request


def test_a_resolved_request_reads_back_exactly_and_counts_seeds() -> None:
    request = ResolvedTxt2Img(checkpoint="small", checkpoint_hash="0123456789", seed=MAX_SEED, batch_count=2, schedule_type="Karras")
    assert load_resolved(dump_request(request)) == request
    assert request.image_seeds == (MAX_SEED, 0)


def test_a_request_of_a_newer_version_is_refused_in_words() -> None:
    newer = json.dumps({"version": REQUEST_VERSION + 1, "prompt": "a"})
    with pytest.raises(InvalidRequest, match="another version"):
        load_request(newer)


def test_every_parameter_has_words_and_a_default_within_its_bounds() -> None:
    for info in parameters_of(Txt2Img).values():
        if info.name == "kind":
            continue
        assert info.label and info.help, info.name
        if info.minimum is not None and info.maximum is not None:
            assert info.minimum <= info.default <= info.maximum


def test_hostile_text_is_kept_as_text() -> None:
    request = parse_request({"prompt": "<img onerror=alert(1)> \ud800 \x00 {}"})
    assert "<img onerror=alert(1)>" in request.prompt
    assert "\x00" not in request.prompt
    request.prompt.encode("utf-8")
    assert len(parse_request({"prompt": "x" * MAX_PROMPT_CHARACTERS}).prompt) == MAX_PROMPT_CHARACTERS

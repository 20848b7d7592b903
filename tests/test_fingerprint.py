"""What decides a picture's bytes, named where it is another one; and by what an equal request is found."""

from __future__ import annotations

from typing import Any

import pytest

from webui.generation.fingerprint import changed_facts, fingerprint, label_of, made_by, signature, signatures_near
from webui.generation.request import ResolvedRequest, parse_resolved

FACTS = {
    "device": "A processor",
    "dtype": "bfloat16",
    "attention": "SDPA",
    "threads": 2,
    "versions": {"torch": "2.13.0", "xformers": "1"},
    "memory": {"plan": {"rows": 2, "vae": "whole"}},
}


def resolved(**fields: Any) -> ResolvedRequest:
    return parse_resolved({"prompt": "a fox", "seed": 7, "checkpoint": "small", "checkpoint_hash": "0123456789", **fields})


def upscale(**fields: Any) -> ResolvedRequest:
    picture = {"kind": "upscale", "init_image": "a" * 64, "picture_width": 64, "picture_height": 64}
    return parse_resolved({**picture, "finishing": [{"step": "upscale", "scale": 2}], **fields})


def of(request: ResolvedRequest | None = None, **facts: Any) -> dict[str, str]:
    return fingerprint(request or resolved(), FACTS | facts, easel="1.0")


@pytest.mark.parametrize(
    ("facts", "name", "words"),
    [
        ({"attention": "Sliced"}, "attention", ("SDPA", "Sliced")),
        ({"dtype": "float32"}, "dtype", ("bfloat16", "float32")),
        ({"threads": 4}, "threads", ("2", "4")),
        ({"device": "Another"}, "device", ("A processor", "Another")),
        ({"versions": {"torch": "2.14.0", "xformers": "1"}}, "versions.torch", ("2.13.0", "2.14.0")),
        ({"memory": {"plan": {"rows": 2, "vae": "tiled"}}}, "vae", ("whole", "tiled")),
    ],
)
def test_exactly_the_fact_that_changed_is_named(facts: dict[str, Any], name: str, words: tuple[str, str]) -> None:
    told = {change.fact: (change.before, change.after) for change in changed_facts(of(), of(**facts))}
    assert told.pop("vae_dtype", None) in (None, ("bfloat16", "float32"))
    assert told == {name: words}


def test_nothing_is_named_where_nothing_changed() -> None:
    assert changed_facts(of(), of(), resolved(), resolved()) == ()


def test_what_was_never_written_down_is_no_change() -> None:
    assert changed_facts({"device": "A processor"}, of()) == (
        *changed_facts({"device": "A processor"}, {name: value for name, value in of().items() if name.startswith("models.")}),
    )
    assert {change.fact for change in changed_facts(of(), {"device": "A processor", "models.checkpoint.small": "0123456789"})} == set()


def test_the_version_of_kernels_that_were_not_asked_is_no_change() -> None:
    assert changed_facts(of(), of(versions={"torch": "2.13.0", "xformers": "2"})) == ()


def test_a_model_file_that_is_another_one_is_named_once() -> None:
    now = resolved(checkpoint_hash="abcdef0123")
    (change,) = changed_facts(of(), of(now), resolved(), now)
    assert (change.fact, change.before, change.after) == ("models.checkpoint.small", "0123456789", "abcdef0123")
    assert change.label == "File of the checkpoint small"
    lora = [{"name": "grain", "hash": digest} for digest in ("aa", "bb")]
    before, after = (resolved(loras=[one]) for one in lora)
    assert [change.label for change in changed_facts(of(before), of(after), before, after)] == ["File of the LoRA grain"]


def test_a_parameter_that_is_another_one_is_named() -> None:
    now = resolved(cfg_scale=5)
    assert [change.label for change in changed_facts(of(), of(now), resolved(), now)] == ["CFG scale"]


def test_all_facts_have_names() -> None:
    assert not [fact for fact in of() if not label_of(fact) or "." in label_of(fact).removeprefix("versions.")]


def test_equal_requests_have_one_signature() -> None:
    assert signature(resolved()) == signature(resolved(batch_count=4, hires_steps=9))  # what is off says nothing
    assert signature(resolved()) != signature(resolved(cfg_scale=6))
    assert signature(resolved()) != signature(resolved(seed=8))
    assert signature(resolved()) != signature(resolved(prompt="a Fox"))
    assert signature(upscale()) == signature(upscale(init_name="fox.png", source_prompt="a fox"))
    assert signature(upscale()) != signature(upscale(init_image="b" * 64))


def test_a_picture_in_the_middle_of_an_earlier_row_is_found() -> None:
    earlier = resolved(seed=5, batch_count=4)
    near = signatures_near(resolved(seed=7))
    assert near[signature(earlier)] == 2
    assert signature(resolved(seed=9)) not in near
    assert signatures_near(resolved(seed=7, batch_count=4))[signature(resolved(seed=9))] == -2


def test_variations_count_by_their_own_seed() -> None:
    earlier = resolved(variation_strength=0.2, variation_seed=3, batch_count=4)
    assert signatures_near(resolved(variation_strength=0.2, variation_seed=5))[signature(earlier)] == 2
    assert signature(earlier) not in signatures_near(resolved(seed=8, variation_strength=0.2, variation_seed=3))


def test_what_made_a_picture_is_said_in_a_word_or_two() -> None:
    chain = [{"step": "sharpen"}]
    assert [made_by(one) for one in (resolved(), resolved(hires=True), upscale(), upscale(finishing=chain))] == [
        "txt2img",
        "txt2img, hires",
        "Upscale 2 ×",
        "Finish",
    ]

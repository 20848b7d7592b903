"""Two prompts, and two requests, told apart: what was added, removed, reweighted, and which parameters are others."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.generation.diff import RequestDiff, diff
from webui.generation.prompt.changes import counts, matching, prompt_changes
from webui.generation.prompt.words import words_of
from webui.generation.request import ResolvedRequest, parse_resolved

Told = list[tuple[str, str]]


def told(before: str, after: str) -> Told:
    """(kind, text) of each run that is not the same."""
    return [(run.kind, run.text) for run in prompt_changes(before, after) if run.kind != "same"]


def resolved(**fields: Any) -> ResolvedRequest:
    return parse_resolved({"prompt": "a fox", "seed": 7, "checkpoint": "small", "checkpoint_hash": "0123456789", **fields})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a fox", "a fox", []),
        ("a sleepy fox", "a happy fox", [("removed", "sleepy"), ("added", "happy")]),
        ("a fox, 3d render", "a fox, (3d render:1.2)", [("reweighted", "3d render")]),
        ("((fox))", "(fox:1.21)", []),
        ("a fox", "a  fox\n", []),
        ("a fox", "a fox <lora:grain:0.6>", [("added", "<lora:grain:0.6>")]),
        ("a fox <lora:grain:0.6>", "a fox <lora:grain:0.8>", [("reweighted", "<lora:grain:0.8>")]),
        ("[cat:dog:0.5]", "[cat:dog:0.7]", [("removed", "cat dog"), ("added", "cat dog")]),
        ("fox AND owl", "fox AND owl :1.4", [("added", ":")]),
        ("fox # a comment", "fox", []),
        ("red fox, blue sky", "red fox, green tree, blue sky", [("added", "green tree,")]),
        ("日本の猫", "日本の犬", [("removed", "猫"), ("added", "犬")]),
        ("", "fox", [("added", "fox")]),
        ("don't stop", "don’t stop", [("removed", "don't"), ("added", "don’t")]),
    ],
)
def test_words_that_are_others_are_told(before: str, after: str, expected: Told) -> None:
    seen = told(before, after)
    if before.startswith("[cat"):  # the moments differ, so each word is told with its own
        assert {kind for kind, _ in seen} == {"added", "removed"} and len(seen) == 4
        return
    assert seen == expected


def test_a_change_of_weight_says_both_weights() -> None:
    (run,) = (run for run in prompt_changes("(fox:0.9)", "(fox:1.2)") if run.kind != "same")
    assert (run.kind, run.before, run.after) == ("reweighted", 0.9, 1.2)


def test_words_say_when_they_are_asked_for() -> None:
    told = [(word.text, word.weight, word.when) for word in words_of("(a [b:c:5] [d|e]:1.2)")]
    assert told == [
        ("a", 1.2, ""),
        ("b", 1.2, "to 5"),
        ("c", 1.2, "from 5"),
        ("d", 1.2, "1 of 2 in turn"),
        ("e", 1.2, "2 of 2 in turn"),
    ]


def test_runs_are_counted_by_phrase() -> None:
    runs = prompt_changes("a fox", "a fox, big ears, blue sky")
    assert counts(runs) == {"added": 2, "removed": 0, "reweighted": 0}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_longest_common_subsequence_is_found(first: list[str], second: list[str]) -> None:
    pairs = matching(first, second)
    assert all(first[left] == second[right] for left, right in pairs)
    assert pairs == sorted(set(pairs)) and len({right for _, right in pairs}) == len(pairs)
    assert len(pairs) == _longest(first, second)


def _longest(first: list[str], second: list[str]) -> int:
    """The textbook's table."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, left in enumerate(first):
        for j, right in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_can_be_compared(before: str, after: str) -> None:
    runs = prompt_changes(before, after)
    assert not any(run.kind == "removed" for run in prompt_changes("", after))
    assert (told(before, after) == []) == all(run.kind == "same" for run in runs)


def test_the_longest_prompts_are_compared_in_bounded_time() -> None:
    dice = random.Random(1)
    before, after = (" ".join(dice.choice("abcdefgh") for _ in range(10_000)) for _ in range(2))
    started = time.monotonic()
    assert prompt_changes(before, after)
    assert prompt_changes(before[:7800], after[:7800])
    assert time.monotonic() - started < 10  # about one second; without the bound it is minutes


def changed(told: RequestDiff) -> dict[str, tuple[str, str]]:
    return {one.name: (one.before, one.after) for one in told.parameters if one.changed}


def test_parameters_that_are_others_are_told_with_what_would_change_them() -> None:
    first, second = resolved(cfg_scale=5, sampler="Euler a", schedule_type="Karras"), resolved(cfg_scale=6, schedule_type="Karras")
    told = diff(first, second)
    assert changed(told) == {"cfg_scale": ("5", "6"), "sampler": ("Euler a, Karras", "DPM++ 2M, Karras")}
    changes = {one.name: one.change for one in told.parameters if one.changed}
    assert changes == {"cfg_scale": {"cfg_scale": 6.0}, "sampler": {"sampler": "DPM++ 2M", "schedule_type": "Karras"}}


def test_essential_parameters_are_told_even_if_they_are_the_same() -> None:
    told = diff(resolved(), resolved())
    assert [one.name for one in told.parameters] == ["seed", "steps", "cfg_scale", "sampler", "checkpoint", "size"]
    assert told.changes == 0


def test_what_says_nothing_as_the_others_stand_is_no_difference() -> None:
    assert diff(resolved(hires_steps=5, denoising_strength=0.3), resolved()).changes == 0
    assert "hires_steps" in changed(diff(resolved(hires=True, hires_steps=5), resolved(hires=True)))


def test_a_model_file_that_is_another_one_is_told() -> None:
    loras = [{"name": "grain", "hash": "aa"}], [{"name": "grain", "hash": "bb"}]
    told = diff(resolved(loras=loras[0], checkpoint_hash="1"), resolved(loras=loras[1], checkpoint_hash="2"))
    assert changed(told) == {"checkpoint_hash": ("1", "2"), "loras.grain": ("aa", "bb")}


def test_the_parts_of_a_chain_are_told_one_by_one() -> None:
    chains = [{"step": "upscale", "scale": 2}], [{"step": "upscale", "scale": 4}, {"step": "sharpen"}]
    told = changed(diff(resolved(finishing=chains[0]), resolved(finishing=chains[1])))
    assert told["finishing[1].scale"] == ("2 times", "4 times")
    assert told["finishing[2].step"] == ("–", "sharpen")


def test_pictures_of_two_kinds_can_be_compared() -> None:
    picture = {"kind": "upscale", "init_image": "a" * 64, "picture_width": 64, "picture_height": 64, "source_prompt": "a fox"}
    upscale = parse_resolved({**picture, "finishing": [{"step": "upscale"}]})
    told = diff(resolved(), upscale)
    assert changed(told)["kind"] == ("txt2img", "Upscale")
    assert all(one.change is None for one in told.parameters if one.name in ("seed", "steps", "kind"))


def test_regions_prompts_are_compared_word_by_word() -> None:
    mask = "b" * 64
    first, second = (resolved(regions=[{"prompt": words, "mask": mask}]) for words in ("a red hat", "a blue hat"))
    (region,) = (one for one in diff(first, second).prompts if one.field.startswith("regions"))
    assert (region.label, region.added, region.removed) == ("Region 1", 1, 1)
    assert region.change == {"regions": [second.model_dump(mode="json")["regions"][0]]}

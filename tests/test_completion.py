"""Ways on for a prompt that is being typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from webui.extensions import hookimpl
from webui.extensions.registry import ExtensionRegistry
from webui.generation.adapters import words_named
from webui.generation.prompt.completion import Completion, Typed, escaped, rank, tag_of, typed, words_of
from webui.generation.prompt.emphasis import weighted
from webui.generation.prompt.reading import read_prompt
from webui.studio.studio import Studio

LORA = {
    "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": np.zeros((8, 2), np.float32),
    "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": np.zeros((2, 8), np.float32),
}


# what is being typed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Typed()),
        ("a red ap", Typed(phrase="a red ap", word="ap")),
        ("a fox, in the sn", Typed(phrase="in the sn", word="sn")),
        ("a fox AND a do", Typed(phrase="a do", word="do")),
        ("SAND do", Typed(phrase="SAND do", word="do")),
        ("a (re", Typed(phrase="re", word="re")),
        ("[red:bl", Typed(phrase="bl", word="bl")),
        ("a fox,\n  sn", Typed(phrase="sn", word="sn")),
        ("a fox, ", Typed()),
        ("# a note, no pro", Typed()),
        ("# a note\nfo", Typed(phrase="fo", word="fo")),
        ("a <", Typed("", replaces="<")),
        ("a <lo", Typed("", replaces="<lo")),
        ("a <lora:in", Typed("in", replaces="<lora:in")),
        ("a <LyCO:", Typed("", replaces="<LyCO:")),
        ("a <lora:ink v2 (b", Typed("ink v2 (b", replaces="<lora:ink v2 (b")),
        ("a <lora:ink:0.", Typed(phrase="0.", word="0.")),
        ("a <hypernet:x", Typed()),
        ("a <b", Typed()),
        ("a <lora:in\n", Typed()),
        ("a <lora:ink:1> fo", Typed(phrase="fo", word="fo")),
    ],
)
def test_what_is_being_typed(text: str, expected: Typed) -> None:
    assert typed(text) == expected


@given(st.one_of(st.text(), st.text("<lora:>,()[] \n#ab|AND")))
def test_a_way_on_replaces_the_end_of_any_text(text: str) -> None:
    now = typed(text)
    assert text.endswith(now.word)
    assert text.endswith(now.replaces)
    assert text.endswith(now.phrase)


def test_names_are_ranked_by_where_they_hold_what_is_typed() -> None:
    names = ["Ink", "old ink", "drinking", "oil", "my_ink"]
    assert [rank(name, "in") for name in names] == [0, 1, 2, None, 1]


def test_names_are_written_as_the_grammar_needs_it() -> None:
    name = r"hands (fixed) [v2]"
    assert "".join(segment.text for segment in weighted(escaped(name))) == name
    assert words_named([f"a fox, ({escaped(name)}:0.8)"], [name]) == [name]
    assert [network.name for network in read_prompt(tag_of(name, 0.75) or "").networks] == [name]
    assert tag_of("ink", 0.75) == "<lora:ink:0.75>"
    assert tag_of("ink:b", 1) is None


def test_the_words_of_a_prompt() -> None:
    prompt = "a (red:1.2) apple, soft light. # mine, too\n<lora:ink:1> a (cat's paw)\\), [a:in snow:0.5] BREAK soft light, ab, __animal__"
    expected = "a red apple, red, apple, soft light, soft, light, a cat's paw, cat's, paw, in snow, snow, animal"
    assert list(words_of(prompt)) == expected.split(", ")


# what is offered


class Shouts:
    @hookimpl
    def complete(self, text: str) -> list[Completion]:
        return [Completion("wildcard", "HEY", "hey!", text[-2:])] if text.endswith("!!") else []


class Broken:
    @hookimpl
    def complete(self) -> None:
        raise ValueError("no")


@pytest.fixture
def full(new_studio: Callable[..., Studio], models_dir: Path) -> Studio:
    """A studio with LoRAs, an embedding, and an add-on."""
    for name in ("ink", "oil (old)", "drink"):
        (models_dir / "loras").mkdir(exist_ok=True)
        save_file(LORA, models_dir / "loras" / f"{name}.safetensors")
    (models_dir / "loras" / "ink.json").write_text(json.dumps({"preferred weight": 0.7, "activation text": "inkwash, paper"}))
    Image.new("RGB", (8, 8)).save(models_dir / "loras" / "ink.preview.png")
    (models_dir / "embeddings").mkdir()
    save_file({"emb_params": np.zeros((2, 768), np.float32)}, models_dir / "embeddings" / "hands (bad).safetensors")
    extensions = ExtensionRegistry()
    extensions.register(Broken(), "broken")
    extensions.register(Shouts(), "shouts")
    return new_studio(extensions=extensions)


def inserts(studio: Studio, text: str, *, negative: bool = False) -> list[str]:
    return [one.insert for one in studio.completer.complete(text, negative=negative)]


def test_loras_are_offered_in_their_tags(full: Studio) -> None:
    assert inserts(full, "a fox <lora:in") == ["<lora:ink:0.7>", "<lora:drink:1>"]
    assert inserts(full, "a fox <") == ["<lora:drink:1>", "<lora:ink:0.7>", "<lora:oil (old):1>"]
    first = full.completer.complete("<lora:in")[0]
    assert (first.label, first.detail, first.replaces, bool(first.model)) == ("ink", "inkwash, paper", "<lora:in", True)
    assert inserts(full, "a fox <lora:in", negative=True) == []


def test_embeddings_are_offered_with_their_brackets_escaped(full: Studio) -> None:
    assert inserts(full, "ugly, ba") == [r"hands \(bad\)"]
    assert inserts(full, "ugly, ba", negative=True) == [r"hands \(bad\)"]


def test_an_add_on_offers_its_own_and_one_that_fails_stops_nobody(full: Studio) -> None:
    (offered,) = full.completer.complete("a fox!!")
    assert (offered.label, offered.insert, offered.replaces) == ("HEY", "hey!", "!!")
    (fault,) = full.extensions.take_faults()
    assert str(fault) == "The add-on broken failed in complete (ValueError: no)."


def test_words_of_history_are_offered_most_used_first(studio: Studio) -> None:
    for prompt, negative in (("a red fox, soft light", "blurry"), ("a red ball, (soft light:1.2)", ""), ("rediscovered", "blurred")):
        job = studio.submit(studio.complete({"prompt": prompt, "negative_prompt": negative, "steps": 1, "width": 64, "height": 64}))
        studio.follow(job["id"], lambda event: None)
    assert inserts(studio, "an apple, re") == ["red", "rediscovered"]
    assert [one.uses for one in studio.completer.complete("re")] == [2, 1]
    assert inserts(studio, "a red ") == ["a red fox", "a red ball"]
    assert inserts(studio, "light, so") == ["soft light", "soft"]
    assert inserts(studio, "blu", negative=True) == ["blurry", "blurred"]
    assert inserts(studio, "blu") == []
    assert inserts(studio, "r") == []
    # What came since is counted, too.
    for _ in range(2):
        studio.follow(studio.submit(studio.complete({"prompt": "rediscovered", "steps": 1}))["id"], lambda event: None)
    assert inserts(studio, "an apple, re") == ["rediscovered", "red"]

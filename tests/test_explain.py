"""The prompt inspector: tokens, timelines, networks, and warnings whose fixes mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_checkpoint import SHIPPED_CHECKPOINT

from webui.catalog.tokenizer import tokenizer_of
from webui.errors import CheckpointUnusable
from webui.generation.prompt.chunks import Word
from webui.generation.prompt.explain import MOST_ENTRIES, MOST_WARNINGS, Explanation, Reader, explain
from webui.generation.prompt.schedules import Steps


def words(text: str) -> list[Word]:
    return [Word(0 if word == "," else 1, word) for word in text.replace(",", " , ").split()]


READER = Reader(words, 5, comma_backtrack=3, knows=lambda kind, name: name == "here")


def told(text: str, *, negative: bool = False) -> Explanation:
    return explain(text, Steps(20), READER, negative=negative)


def test_tokens_with_their_weights_chunk_by_chunk() -> None:
    (part,) = told("a (red:1.2), fox [in] the (snow)").parts
    assert [[(word.text, word.weight) for word in chunk] for chunk in part.chunks] == [
        [("a", 1), ("red", 1.2), (",", 1)],
        [("fox", 1), ("in", 0.9091), ("the", 1), ("snow", 1.1)],
    ]


@pytest.mark.parametrize(
    ("text", "tokens", "room"),
    [
        ("", 0, 5),
        ("a b", 2, 5),
        ("a b c d e", 5, 5),
        ("a b c d e f", 6, 10),
        ("a BREAK b", 6, 10),
        ("[a b c:a:0.5] d", 4, 5),
        ("a AND b c", 2, 5),
    ],
)
def test_the_count_is_that_of_the_longest_text(text: str, tokens: int, room: int) -> None:
    assert (told(text).tokens, told(text).room) == (tokens, room)


def test_timelines_of_parts() -> None:
    first, second = told("a [b:c:0.5] AND d :0.5").parts
    assert [(entry.first, entry.last, entry.text) for entry in first.entries] == [(1, 10, "a b "), (11, 20, "a c ")]
    assert (second.weight, [(entry.first, entry.last) for entry in second.entries]) == (0.5, [(1, 20)])
    assert len(explain("[a|b]", Steps(150), READER).parts[0].entries) == MOST_ENTRIES


def test_networks_are_found_or_missing() -> None:
    explanation = told("<lora:here:0.5> <lora:gone:1:0>")
    assert [(one.name, one.text_encoder_weight, one.unet_weight, one.found) for one in explanation.networks] == [
        ("here", 0.5, 0.5, True),
        ("gone", 1.0, 0.0, False),
    ]
    assert explain("<lora:x>", Steps(1), Reader(words, 5)).networks[0].found is None


WARNINGS = [
    ("a (b BREAK c:1.2)", "break_in_brackets", "a (b:1.2) BREAK (c:1.2)"),
    ("(a BREAK b)", "break_in_brackets", "(a) BREAK (b)"),
    ("((a BREAK b) c)", "break_in_brackets", None),
    ("a (b [c", "open_bracket", "a (b [c])"),
    ("a) b", "stray_bracket", r"a\) b"),
    ("a) (b", "stray_bracket", ""),
    ("[a:1.3]", "number_in_square_brackets", "(a:1.3)"),
    ("[a:b:1.0]", "fraction_for_step", "[a:b:1]"),
    ("[a:b: 2.0 ] c", "fraction_for_step", "[a:b:2] c"),
    ("[a:b:40]", "never_changes", ""),
    ("in 16:9", "weight_of_all", "in 16:9,"),
    ("a | b [c:d:0.5]", "stray_bar", r"a \| b [c:d:0.5]"),
    ("a <lora:gone:1>", "network_missing", "a"),
    ("<what:x>a", "unknown_network", "a"),
]


@pytest.mark.parametrize(("text", "code", "fix"), WARNINGS)
def test_a_warning_comes_with_its_fix(text: str, code: str, fix: str | None) -> None:
    (warning,) = told(text).warnings
    assert warning.code == code
    if fix is not None:
        assert warning.fix == fix
    assert bool(warning.fix) == bool(warning.way)
    if warning.fix and code != "break_in_brackets":
        assert told(warning.fix).warnings == ()


def test_a_fixed_break_works() -> None:
    fixed = told("a (b BREAK c:1.2)").warnings[0].fix
    assert told(fixed).warnings == ()
    assert len(told(fixed).parts[0].chunks) == 2


@pytest.mark.parametrize(("text", "code", "fix"), [("a <lora:x>", "network_in_negative", "a"), ("a AND b", "and_in_negative", "a, b")])
def test_warnings_of_negative_prompts(text: str, code: str, fix: str) -> None:
    (warning,) = told(text, negative=True).warnings
    assert (warning.code, warning.fix) == (code, fix)


@pytest.mark.parametrize(
    "text", ["a red apple", "(a:1.2) [b] ((c))", "a BREAK b", "a AND b", "[a|b]", "[a:b:0.5]", r"\(a\)", "<lora:here>", "a: b", "a | b"]
)
def test_what_is_meant_is_not_warned_of(text: str) -> None:
    assert told(text).warnings == ()


@settings(deadline=None)
@given(st.lists(st.sampled_from([*"()[]:|\\<>#, 1.a", "AND", "BREAK", "<lora:a>"]), max_size=40).map("".join), st.booleans())
def test_any_prompt_can_be_explained(text: str, negative: bool) -> None:
    explanation = told(text, negative=negative)
    assert 0 <= explanation.tokens <= explanation.room
    assert len(explanation.warnings) <= MOST_WARNINGS


# tokenizers


def test_the_shipped_checkpoints_words() -> None:
    tokenizer = tokenizer_of(SHIPPED_CHECKPOINT)
    assert tokenizer.room == 30
    assert [word.text for word in tokenizer.words("A red apple, 猫")] == ["A", "red", "apple", ",", "猫", "", ""]


def test_vocabulary_and_merges_say_the_same_as_one_file(tmp_path: Path) -> None:
    model = json.loads((SHIPPED_CHECKPOINT / "tokenizer" / "tokenizer.json").read_text("utf-8"))["model"]
    folder = tmp_path / "old" / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), "utf-8")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 77}')
    old, new = tokenizer_of(tmp_path / "old"), tokenizer_of(SHIPPED_CHECKPOINT)
    assert old.room == 75
    for text in ("a red apple on a sky blue background", "Ünïcode, 猫 (cat)! don't  \n 12", "<|endoftext|> x"):
        assert old.words(text) == new.words(text)


def test_a_broken_tokenizer_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 77}')
    (tmp_path / "tokenizer" / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointUnusable, match="tokenizer"):
        tokenizer_of(tmp_path)


LEARNED = Reader(
    words,
    5,
    knows=lambda kind, name: name == "here",
    embeddings={"EasyNegative": 3, "bad hands": 1, "huge": 9},
    near=lambda kind, name: {"inc": ["ink"], "easynegativ": ["EasyNegative"]}.get(name.casefold(), []),
)


def learned(text: str) -> Explanation:
    return explain(text, Steps(20), LEARNED, negative=True)


def test_an_embedding_counts_its_vectors() -> None:
    numbers: dict[str, int] = {}

    def numbered(text: str) -> list[Word]:
        return [Word(numbers.setdefault(word.text.lower(), len(numbers)), word.text) for word in words(text)]

    reader = Reader(numbered, 5, embeddings={"EasyNegative": 3, "bad hands": 1, "huge": 9})
    found = explain("a (easynegative:1.2) bad hands b", Steps(20), reader)
    assert [[(word.text, word.weight) for word in chunk] for chunk in found.parts[0].chunks] == [
        [("a", 1), ("EasyNegative", 1.2), ("", 1.2), ("", 1.2), ("bad hands", 1)],
        [("b", 1)],
    ]
    assert (found.tokens, found.room) == (6, 10)
    assert [(one.name, one.vectors) for one in found.embeddings] == [("EasyNegative", 3), ("bad hands", 1)]
    # One that is longer than a chunk is cut, as the engine does.
    assert explain("huge b", Steps(20), reader).tokens == 6
    assert explain("", Steps(20), reader).embeddings == ()


@pytest.mark.parametrize(
    ("text", "code", "fix"),
    [
        ("ugly, EasyNegativ", "embedding_near", "ugly, EasyNegative"),
        ("ugly, (embedding:easynegative:1.2)", "embedding_near", "ugly, (easynegative:1.2)"),
        ("ugly, embedding:EasyNegativ", "embedding_near", "ugly, EasyNegative"),
        ("embedding:nothing-like-it, ugly", "embedding_missing", "ugly"),
    ],
)
def test_names_of_embeddings_that_are_written_otherwise_are_mended(text: str, code: str, fix: str) -> None:
    (warning,) = learned(text).warnings
    assert (warning.code, warning.fix) == (code, fix)
    assert not learned(fix).warnings


def test_a_missing_lora_is_mended_with_a_near_name() -> None:
    (warning,) = explain("a fox <lora:inc:0.5:1>", Steps(20), LEARNED).warnings
    assert (warning.code, warning.fix, warning.way) == ("network_missing", "a fox <lora:ink:0.5:1>", "Use ink")
    (warning,) = explain("a fox <lora:none:0.5>", Steps(20), LEARNED).warnings
    assert (warning.fix, warning.way) == ("a fox", "Take it out")

"""The prompt language: AUTOMATIC1111's case tables, and that any text at all can be read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.generation.prompt.emphasis import EMPHASIS_MODES, MOST_WEIGHT, weighted
from webui.generation.prompt.reading import read_negative_prompt, read_prompt, without_comments
from webui.generation.prompt.schedules import Steps, Timeline, parse_schedules, timeline

Entries = list[tuple[int, str]]


def over(text: str, steps: int = 20, *, before: int | None = None, old: bool = False) -> Entries:
    """(last step, text) of a prompt."""
    told = timeline(parse_schedules(text), Steps(steps, before, old))
    return list(zip(told.lasts, told.entries, strict=True))


def pieces(text: str) -> list[tuple[str, float]]:
    """(text, weight) of a prompt; BREAK by its name."""
    return [("BREAK" if segment.ends_chunk else segment.text, segment.weight) for segment in weighted(text)]


# schedules

SCHEDULES: list[tuple[str, Entries]] = [
    ("test", [(20, "test")]),
    ("[a:b:0.5]", [(10, "a"), (20, "b")]),
    ("[a:b:10]", [(10, "a"), (20, "b")]),
    ("[a:b:0.26]", [(5, "a"), (20, "b")]),
    ("[a:b:1]", [(1, "a"), (20, "b")]),
    ("[a:b:1.0]", [(20, "a")]),
    ("[a:b:0]", [(20, "b")]),
    ("[a:b:0.0]", [(20, "b")]),
    ("[a:b:-3]", [(20, "b")]),
    ("[a:b:-0.5]", [(20, "b")]),
    ("[a:b:25]", [(20, "a")]),
    ("[a:b:1e400]", [(20, "a")]),
    ("[a::0.5]", [(10, "a"), (20, "")]),
    ("[b:0.5]", [(10, ""), (20, "b")]),
    ("[b: .5 ]", [(10, ""), (20, "b")]),
    ("[a:1.5]", [(20, "")]),
    ("[[a|b]:c:0.2]", [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (20, "c")]),
    ("[(red:1.2):blue:0.3]", [(6, "(red:1.2)"), (20, "blue")]),
    ("[(a:2):3]", [(3, ""), (20, "(a:2)")]),
    ("a [[[b]]:2]", [(2, "a "), (20, "a [[b]]")]),
    ("a [b : c : 1] d", [(1, "a b  d"), (20, "a  c  d")]),
    ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (20, "ade")]),
    ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (20, "((a][:b:c d")]),
    # what is no expression is text
    ("a [b", [(20, "a [b")]),
    (r"\[a:b:0.5\]", [(20, r"\[a:b:0.5\]")]),
    ("[a:b:c]", [(20, "[a:b:c]")]),
    ("[a:b:c:0.5]", [(20, "[a:b:c:0.5]")]),
    ("[a:b:1.2.3]", [(20, "[a:b:1.2.3]")]),
    ("a (b: c) d", [(20, "a (b: c) d")]),
    # and so are the brackets around it, but not what stands in it
    ("[[a:b:c]:d:0.5]", [(20, "[[a:b:c]:d:0.5]")]),
    ("[a: [b:c:0.5] :d]", [(10, "[a: b :d]"), (20, "[a: c :d]")]),
    ("[a (b:c:0.5]", [(20, "[a (b:c:0.5]")]),
    ("(a [b:c:0.5]", [(10, "(a b"), (20, "(a c")]),
    ("a: [b:c:0.5]: d", [(10, "a: b: d"), (20, "a: c: d")]),
    ("([b:c:0.5]:1.2)", [(10, "(b:1.2)"), (20, "(c:1.2)")]),
    ("(a:[b:c:0.5]:1.2) [d:e:0.5]", [(10, "(a:b:1.2) d"), (20, "(a:c:1.2) e")]),
    ("[(a:b:1.2):c:0.5] [d:e:0.5]", [(10, "[(a:b:1.2):c:0.5] d"), (20, "[(a:b:1.2):c:0.5] e")]),
    ("[((a:1.2) [b]):(c):0.5]", [(10, "((a:1.2) [b])"), (20, "(c)")]),
    # a bar outside of options, or a backslash at the end, makes all of it text
    ("a | b [c:d:0.5]", [(20, "a | b [c:d:0.5]")]),
    ("(a|b) [c:d:0.5]", [(20, "(a|b) [c:d:0.5]")]),
    ("[a|b:0.5]", [(20, "[a|b:0.5]")]),
    ("[c:d:0.5] \\", [(20, "[c:d:0.5] \\")]),
]


@pytest.mark.parametrize(("text", "expected"), SCHEDULES, ids=lambda value: str(value)[:30])
def test_schedules(text: str, expected: Entries) -> None:
    assert over(text) == expected


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("[a|b|c]", "abc"),
        ("[fe|]male", ["female", "male"]),
        ("[fe|||]male", ["female", "male", "male", "male"]),
        ("[a|(b:1.1)]", ["a", "(b:1.1)"]),
    ],
)
def test_alternation_goes_on_with_every_step(text: str, options: list[str]) -> None:
    tree, steps = parse_schedules(text), Steps(9)
    told = timeline(tree, steps)
    assert [told.entries[told.index_at(step)] for step in range(1, 10)] == [options[step % len(options)] for step in range(9)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:0.5]", [(10, "b")]),
        ("[a:b:1.5]", [(5, "a"), (10, "b")]),
        ("[a:b:25]", [(5, "a"), (10, "b")]),
        ("[a:b:12]", [(10, "b")]),
        ("[a:b:2.0]", [(10, "a")]),
    ],
)
def test_the_hires_pass_goes_on_counting(text: str, expected: Entries) -> None:
    assert over(text, 10, before=20) == expected


def test_old_timelines() -> None:
    assert over("[a:b:1.0]", old=True) == [(1, "a"), (20, "b")]
    assert over("[a:b:0.5]", old=True) == [(10, "a"), (20, "b")]
    assert over("[a:b:2.7]", old=True) == [(2, "a"), (20, "b")]
    assert over("[a:b:0.5]", 10, before=20, old=True) == [(5, "a"), (10, "b")]


def test_calls_are_counted_from_nought_so_an_entry_lasts_one_call_longer() -> None:
    told = timeline(parse_schedules("[a:b:0.5]"), Steps(20))
    assert "".join(told.entries[told.index_at(call)] for call in range(23)) == "a" * 11 + "b" * 12


def test_a_timeline_keeps_its_last_entry() -> None:
    told = Timeline((1, 3), ("a", "b"))
    assert [told.index_at(step) for step in range(6)] == [0, 0, 1, 1, 1, 1]
    assert told.map(str.upper).entries == ("A", "B")


# emphasis

WEIGHTS: list[tuple[str, list[tuple[str, float]]]] = [
    ("normal text", [("normal text", 1.0)]),
    ("", [("", 1.0)]),
    ("(a)", [("a", 1.1)]),
    ("((a))", [("a", 1.21)]),
    ("[a]", [("a", 0.90909)]),
    ("[[a]]", [("a", 0.82645)]),
    ("(a:1.3)", [("a", 1.3)]),
    ("(a (b:1.3) c:1.2)", [("a ", 1.2), ("b", 1.56), (" c", 1.2)]),
    ("((a):1.2)", [("a", 1.32)]),
    ("(a: 1.2 )", [("a", 1.2)]),
    ("(a:.5)", [("a", 0.5)]),
    ("(a:+2)", [("a", 2.0)]),
    ("(a:-0.5)", [("a", -0.5)]),
    ("[a:1.5]", [("a:1.5", 0.90909)]),
    ("(a:1.5", [("a:1.5", 1.1)]),
    ("a:1.5)", [("a:1.5)", 1.0)]),
    ("(b:1.2:1.3)", [("b:1.2", 1.3)]),
    ("(b:1.2.3)", [("b:1.2.3", 1.1)]),
    ("(b:.)", [("b:.", 1.1)]),
    ("()", [("", 1.0)]),
    (r"\(a\) \[b\] \\ \c \_", [(r"(a) [b] \ c _", 1.0)]),
    (r"\(literal\]", [("(literal]", 1.0)]),
    ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
    ("[(a)]", [("a", 1.0)]),
    ("(a [b) c]", [("a ", 1.1), ("b", 1.0), (" c", 0.90909)]),
    ("[a", [("a", 0.90909)]),
    ("a]", [("a]", 1.0)]),
    (
        "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
        [
            ("a ", 1.0),
            ("house", 1.573),
            (" ", 1.1),
            ("on", 1.0),
            (" a ", 1.1),
            ("hill", 0.55),
            (", sun, ", 1.1),
            ("sky", 1.4641),
            (".", 1.1),
        ],
    ),
    # BREAK
    ("a BREAK b", [("a", 1.0), ("BREAK", 1.0), ("b", 1.0)]),
    ("a \n BREAK\n\nb", [("a", 1.0), ("BREAK", 1.0), ("b", 1.0)]),
    ("BREAKing break BREAK_", [("BREAKing break BREAK_", 1.0)]),
    ("(a BREAK b:1.2)", [("a", 1.2), ("BREAK", -1.2), ("b", 1.2)]),
    ("(a:1.2) BREAK (b)", [("a", 1.2), ("", 1.0), ("BREAK", 1.0), ("", 1.0), ("b", 1.1)]),
]


@pytest.mark.parametrize(("text", "expected"), WEIGHTS, ids=lambda value: str(value)[:30])
def test_emphasis(text: str, expected: list[tuple[str, float]]) -> None:
    found = pieces(text)
    assert [words for words, _ in found] == [words for words, _ in expected]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in expected], abs=1e-5)


def test_only_a_break_outside_of_brackets_ends_a_chunk() -> None:
    assert [segment.ends_chunk for segment in weighted("a BREAK b")] == [False, True, False]
    assert not any(segment.ends_chunk for segment in weighted("(a BREAK b:1.2)"))


def test_modes_that_have_no_weights() -> None:
    assert [(segment.text, segment.weight) for segment in weighted("a (b:2)", "Ignore")] == [("a ", 1.0), ("b", 1.0)]
    assert [(segment.text, segment.weight) for segment in weighted("a (b:2) BREAK", "None")] == [("a (b:2) BREAK", 1.0)]


def test_weights_stay_numbers() -> None:
    (loud,) = weighted("(" * 10_000 + "a")
    assert loud.weight == MOST_WEIGHT


# composition, extra networks, comments


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a cat :1.2 AND a dog:0.5", [("a cat", 1.2), (" a dog", 0.5)]),
        ("a AND b :-1", [("a ", 1.0), (" b", -1.0)]),
        ("AND a", [("", 1.0), (" a", 1.0)]),
        ("a AND b AND c:.5", [("a ", 1.0), (" b ", 1.0), (" c", 0.5)]),
        ("SAND and AND_ rand", [("SAND and AND_ rand", 1.0)]),
        ("in 16:9", [("in 16", 9.0)]),
        ("a (b:1.2) AND [c:d:0.5]", [("a (b:1.2) ", 1.0), (" c", 1.0)]),
        ("a: b", [("a: b", 1.0)]),
    ],
)
def test_and(text: str, expected: list[tuple[str, float]]) -> None:
    assert [(part.over(Steps(20)).entries[0], part.weight) for part in read_prompt(text).parts] == expected


@pytest.mark.parametrize(
    ("tag", "kind", "name", "weights"),
    [
        ("<lora:ink>", "lora", "ink", (1.0, 1.0)),
        ("<lora:ink:0.7>", "lora", "ink", (0.7, 0.7)),
        ("<lora:ink v2:0.7:0.2>", "lora", "ink v2", (0.7, 0.2)),
        ("<lora:ink:0.7:0.2:8>", "lora", "ink", (0.7, 0.2)),
        ("<lora:ink:te=0.3:unet=0.9>", "lora", "ink", (0.3, 0.9)),
        ("<lora:ink:unet=0.9>", "lora", "ink", (1.0, 0.9)),
        ("<lora:ink:0.5:unet=0.9>", "lora", "ink", (0.5, 0.9)),
        ("<lyco:ink:-1>", "lyco", "ink", (-1.0, -1.0)),
        ("<hypernet:ink:0.5>", "hypernet", "ink", (0.5, 0.5)),
        ("<lora:ink:a lot>", "lora", "ink", (1.0, 1.0)),
        ("<lora:ink:nan>", "lora", "ink", (1.0, 1.0)),
    ],
)
def test_extra_networks(tag: str, kind: str, name: str, weights: tuple[float, float]) -> None:
    prompt = read_prompt(f"a {tag}fox")
    (network,) = prompt.networks
    assert (network.kind, network.name, (network.text_encoder_weight, network.unet_weight)) == (kind, name, weights)
    assert prompt.parts[0].over(Steps(1)).entries == ("a fox",)


@pytest.mark.parametrize("text", ["<lora>", "a < b > c", "<:a>", "<lora:>", "< lora:a>"])
def test_what_is_no_tag_stays(text: str) -> None:
    prompt = read_prompt(text)
    assert prompt.networks == ()
    assert prompt.parts[0].over(Steps(1)).entries == (text,)


def test_in_a_negative_prompt_and_and_tags_are_words() -> None:
    prompt = read_negative_prompt("a AND <lora:b:1> [c:d:0.5]:2 # but comments go")
    assert prompt.networks == ()
    (part,) = prompt.parts
    assert (part.weight, part.over(Steps(20)).entries) == (1.0, ("a AND <lora:b:1> c:2 ", "a AND <lora:b:1> d:2 "))


@pytest.mark.parametrize(
    ("text", "expected"), [("a # b", "a "), ("# b\na", "a"), ("a\n#b\nc", "a\nc"), ("a#", "a"), ("a\n\nb", "a\n\nb"), ("#", "")]
)
def test_comments(text: str, expected: str) -> None:
    assert without_comments(text) == expected


# any text at all

MARKS = st.lists(st.sampled_from([*"()[]:|\\<># \n.0123456789ab", "AND", "BREAK", "<lora:", "é", "猫"]), max_size=60).map("".join)


@given(st.one_of(st.text(max_size=60), MARKS), st.integers(1, 30), st.sampled_from([None, 1, 20]), st.booleans())
@settings(deadline=None)
def test_any_text_can_be_read(text: str, steps: int, before: int | None, old: bool) -> None:
    for prompt in (read_prompt(text), read_negative_prompt(text)):
        for part in prompt.parts:
            told = part.over(Steps(steps, before, old))
            assert told.lasts[-1] == steps
            assert list(told.lasts) == sorted(set(told.lasts))
            for words in told.entries[:3]:
                for mode in EMPHASIS_MODES:
                    assert all(abs(segment.weight) <= MOST_WEIGHT for segment in weighted(words, mode))


@settings(deadline=None)
@given(st.text(st.characters(blacklist_characters="()[]\\:|#<>", blacklist_categories=("Cs",)), max_size=60))
def test_plain_words_mean_themselves(text: str) -> None:
    prompt = read_prompt(text)
    if len(prompt.parts) == 1 and "BREAK" not in text:
        (words,) = prompt.parts[0].over(Steps(20)).entries
        assert [segment.text for segment in weighted(words)] == [text]


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "(" * 50_000 + "a" + ")" * 50_000, "[([" * 5_000 + "a" + "])]" * 5_000, "[a:" * 5_000 + "b" + ":0.5]" * 5_000],
    ids=lambda text: text[:6],
)
def test_brackets_may_lie_in_one_another_to_any_depth(text: str) -> None:
    told = read_prompt(text).parts[0].over(Steps(2))
    assert sum(len(segment.text) for segment in weighted(told.entries[0])) < len(text)

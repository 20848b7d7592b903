"""What many pictures say together: counts that are right, intervals that hold, and nothing that chance alone would say."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from webui.studio.analysis.lift import FALSE_SHARE, lifts, wilson
from webui.studio.analysis.made import Made
from webui.studio.analysis.queries import trait_query, words_query
from webui.studio.analysis.scatter import MOST_POINTS, points
from webui.studio.analysis.terms import terms_of
from webui.studio.analysis.threads import threads
from webui.studio.analysis.trends import calendar, once_each, trends
from webui.studio.ids import COUNTER_BITS

HOUR = 3_600_000
FIRST = int(datetime(2026, 1, 5, 12).astimezone().timestamp() * 1000)


def picture(number: int, prompt: str = "a fox", *, hours: float | None = None, **how: object) -> Made:
    """The picture of that number; each is made an hour after the one before, by a generation of its own."""
    identifier = (FIRST + int((number if hours is None else hours) * HOUR)) << COUNTER_BITS
    usual = {
        **{"generation": identifier, "checkpoint": "m", "sampler": "Euler", "schedule": "Karras", "steps": 20, "cfg": 7.0},
        **{"width": 512, "height": 512, "kind": "txt2img", "tool": "Easel", "loras": (), "rating": None, "favourite": False},
    }
    return Made(id=identifier + number % 1000, prompt=prompt, **{**usual, **how})  # type: ignore[arg-type]


def test_words_and_pairs_are_what_prompts_say_without_marks_of_the_grammar() -> None:
    words, pairs = terms_of("(Soft light:1.3), [oil painting::0.5], a fox of gold <lora:ink:0.8> BREAK 3d, 1girl, 狐の絵")
    assert words == {"soft", "light", "oil", "painting", "fox", "gold", "3d", "1girl", "狐の絵"}
    assert pairs == {"soft light", "oil painting"}


@given(st.text(max_size=300))
def test_any_prompt_has_words(prompt: str) -> None:
    words, pairs = terms_of(prompt)
    assert all(word.strip() for word in words)
    assert all(len(pair.split(" ")) == 2 for pair in pairs)


def test_the_calendar_counts_each_day() -> None:
    made = [picture(n, hours=n * 5, favourite=n == 3) for n in range(8)]
    days = calendar(made)
    assert sum(day["pictures"] for day in days) == 8
    assert [day["day"] for day in days] == ["2026-01-05", "2026-01-06"]
    assert sum(day["good"] for day in days) == 1


def test_a_prompt_for_many_pictures_counts_once_in_trends() -> None:
    made = [picture(n, "castle", generation=1) for n in range(9)] + [picture(n + 10, "castle, harbour") for n in range(3)]
    told = trends(once_each(made))
    assert sum(told["generations"]) == 4
    assert {term["text"]: term["n"] for term in told["words"]} == {"castle": 4, "harbour": 3}


def test_what_rises_and_fades_is_told() -> None:
    made = [picture(n, "old style" if n < 40 else "new style", hours=n * 24) for n in range(80)]
    told = trends(once_each(made))
    assert told["span"] == "week"
    change = {term["text"]: term["change"] for term in told["words"]}
    assert (change["new"], change["old"], change["style"]) == (100.0, -100.0, 0.0)
    assert all(sum(term["counts"]) == term["n"] and len(term["counts"]) == len(told["starts"]) for term in told["words"])


def test_spans_fit_the_time() -> None:
    for days, span in ((1, "day"), (59, "day"), (300, "week"), (1500, "month"), (4000, "year")):
        told = trends(once_each([picture(0, "x y"), picture(1, "x y", hours=days * 24)]))
        assert told["span"] == span and 1 <= len(told["starts"]) <= 61 and sum(told["generations"]) == 2


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_holds_the_share_and_shrinks(voices: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, voices)) / voices
    low, high = wilson(share, voices)
    assert 0 <= low <= share + 1e-9 and share - 1e-9 <= high <= 1
    further = wilson(share, voices * 4)
    assert further[1] - further[0] < high - low + 1e-9


def rated(rng: random.Random, n: int, good: dict[str, float], words: Sequence[str]) -> list[Made]:
    """Pictures with five random words each; how likely they are good follows from the words, else one in ten is."""
    made = []
    for number in range(n):
        chosen = rng.sample(words, 5)
        likely = max((good.get(word, 0.1) for word in chosen), default=0.1)
        made.append(picture(number, ", ".join(chosen), favourite=rng.random() < likely, sampler=rng.choice(("Euler", "DDIM"))))
    return made


def test_what_makes_pictures_good_stands_out_and_leads_to_them() -> None:
    words = [f"word{letter}{other}" for letter in "abcdefgh" for other in "klmnop"]
    made = rated(random.Random(3), 1500, {"wordak": 0.6}, words)
    told = lifts(made)
    first = told["traits"][0]
    assert told["enough"] and (first["kind"], first["value"], first["sure"]) == ("word", "wordak", True)
    assert 1 < first["lift_low"] < first["lift"] < first["lift_high"]
    assert trait_query(first) == 'prompt:"wordak"'


def test_chance_alone_stands_out_hardly_ever() -> None:
    words = [f"word{letter}{other}" for letter in "abcdefgh" for other in "klmnop"]
    looked_at = found = 0
    for seed in range(12):
        told = lifts(rated(random.Random(seed), 600, {}, words))
        looked_at += told["looked_at"]
        found += sum(trait["sure"] for trait in told["traits"])
    assert looked_at > 400
    # Benjamini and Hochberg: with nothing to be found, one analysis in twenty tells of something at all.
    assert found <= looked_at * FALSE_SHARE / 4


def test_an_evening_with_one_prompt_is_one_voice() -> None:
    # A hundred good pictures of one prompt would make each of its words certain, counted one by one.
    evening = [picture(n, "unicorn dream", favourite=True) for n in range(100)]
    others = [picture(200 + n, f"plain{n} thing", favourite=n % 5 == 0) for n in range(300)]
    told = {trait["value"]: trait for trait in lifts([*evening, *others])["traits"]}
    assert told["unicorn dream"]["voices"] == 1.0
    assert not told["unicorn dream"]["sure"]
    assert "unicorn" not in told  # it says what the pair says


def test_too_few_good_pictures_say_nothing() -> None:
    told = lifts([picture(n, favourite=n < 5) for n in range(60)])
    assert (told["enough"], told["good"], told["traits"]) == (False, 5, [])
    assert lifts([])["enough"] is False
    assert lifts([picture(n, favourite=True) for n in range(60)])["enough"] is False


def test_ranges_of_numbers_hold_about_as_many_pictures_each() -> None:
    rng = random.Random(5)
    made = [picture(n, f"word{n % 90}", steps=rng.randint(10, 60), favourite=rng.random() < 0.3) for n in range(600)]
    ranges = [trait for trait in lifts(made)["traits"] if trait["kind"] == "steps"]
    assert 3 <= len(ranges) <= 6 and sum(trait["pictures"] for trait in ranges) == 600
    assert max(trait["pictures"] for trait in ranges) < 240
    assert {trait_query(trait) for trait in ranges} == {f"steps:{t['low_value']:g}..{t['high_value']:g}" for t in ranges}


def test_queries_can_not_be_broken_out_of() -> None:
    assert words_query('say "x" -y') == 'prompt:"say x -y"'
    assert trait_query({"kind": "model", "value": 'a" is:trash "', "low_value": None, "high_value": None}) == 'model:"a is:trash "'
    assert trait_query({"kind": "cfg", "value": "7", "low_value": 7.0, "high_value": 7.0}) == "cfg:7"


def test_edits_of_a_prompt_are_one_strip_and_another_prompt_is_none_of_it() -> None:
    prompts = ["red fox, forest, oil painting", "red fox, forest, watercolour", "red fox, forest, watercolour, (snow:1.2)"]
    made = [picture(n, prompt) for n, prompt in enumerate(prompts)]
    made.insert(2, picture(40, "castle at night, stars", hours=1.5))
    made.append(picture(50, prompts[-1], hours=3, favourite=True))
    (thread,) = threads(made)
    assert (thread["edits"], thread["pictures"], len(thread["steps"])) == (2, 4, 3)
    assert thread["steps"][0]["changes"] == []
    changes = [(change["kind"], change["text"]) for change in thread["steps"][1]["changes"]]
    assert set(changes) == {("removed", "oil painting"), ("added", "watercolour")}
    assert any(change["kind"] == "added" and "snow" in change["text"] for change in thread["steps"][2]["changes"])
    assert thread["steps"][2]["good"] and thread["steps"][2]["image"] == str(made[-1].id)


def test_points_are_few_and_good_ones_among_them() -> None:
    made = [picture(n, favourite=n % 50 == 0) for n in range(5000)]
    told = points(made)
    assert len(told) == MOST_POINTS
    assert sum(point["good"] for point in told) == 100


def test_twenty_thousand_pictures_take_seconds() -> None:
    rng = random.Random(1)
    words = [f"word{n}" for n in range(2000)]
    weights = [1 / (n + 1) for n in range(2000)]
    made, prompt = [], rng.choices(words, weights, k=20)
    for n in range(20_000):
        if rng.random() < 0.4:
            prompt[rng.randrange(20)] = rng.choices(words, weights)[0]
        made.append(picture(n, ", ".join(prompt), hours=n / 3, favourite=rng.random() < 0.1))
    began = time.process_time()
    trends(once_each(made)), lifts(made), threads(made), points(made), calendar(made)
    # About 2 s on a slow machine; the bound is there for what would take minutes.
    assert time.process_time() - began < 20
    terms_of.cache_clear()

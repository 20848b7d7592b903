"""Whose job runs next: turns between people, as a plan and as the property that holds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from webui.executors.fake import FakeExecutor
from webui.generation.request import parse_request
from webui.people import Person
from webui.studio.line import FOREVER_PRIORITY, LIVE_PRIORITY, Waiting, lane_of
from webui.studio.line import running_order as one_order
from webui.studio.studio import Studio
from webui.studio.turns import MOST_JOBS, MOST_SECONDS, Turns, running_order

ANNA, BEN = Person("a" * 16, "anna", "user"), Person("b" * 16, "ben", "user")
ADMIN = Person("c" * 16, "cleo", "admin")
SMALL = {"width": 64, "height": 64, "steps": 2}


def line(first: int, checkpoints: str, priority: int = 0, lane: int = 0) -> list[Waiting]:
    return [Waiting(first + number, priority, name, 0, 1.0, lane) for number, name in enumerate(checkpoints)]


def order(lines: dict[str, list[Waiting]], loaded: str | None = None, seconds: float | None = None) -> str:
    return "".join(owner for owner, _ in running_order(lines, Turns(), loaded, lambda _: seconds))


def test_people_with_the_same_checkpoint_take_turns_job_by_job() -> None:
    assert order({"A": line(1, "x" * 5), "B": line(10, "x" * 3)}) == "ABABABAA"
    assert order({"A": line(1, "x" * 100), "B": line(200, "x")}, "x").index("B") == 1


def test_a_turn_goes_on_while_it_spares_a_change_of_checkpoint() -> None:
    both = {"A": line(1, "x" * 20), "B": line(100, "y" * 20)}
    assert order(both, "x") == "A" * 8 + "B" * 8 + "A" * 8 + "B" * 8 + "A" * 4 + "B" * 4
    assert MOST_JOBS == 8
    # Long jobs end a turn sooner.
    assert order(both, "x", MOST_SECONDS / 2).startswith("AABBAABB")
    assert order(both, "x", MOST_SECONDS * 2).startswith("ABABAB")


def test_lanes_go_before_turns() -> None:
    lines = {"A": line(1, "xx"), "B": line(10, "x", 5, lane_of(5, 5)), "C": line(20, "x", 10, lane_of(10))}
    assert order(lines) == "BACA"
    assert order({"A": line(1, "xx"), "B": line(10, "x", LIVE_PRIORITY, lane_of(LIVE_PRIORITY))}) == "BAA"
    assert order({"A": line(1, "x", FOREVER_PRIORITY, lane_of(FOREVER_PRIORITY)), "B": line(10, "xx")}) == "BBA"


def test_whoever_comes_anew_goes_first_and_then_waits_their_turn() -> None:
    turns, lines = Turns(), {"A": line(1, "x" * 9)}
    for _ in range(5):
        chosen = turns.choose(lines, "x", lambda _: None)
        assert chosen is not None
        turns.note(chosen, None)
    lines["B"] = line(50, "x" * 9)
    took = []
    for _ in range(4):
        chosen = turns.choose(lines, "x", lambda _: None)
        assert chosen is not None
        turns.note(chosen, None)
        took.append(chosen.owner)
    assert took == ["B", "A", "B", "A"]


jobs = st.builds(
    Waiting,
    id=st.integers(1, 10**9),
    priority=st.sampled_from([0, 0, 0, 5]),
    checkpoint=st.sampled_from("xyz"),
    overtaken=st.just(0),
    work=st.sampled_from([1.0, 10.0, 100.0]),
)


@given(st.dictionaries(st.sampled_from("ABCD"), st.lists(jobs, min_size=1, max_size=40), min_size=1), st.sampled_from([None, "x"]))
def test_nobody_waits_for_more_than_a_turn_of_each_other_one(lines: dict[str, list[Waiting]], loaded: str | None) -> None:
    numbered = {
        owner: sorted((Waiting(i, e.priority, e.checkpoint, 0, e.work) for i, e in enumerate(own)), key=lambda e: -e.priority)
        for owner, own in lines.items()
    }
    ran = list(running_order(numbered, Turns(), loaded, lambda job: job.work))
    assert sorted((owner, job.id) for owner, job in ran) == sorted((owner, job.id) for owner, own in numbered.items() for job in own)
    for owner, own in numbered.items():
        places = [number for number, (whose, _) in enumerate(ran) if whose == owner]
        others = len(numbered) - 1
        gaps = [second - first - 1 for first, second in zip([-1, *places], places, strict=False)]
        assert max(gaps) <= others * MOST_JOBS, f"{owner} of {len(own)}"


@given(st.lists(jobs, max_size=60, unique_by=lambda entry: entry.id), st.sampled_from([None, "x", "y"]))
def test_alone_all_is_as_it_always_was(entries: list[Waiting], loaded: str | None) -> None:
    own = sorted(entries, key=lambda entry: -entry.priority)
    lines = {"": own} if own else {}
    assert [job for _, job in running_order(lines, Turns(), loaded, lambda _: None)] == one_order(own, loaded)


# the dispatcher


class Remembering(FakeExecutor):
    """Notes the prompts that it was given, in order."""

    def __init__(self) -> None:
        super().__init__(step_seconds=0.0)
        self.drawn: list[str] = []

    def run(self, slot: str, spec):  # type: ignore[no-untyped-def]
        self.drawn.append(spec.request.words[0])
        return super().run(slot, spec)


def submitted(studio: Studio, person: Person, prompts: Sequence[str], **how: int) -> list[str]:
    mine = studio.of(person)
    return [mine.submit(parse_request(SMALL | {"prompt": prompt}), **how)["id"] for prompt in prompts]


def ended(studio: Studio, person: Person, jobs: Sequence[str]) -> None:
    for job in jobs:
        assert studio.of(person).follow(job, lambda event: None)["status"] == "done"


def test_the_queue_alternates_between_people(new_studio: Callable[..., Studio]) -> None:
    executor = Remembering()
    studio = new_studio(executor)
    studio.of(ADMIN).pause(True)
    of_anna = submitted(studio, ANNA, ["a1", "a2", "a3", "a4"])
    of_ben = submitted(studio, BEN, ["b1", "b2"])
    planned = {job["prompt"]: job["ahead"] for person in (ANNA, BEN) for job in studio.of(person).queue.page()["waiting"]}
    assert sorted(planned, key=lambda prompt: planned[prompt]) == ["a1", "b1", "a2", "b2", "a3", "a4"]
    assert planned == {"a1": 0, "b1": 1, "a2": 2, "b2": 3, "a3": 4, "a4": 5}
    studio.of(ADMIN).pause(False)
    ended(studio, ANNA, of_anna)
    ended(studio, BEN, of_ben)
    assert executor.drawn == ["a1", "b1", "a2", "b2", "a3", "a4"]


def test_a_priority_orders_ones_own_jobs_and_an_administrators_all(new_studio: Callable[..., Studio]) -> None:
    executor = Remembering()
    studio = new_studio(executor)
    studio.of(ADMIN).pause(True)
    of_anna = submitted(studio, ANNA, ["a1", "a2"])
    of_ben = submitted(studio, BEN, ["b1"]) + submitted(studio, BEN, ["b2", "b3"], priority=10)
    of_admin = submitted(studio, ADMIN, ["c1"], priority=1)
    studio.of(ADMIN).pause(False)
    ended(studio, ANNA, of_anna)
    ended(studio, BEN, of_ben)
    ended(studio, ADMIN, of_admin)
    assert executor.drawn == ["c1", "a1", "b2", "a2", "b3", "b1"]


def test_one_line_is_paused_and_the_others_go_on(new_studio: Callable[..., Studio]) -> None:
    executor = Remembering()
    studio = new_studio(executor)
    studio.of(ANNA).pause(True)
    of_anna = submitted(studio, ANNA, ["a1"])
    of_ben = submitted(studio, BEN, ["b1"])
    ended(studio, BEN, of_ben)
    assert executor.drawn == ["b1"]
    assert studio.of(ANNA).queue.summary()["paused"] and not studio.of(BEN).queue.summary()["paused"]
    studio.close()
    again = new_studio(executor)
    assert again.of(ANNA).queue.summary()["paused"], "it is remembered"
    again.of(ANNA).pause(False)
    ended(again, ANNA, of_anna)

"""The queue: order, plan, estimate, pause, clear, edit, forever."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_checkpoint import make_checkpoint
from test_studio import SMALL, wait_for

from webui.errors import Conflict, InvalidRequest, KeyUsedDifferently, NotFound, QueueFull
from webui.executors.fake import FakeExecutor
from webui.generation.request import parse_request
from webui.studio.journal import SubmissionKey
from webui.studio.line import MOST_OVERTAKEN, Waiting, choose, running_order
from webui.studio.studio import Studio


def submit(studio: Studio, prompt: str = "", **options: object) -> str:
    how = {name: options.pop(name) for name in ("priority", "forever", "key") if name in options}
    return studio.submit(parse_request(SMALL | {"prompt": prompt} | options), **how)["id"]  # type: ignore[arg-type]


def waiting(studio: Studio) -> list[str]:
    return [job["prompt"] for job in studio.queue.page(0, 100)["waiting"]]


@pytest.fixture
def paused(new_studio: Callable[..., Studio]) -> Studio:
    studio = new_studio(FakeExecutor(step_seconds=0.001))
    studio.pause(True)
    return studio


@pytest.fixture
def two_checkpoints(models_dir: Path) -> None:
    make_checkpoint(models_dir / "checkpoints" / "other")


def order_of_ends(studio: Studio) -> list[str]:
    return [job["prompt"] for job in reversed(studio.ended_jobs(100))]


def run_all(studio: Studio) -> list[str]:
    studio.pause(False)
    wait_for(lambda: studio.waiting_count() == 0 and not studio.queue.page()["running"], 30)
    return order_of_ends(studio)


def test_jobs_run_as_they_came_and_higher_priorities_first(paused: Studio) -> None:
    for prompt, priority in (("a", 0), ("b", -5), ("c", 10), ("d", 0)):
        submit(paused, prompt, priority=priority)
    assert waiting(paused) == ["c", "a", "d", "b"]
    assert run_all(paused) == ["c", "a", "d", "b"]


def test_pause_lets_the_running_job_finish_and_is_remembered(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.05))
    running = submit(studio, "running")
    wait_for(lambda: studio.job(running)["status"] == "running")
    studio.pause(True)
    behind = submit(studio, "behind")
    assert studio.follow(running, lambda event: None)["status"] == "done"
    time.sleep(0.1)
    assert studio.job(behind)["status"] == "waiting"
    studio.close()
    again = new_studio()
    assert again.snapshot()["queue"]["paused"]
    time.sleep(0.1)
    assert again.job(behind)["status"] == "waiting"
    again.pause(False)
    assert again.follow(behind, lambda event: None)["status"] == "done"


def test_live_pictures_are_drawn_while_the_queue_is_paused(paused: Studio) -> None:
    submit(paused, "waits")
    before = paused.events.seq
    live = paused.submit(parse_request(SMALL), live_client="page")
    wait_for(lambda: [event for event in paused.events.after(before) if event["type"] == "picture" and event["live"]])
    assert paused.live_picture(live["id"])
    assert waiting(paused) == ["waits"]


def test_moving_and_priorities(paused: Studio) -> None:
    ids = {prompt: submit(paused, prompt) for prompt in "abcd"}
    paused.move(ids["d"], ids["a"])
    assert waiting(paused) == ["d", "a", "b", "c"]
    paused.move(ids["a"], None)
    assert waiting(paused) == ["d", "b", "c", "a"]
    paused.set_priority(ids["c"], 5)
    assert waiting(paused) == ["c", "d", "b", "a"]
    paused.move(ids["b"], ids["c"])
    assert waiting(paused) == ["b", "c", "d", "a"], "it takes the other one's priority"
    with pytest.raises(NotFound):
        paused.move(ids["a"], "12345")
    paused.cancel(ids["a"])
    for change in (lambda: paused.move(ids["a"], None), lambda: paused.set_priority(ids["a"], 1)):
        with pytest.raises(Conflict):
            change()
    assert run_all(paused)[1:] == ["b", "c", "d"]


def test_a_job_can_be_moved_to_the_same_spot_again_and_again(paused: Studio) -> None:
    ids = [submit(paused, str(number)) for number in range(3)]
    for round_ in range(60):
        paused.move(ids[1 + round_ % 2], ids[2 - round_ % 2])
    assert waiting(paused) == ["0", "2", "1"]


def test_clear_and_its_way_back(paused: Studio) -> None:
    ids = [submit(paused, prompt) for prompt in "abc"]
    paused.cancel(ids[0])
    count, stamp = paused.clear_queue()
    assert count == 2
    assert waiting(paused) == []
    later = submit(paused, "later")
    assert paused.restore_queue(stamp) == 2
    assert waiting(paused) == ["b", "c", "later"], "each at its old place, what was cancelled before stays so"
    assert paused.restore_queue(stamp) == 0
    paused.restore(ids[0])
    assert waiting(paused) == ["a", "b", "c", "later"]
    with pytest.raises(Conflict):
        paused.restore(later)


def test_a_waiting_job_is_edited_in_its_place(paused: Studio) -> None:
    first, second = submit(paused, "first", seed=1), submit(paused, "second")
    paused.edit(first, parse_request(SMALL | {"prompt": "changed", "seed": 7, "batch_count": 2}))
    assert waiting(paused) == ["changed", "second"]
    assert paused.asked_of(first).seed == 7
    paused.pause(False)
    ended = paused.follow(first, lambda event: None)
    assert [image["seed"] for image in ended["images"]] == ["7", "8"]
    with pytest.raises(Conflict):
        paused.edit(first, parse_request(SMALL))
    paused.follow(second, lambda event: None)


def test_a_duplicate_draws_a_random_seed_anew(paused: Studio) -> None:
    first = submit(paused, "x", priority=3)
    copy = paused.duplicate(first)
    assert (copy["prompt"], copy["priority"]) == ("x", 3)
    assert copy["seed"] != paused.job(first)["seed"]
    fixed = submit(paused, "y", seed=4)
    assert paused.duplicate(fixed)["seed"] == "4"


def test_an_interrupted_job_goes_on_where_it_stopped(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.02))
    job = submit(studio, "x", batch_count=6, seed=1)
    wait_for(lambda: studio.job(job)["done"] >= 2)
    studio.interrupt(job)
    kept = [image["id"] for image in studio.follow(job, lambda event: None)["images"]]
    studio.restore(job)
    ended = studio.follow(job, lambda event: None)
    assert ended["status"] == "done"
    assert [image["seed"] for image in ended["images"]] == ["1", "2", "3", "4", "5", "6"]
    assert [image["id"] for image in ended["images"]][: len(kept)] == kept


def forever_jobs(studio: Studio) -> list[str]:
    page = studio.queue.page()
    return [job["id"] for job in [*page["running"], *page["waiting"]] if job["forever"]]


def test_forever_goes_on_until_interrupted_and_lets_others_go_first(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.02))
    first = studio.submit(parse_request(SMALL | {"prompt": "forever"}), forever=True)
    wait_for(lambda: studio.history.total() >= 3)
    other = submit(studio, "other")
    assert studio.follow(other, lambda event: None)["status"] == "done"
    seen: list[str] = []
    wait_for(lambda: seen.extend(forever_jobs(studio)) or seen)
    studio.interrupt(seen[0])
    wait_for(lambda: studio.waiting_count() == 0 and not studio.queue.page()["running"])
    made = studio.history.total()
    seeds = {item["seed"] for item in studio.history.page()[0] if item["prompt"] == "forever"}
    assert len(seeds) >= 3, "each one draws its own seed"
    time.sleep(0.1)
    assert studio.history.total() == made
    assert studio.job(first["id"])["forever"]


def test_a_job_that_goes_on_forever_stands_behind_all_others(paused: Studio) -> None:
    assert not paused.queue.summary()["forever"]
    other = submit(paused, "other")
    forever = submit(paused, "on and on", forever=True)
    assert paused.queue.summary()["forever"]
    for change in (
        lambda: paused.move(forever, other),
        lambda: paused.move(other, forever),
        lambda: paused.move(forever, None),
        lambda: paused.set_priority(forever, 5),
    ):
        with pytest.raises(Conflict, match="behind all others"):
            change()
    assert waiting(paused) == ["other", "on and on"]
    paused.end_forever()
    assert not paused.queue.summary()["forever"]


def test_forever_with_a_fixed_seed_counts_on_and_survives_a_restart(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.002))
    studio.submit(parse_request(SMALL | {"seed": 10, "batch_count": 2}), forever=True)
    wait_for(lambda: studio.history.total() >= 4)
    studio.close()
    again = new_studio()
    made = again.history.total()
    wait_for(lambda: again.history.total() >= made + 4)
    again.end_forever()
    wait_for(lambda: again.waiting_count() == 0 and not again.queue.page()["running"])
    seeds = sorted(int(item["seed"]) for item in again.history.page()[0])
    assert seeds == list(range(10, 10 + len(seeds))), "no seed is left out or made twice, also over a restart"


def test_jobs_are_grouped_by_checkpoint_as_the_plan_says(paused: Studio, two_checkpoints: None) -> None:
    for number in range(8):
        submit(paused, str(number), checkpoint=("small", "other")[number % 2])
    planned = waiting(paused)
    assert planned == ["0", "2", "4", "6", "1", "3", "5", "7"]
    assert run_all(paused) == planned


def test_grouping_can_be_switched_off(paused: Studio, two_checkpoints: None) -> None:
    paused.preferences.change({"group_by_checkpoint": False})
    for number in range(6):
        submit(paused, str(number), checkpoint=("small", "other")[number % 2])
    assert waiting(paused) == run_all(paused) == [str(number) for number in range(6)]


def test_estimates_add_up_along_the_plan(paused: Studio) -> None:
    first = submit(paused, "a")
    assert paused.queue.page()["waiting"][0]["starts_in"] == 0
    assert paused.queue.summary()["seconds"] is None, "nothing is known yet"
    run_all(paused)
    paused.pause(True)
    for prompt in "bcd":
        submit(paused, prompt, steps=30)
    page = paused.queue.page()
    starts = [job["starts_in"] for job in page["waiting"]]
    seconds = paused.estimate(parse_request(SMALL | {"steps": 30})).seconds
    assert seconds
    assert starts == pytest.approx([0, seconds, 2 * seconds], abs=0.15)
    assert page["seconds"] == pytest.approx(3 * seconds, abs=0.15)
    tail = paused.queue.page(2, 5)["waiting"]
    assert [job["prompt"] for job in tail] == ["d"]
    assert tail[0]["starts_in"] == pytest.approx(2 * seconds, abs=0.15)
    assert paused.job(first)["status"] == "done"


def test_many_jobs_are_one_write_all_or_none(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False, queue_limit=10)
    studio.submit_all([parse_request(SMALL | {"prompt": str(number)}) for number in range(8)])
    assert waiting(studio) == [str(number) for number in range(8)]
    with pytest.raises(QueueFull) as caught:
        studio.submit_all([parse_request(SMALL)] * 3)
    assert caught.value.retry_after
    assert studio.waiting_count() == 8
    with pytest.raises(InvalidRequest) as wrong:
        studio.complete_all([SMALL, SMALL | {"steps": 0}])
    assert wrong.value.field == "requests[1].steps"


def test_a_key_that_comes_again_makes_nothing_new(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    key = SubmissionKey("abc", b"body")
    first = submit(studio, "x", key=key)
    assert submit(studio, "x", key=key) == first
    assert studio.waiting_count() == 1
    with pytest.raises(KeyUsedDifferently):
        submit(studio, "x", key=SubmissionKey("abc", b"other body"))
    studio.close()
    assert submit(new_studio(start=False), "x", key=key) == first, "also after a restart"


def test_pages_of_a_long_queue_show_each_job_once(new_studio: Callable[..., Studio], two_checkpoints: None) -> None:
    studio = new_studio(start=False)
    requests = [parse_request(SMALL | {"prompt": str(n), "checkpoint": ("small", "other")[n // 3 % 2]}) for n in range(500)]
    studio.submit_all(requests)
    seen = [job["id"] for offset in range(0, 600, 60) for job in studio.queue.page(offset, 60)["waiting"]]
    assert len(seen) == len(set(seen)) == 500


jobs = st.builds(
    Waiting, id=st.integers(1, 10**9), priority=st.sampled_from([0, 0, 0, 5]), checkpoint=st.sampled_from("abc"), overtaken=st.just(0)
)


@given(st.lists(jobs, max_size=150, unique_by=lambda entry: entry.id), st.sampled_from([None, "a", "b"]))
def test_no_job_is_overtaken_too_often_or_by_a_lower_priority(entries: list[Waiting], loaded: str | None) -> None:
    line = sorted(entries, key=lambda entry: -entry.priority)
    order = running_order(line, loaded)
    assert sorted(entry.id for entry in order) == sorted(entry.id for entry in line)
    place = {entry.id: number for number, entry in enumerate(order)}
    for number, entry in enumerate(line):
        overtakers = [later for later in line[number + 1 :] if place[later.id] < place[entry.id]]
        assert len(overtakers) <= MOST_OVERTAKEN
        assert all(later.priority == entry.priority for later in overtakers)


def test_the_loaded_checkpoint_goes_on_and_a_job_moved_by_hand_is_not_overtaken() -> None:
    line = [Waiting(1, 0, "a", 0), Waiting(2, 0, "b", 0), Waiting(3, 0, "a", 0)]
    assert choose(line, "b") == 1
    assert choose([Waiting(1, 0, "a", MOST_OVERTAKEN), *line[1:]], "b") == 0
    assert choose([Waiting(1, 5, "a", 0), *line[1:]], "b") == 0

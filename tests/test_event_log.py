import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import webui.ui
from webui.api.streams import Messages
from webui.executors.fake import FakeExecutor
from webui.generation.request import parse_request
from webui.people import Person
from webui.studio.event_log import OF_ADMINISTRATORS, OF_EVERYBODY, OF_ONE_PERSON, EventLog
from webui.studio.studio import Studio


def test_after_gives_what_is_newer_in_order() -> None:
    log = EventLog()
    start = log.seq
    for number in range(5):
        log.publish("memory", number=number)
    assert [event["number"] for event in log.after(start)] == list(range(5))
    assert [event["number"] for event in log.after(start + 3)] == [3, 4]
    assert log.after(start + 5) == []


def test_who_is_too_far_behind_or_from_before_a_restart_begins_anew() -> None:
    log = EventLog()
    start = log.seq
    for _ in range(5000):
        log.publish("memory")
    for seq in (0, start, log.seq + 1):
        assert [event["type"] for event in log.after(seq)] == ["reset"]


def test_followers_get_every_event_of_another_thread_once() -> None:
    log = EventLog()
    start = log.seq

    def publish() -> None:
        for number in range(500):
            log.publish("memory", number=number)

    async def follow() -> list[int]:
        thread = threading.Thread(target=publish)
        thread.start()
        numbers = []
        async for event in log.follow(start):
            numbers.append(event["number"])
            if len(numbers) == 500:
                break
        thread.join()
        return numbers

    # In a thread of its own: the browser tests keep an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, asyncio.wait_for(follow(), 20)).result() == list(range(500))


def test_the_more_hear_of_progress_the_fewer_times_they_do() -> None:
    log = EventLog()
    anna, ben = Person("1", "anna", "user"), Person("2", "ben", "user")

    async def count() -> tuple[float, float, float]:
        async def hear(person: Person) -> None:
            async for _ in log.follow(log.seq, person):
                pass

        tasks = [asyncio.create_task(hear(person)) for person in (*[anna] * 1000, *[ben] * 3)]
        await asyncio.sleep(0)
        told = log.pace(anna.id), log.pace(ben.id), log.pace("nobody")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return told

    with ThreadPoolExecutor(1) as pool:
        of_anna, of_ben, of_nobody = pool.submit(asyncio.run, count()).result()
    assert of_anna >= 1 > 0.05 > of_ben > of_nobody == 0
    assert log.pace(anna.id) == 0


def test_a_crowd_hears_of_some_steps_and_of_every_picture(new_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.01))

    def heard() -> dict[str, int]:
        seq = studio.events.seq
        job = studio.submit(parse_request({"width": 64, "height": 64, "steps": 40, "batch_count": 2}))["id"]
        studio.follow(job, lambda event: None)
        return Counter(event["type"] for event in studio.events.after(seq))

    alone = heard()
    monkeypatch.setattr(studio.events, "pace", lambda owner: 3600)
    crowded = heard()
    assert alone["picture"] == crowded["picture"] == 2
    assert crowded["progress"] < alone["progress"] / 2


def test_a_crowd_hears_now_and_then_how_long_the_queue_will_take(
    new_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.06))

    def heard() -> list[float | None]:
        """Seconds until all is done, as they are told from a job's beginning until nothing is left."""
        seq = studio.events.seq
        job = studio.submit(parse_request({"width": 64, "height": 64, "steps": 50}))["id"]
        studio.follow(job, lambda event: None)
        told: list[float | None] = []
        deadline = time.monotonic() + 20
        while (not told or told[-1] is not None) and time.monotonic() < deadline:
            time.sleep(0.05)
            told = [event["queue"]["seconds"] for event in studio.events.after(seq) if event["type"] == "queue"]
        return told

    heard()  # how fast it is isn't known before
    alone = heard()
    monkeypatch.setattr(studio.events, "pace", lambda owner: 3600)
    crowded = heard()
    assert crowded[-1] is None, "that all is done is told at once"
    assert len(crowded) < len(alone)


def test_a_message_is_written_once_and_a_reset_is_not_the_event_of_its_number() -> None:
    log, messages = EventLog(), Messages(most=2)
    log.publish("memory", number=1)
    (event,) = log.after(log.seq - 1)
    assert messages.of(event) is messages.of(event)
    assert json.loads(messages.of(event)["data"]) == event
    (reset,) = log.after(0)
    assert (reset["seq"], json.loads(messages.of(reset)["data"])["type"]) == (event["seq"], "reset")
    assert json.loads(messages.of(event)["data"])["type"] == "memory"


def test_a_listener_is_woken_until_it_stops() -> None:
    log, woken = EventLog(), []
    stop = log.listen(lambda: woken.append(1))
    log.publish("memory")
    stop()
    log.publish("memory")
    assert woken == [1]


def test_the_page_takes_every_kind_of_event() -> None:
    script = Path(webui.ui.__file__).with_name("static").joinpath("jobs.js").read_text()
    table = script[script.index("const TAKE = {") :].split("\n};")[0]
    taken = set(re.findall(r"^  (\w+)\(", table, re.MULTILINE))
    assert taken == OF_ONE_PERSON | OF_ADMINISTRATORS | OF_EVERYBODY

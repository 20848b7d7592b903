import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from webui.studio.event_log import EventLog


def test_after_gives_what_is_newer_in_order() -> None:
    log = EventLog()
    start = log.seq
    for number in range(5):
        log.publish("step", number=number)
    assert [event["number"] for event in log.after(start)] == list(range(5))
    assert [event["number"] for event in log.after(start + 3)] == [3, 4]
    assert log.after(start + 5) == []


def test_who_is_too_far_behind_or_from_before_a_restart_begins_anew() -> None:
    log = EventLog()
    start = log.seq
    for _ in range(5000):
        log.publish("step")
    for seq in (0, start, log.seq + 1):
        assert [event["type"] for event in log.after(seq)] == ["reset"]


def test_followers_get_every_event_of_another_thread_once() -> None:
    log = EventLog()
    start = log.seq

    def publish() -> None:
        for number in range(500):
            log.publish("step", number=number)

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


def test_a_listener_is_woken_until_it_stops() -> None:
    log, woken = EventLog(), []
    stop = log.listen(lambda: woken.append(1))
    log.publish("step")
    stop()
    log.publish("step")
    assert woken == [1]

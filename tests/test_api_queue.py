"""The queue, its events and the settings by program; many clients at once; what wants to do harm."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from webui.api import security, streams

SMALL = {"width": 64, "height": 64, "steps": 2}
MANY_STEPS = {"width": 64, "height": 64, "steps": 150}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client
        client.post("/api/v1/queue/resume")
        client.post("/api/v1/queue/clear")


@pytest.fixture
def paused(client: httpx.Client) -> httpx.Client:
    assert client.post("/api/v1/queue/pause").json()["paused"]
    return client


def submit(client: httpx.Client, **fields: object) -> dict:
    answer = client.post("/api/v1/jobs", json=SMALL | fields)
    assert answer.status_code == 202, answer.text
    return answer.json()


def wait_for_end(client: httpx.Client, job_id: str) -> dict:
    while (job := client.get(f"/api/v1/jobs/{job_id}").json())["status"] in ("waiting", "running"):
        time.sleep(0.03)
    return job


def waiting(client: httpx.Client) -> list[str]:
    return [job["prompt"] for job in client.get("/api/v1/queue").json()["waiting"]]


def events_of(url: str, path: str, **options: object) -> list[dict]:
    """All events of a stream that ends by itself."""
    with httpx.stream("GET", f"{url}{path}", timeout=20, **options) as stream:  # type: ignore[arg-type]
        return [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]


def test_the_queue_by_program(paused: httpx.Client) -> None:
    ids = {prompt: submit(paused, prompt=prompt)["id"] for prompt in "abcd"}
    assert paused.post(f"/api/v1/jobs/{ids['d']}/move", json={"before": ids["a"]}).status_code == 200
    assert paused.patch(f"/api/v1/jobs/{ids['c']}", json={"priority": 5}).json()["priority"] == 5
    assert waiting(paused) == ["c", "d", "a", "b"]
    request = paused.get(f"/api/v1/jobs/{ids['a']}/request").json()
    assert request["prompt"] == "a"
    assert paused.put(f"/api/v1/jobs/{ids['a']}/request", json=request | {"prompt": "changed"}).json()["prompt"] == "changed"
    assert paused.post(f"/api/v1/jobs/{ids['b']}/cancel").json()["status"] == "cancelled"
    copy = paused.post(f"/api/v1/jobs/{ids['d']}/duplicate")
    assert (copy.status_code, copy.json()["prompt"]) == (202, "d")
    assert paused.post(f"/api/v1/jobs/{ids['b']}/restore").json()["status"] == "waiting"
    assert waiting(paused) == ["c", "d", "changed", "b", "d"]
    cleared = paused.post("/api/v1/queue/clear").json()
    assert cleared["cancelled"] == 5
    assert paused.post("/api/v1/queue/restore", json={"stamp": cleared["stamp"]}).json() == {"jobs": 5}
    page = paused.get("/api/v1/queue?offset=3&limit=1").json()
    assert [job["prompt"] for job in page["waiting"]] == ["b"]
    assert (page["total"], page["paused"]) == (5, True)
    assert paused.post("/api/v1/queue/resume").json()["paused"] is False
    for job in ids.values():
        assert wait_for_end(paused, job)["status"] == "done"
    ended = paused.get("/api/v1/jobs?limit=2").json()
    rest = paused.get(f"/api/v1/jobs?limit=2&before={ended['next']}").json()
    ends = [job["ended_at"] for job in [*ended["jobs"], *rest["jobs"]]]
    assert ends == sorted(ends, reverse=True)


def test_a_batch_is_taken_whole_or_not_at_all(paused: httpx.Client) -> None:
    answer = paused.post("/api/v1/jobs/batch", json={"requests": [SMALL | {"prompt": str(number)} for number in range(30)]})
    assert answer.status_code == 202
    assert len({job["id"] for job in answer.json()["jobs"]}) == 30
    full = paused.post("/api/v1/jobs/batch", json={"requests": [SMALL] * 30})
    assert full.status_code == 429
    assert full.json()["error"]["code"] == "queue_full"
    assert int(full.headers["retry-after"]) > 0
    wrong = paused.post("/api/v1/jobs/batch", json={"requests": [SMALL, {"width": 7}]})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "requests[1].width")
    assert paused.get("/api/v1/health").json()["queue"] == 30


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/jobs/batch"])
def test_a_request_that_is_sent_twice_is_taken_once(paused: httpx.Client, path: str) -> None:
    body: dict = SMALL if path.endswith("jobs") else {"requests": [SMALL, SMALL]}
    headers = {"Idempotency-Key": f"once {path}"}
    first, second = (paused.post(path, json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    other = paused.post(path, json=body | {"prompt": "x"} if path.endswith("jobs") else {"requests": [SMALL]}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert paused.get("/api/v1/health").json()["queue"] == (1 if path.endswith("jobs") else 2)


def test_forever_by_program(client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs?forever=true", json=SMALL | {"prompt": "on and on"}).json()
    assert job["forever"]
    wait_for_end(client, job["id"])
    deadline = time.monotonic() + 10
    while client.post("/api/v1/queue/end-forever").json()["jobs"] == 0:
        assert time.monotonic() < deadline
    while client.get("/api/v1/queue").json()["running"]:
        time.sleep(0.01)
    assert client.get("/api/v1/health").json()["queue"] == 0


def test_events_of_one_job_begin_with_its_state_and_end_with_it(client: httpx.Client, url: str) -> None:
    job = submit(client, prompt="followed", steps=20, batch_count=2)
    events = events_of(url, f"/api/v1/jobs/{job['id']}/events")
    assert events[0]["type"] == "job"
    assert (events[-1]["type"], events[-1]["job"]["status"]) == ("job", "done")
    assert len([event for event in events if event["type"] == "picture"]) == 2
    assert {event["job"]["id"] if isinstance(event["job"], dict) else event["job"] for event in events} == {job["id"]}
    # One that comes late, or again after its connection broke, gets what it missed.
    (late,) = events_of(url, f"/api/v1/jobs/{job['id']}/events")
    assert late["job"]["status"] == "done"
    assert client.get("/api/v1/jobs/1/events").status_code == 404


def test_events_of_a_job_end_when_the_queue_is_cleared(paused: httpx.Client, url: str) -> None:
    job = submit(paused)
    with ThreadPoolExecutor() as pool:
        following = pool.submit(events_of, url, f"/api/v1/jobs/{job['id']}/events")
        time.sleep(0.3)
        paused.post("/api/v1/queue/clear")
        assert following.result(10)[-1]["job"]["status"] == "cancelled"


def test_settings_by_program(client: httpx.Client) -> None:
    answer = client.get("/api/v1/settings").json()
    listed = {entry["name"]: entry for entry in answer["settings"]}
    quality = listed["picture_quality"]
    assert (quality["minimum"], quality["maximum"], quality["type"], quality["live"]) == (1, 100, "integer", True)
    assert listed["picture_format"]["choices"] == ["png", "jpeg", "webp", "avif"]
    changed = client.patch("/api/v1/settings", json={"values": {"picture_quality": 55}, "revision": answer["revision"]})
    assert changed.status_code == 200
    stale = client.patch("/api/v1/settings", json={"values": {"picture_quality": 56}, "revision": answer["revision"]})
    assert stale.status_code == 409
    startup = client.patch("/api/v1/settings", json={"values": {"outputs_dir": "/etc"}})
    assert (startup.status_code, startup.json()["error"]["code"]) == (403, "setting_is_startup_only")
    wrong = client.patch("/api/v1/settings", json={"values": {"picture_quality": 0}})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "picture_quality")
    assert client.patch("/api/v1/settings", json={"values": {"picture_quality": None}}).status_code == 200


def test_openapi_tells_units_ranges_and_every_status(client: httpx.Client) -> None:
    api = client.get("/api/v1/openapi.json").json()
    kinds = api["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert [kind["$ref"].rpartition("/")[2] for kind in kinds] == ["Txt2Img", "Img2Img", "Inpaint", "Upscale"]
    for kind, most in (("Txt2Img", 2048), ("Img2Img", 8192), ("Inpaint", 2048)):
        width = api["components"]["schemas"][kind]["properties"]["width"]
        assert (width["minimum"], width["maximum"], width["multipleOf"], width["unit"]) == (64, most, 8, "px")
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["description"], (path, method)
            for status in operation["responses"]:
                if status.startswith("4") or status.startswith("5"):
                    schema = operation["responses"][status]["content"]["application/json"]["schema"]
                    assert schema["$ref"].endswith("ErrorAnswer"), (path, method, status)


# many at once


@pytest.mark.slow
def test_four_clients_with_25_jobs_each_all_get_their_own_pictures(client: httpx.Client, url: str) -> None:
    client.patch("/api/v1/settings", json={"values": {"queue_limit": 200}})
    alone = {seed: wait_for_end(client, submit(client, prompt="apple", seed=seed)["id"]) for seed in (0, 24)}

    def work(number: int) -> list[tuple[int, str]]:
        with httpx.Client(base_url=url, timeout=60) as own:
            jobs = [submit(own, prompt="apple", seed=seed)["id"] for seed in range(25)]
            return [(seed, wait_for_end(own, job)["images"][0]["url"]) for seed, job in enumerate(jobs)]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    client.patch("/api/v1/settings", json={"values": {"queue_limit": 50}})
    assert [len(result) for result in results] == [25] * 4
    assert len({address for result in results for _, address in result}) == 100
    for seed in range(25):
        pictures = {_pixels(client, dict(result)[seed]) for result in results}
        assert len(pictures) == 1
        if seed in alone:
            assert pictures == {_pixels(client, alone[seed]["images"][0]["url"])}


def _pixels(client: httpx.Client, address: str) -> bytes:
    with Image.open(io.BytesIO(client.get(address).content)) as picture:
        return picture.tobytes()


def test_too_many_followers_are_told_when_to_come_back(client: httpx.Client, url: str) -> None:
    where = urlsplit(url)
    opened: list[socket.socket] = []
    try:
        for _ in range(streams.MOST_STREAMS + 1):
            opened.append(socket.create_connection((where.hostname, where.port)))
            opened[-1].sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        heads = [connection.recv(4096) for connection in opened]
        refused = [head for head in heads if b" 429 " in head.split(b"\r\n")[0]]
        # Other tests of this server may follow as well.
        assert 1 <= len(refused) < 10 and len([head for head in heads if b" 200 " in head.split(b"\r\n")[0]]) == len(heads) - len(refused)
        assert all(b"retry-after: " in head.lower() for head in refused)
        assert client.get("/api/v1/health").status_code == 200, "everything else goes on"
    finally:
        for connection in opened:
            connection.close()


def test_a_body_that_dribbles_in_is_ended_and_stops_nobody(client: httpx.Client, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "BODY_SECONDS", 0.3)
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as slow:
        slow.sendall(
            f"POST /api/v1/jobs HTTP/1.1\r\nHost: {where.netloc}\r\n".encode()
            + b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
        )
        assert client.get("/api/v1/health").status_code == 200
        assert b" 408 " in slow.recv(200)


@pytest.mark.parametrize("kind", ["text/xml", "application/octet-stream", "image/png"])
def test_bodies_of_another_type_are_refused(client: httpx.Client, kind: str) -> None:
    answer = client.post("/api/v1/jobs", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [b'{"prompt": "a", "prompt": "b"}', b'{"steps": NaN}', b'{"steps": 1e400}', b'{"seed": 18446744073709551616}', b'{"requests": [[]]}'],
)
def test_bodies_that_are_almost_a_request(client: httpx.Client, body: bytes) -> None:
    for path in ("/api/v1/jobs", "/api/v1/jobs/batch"):
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["error"]["hint"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/jobs/{id}/move", {"before": 5}),
        ("POST", "/api/v1/jobs/{id}/move", {"before": "x", "more": 1}),
        ("PATCH", "/api/v1/jobs/{id}", {"priority": True}),
        ("PATCH", "/api/v1/jobs/{id}", {"priority": 10**9}),
        ("POST", "/api/v1/queue/restore", {"stamp": 5}),
        ("PATCH", "/api/v1/settings", {"values": []}),
        ("PATCH", "/api/v1/settings", {"values": {}, "revision": 5}),
    ],
)
def test_small_bodies_are_looked_at_too(paused: httpx.Client, method: str, path: str, body: dict) -> None:
    job = submit(paused)["id"]
    answer = paused.request(method, path.replace("{id}", job), json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] in ("before", "priority", "stamp", "values")


def test_guessed_ids_are_not_found(client: httpx.Client) -> None:
    for guess in ("1", "-1", "0x1", "9" * 40, "%2e%2e%2fetc", "١"):
        for path in ("cancel", "move", "restore", "duplicate", "skip"):
            answer = client.post(f"/api/v1/jobs/{guess}/{path}", json={"before": None})
            assert answer.status_code == 404, (guess, path)


def test_what_other_pages_ask_changes_nothing(paused: httpx.Client) -> None:
    job = submit(paused)["id"]
    for method, path in (("POST", "/api/v1/queue/clear"), ("PATCH", "/api/v1/settings"), ("PUT", f"/api/v1/jobs/{job}/request")):
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
            answer = paused.request(method, path, json={"values": {"save_grids": True}}, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site_request")
    assert paused.get("/api/v1/health").json()["queue"] == 1


def test_many_threads_that_pull_at_one_job_leave_it_whole(paused: httpx.Client, url: str) -> None:
    ids = [submit(paused, prompt=str(number))["id"] for number in range(6)]
    statuses: set[int] = set()

    def pull(number: int) -> None:
        with httpx.Client(base_url=url, timeout=20) as own:
            for turn in range(8):
                job = ids[(number + turn) % len(ids)]
                for answer in (
                    own.post(f"/api/v1/jobs/{job}/move", json={"before": ids[turn % len(ids)]}),
                    own.patch(f"/api/v1/jobs/{job}", json={"priority": turn % 3}),
                    own.post(f"/api/v1/jobs/{job}/{('cancel', 'restore')[turn % 2]}"),
                ):
                    statuses.add(answer.status_code)

    threads = [threading.Thread(target=pull, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses <= {200, 409}
    page = paused.get("/api/v1/queue").json()
    assert len({job["id"] for job in page["waiting"]}) == len(page["waiting"]) == page["total"]

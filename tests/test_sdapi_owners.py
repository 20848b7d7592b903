"""AUTOMATIC1111's API knows one person only; here each sees and ends their own, over the wire and at the same time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from served import serving

from webui.executors.fake import FakeExecutor

PASSWORD = "brown fox over dogs"
SMALL = {"width": 64, "height": 64, "steps": 2}
ENDLESS = {"width": 64, "height": 64, "steps": 150, "n_iter": 50}


@dataclass
class Somebody:
    """A person's client, and what it posted and is not answered yet."""

    client: httpx.Client
    answers: list[httpx.Response] = field(default_factory=list)

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()

    def draw(self, **body: Any) -> threading.Thread:
        thread = threading.Thread(target=lambda: self.answers.append(self.client.post("/sdapi/v1/txt2img", json=body)))
        thread.start()
        return thread

    def until(self, path: str, fits: Callable[[Any], bool]) -> Any:
        while not fits(told := self.get(path)):
            pass
        return told


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Somebody, Somebody]]:
    """Anna, who looks after this Easel, and Ben, who doesn't."""
    with serving(tmp_path_factory.mktemp("two"), FakeExecutor(step_seconds=0.05)) as url:
        with httpx.Client(base_url=url, timeout=120) as client:
            client.post("/api/v1/people", json={"name": "anna", "password": PASSWORD}).raise_for_status()
            client.post("/api/v1/people", json={"name": "ben", "password": PASSWORD, "role": "user"}).raise_for_status()
        by = {name: httpx.Client(base_url=url, timeout=120, auth=(name, PASSWORD)) for name in ("anna", "ben")}
        with by["anna"], by["ben"]:
            yield Somebody(by["anna"]), Somebody(by["ben"])


def idle(told: dict[str, Any]) -> bool:
    return told["progress"] == 0 and told["state"]["job_count"] == 0


def test_nobody_sees_or_ends_what_somebody_else_draws(people: tuple[Somebody, Somebody]) -> None:
    anna, ben = people
    bens = ben.draw(**ENDLESS, prompt="a secret of ben", force_task_id="task(1)")
    running = ben.until("/sdapi/v1/progress", lambda told: told["state"]["sampling_step"] > 1 and told["current_image"])
    # To anna nothing is at work, whatever she asks by.
    told = anna.get("/sdapi/v1/progress")
    assert idle(told) and told["current_image"] is None and told["current_task"] is None and told["textinfo"] is None
    assert anna.get("/internal/pending-tasks") == {"size": 0, "tasks": []}
    assert anna.get("/queue/status")["queue_size"] == 0
    for task in ("task(1)", running["current_task"]):
        seen = anna.post("/internal/progress", id_task=task, id_live_preview=-1)
        assert (seen["active"], seen["queued"], seen["completed"], seen["live_preview"]) == (False, False, False, None)
    # Nor does she end it.
    before = ben.get("/sdapi/v1/progress")
    anna.post("/sdapi/v1/interrupt")
    anna.post("/sdapi/v1/skip")
    ben.until("/sdapi/v1/progress", lambda told: (told["state"]["job_no"], told["state"]["sampling_step"]) > _place(before))
    assert not ben.answers
    # Her own, by the same name of a task, waits its turn, and each has their own.
    annas = anna.draw(**SMALL, prompt="a pear", seed=7, force_task_id="task(1)")
    anna.until("/internal/pending-tasks", lambda told: told["tasks"] == ["task(1)"])
    assert anna.post("/internal/progress", id_task="task(1)")["queued"] is True
    assert ben.post("/internal/progress", id_task="task(1)")["active"] is True
    assert ben.get("/internal/pending-tasks")["size"] == 1
    waiting = anna.get("/sdapi/v1/progress")
    assert (waiting["progress"], waiting["state"]["job_count"], waiting["current_image"]) == (0.01, -1, None)
    ben.post("/sdapi/v1/interrupt")
    bens.join()
    annas.join()
    info = json.loads(anna.answers[0].json()["info"])
    assert (info["prompt"], info["all_seeds"]) == ("a pear", [7])
    assert ben.answers[0].status_code == 200
    assert {item["prompt"] for item in anna.get("/api/v1/history")["items"]} == {"a pear"}
    assert "a secret of ben" not in json.dumps([anna.get("/api/v1/jobs?limit=50"), anna.get("/api/v1/queue")])


def _place(told: dict[str, Any]) -> tuple[int, int]:
    return told["state"]["job_no"], told["state"]["sampling_step"]


def test_options_are_each_persons_own_and_settings_the_administrators(people: tuple[Somebody, Somebody]) -> None:
    anna, ben = people
    usual = ben.get("/sdapi/v1/options")
    anna.post("/sdapi/v1/options", CLIP_stop_at_last_layers=2, sd_vae="None")
    assert ben.get("/sdapi/v1/options") == usual
    assert anna.get("/sdapi/v1/options")["CLIP_stop_at_last_layers"] == 2
    # What one person draws with isn't what the other one does.
    assert json.loads(ben.post("/sdapi/v1/txt2img", **SMALL)["info"])["clip_skip"] == 1
    assert json.loads(anna.post("/sdapi/v1/txt2img", **SMALL)["info"])["clip_skip"] == 2
    ben.post("/sdapi/v1/options", jpeg_quality=usual["jpeg_quality"] - 1, samples_format="webp")
    assert ben.get("/sdapi/v1/options") == usual  # passed over, as what nobody knows is
    anna.post("/sdapi/v1/options", jpeg_quality=usual["jpeg_quality"] - 1)
    assert ben.get("/sdapi/v1/options")["jpeg_quality"] == usual["jpeg_quality"] - 1


def test_what_is_the_administrators_is_refused_in_words_that_clients_read(people: tuple[Somebody, Somebody]) -> None:
    anna, ben = people
    refused = ben.client.post("/sdapi/v1/unload-checkpoint")
    assert refused.status_code == 403 and "administrator" in json.dumps(refused.json())
    assert anna.post("/sdapi/v1/unload-checkpoint") == {}
    for wrong in (("ben", "not it at all"), ("nobody", PASSWORD)):
        stranger = httpx.get(f"{ben.client.base_url}/sdapi/v1/options", auth=wrong)
        assert (stranger.status_code, stranger.headers["www-authenticate"].split()[0]) == (401, "Basic")
    for header in ("Basic", "Basic !!!", "Digest x", "Bearer", "Basic Og=="):
        answer = httpx.get(f"{ben.client.base_url}/sdapi/v1/options", headers={"authorization": header})
        assert answer.status_code == 401 and answer.json()["detail"]


def test_pictures_that_are_shown_are_kept_for_nobody_else(people: tuple[Somebody, Somebody]) -> None:
    anna, ben = people
    (picture,) = ben.post("/sdapi/v1/txt2img", **SMALL, prompt="only bens")["images"]
    assert "only bens" in anna.post("/sdapi/v1/png-info", image=picture)["info"]  # whoever has the file may read it
    ben.post("/sdapi/v1/extra-single-image", image=picture, upscaler_1="Lanczos", upscaling_resize=2)
    assert "only bens" not in json.dumps(anna.get("/api/v1/history"))

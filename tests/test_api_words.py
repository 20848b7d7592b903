"""What pasted text and dropped pictures say, over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from webui.api import security

RECIPE = "a fox\nNegative prompt: bad\nSteps: 21, Sampler: Euler a, CFG scale: 6.5, Seed: 3, Size: 320x256, Model: elsewhere, Warp: 9"


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_pasted_text_fills_fields_and_lists_the_rest(client: httpx.Client) -> None:
    told = client.post("/api/v1/metadata", json={"text": RECIPE}).json()
    assert (told["tool"], told["exact"]) == ("AUTOMATIC1111", False)
    fields = told["fields"]
    assert (fields["prompt"], fields["negative_prompt"], fields["steps"], fields["sampler"]) == ("a fox", "bad", 21, "Euler a")
    assert (fields["width"], fields["height"], fields["cfg_scale"], fields["seed"]) == (320, 256, 6.5, 3)
    assert "checkpoint" not in fields
    assert (told["unusual"]["cfg_scale"], "clip_skip" in told["unusual"]) == ("CFG scale", False)
    assert {entry["key"] for entry in told["unmapped"]} == {"Model", "Warp"}
    assert client.post("/api/v1/jobs", json=fields).status_code == 202


def test_our_own_picture_gives_the_same_request_back(client: httpx.Client) -> None:
    asked = {
        "prompt": "a (red:1.2) apple\nNegative prompt: in the prompt",
        "steps": 2,
        "width": 64,
        "height": 64,
        "seed": 5,
        "batch_count": 2,
    }
    job = client.post("/api/v1/jobs", json=asked).json()
    while job["status"] in ("waiting", "running"):
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    picture = client.get(job["images"][1]["url"]).content
    told = client.post("/api/v1/metadata", content=picture, headers={"content-type": "image/png"}).json()
    assert (told["tool"], told["exact"], told["unmapped"]) == ("Easel", True, [])
    assert told["fields"]["prompt"] == asked["prompt"]
    assert (told["fields"]["seed"], told["fields"]["checkpoint"]) == (6, "small")
    assert "batch_count" not in told["fields"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"not a picture", "image/png", 422),
        (b"<svg/>", "image/svg+xml", 415),
        (b"text", "text/markdown", 415),
        (b'{"text": 5}', "application/json", 422),
        (b'{"text": "a", "more": 1}', "application/json", 422),
        (b'{"text": "' + b"a" * 300_000 + b'"}', "application/json", 422),
        (b"[]", "application/json", 422),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(client: httpx.Client, content: bytes, kind: str, status: int) -> None:
    answer = client.post("/api/v1/metadata", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]["hint"]


def test_a_picture_may_be_larger_than_json(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(security.MOST_BYTES, "/api/", 1000)
    monkeypatch.setattr(security, "MAX_PICTURE_BYTES", 3000)
    for kind, size, status in (("image/png", 2000, 422), ("image/png", 4000, 413), ("application/json", 2000, 413)):
        assert client.post("/api/v1/metadata", content=b"x" * size, headers={"content-type": kind}).status_code == status


def test_prompts_are_explained(client: httpx.Client) -> None:
    told = client.post("/api/v1/prompt/explain", json={"prompt": "a (red:1.2) [cat:dog:0.5] in 16:9", "negative_prompt": "a AND b"}).json()
    prompt = told["prompt"]
    assert (prompt["tokens"], prompt["room"]) == (6, 30)
    assert [(entry["first"], entry["last"]) for entry in prompt["parts"][0]["entries"]] == [(1, 10), (11, 20)]
    assert prompt["parts"][0]["chunks"][0][1] == {"text": "red", "weight": 1.2}
    assert [warning["code"] for warning in prompt["warnings"]] == ["weight_of_all"]
    assert [warning["code"] for warning in told["negative_prompt"]["warnings"]] == ["and_in_negative"]
    (missing,) = client.post("/api/v1/prompt/explain", json={"prompt": "a fox <lora:nope:0.8>"}).json()["prompt"]["warnings"]
    assert (missing["code"], missing["fix"]) == ("network_missing", "a fox")
    assert client.post("/api/v1/prompt/explain", json={"steps": 0}).json()["error"]["field"] == "steps"


def test_a_sampler_that_asks_twice_stretches_the_timeline(client: httpx.Client) -> None:
    asked = {"prompt": "[a:b:0.5]", "steps": 10, "sampler": "Heun"}
    (part,) = client.post("/api/v1/prompt/explain", json=asked).json()["prompt"]["parts"]
    assert [(entry["first"], entry["last"]) for entry in part["entries"]] == [(1, 10), (11, 20)]


def test_ways_on_are_offered(client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs", json={"prompt": "a quokka in snow", "steps": 1, "width": 64, "height": 64}).json()
    while job["status"] in ("waiting", "running"):
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    (item,) = client.get("/api/v1/completions", params={"text": "two quo"}).json()["items"]
    assert item == {"kind": "history", "label": "quokka", "insert": "quokka", "replaces": "quo", "detail": "", "uses": 1, "preview": None}
    assert client.get("/api/v1/completions", params={"text": "two quo", "negative": True}).json() == {"items": []}
    assert client.get("/api/v1/completions").json() == {"items": []}
    assert client.get("/api/v1/completions", params={"text": "x" * 1001}).json()["error"]["field"] == "text"


def test_styles_are_kept_and_asked_for_by_name(client: httpx.Client) -> None:
    saved = client.put("/api/v1/styles", json={"name": "Oil", "prompt": "oil {prompt}"}).json()
    assert saved == {"name": "Oil", "prompt": "oil {prompt}", "negative_prompt": "", "file": "styles.csv", "more": {}, "place": 0}
    job = client.post("/api/v1/jobs", json={"prompt": "a fox", "styles": ["Oil"], "steps": 1, "width": 64, "height": 64}).json()
    assert job["prompt"] == "oil a fox"
    refused = client.post("/api/v1/jobs", json={"prompt": "a fox", "styles": ["Ink"]})
    assert (refused.status_code, refused.json()["error"]["field"], refused.json()["error"]["allowed"]) == (422, "styles", "Oil")
    renamed = client.put("/api/v1/styles", json={"name": "Oils", "was": "Oil", "prompt": "oil"}).json()
    assert [one["name"] for one in client.get("/api/v1/styles").json()["items"]] == [renamed["name"]] == ["Oils"]
    assert client.put("/api/v1/styles", json={"name": "Oils", "colour": 1}).json()["error"]["field"] == "colour"
    assert client.put("/api/v1/styles", json={"name": "None", "was": "Oil", "prompt": "x"}).status_code == 404
    assert client.delete("/api/v1/styles", params={"name": "Oils"}).json() == renamed
    assert client.get("/api/v1/styles").json() == {"items": [], "problems": []}
    assert client.delete("/api/v1/styles", params={"name": "Oils"}).status_code == 404

"""Lineage, differences, replays and repeats over the REST API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

SMALL = {"width": 64, "height": 64, "steps": 2}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=20) as client:
        yield client


def finished(client: httpx.Client, job: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (told := client.get(f"/jobs/{job}").json())["status"] in ("waiting", "running"):
        assert time.monotonic() < deadline, "it did not end in time"
        time.sleep(0.02)
    return told


def made(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    (image,) = finished(client, client.post("/jobs", json=SMALL | fields).json()["id"])["images"]
    return image


def test_a_replay_is_a_job_that_ends_with_a_proof(client: httpx.Client) -> None:
    image = made(client, prompt="proved", seed=31)
    answer = client.post(f"/history/{image['id']}/replay", json={})
    assert answer.status_code == 202 and answer.json()["replay"] is None
    told = finished(client, answer.json()["id"])["replay"]
    assert (told["verdict"], told["of"], told["made"], told["pixels"]) == ("identical", image["id"], None, 64 * 64)
    assert client.get(f"/history/{image['id']}/replays").json() == {"items": [told]}


def test_a_branch_with_a_change_leads_from_one_picture_to_the_other(client: httpx.Client) -> None:
    image = made(client, prompt="a castle", seed=32)
    job = client.post(f"/history/{image['id']}/branch", json={"change": {"cfg_scale": 3}}).json()
    (again,) = finished(client, job["id"])["images"]
    family = client.get(f"/history/{again['id']}/lineage").json()
    assert family["links"] == [{"source": image["id"], "image": again["id"], "relation": "variation"}]
    assert [node["made_by"] for node in family["nodes"]] == ["txt2img", "txt2img"] and family["whole"]
    told = client.get("/history/diff", params={"a": image["id"], "b": again["id"]}).json()
    assert [(one["before"], one["after"]) for one in told["parameters"] if one["changed"]] == [("7", "3")]
    assert (told["changes"], [edit["image"] for edit in told["way"]]) == (1, [again["id"]])


def test_what_a_request_would_make_again_is_told(client: httpx.Client) -> None:
    request = SMALL | {"prompt": "twice", "seed": 33}
    assert client.post("/duplicates", json=request).json() == {"pictures": 1, "made": 0, "images": []}
    image = made(client, **request)
    told = client.post("/duplicates", json=request).json()
    assert (told["made"], [one["id"] for one in told["images"]]) == (1, [image["id"]])
    assert client.post("/duplicates", json=request | {"seed": -1}).json()["made"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("branch", {}, 422, "change"),
        ("branch", {"change": 3}, 422, "change"),
        ("branch", {"change": {}}, 422, "change"),
        ("branch", {"change": {"steps": 0}}, 422, "steps"),
        ("branch", {"change": {"steps": 4}, "at": 7}, 422, "at"),
        ("branch", {"change": {"steps": 4}, "at": "7"}, 422, "at"),
        ("branch", {"change": {"steps": 4}, "of": "7"}, 422, "of"),
        ("replay", {"branch": "yes"}, 422, "branch"),
        ("replay", {"all": True}, 422, "all"),
    ],
)
def test_bad_orders_are_refused_by_name(client: httpx.Client, path: str, body: Any, status: int, field: str) -> None:
    image = client.get("/history", params={"limit": 1}).json()["items"] or [made(client)]
    answer = client.post(f"/history/{image[0]['id']}/{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


@pytest.mark.parametrize("path", ["lineage", "replays"])
def test_a_picture_that_is_not_there_has_no_family(client: httpx.Client, path: str) -> None:
    assert client.get(f"/history/12/{path}").status_code == 404
    assert client.get("/history/diff", params={"a": "12", "b": "13"}).status_code == 404
    assert client.post("/history/12/replay", json={}).status_code == 404

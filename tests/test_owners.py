"""What is somebody's is there for nobody else: each route that takes an id, each list, the stream, and the rows below."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from webui.app import build_web
from webui.errors import Conflict, NotAllowed, NotFound
from webui.executors.fake import FakeExecutor
from webui.generation.request import parse_request
from webui.people import Person
from webui.studio.studio import Studio

SECRET = "zebraquilt"
"""A word of anna's prompts, which nobody else may ever see."""
UNKNOWN = "1234567890123456789"
SMALL = {"width": 64, "height": 64, "steps": 2}

EXEMPT = {
    "/api/v1/me/tokens/{token_id}": "one's own by its route; tested with the door",
    "/api/v1/people/{person_id}": "for administrators; tested with the door",
    "/api/v1/history/searches/{name}": "a name, not an id; tested below",
    "/api/v1/history/acts/{token}/undo": "a name that the asker made up; tested below",
    "/api/v1/examples/{example_id}": "comes with models, which all share",
    "/api/v1/workshop/": "for administrators",
    "/api/v1/training/": "for administrators",
    "/api/v1/models/": "all share them",
    "/api/v1/extensions/": "all share them",
    "/api/v1/ext/": "all share them",
    "/api/v1/add-ons/": "all share them",
    "/api/v1/scripts/{script}/runs": "a script, which all share",
}
"""Routes with an id that is nobody's own, and why."""

BODIES: dict[str, Any] = {
    "PUT /api/v1/jobs/{job_id}/request": SMALL,
    "PATCH /api/v1/jobs/{job_id}": {"priority": 5},
    "POST /api/v1/jobs/{job_id}/move": {"before": None},
    "POST /api/v1/history/{image_id}/replay": {},
    "POST /api/v1/history/{image_id}/branch": {"change": {"steps": 3}},
    "POST /api/v1/images/{image_id}/hires": {},
    "PATCH /api/v1/history/imports/{import_id}": {"watch": True},
    "POST /api/v1/queue/people/{person_id}/restore": {"stamp": "1"},
}
OF_ADMINISTRATORS = ("/api/v1/history/imports/", "/api/v1/queue/people/", "/api/v1/images/{image_id}/open-folder")
KNOWN = (
    "/api/v1/jobs/{job_id}",
    "/api/v1/queue/people/{person_id}",
    "/api/v1/batches/{batch_id}",
    "/api/v1/history/{image_id}",
    "/api/v1/history/imports/{import_id}",
    "/api/v1/history/exports/{token}.zip",
    "/api/v1/images/{image_id}",
    "/api/v1/thumbnails/{image_id}",
    "/api/v1/live/{job_id}",
    "/api/v1/scripts/runs/{run_id}",
)
"""Beginnings of the routes that are looked at; a route with an id that is neither here nor in EXEMPT fails."""


@dataclass
class House:
    """An Easel with four people, and what anna (a user) and cleo (an administrator) have in it."""

    studio: Studio
    client: TestClient
    people: dict[str, Person]
    keys: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def ask(self, who: str, method: str, path: str, **how: Any) -> Any:
        headers = {"authorization": f"Bearer {self.keys[who]}", **how.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **how)

    def of(self, who: str) -> Studio:
        return self.studio.of(self.people[who])


def picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def opened(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr("webui.ui.blocks.mount", lambda app, studio: app)  # the page takes seconds to build, and isn't asked here
    people, keys = {}, {}
    for name, role in (("cleo", "admin"), ("dora", "admin"), ("anna", "user"), ("ben", "user")):
        # The first one needs a password, and each takes its time to hash.
        account = studio.people.add(name, None if people else "long enough a word", role)  # type: ignore[arg-type]
        scopes = ["read", "generate"] + (["admin"] if role == "admin" else [])
        _, keys[name] = studio.people.add_token(account.id, "test", scopes)
        people[name] = Person(account.id, name, role)  # type: ignore[arg-type]
    with TestClient(build_web(studio), base_url="http://127.0.0.1:7860") as client:
        yield House(studio, client, people, keys)


def made(house: House, who: str, **fields: Any) -> dict[str, Any]:
    mine = house.of(who)
    job = mine.submit(parse_request(SMALL | fields), film=True)
    return mine.follow(job["id"], lambda event: None)


@pytest.fixture
def house(new_studio: Callable[..., Studio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with opened(new_studio(FakeExecutor(step_seconds=0.0), start=False), monkeypatch) as house:
        done = made(house, "anna", prompt=f"{SECRET} one", seed=5)
        made(house, "ben", prompt="a plain pear", seed=6)
        upload = house.ask("anna", "POST", "/api/v1/images", content=picture((200, 10, 10)), headers={"content-type": "image/png"})
        assert upload.status_code == 201
        sha256 = upload.json()["sha256"]
        house.studio.of(house.people["cleo"]).pause(True)
        order = {"request": {**SMALL, "kind": "img2img", "prompt": SECRET}, "files": [{"name": f"{SECRET}.png", "image": sha256}]}
        batch = house.ask("anna", "POST", "/api/v1/batches", json=order)
        assert batch.status_code == 202, batch.text
        wait_for(lambda: house.of("anna").queue.summary()["total"] == 1)  # the batch's file is in line
        waiting = house.of("anna").submit(parse_request(SMALL | {"prompt": f"{SECRET} waits"}))
        folder = tmp_path / "theirs"
        folder.mkdir()
        (folder / f"{SECRET}.png").write_bytes(picture((1, 2, 3)))
        imported = house.ask("cleo", "POST", "/api/v1/history/imports", json={"folder": str(folder)})
        assert imported.status_code == 202, imported.text
        image = done["images"][0]
        zipped = house.ask("anna", "POST", "/api/v1/history/exports", json={"ids": [image["id"]]}).json()["url"]
        house.of("anna").search.save(f"{SECRET} search", SECRET)
        house.ids = {
            "job_id": waiting["id"],
            "done": done["id"],
            "image_id": image["id"],
            "batch_id": batch.json()["id"],
            "import_id": imported.json()["id"],
            "person_id": house.people["ben"].id,
            "token": re.search(r"exports/(.+)\.zip", zipped)[1],  # type: ignore[index]
            "sha256": sha256,
            "made": image["sha256"],
            "number": "1",
            "run_id": UNKNOWN,
        }
        yield house


def operations(house: House) -> list[tuple[str, str]]:
    paths = house.ask("cleo", "GET", "/api/v1/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods if path.startswith("/api/v1")]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def state_of(house: House) -> dict[str, Any]:
    """All that anna and cleo have, as they see it."""
    anna = house.of("anna")
    job = {name: value for name, value in anna.job(house.ids["job_id"]).items() if name != "progress"}
    return {
        "job": job,
        "queue": [entry["id"] for entry in anna.queue.page()["waiting"]],
        "image": anna.history_item(house.ids["image_id"]),
        "batches": [(batch["id"], batch["status"]) for batch in anna.batches.all()],
        "imports": [(one["id"], one["watched"]) for one in house.of("cleo").imports.all()],
        "searches": [search.name for search in anna.search.saved()],
    }


def test_ids_of_others_are_like_ids_that_never_were(house: House) -> None:
    before = state_of(house)
    seen = 0
    for method, path in operations(house):
        if "{" not in path or path.startswith(tuple(EXEMPT)):
            continue
        assert path.startswith(KNOWN), f"{path} takes an id: say here whose it is"
        asker = "dora" if path.startswith(OF_ADMINISTRATORS) else "ben"
        if path.startswith("/api/v1/queue/people/"):
            # These are of whom one asks about: another administrator may, a user may not.
            answer = house.ask("anna", method, path.format(**house.ids), json=BODIES.get(f"{method} {path}"))
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed"), path
            continue
        strange = {**house.ids, **dict.fromkeys(("job_id", "image_id", "batch_id", "import_id"), UNKNOWN), "token": "x" * 24}
        body = BODIES.get(f"{method} {path}", {} if method in ("POST", "PUT", "PATCH") else None)
        for ids in (house.ids, {**house.ids, "job_id": house.ids["done"]}):
            theirs, unknown = (house.ask(asker, method, path.format(**given), json=body) for given in (ids, strange))
            assert theirs.status_code == unknown.status_code == 404, (method, path, theirs.text, unknown.text)
            assert theirs.content.replace(ids["job_id"].encode(), b"?") == unknown.content.replace(UNKNOWN.encode(), b"?"), path
        seen += 1
        if (
            method == "GET"
            and "live" not in path
            and "/runs/" not in path
            and "preview" not in path
            and "/events" not in path
            and "/source" not in path
        ):
            assert house.ask("cleo" if asker == "dora" else "anna", method, path.format(**{**house.ids, "number": 0})).status_code in (
                200,
                404 if "film/" in path else 200,
            ), path
    assert seen >= 40
    assert state_of(house) == before


def test_no_list_tells_of_others(house: House) -> None:
    told = 0
    for method, path in operations(house):
        if method != "GET" or "{" in path or path.endswith("/events"):
            continue
        for query in ("", "?q=", f"?q={SECRET}", f"?text={SECRET[:4]}"):
            answer = house.ask("ben", method, path + query)
            assert SECRET not in answer.text.replace(f'"{SECRET}"', "").replace(f"&quot;{SECRET}", "") or query == f"?q={SECRET}", path
            assert not any(house.ids[name] in answer.text for name in ("job_id", "done", "image_id", "batch_id", "import_id")), path
        told += answer.status_code == 200
    assert told > 10
    assert SECRET in house.ask("anna", "GET", "/api/v1/history").text, "the test would see it"
    assert house.ask("ben", "GET", f"/api/v1/history?q={SECRET}").json()["items"] == []
    for field_name in ("from", "similar"):
        answers = [house.ask("ben", "GET", f"/api/v1/history?q={field_name}:{number}") for number in (house.ids["image_id"], UNKNOWN)]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].json().get("items") == answers[1].json().get("items")


def test_others_ids_in_bodies_and_queries_do_nothing(house: House) -> None:
    before, ids = state_of(house), house.ids
    image = ids["image_id"]

    def ben(method: str, path: str, **how: Any) -> Any:
        return house.ask("ben", method, path, **how)

    own = house.of("ben").history.page()[0][0]["id"]
    assert ben("GET", f"/api/v1/history/diff?a={own}&b={image}").status_code == 404
    assert ben("GET", f"/api/v1/jobs?before={ids['done']}").status_code == 404
    assert ben("PATCH", "/api/v1/history/images", json={"ids": [image], "favourite": True}).json() == {"before": []}
    marks = {"id": image, "favourite": True, "rating": 5, "note": "mine", "tags": ["x"]}
    assert ben("PUT", "/api/v1/history/images/marks", json={"before": [marks]}).json() == {"changed": 0}
    assert ben("POST", "/api/v1/history/trash", json={"ids": [image]}).json() == {"trashed": []}
    assert ben("POST", "/api/v1/history/exports", json={"ids": [image]}).status_code == 404
    mine = house.of("ben").submit(parse_request(SMALL | {"prompt": "pear"}))["id"]
    assert ben("POST", f"/api/v1/jobs/{mine}/move", json={"before": ids["job_id"]}).status_code == 404
    assert ben("POST", "/api/v1/queue/clear").json()["cancelled"] == 1
    cleared = house.ask("anna", "POST", "/api/v1/queue/clear").json()
    assert ben("POST", "/api/v1/queue/restore", json={"stamp": cleared["stamp"]}).json() == {"jobs": 0}
    assert house.ask("anna", "POST", "/api/v1/queue/restore", json={"stamp": cleared["stamp"]}).json()["jobs"] == cleared["cancelled"]
    assert ben("DELETE", f"/api/v1/history/searches/{SECRET} search").status_code == 404
    assert ben("POST", "/api/v1/history/trash/empty", json={}).json()["removed"] == 0
    assert ben("POST", "/api/v1/queue/end-forever").json() == {"jobs": 0}
    assert state_of(house) == before


def test_a_picture_is_there_by_its_hash_for_those_alone_who_had_it(house: House) -> None:
    for digest in (house.ids["sha256"], house.ids["made"]):
        assert house.ask("anna", "GET", f"/api/v1/images/{digest}").status_code == 200
        for method in ("GET", "HEAD"):
            assert house.ask("ben", method, f"/api/v1/images/{digest}").status_code == 404
        asked = SMALL | {"kind": "img2img", "prompt": "pear", "init_image": digest}
        refused, unknown = (house.ask("ben", "POST", "/api/v1/jobs", json=asked | {"init_image": it}) for it in (digest, "0" * 64))
        assert refused.status_code == unknown.status_code == 422
        assert refused.json()["error"]["field"] == unknown.json()["error"]["field"] == "init_image"
        control = {"image": digest, "width": 64, "height": 64}
        assert house.ask("ben", "GET", "/api/v1/control/preview", params=control).status_code == 422
        assert house.ask("anna", "GET", "/api/v1/control/preview", params=control).status_code == 200
    # Who has the same bytes puts them in, and has them from then on.
    data = picture((200, 10, 10))
    assert hashlib.sha256(data).hexdigest() == house.ids["sha256"]
    assert house.ask("ben", "POST", "/api/v1/images", content=data, headers={"content-type": "image/png"}).status_code == 201
    assert house.ask("ben", "GET", f"/api/v1/images/{house.ids['sha256']}").status_code == 200


def test_the_same_picture_is_a_repeat_among_ones_own_alone(house: House) -> None:
    asked = SMALL | {"prompt": f"{SECRET} one", "seed": 5}
    assert [house.ask(who, "POST", "/api/v1/duplicates", json=asked).json()["made"] for who in ("anna", "ben")] == [1, 0]


def test_keys_of_clients_are_their_own(house: House) -> None:
    jobs = [
        house.ask(who, "POST", "/api/v1/jobs", json=SMALL | {"prompt": "pear"}, headers={"idempotency-key": "same"}).json()["id"]
        for who in ("anna", "ben", "anna")
    ]
    assert jobs[0] == jobs[2] != jobs[1]


def test_events_of_others_are_not_heard(house: House) -> None:
    seq = house.studio.events.seq
    house.of("cleo").pause(False)
    house.of("anna").follow(house.ids["job_id"], lambda event: None)
    house.of("anna").marks.change([int(house.ids["image_id"])], _favourite())
    heard = {who: {event["type"] for event in house.studio.events.after(seq, house.people[who])} for who in ("anna", "ben", "cleo")}
    assert {"job", "progress", "picture", "marks"} <= heard["anna"]
    for who in ("ben", "cleo"):
        assert not {"job", "progress", "picture", "marks", "note", "batch"} & heard[who], who
        assert SECRET not in str(house.studio.events.after(seq, house.people[who]))


def _favourite() -> Any:
    from webui.studio.marks import Change

    return Change(favourite=True)


# what administrators see and do


def test_administrators_see_that_others_wait_but_not_what(house: House) -> None:
    page = house.ask("cleo", "GET", "/api/v1/queue").json()
    anna = next(person for person in page["people"] if person["name"] == "anna")
    assert anna["waiting"] >= 1 and page["others"] >= 1 and page["waiting"] == []
    assert SECRET not in str(page)
    assert house.ask("anna", "GET", "/api/v1/queue").json()["people"] == []


def test_administrators_pause_and_cancel_lines_of_others(house: House) -> None:
    anna = house.people["anna"].id
    assert house.ask("cleo", "POST", f"/api/v1/queue/people/{anna}/pause").status_code == 200
    summary = house.ask("anna", "GET", "/api/v1/queue").json()
    assert summary["paused"] and summary["held"]
    assert house.ask("anna", "POST", "/api/v1/queue/resume").status_code == 409
    waiting = [job["id"] for job in summary["waiting"]]
    cleared = house.ask("cleo", "POST", f"/api/v1/queue/people/{anna}/clear").json()
    assert cleared["cancelled"] == len(waiting) > 0
    assert house.of("anna").job(house.ids["job_id"])["status"] == "cancelled"
    restored = house.ask("cleo", "POST", f"/api/v1/queue/people/{anna}/restore", json={"stamp": cleared["stamp"]}).json()
    assert restored["jobs"] == len(waiting)
    assert house.ask("cleo", "POST", f"/api/v1/queue/people/{anna}/resume").json()["people"]
    assert house.ask("cleo", "POST", f"/api/v1/queue/people/{'f' * 16}/pause").status_code == 404


def test_folders_of_the_machine_are_for_administrators(house: House, tmp_path: Path) -> None:
    for path, body in (
        ("/api/v1/history/imports/look", {"folder": str(tmp_path)}),
        ("/api/v1/history/imports", {"folder": str(tmp_path)}),
        ("/api/v1/history/exports/folder", {"ids": [house.ids["image_id"]], "folder": str(tmp_path / "out")}),
        ("/api/v1/batches/look", {"folder": str(tmp_path)}),
        ("/api/v1/batches", {"request": {"kind": "img2img"}, "folder": str(tmp_path)}),
        ("/api/v1/batches/plan", {"request": {"kind": "upscale"}, "folder": str(tmp_path)}),
        ("/api/v1/pictures/open-folder", {}),
    ):
        answer = house.ask("anna", "POST", path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed"), (path, answer.text)


# whose it becomes


def test_pictures_go_into_a_folder_of_their_own(house: House) -> None:
    for who, folder in (("anna", "anna"), ("ben", "ben")):
        path = house.of(who).picture_path(house.of(who).history.page()[0][-1]["id"])
        assert path.relative_to(house.studio.preferences.current.pictures_dir).parts[:2] == (folder, "txt2img-images")


def test_what_the_household_made_becomes_the_first_accounts(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.0))
    job = studio.submit(parse_request(SMALL | {"prompt": "an old apple"}))
    (image,) = studio.follow(job["id"], lambda event: None)["images"]
    studio.marks.change([int(image["id"])], _favourite())
    studio.search.save("apples", "apple")
    assert not Path(studio.picture_path(image["id"])).relative_to(studio.preferences.current.pictures_dir).parts[0].startswith("cleo")
    account = studio.people.add("cleo", "long enough a word", "admin")
    cleo = studio.of(Person(account.id, "cleo", "admin"))
    assert [item["id"] for item in cleo.search.page("apple is:favourite").items] == [image["id"]]
    assert cleo.search.page("").total == 1 and studio.search.page("").total == 0
    assert [search.name for search in cleo.search.saved()] == ["apples"] and studio.search.saved() == []
    assert cleo.job(job["id"])["status"] == "done"
    with pytest.raises(NotFound):
        studio.job(job["id"])


def test_what_somebody_made_who_goes_stays_with_an_administrator(house: House) -> None:
    image = int(house.ids["image_id"])
    house.of("cleo").search.save(f"{SECRET} search", "own")
    house.studio.people.remove(house.people["dora"].id)  # who of two has been here longest is not told within a second
    house.studio.people.remove(house.people["anna"].id)
    cleo = house.of("cleo")
    assert cleo.history_item(str(image))["prompt"].startswith(SECRET)
    assert sorted(search.name for search in cleo.search.saved()) == [f"{SECRET} search", f"{SECRET} search (2)"]
    assert cleo.search.count(SECRET) == (1, False)
    eve = house.studio.people.add("eve", None, "user")
    house.studio.people.remove(house.people["ben"].id, heir=eve.id)
    assert [item["prompt"] for item in house.studio.of(Person(eve.id, "eve", "user")).history.page()[0]] == ["a plain pear"]


def test_a_person_cannot_order_anothers_line(house: House) -> None:
    with pytest.raises(NotAllowed):
        house.of("ben").pause_line_of(house.people["anna"].id, True)
    with pytest.raises(NotAllowed):
        house.of("ben").clear_line_of(house.people["anna"].id)
    with pytest.raises(Conflict):
        house.of("ben").pause(False)  # the whole queue was paused by an administrator


def test_acts_on_a_search_reach_ones_own_and_are_taken_back_by_who_did_them(house: House) -> None:
    picture_id = house.ids["image_id"]
    newest = str(int(picture_id) + 1)
    body = {"query": "", "newest": newest, "act": "mark", "change": {"rating": 3}, "undo": "annas-own-act", "below": None}
    assert house.ask("ben", "POST", "/api/v1/history/acts", json={**body, "undo": "bens-own-act"}).json()["done"] == 0
    assert house.of("anna").history_item(picture_id)["rating"] is None
    assert house.ask("anna", "POST", "/api/v1/history/acts", json=body).json()["done"] > 0
    assert house.ask("ben", "POST", "/api/v1/history/acts/annas-own-act/undo").status_code == 404
    assert house.of("anna").history_item(picture_id)["rating"] == 3
    assert house.ask("anna", "POST", "/api/v1/history/acts/annas-own-act/undo").status_code == 200
    assert house.of("anna").history_item(picture_id)["rating"] is None

"""History's grid over the wire: cards beside whole pictures, and acts on all that a search finds."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import serving
from sqlalchemy import update

from benchmarks.made_history import fill
from webui.studio import bulk
from webui.studio.database import open_database
from webui.studio.tables import generation, image

MADE = 700
"""More than two transactions of an act."""
STEP = {"step": "upscale", "scale": 2, "upscaler": "Nearest"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("bulk")
    with serving(folder) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        fill(folder / "data", MADE)
        with closing(open_database(folder / "data")) as database, database.writing() as connection:
            connection.execute(update(generation).values(owner=""))
            connection.execute(update(image).values(owner=""))
        yield client


def made(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    """The picture of a job."""
    job = api.post("/jobs", json=fields).json()["id"]
    while (view := api.get(f"/jobs/{job}").json())["status"] != "done":
        assert view["status"] in ("waiting", "running"), view
        time.sleep(0.01)
    return view["images"][0]


def marks(api: httpx.Client, query: str) -> dict[str, tuple[Any, ...]]:
    """What is said of each picture that a search finds."""
    found, below = {}, None
    while True:
        page = api.get("/history/cards", params={"q": query, "limit": 200} | ({"before": below} if below else {})).json()
        found |= {item["id"]: (item["favourite"], item["rating"], tuple(item["tags"]), item["trashed"]) for item in page["items"]}
        below = page["next"]
        if below is None:
            return found


def act(api: httpx.Client, token: str, **body: Any) -> tuple[int, int]:
    """Does it to its end. Returns with how many pictures, and in how many slices."""
    done = slices = 0
    below = None
    while True:
        answer = api.post("/history/acts", json=body | {"undo": token, "below": below})
        assert answer.status_code == 200, answer.text
        done, slices, below = done + answer.json()["done"], slices + 1, answer.json()["next"]
        if below is None:
            return done, slices


def undo(api: httpx.Client, token: str) -> int:
    done = 0
    while True:
        answer = api.post(f"/history/acts/{token}/undo").json()
        done += answer["done"]
        if not answer["more"]:
            return done


def test_a_card_says_what_the_whole_picture_says(api: httpx.Client) -> None:
    small = {"width": 64, "height": 64, "steps": 2, "checkpoint": "small"}
    plain = made(api, prompt='a "hires": true castle', **small)
    made(api, prompt="a castle", hires=True, hires_scale=2.0, **small)
    upscaled = made(api, kind="upscale", init_image=plain["sha256"], init_name="my castle.png", finishing=[STEP])
    api.patch("/history/images", json={"ids": [upscaled["id"]], "rating": 4, "add_tags": ["wall"], "note": "print it"})
    whole, cards = (api.get(path, params={"limit": 3}).json() for path in ("/history", "/history/cards"))
    assert {name: whole[name] for name in whole if name != "items"} == {name: cards[name] for name in cards if name != "items"}
    for picture, card in zip(whole["items"], cards["items"], strict=True):
        assert card.pop("source_name") == ((picture["source"] or {}).get("name") if picture["kind"] == "upscale" else "")
        assert card == {name: picture[name] for name in card}
    assert [picture["hires"] for picture in whole["items"]] == [False, True, False]


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ("", {"favourite": True}),
        ("", {"rating": 2, "add_tags": ["Keep One", "mine"]}),
        ("-is:favourite", {"rating": None, "remove_tags": ["keep one"]}),
        ("rating:>=3", {"rating": 1}),
    ],
)
def test_all_that_a_search_finds_is_marked_and_taken_back_exactly(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, query: str, change: dict[str, Any]
) -> None:
    monkeypatch.setattr(bulk, "_AT_ONCE", 200)
    monkeypatch.setattr(bulk, "SLICE_SECONDS", 0.0)
    before, meant = marks(api, ""), marks(api, query)
    newest, let_go = next(iter(meant)), list(meant)[1]
    done, slices = act(api, "token-of-it", query=query, newest=newest, without=[let_go], act="mark", change=change)
    assert done == len(meant) - 1
    assert slices == -(-len(meant) // 200)
    after = marks(api, "")
    changed = {identifier for identifier in before if before[identifier] != after[identifier]}
    assert changed <= meant.keys() - {let_go}
    for identifier in meant.keys() - {let_go}:
        favourite, rating, tags, _ = after[identifier]
        assert favourite == change.get("favourite", before[identifier][0])
        assert rating == change.get("rating", before[identifier][1])
        folded = {tag.casefold() for tag in tags}
        assert {tag.casefold() for tag in change.get("add_tags", [])} <= folded
        assert not folded & {tag.casefold() for tag in change.get("remove_tags", [])}
    undo(api, "token-of-it")
    assert marks(api, "") == before
    assert api.post("/history/acts/token-of-it/undo").status_code == 404


def test_all_that_a_search_finds_goes_into_the_trash_and_comes_back(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_AT_ONCE", 200)
    monkeypatch.setattr(bulk, "SLICE_SECONDS", 0.0)
    before = marks(api, "")
    meant = marks(api, "steps:<30")
    assert 200 < len(meant) < len(before)
    newest = next(iter(meant))
    done, slices = act(api, "into-the-trash", query="steps:<30", newest=newest, act="trash")
    assert (done, slices > 1) == (len(meant), True)
    assert marks(api, "").keys() == before.keys() - meant.keys()
    assert api.get("/history/count").json()["n"] == len(before) - len(meant)
    assert marks(api, "is:trash").keys() == meant.keys()
    assert undo(api, "into-the-trash") == len(meant)
    assert marks(api, "") == before

    # Out of the trash as all that a search finds there, and back into it.
    act(api, "once-more-into", query="steps:<30", newest=newest, act="trash")
    assert act(api, "out-of-it", query="is:trash", newest=newest, act="restore")[0] == len(meant)
    assert marks(api, "is:trash") == {}
    assert undo(api, "out-of-it") == len(meant)
    assert marks(api, "is:trash").keys() == meant.keys()
    assert undo(api, "once-more-into") == len(meant)
    assert marks(api, "") == before


def test_what_came_since_is_not_meant(api: httpx.Client) -> None:
    newest = next(iter(marks(api, "")))
    fresh = made(api, prompt="came since", width=64, height=64, steps=2, checkpoint="small")
    act(api, "not-the-new", query="", newest=newest, act="mark", change={"favourite": True})
    assert not api.get(f"/history/{fresh['id']}").json()["favourite"]
    undo(api, "not-the-new")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": "steps:>", "newest": "1", "act": "trash", "undo": "12345678"}, "q"),
        ({"query": "", "newest": "x", "act": "trash", "undo": "12345678"}, "newest"),
        ({"query": "", "newest": "1", "act": "burn", "undo": "12345678"}, "act"),
        ({"query": "", "newest": "1", "act": "trash", "undo": "no"}, "undo"),
        ({"query": "", "newest": "1", "act": "mark", "undo": "12345678"}, "change"),
        ({"query": "", "newest": "1", "act": "mark", "undo": "12345678", "change": {"rating": 6}}, "change.rating"),
    ],
)
def test_acts_that_can_not_be_are_refused(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = api.post("/history/acts", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["field"] == field


def test_all_that_a_search_finds_is_taken_out(api: httpx.Client, tmp_path: Path) -> None:
    for number in range(3):
        made(api, prompt=f"taken out {number}", width=64, height=64, steps=2, checkpoint="small")
    newest = api.get("/history/cards", params={"q": "taken", "limit": 1}).json()["items"][0]["id"]
    found = {"query": "taken", "newest": newest}
    choice = api.post("/history/exports", json={"found": found, "sidecars": False}).json()
    assert choice["pictures"] == 3
    with zipfile.ZipFile(BytesIO(api.get(choice["url"].removeprefix("/api/v1")).content)) as archive:
        assert len(archive.namelist()) == 3
        assert sum(entry.file_size for entry in archive.infolist()) == choice["bytes"]
    folder = tmp_path / "out"
    done = api.post("/history/exports/folder", json={"found": found, "folder": str(folder)}).json()
    assert (done["written"], done["there"], done["gone"], done["next"]) == (3, 0, 0, None)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json"] * 3 + [".png"] * 3 + [".txt"] * 3
    assert api.post("/history/exports/folder", json={"found": found, "folder": str(folder)}).json()["there"] == 3
    both = api.post("/history/exports", json={"found": found, "ids": [newest]})
    assert both.status_code == 422, both.text

"""History over the wire: searches, marks, trash."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from served import serving

from webui.generation.request import parse_request
from webui.studio.marks import Change
from webui.studio.studio import Studio

SMALL = {"width": 64, "height": 64, "steps": 2, "checkpoint": "small"}
MADE = (
    {"prompt": "a red castle on a hill", "negative_prompt": "blurry", "seed": 7},
    {"prompt": "a blue castle 🏰 at night", "steps": 3, "height": 96, "seed": 8},
    {"prompt": "portrait of a fox", "cfg_scale": 4.5, "sampler": "Euler a", "width": 96, "seed": 9},
    {"prompt": "城の絵, a tower", "seed": 10, "batch_count": 2},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[httpx.Client]:
    with serving(folder) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=20) as client:
        for fields in MADE:
            job = client.post("/jobs", json=SMALL | fields).json()["id"]
            while client.get(f"/jobs/{job}").json()["status"] != "done":
                time.sleep(0.01)
        yield client


def prompts(api: httpx.Client, q: str) -> list[str]:
    """First words of the pictures that a search finds, newest first."""
    answer = api.get("/history", params={"q": q})
    assert answer.status_code == 200, answer.text
    return [item["prompt"] for item in answer.json()["items"]]


RED, BLUE, FOX, TOWER = (fields["prompt"] for fields in MADE)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", [TOWER, TOWER, FOX, BLUE, RED]),
        ("castle", [BLUE, RED]),
        ("CASTLE red", [RED]),
        ("castle, (red)", [RED]),
        ('"red castle"', [RED]),
        ('"castle red"', []),
        ('"a red', [RED]),
        ("castle -blue", [RED]),
        ("-castle", [TOWER, TOWER, FOX]),
        ("cas*", [BLUE, RED]),
        ("portr*", [FOX]),
        ("*astl*", [BLUE, RED]),
        ("の絵", [TOWER, TOWER]),
        ("blurry", []),
        ("negative:blurry", [RED]),
        ("prompt:fox", [FOX]),
        ("model:small castle", [BLUE, RED]),
        ("model:SMA fox", [FOX]),
        ("sampler:Euler", [FOX]),
        ('sampler:"euler a"', [FOX]),
        ("seed:7", [RED]),
        ("seed:7,9", [FOX, RED]),
        ("steps:>2", [BLUE]),
        ("steps:3..5", [BLUE]),
        ("-steps:2", [BLUE]),
        ("cfg:<5", [FOX]),
        ("size:64x96", [BLUE]),
        ("size:>64x64", [FOX, BLUE]),
        ("width:>=96", [FOX]),
        ("height:96", [BLUE]),
        ("ratio:2:3", [BLUE]),
        ("ratio:landscape", [FOX]),
        ("-ratio:square", [FOX, BLUE]),
        ("kind:txt2img fox", [FOX]),
        ("is:inpaint", []),
        ("-is:inpaint fox", [FOX]),
        ("has:mask", []),
        ("tool:easel fox", [FOX]),
        ("after:2020 fox", [FOX]),
        ("before:2020", []),
        ("on:today fox", [FOX]),
        ("-after:1h", []),
        ("is:trash", []),
        ("is:favourite", []),
        ("-is:favourite -is:inpaint castle", [BLUE, RED]),
        ("from:1", []),
        ("a , - ( red", [RED]),
        ("'; DROP TABLE image; --", []),
        ('NEAR( OR AND col: " ', None),
    ],
)
def test_what_a_search_finds(api: httpx.Client, q: str, found: list[str] | None) -> None:
    if found is None:
        assert api.get("/history", params={"q": q}).status_code == 422
    else:
        assert prompts(api, q) == found
        assert api.get("/history/count", params={"q": q}).json() == {"n": len(found), "more": False}


@pytest.mark.parametrize(
    ("q", "words"),
    [
        ("colour:red", "quotes"),
        ("steps:many", "30, >30"),
        ("steps:", "steps:>30"),
        ('steps:""', "steps:>30"),
        ("steps:>", "steps:>30"),
        ("steps:>2..3", "2..3"),
        ("model:nowhere", "nowhere"),
        ("model:>a", "model:dream"),
        ("size:big", "512x768"),
        ("ratio:0", "16:9"),
        ("after:2026-13-01", "2026-05-03"),
        ("on:3d", "after:"),
        ("rating:7", "1 to 5"),
        ("is:good", "favourite"),
        ("is:trash,favourite", "term of its own"),
        ("tag:none", "none"),
        ("from:x", "id"),
        ("similar:1", "another"),
        ("a*", "2 letters"),
        ("a " * 400, "at most 200"),
        ("x" * 20_000, "at most 4,000"),
        ("a b " * 5_000, "at most 4,000"),
    ],
)
def test_what_can_not_be_used_says_what_can(api: httpx.Client, q: str, words: str) -> None:
    started = time.perf_counter()
    for path in ("/history", "/history/count", "/history/facets"):
        answer = api.get(path, params={"q": q})
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert error["field"] == "q"
        assert words in f"{error['message']} {error['hint']} {error['allowed']}"
    told = api.get("/history/terms", params={"q": q}).json()
    assert words in str(told["problem"] or [term["problem"] for term in told["terms"]])
    assert time.perf_counter() - started < 10


def test_terms_say_where_they_stand(api: httpx.Client) -> None:
    q = '🏰 castle -model:"a b",c steps:>=30'
    told = api.get("/history/terms", params={"q": q}).json()["terms"]
    assert [(term["text"], term["field"], term["operator"], term["value"], term["negated"]) for term in told] == [
        ("🏰", "", "", "🏰", False),
        ("castle", "", "", "castle", False),
        ('-model:"a b",c', "model", "", "a b,c", True),
        ("steps:>=30", "steps", ">=", "30", False),
    ]
    assert (told[1]["start"], told[1]["end"]) == (3, 9)  # JavaScript counts the castle twice
    assert [bool(term["problem"]) for term in told] == [False, False, True, False]


@pytest.mark.parametrize(
    ("q", "first", "replaced"),
    [
        ("", "model:", ""),
        ("mo", "model:", "mo"),
        ("castle -sa", "sampler:", "sa"),
        ("model:", "small", ""),
        ("castle model:sm", "small", "sm"),
        ("sampler:eu", '"Euler a"', "eu"),
        ('sampler:"euler ', '"Euler a"', '"euler '),
        ("kind:img2img,txt", "txt2img", "txt"),
        ("steps:>", "2", ""),
        ("is:", "favourite", ""),
        ("🏰 is:tr", "trash", "tr"),
        ("cast", "castle", "cast"),
    ],
)
def test_ways_on(api: httpx.Client, q: str, first: str, replaced: str) -> None:
    told = api.get("/history/completions", params={"q": q}).json()
    units = q.encode("utf-16-le")
    assert told["items"][0]["text"] == first
    assert units[2 * told["start"] : 2 * told["end"]].decode("utf-16-le") == replaced


def test_pages_go_on_below_the_last_picture(api: httpx.Client) -> None:
    seen: list[str] = []
    following: str | None = None
    for _ in range(3):
        page = api.get("/history", params={"q": "a", "limit": 2} | ({"before": following} if following else {})).json()
        seen += [item["id"] for item in page["items"]]
        following = page["next"]
        assert not page["partial"]
    assert following is None
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5
    assert api.get("/history").json()["total"] == 5


def test_facets_of_all_and_of_a_search(api: httpx.Client) -> None:
    everything = api.get("/history/facets").json()
    assert (everything["of"], everything["exact"]) == (5, True)
    assert everything["facets"]["checkpoint"] == [{"value": "small", "n": 5}]
    castles = api.get("/history/facets", params={"q": "castle"}).json()
    assert (castles["of"], castles["exact"]) == (2, True)
    assert castles["facets"]["sampler"] == [{"value": "DPM++ 2M", "n": 2}]
    assert castles["facets"]["tool"] == [{"value": "Easel", "n": 2}]


def ids_of(api: httpx.Client, q: str) -> list[str]:
    return [item["id"] for item in api.get("/history", params={"q": q}).json()["items"]]


def test_marks_are_found_and_taken_back_exactly(api: httpx.Client) -> None:
    both, (fox,) = ids_of(api, "castle"), ids_of(api, "fox")
    first = api.patch("/history/images", json={"ids": [fox], "rating": 3, "add_tags": ["Best of", "old"], "note": "for Anna"}).json()
    assert first["before"] == [{"id": fox, "favourite": False, "rating": None, "note": "", "tags": []}]
    ids = [*both, fox, "5"]  # one that is gone is left out
    second = api.patch(
        "/history/images", json={"ids": ids, "favourite": True, "rating": 5, "add_tags": ["best OF"], "remove_tags": ["OLD"]}
    )
    before = second.json()["before"]
    assert len(before) == 3
    item = api.get(f"/history/{fox}").json()
    assert (item["favourite"], item["rating"], item["note"], item["tags"]) == (True, 5, "for Anna", ["Best of"])
    for q in ("is:favourite", "rating:>=4", 'tag:"best of"', "has:tag", "has:rating", "rating:5 tag:best"):
        assert len(prompts(api, q)) == 3
    assert prompts(api, "anna") == prompts(api, "note:ann* has:note is:favourite -castle") == [FOX]
    assert prompts(api, "tag:best -has:note red") == [RED]
    assert api.get("/history/facets", params={"q": "tag:best"}).json()["facets"]["rating"] == [{"value": "5", "n": 3}]
    assert api.put("/history/images/marks", json={"before": before}).json() == {"changed": 3}
    assert prompts(api, "rating:3 tag:old") == [FOX]
    assert api.put("/history/images/marks", json=first).json() == {"changed": 1}
    assert prompts(api, "has:rating") == prompts(api, "has:tag") == prompts(api, "is:favourite") == prompts(api, "anna") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": ["x"]}, "ids[0]"),
        ({"ids": [5]}, "ids[0]"),
        ({"ids": ["5"], "rating": 6}, "rating"),
        ({"ids": ["5"], "rating": True}, "rating"),
        ({"ids": ["5"], "favourite": None}, "favourite"),
        ({"ids": ["5"], "note": "x" * 4001}, "note"),
        ({"ids": ["5"], "add_tags": ['a"b']}, "add_tags[0]"),
        ({"ids": ["5"], "add_tags": [" "]}, "add_tags[0]"),
        ({"ids": ["5"], "stars": 5}, "stars"),
        ({"ids": ["1"] * 10_001}, "ids"),
    ],
)
def test_marks_that_can_not_be_are_refused(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = api.patch("/history/images", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field


def test_saved_searches(api: httpx.Client) -> None:
    path = "/history/searches/Nights%20%2F%20blue"
    assert api.put(path, json={"query": "castle blue"}).json() == {"name": "Nights / blue", "query": "castle blue", "n": 1, "more": False}
    assert api.put(path, json={"query": " castle "}).json()["n"] == 2
    assert api.get("/history/searches").json()["items"] == [{"name": "Nights / blue", "query": "castle", "n": 2, "more": False}]
    assert api.put(path, json={"query": "colour:red"}).status_code == 422
    assert api.put(f"/history/searches/{'x' * 101}", json={"query": "castle"}).json()["error"]["field"] == "name"
    assert api.delete(path).json()["query"] == "castle"
    assert api.delete(path).status_code == 404
    assert api.get("/history/searches").json()["items"] == []


def test_the_trash_hides_brings_back_and_empties(api: httpx.Client, folder: Path) -> None:
    job = api.post("/jobs", json=SMALL | {"prompt": "a mistake", "batch_count": 2}).json()["id"]
    while api.get(f"/jobs/{job}").json()["status"] != "done":
        time.sleep(0.01)
    ids = ids_of(api, "mistake")
    files = [
        path
        for path in (folder / "data" / "outputs").rglob("*.png")
        if path.name in [api.get(f"/history/{one}").json()["file"] for one in ids]
    ]
    thumbnails = [
        folder / "data" / "cache" / "thumbnails" / sha[:2] / f"{sha}.webp"
        for sha in (api.get(f"/history/{one}").json()["sha256"] for one in ids)
    ]
    assert all(api.get(f"/thumbnails/{one}").status_code == 200 for one in ids)
    assert all(path.exists() for path in (*files, *thumbnails))

    assert set(api.post("/history/trash", json={"ids": ids}).json()["trashed"]) == set(ids)
    assert api.post("/history/trash", json={"ids": ids}).json()["trashed"] == []
    assert prompts(api, "mistake") == []
    assert prompts(api, "is:trash mistake") == ["a mistake"] * 2
    assert api.get("/history").json()["total"] == 5
    assert api.get(f"/history/{ids[0]}").json()["trashed"]
    assert api.get(f"/jobs/{job}").json()["images"] == []

    assert api.post("/history/restore", json={"ids": ids[:1]}).json()["restored"] == ids[:1]
    assert ids_of(api, "mistake") == ids[:1]
    assert api.post("/history/trash/empty", json={}).json()["removed"] == 1
    assert [path.exists() for path in files].count(True) == [path.exists() for path in thumbnails].count(True) == 1
    assert api.get(f"/history/{ids[1]}").status_code == 404
    api.post("/history/trash", json={"ids": ids})
    emptied = api.post("/history/trash/empty", json={}).json()
    assert (emptied["removed"], emptied["kept"]) == (1, [])
    assert emptied["bytes"] > 0
    assert not any(path.exists() for path in (*files, *thumbnails))
    assert prompts(api, "is:trash") == []
    assert api.get("/history").json()["total"] == 5


def test_all_pages_are_told_of_marks_trash_and_saved_searches(studio: Studio) -> None:
    job = studio.submit(parse_request(SMALL))["id"]
    ids = [int(one["id"]) for one in studio.follow(job, lambda event: None)["images"]]
    seq = studio.events.seq
    (before,) = studio.marks.change(ids, Change(favourite=True))
    studio.marks.put_back([before])
    studio.trash.put(ids)
    studio.trash.put(ids)  # changes nothing, so nobody is told
    studio.trash.restore(ids)
    studio.search.save("all", "-castle")
    told = [(event["type"], event.get("images")) for event in studio.events.after(seq) if event["type"] in ("marks", "saved_searches")]
    assert told == [*[("marks", [str(ids[0])])] * 4, ("saved_searches", None)]


PIECES = st.sampled_from(
    [
        *(
            '"',
            "-",
            "*",
            ":",
            ",",
            " ",
            "\n",
            "(",
            "NEAR(",
            " OR ",
            " AND ",
            " NOT ",
            "^",
            "{",
            "}",
            "+",
            ".",
            "''",
            "; --",
            "\0",
            "\u0300",
        ),
        *("model:", "steps:", "is:", "has:", "rating:", "after:", "size:", "ratio:", "from:", "similar:", "tag:", "note:", "negative:"),
        *(">=", "<", "..", "castle", "2026-05-03", "512x512", "16:9", "5", "99999999999", "favourite", "trash", "zzzk", "traits", "prompt"),
        *("é", "中", "🍎"),
    ]
)
PATHS = ("/history", "/history/count", "/history/terms", "/history/completions", "/history/facets")


@settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@example(q="\ud800", path="/history")
@example(q='a"b*"c', path="/history")
@example(q="-" * 3000, path="/history")
@example(q='"' * 3999, path="/history/terms")
@example(q="a:" * 1999, path="/history/terms")
@example(q="model:" + "," * 3000, path="/history/completions")
@example(q=" ".join(f"w{number}" for number in range(200)), path="/history")
@given(q=st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=40)), path=st.sampled_from(PATHS))
def test_whatever_is_typed_is_answered_or_refused_in_words(api: httpx.Client, q: str, path: str) -> None:
    answer = api.get(path, params={"q": q.encode("utf-8", "replace").decode()})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        error = answer.json()["error"]
        assert error["field"] == "q"
        assert error["hint"]

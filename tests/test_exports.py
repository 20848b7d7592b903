"""History taken out and looked at as a whole, over the wire."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from other_programs import Outputs, write_outputs
from served import serving
from test_imports import ROOT
from typer.testing import CliRunner, Result

from webui.cli import cli
from webui.errors import InvalidRequest
from webui.studio.database import open_database
from webui.studio.people_book import PeopleBook

MANY = 42


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outputs]:
    root = tmp_path_factory.mktemp("elsewhere")
    return root, write_outputs(root, MANY, broken=0)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, elsewhere: tuple[Path, Outputs]) -> Iterator[httpx.Client]:
    """An Easel with imported pictures, eleven of them favourites."""
    with serving(tmp_path_factory.mktemp("exports")) as address, httpx.Client(base_url=f"{address}/api/v1", timeout=60) as client:
        view = client.post("/history/imports", json={"folder": str(elsewhere[0])}).json()
        while view["status"] == "active":
            view = client.get(f"/history/imports/{view['id']}").json()
        ids = [item["id"] for item in client.get("/history?limit=200").json()["items"]]
        client.patch("/history/images", json={"ids": ids[:11], "favourite": True, "add_tags": ["kept"]}).raise_for_status()
        yield client


def ids_of(client: httpx.Client, query: str = "") -> list[str]:
    return [item["id"] for item in client.get("/history", params={"q": query, "limit": 200}).json()["items"]]


def test_everything_goes_out_as_json_lines(client: httpx.Client, elsewhere: tuple[Path, Outputs]) -> None:
    answer = client.get("/history/export.jsonl")
    assert re.search(r'filename="easel-history-\d{4}-\d\d-\d\d\.jsonl"', answer.headers["content-disposition"])
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == ids_of(client)
    assert sorted(line["prompt"] for line in lines) == sorted(elsewhere[1].prompts.values())
    assert sum(line["favourite"] for line in lines) == 11
    assert all(line["request"]["seed"] == int(line["seed"]) and line["infotext"] for line in lines)


def test_a_search_goes_out_alone_and_a_bad_one_is_refused(client: httpx.Client) -> None:
    lines = client.get("/history/export.jsonl", params={"q": "tag:kept"}).text.splitlines()
    assert len(lines) == 11 and all(json.loads(line)["tags"] == ["kept"] for line in lines)
    assert client.get("/history/export.jsonl", params={"q": "steps:many"}).status_code == 422
    assert client.get("/history/export.jsonl", params={"q": "is:trash"}).text.strip() == ""


def test_chosen_pictures_come_as_a_zip_with_what_made_them(client: httpx.Client, elsewhere: tuple[Path, Outputs]) -> None:
    chosen = ids_of(client)[:5]
    told = client.post("/history/exports", json={"ids": [*chosen, chosen[0], "1"]}).json()
    assert told["pictures"] == 5
    data = client.get(told["url"].removeprefix("/api/v1")).content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == 15 == len(set(names))
        pictures = [name for name in names if not name.endswith((".txt", ".json"))]
        sources = {path.name: path.read_bytes() for path in elsewhere[0].rglob("*") if path.is_file()}
        for name in pictures:
            assert archive.read(name) == sources[name]
            record = json.loads(archive.read(str(Path(name).with_suffix(".json"))))
            assert archive.read(str(Path(name).with_suffix(".txt"))).decode().strip() == record["infotext"].strip()
    bare = client.post("/history/exports", json={"ids": chosen, "sidecars": False}).json()
    with zipfile.ZipFile(io.BytesIO(client.get(bare["url"].removeprefix("/api/v1")).content)) as archive:
        assert len(archive.namelist()) == 5


def test_into_a_folder_nothing_is_overwritten_and_nothing_doubled(client: httpx.Client, tmp_path: Path) -> None:
    chosen = ids_of(client)[:4]
    name = client.get(f"/history/{chosen[0]}").json()["file"]
    target = tmp_path / "out"
    target.mkdir()
    (target / name).write_bytes(b"mine")
    body = {"ids": chosen, "folder": str(target)}
    assert client.post("/history/exports/folder", json=body).json() == {
        "folder": str(target),
        "written": 4,
        "there": 0,
        "gone": 0,
        "next": None,
    }
    assert (target / name).read_bytes() == b"mine"
    files = {path.name: path.read_bytes() for path in target.iterdir()}
    assert len(files) == 13 and f"{Path(name).stem} (2){Path(name).suffix}" in files
    assert client.post("/history/exports/folder", json=body).json()["there"] == 4
    assert {path.name: path.read_bytes() for path in target.iterdir()} == files


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/history/exports", {"ids": []}, 422),
        ("/history/exports", {"ids": ["x"]}, 422),
        ("/history/exports", {"ids": ["1"]}, 404),
        ("/history/exports", {"ids": ["9" * 19]}, 404),
        ("/history/exports/folder", {"ids": ["1"]}, 422),
        ("/history/exports/folder", {"ids": ["1"], "folder": "outputs"}, 422),
        ("/history/exports/folder", {"ids": ["1"], "folder": "/proc/nothing/here"}, 404),
    ],
)
def test_what_can_not_be_exported_is_said(client: httpx.Client, path: str, body: dict[str, Any], status: int) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_an_export_that_is_not_known_is_not_found(client: httpx.Client) -> None:
    assert client.get("/history/exports/nothing.zip").status_code == 404


def test_the_analysis_of_a_search_is_of_its_pictures(client: httpx.Client) -> None:
    told = client.get("/history/analysis").json()
    assert (told["pictures"], told["more"], told["lifts"]["good"], told["lifts"]["enough"]) == (MANY, False, 11, True)
    assert sum(day["pictures"] for day in told["calendar"]) == MANY
    assert {point["image"] for point in told["points"]} == set(ids_of(client))
    for entry in (*told["trends"]["words"], *told["trends"]["pairs"], *told["lifts"]["traits"]):
        found = ids_of(client, entry["query"])
        assert len(found) == entry.get("n", entry.get("pictures")), entry
    part = client.get("/history/analysis", params={"q": "is:favourite"}).json()
    assert (part["pictures"], part["lifts"]["enough"]) == (11, False)
    nothing = client.get("/history/analysis", params={"q": "nothing_is_called_so"}).json()
    assert (nothing["pictures"], nothing["calendar"], nothing["points"]) == (0, [], [])
    assert client.get("/history/analysis", params={"q": "steps:many"}).status_code == 422


def test_the_command_line_imports_and_exports(tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    written = write_outputs(root, 24, broken=0.2)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["history", *arguments, "--data-dir", str(tmp_path / "data")])

    taken = run("import", str(root))
    assert taken.exit_code == 0, taken.output
    assert f"{len(written.prompts)}  in history" in taken.stdout
    for path in written.broken | written.foreign:
        assert f"{path}: " in taken.stderr
    out = tmp_path / "all.jsonl"
    assert run("export", "--out", str(out)).exit_code == 0
    assert len(out.read_text("utf-8").splitlines()) == len(written.prompts)
    refused = run("export", "--out", str(out))
    assert isinstance(refused.exception, InvalidRequest) and "is there already" in str(refused.exception)
    assert "no folder" in str(run("import", str(tmp_path / "nowhere")).exception)


def test_the_command_line_acts_for_one_person(tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    written = write_outputs(root, 6, broken=0)
    with closing(open_database(tmp_path / "data")) as database:
        people = PeopleBook(database)
        people.add("anna", "correct horse battery")
        people.add("ben", None)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["history", *arguments, "--data-dir", str(tmp_path / "data")])

    taken = run("import", str(root), "--person", "Ben")
    assert taken.exit_code == 0, taken.output
    for person, pictures in (("ben", len(written.prompts)), ("anna", 0), ("", 0)):
        out = tmp_path / f"of-{person}.jsonl"
        assert run("export", "--out", str(out), *(("--person", person) if person else ())).exit_code == 0
        assert len(out.read_text("utf-8").splitlines()) == pictures
    assert "Nobody here is called 'cleo'" in str(run("import", str(root), "--person", "cleo").exception)


def test_the_docs_example_reads_an_export(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "history-import.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (tmp_path / "my-history.jsonl").write_bytes(client.get("/history/export.jsonl").content)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "example", "exec"), {})
    assert capsys.readouterr().out == f"{MANY} pictures, 11 favourites\n"

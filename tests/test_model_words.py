"""What people say of models by API: notes, trigger words, defaults, previews; and what is in memory."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import model_files as files
import pytest
from fastapi.testclient import TestClient
from model_files import SD1, write_safetensors
from PIL import Image
from small_checkpoint import SHIPPED_CHECKPOINT, make_checkpoint

from webui.app import build_web
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio

FOX = (SHIPPED_CHECKPOINT / "examples" / "fox.png").read_bytes()
MODELS = "/api/v1/models"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_checkpoint(root / "checkpoints" / "small")
    write_safetensors(root / "checkpoints" / "other" / "ink.safetensors", SD1)
    (root / "checkpoints" / "page.safetensors").write_bytes(b"<html>")
    for number, name in enumerate(("wool", "a #1 <b>", "zoo/wool", "Wool2")):
        write_safetensors(root / "loras" / f"{name}.safetensors", files.kohya_lora(768 + number))
    write_safetensors(root / "embeddings" / "easy (x).safetensors", {"emb_params": (8, 768)})
    write_safetensors(root / "embeddings" / "plain.safetensors", {"emb_params": (8, 768)})
    return root


@pytest.fixture(scope="module")
def client(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = load_settings(data_dir=tmp_path_factory.mktemp("data"), executor="fake")
    studio = Studio(settings, FakeExecutor(), CheckpointCatalog([root], settings.data_dir / "cache"), ExtensionRegistry())
    yield TestClient(build_web(studio), base_url="http://127.0.0.1")
    studio.close()


def names(client: TestClient, **wanted) -> list[str]:
    answer = client.get(MODELS, params=wanted)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def model(client: TestClient, name: str) -> dict:
    return next(item for item in client.get(MODELS).json()["items"] if item["name"] == name)


def say(client: TestClient, name: str, **words) -> dict:
    answer = client.patch(f"{MODELS}/{model(client, name)['id']}", json=words)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: TestClient, name: str, **words) -> tuple[int, str | None]:
    answer = client.patch(f"{MODELS}/{model(client, name)['id']}", json=words)
    return answer.status_code, answer.json()["error"]["field"]


def test_orders_and_filters(client: TestClient, root: Path) -> None:
    assert names(client, kind="lora", sort="name") == ["a #1 <b>", "wool", "wool (2)", "Wool2"]
    os.utime(root / "loras" / "Wool2.safetensors", (2_000_000_000, 2_000_000_000))
    client.post(f"{MODELS}/refresh")
    assert names(client, kind="lora", sort="newest")[0] == "Wool2"
    assert names(client, kind="lora", sort="largest")[0] == "Wool2"
    assert names(client, folder=str(root / "loras" / "zoo")) == ["wool (2)"]
    assert len(names(client, folder=str(root / "loras"))) == 4
    assert names(client, folder=str(root / "lora")) == []
    assert names(client, kind="checkpoint", usable="false") == ["page"]
    assert names(client, kind="checkpoint", usable="true", sort="used") == ["ink", "small"]


def test_the_overview_counts_by_kind_family_and_folder(client: TestClient, root: Path) -> None:
    overview = client.get(f"{MODELS}/overview").json()
    kinds = {entry["kind"]: entry for entry in overview["kinds"]}
    assert {kind: entry["count"] for kind, entry in kinds.items()} == {"checkpoint": 3, "lora": 4, "embedding": 2}
    assert kinds["checkpoint"]["unusable"] == 1
    assert kinds["checkpoint"]["families"] == {"sd1": 2}
    assert kinds["lora"]["folders"] == {str(root / "loras"): 3, str(root / "loras" / "zoo"): 1}
    assert (overview["total"], overview["roots"]) == (9, [str(root)])
    assert [entry["count"] for entry in client.get(f"{MODELS}/overview", params={"search": "ink"}).json()["kinds"]] == [1]


def test_words_are_written_beside_the_model_and_taken_out_again(client: TestClient, root: Path) -> None:
    path = root / "loras" / "wool.json"
    path.write_text(json.dumps({"sd version": "SD1", "notes": "as it was", "mine": [1]}))
    client.post(f"{MODELS}/refresh")
    said = say(client, "wool", note="soft\n<img src=x>", trigger_words=["wool", " knitted "], weight=0.7)
    assert (said["note"], said["trigger_words"], said["weight"]) == ("soft\n<img src=x>", ["wool", "knitted"], 0.7)
    assert said["insert_words"], "as AUTOMATIC1111 does with its activation text"
    assert json.loads(path.read_text()) == {
        "sd version": "SD1",
        "notes": "soft\n<img src=x>",
        "mine": [1],
        "activation text": "wool, knitted",
        "preferred weight": 0.7,
    }
    assert json.loads((root / "loras" / "wool.json.bak").read_text())["notes"] == "as it was"
    assert names(client, search="knitted") == ["wool"]
    assert not say(client, "wool", insert_words=False)["insert_words"]
    said = say(client, "wool", note=None, trigger_words=None, weight=None, insert_words=None)
    assert (said["note"], said["trigger_words"], said["weight"], said["insert_words"]) == ("", [], None, False)
    assert json.loads(path.read_text()) == {"sd version": "SD1", "mine": [1]}


def test_what_others_write_is_seen_after_a_look(client: TestClient, root: Path) -> None:
    assert say(client, "Wool2", note="mine")["note"] == "mine"
    (root / "loras" / "Wool2.json").write_text(json.dumps({"notes": "theirs, longer"}))
    assert client.post(f"{MODELS}/refresh").json()["changed"]
    assert model(client, "Wool2")["note"] == "theirs, longer"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"note": 7}, "note"),
        ({"note": "x" * 4001}, "note"),
        ({"trigger_words": "wool"}, "trigger_words"),
        ({"trigger_words": ["x"] * 41}, "trigger_words"),
        ({"weight": 0}, "weight"),
        ({"weight": 11}, "weight"),
        ({"weight": True}, "weight"),
        ({"insert_words": "yes"}, "insert_words"),
        ({"defaults": {"steps": 20}}, "defaults"),
        ({"defaults": [1]}, "defaults"),
    ],
)
def test_what_cannot_be_said_changes_nothing(client: TestClient, root: Path, words: dict, field: str) -> None:
    assert refused(client, "wool (2)", **{"note": "new"} | words) == (422, field)
    assert not (root / "loras" / "zoo" / "wool.json").exists()


def test_a_file_that_is_no_table_is_left_alone(client: TestClient, root: Path) -> None:
    path = root / "loras" / "zoo" / "wool.json"
    path.write_text("[1, 2]")
    assert refused(client, "wool (2)", note="new")[0] == 409
    assert path.read_text() == "[1, 2]"
    path.unlink()


def test_a_folder_that_cannot_be_written_is_told(client: TestClient, root: Path) -> None:
    (root / "loras" / "zoo" / "wool.json").mkdir()
    answer = client.patch(f"{MODELS}/{model(client, 'wool (2)')['id']}", json={"note": "new"})
    assert answer.status_code == 503
    assert "wool.json can't be written beside the model" in answer.json()["error"]["message"]
    (root / "loras" / "zoo" / "wool.json").rmdir()


def test_defaults_of_ones_own_are_drawn_with(client: TestClient, root: Path) -> None:
    assert model(client, "ink")["usable"]
    said = say(client, "ink", defaults={"steps": 9, "sampler": "euler a", "negative_prompt": "blurry", "clip_skip": 2})
    assert said["own_defaults"] == {"steps": 9, "sampler": "Euler a", "negative_prompt": "blurry", "clip_skip": 2}
    assert said["defaults"] == {"width": 512, "height": 512} | said["own_defaults"]
    assert json.loads((root / "checkpoints" / "other" / "ink.json").read_text())["easel"] == {"defaults": said["own_defaults"]}
    chained = say(client, "ink", defaults={"finishing": [{"step": "sharpen", "amount": 0.25}]})["own_defaults"]
    assert [(step["step"], step["amount"]) for step in chained["finishing"]] == [("sharpen", 0.25)]
    said = say(client, "ink", defaults=said["own_defaults"])
    listed = {entry["name"]: entry["defaults"] for entry in client.get("/api/v1/checkpoints").json()}
    assert listed["ink"]["steps"] == 9
    asked = client.post("/api/v1/jobs", json={"checkpoint": "ink", "prompt": "a fox", "clip_skip": 1}).json()
    request = client.get(f"/api/v1/jobs/{asked['id']}/request").json()
    assert (request["steps"], request["sampler"], request["negative_prompt"], request["clip_skip"]) == (9, "Euler a", "blurry", 1)
    for wrong, field in (({"steps": 0}, "steps"), ({"prompt": "a fox"}, "prompt"), ({"seed": 7}, "seed"), ({"nonsense": 1}, "nonsense")):
        assert refused(client, "ink", defaults=wrong) == (422, field)
    assert say(client, "ink", defaults=None)["own_defaults"] == {}
    assert not json.loads((root / "checkpoints" / "other" / "ink.json").read_text())


def test_damaged_defaults_beside_a_checkpoint_are_left_out(client: TestClient, root: Path) -> None:
    path = root / "checkpoints" / "other" / "ink.json"
    path.write_text(json.dumps({"easel": {"defaults": {"steps": "many"}}, "notes": "still read"}))
    client.post(f"{MODELS}/refresh")
    assert model(client, "ink")["note"] == "still read"
    about = client.get(f"{MODELS}/{model(client, 'ink')['id']}").json()
    assert (about["usable"], about["own_defaults"], about["defaults"]) == (True, {}, {"width": 512, "height": 512})
    path.unlink()
    client.post(f"{MODELS}/refresh")


def test_a_preview_is_set_and_what_was_there_comes_back(client: TestClient, root: Path) -> None:
    about = model(client, "small")
    address = f"{MODELS}/{about['id']}/preview"
    assert about["preview"] is None
    assert client.get(f"{MODELS}/{about['id']}/thumbnail").status_code == 404
    answer = client.put(address, content=FOX, headers={"content-type": "image/png"})
    assert answer.status_code == 200, answer.text
    written = (root / "checkpoints" / "small.preview.png").read_bytes()
    with Image.open(io.BytesIO(written)) as picture:
        assert (picture.format, picture.size, picture.info) == ("PNG", (128, 128), {}), "nothing but the picture"
    shown = client.get(answer.json()["preview"])
    assert (shown.headers["content-type"], shown.content) == ("image/png", written)
    with Image.open(io.BytesIO(client.get(answer.json()["thumbnail"]).content)) as small:
        assert (small.format, small.size) == ("WEBP", (128, 128))
    large = io.BytesIO()
    Image.new("RGB", (2000, 1000), "red").save(large, "JPEG")
    second = client.put(address, content=large.getvalue(), headers={"content-type": "image/jpeg"}).json()
    assert second["preview"] != answer.json()["preview"], "a browser must not show the one before"
    with Image.open(root / "checkpoints" / "small.preview.png") as picture:
        assert picture.size == (768, 384)
    with Image.open(io.BytesIO(client.get(second["thumbnail"]).content)) as small:
        assert small.size == (480, 240)
    assert client.delete(address).status_code == 200
    assert (root / "checkpoints" / "small.preview.png").read_bytes() == written
    assert client.delete(address).json()["preview"] is None
    assert not list((root / "checkpoints").glob("small.preview*"))
    assert client.delete(address).status_code == 409


def test_no_other_file_is_taken_for_a_preview(client: TestClient, root: Path) -> None:
    address = f"{MODELS}/{model(client, 'small')['id']}/preview"

    def put(content: bytes, kind: str) -> int:
        return client.put(address, content=content, headers={"content-type": kind}).status_code

    assert put(b"<svg onload='x()'>", "image/png") == 422
    assert put(b"", "image/png") == 422
    assert put(FOX, "image/gif") == 415
    assert put(FOX[:2000], "image/png") == 422
    assert put(b"\x89PNG\r\n\x1a\n" + bytes(20_000_001), "image/png") == 413
    assert client.put(address, json={"image": "1"}).status_code == 404
    assert client.put(address, json={"image": "../../etc/passwd"}).status_code == 404
    assert client.put(address, json={"path": "/etc/passwd"}).status_code == 422
    assert client.put(f"{MODELS}/..%2f..%2fx/preview", content=FOX, headers={"content-type": "image/png"}).status_code == 404
    assert not list((root / "checkpoints").glob("small.preview*"))


def test_a_preview_of_ones_own_making_is_not_taken_away(client: TestClient, root: Path) -> None:
    own = root / "loras" / "wool.jpg"
    own.write_bytes(FOX)
    client.post(f"{MODELS}/refresh")
    assert client.delete(f"{MODELS}/{model(client, 'wool')['id']}/preview").status_code == 409
    assert own.read_bytes() == FOX
    own.unlink()


def test_a_prompt_names_each_model_by_a_name_that_means_it(client: TestClient) -> None:
    assert model(client, "wool")["prompt_name"] == "wool"
    assert model(client, "wool (2)")["prompt_name"] == "wool (2)"
    assert "zoo/wool" in model(client, "wool (2)")["prompt_names"]
    assert "wool" not in model(client, "wool (2)")["prompt_names"]
    assert model(client, "plain")["prompt_name"] == "plain"
    assert model(client, "easy (x)")["prompt_name"] is None, "brackets are emphasis in a prompt"
    assert model(client, "a #1 <b>")["prompt_name"] is None
    # Once it was hashed, the hash names it.
    assert client.post("/api/v1/jobs", json={"prompt": "a fox <lora:wool:0.5>"}).status_code == 202
    assert len(model(client, "wool")["hash"]) == 10
    assert model(client, "small")["prompt_name"] is None


def test_what_is_in_memory_and_who_shares_it(client: TestClient) -> None:
    small, ink, wool = (model(client, name)["id"] for name in ("small", "ink", "wool"))
    memory = client.get(f"{MODELS}/memory").json()
    assert memory["parts"] == []
    assert memory["models"] == 9
    assert memory["memory_total"] > memory["memory_free"] > 0
    for identifier in (small, ink):
        assert client.post(f"{MODELS}/{identifier}/preload", json={}).status_code == 202
    parts = {part["part"]: part for part in client.get(f"{MODELS}/memory").json()["parts"]}
    assert parts["ink.safetensors/vae"]["checkpoints"] == ["ink", "small"]
    assert parts["small/denoiser"]["checkpoints"] == ["small"]
    assert [name for name, part in parts.items() if part["in_use"]] == [
        f"ink.safetensors/{kind}" for kind in ("denoiser", "text_encoder", "vae")
    ]
    assert client.post(f"{MODELS}/{ink}/unload", json={}).status_code == 204
    assert {owner for part in client.get(f"{MODELS}/memory").json()["parts"] for owner in part["checkpoints"]} == {"small"}
    assert client.post(f"{MODELS}/unload", json={}).status_code == 204
    assert client.get(f"{MODELS}/memory").json()["parts"] == []
    for act in ("preload", "unload"):
        assert client.post(f"{MODELS}/{wool}/{act}", json={}).json()["error"]["field"] == "model_id"
        assert client.post(f"{MODELS}/nothing/{act}", json={}).status_code == 404
    assert client.post(f"{MODELS}/{model(client, 'page')['id']}/preload", json={}).json()["error"]["code"] == "checkpoint_unusable"

import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import model_files as files
import pytest
from fastapi.testclient import TestClient
from model_files import SDXL, write_safetensors
from small_checkpoint import make_checkpoint

from webui.app import build_web
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_checkpoint(root / "checkpoints" / "small")
    wool = write_safetensors(root / "loras" / "sub" / "wool.safetensors", files.kohya_lora(2048), {"ss_output_name": "Wool!"})
    wool.with_suffix(".json").write_text(json.dumps({"activation text": "<b>wool</b>", "notes": "soft"}))
    wool.with_suffix(".preview.png").write_bytes(PNG)
    write_safetensors(root / "checkpoints" / "xl.safetensors", SDXL).with_suffix(".png").write_bytes(b"<svg onload='x()'>")
    (root / "loras" / "broken.safetensors").write_bytes(b"<html>")
    return root


@pytest.fixture(scope="module")
def client(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = load_settings(data_dir=tmp_path_factory.mktemp("data"), executor="fake")
    # Not started: nothing is looked for or hashed but when a test asks for it.
    studio = Studio(settings, FakeExecutor(), CheckpointCatalog([models_dir], settings.data_dir / "cache"), ExtensionRegistry())
    yield TestClient(build_web(studio), base_url="http://127.0.0.1")
    studio.close()


def by_name(client: TestClient, **wanted) -> dict[str, dict]:
    return {item["name"]: item for item in client.get("/api/v1/models", params=wanted).json()["items"]}


def test_models_are_listed_with_what_they_are(client: TestClient) -> None:
    models = by_name(client)
    assert {name: (item["kind"], item["family"], item["usable"]) for name, item in models.items()} == {
        "small": ("checkpoint", "sd1", True),
        "xl": ("checkpoint", "sdxl", True),
        "broken": ("lora", "", None),
        "wool": ("lora", "sdxl", None),
    }
    assert "web page" in models["broken"]["problem"]
    assert models["wool"]["title"] == "sub/wool.safetensors"
    assert models["wool"]["bytes"] > 0
    assert models["xl"]["problem"] == ""


def test_searching_and_paging(client: TestClient) -> None:
    assert list(by_name(client, kind="lora")) == ["broken", "wool"]
    assert list(by_name(client, kind=["lora", "checkpoint"], search="wool!")) == ["wool"]
    assert list(by_name(client, family="sdxl")) == ["xl", "wool"]
    page = client.get("/api/v1/models", params={"limit": 3}).json()
    assert (len(page["items"]), page["total"], page["next"]) == (3, 4, 3)
    rest = client.get("/api/v1/models", params={"limit": 3, "offset": page["next"]}).json()
    assert (len(rest["items"]), rest["next"]) == (1, None)
    for wrong in ({"kind": "nonsense"}, {"limit": 0}, {"offset": -1}, {"search": "x" * 201}):
        assert client.get("/api/v1/models", params=wrong).status_code == 422


def test_all_about_one_model(client: TestClient) -> None:
    wool, xl = by_name(client)["wool"], by_name(client)["xl"]
    about = client.get(f"/api/v1/models/{wool['id']}").json()
    assert about["trigger_words"] == ["<b>wool</b>"]
    assert (about["note"], about["alias"], about["sha256"]) == ("soft", "Wool!", None)
    assert about["metadata"] == {"ss_output_name": "Wool!"}
    parts = client.get(f"/api/v1/models/{xl['id']}").json()["parts"]
    assert [part["name"] for part in parts] == ["denoiser", "text_encoder", "text_encoder_2", "vae"]
    assert client.get("/api/v1/models/nothing").status_code == 404


def test_previews_are_pictures_or_nothing(client: TestClient) -> None:
    models = by_name(client)
    answer: httpx.Response = client.get(models["wool"]["preview"])
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", PNG)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(models["xl"]["preview"]).status_code == 404
    assert models["broken"]["preview"] is None
    assert client.get(f"/api/v1/models/{models['broken']['id']}/preview").status_code == 404


def test_a_refresh_finds_what_came(client: TestClient, models_dir: Path) -> None:
    path = write_safetensors(models_dir / "vae" / "new.safetensors", files.vae())
    assert client.post("/api/v1/models/refresh").json() == {"changed": True, "total": 5}
    assert client.post("/api/v1/models/refresh").json() == {"changed": False, "total": 5}
    assert by_name(client, kind="vae")["new"]["kind"] == "vae"
    path.unlink()
    assert client.post("/api/v1/models/refresh").json() == {"changed": True, "total": 4}


def test_names_and_texts_that_are_no_unicode(client: TestClient, models_dir: Path) -> None:
    path = os.fsencode(models_dir / "loras") + b"/\xff\xfe.safetensors"
    head, size = files.safetensors_header(files.kohya_lora(), {"ss_output_name": "half \ud800", "\udc00": "x"})
    try:
        Path(os.fsdecode(path)).write_bytes(head + bytes(size))
    except OSError:
        pytest.skip("this file system takes no such names")
    os.utime(path, (2**40, 2**40))
    client.post("/api/v1/models/refresh")
    found = by_name(client, search="half")["??"]
    about = client.get(f"/api/v1/models/{found['id']}").json()
    assert about["alias"] == "half ?"
    assert about["metadata"]["?"] == "x"
    assert client.post("/api/v1/models/refresh").json()["changed"] is False
    Path(os.fsdecode(path)).unlink()
    client.post("/api/v1/models/refresh")


def test_a_lora_is_never_taken_for_a_checkpoint(client: TestClient) -> None:
    answer = client.post("/api/v1/jobs", json={"checkpoint": "wool"})
    assert answer.status_code == 422
    assert "no checkpoint but a file of kind LoRA" in answer.json()["error"]["message"]

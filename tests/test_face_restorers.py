"""Face restorers as they are asked for: by name, by architecture, in AUTOMATIC1111's words and over its API."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from model_files import write_safetensors
from PIL import Image
from served import serving

from webui.catalog.detect import FACE_RESTORERS
from webui.errors import InvalidRequest
from webui.generation.finishing import RestoreFacesStep
from webui.generation.finishing_infotext import read_steps, write_steps
from webui.generation.infotext import map_fields, read_infotext
from webui.generation.request import parse_request

SMALL = {"width": 64, "height": 64, "steps": 2, "sampler_name": "Euler a", "prompt": "a fox"}


def write_restorer(path: Path, architecture: str) -> None:
    """A file that is told to be of that architecture, and could not be loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(path, dict.fromkeys(FACE_RESTORERS[architecture], (1,)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("restorers")
    write_restorer(folder / "models" / "Codeformer" / "codeformer-v0.1.0.safetensors", "CodeFormer")
    write_restorer(folder / "models" / "GFPGAN" / "GFPGANv1.3.safetensors", "GFPGAN")
    write_restorer(folder / "models" / "GFPGAN" / "GFPGANv1.4.safetensors", "GFPGAN")
    write_safetensors(folder / "models" / "GFPGAN" / "detection_Resnet50_Final.safetensors", {"body.weight": (3,)})
    with serving(folder) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def parameters(image: str) -> dict[str, str]:
    with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
        return dict(read_infotext(opened.info["parameters"]).parameters)


# words


def test_its_words_are_those_of_automatic1111() -> None:
    step = RestoreFacesStep(step="restore faces", restorer="codeformer-v0.1.0", visibility=0.8, weight=0.3)
    taken = step.model_copy(update={"architecture": "CodeFormer"})
    told = {"Face restoration": "CodeFormer", "Face restoration model": "codeformer-v0.1.0", "CodeFormer visibility": "0.8"}
    assert write_steps([taken]) == told | {"CodeFormer weight": "0.3"}
    other = RestoreFacesStep(step="restore faces", restorer="GFPGANv1.4", visibility=0.5, weight=0.3, architecture="GFPGAN")
    pairs = write_steps([taken, other])
    assert pairs["Postprocess 2 Face restoration"] == "GFPGAN" and pairs["Postprocess 2 GFPGAN visibility"] == "0.5"
    assert "Postprocess 2 CodeFormer weight" not in pairs, "it says nothing for a GFPGAN"
    again = [RestoreFacesStep.model_validate(fields) for fields in read_steps(pairs).values()]
    assert [one.restorer for one in again] == ["codeformer-v0.1.0", "GFPGANv1.4"] and again[0].visibility == 0.8


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Face restoration: GFPGAN", {"restorer": "GFPGAN"}),
        ("GFPGAN visibility: 0.7", {"restorer": "GFPGAN", "visibility": 0.7}),
        ("CodeFormer visibility: 1, CodeFormer weight: 0.2", {"restorer": "CodeFormer", "weight": 0.2}),
    ],
)
def test_pictures_of_automatic1111_are_read(text: str, fields: dict[str, Any]) -> None:
    mapped = map_fields(read_infotext(f"a fox\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 64x64, {text}"))
    assert mapped.fields["finishing"] == (RestoreFacesStep.model_validate({"step": "restore faces"} | fields),)
    assert not mapped.unmapped


def test_painted_faces_need_a_mask() -> None:
    asked = {"prompt": "a fox", "finishing": [{"step": "sharpen"}, {"step": "restore faces", "faces": "Painted"}]}
    with pytest.raises(InvalidRequest) as refused:
        parse_request(asked)
    assert refused.value.field == "finishing[1].faces" and "Inpaint" in refused.value.hint
    parse_request(asked | {"kind": "inpaint", "init_image": "0" * 64, "mask": "1" * 64})


# the API


def test_a_restorer_goes_by_its_file_or_its_architecture(client: httpx.Client) -> None:
    fields = client.get("/api/v1/finishing").json()["steps"]
    (restorer, weight) = (next(one for step in fields for one in step["fields"] if one["name"] == name) for name in ("restorer", "weight"))
    assert set(restorer["choices"]) == {"", "codeformer-v0.1.0", "GFPGANv1.3", "GFPGANv1.4"}, "no face finders of others"
    assert "codeformer-v0.1.0" in weight["only_for"]["restorer"] and "GFPGANv1.4" not in weight["only_for"]["restorer"]
    for name, found in (("gfpganv1.4", "GFPGANv1.4"), ("CodeFormer", "codeformer-v0.1.0"), ("GFPGAN", "GFPGANv1.3")):
        asked = {"prompt": "a fox", "width": 64, "height": 64, "steps": 1, "finishing": [{"step": "restore faces", "restorer": name}]}
        job = client.post("/api/v1/jobs", json=asked).raise_for_status().json()
        while not (images := client.get(f"/api/v1/jobs/{job['id']}").json()["images"]):
            time.sleep(0.02)
        made = client.get(f"/api/v1/history/{images[0]['id']}").raise_for_status().json()
        assert made["finishing"][0]["restorer"] == found
    refused = client.post("/api/v1/jobs", json=asked | {"finishing": [{"step": "restore faces", "restorer": "nobody"}]})
    error = refused.json()["error"]
    assert (refused.status_code, error["field"]) == (422, "finishing[0].restorer") and "GFPGANv1.3" in error["allowed"]


def test_what_isn_t_here_is_left_out_of_what_is_pasted(client: httpx.Client) -> None:
    for name, steps in (("CodeFormer", 1), ("RestoreFormer", 0)):
        text = f"a fox\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 64x64, Face restoration: {name}"
        told = client.post("/api/v1/metadata", json={"text": text}).raise_for_status().json()
        assert len(told["fields"]["finishing"]) == steps
        assert bool([entry for entry in told["unmapped"] if "faces" in entry["key"]]) is (not steps)


# AUTOMATIC1111's


def test_restorers_are_listed_and_taken_by_those_names(client: httpx.Client) -> None:
    listed = {one["name"]: one["cmd_dir"] for one in client.get("/sdapi/v1/face-restorers").json()}
    assert set(listed) == {"CodeFormer", "GFPGAN", "GFPGANv1.4"} and listed["GFPGAN"].endswith("GFPGAN")
    assert client.get("/sdapi/v1/options").json()["face_restoration_model"] in listed
    for name, kept in (("GFPGANv1.4", "GFPGAN"), ("CodeFormer", "CodeFormer")):
        override = {"face_restoration_model": name, "code_former_weight": 0.2}
        told = (
            client.post("/sdapi/v1/txt2img", json=SMALL | {"restore_faces": True, "override_settings": override}).raise_for_status().json()
        )
        info = json.loads(told["info"])
        assert (info["restore_faces"], info["face_restoration_model"], info["notes"]) == (True, kept, [])
        assert parameters(told["images"][0])["Face restoration"] == kept
        assert parameters(told["images"][0]).get("CodeFormer weight") == ("0.2" if kept == "CodeFormer" else None)
    wrong = {"restore_faces": True, "override_settings": {"face_restoration_model": "nobody"}}
    refused = client.post("/sdapi/v1/txt2img", json=SMALL | wrong)
    assert refused.status_code == 422 and "GFPGANv1.4" in refused.text
    refused = client.post("/sdapi/v1/options", json={"code_former_weight": 2})
    assert refused.status_code == 422


def test_extras_restore_before_or_after_enlarging(client: httpx.Client) -> None:
    body = {"image": picture(), "upscaler_1": "Nearest", "gfpgan_visibility": 0.5, "codeformer_visibility": 1, "codeformer_weight": 0.1}
    for first in (False, True):
        told = client.post("/sdapi/v1/extra-single-image", json=body | {"upscale_first": first}).raise_for_status().json()
        keys = list(parameters(told["image"]))
        assert (keys.index("Face restoration") > keys.index("Postprocess upscaler")) is first
        said = parameters(told["image"])
        assert (said["GFPGAN visibility"], said["Postprocess 2 CodeFormer weight"]) == ("0.5", "0.1")
    alone = client.post("/sdapi/v1/extra-single-image", json=body | {"upscaler_1": "None"}).raise_for_status().json()
    assert "Face restoration" in parameters(alone["image"]) and "Postprocess upscaler" not in parameters(alone["image"])

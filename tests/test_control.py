"""Controls from a request to the worker, into the picture's texts, and back."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import write_safetensors
from PIL import Image
from safetensors.numpy import save_file
from test_adapters import Listening
from test_studio import SMALL, wait_for

from webui.api.control import build_control_router
from webui.catalog.models import ModelCatalog
from webui.errors import AdapterUnusable, InvalidRequest
from webui.generation.control import CONTROL_MODES, ControlUnit, read_unit, write_unit
from webui.generation.infotext import map_fields, read_infotext
from webui.generation.request import Txt2Img, dump_request, load_request, parse_request
from webui.pictures.preprocessors import PREPROCESSORS, RESIZE_MODES, canny, encoder_picture, fitted
from webui.studio.studio import Studio

DIGEST = "ab" * 32
UNIT = {"model": "canny", "image": DIGEST}
WIDTHS = {"sd1": 768, "sd2": 1024, "sdxl": 2048}


def png(colour: tuple[int, int, int] = (9, 8, 7)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


def controlnet_file(path: Path, family: str = "sd1") -> Path:
    """A ControlNet as far as headers tell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = WIDTHS[family]
    names = {
        "control_model.zero_convs.0.0.weight": (320, 320, 1, 1),
        "control_model.input_hint_block.0.weight": (16, 3, 3, 3),
        "control_model.input_blocks.0.0.weight": (320, 4, 3, 3),
        "control_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, width),
        "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, width),
        "control_model.time_embed.0.weight": (1280, 320),
    }
    if family == "sdxl":
        names["control_model.label_emb.0.0.weight"] = (1280, 2816)
    save_file({name: np.zeros(shape, np.float16) for name, shape in names.items()}, path)
    return path


VIT_H = {
    "vision_model.embeddings.class_embedding": (1280,),
    "vision_model.embeddings.patch_embedding.weight": (1280, 3, 14, 14),
    "visual_projection.weight": (1024, 1280),
}
PLAIN = {"image_proj.proj.weight": (3072, 1024), "image_proj.norm.weight": (768,)}
PLUS = {"image_proj.latents": (1, 16, 768), "image_proj.proj_in.weight": (768, 1280)}
BIG_G = {"image_proj.proj.weight": (3072, 1280), "image_proj.norm.weight": (768,)}
FACES = {"image_proj.proj.0.weight": (1024, 512), "image_proj.proj.2.weight": (3072, 1024), "image_proj.norm.weight": (768,)}


def adapter_file(path: Path, shapes: dict[str, tuple[int, ...]] = PLAIN, family: str = "sd1") -> Path:
    """An IP-Adapter as far as headers tell."""
    return write_safetensors(path, {**shapes, "ip_adapter.1.to_k_ip.weight": (320, WIDTHS[family])})


def image_encoder_file(models: Path) -> Path:
    """The image encoder ViT-H as far as headers tell."""
    return write_safetensors(models / "clip_vision" / "CLIP-ViT-H-14.safetensors", VIT_H)


def finished(studio: Studio, fields: dict[str, Any]) -> dict[str, Any]:
    job = studio.submit(studio.complete({**SMALL, **fields}))
    return studio.follow(job["id"], lambda event: None)


# --- What a request may say ---


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({**UNIT, "weight": 3}, "controls[1].weight", "0 to 2"),
        ({**UNIT, "weight": True}, "controls[1].weight", ""),
        ({**UNIT, "image": "../../etc/passwd"}, "controls[1].image", "64 lower hex digits"),
        ({"model": "canny"}, "controls[1].image", "Picture is missing"),
        ({**UNIT, "model": ""}, "controls[1].model", ""),
        ({**UNIT, "preprocessor": "depth_midas"}, "controls[1].preprocessor", "canny"),
        ({**UNIT, "start": 0.8, "end": 0.2}, "controls[1]", "Start be before End"),
        ({**UNIT, "colour": "red"}, "controls[1].colour", "weight"),
        ({**UNIT, "control_mode": "Loud"}, "controls[1].control_mode", ""),
        ("canny", "controls[1]", ""),
        ({**UNIT, "kind": "t2i_adapter"}, "controls[1].kind", "ip_adapter"),
        ({**UNIT, "kind": "ip_adapter", "preprocessor": "canny"}, "controls[1]", "leave the preprocessor at none"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(fields: Any, field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"controls": [UNIT, fields]})
    assert caught.value.field == field
    assert words in str(caught.value) + str(caught.value.allowed)
    assert caught.value.hint


def test_there_is_a_most() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"controls": [UNIT] * 9})
    assert caught.value.field == "controls"


def test_stored_requests_keep_their_controls() -> None:
    asked = parse_request({"controls": [{**UNIT, "preprocessor": "Canny", "threshold_a": 50}]})
    assert asked.controls[0].preprocessor == "canny"
    assert load_request(dump_request(asked)) == asked
    stored = json.loads(dump_request(asked))
    del stored["controls"][0]["kind"]
    assert load_request(json.dumps(stored)) == asked, "before there were IP-Adapters all were ControlNets"
    del stored["controls"]
    assert load_request(json.dumps(stored)).controls == ()


# --- In infotexts ---

units = st.builds(
    ControlUnit,
    model=st.sampled_from(["canny", "control_v11p_sd15_canny", "sub dir_scribble"]),
    image=st.just(DIGEST),
    preprocessor=st.sampled_from([one.name for one in PREPROCESSORS]),
    weight=st.sampled_from([0.0, 0.35, 1.0, 2.0]),
    start=st.sampled_from([0.0, 0.25]),
    end=st.sampled_from([0.5, 1.0]),
    control_mode=st.sampled_from(CONTROL_MODES),
    resize_mode=st.sampled_from(RESIZE_MODES),
    processor_res=st.sampled_from([0, 512, 704]),
    threshold_a=st.sampled_from([-1.0, 0.5, 100.0]),
    threshold_b=st.sampled_from([-1.0, 200.0]),
    hash=st.sampled_from(["", "0123456789"]),
)


ip_adapters = units.map(lambda unit: ControlUnit(**{**unit.model_dump(), "kind": "ip_adapter", "preprocessor": "none"}))


@settings(max_examples=50, deadline=None)
@given(units | ip_adapters)
def test_what_is_written_reads_back(unit: ControlUnit) -> None:
    assert ControlUnit(**read_unit(write_unit(unit))) == unit


def test_the_form_is_sd_webui_controlnets() -> None:
    unit = ControlUnit(**UNIT, preprocessor="canny", hash="d14c016b00").resolved("d14c016b00")
    assert write_unit(unit) == (
        f"Module: canny, Model: canny [d14c016b00], Weight: 1, Resize Mode: Crop and Resize, Processor Res: 512, Threshold A: 100, "
        f"Threshold B: 200, Guidance Start: 0, Guidance End: 1, Control Mode: Balanced, Image: {DIGEST}, Pixel Perfect: True"
    )


@pytest.mark.parametrize("module", ["ip-adapter-auto", "ip-adapter_clip_sd15", "ip-adapter_clip_h"])
def test_ip_adapters_are_told_by_their_module(module: str) -> None:
    unit = ControlUnit(model="ip-adapter_sd15", image=DIGEST, kind="ip_adapter", weight=0.6).resolved("6a3f616600")
    written = write_unit(unit)
    assert written.startswith("Module: ip-adapter-auto, Model: ip-adapter_sd15 [6a3f616600], Weight: 0.6, ")
    assert ControlUnit(**read_unit(written.replace("ip-adapter-auto", module))) == unit


CONTROL_OF_THEIRS = (
    "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 0.8, Resize Mode: Crop and Resize, Low Vram: False, "
    "Processor Res: 512, Threshold A: 100, Threshold B: 200, Guidance Start: 0, Guidance End: 0.9, Pixel Perfect: False, "
    "Control Mode: ControlNet is more important, Hr Option: Both, Save Detected Map: True"
)
THEIRS = (
    "a fox\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, "
    f'Model hash: 6ce0161689, Model: v1-5, ControlNet 0: "{CONTROL_OF_THEIRS}", Version: v1.10.1'
)


def test_another_programs_control_is_told_to_lack_its_picture() -> None:
    mapped = map_fields(read_infotext(THEIRS))
    assert mapped.fields["controls"] == ()
    (left,) = [entry for entry in mapped.unmapped if entry.key == "ControlNet 0"]
    assert "picture" in left.reason
    fields = read_unit(read_infotext(THEIRS).parameters["ControlNet 0"])
    unit = ControlUnit(**fields, image=DIGEST)
    assert (unit.model, unit.hash, unit.weight, unit.end, unit.processor_res) == ("control_v11p_sd15_canny", "d14c016b", 0.8, 0.9, 512)
    assert unit.control_mode == "ControlNet is more important"


@pytest.mark.parametrize("text", ["", "Module", "Weight: heavy, Model: x, Image: y", ": , : ", "Model: None"])
def test_odd_texts_never_raise(text: str) -> None:
    mapped = map_fields(read_infotext(THEIRS + f', ControlNet 1: "{text}"'))
    assert mapped.fields["controls"] == ()


# --- From a request to the worker ---


def test_over_the_queue_to_the_worker_and_into_the_picture(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    path = controlnet_file(models_dir / "controlnet" / "canny.safetensors")
    executor = Listening()
    studio = new_studio(executor)
    digest = studio.images.put(png()).sha256
    asked = {"controls": [{"model": "Canny.safetensors", "image": digest, "preprocessor": "canny", "weight": 0.5}], "seed": 4}
    job = finished(studio, asked)
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    (unit,) = spec.request.controls
    assert (unit.model, unit.threshold_a, unit.threshold_b, unit.weight) == ("canny", 100, 200, 0.5)
    assert len(unit.hash) == 10
    assert [use.path for use in spec.controls] == [str(path)]
    assert Path(spec.image_paths[digest]).read_bytes() == png()
    (image,) = job["images"]
    assert "ControlNet 0: " in image["infotext"]
    mapped = map_fields(read_infotext(image["infotext"]))
    assert mapped.fields["controls"] == (unit,)
    # What made it can be asked again as it is, and the model may have another name by then.
    path.rename(path.with_name("edges.safetensors"))
    studio.catalog.refresh()
    studio.catalog.models.hash_now(next(model for model in studio.catalog.models.all() if model.name == "edges"))
    again = studio.request_of(image["id"]).model_dump(include=set(Txt2Img.model_fields), mode="json")
    assert finished(studio, again)["status"] == "done"
    assert executor.jobs[1].request.controls[0].model == "edges"


def test_the_pictures_of_jobs_stay_over_a_restart(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    controlnet_file(models_dir / "controlnet" / "canny.safetensors")
    before = new_studio(start=False)
    digest = before.images.put(png()).sha256
    job = before.submit(before.complete({**SMALL, "controls": [{"model": "canny", "image": digest}]}))
    before.close()
    after = new_studio(Listening(), keep_uploads_hours=1)
    os.utime(after.images._path(digest), (0, 0))
    assert after.images.sweep() == 0
    wait_for(lambda: after.job(job["id"])["status"] == "done")


def test_a_picture_that_is_not_here_is_named(studio: Studio, models_dir: Path) -> None:
    controlnet_file(models_dir / "controlnet" / "canny.safetensors")
    studio.catalog.refresh()
    with pytest.raises(InvalidRequest, match="not here") as caught:
        studio.submit(studio.complete({"controls": [UNIT]}))
    assert caught.value.field == "controls[0].image"


@pytest.mark.parametrize(
    ("make", "field", "words"),
    [
        (lambda root: None, "controls[0].model", "no ControlNet"),
        (lambda root: controlnet_file(root / "controlnet" / "canny.safetensors", "sdxl"), "controls[0].model", "made for SDXL"),
        (
            lambda root: (root / "controlnet" / "canny.safetensors").write_bytes(b"<html>"),
            "controls[0].model",
            "can't be used",
        ),
    ],
)
def test_models_that_do_not_go(studio: Studio, models_dir: Path, make: Callable[[Path], Any], field: str, words: str) -> None:
    (models_dir / "controlnet").mkdir()
    make(models_dir)
    studio.catalog.refresh()
    digest = studio.images.put(png()).sha256
    with pytest.raises((InvalidRequest, AdapterUnusable), match=words) as caught:
        studio.submit(studio.complete({"controls": [{"model": "canny", "image": digest}]}))
    assert caught.value.field == field


def test_an_ip_adapter_goes_with_its_image_encoder_to_the_worker(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    path = adapter_file(models_dir / "ControlNet" / "ip-adapter-plus_sd15.safetensors", PLUS)
    encoder = image_encoder_file(models_dir)
    executor = Listening()
    studio = new_studio(executor)
    digest = studio.images.put(png()).sha256
    asked = {"controls": [{"kind": "ip_adapter", "model": "ip-adapter-plus_sd15", "image": digest, "weight": 0.5, "end": 0.8}]}
    job = finished(studio, asked)
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    (unit,) = spec.request.controls
    assert (unit.kind, unit.weight, unit.end, len(unit.hash)) == ("ip_adapter", 0.5, 0.8, 10)
    assert [(use.path, use.image_encoder) for use in spec.controls] == [(str(path), str(encoder))]
    (image,) = job["images"]
    assert 'ControlNet 0: "Module: ip-adapter-auto' in image["infotext"]
    assert map_fields(read_infotext(image["infotext"])).fields["controls"] == (unit,)
    again = studio.request_of(image["id"]).model_dump(include=set(Txt2Img.model_fields), mode="json")
    assert finished(studio, again)["status"] == "done"
    assert executor.jobs[1].request.controls == (unit,)
    # Other programs have both in one folder, so it isn't said to be in the wrong one.
    assert [model.notes for model in studio.catalog.models.all() if model.role == "ip_adapter"] == [()]


@pytest.mark.parametrize(
    ("shapes", "words", "hint"),
    [
        (PLAIN, "needs the image encoder CLIP ViT-H, which is not here", "models/clip_vision"),
        (PLUS, "needs the image encoder CLIP ViT-H, which is not here", "h94/IP-Adapter"),
        (BIG_G, "needs the image encoder CLIP ViT-bigG, which is not here", "sdxl_models"),
        ({"image_proj.proj.weight": (3072, 333)}, "needs the image encoder with an answer 333 wide", "models/clip_vision"),
        (FACES, "made for FaceID: it needs a face recognition model", "plus-face"),
    ],
)
def test_what_an_ip_adapter_lacks_is_named(studio: Studio, models_dir: Path, shapes: Any, words: str, hint: str) -> None:
    adapter_file(models_dir / "ip_adapter" / "adapter.safetensors", shapes)
    studio.catalog.refresh()
    digest = studio.images.put(png()).sha256
    with pytest.raises(AdapterUnusable, match=words) as caught:
        studio.submit(studio.complete({"controls": [{"kind": "ip_adapter", "model": "adapter", "image": digest}]}))
    assert caught.value.field == "controls[0].model"
    assert hint in caught.value.hint
    (model,) = studio.choices.control_models("small")
    assert words in studio.choices.lacking(model)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"kind": "ip_adapter", "model": "none such"}, "controls[0].model", "no IP-Adapter called"),
        ({"kind": "ip_adapter", "model": "canny"}, "controls[0].kind", "canny is no IP-Adapter"),
        ({"model": "adapter"}, "controls[0].kind", "adapter is no ControlNet"),
        ({"kind": "ip_adapter", "model": "xl"}, "controls[0].model", "made for SDXL"),
    ],
)
def test_ip_adapters_that_do_not_go(studio: Studio, models_dir: Path, fields: Any, field: str, words: str) -> None:
    image_encoder_file(models_dir)
    controlnet_file(models_dir / "controlnet" / "canny.safetensors")
    adapter_file(models_dir / "ip_adapter" / "adapter.safetensors")
    adapter_file(models_dir / "ip_adapter" / "xl.safetensors", family="sdxl")
    studio.catalog.refresh()
    digest = studio.images.put(png()).sha256
    with pytest.raises((InvalidRequest, AdapterUnusable), match=words) as caught:
        studio.submit(studio.complete({"controls": [{**fields, "image": digest}]}))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "place",
    [
        "models/clip_vision/clip.safetensors",
        "models/image_encoder/model.safetensors",
        "models/ipadapter/models/image_encoder/model.safetensors",
        "models/ControlNetPreprocessor/clip_vision/CLIP-ViT-H-14.safetensors",
        "extensions/sd-webui-controlnet/annotator/downloads/clip_vision/clip_h.safetensors",
    ],
)
def test_image_encoders_are_found_where_programs_have_them(tmp_path: Path, place: str) -> None:
    write_safetensors(tmp_path / "webui" / place, VIT_H)
    (model,) = ModelCatalog([tmp_path / "webui"], tmp_path / "cache").select(["image_encoder"])
    assert (model.kind.version, model.notes) == ("CLIP ViT-H", ())


# --- What there is to choose from, over the wire ---


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_choices(client: httpx.Client, studio: Studio, models_dir: Path) -> None:
    told = client.get("/api/v1/control").json()
    assert told["models"] == []
    (canny,) = [one for one in told["preprocessors"] if one["name"] == "canny"]
    assert [threshold["default"] for threshold in canny["thresholds"]] == [100, 200]
    assert "Balanced" in told["control_modes"] and "Just Resize" in told["resize_modes"]
    for family in ("sd1", "sdxl"):
        controlnet_file(models_dir / "controlnet" / f"{family}.safetensors", family)
    studio.catalog.refresh()
    assert [model.name for model in studio.choices.control_models("small")] == ["sd1"]
    assert client.get("/api/v1/control", params={"checkpoint": "no such"}).status_code == 422


def test_choices_say_what_a_model_lacks(studio: Studio, models_dir: Path) -> None:
    app = FastAPI()
    app.include_router(build_control_router(studio))

    def told() -> dict[str, str]:
        studio.catalog.refresh()
        with TestClient(app) as client:
            return {model["kind"]: model["lacks"] for model in client.get("/api/v1/control?checkpoint=small").json()["models"]}

    controlnet_file(models_dir / "controlnet" / "canny.safetensors")
    adapter_file(models_dir / "ip_adapter" / "ip-adapter_sd15.safetensors")
    before = told()
    assert before["controlnet"] == ""
    assert "CLIP ViT-H" in before["ip_adapter"] and "models/clip_vision" in before["ip_adapter"]
    image_encoder_file(models_dir)
    assert told() == {"controlnet": "", "ip_adapter": ""}


def test_the_preview_is_what_the_model_sees(client: httpx.Client) -> None:
    pixels = np.zeros((50, 90, 3), np.uint8)
    pixels[10:40, 30:60] = (255, 120, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    digest = client.post("/api/v1/images", content=buffer.getvalue(), headers={"content-type": "image/png"}).json()["sha256"]
    asked = {"image": digest, "preprocessor": "canny", "width": 128, "height": 64, "threshold_a": 50}
    answer = client.get("/api/v1/control/preview", params=asked)
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as seen:
        wanted = canny(np.asarray(fitted(Image.fromarray(pixels), 128, 64, "Crop and Resize")), 50, 200)
        assert (np.asarray(seen.convert("RGB")) == wanted).all() and wanted.any()


def test_the_preview_of_an_ip_adapter_is_the_encoders_square(client: httpx.Client) -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (100, 300, 3), np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    digest = client.post("/api/v1/images", content=buffer.getvalue(), headers={"content-type": "image/png"}).json()["sha256"]
    for mode in RESIZE_MODES:
        asked = {"kind": "ip_adapter", "image": digest, "width": 128, "height": 64, "resize_mode": mode}
        with Image.open(io.BytesIO(client.get("/api/v1/control/preview", params=asked).content)) as seen:
            assert (np.asarray(seen.convert("RGB")) == np.asarray(encoder_picture(picture, mode))).all()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"preprocessor": "depth"}, "preprocessor"),
        ({"image": "0" * 64}, "image"),
        ({"width": 7}, "width"),
        ({"resize_mode": "x"}, "resize_mode"),
    ],
)
def test_a_preview_that_can_not_be_made(client: httpx.Client, change: dict[str, Any], field: str) -> None:
    answer = client.get("/api/v1/control/preview", params={"image": "0" * 64, "width": 64, "height": 64, **change})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)

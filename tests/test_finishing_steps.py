"""Steps of finishing as they are asked for: told in infotexts and read back, refused with the field at fault, and listed by the API."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image

from webui.errors import InvalidRequest
from webui.generation.events import Picture
from webui.generation.finishing import STEP_TYPES, CutOutStep, ResizeStep
from webui.generation.finishing_infotext import read_steps, write_steps
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.request import ResolvedTxt2Img, parse_request
from webui.settings import Settings
from webui.studio.naming import OutputStyle
from webui.studio.picture_file import suffix_for
from webui.studio.picture_keeper import PictureKeeper

CHAIN: list[dict[str, Any]] = [
    {"step": "sharpen", "amount": 0.7, "radius": 2.5},
    {"step": "colour correct", "way": "Temperature", "temperature": 3200, "strength": 0.4},
    {"step": "restore faces", "restorer": "gfpgan", "visibility": 0.6, "weight": 0.25},
    {"step": "cut out", "model": "u2net", "ground": "Colour", "colour": "#12ab34"},
    {"step": "resize", "way": "Cover", "width": 300, "height": 0, "filter": "Area"},
    {"step": "sharpen", "amount": 0.1},
    {"step": "upscale", "scale": 2},
    {"step": "resize", "way": "Long side", "long_side": 640},
    {"step": "format", "format": "WebP", "lossless": True},
]


def steps_of(chain: list[dict[str, Any]]) -> tuple[Any, ...]:
    return parse_request({"prompt": "a fox", "finishing": chain}).finishing


def resolved(**fields: Any) -> ResolvedTxt2Img:
    asked = {"prompt": "a fox, asleep", "seed": 7, "checkpoint": "small", "checkpoint_hash": "0123456789", "schedule_type": "Karras"}
    return ResolvedTxt2Img.model_validate({**asked, "width": 64, "height": 64, **fields})


def test_every_step_is_told_and_read_back_in_order() -> None:
    assert {step["step"] for step in CHAIN} == set(STEP_TYPES)
    text = write_infotext(resolved(finishing=CHAIN), 7, "1.0")
    assert "Postprocess sharpen: 0.7, Postprocess sharpen radius: 2.5, Postprocess colours: Temperature" in text
    assert "Postprocess 2 sharpen: 0.1" in text and "Postprocess 2 resize: Long side" in text
    mapped = map_fields(read_infotext(text))
    assert mapped.unmapped == () and mapped.fields["finishing"] == steps_of(CHAIN)


@pytest.mark.parametrize("step", CHAIN, ids=lambda step: step["step"])
def test_each_alone(step: dict[str, Any]) -> None:
    (asked,) = steps_of([step])
    (fields,) = read_steps(write_steps([asked])).values()
    assert steps_of([fields]) == (asked,)


def test_what_says_nothing_is_not_told() -> None:
    fit = ResizeStep(step="resize", way="Long side", long_side=64, width=7, height=9)
    assert write_steps([fit]) == {"Postprocess resize": "Long side", "Postprocess resize long side": "64"}
    clear = CutOutStep(step="cut out", model="m", colour="#000000")
    assert write_steps([clear]) == {"Postprocess cut out": "m"}


@pytest.mark.parametrize(
    ("chain", "field"),
    [
        ([{"step": "melt"}], "finishing[0].step"),
        ([{}], "finishing[0].step"),
        ([3], "finishing[0].step"),
        ([{"step": []}], "finishing[0].step"),
        ([{"step": "sharpen", "amount": 9}], "finishing[0].amount"),
        ([{"step": "resize"}, {"step": "cut out", "colour": "red"}], "finishing[1].colour"),
        ([{"step": "colour correct", "temperature": 100}], "finishing[0].temperature"),
        ([{"step": "format"}, {"step": "sharpen"}], "finishing[0]"),
        ([{"step": "format"}, {"step": "format"}], "finishing[0]"),
        ([{"step": "sharpen"}] * 17, "finishing"),
    ],
)
def test_what_is_no_chain_is_refused_with_the_field(chain: list[Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request({"prompt": "a fox", "finishing": chain})
    assert refused.value.field == field and refused.value.hint


def test_a_picture_that_would_become_too_large_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        _ = parse_request({"finishing": [{"step": "resize", "way": "Stretch", "width": 16_384, "height": 16_384}]}).finished_size
    assert refused.value.field == "finishing[0]"


def test_the_chain_decides_on_the_format_before_the_settings_do() -> None:
    jpeg = OutputStyle(format="jpeg", quality=50)
    assert suffix_for(resolved(), jpeg) == ".jpg"
    for name, suffix in (("PNG", ".png"), ("JPEG", ".jpg"), ("WebP", ".webp"), ("AVIF", ".avif")):
        assert suffix_for(resolved(finishing=[{"step": "format", "format": name}]), jpeg) == suffix
    lossless = steps_of([{"step": "format", "format": "WebP", "lossless": True, "quality": 10}])
    assert (jpeg.finished_by(lossless).format, jpeg.finished_by(lossless).quality) == ("webp", 100)


@pytest.mark.parametrize(
    ("chain", "seen"), [([], (255, 255, 255)), ([{"step": "format", "format": "JPEG", "colour": "#ff0000"}], (255, 0, 0))]
)
def test_what_is_transparent_lies_on_a_colour_in_a_jpeg_and_stays_clear_elsewhere(chain: list[Any], seen: tuple[int, ...]) -> None:
    keeper = PictureKeeper(None, None, None, Settings, Path)  # type: ignore[arg-type]
    drawn = Picture(0, 64, 64, bytes((10, 20, 30, 0)) * 64 * 64, {}, "RGBA")
    for suffix, loses in ((".jpg", True), (".png", False), (".webp", False), (".avif", False)):
        job: Any = SimpleNamespace(live=False, resolved=resolved(finishing=chain), planned_paths={0: f"a{suffix}"})
        assert keeper.loses_alpha(job, drawn) is loses
        with Image.open(io.BytesIO(keeper.encode(job, drawn).data)) as picture:
            pixel = picture.convert("RGBA").getpixel((32, 32))
        assert isinstance(pixel, tuple) and pixel[3] == (255 if loses else 0)
        assert not loses or max(abs(one - other) for one, other in zip(pixel, seen, strict=False)) < 4


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def done(client: httpx.Client, asked: dict[str, Any]) -> dict[str, Any]:
    job = client.post("/api/v1/jobs", json=asked).raise_for_status().json()
    for _ in range(200):
        if job["status"] not in ("waiting", "running"):
            break
        time.sleep(0.05)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert job["status"] == "done", job
    return job


def test_a_job_s_file_has_the_format_and_size_of_its_chain(client: httpx.Client) -> None:
    chain = [{"step": "resize", "way": "Long side", "long_side": 48}, {"step": "format", "format": "AVIF"}]
    (image,) = done(client, {"prompt": "a fox", "width": 64, "height": 64, "steps": 1, "finishing": chain})["images"]
    assert image["file"].endswith(".avif") and (image["width"], image["height"]) == (48, 48)
    assert [step["step"] for step in image["finishing"]] == ["resize", "format"]
    with Image.open(io.BytesIO(client.get(image["url"]).content)) as picture:
        assert (picture.format, picture.size) == ("AVIF", (48, 48))


def test_what_a_source_s_file_says_goes_on_to_the_file_that_is_made(client: httpx.Client) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x110] = "X-1"
    Image.new("RGB", (32, 32), "teal").save(buffer, "JPEG", exif=exif, comment=b"scan 7")
    digest = client.post("/api/v1/images", content=buffer.getvalue(), headers={"content-type": "image/jpeg"}).json()["sha256"]
    chain = [{"step": "upscale", "scale": 2}, {"step": "format", "format": "PNG"}]
    (image,) = done(client, {"kind": "upscale", "init_image": digest, "finishing": chain})["images"]
    with Image.open(io.BytesIO(client.get(image["url"]).content)) as picture:
        assert picture.getexif()[0x110] == "X-1" and picture.info["Comment"] == "scan 7"
        assert picture.info["parameters"].startswith("Postprocess upscaler: Lanczos, Postprocess upscale by: 2")


def test_a_model_that_isn_t_there_is_told_with_which_file_to_put_where(client: httpx.Client) -> None:
    for model in ("", "u2net"):
        refused = client.post("/api/v1/jobs", json={"prompt": "a fox", "finishing": [{"step": "cut out", "model": model}]})
        error = refused.json()["error"]
        assert (refused.status_code, error["field"]) == (422, "finishing[0].model") and "models/cut_out" in error["hint"]


def test_the_steps_are_listed_with_all_that_can_be_chosen(client: httpx.Client) -> None:
    listed = client.get("/api/v1/finishing").json()
    steps = {step["step"]: {field["name"]: field for field in step["fields"]} for step in listed["steps"]}
    assert set(steps) == set(STEP_TYPES) and [step["step"] for step in listed["steps"] if step["last"]] == ["format"]
    for name, fields in steps.items():
        filled_in = {field for field in STEP_TYPES[name].model_fields if field in ("step", "architecture") or field.endswith("_hash")}
        assert set(fields) == set(STEP_TYPES[name].model_fields) - filled_in
        assert all(field["label"] and field["help"] for field in fields.values())
    assert steps["sharpen"]["amount"]["maximum"] == 4 and steps["sharpen"]["amount"]["kind"] == "number"
    assert steps["resize"]["long_side"]["only_for"] == {"way": ["Long side"]}
    assert steps["format"]["format"]["choices"] == ["PNG", "JPEG", "WebP", "AVIF"] and steps["format"]["lossless"]["kind"] == "switch"
    assert steps["cut out"]["colour"]["kind"] == "colour" and "models/cut_out" in steps["cut out"]["model"]["lacks"]
    assert {"Lanczos", "Bicubic", "Nearest"} <= set(steps["upscale"]["upscaler"]["choices"])
    assert steps["upscale"]["upscaler_2"]["choices"][0] == "None"


def test_presets_by_api(client: httpx.Client) -> None:
    kept = client.put("/api/v1/finishing/presets", json={"name": "web", "steps": CHAIN[:2]}).json()
    assert kept["name"] == "web" and kept["steps"][0] == CHAIN[0]
    assert client.get("/api/v1/finishing/presets").json() == {"items": [kept], "problems": []}
    renamed = client.put("/api/v1/finishing/presets", json={"name": "Web", "steps": CHAIN[:1], "was": "web"}).json()
    assert [one["name"] for one in client.get("/api/v1/finishing/presets").json()["items"]] == ["Web"]
    refused = client.put("/api/v1/finishing/presets", json={"name": "x", "steps": [{"step": "sharpen", "amount": 9}]})
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "steps[0].amount")
    assert client.put("/api/v1/finishing/presets", json={"name": "x", "steps": CHAIN[:1], "was": "gone"}).status_code == 404
    assert client.delete("/api/v1/finishing/presets", params={"name": "Web"}).json() == renamed
    assert client.delete("/api/v1/finishing/presets", params={"name": "Web"}).status_code == 404

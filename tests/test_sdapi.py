"""The API of AUTOMATIC1111 over the wire: every address, the loose bodies, the strict answers, the errors, the buttons."""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from served import apart, serving

from webui.app import open_port
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import ResolvedUpscale
from webui.settings import PROGRAM_ROOT, Settings

SCRIPTS_OF = ("xyz-grid", "prompt-matrix", "prompts-from-file", "image-to-prompt")
SMALL = {"width": 64, "height": 64, "steps": 2, "sampler_name": "Euler a"}


@pytest.fixture(scope="module")
def easel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Easel of its own, with the add-ons whose scripts are listed; its options are set and its jobs ended."""
    extensions = ExtensionRegistry()
    extensions.load_folders([PROGRAM_ROOT / "extensions" / name for name in SCRIPTS_OF], "web")
    with serving(tmp_path_factory.mktemp("sdapi"), extensions=extensions) as address:
        yield address


@pytest.fixture
def client(easel: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=easel, timeout=60) as client:
        yield client


def picture(width: int = 64, height: int = 64, colour: str = "red", form: str = "PNG") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, form)
    return base64.b64encode(buffer.getvalue()).decode()


def opened(image: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image)))


def drawn(client: httpx.Client, route: str = "txt2img", **body: Any) -> dict[str, Any]:
    answer = client.post(f"/sdapi/v1/{route}", json=SMALL | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- Scripts of add-ons ---


def test_a_grid_comes_before_its_pictures(client: httpx.Client) -> None:
    listed = client.get("/sdapi/v1/scripts").json()
    assert {"x/y/z plot", "prompt matrix", "prompts from file or textbox"} <= {*listed["txt2img"]} & {*listed["img2img"]}
    info = {(one["name"], one["is_img2img"]): one for one in client.get("/sdapi/v1/script-info").json()}
    axes = info["x/y/z plot", False]["args"][0]["choices"]
    steps, scale = axes.index("Steps"), axes.index("CFG Scale")
    # As clients of AUTOMATIC1111 send it: numbers of axes, the values as text or picked from a list.
    arguments = [steps, "2, 3", [], scale, "", ["4", "5"], 0, "", [], True, True, False, False, False, False, False, 0, False]
    told = drawn(client, prompt="a fox", seed=5, script_name="X/Y/Z Plot", script_args=arguments)
    said = json.loads(told["info"])
    assert said["index_of_first_image"] == 1 and said["all_seeds"] == [5] * 5 and len(said["infotexts"]) == 5
    sizes = [opened(image).size for image in told["images"]]
    assert sizes[1:] == [(64, 64)] * 4 and sizes[0] > (128, 128)
    assert sorted({re.search(r"Steps: (\d+)", text)[1] for text in said["infotexts"][1:]}) == ["2", "3"]  # type: ignore[index]
    alone = drawn(client, prompt="a fox", seed=5, script_name="X/Y/Z plot", script_args=["Steps", "2, 3"])
    assert len(alone["images"]) == 1 and json.loads(alone["info"])["index_of_first_image"] == 1

    matrix = drawn(client, prompt="a fox|red|small", script_name="Prompt matrix", script_args=[True, False, "positive", "comma", 0])
    assert len(matrix["images"]) == 5 and {"red, small, a fox", "a fox"} <= set(json.loads(matrix["info"])["all_prompts"])
    lines = {"script_name": "prompts from file or textbox", "script_args": [True, False, "end", "one\n--prompt two --steps 3"]}
    told = drawn(client, prompt="a fox", seed=8, **lines)
    said = json.loads(told["info"])
    assert (said["all_prompts"], said["all_seeds"], said["index_of_first_image"]) == (["a fox, one", "a fox, two"], [8, 9], 0)
    again = drawn(client, "img2img", init_images=[picture()], prompt="a fox", **lines)
    assert len(again["images"]) == 2


def test_a_picture_is_described_by_the_add_on_and_its_model(client: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    describes = importlib.import_module("easel_image_to_prompt.web")
    for name in ("blip", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(b"")
    monkeypatch.setattr(describes, "FOLDER", tmp_path)
    monkeypatch.setattr(describes, "words_for", lambda folder, file, tokens: f"{folder.name} sees {Image.open(file).size}")
    for model, words in (("clip", "blip sees (64, 48)"), ("other", "other sees (64, 48)")):
        answer = client.post("/sdapi/v1/interrogate", json={"image": picture(64, 48), "model": model})
        assert answer.json() == {"caption": words}
    unknown = client.post("/sdapi/v1/interrogate", json={"image": picture(), "model": "deepdanbooru"})
    assert unknown.status_code == 404 and unknown.json()["detail"] == "Model not found" and "blip, other" in unknown.text


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("X/Y/Z plot", ["FP8 mode", "Enable"], "no axis 'FP8 mode'"),
        ("X/Y/Z plot", [99, "1"], "X type"),
        ("X/Y/Z plot", ["Steps", "many"], "many"),
        ("X/Y/Z plot", ["Nothing"], "no axis"),
        ("Prompt matrix", [], "no parts"),
        ("Prompts from file or textbox", [], "List of prompt inputs is empty"),
        ("Prompts from file or textbox", [False, False, "middle", "a"], "use one of start, end"),
    ],
)
def test_scripts_of_add_ons_refuse_what_cannot_be_drawn(client: httpx.Client, script: str, arguments: list[Any], words: str) -> None:
    answer = client.post("/sdapi/v1/txt2img", json={**SMALL, "prompt": "a fox", "script_name": script, "script_args": arguments})
    assert answer.status_code == 422 and words in answer.text, answer.text


# --- What is answered ---


def test_a_picture_comes_as_bare_base64_with_its_parameters_inside(client: httpx.Client) -> None:
    told = drawn(client, prompt="a fox", negative_prompt="dog", seed=7, n_iter=2, batch_size=2)
    assert len(told["images"]) == 4  # and never a grid
    for number, image in enumerate(told["images"]):
        assert opened(image).size == (64, 64)
        assert f"Seed: {7 + number}" in opened(image).info["parameters"]
    info = json.loads(told["info"])
    assert info["all_seeds"] == [7, 8, 9, 10]
    assert info["index_of_first_image"] == 0
    assert info["infotexts"][3] == opened(told["images"][3]).info["parameters"]
    assert info["infotexts"][0].split("\n")[-1].startswith("Steps: 2, Sampler: Euler a, ")
    assert told["parameters"]["negative_prompt"] == "dog"


def test_info_has_every_key_of_its_type(client: httpx.Client) -> None:
    info = json.loads(drawn(client, prompt="a fox")["info"])
    kinds: dict[str, type | tuple[type, ...]] = {
        **dict.fromkeys(("prompt", "negative_prompt", "sampler_name", "sd_model_name", "sd_model_hash", "job_timestamp", "version"), str),
        **dict.fromkeys(("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds", "infotexts", "styles"), list),
        **dict.fromkeys(("seed", "subseed", "width", "height", "steps", "batch_size", "index_of_first_image", "clip_skip"), int),
        **dict.fromkeys(("seed_resize_from_w", "seed_resize_from_h"), int),
        **dict.fromkeys(("restore_faces", "is_using_inpainting_conditioning"), bool),
        **dict.fromkeys(("subseed_strength", "cfg_scale"), float),
        **dict.fromkeys(("face_restoration_model", "sd_vae_name", "sd_vae_hash", "denoising_strength"), type(None)),
        "extra_generation_params": dict,
    }
    assert {name: info[name] for name, kind in kinds.items() if not isinstance(info[name], kind)} == {}
    assert re.fullmatch(r"\d{14}", info["job_timestamp"])


LISTS: dict[str, Callable[[Any], bool]] = {
    "samplers": lambda told: (
        {"Euler a", "Euler", "DPM++ 2M", "DDIM", "UniPC", "LCM"} <= {one["name"] for one in told}
        and all(set(one) == {"name", "aliases", "options"} for one in told)
    ),
    "schedulers": lambda told: told[0]["name"] == "automatic" and {"karras", "sgm_uniform"} <= {one["name"] for one in told},
    # Clients count by this order, and put latent modes in after the first.
    "upscalers": lambda told: (
        [one["name"] for one in told][:3] == ["None", "Lanczos", "Nearest"] and all(isinstance(one["scale"], float) for one in told)
    ),
    "latent-upscale-modes": lambda told: {"name": "Latent (nearest-exact)"} in told,
    "sd-models": lambda told: set(told[0]) == {"title", "model_name", "hash", "sha256", "filename", "config"},
    "sd-vae": lambda told: told == [],
    "sd-modules": lambda told: told == [],
    "loras": lambda told: told == [],
    "embeddings": lambda told: told == {"loaded": {}, "skipped": {}},
    "hypernetworks": lambda told: told == [],
    "face-restorers": lambda told: told == [],
    "realesrgan-models": lambda told: told == [],
    "prompt-styles": lambda told: isinstance(told, list),
    "scripts": lambda told: "soft inpainting" in told["img2img"] and "controlnet m2m" not in told["txt2img"],
    "script-info": lambda told: {"name", "is_alwayson", "is_img2img", "args"} == set(told[0]),
    "cmd-flags": lambda told: told["api"] is True,
    "memory": lambda told: told["ram"]["total"] > 0 and "error" in told["cuda"],
    "extensions": lambda told: {one["name"] for one in told} == set(SCRIPTS_OF) and all(one["enabled"] for one in told),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/sdapi/v1/{name}")
    assert answer.status_code == 200
    assert LISTS[name](answer.json()), answer.text


def test_openapi_of_its_own_tells_all_addresses(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/sdapi/v1/txt2img", "/sdapi/v1/options", "/controlnet/model_list", "/internal/progress"} <= set(paths)
    assert not [path for path in client.get("/api/v1/openapi.json").json()["paths"] if "sdapi" in path]
    assert "/sdapi/v1/img2img" in client.get("/docs").text


# --- Loose bodies ---

NO_BODY: dict[str, dict[str, Any]] = {
    "no body": {},
    "an empty object": {"json": {}},
    "the text of nothing": {"json": ""},
    "a content type alone": {"headers": {"content-type": "application/json"}},
}


@pytest.mark.parametrize("body", NO_BODY.values(), ids=NO_BODY)
@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("interrupt", {}),
        ("skip", None),
        ("unload-checkpoint", {}),
        ("reload-checkpoint", {}),
        *((f"refresh-{what}", None) for what in ("checkpoints", "vae", "loras", "embeddings")),
    ],
)
def test_what_takes_no_arguments_takes_any_body(client: httpx.Client, name: str, answer: Any, body: dict[str, Any]) -> None:
    told = client.post(f"/sdapi/v1/{name}", **body)
    assert (told.status_code, told.json()) == (200, answer)


def test_a_body_needs_no_content_type_and_may_say_anything_loosely(client: httpx.Client) -> None:
    body = {
        **SMALL,
        "prompt": None,
        "steps": "2",
        "width": 64.0,
        "height": "64",
        "cfg_scale": "7",
        "seed": "5",
        "enable_hr": 0,
        "hr_scale": "1.0",
        "hr_upscaler": "ESRGAN_4x",  # its name says nothing as long as there is no hires pass
        "restore_faces": "false",
        "styles": None,
        "alwayson_scripts": None,
        "override_settings": None,
        "script_args": {},
        "url": "http://127.0.0.1:7860",
        "clip_skip": 2,
        "s_noise": 0,
    }
    request = client.build_request("POST", "/sdapi/v1/txt2img", content=json.dumps(body))
    assert "content-type" not in request.headers
    answer = client.send(request)
    assert answer.status_code == 200, answer.text
    info = json.loads(answer.json()["info"])
    assert (info["seed"], info["steps"]) == (5, 2)
    assert "Sigma noise" not in info["infotexts"][0]


@pytest.mark.parametrize("header", ["", "Basic Og==", "Bearer", "nonsense"])
def test_an_open_easel_looks_at_no_authorisation(client: httpx.Client, header: str) -> None:
    assert client.get("/sdapi/v1/options", headers={"authorization": header}).status_code == 200


# --- Errors ---

_NOT = "Tm90IGEgcGljdHVyZQ=="
ERRORS: dict[str, tuple[str, Any, int, str]] = {
    "no init image": ("img2img", {}, 404, "Init image not found"),
    "unknown sampler": ("txt2img", {"sampler_name": "Nobody"}, 404, "Sampler not found"),
    "unknown model for one job": ("txt2img", {"override_settings": {"sd_model_checkpoint": "nobody"}}, 404, "Model not found"),
    "unknown refiner": ("txt2img", {"refiner_checkpoint": "nobody"}, 404, "Model not found"),
    "unknown model": ("options", {"sd_model_checkpoint": "nobody"}, 404, "Model not found"),
    "model to describe with": ("interrogate", {"image": picture(), "model": "clip"}, 404, "Model not found"),
    "nothing to describe": ("interrogate", {"model": "clip"}, 404, "Image not found"),
    "no picture": ("img2img", {"init_images": [_NOT]}, 422, "Invalid encoded image"),
    "no base64": ("img2img", {"init_images": ["%%%"]}, 422, "Invalid encoded image"),
    "no picture's address": ("png-info", {"image": f"data:text/html;base64,{picture()}"}, 422, "Invalid encoded image"),
    "no mask": ("img2img", {"init_images": [picture()], "mask": _NOT}, 422, "Invalid encoded image"),
    "nothing to enlarge": ("extra-single-image", {"image": ""}, 422, "Invalid encoded image"),
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
def test_errors_that_clients_know_by_their_words(client: httpx.Client, case: tuple[str, Any, int, str]) -> None:
    route, body, status, detail = case
    answer = client.post(f"/sdapi/v1/{route}", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)


UNUSABLE: dict[str, tuple[str, Any, str]] = {
    "steps": ("txt2img", {"steps": 0}, "steps"),
    "many steps": ("txt2img", {"steps": 10**9}, "steps"),
    "width": ("txt2img", {"width": 0}, "width"),
    "minus": ("txt2img", {"height": -1}, "height"),
    "huge": ("txt2img", {"width": 10**9}, "width"),
    "words": ("txt2img", {"width": "abc"}, "width"),
    "no batch": ("txt2img", {"batch_size": 0}, "batch_size"),
    "a million": ("txt2img", {"n_iter": 10**6}, "n_iter"),
    "no number": ("txt2img", {"cfg_scale": float("nan")}, "cfg_scale"),
    "endless": ("txt2img", {"cfg_scale": float("inf")}, "cfg_scale"),
    "seed": ("txt2img", {"seed": 2**64}, "seed"),
    "schedule": ("txt2img", {"scheduler": "nobody"}, "scheduler"),
    "hires upscaler": ("txt2img", {"enable_hr": True, "hr_upscaler": "nobody"}, "hr_upscaler"),
    "script": ("txt2img", {"script_name": "nobody"}, "script_name"),
    "always-on script": ("txt2img", {"alwayson_scripts": {"ADetailer": {"args": []}}}, "alwayson_scripts"),
    "one that isn't always on": (
        "img2img",
        {"init_images": [picture()], "alwayson_scripts": {"SD upscale": {"args": []}}},
        "alwayson_scripts",
    ),
    "one that is": ("txt2img", {"script_name": "refiner"}, "script_name"),
    "option for one job": ("txt2img", {"override_settings": {"CLIP_stop_at_last_layers": 99}}, "CLIP_stop_at_last_layers"),
    "option": ("options", {"CLIP_stop_at_last_layers": "many"}, "CLIP_stop_at_last_layers"),
    "prompt": ("txt2img", {"prompt": 7}, "prompt"),
    "pictures": ("img2img", {"init_images": 7}, "init_images"),
    "two pictures for one": ("img2img", {"init_images": [picture(), picture()]}, "init_images"),
    "address": ("img2img", {"init_images": ["http://169.254.169.254/a.png"]}, "init_images"),
    "file": ("png-info", {"image": "file:///etc/passwd"}, "image"),
    "missing": ("png-info", {}, "image"),
    "upscaler": ("extra-single-image", {"image": picture(), "upscaler_1": "nobody"}, "finishing[0].upscaler"),
    "factor": ("extra-single-image", {"image": picture(), "upscaling_resize": 0}, "upscaling_resize"),
    "visibility": ("extra-single-image", {"image": picture(), "extras_upscaler_2_visibility": 2}, "extras_upscaler_2_visibility"),
    "faces": ("extra-single-image", {"image": picture(), "gfpgan_visibility": 1}, "gfpgan_visibility"),
    "control without a model": ("txt2img", {"alwayson_scripts": {"controlnet": {"args": [{"enabled": True}]}}}, "alwayson_scripts"),
    "no object": ("txt2img", [], ""),
}


@pytest.mark.parametrize("case", UNUSABLE.values(), ids=UNUSABLE)
def test_values_that_cant_be_used_are_told_by_field_at_once(client: httpx.Client, case: tuple[str, Any, str]) -> None:
    route, body, field = case
    answer = client.post(f"/sdapi/v1/{route}", content=json.dumps(body))
    assert answer.status_code == 422, answer.text
    first = answer.json()["detail"][0]
    assert {"loc", "msg", "type"} <= set(first)
    assert first["loc"] == (["body", field] if field else ["body"])


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"seed": ' + b"9" * 9_000 + b"}"], ids=["cut", "bytes", "deep", "long"])
def test_what_is_no_json_is_told(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/sdapi/v1/txt2img", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


def test_unknown_addresses_and_methods(client: httpx.Client) -> None:
    for path in ("/sdapi/v1/nobody", "/sdapi/v2/txt2img", "/controlnet/nobody", "/internal/nobody", "/adetailer/v1/version"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    for path in ("/sdapi/v1/server-kill", "/sdapi/v1/server-stop"):
        assert client.post(path).status_code == 404
    answer = client.get("/sdapi/v1/txt2img")
    assert (answer.status_code, answer.json(), answer.headers["allow"]) == (405, {"detail": "Method Not Allowed"}, "POST")


def test_a_picture_may_be_larger_than_other_bodies(client: httpx.Client) -> None:
    noise = Image.effect_noise((2000, 2000), 90)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    assert len(buffer.getvalue()) > 2 * 1024**2
    answer = client.post("/sdapi/v1/png-info", json={"image": base64.b64encode(buffer.getvalue()).decode()})
    assert (answer.status_code, answer.json()["info"]) == (200, "")


def test_a_picture_with_too_many_pixels_is_too_large(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    answer = client.post("/sdapi/v1/img2img", json={"init_images": [base64.b64encode(buffer.getvalue()).decode()]})
    assert answer.status_code == 413


# --- Options ---


def test_options_are_kept_and_survive_being_sent_back_whole(client: httpx.Client) -> None:
    before = client.get("/sdapi/v1/options").json()
    assert {"sd_model_checkpoint", "sd_vae", "samples_format", "CLIP_stop_at_last_layers", "sd_checkpoint_hash"} <= set(before)
    assert not [name for name in before if name.startswith("forge_") or name == "sd_lyco"]
    assert before["sd_model_checkpoint"] in [one["title"] for one in client.get("/sdapi/v1/sd-models").json()]
    answer = client.post("/sdapi/v1/options", json=before)
    assert (answer.status_code, answer.json()) == (200, None)
    assert client.get("/sdapi/v1/options").json() == before

    assert client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": "2", "no_such_option": 1}).json() is None
    assert client.get("/sdapi/v1/options").json() == before | {"CLIP_stop_at_last_layers": 2}
    assert json.loads(drawn(client)["info"])["clip_skip"] == 2
    client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 1})
    assert client.get("/sdapi/v1/options").json() == before


@pytest.mark.parametrize("name", ["small", "SMALL", "small.safetensors"])
def test_a_model_is_taken_by_any_of_its_names(client: httpx.Client, name: str) -> None:
    if "." in name:
        assert client.post("/sdapi/v1/options", json={"sd_model_checkpoint": name}).status_code == 404
    else:
        assert client.post("/sdapi/v1/options", json={"sd_model_checkpoint": name}).status_code == 200
    title = client.get("/sdapi/v1/options").json()["sd_model_checkpoint"]
    assert title == client.get("/sdapi/v1/sd-models").json()[0]["title"]


def test_options_of_easel_itself_are_settings(client: httpx.Client) -> None:
    client.post("/sdapi/v1/options", json={"samples_format": "webp", "jpeg_quality": 80})
    settings = {one["name"]: one["value"] for one in client.get("/api/v1/settings").json()["settings"]}
    assert (settings["picture_format"], settings["picture_quality"]) == ("webp", 80)
    assert opened(drawn(client)["images"][0]).format == "WEBP"
    client.post("/sdapi/v1/options", json={"samples_format": "avif"})
    image = opened(drawn(client, seed=3)["images"][0])
    assert image.format == "PNG"  # for few clients read AVIF
    assert "Seed: 3" in image.info["parameters"]
    client.post("/sdapi/v1/options", json={"samples_format": "png", "jpeg_quality": 90})
    assert client.get("/sdapi/v1/options").json()["samples_format"] == "png"


def test_settings_of_one_job_stay_with_it_unless_they_are_to_be_kept(client: httpx.Client) -> None:
    once = {"override_settings": {"CLIP_stop_at_last_layers": 3, "samples_format": "jpg", "no_such": 1}}
    told = drawn(client, **once)
    assert json.loads(told["info"])["clip_skip"] == 3
    assert opened(told["images"][0]).format == "JPEG"
    assert client.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 1
    drawn(client, override_settings={"CLIP_stop_at_last_layers": 3}, override_settings_restore_afterwards=False)
    assert client.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 3
    client.post("/sdapi/v1/options", json={"CLIP_stop_at_last_layers": 1})


# --- Pictures that are there already ---


def test_extras_enlarge_by_a_factor_or_to_a_size(client: httpx.Client) -> None:
    source = drawn(client, prompt="a fox <b>", seed=1)["images"][0]

    def size(**body: Any) -> tuple[int, int]:
        return opened(client.post("/sdapi/v1/extra-single-image", json={"image": source, **body}).json()["image"]).size

    assert size(upscaler_1="Lanczos", upscaling_resize=3) == (192, 192)
    assert size(upscaler_1="None", upscaling_resize=3) == (64, 64)
    to_size = {"resize_mode": 1, "upscaling_resize_w": 100, "upscaling_resize_h": 60, "upscaler_1": "Nearest"}
    assert size(**to_size) == (100, 60)
    assert size(**to_size, upscaling_crop=False) == (100, 100)
    told = client.post("/sdapi/v1/extra-single-image", json={"image": source, "upscaler_1": "Lanczos"}).json()
    assert "a fox &lt;b&gt;" in told["html_info"]
    assert "Seed: 1" in opened(told["image"]).info["parameters"]


def test_a_batch_of_extras_keeps_its_order(client: httpx.Client) -> None:
    pictures = [{"data": picture(colour=colour), "name": f"{colour}.png"} for colour in ("red", "lime", "blue")]
    told = client.post("/sdapi/v1/extra-batch-images", json={"imageList": pictures, "upscaler_1": "Nearest"}).json()
    assert [opened(image).size for image in told["images"]] == [(128, 128)] * 3
    untouched = client.post("/sdapi/v1/extra-batch-images", json={"imageList": pictures}).json()
    assert [opened(image).getpixel((5, 5)) for image in untouched["images"]] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_png_info_reads_what_was_drawn_and_what_says_nothing(client: httpx.Client) -> None:
    made = drawn(client, prompt="a fox", negative_prompt="dog", seed=11)
    told = client.post("/sdapi/v1/png-info", json={"image": f"data:image/png;base64,{made['images'][0]}"}).json()
    assert told["info"] == json.loads(made["info"])["infotexts"][0]
    expected = {"Prompt": "a fox", "Negative prompt": "dog", "Steps": "2", "Seed": "11", "Size-1": "64", "Size-2": "64"}
    assert expected.items() <= told["parameters"].items()
    assert client.post("/sdapi/v1/png-info", json={"image": picture()}).json() == {"info": "", "items": {}, "parameters": {}}


# --- ControlNet ---


def test_controlnet_tells_what_is_installed_and_what_preprocessors_make(client: httpx.Client) -> None:
    assert client.get("/controlnet/version").json() == {"version": 2}
    assert client.get("/controlnet/model_list").json() == {"model_list": []}
    modules = client.get("/controlnet/module_list").json()
    assert {"none", "canny"} <= set(modules["module_list"])
    assert modules["module_detail"]["canny"]["sliders"][1]["name"] == "Low threshold"
    types = client.get("/controlnet/control_types").json()["control_types"]
    assert types["Canny"]["default_option"] == "canny"
    given = {"controlnet_module": "invert", "controlnet_input_images": [picture(80, 64, "black")], "controlnet_processor_res": 64}
    (seen,) = client.post("/controlnet/detect", json=given).json()["images"]
    assert (opened(seen).size, opened(seen).getpixel((3, 3))) == ((80, 64), (255, 255, 255))
    assert client.post("/controlnet/detect", json={"controlnet_module": "canny"}).status_code == 422


# --- While it works ---

ENDLESS = {"steps": 150, "n_iter": 50}
"""Of a job that is still at work whenever a test comes to look."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Callable[..., threading.Thread]]]:
    """An Easel whose steps take a moment, and what posts a body beside the test."""
    with serving(tmp_path_factory.mktemp("slow"), FakeExecutor(step_seconds=0.05)) as address:
        with httpx.Client(base_url=address, timeout=120) as client:
            threads: list[threading.Thread] = []

            def post(told: list[httpx.Response], path: str = "/sdapi/v1/txt2img", **body: Any) -> threading.Thread:
                def ask() -> None:
                    told.append(httpx.post(address + path, json=SMALL | body, timeout=120))

                threads.append(threading.Thread(target=ask))
                threads[-1].start()
                return threads[-1]

            yield client, post
            for thread in threads:
                thread.join()


def until(client: httpx.Client, fits: Callable[[dict[str, Any]], bool], path: str = "/sdapi/v1/progress") -> dict[str, Any]:
    while not fits(told := client.get(path).json()):
        pass
    return told


def idle(told: dict[str, Any]) -> bool:
    return told["progress"] == 0 and told["state"]["job_count"] == 0


def test_progress_is_zero_when_nothing_is_at_work_and_tells_of_what_is(slow: Any) -> None:
    client, post = slow
    assert idle(client.get("/sdapi/v1/progress").json())
    answers: list[httpx.Response] = []
    waiting = post(answers, **ENDLESS, force_task_id="task(mine)")
    told = until(client, lambda told: told["state"]["sampling_step"] > 2 and told["current_image"])
    assert told["state"] | {"sampling_step": 0, "job_timestamp": "", "job_no": 0} == {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": "txt2img",
        "job_count": 50,
        "job_timestamp": "",
        "job_no": 0,
        "sampling_step": 0,
        "sampling_steps": 150,
    }
    assert 0.01 < told["progress"] <= 1
    assert opened(told["current_image"]).size == (128, 128)
    assert client.get("/sdapi/v1/progress", params={"skip_current_image": "true"}).json()["current_image"] is None
    assert client.get("/internal/pending-tasks").json() == {"size": 1, "tasks": ["task(mine)"]}
    mine = client.post("/internal/progress", json={"id_task": "task(mine)", "id_live_preview": -1}).json()
    assert (mine["active"], mine["live_preview"].startswith("data:image/jpeg;base64,")) == (True, True)
    assert client.get("/queue/status").json()["queue_size"] == 1
    client.post("/sdapi/v1/interrupt")
    waiting.join()
    until(client, idle)
    done = client.post("/internal/progress", json={"id_task": "task(mine)"}).json()
    assert (done["active"], done["completed"]) == (False, True)
    assert client.post("/internal/progress", json={"id_task": "nobody's"}).json()["completed"] is False


def test_an_interrupt_answers_with_what_is_done_and_leaves_the_others_alone(slow: Any) -> None:
    client, post = slow
    first: list[httpx.Response] = []
    second: list[httpx.Response] = []
    ended = post(first, **ENDLESS, seed=1)
    until(client, lambda told: told["state"]["sampling_step"] > 1 and told["current_image"])
    other = post(second, steps=3, seed=2)
    until(client, lambda told: told["size"] == 2, "/internal/pending-tasks")
    assert client.post("/sdapi/v1/interrupt").json() == {}
    ended.join()
    other.join()
    assert [answer.status_code for answer in (*first, *second)] == [200, 200]
    assert opened(first[0].json()["images"][0]).size == (64, 64)  # half drawn, as it was seen last
    assert json.loads(second[0].json()["info"])["seed"] == 2
    client.post("/sdapi/v1/interrupt")  # with nothing at work it does nothing,
    assert json.loads(drawn(client, seed=3)["info"])["all_seeds"] == [3]  # not even to the next one


def test_skip_ends_one_picture(slow: Any) -> None:
    client, post = slow
    answers: list[httpx.Response] = []
    waiting = post(answers, **ENDLESS, seed=1)
    until(client, lambda told: told["state"]["sampling_step"] > 1)
    assert client.post("/sdapi/v1/skip").json() is None
    until(client, lambda told: told["state"]["job_no"] >= 1)
    client.post("/sdapi/v1/interrupt")
    waiting.join()
    assert answers[0].status_code == 200
    assert not [text for text in json.loads(answers[0].json()["info"])["infotexts"] if "Seed: 1," in text]


def asked_by_hand(client: httpx.Client, **body: Any) -> socket.socket:
    """A connection over which a picture was asked for, and whose job is taken."""
    address = client.base_url
    connection = socket.create_connection((address.host, address.port or 80))
    content = json.dumps(SMALL | body).encode()
    head = f"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: {address.host}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    until(client, lambda told: body["force_task_id"] in told["tasks"], "/internal/pending-tasks")
    return connection


def test_a_client_that_hangs_up_ends_its_job_and_the_next_one_runs(slow: Any) -> None:
    client, _ = slow
    running = asked_by_hand(client, **ENDLESS, prompt="runs", force_task_id="runs")
    until(client, lambda told: told["state"]["sampling_step"] >= 1)
    waiting = asked_by_hand(client, **ENDLESS, prompt="waits", force_task_id="waits")
    waiting.close()
    until(client, lambda told: told["tasks"] == ["runs"], "/internal/pending-tasks")
    running.close()
    until(client, idle)
    assert json.loads(drawn(client, seed=9)["info"])["seed"] == 9
    ended = {job["prompt"]: job["status"] for job in client.get("/api/v1/jobs", params={"limit": 20}).json()["jobs"]}
    assert (ended["runs"], ended["waits"]) == ("cancelled", "cancelled")


def test_a_failed_job_is_told_by_the_words_that_clients_look_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    from webui.errors import GenerationFailed

    def no_room(request: Any, seed: int | None) -> Image.Image:
        if isinstance(request, ResolvedUpscale) or seed == 1:
            raise GenerationFailed("There is not enough memory.", code="out_of_memory", hint="Draw it smaller.")
        raise GenerationFailed("It went wrong.", hint="Try again.")

    with serving(tmp_path_factory.mktemp("failing"), FakeExecutor(step_seconds=0, painter=no_room)) as address:
        first, second = (httpx.post(f"{address}/sdapi/v1/txt2img", json=SMALL | {"seed": seed}, timeout=60) for seed in (1, 2))
        assert (first.status_code, first.json()["error"]) == (500, "OutOfMemoryError")
        assert first.json()["detail"] == "There is not enough memory."
        assert (second.status_code, second.json()["detail"]) == (500, "It went wrong.")
        assert set(second.json()) == {"error", "detail", "body", "errors"}


def test_answers_are_sent_at_once(settings: Settings) -> None:
    """Sockets whose protocol isn't told wait for the other side's receipt before they send what is left: 40 ms for each answer."""

    async def delayed() -> bool:
        told = asyncio.get_running_loop().create_future()

        class Looking(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                told.set_result(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0)

        with open_port(settings.model_copy(update={"port": 0})) as listener:
            server = await asyncio.get_running_loop().create_server(Looking, sock=listener)
            _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            answer = await told
            writer.close()
            server.close()
        return answer

    assert not apart(lambda: asyncio.run(delayed()))


def test_pictures_are_not_packed_while_everybody_waits(client: httpx.Client) -> None:
    body = SMALL | {"width": 512, "height": 512}
    assert "content-encoding" not in client.post("/sdapi/v1/txt2img", json=body, headers={"accept-encoding": "gzip"}).headers
    assert client.get("/sdapi/v1/samplers", headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"

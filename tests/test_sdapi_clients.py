"""Clients of AUTOMATIC1111's API at an Easel: one of them as it is, the others by what they send and look for."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import webuiapi
from PIL import Image, ImageDraw
from served import serving, serving_really
from test_sdapi import opened, picture

SHIPPED = Path(__file__).resolve().parent.parent / "models"
EDGES = "easel-emoji-edges"
SMALL = {"width": 64, "height": 64, "steps": 2}


@pytest.fixture(scope="module")
def easel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Easel with a ControlNet, an upscaler and a style."""
    folder = tmp_path_factory.mktemp("clients")
    for kind, name in (("controlnet", EDGES), ("upscalers", "easel-emoji-x4.safetensors")):
        (folder / "models" / kind).mkdir(parents=True)
        (folder / "models" / kind / name).symlink_to(SHIPPED / kind / name)
    styles = folder / "styles.csv"
    styles.write_text("name,prompt,negative_prompt\nInk,{prompt} in ink,colour\n")
    with serving(folder, styles_files=(styles,)) as address:
        yield address


@pytest.fixture
def client(easel: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=easel, timeout=60) as client:
        yield client


# --- webuiapi (PyPI), as it is ---


@pytest.fixture
def api(easel: str) -> webuiapi.WebUIApi:
    return webuiapi.WebUIApi(baseurl=f"{easel}/sdapi/v1", sampler="Euler a", steps=2)


def test_webuiapi_draws(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(prompt="a fox", negative_prompt="dog", styles=["Ink", "no such style"], seed=1003, width=64, height=64, n_iter=2)
    assert [image.size for image in made.images] == [(64, 64)] * 2
    assert made.info["all_seeds"] == [1003, 1004]
    assert made.info["all_prompts"][0] == "a fox in ink"
    assert made.info["all_negative_prompts"][0] == "dog, colour"
    assert made.image.info["parameters"] == made.info["infotexts"][0]
    again = api.txt2img(prompt="a fox", negative_prompt="dog", styles=["Ink"], seed=1004, width=64, height=64)
    assert again.image.tobytes() == made.images[1].tobytes()


def test_webuiapi_draws_with_a_hires_pass(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(
        prompt="a fox",
        width=64,
        height=64,
        enable_hr=True,
        hr_scale=2,
        hr_upscaler=webuiapi.HiResUpscaler.Latent,
        hr_second_pass_steps=3,
        hr_resize_x=96,
        hr_resize_y=96,
        denoising_strength=0.4,
    )
    assert made.image.size == (96, 96)
    assert (made.info["width"], made.info["denoising_strength"]) == (64, 0.4)
    assert {"Hires steps": "3", "Hires upscaler": "Latent"}.items() <= made.info["extra_generation_params"].items()


def test_webuiapi_draws_on_pictures_and_in_them(api: webuiapi.WebUIApi) -> None:
    source = Image.effect_noise((96, 80), 90).convert("RGB")
    made = api.img2img(images=[source], prompt="a fox", width=64, height=64, denoising_strength=0.5, seed=5)
    assert made.image.size == (64, 64)
    assert made.parameters["init_images"] is None
    mask = Image.new("L", source.size)
    ImageDraw.Draw(mask).rectangle((20, 20, 60, 60), fill="white")
    painted = api.img2img(images=[source], mask_image=mask, inpainting_fill=1, prompt="a fox", width=64, height=64, steps=2)
    assert painted.image.size == source.size  # by its usual inpaint_full_res
    assert painted.info["extra_generation_params"]["Inpaint area"] == "Only masked"
    whole = api.img2img(images=[source], mask_image=mask, inpaint_full_res=False, prompt="a fox", width=64, height=64, steps=2)
    assert whole.image.size == (64, 64)


def test_webuiapi_enlarges_and_reads(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(prompt="a fox", seed=6, width=64, height=64)
    larger = api.extra_single_image(image=made.image, upscaler_1=webuiapi.Upscaler.Lanczos, upscaling_resize=1.5)
    assert larger.image.size == (96, 96)
    by_model = api.extra_single_image(image=made.image, upscaler_1="easel-emoji-x4", upscaling_resize=2)
    assert by_model.image.size == (128, 128)
    several = api.extra_batch_images(images=[made.image, made.image], upscaler_1=webuiapi.Upscaler.Nearest, upscaling_resize=2)
    assert [image.size for image in several.images] == [(128, 128)] * 2
    assert api.png_info(made.image).info == made.info["infotexts"][0]
    with pytest.raises(RuntimeError) as refused:
        api.interrogate(made.image)
    assert refused.value.args[0] == 404


def test_webuiapi_sets_options_and_follows(api: webuiapi.WebUIApi, capsys: pytest.CaptureFixture[str]) -> None:
    before = api.get_options()
    assert api.set_options({"CLIP_stop_at_last_layers": 2}) is None
    assert api.get_options()["CLIP_stop_at_last_layers"] == 2
    api.set_options(before)
    assert api.get_options() == before
    assert api.util_get_model_names() == [api.util_get_current_model()]
    api.util_set_model("smal")
    assert api.util_get_current_model() == before["sd_model_checkpoint"]
    assert "Euler a" in api.util_get_sampler_names()
    assert "karras" in api.util_get_scheduler_names()
    api.util_wait_for_ready(check_interval=0.01)
    assert api.get_progress()["state"]["job_count"] == 0
    assert (api.interrupt(), api.skip(), api.refresh_checkpoints()) == ({}, None, None)
    assert [one["name"] for one in api.get_prompt_styles()] == ["Ink"]
    assert not (api.has_controlnet or api.has_adetailer or api.has_animatediff)
    for ask in ("cmd_flags", "memory", "loras", "embeddings", "hypernetworks", "face_restorers", "sd_vae", "latent_upscale_modes"):
        getattr(api, f"get_{ask}")()
    assert {"name": "easel-emoji-x4", "scale": 4.0}.items() <= api.get_realesrgan_models()[0].items()


def test_webuiapi_steers_with_controlnet(api: webuiapi.WebUIApi) -> None:
    assert api.controlnet_version() == 2
    (model,) = api.controlnet_model_list()
    assert model.split(" [")[0] == EDGES
    assert "canny" in api.controlnet_module_list()
    source = Image.new("RGB", (64, 64), "white")
    seen = api.controlnet_detect(images=[source, source], module="canny")
    assert len(seen.images) == 2
    assert seen.info == "Success"
    unit = webuiapi.ControlNetUnit(image=source, module="canny", model=model, weight=0.8)
    made = api.txt2img(prompt="a fox", width=64, height=64, controlnet_units=[unit])
    told = made.info["extra_generation_params"]["ControlNet 0"]
    assert "Module: canny" in told and "Weight: 0.8" in told
    on_picture = api.img2img(images=[source], width=64, height=64, controlnet_units=[webuiapi.ControlNetUnit(module="canny", model=model)])
    assert "ControlNet 0" in on_picture.info["extra_generation_params"]
    without = webuiapi.ControlNetUnit(image=source, module="canny")
    with pytest.raises(RuntimeError, match=EDGES):
        api.txt2img(prompt="a fox", width=64, height=64, controlnet_units=[without])


def test_webuiapi_runs_scripts(api: webuiapi.WebUIApi) -> None:
    # Of its own each time: the client keeps in its usual one what an earlier call has put there.
    picture: dict[str, Any] = {"images": [Image.effect_noise((64, 64), 90).convert("RGB")], "width": 64, "height": 64}
    looped = api.img2img(**picture, alwayson_scripts={}, script_name="loopback", script_args=[3, 0.4, "Linear", "None"])
    assert len(looped.images) == 3
    larger = api.img2img(**picture, alwayson_scripts={}, script_name="SD upscale", script_args=["", 16, 2.0, "Lanczos"])
    assert larger.image.size == (128, 128)
    assert larger.info["extra_generation_params"]["Tiled drawing"] == "SD upscale"
    sides = [32, 4, 0, ["left", "up"]]
    wider = api.img2img(**picture, alwayson_scripts={}, script_name="Poor man's outpainting", script_args=sides)
    assert wider.image.size == (96, 96)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_webuiapi_draws_with_a_real_checkpoint(tmp_path: Path) -> None:
    with serving_really(tmp_path) as url:
        api = webuiapi.WebUIApi(baseurl=f"{url}/sdapi/v1", sampler="Euler a", steps=6)
        api.util_set_model("easel-emoji")
        assert api.util_get_current_model().split(" [")[0] == "easel-emoji"
        size: dict[str, Any] = {"width": 128, "height": 128, "seed": 7, "alwayson_scripts": {}}
        apple = api.txt2img(prompt="red apple on a blue background", **size)
        assert apple.info["sd_model_name"] == "easel-emoji"
        reds, blues = (apple.image.convert("RGB").getpixel(place) for place in ((64, 70), (4, 4)))
        assert reds[0] > reds[2] and blues[2] > blues[0]
        frog = api.img2img(images=[apple.image], prompt="green frog on a blue background", denoising_strength=0.7, **size)
        assert frog.image.size == (128, 128)
        mask = Image.new("L", (128, 128))
        ImageDraw.Draw(mask).rectangle((0, 0, 63, 127), fill="white")
        painted = api.img2img(images=[apple.image], mask_image=mask, mask_blur=0, inpainting_fill=1, prompt="green frog", **size)
        kept = (64, 0, 128, 128)
        assert painted.image.convert("RGB").crop(kept).tobytes() == apple.image.convert("RGB").crop(kept).tobytes()
        larger = api.extra_single_image(image=apple.image, upscaler_1="easel-emoji-x4", upscaling_resize=4)
        assert larger.image.size == (512, 512)
        assert api.png_info(larger.image).info.startswith("red apple on a blue background")
        unit = webuiapi.ControlNetUnit(image=apple.image, module="canny", model=EDGES)
        steered = api.txt2img(prompt="green apple", controlnet_units=[unit], **(size | {"alwayson_scripts": {}}))
        assert "ControlNet 0" in steered.info["extra_generation_params"]


# --- Others, by what they send ---


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_open_webui(client: httpx.Client) -> None:
    """An empty header of authorisation; the whole object of options sent back at each change of the model; titles compared."""
    headers = {"authorization": ""}
    options = ok(client.get("/sdapi/v1/options", headers=headers))
    models = ok(client.get("/sdapi/v1/sd-models", headers=headers))
    assert options["sd_model_checkpoint"] in [model["title"] for model in models]
    options["sd_model_checkpoint"] = models[0]["title"]
    ok(client.post("/sdapi/v1/options", json=options, headers=headers))
    made = ok(
        client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", "batch_size": 2, **SMALL, "negative_prompt": None}, headers=headers)
    )
    assert len(made["images"]) == 2
    assert not made["images"][0].startswith("data:")


def test_sillytavern(client: httpx.Client) -> None:
    """Basic authorisation of nothing; latent modes put in after the first upscaler; what other forks know is sent, too."""
    headers = {"authorization": "Basic"}  # of nothing, whose space at the end no connection carries
    upscalers = [one["name"] for one in ok(client.get("/sdapi/v1/upscalers", headers=headers))]
    assert upscalers[0] == "None"
    assert ok(client.get("/sdapi/v1/latent-upscale-modes", headers=headers))[0] == {"name": "Latent"}
    assert "forge_preset" not in ok(client.get("/sdapi/v1/options", headers=headers))
    ok(client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "small"}, headers=headers))
    for _ in range(10):
        progress = ok(client.get("/sdapi/v1/progress", headers=headers))
        if progress["progress"] == 0 and progress["state"]["job_count"] == 0:
            break
    else:
        pytest.fail("never idle")
    body = {
        "url": "http://127.0.0.1:7860",
        "auth": "",
        "prompt": "a fox",
        "sampler_name": "DPM++ 2M",
        "scheduler": "Karras",
        "clip_skip": 1,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic", "forge_additional_modules": []},
        "override_settings_restore_afterwards": True,
        "enable_hr": False,
        "hr_upscaler": "Latent",
        "hr_second_pass_steps": 0,
        "denoising_strength": 0.7,
        "restore_faces": True,
        "save_images": True,
        "send_images": True,
        "do_not_save_grid": False,
        "seed": None,
        **SMALL,
    }
    made = ok(client.post("/sdapi/v1/txt2img", json=body, headers=headers))
    info = json.loads(made["info"])
    assert "Schedule type: Karras" in info["infotexts"][0]
    assert info["restore_faces"] is False
    assert info["notes"] == ["No face restorer is installed, so faces are as they were drawn."]


def test_text_generation_webui(client: httpx.Client) -> None:
    """Numbers as text, a hires upscaler that nobody has but hires off, and the text of nothing as body."""
    body = {
        "prompt": "a fox",
        "seed": -1,
        "sampler_name": "DPM++ 2M Karras",
        "enable_hr": False,
        "hr_scale": "1.0",
        "hr_upscaler": "ESRGAN_4x",
        "denoising_strength": 0.6,
        "restore_faces": False,
        "cfg_scale": 7,
        **{name: str(value) for name, value in SMALL.items()},
    }
    made = ok(client.post("/sdapi/v1/txt2img", json=body))
    assert "Sampler: DPM++ 2M, Schedule type: Karras" in json.loads(made["info"])["infotexts"][0]
    for name in ("unload-checkpoint", "reload-checkpoint"):
        assert ok(client.post(f"/sdapi/v1/{name}", json="")) == {}


def test_sd_backend_client(client: httpx.Client) -> None:
    """It is no ComfyUI; every key of progress; soft inpainting by its script's arguments; a ControlNet unit under its own spelling."""
    assert client.get("/system_stats").status_code == 404
    progress = ok(client.get("/sdapi/v1/progress"))
    assert {"progress", "eta_relative", "state", "current_image", "textinfo"} <= set(progress)
    (soft,) = (one for one in ok(client.get("/sdapi/v1/script-info")) if one["name"] == "soft inpainting" and one["is_img2img"])
    assert [argument["value"] for argument in soft["args"]] == [False, 1.0, 0.5, 4.0, 0.0, 0.5, 2.0]
    assert (soft["args"][1]["maximum"], soft["args"][3]["step"]) == (8.0, 0.5)
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(mask).rectangle((10, 10, 40, 40), fill="black")  # opaque: to be painted
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    body = {
        "init_images": [f"data:image/png;base64,{picture(colour='blue')}"],
        "mask": f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}",
        "inpaint_full_res": False,
        "inpainting_mask_invert": 0,
        "alwayson_scripts": {
            "soft inpainting": {"args": [True, 1.5, 0.5, 4.0, 0.0, 0.5, 2.0]},
            "controlNet": {"args": [{"module": "canny", "model": EDGES, "processor_res": -1, "threshold_a": None, "pixel_perfect": True}]},
        },
        "prompt": "a fox",
        **SMALL,
    }
    told = json.loads(ok(client.post("/sdapi/v1/img2img", json=body))["info"])["extra_generation_params"]
    assert told["Soft inpainting schedule bias"] == "1.5"
    assert "ControlNet 0" in told


def test_sd_api_mcp(client: httpx.Client) -> None:
    """An MCP server: lists for its tools, then a picture, whose size is told by the picture itself."""
    assert {"title", "model_name", "filename"} <= set(ok(client.get("/sdapi/v1/sd-models"))[0])
    ok(client.get("/sdapi/v1/upscalers"))
    made = ok(
        client.post(
            "/sdapi/v1/txt2img", json={"prompt": "a fox", "sampler_name": "Euler", "cfg_scale": 1, "distilled_cfg_scale": 3.5, **SMALL}
        )
    )
    assert opened(made["images"][0]).size == (64, 64)
    body = {"image": made["images"][0], "upscaling_resize": 2, "upscaler_1": "easel-emoji-x4", "upscaler_2": "None", "resize_mode": "0"}
    assert opened(ok(client.post("/sdapi/v1/extra-single-image", json=body))["image"]).size == (128, 128)


def test_stable_diffusion_drawbridge(client: httpx.Client) -> None:
    """Asks by progress whether it may send, and looks for `error` in what fails."""
    assert ok(client.get("/sdapi/v1/progress?skip_current_image=true"))["current_image"] is None
    wrong = client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", "override_settings": {"sd_model_checkpoint": "nobody.ckpt"}})
    assert (wrong.status_code, wrong.json()["error"]) == (404, "HTTPException")


def test_nonebot_plugin_stable_diffusion_diao(client: httpx.Client) -> None:
    """Sends most options with each job, and balances by a progress of at most 0.01."""
    body = {
        "prompt": "a fox",
        "override_settings": {
            "sd_model_checkpoint": "small",
            "sd_vae": "None",
            "CLIP_stop_at_last_layers": 2,
            "eta_noise_seed_delta": 31337,
        },
        "override_settings_restore_afterwards": "true",
        "enable_hr": "false",
        "tiling": False,
        "sampler_index": "Euler a",
        **SMALL,
    }
    infotext = json.loads(ok(client.post("/sdapi/v1/txt2img", json=body))["info"])["infotexts"][0]
    assert "Clip skip: 2" in infotext and "ENSD: 31337" in infotext
    assert ok(client.get("/sdapi/v1/progress"))["progress"] <= 0.01


def test_aaa1111(client: httpx.Client) -> None:
    """A typed client: buttons without a body, and a ControlNet's words by number."""
    for name in ("interrupt", "skip", "refresh-checkpoints", "unload-checkpoint", "reload-checkpoint", "refresh-loras", "refresh-lycos"):
        assert client.post(f"/sdapi/v1/{name}").status_code == 200
    unit = {"module": "canny", "model": EDGES, "image": picture(), "resize_mode": 2, "control_mode": 1}
    body = {"prompt": "a fox", "alwayson_scripts": {"ControlNet": {"args": [unit]}}, **SMALL}
    told = json.loads(ok(client.post("/sdapi/v1/txt2img", json=body))["info"])["extra_generation_params"]["ControlNet 0"]
    assert "Resize Mode: Resize and Fill" in told and "Control Mode: My prompt is more important" in told


def test_aiya(client: httpx.Client) -> None:
    """Looks whether anybody is there, sorts embeddings by shape, and makes an address of the data of each picture by itself."""
    assert client.head("/").status_code == 200
    assert isinstance(ok(client.get("/config"))["components"], list)
    assert client.get("/sdapi/v1/cmd-flags").status_code == 200
    assert set(ok(client.get("/sdapi/v1/embeddings"))) == {"loaded", "skipped"}
    source = f"data:image/png;base64,{picture()}"
    body = {"prompt": "a fox", "init_images": [source], "denoising_strength": 0.75, "script_args": [], "script_name": "", **SMALL}
    made = ok(client.post("/sdapi/v1/img2img", json=body))["images"]
    info = ok(client.post("/sdapi/v1/png-info", json={"image": f"data:image/png;base64,{made[0]}"}))["info"]
    assert re.search(r"Seed: \d+", info)


def test_cyanic_sd_krita(client: httpx.Client) -> None:
    """Connected when the queue of Gradio 3 answers; keeps settings of jobs; takes lists of what half of SD.Next has for SD.Next."""
    assert "queue_size" in ok(client.get("/queue/status"))
    options = ok(client.get("/sdapi/v1/options"))
    assert not [name for name in options if "_sep_" in name or name == "sd_lyco"]
    assert "adetailer" not in ok(client.get("/sdapi/v1/scripts"))["txt2img"]
    kept = {"override_settings": {"inpainting_mask_weight": 0.5}, "override_settings_restore_afterwards": False}
    ok(client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", **kept, **SMALL}))
    assert ok(client.get("/sdapi/v1/options"))["inpainting_mask_weight"] == 0.5
    ok(client.post("/sdapi/v1/options", json={"inpainting_mask_weight": 1}))


def test_auto_photoshop_plugin(client: httpx.Client) -> None:
    """Dozens of fields that nobody knows, a content type without a body, a whole picture for its white mask, the last line of infotext."""
    body = {
        "prompt": "a fox",
        "init_images": [picture(colour="blue")],
        "mask": picture(colour="black"),
        "inpainting_mask_invert": 0,
        "inpaint_full_res": True,
        "mask_expansion": 12,
        "selection_info": {"left": 1},
        "uniqueDocumentId": "x",
        "b_use_hires": None,
        "sampler_index": "k_euler_a",
        **SMALL,
    }
    made = ok(client.post("/sdapi/v1/img2img", json=body))
    assert "Mask blur" not in json.loads(made["info"])["infotexts"][0]  # nothing is white in the mask, so there is none
    pairs = dict(pair.split(": ", 1) for pair in json.loads(made["info"])["infotexts"][0].split("\n")[-1].split(", "))
    assert pairs["Sampler"] == "Euler a"
    assert ok(client.post("/sdapi/v1/interrupt", headers={"content-type": "application/json"})) == {}


def test_ai_render(client: httpx.Client) -> None:
    """Tells addresses that aren't there from samplers that aren't, by the words alone."""
    assert client.post("/sdapi/v1/nowhere").json()["detail"] == "Not Found"
    wrong = client.post("/sdapi/v1/img2img", json={"init_images": [picture()], "sampler_index": "DPM++ 9M"})
    assert (wrong.status_code, wrong.json()["detail"]) == (404, "Sampler not found")
    body = {"prompt": "a fox", "init_images": [picture(96, 64)], "sampler_index": "DDIM", "denoising_strength": 0.4, "seed": 42, **SMALL}
    assert opened(ok(client.post("/sdapi/v1/img2img", json=body))["images"][0]).size == (64, 64)


def test_swarmui(client: httpx.Client) -> None:
    """Titles without their hash, and a model for each job."""
    title = ok(client.get("/sdapi/v1/sd-models"))[0]["title"].split(" [")[0]
    ok(client.post("/sdapi/v1/options", json={"sd_model_checkpoint": title}))
    made = ok(
        client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", "subseed": 5, "subseed_strength": 0.2, "n_iter": 2, "seed": 3, **SMALL})
    )
    info = json.loads(made["info"])
    assert (info["all_seeds"], info["all_subseeds"]) == ([3, 3], [5, 6])


def test_librechat(client: httpx.Client) -> None:
    """Parses info, which is text, and takes the last line of the first infotext."""
    body = {"prompt": "a fox", "negative_prompt": "dog", "cfg_scale": 4.5, "sampler_name": "DPM++ 2M Karras", **SMALL}
    info = json.loads(ok(client.post("/sdapi/v1/txt2img", json=body))["info"])
    assert info["infotexts"][0].split("\n").pop().startswith("Steps: 2")


def test_dify(client: httpx.Client) -> None:
    """No content type, no noise asked for, and arguments of a script that isn't named."""
    body = {"prompt": "a fox", "s_noise": 0, "s_churn": 0, "s_tmin": 0, "s_tmax": 0, "eta": 0, "script_args": [], "sampler_name": "Euler a"}
    body |= {"override_settings": {"sd_model_checkpoint": "small"}, "alwayson_scripts": {}, "sampler_index": "Euler a", **SMALL}
    answer = client.send(client.build_request("POST", "/sdapi/v1/txt2img", content=json.dumps(body)))
    assert "Sigma noise" not in json.loads(ok(answer)["info"])["infotexts"][0]


def test_video_upscaler(api: webuiapi.WebUIApi) -> None:
    """Frame after frame through webuiapi's batch of extras, in order."""
    frames = [Image.new("RGB", (32, 32), (shade, 0, 0)) for shade in (0, 120, 240)]
    made = api.extra_batch_images(images=frames, upscaler_1="easel-emoji-x4", upscaling_resize=4, name_list=["1.png", "2.png", "3.png"])
    assert [image.size for image in made.images] == [(128, 128)] * 3


def test_a_picture_is_the_same_whichever_way_it_is_asked_for(client: httpx.Client) -> None:
    """By AUTOMATIC1111's API, and by Easel's own."""
    made = ok(client.post("/sdapi/v1/txt2img", json={"prompt": "a fox", "seed": 77, "sampler_name": "Euler a", **SMALL}))
    newest = ok(client.get("/api/v1/history?limit=1"))["items"][0]
    assert newest["infotext"] == json.loads(made["info"])["infotexts"][0]
    own = ok(client.get("/api/v1/jobs?limit=1"))["jobs"][0]
    request = ok(client.get(f"/api/v1/jobs/{own['id']}/request"))
    again = client.post("/api/v1/jobs", json=request).json()
    while again["status"] in ("waiting", "running"):
        again = client.get(f"/api/v1/jobs/{again['id']}").json()
    with Image.open(io.BytesIO(client.get(again["images"][0]["url"]).content)) as other:
        assert other.tobytes() == opened(made["images"][0]).tobytes()
    assert math.isclose(again["images"][0]["cfg_scale"], 7)

"""What a body of AUTOMATIC1111's API becomes: a request of Easel."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from small_checkpoint import make_checkpoint
from test_sdapi import picture

from webui.api.sdapi.asking import Asking
from webui.api.sdapi.bodies import Img2ImgBody, Txt2ImgBody
from webui.api.sdapi.options import FILE_NAME, OPTIONS, OptionBook
from webui.api.sdapi.problems import AsTold, BadBody
from webui.api.sdapi.scripts import SCRIPTS, Script, infos, titles, values_of
from webui.api.sdapi.translation import Translated, Translator
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import GenerationRequest, Img2Img, Inpaint, Txt2Img
from webui.people import HOUSEHOLD, Person
from webui.pictures.decoding import read_upright
from webui.settings import load_settings
from webui.studio.studio import Studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One for all that change nothing in it."""
    folder = tmp_path_factory.mktemp("translation")
    make_checkpoint(folder / "models" / "checkpoints" / "small")
    settings = load_settings(data_dir=folder / "data", executor="fake")
    with closing(Studio(settings, FakeExecutor(), CheckpointCatalog([folder / "models"], folder / "cache"), ExtensionRegistry())) as studio:
        yield studio


@pytest.fixture
def own_studio(new_studio: Callable[..., Studio]) -> Studio:
    return new_studio(start=False)


def asked(studio: Studio, **body: Any) -> Txt2Img:
    (request,) = translated(studio, **body).requests
    assert isinstance(request, Txt2Img)
    return request


def translated(studio: Studio, **body: Any) -> Translated:
    translator = Translator(Asking(HOUSEHOLD, studio), OptionBook(studio))
    if "init_images" in body:
        return translator.img2img(Img2ImgBody.model_validate(body))
    return translator.txt2img(Txt2ImgBody.model_validate(body))


def from_picture(studio: Studio, **body: Any) -> Img2Img | Inpaint:
    (request,) = translated(studio, **{"init_images": [picture(96, 64)], **body}).requests
    assert isinstance(request, Img2Img | Inpaint)
    return request


def masked(box: tuple[int, int, int, int], size: tuple[int, int] = (96, 64), *, alpha: bool = False) -> str:
    mask = Image.new("RGBA", size, (0, 0, 0, 0)) if alpha else Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(box, fill=(0, 0, 0, 255) if alpha else 255)
    return encoded(mask)


def encoded(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def stored(studio: Studio, sha256: str) -> Image.Image:
    return read_upright(studio.images.require(sha256, "image"), sha256)


def fields(request: GenerationRequest, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(request, name) for name in names)


def test_a_bare_body_has_the_defaults_of_automatic1111(studio: Studio) -> None:
    request = asked(studio)
    assert fields(request, "steps", "cfg_scale", "width", "height", "sampler", "seed", "batch_count") == (50, 7, 512, 512, "Euler", -1, 1)
    assert request.checkpoint == "small"


@pytest.mark.parametrize(
    ("given", "sampler", "schedule"),
    [
        ({"sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M", "Karras"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "karras"}, "DPM++ 2M", "Karras"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "Automatic"}, "DPM++ 2M", "Automatic"),
        ({"sampler_name": "DPM++ SDE Karras", "scheduler": "exponential"}, "DPM++ SDE", "Exponential"),
        ({"sampler_index": "k_euler_a"}, "Euler a", "Automatic"),
        ({"sampler_name": "euler A", "sampler_index": "DDIM"}, "Euler a", "Automatic"),
        ({"sampler_name": "", "sampler_index": "PLMS"}, "PLMS", "Automatic"),
        ({"sampler_name": "UniPC", "scheduler": ""}, "UniPC", "Automatic"),
    ],
)
def test_samplers_by_all_their_names(studio: Studio, given: dict[str, Any], sampler: str, schedule: str) -> None:
    assert fields(asked(studio, **given), "sampler", "schedule_type") == (sampler, schedule)


def test_sizes_are_cut_to_whole_latents(studio: Studio) -> None:
    assert fields(asked(studio, width=513, height="769"), "width", "height") == (512, 768)


def test_seeds(studio: Studio) -> None:
    given = {"seed": "9", "subseed": 4, "subseed_strength": 0.5, "seed_resize_from_w": 512, "seed_resize_from_h": 384}
    request = asked(studio, **given)
    assert fields(request, "seed", "variation_seed", "variation_strength", "seed_resize_from") == (9, 4, 0.5, "512x384")
    request = asked(studio, seed=-5, subseed=-1, subseed_strength=-1, seed_resize_from_w=0, seed_resize_from_h=0)
    assert fields(request, "seed", "variation_seed", "variation_strength", "seed_resize_from") == (-1, -1, 0, "")


def test_numbers_of_the_sampler_and_nonsense_among_them(studio: Studio) -> None:
    request = asked(studio, eta=0.5, s_churn=3, s_tmin=0.1, s_tmax=1e9, s_noise=1.05)
    assert fields(request, "eta", "eta_ddim", "sigma_churn", "sigma_tmin", "sigma_tmax", "sigma_noise") == (0.5, 0.5, 3, 0.1, 999, 1.05)
    assert fields(asked(studio, s_noise=0, s_churn=-1), "sigma_noise", "sigma_churn") == (1, 0)


def test_a_hires_pass(studio: Studio) -> None:
    request = asked(
        studio,
        enable_hr=1,
        denoising_strength=0.4,
        hr_scale="1.5",
        hr_upscaler="Latent (nearest)",
        hr_second_pass_steps=7,
        hr_resize_x=1001,
        hr_sampler_name="DPM++ SDE Karras",
        hr_checkpoint_name="small",
        hr_prompt="larger",
        hr_negative_prompt="smaller",
        hr_cfg=3,
    )
    assert fields(request, "hires", "hires_scale", "hires_upscaler", "hires_steps") == (True, 1.5, "Latent (nearest)", 7)
    assert fields(request, "hires_width", "hires_height", "denoising_strength") == (1000, 0, 0.4)
    assert fields(request, "hires_sampler", "hires_schedule_type", "hires_checkpoint") == ("DPM++ SDE", "Karras", "small")
    assert fields(request, "hires_prompt", "hires_negative_prompt", "hires_cfg_scale") == ("larger", "smaller", 3)


def test_a_hires_pass_that_takes_all_over(studio: Studio) -> None:
    same = {"hr_checkpoint_name": "Use same checkpoint", "hr_sampler_name": "Use same sampler", "hr_scheduler": "Use same scheduler"}
    for words in (same, dict.fromkeys(same), dict.fromkeys(same, "")):
        request = asked(studio, enable_hr=True, **words)
        assert fields(request, "hires_checkpoint", "hires_sampler", "hires_schedule_type") == tuple(same.values())
        assert fields(request, "hires_upscaler", "denoising_strength") == ("Latent", 0.75)


def test_the_old_way_to_say_the_size_of_the_first_pass(studio: Studio) -> None:
    request = asked(studio, enable_hr=True, width=1024, height=768, firstphase_width=512)
    assert fields(request, "width", "height", "hires_width", "hires_height") == (512, 384, 1024, 768)


def test_styles_that_are_there_are_kept(studio: Studio) -> None:
    from webui.generation.prompt.styles import Style

    studio.save_style(Style("Ink", "in ink"))
    assert asked(studio, styles=["nobody's", "Ink"]).styles == ("Ink",)
    assert asked(studio, styles="Ink").styles == ("Ink",)


def test_extra_networks_are_left_out_where_they_are_disabled(studio: Studio) -> None:
    assert asked(studio, prompt="a fox <lora:ink:0.5>", disable_extra_networks=True).prompt == "a fox "


def test_infotext_fills_what_the_body_leaves_out(studio: Studio) -> None:
    text = "a fox\nNegative prompt: dog\nSteps: 12, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 4, Seed: 8, Size: 768x512"
    request = asked(studio, infotext=text, steps=3)
    assert fields(request, "prompt", "negative_prompt", "steps", "sampler") == ("a fox", "dog", 3, "DPM++ SDE")
    assert fields(request, "seed", "width", "height", "cfg_scale") == (8, 768, 512, 4)


def test_a_refiner(studio: Studio) -> None:
    assert fields(asked(studio, refiner_checkpoint="small", refiner_switch_at=0.6), "refiner", "refiner_switch_at") == ("small", 0.6)
    for none in (None, "", "None"):
        assert asked(studio, refiner_checkpoint=none).refiner == "None"


# --- From pictures ---


@pytest.mark.parametrize(
    ("number", "mode"), [(0, "Just resize"), (1, "Crop and resize"), (2, "Resize and fill"), (3, "Just resize (latent upscale)")]
)
def test_resize_modes(studio: Studio, number: int, mode: str) -> None:
    request = from_picture(studio, resize_mode=number, denoising_strength=0.3, initial_noise_multiplier=1.1)
    assert isinstance(request, Img2Img)
    assert fields(request, "resize_mode", "denoising_strength", "noise_multiplier") == (mode, 0.3, 1.1)


def test_a_mask(studio: Studio) -> None:
    request = from_picture(
        studio,
        mask=masked((8, 8, 40, 40)),
        mask_blur_x=2,
        mask_blur_y=6,
        inpainting_fill=2,
        inpaint_full_res_padding=16,
        inpainting_mask_invert="1",
    )
    assert isinstance(request, Inpaint)
    assert fields(request, "mask_blur", "masked_content", "masked_padding") == (4, "latent noise", 16)
    assert fields(request, "mask_mode", "inpaint_area") == ("Inpaint not masked", "Only masked")


def test_a_mask_of_another_size_comes_to_the_pictures(studio: Studio) -> None:
    request = from_picture(studio, mask=masked((0, 0, 23, 31), (48, 32)), inpaint_full_res=False)
    assert isinstance(request, Inpaint)
    mask = stored(studio, request.mask)
    assert (mask.size, mask.getpixel((10, 10)), mask.getpixel((80, 10)), request.inpaint_area) == ((96, 64), 255, 0, "Whole picture")


def test_a_mask_by_its_alpha(studio: Studio) -> None:
    request = from_picture(studio, mask=masked((8, 8, 40, 40), alpha=True))
    assert isinstance(request, Inpaint)
    mask = stored(studio, request.mask)
    assert (mask.getpixel((20, 20)), mask.getpixel((80, 10))) == (255, 0)
    half = Image.new("RGBA", (96, 64), (0, 0, 0, 100))
    half.putpixel((0, 0), (0, 0, 0, 255))
    soft = from_picture(studio, mask=encoded(half), mask_round=False)
    assert isinstance(soft, Inpaint)
    assert stored(studio, soft.mask).getpixel((50, 50)) == 100


@pytest.mark.parametrize(("colour", "invert"), [(0, 0), (255, 1)])
def test_a_mask_that_masks_nothing(studio: Studio, colour: int, invert: int) -> None:
    blank = encoded(Image.new("L", (96, 64), colour))
    assert isinstance(from_picture(studio, mask=blank, inpainting_mask_invert=invert), Img2Img)
    kept = from_picture(studio, mask=blank, inpainting_mask_invert=invert, inpaint_full_res=0)
    assert (type(kept), kept.denoising_strength) == (Img2Img, 0)
    assert isinstance(from_picture(studio, mask=""), Img2Img)


def test_what_is_transparent_lies_on_the_background(studio: Studio) -> None:
    clear = encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0)))
    request = from_picture(studio, init_images=[clear], override_settings={"img2img_background_color": "#0000ff"})
    assert stored(studio, request.init_image).getpixel((5, 5)) == (0, 0, 255)
    assert stored(studio, from_picture(studio, init_images=[clear]).init_image).getpixel((5, 5)) == (255, 255, 255)


def test_several_pictures_are_drawn_on_one_after_the_other(studio: Studio) -> None:
    two = [picture(colour="red"), picture(colour="blue")]
    requests = translated(studio, init_images=two, batch_size=2, n_iter=2, seed=10).requests
    assert [request.seed for request in requests if isinstance(request, Img2Img)] == [10, 11, 12, 13]
    assert len({request.init_image for request in requests if isinstance(request, Img2Img)}) == 2
    with pytest.raises(BadBody):
        translated(studio, init_images=[*two, *two], batch_size=3)


# --- Scripts and options ---


def test_always_on_scripts(studio: Studio) -> None:
    given = {
        "REFINER": {"args": [True, "small", 0.5]},
        "FreeU Integrated": {"args": [True, 1.1, 1.2, 0.9, 0.8]},
        "PerturbedAttentionGuidance Integrated": {"args": [True, 2]},
        "Dynamic Thresholding (CFG Scale Fix)": {"args": [True, 5, 99]},
        "Never OOM Integrated": {"args": [True, True]},
    }
    request = asked(studio, alwayson_scripts=given)
    assert fields(request, "refiner", "refiner_switch_at") == ("small", 0.5)
    assert fields(request, "freeu_b1", "freeu_b2", "freeu_s1", "freeu_s2") == (1.1, 1.2, 0.9, 0.8)
    assert fields(request, "pag_scale", "mimic_scale", "threshold_percentile") == (2, 5, 99)
    off = {title: {"args": [False]} for title in given}
    assert asked(studio, alwayson_scripts=off) == asked(studio)


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script.runs is None], ids=lambda script: script.title)
def test_every_script_takes_its_own_defaults(studio: Studio, script: Any) -> None:
    values = values_of(script, [argument.value for argument in script.arguments], "script_args")
    assert list(values) == [argument.label for argument in script.arguments]
    named: dict[str, Any] = {"script_name": script.title, "script_args": list(values.values())}
    if script.always_on:
        named = {"alwayson_scripts": {script.title: {"args": list(values.values())}}}
    assert translated(studio, **named, **({"init_images": [picture()]} if "txt2img" not in script.tabs else {})).requests


@pytest.mark.parametrize(
    "script", [script for script in SCRIPTS if script.runs is not None], ids=lambda script: f"{script.title} {script.tabs[0]}"
)
def test_a_script_whose_add_on_is_off_is_neither_listed_nor_taken(studio: Studio, script: Script) -> None:
    tab = script.tabs[0]
    assert script.title.lower() not in titles(tab, studio) and script.title.lower() not in {one["name"] for one in infos(studio)}
    pictures = {"init_images": [picture()]} if tab == "img2img" else {}
    with pytest.raises(BadBody, match="which is off: switch it on"):
        translated(studio, script_name=script.title, script_args=[], **pictures)


def test_scripts_on_pictures(studio: Studio) -> None:
    larger = from_picture(studio, width=512, height=448, script_name="sd upscale", script_args=[None, 70, 2, 1])
    assert isinstance(larger, Img2Img)
    assert fields(larger, "tiled_drawing", "tiled_scale", "tiled_upscaler", "drawn_tile", "drawn_overlap") == (
        "SD upscale",
        2,
        "Lanczos",
        512,
        64,
    )
    looped = from_picture(studio, script_name="Loopback", script_args=[3, 0.2, 0])
    assert fields(looped, "loops", "final_denoising_strength", "denoising_curve") == (3, 0.2, "Linear")
    wider = from_picture(studio, script_name="outpainting mk2", script_args=["", 64, 8, ["right", "down"]])
    assert isinstance(wider, Inpaint)
    assert fields(wider, "extend_left", "extend_right", "extend_top", "extend_bottom", "mask_blur") == (0, 64, 0, 64, 8)
    with pytest.raises(BadBody, match="describes pictures"):
        from_picture(studio, script_name="Loopback", script_args=[3, 0.2, "Linear", "CLIP"])


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.field])
def test_every_option_sets_its_field_for_one_job(studio: Studio, name: str) -> None:
    option = OPTIONS[name]
    other = {bool: True, int: 2, float: 0.5}.get(type(option.default)) or (option.choices[1] if option.choices else "None")
    if other == option.default:
        other = option.choices[0]
    request = from_picture(studio, override_settings={name: other})
    request = request if option.field in type(request).model_fields else asked(studio, enable_hr=True, override_settings={name: other})
    assert getattr(request, option.field) == option.value_of(other)


def test_the_usual_options_are_what_easel_does_by_itself() -> None:
    for option in OPTIONS.values():
        for kind in (Txt2Img, Img2Img):
            if option.field in kind.model_fields:
                assert kind.model_fields[option.field].get_default() == option.value_of(option.default), option.field


def test_each_person_has_options_of_their_own(own_studio: Studio) -> None:
    studio = own_studio
    book, ann, bob = OptionBook(studio), Person("ann", "Ann", "user"), Person("bob", "Bob", "user")
    assert book.change(ann, {"CLIP_stop_at_last_layers": 2, "samples_format": "webp", "rho": None}) is False
    assert (book.of(ann)["CLIP_stop_at_last_layers"], book.of(bob)["CLIP_stop_at_last_layers"]) == (2, 1)
    assert studio.preferences.current.picture_format == "png"  # which is for administrators to change
    assert OptionBook(studio).of(ann)["CLIP_stop_at_last_layers"] == 2
    with pytest.raises(AsTold):
        book.change(ann, {"CLIP_stop_at_last_layers": 3, "sd_model_checkpoint": "nobody"})
    assert book.of(ann)["CLIP_stop_at_last_layers"] == 2


@pytest.mark.parametrize("damage", ["", "[]", '{"version": 99, "people": {}}', '{"version": 1, "people": {"": {"rho": "x"}}}', "\x00"])
def test_a_damaged_file_of_options_is_none(own_studio: Studio, damage: str) -> None:
    studio = own_studio
    Path(studio.preferences.current.data_dir / FILE_NAME).write_text(damage)
    book = OptionBook(studio)
    assert book.of(HOUSEHOLD)["rho"] == 0
    book.change(HOUSEHOLD, {"rho": 7})
    assert OptionBook(studio).of(HOUSEHOLD)["rho"] == 7


def test_a_picture_by_its_address_where_that_is_allowed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    from webui.api.sdapi import pictures

    seen = []

    def fetched(text: str, settings: Any, *, field: str) -> bytes:
        seen.append((text, field))
        return base64.b64decode(picture())

    monkeypatch.setattr(pictures, "fetch_picture", fetched)
    assert isinstance(from_picture(studio, init_images=["https://pictures.example/a.png"]), Img2Img)
    assert seen == [("https://pictures.example/a.png", "init_images")]

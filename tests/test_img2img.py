"""img2img and inpainting, as far as it is decided before anything is drawn: requests, steps, texts, masks, what the worker is told."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_adapters import Listening
from test_control import finished

from webui.errors import Conflict, InvalidRequest, NotFound
from webui.generation.img2img_steps import PartialSteps
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.passes import passes_of
from webui.generation.request import (
    Img2Img,
    Inpaint,
    PictureFromPicture,
    ResolvedImg2Img,
    ResolvedInpaint,
    ResolvedRequest,
    Txt2Img,
    dump_request,
    load_request,
    load_resolved,
    parse_request,
)
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.pictures.starting import WAYS
from webui.planning.estimate import Sample, estimate, pace, picture_work, shares_done
from webui.studio.reading import read_picture
from webui.studio.studio import Studio

PICTURE, MASK = "ab" * 32, "cd" * 32
IMG2IMG = {"kind": "img2img", "init_image": PICTURE}
INPAINT = {"kind": "inpaint", "init_image": PICTURE, "mask": MASK}


def resolved(**fields: Any) -> ResolvedRequest:
    size = fields.pop("picture_size", (96, 80)) if fields.get("kind") == "inpaint" else None
    return resolve(parse_request({"seed": 7} | fields), CheckpointIdentity("small", "0123456789"), random.Random(1), picture_size=size)


def png(picture: Image.Image, **how: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, how.pop("format", "PNG"), **how)
    return buffer.getvalue()


def white(width: int, height: int, value: int = 255) -> Image.Image:
    return Image.new("L", (width, height), value)


# requests


def test_the_kind_says_which_request_it_is() -> None:
    assert type(parse_request({})) is Txt2Img
    assert type(parse_request(IMG2IMG)) is Img2Img
    assert type(parse_request(INPAINT)) is Inpaint


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"kind": "enlarge"}, "kind", "The kind of a request can't be 'enlarge'."),
        ({"kind": ["inpaint"]}, "kind", "The kind of a request can't be ['inpaint']."),
        ({"kind": "img2img"}, "init_image", "Picture is missing."),
        ({"kind": "inpaint", "init_image": PICTURE}, "mask", "Mask is missing."),
        (IMG2IMG | {"mask": MASK}, "mask", "There is no field called 'mask'."),
        (IMG2IMG | {"hires": True}, "hires", "There is no field called 'hires'."),
        ({"init_image": PICTURE}, "init_image", "There is no field called 'init_image'."),
        (INPAINT | {"mask_blur": 65}, "mask_blur", "Mask blur can't be 65."),
        (INPAINT | {"soft_contrast_boost": 0.5}, "soft_contrast_boost", "Transition contrast boost can't be 0.5."),
        (IMG2IMG | {"soft_inpainting": True}, "soft_inpainting", "There is no field called 'soft_inpainting'."),
        (INPAINT | {"mask": "../mask.png"}, "mask", "Mask can't be '../mask.png'."),
        (IMG2IMG | {"denoising_strength": True}, "denoising_strength", "Denoising strength can't be True."),
    ],
)
def test_what_no_request_can_be(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request(fields)
    assert (refused.value.field, refused.value.message) == (field, words)


@pytest.mark.parametrize("fields", [IMG2IMG | {"resize_mode": "Crop and resize"}, INPAINT | {"inpaint_area": "Only masked"}])
def test_the_stored_forms_read_back(fields: dict[str, Any]) -> None:
    asked, made = parse_request(fields), resolved(**fields)
    assert load_request(dump_request(asked)) == asked
    assert load_resolved(dump_request(made)) == made
    assert type(made) in (ResolvedImg2Img, ResolvedInpaint)
    assert made.alone(0).seed == 7


def test_the_size_that_comes_out() -> None:
    assert resolved(**IMG2IMG, width=64, height=128).picture_size == (64, 128)
    assert resolved(**INPAINT, width=64, height=128).picture_size == (64, 128)
    assert resolved(**INPAINT, width=64, height=128, inpaint_area="Only masked").picture_size == (96, 80)


# steps and time


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"denoising_strength": 0.75}, PartialSteps(20, 16)),
        ({"denoising_strength": 1.0}, PartialSteps(20, 20)),
        ({"denoising_strength": 0.5, "exact_steps": True}, PartialSteps(40, 20)),
        ({"denoising_strength": 0.0}, PartialSteps(20, 0)),
        ({"denoising_strength": 0.0, "exact_steps": True}, PartialSteps(20, 0)),
    ],
)
def test_steps(fields: dict[str, Any], steps: PartialSteps) -> None:
    (only,) = passes_of(parse_request(IMG2IMG | fields))
    assert only.steps == steps


def test_time_goes_by_the_steps_that_are_taken() -> None:
    whole, part = (parse_request(IMG2IMG | {"denoising_strength": each}) for each in (1.0, 0.45))
    assert picture_work(part) == picture_work(whole) / 2
    nothing = parse_request(IMG2IMG | {"denoising_strength": 0.0})
    assert picture_work(nothing) == 0
    assert shares_done(nothing) == (1.0,)
    # A picture that took no step says nothing about how quick steps are.
    samples = [Sample(20, 512, 512, 7, 3.0, {"work": 0}), Sample(20, 512, 512, 7, 8.0, {"work": picture_work(whole)})]
    assert pace(samples) == 8.0 / picture_work(whole)
    assert estimate(part, samples).seconds == pytest.approx(4.0)


# texts


def test_a1111s_keys() -> None:
    asked = {"mask_blur": 8, "mask_mode": "Inpaint not masked", "masked_content": "latent noise", "inpaint_area": "Only masked"}
    pairs = read_infotext(write_infotext(resolved(**INPAINT, **asked, denoising_strength=0.6), 7, "1")).parameters
    assert {key: pairs[key] for key in ("Denoising strength", "Mask blur", "Mask mode", "Masked content", "Inpaint area")} == {
        "Denoising strength": "0.6",
        "Mask blur": "8",
        "Mask mode": "Inpaint not masked",
        "Masked content": "latent noise",
        "Inpaint area": "Only masked",
    }
    assert pairs["Masked area padding"] == "32"
    assert not any(key.startswith(("Hires", "Resize", "Noise", "Extra", "Conditional")) for key in pairs)
    assert "Masked content" not in write_infotext(resolved(**INPAINT), 7, "1")


def test_a1111s_keys_of_soft_inpainting() -> None:
    """All six are told where it is on, and nothing of it where it is off."""
    pairs = read_infotext(write_infotext(resolved(**INPAINT, soft_inpainting=True, soft_contrast_boost=2.5), 7, "1")).parameters
    assert {key.removeprefix("Soft inpainting "): value for key, value in pairs.items() if key.startswith("Soft")} == {
        "enabled": "True",
        "schedule bias": "1",
        "preservation strength": "0.5",
        "transition contrast boost": "2.5",
        "mask influence": "0",
        "difference threshold": "0.5",
        "difference contrast": "2",
    }
    assert "Soft" not in write_infotext(resolved(**INPAINT, soft_contrast_boost=2.5), 7, "1")
    # By them alone it is known that there was a mask.
    alone = "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Denoising strength: 1, Soft inpainting enabled: True"
    of_source = map_fields(read_infotext(alone)).of_source
    assert (of_source["kind"], of_source["soft_inpainting"], of_source["soft_preservation"]) == ("inpaint", True, 0.5)


OWN = st.fixed_dictionaries(
    {},
    optional={
        "denoising_strength": st.integers(0, 100).map(lambda cents: cents / 100),
        "resize_mode": st.sampled_from(["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]),
        "noise_multiplier": st.sampled_from([0.9, 1.0, 1.5]),
        "extra_noise": st.sampled_from([0.0, 0.1]),
        "exact_steps": st.booleans(),
        "color_correction": st.booleans(),
        "mask_weight": st.sampled_from([0.0, 0.5, 1.0]),
    },
)
OF_MASKS = st.fixed_dictionaries(
    {"mask_blur": st.sampled_from([1.0, 4.0, 64.0])},
    optional={
        "mask_mode": st.sampled_from(["Inpaint masked", "Inpaint not masked"]),
        "masked_content": st.sampled_from(["fill", "original", "latent noise", "latent nothing"]),
        "inpaint_area": st.sampled_from(["Whole picture", "Only masked"]),
    },
)
SOFT = st.fixed_dictionaries(
    {"soft_inpainting": st.just(True)},
    optional={
        "soft_schedule_bias": st.sampled_from([0.0, 1.3, 8.0]),
        "soft_preservation": st.sampled_from([0.0, 0.55, 8.0]),
        "soft_contrast_boost": st.sampled_from([1.0, 2.5, 32.0]),
        "soft_mask_influence": st.sampled_from([0.05, 1.0]),
        "soft_difference_threshold": st.sampled_from([0.0, 0.25, 8.0]),
        "soft_difference_contrast": st.sampled_from([0.0, 1.75, 8.0]),
    },
)


@settings(max_examples=40, deadline=None)
@given(OWN, st.one_of(st.none(), OF_MASKS, st.builds(lambda masks, soft: masks | soft, OF_MASKS, SOFT)))
def test_what_is_written_reads_back(own: dict[str, Any], of_masks: dict[str, Any] | None) -> None:
    asked = {**(IMG2IMG if of_masks is None else INPAINT), **own, **(of_masks or {})}
    mapped = map_fields(read_infotext(write_infotext(resolved(**asked), 7, "1")))
    assert not mapped.unmapped
    again = parse_request({**mapped.of_source, "init_image": PICTURE, **({"mask": MASK} if of_masks else {})})
    wanted = parse_request(asked)
    assert again.model_copy(update={"extensions": {}}) == wanted


def test_a_text_of_a1111() -> None:
    text = (
        "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: m, Denoising strength: 0.45, {}Version: v1.10.1"
    )
    plain = map_fields(read_infotext(text.format("")))
    assert (plain.of_source["kind"], plain.of_source["denoising_strength"], plain.fields["hires"]) == ("img2img", 0.45, False)
    masked = map_fields(read_infotext(text.format("Mask blur: 6, Inpaint area: Only masked, Masked area padding: 48, ")))
    told = {name: masked.of_source[name] for name in ("kind", "mask_blur", "inpaint_area", "masked_padding", "masked_content")}
    assert list(told.values()) == ["inpaint", 6, "Only masked", 48, "original"]
    # No blur is what a missing key means there.
    assert map_fields(read_infotext(text.format("Masked content: fill, "))).of_source["mask_blur"] == 0
    assert not map_fields(read_infotext(text.replace(" Denoising strength: 0.45,", "").format(""))).of_source
    assert parse_request(dict(masked.fields)).kind == "txt2img"


# the studio


@pytest.fixture
def listening(new_studio: Callable[..., Studio]) -> tuple[Studio, Listening]:
    executor = Listening()
    return new_studio(executor), executor


def test_over_the_queue_to_the_worker_and_into_history(listening: tuple[Studio, Listening]) -> None:
    studio, executor = listening
    picture = studio.images.put(png(Image.new("RGB", (96, 80), (9, 80, 200)))).sha256
    mask = studio.images.put(png(white(96, 80))).sha256
    asked = {"kind": "inpaint", "init_image": picture, "mask": mask, "inpaint_area": "Only masked", "prompt": "a fox"}
    job = finished(studio, asked)
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    assert type(spec.request) is ResolvedInpaint
    assert spec.request.picture_size == (96, 80)
    assert sorted(spec.image_paths) == sorted((picture, mask))
    assert Image.open(Path(spec.image_paths[mask])).size == (96, 80)
    (image,) = job["images"]
    assert (image["kind"], image["hires"]) == ("inpaint", False)
    # The file says it all, field by field.
    path, _ = studio.image_file(image["id"])
    told = read_picture(path.read_bytes(), [])
    assert told["exact"]
    assert {"kind": "inpaint", "init_image": picture, "mask": mask, "inpaint_area": "Only masked"}.items() <= told["of_source"].items()
    again = parse_request({**told["fields"], **told["of_source"]})
    assert isinstance(again, Inpaint) and again.prompt == "a fox"
    with pytest.raises(Conflict, match="made from another one"):
        studio.enlarge(image["id"], {})


def test_a_picture_made_here_is_a_source(listening: tuple[Studio, Listening]) -> None:
    studio, executor = listening
    (image,) = finished(studio, {})["images"]
    job = finished(studio, {"kind": "img2img", "init_image": image["sha256"]})
    assert job["status"] == "done", job
    assert type(executor.jobs[1].request) is ResolvedImg2Img


def turned_jpeg() -> bytes:
    """Lies on its side in the file; looked at it is 80 wide and 96 high."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return png(Image.new("RGB", (96, 80)), format="JPEG", exif=exif)


@pytest.mark.parametrize(
    ("picture", "mask", "more", "words"),
    [
        (png(Image.new("RGB", (96, 80))), png(white(80, 96)), {}, "The mask is 80 x 96, and the picture 96 x 80."),
        (turned_jpeg(), png(white(96, 80)), {}, "The mask is 96 x 80, and the picture 80 x 96."),
        (png(Image.new("RGB", (96, 80))), png(white(96, 80, 0)), {}, "Nothing is masked."),
        (png(Image.new("RGB", (96, 80))), png(white(96, 80)), {"mask_mode": "Inpaint not masked"}, "The mask covers all"),
    ],
)
def test_masks_that_do_not_go(studio: Studio, picture: bytes, mask: bytes, more: dict[str, Any], words: str) -> None:
    hashes = {"init_image": studio.images.put(picture).sha256, "mask": studio.images.put(mask).sha256}
    with pytest.raises(InvalidRequest, match=words) as refused:
        studio.submit(studio.complete({"kind": "inpaint", **hashes, **more}))
    assert refused.value.field == "mask"


@pytest.mark.parametrize(
    "picture",
    [
        turned_jpeg(),
        png(Image.new("RGBA", (80, 96), (1, 2, 3, 9))),
        png(Image.new("CMYK", (80, 96)), format="JPEG"),
        png(Image.new("I;16", (80, 96), 999)),
        png(Image.new("P", (80, 96)), format="GIF"),
    ],
)
def test_pictures_of_all_kinds_go(studio: Studio, picture: bytes) -> None:
    hashes = {"init_image": studio.images.put(picture).sha256, "mask": studio.images.put(png(white(80, 96))).sha256}
    job = studio.submit(studio.complete({"kind": "inpaint", "inpaint_area": "Only masked", **hashes}))
    assert (job["width"], job["height"]) == (80, 96)


@pytest.mark.parametrize(
    "mask",
    [
        png(white(96, 80).convert("RGBA")),
        png(white(96, 80).convert("CMYK"), format="JPEG"),
        png(Image.new("I;16", (96, 80), 65535)),
        png(Image.new("1", (96, 80), 1)),
        png(white(96, 80).convert("P"), format="GIF"),
    ],
)
def test_masks_of_all_kinds_go(studio: Studio, mask: bytes) -> None:
    picture = studio.images.put(png(Image.new("RGB", (96, 80)))).sha256
    studio.submit(studio.complete({"kind": "inpaint", "init_image": picture, "mask": studio.images.put(mask).sha256}))


@pytest.mark.parametrize(("fields", "field"), [(IMG2IMG, "init_image"), (INPAINT, "init_image")])
def test_a_picture_that_is_not_here_is_named(studio: Studio, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest, match="not here") as refused:
        studio.submit(studio.complete(fields))
    assert refused.value.field == field


@pytest.mark.parametrize("kind", ["img2img", "inpaint"])
def test_the_parameters_of_each_kind_are_told(url: str, kind: str) -> None:
    told = {entry["name"]: entry for entry in httpx.get(f"{url}/api/v1/parameters", params={"kind": kind}).json()}
    assert told["init_image"]["default"] is None
    assert (told["denoising_strength"]["default"], "hires" in told, "mask" in told) == (0.75, False, kind == "inpaint")


# a size that follows from the picture


@pytest.mark.parametrize(
    ("size", "factor", "drawn"),
    [((96, 80), 1.0, (96, 80)), ((101, 77), 2.0, (200, 152)), ((640, 400), 0.5, (320, 200)), ((64, 64), 4, (256, 256))],
)
@pytest.mark.parametrize("kind", ["img2img", "inpaint"])
def test_resized_by_a_factor(studio: Studio, kind: str, size: tuple[int, int], factor: float, drawn: tuple[int, int]) -> None:
    hashes = {"init_image": studio.images.put(png(Image.new("RGB", size))).sha256}
    hashes |= {"mask": studio.images.put(png(white(*size))).sha256} if kind == "inpaint" else {}
    job = finished(studio, {"kind": kind, **hashes, "resize_by": factor, "steps": 1})
    made = studio.resolved_of(job["id"])
    assert (made.width, made.height) == drawn
    (image,) = job["images"]
    assert f"Size: {drawn[0]}x{drawn[1]}" in image["infotext"] and "Resize by" not in image["infotext"]
    again = studio.request_of(image["id"])
    assert isinstance(again, PictureFromPicture) and again.resize_by == 0
    assert studio.asked_of(job["id"]).model_dump()["resize_by"] == factor


@pytest.mark.parametrize(("size", "factor"), [((96, 80), 0.5), ((1200, 80), 2.0)])
def test_sizes_that_can_not_be_drawn_name_the_factor(studio: Studio, size: tuple[int, int], factor: float) -> None:
    picture = studio.images.put(png(Image.new("RGB", size))).sha256
    with pytest.raises(InvalidRequest, match="can't be drawn") as refused:
        studio.submit(studio.complete({"kind": "img2img", "init_image": picture, "resize_by": factor}))
    assert (refused.value.field, refused.value.allowed) == ("resize_by", "64 to 2048 px on each side")


# what it started from, to be compared with it


@pytest.mark.parametrize("mode", ["Just resize", "Crop and resize", "Resize and fill"])
@pytest.mark.parametrize("fields", [{}, {"inpaint_area": "Whole picture"}, {"inpaint_area": "Only masked"}])
def test_the_source_lies_under_the_picture(studio: Studio, mode: str, fields: dict[str, Any]) -> None:
    """Of its size; where the two were of one size before, the very pixels."""
    picture = Image.effect_noise((120, 40), 200).convert("RGB")
    hashes = {"init_image": studio.images.put(png(picture)).sha256}
    hashes |= {"mask": studio.images.put(png(white(120, 40))).sha256} if fields else {}
    asked = {"kind": "inpaint" if fields else "img2img", **hashes, "width": 64, "height": 64, "resize_mode": mode, "steps": 1, **fields}
    (image,) = finished(studio, asked)["images"]
    assert image["source"].items() >= {"url": f"/api/v1/images/{image['id']}/source", "resize_mode": mode}.items()
    laid = Image.open(io.BytesIO(studio.source_picture(image["id"])))
    assert laid.size == (image["width"], image["height"])
    under = picture if fields.get("inpaint_area") == "Only masked" else WAYS[mode](picture, (64, 64))
    assert laid.tobytes() == under.tobytes()


def test_a_picture_from_words_has_no_source(studio: Studio) -> None:
    (image,) = finished(studio, {"steps": 1})["images"]
    assert image["source"] is None
    with pytest.raises(NotFound, match="words alone"):
        studio.source_picture(image["id"])

"""Finishing chains and upscales, as far as they are decided before a worker has them: sizes, texts, the studio, history."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_files import write_safetensors
from PIL import Image, PngImagePlugin
from pydantic import BaseModel, Field, ValidationError
from test_adapters import Listening
from test_control import finished as drawn

from webui.errors import InvalidRequest
from webui.generation.finishing import UpscaleStep, kept, size_after
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.request import (
    ResolvedTxt2Img,
    ResolvedUpscale,
    Upscale,
    dump_request,
    explain_validation,
    load_request,
    load_resolved,
    parse_request,
)
from webui.generation.resolve import CheckpointIdentity, resolve, resolve_upscale
from webui.pictures.upscaling import upscaling
from webui.planning.estimate import Sample, estimate, finishing_share, picture_work
from webui.planning.tiles import TileAppetite, Tiling, overlap_cost, plan_tiling, ramp, spans, tile_count
from webui.studio.journal import NO_SEED
from webui.studio.line import Waiting, choose, running_order
from webui.studio.progress import JobProgress
from webui.studio.reading import infotext_of, read_pasted, read_picture
from webui.studio.studio import Studio
from webui.studio.tables import generation

PICTURE = "ab" * 32
STEP = {"step": "upscale", "scale": 2}
ASKED: dict[str, Any] = {"kind": "upscale", "init_image": PICTURE, "finishing": [STEP]}
MADE = "a fox\nNegative prompt: dull\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: m, Version: v1.10.1"


def upscale(infotext: str = "", size: tuple[int, int] = (96, 80), **fields: Any) -> ResolvedUpscale:
    asked = parse_request(ASKED | fields)
    assert isinstance(asked, Upscale)
    return resolve_upscale(asked, size, infotext)


def finished(studio: Studio, fields: dict[str, Any]) -> dict[str, Any]:
    """An upscale once it has ended."""
    job = studio.submit(studio.complete(fields))
    return studio.follow(job["id"], lambda event: None)


def png(picture: Image.Image, infotext: str = "") -> bytes:
    buffer, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    if infotext:
        texts.add_text("parameters", infotext)
    picture.save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


# sizes

SIDE = st.integers(1, 2000)
WANTED = st.integers(0, 3000)


@given(SIDE, SIDE, st.floats(0.05, 8), WANTED, WANTED, st.booleans())
def test_sizes_are_exact(width: int, height: int, scale: float, wide: int, high: int, crop: bool) -> None:
    way = upscaling((width, height), scale, (wide, high), crop=crop)
    assert way.box.size == way.size
    assert way.box.left >= 0 and way.box.right <= way.cover[0] and way.box.top >= 0 and way.box.bottom <= way.cover[1]
    if not wide and not high:
        assert way.size == (max(1, round(width * scale)), max(1, round(height * scale)))
    elif wide and high and crop:
        assert way.size == (wide, high)
    else:
        assert (wide and way.size[0] == wide) or (high and way.size[1] == high)
        assert way.size[0] >= wide and way.size[1] >= high
        # The ratio is that of the picture, within half a pixel.
        assert abs(way.size[0] * height - way.size[1] * width) <= max(width, height) / 2 or 1 in way.size


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"scale": 2}, (192, 160)),
        ({"scale": 1.33}, (128, 106)),
        ({"width": 300}, (300, 250)),
        ({"height": 300}, (360, 300)),
        ({"width": 200, "height": 200}, (200, 200)),
        ({"width": 200, "height": 200, "crop": False}, (240, 200)),
        ({"width": 77, "height": 999, "crop": False}, (1199, 999)),
    ],
)
def test_factor_and_size_and_crop(fields: dict[str, Any], size: tuple[int, int]) -> None:
    assert upscale(finishing=[{"step": "upscale"} | fields]).finished_size == size


def test_steps_follow_each_other() -> None:
    request = upscale(finishing=[STEP, {"step": "upscale", "width": 100, "height": 100}, {"step": "upscale", "scale": 3}])
    assert (request.picture_size, request.finished_size) == ((96, 80), (300, 300))
    left, top, right, bottom = kept(request.finishing, request.picture_size)
    assert (top, bottom) == (0, 1) and left == pytest.approx(10 / 120) and right == pytest.approx(110 / 120)


def test_too_large_is_told_at_once() -> None:
    with pytest.raises(InvalidRequest, match="too large") as refused:
        upscale(size=(4000, 4000), finishing=[STEP, {"step": "upscale", "scale": 8}])
    assert refused.value.field == "finishing[1]"
    with pytest.raises(InvalidRequest, match="too large"):  # what is cut off counts, too
        size_after((UpscaleStep(step="upscale", width=8192, height=8192),), (1, 4000))
    asked = parse_request({"width": 2048, "height": 2048, "finishing": [{"step": "upscale", "scale": 8}], "seed": 1})
    with pytest.raises(InvalidRequest, match="too large"):
        resolve(asked, CheckpointIdentity("small", "0123456789"), random.Random(1))


# requests


def test_stored_and_read_again() -> None:
    asked, made = parse_request(ASKED), upscale(MADE)
    assert load_request(dump_request(asked)) == asked
    assert load_resolved(dump_request(made)) == made
    assert made.words == ("a fox", "dull") and made.image_seeds == (None,)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"finishing": []}, "finishing", "is empty"),
        ({"finishing": [{"step": "upscale", "scale": 9}]}, "finishing[0].scale", "can't be 9"),
        ({"finishing": [{"step": "polish"}]}, "finishing[0].step", "can't be 'polish'"),
        ({"finishing": [STEP | {"strength": 1}]}, "finishing[0].strength", "no field"),
        ({"prompt": "a fox"}, "prompt", "no field"),
        ({"init_image": "fox"}, "init_image", "Picture can't be"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refused:
        parse_request(ASKED | fields)
    assert refused.value.field == field


class _Large(BaseModel):
    step: Literal["large"]
    size: int = Field(1, title="Size", ge=1, le=3)


class _Small(BaseModel):
    step: Literal["small"]


class _Holder(BaseModel):
    chain: tuple[Annotated[_Large | _Small, Field(discriminator="step")], ...]


def test_a_field_of_one_of_several_models_is_named_as_it_was_sent() -> None:
    with pytest.raises(ValidationError) as refused:
        _Holder.model_validate({"chain": [{"step": "small"}, {"step": "large", "size": 7}]})
    told = explain_validation(refused.value, _Holder)
    assert (told.field, told.allowed, told.message) == ("chain[1].size", "1 to 3", "Size can't be 7.")


# infotexts


def test_the_steps_stand_behind_what_the_source_says() -> None:
    request = upscale(MADE, finishing=[STEP | {"upscaler_2": "Nearest", "upscaler_2_visibility": 0.25}, {"step": "upscale", "width": 300}])
    text = write_infotext(request, None, "9.9")
    steps = (
        "Postprocess upscaler: Lanczos, Postprocess upscaler 2: Nearest, Postprocess upscaler 2 visibility: 0.25, Postprocess upscale by: 2"
    )
    assert text == f"{MADE}, {steps}, Postprocess 2 upscaler: Lanczos, Postprocess 2 upscale to: 300x0"
    mapped = map_fields(read_infotext(text))
    assert mapped.fields["finishing"] == request.finishing and mapped.fields["prompt"] == "a fox"
    assert not mapped.unmapped
    # Finished once more, the new steps are counted on from those that are there.
    again = write_infotext(upscale(text), None, "9.9")
    assert again == f"{text}, Postprocess 3 upscaler: Lanczos, Postprocess 3 upscale by: 2"
    assert len(map_fields(read_infotext(again)).fields["finishing"]) == 3


@pytest.mark.parametrize("source", ["", "just words"])
def test_a_source_that_says_nothing(source: str) -> None:
    text = write_infotext(upscale(source), None, "9.9")
    told = read_infotext(text)
    assert told.prompt == source
    assert {"Postprocess upscale by": "2", "Init image hash": PICTURE[:10], "Version": "easel-9.9"}.items() <= told.parameters.items()
    assert map_fields(told).fields["finishing"] == upscale().finishing


def test_what_is_drawn_and_finished_says_both() -> None:
    request = resolve(
        parse_request({"prompt": "a fox", "seed": 1, "finishing": [STEP]}), CheckpointIdentity("m", "0" * 10), random.Random(1)
    )
    assert isinstance(request, ResolvedTxt2Img)
    text = write_infotext(request, 1, "9.9")
    assert "Postprocess upscaler: Lanczos, Postprocess upscale by: 2, Version: easel-9.9" in text
    assert map_fields(read_infotext(text)).fields["finishing"] == request.finishing
    # A picture without leaves none of another one's behind.
    assert map_fields(read_infotext(MADE)).fields["finishing"] == ()


def test_keys_of_others_are_told_of() -> None:
    mapped = map_fields(read_infotext(MADE + ", Postprocess upscale by: 99, Postprocess mystery: 4"))
    assert {entry.key for entry in mapped.unmapped} == {"Postprocess upscale by", "Postprocess mystery"}
    told = read_pasted(MADE + ", Postprocess upscaler: LDSR, Postprocess 2 upscale by: 2", [], lambda name: name != "LDSR")
    assert [step.upscaler for step in told["fields"]["finishing"]] == ["Lanczos"]
    assert {"key": "Enlarging with LDSR", "value": "LDSR", "reason": "There is no upscaler of that name here."} in told["unmapped"]


def test_the_text_of_a_file_is_kept_word_for_word() -> None:
    odd = MADE.replace(", Seed", ",   Seed")
    assert infotext_of(png(Image.new("RGB", (8, 8)), odd)) == odd
    assert infotext_of(png(Image.new("RGB", (8, 8)))) == ""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "BMP")
    assert infotext_of(buffer.getvalue()) == ""


# line, time


def test_an_upscale_takes_the_checkpoint_from_nobody() -> None:
    free = upscale().works_with
    line = [Waiting(1, 0, free, 0), Waiting(2, 0, "a", 0), Waiting(3, 0, free, 0), Waiting(4, 0, "b", 0), Waiting(5, 0, "a", 0)]
    assert choose(line, "a") == 0
    assert choose(line[1:], "a") == 0
    assert [entry.id for entry in running_order(line, "b")] == [1, 4, 2, 3, 5]


def test_time_goes_by_pixels() -> None:
    request = upscale()
    assert picture_work(request) == 192 * 160
    known = Sample(0, 96, 80, 0.0, 2.0, {"work": 192 * 160, "finish": 1.9})
    assert estimate(upscale(finishing=[STEP | {"scale": 4}]), [known]).seconds == pytest.approx(8.0)
    drawn = parse_request({"width": 64, "height": 64, "steps": 10, "cfg_scale": 1, "sampler": "Euler", "finishing": [STEP]})
    facts = {"work": picture_work(drawn), "finish": 1.0, "finishing_work": 128 * 128}
    once = Sample(10, 64, 64, 1.0, 3.0, facts)
    assert estimate(drawn, [once]).seconds == pytest.approx(3.0)
    assert estimate(drawn.model_copy(update={"finishing": ()}), [once]).seconds == pytest.approx(2.0)
    assert 0 < finishing_share(drawn) < 1 == finishing_share(request)


def test_progress_counts_both() -> None:
    progress = JobProgress(1, 2, 0, None, (0.0, 0.5, 1.0), finishing=0.25)
    progress.note_step(0, 2, 2)
    assert progress.fraction == pytest.approx(0.375)
    progress.note_finishing(0, 5, 9, 0.5)
    assert (progress.step, progress.steps, progress.fraction) == (5, 9, pytest.approx(0.4375))
    progress.note_end_of_picture()
    assert progress.fraction == 0.5


# the studio


@pytest.fixture
def listening(new_studio: Callable[..., Studio]) -> tuple[Studio, Listening]:
    executor = Listening()
    return new_studio(executor), executor


def test_over_the_queue_to_the_worker_and_into_history(listening: tuple[Studio, Listening]) -> None:
    studio, executor = listening
    picture = studio.images.put(png(Image.new("RGB", (96, 80), (9, 80, 200)), MADE)).sha256
    asked = ASKED | {"init_image": picture, "init_name": "fox in snow.png"}
    assert studio.estimate(studio.complete(asked)).seconds is None
    job = finished(studio, asked)
    assert job["status"] == "done", job
    assert (job["kind"], job["prompt"], job["checkpoint"], job["seed"], job["source_name"]) == (
        "upscale",
        "a fox",
        "",
        None,
        "fox in snow.png",
    )
    (spec,) = executor.jobs
    assert type(spec.request) is ResolvedUpscale and spec.checkpoint_path == ""
    assert Image.open(Path(spec.image_paths[picture])).size == (96, 80)
    (image,) = job["images"]
    assert (image["kind"], image["prompt"], image["negative_prompt"]) == ("upscale", "a fox", "dull")
    assert (image["seed"], image["checkpoint"], image["steps"], image["width"], image["height"]) == (None, None, None, 192, 160)
    assert image["infotext"].startswith(MADE + ", Postprocess upscaler: Lanczos")
    path, _ = studio.image_file(image["id"])
    assert path.parent.parent.name == "upscale-images"
    told = read_picture(path.read_bytes(), [])
    assert (told["fields"]["prompt"], told["fields"]["seed"]) == ("a fox", 1)
    assert Image.open(io.BytesIO(studio.source_picture(image["id"]))).size == (96, 80)
    # Again from what was asked, and what is now known of its speed.
    assert studio.asked_of(job["id"]) == parse_request(asked)
    assert (studio.estimate(studio.complete(asked)).seconds or 0) > 0
    with studio.database.reading() as connection:
        row = connection.execute(generation.select()).one()
    assert (row.kind, row.prompt, row.seed, row.steps, row.sampler) == ("upscale", "a fox", NO_SEED, 0, "")


def test_what_is_cut_off_is_not_shown_as_before(studio: Studio) -> None:
    picture = studio.images.put(png(Image.new("RGBA", (96, 80), (9, 80, 200, 100)))).sha256
    job = finished(studio, ASKED | {"init_image": picture, "finishing": [{"step": "upscale", "width": 100, "height": 100}]})
    source = Image.open(io.BytesIO(studio.source_picture(job["images"][0]["id"])))
    assert (source.size, source.mode) == ((80, 80), "RGBA")


def test_pictures_that_are_drawn_are_finished(listening: tuple[Studio, Listening]) -> None:
    studio, executor = listening
    job = drawn(studio, {"width": 64, "height": 64, "finishing": [STEP], "batch_count": 2})
    assert [(image["width"], image["height"]) for image in job["images"]] == [(128, 128)] * 2
    assert (job["width"], job["height"]) == (128, 128)
    assert executor.jobs[0].finishing == ({},)


def test_named_after_its_source(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(name_pattern="[basename]-[width]-[steps]-[seed]")
    picture = studio.images.put(png(Image.new("RGB", (96, 80)))).sha256
    job = finished(studio, ASKED | {"init_image": picture, "init_name": "fox.jpeg"})
    assert job["images"][0]["file"] == "00000-fox-192.png"


def test_an_upscale_has_no_forever_and_no_prompt_to_explain(studio: Studio) -> None:
    picture = studio.images.put(png(Image.new("RGB", (96, 80)))).sha256
    with pytest.raises(InvalidRequest, match="forever"):
        studio.submit(studio.complete(ASKED | {"init_image": picture}), forever=True)
    with pytest.raises(InvalidRequest, match="no prompt"):
        studio.explain(ASKED)


def test_a_picture_that_is_not_there(studio: Studio) -> None:
    with pytest.raises(InvalidRequest) as refused:
        studio.submit(studio.complete(ASKED))
    assert refused.value.field == "init_image"


# models


@pytest.fixture
def with_model(models_dir: Path, listening: tuple[Studio, Listening]) -> tuple[Studio, Listening, Path]:
    studio, executor = listening
    (models_dir / "upscalers").mkdir()
    path = models_dir / "upscalers" / "RealESRGAN_x4plus.safetensors"
    write_safetensors(path, {"conv_first.weight": (8, 3, 3, 3), "body.0.rdb1.conv1.weight": (8, 8, 3, 3)})
    studio.catalog.models.refresh()
    return studio, executor, path


def test_a_model_is_found_by_name_and_by_the_label_of_a1111(with_model: tuple[Studio, Listening, Path]) -> None:
    studio, executor, path = with_model
    assert studio.choices.upscalers(latent=False) == ["Lanczos", "Nearest", "Bicubic", "RealESRGAN_x4plus"]
    picture = studio.images.put(png(Image.new("RGB", (96, 80)))).sha256
    asked = [STEP | {"upscaler": "R-ESRGAN 4x+"}, STEP | {"upscaler_2": "realesrgan_x4plus.safetensors", "upscaler_2_visibility": 0.5}]
    job = finished(studio, ASKED | {"init_image": picture, "finishing": asked})
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    assert spec.finishing == ({"upscaler": str(path)}, {"upscaler_2": str(path)})
    first, second = spec.request.finishing
    assert (first.upscaler, second.upscaler_2) == ("RealESRGAN_x4plus", "RealESRGAN_x4plus")
    assert len(first.upscaler_hash) == 10 and first.upscaler_hash == second.upscaler_2_hash
    assert spec.request.works_with == "/upscale/RealESRGAN_x4plus"
    assert "Postprocess upscaler: RealESRGAN_x4plus" in job["images"][0]["infotext"]
    # A second one of which nothing is seen isn't looked for.
    assert finished(studio, ASKED | {"init_image": picture, "finishing": [STEP | {"upscaler_2": "gone"}]})["status"] == "done"


def test_hires_fix_takes_models_too(with_model: tuple[Studio, Listening, Path]) -> None:
    studio, executor, path = with_model
    job = drawn(studio, {"hires": True, "hires_upscaler": "R-ESRGAN 4x+"})
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    assert (spec.upscaler_path, spec.drawn.hires_upscaler) == (str(path), "RealESRGAN_x4plus")  # type: ignore[union-attr]
    assert "Hires upscaler: RealESRGAN_x4plus" in job["images"][0]["infotext"]
    picture = studio.images.put(png(Image.new("RGB", (96, 80)))).sha256
    source = {"kind": "img2img", "init_image": picture, "tiled_drawing": "SD upscale", "drawn_tile": 64, "drawn_overlap": 0}
    large = drawn(studio, source | {"width": 64, "height": 64, "tiled_upscaler": "R-ESRGAN 4x+"})
    assert large["status"] == "done", large
    assert executor.jobs.pop().upscaler_path == str(path)
    assert "SD upscale upscaler: RealESRGAN_x4plus" in large["images"][0]["infotext"]
    without = drawn(studio, {"hires": False, "hires_upscaler": "gone"})
    assert without["status"] == "done" and executor.jobs[1].upscaler_path == ""


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"finishing": [STEP, STEP | {"upscaler": "gone"}]}, "finishing[1].upscaler"),
        ({"finishing": [STEP | {"upscaler_2": "gone", "upscaler_2_visibility": 1}]}, "finishing[0].upscaler_2"),
        ({"hires": True, "hires_upscaler": "gone"}, "hires_upscaler"),
    ],
)
def test_an_upscaler_that_is_not_there(with_model: tuple[Studio, Listening, Path], fields: dict[str, Any], field: str) -> None:
    studio, _, _ = with_model
    with pytest.raises(InvalidRequest, match="no upscaler called 'gone'") as refused:
        studio.submit(studio.complete(fields))
    assert refused.value.field == field and "RealESRGAN_x4plus" in str(refused.value.allowed)


def test_latent_upscalers_are_for_hires_alone() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request(ASKED | {"finishing": [STEP | {"upscaler": "Latent"}]})
    assert refused.value.field == "finishing[0].upscaler" and "works on latents" in refused.value.hint


# tiles


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(0, 600), st.integers(0, 200), st.sampled_from([1, 8, 16, 24]))
def test_tiles_cover_all_and_fit_together(width: int, height: int, tile: int, overlap: int, multiple: int) -> None:
    tiling = plan_tiling((width, height), 1000, 50_000_000, asked=Tiling(tile, overlap), multiple=multiple)
    step = math.lcm(16, multiple)
    for length in (width, height):
        found = spans(length, tiling, step)
        assert found[0].start == 0 and found[-1].end == length and not found[0].before and not found[-1].behind
        assert len({span.end - span.start for span in found}) == 1
        for one, following in pairwise(found):
            assert one.behind == following.before == one.end - following.start > 0
        if len(found) > 1:
            assert tiling.tile % step == 0 and found[0].end - found[0].start <= tiling.tile
    assert overlap_cost((width, height), tiling, step) >= 1 and tile_count((width, height), tiling, step) >= 1


def test_tiles_follow_memory_and_advice() -> None:
    assert plan_tiling((1000, 500), 1000, 10**9) == Tiling(0, 0)
    assert plan_tiling((4000, 500), 1000, 10**9) == Tiling(992, 32)
    assert plan_tiling((4000, 500), 1000, 1) == Tiling(64, 32)
    assert plan_tiling((4000, 500), 100, 10**9) == Tiling(0, 0)
    assert plan_tiling((4000, 500), 1000, 10**9, asked=Tiling(250, 0)) == Tiling(256, 32)
    assert Tiling(256, 32).halved() == Tiling(128, 32) and Tiling(96, 32).halved() is None


@given(st.integers(1, 500))
def test_an_overlap_is_mixed_in_its_middle(length: int) -> None:
    weights = ramp(length)
    assert len(weights) == length and all(0 <= one <= 1 for one in weights) and weights == sorted(weights)
    assert all(one + other == pytest.approx(1) for one, other in zip(weights, reversed(weights), strict=True))
    if length >= 8:
        assert weights[0] == 0 and weights[-1] == 1


def test_tiles_are_told_in_words() -> None:
    appetite = TileAppetite(bytes_per_pixel=1000, budget=1000 * 512 * 512, multiple=8)
    assert appetite.told((512, 512), Tiling(0, 0)) == "the whole picture at once"
    assert appetite.told((1000, 500), Tiling(0, 0)) == "3 tiles of 512 px, overlapping by 32"
    assert appetite.told((1000, 500), Tiling(256, 16)) == "15 tiles of 256 px, overlapping by 16"
    assert replace(appetite, bytes_per_pixel=0).told((1000, 500), Tiling(256, 16)) == "the whole picture at once"
    assert replace(appetite, largest=128).told((256, 100), Tiling(0, 0)) == "3 tiles of 128 px, overlapping by 32"

"""The hires pass, as far as it is decided before anything is drawn: sizes, passes, words, texts, plans."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.errors import InvalidRequest
from webui.generation.adapters import FoundAdapters, UsedLora
from webui.generation.enlarging import UPSCALER_LABELS, Enlargement, enlargement
from webui.generation.img2img_steps import PartialSteps
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.passes import passes_of
from webui.generation.prompt.schedules import Steps
from webui.generation.request import HIRES_FIELDS, ResolvedTxt2Img, Txt2Img, parse_request
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.planning.estimate import Sample, estimate, pace, picture_work, shares_done
from webui.studio.reading import read_pasted
from webui.studio.studio import Studio

CHECKPOINT = CheckpointIdentity("small", "0123456789")


def resolved(**fields: Any) -> ResolvedTxt2Img:
    return resolve(parse_request({"seed": 7} | fields), CHECKPOINT, random.Random(1))


# sizes


@pytest.mark.parametrize(
    ("size", "scale", "wanted", "cover", "final"),
    [
        ((512, 512), 2.0, (0, 0), (1024, 1024), (1024, 1024)),
        ((512, 768), 1.5, (0, 0), (768, 1152), (768, 1152)),
        ((512, 512), 1.33, (0, 0), (680, 680), (680, 680)),
        ((512, 512), 1.35, (0, 0), (691, 691), (688, 688)),
        ((512, 768), 2.0, (1000, 0), (1000, 1500), (1000, 1496)),
        ((512, 768), 2.0, (0, 1000), (666, 1000), (664, 1000)),
        # Both: it covers the size asked for, and what stands over is cut off.
        ((512, 512), 2.0, (1024, 768), (1024, 1024), (1024, 768)),
        ((512, 512), 2.0, (768, 1024), (1024, 1024), (768, 1024)),
        ((512, 768), 2.0, (1024, 1024), (1024, 1536), (1024, 1024)),
    ],
)
def test_a1111s_sizes(size: tuple[int, int], scale: float, wanted: tuple[int, int], cover: tuple[int, int], final: tuple[int, int]) -> None:
    assert enlargement(*size, scale, wanted) == Enlargement(cover, final)


def test_an_odd_cut_takes_more_from_the_end() -> None:
    assert enlargement(512, 512, 2.0, (1024, 1000)).cut == (0, 1, 128, 126)
    assert enlargement(512, 512, 2.0, (1024, 1008)).cut == (0, 1, 128, 127)


SIDE = st.integers(8, 256).map(lambda eighth: eighth * 8)
WANTED = st.one_of(st.just(0), st.integers(8, 512).map(lambda eighth: eighth * 8))


@given(SIDE, SIDE, st.floats(1, 4), WANTED, WANTED)
def test_sizes_hold_together(width: int, height: int, scale: float, wide: int, high: int) -> None:
    by = enlargement(width, height, scale, (wide, high))
    left, top, right, bottom = by.cut
    assert 0 <= left < right <= max(by.latents[0], 1)
    assert 0 <= top < bottom <= max(by.latents[1], 1)
    assert by.size == ((right - left) * 8, (bottom - top) * 8)
    if wide and high:
        assert (by.cover[0] == wide and by.cover[1] >= high - 8) or (by.cover[1] == high and by.cover[0] >= wide - 8)
        assert abs(by.size[0] - wide) <= 8 and abs(by.size[1] - high) <= 8
    elif wide or high:
        assert wide in (0, by.cover[0]) and high in (0, by.cover[1])


def test_the_size_that_comes_out_is_told_before() -> None:
    assert parse_request({"width": 512, "height": 768}).picture_size == (512, 768)
    assert parse_request({"width": 512, "height": 768, "hires": True, "hires_scale": 1.5}).picture_size == (768, 1152)


# passes


def test_without_it_there_is_one_pass() -> None:
    (only,) = passes_of(resolved(hires_steps=9))
    assert (only.steps, only.hires) == (PartialSteps(20, 20), False)
    assert only.prompt_steps == Steps(20)


def test_the_hires_pass_takes_over_what_is_not_its_own() -> None:
    request = resolved(prompt="a", negative_prompt="b", cfg_scale=5, width=512, height=768, hires=True)
    first, second = passes_of(request)
    assert first.request == request
    own = {"width": 1024, "height": 1536, "hires": False}
    assert second.request == request.model_copy(update=own)
    # All of its steps are taken, of a schedule as much longer as the denoising strength says.
    assert (second.steps, second.hires) == (PartialSteps(28, 20), True)


def test_what_is_its_own() -> None:
    fields = {
        "hires_steps": 10,
        "hires_sampler": "Heun",
        "hires_schedule_type": "Simple",
        "hires_cfg_scale": 3.0,
        "hires_prompt": "c",
        "hires_negative_prompt": "d",
        "hires_checkpoint": "large",
    }
    adapters = FoundAdapters(loras=(UsedLora(name="one"),), hires_loras=(UsedLora(name="two"),))
    asked = parse_request({"prompt": "a", "seed": 1, "hires": True, "denoising_strength": 0.5} | fields)
    request = resolve(asked, CHECKPOINT, random.Random(1), adapters, CheckpointIdentity("large", "abcdefabcd"))
    first, second = passes_of(request)
    assert (first.request.checkpoint, second.request.checkpoint, second.request.checkpoint_hash) == ("small", "large", "abcdefabcd")
    assert (second.request.sampler, second.request.schedule_type, second.request.steps) == ("Heun", "Simple", 10)
    assert (second.request.cfg_scale, second.request.prompt, second.request.negative_prompt) == (3.0, "c", "d")
    assert [first.request.loras[0].name, second.request.loras[0].name] == ["one", "two"]
    assert second.steps == PartialSteps(20, 10)
    # Heun asks twice in a step, and prompts go on counting where the first pass ended.
    assert (first.prompt_steps, second.prompt_steps) == (Steps(20), Steps(20, before=20))


def test_strength_0_only_enlarges() -> None:
    assert passes_of(resolved(hires=True, denoising_strength=0))[1].steps.taken == 0


def test_old_timelines_are_gone_through_once_more() -> None:
    first, second = passes_of(resolved(hires=True, hires_steps=10, old_prompt_editing=True))
    assert first.prompt_steps == second.prompt_steps == Steps(20, old=True)


@pytest.mark.parametrize(
    ("fields", "schedule"),
    [
        ({}, "Use same scheduler"),
        ({"hires_sampler": "Euler"}, "Uniform"),
        ({"hires_sampler": "DPM++ 2M SDE"}, "Exponential"),
        ({"hires_sampler": "DPM++ 2M SDE", "schedule_type": "Simple"}, "Use same scheduler"),
        ({"hires_schedule_type": "Automatic", "schedule_type": "Simple"}, "Karras"),
        ({"hires_sampler": "DPM++ 2M SDE Karras"}, "Karras"),
        ({"hires_schedule_type": "ays"}, "Align Your Steps"),
    ],
)
def test_nothing_automatic_is_left(fields: dict[str, str], schedule: str) -> None:
    assert resolved(hires=True, **fields).hires_schedule_type == schedule


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("hires_upscaler", "x" * 501, "at most 500 characters"),
        ("hires_sampler", "Warp", "Use same sampler, DPM++ 2M"),
        ("hires_schedule_type", "Warp", "Use same scheduler, Automatic"),
        ("hires_scale", 9, "1 to 4 times"),
        ("denoising_strength", 1.5, "0 to 1"),
    ],
)
def test_bad_values_are_refused_by_name(field: str, value: object, allowed: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_request({field: value})
    assert raised.value.field == field
    assert (raised.value.allowed or "").startswith(allowed)


# infotext


def line_of(**fields: Any) -> str:
    return write_infotext(resolved(**fields), 7, "1").splitlines()[-1]


def test_the_written_keys_are_a1111s() -> None:
    assert "Hires" not in line_of(hires_steps=5, hires_prompt="b") and "Denoising" not in line_of(denoising_strength=0.3)
    assert ", Denoising strength: 0.7, RNG: CPU, Hires upscale: 2, Hires upscaler: Latent, Version" in line_of(hires=True)
    told = line_of(hires=True, hires_steps=10, hires_width=1024, hires_sampler="Euler", hires_schedule_type="Simple", hires_prompt="x, y")
    assert "Hires resize: 1024x0, Hires steps: 10, Hires upscaler: Latent, Hires sampler: Euler, Hires schedule type: Simple" in told
    assert 'Hires prompt: "x, y"' in told and "Hires upscale:" not in told
    request = resolve(parse_request({"hires": True, "hires_checkpoint": "b"}), CHECKPOINT, random.Random(1), hires_checkpoint=CHECKPOINT)
    assert "Hires checkpoint: small [0123456789]" in write_infotext(request, 7, "1")


HIRES = {
    "hires_scale": st.integers(20, 80).map(lambda number: number / 20),
    "hires_width": WANTED,
    "hires_height": WANTED,
    "hires_steps": st.integers(0, 150),
    "denoising_strength": st.floats(0, 1),
    "hires_upscaler": st.sampled_from(UPSCALER_LABELS),
    "hires_sampler": st.sampled_from(["Use same sampler", "Euler a"]),
    "hires_schedule_type": st.sampled_from(["Use same scheduler", "Karras"]),
    "hires_cfg_scale": st.sampled_from([0.0, 4.5]),
    "hires_prompt": st.text('ab(:),é"', max_size=9),
    "hires_negative_prompt": st.text('ab(:),é"', max_size=9),
}


@given(st.fixed_dictionaries(HIRES))
def test_what_is_written_reads_back(fields: dict[str, Any]) -> None:
    fields = {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}
    request = resolved(hires=True, sampler="Euler", schedule_type="Simple", **fields)
    mapped = map_fields(read_infotext(write_infotext(request, 7, "1")))
    assert mapped.unmapped == ()
    again = parse_request(dict(mapped.fields))
    assert again.hires and again.picture_size == request.picture_size
    own = [name for name in HIRES_FIELDS if not (name == "hires_scale" and (request.hires_width or request.hires_height))]
    assert {name: getattr(again, name) for name in own} == {name: getattr(request, name) for name in own}


PARAMETERS = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"


def mapped(more: str, parameters: str = PARAMETERS) -> Txt2Img:
    return parse_request(dict(map_fields(read_infotext(f"a\n{parameters}, {more}")).fields))


def test_a1111s_own_text_switches_it_on() -> None:
    request = mapped("Denoising strength: 0.5, Hires upscale: 1.5, Hires steps: 10, Hires upscaler: None")
    assert (request.hires, request.hires_scale, request.hires_steps, request.hires_upscaler) == (True, 1.5, 10, "Lanczos")
    resized = mapped("Denoising strength: 0.5, Hires resize: 1024x768, Hires upscaler: Latent (nearest-exact)")
    assert (resized.picture_size, resized.hires_upscaler) == ((1024, 768), "Latent (nearest-exact)")
    assert mapped("Clip skip: 2").hires is False and mapped("Denoising strength: 0.5").hires is False


def test_an_upscaler_that_is_not_here_is_told() -> None:
    text = f"a\n{PARAMETERS}, Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+"
    found = read_pasted(text, [], lambda name: name == "Latent")
    assert ("Upscaler", "R-ESRGAN 4x+") in [(entry["key"], entry["value"]) for entry in found["unmapped"]]
    assert found["fields"]["hires"] is True and "hires_upscaler" not in found["fields"]
    assert read_pasted(text, [])["fields"]["hires_upscaler"] == "R-ESRGAN 4x+"


def test_the_size_of_the_first_pass_was_a_key_once() -> None:
    old = mapped("Denoising strength: 0.7, First pass size: 512x768", PARAMETERS.replace("512x512", "1024x1536"))
    assert ((old.width, old.height), old.hires, old.picture_size) == ((512, 768), True, (1024, 1536))
    guessed = mapped("Denoising strength: 0.7, First pass size: 0x0", PARAMETERS.replace("512x512", "1024x1024"))
    assert ((guessed.width, guessed.height), guessed.picture_size) == ((512, 512), (1024, 1024))


# plans


def test_time_is_told_for_both_passes() -> None:
    sample = Sample(20, 512, 512, 7, 10.0)
    plain, hires = ({"width": 512, "height": 512, "hires": on, "hires_steps": 10} for on in (False, True))
    assert estimate(parse_request(hires), [sample]).seconds == pytest.approx(10 + 10 / 2 * 4)
    # And one that was made with a hires pass says as much of those without.
    made = Sample(20, 512, 512, 7, 30.0, {"work": picture_work(parse_request(hires))})
    assert pace([made]) == pytest.approx(pace([sample]))
    assert estimate(parse_request(plain), [made]).seconds == pytest.approx(10)


def test_steps_of_the_large_pass_are_longer() -> None:
    shares = shares_done(parse_request({"steps": 4, "hires": True, "hires_steps": 2}))
    assert shares == pytest.approx([0, 1 / 12, 2 / 12, 3 / 12, 4 / 12, 8 / 12, 1])


def test_memory_is_planned_for_the_large_pass() -> None:
    from test_estimate import MB, measured

    samples = [Sample(20, 512, 512, 7, 10.0, measured())]
    small = estimate(parse_request({}), samples, 1500 * MB).plan
    large = estimate(parse_request({"hires": True, "hires_scale": 4}), samples, 1500 * MB).plan
    assert small is not None and large is not None
    assert small.fits and not large.fits and large.peak > small.peak


# the studio


def made(studio: Studio, **fields: Any) -> dict[str, Any]:
    job = studio.submit(studio.complete({"prompt": "fox", "steps": 3, "width": 64, "height": 64} | fields))
    return studio.follow(job["id"], lambda event: None)


def test_a_finished_picture_is_made_again_larger(studio: Studio) -> None:
    small = made(studio, batch_count=2)["images"][1]
    job = studio.enlarge(small["id"], {"hires_scale": 3.0, "denoising_strength": 0.4})
    (large,) = studio.follow(job["id"], lambda event: None)["images"]
    assert (large["seed"], large["prompt"]) == (small["seed"], "fox")
    assert (large["width"], large["height"], large["hires"], small["hires"]) == (192, 192, True, False)
    request = studio.request_of(large["id"])
    assert (request.width, request.hires_scale, request.denoising_strength) == (64, 3.0, 0.4)
    assert studio.job(job["id"])["width"] == 192


def test_only_the_hires_pass_can_be_said_anew(studio: Studio) -> None:
    image = made(studio)["images"][0]
    with pytest.raises(InvalidRequest) as raised:
        studio.enlarge(image["id"], {"prompt": "cat"})
    assert raised.value.field == "prompt"


def test_a_hires_checkpoint_is_looked_up_and_kept_by_name_and_hash(studio: Studio) -> None:
    image = made(studio, hires=True, hires_checkpoint="small")["images"][0]
    request = studio.request_of(image["id"])
    assert (request.hires_checkpoint, len(request.hires_checkpoint_hash)) == ("small", 10)
    with pytest.raises(InvalidRequest) as raised:
        made(studio, hires=True, hires_checkpoint="nowhere")
    assert raised.value.field == "hires_checkpoint"
    # Without a hires pass nobody asks for it.
    assert made(studio, hires_checkpoint="nowhere")["status"] == "done"


def test_progress_counts_the_steps_of_both(studio: Studio) -> None:
    steps = []
    job = studio.submit(studio.complete({"steps": 3, "hires": True, "hires_steps": 5, "width": 64, "height": 64}))
    studio.follow(job["id"], lambda event: steps.append((event["step"], event["steps"])) if event["type"] == "progress" else None)
    assert steps and {total for _, total in steps if total} == {8}


def test_variations_of_a_batch_are_found_again(studio: Studio) -> None:
    image = made(studio, batch_count=3, seed=5, variation_seed=8, variation_strength=0.3)["images"][2]
    request = studio.request_of(image["id"])
    assert (request.seed, request.variation_seed, request.picture_count) == (5, 10, 1)

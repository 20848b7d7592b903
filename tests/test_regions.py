"""Regions from a request to the worker, into the picture's texts, and back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_adapters import LORA, Listening, write, zeros
from test_studio import SMALL

from webui.errors import InvalidRequest
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.passes import passes_of
from webui.generation.regions import Region, read_regions, write_regions
from webui.generation.request import Txt2Img, dump_request, load_request, parse_request, parse_resolved
from webui.planning.estimate import Sample, estimate, work_of
from webui.studio.studio import Studio

DIGEST = "ab" * 32
REGION: dict[str, Any] = {"prompt": "a frog", "mask": DIGEST}


def mask_of(studio: Studio, colour: int = 255) -> str:
    buffer = io.BytesIO()
    Image.new("L", (32, 32), colour).save(buffer, "PNG")
    return studio.images.put(buffer.getvalue()).sha256


def finished(studio: Studio, **fields: Any) -> dict[str, Any]:
    job = studio.submit(studio.complete({**SMALL, **fields}))
    return studio.follow(job["id"], lambda event: None)


# --- What a request may say ---


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({**REGION, "weight": 0}, "regions[1].weight", "0.05 to 1"),
        ({**REGION, "weight": 1.5}, "regions[1].weight", "0.05 to 1"),
        ({**REGION, "mask": "../../etc/passwd"}, "regions[1].mask", "64 lower hex digits"),
        ({"prompt": "a frog"}, "regions[1].mask", "Region mask is missing"),
        ({"mask": DIGEST}, "regions[1].prompt", "Region prompt is missing"),
        ({**REGION, "prompt": "x" * 20_001}, "regions[1].prompt", "at most 20,000 characters"),
        ({**REGION, "start": 0.5, "end": 0.5}, "regions[1]", "start be before"),
        ({**REGION, "colour": "red"}, "regions[1].colour", "weight"),
        ("a frog", "regions[1]", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_place(fields: Any, field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"regions": [REGION, fields]})
    assert caught.value.field == field
    assert words in str(caught.value) + str(caught.value.allowed)
    assert caught.value.hint


def test_there_is_a_most() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({"regions": [REGION] * 9})
    assert caught.value.field == "regions"


@pytest.mark.parametrize("kind", ["txt2img", "img2img", "inpaint"])
def test_stored_requests_keep_their_regions_and_older_ones_have_none(kind: str) -> None:
    pictures = {"txt2img": {}, "img2img": {"init_image": DIGEST}, "inpaint": {"init_image": DIGEST, "mask": DIGEST}}[kind]
    asked = parse_request({"kind": kind, **pictures, "regions": [{**REGION, "prompt": "a\x00 frog", "weight": 0.5}]})
    assert asked.regions[0].prompt == "a frog"
    assert load_request(dump_request(asked)) == asked
    stored = json.loads(dump_request(asked))
    del stored["regions"]
    assert load_request(json.dumps(stored)).regions == ()


# --- In infotexts ---

prompts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=40).filter(
    lambda text: text == text.strip()
)
regions = st.builds(
    Region,
    prompt=st.one_of(prompts, st.sampled_from(['a "frog", (green:1.2)', "two\nlines", "", "Region 2: x, Steps: 9"])),
    mask=st.just(DIGEST),
    weight=st.sampled_from([0.05, 0.35, 1.0]),
    start=st.sampled_from([0.0, 0.25]),
    end=st.sampled_from([0.5, 1.0]),
)
RESOLVED = {**SMALL, "seed": 1, "checkpoint": "small", "checkpoint_hash": "0" * 10}


@given(st.lists(regions, max_size=8))
def test_what_is_written_reads_back(several: list[Region]) -> None:
    request = parse_resolved({**RESOLVED, "regions": [region.model_dump() for region in several]})
    mapped = map_fields(read_infotext(write_infotext(request, 1, "1.0")))
    assert mapped.fields["regions"] == tuple(several)
    assert not mapped.unmapped


def test_the_form_in_infotexts() -> None:
    several = Region(**REGION), Region(prompt="a cat, asleep", mask=DIGEST, weight=0.8, end=0.5)
    assert write_regions(several) == {
        **{"Region 1": "a frog", "Region 1 mask": DIGEST},
        **{"Region 2": "a cat, asleep", "Region 2 mask": DIGEST, "Region 2 weight": "0.8", "Region 2 end": "0.5"},
    }


def test_a_text_without_regions_takes_those_of_the_page_away_and_a_broken_one_is_told() -> None:
    text = write_infotext(parse_resolved(RESOLVED), 1, "1.0")
    assert map_fields(read_infotext(text)).fields["regions"] == ()
    mapped = map_fields(read_infotext(f"{text}, Region 2: a frog, Region 7 mask: {DIGEST}, Region 0: x"))
    assert mapped.fields["regions"] == ()
    assert {entry.key for entry in mapped.unmapped} == {"Region 0", "Region 2", "Region 7"}
    assert read_regions({"Region 1 colour": "red"}) == {}


# --- From a request to the worker ---


def test_over_the_queue_to_the_worker_into_the_picture_and_again(new_studio: Callable[..., Studio]) -> None:
    executor = Listening()
    studio = new_studio(executor)
    digest = mask_of(studio)
    job = finished(studio, regions=[{"prompt": "a frog", "mask": digest, "weight": 0.5}], seed=4)
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    assert spec.request.regions == (Region(prompt="a frog", mask=digest, weight=0.5),)
    assert Path(spec.image_paths[digest]).is_file()
    (image,) = job["images"]
    assert f"Region 1: a frog, Region 1 mask: {digest}, Region 1 weight: 0.5" in image["infotext"]
    with Image.open(studio.picture_path(image["id"])) as picture:
        assert json.loads(picture.info["easel"])["request"]["regions"] == [region.model_dump() for region in spec.request.regions]
    again = studio.request_of(image["id"]).model_dump(include=set(Txt2Img.model_fields), mode="json")
    assert finished(studio, **again)["status"] == "done"
    assert executor.jobs[1].request == spec.request


def test_what_their_prompts_name_is_found_and_a_lora_counts_once(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    for name in ("ink", "wash"):
        write(models_dir / "loras" / f"{name}.safetensors", LORA)
    write(models_dir / "embeddings" / "froggy.safetensors", {"emb_params": zeros(2, 768)})
    executor = Listening()
    studio = new_studio(executor)
    digest = mask_of(studio)
    words = ["<lora:ink:0.9> <lora:wash:0.3>", "froggy <lora:wash:0.7> <lora:gone>"]
    asked = {"prompt": "a fox <lora:ink:0.5>", "regions": [{"prompt": text, "mask": digest} for text in words]}
    job = finished(studio, **asked, hires=True, hires_scale=1.5, hires_prompt="<lora:wash:0.1>")
    assert any("'gone'" in note for note in job["notes"])
    (spec,) = executor.jobs
    assert [(lora.name, lora.unet_weight) for lora in spec.loras] == [("ink", 0.5), ("wash", 0.3)]
    assert [(lora.name, lora.unet_weight) for lora in spec.hires_loras] == [("wash", 0.1), ("ink", 0.9)]
    assert [embedding.name for embedding in spec.embeddings] == ["froggy"]


def test_a_region_that_is_nowhere_is_refused(studio: Studio) -> None:
    good, empty = mask_of(studio), mask_of(studio, 0)
    for digest, words in ((empty, "Nothing is painted"), (DIGEST, "not here")):
        with pytest.raises(InvalidRequest, match=words) as caught:
            studio.submit(studio.complete({"regions": [{**REGION, "mask": good}, {**REGION, "mask": digest}]}))
        assert caught.value.field == "regions[1].mask"
        assert caught.value.hint


def test_a_picture_that_grows_has_no_regions(studio: Studio) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "PNG")
    growing = {"kind": "inpaint", "init_image": studio.images.put(buffer.getvalue()).sha256, "extend_left": 64}
    studio.submit(studio.complete(growing))
    with pytest.raises(InvalidRequest, match="extended") as caught:
        studio.submit(studio.complete({**growing, "regions": [{"prompt": "a frog", "mask": mask_of(studio)}]}))
    assert caught.value.field == "regions"


# --- What is planned ---


def test_each_prompt_that_is_asked_for_takes_its_time() -> None:
    def work(**fields: Any) -> float:
        return work_of(parse_request({"steps": 10, **fields})) / work_of(parse_request({"steps": 10}))

    two = [REGION, {**REGION, "prompt": "a AND b"}]
    joined = {"regions_apart": 0}
    assert work(regions=[REGION], **joined) == 1.5
    assert work(regions=two, **joined) == 2.5
    assert work(regions=two, cfg_scale=1) == 2
    assert work(regions=[{**REGION, "end": 0.4}], **joined) == pytest.approx(1.2)
    assert work(prompt="a AND b AND c") == 2
    # Apart, the negative prompt is asked for each of them.
    assert work(regions=[REGION], regions_apart=1) == 2
    late = {"steps": 4, "regions": [REGION, {**REGION, "start": 0.25}], "regions_apart": 0.5}
    assert [one.prompts for one in passes_of(parse_request(late))] == [(4, 6, 4, 4)]


def test_memory_is_planned_for_all_of_them_at_once() -> None:
    known = {"stage": "denoise", "how": "SDPA", "width": 512, "height": 512, "rows": 2, "bytes": 200 * 1024**2}
    sizes = dict.fromkeys(("text", "denoiser", "vae", "largest_block", "largest_layer"), 1024**2)
    budget = {"free": 2**40, "reserve": 0, "copies": False}
    samples = [
        Sample(20, 512, 512, 7, 10.0, {"device": "CPU", "memory": {"number": 4, "sizes": sizes, "budget": budget, "peaks": [known]}})
    ]
    plans = [estimate(parse_request({"regions": [REGION] * count}), samples, 2**40).plan for count in (0, 1, 8)]
    assert [plan.wanted_rows for plan in plans if plan] == [2, 4, 18]

"""Pictures made again: compared with their originals, branches gone again, and what a crash leaves of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image
from test_studio import SMALL, finish, wait_for

from webui.errors import Conflict, InvalidRequest, NotFound
from webui.executors.fake import FakeExecutor, paint
from webui.generation.request import ResolvedRequest, parse_request
from webui.studio.studio import Studio

SCALED = [{"step": "upscale", "scale": 2}]


def follow(studio: Studio, job: dict[str, Any]) -> dict[str, Any]:
    return studio.follow(job["id"], lambda event: None)


def made(studio: Studio, **fields: Any) -> dict[str, Any]:
    (image,) = finish(studio, **fields)["images"]
    return image


def branch(studio: Studio) -> list[dict[str, Any]]:
    """txt2img, then inpaint of that, then an upscale of that."""
    first = made(studio, prompt="a fox", seed=5)
    buffer = Image.new("L", (64, 64), 0)
    buffer.paste(255, (16, 16, 48, 48))
    mask = studio.images.put(as_bytes(buffer)).sha256
    second = made(studio, kind="inpaint", prompt="a hat", seed=6, init_image=first["sha256"], mask=mask)
    upscale = parse_request({"kind": "upscale", "init_image": second["sha256"], "finishing": SCALED})
    return [first, second, *follow(studio, studio.submit(upscale))["images"]]


def as_bytes(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def replays(studio: Studio, image: dict[str, Any]) -> list[dict[str, Any]]:
    return studio.replays.of_image(image["id"])


def shifted(by: int) -> Callable[[ResolvedRequest, int | None], Image.Image]:
    """Paints as always, one pixel lighter by so much."""

    def painter(request: ResolvedRequest, seed: int | None) -> Image.Image:
        picture = paint(request, seed)
        red, green, blue = picture.getpixel((3, 3))  # type: ignore[misc]
        picture.putpixel((3, 3), (red + by if red + by < 256 else red - by, green, blue))
        return picture

    return painter


# replays


def test_a_picture_that_comes_out_again_is_proved_and_not_kept_twice(studio: Studio) -> None:
    image = made(studio, prompt="a fox", seed=5)
    job = follow(studio, studio.replays.replay(image["id"]))
    assert (job["status"], job["images"]) == ("done", [])
    (proof,) = replays(studio, image)
    assert proof == job["replay"]
    assert (proof["verdict"], proof["pixels"], proof["differing"], proof["largest"]) == ("identical", 64 * 64, 0, 0)
    assert proof["same_file"] and proof["changes"] == [] and proof["made"] is None
    assert studio.history.total() == 1


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_the_third_of_several_is_proved_in_any_format(new_studio: Callable[..., Studio], form: str) -> None:
    studio = new_studio(picture_format=form, quality=70)
    image = finish(studio, prompt="a fox", batch_count=3, negative_prompt="rain")["images"][2]
    job = follow(studio, studio.replays.replay(image["id"]))
    assert (job["replay"]["verdict"], job["replay"]["same_file"]) == ("identical", True)


@pytest.mark.parametrize(("by", "verdict"), [(3, "close"), (90, "different")])
def test_a_picture_that_comes_out_otherwise_is_kept_and_says_by_how_much(new_studio: Callable[..., Studio], by: int, verdict: str) -> None:
    studio = new_studio()
    image = made(studio, prompt="a fox", seed=5)
    studio.close()
    later = new_studio(FakeExecutor(0, shifted(by), {"attention": "Sliced"}))
    job = follow(later, later.replays.replay(image["id"]))
    (proof,) = replays(later, image)
    assert (proof["verdict"], proof["differing"], proof["largest"]) == (verdict, 1, by)
    assert [(change["fact"], change["before"], change["after"]) for change in proof["changes"]] == [("attention", "none", "Sliced")]
    (kept,) = job["images"]
    assert proof["made"] == kept["id"] and later.history.total() == 2
    (link,) = later.lineage.family(int(kept["id"])).links
    assert (link.source, link.image, link.relation) == (image["id"], kept["id"], "replay")


@pytest.mark.parametrize(
    ("facts", "fact"),
    [({"dtype": "float32"}, "dtype"), ({"device": "Another one"}, "device"), ({"versions": {"torch": "9"}}, "versions.torch")],
)
def test_exactly_what_changed_is_named(new_studio: Callable[..., Studio], facts: dict[str, Any], fact: str) -> None:
    told = {"versions": {"torch": "8"}}
    studio = new_studio(FakeExecutor(0, facts=told))
    image = made(studio)
    studio.close()
    later = new_studio(FakeExecutor(0, shifted(40), told | facts))
    proof = follow(later, later.replays.replay(image["id"]))["replay"]
    assert {change["fact"] for change in proof["changes"]} - {"vae_dtype"} == {fact}


def test_a_model_that_is_another_one_is_named(new_studio: Callable[..., Studio], models_dir: Any) -> None:
    studio = new_studio()
    image = made(studio)
    studio.close()
    config = models_dir / "checkpoints" / "small" / "unet" / "config.json"
    weights = next((models_dir / "checkpoints" / "small" / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4] + b"\1\2\3\4")
    assert config.exists()
    later = new_studio()
    proof = follow(later, later.replays.replay(image["id"]))["replay"]
    assert [change["fact"] for change in proof["changes"]] == ["models.checkpoint.small"]


def test_styles_and_add_ons_have_had_their_say(studio: Studio) -> None:
    image = made(studio, prompt="{cat|dog}, a fox", seed=5, styles=[])
    assert follow(studio, studio.replays.replay(image["id"]))["replay"]["verdict"] == "identical"


def test_what_can_not_be_proved_is_refused(studio: Studio) -> None:
    image = made(studio)
    studio.picture_path(image["id"]).unlink()
    with pytest.raises(Conflict, match="gone"):
        studio.replays.replay(image["id"])
    with pytest.raises(NotFound):
        studio.replays.replay("12")
    with pytest.raises(NotFound):
        studio.replays.of_image("12")


# branches


def test_a_whole_branch_comes_out_again(studio: Studio) -> None:
    pictures = branch(studio)
    studio.replays.replay(pictures[-1]["id"], branch=True)
    wait_for(lambda: replays(studio, pictures[2]))
    assert [[proof["verdict"] for proof in replays(studio, image)] for image in pictures] == [["identical"]] * 3
    assert studio.history.total() == 3


def test_a_branch_with_one_change_is_made_again_step_by_step(studio: Studio) -> None:
    first, second, third = branch(studio)
    studio.replays.branch(third["id"], {"cfg_scale": 3.5}, at=first["id"])
    wait_for(lambda: studio.history.total() == 6)
    wait_for(lambda: not studio.running_jobs())
    items, _ = studio.history.page(limit=3)
    new_third, new_second, new_first = items
    assert [studio.request_of(item["id"]).kind for item in items] == ["upscale", "inpaint", "txt2img"]
    assert (new_first["cfg_scale"], new_first["seed"], new_second["prompt"]) == (3.5, first["seed"], "a hat")
    assert new_second["source"]["image"] == new_first["sha256"] and new_third["source"]["image"] == new_second["sha256"]
    links = {(link.source, link.image, link.relation) for link in studio.lineage.family(int(third["id"])).links}
    pairs = zip((first, second, third), (new_first, new_second, new_third), strict=True)
    assert {(old["id"], new["id"], "variation") for old, new in pairs} <= links


def test_only_the_last_step_may_be_changed_too(studio: Studio) -> None:
    pictures = branch(studio)
    job = studio.replays.branch(pictures[1]["id"], {"prompt": "a crown"})
    (again,) = follow(studio, job)["images"]
    assert (again["prompt"], again["source"]["image"]) == ("a crown", pictures[0]["sha256"])


def test_what_can_not_be_changed_is_refused_by_name(studio: Studio) -> None:
    first, second, _ = branch(studio)
    for change, field in (({}, "change"), ({"colour": 1}, "colour"), ({"batch_count": 4}, "batch_count"), ({"steps": 0}, "steps")):
        with pytest.raises(InvalidRequest) as refused:
            studio.replays.branch(second["id"], change)
        assert refused.value.field == field
    with pytest.raises(InvalidRequest, match="not made from") as refused:
        studio.replays.branch(first["id"], {"steps": 4}, at=second["id"])
    assert first["id"] in str(refused.value.allowed)


def test_a_branch_whose_next_step_can_not_be_made_says_so(studio: Studio) -> None:
    first, second, _ = branch(studio)
    # The mask no longer fits the picture.
    job = follow(studio, studio.replays.branch(second["id"], {"width": 128}, at=first["id"]))
    wait_for(lambda: studio.job(job["id"])["notes"])
    assert studio.job(job["id"])["notes"][0].startswith("The branch ends here")


def test_a_branch_goes_on_after_a_crash_between_two_steps(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio()
    first, _, third = branch(studio)
    studio.replays.follow = lambda job: None  # type: ignore[method-assign] - the program ends before the next step is taken
    follow(studio, studio.replays.branch(third["id"], {"cfg_scale": 3.5}, at=first["id"]))
    studio.close()
    assert studio.history.total() == 4
    later = new_studio()
    wait_for(lambda: later.history.total() == 6)
    assert later.history.page(limit=1)[0][0]["kind"] == "upscale"


# lineage


def test_a_family_tells_where_a_picture_comes_from_and_what_became_of_it(studio: Studio) -> None:
    first, second, third = branch(studio)
    for image in (first, second, third):
        family = studio.lineage.family(int(image["id"]))
        assert [node["made_by"] for node in family.nodes] == ["txt2img", "Inpaint", "Upscale 2 ×"]
        assert [(link.source, link.image, link.relation) for link in family.links] == [
            (first["id"], second["id"], "init"),
            (second["id"], third["id"], "upscale"),
        ]
        assert family.whole


def test_an_uploaded_source_is_part_of_the_family(studio: Studio) -> None:
    digest = studio.images.put(as_bytes(Image.new("RGB", (64, 64), "red"))).sha256
    image = made(studio, kind="img2img", init_image=digest)
    family = studio.lineage.family(int(image["id"]))
    assert [(node["id"], node["made_by"]) for node in family.nodes] == [(digest, "Source"), (image["id"], "img2img")]
    assert [(link.source, link.image) for link in family.links] == [(digest, image["id"])]


def test_a_hires_pass_of_a_picture_knows_it(studio: Studio) -> None:
    image = made(studio, seed=5)
    larger = follow(studio, studio.enlarge(image["id"], {}))["images"][0]
    (link,) = studio.lineage.family(int(larger["id"])).links
    assert (link.source, link.relation) == (image["id"], "hires")


def test_the_rounds_of_a_loopback_follow_each_other(studio: Studio) -> None:
    first = made(studio, seed=5)
    job = studio.submit(parse_request(SMALL | {"kind": "img2img", "init_image": first["sha256"], "loops": 3}))
    rounds = [first, *follow(studio, job)["images"]]
    links = studio.lineage.family(int(rounds[-1]["id"])).links
    assert [(link.source, link.image) for link in links] == [(before["id"], after["id"]) for before, after in pairwise(rounds)]
    studio.replays.replay(rounds[-1]["id"], branch=True)
    wait_for(lambda: replays(studio, rounds[-1]))
    assert [replays(studio, image)[0]["verdict"] for image in rounds] == ["identical"] * 4


def test_a_family_of_thousands_is_told_in_part(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.studio.lineage.MOST_NODES", 4)
    first = made(studio, seed=5)
    many = {"kind": "img2img", "init_image": first["sha256"], "batch_count": 6, "steps": 1}
    follow(studio, studio.submit(parse_request(SMALL | many)))
    family = studio.lineage.family(int(first["id"]))
    assert len(family.nodes) == 4 and not family.whole
    assert first["id"] in {node["id"] for node in family.nodes}


# differences and repeats


def test_two_pictures_are_told_apart_with_what_led_from_one_to_the_other(studio: Studio) -> None:
    first = made(studio, prompt="a sleepy fox", seed=5)
    second = made(studio, prompt="a happy fox", seed=5)
    made(studio, prompt="a happy fox", seed=6)  # another seed alone is no edit
    made(studio, prompt="something else entirely", seed=5)
    last = made(studio, prompt="a happy fox", seed=5, cfg_scale=4)
    told = studio.diff(first["id"], last["id"])
    (prompt,) = told["prompts"]
    assert [(run["kind"], run["text"]) for run in prompt["runs"] if run["kind"] != "same"] == [("removed", "sleepy"), ("added", "happy")]
    assert [one["name"] for one in told["parameters"] if one["changed"]] == ["cfg_scale"]
    assert [edit["image"] for edit in told["way"]] == [second["id"], last["id"]]
    assert [one["name"] for one in told["way"][1]["parameters"]] == ["cfg_scale"]
    assert studio.diff(last["id"], first["id"])["way"] == []


def test_a_request_knows_the_pictures_that_it_would_make_again(studio: Studio) -> None:
    job = finish(studio, prompt="a fox", seed=5, batch_count=3)
    ids = [int(image["id"]) for image in job["images"]]
    ask = lambda **fields: studio.made_before(parse_request(SMALL | {"prompt": "a fox", "seed": 5} | fields))  # noqa: E731
    assert ask(batch_count=3).made == tuple(ids)
    assert ask(seed=6).made == (ids[1],)
    assert (ask(seed=7, batch_count=4).pictures, ask(seed=7, batch_count=4).made) == (4, (ids[2],))
    for other in ({"seed": 9}, {"seed": -1}, {"prompt": "a fax"}, {"steps": 4}, {"variation_strength": 0.5}):
        assert ask(**other).made == ()
    told = studio.duplicates(parse_request(SMALL | {"prompt": "a fox", "seed": 5}), 4)
    assert (told["made"], told["images"][0]["id"]) == (1, str(ids[0]))

"""Regions: whose prompt rules where, on made-up guesses, on tiny weights, and on the shipped checkpoint."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from webui.engine.conditioning import Pull
from webui.engine.context import DenoiseContext
from webui.engine.device import Device
from webui.engine.engine import Engine, read_region_masks, read_start
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import StableDiffusion
from webui.engine.guidance import guided
from webui.engine.hooks import NoHooks
from webui.engine.loading.checkpoint import open_checkpoint
from webui.engine.memory.manager import ModelManager
from webui.engine.regions import Layout, OwnPictures
from webui.engine.samplers.run import NoisePath
from webui.generation.enlarging import enlargement
from webui.generation.events import Note, Picture, WorkerEvent
from webui.generation.job import JobSpec
from webui.generation.prompt.schedules import Timeline
from webui.generation.regions import Region
from webui.generation.request import parse_resolved
from webui.pictures.framing import CutOut, box_around, filled
from webui.pictures.masking import blurred, bounds

from . import tiny_checkpoints
from .drawing import Recorder, digests, job, pixels
from .test_img2img import colourful, left_half
from .test_img2img import job as job_on_picture
from .test_words import COLOURS
from .tiny import recorder_of, tiny_family

QUICK: dict[str, Any] = {"width": 64, "height": 64, "steps": 4, "sampler": "Euler", "schedule_type": "Uniform", "cfg_scale": 3.0}
DIGEST = "ab" * 32
WHOLE = Image.new("L", (64, 64), 255)
RIGHT = ImageOps.mirror(left_half())


def region(**fields: Any) -> Region:
    return Region.model_validate({"prompt": "a frog", "mask": DIGEST} | fields)


def divided(spec: JobSpec, folder: Path, *regions: tuple[str, Image.Image, dict[str, Any]]) -> JobSpec:
    """The same job with those regions: prompt, mask and further fields."""
    told, paths = [], dict(spec.image_paths)
    for prompt, mask, fields in regions:
        buffer = io.BytesIO()
        mask.save(buffer, "PNG")
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        (folder / digest).write_bytes(buffer.getvalue())
        paths[digest] = str(folder / digest)
        told.append({"prompt": prompt, "mask": digest, **fields})
    request = parse_resolved(spec.request.model_dump() | {"regions": told})
    return dataclasses.replace(spec, request=request, image_paths=paths)


class Watching(NoHooks):
    """Keeps the layouts of the passes, and the guess of the last step."""

    def __init__(self) -> None:
        self.layouts: list[Layout | None] = []
        self.guess = torch.empty(0)

    def denoise_step(self, context: DenoiseContext) -> None:
        self.guess = context.denoised.clone()
        if not any(context.layout is known for known in self.layouts):
            self.layouts.append(context.layout)


@pytest.fixture
def tiny(device: Device) -> StableDiffusion:
    return tiny_family(device)


def drawn(recorder: Recorder, spec: JobSpec) -> NDArray[np.uint8]:
    (picture,) = [event for event in recorder.run(spec) if isinstance(event, Picture)]
    return pixels(picture)


# who rules where


def shares(*layers: tuple[Region, Image.Image], step: int = 0, side: int = 8) -> list[torch.Tensor | None]:
    regions, masks = zip(*layers, strict=True)
    return list(Layout.of(regions, masks, side, side).shares(step, 4))


def test_layers_cover_what_lies_beneath_them_by_their_weights() -> None:
    ground, low, high = shares((region(weight=0.75), WHOLE), (region(weight=0.5), left_half()))
    assert ground is not None and low is not None and high is not None
    assert torch.equal(high[0, 0, 0], torch.tensor([0.5] * 4 + [0.0] * 4))
    assert torch.equal(low[0, 0, 0], torch.tensor([0.375] * 4 + [0.75] * 4))
    assert torch.equal(ground[0, 0, 0], torch.tensor([0.125] * 4 + [0.25] * 4))


def test_who_is_hidden_everywhere_is_not_asked() -> None:
    ground, low, high = shares((region(), left_half()), (region(), WHOLE))
    assert (ground, low) == (None, None)
    assert high is not None and torch.equal(high, torch.ones(1, 1, 8, 8))


def test_before_its_start_and_from_its_end_on_a_region_is_not_there() -> None:
    late = (region(start=0.5), WHOLE), (region(end=0.5), left_half())
    assert [[share is not None for share in shares(*late, step=step)] for step in range(4)] == [
        *[[True, False, True]] * 2,
        *[[False, True, False]] * 2,
    ]


def test_a_soft_mask_of_any_size_is_stretched_over_the_picture() -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (3, 1)))
    _, share = shares((region(), ramp), side=4)
    assert share is not None
    expected = torch.from_numpy(np.rint(np.arange(256).reshape(4, 64).mean(1))) / 255
    assert torch.allclose(share[0, 0], expected.float().expand(4, 4), atol=0.01)


masks = st.integers(0, 2**32 - 1).map(lambda seed: Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 7), np.uint8)))
layers = st.tuples(st.builds(region, weight=st.floats(0.05, 1), start=st.sampled_from([0.0, 0.5]), end=st.sampled_from([0.6, 1.0])), masks)


@given(st.lists(layers, min_size=1, max_size=8), st.integers(0, 3))
def test_shares_add_up_to_all_of_it_everywhere(several: list[tuple[Region, Image.Image]], step: int) -> None:
    found = [share for share in shares(*several, step=step) if share is not None]
    assert all(float(share.min()) >= 0 for share in found)
    assert torch.allclose(sum(found, torch.zeros(1)), torch.ones(1, 1, 8, 8), atol=1e-6)


def test_a_pass_on_an_enlarged_picture_that_was_cut_has_the_masks_cut_with_it() -> None:
    by = enlargement(64, 64, 2.0, (128, 64))
    layout = Layout.of([region()], [ImageOps.fit(left_half().rotate(90), (64, 64))], 16, 8, by)
    assert layout.cover.shape == (1, 1, 1, 8, 16)
    # Left turned by 90 degrees is the lower half; 4 of 16 rows were cut away at each end.
    assert torch.equal(layout.cover[0, 0, 0, :, 0], torch.tensor([0.0] * 4 + [1.0] * 4))


# how guesses are mixed


class Guesses:
    """Guesses the first number of the conditioning everywhere, and keeps who was asked."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        self.rows.append(x.shape[0])
        return conditioning.tokens[:, 0, :1, None, None] * torch.ones_like(x)


def saying(number: float, length: int = 2) -> Timeline[Conditioning]:
    return Timeline((9,), (Conditioning(torch.full((1, length, 3), number)),))


def guess(pulls: Sequence[Pull], negative: float | None, weight: float = 1.0, **fields: Any) -> tuple[torch.Tensor, Guesses]:
    """Of the first call, with one region at the right. negative: what the negative prompt says."""
    family: Any = Guesses()
    context: Any = DenoiseContext(
        job(**fields).request,
        (0,),
        (4.0, 2.0, 0.0),
        SimpleNamespace(flow=False),  # type: ignore[arg-type]
        tuple(pulls),
        None if negative is None else saying(negative),
        torch.zeros(1, 1, 8, 8),
        layout=Layout.of([region(weight=weight)], [RIGHT], 8, 8),
    )
    return guided(family, context)(torch.zeros(1, 1, 8, 8), 4.0), family


def test_each_place_is_guided_towards_the_prompt_that_rules_there() -> None:
    result, family = guess([Pull(saying(3.0)), Pull(saying(5.0), 0.5, 1), Pull(saying(7.0), 1.5, 1)], 1.0, cfg_scale=2.0, regions_apart=0.0)
    left, right = 1 + 2 * (3 - 1), 1 + 2 * (0.5 * (5 - 1) + 1.5 * (7 - 1))
    assert torch.equal(result[0, 0, 0], torch.tensor([left] * 4 + [right] * 4, dtype=torch.float32))
    assert family.rows == [4]


def test_apart_the_negative_prompt_is_asked_for_each_place() -> None:
    result, family = guess([Pull(saying(3.0)), Pull(saying(5.0), 1.0, 1)], 1.0, cfg_scale=2.0, regions_apart=0.5)
    assert torch.equal(result[0, 0, 0], torch.tensor([5.0] * 4 + [9.0] * 4))
    assert family.rows == [4]


def test_without_a_negative_prompt_the_guesses_themselves_are_mixed() -> None:
    result, family = guess([Pull(saying(3.0)), Pull(saying(5.0), 1.0, 1)], None, 0.5, cfg_scale=1.0)
    assert torch.equal(result[0, 0, 0], torch.tensor([3.0] * 4 + [4.0] * 4))
    assert family.rows == [2]


def test_outside_of_the_guided_steps_only_the_prompts_are_asked() -> None:
    result, family = guess([Pull(saying(3.0)), Pull(saying(5.0), 1.0, 1)], 1.0, cfg_scale=2.0, guidance_from=0.5)
    assert torch.equal(result[0, 0, 0], torch.tensor([3.0] * 4 + [5.0] * 4))
    assert family.rows == [2]


def test_a_long_prompt_of_one_place_does_not_lengthen_the_others() -> None:
    result, family = guess([Pull(saying(3.0)), Pull(saying(5.0, length=4), 1.0, 1)], 1.0, cfg_scale=2.0, regions_apart=0.0)
    assert torch.equal(result[0, 0, 0], torch.tensor([5.0] * 4 + [9.0] * 4))
    assert family.rows == [2, 1]


def test_apart_each_place_sees_around_it_what_its_own_prompt_would_have_drawn() -> None:
    """Euler's steps of two pictures, one all 3 and one all 7, of which the right half of the second is laid over the first."""
    path, pictures, shares = NoisePath(), OwnPictures(NoisePath()), {0: torch.tensor([1.0, 0.0]), 1: torch.tensor([0.0, 1.0])}
    own, joined = {0: torch.full((2,), 3.0), 1: torch.full((2,), 7.0)}, torch.tensor([3.0, 7.0])
    noise = torch.tensor([0.3, -0.2])
    x, alone = 8 * noise, dict.fromkeys(own, 8 * noise)
    for sigma, following in ((8.0, 5.0), (5.0, 2.0), (2.0, 0.5)):
        views = pictures.seen(x, sigma, shares)
        assert all(torch.allclose(views[place], alone[place]) for place in own)
        pictures.note(own, sigma, shares, lambda guess: guess)
        x = path.jump(x, joined, sigma, following)
        alone = {place: path.jump(alone[place], own[place], sigma, following) for place in own}


# in pictures


def test_one_region_over_all_is_the_picture_of_its_prompt(tiny: StableDiffusion, tmp_path: Path) -> None:
    recorder = recorder_of(tiny)
    plain = drawn(recorder, job("a frog", **QUICK))
    over_all = divided(job("a fox", **QUICK), tmp_path, ("a frog", WHOLE, {}))
    assert np.array_equal(drawn(recorder, over_all), plain)
    nothing_else = divided(job("a frog", **QUICK), tmp_path, ("a frog", left_half(), {"weight": 0.6}))
    assert np.abs(drawn(recorder, nothing_else).astype(int) - plain).max() <= 1


@pytest.mark.parametrize("fields", [{"cfg_scale": 1.0}, {"pag_scale": 2.0}, {"guidance_to": 0.5}, {"sampler": "DPM++ 2S a"}], ids=str)
def test_that_holds_whatever_guides_and_samples(tiny: StableDiffusion, tmp_path: Path, fields: dict[str, Any]) -> None:
    recorder, asked = recorder_of(tiny), QUICK | fields
    over_all = divided(job("a fox", **asked), tmp_path, ("a [frog:cat:0.5] AND a heart :0.5", WHOLE, {}))
    assert np.array_equal(drawn(recorder, over_all), drawn(recorder, job("a [frog:cat:0.5] AND a heart :0.5", **asked)))


def test_each_setting_of_a_region_matters_and_nothing_stays_behind(tiny: StableDiffusion, tmp_path: Path) -> None:
    hooks = Watching()
    recorder = recorder_of(tiny, hooks)

    def guess(*regions: tuple[str, Image.Image, dict[str, Any]]) -> bytes:
        recorder.run(divided(job("a fox", **QUICK), tmp_path, *regions))
        return hooks.guess.numpy().tobytes()

    plain = guess()
    ways: list[list[tuple[str, Image.Image, dict[str, Any]]]] = [
        [("a frog", left_half(), {})],
        [("a (frog:1.5)", left_half(), {})],
        [("a frog", RIGHT, {})],
        [("a frog", left_half(), {"weight": 0.5})],
        [("a frog", left_half(), {"start": 0.5})],
        [("a frog", left_half(), {"end": 0.5})],
        [("a frog", left_half(), {}), ("a cat", WHOLE, {"weight": 0.5})],
        [("a cat", WHOLE, {"weight": 0.5}), ("a frog", left_half(), {})],
    ]
    assert len({plain, *(guess(*way) for way in ways)}) == len(ways) + 1
    assert guess() == plain
    joined = []
    for share in (0.0, 0.5, 1.0):
        recorder.run(divided(job("a fox", **QUICK, regions_apart=share), tmp_path, *ways[0]))
        joined.append(hooks.guess.numpy().tobytes())
    assert len(set(joined)) == 3


def test_the_hires_pass_has_the_masks_at_its_own_size(tiny: StableDiffusion, tmp_path: Path) -> None:
    hooks = Watching()
    asked: dict[str, Any] = QUICK | {"hires": True, "hires_scale": 1.5}
    recorder_of(tiny, hooks).run(divided(job("a fox", **asked), tmp_path, ("a frog", left_half(), {})))
    assert [layout.cover[0, 0, 0, 0].tolist() for layout in hooks.layouts if layout] == [[1.0] * 4 + [0.0] * 4, [1.0] * 6 + [0.0] * 6]


def test_a_batch_is_each_picture_by_itself(tiny: StableDiffusion, tmp_path: Path) -> None:
    together = divided(job("a fox", **QUICK, batch_count=2), tmp_path, ("a frog", left_half(), {}))
    recorder = recorder_of(tiny)
    alone = [recorder.run(dataclasses.replace(together, request=together.request.alone(index), images=(0,))) for index in range(2)]
    assert list(digests(recorder.run(together)).values()) == [digests(events)[0] for events in alone]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd2", "sdxl", "sd3", "flux"])
def test_every_family_knows_regions(device: Device, tmp_path: Path, family: str) -> None:
    made = getattr(tiny_checkpoints, family)()
    path = made.save(tmp_path / "checkpoints" / "tiny.safetensors")
    if family == "flux":
        tiny_checkpoints.save_parts_of_flux(made, tmp_path)
    recorder = Recorder(Engine(device, checkpoints=ModelManager(device, lambda path: open_checkpoint(path, [tmp_path]))))
    asked: dict[str, Any] = {**QUICK, "path": path, "cfg_scale": 1.0 if family == "flux" else 3.0}
    plain = drawn(recorder, job("a frog", **asked))
    assert np.array_equal(drawn(recorder, divided(job("a fox", **asked), tmp_path, ("a frog", WHOLE, {}))), plain)
    half = drawn(recorder, divided(job("a fox", **asked), tmp_path, ("a frog", left_half(), {})))
    assert not np.array_equal(half, plain) and not np.array_equal(half, drawn(recorder, job("a fox", **asked)))


# over a picture that is drawn on


def test_regions_lie_over_the_picture_that_drawing_starts_from(tmp_path: Path) -> None:
    """They are stretched over it and go with it, whichever way it comes to the size that is drawn."""
    mask = left_half(96, 32)
    plain = job_on_picture(tmp_path, colourful(96, 32), resize_mode="Resize and fill")
    spec = divided(plain, tmp_path, ("a frog", mask.resize((48, 48)), {}))
    (laid,) = read_region_masks(spec, read_start(spec))
    assert np.array_equal(np.asarray(laid) > 127, np.asarray(filled(mask, (64, 64))) > 127)


def test_with_only_masked_regions_are_cut_out_as_the_picture_is(tmp_path: Path) -> None:
    corner = Image.new("L", (96, 96), 0)
    corner.paste(255, (60, 8, 90, 30))
    asked = {"inpaint_area": "Only masked", "masked_padding": 8}
    plain, right = job_on_picture(tmp_path, colourful(96, 96), corner, **asked), ImageOps.mirror(left_half(96, 96))
    spec = divided(plain, tmp_path, ("a frog", right, {}))
    (laid,) = read_region_masks(spec, read_start(spec))
    area = bounds(blurred(corner, 4.0))
    assert area is not None
    cut = CutOut(box_around(area, 8, (64, 64), (96, 96)), (64, 64))
    assert np.array_equal(np.asarray(laid), np.asarray(cut.taken(right)))


def test_a_region_outside_of_what_is_drawn_is_told_and_left_out(tiny: StableDiffusion, tmp_path: Path) -> None:
    corner = Image.new("L", (256, 64), 0)
    corner.paste(255, (230, 20, 250, 40))
    asked = {"inpaint_area": "Only masked", "masked_padding": 0}
    plain = job_on_picture(tmp_path, colourful(256, 64), corner, **asked)
    recorder = recorder_of(tiny)
    events = recorder.run(divided(plain, tmp_path, ("a frog", left_half(256, 64), {})))
    assert [event.text for event in events if isinstance(event, Note)] == ["Region 1 lies outside of what is drawn, so it was left out."]
    assert digests(events) == digests(recorder.run(plain))


# on the shipped checkpoint


def colour_of(part: NDArray[np.uint8]) -> str:
    median = np.median(part.reshape(-1, 3), axis=0)
    return min(COLOURS, key=lambda name: float(np.linalg.norm(median - np.array(COLOURS[name]))))


def edges(picture: NDArray[np.uint8], border: int = 6) -> tuple[str, str]:
    """The named colours nearest to the left and the right edge, away from the seam."""
    height, width, _ = picture.shape
    rim = np.ones((height, width), bool)
    rim[border:-border, border:-border] = False
    rim[:, width // 2 - 16 : width // 2 + 16] = False
    return colour_of(picture[:, : width // 2][rim[:, : width // 2]]), colour_of(picture[:, width // 2 :][rim[:, width // 2 :]])


Run = Callable[[JobSpec], list[WorkerEvent]]


def halves_right(run: Run, folder: Path, things: Sequence[str], colours: Sequence[str], steps: int) -> float:
    """Two regions, left and right: the share of the halves that have the colour named for them."""
    left, wrong = left_half(128, 128), []
    pairs = [(thing, one, other) for thing in things for one in colours for other in colours if one != other]
    for seed, (thing, one, other) in enumerate(pairs):
        halves = [(f"{thing} on a {colour} background", mask, {}) for colour, mask in ((one, left), (other, ImageOps.mirror(left)))]
        events = run(divided(job(thing, steps=steps, seed=seed, regions_apart=0.8), folder, *halves))
        (picture,) = [pixels(event) for event in events if isinstance(event, Picture)]
        wrong += [f"{thing}, {asked}: {seen}" for asked, seen in zip((one, other), edges(picture), strict=True) if asked != seen]
    print(f"{2 * len(pairs) - len(wrong)} of {2 * len(pairs)} halves have the colour named; wrong: {wrong or 'none'}")
    return 1 - len(wrong) / (2 * len(pairs))


def test_two_regions_put_each_colour_in_its_half(run: Run, tmp_path: Path) -> None:
    assert halves_right(run, tmp_path, ["a red apple"], ["blue", "yellow"], steps=10) == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_regions_put_each_colour_in_its_half_over_many(run: Run, tmp_path: Path) -> None:
    colours = ["blue", "yellow", "pink", "green"]
    assert halves_right(run, tmp_path, ["a red apple", "a cat face", "a guitar"], colours, steps=15) >= 0.9


def test_the_plain_prompt_knows_no_halves(run: Run) -> None:
    """What the test above holds isn't so by itself: one prompt that names both colours doesn't put each in its half."""
    words = "a red apple on a blue background on the left and on a yellow background on the right"
    seen = []
    for seed in range(2):
        (picture,) = [pixels(event) for event in run(job(words, steps=10, seed=seed)) if isinstance(event, Picture)]
        seen.append(edges(picture))
    assert seen != [("blue", "yellow")] * 2

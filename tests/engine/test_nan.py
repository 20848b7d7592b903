"""Numbers that are no picture: found early, told apart, mended in full precision where half was at fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from webui.engine.context import DenoiseContext
from webui.engine.control import JobControl
from webui.engine.denoise import CHECK_EVERY
from webui.engine.device import Device
from webui.engine.families.sd import StableDiffusion
from webui.engine.hooks import NoHooks
from webui.engine.precision import HALF, ModelProducedNan, in_float32, of_one_colour, require_finite
from webui.engine.preview import LatentPreview
from webui.generation.events import Note, Picture, Skipped, Step, WorkerEvent

from .drawing import digests, job, kinds, pixels
from .tiny import copy_of, recorder_of, same_bits, tiny_family, weights_of

NAN = float("nan")
SMALL = {"width": 64, "height": 64, "steps": 2}


@pytest.fixture(scope="module")
def family(device: Device) -> StableDiffusion:
    return tiny_family(device)


@pytest.fixture(autouse=True)
def plain_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting one to each copy of the checkpoint would take most of the time."""
    monkeypatch.setattr("webui.engine.families.latent_model.preview_for", lambda vae: LatentPreview(torch.zeros(4, 3), torch.zeros(3)))


@pytest.fixture
def half(family: StableDiffusion) -> StableDiffusion:
    return copy_of(family, "float16")


def overflow_in_half(part: torch.nn.Conv2d) -> None:
    """Weights that half can hold, with sums that it can't."""
    part.weight.data *= 60000 / float(part.weight.abs().max())


def notes(events: list[WorkerEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def pictures(events: list[WorkerEvent]) -> list[Picture]:
    return [event for event in events if isinstance(event, Picture)]


class NanAt(NoHooks):
    """Breaks the guess at one step, in the pictures and dtypes asked for."""

    def __init__(self, step: int, *, image: int = 0, dtypes: tuple[torch.dtype, ...] = (*HALF, torch.float32)) -> None:
        self.step, self.image, self.dtypes = step, image, dtypes

    def denoise_step(self, context: DenoiseContext) -> None:
        if (
            context.step == self.step
            and self.image in context.images
            and context.positive[0].conditioning.entries[0].tokens.dtype in self.dtypes
        ):
            context.denoised[context.images.index(self.image), 0, 0, 0] = NAN


# in full precision: fail early and clearly


@pytest.mark.parametrize("step", [0, 1, CHECK_EVERY, 2 * CHECK_EVERY + 1])
def test_a_nan_ends_the_job_at_the_next_look(device: Device, family: StableDiffusion, step: int) -> None:
    hooks = NanAt(step)
    recorder = recorder_of(family, hooks)
    events: list[WorkerEvent] = []
    with pytest.raises(ModelProducedNan) as failure:
        recorder.run(job(width=64, height=64, steps=14), lambda control, event: events.append(event))
    assert failure.value.as_dict()["code"] == "model_produced_nan"
    assert "denoiser" in failure.value.message
    assert "download" in failure.value.hint
    told = [event.step for event in events if isinstance(event, Step)]
    looks = (*range(0, 14, CHECK_EVERY), 14)
    assert len(told) == next(look for look in looks if look >= step)
    assert not pictures(events)
    hooks.step = -1
    assert digests(recorder.run(job(**SMALL))) == digests(recorder_of(family).run(job(**SMALL)))


@pytest.mark.parametrize(
    ("part", "weight"),
    [
        ("text encoder", lambda family: family.text.text_encoder.final_layer_norm.weight),
        ("denoiser", lambda family: family.unet.conv_in.bias),
        ("VAE", lambda family: family.vae.decoder.conv_in.bias),
    ],
    ids=["text encoder", "denoiser", "VAE"],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_damaged_weights_are_named_and_nothing_of_them_stays(
    family: StableDiffusion, dtype: str, part: str, weight: Callable[[StableDiffusion], torch.nn.Parameter]
) -> None:
    damaged = copy_of(family, dtype)
    recorder = recorder_of(damaged)
    sound = weight(damaged).data.clone()
    weight(damaged).data[0] = NAN
    events: list[WorkerEvent] = []
    with pytest.raises(ModelProducedNan, match=part) as failure:
        recorder.run(job(**SMALL), lambda control, event: events.append(event))
    assert failure.value.part == part
    assert kinds(events).count("step") == (part == "VAE")
    weight(damaged).data = sound
    after = recorder.run(job(**SMALL))
    assert digests(after) == digests(recorder_of(copy_of(family, dtype)).run(job(**SMALL)))
    assert pictures(after)[0].facts["dtype"] == dtype


# half precision: once more in full


def test_an_overflow_in_half_is_drawn_again_in_full_from_its_seed(half: StableDiffusion) -> None:
    overflow_in_half(half.unet.conv_in)
    before = weights_of(half)
    events = recorder_of(half).run(job(batch_count=2, sampler="Euler a", **SMALL))
    assert kinds(events) == ["stage", "note", "step", "picture", "step", "picture", "done"], "the first look is at the first step"
    assert notes(events) == ["Drawn again in full precision, because the denoiser produced NaN in float16."]
    assert same_bits(weights_of(half), before)
    for picture in pictures(events):
        assert picture.facts["dtype"] == "float32"
        assert picture.facts["retried"] == "the denoiser produced NaN in float16"
    exact = recorder_of(copy_of(half, "float32")).run(job(batch_count=2, sampler="Euler a", **SMALL))
    assert digests(events) == digests(exact)


def test_bfloat16_too(family: StableDiffusion) -> None:
    events = recorder_of(copy_of(family, "bfloat16"), NanAt(0, dtypes=HALF)).run(job(width=64, height=64, steps=1))
    assert kinds(events) == ["stage", "note", "step", "picture", "done"]
    assert pictures(events)[0].facts["dtype"] == "float32"


def test_a_text_encoder_that_overflows_in_half(half: StableDiffusion, family: StableDiffusion) -> None:
    encoder = half.text.text_encoder

    def overflow(module: torch.nn.Module, given: object, made: torch.Tensor) -> torch.Tensor:
        return made * (NAN if made.dtype in HALF else 1)

    encoder.final_layer_norm.register_forward_hook(overflow)
    events = recorder_of(half).run(job(**SMALL))
    assert notes(events) == ["Drawn again in full precision, because the text encoder produced NaN in float16."]
    assert digests(events) == digests(recorder_of(copy_of(half, "float32")).run(job(**SMALL)))


def test_a_vae_that_overflows_in_half_decodes_once_more_in_full(half: StableDiffusion) -> None:
    overflow_in_half(half.vae.decoder.conv_in)
    before = weights_of(half)
    events = recorder_of(half).run(job(**SMALL))
    assert kinds(events) == ["stage", "step", "picture", "done"]
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2], "the latents were sound"
    (picture,) = pictures(events)
    assert picture.facts["dtype"] == "float16"
    assert picture.facts["vae_dtype"] == "float32"
    assert picture.facts["retried"] == "the VAE produced NaN in float16"
    assert same_bits(weights_of(half), before)


def test_among_pictures_drawn_together_only_the_broken_one_is_drawn_in_full(family: StableDiffusion) -> None:
    batching = copy_of(family, "float16", batches=True)
    spec = job(batch_size=2, **SMALL)
    events = recorder_of(batching, NanAt(1, image=1, dtypes=HALF)).run(spec)
    assert {picture.image: picture.facts["dtype"] for picture in pictures(events)} == {0: "float16", 1: "float32"}
    alone = digests(recorder_of(copy_of(family, "float16")).run(spec))
    assert digests(events)[0] == alone[0]


def test_skip_in_the_second_attempt(half: StableDiffusion) -> None:
    overflow_in_half(half.unet.conv_in)
    before = weights_of(half)

    def press(control: JobControl, event: WorkerEvent) -> None:
        if isinstance(event, Step) and event.image == 0:
            control.skip()

    events = recorder_of(half).run(job(batch_count=2, **SMALL), press)
    assert [event.image for event in events if isinstance(event, Skipped)] == [0]
    assert [picture.image for picture in pictures(events)] == [1]
    assert same_bits(weights_of(half), before)


# pictures of one colour


def blacken(family: StableDiffusion) -> StableDiffusion:
    family.vae.decoder.conv_out.weight.data.zero_()
    family.vae.decoder.conv_out.bias.data.fill_(-1)
    return family


def test_one_colour_in_full_precision_is_kept_and_said_once(family: StableDiffusion) -> None:
    events = recorder_of(blacken(copy_of(family, "float32"))).run(job(batch_count=2, **SMALL))
    assert [pixels(picture).max() for picture in pictures(events)] == [0, 0]
    (note,) = notes(events)
    assert "of one colour" in note
    assert "retried" not in pictures(events)[0].facts


def test_one_colour_in_half_is_decoded_then_drawn_again_then_kept(half: StableDiffusion) -> None:
    events = recorder_of(blacken(half)).run(job(**SMALL))
    assert kinds(events) == ["stage", "step", "note", "step", "note", "picture", "done"]
    assert "in full precision too" in notes(events)[1]
    assert pictures(events)[0].facts["retried"] == "it was of one colour in float16"
    assert pictures(events)[0].facts["dtype"] == "float32"


def test_a_vae_that_turns_black_in_half_only(half: StableDiffusion) -> None:
    def turn_black(module: torch.nn.Module, given: object, made: torch.Tensor) -> torch.Tensor:
        return torch.full_like(made, -1) if made.dtype in HALF else made

    half.vae.decoder.register_forward_hook(turn_black)
    events = recorder_of(half).run(job(**SMALL))
    assert kinds(events) == ["stage", "step", "picture", "done"]
    assert not notes(events)
    assert pictures(events)[0].facts["vae_dtype"] == "float32"


def test_skipped_and_interrupted_pictures_raise_no_alarm(half: StableDiffusion) -> None:
    for button in (JobControl.skip, JobControl.interrupt):

        def press(control: JobControl, event: WorkerEvent, button: Callable[[JobControl], None] = button) -> None:
            if isinstance(event, Step) and event.step == 2:
                button(control)

        assert not notes(recorder_of(blacken(half)).run(job(**SMALL), press))


# the parts


def test_of_one_colour() -> None:
    plain = torch.full((1, 40, 70, 3), 100, dtype=torch.uint8)
    plain[0, 3, 5] = 102
    assert of_one_colour(plain)
    spotted = plain.clone()
    spotted[0, 3, 5, 1] = 103
    assert not of_one_colour(spotted)
    assert of_one_colour(torch.cat([spotted, plain]))
    tinted = torch.tensor([255, 0, 40], dtype=torch.uint8).expand(1, 8, 8, 3)
    assert of_one_colour(tinted), "channels may differ"


@pytest.mark.parametrize("bad", [NAN, float("inf"), -float("inf")])
def test_one_bad_number_among_many(bad: float) -> None:
    numbers = torch.full((2, 4, 64, 64), 60000.0, dtype=torch.float16)
    require_finite(numbers, "denoiser")
    numbers[1, 2, 3, 4] = bad
    with pytest.raises(ModelProducedNan):
        require_finite(numbers, "denoiser")


def test_full_precision_is_undone_exactly_whatever_happens() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(64, 64).half(), torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8).bfloat16())
    # All half numbers there are, the smallest and the infinite ones among them; NaN is equal to nothing, so its bits are compared.
    module[0].weight.data = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(torch.float16).reshape(256, 256)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(RuntimeError, match="in the block"), in_float32(module):
        assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32, torch.int64}
        raise RuntimeError("in the block")
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == before[name].dtype
        known = ~before[name].isnan()
        assert torch.equal(tensor[known], before[name][known])
        assert torch.equal(tensor.isnan(), before[name].isnan())

"""The runs of the denoiser that a picture takes, each as if it were a picture of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from webui.generation.img2img_steps import PartialSteps, partial_steps
from webui.generation.prompt.reading import count_parts
from webui.generation.prompt.schedules import Steps
from webui.generation.request import (
    MAX_SEED,
    MULTI_DIFFUSION,
    SAME_CHECKPOINT,
    SAME_SAMPLER,
    SAME_SCHEDULE,
    SD_UPSCALE,
    Img2Img,
    Inpaint,
    PictureFromPicture,
    PictureRequest,
    ResolvedTxt2Img,
    Txt2Img,
)
from webui.generation.samplers import find_sampler
from webui.pictures.boxes import Box
from webui.pictures.outpainting import Window

AnyRequest = TypeVar("AnyRequest", bound=PictureRequest)
AnyTxt2Img = TypeVar("AnyTxt2Img", bound=Txt2Img)


@dataclass(frozen=True)
class Pass(Generic[AnyRequest]):
    """One run of the denoiser over a picture.

    request: with this run's own size, words, steps, sampler and checkpoint. steps: those that are taken of a schedule.
    prompt_steps: how the schedules of its prompts count. hires: whether it goes on from the enlarged picture of another pass.
    refined: whether the refiner takes over in it. window: the part of a picture that grows which it draws. tile: the part of one that is
    drawn tile by tile.
    """

    request: AnyRequest
    steps: PartialSteps
    prompt_steps: Steps
    hires: bool = False
    refined: bool = False
    window: Window | None = None
    tile: Box | None = None

    @property
    def shown(self) -> tuple[Box, ...]:
        """What the denoiser is shown of the picture in each call, one after the other: all of it, or overlapping tiles."""
        request = self.request
        if isinstance(request, Img2Img) and request.tiled_drawing == MULTI_DIFFUSION:
            return request.in_tiles
        return (Box(0, 0, request.width, request.height),)

    @property
    def pixels(self) -> int:
        """How many pixels it is shown in each call, those of overlaps as often as they are."""
        return sum(box.size[0] * box.size[1] for box in self.shown)

    @property
    def calls(self) -> int:
        """How often the denoiser is asked in all its steps."""
        return self.steps.taken * find_sampler(self.request.sampler).calls

    @property
    def prompts(self) -> tuple[int, ...]:
        """How many prompts the denoiser is asked for in each step, at most; of several pictures, for each of them."""
        request, steps = self.request, self.steps.taken
        ground, guided = count_parts(request.prompt), request.guidance_scale != 1
        of_regions = [(region, count_parts(region.prompt)) for region in request.regions]

        def asked(step: int) -> int:
            there = [parts for region, parts in of_regions if region.counts(step, steps)]
            # Apart, the negative prompt is asked for each of them.
            pictures = 1 + len(there) if step < request.regions_apart * steps else 1
            return ground + sum(there) + guided * pictures

        return tuple(map(asked, range(steps)))


def passes_of(request: AnyRequest) -> tuple[Pass[AnyRequest], ...]:
    """The first pass, and the hires pass where one is asked for.

    Or what is masked, and then each window of a picture that is extended; or each tile of one that is drawn tile by tile.
    """
    refiner = request.other_refiner is not None
    if isinstance(request, Inpaint) and any(request.extends):
        return tuple(_extending(request, first_steps(request), _prompt_steps(request), refined=refiner))
    if isinstance(request, Img2Img) and request.tiled_drawing == SD_UPSCALE:
        return tuple(_tile_by_tile(request, first_steps(request), _prompt_steps(request), refined=refiner))
    if not isinstance(request, Txt2Img) or not request.hires:
        return (Pass(request, first_steps(request), _prompt_steps(request), refined=refiner),)
    refined = refiner and request.hires_refiner != "second pass"
    first = Pass(request, first_steps(request), _prompt_steps(request), refined=refined)
    hires = hires_request(request)
    steps = _steps_on_picture(hires.steps, request.denoising_strength, exactly=True)
    # By the old rule the first pass's timeline is gone through once more.
    prompt_steps = first.prompt_steps if request.old_prompt_editing else _prompt_steps(hires, before=first.prompt_steps.count)
    return first, Pass(hires, steps, prompt_steps, hires=True, refined=refiner and request.hires_refiner != "first pass")


_SEEDS_APART = 1_000_003
"""From one window or tile to the next, so that no two of a picture have the same noise, nor one of a picture with a seed nearby."""


def _extending(request: Any, steps: PartialSteps, prompt_steps: Steps, *, refined: bool) -> Iterator[Pass[Any]]:
    windows = [*([None] if request.mask else []), *request.windows]
    for number, window in enumerate(windows):
        own = request.model_copy(update=_seeds_apart(request, number)) if number else request
        yield Pass(own, steps, prompt_steps, refined=refined, window=window)


def _tile_by_tile(request: Any, steps: PartialSteps, prompt_steps: Steps, *, refined: bool) -> Iterator[Pass[Any]]:
    for number, tile in enumerate(request.in_tiles):
        width, height = tile.size
        own = request.model_copy(update={**_seeds_apart(request, number), "width": width, "height": height})
        yield Pass(own, steps, prompt_steps, refined=refined, tile=tile)


def _seeds_apart(request: Any, number: int) -> dict[str, int]:
    return {name: (getattr(request, name) + number * _SEEDS_APART) % (MAX_SEED + 1) for name in ("seed", "variation_seed")}


def first_steps(request: PictureRequest) -> PartialSteps:
    """The steps of the first pass: all of the schedule, or its last ones where it starts from a picture."""
    if isinstance(request, PictureFromPicture):
        return _steps_on_picture(request.steps, request.denoising_strength, exactly=request.exact_steps)
    return PartialSteps(request.steps, request.steps)


def _steps_on_picture(steps: int, denoising_strength: float, *, exactly: bool) -> PartialSteps:
    # AUTOMATIC1111 takes one step at 0, too, which changes a picture that was to stay as it is.
    return PartialSteps(steps, 0) if denoising_strength == 0 else partial_steps(steps, denoising_strength, exactly=exactly)


def _prompt_steps(request: PictureRequest, before: int | None = None) -> Steps:
    return Steps(request.steps * find_sampler(request.sampler).calls, before, old=request.old_prompt_editing)


def hires_request(request: AnyTxt2Img) -> AnyTxt2Img:
    """The hires pass of a request, as if it were asked for by itself: its size, words, steps, sampler and checkpoint are its own."""
    width, height = request.picture_size
    own: dict[str, Any] = {"width": width, "height": height, "steps": request.hires_steps or request.steps}
    for name, same in (("checkpoint", SAME_CHECKPOINT), ("sampler", SAME_SAMPLER), ("schedule_type", SAME_SCHEDULE)):
        value = getattr(request, f"hires_{name}")
        own |= {} if value == same else {name: value}
    for name in ("cfg_scale", "prompt", "negative_prompt"):
        value = getattr(request, f"hires_{name}")
        own |= {name: value} if value else {}
    if isinstance(request, ResolvedTxt2Img):
        own |= {"loras": request.hires_loras} if request.hires_prompt else {}
        own |= {"checkpoint_hash": request.hires_checkpoint_hash} if "checkpoint" in own else {}
    return request.model_copy(update=own | {"hires": False})

"""What is done to a picture at the end: each step of a chain by the function that stands for it in the table `STEPS`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image

from webui.engine.control import JobControl
from webui.engine.device import Device
from webui.engine.face_restoring import restored_face
from webui.engine.faces import MOST_FACES, find_faces, painted_faces
from webui.engine.loading.face_restorer import FaceRestorer
from webui.engine.loading.upscaler import UpscalerModel
from webui.engine.memory.manager import Checkpoints
from webui.engine.memory.streaming import uploaded
from webui.engine.offered import Enlarge
from webui.engine.subject import find_subject
from webui.engine.upscale import appetite_of, enlarge_with_less, plan_way
from webui.generation.enlarging import known_upscaler
from webui.generation.events import Finishing, Note, Picture, Stage, WorkerEvent
from webui.generation.finishing import (
    AUTO_LEVELS,
    COLOUR,
    PAINTED,
    TO_SOURCE,
    ColourStep,
    CutOutStep,
    FinishingStep,
    FormatStep,
    ResizeStep,
    RestoreFacesStep,
    Share,
    SharpenStep,
    UpscaleStep,
    kept,
    works,
)
from webui.generation.job import JobSpec
from webui.generation.request import ResolvedInpaint
from webui.pictures.boxes import Size
from webui.pictures.colours import with_colours_of
from webui.pictures.decoding import as_rgb, read_stored, read_upright
from webui.pictures.face_crops import FaceCrop
from webui.pictures.masking import as_mask, colours_everywhere
from webui.pictures.resizing import at_size
from webui.pictures.sharpening import sharpened
from webui.pictures.starting import WAYS
from webui.pictures.toning import in_light_of, levelled
from webui.pictures.transparency import cut_out, joined, laid_on, opaque
from webui.planning.tiles import Tiling


@dataclass(frozen=True)
class StepTools:
    """What a step has at hand. paths: its fields that name a model -> the file. upscaler: the model in such a file, by the name that
    it is asked for by; it is loaded where it isn't there. note: tells the user something. try_with_less: as in JobSpec.

    done: to be called after each of its parts with that part, 1-based, and how many there are; raises PictureSkipped or JobInterrupted
    where the picture should end. source: the picture (RGB) that the job started from; of one from words as it was before the chain.
    find_subject: where the subject of a picture (RGB) is, as mode L, by the model in that file; raises AdapterUnusable.
    appetites: what the tiles of upscalers follow from, to be told of by their names.
    enlarge: what an add-on's upscaler of that name does to a picture (RGB).
    face_restorer: as `upscaler`, where it computes for the block. painted: what of a picture of that size the user has painted over
    (mode L). faces: how many were restored, to be told.
    """

    paths: Mapping[str, str]
    device: Device
    upscaler: Callable[[str, str], UpscalerModel]
    note: Callable[[str], None]
    try_with_less: bool
    done: Callable[[int, int], None]
    source: Callable[[], Image.Image]
    find_subject: Callable[[Image.Image, str], Image.Image]
    appetites: dict[str, dict[str, int]]
    enlarge: Callable[[str], Enlarge]
    face_restorer: Callable[[str, str], AbstractContextManager[FaceRestorer]]
    painted: Callable[[Size], Image.Image]
    faces: list[int]


Step = Callable[[Image.Image, Any, StepTools], Image.Image]
"""From a picture (RGB, or RGBA where it is transparent somewhere) to the next one, by a step of the request."""


def upscale(picture: Image.Image, step: UpscaleStep, tools: StepTools) -> Image.Image:
    """The picture enlarged; by two upscalers, which are laid over each other, where the step says so."""
    by = step.upscaling(picture.size)
    models = {field: tools.upscaler(getattr(step, field), path) for field, path in tools.paths.items()}
    tiling = Tiling(step.tile, step.overlap)
    ways = {field: plan_way(model, picture.size, by.cover, tiling, tools.device) for field, model in models.items()}
    tools.appetites.update({getattr(step, field): asdict(appetite_of(model, tools.device)) for field, model in models.items()})
    tiles, done = max(sum(way.tiles for way in ways.values()), 1), 0

    def tile_done() -> None:
        nonlocal done
        done = min(done + 1, tiles)  # those that are made again in smaller ones count for no more
        tools.done(done, tiles)

    def enlarged(field: str) -> Image.Image:
        if field not in ways:
            known = known_upscaler(getattr(step, field))
            assert known is not None and not known.latent, "all others are models"
            if known.offered:
                colours, alpha = opaque(picture)
                enlarge = tools.enlarge(known.label)
                return joined(enlarge(colours, by.cover), None if alpha is None else alpha.resize(by.cover, Image.Resampling.LANCZOS))
            # Pillow weighs colours by their alpha, so that nothing shines through from where a picture can't be seen.
            return picture.resize(by.cover, Image.Resampling[known.mode])
        return enlarge_with_less(ways[field], picture, tools.device, tile_done, tools.note, allowed=tools.try_with_less)

    made = enlarged("upscaler").crop(by.box)
    if step.blended:
        made = Image.blend(made, enlarged("upscaler_2").crop(by.box), step.upscaler_2_visibility)
    if not ways:
        tools.done(1, 1)
    return made


def at_once(change: Callable[[Image.Image, Any, StepTools], Image.Image]) -> Step:
    """A step that has one part."""

    def step(picture: Image.Image, asked: Any, tools: StepTools) -> Image.Image:
        made = change(picture, asked, tools)
        tools.done(1, 1)
        return made

    return step


def sharpen(picture: Image.Image, step: SharpenStep, tools: StepTools) -> Image.Image:
    """The picture with its edges standing out."""
    return sharpened(picture, step.amount, step.radius)


def correct_colours(picture: Image.Image, step: ColourStep, tools: StepTools) -> Image.Image:
    """The picture in other colours, as far as the step's strength goes."""
    if step.way == TO_SOURCE:
        colours, alpha = opaque(picture)
        made = joined(with_colours_of(colours, tools.source()), alpha)
    else:
        made = levelled(picture, step.cutoff) if step.way == AUTO_LEVELS else in_light_of(picture, step.temperature)
    return made if step.strength == 1 else Image.blend(picture, made, step.strength)


def take_background_away(picture: Image.Image, step: CutOutStep, tools: StepTools) -> Image.Image:
    """The subject alone; on a colour, where the step says so."""
    made = cut_out(picture, tools.find_subject(opaque(picture)[0], tools.paths["model"]))
    return laid_on(made, step.colour) if step.ground == COLOUR else made


def restore_faces(picture: Image.Image, step: RestoreFacesStep, tools: StepTools) -> Image.Image:
    """The picture with its faces drawn anew; the very same one where none is found, or nothing of it would be seen."""
    colours = colours_everywhere(picture)
    faces = painted_faces(colours, tools.painted(picture.size)) if step.faces == PAINTED else find_faces(colours)
    tools.faces.append(len(faces))
    if not faces:
        tools.note("No face was found, so the picture is as it was.")
    if len(faces) == MOST_FACES:
        tools.note(f"At most {MOST_FACES} faces of a picture are restored: the largest ones.")
    if not faces or step.visibility == 0:
        tools.done(1, 1)
        return picture
    made = picture.copy()
    with tools.face_restorer(step.restorer, tools.paths["restorer"]) as restorer:
        for number, face in enumerate(faces):
            crop = FaceCrop.around(face)
            crop.laid_back(restored_face(crop.taken(colours), restorer, step.weight), made, step.visibility)
            tools.done(number + 1, len(faces))
    return made


def resize(picture: Image.Image, step: ResizeStep, tools: StepTools) -> Image.Image:
    """The picture at another size."""
    return at_size(picture, step.way, (step.width, step.height), step.long_side, step.filter)


def as_it_is(picture: Image.Image, step: FormatStep, tools: StepTools) -> Image.Image:
    """The same picture: as what it is saved is the web process's business."""
    return picture


STEPS: Mapping[type[FinishingStep], Step] = MappingProxyType(
    {
        UpscaleStep: upscale,
        RestoreFacesStep: restore_faces,
        SharpenStep: at_once(sharpen),
        ColourStep: at_once(correct_colours),
        CutOutStep: at_once(take_background_away),
        ResizeStep: at_once(resize),
        FormatStep: at_once(as_it_is),
    }
)
"""Every step of `webui.generation.finishing`, and what does it."""


@dataclass(frozen=True)
class Finisher:
    """Carries out the chain of a job on its pictures. enlarge: as in StepTools."""

    job: JobSpec
    control: JobControl
    emit: Callable[[WorkerEvent], None]
    checkpoints: Checkpoints
    device: Device
    enlarge: Callable[[str], Enlarge]

    def finish(self, image: int, picture: Image.Image) -> tuple[Image.Image, dict[str, Any]]:
        """The picture after every step, and what was measured; image: its number in the job.

        Raises PictureSkipped or JobInterrupted after the part of a step in which a button was pressed.
        """
        chain = self.job.request.finishing
        if not chain:
            return picture, {}
        started = time.perf_counter()
        work, begun = works(chain, picture.size), picture
        appetites: dict[str, dict[str, int]] = {}
        faces: list[int] = []
        for number, step in enumerate(chain):
            self.control.check()
            tools = StepTools(
                self.job.finishing[number],
                self.device,
                self._upscaler,
                lambda text: self.emit(Note(text)),
                self.job.try_with_less,
                self._progress(image, step, sum(work[:number]), work[number], sum(work)),
                lambda: self._source(begun),
                self._find_subject,
                appetites,
                self.enlarge,
                self._face_restorer,
                functools.partial(self._painted, kept(chain[:number], begun.size)),
                faces,
            )
            picture = STEPS[type(step)](picture, step, tools)
        facts: dict[str, Any] = {"finish": time.perf_counter() - started, "finishing_work": sum(work)}
        facts |= {"tile_appetites": appetites} if appetites else {}
        return picture, facts | ({"faces": sum(faces)} if faces else {})

    def _upscaler(self, name: str, path: str) -> UpscalerModel:
        return self.checkpoints.get_upscaler(Path(path), lambda: self.emit(Stage(f"Loading {name}")))

    @contextmanager
    def _face_restorer(self, name: str, path: str) -> Iterator[FaceRestorer]:
        restorer = self.checkpoints.get_face_restorer(Path(path), lambda: self.emit(Stage(f"Loading {name}")))
        with uploaded(restorer.module, lambda weight: weight.to(self.device.torch_device)):
            yield restorer

    def _painted(self, share: Share, size: Size) -> Image.Image:
        """share: which part of the picture is still seen, in the size that it has now."""
        request = self.job.request
        assert isinstance(request, ResolvedInpaint), "others are refused"
        mask = as_mask(read_upright(Path(self.job.image_paths[request.mask]), request.mask))
        if any(request.extends):
            grown = Image.new("L", request.extends.added_to(mask.size))
            grown.paste(mask, (request.extends.left, request.extends.top))
            mask = grown
        elif not request.only_masked:
            mask = WAYS[request.resize_mode](mask, (request.width, request.height))
        left, top, right, bottom = (round(part * side) for part, side in zip(share, mask.size * 2, strict=True))
        return mask.crop((left, top, right, bottom)).resize(size, Image.Resampling.BILINEAR)

    def _source(self, begun: Image.Image) -> Image.Image:
        digest = getattr(self.job.request, "init_image", "")
        return read_stored(Path(self.job.image_paths[digest]), digest) if digest else as_rgb(begun)

    def _find_subject(self, picture: Image.Image, path: str) -> Image.Image:
        name = Path(path).stem
        network = self.checkpoints.get_cut_out(Path(path), lambda: self.emit(Stage(f"Loading {name}")))
        with uploaded(network, lambda weight: weight.to(self.device.torch_device)):
            return find_subject(picture, network)

    def _progress(self, image: int, step: FinishingStep, before: float, own: float, whole: float) -> Callable[[int, int], None]:
        def done(part: int, parts: int) -> None:
            words = f"{step.doing}: {step.part} {part} of {parts}" if parts > 1 else step.doing
            self.emit(Finishing(image, words, part, parts, (before + own * part / parts) / whole))
            self.control.check()

        return done


def picture_event(image: int, picture: Image.Image, facts: dict[str, Any]) -> Picture:
    """A finished picture as the worker tells of it."""
    mode: Literal["RGB", "RGBA"] = "RGBA" if picture.mode == "RGBA" else "RGB"
    return Picture(image, picture.width, picture.height, picture.convert(mode).tobytes(), facts, mode)

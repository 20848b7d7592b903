"""What is done to a picture when it is drawn, or to any other picture: the steps of a finishing chain, one after the other.

Each step is declared here once, as the parameters of a request are; what it does stands in `webui.engine.finishing`.
In infotexts a step has AUTOMATIC1111's keys, `Postprocess upscale by: 4, Postprocess upscaler: Lanczos`, `Face restoration: GFPGAN`; the
second one of its kind has a number in them, `Postprocess 2 upscale by: 2`, `Postprocess 2 Face restoration: GFPGAN`, and so on. The order
of their keys is the order of the steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, Discriminator, Tag, ValidationInfo, field_validator

from webui.errors import InvalidRequest
from webui.generation.enlarging import LANCZOS, NO_UPSCALER, PIXEL_UPSCALER_LABELS, known_upscaler, upscaler_label
from webui.generation.parameter import Declared, parameter, storable
from webui.pictures.boxes import Size
from webui.pictures.resizing import COVER, FIT, LONG_SIDE, STRETCH, ResizeFilter, ResizeWay, covered
from webui.pictures.resizing import size_after as resized_size
from webui.pictures.toning import COOLEST_KELVIN, NEUTRAL_KELVIN, WARMEST_KELVIN
from webui.pictures.upscaling import Upscaling, upscaling

Share = tuple[float, float, float, float]
"""Part of a picture: left, top, right and bottom as shares of its width and height."""

WHOLE: Share = (0.0, 0.0, 1.0, 1.0)
MOST_STEPS = 16
LONGEST_SIDE = 16_384
"""Of a finished picture, in pixels."""

MOST_PIXELS = 100_000_000
"""Of a finished picture: what one message from a worker has room for."""

ColourWay = Literal["To source", "Auto levels", "Temperature"]
TO_SOURCE, AUTO_LEVELS, TEMPERATURE = get_args(ColourWay)

Ground = Literal["Transparent", "Colour"]
TRANSPARENT, COLOUR = get_args(Ground)

FacesFrom = Literal["Found", "Painted"]
FOUND, PAINTED = get_args(FacesFrom)
CODEFORMER, GFPGAN = "CodeFormer", "GFPGAN"
"""Architectures of face restorers that AUTOMATIC1111 knows, by its names for them."""

FileFormat = Literal["PNG", "JPEG", "WebP", "AVIF"]

HEX = r"^#[0-9a-fA-F]{6}$"
"""Of a colour."""


class FinishingStep(Declared):
    """What every step has. Its `step` says which one it is. told: fields whose infotext keys are always written.

    begins: what its infotext keys begin with, where it is the first of its kind. part: what it is done with one by one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    told: ClassVar[tuple[str, ...]] = ()
    begins: ClassVar[str] = "Postprocess "
    part: ClassVar[str] = "tile"

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Field -> what its infotext key is called, without "Postprocess" and number."""
        extras = {name: info.json_schema_extra for name, info in cls.model_fields.items()}
        return {name: str(extra["infotext"]) for name, extra in extras.items() if isinstance(extra, dict) and "infotext" in extra}

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        raise NotImplementedError

    def size_after(self, size: Size) -> Size:
        """Width and height in pixels of what it makes of a picture of that size."""
        return size

    def largest(self, size: Size) -> Size:
        """The same of the largest picture on the way."""
        return self.size_after(size)

    def kept(self, size: Size) -> Share:
        """Which part of a picture of that size is still seen in what it makes."""
        return WHOLE

    def work(self, size: Size) -> float:
        """How much it has to do for a picture of that size: pixels that it makes."""
        width, height = self.size_after(size)
        return float(width * height)

    def models(self) -> dict[str, str]:
        """Field -> name, of the models that it works with; built-in ones left out."""
        return {}

    def counts(self, name: str) -> bool:
        """Whether a field says anything, as the others stand."""
        extra = type(self).model_fields[name].json_schema_extra
        conditions: Any = extra.get("only_for", {}) if isinstance(extra, dict) else {}
        return all(getattr(self, other) in values for other, values in conditions.items())

    def pairs(self) -> dict[str, str]:
        """Its infotext, without "Postprocess" and number in the keys: fields that aren't as usual, and those that are always told."""
        usual = type(self).model_fields
        return {
            key: _written(value)
            for name, key in self.keys().items()
            if self.counts(name) and ((value := getattr(self, name)) != usual[name].get_default() or name in self.told)
        }

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """All infotext keys by which readers know it, without "Postprocess" and number."""
        return tuple(cls.keys().values())

    @classmethod
    def read(cls, pairs: Mapping[str, str]) -> dict[str, Any]:
        """The fields that such pairs tell. Never raises; what it says may not be valid."""
        return {name: pairs[key] for name, key in cls.keys().items() if key in pairs}


def _hash_of(what: str) -> Any:
    words = f"First 10 hex digits of the SHA-256 of the {what}'s file; filled in when the job is taken."
    return parameter("", label=f"Hash of the {what}", help=words, max_length=64, filled_in=True)


class UpscaleStep(FinishingStep):
    """Enlarges a picture, by a factor or to a size."""

    told: ClassVar[tuple[str, ...]] = ("scale", "upscaler")

    step: Literal["upscale"]
    upscaler: str = parameter(
        LANCZOS,
        label="Upscaler",
        help="What enlarges: Lanczos, Bicubic, Nearest or a model.",
        infotext="upscaler",
        of_models="upscaler",
        min_length=1,
        max_length=500,
    )
    upscaler_2: str = parameter(
        NO_UPSCALER,
        label="Second upscaler",
        help="Enlarges the same picture once more; both results are laid over each other. None: there is none.",
        infotext="upscaler 2",
        of_models="upscaler",
        min_length=1,
        max_length=500,
    )
    upscaler_2_visibility: float = parameter(
        0.0,
        label="Visibility of the second",
        help="How much of the second upscaler's picture is seen: 0 none of it, 1 nothing else.",
        infotext="upscaler 2 visibility",
        step=0.01,
        ge=0,
        le=1,
    )
    scale: float = parameter(
        4.0,
        label="Enlarge by",
        help="How many times as wide and as high the picture becomes.",
        infotext="upscale by",
        unit="times",
        step=0.05,
        ge=0.05,
        le=8,
    )
    width: int = parameter(
        0,
        label="Width",
        help="Width to enlarge to instead. 0: it follows from the height, or from the factor.",
        unit="px",
        step=8,
        ge=0,
        le=8192,
    )
    height: int = parameter(
        0,
        label="Height",
        help="Height to enlarge to instead. 0: it follows from the width, or from the factor.",
        unit="px",
        step=8,
        ge=0,
        le=8192,
    )
    crop: bool = parameter(
        True,
        label="Crop to fit",
        help="Where both width and height are given: cuts off evenly what stands over, instead of keeping it.",
        infotext="upscale crop",
    )
    tile: int = parameter(
        0,
        label="Tile size",
        help="Side of the squares in which a model works on the picture; smaller ones need less memory. 0: as large as memory allows.",
        infotext="tile size",
        unit="px",
        step=16,
        ge=0,
        le=4096,
    )
    overlap: int = parameter(
        0,
        label="Tile overlap",
        help="By how much tiles overlap, so that no seam is seen. 0: as much as suits the model.",
        infotext="tile overlap",
        unit="px",
        step=8,
        ge=0,
        le=512,
    )

    upscaler_hash: str = _hash_of("upscaler")
    upscaler_2_hash: str = _hash_of("second upscaler")

    @field_validator("upscaler", "upscaler_2")
    @classmethod
    def _labelled(cls, value: str, info: ValidationInfo) -> str:
        value = storable(value)
        if info.field_name == "upscaler_2" and value.strip().casefold() == NO_UPSCALER.casefold():
            return NO_UPSCALER
        known = known_upscaler(value)
        if known is not None and known.latent:
            raise ValueError(f"{known.label} works on latents; use {', '.join(PIXEL_UPSCALER_LABELS)} or a model")
        return upscaler_label(value)

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return f"Enlarging with {' and '.join(self.upscalers)}"

    @property
    def blended(self) -> bool:
        """Whether anything is seen of a second upscaler."""
        return self.upscaler_2 != NO_UPSCALER and self.upscaler_2_visibility > 0

    def models(self) -> dict[str, str]:
        """Field -> name, of the upscalers that are models and at work."""
        fields = ("upscaler", "upscaler_2") if self.blended else ("upscaler",)
        return {field: getattr(self, field) for field in fields if known_upscaler(getattr(self, field)) is None}

    @property
    def upscalers(self) -> tuple[str, ...]:
        """Names of those that are at work."""
        return (self.upscaler, self.upscaler_2) if self.blended else (self.upscaler,)

    def upscaling(self, size: Size) -> Upscaling:
        """How a picture of that size is enlarged."""
        return upscaling(size, self.scale, (self.width, self.height), crop=self.crop)

    def size_after(self, size: Size) -> Size:
        """Width and height in pixels of what it makes of a picture of that size."""
        return self.upscaling(size).size

    def largest(self, size: Size) -> Size:
        """The same before anything is cut off."""
        return self.upscaling(size).cover

    def kept(self, size: Size) -> Share:
        """Which part of a picture of that size is still seen in what it makes."""
        way = self.upscaling(size)
        (width, height), box = way.cover, way.box
        return box.left / width, box.top / height, box.right / width, box.bottom / height

    def work(self, size: Size) -> float:
        """How much it has to do for a picture of that size: pixels that its upscalers make."""
        width, height = self.upscaling(size).cover
        return float(width * height * len(self.upscalers))

    def pairs(self) -> dict[str, str]:
        """Its infotext: "upscale to" in place of "upscale by" where it enlarges to a size."""
        told = super().pairs()
        if not self.width and not self.height:
            return told
        return {
            _TO if key == "upscale by" else key: f"{self.width}x{self.height}" if key == "upscale by" else value
            for key, value in told.items()
        }

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """All infotext keys by which readers know it."""
        return *super().words(), _TO

    @classmethod
    def read(cls, pairs: Mapping[str, str]) -> dict[str, Any]:
        """The fields that such pairs tell."""
        size = re.fullmatch(r"(\d+)x(\d+)", pairs.get(_TO, ""))
        return super().read(pairs) | ({"width": size[1], "height": size[2]} if size else {})


_TO = "upscale to"


class RestoreFacesStep(FinishingStep):
    """Draws faces again with a model that knows faces alone; all around them stays as it is."""

    told: ClassVar[tuple[str, ...]] = ("restorer",)
    begins: ClassVar[str] = ""
    part: ClassVar[str] = "face"

    step: Literal["restore faces"]
    restorer: str = parameter(
        "",
        label="Restorer",
        help="A GFPGAN, CodeFormer or RestoreFormer that lies in models/face_restorers, or just one of these names: the first one of it. "
        "Empty: the first one there.",
        infotext="Face restoration",
        of_models="face_restorer",
        max_length=500,
    )
    visibility: float = parameter(
        1.0,
        label="Visibility",
        help="How much of the restored face is seen: 0 none of it, 1 nothing else.",
        infotext="Face restoration visibility",
        step=0.01,
        ge=0,
        le=1,
    )
    weight: float = parameter(
        0.5,
        label="Fidelity",
        help="Of CodeFormer alone: 0 makes the better face, 1 stays closest to the one that is there.",
        infotext="CodeFormer weight",
        only_for={"architecture": [CODEFORMER, ""]},
        step=0.01,
        ge=0,
        le=1,
    )
    faces: FacesFrom = parameter(
        FOUND,
        label="Faces",
        help="Found: those that are found, upright ones best. Painted, on Inpaint: each painted spot is one.",
        infotext="Face restoration area",
    )
    restorer_hash: str = _hash_of("restorer")
    architecture: str = parameter(
        "", label="Architecture", help="Of the restorer; filled in when the job is taken.", max_length=64, filled_in=True
    )

    @field_validator("restorer")
    @classmethod
    def _storable(cls, value: str) -> str:
        return storable(value)

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return "Restoring faces"

    def models(self) -> dict[str, str]:
        """Field -> name, of the models that it works with."""
        return {"restorer": self.restorer}

    def work(self, size: Size) -> float:
        """How much it has to do: as much as one face asks for, whatever the picture's size."""
        return float(FACE_SIDE**2)

    def pairs(self) -> dict[str, str]:
        """Its infotext: AUTOMATIC1111's name of the architecture, and the file's own beside it."""
        told = super().pairs()
        if not self.architecture:
            return told
        named = {"Face restoration": self.architecture} | ({_RESTORER: self.restorer} if self.restorer != self.architecture else {})
        shown = f"{self.architecture} visibility"
        return named | {
            shown if key == "Face restoration visibility" and shown in _VISIBILITIES else key: value
            for key, value in told.items()
            if key != "Face restoration"
        }

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """All infotext keys by which readers know it: those of AUTOMATIC1111's Extras page among them."""
        return *super().words(), _RESTORER, *_VISIBILITIES

    @classmethod
    def read(cls, pairs: Mapping[str, str]) -> dict[str, Any]:
        """The fields that such pairs tell."""
        seen = next((key for key in _VISIBILITIES if key in pairs), "")
        told = {"restorer": seen.removesuffix(" visibility"), "visibility": pairs[seen]} if seen else {}
        return told | super().read(pairs) | ({"restorer": pairs[_RESTORER]} if _RESTORER in pairs else {})


FACE_SIDE = 512
"""Pixels of the square at which restorers look at a face."""

_RESTORER = "Face restoration model"
_VISIBILITIES = tuple(f"{architecture} visibility" for architecture in (CODEFORMER, GFPGAN))


class SharpenStep(FinishingStep):
    """Makes edges stand out: unsharp masking."""

    told: ClassVar[tuple[str, ...]] = ("amount",)

    step: Literal["sharpen"]
    amount: float = parameter(
        0.5,
        label="Amount",
        help="By how much of its difference from what is around it each colour is moved away from that. 0: not at all.",
        infotext="sharpen",
        step=0.05,
        ge=0,
        le=4,
    )
    radius: float = parameter(
        1.0, label="Radius", help="How far around is looked at.", infotext="sharpen radius", unit="px", step=0.1, ge=0.2, le=20
    )

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return "Sharpening"


class ColourStep(FinishingStep):
    """Changes colours: to those of the source, to the full range from black to white, or to another light."""

    told: ClassVar[tuple[str, ...]] = ("way", "temperature")

    step: Literal["colour correct"]
    way: ColourWay = parameter(
        TO_SOURCE,
        label="Colours",
        help="To source: as often as in the picture that it was made from, or as it was before the chain; lightness stays. "
        "Auto levels: the darkest becomes black, the lightest white. Temperature: as if the light had been warmer or cooler.",
        infotext="colours",
    )
    cutoff: float = parameter(
        0.5,
        label="Cut off",
        help="Share of the darkest and of the lightest values that may become one.",
        infotext="levels cut off",
        only_for={"way": [AUTO_LEVELS]},
        unit="%",
        step=0.1,
        ge=0,
        le=20,
    )
    temperature: int = parameter(
        5000,
        label="Temperature",
        help=f"Of the light; {NEUTRAL_KELVIN} K leaves the picture as it is, less is warmer, more is cooler.",
        infotext="colour temperature",
        only_for={"way": [TEMPERATURE]},
        unit="K",
        step=100,
        ge=WARMEST_KELVIN,
        le=COOLEST_KELVIN,
    )
    strength: float = parameter(
        1.0, label="Strength", help="How much of the change is seen.", infotext="colours strength", step=0.05, ge=0, le=1
    )

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return "Correcting colours"


class CutOutStep(FinishingStep):
    """Takes the background away, so that the subject stands alone."""

    told: ClassVar[tuple[str, ...]] = ("model",)

    step: Literal["cut out"]
    model: str = parameter(
        "",
        label="Model",
        help="What finds the subject: a U²-Net or an IS-Net that lies in models/cut_out. Empty: the first one there.",
        infotext="cut out",
        of_models="cut_out",
        max_length=500,
    )
    ground: Ground = parameter(
        TRANSPARENT,
        label="Behind it",
        help="Transparent is kept in PNG, WebP and AVIF; a JPEG lies on white, or on the colour that its format step says.",
        infotext="cut out ground",
    )
    colour: str = parameter(
        "#ffffff",
        label="Colour",
        help="What is behind it, as #rrggbb.",
        infotext="cut out colour",
        only_for={"ground": [COLOUR]},
        pattern=HEX,
    )

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return "Cutting out the subject"

    def models(self) -> dict[str, str]:
        """Field -> name, of the models that it works with."""
        return {"model": self.model}


class ResizeStep(FinishingStep):
    """Brings a picture to another size, without a model."""

    told: ClassVar[tuple[str, ...]] = ("way", "width", "height", "long_side")

    step: Literal["resize"]
    way: ResizeWay = parameter(
        FIT,
        label="Way",
        help="Fit: whole within width and height. Cover: fills them, what stands over is cut off. Stretch: exactly so, whatever becomes "
        "of its shape. Long side: its longer side is that long.",
        infotext="resize",
    )
    width: int = parameter(
        1024,
        label="Width",
        help="0: it follows from the height.",
        infotext="resize width",
        only_for={"way": [FIT, COVER, STRETCH]},
        unit="px",
        step=8,
        ge=0,
        le=LONGEST_SIDE,
    )
    height: int = parameter(
        1024,
        label="Height",
        help="0: it follows from the width.",
        infotext="resize height",
        only_for={"way": [FIT, COVER, STRETCH]},
        unit="px",
        step=8,
        ge=0,
        le=LONGEST_SIDE,
    )
    long_side: int = parameter(
        1024,
        label="Long side",
        help="Of width and height the longer one.",
        infotext="resize long side",
        only_for={"way": [LONG_SIDE]},
        unit="px",
        step=8,
        ge=1,
        le=LONGEST_SIDE,
    )
    filter: ResizeFilter = parameter(
        "Lanczos",
        label="Filter",
        help="Lanczos is crisp; Area, the mean of what lies below, is calm where a picture gets much smaller.",
        infotext="resize filter",
    )

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return "Resizing"

    def size_after(self, size: Size) -> Size:
        """Width and height in pixels of what it makes of a picture of that size."""
        return resized_size(size, self.way, (self.width, self.height), self.long_side)

    def kept(self, size: Size) -> Share:
        """Which part of a picture of that size is still seen in what it makes."""
        return covered(size, self.size_after(size)) if self.way == COVER else WHOLE


class FormatStep(FinishingStep):
    """Says as what the picture is saved, in place of the settings. It is the last step."""

    told: ClassVar[tuple[str, ...]] = ("format", "quality")

    step: Literal["format"]
    format: FileFormat = parameter(
        "PNG", label="Format", help="What the file is. PNG loses nothing, the others are smaller.", infotext="format"
    )
    lossless: bool = parameter(
        False, label="Lossless", help="Loses nothing; the file is larger.", infotext="format lossless", only_for={"format": ["WebP"]}
    )
    quality: int = parameter(
        90,
        label="Quality",
        help="Less is a smaller file.",
        infotext="format quality",
        only_for={"format": ["JPEG", "WebP", "AVIF"], "lossless": [False]},
        step=1,
        ge=1,
        le=100,
    )
    colour: str = parameter(
        "#ffffff",
        label="Ground",
        help="A JPEG can't be transparent: what it then lies on, as #rrggbb.",
        infotext="format ground",
        only_for={"format": ["JPEG"]},
        pattern=HEX,
    )

    @property
    def doing(self) -> str:
        """What is happening while it works, in words for the progress card."""
        return "Saving"

    @property
    def file_quality(self) -> int:
        """Quality at which the file is encoded, 1 to 100, of all but PNG; WebP with 100 loses nothing."""
        return 100 if self.format == "WebP" and self.lossless else self.quality


def _kind_of(step: Any) -> str | None:
    kind = step.get("step") if isinstance(step, dict) else getattr(step, "step", None)
    return kind if isinstance(kind, str) else None


AnyStep = Annotated[
    Annotated[UpscaleStep, Tag("upscale")]
    | Annotated[RestoreFacesStep, Tag("restore faces")]
    | Annotated[SharpenStep, Tag("sharpen")]
    | Annotated[ColourStep, Tag("colour correct")]
    | Annotated[CutOutStep, Tag("cut out")]
    | Annotated[ResizeStep, Tag("resize")]
    | Annotated[FormatStep, Tag("format")],
    Discriminator(_kind_of),  # a discriminating field can't have the validator that all fields of what is declared have
]
"""Any step; its `step` says which. Further ones join here, and in the table of `webui.engine.finishing`."""

STEP_TYPES: dict[str, type[FinishingStep]] = {
    "upscale": UpscaleStep,
    "restore faces": RestoreFacesStep,
    "sharpen": SharpenStep,
    "colour correct": ColourStep,
    "cut out": CutOutStep,
    "resize": ResizeStep,
    "format": FormatStep,
}
"""By what their `step` says, in the order in which they are offered."""


def format_of(steps: Sequence[FinishingStep]) -> FormatStep | None:
    """As what the picture of a chain is saved, where the chain says so."""
    return next((step for step in steps if isinstance(step, FormatStep)), None)


def check_format_is_last(steps: Sequence[FinishingStep]) -> None:
    """Raise InvalidRequest where something stands behind the format, which says what the file is: another format among them."""
    for number, step in enumerate(steps[:-1]):
        if isinstance(step, FormatStep):
            raise InvalidRequest(
                "The step format stands before another one.",
                field=f"finishing[{number}]",
                allowed="format as the last step",
                hint="Put it at the end: it says as what the finished picture is saved.",
            )


def check_painted_faces(steps: Sequence[FinishingStep], *, painted: bool) -> None:
    """Raise InvalidRequest for a step that takes painted spots for faces where nothing was painted."""
    for number, step in enumerate(steps):
        if isinstance(step, RestoreFacesStep) and step.faces == PAINTED and not painted:
            raise InvalidRequest(
                "No face is painted on this picture.",
                field=f"finishing[{number}].faces",
                allowed=FOUND,
                hint="Let faces be found, or paint a mask over each of them on Inpaint.",
            )


def _written(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def size_after(steps: Sequence[FinishingStep], size: Size) -> Size:
    """Width and height in pixels of what comes out of a chain. Raises InvalidRequest where a step makes too large a picture."""
    for number, step in enumerate(steps):
        largest, size = step.largest(size), step.size_after(size)
        if max(largest) > LONGEST_SIDE or largest[0] * largest[1] > MOST_PIXELS:
            raise InvalidRequest(
                f"The finished picture would be too large ({largest[0]} x {largest[1]}).",
                field=f"finishing[{number}]",
                allowed=f"at most {LONGEST_SIDE:,} px on a side and {MOST_PIXELS // 1_000_000} megapixels",
                hint="Enlarge it by less.",
            )
    return size


def kept(steps: Sequence[FinishingStep], size: Size) -> Share:
    """Which part of a picture of that size is still seen in what comes out of a chain."""
    left, top, right, bottom = WHOLE
    for step in steps:
        share = step.kept(size)
        width, height = right - left, bottom - top
        left, top, right, bottom = left + share[0] * width, top + share[1] * height, left + share[2] * width, top + share[3] * height
        size = step.size_after(size)
    return left, top, right, bottom


def works(steps: Sequence[FinishingStep], size: Size) -> list[float]:
    """How much each step of a chain has to do for a picture of that size."""
    done = []
    for step in steps:
        done.append(step.work(size))
        size = step.size_after(size)
    return done

"""A batch as it is asked for: which files, with which masks, what each file itself decides, and where the pictures go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, ValidationError

from webui.errors import InvalidRequest
from webui.generation.images import ImageHash, OptionalImageHash
from webui.generation.parameter import Declared, parameter, storable
from webui.generation.request import GenerationRequest, PictureFromPicture, explain_validation, parameters_of, parse_request
from webui.pictures.framing import Size
from webui.studio.naming import FOLDER_BYTES, safe_name
from webui.studio.reading import Answer

MOST_FILES = 10_000
"""In one batch."""

KINDS = ("img2img", "inpaint", "upscale")
"""Of requests that start from a picture."""

NO_PICTURE = "0" * 64
"""Stands in the request of a batch for the picture, and the mask, of each of its files."""

PICTURES = ("init_image", "mask")
"""The fields of a request that each file fills in."""

Own = Literal["prompt", "negative_prompt", "seed", "steps", "cfg_scale", "sampler", "checkpoint"]
OWN = get_args(Own)
_FIELDS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType({"sampler": ("sampler", "schedule_type")})
"""Fields of a request that go together, by the one that is chosen."""
_APPENDED = ("prompt", "negative_prompt")
"""Texts that a file adds to those of the request, as in AUTOMATIC1111; all else takes the place of what the request says."""

_FORM = 1
_SIZE = {name: info for name, info in parameters_of(PictureFromPicture).items() if name in ("width", "height")}

FileName = Annotated[str, BeforeValidator(storable), Field(min_length=1, max_length=255)]
Words = Annotated[str, BeforeValidator(storable)]


class _Part(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class UploadedFile(_Part):
    """A file that was uploaded, or that could not be."""

    name: FileName = parameter(..., label="Name", help="What the file is called.")
    image: OptionalImageHash = parameter("", label="Picture", help="SHA-256 of what was uploaded (POST /images).")
    problem: Words = parameter(
        "", label="Problem", help="In place of a picture: why it could not be uploaded, to be listed with the others.", max_length=500
    )


class UploadedMask(_Part):
    """A mask that was uploaded."""

    name: FileName = parameter(..., label="Name", help="What the file is called.")
    image: ImageHash = parameter(..., label="Picture", help="SHA-256 of what was uploaded (POST /images).")


class BatchOrder(_Part):
    """What is asked for. Files come from a folder or were uploaded; so do masks, which only inpainting has."""

    request: dict[str, Any] = parameter(
        {},
        label="Request",
        help="Fields of a request of kind img2img, inpaint or upscale, without picture and mask. Each file is made by it.",
    )
    folder: Words = parameter(
        "",
        label="Folder",
        help="Whole path of a folder with pictures on Easel's machine. They are read when their turn comes.",
        max_length=4000,
    )
    files: tuple[UploadedFile, ...] = parameter(
        (), label="Files", help="In place of a folder: files that were uploaded.", max_length=MOST_FILES
    )
    mask_folder: Words = parameter(
        "",
        label="Mask folder",
        help="Whole path of a folder of masks. Each file takes the one of its name, with any ending; one that is alone serves all.",
        max_length=4000,
    )
    masks: tuple[UploadedMask, ...] = parameter(
        (), label="Masks", help="In place of a mask folder: masks that were uploaded.", max_length=MOST_FILES
    )
    own: tuple[Own, ...] = parameter(
        (),
        label="From each file",
        help="What is taken from a file's own parameters, if it has any. Prompts are put behind those of the request.",
        max_length=len(OWN),
    )
    scale_by: StrictFloat | None = parameter(
        None,
        label="Size",
        help="Each picture is drawn at its own size times this. Null: at the size of the request.",
        step=0.05,
        ge=0.05,
        le=4,
    )
    one_seed: StrictBool = parameter(
        True, label="One seed for all", help="Where the seed is random: it is drawn once for the whole batch, else for each file."
    )
    output_folder: Words = parameter(
        "",
        label="Output folder",
        help="Folder below img2img-images, inpaint-images or upscale-images; pictures keep the names of the files. Empty: as all others.",
        max_length=FOLDER_BYTES,
    )


def parse_order(data: Any) -> BatchOrder:
    """An order from untrusted JSON-like data. Raises InvalidRequest naming the field."""
    try:
        order = BatchOrder.model_validate(data)
    except ValidationError as error:
        raise explain_validation(error, BatchOrder) from None
    kind = order.request.get("kind")
    if kind not in KINDS:
        raise InvalidRequest("Nothing is made of files.", field="request.kind", allowed=", ".join(KINDS), hint="Choose one of these.")
    for name in PICTURES:
        if name in order.request:
            raise InvalidRequest(f"The request has a {name} already.", field=f"request.{name}", hint="Leave it out: each file is one.")
    _require_one(order, "folder", "files")
    if kind == "inpaint":
        _require_one(order, "mask_folder", "masks")
    elif order.mask_folder or order.masks:
        raise InvalidRequest(
            f"{kind} works on the whole picture.", field="mask_folder" if order.mask_folder else "masks", hint="Leave the masks out."
        )
    if kind == "upscale":
        for field, given in (("own", order.own), ("scale_by", order.scale_by)):
            if given:
                raise InvalidRequest("An upscale is not drawn.", field=field, hint="Leave it out: how large it gets, its steps say.")
    for number, file in enumerate(order.files):
        if bool(file.image) == bool(file.problem):
            raise InvalidRequest(
                "A file has either a picture or a problem.", field=f"files[{number}]", allowed="image or problem", hint="Send one of them."
            )
    if order.output_folder and not safe_name(order.output_folder, FOLDER_BYTES):
        raise InvalidRequest(
            f"No folder can be called {order.output_folder!r}.", field="output_folder", hint="Give it a name, such as holiday."
        )
    return order


def _require_one(order: BatchOrder, folder: str, files: str) -> None:
    if bool(getattr(order, folder)) == bool(getattr(order, files)):
        raise InvalidRequest(
            f"{'Neither' if not getattr(order, folder) else 'Both'} {folder} and {files} are given.",
            field=folder,
            allowed=f"either {folder} or {files}",
            hint="Send one of them.",
        )


def dump_order(order: BatchOrder) -> str:
    """The stored form, without request and files, which have their own places: versioned JSON."""
    return json.dumps({"version": _FORM, **order.model_dump(mode="json", exclude={"request", "files", "masks"})}, ensure_ascii=False)


def load_order(text: str) -> BatchOrder:
    """The order that `dump_order` wrote. Raises InvalidRequest when a later Easel stored it."""
    data = json.loads(text)
    version = data.pop("version", None)
    if version != _FORM:
        raise InvalidRequest(
            f"This batch was stored by another version of Easel (form {version!r}).",
            field="version",
            allowed=str(_FORM),
            hint="Update Easel and try again.",
        )
    return BatchOrder.model_validate(data)


# --- What each file decides ---


def with_own(request: GenerationRequest, told: Answer, own: tuple[Own, ...]) -> GenerationRequest:
    """The request with what a file says of how it was made (as `webui.studio.reading` tells it). Raises InvalidRequest."""
    fields = told["fields"]
    given = {name: fields[name] for chosen in own for name in _FIELDS_OF.get(chosen, (chosen,)) if name in fields}
    for name in _APPENDED:
        if name in given:
            given[name] = " ".join(text for text in (getattr(request, name), given[name]) if text)
    return parse_request({**request.model_dump(), **given})


def scaled(size: Size, factor: float) -> dict[str, int]:
    """Width and height of a request for a picture of that size, times `factor`, as near as they can be."""
    longest = max(side * factor / (info.maximum or side) for side, info in zip(size, _SIZE.values(), strict=True))
    factor = factor / max(1.0, longest)
    return {name: _fitting(side * factor, info.minimum, info.step) for side, (name, info) in zip(size, _SIZE.items(), strict=True)}


def _fitting(side: float, least: float | None, step: float | None) -> int:
    grid = int(step or 1)
    return max(int(least or grid), int(side / grid + 0.5) * grid)  # a half goes up, as on the page

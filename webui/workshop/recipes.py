"""What can be ordered of the workshop: one frozen type for each kind of work. A field is declared here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from webui.catalog.detect import Kind
from webui.errors import InvalidRequest
from webui.generation.request import explain_validation
from webui.training.recipe import Train
from webui.workshop.blocks import BASE

RECIPE_VERSION = 1
"""Form of stored orders."""

Precision = Literal["as it is", "fp32", "fp16", "bf16", "fp8"]
Take = Literal["merge", "first", "second"]
NewPrecision = Literal["as it is", "fp32", "fp16", "bf16", "fp8", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"]
"""Those of packed.WRITTEN make a GGUF file."""
Form = Literal["as it is", "single file"]
Averages = Literal["drop", "use", "keep"]
Share = Annotated[float, Field(ge=0, le=1)]

ONE_FILE = "single file"
"""The form of a checkpoint as it is published, which a diffusers folder can be written in."""

_NAME = 200
_MODEL_HELP = "Name, title or hash of a model, as the list of models has it."
_NAME_HELP = "Name of the new file, without its ending. Empty: made from the names of what goes in."


def _text(title: str, help: str, default: Any = ..., most: int = _NAME, **more: Any) -> Any:
    return Field(default, title=title, description=help, max_length=most, **more)


def _choice(title: str, help: str, default: Any) -> Any:
    return Field(default, title=title, description=help)


_PRECISION_HELP = (
    "Numbers of the new file: fp32, fp16, bf16, or fp8 (the denoiser's matrices as float8 e4m3fn, all else fp16). "
    "'as it is': each tensor as in the first model."
)


_PACKED_HELP = "Q8_0 to Q4_0: the denoiser of SD 3 or FLUX alone, its matrices packed in 8 to 4 bits, as a GGUF file."


class Recipe(BaseModel):
    """What all orders have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Merge(Recipe):
    """Mix the weights of two or three checkpoints of one family into a new one."""

    kind: Literal["merge"] = "merge"
    first: str = _text("First model", _MODEL_HELP, min_length=1)
    second: str = _text("Second model", _MODEL_HELP, min_length=1)
    third: str = _text("Third model", f"{_MODEL_HELP} For add difference: first + share x (second - third).", "")
    method: Literal["weighted sum", "add difference"] = _choice(
        "Method", "Weighted sum: (1 - share) x first + share x second. Add difference: first + share x (second - third).", "weighted sum"
    )
    share: float = Field(0.5, title="Share", description="How much of the second model (or of the difference) goes in.", ge=0, le=1)
    blocks: Mapping[str, Share] = Field(
        default_factory=dict,
        title="Shares by block",
        description="Other shares for single blocks of the U-Net, such as IN00=0.2, M00=1: IN00 to IN11, M00, OUT00 to OUT11 "
        "(SDXL: up to 08), BASE for the rest. Or a list of 25 numbers (SDXL: 19), with one more before them for BASE.",
        max_length=100,
    )
    vae: Take = _choice("VAE", "Merge the VAEs as well, or take the first or the second model's as it is.", "first")
    text_encoder: Take = _choice("Text encoders", "Merge them as well, or take the first or the second model's as they are.", "merge")
    precision: Precision = _choice("Precision", _PRECISION_HELP, "as it is")
    name: str = _text("Name", _NAME_HELP, "")

    @field_validator("blocks", mode="before")
    @classmethod
    def _as_people_write_them(cls, value: Any) -> Any:
        return read_shares(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _third_where_needed(self) -> Merge:
        if (self.method == "add difference") != bool(self.third):
            raise ValueError("add difference takes a third model, and weighted sum takes none")
        return self


def read_shares(text: str) -> dict[str, float]:
    """Shares by block as people write and share them: NAME=SHARE with commas between, or a list of numbers. Raises ValueError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if all("=" in part for part in parts):
        return {name.strip().upper(): float(value) for name, _, value in (part.partition("=") for part in parts)}
    names = _NAMES_OF_LISTS.get(len(parts))
    if names is None:
        raise ValueError(f"there are lists of {', '.join(map(str, _NAMES_OF_LISTS))} numbers, and this has {len(parts)}")
    return dict(zip(names, map(float, parts), strict=True))


def _block_names(last: int) -> list[str]:
    levels = range(last + 1)
    return [*(f"IN{level:02}" for level in levels), "M00", *(f"OUT{level:02}" for level in levels)]


_NAMES_OF_LISTS: Mapping[int, list[str]] = {
    len(names): names for last in (11, 8) for names in (_block_names(last), [BASE, *_block_names(last)])
}
"""How many numbers a list has -> the blocks they are for: those of SD 1 and 2, and of SDXL, without and with BASE."""


class Convert(Recipe):
    """Write a model anew: as safetensors, in other numbers, as a single file, with or without the averages that training keeps."""

    kind: Literal["convert"] = "convert"
    model: str = _text("Model", _MODEL_HELP, min_length=1)
    precision: NewPrecision = _choice("Precision", f"{_PRECISION_HELP} {_PACKED_HELP}", "fp16")
    averages: Averages = _choice(
        "EMA weights",
        "Averages of the weights that training keeps beside them: drop them, use them in place of the weights, or keep both.",
        "drop",
    )
    form: Form = _choice(
        "Form",
        "A diffusers folder of Stable Diffusion 1, 2 or XL stays one, or becomes a single file in the names in which checkpoints "
        "are published, which other programs read too.",
        "as it is",
    )
    name: str = _text("Name", _NAME_HELP, "")


class BakeVae(Recipe):
    """Put another VAE into a checkpoint."""

    kind: Literal["bake_vae"] = "bake_vae"
    model: str = _text("Checkpoint", _MODEL_HELP, min_length=1)
    vae: str = _text("VAE", "Name, title or hash of the VAE.", min_length=1)
    name: str = _text("Name", _NAME_HELP, "")


class ExtractVae(Recipe):
    """Write a checkpoint's VAE into a file of its own."""

    kind: Literal["extract_vae"] = "extract_vae"
    model: str = _text("Checkpoint", _MODEL_HELP, min_length=1)
    name: str = _text("Name", _NAME_HELP, "")


class Download(Recipe):
    """Fetch a model file from the network."""

    kind: Literal["download"] = "download"
    source: str = _text(
        "Address or repository",
        "An https address of a file, a Hugging Face repository (owner/name), or a page of civitai.",
        most=2000,
        min_length=1,
    )
    file: str = _text(
        "File",
        "Which file of the repository; may be left out where there is only one that fits. model_index.json: the whole folder.",
        "",
        most=500,
    )
    revision: str = _text("Revision", "Branch, tag or commit of the repository. Empty: its main branch.", "", most=200)
    sha256: str = _text("SHA-256", "What the file's checksum must be, 64 hex digits. Empty: what its source says, if it does.", "", most=64)
    folder: Kind | Literal[""] = _choice("Kind", "What it is, which decides its folder. Empty: told by its header or its source.", "")
    name: str = _text("Name", "Name of the file, without its ending. Empty: as its source calls it.", "")

    @field_validator("sha256")
    @classmethod
    def _digest(cls, value: str) -> str:
        value = value.strip().lower()
        if value and (len(value) != 64 or set(value) - set("0123456789abcdef")):
            raise ValueError("a SHA-256 has 64 hex digits")
        return value


AnyRecipe = Merge | Convert | BakeVae | ExtractVae | Download | Train

RECIPES: Mapping[str, type[AnyRecipe]] = {
    "merge": Merge,
    "convert": Convert,
    "bake_vae": BakeVae,
    "extract_vae": ExtractVae,
    "download": Download,
    "train": Train,
}
"""Kind of work -> its type."""


def parse_recipe(data: Any) -> AnyRecipe:
    """An order from untrusted JSON-like data. Raises InvalidRequest naming field, allowed values and way out."""
    kind = data.get("kind") if isinstance(data, dict) else None
    known = RECIPES.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise InvalidRequest(
            f"There is no work of the kind {str(kind)[:60]!r}.",
            field="kind",
            allowed=", ".join(RECIPES),
            hint="Send a kind with its fields.",
        )
    try:
        return known.model_validate(data)
    except ValidationError as error:
        raise explain_validation(error, known) from None


def dump_recipe(recipe: AnyRecipe) -> str:
    """The stored form."""
    return json.dumps({"version": RECIPE_VERSION, **recipe.model_dump(mode="json")}, ensure_ascii=False)


def load_recipe(text: str) -> AnyRecipe:
    """What `dump_recipe` wrote. Raises InvalidRequest when a later Easel wrote it."""
    data = json.loads(text)
    if data.pop("version", None) != RECIPE_VERSION:
        raise InvalidRequest("This order was stored by another version of Easel.", field="version", hint="Remove it and order it again.")
    return parse_recipe(data)

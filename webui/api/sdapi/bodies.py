"""What clients send, taken as loosely as they send it: unknown fields, nulls, numbers as text, no content type, no body at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from webui.api.sdapi.problems import bad_field, of_validation

MOST_PICTURES = 100
"""In one body."""


class Loose(BaseModel):
    """A body whose every field may be left out or null, which are the same. Numbers may be text, truths numbers."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _as_clients_send_it(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValueError("Send a JSON object")
        return {name: value for name, value in data.items() if value is not None and not (value == "" and not cls._is_text(name))}

    @classmethod
    def _is_text(cls, name: str) -> bool:
        info = cls.model_fields.get(name)
        return info is not None and info.annotation in (str, str | None)

    def gave(self, name: str) -> bool:
        """Whether that field was there, and not null."""
        return name in self.model_fields_set


Body = TypeVar("Body", bound=Loose)


class DrawBody(Loose):
    """What txt2img and img2img have in common."""

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] = []
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0
    seed_resize_from_w: int = -1
    seed_resize_from_h: int = -1
    sampler_name: str | None = None
    sampler_index: str = "Euler"
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    distilled_cfg_scale: float = 3.5
    width: int = Field(default=512, ge=1, le=100_000)
    height: int = Field(default=512, ge=1, le=100_000)
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    eta: float | None = None
    s_churn: float | None = None
    s_tmin: float | None = None
    s_tmax: float | None = None
    s_noise: float | None = None
    s_min_uncond: float | None = None
    denoising_strength: float = 0.75
    override_settings: dict[str, Any] = {}
    override_settings_restore_afterwards: bool = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    disable_extra_networks: bool = False
    script_name: str | None = None
    script_args: Any = Field(default=[], description="A list; it says nothing without script_name.")
    alwayson_scripts: dict[str, Any] = {}
    send_images: bool = True
    save_images: bool = False
    infotext: str | None = None
    force_task_id: str | None = Field(default=None, max_length=200)

    @field_validator("styles", mode="before")
    @classmethod
    def _one_style(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def echo(self) -> dict[str, Any]:
        """The body as the answer repeats it."""
        return self.model_dump(mode="json")


class Txt2ImgBody(DrawBody):
    """POST /sdapi/v1/txt2img."""

    enable_hr: bool = False
    firstphase_width: int = 0
    firstphase_height: int = 0
    hr_scale: float = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int = 0
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str = ""
    hr_negative_prompt: str = ""
    hr_cfg: float | None = None


class Img2ImgBody(DrawBody):
    """POST /sdapi/v1/img2img."""

    init_images: list[str] = Field(default=[], max_length=MOST_PICTURES)
    resize_mode: int = Field(default=0, ge=0, le=3)
    image_cfg_scale: float | None = None
    mask: str | None = None
    mask_blur: float | None = None
    mask_blur_x: float = 4
    mask_blur_y: float = 4
    mask_round: bool = True
    inpainting_fill: int = Field(default=0, ge=0, le=3)
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = Field(default=0, ge=0, le=1)
    initial_noise_multiplier: float | None = None
    include_init_images: bool = False

    @field_validator("init_images", mode="before")
    @classmethod
    def _one_picture(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def echo(self) -> dict[str, Any]:
        """The body as the answer repeats it; its pictures only where they are asked for."""
        told = super().echo()
        return told if self.include_init_images else told | {"init_images": None, "mask": None}


class ExtrasBody(Loose):
    """What both of the extras have in common."""

    resize_mode: int = Field(default=0, ge=0, le=1)
    show_extras_results: bool = True
    gfpgan_visibility: float = Field(default=0, ge=0, le=1)
    codeformer_visibility: float = Field(default=0, ge=0, le=1)
    codeformer_weight: float = Field(default=0, ge=0, le=1)
    upscaling_resize: float = Field(default=2, gt=0, le=8)
    upscaling_resize_w: int = Field(default=512, ge=1, le=8192)
    upscaling_resize_h: int = Field(default=512, ge=1, le=8192)
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = Field(default=0, ge=0, le=1)
    upscale_first: bool = False


class ExtraSingleBody(ExtrasBody):
    """POST /sdapi/v1/extra-single-image."""

    image: str = ""


class NamedPicture(Loose):
    """One of many pictures."""

    data: str
    name: str = ""


class ExtraBatchBody(ExtrasBody):
    """POST /sdapi/v1/extra-batch-images."""

    image_list: list[NamedPicture] = Field(alias="imageList", min_length=1, max_length=MOST_PICTURES)


class PngInfoBody(Loose):
    """POST /sdapi/v1/png-info."""

    image: str


class InterrogateBody(Loose):
    """POST /sdapi/v1/interrogate."""

    image: str = ""
    model: str = "clip"


class InternalProgressBody(Loose):
    """POST /internal/progress."""

    id_task: str | None = Field(default=None, max_length=200)
    id_live_preview: int = -1
    live_preview: bool = True


class DetectBody(Loose):
    """POST /controlnet/detect."""

    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field(default=[], max_length=MOST_PICTURES)
    controlnet_images: list[str] = Field(default=[], max_length=MOST_PICTURES, description="An older name of the same.")
    controlnet_processor_res: int = 512
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1


class UnitBody(Loose):
    """One unit of ControlNet, in alwayson_scripts."""

    enabled: bool = True
    module: str = "none"
    model: str = "None"
    weight: float = 1.0
    image: Any = None
    input_image: Any = Field(default=None, description="An older name of the same.")
    resize_mode: int | str = "Crop and Resize"
    processor_res: int = -1
    threshold_a: float = -1
    threshold_b: float = -1
    guidance_start: float = 0.0
    guidance_end: float = 1.0
    pixel_perfect: bool = False
    control_mode: int | str = "Balanced"


async def body_of(request: Request, kind: type[Body]) -> Body:
    """The body of a request, whatever its content type says. Raises BadBody."""
    return read_body(await json_of(request), kind)


def read_body(data: Any, kind: type[Body], place: tuple[str, ...] = ()) -> Body:
    """A body from what was sent. place: where in the whole body it stands. Raises BadBody."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        told = of_validation(error)
        for one in told.complaints if place else ():
            one["loc"] = ["body", *place, *one["loc"][1:]]
        raise told from None
    except RecursionError:
        raise bad_field(None, "The body is nested too deeply") from None


async def json_of(request: Request) -> Any:
    """The body as JSON, whatever its content type says. Raises BadBody."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise bad_field(None, f"The body is no JSON ({str(error)[:200]})") from None


def schema_of(kind: type[Loose]) -> dict[str, Any]:
    """OpenAPI's words for such a body."""
    schema = kind.model_json_schema()
    _inline(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inline(schema: Any, definitions: Mapping[str, Any]) -> None:
    """Put what is referred to in its place: references would point beside it within OpenAPI's document."""
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        if isinstance(value, dict) and "$ref" in value:
            value.update(definitions[value.pop("$ref").rpartition("/")[2]])
        _inline(value, definitions)

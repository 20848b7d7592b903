"""What can be asked for, frozen and complete: if it can change a pixel, it is a field here.

Each parameter is declared once: default, bounds, label, help and infotext key stand on the field,
and the page's sliders, the REST API's validation, the command line and the docs derive from it.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from webui.errors import InvalidRequest
from webui.generation import samplers
from webui.generation.adapters import VAE_AUTOMATIC, VAE_NONE, UsedEmbedding, UsedLora
from webui.generation.attention import find_attention_label
from webui.generation.control import MOST_CONTROLS, ControlUnit
from webui.generation.enlarging import (
    LANCZOS,
    LATENT_PIXELS,
    PIXEL_UPSCALER_LABELS,
    Enlargement,
    enlargement,
    known_upscaler,
    upscaler_label,
)
from webui.generation.finishing import HEX, MOST_STEPS, STEP_TYPES, AnyStep, check_format_is_last, check_painted_faces, size_after
from webui.generation.images import ImageHash, OptionalImageHash
from webui.generation.loopback import DenoisingCurve, strength_of
from webui.generation.parameter import MAX_PROMPT_CHARACTERS, Declared, parameter, storable
from webui.generation.prompt.emphasis import EmphasisMode
from webui.generation.regions import MOST_REGIONS, Region
from webui.generation.weight_storage import AS_COMPUTED, OF_OTHERS, WeightStorage
from webui.pictures.boxes import Box, Size
from webui.pictures.outpainting import Sides, Window, check_extension, windows_of
from webui.pictures.tiles import tiles_of

REQUEST_VERSION = 2
"""Version of the stored JSON form. Raise it together with an entry in `UPGRADES`."""

MAX_SEED = 2**63 - 1
RANDOM_SEED = -1
NoiseSource = Literal["CPU", "GPU", "NV"]
NOISE_SOURCES = get_args(NoiseSource)
ResizeMode = Literal["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
LATENT_RESIZE: ResizeMode = "Just resize (latent upscale)"
MaskMode = Literal["Inpaint masked", "Inpaint not masked"]
MaskedContent = Literal["fill", "original", "latent noise", "latent nothing"]
InpaintArea = Literal["Whole picture", "Only masked"]
"""AUTOMATIC1111's words, as they stand in infotexts."""

TiledDrawing = Literal["Off", "SD upscale", "MultiDiffusion"]
TILED_DRAWINGS = get_args(TiledDrawing)
SD_UPSCALE, MULTI_DIFFUSION = TILED_DRAWINGS[1:]
MOST_AT_ONCE, MOST_IN_TILES = 2048, 8192
"""Pixels of a side of what is drawn as a whole, and in tiles."""
MOST_TILES = 512
Tiling = Literal["Off", "X and Y", "X", "Y"]
TILINGS = get_args(Tiling)
RefinedPass = Literal["second pass", "first pass", "both passes"]
REFINED_PASSES = get_args(RefinedPass)
NO_REFINER = "None"
NO_CHECKPOINT = "/upscale"
"""How what works with no checkpoint says so where others name theirs; no checkpoint's name begins with a stroke."""

_TILING_SWITCHED = {"true": "X and Y", "false": "Off"}
"""AUTOMATIC1111 knows both ways at once or none."""
SAME_CHECKPOINT, SAME_SAMPLER, SAME_SCHEDULE = "Use same checkpoint", "Use same sampler", "Use same scheduler"
"""What the hires pass takes over from the first, in AUTOMATIC1111's words."""

SIZE_FORM = "Write width x height in pixels, as 512x768, or leave it empty"


SAMPLERS_AND_SCHEDULES = (("sampler", "schedule_type", samplers.AUTOMATIC), ("hires_sampler", "hires_schedule_type", SAME_SCHEDULE))
"""Fields of a sampler and its schedule, and what stands in the latter where nothing was chosen."""


class BaseRequest(Declared):
    """What every request asks for, whether its pictures are drawn or not."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    finishing: tuple[AnyStep, ...] = parameter(
        (),
        label="Finishing",
        help="What is done to each picture at the end, one step after the other.",
        max_length=MOST_STEPS,
    )
    extensions: dict[str, dict[str, Any]] = Field(
        default_factory=dict, title="Add-on values", description="Values for add-ons, by add-on id.", max_length=50
    )

    @model_validator(mode="after")
    def _chain_is_sound(self) -> Self:
        check_format_is_last(self.finishing)
        check_painted_faces(self.finishing, painted=bool(getattr(self, "mask", "")))
        return self

    @property
    def picture_count(self) -> int:
        """How many pictures this request makes in all."""
        return 1

    @property
    def rounds(self) -> tuple[Self, ...]:
        """Itself; of a loopback each of its rounds, as if that were asked for by itself."""
        return (self,)

    @property
    def words(self) -> tuple[str, str]:
        """Prompt and negative prompt by which its pictures are found again; empty where it knows none."""
        return "", ""

    @property
    def enlargement(self) -> Enlargement | None:
        """How a hires pass enlarges the picture; None without one."""
        return None

    @property
    def picture_size(self) -> Size:
        """Width and height in pixels of the picture before it is finished."""
        raise NotImplementedError

    @property
    def finished_size(self) -> Size:
        """Width and height in pixels of what comes out at the end. Raises InvalidRequest where that would be too large."""
        return size_after(self.finishing, self.picture_size)


class PictureRequest(BaseRequest):
    """What every request asks for whose pictures are drawn by a checkpoint, whatever they start from."""

    prompt: str = parameter(
        "",
        label="Prompt",
        help="What you want to see, in words.",
        max_length=MAX_PROMPT_CHARACTERS,
    )
    negative_prompt: str = parameter(
        "",
        label="Negative prompt",
        help="What to leave out.",
        infotext="Negative prompt",
        max_length=MAX_PROMPT_CHARACTERS,
    )
    styles: tuple[Annotated[str, Field(max_length=200)], ...] = parameter(
        (),
        label="Styles",
        help="Names of styles whose words are added to both prompts, in this order. What is drawn has the words and no names.",
        max_length=50,
    )
    checkpoint: str = parameter(
        "",
        label="Checkpoint",
        help="The model that draws. Empty: the one in use, or the first one found.",
        infotext="Model",
        max_length=500,
    )
    vae: str = parameter(
        VAE_AUTOMATIC,
        label="VAE",
        help="What makes pixels of the latents. Automatic: the one beside the checkpoint, else its own. None: its own.",
        infotext="VAE",
        max_length=500,
    )
    width: int = parameter(512, label="Width", help="Width of the picture.", unit="px", step=8, ge=64, le=2048, multiple_of=8)
    height: int = parameter(512, label="Height", help="Height of the picture.", unit="px", step=8, ge=64, le=2048, multiple_of=8)
    steps: int = parameter(
        20, label="Steps", help="How many times noise is taken away. More is finer and slower.", infotext="Steps", step=1, ge=1, le=150
    )
    cfg_scale: float = parameter(
        7.0,
        label="CFG scale",
        help="How closely the picture follows the words. 1 ignores the negative prompt and is twice as fast.",
        infotext="CFG scale",
        step=0.1,
        ge=1,
        le=30,
    )
    distilled_cfg_scale: float = parameter(
        3.5,
        label="Distilled CFG scale",
        help="How closely FLUX dev follows the words, told to the model itself; other models don't know it. CFG scale is best 1 there.",
        infotext="Distilled CFG Scale",
        step=0.1,
        ge=1,
        le=30,
    )
    sampler: str = parameter("DPM++ 2M", label="Sampler", help="How each step is taken.", infotext="Sampler", max_length=100)
    schedule_type: str = parameter(
        samplers.AUTOMATIC,
        label="Schedule",
        help="How the noise levels are spaced. Automatic fits the sampler.",
        infotext="Schedule type",
        max_length=100,
    )
    seed: int = parameter(
        RANDOM_SEED,
        label="Seed",
        help="The same seed gives the same picture. -1 picks one at random; picture n of a job uses seed + n.",
        infotext="Seed",
        ge=RANDOM_SEED,
        le=MAX_SEED,
    )
    clip_skip: int = parameter(
        1,
        label="Clip skip",
        help="Which layer of the text encoder is used, counted from the end. 1 is the last.",
        infotext="Clip skip",
        step=1,
        ge=1,
        le=12,
    )
    attention: str = parameter(
        samplers.AUTOMATIC,
        label="Attention",
        help="The kernel that computes attention. Automatic takes the best that works; Sliced is slow and needs least memory.",
        max_length=100,
    )
    weight_storage: WeightStorage = parameter(
        AS_COMPUTED,
        label="Weight storage",
        help="fp8 and int8 keep the denoiser in half the memory (a quarter of fp32); the picture changes a little, steps are slower.",
        infotext="Diffusion in Low Bits",
    )
    emphasis: EmphasisMode = parameter(
        "Original",
        label="Emphasis",
        help="What (word:1.2) does. Original keeps each chunk's mean, No norm doesn't; Ignore: nothing; None: brackets are text.",
        infotext="Emphasis",
    )
    comma_backtrack: int = parameter(
        20,
        label="Comma padding backtrack",
        help="A full chunk of a long prompt ends at its last comma, if at most this many tokens stand behind it.",
        infotext="Comma padding backtrack",
        unit="tokens",
        step=1,
        ge=0,
        le=74,
    )
    pad_conds: bool = parameter(
        False,
        label="Pad prompts to one length",
        help="Lengthens the shorter of prompt and negative prompt with empty chunks. Faster for long ones, but other pictures.",
        infotext="Pad conds",
    )
    old_prompt_editing: bool = parameter(
        False,
        label="Old prompt editing timelines",
        help="The rule of before AUTOMATIC1111 1.6: in [a:b:when] numbers below 1 are fractions, others are steps.",
        infotext="Old prompt editing timelines",
    )
    rng: NoiseSource = parameter(
        "CPU",
        label="Noise source",
        help="Where noise is drawn. CPU: the same on every machine. NV: as an NVIDIA card draws it, on any machine. GPU: the card itself.",
        infotext="RNG",
    )
    variation_seed: int = parameter(
        RANDOM_SEED,
        label="Variation seed",
        help="The seed whose noise is mixed in. -1 picks one at random; picture n of a job uses it + n.",
        infotext="Variation seed",
        ge=RANDOM_SEED,
        le=MAX_SEED,
    )
    variation_strength: float = parameter(
        0.0,
        label="Variation strength",
        help="How much of the variation seed's noise is mixed in. Above 0 all pictures of a job keep one seed.",
        infotext="Variation seed strength",
        step=0.01,
        ge=0,
        le=1,
    )
    seed_resize_from: str = parameter(
        "",
        label="Resize seed from",
        help="Width x height at which the seed made a picture that you want again at another size, as 512x512. Empty: off.",
        infotext="Seed resize from",
        max_length=9,
    )
    seed_delta: int = parameter(
        0,
        label="Seed delta",
        help="Added to the seed for the noise that ancestral samplers draw on the way (ENSD).",
        infotext="ENSD",
        ge=-(2**31),
        le=2**31,
    )
    eta: float = parameter(
        1.0,
        label="Eta",
        help="How much of the noise ancestral and SDE samplers add on the way. 0 adds none.",
        infotext="Eta",
        step=0.01,
        ge=0,
        le=1,
    )
    eta_ddim: float = parameter(
        0.0, label="Eta of DDIM", help="The same for DDIM, which adds none by itself.", infotext="Eta DDIM", step=0.01, ge=0, le=1
    )
    sigma_churn: float = parameter(
        0.0,
        label="Sigma churn",
        help="Noise that Euler, Heun, HeunPP2 and DPM2 add before their steps, spread over all of them.",
        infotext="Sigma churn",
        step=0.1,
        ge=0,
        le=100,
    )
    sigma_tmin: float = parameter(
        0.0, label="Sigma tmin", help="Noise level below which churn adds none.", infotext="Sigma tmin", step=0.01, ge=0, le=100
    )
    sigma_tmax: float = parameter(
        0.0, label="Sigma tmax", help="Noise level above which churn adds none. 0: no limit.", infotext="Sigma tmax", step=0.1, ge=0, le=999
    )
    sigma_noise: float = parameter(
        1.0, label="Sigma noise", help="Factor on all noise added on the way.", infotext="Sigma noise", step=0.001, ge=0, le=1.1
    )
    sigma_min: float = parameter(
        0.0,
        label="Smallest noise level",
        help="Where the schedule ends. 0: the checkpoint's own.",
        infotext="Schedule min sigma",
        step=0.01,
        ge=0,
        le=10,
    )
    sigma_max: float = parameter(
        0.0,
        label="Largest noise level",
        help="Where the schedule begins. 0: the checkpoint's own.",
        infotext="Schedule max sigma",
        step=0.1,
        ge=0,
        le=100,
    )
    rho: float = parameter(
        0.0,
        label="Rho",
        help="How much Karras and Polyexponential prefer low noise. 0: their own, 7 and 1.",
        infotext="Schedule rho",
        step=0.1,
        ge=0,
        le=100,
    )
    beta_alpha: float = parameter(
        0.6,
        label="Beta alpha",
        help="Of the Beta schedule: smaller puts more steps at the end, to low noise.",
        infotext="Beta schedule alpha",
        step=0.01,
        ge=0.01,
        le=5,
    )
    beta_beta: float = parameter(
        0.6,
        label="Beta beta",
        help="Of the Beta schedule: smaller puts more steps at the start, to high noise.",
        infotext="Beta schedule beta",
        step=0.01,
        ge=0.01,
        le=5,
    )
    discard_next_to_last: bool = parameter(
        False,
        label="Leave out the smallest noise level",
        help="As DPM2, DPM2 a and DPM++ 3M SDE always do.",
        infotext="Discard penultimate sigma",
    )
    cfg_rescale: float = parameter(
        0.0,
        label="CFG rescale",
        help="Takes back the glare of a high CFG scale: 0.7 suits v-prediction checkpoints. 0: off.",
        infotext="CFG rescale",
        step=0.01,
        ge=0,
        le=1,
    )
    mimic_scale: float = parameter(
        0.0,
        label="Mimic CFG scale",
        help="Dynamic thresholding: keeps the contrast of this CFG scale at a higher one. 0: off.",
        infotext="Mimic scale",
        step=0.1,
        ge=0,
        le=30,
    )
    threshold_percentile: float = parameter(
        100.0,
        label="Threshold percentile",
        help="Dynamic thresholding: share of the values that is kept; those beyond are clamped.",
        infotext="Threshold percentile",
        unit="%",
        step=0.1,
        ge=90,
        le=100,
    )
    guidance_from: float = parameter(
        0.0,
        label="Guidance from",
        help="Share of the steps before which only the prompt is asked. Later is more varied and faster.",
        infotext="Skip Early CFG",
        step=0.01,
        ge=0,
        le=1,
    )
    guidance_to: float = parameter(
        1.0,
        label="Guidance to",
        help="Share of the steps after which only the prompt is asked. Sooner is softer and faster.",
        infotext="Guidance to",
        step=0.01,
        ge=0,
        le=1,
    )
    pag_scale: float = parameter(
        0.0,
        label="Perturbed attention",
        help="Guides away from a guess without structure; 3 is usual. Half as slow again. 0: off.",
        infotext="PAG scale",
        step=0.1,
        ge=0,
        le=10,
    )
    freeu_b1: float = parameter(
        1.0,
        label="FreeU b1",
        help="Strengthens the shape in the coarsest layers of the U-Net. 1: off.",
        infotext="FreeU b1",
        step=0.01,
        ge=0,
        le=2,
    )
    freeu_b2: float = parameter(
        1.0, label="FreeU b2", help="The same in the next layers. 1: off.", infotext="FreeU b2", step=0.01, ge=0, le=2
    )
    freeu_s1: float = parameter(
        1.0,
        label="FreeU s1",
        help="Damps what the coarsest layers are handed of coarse detail. 1: off.",
        infotext="FreeU s1",
        step=0.01,
        ge=0,
        le=4,
    )
    freeu_s2: float = parameter(
        1.0, label="FreeU s2", help="The same in the next layers. 1: off.", infotext="FreeU s2", step=0.01, ge=0, le=4
    )
    tiling: Tiling = parameter(
        "Off",
        label="Tiling",
        help="Makes a picture that goes on seamlessly where copies of it are laid side by side, one above the other, or both.",
        infotext="Tiling",
    )
    refiner: str = parameter(
        NO_REFINER,
        label="Refiner",
        help="A checkpoint that takes over in the middle of a picture; its latents must be of the same kind (SDXL's refiner).",
        infotext="Refiner",
        max_length=500,
    )
    refiner_switch_at: float = parameter(
        0.8,
        label="Switch at",
        help="Share of the noise levels, from the noisiest on, that the first checkpoint draws.",
        infotext="Refiner switch at",
        step=0.01,
        ge=0,
        le=1,
    )
    refiner_by_steps: bool = parameter(
        False,
        label="Count steps",
        help="Switch at a share of the steps instead of the noise levels, as AUTOMATIC1111 did before 1.8.",
        infotext="Refiner switch by sampling steps",
    )
    controls: tuple[ControlUnit, ...] = parameter(
        (), label="Control", help="Pictures that steer the picture, each through a ControlNet.", max_length=MOST_CONTROLS
    )
    regions: tuple[Region, ...] = parameter(
        (),
        label="Regions",
        help="Parts of the picture that follow prompts of their own, the lowest first. The prompt rules where none is.",
        max_length=MOST_REGIONS,
    )
    regions_apart: float = parameter(
        0.2,
        label="Regions apart",
        help="Share of the steps in which no region sees what is drawn around it. More keeps colours to their places, less joins them.",
        infotext="Regions apart",
        step=0.05,
        ge=0,
        le=1,
    )
    batch_count: int = parameter(1, label="Pictures", help="How many pictures to make, one after another.", step=1, ge=1, le=100)
    batch_size: int = parameter(
        1, label="Batch size", help="How many pictures a graphics card draws at once. A CPU draws one by one.", step=1, ge=1, le=8
    )

    @model_validator(mode="before")
    @classmethod
    def _split_joined_sampler_names(cls, data: Any) -> Any:
        for name, schedule_name, unset in SAMPLERS_AND_SCHEDULES:
            if isinstance(data, dict) and isinstance(data.get(name), str):
                sampler, schedule = samplers.split_joined_name(data[name])
                if schedule is not None:
                    data = {**data, name: sampler}
                    if data.get(schedule_name, unset) == unset:
                        data[schedule_name] = schedule
        return data

    @field_validator("sampler")
    @classmethod
    def _known_sampler(cls, value: str) -> str:
        return _of_ours(samplers.find_sampler(value).label, str(cls.model_fields["sampler"].get_default()))

    @field_validator("schedule_type")
    @classmethod
    def _known_schedule(cls, value: str) -> str:
        return _of_ours(samplers.find_schedule_label(value), samplers.AUTOMATIC)

    @field_validator("refiner")
    @classmethod
    def _named_refiner(cls, value: str) -> str:
        return _same_or(NO_REFINER, "refiner", value, lambda name: name)

    @field_validator("tiling", mode="before")
    @classmethod
    def _switched(cls, value: Any) -> Any:
        return _TILING_SWITCHED.get(str(value).casefold(), value)

    @field_validator("seed_resize_from", mode="before")
    @classmethod
    def _known_size(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        size = re.fullmatch(r"(-?\d{1,4})\s*[x×]\s*(-?\d{1,4})", value.strip())
        if size is None and value.strip():
            raise ValueError(SIZE_FORM)
        width, height = map(int, size.groups()) if size else (0, 0)
        # AUTOMATIC1111 writes 0x0 and -1x-1 for none.
        return f"{width}x{height}" if width > 0 and height > 0 else ""

    @field_validator("weight_storage", mode="before")
    @classmethod
    def _stored_by_any_name(cls, value: Any) -> Any:
        return OF_OTHERS.get(str(value).casefold(), value)

    @field_validator("attention")
    @classmethod
    def _known_attention(cls, value: str) -> str:
        return find_attention_label(value)

    @field_validator("prompt", "negative_prompt", "checkpoint", "vae", "refiner", mode="before")
    @classmethod
    def _clean_text(cls, value: Any) -> Any:
        return storable(value)

    @property
    def picture_count(self) -> int:
        """How many pictures this request makes in all."""
        return self.batch_count * self.batch_size

    @property
    def words(self) -> tuple[str, str]:
        """Its prompts."""
        return self.prompt, self.negative_prompt

    @property
    def seed_resize(self) -> tuple[int, int] | None:
        """Width and height in pixels at which noise is drawn; None: at the picture's own."""
        width, _, height = self.seed_resize_from.partition("x")
        return (int(width), int(height)) if height else None

    @property
    def guidance_scale(self) -> float:
        """The CFG scale as the sampler takes it; 1 asks nothing of the negative prompt."""
        return self.cfg_scale * samplers.find_sampler(self.sampler).cfg_factor

    @property
    def tiles(self) -> tuple[bool, bool]:
        """Whether the picture goes on along x, and along y."""
        return "X" in self.tiling, "Y" in self.tiling

    @property
    def other_refiner(self) -> str | None:
        """The checkpoint that takes over, where one does."""
        return None if self.refiner == NO_REFINER else self.refiner

    @property
    def texts(self) -> tuple[str, ...]:
        """All its prompts that are asked for."""
        return self.prompt, self.negative_prompt, *self.region_prompts

    @property
    def region_prompts(self) -> tuple[str, ...]:
        """The prompts of its regions."""
        return tuple(region.prompt for region in self.regions)

    @property
    def picture_size(self) -> Size:
        """Width and height in pixels of what is drawn at the end."""
        return self.enlargement.size if self.enlargement else (self.width, self.height)

    @property
    def other_hires_checkpoint(self) -> str | None:
        """The checkpoint that a hires pass wants, where that is another one."""
        return None


class Txt2Img(PictureRequest):
    """A picture from words."""

    kind: Literal["txt2img"] = "txt2img"
    hires_refiner: RefinedPass = parameter(
        "second pass", label="Refines", help="Which passes the refiner takes part in, with hires fix.", infotext="Hires refiner"
    )
    hires: bool = parameter(
        False,
        label="Hires fix",
        help="Draws the picture, enlarges it and draws on it once more, so that large pictures keep the composition of small ones.",
    )
    hires_scale: float = parameter(
        2.0,
        label="Enlarge by",
        help="How many times as wide and as high the hires pass makes the picture.",
        infotext="Hires upscale",
        unit="times",
        step=0.05,
        ge=1,
        le=4,
    )
    hires_width: int = parameter(
        0,
        label="Hires width",
        help="Width to enlarge to instead. 0: it follows from the height, or from Enlarge by.",
        unit="px",
        step=8,
        ge=0,
        le=4096,
        multiple_of=8,
    )
    hires_height: int = parameter(
        0,
        label="Hires height",
        help="Height to enlarge to instead. 0: it follows from the width. With both the picture is cut to fit.",
        unit="px",
        step=8,
        ge=0,
        le=4096,
        multiple_of=8,
    )
    hires_steps: int = parameter(
        0,
        label="Hires steps",
        help="Steps of the hires pass; all are taken. 0: as many as Steps.",
        infotext="Hires steps",
        step=1,
        ge=0,
        le=150,
    )
    denoising_strength: float = parameter(
        0.7,
        label="Denoising strength",
        help="How much of the enlarged picture is drawn anew. 0 only enlarges it; 1 keeps next to nothing of it.",
        infotext="Denoising strength",
        step=0.01,
        ge=0,
        le=1,
    )
    hires_upscaler: str = parameter(
        "Latent",
        label="Upscaler",
        help="What enlarges. Latent ones want a denoising strength of 0.5 or more; the others, models among them, work on the picture "
        "and keep more of it.",
        infotext="Hires upscaler",
        min_length=1,
        max_length=500,
    )
    hires_checkpoint: str = parameter(
        SAME_CHECKPOINT, label="Hires checkpoint", help="The model that draws the hires pass.", infotext="Hires checkpoint", max_length=500
    )
    hires_sampler: str = parameter(
        SAME_SAMPLER, label="Hires sampler", help="How each step of the hires pass is taken.", infotext="Hires sampler", max_length=100
    )
    hires_schedule_type: str = parameter(
        SAME_SCHEDULE,
        label="Hires schedule",
        help="How the noise levels of the hires pass are spaced.",
        infotext="Hires schedule type",
        max_length=100,
    )
    hires_cfg_scale: float = parameter(
        0.0, label="Hires CFG scale", help="CFG scale of the hires pass. 0: the same.", infotext="Hires CFG Scale", step=0.1, ge=0, le=30
    )
    hires_prompt: str = parameter(
        "",
        label="Hires prompt",
        help="Words for the hires pass, in place of the prompt. Empty: the same.",
        infotext="Hires prompt",
        max_length=MAX_PROMPT_CHARACTERS,
    )
    hires_negative_prompt: str = parameter(
        "",
        label="Hires negative prompt",
        help="What the hires pass leaves out, in place of the negative prompt. Empty: the same.",
        infotext="Hires negative prompt",
        max_length=MAX_PROMPT_CHARACTERS,
    )

    @field_validator("hires_upscaler")
    @classmethod
    def _labelled_upscaler(cls, value: str) -> str:
        return upscaler_label(storable(value))

    @field_validator("hires_sampler")
    @classmethod
    def _known_hires_sampler(cls, value: str) -> str:
        return _same_or(SAME_SAMPLER, "hires_sampler", value, lambda name: _of_ours(samplers.find_sampler(name).label, SAME_SAMPLER))

    @field_validator("hires_schedule_type")
    @classmethod
    def _known_hires_schedule(cls, value: str) -> str:
        return _same_or(
            SAME_SCHEDULE, "hires_schedule_type", value, lambda name: _of_ours(samplers.find_schedule_label(name), SAME_SCHEDULE)
        )

    @field_validator("hires_checkpoint")
    @classmethod
    def _named_hires_checkpoint(cls, value: str) -> str:
        return _same_or(SAME_CHECKPOINT, "hires_checkpoint", value, lambda name: name)

    @field_validator("hires_prompt", "hires_negative_prompt", "hires_checkpoint", mode="before")
    @classmethod
    def _clean_hires_text(cls, value: Any) -> Any:
        return storable(value)

    @property
    def texts(self) -> tuple[str, ...]:
        """All its prompts that are asked for."""
        return (*super().texts, *((self.hires_prompt, self.hires_negative_prompt) if self.hires else ()))

    @property
    def enlargement(self) -> Enlargement | None:
        """How the hires pass enlarges the picture; None without one."""
        wanted = self.hires_width, self.hires_height
        return enlargement(self.width, self.height, self.hires_scale, wanted) if self.hires else None

    @property
    def hires_upscaler_model(self) -> str | None:
        """The upscaler that the hires pass wants, where that is a model."""
        return self.hires_upscaler if self.hires and known_upscaler(self.hires_upscaler) is None else None

    @property
    def other_hires_checkpoint(self) -> str | None:
        """The checkpoint that the hires pass wants, where that is another one."""
        return self.hires_checkpoint if self.hires and self.hires_checkpoint != SAME_CHECKPOINT else None


def _name_of_picture() -> Any:
    return parameter(
        "", label="Name of the picture", help="What its file was called. It changes nothing.", infotext="Source file", max_length=255
    )


class PictureFromPicture(PictureRequest):
    """What every request asks for that starts from a picture."""

    init_image: ImageHash = parameter(
        ..., label="Picture", help="What is drawn on: the SHA-256 of a picture that was uploaded (POST /images) or made here."
    )
    denoising_strength: float = parameter(
        0.75,
        label="Denoising strength",
        help="How much is drawn anew. 0 gives the picture back; 1 keeps next to nothing of it.",
        infotext="Denoising strength",
        step=0.01,
        ge=0,
        le=1,
    )
    resize_mode: ResizeMode = parameter(
        "Just resize",
        label="Resize mode",
        help="How the picture comes to the size that is drawn: stretched; cut; whole, its edges drawn out; or stretched as latents.",
        infotext="Resize mode",
    )
    resize_by: float = parameter(
        0.0,
        label="Resize by",
        help="Width and height follow from those of the picture, so many times as large. 0: they are what they say.",
        unit="times",
        step=0.05,
        ge=0,
        le=4,
    )
    exact_steps: bool = parameter(
        False,
        label="Take all steps",
        help="Takes as many steps as Steps says, of a longer schedule; else only its last ones, by the denoising strength.",
        infotext="Exact steps",
    )
    noise_multiplier: float = parameter(
        1.0,
        label="Noise multiplier",
        help="Factor on the noise that is put on the picture. Less is smoother, more is richer in detail.",
        infotext="Noise multiplier",
        step=0.001,
        ge=0,
        le=1.5,
    )
    extra_noise: float = parameter(
        0.0,
        label="Extra noise",
        help="Noise that is put on the picture beyond what the steps take away. Gives more detail.",
        infotext="Extra noise",
        step=0.01,
        ge=0,
        le=1,
    )
    color_correction: bool = parameter(
        False,
        label="Keep the colours",
        help="Brings the colours of the result back to those of the picture that it started from.",
        infotext="Color correction",
    )
    mask_weight: float = parameter(
        1.0,
        label="Inpainting conditioning mask strength",
        help="For inpainting checkpoints: how much of what is under the mask is hidden from the model. 0 shows it all.",
        infotext="Conditional mask weight",
        step=0.01,
        ge=0,
        le=1,
    )
    loops: int = parameter(
        1,
        label="Loops",
        help="Loopback: how many rounds there are. Each draws on the picture of the one before; all are kept.",
        infotext="Loops",
        step=1,
        ge=1,
        le=32,
    )
    final_denoising_strength: float = parameter(
        0.5,
        label="Final denoising strength",
        help="Of the last round of a loopback; the first one's is the denoising strength.",
        infotext="Final denoising strength",
        step=0.01,
        ge=0,
        le=1,
    )
    denoising_curve: DenoisingCurve = parameter(
        "Linear",
        label="Strength curve",
        help="How the strength goes from the first round's to the last one's: evenly, most of it at the beginning, or most at the end.",
        infotext="Denoising curve",
    )

    init_name: str = _name_of_picture()

    @field_validator("init_name", mode="before")
    @classmethod
    def _clean_name(cls, value: Any) -> Any:
        return storable(value)

    @property
    def picture_count(self) -> int:
        """How many pictures this request makes in all, those of all rounds."""
        return super().picture_count * self.loops

    @property
    def rounds(self) -> tuple[Self, ...]:
        """Each round of a loopback, as if it were asked for by itself; but for the picture that the later ones start from."""
        return tuple(self._round(number) for number in range(self.loops)) if self.loops > 1 else (self,)

    def _round(self, number: int) -> Self:
        strength = strength_of(number, self.loops, self.denoising_strength, self.final_denoising_strength, self.denoising_curve)
        own: dict[str, Any] = {"denoising_strength": strength, "loops": 1}
        # What lies under the mask is then the picture of the round before.
        content = {"masked_content": "original"} if number and "masked_content" in type(self).model_fields else {}
        return self.model_copy(update=own | content)


def _side_in_tiles(name: str) -> Any:
    return parameter(
        512,
        label=name,
        help=f"{name} of the picture. Beyond {MOST_AT_ONCE} px it is drawn in tiles.",
        unit="px",
        step=8,
        ge=64,
        le=MOST_IN_TILES,
        multiple_of=8,
    )


class Img2Img(PictureFromPicture):
    """A picture from words and a picture."""

    kind: Literal["img2img"]
    width: int = _side_in_tiles("Width")
    height: int = _side_in_tiles("Height")
    tiled_drawing: TiledDrawing = parameter(
        "Off",
        label="Draw in tiles",
        help="For pictures larger than the model is good at. SD upscale: tile by tile, each a picture of its own. "
        "MultiDiffusion: all tiles agree in every step.",
        infotext="Tiled drawing",
    )
    tiled_scale: float = parameter(
        0.0,
        label="Enlarge by",
        help="In tiles: how many times as large as before the picture becomes. 0: as large as Width and Height say.",
        unit="times",
        step=0.05,
        ge=0,
        le=8,
    )
    tiled_upscaler: str = parameter(
        LANCZOS,
        label="Upscaler",
        help="In tiles: what enlarges the picture before it is drawn on, a model among your upscalers or a filter. It counts where the "
        "picture becomes larger.",
        infotext="SD upscale upscaler",
        min_length=1,
        max_length=500,
    )
    drawn_tile: int = parameter(
        512,
        label="Tile size",
        help="Side of a tile: what the model is good at, as 512 for Stable Diffusion 1 and 1024 for SDXL.",
        infotext="Drawn tile",
        unit="px",
        step=8,
        ge=64,
        le=2048,
        multiple_of=8,
    )
    drawn_overlap: int = parameter(
        64,
        label="Tile overlap",
        help="By how much tiles overlap at least. More hides seams better and takes longer.",
        infotext="Drawn overlap",
        unit="px",
        step=8,
        ge=0,
        le=512,
        multiple_of=8,
    )

    @model_validator(mode="after")
    def _fits_its_tiles(self) -> Self:
        check_tiles(self)
        return self

    @field_validator("tiled_upscaler")
    @classmethod
    def _labelled_tiled_upscaler(cls, value: str) -> str:
        known = known_upscaler(storable(value))
        if known is not None and known.latent:
            raise ValueError(f"{known.label} works on latents; use {', '.join(PIXEL_UPSCALER_LABELS)} or a model")
        return upscaler_label(storable(value))

    @property
    def tiled_upscaler_model(self) -> str | None:
        """The upscaler that enlarges before tiles are drawn, where that is a model."""
        at_work = self.tiled_drawing != "Off" and self.resize_mode != LATENT_RESIZE
        return self.tiled_upscaler if at_work and known_upscaler(self.tiled_upscaler) is None else None

    @property
    def in_tiles(self) -> tuple[Box, ...]:
        """Which parts of the picture are drawn; one, where it is drawn as a whole."""
        if self.tiled_drawing == "Off":
            return (Box(0, 0, self.width, self.height),)
        return tiles_of((self.width, self.height), self.drawn_tile, self.drawn_overlap, LATENT_PIXELS)


def check_tiles(request: Img2Img) -> None:
    """Raises InvalidRequest where a picture is too large for how it is drawn, and where its tiles can't be drawn."""
    size, tile, overlap = (request.width, request.height), request.drawn_tile, request.drawn_overlap
    if request.tiled_drawing == "Off":
        field = "width" if request.width > MOST_AT_ONCE else "height"
        if max(size) > MOST_AT_ONCE:
            allowed = f"at most {MOST_AT_ONCE} px, or {MOST_IN_TILES} px in tiles"
            raise InvalidRequest(f"{max(size)} px can't be drawn at once.", field=field, allowed=allowed, hint="Draw it in tiles.")
        return
    if overlap >= tile:
        hint = "Use a smaller overlap or larger tiles."
        raise InvalidRequest(
            f"Tiles of {tile} px can't overlap by {overlap} px.", field="drawn_overlap", allowed=f"less than {tile} px", hint=hint
        )
    number = len(request.in_tiles)
    if number > MOST_TILES:
        allowed = f"at most {MOST_TILES} tiles"
        raise InvalidRequest(f"The picture would take {number} tiles.", field="drawn_tile", allowed=allowed, hint="Use larger tiles.")
    if any(request.tiles):
        hint = "Leave Tiling off, or draw the picture as a whole."
        raise InvalidRequest("A picture that is drawn in tiles can't be seamless.", field="tiling", allowed="Off", hint=hint)
    if request.tiled_drawing == SD_UPSCALE and request.resize_mode == LATENT_RESIZE:
        raise InvalidRequest(
            "SD upscale enlarges pixels.", field="resize_mode", allowed="any other", hint="Use MultiDiffusion to enlarge latents."
        )
    if request.tiled_drawing == SD_UPSCALE and request.controls:
        hint = "Use MultiDiffusion, whose tiles each see their part of the control picture."
        raise InvalidRequest("SD upscale can't be controlled.", field="tiled_drawing", allowed="Off, MultiDiffusion", hint=hint)


def _extension(side: str) -> Any:
    return parameter(
        0,
        label=f"Extend {side}",
        help=f"By how much the picture is continued at its {side}.",
        infotext=f"Extend {side}",
        unit="px",
        step=8,
        ge=0,
        le=2048,
        multiple_of=8,
    )


class Inpaint(PictureFromPicture):
    """A picture of which only what is masked is drawn anew, or that is continued beyond its sides, or both in this order."""

    kind: Literal["inpaint"]
    mask: OptionalImageHash = parameter(
        "",
        label="Mask",
        help="What is drawn anew: the SHA-256 of a picture of the same size, white there and black elsewhere; "
        "if it is transparent somewhere, its alpha is the mask. Only a picture that is extended needs none.",
    )
    mask_blur: float = parameter(
        4.0, label="Mask blur", help="How softly the mask ends.", infotext="Mask blur", unit="px", step=1, ge=0, le=64
    )
    mask_mode: MaskMode = parameter(
        "Inpaint masked", label="Mask mode", help="Whether what is masked is drawn anew, or all else.", infotext="Mask mode"
    )
    masked_content: MaskedContent = parameter(
        "original",
        label="Masked content",
        help="What drawing begins with under the mask: the colours around it, the picture itself, noise, or nothing.",
        infotext="Masked content",
    )
    inpaint_area: InpaintArea = parameter(
        "Whole picture",
        label="Inpaint area",
        help="Whole picture: all of it at the size that is drawn. Only masked: what is masked, at that size, pasted back into the picture.",
        infotext="Inpaint area",
    )
    masked_padding: int = parameter(
        32,
        label="Masked area padding",
        help="How much around the mask the model sees with Only masked.",
        infotext="Masked area padding",
        unit="px",
        step=4,
        ge=0,
        le=256,
    )
    soft_inpainting: bool = parameter(
        False,
        label="Soft inpainting",
        help="What is masked in part changes in part: no edge is seen even at a high strength. Wants a mask that ends softly.",
        infotext="Soft inpainting enabled",
    )
    soft_schedule_bias: float = parameter(
        1.0,
        label="Schedule bias",
        help="When what is masked in part is held to the picture: above 1 rather in the first steps, below 1 rather to the end.",
        infotext="Soft inpainting schedule bias",
        step=0.1,
        ge=0,
        le=8,
    )
    soft_preservation: float = parameter(
        0.5,
        label="Preservation strength",
        help="How strongly what is masked in part is held to the picture.",
        infotext="Soft inpainting preservation strength",
        step=0.05,
        ge=0,
        le=8,
    )
    soft_contrast_boost: float = parameter(
        4.0,
        label="Transition contrast boost",
        help="Brings back the contrast that is lost where old and new are mixed.",
        infotext="Soft inpainting transition contrast boost",
        step=0.5,
        ge=1,
        le=32,
    )
    soft_mask_influence: float = parameter(
        0.0,
        label="Mask influence",
        help="How much the mask itself, beside the change, decides where the picture's own pixels stay in the end.",
        infotext="Soft inpainting mask influence",
        step=0.05,
        ge=0,
        le=1,
    )
    soft_difference_threshold: float = parameter(
        0.5,
        label="Difference threshold",
        help="How much a place may change and still have its own pixels mixed in at the end.",
        infotext="Soft inpainting difference threshold",
        step=0.25,
        ge=0,
        le=8,
    )
    soft_difference_contrast: float = parameter(
        2.0,
        label="Difference contrast",
        help="How sharply what keeps its own pixels is told from what doesn't.",
        infotext="Soft inpainting difference contrast",
        step=0.25,
        ge=0,
        le=8,
    )

    extend_left: int = _extension("left")
    extend_right: int = _extension("right")
    extend_top: int = _extension("top")
    extend_bottom: int = _extension("bottom")
    extend_overlap: int = parameter(
        0,
        label="Overlap",
        help="How far into the picture its continuation may change it, less and less. 0 keeps every pixel of it.",
        infotext="Extend overlap",
        unit="px",
        step=1,
        ge=0,
        le=256,
    )
    extend_rounds: int = parameter(
        1,
        label="Rounds",
        help="In how many rounds it is extended: each draws its part with what the one before has drawn in sight.",
        infotext="Extend rounds",
        step=1,
        ge=1,
        le=16,
    )

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        if not self.mask and not any(self.extends):
            info = parameters_of(Inpaint)["mask"]
            raise InvalidRequest(f"{info.label} is missing.", field="mask", hint=info.help)
        if self.loops > 1 and any(self.extends):
            words = "Each round of a loopback would extend the picture again."
            raise InvalidRequest(
                words, field="loops", allowed="1 where the picture is extended", hint="Extend it first, then loop what came of it."
            )
        return self

    @property
    def extends(self) -> Sides:
        """By how many pixels the picture is extended on each side."""
        return Sides(self.extend_left, self.extend_top, self.extend_right, self.extend_bottom)

    @property
    def windows(self) -> tuple[Window, ...]:
        """What is drawn to extend it, one after the other; none where it isn't."""
        return windows_of(self.source_size, self.extends, self.extend_rounds, (self.width, self.height), self.masked_padding)

    @property
    def source_size(self) -> Size:
        """Width and height in pixels of the picture that it starts from; as long as that isn't known, those that are drawn."""
        return self.width, self.height

    @property
    def only_masked(self) -> bool:
        """Whether what is masked is drawn by itself and pasted back into the whole picture."""
        return self.inpaint_area == "Only masked" or any(self.extends)

    @property
    def inverted(self) -> bool:
        """Whether all but what is masked is drawn anew."""
        return self.mask_mode == "Inpaint not masked"


class Upscale(BaseRequest):
    """A picture that is there already and is finished anew: enlarged, or whatever its chain says. No checkpoint draws on it."""

    kind: Literal["upscale"]
    init_image: ImageHash = parameter(
        ..., label="Picture", help="What is finished: the SHA-256 of a picture that was uploaded (POST /images) or made here."
    )
    init_name: str = _name_of_picture()

    @field_validator("init_name", mode="before")
    @classmethod
    def _clean_name(cls, value: Any) -> Any:
        return storable(value)

    @model_validator(mode="after")
    def _something_is_done(self) -> Self:
        if not self.finishing:
            info = parameters_of(Upscale)["finishing"]
            hint = 'Send at least one step, as [{"step": "upscale"}].'
            raise InvalidRequest(f"{info.label} is empty.", field="finishing", allowed="at least one step", hint=hint)
        return self


def _of_ours(label: str, usual: str) -> str:
    """A label; the usual one for what a pipeline drew its own way, should another checkpoint draw it again."""
    return usual if label == samplers.PIPELINES_OWN else label


def _same_or(same: str, field: str, value: str, find: Callable[[str], str]) -> str:
    """The word for no choice of one's own, which being empty means too, or what is found by that name."""
    if value.strip().casefold() in ("", same.casefold()):
        return same
    try:
        return find(value)
    except InvalidRequest as error:
        error.field, error.allowed = field, f"{same}, {error.allowed}"
        raise


HIRES_FIELDS = tuple(name for name in Txt2Img.model_fields if name.startswith("hires_") or name == "denoising_strength")
"""What can be chosen about the hires pass."""

TILED_FIELDS = ("tiled_drawing", "tiled_upscaler", "drawn_tile", "drawn_overlap")
"""What can be chosen about drawing in tiles."""

SOFT_FIELDS = tuple(name for name in Inpaint.model_fields if name.startswith("soft_"))
"""What can be chosen about soft inpainting."""

DrawnRequest = Txt2Img | Img2Img | Inpaint
"""Any request whose pictures a checkpoint draws."""


def upscaler_model_of(request: DrawnRequest) -> tuple[str, str] | None:
    """The field that names an upscaler which is a model and enlarges before something is drawn, and that name; None without one."""
    if isinstance(request, Txt2Img):
        field, name = "hires_upscaler", request.hires_upscaler_model
    else:
        field, name = "tiled_upscaler", request.tiled_upscaler_model if isinstance(request, Img2Img) else None
    return None if name is None else (field, name)


GenerationRequest = DrawnRequest | Upscale
"""Any request; its `kind` says which. Further tasks join here."""


class Resolved(PictureRequest):
    """What will be drawn: nothing random or automatic is left in it. Made by `webui.generation.resolve`."""

    # No default on purpose: a resolved request without these can't be made.
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]  # pyright: ignore[reportGeneralTypeIssues]
    variation_seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    checkpoint: Annotated[str, Field(min_length=1, max_length=500)]  # pyright: ignore[reportGeneralTypeIssues]
    checkpoint_hash: str = Field(title="Model hash", description="First 10 hex digits of the checkpoint's content hash.")
    pipeline: str = parameter(
        "", label="Pipeline", help="The pipeline of diffusers that draws it. Empty: Easel's engine.", infotext="Pipeline"
    )
    vae: str = parameter(VAE_NONE, label="VAE", help="The VAE in place of the checkpoint's own.", infotext="VAE", max_length=500)
    vae_hash: str = Field(default="", title="VAE hash", description="First 10 hex digits of the VAE's content hash.")
    refiner_hash: str = Field(
        default="", title="Refiner hash", description="First 10 hex digits of the content hash of the checkpoint that takes over."
    )
    loras: tuple[UsedLora, ...] = Field(default=(), title="LoRAs", description="Those that the prompt names and that are there, in order.")
    embeddings: tuple[UsedEmbedding, ...] = Field(
        default=(), title="Embeddings", description="Those that the prompts name and that are there."
    )

    @field_validator("sampler")
    @classmethod
    def _known_sampler(cls, value: str) -> str:
        return samplers.find_sampler(value).label

    @field_validator("schedule_type")
    @classmethod
    def _known_schedule(cls, value: str) -> str:
        return samplers.find_schedule_label(value)

    @property
    def works_with(self) -> str:
        """What it needs loaded, in a word: its place in line and the pace of its pictures go by that."""
        return self.checkpoint

    @property
    def image_seeds(self) -> tuple[int, ...]:
        """The seed of each picture: seed, seed + 1, ...; one for all where they are variations (AUTOMATIC1111's counting)."""
        step = 0 if self.variation_strength else 1
        return tuple((self.seed + step * index) % (MAX_SEED + 1) for index in range(self.picture_count))

    @property
    def image_variation_seeds(self) -> tuple[int, ...]:
        """The variation seed of each picture: it, it + 1, ... where they are variations."""
        step = 1 if self.variation_strength else 0
        return tuple((self.variation_seed + step * index) % (MAX_SEED + 1) for index in range(self.picture_count))

    def alone(self, index: int, init_image: str = "") -> Self:
        """The request that makes the picture of that index by itself. init_image: what a later round of a loopback started from."""
        seeds = {"seed": self.image_seeds[index], "variation_seed": self.image_variation_seeds[index]}
        return self.model_copy(update={**seeds, "batch_count": 1, "batch_size": 1})


class ResolvedTxt2Img(Resolved, Txt2Img):
    """A picture from words, as it will be drawn."""

    hires_checkpoint_hash: str = Field(
        default="",
        title="Hires model hash",
        description="First 10 hex digits of the content hash of the hires pass's own checkpoint.",
    )
    hires_upscaler_hash: str = Field(
        default="", title="Hires upscaler hash", description="First 10 hex digits of the hires upscaler's content hash, of a model."
    )
    hires_loras: tuple[UsedLora, ...] = Field(
        default=(), title="Hires LoRAs", description="Those that the hires prompt names and that are there, in order."
    )


class ResolvedFromPicture(Resolved, PictureFromPicture):
    """What starts from a picture, as it will be drawn."""

    loopback: str = parameter("", label="Loopback", help="Which round of a loopback it is, as 2 of 4. Empty: of none.", infotext="Loopback")

    def alone(self, index: int, init_image: str = "") -> Self:
        """The request that makes the picture of that index by itself. init_image: what a later round of a loopback started from."""
        alone, number = super().alone(index), index % self.loops
        told = {"loopback": f"{number + 1} of {self.loops}"} if self.loops > 1 else {}
        return alone.rounds[number].model_copy(update=told | ({"init_image": init_image} if init_image else {}))


class ResolvedImg2Img(ResolvedFromPicture, Img2Img):
    """A picture from words and a picture, as it will be drawn."""

    # Of two bases the first one's bounds would count.
    width: int = _side_in_tiles("Width")
    height: int = _side_in_tiles("Height")
    tiled_upscaler_hash: str = Field(
        default="", title="SD upscale upscaler hash", description="First 10 hex digits of that upscaler's content hash, of a model."
    )


class ResolvedInpaint(ResolvedFromPicture, Inpaint):
    """A picture of which only what is masked is drawn anew, as that will be done. picture_width, picture_height: of the source, in px."""

    picture_width: int = Field(title="Width of the picture", description="Of the one that it starts from.", ge=1)
    picture_height: int = Field(title="Height of the picture", description="Of the one that it starts from.", ge=1)

    @model_validator(mode="after")
    def _can_be_extended(self) -> Self:
        if any(self.extends):
            check_extension(self.source_size, self.extends, (self.width, self.height), len(self.windows))
        return self

    @property
    def source_size(self) -> Size:
        """Width and height in pixels of the picture that it starts from."""
        return self.picture_width, self.picture_height

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height in pixels of what comes out at the end."""
        return self.extends.added_to(self.source_size) if self.only_masked else (self.width, self.height)


class ResolvedUpscale(Upscale):
    """A picture that is finished anew, as that will be done. picture_width, picture_height: of the source, in px.

    source_infotext: what its file says of how it was made, to which the steps are appended; source_prompt and source_negative_prompt
    are of it.
    """

    picture_width: int = Field(title="Width of the picture", description="Of the one that it starts from.", ge=1)
    picture_height: int = Field(title="Height of the picture", description="Of the one that it starts from.", ge=1)
    source_infotext: str = Field(default="", title="Infotext of the picture", description="Of the one that it starts from; empty for none.")
    source_prompt: str = Field(default="", title="Prompt of the picture", description="Of the one that it starts from.")
    source_negative_prompt: str = Field(default="", title="Negative prompt of the picture", description="Of the one that it starts from.")

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        _ = self.finished_size  # raises where it would be too large
        return self

    @property
    def picture_size(self) -> Size:
        """Width and height in pixels of the picture before it is finished."""
        return self.picture_width, self.picture_height

    @property
    def words(self) -> tuple[str, str]:
        """Prompt and negative prompt that the picture was made from, as far as its file tells."""
        return self.source_prompt, self.source_negative_prompt

    @property
    def works_with(self) -> str:
        """What it needs loaded, in a word: its place in line and the pace of its pictures go by that."""
        return "/".join((NO_CHECKPOINT, *dict.fromkeys(name for step in self.finishing for name in step.models().values())))

    @property
    def image_seeds(self) -> tuple[None]:
        """It isn't drawn, so there is no seed."""
        return (None,)

    def alone(self, index: int, init_image: str = "") -> Self:
        """The request that makes the picture of that index by itself: this one."""
        return self


ResolvedDrawn = ResolvedTxt2Img | ResolvedImg2Img | ResolvedInpaint
"""Any request as a checkpoint will draw it."""

ResolvedRequest = ResolvedDrawn | ResolvedUpscale
"""Any request as it will run."""

REQUEST_TYPES: Mapping[str, type[GenerationRequest]] = MappingProxyType(
    {"txt2img": Txt2Img, "img2img": Img2Img, "inpaint": Inpaint, "upscale": Upscale}
)
RESOLVED_TYPES: Mapping[str, type[ResolvedRequest]] = MappingProxyType(
    {"txt2img": ResolvedTxt2Img, "img2img": ResolvedImg2Img, "inpaint": ResolvedInpaint, "upscale": ResolvedUpscale}
)
"""By their kind; a request that names none is one for a picture from words."""


@dataclass(frozen=True)
class ParameterInfo:
    """The words and bounds of one parameter, as the page and the docs show them. default: None where there is none."""

    name: str
    label: str
    help: str
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    unit: str
    infotext: str | None

    @property
    def allowed(self) -> str | None:
        """The allowed range in words, or None where there is none."""
        if self.minimum is None or self.maximum is None:
            return None
        unit = f" {self.unit}" if self.unit else ""
        return f"{_plain(self.minimum)} to {_plain(self.maximum)}{unit}" + (
            f", in steps of {_plain(self.step)}" if self.step and self.step > 1 else ""
        )


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def _bound(info: FieldInfo, name: str) -> float | None:
    return next((getattr(item, name) for item in info.metadata if hasattr(item, name)), None)


def parameters_of(request_type: type[BaseModel]) -> dict[str, ParameterInfo]:
    """Every declared parameter of a request type, by field name, in order of declaration."""
    result = {}
    for name, info in request_type.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        step = extra.get("step")
        infotext = extra.get("infotext")
        result[name] = ParameterInfo(
            name=name,
            label=info.title or name,
            help=info.description or "",
            default=None if info.is_required() else info.get_default(call_default_factory=True),
            minimum=_bound(info, "ge"),
            maximum=_bound(info, "le"),
            step=float(step) if isinstance(step, int | float) else None,
            unit=str(extra.get("unit", "")),
            infotext=str(infotext) if infotext else None,
        )
    return result


def explain_validation(error: ValidationError, request_type: type[BaseModel]) -> InvalidRequest:
    """Turn pydantic's first complaint into one sentence that names the field, the range and the way out."""
    first = error.errors(include_url=False)[0]
    field, info, part = _place_of(first["loc"], request_type)
    if first["type"].startswith("union_tag"):
        known = ", ".join(STEP_TYPES)
        given = first.get("input")
        words = repr(given.get("step"))[:60] if isinstance(given, dict) and "step" in given else "left out"
        return InvalidRequest(f"A step can't be {words}.", field=f"{field}.step", allowed=known, hint=f"Use one of {known}.")
    if first["type"] == "extra_forbidden":
        known = ", ".join(part.model_fields)
        return InvalidRequest(
            f"There is no field called {str(field)[:80]!r}.", field=field, allowed=known, hint="Leave it out, or check its spelling."
        )
    if info is None:
        return InvalidRequest(
            f"The request cannot be read: {first['msg'].removeprefix('Value error, ')}.",
            field=field,
            hint="Send one JSON object of fields.",
        )
    if first["type"] == "string_too_long":
        limit = first.get("ctx", {}).get("max_length", MAX_PROMPT_CHARACTERS)
        return InvalidRequest(
            f"{info.label} is too long.", field=field, allowed=f"at most {limit:,} characters", hint="Shorten it and try again."
        )
    if first["type"] == "missing":
        return InvalidRequest(f"{info.label} is missing.", field=field, hint=info.help)
    if first["type"] == "string_pattern_mismatch":
        words = f"{info.label} can't be {repr(first.get('input'))[:60]}."
        allowed = "a colour as #rrggbb" if first.get("ctx", {}).get("pattern") == HEX else "64 lower hex digits"
        return InvalidRequest(words, field=field, allowed=allowed, hint=info.help)
    value = first.get("input")
    shown = "not a number" if isinstance(value, float) and not math.isfinite(value) else repr(value)[:60]
    if isinstance(value, dict):
        shown = "as it was sent"
    allowed = info.allowed
    return InvalidRequest(
        f"{info.label} can't be {shown}.",
        field=field,
        allowed=allowed,
        hint=f"Use {allowed}." if allowed else f"{first['msg'].removeprefix('Value error, ')}.",
    )


def _place_of(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str | None, ParameterInfo | None, type[BaseModel]]:
    """Where pydantic complains: the field as "controls[0].weight", its words, and the model that it belongs to."""
    field, info, inner = "", None, model
    for step in loc:
        if isinstance(step, int):
            field += f"[{step}]"
            continue
        if info is not None and inner is model:
            several = _models_in(model.model_fields[info.name].annotation)
            chosen = next((one for one in several if len(several) > 1 and step in _tags_of(one)), None)
            if chosen is not None:  # which of a union it is, is no part of the field's name
                inner = chosen
                continue
            inner = next(iter(several), model)
        field += f".{step}" if field else str(step)
        if info is None or inner is not model:  # else it is a key in a table, whose own words are those to say
            model, info = inner, parameters_of(inner).get(str(step))
    return field or None, info, model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field holds, those in tuples and unions too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _tags_of(model: type[BaseModel]) -> list[Any]:
    """What says in a union that it is this model."""
    return [tag for info in model.model_fields.values() if get_origin(info.annotation) is Literal for tag in get_args(info.annotation)]


def parse_request(data: Any) -> GenerationRequest:
    """A request from untrusted JSON-like data. Raises InvalidRequest naming field, allowed range and way out."""
    return _of_kind(data, REQUEST_TYPES)


AnyType = TypeVar("AnyType", bound=BaseRequest)


def _of_kind(data: Any, types: Mapping[str, type[AnyType]]) -> AnyType:
    kind = data.get("kind", "txt2img") if isinstance(data, dict) else "txt2img"
    request_type = types.get(kind) if isinstance(kind, str) else None
    if request_type is None:
        known = ", ".join(types)
        raise InvalidRequest(f"The kind of a request can't be {repr(kind)[:60]}.", field="kind", allowed=known, hint=f"Use {known}.")
    try:
        return request_type.model_validate(data)
    except ValidationError as error:
        raise explain_validation(error, request_type) from None


def _before_prompt_grammar(fields: dict[str, Any]) -> dict[str, Any]:
    """Long prompts were cut wherever a chunk was full, and always lengthened to the longer one."""
    return fields | {"comma_backtrack": 0, "pad_conds": True}


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _before_prompt_grammar}
"""Stored form of version n -> stored form of version n + 1."""


def dump_request(request: BaseModel) -> str:
    """The stored form: versioned JSON that `load_request` and `load_resolved` read back exactly."""
    return json.dumps({"version": REQUEST_VERSION, **request.model_dump(mode="json")}, ensure_ascii=False)


def _stored_fields(text: str) -> dict[str, Any]:
    data = json.loads(text)
    version = data.pop("version", None)
    if not isinstance(version, int) or not 1 <= version <= REQUEST_VERSION:
        raise InvalidRequest(
            f"This request was stored by another version of Easel (form {version!r}).",
            field="version",
            allowed=f"1 to {REQUEST_VERSION}",
            hint="Update Easel and try again.",
        )
    for step in range(version, REQUEST_VERSION):
        data = UPGRADES[step](data)
    return data


def load_request(text: str) -> GenerationRequest:
    """The request that `dump_request` wrote, upgraded from older versions."""
    return parse_request(_stored_fields(text))


@functools.lru_cache(maxsize=256)  # frozen, and every look at queue and history asks for the same ones
def load_resolved(text: str) -> ResolvedRequest:
    """The resolved request that `dump_request` wrote, upgraded from older versions."""
    return parse_resolved(_stored_fields(text))


def parse_resolved(fields: Mapping[str, Any]) -> ResolvedRequest:
    """A resolved request from its fields. Raises InvalidRequest."""
    return _of_kind(fields, RESOLVED_TYPES)

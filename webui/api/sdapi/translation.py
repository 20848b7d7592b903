"""From what a client of AUTOMATIC1111 asks to requests of Easel: frozen, complete, and run by the same queue as all others."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webui.api.sdapi import controlnet, job_scripts, options, scripts
from webui.api.sdapi.asking import Asking
from webui.api.sdapi.bodies import MOST_PICTURES, DrawBody, Img2ImgBody, Txt2ImgBody
from webui.api.sdapi.faces import NONE_THERE, restorer_of, step_for_drawing
from webui.api.sdapi.pictures import checked, decoded, flattened, kept, mask_of, upright
from webui.api.sdapi.problems import AsTold, BadBody, bad_field, complaint
from webui.errors import InvalidRequest
from webui.generation import samplers
from webui.generation.infotext import map_fields, read_infotext
from webui.generation.request import (
    NO_REFINER,
    RANDOM_SEED,
    SAME_CHECKPOINT,
    SAME_SAMPLER,
    SAME_SCHEDULE,
    GenerationRequest,
    Img2Img,
    Inpaint,
    Txt2Img,
    parse_request,
)
from webui.generation.resolve import LAST_RANDOM_SEED

Fields = dict[str, Any]

_GRAIN = 8
"""Pixels: sizes are whole multiples; what is over is cut off, as in AUTOMATIC1111."""

_OWN_NAMES: Mapping[str, str] = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "subseed": "variation_seed",
    "subseed_strength": "variation_strength",
    "n_iter": "batch_count",
    "batch_size": "batch_size",
    "steps": "steps",
    "cfg_scale": "cfg_scale",
    "distilled_cfg_scale": "distilled_cfg_scale",
    "width": "width",
    "height": "height",
    "denoising_strength": "denoising_strength",
}
"""Fields that both have under different names -> ours."""

_HIRES_NAMES: Mapping[str, str] = {
    "hr_scale": "hires_scale",
    "hr_upscaler": "hires_upscaler",
    "hr_second_pass_steps": "hires_steps",
    "hr_resize_x": "hires_width",
    "hr_resize_y": "hires_height",
    "hr_checkpoint_name": "hires_checkpoint",
    "hr_sampler_name": "hires_sampler",
    "hr_scheduler": "hires_schedule_type",
    "hr_prompt": "hires_prompt",
    "hr_negative_prompt": "hires_negative_prompt",
    "hr_cfg": "hires_cfg_scale",
}
"""The same of the hires pass."""

_PICTURE_NAMES: Mapping[str, str] = {
    "inpaint_full_res_padding": "masked_padding",
    "mask_blur": "mask_blur",
    "initial_noise_multiplier": "noise_multiplier",
    "init_images": "init_image",
    "mask": "mask",
}

_FURTHER_NAMES: Mapping[str, str] = {
    "sampler_name": "sampler",
    "scheduler": "schedule_type",
    "refiner_checkpoint": "refiner",
    "refiner_switch_at": "refiner_switch_at",
    "s_churn": "sigma_churn",
    "s_tmin": "sigma_tmin",
    "s_tmax": "sigma_tmax",
    "s_noise": "sigma_noise",
    "eta": "eta",
}

_THEIR_NAMES: Mapping[str, str] = {
    ours: theirs for names in (_OWN_NAMES, _HIRES_NAMES, _PICTURE_NAMES, _FURTHER_NAMES) for theirs, ours in names.items()
}
"""How a client calls a field of ours that something is wrong with."""

_RESIZE_MODES = ("Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)")
_CONTENTS = ("fill", "original", "latent noise", "latent nothing")
_NETWORK = re.compile(r"<\w+:[^<>]+>")
_FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WebP", "avif": "AVIF"}
_ENDLESS = 999.0
"""Of s_tmax: as good as no limit; more is said by some."""


@dataclass(frozen=True)
class ScriptAsked:
    """A job script of an add-on by its id, with the values of its fields. cells: whether its pictures are sent besides its grids."""

    script: str
    values: dict[str, Any]
    cells: bool


@dataclass(frozen=True)
class Translated:
    """What a body asks for. requests: one, but where several pictures are to be drawn on. notes: what is not done, in words.

    keep: options that stay when the job is done. script: the job script that makes many of the first one, where one does.
    """

    requests: tuple[GenerationRequest, ...]
    notes: tuple[str, ...] = ()
    keep: Mapping[str, Any] | None = None
    script: ScriptAsked | None = None


class Translator:
    """Reads a body with the options of who sends it."""

    def __init__(self, who: Asking, book: options.OptionBook) -> None:
        self._person, self._studio = who.person, who.studio
        self._book = book
        self._script: ScriptAsked | None = None

    def txt2img(self, body: Txt2ImgBody) -> Translated:
        """A picture from words. Raises BadBody, AsTold, and what `studio.submit` raises."""
        told = self._options(body)
        fields = self._common(body, told, "txt2img")
        if body.enable_hr:
            fields |= self._hires(body, fields)
        else:
            fields.pop("denoising_strength", None)
        fields = self._scripted(body, fields, "txt2img", None)
        return self._done(body, told, (fields,))

    def img2img(self, body: Img2ImgBody) -> Translated:
        """Pictures from pictures. Raises as `txt2img` does; AsTold (404) without any."""
        given = [picture for picture in body.init_images if picture]
        if not given:
            raise AsTold("Init image not found", "There is no picture to draw on.", status=404, hint="Send it in init_images, as base64.")
        if len(given) > 1 and len(given) > body.batch_size:
            raise bad_field("init_images", f"There are {len(given)} pictures for a batch_size of {body.batch_size}")
        told = self._options(body)
        common = self._common(body, told, "img2img")
        starts = [self._start(picture, str(told[options.BACKGROUND])) for picture in given]
        made = [self._from_picture(body, common, start) for start in starts]
        return self._done(body, told, tuple(made) if len(made) == 1 else self._each(body, made))

    # what both have

    def _options(self, body: DrawBody) -> dict[str, Any]:
        """The person's options with those of this one job."""
        override = {name: value for name, value in body.override_settings.items() if value is not None}
        told = self._book.of(self._person) | self._book.checked(
            {name: value for name, value in override.items() if name in options.OPTIONS}
        )
        modules = override.get(options.MODULES)
        if isinstance(modules, list | str) and options.VAE not in override:
            told |= self._vae_among([modules] if isinstance(modules, str) else modules)
        return told | {options.FORMAT: override.get(options.FORMAT)}

    def _vae_among(self, modules: list[Any]) -> dict[str, str]:
        """Forge names VAE and text encoders in one list: the VAE of it; encoders are found by themselves."""
        known = self._studio.choices.vae_names()[2:]
        stems = {name.rpartition(".")[0]: name for name in known} | {name: name for name in known}
        files = (str(module).replace("\\", "/").rpartition("/")[2] for module in modules)
        found = next((name for file in files if (name := stems.get(file) or stems.get(file.rpartition(".")[0]))), None)
        return {} if found is None else {options.VAE: found}

    def _common(self, body: DrawBody, told: Mapping[str, Any], kind: str) -> Fields:
        request_type = Txt2Img if kind == "txt2img" else Img2Img
        fields: Fields = {"kind": kind, **options.fields_of(told, request_type.model_fields)}
        fields["checkpoint"] = self._checkpoint(str(told[options.CHECKPOINT]))
        fields["tiling"] = bool(told[options.TILING] if body.tiling is None else body.tiling)
        fields |= {ours: getattr(body, theirs) for theirs, ours in _OWN_NAMES.items()}
        fields |= {name: fields[name] // _GRAIN * _GRAIN for name in ("width", "height")}
        fields |= {"seed": max(body.seed, RANDOM_SEED), "variation_seed": max(body.subseed, RANDOM_SEED)}
        fields["variation_strength"] = max(body.subseed_strength, 0)
        fields["seed_resize_from"] = _size(body.seed_resize_from_w, body.seed_resize_from_h)
        fields["styles"] = self._styles(body.styles)
        fields |= _sampling(body.sampler_name or body.sampler_index, body.scheduler)
        fields |= _noise(body)
        fields |= self._refiner(body)
        if body.disable_extra_networks:
            fields |= {name: _NETWORK.sub("", fields[name]) for name in ("prompt", "negative_prompt")}
        if (form := _FORMATS.get(str(told[options.FORMAT] or "").casefold())) is not None:
            fields["finishing"] = [{"step": "format", "format": form}]
        return self._with_faces(body, told, fields | self._told_by_infotext(body, fields))

    def _with_faces(self, body: DrawBody, told: Mapping[str, Any], fields: Fields) -> Fields:
        """With the step that restores faces before all others, where that is asked for and there is a restorer."""
        if not self._restores(body, told):
            return fields
        step = step_for_drawing(self._studio, str(told[options.RESTORER]), float(told[options.RESTORER_WEIGHT]))
        return fields if step is None else fields | {"finishing": [step, *fields.get("finishing", ())]}

    @staticmethod
    def _restores(body: DrawBody, told: Mapping[str, Any]) -> bool:
        return bool(told[options.RESTORE] if body.restore_faces is None else body.restore_faces)

    def _checkpoint(self, name: str) -> str:
        return options.find_checkpoint(self._studio, name).name if name else self._first()

    def _first(self) -> str:
        checkpoint = self._book.checkpoint({})
        return checkpoint.name if checkpoint else ""

    def _styles(self, names: list[str]) -> list[str]:
        known = {one.style.name for one in self._studio.styles.all()[0]} if names else set()
        return [name for name in names if name in known]

    def _refiner(self, body: DrawBody) -> Fields:
        name = (body.refiner_checkpoint or "").strip()
        if name in ("", NO_REFINER):
            return {}
        switch = {} if body.refiner_switch_at is None else {"refiner_switch_at": body.refiner_switch_at}
        return {"refiner": options.find_checkpoint(self._studio, name).name, **switch}

    def _told_by_infotext(self, body: DrawBody, fields: Fields) -> Fields:
        """What a text of parameters says of fields that the body doesn't have."""
        if not body.infotext:
            return {}
        mapped = map_fields(read_infotext(body.infotext))
        given = {ours for ours, theirs in _THEIR_NAMES.items() if body.gave(theirs)}
        given |= {"sampler", "schedule_type"} if body.gave("sampler_index") or body.gave("sampler_name") else set()
        known = Txt2Img.model_fields if fields["kind"] == "txt2img" else Img2Img.model_fields
        told = {**mapped.fields, **(mapped.of_source if fields["kind"] == "img2img" else {})}
        told = {name: value for name, value in told.items() if name in known and name not in given | {"kind", "controls", "init_image"}}
        name = str(told.pop("checkpoint", ""))
        override = body.override_settings.get(options.CHECKPOINT)
        if name and not override and name in [entry.name for entry in self._studio.checkpoints()]:
            told["checkpoint"] = name
        return told

    def _scripted(self, body: DrawBody, fields: Fields, tab: scripts.Tab, start: str | None) -> Fields:
        """The fields as scripts change them. Raises BadBody."""
        for title, given in body.alwayson_scripts.items():
            arguments = given.get("args", []) if isinstance(given, dict) else given
            if title.strip().casefold() == scripts.CONTROLNET:
                fields = fields | {"controls": controlnet.units_of(arguments, self._studio, start)}
                continue
            script = scripts.chosen(title, tab, always_on=True)
            if arguments:
                fields = fields | script.apply(scripts.values_of(script, arguments, "alwayson_scripts"), fields, self._studio)
        if body.script_name:
            script = scripts.chosen(body.script_name, tab, always_on=False)
            values = scripts.values_of(script, body.script_args or [], "script_args")
            fields = fields | script.apply(values, fields, self._studio)
            self._script = self._asked_of(script, values, fields)
        return fields

    def _asked_of(self, script: scripts.Script, values: Mapping[str, Any], fields: Fields) -> ScriptAsked | None:
        """The job script of an add-on that does it, with its values. Raises BadBody."""
        if script.runs is None:
            return None
        identifier, make = script.runs
        job_scripts.require(self._studio, identifier, script.title)
        return ScriptAsked(identifier, make(values, fields, self._studio), cells=bool(values.get(scripts.LONE_IMAGES, True)))

    def _done(self, body: DrawBody, told: Mapping[str, Any], asked: tuple[Fields, ...]) -> Translated:
        requests = tuple(_parsed(fields) for fields in asked)
        lacks = self._restores(body, told) and all(restorer_of(request) is None for request in requests)
        notes = [NONE_THERE] if lacks else []
        if self._script is not None and len(requests) > 1:
            raise bad_field("init_images", "A script takes one picture: send one")
        keep = None if body.override_settings_restore_afterwards else body.override_settings
        return Translated(requests, tuple(notes), keep, self._script)

    # hires

    def _hires(self, body: Txt2ImgBody, fields: Fields) -> Fields:
        told: Fields = {"hires": True, **{ours: getattr(body, theirs) for theirs, ours in _HIRES_NAMES.items() if body.gave(theirs)}}
        told |= {name: told[name] // _GRAIN * _GRAIN for name in ("hires_width", "hires_height") if name in told}
        told |= self._first_phase(body, fields)
        checkpoint = body.hr_checkpoint_name or ""
        told["hires_checkpoint"] = SAME_CHECKPOINT if _same(checkpoint) else self._checkpoint(checkpoint)
        sampler = body.hr_sampler_name or ""
        own = {} if _same(sampler) else _sampling(sampler, None)
        told["hires_sampler"] = own.get("sampler", SAME_SAMPLER)
        told["hires_schedule_type"] = body.hr_scheduler or own.get("schedule_type", SAME_SCHEDULE)
        return told

    @staticmethod
    def _first_phase(body: Txt2ImgBody, fields: Fields) -> Fields:
        """The old way to say it: width and height are those of the finished picture."""
        if body.firstphase_width <= 0 and body.firstphase_height <= 0:
            return {}
        width, height = fields["width"], fields["height"]
        first_width = body.firstphase_width if body.firstphase_width > 0 else round(width * body.firstphase_height / height)
        first_height = body.firstphase_height if body.firstphase_height > 0 else round(height * body.firstphase_width / width)
        sides = {"width": first_width, "height": first_height, "hires_width": width, "hires_height": height}
        return {name: side // _GRAIN * _GRAIN for name, side in sides.items()}

    # pictures

    def _start(self, picture: str, background: str) -> str:
        sha256 = kept(self._studio, decoded(self._studio, picture, "init_images"), "init_images")
        return flattened(self._studio, sha256, background, "init_images")

    def _from_picture(self, body: Img2ImgBody, common: Fields, start: str) -> Fields:
        fields = common | {"init_image": start, "resize_mode": _RESIZE_MODES[body.resize_mode]}
        if body.initial_noise_multiplier is not None:
            fields["noise_multiplier"] = body.initial_noise_multiplier
        if body.mask:
            fields |= self._masked(body, start)
        fields = self._scripted(body, fields, "img2img", start)
        if fields.get("mask") is None:
            fields.pop("mask", None)
        request_type = Inpaint if fields["kind"] == "inpaint" else Img2Img
        return {name: value for name, value in fields.items() if name in request_type.model_fields}

    def _masked(self, body: Img2ImgBody, start: str) -> Fields:
        """What a mask asks for: painting what is white in it; with nothing white, drawing on the whole picture, or on none of it."""
        data = decoded(self._studio, body.mask, "mask")
        checked(self._studio, data, "mask")
        size = upright(self._studio, start, "init_images").size
        mask = mask_of(self._studio, data, size, rounded=body.mask_round, inverted=bool(body.inpainting_mask_invert))
        if mask is None:
            return {} if body.inpaint_full_res else {"denoising_strength": 0.0}
        blur = body.mask_blur if body.mask_blur is not None else (body.mask_blur_x + body.mask_blur_y) / 2
        return {
            "kind": "inpaint",
            "mask": mask,
            "mask_blur": blur,
            "mask_mode": "Inpaint not masked" if body.inpainting_mask_invert else "Inpaint masked",
            "masked_content": _CONTENTS[body.inpainting_fill],
            "inpaint_area": "Only masked" if body.inpaint_full_res else "Whole picture",
            "masked_padding": body.inpaint_full_res_padding,
        }

    def _each(self, body: Img2ImgBody, made: list[Fields]) -> tuple[Fields, ...]:
        """Of several pictures one request each, and that for each of n_iter; seeds go on as if they were one batch."""
        varied = made[0]["variation_strength"] > 0
        seed, variation = (made[0][name] for name in ("seed", "variation_seed"))
        seed, variation = (random.SystemRandom().randint(0, LAST_RANDOM_SEED) if one == RANDOM_SEED else one for one in (seed, variation))
        several = [fields for _ in range(max(body.n_iter, 0)) for fields in made]
        if not several or len(several) > MOST_PICTURES:
            raise bad_field("n_iter", f"{body.n_iter} times {len(made)} pictures can't be drawn at once: at most {MOST_PICTURES}")
        alone = {"batch_count": 1, "batch_size": 1}
        return tuple(
            fields | alone | ({"seed": seed, "variation_seed": variation + index} if varied else {"seed": seed + index})
            for index, fields in enumerate(several)
        )


def _same(name: str) -> bool:
    """Whether this says that the hires pass has no choice of its own."""
    return not name.strip() or name.strip().casefold().startswith(("use same", "none"))


def _size(width: int, height: int) -> str:
    return f"{width}x{height}" if 0 < width <= 9999 and 0 < height <= 9999 else ""


def _sampling(name: str, scheduler: str | None) -> Fields:
    """Sampler and schedule by any of their names. Raises AsTold (404) for a sampler that isn't known, BadBody for such a schedule."""
    sampler, joined = samplers.split_joined_name(name)
    try:
        told: Fields = {"sampler": samplers.find_sampler(sampler).label}
    except InvalidRequest as error:
        raise AsTold("Sampler not found", error.message, status=404, field="sampler_name", hint=f"There are: {error.allowed}.") from None
    wanted = scheduler if scheduler and scheduler.strip() else None
    if wanted is None or wanted.strip().casefold() == samplers.AUTOMATIC.casefold():
        return told | {"schedule_type": joined or samplers.AUTOMATIC}
    try:
        return told | {"schedule_type": samplers.find_schedule_label(wanted)}
    except InvalidRequest as error:
        raise bad_field("scheduler", str(error)) from None


def _noise(body: DrawBody) -> Fields:
    """Numbers of the sampler that the body has; a clear nonsense such as no noise at all, which one client sends, says nothing."""
    told: Fields = {}
    if body.eta is not None:
        told |= {"eta": body.eta, "eta_ddim": body.eta}
    usable: dict[str, Callable[[float], bool]] = {"s_churn": lambda value: value >= 0, "s_tmin": lambda value: value >= 0}
    usable |= {"s_tmax": lambda value: value >= 0, "s_noise": lambda value: value > 0}
    for name, fits in usable.items():
        value = getattr(body, name)
        if value is not None and fits(value):
            told[_FURTHER_NAMES[name]] = min(value, _ENDLESS) if name == "s_tmax" else value
    return told


def _parsed(fields: Fields) -> GenerationRequest:
    """The request of these fields. Raises BadBody that names the client's field."""
    try:
        return parse_request(fields)
    except InvalidRequest as error:
        raise as_bad_body(error) from None


def as_bad_body(error: InvalidRequest) -> BadBody:
    """An error about a field of ours, as one about the client's."""
    field = _THEIR_NAMES.get(error.field or "", error.field)
    return BadBody([complaint(field, str(error))])

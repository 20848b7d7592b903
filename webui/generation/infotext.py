"""Generation parameters as text: AUTOMATIC1111's infotext, written, read, and mapped to the fields of a request.

```
<prompt, may span lines>
Negative prompt: <negative, may span lines>
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x768, ...
```

Which key belongs to which field stands on the field itself (`infotext=` in webui.generation.request).
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from webui.errors import InvalidRequest
from webui.generation.adapters import hashes_text
from webui.generation.control import INFOTEXT_KEY as CONTROL_KEY
from webui.generation.control import read_unit, write_unit
from webui.generation.finishing_infotext import read_steps, tells_of_step, write_steps
from webui.generation.regions import INFOTEXT_KEY as REGION_KEY
from webui.generation.regions import read_regions, write_regions
from webui.generation.request import (
    SOFT_FIELDS,
    TILED_FIELDS,
    BaseRequest,
    Img2Img,
    Inpaint,
    PictureFromPicture,
    PictureRequest,
    ResolvedDrawn,
    ResolvedRequest,
    ResolvedTxt2Img,
    ResolvedUpscale,
    Txt2Img,
    parameters_of,
    parse_request,
)
from webui.generation.samplers import PIPELINES_OWN
from webui.generation.weight_storage import IN_FORGE

PNG_TEXT_KEY = "parameters"
NEGATIVE_KEY = "Negative prompt:"
MAX_INFOTEXT_CHARACTERS = 256 * 1024

# A key is at most 60 characters here, so that a long line without colons is read in linear time.
_PAIR = re.compile(r'\s*(\w[\w \-/]{1,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d+)x(\d+)")
_SIZES: Mapping[str, tuple[str, str]] = MappingProxyType({"Size": ("width", "height"), "Hires resize": ("hires_width", "hires_height")})
"""Keys of two numbers -> their fields."""
_LEAST_PAIRS = 3
_HASH_DIGITS = 10

ALWAYS = ("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model")
"""Keys that every infotext has; others are left out where they say what a reader takes for granted."""

ORDER = (
    *ALWAYS[:4],
    "Distilled CFG Scale",
    *ALWAYS[4:],
    *(
        "VAE hash",
        "VAE",
        "Variation seed",
        "Variation seed strength",
        "Seed resize from",
        "Denoising strength",
        "Clip skip",
        "ENSD",
        "RNG",
        "Tiling",
    ),
)
"""The first keys, in AUTOMATIC1111's order. The rest follow as their fields are declared, the version at last."""

HIRES_KEYS = ("Denoising strength", "Hires upscale", "Hires upscaler")
"""Keys that every infotext of a hires pass has; by the last two, or "Hires resize", readers know that there was one."""

SOFT_KEYS = tuple(str(parameters_of(Inpaint)[name].infotext) for name in SOFT_FIELDS)
"""Keys that every infotext of soft inpainting has, and no other."""

TILED_KEYS = tuple(str(parameters_of(Img2Img)[name].infotext) for name in TILED_FIELDS)
"""Keys that only infotexts of pictures have that were drawn in tiles."""

EXTENSION_KEYS = tuple(f"Extend {side}" for side in ("left", "right", "top", "bottom"))
"""Keys by which readers know that a picture was extended."""

HIRES_SIZE = "Hires resize"
"""In place of "Hires upscale": width x height, one of them 0 where it follows from the other."""

LOOPBACK_KEYS = ("Final denoising strength", "Denoising curve")
"""Keys that every infotext of a loopback has, and no other."""

TAKEN_FOR_GRANTED: Mapping[str, str] = MappingProxyType({"RNG": "GPU", "Mask blur": "0"})
"""What a missing key means in AUTOMATIC1111, where that isn't the field's default."""

TELLING = frozenset(
    {
        *("Version", "Model hash", "VAE hash", "Lora hashes", "TI hashes", "Hashes", "User", "Init image hash", "Parser", "App", "Backend"),
        *("Operations", "Pipeline", "Wildcard prompt", "Wildcard negative prompt", "Template", "Negative Template", "Created Date"),
        "Loopback",
    }
)
"""Keys that tell of the picture and set nothing."""


def _quote(value: str) -> str:
    plain = value == value.strip() and not any(mark in value for mark in ',\n:"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquote(value: str) -> str:
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


LOW_BITS = "Diffusion in Low Bits"

AS_OTHERS = MappingProxyType({("Tiling", "X and Y"): "True", **{(LOW_BITS, own): forge for own, forge in IN_FORGE.items()}})
"""Key and value -> what AUTOMATIC1111, or Forge, writes there."""


def _written(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def write_infotext(request: ResolvedRequest, seed: int | None, version: str) -> str:
    """The infotext of one picture. seed: this picture's own; None where it wasn't drawn."""
    return _appended(request, version) if isinstance(request, ResolvedUpscale) else _of_drawn(request, seed, version)


def _appended(request: ResolvedUpscale, version: str) -> str:
    """What the file of the source says, with the steps behind: nothing of it is lost."""
    told = read_infotext(request.source_infotext).parameters
    pairs = _joined_pairs(write_steps(request.finishing, told))
    if told:
        return f"{request.source_infotext.rstrip()}, {pairs}"
    # Readers take a line for one of parameters from three pairs on.
    source = _joined_pairs({"Init image hash": request.init_image[:_HASH_DIGITS], "Version": f"easel-{version}"})
    return "\n".join([*([request.source_infotext.rstrip()] if request.source_infotext.strip() else []), f"{pairs}, {source}"])


def _joined_pairs(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {_quote(value)}" for key, value in pairs.items())


def _of_drawn(request: ResolvedDrawn, seed: int | None, version: str) -> str:
    pairs = {"Size": f"{request.width}x{request.height}", "Model hash": request.checkpoint_hash}
    kind = type(request)
    always = {*ALWAYS, *_always_told(request)}
    for key, name in _fields_by_key(kind).items():
        value = _written(seed if name == "seed" else getattr(request, name))
        if key in always or value != _granted(key, name, kind):
            pairs[key] = AS_OTHERS.get((key, value), value)
    pairs |= _hashes(request) | {f"ControlNet {number}": write_unit(unit) for number, unit in enumerate(request.controls)}
    pairs |= write_regions(request.regions) | write_steps(request.finishing)
    if isinstance(request, ResolvedTxt2Img):
        pairs = _with_hires_size(pairs, request) if request.hires else _without_hires(pairs)
    if isinstance(request, Inpaint) and not request.soft_inpainting:
        pairs = {key: value for key, value in pairs.items() if key not in SOFT_KEYS}
    if isinstance(request, Img2Img) and request.tiled_drawing == "Off":
        pairs = {key: value for key, value in pairs.items() if key not in TILED_KEYS}
    pairs = _with_loopback(_with_refiner(pairs, request), request)
    ordered = sorted(pairs, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
    return _joined_lines(request.prompt, request.negative_prompt, {key: pairs[key] for key in ordered} | {"Version": f"easel-{version}"})


def _joined_lines(prompt: str, negative_prompt: str, pairs: Mapping[str, str]) -> str:
    return "\n".join([prompt, *([f"{NEGATIVE_KEY} {negative_prompt}"] if negative_prompt else []), _joined_pairs(pairs)])


def _always_told(request: ResolvedDrawn) -> tuple[str, ...]:
    """The keys that an infotext has beside ALWAYS, by the kind of its request."""
    if isinstance(request, Txt2Img):
        return HIRES_KEYS if request.hires else ()
    if not isinstance(request, Inpaint):
        return ("Denoising strength",)
    padding = ("Masked area padding",) if request.only_masked else ()
    return ("Denoising strength", *padding, *(SOFT_KEYS if request.soft_inpainting else ()))


def _with_hires_size(pairs: dict[str, str], request: ResolvedTxt2Img) -> dict[str, str]:
    if request.hires_checkpoint_hash:
        pairs["Hires checkpoint"] += f" [{request.hires_checkpoint_hash}]"
    if not request.hires_width and not request.hires_height:
        return pairs
    size = f"{request.hires_width}x{request.hires_height}"
    return {HIRES_SIZE if key == "Hires upscale" else key: size if key == "Hires upscale" else value for key, value in pairs.items()}


def _with_refiner(pairs: dict[str, str], request: ResolvedDrawn) -> dict[str, str]:
    if request.other_refiner is None:
        return {key: value for key, value in pairs.items() if not key.startswith("Refiner ") and key != "Hires refiner"}
    title = f"{request.refiner} [{request.refiner_hash}]" if request.refiner_hash else request.refiner
    return pairs | {"Refiner": title, "Refiner switch at": _written(request.refiner_switch_at)}


def _with_loopback(pairs: dict[str, str], request: ResolvedDrawn) -> dict[str, str]:
    if not isinstance(request, PictureFromPicture) or (request.loops == 1 and not request.loopback):
        return {key: value for key, value in pairs.items() if key not in LOOPBACK_KEYS}
    told = (_written(request.final_denoising_strength), request.denoising_curve)
    return pairs | dict(zip(LOOPBACK_KEYS, told, strict=True))


def _without_hires(pairs: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in pairs.items() if not key.startswith("Hires ") and key not in HIRES_KEYS}


def _hashes(request: ResolvedDrawn) -> dict[str, str]:
    """The hashes of what was used beside the checkpoint; keys without any are left out."""
    loras = dict.fromkeys((*request.loras, *(request.hires_loras if isinstance(request, ResolvedTxt2Img) else ())))
    texts = {"VAE hash": request.vae_hash, "Lora hashes": hashes_text(loras), "TI hashes": hashes_text(request.embeddings)}
    return {key: text for key, text in texts.items() if text}


@functools.cache
def _fields_by_key(request_type: type[PictureRequest]) -> Mapping[str, str]:
    """Infotext key -> field, of all fields that stand in the line of parameters."""
    # A resolved request narrows fields without telling their keys again.
    kinds = [kind for kind in reversed(request_type.mro()) if issubclass(kind, PictureRequest)]
    declared = {info.infotext: name for kind in kinds for name, info in parameters_of(kind).items() if info.infotext}
    return {key: name for key, name in declared.items() if name != "negative_prompt"}


@functools.cache
def _granted(key: str, name: str, kind: type[PictureRequest] = ResolvedTxt2Img) -> str:
    return TAKEN_FOR_GRANTED.get(key) or _written(kind.model_fields[name].get_default())


@dataclass(frozen=True)
class Infotext:
    """Infotext taken apart: texts, and the parameters by their keys as written (values un-quoted)."""

    prompt: str
    negative_prompt: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The same as text, which `read_infotext` takes apart again."""
        return _joined_lines(self.prompt, self.negative_prompt, self.parameters)


def read_infotext(text: str) -> Infotext:
    """Take infotext apart. Never raises; text without a parameter line is all prompt."""
    lines = text[:MAX_INFOTEXT_CHARACTERS].replace("\r\n", "\n").split("\n")
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    pairs = _PAIR.findall(lines[-1])
    if len(pairs) < _LEAST_PAIRS:
        pairs = []
    else:
        lines = lines[:-1]
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in lines:
        if line.startswith(NEGATIVE_KEY):
            target = negative
            line = line[len(NEGATIVE_KEY) :].removeprefix(" ")
        target.append(line)
    parameters = {key.strip(): _unquote(value.strip()) for key, value in pairs}
    return Infotext("\n".join(prompt), "\n".join(negative), parameters)


# --- To the fields of a request ---


@dataclass(frozen=True)
class Unmapped:
    """A parameter that sets nothing here, and why."""

    key: str
    value: str
    reason: str


@dataclass(frozen=True)
class Mapped:
    """Valid values for the fields of a request for a picture from words, and what found no place.

    of_source: where the picture was made from another one, the kind of request and its further fields; only the pictures are missing.
    """

    fields: Mapping[str, Any]
    unmapped: tuple[Unmapped, ...] = ()
    of_source: Mapping[str, Any] = field(default_factory=dict)


def map_fields(infotext: Infotext) -> Mapped:
    """The fields that an infotext sets. Keys that it leaves out mean what they mean in AUTOMATIC1111; never raises."""
    infotext = _modern(infotext)
    fields: dict[str, Any] = {}
    unmapped: list[Unmapped] = []
    names = _fields_by_key(Txt2Img)
    source = _source_of(infotext.parameters)
    source_keys = _source_keys(type(source)) if source else {}
    of_source = _of_source(infotext.parameters, source, unmapped) if source else {}

    def take(key: str, value: str, given: dict[str, Any], beside: Mapping[str, Any] = MappingProxyType({})) -> None:
        try:
            request = parse_request({**beside, **given})
        except InvalidRequest as error:
            allowed = f" Allowed: {error.allowed}." if error.allowed and len(error.allowed) < 60 else ""
            unmapped.append(Unmapped(key, value[:200], f"{error.message}{allowed}"))
        else:
            fields.update({name: getattr(request, name) for name in given} | _joined(request, given))

    for name, text in (("prompt", infotext.prompt), ("negative_prompt", infotext.negative_prompt)):
        take(name.replace("_", " ").capitalize(), text, {name: text})
    told = {key: names[key] for key in names if key in infotext.parameters}
    # Sampler first: an old name of it says the schedule too, unless that is told by its own key.
    for key in sorted(told, key="Sampler".__ne__):
        take(key, infotext.parameters[key], {told[key]: infotext.parameters[key]})
    for key, value in infotext.parameters.items():
        size = _SIZE.fullmatch(value) if key in _SIZES else None
        if size:
            for name, side in zip(_SIZES[key], size.groups(), strict=True):
                take(key, value, {name: side}, _drawn_in_tiles(of_source))
        elif (
            key not in told
            and key not in source_keys
            and key not in TELLING
            and not CONTROL_KEY.fullmatch(key)
            and not REGION_KEY.fullmatch(key)
            and not tells_of_step(key)
            and not _is_how_easel_does_it(key, value)
        ):
            unmapped.append(Unmapped(key, value[:200], "Easel has no such setting."))
    for key, value in infotext.parameters.items():
        if CONTROL_KEY.fullmatch(key):
            unit = read_unit(value)
            if "image" in unit:
                take(key, value, {"controls": [*fields.get("controls", ()), unit]})
            else:
                unmapped.append(Unmapped(key, value[:200], "The text doesn't hold its picture; choose that in Control."))
    for key, step in read_steps(infotext.parameters).items():
        take(key, infotext.parameters[key], {"finishing": [*fields.get("finishing", ()), step]})
    for key, region in read_regions(infotext.parameters).items():
        take(key, str(region.get("prompt", "")), {"regions": [*fields.get("regions", ()), region]})
    if infotext.parameters:
        fields = {"controls": (), "regions": (), "finishing": ()} | fields
        left_out = {key: name for key, name in names.items() if key not in infotext.parameters and key not in ALWAYS}
        try:
            # All at once, as they nearly always can be: an import takes thousands of infotexts.
            granted = parse_request({name: _granted(key, name) for key, name in left_out.items()})
        except InvalidRequest:
            for key, name in left_out.items():
                take(key, _granted(key, name), {name: _granted(key, name)})
        else:
            given = dict.fromkeys(left_out.values())
            fields.update({name: getattr(granted, name) for name in given} | _joined(granted, given))
        fields.setdefault("schedule_type", Txt2Img.model_fields["schedule_type"].get_default())
        fields["hires"] = any(key in infotext.parameters for key in (*HIRES_KEYS[1:], HIRES_SIZE))
        fields = {"hires_width": 0, "hires_height": 0} | fields
    return Mapped(fields, tuple(unmapped), of_source)


_NO_PICTURE = "0" * 64
_MASK_KEYS = ("Mask blur", "Mask mode", "Masked content", "Inpaint area", "Masked area padding", *SOFT_KEYS, *EXTENSION_KEYS)


def _source_of(parameters: Mapping[str, str]) -> Img2Img | Inpaint | None:
    """A request of the kind that an infotext tells of, if that started from a picture."""
    if any(key in parameters for key in _MASK_KEYS):
        return Inpaint(kind="inpaint", init_image=_NO_PICTURE, mask=_NO_PICTURE)
    hires = any(key in parameters for key in (*HIRES_KEYS[1:], HIRES_SIZE))
    return Img2Img(kind="img2img", init_image=_NO_PICTURE) if "Denoising strength" in parameters and not hires else None


def _source_keys(kind: type[PictureRequest]) -> Mapping[str, str]:
    """Infotext key -> field, of what only requests from a picture have, and of the denoising strength, which means another thing there."""
    keys = _fields_by_key(kind).items()
    return {key: name for key, name in keys if name == "denoising_strength" or name not in Txt2Img.model_fields}


def _of_source(parameters: Mapping[str, str], source: Img2Img | Inpaint, unmapped: list[Unmapped]) -> dict[str, Any]:
    """What an infotext tells of the fields that only requests from a picture have, and of the denoising strength; and the kind."""
    kind = type(source)
    pictures = source.model_dump(include={"kind", "init_image", "mask"})
    asked: dict[str, Any] = {"kind": source.kind}
    for key, name in _source_keys(kind).items():
        value = parameters.get(key, _granted(key, name, kind))
        try:
            asked[name] = getattr(parse_request({**pictures, name: value}), name)
        except InvalidRequest as error:
            unmapped.append(Unmapped(key, value[:200], error.message))
    return asked


def _drawn_in_tiles(of_source: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a size is allowed beside, where the picture was drawn in tiles: larger sizes than else."""
    if of_source.get("tiled_drawing", "Off") == "Off":
        return {}
    return {"init_image": _NO_PICTURE, **{name: of_source[name] for name in ("kind", *TILED_FIELDS)}}


def _is_how_easel_does_it(key: str, value: str) -> bool:
    """Whether the key says what no request can change here, and says it as it is."""
    name = _fields_by_key(ResolvedTxt2Img).get(key)
    return name is not None and value == _written(ResolvedTxt2Img.model_fields[name].get_default())


def _joined(request: BaseRequest, given: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(request, PictureRequest) and "sampler" in given and "schedule_type" in request.model_fields_set:
        return {"schedule_type": request.schedule_type}
    return {}


# --- Old forms ---

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_HYPERNET_KEYS = ("Hypernet", "Hypernet strength")


def _modern(infotext: Infotext) -> Infotext:
    """What older and other programs wrote, as it is written today."""
    known = {key.casefold(): key for key in _fields_by_key(Txt2Img)}
    told = {known.get(key.casefold(), key): value for key, value in infotext.parameters.items()}
    # What a pipeline of diffusers did its own way says nothing to other checkpoints.
    parameters = {key: value for key, value in told.items() if value != PIPELINES_OWN}
    prompt = infotext.prompt
    version = _VERSION.match(parameters.get("Version", ""))
    if version and tuple(map(int, version.groups())) < (1, 6, 0) and "[" in infotext.prompt + infotext.negative_prompt:
        parameters.setdefault("Old prompt editing timelines", "True")
    if version and tuple(map(int, version.groups())) < (1, 8, 0) and "Refiner" in parameters:
        parameters.setdefault("Refiner switch by sampling steps", "True")
    if parameters.get("Hypernet", "None") != "None":
        name, strength = (parameters.get(key, "") for key in _HYPERNET_KEYS)
        prompt += f"<hypernet:{name}:{strength or '1.0'}>"
        parameters = {key: value for key, value in parameters.items() if key not in _HYPERNET_KEYS}
    if parameters.get("FP8 weight") == "Enable":
        parameters = {
            LOW_BITS if key == "FP8 weight" else key: IN_FORGE["fp8"] if key == "FP8 weight" else value for key, value in parameters.items()
        }
    parameters = _hires_of_old(parameters)
    if parameters.get("Sampler") == "Undefined":
        # Civitai's generator says so of Flux, together with a clip skip that Flux has not.
        parameters |= {"Sampler": "Euler", "Schedule type": "Simple"}
        parameters.pop("Clip skip", None)
        if "CFG scale" in parameters:
            parameters["Distilled CFG Scale"] = parameters.pop("CFG scale")
            parameters["CFG scale"] = "1"
    return replace(infotext, prompt=prompt, parameters=parameters)


_OLD_FIRST_PASS_PIXELS = 512 * 512


def _hires_of_old(parameters: dict[str, str]) -> dict[str, str]:
    """The size of the first pass was a key of its own once, and the other one that of the picture. 0x0: about 512x512, by its ratio."""
    first = _SIZE.fullmatch(parameters.get("First pass size", ""))
    whole = _SIZE.fullmatch(parameters.get("Size", ""))
    if first is None or whole is None:
        return parameters
    width, height = map(int, first.groups())
    if not width or not height:
        sides = [int(side) for side in whole.groups()]
        scale = math.sqrt(_OLD_FIRST_PASS_PIXELS / max(sides[0] * sides[1], 1))
        width, height = (math.ceil(scale * side / 64) * 64 for side in sides)
    told = {key: value for key, value in parameters.items() if key != "First pass size"}
    return {**told, "Size": f"{width}x{height}", HIRES_SIZE: parameters["Size"]}

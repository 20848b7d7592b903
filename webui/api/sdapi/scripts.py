"""AUTOMATIC1111's scripts that Easel really takes, each as the fields of a request that it sets. A further one is one entry of SCRIPTS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from webui.api.sdapi import job_scripts
from webui.api.sdapi.problems import bad_field
from webui.generation.enlarging import PIXEL_UPSCALER_LABELS
from webui.generation.loopback import DenoisingCurve
from webui.generation.request import SD_UPSCALE, SOFT_FIELDS, Inpaint, Txt2Img, parameters_of
from webui.studio.add_ons import script_id
from webui.studio.studio import Studio

Fields = dict[str, Any]
Tab = Literal["txt2img", "img2img"]
TABS: tuple[Tab, ...] = get_args(Tab)

LONE_IMAGES = "Include Lone Images"
"""Whether the cells of a grid are sent as well."""

_SIDES = ("left", "right", "up", "down")


@dataclass(frozen=True)
class Argument:
    """One argument of a script. value: its default, whose type it has; None: anything, which is not looked at."""

    label: str
    value: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """One script. title: as clients name it, case aside. always_on: it stands under alwayson_scripts, else in script_name.

    arguments: in AUTOMATIC1111's order. apply(values by label, fields so far, studio): the fields that it changes.
    runs: the job script of an add-on that does it instead, and what makes that script's values of these.
    """

    title: str
    tabs: tuple[Tab, ...]
    always_on: bool
    arguments: tuple[Argument, ...]
    apply: Callable[[Mapping[str, Any], Fields, Studio], Fields]
    runs: tuple[str, Callable[[Mapping[str, Any], Fields, Studio], dict[str, Any]]] | None = None


# --- Each of them ---


def _refiner(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    return {"refiner": values["Checkpoint"], "refiner_switch_at": values["Switch at"]} if values["Refiner"] else {}


def _soft_inpainting(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    if not values["Soft inpainting"] or fields.get("kind") != "inpaint":
        return {}
    infos = parameters_of(Inpaint)
    return {"soft_inpainting": True, **{name: values[infos[name].label] for name in SOFT_FIELDS if name != "soft_inpainting"}}


def _dynamic_thresholding(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    if not values["Enable"]:
        return {}
    return {"mimic_scale": values["Mimic CFG Scale"], "threshold_percentile": values["Threshold percentile"]}


def _freeu(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    return {f"freeu_{name.lower()}": values[name] for name in ("B1", "B2", "S1", "S2")} if values["Enabled"] else {}


def _pag(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    return {"pag_scale": values["Scale"]} if values["Enabled"] else {}


def _nothing(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    """What Easel does by itself, and what isn't a matter of fields."""
    return {}


def _sd_upscale(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    named = values["Upscaler"]
    names = upscaler_names(studio)
    if isinstance(named, int) and not 0 <= named < len(names):
        raise bad_field("script_args", f"There is no upscaler of number {named}: there are {len(names)}")
    return {
        "kind": "img2img",
        "mask": None,
        "tiled_drawing": SD_UPSCALE,
        "tiled_upscaler": names[named] if isinstance(named, int) else named,
        "tiled_scale": values["Scale factor"],
        "drawn_tile": max(fields["width"], fields["height"]),
        "drawn_overlap": values["Tile overlap"] // 8 * 8,
    }


def _loopback(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    if values["Append interrogated prompt at each iteration"] not in ("None", ""):
        raise bad_field("script_args", "Nothing that describes pictures is installed, so no prompt can be appended: send None")
    return {
        "loops": values["Loops"],
        "final_denoising_strength": values["Final denoising strength"],
        "denoising_curve": values["Denoising strength curve"],
    }


def _outpainting(values: Mapping[str, Any], fields: Fields, studio: Studio) -> Fields:
    sides = values["Outpainting direction"]
    wanted = [side for side in _SIDES if side in [str(one).casefold() for one in sides]] if isinstance(sides, list) else []
    if not wanted:
        raise bad_field("script_args", f"Outpainting direction: send a list of {', '.join(_SIDES)}")
    pixels = max(8, values["Pixels to expand"] // 8 * 8)
    names = {"up": "top", "down": "bottom"}
    content = {"masked_content": values["Masked content"]} if "Masked content" in values else {}
    return {
        "kind": "inpaint",
        "mask": None,
        "mask_blur": values["Mask blur"],
        **content,
        **{f"extend_{names.get(side, side)}": pixels for side in wanted},
    }


def _soft_arguments() -> tuple[Argument, ...]:
    infos = parameters_of(Inpaint)
    numbers = (infos[name] for name in SOFT_FIELDS if name != "soft_inpainting")
    return (
        Argument("Soft inpainting", False),
        *(Argument(one.label, float(one.default), one.minimum, one.maximum, one.step) for one in numbers),
    )


def _number(label: str, field: str, kind: type[Any] = Txt2Img, value: float | None = None) -> Argument:
    """An argument with the bounds of a field of ours."""
    info = parameters_of(kind)[field]
    return Argument(label, info.default if value is None else value, info.minimum, info.maximum, info.step)


_PIXELS = Argument("Pixels to expand", 128, 8, 256, 8)
_OUTPAINTING_BLUR = Argument("Mask blur", 4, 0, 64, 1)
_DIRECTIONS = Argument("Outpainting direction", ["left", "right", "up", "down"], choices=_SIDES)


def _axes(letter: str, axes: tuple[str, ...], start: str) -> tuple[Argument, ...]:
    type_of = Argument(f"{letter} type", start, choices=axes)
    return type_of, Argument(f"{letter} values", ""), Argument(f"{letter} values dropdown", [])


def _grid(tab: Tab, axes: tuple[str, ...]) -> Script:
    arguments = (
        *_axes("X", axes, "Seed"),
        *_axes("Y", axes, job_scripts.NO_AXIS),
        *_axes("Z", axes, job_scripts.NO_AXIS),
        Argument("Draw legend"),
        Argument(LONE_IMAGES, False),
        Argument("Include Sub Grids"),
        Argument("Keep -1 for seeds"),
        *(Argument(f"Vary seeds for {letter}", False) for letter in "XYZ"),
        Argument("Grid margins (px)"),
        Argument("Use text inputs instead of dropdowns"),
    )
    return Script("X/Y/Z plot", (tab,), False, arguments, _nothing, (job_scripts.GRID, job_scripts.grid))


SCRIPTS: tuple[Script, ...] = (
    Script(
        "Refiner",
        TABS,
        True,
        (Argument("Refiner", False), Argument("Checkpoint", "None"), Argument("Switch at", 0.8, 0.01, 1, 0.01)),
        _refiner,
    ),
    Script("Soft Inpainting", ("img2img",), True, _soft_arguments(), _soft_inpainting),
    Script(
        "Dynamic Thresholding (CFG Scale Fix)",
        TABS,
        True,
        (
            Argument("Enable", False),
            Argument("Mimic CFG Scale", 7.0, 0, 30, 0.5),
            Argument("Threshold percentile", 100.0, 90, 100, 0.05),
            *(Argument(label) for label in ("Mimic mode", "Mimic scale minimum", "CFG mode", "CFG scale minimum", "Scheduler value")),
        ),
        _dynamic_thresholding,
    ),
    Script(
        "FreeU Integrated",
        TABS,
        True,
        (
            Argument("Enabled", False),
            _number("B1", "freeu_b1", value=1.01),
            _number("B2", "freeu_b2", value=1.02),
            _number("S1", "freeu_s1", value=0.99),
            _number("S2", "freeu_s2", value=0.95),
            Argument("Start"),
            Argument("End"),
        ),
        _freeu,
    ),
    Script(
        "PerturbedAttentionGuidance Integrated",
        TABS,
        True,
        (Argument("Enabled", False), _number("Scale", "pag_scale", value=3.0)),
        _pag,
    ),
    Script("Never OOM Integrated", TABS, True, (Argument("UNet"), Argument("VAE")), _nothing),
    Script("Comments", TABS, True, (), _nothing),
    Script(
        "SD upscale",
        ("img2img",),
        False,
        (
            Argument("Info"),
            Argument("Tile overlap", 64, 0, 256, 16),
            Argument("Scale factor", 2.0, 1, 4, 0.05),
            Argument("Upscaler", "None"),
        ),
        _sd_upscale,
    ),
    Script(
        "Loopback",
        ("img2img",),
        False,
        (
            Argument("Loops", 4, 1, 32, 1),
            Argument("Final denoising strength", 0.5, 0, 1, 0.01),
            Argument("Denoising strength curve", "Linear", choices=get_args(DenoisingCurve)),
            Argument("Append interrogated prompt at each iteration", "None"),
        ),
        _loopback,
    ),
    Script(
        "Outpainting mk2",
        ("img2img",),
        False,
        (
            Argument("Info"),
            _PIXELS,
            _OUTPAINTING_BLUR,
            _DIRECTIONS,
            Argument("Fall-off exponent"),
            Argument("Color variation"),
        ),
        _outpainting,
    ),
    Script(
        "Poor man's outpainting",
        ("img2img",),
        False,
        (
            _PIXELS,
            _OUTPAINTING_BLUR,
            Argument("Masked content", "fill", choices=("fill", "original", "latent noise", "latent nothing")),
            _DIRECTIONS,
        ),
        _outpainting,
    ),
    _grid("txt2img", job_scripts.AXES_OF_TXT2IMG),
    _grid("img2img", job_scripts.AXES_OF_IMG2IMG),
    Script(
        "Prompt matrix",
        TABS,
        False,
        (
            Argument("Put variable parts at start of prompt", False),
            Argument("Use different seed for each picture", False),
            Argument("Select prompt", "positive", choices=("positive", "negative")),
            Argument("Select joining char", "comma", choices=("comma", "space")),
            Argument("Grid margins (px)"),
        ),
        _nothing,
        (job_scripts.MATRIX, job_scripts.matrix),
    ),
    Script(
        "Prompts from file or textbox",
        TABS,
        False,
        (
            Argument("Iterate seed every line", False),
            Argument("Use same random seed for all lines", False),
            Argument("Insert prompts at the", "start", choices=("start", "end")),
            Argument("List of prompt inputs", ""),
        ),
        _nothing,
        (job_scripts.LINES, job_scripts.lines),
    ),
)
"""What is listed is taken: clients switch features on by these names."""

CONTROLNET = "controlnet"
"""Always-on as well, with units for arguments (webui.api.sdapi.controlnet)."""


def upscaler_names(studio: Studio) -> list[str]:
    """What enlarges pictures, in the order in which clients count it: `None` first."""
    named = [name for name in studio.choices.upscalers(latent=False) if name not in PIXEL_UPSCALER_LABELS]
    return ["None", *PIXEL_UPSCALER_LABELS, *named]


def chosen(title: str, tab: Tab, *, always_on: bool) -> Script:
    """The script of that title. Raises BadBody where there is none, or one of the other sort."""
    wanted = title.strip().casefold()
    found = next((one for one in SCRIPTS if one.title.casefold() == wanted and tab in one.tabs), None)
    field = "alwayson_scripts" if always_on else "script_name"
    if found is None:
        known = ", ".join(one.title for one in SCRIPTS if tab in one.tabs and one.always_on is always_on) or "none"
        raise bad_field(field, f"Easel has no script called {title[:80]!r} here. It takes: {known}")
    if found.always_on is not always_on:
        where = "stands under alwayson_scripts" if found.always_on else "is chosen by script_name"
        raise bad_field(field, f"{found.title} {where}")
    return found


def values_of(script: Script, arguments: Any, field: str) -> dict[str, Any]:
    """Its arguments by their labels; those left out are as usual. Raises BadBody."""
    given = arguments if isinstance(arguments, Sequence) and not isinstance(arguments, str) else None
    if given is None:
        raise bad_field(field, f"{script.title} wants a list of arguments")
    values = {one.label: one.value for one in script.arguments}
    for argument, value in zip(script.arguments, given, strict=False):
        if argument.value is not None and value is not None:
            values[argument.label] = _of_type(script, argument, value, field)
    return values


def _of_type(script: Script, argument: Argument, value: Any, field: str) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(argument.value, str):
        # The page's lists give the number of what is chosen.
        if not argument.choices:
            return value
        if 0 <= value < len(argument.choices):
            return argument.choices[value]
    try:
        taken = TypeAdapter(type(argument.value), config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        raise bad_field(field, f"{argument.label} of {script.title}: {error.errors()[0]['msg']}") from None
    if argument.choices and isinstance(taken, str) and taken not in argument.choices:
        raise bad_field(field, f"{argument.label} of {script.title}: use one of {', '.join(argument.choices)}")
    return taken


def _there(studio: Studio) -> list[Script]:
    """Those whose add-on is on, where an add-on does it."""
    known = {script_id(answer) for answer in studio.add_ons.scripts()}
    return [one for one in SCRIPTS if one.runs is None or one.runs[0] in known]


def titles(tab: Tab, studio: Studio) -> list[str]:
    """What is listed for a tab, in lower case."""
    return [CONTROLNET, *(one.title.lower() for one in _there(studio) if tab in one.tabs)]


def infos(studio: Studio) -> list[dict[str, Any]]:
    """GET /sdapi/v1/script-info: each script once for each tab."""
    return [
        {
            "name": one.title.lower(),
            "is_alwayson": one.always_on,
            "is_img2img": tab == "img2img",
            "args": [
                {
                    "label": argument.label,
                    "value": argument.value,
                    "minimum": argument.minimum,
                    "maximum": argument.maximum,
                    "step": argument.step,
                    "choices": list(argument.choices) or None,
                }
                for argument in one.arguments
            ],
        }
        for one in (*_there(studio), _CONTROLNET_INFO)
        for tab in one.tabs
    ]


_CONTROLNET_INFO = Script(CONTROLNET, TABS, True, (), _nothing)

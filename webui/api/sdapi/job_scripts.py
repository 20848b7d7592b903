"""AUTOMATIC1111's scripts that make many pictures: each runs as the built-in add-on's job script that does the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from webui.api.sdapi.problems import bad_field
from webui.errors import NotFound
from webui.extensions.components import Choice, fields_of
from webui.generation.request import RANDOM_SEED, REQUEST_TYPES, parameters_of
from webui.studio.studio import Studio

Values = Mapping[str, Any]

GRID, MATRIX, LINES = "xyz-grid.grid", "prompt-matrix.matrix", "prompts-from-file.lines"

NO_AXIS = "Nothing"

AXES_OF_TXT2IMG = (
    NO_AXIS, "Seed", "Var. seed", "Var. strength", "Steps", "Hires steps", "CFG Scale", "Prompt S/R", "Prompt order", "Sampler",
    "Hires sampler", "Checkpoint name", "Negative Guidance minimum sigma", "Sigma Churn", "Sigma min", "Sigma max", "Sigma noise",
    "Schedule type", "Schedule min sigma", "Schedule max sigma", "Schedule rho", "Skip Early CFG", "Beta schedule alpha",
    "Beta schedule beta", "Eta", "Clip skip", "Denoising", "Initial noise multiplier", "Extra noise", "Hires upscaler", "VAE", "Styles",
    "UniPC Order", "Face restore", "Token merging ratio", "Token merging ratio high-res", "Always discard next-to-last sigma",
    "SGM noise multiplier", "Refiner checkpoint", "Refiner switch at", "RNG source", "FP8 mode", "Size",
)  # fmt: skip
"""AUTOMATIC1111's axes (1.10), in its order: some clients give the number of one."""

_OF_HIRES = frozenset(("Hires steps", "Hires sampler", "Hires upscaler"))
AXES_OF_IMG2IMG = (
    *(axis for axis in AXES_OF_TXT2IMG[:7] if axis not in _OF_HIRES),
    "Image CFG Scale",
    *(axis for axis in AXES_OF_TXT2IMG[7:30] if axis not in _OF_HIRES),
    "Cond. Image Mask Weight",
    *AXES_OF_TXT2IMG[30:],
)

_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "Seed": "seed",
        "Var. seed": "variation_seed",
        "Var. strength": "variation_strength",
        "Steps": "steps",
        "Hires steps": "hires_steps",
        "CFG Scale": "cfg_scale",
        "Sampler": "sampler",
        "Hires sampler": "hires_sampler",
        "Checkpoint name": "checkpoint",
        "Sigma Churn": "sigma_churn",
        "Sigma min": "sigma_tmin",
        "Sigma max": "sigma_tmax",
        "Sigma noise": "sigma_noise",
        "Schedule type": "schedule_type",
        "Schedule min sigma": "sigma_min",
        "Schedule max sigma": "sigma_max",
        "Schedule rho": "rho",
        "Beta schedule alpha": "beta_alpha",
        "Beta schedule beta": "beta_beta",
        "Eta": "eta",
        "Clip skip": "clip_skip",
        "Denoising": "denoising_strength",
        "Initial noise multiplier": "noise_multiplier",
        "Extra noise": "extra_noise",
        "Hires upscaler": "hires_upscaler",
        "Cond. Image Mask Weight": "mask_weight",
        "VAE": "vae",
        "Always discard next-to-last sigma": "discard_next_to_last",
        "Refiner checkpoint": "refiner",
        "Refiner switch at": "refiner_switch_at",
        "RNG source": "rng",
    }
)
"""AUTOMATIC1111's axis -> the field of a request; those that Easel has no field for are refused."""

_BY_OWN_LABEL = {"Prompt S/R": "Prompt search and replace", "Prompt order": "Prompt order", "Styles": "Styles", "Size": "Size"}


def require(studio: Studio, script: str, title: str) -> None:
    """Raises BadBody where the add-on that does it is off."""
    try:
        studio.add_ons.script(script)
    except NotFound:
        extension = script.partition(".")[0]
        raise bad_field("script_name", f"{title} is done by the add-on {extension}, which is off: switch it on") from None


def grid(values: Values, fields: Values, studio: Studio) -> dict[str, Any]:
    """The X/Y/Z plot as values of the grid's fields. Raises BadBody."""
    given: dict[str, Any] = {"vary_seed": any(values[f"Vary seeds for {letter}"] for letter in "XYZ"), "draw_grid": True}
    for letter in "XYZ":
        axis, several = values[f"{letter} type"], values[f"{letter} values dropdown"]
        given[f"{letter.lower()}_axis"] = _axis(axis, studio)
        given[f"{letter.lower()}_values"] = values[f"{letter} values"] or ", ".join(map(_quoted, several))
    return given


def _quoted(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if "," in text and '"' not in text else text


def _axis(name: str, studio: Studio) -> str:
    """What the grid calls an axis."""
    choice = fields_of(studio.add_ons.script(GRID)[1].content)["x_axis"]
    known = choice.choices if isinstance(choice, Choice) else ()
    labels = {kind: parameters_of(REQUEST_TYPES[kind]) for kind in ("txt2img", "img2img", "inpaint")}
    field = _FIELDS.get(name, "")
    found = [own[field].label for own in labels.values() if field in own]
    wanted = NO_AXIS if name == NO_AXIS else found[0] if found else _BY_OWN_LABEL.get(name, name)
    if wanted not in known:
        there = ", ".join(axis for axis in (*_FIELDS, *_BY_OWN_LABEL))
        raise bad_field("script_args", f"Easel's grid has no axis {name[:60]!r}. It takes: {there}")
    return wanted


def matrix(values: Values, fields: Values, studio: Studio) -> dict[str, Any]:
    """The prompt matrix as values of the matrix's fields."""
    return {
        "way": "Every combination",
        "text": "Negative prompt" if values["Select prompt"] == "negative" else "Prompt",
        "separator": "Spaces" if values["Select joining char"] == "space" else "Commas",
        "first_last": values["Put variable parts at start of prompt"],
        "vary_seed": values["Use different seed for each picture"],
    }


def lines(values: Values, fields: Values, studio: Studio) -> dict[str, Any]:
    """Prompts from a text as values of the script's fields. Raises BadBody."""
    if not values["List of prompt inputs"].strip():
        raise bad_field("script_args", "List of prompt inputs is empty: send a prompt on each line")
    every, same = values["Iterate seed every line"], values["Use same random seed for all lines"]
    fixed = same or fields.get("seed", RANDOM_SEED) != RANDOM_SEED
    seeds = "Counted up from the page's" if every else "The page's for every line" if fixed else "Random for every line"
    place = {"start": "Before the prompt", "end": "Behind the prompt"}
    return {"prompts": values["List of prompt inputs"], "place": place[values["Insert prompts at the"]], "seeds": seeds}

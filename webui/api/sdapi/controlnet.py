"""ControlNet as its extension for AUTOMATIC1111 speaks: units in alwayson_scripts, and the routes below /controlnet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request

from webui.api.person import person_of
from webui.api.sdapi import answers
from webui.api.sdapi.asking import asking
from webui.api.sdapi.bodies import DetectBody, UnitBody, body_of, read_body, schema_of
from webui.api.sdapi.options import OptionBook
from webui.api.sdapi.pictures import decoded, encoded, kept, upright
from webui.api.sdapi.problems import A1111Route, bad_field
from webui.catalog.models import ModelFile
from webui.errors import InvalidRequest
from webui.generation.control import CONTROL_MODES, CONTROLNET, IP_ADAPTER, MOST_CONTROLS
from webui.pictures.preprocessors import NONE, RESIZE_MODES, Preprocessor, find_preprocessor
from webui.studio.studio import Studio

VERSION = 2
"""Of the extension's API whose shapes these are."""

_MODULES_OF_IP_ADAPTERS = "ip-adapter"
_IP_ADAPTER_MODULE = "ip-adapter-auto"
_MODEL_FREE = ("None", "none", "")
_OLD_RESIZE_MODES = {"scale to fit (inner fit)": "Crop and Resize", "inner fit (scale to fit)": "Crop and Resize"} | {
    "envelope (outer fit)": "Resize and Fill",
    "outer fit (shrink to fit)": "Resize and Fill",
}
_TYPES: Mapping[str, str] = {
    "Canny": "canny",
    "Scribble": "scribble_xdog",
    "Lineart": "lineart_standard",
    "Tile": "tile_resample",
    "Blur": "blur_gaussian",
    "Invert": "invert",
    "Depth": NONE,
    "OpenPose": NONE,
}
"""The extension's control types -> the preprocessor of ours that goes with it. A model belongs to one by its name."""

_SMALLEST, _LARGEST = 64, 2048


def units_of(arguments: Any, studio: Studio, own_picture: str | None) -> tuple[dict[str, Any], ...]:
    """Units of a request as fields of ours. own_picture: SHA-256 of what the request starts from, for units without a picture.

    Raises BadBody, AsTold, TooLarge.
    """
    if not isinstance(arguments, list):
        raise bad_field("alwayson_scripts", "ControlNet wants a list of units")
    units = []
    for number, given in enumerate(arguments):
        if not isinstance(given, Mapping):
            if not given:
                continue
            raise bad_field("alwayson_scripts", f"Unit {number} of ControlNet is no object of fields")
        unit = read_body(given, UnitBody, ("alwayson_scripts", CONTROLNET, "args", str(number)))
        if unit.enabled:
            units.append(_fields_of(unit, f"unit {number} of ControlNet", studio, own_picture))
    return tuple(units)


def _fields_of(unit: UnitBody, what: str, studio: Studio, own_picture: str | None) -> dict[str, Any]:
    if unit.model in _MODEL_FREE:
        there = ", ".join(model_titles(studio)) or "none is installed: put one into models/controlnet"
        raise bad_field("alwayson_scripts", f"Choose a model for {what}; there are: {there}")
    by_picture = unit.module.casefold().startswith(_MODULES_OF_IP_ADAPTERS)
    try:
        preprocessor = find_preprocessor(NONE) if by_picture else _preprocessor(studio, unit.module)
    except ValueError as error:
        raise bad_field("alwayson_scripts", f"There is no module called {unit.module[:80]!r} for {what}. {error}") from None
    return {
        "kind": IP_ADAPTER if by_picture else CONTROLNET,
        "model": unit.model,
        "image": _picture_of(unit, what, studio, own_picture),
        "preprocessor": preprocessor.name,
        "weight": unit.weight,
        "start": unit.guidance_start,
        "end": unit.guidance_end,
        "control_mode": _one_of(unit.control_mode, CONTROL_MODES, f"control_mode of {what}"),
        "resize_mode": _one_of(unit.resize_mode, RESIZE_MODES, f"resize_mode of {what}"),
        "processor_res": 0 if unit.pixel_perfect or unit.processor_res < _SMALLEST else min(unit.processor_res, _LARGEST),
        **_thresholds(unit, preprocessor),
    }


def _preprocessor(studio: Studio, name: str) -> Preprocessor:
    """By any of its names, those of add-ons among them. Raises ValueError that lists the names."""
    offered = next((one for one in studio.choices.preprocessors() if one.name.casefold() == name.strip().casefold()), None)
    return offered or find_preprocessor(name)


def _thresholds(unit: UnitBody, preprocessor: Preprocessor) -> dict[str, float]:
    """Its numbers where its preprocessor heeds them; clients send some for those that don't, too."""
    given = (unit.threshold_a, unit.threshold_b)
    heeded = preprocessor.thresholds
    return {name: value for name, value, _ in zip(("threshold_a", "threshold_b"), given, heeded, strict=False) if value >= 0}


def _picture_of(unit: UnitBody, what: str, studio: Studio, own_picture: str | None) -> str:
    given = unit.image if unit.image is not None else unit.input_image
    if isinstance(given, Mapping):
        given = given.get("image")
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if given:
        return kept(studio, decoded(studio, given, what), what)
    if own_picture is None:
        raise bad_field("alwayson_scripts", f"There is no picture in {what}: send one in image")
    return own_picture


def _one_of(given: int | str, known: tuple[str, ...], what: str) -> str:
    if isinstance(given, int) and 0 <= given < len(known):
        return known[given]
    words = str(given).strip().casefold()
    found = next((one for one in known if one.casefold() == words), _OLD_RESIZE_MODES.get(words))
    if found not in known:
        raise bad_field("alwayson_scripts", f"{what} can't be {str(given)[:60]!r}: use one of {', '.join(known)}")
    return found


def model_titles(studio: Studio, checkpoint: str = "") -> list[str]:
    """Models as the extension lists them: name and short hash."""
    return [_title(studio, model) for model in _models(studio, checkpoint)]


def _models(studio: Studio, checkpoint: str) -> list[ModelFile]:
    try:
        return [model for model in studio.choices.control_models(checkpoint) if not studio.choices.lacking(model)]
    except InvalidRequest:
        return []  # there is no checkpoint that they could steer


def _title(studio: Studio, model: ModelFile) -> str:
    hashes = studio.catalog.models.hashes(model)
    return f"{model.name} [{hashes.sha256[:8]}]" if hashes else model.name


def _modules(studio: Studio) -> list[str]:
    return [*(one.name for one in studio.choices.preprocessors()), _IP_ADAPTER_MODULE]


def _detail(studio: Studio, name: str) -> dict[str, Any]:
    thresholds = () if name == _IP_ADAPTER_MODULE else _preprocessor(studio, name).thresholds
    resolution = {"name": "Preprocessor resolution", "value": 512, "min": _SMALLEST, "max": _LARGEST, "step": 8}
    sliders = [{"name": one.label, "value": one.default, "min": one.minimum, "max": one.maximum, "step": one.step} for one in thresholds]
    return {"model_free": False, "sliders": [resolution, *sliders] if name not in (NONE, _IP_ADAPTER_MODULE) else []}


def build_controlnet_router(studio: Studio, options: OptionBook) -> APIRouter:
    """Routes below /controlnet."""
    router = APIRouter(prefix="/controlnet", tags=["controlnet"], route_class=A1111Route)

    def in_use(request: Request) -> str:
        checkpoint = options.checkpoint(options.of(person_of(request)))
        return checkpoint.name if checkpoint else ""

    @router.get("/version", response_model=answers.ControlVersion)
    def version() -> Any:
        """Of the extension's API."""
        return {"version": VERSION}

    @router.get("/model_list", response_model=answers.ControlModels)
    def model_list(request: Request) -> Any:
        """Models that steer the checkpoint in use; none where none is installed."""
        return {"model_list": model_titles(studio, in_use(request))}

    @router.get("/module_list", response_model=answers.ControlModules)
    def module_list(alias_names: bool = False) -> Any:
        """Preprocessors, and their numbers."""
        labels = {one.name: one.label for one in studio.choices.preprocessors()} if alias_names else {}
        names = _modules(studio)
        return {
            "module_list": [labels.get(name, name) for name in names],
            "module_detail": {labels.get(name, name): _detail(studio, name) for name in names},
        }

    @router.get("/control_types", response_model=answers.ControlTypes)
    def control_types(request: Request) -> Any:
        """Which preprocessors and models go together."""
        models, checkpoint = _models(studio, in_use(request)), in_use(request)
        every = model_titles(studio, checkpoint)
        types = {"All": _type(_modules(studio), every, NONE)}
        for name, module in _TYPES.items():
            fitting = [_title(studio, model) for model in models if name.casefold() in model.name.casefold()]
            types[name] = _type(list(dict.fromkeys((NONE, module))), fitting, module)
        adapters = [_title(studio, model) for model in models if model.role == IP_ADAPTER]
        types["IP-Adapter"] = _type([_IP_ADAPTER_MODULE], adapters, _IP_ADAPTER_MODULE)
        return {"control_types": types}

    @router.get("/settings", response_model=answers.ControlSettings)
    def settings() -> Any:
        """How many units a request may have."""
        return {"control_net_unit_count": MOST_CONTROLS}

    @router.post("/detect", response_model=answers.Detected, openapi_extra=schema_of(DetectBody))
    async def detect(request: Request) -> Any:
        """What a preprocessor makes of pictures."""
        body = await body_of(request, DetectBody)
        given = body.controlnet_input_images or body.controlnet_images
        if not given:
            raise bad_field("controlnet_input_images", "No image selected")
        own = asking(studio, request).studio
        return await to_thread.run_sync(lambda: {"images": [_seen(own, body, one) for one in given], "info": "Success"})

    return router


def _type(modules: list[str], models: list[str], module: str) -> dict[str, Any]:
    return {
        "module_list": modules,
        "model_list": ["None", *models],
        "default_option": module,
        "default_model": models[0] if models else "None",
    }


def _seen(studio: Studio, body: DetectBody, given: str) -> str:
    field = "controlnet_input_images"
    try:
        preprocessor = _preprocessor(studio, body.controlnet_module)
    except ValueError as error:
        raise bad_field("controlnet_module", f"There is no module called {body.controlnet_module[:80]!r}. {error}") from None
    sha256 = kept(studio, decoded(studio, given, field), field)
    width, height = upright(studio, sha256, field).size
    numbers = (body.controlnet_threshold_a, body.controlnet_threshold_b)
    names = ("threshold_a", "threshold_b")
    heeded = {name: value for name, value, _ in zip(names, numbers, preprocessor.thresholds, strict=False) if value >= 0}
    resolution = min(max(body.controlnet_processor_res, _SMALLEST), _LARGEST)
    # As the extension does: the shorter side becomes the resolution.
    factor = resolution / min(width, height)
    size = [min(max(round(side * factor), 1), 2 * _LARGEST) for side in (width, height)]
    fields = {"image": sha256, "preprocessor": preprocessor.name, "resize_mode": "Just Resize", **heeded}
    return encoded(studio.control_preview(fields, size[0], size[1]))

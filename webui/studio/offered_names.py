"""What a request names of add-ons: looked up before it is resolved, so that nothing is drawn by what isn't there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webui.errors import InvalidRequest
from webui.extensions.named import OfferBook
from webui.generation.control import AUTOMATIC_THRESHOLD, ControlUnit
from webui.generation.finishing import AnyStep, UpscaleStep
from webui.generation.offered import add_on_of
from webui.generation.request import SAMPLERS_AND_SCHEDULES, DrawnRequest, GenerationRequest, Txt2Img, Upscale, parameters_of
from webui.generation.samplers import AUTOMATIC, find_schedule_label

_FIELDS = {
    "sampler": "samplers",
    "hires_sampler": "samplers",
    "schedule_type": "schedules",
    "hires_schedule_type": "schedules",
    "hires_upscaler": "upscalers",
    "tiled_upscaler": "upscalers",
}
"""Field of a request -> the hook that offers what it may name."""

_OF_HIRES, _OF_TILES = "hires_", "tiled_upscaler"

ModelName = Callable[[str], str | None]
"""The name of the upscaler model that such a name stands for, where it is a path of one; else None."""


def with_offers(request: GenerationRequest, offers: OfferBook, model: ModelName) -> GenerationRequest:
    """The request with the names of what add-ons offer as they write them, and what they say is usual with it.

    model: names of add-ons look like paths of model files, which may be asked for as well. Raises InvalidRequest that names the field
    and the add-on for what isn't there.
    """
    changes: dict[str, Any] = {"finishing": tuple(_step(step, number, offers, model) for number, step in enumerate(request.finishing))}
    if not isinstance(request, Upscale):
        changes |= _of_drawn(request, offers, model)
    changes = {name: value for name, value in changes.items() if value != getattr(request, name)}
    return request.model_copy(update=changes) if changes else request


def _of_drawn(request: DrawnRequest, offers: OfferBook, model: ModelName) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for field, hook in _FIELDS.items():
        name = getattr(request, field, "")
        if add_on_of(name) and _counts(request, field):
            changes[field] = _found(hook, name, field, offers, model)
    for sampler, schedule, _ in SAMPLERS_AND_SCHEDULES:
        if sampler in changes and getattr(request, schedule) == AUTOMATIC:
            changes[schedule] = _usual_schedule(changes[sampler], offers)
    return changes | {"controls": tuple(_control(unit, number, offers) for number, unit in enumerate(request.controls))}


def _counts(request: DrawnRequest, field: str) -> bool:
    """Whether a field has any effect: what an add-on offered once may still stand where it isn't asked for."""
    if field.startswith(_OF_HIRES):
        return bool(getattr(request, "hires", False))
    return field != _OF_TILES or getattr(request, "tiled_drawing", "Off") != "Off"


def _found(hook: str, name: str, field: str, offers: OfferBook, model: ModelName) -> str:
    if hook == "upscalers" and not offers.knows(hook, name) and (file := model(name)):
        return file
    return offers.find(hook, name, field).name


def _usual_schedule(sampler: str, offers: OfferBook) -> str:
    """What Automatic stands for with an add-on's sampler; Uniform where that isn't known."""
    wanted = str(offers.find("samplers", sampler).value.default_schedule)
    try:
        label = find_schedule_label(wanted)
        return offers.find("schedules", label).name if add_on_of(label) else label
    except InvalidRequest:
        return AUTOMATIC


def _step(step: AnyStep, number: int, offers: OfferBook, model: ModelName) -> AnyStep:
    if not isinstance(step, UpscaleStep):
        return step
    fields = ("upscaler", "upscaler_2") if step.blended else ("upscaler",)
    named = {field: getattr(step, field) for field in fields if add_on_of(getattr(step, field))}
    found = {field: _found("upscalers", name, f"finishing[{number}].{field}", offers, model) for field, name in named.items()}
    return step.model_copy(update=found) if found else step


def _control(unit: ControlUnit, number: int, offers: OfferBook) -> ControlUnit:
    if not add_on_of(unit.preprocessor):
        return unit
    return control_with_offer(unit, offers, f"controls[{number}].preprocessor")


def control_with_offer(unit: ControlUnit, offers: OfferBook, field: str) -> ControlUnit:
    """A unit whose preprocessor is an add-on's, with the numbers that are usual for it. Raises InvalidRequest."""
    offer = offers.find("preprocessors", unit.preprocessor, field)
    usual = [one.default for one in offer.value.thresholds]
    numbers = {
        name: usual[place]
        for place, name in enumerate(("threshold_a", "threshold_b"))
        if getattr(unit, name) == AUTOMATIC_THRESHOLD and place < len(usual)
    }
    return unit.model_copy(update={"preprocessor": offer.name, **numbers})


def without_gone(answer: dict[str, Any], offers: OfferBook) -> dict[str, Any]:
    """What a picture or a text says of how it was made, without what it names of add-ons that aren't there; these stand in `unmapped`."""
    fields, gone = dict(answer["fields"]), []

    def missing(hook: str, name: Any, key: str) -> bool:
        if not isinstance(name, str) or not add_on_of(name) or offers.knows(hook, name):
            return False
        gone.append({"key": key, "value": name, "reason": f"It is of the add-on {add_on_of(name)}, which is off or not installed."})
        return True

    labels = {name: info.label for name, info in parameters_of(Txt2Img).items()}
    for field, hook in _FIELDS.items():
        if missing(hook, fields.get(field), labels.get(field, field)):
            del fields[field]
    steps = tuple(fields.get("finishing", ()))
    kept = tuple(step for step in steps if not _gone_step(step, missing))
    units = list(fields.get("controls", ()))
    left = [unit for unit in units if not missing("preprocessors", _preprocessor(unit), "Preprocessor")]
    if not gone:
        return answer
    fields |= {"finishing": kept} if len(kept) < len(steps) else {}
    fields |= {"controls": left} if len(left) < len(units) else {}
    return {**answer, "fields": fields, "unmapped": [*answer["unmapped"], *gone]}


def _gone_step(step: AnyStep, missing: Callable[[str, Any, str], bool]) -> bool:
    return isinstance(step, UpscaleStep) and any(missing("upscalers", name, step.doing) for name in step.upscalers)


def _preprocessor(unit: Any) -> Any:
    return unit.get("preprocessor") if isinstance(unit, dict) else getattr(unit, "preprocessor", None)

"""What pasted text or a dropped picture says of how a picture is made, as values for the fields of a request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from webui.errors import EaselError, InvalidRequest, TooLarge
from webui.generation.finishing import FinishingStep, UpscaleStep
from webui.generation.infotext import PNG_TEXT_KEY, Mapped, Unmapped, map_fields, read_infotext
from webui.generation.loopback import started_from
from webui.generation.metadata.tools import USER_COMMENT, Told, read_text, read_texts
from webui.generation.prompt.styles import Style, extract_styles
from webui.generation.request import REQUEST_TYPES, ResolvedRequest, ResolvedUpscale, Txt2Img, load_resolved, parameters_of
from webui.studio.picture_texts import read_picture_texts

Answer = dict[str, Any]

_NOT_TAKEN_OVER = frozenset({"kind", "batch_count", "batch_size", "styles"})
"""How many pictures were made is no matter of the picture; the words of its styles are in its prompts."""

PARAMETERS = parameters_of(Txt2Img)

NOTHING: Answer = {"tool": None, "exact": False, "fields": {}, "of_source": {}, "unusual": {}, "unmapped": []}

NO_SUCH_UPSCALER = "There is no upscaler of that name here."
NO_SUCH_MODEL = "The model for this is not here."

_HASH_BEHIND = re.compile(r" \[[0-9a-f]{8,64}\]$")
"""AUTOMATIC1111's title of a checkpoint is its name with its short hash behind."""


def _any_name(name: str) -> bool:
    """Whoever doesn't know which upscalers there are takes each for one."""
    return True


Missing = Callable[[FinishingStep], list[str]]
"""Which of the models of a step, that are no upscalers, aren't here."""


def _none_missing(step: FinishingStep) -> list[str]:
    return []


def read_picture(
    data: bytes, checkpoints: Iterable[str], knows_upscaler: Callable[[str], bool] = _any_name, missing: Missing = _none_missing
) -> Answer:
    """What a picture file says. checkpoints: the names there are here. knows_upscaler: whether there is one of that name.

    Raises InvalidRequest or TooLarge.
    """
    told = read_texts(read_picture_texts(data))
    return dict(NOTHING) if told is None else _answer(told, checkpoints, knows_upscaler, missing)


def read_pasted(
    text: str, checkpoints: Iterable[str], knows_upscaler: Callable[[str], bool] = _any_name, missing: Missing = _none_missing
) -> Answer:
    """What pasted text says: infotext, another program's JSON, or just a prompt. Never raises."""
    return _answer(read_text(text), checkpoints, knows_upscaler, missing)


def infotext_of(data: bytes) -> str:
    """What a picture file says of how it was made, as infotext: its own, word for word, where it has one. Empty where it says nothing."""
    try:
        texts = read_picture_texts(data)
    except (InvalidRequest, TooLarge):
        return ""  # a picture, as was seen before, but of a format that has no room for words
    told = read_texts(texts)
    if told is None:
        return texts.get(PNG_TEXT_KEY) or texts.get(USER_COMMENT, "")
    own = (texts.get(key, "") for key in (PNG_TEXT_KEY, USER_COMMENT))
    return next((text for text in own if text and read_infotext(text) == told.infotext), told.infotext.text)


def _answer(told: Told, checkpoints: Iterable[str], knows_upscaler: Callable[[str], bool], missing: Missing) -> Answer:
    exact = _exact(told.record) if told.record else None
    mapped = exact or map_fields(told.infotext)
    fields, unmapped = dict(mapped.fields), list(mapped.unmapped)
    known = set(checkpoints)
    name = fields.get("checkpoint")
    if name and name not in known:
        del fields["checkpoint"]
        unmapped.append(Unmapped("Model", str(name), "There is no checkpoint of that name here; the one in use stays."))
    for field in ("hires_checkpoint", "refiner"):
        name = str(fields.get(field, PARAMETERS[field].default))
        plain = _HASH_BEHIND.sub("", name)
        if plain in known:
            fields[field] = plain
        elif name != PARAMETERS[field].default:
            del fields[field]
            unmapped.append(Unmapped(PARAMETERS[field].label, name, "There is no checkpoint of that name here."))
    unmapped += _without_unknown_models(fields, knows_upscaler, missing)
    of_source = dict(mapped.of_source)
    if "tiled_upscaler" in of_source and not knows_upscaler(of_source["tiled_upscaler"]):
        unmapped.append(Unmapped("SD upscale upscaler", of_source.pop("tiled_upscaler"), NO_SUCH_UPSCALER))
    return {
        "tool": told.tool,
        "exact": exact is not None,
        "fields": fields,
        "of_source": of_source,
        "unusual": {
            name: PARAMETERS[name].label for name, value in fields.items() if name in PARAMETERS and value != PARAMETERS[name].default
        },
        "unmapped": [{"key": entry.key, "value": entry.value, "reason": entry.reason} for entry in unmapped],
    }


def _without_unknown_models(fields: dict[str, Any], known: Callable[[str], bool], missing: Missing) -> list[Unmapped]:
    """Take out of the fields the upscalers, and the steps whose models, aren't here; what was taken out."""
    gone = []
    name = str(fields.get("hires_upscaler", PARAMETERS["hires_upscaler"].default))
    if not known(name):
        del fields["hires_upscaler"]
        gone.append(Unmapped(PARAMETERS["hires_upscaler"].label, name, NO_SUCH_UPSCALER))

    def unknown_of(step: FinishingStep) -> list[str]:
        return [name for name in step.models().values() if not known(name)] if isinstance(step, UpscaleStep) else missing(step)

    unknown = [unknown_of(step) for step in fields.get("finishing", ())]
    if any(unknown):
        pairs = list(zip(fields["finishing"], unknown, strict=True))
        fields["finishing"] = tuple(step for step, names in pairs if not names)
        gone += [Unmapped(step.doing, ", ".join(names), _why(step)) for step, names in pairs if names]
    return gone


def _why(step: FinishingStep) -> str:
    return NO_SUCH_UPSCALER if isinstance(step, UpscaleStep) else NO_SUCH_MODEL


def without_styles(answer: Answer, styles: Iterable[Style], how: str) -> Answer:
    """The answer with the words of known styles as these styles' names. how: a value of the setting `styles_on_paste`."""
    fields = answer["fields"]
    if how == "Ignore" or "prompt" not in fields:
        return answer
    prompt, negative, found = extract_styles(fields["prompt"], fields.get("negative_prompt", ""), styles)
    changed: dict[str, Any] = {"prompt": prompt, "negative_prompt": negative} if found else {}
    if how == "Apply" or (how == "Apply if any" and found):
        changed["styles"] = [style.name for style in found]
    return answer | {"fields": fields | changed}


def _exact(record: Mapping[str, Any]) -> Mapped | None:
    """The fields of Easel's own record; None where it can't be read or the picture wasn't drawn, so that its infotext has the word."""
    try:
        job: ResolvedRequest = load_resolved(json.dumps(record["request"]))
        if isinstance(job, ResolvedUpscale):
            return None
        request = job.alone(int(record.get("image", 0)), started_from(record.get("facts", {})))
    except (EaselError, LookupError, TypeError, ValueError, AttributeError):
        return None
    asked = {name: getattr(request, name) for name in REQUEST_TYPES[request.kind].model_fields}
    fields = {name: value for name, value in asked.items() if name in Txt2Img.model_fields and name not in _NOT_TAKEN_OVER}
    own = {name: value for name, value in asked.items() if name in ("kind", "denoising_strength") or name not in Txt2Img.model_fields}
    of_source = {} if isinstance(request, Txt2Img) else own
    return Mapped(fields, of_source=of_source)

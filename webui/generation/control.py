"""Pictures that steer a picture: ControlNets and IP-Adapters as a request asks for them, and as infotexts tell of them.

Infotexts have them in sd-webui-controlnet's form, one key for each: `ControlNet 0: "Module: canny, Model: name [hash], ..."`;
an IP-Adapter is one whose module is called ip-adapter-auto (or, by those who chose the image encoder themselves, ip-adapter_clip_h).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import ConfigDict, field_validator, model_validator

from webui.generation.images import ImageHash
from webui.generation.offered import add_on_of
from webui.generation.parameter import Declared, parameter
from webui.pictures.preprocessors import NONE, Preprocessor, ResizeMode, find_preprocessor

ControlMode = Literal["Balanced", "My prompt is more important", "ControlNet is more important"]
BALANCED, PROMPT_FIRST, CONTROL_FIRST = CONTROL_MODES = get_args(ControlMode)

ControlKind = Literal["controlnet", "ip_adapter"]
CONTROLNET, IP_ADAPTER = CONTROL_KINDS = get_args(ControlKind)

MOST_CONTROLS = 8
AUTOMATIC_THRESHOLD = -1.0
"""Stands for the preprocessor's own threshold, until a request is resolved."""

INFOTEXT_KEY = re.compile(r"ControlNet (\d+)")


class ControlUnit(Declared):
    """One picture that steers, and the model that heeds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ControlKind = parameter(
        CONTROLNET,
        label="Kind",
        help="What the model is. A ControlNet says what goes where; an IP-Adapter takes the picture as part of the prompt: its subject, "
        "style and colours.",
    )
    model: str = parameter(..., label="Model", help="The ControlNet or IP-Adapter that heeds it.", min_length=1, max_length=500)
    image: ImageHash = parameter(..., label="Picture", help="SHA-256 of a picture that was uploaded (POST /images) or made here.")
    preprocessor: str = parameter(
        NONE,
        label="Preprocessor",
        help="What is made of the picture before a ControlNet looks at it. An IP-Adapter looks at the picture itself.",
        max_length=100,
    )
    weight: float = parameter(1.0, label="Weight", help="How much it has to say. 0 is off.", step=0.05, ge=0, le=2)
    start: float = parameter(0.0, label="Start", help="Share of the steps from which it is asked.", step=0.01, ge=0, le=1)
    end: float = parameter(1.0, label="End", help="Share of the steps to which it is asked.", step=0.01, ge=0, le=1)
    control_mode: ControlMode = parameter(
        BALANCED,
        label="Control mode",
        help="Whose word counts where a ControlNet steers: both alike; the prompt's, deeper layers hearing less of the picture; or the "
        "picture's, which then goes with the prompt alone.",
    )
    resize_mode: ResizeMode = parameter(
        "Crop and Resize",
        label="Resize mode",
        help="How the picture comes to the size that is drawn, or to the square that an IP-Adapter's image encoder looks at: "
        "stretched, cut, or whole with its edges drawn out.",
    )
    processor_res: int = parameter(
        0,
        label="Preprocessor resolution",
        help="Shorter side at which the preprocessor looks at the picture. 0: the size that is drawn (pixel perfect).",
        unit="px",
        step=8,
        ge=0,
        le=2048,
    )
    threshold_a: float = parameter(
        AUTOMATIC_THRESHOLD, label="Threshold A", help="First number of the preprocessor. -1: its own.", step=0.01, ge=-1, le=255
    )
    threshold_b: float = parameter(
        AUTOMATIC_THRESHOLD, label="Threshold B", help="Second number of the preprocessor. -1: its own.", step=0.01, ge=-1, le=255
    )
    hash: str = parameter(
        "", label="Model hash", help="First 10 hex digits of the model's SHA-256; filled in when the job is taken.", max_length=64
    )

    @field_validator("preprocessor")
    @classmethod
    def _known_preprocessor(cls, value: str) -> str:
        return value.strip() if add_on_of(value) else find_preprocessor(value).name

    @model_validator(mode="after")
    def _start_before_end(self) -> ControlUnit:
        if self.start > self.end:
            raise ValueError("Let Start be before End")
        return self

    @model_validator(mode="after")
    def _ip_adapters_look_themselves(self) -> ControlUnit:
        if self.kind == IP_ADAPTER and self.preprocessor != NONE:
            raise ValueError("An IP-Adapter looks at the picture itself: leave the preprocessor at none")
        return self

    @property
    def processor(self) -> Preprocessor:
        """Its preprocessor, of Easel's own. Raises ValueError for one of an add-on."""
        return find_preprocessor(self.preprocessor)

    def resolved(self, digest: str) -> ControlUnit:
        """With the model's hash, and nothing left automatic."""
        # What an add-on's are was put in when it was looked up.
        own = [] if add_on_of(self.preprocessor) else [one.default for one in self.processor.thresholds]
        asked = (self.threshold_a, self.threshold_b)
        a, b = (value if value != AUTOMATIC_THRESHOLD or place >= len(own) else own[place] for place, value in enumerate(asked))
        return self.model_copy(update={"hash": digest, "threshold_a": a, "threshold_b": b})


# --- In infotexts ---

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "Module": "preprocessor",
        "Weight": "weight",
        "Resize Mode": "resize_mode",
        "Processor Res": "processor_res",
        "Threshold A": "threshold_a",
        "Threshold B": "threshold_b",
        "Guidance Start": "start",
        "Guidance End": "end",
        "Control Mode": "control_mode",
        "Image": "image",
    }
)
"""What sd-webui-controlnet calls a field; Image is ours, which it passes over."""

_IP_ADAPTER_MODULE, _IP_ADAPTER_MODULES = "ip-adapter-auto", "ip-adapter"
"""The module of an IP-Adapter that finds its image encoder by itself; and how all of them begin."""

_NUMBERS = frozenset({"weight", "threshold_a", "threshold_b", "start", "end"})
_NAMED_MODEL = re.compile(r"(.*?)\s*(?:\[([0-9a-f]{8,64})\])?")


def write_unit(unit: ControlUnit) -> str:
    """A unit as the value of its infotext key."""
    name = re.sub("[:,]", "", unit.model)
    module = _IP_ADAPTER_MODULE if unit.kind == IP_ADAPTER else unit.preprocessor
    pairs = {"Module": module, "Model": f"{name} [{unit.hash}]" if unit.hash else name}
    for word, field in _WORDS.items():
        value = getattr(unit, field)
        if field != "preprocessor" and not (field.startswith("threshold") and value == AUTOMATIC_THRESHOLD):
            pairs[word] = f"{value:g}" if isinstance(value, float) else str(value)
    pairs["Processor Res"] = str(unit.processor_res or 512)
    pairs["Pixel Perfect"] = str(unit.processor_res == 0)
    return ", ".join(f"{word}: {value}" for word, value in pairs.items())


def read_unit(text: str) -> dict[str, Any]:
    """Fields of a unit from the value of an infotext key; those that it doesn't tell are left out. Never raises."""
    told = dict(pair.split(": ", 1) for pair in text.split(", ") if ": " in pair)
    model = _NAMED_MODEL.fullmatch(told.get("Model", ""))
    fields: dict[str, Any] = {"model": model[1], "hash": model[2] or ""} if model and model[1] not in ("", "None") else {}
    for word, field in _WORDS.items():
        if word in told:
            fields[field] = _number(told[word]) if field in _NUMBERS or field == "processor_res" else told[word]
    if told.get("Module", "").casefold().startswith(_IP_ADAPTER_MODULES):
        fields |= {"kind": IP_ADAPTER, "preprocessor": NONE}
    if told.get("Pixel Perfect", "").casefold() == "true":
        fields["processor_res"] = 0
    return fields


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text

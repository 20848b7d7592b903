"""Generation parameters as text: AUTOMATIC1111's infotext, written and read.

```
<prompt, may span lines>
Negative prompt: <negative, may span lines>
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x768, ...
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from webui.generation.request import ResolvedRequest, parameters_of

PNG_TEXT_KEY = "parameters"
NEGATIVE_KEY = "Negative prompt:"
MAX_INFOTEXT_CHARACTERS = 256 * 1024

# A key is at most 60 characters here, so that a long line without colons is read in linear time.
_PAIR = re.compile(r'\s*(\w[\w \-/]{1,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d+)x(\d+)")
_LEAST_PAIRS = 3


USUAL_DISTILLED = float(parameters_of(ResolvedRequest)["distilled_cfg_scale"].default)
"""Left out of the text, since only one family knows it."""


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',\n:"') else value


def _unquote(value: str) -> str:
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def write_infotext(request: ResolvedRequest, seed: int, version: str) -> str:
    """The infotext of one picture. seed: this picture's own. Key order is AUTOMATIC1111's."""
    pairs: dict[str, str | None] = {
        "Steps": str(request.steps),
        "Sampler": request.sampler,
        "Schedule type": request.schedule_type,
        "CFG scale": _number(request.cfg_scale),
        "Distilled CFG Scale": _number(request.distilled_cfg_scale) if request.distilled_cfg_scale != USUAL_DISTILLED else None,
        "Seed": str(seed),
        "Size": f"{request.width}x{request.height}",
        "Model hash": request.checkpoint_hash,
        "Model": request.checkpoint,
        "Clip skip": str(request.clip_skip) if request.clip_skip > 1 else None,
        "RNG": request.rng,
        "Version": f"easel-{version}",
    }
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"{NEGATIVE_KEY} {request.negative_prompt}")
    lines.append(", ".join(f"{key}: {_quote(value)}" for key, value in pairs.items() if value is not None))
    return "\n".join(lines)


@dataclass(frozen=True)
class Infotext:
    """Infotext taken apart: texts, and the parameters by their keys as written (values un-quoted)."""

    prompt: str
    negative_prompt: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_infotext(text: str) -> Infotext:
    """Take infotext apart. Never raises; text without a parameter line is all prompt."""
    lines = text[:MAX_INFOTEXT_CHARACTERS].strip().split("\n")
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
    return Infotext("\n".join(prompt).strip(), "\n".join(negative).strip(), parameters)


_FIELD_OF_KEY = {
    "Steps": "steps",
    "Sampler": "sampler",
    "Schedule type": "schedule_type",
    "CFG scale": "cfg_scale",
    "Distilled CFG Scale": "distilled_cfg_scale",
    "Seed": "seed",
    "Model": "checkpoint",
    "Clip skip": "clip_skip",
}


def request_fields(infotext: Infotext) -> dict[str, str]:
    """The fields of a txt2img request that this infotext names, as text for `parse_request` to validate."""
    fields = {"prompt": infotext.prompt, "negative_prompt": infotext.negative_prompt}
    fields |= {field_name: infotext.parameters[key] for key, field_name in _FIELD_OF_KEY.items() if key in infotext.parameters}
    size = _SIZE.fullmatch(infotext.parameters.get("Size", ""))
    if size:
        fields["width"], fields["height"] = size.groups()
    return fields

"""What the panel asks for, as both processes read it, and which detectors there are. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.errors import InvalidRequest, NotFound

ID = "detailer"
PAINTED = "What is painted"
FOLDER = Path(__file__).resolve().parents[3] / "models" / "detectors"
"""Where detectors lie."""

WHERE = (
    "Put a detector into models/detectors: a folder with config.json and safetensors as transformers saves it (object detection or "
    "segmentation), or a YOLO exported as .onnx."
)
ORDERS = ("Best first", "Largest first", "Left to right", "Top to bottom")
_SEPARATOR = re.compile(r"\s*\[SEP\]\s*")
SKIP = "[SKIP]"

_ARCHITECTURES = ("ForObjectDetection", "ForSemanticSegmentation", "ForUniversalSegmentation", "ForInstanceSegmentation")


@dataclass(frozen=True)
class Asked:
    """How a picture is detailed. detector: a name, or PAINTED. prompts: of each finding in turn, the last one for the rest.

    least, most: share of the picture that a finding may take. grow, blur, padding: pixels. size: px of the longer side that is drawn.
    """

    detector: str
    mask: str = ""
    labels: tuple[str, ...] = ()
    confidence: float = 0.3
    number: int = 4
    order: str = ORDERS[0]
    least: float = 0.0
    most: float = 1.0
    prompts: tuple[str, ...] = ("",)
    negative_prompt: str = ""
    strength: float = 0.4
    size: int = 512
    steps: int = 0
    grow: int = 4
    blur: int = 4
    padding: int = 32

    def prompt_of(self, number: int, usual: str) -> str | None:
        """The words of the finding of that number, 0-based; `usual` where it has none, None where it is to be left alone."""
        words = self.prompts[min(number, len(self.prompts) - 1)].strip()
        return None if words == SKIP else words.replace("[PROMPT]", usual) or usual


def asked_of(request: Any) -> Asked | None:
    """What a request asks for; None where it is switched off."""
    values: Mapping[str, Any] = request.extensions.get(ID, {})
    if not values.get("enabled"):
        return None
    fields = {name: values[name] for name in Asked.__dataclass_fields__ if name in values and name not in ("labels", "prompts")}
    labels = tuple(word for part in str(values.get("labels") or "").split(",") if (word := part.strip().casefold()))
    return Asked(**{"detector": PAINTED, **fields}, labels=labels, prompts=tuple(_SEPARATOR.split(str(values.get("prompt") or ""))))


def detectors(folder: Path | None = None) -> dict[str, Path]:
    """The detectors that there are, by name: folders as transformers saves them, and .onnx files."""
    folder = folder or FOLDER
    if not folder.is_dir():
        return {}
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.casefold() == ".onnx" and path.is_file():
            found[path.stem] = path
        elif (path / "config.json").is_file() and architecture_of(path):
            found[path.name] = path
    return found


def architecture_of(folder: Path) -> str:
    """What a folder's config says that it is, where that finds something; empty else."""
    try:
        names: Sequence[Any] = json.loads((folder / "config.json").read_text("utf-8")).get("architectures") or ()
    except (OSError, ValueError, AttributeError):
        return ""
    return next((str(name) for name in names if str(name).endswith(_ARCHITECTURES)), "")


def find_detector(name: str, folder: Path | None = None) -> Path:
    """A detector by its name. Raises NotFound where there is none at all, InvalidRequest for another name."""
    known = detectors(folder)
    if name in known:
        return known[name]
    if not known:
        raise NotFound("There is no detector.", hint=WHERE)
    raise InvalidRequest(f"There is no detector {name[:60]!r}.", field="extensions.detailer.detector", allowed=", ".join(known), hint=WHERE)

"""From a file that may be a model to what is known about it: facts for lists, details for its page. Reads headers only."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from webui.catalog import detect, header, pickle_inspector, pipelines
from webui.catalog.detect import UNKNOWN, ModelKind, Part, identify, read_prediction
from webui.catalog.header import Header, read_header, readable, sniff
from webui.catalog.pickles import inspect_pickle
from webui.catalog.roots import Found
from webui.catalog.store import Known
from webui.catalog.usable import Form
from webui.errors import CheckpointUnusable


@dataclass(frozen=True)
class Facts:
    """What a file's header said. problem and hint: why it can't be used; alias: the name its makers gave it.

    dtype: of most of its numbers; parameters: how many there are; foreign: code that a pickle names, which was not run.
    """

    kind: ModelKind = UNKNOWN
    form: Form = "safetensors"
    problem: str = ""
    hint: str = ""
    alias: str = ""
    dtype: str = ""
    parameters: int = 0
    foreign: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)

    def known(self, found: Found) -> Known:
        """As it is stored."""
        facts = asdict(replace(self, metadata={}))
        del facts["metadata"]
        return Known(found.key, found.stamp, facts, {"metadata": dict(self.metadata)})

    @classmethod
    def stored(cls, facts: Mapping[str, Any]) -> Facts:
        """From what was stored."""
        kind = facts["kind"]
        parts = tuple(Part(**part) for part in kind["parts"])
        return cls(**{**facts, "kind": ModelKind(**{**kind, "parts": parts}), "foreign": tuple(facts["foreign"])})


def rules() -> str:
    """Changes when the code that describes files does: what older code found out is found out again."""
    digest = hashlib.sha256()
    for module in (detect, header, pickle_inspector, pipelines):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:16]


def is_pickle(found: Found) -> bool:
    """Whether describing it starts a process."""
    try:
        return not found.is_folder and sniff(found.path) == "pickle"
    except CheckpointUnusable:
        return False


def describe(found: Found) -> Facts:
    """What a file or diffusers folder is; a broken one with its reason."""
    try:
        if found.is_folder:
            return Facts(pipelines.identify_folder(found.path), "diffusers")
        return _describe_file(found.path)
    except CheckpointUnusable as error:
        return Facts(form="diffusers" if found.is_folder else "safetensors", problem=readable(error.message), hint=error.hint)


def _describe_file(path: Path) -> Facts:
    foreign: tuple[str, ...] = ()
    if sniff(path) == "pickle":
        inspected = inspect_pickle(path)
        content, foreign = inspected.header, inspected.foreign
    else:
        content = read_header(path)
    kind = identify(content)
    if content.format != "pickle":
        kind = replace(kind, prediction=read_prediction(path, content, kind))
    dtype, parameters = _numbers(content)
    return Facts(
        kind,
        content.format,
        alias=content.metadata.get("ss_output_name", "").strip()[:200],
        dtype=dtype,
        parameters=parameters,
        foreign=foreign,
        metadata=told_metadata(content.metadata),
    )


def _numbers(content: Header) -> tuple[str, int]:
    counts: Counter[str] = Counter()
    for tensor in content.tensors.values():
        numbers = 1
        for size in tensor.shape:
            numbers = min(numbers * size, 2**62)
        counts[tensor.dtype] += numbers
    return (max(counts, key=lambda dtype: counts[dtype]) if counts else ""), min(counts.total(), 2**62)


_METADATA_LIMIT, _VALUE_LIMIT = 60_000, 20_000


def told_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """As much of a file's own metadata as is worth keeping: short texts, no pictures, bounded in all."""
    kept: dict[str, str] = {}
    room = _METADATA_LIMIT
    for name, value in sorted(metadata.items(), key=lambda item: len(item[1])):
        room -= len(name) + len(value)
        if len(value) > _VALUE_LIMIT or room < 0 or value.startswith("data:"):
            continue
        kept[name[:200]] = value
    return kept

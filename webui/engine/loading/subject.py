"""Models that find the subject of a picture, U²-Nets and IS-Nets: single files as they are published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webui.catalog.detect import subject_prefix
from webui.engine.loading.adapter_file import told_of_adapter
from webui.engine.loading.checkpoint import open_file
from webui.engine.loading.component import ComponentSource, component, require_all
from webui.engine.loading.layouts import plain_layout
from webui.engine.loading.tensors import Layout, Shape, shapes_of
from webui.engine.subject_network import STAGES, SubjectNetwork
from webui.errors import AdapterUnusable

_ENTRY = "conv_in.weight"
_FIRST_OF_BLOCK, _SECOND_OF_BLOCK = "rebnconvin.conv_s1.weight", "rebnconv1.conv_s1.weight"


def open_subject_model(path: Path, cache: Path | None = None) -> ComponentSource:
    """Look at such a model: its header only, but for old pickles, which are converted first. Raises AdapterUnusable.

    cache: folder to keep converted pickles in.
    """
    with told_of_adapter(path):
        file = open_file(path, cache)
        layout = subject_layout(file.shapes)
        if not layout:
            raise AdapterUnusable(f"{path.name} is neither a U²-Net nor an IS-Net.", hint="Pick another one.")
        return component("cut_out", "cut_out", file, layout, subject_config(shapes_of(file.shapes, layout)))


def load_subject_model(source: ComponentSource) -> SubjectNetwork:
    """The network in main memory, in fp32, ready to be asked. Raises AdapterUnusable where tensors are missing or don't fit."""
    network: Any = source.build()
    tensors = source.tensors()
    wanted = network.state_dict()
    with told_of_adapter(Path(source.shown)):
        require_all(source, wanted, tensors)
        network.load_state_dict({name: tensors[name].to(slot.dtype) for name, slot in wanted.items()}, assign=True)
    return network.eval().requires_grad_(False)


def subject_layout(shapes: Mapping[str, Shape]) -> Layout:
    """Name in the module -> name in the file; empty when the file holds no such model."""
    prefix = subject_prefix(shapes)
    return {} if prefix is None else plain_layout(shapes, prefix)


def subject_config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """What a SubjectNetwork is built by, told from the shapes of its tensors."""
    widths = {}
    for stage in STAGES:
        first, second = shapes[f"{stage}.{_FIRST_OF_BLOCK}"], shapes[f"{stage}.{_SECOND_OF_BLOCK}"]
        widths[stage] = [first[1], second[0], first[0]]
    return {"widths": widths, "entry": shapes[_ENTRY][0] if _ENTRY in shapes else 0}

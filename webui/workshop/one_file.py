"""Writes a diffusers folder as one file, in the names and shapes in which checkpoints of its family are published.

What the names and shapes don't tell goes along in the header: the folder's small files, which Easel reads again when it opens the
file, and the marks by which other programs know a model that predicts v.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from webui.catalog.diffusers_folder import FILES_KEY, TOKENIZER_FILES, VOLATILE, read_json
from webui.errors import InvalidRequest
from webui.workshop.merging import Overflow, recast, what_is
from webui.workshop.numbers import FLOATS
from webui.workshop.original_names import PUBLISHED, Named, Parts
from webui.workshop.plan import Plan, planned
from webui.workshop.precision import aimed
from webui.workshop.recipes import Convert
from webui.workshop.weights import WHOLE, NewTensor, Tensor, Weights

CLIP_VOCABULARY = 49408
"""Tokens of the CLIP tokenizer that all programs have; a folder with another one keeps it."""

_FOLDERS = {"denoiser": "unet"}
_LOADED = re.compile(r"(diffusion_pytorch_model|model)(\.fp16)?(-\d+-of-\d+)?(\.fp16)?\.safetensors$")
"""Names of the weights that a folder is loaded from, sharded ones too; beside them may lie others, such as .non_ema."""

_OPEN_CLIP = "gelu"
"""The activation of OpenCLIP's text encoders; OpenAI's have quick_gelu."""

_V = "v_prediction"
_MARKS = {"v_pred": "sdxl", "ztsnr": "sdxl"}
"""Empty tensors that say something by being there -> the family whose files have them."""


def check_one_file(source: Weights) -> None:
    """Raise InvalidRequest where there is no folder, or its family isn't published so, or parts of it aren't there."""
    if not source.is_folder:
        raise InvalidRequest(f"{source.name} is a single file already.", field="form", allowed="as it is", hint="Leave its form.")
    wanted = _published(source)
    if source.kind.kind != "checkpoint" or wanted is None:
        raise InvalidRequest(
            f"{what_is(source)}, which Easel does not write as a single file.",
            field="form",
            allowed="as it is",
            hint="Folders of Stable Diffusion 1, 2, XL and the XL refiner are.",
        )
    missing = [part for part in wanted if not _tensors_of(source, part)]
    if missing:
        raise InvalidRequest(
            f"{source.name} holds no safetensors of its {missing[0].replace('_', ' ')}, without which it is no checkpoint.",
            field="model",
            hint="Get the whole folder.",
        )


def plan_one_file(source: Weights, recipe: Convert, metadata: Mapping[str, Mapping[str, str]]) -> tuple[Plan, Overflow]:
    """How the file is written. Raises as `check_one_file` does."""
    check_one_file(source)
    overflow = Overflow()
    published = _published(source) or {}
    tensors = [
        _written(named, recipe.precision, overflow)
        for part, (prefix, names) in published.items()
        for named in names(_tensors_of(source, part), prefix)
    ]
    files = _small_files(source, published)
    said, marks, notes = _said_of_prediction(source, files.get("scheduler/scheduler_config.json", {}))
    told = {**metadata.get(WHOLE, {}), **said, FILES_KEY: json.dumps(files)}
    whole = Weights(source.name, source.path, source.kind, {WHOLE: {}}, {})
    return planned({WHOLE: [*tensors, *marks]}, {WHOLE: told}, whole, [*notes, *_left_out(source)]), overflow


def _published(source: Weights) -> Parts | None:
    """Where the parts of that model lie in the file; None for those that aren't written so."""
    family = source.kind.family
    if family == "sd1" and source.kind.part("text_encoder") and _config(source, "text_encoder").get("hidden_act") == _OPEN_CLIP:
        family = "sd2"  # of another size than the published ones, which are told by their width
    return PUBLISHED.get(family)


def _tensors_of(source: Weights, part: str) -> list[Tensor]:
    """The tensors of a part; where the folder holds it more than once, those that it is loaded from."""
    found: dict[str, Tensor] = {}
    folder = _FOLDERS.get(part, part)
    # Those of full precision before .fp16, as the loader looks for them.
    for file in sorted(source.files, key=lambda name: (".fp16" in name, name)):
        path = PurePosixPath(file)
        if path.parent == PurePosixPath(folder) and _LOADED.match(path.name):
            for tensor in source.files[file].values():
                found.setdefault(tensor.inner, tensor)
    return list(found.values())


def _written(named: Named, precision: str, overflow: Overflow) -> NewTensor:
    dtype = aimed(named.of[0], precision)
    rows = [recast(tensor, dtype, overflow) for tensor in named.of]
    blocks = _turned(rows[0], dtype) if named.transposed else _one_after_the_other(rows)
    return NewTensor(named.name, dtype, named.shape or rows[0].shape, sum(row.nbytes for row in rows), blocks)


def _one_after_the_other(rows: Sequence[NewTensor]) -> Any:
    return lambda: itertools.chain.from_iterable(row.blocks() for row in rows)


def _turned(matrix: NewTensor, dtype: str) -> Any:
    """The one matrix of a text encoder that lies the other way round; it is small enough to be in memory as a whole."""

    def blocks() -> Iterable[bytes]:
        numbers = np.frombuffer(b"".join(matrix.blocks()), FLOATS[dtype]).reshape(matrix.shape)
        yield numbers.T.tobytes()

    return blocks


def _small_files(source: Weights, parts: Iterable[str]) -> dict[str, Any]:
    """What the folder says that shapes don't: name below the folder -> its JSON, or text."""
    files: dict[str, Any] = {}
    for part in parts:
        name = f"{_FOLDERS.get(part, part)}/config.json"
        files[name] = _config(source, part)
        if part.startswith("text_encoder") and files[name].get("vocab_size") != CLIP_VOCABULARY:
            files |= _tokenizer(source, part.replace("text_encoder", "tokenizer"))
    name = "scheduler/scheduler_config.json"
    return {**files, name: read_json(source.path, name)}


def _config(source: Weights, part: str) -> dict[str, Any]:
    told = read_json(source.path, f"{_FOLDERS.get(part, part)}/config.json")
    return {key: value for key, value in told.items() if key not in VOLATILE}


def _tokenizer(source: Weights, folder: str) -> dict[str, Any]:
    there = [f"{folder}/{name}" for name in TOKENIZER_FILES if (source.path / folder / name).is_file()]
    return {name: read_json(source.path, name) if name.endswith(".json") else (source.path / name).read_text("utf-8") for name in there}


def _said_of_prediction(source: Weights, scheduler: Mapping[str, Any]) -> tuple[dict[str, str], list[NewTensor], list[str]]:
    """Metadata, empty tensors and notes about what the model predicts; nothing where that is noise, as all expect."""
    if scheduler.get("prediction_type") != _V:
        return {}, [], []
    zero_snr = scheduler.get("rescale_betas_zero_snr") is True
    wanted = [name for name, family in _MARKS.items() if source.kind.family == family and (name != "ztsnr" or zero_snr)]
    marks = [NewTensor(name, "F32", (0,), 0, lambda: ()) for name in wanted]
    notes = [] if marks else ["It predicts v. Easel reads that in the file; other programs may want a .yaml beside it that says so."]
    return {"modelspec.prediction_type": "v"}, marks, notes


def _left_out(source: Weights) -> list[str]:
    folders = sorted({file.partition("/")[0] for file, tensor in source.tensors() if not tensor.part and "/" in file})
    return [f"Left out, because a checkpoint file has no place for it: {folder}." for folder in folders]

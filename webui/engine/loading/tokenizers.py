"""Tokenizers, offline: the one that comes with a checkpoint, or else the data files of the package diffsynth, which is never imported."""

from __future__ import annotations

import functools
import importlib.util
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webui.errors import CheckpointUnusable

_PACKAGE = "diffsynth"
_CLIP, _T5 = "tokenizer_configs/flux/tokenizer_1", "tokenizer_configs/flux/tokenizer_2"

CLIP_LENGTH = 77

OPENAI_PAD = "<|endoftext|>"
OPEN_CLIP_PAD = "!"
"""The token that OpenCLIP pads with: id 0."""


def _data(folder: str) -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    path = Path(next(iter(spec.submodule_search_locations or ()), "")) / folder if spec else None
    if path is None or not path.is_dir():
        raise CheckpointUnusable(
            f"The tokenizer data that single-file checkpoints need is not installed (package {_PACKAGE}).",
            hint="Start Easel with launch.py, which installs it, or run: pip install --no-deps diffsynth==1.1.9",
        )
    return path


@functools.cache
def clip_tokenizer(pad: str) -> Any:
    """CLIP's tokenizer, the same for all checkpoints but for its padding token; read once, since reading it takes a fifth of a second."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(_data(_CLIP), local_files_only=True, pad_token=pad, model_max_length=CLIP_LENGTH)


@functools.cache
def t5_tokenizer() -> Any:
    """T5's tokenizer, read once."""
    from transformers.models.t5.tokenization_t5 import T5Tokenizer

    return T5Tokenizer.from_pretrained(_data(_T5), local_files_only=True)


def tokenizer_from(folder: Path, kind: str, shown: str) -> Any:
    """The tokenizer in a folder. kind: "clip" or "t5". Raises CheckpointUnusable."""
    try:
        if kind == "t5":
            from transformers.models.t5.tokenization_t5 import T5Tokenizer as Tokenizer
        else:
            from transformers.models.clip.tokenization_clip import CLIPTokenizer as Tokenizer
        return Tokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the parser raises its own kinds, plain Exception among them
        detail = " ".join(str(error).split())[:300] or type(error).__name__
        raise CheckpointUnusable(
            f"The tokenizer of {shown} cannot be read ({detail}).", hint="Copy or download the whole checkpoint again."
        ) from error


def tokenizer_of(files: Mapping[str, Any], shown: str) -> Any:
    """The CLIP tokenizer in such files: name -> JSON, or text for merges.txt."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return tokenizer_from(Path(folder), "clip", shown)

"""Textual inversion: words that were learned as vectors, used by writing their names.

The vectors take the place of what the text encoder's own table says for the tokens of the name (Gal et al. 2022,
arXiv:2208.01618). Neither table nor tokenizer is changed for that: what comes out of the table is, during one call.
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from PIL import Image
from torch.nn import Module, ParameterDict

from webui.catalog.header import sniff
from webui.engine.adapters.lora_file import fingerprint_of, read_tensors
from webui.engine.families.base import TextEncoder
from webui.errors import AdapterUnusable, CheckpointUnusable
from webui.generation.job import EmbeddingUse
from webui.generation.prompt.chunks import Chunk, Embedding, FindEmbedding

PNG_KEY = "sd-ti-embedding"
"""Text chunk of a PNG in which AUTOMATIC1111 stores an embedding."""

_PNG = b"\x89PNG\r\n\x1a\n"

_ENCODERS = ("clip_l", "clip_g")
"""Names of SDXL's two text encoders in a file."""


@dataclass(frozen=True)
class EmbeddingFile:
    """An embedding as read. tables: vectors, (count, width), one table for each text encoder it was made for."""

    fingerprint: str
    tables: tuple[torch.Tensor, ...]

    def of_width(self, width: int) -> torch.Tensor | None:
        """The vectors for a text encoder that is so wide."""
        return next((table for table in self.tables if table.shape[1] == width), None)


class Embeddings:
    """Reads embeddings; the last ones read are kept."""

    def __init__(self, most_files: int = 64) -> None:
        self._most_files = most_files
        self._files: OrderedDict[str, EmbeddingFile] = OrderedDict()

    def fit(self, uses: Sequence[EmbeddingUse], encoders: Sequence[TextEncoder], note: Callable[[str], None]) -> EmbeddingSet:
        """The embeddings that are made for these text encoders; for others `note` is told, and their names stay words.

        Raises AdapterUnusable for files that can't be read.
        """
        fitted = {}
        for use in uses:
            file = self._read(Path(use.path))
            if all(file.of_width(_width(encoder)) is not None for encoder in encoders):
                fitted[use.name] = file
            else:
                widths = ", ".join(str(table.shape[1]) for table in file.tables)
                note(f"Embedding {use.name} was read as words: it is made for another kind of checkpoint (its vectors are {widths} wide).")
        return EmbeddingSet(fitted)

    def _read(self, path: Path) -> EmbeddingFile:
        fingerprint = fingerprint_of(path)
        file = self._files.pop(fingerprint, None) or read_embedding(path)
        self._files[fingerprint] = file
        while len(self._files) > self._most_files:
            self._files.popitem(last=False)
        return file


@dataclass(frozen=True)
class EmbeddingSet:
    """Embeddings that fit a checkpoint, by the words that name them."""

    files: Mapping[str, EmbeddingFile]

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Which they are: equal keys, equal conditioning of equal texts."""
        return tuple(sorted((name, file.fingerprint) for name, file in self.files.items()))

    def finder(self, encoder: TextEncoder) -> FindEmbedding:
        """Finds names among tokens, the longest first; upper and lower case are the same, as in CLIP's tokens."""
        names = sorted(((encoder.tokenize(name), name) for name in self.files), key=lambda entry: len(entry[0]), reverse=True)
        width = _width(encoder)

        def find(tokens: Sequence[int], position: int) -> Embedding | None:
            for wanted, name in names:
                if wanted and list(tokens[position : position + len(wanted)]) == wanted:
                    return Embedding(name, len(wanted), len(self._table(name, width)))
            return None

        return find

    @contextmanager
    def injected(self, encoder: TextEncoder, chunks: Sequence[Chunk]) -> Iterator[None]:
        """Within the block the encoder, asked about these chunks in one call, reads the vectors in the places of their names."""
        if not any(chunk.embeddings for chunk in chunks):
            yield
            return
        width = _width(encoder)

        def inject(module: Module, arguments: Any, vectors: torch.Tensor) -> torch.Tensor:
            vectors = vectors.clone()
            for row, chunk in zip(vectors, chunks, strict=True):
                for place, embedding in chunk.embeddings:
                    start = encoder.words_start + place
                    table = self._table(embedding.name, width)[: len(chunk.tokens) - place]
                    row[start : start + len(table)] = table.to(row)
            return vectors

        handle = encoder.token_embedding.register_forward_hook(inject)
        try:
            yield
        finally:
            handle.remove()

    def _table(self, name: str, width: int) -> torch.Tensor:
        table = self.files[name].of_width(width)
        assert table is not None, "`fit` took only those that have one"
        return table


NO_EMBEDDINGS = EmbeddingSet({})


def _width(encoder: TextEncoder) -> int:
    return encoder.token_embedding.embedding_dim


def read_embedding(path: Path) -> EmbeddingFile:
    """Read an embedding: safetensors, AUTOMATIC1111's .pt, diffusers' .bin, or a PNG with one in its text.

    What the file is, is told from its content. Nothing of a pickle is run but what rebuilds tensors. Raises AdapterUnusable.
    """
    fingerprint = fingerprint_of(path)
    tables = [table[None] if table.dim() == 1 else table for table in _tables(_data(path))]
    if not tables or any(table.dim() != 2 or not table.numel() or not table.is_floating_point() for table in tables):
        raise AdapterUnusable(f"{path.name} is not an embedding that Easel knows.", hint="Put it into the folder of its own kind.")
    if len({len(table) for table in tables}) > 1:
        raise AdapterUnusable(f"{path.name} is damaged: its tables have different lengths.", hint="Download it again.")
    # All of it is in memory: it is small, and the file may be replaced any time.
    tables = [table.detach().to(torch.float32, copy=True) for table in tables]
    if not all(bool(table.isfinite().all()) for table in tables):
        raise AdapterUnusable(f"{path.name} holds numbers that are none (NaN).", hint="Download it again, or leave it out.")
    return EmbeddingFile(fingerprint, tuple(tables))


def _tables(data: Mapping[Any, Any]) -> list[torch.Tensor]:
    """The tables among what a file holds; none where it is something else."""
    learned = data.get("string_to_param")
    if learned is not None:
        data = dict(learned.items()) if isinstance(learned, Mapping | ParameterDict) else {}
    if any(name in data for name in _ENCODERS):
        found = [data[name] for name in _ENCODERS if name in data]
    else:
        # One table under whatever name its maker chose: "emb_params", "*", "<cat-toy>".
        found = list(data.values()) if len(data) == 1 else []
    return found if all(isinstance(table, torch.Tensor) for table in found) else []


def _data(path: Path) -> Mapping[Any, Any]:
    if _begins_as_png(path):
        return _png(path)
    try:
        found = sniff(path)
    except CheckpointUnusable as error:
        raise AdapterUnusable(error.message, hint=error.hint) from None
    return _pickle(path) if found == "pickle" else read_tensors(path)[0]


def _begins_as_png(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_PNG)) == _PNG
    except OSError as error:
        raise AdapterUnusable(f"{path.name} can't be read: {error.strerror or error}.", hint="Check that it is still there.") from None


def _pickle(path: Path) -> Mapping[Any, Any]:
    try:
        # The reader knows tensors, numbers, texts and containers; a file that asks for more is refused unread.
        with torch.serialization.safe_globals([ParameterDict]):
            data = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise AdapterUnusable(
            f"{path.name} is damaged, or holds more than numbers, and was not opened.", hint="Get it as safetensors."
        ) from error
    return data if isinstance(data, dict) else {}


def _png(path: Path) -> Mapping[Any, Any]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
            text = getattr(picture, "text", {}).get(PNG_KEY)
        data = json.loads(base64.b64decode(text, validate=True)) if text else {}
        learned = data.get("string_to_param", {}) if isinstance(data, dict) else {}
        return {"string_to_param": {name: torch.tensor(numbers["TORCHTENSOR"], dtype=torch.float32) for name, numbers in learned.items()}}
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, AttributeError, RecursionError, Image.DecompressionBombError) as error:
        raise AdapterUnusable(f"{path.name} holds no embedding that can be read.", hint="Get it as safetensors.") from error

"""How many tokens words are, without torch: the tokenizer of a checkpoint, read by the `tokenizers` library."""

from __future__ import annotations

import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from webui.errors import CheckpointUnusable
from webui.generation.prompt.chunks import Word

CLIP_ROOM = 75
"""Tokens of one chunk of CLIP, start and end not counted."""

_FRAME = 2
_CLIP_DATA = "tokenizer_configs/flux/tokenizer_1"
_MARKS = ("<|startoftext|>", "<|endoftext|>")
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, eq=False)
class PromptTokenizer:
    """A tokenizer, and how many tokens a chunk has room for."""

    tokenizer: Tokenizer
    room: int

    def words(self, text: str) -> list[Word]:
        """The tokens of a text, start and end not among them."""
        encoded = self.tokenizer.encode(text, add_special_tokens=False)
        words: list[Word] = []
        last = None
        for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            # A letter may be several tokens; the text stands at the first of them.
            words.append(Word(token, "" if (start, end) == last else text[start:end]))
            last = (start, end)
        return words


def tokenizer_of(checkpoint: Path) -> PromptTokenizer:
    """The tokenizer of a checkpoint: its own where it is a folder that has one, but for SentencePiece files; else CLIP's.

    Raises CheckpointUnusable when its files can't be read, or when CLIP's are not installed.
    """
    folder = checkpoint / "tokenizer"
    if not folder.is_dir() or (any(folder.glob("*.model")) and not (folder / "tokenizer.json").is_file()):
        return _clip()
    return _read_folder(folder, _stamp(folder))


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple(sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()))


@functools.lru_cache(maxsize=8)
def _read_folder(folder: Path, _stamp: object) -> PromptTokenizer:
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        length = int(config["model_max_length"])
        room = length - _FRAME if _FRAME < length <= CLIP_ROOM + _FRAME else CLIP_ROOM
        return PromptTokenizer(_read_tokenizer(folder), room)
    except CheckpointUnusable:
        raise
    except Exception as error:  # the library raises plain Exception for files it can't read
        raise CheckpointUnusable(
            f"The tokenizer of {folder.parent.name} cannot be read ({' '.join(str(error).split())[:200]}).",
            hint="Copy the checkpoint again.",
        ) from error


def _read_tokenizer(folder: Path) -> Tokenizer:
    file = folder / "tokenizer.json"
    if not file.is_file():
        return _from_merges(folder)
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _from_merges(folder: Path) -> Tokenizer:
    """CLIP's byte-level BPE from vocab.json and merges.txt. Radford et al. 2021 (arXiv:2103.00020), section 2.4."""
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    lines = (folder / "merges.txt").read_text("utf-8").strip().split("\n")
    merges = [(first, second) for first, second in (line.split() for line in lines if not line.startswith("#version"))]
    model = models.BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.add_special_tokens(list(_MARKS))
    return tokenizer


@functools.cache
def _clip() -> PromptTokenizer:
    found = importlib.util.find_spec("diffsynth")
    folder = Path(found.submodule_search_locations[0], _CLIP_DATA) if found and found.submodule_search_locations else None
    if folder is None or not folder.is_dir():
        raise CheckpointUnusable(
            "The tokenizer data that single-file checkpoints need is not installed (package diffsynth).",
            hint="Start Easel with launch.py, which installs it, or run: pip install --no-deps diffsynth==1.1.9",
        )
    return PromptTokenizer(_from_merges(folder), CLIP_ROOM)

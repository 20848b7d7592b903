"""Makes the tokenizer of easel-emoji: CLIP's byte-level byte-pair encoding, with merges that make whole words of its own vocabulary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from transformers import CLIPTokenizer

from training.pictures import COLOURS, Emoji

OTHER_WORDS = "on a an the background and of at small large left right top bottom middle two three 3d emoji , ."


def words_of(emoji: Iterable[Emoji]) -> list[str]:
    """All words of names and keywords, and those around them."""
    texts = [OTHER_WORDS, *COLOURS, *(text for one in emoji for text in (one.label, *one.tags))]
    return sorted({word for text in texts for word in re.findall(r"[a-z0-9']+|[^\sa-z0-9]", text)})


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte, as in GPT-2's encoder: printable ones for themselves."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + number) for number, byte in enumerate(others)}


def make_tokenizer(words: Iterable[str], folder: Path) -> CLIPTokenizer:
    """A tokenizer to which each of the words is one token and any other text is letters and pieces; written into the folder."""
    letters = byte_letters()
    vocabulary = [*letters.values(), *(f"{letter}</w>" for letter in letters.values())]
    known, merges = set(vocabulary), dict[tuple[str, str], None]()
    for word in words:
        *first, last = (letters[byte] for byte in word.encode())
        so_far, *rest = [*first, f"{last}</w>"]
        for piece in rest:
            merges[so_far, piece] = None
            so_far += piece
            if so_far not in known:
                known.add(so_far)
                vocabulary.append(so_far)
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(merge) for merge in merges)]))
    tokenizer = CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=77)
    tokenizer.save_pretrained(folder)
    return tokenizer

"""What lies beside a model file: a preview, notes, trigger words. All of it is untrusted text, bounded, and nothing more than text.

Known forms: AUTOMATIC1111's name.json and name.txt, civitai's name.civitai.info, and the metadata inside safetensors files
(kohya's ss_..., Stability's modelspec....).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from webui.catalog.header import readable

PREVIEW_ENDS = tuple(f"{middle}.{end}" for middle in (".preview", "") for end in ("png", "jpg", "jpeg", "webp"))
"""What may follow a model's stem in the name of its picture, best first."""

IMAGE_TYPES: Mapping[str, tuple[bytes, bytes]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n", b""),
    "image/jpeg": (b"\xff\xd8\xff", b""),
    "image/webp": (b"RIFF", b"WEBP"),
}
"""Media type -> what the file begins with, and what stands from its ninth byte on."""

NOTE_ENDS = (".civitai.info", ".json", ".txt", ".description.txt")
"""What may follow a model's stem in the names of the files with words about it."""

EASEL_KEY = "easel"
"""Where name.json holds what only Easel knows of: whether trigger words go into the prompt with it, and a checkpoint's defaults."""
INSERT_KEY, DEFAULTS_KEY = "insert trigger words", "defaults"

PREVIEW_LIMIT = 20_000_000
TEXT_LIMIT, WORDS_LIMIT, WORD_LIMIT = 4_000, 40, 200
MOST_WEIGHT = 10
_FILE_LIMIT = 1_000_000


@dataclass(frozen=True)
class Sidecar:
    """What people and trainers wrote about a model. trigger_words: what a prompt must say; weight: the one to prefer.

    training_tags: what the pictures that a LoRA learned from were captioned with, most frequent first.
    insert_words: whether the trigger words go into the prompt with it. defaults: fields of a request that its owner wants for it.
    """

    description: str = ""
    notes: str = ""
    trigger_words: tuple[str, ...] = ()
    weight: float | None = None
    base_model: str = ""
    training_tags: tuple[str, ...] = ()
    insert_words: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


def preview_beside(stem: str, beside: frozenset[str]) -> str | None:
    """The name of a model's preview among the files around it."""
    return next((name for end in PREVIEW_ENDS if (name := stem + end) in beside), None)


def image_type(path: Path) -> str | None:
    """The media type of a preview, told by content; None for what is no picture, too large or gone."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
        if path.stat().st_size > PREVIEW_LIMIT:
            return None
    except OSError:
        return None
    return next((kind for kind, (begin, ninth) in IMAGE_TYPES.items() if head.startswith(begin) and head[8:].startswith(ninth)), None)


def read_sidecar(folder: Path, stem: str, beside: frozenset[str], metadata: Mapping[str, str]) -> Sidecar:
    """What is known about the model `stem` in `folder`; files win over what the model's own metadata say. Damaged files say nothing."""
    found = _from_metadata(metadata)
    for end, read in (("civitai.info", _from_civitai), ("json", _from_a1111)):
        if f"{stem}.{end}" in beside:
            found = _over(read(_json(folder / f"{stem}.{end}")), found)
    for end in ("txt", "description.txt"):
        if f"{stem}.{end}" in beside and not found.description:
            found = replace(found, description=_bounded(_text(folder / f"{stem}.{end}")))
    return found


def _over(first: Sidecar, second: Sidecar) -> Sidecar:
    return Sidecar(
        first.description or second.description,
        first.notes or second.notes,
        first.trigger_words or second.trigger_words,
        second.weight if first.weight is None else first.weight,
        first.base_model or second.base_model,
        first.training_tags or second.training_tags,
        first.insert_words or second.insert_words,
        first.defaults or second.defaults,
    )


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_LIMIT + 1)
    except OSError:
        return ""
    return data.decode("utf-8-sig", "replace") if len(data) <= _FILE_LIMIT else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_text(path))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _bounded(value: Any, limit: int = TEXT_LIMIT) -> str:
    """Untrusted text, without control characters, cut to a length."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", readable(value[: 4 * limit]))[:limit].strip() if isinstance(value, str) else ""


def _words(values: Iterable[Any]) -> tuple[str, ...]:
    """Trigger words as people write them: in one text with commas, or in several."""
    parts = (part.strip() for value in values for part in _bounded(value).split(","))
    return tuple(dict.fromkeys(part[:WORD_LIMIT] for part in parts if part))[:WORDS_LIMIT]


def _from_a1111(data: dict[str, Any]) -> Sidecar:
    weight = data.get("preferred weight")
    usable = isinstance(weight, int | float) and not isinstance(weight, bool) and 0 < abs(weight) <= MOST_WEIGHT
    words = _words([data.get("activation text")])
    said = data.get(EASEL_KEY)
    own: dict[str, Any] = said if isinstance(said, dict) else {}
    defaults = own.get(DEFAULTS_KEY)
    return Sidecar(
        _bounded(data.get("description")),
        _bounded(data.get("notes")),
        words,
        float(weight) if usable and weight is not None else None,
        _bounded(data.get("sd version"), 100),
        # AUTOMATIC1111 inserts its activation text always.
        insert_words=own.get(INSERT_KEY, bool(words)) is True,
        defaults=defaults if isinstance(defaults, dict) else {},
    )


def _from_civitai(data: dict[str, Any]) -> Sidecar:
    words = data.get("trainedWords")
    return Sidecar(
        _plain(data.get("description")),
        "",
        _words(words) if isinstance(words, list) else (),
        None,
        _bounded(data.get("baseModel"), 100),
    )


def _from_metadata(metadata: Mapping[str, str]) -> Sidecar:
    return Sidecar(
        _plain(metadata.get("modelspec.description")),
        _plain(metadata.get("modelspec.usage_hint")),
        _words([metadata.get("modelspec.trigger_phrase")]),
        None,
        _bounded(metadata.get("modelspec.architecture") or metadata.get("ss_base_model_version"), 100),
        tuple(frequent_tags(metadata.get("ss_tag_frequency", ""))),
    )


def frequent_tags(text: str, limit: int = WORDS_LIMIT) -> list[str]:
    """The tags that a LoRA's training pictures were captioned with most often (kohya's ss_tag_frequency), most frequent first."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return []
    counts: dict[str, int] = {}
    for folder in data.values() if isinstance(data, dict) else ():
        for tag, count in folder.items() if isinstance(folder, dict) else ():
            if isinstance(count, int) and (word := _bounded(tag, 100)):
                counts[word] = counts.get(word, 0) + count
    return sorted(counts, key=lambda word: -counts[word])[:limit]


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("p", "br", "li", "h1", "h2", "h3"):
            self.parts.append("\n")


def _plain(value: Any) -> str:
    """The words of a text that may be HTML."""
    if not isinstance(value, str):
        return ""
    parser = _Plain()
    parser.feed(value[: 20 * TEXT_LIMIT])
    parser.close()
    return _bounded("".join(parser.parts))

"""How pictures are named: patterns with AUTOMATIC1111's words in brackets, and names that every file system takes."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath, PurePosixPath
from typing import Literal
from zoneinfo import ZoneInfo

import regex

from webui.errors import SettingInvalid
from webui.generation.finishing import FinishingStep, format_of
from webui.generation.request import PictureFromPicture, ResolvedDrawn, ResolvedRequest, ResolvedUpscale, Upscale
from webui.settings import Settings

NAME_BYTES = 200
"""Longest file name in bytes of UTF-8, its number and suffix included. File systems end at 255; a .part file's mark needs some."""

FOLDER_BYTES = 100
"""Longest name of one folder that a pattern makes."""

MOST_FOLDERS = 8
"""Deepest that a pattern may go; what it asks for beyond that is left out."""

PATH_BYTES = 1000
"""Longest path below the pictures folder, where the system sets no tighter limit."""


FORMAT_NAMES: Mapping[str, Literal["png", "jpeg", "webp", "avif"]] = {"PNG": "png", "JPEG": "jpeg", "WebP": "webp", "AVIF": "avif"}
"""What the step `format` says -> what the setting does."""


@dataclass(frozen=True)
class OutputStyle:
    """How pictures are saved and named: the settings of the section "Pictures" under their short names."""

    format: Literal["png", "jpeg", "webp", "avif"] = "png"
    quality: int = 90
    folder_pattern: str = "[date]"
    name_pattern: str = "[seed]"
    sidecar: Literal["none", "text", "json"] = "none"
    save_grids: bool = False

    @classmethod
    def of(cls, settings: Settings) -> OutputStyle:
        """The style that the settings ask for."""
        return cls(
            format=settings.picture_format,
            quality=settings.picture_quality,
            folder_pattern=settings.folder_pattern,
            name_pattern=settings.name_pattern,
            sidecar=settings.sidecar,
            save_grids=settings.save_grids,
        )

    def finished_by(self, steps: Sequence[FinishingStep]) -> OutputStyle:
        """The style with the format that a finishing chain asks for, if it does, in place of its own."""
        asked = format_of(steps)
        return self if asked is None else replace(self, format=FORMAT_NAMES[asked.format], quality=asked.file_quality)


@dataclass(frozen=True)
class Subject:
    """What a pattern speaks of: one picture of a job. index: its place in the job. moment: when it was named, local time."""

    request: ResolvedRequest
    index: int
    moment: datetime


# --- The words of patterns -------------------------------------------------------------------------------------------

Arguments = tuple[str, ...]

_STAMP = "%Y%m%d%H%M%S"
_HASH_DIGITS = 8
_MOST_HASH_DIGITS = 64
_PROMPT_WORDS = 8
_BETWEEN_WORDS = re.compile(rf"[\s{re.escape(string.punctuation)}]+")


def _date_and_time(subject: Subject, arguments: Arguments) -> str:
    form, zone, *_ = (*arguments, "", "")
    try:
        moment = subject.moment.astimezone(ZoneInfo(zone)) if zone else subject.moment
        return moment.strftime(form or _STAMP)
    except (ValueError, OSError, KeyError):
        # `check_pattern` says so where the pattern is set; a picture is saved even where another machine's pattern fails.
        return subject.moment.strftime(_STAMP)


def _hash(text: str, arguments: Arguments) -> str:
    wanted = arguments[0] if arguments else ""
    digits = int(wanted) if re.fullmatch(r"[0-9]{1,3}", wanted) else _HASH_DIGITS
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _prompt(subject: Subject) -> str:
    return subject.request.words[0]


def _negative_prompt(subject: Subject) -> str:
    return subject.request.words[1]


def _drawn(tell: Callable[[ResolvedDrawn], str]) -> Callable[[Subject, Arguments], str | None]:
    """What a token tells of how a picture is drawn; nothing where it isn't."""
    return lambda it, _: None if isinstance(it.request, ResolvedUpscale) else tell(it.request)


def _seed(subject: Subject, index: int) -> str | None:
    seed = subject.request.image_seeds[index]
    return None if seed is None else str(seed)


def _source_stem(subject: Subject) -> str | None:
    request = subject.request
    return PurePath(request.init_name).stem or None if isinstance(request, PictureFromPicture | Upscale) else None


def _prompt_words(subject: Subject) -> str:
    words = [word for word in _BETWEEN_WORDS.split(_prompt(subject)) if word]
    return " ".join(words[:_PROMPT_WORDS]) or "empty"


def _words_that_occur(subject: Subject, arguments: Arguments) -> str:
    prompt = _prompt(subject).casefold()
    choices = (argument.partition("|") for argument in arguments)
    return "".join(word if word.casefold() in prompt else default for word, _, default in choices)


def _underscored(text: str) -> str:
    return "_".join(text.split())


def _one_of_many(count: int, value: int | None) -> str | None:
    return str(value) if count > 1 and value is not None else None


def _no_arguments(arguments: Arguments) -> str:
    return "" if not arguments else "nothing in <>"


def _hash_length(arguments: Arguments) -> str:
    well = len(arguments) <= 1 and all(
        argument == "" or (argument.isascii() and argument.isdecimal() and 1 <= int(argument[:4]) <= _MOST_HASH_DIGITS)
        for argument in arguments
    )
    return "" if well else f"one number from 1 to {_MOST_HASH_DIGITS}, such as <8>"


def _form_and_zone(arguments: Arguments) -> str:
    form, zone, *rest = (*arguments, "", "")
    try:
        datetime.now(ZoneInfo(zone) if zone else None).strftime(form or _STAMP)
    except (ValueError, OSError, KeyError):
        return "a form such as <%Y-%m-%d> and a time zone such as <Europe/Vienna>"
    return "a form and a time zone, no more" if any(rest) else ""


def _some_words(arguments: Arguments) -> str:
    return "" if arguments and all(argument.partition("|")[0] for argument in arguments) else "a word, such as <cat|other>"


@dataclass(frozen=True)
class Token:
    """One word that a pattern may have in brackets.

    value: its text for a picture; None leaves out the text before it, too, as AUTOMATIC1111 does.
    wrong: what should stand in <> when its arguments can't be used, in words; empty when they can.
    """

    meaning: str
    value: Callable[[Subject, Arguments], str | None]
    wrong: Callable[[Arguments], str] = _no_arguments
    example: str = ""


TOKENS: dict[str, Token] = {
    "seed": Token("Seed of the picture", lambda it, _: _seed(it, it.index)),
    "seed_first": Token("Seed of the first picture of the batch", lambda it, _: _seed(it, _batch(it).start)),
    "seed_last": Token(
        "Seed of the last picture of the batch; nothing in batches of one",
        lambda it, _: _one_of_many(_batch_size(it), it.request.image_seeds[_batch(it).stop - 1]),
    ),
    "steps": Token("Steps", _drawn(lambda request: str(request.steps))),
    "cfg": Token("CFG scale", _drawn(lambda request: f"{request.cfg_scale:g}")),
    "width": Token("Width in pixels", lambda it, _: str(it.request.finished_size[0])),
    "height": Token("Height in pixels", lambda it, _: str(it.request.finished_size[1])),
    "sampler": Token("Sampler", _drawn(lambda request: request.sampler)),
    "scheduler": Token("Schedule", _drawn(lambda request: request.schedule_type)),
    "sampler_scheduler": Token("Sampler and schedule", _drawn(lambda request: f"{request.sampler} {request.schedule_type}")),
    "clip_skip": Token("Clip skip", _drawn(lambda request: str(request.clip_skip))),
    "model_name": Token("Name of the checkpoint", _drawn(lambda request: request.checkpoint)),
    "model_hash": Token("First 10 digits of the checkpoint's hash", _drawn(lambda request: request.checkpoint_hash)),
    "date": Token("Day", lambda it, _: it.moment.strftime("%Y-%m-%d")),
    "datetime": Token(
        "Day and time; form and time zone may be given",
        _date_and_time,
        _form_and_zone,
        "[datetime<%H-%M><Asia/Tokyo>]",
    ),
    "job_timestamp": Token("Day and time when the job began", lambda it, _: it.moment.strftime(_STAMP)),
    "prompt": Token("Prompt, with _ for each space", lambda it, _: _underscored(_prompt(it))),
    "prompt_spaces": Token("Prompt", lambda it, _: _prompt(it)),
    "prompt_words": Token(f"First {_PROMPT_WORDS} words of the prompt, without signs", lambda it, _: _prompt_words(it)),
    "prompt_no_styles": Token("Prompt without the words of styles", lambda it, _: _prompt(it)),
    "prompt_hash": Token(
        "Hash of the prompt: 8 digits, or as many as given",
        lambda it, arguments: _hash(_prompt(it), arguments),
        _hash_length,
        "[prompt_hash<4>]",
    ),
    "negative_prompt_hash": Token(
        "Hash of the negative prompt", lambda it, arguments: _hash(_negative_prompt(it), arguments), _hash_length
    ),
    "full_prompt_hash": Token(
        "Hash of both prompts",
        lambda it, arguments: _hash(f"{_prompt(it)} {_negative_prompt(it)}", arguments),
        _hash_length,
    ),
    "hasprompt": Token(
        "Each of these words that the prompt has; behind the stroke what stands for it else",
        _words_that_occur,
        _some_words,
        "[hasprompt<fox><cat|other>]",
    ),
    "batch_size": Token("Batch size", _drawn(lambda request: str(request.batch_size))),
    "batch_number": Token(
        "Place in the batch; nothing in batches of one",
        lambda it, _: _one_of_many(_batch_size(it), it.index % _batch_size(it) + 1),
    ),
    "generation_number": Token(
        "Place in the job; nothing in jobs of one picture", lambda it, _: _one_of_many(it.request.picture_count, it.index + 1)
    ),
    "denoising": Token("Denoising strength; nothing for pictures from words", lambda it, _: _denoising(it)),
    "styles": Token("Styles; nothing, since their words stand in the prompt", lambda it, _: None),
    "user": Token("Who asked; nothing, since Easel has no logins yet", lambda it, _: None),
    "vae_filename": Token("File of a separate VAE; nothing, since Easel uses the checkpoint's", lambda it, _: None),
    "basename": Token("Name of the picture that it starts from; nothing where that isn't known", lambda it, _: _source_stem(it)),
    "none": Token("Nothing: the number alone", lambda it, _: ""),
}
"""Every word, by its name in AUTOMATIC1111."""

NOT_POSSIBLE = {
    "image_hash": "the name is settled before the picture is made, so that none is lost",
}
"""AUTOMATIC1111's words that Easel doesn't have, and why."""


def _denoising(subject: Subject) -> str | None:
    alone = subject.request.alone(subject.index)
    return f"{alone.denoising_strength:g}" if isinstance(alone, PictureFromPicture) else None


def _batch_size(subject: Subject) -> int:
    return 1 if isinstance(subject.request, ResolvedUpscale) else subject.request.batch_size


def _batch(subject: Subject) -> range:
    start = subject.index - subject.index % _batch_size(subject)
    return range(start, start + _batch_size(subject))


# --- Patterns --------------------------------------------------------------------------------------------------------

_PIECE = re.compile(r"\[(?P<word>[^\[\]<>]+)(?P<arguments>(?:<[^<>\[\]]*>)*)\]|(?P<folder>[/\\])|(?P<text>[^\[\]/\\]+|.)", re.DOTALL)
_ARGUMENT = re.compile(r"<([^<>]*)>")


def check_pattern(pattern: str, field: str) -> None:
    """Raise SettingInvalid, naming the setting `field` and all known words, for a pattern that can't be meant so."""
    for piece in _PIECE.finditer(pattern):
        if piece["word"] is not None:
            _check_word(piece["word"], tuple(_ARGUMENT.findall(piece["arguments"])), field)
        elif piece["text"] in ("[", "]"):
            raise _refusal(field, f"has a {piece['text']} without its other half, or something else than a word in it")


def _check_word(word: str, arguments: Arguments, field: str) -> None:
    token = TOKENS.get(word.lower())
    if token is None:
        reason = NOT_POSSIBLE.get(word.lower())
        raise _refusal(field, f"can't have [{word[:60]}]: {reason}" if reason else f"has a word that Easel doesn't know: [{word[:60]}]")
    wrong = token.wrong(arguments)
    if wrong:
        raise _refusal(field, f"can't use what follows [{word}: it takes {wrong}")


def _refusal(field: str, problem: str) -> SettingInvalid:
    known = Settings.model_fields.get(field)
    return SettingInvalid(
        f"{(known.title if known else None) or field} {problem}.",
        field=field,
        allowed="text, / for folders, and " + ", ".join(f"[{word}]" for word in TOKENS),
        hint="Use one of the known words, or leave it out.",
    )


def _parts(pattern: str, subject: Subject) -> Iterator[str]:
    """The pattern filled in, one string per "/" of its own. What isn't a known word stays as text."""
    done, text = "", ""
    for piece in _PIECE.finditer(pattern):
        if piece["folder"]:
            yield done + text
            done, text = "", ""
        elif piece["word"] and piece["word"].lower() in TOKENS:
            value = TOKENS[piece["word"].lower()].value(subject, tuple(_ARGUMENT.findall(piece["arguments"])))
            done += "" if value is None else text + value
            text = ""
        else:
            text += piece[0]
    yield done + text


@dataclass(frozen=True)
class Place:
    """Where a picture goes, but for its number: a folder below the pictures folder, and what follows the number."""

    folder: PurePosixPath
    name: str

    def numbered(self, number: str, suffix: str) -> str:
        """The relative path with that number: `txt2img-images/2026-11-23/00012-<name>.png`."""
        return (self.folder / f"{'-'.join(part for part in (number, self.name) if part)}{suffix}").as_posix()


def place(top: str, style: OutputStyle, subject: Subject, *, number_bytes: int, path_bytes: int = PATH_BYTES) -> Place:
    """Fill in the style's patterns. Whatever they and the prompt hold, the result lies below `top` and is a safe name.

    top: folder in the pictures folder. number_bytes: kept free for number, dash and suffix. path_bytes: longest whole path.
    """
    *folders, name = _parts(f"{style.folder_pattern}/{style.name_pattern}", subject)
    half = (path_bytes - len(top.encode())) // 2
    share = min(FOLDER_BYTES, half // max(1, min(len(folders), MOST_FOLDERS)) - 1)
    safe = [part for part in (safe_name(text, share) for text in folders) if part]
    folder = PurePosixPath(top, *safe[:MOST_FOLDERS])
    room = min(NAME_BYTES, path_bytes - len(str(folder).encode()) - 1) - number_bytes
    return Place(folder, safe_name(name, room))


# --- Names that every file system takes ------------------------------------------------------------------------------

# AUTOMATIC1111's list: what Windows refuses, and # (which ends a web address).
_REFUSED = str.maketrans(dict.fromkeys('#<>:"/\\|?*', "_"))
_JOINERS = "\u200c\u200d"
_EDGES = f". {_JOINERS}"
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE | re.DOTALL)
_CLUSTER = regex.compile(r"\X")


def safe_name(text: str, most_bytes: int) -> str:
    """Text as the name of a file or folder on Windows, macOS and Linux: one part, visible, at most that many bytes of UTF-8.

    Unicode NFC. May be empty. Emoji and combining marks are cut off whole, unless one alone is too long.
    """
    # Four bytes for each byte of room leave enough after cleaning, and keep a prompt of 20,000 characters quick.
    visible = "".join(map(_visible, " ".join(text.split())[: 4 * max(most_bytes, 0) + 256]))
    composed = unicodedata.normalize("NFC", visible).translate(_REFUSED)
    name = _cut(" ".join(composed.split()).strip(_EDGES), most_bytes).rstrip(_EDGES)
    # Windows takes these names for devices, with any suffix.
    return _cut(f"_{name}", most_bytes).rstrip(_EDGES) if _DEVICE.fullmatch(name) else name


def _visible(character: str) -> str:
    # Category C: control and format characters (those that turn the direction of text among them), surrogates,
    # private use, unassigned. The joiners are format characters, too, but emoji and some scripts are made with them.
    return "" if unicodedata.category(character)[0] == "C" and character not in _JOINERS else character


def _cut(text: str, most_bytes: int) -> str:
    if len(text.encode()) <= most_bytes:
        return text
    end, room = 0, most_bytes
    for cluster in _CLUSTER.finditer(text):
        room -= len(cluster[0].encode())
        if room < 0:
            break
        end = cluster.end()
    return text[:end] or text.encode()[: max(most_bytes, 0)].decode(errors="ignore")

"""Takes out of a text what nobody else should read: secrets from the log; names, folders and pictures, too, from a report."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from webui.access_tokens import SHAPE
from webui.errors import EaselError

REMOVED = "[removed]"

_SECRET_NAME = r"(?:[\w-]{0,60}(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]{0,60})"
_SECRET_VARIABLE = re.compile(rf"(?:{_SECRET_NAME}|(?:\w*_)?(?:auth|cookie|key|pass|pwd))", re.IGNORECASE)
_SHORTEST_SECRET = 6
"""Shorter values ("1", "yes", "none") are switches, and would take half the text along."""

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), REMOVED),
    # https://anna:secret@host, also without a password: a token may stand for the name.
    (re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@'\"<>]+@", re.IGNORECASE), rf"\g<scheme>{REMOVED}@"),
    (re.compile(r"(?P<head>\b(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:\w+\s+)?)[^\s'\",;]+", re.IGNORECASE), rf"\g<head>{REMOVED}"),
    (re.compile(r"(?P<head>\b(?:set-)?cookie['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+", re.IGNORECASE), rf"\g<head>{REMOVED}"),
    (re.compile(r"(?P<head>\bbearer\s+)[\w.~+/=-]{6,}", re.IGNORECASE), rf"\g<head>{REMOVED}"),
    # name=value, name: value, "name": "value", --name value
    (
        re.compile(
            rf"(?P<head>(?<![\w-])(?:--)?{_SECRET_NAME}['\"]?(?:\s*[:=]\s*|(?<=[a-z])\s+(?=\S*\d))['\"]?)(?!\[removed\])[^\s'\",;&#]+",
            re.IGNORECASE,
        ),
        rf"\g<head>{REMOVED}",
    ),
    # A signed address (of a bucket, say) opens what it names.
    (re.compile(r"(?P<head>[?&](?:sig|signature|x-amz-[\w-]+|key|auth|code)=)[^\s&#'\"]+", re.IGNORECASE), rf"\g<head>{REMOVED}"),
    (re.compile(r"\b(?:hf_|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|sk-|pk-|r8_|xox[abprs]-|AKIA|ASIA|AIza|npm_|pypi-)[\w-]{8,}"), REMOVED),
    (SHAPE, REMOVED),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), REMOVED),
)

_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+\b")
_SOMEBODYS_HOME = re.compile(r"(?P<head>(?:[A-Za-z]:)?[\\/]{1,4}(?:home|Users)[\\/]{1,4})(?!\[user\])(?P<name>[^\\/\s'\":;,]+)")
_NO_NAMES = frozenset(
    {"", "root", "user", "users", "admin", "administrator", "default", "public", "localhost", "ubuntu", "debian", "runner", "app"}
)
"""Account and host names that say nothing about anybody, but stand in many other words."""


@dataclass(frozen=True)
class Person:
    """Whose machine this is: what a report must not say of it."""

    home: str
    user: str
    host: str


def whose_machine() -> Person:
    """Home folder, account and host of this process; empty where the system doesn't tell."""
    try:
        home = str(Path.home())
    except RuntimeError:
        home = ""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = ""
    return Person(home, user, socket.gethostname())


Secrets = Callable[[], Collection[str]]
"""Secrets that are known at the moment."""


class Redactor:
    """Takes secrets out of texts: by their shape, by the name before them, those that the environment holds, and those that are told.

    home: a folder that is written as ~, since its name mostly is that of a person.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, secrets: Secrets = frozenset, home: str = "") -> None:
        self._home = _home_pattern(home)
        self._in_environment = _secrets_in(environment)
        self._secrets = secrets
        self._told: Collection[str] = frozenset()
        self._known = _any_of(self._in_environment, whole_words=False)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        told = self._secrets()
        if told != self._told:
            self._told = told
            self._known = _any_of({*self._in_environment, *told}, whole_words=False)
        if self._known is not None:
            text = self._known.sub(REMOVED, text)
        for pattern, instead in _SHAPES:
            text = pattern.sub(instead, text)
        return text if self._home is None else self._home.sub("~", text)


class ReportRedactor:
    """For texts that leave the machine: no secrets, no home folder, account, host or address, and no names of pictures.

    pictures_dirs: folders whose files' names may hold prompts.
    """

    def __init__(
        self,
        person: Person,
        pictures_dirs: Iterable[Path] = (),
        environment: Mapping[str, str] = os.environ,
        secrets: Secrets = frozenset,
    ) -> None:
        self._secrets = Redactor(environment, secrets)
        self._pictures = [_path_pattern(str(folder), r"(?:[\\/]+[^\r\n'\"]*|(?![\w.-]))") for folder in pictures_dirs]
        self._home = _home_pattern(person.home)
        host = person.host.casefold()
        self._user = _any_of([person.user] if person.user.casefold() not in _NO_NAMES else [], whole_words=True)
        self._host = _any_of({name for name in (host, host.partition(".")[0]) if name not in _NO_NAMES}, whole_words=True)

    def __call__(self, text: str) -> str:
        """The text as anybody may read it."""
        for pattern in self._pictures:
            text = pattern.sub("[pictures folder]", text)
        text = self._secrets(text)
        if self._home is not None:
            text = self._home.sub("~", text)
        text = _SOMEBODYS_HOME.sub(r"\g<head>[user]", text)
        text = _EMAIL.sub("[address]", text)
        if self._user is not None:
            text = self._user.sub("[user]", text)
        return text if self._host is None else self._host.sub("[host]", text)


def _secrets_in(environment: Mapping[str, str]) -> set[str]:
    named = {value for name, value in environment.items() if _SECRET_VARIABLE.fullmatch(name)}
    # A sock or a file that a variable names is no secret itself.
    return {value for value in named if len(value) >= _SHORTEST_SECRET and not value.startswith(("/", "~"))}


def _any_of(texts: Iterable[str], *, whole_words: bool) -> re.Pattern[str] | None:
    ordered = sorted(texts, key=len, reverse=True)
    if not ordered:
        return None
    either = "|".join(map(re.escape, ordered))
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])" if whole_words else either, re.IGNORECASE if whole_words else 0)


def _home_pattern(home: str) -> re.Pattern[str] | None:
    return _path_pattern(home, r"(?![\w.-])") if len(home) > 1 else None


@cache
def _own_home() -> re.Pattern[str] | None:
    return _home_pattern(whose_machine().home)


def without_home(text: str) -> str:
    """The text with ~ for the home folder of this process's account, whose name mostly is that of a person."""
    home = _own_home()
    return text if home is None else home.sub("~", text)


def told(error: EaselError) -> dict[str, Any]:
    """An error as whoever asks for something by the network may read it."""
    return told_again(error.as_dict())


def told_again(error: Mapping[str, Any]) -> dict[str, Any]:
    """The same of one that was kept as what `as_dict` made of it."""
    return {name: without_home(value) if isinstance(value, str) else value for name, value in error.items()}


def _path_pattern(path: str, rest: str) -> re.Pattern[str]:
    """A path as it stands in texts: with either slash, and with doubled ones as repr() and JSON write them."""
    parts = [re.escape(part) for part in re.split(r"[\\/]+", path.rstrip("\\/"))]
    return re.compile(r"[\\/]{1,4}".join(parts) + rest, re.IGNORECASE if os.name == "nt" else 0)

"""What the checks look at: one data folder with its settings, seen from outside or from within the Easel that works on it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psutil

from webui.catalog.checkpoints import Checkpoint, scan
from webui.doctor.add_ons import AddOns, load_in_child
from webui.doctor.folders import Found, look_through
from webui.doctor.records import Asked, reading
from webui.errors import SettingInvalid
from webui.executors.base import Slot
from webui.executors.fake import FakeExecutor
from webui.executors.local import ask_engine
from webui.settings import Settings, default_settings, load_settings
from webui.studio.database import DATABASE_FILE
from webui.studio.instance import Holder, holder_of
from webui.studio.studio import Studio

_ANSWER_SECONDS = 3.0
ADD_ON_SECONDS = 30.0
"""For all add-ons together to be loaded in."""


@dataclass(frozen=True)
class Easel:
    """The Easel that works on the data folder. pid None: none does. url None: it has no page.

    answers: whether its page does. itself: this very process is it; then running_jobs tells what it is making,
    and files_changed whether its program did since it was started.
    """

    pid: int | None = None
    url: str | None = None
    answers: bool = False
    itself: bool = False
    files_changed: bool = False
    running_jobs: Callable[[], set[int]] | None = None

    @property
    def works(self) -> bool:
        """Whether there is one."""
        return self.pid is not None


@dataclass
class Premises:
    """Everything the checks may ask for; what takes time is looked at once, when the first check wants it."""

    settings: Settings
    easel: Easel
    ask_engine: Callable[[], Slot]
    ask_checkpoints: Callable[[], Sequence[Checkpoint]]
    ask_add_ons: Callable[[], AddOns]
    settings_problem: SettingInvalid | None = None
    model_roots: Sequence[Path] = field(default=())

    def __post_init__(self) -> None:
        self.model_roots = self.model_roots or self.settings.model_roots

    @property
    def database(self) -> Path:
        """The database file."""
        return self.settings.data_dir / DATABASE_FILE

    def records(self) -> AbstractContextManager[Asked]:
        """The database, in the file or on its server, for reading only. Raises sqlite3.DatabaseError or Unreachable."""
        return reading(self.database, self.settings.database_url, in_use=self.easel.works)

    @cached_property
    def engine(self) -> Slot:
        """What the engine says of itself, or why it says nothing."""
        return self.ask_engine()

    @cached_property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """All checkpoints, unusable ones with their reason."""
        return self.ask_checkpoints()

    @cached_property
    def add_ons(self) -> AddOns:
        """The add-ons of the web process."""
        return self.ask_add_ons()

    @cached_property
    def pictures(self) -> Found:
        """All that lies in the pictures folder."""
        return look_through(self.settings.pictures_dir)

    @cached_property
    def cache(self) -> Found:
        """All that lies in the cache."""
        return look_through(self.settings.data_dir / "cache")


def from_outside(given: dict[str, object], extension_roots: Sequence[Path]) -> Premises:
    """For the command line: nothing of Easel has to run, and what runs is left alone. given: its options, None where not given."""
    try:
        settings, problem = load_settings(**given), None
    except SettingInvalid as error:
        settings, problem = default_settings(given.get("data_dir")), error
    roots = () if settings.safe_mode else tuple(extension_roots)
    fake = settings.executor == "fake"
    return Premises(
        settings,
        _look_for_easel(settings),
        ask_engine=(lambda: FakeExecutor().slots()[0]) if fake else (lambda: ask_engine(roots)),
        ask_checkpoints=lambda: scan(settings.model_roots),
        ask_add_ons=lambda: load_in_child(roots, ADD_ON_SECONDS) if roots else AddOns(),
        settings_problem=problem,
    )


def _look_for_easel(settings: Settings) -> Easel:
    holder = holder_of(settings.data_dir)
    if holder is None or not _is_alive(holder):
        return Easel()
    return Easel(holder.pid, holder.url, answers=holder.url is not None and _answers(holder.url))


def _is_alive(holder: Holder) -> bool:
    try:
        # A process that began after the note was written has only the number in common with the one that wrote it.
        return psutil.Process(holder.pid).create_time() <= holder.noted + 1
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # another account's, which may well be the one that started Easel


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v1/health", timeout=_ANSWER_SECONDS) as answer:
            return "state" in json.load(answer)
    except (OSError, ValueError):
        return False


def from_within(studio: Studio, pid: int) -> Premises:
    """For page and API: what the running studio knows already is not asked for again."""
    settings = studio.preferences.current
    return Premises(
        settings,
        Easel(pid, answers=True, itself=True, files_changed=studio.notices.standing("restart_needed"), running_jobs=studio.running_jobs),
        ask_engine=lambda: studio.slot() or Slot("none", alive=False, problem="There is no place where pictures are made."),
        ask_checkpoints=studio.checkpoints,
        ask_add_ons=lambda: AddOns(tuple(studio.extensions.names()), studio.extensions.not_loaded()),
        model_roots=studio.catalog.roots,
    )

"""The program's own log: lines for people on the terminal, JSON lines in a file, each with the job that it is about.

Composed by the command line (`log_to_console`) and by `webui.app.open_studio` (`log_to_file`); nothing happens at import.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from webui.redaction import Redactor, Secrets, whose_machine

LOG_FOLDER = "logs"
LOG_FILE = "easel.log"
FILE_BYTES = 5_000_000
"""Of one log file; then a new one is begun."""
OLD_FILES = 4
"""easel.log.1 is the newest of them."""

WORKER_MARK = "\x1e"
"""Stands before a record that the worker writes to stderr (RFC 7464); whatever has none was written by a library."""

_CHATTY = ("httpx", "httpcore", "alembic", "asyncio", "PIL", "multipart", "markdown_it", "matplotlib")
_SHORTEST_PRIVATE = 3
_PRIVATE = "[prompt]"


@dataclass(frozen=True)
class _About:
    job: str
    private: re.Pattern[str] | None


_about: ContextVar[_About | None] = ContextVar("about", default=None)


@contextmanager
def about_job(job: int | str, *private: str) -> Iterator[None]:
    """Whatever this thread logs in the block is about that job. private: texts (prompts) that stand in debug lines only."""
    token = _about.set(_About(str(job), _pattern_of(private)))
    try:
        yield
    finally:
        _about.reset(token)


def _pattern_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    plain = {text.strip() for text in texts if len(text.strip()) >= _SHORTEST_PRIVATE}
    # Also as repr() writes them, which is how errors mostly quote.
    words = sorted(plain | {repr(text)[1:-1] for text in plain}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)") if words else None


class _Annotate(logging.Filter):
    """Notes on each record which job it is about, and which texts it must not show."""

    def filter(self, record: logging.LogRecord) -> bool:
        about = _about.get()
        if not hasattr(record, "job"):
            record.job = about.job if about else None
        if not hasattr(record, "private"):
            record.private = about.private if about and record.levelno > logging.DEBUG else None
        return True


class _Formatter(logging.Formatter):
    def __init__(self, redactor: Redactor | None) -> None:
        super().__init__()
        self._redactor = redactor

    def _clean(self, record: logging.LogRecord, text: str) -> str:
        private = getattr(record, "private", None)
        if private is not None:
            text = private.sub(_PRIVATE, text)
        return self._redactor(text) if self._redactor else text

    def _trace(self, record: logging.LogRecord) -> str:
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        parts = [record.exc_text or "", self.formatStack(record.stack_info) if record.stack_info else ""]
        return self._clean(record, "\n".join(part for part in parts if part))


class _ForPeople(_Formatter):
    """W webui.studio.dispatcher: The disk is full. (job 1885400000000000)"""

    def format(self, record: logging.LogRecord) -> str:
        message = self._clean(record, record.getMessage())
        job = getattr(record, "job", None)
        about = f" (job {job})" if job and job not in message else ""
        trace = self._trace(record)
        return f"{record.levelname:.1} {record.name}: {message}{about}" + (f"\n{trace}" if trace else "")


class _ForPrograms(_Formatter):
    """One JSON object a line: time (UTC), level, logger, process (web or worker), job, message, trace."""

    def __init__(self, redactor: Redactor | None, process: str, mark: str = "") -> None:
        super().__init__(redactor)
        self._process = process
        self._mark = mark

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": getattr(record, "of_process", self._process),
        }
        if job := getattr(record, "job", None):
            line["job"] = job
        line["message"] = self._clean(record, record.getMessage())
        if trace := self._trace(record):
            line["trace"] = trace
        return self._mark + json.dumps(line)


def _compose(level: str, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_Annotate())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_to_console(level: str, secrets: Secrets = frozenset) -> None:
    """Show this process's log on stderr, for people, from that level on: "debug", "info", "warning" or "error".

    secrets: what must not stand in it, beside what the environment holds.
    """
    _compose(level, _ForPeople(Redactor(secrets=secrets, home=whose_machine().home)))


def log_to_web_process(level: str) -> None:
    """Write this worker's log to stderr, as records for `take_worker_line`. Secrets are taken out there, prompts here."""
    _compose(level, _ForPrograms(None, "worker", WORKER_MARK))


def take_worker_line(line: str) -> str:
    """Log what a worker wrote to stderr, one line of it, in this process. Returns it as people read it.

    A record keeps its time, level, logger and job; anything else is a library's, and about the job of `about_job`.
    """
    record = _record_of(line)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
    trace = getattr(record, "exc_text", None)
    return record.getMessage() + (f"\n{trace}" if trace else "")


def _record_of(line: str) -> logging.LogRecord:
    told: dict[str, Any] = {"name": "webui.worker", "levelno": logging.INFO, "msg": line}
    if line.startswith(WORKER_MARK):
        with suppress(ValueError, KeyError, TypeError):  # an add-on may print the mark: then it is text as any other
            data = json.loads(line.removeprefix(WORKER_MARK))
            told = {
                "name": str(data["logger"]),
                "levelno": int(logging.getLevelNamesMapping()[data["level"].upper()]),
                "created": datetime.fromisoformat(data["time"]).timestamp(),
                "msg": str(data["message"]),
                "exc_text": data.get("trace"),
                "job": data.get("job"),  # also where there is none: the worker knows better than the moment of reading
            }
    return logging.makeLogRecord({**told, "levelname": logging.getLevelName(told["levelno"]), "of_process": "worker"})


class _LogFile(RotatingFileHandler):
    """A log file whose troubles stop nobody: they are said once on the terminal, and each later line tries again."""

    def __init__(self, path: Path, file_bytes: int, old_files: int) -> None:
        super().__init__(path, maxBytes=file_bytes, backupCount=old_files, encoding="utf-8", delay=True)
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        super().emit(record)
        self._told &= self._failed

    def doRollover(self) -> None:  # noqa: N802 - the name of the standard library
        try:
            super().doRollover()
        except OSError:
            # On Windows a program that reads the file keeps it from being renamed: it grows until that is over.
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of the standard library
        self._failed = True
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()
        if not self._told and sys.stderr is not None:
            self._told = True
            print(f"W webui.logs: {self.baseFilename} can't be written now: {sys.exc_info()[1]}", file=sys.stderr)


@contextmanager
def log_to_file(
    data_dir: Path, *, secrets: Secrets = frozenset, file_bytes: int = FILE_BYTES, old_files: int = OLD_FILES
) -> Iterator[None]:
    """Write this process's log, its workers' included, to logs/easel.log in the data folder as well; rotated by size.

    The level is that of `log_to_console`, secrets as there. A disk that can't be written stops nothing.
    """
    folder = data_dir / LOG_FOLDER
    with suppress(OSError):  # the first line that can't be written says so
        folder.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(folder / LOG_FILE, file_bytes, old_files)
    handler.setFormatter(_ForPrograms(Redactor(secrets=secrets, home=whose_machine().home), "web"))
    handler.addFilter(_Annotate())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def last_lines(data_dir: Path, number: int, least: int = logging.INFO) -> list[str]:
    """The newest log lines for people, oldest first; of that level or above. Raises OSError when there is a log but no reading it."""
    folder = data_dir / LOG_FOLDER
    found: list[str] = []
    for name in (LOG_FILE, f"{LOG_FILE}.1"):
        if len(found) < number and (folder / name).exists():
            with open(folder / name, encoding="utf-8", errors="replace") as file:
                found = [*_told(deque(file, maxlen=20 * number), least), *found]
    return found[-number:]


def _told(lines: Iterable[str], least: int) -> Iterator[str]:
    for line in lines:
        try:
            data = json.loads(line)
            level = logging.getLevelNamesMapping()[data["level"].upper()]
            about = f" (job {data['job']})" if "job" in data and data["job"] not in data["message"] else ""
            text = f"{data['time']} {data['level']:7} {data['logger']}: {data['message']}{about}"
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # cut off by a full disk or the end of the program
        if level >= least:
            yield text + (f"\n{data['trace']}" if data.get("trace") else "")

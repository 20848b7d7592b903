"""Every check, as a table: what it looks at in one small function, and what to do in the words it returns."""

from __future__ import annotations

import platform
import re
import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from webui import __version__
from webui.doctor import records
from webui.doctor.findings import Finding, bad, ok, unknown, warn
from webui.doctor.folders import left_over, made_by_easel, nearest_that_exists, why_not_writable
from webui.doctor.premises import Premises
from webui.errors import SettingInvalid
from webui.executors.base import Slot
from webui.logs import LOG_FILE, LOG_FOLDER
from webui.planning.machine import host_memory
from webui.settings import PROGRAM_ROOT, load_settings, parse_settings_file
from webui.studio.database import FORM

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
LITTLE_MEMORY = 2 * 1024**3
"""Bytes. A Stable Diffusion 1.x checkpoint in half precision and the libraries take about that much."""

_GB = 1024**3
_MB = 1024**2
_REQUIREMENTS = PROGRAM_ROOT / "requirements.txt"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;#]+)", re.MULTILINE)
_MOST_OPENED = 1000
"""So many unknown pictures are opened to see who made them."""
_SECOND_LOOK = 0.5

_INSTALL = "Start with python launch.py: it installs what is missing."
_RIGHTS = "Give yourself the right to write there, or name another folder in the settings."


# --- Program ---------------------------------------------------------------------------------------------------------


def check_easel(premises: Premises) -> Finding:
    """Which version, and who works on the data folder now."""
    easel = premises.easel
    if easel.itself and easel.files_changed:
        return warn(f"{__version__}; its files changed while it runs.", "Restart Easel to use them. Waiting jobs stay.")
    if easel.itself:
        return ok(f"{__version__}, running as process {easel.pid}")
    if not easel.works:
        return ok(f"{__version__}; none is running on this data folder")
    if easel.url is None:
        return ok(f"{__version__}; process {easel.pid} works on this data folder, without a page")
    if easel.answers:
        return ok(f"{__version__}, running at {easel.url} (process {easel.pid})")
    return bad(
        f"Process {easel.pid} works on this data folder, and its page at {easel.url} doesn't answer.",
        "Wait a minute. If it stays so, end that process and start Easel again; unfinished jobs go on.",
    )


def check_python(_premises: Premises) -> Finding:
    """Whether this Python and system are ones that Easel is made for."""
    text = f"{platform.python_version()} on {platform.system()} {platform.release()}, {platform.machine()}"
    if not OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return bad(f"{text}; Easel is made for 3.11 to 3.13.", "Start launch.py with another Python.")
    return ok(text)


def check_libraries(_premises: Premises) -> Finding:
    """Whether the installed libraries are those that this version was tested with."""
    pins = {match["name"]: match["version"] for match in _PIN.finditer(_REQUIREMENTS.read_text("utf-8"))}
    installed = {name: installed_version(name) for name in pins}
    missing = [name for name, found in installed.items() if found is None]
    other = [f"{name} {found} is installed, {pins[name]} is needed" for name, found in installed.items() if found not in (None, pins[name])]
    items = [*(f"{name} {pins[name]} is not installed" for name in missing), *other]
    if missing:
        return bad(f"{counted(len(missing), 'library is', 'libraries are')} missing.", _INSTALL, items)
    if other:
        return warn(f"{counted(len(other), 'library has', 'libraries have')} another version than Easel was tested with.", _INSTALL, items)
    return ok(f"All {len(pins)} have the versions that Easel was tested with")


def installed_version(name: str) -> str | None:
    """Version of an installed distribution; None when it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


# --- Engine ----------------------------------------------------------------------------------------------------------


def check_device(premises: Premises) -> Finding:
    """On what, and with which numbers, pictures are computed: as a worker says that really started."""
    slot = premises.engine
    if slot.hello is None or not slot.alive:
        return _no_engine(slot)
    name = slot.hello.device_name or slot.hello.device
    if slot.hello.device == "fake":
        return ok(f"{name}, without a model")
    text = f"{name}, {slot.hello.device} in {slot.hello.dtype}"
    if slot.hello.device == "cpu" and shutil.which("nvidia-smi"):
        return warn(
            f"{text}, though there is an NVIDIA card.",
            "Update the card's driver, or see what python launch.py --print-install says of this machine.",
        )
    return ok(text)


def _no_engine(slot: Slot) -> Finding:
    if not slot.problem:
        return unknown("The engine is starting; jobs wait")
    missing = "No module named" in slot.problem or "ImportError" in slot.problem
    return bad(slot.problem, _INSTALL if missing else "The log says more. Jobs wait until it starts.")


def check_attention(premises: Premises) -> Finding:
    """Kernels for attention that did their work when the worker called them."""
    hello = premises.engine.hello
    if hello is None:
        return unknown("Not known while there is no engine")
    if not hello.attention and hello.device != "fake":
        return bad("No kernel works on this device.", "Install the PyTorch build that fits it: python launch.py --torch auto.")
    return ok(", ".join(hello.attention) or "None needed")


# --- Machine ---------------------------------------------------------------------------------------------------------


def check_memory(_premises: Premises) -> Finding:
    """Main memory that is free for us, also in a container."""
    memory = host_memory()
    text = f"{gigabytes(memory.available)} of {gigabytes(memory.total)} are free"
    if memory.available < LITTLE_MEMORY:
        return warn(f"Only {text}.", "Close other programs before you draw with large checkpoints.")
    return ok(text)


def check_disk(premises: Premises) -> Finding:
    """Room where pictures go, against the reserve that is kept free."""
    folder = nearest_that_exists(premises.settings.pictures_dir)
    free, reserve = shutil.disk_usage(folder).free, premises.settings.disk_reserve_mb * _MB
    text = f"{gigabytes(free)} are free where pictures go"
    if free < reserve:
        return bad(f"{text}, and {gigabytes(reserve)} are kept free.", "Make room, or lower the disk reserve in Settings. The queue waits.")
    if free < 2 * reserve + _GB:
        return warn(f"{text}.", f"Make room: the queue waits when less than {gigabytes(reserve)} are left.")
    return ok(text)


def counted(number: int, one: str, many: str) -> str:
    """A number with its word: "1 picture", "1,200 pictures"."""
    return f"{number:,} {one if number == 1 else many}"


def gigabytes(size: float) -> str:
    """Bytes as people read them: "71 GB", "1.3 GB", "200 MB", "80 kB"."""
    if size < _MB:
        return f"{size / 1024:,.0f} kB"
    if size < _GB:
        return f"{size / _MB:,.0f} MB"
    return f"{size / _GB:,.1f} GB" if size < 10 * _GB else f"{size / _GB:,.0f} GB"


# --- Folders ---------------------------------------------------------------------------------------------------------


def check_data_folder(premises: Premises) -> Finding:
    """Where the journal, history and settings are, and whether something can be written there."""
    return _writable(premises.settings.data_dir)


def check_pictures_folder(premises: Premises) -> Finding:
    """Where pictures are, and whether another can be written there."""
    return _writable(premises.settings.pictures_dir)


def check_cache_folder(premises: Premises) -> Finding:
    """Where thumbnails and hashes are, and whether something can be written there."""
    return _writable(premises.settings.data_dir / "cache")


def check_log(premises: Premises) -> Finding:
    """Where the log is, and whether it can be written."""
    folder = premises.settings.data_dir / LOG_FOLDER
    file = folder / LOG_FILE
    found = _writable(folder)
    return ok(f"{file}, {gigabytes(file.stat().st_size)}") if found.state == "ok" and file.exists() else found


def _writable(folder: Path) -> Finding:
    there = nearest_that_exists(folder)
    if not there.is_dir():
        return bad(f"{folder} can't be a folder: {there} is a file.", "Move the file away, or name another folder in the settings.")
    reason = why_not_writable(there)
    if reason:
        return bad(f"Nothing can be written to {there}: {reason}.", _RIGHTS)
    return ok(str(folder) if there == folder else f"{folder}, made when it is needed")


def check_models_folders(premises: Premises) -> Finding:
    """Where models are looked for, and whether those folders are there."""
    roots = premises.model_roots
    gone = [root for root in roots if not root.is_dir()]
    if gone:
        return warn(
            f"{counted(len(gone), 'folder is', 'folders are')} not there.",
            "Connect the disk, or take them out of models_dirs.",
            [str(root) for root in gone],
        )
    return ok(", ".join(map(str, roots)))


# --- Settings --------------------------------------------------------------------------------------------------------


def check_settings(premises: Premises) -> Finding:
    """Whether what the settings say can be used at the next start."""
    problem, path = premises.settings_problem or _problem_at_next_start(premises), premises.settings.file
    try:
        values = parse_settings_file(path)
    except SettingInvalid as damage:
        if problem is None:
            return warn(f"{damage.message.rstrip('.')}; its last good copy is used.", damage.hint)
        values = {}
    if problem is not None:
        return bad(problem.message, problem.hint)
    return ok(f"{path}, {len(values)} set" if path.exists() else "No settings.yaml: all are at their defaults")


def _problem_at_next_start(premises: Premises) -> SettingInvalid | None:
    try:
        load_settings(data_dir=premises.settings.data_dir)
    except SettingInvalid as problem:
        return problem
    return None


# --- History and queue -----------------------------------------------------------------------------------------------


def check_database(premises: Premises) -> Finding:
    """Whether the database is of a version that this Easel works with."""
    path, url = premises.database, premises.settings.database_url
    if not records.is_there(path, url):
        return ok("There is none yet; the first start makes it")
    with premises.records() as connection:
        form = records.form_of(connection, records.tables_of(connection, url))
        if form is None:
            return bad(f"{path.name} is not one of Easel's.", "Move it away, or start with another --data-dir.")
        if form > FORM:
            return bad(
                f"It was written by a newer Easel (form {form}, this one knows {FORM}).", "Update Easel, or start with another --data-dir."
            )
        size = gigabytes(records.size_on_server(connection) if url else records.bytes_on_disk(path))
        if form < FORM:
            does = "brings it up to date; make a copy with pg_dump first" if url else "backs it up and brings it up to date"
            return ok(f"Of an earlier Easel (form {form}), {size}; the next start {does}")
        return ok(
            f"{'PostgreSQL, ' if url else ''}{counted(records.picture_count(connection), 'picture', 'pictures')}, {size}, form {form}"
        )


def check_integrity(premises: Premises) -> Finding:
    """Whether every page and row of the database is whole. Reads all of it."""
    if premises.settings.database_url:
        return ok("The server of the database looks after its own files")
    if not premises.database.exists():
        return ok("There is no database yet")
    with premises.records() as connection:
        found = records.damage(connection)
    if not found:
        return ok("Every page and row is whole")
    return bad(f"{counted(len(found), 'fault', 'faults')}, the first: {found[0]}.", _MEND_DATABASE, found)


_MEND_DATABASE = (
    "End Easel, keep a copy of the database, and put a backup in its place (easel-before-….sqlite3 is one). "
    "Pictures lie beside it, unharmed, each with its recipe."
)


def check_unknown_pictures(premises: Premises) -> Finding:
    """Pictures on disk that no row knows. Looks through the whole folder."""
    on_disk = premises.pictures  # before the rows: what is saved in between is in both
    known = _known(premises)
    unknown = sorted(on_disk.pictures - known.all, reverse=True)
    folder = premises.settings.pictures_dir
    ours = [path for path in (folder / name for name in unknown[:_MOST_OPENED]) if made_by_easel(path)]
    if on_disk.unreadable:
        number = counted(len(on_disk.unreadable), "folder", "folders")
        return warn(f"{number} can't be read.", "Give yourself the right to read there.", on_disk.unreadable)
    if ours:
        number = counted(len(ours), "picture made by Easel is", "pictures made by Easel are")
        return warn(
            f"{'' if len(unknown) <= _MOST_OPENED else 'At least '}{number} not in history.",
            "Nothing is lost: keep them where they are, move them, or delete them.",
            map(str, ours),
        )
    if not on_disk.pictures:
        return ok("There is none yet")
    others = len(unknown)
    return ok(f"All {len(on_disk.pictures) - others:,} are in history" + (f"; {others:,} from other programs" if others else ""))


def check_lost_pictures(premises: Premises) -> Finding:
    """Rows whose picture is gone."""
    known = _known(premises)
    folder = premises.settings.pictures_dir
    lost = [name for name in sorted(known.in_history - premises.pictures.pictures, reverse=True) if not (folder / name).exists()]
    if lost:
        return warn(
            f"{counted(len(lost), 'picture in history has', 'pictures in history have')} no file any more.",
            "Put the files back where they were; with Use parameters you can also make them again.",
            [str(folder / name) for name in lost],
        )
    return ok(f"All {len(known.in_history):,} have their file" if known.in_history else "There is none yet")


def _known(premises: Premises) -> records.KnownPictures:
    if not records.is_there(premises.database, premises.settings.database_url):
        return records.KnownPictures(frozenset(), frozenset())
    with premises.records() as connection:
        return records.known_pictures(connection)


def check_parts(premises: Premises) -> Finding:
    """What writes that a crash cut off have left."""
    data_dir, pictures_dir = premises.settings.data_dir, premises.settings.pictures_dir
    parts = [
        *data_dir.glob("*.part"),
        *(data_dir / "cache" / name for name in premises.cache.parts),
        *(pictures_dir / name for name in premises.pictures.parts),
    ]
    found = left_over(dict.fromkeys(parts))
    if found:
        return warn(
            f"{counted(len(found), 'file is', 'files are')} left from writes that were cut off.",
            "Delete them; nothing needs them.",
            sorted(map(str, found)),
        )
    return ok("None is left over")


def check_jobs(premises: Premises) -> Finding:
    """Jobs that are said to run although nobody works on them, and a queue that stands still."""
    if not records.is_there(premises.database, premises.settings.database_url):
        return ok("There are none yet")
    counts, stuck = _look_at_jobs(premises)
    if not premises.easel.works:
        number = len(counts.running) + counts.waiting
        return ok(f"{counted(number, 'goes', 'go')} on at the next start" if number else "None is waiting")
    if stuck:
        return bad(
            f"{counted(len(stuck), 'job', 'jobs')} should be running, but nobody works on it.",
            "Restart Easel: it takes up what was begun, and finished pictures stay.",
            [f"job {identifier}" for identifier in sorted(stuck)],
        )
    if counts.paused and counts.waiting:
        return warn(f"The queue is paused, and {counts.waiting:,} wait.", "Resume the queue to have them made.")
    return ok(f"{len(counts.running)} running, {counts.waiting:,} waiting")


def _look_at_jobs(premises: Premises) -> tuple[records.JobCounts, frozenset[int]]:
    """The counts, and the jobs that run in the journal only. Two looks: a job is told as begun before, and as ended after it is so."""
    running_jobs = premises.easel.running_jobs
    with premises.records() as connection:
        counts = records.jobs(connection)
        if running_jobs is None:
            return counts, frozenset()
        stuck = counts.running - running_jobs()
        if stuck:
            time.sleep(_SECOND_LOOK)
            stuck &= records.jobs(connection).running - running_jobs()
        return counts, stuck


# --- Models and add-ons ----------------------------------------------------------------------------------------------


def check_checkpoints(premises: Premises) -> Finding:
    """Which checkpoints can be drawn with, and why others can't."""
    usable = [entry.name for entry in premises.checkpoints if entry.usable]
    unusable = [f"{entry.name}: {entry.problem} {entry.hint}".strip() for entry in premises.checkpoints if not entry.usable]
    if not usable:
        folder = premises.model_roots[0] / "checkpoints"
        return bad("None can be used." if unusable else "There is none.", f"Put one into {folder}.", unusable)
    text = f"{len(usable):,} can be used" + (f": {', '.join(usable)}" if len(usable) <= 5 else "")
    if unusable:
        return warn(f"{text}. {len(unusable):,} can't.", "Each line says what is wrong with it; the others work.", unusable)
    return ok(text)


def check_add_ons(premises: Premises) -> Finding:
    """Which add-ons are loaded, and what the others raised."""
    if premises.settings.safe_mode:
        return warn("Off: this is safe mode.", "Start without --safe-mode to have them back.")
    hello = premises.engine.hello
    failed = [*premises.add_ons.failed, *(f"{problem} (in the engine)" for problem in (hello.problems if hello else ()))]
    loaded = ", ".join(premises.add_ons.loaded)
    if failed:
        return bad(
            f"{len(failed)} could not be loaded." + (f" Loaded: {loaded}." if loaded else ""),
            "Update or remove them; everything else works without them.",
            failed,
        )
    return ok(loaded or "None is loaded")


# --- Server ----------------------------------------------------------------------------------------------------------


def check_port(premises: Premises) -> Finding:
    """Whether the page can be served where the settings say."""
    settings, easel = premises.settings, premises.easel
    if easel.itself or easel.answers:
        return ok("In use by the Easel that is running")
    try:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
            probe.listen(1)
    except OSError as error:
        return bad(
            f"{settings.port} on {settings.host} can't be used: {error.strerror or error}.",
            f"End the program that has it, or start with --port {min(settings.port + 1, 65535)}.",
        )
    return ok(f"{settings.port} on {settings.host} is free")


# --- The table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One line of the doctor's. thorough: it reads much, so the page runs it on demand only. doing: words while it runs."""

    id: str
    group: str
    name: str
    look: Callable[[Premises], Finding]
    thorough: bool = False
    doing: str = ""


CHECKS: tuple[Check, ...] = (
    Check("easel", "Program", "Easel", check_easel),
    Check("python", "Program", "Python", check_python),
    Check("libraries", "Program", "Libraries", check_libraries),
    Check("port", "Program", "Port", check_port),
    Check("settings", "Program", "Settings", check_settings),
    Check("device", "Engine", "Device", check_device, doing="Starting an engine to ask it"),
    Check("attention", "Engine", "Attention", check_attention),
    Check("checkpoints", "Engine", "Checkpoints", check_checkpoints, doing="Reading the headers of checkpoints"),
    Check("add_ons", "Engine", "Add-ons", check_add_ons, doing="Loading the add-ons"),
    Check("memory", "Machine", "Memory", check_memory),
    Check("disk", "Machine", "Disk", check_disk),
    Check("data_folder", "Machine", "Data folder", check_data_folder),
    Check("pictures_folder", "Machine", "Pictures folder", check_pictures_folder),
    Check("cache_folder", "Machine", "Cache", check_cache_folder),
    Check("models_folders", "Machine", "Models folders", check_models_folders),
    Check("log", "Machine", "Log", check_log),
    Check("database", "History and queue", "Database", check_database),
    Check("jobs", "History and queue", "Jobs", check_jobs),
    Check("integrity", "History and queue", "Integrity", check_integrity, thorough=True, doing="Reading the whole database"),
    Check(
        "unknown_pictures",
        "History and queue",
        "Pictures on disk",
        check_unknown_pictures,
        thorough=True,
        doing="Looking through the pictures folder",
    ),
    Check(
        "lost_pictures",
        "History and queue",
        "Pictures in history",
        check_lost_pictures,
        thorough=True,
        doing="Comparing history with the pictures folder",
    ),
    Check("parts", "History and queue", "Unfinished files", check_parts, thorough=True, doing="Looking for unfinished files"),
)


def run(check: Check, premises: Premises) -> Finding:
    """What the check finds; what it stumbles over is a finding, too."""
    try:
        return check.look(premises)
    except records.Unreachable as error:
        return bad(f"The server of the database can't be asked: {error}.", "Start it, or check database_url in settings.yaml.")
    except sqlite3.DatabaseError as error:
        return bad(f"The database can't be read: {error}.", "If another program holds it, end that one. " + _MEND_DATABASE)
    except Exception as error:  # noqa: BLE001 - on an ill machine anything may fail, and the other checks still have something to say
        return bad(
            f"This could not be looked at: {type(error).__name__}: {' '.join(str(error).split())}.",
            "Check that the folder can be read; if it can, report this.",
        )

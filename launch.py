"""Starts Easel, and on the first start installs it into a .venv folder of its own.

    python launch.py                    the page on http://127.0.0.1:7860
    python launch.py generate "a cat"   one picture, without the page
    python launch.py test [--full]      the tests

Every start compares a stamp in .venv with what is wanted now. Where they differ (first start, interrupted
install, changed requirements, another Python, a new graphics card) pip brings the folder up to date. Then
this process becomes `python -m webui.cli` in there. Nothing but the standard library is used.
"""
# ruff: noqa: E402  (the version check has to run before imports that an old Python lacks)

import sys

OLDEST, NEWEST = (3, 11), (3, 13)  # numpy and the torch trio have wheels for these on every platform below


def python_complaint(version):
    """One sentence if Easel can't run on this Python. This file has to parse on any Python from 3.6 on."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    return (
        f"Easel needs Python 3.11, 3.12 or 3.13, and this is Python {version[0]}.{version[1]}: install one of those "
        "(from python.org, or with your system's packages) and start with it, for example: python3.12 launch.py"
    )


if python_complaint(sys.version_info):
    sys.exit(python_complaint(sys.version_info))

import argparse
import collections
import contextlib
import csv
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parent


class StartError(Exception):
    """Something that the user can mend; its text is one clear sentence that says how."""


# ---- Which PyTorch: a table, and a pure function over facts about the machine ------------------------------

# A matching trio, and the only place where it is pinned: change the three together. xformers 0.0.35 is built
# against torch 2.10 and CUDA 12.8; its kernels were seen to load with the CUDA build that PyPI has.
TORCH, TORCHVISION, XFORMERS = "torch==2.10.0", "torchvision==0.25.0", "xformers==0.0.35"

# PyTorch's public wheel index has the builds that PyPI lacks. For torch 2.10 PyTorch's RELEASE.md lists CUDA
# 12.6, 12.8 and 13.0 and ROCm 7.1; its 2.10.0+cpu, +cu126, +cu128 and +rocm7.1 wheels, and the torchvision
# that goes with each, stand with their hashes in public lock files. What PyPI has was read off its wheels:
# CUDA 12.8 on Linux x86_64, no GPU on Linux arm64 and Windows, Metal on macOS.
PYTORCH_INDEX = "https://download.pytorch.org/whl/"
INDEX_PATIENCE = 8  # seconds to wait for that index before PyPI is taken instead


@dataclass(frozen=True)
class Machine:
    """The facts that decide which PyTorch fits."""

    system: str  # linux, macos, windows
    arch: str  # x86_64, arm64
    gpu: str  # none, nvidia, nvidia-legacy, amd, apple

    def __str__(self) -> str:
        return f"{self.system}-{self.arch}-{self.gpu}"


@dataclass(frozen=True)
class Build:
    """One build of the torch trio. The sizes are those of a whole install of Easel with it.

    Measured for PyPI's build on Linux x86_64 (4.2 GB of downloads, 7.5 GB installed), estimated for the others.
    """

    title: str
    pins: tuple[str, ...]
    download_gb: float
    disk_gb: float
    index: str = ""  # where it is, if not on the user's own index, which normally is PyPI


def on_pytorch_index(title: str, tag: str, download_gb: float, disk_gb: float, *more: str) -> Build:
    """A build that PyPI lacks; its pins carry the index's tag, so that no other build can be taken for it."""
    return Build(title, (f"{TORCH}+{tag}", f"{TORCHVISION}+{tag}", *more), download_gb, disk_gb, PYTORCH_INDEX + tag)


TWO = (TORCH, TORCHVISION)
CPU = on_pytorch_index("for the processor", "cpu", 0.4, 2.0)
CUDA = on_pytorch_index("for NVIDIA cards (CUDA 12.8)", "cu128", 3.5, 7.0, XFORMERS)
CUDA_OLD = on_pytorch_index("for older NVIDIA cards (CUDA 12.6)", "cu126", 3.5, 7.0)  # xformers: no kernels for them
CUDA_ARM = replace(CUDA, pins=(CUDA.pins[0], TORCHVISION))  # on arm64 torchvision and xformers lack a CUDA wheel
ROCM = on_pytorch_index("for AMD cards (ROCm 7.1)", "rocm7.1", 6.0, 22.0)
PYPI_CUDA = Build("for NVIDIA cards (CUDA 12.8), from PyPI", (*TWO, XFORMERS), 4.3, 8.0)
# The same build without a card that it can use: larger, otherwise as good. xformers has nothing to do there.
PYPI_UNUSED_CUDA = Build("for the processor, from PyPI (with CUDA libraries that lie idle)", TWO, 4.2, 8.0)
PYPI_CPU = Build("for the processor, from PyPI", TWO, 0.4, 2.0)
PYPI_METAL = Build("for Macs (Metal), from PyPI", TWO, 0.4, 2.0)

# What to install, the best first; the last of each row is PyPI's. Installed for real so far: PyPI's build on Linux
# x86_64, on a machine without a card. The other rows follow the published wheels; nobody has run them yet.
BUILDS = {
    ("linux", "x86_64", "nvidia"): (PYPI_CUDA,),
    ("linux", "x86_64", "nvidia-legacy"): (CUDA_OLD, PYPI_UNUSED_CUDA),
    ("linux", "x86_64", "amd"): (ROCM, PYPI_UNUSED_CUDA),
    ("linux", "x86_64", "none"): (CPU, PYPI_UNUSED_CUDA),
    ("linux", "arm64", "nvidia"): (CUDA_ARM, PYPI_CPU),
    ("linux", "arm64", "none"): (PYPI_CPU,),
    ("macos", "arm64", "apple"): (PYPI_METAL,),
    ("macos", "arm64", "none"): (PYPI_METAL,),
    ("windows", "x86_64", "nvidia"): (CUDA, PYPI_CPU),
    ("windows", "x86_64", "nvidia-legacy"): (CUDA_OLD, PYPI_CPU),
    ("windows", "x86_64", "none"): (PYPI_CPU,),
}

NO_BUILD = {
    ("macos", "x86_64"): "PyTorch has no wheels for Intel Macs any more, so Easel can't be installed here; on an "
    "Apple silicon Mac, start it with an arm64 Python instead of this x86_64 one.",
    ("windows", "arm64"): "PyTorch has no matching wheels for an ARM Python on Windows: install the 64-bit x86 Python "
    "from python.org, which Windows runs in emulation, and start Easel with it.",
}

GPU_ASKED_FOR = {"cpu": "none", "cuda": "nvidia", "rocm": "amd", "mps": "apple"}
TORCH_CHOICES = ("auto", "pypi", *GPU_ASKED_FOR)


@dataclass(frozen=True)
class InstallPlan:
    """The builds that suit a machine, and what was asked for."""

    machine: Machine
    asked: str  # what --torch said
    builds: tuple[Build, ...]  # tried in this order


def plan(machine: Machine, asked: str = "auto") -> InstallPlan:
    """What to install on this machine. Pure: tests feed it the facts of every platform."""
    if asked not in TORCH_CHOICES:
        raise StartError(f"--torch (or EASEL_TORCH) is {asked!r}: choose one of {', '.join(TORCH_CHOICES)}.")
    place = (machine.system, machine.arch)
    if all(row[:2] != place for row in BUILDS):
        nothing = f"PyTorch has no wheels for {machine.system} {machine.arch}, so Easel can't be installed here."
        raise StartError(NO_BUILD.get(place, nothing))
    gpu = GPU_ASKED_FOR.get(asked, machine.gpu)
    if (gpu, machine.gpu) == ("nvidia", "nvidia-legacy"):
        gpu = machine.gpu
    builds = BUILDS.get((*place, gpu))
    if builds is None:
        raise StartError(f"PyTorch has no {asked} build for {machine.system} {machine.arch}: start with --torch auto.")
    # Who names a build gets that one or none.
    return InstallPlan(machine, asked, {"auto": builds, "pypi": builds[-1:]}.get(asked, builds[:1]))


# ---- Looking at the machine --------------------------------------------------------------------------------

SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
ARCHES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}

# The graphics chips that PyTorch's ROCm 7.1 wheels have kernels for (the architecture list of its wheel build),
# numbered as the Linux kernel does: gfx1030 is 100300. Most chips that sit inside a processor have the same
# device files and would crash at the first picture; who knows better says --torch rocm.
ROCM_CHIPS = {90000, 90006, 90008, 90010, 90402, 90500, 100300, 110000, 110001, 110002, 110500, 110501, 120000, 120001}


def look_at_machine() -> Machine:
    """The facts about this machine, found without PyTorch."""
    system = SYSTEMS.get(sys.platform, sys.platform)
    arch = ARCHES.get(platform.machine().lower(), platform.machine())
    if sys.maxsize < 2**32:
        arch = "with a 32-bit Python"
    apple = "apple" if (system, arch) == ("macos", "arm64") else None
    return Machine(system, arch, apple or nvidia_card() or amd_card() or "none")


def nvidia_card(device_file: Path = Path("/dev/nvidia0")) -> str | None:
    """nvidia, or nvidia-legacy for Maxwell and Pascal, which the CUDA 12.8 build has no kernels for."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        capabilities = re.findall(r"^\s*(\d+\.\d+)\s*$", answer.stdout, re.MULTILINE)
        if capabilities:
            return "nvidia" if max(map(float, capabilities)) >= 7.0 else "nvidia-legacy"
    return "nvidia" if device_file.exists() else None


def amd_card(nodes: Path = Path("/sys/class/kfd/kfd/topology/nodes")) -> str | None:
    """Amd, if the kernel shows a chip that PyTorch's wheels can use."""
    for properties in nodes.glob("*/properties"):
        with contextlib.suppress(OSError):
            chip = re.search(r"^gfx_target_version (\d+)", properties.read_text(), re.MULTILINE)
            if chip and int(chip[1]) in ROCM_CHIPS:
                return "amd"
    return None


# ---- The environment and its stamp -------------------------------------------------------------------------


@dataclass(frozen=True)
class Venv:
    """The folder that Easel is installed in."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def stamp(self) -> Path:
        """The file that is written last: what the install that went through consists of."""
        return self.folder / "easel-install.json"

    @property
    def lock(self) -> Path:
        """Beside the folder, since the folder itself may be removed and made anew."""
        return self.folder.with_name(self.folder.name + ".lock")

    def python_version(self) -> tuple[int, ...]:
        """Such as (3, 11), or nothing if its Python is gone or doesn't run."""
        ask = [str(self.python), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
        try:
            answer = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=False)
            return tuple(map(int, answer.stdout.split()))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return ()

    def packages(self) -> list[Path]:
        """Its site-packages: one folder, or none if it is half made or belongs to another Python version."""
        own = "lib/python{}.{}/site-packages".format(*self.python_version() or ("", ""))
        return [*self.folder.glob("Lib/site-packages" if os.name == "nt" else own)]

    def read_stamp(self) -> dict:
        """What an install that went through to its end has left; empty if none did."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def write_stamp(self, stamp: dict) -> None:
        """All or nothing: a start that believed half a stamp would believe half an install."""
        part = self.stamp.with_suffix(".part")
        with open(part, "w", encoding="utf-8") as file:
            json.dump(stamp, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.stamp)


def digest(file: str) -> str:
    """The hash of a requirements file, read as text: git may check the same file out with other line ends."""
    return hashlib.sha256((PROJECT / file).read_text(encoding="utf-8").encode()).hexdigest()


def stands_alone(file: str) -> bool:
    """Whether the packages in a requirements file are installed without what they themselves require."""
    return file.endswith("-alone.txt")


def is_current(venv: Venv, the_plan: InstallPlan, files: Sequence[str]) -> bool:
    """Whether the stamp says that all of this is installed."""
    stamp = venv.read_stamp()
    return (
        stamp.get("pins") in [list(build.pins) for build in the_plan.builds]
        and all(stamp.get("files", {}).get(file) == digest(file) for file in files)
        and stamp.get("python") == list(venv.python_version())
    )


def damaged(packages: Path) -> Iterator[Path]:
    """The .dist-info of each package that lacks a file or has one of the wrong size, as a killed pip leaves them."""
    for info in packages.glob("*.dist-info"):
        try:
            rows = csv.reader((info / "RECORD").read_text(encoding="utf-8").splitlines())
            whole = all(not size or (packages / name).stat().st_size == int(size) for name, _, size in rows)
        except (OSError, ValueError):
            whole = False
        if not whole or not (info / "METADATA").exists():
            yield info


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Two starts at once don't install into one folder. The lock dies with its holders, however they die."""
    with open(lock, "a+b") as file:
        try:
            if sys.platform == "win32":  # untested on Windows so far
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # pip inherits it: where only the launcher was killed, the next start still waits for that pip.
                os.set_inheritable(file.fileno(), True)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):  # others: a file system without locks
                wait = "Another start of Easel is installing right now: wait until it is done, then start again."
                raise StartError(wait) from None
        yield


# ---- Installing --------------------------------------------------------------------------------------------

# What pip's last words mean, the surest sign first.
PIP_TROUBLES = {
    r"No space left on device|Errno 28\b|WinError 112|not enough space on the disk": (
        "The disk is full: free about {disk_gb:g} GB, and {download_gb:g} GB for pip's cache, then start again."
    ),
    r"WinError (5|32)\b|being used by another process": (
        "A file in {folder} is in use: stop the Easel that is still running, then start again."
    ),
    r"Permission denied|Errno 13\b|Read-only file system|Errno 30\b": (
        "Files in {folder} can't be written: give yourself the right to, then start again."
    ),
    r"CERTIFICATE_VERIFY_FAILED": (
        "The package index's certificate was not accepted: if your network has a proxy of its own, tell pip its "
        "certificate (pip config set global.cert FILE), then start again."
    ),
    r"DO NOT MATCH THE HASHES|BadZipFile|has an invalid wheel|IncompleteRead": (
        "A download arrived broken: start again, and if it comes back, empty pip's cache with: pip cache purge"
    ),
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|NameResolutionError|Connection\w*Error"
    r"|Max retries exceeded|Network is unreachable|Connection (refused|aborted|reset)|from versions: none": (
        "The package index can't be reached, or lacks a package: check the network (and pip's proxy and index "
        "settings, if you have any), then start again."
    ),
    r"No matching distribution found for (?P<what>\S+)": (
        "The package index has no {what} for this Python: check pip's index settings, or start with another Python from 3.11 to 3.13."
    ),
}


def explain(output: str, folder: Path, build: Build) -> str:
    """What went wrong and what to do, in a sentence, for what pip has said."""
    for pattern, sentence in PIP_TROUBLES.items():
        found = re.search(pattern, output)
        if found:
            return sentence.format(folder=folder, **vars(build), **found.groupdict())
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it said nothing")
    return f"pip failed ({last}): see its messages above, then start again."


def say(text: str) -> None:
    """One line on the way."""
    print(f"Easel: {text}", flush=True)


def run_watched(command: Sequence[str], environment: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """Runs a command in plain sight; returns its exit code and the end of what it said on stderr."""
    said: collections.deque[str] = collections.deque(maxlen=300)
    pipe = subprocess.PIPE  # stdout stays the terminal's, or pip would draw no progress bars
    with subprocess.Popen(
        command, stderr=pipe, encoding="utf-8", errors="replace", env=environment, close_fds=False
    ) as process:  # close_fds=False hands the lock on, see only_one
        for line in process.stderr or ():
            sys.stderr.write(line)
            said.append(line)
    return process.returncode, "".join(said)


def pip(venv: Venv, *arguments: str) -> list[str]:
    """A pip command inside the environment."""
    return [str(venv.python), "-m", "pip", *arguments, "--disable-pip-version-check"]


def pip_install(venv: Venv, build: Build, files: Sequence[str]) -> list[str]:
    """One call for everything, so that pip resolves it together; except for what `pip_install_alone` installs."""
    wanted = [word for file in files if not stands_alone(file) for word in ("-r", str(PROJECT / file))]
    # An extra index: for all other packages the user's own index settings stay in force.
    return pip(venv, "install", *wanted, *build.pins, *(["--extra-index-url", build.index] if build.index else []))


def pip_install_alone(venv: Venv, files: Sequence[str]) -> list[str]:
    """The call for packages whose own requirements would not fit, after all others; empty where there are none."""
    wanted = [word for file in files if stands_alone(file) for word in ("-r", str(PROJECT / file))]
    return pip(venv, "install", "--no-deps", *wanted) if wanted else []


def index_has(venv: Venv, build: Build) -> bool:
    """Whether pip, with the user's own proxy and certificate settings, finds this very build for this Python."""
    patience = ["--timeout", str(INDEX_PATIENCE), "--retries", "0"]
    ask = pip(venv, "index", "versions", "torch", "--index-url", build.index, *patience)
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=5 * INDEX_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    return build.pins[0].partition("==")[2] in re.split(r"[\s,()]+", answer.stdout)


def choose(venv: Venv, the_plan: InstallPlan, has: Callable[[Venv, Build], bool] = index_has) -> Build:
    """The first build of the plan that can be had now."""
    for build in the_plan.builds:
        if not build.index or has(venv, build):
            return build
        say(f"PyTorch {build.title} can't be had from {build.index} now")
    raise StartError(
        f"PyTorch for --torch {the_plan.asked} can't be had now: check the network and start again, or let Easel "
        "take what there is with --torch auto."
    )


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder."""
    return shutil.disk_usage(folder).free


def check_room(venv: Venv, build: Build, free: Callable[[Path], int] = free_bytes) -> None:
    """Says that the disk is too small before an hour of downloading does."""
    there = sum(file.lstat().st_size for file in venv.folder.rglob("*")) / 1e9
    missing = max(0.05, 1 - there / build.disk_gb)  # an update needs little
    disk = next(place for place in (venv.folder, *venv.folder.parents) if place.exists())
    home = Path.home()  # where pip keeps a second copy of what it downloads
    copies = 2 if home.exists() and home.stat().st_dev == disk.stat().st_dev else 1
    needed, room = (build.disk_gb + copies * build.download_gb) * missing, free(disk) / 1e9
    if room < needed:
        raise StartError(
            f"The disk of {disk} is too full: installing PyTorch {build.title} needs about {needed:.1f} GB, and "
            f"{room:.1f} GB are free; free some, then start again."
        )


def is_usable(venv: Venv, hurt: Sequence[Path]) -> bool:
    """A Python that runs and a whole pip: all that pip needs to mend the rest."""
    pips = [info for packages in venv.packages() for info in packages.glob("pip-*.dist-info")]
    return OLDEST <= venv.python_version() <= NEWEST and bool(pips) and not any(info in hurt for info in pips)


def create(venv: Venv, intent: dict) -> None:
    """A new environment in place of whatever half of one is there."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    ours = (venv.folder / "pyvenv.cfg").exists() or venv.stamp.exists()
    if not ours and venv.folder.exists() and any(venv.folder.iterdir()):
        raise StartError(f"{venv.folder} holds other files: name an empty or a new folder with --venv.")
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        raise StartError(
            "This Python came without its venv module: install it (on Debian and Ubuntu: sudo apt install "
            f"python{version}-venv), then start again."
        )
    say(f"making a Python {version} environment in {venv.folder} (seconds)")
    if venv.folder.exists():
        shutil.rmtree(venv.folder)
    venv.folder.mkdir()
    venv.write_stamp(intent)  # marks the folder as ours, should this be interrupted
    # Not sys.executable: that may lie in the very environment that was just removed.
    python = getattr(sys, "_base_executable", sys.executable)
    code, output = run_watched([python, "-m", "venv", str(venv.folder)])
    if code:
        raise StartError(f"{venv.folder} could not be made into a Python environment: {explain(output, venv.folder, CPU)}")


def install(venv: Venv, the_plan: InstallPlan, files: Sequence[str]) -> None:
    """Makes or mends the environment. The stamp goes first and comes back last, so that any interruption shows."""
    began = time.monotonic()
    say(f"setting up for {the_plan.machine} in {venv.folder}; this happens at the first start and after updates")
    check_room(venv, the_plan.builds[0])
    intent = {"machine": str(the_plan.machine), "torch": the_plan.asked}
    hurt = [info for packages in venv.packages() for info in damaged(packages)]
    if is_usable(venv, hurt):
        venv.write_stamp(intent)  # from here on it counts as unfinished, whatever happens
        for leftover in (*hurt, *(part for packages in venv.packages() for part in packages.glob("~*"))):
            shutil.rmtree(leftover, ignore_errors=True)  # so that pip installs that package anew
    else:
        create(venv, intent)
    build = choose(venv, the_plan)
    check_room(venv, build)
    say(f"installing PyTorch {build.title}, and the packages in {' and '.join(files)}")
    say(f"all in all {build.download_gb:g} GB to download and {build.disk_gb:g} GB on disk; expect some minutes")
    # pip unpacks gigabytes in the temporary folder, and on many systems /tmp is small and lies in memory.
    scratch = venv.folder / "unpacking"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    code, output = run_watched(pip_install(venv, build, files), {**os.environ, **temporary})
    alone = pip_install_alone(venv, files)
    if not code and alone:
        code, output = run_watched(alone, {**os.environ, **temporary})
    shutil.rmtree(scratch, ignore_errors=True)
    if code:
        raise StartError(explain(output, venv.folder, build))
    done = {"python": venv.python_version(), "pins": build.pins, "files": {file: digest(file) for file in files}}
    venv.write_stamp({**intent, **done})
    say(f"installed in {time.monotonic() - began:.0f} s")


def plan_for(venv: Venv, machine: Machine, asked: str | None) -> InstallPlan:
    """The plan for this start, with what earlier starts were told and saw."""
    stamp = venv.read_stamp()
    card_before = str(stamp.get("machine", "")).partition(f"{machine.system}-{machine.arch}-")[2]
    if machine.gpu == "none" and card_before:
        # A card that is away for a day, unplugged or with its driver in an update, costs no new install.
        machine = replace(machine, gpu=card_before)
    return plan(machine, asked or stamp.get("torch", "auto"))


def bring_up_to_date(venv: Venv, machine: Machine, asked: str | None, files: Sequence[str]) -> None:
    """Installs what is missing, if anything is."""
    the_plan = plan_for(venv, machine, asked)
    if is_current(venv, the_plan, files):
        return
    venv.folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(venv.lock):
        if not is_current(venv, the_plan, files):  # another start may have finished it just now
            install(venv, the_plan, files)


def describe(venv: Venv, the_plan: InstallPlan, files: Sequence[str], command: Sequence[str]) -> Iterator[str]:
    """The steps of a start, for --print-install."""
    yield f"On {the_plan.machine} with --torch {the_plan.asked}:"
    yield f"1. unless {venv.folder} is a working environment: {sys.executable} -m venv {venv.folder}"
    for number, build in enumerate(the_plan.builds):
        when = f"if {build.index} has it, " if build.index else "otherwise " if number else ""
        yield f"2. {when}PyTorch {build.title}: {build.download_gb:g} GB to download, {build.disk_gb:g} GB on disk"
        yield "   " + " ".join(pip_install(venv, build, files))
    alone = pip_install_alone(venv, files)
    if alone:
        yield "   and then: " + " ".join(alone)
    yield "3. " + " ".join(command)


# ---- The command line --------------------------------------------------------------------------------------

PLATFORMS = {str(machine): machine for machine in (Machine(*row) for row in BUILDS)}
PLATFORMS |= {f"{system}-{arch}": Machine(system, arch, "none") for system, arch in NO_BUILD}


def parser() -> argparse.ArgumentParser:
    """The options of this file; every other word is for Easel."""
    it = argparse.ArgumentParser(
        prog="launch.py",
        usage="python launch.py [options] [serve | generate | doctor | test | ...] [options of that command]",
        description=__doc__,
        epilog="All else goes to Easel itself; see: python launch.py serve --help\n"
        "EASEL_VENV and EASEL_TORCH stand for --venv and --torch. EASEL_SKIP_INSTALL=1, for packagers and\n"
        "containers, uses the Python that runs this file as it is. pip's own settings are respected.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,  # `generate --help` belongs to generate
        allow_abbrev=False,
    )
    folder = Path(os.environ.get("EASEL_VENV") or PROJECT / ".venv")
    it.add_argument("--venv", type=Path, default=folder, metavar="DIR", help="where to install (default: .venv)")
    which = f"which PyTorch: {', '.join(TORCH_CHOICES)}; remembered until another is named"
    it.add_argument("--torch", default=os.environ.get("EASEL_TORCH"), metavar="BUILD", help=which)
    it.add_argument("--print-install", action="store_true", help="say what a start would do, and do nothing")
    other = f"with --print-install, for another machine: {', '.join(PLATFORMS)}"
    it.add_argument("--platform", choices=PLATFORMS, metavar="MACHINE", help=other)
    return it


EASEL_NEEDS = ("requirements.txt", "requirements-alone.txt")
TESTS_NEED = ("requirements-test.txt", "requirements-test-alone.txt")


def command_for(python: str, words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The command that this process becomes, and the requirements that it needs."""
    if words[:1] == ["test"]:
        chosen = [] if "--full" in words else ["-m", "not slow"]
        rest = [word for word in words[1:] if word != "--full"]
        # All of them: two files at a time, since the tests of pages mostly wait. What fails is tried once more: pages and
        # processes are raced against clocks on machines that others use, too. The summary tells each such test.
        together = [] if rest else ["-n", "2", "--dist", "loadfile", "--reruns", "1"]
        return [python, "-m", "pytest", *chosen, *together, *rest], EASEL_NEEDS + TESTS_NEED
    # -P: a file that happens to lie where the user is, say random.py, must not stand in for a module.
    return [python, "-P", "-m", "webui.cli", *words], EASEL_NEEDS


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Nothing that Easel runs calls home or fetches models unasked; variables that the user has set win."""
    quiet = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"), "1")
    paths = [str(PROJECT), *filter(None, [environment.get("PYTHONPATH")])]
    return {"GRADIO_ANALYTICS_ENABLED": "False", **quiet, **environment, "PYTHONPATH": os.pathsep.join(paths)}


def hand_over(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Becomes the command, where the system can do that."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], [*command], environment)
    return run_to_its_end(command, environment)


def run_to_its_end(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs the command as a child, and lets it decide about Ctrl+C."""
    with subprocess.Popen(command, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                pass  # Ctrl+C has reached the child as well, which stops in its own time


def launch(arguments: Sequence[str]) -> int:
    """One start, from the words on the command line to the command that takes over."""
    if arguments[:1] in (["-h"], ["--help"]):
        parser().print_help()
        return 0
    options, words = parser().parse_known_args(arguments)
    venv = Venv(options.venv.resolve())
    as_is = os.environ.get("EASEL_SKIP_INSTALL") == "1"
    command, files = command_for(sys.executable if as_is else str(venv.python), words)
    if options.print_install:
        machine = PLATFORMS.get(options.platform)
        asked = options.torch
        the_plan = plan(machine, asked or "auto") if machine else plan_for(venv, look_at_machine(), asked)
        print("\n".join(describe(venv, the_plan, files, command)))
        return 0
    if not as_is:
        bring_up_to_date(venv, look_at_machine(), options.torch, files)
    if words[:1] == ["test"]:
        os.chdir(PROJECT)
    return hand_over(command, child_environment(os.environ))


OS_TROUBLES = {
    errno.ENOSPC: "The disk is full: free some space, then start again",
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "A file or folder can't be written: give yourself the right to, or name another folder with --venv",
    ),
}


def main(arguments: Sequence[str]) -> int:
    """A start whose faults end in a sentence and an exit code, never in a traceback."""
    try:
        return launch(arguments)
    except StartError as trouble:
        print(f"Easel can't start. {trouble}", file=sys.stderr)
    except OSError as error:
        sentence = OS_TROUBLES.get(error.errno or 0, "The system refused one of the steps")
        print(f"Easel can't start. {sentence} ({error}).", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nEasel: stopped; the next start goes on from here.", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

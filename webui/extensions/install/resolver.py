"""Packages of add-ons: resolved together by pip with Easel's own pinned, as wheels only, into one folder beside it.

Nothing of Easel's environment is ever changed: what pip would add is worked out in a dry run, fetched, and unpacked elsewhere.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name, parse_wheel_filename

from webui.errors import Conflict, EaselError
from webui.extensions.install.git import FetchFailed

Doing = Callable[[str], None]
"""Told in words what is done; may raise Cancelled."""

SITE_LOCK = "easel-site.json"
"""In the folder of packages: what it holds."""

_PIP_SECONDS = 1800.0
_POLL_SECONDS = 0.1
_QUIET = ("--no-input", "--disable-pip-version-check", "--no-color", "--progress-bar", "off")
_WHEELS = ("--only-binary", ":all:")

_UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|NameResolutionError|Max retries exceeded|Network is unreachable"
    r"|CERTIFICATE_VERIFY_FAILED"
)
_NOTHING = re.compile(r"No matching distribution found for (\S+)|Could not find a version that satisfies the requirement (\S+)")
_NEEDS = re.compile(r"^\s+(?P<who>\S+ \S+ depends on|The user requested(?P<pinned> \(constraint\))?) (?P<what>.+?)\s*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Package:
    """One wheel: name, version, SHA-256 of the file, its size in bytes, and the file's name."""

    name: str
    version: str
    sha256: str
    bytes: int
    file: str

    def as_dict(self) -> dict[str, Any]:
        """For the lock file."""
        return dict(vars(self))


def core_packages(folders: Sequence[str] | None = None) -> dict[str, str]:
    """What Easel's own environment holds: canonical name -> version. folders: instead of its site-packages."""
    places = folders or list(dict.fromkeys((sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"])))
    found = {}
    for distribution in importlib.metadata.distributions(path=list(places)):
        name = distribution.metadata["Name"]
        if name:
            found[canonicalize_name(name)] = distribution.version
    return found


class Resolver:
    """Asks pip. wheelhouse: where fetched wheels are kept by name."""

    def __init__(self, wheelhouse: Path, python: str = sys.executable) -> None:
        self._wheelhouse = wheelhouse
        self._python = python

    def resolve(self, wanted: Mapping[str, Sequence[str]], newcomer: str, doing: Doing) -> tuple[Package, ...]:
        """The packages that all add-ons need together, beyond Easel's own; fetched, and nothing else is changed.

        wanted: id of each add-on -> its requirements. newcomer: whose fault it is where they don't fit.
        Raises Conflict dependency_conflict, naming both sides; FetchFailed; what `doing` raises.
        """
        requirements = list(dict.fromkeys(text for several in wanted.values() for text in several))
        if not requirements:
            return ()
        doing("Working out which packages it needs")
        code, report, said = self._dry_run(requirements, doing)
        if code:
            raise self._explained(wanted, newcomer, said, doing)
        return tuple(self._fetched(report, doing)) if report else ()

    def build(self, packages: Sequence[Package], target: Path, doing: Doing) -> None:
        """Unpack fetched packages into a new folder. Raises FetchFailed; nothing is left then."""
        part = target.with_name(f"{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        doing("Unpacking packages")
        try:
            with tempfile.TemporaryDirectory(dir=part.parent, prefix="pip-") as folder:
                pinned = Path(folder, "packages.txt")
                lines = [f"{package.name}=={package.version} --hash=sha256:{package.sha256}" for package in packages]
                pinned.write_text("\n".join(lines), "utf-8")
                offline = ("--no-index", "--find-links", str(self._wheelhouse))
                install = ("install", "--no-deps", "--target", str(part), "--require-hashes", "--no-compile", *offline, *_WHEELS)
                code, said = self._pip([*install, "-r", str(pinned)], doing)
            if code:
                raise FetchFailed(f"The packages could not be unpacked: {_last(said)}.", hint="Try again; the log has all that pip said.")
            (part / SITE_LOCK).write_text(json.dumps([package.as_dict() for package in packages], indent=1), "utf-8")
            part.rename(target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def download(self, name: str, target: Path, doing: Doing) -> Path:
        """The wheel of one package, without what it needs. name: with or without ==version. Raises FetchFailed."""
        doing(f"Asking the package index for {name}")
        target.mkdir(parents=True, exist_ok=True)
        code, said = self._pip(["download", "--no-deps", *_WHEELS, "--dest", str(target), name], doing)
        found = sorted(target.glob("*.whl"))
        if code or len(found) != 1:
            raise _index_trouble(said, name)
        return found[0]

    def newest(self, name: str, doing: Doing) -> str:
        """The newest version of a package. Raises FetchFailed."""
        plain = name.partition("==")[0]
        code, report, said = self._dry_run([plain], doing, more=("--no-deps", "--ignore-installed"))
        if code or not report:
            raise _index_trouble(said, plain)
        return str(report[0]["metadata"]["version"])

    def _dry_run(self, requirements: Sequence[str], doing: Doing, more: Sequence[str] = ()) -> tuple[int, list[dict[str, Any]], str]:
        with tempfile.TemporaryDirectory(prefix="easel-resolve-") as folder:
            asked, pinned, report = Path(folder, "asked.txt"), Path(folder, "easel.txt"), Path(folder, "report.json")
            asked.write_text("\n".join(requirements), "utf-8")
            pinned.write_text("\n".join(f"{name}=={version}" for name, version in core_packages().items()), "utf-8")
            constrained = () if more else ("-c", str(pinned))
            command = ["install", "--dry-run", "--report", str(report), *_WHEELS, *more, *constrained, "-r", str(asked)]
            code, said = self._pip(command, doing)
            entries = json.loads(report.read_text("utf-8"))["install"] if not code and report.exists() else []
        return code, entries, said

    def _fetched(self, report: Sequence[Mapping[str, Any]], doing: Doing) -> list[Package]:
        """The wheels of a dry run, in the wheelhouse, with the hashes that the index gave."""
        self._wheelhouse.mkdir(parents=True, exist_ok=True)
        told = {canonicalize_name(entry["metadata"]["name"]): entry for entry in report}
        pins = [f"{name}=={entry['metadata']['version']}" for name, entry in told.items()]
        doing(f"Fetching {', '.join(pins)[:200]}")
        found = []
        with tempfile.TemporaryDirectory(dir=self._wheelhouse, prefix="fetch-") as folder:
            code, said = self._pip(["download", "--no-deps", *_WHEELS, "--dest", folder, *pins], doing)
            wheels = {parse_wheel_filename(path.name)[0]: path for path in Path(folder).glob("*.whl")}
            if code or set(wheels) != set(told):
                raise _index_trouble(said, ", ".join(pins))
            for name, path in wheels.items():
                data, version = path.read_bytes(), str(told[name]["metadata"]["version"])
                sha256 = hashlib.sha256(data).hexdigest()
                expected = (told[name]["download_info"].get("archive_info") or {}).get("hashes", {}).get("sha256", sha256)
                if expected != sha256:
                    raise FetchFailed(
                        f"{name} {version} arrived other than the index says.", hint="Try again; if it stays so, don't use it."
                    )
                path.replace(self._wheelhouse / path.name)
                found.append(Package(name, version, sha256, len(data), path.name))
        return sorted(found, key=lambda package: package.name)

    def _explained(self, wanted: Mapping[str, Sequence[str]], newcomer: str, said: str, doing: Doing) -> EaselError:
        """Who can't live with whom. Asks pip once more for each of the others, until one is found."""
        if _UNREACHABLE.search(said) and "ResolutionImpossible" not in said:
            return _index_trouble(said, newcomer)
        core = core_packages()
        others = [other for other in wanted if other != newcomer and wanted[other]]
        if "(constraint)" in said or _asked_in_vain(said) in core or not others:
            return _conflict(wanted, newcomer, "Easel itself", said, core)
        for other in others[:-1]:
            code, _, both = self._dry_run([*wanted[newcomer], *wanted[other]], doing)
            if code:
                return _conflict(wanted, newcomer, f"the add-on {other}", both, core)
        return _conflict(wanted, newcomer, f"the add-on {others[-1]}", said, core)

    def _pip(self, words: Sequence[str], doing: Doing) -> tuple[int, str]:
        # -I: neither this folder nor another program's packages are looked at. pip's own settings (index, proxy) stay in force.
        command = [self._python, "-I", "-m", "pip", *words, *_QUIET]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"PYTHONUTF8": "1"}
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment)
            deadline = time.monotonic() + _PIP_SECONDS
            try:
                while process.poll() is None:
                    doing("")
                    if time.monotonic() > deadline:
                        raise FetchFailed("The package index took too long.", hint="Try again later.")
                    time.sleep(_POLL_SECONDS)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            out.seek(0)
            return process.returncode, out.read().decode("utf-8", "replace")


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next(
        (line.removeprefix("ERROR: ") for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "it said nothing"
    )[:300]


def _index_trouble(said: str, name: str) -> FetchFailed:
    if "No module named pip" in said:
        return FetchFailed("This Python has no pip, which installs packages.", hint="Install pip into Easel's environment.")
    if _UNREACHABLE.search(said):
        return FetchFailed(
            "The package index can't be reached.", field="source", hint="Check the network and pip's proxy settings, and try again."
        )
    nothing = _NOTHING.search(said)
    if nothing is not None:
        return FetchFailed(
            f"The package index has no wheel of {(nothing[1] or nothing[2])[:80]} for this Python and system.",
            field="source",
            hint="Only wheels are installed: nothing of a package is run for that.",
        )
    return FetchFailed(f"pip could not fetch {name}: {_last(said)}.", field="source", hint="Try again; the log has all that pip said.")


def _asked_in_vain(said: str) -> str:
    """The name of the package that the index has in no fitting version; "" where there is none."""
    nothing = _NOTHING.search(said)
    name = _NAME.match(nothing[1] or nothing[2]) if nothing else None
    return canonicalize_name(name[0]) if name else ""


def _conflict(wanted: Mapping[str, Sequence[str]], newcomer: str, other: str, said: str, core: Mapping[str, str]) -> EaselError:
    vain = _asked_in_vain(said)
    if "ResolutionImpossible" not in said and vain not in core:
        return _index_trouble(said, newcomer)
    words = [_need(match, wanted, newcomer, core) for match in _NEEDS.finditer(said)]
    if not words and vain in core:
        what = next((text for text in wanted.get(newcomer, ()) if canonicalize_name(text).startswith(vain)), vain)
        words = [f"{newcomer} wants {what}", f"Easel has {vain} {core[vain]}"]
    return Conflict(
        f"{newcomer} can't be used together with {other}: {'; '.join(dict.fromkeys(words)) or 'their packages do not fit'}.",
        field="source",
        hint="Nothing was changed. Ask its author for a version that fits, or remove the other one.",
        code="dependency_conflict",
    )


def _need(match: re.Match[str], wanted: Mapping[str, Sequence[str]], newcomer: str, core: Mapping[str, str]) -> str:
    """One line of pip's reasons, by the names that people know."""
    name = _NAME.match(match["what"])
    canonical = canonicalize_name(name[0]) if name else ""
    if match["pinned"] and canonical in core:
        return f"Easel has {canonical} {core[canonical]}"
    if match["who"].startswith("The user"):
        whose = next((one for one, texts in wanted.items() if match["what"] in texts), newcomer)
        return f"{whose} wants {match['what']}"
    return f"{match['who'].removesuffix(' depends on')} wants {match['what']}"

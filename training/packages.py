"""The published packages that the shipped models learn from: fetched by npm, checked by hash, kept in a folder of the user's.

    python -m training.packages [--folder FOLDER]

Fetches all of them. Whatever registry npm is set to is asked; what comes must have the hash that is written here.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path.home() / ".cache" / "easel" / "training"
"""Where packages and the state of trainings lie unless told otherwise: outside of the repository."""


@dataclass(frozen=True)
class Package:
    """A package of the npm registry at one version. integrity: "sha512-" and the hash of its archive in base64, as npm writes it."""

    name: str
    version: str
    integrity: str


FLUENT_3D = Package(
    "@lobehub/fluent-emoji-3d", "1.1.0", "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g=="
)
FLUENT_FLAT = Package(
    "@lobehub/fluent-emoji-flat", "1.1.0", "sha512-lPYCg8+N56MIj+iOgeBeH6AF0tneXxJCvgi41rOTjAWpA5rU2WUcmU1fiIXouEe8GrSTarWCYLY2ML+rdLRHsg=="
)
FLUENT_MODERN = Package(
    "@lobehub/fluent-emoji-modern",
    "1.0.0",
    "sha512-YdZEgLC/vh29uDEl440q3W2vN50FdUFarQoKUHH9Clzx61/wW6mImLJywVBMKQPa3+GL59j3NvOlTLhH4rxleA==",
)
FLUENT_INK = Package(
    "@iconify-json/fluent-emoji-high-contrast",
    "1.2.6",
    "sha512-esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w==",
)
WORDS = Package(
    "emojibase-data", "17.0.0", "sha512-Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA=="
)
"""Microsoft's Fluent Emoji in four styles, and Unicode's names and keywords. All are under the MIT licence."""

ALL = (FLUENT_3D, FLUENT_FLAT, FLUENT_MODERN, FLUENT_INK, WORDS)


class PackageUnusable(Exception):
    """A package that can't be fetched, or isn't the one that is meant."""


def unpacked(package: Package, folder: Path) -> Path:
    """The folder "package" of its archive, fetched first if it isn't there. Raises PackageUnusable."""
    target = folder / "packages" / f"{package.name.replace('/', '-').removeprefix('@')}-{package.version}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as beside:
            archive = _fetch(package, Path(beside))
            check(package, archive)
            with tarfile.open(archive) as files:
                files.extractall(Path(beside) / "unpacked", filter="data")
            (Path(beside) / "unpacked").rename(target)
    return target / "package"


def check(package: Package, archive: Path) -> None:
    """Raise PackageUnusable unless the archive has the package's hash."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise PackageUnusable(
            f"{package.name} {package.version} is not the one that is meant: its hash is {found}, not {package.integrity}"
        )


def _fetch(package: Package, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageUnusable("npm, which comes with Node.js, is needed to fetch the pictures; install it and try again")
    done = subprocess.run(
        [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", str(folder)], capture_output=True, text=True, check=False
    )
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        raise PackageUnusable(f"npm could not fetch {package.name} {package.version}:\n{done.stderr.strip()}")
    return archives[0]


def main() -> None:
    """Fetch all packages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are kept")
    given = parser.parse_args()
    for package in ALL:
        print(f"{package.name} {package.version}: {unpacked(package, given.folder)}", flush=True)


if __name__ == "__main__":
    main()

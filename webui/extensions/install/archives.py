"""Unpacks what strangers packed: every name is checked before anything is written, every byte is counted."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from webui.errors import InvalidRequest

MOST_MEMBERS = 20_000
MOST_BYTES = 512 * 1024**2
"""Unpacked, altogether."""
MOST_ZIP_BYTES = 64 * 1024**2

_MOST_DIRECTORY = MOST_MEMBERS * 400
_PART = 1 << 18
_END = b"PK\x05\x06"
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_SKIPPED = frozenset({".git", "__pycache__", ".DS_Store", "__MACOSX"})
"""Not unpacked: compiled Python could differ from the source that one reads."""


@dataclass(frozen=True)
class Member:
    """One file of an archive. path: with /, as the archive has it. parts: its bytes, piece by piece."""

    path: str
    parts: Callable[[], Iterator[bytes]]


def unsafe(message: str, hint: str = "Don't use this archive; ask where it comes from.") -> InvalidRequest:
    """An archive that nobody should unpack."""
    return InvalidRequest(f"{message}. Nothing of it was unpacked.", field="source", hint=hint, code="unsafe_archive")


def unpack(members: Iterable[Member], target: Path) -> None:
    """Write the members below `target`, which is new. Raises InvalidRequest unsafe_archive; nothing is left then."""
    checked = _checked(members)
    left = MOST_BYTES
    target.mkdir(parents=True)
    try:
        for path, member in checked:
            file = target.joinpath(*path)
            file.parent.mkdir(parents=True, exist_ok=True)
            with open(file, "xb") as out:
                for part in member.parts():
                    left -= len(part)
                    if left < 0:
                        raise unsafe(f"Unpacked it is larger than {MOST_BYTES // 1024**2} MB")
                    out.write(part)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def unzip(file: Path, target: Path) -> None:
    """Unpack a zip below `target`, which is new; a single folder around everything is left out. Raises InvalidRequest unsafe_archive."""
    if file.stat().st_size > MOST_ZIP_BYTES:
        raise unsafe(f"The archive is larger than {MOST_ZIP_BYTES // 1024**2} MB")
    with open(file, "rb") as stream:
        _check_end(stream)
        try:
            with zipfile.ZipFile(stream) as archive:
                unpack(_without_wrapping(list(_zip_members(archive))), target)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, struct.error, RuntimeError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise unsafe(f"The archive is damaged, or no zip ({' '.join(str(error).split())[:120]})", "Fetch it once more.") from None


def tree_hash(folder: Path) -> str:
    """SHA-256 of all that is in a folder: names and bytes. Compiled Python doesn't count."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not _SKIPPED & set(relative.parts):
            data = path.read_bytes()
            digest.update(f"{relative.as_posix()}\0{len(data)}\0".encode())
            digest.update(data)
    return digest.hexdigest()


def _checked(members: Iterable[Member]) -> list[tuple[tuple[str, ...], Member]]:
    found: list[tuple[tuple[str, ...], Member]] = []
    names: dict[tuple[str, ...], str] = {}
    folders: set[tuple[str, ...]] = set()
    for count, member in enumerate(members):
        if count >= MOST_MEMBERS:
            raise unsafe(f"It has more than {MOST_MEMBERS:,} files")
        parts = _safe_parts(member.path)
        if _SKIPPED & set(parts):
            continue
        # Two names that differ in case only are one file on Windows and macOS.
        key = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts)
        if key in names:
            raise unsafe(f"It has {member.path[:80]!a} twice, on systems where {names[key][:80]!a} is the same name")
        names[key] = member.path
        folders |= {key[:depth] for depth in range(1, len(key))}
        found.append((parts, member))
    clash = next((names[key] for key in names if key in folders), None)
    if clash is not None:
        raise unsafe(f"{clash[:80]!a} is a file and a folder in it")
    return found


def _safe_parts(path: str) -> tuple[str, ...]:
    shown = ascii(path[:80])
    if not path or len(path) > 240 or "\\" in path or path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise unsafe(f"It has a file named {shown}, which leads elsewhere or can't be written")
    parts = tuple(path.split("/"))
    for part in parts:
        hidden = any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in part)
        if part in ("", ".", "..") or hidden or part != part.rstrip(" .") or ":" in part or _RESERVED.fullmatch(part):
            raise unsafe(f"It has a file named {shown}, which leads elsewhere or can't be written")
    return parts


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for count, info in enumerate(archive.infolist()):
        if count >= MOST_MEMBERS * 2:
            raise unsafe(f"It has more than {MOST_MEMBERS:,} files")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise unsafe(f"{info.filename[:80]!a} is no file but a link or a device")
        if info.flag_bits & 0x1:
            raise unsafe("It is encrypted", "Pack it without a password.")
        # zipfile mends some names; what stands in the archive is what is judged.
        path = info.orig_filename
        if path.endswith("/"):
            _safe_parts(path.rstrip("/") or "/")
            continue
        yield Member(path, lambda info=info: _read(archive, info))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as stream:
        while part := stream.read(_PART):
            yield part


def _without_wrapping(members: list[Member]) -> list[Member]:
    """Zips of repositories have all in one folder. Judged before, so that no ../ is taken for one."""
    for member in members:
        _safe_parts(member.path)
    kept = [member for member in members if not _SKIPPED & set(member.path.split("/"))]
    tops = {member.path.partition("/")[0] for member in kept}
    if len(tops) != 1 or not all("/" in member.path for member in kept):
        return members
    return [Member(member.path.partition("/")[2], member.parts) for member in kept]


def _check_end(stream: BinaryIO) -> None:
    """The table at a zip's end must have a sane length: it is read in one piece."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 65_557))
    tail = stream.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise unsafe("This is no zip", "Name a zip file.")
    length = struct.unpack_from("<I", tail, at + 12)[0]
    if length > _MOST_DIRECTORY:
        raise unsafe(f"It has more than {MOST_MEMBERS:,} files")
    stream.seek(0)

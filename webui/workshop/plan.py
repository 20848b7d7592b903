"""What a piece of work will write: files of tensors, each tensor made when its turn comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from webui.durable import flush, rename_to_new
from webui.errors import DiskFull
from webui.workshop.packed import write_gguf
from webui.workshop.weights import WHOLE, NewTensor, Weights, file_size, in_order, write_weights

ROOM_LEFT = 512 * 1024**2
"""Bytes that stay free on a disk."""

OWN_FILE = "easel.json"
LEFT_OUT = ("examples", "samples.png", "README.md", OWN_FILE)
"""What a folder says about the pictures of the checkpoint itself, which are not those of what is made of it."""


@dataclass(frozen=True)
class NewFile:
    """One safetensors file. architecture: of a GGUF file, which it is then."""

    tensors: Sequence[NewTensor]
    metadata: Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""

    @property
    def nbytes(self) -> int:
        """Its size, nearly so of a GGUF file."""
        return file_size(self.tensors, self.metadata)

    def write(self, path: Path, advance: Callable[[int], None]) -> None:
        """Write it and flush it to disk. advance: told of the bytes of each block. Raises OSError and what reading raises."""
        if self.architecture:
            entries = [(tensor.name, tensor.dtype, tensor.shape, tensor.nbytes, tensor.blocks) for tensor in self.tensors]
            write_gguf(path, self.architecture, self.metadata, entries, advance)
        else:
            write_weights(path, self.tensors, self.metadata, advance)


@dataclass(frozen=True)
class Plan:
    """All files of a result: one called WHOLE, or several in a folder. extras: files that are copied into that from `extras_of`.

    notes: what its owner should know.
    """

    files: Mapping[str, NewFile]
    extras: Sequence[Path] = ()
    extras_of: Path | None = None
    notes: Sequence[str] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of all weights."""
        return sum(file.nbytes for file in self.files.values())


def planned(
    files: Mapping[str, Sequence[NewTensor]], metadata: Mapping[str, Mapping[str, str]], base: Weights, notes: Sequence[str]
) -> Plan:
    """The plan of a result in the form of `base`: a file, or a folder with the same other files."""
    new = {name: NewFile(in_order(tensors), metadata.get(name, {})) for name, tensors in files.items() if tensors}
    extras = [path for path in base.extras if path.parts[0] not in LEFT_OUT]
    return Plan(new, extras, base.path if base.is_folder else None, notes)


def free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder that may not be there yet."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def check_room(folder: Path, nbytes: int, what: str) -> None:
    """Raise DiskFull when the disk has no room for so many more bytes."""
    free = free_bytes(folder)
    if free < nbytes + ROOM_LEFT:
        raise DiskFull(
            f"{what} takes {readable_size(nbytes)}, and {readable_size(free)} are free there.",
            hint=f"Make room for it and {readable_size(ROOM_LEFT)} more, then resume.",
        )


def readable_size(nbytes: float) -> str:
    """A size for people, in decimal units."""
    for unit in ("bytes", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:,.0f} {unit}"
        nbytes /= 1000
    return f"{nbytes:,.1f} GB"


def carry_out(plan: Plan, part: Path, target: Path, advance: Callable[[int], None]) -> None:
    """Write everything to `part`, flush it, then give it its name.

    Raises FileExistsError when that is taken, DiskFull, OSError, and what reading raises.
    After an error `part` is still there: who chose its name removes it.
    """
    check_room(part.parent, plan.nbytes, target.name)
    part.parent.mkdir(parents=True, exist_ok=True)
    if WHOLE in plan.files:
        plan.files[WHOLE].write(part, advance)
    else:
        _write_folder(plan, part, advance)
    rename_to_new(part, target)


def _write_folder(plan: Plan, part: Path, advance: Callable[[int], None]) -> None:
    assert plan.extras_of is not None
    for name, file in plan.files.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        file.write(part / name, advance)
    for relative in plan.extras:
        (part / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(plan.extras_of / relative, part / relative)
        flush(part / relative)


def remove(path: Path) -> None:
    """Remove a file or folder that may be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

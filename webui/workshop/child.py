"""The child process that merges and converts: one piece of work, told on stdin, then its end. No torch, and little memory.

Started as python -m webui.workshop.child. The first line on stdin is a Job as JSON. On stdout come JSON lines: {"stage": words, "total":
bytes}, {"done": bytes so far}, and as the last one {"notes": [...]} or {"error": {...}}. When stdin ends before that, nobody waits
for the work any more, and the process ends at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webui.catalog.hashing import hash_file
from webui.catalog.header import sniff
from webui.errors import CheckpointUnusable, Conflict, DataUnusable, EaselError, InvalidRequest
from webui.training.recipe import Train
from webui.workshop.converting import check_convert, plan_convert
from webui.workshop.merging import Overflow, Parents, check_parents, plan_merge
from webui.workshop.plan import Plan, carry_out, check_room
from webui.workshop.provenance import metadata_for
from webui.workshop.recipes import AnyRecipe, BakeVae, Convert, Download, ExtractVae, Merge, parse_recipe
from webui.workshop.vaes import check_bake, check_extract, plan_of
from webui.workshop.weights import Weights, open_weights

PICKLE_CONVERTER = Path(__file__).resolve().parent.parent / "engine" / "loading" / "pickle_converter.py"
"""Its own child, which alone knows torch: it reads old pickles by an allow-list, and runs nothing in them."""

TOLD_SECONDS = 0.2
"""Between two words on how far it is."""

_NICENESS = 10


@dataclass(frozen=True)
class Source:
    """A model that goes in. role: the recipe's field; sha256: if it is known already."""

    role: str
    name: str
    path: str
    sha256: str = ""


@dataclass(frozen=True)
class Job:
    """One piece of work. part: what it is called while it is written; everything that begins so may be removed afterwards."""

    recipe: dict[str, Any]
    sources: list[dict[str, str]]
    part: str
    target: str
    hashes: dict[str, str] = field(default_factory=dict)

    def as_line(self) -> str:
        """As the child gets it."""
        return json.dumps(vars(self)) + "\n"


class Teller:
    """Says on stdout how far the work is, now and then."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._done = 0
        self._told = 0.0

    def begin(self, stage: str, total: int) -> None:
        """Something of that many bytes begins."""
        self._done = 0
        self._say({"stage": stage, "total": total})

    def advance(self, nbytes: int) -> None:
        """So many bytes more are done."""
        self._done += nbytes
        if time.monotonic() - self._told >= TOLD_SECONDS:
            self._told = time.monotonic()
            self._say({"done": self._done})


def run(job: Job, teller: Teller) -> list[str]:
    """Do the work. Returns what its owner should know. Raises EaselError, also where the disk fails."""
    recipe = parse_recipe(job.recipe)
    sources = [Source(**source) for source in job.sources]
    part, target = Path(job.part), Path(job.target)
    try:
        opened = {source.role: _opened(source, part, teller) for source in sources}
        check(recipe, opened)
        digests = {source.role: source.sha256 or _digest(source, teller) for source in sources}
        plan, overflow = _plan(recipe, opened, metadata_for(recipe, opened, digests))
        teller.begin("Writing", plan.nbytes)
        carry_out(plan, part, target, teller.advance)
    except FileExistsError:
        raise Conflict(f"There is a {target.name} already.", field="name", hint="Choose another name; nothing is overwritten.") from None
    except OSError as error:
        raise DataUnusable(f"{target.name} can't be written: {error.strerror or error}.", hint="Check the disk and its rights.") from None
    notes = list(plan.notes)
    if overflow.count:
        notes.append(f"{overflow.count:,} numbers were too large for the new type and became the largest it has.")
    return notes


def check(recipe: AnyRecipe, opened: Mapping[str, Weights]) -> None:
    """Raise InvalidRequest, by headers alone, for what can't be done with these models."""
    for role, weights in opened.items():
        if weights.is_packed and not isinstance(recipe, Convert):
            raise InvalidRequest(
                f"{weights.name} is a GGUF file, whose numbers are packed and can't be computed with.",
                field=role,
                hint="Convert it to fp16 first.",
            )
    match recipe:
        case Merge():
            check_parents(Parents(opened["first"], opened["second"], opened.get("third")), recipe)
        case Convert():
            check_convert(opened["model"], recipe)
        case BakeVae():
            check_bake(opened["model"], opened["vae"])
        case ExtractVae():
            check_extract(opened["model"])
        case Download() | Train():
            raise TypeError("downloads and LoRAs are not made here")


def _plan(recipe: AnyRecipe, opened: Mapping[str, Weights], metadata: Mapping[str, Mapping[str, str]]) -> tuple[Plan, Overflow]:
    match recipe:
        case Merge():
            return plan_merge(Parents(opened["first"], opened["second"], opened.get("third")), recipe, metadata)
        case Convert():
            return plan_convert(opened["model"], recipe, metadata)
        case BakeVae() | ExtractVae():
            return plan_of(recipe, opened, metadata), Overflow()
        case Download() | Train():
            raise TypeError("downloads and LoRAs are not made here")


def _opened(source: Source, part: Path, teller: Teller) -> Weights:
    path = Path(source.path)
    if path.is_dir() or sniff(path) != "pickle":
        return open_weights(path, source.name)
    made = part.with_name(f"{part.name}.{source.role}.part")
    teller.begin(f"Reading {path.name}", 0)
    check_room(part.parent, path.stat().st_size, f"A safetensors copy of {path.name}")
    _convert_pickle(path, made)
    return open_weights(path, source.name, made)


def _convert_pickle(source: Path, target: Path) -> None:
    # -I: neither environment nor working folder decide what is imported.
    command = [sys.executable, "-I", str(PICKLE_CONVERTER), str(source), str(target), "--averages"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    try:
        problem = json.loads(done.stdout).get("problem")
    except ValueError:
        problem = f"its reader ended with code {done.returncode}"
    if problem:
        raise CheckpointUnusable(f"{source.name} can't be read: {problem}.", hint="Get the safetensors of it, or another copy.")


def _digest(source: Source, teller: Teller) -> str:
    """The SHA-256 of a file. Folders have none."""
    path = Path(source.path)
    if path.is_dir():
        return ""
    teller.begin(f"Hashing {path.name}", path.stat().st_size)
    last = 0

    def told(done: int) -> bool:
        nonlocal last
        teller.advance(done - last)
        last = done
        return True

    hashes = hash_file(path, told)
    assert hashes is not None  # only when told to give up
    return hashes.sha256


def _end_with_parent() -> None:
    # Nothing more is said on stdin; it ends when the parent closes it, dies or is killed.
    sys.stdin.read()
    os._exit(1)


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do the work that stdin tells of."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _say({"notes": run(job, Teller(_say))})
    except EaselError as error:
        _say({"error": error.as_dict()})
    # Not by the usual way, which would wait for the thread that reads.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

"""Runs scripts: a thread for each run that goes on, which plays its generator and hands its parts to the queue.

What is done once is never done twice: each part's job and the part's word that it has one are written in one transaction, and after
a restart the generator is run again from its start and is sent what was made before.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import random
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from PIL import Image

from webui.errors import EaselError, GenerationFailed, InvalidRequest, QueueFull
from webui.extensions.easel import Easel
from webui.extensions.offers import JobScript, Kept, Made, MadePicture, Part
from webui.extensions.registry import ExtensionRegistry
from webui.extensions.values import checked
from webui.generation.images import image_hashes
from webui.generation.request import RANDOM_SEED, GenerationRequest, ResolvedRequest, Upscale, dump_request
from webui.people import HOUSEHOLD, Person
from webui.studio.add_ons import AddOnDesk
from webui.studio.event_log import EventLog
from webui.studio.ids import time_of
from webui.studio.journal import Job, Journal, NewJob, parse_id
from webui.studio.scripts.book import ACTIVE, CANCELLED, DONE, FAILED, WAITING, NotWanted, PartRow, Run, ScriptBook
from webui.studio.whose import Kept as KeptFor
from webui.studio.whose import Whose

log = logging.getLogger(__name__)

RunView = dict[str, Any]

PRIORITY = -4
"""Of a run's jobs: what somebody asks for by hand meanwhile goes first."""

AHEAD = 8
"""Parts that wait in line at most, of one run."""

MOST_PARTS = 10_000
_AGAIN_SECONDS = 2.0
_NAME = 60


class NotTheSame(GenerationFailed):
    """A script that asked for something else when it was run again."""

    code = "script_not_deterministic"


class _Halted(BaseException):
    """The run was paused or cancelled, or Easel ends: its generator is closed."""


@dataclass(frozen=True)
class RunHands:
    """What runs ask of the studio.

    prepared: request, owner -> job to be taken. announce: jobs were taken. stop: end a running job. open: a picture by id, of an owner.
    limit: of the queue. random_seed: a fresh one. keep: (run, number, picture, first request) -> id of a picture in history.
    easel: for an add-on and somebody. thread-safe, all of them.
    """

    prepared: Callable[..., NewJob]
    announce: Callable[[list[Job]], Any]
    stop: Callable[[int], bool]
    open: Callable[[str, str], Image.Image]
    limit: Callable[[], int]
    random_seed: Callable[[], int]
    keep: Callable[[Run, int, Kept, ResolvedRequest], int]
    easel: Callable[[str, Person], Easel]
    person: Callable[[str], Person] = lambda owner: HOUSEHOLD if not owner else replace(HOUSEHOLD, id=owner, role="user")


class ScriptRuns(KeptFor):
    """All runs of one studio, or one person's (`of`). May be called from any thread."""

    def __init__(
        self, book: ScriptBook, journal: Journal, add_ons: AddOnDesk, extensions: ExtensionRegistry, events: EventLog, hands: RunHands
    ) -> None:
        self._book = book
        self._journal = journal
        self._add_ons = add_ons
        self._extensions = extensions
        self._events = events
        self._hands = hands
        self._closing = threading.Event()
        self._news = threading.Condition()
        self._threads: dict[int, threading.Thread] = {}
        self._doing: dict[int, str] = {}
        """What a run that goes on is at, in its own words."""

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with their rows."""
        view = super().of(whose)
        view._book = self._book.of(whose)
        return view

    def start(self) -> None:
        """Go on with what was going on when Easel ended."""
        self._events.listen(self._tell_threads)
        for run in reversed(self._book.all(ACTIVE)):
            self._play_on(run.id)

    def close(self) -> None:
        """Let all threads end; their runs go on at the next start."""
        self._closing.set()
        self._tell_threads()
        for thread in list(self._threads.values()):
            thread.join(timeout=10)

    def _tell_threads(self) -> None:
        with self._news:
            self._news.notify_all()

    # asking

    def submit(self, script: str, request: GenerationRequest, values: Any) -> RunView:
        """Begin a run; it is written down when this returns. values: of the script's fields.

        Raises NotFound, InvalidRequest, CheckpointUnusable, DataUnusable.
        """
        extension, offered = self._add_ons.script(script)
        given = checked(offered.content, values, "values")
        if request.kind not in offered.tabs:
            allowed = ", ".join(offered.tabs)
            raise InvalidRequest(f"{offered.title} makes no {request.kind}.", field="request.kind", allowed=allowed, hint=f"Use {allowed}.")
        request = self._with_seed(request)
        self._check(extension, offered, request, given)
        self._hands.prepared(request, self.whose.new)  # raises for what can't be drawn, before anything is
        expected = self._count(extension, offered, request, given)
        row = {
            "extension": extension,
            "script": script,
            "title": offered.title,
            "script_values": given,
            "seed": self._hands.random_seed(),
            "expected": expected,
        }
        hashes = [value for value in given.values() if isinstance(value, str) and len(value) == 64]
        identifier = self._book.add(row, request, [*image_hashes(request), *hashes])
        self._play_on(identifier)
        return self._tell(identifier)

    def _with_seed(self, request: GenerationRequest) -> GenerationRequest:
        """With one seed for all that the run makes of it, as when pictures are compared."""
        if isinstance(request, Upscale):
            return request
        names = [name for name in ("seed", "variation_seed") if getattr(request, name) == RANDOM_SEED]
        return request.model_copy(update={name: self._hands.random_seed() for name in names})

    def _check(self, extension: str, offered: JobScript, request: GenerationRequest, values: Mapping[str, Any]) -> None:
        if offered.check is None:
            return
        try:
            offered.check(request, values)
        except EaselError:
            raise
        except ValueError as problem:
            raise InvalidRequest(f"{offered.title}: {problem}", field="values", hint="Change it and try again.") from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything
            self._extensions.record(extension, "job_scripts", error, 0.0)
            raise GenerationFailed(f"The add-on {extension} failed: {type(error).__name__}: {error}.", hint="The log says more.") from None

    def _count(self, extension: str, offered: JobScript, request: GenerationRequest, values: Mapping[str, Any]) -> int | None:
        if offered.count is None:
            return None
        count = offered.count
        found = self._extensions.call(extension, "count", lambda: int(count(request, values)))
        if found is not None and found > MOST_PARTS:
            raise InvalidRequest(
                f"That would be {found:,} pictures.", field="values", allowed=f"at most {MOST_PARTS:,}", hint="Ask for less."
            )
        return found

    # buttons

    def pause(self, run_id: str) -> RunView:
        """Hand nothing more over; what is being drawn goes on. Raises Conflict through a run that doesn't go on."""
        identifier = parse_id(run_id)
        self._book.get(identifier)
        self._book.pause(identifier)
        return self._told_all(identifier)

    def cancel(self, run_id: str) -> RunView:
        """End it: what is being drawn ends at its next step. Raises Conflict."""
        identifier = parse_id(run_id)
        for job_id in self._book.cancel(identifier):
            self._hands.stop(job_id)
        return self._told_all(identifier)

    def resume(self, run_id: str) -> RunView:
        """Go on where it was halted, trying again what failed. Raises Conflict."""
        identifier = parse_id(run_id)
        self._book.resume(identifier)
        self._play_on(identifier)
        return self._told_all(identifier)

    def remove(self, run_id: str) -> None:
        """Forget an ended run; its pictures stay. Raises Conflict."""
        run = self._book.get(parse_id(run_id))
        self._book.forget(run.id)
        self._events.publish("script_run_removed", owner=run.owner, run=str(run.id))

    def _told_all(self, identifier: int) -> RunView:
        self._events.publish("jobs")
        self._hands.announce([])
        self._tell_threads()
        return self._tell(identifier)

    # looking

    def all(self) -> list[RunView]:
        """Every run, newest first."""
        return [self._view(run) for run in self._book.all()]

    def run(self, run_id: str) -> RunView:
        """One run with all its parts. Raises NotFound."""
        run = self._book.get(parse_id(run_id))
        parts = self._book.parts(run.id)
        pictures = self._book.pictures([part.job_id for part in parts])
        return {**self._view(run, parts), "parts": [_part_view(part, pictures[part.job_id]) for part in parts]}

    def _view(self, run: Run, parts: Sequence[PartRow] | None = None) -> RunView:
        parts = self._book.parts(run.id) if parts is None else parts
        counts = {state: sum(part.status == state for part in parts) for state in (WAITING, "running", DONE, FAILED, CANCELLED)}
        return {
            "id": str(run.id),
            "extension": run.extension,
            "script": run.script,
            "title": run.title,
            "status": run.status,
            "kind": _kind_of(run),
            "values": dict(run.values),
            "expected": run.expected,
            "total": max(run.expected or 0, len(parts)),
            **counts,
            "layout": run.layout,
            "doing": self._doing.get(run.id, "") if run.status == ACTIVE else "",
            "kept": [str(identifier) for identifier in run.kept],
            "error": run.error,
            "created_at": time_of(run.id).isoformat(),
            "ended_at": time_of(run.stamp).isoformat() if run.stamp is not None and run.status in (DONE, FAILED, CANCELLED) else None,
        }

    def _tell(self, identifier: int) -> RunView:
        run = self._book.get(identifier)
        view = self._view(run)
        self._events.publish("script_run", owner=run.owner, run=view)
        return view

    # playing

    def _play_on(self, identifier: int) -> None:
        before = self._threads.get(identifier)

        def play() -> None:
            if before is not None:
                before.join()  # the one that was halted lets go first
            self._play(identifier)

        thread = threading.Thread(target=play, name=f"script-{identifier}", daemon=True)
        self._threads[identifier] = thread
        thread.start()

    def _play(self, identifier: int) -> None:
        try:
            run = self._book.get(identifier)
            if run.status == ACTIVE:
                self._played(run)
        except _Halted:
            pass
        except EaselError as problem:
            self._book.end(identifier, FAILED, problem)
        except Exception:  # a run may not stay behind as going on for ever because of a fault of ours
            log.exception("The script run %s met something unexpected.", identifier)
            fault = GenerationFailed("Something unexpected went wrong in Easel.", hint="Try again; the log says more.")
            self._book.end(identifier, FAILED, fault)
        finally:
            self._doing.pop(identifier, None)
            if not self._closing.is_set():
                self._tell(identifier)

    def _played(self, run: Run) -> None:
        extension, offered = self._add_ons.script(run.script)
        stage = _Stage(self, run, self._hands.easel(extension, self._hands.person(run.owner)))
        returned = self._performed(extension, offered, run, stage)
        first = self._book.first_request(run.id)
        several = [returned] if isinstance(returned, Kept) else [one for one in returned or () if isinstance(one, Kept)]
        if first is not None:
            for number, kept in enumerate(several):
                self._hands.keep(self._book.get(run.id), number, kept, first)
        parts = self._book.parts(run.id)
        if parts and all(part.status == FAILED for part in parts):
            message = str((parts[0].error or {}).get("message", "Nothing could be drawn."))
            raise GenerationFailed(message, hint=str((parts[0].error or {}).get("hint", "")) or "Change it and try again.")
        self._book.end(run.id, DONE)

    def _performed(self, extension: str, offered: JobScript, run: Run, stage: _Stage) -> Any:
        """Play the generator to its end; what it returns. Raises _Halted, and EaselError for what ends the run."""
        ask = functools.partial(self._asked, extension, offered)
        generator: Generator[Any, Any, Any] = ask(lambda: _generator(offered.run(run.asked, dict(run.values), stage)))
        number, answer = 0, None
        try:
            while True:
                yielded = ask(lambda: _next(generator, answer))  # noqa: B023 - called at once
                if isinstance(yielded, _Returned):
                    return yielded.value
                parts, several = _parts_of(yielded, offered)
                if number + len(parts) > MOST_PARTS:
                    raise GenerationFailed(f"{offered.title} asks for more than {MOST_PARTS:,} pictures.", hint="Ask for less.")
                made = self._made(run, list(enumerate(parts, number)))
                number += len(parts)
                answer = made if several else made[0]
        finally:
            generator.close()

    def _asked(self, extension: str, offered: JobScript, function: Callable[[], Any]) -> Any:
        """What the add-on's own code does next; its failure ends the run in words, and is recorded."""
        try:
            return function()
        except (EaselError, _Halted):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an add-on may raise anything
            fault = self._extensions.record(extension, "job_scripts", error, 0.0)
            raise GenerationFailed(
                f"{offered.title} failed: {fault.message}.",
                code="script_failed",
                hint="The pictures made so far stay. The log has the traceback.",
            ) from None

    def _made(self, run: Run, parts: Sequence[tuple[int, Part]]) -> list[Made]:
        """What became of these parts, in their order: handed to the queue, a few at a time, those that aren't made yet."""
        waiting = dict(parts)
        wanted = {number: _digest(part) for number, part in parts}
        while True:
            self._need_active(run.id)
            known = {part.number: part for part in self._book.parts(run.id) if part.number in wanted}
            other = next((part for number, part in known.items() if part.digest != wanted[number]), None)
            if other is not None:
                raise NotTheSame(
                    f"{run.title} asked for something else than before at part {other.number + 1}, so it can't go on.",
                    hint="Start it anew. Its author: take chance from script.random, and nothing from outside.",
                )
            open_parts = sum(part.status in (WAITING, "running") for part in known.values())
            fresh = [number for number in waiting if number not in known][: max(AHEAD - open_parts, 0)]
            for number in fresh:
                self._hand_over(run, number, waiting[number], wanted[number])
            if fresh:
                self._tell(run.id)
            elif len(known) == len(wanted) and not open_parts:
                return [self._became(run, known[number]) for number in sorted(wanted)]
            else:
                self._wait(run.id, known)

    def _hand_over(self, run: Run, number: int, part: Part, digest: bytes) -> None:
        def along(connection: Any, jobs: list[int]) -> None:
            row = {"number": number, "label": part.label[:500], "at": list(part.at), "digest": digest, "job_id": jobs[0]}
            self._book.note_part(connection, run.id, row)

        entry, journal = self._hands.prepared(part.request, run.owner, priority=PRIORITY), self._journal.of(Whose(run.owner))
        while True:
            try:
                self._hands.announce(journal.add([entry], self._hands.limit(), along=along))
            except QueueFull:
                self._closing.wait(_AGAIN_SECONDS)
                self._need_active(run.id)
            except NotWanted:
                raise _Halted from None
            else:
                return

    def _need_active(self, identifier: int) -> None:
        """Raises _Halted where the run doesn't go on."""
        if self._closing.is_set() or self._book.get(identifier).status != ACTIVE:
            raise _Halted

    def _wait(self, identifier: int, known: Mapping[int, PartRow]) -> None:
        """Until something may have changed; changes of its own jobs are told to pages."""
        before = {part.job_id: part.status for part in known.values()}
        with self._news:
            self._news.wait(_AGAIN_SECONDS)
        jobs = {job.id: job.status for job in self._journal.get_all(list(before))}
        if any(jobs.get(job_id, CANCELLED) != status for job_id, status in before.items()):
            self._tell(identifier)

    def _became(self, run: Run, part: PartRow) -> Made:
        pictures = tuple(
            MadePicture(str(identifier), sha256.hex(), functools.partial(self._hands.open, str(identifier), run.owner))
            for identifier, sha256 in self._book.pictures([part.job_id])[part.job_id]
        )
        if part.status == DONE:
            return Made(pictures)
        return Made(pictures, str((part.error or {}).get("message", "")) or "It was cancelled.")

    # what a script says of itself

    def told(self, run: Run, words: str) -> None:
        """What it is at."""
        self._doing[run.id] = words[:200]
        self._tell(run.id)

    def laid_out(self, run: Run, layout: Mapping[str, Sequence[str]]) -> None:
        """How its parts stand."""
        if run.layout != layout:
            self._book.tell(run.id, layout=dict(layout))
            self._tell(run.id)


class _Stage:
    """See `webui.extensions.easel.Script`."""

    def __init__(self, runs: ScriptRuns, run: Run, easel: Easel) -> None:
        self._runs = runs
        self._run = run
        self.easel = easel
        self.random = random.Random(run.seed)

    def tell(self, words: str) -> None:
        """What the script is at."""
        self._runs.told(self._run, str(words))

    def lay_out(self, columns: Sequence[str], rows: Sequence[str] = ("",), sheets: Sequence[str] = ("",)) -> None:
        """Name columns, rows and sheets of its grid."""
        layout = {"columns": columns, "rows": rows, "sheets": sheets}
        self._runs.laid_out(self._run, {name: [str(word)[:_NAME] for word in words] for name, words in layout.items()})


@dataclass(frozen=True)
class _Returned:
    """The end of a generator."""

    value: Any


def _generator(made: Any) -> Generator[Any, Any, Any]:
    if not isinstance(made, Generator):
        raise TypeError(f"run returned a {type(made).__name__}; it has to yield requests")
    return made


def _next(generator: Generator[Any, Any, Any], answer: Any) -> Any:
    try:
        return generator.send(answer)
    except StopIteration as end:
        return _Returned(end.value)


def _parts_of(yielded: Any, offered: JobScript) -> tuple[list[Part], bool]:
    """The parts that a script wants, and whether it wants several answers."""
    several = isinstance(yielded, list | tuple | Iterator)
    wanted: list[Any] = list(yielded) if several else [yielded]
    parts = [one if isinstance(one, Part) else Part(one) for one in wanted]
    wrong = next((part for part in parts if not hasattr(part.request, "kind")), None)
    if wrong is not None:
        raise GenerationFailed(f"{offered.title} yielded a {type(wrong.request).__name__}, which is no request.", code="script_failed")
    return parts, several


def _digest(part: Part) -> bytes:
    return hashlib.sha256(dump_request(part.request).encode()).digest()


def _part_view(part: PartRow, pictures: Sequence[tuple[int, bytes]]) -> dict[str, Any]:
    return {
        "number": part.number,
        "label": part.label,
        "at": list(part.at),
        "job": str(part.job_id),
        "status": part.status,
        "error": part.error,
        "images": [str(identifier) for identifier, _ in pictures],
    }


def _kind_of(run: Run) -> str:
    try:
        return run.asked.kind
    except EaselError:
        return "txt2img"  # a later Easel stored it

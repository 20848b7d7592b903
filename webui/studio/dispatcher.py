"""Takes jobs from the journal to a worker, and what comes back to disk, rows and events. One thread per slot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from webui.catalog.adapters import paths_of
from webui.catalog.checkpoints import CheckpointCatalog
from webui.catalog.finishing import step_paths
from webui.catalog.upscalers import find_upscaler_model
from webui.errors import EaselError, GenerationFailed
from webui.executors.base import Executor, Slot
from webui.generation.events import Done, Failed, Finishing, Interrupted, Note, Picture, Skipped, Stage, Step, WorkerEvent
from webui.generation.images import images_of
from webui.generation.job import JobSpec
from webui.generation.loopback import STARTED_FROM
from webui.generation.request import ResolvedDrawn, ResolvedRequest, ResolvedUpscale, upscaler_model_of
from webui.logs import about_job
from webui.planning.estimate import finishing_share, known_peaks, shares_done
from webui.settings import Settings
from webui.studio import journal as states
from webui.studio.device_turn import DeviceTurn
from webui.studio.event_log import EventLog
from webui.studio.films import FilmStore, Reel
from webui.studio.history import History, image_view
from webui.studio.image_store import ImageStore
from webui.studio.journal import Job, Journal, NewJob
from webui.studio.line import LIVE_PRIORITY, LOOK_AHEAD, Waiting
from webui.studio.notices import NoticeBoard
from webui.studio.picture_file import PictureFile
from webui.studio.picture_keeper import GRID, LOST_ALPHA, PictureKeeper
from webui.studio.progress import JobProgress, PreviewBoard
from webui.studio.replays import IDENTICAL, Replays
from webui.studio.storage_guard import Closing, StorageGuard
from webui.studio.turns import Chosen, Turns

log = logging.getLogger(__name__)

MOST_WORKER_DEATHS = 3
"""Workers one job may take down before it is set aside."""

PAUSED = "paused"
"""Under this name the journal remembers that the queue is paused."""

HELD = "held"
"""Under this name the journal remembers whose lines are paused: owner -> whether an administrator did it."""

WAITS_FOR_TRAINING = "Waiting for the training's step"
"""What a job does that begins while a LoRA is trained, for people."""

_LEAST_PROGRESS_INTERVAL = 0.05
_IDLE_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class JobWords:
    """What the dispatcher asks of the studio about a job.

    view: as page and API get it. seconds: the estimate for it, None when nothing is known. pace: seconds for a unit of a checkpoint's
    work, None likewise. successor: the job after one that goes on forever. fault: hears of an add-on that failed in a worker; took: of
    the seconds that a worker spent in each.
    """

    view: Callable[[Job], dict[str, Any]]
    seconds: Callable[[Job], float | None]
    pace: Callable[[str], float | None]
    successor: Callable[[Job], NewJob | None]
    fault: Callable[[dict[str, Any]], None] = lambda fault: None
    took: Callable[[Mapping[str, float]], None] = lambda seconds: None


@dataclass(frozen=True)
class _Part:
    """What a worker makes of a job in one go. images: its pictures' numbers in the job. started_from: SHA-256 of the picture of the
    round before, where they start from that."""

    spec: JobSpec
    images: tuple[int, ...]
    started_from: str = ""

    def in_job(self, event: WorkerEvent) -> WorkerEvent:
        """One of its events as one of the job."""
        match event:
            case Picture():
                told = {STARTED_FROM: self.started_from} if self.started_from else {}
                return replace(event, image=self._number(event.image), facts=event.facts | told)
            case Step() | Finishing() | Skipped():
                return replace(event, image=self._number(event.image))
            case _:
                return event

    def _number(self, image: int) -> int:
        return self.images[self.spec.images.index(image)]


class Dispatcher:
    """Runs waiting jobs, one after another per slot, until closed."""

    def __init__(
        self,
        *,
        journal: Journal,
        history: History,
        keeper: PictureKeeper,
        images: ImageStore,
        films: FilmStore,
        catalog: CheckpointCatalog,
        executor: Executor,
        events: EventLog,
        previews: PreviewBoard,
        notices: NoticeBoard,
        settings: Callable[[], Settings],
        words: JobWords,
        turn: DeviceTurn,
        replays: Replays,
    ) -> None:
        self._journal = journal
        self._history = history
        self._keeper = keeper
        self._images = images
        self._films = films
        self._catalog = catalog
        self._executor = executor
        self._events = events
        self._previews = previews
        self._settings = settings
        self._words = words
        self._turn = turn
        self._replays = replays
        self._news = threading.Condition()
        self._claims = threading.Lock()
        self._closing = threading.Event()
        self._guard = StorageGuard(notices, settings().pictures_dir, self._closing)
        self._paused = bool(journal.recall(PAUSED))
        self._held: dict[str, bool] = dict(journal.recall(HELD) or {})
        self._served: dict[str, int] = {}
        """The turns of `webui.studio.turns`: who had which one."""
        self._turns: dict[str, Turns] = {}
        """Slot -> whose turn it is there."""
        self._stop_wanted: set[int] = set()
        self._running: dict[int, tuple[str, JobProgress]] = {}
        self._owners: dict[int, str] = {}
        """Whose the running jobs are, live ones left out."""
        self._loaded: dict[str, str] = {}
        """Slot -> the checkpoint it drew with last."""
        self._left_behind: list[Job] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Finish what a crash left behind, then begin to take jobs."""
        self._journal.drop_live()
        self._left_behind = self._journal.running()
        try:
            self._recover()
        except (OSError, EaselError) as problem:
            log.warning("What the last run left behind can't be put in order yet: %s", problem)
        self._threads = [
            threading.Thread(target=self._serve, args=(slot.id,), name=f"dispatcher-{slot.id}", daemon=True)
            for slot in self._executor.slots()
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Take no more jobs; a running one goes back to the line and is made again at the next start."""
        self._closing.set()
        self.wake()
        self._executor.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def wake(self) -> None:
        """There is a new job, or one may run that could not before."""
        with self._news:
            self._news.notify_all()

    # buttons

    @property
    def paused(self) -> bool:
        """Whether the queue is paused: what runs goes on, and nothing but live pictures begins."""
        return self._paused

    def pause(self, wanted: bool) -> None:
        """Pause or resume the queue; remembered over a restart."""
        self._journal.remember(PAUSED, wanted)
        self._paused = wanted
        self.wake()

    def held(self, owner: str) -> bool | None:
        """Whether somebody's line is paused: by an administrator (True), by themselves (False), or not (None)."""
        return self._held.get(owner)

    def hold(self, owner: str, wanted: bool, *, by_admin: bool) -> None:
        """Pause or resume one person's line; remembered over a restart. What runs goes on."""
        held = {name: admin for name, admin in self._held.items() if name != owner} | ({owner: by_admin} if wanted else {})
        self._journal.remember(HELD, held)
        self._held = held
        self.wake()

    def stop(self, job_id: int) -> bool:
        """End a running job at its next step. False when it is not running."""
        running = self._running.get(job_id)
        if running is None:
            return False
        self._stop_wanted.add(job_id)
        self._executor.interrupt(running[0], str(job_id))
        return True

    def skip(self, job_id: int) -> bool:
        """End the picture being made. False when the job is not running."""
        running = self._running.get(job_id)
        if running is None:
            return False
        self._executor.skip(running[0], str(job_id))
        return True

    # looking

    def progress(self, job_id: int) -> JobProgress | None:
        """How far a running job is; None when it is not running."""
        running = self._running.get(job_id)
        return running[1] if running else None

    def running_ids(self) -> list[int]:
        """Ids of the jobs that run now, oldest first."""
        return sorted(self._running)

    def running_of(self, owner: str | None = None) -> list[int]:
        """The same of one person (None: of all), live ones left out."""
        return sorted(job_id for job_id, whose in self._owners.copy().items() if owner in (None, whose))

    def running_owners(self) -> list[str]:
        """Whose those are."""
        return list(self._owners.copy().values())

    def loaded_checkpoint(self) -> str | None:
        """The checkpoint that the first slot drew with last."""
        return next(iter(self._loaded.values()), None)

    def turns(self) -> Turns:
        """Whose turn it is on the first slot, to look ahead with."""
        return next(iter(self._turns.values()), Turns(self._served)).copy()

    def lines(self, limit: int = LOOK_AHEAD) -> dict[str, list[Waiting]]:
        """The heads of everybody's lines, by owner, as far as they may run: of what is paused live pictures alone."""
        heads = self._journal.lines(limit, live_only=self._paused)
        if not self._held:
            return heads
        held = {
            owner: [job for job in head if job.priority == LIVE_PRIORITY] if owner in self._held else head for owner, head in heads.items()
        }
        return {owner: head for owner, head in held.items() if head}

    # what a crash left behind

    def _recover(self) -> None:
        while self._left_behind:
            with _about(self._left_behind[0]):
                self._recover_job(self._left_behind[0])
            del self._left_behind[0]

    def _recover_job(self, job: Job) -> None:
        try:
            job.resolved  # noqa: B018 - told apart from what can go wrong with files
        except EaselError as problem:
            self._journal.end(job.id, states.FAILED, problem.as_dict())
        else:
            self._keeper.take_up(job)

    # taking jobs

    def _serve(self, slot: str) -> None:
        while not self._closing.is_set():
            try:
                job = self._claim(slot)
                if job is not None:
                    with _about(job):
                        self._run(slot, job)
            except Closing:
                return
            except Exception:  # the loop must live on: one bad job may not stop the line
                log.exception("The dispatcher met something unexpected; it goes on with the next job.")
                self._closing.wait(_IDLE_POLL_SECONDS)

    def _claim(self, slot: str) -> Job | None:
        with self._claims:
            candidate = self._guard.insist(lambda: self._next(slot))
            if candidate is not None:
                job, overtaken, chosen = candidate
                with _about(job):
                    claimed = self._guard.insist(lambda: self._take_on(slot, job, overtaken))
                self._turns_of(slot).note(chosen, self._seconds(chosen.job) if len(self._served) > 1 else None)
                return claimed
        with self._news:
            if not self._closing.is_set():
                self._news.wait(_IDLE_POLL_SECONDS)
        return None

    def _turns_of(self, slot: str) -> Turns:
        return self._turns.setdefault(slot, Turns(self._served))

    def _seconds(self, waiting: Waiting) -> float | None:
        pace = self._words.pace(waiting.checkpoint)
        return None if pace is None else pace * waiting.work

    def _next(self, slot: str) -> tuple[Job, list[int], Chosen] | None:
        """The job to run next, the ids of those it overtakes, and how it was chosen; None where nothing can begin now."""
        self._recover()
        if not _can_work(self._executor.slots(), slot):
            return None
        lines = self.lines()
        if not lines or not self._guard.has_room(self._settings().disk_reserve_mb):
            return None
        grouping = self._settings().group_by_checkpoint
        chosen = self._turns_of(slot).choose(lines, self._loaded.get(slot), self._seconds, grouping=grouping)
        assert chosen is not None, "no line is empty"
        return self._journal.get(chosen.job.id), [entry.id for entry in lines[chosen.owner][: chosen.index]], chosen

    def _take_on(self, slot: str, job: Job, overtaken: list[int]) -> Job | None:
        try:
            request = job.resolved
        except EaselError as problem:
            # Stored by a version that this one can't read: it fails alone, the others run.
            self._journal.end(job.id, states.FAILED, problem.as_dict())
            self._publish_job(job)
            return None
        finished = self._journal.finished_images(job.id)
        wanted = tuple(sorted(set(range(request.picture_count)) - finished))
        planned = self._keeper.plan(job, wanted)
        successor = self._words.successor(job) if job.forever and job.attempt == 0 else None
        # Before the row says so: whoever sees the job running can also stop it.
        progress = JobProgress(
            job.id, request.picture_count, len(finished), self._words.seconds(job), shares_done(request), finishing_share(request)
        )
        self._running[job.id] = (slot, progress)
        if not job.live:
            self._owners[job.id] = job.owner
        try:
            claimed = self._journal.claim(job.id, planned, overtaken, successor)
        except BaseException:
            self._runs_no_more(job)
            raise
        if claimed is None:
            self._runs_no_more(job)
        elif successor is not None:
            self._events.publish("jobs")
        return claimed

    def _runs_no_more(self, job: Job) -> None:
        del self._running[job.id]
        self._owners.pop(job.id, None)

    # running one

    def _run(self, slot: str, job: Job) -> None:
        progress = self._running[job.id][1]
        began = time.monotonic()
        # Live pictures come with each letter typed: too many for the log as it usually is.
        level = logging.DEBUG if job.live else logging.INFO
        request = job.resolved
        log.log(level, "Job %s begins: pictures: %d, size: %d x %d.", job.id, request.picture_count, *request.finished_size)
        log.debug("Job %s draws %r without %r.", job.id, *request.words)
        try:
            progress.stage = WAITS_FOR_TRAINING if self._turn.has_guest else ""
            self._publish_job(job)
            with self._turn.drawing():
                error, status = self._drive(slot, job, progress)
        except EaselError as problem:
            error, status = problem.as_dict(), states.FAILED
            self._executor.interrupt(slot, str(job.id))
        except OSError as problem:
            failure = GenerationFailed(
                f"The picture could not be saved: {problem.strerror or problem}.", hint="Check the folder and name patterns in Settings."
            )
            error, status = failure.as_dict(), states.FAILED
            self._executor.interrupt(slot, str(job.id))
        except Closing:
            raise
        except Exception:
            # A job may not stay behind as running for ever because of a fault of ours.
            log.exception("Job %s ended in a way that nobody foresaw.", job.id)
            fault = GenerationFailed("Something unexpected went wrong in Easel.", hint="Try again; the log says more.")
            error, status = fault.as_dict(), states.FAILED
            self._executor.interrupt(slot, str(job.id))
        finally:
            self._runs_no_more(job)
            self._stop_wanted.discard(job.id)
        log.log(level, "Job %s is %s after %.1f s.%s", job.id, status, time.monotonic() - began, f" {error['message']}" if error else "")
        if status == states.DONE:
            self._guard.insist(lambda: self._keeper.complete(job))
        elif status != states.WAITING:
            self._guard.insist(lambda: self._journal.end(job.id, status, error))
        self._publish_job(job)
        if job.live:
            self._guard.insist(lambda: self._journal.drop_live(job.id))
        if status == states.DONE:
            self._guard.insist(lambda: self._replays.follow(job))

    def _drive(self, slot: str, job: Job, progress: JobProgress) -> tuple[dict[str, Any] | None, str]:
        """Run the job. Returns its error, if any, and its status after this."""
        for part in self._parts(slot, job):
            if job.id in self._stop_wanted:
                return None, states.CANCELLED
            progress.shares = shares_done(part.spec.request)
            error, status = self._drive_part(slot, job, progress, part)
            if status != states.DONE:
                return error, status
        return None, states.DONE

    def _parts(self, slot: str, job: Job) -> Iterator[_Part]:
        """All pictures at once; the rounds of a loopback one by one, each when the picture that it starts from is saved."""
        request = job.resolved
        wanted = tuple(sorted(set(job.planned_paths) - {GRID})) if not job.live else tuple(range(request.picture_count))
        loops = len(request.rounds)
        if loops == 1 or isinstance(request, ResolvedUpscale):
            yield _Part(self._spec(slot, job, request, wanted), wanted)
            return
        for index in wanted:
            before = self._history.saved_before(job.id, range(index - index % loops, index)) or ""
            yield _Part(self._spec(slot, job, request.alone(index, before), (0,)), (index,), before)

    def _spec(self, slot: str, job: Job, request: ResolvedRequest, images: tuple[int, ...]) -> JobSpec:
        if not isinstance(request, ResolvedUpscale):
            return self._drawn_spec(slot, job, request, images)
        settings = self._settings()
        return JobSpec(
            str(job.id),
            request,
            "",
            images,
            settings.preview_interval,
            settings.try_with_less_memory,
            image_paths=self._image_paths(request),
            finishing=self._finishing_paths(request),
        )

    def _image_paths(self, request: ResolvedRequest) -> dict[str, str]:
        return {digest: str(self._images.require(digest, field)) for field, digest in images_of(request)}

    def _finishing_paths(self, request: ResolvedRequest) -> tuple[dict[str, str], ...]:
        return step_paths(self._catalog.models, request.finishing)

    def _upscaler_path(self, request: ResolvedDrawn) -> str:
        wanted = upscaler_model_of(request)
        if wanted is None:
            return ""
        field, name = wanted
        return str(find_upscaler_model(self._catalog.models, name, field, getattr(request, f"{field}_hash")).path)

    def _drawn_spec(self, slot: str, job: Job, request: ResolvedDrawn, images: tuple[int, ...]) -> JobSpec:
        checkpoint = self._catalog.find(request.checkpoint)
        self._loaded[slot] = checkpoint.name
        settings = self._settings()
        peaks = known_peaks(self._history.speed_samples(checkpoint.name))
        paths = paths_of(self._catalog.models, request, checkpoint)
        return JobSpec(
            str(job.id),
            request,
            str(checkpoint.path),
            images,
            settings.preview_interval,
            settings.try_with_less_memory,
            tuple(peak.as_dict() for peak in peaks),
            loras=paths.loras,
            embeddings=paths.embeddings,
            vae_path=paths.vae,
            hires_checkpoint_path=self._path_of(request.other_hires_checkpoint),
            refiner_path=self._path_of(request.other_refiner),
            upscaler_path=self._upscaler_path(request),
            hires_loras=paths.hires_loras,
            controls=paths.controls,
            image_paths=self._image_paths(request),
            finishing=self._finishing_paths(request),
            film=job.film,
        )

    def _drive_part(self, slot: str, job: Job, progress: JobProgress, part: _Part) -> tuple[dict[str, Any] | None, str]:
        reel = Reel(part.spec.request)
        last_published = 0.0
        for event in map(part.in_job, self._executor.run(slot, part.spec)):
            if job.id in self._stop_wanted:
                # Said again on every event, since the first word may have come before the worker had the job.
                self._executor.interrupt(slot, str(job.id))
            match event:
                case Done():
                    self._words.took(event.add_ons)
                    return None, states.DONE
                case Interrupted():
                    return None, states.CANCELLED
                case Failed():
                    return self._after_failure(slot, job, event)
                case Note():
                    self._add_note(job, event.text)
                    if event.fault is not None:
                        self._words.fault(event.fault)
                case _:
                    urgent = self._take(job, progress, reel, event, last=progress.finished + 1 == progress.images)
                    now, pace = time.monotonic(), max(_LEAST_PROGRESS_INTERVAL, self._events.pace(job.owner))
                    # Of a step only the newest counts: a crowd hears of some of them.
                    at_once = urgent and (pace == _LEAST_PROGRESS_INTERVAL or not isinstance(event, Step))
                    if at_once or now - last_published >= pace:
                        last_published = now
                        self._events.publish("progress", owner=job.owner, **progress.as_dict())
        raise GenerationFailed("The worker ended the job without a word.", hint="Try again; look into the terminal for the cause.")

    def _path_of(self, checkpoint: str | None) -> str:
        return "" if checkpoint is None else str(self._catalog.find(checkpoint).path)

    def _add_note(self, job: Job, text: str) -> None:
        self._guard.insist(lambda: self._journal.add_note(job.id, text))
        self._events.publish("note", owner=job.owner, job=str(job.id), text=text)

    def _take(self, job: Job, progress: JobProgress, reel: Reel, event: WorkerEvent, *, last: bool) -> bool:
        """Note one event in progress, files and rows. Returns whether pages should hear of it at once."""
        match event:
            case Stage():
                progress.stage = event.text
                return True
            case Step():
                progress.note_step(event.image, event.step, event.steps)
                progress.stage = ""
                reel.take(event)
                if event.preview:
                    progress.preview_number += 1
                    self._previews.show(job.id, job.owner, event.preview)
                return bool(event.preview)
            case Finishing():
                progress.note_finishing(event.image, event.part, event.parts, event.share)
                progress.stage = event.text
                return event.part == event.parts
            case Skipped():
                reel.cut(event.image)
                progress.note_end_of_picture()
                return True
            case Picture():
                self._store(job, event, reel, last=last)
                progress.note_end_of_picture()
                return True
            case _:
                return False

    def _store(self, job: Job, event: Picture, reel: Reel, *, last: bool) -> None:
        proof = self._replays.prove(job, event)
        if proof is not None:
            self._guard.insist(lambda: self._replays.keep(job, proof))
            if proof.verdict == IDENTICAL:
                self._guard.insist(lambda: self._replays.kept(job, None))
                return
        record = self._keeper.encode(job, event)
        if self._keeper.loses_alpha(job, event) and LOST_ALPHA not in self._journal.get(job.id).notes:
            self._add_note(job, LOST_ALPHA)
        if job.live:
            view = self._keep_live(job, event, record)
        else:
            # Before the picture, so that whoever sees that one finds its film.
            self._keep_film(job, event.image, record, reel)
            identifier = self._guard.insist(lambda: self._keeper.keep(job, event.image, record, last=last))
            if proof is not None:
                self._guard.insist(lambda: self._replays.kept(job, identifier))
            for note in self._keeper.saved(job, event.image, identifier, record):
                self._add_note(job, note)
            view = self._guard.insist(lambda: self._history.item(identifier))
        self._events.publish("picture", owner=job.owner, job=str(job.id), image=view, live=job.live)

    def _keep_film(self, job: Job, index: int, record: PictureFile, reel: Reel) -> None:
        """Write the film of a picture, where it was filmed. One that has no room is told of, and holds nothing up."""
        frames = reel.cut(index)
        if not frames:
            return
        try:
            self._films.keep(record.sha256, frames)
        except OSError as problem:
            log.warning("Job %s: the film of picture %d can't be kept: %s", job.id, index, problem)
            self._add_note(job, f"The film of picture {index + 1} could not be kept: {problem.strerror or problem}.")

    def _keep_live(self, job: Job, event: Picture, record: PictureFile) -> dict[str, Any]:
        self._previews.keep_live(job.id, job.owner, record.data)
        url = f"/api/v1/live/{job.id}"
        return image_view(
            identifier=f"live-{job.id}",
            generation_id="",
            url=url,
            thumbnail=url,
            request=job.resolved,
            index=event.image,
            made={
                "width": event.width,
                "height": event.height,
                "seconds": round(float(event.facts.get("seconds", 0.0)), 3),
                "bytes": len(record.data),
                "file": f"live-{record.seed}.png",
                "sha256": "",
                "film": None,
                "mean_colour": record.mean_colour,
                "facts": event.facts,
                "created_at": "",
            },
        )

    def _after_failure(self, slot: str, job: Job, event: Failed) -> tuple[dict[str, Any] | None, str]:
        if event.details:
            log.warning("Job %s failed:\n%s", job.id, event.details)
        if not event.worker_lost:
            return event.error, states.FAILED
        self._loaded.pop(slot, None)
        if self._closing.is_set() or not event.begun:
            self._guard.insist(lambda: self._journal.requeue(job.id))
            return None, states.WAITING
        deaths = self._guard.insist(lambda: self._journal.requeue(job.id, worker_died=True))
        if deaths >= MOST_WORKER_DEATHS:
            error = GenerationFailed(
                f"This job has ended the worker {deaths} times and is set aside.",
                code="worker_killed",
                hint="Try a smaller size, or another checkpoint; the other jobs go on.",
            )
            return error.as_dict() | {"cause": event.error.get("message")}, states.FAILED
        self._add_note(job, f"{event.error.get('message', 'The worker ended.')} It is tried again from its seed.")
        return None, states.WAITING

    def _publish_job(self, job: Job) -> None:
        view = self._guard.insist(lambda: self._words.view(self._journal.get(job.id)))
        self._events.publish("job", owner=job.owner, job=view)


def _about(job: Job) -> AbstractContextManager[None]:
    """Whatever is logged in the block is about this job, and its prompts stand in debug lines only."""
    try:
        request = job.resolved
    except EaselError:
        return about_job(job.id)
    return about_job(job.id, *request.words)


def _can_work(slots: list[Slot], name: str) -> bool:
    """False while the slot's worker can't be started: its jobs wait rather than fail, and a banner says why."""
    return next((slot.alive or not slot.problem for slot in slots if slot.id == name), False)

"""Takes jobs from the journal to a worker, and what comes back to disk, rows and events. One thread per slot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from webui.catalog.checkpoints import CheckpointCatalog
from webui.errors import EaselError, GenerationFailed
from webui.executors.base import Executor
from webui.generation.events import Done, Failed, Interrupted, Note, Picture, Skipped, Stage, Step, WorkerEvent
from webui.generation.job import JobSpec
from webui.studio import journal as states
from webui.studio.event_log import EventLog
from webui.studio.history import History, image_view
from webui.studio.journal import Job, Journal
from webui.studio.picture_file import PictureFolder, encode, read_back
from webui.studio.progress import JobProgress, PreviewBoard

log = logging.getLogger(__name__)

MOST_WORKER_DEATHS = 3
"""Workers one job may take down before it is set aside."""

_LEAST_PROGRESS_INTERVAL = 0.05
_IDLE_POLL_SECONDS = 1.0


class Dispatcher:
    """Runs waiting jobs, one after another per slot, until closed."""

    def __init__(
        self,
        *,
        journal: Journal,
        history: History,
        pictures: PictureFolder,
        catalog: CheckpointCatalog,
        executor: Executor,
        events: EventLog,
        previews: PreviewBoard,
        preview_interval: float,
        job_view: Callable[[Job], dict[str, Any]],
        seconds_hint: Callable[[Job], float | None],
    ) -> None:
        self._journal = journal
        self._history = history
        self._pictures = pictures
        self._catalog = catalog
        self._executor = executor
        self._events = events
        self._previews = previews
        self._preview_interval = preview_interval
        self._job_view = job_view
        self._seconds_hint = seconds_hint
        self._news = threading.Condition()
        self._claims = threading.Lock()
        self._closing = False
        self._stop_wanted: set[int] = set()
        self._running: dict[int, tuple[str, JobProgress]] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Finish what a crash left behind, then begin to take jobs."""
        self._recover()
        self._threads = [
            threading.Thread(target=self._serve, args=(slot.id,), name=f"dispatcher-{slot.id}", daemon=True)
            for slot in self._executor.slots()
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Take no more jobs; a running one goes back to the line and is made again at the next start."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._executor.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def wake(self) -> None:
        """There is a new job."""
        with self._news:
            self._news.notify_all()

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

    def progress(self, job_id: int) -> JobProgress | None:
        """How far a running job is; None when it is not running."""
        running = self._running.get(job_id)
        return running[1] if running else None

    def _recover(self) -> None:
        self._journal.drop_live()
        for job in self._journal.running():
            finished = self._journal.finished_images(job.id)
            for index, relative in sorted(job.planned_paths.items()):
                self._pictures.clear_part(relative)
                if index not in finished and self._pictures.exists(relative) and self._adopt(job, index, relative):
                    finished.add(index)
            if len(finished) == job.resolved.picture_count:
                self._journal.end(job.id, states.DONE)
            else:
                self._journal.requeue(job.id)

    def _adopt(self, job: Job, index: int, relative: str) -> bool:
        # The file was written whole, but the program ended before its rows were.
        try:
            record = read_back(self._pictures.path(relative))
        except EaselError as error:
            log.warning("Job %s: %s It stays where it is, and the picture is made again.", job.id, error)
            return False
        self._journal.record_picture(job, index, record, relative, last=False)
        log.info("Job %s: picture %s was found on disk and is in history now.", job.id, relative)
        return True

    def _serve(self, slot: str) -> None:
        while not self._closing:
            try:
                job = self._claim(slot)
                if job is not None:
                    self._run(slot, job)
            except Exception:  # the loop must live on: one bad job may not stop the line
                log.exception("The dispatcher met something unexpected; it goes on with the next job.")
                time.sleep(_IDLE_POLL_SECONDS)

    def _claim(self, slot: str) -> Job | None:
        with self._claims:
            job = self._journal.next_waiting()
            if job is not None:
                wanted = tuple(sorted(set(range(job.resolved.picture_count)) - self._journal.finished_images(job.id)))
                planned = {} if job.live else self._pictures.plan(job.resolved, wanted, self._journal.promised_paths())
                done = job.resolved.picture_count - len(wanted)
                # Before the row says so: whoever sees the job running can also stop it.
                self._running[job.id] = (slot, JobProgress(job.id, job.resolved.picture_count, done, self._seconds_hint(job)))
                if not self._journal.claim(job.id, planned):
                    del self._running[job.id]
                    return None
                return self._journal.get(job.id)
        with self._news:
            if not self._closing:
                self._news.wait(_IDLE_POLL_SECONDS)
        return None

    def _run(self, slot: str, job: Job) -> None:
        progress = self._running[job.id][1]
        try:
            self._publish_job(job)
            error, status = self._drive(slot, job, progress)
        except EaselError as problem:
            error, status = problem.as_dict(), states.FAILED
        except (OSError, SQLAlchemyError) as problem:
            failure = GenerationFailed(
                f"The picture could not be saved: {problem}.", hint="Check the free space and the rights of the data folder."
            )
            error, status = failure.as_dict(), states.FAILED
            self._executor.interrupt(slot, str(job.id))
        finally:
            del self._running[job.id]
            self._stop_wanted.discard(job.id)
        if status != states.WAITING:
            self._journal.end(job.id, status, error)
        self._publish_job(self._journal.get(job.id))
        if job.live:
            self._journal.drop_live(job.id)

    def _drive(self, slot: str, job: Job, progress: JobProgress) -> tuple[dict[str, Any] | None, str]:
        """Run the job. Returns its error, if any, and its status after this."""
        wanted = tuple(sorted(job.planned_paths)) if not job.live else tuple(range(job.resolved.picture_count))
        checkpoint = self._catalog.find(job.resolved.checkpoint)
        spec = JobSpec(str(job.id), job.resolved, str(checkpoint.path), wanted, self._preview_interval)
        last_published = 0.0
        for event in self._executor.run(slot, spec):
            if job.id in self._stop_wanted:
                # Said again on every event, since the first word may have come before the worker had the job.
                self._executor.interrupt(slot, str(job.id))
            match event:
                case Done():
                    return None, states.DONE
                case Interrupted():
                    return None, states.CANCELLED
                case Failed():
                    return self._after_failure(job, event)
                case Note():
                    self._journal.add_note(job.id, event.text)
                    self._events.publish("note", job=str(job.id), text=event.text)
                case _:
                    urgent = self._take(job, progress, event, last=progress.finished + 1 == progress.images)
                    now = time.monotonic()
                    if urgent or now - last_published >= _LEAST_PROGRESS_INTERVAL:
                        last_published = now
                        self._events.publish("progress", **progress.as_dict())
        raise GenerationFailed("The worker ended the job without a word.", hint="Try again; look into the terminal for the cause.")

    def _take(self, job: Job, progress: JobProgress, event: WorkerEvent, *, last: bool) -> bool:
        """Note one event in progress, files and rows. Returns whether pages should hear of it at once."""
        match event:
            case Stage():
                progress.stage = event.text
                return True
            case Step():
                progress.note_step(event.image, event.step, event.steps)
                progress.stage = ""
                if event.preview:
                    progress.preview_number += 1
                    self._previews.show(job.id, event.preview)
                return bool(event.preview)
            case Skipped():
                progress.note_end_of_picture()
                return True
            case Picture():
                self._store(job, event, last=last)
                progress.note_end_of_picture()
                return True
            case _:
                return False

    def _store(self, job: Job, event: Picture, *, last: bool) -> None:
        picture = Image.frombytes("RGB", (event.width, event.height), event.rgb)
        record = encode(picture, job.resolved, event.image, event.facts)
        if job.live:
            self._previews.keep_live(job.id, record.data)
            url = f"/api/v1/live/{job.id}"
            view = image_view(
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
                    "mean_colour": record.mean_colour,
                    "facts": event.facts,
                    "created_at": "",
                },
            )
        else:
            relative = job.planned_paths[event.image]
            self._pictures.write(relative, record.data)
            identifier = self._journal.record_picture(job, event.image, record, relative, last=last)
            view = self._history.item(identifier)
        self._events.publish("picture", job=str(job.id), image=view, live=job.live)

    def _after_failure(self, job: Job, event: Failed) -> tuple[dict[str, Any] | None, str]:
        if event.details:
            log.warning("Job %s failed:\n%s", job.id, event.details)
        if not event.worker_lost:
            return event.error, states.FAILED
        if self._closing:
            self._journal.requeue(job.id)
            return None, states.WAITING
        deaths = self._journal.requeue(job.id, worker_died=True)
        if deaths >= MOST_WORKER_DEATHS:
            error = GenerationFailed(
                f"This job has ended the worker {deaths} times and is set aside.",
                code="worker_killed",
                hint="Try a smaller size, or another checkpoint; the other jobs go on.",
            )
            return error.as_dict() | {"cause": event.error.get("message")}, states.FAILED
        self._journal.add_note(job.id, f"{event.error.get('message', 'The worker ended.')} It is tried again from its seed.")
        return None, states.WAITING

    def _publish_job(self, job: Job) -> None:
        self._events.publish("job", job=self._job_view(job))

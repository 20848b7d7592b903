"""The studio: submit, follow, stop, find again. What page, API and command line call; none of them knows more."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from webui.catalog.checkpoints import Checkpoint, CheckpointCatalog, Example
from webui.errors import Conflict, NotFound
from webui.executors.base import Executor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import GenerationRequest, ResolvedRequest, parse_request
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.planning.estimate import Estimate, estimate
from webui.settings import Settings
from webui.studio import journal as states
from webui.studio.database import open_database
from webui.studio.dispatcher import Dispatcher
from webui.studio.event_log import EventLog
from webui.studio.history import History
from webui.studio.ids import IdClock, time_of
from webui.studio.journal import Job, Journal, parse_id
from webui.studio.picture_file import PictureFolder
from webui.studio.progress import PreviewBoard

log = logging.getLogger(__name__)

JobView = dict[str, Any]
_SESSION_PICTURES = 60
_WORKER_WATCH_SECONDS = 0.5


class Studio:
    """One studio over one data folder, one executor and one set of add-ons. May be called from any thread."""

    def __init__(self, settings: Settings, executor: Executor, catalog: CheckpointCatalog, extensions: ExtensionRegistry) -> None:
        self.events = EventLog()
        self.catalog = catalog
        self._executor = executor
        self._extensions = extensions
        self._database = open_database(settings.data_dir)
        self._journal = Journal(self._database, IdClock(self._database.last_id()), settings.queue_limit)
        self.history = History(self._database)
        self._pictures = PictureFolder(settings.pictures_dir, settings.data_dir / "cache")
        self._previews = PreviewBoard()
        self._rng = random.SystemRandom()
        self._live_lock = threading.Lock()
        self._closed = threading.Event()
        self._dispatcher = Dispatcher(
            journal=self._journal,
            history=self.history,
            pictures=self._pictures,
            catalog=catalog,
            executor=executor,
            events=self.events,
            previews=self._previews,
            preview_interval=settings.preview_interval,
            job_view=self.job_view,
            seconds_hint=lambda job: self.estimate(job.resolved).seconds,
        )
        catalog.on_change = lambda: self.events.publish("catalog")

    def start(self) -> None:
        """Start the worker, take up what a crash left behind, and begin to run jobs."""
        self._executor.start()
        self._dispatcher.start()
        threading.Thread(target=self._watch_worker, name="worker watch", daemon=True).start()

    def close(self) -> None:
        """End the worker; an unfinished job is made at the next start."""
        self._closed.set()
        self._dispatcher.close()
        self._database.close()

    # asking

    def complete(self, fields: Any) -> GenerationRequest:
        """A request from untrusted fields; those left out are the checkpoint's own defaults, then the declared ones.

        Raises InvalidRequest or CheckpointUnusable.
        """
        asked = parse_request(fields)
        given = {name: getattr(asked, name) for name in asked.model_fields_set}
        return parse_request({**self.catalog.find(asked.checkpoint).defaults, **given})

    def submit(self, request: GenerationRequest, *, live_client: str | None = None) -> JobView:
        """Take a job: it is in the journal when this returns.

        live_client: token of a page that redraws while one types. Its earlier live job ends at its next
        step, and the picture is neither stored as a file nor in history.
        Raises InvalidRequest, CheckpointUnusable or QueueFull.
        """
        prepared = self._extensions.prepare(request)
        faults = self._extensions.take_faults()
        checkpoint = self.catalog.find(prepared.checkpoint)
        identity = CheckpointIdentity(checkpoint.name, self.catalog.content_hash(checkpoint))
        resolved = resolve(prepared, identity, self._rng)
        if live_client is None:
            job = self._journal.add(request, resolved, live=False, client=None)
        else:
            with self._live_lock:
                for earlier in self._journal.live_jobs_of(live_client):
                    self._supersede(earlier)
                job = self._journal.add(request, resolved, live=True, client=live_client)
        for fault in faults:
            self._journal.add_note(job.id, str(fault))
        view = self.job_view(self._journal.get(job.id) if faults else job)
        self.events.publish("job", job=view)
        self._dispatcher.wake()
        return view

    def _supersede(self, earlier: Job) -> None:
        if self._journal.cancel_waiting(earlier.id):
            self.events.publish("job", job=self.job_view(self._journal.get(earlier.id)))
            self._journal.drop_live(earlier.id)
        else:
            self._dispatcher.stop(earlier.id)

    def interrupt(self, job_id: str) -> JobView:
        """End a job: a running one at its next step (finished pictures stay), a waiting one at once."""
        identifier = parse_id(job_id)
        if not self._dispatcher.stop(identifier):
            job = self._journal.get(identifier)
            if not self._journal.cancel_waiting(identifier) and not self._dispatcher.stop(identifier):
                raise Conflict(f"This job is {job.status} already.", field="id", hint="Only waiting and running jobs can be ended.")
            self.events.publish("job", job=self.job_view(self._journal.get(identifier)))
        return self.job(job_id)

    cancel = interrupt

    def skip(self, job_id: str) -> JobView:
        """End the picture being made and go on with the next one. Raises Conflict when the job is not running."""
        identifier = parse_id(job_id)
        if not self._dispatcher.skip(identifier):
            job = self._journal.get(identifier)
            raise Conflict(f"This job is {job.status}, so there is no picture to skip.", field="id", hint="Only a running job can skip.")
        return self.job(job_id)

    def estimate(self, request: GenerationRequest) -> Estimate:
        """About how long a request will take, from pictures made before."""
        checkpoint = request.checkpoint or next((entry.name for entry in self.catalog.all() if entry.usable), "")
        return estimate(request, self.history.speed_samples(checkpoint))

    # following

    def job(self, job_id: str) -> JobView:
        """One job. Raises NotFound."""
        return self.job_view(self._journal.get(parse_id(job_id)))

    def job_view(self, job: Job) -> JobView:
        """A job as page and API get it."""
        progress = self._dispatcher.progress(job.id)
        images = [] if job.live else self.history.images_of_job(job.id)
        return {
            "id": str(job.id),
            "status": job.status,
            "live": job.live,
            "client": job.client,
            "prompt": job.resolved.prompt,
            "checkpoint": job.resolved.checkpoint,
            "pictures": job.resolved.picture_count,
            "done": len(images),
            "width": job.resolved.width,
            "height": job.resolved.height,
            "seed": str(job.resolved.seed),
            "created_at": time_of(job.id).isoformat(),
            "progress": progress.as_dict() if progress else None,
            "error": job.error,
            "notes": list(job.notes),
            "images": images,
        }

    def snapshot(self) -> dict[str, Any]:
        """All that a page needs to draw itself; events after its `seq` bring it up to date."""
        seq = self.events.seq
        unfinished = self._journal.unfinished()
        session, _ = self.history.page(limit=_SESSION_PICTURES)
        estimates = [self.estimate(job.resolved).seconds for job in unfinished]
        return {
            "seq": seq,
            "jobs": [self.job_view(job) for job in [*unfinished, *self._journal.last_ended()]],
            "worker": self.worker(),
            "estimate_all": sum(seconds for seconds in estimates if seconds is not None) if estimates else None,
            "session": session,
        }

    def worker(self) -> dict[str, str]:
        """State of the (first) worker in words."""
        slot = next(iter(self._executor.slots()), None)
        hello = slot.hello if slot else None
        state = "ready" if slot and slot.alive else "lost" if hello or (slot and slot.problem) else "starting"
        words = {"ready": "", "starting": "The engine is starting.", "lost": "The engine ended and is starting again."}
        return {
            "state": state,
            "device": (hello.device_name or hello.device) if hello else "",
            "dtype": hello.dtype if hello else "",
            "message": (slot.problem if slot else "") or words[state],
        }

    def _watch_worker(self) -> None:
        # Asked rather than told: any executor can answer, wherever its workers live.
        told = None
        while not self._closed.wait(_WORKER_WATCH_SECONDS):
            worker = self.worker()
            if worker != told:
                self.events.publish("worker", worker=worker)
                told = worker

    def waiting_count(self) -> int:
        """How many jobs wait."""
        return self._journal.waiting_count()

    def preview(self, job_id: str) -> bytes:
        """The newest preview of a running job (JPEG). Raises NotFound."""
        return self._found(self._previews.preview(parse_id(job_id)), "There is no preview of this job (any more).")

    def live_picture(self, job_id: str) -> bytes:
        """A live picture (PNG). Raises NotFound when it has made room for newer ones."""
        return self._found(self._previews.live(parse_id(job_id)), "This live picture is gone; live pictures aren't kept.")

    @staticmethod
    def _found(data: bytes | None, otherwise: str) -> bytes:
        if data is None:
            raise NotFound(otherwise, code="image_not_found")
        return data

    # finding again

    def history_item(self, image_id: str) -> dict[str, Any]:
        """One picture with everything about it. Raises NotFound."""
        return self.history.item(parse_id(image_id))

    def request_of(self, image_id: str) -> ResolvedRequest:
        """The request that makes exactly this picture again. Raises NotFound."""
        return self.history.request_of(parse_id(image_id))

    def picture_path(self, image_id: str) -> Path:
        """The picture's file. Raises NotFound."""
        return self._pictures.path(self.history.stored(parse_id(image_id)).path)

    def thumbnail_path(self, image_id: str) -> Path:
        """A WebP of at most 384 px. Raises NotFound."""
        stored = self.history.stored(parse_id(image_id))
        return self._pictures.thumbnail(stored.path, stored.sha256)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All checkpoints, unusable ones with their reason."""
        return self.catalog.all()

    def examples(self) -> list[Example]:
        """Pictures that the checkpoints are known to draw, for the first visit."""
        return [example for checkpoint in self.catalog.all() if checkpoint.usable for example in checkpoint.examples]

    def follow(self, job_id: str, on_event: Callable[[dict[str, Any]], None]) -> JobView:
        """Wait until the job has ended, handing each of its events to `on_event`; returns the ended job."""
        seq = self.events.seq
        news = threading.Event()
        stop = self.events.listen(news.set)
        try:
            while True:
                news.clear()
                for event in self.events.after(seq):
                    seq = event["seq"]
                    # "job" events carry the whole job, all others its id.
                    about = event.get("job")
                    if job_id == (about["id"] if isinstance(about, dict) else about):
                        on_event(event)
                view = self.job(job_id)
                if view["status"] in states.ENDED:
                    return view
                news.wait(1.0)
        finally:
            stop()

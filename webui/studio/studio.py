"""The studio: submit, follow, stop, find again. What page, API and command line call; none of them knows more."""

from __future__ import annotations

import copy
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from PIL import Image
from pydantic import ValidationError

from webui.catalog.adapters import (
    embedding_sizes,
    knows_network,
    near_names,
)
from webui.catalog.checkpoints import Checkpoint, CheckpointCatalog
from webui.catalog.finishing import missing_models
from webui.catalog.tokenizer import tokenizer_of
from webui.catalog.upscalers import knows_upscaler
from webui.errors import Conflict, EaselError, GenerationFailed, InvalidRequest, NotFound
from webui.executors.base import Executor, Slot
from webui.extensions.calling import Fault
from webui.extensions.named import preprocess_by
from webui.extensions.offers import FoundCheckpoint
from webui.extensions.registry import ExtensionRegistry
from webui.generation.control import IP_ADAPTER, ControlUnit
from webui.generation.diff import diff
from webui.generation.finishing import FinishingStep, kept
from webui.generation.offered import add_on_of
from webui.generation.prompt.explain import Explanation, Reader, explain
from webui.generation.prompt.schedules import Steps
from webui.generation.prompt.styles import Style
from webui.generation.request import (
    HIRES_FIELDS,
    MAX_SEED,
    RANDOM_SEED,
    GenerationRequest,
    Inpaint,
    PictureFromPicture,
    ResolvedRequest,
    ResolvedTxt2Img,
    ResolvedUpscale,
    Txt2Img,
    Upscale,
    explain_validation,
    parse_request,
)
from webui.generation.resolve import LAST_RANDOM_SEED
from webui.generation.samplers import find_sampler
from webui.generation.source import source_hash
from webui.people import HOUSEHOLD, Person, Scope
from webui.pictures.decoding import as_png, read_stored, read_upright, with_alpha
from webui.pictures.preprocessors import control_picture, encoder_picture
from webui.pictures.starting import laid_under
from webui.planning.estimate import Estimate, estimate, pace
from webui.planning.machine import host_memory
from webui.planning.tiles import TileAppetite
from webui.redaction import told_again
from webui.settings import SETTINGS_FILE_NAME, Settings
from webui.studio import journal as states
from webui.studio import reading
from webui.studio.add_on_easel import AddOnEasel, StudioDoor, StyleShelf
from webui.studio.add_on_saving import AddOnSaving
from webui.studio.add_ons import AddOnDesk
from webui.studio.analyst import Analyst
from webui.studio.batch_book import BatchBook
from webui.studio.batches import Batches, StudioHands
from webui.studio.bulk import Bulk
from webui.studio.choices import Choices
from webui.studio.completer import Completer
from webui.studio.database import open_database
from webui.studio.device_turn import DeviceTurn
from webui.studio.dispatcher import Dispatcher, JobWords
from webui.studio.event_log import EventLog
from webui.studio.exports import Exports
from webui.studio.field_presets import FILE_NAME as FIELD_PRESETS
from webui.studio.field_presets import FieldPreset, FieldPresetBook
from webui.studio.file_manager import open_folder
from webui.studio.film_export import ExportForm, exported
from webui.studio.films import FOLDER as FILMS
from webui.studio.films import Film, FilmStore
from webui.studio.history import History
from webui.studio.ids import IdClock, time_of
from webui.studio.image_store import FOLDER, ImageStore, is_content_hash
from webui.studio.import_book import ImportBook
from webui.studio.imports import Imports
from webui.studio.journal import Job, Journal, NewJob, SubmissionKey, parse_id
from webui.studio.letters import LettersIndex
from webui.studio.line import FOREVER_PRIORITY, LIVE_PRIORITY, NORMAL_PRIORITY
from webui.studio.lineage import Lineage, way_between
from webui.studio.marks import MarkBook
from webui.studio.model_desk import ModelDesk
from webui.studio.naming import FOLDER_BYTES, OutputStyle, Subject, check_pattern, place, safe_name
from webui.studio.notices import Notice, NoticeBoard
from webui.studio.offered_names import control_with_offer, without_gone
from webui.studio.older_looks import OlderLooks
from webui.studio.origin import HIRES, Origin
from webui.studio.people_book import PeopleBook
from webui.studio.picture_file import PictureFolder, suffix_for
from webui.studio.picture_format import media_type
from webui.studio.picture_keeper import PictureKeeper
from webui.studio.preferences import Preferences
from webui.studio.preparing import Preparer
from webui.studio.preset_book import FILE_NAME as PRESETS
from webui.studio.preset_book import Preset, PresetBook
from webui.studio.progress import PreviewBoard
from webui.studio.queue_view import QueueView
from webui.studio.repeats import Repeats, find_repeats
from webui.studio.replays import ReplayHands, Replays
from webui.studio.scripts.book import ScriptBook
from webui.studio.scripts.keeping import ScriptPictures
from webui.studio.scripts.runs import RunHands, ScriptRuns
from webui.studio.search.desk import SearchDesk
from webui.studio.setting_sections import sections_of
from webui.studio.style_book import KnownStyle, StyleBook
from webui.studio.trash import Trash
from webui.studio.upkeep import Upkeep
from webui.studio.whose import Whose

log = logging.getLogger(__name__)

JobView = dict[str, Any]
MOST_AT_ONCE = 1000
"""Requests in one batch."""

_SESSION_PICTURES = 60
_EXAMPLE = ResolvedTxt2Img(
    prompt="red apple on a blue background", seed=1234, checkpoint="easel-emoji", checkpoint_hash="0" * 10, rng="CPU"
)
"""Stands for a picture where there is none yet."""
_SHOWN_IN_SNAPSHOT = 50
_EACH_TOLD = 20
"""More new jobs than this are told of at once: pages look at the queue again."""
_EACH_MARKED = 500
"""More pictures than these that are marked at once aren't named: pages look at all of theirs again."""
_WATCH_SECONDS = 0.5
_WATCH_FILES_EVERY = 20
"""Rounds of the watch between two looks at the program's own files."""
_TIDY_EVERY = 10
"""Rounds of the watch between two moves of the database's log: a write that meets one waits some milliseconds for the disk."""
_SWEEP_EVERY = 7200
"""Rounds of the watch between two looks for uploads that nobody needs: an hour."""
_RESTART_NEEDED = Notice("restart_needed", "Easel's files changed while it runs.", "Restart Easel to use them. Waiting jobs stay.", "wait")


def _untold(whose: Whose, ids: Sequence[int]) -> None:
    """Nobody is told of these pictures one by one."""


class Studio:
    """One studio over one data folder, one executor and one set of add-ons, as one person has it. May be called from any thread.

    It begins as the household's; `of` gives it to whoever asks. Jobs, pictures and all else that is somebody's are only there for them:
    to anybody else an id of theirs is like one that never was.
    """

    def __init__(self, settings: Settings, executor: Executor, catalog: CheckpointCatalog, extensions: ExtensionRegistry) -> None:
        self.person = HOUSEHOLD
        """Whose studio this is."""
        self.events = EventLog()
        self.catalog = catalog
        self.notices = NoticeBoard(self._notices_changed)
        self.preferences = Preferences(settings, _check_settings, self._settings_changed, lambda: sections_of(extensions))
        self._executor = executor
        self.extensions = extensions
        self.database = open_database(settings.data_dir, settings.database_url)
        self.database.claim()
        self.people = PeopleBook(self.database)
        ids = IdClock(self.database.last_id())
        self._journal = Journal(self.database, ids)
        self.films = FilmStore(
            settings.data_dir / FILMS, lambda: self.preferences.current, lambda hashes: self._machine.history.has_contents(hashes)
        )
        self.history = History(self.database, self.films.has)
        self.styles = StyleBook(settings.style_patterns)
        self.presets = PresetBook(settings.data_dir / PRESETS)
        self.field_presets = FieldPresetBook(settings.data_dir / FIELD_PRESETS)
        self.completer = Completer(catalog.models, self.styles, self.history, extensions)
        self.choices = Choices(catalog, extensions, lambda: self.preferences.current)
        self._pictures = PictureFolder(settings.pictures_dir, settings.data_dir / "cache")
        self.search = SearchDesk(
            self.database,
            self.history,
            ids,
            lambda whose: self.completer.of(whose).used_words,
            lambda whose: self.events.publish("saved_searches", owner=whose.new),
        )
        letters = LettersIndex(self.database, wanted=settings.letters_index)
        self._upkeep = Upkeep([letters.step, OlderLooks(self.database, self._pictures.path).step])
        self.marks = MarkBook(self.database, self._marks_changed)
        self.trash = Trash(self.database, ids, self._pictures, self._marks_changed)
        # A whole search is told of as such, once for each slice of it.
        self.bulk = Bulk(
            self.search, MarkBook(self.database, _untold), Trash(self.database, ids, self._pictures, _untold), self._bulk_marked
        )
        self.images = ImageStore(settings.data_dir / FOLDER, self.database, lambda: self.preferences.current, self._history_file)
        self._rng = random.SystemRandom()
        self._preparer = Preparer(
            catalog,
            self.images,
            self.styles,
            extensions,
            lambda request: self.add_ons.checked(request),
            lambda: self.preferences.current,
            self._rng,
        )
        self._previews = PreviewBoard()
        self._live_lock = threading.Lock()
        self._closed = threading.Event()
        self._queue_touched = threading.Event()
        self._told_queue: dict[str, tuple[dict[str, Any], float]] = {}
        """The summary that each person was told last, and when (monotonic seconds)."""
        self.turn = DeviceTurn()
        self.lineage = Lineage(self.database)
        self.replays = Replays(
            self.database,
            self._journal,
            ids,
            self.history,
            self.lineage,
            self._pictures,
            self.images,
            lambda: self.preferences.current.queue_limit,
            ReplayHands(
                lambda request, origin, whose: self.of(Person(whose.new, "", "user"))._preparer.prepared_again(request, origin),
                self._announce,
                self._tell_replay,
            ),
        )
        self._saving = AddOnSaving(extensions, lambda: self.add_ons.infotext_fields())
        self._dispatcher = Dispatcher(
            journal=self._journal,
            history=self.history,
            keeper=PictureKeeper(
                self._journal,
                self.history,
                self._pictures,
                lambda: self.preferences.current,
                lambda digest: self._machine.images.require(digest, "init_image"),
                self._saving,
                self._folder_of,
            ),
            images=self.images,
            films=self.films,
            catalog=catalog,
            executor=executor,
            events=self.events,
            previews=self._previews,
            notices=self.notices,
            settings=lambda: self.preferences.current,
            words=JobWords(
                view=self.job_view,
                seconds=self._seconds_of,
                pace=self._pace,
                successor=self._successor_of,
                fault=self._add_on_failed,
                took=extensions.take_worker,
            ),
            turn=self.turn,
            replays=self.replays,
        )
        self.queue = QueueView(self._journal, self.history, self._dispatcher, self.job_view, lambda: self.preferences.current, self._names)
        self._batch_book = BatchBook(self.database, self._journal, ids)
        self.batches = Batches(
            self._batch_book,
            self._journal,
            self.images,
            self.events,
            lambda: self.preferences.current,
            settings.data_dir / "cache",
            StudioHands(
                complete=self.complete,
                prepared=lambda request, **how: self._machine._preparer.prepared(request, **how),
                announce=self._announce,
                stop=self._dispatcher.stop,
                seconds_left=self._running_seconds_left,
                pace=self._pace,
                bytes_of_pixel=self.history.bytes_of_pixel,
                appetite=self._tile_appetite,
                checkpoints=lambda: [entry.name for entry in self.checkpoints()],
                random_seed=lambda: self._rng.randint(0, LAST_RANDOM_SEED),
            ),
        )
        self.imports = Imports(
            ImportBook(self.database, ids),
            self.events,
            lambda: (settings.data_dir, self.preferences.current.pictures_dir),
        )
        self.analyst = Analyst(self.database, self.search)
        self.exports = Exports(
            self.history,
            self.search,
            self.bulk,
            lambda image_id: self._machine.picture_path(image_id),
            lambda: (settings.data_dir, self.preferences.current.pictures_dir),
        )
        self.models = ModelDesk(catalog, executor, settings.data_dir / "cache")
        self.add_ons = AddOnDesk(extensions, self.easel, self._add_on_folder)
        # What requests can name is listed on pages beside the models.
        extensions.changed = lambda: self.events.publish("catalog")
        script_book = ScriptBook(self.database, self._journal, ids)
        self.scripts = ScriptRuns(
            script_book,
            self._journal,
            self.add_ons,
            extensions,
            self.events,
            RunHands(
                prepared=lambda request, owner, **how: self.of(Person(owner, "", "user"))._preparer.prepared(request, **how),
                announce=self._announce,
                stop=self._dispatcher.stop,
                open=lambda image, owner: self.easel("", Person(owner, "", "user")).picture(image),
                limit=lambda: self.preferences.current.queue_limit,
                random_seed=lambda: self._rng.randint(0, LAST_RANDOM_SEED),
                keep=ScriptPictures(script_book, self._journal, self._pictures, lambda: self.preferences.current, self._folder_of).keep,
                easel=self.easel,
            ),
        )
        self.events.listen(self._queue_touched.set)
        catalog.on_change = self._catalog_changed
        self._put_standing_notices()
        # Everybody's, for what the studio does by itself; from here on, this one is the household's.
        self._machine: Studio = copy.copy(self)
        self._machine._machine = self._machine
        self._give_to(HOUSEHOLD)

    def of(self, person: Person) -> Self:
        """The same studio for somebody else. Cheap, so it is asked for with each request."""
        view = copy.copy(self)
        view._give_to(person)
        return view

    def _give_to(self, person: Person) -> None:
        whose, machine = Whose(person.id), self._machine
        self.person = person
        self._journal = machine._journal.of(whose)
        self._batch_book = machine._batch_book.of(whose)
        self.history = machine.history.of(whose)
        self.completer = machine.completer.of(whose)
        self.search = machine.search.of(whose)
        self.marks = machine.marks.of(whose)
        self.trash = machine.trash.of(whose)
        self.bulk = machine.bulk.of(whose)
        self.images = machine.images.of(whose)
        self._preparer = machine._preparer.of(person)
        self.lineage = machine.lineage.of(whose)
        self.replays = machine.replays.of(whose)
        self.batches = machine.batches.of(whose)
        self.batches.reads_folders = person.is_admin
        self.scripts = machine.scripts.of(whose)
        self.imports = machine.imports.of(whose)
        self.analyst = machine.analyst.of(whose)
        self.exports = machine.exports.of(whose)
        self.queue = machine.queue.of(person)

    def _names(self) -> Mapping[str, str]:
        """What people are called, by id."""
        return self.people.names()

    def _folder_of(self, owner: str) -> str:
        """A person's own folder among the pictures; the household has none."""
        return owner and (safe_name(self._names().get(owner, ""), FOLDER_BYTES) or owner)

    def start(self) -> None:
        """Start the worker, take up what a crash left behind, and begin to run jobs."""
        self._executor.start()
        self._dispatcher.start()
        self.replays.start()
        self.batches.start()
        self.imports.start()
        self.catalog.start()
        self.add_ons.started()
        self.scripts.start()
        self.add_ons.checkpoints_found(self._found_checkpoints)
        self._upkeep.start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def close(self) -> None:
        """End the worker; an unfinished job is made at the next start."""
        if not self._closed.is_set():
            self.add_ons.stopping()
        self._closed.set()
        self._upkeep.close()
        self.scripts.close()
        self.batches.close()
        self.imports.close()
        self._dispatcher.close()
        self.catalog.close()
        self.database.close()

    # asking

    def complete(self, fields: Any) -> GenerationRequest:
        """A request from untrusted fields (`Preparer.complete` says how). Raises InvalidRequest or CheckpointUnusable."""
        return self._preparer.complete(fields)

    def complete_all(self, many: Sequence[Any]) -> list[GenerationRequest]:
        """Requests from a list of untrusted fields. Raises InvalidRequest that says which one is wrong."""
        if not 1 <= len(many) <= MOST_AT_ONCE:
            raise InvalidRequest(
                f"{len(many):,} requests can't be taken at once.",
                field="requests",
                allowed=f"1 to {MOST_AT_ONCE:,}",
                hint="Send them in several parts.",
            )
        completed = []
        for number, fields in enumerate(many):
            try:
                completed.append(self.complete(fields))
            except EaselError as problem:
                problem.field = f"requests[{number}]" + (f".{problem.field}" if problem.field else "")
                raise
        return completed

    def submit(
        self,
        request: GenerationRequest,
        *,
        live_client: str | None = None,
        priority: int = NORMAL_PRIORITY,
        forever: bool = False,
        film: bool | None = None,
        key: SubmissionKey | None = None,
        origin: Origin | None = None,
    ) -> JobView:
        """Take a job: it is in the journal when this returns.

        film, key, origin: as in `submit_all`. live_client: token of a page that redraws while one types. Its earlier live job ends
        at its next step, and the picture is neither stored as a file nor in history.
        forever: another one follows each time it starts, until `end_forever` or an interrupt; all others go first.
        Raises InvalidRequest, CheckpointUnusable, QueueFull, or DataUnusable when it can't be written down.
        """
        if live_client is None:
            priority = FOREVER_PRIORITY if forever else priority
            return self.submit_all([request], priority=priority, forever=forever, film=film, key=key, origin=origin)[0]
        entry = self._preparer.prepared(request, priority=LIVE_PRIORITY, live=True, client=live_client, film=False)
        with self._live_lock:
            for earlier in self._journal.live_jobs_of(live_client):
                self._supersede(earlier)
            (job,) = self._journal.add([entry], self.preferences.current.queue_limit)
        return self._announce([job])[0]

    def submit_all(
        self,
        requests: Sequence[GenerationRequest],
        *,
        priority: int = NORMAL_PRIORITY,
        forever: bool = False,
        film: bool | None = None,
        key: SubmissionKey | None = None,
        origin: Origin | None = None,
    ) -> list[JobView]:
        """Take jobs, all or none, with one write.

        film: whether a view of each step is kept; None: as the setting says. origin: the picture that is made again by them.
        key: the same one again returns the jobs that it made before.
        Raises as `submit` does, and KeyUsedDifferently.
        """
        if forever and any(isinstance(request, Upscale) for request in requests):
            words = "An upscale can't go on forever: each would be the same."
            raise InvalidRequest(words, field="forever", allowed="false", hint="Leave it out.")
        entries = [self._preparer.prepared(request, priority=priority, forever=forever, film=film, origin=origin) for request in requests]
        return self._announce(self._journal.add(entries, self.preferences.current.queue_limit, key))

    def submitted_before(self, key: SubmissionKey) -> list[JobView]:
        """The jobs that this key made before; none when it is new. Raises KeyUsedDifferently."""
        return [self.job_view(job) for job in self._journal.submitted_before(key) or ()]

    def _announce(self, jobs: Sequence[Job]) -> list[JobView]:
        views = [self.job_view(job) for job in jobs]
        if len(views) > _EACH_TOLD:
            self.events.publish("jobs")
        else:
            for job, view in zip(jobs, views, strict=True):
                self.events.publish("job", owner=job.owner, job=view)
        self._dispatcher.wake()
        return views

    def _supersede(self, earlier: Job) -> None:
        if self._journal.cancel_waiting(earlier.id):
            self._publish_job(earlier.id)
            self._journal.drop_live(earlier.id)
        else:
            self._dispatcher.stop(earlier.id)

    def _successor_of(self, job: Job) -> NewJob | None:
        """The next job of a row without end: a random seed is drawn anew, a fixed one goes on counting."""
        asked = job.asked
        assert not isinstance(asked, Upscale), "these don't go on forever"
        seed = asked.seed
        if seed != RANDOM_SEED:
            seed = (seed + asked.picture_count) % (MAX_SEED + 1)
        request = asked.model_copy(update={"seed": seed})
        try:
            return self._machine._preparer.prepared(request, priority=job.priority, forever=True, film=job.film)
        except EaselError as problem:
            log.warning("Job %s was to go on forever, and can't: %s", job.id, problem)
            return None

    # add-ons

    def easel(self, extension: str, person: Person = HOUSEHOLD) -> AddOnEasel:
        """What an add-on is given to work with, for somebody."""
        return AddOnEasel(extension, person, self._door_for_add_ons(), self.preferences.current.data_dir)

    def _door_for_add_ons(self) -> StudioDoor:
        return StudioDoor(
            complete=lambda fields, person: self.of(person).complete(dict(fields)),
            submit=lambda request, person: self.of(person).submit(request)["id"],
            wait=lambda job, person: self.of(person).follow(job, lambda event: None),
            search=lambda query, limit, person: list(self.of(person).search.page(query, limit=limit).items),
            file=lambda image, person: self.of(person).image_file(image)[0],
            infotext=lambda image, person: reading.infotext_of(self.of(person).image_file(image)[0].read_bytes()),
            keep=lambda data, person: self.of(person).images.put(data).sha256,
            models=lambda kind: [
                {"name": model.name, "path": str(model.path), "family": model.kind.family} for model in self.catalog.models.select((kind,))
            ],
            settings=self.preferences.of_add_on,
            styles=StyleShelf(
                lambda: [one.style for one in self.styles.all()[0]],
                lambda style, was: self.save_style(style, was=was).style,
                lambda name: self.delete_style(name).style,
                self.order_styles,
            ),
        )

    def _add_on_folder(self, extension: str) -> Path | None:
        manifest = self.extensions.manifest(extension)
        return None if manifest is None else manifest.folder

    def _add_on_failed(self, fault: Mapping[str, Any]) -> None:
        """An add-on failed in a worker, which has told whose job it was."""
        self.extensions.take(Fault(**fault), told=True)

    def _found_checkpoints(self) -> tuple[FoundCheckpoint, ...]:
        return tuple(FoundCheckpoint(one.name, one.path, one.kind.family, "" if one.usable else one.problem) for one in self.checkpoints())

    def _catalog_changed(self) -> None:
        self.events.publish("catalog")
        self.add_ons.checkpoints_found(self._found_checkpoints)

    # the queue

    def interrupt(self, job_id: str) -> JobView:
        """End a job: a running one at its next step (finished pictures stay), a waiting one at once.

        It ends "forever", too, and where the job runs it pauses the batch that the job belongs to.
        """
        identifier = parse_id(job_id)
        forever = self._journal.get(identifier).forever
        if forever and identifier in self._end_forever():
            return self.job(job_id)
        if self._dispatcher.progress(identifier) is not None:
            self.batches.halt_for(identifier)
        if not self._dispatcher.stop(identifier):
            job = self._journal.get(identifier)
            if not self._journal.cancel_waiting(identifier) and not self._dispatcher.stop(identifier):
                if forever:  # this one was just done; that no other follows is what was wanted
                    return self.job(job_id)
                raise Conflict(f"This job is {job.status} already.", field="id", hint="Only waiting and running jobs can be ended.")
            self._publish_job(identifier)
        return self.job(job_id)

    cancel = interrupt

    def skip(self, job_id: str) -> JobView:
        """End the picture being made and go on with the next one. Raises Conflict when the job is not running."""
        identifier = parse_id(job_id)
        job = self._journal.get(identifier)
        if not self._dispatcher.skip(identifier):
            raise Conflict(f"This job is {job.status}, so there is no picture to skip.", field="id", hint="Only a running job can skip.")
        return self.job(job_id)

    def end_forever(self) -> int:
        """Let jobs that go on forever end with the one that runs. Returns how many waiting ones were cancelled."""
        return len(self._end_forever())

    def _end_forever(self) -> list[int]:
        ended = self._journal.end_forever()
        for identifier in ended:
            self._publish_job(identifier)
        return ended

    def pause(self, wanted: bool) -> None:
        """Pause the queue (what runs goes on) or resume it; remembered over a restart.

        An administrator pauses everybody's, anybody else their own line. Raises Conflict where an administrator's pause is not theirs
        to end.
        """
        if self.person.is_admin:
            self._dispatcher.pause(wanted)
        else:
            if not wanted and (self._dispatcher.paused or self._dispatcher.held(self.person.id)):
                raise Conflict("An administrator paused the queue.", hint="It goes on when they say so; your jobs keep their places.")
            self._dispatcher.hold(self.person.id, wanted, by_admin=False)
        self._queue_touched.set()
        self._tell_queue()

    def pause_line_of(self, owner: str, wanted: bool) -> None:
        """Pause or resume another person's line. Raises NotAllowed, or NotFound where nobody has that id."""
        self._require_other(owner)
        self._dispatcher.hold(owner, wanted, by_admin=True)
        self._queue_touched.set()
        self._tell_queue()

    def clear_line_of(self, owner: str) -> tuple[int, str]:
        """Cancel another person's jobs: what waits, and what runs at its next step. Returns as `clear_queue`. Raises as `pause_line_of`."""
        self._require_other(owner)
        theirs = self.of(Person(owner, "", "user"))
        for job_id in self._dispatcher.running_of(owner):
            theirs.batches.halt_for(job_id)
            self._dispatcher.stop(job_id)
        return theirs.clear_queue()

    def restore_line_of(self, owner: str, stamp: str) -> int:
        """Bring back what one `clear_line_of` cancelled of what waited. Returns how many. Raises as `pause_line_of`."""
        self._require_other(owner)
        return self.of(Person(owner, "", "user")).restore_queue(stamp)

    def _require_other(self, owner: str) -> None:
        self.person.need(Scope.ADMIN)
        if owner not in self._names() and owner not in self._machine._journal.waiting_owners():
            raise NotFound("There is nobody with that id.", code="person_not_found", hint="GET /api/v1/queue names those who have jobs.")

    def clear_queue(self) -> tuple[int, str]:
        """Cancel all of one's waiting jobs, and batches with them. Returns how many, and the stamp with which `restore_queue` brings
        them back.
        """
        count, stamp = self._journal.clear(self._batch_book.halt_active)
        self.events.publish("jobs")
        self.batches.cleared(stamp)
        return count, str(stamp)

    def restore_queue(self, stamp: str) -> int:
        """Bring back the jobs that one `clear_queue` cancelled, and their batches. Returns how many."""
        identifier = parse_id(stamp)
        count = self._journal.restore_cleared(identifier, self._batch_book.take_back)
        self.events.publish("jobs")
        self.batches.cleared(identifier)
        self._dispatcher.wake()
        return count

    def restore(self, job_id: str) -> JobView:
        """Bring a cancelled or failed job back to its place in line; its finished pictures stay. Raises Conflict otherwise."""
        identifier = parse_id(job_id)
        if not self._journal.restore(identifier):
            job = self._journal.get(identifier)
            raise Conflict(f"This job is {job.status}.", field="id", hint="Only a cancelled or failed job can be tried again.")
        self._publish_job(identifier)
        self._dispatcher.wake()
        return self.job(job_id)

    def move(self, job_id: str, before: str | None) -> JobView:
        """Put a waiting job in front of another one, whose priority it takes; None: behind all of its own priority."""
        self._journal.move(parse_id(job_id), None if before is None else parse_id(before))
        self.events.publish("jobs")
        self._dispatcher.wake()
        return self.job(job_id)

    def set_priority(self, job_id: str, priority: int) -> JobView:
        """Give a waiting job another priority; higher ones go first. Raises InvalidRequest, or Conflict when it is not waiting."""
        lowest, highest = states.LOWEST_PRIORITY, states.HIGHEST_PRIORITY
        if not lowest <= priority <= highest:
            raise InvalidRequest(
                f"The priority can't be {priority}.", field="priority", allowed=f"{lowest} to {highest}", hint=f"Use {lowest} to {highest}."
            )
        self._journal.set_priority(parse_id(job_id), priority, self._preparer.lane(priority))
        self.events.publish("jobs")
        self._dispatcher.wake()
        return self.job(job_id)

    def duplicate(self, job_id: str) -> JobView:
        """Submit what was asked once more; a random seed is drawn anew."""
        job = self._journal.get(parse_id(job_id))
        return self.submit(job.asked, priority=min(max(job.priority, states.LOWEST_PRIORITY), states.HIGHEST_PRIORITY), film=job.film)

    def enlarge(self, image_id: str, fields: Mapping[str, Any], *, film: bool | None = None) -> JobView:
        """Make a picture again, from the same seed, with a hires pass. fields: of that pass; others are the picture's own.

        film: as in `submit_all`.
        Raises NotFound, InvalidRequest, and what `submit` raises.
        """
        strange = next((name for name in fields if name not in HIRES_FIELDS), None)
        if strange is not None:
            raise InvalidRequest(
                f"{strange[:80]!r} is no field of the hires pass.",
                field=strange[:80],
                allowed=", ".join(HIRES_FIELDS),
                hint="Leave it out: all else is as the picture was made.",
            )
        made = self.request_of(image_id)
        if not isinstance(made, Txt2Img):
            raise Conflict("This picture was made from another one.", field="id", hint="Pictures from words alone have a hires pass.")
        own = {name: getattr(made, name) for name in Txt2Img.model_fields}
        return self.submit(parse_request({**own, **fields, "hires": True}), film=film, origin=Origin(HIRES, parse_id(image_id)))

    def made_before(self, request: GenerationRequest) -> Repeats:
        """The pictures that a request would make again; none where chance decides what it makes. Raises as `submit` does."""
        if not isinstance(request, Upscale) and (
            request.seed == RANDOM_SEED or (request.variation_strength and request.variation_seed == RANDOM_SEED)
        ):
            return Repeats(request.picture_count, ())
        resolved, _ = self._preparer.resolved(self._preparer.worded(request))
        self.extensions.notes()
        return find_repeats(self.database, resolved, Whose(self.person.id))

    def duplicates(self, request: GenerationRequest, shown: int) -> dict[str, Any]:
        """The same as page and API get it, with at most so many of the pictures."""
        repeats = self.made_before(request)
        images = [self.history.item(identifier) for identifier in repeats.made[:shown]]
        return {"pictures": repeats.pictures, "made": len(repeats.made), "images": images}

    def diff(self, first: str, second: str) -> dict[str, Any]:
        """What is different from one picture of history to another, as page and API get it. Raises NotFound."""
        old, new = parse_id(first), parse_id(second)
        views = self.history.item(old), self.history.item(new)
        changes = diff(self.history.request_of(old), self.history.request_of(new))
        way = way_between(self.database, old, new, self.history.request_of, Whose(self.person.id))
        edits = [
            {
                "image": str(edit.image_id),
                "thumbnail": f"/api/v1/thumbnails/{edit.image_id}",
                "created_at": time_of(edit.image_id).isoformat(),
                **asdict(edit.changes),
            }
            for edit in way
        ]
        return {"before": views[0], "after": views[1], "changes": changes.changes, **asdict(changes), "way": edits}

    def edit(self, job_id: str, request: GenerationRequest) -> JobView:
        """Give a waiting job another request; it keeps its place. Raises Conflict when it has begun."""
        identifier = parse_id(job_id)
        entry = self._preparer.prepared(request)
        if not self._journal.replace(identifier, entry.asked, entry.resolved):
            job = self._journal.get(identifier)
            raise Conflict(f"This job is {job.status} already.", field="id", hint="Duplicate it instead.")
        self._publish_job(identifier)
        return self.job(job_id)

    def asked_of(self, job_id: str) -> GenerationRequest:
        """The request of a job as it came. Raises NotFound."""
        return self._journal.get(parse_id(job_id)).asked

    def resolved_of(self, job_id: str) -> ResolvedRequest:
        """The request of a job as it runs. Raises NotFound."""
        return self._journal.get(parse_id(job_id)).resolved

    def estimate(self, request: GenerationRequest) -> Estimate:
        """About how long a request will take and how it uses memory, from pictures made before."""
        if isinstance(request, Upscale):
            upscale = request if isinstance(request, ResolvedUpscale) else self._preparer.upscale(request)
            return estimate(upscale, self.history.speed_samples(upscale.works_with))
        checkpoint = request.checkpoint or next((entry.name for entry in self.catalog.all() if entry.usable), "")
        return estimate(request, self.history.speed_samples(checkpoint), host_memory().available)

    def _seconds_of(self, job: Job) -> float | None:
        return self.estimate(job.resolved).seconds

    def _tile_appetite(self, works_with: str, upscaler: str) -> TileAppetite | None:
        """As the newest pictures that were made with it tell; None where none does."""
        told = (sample.facts.get("tile_appetites", {}).get(upscaler) for sample in self.history.speed_samples(works_with))
        return next((TileAppetite(**appetite) for appetite in told if appetite), None)

    def _pace(self, checkpoint: str) -> float | None:
        return pace(self._machine.history.speed_samples(checkpoint))

    def _running_seconds_left(self, job_id: int) -> float | None:
        progress = self._dispatcher.progress(job_id)
        return None if progress is None else progress.seconds_left

    # following

    def job(self, job_id: str) -> JobView:
        """One job. Raises NotFound."""
        return self.job_view(self._journal.get(parse_id(job_id)))

    def ended_jobs(self, limit: int, before: str | None = None) -> list[JobView]:
        """The jobs that ended last, newest first; those that ended before the job `before`."""
        stamp = None if before is None else self._journal.get(parse_id(before)).ended
        return [self.job_view(job) for job in self._journal.last_ended(limit, stamp)]

    def job_view(self, job: Job) -> JobView:
        """A job as page and API get it."""
        progress = self._dispatcher.progress(job.id)
        # A job that never began has no pictures to look for: with thousands of them that is most of the work.
        # Whoever has the job was asked for an id already, and its pictures are of the same person.
        images = [] if job.live or job.attempt == 0 else self._machine.history.images_of_job(job.id)
        return {
            "id": str(job.id),
            "status": job.status,
            "live": job.live,
            "client": job.client,
            "priority": job.priority,
            "forever": job.forever,
            "film": job.film,
            **_request_words(job),
            "done": len(images),
            "created_at": time_of(job.id).isoformat(),
            "ended_at": None if job.ended is None else time_of(job.ended).isoformat(),
            "progress": progress.as_dict() if progress else None,
            "error": None if job.error is None else told_again(job.error),
            "notes": list(job.notes),
            "images": images,
            "replay": self.replays.of_job(job),
        }

    def _tell_replay(self, image: int, job_id: int) -> None:
        job = self._machine._journal.get(job_id)
        self.events.publish("replay", owner=job.owner, image=str(image), replay=self.replays.of_job(job))

    def _publish_job(self, identifier: int) -> None:
        job = self._machine._journal.get(identifier)
        self.events.publish("job", owner=job.owner, job=self.job_view(job))

    def snapshot(self) -> dict[str, Any]:
        """All that a page needs to draw itself; events after its `seq` bring it up to date."""
        seq = self.events.seq
        session, _ = self.history.page(limit=_SESSION_PICTURES)
        queue = self.queue.page(0, _SHOWN_IN_SNAPSHOT)
        ended = [self.job_view(job) for job in self._journal.last_ended()]
        return {
            "seq": seq,
            "queue": {name: queue[name] for name in ("total", "paused", "held", "forever", "seconds", "others", "people")},
            "jobs": [*queue["running"], *queue["waiting"], *ended],
            "worker": self.worker(),
            "notices": self.notices.all(),
            "estimate_all": queue["seconds"],
            "session": session,
        }

    def slot(self) -> Slot | None:
        """The (first) place where pictures are made, and what its worker said of itself."""
        return next(iter(self._executor.slots()), None)

    def running_jobs(self) -> set[int]:
        """Ids of the jobs that run now."""
        return set(self._dispatcher.running_ids())

    def worker(self) -> dict[str, str]:
        """State of the (first) worker in words."""
        slot = self.slot()
        hello = slot.hello if slot else None
        state = "ready" if slot and slot.alive else "lost" if hello or (slot and slot.problem) else "starting"
        words = {"ready": "", "starting": "The engine is starting.", "lost": "The engine ended and is starting again."}
        return {
            "state": state,
            "device": (hello.device_name or hello.device) if hello else "",
            "dtype": hello.dtype if hello else "",
            "message": (slot.problem if slot else "") or words[state],
        }

    def _watch(self) -> None:
        # Asked rather than told: any executor can answer, wherever its workers live.
        told: dict[str, str] | None = None
        told_memory = self.models.resident()
        source = source_hash()
        rounds = 0
        while not self._closed.wait(_WATCH_SECONDS):
            if rounds % _SWEEP_EVERY == 0:
                self._sweep()
            worker = self.worker()
            if worker != told:
                self.events.publish("worker", worker=worker)
                told = worker
            if (resident := self.models.resident()) != told_memory:
                self.events.publish("memory")
                told_memory = resident
            rounds += 1
            if rounds % _WATCH_FILES_EVERY == 0 and source_hash() != source:
                self.notices.put(_RESTART_NEEDED)
            if self._queue_touched.is_set():
                self._queue_touched.clear()
                self._tell_queue()
            if rounds % _TIDY_EVERY == 0:
                self._tidy()

    def _tell_queue(self) -> None:
        """Tell everybody who follows, and the household, how the queue is for them, where that has changed."""
        people = {person.id: person for person in (HOUSEHOLD, *self.events.followers())}
        for owner, person in people.items():
            try:
                summary = self.queue.of(person).summary()
            except EaselError as problem:
                log.debug("The queue can't be counted just now: %s", problem)
                return
            now = time.monotonic()
            before, told_at = self._told_queue.get(owner, ({}, now))
            if summary == before:
                continue
            if _only_time_passed(before, summary) and now - told_at < self.events.pace(owner):
                self._queue_touched.set()
                continue
            self._told_queue[owner] = summary, now
            self.events.publish("queue", owner=owner, queue=summary)

    def _tidy(self) -> None:
        try:
            self.database.tidy()
        except EaselError as problem:
            log.debug("The database's log is left for later: %s", problem)

    def _sweep(self) -> None:
        try:
            self.images.sweep()
            self.films.sweep()
        except (EaselError, OSError) as problem:
            log.debug("Pictures and films that nobody needs stay for now: %s", problem)

    def _history_file(self, sha256: bytes) -> Path | None:
        relative = self._machine.history.path_of_content(sha256)
        try:
            return None if relative is None else self._pictures.path(relative)
        except NotFound:
            return None

    def _marks_changed(self, whose: Whose, ids: Sequence[int]) -> None:
        """Tell their pages that pictures were marked, or put into the trash or out of it; where they are many, to look again."""
        if ids:
            self.events.publish("marks", owner=whose.new, images=[str(number) for number in ids] if len(ids) <= _EACH_MARKED else None)

    def _bulk_marked(self, whose: Whose, token: str) -> None:
        """Tell their pages that much of what they show may be different; the page that did it knows its own token."""
        self.events.publish("marks", owner=whose.new, images=None, act=token)

    def _put_standing_notices(self) -> None:
        if self.preferences.damage is not None:
            self.notices.put(
                Notice(
                    "settings_damaged",
                    f"{SETTINGS_FILE_NAME} can't be read, so its last good copy is used.",
                    f"{self.preferences.damage.message} Mend the file, or change any setting here.",
                )
            )
        if self.preferences.current.safe_mode:
            self.notices.put(Notice("safe_mode", "Safe mode: add-ons are off.", "Start without --safe-mode to have them back.", "wait"))

    def _notices_changed(self) -> None:
        self.events.publish("notices", notices=self.notices.all())

    def _settings_changed(self) -> None:
        if self.preferences.damage is None:
            self.notices.take_down("settings_damaged")
        self._look_where_settings_say()
        self.events.publish("settings", revision=self.preferences.revision)
        self._dispatcher.wake()

    def _look_where_settings_say(self) -> None:
        """The catalog's first root is Easel's own; the others are those of the settings."""
        own = self.catalog.roots[0]
        roots = (own, *(path for path in self.preferences.current.models_dirs if path != own))
        if roots != self.catalog.roots:
            self.catalog.use_roots(roots)
            self._executor.use_models(roots)

    def use_add_ons(self, folders: Sequence[Path], site: Path | None) -> None:
        """Have the workers load these add-ons and no others, once what runs has ended. site: the folder of their packages."""
        self._executor.use_add_ons(folders, site)

    def renew_workers(self) -> None:
        """Have the workers load their add-ons anew, once what runs has ended."""
        self._executor.renew()

    def waiting_count(self) -> int:
        """How many jobs wait, everybody's together."""
        return self._machine._journal.waiting_count()

    def preview(self, job_id: str) -> bytes:
        """The newest preview of a running job (JPEG). Raises NotFound."""
        return self._found(self._previews.preview(parse_id(job_id), self.person.id), "There is no preview of this job (any more).")

    def live_picture(self, job_id: str) -> bytes:
        """A live picture (PNG). Raises NotFound when it has made room for newer ones."""
        return self._found(self._previews.live(parse_id(job_id), self.person.id), "This live picture is gone; live pictures aren't kept.")

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

    def image_file(self, image_id: str) -> tuple[Path, str]:
        """File and media type of a picture: of history by its id, of the image store by its SHA-256. Raises NotFound."""
        if is_content_hash(image_id):
            return self.images.get(image_id)
        path = self.picture_path(image_id)
        return path, media_type(path.name)

    def source_picture(self, image_id: str) -> bytes:
        """What a picture started from, as it lay under it: a PNG of the picture's own size. Raises NotFound."""
        request = self.request_of(image_id)
        if isinstance(request, ResolvedUpscale):
            return as_png(self._seen_before(request))
        if not isinstance(request, PictureFromPicture):
            raise NotFound("This picture started from words alone.", code="image_not_found")
        path, _ = self.images.get(request.init_image)
        source = read_stored(path, request.init_image)
        if isinstance(request, Inpaint) and any(request.extends):
            # Where it was extended there was nothing.
            whole = Image.new("RGBA", request.picture_size)
            whole.paste(source, (request.extends.left, request.extends.top))
            return as_png(whole)
        return as_png(laid_under(source, request.picture_size, request.resize_mode))

    def _seen_before(self, request: ResolvedUpscale) -> Image.Image:
        """Of a picture that was finished anew: what is still seen of it, at its own size."""
        path, _ = self.images.get(request.init_image)
        source = with_alpha(read_upright(path, request.init_image))
        (width, height), (left, top, right, bottom) = source.size, kept(request.finishing, source.size)
        return source.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))

    def thumbnail_path(self, image_id: str) -> Path:
        """A WebP of at most 384 px. Raises NotFound."""
        stored = self.history.stored(parse_id(image_id))
        return self._pictures.thumbnail(stored.path, stored.sha256)

    def film(self, image_id: str) -> Film:
        """The film of a picture's steps. Raises NotFound where there is none."""
        return self.films.open(self.history.stored(parse_id(image_id)).sha256)

    def exported_film(self, image_id: str, form: ExportForm, per_second: int) -> bytes:
        """A film, with the picture at its end, as one file that moves. Raises NotFound."""
        return exported(self.film(image_id), self.picture_path(image_id), form, per_second)

    def open_folder(self, image_id: str | None = None) -> None:
        """Show the pictures folder, or one picture in its folder, on the desktop of Easel's machine.

        Raises NotFound, or Conflict where there is no desktop.
        """
        folder = self.preferences.current.pictures_dir
        folder.mkdir(parents=True, exist_ok=True)
        open_folder(folder if image_id is None else self.picture_path(image_id), folder)

    def example_path(self, patterns: dict[str, str]) -> str:
        """Where a picture would go with these patterns, relative to the pictures folder. Raises SettingInvalid."""
        settings = self.preferences.current.model_copy(update=patterns)
        _check_settings(settings)
        last, _ = self.history.page(limit=1)
        request = self.history.request_of(int(last[0]["id"])) if last else _EXAMPLE
        style = OutputStyle.of(settings)
        where = place(f"{request.kind}-images", style, Subject(request, 0, datetime.now().astimezone()), number_bytes=20)
        return where.numbered("00012", suffix_for(request, style))

    def last_used(self) -> dict[str, int]:
        """The newest generation of each checkpoint, whosever it is: name -> id, larger is newer."""
        return self._machine.history.last_used()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All checkpoints, unusable ones with their reason."""
        return self.catalog.all()

    def control_preview(self, fields: Mapping[str, Any], width: int, height: int) -> bytes:
        """What any model of a control with these fields sees at that size, as PNG. Raises InvalidRequest."""
        try:
            unit = ControlUnit.model_validate({"model": "any", **fields})
        except ValidationError as error:
            raise explain_validation(error, ControlUnit) from None
        if add_on_of(unit.preprocessor):
            offers = self.extensions.offers
            unit = control_with_offer(unit, offers, "preprocessor").resolved("")
            preprocess = preprocess_by(offers.find("preprocessors", unit.preprocessor), unit.threshold_a, unit.threshold_b)
        else:
            unit = unit.resolved("")
            preprocess = unit.processor.with_thresholds(unit.threshold_a, unit.threshold_b)
        path = self.images.require(unit.image, "image")
        picture = read_stored(path, unit.image)
        if unit.kind == IP_ADAPTER:
            seen = encoder_picture(picture, unit.resize_mode)
        else:
            seen = control_picture(picture, width, height, unit.resize_mode, preprocess, unit.processor_res)
        return as_png(seen)

    def read_picture(self, data: bytes) -> reading.Answer:
        """What a picture file says of how it was made, by whichever program. Raises InvalidRequest or TooLarge."""
        return self._without_styles(
            reading.read_picture(data, [entry.name for entry in self.checkpoints()], self._knows_upscaler, self._missing)
        )

    def read_pasted(self, text: str) -> reading.Answer:
        """What pasted text says of how a picture is made."""
        return self._without_styles(
            reading.read_pasted(text, [entry.name for entry in self.checkpoints()], self._knows_upscaler, self._missing)
        )

    def _knows_upscaler(self, name: str) -> bool:
        return knows_upscaler(self.catalog.models, name)

    def _missing(self, step: FinishingStep) -> list[str]:
        return missing_models(self.catalog.models, step)

    def _without_styles(self, answer: reading.Answer) -> reading.Answer:
        known = [one.style for one in self.styles.all()[0]]
        told = self._saving.read(reading.without_styles(answer, known, self.preferences.current.styles_on_paste))
        return without_gone(told, self.extensions.offers)

    def explain(self, fields: Any) -> dict[str, Explanation]:
        """Prompt and negative prompt of a request, explained as its checkpoint reads them.

        Raises InvalidRequest or CheckpointUnusable.
        """
        request = parse_request(fields)
        if isinstance(request, Upscale):
            raise InvalidRequest(
                "An upscale has no prompt.", field="kind", allowed="txt2img, img2img, inpaint", hint="Choose one of these."
            )
        checkpoint, models = self.catalog.find(request.checkpoint), self.catalog.models
        tokenizer = tokenizer_of(checkpoint.path)
        reader = Reader(
            tokenizer.words,
            tokenizer.room,
            request.emphasis,
            request.comma_backtrack,
            knows=lambda kind, name: knows_network(models, kind, name),
            embeddings=embedding_sizes(models, checkpoint),
            near=lambda kind, name: near_names(models, kind, name),
        )
        steps = Steps(request.steps * find_sampler(request.sampler).calls, old=request.old_prompt_editing)
        # One that is gone is told when the request is submitted.
        known = {one.style.name for one in self.styles.all()[0]} if request.styles else ()
        styled = self.styles.apply(request.model_copy(update={"styles": tuple(name for name in request.styles if name in known)}))
        told = {}
        for name, negative in (("prompt", False), ("negative_prompt", True)):
            own, drawn = getattr(request, name), getattr(styled, name)
            told[name] = explain(drawn, steps, reader, negative=negative)
            if own != drawn:
                # What can be mended is the text that was written, not that of its styles.
                told[name] = replace(told[name], warnings=explain(own, steps, reader, negative=negative).warnings)
        return told

    def save_preset(self, preset: Preset, was: str | None = None) -> Preset:
        """Keep a finishing chain by name (`PresetBook.save` says how), and tell all pages."""
        saved = self.presets.save(preset, was)
        self.events.publish("presets")
        return saved

    def delete_preset(self, name: str) -> Preset:
        """Take a preset away, and tell all pages. Raises NotFound, InvalidRequest or DataUnusable."""
        gone = self.presets.delete(name)
        self.events.publish("presets")
        return gone

    def save_field_preset(self, preset: FieldPreset, was: str | None = None) -> FieldPreset:
        """Keep fields by name (`FieldPresetBook.save` says how), and tell all pages."""
        saved = self.field_presets.save(preset, was)
        self.events.publish("presets")
        return saved

    def add_field_presets(self, presets: list[FieldPreset]) -> list[FieldPreset]:
        """Keep several (`FieldPresetBook.add` says how), and tell all pages."""
        added = self.field_presets.add(presets)
        self.events.publish("presets")
        return added

    def delete_field_preset(self, page: str, name: str) -> FieldPreset:
        """Take fields kept by name away, and tell all pages. Raises NotFound or DataUnusable."""
        gone = self.field_presets.delete(page, name)
        self.events.publish("presets")
        return gone

    def save_style(self, style: Style, **how: Any) -> KnownStyle:
        """Write a style down (`StyleBook.save` says how), and tell all pages."""
        saved = self.styles.save(style, **how)
        self.events.publish("styles")
        return saved

    def delete_style(self, name: str) -> KnownStyle:
        """Take a style away, and tell all pages. Raises NotFound or DataUnusable."""
        gone = self.styles.delete(name)
        self.events.publish("styles")
        return gone

    def order_styles(self, names: Sequence[str]) -> None:
        """Put styles into that order (`StyleBook.order` says how), and tell all pages. Raises DataUnusable."""
        self.styles.order(names)
        self.events.publish("styles")

    def follow(self, job_id: str, on_event: Callable[[dict[str, Any]], None], *, patient: bool = True) -> JobView:
        """Wait until the job has ended, handing each of its events to `on_event`; returns the ended job.

        patient: wait also while the engine can't be started; otherwise GenerationFailed is raised then.
        """
        self._journal.get(parse_id(job_id))
        seq = self.events.seq
        news = threading.Event()
        stop = self.events.listen(news.set)
        try:
            while True:
                news.clear()
                for event in self.events.after(seq, self.person):
                    seq = event["seq"]
                    # "job" events carry the whole job, all others its id.
                    about = event.get("job")
                    if job_id == (about["id"] if isinstance(about, dict) else about):
                        on_event(event)
                view = self.job(job_id)
                if view["status"] in states.ENDED:
                    return view
                if not patient:
                    self._require_engine()
                news.wait(1.0)
        finally:
            stop()

    def _require_engine(self) -> None:
        problem = next((slot.problem for slot in self._executor.slots() if slot.problem and not slot.alive), "")
        if problem:
            raise GenerationFailed(problem, hint="The terminal shows all that the engine said.")


def _check_settings(settings: Settings) -> None:
    check_pattern(settings.folder_pattern, "folder_pattern")
    check_pattern(settings.name_pattern, "name_pattern")


def _only_time_passed(before: Mapping[str, Any], summary: Mapping[str, Any]) -> bool:
    """Whether two summaries of the queue differ in nothing but the seconds that are left: all the time while something runs."""
    if before.get("seconds") is None or summary["seconds"] is None:
        return False
    return {**before, "seconds": 0} == {**summary, "seconds": 0}


def _request_words(job: Job) -> dict[str, Any]:
    """What a job draws; empty words where its stored request can't be read (its error says so when its turn comes)."""
    try:
        request = job.resolved
    except EaselError:
        return {"kind": "", "prompt": "", "checkpoint": "", "pictures": 1, "width": 0, "height": 0, "seed": None, "source_name": ""}
    width, height = request.finished_size
    seed = request.image_seeds[0]
    return {
        "kind": request.kind,
        "prompt": request.words[0],
        "checkpoint": "" if isinstance(request, ResolvedUpscale) else request.checkpoint,
        "pictures": request.picture_count,
        "width": width,
        "height": height,
        "seed": None if seed is None else str(seed),
        "source_name": request.init_name if isinstance(request, PictureFromPicture | Upscale) else "",
    }

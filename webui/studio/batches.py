"""Batches: a folder or many files, each drawn on, or upscaled, by a job of its own.

A batch is a row with its files. A thread hands them to the queue, a few at a time, and writes each job and the file's word
that it has one in one transaction: whenever Easel ends, no file is drawn twice and none is left out.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Self

from PIL import Image
from sqlalchemy import Row

from webui.durable import write_durably
from webui.errors import Conflict, DataUnusable, EaselError, InvalidRequest, NotAllowed, NotFound, QueueFull, TooLarge
from webui.generation.finishing import size_after
from webui.generation.images import images_of
from webui.generation.request import RANDOM_SEED, GenerationRequest, Upscale, dump_request
from webui.pictures.boxes import Size
from webui.pictures.decoding import ACCEPTED, read_rgb, upright_size
from webui.planning.tiles import TileAppetite
from webui.settings import Settings
from webui.studio import reading
from webui.studio import source_folder as folders
from webui.studio.batch_book import ACTIVE, CANCELLED, DONE, FAILED, RUNNING, WAITING, Batch, BatchBook, NewFile, NotWanted, SourceFile
from webui.studio.batch_order import NO_PICTURE, PICTURES, BatchOrder, parse_order, scaled, with_own
from webui.studio.batch_plan import Known, plan_upscales
from webui.studio.event_log import EventLog
from webui.studio.ids import time_of
from webui.studio.image_store import ImageStore
from webui.studio.journal import Job, Journal, NewJob, parse_id
from webui.studio.naming import FOLDER_BYTES, safe_name
from webui.studio.whose import Kept, Whose

log = logging.getLogger(__name__)

BatchView = dict[str, Any]

PRIORITY = -5
"""Of a batch's jobs: what somebody asks for by hand meanwhile goes first."""

AHEAD = 8
"""Files that wait in line at most: enough to draw those of one checkpoint together, few enough to read files when they are needed."""

_STEP = re.compile(r"finishing\[\d+\]")
"""The field of a refusal that names a step and none of its fields."""

_NAME_BYTES = 150
_AT_WORK = 8
"""Files of a batch that are told to be at work: as many as there could be workers."""
_SIZES_KNOWN = 20_000
_THUMBNAIL_SIDE = 256
_TELL_SECONDS = 0.1
_AGAIN_SECONDS = 2.0
_CHANGES_BATCHES = frozenset(("job", "jobs", "reset"))


@dataclass(frozen=True)
class StudioHands:
    """What batches ask of the studio.

    complete: fields -> request with the checkpoint's defaults. prepared: request -> job to be taken. announce: jobs were taken.
    stop: end a running job. seconds_left: of a running job, None where that isn't known.
    pace: seconds for a unit of a checkpoint's work. bytes_of_pixel: of the files of pictures made with it.
    appetite: with it and an upscaler's name, what the tiles of that follow from.
    checkpoints: names of those there are. random_seed: a fresh one.
    """

    complete: Callable[[Any], GenerationRequest]
    prepared: Callable[..., NewJob]
    announce: Callable[[list[Job]], Any]
    stop: Callable[[int], bool]
    seconds_left: Callable[[int], float | None]
    pace: Callable[[str], float | None]
    bytes_of_pixel: Callable[[str], float | None]
    appetite: Callable[[str, str], TileAppetite | None]
    checkpoints: Callable[[], Iterable[str]]
    random_seed: Callable[[], int]


class Batches(Kept):
    """All batches of one studio, or one person's (`of`). May be called from any thread."""

    def __init__(
        self,
        book: BatchBook,
        journal: Journal,
        images: ImageStore,
        events: EventLog,
        settings: Callable[[], Settings],
        cache: Path,
        hands: StudioHands,
    ) -> None:
        self._book = book
        self._journal = journal
        self._images = images
        self._events = events
        self._settings = settings
        self._thumbnails = cache / "thumbnails"
        self._hands = hands
        self._news = threading.Event()
        self._closing = threading.Event()
        self._asked = threading.Event()
        self._sizes: dict[tuple[int, int], Size] = {}
        """Width and height of files, by batch and number."""
        self._again: set[int] = set()
        """Jobs that ran when their batch was resumed: they may have been told to end, and are made after all."""
        self._thread = threading.Thread(target=self._serve, name="batches", daemon=True)

    reads_folders = True
    """Whether folders of Easel's machine may be named: its administrators may."""

    def of(self, whose: Whose) -> Self:
        """As of all that is kept; and so with their rows and the pictures of the store."""
        view = super().of(whose)
        view._book, view._images = self._book.of(whose), self._images.of(whose)
        return view

    def start(self) -> None:
        """Begin to hand files to the queue."""
        self.wake()
        self._thread.start()

    def close(self) -> None:
        """Hand nothing more over."""
        self._closing.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def wake(self) -> None:
        """There may be something to do."""
        self._asked.set()
        self._news.set()

    # asking

    def look(self, folder: str, mask_folder: str = "") -> dict[str, Any]:
        """What a folder of pictures and one of masks (empty: none) hold. Raises InvalidRequest."""
        self._need_folders()
        found = folders.look_into(folder, "folder")
        masks = folders.by_stem(folders.look_into(mask_folder, "mask_folder").names) if mask_folder else {}
        unmasked = [name for name in found.names if masks and folders.mask_for(name, masks) is None]
        return {
            "folder": str(found.path),
            "total": len(found.names),
            "first": list(found.names[:12]),
            "others": found.others,
            "links": found.links,
            "masks": len(masks),
            "unmasked": len(unmasked),
            "first_unmasked": unmasked[0] if unmasked else None,
        }

    def plan(self, fields: Any) -> dict[str, Any]:
        """What upscales will take: fields as `plan_upscales` has them. Raises InvalidRequest."""
        if isinstance(fields, dict) and fields.get("folder"):
            self._need_folders()
        known = Known(self._hands.pace, self._hands.bytes_of_pixel, self._settings().picture_format, self._hands.appetite)
        return plan_upscales(fields, known).as_dict()

    def submit(self, fields: Any) -> BatchView:
        """Take a batch: it is written down when this returns. fields: of a BatchOrder.

        Raises InvalidRequest, CheckpointUnusable, or DataUnusable when it can't be written down.
        """
        order = parse_order(fields)
        if order.folder or order.mask_folder:
            self._need_folders()
        order, names = _looked_up(order)
        places = PICTURES if order.request["kind"] == "inpaint" else PICTURES[:1]
        try:
            request = self._hands.complete({**order.request, **dict.fromkeys(places, NO_PICTURE)})
        except EaselError as problem:
            problem.field = f"request.{problem.field}" if problem.field else "request"
            raise
        request = self._with_seed(request, order)
        files = self._files_of(order, *names)
        needed = [digest for _, digest in images_of(request) if digest != NO_PICTURE]
        for digest in needed:
            self._images.require(digest, "request")
        needed += [digest for file in files for digest in (file.picture, file.mask) if digest]
        identifier = self._book.add(order, dump_request(request), files, needed)
        self.wake()
        return self._tell(identifier)

    def _need_folders(self) -> None:
        if not self.reads_folders:
            words = "Only administrators may name folders of Easel's machine."
            raise NotAllowed(words, field="folder", hint="Send the pictures themselves.")

    def _with_seed(self, request: GenerationRequest, order: BatchOrder) -> GenerationRequest:
        names = [name for name in ("seed", "variation_seed") if order.one_seed and getattr(request, name, None) == RANDOM_SEED]
        return request.model_copy(update={name: self._hands.random_seed() for name in names})

    def _files_of(self, order: BatchOrder, names: Sequence[str], mask_names: Sequence[str]) -> list[NewFile]:
        for field, given in (("files", order.files), ("masks", order.masks)):
            for number, file in enumerate(given):
                if file.image:
                    self._images.require(file.image, f"{field}[{number}].image")
        uploaded = {mask.name: mask.image for mask in order.masks}
        masks = folders.by_stem(uploaded or mask_names)

        def made(name: str, picture: str | None, problem: str) -> NewFile:
            mask = folders.mask_for(name, masks)
            error = InvalidRequest(problem, field="init_image", allowed=ACCEPTED, hint="Choose it again.") if problem else None
            if error is None and masks and mask is None:
                error = _no_mask()
            return NewFile(name, picture, mask, uploaded.get(mask or ""), error)

        if order.folder:
            return [made(name, None, "") for name in names]
        return [made(file.name, file.image or None, file.problem) for file in order.files]

    # buttons

    def pause(self, batch_id: str) -> BatchView:
        """Draw no further file; the one that is being drawn goes on. Raises Conflict when it doesn't go on."""
        identifier = parse_id(batch_id)
        status = self._book.get(identifier).status
        if not self._book.pause(identifier):
            raise Conflict(f"This batch is {status}.", field="id", hint="Only one that goes on can be paused.")
        self._again.difference_update(self._book.running(identifier))
        return self._told_all(identifier)

    def cancel(self, batch_id: str) -> BatchView:
        """End it: the file that is being drawn ends at its next step, what waits is not drawn. Raises Conflict."""
        identifier = parse_id(batch_id)
        running = self._book.cancel(identifier)
        self._again.difference_update(running)
        for job_id in running:
            self._hands.stop(job_id)
        return self._told_all(identifier)

    def resume(self, batch_id: str) -> BatchView:
        """Go on where it was paused or cancelled. Raises Conflict."""
        identifier = parse_id(batch_id)
        self._book.resume(identifier)
        self._again.update(self._book.running(identifier))
        return self._told_all(identifier)

    def retry(self, batch_id: str) -> BatchView:
        """Try the files again that failed. Raises Conflict while it isn't done, or where none could be tried."""
        identifier = parse_id(batch_id)
        self._book.retry(identifier)
        return self._told_all(identifier)

    def remove(self, batch_id: str) -> None:
        """Forget an ended batch; its pictures stay. Raises Conflict while it has not ended."""
        batch = self._book.get(parse_id(batch_id))
        self._book.forget(batch.id)
        self._events.publish("batch_removed", owner=batch.owner, batch=str(batch.id))

    def halt_for(self, job_id: int) -> None:
        """Somebody interrupts a running job: its batch, if it has one, is paused, so that the next file doesn't begin."""
        identifier = self._book.of_job(job_id)
        if identifier is not None and self._book.pause(identifier):
            self._again.difference_update(self._book.running(identifier))
            self._told_all(identifier)

    def cleared(self, stamp: int) -> None:
        """The queue was cleared with that stamp, or brought back by it: tell of the batches that went along."""
        for batch in self._book.all():
            if batch.stamp == stamp or batch.status == ACTIVE:
                self._tell(batch.id)
        self.wake()

    def _told_all(self, identifier: int) -> BatchView:
        self._events.publish("jobs")
        self._hands.announce([])  # those that came back may run at once
        self.wake()
        return self._tell(identifier)

    # looking

    def all(self) -> list[BatchView]:
        """Every batch, newest first."""
        return [self._view(batch) for batch in self._book.all()]

    def batch(self, batch_id: str) -> BatchView:
        """One batch. Raises NotFound."""
        return self._view(self._book.get(parse_id(batch_id)))

    def files(self, batch_id: str, offset: int, limit: int, state: str | None = None) -> dict[str, Any]:
        """Files of a batch in order, all or those in one state. Raises NotFound."""
        identifier = parse_id(batch_id)
        batch = self._book.get(identifier)
        counts = self._book.counts(identifier)
        return {
            "items": [self._file_view(batch, row) for row in self._book.files(identifier, offset, limit, state)],
            "total": sum(counts.values()) if state is None else counts[state],
        }

    def thumbnail(self, batch_id: str, number: int) -> Path:
        """A WebP of at most 256 px of a file as it is before. Raises NotFound where it can't be read."""
        identifier = parse_id(batch_id)
        batch, file = self._book.get(identifier), self._book.file(identifier, number)
        try:
            data = self._picture_of(batch, file)
            digest = hashlib.sha256(data).hexdigest()
            target = self._thumbnails / digest[:2] / f"{digest}-{_THUMBNAIL_SIDE}.webp"
            if not target.exists():
                small = read_rgb(data, self._settings().image_megapixels)
                small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
                buffer = io.BytesIO()
                small.save(buffer, "WEBP", quality=80, method=2)
                write_durably(target, buffer.getvalue())
        except (InvalidRequest, TooLarge) as problem:
            raise NotFound(f"{file.name} can't be shown. {problem.message}", code="image_not_found", hint=problem.hint) from None
        return target

    def _view(self, batch: Batch) -> BatchView:
        counts = self._book.counts(batch.id)
        try:
            order, request = batch.order, batch.request
            words = {
                "kind": request.kind,
                "prompt": request.words[0],
                "pictures": request.picture_count,
                "folder": order.folder,
                "output_folder": _output_folder(order),
                "own": list(order.own),
            }
        except EaselError as problem:
            # A later Easel stored it.
            words = {
                "kind": "img2img",
                "prompt": "",
                "pictures": 1,
                "folder": "",
                "output_folder": "",
                "own": [],
                "error": problem.as_dict(),
            }
        return {
            "id": str(batch.id),
            "status": batch.status,
            "error": batch.error,
            **words,
            "total": sum(counts.values()),
            **counts,
            "now": [_now_view(row) for row in self._book.files(batch.id, 0, _AT_WORK, RUNNING)] if counts[RUNNING] else [],
            "seconds_left": self._seconds_left(batch, counts),
            "created_at": time_of(batch.id).isoformat(),
            "ended_at": time_of(batch.stamp).isoformat() if batch.stamp is not None and batch.status in (DONE, CANCELLED) else None,
        }

    def _seconds_left(self, batch: Batch, counts: dict[str, int]) -> float | None:
        usual = self._book.usual_work(batch.id) if counts[WAITING] or counts[RUNNING] else None
        pace = None if usual is None else self._hands.pace(usual[0])
        if usual is None or pace is None:
            return None
        running = [self._hands.seconds_left(job_id) for job_id in self._book.running(batch.id)]
        return round(counts[WAITING] * usual[1] * pace + sum(seconds or 0.0 for seconds in running), 1)

    def _file_view(self, batch: Batch, row: Row[Any]) -> dict[str, Any]:
        made = row.image_id is not None
        size = self._size_of(batch, row)
        finished = (row.image_width, row.image_height) if made else self._size_after(batch, size)
        return {
            "number": row.number,
            "name": row.name,
            "state": row.state,
            "error": row.error if row.error is not None else row.job_error if row.state == FAILED else None,
            "job": None if row.job_id is None else str(row.job_id),
            "image": str(row.image_id) if made else None,
            "thumbnail": f"/api/v1/thumbnails/{row.image_id}" if made else f"/api/v1/batches/{batch.id}/files/{row.number}/thumbnail",
            "source": None if row.picture is None else f"/api/v1/images/{row.picture.hex()}",
            "width": size and size[0],
            "height": size and size[1],
            "to_width": finished and finished[0],
            "to_height": finished and finished[1],
            "seconds": round(row.image_seconds, 3) if made else None,
        }

    def _size_of(self, batch: Batch, row: Row[Any]) -> Size | None:
        """Width and height of a file as it is before, told by its head; None where that can't be told."""
        key = (batch.id, row.number)
        if (known := self._sizes.get(key)) is not None:
            return known
        try:
            if row.picture is not None:
                size = upright_size(self._images.require(row.picture.hex(), "init_image"))
            elif batch.order.folder:
                size = folders.size_in(Path(batch.order.folder), row.name)
            else:
                return None
        except EaselError:
            # Its own job will say what is wrong with it; it may be mended until then.
            return None
        if len(self._sizes) >= _SIZES_KNOWN:
            self._sizes.clear()
        self._sizes[key] = size
        return size

    def _size_after(self, batch: Batch, size: Size | None) -> Size | None:
        try:
            request = batch.request
            return size_after(request.finishing, size) if size and isinstance(request, Upscale) else None
        except EaselError:
            return None

    def _tell(self, identifier: int) -> BatchView:
        batch = self._book.get(identifier)
        view = self._view(batch)
        self._events.publish("batch", owner=batch.owner, batch=view)
        return view

    # handing over

    def _serve(self) -> None:
        stop = self._events.listen(self._news.set)
        seq = self._events.seq
        idle = False
        try:
            while not self._closing.is_set():
                self._news.wait()
                self._news.clear()
                seen = self._events.after(seq)
                seq = seen[-1]["seq"] if seen else seq
                asked = self._asked.is_set()
                self._asked.clear()
                try:
                    if asked or (not idle and any(event["type"] in _CHANGES_BATCHES for event in seen)):
                        idle = not self._feed()
                    self._tell_of(event["job"] for event in seen if event["type"] == "job")
                    self._closing.wait(_TELL_SECONDS)
                except EaselError as problem:
                    log.info("Batches wait for a moment: %s", problem)
                    self._try_again()
                except Exception:  # the thread must live on: one bad batch may not stop the others
                    log.exception("Handing files to the queue met something unexpected; it is tried again.")
                    self._try_again()
        finally:
            stop()

    def _try_again(self) -> None:
        self._closing.wait(_AGAIN_SECONDS)
        self.wake()

    def _feed(self) -> bool:
        """Hand over what has room in line, oldest batch first. Returns whether any batch goes on."""
        self._bring_back()
        active = self._book.active()
        full: set[str] = set()
        """Whose line has no more room."""
        for batch in active:
            if batch.owner in full:
                continue
            has_room = self._fill_line(batch)
            if not self._again:
                self._book.end_if_done(batch.id)
            self._tell(batch.id)
            if not has_room:
                full.add(batch.owner)
        return bool(active or self._again)

    def _tell_of(self, jobs: Iterable[dict[str, Any]]) -> None:
        """Something happened to these jobs: tell of their batches, those that were halted or have ended among them."""
        for identifier in {self._book.of_job(int(job["id"])) for job in jobs if not job["live"]}:
            if identifier is not None:
                self._tell(identifier)

    def _bring_back(self) -> None:
        """Jobs that end because their batch was halted, while it goes on again, are made after all."""
        for job_id in tuple(self._again):
            job = self._journal.get(job_id)
            if job.ended is not None:
                self._again.discard(job_id)
                if job.status == CANCELLED and self._journal.restore(job_id):
                    self._hands.announce([self._journal.get(job_id)])

    def _fill_line(self, batch: Batch) -> bool:
        """Hand over files of one batch. Returns whether there is room in line for those of the next one."""
        while not self._closing.is_set() and self._book.of(Whose(batch.owner)).in_line() < AHEAD:
            file = self._book.next_open(batch.id)
            if file is None:
                return True
            try:
                self._hand_over(batch, file)
            except NotWanted:
                return True
            except QueueFull:
                return False
        return False

    def _hand_over(self, batch: Batch, file: SourceFile) -> None:
        try:
            order, template = batch.order, batch.request
        except EaselError as problem:
            raise self._halted_by(batch, problem) from None
        try:
            request, notes = self._request_for(batch, file, order, template)
        except (InvalidRequest, TooLarge) as problem:
            self._book.note_failure(file, problem)
            return
        try:
            entry = self._hands.prepared(request, priority=PRIORITY, wanted_path=_wanted_path(order, request, file.name))
        except DataUnusable:
            raise
        except EaselError as problem:
            if not _of_one_file(problem) and _same_words(request, template):
                # Every other file would meet the same.
                raise self._halted_by(batch, problem) from None
            self._book.note_failure(file, problem)
            return
        picture, mask = getattr(request, "init_image"), getattr(request, "mask", None)  # noqa: B009 - of either kind of request
        self._hands.announce(
            self._journal.of(Whose(batch.owner)).add(
                [replace(entry, notes=(*entry.notes, *notes))],
                self._settings().queue_limit,
                along=lambda connection, jobs: self._book.note_job(connection, file, jobs[0], picture, mask),
            )
        )

    def _halted_by(self, batch: Batch, problem: EaselError) -> NotWanted:
        self._book.pause(batch.id, problem)
        self._events.publish("jobs")
        return NotWanted()

    def _picture_of(self, batch: Batch, file: SourceFile) -> bytes:
        if file.picture is not None:
            path = self._images.require(file.picture, "init_image")
            return folders.read_from(path.parent, path.name)
        if not batch.order.folder:
            raise InvalidRequest("It was not uploaded.", hint="Choose it again.")
        return folders.read_from(Path(batch.order.folder), file.name)

    def _request_for(
        self, batch: Batch, file: SourceFile, order: BatchOrder, template: GenerationRequest
    ) -> tuple[GenerationRequest, tuple[str, ...]]:
        """What is drawn on a file, and what its maker should know. Raises InvalidRequest, TooLarge, DataUnusable."""
        data = self._picture_of(batch, file)
        given: dict[str, Any] = {"init_image": file.picture or self._images.put(data).sha256, "init_name": file.name}
        if template.kind == "inpaint":
            given["mask"] = file.mask or self._mask_of(order, file)
        if order.scale_by is not None:
            given |= scaled(upright_size(self._images.require(given["init_image"], "init_image")), order.scale_by)
        request = template.model_copy(update=given)
        if not order.own:
            return request, ()
        told = self._told_by(data)
        if not told["fields"]:
            return request, (f"{file.name} doesn't say how it was made, so all is as the batch says.",)
        left_out = [entry["reason"] for entry in told["unmapped"] if entry["key"] == "Model" and "checkpoint" in order.own]
        return with_own(request, told, order.own), tuple(f"{file.name}: {reason}" for reason in left_out)

    def _mask_of(self, order: BatchOrder, file: SourceFile) -> str:
        """Hash of a file's mask out of the mask folder, where it may have come to lie by now. Raises InvalidRequest or TooLarge."""
        name = file.mask_name
        if name is None and order.mask_folder:
            name = folders.mask_for(file.name, folders.by_stem(folders.look_into(order.mask_folder, "mask").names))
        if name is None:
            raise _no_mask()
        try:
            return self._images.put(folders.read_from(Path(order.mask_folder), name)).sha256
        except (InvalidRequest, TooLarge) as problem:
            problem.field, problem.message = "mask", f"Its mask can't be used. {problem.message}"
            raise

    def _told_by(self, data: bytes) -> reading.Answer:
        try:
            return reading.read_picture(data, self._hands.checkpoints())
        except (InvalidRequest, TooLarge) as problem:
            # It is a picture, as was seen before, but of a format that has no room for words.
            log.debug("No parameters are read from a picture: %s", problem)
            return reading.NOTHING


def _no_mask() -> InvalidRequest:
    return InvalidRequest("There is no mask of that name.", field="mask", hint="Give the mask the name of the file.")


def _of_one_file(problem: EaselError) -> bool:
    """Whether a refusal is about the file's own picture: that itself, or what would become too large by a step."""
    return problem.field in PICTURES or _STEP.fullmatch(problem.field or "") is not None


def _same_words(request: GenerationRequest, template: GenerationRequest) -> bool:
    """Whether a file changed nothing of the batch's request but its picture."""
    of_picture = {name: getattr(template, name) for name in (*PICTURES, "init_name", "width", "height") if hasattr(template, name)}
    return request.model_copy(update=of_picture) == template


def _looked_up(order: BatchOrder) -> tuple[BatchOrder, tuple[Sequence[str], Sequence[str]]]:
    """The order with whole paths, and the names of the pictures and masks in its folders. Raises InvalidRequest."""
    whole: dict[str, str] = {}
    names: list[Sequence[str]] = []
    for field in ("folder", "mask_folder"):
        found = folders.look_into(getattr(order, field), field) if getattr(order, field) else None
        whole[field] = str(found.path) if found else ""
        names.append(found.names if found else ())
    return order.model_copy(update=whole), (names[0], names[1])


def _output_folder(order: BatchOrder) -> str:
    return safe_name(order.output_folder, FOLDER_BYTES)


def _wanted_path(order: BatchOrder, request: GenerationRequest, name: str) -> str | None:
    """Where a file's pictures go, without an ending; None: as all others."""
    folder = _output_folder(order)
    return f"{request.kind}-images/{folder}/{safe_name(PurePath(name).stem, _NAME_BYTES) or 'picture'}" if folder else None


def _now_view(row: Row[Any]) -> dict[str, Any]:
    return {"number": row.number, "name": row.name, "job": str(row.job_id)}

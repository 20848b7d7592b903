"""From a finished picture to file, rows and what lies beside it; and back again, after a crash."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from PIL import Image

from webui.errors import EaselError
from webui.extensions.offers import PictureToSave
from webui.generation.events import Picture
from webui.generation.fingerprint import FILE
from webui.generation.finishing import format_of
from webui.generation.request import ResolvedRequest, ResolvedUpscale
from webui.pictures.transparency import laid_on
from webui.settings import Settings
from webui.studio import journal as states
from webui.studio.add_on_saving import AddOnSaving
from webui.studio.carried import NOTHING, Carried, read_carried
from webui.studio.grid import encode_grid
from webui.studio.history import History
from webui.studio.journal import Job, Journal
from webui.studio.naming import OutputStyle
from webui.studio.picture_file import INFOTEXT, PictureFile, PictureFolder, encode, read_back
from webui.studio.picture_format import PNG, by_suffix

log = logging.getLogger(__name__)

LOST_ALPHA = "A JPEG can't be transparent, so the picture lies on a colour. Choose PNG, WebP or AVIF to keep what is transparent."

WHITE = "#ffffff"
"""What a picture lies on where its file can't be transparent, and nobody said another colour."""

GRID = -1
"""Stands for the grid where paths are promised by picture number."""


def ground_of(request: ResolvedRequest) -> str:
    """The colour on which a picture lies where its file can't be transparent, as #rrggbb."""
    asked = format_of(request.finishing)
    return WHITE if asked is None else asked.colour


class PictureKeeper:
    """Saves the pictures of jobs. Each method may be tried again after an OSError or DataUnusable: nothing is doubled."""

    def __init__(
        self,
        journal: Journal,
        history: History,
        pictures: PictureFolder,
        settings: Callable[[], Settings],
        source: Callable[[str], Path],
        add_ons: AddOnSaving | None = None,
        folder_of: Callable[[str], str] = lambda owner: "",
    ) -> None:
        """source: the file of a picture that jobs start from, by its SHA-256. add_ons: their part in it.

        folder_of: a person's own folder among the pictures.
        """
        self._add_ons = add_ons
        self._journal = journal
        self._source = source
        self._folder_of = folder_of
        self._history = history
        self._pictures = pictures
        self._settings = settings

    @property
    def _style(self) -> OutputStyle:
        return OutputStyle.of(self._settings())

    def plan(self, job: Job, images: tuple[int, ...]) -> dict[int, str]:
        """A path for each of these pictures, and for the grid where one is wanted; none for a live job."""
        if job.live:
            return {}
        reserved = self._journal.promised_paths()
        below = self._folder_of(job.owner)
        planned = self._pictures.plan(job.resolved, images, reserved, self._style, job.wanted_path, self._carried(job), below)
        if self._style.save_grids and job.resolved.picture_count > 1:
            planned[GRID] = self._pictures.plan_grid(job.resolved, reserved, self._style, below)
        return planned

    def encode(self, job: Job, event: Picture) -> PictureFile:
        """The picture as its file will be. Raises GenerationFailed where the format can't hold it."""
        picture = Image.frombytes(event.mode, (event.width, event.height), event.rgb)
        if job.live:
            return encode(picture, job.resolved, event.image, event.facts)
        suffix = PurePosixPath(job.planned_paths[event.image]).suffix
        form = by_suffix(suffix)
        if not form.alpha:
            picture = laid_on(picture, ground_of(job.resolved))
        quality = self._style.finished_by(job.resolved.finishing).quality
        facts = event.facts | {FILE: form.name if form is PNG else f"{form.name} {quality}"}
        wanted = self._wanted(job, event, picture)
        if wanted is not None:
            facts |= {INFOTEXT: wanted.infotext} | ({"texts": dict(wanted.texts)} if wanted.texts else {})
        return encode(picture, job.resolved, event.image, facts, suffix, quality, self._carried(job))

    def _wanted(self, job: Job, event: Picture, picture: Image.Image) -> PictureToSave | None:
        """The picture as add-ons want it saved, its path promised anew where it is to have another name."""
        if self._add_ons is None:
            return None
        planned = PurePosixPath(job.planned_paths[event.image])
        wanted = self._add_ons.before(picture, job.resolved, event.image, str(planned), event.facts)
        if wanted is not None and wanted.name != planned.stem:
            reserved = self._journal.promised_paths()
            asked = (planned.parent / wanted.name).as_posix()
            fresh = self._pictures.plan(job.resolved, (0,), reserved, self._style, asked, self._carried(job))[0]
            job.planned_paths[event.image] = PurePosixPath(fresh).with_suffix(planned.suffix).as_posix()
            self._journal.promise(job.id, job.planned_paths)
        return wanted

    def saved(self, job: Job, index: int, identifier: int, record: PictureFile) -> list[str]:
        """Tell add-ons of a picture in history. Returns what failed of them, before too, in words."""
        if self._add_ons is None:
            return []
        self._add_ons.after(identifier, self._pictures.path(job.planned_paths[index]), record.sha256, job.resolved, index)
        return self._add_ons.notes()

    def loses_alpha(self, job: Job, event: Picture) -> bool:
        """Whether a picture is transparent somewhere and its file can't be."""
        if job.live or event.mode != "RGBA":
            return False
        return not by_suffix(PurePosixPath(job.planned_paths[event.image]).suffix).alpha

    def _carried(self, job: Job) -> Carried:
        """What goes over from the source of a picture that was only finished anew. Raises OSError, InvalidRequest when it is gone."""
        request = job.resolved
        return read_carried(self._source(request.init_image).read_bytes()) if isinstance(request, ResolvedUpscale) else NOTHING

    def keep(self, job: Job, index: int, record: PictureFile, *, last: bool) -> int:
        """File, parameters beside it, then the rows; with the last picture the job is done. Returns the image's id.

        Raises OSError or DataUnusable; then the same again goes on where it stopped.
        """
        try:
            self._pictures.write(job.planned_paths[index], record.data)
        except FileExistsError:
            # Another program put a file there. It stays, and the picture gets the next number.
            self._promise_anew(job, index)
            self._pictures.write(job.planned_paths[index], record.data)
        relative = job.planned_paths[index]
        self._pictures.write_sidecar(relative, job.resolved, index, record.facts, self._style)
        self._make_thumbnail(relative, record)
        return self._journal.record_picture(job, index, record, relative, last=last and GRID not in job.planned_paths)

    def _make_thumbnail(self, relative: str, record: PictureFile) -> None:
        # Now, so that a history of pictures that nobody has looked at yet opens as quickly as any other.
        try:
            self._pictures.thumbnail(relative, record.sha256)
        except (EaselError, OSError, ValueError) as problem:
            log.info("There is no thumbnail of %s yet: %s. It is made when it is looked at.", relative, problem)

    def _promise_anew(self, job: Job, index: int) -> None:
        reserved, below = self._journal.promised_paths(), self._folder_of(job.owner)
        fresh = (
            {GRID: self._pictures.plan_grid(job.resolved, reserved, self._style, below)}
            if index == GRID
            else self._pictures.plan(job.resolved, (index,), reserved, self._style, job.wanted_path, self._carried(job), below)
        )
        # The suffix stays: the picture is encoded already.
        suffix = PurePosixPath(job.planned_paths[index]).suffix
        job.planned_paths[index] = PurePosixPath(fresh[index]).with_suffix(suffix).as_posix()
        self._journal.promise(job.id, job.planned_paths)

    def complete(self, job: Job) -> None:
        """The job is done: make its grid where one is wanted, and say so. Raises OSError or DataUnusable."""
        relative = job.planned_paths.get(GRID)
        grid = None if relative is None else self._grid_of(job, relative)
        if grid is not None:
            try:
                self._pictures.write(job.planned_paths[GRID], grid)
            except FileExistsError:
                self._promise_anew(job, GRID)
                self._pictures.write(job.planned_paths[GRID], grid)
        self._journal.end(job.id, states.DONE, grid_path=None if grid is None else job.planned_paths[GRID])

    def _grid_of(self, job: Job, relative: str) -> bytes | None:
        names = self._history.paths_of_job(job.id)
        if len(names) < 2:
            return None
        try:
            pictures = [self._pictures.path(name) for name in names]
            quality = self._style.finished_by(job.resolved.finishing).quality
            return encode_grid(pictures, job.resolved, PurePosixPath(relative).suffix, quality).data
        except (EaselError, OSError, ValueError) as problem:
            # Somebody moved or changed a picture in the meantime: the pictures matter, the grid doesn't.
            log.warning("Job %s: no grid could be made: %s", job.id, problem)
            self._journal.add_note(job.id, f"No grid could be made: {problem}")
            return None

    def take_up(self, job: Job) -> None:
        """Put in order what a crash left of a running job: adopt whole pictures, then end it or put it back in line.

        Raises OSError or DataUnusable; then the same again goes on where it stopped.
        """
        wanted = set(range(job.resolved.picture_count))
        finished = self._journal.finished_images(job.id)
        for index, relative in sorted(job.planned_paths.items()):
            self._pictures.clear_part(relative)
            if index in wanted - finished and self._pictures.exists(relative) and self._adopt(job, index, relative):
                finished.add(index)
        if finished == wanted:
            self.complete(job)
        else:
            self._journal.requeue(job.id)

    def _adopt(self, job: Job, index: int, relative: str) -> bool:
        # The file was written whole, but the program ended before its rows were.
        try:
            record = read_back(self._pictures.path(relative))
        except EaselError as error:
            log.warning("Job %s: the file of picture %d is not whole. It stays where it is, and the picture is made again.", job.id, index)
            log.debug("Job %s: %s", job.id, error)
            return False
        if record.seed != job.resolved.image_seeds[index]:
            log.warning("Job %s: the file of picture %d is another picture. It stays where it is.", job.id, index)
            return False
        self._pictures.write_sidecar(relative, job.resolved, index, record.facts, self._style)
        self._journal.record_picture(job, index, record, relative, last=False)
        log.info("Job %s: picture %d was found on disk and is in history now.", job.id, index)
        return True

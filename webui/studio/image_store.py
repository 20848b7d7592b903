"""The image store: pictures that requests refer to, each once, under the SHA-256 of its bytes.

A picture stays while a job in the journal, or a batch, refers to it. One that none refers to is a draft: it stays for some
days after it was last put in or asked for.

Nobody can guess a hash, but one may be seen elsewhere. So where there are accounts a picture is there only for those who put it in,
made it, or have a job or batch that refers to it: for anybody else its hash is like that of a picture which never was.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, bindparam, delete, exists, or_, select, union

from webui.durable import PART_SUFFIX, write_durably
from webui.errors import DataUnusable, DiskFull, EaselError, InvalidRequest, NotFound
from webui.pictures.decoding import PictureFacts, check_picture, media_type_of
from webui.settings import Settings
from webui.studio.database import Database
from webui.studio.dialects.expressions import upsert
from webui.studio.tables import batch, batch_image, image, job, script_image, script_run, upload, used_image
from webui.studio.whose import Kept

log = logging.getLogger(__name__)

FOLDER = "images"

_HASH = re.compile(r"[0-9a-f]{64}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class StoredImage:
    """One picture of the store."""

    sha256: str
    bytes: int
    facts: PictureFacts

    def as_dict(self) -> dict[str, object]:
        """As the API tells it."""
        return {
            "sha256": self.sha256,
            "width": self.facts.width,
            "height": self.facts.height,
            "bytes": self.bytes,
            "media_type": self.facts.media_type,
        }


def is_content_hash(text: str) -> bool:
    """Whether this is how a picture of the store is called: 64 lower hex digits."""
    return _HASH.fullmatch(text) is not None


class ImageStore(Kept):
    """Pictures by content: all of them, or those that are there for one person (`of`). May be used from any thread.

    elsewhere: SHA-256 -> file of a picture that history has, or None; such a picture needs no upload.
    """

    def __init__(
        self, folder: Path, database: Database, settings: Callable[[], Settings], elsewhere: Callable[[bytes], Path | None]
    ) -> None:
        self._folder = folder
        self._database = database
        self._settings = settings
        self._elsewhere = elsewhere
        # Between the last look at a file's age and its removal nobody may be told that it is there.
        self._removing = threading.Lock()

    def put(self, data: bytes) -> StoredImage:
        """Take a picture file; it is on disk when this returns. The same bytes again cost nothing.

        Raises InvalidRequest, TooLarge, DiskFull or DataUnusable.
        """
        facts = check_picture(data, self._settings().image_megapixels)
        digest = hashlib.sha256(data).hexdigest()
        if self._renewed(digest) is None:
            self._write(digest, data)
        if self.whose.owner:
            with self._database.writing() as connection:
                row = {"owner": self.whose.owner, "sha256": bytes.fromhex(digest)}
                connection.execute(upsert(connection, upload).on_conflict_do_nothing(), row)
        return StoredImage(digest, len(data), facts)

    def find(self, sha256: str) -> Path | None:
        """The picture's file, None where neither store nor history has it. Asking for a draft lengthens its life.

        Raises DiskFull or DataUnusable where history's picture can't be copied into the store.
        """
        if not is_content_hash(sha256) or not self._is_there(bytes.fromhex(sha256)):
            return None
        return self._renewed(sha256) or self._taken_from_history(sha256)

    def get(self, sha256: str) -> tuple[Path, str]:
        """The picture's file and its media type. Raises NotFound."""
        path = self.find(sha256)
        if path is None:
            raise NotFound("There is no picture with that hash.", code="image_not_found", hint="Send it to /api/v1/images.")
        return path, media_type_of(path)

    def require(self, sha256: str, field: str) -> Path:
        """The picture's file. Raises InvalidRequest that names the field of the request."""
        path = self.find(sha256)
        if path is None:
            raise InvalidRequest(
                f"The picture {sha256[:10]} is not here (any more).",
                field=field,
                allowed="the SHA-256 of a picture that was uploaded or made here",
                hint="Choose the picture again, or send it to /api/v1/images.",
            )
        return path

    def _is_there(self, sha256: bytes) -> bool:
        """Whether it would be there for whom it is asked; the household has all."""
        if not self.whose.owner:
            return True
        of_jobs = exists().where(used_image.c.sha256 == sha256, used_image.c.job_id == job.c.id, self.whose.are(job))
        of_batches = exists().where(batch_image.c.sha256 == sha256, batch_image.c.batch_id == batch.c.id, self.whose.are(batch))
        of_runs = exists().where(script_image.c.sha256 == sha256, script_image.c.run_id == script_run.c.id, self.whose.are(script_run))
        ways: tuple[ColumnElement[bool], ...] = (
            exists().where(upload.c.sha256 == sha256, self.whose.are(upload)),
            exists().where(image.c.sha256 == sha256, self.whose.are(image)),
            of_jobs,
            of_batches,
            of_runs,
        )
        with self._database.reading() as connection:
            return bool(connection.execute(select(or_(*ways))).scalar())

    def sweep(self) -> int:
        """Remove the drafts that nobody has asked for lately. Returns how many."""
        used = self._used()
        oldest = time.time() - self._settings().keep_uploads_hours * 3600
        removed = [path.name for path in self._files() if path.name not in used and self._remove_if_older(path, oldest)]
        if removed:
            log.info("%d pictures that nobody needs any more were removed from the image store.", len(removed))
            with self._database.writing() as connection:
                connection.execute(
                    delete(upload).where(upload.c.sha256 == bindparam("_gone")), [{"_gone": bytes.fromhex(name)} for name in removed]
                )
        return len(removed)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _write(self, sha256: str, data: bytes) -> None:
        try:
            write_durably(self._path(sha256), data)
        except OSError as error:
            problem = DiskFull if error.errno in _NO_ROOM else DataUnusable
            raise problem(
                f"The picture can't be kept: {error.strerror or error}.", hint=f"Check room and rights of {self._folder}."
            ) from None

    def _renewed(self, sha256: str) -> Path | None:
        path = self._path(sha256)
        with self._removing:
            try:
                os.utime(path)
            except FileNotFoundError:
                return None
            except OSError:
                # A store that can be read, but not written, still has it.
                return path if path.is_file() else None
        return path

    def _taken_from_history(self, sha256: str) -> Path | None:
        source = self._elsewhere(bytes.fromhex(sha256))
        try:
            data = source.read_bytes() if source is not None else b""
        except OSError as error:
            log.info("The picture %s of history can't be read: %s", sha256[:10], error)
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            return None
        try:
            check_picture(data, None)
        except EaselError as problem:
            log.info("The picture %s of history can't be used: %s", sha256[:10], problem)
            return None
        self._write(sha256, data)
        return self._path(sha256)

    def _used(self) -> set[str]:
        tables = (used_image, batch_image, script_image)
        with self._database.reading() as connection:
            digests = connection.execute(union(*(select(table.c.sha256) for table in tables))).scalars()
            return {digest.hex() for digest in digests}

    def _files(self) -> Iterable[Path]:
        return (path for path in self._folder.glob("??/*") if is_content_hash(path.name.split(".")[0]))

    def _remove_if_older(self, path: Path, oldest: float) -> bool:
        with self._removing:
            try:
                if path.stat().st_mtime >= oldest:
                    return False
                path.unlink()
            except OSError as error:
                log.debug("%s stays for now: %s", path.name, error)
                return False
        # Left by a writer that was killed: gone, but no picture.
        return not path.name.endswith(PART_SUFFIX)

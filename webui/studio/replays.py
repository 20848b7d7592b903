"""Pictures made again: compared with the original pixel by pixel, with a proof of what came of it; and branches gone again step by step."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from PIL import Image
from sqlalchemy import delete, insert, select, update

from webui import __version__
from webui.errors import Conflict, EaselError, InvalidRequest, NotFound
from webui.generation.events import Picture
from webui.generation.fingerprint import FILE, FactChange, changed_facts, facts_of, fingerprint
from webui.generation.loopback import started_from
from webui.generation.request import (
    REQUEST_TYPES,
    GenerationRequest,
    PictureFromPicture,
    ResolvedRequest,
    ResolvedUpscale,
    Upscale,
    load_resolved,
    parse_request,
)
from webui.pictures.decoding import with_alpha
from webui.pictures.sameness import compare
from webui.pictures.transparency import laid_on
from webui.studio import picture_format
from webui.studio.carried import NOTHING, read_carried
from webui.studio.database import Database
from webui.studio.history import History
from webui.studio.ids import IdClock, time_of
from webui.studio.image_store import ImageStore
from webui.studio.journal import Job, Journal, NewJob, parse_id
from webui.studio.lineage import Lineage, branch_of
from webui.studio.origin import REPLAY, VARIATION, BranchStep, Origin
from webui.studio.picture_file import DEFAULT_STYLE, PictureFolder, encode
from webui.studio.picture_keeper import ground_of
from webui.studio.tables import generation, image, replay
from webui.studio.whose import Kept, Whose

log = logging.getLogger(__name__)

Verdict = Literal["identical", "close", "different"]
IDENTICAL, CLOSELY, DIFFERENT = VERDICTS = get_args(Verdict)
CLOSE = 8
"""Largest difference of a channel, of 255, that is called close: nobody sees it."""

_NOT_ONE_PICTURE = ("kind", "batch_count", "batch_size", "loops", "styles")
"""Fields that can't be changed on the way: a step of a branch makes one picture, of its own kind, in the words that it had."""

_NO_LIMIT = 10**9
_KEPT_PROOFS = 50
"""Replays of one picture that are told, newest first."""


@dataclass(frozen=True)
class Proof:
    """What comparing a picture with its original found.

    pixels: of the original. differing: how many are not the same, of so many; largest and mean difference of a channel (0 to 255), both
    None where the sizes differ. same_file: whether the original's file would come out again, byte for byte, with the times that it records.
    changes: facts that are others now.
    """

    verdict: Verdict
    pixels: int
    differing: int
    largest: int | None
    mean: float | None
    same_file: bool
    changes: tuple[FactChange, ...]


@dataclass(frozen=True)
class ReplayHands:
    """What replays ask of the studio.

    prepared: a request -> a job that makes exactly that for whoever it is: neither styles nor add-ons change its words; raises EaselError.
    announce: jobs were taken. told: the picture of that id was compared with what the job of that id made.
    """

    prepared: Callable[[GenerationRequest, Origin, Whose], NewJob]
    announce: Callable[[Sequence[Job]], list[dict[str, Any]]]
    told: Callable[[int, int], None]


class Replays(Kept):
    """Makes pictures of history again: anybody's, or one person's (`of`). May be used from any thread."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        ids: IdClock,
        history: History,
        lineage: Lineage,
        pictures: PictureFolder,
        images: ImageStore,
        queue_limit: Callable[[], int],
        hands: ReplayHands,
    ) -> None:
        self._database = database
        self._journal = journal
        self._ids = ids
        self._history = history
        self._lineage = lineage
        self._pictures = pictures
        self._images = images
        self._queue_limit = queue_limit
        self._hands = hands

    def start(self) -> None:
        """Go on with the branches whose next step a crash kept from coming."""
        for job in self._journal.unfollowed():
            self.follow(job)

    # asking

    def replay(self, image_id: str, *, branch: bool = False) -> dict[str, Any]:
        """Make a picture again as it was made, and compare. branch: and before it all that it was made from, one after the other.

        Returns the (first) job. Raises NotFound, Conflict, and what `Studio.submit` raises.
        """
        identifier = parse_id(image_id)
        steps = self._branch(identifier, None) if branch else [(identifier, self._request(identifier))]
        for step, _ in steps:
            self._require_file(step)
        return self._begin([BranchStep(step) for step, _ in steps], REPLAY, proof=True)

    def branch(self, image_id: str, change: Mapping[str, Any], at: str | None = None) -> dict[str, Any]:
        """Make a picture again with something changed: in its own request, or in that of a picture that it came from.

        Everything between that one and this one is made again, each from what came of the one before. change: fields -> values.
        Returns the first job. Raises NotFound, InvalidRequest, Conflict, and what `Studio.submit` raises.
        """
        identifier = parse_id(image_id)
        steps = self._branch(identifier, identifier if at is None else parse_id(at))
        first = steps[0][1]
        known = [name for name in REQUEST_TYPES[first.kind].model_fields if name not in _NOT_ONE_PICTURE]
        strange = next((name for name in change if name not in known), None)
        if not change or strange is not None:
            raise InvalidRequest(
                f"{strange[:80]!r} can't be changed there." if strange else "Nothing is to be changed.",
                field="change" if strange is None else strange[:80],
                allowed=", ".join(known),
                hint="Send the fields to change with their new values; replay it to change nothing.",
            )
        return self._begin([BranchStep(steps[0][0], change), *(BranchStep(step) for step, _ in steps[1:])], VARIATION, proof=False)

    def _branch(self, identifier: int, at: int | None) -> list[tuple[int, ResolvedRequest]]:
        return branch_of(identifier, at, self._request, self._lineage.of(self.whose).source_of)

    def _request(self, identifier: int) -> ResolvedRequest:
        """The request that makes a picture again. Raises NotFound, or Conflict for a picture of another program."""
        if (tool := self._original(identifier).tool) is not None:
            raise Conflict(
                f"This picture was made by {tool}, so Easel can't prove anything by making it again.",
                field="id",
                hint="Use its parameters and compare the two.",
            )
        return self._history.request_of(identifier)

    def _require_file(self, identifier: int) -> None:
        try:
            self._pictures.path(self._original(identifier).path)
        except NotFound:
            raise Conflict(
                "The picture's file is gone, so there is nothing to compare with.",
                field="id",
                hint="Use its parameters instead.",
            ) from None

    def _begin(self, steps: Sequence[BranchStep], relation: str, *, proof: bool) -> dict[str, Any]:
        first, *rest = steps
        entry = self._hands.prepared(self._asked(first), Origin(relation, first.image, proof, tuple(rest)), self.whose)
        return self._hands.announce(self._journal.of(self.whose).add([entry], self._queue_limit()))[0]

    def _asked(self, step: BranchStep, source: str = "") -> GenerationRequest:
        """The request of a step. source: SHA-256 of the picture that it is to start from, in place of its own."""
        made = self._history.request_of(step.image)
        fields = {name: getattr(made, name) for name in REQUEST_TYPES[made.kind].model_fields}
        if source and isinstance(made, PictureFromPicture | Upscale):
            fields["init_image"] = source
        return parse_request({**fields, **step.change})

    # going on

    def follow(self, job: Job) -> None:
        """Hand over the next step of a branch whose step is done. Where it can't be made, that is noted at the job."""
        origin = job.origin
        if origin is None or not origin.then:
            return
        source = self._history.saved_before(job.id, range(job.resolved.picture_count)) or self._original(origin.image).sha256.hex()
        step, *rest = origin.then
        try:
            asked = self._asked(step, source)
            entry = self._hands.prepared(asked, Origin(origin.relation, step.image, origin.proof, tuple(rest)), Whose(job.owner))
        except EaselError as problem:
            log.warning("The branch of job %s ends: %s", job.id, problem)
            self._journal.give_up_following(job, f"The branch ends here, since its next step can't be made: {problem}")
            return
        entry, journal = replace(entry, priority=job.priority, lane=job.lane), self._journal.of(Whose(job.owner))
        self._hands.announce(journal.add([entry], _NO_LIMIT, along=lambda connection, _: journal.followed(connection, job)))

    # proving

    def prove(self, job: Job, event: Picture) -> Proof | None:
        """Compare what a job made with what it makes again; None for a job that proves nothing. Raises EaselError or OSError."""
        if job.origin is None or not job.origin.proof:
            return None
        row = self._original(job.origin.image)
        request = load_resolved(row.resolved)
        path = self._pictures.path(row.path)
        again = self._as_original(Image.frombytes(event.mode, (event.width, event.height), event.rgb), request, row, path.suffix)
        with Image.open(path) as original, Image.open(io.BytesIO(again)) as made:
            found, size = compare(with_alpha(original), with_alpha(made)), original.size
        before = {**(row.fingerprint or {}), **facts_of(row.facts)}
        after = fingerprint(job.resolved, event.facts | ({FILE: before[FILE]} if FILE in before else {}), easel=__version__)
        changes = changed_facts(before, after, request.alone(row.idx, started_from(row.facts)), job.resolved)
        pixels = size[0] * size[1]
        if found is None:
            return Proof(DIFFERENT, pixels, pixels, None, None, False, changes)
        verdict = IDENTICAL if not found.differing else CLOSELY if found.largest <= CLOSE else DIFFERENT
        same_file = hashlib.sha256(again).digest() == row.sha256
        return Proof(verdict, pixels, found.differing, found.largest, found.mean, same_file, changes)

    def _as_original(self, picture: Image.Image, request: ResolvedRequest, row: Any, suffix: str) -> bytes:
        """A picture as its file would be if it were the original: that loses what the original's file loses."""
        form = picture_format.by_suffix(suffix)
        _, _, said = str(row.facts.get(FILE, "")).rpartition(" ")
        quality = int(said) if said.isdigit() else DEFAULT_STYLE.quality
        carried = NOTHING
        if isinstance(request, ResolvedUpscale):
            carried = read_carried(self._images.require(request.init_image, "init_image").read_bytes())
        if not form.alpha:
            picture = laid_on(picture, ground_of(request))
        return encode(picture, request, row.idx, row.facts, suffix, quality, carried).data

    def keep(self, job: Job, proof: Proof) -> None:
        """Write a proof down, in place of one that the same job had before."""
        assert job.origin is not None, "there is something to prove"
        told = {name: value for name, value in asdict(proof).items() if name != "verdict"}
        with self._database.writing() as connection:
            connection.execute(delete(replay).where(replay.c.job_id == job.id))
            connection.execute(
                insert(replay).values(id=self._ids.next(), image_id=job.origin.image, job_id=job.id, verdict=proof.verdict, told=told)
            )

    def kept(self, job: Job, made: int | None) -> None:
        """Note which picture a proof speaks of, where it was kept, and tell all pages."""
        assert job.origin is not None, "there is something to prove"
        if made is not None:
            with self._database.writing() as connection:
                connection.execute(update(replay).where(replay.c.job_id == job.id).values(made=made))
        self._hands.told(job.origin.image, job.id)

    # looking

    def of_image(self, image_id: str) -> list[dict[str, Any]]:
        """The replays of a picture, newest first. Raises NotFound."""
        identifier = parse_id(image_id)
        self._original(identifier)
        with self._database.reading() as connection:
            query = select(replay).where(replay.c.image_id == identifier).order_by(replay.c.id.desc()).limit(_KEPT_PROOFS)
            return [_view(row) for row in connection.execute(query)]

    def of_job(self, job: Job) -> dict[str, Any] | None:
        """What a job proved; None where it is no replay, or not done."""
        if job.origin is None or not job.origin.proof:
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(replay).where(replay.c.job_id == job.id)).first()
        return None if row is None else _view(row)

    def _original(self, identifier: int) -> Any:
        with self._database.reading() as connection:
            row = connection.execute(_ORIGINAL.where(image.c.id == identifier, self.whose.are(image))).first()
        if row is None:
            raise NotFound("There is no picture with that id.", code="image_not_found", hint="Ids are numbers that Easel gave out.")
        return row


_ORIGINAL = select(
    image.c.path, image.c.sha256, image.c.facts, image.c.idx, generation.c.resolved, generation.c.fingerprint, generation.c.tool
).join_from(image, generation)


def _view(row: Any) -> dict[str, Any]:
    made = None if row.made is None else str(row.made)
    return {
        "id": str(row.id),
        "created_at": time_of(row.id).isoformat(),
        "of": str(row.image_id),
        "job": str(row.job_id),
        "verdict": row.verdict,
        **row.told,
        "made": made,
    }

"""What the API answers: every shape, with units and ranges, as OpenAPI shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from webui.studio.marks import Marks

Id = Annotated[
    str, Field(pattern=r"^[0-9]{1,19}$", description="A 63-bit number as digits; larger is newer.", examples=["1885400000000000"])
]
Seconds = Annotated[float, Field(ge=0, description="Seconds.")]


class ErrorDetail(BaseModel):
    """What went wrong, and the way out."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(description="For programs: the kind of error.", examples=["invalid_request"])
    message: str = Field(description="One sentence: what happened.", examples=["Steps can't be 0."])
    field: str | None = Field(None, description="The field at fault, if any.", examples=["steps"])
    allowed: str | None = Field(None, description="Its allowed range or choices, in words.", examples=["1 to 150"])
    hint: str = Field("", description="One sentence: what to do next.", examples=["Use 1 to 150."])


class ErrorAnswer(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail


class Source(BaseModel):
    """What a picture started from."""

    url: str = Field(
        description="Path of it as it lay under the picture: a PNG of the picture's own size; of an upscale at its own size, cut to what "
        "is still seen."
    )
    resize_mode: str = Field(description="How it came to that size; empty of an upscale.")
    image: str = Field(description="SHA-256 of it as it was put in.")
    name: str = Field(description="What its file was called; empty where that isn't known.")
    width: int | None = Field(description="Pixels of it as it was put in; told of an upscale.")
    height: int | None = Field(description="The same.")


class ToldOtherwise(BaseModel):
    """A parameter that Easel has no setting for."""

    key: str
    value: str
    reason: str


class ImportedFrom(BaseModel):
    """Where a picture of another program lies."""

    tool: str = Field(description="The program that made it.", examples=["AUTOMATIC1111"])
    folder: str = Field(description="Whole path on Easel's machine. Untrusted text.")
    gone: bool = Field(description="The file isn't there any more.")
    unmapped: list[ToldOtherwise] = Field(description="What would not be the same if Easel drew it.")


class Image(BaseModel):
    """One picture with everything that made it."""

    id: str = Field(description="Id of the picture; `live-…` for a live one, which isn't kept.")
    generation: str = Field(description="Pictures of one job share it; empty for a live picture.")
    index: int = Field(ge=0, description="Number of the picture within its job, from 0.")
    url: str = Field(description="Path of the picture's file.")
    thumbnail: str = Field(description="Path of a WebP of at most 384 px.")
    seed: str | None = Field(
        description="This picture's own seed, as digits: JavaScript's numbers are too short for it. This and what follows to clip_skip, "
        "prompts apart, is null of an upscale, which isn't drawn."
    )
    prompt: str = Field(description="Of an upscale: what its source was made from, where its file tells.")
    negative_prompt: str
    checkpoint: str | None
    checkpoint_hash: str | None = Field(description="First 10 hex digits of the checkpoint's content hash.")
    sampler: str | None
    schedule_type: str | None
    steps: int | None = Field(ge=1)
    cfg_scale: float | None = Field(ge=0)
    clip_skip: int | None = Field(ge=1)
    kind: Literal["txt2img", "img2img", "inpaint", "upscale"] = Field(description="What it was made from.")
    source: Source | None = Field(description="The picture that it started from; null where that was words alone.")
    hires: bool = Field(description="Whether it had a hires pass.")
    finishing: list[dict[str, Any]] = Field(description="Steps that it was finished by, as a request has them.")
    extensions: dict[str, dict[str, Any]] = Field(description="Values for add-ons that it was made with, by add-on id.")
    infotext: str = Field(description="AUTOMATIC1111's generation parameters.")
    width: int = Field(ge=1, description="Pixels.")
    height: int = Field(ge=1, description="Pixels.")
    seconds: Seconds
    bytes: int = Field(ge=0, description="Size of the file.")
    file: str = Field(description="Name of the file.")
    sha256: str = Field(description="Of the file: a request can refer to the picture by it. Empty for a live picture.")
    film: str | None = Field(description="Path of the list of its steps' views, where they were kept.")
    mean_colour: str = Field(pattern="^#[0-9a-f]{6}$", description="The ground to show while the picture loads.")
    facts: dict[str, Any] = Field(description="What was measured while it was made: device, dtype, versions, seconds by stage.")
    created_at: str = Field(description="UTC, ISO 8601; empty for a live picture.")
    favourite: bool
    rating: int | None = Field(ge=1, le=5)
    note: str
    tags: list[str]
    trashed: bool = Field(description="Whether it is in the trash.")
    tool: str | None = Field(description="The program that made it; null: Easel.")
    imported: ImportedFrom | None = Field(description="Of another program's picture: where it lies. Its values are as its file tells them.")


class FrameAnswer(BaseModel):
    """What a picture would have been after one of its steps."""

    number: int = Field(ge=1)
    url: str = Field(description="Path of the frame, a WebP of at most 512 px.")
    step: int = Field(ge=1)
    steps: int = Field(ge=1, description="Of all passes.")
    hires: bool = Field(description="Whether it is of the hires pass.")
    sigma: float | None = Field(ge=0, description="Noise level at which it was seen; null where that isn't known.")


class FilmAnswer(BaseModel):
    """The steps of a picture, as they were seen."""

    frames: list[FrameAnswer]


class StoredImage(BaseModel):
    """A picture that requests can refer to."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of its bytes: what a request calls it.")
    width: int = Field(ge=1, description="Pixels, as it is looked at.")
    height: int = Field(ge=1, description="Pixels, as it is looked at.")
    bytes: int = Field(ge=1, description="Size of the file.")
    media_type: str = Field(examples=["image/png"])


class ThresholdAnswer(BaseModel):
    """A number that a preprocessor heeds."""

    label: str
    default: float
    minimum: float
    maximum: float
    step: float


class PreprocessorAnswer(BaseModel):
    """What can be made of a control's picture before its model looks at it."""

    name: str
    label: str
    help: str
    aliases: list[str] = Field(description="Further names that are taken, those of sd-webui-controlnet among them.")
    thresholds: list[ThresholdAnswer] = Field(description="threshold_a and threshold_b of a control, in order.")


class ControlModelAnswer(BaseModel):
    """A model that a picture can steer through."""

    name: str = Field(description="As a control's `model`.")
    kind: str = Field(description="controlnet or ip_adapter: as a control's `kind`.")
    family: str = Field(description="sd1, sd2 or sdxl; empty where the file doesn't tell.")
    lacks: str = Field(description="What it needs that is not here, such as an image encoder, and what to do; empty when it can be used.")


class ControlChoices(BaseModel):
    """What a control can be made of, for one checkpoint."""

    models: list[ControlModelAnswer] = Field(description="Those that may fit the checkpoint.")
    preprocessors: list[PreprocessorAnswer]
    resize_modes: list[str]
    control_modes: list[str]
    most: int = Field(ge=1, description="Most controls of one request.")


class Progress(BaseModel):
    """How far a running job is."""

    job: Id
    image: int = Field(ge=0, description="The picture being made, from 0.")
    images: int = Field(ge=1, description="Pictures in the whole job.")
    step: int = Field(ge=0)
    steps: int = Field(ge=0)
    fraction: float = Field(ge=0, le=1, description="Share of the whole job that is done.")
    seconds_left: float | None = Field(ge=0, description="Seconds until the whole job is done; null while that isn't known.")
    stage: str = Field(description="What is happening now, in words; empty while steps are made.")
    preview: str | None = Field(description="Path of the newest preview (JPEG).")


class FactChangeAnswer(BaseModel):
    """A fact that decides a picture's bytes, and is another one now."""

    fact: str = Field(description="Its name, or the field of the request.", examples=["attention", "versions.torch", "cfg_scale"])
    label: str = Field(description="The same in words.", examples=["Attention"])
    before: str
    after: str


class Replay(BaseModel):
    """What comparing a picture with its original found."""

    id: Id
    created_at: datetime
    of: Id = Field(description="Id of the original.")
    job: Id = Field(description="The job that made it again.")
    verdict: Literal["identical", "close", "different"] = Field(
        description="identical: every pixel is the same. close: no channel differs by more than 8 of 255. different: one does, or the size."
    )
    pixels: int = Field(ge=1, description="Of the original.")
    differing: int = Field(ge=0, description="How many of them are not the same.")
    largest: int | None = Field(ge=0, le=255, description="Largest difference of a channel; null where the sizes differ.")
    mean: float | None = Field(ge=0, le=255, description="Mean difference of all channels; null where the sizes differ.")
    same_file: bool = Field(description="Whether the original's file would come out again, byte for byte but for the times in it.")
    changes: list[FactChangeAnswer] = Field(description="Facts that are others than when the original was made, the most telling first.")
    made: Id | None = Field(description="The picture that was kept; null where it is identical, and so was not.")


class Replays(BaseModel):
    """The replays of a picture, newest first."""

    items: list[Replay]


class LineageNode(BaseModel):
    """A picture of a family."""

    id: str = Field(description="Id of the picture; the SHA-256 of one that was put in from elsewhere.")
    url: str = Field(description="Path of the picture.")
    thumbnail: str = Field(description="Path of a small one.")
    made_by: str = Field(description="What made it, in words.", examples=["txt2img", "Inpaint", "Upscale 4 ×", "Source"])
    kind: Literal["txt2img", "img2img", "inpaint", "upscale"] | None = Field(description="Null of one that was put in from elsewhere.")
    prompt: str
    mean_colour: str = Field(pattern="^#[0-9a-f]{6}$")
    trashed: bool
    created_at: datetime | None = Field(description="Null of one that was put in from elsewhere.")


class LineageLink(BaseModel):
    """One picture of a family was made from another."""

    source: str = Field(description="Id of a node.")
    image: str = Field(description="Id of the node that was made from it.")
    relation: Literal["init", "mask", "upscale", "hires", "control", "variation", "replay", "script"]


class LineageAnswer(BaseModel):
    """All that a picture came from, and all that came of any of these."""

    nodes: list[LineageNode] = Field(max_length=400, description="Those that were put in from elsewhere, then the others, oldest first.")
    links: list[LineageLink]
    whole: bool = Field(description="False where the family is larger than what is told.")


class DiffRun(BaseModel):
    """Neighbouring words of a prompt that fared alike."""

    kind: Literal["same", "added", "removed", "reweighted"]
    text: str
    before: float | None = Field(description="Weight in the first prompt; null where they aren't in it.")
    after: float | None = Field(description="The same of the second prompt.")
    when: str = Field(description="The moment they are asked for, in words; empty for always.", examples=["to 0.5", "1 of 3 in turn"])
    spaced: bool = Field(description="Whether a space stands before them.")


class PromptDiffAnswer(BaseModel):
    """A prompt's words from the first picture to the second."""

    field: str = Field(examples=["prompt", "negative_prompt", "regions"])
    label: str
    runs: list[DiffRun]
    added: int = Field(ge=0)
    removed: int = Field(ge=0)
    reweighted: int = Field(ge=0)
    change: dict[str, Any] | None = Field(description="Fields of a request that give the first picture what the second has.")


class ParameterDiffAnswer(BaseModel):
    """A parameter of both pictures, in words."""

    name: str
    label: str
    before: str
    after: str
    changed: bool
    change: dict[str, Any] | None = Field(
        description="Fields of a request that give the first picture what the second has (as for POST /history/{image_id}/branch); null "
        "where it can't have that."
    )


class EditAnswer(BaseModel):
    """A picture on the way from one to another, and what was changed for it since the one before."""

    image: str = Field(description="Id of the picture.")
    thumbnail: str
    created_at: datetime
    prompts: list[PromptDiffAnswer]
    parameters: list[ParameterDiffAnswer]


class DiffAnswer(BaseModel):
    """What is different between two pictures, and the essential parameters where they are not."""

    before: Image
    after: Image
    changes: int = Field(ge=0, description="How much is different: runs of words, and parameters.")
    prompts: list[PromptDiffAnswer]
    parameters: list[ParameterDiffAnswer]
    way: list[EditAnswer] = Field(description="What led from the earlier picture to the later one, that one last; else empty.")


class Duplicates(BaseModel):
    """Pictures that a request would make again."""

    pictures: int = Field(ge=1, description="How many the request makes.")
    made: int = Field(ge=0, description="How many of them were made already; 0 where chance decides what is made.")
    images: list[Image] = Field(description="At most four of those, in the request's order.")


class Job(BaseModel):
    """One job."""

    id: Id
    status: Literal["waiting", "running", "done", "cancelled", "failed"]
    live: bool = Field(description="Made while somebody types; its picture isn't kept.")
    client: str | None
    priority: int = Field(description="Higher ones go first.")
    forever: bool = Field(description="Another one follows each time it starts.")
    film: bool = Field(description="A view of each step is kept.")
    kind: Literal["txt2img", "img2img", "inpaint", "upscale", ""] = Field(description="Empty where it can't be read any more.")
    prompt: str = Field(description="Of an upscale: what its source was made from, where its file tells.")
    checkpoint: str = Field(description="Empty where none draws.")
    pictures: int = Field(ge=1, description="How many it makes in all.")
    width: int = Field(ge=0, description="Pixels.")
    height: int = Field(ge=0, description="Pixels.")
    seed: str | None = Field(description="Seed of its first picture, as digits; null where it isn't drawn.")
    source_name: str = Field(description="What the file was called that it starts from; empty where that isn't known.")
    done: int = Field(ge=0, description="How many pictures are finished.")
    created_at: datetime
    ended_at: datetime | None
    progress: Progress | None
    error: ErrorDetail | None
    notes: list[str] = Field(description="What you should know that stopped nothing.")
    images: list[Image] = Field(description="The finished pictures, in order.")
    replay: Replay | None = Field(description="Of a job that made a picture again: what comparing the two found.")


class WaitingJob(Job):
    """A job in line."""

    starts_in: float | None = Field(ge=0, description="Seconds until it starts, as planned; null while that isn't known.")
    seconds: float | None = Field(ge=0, description="Seconds it will take; null while that isn't known.")
    ahead: int = Field(ge=0, description="Jobs that run before it, also others'.")


class QueuePerson(BaseModel):
    """Somebody else whose jobs wait or run, as administrators see it."""

    id: str
    name: str
    waiting: int = Field(ge=0, description="Their jobs that wait.")
    running: int = Field(ge=0, description="Their jobs that run.")
    paused: bool = Field(description="Their line is paused.")


class QueueSummary(BaseModel):
    """Your queue in a few numbers."""

    total: int = Field(ge=0, description="Your waiting jobs.")
    paused: bool
    held: bool = Field(description="An administrator paused it, so you can't resume it.")
    others: int = Field(ge=0, description="Waiting jobs of others, with whom you take turns.")
    people: list[QueuePerson] = Field(description="Those others, told to administrators only.")
    forever: bool = Field(description="A job waits that is followed by another one each time it starts.")
    seconds: float | None = Field(ge=0, description="Seconds until all are done; null when nothing waits or that isn't known.")


class QueuePage(QueueSummary):
    """What runs, and a part of what waits, in the order in which it will run."""

    running: list[Job]
    waiting: list[WaitingJob]
    offset: int = Field(ge=0, description="Number in line of the first one.")


class Accepted(BaseModel):
    """A job that was taken."""

    id: Id
    status: str


class BatchAnswer(BaseModel):
    """The jobs of a batch, in its order."""

    jobs: list[Accepted]


class FileAtWork(BaseModel):
    """A file of a batch that is being made."""

    number: int = Field(ge=0)
    name: str
    job: Id


class Batch(BaseModel):
    """A folder or many files, each drawn on, or upscaled, by a job of its own."""

    id: Id
    status: Literal["active", "paused", "done", "cancelled"] = Field(description="active: its files go to the queue one after the other.")
    kind: Literal["img2img", "inpaint", "upscale"]
    prompt: str
    pictures: int = Field(ge=1, description="How many are made of each file.")
    folder: str = Field(description="Where the files lie; empty where they were uploaded.")
    output_folder: str = Field(description="Folder whose pictures keep the names of the files; empty: they go where all others go.")
    own: list[str] = Field(description="What is taken from each file's own parameters.")
    total: int = Field(ge=0, description="Files.")
    waiting: int = Field(ge=0, description="Files yet to be drawn on.")
    running: int = Field(ge=0)
    done: int = Field(ge=0)
    failed: int = Field(ge=0, description="Files that could not be used or drawn on.")
    cancelled: int = Field(ge=0)
    now: list[FileAtWork] = Field(description="Files that are being made.")
    seconds_left: float | None = Field(ge=0, description="Seconds until all are drawn; null while that isn't known.")
    error: ErrorDetail | None = Field(description="What paused it, where nobody did.")
    created_at: datetime
    ended_at: datetime | None


class BatchList(BaseModel):
    """Batches, newest first."""

    items: list[Batch]


class BatchFile(BaseModel):
    """One file of a batch."""

    number: int = Field(ge=0)
    name: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    error: ErrorDetail | None
    job: str | None = Field(description="The job that draws on it; null before it is its turn.")
    image: str | None = Field(description="Its newest picture, as in /history.")
    thumbnail: str = Field(description="Path of a WebP: of that picture, else of the file as it is before.")
    source: str | None = Field(description="Path of the file as it was, once it was read.")
    width: int | None = Field(description="Pixels of the file as it is before; null where it doesn't tell.")
    height: int | None = Field(description="The same.")
    to_width: int | None = Field(description="Pixels of its newest picture, or of what an upscale will make of it.")
    to_height: int | None = Field(description="The same.")
    seconds: float | None = Field(description="Seconds that its newest picture took.")


class BatchFiles(BaseModel):
    """A part of the files of a batch, in order."""

    items: list[BatchFile]
    total: int = Field(ge=0, description="How many there are in all that fit.")


class BatchPlan(BaseModel):
    """What upscales will take, told before they begin."""

    pictures: int = Field(ge=1)
    width: int | None = Field(description="Pixels of what is made, where that is one picture.")
    height: int | None = Field(description="The same.")
    seconds: float | None = Field(description="About how many for all of them; null while that isn't known.")
    bytes: int = Field(ge=0, description="About how many on the disk.")
    tiles: str = Field(
        description="How the upscaler is tiled, of many pictures for the first; empty while that isn't known.",
        examples=["6 tiles of 512 px, overlapping by 32", "the whole picture at once"],
    )
    text: str = Field(examples=["120 pictures in about 4 min, 1.1 GB of disk"])


class BatchLook(BaseModel):
    """What a folder holds."""

    folder: str
    total: int = Field(ge=1, description="Files that look like pictures.")
    first: list[str] = Field(description="Names of the first ones.")
    others: int = Field(ge=0, description="Files that are no pictures.")
    links: int = Field(ge=0, description="Links, which are not followed.")
    masks: int = Field(ge=0)
    unmasked: int = Field(ge=0, description="Pictures for which there is no mask.")
    first_unmasked: str | None


class JobList(BaseModel):
    """Ended jobs, newest first."""

    jobs: list[Job]
    next: str | None = Field(description="Ask for the next page with `before=next`; null at the end.")


class Cleared(BaseModel):
    """The queue was cleared."""

    cancelled: int = Field(ge=0)
    stamp: Id = Field(description="Send it to /queue/restore to have them back.")


class Count(BaseModel):
    """How many jobs it was about."""

    jobs: int = Field(ge=0)


class HistoryPage(BaseModel):
    """Pictures, newest first."""

    items: list[Image]
    next: str | None = Field(description="Ask for the next page with `before=next`; null at the end.")
    total: int | None = Field(ge=0, description="How many pictures there are in all; null for a search.")
    partial: bool = Field(description="The time was used up before the page was full: older pictures are searched with `before=next`.")
    searched_to: str | None = Field(description="How far back a partial page was searched: UTC, ISO 8601.")


class Card(BaseModel):
    """One picture as a grid shows it: some of the fields of an Image, and the same there."""

    id: str
    url: str
    thumbnail: str
    width: int = Field(ge=1, description="Pixels.")
    height: int = Field(ge=1, description="Pixels.")
    bytes: int = Field(ge=0, description="Size of the file.")
    file: str
    seed: str | None
    prompt: str
    kind: Literal["txt2img", "img2img", "inpaint", "upscale"]
    hires: bool
    source_name: str = Field(description="What an upscale's source was called; empty of other pictures.")
    mean_colour: str = Field(pattern="^#[0-9a-f]{6}$")
    created_at: str
    favourite: bool
    rating: int | None = Field(ge=1, le=5)
    note: str
    tags: list[str]
    trashed: bool
    tool: str | None


class HistoryCards(BaseModel):
    """Pictures as a grid shows them, newest first. All else as in a HistoryPage."""

    items: list[Card]
    next: str | None
    total: int | None = Field(ge=0)
    partial: bool
    searched_to: str | None


class HistoryCount(BaseModel):
    """How many pictures a search finds."""

    n: int = Field(ge=0)
    more: bool = Field(description="There may be more: counting ends at 1,000, or when its time is used up.")


class SearchTerm(BaseModel):
    """A term of a search."""

    start: int = Field(ge=0, description="Where it begins, as JavaScript counts (UTF-16).")
    end: int = Field(ge=0)
    text: str = Field(description="As it is written.")
    field: str = Field(description="What stands before its colon, in lower case; empty for words.")
    operator: str = Field(description=">=, <=, >, <, = or empty.")
    value: str = Field(description="What stands behind, without quotes; alternatives with commas between them.")
    negated: bool
    problem: str | None = Field(description="Why it can't be used and what to write instead, in sentences; null where it can.")


class SearchTerms(BaseModel):
    """A search, term by term."""

    terms: list[SearchTerm]
    problem: str | None = Field(description="What is wrong with all of it; null where nothing is.")


class SearchWayOn(BaseModel):
    """What could stand in place of what is being typed."""

    text: str
    label: str
    n: int | None = Field(ge=0, description="How many pictures have it (of words: how many jobs); null where that isn't known.")


class SearchWaysOn(BaseModel):
    """Ways on, best first."""

    start: int = Field(ge=0, description="They replace what stands from here, as JavaScript counts (UTF-16),")
    end: int = Field(ge=0, description="to here.")
    items: list[SearchWayOn]


class FacetValue(BaseModel):
    """A value and how many of the pictures have it."""

    value: str
    n: int = Field(ge=1)


class Facets(BaseModel):
    """What pictures have, the most frequent first."""

    of: int = Field(ge=0, description="How many pictures were looked at: the newest 10,000 of a search, or all.")
    exact: bool = Field(description="Those are all.")
    facets: dict[Literal["checkpoint", "lora", "kind", "rating", "tag", "sampler", "tool"], list[FacetValue]]


class SavedSearch(BaseModel):
    """A search with a name."""

    name: str
    query: str
    n: int | None = Field(ge=0, description="How many pictures it finds, up to 1,000; null where there was no time to count.")
    more: bool = Field(description="There may be more.")


class SavedSearches(BaseModel):
    """All saved searches in order of name."""

    items: list[SavedSearch]


class MarksBefore(BaseModel):
    """What was said of the pictures before. Sent back with PUT /history/images/marks it is said again."""

    before: list[Marks]


class BulkSlice(BaseModel):
    """A slice of an act on all that a search finds."""

    done: int = Field(ge=0, description="How many pictures it was done with.")
    next: str | None = Field(description="Sent again as `below` this goes on with the next slice; null at the end.")


class BulkUndone(BaseModel):
    """A slice of an act that is taken back."""

    done: int = Field(ge=0, description="Of how many pictures.")
    more: bool = Field(description="Send it again: there is more.")


class Changed(BaseModel):
    """How many pictures were changed."""

    changed: int = Field(ge=0)


class Trashed(BaseModel):
    """What was put into the trash."""

    trashed: list[str] = Field(description="The pictures that weren't there before: to take it back send them to /history/restore.")


class Restored(BaseModel):
    """What was taken out of the trash."""

    restored: list[str]


class KeptInTrash(BaseModel):
    """A picture whose file can't be deleted."""

    id: Id
    reason: str


class Emptied(BaseModel):
    """What is gone for good."""

    removed: int = Field(ge=0, description="Pictures.")
    bytes: int = Field(ge=0, description="Of their files.")
    kept: list[KeptInTrash]


class Notice(BaseModel):
    """What lasts and everybody should know."""

    code: str
    message: str
    hint: str
    kind: Literal["bad", "wait"]


class Worker(BaseModel):
    """The engine's process."""

    state: Literal["ready", "starting", "lost"]
    device: str
    dtype: str
    message: str


class Snapshot(BaseModel):
    """All that a page needs to draw itself; the events after `seq` bring it up to date."""

    seq: int
    queue: QueueSummary
    jobs: list[WaitingJob | Job]
    worker: Worker
    notices: list[Notice]
    estimate_all: float | None = Field(description="Seconds until all jobs are done.")
    session: list[Image] = Field(description="The newest pictures.")


FindingState = Literal["ok", "warn", "bad", "unchecked"]
Bytes = Annotated[int, Field(ge=0, description="Bytes.")]


class FindingAnswer(BaseModel):
    """One check and what it found."""

    id: str
    group: str
    name: str
    thorough: bool = Field(description="It reads much, so it is made by POST /system/check only.")
    state: FindingState = Field(description="bad: it doesn't work until it is mended. unchecked: not known yet.")
    text: str = Field(description="What was found, in a line.")
    advice: str = Field(description="What to do; empty when there is nothing.")
    items: list[str] = Field(description="Details, one line each.")
    checked_at: datetime | None


class Doing(BaseModel):
    """How far the thorough check is."""

    words: str = Field(examples=["Reading the whole database"])
    number: int = Field(ge=1)
    of: int = Field(ge=1)


class EngineFacts(BaseModel):
    """What the engine's process said of itself; empty while it has said nothing."""

    ready: bool
    problem: str
    device: str = Field(examples=["cpu", "cuda:0"])
    device_name: str
    dtype: str = Field(examples=["bfloat16"])
    attention: list[str] = Field(description="Kernels that did their work when they were called.")


class MemoryFacts(BaseModel):
    """Main memory, or less where a container has a limit."""

    total: Bytes
    available: Bytes


class DiskFacts(BaseModel):
    """A disk that Easel writes to."""

    name: str
    folder: str
    total: Bytes
    free: Bytes
    reserve: int = Field(ge=0, description="Bytes that are kept free: below that the queue waits.")


class System(BaseModel):
    """What the doctor found, and the facts behind it."""

    version: str
    state: Literal["ok", "warn", "bad"] = Field(description="The worst of all findings.")
    findings: list[FindingAnswer]
    versions: dict[str, str]
    engine: EngineFacts
    memory: MemoryFacts
    disks: list[DiskFacts]
    doing: Doing | None = Field(description="The thorough check that is being made.")


class Health(BaseModel):
    """Whether Easel works."""

    state: Literal["ready", "starting", "lost"]
    device: str
    dtype: str
    version: str
    queue: int = Field(ge=0, description="Waiting jobs.")


class CheckpointAnswer(BaseModel):
    """One checkpoint on disk."""

    name: str
    usable: bool
    problem: str = Field(description="Why it can't be used; empty when it can.")
    hint: str
    defaults: dict[str, Any] = Field(description="Request fields that it draws best with; requests that leave them out get them.")
    usual: dict[str, Any] = Field(
        description="Request fields that its pictures are usually made with besides, such as a finishing chain; send those that you want."
    )


class ModelAnswer(BaseModel):
    """One model file, or diffusers folder, of any kind."""

    id: str = Field(pattern="^[0-9a-f]{16}$", description="Of its path: it stays while the file does.")
    name: str = Field(description="To ask for it by.")
    title: str = Field(description="AUTOMATIC1111's title: path below its folder and, once it is known, [short hash].")
    file: str = Field(description="Path below the folder it was found in.")
    folder: str = Field(description="The folder it lies in.")
    kind: str = Field(description="checkpoint, denoiser, vae, lora, embedding, ...: by content, else by folder.", examples=["lora"])
    family: str = Field(description="sd1, sd2, sdxl, sdxl_refiner, sd3, flux, ...; empty when the file doesn't tell.", examples=["sdxl"])
    version: str = Field(description="Within the family: 3.5-medium, dev, ...; of an upscaler its architecture.")
    variant: str = Field(description="base, inpaint, edit, depth, control or upscale: what its denoiser wants to see.")
    prediction: str = Field(description="epsilon, v, flow, edm, or empty.")
    network: str = Field(description="Of a LoRA: lora, loha, lokr, ...")
    form: str = Field(description="diffusers, safetensors, gguf or pickle.")
    dtype: str = Field(description="Of most of its numbers.")
    parameters: int = Field(ge=0, description="How many numbers there are; 0 where that is not known.")
    bytes: int = Field(ge=0, description="Size on disk.")
    changed_at: str = Field(description="UTC, ISO 8601.")
    pending: bool = Field(description="It has not been looked at yet; this takes a moment after many files were added.")
    usable: bool | None = Field(description="Of checkpoints: whether the engine draws with it. Null for all others.")
    problem: str = Field(description="Why it can't be used; empty when it can.")
    hint: str = Field(description="What to do about that.")
    notes: list[str] = Field(description="What its owner should know.")
    hash: str | None = Field(description="First 10 hex digits of its SHA-256; null until it was made.")
    preview: str | None = Field(description="Path of its preview picture.")
    thumbnail: str | None = Field(description="Path of a WebP of it of at most 480 px.")
    trigger_words: list[str] = Field(description="What a prompt must say. Untrusted text, as all that files say.")
    insert_words: bool = Field(description="Whether the trigger words go into the prompt with it.")
    weight: float | None = Field(description="The weight to prefer.")
    note: str = Field(description="What its owner wrote down.")
    prompt_name: str | None = Field(
        description="Of LoRAs and embeddings: the name that means this one in a prompt; null where none can be written there."
    )
    prompt_names: list[str] = Field(description="All such names, in lower case.")


class ModelList(BaseModel):
    """A page of models."""

    items: list[ModelAnswer]
    total: int = Field(ge=0, description="How many there are in all that fit.")
    next: int | None = Field(description="`offset` of the next page; null at the end.")
    problems: list[str] = Field(description="Model folders that could not be understood.")
    pending: int = Field(ge=0, description="Files not looked at yet.")
    hashed: int = Field(ge=0, description="Files whose hash is known.")
    to_hash: int = Field(ge=0, description="Files that get a hash.")


class PartAnswer(BaseModel):
    """A part inside a model."""

    name: str = Field(examples=["text_encoder_2"])
    prefix: str = Field(description="What its tensors' names begin with; a folder with / in a diffusers folder.")
    layout: str
    model: str


class ModelDetails(ModelAnswer):
    """All about one model. Texts come from its file and the files beside it: they are untrusted, and only text."""

    path: str = Field(description="Where it lies.")
    alias: str = Field(description="The name that its makers gave it.")
    sha256: str | None
    legacy_hash: str | None = Field(description="AUTOMATIC1111's first hash, 8 hex digits.")
    data_hash: str | None = Field(description="Of the numbers alone, 12 hex digits: how trainers and infotexts name LoRAs.")
    parts: list[PartAnswer]
    missing: list[str] = Field(description="Parts that its family needs and that are not inside.")
    training_tags: list[str] = Field(description="What its training pictures were captioned with, most frequent first.")
    description: str
    base_model: str
    metadata: dict[str, str] = Field(description="From its header.")
    defaults: dict[str, Any] = Field(description="Of a checkpoint: request fields that it draws best with, its owner's among them.")
    own_defaults: dict[str, Any] = Field(description="Those that its owner set.")
    usual: dict[str, Any] = Field(description="Of a checkpoint: what its pictures usually have besides, such as a finishing chain.")


class KindCount(BaseModel):
    """The models of one kind in numbers."""

    kind: str
    count: int = Field(ge=0)
    unusable: int = Field(ge=0, description="How many of them have a problem.")
    families: dict[str, int] = Field(description="Family -> how many; those that tell none are left out.")
    folders: dict[str, int] = Field(description="Folder -> how many lie in it; the 200 with most.")


class ModelOverview(BaseModel):
    """All models in numbers."""

    kinds: list[KindCount]
    total: int = Field(ge=0, description="All models, whatever was searched for.")
    roots: list[str] = Field(description="What is looked through: folders, and lists of folders.")


class PartInMemory(BaseModel):
    """A part of one or several checkpoints that a worker keeps."""

    slot: str = Field(description="Which worker keeps it.")
    part: str = Field(description="Its file.")
    kind: str = Field(examples=["denoiser", "text_encoder", "vae"])
    state: str = Field(
        description="device; pinned: in memory that is locked, so that the card fetches it quickly; RAM; or mapped: in the system's file "
        "cache, which takes it back when others need the room."
    )
    bytes: int = Field(ge=0)
    in_use: bool = Field(description="Whether it is at work, or kept to be at hand.")
    checkpoints: list[str] = Field(description="Names of those that have it: more than one share it.")


class ModelMemory(BaseModel):
    """What is in memory, and how much room there is."""

    parts: list[PartInMemory]
    memory_total: int = Field(ge=0, description="Bytes of main memory that Easel could ever use.")
    memory_free: int = Field(ge=0, description="Bytes of it that are free now.")
    models: int = Field(ge=0, description="How many models there are on disk.")
    models_bytes: int = Field(ge=0, description="Their size.")
    cache_bytes: int = Field(ge=0, description="Size of the casts that make switching quick.")
    disk_free: int = Field(ge=0, description="Bytes free where Easel's own models folder is.")


class Refreshed(BaseModel):
    """What a look at the model folders found."""

    changed: bool
    total: int = Field(ge=0)


class UnmappedParameter(BaseModel):
    """A parameter that sets nothing here."""

    key: str
    value: str
    reason: str


class MetadataAnswer(BaseModel):
    """What a picture or a text says of how a picture is made."""

    tool: str | None = Field(description="The program that wrote it; null where nothing was found.")
    exact: bool = Field(description="Read from Easel's own record: the same request, field by field.")
    fields: dict[str, Any] = Field(description="Fields of a request, ready for /jobs.")
    of_source: dict[str, Any] = Field(
        description="Of a picture that was made from another one: its kind of request and the further fields of that. "
        "Only Easel's own record knows init_image and mask."
    )
    unusual: dict[str, str] = Field(description="Labels of those fields that differ from their defaults.")
    unmapped: list[UnmappedParameter] = Field(description="What found no place, and why.")


class WeighedWord(BaseModel):
    """One token."""

    text: str
    weight: float


class TimelineEntry(BaseModel):
    """What is asked for from one step to another, counted from 1."""

    first: int
    last: int
    text: str


class PromptPart(BaseModel):
    """What stands between two ANDs."""

    weight: float
    entries: list[TimelineEntry]
    chunks: list[list[WeighedWord]] = Field(description="The tokens of its first text, chunk by chunk.")


class NetworkUse(BaseModel):
    """An extra network that the prompt asks for."""

    kind: str
    name: str
    text_encoder_weight: float
    unet_weight: float
    found: bool | None = Field(description="Whether it is here; null where that isn't known.")


class EmbeddingSaid(BaseModel):
    """An embedding that the prompt says."""

    name: str
    vectors: int = Field(description="How many tokens it counts.")


class PromptWarning(BaseModel):
    """Something that may be meant otherwise."""

    code: str
    message: str
    fix: str = Field(description="The whole prompt without it; empty where that isn't clear.")
    way: str = Field(description="What the fix does.")


class PromptTold(BaseModel):
    """One prompt explained."""

    tokens: int = Field(description="Of its longest text.")
    room: int = Field(description="Of the chunks that this text needs.")
    parts: list[PromptPart]
    networks: list[NetworkUse]
    embeddings: list[EmbeddingSaid]
    warnings: list[PromptWarning]


class PromptAnswer(BaseModel):
    """Prompt and negative prompt explained."""

    prompt: PromptTold
    negative_prompt: PromptTold


class StyleAnswer(BaseModel):
    """Texts kept by name. `more` and `place` put a deleted one back as it was."""

    name: str
    prompt: str
    negative_prompt: str
    file: str = Field(description="Name of the file it stands in.")
    more: dict[str, str] = Field(description="What other columns of its row say.")
    place: int = Field(description="How many rows stand before it.")


class StyleList(BaseModel):
    """All styles."""

    items: list[StyleAnswer]
    problems: list[str] = Field(description="Files that can't be read, in words.")


class StepField(BaseModel):
    """One field of a step. kind: number, switch, choice, colour or text."""

    name: str
    label: str
    help: str
    kind: str
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    unit: str
    told: bool = Field(description="It is always told, where it says anything; others where they aren't as usual.")
    choices: list[str] | None = Field(description="What it can be, where that is a choice.")
    only_for: dict[str, list[Any]] | None = Field(description="Other field -> values of it with which this one counts; null: with all.")
    lacks: str = Field(description="What to put where, if there is nothing to choose from yet; empty otherwise.")


class StepAnswer(BaseModel):
    """A step of a finishing chain. last: it stands at the end of a chain."""

    step: str
    label: str
    help: str
    last: bool
    fields: list[StepField]


class FinishingSteps(BaseModel):
    """What can be done to a picture at the end."""

    steps: list[StepAnswer]
    most: int = Field(ge=1, description="Most steps of one chain.")


class PresetAnswer(BaseModel):
    """A finishing chain kept by name."""

    name: str
    steps: list[dict[str, Any]] = Field(description="As a request's `finishing`.")


class PresetList(BaseModel):
    """All chains that are kept."""

    items: list[PresetAnswer]
    problems: list[str] = Field(description="What can't be read or used, in words.")


class CompletionAnswer(BaseModel):
    """A way on from the end of a text."""

    kind: str = Field(description="lora, embedding, style, wildcard or history.")
    label: str
    insert: str = Field(description="What takes the place of `replaces`, the end of the text.")
    replaces: str
    detail: str
    uses: int = Field(description="In how many jobs of history it stands; 0 where that isn't counted.")
    preview: str | None


class CompletionList(BaseModel):
    """Ways on, best first."""

    items: list[CompletionAnswer]


class SamplerAnswer(BaseModel):
    """One sampler."""

    name: str
    aliases: list[str] = Field(description="Other names that are understood.")
    default_schedule: str


class SamplerList(BaseModel):
    """What `sampler` and `schedule_type` may be."""

    samplers: list[SamplerAnswer]
    schedules: list[str]


class UpscalerAnswer(BaseModel):
    """Something that enlarges."""

    name: str = Field(description="As a step's `upscaler`, or a hires pass's `hires_upscaler`.")
    model: bool = Field(description="Whether it is a model; else it is built in and needs no memory.")


class ParameterAnswer(BaseModel):
    """One field of a request."""

    name: str
    label: str
    help: str
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    unit: str


class SettingAnswer(BaseModel):
    """One setting: words, range, value."""

    name: str
    label: str
    help: str
    section: str
    unit: str
    type: str = Field(description="choice, string, integer, number, boolean, array (of texts), or other: nothing to edit by hand.")
    choices: list[str] | None
    minimum: float | None
    maximum: float | None
    default: Any
    value: Any
    live: bool = Field(description="It can be changed while Easel runs.")
    source: Literal["default", "file", "environment", "command line"] = Field(description="Where its value comes from.")
    pinned_by: str | None = Field(description="What decides it instead of settings.yaml: the command line or the environment.")


class SettingsAnswer(BaseModel):
    """All settings. Send `revision` along with a change to be told of changes in between."""

    revision: str
    file: str = Field(description="Where they are kept: a path on Easel's machine.")
    undo: str | None = Field(description="What /settings/undo would take back, in words; null where nothing was changed since the start.")
    settings: list[SettingAnswer]


class SettingChange(BaseModel):
    """A setting that an import changes."""

    name: str
    label: str
    section: str
    before: Any
    after: Any


class SettingsLine(BaseModel):
    """A line of a text of settings, and what is to be said of it."""

    line: int = Field(ge=1, description="Its number, from 1.")
    name: str = Field(description="The setting, where it is one.")
    message: str
    hint: str


class SettingsImport(BaseModel):
    """What an import changes, or would change."""

    changes: list[SettingChange]
    left_out: list[SettingsLine] = Field(description="Lines that are right, but are read at start only, or decided elsewhere.")
    settings: SettingsAnswer = Field(description="All of them as they are now.")


class ExamplePath(BaseModel):
    """An example of where a picture goes."""

    path: str = Field(description="Relative to the pictures folder.")


class WorkProgress(BaseModel):
    """How far an order is."""

    stage: str = Field(description="What is happening now, in words.")
    done: int = Field(ge=0, description="Bytes of this stage that are done.")
    total: int = Field(ge=0, description="Bytes of the whole stage; 0 while nobody knows.")
    bytes_per_second: float | None = Field(ge=0)
    seconds_left: float | None = Field(ge=0, description="Seconds until this stage is done; null while that isn't known.")


class OrderResult(BaseModel):
    """What an order made."""

    model: str = Field(description="Id of the new model, as in /models.")
    file: str = Field(description="Path below Easel's models folder.")
    bytes: int = Field(ge=0)


class Order(BaseModel):
    """One order of the workshop. Numbers of its progress are bytes, and of a training run steps."""

    id: Id
    kind: Literal["merge", "convert", "bake_vae", "extract_vae", "download", "train"]
    status: Literal["waiting", "running", "done", "cancelled", "failed"]
    name: str = Field(description="Name of the file that is made or fetched; of what was asked for while that isn't known.")
    asked: dict[str, Any] = Field(description="The order as it came, complete.")
    progress: WorkProgress | None = Field(description="While it runs.")
    fetched: int = Field(ge=0, description="Bytes that a stopped download has fetched: it goes on from there.")
    total: int | None = Field(ge=0, description="Bytes of the whole download; null while that isn't known.")
    notes: list[str] = Field(description="What you should know that stopped nothing.")
    result: OrderResult | None
    error: ErrorDetail | None
    created_at: datetime
    ended_at: datetime | None


class OrderList(BaseModel):
    """All orders, newest first."""

    items: list[Order]


class TrainingPicture(BaseModel):
    """A picture to learn from."""

    name: str = Field(description="Path in the folder.")
    caption: str = Field(description="From the text file of the same name, or the name of a folder as kohya's trainer has them.")
    width: int = Field(ge=0)
    height: int = Field(ge=0)
    repeats: int = Field(ge=1, description="How often it is taken in one round.")
    problem: str = Field(description="Why it can't be learned from; empty when it can.")


class TrainingPictures(BaseModel):
    """The pictures in a folder."""

    folder: str
    items: list[TrainingPicture]
    rounds: int = Field(ge=0, description="Pictures of one round, each as often as it repeats.")


class TrainingSet(BaseModel):
    """A folder of Easel's own with pictures that were sent."""

    folder: str


class LossPoint(BaseModel):
    """One point of the curve."""

    step: int = Field(ge=0)
    loss: float


class TrainingSample(BaseModel):
    """A preview: what was drawn after so many steps."""

    step: int = Field(ge=0)
    prompt: int = Field(ge=0, description="Which of the preview prompts, from 0.")
    name: str = Field(description="Its file: /training/runs/{id}/samples/{name}.")


class TrainingRun(BaseModel):
    """A training run."""

    order: Order
    pictures: int = Field(ge=0, description="That it learns from; 0 before it has begun.")
    steps: int = Field(ge=0, description="Done so far.")
    loss: float | None = Field(description="Of the last step.")
    losses: list[LossPoint] = Field(description="At most 300 points, smoothed; losses.csv in the run's folder has every step.")
    samples: list[TrainingSample] = Field(description="Oldest first.")


class OfferedFile(BaseModel):
    """One of several files that could be fetched."""

    name: str
    size: int | None = Field(ge=0, description="Bytes; null where the source doesn't tell.")


class Offer(BaseModel):
    """What a download would fetch. Without a name, one of the choices is to be picked first, as `file`."""

    name: str = Field(description="Name that the file gets.")
    size: int | None = Field(ge=0, description="Bytes; null where the source doesn't tell.")
    free: int = Field(ge=0, description="Bytes that are free on the disk of the models folder.")
    sha256: str = Field(description="The checksum that will be required; empty where nobody gave one.")
    licence: str = Field(description="As the source names it; empty where it doesn't.")
    licence_url: str
    page: str = Field(description="Where people can read about it.")
    kind: str = Field(description="Kind of model; empty where nobody tells: then `folder` must be given.")
    family: str
    gated: bool = Field(description="Its makers want to be asked on its page first.")
    folder: str = Field(description="Folder below Easel's models folder; empty while its kind isn't known.")
    trigger_words: list[str]
    choices: list[OfferedFile]
    files: int = Field(ge=1, description="How many files that are: more than one where a diffusers folder is fetched whole.")


class ModelSourceAnswer(BaseModel):
    """A place of an add-on where models can be fetched from."""

    extension: str
    name: str
    searches: bool = Field(description="Whether it can be searched; addresses of its own can be looked up either way.")


class ModelSourceList(BaseModel):
    """Those that add-ons offer."""

    items: list[ModelSourceAnswer]


class FoundModelAnswer(BaseModel):
    """A model that such a place knows."""

    extension: str
    source: str = Field(description="What the place is called.")
    title: str
    address: str = Field(description="What to look up, and to download from.")
    kind: str = Field(description="Kind of model; empty where nobody tells.")
    detail: str
    size: int | None = Field(ge=0, description="Bytes; null where nobody tells.")


class FoundModelList(BaseModel):
    """What was found, and which places could not be asked."""

    items: list[FoundModelAnswer]
    problems: list[str]


class TokenHosts(BaseModel):
    """The hosts that have a token."""

    hosts: list[str]


class ModelFolder(BaseModel):
    """A folder that models are looked for in."""

    path: str
    own: bool = Field(description="Easel's own, where new models go.")
    there: bool = Field(description="False when its disk is not connected, say.")
    models: int = Field(ge=0)
    pinned_by: str | None = Field(description="What names the folders instead of settings.yaml; then they can't be changed here.")


class FolderList(BaseModel):
    """The folders in use."""

    items: list[ModelFolder]


class FolderLook(BaseModel):
    """What a folder holds."""

    path: str
    program: str = Field(description="Whose folder it looks like, in words.")
    counts: dict[str, int] = Field(description="Files by kind, in words.")
    total: int = Field(ge=0)
    bytes: int = Field(ge=0)
    broken: int = Field(ge=0, description="Files that can't be read.")
    guessed: int = Field(ge=0, description="Files counted by their folder's name alone: old pickles, and what there was no time for.")
    problems: list[str]
    known: bool = Field(description="It is in use already.")


ImportState = Literal["waiting", "imported", "double", "foreign", "broken"]


class ImportCounts(BaseModel):
    """How many files of an import are so."""

    waiting: int = Field(ge=0, description="Yet to be read.")
    imported: int = Field(ge=0, description="In history.")
    double: int = Field(ge=0, description="Their content was in history already.")
    foreign: int = Field(ge=0, description="Whole pictures that don't say how they were made.")
    broken: int = Field(ge=0, description="Could not be read.")


class Import(BaseModel):
    """A folder of another program's pictures that is taken into history. Nothing in it is moved or changed."""

    id: Id
    folder: str
    status: Literal["active", "paused", "cancelled", "done", "failed"] = Field(description="failed: the folder can't be looked into.")
    watched: bool = Field(description="What comes into it later is taken in, too.")
    looking: bool = Field(description="The folder is being looked through, so the total still grows.")
    counts: ImportCounts
    total: int = Field(ge=0, description="Files that may be pictures, as far as they are known.")
    seconds_left: float | None = Field(ge=0, description="Seconds until all are read; null while that isn't known.")
    error: ErrorDetail | None
    created_at: datetime
    ended_at: datetime | None


class ImportList(BaseModel):
    """Imports, newest first."""

    items: list[Import]


class ImportLook(BaseModel):
    """What a folder holds."""

    folder: str
    pictures: int = Field(ge=1, description="Files that may be pictures.")
    bytes: int = Field(ge=0)
    more: bool = Field(description="There are more than these: the look was ended after some seconds.")


class ImportFile(BaseModel):
    """One file of an import, and what became of it."""

    path: str = Field(description="Below the folder. Untrusted text.")
    state: ImportState
    reason: str | None = Field(description="Why it isn't in history.")
    hint: str | None
    image: str | None = Field(description="Its picture in history, or the one with the same content.")


class ImportFiles(BaseModel):
    """A part of the files of an import."""

    items: list[ImportFile]
    total: int = Field(ge=0, description="How many there are in all that fit.")


class DayOfCalendar(BaseModel):
    """A day on which pictures were made."""

    day: str = Field(description="On the clock of Easel's machine, as 2026-05-03.")
    pictures: int = Field(ge=1)
    good: int = Field(ge=0, description="Favourites, and those with four stars or more.")


class TermOverTime(BaseModel):
    """A word or pair of words of prompts. Untrusted text."""

    text: str
    n: int = Field(ge=1, description="Generations whose prompt has it.")
    counts: list[int] = Field(description="The same for each span.")
    change: float = Field(description="Of a hundred generations, so many more have it in the last third of the spans than in the first.")
    query: str = Field(description="The search that finds them.")


class Trends(BaseModel):
    """Words over time."""

    span: Literal["day", "week", "month", "year"]
    starts: list[str] = Field(description="First day of each span.")
    generations: list[int] = Field(description="In each span.")
    words: list[TermOverTime] = Field(description="Those that were used most, by use.")
    pairs: list[TermOverTime]


class TraitOfGood(BaseModel):
    """Something that some pictures have, and how often these are good ones. Untrusted text."""

    kind: Literal["word", "pair", "model", "lora", "sampler", "steps", "cfg", "shape", "kind", "tool"]
    value: str
    low_value: float | None = Field(description="Of a range of numbers.")
    high_value: float | None
    pictures: int = Field(ge=1, description="That have it.")
    good: int = Field(ge=0, description="Good ones among them.")
    voices: float = Field(gt=0, description="How many independent pictures they count for: those of one prompt speak together.")
    lift: float = Field(ge=0, description="How many times as often they are good as all pictures are.")
    lift_low: float = Field(ge=0, description="Wilson's interval of that, at 95 %.")
    lift_high: float = Field(ge=0)
    chance: float = Field(ge=0, le=1, description="How likely so great a difference would be if it meant nothing.")
    sure: bool = Field(description="It stands out among all traits that were looked at (Benjamini and Hochberg, 5 %).")
    query: str = Field(description="The search that finds these pictures.")


class Lifts(BaseModel):
    """What favourites and high ratings have in common."""

    pictures: int = Field(ge=0)
    good: int = Field(ge=0, description="Favourites, and those with four stars or more.")
    share: float = Field(ge=0, le=1)
    enough: bool = Field(description="There are enough good ones to say anything.")
    looked_at: int = Field(ge=0, description="Traits.")
    traits: list[TraitOfGood] = Field(description="What stands out most comes first.")


class WordChange(BaseModel):
    """An edit of a prompt. Untrusted text."""

    kind: Literal["added", "removed", "reweighted"]
    text: str
    before: float | None = Field(description="Weight.")
    after: float | None


class EditStep(BaseModel):
    """A prompt within a row of edits."""

    image: Id = Field(description="The best of its pictures.")
    at: str
    pictures: int = Field(ge=1)
    good: bool
    prompt: str
    changes: list[WordChange] = Field(description="To the prompt before; none of the first.")


class EditThread(BaseModel):
    """A prompt that was edited step by step."""

    edits: int = Field(ge=1)
    pictures: int = Field(ge=1)
    steps: list[EditStep] = Field(description="The last ones, from old to new.")


class ScatterPoint(BaseModel):
    """A picture by its numbers; null: not known."""

    image: Id
    at: str
    steps: int | None
    cfg: float | None
    megapixels: float
    ratio: float = Field(description="Width to height.")
    rating: int | None
    words: int = Field(ge=0, description="Of the prompt.")
    good: bool
    checkpoint: str
    sampler: str


class Analysis(BaseModel):
    """What pictures say together."""

    pictures: int = Field(ge=0, description="The newest ones that were found: so many were looked at.")
    more: bool = Field(description="There are older ones, which were not looked at.")
    first: str | None = Field(description="Day of the oldest one.")
    last: str | None
    calendar: list[DayOfCalendar]
    trends: Trends
    lifts: Lifts
    threads: list[EditThread] = Field(description="The newest ones first.")
    points: list[ScatterPoint]


class ZipExport(BaseModel):
    """Chosen pictures, to be fetched."""

    url: str = Field(description="Path of the zip.")
    pictures: int = Field(ge=1)
    bytes: int = Field(ge=0, description="Of the pictures alone.")


class FolderExport(BaseModel):
    """Where pictures were copied to."""

    folder: str
    written: int = Field(ge=0, description="Pictures that are new there.")
    there: int = Field(ge=0, description="Pictures that lay there already.")
    gone: int = Field(ge=0, description="Pictures whose file isn't there any more.")
    next: str | None = Field(description="Sent again as `below` this copies the next slice of a search; null at the end.")


class Me(BaseModel):
    """Who asks."""

    id: str = Field(description="Empty of the household, where nobody has an account.")
    name: str = Field(description="Untrusted text.")
    role: Literal["admin", "user"]
    scopes: list[Literal["read", "generate", "admin"]] = Field(description="What this request may do: look; make pictures; everything.")
    accounts: bool = Field(description="There are accounts: everybody logs in.")


class PersonAnswer(BaseModel):
    """An account."""

    id: str
    name: str = Field(description="Untrusted text.")
    role: Literal["admin", "user"]
    has_password: bool = Field(description="Without one only tokens open the door.")
    disabled: bool = Field(description="Closed: neither logins nor tokens open the door.")
    created: datetime
    logins: int = Field(ge=0, description="Browsers that are logged in.")
    tokens: int = Field(ge=0)


class PeopleList(BaseModel):
    """All accounts, by name."""

    items: list[PersonAnswer]


class TokenAnswer(BaseModel):
    """A key of a program, without what it is."""

    id: str
    name: str = Field(description="Untrusted text.")
    scopes: list[Literal["read", "generate", "admin"]]
    created: datetime
    used: datetime | None = Field(description="Last time, give or take a minute; null: never.")


class TokenList(BaseModel):
    """One's own tokens, the newest first."""

    items: list[TokenAnswer]


class NewToken(TokenAnswer):
    """A token that was just made."""

    token: str = Field(description="Shown once only.")


class LoggedOut(BaseModel):
    """Somebody was logged out everywhere."""

    logins: int = Field(ge=0, description="Browsers that were logged in.")


class AddOnContent(BaseModel):
    """An element that an add-on declares: a field, a button, words, or what groups some. Text in it is text, never HTML."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(
        description="number, slider, choice, checkbox, text, image, mask, model, button, markdown, plot, gallery, row or group."
    )
    name: str = Field("", description="Of a field: the key of its value.")
    label: str = ""
    help: str = ""


class AddOnPanel(BaseModel):
    """A section of pages that make pictures. Its values are `extensions.<extension>` of a request."""

    extension: str
    key: str = Field(description="For calls.")
    title: str
    tabs: list[str] = Field(description="Pages: txt2img, img2img, inpaint, upscale.")
    switch: str = Field(description="Name of the field that switches it on; empty for none.")
    content: list[AddOnContent]


class AddOnTab(BaseModel):
    """A page of an add-on."""

    extension: str
    key: str
    page: str = Field(description="Its name in the page's address.")
    title: str
    opens: bool = Field(description='Whether it wants to be told when somebody opens it: a call with the name "opened:".')
    content: list[AddOnContent]


class AddOnScript(BaseModel):
    """A way of making many pictures of one request: POST /scripts/{id}/runs."""

    extension: str
    id: str
    key: str
    title: str
    help: str
    tabs: list[str]
    content: list[AddOnContent]


class AddOnEvent(BaseModel):
    """An event of the page that an add-on wants to hear of."""

    extension: str
    key: str
    component: str
    event: str


class AddOnAssets(BaseModel):
    """Files that the page loads: GET /add-ons/{extension}/files/{name}."""

    extension: str
    scripts: list[str]
    styles: list[str]


class AddOnPage(BaseModel):
    """All that the page draws of add-ons."""

    panels: list[AddOnPanel]
    tabs: list[AddOnTab]
    scripts: list[AddOnScript]
    events: list[AddOnEvent]
    assets: list[AddOnAssets]


class ScriptList(BaseModel):
    """Scripts of add-ons."""

    items: list[AddOnScript]


class ScriptLayout(BaseModel):
    """Names of columns, rows and sheets of a run's grid."""

    columns: list[str]
    rows: list[str]
    sheets: list[str]


class ScriptRun(BaseModel):
    """A run of a script."""

    id: Id
    extension: str
    script: str
    title: str
    status: Literal["active", "paused", "done", "failed", "cancelled"]
    kind: str
    values: dict[str, Any]
    expected: int | None = Field(description="How many parts it said that there would be.")
    total: int = Field(ge=0, description="Parts there are, or will be, as far as that is known.")
    waiting: int = Field(ge=0)
    running: int = Field(ge=0)
    done: int = Field(ge=0)
    failed: int = Field(ge=0)
    cancelled: int = Field(ge=0)
    layout: ScriptLayout | None
    doing: str = Field(description="What the script says that it is at.")
    kept: list[Id] = Field(description="Pictures that the script itself made: grids.")
    error: ErrorDetail | None
    created_at: datetime
    ended_at: datetime | None


class ScriptPart(BaseModel):
    """A request that a run had drawn."""

    number: int = Field(ge=0)
    label: str
    at: list[int] = Field(description="Column, row and sheet; empty where it has no place of its own.")
    job: Id
    status: Literal["waiting", "running", "done", "failed", "cancelled"]
    error: ErrorDetail | None
    images: list[Id]


class ScriptRunWithParts(ScriptRun):
    """A run with its parts."""

    parts: list[ScriptPart]


class ScriptRunList(BaseModel):
    """Runs, newest first."""

    items: list[ScriptRun]


class FieldPresetAnswer(BaseModel):
    """Fields of a page, kept by name."""

    name: str
    page: Literal["txt2img", "img2img", "inpaint", "upscale"]
    usual: bool = Field(description="What the page's fields are at a first visit.")
    fields: dict[str, Any] = Field(description="As it was kept.")
    usable: dict[str, Any] = Field(description="Those of them that can be used here.")
    missing: list[str] = Field(description="What can't be used here, in words.")


class FieldPresetList(BaseModel):
    """Presets, by page and name."""

    items: list[FieldPresetAnswer]

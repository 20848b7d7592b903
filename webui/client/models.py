"""Everything that the API takes and answers. Made by docs/make_client.py from the API's own description: don't edit it by hand."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from webui.client.data import Data

BatchStatus = Literal["active", "cancelled", "done", "paused"]
BatchKind = Literal["img2img", "inpaint", "upscale"]
BatchFileState = Literal["cancelled", "done", "failed", "running", "waiting"]
CardKind = Literal["img2img", "inpaint", "txt2img", "upscale"]
ColourStepColours = Literal["Auto levels", "Temperature", "To source"]
ControlUnitKind = Literal["controlnet", "ip_adapter"]
ControlUnitControlMode = Literal["Balanced", "ControlNet is more important", "My prompt is more important"]
ControlUnitResizeMode = Literal["Crop and Resize", "Just Resize", "Resize and Fill"]
CutOutStepBehindIt = Literal["Colour", "Transparent"]
DiffRunKind = Literal["added", "removed", "reweighted", "same"]
FieldPresetAnswerPage = Literal["img2img", "inpaint", "txt2img", "upscale"]
FindingAnswerState = Literal["bad", "ok", "unchecked", "warn"]
FormatStepFormat = Literal["AVIF", "JPEG", "PNG", "WebP"]
HealthState = Literal["lost", "ready", "starting"]
ImageKind = Literal["img2img", "inpaint", "txt2img", "upscale"]
Img2ImgWeightStorage = Literal["As computed", "fp8", "int8"]
Img2ImgEmphasis = Literal["Ignore", "No norm", "None", "Original"]
Img2ImgNoiseSource = Literal["CPU", "GPU", "NV"]
Img2ImgTiling = Literal["Off", "X", "X and Y", "Y"]
Img2ImgResizeMode = Literal["Crop and resize", "Just resize", "Just resize (latent upscale)", "Resize and fill"]
Img2ImgStrengthCurve = Literal["Aggressive", "Lazy", "Linear"]
Img2ImgDrawInTiles = Literal["MultiDiffusion", "Off", "SD upscale"]
ImportStatus = Literal["active", "cancelled", "done", "failed", "paused"]
ImportFileState = Literal["broken", "double", "foreign", "imported", "waiting"]
InpaintWeightStorage = Literal["As computed", "fp8", "int8"]
InpaintEmphasis = Literal["Ignore", "No norm", "None", "Original"]
InpaintNoiseSource = Literal["CPU", "GPU", "NV"]
InpaintTiling = Literal["Off", "X", "X and Y", "Y"]
InpaintResizeMode = Literal["Crop and resize", "Just resize", "Just resize (latent upscale)", "Resize and fill"]
InpaintStrengthCurve = Literal["Aggressive", "Lazy", "Linear"]
InpaintMaskMode = Literal["Inpaint masked", "Inpaint not masked"]
InpaintMaskedContent = Literal["fill", "latent noise", "latent nothing", "original"]
InpaintInpaintArea = Literal["Only masked", "Whole picture"]
JobStatus = Literal["cancelled", "done", "failed", "running", "waiting"]
JobKind = Literal["", "img2img", "inpaint", "txt2img", "upscale"]
LineageLinkRelation = Literal["control", "hires", "init", "mask", "replay", "script", "upscale", "variation"]
LineageNodeKindType0 = Literal["img2img", "inpaint", "txt2img", "upscale"]
MeRole = Literal["admin", "user"]
MeScopesItem = Literal["admin", "generate", "read"]
NewTokenScopesItem = Literal["admin", "generate", "read"]
NoticeKind = Literal["bad", "wait"]
OrderKind = Literal["bake_vae", "convert", "download", "extract_vae", "merge", "train"]
OrderStatus = Literal["cancelled", "done", "failed", "running", "waiting"]
PersonAnswerRole = Literal["admin", "user"]
ReplayVerdict = Literal["close", "different", "identical"]
ResizeStepWay = Literal["Cover", "Fit", "Long side", "Stretch"]
ResizeStepFilter = Literal["Area", "Lanczos"]
RestoreFacesStepFaces = Literal["Found", "Painted"]
ScriptPartStatus = Literal["cancelled", "done", "failed", "running", "waiting"]
ScriptRunStatus = Literal["active", "cancelled", "done", "failed", "paused"]
ScriptRunWithPartsStatus = Literal["active", "cancelled", "done", "failed", "paused"]
SettingAnswerSource = Literal["command line", "default", "environment", "file"]
SystemState = Literal["bad", "ok", "warn"]
TokenAnswerScopesItem = Literal["admin", "generate", "read"]
TraitOfGoodKind = Literal["cfg", "kind", "lora", "model", "pair", "sampler", "shape", "steps", "tool", "word"]
TrendsSpan = Literal["day", "month", "week", "year"]
Txt2ImgWeightStorage = Literal["As computed", "fp8", "int8"]
Txt2ImgEmphasis = Literal["Ignore", "No norm", "None", "Original"]
Txt2ImgNoiseSource = Literal["CPU", "GPU", "NV"]
Txt2ImgTiling = Literal["Off", "X", "X and Y", "Y"]
Txt2ImgRefines = Literal["both passes", "first pass", "second pass"]
WaitingJobStatus = Literal["cancelled", "done", "failed", "running", "waiting"]
WaitingJobKind = Literal["", "img2img", "inpaint", "txt2img", "upscale"]
WordChangeKind = Literal["added", "removed", "reweighted"]
WorkerState = Literal["lost", "ready", "starting"]
AddTokenNewTokenScope = Literal["admin", "generate", "read"]
AddPersonNewPersonRoleType0 = Literal["admin", "user"]
ChangePersonChangedPersonRoleType0 = Literal["admin", "user"]
BatchOrderOwnItem = Literal["cfg_scale", "checkpoint", "negative_prompt", "prompt", "sampler", "seed", "steps"]
BatchFilesStateType0 = Literal["cancelled", "done", "failed", "running", "waiting"]
ImportFilesStateType0 = Literal["broken", "double", "foreign", "imported", "waiting"]
ActOnSearchActBodyAct = Literal["mark", "restore", "trash"]
EnlargeBodyRefines = Literal["both passes", "first pass", "second pass"]
ExportForm = Literal["gif", "webp"]
ControlPreviewKind = Literal["controlnet", "ip_adapter"]
ControlPreviewResizeMode = Literal["Crop and Resize", "Just Resize", "Resize and Fill"]
FieldPresetsPageType0 = Literal["img2img", "inpaint", "txt2img", "upscale"]
SaveFieldPresetFieldPresetPage = Literal["img2img", "inpaint", "txt2img", "upscale"]
DeleteFieldPresetPage = Literal["img2img", "inpaint", "txt2img", "upscale"]
ExportFieldPresetsPageType0 = Literal["img2img", "inpaint", "txt2img", "upscale"]
ParametersKind = Literal["img2img", "inpaint", "txt2img", "upscale"]
MergeOrderMethod = Literal["add difference", "weighted sum"]
MergeOrderVAE = Literal["first", "merge", "second"]
MergeOrderTextEncoders = Literal["first", "merge", "second"]
MergeOrderPrecision = Literal["as it is", "bf16", "fp16", "fp32", "fp8"]
ConvertOrderPrecision = Literal["as it is", "bf16", "fp16", "fp32", "fp8", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
ConvertOrderEMAWeights = Literal["drop", "keep", "use"]
ConvertOrderForm = Literal["as it is", "single file"]
DownloadOrderFolderType0 = Literal[
    "checkpoint",
    "controlnet",
    "cut_out",
    "denoiser",
    "embedding",
    "face_restorer",
    "hypernetwork",
    "image_encoder",
    "ip_adapter",
    "lora",
    "motion_module",
    "t2i_adapter",
    "text_encoder",
    "unknown",
    "upscaler",
    "vae",
]
TrainOrderLearningSchedule = Literal["constant", "cosine", "linear"]
LookUpDownloadFolderType0 = Literal[
    "checkpoint",
    "controlnet",
    "cut_out",
    "denoiser",
    "embedding",
    "face_restorer",
    "hypernetwork",
    "image_encoder",
    "ip_adapter",
    "lora",
    "motion_module",
    "t2i_adapter",
    "text_encoder",
    "unknown",
    "upscaler",
    "vae",
]
ModelListKindType0Item = Literal[
    "checkpoint",
    "controlnet",
    "cut_out",
    "denoiser",
    "embedding",
    "face_restorer",
    "hypernetwork",
    "image_encoder",
    "ip_adapter",
    "lora",
    "motion_module",
    "t2i_adapter",
    "text_encoder",
    "unknown",
    "upscaler",
    "vae",
]
ModelListSort = Literal["folder", "largest", "name", "newest", "used"]
AnnotateModelBodyDefaultsType0WeightStorage = Literal["As computed", "fp8", "int8"]
AnnotateModelBodyDefaultsType0Emphasis = Literal["Ignore", "No norm", "None", "Original"]
AnnotateModelBodyDefaultsType0NoiseSource = Literal["CPU", "GPU", "NV"]
AnnotateModelBodyDefaultsType0Tiling = Literal["Off", "X", "X and Y", "Y"]
AnnotateModelBodyDefaultsType0Refines = Literal["both passes", "first pass", "second pass"]


class Accepted(Data):
    """A job that was taken."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    status: str


class AddOnAssets(Data):
    """Files that the page loads: GET /add-ons/{extension}/files/{name}."""

    extension: str

    scripts: list[str]

    styles: list[str]


class AddOnContent(Data):
    """An element that an add-on declares: a field, a button, words, or what groups some. Text in it is text, never HTML."""

    kind: str
    """number, slider, choice, checkbox, text, image, mask, model, button, markdown, plot, gallery, row or group."""

    name: str = ""
    """Of a field: the key of its value."""

    label: str = ""

    help_: str = Field("", alias="help")


class AddOnEvent(Data):
    """An event of the page that an add-on wants to hear of."""

    extension: str

    key: str

    component: str

    event: str


class AddOnPage(Data):
    """All that the page draws of add-ons."""

    panels: list[AddOnPanel]

    tabs: list[AddOnTab]

    scripts: list[AddOnScript]

    events: list[AddOnEvent]

    assets: list[AddOnAssets]


class AddOnPanel(Data):
    """A section of pages that make pictures. Its values are `extensions.<extension>` of a request."""

    extension: str

    key: str
    """For calls."""

    title: str

    tabs: list[str]
    """Pages: txt2img, img2img, inpaint, upscale."""

    switch: str
    """Name of the field that switches it on; empty for none."""

    content: list[AddOnContent]


class AddOnScript(Data):
    """A way of making many pictures of one request: POST /scripts/{id}/runs."""

    extension: str

    id: str

    key: str

    title: str

    help_: str = Field(alias="help")

    tabs: list[str]

    content: list[AddOnContent]


class AddOnTab(Data):
    """A page of an add-on."""

    extension: str

    key: str

    page: str
    """Its name in the page's address."""

    title: str

    opens: bool
    """Whether it wants to be told when somebody opens it: a call with the name "opened:"."""

    content: list[AddOnContent]


class Analysis(Data):
    """What pictures say together."""

    pictures: int
    """The newest ones that were found: so many were looked at."""

    more: bool
    """There are older ones, which were not looked at."""

    first: str | None
    """Day of the oldest one."""

    last: str | None

    calendar: list[DayOfCalendar]

    trends: Trends
    """Words over time."""

    lifts: Lifts
    """What favourites and high ratings have in common."""

    threads: list[EditThread]
    """The newest ones first."""

    points: list[ScatterPoint]


class Batch(Data):
    """A folder or many files, each drawn on, or upscaled, by a job of its own."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    status: BatchStatus
    """active: its files go to the queue one after the other."""

    kind: BatchKind

    prompt: str

    pictures: int
    """How many are made of each file."""

    folder: str
    """Where the files lie; empty where they were uploaded."""

    output_folder: str
    """Folder whose pictures keep the names of the files; empty: they go where all others go."""

    own: list[str]
    """What is taken from each file's own parameters."""

    total: int
    """Files."""

    waiting: int
    """Files yet to be drawn on."""

    running: int

    done: int

    failed: int
    """Files that could not be used or drawn on."""

    cancelled: int

    now: list[FileAtWork]
    """Files that are being made."""

    seconds_left: float | None
    """Seconds until all are drawn; null while that isn't known."""

    error: ErrorDetail | None
    """What paused it, where nobody did."""

    created_at: datetime.datetime

    ended_at: datetime.datetime | None


class BatchAnswer(Data):
    """The jobs of a batch, in its order."""

    jobs: list[Accepted]


class BatchFile(Data):
    """One file of a batch."""

    number: int

    name: str

    state: BatchFileState

    error: ErrorDetail | None

    job: str | None
    """The job that draws on it; null before it is its turn."""

    image: str | None
    """Its newest picture, as in /history."""

    thumbnail: str
    """Path of a WebP: of that picture, else of the file as it is before."""

    source: str | None
    """Path of the file as it was, once it was read."""

    width: int | None
    """Pixels of the file as it is before; null where it doesn't tell."""

    height: int | None
    """The same."""

    to_width: int | None
    """Pixels of its newest picture, or of what an upscale will make of it."""

    to_height: int | None
    """The same."""

    seconds: float | None
    """Seconds that its newest picture took."""


class BatchFiles(Data):
    """A part of the files of a batch, in order."""

    items: list[BatchFile]

    total: int
    """How many there are in all that fit."""


class BatchList(Data):
    """Batches, newest first."""

    items: list[Batch]


class BatchLook(Data):
    """What a folder holds."""

    folder: str

    total: int
    """Files that look like pictures."""

    first: list[str]
    """Names of the first ones."""

    others: int
    """Files that are no pictures."""

    links: int
    """Links, which are not followed."""

    masks: int

    unmasked: int
    """Pictures for which there is no mask."""

    first_unmasked: str | None


class BatchPlan(Data):
    """What upscales will take, told before they begin."""

    pictures: int

    width: int | None
    """Pixels of what is made, where that is one picture."""

    height: int | None
    """The same."""

    seconds: float | None
    """About how many for all of them; null while that isn't known."""

    bytes_: int = Field(alias="bytes")
    """About how many on the disk."""

    tiles: str
    """How the upscaler is tiled, of many pictures for the first; empty while that isn't known."""

    text: str


class BulkSlice(Data):
    """A slice of an act on all that a search finds."""

    done: int
    """How many pictures it was done with."""

    next_: str | None = Field(alias="next")
    """Sent again as `below` this goes on with the next slice; null at the end."""


class BulkUndone(Data):
    """A slice of an act that is taken back."""

    done: int
    """Of how many pictures."""

    more: bool
    """Send it again: there is more."""


class Card(Data):
    """One picture as a grid shows it: some of the fields of an Image, and the same there."""

    id: str

    url: str

    thumbnail: str

    width: int
    """Pixels."""

    height: int
    """Pixels."""

    bytes_: int = Field(alias="bytes")
    """Size of the file."""

    file: str

    seed: str | None

    prompt: str

    kind: CardKind

    hires: bool

    source_name: str
    """What an upscale's source was called; empty of other pictures."""

    mean_colour: str

    created_at: str

    favourite: bool

    rating: int | None

    note: str

    tags: list[str]

    trashed: bool

    tool: str | None


class Changed(Data):
    """How many pictures were changed."""

    changed: int


class CheckpointAnswer(Data):
    """One checkpoint on disk."""

    name: str

    usable: bool

    problem: str
    """Why it can't be used; empty when it can."""

    hint: str

    defaults: CheckpointAnswerDefaults
    """Request fields that it draws best with; requests that leave them out get them."""

    usual: CheckpointAnswerUsual
    """Request fields that its pictures are usually made with besides, such as a finishing chain; send those that you want."""


class Cleared(Data):
    """The queue was cleared."""

    cancelled: int

    stamp: str
    """Send it to /queue/restore to have them back."""


class ColourStep(Data):
    """Changes colours: to those of the source, to the full range from black to white, or to another light."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["colour correct"] = "colour correct"

    way: ColourStepColours = "To source"
    """To source: as often as in the picture that it was made from, or as it was before the chain; lightness stays. Auto
levels: the darkest becomes black, the lightest white. Temperature: as if the light had been warmer or cooler."""

    cutoff: float = 0.5
    """Share of the darkest and of the lightest values that may become one."""

    temperature: int = 5000
    """Of the light; 6500 K leaves the picture as it is, less is warmer, more is cooler."""

    strength: float = 1.0
    """How much of the change is seen."""


class CompletionAnswer(Data):
    """A way on from the end of a text."""

    kind: str
    """lora, embedding, style, wildcard or history."""

    label: str

    insert: str
    """What takes the place of `replaces`, the end of the text."""

    replaces: str

    detail: str

    uses: int
    """In how many jobs of history it stands; 0 where that isn't counted."""

    preview: str | None


class CompletionList(Data):
    """Ways on, best first."""

    items: list[CompletionAnswer]


class ControlChoices(Data):
    """What a control can be made of, for one checkpoint."""

    models: list[ControlModelAnswer]
    """Those that may fit the checkpoint."""

    preprocessors: list[PreprocessorAnswer]

    resize_modes: list[str]

    control_modes: list[str]

    most: int
    """Most controls of one request."""


class ControlModelAnswer(Data):
    """A model that a picture can steer through."""

    name: str
    """As a control's `model`."""

    kind: str
    """controlnet or ip_adapter: as a control's `kind`."""

    family: str
    """sd1, sd2 or sdxl; empty where the file doesn't tell."""

    lacks: str
    """What it needs that is not here, such as an image encoder, and what to do; empty when it can be used."""


class ControlUnit(Data):
    """One picture that steers, and the model that heeds it."""

    model_config = ConfigDict(extra="forbid")

    model: str
    """The ControlNet or IP-Adapter that heeds it."""

    image: str
    """SHA-256 of a picture that was uploaded (POST /images) or made here."""

    kind: ControlUnitKind = "controlnet"
    """What the model is. A ControlNet says what goes where; an IP-Adapter takes the picture as part of the prompt: its
subject, style and colours."""

    preprocessor: str = "none"
    """What is made of the picture before a ControlNet looks at it. An IP-Adapter looks at the picture itself."""

    weight: float = 1.0
    """How much it has to say. 0 is off."""

    start: float = 0.0
    """Share of the steps from which it is asked."""

    end: float = 1.0
    """Share of the steps to which it is asked."""

    control_mode: ControlUnitControlMode = "Balanced"
    """Whose word counts where a ControlNet steers: both alike; the prompt's, deeper layers hearing less of the picture; or the
picture's, which then goes with the prompt alone."""

    resize_mode: ControlUnitResizeMode = "Crop and Resize"
    """How the picture comes to the size that is drawn, or to the square that an IP-Adapter's image encoder looks at:
stretched, cut, or whole with its edges drawn out."""

    processor_res: int = 0
    """Shorter side at which the preprocessor looks at the picture. 0: the size that is drawn (pixel perfect)."""

    threshold_a: float = -1.0
    """First number of the preprocessor. -1: its own."""

    threshold_b: float = -1.0
    """Second number of the preprocessor. -1: its own."""

    hash_: str = Field("", alias="hash")
    """First 10 hex digits of the model's SHA-256; filled in when the job is taken."""


class Count(Data):
    """How many jobs it was about."""

    jobs: int


class CutOutStep(Data):
    """Takes the background away, so that the subject stands alone."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["cut out"] = "cut out"

    model: str = ""
    """What finds the subject: a U²-Net or an IS-Net that lies in models/cut_out. Empty: the first one there."""

    ground: CutOutStepBehindIt = "Transparent"
    """Transparent is kept in PNG, WebP and AVIF; a JPEG lies on white, or on the colour that its format step says."""

    colour: str = "#ffffff"
    """What is behind it, as #rrggbb."""


class DayOfCalendar(Data):
    """A day on which pictures were made."""

    day: str
    """On the clock of Easel's machine, as 2026-05-03."""

    pictures: int

    good: int
    """Favourites, and those with four stars or more."""


class DiffAnswer(Data):
    """What is different between two pictures, and the essential parameters where they are not."""

    before: Image
    """One picture with everything that made it."""

    after: Image
    """One picture with everything that made it."""

    changes: int
    """How much is different: runs of words, and parameters."""

    prompts: list[PromptDiffAnswer]

    parameters: list[ParameterDiffAnswer]

    way: list[EditAnswer]
    """What led from the earlier picture to the later one, that one last; else empty."""


class DiffRun(Data):
    """Neighbouring words of a prompt that fared alike."""

    kind: DiffRunKind

    text: str

    before: float | None
    """Weight in the first prompt; null where they aren't in it."""

    after: float | None
    """The same of the second prompt."""

    when: str
    """The moment they are asked for, in words; empty for always."""

    spaced: bool
    """Whether a space stands before them."""


class DiskFacts(Data):
    """A disk that Easel writes to."""

    name: str

    folder: str

    total: int
    """Bytes."""

    free: int
    """Bytes."""

    reserve: int
    """Bytes that are kept free: below that the queue waits."""


class Doing(Data):
    """How far the thorough check is."""

    words: str

    number: int

    of: int


class Duplicates(Data):
    """Pictures that a request would make again."""

    pictures: int
    """How many the request makes."""

    made: int
    """How many of them were made already; 0 where chance decides what is made."""

    images: list[Image]
    """At most four of those, in the request's order."""


class EditAnswer(Data):
    """A picture on the way from one to another, and what was changed for it since the one before."""

    image: str
    """Id of the picture."""

    thumbnail: str

    created_at: datetime.datetime

    prompts: list[PromptDiffAnswer]

    parameters: list[ParameterDiffAnswer]


class EditStep(Data):
    """A prompt within a row of edits."""

    image: str
    """The best of its pictures."""

    at: str

    pictures: int

    good: bool

    prompt: str

    changes: list[WordChange]
    """To the prompt before; none of the first."""


class EditThread(Data):
    """A prompt that was edited step by step."""

    edits: int

    pictures: int

    steps: list[EditStep]
    """The last ones, from old to new."""


class EmbeddingSaid(Data):
    """An embedding that the prompt says."""

    name: str

    vectors: int
    """How many tokens it counts."""


class Emptied(Data):
    """What is gone for good."""

    removed: int
    """Pictures."""

    bytes_: int = Field(alias="bytes")
    """Of their files."""

    kept: list[KeptInTrash]


class EngineFacts(Data):
    """What the engine's process said of itself; empty while it has said nothing."""

    ready: bool

    problem: str

    device: str

    device_name: str

    dtype: str

    attention: list[str]
    """Kernels that did their work when they were called."""


class ErrorAnswer(Data):
    """The one shape of every error."""

    error: ErrorDetail
    """What went wrong, and the way out."""


class ErrorDetail(Data):
    """What went wrong, and the way out."""

    code: str
    """For programs: the kind of error."""

    message: str
    """One sentence: what happened."""

    field: str | None = None
    """The field at fault, if any."""

    allowed: str | None = None
    """Its allowed range or choices, in words."""

    hint: str = ""
    """One sentence: what to do next."""


class ExamplePath(Data):
    """An example of where a picture goes."""

    path: str
    """Relative to the pictures folder."""


class FacetValue(Data):
    """A value and how many of the pictures have it."""

    value: str

    n: int


class Facets(Data):
    """What pictures have, the most frequent first."""

    of: int
    """How many pictures were looked at: the newest 10,000 of a search, or all."""

    exact: bool
    """Those are all."""

    facets: FacetsFacets


class FactChangeAnswer(Data):
    """A fact that decides a picture's bytes, and is another one now."""

    fact: str
    """Its name, or the field of the request."""

    label: str
    """The same in words."""

    before: str

    after: str


class FieldPresetAnswer(Data):
    """Fields of a page, kept by name."""

    name: str

    page: FieldPresetAnswerPage

    usual: bool
    """What the page's fields are at a first visit."""

    fields: FieldPresetAnswerFields
    """As it was kept."""

    usable: FieldPresetAnswerUsable
    """Those of them that can be used here."""

    missing: list[str]
    """What can't be used here, in words."""


class FieldPresetList(Data):
    """Presets, by page and name."""

    items: list[FieldPresetAnswer]


class FileAtWork(Data):
    """A file of a batch that is being made."""

    number: int

    name: str

    job: str
    """A 63-bit number as digits; larger is newer."""


class FilmAnswer(Data):
    """The steps of a picture, as they were seen."""

    frames: list[FrameAnswer]


class FindingAnswer(Data):
    """One check and what it found."""

    id: str

    group: str

    name: str

    thorough: bool
    """It reads much, so it is made by POST /system/check only."""

    state: FindingAnswerState
    """bad: it doesn't work until it is mended. unchecked: not known yet."""

    text: str
    """What was found, in a line."""

    advice: str
    """What to do; empty when there is nothing."""

    items: list[str]
    """Details, one line each."""

    checked_at: datetime.datetime | None


class FinishingSteps(Data):
    """What can be done to a picture at the end."""

    steps: list[StepAnswer]

    most: int
    """Most steps of one chain."""


class FolderExport(Data):
    """Where pictures were copied to."""

    folder: str

    written: int
    """Pictures that are new there."""

    there: int
    """Pictures that lay there already."""

    gone: int
    """Pictures whose file isn't there any more."""

    next_: str | None = Field(alias="next")
    """Sent again as `below` this copies the next slice of a search; null at the end."""


class FolderList(Data):
    """The folders in use."""

    items: list[ModelFolder]


class FolderLook(Data):
    """What a folder holds."""

    path: str

    program: str
    """Whose folder it looks like, in words."""

    counts: FolderLookCounts
    """Files by kind, in words."""

    total: int

    bytes_: int = Field(alias="bytes")

    broken: int
    """Files that can't be read."""

    guessed: int
    """Files counted by their folder's name alone: old pickles, and what there was no time for."""

    problems: list[str]

    known: bool
    """It is in use already."""


class FormatStep(Data):
    """Says as what the picture is saved, in place of the settings. It is the last step."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["format"] = "format"

    format_: FormatStepFormat = Field("PNG", alias="format")
    """What the file is. PNG loses nothing, the others are smaller."""

    lossless: bool = False
    """Loses nothing; the file is larger."""

    quality: int = 90
    """Less is a smaller file."""

    colour: str = "#ffffff"
    """A JPEG can't be transparent: what it then lies on, as #rrggbb."""


class FoundModelAnswer(Data):
    """A model that such a place knows."""

    extension: str

    source: str
    """What the place is called."""

    title: str

    address: str
    """What to look up, and to download from."""

    kind: str
    """Kind of model; empty where nobody tells."""

    detail: str

    size: int | None
    """Bytes; null where nobody tells."""


class FoundModelList(Data):
    """What was found, and which places could not be asked."""

    items: list[FoundModelAnswer]

    problems: list[str]


class FrameAnswer(Data):
    """What a picture would have been after one of its steps."""

    number: int

    url: str
    """Path of the frame, a WebP of at most 512 px."""

    step: int

    steps: int
    """Of all passes."""

    hires: bool
    """Whether it is of the hires pass."""

    sigma: float | None
    """Noise level at which it was seen; null where that isn't known."""


class Health(Data):
    """Whether Easel works."""

    state: HealthState

    device: str

    dtype: str

    version: str

    queue: int
    """Waiting jobs."""


class HistoryCards(Data):
    """Pictures as a grid shows them, newest first. All else as in a HistoryPage."""

    items: list[Card]

    next_: str | None = Field(alias="next")

    total: int | None

    partial: bool

    searched_to: str | None


class HistoryCount(Data):
    """How many pictures a search finds."""

    n: int

    more: bool
    """There may be more: counting ends at 1,000, or when its time is used up."""


class HistoryPage(Data):
    """Pictures, newest first."""

    items: list[Image]

    next_: str | None = Field(alias="next")
    """Ask for the next page with `before=next`; null at the end."""

    total: int | None
    """How many pictures there are in all; null for a search."""

    partial: bool
    """The time was used up before the page was full: older pictures are searched with `before=next`."""

    searched_to: str | None
    """How far back a partial page was searched: UTC, ISO 8601."""


class Image(Data):
    """One picture with everything that made it."""

    id: str
    """Id of the picture; `live-…` for a live one, which isn't kept."""

    generation: str
    """Pictures of one job share it; empty for a live picture."""

    index: int
    """Number of the picture within its job, from 0."""

    url: str
    """Path of the picture's file."""

    thumbnail: str
    """Path of a WebP of at most 384 px."""

    seed: str | None
    """This picture's own seed, as digits: JavaScript's numbers are too short for it. This and what follows to clip_skip,
prompts apart, is null of an upscale, which isn't drawn."""

    prompt: str
    """Of an upscale: what its source was made from, where its file tells."""

    negative_prompt: str

    checkpoint: str | None

    checkpoint_hash: str | None
    """First 10 hex digits of the checkpoint's content hash."""

    sampler: str | None

    schedule_type: str | None

    steps: int | None

    cfg_scale: float | None

    clip_skip: int | None

    kind: ImageKind
    """What it was made from."""

    source: Source | None
    """The picture that it started from; null where that was words alone."""

    hires: bool
    """Whether it had a hires pass."""

    finishing: list[ImageFinishingItem]
    """Steps that it was finished by, as a request has them."""

    extensions: ImageExtensions
    """Values for add-ons that it was made with, by add-on id."""

    infotext: str
    """AUTOMATIC1111's generation parameters."""

    width: int
    """Pixels."""

    height: int
    """Pixels."""

    seconds: float
    """Seconds."""

    bytes_: int = Field(alias="bytes")
    """Size of the file."""

    file: str
    """Name of the file."""

    sha256: str
    """Of the file: a request can refer to the picture by it. Empty for a live picture."""

    film: str | None
    """Path of the list of its steps' views, where they were kept."""

    mean_colour: str
    """The ground to show while the picture loads."""

    facts: ImageFacts
    """What was measured while it was made: device, dtype, versions, seconds by stage."""

    created_at: str
    """UTC, ISO 8601; empty for a live picture."""

    favourite: bool

    rating: int | None

    note: str

    tags: list[str]

    trashed: bool
    """Whether it is in the trash."""

    tool: str | None
    """The program that made it; null: Easel."""

    imported: ImportedFrom | None
    """Of another program's picture: where it lies. Its values are as its file tells them."""


class Img2Img(Data):
    """A picture from words and a picture."""

    model_config = ConfigDict(extra="forbid")

    init_image: str
    """What is drawn on: the SHA-256 of a picture that was uploaded (POST /images) or made here."""

    kind: Literal["img2img"] = "img2img"

    finishing: list[ColourStep | CutOutStep | FormatStep | ResizeStep | RestoreFacesStep | SharpenStep | UpscaleStep] | None = None
    """What is done to each picture at the end, one step after the other."""

    extensions: Img2ImgAddOnValues | None = None
    """Values for add-ons, by add-on id."""

    prompt: str = ""
    """What you want to see, in words."""

    negative_prompt: str = ""
    """What to leave out."""

    styles: list[str] | None = None
    """Names of styles whose words are added to both prompts, in this order. What is drawn has the words and no names."""

    checkpoint: str = ""
    """The model that draws. Empty: the one in use, or the first one found."""

    vae: str = "Automatic"
    """What makes pixels of the latents. Automatic: the one beside the checkpoint, else its own. None: its own."""

    width: int = 512
    """Width of the picture. Beyond 2048 px it is drawn in tiles."""

    height: int = 512
    """Height of the picture. Beyond 2048 px it is drawn in tiles."""

    steps: int = 20
    """How many times noise is taken away. More is finer and slower."""

    cfg_scale: float = 7.0
    """How closely the picture follows the words. 1 ignores the negative prompt and is twice as fast."""

    distilled_cfg_scale: float = 3.5
    """How closely FLUX dev follows the words, told to the model itself; other models don't know it. CFG scale is best 1 there."""

    sampler: str = "DPM++ 2M"
    """How each step is taken."""

    schedule_type: str = "Automatic"
    """How the noise levels are spaced. Automatic fits the sampler."""

    seed: int = -1
    """The same seed gives the same picture. -1 picks one at random; picture n of a job uses seed + n."""

    clip_skip: int = 1
    """Which layer of the text encoder is used, counted from the end. 1 is the last."""

    attention: str = "Automatic"
    """The kernel that computes attention. Automatic takes the best that works; Sliced is slow and needs least memory."""

    weight_storage: Img2ImgWeightStorage = "As computed"
    """fp8 and int8 keep the denoiser in half the memory (a quarter of fp32); the picture changes a little, steps are slower."""

    emphasis: Img2ImgEmphasis = "Original"
    """What (word:1.2) does. Original keeps each chunk's mean, No norm doesn't; Ignore: nothing; None: brackets are text."""

    comma_backtrack: int = 20
    """A full chunk of a long prompt ends at its last comma, if at most this many tokens stand behind it."""

    pad_conds: bool = False
    """Lengthens the shorter of prompt and negative prompt with empty chunks. Faster for long ones, but other pictures."""

    old_prompt_editing: bool = False
    """The rule of before AUTOMATIC1111 1.6: in [a:b:when] numbers below 1 are fractions, others are steps."""

    rng: Img2ImgNoiseSource = "CPU"
    """Where noise is drawn. CPU: the same on every machine. NV: as an NVIDIA card draws it, on any machine. GPU: the card
itself."""

    variation_seed: int = -1
    """The seed whose noise is mixed in. -1 picks one at random; picture n of a job uses it + n."""

    variation_strength: float = 0.0
    """How much of the variation seed's noise is mixed in. Above 0 all pictures of a job keep one seed."""

    seed_resize_from: str = ""
    """Width x height at which the seed made a picture that you want again at another size, as 512x512. Empty: off."""

    seed_delta: int = 0
    """Added to the seed for the noise that ancestral samplers draw on the way (ENSD)."""

    eta: float = 1.0
    """How much of the noise ancestral and SDE samplers add on the way. 0 adds none."""

    eta_ddim: float = 0.0
    """The same for DDIM, which adds none by itself."""

    sigma_churn: float = 0.0
    """Noise that Euler, Heun, HeunPP2 and DPM2 add before their steps, spread over all of them."""

    sigma_tmin: float = 0.0
    """Noise level below which churn adds none."""

    sigma_tmax: float = 0.0
    """Noise level above which churn adds none. 0: no limit."""

    sigma_noise: float = 1.0
    """Factor on all noise added on the way."""

    sigma_min: float = 0.0
    """Where the schedule ends. 0: the checkpoint's own."""

    sigma_max: float = 0.0
    """Where the schedule begins. 0: the checkpoint's own."""

    rho: float = 0.0
    """How much Karras and Polyexponential prefer low noise. 0: their own, 7 and 1."""

    beta_alpha: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the end, to low noise."""

    beta_beta: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the start, to high noise."""

    discard_next_to_last: bool = False
    """As DPM2, DPM2 a and DPM++ 3M SDE always do."""

    cfg_rescale: float = 0.0
    """Takes back the glare of a high CFG scale: 0.7 suits v-prediction checkpoints. 0: off."""

    mimic_scale: float = 0.0
    """Dynamic thresholding: keeps the contrast of this CFG scale at a higher one. 0: off."""

    threshold_percentile: float = 100.0
    """Dynamic thresholding: share of the values that is kept; those beyond are clamped."""

    guidance_from: float = 0.0
    """Share of the steps before which only the prompt is asked. Later is more varied and faster."""

    guidance_to: float = 1.0
    """Share of the steps after which only the prompt is asked. Sooner is softer and faster."""

    pag_scale: float = 0.0
    """Guides away from a guess without structure; 3 is usual. Half as slow again. 0: off."""

    freeu_b1: float = 1.0
    """Strengthens the shape in the coarsest layers of the U-Net. 1: off."""

    freeu_b2: float = 1.0
    """The same in the next layers. 1: off."""

    freeu_s1: float = 1.0
    """Damps what the coarsest layers are handed of coarse detail. 1: off."""

    freeu_s2: float = 1.0
    """The same in the next layers. 1: off."""

    tiling: Img2ImgTiling = "Off"
    """Makes a picture that goes on seamlessly where copies of it are laid side by side, one above the other, or both."""

    refiner: str = "None"
    """A checkpoint that takes over in the middle of a picture; its latents must be of the same kind (SDXL's refiner)."""

    refiner_switch_at: float = 0.8
    """Share of the noise levels, from the noisiest on, that the first checkpoint draws."""

    refiner_by_steps: bool = False
    """Switch at a share of the steps instead of the noise levels, as AUTOMATIC1111 did before 1.8."""

    controls: list[ControlUnit] | None = None
    """Pictures that steer the picture, each through a ControlNet."""

    regions: list[Region] | None = None
    """Parts of the picture that follow prompts of their own, the lowest first. The prompt rules where none is."""

    regions_apart: float = 0.2
    """Share of the steps in which no region sees what is drawn around it. More keeps colours to their places, less joins them."""

    batch_count: int = 1
    """How many pictures to make, one after another."""

    batch_size: int = 1
    """How many pictures a graphics card draws at once. A CPU draws one by one."""

    denoising_strength: float = 0.75
    """How much is drawn anew. 0 gives the picture back; 1 keeps next to nothing of it."""

    resize_mode: Img2ImgResizeMode = "Just resize"
    """How the picture comes to the size that is drawn: stretched; cut; whole, its edges drawn out; or stretched as latents."""

    resize_by: float = 0.0
    """Width and height follow from those of the picture, so many times as large. 0: they are what they say."""

    exact_steps: bool = False
    """Takes as many steps as Steps says, of a longer schedule; else only its last ones, by the denoising strength."""

    noise_multiplier: float = 1.0
    """Factor on the noise that is put on the picture. Less is smoother, more is richer in detail."""

    extra_noise: float = 0.0
    """Noise that is put on the picture beyond what the steps take away. Gives more detail."""

    color_correction: bool = False
    """Brings the colours of the result back to those of the picture that it started from."""

    mask_weight: float = 1.0
    """For inpainting checkpoints: how much of what is under the mask is hidden from the model. 0 shows it all."""

    loops: int = 1
    """Loopback: how many rounds there are. Each draws on the picture of the one before; all are kept."""

    final_denoising_strength: float = 0.5
    """Of the last round of a loopback; the first one's is the denoising strength."""

    denoising_curve: Img2ImgStrengthCurve = "Linear"
    """How the strength goes from the first round's to the last one's: evenly, most of it at the beginning, or most at the end."""

    init_name: str = ""
    """What its file was called. It changes nothing."""

    tiled_drawing: Img2ImgDrawInTiles = "Off"
    """For pictures larger than the model is good at. SD upscale: tile by tile, each a picture of its own. MultiDiffusion: all
tiles agree in every step."""

    tiled_scale: float = 0.0
    """In tiles: how many times as large as before the picture becomes. 0: as large as Width and Height say."""

    tiled_upscaler: str = "Lanczos"
    """In tiles: what enlarges the picture before it is drawn on, a model among your upscalers or a filter. It counts where the
picture becomes larger."""

    drawn_tile: int = 512
    """Side of a tile: what the model is good at, as 512 for Stable Diffusion 1 and 1024 for SDXL."""

    drawn_overlap: int = 64
    """By how much tiles overlap at least. More hides seams better and takes longer."""


class Import(Data):
    """A folder of another program's pictures that is taken into history. Nothing in it is moved or changed."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    folder: str

    status: ImportStatus
    """failed: the folder can't be looked into."""

    watched: bool
    """What comes into it later is taken in, too."""

    looking: bool
    """The folder is being looked through, so the total still grows."""

    counts: ImportCounts
    """How many files of an import are so."""

    total: int
    """Files that may be pictures, as far as they are known."""

    seconds_left: float | None
    """Seconds until all are read; null while that isn't known."""

    error: ErrorDetail | None

    created_at: datetime.datetime

    ended_at: datetime.datetime | None


class ImportCounts(Data):
    """How many files of an import are so."""

    waiting: int
    """Yet to be read."""

    imported: int
    """In history."""

    double: int
    """Their content was in history already."""

    foreign: int
    """Whole pictures that don't say how they were made."""

    broken: int
    """Could not be read."""


class ImportFile(Data):
    """One file of an import, and what became of it."""

    path: str
    """Below the folder. Untrusted text."""

    state: ImportFileState

    reason: str | None
    """Why it isn't in history."""

    hint: str | None

    image: str | None
    """Its picture in history, or the one with the same content."""


class ImportFiles(Data):
    """A part of the files of an import."""

    items: list[ImportFile]

    total: int
    """How many there are in all that fit."""


class ImportList(Data):
    """Imports, newest first."""

    items: list[Import]


class ImportLook(Data):
    """What a folder holds."""

    folder: str

    pictures: int
    """Files that may be pictures."""

    bytes_: int = Field(alias="bytes")

    more: bool
    """There are more than these: the look was ended after some seconds."""


class ImportedFrom(Data):
    """Where a picture of another program lies."""

    tool: str
    """The program that made it."""

    folder: str
    """Whole path on Easel's machine. Untrusted text."""

    gone: bool
    """The file isn't there any more."""

    unmapped: list[ToldOtherwise]
    """What would not be the same if Easel drew it."""


class Inpaint(Data):
    """A picture of which only what is masked is drawn anew, or that is continued beyond its sides, or both in this order."""

    model_config = ConfigDict(extra="forbid")

    init_image: str
    """What is drawn on: the SHA-256 of a picture that was uploaded (POST /images) or made here."""

    kind: Literal["inpaint"] = "inpaint"

    finishing: list[ColourStep | CutOutStep | FormatStep | ResizeStep | RestoreFacesStep | SharpenStep | UpscaleStep] | None = None
    """What is done to each picture at the end, one step after the other."""

    extensions: InpaintAddOnValues | None = None
    """Values for add-ons, by add-on id."""

    prompt: str = ""
    """What you want to see, in words."""

    negative_prompt: str = ""
    """What to leave out."""

    styles: list[str] | None = None
    """Names of styles whose words are added to both prompts, in this order. What is drawn has the words and no names."""

    checkpoint: str = ""
    """The model that draws. Empty: the one in use, or the first one found."""

    vae: str = "Automatic"
    """What makes pixels of the latents. Automatic: the one beside the checkpoint, else its own. None: its own."""

    width: int = 512
    """Width of the picture."""

    height: int = 512
    """Height of the picture."""

    steps: int = 20
    """How many times noise is taken away. More is finer and slower."""

    cfg_scale: float = 7.0
    """How closely the picture follows the words. 1 ignores the negative prompt and is twice as fast."""

    distilled_cfg_scale: float = 3.5
    """How closely FLUX dev follows the words, told to the model itself; other models don't know it. CFG scale is best 1 there."""

    sampler: str = "DPM++ 2M"
    """How each step is taken."""

    schedule_type: str = "Automatic"
    """How the noise levels are spaced. Automatic fits the sampler."""

    seed: int = -1
    """The same seed gives the same picture. -1 picks one at random; picture n of a job uses seed + n."""

    clip_skip: int = 1
    """Which layer of the text encoder is used, counted from the end. 1 is the last."""

    attention: str = "Automatic"
    """The kernel that computes attention. Automatic takes the best that works; Sliced is slow and needs least memory."""

    weight_storage: InpaintWeightStorage = "As computed"
    """fp8 and int8 keep the denoiser in half the memory (a quarter of fp32); the picture changes a little, steps are slower."""

    emphasis: InpaintEmphasis = "Original"
    """What (word:1.2) does. Original keeps each chunk's mean, No norm doesn't; Ignore: nothing; None: brackets are text."""

    comma_backtrack: int = 20
    """A full chunk of a long prompt ends at its last comma, if at most this many tokens stand behind it."""

    pad_conds: bool = False
    """Lengthens the shorter of prompt and negative prompt with empty chunks. Faster for long ones, but other pictures."""

    old_prompt_editing: bool = False
    """The rule of before AUTOMATIC1111 1.6: in [a:b:when] numbers below 1 are fractions, others are steps."""

    rng: InpaintNoiseSource = "CPU"
    """Where noise is drawn. CPU: the same on every machine. NV: as an NVIDIA card draws it, on any machine. GPU: the card
itself."""

    variation_seed: int = -1
    """The seed whose noise is mixed in. -1 picks one at random; picture n of a job uses it + n."""

    variation_strength: float = 0.0
    """How much of the variation seed's noise is mixed in. Above 0 all pictures of a job keep one seed."""

    seed_resize_from: str = ""
    """Width x height at which the seed made a picture that you want again at another size, as 512x512. Empty: off."""

    seed_delta: int = 0
    """Added to the seed for the noise that ancestral samplers draw on the way (ENSD)."""

    eta: float = 1.0
    """How much of the noise ancestral and SDE samplers add on the way. 0 adds none."""

    eta_ddim: float = 0.0
    """The same for DDIM, which adds none by itself."""

    sigma_churn: float = 0.0
    """Noise that Euler, Heun, HeunPP2 and DPM2 add before their steps, spread over all of them."""

    sigma_tmin: float = 0.0
    """Noise level below which churn adds none."""

    sigma_tmax: float = 0.0
    """Noise level above which churn adds none. 0: no limit."""

    sigma_noise: float = 1.0
    """Factor on all noise added on the way."""

    sigma_min: float = 0.0
    """Where the schedule ends. 0: the checkpoint's own."""

    sigma_max: float = 0.0
    """Where the schedule begins. 0: the checkpoint's own."""

    rho: float = 0.0
    """How much Karras and Polyexponential prefer low noise. 0: their own, 7 and 1."""

    beta_alpha: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the end, to low noise."""

    beta_beta: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the start, to high noise."""

    discard_next_to_last: bool = False
    """As DPM2, DPM2 a and DPM++ 3M SDE always do."""

    cfg_rescale: float = 0.0
    """Takes back the glare of a high CFG scale: 0.7 suits v-prediction checkpoints. 0: off."""

    mimic_scale: float = 0.0
    """Dynamic thresholding: keeps the contrast of this CFG scale at a higher one. 0: off."""

    threshold_percentile: float = 100.0
    """Dynamic thresholding: share of the values that is kept; those beyond are clamped."""

    guidance_from: float = 0.0
    """Share of the steps before which only the prompt is asked. Later is more varied and faster."""

    guidance_to: float = 1.0
    """Share of the steps after which only the prompt is asked. Sooner is softer and faster."""

    pag_scale: float = 0.0
    """Guides away from a guess without structure; 3 is usual. Half as slow again. 0: off."""

    freeu_b1: float = 1.0
    """Strengthens the shape in the coarsest layers of the U-Net. 1: off."""

    freeu_b2: float = 1.0
    """The same in the next layers. 1: off."""

    freeu_s1: float = 1.0
    """Damps what the coarsest layers are handed of coarse detail. 1: off."""

    freeu_s2: float = 1.0
    """The same in the next layers. 1: off."""

    tiling: InpaintTiling = "Off"
    """Makes a picture that goes on seamlessly where copies of it are laid side by side, one above the other, or both."""

    refiner: str = "None"
    """A checkpoint that takes over in the middle of a picture; its latents must be of the same kind (SDXL's refiner)."""

    refiner_switch_at: float = 0.8
    """Share of the noise levels, from the noisiest on, that the first checkpoint draws."""

    refiner_by_steps: bool = False
    """Switch at a share of the steps instead of the noise levels, as AUTOMATIC1111 did before 1.8."""

    controls: list[ControlUnit] | None = None
    """Pictures that steer the picture, each through a ControlNet."""

    regions: list[Region] | None = None
    """Parts of the picture that follow prompts of their own, the lowest first. The prompt rules where none is."""

    regions_apart: float = 0.2
    """Share of the steps in which no region sees what is drawn around it. More keeps colours to their places, less joins them."""

    batch_count: int = 1
    """How many pictures to make, one after another."""

    batch_size: int = 1
    """How many pictures a graphics card draws at once. A CPU draws one by one."""

    denoising_strength: float = 0.75
    """How much is drawn anew. 0 gives the picture back; 1 keeps next to nothing of it."""

    resize_mode: InpaintResizeMode = "Just resize"
    """How the picture comes to the size that is drawn: stretched; cut; whole, its edges drawn out; or stretched as latents."""

    resize_by: float = 0.0
    """Width and height follow from those of the picture, so many times as large. 0: they are what they say."""

    exact_steps: bool = False
    """Takes as many steps as Steps says, of a longer schedule; else only its last ones, by the denoising strength."""

    noise_multiplier: float = 1.0
    """Factor on the noise that is put on the picture. Less is smoother, more is richer in detail."""

    extra_noise: float = 0.0
    """Noise that is put on the picture beyond what the steps take away. Gives more detail."""

    color_correction: bool = False
    """Brings the colours of the result back to those of the picture that it started from."""

    mask_weight: float = 1.0
    """For inpainting checkpoints: how much of what is under the mask is hidden from the model. 0 shows it all."""

    loops: int = 1
    """Loopback: how many rounds there are. Each draws on the picture of the one before; all are kept."""

    final_denoising_strength: float = 0.5
    """Of the last round of a loopback; the first one's is the denoising strength."""

    denoising_curve: InpaintStrengthCurve = "Linear"
    """How the strength goes from the first round's to the last one's: evenly, most of it at the beginning, or most at the end."""

    init_name: str = ""
    """What its file was called. It changes nothing."""

    mask: str = ""
    """What is drawn anew: the SHA-256 of a picture of the same size, white there and black elsewhere; if it is transparent
somewhere, its alpha is the mask. Only a picture that is extended needs none."""

    mask_blur: float = 4.0
    """How softly the mask ends."""

    mask_mode: InpaintMaskMode = "Inpaint masked"
    """Whether what is masked is drawn anew, or all else."""

    masked_content: InpaintMaskedContent = "original"
    """What drawing begins with under the mask: the colours around it, the picture itself, noise, or nothing."""

    inpaint_area: InpaintInpaintArea = "Whole picture"
    """Whole picture: all of it at the size that is drawn. Only masked: what is masked, at that size, pasted back into the
picture."""

    masked_padding: int = 32
    """How much around the mask the model sees with Only masked."""

    soft_inpainting: bool = False
    """What is masked in part changes in part: no edge is seen even at a high strength. Wants a mask that ends softly."""

    soft_schedule_bias: float = 1.0
    """When what is masked in part is held to the picture: above 1 rather in the first steps, below 1 rather to the end."""

    soft_preservation: float = 0.5
    """How strongly what is masked in part is held to the picture."""

    soft_contrast_boost: float = 4.0
    """Brings back the contrast that is lost where old and new are mixed."""

    soft_mask_influence: float = 0.0
    """How much the mask itself, beside the change, decides where the picture's own pixels stay in the end."""

    soft_difference_threshold: float = 0.5
    """How much a place may change and still have its own pixels mixed in at the end."""

    soft_difference_contrast: float = 2.0
    """How sharply what keeps its own pixels is told from what doesn't."""

    extend_left: int = 0
    """By how much the picture is continued at its left."""

    extend_right: int = 0
    """By how much the picture is continued at its right."""

    extend_top: int = 0
    """By how much the picture is continued at its top."""

    extend_bottom: int = 0
    """By how much the picture is continued at its bottom."""

    extend_overlap: int = 0
    """How far into the picture its continuation may change it, less and less. 0 keeps every pixel of it."""

    extend_rounds: int = 1
    """In how many rounds it is extended: each draws its part with what the one before has drawn in sight."""


class Job(Data):
    """One job."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    status: JobStatus

    live: bool
    """Made while somebody types; its picture isn't kept."""

    client: str | None

    priority: int
    """Higher ones go first."""

    forever: bool
    """Another one follows each time it starts."""

    film: bool
    """A view of each step is kept."""

    kind: JobKind
    """Empty where it can't be read any more."""

    prompt: str
    """Of an upscale: what its source was made from, where its file tells."""

    checkpoint: str
    """Empty where none draws."""

    pictures: int
    """How many it makes in all."""

    width: int
    """Pixels."""

    height: int
    """Pixels."""

    seed: str | None
    """Seed of its first picture, as digits; null where it isn't drawn."""

    source_name: str
    """What the file was called that it starts from; empty where that isn't known."""

    done: int
    """How many pictures are finished."""

    created_at: datetime.datetime

    ended_at: datetime.datetime | None

    progress: Progress | None

    error: ErrorDetail | None

    notes: list[str]
    """What you should know that stopped nothing."""

    images: list[Image]
    """The finished pictures, in order."""

    replay: Replay | None
    """Of a job that made a picture again: what comparing the two found."""


class JobList(Data):
    """Ended jobs, newest first."""

    jobs: list[Job]

    next_: str | None = Field(alias="next")
    """Ask for the next page with `before=next`; null at the end."""


class KeptInTrash(Data):
    """A picture whose file can't be deleted."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    reason: str


class KindCount(Data):
    """The models of one kind in numbers."""

    kind: str

    count: int

    unusable: int
    """How many of them have a problem."""

    families: KindCountFamilies
    """Family -> how many; those that tell none are left out."""

    folders: KindCountFolders
    """Folder -> how many lie in it; the 200 with most."""


class Lifts(Data):
    """What favourites and high ratings have in common."""

    pictures: int

    good: int
    """Favourites, and those with four stars or more."""

    share: float

    enough: bool
    """There are enough good ones to say anything."""

    looked_at: int
    """Traits."""

    traits: list[TraitOfGood]
    """What stands out most comes first."""


class LineageAnswer(Data):
    """All that a picture came from, and all that came of any of these."""

    nodes: list[LineageNode]
    """Those that were put in from elsewhere, then the others, oldest first."""

    links: list[LineageLink]

    whole: bool
    """False where the family is larger than what is told."""


class LineageLink(Data):
    """One picture of a family was made from another."""

    source: str
    """Id of a node."""

    image: str
    """Id of the node that was made from it."""

    relation: LineageLinkRelation


class LineageNode(Data):
    """A picture of a family."""

    id: str
    """Id of the picture; the SHA-256 of one that was put in from elsewhere."""

    url: str
    """Path of the picture."""

    thumbnail: str
    """Path of a small one."""

    made_by: str
    """What made it, in words."""

    kind: LineageNodeKindType0 | None
    """Null of one that was put in from elsewhere."""

    prompt: str

    mean_colour: str

    trashed: bool

    created_at: datetime.datetime | None
    """Null of one that was put in from elsewhere."""


class LoggedOut(Data):
    """Somebody was logged out everywhere."""

    logins: int
    """Browsers that were logged in."""


class LossPoint(Data):
    """One point of the curve."""

    step: int

    loss: float


class Marks(Data):
    """All that is said of one picture."""

    model_config = ConfigDict(extra="forbid")

    id: str

    favourite: bool

    rating: int | None

    note: str

    tags: list[str]


class MarksBefore(Data):
    """What was said of the pictures before. Sent back with PUT /history/images/marks it is said again."""

    before: list[Marks]


class Me(Data):
    """Who asks."""

    id: str
    """Empty of the household, where nobody has an account."""

    name: str
    """Untrusted text."""

    role: MeRole

    scopes: list[MeScopesItem]
    """What this request may do: look; make pictures; everything."""

    accounts: bool
    """There are accounts: everybody logs in."""


class MemoryFacts(Data):
    """Main memory, or less where a container has a limit."""

    total: int
    """Bytes."""

    available: int
    """Bytes."""


class MetadataAnswer(Data):
    """What a picture or a text says of how a picture is made."""

    tool: str | None
    """The program that wrote it; null where nothing was found."""

    exact: bool
    """Read from Easel's own record: the same request, field by field."""

    fields: MetadataAnswerFields
    """Fields of a request, ready for /jobs."""

    of_source: MetadataAnswerOfSource
    """Of a picture that was made from another one: its kind of request and the further fields of that. Only Easel's own record
knows init_image and mask."""

    unusual: MetadataAnswerUnusual
    """Labels of those fields that differ from their defaults."""

    unmapped: list[UnmappedParameter]
    """What found no place, and why."""


class ModelAnswer(Data):
    """One model file, or diffusers folder, of any kind."""

    id: str
    """Of its path: it stays while the file does."""

    name: str
    """To ask for it by."""

    title: str
    """AUTOMATIC1111's title: path below its folder and, once it is known, [short hash]."""

    file: str
    """Path below the folder it was found in."""

    folder: str
    """The folder it lies in."""

    kind: str
    """checkpoint, denoiser, vae, lora, embedding, ...: by content, else by folder."""

    family: str
    """sd1, sd2, sdxl, sdxl_refiner, sd3, flux, ...; empty when the file doesn't tell."""

    version: str
    """Within the family: 3.5-medium, dev, ...; of an upscaler its architecture."""

    variant: str
    """base, inpaint, edit, depth, control or upscale: what its denoiser wants to see."""

    prediction: str
    """epsilon, v, flow, edm, or empty."""

    network: str
    """Of a LoRA: lora, loha, lokr, ..."""

    form: str
    """diffusers, safetensors, gguf or pickle."""

    dtype: str
    """Of most of its numbers."""

    parameters: int
    """How many numbers there are; 0 where that is not known."""

    bytes_: int = Field(alias="bytes")
    """Size on disk."""

    changed_at: str
    """UTC, ISO 8601."""

    pending: bool
    """It has not been looked at yet; this takes a moment after many files were added."""

    usable: bool | None
    """Of checkpoints: whether the engine draws with it. Null for all others."""

    problem: str
    """Why it can't be used; empty when it can."""

    hint: str
    """What to do about that."""

    notes: list[str]
    """What its owner should know."""

    hash_: str | None = Field(alias="hash")
    """First 10 hex digits of its SHA-256; null until it was made."""

    preview: str | None
    """Path of its preview picture."""

    thumbnail: str | None
    """Path of a WebP of it of at most 480 px."""

    trigger_words: list[str]
    """What a prompt must say. Untrusted text, as all that files say."""

    insert_words: bool
    """Whether the trigger words go into the prompt with it."""

    weight: float | None
    """The weight to prefer."""

    note: str
    """What its owner wrote down."""

    prompt_name: str | None
    """Of LoRAs and embeddings: the name that means this one in a prompt; null where none can be written there."""

    prompt_names: list[str]
    """All such names, in lower case."""


class ModelDetails(Data):
    """All about one model. Texts come from its file and the files beside it: they are untrusted, and only text."""

    id: str
    """Of its path: it stays while the file does."""

    name: str
    """To ask for it by."""

    title: str
    """AUTOMATIC1111's title: path below its folder and, once it is known, [short hash]."""

    file: str
    """Path below the folder it was found in."""

    folder: str
    """The folder it lies in."""

    kind: str
    """checkpoint, denoiser, vae, lora, embedding, ...: by content, else by folder."""

    family: str
    """sd1, sd2, sdxl, sdxl_refiner, sd3, flux, ...; empty when the file doesn't tell."""

    version: str
    """Within the family: 3.5-medium, dev, ...; of an upscaler its architecture."""

    variant: str
    """base, inpaint, edit, depth, control or upscale: what its denoiser wants to see."""

    prediction: str
    """epsilon, v, flow, edm, or empty."""

    network: str
    """Of a LoRA: lora, loha, lokr, ..."""

    form: str
    """diffusers, safetensors, gguf or pickle."""

    dtype: str
    """Of most of its numbers."""

    parameters: int
    """How many numbers there are; 0 where that is not known."""

    bytes_: int = Field(alias="bytes")
    """Size on disk."""

    changed_at: str
    """UTC, ISO 8601."""

    pending: bool
    """It has not been looked at yet; this takes a moment after many files were added."""

    usable: bool | None
    """Of checkpoints: whether the engine draws with it. Null for all others."""

    problem: str
    """Why it can't be used; empty when it can."""

    hint: str
    """What to do about that."""

    notes: list[str]
    """What its owner should know."""

    hash_: str | None = Field(alias="hash")
    """First 10 hex digits of its SHA-256; null until it was made."""

    preview: str | None
    """Path of its preview picture."""

    thumbnail: str | None
    """Path of a WebP of it of at most 480 px."""

    trigger_words: list[str]
    """What a prompt must say. Untrusted text, as all that files say."""

    insert_words: bool
    """Whether the trigger words go into the prompt with it."""

    weight: float | None
    """The weight to prefer."""

    note: str
    """What its owner wrote down."""

    prompt_name: str | None
    """Of LoRAs and embeddings: the name that means this one in a prompt; null where none can be written there."""

    prompt_names: list[str]
    """All such names, in lower case."""

    path: str
    """Where it lies."""

    alias: str
    """The name that its makers gave it."""

    sha256: str | None

    legacy_hash: str | None
    """AUTOMATIC1111's first hash, 8 hex digits."""

    data_hash: str | None
    """Of the numbers alone, 12 hex digits: how trainers and infotexts name LoRAs."""

    parts: list[PartAnswer]

    missing: list[str]
    """Parts that its family needs and that are not inside."""

    training_tags: list[str]
    """What its training pictures were captioned with, most frequent first."""

    description: str

    base_model: str

    metadata: ModelDetailsMetadata
    """From its header."""

    defaults: ModelDetailsDefaults
    """Of a checkpoint: request fields that it draws best with, its owner's among them."""

    own_defaults: ModelDetailsOwnDefaults
    """Those that its owner set."""

    usual: ModelDetailsUsual
    """Of a checkpoint: what its pictures usually have besides, such as a finishing chain."""


class ModelFolder(Data):
    """A folder that models are looked for in."""

    path: str

    own: bool
    """Easel's own, where new models go."""

    there: bool
    """False when its disk is not connected, say."""

    models: int

    pinned_by: str | None
    """What names the folders instead of settings.yaml; then they can't be changed here."""


class ModelList(Data):
    """A page of models."""

    items: list[ModelAnswer]

    total: int
    """How many there are in all that fit."""

    next_: int | None = Field(alias="next")
    """`offset` of the next page; null at the end."""

    problems: list[str]
    """Model folders that could not be understood."""

    pending: int
    """Files not looked at yet."""

    hashed: int
    """Files whose hash is known."""

    to_hash: int
    """Files that get a hash."""


class ModelMemory(Data):
    """What is in memory, and how much room there is."""

    parts: list[PartInMemory]

    memory_total: int
    """Bytes of main memory that Easel could ever use."""

    memory_free: int
    """Bytes of it that are free now."""

    models: int
    """How many models there are on disk."""

    models_bytes: int
    """Their size."""

    cache_bytes: int
    """Size of the casts that make switching quick."""

    disk_free: int
    """Bytes free where Easel's own models folder is."""


class ModelOverview(Data):
    """All models in numbers."""

    kinds: list[KindCount]

    total: int
    """All models, whatever was searched for."""

    roots: list[str]
    """What is looked through: folders, and lists of folders."""


class ModelSourceAnswer(Data):
    """A place of an add-on where models can be fetched from."""

    extension: str

    name: str

    searches: bool
    """Whether it can be searched; addresses of its own can be looked up either way."""


class ModelSourceList(Data):
    """Those that add-ons offer."""

    items: list[ModelSourceAnswer]


class NetworkUse(Data):
    """An extra network that the prompt asks for."""

    kind: str

    name: str

    text_encoder_weight: float

    unet_weight: float

    found: bool | None
    """Whether it is here; null where that isn't known."""


class NewToken(Data):
    """A token that was just made."""

    id: str

    name: str
    """Untrusted text."""

    scopes: list[NewTokenScopesItem]

    created: datetime.datetime

    used: datetime.datetime | None
    """Last time, give or take a minute; null: never."""

    token: str
    """Shown once only."""


class Notice(Data):
    """What lasts and everybody should know."""

    code: str

    message: str

    hint: str

    kind: NoticeKind


class Offer(Data):
    """What a download would fetch. Without a name, one of the choices is to be picked first, as `file`."""

    name: str
    """Name that the file gets."""

    size: int | None
    """Bytes; null where the source doesn't tell."""

    free: int
    """Bytes that are free on the disk of the models folder."""

    sha256: str
    """The checksum that will be required; empty where nobody gave one."""

    licence: str
    """As the source names it; empty where it doesn't."""

    licence_url: str

    page: str
    """Where people can read about it."""

    kind: str
    """Kind of model; empty where nobody tells: then `folder` must be given."""

    family: str

    gated: bool
    """Its makers want to be asked on its page first."""

    folder: str
    """Folder below Easel's models folder; empty while its kind isn't known."""

    trigger_words: list[str]

    choices: list[OfferedFile]

    files: int
    """How many files that are: more than one where a diffusers folder is fetched whole."""


class OfferedFile(Data):
    """One of several files that could be fetched."""

    name: str

    size: int | None
    """Bytes; null where the source doesn't tell."""


class Order(Data):
    """One order of the workshop. Numbers of its progress are bytes, and of a training run steps."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    kind: OrderKind

    status: OrderStatus

    name: str
    """Name of the file that is made or fetched; of what was asked for while that isn't known."""

    asked: OrderAsked
    """The order as it came, complete."""

    progress: WorkProgress | None
    """While it runs."""

    fetched: int
    """Bytes that a stopped download has fetched: it goes on from there."""

    total: int | None
    """Bytes of the whole download; null while that isn't known."""

    notes: list[str]
    """What you should know that stopped nothing."""

    result: OrderResult | None

    error: ErrorDetail | None

    created_at: datetime.datetime

    ended_at: datetime.datetime | None


class OrderList(Data):
    """All orders, newest first."""

    items: list[Order]


class OrderResult(Data):
    """What an order made."""

    model: str
    """Id of the new model, as in /models."""

    file: str
    """Path below Easel's models folder."""

    bytes_: int = Field(alias="bytes")


class ParameterAnswer(Data):
    """One field of a request."""

    name: str

    label: str

    help_: str = Field(alias="help")

    default: Any

    minimum: float | None

    maximum: float | None

    step: float | None

    unit: str


class ParameterDiffAnswer(Data):
    """A parameter of both pictures, in words."""

    name: str

    label: str

    before: str

    after: str

    changed: bool

    change: ParameterDiffAnswerChangeType0 | None
    """Fields of a request that give the first picture what the second has (as for POST /history/{image_id}/branch); null where
it can't have that."""


class PartAnswer(Data):
    """A part inside a model."""

    name: str

    prefix: str
    """What its tensors' names begin with; a folder with / in a diffusers folder."""

    layout: str

    model: str


class PartInMemory(Data):
    """A part of one or several checkpoints that a worker keeps."""

    slot: str
    """Which worker keeps it."""

    part: str
    """Its file."""

    kind: str

    state: str
    """device; pinned: in memory that is locked, so that the card fetches it quickly; RAM; or mapped: in the system's file
cache, which takes it back when others need the room."""

    bytes_: int = Field(alias="bytes")

    in_use: bool
    """Whether it is at work, or kept to be at hand."""

    checkpoints: list[str]
    """Names of those that have it: more than one share it."""


class PeopleList(Data):
    """All accounts, by name."""

    items: list[PersonAnswer]


class PersonAnswer(Data):
    """An account."""

    id: str

    name: str
    """Untrusted text."""

    role: PersonAnswerRole

    has_password: bool
    """Without one only tokens open the door."""

    disabled: bool
    """Closed: neither logins nor tokens open the door."""

    created: datetime.datetime

    logins: int
    """Browsers that are logged in."""

    tokens: int


class PreprocessorAnswer(Data):
    """What can be made of a control's picture before its model looks at it."""

    name: str

    label: str

    help_: str = Field(alias="help")

    aliases: list[str]
    """Further names that are taken, those of sd-webui-controlnet among them."""

    thresholds: list[ThresholdAnswer]
    """threshold_a and threshold_b of a control, in order."""


class PresetAnswer(Data):
    """A finishing chain kept by name."""

    name: str

    steps: list[PresetAnswerStepsItem]
    """As a request's `finishing`."""


class PresetList(Data):
    """All chains that are kept."""

    items: list[PresetAnswer]

    problems: list[str]
    """What can't be read or used, in words."""


class Progress(Data):
    """How far a running job is."""

    job: str
    """A 63-bit number as digits; larger is newer."""

    image: int
    """The picture being made, from 0."""

    images: int
    """Pictures in the whole job."""

    step: int

    steps: int

    fraction: float
    """Share of the whole job that is done."""

    seconds_left: float | None
    """Seconds until the whole job is done; null while that isn't known."""

    stage: str
    """What is happening now, in words; empty while steps are made."""

    preview: str | None
    """Path of the newest preview (JPEG)."""


class PromptAnswer(Data):
    """Prompt and negative prompt explained."""

    prompt: PromptTold
    """One prompt explained."""

    negative_prompt: PromptTold
    """One prompt explained."""


class PromptDiffAnswer(Data):
    """A prompt's words from the first picture to the second."""

    field: str

    label: str

    runs: list[DiffRun]

    added: int

    removed: int

    reweighted: int

    change: PromptDiffAnswerChangeType0 | None
    """Fields of a request that give the first picture what the second has."""


class PromptPart(Data):
    """What stands between two ANDs."""

    weight: float

    entries: list[TimelineEntry]

    chunks: list[list[WeighedWord]]
    """The tokens of its first text, chunk by chunk."""


class PromptTold(Data):
    """One prompt explained."""

    tokens: int
    """Of its longest text."""

    room: int
    """Of the chunks that this text needs."""

    parts: list[PromptPart]

    networks: list[NetworkUse]

    embeddings: list[EmbeddingSaid]

    warnings: list[PromptWarning]


class PromptWarning(Data):
    """Something that may be meant otherwise."""

    code: str

    message: str

    fix: str
    """The whole prompt without it; empty where that isn't clear."""

    way: str
    """What the fix does."""


class QueuePage(Data):
    """What runs, and a part of what waits, in the order in which it will run."""

    total: int
    """Your waiting jobs."""

    paused: bool

    held: bool
    """An administrator paused it, so you can't resume it."""

    others: int
    """Waiting jobs of others, with whom you take turns."""

    people: list[QueuePerson]
    """Those others, told to administrators only."""

    forever: bool
    """A job waits that is followed by another one each time it starts."""

    seconds: float | None
    """Seconds until all are done; null when nothing waits or that isn't known."""

    running: list[Job]

    waiting: list[WaitingJob]

    offset: int
    """Number in line of the first one."""


class QueuePerson(Data):
    """Somebody else whose jobs wait or run, as administrators see it."""

    id: str

    name: str

    waiting: int
    """Their jobs that wait."""

    running: int
    """Their jobs that run."""

    paused: bool
    """Their line is paused."""


class QueueSummary(Data):
    """Your queue in a few numbers."""

    total: int
    """Your waiting jobs."""

    paused: bool

    held: bool
    """An administrator paused it, so you can't resume it."""

    others: int
    """Waiting jobs of others, with whom you take turns."""

    people: list[QueuePerson]
    """Those others, told to administrators only."""

    forever: bool
    """A job waits that is followed by another one each time it starts."""

    seconds: float | None
    """Seconds until all are done; null when nothing waits or that isn't known."""


class Refreshed(Data):
    """What a look at the model folders found."""

    changed: bool

    total: int


class Region(Data):
    """A part of the picture, and what is to be seen there."""

    model_config = ConfigDict(extra="forbid")

    prompt: str
    """What you want to see there, in the same language as the prompt. A LoRA that it names acts on the whole picture."""

    mask: str
    """Where it is: the SHA-256 of a picture, white there, black elsewhere and grey for a share, which is stretched over the
picture that drawing starts from, or over the one that is drawn."""

    weight: float = 1.0
    """How much of what lies beneath it covers: 1 hides the prompt and the regions before it, less lets them have a say."""

    start: float = 0.0
    """Share of the steps from which it counts."""

    end: float = 1.0
    """Share of the steps to which it counts. Less than 1 lets the prompt draw all of one piece at the end."""


class Replay(Data):
    """What comparing a picture with its original found."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    created_at: datetime.datetime

    of: str
    """Id of the original."""

    job: str
    """The job that made it again."""

    verdict: ReplayVerdict
    """identical: every pixel is the same. close: no channel differs by more than 8 of 255. different: one does, or the size."""

    pixels: int
    """Of the original."""

    differing: int
    """How many of them are not the same."""

    largest: int | None
    """Largest difference of a channel; null where the sizes differ."""

    mean: float | None
    """Mean difference of all channels; null where the sizes differ."""

    same_file: bool
    """Whether the original's file would come out again, byte for byte but for the times in it."""

    changes: list[FactChangeAnswer]
    """Facts that are others than when the original was made, the most telling first."""

    made: str | None
    """The picture that was kept; null where it is identical, and so was not."""


class Replays(Data):
    """The replays of a picture, newest first."""

    items: list[Replay]


class ResizeStep(Data):
    """Brings a picture to another size, without a model."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["resize"] = "resize"

    way: ResizeStepWay = "Fit"
    """Fit: whole within width and height. Cover: fills them, what stands over is cut off. Stretch: exactly so, whatever
becomes of its shape. Long side: its longer side is that long."""

    width: int = 1024
    """0: it follows from the height."""

    height: int = 1024
    """0: it follows from the width."""

    long_side: int = 1024
    """Of width and height the longer one."""

    filter_: ResizeStepFilter = Field("Lanczos", alias="filter")
    """Lanczos is crisp; Area, the mean of what lies below, is calm where a picture gets much smaller."""


class RestoreFacesStep(Data):
    """Draws faces again with a model that knows faces alone; all around them stays as it is."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["restore faces"] = "restore faces"

    restorer: str = ""
    """A GFPGAN, CodeFormer or RestoreFormer that lies in models/face_restorers, or just one of these names: the first one of
it. Empty: the first one there."""

    visibility: float = 1.0
    """How much of the restored face is seen: 0 none of it, 1 nothing else."""

    weight: float = 0.5
    """Of CodeFormer alone: 0 makes the better face, 1 stays closest to the one that is there."""

    faces: RestoreFacesStepFaces = "Found"
    """Found: those that are found, upright ones best. Painted, on Inpaint: each painted spot is one."""

    restorer_hash: str = ""
    """First 10 hex digits of the SHA-256 of the restorer's file; filled in when the job is taken."""

    architecture: str = ""
    """Of the restorer; filled in when the job is taken."""


class Restored(Data):
    """What was taken out of the trash."""

    restored: list[str]


class SamplerAnswer(Data):
    """One sampler."""

    name: str

    aliases: list[str]
    """Other names that are understood."""

    default_schedule: str


class SamplerList(Data):
    """What `sampler` and `schedule_type` may be."""

    samplers: list[SamplerAnswer]

    schedules: list[str]


class SavedSearch(Data):
    """A search with a name."""

    name: str

    query: str

    n: int | None
    """How many pictures it finds, up to 1,000; null where there was no time to count."""

    more: bool
    """There may be more."""


class SavedSearches(Data):
    """All saved searches in order of name."""

    items: list[SavedSearch]


class ScatterPoint(Data):
    """A picture by its numbers; null: not known."""

    image: str
    """A 63-bit number as digits; larger is newer."""

    at: str

    steps: int | None

    cfg: float | None

    megapixels: float

    ratio: float
    """Width to height."""

    rating: int | None

    words: int
    """Of the prompt."""

    good: bool

    checkpoint: str

    sampler: str


class ScriptLayout(Data):
    """Names of columns, rows and sheets of a run's grid."""

    columns: list[str]

    rows: list[str]

    sheets: list[str]


class ScriptList(Data):
    """Scripts of add-ons."""

    items: list[AddOnScript]


class ScriptPart(Data):
    """A request that a run had drawn."""

    number: int

    label: str

    at: list[int]
    """Column, row and sheet; empty where it has no place of its own."""

    job: str
    """A 63-bit number as digits; larger is newer."""

    status: ScriptPartStatus

    error: ErrorDetail | None

    images: list[str]


class ScriptRun(Data):
    """A run of a script."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    extension: str

    script: str

    title: str

    status: ScriptRunStatus

    kind: str

    values: ScriptRunValues

    expected: int | None
    """How many parts it said that there would be."""

    total: int
    """Parts there are, or will be, as far as that is known."""

    waiting: int

    running: int

    done: int

    failed: int

    cancelled: int

    layout: ScriptLayout | None

    doing: str
    """What the script says that it is at."""

    kept: list[str]
    """Pictures that the script itself made: grids."""

    error: ErrorDetail | None

    created_at: datetime.datetime

    ended_at: datetime.datetime | None


class ScriptRunList(Data):
    """Runs, newest first."""

    items: list[ScriptRun]


class ScriptRunWithParts(Data):
    """A run with its parts."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    extension: str

    script: str

    title: str

    status: ScriptRunWithPartsStatus

    kind: str

    values: ScriptRunWithPartsValues

    expected: int | None
    """How many parts it said that there would be."""

    total: int
    """Parts there are, or will be, as far as that is known."""

    waiting: int

    running: int

    done: int

    failed: int

    cancelled: int

    layout: ScriptLayout | None

    doing: str
    """What the script says that it is at."""

    kept: list[str]
    """Pictures that the script itself made: grids."""

    error: ErrorDetail | None

    created_at: datetime.datetime

    ended_at: datetime.datetime | None

    parts: list[ScriptPart]


class SearchTerm(Data):
    """A term of a search."""

    start: int
    """Where it begins, as JavaScript counts (UTF-16)."""

    end: int

    text: str
    """As it is written."""

    field: str
    """What stands before its colon, in lower case; empty for words."""

    operator: str
    """>=, <=, >, <, = or empty."""

    value: str
    """What stands behind, without quotes; alternatives with commas between them."""

    negated: bool

    problem: str | None
    """Why it can't be used and what to write instead, in sentences; null where it can."""


class SearchTerms(Data):
    """A search, term by term."""

    terms: list[SearchTerm]

    problem: str | None
    """What is wrong with all of it; null where nothing is."""


class SearchWayOn(Data):
    """What could stand in place of what is being typed."""

    text: str

    label: str

    n: int | None
    """How many pictures have it (of words: how many jobs); null where that isn't known."""


class SearchWaysOn(Data):
    """Ways on, best first."""

    start: int
    """They replace what stands from here, as JavaScript counts (UTF-16),"""

    end: int
    """to here."""

    items: list[SearchWayOn]


class SettingAnswer(Data):
    """One setting: words, range, value."""

    name: str

    label: str

    help_: str = Field(alias="help")

    section: str

    unit: str

    type_: str = Field(alias="type")
    """choice, string, integer, number, boolean, array (of texts), or other: nothing to edit by hand."""

    choices: list[str] | None

    minimum: float | None

    maximum: float | None

    default: Any

    value: Any

    live: bool
    """It can be changed while Easel runs."""

    source: SettingAnswerSource
    """Where its value comes from."""

    pinned_by: str | None
    """What decides it instead of settings.yaml: the command line or the environment."""


class SettingChange(Data):
    """A setting that an import changes."""

    name: str

    label: str

    section: str

    before: Any

    after: Any


class SettingsAnswer(Data):
    """All settings. Send `revision` along with a change to be told of changes in between."""

    revision: str

    file: str
    """Where they are kept: a path on Easel's machine."""

    undo: str | None
    """What /settings/undo would take back, in words; null where nothing was changed since the start."""

    settings: list[SettingAnswer]


class SettingsImport(Data):
    """What an import changes, or would change."""

    changes: list[SettingChange]

    left_out: list[SettingsLine]
    """Lines that are right, but are read at start only, or decided elsewhere."""

    settings: SettingsAnswer
    """All settings. Send `revision` along with a change to be told of changes in between."""


class SettingsLine(Data):
    """A line of a text of settings, and what is to be said of it."""

    line: int
    """Its number, from 1."""

    name: str
    """The setting, where it is one."""

    message: str

    hint: str


class SharpenStep(Data):
    """Makes edges stand out: unsharp masking."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["sharpen"] = "sharpen"

    amount: float = 0.5
    """By how much of its difference from what is around it each colour is moved away from that. 0: not at all."""

    radius: float = 1.0
    """How far around is looked at."""


class Snapshot(Data):
    """All that a page needs to draw itself; the events after `seq` bring it up to date."""

    seq: int

    queue: QueueSummary
    """Your queue in a few numbers."""

    jobs: list[Job | WaitingJob]

    worker: Worker
    """The engine's process."""

    notices: list[Notice]

    estimate_all: float | None
    """Seconds until all jobs are done."""

    session: list[Image]
    """The newest pictures."""


class Source(Data):
    """What a picture started from."""

    url: str
    """Path of it as it lay under the picture: a PNG of the picture's own size; of an upscale at its own size, cut to what is
still seen."""

    resize_mode: str
    """How it came to that size; empty of an upscale."""

    image: str
    """SHA-256 of it as it was put in."""

    name: str
    """What its file was called; empty where that isn't known."""

    width: int | None
    """Pixels of it as it was put in; told of an upscale."""

    height: int | None
    """The same."""


class StepAnswer(Data):
    """A step of a finishing chain. last: it stands at the end of a chain."""

    step: str

    label: str

    help_: str = Field(alias="help")

    last: bool

    fields: list[StepField]


class StepField(Data):
    """One field of a step. kind: number, switch, choice, colour or text."""

    name: str

    label: str

    help_: str = Field(alias="help")

    kind: str

    default: Any

    minimum: float | None

    maximum: float | None

    step: float | None

    unit: str

    told: bool
    """It is always told, where it says anything; others where they aren't as usual."""

    choices: list[str] | None
    """What it can be, where that is a choice."""

    only_for: StepFieldOnlyForType0 | None
    """Other field -> values of it with which this one counts; null: with all."""

    lacks: str
    """What to put where, if there is nothing to choose from yet; empty otherwise."""


class StoredImage(Data):
    """A picture that requests can refer to."""

    sha256: str
    """Of its bytes: what a request calls it."""

    width: int
    """Pixels, as it is looked at."""

    height: int
    """Pixels, as it is looked at."""

    bytes_: int = Field(alias="bytes")
    """Size of the file."""

    media_type: str


class StyleAnswer(Data):
    """Texts kept by name. `more` and `place` put a deleted one back as it was."""

    name: str

    prompt: str

    negative_prompt: str

    file: str
    """Name of the file it stands in."""

    more: StyleAnswerMore
    """What other columns of its row say."""

    place: int
    """How many rows stand before it."""


class StyleList(Data):
    """All styles."""

    items: list[StyleAnswer]

    problems: list[str]
    """Files that can't be read, in words."""


class System(Data):
    """What the doctor found, and the facts behind it."""

    version: str

    state: SystemState
    """The worst of all findings."""

    findings: list[FindingAnswer]

    versions: SystemVersions

    engine: EngineFacts
    """What the engine's process said of itself; empty while it has said nothing."""

    memory: MemoryFacts
    """Main memory, or less where a container has a limit."""

    disks: list[DiskFacts]

    doing: Doing | None
    """The thorough check that is being made."""


class TermOverTime(Data):
    """A word or pair of words of prompts. Untrusted text."""

    text: str

    n: int
    """Generations whose prompt has it."""

    counts: list[int]
    """The same for each span."""

    change: float
    """Of a hundred generations, so many more have it in the last third of the spans than in the first."""

    query: str
    """The search that finds them."""


class ThresholdAnswer(Data):
    """A number that a preprocessor heeds."""

    label: str

    default: float

    minimum: float

    maximum: float

    step: float


class TimelineEntry(Data):
    """What is asked for from one step to another, counted from 1."""

    first: int

    last: int

    text: str


class TokenAnswer(Data):
    """A key of a program, without what it is."""

    id: str

    name: str
    """Untrusted text."""

    scopes: list[TokenAnswerScopesItem]

    created: datetime.datetime

    used: datetime.datetime | None
    """Last time, give or take a minute; null: never."""


class TokenHosts(Data):
    """The hosts that have a token."""

    hosts: list[str]


class TokenList(Data):
    """One's own tokens, the newest first."""

    items: list[TokenAnswer]


class ToldOtherwise(Data):
    """A parameter that Easel has no setting for."""

    key: str

    value: str

    reason: str


class TrainingPicture(Data):
    """A picture to learn from."""

    name: str
    """Path in the folder."""

    caption: str
    """From the text file of the same name, or the name of a folder as kohya's trainer has them."""

    width: int

    height: int

    repeats: int
    """How often it is taken in one round."""

    problem: str
    """Why it can't be learned from; empty when it can."""


class TrainingPictures(Data):
    """The pictures in a folder."""

    folder: str

    items: list[TrainingPicture]

    rounds: int
    """Pictures of one round, each as often as it repeats."""


class TrainingRun(Data):
    """A training run."""

    order: Order
    """One order of the workshop. Numbers of its progress are bytes, and of a training run steps."""

    pictures: int
    """That it learns from; 0 before it has begun."""

    steps: int
    """Done so far."""

    loss: float | None
    """Of the last step."""

    losses: list[LossPoint]
    """At most 300 points, smoothed; losses.csv in the run's folder has every step."""

    samples: list[TrainingSample]
    """Oldest first."""


class TrainingSample(Data):
    """A preview: what was drawn after so many steps."""

    step: int

    prompt: int
    """Which of the preview prompts, from 0."""

    name: str
    """Its file: /training/runs/{id}/samples/{name}."""


class TrainingSet(Data):
    """A folder of Easel's own with pictures that were sent."""

    folder: str


class TraitOfGood(Data):
    """Something that some pictures have, and how often these are good ones. Untrusted text."""

    kind: TraitOfGoodKind

    value: str

    low_value: float | None
    """Of a range of numbers."""

    high_value: float | None

    pictures: int
    """That have it."""

    good: int
    """Good ones among them."""

    voices: float
    """How many independent pictures they count for: those of one prompt speak together."""

    lift: float
    """How many times as often they are good as all pictures are."""

    lift_low: float
    """Wilson's interval of that, at 95 %."""

    lift_high: float

    chance: float
    """How likely so great a difference would be if it meant nothing."""

    sure: bool
    """It stands out among all traits that were looked at (Benjamini and Hochberg, 5 %)."""

    query: str
    """The search that finds these pictures."""


class Trashed(Data):
    """What was put into the trash."""

    trashed: list[str]
    """The pictures that weren't there before: to take it back send them to /history/restore."""


class Trends(Data):
    """Words over time."""

    span: TrendsSpan

    starts: list[str]
    """First day of each span."""

    generations: list[int]
    """In each span."""

    words: list[TermOverTime]
    """Those that were used most, by use."""

    pairs: list[TermOverTime]


class Txt2Img(Data):
    """A picture from words."""

    model_config = ConfigDict(extra="forbid")

    finishing: list[ColourStep | CutOutStep | FormatStep | ResizeStep | RestoreFacesStep | SharpenStep | UpscaleStep] | None = None
    """What is done to each picture at the end, one step after the other."""

    extensions: Txt2ImgAddOnValues | None = None
    """Values for add-ons, by add-on id."""

    prompt: str = ""
    """What you want to see, in words."""

    negative_prompt: str = ""
    """What to leave out."""

    styles: list[str] | None = None
    """Names of styles whose words are added to both prompts, in this order. What is drawn has the words and no names."""

    checkpoint: str = ""
    """The model that draws. Empty: the one in use, or the first one found."""

    vae: str = "Automatic"
    """What makes pixels of the latents. Automatic: the one beside the checkpoint, else its own. None: its own."""

    width: int = 512
    """Width of the picture."""

    height: int = 512
    """Height of the picture."""

    steps: int = 20
    """How many times noise is taken away. More is finer and slower."""

    cfg_scale: float = 7.0
    """How closely the picture follows the words. 1 ignores the negative prompt and is twice as fast."""

    distilled_cfg_scale: float = 3.5
    """How closely FLUX dev follows the words, told to the model itself; other models don't know it. CFG scale is best 1 there."""

    sampler: str = "DPM++ 2M"
    """How each step is taken."""

    schedule_type: str = "Automatic"
    """How the noise levels are spaced. Automatic fits the sampler."""

    seed: int = -1
    """The same seed gives the same picture. -1 picks one at random; picture n of a job uses seed + n."""

    clip_skip: int = 1
    """Which layer of the text encoder is used, counted from the end. 1 is the last."""

    attention: str = "Automatic"
    """The kernel that computes attention. Automatic takes the best that works; Sliced is slow and needs least memory."""

    weight_storage: Txt2ImgWeightStorage = "As computed"
    """fp8 and int8 keep the denoiser in half the memory (a quarter of fp32); the picture changes a little, steps are slower."""

    emphasis: Txt2ImgEmphasis = "Original"
    """What (word:1.2) does. Original keeps each chunk's mean, No norm doesn't; Ignore: nothing; None: brackets are text."""

    comma_backtrack: int = 20
    """A full chunk of a long prompt ends at its last comma, if at most this many tokens stand behind it."""

    pad_conds: bool = False
    """Lengthens the shorter of prompt and negative prompt with empty chunks. Faster for long ones, but other pictures."""

    old_prompt_editing: bool = False
    """The rule of before AUTOMATIC1111 1.6: in [a:b:when] numbers below 1 are fractions, others are steps."""

    rng: Txt2ImgNoiseSource = "CPU"
    """Where noise is drawn. CPU: the same on every machine. NV: as an NVIDIA card draws it, on any machine. GPU: the card
itself."""

    variation_seed: int = -1
    """The seed whose noise is mixed in. -1 picks one at random; picture n of a job uses it + n."""

    variation_strength: float = 0.0
    """How much of the variation seed's noise is mixed in. Above 0 all pictures of a job keep one seed."""

    seed_resize_from: str = ""
    """Width x height at which the seed made a picture that you want again at another size, as 512x512. Empty: off."""

    seed_delta: int = 0
    """Added to the seed for the noise that ancestral samplers draw on the way (ENSD)."""

    eta: float = 1.0
    """How much of the noise ancestral and SDE samplers add on the way. 0 adds none."""

    eta_ddim: float = 0.0
    """The same for DDIM, which adds none by itself."""

    sigma_churn: float = 0.0
    """Noise that Euler, Heun, HeunPP2 and DPM2 add before their steps, spread over all of them."""

    sigma_tmin: float = 0.0
    """Noise level below which churn adds none."""

    sigma_tmax: float = 0.0
    """Noise level above which churn adds none. 0: no limit."""

    sigma_noise: float = 1.0
    """Factor on all noise added on the way."""

    sigma_min: float = 0.0
    """Where the schedule ends. 0: the checkpoint's own."""

    sigma_max: float = 0.0
    """Where the schedule begins. 0: the checkpoint's own."""

    rho: float = 0.0
    """How much Karras and Polyexponential prefer low noise. 0: their own, 7 and 1."""

    beta_alpha: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the end, to low noise."""

    beta_beta: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the start, to high noise."""

    discard_next_to_last: bool = False
    """As DPM2, DPM2 a and DPM++ 3M SDE always do."""

    cfg_rescale: float = 0.0
    """Takes back the glare of a high CFG scale: 0.7 suits v-prediction checkpoints. 0: off."""

    mimic_scale: float = 0.0
    """Dynamic thresholding: keeps the contrast of this CFG scale at a higher one. 0: off."""

    threshold_percentile: float = 100.0
    """Dynamic thresholding: share of the values that is kept; those beyond are clamped."""

    guidance_from: float = 0.0
    """Share of the steps before which only the prompt is asked. Later is more varied and faster."""

    guidance_to: float = 1.0
    """Share of the steps after which only the prompt is asked. Sooner is softer and faster."""

    pag_scale: float = 0.0
    """Guides away from a guess without structure; 3 is usual. Half as slow again. 0: off."""

    freeu_b1: float = 1.0
    """Strengthens the shape in the coarsest layers of the U-Net. 1: off."""

    freeu_b2: float = 1.0
    """The same in the next layers. 1: off."""

    freeu_s1: float = 1.0
    """Damps what the coarsest layers are handed of coarse detail. 1: off."""

    freeu_s2: float = 1.0
    """The same in the next layers. 1: off."""

    tiling: Txt2ImgTiling = "Off"
    """Makes a picture that goes on seamlessly where copies of it are laid side by side, one above the other, or both."""

    refiner: str = "None"
    """A checkpoint that takes over in the middle of a picture; its latents must be of the same kind (SDXL's refiner)."""

    refiner_switch_at: float = 0.8
    """Share of the noise levels, from the noisiest on, that the first checkpoint draws."""

    refiner_by_steps: bool = False
    """Switch at a share of the steps instead of the noise levels, as AUTOMATIC1111 did before 1.8."""

    controls: list[ControlUnit] | None = None
    """Pictures that steer the picture, each through a ControlNet."""

    regions: list[Region] | None = None
    """Parts of the picture that follow prompts of their own, the lowest first. The prompt rules where none is."""

    regions_apart: float = 0.2
    """Share of the steps in which no region sees what is drawn around it. More keeps colours to their places, less joins them."""

    batch_count: int = 1
    """How many pictures to make, one after another."""

    batch_size: int = 1
    """How many pictures a graphics card draws at once. A CPU draws one by one."""

    kind: Literal["txt2img"] = "txt2img"

    hires_refiner: Txt2ImgRefines = "second pass"
    """Which passes the refiner takes part in, with hires fix."""

    hires: bool = False
    """Draws the picture, enlarges it and draws on it once more, so that large pictures keep the composition of small ones."""

    hires_scale: float = 2.0
    """How many times as wide and as high the hires pass makes the picture."""

    hires_width: int = 0
    """Width to enlarge to instead. 0: it follows from the height, or from Enlarge by."""

    hires_height: int = 0
    """Height to enlarge to instead. 0: it follows from the width. With both the picture is cut to fit."""

    hires_steps: int = 0
    """Steps of the hires pass; all are taken. 0: as many as Steps."""

    denoising_strength: float = 0.7
    """How much of the enlarged picture is drawn anew. 0 only enlarges it; 1 keeps next to nothing of it."""

    hires_upscaler: str = "Latent"
    """What enlarges. Latent ones want a denoising strength of 0.5 or more; the others, models among them, work on the picture
and keep more of it."""

    hires_checkpoint: str = "Use same checkpoint"
    """The model that draws the hires pass."""

    hires_sampler: str = "Use same sampler"
    """How each step of the hires pass is taken."""

    hires_schedule_type: str = "Use same scheduler"
    """How the noise levels of the hires pass are spaced."""

    hires_cfg_scale: float = 0.0
    """CFG scale of the hires pass. 0: the same."""

    hires_prompt: str = ""
    """Words for the hires pass, in place of the prompt. Empty: the same."""

    hires_negative_prompt: str = ""
    """What the hires pass leaves out, in place of the negative prompt. Empty: the same."""


class UnmappedParameter(Data):
    """A parameter that sets nothing here."""

    key: str

    value: str

    reason: str


class Upscale(Data):
    """A picture that is there already and is finished anew: enlarged, or whatever its chain says. No checkpoint draws on it."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["upscale"] = "upscale"

    init_image: str
    """What is finished: the SHA-256 of a picture that was uploaded (POST /images) or made here."""

    finishing: list[ColourStep | CutOutStep | FormatStep | ResizeStep | RestoreFacesStep | SharpenStep | UpscaleStep] | None = None
    """What is done to each picture at the end, one step after the other."""

    extensions: UpscaleAddOnValues | None = None
    """Values for add-ons, by add-on id."""

    init_name: str = ""
    """What its file was called. It changes nothing."""


class UpscaleStep(Data):
    """Enlarges a picture, by a factor or to a size."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["upscale"] = "upscale"

    upscaler: str = "Lanczos"
    """What enlarges: Lanczos, Bicubic, Nearest or a model."""

    upscaler_2: str = "None"
    """Enlarges the same picture once more; both results are laid over each other. None: there is none."""

    upscaler_2_visibility: float = 0.0
    """How much of the second upscaler's picture is seen: 0 none of it, 1 nothing else."""

    scale: float = 4.0
    """How many times as wide and as high the picture becomes."""

    width: int = 0
    """Width to enlarge to instead. 0: it follows from the height, or from the factor."""

    height: int = 0
    """Height to enlarge to instead. 0: it follows from the width, or from the factor."""

    crop: bool = True
    """Where both width and height are given: cuts off evenly what stands over, instead of keeping it."""

    tile: int = 0
    """Side of the squares in which a model works on the picture; smaller ones need less memory. 0: as large as memory allows."""

    overlap: int = 0
    """By how much tiles overlap, so that no seam is seen. 0: as much as suits the model."""

    upscaler_hash: str = ""
    """First 10 hex digits of the SHA-256 of the upscaler's file; filled in when the job is taken."""

    upscaler_2_hash: str = ""
    """First 10 hex digits of the SHA-256 of the second upscaler's file; filled in when the job is taken."""


class UpscalerAnswer(Data):
    """Something that enlarges."""

    name: str
    """As a step's `upscaler`, or a hires pass's `hires_upscaler`."""

    model: bool
    """Whether it is a model; else it is built in and needs no memory."""


class WaitingJob(Data):
    """A job in line."""

    id: str
    """A 63-bit number as digits; larger is newer."""

    status: WaitingJobStatus

    live: bool
    """Made while somebody types; its picture isn't kept."""

    client: str | None

    priority: int
    """Higher ones go first."""

    forever: bool
    """Another one follows each time it starts."""

    film: bool
    """A view of each step is kept."""

    kind: WaitingJobKind
    """Empty where it can't be read any more."""

    prompt: str
    """Of an upscale: what its source was made from, where its file tells."""

    checkpoint: str
    """Empty where none draws."""

    pictures: int
    """How many it makes in all."""

    width: int
    """Pixels."""

    height: int
    """Pixels."""

    seed: str | None
    """Seed of its first picture, as digits; null where it isn't drawn."""

    source_name: str
    """What the file was called that it starts from; empty where that isn't known."""

    done: int
    """How many pictures are finished."""

    created_at: datetime.datetime

    ended_at: datetime.datetime | None

    progress: Progress | None

    error: ErrorDetail | None

    notes: list[str]
    """What you should know that stopped nothing."""

    images: list[Image]
    """The finished pictures, in order."""

    replay: Replay | None
    """Of a job that made a picture again: what comparing the two found."""

    starts_in: float | None
    """Seconds until it starts, as planned; null while that isn't known."""

    seconds: float | None
    """Seconds it will take; null while that isn't known."""

    ahead: int
    """Jobs that run before it, also others'."""


class WeighedWord(Data):
    """One token."""

    text: str

    weight: float


class WordChange(Data):
    """An edit of a prompt. Untrusted text."""

    kind: WordChangeKind

    text: str

    before: float | None
    """Weight."""

    after: float | None


class WorkProgress(Data):
    """How far an order is."""

    stage: str
    """What is happening now, in words."""

    done: int
    """Bytes of this stage that are done."""

    total: int
    """Bytes of the whole stage; 0 while nobody knows."""

    bytes_per_second: float | None

    seconds_left: float | None
    """Seconds until this stage is done; null while that isn't known."""


class Worker(Data):
    """The engine's process."""

    state: WorkerState

    device: str

    dtype: str

    message: str


class ZipExport(Data):
    """Chosen pictures, to be fetched."""

    url: str
    """Path of the zip."""

    pictures: int

    bytes_: int = Field(alias="bytes")
    """Of the pictures alone."""


class LogInNameAndPassword(Data):
    """LogInNameAndPassword."""

    model_config = ConfigDict(extra="forbid")

    name: str

    password: str


class ChangePasswordPasswords(Data):
    """ChangePasswordPasswords."""

    model_config = ConfigDict(extra="forbid")

    old: str

    new: str


class AddTokenNewToken(Data):
    """AddTokenNewToken."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """What it is for."""

    scopes: list[AddTokenNewTokenScope]
    """read: look. generate: make pictures. admin: for administrators, what only they may."""


class AddPersonNewPerson(Data):
    """AddPersonNewPerson."""

    model_config = ConfigDict(extra="forbid")

    name: str

    password: str | None = None
    """None: only tokens open the door."""

    role: AddPersonNewPersonRoleType0 | None = None


class ChangePersonChangedPerson(Data):
    """ChangePersonChangedPerson."""

    model_config = ConfigDict(extra="forbid")

    role: ChangePersonChangedPersonRoleType0 | None = None

    disabled: bool | None = None

    password: str | None = None
    """It logs them out."""


class BatchOrderUploadedFile(Data):
    """A file that was uploaded, or that could not be."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """What the file is called."""

    image: str = ""
    """SHA-256 of what was uploaded (POST /images)."""

    problem: str = ""
    """In place of a picture: why it could not be uploaded, to be listed with the others."""


class BatchOrderUploadedMask(Data):
    """A mask that was uploaded."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """What the file is called."""

    image: str
    """SHA-256 of what was uploaded (POST /images)."""


class BatchOrder(Data):
    """What is asked for. Files come from a folder or were uploaded; so do masks, which only inpainting has."""

    model_config = ConfigDict(extra="forbid")

    request: BatchOrderRequest | None = None
    """Fields of a request of kind img2img, inpaint or upscale, without picture and mask. Each file is made by it."""

    folder: str = ""
    """Whole path of a folder with pictures on Easel's machine. They are read when their turn comes."""

    files: list[BatchOrderUploadedFile] | None = None
    """In place of a folder: files that were uploaded."""

    mask_folder: str = ""
    """Whole path of a folder of masks. Each file takes the one of its name, with any ending; one that is alone serves all."""

    masks: list[BatchOrderUploadedMask] | None = None
    """In place of a mask folder: masks that were uploaded."""

    own: list[BatchOrderOwnItem] | None = None
    """What is taken from a file's own parameters, if it has any. Prompts are put behind those of the request."""

    scale_by: float | None = None
    """Each picture is drawn at its own size times this. Null: at the size of the request."""

    one_seed: bool = True
    """Where the seed is random: it is drawn once for the whole batch, else for each file."""

    output_folder: str = ""
    """Folder below img2img-images, inpaint-images or upscale-images; pictures keep the names of the files. Empty: as all
others."""


class ActOnSearchActBodyChangeType0(Data):
    """What is said anew of pictures; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    favourite: bool = False

    rating: int | None = None
    """1 to 5; null takes it away."""

    note: str = ""

    add_tags: list[str] | None = None

    remove_tags: list[str] | None = None


class ExportZipChosenFoundType0(Data):
    """All that a search finds."""

    model_config = ConfigDict(extra="forbid")

    query: str
    """Words and fields as the search box takes them."""

    newest: str
    """Id of the first picture that is meant: those that came since aren't."""

    without: list[str] | None = None
    """Pictures that are left out."""


class ExportZipChosen(Data):
    """Pictures by their ids, or all that a search finds."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = None
    """Of pictures; left out where `found` stands."""

    found: ExportZipChosenFoundType0 | None = None
    """All that a search finds."""

    sidecars: bool = True
    """Infotext (.txt) and all parameters (.json) beside each picture."""


class ExportToFolderToFolderFoundType0(Data):
    """All that a search finds."""

    model_config = ConfigDict(extra="forbid")

    query: str
    """Words and fields as the search box takes them."""

    newest: str
    """Id of the first picture that is meant: those that came since aren't."""

    without: list[str] | None = None
    """Pictures that are left out."""


class ExportToFolderToFolder(Data):
    """Pictures, and where they are copied to."""

    model_config = ConfigDict(extra="forbid")

    folder: str
    """Whole path of a folder on Easel's machine; it is made where it isn't there."""

    ids: list[str] | None = None
    """Of pictures; left out where `found` stands."""

    found: ExportToFolderToFolderFoundType0 | None = None
    """All that a search finds."""

    sidecars: bool = True
    """Infotext (.txt) and all parameters (.json) beside each picture."""

    below: str | None = None
    """Of `found`: `next` of the slice before."""


class PutBackMarksBeforeBodyMarks(Data):
    """All that is said of one picture."""

    model_config = ConfigDict(extra="forbid")

    id: str

    favourite: bool

    rating: int | None

    note: str

    tags: list[str]


class TrashImagesPictures(Data):
    """Pictures by their ids; those that are gone are left out."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str]


class RestoreImagesPictures(Data):
    """Pictures by their ids; those that are gone are left out."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str]


class EmptyTrashNothing(Data):
    """Nothing has to be said."""

    model_config = ConfigDict(extra="forbid")


class FinishingPreset(Data):
    """A finishing chain and its name."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """1 to 100 characters on one line."""

    steps: list[ColourStep | CutOutStep | FormatStep | ResizeStep | RestoreFacesStep | SharpenStep | UpscaleStep]
    """At least one, as a request's finishing has them."""

    was: str | None = None
    """Its name so far, to rename it."""


class SaveFieldPresetFieldPreset(Data):
    """Fields and their name. fields: of a request of that page's kind, as the API takes them; what isn't there stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """1 to 100 characters on one line."""

    page: SaveFieldPresetFieldPresetPage
    """The page that it is for."""

    fields: SaveFieldPresetFieldPresetFields
    """Fields of a request; those left out stay as they are."""

    usual: bool = False
    """It is what this page's fields are at a first visit; there is one at most."""

    was: str | None = None
    """Its name so far, to rename it."""


class MergeOrder(Data):
    """Mix the weights of two or three checkpoints of one family into a new one."""

    model_config = ConfigDict(extra="forbid")

    first: str
    """Name, title or hash of a model, as the list of models has it."""

    second: str
    """Name, title or hash of a model, as the list of models has it."""

    kind: Literal["merge"] = "merge"

    third: str = ""
    """Name, title or hash of a model, as the list of models has it. For add difference: first + share x (second - third)."""

    method: MergeOrderMethod = "weighted sum"
    """Weighted sum: (1 - share) x first + share x second. Add difference: first + share x (second - third)."""

    share: float = 0.5
    """How much of the second model (or of the difference) goes in."""

    blocks: MergeOrderSharesByBlock | None = None
    """Other shares for single blocks of the U-Net, such as IN00=0.2, M00=1: IN00 to IN11, M00, OUT00 to OUT11 (SDXL: up to
08), BASE for the rest. Or a list of 25 numbers (SDXL: 19), with one more before them for BASE."""

    vae: MergeOrderVAE = "first"
    """Merge the VAEs as well, or take the first or the second model's as it is."""

    text_encoder: MergeOrderTextEncoders = "merge"
    """Merge them as well, or take the first or the second model's as they are."""

    precision: MergeOrderPrecision = "as it is"
    """Numbers of the new file: fp32, fp16, bf16, or fp8 (the denoiser's matrices as float8 e4m3fn, all else fp16). 'as it is':
each tensor as in the first model."""

    name: str = ""
    """Name of the new file, without its ending. Empty: made from the names of what goes in."""


class ConvertOrder(Data):
    """Write a model anew: as safetensors, in other numbers, as a single file, with or without the averages that training
    keeps."""

    model_config = ConfigDict(extra="forbid")

    model: str
    """Name, title or hash of a model, as the list of models has it."""

    kind: Literal["convert"] = "convert"

    precision: ConvertOrderPrecision = "fp16"
    """Numbers of the new file: fp32, fp16, bf16, or fp8 (the denoiser's matrices as float8 e4m3fn, all else fp16). 'as it is':
each tensor as in the first model. Q8_0 to Q4_0: the denoiser of SD 3 or FLUX alone, its matrices packed in 8 to 4 bits,
as a GGUF file."""

    averages: ConvertOrderEMAWeights = "drop"
    """Averages of the weights that training keeps beside them: drop them, use them in place of the weights, or keep both."""

    form: ConvertOrderForm = "as it is"
    """A diffusers folder of Stable Diffusion 1, 2 or XL stays one, or becomes a single file in the names in which checkpoints
are published, which other programs read too."""

    name: str = ""
    """Name of the new file, without its ending. Empty: made from the names of what goes in."""


class BakeVaeOrder(Data):
    """Put another VAE into a checkpoint."""

    model_config = ConfigDict(extra="forbid")

    model: str
    """Name, title or hash of a model, as the list of models has it."""

    vae: str
    """Name, title or hash of the VAE."""

    kind: Literal["bake_vae"] = "bake_vae"

    name: str = ""
    """Name of the new file, without its ending. Empty: made from the names of what goes in."""


class ExtractVaeOrder(Data):
    """Write a checkpoint's VAE into a file of its own."""

    model_config = ConfigDict(extra="forbid")

    model: str
    """Name, title or hash of a model, as the list of models has it."""

    kind: Literal["extract_vae"] = "extract_vae"

    name: str = ""
    """Name of the new file, without its ending. Empty: made from the names of what goes in."""


class DownloadOrder(Data):
    """Fetch a model file from the network."""

    model_config = ConfigDict(extra="forbid")

    source: str
    """An https address of a file, a Hugging Face repository (owner/name), or a page of civitai."""

    kind: Literal["download"] = "download"

    file: str = ""
    """Which file of the repository; may be left out where there is only one that fits. model_index.json: the whole folder."""

    revision: str = ""
    """Branch, tag or commit of the repository. Empty: its main branch."""

    sha256: str = ""
    """What the file's checksum must be, 64 hex digits. Empty: what its source says, if it does."""

    folder: DownloadOrderFolderType0 | Literal[""] = ""
    """What it is, which decides its folder. Empty: told by its header or its source."""

    name: str = ""
    """Name of the file, without its ending. Empty: as its source calls it."""


class TrainOrder(Data):
    """Train a LoRA on pictures of yours: a style, a thing, a character that a checkpoint then can draw."""

    model_config = ConfigDict(extra="forbid")

    model: str
    """What the LoRA is trained on, and works best with later."""

    folder: str
    """Whole path of a folder with pictures; captions in text files of the same names. Folders in it that are called
NUMBER_name are taken that many times, as kohya's trainer does."""

    kind: Literal["train"] = "train"

    captions: TrainOrderCaptions | None = None
    """Words for single pictures, by their names in the folder, in place of those in text files."""

    name: str = ""
    """Of the LoRA, as it stands in prompts. Empty: the folder's."""

    trigger: str = ""
    """Stands before every caption, so that a prompt with it asks for what was learned. Best a word that means nothing yet."""

    steps: int = 1000
    """How often it learns from a batch. Some 100 for each picture are usual."""

    rank: int = 16
    """Size of the LoRA: more holds more, and overfits sooner."""

    alpha: float = 16.0
    """The LoRA's change is multiplied by alpha / rank. As large as the rank: taken as it is."""

    learning_rate: float = 0.0001
    """How far one step goes. Larger learns faster, and too large ruins it."""

    batch_size: int = 1
    """Pictures that one step learns from. More needs more memory."""

    resolution: int = 0
    """Side of the square whose area pictures are brought to. 0: what the checkpoint was trained on."""

    buckets: bool = True
    """Pictures keep about their shape; of the same shape ones learn together. Off: cut to squares."""

    flip: bool = False
    """Half of the time a picture is mirrored. Not for faces and writing."""

    text_encoder: bool = False
    """New words are learned better, old ones forgotten sooner."""

    text_encoder_rate: float = 5e-05
    """Where they are trained."""

    caption_dropout: float = 0.05
    """How often a picture is learned without its words."""

    min_snr: float = 5.0
    """Keeps almost noiseless steps from outweighing the others. 5 is usual, 0: off."""

    learning_schedule: TrainOrderLearningSchedule = "constant"
    """How the learning rate goes on after the warmup: constant, or falling to nothing."""

    warmup: int = 0
    """Steps in which the learning rate rises from nothing."""

    clip_skip: int = 1
    """Layer of the text encoder whose answer is taken, from the end."""

    seed: int = 0
    """The same seed, pictures and fields give the same LoRA."""

    preview_every: int = 100
    """Steps between two looks at what it has learned. 0: no previews."""

    previews: list[str] | None = None
    """Prompts of the previews, one a line. None: the first picture's caption."""

    save_every: int = 50
    """Steps between two saved states. No more than these are ever lost."""


class LookUpDownload(Data):
    """Fetch a model file from the network."""

    model_config = ConfigDict(extra="forbid")

    source: str
    """An https address of a file, a Hugging Face repository (owner/name), or a page of civitai."""

    kind: Literal["download"] = "download"

    file: str = ""
    """Which file of the repository; may be left out where there is only one that fits. model_index.json: the whole folder."""

    revision: str = ""
    """Branch, tag or commit of the repository. Empty: its main branch."""

    sha256: str = ""
    """What the file's checksum must be, 64 hex digits. Empty: what its source says, if it does."""

    folder: Literal[""] | LookUpDownloadFolderType0 = ""
    """What it is, which decides its folder. Empty: told by its header or its source."""

    name: str = ""
    """Name of the file, without its ending. Empty: as its source calls it."""


class AnnotateModelBodyDefaultsType0(Data):
    """Of a checkpoint: fields of a request that it is drawn with unless something else is asked for."""

    model_config = ConfigDict(extra="forbid")

    finishing: list[ColourStep | CutOutStep | FormatStep | ResizeStep | RestoreFacesStep | SharpenStep | UpscaleStep] | None = None
    """What is done to each picture at the end, one step after the other."""

    negative_prompt: str = ""
    """What to leave out."""

    vae: str = "Automatic"
    """What makes pixels of the latents. Automatic: the one beside the checkpoint, else its own. None: its own."""

    width: int = 512
    """Width of the picture."""

    height: int = 512
    """Height of the picture."""

    steps: int = 20
    """How many times noise is taken away. More is finer and slower."""

    cfg_scale: float = 7.0
    """How closely the picture follows the words. 1 ignores the negative prompt and is twice as fast."""

    distilled_cfg_scale: float = 3.5
    """How closely FLUX dev follows the words, told to the model itself; other models don't know it. CFG scale is best 1 there."""

    sampler: str = "DPM++ 2M"
    """How each step is taken."""

    schedule_type: str = "Automatic"
    """How the noise levels are spaced. Automatic fits the sampler."""

    clip_skip: int = 1
    """Which layer of the text encoder is used, counted from the end. 1 is the last."""

    attention: str = "Automatic"
    """The kernel that computes attention. Automatic takes the best that works; Sliced is slow and needs least memory."""

    weight_storage: AnnotateModelBodyDefaultsType0WeightStorage = "As computed"
    """fp8 and int8 keep the denoiser in half the memory (a quarter of fp32); the picture changes a little, steps are slower."""

    emphasis: AnnotateModelBodyDefaultsType0Emphasis = "Original"
    """What (word:1.2) does. Original keeps each chunk's mean, No norm doesn't; Ignore: nothing; None: brackets are text."""

    comma_backtrack: int = 20
    """A full chunk of a long prompt ends at its last comma, if at most this many tokens stand behind it."""

    pad_conds: bool = False
    """Lengthens the shorter of prompt and negative prompt with empty chunks. Faster for long ones, but other pictures."""

    old_prompt_editing: bool = False
    """The rule of before AUTOMATIC1111 1.6: in [a:b:when] numbers below 1 are fractions, others are steps."""

    rng: AnnotateModelBodyDefaultsType0NoiseSource = "CPU"
    """Where noise is drawn. CPU: the same on every machine. NV: as an NVIDIA card draws it, on any machine. GPU: the card
itself."""

    variation_strength: float = 0.0
    """How much of the variation seed's noise is mixed in. Above 0 all pictures of a job keep one seed."""

    seed_resize_from: str = ""
    """Width x height at which the seed made a picture that you want again at another size, as 512x512. Empty: off."""

    seed_delta: int = 0
    """Added to the seed for the noise that ancestral samplers draw on the way (ENSD)."""

    eta: float = 1.0
    """How much of the noise ancestral and SDE samplers add on the way. 0 adds none."""

    eta_ddim: float = 0.0
    """The same for DDIM, which adds none by itself."""

    sigma_churn: float = 0.0
    """Noise that Euler, Heun, HeunPP2 and DPM2 add before their steps, spread over all of them."""

    sigma_tmin: float = 0.0
    """Noise level below which churn adds none."""

    sigma_tmax: float = 0.0
    """Noise level above which churn adds none. 0: no limit."""

    sigma_noise: float = 1.0
    """Factor on all noise added on the way."""

    sigma_min: float = 0.0
    """Where the schedule ends. 0: the checkpoint's own."""

    sigma_max: float = 0.0
    """Where the schedule begins. 0: the checkpoint's own."""

    rho: float = 0.0
    """How much Karras and Polyexponential prefer low noise. 0: their own, 7 and 1."""

    beta_alpha: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the end, to low noise."""

    beta_beta: float = 0.6
    """Of the Beta schedule: smaller puts more steps at the start, to high noise."""

    discard_next_to_last: bool = False
    """As DPM2, DPM2 a and DPM++ 3M SDE always do."""

    cfg_rescale: float = 0.0
    """Takes back the glare of a high CFG scale: 0.7 suits v-prediction checkpoints. 0: off."""

    mimic_scale: float = 0.0
    """Dynamic thresholding: keeps the contrast of this CFG scale at a higher one. 0: off."""

    threshold_percentile: float = 100.0
    """Dynamic thresholding: share of the values that is kept; those beyond are clamped."""

    guidance_from: float = 0.0
    """Share of the steps before which only the prompt is asked. Later is more varied and faster."""

    guidance_to: float = 1.0
    """Share of the steps after which only the prompt is asked. Sooner is softer and faster."""

    pag_scale: float = 0.0
    """Guides away from a guess without structure; 3 is usual. Half as slow again. 0: off."""

    freeu_b1: float = 1.0
    """Strengthens the shape in the coarsest layers of the U-Net. 1: off."""

    freeu_b2: float = 1.0
    """The same in the next layers. 1: off."""

    freeu_s1: float = 1.0
    """Damps what the coarsest layers are handed of coarse detail. 1: off."""

    freeu_s2: float = 1.0
    """The same in the next layers. 1: off."""

    tiling: AnnotateModelBodyDefaultsType0Tiling = "Off"
    """Makes a picture that goes on seamlessly where copies of it are laid side by side, one above the other, or both."""

    refiner: str = "None"
    """A checkpoint that takes over in the middle of a picture; its latents must be of the same kind (SDXL's refiner)."""

    refiner_switch_at: float = 0.8
    """Share of the noise levels, from the noisiest on, that the first checkpoint draws."""

    refiner_by_steps: bool = False
    """Switch at a share of the steps instead of the noise levels, as AUTOMATIC1111 did before 1.8."""

    regions_apart: float = 0.2
    """Share of the steps in which no region sees what is drawn around it. More keeps colours to their places, less joins them."""

    hires_refiner: AnnotateModelBodyDefaultsType0Refines = "second pass"
    """Which passes the refiner takes part in, with hires fix."""

    hires: bool = False
    """Draws the picture, enlarges it and draws on it once more, so that large pictures keep the composition of small ones."""

    hires_scale: float = 2.0
    """How many times as wide and as high the hires pass makes the picture."""

    hires_width: int = 0
    """Width to enlarge to instead. 0: it follows from the height, or from Enlarge by."""

    hires_height: int = 0
    """Height to enlarge to instead. 0: it follows from the width. With both the picture is cut to fit."""

    hires_steps: int = 0
    """Steps of the hires pass; all are taken. 0: as many as Steps."""

    denoising_strength: float = 0.7
    """How much of the enlarged picture is drawn anew. 0 only enlarges it; 1 keeps next to nothing of it."""

    hires_upscaler: str = "Latent"
    """What enlarges. Latent ones want a denoising strength of 0.5 or more; the others, models among them, work on the picture
and keep more of it."""

    hires_checkpoint: str = "Use same checkpoint"
    """The model that draws the hires pass."""

    hires_sampler: str = "Use same sampler"
    """How each step of the hires pass is taken."""

    hires_schedule_type: str = "Use same scheduler"
    """How the noise levels of the hires pass are spaced."""

    hires_cfg_scale: float = 0.0
    """CFG scale of the hires pass. 0: the same."""

    hires_prompt: str = ""
    """Words for the hires pass, in place of the prompt. Empty: the same."""

    hires_negative_prompt: str = ""
    """What the hires pass leaves out, in place of the negative prompt. Empty: the same."""


class StyleToSave(Data):
    """A style to save, and how."""

    model_config = ConfigDict(extra="forbid")

    name: str

    prompt: str = ""

    negative_prompt: str = ""

    was: str | None = None
    """Its name so far, to rename it."""

    more: StyleToSaveMoreType0 | None = None
    """For other columns of its row; null leaves them."""

    file: str | None = None
    """Name of the file for a new one; null: the first."""

    place: int | None = None
    """How many rows stand before a new one; null: it is the last."""


CheckpointAnswerDefaults = dict[str, Any]
CheckpointAnswerUsual = dict[str, Any]
FacetsFacets = dict[str, list[FacetValue]]
FieldPresetAnswerFields = dict[str, Any]
FieldPresetAnswerUsable = dict[str, Any]
FolderLookCounts = dict[str, int]
ImageFinishingItem = dict[str, Any]
ImageExtensionsAdditionalProperty = dict[str, Any]
ImageExtensions = dict[str, ImageExtensionsAdditionalProperty]
ImageFacts = dict[str, Any]
Img2ImgAddOnValuesAdditionalProperty = dict[str, Any]
Img2ImgAddOnValues = dict[str, Img2ImgAddOnValuesAdditionalProperty]
InpaintAddOnValuesAdditionalProperty = dict[str, Any]
InpaintAddOnValues = dict[str, InpaintAddOnValuesAdditionalProperty]
KindCountFamilies = dict[str, int]
KindCountFolders = dict[str, int]
MetadataAnswerFields = dict[str, Any]
MetadataAnswerOfSource = dict[str, Any]
MetadataAnswerUnusual = dict[str, str]
ModelDetailsMetadata = dict[str, str]
ModelDetailsDefaults = dict[str, Any]
ModelDetailsOwnDefaults = dict[str, Any]
ModelDetailsUsual = dict[str, Any]
OrderAsked = dict[str, Any]
ParameterDiffAnswerChangeType0 = dict[str, Any]
PresetAnswerStepsItem = dict[str, Any]
PromptDiffAnswerChangeType0 = dict[str, Any]
ScriptRunValues = dict[str, Any]
ScriptRunWithPartsValues = dict[str, Any]
StepFieldOnlyForType0 = dict[str, list[Any]]
StyleAnswerMore = dict[str, str]
SystemVersions = dict[str, str]
Txt2ImgAddOnValuesAdditionalProperty = dict[str, Any]
Txt2ImgAddOnValues = dict[str, Txt2ImgAddOnValuesAdditionalProperty]
UpscaleAddOnValuesAdditionalProperty = dict[str, Any]
UpscaleAddOnValues = dict[str, UpscaleAddOnValuesAdditionalProperty]
BatchOrderRequest = dict[str, Any]
PlanUpscalesBodyRequest = dict[str, Any]
BranchBodyChange = dict[str, Any]
SaveFieldPresetFieldPresetFields = dict[str, Any]
ChangeSettingsBodyValues = dict[str, Any]
MergeOrderSharesByBlock = dict[str, float]
TrainOrderCaptions = dict[str, str]
RecipesResponseRecipesAdditionalProperty = dict[str, Any]
RecipesResponseRecipes = dict[str, RecipesResponseRecipesAdditionalProperty]
PreloadModelResponsePreloadModel = dict[str, Any]
ExtensionsResponseExtensions = dict[str, Any]
AvailableResponseAvailable = dict[str, Any]
StageExtensionResponseStageExtension = dict[str, Any]
StageZipResponseStageZip = dict[str, Any]
StageListedResponseStageListed = dict[str, Any]
StageOfResponseStageOf = dict[str, Any]
InstallExtensionResponseInstallExtension = dict[str, Any]
CheckUpdatesResponseCheckUpdates = dict[str, Any]
RefreshIndexesResponseRefreshIndexes = dict[str, Any]
SafeModeResponseSafeMode = dict[str, Any]
RestartResponseRestart = dict[str, Any]
BeginSearchResponseBeginSearch = dict[str, Any]
AnswerSearchResponseAnswerSearch = dict[str, Any]
ExtensionResponseExtension = dict[str, Any]
UpdateExtensionResponseUpdateExtension = dict[str, Any]
StyleToSaveMoreType0 = dict[str, str]
StartScriptBodyRequest = dict[str, Any]
StartScriptBodyValues = dict[str, Any]

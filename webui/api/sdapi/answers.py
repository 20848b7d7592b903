"""What is answered, with every key that clients look for, of the type that they look for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A strict shape: what isn't declared here is not sent."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Nothing(Answer):
    """{}"""


class Drawn(Answer):
    """images: bare base64. info: JSON as text."""

    images: list[str]
    parameters: dict[str, Any]
    info: str


class Extra(Answer):
    """One picture that was enlarged."""

    html_info: str
    image: str


class ExtraBatch(Answer):
    """Several of them, in order."""

    html_info: str
    images: list[str]


class PngInfo(Answer):
    """What a picture says of itself. info: its parameters as text, empty for none."""

    info: str
    items: dict[str, Any]
    parameters: dict[str, Any]


class Caption(Answer):
    """What is seen on a picture."""

    caption: str


class State(Answer):
    """What happens now."""

    skipped: bool
    interrupted: bool
    stopping_generation: bool
    job: str
    job_count: int
    job_timestamp: str
    job_no: int
    sampling_step: int
    sampling_steps: int


class Progress(Answer):
    """progress: 0 to 1, and 0 only when nothing is at work. eta_relative: seconds."""

    progress: float
    eta_relative: float
    state: State
    current_image: str | None
    textinfo: str | None
    current_task: str | None


class InternalProgress(Answer):
    """The same of one job. live_preview: an address of the data itself."""

    active: bool
    queued: bool
    completed: bool
    progress: float | None
    eta: float | None
    live_preview: str | None
    id_live_preview: int | None
    textinfo: str | None


class PendingTasks(Answer):
    """Jobs that wait or run."""

    size: int
    tasks: list[str]


class SdModel(Answer):
    """A checkpoint."""

    title: str
    model_name: str
    hash: str | None
    sha256: str | None
    filename: str
    config: str | None


class SdVae(Answer):
    """A VAE, or another part that can be chosen by itself."""

    model_name: str
    filename: str


class Sampler(Answer):
    """A sampler by its names."""

    name: str
    aliases: list[str]
    options: dict[str, str]


class Scheduler(Answer):
    """A schedule by its names."""

    name: str
    label: str
    aliases: list[str] | None
    default_rho: float
    need_inner_model: bool


class Upscaler(Answer):
    """What enlarges pictures."""

    name: str
    model_name: str | None
    model_path: str | None
    model_url: str | None
    scale: float


class Named(Answer):
    """Something that has but a name."""

    name: str


class Lora(Answer):
    """A LoRA."""

    name: str
    alias: str
    path: str
    metadata: dict[str, Any]


class Embedding(Answer):
    """An embedding. shape: numbers of a token; vectors: how many tokens it counts."""

    step: int | None
    sd_checkpoint: str | None
    sd_checkpoint_name: str | None
    shape: int
    vectors: int


class Embeddings(Answer):
    """By name: those that the checkpoint in use can read, and those that it can't."""

    loaded: dict[str, Embedding]
    skipped: dict[str, Embedding]


class PromptStyle(Answer):
    """A style."""

    name: str
    prompt: str | None
    negative_prompt: str | None


class AtPath(Answer):
    """A model file."""

    name: str
    path: str


class FaceRestorer(Answer):
    """A model that mends faces."""

    name: str
    cmd_dir: str | None


class RealEsrgan(Answer):
    """An upscaler that is a model."""

    name: str
    path: str | None
    scale: float


class ScriptList(Answer):
    """Titles in lower case."""

    txt2img: list[str]
    img2img: list[str]


class ScriptArgument(Answer):
    """One argument of a script."""

    label: str
    value: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    choices: list[str] | None


class ScriptInfo(Answer):
    """One script."""

    name: str
    is_alwayson: bool
    is_img2img: bool
    args: list[ScriptArgument]


class Memory(Answer):
    """Bytes in main memory, and on the graphics card (or why there are none)."""

    ram: dict[str, Any]
    cuda: dict[str, Any]


class Extension(Answer):
    """An add-on."""

    name: str
    remote: str
    branch: str
    commit_hash: str
    version: str
    commit_date: int
    enabled: bool


class Told(Answer):
    """What became of something that Easel does otherwise."""

    info: str


class ControlVersion(Answer):
    """Of ControlNet's API."""

    version: int


class ControlModels(Answer):
    """Models that steer."""

    model_list: list[str]


class ControlModules(Answer):
    """Preprocessors."""

    module_list: list[str]
    module_detail: dict[str, Any]


class ControlTypes(Answer):
    """What goes together."""

    control_types: dict[str, Any]


class ControlSettings(Answer):
    """How many units there may be."""

    control_net_unit_count: int


class Detected(Answer):
    """Pictures as a ControlNet sees them."""

    images: list[str]
    info: str


class QueueStatus(Answer):
    """What Gradio 3 said of its queue, by which some clients know that somebody is there."""

    msg: str
    rank: int | None
    queue_size: int
    avg_event_process_time: float | None
    avg_event_concurrent_process_time: float | None
    rank_eta: float | None
    queue_eta: float

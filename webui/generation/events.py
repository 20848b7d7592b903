"""What a worker tells while it works. Plain data, the same over a pipe, inside a process or on a cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

PROTOCOL_VERSION = 6


@dataclass(frozen=True)
class Hello:
    """First message of a worker: who it is and what it can do. problems: add-ons that it could not load, and why."""

    type: ClassVar[str] = "hello"
    protocol: int
    source_hash: str
    pid: int
    device: str
    device_name: str
    dtype: str
    attention: tuple[str, ...]
    samplers: tuple[str, ...]
    versions: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """The worker has taken up the job: from here on its death is the job's doing. For the executor; it goes no further."""

    type: ClassVar[str] = "begun"


@dataclass(frozen=True)
class Stage:
    """What is happening now, in words for the progress card ("Loading easel-emoji")."""

    type: ClassVar[str] = "stage"
    text: str


@dataclass(frozen=True)
class Step:
    """One step done. image: 0-based picture; step: 1-based. preview: a small JPEG, or empty bytes.

    Of a job that is filmed: frame: what the picture would be by now, a WebP, or empty bytes; sigma: the noise level at which
    that was seen, None where it isn't known.
    """

    type: ClassVar[str] = "step"
    image: int
    step: int
    steps: int
    preview: bytes = b""
    frame: bytes = b""
    sigma: float | None = None


@dataclass(frozen=True)
class Finishing:
    """How far the finishing of a picture is. image: 0-based picture; text: the step in words; part: 1-based, of so many that the step
    has (tiles); share: of the whole chain that is done, 0 to 1."""

    type: ClassVar[str] = "finishing"
    image: int
    text: str
    part: int
    parts: int
    share: float


@dataclass(frozen=True)
class Picture:
    """One finished picture as bytes (height x width x 3, or 4 with alpha), with what was measured while making it. mode: Pillow's."""

    type: ClassVar[str] = "picture"
    image: int
    width: int
    height: int
    rgb: bytes
    facts: dict[str, Any] = field(default_factory=dict)
    mode: Literal["RGB", "RGBA"] = "RGB"


@dataclass(frozen=True)
class Skipped:
    """One picture ended before it was done, because the user skipped it."""

    type: ClassVar[str] = "skipped"
    image: int


@dataclass(frozen=True)
class Note:
    """Something the user should know that stopped nothing. fault: of an add-on that failed, `webui.extensions.calling.Fault` as a dict."""

    type: ClassVar[str] = "note"
    text: str
    fault: dict[str, Any] | None = None


@dataclass(frozen=True)
class Done:
    """The job ended by itself. facts: timings in seconds. add_ons: seconds spent in each add-on that was called, by id."""

    type: ClassVar[str] = "done"
    facts: dict[str, Any] = field(default_factory=dict)
    add_ons: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Interrupted:
    """The job ended because the user interrupted it; pictures already sent stay."""

    type: ClassVar[str] = "interrupted"


@dataclass(frozen=True)
class Failed:
    """The job cannot be finished. `error` is EaselError.as_dict(); worker_lost: the process itself is gone;
    begun: it had taken up the job by then."""

    type: ClassVar[str] = "failed"
    error: dict[str, Any]
    details: str = ""
    worker_lost: bool = False
    begun: bool = True


@dataclass(frozen=True)
class InMemory:
    """Which parts of checkpoints the worker keeps, most recently used first; told after each job. It belongs to no job.

    Each is {"part": its name, "kind": "denoiser" | "vae" | "text_encoder" | ..., "state": "mapped" | "RAM" | "pinned" | "device",
    "bytes": ...,
    "in_use": whether it is at work, "checkpoints": paths of those that it was brought in for}. A part of several is kept once.
    """

    type: ClassVar[str] = "in_memory"
    parts: tuple[dict[str, Any], ...] = ()


WorkerEvent = InMemory | Hello | Begun | Stage | Step | Finishing | Picture | Skipped | Note | Done | Interrupted | Failed

_BY_TYPE: dict[str, type[Any]] = {
    kind.type: kind for kind in (InMemory, Hello, Begun, Stage, Step, Finishing, Picture, Skipped, Note, Done, Interrupted, Failed)
}


def event_to_wire(event: WorkerEvent) -> dict[str, Any]:
    """The event as a dict of plain values for msgpack or JSON (bytes stay bytes)."""
    return {"type": event.type, **asdict(event)}


def event_from_wire(data: dict[str, Any]) -> WorkerEvent:
    """The event that `event_to_wire` wrote. Raises KeyError or TypeError for anything else."""
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "type"}
    return _BY_TYPE[data["type"]](**fields)

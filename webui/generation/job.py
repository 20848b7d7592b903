"""One job as a worker receives it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from webui.generation.request import ResolvedDrawn, ResolvedRequest, ResolvedUpscale, parse_resolved


@dataclass(frozen=True)
class LoraUse:
    """A LoRA that the request asks for. name: as the user wrote it; path: the file."""

    name: str
    path: str
    text_encoder_weight: float = 1.0
    unet_weight: float = 1.0


@dataclass(frozen=True)
class EmbeddingUse:
    """An embedding that the request names. name: the word; path: the file."""

    name: str
    path: str


@dataclass(frozen=True)
class ControlUse:
    """The model of a control of the request, in the request's order. path: the file. image_encoder: the file of an IP-Adapter's."""

    path: str
    image_encoder: str = ""


@dataclass(frozen=True)
class JobSpec:
    """All a worker needs to make the pictures of one job.

    checkpoint_path: the folder or file to load; empty where nothing is drawn. images: 0-based indexes still to be made
    (after a restart the finished ones are left out). preview_interval: least seconds between previews.
    loras, embeddings: those that the request's prompts name; hires_loras: those of its hires prompt.
    vae_path: of the VAE in place of each checkpoint's own, or empty. hires_checkpoint_path: of another one for the hires pass, or empty.
    refiner_path: of the checkpoint that takes over in the middle, or empty. upscaler_path: of a model that enlarges, or empty.
    controls: the models of the request's controls.
    image_paths: SHA-256 -> file of each picture that the request refers to.
    finishing: of each step of the request's chain, its fields that name a model -> the file.
    film: whether each step comes with a frame of its own.
    try_with_less: whether pictures that memory doesn't suffice for are drawn again in a way that needs less.
    known_peaks: what earlier pictures of this checkpoint needed (webui.planning.peaks.Peak as plain values).
    """

    job_id: str
    request: ResolvedRequest
    checkpoint_path: str
    images: tuple[int, ...]
    preview_interval: float = 0.25
    try_with_less: bool = True
    known_peaks: tuple[dict[str, Any], ...] = field(default=())
    loras: tuple[LoraUse, ...] = ()
    embeddings: tuple[EmbeddingUse, ...] = ()
    vae_path: str = ""
    hires_checkpoint_path: str = ""
    refiner_path: str = ""
    upscaler_path: str = ""
    hires_loras: tuple[LoraUse, ...] = ()
    controls: tuple[ControlUse, ...] = ()
    image_paths: dict[str, str] = field(default_factory=dict)
    finishing: tuple[dict[str, str], ...] = ()
    film: bool = False

    @property
    def drawn(self) -> ResolvedDrawn:
        """The request of a job whose pictures a checkpoint draws."""
        assert not isinstance(self.request, ResolvedUpscale), "nothing is drawn for this one"
        return self.request

    def to_wire(self) -> dict[str, Any]:
        """Plain values for a pipe."""
        return {
            "job_id": self.job_id,
            "request": self.request.model_dump(mode="json"),
            "checkpoint_path": self.checkpoint_path,
            "images": list(self.images),
            "preview_interval": self.preview_interval,
            "loras": [asdict(lora) for lora in self.loras],
            "embeddings": [asdict(embedding) for embedding in self.embeddings],
            "vae_path": self.vae_path,
            "hires_checkpoint_path": self.hires_checkpoint_path,
            "refiner_path": self.refiner_path,
            "upscaler_path": self.upscaler_path,
            "hires_loras": [asdict(lora) for lora in self.hires_loras],
            "controls": [asdict(control) for control in self.controls],
            "image_paths": self.image_paths,
            "finishing": list(self.finishing),
            "film": self.film,
            "try_with_less": self.try_with_less,
            "known_peaks": list(self.known_peaks),
        }

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> JobSpec:
        """The job that `to_wire` wrote."""
        return cls(
            job_id=data["job_id"],
            request=parse_resolved(data["request"]),
            checkpoint_path=data["checkpoint_path"],
            images=tuple(data["images"]),
            preview_interval=data["preview_interval"],
            loras=tuple(LoraUse(**lora) for lora in data["loras"]),
            embeddings=tuple(EmbeddingUse(**embedding) for embedding in data["embeddings"]),
            vae_path=data["vae_path"],
            hires_checkpoint_path=data["hires_checkpoint_path"],
            refiner_path=data["refiner_path"],
            upscaler_path=data["upscaler_path"],
            hires_loras=tuple(LoraUse(**lora) for lora in data["hires_loras"]),
            controls=tuple(ControlUse(**control) for control in data["controls"]),
            image_paths=data["image_paths"],
            finishing=tuple(data["finishing"]),
            film=data["film"],
            try_with_less=data["try_with_less"],
            known_peaks=tuple(data["known_peaks"]),
        )

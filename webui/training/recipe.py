"""What can be ordered of the training: one frozen type. A field is declared here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from webui.generation.parameter import MAX_PROMPT_CHARACTERS, Declared, parameter, storable

FAMILIES = ("sd1", "sd2", "sdxl")
"""Families whose LoRAs can be trained here."""

AUTOMATIC = 0
"""A resolution: that of the checkpoint."""

MOST_PREVIEWS = 8
MOST_PICTURES = 10_000
_NAME = 200
_PATH = 4_000

LearningSchedule = Literal["constant", "cosine", "linear"]
Caption = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Prompt = Annotated[str, Field(max_length=2_000)]


class Train(Declared):
    """Train a LoRA on pictures of yours: a style, a thing, a character that a checkpoint then can draw."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["train"] = "train"
    model: str = parameter(
        ..., label="Checkpoint", help="What the LoRA is trained on, and works best with later.", min_length=1, max_length=_NAME
    )
    folder: str = parameter(
        ...,
        label="Folder",
        help="Whole path of a folder with pictures; captions in text files of the same names. Folders in it that are called "
        "NUMBER_name are taken that many times, as kohya's trainer does.",
        min_length=1,
        max_length=_PATH,
    )
    captions: Mapping[str, Caption] = Field(
        default_factory=dict,
        title="Captions",
        description="Words for single pictures, by their names in the folder, in place of those in text files.",
        max_length=MOST_PICTURES,
    )
    name: str = parameter("", label="Name", help="Of the LoRA, as it stands in prompts. Empty: the folder's.", max_length=_NAME)
    trigger: str = parameter(
        "",
        label="Trigger word",
        help="Stands before every caption, so that a prompt with it asks for what was learned. Best a word that means nothing yet.",
        max_length=_NAME,
    )
    steps: int = parameter(
        1000, label="Steps", help="How often it learns from a batch. Some 100 for each picture are usual.", ge=1, le=1_000_000
    )
    rank: int = parameter(16, label="Rank", help="Size of the LoRA: more holds more, and overfits sooner.", ge=1, le=320)
    alpha: float = parameter(
        16.0, label="Alpha", help="The LoRA's change is multiplied by alpha / rank. As large as the rank: taken as it is.", ge=0.01, le=1024
    )
    learning_rate: float = parameter(
        1e-4, label="Learning rate", help="How far one step goes. Larger learns faster, and too large ruins it.", ge=1e-8, le=1
    )
    batch_size: int = parameter(1, label="Batch size", help="Pictures that one step learns from. More needs more memory.", ge=1, le=64)
    resolution: int = parameter(
        AUTOMATIC,
        label="Resolution",
        help="Side of the square whose area pictures are brought to. 0: what the checkpoint was trained on.",
        unit="px",
        step=32,
        ge=0,
        le=2048,
        multiple_of=32,
    )
    buckets: bool = parameter(
        True, label="Aspect buckets", help="Pictures keep about their shape; of the same shape ones learn together. Off: cut to squares."
    )
    flip: bool = parameter(False, label="Flip", help="Half of the time a picture is mirrored. Not for faces and writing.")
    text_encoder: bool = parameter(False, label="Train text encoders", help="New words are learned better, old ones forgotten sooner.")
    text_encoder_rate: float = parameter(5e-5, label="Learning rate of text encoders", help="Where they are trained.", ge=1e-8, le=1)
    caption_dropout: float = parameter(
        0.05,
        label="Caption dropout",
        help="How often a picture is learned without its words.",
        ge=0,
        le=1,
        step=0.05,
    )
    min_snr: float = parameter(
        5.0, label="Min-SNR gamma", help="Keeps almost noiseless steps from outweighing the others. 5 is usual, 0: off.", ge=0, le=100
    )
    learning_schedule: LearningSchedule = parameter(
        "constant", label="Learning schedule", help="How the learning rate goes on after the warmup: constant, or falling to nothing."
    )
    warmup: int = parameter(0, label="Warmup", help="Steps in which the learning rate rises from nothing.", unit="steps", ge=0, le=100_000)
    clip_skip: int = parameter(1, label="Clip skip", help="Layer of the text encoder whose answer is taken, from the end.", ge=1, le=12)
    seed: int = parameter(0, label="Seed", help="The same seed, pictures and fields give the same LoRA.", ge=0, le=2**32 - 1)
    preview_every: int = parameter(
        100, label="Preview every", help="Steps between two looks at what it has learned. 0: no previews.", unit="steps", ge=0, le=1_000_000
    )
    previews: tuple[Prompt, ...] = Field(
        (),
        title="Preview prompts",
        description="Prompts of the previews, one a line. None: the first picture's caption.",
        max_length=MOST_PREVIEWS,
    )
    save_every: int = parameter(
        50,
        label="Save every",
        help="Steps between two saved states. No more than these are ever lost.",
        unit="steps",
        ge=1,
        le=100_000,
    )

    @field_validator("previews", mode="before")
    @classmethod
    def _as_people_write_them(cls, value: Any) -> Any:
        return tuple(line.strip() for line in value.splitlines() if line.strip()) if isinstance(value, str) else value

    @field_validator("trigger", "folder", "name", "model", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return storable(value).strip() if isinstance(value, str) else value

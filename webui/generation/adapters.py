"""LoRAs, embeddings and VAEs as a request names them and as a resolved one records them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from webui.generation.control import ControlUnit
from webui.generation.prompt.reading import LORA_KINDS, ExtraNetwork, read_prompt, without_comments, without_networks

VAE_AUTOMATIC, VAE_NONE = "Automatic", "None"
"""Automatic: the one beside the checkpoint, else the checkpoint's own. None: the checkpoint's own."""


_ESCAPED = re.compile(r"\\([()\[\]\\])")


class UsedLora(BaseModel):
    """A LoRA that a prompt names, found. hash: first 12 hex digits of the SHA-256 of its tensors (kohya's and AUTOMATIC1111's)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    hash: str = ""
    text_encoder_weight: float = Field(1.0, ge=-1e6, le=1e6)
    unet_weight: float = Field(1.0, ge=-1e6, le=1e6)


class UsedEmbedding(BaseModel):
    """An embedding that a prompt names, found. hash: first 12 hex digits of the SHA-256 of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    hash: str = ""


@dataclass(frozen=True)
class FoundAdapters:
    """What a request names beside its checkpoint, with what is left of "automatic" told. vae: VAE_NONE where none is put in.

    hires_loras: of the hires prompt. controls: the request's, each with its model's name and hash.
    """

    loras: tuple[UsedLora, ...] = ()
    hires_loras: tuple[UsedLora, ...] = ()
    embeddings: tuple[UsedEmbedding, ...] = ()
    vae: str = VAE_NONE
    vae_hash: str = ""
    controls: tuple[ControlUnit, ...] = ()


NO_ADAPTERS = FoundAdapters()


def loras_named(prompt: str) -> tuple[ExtraNetwork, ...]:
    """The LoRA tags of a prompt, in order."""
    return tuple(network for network in read_prompt(prompt).networks if network.kind in LORA_KINDS)


def other_networks_named(prompt: str) -> tuple[ExtraNetwork, ...]:
    """The tags of a prompt that are no LoRAs (hypernetworks among them)."""
    return tuple(network for network in read_prompt(prompt).networks if network.kind not in LORA_KINDS)


def words_named(texts: Iterable[str], names: Iterable[str]) -> list[str]:
    """Which of the names stand in one of the texts as words of their own; case does not matter, tags and comments do not count.

    A name with brackets is found as it is written in a prompt, with backslashes before them.
    """
    said = [_ESCAPED.sub(r"\1", without_networks(without_comments(text))[0]).casefold() for text in texts]
    return [name for name in names if name.strip() and any(_says(text, name.casefold()) for text in said)]


def _says(text: str, name: str) -> bool:
    # The first look is quick, and there may be thousands of names.
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def hashes_text(named: Iterable[UsedLora | UsedEmbedding]) -> str:
    """`name: hash, name: hash`, as infotexts have it; colons and commas are taken out of names."""
    return ", ".join(f"{re.sub('[:,]', '', one.name)}: {one.hash}" for one in named)

"""What most tests stand on: a studio with the fake executor over a throwaway data folder and a small checkpoint folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import Settings, load_settings
from webui.studio.studio import Studio

SHIPPED_CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "checkpoints" / "easel-emoji"


def make_checkpoint(folder: Path, *, pipeline: str = "StableDiffusionPipeline", content: float = 0.0) -> Path:
    """A folder that looks like a Stable Diffusion 1.x checkpoint as far as headers tell."""
    for part in ("text_encoder", "unet", "vae", "tokenizer", "scheduler"):
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    (folder / "unet" / "config.json").write_text(json.dumps({"sample_size": 64}))
    (folder / "vae" / "config.json").write_text(json.dumps({"block_out_channels": [128, 256, 512, 512]}))
    (folder / "text_encoder" / "config.json").write_text("{}")
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    for part, name in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        save_file({"weight": np.full((4, 4), content, np.float32)}, folder / part / f"{name}.safetensors")
    return folder


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A models root with one checkpoint, "small"."""
    root = tmp_path / "models"
    make_checkpoint(root / "checkpoints" / "small")
    return root


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data", executor="fake")


@pytest.fixture
def new_studio(settings: Settings, models_dir: Path) -> Iterator[Callable[..., Studio]]:
    """Makes studios over the same data folder, one after the other, as restarts do. Closes them all."""
    made: list[Studio] = []

    def make(executor: Any = None, extensions: ExtensionRegistry | None = None, *, start: bool = True, **changes: Any) -> Studio:
        catalog = CheckpointCatalog([models_dir], settings.data_dir / "cache")
        studio = Studio(
            settings.model_copy(update=changes), executor or FakeExecutor(step_seconds=0.002), catalog, extensions or ExtensionRegistry()
        )
        made.append(studio)
        if start:
            studio.start()
        return studio

    yield make
    for studio in made:
        studio.close()


@pytest.fixture
def studio(new_studio: Callable[..., Studio]) -> Studio:
    return new_studio()

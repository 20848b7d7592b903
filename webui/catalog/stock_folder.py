"""What a diffusers folder must hold to be drawn with by diffusers' own pipeline, checked without reading its weights.

Only classes of diffusers and transformers themselves are let in, and only safetensors: nothing in the folder is ever run.
The catalog asks when it scans, the engine again when it loads: files change in between.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from webui.catalog.diffusers_folder import COPY_AGAIN, read_json
from webui.catalog.weights import check_safetensors
from webui.errors import CheckpointUnusable
from webui.generation.stock_pipelines import STOCK_PIPELINES

LIBRARIES = frozenset(("diffusers", "transformers"))
"""Where classes of parts may come from."""

PIPELINE_LIBRARIES = frozenset(("kandinsky", "stable_diffusion"))
"""Names for which diffusers looks in its own pipelines, for parts that only one of them has."""

LEFT_OUT = ("safety_checker", "watermarker")
"""Parts that change no picture from words but to blacken it."""

_WITHOUT_WEIGHTS = ("Scheduler", "Tokenizer", "TokenizerFast", "Processor", "ProcessorFast", "FeatureExtractor")
_LEADING = "_"


def parts_of(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(name, library, class) of the parts that a folder's index names. Raises CheckpointUnusable for what is no name."""
    index = read_json(folder, "model_index.json")
    for name, entry in index.items():
        if name.startswith(_LEADING) or not isinstance(entry, list) or entry == [None, None] or name in LEFT_OUT:
            continue
        if len(entry) != 2 or not all(isinstance(word, str) and word.isidentifier() for word in entry) or not name.isidentifier():
            raise CheckpointUnusable(f"model_index.json of {folder.name} names the part {name[:60]!r} in no known way.", hint=COPY_AGAIN)
        yield name, entry[0], entry[1]


def check_stock_folder(folder: Path, known: Container[str] = STOCK_PIPELINES) -> str:
    """The class of the pipeline, everything that headers tell checked. Raises CheckpointUnusable saying what is wrong.

    known: which classes are wanted.
    """
    pipeline = read_json(folder, "model_index.json").get("_class_name")
    # A list names code in the folder.
    if not isinstance(pipeline, str) or pipeline not in known:
        raise CheckpointUnusable(
            f"{folder.name} is made for {str(pipeline)[:60]}, which Easel does not draw with.", hint="Pick another checkpoint."
        )
    for name, library, kind in parts_of(folder):
        if library not in LIBRARIES | PIPELINE_LIBRARIES or (folder / name / f"{library}.py").exists():
            raise CheckpointUnusable(
                f"{folder.name}/{name} wants code of its own ({library}.{kind}), which Easel never runs.",
                hint="Pick a checkpoint that diffusers knows by itself.",
            )
        if not (folder / name).is_dir():
            raise CheckpointUnusable(f"{folder.name} has no {name} folder.", hint=COPY_AGAIN)
        if not kind.endswith(_WITHOUT_WEIGHTS):
            _check_weights(folder, name)
    return pipeline


def weight_files(part: Path) -> list[Path]:
    """The safetensors files in a part's folder."""
    return sorted(path for path in part.glob("*.safetensors") if path.is_file())


def _check_weights(folder: Path, part: str) -> None:
    read_json(folder, f"{part}/config.json")
    files = weight_files(folder / part)
    for path in files:
        try:
            check_safetensors(path)
        except CheckpointUnusable as error:
            raise CheckpointUnusable(f"In {folder.name}/{part}: {error.message}", hint=error.hint) from None
    if not files:
        pickles = sorted(path.name for path in (folder / part).glob("*.bin"))
        raise CheckpointUnusable(
            f"{folder.name}/{part} holds no safetensors" + (f", only {pickles[0]}." if pickles else "."),
            hint="Old .bin weights can run code and are not opened; get the safetensors." if pickles else COPY_AGAIN,
        )


def native_side(folder: Path) -> int:
    """Pixels of the side that its pictures were trained on, told by its configs; 0 where they don't tell."""
    for part in ("transformer", "unet"):
        for decoder in ("vae", "vqvae"):
            try:
                size = read_json(folder, f"{part}/config.json").get("sample_size")
                side = size * _pixels_per_latent(read_json(folder, f"{decoder}/config.json")) if isinstance(size, int) else 0
            except CheckpointUnusable:
                continue
            if 64 <= side <= 2048 and side % 8 == 0:
                return side
    return 0


def _pixels_per_latent(vae: dict[str, Any]) -> int:
    for key in ("spatial_compression_ratio", "scale_factor_spatial"):
        if isinstance(vae.get(key), int):
            return int(vae[key])
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    return 2 ** (len(blocks) - 1) if isinstance(blocks, list) and 0 < len(blocks) < 8 else 0

"""What the catalog says of folders that diffusers' own pipelines draw with, and how a request for one is resolved. No torch."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from model_files import write_safetensors

from webui.app import build_web
from webui.catalog.checkpoints import CheckpointCatalog
from webui.catalog.stock_folder import check_stock_folder
from webui.errors import CheckpointUnusable, InvalidRequest
from webui.generation.adapters import FoundAdapters, UsedLora
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.request import Txt2Img, dump_request, load_resolved, parse_request
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.generation.samplers import PIPELINES_OWN
from webui.generation.stock_pipelines import STOCK_PIPELINES, notes_for, plain_words
from webui.studio.studio import Studio

PIXART = CheckpointIdentity("pixart", "0123456789", "PixArtSigmaPipeline")


def make_pixart(folder: Path) -> Path:
    """Index, configs and headers of a PixArt folder; no picture could be drawn with its weights."""
    index = {
        "_class_name": "PixArtSigmaPipeline",
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "T5Tokenizer"],
        "transformer": ["diffusers", "PixArtTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    configs: dict[str, dict[str, Any]] = {
        "transformer": {"sample_size": 128},
        "vae": {"block_out_channels": [128, 256, 512, 512]},
        "text_encoder": {},
    }
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps(index))
    for part in ("scheduler", "tokenizer"):
        (folder / part).mkdir()
    for part, config in configs.items():
        (folder / part).mkdir()
        (folder / part / "config.json").write_text(json.dumps(config))
        write_safetensors(folder / part / "model.safetensors", {"weight": (2, 2)})
    return folder


def test_the_catalog_says_how_it_is_drawn_with(models_dir: Path, tmp_path: Path) -> None:
    make_pixart(models_dir / "checkpoints" / "pixart")
    entry = CheckpointCatalog([models_dir], tmp_path / "cache").find("pixart")
    assert entry.usable and entry.pipeline == "PixArtSigmaPipeline"
    assert any("through diffusers' own pipeline (PixArtSigmaPipeline)" in note for note in entry.notes)
    assert entry.defaults == {"width": 1024, "height": 1024, "steps": 20, "cfg_scale": 4.5}


def test_the_api_says_it_too(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    make_pixart(models_dir / "checkpoints" / "pixart")
    client = TestClient(build_web(new_studio(start=False)), base_url="http://127.0.0.1")
    (told,) = [item for item in client.get("/api/v1/models").json()["items"] if item["name"] == "pixart"]
    assert told["usable"] and "through diffusers' own pipeline" in told["notes"][0]


def test_its_hash_is_of_all_its_parts(models_dir: Path, tmp_path: Path) -> None:
    folder = make_pixart(models_dir / "checkpoints" / "pixart")
    catalog = CheckpointCatalog([models_dir], tmp_path / "cache")
    first = catalog.content_hash(catalog.find("pixart"))
    write_safetensors(folder / "text_encoder" / "model.safetensors", {"weight": (2, 3)})
    catalog.refresh()
    assert catalog.content_hash(catalog.find("pixart")) != first


def _index(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "model_index.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


@pytest.mark.parametrize(
    ("words", "breaking"),
    [
        ("which Easel does not draw with", _index(_class_name="StableVideoDiffusionPipeline")),
        ("which Easel does not draw with", _index(_class_name=["pipeline", "Mine"])),
        ("wants code of its own", _index(transformer=["my_model", "Mine"])),
        ("in no known way", _index(transformer=["diffusers", "../../Mine"])),
        ("in no known way", _index(**{"../vae": ["diffusers", "AutoencoderKL"]})),
        ("has no prior folder", _index(prior=["diffusers", "PriorTransformer"])),
        ("Old .bin weights", lambda folder: (folder / "vae" / "model.safetensors").rename(folder / "vae" / "model.bin")),
        ("damaged or cut off", lambda folder: (folder / "vae" / "model.safetensors").write_bytes(b"\xff" * 50)),
        ("has no transformer/config.json", lambda folder: (folder / "transformer" / "config.json").unlink()),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: str, breaking: Callable[[Path], None]) -> None:
    folder = make_pixart(tmp_path / "pixart")
    breaking(folder)
    with pytest.raises(CheckpointUnusable) as caught:
        check_stock_folder(folder)
    assert words in str(caught.value) and caught.value.hint


def test_resolved_is_what_the_pipeline_does() -> None:
    asked = parse_request({"prompt": "a", "sampler": "Euler a", "clip_skip": 2, "variation_strength": 0.5, "rng": "NV", "cfg_scale": 3})
    adapters = FoundAdapters(loras=(UsedLora(name="x"),), vae="other.safetensors")
    resolved = resolve(asked, PIXART, random.Random(1), adapters)
    assert (resolved.sampler, resolved.schedule_type, resolved.pipeline) == (PIPELINES_OWN, PIPELINES_OWN, "PixArtSigmaPipeline")
    assert (resolved.clip_skip, resolved.variation_strength, resolved.rng, resolved.loras, resolved.vae) == (1, 0.0, "CPU", (), "None")
    assert resolved.cfg_scale == 3 and resolved.seed >= 0
    assert load_resolved(dump_request(resolved)) == resolved
    assert resolve(asked, CheckpointIdentity("sd", "0"), random.Random(1)).pipeline == ""


def test_what_it_leaves_out_is_told() -> None:
    asked = parse_request({"prompt": "a (b:1.2)<lora:some:0.5>", "clip_skip": 2, "eta": 0.5, "vae": "other"})
    notes = notes_for(asked, "PixArtSigmaPipeline")
    assert notes[0] == "Sampler and schedule are the pipeline's own (PixArtSigmaPipeline of diffusers)."
    assert all(words in notes[1] for words in ("Clip skip", "Eta", "VAE", "<lora:some>"))
    assert "Weights" in notes[2]
    assert len(notes_for(parse_request({"prompt": "a plain one"}), "PixArtSigmaPipeline")) == 1
    assert "Negative prompt" in notes_for(parse_request({"negative_prompt": "blue"}), "Flux2Pipeline")[1]


def test_plain_words() -> None:
    def words(prompt: str, **further: Any) -> tuple[str, str, bool]:
        return plain_words(parse_request({"prompt": prompt, **further}))

    assert words("a cat") == ("a cat", "", False)
    assert words("a (red:1.2) ((cat))", negative_prompt="[dog]") == ("a red cat", "dog", True)
    assert words("a [red:blue:0.5] cat BREAK sleeping AND a dog:0.5") == ("a red cat sleeping a dog", "", True)
    assert words("a (cat)", emphasis="None") == ("a (cat)", "", False)
    assert words("a cat<lora:x:1>") == ("a cat", "", False)


def test_its_infotext_says_so_and_reads_back() -> None:
    resolved = resolve(parse_request({"prompt": "a", "seed": 3}), PIXART, random.Random(1))
    text = write_infotext(resolved, 3, "1.0")
    assert "Sampler: Pipeline's own" in text and "Pipeline: PixArtSigmaPipeline" in text and "RNG: CPU" in text
    mapped = map_fields(read_infotext(text))
    assert not mapped.unmapped and "sampler" not in mapped.fields
    assert parse_request(dict(mapped.fields)).seed == 3
    # Asked again as it was resolved, with another checkpoint: in the usual way.
    again = Txt2Img(sampler=resolved.sampler, schedule_type=resolved.schedule_type)
    assert (again.sampler, again.schedule_type) == ("DPM++ 2M", "Automatic")
    hires = Txt2Img(hires_sampler=PIPELINES_OWN, hires_schedule_type=PIPELINES_OWN)
    assert (hires.hires_sampler, hires.hires_schedule_type) == ("Use same sampler", "Use same scheduler")


def test_a_job_says_it(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    make_pixart(models_dir / "checkpoints" / "pixart")
    studio = new_studio(start=False)
    job = studio.submit(parse_request({"prompt": "a", "checkpoint": "pixart", "clip_skip": 2}))
    assert [note for note in job["notes"] if "pipeline's own" in note] and [note for note in job["notes"] if "Clip skip" in note]


def test_only_pictures_from_words() -> None:
    asked = parse_request({"checkpoint": "pixart"}).model_copy(update={"kind": "img2img"})
    with pytest.raises(InvalidRequest, match="from words only"):
        resolve(asked, PIXART, random.Random(1))


def test_defaults_are_within_a_requests_bounds() -> None:
    for own in STOCK_PIPELINES.values():
        parse_request({"steps": own.steps, "cfg_scale": own.cfg_scale})

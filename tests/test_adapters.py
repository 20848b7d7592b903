"""LoRAs, embeddings and VAEs that a request names: found, recorded, handed to the worker."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from small_checkpoint import make_checkpoint

from webui.catalog.adapters import (
    AdapterPaths,
    embedding_sizes,
    find_adapters,
    knows_network,
    near_names,
    paths_of,
    vae_choices,
)
from webui.catalog.checkpoints import CheckpointCatalog
from webui.errors import AdapterUnusable, InvalidRequest
from webui.executors.fake import FakeExecutor
from webui.generation.adapters import FoundAdapters, UsedEmbedding, UsedLora, hashes_text, loras_named, words_named
from webui.generation.infotext import write_infotext
from webui.generation.job import EmbeddingUse, JobSpec, LoraUse
from webui.generation.request import dump_request, load_resolved, parse_request
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.studio.studio import Studio

CHECKPOINT = CheckpointIdentity("small", "0123456789")


def zeros(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape, np.float32)


LORA = {
    "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": zeros(8, 2),
    "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": zeros(2, 8),
}
VAE = {
    "decoder.conv_in.weight": zeros(8, 4, 3, 3),
    "encoder.conv_in.weight": zeros(8, 3, 3, 3),
    "decoder.up.0.block.0.conv1.weight": zeros(8, 8, 3, 3),
    "encoder.down.0.block.0.conv1.weight": zeros(8, 8, 3, 3),
    "encoder.conv_out.weight": zeros(8, 8, 3, 3),
    "decoder.conv_out.weight": zeros(3, 8, 3, 3),
    "post_quant_conv.weight": zeros(4, 4, 1, 1),
    "quant_conv.weight": zeros(8, 8, 1, 1),
}


def write(path: Path, tensors: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A models root with one of each."""
    root = tmp_path / "models"
    make_checkpoint(root / "checkpoints" / "small")
    write(root / "loras" / "ink.safetensors", LORA)
    write(root / "loras" / "style" / "Oil Paint.safetensors", LORA)
    write(root / "embeddings" / "EasyNegative.safetensors", {"emb_params": zeros(2, 768)})
    write(root / "vae" / "bright.safetensors", VAE)
    return root


@pytest.fixture
def catalog(root: Path, tmp_path: Path) -> Iterator[CheckpointCatalog]:
    catalog = CheckpointCatalog([root], tmp_path / "cache")
    yield catalog
    catalog.models.close()


def found(catalog: CheckpointCatalog, **fields: Any) -> tuple[FoundAdapters, tuple[str, ...]]:
    return find_adapters(catalog.models, parse_request(fields), catalog.find("small"))


# what a prompt names


def test_tags_and_their_weights() -> None:
    tags = loras_named("a <lora:ink:0.7> b <lyco:x> <lora:y:1:0.5> <lora:z:te=0.2:unet=0.3> <hypernet:h:1>")
    assert [(tag.name, tag.text_encoder_weight, tag.unet_weight) for tag in tags] == [
        ("ink", 0.7, 0.7),
        ("x", 1.0, 1.0),
        ("y", 1.0, 0.5),
        ("z", 0.2, 0.3),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("easynegative", True),
        ("(EasyNegative:1.2), ugly", True),
        ("a [EasyNegative:b:0.5]", True),
        ("easynegatives", False),
        ("my_easynegative", False),
        ("<lora:easynegative:1>", False),
        ("a # easynegative", False),
        ("", False),
    ],
)
def test_words(text: str, said: bool) -> None:
    assert words_named(["", text], ["EasyNegative", "other"]) == (["EasyNegative"] if said else [])


def test_names_with_signs_in_them() -> None:
    assert words_named(["a by bad-hands.v1, c"], ["bad-hands.v1", "bad", " "]) == ["bad-hands.v1", "bad"]


def test_hashes_as_infotexts_have_them() -> None:
    assert hashes_text([UsedLora(name="a:b,c", hash="12"), UsedEmbedding(name="d", hash="34")]) == "abc: 12, d: 34"


# what is found


def test_loras_are_found_by_name_and_recorded_with_weights_and_hash(catalog: CheckpointCatalog, root: Path) -> None:
    adapters, notes = found(catalog, prompt="<lora:INK:0.5:0.25> <lora:Oil Paint>")
    data = (root / "loras" / "ink.safetensors").read_bytes()
    digest = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()[:12]
    assert adapters.loras == (
        UsedLora(name="INK", hash=digest, text_encoder_weight=0.5, unet_weight=0.25),
        UsedLora(name="Oil Paint", hash=digest),
    )
    assert notes == ()


def test_what_is_not_there_is_said_and_left_out(catalog: CheckpointCatalog) -> None:
    adapters, notes = found(catalog, prompt="<lora:nowhere:1> <hypernet:h:1> <lora:ink:1>")
    assert [used.name for used in adapters.loras] == ["ink"]
    assert len(notes) == 2
    assert "'nowhere'" in notes[0]
    assert "<hypernet:" in notes[1]


def test_what_the_catalog_says_of_a_tag(catalog: CheckpointCatalog) -> None:
    assert [knows_network(catalog.models, kind, "ink") for kind in ("lora", "lyco", "hypernet")] == [True, True, None]
    assert knows_network(catalog.models, "lora", "nope") is False


def test_how_many_tokens_an_embedding_counts(catalog: CheckpointCatalog, root: Path) -> None:
    write(root / "embeddings" / "lone.safetensors", {"emb_params": zeros(768)})
    write(root / "embeddings" / "both.safetensors", {"clip_l": zeros(4, 768), "clip_g": zeros(4, 1280)})
    write(root / "embeddings" / "learned.safetensors", {"<cat>": zeros(3, 768)})
    catalog.models.refresh()
    vectors = {model.name: model.kind.vectors for model in catalog.models.select(("embedding",))}
    assert vectors == {"EasyNegative": 2, "lone": 1, "both": 4, "learned": 3}
    assert embedding_sizes(catalog.models, catalog.find("small")).keys() == {"EasyNegative", "lone", "learned"}


def test_near_names(catalog: CheckpointCatalog) -> None:
    assert near_names(catalog.models, "lora", "oilpaint") == ["Oil Paint"]
    assert near_names(catalog.models, "embedding", "easynegativ") == ["EasyNegative"]
    assert near_names(catalog.models, "embedding", "easy") == []


def test_the_vaes_that_can_be_picked(catalog: CheckpointCatalog) -> None:
    assert vae_choices(catalog.models) == ["Automatic", "None", "bright"]


def test_embeddings_are_found_by_word(catalog: CheckpointCatalog, root: Path) -> None:
    adapters, _ = found(catalog, prompt="a cat", negative_prompt="(easynegative:1.1), blurry")
    digest = hashlib.sha256((root / "embeddings" / "EasyNegative.safetensors").read_bytes()).hexdigest()[:12]
    assert adapters.embeddings == (UsedEmbedding(name="EasyNegative", hash=digest),)
    assert found(catalog, prompt="a cat")[0].embeddings == ()


def test_a_broken_lora_is_refused_when_it_is_asked_for(catalog: CheckpointCatalog, root: Path) -> None:
    (root / "loras" / "ink.safetensors").write_bytes(b"<html>log in</html>")
    catalog.refresh()
    with pytest.raises(AdapterUnusable, match="web page"):
        found(catalog, prompt="<lora:ink>")


@pytest.mark.parametrize("asked", ["bright", "bright.safetensors", "BRIGHT"])
def test_a_vae_by_name(catalog: CheckpointCatalog, root: Path, asked: str) -> None:
    adapters, _ = found(catalog, vae=asked)
    digest = hashlib.sha256((root / "vae" / "bright.safetensors").read_bytes()).hexdigest()[:10]
    assert (adapters.vae, adapters.vae_hash) == ("bright.safetensors", digest)


@pytest.mark.parametrize("asked", ["Automatic", "automatic", "None", "none"])
def test_the_checkpoints_own_vae(catalog: CheckpointCatalog, asked: str) -> None:
    assert found(catalog, vae=asked)[0] == FoundAdapters()


def test_the_vae_beside_the_checkpoint_is_taken_automatically(catalog: CheckpointCatalog, root: Path) -> None:
    beside = write(root / "checkpoints" / "small.vae.safetensors", VAE)
    catalog.refresh()
    adapters, _ = found(catalog)
    assert adapters.vae == "small.vae.safetensors"
    assert len(adapters.vae_hash) == 10
    assert found(catalog, vae="None")[0].vae == "None"
    resolved = resolve(parse_request({}), CHECKPOINT, random.Random(1), adapters)
    assert paths_of(catalog.models, resolved, catalog.find("small")) == AdapterPaths((), (), (), str(beside), ())


def test_an_unknown_vae_is_refused_with_the_known_ones(catalog: CheckpointCatalog) -> None:
    with pytest.raises(InvalidRequest) as raised:
        found(catalog, vae="nowhere")
    assert raised.value.field == "vae"
    assert raised.value.allowed == "Automatic, None, bright.safetensors"


# what is recorded


def resolved_with(adapters: FoundAdapters, **fields: Any) -> Any:
    return resolve(parse_request(fields), CHECKPOINT, random.Random(1), adapters)


def test_the_resolved_request_keeps_them_and_their_paths_are_found_again(catalog: CheckpointCatalog, root: Path) -> None:
    adapters, _ = found(catalog, prompt="EasyNegative <lora:ink:0.5>", vae="bright")
    resolved = load_resolved(dump_request(resolved_with(adapters, prompt="EasyNegative <lora:ink:0.5>")))
    assert resolved.loras == adapters.loras
    assert resolved.embeddings == adapters.embeddings
    paths = paths_of(catalog.models, resolved, catalog.find("small"))
    loras, embeddings, vae = paths.loras, paths.embeddings, paths.vae
    assert loras == (LoraUse("ink", str(root / "loras" / "ink.safetensors"), 0.5, 0.5),)
    assert embeddings == (EmbeddingUse("EasyNegative", str(root / "embeddings" / "EasyNegative.safetensors")),)
    assert vae == str(root / "vae" / "bright.safetensors")


def test_a_renamed_lora_is_found_by_its_hash_and_a_removed_one_is_missed(catalog: CheckpointCatalog, root: Path) -> None:
    write(root / "loras" / "ink.safetensors", {key: tensor + 1 for key, tensor in LORA.items()})
    catalog.refresh()
    adapters, _ = found(catalog, prompt="<lora:ink>")
    resolved = resolved_with(adapters)
    (root / "loras" / "ink.safetensors").rename(root / "loras" / "pen.safetensors")
    catalog.refresh()
    catalog.models.hash_now(next(model for model in catalog.models.all() if model.name == "pen"))
    (lora,) = paths_of(catalog.models, resolved, catalog.find("small")).loras
    assert lora.path == str(root / "loras" / "pen.safetensors")
    (root / "loras" / "pen.safetensors").unlink()
    catalog.refresh()
    with pytest.raises(AdapterUnusable, match="LoRA ink is not there any more"):
        paths_of(catalog.models, resolved, catalog.find("small"))


def test_infotext(catalog: CheckpointCatalog) -> None:
    adapters, _ = found(catalog, prompt="EasyNegative <lora:ink:0.5> <lora:Oil Paint>", vae="bright")
    line = write_infotext(resolved_with(adapters), 1, "1").splitlines()[-1]
    ink, oil = adapters.loras
    assert f'Lora hashes: "ink: {ink.hash}, Oil Paint: {oil.hash}"' in line
    assert f'TI hashes: "EasyNegative: {adapters.embeddings[0].hash}"' in line
    assert f"VAE hash: {adapters.vae_hash}, VAE: bright.safetensors" in line
    plain = write_infotext(resolved_with(FoundAdapters()), 1, "1")
    assert not any(word in plain for word in ("VAE", "Lora", "TI hashes"))


def test_requests_stored_before_there_were_adapters_are_read() -> None:
    stored = json.loads(dump_request(resolved_with(FoundAdapters())))
    for name in ("vae", "vae_hash", "loras", "embeddings"):
        del stored[name]
    assert load_resolved(json.dumps(stored)).vae == "None"


# from a request to the worker


class Listening(FakeExecutor):
    """Keeps what it is asked for."""

    def __init__(self) -> None:
        super().__init__(step_seconds=0)
        self.jobs: list[JobSpec] = []

    def run(self, slot: str, job: JobSpec) -> Any:
        self.jobs.append(JobSpec.from_wire(json.loads(json.dumps(job.to_wire()))))
        return super().run(slot, job)


def test_over_the_queue_to_the_worker_and_into_the_picture(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    write(models_dir / "loras" / "ink.safetensors", LORA)
    write(models_dir / "embeddings" / "EasyNegative.safetensors", {"emb_params": zeros(2, 768)})
    executor = Listening()
    studio = new_studio(executor)
    job = studio.submit(studio.complete({"prompt": "<lora:ink:0.5> <lora:gone>", "negative_prompt": "easynegative", "steps": 1}))
    until = time.monotonic() + 30
    while studio.job(job["id"])["status"] != "done" and time.monotonic() < until:
        time.sleep(0.01)
    assert any("'gone'" in note for note in studio.job(job["id"])["notes"])
    (spec,) = executor.jobs
    assert [(lora.name, lora.unet_weight, Path(lora.path).name) for lora in spec.loras] == [("ink", 0.5, "ink.safetensors")]
    assert [embedding.name for embedding in spec.embeddings] == ["EasyNegative"]
    (picture,) = studio.history.page()[0]
    assert "Lora hashes: " in picture["infotext"]

"""Textual inversion: files of every kind, and vectors in the place of words."""

from __future__ import annotations

import base64
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from webui.engine.adapters.embeddings import PNG_KEY, Embeddings, EmbeddingSet, EmbeddingUse, read_embedding
from webui.errors import AdapterUnusable
from webui.generation.prompt.chunks import plan_chunks
from webui.generation.prompt.emphasis import weighted

from .small_modules import clip

VECTORS = torch.arange(3 * 16).reshape(3, 16) / 100


def a1111(vectors: torch.Tensor) -> dict[str, Any]:
    return {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "old name", "step": 5000, "sd_checkpoint": None}


def png(path: Path, text: str) -> Path:
    chunks = PngInfo()
    chunks.add_text(PNG_KEY, text)
    Image.new("RGB", (8, 8)).save(path, "PNG", pnginfo=chunks)
    return path


def in_png(path: Path, data: Any) -> Path:
    return png(path, base64.b64encode(json.dumps(data).encode()).decode())


# reading


def test_safetensors(tmp_path: Path) -> None:
    for number, name in enumerate(("emb_params", "*", "<cat-toy>")):
        path = tmp_path / f"{number}.safetensors"
        save_file({name: VECTORS}, path)
        (table,) = read_embedding(path).tables
        assert torch.equal(table, VECTORS)


def test_sdxl_has_a_table_for_each_encoder(tmp_path: Path) -> None:
    save_file({"clip_l": VECTORS, "clip_g": torch.ones(3, 24)}, tmp_path / "xl.safetensors")
    file = read_embedding(tmp_path / "xl.safetensors")
    assert torch.equal(file.of_width(16), VECTORS)  # type: ignore[arg-type]
    assert torch.equal(file.of_width(24), torch.ones(3, 24))  # type: ignore[arg-type]
    assert file.of_width(32) is None


@pytest.mark.parametrize(
    "data",
    [
        a1111(VECTORS),
        a1111(torch.nn.Parameter(VECTORS)),  # type: ignore[arg-type]
        {"<cat-toy>": VECTORS},
    ],
    ids=["A1111", "parameter", "diffusers"],
)
@pytest.mark.parametrize("name", ["word.pt", "word.bin", "word.safetensors"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_are_told_by_their_content(tmp_path: Path, data: Any, name: str, zipped: bool) -> None:
    torch.save(data, tmp_path / name, _use_new_zipfile_serialization=zipped)
    (table,) = read_embedding(tmp_path / name).tables
    assert torch.equal(table, VECTORS)
    assert not table.requires_grad


def test_the_first_trainer_stored_a_module_of_torch(tmp_path: Path) -> None:
    torch.save({"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(VECTORS)})}, tmp_path / "word.pt")
    assert torch.equal(read_embedding(tmp_path / "word.pt").tables[0], VECTORS)


def test_one_vector_without_a_second_axis(tmp_path: Path) -> None:
    torch.save({"<cat-toy>": VECTORS[0].half()}, tmp_path / "word.bin")
    (table,) = read_embedding(tmp_path / "word.bin").tables
    assert table.shape == (1, 16)
    assert table.dtype == torch.float32


def test_a_picture_with_an_embedding_in_it(tmp_path: Path) -> None:
    path = in_png(tmp_path / "word.png", a1111({"TORCHTENSOR": VECTORS.tolist()}))  # type: ignore[arg-type]
    (table,) = read_embedding(path).tables
    assert torch.allclose(table, VECTORS)


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("owned"),)


@pytest.mark.parametrize("zipped", [True, False, None])
def test_nothing_in_a_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool | None) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    if zipped is None:
        path.write_bytes(pickle.dumps({"string_to_param": {"*": Evil()}}, 2))
    else:
        torch.save(a1111(VECTORS) | {"more": Evil()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(AdapterUnusable, match=r"evil\.pt is damaged, or holds more than numbers"):
        read_embedding(path)
    assert [file.name for file in tmp_path.iterdir()] == ["evil.pt"]


NOT_EMBEDDINGS = [
    b"",
    b"PK\x03\x04nothing",
    b"\x80\x02",
    b"<html>",
    b"version https://git-lfs.github.com/spec/v1",
    b"x" * 50,
    b"\x89PNG\r\n\x1a\nxx",
]


@pytest.mark.parametrize("content", NOT_EMBEDDINGS)
def test_files_that_are_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "word.pt").write_bytes(content)
    with pytest.raises(AdapterUnusable) as raised:
        read_embedding(tmp_path / "word.pt")
    assert "word.pt" in raised.value.message


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"a": VECTORS, "b": VECTORS},
        {"string_to_param": 3},
        {"string_to_param": {"*": [1.0]}},
        {"emb_params": VECTORS.int()},
        {"emb_params": torch.zeros(0, 16)},
        {"emb_params": torch.zeros(2, 2, 2)},
        {"clip_l": VECTORS, "clip_g": torch.ones(2, 24)},
        {"emb_params": VECTORS * float("nan")},
        [VECTORS],
    ],
)
def test_data_that_is_no_embedding(tmp_path: Path, data: Any) -> None:
    torch.save(data, tmp_path / "word.pt")
    with pytest.raises(AdapterUnusable, match=r"word\.pt"):
        read_embedding(tmp_path / "word.pt")


@pytest.mark.parametrize("text", ["", "!", base64.b64encode(b"{").decode(), base64.b64encode(b'{"string_to_param": {"*": [1]}}').decode()])
def test_pictures_without_an_embedding(tmp_path: Path, text: str) -> None:
    with pytest.raises(AdapterUnusable, match=r"word\.png"):
        read_embedding(png(tmp_path / "word.png", text))


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(AdapterUnusable, match="No such file"):
        read_embedding(tmp_path / "word.pt")


# using


@dataclass(frozen=True)
class Speaker:
    """A text encoder whose tokens are the letters of the text, 1 for a, in lower case."""

    module: Any

    @property
    def token_embedding(self) -> Any:
        return self.module.get_input_embeddings()

    words_start = 1

    def tokenize(self, text: str) -> list[int]:
        return [ord(letter) - 96 for letter in text.lower() if letter.isalpha()]


@pytest.fixture
def speaker() -> Speaker:
    return Speaker(clip())


def fitted(folder: Path, speaker: Speaker, **tables: torch.Tensor) -> EmbeddingSet:
    uses = []
    for name, table in tables.items():
        save_file({"emb_params": table}, folder / f"{name}.safetensors")
        uses.append(EmbeddingUse(name, str(folder / f"{name}.safetensors")))
    return Embeddings().fit(uses, [speaker], pytest.fail)


@torch.no_grad()
def said_table(speaker: Speaker, found: EmbeddingSet, text: str, room: int = 20) -> tuple[list[list[int]], torch.Tensor]:
    """The tokens of the chunks, and what the encoder's table says about them."""
    chunks = plan_chunks(weighted(text), speaker.tokenize, room, find_embedding=found.finder(speaker))
    framed = torch.tensor([[62, *chunk.tokens, 63, *[63] * (room - len(chunk.tokens))] for chunk in chunks])
    with found.injected(speaker, chunks):
        vectors = speaker.token_embedding(framed)
    assert torch.equal(speaker.token_embedding(framed), speaker.token_embedding.weight[framed])
    return framed.tolist(), vectors


def test_vectors_stand_in_the_place_of_the_name(tmp_path: Path, speaker: Speaker) -> None:
    found = fitted(tmp_path, speaker, Fox=VECTORS)
    tokens, vectors = said_table(speaker, found, "a FOX b")
    assert tokens == [[62, 1, 0, 0, 0, 2, *[63] * 16]]
    assert torch.equal(vectors[0, 2:5], VECTORS)
    table = speaker.token_embedding.weight
    assert torch.equal(vectors[0, [0, 1, 5, 6]], table[[62, 1, 2, 63]])


def test_weights_and_other_words_around_it(tmp_path: Path, speaker: Speaker) -> None:
    found = fitted(tmp_path, speaker, fox=VECTORS, dog=VECTORS[:1] + 1)
    _, vectors = said_table(speaker, found, "(fox:1.2) dog [fox]")
    assert torch.equal(vectors[0, 1:8], torch.cat([VECTORS, VECTORS[:1] + 1, VECTORS]))


def test_the_longest_name_wins(tmp_path: Path, speaker: Speaker) -> None:
    found = fitted(tmp_path, speaker, fox=VECTORS, foxes=VECTORS[:1] + 1)
    _, vectors = said_table(speaker, found, "foxes")
    assert torch.equal(vectors[0, 1:2], VECTORS[:1] + 1)


def test_vectors_are_never_split_over_chunks(tmp_path: Path, speaker: Speaker) -> None:
    found = fitted(tmp_path, speaker, fox=VECTORS)
    tokens, vectors = said_table(speaker, found, "ab fox", room=4)
    assert tokens == [[62, 1, 2, 63, 63, 63], [62, 0, 0, 0, 63, 63]]
    assert torch.equal(vectors[1, 1:4], VECTORS)


def test_more_vectors_than_a_chunk_has_room_for(tmp_path: Path, speaker: Speaker) -> None:
    found = fitted(tmp_path, speaker, fox=VECTORS)
    tokens, vectors = said_table(speaker, found, "fox", room=2)
    assert tokens == [[62, 0, 0, 63]]
    assert torch.equal(vectors[0, 1:3], VECTORS[:2])


@torch.no_grad()
def test_the_pooled_answer_stays_at_the_end_token(tmp_path: Path, speaker: Speaker) -> None:
    """With ids beyond the table it would move (reference/model-families.md, section 4); with the table's own vectors nothing changes."""
    found = fitted(tmp_path, speaker, fox=speaker.token_embedding.weight[[6, 15, 24]].clone())
    chunks = plan_chunks(weighted("fox"), speaker.tokenize, 5, find_embedding=found.finder(speaker))
    with found.injected(speaker, chunks):
        learned = speaker.module(torch.tensor([[62, 0, 0, 0, 63, 63, 63]]))
    plain = speaker.module(torch.tensor([[62, 6, 15, 24, 63, 63, 63]]))
    assert torch.equal(learned.last_hidden_state, plain.last_hidden_state)
    assert torch.equal(learned.pooler_output, plain.pooler_output)


def test_the_table_is_itself_again_after_an_exception(tmp_path: Path, speaker: Speaker) -> None:
    found = fitted(tmp_path, speaker, fox=VECTORS)
    before = speaker.token_embedding.weight.clone()
    with pytest.raises(KeyboardInterrupt), found.injected(speaker, plan_chunks(weighted("fox"), speaker.tokenize, 5)):
        raise KeyboardInterrupt
    assert not speaker.token_embedding._forward_hooks
    assert torch.equal(speaker.token_embedding.weight, before)


def test_an_embedding_for_another_family_stays_a_word(tmp_path: Path, speaker: Speaker) -> None:
    save_file({"emb_params": torch.ones(2, 24)}, tmp_path / "fox.safetensors")
    notes: list[str] = []
    found = Embeddings().fit([EmbeddingUse("fox", str(tmp_path / "fox.safetensors"))], [speaker], notes.append)
    assert found.key == ()
    assert len(notes) == 1
    assert "Embedding fox" in notes[0]
    assert "24 wide" in notes[0]


def test_each_encoder_gets_its_own_vectors(tmp_path: Path, speaker: Speaker) -> None:
    second = Speaker(clip(24, projected=True))
    save_file({"clip_l": VECTORS, "clip_g": torch.ones(3, 24)}, tmp_path / "fox.safetensors")
    found = Embeddings().fit([EmbeddingUse("fox", str(tmp_path / "fox.safetensors"))], [speaker, second], pytest.fail)
    assert torch.equal(said_table(speaker, found, "fox")[1][0, 1:4], VECTORS)
    assert torch.equal(said_table(second, found, "fox")[1][0, 1:4], torch.ones(3, 24))
    assert found.key != ()

"""Image to prompt, as an add-on, with a tiny model made here."""

from pathlib import Path
from typing import Any

import pytest
from easel_image_to_prompt import web
from PIL import Image

from webui.errors import GenerationFailed, InvalidRequest, NotFound
from webui.extensions import Choices
from webui.testing import AddOnStudio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captioners: a tiny BLIP with random weights and a vocabulary of its own, and one that is damaged."""
    from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

    root = tmp_path_factory.mktemp("captioners")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "a", "fox", "red", "sea"]
    (root / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(vocab=str(root / "vocab.txt"))
    text = {
        "vocab_size": len(words), "hidden_size": 16, "encoder_hidden_size": 16, "intermediate_size": 16, "projection_dim": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64, "bos_token_id": 5, "pad_token_id": 0,
        "eos_token_id": 3, "sep_token_id": 3,
    }  # fmt: skip
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision, projection_dim=16))
    model.save_pretrained(root / "tiny")
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(root / "tiny")
    (root / "damaged").mkdir()
    (root / "damaged" / "config.json").write_text("{}")
    (root / "damaged" / "model.safetensors").write_bytes(b"no")
    (root / "pickled").mkdir()
    (root / "pickled" / "config.json").write_text("{}")
    (root / "pickled" / "pytorch_model.bin").write_bytes(b"no")
    return root


def test_models_are_folders_with_safetensors(folder: Path) -> None:
    assert list(web.models(folder)) == ["damaged", "tiny"] and web.models(folder / "nowhere") == {}
    assert web.find_model("tiny", folder) == folder / "tiny"
    with pytest.raises(NotFound, match="no model") as told:
        web.find_model("", folder / "nowhere")
    assert "models/captioners" in told.value.hint
    with pytest.raises(InvalidRequest):
        web.find_model("../tiny", folder)


@pytest.mark.slow
def test_a_picture_is_described_in_a_process_of_its_own(folder: Path, studio: AddOnStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "FOLDER", folder)
    easel: Any = studio.studio.easel("image-to-prompt")
    digest = easel.keep(Image.new("RGB", (48, 48), "red"))
    told = list(web.describe({"picture": digest, "model": "tiny", "tokens": 5}, easel))
    assert "tiny looks at it" in told[0]["told"] and set(told[-1]) == {"words", "told"} and isinstance(told[-1]["words"], str)
    with pytest.raises(GenerationFailed, match="damaged can't be used"):
        list(web.describe({"picture": digest, "model": "damaged"}, easel))
    with pytest.raises(InvalidRequest):
        list(web.describe({}, easel))


def test_the_page_says_what_to_put_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    monkeypatch.setattr(web, "FOLDER", tmp_path)
    told = web.look({"model": web.NONE})
    assert "models/captioners" in told["told"] and told["model"] == Choices([web.NONE], web.NONE)
    # One that was put there meanwhile is offered when the page is opened again.
    monkeypatch.setattr(web, "FOLDER", folder)
    assert web.look({"model": web.NONE}) == {"model": Choices(["damaged", "tiny"], "damaged"), "told": ""}
    assert web.look({"model": "tiny"})["model"].value == "tiny"

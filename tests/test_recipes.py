"""The recipes of the shipped models, a few steps of each on a few pictures made here; no package is fetched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from training import edges, emoji, gold, ink, upscaler, vae
from training.captions import caption
from training.denoiser import SHIPPED, Checkpoint, open_checkpoint
from training.packages import WORDS, PackageUnusable, check
from training.pictures import COLOURS, Emoji, composed, draw, set_on, tight
from training.quality import psnr, ssim
from training.run import STATE, Average, OtherTraining, Training, draw_of
from training.tokens import make_tokenizer, words_of

APPLE = Emoji("1f34e", "red apple", ("fruit",), "food & drink", "food-fruit")
CAT = Emoji("1f431", "cat face", (), "animals & nature", "animal-mammal")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def drawing(colour: str) -> Image.Image:
    """A disc and a bar on nothing."""
    picture = Image.new("RGBA", (256, 256))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((30, 50, 200, 220), fill=colour)
    pen.rectangle((110, 10, 130, 80), fill="green")
    return tight(picture)


THINGS = {APPLE: drawing("red"), CAT: drawing("orange")}


def tensors_of(value: Any) -> list[torch.Tensor]:
    """All tensors within, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [tensor for key in sorted(value, key=str) for tensor in tensors_of(value[key])]
    return [tensor for each in value for tensor in tensors_of(each)] if isinstance(value, list | tuple) else []


def require_resumable(make: Callable[[Path], Training], folder: Path) -> None:
    """A training of 4 steps that is left after 2 and begun anew ends as one that isn't, and it learns something."""
    whole, halves = folder / "whole", folder / "halves"
    make(whole).run(until=1)
    first = torch.load(whole / STATE, weights_only=True)
    make(whole).run()
    make(halves).run(until=2)
    make(halves).run()
    one, other = (torch.load(each / STATE, weights_only=True) for each in (whole, halves))
    assert one["done"] == other["done"] == 4
    pairs = list(zip(tensors_of(one["parts"]), tensors_of(other["parts"]), strict=True))
    assert len(pairs) > 20
    assert all(torch.equal(a, b) for a, b in pairs)
    assert any(not torch.equal(a, b) for a, b in zip(tensors_of(first["parts"]), tensors_of(one["parts"]), strict=True))


def test_the_upscaler_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscaler, "BATCH", 2)
    random = Random(0)
    large = np.asarray(composed(THINGS[APPLE], 512, random))
    pairs = [upscaler.Pair(large, np.asarray(Image.fromarray(large).resize((128, 128))))]
    pictures = upscaler.Pictures([np.asarray(each.resize((256, 256))) for each in THINGS.values()], pairs)
    require_resumable(lambda folder: upscaler.training(folder, pictures, steps=4)[0], tmp_path)


def test_an_upscaler_is_written_as_spandrel_reads_it(tmp_path: Path) -> None:
    from spandrel import ModelLoader

    upscaler.save(upscaler.network(), tmp_path / "x4.safetensors")
    model = ModelLoader("cpu").load_from_file(tmp_path / "x4.safetensors")
    assert (model.architecture.id, model.scale, model.input_channels) == ("Compact", 4, 3)
    assert (tmp_path / "x4.safetensors").stat().st_size < 2_000_000


def test_the_shipped_upscaler_comes_nearer_than_lanczos() -> None:
    from training.measure_upscaler import by_model, by_pillow

    large = np.asarray(composed(THINGS[CAT], 256, Random(3)))
    small = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX))
    ours, lanczos = by_model(upscaler.OUT)(small), by_pillow(Image.Resampling.LANCZOS)(small)
    assert ours.shape == large.shape
    assert psnr(large, ours) > psnr(large, lanczos) + 1
    assert ssim(large, ours) > ssim(large, lanczos)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return open_checkpoint(SHIPPED)


@pytest.mark.slow
def test_ink_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ink, "BATCH", 2)
    monkeypatch.setattr(ink, "EACH", 2)
    learned = ink.lessons(THINGS, open_checkpoint(SHIPPED))
    require_resumable(lambda folder: ink.training(folder, open_checkpoint(SHIPPED), learned, steps=4)[0], tmp_path)


@pytest.mark.slow
def test_ink_shares_all_but_the_denoiser(tmp_path: Path, checkpoint: Checkpoint) -> None:
    ink.save(checkpoint.unet, tmp_path)
    for part in ("vae/diffusion_pytorch_model", "text_encoder/model", "unet/diffusion_pytorch_model"):
        assert (tmp_path / f"{part}.safetensors").read_bytes() == (SHIPPED / f"{part}.safetensors").read_bytes(), part


@pytest.mark.slow
def test_the_gold_lora_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold, "BATCH", 2)
    monkeypatch.setattr(gold, "EACH", 2)
    learned = gold.lessons(THINGS, open_checkpoint(SHIPPED))
    require_resumable(lambda folder: gold.training(folder, open_checkpoint(SHIPPED), learned, steps=4), tmp_path)


@pytest.mark.slow
def test_the_edges_go_on_where_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "BATCH", 2)
    monkeypatch.setattr(edges, "KNOWN_EACH", 2)
    learned = edges.lessons({APPLE: THINGS[APPLE]}, {CAT: THINGS[CAT]}, open_checkpoint(SHIPPED))
    assert len(learned.edges) == 3
    require_resumable(lambda folder: edges.training(folder, open_checkpoint(SHIPPED), learned, steps=4)[0], tmp_path)


@pytest.mark.slow
def test_the_vae_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "BATCH", 2)
    require_resumable(lambda folder: vae.training(folder, list(THINGS.values()), steps=4)[0], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_text_encoder_and_denoiser_go_on_where_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoji, "BATCH", 2)
    monkeypatch.setattr(emoji, "SINGLE", 2)
    known = open_checkpoint(SHIPPED)
    learned = emoji.lessons(THINGS, known.vae)

    def begin(folder: Path) -> Training:
        tokenizer = make_tokenizer(words_of(THINGS), folder / "tokenizer")
        return emoji.training(folder, emoji.new_learner(known.vae, tokenizer), learned, steps=4)[0]

    require_resumable(begin, tmp_path)


@pytest.mark.slow
def test_a_new_checkpoint_is_one_that_easel_draws_with(tmp_path: Path) -> None:
    from webui.catalog.checkpoints import scan

    known = open_checkpoint(SHIPPED)
    tokenizer = make_tokenizer(words_of(THINGS), tmp_path / "tokenizer")
    emoji.save(emoji.new_learner(known.vae, tokenizer), tmp_path / "models" / "checkpoints" / "new")
    (found,) = scan([tmp_path / "models"])
    assert found.usable, found


def test_each_known_word_is_one_token(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(words_of(THINGS), tmp_path)
    assert tokenizer.tokenize("Red apple, on a sky blue background") == [
        f"{word}</w>" for word in ["red", "apple", ",", "on", "a", "sky", "blue", "background"]
    ]
    assert tokenizer.decode(tokenizer("zürich", add_special_tokens=False).input_ids).strip() == "zürich", "other words are letters"


def test_scenes_leave_out_the_held_out_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = emoji.held_out_pairs(list(THINGS))
    assert len(pairs) == 11
    assert pairs == emoji.held_out_pairs(list(reversed(THINGS)))
    monkeypatch.setattr(emoji, "encode", lambda pictures, vae: torch.zeros(len(pictures), 4, 16, 16))
    monkeypatch.setattr(emoji, "OTHER", 40)
    made = emoji.lessons(THINGS, None).scenes
    assert not any((scene.emoji, scene.ground) in pairs for scene in made)
    assert not any(f"{{}} and {one.label}" == scene.wording and (one, scene.ground) in pairs for scene in made for one in THINGS)
    assert {scene.wording for scene in made} & set(emoji.PLACES)


def counting(folder: Path, settings: dict[str, Any], loss: float = 1.0) -> Training:
    parameter = torch.nn.Parameter(torch.zeros(2))

    def take_step(step: int) -> float:
        with torch.no_grad():
            parameter.add_(torch.rand(2, generator=draw_of(0, step).torch))
        return loss

    return Training(folder, settings, {"average": Average([parameter], 0.5)}, take_step, 3)


def test_a_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    counting(tmp_path, {"rate": 1}).run(until=1)
    with pytest.raises(OtherTraining, match="rate"):
        counting(tmp_path, {"rate": 2}).run()


def test_a_loss_that_is_no_number_ends_the_training_and_spoils_no_state(tmp_path: Path) -> None:
    counting(tmp_path, {}).run(until=1)
    with pytest.raises(FloatingPointError, match="step 1"):
        counting(tmp_path, {}, math.nan).run()
    assert counting(tmp_path, {}).resume() == 1


def test_a_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(b"something else")
    with pytest.raises(PackageUnusable, match=r"emojibase-data 17\.0\.0 is not the one that is meant"):
        check(WORDS, tmp_path / "a.tgz")


def test_variants_of_an_emoji_are_held_out_together() -> None:
    hand = Emoji("1f44b", "waving hand", (), "", "")
    dark = Emoji("1f44b-1f3ff", "waving hand: dark skin tone", (), "", "")
    assert hand.base == dark.base
    share = sum(Emoji(f"{code:x}", "", (), "", "").held_out for code in range(0x1F300, 0x1F700)) / 0x400
    assert 0.03 < share < 0.07


def test_a_drawing_is_cut_tight_and_set_where_it_fits(tmp_path: Path) -> None:
    bar = '<rect x="8" y="8" width="8" height="4" fill="currentColor"/>'
    shown = draw(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" color="#ff0000">{bar}</svg>', 64)
    assert shown.size == (64, 64)
    box = shown.getchannel("A").getbbox()
    assert box is not None
    assert box[0] == 0 and box[2] == 64, "as wide as the picture"
    assert shown.getpixel((32, 32)) == (255, 0, 0, 255)
    scene = np.asarray(set_on(shown, (0, 0, 255), 128, Random(0)))
    assert (scene[0] == (0, 0, 255)).all() and (scene[:, 0] == (0, 0, 255)).all()
    assert (scene[64, 64] == (255, 0, 0)).all()


def test_captions_say_what_is_seen() -> None:
    said = {caption(APPLE, "blue", Random(seed)) for seed in range(300)}
    assert "" in said
    assert {"red apple on a blue background", "red apple", "fruit, blue background"} <= said
    assert not any(colour in text.replace("red apple", "") for text in said for colour in COLOURS if colour != "blue")


def test_measures_of_likeness() -> None:
    picture = np.asarray(THINGS[APPLE].convert("RGB"))
    assert psnr(picture, picture) == math.inf
    assert ssim(picture, picture) == pytest.approx(1)
    assert psnr(np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)) == pytest.approx(0)
    assert psnr(np.full((32, 32, 3), 100, np.uint8), np.full((32, 32, 3), 110, np.uint8)) == pytest.approx(10 * math.log10(255**2 / 100))
    blurred = np.asarray(THINGS[APPLE].convert("RGB").resize((40, 40)).resize(THINGS[APPLE].size))
    assert 0.3 < ssim(picture, blurred) < 0.99

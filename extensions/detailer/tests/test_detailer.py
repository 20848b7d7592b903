"""Detailer, as an add-on."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from easel_detailer import asked as asking
from easel_detailer import models, web, worker
from easel_detailer.asked import PAINTED, SKIP, Asked, asked_of, detectors, find_detector
from easel_detailer.finding import chosen, drawn_size, mask_of
from PIL import Image

from webui.errors import AdapterUnusable, InvalidRequest, NotFound
from webui.extensions import Found
from webui.extensions.components import fields_of
from webui.generation.request import parse_resolved
from webui.testing import AddOnStudio

SIZE = (100, 50)


def test_the_panel_asks_for_what_the_worker_reads() -> None:
    names = set(fields_of(web.panel(("bright/Corner",)).content))
    assert names - {"enabled", "prompt"} | {"prompts"} == set(Asked.__dataclass_fields__)
    request = SimpleNamespace(
        extensions={"detailer": {"enabled": True, "detector": "face", "labels": "Face, hand ,", "prompt": "a [SEP] b", "size": 256}}
    )
    asked = asked_of(request)
    assert asked == Asked("face", labels=("face", "hand"), prompts=("a", "b"), size=256)
    assert asked_of(SimpleNamespace(extensions={"detailer": {"enabled": False}})) is None is asked_of(SimpleNamespace(extensions={}))


def test_the_panels_defaults_are_the_workers() -> None:
    usual = Asked(PAINTED)
    for name, field in fields_of(web.panel(("bright/Corner",)).content).items():
        if name not in ("enabled", "detector", "mask", "labels", "prompt", "order"):
            assert getattr(usual, name) == field.default, name  # type: ignore[attr-defined]


def test_each_finding_has_its_words() -> None:
    asked = Asked("x", prompts=("one", "", SKIP, "more [PROMPT]"))
    assert [asked.prompt_of(number, "usual") for number in range(5)] == ["one", "usual", None, "more usual", "more usual"]


def test_what_is_sure_of_the_right_size_and_label_is_chosen_in_order() -> None:
    found = [
        Found((0, 0, 10, 10), 0.9, label="Face"),
        Found((80, 0, 100, 50), 0.6, label="face"),
        Found((20, 0, 40, 20), 0.8, label="hand"),
        Found((-30, -30, 60, 60), 0.7, label="face"),
        Found((5, 5, 5, 9), 0.99, label="face"),
        Found((0, 0, 9, 9), 0.1, label="face"),
    ]

    def boxes(**asked: Any) -> list[int]:
        return [one.box[0] for one in chosen(found, Asked("x", **asked), SIZE)]

    assert boxes() == [0, 20, 0, 80]
    assert [one.box[2] for one in chosen(found, Asked("x", order="Left to right"), SIZE)] == [10, 40, 60, 100]
    assert boxes(labels=("hand",)) == [20]
    assert boxes(number=1) == [0]
    assert boxes(order="Largest first")[0] == 0 and chosen(found, Asked("x", order="Largest first"), SIZE)[0].box == (0, 0, 60, 50)
    assert boxes(least=0.5) == [0] and boxes(most=0.03) == [0]
    assert boxes(confidence=0.85) == [0]


def test_masks_are_boxes_or_shapes_and_grow() -> None:
    box = mask_of(Found((10, 10, 20, 20)), SIZE, 5)
    assert box.getbbox() == (5, 5, 25, 25) and box.mode == "L"
    assert mask_of(Found((10, 10, 20, 20)), SIZE, -20).getbbox() is None
    shape = Image.new("L", SIZE)
    shape.paste(255, (10, 10, 30, 30))
    assert mask_of(Found((10, 10, 30, 30), mask=shape), SIZE, 0).getbbox() == (10, 10, 30, 30)
    assert mask_of(Found((10, 10, 30, 30), mask=shape), SIZE, 4).getbbox() == (6, 6, 34, 34)
    assert mask_of(Found((10, 10, 30, 30), mask=shape), SIZE, -4).getbbox() == (14, 14, 26, 26)


def test_it_is_drawn_in_its_own_shape() -> None:
    mask = mask_of(Found((100, 100, 200, 150)), (400, 400), 0)
    assert drawn_size(mask, 512, 0) == (512, 256)
    assert drawn_size(mask, 512, 50) == (512, 384)
    assert drawn_size(Image.new("L", (400, 10)), 512, 0) == (512, 64)


# files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny detectors with random weights: a YOLOS, a SegFormer, and what is none."""
    import torch
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
        YolosConfig,
        YolosForObjectDetection,
        YolosImageProcessor,
    )

    root = tmp_path_factory.mktemp("detectors")
    torch.manual_seed(0)
    tiny = YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[64, 64], num_detection_tokens=6,
        id2label={0: "face", 1: "hand"}, label2id={"face": 0, "hand": 1},
    )  # fmt: skip
    YolosForObjectDetection(tiny).save_pretrained(root / "boxes")
    YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(root / "boxes")
    shapes = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 8, 8], num_attention_heads=[1, 1, 1, 1], decoder_hidden_size=8,
        id2label={0: "sky", 1: "ground"}, label2id={"sky": 0, "ground": 1},
    )  # fmt: skip
    SegformerForSemanticSegmentation(shapes).save_pretrained(root / "shapes")
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(root / "shapes")
    (root / "words").mkdir()
    (root / "words" / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))
    (root / "pickled").mkdir()
    (root / "pickled" / "config.json").write_text(json.dumps({"architectures": ["YolosForObjectDetection"]}))
    (root / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (root / "strange").mkdir()
    (root / "strange" / "config.json").write_text(
        json.dumps({"architectures": ["EvilForObjectDetection"], "auto_map": {"AutoModel": "evil.py"}})
    )
    (root / "strange" / "model.safetensors").write_bytes(b"")
    (root / "strange" / "evil.py").write_text("raise SystemExit")
    (root / "yolo.onnx").write_bytes(b"no model")
    return root


def test_detectors_are_told_by_their_config(folder: Path) -> None:
    assert list(detectors(folder)) == ["boxes", "pickled", "shapes", "strange", "yolo"]
    assert detectors(folder / "nowhere") == {}
    assert find_detector("shapes", folder) == folder / "shapes"
    with pytest.raises(InvalidRequest) as other:
        find_detector("../boxes", folder)
    assert other.value.field == "extensions.detailer.detector" and "models/detectors" in other.value.hint
    with pytest.raises(NotFound, match="no detector"):
        find_detector("boxes", folder / "nowhere")


def test_a_transformers_detector_finds_boxes_within_the_picture(folder: Path) -> None:
    picture = Image.effect_noise((80, 40), 90).convert("RGB")
    found = models.load(folder / "boxes")(picture)
    assert found and {one.label for one in found} <= {"face", "hand"} and all(0 < one.score <= 1 for one in found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    shapes = models.load(folder / "shapes")(picture)
    assert {one.label for one in shapes} <= {"sky", "ground"}
    assert all(one.mask is not None and one.mask.size == picture.size for one in shapes)
    assert sum(np.asarray(one.mask).astype(bool).sum() for one in shapes) == 80 * 40


@pytest.mark.parametrize(("name", "said"), [("pickled", "no safetensors"), ("strange", "transformers doesn't know"), ("yolo.onnx", "yolo")])
def test_what_cannot_be_read_safely_is_refused_in_words(folder: Path, name: str, said: str) -> None:
    with pytest.raises(AdapterUnusable) as told:
        models.load(folder / name)
    assert said in told.value.message and told.value.hint


# YOLO


def eight(*boxes: tuple[float, ...], classes: int = 2, count: int = 50) -> np.ndarray:
    """An answer of a YOLO 8: centre, size, class, confidence."""
    rows = np.zeros((4 + classes, count), np.float32)
    for number, (x, y, width, height, kind, score) in enumerate(boxes):
        rows[:4, number] = x, y, width, height
        rows[4 + int(kind), number] = score
    return rows[None]


def test_three_forms_of_yolo_are_read() -> None:
    labels = {0: "face", 1: "hand"}
    expected = [Found((10, 10, 30, 20), 0.9, None, "hand"), Found((40, 0, 50, 10), 0.5, None, "face")]
    new = eight((20, 15, 20, 10, 1, 0.9), (45, 5, 10, 10, 0, 0.5), (21, 15, 20, 10, 1, 0.8), (5, 5, 2, 2, 0, 0.01))
    old = np.zeros((1, 60, 7), np.float32)
    old[0, 0] = 20, 15, 20, 10, 1, 0, 0.9
    old[0, 1] = 45, 5, 10, 10, 0.5, 1, 0
    ended = np.zeros((1, 5, 6), np.float32)
    ended[0, 0] = 10, 10, 30, 20, 0.9, 1
    ended[0, 1] = 40, 0, 50, 10, 0.5, 0
    for output in (new, old, ended):
        found = models.read_yolo(output, 1.0, (0, 0), labels)
        assert [(one.box, round(one.score, 3), one.label) for one in found] == [(one.box, one.score, one.label) for one in expected]


@pytest.mark.parametrize("shape", [(1, 1000), (2, 84, 50), (1, 4, 50), (1, 0, 6), (1, 50, 5)])
def test_what_is_no_yolo_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(AdapterUnusable):
        models.read_yolo(np.zeros(shape, np.float32), 1.0, (0, 0), {})


def test_a_yolo_session_is_asked_and_its_boxes_come_back_to_the_picture() -> None:
    class Session:
        def get_inputs(self) -> list[Any]:
            return [SimpleNamespace(name="images", shape=[1, 3, 64, 64])]

        def get_modelmeta(self) -> Any:
            return SimpleNamespace(custom_metadata_map={"names": "{0: 'face', 1: 'hand'}"})

        def run(self, _names: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
            pixels = given["images"]
            assert pixels.shape == (1, 3, 64, 64) and pixels.dtype == np.float32 and pixels.max() == 1
            white = np.argwhere(pixels[0].min(0) > 0.99)
            (top, left), (bottom, right) = white.min(0), white.max(0) + 1
            return [eight(((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, 0, 0.9))]

    picture = Image.new("RGB", (256, 128))
    picture.paste((255, 255, 255), (64, 32, 128, 96))
    (found,) = models.finder_of(Session())(picture)
    assert found.label == "face" and all(abs(a - b) <= 4 for a, b in zip(found.box, (64, 32, 128, 96), strict=True))


# the picture


class Context:
    """Stands for what image_ready is given."""

    def __init__(self, values: dict[str, Any], pictures: dict[str, Image.Image] | None = None) -> None:
        fields = {"prompt": "a fox", "seed": 5, "checkpoint": "small", "checkpoint_hash": "0" * 10, "steps": 9, "batch_count": 3}
        self.request = parse_resolved({**fields, "kind": "txt2img", "extensions": {"detailer": {"enabled": True, **values}}})
        self.images = (2,)
        self.sub_requests: Any = object()
        self.asked: list[dict[str, Any]] = []
        self._pictures = pictures or {}

    def picture(self, digest: str) -> Image.Image:
        return self._pictures[digest]

    def redraw(self, picture: Image.Image, mask: Image.Image, **fields: Any) -> Image.Image:
        own = {"kind": "inpaint", "init_image": "0" * 64, "mask": "1" * 64, "picture_width": 64, "picture_height": 64}
        parse_resolved({"checkpoint": "small", "checkpoint_hash": "0" * 10, **own, **fields})
        self.asked.append(fields)
        made = picture.copy()
        made.paste((255, 0, 0), mask=mask)
        return made


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that finds two things."""
    monkeypatch.setattr(worker, "find_detector", lambda name: Path(name))
    monkeypatch.setattr(worker, "finder", lambda path: lambda picture: [Found((0, 0, 16, 16), 0.9), Found((32, 32, 64, 64), 0.8)])


@pytest.mark.usefixtures("finds")
def test_what_is_found_is_drawn_again_and_put_back() -> None:
    context = Context({"detector": "face", "prompt": "[SKIP] [SEP] fur of [PROMPT]", "grow": 0, "padding": 0, "size": 256, "strength": 0.3})
    done = worker.image_ready(Image.new("RGB", (64, 64)), context)
    assert done is not None and done.getpixel((40, 40)) == (255, 0, 0) and done.getpixel((8, 8)) == (0, 0, 0)
    (asked,) = context.asked
    assert (asked["prompt"], asked["denoising_strength"], asked["seed"], asked["steps"]) == ("fur of a fox", 0.3, 7, 9)
    assert (asked["width"], asked["height"], asked["inpaint_area"]) == (256, 256, "Only masked")


@pytest.mark.usefixtures("finds")
def test_nothing_that_is_sure_enough_leaves_the_picture_as_it_is() -> None:
    context, picture = Context({"detector": "face", "confidence": 0.95}), Image.new("RGB", (64, 64))
    assert worker.image_ready(picture, context) is picture and not context.asked
    context = Context({"detector": "face"})
    context.sub_requests = None
    assert worker.image_ready(picture, context) is None


def test_a_painted_region_is_drawn_again() -> None:
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 16))
    context = Context({"detector": PAINTED, "mask": "a" * 64, "grow": 0}, {"a" * 64: mask})
    done = worker.image_ready(Image.new("RGB", (64, 64)), context)
    assert done is not None and done.getpixel((4, 4)) == (255, 0, 0) and done.getpixel((40, 40)) == (0, 0, 0)
    context = Context({"detector": PAINTED})
    worker.image_ready(Image.new("RGB", (64, 64)), context)
    assert not context.asked


def test_nothing_happens_where_it_is_off() -> None:
    context = Context({"enabled": False})
    assert worker.image_ready(Image.new("RGB", (8, 8)), context) is None and not context.asked


def test_other_add_ons_get_the_same_detectors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "detectors", lambda: {"boxes": folder / "boxes"})
    (one,) = worker.detectors()
    assert one.label == "boxes" and isinstance(one.find(Image.new("RGB", (64, 64))), list)


def test_it_is_loaded_as_an_add_on(studio: AddOnStudio) -> None:
    assert studio.studio.extensions.names() == ["detailer"]

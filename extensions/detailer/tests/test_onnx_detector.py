"""A detector as ONNX, run for real: a few nodes that frame what is red, in the form of a YOLO with corners."""

from pathlib import Path

import numpy as np
import pytest
from easel_detailer import models
from PIL import Image, ImageDraw

SIDE = 96


@pytest.fixture(scope="module")
def frames_red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector's file."""
    from onnx import TensorProto, helper, numpy_helper, save

    def whole(name: str, *numbers: int) -> object:
        return numpy_helper.from_array(np.array(numbers, np.int64), name)

    def edges(axis: str, along: str, first: str, last: str) -> list[object]:
        return [
            helper.make_node("ReduceMax", ["hot", axis], [along], keepdims=0),
            helper.make_node("ArgMax", [along], [f"{first}_place"], axis=1, keepdims=1),
            helper.make_node("ArgMax", [along], [f"{last}_place"], axis=1, keepdims=1, select_last_index=1),
            helper.make_node("Cast", [f"{first}_place"], [first], to=TensorProto.FLOAT),
            helper.make_node("Cast", [f"{last}_place"], [f"{last}_before"], to=TensorProto.FLOAT),
            helper.make_node("Add", [f"{last}_before", "one"], [last]),
        ]

    nodes = [
        helper.make_node("Gather", ["images", "red"], ["r"], axis=1),
        helper.make_node("Gather", ["images", "green"], ["g"], axis=1),
        helper.make_node("Sub", ["r", "g"], ["redder"]),
        helper.make_node("Greater", ["redder", "half"], ["is_red"]),
        helper.make_node("Cast", ["is_red"], ["hot"], to=TensorProto.FLOAT),
        *edges("down", "columns", "left", "right"),
        *edges("across", "rows", "top", "bottom"),
        helper.make_node("ReduceMax", ["columns", "down"], ["any"], keepdims=1),
        helper.make_node("Mul", ["any", "sure"], ["score"]),
        helper.make_node("Sub", ["any", "any"], ["kind"]),
        helper.make_node("Concat", ["left", "top", "right", "bottom", "score", "kind"], ["row"], axis=1),
        helper.make_node("Unsqueeze", ["row", "down"], ["found"]),
    ]
    numbers = {"half": 0.5, "one": 1.0, "sure": 0.9}
    constants = [numpy_helper.from_array(np.array(number, np.float32), name) for name, number in numbers.items()]
    constants += [numpy_helper.from_array(np.array(place, np.int64), name) for name, place in {"red": 0, "green": 1}.items()]
    constants += [whole("down", 1), whole("across", 2)]
    graph = helper.make_graph(
        nodes,
        "frames what is red",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 1, 6])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"names": "{0: 'sign'}"})
    path = tmp_path_factory.mktemp("detectors") / "red.onnx"
    save(model, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("size", [(96, 96), (300, 200), (64, 180)])
def test_an_onnx_detector_finds_what_is_there(frames_red: Path, size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "#ddeeee")
    box = (size[0] // 4, size[1] // 3, size[0] // 2, size[1] // 2)
    ImageDraw.Draw(picture).rectangle((*box[:2], box[2] - 1, box[3] - 1), "#ee1100")
    find = models.load(frames_red)
    (found,) = find(picture)
    # What was scaled down to fit in is told to a pixel of the small picture.
    pixel = max(1.0, max(size) / SIDE)
    assert found.label == "sign" and found.score == pytest.approx(0.9)
    assert np.abs(np.array(found.box) - box).max() <= 2 * pixel
    assert find(Image.new("RGB", size, "#ddeeee")) == []


@pytest.mark.slow
def test_a_file_that_is_no_onnx_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(models.AdapterUnusable, match=r"bad can't be used: onnxruntime doesn't take it \(Protobuf parsing failed"):
        models.load(tmp_path / "bad.onnx")

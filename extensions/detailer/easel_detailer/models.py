"""Detectors as files: transformers folders with safetensors, and YOLO as ONNX. Nothing in a file is run, nothing is fetched.

YOLO files of other kinds (.pt) are pickles and are not read; the libraries that read them are AGPL. Export them as ONNX.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from easel_detailer.asked import WHERE, architecture_of
from webui.errors import AdapterUnusable
from webui.extensions import Found

Find = Callable[[Image.Image], list[Found]]

LOWEST = 0.05
"""Confidence below which nothing is told at all."""

_OVERLAP = 0.5
_GREY = (114, 114, 114)


def load(path: Path) -> Find:
    """What finds things with a detector. Raises AdapterUnusable, in words, for one that can't be used."""
    try:
        return _load_onnx(path) if path.suffix.casefold() == ".onnx" else _load_transformers(path)
    except AdapterUnusable:
        raise
    except Exception as error:  # onnxruntime raises kinds of its own, and a file may make transformers raise any
        raise AdapterUnusable(
            f"The detector {path.stem} can't be used: {str(error).splitlines()[0][:200] if str(error) else error}.", hint=WHERE
        ) from error


# transformers


def _load_transformers(folder: Path) -> Find:
    import torch
    import transformers

    architecture = architecture_of(folder)
    if not any(folder.glob("*.safetensors")):
        raise AdapterUnusable(f"The detector {folder.name} has no safetensors.", hint="Pickles are not read. Save it again as safetensors.")
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    kind = getattr(transformers, architecture, None)
    if kind is None or not issubclass(kind, transformers.PreTrainedModel):
        raise AdapterUnusable(f"The detector {folder.name} is a {architecture}, which transformers doesn't know.", hint=WHERE)
    model = kind.from_pretrained(folder, use_safetensors=True, **safe).eval()
    processor: Any = transformers.AutoImageProcessor.from_pretrained(folder, **safe)
    labels = {int(number): str(name) for number, name in (model.config.id2label or {}).items()}
    read = _boxes if architecture.endswith("ForObjectDetection") else (_classes if "Semantic" in architecture else _things)

    def find(picture: Image.Image) -> list[Found]:
        with torch.inference_mode():
            outputs = model(**processor(images=picture.convert("RGB"), return_tensors="pt"))
        return read(processor, outputs, picture.size, labels)

    return find


def _boxes(processor: Any, outputs: Any, size: tuple[int, int], labels: Mapping[int, str]) -> list[Found]:
    (found,) = processor.post_process_object_detection(outputs, threshold=LOWEST, target_sizes=[size[::-1]])
    boxes, scores, kinds = found["boxes"].tolist(), found["scores"].tolist(), found["labels"].tolist()
    made = [
        Found(_whole(box), float(score), None, str(labels.get(kind, kind))) for box, score, kind in zip(boxes, scores, kinds, strict=True)
    ]
    return without_doubles(made)


def _classes(processor: Any, outputs: Any, size: tuple[int, int], labels: Mapping[int, str]) -> list[Found]:
    (classes,) = processor.post_process_semantic_segmentation(outputs, target_sizes=[size[::-1]])
    plane = classes.numpy()
    return [one for kind in np.unique(plane) for one in _masked(plane == kind, 1.0, str(labels.get(int(kind), kind)))]


def _things(processor: Any, outputs: Any, size: tuple[int, int], labels: Mapping[int, str]) -> list[Found]:
    (found,) = processor.post_process_instance_segmentation(outputs, threshold=LOWEST, target_sizes=[size[::-1]])
    plane = found["segmentation"].numpy()
    return [
        one
        for part in found["segments_info"]
        for one in _masked(plane == part["id"], float(part["score"]), str(labels.get(part["label_id"], part["label_id"])))
    ]


def _masked(where: np.ndarray, score: float, label: str) -> list[Found]:
    mask = Image.fromarray((where * 255).astype(np.uint8), "L")
    box = mask.getbbox()
    return [] if box is None else [Found(box, score, mask, label)]


def _whole(box: Sequence[float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return round(left), round(top), round(right), round(bottom)


# YOLO as ONNX


def _load_onnx(path: Path) -> Find:
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports] - the user's own choice
    except ImportError:
        raise AdapterUnusable(
            f"{path.name} needs the package onnxruntime.", hint="Install it into Easel's environment, or use a transformers folder."
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its kinds of error have no base of their own
        raise ValueError(f"onnxruntime doesn't take it ({str(error).rpartition(':')[2].strip()[:150]})") from error
    return finder_of(session)


def finder_of(session: Any) -> Find:
    """What finds things with an ONNX session of a YOLO: one input (1, 3, height, width), one output."""
    (taken, *_) = session.get_inputs()
    height, width = (side if isinstance(side, int) else 640 for side in taken.shape[2:4])
    labels = _labels(session.get_modelmeta().custom_metadata_map.get("names", ""))

    def find(picture: Image.Image) -> list[Found]:
        pixels, scale, (left, top) = letterboxed(picture, (width, height))
        (output, *_) = session.run(None, {taken.name: pixels})
        return read_yolo(np.asarray(output), scale, (left, top), labels)

    return find


def letterboxed(picture: Image.Image, size: tuple[int, int]) -> tuple[np.ndarray, float, tuple[int, int]]:
    """The picture fitted into a size on grey, as (1, 3, height, width) from 0 to 1; how it was scaled, and where it lies."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    small = picture.convert("RGB").resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.BILINEAR
    )
    corner = (size[0] - small.width) // 2, (size[1] - small.height) // 2
    board = Image.new("RGB", size, _GREY)
    board.paste(small, corner)
    return np.asarray(board, np.float32).transpose(2, 0, 1)[None] / 255, scale, corner


def read_yolo(output: np.ndarray, scale: float, corner: tuple[int, int], labels: Mapping[int, str]) -> list[Found]:
    """What a YOLO found, best first, in pixels of the picture. Three forms are told apart by their shape.

    (1, n, 6): left, top, right, bottom, confidence, class (v10, and exports with NMS). (1, 4 + classes, n): centre, size, a confidence
    for each class (v8, 11). (1, n, 5 + classes): the same with one for there being anything (v5, v7). Raises AdapterUnusable.
    """
    if output.ndim != 3 or output.shape[0] != 1 or min(output.shape[1:]) < 1:
        raise AdapterUnusable(f"This ONNX file answers with {output.shape}, which is no YOLO.", hint=WHERE)
    rows = output[0].astype(np.float32)
    if rows.shape[1] == 6 and (not len(rows) or _corners(rows)):
        boxes, scores, kinds = rows[:, :4], rows[:, 4], rows[:, 5].astype(int)
    else:
        # There are more boxes than numbers to one.
        rows, anything = (rows.T, False) if rows.shape[0] < rows.shape[1] else (rows, True)
        of_classes = rows[:, 5:] * rows[:, 4:5] if anything else rows[:, 4:]
        if of_classes.shape[1] < 1:
            raise AdapterUnusable(f"This ONNX file answers with {output.shape}, which is no YOLO.", hint=WHERE)
        kinds, scores = of_classes.argmax(1), of_classes.max(1)
        boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], 1)
    sure = scores >= LOWEST
    placed = (boxes[sure] - np.asarray([*corner, *corner], np.float32)) / scale
    found = [
        Found(_whole(box), float(score), None, labels.get(int(kind), str(int(kind))))
        for box, score, kind in zip(placed.tolist(), scores[sure], kinds[sure], strict=True)
    ]
    return without_doubles(found)


def _corners(rows: np.ndarray) -> bool:
    """Whether rows are corners, confidence and class, and not a centre with two classes."""
    return bool((rows[:, 2] >= rows[:, 0]).all() and (rows[:, 3] >= rows[:, 1]).all() and (rows[:, 5] == rows[:, 5].round()).all())


def _labels(text: str) -> dict[int, str]:
    """The names of classes as exports write them: "{0: 'face', 1: 'hand'}"."""
    try:
        read = ast.literal_eval(text) if len(text) < 100_000 else {}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return {number: str(name)[:100] for number, name in read.items() if isinstance(number, int)} if isinstance(read, dict) else {}


def without_doubles(found: Sequence[Found]) -> list[Found]:
    """Best first; of two that lie on each other by more than half and have one label, the better."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        if all(one.label != other.label or _shared(one.box, other.box) <= _OVERLAP for other in kept):
            kept.append(one)
    return kept


def _shared(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)

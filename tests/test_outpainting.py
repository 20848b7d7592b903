"""Outpainting as far as it is decided before anything is drawn: windows, what a picture is continued with, requests, texts."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_adapters import Listening
from test_control import finished
from test_framing import gradient
from test_img2img import IMG2IMG, MASK, PICTURE, listening, png, resolved, white

from webui.errors import InvalidRequest
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.passes import passes_of
from webui.generation.request import ResolvedInpaint, dump_request, load_resolved, parse_request
from webui.pictures.boxes import Box, Size
from webui.pictures.growing import Growing, continued
from webui.pictures.outpainting import MULTIPLE, Sides, Window, windows_of
from webui.planning.estimate import picture_work
from webui.studio.studio import Studio

__all__ = ["listening"]

EXTEND = {"kind": "inpaint", "init_image": PICTURE}
EIGHTHS = st.integers(0, 20).map(lambda eighths: eighths * 8)
BY = st.tuples(EIGHTHS, EIGHTHS, EIGHTHS, EIGHTHS).map(lambda sides: Sides(*sides)).filter(any)
SIZES = st.tuples(st.integers(1, 400), st.integers(1, 400))
DRAWN = st.tuples(st.integers(8, 24), st.integers(8, 24)).map(lambda eighths: (eighths[0] * 8, eighths[1] * 8))
SHAPES = st.tuples(SIZES, BY, st.integers(1, 4), DRAWN, st.integers(0, 256))
Shape = tuple[Size, Sides, int, Size, int]


def covered(size: Size, boxes: tuple[Box, ...]) -> np.ndarray:
    """How often each pixel lies in one of the boxes."""
    times = np.zeros(size[::-1], int)
    for left, top, right, bottom in boxes:
        times[top:bottom, left:right] += 1
    return times


# windows


@given(SHAPES)
def test_a_picture_grows_by_what_was_asked_for(shape: Shape) -> None:
    windows, by = windows_of(*shape), shape[1]
    assert tuple(map(sum, zip(*(window.grows for window in windows), strict=True))) == by
    assert all(side % MULTIPLE == 0 for window in windows for side in window.grows)
    assert windows[0].grows != Sides()


@settings(max_examples=40, deadline=None)
@given(SHAPES)
def test_all_that_is_new_is_drawn_once_and_nothing_else(shape: Shape) -> None:
    size, _, _, drawn, _ = shape
    drawn_before: np.ndarray = np.ones(size[::-1], int)
    for window in windows_of(*shape):
        left, top, right, bottom = window.grows
        drawn_before = np.pad(drawn_before, ((top, bottom), (left, right)))
        new = covered(drawn_before.shape[::-1], window.fresh)
        inside = covered(drawn_before.shape[::-1], (window.box,))
        assert (new <= inside).all() and new.any()
        drawn_before = drawn_before + new
        assert (drawn_before <= 1).all()
        # All of the window is there by then: what it sees was drawn, or is the picture's own.
        assert (drawn_before[inside > 0] == 1).all()
        assert all(length <= most for length, most in zip(window.box.size, drawn, strict=True))
    assert (drawn_before == 1).all()


@given(SHAPES)
def test_a_window_is_as_large_as_what_is_drawn_wherever_the_picture_is(shape: Shape) -> None:
    size, _, _, drawn, _ = shape
    for window in windows_of(*shape):
        size = window.grows.added_to(size)
        assert window.box.size == tuple(min(most, length) for most, length in zip(drawn, size, strict=True))


@given(SHAPES)
def test_a_window_sees_what_is_there_already(shape: Shape) -> None:
    """Beside what is new lies as much of the picture as was asked for, at most half a window, and as far as there is any."""
    size, _, _, drawn, context = shape
    for window in windows_of(*shape):
        before = size
        size = window.grows.added_to(size)
        sees = 0
        for axis in (0, 1):
            new = {(box[axis], box[axis + 2]) for box in window.fresh}
            start, end = min(one for one, _ in new), max(one for _, one in new)
            sees = max(sees, start - window.box[axis], window.box[axis + 2] - end)
        least = min(min(context, side // 2) // MULTIPLE * MULTIPLE for side in drawn)
        if len(window.fresh) == 1:
            assert sees >= min(least, *before)


def test_what_fits_in_one_window_is_drawn_in_one() -> None:
    (one,) = windows_of((512, 512), Sides(right=128), 1, (512, 512), 32)
    assert one == Window(Sides(right=128), Box(128, 0, 640, 512), (Box(512, 0, 640, 512),))
    (all_around,) = windows_of((400, 300), Sides(8, 16, 24, 32), 1, (512, 512), 32)
    assert all_around.box == Box(0, 0, 432, 348)
    assert all_around.fresh == (Box(0, 0, 8, 348), Box(408, 0, 432, 348), Box(8, 0, 408, 16), Box(8, 316, 408, 348))


def test_a_side_of_a_large_picture_takes_several_windows_and_never_a_larger_one() -> None:
    windows = windows_of((4096, 1024), Sides(bottom=256), 1, (512, 512), 64)
    assert {window.box.size for window in windows} == {(512, 512)}
    assert {window.box.bottom for window in windows} == {1280}
    assert len(windows) == 10
    assert [window.grows for window in windows[1:]] == [Sides()] * 9


def test_a_side_that_no_window_can_hold_grows_in_strips() -> None:
    windows = windows_of((512, 512), Sides(left=1024), 1, (512, 512), 128)
    assert [window.grows.left for window in windows] == [336, 344, 344]
    assert all(window.box == Box(0, 0, 512, 512) for window in windows)


def test_rounds_share_what_is_new() -> None:
    windows = windows_of((128, 128), Sides(right=64, top=8), 3, (128, 128), 32)
    assert sum(window.grows.right > 0 for window in windows) == 3
    assert [window.grows.right for window in windows if window.grows.right] == [16, 24, 24]


# what a picture is continued with


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), BY)
def test_a_continued_picture_keeps_its_own_pixels(size: Size, by: Sides) -> None:
    source = gradient(*size)
    result = continued(source, by)
    assert result.size == by.added_to(size)
    assert np.array_equal(np.asarray(result)[by.top : by.top + size[1], by.left : by.left + size[0]], np.asarray(source))


@given(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)), BY)
@settings(max_examples=20, deadline=None)
def test_one_colour_goes_on_as_it_is(colour: tuple[int, int, int], by: Sides) -> None:
    assert continued(Image.new("RGB", (5, 7), colour), by).getcolors() == [(np.prod(by.added_to((5, 7))), colour)]


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_structure_goes_on_at_the_edge_and_colours_further_out(side: str) -> None:
    """Two colours meet at each side: far out they are still there, without what is drawn on them, and the seam is none."""
    source = Image.new("RGB", (64, 64), (200, 40, 40))
    source.paste((40, 40, 200), (32, 32, 64, 64))
    source.paste((40, 40, 200), (0, 0, 32, 32))
    source.paste((0, 255, 0), (20, 20, 44, 44))
    turns = {"right": 0, "bottom": 1, "left": 2, "top": 3}[side]
    pixels = np.rot90(np.asarray(continued(source, Sides(**{side: 96}))).astype(int), turns)
    own, beside, last = pixels[:, 63], pixels[:, 64], pixels[:, -1]
    assert np.abs(beside - own).max() <= 20
    assert np.abs(last[2] - own[2]).max() < 60 and np.abs(last[-3] - own[-3]).max() < 60
    assert (last[:, 1] < 60).all()


# what a window starts from, and how it goes back


@settings(max_examples=15, deadline=None)
@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), BY, st.integers(1, 3), st.sampled_from([0, 5, 40]))
def test_source_bytes_stay_but_for_the_overlap(size: Size, by: Sides, rounds: int, overlap: int) -> None:
    source = gradient(*size)
    growing = Growing.of(source)
    for window in windows_of(size, by, rounds, (64, 64), 16):
        growing = growing.grown(window.grows)
        start = growing.start(window, (64, 64), overlap)
        assert start.picture.size == (64, 64) and start.mask is not None and start.mask.size == (64, 64)
        growing = dataclasses.replace(growing, picture=start.finished(Image.new("RGB", (64, 64), (0, 0, 255))))
    result = np.asarray(growing.picture)
    assert result.shape[1::-1] == by.added_to(size)
    assert growing.source == Box(by.left, by.top, by.left + size[0], by.top + size[1])
    own = result[by.top : by.top + size[1], by.left : by.left + size[0]]
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    far = np.full(own.shape[:2], 10**6)
    for side, distance in zip(by, (x, y, size[0] - 1 - x, size[1] - 1 - y), strict=True):
        if side:
            far = np.minimum(far, distance)
    kept = far >= overlap
    assert np.array_equal(own[kept], np.asarray(source)[kept])


def test_what_is_new_is_drawn_whole_in_every_latent_it_touches() -> None:
    """A small picture is drawn larger, so that its edge lies anywhere in a latent."""
    (window,) = windows_of((37, 50), Sides(right=8), 1, (128, 128), 32)
    start = Growing.of(gradient(37, 50)).grown(window.grows).start(window, (128, 128), 0)
    assert start.mask is not None and start.cut is not None
    mask = np.asarray(start.mask)
    cells = mask.reshape(16, 8, 16, 8)
    assert ((cells == 255).all((1, 3)) | (cells < 128).all((1, 3))).all()
    edge = start.cut.place.left + round(37 * start.cut.place.size[0] / 45)
    assert (mask[:, edge + 1 :] == 255).all()


def test_what_lies_over_the_source_goes_along() -> None:
    """A region of the source is where it was in each window, and nowhere beyond the source."""
    (window,) = windows_of((64, 64), Sides(left=32), 1, (96, 64), 32)
    start = Growing.of(gradient(64, 64)).grown(window.grows).start(window, (96, 64), 0)
    upper = Image.new("L", (8, 8), 0)
    upper.paste(255, (0, 0, 8, 4))
    laid = np.asarray(start.laid_over(upper))
    wanted = np.zeros((64, 96), bool)
    wanted[:32, 32:] = True
    assert np.array_equal(laid > 127, wanted) and not laid[:, :32].any()


def test_windows_are_brought_to_the_colours_of_what_stays() -> None:
    (window,) = windows_of((64, 64), Sides(right=64), 1, (128, 128), 32)
    growing = Growing.of(Image.new("RGB", (64, 64), (100, 120, 140))).grown(window.grows)
    start = growing.start(window, (128, 64), 0)
    result = np.asarray(start.finished(Image.new("RGB", (128, 64), (108, 116, 140)))).astype(int)
    assert np.abs(result[:, 64] - (100, 120, 140)).max() <= 1
    assert np.array_equal(result[32, -1], (108, 116, 140))


def test_what_is_new_meets_what_stays_without_a_step() -> None:
    """Drawn in another colour, it begins with that of the source and comes to its own further out; the source keeps its bytes."""
    (window,) = windows_of((64, 64), Sides(right=64), 1, (128, 128), 32)
    start = Growing.of(Image.new("RGB", (64, 64), (100, 120, 140))).grown(window.grows).start(window, (128, 64), 0)
    drawn = np.full((64, 128, 3), (100, 120, 140), np.uint8)
    drawn[:, 64:] = (180, 60, 220)
    result = np.asarray(start.finished(Image.fromarray(drawn))).astype(int)
    assert (result[:, :64] == (100, 120, 140)).all()
    assert np.abs(np.diff(result, axis=1)).max() <= 6
    assert (np.diff(result[32, :, 0]) >= 0).all()
    assert (result[:, 97:] == (180, 60, 220)).all()


# requests


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "mask", "Mask is missing."),
        ({"extend_left": 12}, "extend_left", "Extend left can't be 12."),
        ({"extend_top": -8}, "extend_top", "Extend top can't be -8."),
        ({"extend_right": 2056}, "extend_right", "Extend right can't be 2056."),
        ({"extend_bottom": 8, "extend_rounds": 0}, "extend_rounds", "Rounds can't be 0."),
        ({"extend_bottom": 8, "extend_overlap": 257}, "extend_overlap", "Overlap can't be 257."),
    ],
)
def test_what_no_extension_can_be(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request(EXTEND | fields)
    assert (refused.value.field, refused.value.message) == (field, words)


def test_img2img_knows_nothing_of_it() -> None:
    with pytest.raises(InvalidRequest, match="There is no field called 'extend_left'"):
        parse_request(IMG2IMG | {"extend_left": 8})


def test_the_size_that_comes_out() -> None:
    made = resolved(**EXTEND, extend_left=8, extend_top=16, extend_right=24, extend_bottom=32, width=64, height=64)
    assert isinstance(made, ResolvedInpaint)
    assert made.picture_size == (96 + 32, 80 + 48)
    assert load_resolved(dump_request(made)) == made


def test_a_pass_for_what_is_masked_and_for_each_window() -> None:
    """Each has steps of its own, and noise of its own."""
    asked = {"extend_right": 64, "extend_rounds": 2, "width": 96, "height": 80, "steps": 10, "denoising_strength": 1.0}
    plain, masked = (passes_of(resolved(**EXTEND, **asked, **more)) for more in ({}, {"mask": MASK}))
    assert [one.window is None for one in plain] == [False, False]
    assert [one.window is None for one in masked] == [True, False, False]
    assert len({one.request.seed for one in masked}) == 3 and masked[0].request.seed == 7
    assert {one.steps.taken for one in masked} == {10}
    assert picture_work(resolved(**EXTEND, **asked)) == 2 * picture_work(resolved(**EXTEND, mask=MASK, **{**asked, "extend_right": 0}))


@pytest.mark.parametrize(
    ("size", "asked", "words"),
    [
        ((8000, 7000), {"extend_right": 2048}, "The picture would become 10048 x 7000."),
        ((8000, 4000), {"extend_top": 64, "width": 64, "height": 64}, "takes 996 drawings of 64 x 64"),
    ],
)
def test_what_is_too_large_or_takes_too_long(size: Size, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refused:
        resolved(**EXTEND, **asked, picture_size=size)
    assert refused.value.field == next(iter(asked))


def test_it_is_told_and_read_back() -> None:
    asked = {"extend_left": 64, "extend_bottom": 8, "extend_overlap": 12, "extend_rounds": 2, "mask_blur": 0}
    text = write_infotext(resolved(**EXTEND, **asked), 7, "1")
    pairs = read_infotext(text).parameters
    assert {key: value for key, value in pairs.items() if key.startswith("Extend")} == {
        "Extend left": "64",
        "Extend bottom": "8",
        "Extend overlap": "12",
        "Extend rounds": "2",
    }
    mapped = map_fields(read_infotext(text))
    assert not mapped.unmapped
    assert {"kind": "inpaint", **asked}.items() <= mapped.of_source.items()


def test_over_the_queue_and_into_history(listening: tuple[Studio, Listening]) -> None:
    studio, executor = listening
    picture = studio.images.put(png(Image.new("RGB", (96, 80), (9, 80, 200)))).sha256
    job = finished(studio, {"kind": "inpaint", "init_image": picture, "extend_right": 64})
    assert job["status"] == "done", job
    (spec,) = executor.jobs
    assert sorted(spec.image_paths) == [picture]
    assert (job["width"], job["height"]) == (160, 80)
    mask = studio.images.put(png(white(160, 80))).sha256
    with pytest.raises(InvalidRequest, match="The mask is 160 x 80, and the picture 96 x 80"):
        studio.submit(studio.complete({"kind": "inpaint", "init_image": picture, "mask": mask, "extend_right": 64}))

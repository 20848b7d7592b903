"""What ControlNets look at, made of plain pictures: held against OpenCV where that is the standard, and told by looks elsewhere."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from webui.pictures.preprocessors import (
    PREPROCESSORS,
    RESIZE_MODES,
    Pixels,
    canny,
    control_picture,
    find_preprocessor,
    fitted,
)


def busy() -> Pixels:
    y, x = np.mgrid[0:60, 0:80]
    pixels = np.stack([(x * 3 + y) % 256, (y * 5 ^ x) % 256, (x * y // 7) % 256], -1).astype(np.uint8)
    pixels[20:40, 30:60] = (250, 10, 40)
    return pixels


def drawing(size: tuple[int, int] = (120, 80)) -> Image.Image:
    """A dark ring on a light ground."""
    picture = Image.new("RGB", size, (240, 235, 230))
    ImageDraw.Draw(picture).ellipse((30, 15, 90, 65), outline=(20, 20, 30), width=4)
    return picture


def run(name: str, picture: Image.Image, **thresholds: float) -> np.ndarray:
    one = find_preprocessor(name)
    usual = dict(zip("ab", [threshold.default for threshold in one.thresholds] + [0.0, 0.0], strict=False))
    return one.with_thresholds(**(usual | thresholds))(np.asarray(picture))


@pytest.mark.parametrize(
    ("low", "high", "edges", "digest"),
    [
        (100, 200, 565, "9737520c4b4772da967b19e6991df70cab5ddcb0e52dfa0c452277dda19e99ec"),
        (30, 90, 1238, "9f9054d5efd8589a652a813335e40083dc2dc288738ba0d39a58c1ad6eefe5ec"),
    ],
)
def test_canny_equals_opencvs(low: float, high: float, edges: int, digest: str) -> None:
    """Numbers of cv2.Canny, OpenCV 4."""
    found = canny(busy(), low, high)
    assert (found == found[..., :1]).all()
    assert int((found[..., 0] > 0).sum()) == edges
    assert hashlib.sha256(found[..., 0].tobytes()).hexdigest() == digest


def test_edges_lie_where_the_picture_changes_and_nowhere_else() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, 20:] = 200
    rows, columns = np.nonzero(canny(pixels, 100, 200)[..., 0])
    assert set(columns) <= {19, 20} and len(set(rows)) >= 38
    assert not canny(np.full((40, 40, 3), 77, np.uint8), 1, 2).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_every_preprocessor_keeps_the_size_of_any_picture(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    for one in PREPROCESSORS:
        found = run(one.name, Image.fromarray(pixels))
        assert (found.shape, found.dtype) == (pixels.shape, np.uint8), one.name


def test_lines_of_a_drawing_become_white_strokes_on_black() -> None:
    ring, ground, inside = (32, 40), (5, 5), (60, 40)
    for name in ("scribble_xdog", "lineart_standard"):
        found = run(name, drawing())
        assert found[ring[1], ring[0]].min() > 100, name
        assert found[ground[1], ground[0]].max() < 20 and found[inside[1], inside[0]].max() < 20, name


def test_colours() -> None:
    picture = Image.fromarray(busy())
    assert (run("invert", picture) == 255 - busy()).all()
    assert (run("none", picture) == busy()).all() and (run("tile", picture) == busy()).all()
    spread = busy().std()
    for softer, soft in itertools.pairwise([run("blur", picture, a=8), run("blur", picture, a=2), busy()]):
        assert softer.std() < soft.std() <= spread
    assert run("tile_resample", picture, a=8).std() < spread
    found = run("threshold", drawing(), a=127)
    assert found[40, 32].max() == 0 and found[5, 5].min() == 255


def test_names() -> None:
    assert find_preprocessor("Canny").name == "canny"
    assert find_preprocessor("invert (from white bg & black line)").name == "invert"
    assert find_preprocessor("None").name == "none"
    with pytest.raises(ValueError, match="canny, scribble_xdog"):
        find_preprocessor("depth_midas")
    meant = {(name.casefold(), one.name) for one in PREPROCESSORS for name in (one.name, one.label, *one.aliases)}
    assert len({name for name, _ in meant}) == len(meant), "no name means two of them"


@pytest.mark.parametrize("mode", RESIZE_MODES)
@pytest.mark.parametrize("size", [(64, 64), (200, 40), (40, 200), (120, 80)])
def test_sizes(mode: str, size: tuple[int, int]) -> None:
    assert fitted(drawing(), *size, mode).size == size  # type: ignore[arg-type]


def test_what_the_resize_modes_keep() -> None:
    picture = Image.new("RGB", (100, 50))
    picture.paste((255, 0, 0), (0, 0, 10, 50))
    picture.paste((0, 0, 255), (90, 0, 100, 50))
    assert fitted(picture, 50, 50, "Just Resize").getpixel((1, 25)) == (255, 0, 0)
    assert fitted(picture, 50, 50, "Crop and Resize").getpixel((1, 25)) == (0, 0, 0)
    filled = fitted(picture, 50, 50, "Resize and Fill")
    assert filled.getpixel((1, 2)) == filled.getpixel((1, 25)) == (255, 0, 0)


def test_a_coarse_look_is_brought_to_the_size_that_is_drawn() -> None:
    one = find_preprocessor("canny").with_thresholds(100, 200)
    fine, coarse = (control_picture(drawing(), 256, 256, "Crop and Resize", one, resolution) for resolution in (0, 64))
    assert fine.size == coarse.size == (256, 256)
    assert (np.asarray(coarse) > 127).sum() > (np.asarray(fine) > 127).sum()

"""Tiles over a large picture: geometry, and what a request may ask of them."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from webui.errors import InvalidRequest
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.passes import passes_of
from webui.generation.request import Img2Img, ResolvedImg2Img, parse_request, upscaler_model_of
from webui.generation.resolve import CheckpointIdentity, resolve
from webui.pictures.patchwork import Patchwork, ramp
from webui.pictures.tiles import stretches, tiles_of
from webui.planning.estimate import picture_work
from webui.studio.reading import read_pasted

PICTURE = "a" * 64


def asked(**changes: Any) -> Img2Img:
    request = parse_request({"kind": "img2img", "init_image": PICTURE, "tiled_drawing": "MultiDiffusion", **changes})
    assert isinstance(request, Img2Img)
    return request


def made(size: tuple[int, int] = (128, 128), **changes: Any) -> ResolvedImg2Img:
    resolved = resolve(asked(**changes), CheckpointIdentity("emoji", "0" * 10), random.Random(1), picture_size=size)
    assert isinstance(resolved, ResolvedImg2Img)
    return resolved


@given(st.integers(1, 1024), st.integers(1, 256), st.integers(0, 255), st.sampled_from((1, 8)))
def test_tiles_cover_a_side_and_overlap(length: int, tile: int, overlap: int, multiple: int) -> None:
    length, tile, overlap = length * multiple, tile * multiple, min(overlap, tile - 1) * multiple
    tiles = stretches(length, tile, overlap, multiple)
    assert (tiles[0][0], tiles[-1][1]) == (0, length)
    assert {end - start for start, end in tiles} == {min(tile, length)}
    assert all(start % multiple == 0 for start, _ in tiles)
    assert all(before[1] - after[0] >= overlap and after[0] > before[0] for before, after in pairwise(tiles))


def test_as_few_tiles_as_will_do() -> None:
    assert len(tiles_of((1024, 512), 512, 0, 8)) == 2
    assert len(tiles_of((1024, 1024), 512, 64, 8)) == 9
    assert tiles_of((300, 200), 512, 64, 8) == ((0, 0, 300, 200),)


def test_a_patchwork_of_what_it_was_is_what_it_was() -> None:
    source = Image.fromarray(np.random.default_rng(1).integers(0, 255, (96, 144, 3), np.uint8))
    patchwork = Patchwork(source, source)
    for box in tiles_of(source.size, 64, 16, 8):
        start = patchwork.start(box, 16)
        patchwork = Patchwork(source, start.finished(start.picture))
    assert np.array_equal(np.asarray(patchwork.picture), np.asarray(source))


def test_a_tile_goes_over_into_those_that_lie_there() -> None:
    black = Image.new("RGB", (112, 64))
    first, second = tiles_of(black.size, 64, 16, 8)
    patchwork = Patchwork(black, black)
    laid = np.asarray(patchwork.start(second, 16).finished(Image.new("RGB", second.size, "white")))[32, :, 0]
    assert not laid[: second.left].any()
    assert (laid[first.right :] == 255).all()
    between = laid[second.left : first.right].astype(int)
    assert (np.diff(between) > 0).all()
    assert 0 < between[0] < 40


def test_all_tiles_together_count_everywhere() -> None:
    size = (40, 30)
    total = np.zeros(size[::-1])
    for box in tiles_of(size, 16, 6):
        share = ramp(box, size, 6, both=True)
        assert share.min() > 0
        total[box.top : box.bottom, box.left : box.right] += share
    assert total.min() > 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tiled_drawing": "Off", "width": 2056}, "width"),
        ({"tiled_drawing": "Off", "height": 4096}, "height"),
        ({"width": 8200}, "width"),
        ({"drawn_tile": 128, "drawn_overlap": 128}, "drawn_overlap"),
        ({"width": 8192, "height": 8192, "drawn_tile": 64, "drawn_overlap": 0}, "drawn_tile"),
        ({"tiling": "X"}, "tiling"),
        ({"tiled_drawing": "SD upscale", "resize_mode": "Just resize (latent upscale)"}, "resize_mode"),
        ({"tiled_drawing": "SD upscale", "controls": [{"model": "edges", "image": PICTURE}]}, "tiled_drawing"),
        ({"tiled_drawing": "Mosaic"}, "tiled_drawing"),
        ({"tiled_upscaler": "Latent (nearest)"}, "tiled_upscaler"),
    ],
)
def test_what_can_t_be_drawn_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**changes)
    assert caught.value.field == field
    assert caught.value.hint


def test_the_size_follows_from_the_picture() -> None:
    resolved = made((700, 300), tiled_scale=4)
    assert (resolved.width, resolved.height, resolved.tiled_scale) == (2800, 1200, 0)
    assert made((700, 300), tiled_scale=0, width=640, height=384).picture_size == (640, 384)
    # What isn't drawn in tiles isn't enlarged by what was said of tiles.
    assert made((700, 300), tiled_scale=4, tiled_drawing="Off").picture_size == (512, 512)
    with pytest.raises(InvalidRequest) as caught:
        made((3000, 100), tiled_scale=4)
    assert caught.value.field == "tiled_scale"


def test_passes_and_work() -> None:
    whole = made(tiled_drawing="Off", width=1024, height=1024, steps=10)
    several = made(width=1024, height=1024, steps=10, drawn_tile=512, drawn_overlap=64)
    apart = made(tiled_drawing="SD upscale", width=1024, height=1024, steps=10, drawn_tile=512, drawn_overlap=64)
    assert len(passes_of(several)) == 1
    assert len(passes_of(apart)) == 9
    assert len({one.request.seed for one in passes_of(apart)}) == 9
    assert picture_work(several) == picture_work(apart) == picture_work(whole) * 9 / 4


def test_infotext_there_and_back() -> None:
    text = write_infotext(made((1000, 500), tiled_scale=4, drawn_tile=768, tiled_drawing="SD upscale"), 1, "1")
    assert "Tiled drawing: SD upscale, Drawn tile: 768" in text
    assert "Size: 4000x2000" in text
    mapped = map_fields(read_infotext(text))
    assert (mapped.fields["width"], mapped.fields["height"]) == (4000, 2000)
    assert (mapped.of_source["tiled_drawing"], mapped.of_source["drawn_tile"]) == ("SD upscale", 768)
    assert not mapped.unmapped
    assert "SD upscale upscaler" not in text
    assert "Drawn tile" not in write_infotext(made(tiled_drawing="Off", drawn_tile=768), 1, "1")


def test_what_enlarges_first_is_told() -> None:
    text = write_infotext(made((1000, 500), tiled_scale=4, tiled_drawing="SD upscale", tiled_upscaler="4x-ultra"), 1, "1")
    assert "Tiled drawing: SD upscale, SD upscale upscaler: 4x-ultra" in text
    assert map_fields(read_infotext(text)).of_source["tiled_upscaler"] == "4x-ultra"
    answer = read_pasted(text, [], lambda name: name == "Lanczos")
    assert "tiled_upscaler" not in answer["of_source"]
    assert ("SD upscale upscaler", "4x-ultra") in [(entry["key"], entry["value"]) for entry in answer["unmapped"]]
    assert "SD upscale upscaler" not in write_infotext(made(tiled_drawing="Off", tiled_upscaler="Nearest"), 1, "1")
    # Only what is at work has to be there.
    for at_work, changes in (
        (True, {"tiled_drawing": "SD upscale"}),
        (True, {}),
        (False, {"tiled_drawing": "Off"}),
        (False, {"resize_mode": "Just resize (latent upscale)"}),
    ):
        assert upscaler_model_of(asked(tiled_upscaler="4x-ultra", **changes)) == (("tiled_upscaler", "4x-ultra") if at_work else None)

"""Grids: laid out as A1111's, whatever the sizes, and bounded."""

import json
from pathlib import Path

import pytest
from PIL import Image
from test_picture_file import resolved

from webui import __version__
from webui.generation.infotext import write_infotext
from webui.studio import grid
from webui.studio.grid import compose, encode_grid, rows_and_columns
from webui.studio.picture_format import read_own

COLOURS = ("red", "lime", "blue", "white", "yellow")
BLACK = (0, 0, 0)


def of_colours(*sizes: tuple[int, int]) -> list[Image.Image]:
    return [Image.new("RGB", size, colour) for size, colour in zip(sizes, COLOURS, strict=False)]


@pytest.mark.parametrize(
    ("count", "layout"), [(1, (1, 1)), (2, (1, 2)), (3, (2, 2)), (4, (2, 2)), (5, (2, 3)), (7, (3, 3)), (9, (3, 3)), (100, (10, 10))]
)
def test_the_layout_is_a1111s(count: int, layout: tuple[int, int]) -> None:
    assert rows_and_columns(count) == layout


def test_every_layout_has_room_and_no_empty_row() -> None:
    for count in range(1, 801):
        rows, columns = rows_and_columns(count)
        assert (rows - 1) * columns < count <= rows * columns


def test_pictures_stand_in_order_and_what_is_empty_is_black() -> None:
    made = compose(of_colours(*[(16, 8)] * 5))
    assert (made.mode, made.size) == ("RGB", (48, 16))
    corners = [made.getpixel((column * 16, row * 8)) for row in range(2) for column in range(3)]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (255, 255, 0), BLACK]


def test_pictures_of_any_size_stand_in_the_middle_of_their_cells() -> None:
    made = compose(of_colours((10, 10), (4, 20)))
    assert made.size == (20, 20)
    assert [made.getpixel(point) for point in ((0, 4), (0, 5), (9, 14), (9, 15))] == [BLACK, (255, 0, 0), (255, 0, 0), BLACK]
    assert [made.getpixel(point) for point in ((12, 0), (13, 0), (16, 19), (17, 19))] == [BLACK, (0, 255, 0), (0, 255, 0), BLACK]


def test_a_large_grid_is_scaled_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "LONGEST_SIDE", 64)
    made = compose([*of_colours((100, 50), (100, 50), (50, 50)), Image.new("L", (1, 1), 255)])
    assert made.size == (64, 32)
    assert made.getpixel((1, 24)) == BLACK and made.getpixel((15, 24)) == (0, 0, 255)


def test_nothing_makes_no_grid() -> None:
    with pytest.raises(ValueError, match="at least one"):
        compose([])


def test_files_become_a_grid_with_the_first_pictures_parameters(tmp_path: Path) -> None:
    paths = [tmp_path / "0.png", tmp_path / "1.webp"]
    for path, picture in zip(paths, of_colours((8, 8), (8, 8)), strict=True):
        picture.convert("RGBA" if path.suffix == ".png" else "RGB").save(path, lossless=True)
    request = resolved(prompt="two", batch_count=2)
    made = encode_grid(paths, request, ".png")
    assert (made.width, made.height, made.seed, made.facts) == (16, 8, 7, {"grid": 2})
    (tmp_path / "grid.png").write_bytes(made.data)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.info["parameters"] == write_infotext(request, 7, __version__)
        assert json.loads(read_own(picture))["facts"] == {"grid": 2}
        assert [picture.convert("RGB").getpixel((x, 4)) for x in (0, 8)] == [(255, 0, 0), (0, 255, 0)]

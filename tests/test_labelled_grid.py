import numpy as np
import pytest
from PIL import Image

from webui.pictures.labelled_grid import LONGEST_SIDE, labelled_grid


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_pictures_stand_in_their_rows_and_columns() -> None:
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    grid = labelled_grid([[plain(red), lambda: plain(green)], [None, plain(blue)]], (40, 30))
    pixels = np.asarray(grid)
    places = {colour: np.argwhere((pixels == colour).all(2)) for colour in (red, green, blue)}
    assert all(len(found) == 40 * 30 for found in places.values())
    assert places[red][0][0] == places[green][0][0] < places[blue][0][0]
    assert places[red][0][1] < places[green][0][1] == places[blue][0][1]


def test_labels_make_room_for_themselves_and_are_written() -> None:
    bare = labelled_grid([[plain((255, 255, 255), (200, 200))]], (200, 200))
    told = labelled_grid([[plain((255, 255, 255), (200, 200))]], (200, 200), columns=["Steps: 20"], rows=["CFG scale: 7"], title="Seed: 4")
    assert told.width > bare.width and told.height > bare.height
    ink = np.asarray(told.convert("L")) < 128
    assert ink[: told.height - 210].any() and ink[:, : told.width - 210].any()
    assert not ink[-205:, -205:].any()


@pytest.mark.parametrize("label", ["x" * 500, "word " * 500, "", "ключ 日本", "\n\n", "a\tb"])
def test_any_label_fits(label: str) -> None:
    grid = labelled_grid([[plain((0, 0, 0))] * 2], (40, 30), columns=[label] * 2, rows=[label], title=label)
    assert grid.width < 400 and grid.height < 500


def test_a_large_grid_is_scaled_down() -> None:
    grid = labelled_grid([[plain((9, 9, 9), (512, 64))] * 40], (512, 64))
    assert LONGEST_SIDE * 0.9 < grid.width <= LONGEST_SIDE + 100


def test_no_cells_are_no_grid() -> None:
    with pytest.raises(ValueError, match="at least one"):
        labelled_grid([], (8, 8))

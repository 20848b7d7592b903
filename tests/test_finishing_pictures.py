"""What each finishing step does to a picture, shown by what comes out: sharper, in other colours, transparent, of another size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from webui.pictures.resizing import COVER, FILTERS, FIT, LONG_SIDE, RESIZE_WAYS, STRETCH, at_size, size_after
from webui.pictures.sharpening import sharpened
from webui.pictures.toning import COOLEST_KELVIN, NEUTRAL_KELVIN, WARMEST_KELVIN, in_light_of, levelled
from webui.pictures.transparency import cut_out, laid_on


def edge(dark: int = 100, light: int = 150, size: int = 32) -> Image.Image:
    """Dark at the left, light at the right."""
    values = np.full((size, size, 3), dark, np.uint8)
    values[:, size // 2 :] = light
    return Image.fromarray(values)


def numbers(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


# sharpening


def test_sharpening_deepens_an_edge_and_leaves_flat_places() -> None:
    made = numbers(sharpened(edge(), 0.5, 1.0))
    assert made[16, 15, 0] < 100 and made[16, 16, 0] > 150
    assert (made[:, :8] == 100).all() and (made[:, -8:] == 150).all()
    stronger = numbers(sharpened(edge(), 1.5, 1.0))
    assert stronger[16, 15, 0] < made[16, 15, 0] and stronger[16, 16, 0] > made[16, 16, 0]


def test_a_larger_radius_reaches_further() -> None:
    touched = [(numbers(sharpened(edge(), 1.0, radius)) != numbers(edge())).any(axis=(0, 2)).sum() for radius in (0.5, 1.5, 3.0)]
    assert touched[0] < touched[1] < touched[2]


def test_no_sharpening_changes_nothing() -> None:
    assert sharpened(edge(), 0, 2.0).tobytes() == edge().tobytes()


def test_what_is_transparent_has_no_say_in_sharpening() -> None:
    hidden = edge(0, 200).convert("RGBA")
    hidden.putalpha(edge(0, 255).getchannel("R"))  # what is dark can't be seen
    made = sharpened(hidden, 1.0, 2.0)
    assert (numbers(made)[:, 16:, :3] == 200).all()
    assert made.getchannel("A").tobytes() == hidden.getchannel("A").tobytes()


# levels and light


def test_levels_reach_from_black_to_white_in_each_channel() -> None:
    values = numbers(edge())
    values[..., 2] //= 2
    made = numbers(levelled(Image.fromarray(values.astype(np.uint8)), 0))
    assert [made[..., channel].min() for channel in range(3)] == [0, 0, 0]
    assert [made[..., channel].max() for channel in range(3)] == [255, 255, 255]


def test_levels_may_lose_a_share_of_the_ends() -> None:
    values = np.full((100, 100, 3), 100, np.uint8)
    values[:50] = 150
    values[0, 0], values[0, 1] = 0, 255  # two pixels of ten thousand
    assert numbers(levelled(Image.fromarray(values), 0))[99, 99, 0] == 100
    assert numbers(levelled(Image.fromarray(values), 0.1))[99, 99, 0] == 0


def test_levels_don_t_heed_what_is_transparent() -> None:
    seen = edge(100, 150).convert("RGBA")
    values = np.asarray(seen).copy()
    values[:4], values[-4:] = (0, 0, 0, 0), (255, 255, 255, 0)
    assert numbers(levelled(Image.fromarray(values), 0))[16, 0, 0] == 0
    nothing = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    assert levelled(nothing, 1).tobytes() == nothing.tobytes()


def test_warm_light_is_redder_cool_light_bluer_and_grey_stays_as_light() -> None:
    grey = Image.new("RGB", (8, 8), (128, 128, 128))
    assert in_light_of(grey, NEUTRAL_KELVIN).tobytes() == grey.tobytes()
    balance = []
    for kelvin in (WARMEST_KELVIN, 3000, 5000, 6501, 8000, 12_000, COOLEST_KELVIN):
        red, green, blue = numbers(in_light_of(grey, kelvin))[0, 0]
        light = [((one / 255 + 0.055) / 1.055) ** 2.4 if one > 10 else one / 255 / 12.92 for one in (red, green, blue)]
        if kelvin >= 3000:  # warmer than that blue would be less than none
            assert np.dot(light, (0.2126, 0.7152, 0.0722)) == pytest.approx(((128 / 255 + 0.055) / 1.055) ** 2.4, rel=0.02)
        balance.append(int(red) - int(blue))
    assert balance == sorted(balance, reverse=True) and balance[0] > 100 and balance[3] == 0 and balance[-1] < -20


def test_the_colour_of_light_goes_on_evenly_where_its_formulas_meet() -> None:
    grey = Image.new("RGB", (1, 1), (128, 128, 128))
    for meeting in (2222, 4000):
        here, beyond = (numbers(in_light_of(grey, kelvin)) for kelvin in (meeting, meeting + 1))
        assert abs(here - beyond).max() <= 1


# cutting out


def test_a_cut_out_shows_the_subject_alone() -> None:
    subject = edge(0, 255).getchannel("R")
    made = cut_out(edge(10, 200), subject)
    assert made.mode == "RGBA" and made.getchannel("A").tobytes() == subject.tobytes()
    assert (numbers(made)[:, 16:, :3] == 200).all()
    assert (numbers(laid_on(made, "#ff0000"))[:, :16] == (255, 0, 0)).all()
    assert (numbers(laid_on(made, "#ff0000"))[:, 16:] == 200).all()


def test_what_was_transparent_stays_so() -> None:
    before = edge().convert("RGBA")
    before.putalpha(Image.new("L", before.size, 100))
    alphas = numbers(cut_out(before, edge(0, 255).getchannel("R")))[..., 3]
    assert (alphas[:, :16] == 0).all() and (alphas[:, 16:] == 100).all()


def test_the_background_s_colour_is_no_seam_around_the_subject() -> None:
    """A red subject, in front of white, whose soft edge is a mixture of both: on black it must not shine."""
    share = np.tile(np.linspace(0, 1, 33).clip(0, 1), (33, 1))
    mixed = share[..., None] * (200, 0, 0) + (1 - share[..., None]) * 255
    wide = np.pad(mixed, ((40, 40), (40, 40), (0, 0)), "edge")
    subject = np.pad(share, 40, "edge")
    made = cut_out(Image.fromarray(np.rint(wide).astype(np.uint8)), Image.fromarray(np.rint(subject * 255).astype(np.uint8)))
    blue = numbers(laid_on(made, "#000000"))[56, 40:73, 2]
    without = np.rint(subject[56, 40:73] * wide[56, 40:73, 2])
    assert without.max() > 60  # as it would shine
    assert blue.max() < without.max() / 3


# sizes


@pytest.mark.parametrize(
    ("way", "wanted", "long_side", "expected"),
    [
        (FIT, (100, 100), 0, (100, 50)),
        (COVER, (100, 100), 0, (100, 100)),
        (STRETCH, (100, 100), 0, (100, 100)),
        (FIT, (100, 0), 0, (100, 50)),
        (COVER, (0, 100), 0, (200, 100)),
        (STRETCH, (0, 0), 0, (80, 40)),
        (LONG_SIDE, (0, 0), 120, (120, 60)),
        (LONG_SIDE, (7, 7), 1, (1, 1)),
    ],
)
def test_sizes(way: str, wanted: tuple[int, int], long_side: int, expected: tuple[int, int]) -> None:
    assert size_after((80, 40), way, wanted, long_side) == expected
    for mode in ("RGB", "RGBA"):
        made = at_size(edge(size=80).crop((0, 0, 80, 40)).convert(mode), way, wanted, long_side, "Lanczos")
        assert (made.size, made.mode) == (expected, mode)


@pytest.mark.parametrize("way", RESIZE_WAYS)
@pytest.mark.parametrize("by", FILTERS)
def test_what_is_transparent_doesn_t_come_into_sight_at_edges(way: str, by: str) -> None:
    hidden = edge(0, 200).convert("RGBA")
    hidden.putalpha(edge(0, 255).getchannel("R"))
    made = numbers(at_size(hidden, way, (13, 11), 13, by))
    assert made[made[..., 3] > 32][:, :3].min() > 190  # black is what is hidden


def test_area_is_the_mean_of_what_lies_below() -> None:
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    made = numbers(at_size(Image.fromarray(values).convert("RGB"), STRETCH, (2, 2), 0, "Area"))[..., 0]
    assert made.tolist() == [[int(values[y : y + 4, x : x + 4].mean() + 0.5) for x in (0, 4)] for y in (0, 4)]


def test_cover_cuts_evenly_off_both_sides() -> None:
    values = np.zeros((10, 30, 3), np.uint8)
    values[:, 10:20] = 255
    assert (numbers(at_size(Image.fromarray(values), COVER, (10, 10), 0, "Area")) == 255).all()

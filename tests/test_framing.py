"""What drawing starts from and how it goes back: sizes, parts, masks, colours, at corners and edges and in any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from webui.errors import InvalidRequest
from webui.pictures.boxes import Box, Size
from webui.pictures.colours import with_colours_of
from webui.pictures.framing import CutOut, box_around, cropped, filled, place_within, stretched
from webui.pictures.masking import as_mask, blurred, bounds, check_mask, filled_in, hardened, turned
from webui.pictures.starting import LATENT, WAYS, Masking, starting_inpaint, starting_picture

SIDE = st.integers(1, 90)
SIZES = st.tuples(SIDE, SIDE)
DRAWN = st.tuples(st.integers(8, 24), st.integers(8, 24)).map(lambda eighths: (eighths[0] * 8, eighths[1] * 8))


LARGE = st.tuples(st.integers(1, 8192), st.integers(1, 8192))
DRAWN_LARGE = st.tuples(st.integers(8, 256), st.integers(8, 256)).map(lambda eighths: (eighths[0] * 8, eighths[1] * 8))
"""Of any shape, 1 x 8192 among them; where only numbers are looked at."""


@st.composite
def pictures_with_boxes(draw: st.DrawFn, sizes: st.SearchStrategy[Size] = SIZES) -> tuple[Size, Box]:
    """A size, and a box in it that often lies at an edge or in a corner."""
    spans = []
    size = draw(sizes)
    for most in size:
        start = draw(st.one_of(st.just(0), st.integers(0, most - 1)))
        spans.append((start, draw(st.one_of(st.just(most), st.integers(start + 1, most)))))
    (left, right), (top, bottom) = spans
    return size, Box(left, top, right, bottom)


def gradient(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), 0 * x], -1).astype(np.uint8))


def mask_of(size: Size, box: Box) -> Image.Image:
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    return mask


# the part that is drawn


@given(st.one_of(pictures_with_boxes(), pictures_with_boxes(LARGE)), st.integers(0, 256), DRAWN_LARGE)
def test_the_part_holds_the_mask_and_lies_in_the_picture(where: tuple[Size, Box], padding: int, drawn: Size) -> None:
    (width, height), inner = where
    part = box_around(inner, padding, drawn, (width, height))
    assert 0 <= part.left <= max(inner.left - padding, 0)
    assert 0 <= part.top <= max(inner.top - padding, 0)
    assert min(inner.right + padding, width) <= part.right <= width
    assert min(inner.bottom + padding, height) <= part.bottom <= height


@given(st.one_of(pictures_with_boxes(), pictures_with_boxes(LARGE)), st.integers(0, 256), DRAWN_LARGE)
def test_the_part_has_the_shape_that_is_drawn_unless_the_picture_ends(where: tuple[Size, Box], padding: int, drawn: Size) -> None:
    size, inner = where
    part = box_around(inner, padding, drawn, size)
    across, down = (length == most for length, most in zip(part.size, size, strict=True))
    wide, high = part.size
    if not across and not down:
        # Within the one pixel by which whole ones miss it.
        assert abs(wide * drawn[1] - high * drawn[0]) <= max(drawn)


@given(st.one_of(SIZES, LARGE), DRAWN_LARGE)
def test_a_whole_picture_in_a_frame(size: Size, frame: Size) -> None:
    place = place_within(size, frame)
    assert 0 <= place.left < place.right <= frame[0]
    assert 0 <= place.top < place.bottom <= frame[1]
    assert place.size[0] == frame[0] or place.size[1] == frame[1]
    assert abs(place.left - (frame[0] - place.right)) <= 1
    assert abs(place.top - (frame[1] - place.bottom)) <= 1


@settings(max_examples=60, deadline=None)
@given(pictures_with_boxes(), DRAWN)
def test_what_is_taken_comes_back_to_where_it_was(where: tuple[Size, Box], drawn: Size) -> None:
    """A picture that is given back as it was taken is the same again, up to the loss of resizing; around it nothing changes."""
    size, inner = where
    source = gradient(*size)
    cut = CutOut(box_around(inner, 8, drawn, size), drawn)
    taken = cut.taken(source)
    assert taken.size == drawn
    back = np.asarray(cut.put_back(taken, source)).astype(int)
    was = np.asarray(source).astype(int)
    outside = np.ones(was.shape[:2], bool)
    outside[cut.box.top : cut.box.bottom, cut.box.left : cut.box.right] = False
    assert np.array_equal(back[outside], was[outside])
    if min(cut.box.size) >= 16 and min(cut.place.size) >= max(cut.box.size):  # where it was made larger, hardly anything is lost
        assert np.abs(back - was).mean() < 6


@settings(max_examples=60, deadline=None)
@given(pictures_with_boxes(), DRAWN, st.sampled_from([0.0, 1.0, 4.0]), st.one_of(st.none(), st.integers(0, 32)))
def test_only_what_is_masked_changes(where: tuple[Size, Box], drawn: Size, blur: float, padding: int | None) -> None:
    size, inner = where
    source, mask = gradient(*size), mask_of(size, inner)
    start = starting_inpaint(source, mask, drawn, "Just resize", Masking(blur=blur, padding=padding))
    assert start.picture.size == drawn and start.mask is not None and start.mask.size == drawn
    result = np.asarray(start.finished(Image.new("RGB", drawn, (0, 0, 255))))
    whole = np.asarray(source if padding is not None else stretched(source, drawn))
    overlay = np.asarray(start.overlay)
    assert result.shape == whole.shape
    assert np.array_equal(result[overlay == 0], whole[overlay == 0])
    assert (result[overlay == 255] == (0, 0, 255)).all()
    if padding is not None and blur == 0:
        assert np.array_equal(overlay, np.asarray(mask))


@settings(max_examples=60, deadline=None)
@given(pictures_with_boxes(), DRAWN, st.integers(0, 32), st.booleans())
def test_only_masked_goes_back_to_its_very_place(where: tuple[Size, Box], drawn: Size, padding: int, inverted: bool) -> None:
    """A slope that is drawn as it was taken comes back within what half a pixel of it makes: nothing is moved, stretched or turned."""
    size, inner = where
    source, mask = gradient(*size), mask_of(size, inner)
    if bounds(turned(mask, inverted)) is None:
        return
    start = starting_inpaint(source, mask, drawn, "Just resize", Masking(blur=0, inverted=inverted, padding=padding))
    assert start.cut is not None
    back = np.asarray(start.finished(start.picture)).astype(int)
    was = np.asarray(source).astype(int)
    assert back.shape == was.shape
    smaller = max(1.0, *(box / place for box, place in zip(start.cut.box.size, start.cut.place.size, strict=True)))
    for channel, side in ((0, size[0]), (1, size[1])):
        assert np.abs(back - was)[..., channel].max() <= 2 + smaller * 255 / max(side - 1, 1)


# ways to another size


@given(SIZES, DRAWN, st.sampled_from(sorted(WAYS)))
def test_every_way_ends_at_the_size(size: Size, drawn: Size, mode: str) -> None:
    assert WAYS[mode](gradient(*size), drawn).size == drawn
    assert WAYS[mode](gradient(*size).convert("L"), drawn).size == drawn


def test_the_ways_differ_in_what_they_keep() -> None:
    wide = gradient(120, 40)
    assert np.asarray(stretched(wide, (40, 40)))[20, :, 0].tolist()[0] < 10 < 245 < np.asarray(stretched(wide, (40, 40)))[20, -1, 0]
    middle = np.asarray(cropped(wide, (40, 40)))[20, :, 0]
    assert 75 < middle[0] < 95 and 160 < middle[-1] < 180
    whole = np.asarray(filled(wide, (120, 120)))
    assert np.array_equal(whole[40:80], np.asarray(wide))
    assert (whole[:40] == whole[40]).all() and (whole[80:] == whole[79]).all()


def test_latents_are_resized_instead_of_the_picture() -> None:
    assert starting_picture(gradient(37, 49), (64, 64), LATENT).picture.size == (32, 48)
    assert starting_picture(Image.new("RGB", (4096, 1000)), (64, 64), LATENT).picture.size == (2048, 496)
    assert starting_picture(Image.new("RGB", (5, 5)), (64, 64), LATENT).picture.size == (8, 8)


# masks


def test_what_a_mask_is() -> None:
    clear = Image.new("RGBA", (4, 1), (255, 255, 255, 0))
    for x, alpha in enumerate((0, 128, 129, 255)):
        clear.putpixel((x, 0), (0, 0, 0, alpha))
    assert list(as_mask(clear).tobytes()) == [0, 0, 255, 255]
    assert list(as_mask(Image.new("RGBA", (2, 1), (9, 9, 9, 255))).tobytes()) == [9, 9]
    assert list(as_mask(Image.new("L", (2, 1), 70)).tobytes()) == [70, 70]
    assert list(as_mask(Image.new("1", (2, 1), 1)).tobytes()) == [255, 255]
    assert list(as_mask(Image.fromarray(np.array([[0, 65535]], np.uint16))).tobytes()) == [0, 255]


def test_the_blur_is_a1111s() -> None:
    """Sigma 4 reaches 10 pixels to both sides of an edge, and at the picture's end nothing of the mask is lost."""
    mask = mask_of((64, 64), Box(32, 0, 64, 64))
    soft = np.asarray(blurred(mask, 4.0))
    assert (np.flatnonzero(soft[32])[0], np.flatnonzero(soft[32] == 255)[0]) == (22, 42)
    assert (soft[:, -1] == 255).all() and (soft == soft[:1]).all()
    assert blurred(mask, 0) is mask


def test_the_edge_is_hardened() -> None:
    assert list(hardened(Image.frombytes("L", (4, 1), bytes([0, 60, 128, 255]))).tobytes()) == [0, 120, 255, 255]


@pytest.mark.parametrize(
    ("mask", "inverted", "said"),
    [
        (Image.new("L", (8, 9), 255), False, "The mask is 8 x 9, and the picture 8 x 8."),
        (Image.new("L", (8, 8), 0), False, "Nothing is masked."),
        (Image.new("L", (8, 8), 255), True, "The mask covers all, and what isn't masked was to be drawn."),
    ],
)
def test_masks_that_do_not_go(mask: Image.Image, inverted: bool, said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_mask(mask, (8, 8), inverted=inverted)
    assert (refused.value.message, refused.value.field) == (said, "mask")
    check_mask(turned(Image.new("L", (8, 8), 255), inverted), (8, 8), inverted=inverted)


def test_bounds_of_a_mask() -> None:
    assert bounds(mask_of((30, 20), Box(3, 4, 9, 20))) == (3, 4, 9, 20)
    assert bounds(Image.new("L", (3, 3), 0)) is None


def test_filling_takes_the_colours_around_and_nothing_of_what_is_masked() -> None:
    source = Image.new("RGB", (64, 64), (10, 200, 30))
    source.paste((255, 0, 255), (24, 24, 40, 40))
    result = np.asarray(filled_in(source, mask_of((64, 64), Box(24, 24, 40, 40)))).astype(int)
    assert np.abs(result - (10, 200, 30)).max() <= 6
    assert np.array_equal(result[:16], np.asarray(source)[:16])


# colours


def test_colours_come_from_the_source_and_light_stays() -> None:
    grey = Image.merge("RGB", [gradient(64, 64).getchannel("R")] * 3).point([64 + value // 2 for value in range(256)] * 3)
    blue = Image.new("RGB", (64, 64), (90, 110, 170))
    result = with_colours_of(grey, blue).convert("YCbCr")
    light, cb, cr = (np.asarray(channel).astype(int) for channel in result.split())
    assert np.abs(light - np.asarray(grey.convert("YCbCr").getchannel("Y"))).max() <= 2
    wanted = blue.convert("YCbCr").getpixel((0, 0))
    assert isinstance(wanted, tuple)
    assert np.abs(cb - wanted[1]).max() <= 2 and np.abs(cr - wanted[2]).max() <= 2


def test_a_picture_keeps_its_own_colours() -> None:
    assert np.abs(np.asarray(with_colours_of(gradient(40, 30), gradient(40, 30))).astype(int) - np.asarray(gradient(40, 30))).max() <= 4

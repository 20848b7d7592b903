"""EXIF is written as it was read: Pillow's, a camera's own, of both byte orders, and none of it from beyond its end."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from webui.pictures.exif import MAKER_NOTE, ORIENTATION, UNDEFINED, USER_COMMENT, Exif, Tag, read_exif, write_exif

MAKE, MODEL, DATE, EXPOSURE, GPS_LATITUDE, INTEROP_INDEX, WIDE, HIGH = 0x10F, 0x110, 0x9003, 0x829A, 2, 1, 0xA002, 0xA003


def of_a_camera() -> bytes:
    exif = Image.Exif()
    exif[MAKE], exif[MODEL], exif[ORIENTATION] = "Müller", "X-1", 6
    exif.get_ifd(0x8769).update(
        {DATE: "2026:11:26 08:00:00", EXPOSURE: IFDRational(1, 250), WIDE: 4000, HIGH: 3000, 0xA005: {INTEROP_INDEX: "R98"}}
    )
    exif.get_ifd(0x8769)[MAKER_NOTE] = b"camera's own \x00\xff" * 9
    exif.get_ifd(0x8825).update({1: "N", GPS_LATITUDE: (52.0, 30.0, 12.5)})
    return exif.tobytes()


def seen_by_pillow(data: bytes) -> Image.Exif:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "JPEG", exif=data)
    with Image.open(io.BytesIO(buffer.getvalue())) as picture:
        return picture.getexif()


def test_all_of_a_camera_s_tags_come_back() -> None:
    read = read_exif(of_a_camera())
    assert read_exif(write_exif(read)) == read
    found = seen_by_pillow(write_exif(read))
    details = found.get_ifd(0x8769)
    assert (found[MODEL], found[ORIENTATION], details[DATE]) == ("X-1", 6, "2026:11:26 08:00:00")
    assert Fraction(details[EXPOSURE].numerator, details[EXPOSURE].denominator) == Fraction(1, 250)
    assert details[MAKER_NOTE] == b"camera's own \x00\xff" * 9
    assert tuple(map(float, found.get_ifd(0x8825)[GPS_LATITUDE])) == (52.0, 30.0, 12.5)
    assert found.get_ifd(0xA005)[INTEROP_INDEX] == "R98"


def test_both_byte_orders_are_read_and_kept() -> None:
    little = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, MODEL, 2, 4, 0x2D58, 0x31, 0)
    read = read_exif(b"Exif\0\0" + little)
    assert read.order == "<" and read.root[MODEL] == Tag(2, b"X-1\0")
    assert write_exif(read).removeprefix(b"Exif\0\0") == little


def test_what_told_of_the_old_pixels_goes() -> None:
    now = read_exif(of_a_camera()).for_pixels(16000, 12000)
    found = seen_by_pillow(write_exif(now))
    assert ORIENTATION not in found and found[MODEL] == "X-1"
    assert (found.get_ifd(0x8769)[WIDE], found.get_ifd(0x8769)[HIGH]) == (16000, 12000)


def test_tags_are_laid_over_and_left_out() -> None:
    comment = Tag(UNDEFINED, b"UNICODE\0" + "foxes".encode("utf-16-be"))
    with_words = read_exif(of_a_camera()).with_tags({USER_COMMENT: comment})
    assert seen_by_pillow(write_exif(with_words)).get_ifd(0x8769)[USER_COMMENT] == comment.data
    assert with_words.without(USER_COMMENT) == read_exif(of_a_camera())


@pytest.mark.parametrize("data", [b"", b"Exif\0\0", b"Exif\0\0MM\0*", b"Exif\0\0MM\0*\0\0\0\x08", b"nothing of the kind" * 20])
def test_what_is_no_exif_is_none(data: bytes) -> None:
    assert not read_exif(data)


def test_tags_that_lie_outside_are_left_out() -> None:
    whole = of_a_camera()
    for end in range(0, len(whole), 7):
        cut = read_exif(whole[:end])
        assert read_exif(write_exif(cut)) == cut
        assert all(tag in read_exif(whole).root.values() for tag in cut.root.values())


@given(st.binary(max_size=300), st.sampled_from([b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0"]))
def test_no_bytes_raise(data: bytes, begin: bytes) -> None:
    read = read_exif(begin + data)
    assert read_exif(write_exif(read)) == read or not read


def test_nothing_is_nothing() -> None:
    assert not Exif() and not read_exif(write_exif(Exif()))

from __future__ import annotations

import io
import struct

import pytest

from webui.generation.source import source_hash
from webui.generation.wire import BrokenStream, read_frame, write_frame


def test_frames_come_back_in_order() -> None:
    stream = io.BytesIO()
    messages = [{"text": "ö", "bytes": b"\x00\xff", "number": 2**63 - 1, "list": [1, 2.5, None]}, {}, {"big": b"x" * 1_000_000}]
    for message in messages:
        write_frame(stream, message)
    stream.seek(0)
    assert [read_frame(stream) for _ in messages] == messages
    assert read_frame(stream) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x00\x00\x00\x05ab",
        b"Traceback (most recent call last)",
        struct.pack(">I", 1) + b"\xc1",
        struct.pack(">I", 2) + b"\x01\x02",
        struct.pack(">I", 1) + b"\x01",
        struct.pack(">I", 0),
    ],
)
def test_what_is_not_a_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenStream):
        read_frame(io.BytesIO(data))


def test_the_source_hash_sees_names_and_contents(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "notes.txt").write_text("1")
    first = source_hash(tmp_path)
    (tmp_path / "notes.txt").write_text("2")
    assert source_hash(tmp_path) == first
    (tmp_path / "a.py").write_text("2")
    second = source_hash(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, source_hash(tmp_path)}) == 3

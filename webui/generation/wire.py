"""Frames on a byte stream: how the web process and a worker talk over a pipe.

A frame is four bytes of length (big endian) and that many bytes of msgpack. Both sides import this module;
it knows nothing of what is said in the frames.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgpack

MAX_FRAME_BYTES = 512 * 1024 * 1024
"""Longest frame that is believed. A length beyond it means that something else wrote into the stream."""

_LENGTH = struct.Struct(">I")


class BrokenStream(Exception):
    """The stream ended in the middle of a frame, or holds something that is not a frame."""


def write_frame(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Write one message and flush. One writer at a time. Raises OSError when the other side is gone."""
    body: bytes = msgpack.Packer().pack(message)
    if len(body) > MAX_FRAME_BYTES:
        raise BrokenStream(f"A message of {len(body)} bytes is longer than a frame may be.")
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """Wait for the next message; None when the stream ended between frames. Raises BrokenStream otherwise."""
    head = _read_exactly(stream, _LENGTH.size)
    if not head:
        return None
    if len(head) < _LENGTH.size:
        raise BrokenStream("The stream ended in the middle of a frame.")
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME_BYTES:
        raise BrokenStream("Something that is not a frame was written into the stream.")
    body = _read_exactly(stream, length)
    if len(body) < length:
        raise BrokenStream("The stream ended in the middle of a frame.")
    try:
        message = msgpack.unpackb(body)
    except ValueError as error:
        raise BrokenStream(f"A frame cannot be read: {error}.") from error
    if not isinstance(message, dict):
        raise BrokenStream("A frame holds something that is not a message.")
    return message


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    """That many bytes, or fewer where the stream ends."""
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)

"""EXIF as it stands in a file: each tag's bytes kept as they are, so that what is written again is what was read.

Source: EXIF 2.32, 4.6; TIFF 6.0, section 2. Written here: Pillow gives some tags other types than they had (UserComment the type BYTE,
where piexif, so AUTOMATIC1111, doesn't find it), and drops what it doesn't know.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

MARK = b"Exif\0\0"

ASCII, LONG, UNDEFINED = 2, 4, 7
_BYTES = {1: 1, ASCII: 1, 3: 2, LONG: 4, 5: 8, 6: 1, UNDEFINED: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
"""Type of a value -> bytes of one."""

ORIENTATION = 0x0112
MAKER_NOTE, USER_COMMENT, IMAGE_HISTORY = 0x927C, 0x9286, 0x9213

_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
"""Tags that say where a folder within another one begins."""
_OF_THE_PIXELS = frozenset((0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x0201, 0x0202))
"""Sizes, offsets and forms of pixels within the same file, which say nothing of another one's."""
_SIDES = 0xA002, 0xA003
_MOST_TAGS = 1000
_HEADER_BYTES = 8


@dataclass(frozen=True)
class Tag:
    """The value of one tag. kind: TIFF's number of its type. data: in the byte order of its Exif."""

    kind: int
    data: bytes


Folder = Mapping[int, Tag]


@dataclass(frozen=True)
class Exif:
    """Tags by their folders. order: of bytes, ">" or "<"."""

    order: str = ">"
    root: Folder = field(default_factory=dict)
    exif: Folder = field(default_factory=dict)
    gps: Folder = field(default_factory=dict)
    interoperability: Folder = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.root or self.exif or self.gps or self.interoperability)

    def with_tags(self, tags: Folder) -> Exif:
        """With these in the folder of EXIF, in place of those of the same number."""
        return replace(self, exif={**self.exif, **tags})

    def for_pixels(self, width: int, height: int) -> Exif:
        """As it is true of other pixels, which stand upright: without what told of the old ones, and with these sizes where it had some."""
        root = {number: tag for number, tag in self.root.items() if number not in (ORIENTATION, *_OF_THE_PIXELS)}
        sizes = {
            number: Tag(LONG, struct.pack(f"{self.order}I", side))
            for number, side in zip(_SIDES, (width, height), strict=True)
            if number in self.exif
        }
        return replace(self, root=root, exif={**self.exif, **sizes})

    def without(self, *numbers: int) -> Exif:
        """Without these tags of the folder of EXIF."""
        return replace(self, exif={number: tag for number, tag in self.exif.items() if number not in numbers})


def read_exif(data: bytes) -> Exif:
    """EXIF of a file, with or without its mark. Tags that lie outside of it, and small pictures in it, are left out; never raises."""
    block = data.removeprefix(MARK)
    order = {b"MM\0*": ">", b"II*\0": "<"}.get(block[:4])
    if order is None:
        return Exif()
    (start,) = struct.unpack_from(f"{order}I", block.ljust(_HEADER_BYTES, b"\0"), 4)
    root = _read(block, order, start)
    exif = _read(block, order, _pointer(root, _EXIF, order))
    return Exif(
        order,
        {number: tag for number, tag in root.items() if number not in (_EXIF, _GPS)},
        {number: tag for number, tag in exif.items() if number != _INTEROPERABILITY},
        _read(block, order, _pointer(root, _GPS, order)),
        _read(block, order, _pointer(exif, _INTEROPERABILITY, order)),
    )


def _pointer(folder: Folder, number: int, order: str) -> int:
    tag = folder.get(number)
    return struct.unpack(f"{order}I", tag.data)[0] if tag is not None and len(tag.data) == _BYTES[LONG] else 0


def _read(block: bytes, order: str, start: int) -> dict[int, Tag]:
    if not _HEADER_BYTES <= start <= len(block) - 2:
        return {}
    entry = struct.Struct(f"{order}HHI4s")
    (count,) = struct.unpack_from(f"{order}H", block, start)
    found: dict[int, Tag] = {}
    for place in range(start + 2, start + 2 + entry.size * min(count, _MOST_TAGS), entry.size):
        if place + entry.size > len(block):
            break
        number, kind, length, value = entry.unpack_from(block, place)
        size = _BYTES.get(kind, 0) * length
        if size > len(value):
            (offset,) = struct.unpack(f"{order}I", value)
            value = block[offset : offset + size]
        if 0 < size <= len(value):
            found[number] = Tag(kind, value[:size])
    return found


def write_exif(exif: Exif) -> bytes:
    """EXIF as it stands in a file, with its mark."""
    order = exif.order
    begin = b"MM\0*" if order == ">" else b"II*\0"
    head = begin + struct.pack(f"{order}I", _HEADER_BYTES)
    # A folder's own folders lie behind it, one after the other: where one begins follows from how long those before it are.
    inner: list[tuple[int, bytes]] = []
    root = dict(exif.root)
    if exif.exif or exif.interoperability:
        root[_EXIF] = _PLACE
    if exif.gps:
        root[_GPS] = _PLACE
    start = _HEADER_BYTES + len(_folder(root, order, 0))
    if _EXIF in root:
        folder = dict(exif.exif) | ({_INTEROPERABILITY: _PLACE} if exif.interoperability else {})
        end = start + len(_folder(folder, order, 0))
        root[_EXIF] = Tag(LONG, struct.pack(f"{order}I", start))
        if exif.interoperability:
            folder[_INTEROPERABILITY] = Tag(LONG, struct.pack(f"{order}I", end))
        inner.append((start, _folder(folder, order, start)))
        if exif.interoperability:
            inner.append((end, _folder(exif.interoperability, order, end)))
        start = inner[-1][0] + len(inner[-1][1])
    if _GPS in root:
        root[_GPS] = Tag(LONG, struct.pack(f"{order}I", start))
        inner.append((start, _folder(exif.gps, order, start)))
    return MARK + head + _folder(root, order, _HEADER_BYTES) + b"".join(data for _, data in inner)


_PLACE = Tag(LONG, bytes(4))


def _folder(tags: Folder, order: str, start: int) -> bytes:
    """A folder that lies at `start`, with the values of its tags behind it."""
    entry = struct.Struct(f"{order}HHI4s")
    values = start + 2 + entry.size * len(tags) + 4
    entries, data = [], b""
    for number, tag in sorted(tags.items()):
        value = tag.data
        if len(value) > 4:
            value = struct.pack(f"{order}I", values + len(data))
            data += tag.data + bytes(len(tag.data) % 2)
        entries.append(entry.pack(number, tag.kind, len(tag.data) // _BYTES[tag.kind], value.ljust(4, b"\0")))
    return struct.pack(f"{order}H", len(tags)) + b"".join(entries) + bytes(4) + data

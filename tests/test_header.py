import json
import struct
from pathlib import Path

import model_files as files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import safetensors_header, write_gguf, write_safetensors
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from webui.catalog.header import _GGML_TYPES, Header, read_gguf, read_header, read_safetensors, sniff
from webui.catalog.weights import check_safetensors
from webui.errors import CheckpointUnusable


def test_the_header_says_what_the_library_says(tmp_path: Path) -> None:
    tensors = {"b": np.zeros((2, 3), np.float16), "a": np.ones((), np.float32), "empty": np.zeros((0, 4), np.float32)}
    save_file(tensors, tmp_path / "m.safetensors", {"ss_output_name": "x"})
    header = read_header(tmp_path / "m.safetensors")
    assert header.metadata == {"ss_output_name": "x"}
    assert header.shapes == {"a": (), "b": (2, 3), "empty": (0, 4)}
    content = (tmp_path / "m.safetensors").read_bytes()
    for name, tensor in tensors.items():
        info = header.tensors[name]
        assert content[info.offset : info.offset + info.nbytes] == tensor.tobytes()


def raw(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(shape=(2,), offsets=(0, 4), dtype="F16", **more) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


MALFORMED = {
    "empty": (b"", "is empty"),
    "a few bytes": (b"abc", "damaged or cut off"),
    "web page": (b"\xef\xbb\xbf \n<!DOCTYPE html>", "web page"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git-lfs pointer"),
    "refusal": (b'{"error": "login"}', "JSON text"),
    "truncated data": (raw({"a": entry()}, b"12"), "2 of|bytes are there"),
    "too long": (raw({"a": entry()}, b"12345"), "too many"),
    "truncated header": (raw({"a": entry()})[:20], "beyond its end"),
    "huge header": ((2**31).to_bytes(8, "little") + b"{}", "beyond its end"),
    "impossible header": ((2**62).to_bytes(8, "little") + b"{}", "begins like none"),
    "bad JSON": (raw(b'{"a": '), "damaged"),
    "not UTF-8": (raw(b'{"\xff": 1}'), "damaged"),
    "deep JSON": (raw(b'{"a":' + b"[" * 200_000), "damaged"),
    "huge number": (raw(b'{"a":' + b"9" * 10_000 + b"}"), "damaged"),
    "no table": (raw(b"{}"[:1] + b"1"), "damaged"),
    "list": (raw(b" [1]"), "begins like none"),
    "no dtype": (raw({"a": {"shape": [2], "data_offsets": [0, 4]}}, b"1234"), "damaged"),
    "entry no table": (raw({"a": 5}), "damaged"),
    "unknown dtype": (raw({"a": entry(dtype="X9")}, b"1234"), "unknown type"),
    "dtype no text": (raw({"a": entry(dtype=[1])}, b"1234"), "damaged"),
    "unknown words": (raw({"a": entry(code="x")}, b"1234"), "unknown words"),
    "negative shape": (raw({"a": entry((-2,))}, b"1234"), "impossible"),
    "boolean shape": (raw({"a": entry((True, 2))}, b"1234"), "impossible"),
    "shape overflow": (raw({"a": entry((2**63, 2**63, 2**63))}, b"1234"), "impossible"),
    "shape of fractions": (raw({"a": entry((2.0,))}, b"1234"), "impossible"),
    "does not fit": (raw({"a": entry((3,))}, b"1234"), "does not fit"),
    "offsets backwards": (raw({"a": entry((0,), (4, 0))}, b"1234"), "does not fit|impossible"),
    "three offsets": (raw({"a": entry((2,), (0, 4, 8))}, b"1234"), "damaged"),
    "overlap": (raw({"a": entry(), "b": entry(offsets=(2, 6))}, b"123456"), "overlap"),
    "hole": (raw({"a": entry(), "b": entry(offsets=(6, 10))}, b"1234567890"), "hole"),
    "name twice": (
        raw(b'{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}', b"1234"),
        "twice",
    ),
    "metadata of numbers": (raw({"__metadata__": {"a": 1}}), "metadata"),
    "metadata no table": (raw({"__metadata__": ["a"]}), "metadata"),
}


@pytest.mark.parametrize(("content", "words"), MALFORMED.values(), ids=MALFORMED.keys())
def test_every_malformed_safetensors_says_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    for check in (read_header, check_safetensors):
        with pytest.raises(CheckpointUnusable, match=words) as caught:
            check(path)
        assert "m.safetensors" in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("length", [0x3C, 0x3C20, 0x0280, 0x7B, 0x227B], ids=hex)
def test_a_length_that_looks_like_another_format_is_still_a_length(tmp_path: Path, length: int) -> None:
    head, size = safetensors_header({"a": (2,)})
    text = head[8:].ljust(length)
    (tmp_path / "m").write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
    assert len(text) == max(length, len(head) - 8)
    assert read_header(tmp_path / "m").shapes == {"a": (2,)}


def test_a_header_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with open(path, "wb") as file:
        file.write((100_000_001).to_bytes(8, "little") + b"{")
        file.truncate(100_000_100)
    with pytest.raises(CheckpointUnusable, match="100,000,001"):
        read_header(path)


def test_content_counts_and_not_the_ending(tmp_path: Path) -> None:
    named = write_safetensors(tmp_path / "m.ckpt", files.SD1)
    assert sniff(named) == "safetensors"
    assert read_header(named).shapes == files.SD1
    pickle = tmp_path / "p.safetensors"
    pickle.write_bytes(b"PK\x03\x04 whatever")
    assert sniff(pickle) == "pickle"
    with pytest.raises(CheckpointUnusable, match="old pickle"):
        read_header(pickle)
    with pytest.raises(CheckpointUnusable, match="pickle file, not safetensors"):
        check_safetensors(pickle)
    pickle.write_bytes(b"\x80\x02}q\x00.")
    assert sniff(pickle) == "pickle"


def test_a_file_that_is_gone_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(CheckpointUnusable, match="can't be read"):
            read_header(path)


SMALL = safetensors_header({"a": (2, 2), "b": (3,)}, {"note": "x"})
SMALL_FILE = SMALL[0] + bytes(SMALL[1])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SMALL_FILE) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 3))
def test_what_is_read_here_the_library_reads_alike(tmp_path_factory, changes, cut) -> None:
    path = tmp_path_factory.mktemp("mutated") / "m.safetensors"
    content = bytearray(SMALL_FILE)
    for place, value in changes:
        content[place] = value
    path.write_bytes(content[: len(content) - cut])
    try:
        header = read_safetensors(path)
    except CheckpointUnusable:
        return
    with safe_open(path, "np") as file:
        assert {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()} == header.shapes  # noqa: SIM118


def test_gguf_is_read_as_its_library_reads_it(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "flux")
    writer.add_string("general.name", "small")
    writer.add_array("tokens", ["a"] * 100)
    writer.add_tensor("half", np.arange(6, dtype=np.float16).reshape(2, 3))
    quantised = gguf.quants.quantize(np.ones((4, 64), np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("packed", quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_header(tmp_path / "m.gguf")
    assert header.metadata["general.name"] == "small"
    assert header.metadata["tokens"] == ""
    assert header.shapes == {"half": (2, 3), "packed": (4, 64)}
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    for name, info in header.tensors.items():
        assert (info.dtype, info.offset, info.nbytes) == (theirs[name].tensor_type.name, theirs[name].data_offset, theirs[name].n_bytes)
    sizes = {kind.value: (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGMLQuantizationType}
    assert {number: sizes[number] for number in _GGML_TYPES} == dict(_GGML_TYPES)


def gguf_head(version: int = 3, tensors: int = 0, values: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, values)


def gguf_text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


BAD_GGUF = {
    "cut off": (gguf_head()[:10], "damaged"),
    "version": (gguf_head(1), "version is 1"),
    "big-endian": (b"GGUF" + struct.pack(">I", 3) + bytes(16), "big-endian"),
    "too many tensors": (gguf_head(tensors=2**60), "claims"),
    "too many values": (gguf_head(values=2**60), "claims"),
    "text beyond the end": (gguf_head(values=1) + struct.pack("<Q", 2**60), "beyond its end"),
    "array beyond the end": (gguf_head(values=1) + gguf_text(b"a") + struct.pack("<IIQ", 9, 8, 2**60), "beyond its end"),
    "array of numbers": (gguf_head(values=1) + gguf_text(b"a") + struct.pack("<IIQ", 9, 4, 2**62), "beyond its end"),
    "nested arrays": (gguf_head(values=1) + gguf_text(b"a") + struct.pack("<IIQ", 9, 9, 1), "arrays of arrays"),
    "unknown value": (gguf_head(values=1) + gguf_text(b"a") + struct.pack("<I", 99), "unknown kind"),
    "dimensions": (gguf_head(1 + 2, 1) + gguf_text(b"a") + struct.pack("<I", 99), "99 dimensions"),
    "unknown type": (gguf_head(3, 1) + gguf_text(b"a") + struct.pack("<IQIQ", 1, 4, 99, 0), "unknown type"),
    "odd blocks": (gguf_head(3, 1) + gguf_text(b"a") + struct.pack("<IQIQ", 1, 33, 8, 0), "blocks of 32"),
    "data beyond the end": (gguf_head(3, 1) + gguf_text(b"a") + struct.pack("<IQIQ", 1, 2**40, 1, 0), "bytes are there"),
    "alignment": (gguf_head(3, 0, 1) + gguf_text(b"general.alignment") + struct.pack("<II", 4, 3), "alignment"),
}


@pytest.mark.parametrize(("content", "words"), BAD_GGUF.values(), ids=BAD_GGUF.keys())
def test_every_malformed_gguf_says_what_is_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(CheckpointUnusable, match=words):
        read_header(path)


GGUF_HEADER_LENGTH = 200


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, GGUF_HEADER_LENGTH))
def test_no_gguf_makes_the_reader_fall_over(tmp_path_factory, noise: bytes, place: int) -> None:
    path = write_gguf(tmp_path_factory.mktemp("noise") / "m.gguf", {"a": (4, 8), "b": (2,)}, {"x": [1, 2], "y": ["a", "b"], "z": "t"})
    content = bytearray(path.read_bytes())
    content[4 + place : 4 + place + len(noise)] = noise
    path.write_bytes(content)
    try:
        assert isinstance(read_gguf(path), Header)
    except CheckpointUnusable as error:
        assert error.message


def test_the_library_is_no_more_lenient_than_we_are(tmp_path: Path) -> None:
    for name, (content, _) in MALFORMED.items():
        path = tmp_path / "m.safetensors"
        path.write_bytes(content)
        if name in ("name twice", "unknown words", "boolean shape"):
            continue
        with pytest.raises((SafetensorError, OSError)):
            safe_open(path, "np")

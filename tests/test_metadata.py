"""What other programs write into their pictures: the corpus under tests/metadata, files of every format, and hostile input."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from webui.errors import InvalidRequest, TooLarge
from webui.generation.infotext import MAX_INFOTEXT_CHARACTERS, map_fields
from webui.generation.metadata.tools import read_text, read_texts
from webui.generation.metadata.words import from_compel, from_novelai
from webui.generation.request import parse_request
from webui.studio import picture_texts
from webui.studio.picture_format import FORMATS, save
from webui.studio.picture_texts import read_picture_texts

FOLDER = Path(__file__).parent / "metadata"
CORPUS = [
    pytest.param(block, id=f"{file.stem}-{block['name']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for block in yaml.safe_load(file.read_text("utf-8"))
]
INFOTEXT = "a fox, 狐\nNegative prompt: bad\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64"


def test_the_corpus_is_large_and_has_all_tools() -> None:
    assert len(CORPUS) >= 60
    assert {param.values[0]["tool"] for param in CORPUS} == {
        *("AUTOMATIC1111", "Forge", "SD.Next", "ComfyUI", "InvokeAI", "Fooocus", "NovelAI")
    }


@pytest.mark.parametrize("block", CORPUS)
def test_corpus(block: dict[str, Any]) -> None:
    told = read_texts(block["texts"])
    assert told is not None
    assert told.tool == block["tool"]
    assert told.infotext.prompt == block["prompt"]
    assert told.infotext.negative_prompt == block["negative"]
    assert {key: told.infotext.parameters.get(key) for key in block["parameters"]} == block["parameters"]
    mapped = map_fields(told.infotext)
    assert {name: mapped.fields.get(name) for name in block.get("fields", {})} == block.get("fields", {})
    assert set(block.get("unmapped", [])) <= {entry.key for entry in mapped.unmapped}
    assert all(entry.reason for entry in mapped.unmapped)
    parse_request(dict(mapped.fields))


@pytest.mark.parametrize("block", [param for param in CORPUS if len(param.values[0]["texts"]) == 1])
def test_pasted_as_text_it_says_the_same(block: dict[str, Any]) -> None:
    (text,) = block["texts"].values()
    told = read_text(text.removeprefix("prompt:"))
    assert told.infotext.prompt == block["prompt"]


def test_plain_words_pasted_are_a_prompt() -> None:
    assert read_text("a fox in a box").infotext.prompt == "a fox in a box"


# emphasis of other programs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", "a cat"),
        ("(a cat)1.5", "(a cat:1.5)"),
        ("cat++", "(cat:1.21)"),
        ("cat-", "(cat:0.9)"),
        ("a-b c--d", "a-b c--d"),
        ("[x]", r"\[x\]"),
    ],
)
def test_compel(text: str, expected: str) -> None:
    assert from_compel(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a}", "(a:1.05)"),
        ("[a]", "(a:0.9524)"),
        ("(a)", r"\(a\)"),
        ("a] }", r"a\] }"),
        ("2::a::", "(a:2)"),
        ("2::a", "2::a"),
        ("a::b", "a::b"),
        ("x 1.5::a b::, 0.5::c::!", "x (a b:1.5), (c:0.5)!"),
    ],
)
def test_novelai(text: str, expected: str) -> None:
    assert from_novelai(text) == expected


# files


def png(mode: str = "RGB", **texts: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        chunks.add_text(key, text)
    buffer = io.BytesIO()
    Image.new(mode, (64, 64), tuple([200] * len(mode))).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_our_own_files_of_every_format_say_the_same(name: str) -> None:
    data = save(Image.new("RGB", (64, 64)), FORMATS[name], INFOTEXT, json.dumps({"request": {"prompt": "a"}}), 90)
    told = read_texts(read_picture_texts(data))
    assert told is not None and told.record is not None
    assert told.tool == "Easel"
    assert told.infotext.prompt == "a fox, 狐"


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le", "utf-16"])
def test_user_comments_are_read_in_either_order_of_bytes(order: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + INFOTEXT.encode(order)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif)
    assert read_picture_texts(buffer.getvalue())["UserComment"] == INFOTEXT


def test_ascii_and_bare_user_comments() -> None:
    for head in (b"ASCII\0\0\0", b""):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = head + b"Steps: 1"
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "WEBP", exif=exif)
        assert read_picture_texts(buffer.getvalue())["UserComment"] == "Steps: 1"


def test_a_gifs_comment_is_read() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "GIF", comment=INFOTEXT.encode())
    told = read_texts(read_picture_texts(buffer.getvalue()))
    assert told is not None and told.infotext.parameters["Steps"] == "20"


def hidden(text: bytes, bands: str, signature: str, *, bits: int | None = None) -> bytes:
    """A PNG with text in its lowest bits, as the stealth PNG info of A1111's add-on writes it."""
    message = signature.encode() + (bits if bits is not None else len(text) * 8).to_bytes(4, "big") + text
    pixels = np.full((64, 96, 4), 254, np.uint8)
    flat = pixels.transpose(1, 0, 2)[..., [3] if bands == "A" else [0, 1, 2]]
    lowest = flat.reshape(-1)
    written = np.unpackbits(np.frombuffer(message, np.uint8))
    lowest[: len(written)] |= written
    flat = lowest.reshape(flat.shape)
    pixels.transpose(1, 0, 2)[..., [3] if bands == "A" else [0, 1, 2]] = flat
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGBA" if bands == "A" else "RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(("bands", "mark"), [("A", "png"), ("RGB", "rgb")])
def test_stealth_png_info(bands: str, mark: str) -> None:
    text = INFOTEXT.encode()
    for data in (hidden(text, bands, f"stealth_{mark}info"), hidden(gzip.compress(text), bands, f"stealth_{mark}comp")):
        assert read_picture_texts(data) == {"parameters": INFOTEXT}


def test_novelais_hidden_chunks() -> None:
    chunks = {
        "Software": "NovelAI",
        "Description": "{a}",
        "Comment": json.dumps({"uc": "b", "steps": 28, "sampler": "k_euler", "scale": 5}),
    }
    told = read_texts(read_picture_texts(hidden(gzip.compress(json.dumps(chunks).encode()), "A", "stealth_pngcomp")))
    assert told is not None
    assert (told.tool, told.infotext.prompt, told.infotext.negative_prompt) == ("NovelAI", "(a:1.05)", "b")


@pytest.mark.parametrize("bits", [0, 8, 2**32 - 1])
def test_a_wrong_length_of_hidden_text_is_no_harm(bits: int) -> None:
    read_picture_texts(hidden(b"abc", "A", "stealth_pngcomp", bits=bits))
    read_picture_texts(hidden(gzip.compress(bytes(10_000_000))[:200], "A", "stealth_pngcomp"))


def test_a_picture_without_texts_has_none() -> None:
    assert read_picture_texts(png()) == {}
    assert read_picture_texts(png("RGBA")) == {}
    assert read_texts({}) is None


def test_texts_longer_than_the_limit_are_left_out() -> None:
    assert read_picture_texts(png(parameters="a" * (MAX_INFOTEXT_CHARACTERS + 1), other="b")) == {"other": "b"}


def test_files_beyond_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_texts, "MAX_PICTURE_PIXELS", 64 * 63)
    with pytest.raises(TooLarge, match="too large"):
        read_picture_texts(png())
    monkeypatch.setattr(picture_texts, "MAX_PICTURE_BYTES", 10)
    with pytest.raises(TooLarge):
        read_picture_texts(png())


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", png()[:60], b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not a whole picture"):
        read_picture_texts(data)


def test_damaged_files_end_in_words_or_are_read() -> None:
    dice = random.Random(1)
    whole = [png(parameters=INFOTEXT), save(Image.new("RGB", (32, 32)), FORMATS["webp"], INFOTEXT, "{}", 90)]
    for _ in range(200):
        data = bytearray(dice.choice(whole))
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with contextlib.suppress(InvalidRequest):
            read_texts(read_picture_texts(bytes(data)))


# any text at all

KEYS = st.sampled_from(
    ["parameters", "UserComment", "prompt", "workflow", "Comment", "invokeai_metadata", "sd-metadata", "Dream", "easel", "Make"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5000)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.lists(st.just("1"), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "prompt",
                        "uc",
                        "image",
                        "inputs",
                        "class_type",
                        "steps",
                        "cfg",
                        "sampler_name",
                        "positive",
                        "text",
                        "loras",
                        "model",
                        "1",
                        "7",
                    )
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.text(max_size=80) | VALUES.map(json.dumps), max_size=4))
def test_any_texts_can_be_read(texts: dict[str, str]) -> None:
    told = read_texts(texts)
    if told is not None:
        parse_request(dict(map_fields(told.infotext).fields))


@pytest.mark.parametrize(
    "text",
    ["'" * 200_000, "1" * 200_000, "1::" * 60_000, "((" * 100_000, '"' * 200_000, '"a" ' + "-a" * 100_000, "{" * 100_000, "[" * 100_000],
    ids=lambda text: text[:5],
)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    """A reader that goes back and forth would take hours: the time limit of the test is what catches it."""
    for convert in (from_compel, from_novelai, read_text):
        convert(text)
    wrapped = {"invokeai_metadata": json.dumps({"positive_prompt": text, "app_version": "1"})}
    told = read_texts(wrapped)
    assert told is None or told.tool == "InvokeAI"

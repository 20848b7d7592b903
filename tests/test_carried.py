"""What a file says outlives its pictures being finished anew: from PNG to WebP to JPEG to AVIF and back, appended to and never replaced."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from webui import __version__
from webui.generation.infotext import read_infotext, write_infotext
from webui.generation.request import ResolvedTxt2Img, ResolvedUpscale, parse_request
from webui.generation.resolve import resolve_upscale
from webui.pictures.exif import MAKER_NOTE, read_exif
from webui.studio.carried import NOTHING, Carried, read_carried
from webui.studio.naming import OutputStyle
from webui.studio.picture_file import encode, read_back, suffix_for
from webui.studio.picture_format import FORMATS
from webui.studio.reading import infotext_of, read_picture

TOUR = (".webp", ".jpg", ".avif", ".png", ".jpg", ".webp", ".png")
MAKE, MODEL, DATE, EXPOSURE, LATITUDE = 0x10F, 0x110, 0x9003, 0x829A, 2
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf>Füchse</rdf></x:xmpmeta>'.encode()
SHARPEN: dict[str, Any] = {"step": "sharpen", "amount": 0.1}


def picture() -> Image.Image:
    return Image.effect_mandelbrot((48, 32), (-2, -1, 1, 1), 60).convert("RGB")


def finished(data: bytes, suffix: str, steps: Sequence[dict[str, Any]] = (SHARPEN,)) -> bytes:
    """The same picture as it goes to a file of that ending after a job of the kind upscale."""
    asked = parse_request({"kind": "upscale", "init_image": "0" * 64, "finishing": list(steps)})
    with Image.open(io.BytesIO(data)) as source:
        request = resolve_upscale(asked, source.size, infotext_of(data))  # pyright: ignore[reportArgumentType]
        assert isinstance(request, ResolvedUpscale)
        made = source.convert("RGB").resize(request.finished_size)
        return encode(made, request, 0, {"seconds": 1.0}, suffix, 90, read_carried(data)).data


def of_easel() -> bytes:
    request = ResolvedTxt2Img(
        prompt="a fox, 狐\nasleep", negative_prompt='"bad"', seed=7, checkpoint="small", checkpoint_hash="0123456789", width=64, height=64
    )
    return encode(picture(), request, 0, {"seconds": 2.5}).data


def of_comfy() -> bytes:
    """A PNG with texts of another program, EXIF, XMP and a profile."""
    chunks, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    chunks.add_text("parameters", "a hare\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 48x32")
    chunks.add_text("workflow", json.dumps({"nodes": [1, 2, 3], "name": "Füchse 狐"}))
    chunks.add_text("Software", "Something 1.0")
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    exif = Image.Exif()
    exif[MAKE] = "Scanner"
    picture().save(buffer, "PNG", pnginfo=chunks, icc_profile=PROFILE, exif=exif.tobytes())
    return buffer.getvalue()


def of_a_camera(comment: str = "At the lake") -> bytes:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[MAKE], exif[MODEL], exif[0x112] = "Müller", "X-1", 6
    details = {DATE: "2026:11:26 08:00:00", EXPOSURE: IFDRational(1, 250), MAKER_NOTE: b"\x01own\xff" * 20, 0xA002: 48, 0xA003: 32}
    exif.get_ifd(0x8769).update(details | {0x9286: b"ASCII\0\0\0" + comment.encode()})
    exif.get_ifd(0x8825).update({1: "N", LATITUDE: (52.0, 30.0, 12.5)})
    picture().save(buffer, "JPEG", exif=exif, icc_profile=PROFILE, xmp=XMP, comment=b"scan 7")
    return buffer.getvalue()


@pytest.mark.parametrize("source", [of_easel, of_comfy, of_a_camera], ids=["easel", "other", "camera"])
def test_the_words_go_through_all_formats_and_are_appended_to(source: Any) -> None:
    data = source()
    begun = infotext_of(data)
    for tour, suffix in enumerate(TOUR, 1):
        data = finished(data, suffix)
        words = infotext_of(data)
        assert words.startswith(begun.rstrip())
        told = read_infotext(words).parameters
        keys = [key for key in told if key.startswith("Postprocess")]
        assert keys == ["Postprocess sharpen", *(f"Postprocess {number} sharpen" for number in range(2, tour + 1))]


def test_pasted_parameters_are_the_same_at_the_end() -> None:
    data = of_easel()
    before = read_picture(data, ["small"])
    for suffix in TOUR:
        data = finished(data, suffix)
    after = read_picture(data, ["small"])
    assert len(after["fields"].pop("finishing")) == len(TOUR) and before["fields"].pop("finishing", []) in ([], ())
    exact = ("attention", "extensions")  # which Easel's own record tells of what it drew, and words don't
    assert after["fields"] == {name: value for name, value in before["fields"].items() if name not in exact}


def test_texts_of_other_programs_come_back_as_they_were() -> None:
    data = of_comfy()
    begun = read_carried(data)
    assert set(begun.texts) == {"workflow", "Software"} and begun.profile == PROFILE and begun.xmp == XMP
    for suffix in TOUR:
        data = finished(data, suffix)
        now = read_carried(data)
        assert (now.texts, now.profile, now.xmp) == (begun.texts, begun.profile, begun.xmp)
        assert now.exif.root[MAKE] == begun.exif.root[MAKE]
    with Image.open(io.BytesIO(data)) as last:
        assert last.info["workflow"] == json.dumps({"nodes": [1, 2, 3], "name": "Füchse 狐"})
        assert last.info["Software"] == "Something 1.0" and last.info["icc_profile"] == PROFILE


def test_a_camera_s_exif_comes_back_byte_by_byte() -> None:
    data = of_a_camera()
    begun = read_exif(Image.open(io.BytesIO(data)).info["exif"])
    for suffix in TOUR:
        data = finished(data, suffix, [{"step": "resize", "way": "Stretch", "width": 80, "height": 60}])
        now = read_carried(data).exif
        assert (now.root, now.gps) == ({key: tag for key, tag in begun.root.items() if key != 0x112}, begun.gps)
        same = (DATE, EXPOSURE, MAKER_NOTE)
        assert {key: now.exif[key] for key in same} == {key: begun.exif[key] for key in same}
    with Image.open(io.BytesIO(data)) as last:
        details = last.getexif().get_ifd(0x8769)
        assert (details[0xA002], details[0xA003], last.size) == (80, 60, (80, 60))
        assert last.info["parameters"].startswith("At the lake\nPostprocess resize: Stretch")
        assert last.info["Comment"] == "scan 7" and 0x112 not in last.getexif()


def test_the_record_of_the_source_is_kept_in_that_of_the_picture(tmp_path: Path) -> None:
    data = of_easel()
    for place, suffix in enumerate(TOUR):
        data = finished(data, suffix)
        path = tmp_path / f"{place}{suffix}"
        path.write_bytes(data)
        assert read_back(path).facts == {"seconds": 1.0}
    record: Any = read_carried(data).record
    for _ in TOUR:
        assert record["request"]["kind"] == "upscale"
        record = record["source"]["record"]
    assert record["request"]["prompt"] == "a fox, 狐\nasleep" and record["facts"] == {"seconds": 2.5}


def test_a_profile_of_other_colours_than_rgb_stays_behind() -> None:
    buffer = io.BytesIO()
    grey = PROFILE[:16] + b"GRAY" + PROFILE[20:]
    picture().convert("L").save(buffer, "PNG", icc_profile=grey)
    assert read_carried(buffer.getvalue()).profile == b""


def test_what_has_no_room_in_a_jpeg_becomes_a_png() -> None:
    request = resolve_upscale(parse_request({"kind": "upscale", "init_image": "0" * 64, "finishing": [SHARPEN]}), (48, 32))  # pyright: ignore
    long = Carried(texts={"workflow": "x" * 70_000})
    jpeg = OutputStyle(format="jpeg")
    assert (suffix_for(request, jpeg, NOTHING), suffix_for(request, jpeg, long)) == (".jpg", ".png")


def test_a_picture_that_says_nothing_gets_the_steps_alone() -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    assert read_carried(buffer.getvalue()) == NOTHING
    for form in FORMATS.values():
        words = infotext_of(finished(buffer.getvalue(), form.suffix))
        assert words.startswith("Postprocess sharpen: 0.1, Init image hash: 0000000000, ")
        assert __version__ in words and write_infotext is not None

"""Pictures that requests refer to: taken once, found by hash, kept while somebody needs them."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageCms

from webui.errors import DiskFull, InvalidRequest, NotFound, TooLarge
from webui.generation.images import ImageHash, OptionalImageHash, image_hashes, images_of
from webui.generation.request import ResolvedTxt2Img, Txt2Img, parse_request
from webui.pictures.decoding import check_picture, read_rgb, read_stored
from webui.settings import Settings
from webui.studio.journal import NewJob
from webui.studio.studio import Studio

WEEK = 7 * 24 * 3600


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def picture(colour: tuple[int, int, int] = (200, 30, 40), size: tuple[int, int] = (24, 16)) -> Image.Image:
    return Image.new("RGB", size, colour)


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


# --- What is taken ---


def test_pictures_of_every_format_are_taken_as_they_are(studio: Studio) -> None:
    for form in ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP"):
        data = encoded(picture(), form)
        stored = studio.images.put(data)
        assert stored.sha256 == hashlib.sha256(data).hexdigest()
        assert (stored.facts.width, stored.facts.height, stored.bytes) == (24, 16, len(data))
        path, kind = studio.images.get(stored.sha256)
        assert path.read_bytes() == data
        assert kind == stored.facts.media_type == f"image/{form.lower()}"


def sixteen_bits() -> bytes:
    return encoded(Image.fromarray(np.full((16, 24), 200 * 257, np.uint16)))


def sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(size=(16, 24)), "JPEG", exif=exif)


def half_clear() -> bytes:
    return encoded(Image.new("RGBA", (24, 16), (0, 0, 0, 51)))


@pytest.mark.parametrize(
    ("data", "colour", "tolerance"),
    [
        (encoded(picture()), (200, 30, 40), 0),
        (encoded(picture().convert("CMYK"), "JPEG", quality=100), (200, 30, 40), 3),
        (encoded(picture().quantize()), (200, 30, 40), 10),
        (encoded(Image.new("L", (24, 16), 77)), (77, 77, 77), 0),
        (sixteen_bits(), (200, 200, 200), 0),
        (half_clear(), (204, 204, 204), 0),
        (sideways(), (200, 30, 40), 3),
        (encoded(picture(), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()), (200, 30, 40), 0),
    ],
    ids=["rgb", "cmyk", "palette", "grey", "16 bits", "transparent on white", "turned by EXIF", "with a profile"],
)
def test_pixels_of_every_kind_become_upright_rgb(data: bytes, colour: tuple[int, ...], tolerance: int) -> None:
    check_picture(data)
    pixels = read_rgb(data)
    assert (pixels.mode, pixels.size) == ("RGB", (24, 16))
    assert np.abs(np.asarray(pixels, int) - colour).max() <= tolerance


def test_what_phones_write_is_a_jpeg(studio: Studio) -> None:
    data = encoded(picture(), "MPO", save_all=True, append_images=[picture((0, 0, 255), (8, 8))])
    stored = studio.images.put(data)
    assert (stored.facts.media_type, stored.facts.width) == ("image/jpeg", 24)
    assert studio.images.get(stored.sha256)[1] == "image/jpeg"
    assert np.abs(np.asarray(read_rgb(data), int) - (200, 30, 40)).max() <= 3


def animated(form: str) -> bytes:
    return encoded(picture(), form, save_all=True, append_images=[picture((0, 0, 255))], duration=50)


BROKEN = [
    (b"hello, I am a picture", "not a whole picture"),
    (b"", "not a whole picture"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a whole picture"),
    (encoded(Image.effect_noise((64, 64), 90))[:-600], "not a whole picture"),
    (encoded(picture(), "JPEG")[:200], "not a whole picture"),
    (animated("GIF"), "animated"),
    (animated("PNG"), "animated"),
    (animated("WEBP"), "animated"),
    (encoded(picture(), "TIFF"), "not a whole picture"),
]


@pytest.mark.parametrize(("data", "words"), BROKEN)
def test_what_is_no_single_whole_picture_is_refused_in_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        check_picture(data)
    assert caught.value.hint


def test_nothing_is_kept_of_what_is_refused(studio: Studio, settings: Settings) -> None:
    for data, words in BROKEN:
        with pytest.raises(InvalidRequest, match=words):
            studio.images.put(data)
    assert not list((settings.data_dir / "images").rglob("*"))


def bomb(side: int) -> bytes:
    return encoded(Image.new("1", (side, side)))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    data = bomb(side)
    assert len(data) < 100_000
    with pytest.raises(TooLarge, match="too many pixels") as caught:
        check_picture(data)
    assert "64 megapixels" in str(caught.value)


def test_the_limit_is_a_setting(new_studio: Callable[..., Studio]) -> None:
    with pytest.raises(TooLarge, match=r"1100 x 1000.*at most 1 megapixels"):
        new_studio(image_megapixels=1).images.put(encoded(picture(size=(1100, 1000))))


def test_a_full_disk_is_told_and_leaves_nothing(studio: Studio, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull, match="No space left"):
        studio.images.put(encoded(picture()))
    monkeypatch.undo()
    assert not [path for path in (settings.data_dir / "images").rglob("*") if path.is_file()]


def test_a_file_that_was_changed_on_disk_is_not_drawn_from(studio: Studio) -> None:
    stored = studio.images.put(encoded(picture()))
    path, _ = studio.images.get(stored.sha256)
    assert read_stored(path, stored.sha256).getpixel((0, 0)) == (200, 30, 40)
    path.write_bytes(encoded(picture((0, 0, 0))))
    with pytest.raises(InvalidRequest, match="changed on disk"):
        read_stored(path, stored.sha256)


# --- Who needs it ---


class WithImages(Txt2Img):
    source: ImageHash
    mask: OptionalImageHash = ""
    parts: tuple[WithImages, ...] = ()


def test_every_picture_of_a_request_is_found_with_its_place() -> None:
    one, two, three = ("1" * 64, "2" * 64, "3" * 64)
    request = WithImages(source=one, parts=(WithImages(source=two), WithImages(source=one, mask=three)))
    assert list(images_of(request)) == [("source", one), ("parts[0].source", two), ("parts[1].source", one), ("parts[1].mask", three)]
    assert image_hashes(request, request) == [one, two, three]
    with pytest.raises(ValueError, match="pattern"):
        WithImages(source="A" * 64)


def job_with(studio: Studio, sha256: str, **how: object) -> int:
    asked = WithImages(source=sha256)
    resolved = ResolvedTxt2Img(seed=1, checkpoint="small", checkpoint_hash="0" * 10)
    return studio._journal.add([NewJob(asked, resolved, **how)], 10)[0].id  # type: ignore[arg-type]


def test_drafts_go_after_a_week_and_what_a_job_needs_stays_over_a_restart(new_studio: Callable[..., Studio]) -> None:
    before = new_studio(start=False)
    draft, fresh, needed = (before.images.put(encoded(picture((shade, 0, 0)))).sha256 for shade in (1, 2, 3))
    job = job_with(before, needed)
    for digest in (draft, needed):
        age(before.images.get(digest)[0], WEEK + 60)
    # Asking renews, so the age is set after it.
    before._journal.cancel_waiting(job)
    before.close()
    after = new_studio(start=False)
    assert after.images.sweep() == 1
    assert after.images.find(draft) is None
    assert after.images.find(fresh) and after.images.find(needed)


def test_a_draft_that_is_asked_for_lives_on(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    digest = studio.images.put(encoded(picture())).sha256
    path, _ = studio.images.get(digest)
    age(path, WEEK + 60)
    assert studio.images.put(encoded(picture())).sha256 == digest
    assert studio.images.sweep() == 0
    age(path, WEEK + 60)
    assert studio.images.require(digest, "source") == path
    assert studio.images.sweep() == 0


def test_the_pictures_of_a_live_job_go_with_it(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    digest = studio.images.put(encoded(picture())).sha256
    job_with(studio, digest, live=True, client="page")
    age(studio.images.get(digest)[0], WEEK + 60)
    assert studio.images.sweep() == 0
    studio._journal.drop_live()
    assert studio.images.sweep() == 1


def test_another_request_for_a_job_lets_go_of_its_pictures(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    first, second = (studio.images.put(encoded(picture((shade, 0, 0)))).sha256 for shade in (1, 2))
    job = studio._journal.get(job_with(studio, first))
    assert studio._journal.replace(job.id, WithImages(source=second), job.resolved)
    for digest in (first, second):
        age(studio.images.get(digest)[0], WEEK + 60)
    assert studio.images.sweep() == 1
    assert studio.images.find(second)


def test_what_a_killed_writer_left_goes_too(new_studio: Callable[..., Studio], settings: Settings) -> None:
    studio = new_studio(start=False)
    digest = studio.images.put(encoded(picture())).sha256
    path, _ = studio.images.get(digest)
    left = path.with_name(f"{path.name}.1-2.part")
    left.write_bytes(b"half")
    age(left, WEEK + 60)
    assert studio.images.sweep() == 0
    assert not left.exists()
    assert path.exists()


def test_an_unknown_picture_is_named_with_its_field(studio: Studio) -> None:
    with pytest.raises(InvalidRequest, match="not here") as caught:
        studio.images.require("0" * 64, "controls[1].image")
    assert caught.value.field == "controls[1].image"
    for name in ("../../etc/passwd", "0" * 63, "", "A" * 64):
        assert studio.images.find(name) is None
    with pytest.raises(NotFound):
        studio.images.get("0" * 64)


def test_a_picture_of_history_needs_no_upload(studio: Studio) -> None:
    job = studio.submit(parse_request({"width": 64, "height": 64, "steps": 2}))
    (image,) = studio.follow(job["id"], lambda event: None)["images"]
    original = studio.picture_path(image["id"])
    path, kind = studio.images.get(image["sha256"])
    assert path != original and path.read_bytes() == original.read_bytes()
    assert kind == "image/png"
    original.write_bytes(b"gone")
    assert studio.images.find(image["sha256"]) == path


def test_a_picture_of_history_that_was_changed_is_not_taken_for_it(studio: Studio) -> None:
    job = studio.submit(parse_request({"width": 64, "height": 64, "steps": 2}))
    (image,) = studio.follow(job["id"], lambda event: None)["images"]
    studio.picture_path(image["id"]).write_bytes(encoded(picture()))
    assert studio.images.find(image["sha256"]) is None


# --- Over the wire ---


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_upload_ask_and_fetch(client: httpx.Client) -> None:
    data = encoded(picture((1, 2, 3)))
    address = f"/api/v1/images/{hashlib.sha256(data).hexdigest()}"
    assert client.head(address).status_code == 404
    answer = client.post("/api/v1/images", content=data, headers={"content-type": "image/png"})
    assert answer.status_code == 201
    assert answer.json() == {"sha256": address[-64:], "width": 24, "height": 16, "bytes": len(data), "media_type": "image/png"}
    there = client.head(address)
    assert (there.status_code, there.content, there.headers["content-length"]) == (200, b"", str(len(data)))
    fetched = client.get(address)
    assert (fetched.content, fetched.headers["content-type"]) == (data, "image/png")
    assert "immutable" in fetched.headers["cache-control"]


@pytest.mark.parametrize(("data", "words"), BROKEN)
def test_broken_uploads_have_one_clear_sentence(client: httpx.Client, data: bytes, words: str) -> None:
    answer = client.post("/api/v1/images", content=data, headers={"content-type": "image/png"})
    assert answer.status_code == 422
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["image/svg+xml", "application/octet-stream", "application/json"])
def test_other_types_than_pictures_are_refused(client: httpx.Client, kind: str) -> None:
    assert client.post("/api/v1/images", content=b"{}", headers={"content-type": kind}).status_code == 415


def test_a_form_of_another_page_is_refused(client: httpx.Client) -> None:
    assert client.post("/api/v1/images", files={"file": encoded(picture())}).status_code == 403


def test_pictures_of_history_are_found_by_hash(client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs", json={"width": 64, "height": 64, "steps": 2}).json()
    while job["status"] in ("waiting", "running"):
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    (image,) = job["images"]
    by_id, by_hash = (client.get(f"/api/v1/images/{name}") for name in (image["id"], image["sha256"]))
    assert by_id.content == by_hash.content
    assert client.head(f"/api/v1/images/{image['id']}").status_code == 200

"""Pictures as files: every format carries its recipe, names are never given twice, nothing is overwritten."""

import hashlib
import io
import json
import random
import struct
import threading
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image, ImageChops, ImageStat

from webui import __version__
from webui.errors import GenerationFailed, InvalidRequest, NotFound
from webui.generation.infotext import read_infotext, write_infotext
from webui.generation.request import ResolvedTxt2Img, dump_request, load_resolved
from webui.studio.naming import OutputStyle
from webui.studio.picture_file import PictureFolder, encode, read_back, suffix_for
from webui.studio.picture_format import FORMATS, media_type, read_own, text_size

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
FOX = ROOT / "models" / "checkpoints" / "easel-emoji" / "examples" / "fox.png"
SUFFIXES = [form.suffix for form in FORMATS.values()]
NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
DAY = "txt2img-images/2026-11-23"


def resolved(**fields: object) -> ResolvedTxt2Img:
    return ResolvedTxt2Img.model_validate(
        {"checkpoint": "small", "checkpoint_hash": "0123456789", "seed": 7, "schedule_type": "Karras", "width": 128, "height": 128} | fields
    )


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    return new_folder(tmp_path)


def new_folder(tmp_path: Path, **options: int) -> PictureFolder:
    return PictureFolder(tmp_path / "outputs", tmp_path / "cache", now=lambda: NOW, **options)


@pytest.fixture(scope="module")
def fox() -> Image.Image:
    with Image.open(FOX) as picture:
        return picture.convert("RGB")


def user_comment(exif: bytes) -> str:
    """The infotext as piexif finds it, so AUTOMATIC1111: by the tag's number and the type UNDEFINED, in UTF-16BE."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"MM": ">", b"II": "<"}[tiff[:2]]
    assert struct.unpack(f"{order}H", tiff[2:4]) == (42,)

    def entries(start: int) -> dict[int, tuple[int, int, int]]:
        (count,) = struct.unpack(f"{order}H", tiff[start : start + 2])
        rows = [struct.unpack(f"{order}HHII", tiff[start + 2 + 12 * row : start + 14 + 12 * row]) for row in range(count)]
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        return {tag: (kind, length, value) for tag, kind, length, value in rows}

    exif_folder = entries(struct.unpack(f"{order}I", tiff[4:8])[0])[0x8769]
    kind, length, offset = entries(exif_folder[2])[0x9286]
    content = tiff[offset : offset + length]
    assert kind == 7 and offset % 2 == 0 and content.startswith(b"UNICODE\0")
    return content[8:].decode("utf-16-be")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_carries_the_recipe_and_is_read_back(tmp_path: Path, fox: Image.Image, suffix: str) -> None:
    request = resolved(prompt="a café, 中文\n🦊", negative_prompt='"blurry"', batch_count=3)
    made = encode(fox, request, 2, {"seconds": 1.5, "note": "schön"}, suffix, 80)
    path = tmp_path / f"00002-9{suffix}"
    path.write_bytes(made.data)
    found = read_back(path)
    assert (found.seed, found.width, found.height, found.facts) == (9, *fox.size, {"seconds": 1.5, "note": "schön"})
    assert found.data == made.data and found.sha256 == made.sha256 == hashlib.sha256(path.read_bytes()).digest()
    infotext = write_infotext(request, 9, __version__)
    with Image.open(path) as picture:
        assert Image.MIME[str(picture.format)] == media_type(path.name)
        assert load_resolved(json.dumps(json.loads(read_own(picture))["request"])) == request
        if suffix == ".png":
            assert picture.info["parameters"] == infotext
        else:
            assert user_comment(picture.info["exif"]) == infotext
            assert picture.getexif().get_ifd(0x8769)[0x9286] == b"UNICODE\0" + infotext.encode("utf-16-be")
        difference = ImageStat.Stat(ImageChops.difference(picture.convert("RGB"), fox)).mean
    assert max(difference) < (0.001 if suffix == ".png" else 4)


def test_pictures_of_the_last_version_are_read_back() -> None:
    found = read_back(GOLDEN / "picture-1.png")
    request = load_resolved((GOLDEN / "request-1-resolved.json").read_text("utf-8"))
    with Image.open(GOLDEN / "picture-1.png") as picture:
        own = json.loads(read_own(picture))
        assert load_resolved(json.dumps(own["request"])) == request
        assert read_infotext(picture.info["parameters"]).prompt == request.prompt
    assert (found.width, found.height) == (request.width, request.height)
    assert found.seed == request.image_seeds[own["image"]]


def test_webp_with_100_loses_nothing_and_quality_is_heeded(fox: Image.Image) -> None:
    with Image.open(io.BytesIO(encode(fox, resolved(), 0, {}, ".webp", 100).data)) as picture:
        assert ImageChops.difference(picture.convert("RGB"), fox).getbbox() is None
    for suffix in SUFFIXES[1:]:
        assert len(encode(fox, resolved(), 0, {}, suffix, 30).data) < len(encode(fox, resolved(), 0, {}, suffix, 95).data)


def test_noise_fits_into_every_format() -> None:
    noise = Image.frombytes("RGB", (256, 256), random.Random(0).randbytes(256 * 256 * 3))
    for suffix in SUFFIXES[1:]:
        for quality in (1, 89, 90, 100):
            assert encode(noise, resolved(), 0, {}, suffix, quality).width == 256


def test_the_format_of_the_style_is_taken_where_the_request_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    styles = {name: OutputStyle(format=name) for name in ("png", "jpeg", "webp", "avif")}
    assert {name: suffix_for(resolved(), style) for name, style in styles.items()} == {
        "png": ".png", "jpeg": ".jpg", "webp": ".webp", "avif": ".avif"
    }  # fmt: skip
    wide = resolved().model_copy(update={"width": 16_384})
    assert suffix_for(wide, styles["webp"]) == ".png" and suffix_for(wide, styles["jpeg"]) == ".jpg"
    wordy = resolved(prompt="a " * 9_990, negative_prompt="b")
    assert suffix_for(wordy, styles["jpeg"]) == ".png" and suffix_for(wordy, styles["webp"]) == ".webp"
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    assert suffix_for(resolved(), styles["avif"]) == ".png" and suffix_for(resolved(), styles["webp"]) == ".webp"


def test_what_is_planned_as_jpeg_fits_into_one(tmp_path: Path, fox: Image.Image) -> None:
    style = OutputStyle(format="jpeg")

    def fits(words: int) -> bool:
        return suffix_for(resolved(prompt="🦊" * words), style) == ".jpg"

    least, most = 0, 20_000
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    longest = resolved(prompt="🦊" * least)
    path = tmp_path / "longest.jpg"
    path.write_bytes(encode(fox, longest, 0, {"note": "x" * 8_000}, ".jpg").data)
    assert read_back(path).facts["note"] == "x" * 8_000
    path.write_bytes(encode(fox, longest, 0, {"note": "x" * 20_000}, ".jpg").data)
    assert read_back(path).facts == {}


def test_facts_are_left_out_of_a_jpeg_from_the_byte_on_where_they_have_no_room(tmp_path: Path, fox: Image.Image) -> None:
    bare = text_size(write_infotext(resolved(), 7, __version__), own_record({"note": ""}))
    kept = []
    for size in range(65_500, 65_550):
        facts = {"note": "x" * (size - bare)}
        path = tmp_path / "full.jpg"
        path.write_bytes(encode(fox, resolved(), 0, facts, ".jpg").data)
        kept.append(read_back(path).facts == facts)
    assert True in kept and False in kept and kept == sorted(kept, reverse=True)


def own_record(facts: dict[str, str]) -> str:
    with Image.open(io.BytesIO(encode(Image.new("RGB", (8, 8)), resolved(), 0, facts, ".webp").data)) as picture:
        return read_own(picture)


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".png"])
def test_the_longest_words_have_room_in_the_other_formats(tmp_path: Path, fox: Image.Image, suffix: str) -> None:
    request = resolved(prompt="🦊" * 20_000, negative_prompt="中" * 20_000)
    path = tmp_path / f"long{suffix}"
    path.write_bytes(encode(fox, request, 0, {}, suffix).data)
    with Image.open(path) as picture:
        assert json.loads(read_own(picture))["request"] == json.loads(dump_request(request))


def test_a_picture_that_its_format_can_not_hold_is_told_with_a_way_out() -> None:
    with pytest.raises(GenerationFailed, match="WEBP") as failure:
        encode(Image.new("RGB", (16_384, 1)), resolved(), 0, {}, ".webp")
    assert failure.value.field == "picture_format" and "png" in failure.value.hint


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_and_foreign_pictures_are_refused(tmp_path: Path, fox: Image.Image, suffix: str) -> None:
    whole = encode(fox, resolved(prompt="x"), 0, {}, suffix).data
    foreign = io.BytesIO()
    fox.save(foreign, FORMATS[next(name for name, form in FORMATS.items() if form.suffix == suffix)].pillow)
    path = tmp_path / f"damaged{suffix}"
    for data in (b"", whole[:8], whole[: len(whole) // 2], whole[:-200], foreign.getvalue(), whole.replace(b'"image"', b'"imago"')):
        path.write_bytes(data)
        with pytest.raises(InvalidRequest, match=f"damaged\\{suffix}"):
            read_back(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_random_damage_never_ends_in_another_error(tmp_path: Path, fox: Image.Image) -> None:
    rng = random.Random(1)
    small = fox.resize((16, 16))
    for suffix in SUFFIXES:
        whole = encode(small, resolved(prompt="x"), 0, {}, suffix).data
        path = tmp_path / f"damaged{suffix}"
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            path.write_bytes(data)
            try:
                read_back(path)
            except InvalidRequest:
                continue


# --- names ---


def test_numbers_go_on_from_what_is_there_promised_or_given_out(folder: PictureFolder, tmp_path: Path) -> None:
    lies = tmp_path / "outputs" / DAY
    lies.mkdir(parents=True)
    for name in ("00003-1.png", "00004-x.txt", "20261122-other.png", "99.png", "note.txt"):
        (lies / name).write_bytes(b"")
    request = resolved(batch_count=2)
    assert folder.plan(request, (0, 1), {f"{DAY}/00005-9.webp", "elsewhere/00099-1.png"}) == {
        0: f"{DAY}/00006-7.png",
        1: f"{DAY}/00007-8.png",
    }
    assert folder.plan(request, (1,), set()) == {1: f"{DAY}/00008-8.png"}
    assert new_folder(tmp_path).plan(request, (0,), []) == {0: f"{DAY}/00005-7.png"}


def test_a_style_makes_the_names(folder: PictureFolder) -> None:
    style = OutputStyle(format="jpeg", folder_pattern="[model_name]/[generation_number]", name_pattern="[none]")
    assert folder.plan(resolved(batch_count=2), (0, 1), set(), style) == {
        0: "txt2img-images/small/1/00000.jpg",
        1: "txt2img-images/small/2/00000.jpg",
    }
    assert folder.plan(resolved(), (0,), set(), style) == {0: "txt2img-images/small/00000.jpg"}


def test_folders_that_differ_in_capitals_only_share_their_numbers(folder: PictureFolder) -> None:
    style = OutputStyle(folder_pattern="[prompt]")
    paths = [folder.plan(resolved(prompt=prompt), (0,), {"txt2img-images/cat/00003-1.png"}, style)[0] for prompt in ("Cat", "cat", "CAT")]
    assert [PurePosixPath(path).name for path in paths] == ["00004-7.png", "00005-7.png", "00006-7.png"]


def test_grids_have_numbers_of_their_own(folder: PictureFolder, tmp_path: Path) -> None:
    first = folder.plan_grid(resolved(), set())
    assert first == "txt2img-grids/2026-11-23/grid-0000-7.png"
    folder.write(first, b"grid")
    assert new_folder(tmp_path).plan_grid(resolved(), set(), OutputStyle(format="webp")) == "txt2img-grids/2026-11-23/grid-0001-7.webp"


def test_many_threads_never_get_one_name_twice(folder: PictureFolder) -> None:
    given: list[str] = []

    def plan() -> None:
        for _ in range(50):
            given.extend(folder.plan(resolved(batch_count=2), (0, 1), set()).values())

    threads = [threading.Thread(target=plan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == len(set(given)) == 400


def test_a_full_folder_is_read_once(folder: PictureFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lies = tmp_path / "outputs" / DAY
    lies.mkdir(parents=True)
    for number in range(1000):
        (lies / f"{number:05}-1.png").touch()
    assert folder.plan(resolved(), (0,), set()) == {0: f"{DAY}/01000-7.png"}

    def never(path: Path) -> None:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(Path, "iterdir", never)
    assert folder.plan(resolved(), (0,), set()) == {0: f"{DAY}/01001-7.png"}


def test_names_leave_room_for_the_path_that_the_system_takes(tmp_path: Path) -> None:
    room = len(str(tmp_path / "outputs")) + 150
    style = OutputStyle(folder_pattern="[prompt]/[prompt]", name_pattern="[prompt]")
    (relative,) = new_folder(tmp_path, longest_path=room).plan(resolved(prompt="fox " * 200), (0,), set(), style).values()
    assert len(str(tmp_path / "outputs" / relative)) <= room - len(".12345-139876543210987.part")
    assert relative.count("fox") > 12


# --- files ---


def test_another_programs_file_is_never_overwritten(folder: PictureFolder, tmp_path: Path) -> None:
    (relative,) = folder.plan(resolved(), (0,), set()).values()
    target = tmp_path / "outputs" / relative
    target.parent.mkdir(parents=True)
    target.write_bytes(b"another's")
    (target.parent / "00041-1.png").write_bytes(b"another's, too")
    with pytest.raises(FileExistsError):
        folder.write(relative, b"ours")
    assert target.read_bytes() == b"another's"
    (again,) = folder.plan(resolved(), (0,), set()).values()
    assert again == f"{DAY}/00042-7.png"
    folder.write(again, b"ours")
    assert folder.path(again).read_bytes() == b"ours" and folder.exists(again)


def test_a_write_that_failed_after_it_had_the_name_can_be_repeated(folder: PictureFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (relative,) = folder.plan(resolved(), (0,), set()).values()

    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("webui.durable._sync_folder", fail)
        with pytest.raises(OSError, match="Input/output"):
            folder.write(relative, b"picture")
    folder.write(relative, b"picture")
    assert folder.path(relative).read_bytes() == b"picture"


@pytest.mark.parametrize("relative", ["../secret.png", "/etc/passwd", "a/../../secret.png", ".."])
def test_nothing_outside_the_pictures_folder_is_touched(folder: PictureFolder, tmp_path: Path, relative: str) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    style = OutputStyle(sidecar="text")
    for action in (
        folder.path,
        folder.exists,
        folder.sidecars,
        folder.clear_part,
        lambda path: folder.write(path, b"new"),
        lambda path: folder.write_sidecar(path, resolved(), 0, {}, style),
        lambda path: folder.thumbnail(path, bytes(32)),
    ):
        with pytest.raises(NotFound):
            action(relative)
    assert secret.read_bytes() == b"secret" and not (tmp_path / "secret.txt").exists()


def test_sidecars_say_what_the_picture_says(folder: PictureFolder, tmp_path: Path) -> None:
    request, relative = resolved(prompt="füchse 🦊\nzwei", batch_count=2), f"{DAY}/00001-v1.5 x.jpg"
    folder.write_sidecar(relative, request, 1, {}, OutputStyle())
    assert folder.sidecars(relative) == []
    for _ in range(2):
        folder.write_sidecar(relative, request, 1, {"seconds": 2}, OutputStyle(sidecar="text"))
        folder.write_sidecar(relative, request, 1, {"seconds": 2}, OutputStyle(sidecar="json"))
    lies = tmp_path / "outputs" / DAY
    assert folder.sidecars(relative) == [lies / "00001-v1.5 x.txt", lies / "00001-v1.5 x.json"]
    text, record = (path.read_text("utf-8") for path in folder.sidecars(relative))
    told = json.loads(record)
    assert text.rstrip("\n") == told["infotext"] == write_infotext(request, 8, __version__)
    assert (told["file"], told["seed"], told["image"], told["facts"]) == ("00001-v1.5 x.jpg", 8, 1, {"seconds": 2})
    assert load_resolved(json.dumps(told["request"])) == request


def test_what_killed_writers_left_is_cleared_for_this_picture_only(folder: PictureFolder, tmp_path: Path) -> None:
    lies = tmp_path / "outputs" / DAY
    lies.mkdir(parents=True)
    for name in ("00001-7.png.1-2.part", "00001-7.json.1-2.part", "00002-7.png.1-2.part"):
        (lies / name).write_bytes(b"half")
    folder.clear_part(f"{DAY}/00001-7.png")
    assert [path.name for path in lies.iterdir()] == ["00002-7.png.1-2.part"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_thumbnails_of_every_format(folder: PictureFolder, fox: Image.Image, suffix: str) -> None:
    made = encode(fox.resize((800, 400)), resolved(), 0, {}, suffix)
    folder.write(f"{DAY}/00000{suffix}", made.data)
    with Image.open(folder.thumbnail(f"{DAY}/00000{suffix}", made.sha256)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (384, 192))

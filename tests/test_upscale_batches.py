"""Folders, uploads and pictures of history made larger: sizes, names, what files say of themselves, and the plan before it begins."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, PngImagePlugin
from test_batches import ended, files_of, plain, png, submit
from test_studio import wait_for

from webui.errors import InvalidRequest
from webui.executors.fake import FakeExecutor
from webui.generation.request import parse_request
from webui.planning.tiles import TileAppetite
from webui.settings import Settings
from webui.studio.batch_plan import MOST_SAMPLED, Known, plan_upscales
from webui.studio.studio import Studio

UPSCALE: dict[str, Any] = {"kind": "upscale", "finishing": [{"step": "upscale", "scale": 2, "upscaler": "Nearest"}]}
TOLD = "a fox\nNegative prompt: dull\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: m"


def with_words(number: int, words: str = TOLD) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", words)
    return png(plain(number, (16, 12)), pnginfo=texts)


def to_size(width: int, height: int, **more: Any) -> dict[str, Any]:
    return {"kind": "upscale", "finishing": [{"step": "upscale", "width": width, "height": height, **more}]}


def test_a_folder_is_made_larger_under_the_names_of_its_files(studio: Studio, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    for number in range(3):
        (folder / f"IMG_{number}.png").write_bytes(with_words(number))
    (folder / "lying.jpg").write_bytes(png(plain(9, (30, 20)), format="JPEG", exif=turned()))
    (folder / "notes.png").write_text("hello")
    batch_id = submit(studio, folder, request=UPSCALE, output_folder="large")
    batch = ended(studio, batch_id)
    assert (batch["kind"], batch["status"], batch["done"], batch["failed"]) == ("upscale", "done", 4, 1)
    assert (batch["prompt"], batch["pictures"], batch["now"], batch["own"]) == ("", 1, [], [])
    made = settings.pictures_dir / "upscale-images" / "large"
    assert sorted(path.name for path in made.iterdir()) == ["IMG_0.png", "IMG_1.png", "IMG_2.png", "lying.png"]
    files = {file["name"]: file for file in files_of(studio, batch_id)}
    sizes = {name: tuple(file[side] for side in ("width", "height", "to_width", "to_height")) for name, file in files.items()}
    assert sizes == dict.fromkeys(("IMG_0.png", "IMG_1.png", "IMG_2.png"), (16, 12, 32, 24)) | {
        "lying.jpg": (20, 30, 40, 60),
        "notes.png": (None, None, None, None),
    }
    assert files["IMG_1.png"]["seconds"] > 0 and files["notes.png"]["seconds"] is None
    assert files["notes.png"]["error"]["message"].startswith("This is not a whole picture")
    with Image.open(made / "IMG_1.png") as picture:
        assert picture.size == (32, 24)
        assert picture.text["parameters"] == f"{TOLD}, Postprocess upscaler: Nearest, Postprocess upscale by: 2"
    image = studio.history_item(files["IMG_1.png"]["image"])
    assert (image["kind"], image["prompt"], image["seed"]) == ("upscale", "a fox", None)
    assert [step["step"] for step in image["finishing"]] == ["upscale"]
    assert {name: image["source"][name] for name in ("name", "width", "height")} == {"name": "IMG_1.png", "width": 16, "height": 12}
    assert files["IMG_1.png"]["source"] == f"/api/v1/images/{image['source']['image']}"


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_pictures_of_history_are_taken_by_what_is_in_them(studio: Studio) -> None:
    job = studio.submit(parse_request({"prompt": "a fox", "width": 64, "height": 64, "steps": 1, "batch_count": 2}))
    wait_for(lambda: studio.job(job["id"])["status"] == "done")
    images = studio.job(job["id"])["images"]
    batch_id = submit(studio, request=to_size(100, 80), files=[{"name": image["file"], "image": image["sha256"]} for image in images])
    assert ended(studio, batch_id)["done"] == 2
    made = [studio.history_item(file["image"]) for file in files_of(studio, batch_id)]
    assert {(image["width"], image["height"], image["prompt"]) for image in made} == {(100, 80, "a fox")}
    assert [image["infotext"].partition(", Postprocess")[0] for image in made] == [image["infotext"] for image in images]
    assert all(file["source"] for file in files_of(studio, batch_id))


def test_waiting_files_tell_how_large_they_are_and_will_be(new_studio: Callable[..., Studio], tmp_path: Path) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0))
    studio.pause(True)
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(png(plain(number, (10 + number, 10))))
    batch_id = submit(studio, tmp_path, request=to_size(50, 40))
    wait_for(lambda: studio.waiting_count() == 8)
    files = files_of(studio, batch_id, "waiting")
    assert [(file["width"], file["to_width"], file["to_height"]) for file in files] == [(10 + number, 50, 40) for number in range(12)]
    assert [file["source"] is None for file in files] == [False] * 8 + [True] * 4
    (tmp_path / "11.png").unlink()
    assert files_of(studio, batch_id)[11]["width"] == 21, "it was looked at before"


REFUSED_ORDERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"request": UPSCALE | {"finishing": []}}, "request.finishing"),
    ({"request": {"kind": "upscale", "finishing": [{"step": "upscale", "scale": 99}]}}, "request.finishing[0].scale"),
    ({"request": UPSCALE | {"init_image": "0" * 64}}, "request.init_image"),
    ({"own": ["prompt"]}, "own"),
    ({"scale_by": 1.0}, "scale_by"),
    ({"masks": [{"name": "a.png", "image": "0" * 64}]}, "masks"),
    ({"output_folder": "..."}, "output_folder"),
)


def test_orders_that_can_not_be_taken(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(plain(1)))
    for fields, field in REFUSED_ORDERS:
        with pytest.raises(InvalidRequest) as refused:
            studio.batches.submit({"request": UPSCALE, "folder": str(tmp_path), **fields})
        assert refused.value.field == field


def test_one_that_gets_too_large_fails_alone(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "small.png").write_bytes(png(plain(1)))
    (tmp_path / "wide.png").write_bytes(png(Image.new("1", (4000, 2))))
    batch_id = submit(studio, tmp_path, request={"kind": "upscale", "finishing": [{"step": "upscale", "scale": 8}]})
    batch = ended(studio, batch_id)
    assert (batch["done"], batch["failed"]) == (1, 1)
    assert "too large" in files_of(studio, batch_id, "failed")[0]["error"]["message"]


# the plan


def test_the_plan_tells_size_time_and_room(studio: Studio, tmp_path: Path) -> None:
    first = studio.batches.plan({"request": UPSCALE, "sizes": [[512, 384]]})
    assert (first["pictures"], first["width"], first["height"], first["seconds"]) == (1, 1024, 768, None)
    assert first["text"].startswith("1 picture, 1024 × 768, time not known yet, ")
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(plain(number, (64, 64))))
    (tmp_path / "no.png").write_text("hello")
    batch_id = submit(studio, tmp_path, request=UPSCALE)
    ended(studio, batch_id)
    plan = studio.batches.plan({"request": UPSCALE, "folder": str(tmp_path)})
    assert (plan["pictures"], plan["width"]) == (4, None)
    assert plan["seconds"] > 0 and " in about " in plan["text"]
    made = [studio.history_item(file["image"]) for file in files_of(studio, batch_id, "done")]
    assert plan["bytes"] == pytest.approx(4 * sum(image["bytes"] for image in made) / 3, rel=0.01)
    # Twice as many take twice as long.
    some = studio.batches.plan({"request": UPSCALE, "sizes": [[64, 64]], "total": 8})
    assert some["seconds"] == pytest.approx(2 * plan["seconds"])


def test_of_a_large_folder_some_files_tell(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = png(plain(1))
    for number in range(3 * MOST_SAMPLED):
        (tmp_path / f"{number}.png").write_bytes(data)
    looked: list[str] = []
    from webui.studio import source_folder

    real = source_folder.size_in
    monkeypatch.setattr(source_folder, "size_in", lambda folder, name: (looked.append(name), real(folder, name))[1])
    assert studio.batches.plan({"request": UPSCALE, "folder": str(tmp_path)})["pictures"] == 3 * MOST_SAMPLED
    assert len(looked) == MOST_SAMPLED


REFUSED_PLANS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "folder"),
    ({"sizes": [[1, 1]], "folder": "/tmp"}, "folder"),
    ({"sizes": [[0, 1]]}, "sizes"),
    ({"sizes": "large"}, "sizes"),
    ({"sizes": [[1, 1], [2, 2]], "total": 1}, "total"),
    ({"sizes": [[1, 1]], "total": True}, "total"),
    ({"sizes": [[8000, 8000]]}, "finishing[0]"),
    ({"sizes": [[1, 1]], "request": {"kind": "img2img"}}, "request.kind"),
    ({"sizes": [[1, 1]], "request": []}, "request"),
    ({"folder": "here"}, "folder"),
    ({"folder": 7}, "folder"),
)


def test_plans_that_can_not_be_made(studio: Studio) -> None:
    for fields, field in REFUSED_PLANS:
        with pytest.raises(InvalidRequest) as refused:
            studio.batches.plan({"request": UPSCALE, **fields})
        assert refused.value.field == field


def test_tiles_are_told_once_the_upscaler_was_seen() -> None:
    request = {**UPSCALE, "finishing": [{"step": "upscale", "scale": 2, "upscaler": "some model"}]}
    seen = {"some model": TileAppetite(bytes_per_pixel=1000, budget=1000 * 512 * 512, multiple=1)}

    def known(appetite: Callable[[str, str], TileAppetite | None]) -> Known:
        return Known(lambda _: None, lambda _: None, "png", appetite)

    fields = {"request": request, "sizes": [[1000, 500]]}
    assert plan_upscales(fields, known(lambda _, name: seen.get(name))).tiles == "3 tiles of 512 px, overlapping by 32"
    assert plan_upscales(fields, known(lambda _, name: None)).tiles == ""
    assert plan_upscales({**fields, "request": UPSCALE}, known(lambda _, name: seen.get(name))).tiles == ""


def test_the_routes(url: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(with_words(1))
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        plan = client.post("/batches/plan", json={"request": UPSCALE, "folder": str(tmp_path)})
        assert plan.status_code == 200 and plan.json()["pictures"] == 1
        batch = client.post("/batches", json={"request": UPSCALE, "folder": str(tmp_path)}).json()
        wait_for(lambda: client.get(f"/batches/{batch['id']}").json()["status"] == "done")
        (file,) = client.get(f"/batches/{batch['id']}/files").json()["items"]
        assert (file["width"], file["to_width"]) == (16, 32)
        before = client.get(file["source"].removeprefix("/api/v1"))
        assert before.content == (tmp_path / "a.png").read_bytes()
        image = client.get(f"/history/{file['image']}").json()
        source = client.get(image["source"]["url"].removeprefix("/api/v1"))
        with Image.open(io.BytesIO(source.content)) as picture:
            assert picture.size == (16, 12)

"""Faces restored in a real engine: found on a photograph, drawn anew where they are, everything else left byte for byte."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import cbook
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from webui.catalog.describe import describe
from webui.catalog.roots import Place, find_models
from webui.engine.engine import Engine
from webui.engine.faces import MOST_FACES, find_faces, painted_faces
from webui.engine.loading.face_restorer import FaceRestorer, open_face_restorer
from webui.engine.loading.upscaler import open_upscaler
from webui.errors import AdapterUnusable
from webui.generation.events import Finishing, Note, Picture, Stage
from webui.generation.request import ResolvedInpaint
from webui.pictures.face_crops import SIDE, Face, FaceCrop

from .drawing import job
from .test_finishing import only, run, upscale_job
from .tiny_face_restorers import plain_restorer, whole_codeformer, whole_gfpgan

RED = {"step": "restore faces", "restorer": "red"}


@pytest.fixture(scope="module")
def grace() -> Image.Image:
    """Rear admiral Grace Hopper, 512x600: a photograph of the US Navy, in the public domain, that matplotlib brings along."""
    with cbook.get_sample_data("grace_hopper.jpg") as file, Image.open(file) as picture:
        return picture.convert("RGB")


def seen_eyes(picture: Image.Image) -> list[tuple[complex, complex]]:
    return [(face.left_eye, face.right_eye) for face in find_faces(picture)]


def values(picture: Picture) -> NDArray[Any]:
    return np.frombuffer(picture.rgb, np.uint8).reshape(picture.height, picture.width, -1).astype(int)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restorers are loaded as ever, but not asked, for that takes seconds: each makes a red square."""
    red = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None].expand(1, 3, SIDE, SIDE)
    monkeypatch.setattr(FaceRestorer, "asked", lambda restorer, face, weight: red)


def restored(engine: Engine, folder: Path, picture: Image.Image, **fields: Any) -> tuple[Picture, list[Any]]:
    path = folder / "models" / "red.safetensors"
    if not path.exists():
        plain_restorer(path)
    events = run(engine, replace(upscale_job(folder, picture, RED | fields), finishing=({"restorer": str(path)},)))
    return only(events), events


# finding


def test_a_face_is_found_with_its_eyes_whatever_the_size_and_the_turn(grace: Image.Image) -> None:
    ((left, right),) = seen_eyes(grace)
    assert abs(left - (222 + 198j)) < 12 and abs(right - (305 + 192j)) < 12
    ((left_large, right_large),) = seen_eyes(grace.crop((0, 0, 512, 420)).resize((2048, 1680)))
    assert abs(left_large / 4 - left) < 6 and abs(right_large / 4 - right) < 6
    turned = grace.rotate(25, expand=True, fillcolor=(120, 120, 120))
    ((left, right),) = seen_eyes(turned)
    assert -35 < np.degrees(np.angle(right - left)) < -20


def test_many_faces_are_found_and_nothing_where_there_is_none(grace: Image.Image) -> None:
    group = Image.new("RGB", (1200, 700), (70, 90, 120))
    for x, side in ((10, 256), (400, 512)):
        group.paste(grace.resize((side, side * 600 // 512)), (x, 50))
    faces = find_faces(group)
    assert len(faces) == 2 and faces[0].width > faces[1].width
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8))
    assert find_faces(noise) == [] == find_faces(Image.new("RGB", (1, 1)))


def test_what_is_painted_is_a_face_with_the_eyes_that_are_in_it(grace: Image.Image) -> None:
    mask = Image.new("L", grace.size)
    ImageDraw.Draw(mask).ellipse((160, 80, 360, 350), fill=255)
    (face,), ((left, right),) = painted_faces(grace, mask), seen_eyes(grace)
    assert abs(face.left_eye - left) < 8 and abs(face.right_eye - right) < 8
    blank = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(spots := Image.new("L", (200, 200))).rectangle((20, 20, 99, 99), fill=255)
    ImageDraw.Draw(spots).rectangle((150, 150, 169, 169), fill=255)
    large, small = painted_faces(blank, spots)
    assert (
        large.left_eye.imag == large.right_eye.imag and 20 < large.left_eye.real < large.right_eye.real < 100 and small.width < large.width
    )
    grid = Image.fromarray(np.tile(np.pad(np.full((4, 4), 255, np.uint8), ((0, 4), (0, 4))), (12, 12)))
    assert len(painted_faces(Image.new("RGB", grid.size), grid)) == MOST_FACES


def test_a_face_comes_back_where_it_was(grace: Image.Image) -> None:
    for degrees, by in ((31, 1.6), (-77, 0.6)):
        picture = grace.resize((round(512 * by), round(600 * by))).rotate(degrees)
        face = Face(picture.width * (0.45 + 0.4j), picture.width * (0.45 + 0.4j) + 82 * by * np.exp(-1j * np.radians(degrees)))
        crop, back = FaceCrop.around(face), picture.copy()
        taken = crop.taken(picture)
        assert taken.size == (SIDE, SIDE)
        crop.laid_back(taken, back, 1.0)
        change = np.abs(np.asarray(back).astype(int) - np.asarray(picture))
        assert change.mean() < 1.5 and change.max() > 0


def test_a_face_at_the_edge_goes_on_beyond_it(grace: Image.Image) -> None:
    cut = grace.crop((200, 0, 512, 600))
    crop = FaceCrop.around(Face(22 + 193j, 106 + 188j))
    assert np.asarray(crop.taken(cut))[300, :9].std(0).max() < 3
    made = cut.copy()
    crop.laid_back(Image.new("RGB", (SIDE, SIDE), "red"), made, 1.0)
    assert made.size == cut.size and made.getpixel((60, 220)) == (255, 0, 0) and made.getpixel((300, 590)) == cut.getpixel((300, 590))


# the step


def test_a_found_face_is_drawn_anew_and_all_else_stays(shared_engine: Engine, tmp_path: Path, grace: Image.Image) -> None:
    made, events = restored(shared_engine, tmp_path, grace)
    assert [event.text for event in events if isinstance(event, Stage)] == ["Loading red"]
    assert [event.text for event in events if isinstance(event, Finishing)] == ["Restoring faces"] and made.facts["faces"] == 1
    after, before = values(made), np.asarray(grace).astype(int)
    assert tuple(after[200, 264]) == (255, 0, 0)
    assert np.array_equal(after[420:], before[420:]) and np.array_equal(after[:, :80], before[:, :80])
    (part,) = [part for part in shared_engine.in_memory().parts if part["kind"] == "face_restorer"]
    assert part["in_use"] and part["bytes"] > 0
    shared_engine.unload()
    assert not [part for part in shared_engine.in_memory().parts if part["kind"] == "face_restorer"]


def test_without_a_face_or_with_nothing_to_be_seen_the_picture_is_the_same(
    shared_engine: Engine, tmp_path: Path, grace: Image.Image
) -> None:
    blank = Image.new("RGB", (64, 64), (12, 200, 90))
    made, events = restored(shared_engine, tmp_path, blank)
    assert [event.text for event in events if isinstance(event, Note)] == ["No face was found, so the picture is as it was."]
    assert made.rgb == blank.tobytes() and made.facts["faces"] == 0
    assert not [event for event in events if isinstance(event, Stage)], "no model is loaded for nothing"
    made, events = restored(shared_engine, tmp_path, grace, visibility=0)
    assert made.rgb == grace.tobytes() and not [event for event in events if isinstance(event, Note)]


@pytest.mark.usefixtures("quick")
def test_it_is_seen_as_far_as_its_visibility_goes(shared_engine: Engine, tmp_path: Path, grace: Image.Image) -> None:
    (whole, _), (half, events) = (restored(shared_engine, tmp_path, grace, visibility=share) for share in (1, 0.5))
    assert not [event for event in events if isinstance(event, Stage)], "it is in memory"
    assert np.abs(values(half) - (values(whole) + np.asarray(grace).astype(int)) / 2).max() <= 1
    assert tuple(values(whole)[200, 264]) == (255, 0, 0)


@pytest.mark.usefixtures("quick")
def test_alpha_stays_and_what_is_hidden_is_left_alone(shared_engine: Engine, tmp_path: Path, grace: Image.Image) -> None:
    clear = grace.convert("RGBA")
    alpha = Image.new("L", grace.size)
    ImageDraw.Draw(alpha).ellipse((120, 40, 400, 420), fill=255)
    alpha.paste(100, (240, 180, 290, 220))
    clear.putalpha(alpha)
    made, _ = restored(shared_engine, tmp_path, clear)
    after, before = values(made), np.asarray(clear).astype(int)
    assert made.mode == "RGBA" and np.array_equal(after[..., 3], before[..., 3])
    assert tuple(after[230, 264]) == (255, 0, 0, 255) and tuple(after[200, 264]) == (255, 0, 0, 100)
    hidden = before[..., 3] == 0
    assert np.array_equal(after[hidden], before[hidden])


# models


def test_restorers_are_known_by_their_content(tmp_path: Path) -> None:
    plain_restorer(tmp_path / "face_restorers" / "some.safetensors")
    torch.save(
        {"params_ema": {"toRGB.0.weight": torch.zeros(1), "stylegan_decoder.style_mlp.1.weight": torch.zeros(1)}}, tmp_path / "g.pth"
    )
    names = ("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight", "ft_layers.0.self_attn.in_proj_weight")
    torch.save({"params_ema": dict.fromkeys(names, torch.zeros(1))}, tmp_path / "c.pth")
    kinds = {found.path.stem: describe(found).kind for found in find_models([Place(tmp_path, "upscaler")])}
    assert {name: (kind.kind, kind.version) for name, kind in kinds.items()} == {
        "some": ("face_restorer", "RestoreFormer"),
        "g": ("face_restorer", "GFPGAN"),
        "c": ("face_restorer", "CodeFormer"),
    }


def test_a_restorer_is_no_upscaler_and_an_upscaler_no_restorer(tmp_path: Path) -> None:
    from .tiny_upscalers import write_tiny

    with pytest.raises(AdapterUnusable, match="knows faces alone") as refused:
        open_upscaler(plain_restorer(tmp_path / "some.safetensors")).load()
    assert "restores faces" in refused.value.hint
    with pytest.raises(AdapterUnusable, match="not a face restorer"):
        open_face_restorer(write_tiny(tmp_path, "Compact")).load()
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(plain_restorer(tmp_path / "some.safetensors").read_bytes()[:-100])
    with pytest.raises(AdapterUnusable):
        open_face_restorer(broken).load()


@pytest.mark.slow
@pytest.mark.parametrize(("write", "architecture"), [(whole_gfpgan, "GFPGAN"), (whole_codeformer, "CodeFormer")])
def test_published_sizes_load_from_pth_and_draw_the_same_each_time(
    tmp_path: Path, grace: Image.Image, write: Callable[[Path], Path], architecture: str
) -> None:
    from webui.engine.face_restoring import restored_face

    model = open_face_restorer(write(tmp_path / "whole.pth"), tmp_path / "cache").load()
    assert model.architecture == architecture
    face = FaceCrop.around(find_faces(grace)[0]).taken(grace)
    one, other = (restored_face(face, model, 0.5) for _ in range(2))
    assert one.tobytes() == other.tobytes() and one.size == (SIDE, SIDE)
    faithful = restored_face(face, model, 1.0)
    assert (faithful.tobytes() != one.tobytes()) == (architecture == "CodeFormer")
    seen = torch.from_numpy(np.array(face)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        expected = model.module(seen, randomize_noise=False, weight=0.5)[0][0]
    pixels = (expected * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(pixels, np.asarray(one))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("area", "eyes"), [("Whole picture", (32, 26)), ("Only masked", (64, 26))])
def test_painted_spots_are_restored_where_they_come_to_lie(shared_engine: Engine, tmp_path: Path, area: str, eyes: tuple[int, int]) -> None:
    source, mask = Image.new("RGB", (128, 64), (60, 120, 180)), Image.new("L", (128, 64))
    mask.paste(255, (52, 16, 76, 40))
    kept = {}
    for picture in (source, mask):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        (tmp_path / f"{digest}.png").write_bytes(buffer.getvalue())
        kept[digest] = str(tmp_path / f"{digest}.png")
    init, painted = kept
    base = job(width=64, height=64, steps=1)
    fields = base.request.model_dump(
        include={"prompt", "width", "height", "steps", "seed", "schedule_type", "checkpoint", "checkpoint_hash"}
    )
    fields |= {"kind": "inpaint", "init_image": init, "mask": painted, "inpaint_area": area, "resize_mode": "Crop and resize"}
    fields |= {"picture_width": 128, "picture_height": 64, "finishing": [RED | {"faces": "Painted"}]}
    request = ResolvedInpaint.model_validate(fields)
    paths = ({"restorer": str(plain_restorer(tmp_path / "red.safetensors"))},)
    made = only(run(shared_engine, replace(base, request=request, image_paths=kept, finishing=paths)))
    after = values(made)
    reds = np.argwhere((after == (255, 0, 0)).all(-1))
    assert made.facts["faces"] == 1 and abs(reds[:, 1].mean() - eyes[0]) <= 2 and abs(reds[:, 0].mean() - eyes[1]) < 6
    assert tuple(after[60, 2]) != (255, 0, 0)

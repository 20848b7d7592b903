"""Training without torch: the pictures, what a run leaves on disk, whose turn it is, and runs as orders (with a trainer that only acts)."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from file_server import eventually
from PIL import Image
from served import serving
from small_checkpoint import SHIPPED_CHECKPOINT

from webui.errors import Conflict, InvalidRequest, NotFound
from webui.generation.request import Txt2Img, parameters_of
from webui.studio.device_turn import DeviceTurn
from webui.studio.studio import Studio
from webui.training.pictures import bucket_of, bucket_sizes, full_caption, look_into, pictures_for
from webui.training.recipe import Train
from webui.training.run_folder import RunFolder, smoothed
from webui.workshop import training
from webui.workshop.album import Album
from webui.workshop.recipes import dump_recipe, load_recipe
from webui.workshop.workshop import Workshop

ROOT = Path(__file__).resolve().parent.parent

ACTOR = """
import json, pathlib, sys, threading, time
job = json.loads(sys.stdin.readline())
said = set()
def hear():
    for line in sys.stdin:
        said.discard("pause") if line.strip() == "go on" else said.add(line.strip())
threading.Thread(target=hear, daemon=True).start()
def say(**line):
    print(json.dumps(line), flush=True)
run = pathlib.Path(job["run"])
(run / "samples").mkdir(parents=True, exist_ok=True)
state = run / "state.safetensors"
done = int(state.read_text()) if state.exists() else 0
steps = job["recipe"]["steps"]
if job["recipe"]["trigger"] == "fails":
    say(error={"code": "too_little_memory", "message": "Too little.", "hint": "Lower it.", "field": None, "allowed": None})
    sys.exit()
say(stage="Training", total=steps, place=done)
while done < steps:
    if "stop" in said:
        state.write_text(str(done))
        say(stopped=True)
        sys.exit()
    if "pause" in said:
        say(paused=True)
        while "pause" in said and "stop" not in said:
            time.sleep(0.005)
        say(paused=False)
    time.sleep(0.01)
    done += 1
    with open(run / "losses.csv", "a") as file:
        file.write(f"{done},{1 / done}\\n")
    say(done=done, loss=1 / done)
from PIL import Image
Image.new("RGB", (8, 8)).save(run / "samples" / f"{done:07}-0.png")
say(sample=f"{done:07}-0.png")
target = pathlib.Path(job["target"])
target.parent.mkdir(parents=True, exist_ok=True)
target.write_bytes(len("{}").to_bytes(8, "little") + b"{}")
say(notes=["Learned."])
"""


def some_pictures(folder: Path, *names: str, size: tuple[int, int] = (40, 30)) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (200, 100, 20)).save(path)
    return folder


# pictures


def test_a_folder_is_read_in_plain_and_in_kohyas_form(tmp_path: Path) -> None:
    some_pictures(tmp_path, "fox10.png", "fox2.png", "3_ink wash/a.jpg", "3_ink wash/b.png", "other/c.png")
    (tmp_path / "fox2.txt").write_text("\ufeffa fox,\n running", "utf-8")
    (tmp_path / "3_ink wash" / "b.caption").write_text("a bee", "utf-8")
    (tmp_path / "bad.png").write_bytes(b"<html>")
    found = {picture.name: picture for picture in look_into(str(tmp_path)).pictures}
    assert list(found) == ["bad.png", "fox2.png", "fox10.png", "3_ink wash/a.jpg", "3_ink wash/b.png"]
    assert found["fox2.png"].caption == "a fox, running" and found["fox10.png"].caption == "" and found["fox2.png"].size == (40, 30)
    assert [(found[f"3_ink wash/{name}"].caption, found[f"3_ink wash/{name}"].repeats) for name in ("a.jpg", "b.png")] == [
        ("ink wash", 3),
        ("a bee", 3),
    ]
    assert found["bad.png"].problem and not found["fox2.png"].problem
    # The folder itself may be one of them.
    assert look_into(str(tmp_path / "3_ink wash")).pictures[0].repeats == 3


def test_what_is_wrong_with_the_pictures_is_told(tmp_path: Path) -> None:
    def learning_from(folder: Path, **fields: Any) -> Train:
        return Train(model="a", folder=str(folder), **fields)

    for folder, words in (
        (tmp_path / "none", "There is no folder"),
        (some_pictures(tmp_path / "nested", "x/a.png"), "There is no picture"),
        (some_pictures(tmp_path / "two", "a.png", "b.png"), "too few"),
        (Path("relative"), "whole path"),
    ):
        with pytest.raises(InvalidRequest, match=words) as caught:
            pictures_for(learning_from(folder))
        assert caught.value.field == "folder" and caught.value.hint
    good = some_pictures(tmp_path / "good", "a.png", "b.png", "c.png")
    with pytest.raises(InvalidRequest, match=r"no picture 'x\.png'"):
        pictures_for(learning_from(good, captions={"x.png": "?"}))
    assert pictures_for(learning_from(good, captions={"b.png": "a bee"})).pictures[1].caption == "a bee"
    (good / "bad.jpg").write_bytes(b"GIF8")
    with pytest.raises(InvalidRequest, match=r"bad\.jpg can't be learned from"):
        pictures_for(learning_from(good))


def test_trigger_words_stand_before_captions_once() -> None:
    assert full_caption("sks", "a fox") == "sks, a fox"
    assert full_caption("sks", "Sks, a fox") == "Sks, a fox"
    assert full_caption("sks", "") == "sks" and full_caption("", "a fox") == "a fox"


@pytest.mark.parametrize("resolution", [64, 128, 512, 768, 1024])
def test_buckets_are_of_about_one_area_and_near_in_shape(resolution: int) -> None:
    sizes = bucket_sizes(resolution)
    assert (resolution, resolution) in sizes
    assert all(width * height <= resolution**2 and width % 32 == height % 32 == 0 for width, height in sizes)
    assert {(height, width) for width, height in sizes} >= {(resolution, resolution)}
    assert bucket_of((1000, 1000), resolution, sizes) == (resolution, resolution)
    wide = bucket_of((1600, 900), resolution, sizes)
    assert wide[0] >= wide[1] and bucket_of((900, 1600), resolution, sizes)[0] <= wide[0]


def test_the_album_takes_pictures_and_shows_no_other_file(tmp_path: Path) -> None:
    album = Album(tmp_path)
    png = some_pictures(tmp_path / "from", "a.png")
    data = (png / "a.png").read_bytes()
    folder = album.add("my/set", "../../fox.exe", data)
    assert folder.parent == tmp_path / "training-pictures" and [path.name for path in folder.iterdir()] == ["fox.png"]
    assert album.add("my/set", "fox.png", data) == folder
    Image.new("RGB", (9, 9), (1, 2, 3)).save(png / "b.png")
    with pytest.raises(Conflict, match="another fox"):
        album.add("my/set", "fox.png", (png / "b.png").read_bytes())
    with pytest.raises(InvalidRequest):
        album.add("my/set", "x.png", b"<html>")
    assert album.look(str(folder))["items"][0]["name"] == "fox.png"
    assert album.thumbnail(str(folder), "fox.png")[8:12] == b"WEBP"
    (tmp_path / "secret.png").symlink_to(png / "a.png")
    for root, name in (
        (folder, "../../from/a.png"),
        (folder, "/etc/passwd"),
        (tmp_path, "secret.png"),
        (tmp_path, "from/a.png"),
        (folder, "x" * 999),
    ):
        with pytest.raises(InvalidRequest):
            album.thumbnail(str(root), name)


# a run on disk


def test_losses_survive_half_lines_and_begin_again_where_the_state_is(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.make()
    run.begin_losses(0)
    for step in (1, 2, 3):
        run.add_loss(step, 1 / step)
    with open(run.path / "losses.csv", "a") as file:
        file.write("4")
    assert run.losses() == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    run.begin_losses(2)
    run.add_loss(3, 9.0)
    assert run.losses() == [(1, 1.0), (2, 0.5), (3, 9.0)]


def test_the_curve_keeps_level_and_ends_where_the_losses_do() -> None:
    assert smoothed([]) == []
    level = smoothed([(step, 0.25) for step in range(1, 1001)])
    assert [step for step, _ in level] == [*range(4, 1001, 4)] and [loss for _, loss in level] == pytest.approx([0.25] * 250)
    noisy = [(step, 1 / step + (step % 2) * 0.2) for step in range(1, 401)]
    curve = smoothed(noisy)
    assert len(curve) <= 300 and curve[-1][0] == 400
    jumps = [abs(after[1] - before[1]) for before, after in itertools.pairwise(curve[50:])]
    assert max(jumps) < 0.02


def test_orders_are_stored_and_read_again() -> None:
    recipe = Train(model="a", folder="/x", previews="one\n\n two ", captions={"a.png": "b"})
    assert recipe.previews == ("one", "two")
    assert load_recipe(dump_recipe(recipe)) == recipe
    assert Train(model="a", folder="/x").kind == "train"


# whose turn it is


def test_a_guest_gives_way_to_whoever_draws() -> None:
    told: list[str] = []

    class Guest:
        def pause(self) -> None:
            told.append("pause")

        def wait_paused(self) -> None:
            told.append("wait")

        def go_on(self) -> None:
            told.append("go on")

    turn = DeviceTurn()
    with turn.drawing():
        pass
    with turn.hosting(Guest()):
        assert turn.has_guest
        with turn.drawing():
            with turn.drawing():
                assert told == ["pause", "wait", "pause", "wait"]
            assert told[-1] == "wait"
        assert told.pop() == "go on"
    with turn.drawing(), turn.hosting(Guest()):
        assert told[-1] == "pause"
    assert not turn.has_guest


# runs as orders


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Easel of its own, so that no other test finds runs and LoRAs that it didn't make."""
    with serving(tmp_path_factory.mktemp("training")) as address:
        yield address


@pytest.fixture
def workshop(new_studio: Callable[..., Studio], models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """One whose trainer only acts."""
    monkeypatch.setattr(training, "_COMMAND", (sys.executable, "-c", ACTOR))
    (models_dir / "checkpoints" / "easel-emoji").symlink_to(SHIPPED_CHECKPOINT)
    studio = new_studio()
    workshop = Workshop(studio)
    workshop.start()
    yield workshop
    workshop.close()


def train_order(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    folder = some_pictures(tmp_path / "pictures" / "5_ink", "a.png", "b.png", "c.png")
    return {"kind": "train", "model": "easel-emoji", "folder": str(folder), "steps": 5, **fields}


def ended(workshop: Workshop, order: dict[str, Any]) -> dict[str, Any]:
    return eventually(lambda: (view := workshop.order(order["id"]))["status"] not in ("waiting", "running") and view)


def test_a_run_ends_with_a_lora_that_is_listed_with_its_words_and_picture(
    workshop: Workshop, tmp_path: Path, studio_of: Any = None
) -> None:
    order = workshop.submit(train_order(tmp_path, trigger="inkwash"))
    view = ended(workshop, order)
    assert view["status"] == "done" and view["notes"] == ["Learned."], view
    assert view["result"]["file"] == "loras/ink.safetensors"
    folder = workshop.models_folder / "loras"
    assert json.loads((folder / "ink.json").read_text())["activation text"] == "inkwash"
    assert (folder / "ink.preview.png").exists()
    run = workshop.run(order["id"])
    assert run["steps"] == 5 and run["samples"] == [{"step": 5, "prompt": 0, "name": "0000005-0.png"}]
    assert workshop.sample(order["id"], "0000005-0.png").exists()
    for name in ("../losses.csv", "0000009-0.png"):
        with pytest.raises(NotFound):
            workshop.sample(order["id"], name)
    # A name that is asked for and taken is refused, one that is made up gets a number.
    with pytest.raises(Conflict):
        workshop.submit(train_order(tmp_path, name="ink"))
    again = ended(workshop, workshop.submit(train_order(tmp_path)))
    assert again["result"]["file"] == "loras/ink (2).safetensors"
    kept = workshop.run_folder(int(order["id"])).path
    assert kept.is_dir()
    workshop.remove(order["id"])
    assert not kept.exists() and (folder / "ink.safetensors").exists()


def test_a_run_is_stopped_goes_on_and_gives_way_to_pictures(workshop: Workshop, tmp_path: Path, new_studio: Callable[..., Studio]) -> None:
    studio: Studio = workshop._studio  # pyright: ignore[reportPrivateUsage]
    seq = studio.events.seq
    order = workshop.submit(train_order(tmp_path, steps=400))
    eventually(lambda: workshop.run(order["id"])["steps"] > 3)
    job = studio.submit(Txt2Img(prompt="a", checkpoint="easel-emoji", steps=30, width=64, height=64))
    eventually(lambda: (workshop.order(order["id"])["progress"] or {}).get("stage") == "Waits while pictures are drawn")
    assert studio.job(job["id"])["status"] == "running"
    held = workshop.run(order["id"])["steps"]
    eventually(lambda: studio.job(job["id"])["status"] == "done")
    eventually(lambda: workshop.run(order["id"])["steps"] > held + 3)
    assert workshop.order(order["id"])["progress"]["stage"] == "Training"
    assert any(event["type"] == "progress" and event["stage"] == "" for event in studio.events.after(seq))
    workshop.cancel(order["id"])
    assert ended(workshop, order)["status"] == "cancelled"
    done = int(workshop.run_folder(int(order["id"])).state.read_text())
    assert done > held
    workshop.resume(order["id"])
    eventually(lambda: workshop.run(order["id"])["steps"] > done)
    workshop.cancel(order["id"])
    assert ended(workshop, order)["status"] == "cancelled"
    assert not studio.turn.has_guest


def test_what_can_not_be_trained_is_refused_at_once(workshop: Workshop, tmp_path: Path) -> None:
    for fields, field in (
        ({"model": "nobody"}, "model"),
        ({"folder": str(tmp_path / "none")}, "folder"),
        ({"steps": 0}, "steps"),
        ({"rank": "many"}, "rank"),
        ({"unknown": 1}, "unknown"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            workshop.submit({**train_order(tmp_path), **fields})
        assert caught.value.field == field
    assert workshop.orders() == []
    order = workshop.submit(train_order(tmp_path, trigger="fails"))
    view = ended(workshop, order)
    assert view["status"] == "failed" and view["error"]["code"] == "too_little_memory" and view["error"]["hint"] == "Lower it."
    assert not (workshop.models_folder / "loras").exists()


def test_the_routes_tell_of_pictures_and_runs(url: str, tmp_path: Path) -> None:
    some_pictures(tmp_path, "a.png", "b.png")
    with httpx.Client(base_url=f"{url}/api/v1") as client:
        seen = client.get("/training/look", params={"folder": str(tmp_path)}).json()
        assert [item["name"] for item in seen["items"]] == ["a.png", "b.png"] and seen["rounds"] == 2
        picture = client.get("/training/picture", params={"folder": str(tmp_path), "name": "a.png"})
        assert picture.headers["content-type"] == "image/webp"
        data = (tmp_path / "a.png").read_bytes()
        sent = client.post("/training/pictures", params={"set": "x", "name": "a.png"}, content=data, headers={"content-type": "image/png"})
        assert sent.status_code == 201 and Path(sent.json()["folder"]).name == "x"
        wrong = client.post("/workshop/orders", json={"kind": "train", "model": "small", "folder": str(tmp_path)})
        assert wrong.status_code == 422 and "too few" in wrong.json()["error"]["message"]
        assert client.get("/training/runs/1").status_code == 404
        assert client.get("/workshop/recipes").json()["train"]["properties"]["rank"]["maximum"] == 320


def test_every_field_is_documented_as_it_is() -> None:
    text = (ROOT / "docs" / "training.md").read_text("utf-8")
    rows = {row[1]: row for row in re.findall(r"^\| ([^|]+) \| `(\w+)` \| ([^|]+) \| ([^|]+) \| (.*) \|$", text, re.M)}
    parameters = parameters_of(Train)
    assert rows.keys() == parameters.keys() - {"kind"}
    for name, (label, _, allowed, default, help) in rows.items():
        info, field = parameters[name], Train.model_fields[name]
        assert (label, allowed, help) == (info.label, info.allowed or "-", info.help)
        assert default == f"`{field.default}`" or (
            default == "-" and (field.is_required() or not field.get_default(call_default_factory=True))
        )


def test_the_example_of_the_docs_runs(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "_COMMAND", (sys.executable, "-c", ACTOR))
    folder = some_pictures(tmp_path / "docs wash", "a.png", "b.png", "c.png")
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "training.md").read_text("utf-8"), re.S)
    for told, real in (
        ("http://127.0.0.1:7860", url),
        ("/home/me/ink wash", str(folder)),
        ("easel-emoji", "small"),
        ("800", "3"),
        ("sleep(1)", "sleep(0.05)"),
    ):
        assert told in example
        example = example.replace(told, real)
    exec(compile(example, "training.md", "exec"), {})
    assert capsys.readouterr().out == "done loras/docs wash.safetensors\n3\n"

"""Orders for long work: written down, done in a child, cancelled, taken up after a kill; folders used in place; the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import Served, eventually, file_server
from model_files import kohya_lora, under, write_safetensors
from safetensors.numpy import load_file
from small_checkpoint import SHIPPED_CHECKPOINT
from test_weights import SHAPES, UNET, UNET_SHAPES, random, same, saved, small
from typer.testing import CliRunner, Result

from webui.catalog.header import read_header
from webui.cli import cli
from webui.errors import CheckpointUnusable, Conflict, EaselError, InvalidRequest, NotFound, StartupOnly
from webui.remote import RemoteWorkshop
from webui.settings import load_settings
from webui.studio.studio import Studio
from webui.tokens import TokenStore
from webui.workshop.folders import ModelFolders
from webui.workshop.order_book import MOST_ATTEMPTS, OrderBook
from webui.workshop.process import Child, ChildProcess
from webui.workshop.recipes import RECIPES, dump_recipe, load_recipe, parse_recipe
from webui.workshop.workshop import Workshop

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkpoints(models_dir: Path) -> Path:
    """Where "a" and "b" lie, two small ones of Stable Diffusion 1."""
    folder = models_dir / "checkpoints"
    small(folder, "a", 1)
    small(folder, "b", 2)
    return folder


@pytest.fixture
def new_workshop(new_studio: Callable[..., Studio], checkpoints: Path) -> Iterator[Callable[..., Workshop]]:
    made: list[Workshop] = []

    def make() -> Workshop:
        workshop = Workshop(new_studio(start=False))
        made.append(workshop)
        workshop.start()
        return workshop

    yield make
    for workshop in made:
        workshop.close()


@pytest.fixture
def workshop(new_workshop: Callable[..., Workshop]) -> Workshop:
    return new_workshop()


def ended(workshop: Workshop, order: dict[str, Any]) -> dict[str, Any]:
    return eventually(lambda: (view := workshop.order(order["id"]))["status"] not in ("waiting", "running") and view)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if ".part" in path.name)


def test_a_merge_is_done_listed_and_says_where_it_is_from(new_studio: Callable[..., Studio], checkpoints: Path) -> None:
    studio = new_studio(start=False)
    workshop = Workshop(studio)
    workshop.start()
    seq = studio.events.seq
    order = workshop.submit({"kind": "merge", "first": "a", "second": "b.safetensors", "share": 0.25})
    view = ended(workshop, order)
    assert view["status"] == "done", view["error"]
    assert view["result"]["file"] == "checkpoints/a-b-0.25.safetensors"
    model = studio.catalog.models.get(view["result"]["model"])
    assert model.role == "checkpoint" and studio.catalog.models.sidecar(model).notes == "Merged: 0.75 x a + 0.25 x b."

    def told(kind: str) -> list[dict[str, Any]]:
        return [event for event in studio.events.after(seq) if event["type"] == kind]

    eventually(lambda: told("order")[-1]["order"]["status"] == "done")
    assert "Writing" in [event["progress"]["stage"] for event in told("order_progress")]
    again = ended(workshop, workshop.submit({"kind": "merge", "first": "a", "second": "b", "share": 0.25}))
    assert again["result"]["file"] == "checkpoints/a-b-0.25 (2).safetensors"
    workshop.close()


def test_every_kind_of_work(workshop: Workshop, checkpoints: Path) -> None:
    made = {}
    for fields in (
        {"kind": "convert", "model": "a", "precision": "bf16"},
        {"kind": "extract_vae", "model": "a", "name": "a vae"},
        {"kind": "bake_vae", "model": "b", "vae": "a vae", "name": "b with a's"},
    ):
        view = ended(workshop, workshop.submit(fields))
        assert view["status"] == "done", view["error"]
        made[fields["kind"]] = view["result"]["file"]
    assert made == {
        "convert": "checkpoints/a-bf16.safetensors",
        "extract_vae": "vae/a vae.safetensors",
        "bake_vae": "checkpoints/b with a's.safetensors",
    }
    baked = load_file(checkpoints / "b with a's.safetensors")
    name = "first_stage_model.decoder.conv_in.weight"
    assert same(baked[name], load_file(checkpoints / "a.safetensors")[name])
    assert not left_over(checkpoints.parent)


def test_a_lora_is_converted_into_the_folder_of_loras(workshop: Workshop, models_dir: Path) -> None:
    (models_dir / "loras").mkdir()
    saved(models_dir / "loras" / "ink.safetensors", random(kohya_lora(), 3, "float32"))
    view = ended(workshop, workshop.submit({"kind": "convert", "model": "ink"}))
    assert view["result"]["file"] == "loras/ink-fp16.safetensors"


@pytest.mark.slow
def test_old_pickles_go_through_the_safe_converter(workshop: Workshop, checkpoints: Path) -> None:
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(tensor) for name, tensor in load_file(checkpoints / "a.safetensors").items()}
    mean = {f"model_ema.diffusion_model{name.replace('.', '')}": torch.from_numpy(t) for name, t in random(UNET_SHAPES, 9).items()}
    torch.save({"state_dict": tensors | mean}, checkpoints / "old.ckpt")
    view = ended(workshop, workshop.submit({"kind": "convert", "model": "old", "precision": "as it is", "averages": "use", "name": "new"}))
    assert view["status"] == "done", view["error"]
    made = load_file(checkpoints / "new.safetensors")
    assert made.keys() == tensors.keys()
    assert all(same(made[f"model.diffusion_model.{name}"], tensor) for name, tensor in random(UNET_SHAPES, 9).items())
    assert not left_over(checkpoints)


def test_what_cannot_be_done_is_refused_at_once(workshop: Workshop, checkpoints: Path) -> None:
    write_safetensors(checkpoints / "wide.safetensors", under("x.", {"y": (1,)}))
    (checkpoints / "page.safetensors").write_text("<html>")
    for fields, words, kind in (
        ({"kind": "paint"}, "no work of the kind 'paint'", InvalidRequest),
        ({"kind": "merge", "first": "a"}, "Second model", InvalidRequest),
        ({"kind": "merge", "first": "a", "second": "b", "share": 2}, "Share can't be 2", InvalidRequest),
        ({"kind": "merge", "first": "a", "second": "b", "third": "a"}, "weighted sum takes none", InvalidRequest),
        ({"kind": "merge", "first": "a", "second": "nobody"}, "no such model: 'nobody'", InvalidRequest),
        ({"kind": "merge", "first": "a", "second": "small"}, "don't go together|single file", InvalidRequest),
        ({"kind": "convert", "model": "a", "name": "b"}, "There is a checkpoints/b.safetensors already", Conflict),
        ({"kind": "convert", "model": "page"}, "is a web page", CheckpointUnusable),
        ({"kind": "convert", "model": "a", "surprise": 1}, "no field called 'surprise'", InvalidRequest),
        ({"kind": "download", "source": "https://x/y", "sha256": "abc"}, "64 hex digits", InvalidRequest),
    ):
        with pytest.raises(kind, match=words) as refused:
            workshop.submit(fields)
        assert refused.value.hint
    assert workshop.orders() == []


def test_orders_that_ended_are_removed_and_others_are_not(workshop: Workshop) -> None:
    order = workshop.submit({"kind": "extract_vae", "model": "a"})
    ended(workshop, order)
    for act in (workshop.cancel, workshop.resume):
        with pytest.raises(Conflict):
            act(order["id"])
    workshop.remove(order["id"])
    with pytest.raises(NotFound):
        workshop.order(order["id"])


# killed, cancelled, ended


def big_parents(folder: Path) -> None:
    """Two checkpoints of 60 MB each, that take a moment to merge."""
    for name in ("one", "two"):
        write_safetensors(folder / f"{name}.safetensors", SHAPES | {"model.diffusion_model.input_blocks.2.0.weight": (30_000_000,)})


def test_a_cancelled_merge_leaves_nothing_and_can_be_resumed(
    workshop: Workshop, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big_parents(checkpoints)
    running = []

    def run(self: ChildProcess, told: Callable[[dict[str, Any]], None]) -> list[str]:
        def cancelling(line: dict[str, Any]) -> None:
            told(line)
            if line.get("stage") == "Writing" and not running:
                running.append(line)
                workshop.cancel(order["id"])

        return original(self, cancelling)

    original = ChildProcess.run
    monkeypatch.setattr(ChildProcess, "run", run)
    order = workshop.submit({"kind": "merge", "first": "one", "second": "two", "name": "new"})
    assert ended(workshop, order)["status"] == "cancelled"
    assert running and not left_over(checkpoints) and not (checkpoints / "new.safetensors").exists()
    assert ended(workshop, workshop.resume(order["id"]))["status"] == "done"


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_killed_child_leaves_nothing_half(workshop: Workshop, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big_parents(checkpoints)
    original = Child.run

    def run(self: Child, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        def killing(line: dict[str, Any]) -> None:
            if line.get("stage") == "Writing":
                assert self._process is not None
                os.kill(self._process.pid, signal.SIGKILL)

        return original(self, killing)

    monkeypatch.setattr(Child, "run", run)
    view = ended(workshop, workshop.submit({"kind": "merge", "first": "one", "second": "two", "name": "new"}))
    assert (view["status"], view["error"]["code"]) == ("failed", "work_failed") and "-9" in view["error"]["message"]
    assert not left_over(checkpoints) and not (checkpoints / "new.safetensors").exists()


_WEB_PROCESS = """
import sys
from pathlib import Path
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.settings import load_settings
from webui.studio.studio import Studio
from webui.tokens import TokenStore
from webui.workshop.workshop import Workshop
import time
settings = load_settings(data_dir=Path(sys.argv[1]), executor="fake")
studio = Studio(settings, FakeExecutor(), CheckpointCatalog([Path(sys.argv[2])], settings.data_dir / "cache"), ExtensionRegistry())
workshop = Workshop(studio)
workshop.start()
order = workshop.submit({"kind": "merge", "first": "one", "second": "two", "name": "new"})
while not (workshop.order(order["id"])["progress"] or {}).get("stage") == "Writing":
    time.sleep(0.001)
print(order["id"], flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_merge_begins_anew_after_kill_9_and_leaves_no_half_file(
    new_workshop: Callable[..., Workshop], models_dir: Path, settings: Any, checkpoints: Path
) -> None:
    big_parents(checkpoints)
    with subprocess.Popen(
        [sys.executable, "-c", _WEB_PROCESS, str(settings.data_dir), str(models_dir)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as web:
        assert web.stdout is not None
        order = {"id": web.stdout.readline().strip()}
        web.kill()
    # Its child sees the end of its stdin, and ends without finishing.
    part = checkpoints / f"new.safetensors.{order['id']}.part"
    eventually(lambda: not _is_growing(part))
    assert not (checkpoints / "new.safetensors").exists()
    workshop = new_workshop()
    assert ended(workshop, order)["status"] == "done"
    assert read_header(checkpoints / "new.safetensors").tensors and not left_over(checkpoints)


def _is_growing(path: Path) -> bool:
    before = path.stat().st_size if path.exists() else 0
    time.sleep(0.2)
    return (path.stat().st_size if path.exists() else 0) != before


def test_an_order_that_ended_easel_again_and_again_is_not_begun_by_itself(new_studio: Callable[..., Studio], checkpoints: Path) -> None:
    studio = new_studio(start=False)
    book = OrderBook(studio.database)
    order = book.add(parse_recipe({"kind": "extract_vae", "model": "a"}))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        begun = book.begin(order.id)
        assert begun is not None and begun.attempt == attempt
        OrderBook(studio.database).recover()
    failed = book.get(order.id)
    assert failed.status == "failed" and failed.error is not None and failed.error["message"] == "Easel ended 3 times in the middle of it."
    assert book.resume(order.id).attempt == 0
    book.begin(order.id)
    book.put_back(order.id)
    assert (book.get(order.id).status, book.get(order.id).attempt) == ("waiting", 0)


def test_recipes_are_stored_and_read_back() -> None:
    for kind, recipe in RECIPES.items():
        needed = {name: "x" for name, field in recipe.model_fields.items() if field.is_required()}
        asked = parse_recipe({"kind": kind, **needed})
        assert load_recipe(dump_recipe(asked)) == asked
        assert all(field.title and field.description for name, field in recipe.model_fields.items() if name != "kind")
    with pytest.raises(InvalidRequest, match="another version"):
        load_recipe('{"version": 99, "kind": "merge"}')


def test_shares_of_blocks_as_people_write_them() -> None:

    def shares(text: str) -> dict[str, float]:
        recipe = parse_recipe({"kind": "merge", "first": "a", "second": "b", "blocks": text})
        return dict(recipe.blocks)  # type: ignore[union-attr]

    assert shares("in00=0.5, OUT00=1") == {"IN00": 0.5, "OUT00": 1} and shares("") == {}
    assert list(shares(",".join(["0.5"] * 25)))[::12] == ["IN00", "M00", "OUT11"]
    assert list(shares(",".join(["0"] * 20)))[0::10] == ["BASE", "M00"]
    for wrong in ("0,1", "IN00=x", "IN00=2", ",".join("x" * 25)):
        with pytest.raises(InvalidRequest, match="Shares by block can't be"):
            shares(wrong)


# folders


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of AUTOMATIC1111."""
    root = tmp_path / "stable-diffusion-webui"
    (root / "models" / "Stable-diffusion").mkdir(parents=True)
    small(root / "models" / "Stable-diffusion", "theirs", 5)
    write_safetensors(root / "models" / "Lora" / "ink.safetensors", kohya_lora())
    (root / "models" / "Lora" / "broken.safetensors").write_text("<html>")
    return root


def test_a_folder_is_looked_at_then_used_where_it_is_and_let_go(new_studio: Callable[..., Studio], settings: Any, elsewhere: Path) -> None:
    studio = new_studio(start=False)
    folders = ModelFolders(studio)
    before = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    look = folders.look(str(elsewhere))
    assert (look.program, look.total, look.broken, look.known) == ("AUTOMATIC1111 or Forge", 3, 1, False)
    assert look.counts == {"LoRA": 2, "checkpoint": 1}
    assert studio.catalog.models.find("theirs") is None
    folders.adopt(str(elsewhere))
    assert studio.catalog.models.find("theirs") is not None
    assert [(entry["own"], entry["models"]) for entry in folders.all()] == [(True, 1), (False, 3)]
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")} == before
    assert load_settings(data_dir=settings.data_dir).models_dirs == (elsewhere,)
    with pytest.raises(Conflict, match="in use already"):
        folders.adopt(str(elsewhere))
    folders.release(str(elsewhere))
    assert studio.catalog.models.find("theirs") is None and load_settings(data_dir=settings.data_dir).models_dirs == ()
    with pytest.raises(InvalidRequest, match="no folder that was added"):
        folders.release(str(elsewhere))


def test_comfyui_and_invokeai_are_known(new_studio: Callable[..., Studio], tmp_path: Path) -> None:
    folders = ModelFolders(new_studio(start=False))
    (tmp_path / "ComfyUI" / "comfy").mkdir(parents=True)
    write_safetensors(tmp_path / "ComfyUI" / "models" / "loras" / "x.safetensors", kohya_lora())
    (tmp_path / "invoke").mkdir()
    (tmp_path / "invoke" / "invokeai.yaml").write_text("schema_version: 4\n")
    write_safetensors(tmp_path / "invoke" / "models" / "any" / "y.safetensors", kohya_lora())
    paths = tmp_path / "extra_model_paths.yaml"
    paths.write_text(f"mine:\n  base_path: {tmp_path}/ComfyUI/models\n  loras: loras\n")
    for path, program in ((tmp_path / "ComfyUI", "ComfyUI"), (tmp_path / "invoke", "InvokeAI"), (paths, "a list of folders")):
        look = folders.look(str(path))
        assert look.program.startswith(program) and look.counts == {"LoRA": 1}


def test_folders_that_make_no_sense_are_refused(new_studio: Callable[..., Studio], tmp_path: Path) -> None:
    folders = ModelFolders(new_studio(start=False))
    (tmp_path / "empty").mkdir()
    gone = str(tmp_path / "gone")
    for path, words in (
        ("", "whole path"),
        ("m", "whole path"),
        (gone, "There is no folder"),
        ("/", "a whole disk"),
        ("/x\0y", "whole path"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            folders.look(path)
    with pytest.raises(Conflict, match="No model files were found"):
        folders.adopt(str(tmp_path / "empty"))


def test_folders_that_the_command_line_names_are_not_changed(
    new_studio: Callable[..., Studio], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_MODELS_DIRS", "/somewhere")
    with pytest.raises(StartupOnly, match="set by the environment"):
        ModelFolders(new_studio(start=False)).adopt(str(elsewhere))


# over the wire


def call(url: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]


def test_orders_and_folders_over_the_api(url: str, elsewhere: Path) -> None:
    api = f"{url}/api/v1"
    code, error = call(f"{api}/workshop/orders", {"kind": "merge", "first": "small", "second": "nobody"})
    assert (code, error["field"]) == (422, "second") and "small" in error["allowed"]
    assert call(f"{api}/models/folders/look", {"path": str(elsewhere)})["total"] == 3
    assert call(f"{api}/models/folders", {"path": str(elsewhere)})["program"] == "AUTOMATIC1111 or Forge"
    try:
        order = call(f"{api}/workshop/orders", {"kind": "convert", "model": "theirs", "precision": "bf16"})
        assert order["status"] == "waiting" and order["asked"]["averages"] == "drop"
        view = eventually(lambda: (view := call(f"{api}/workshop/orders/{order['id']}"))["status"] == "done" and view)
        assert view["result"]["file"] == "checkpoints/theirs-bf16.safetensors"
        assert [entry["id"] for entry in call(f"{api}/workshop/orders")["items"]] == [order["id"]]
        assert call(f"{api}/workshop/orders/{order['id']}/cancel", {})[0] == 409
        assert call(f"{api}/workshop/orders/{order['id']}", method="DELETE") is None
        assert call(f"{api}/workshop/orders/{order['id']}")[0] == 404
    finally:
        released = call(f"{api}/models/folders/release", {"path": str(elsewhere)})
    assert [entry["own"] for entry in released["items"]] == [True]


def test_tokens_are_never_told(url: str) -> None:
    api = f"{url}/api/v1/workshop/tokens"
    assert call(api, {"host": "example.com", "token": "a-secret-token"}, "PUT") == {"hosts": ["example.com"]}
    assert call(api) == {"hosts": ["example.com"]}
    code, error = call(api, {"host": "example.com", "token": "a\nb"}, "PUT")
    assert code == 422 and error["field"] == "token"
    assert call(api, {"host": "example.com", "token": None}, "PUT") == {"hosts": []}
    assert call(api, {"host": "example.com"}, "PUT")[0] == 422


# the command line


@pytest.fixture
def easel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("EASEL_HASH_MODELS", "false")
    return lambda *arguments, typed="": CliRunner().invoke(cli, ["models", *arguments, "--data-dir", str(tmp_path / "data")], input=typed)


def test_the_command_line_can_ask_the_easel_that_runs(url: str, elsewhere: Path) -> None:
    remote = RemoteWorkshop(url)
    assert "small" in [model["name"] for model in remote.models()]
    assert remote.look(str(elsewhere))["total"] == 3
    remote.adopt(str(elsewhere))
    try:
        seen: list[str] = []
        view = remote.do({"kind": "extract_vae", "model": "theirs", "name": "from afar"}, lambda view: seen.append(view["status"]))
        assert view["result"]["file"] == "vae/from afar.safetensors" and seen
        with pytest.raises(EaselError, match="no such model"):
            remote.do({"kind": "extract_vae", "model": "nobody"}, lambda view: None)
    finally:
        call(f"{url}/api/v1/models/folders/release", {"path": str(elsewhere)})


def test_the_command_line_lists_and_adopts(tmp_path: Path, elsewhere: Path, easel: Callable[..., Result]) -> None:
    looked = easel("adopt", str(elsewhere), typed="n\n")
    assert "looks like AUTOMATIC1111 or Forge: 3 models" in looked.output and "2  LoRAs" in looked.output
    assert not (tmp_path / "data" / "settings.yaml").exists()
    assert easel("adopt", str(elsewhere), "--yes").exit_code == 0
    listed = easel("list", "--kind", "lora").output.splitlines()
    assert [line.split()[-1] for line in listed if "can't be used" not in line] == ["easel-gold", "ink"]


def test_the_command_line_shows_the_licence_and_asks_first(
    tmp_path: Path, easel: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_safetensors(tmp_path / "ink.safetensors", kohya_lora()).read_bytes()
    files = [{"rfilename": "ink.safetensors", "size": len(data)}]
    with file_server() as server:
        monkeypatch.setenv("EASEL_HUGGING_FACE_URL", server.url)
        server.json("/api/models/me/ink/revision/main", {"sha": "abc", "cardData": {"license": "mit"}, "siblings": files})
        server.paths["/me/ink/resolve/abc/ink.safetensors"] = Served(data)
        asked = easel("download", "me/ink", typed="n\n")
        assert "Licence   mit" in asked.output and "Goes to   models/loras" in asked.output
        assert server.ranges("/me/ink/resolve/abc/ink.safetensors") == []


def test_the_command_line_takes_a_token_and_never_shows_it(tmp_path: Path, easel: Callable[..., Result]) -> None:
    result = easel("token", "huggingface.co", typed="hf_abcdefghijk\n")
    assert result.exit_code == 0 and "abcdefghijk" not in result.output
    assert TokenStore(tmp_path / "data").of("huggingface.co") == "hf_abcdefghijk"
    easel("token", "huggingface.co", "--forget")
    assert TokenStore(tmp_path / "data").hosts() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("merge", "easel-emoji", "nobody"), "There is no such model: 'nobody'"),
        (("merge", "a", "b", "--blocks", "x"), "Shares by block can't be 'x'"),
        (("download", "http://example.com/x"), "by https only"),
        (("adopt", "/no/such/folder"), "There is no folder"),
    ],
)
def test_the_command_line_says_what_is_wrong(easel: Callable[..., Result], arguments: tuple[str, ...], words: str) -> None:
    problem = easel(*arguments).exception
    assert isinstance(problem, EaselError) and words in str(problem)


def test_the_shipped_checkpoint_is_converted_by_an_order(new_studio: Callable[..., Studio], models_dir: Path) -> None:
    shutil.copytree(SHIPPED_CHECKPOINT, models_dir / "checkpoints" / "easel-emoji")
    workshop = Workshop(new_studio(start=False))
    workshop.start()
    view = ended(workshop, workshop.submit({"kind": "convert", "model": "easel-emoji", "precision": "fp8", "name": "quarter"}))
    assert view["status"] == "done", view["error"]
    made = models_dir / "checkpoints" / "quarter"
    assert "F8_E4M3" in {tensor.dtype for tensor in read_header(made / UNET).tensors.values()}
    workshop.close()

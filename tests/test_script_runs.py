"""Runs of add-ons' scripts: played, halted, gone on with, and the same after Easel was killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_studio import wait_for

from webui.errors import Conflict, DataUnusable, InvalidRequest, NotFound
from webui.executors.fake import FakeExecutor
from webui.extensions import JobScript, Kept, Number, Part, hookimpl
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import parse_request
from webui.studio.scripts.book import ScriptBook
from webui.studio.studio import Studio

SMALL = {"width": 64, "height": 64, "steps": 2, "seed": 3}
ROOT = Path(__file__).resolve().parent.parent


class Seeds:
    """So many pictures with seeds one after the other, then two by chance one by one, and a grid."""

    def __init__(self) -> None:
        self.runs = 0
        self.drift = False

    @hookimpl
    def job_scripts(self) -> JobScript:
        content = (Number(name="count", default=3, minimum=1, maximum=50, step=1),)
        return JobScript("Seeds", content, self.run, count=lambda request, values: values["count"] + 1, key="seeds", check=self.check)

    def check(self, request: Any, values: dict[str, Any]) -> None:
        if values["count"] == 13:
            raise ValueError("thirteen brings bad luck")

    def run(self, request: Any, values: dict[str, Any], script: Any) -> Iterator[Any]:
        self.runs += 1
        script.lay_out([str(n) for n in range(values["count"])])
        prompt = "other" if self.drift and self.runs > 1 else "one"
        made = yield [Part(request.model_copy(update={"seed": n, "prompt": prompt}), f"Seed {n}", (n,)) for n in range(values["count"])]
        chance = yield request.model_copy(update={"seed": script.random.randint(100, 10_000)})
        script.tell("joining")
        pictures = [picture.open() for one in (*made, chance) for picture in one.pictures]
        grid = Image.new("RGB", (64 * len(pictures), 64))
        for place, picture in enumerate(pictures):
            grid.paste(picture, (64 * place, 0))
        return Kept(grid, texts={"count": str(len(pictures))})


def registry_of(plugin: object) -> ExtensionRegistry:
    registry = ExtensionRegistry()
    registry.register(plugin, "seeds")
    return registry


def start(studio: Studio, count: int = 3, **more: Any) -> str:
    return studio.scripts.submit("seeds.seeds", parse_request({"prompt": "a", **SMALL, **more}), {"count": count})["id"]


def ended(studio: Studio, run: str) -> dict[str, Any]:
    wait_for(lambda: studio.scripts.run(run)["status"] not in ("active", "paused"))
    return studio.scripts.run(run)


def test_a_run_makes_its_parts_and_keeps_its_grid(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(extensions=registry_of(Seeds()))
    run = ended(studio, start(studio))
    assert (run["status"], run["done"], run["total"], run["expected"], run["error"]) == ("done", 4, 4, 4, None)
    assert [(part["label"], part["at"]) for part in run["parts"]][:2] == [("Seed 0", [0]), ("Seed 1", [1])]
    assert run["layout"] == {"columns": ["0", "1", "2"], "rows": [""], "sheets": [""]}
    (grid,) = run["kept"]
    view = studio.history_item(grid)
    assert (view["width"], view["facts"]["texts"], view["imported"]) == (256, {"count": "4"}, None)
    family = studio.lineage.family(int(grid))
    cells = {part["images"][0] for part in run["parts"]}
    assert {link.source for link in family.links if link.image == grid and link.relation == "script"} == cells
    assert studio.history.speed_samples("small") and all(sample.seconds > 0 for sample in studio.history.speed_samples("small"))


def test_a_grid_whose_row_was_prevented_is_the_one_that_gets_it(new_studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = Seeds()
    studio = new_studio(extensions=registry_of(seeds))

    def grids(studio: Studio) -> list[Path]:
        return sorted(studio.preferences.current.pictures_dir.glob("**/*grid*.png"))

    def fails(*_given: object) -> None:
        assert len(grids(studio)) == 1, "the file is there"
        raise DataUnusable("The disk is gone.", hint="Bring it back.")

    with monkeypatch.context() as broken:
        broken.setattr(ScriptBook, "keep", fails)
        run = start(studio)
        assert ended(studio, run)["status"] == "failed"
    (file,) = grids(studio)
    written = file.stat().st_mtime_ns
    studio.close()

    again = new_studio(extensions=registry_of(seeds))
    again.scripts.resume(run)
    (grid,) = ended(again, run)["kept"]
    assert grids(again) == [file] and file.stat().st_mtime_ns == written
    assert again.picture_path(grid) == file


def test_what_cant_be_run_is_refused_before_anything_is_drawn(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(extensions=registry_of(Seeds()))
    with pytest.raises(InvalidRequest, match="can't be 0") as bad:
        start(studio, 0)
    assert bad.value.field == "values.count"
    with pytest.raises(InvalidRequest, match="thirteen"):
        start(studio, 13)
    with pytest.raises(NotFound, match="nothing"):
        studio.scripts.submit("nothing", parse_request(SMALL), {})
    assert studio.scripts.all() == [] and studio.waiting_count() == 0


def test_a_run_is_paused_gone_on_with_and_cancelled(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(FakeExecutor(step_seconds=0.05), registry_of(Seeds()))
    run = start(studio, 20)
    wait_for(lambda: studio.scripts.run(run)["done"] >= 2)
    paused = studio.scripts.pause(run)
    assert paused["status"] == "paused"
    wait_for(lambda: studio.scripts.run(run)["running"] == 0)
    before = studio.scripts.run(run)
    assert before["done"] < 20 and before["waiting"] == 0
    studio.scripts.resume(run)
    wait_for(lambda: studio.scripts.run(run)["done"] > before["done"])
    cancelled = studio.scripts.cancel(run)
    assert cancelled["status"] == "cancelled"
    with pytest.raises(Conflict):
        studio.scripts.cancel(run)
    wait_for(lambda: studio.scripts.run(run)["running"] == 0)
    studio.scripts.remove(run)
    assert studio.scripts.all() == []


def test_after_a_restart_nothing_is_drawn_twice(new_studio: Callable[..., Studio]) -> None:
    plugin = Seeds()
    first = new_studio(FakeExecutor(step_seconds=0.05), registry_of(plugin))
    run = start(first, 12)
    wait_for(lambda: first.scripts.run(run)["done"] >= 3)
    first.close()
    again = new_studio(extensions=registry_of(plugin))
    done = ended(again, run)
    assert (done["status"], done["done"]) == ("done", 13) and plugin.runs == 2
    assert len({part["job"] for part in done["parts"]}) == 13
    assert again.history.total() == 14  # with the grid


def test_a_script_that_asks_for_something_else_is_told_so(new_studio: Callable[..., Studio]) -> None:
    plugin = Seeds()
    plugin.drift = True
    first = new_studio(FakeExecutor(step_seconds=0.05), registry_of(plugin))
    run = start(first, 12)
    wait_for(lambda: first.scripts.run(run)["done"] >= 1)
    first.close()
    failed = ended(new_studio(extensions=registry_of(plugin)), run)
    assert failed["status"] == "failed" and failed["error"]["code"] == "script_not_deterministic"


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_one_that_raises_ends_with_a_clear_word(new_studio: Callable[..., Studio], error: BaseException) -> None:
    class Bad:
        @hookimpl
        def job_scripts(self) -> JobScript:
            return JobScript("Bad", (), self.run)

        def run(self, request: Any) -> Iterator[Any]:
            raise error
            yield

        def _run(self, request: Any, values: Any, script: Any) -> Iterator[Any]:
            yield request
            raise error

    plugin = Bad()
    plugin.run = plugin._run  # type: ignore[method-assign]
    studio = new_studio(extensions=registry_of(plugin))
    run = ended(studio, studio.scripts.submit("seeds", parse_request({"prompt": "a", **SMALL}), {})["id"])
    assert run["status"] == "failed" and run["done"] == 1 and type(error).__name__ in run["error"]["message"]
    fault = studio.extensions.last_fault("seeds")
    assert fault is not None and fault.hook == "job_scripts" and "raise error" in fault.details


KILLED = """
import sys, time
sys.path[:0] = [{root!r}, {tests!r}]
from test_script_runs import registry_of, start, Seeds
from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors.fake import FakeExecutor
from webui.settings import load_settings
from webui.studio.studio import Studio
from pathlib import Path
settings = load_settings(data_dir=Path({data!r}), executor="fake")
catalog = CheckpointCatalog([Path({models!r})], settings.data_dir / "cache")
studio = Studio(settings, FakeExecutor(step_seconds=0.03), catalog, registry_of(Seeds()))
studio.start()
run = start(studio, 9)
while studio.scripts.run(run)["done"] < 4:
    time.sleep(0.01)
print(run, flush=True)
time.sleep(60)
"""


def test_after_kill_9_a_run_goes_on_where_it_was(new_studio: Callable[..., Studio], models_dir: Path, tmp_path: Path) -> None:
    source = textwrap.dedent(KILLED).format(root=str(ROOT), tests=str(ROOT / "tests"), data=str(tmp_path / "data"), models=str(models_dir))
    child = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    run = child.stdout.readline().strip()
    os.kill(child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()
    child.stdout.close()
    studio = new_studio(extensions=registry_of(Seeds()))
    done = ended(studio, run)
    assert (done["status"], done["done"]) == ("done", 10)
    assert len({image for part in done["parts"] for image in part["images"]}) == 10
    assert studio.history.total() == 11

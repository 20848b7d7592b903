"""Workers that die under a job: the real worker, the shipped checkpoint, a whole studio. Nobody lends a hand.

Each start of a worker takes seconds, so most of these are for the full test run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from small_checkpoint import SHIPPED_CHECKPOINT

from webui.catalog.checkpoints import CheckpointCatalog
from webui.executors import local
from webui.executors.local import LocalExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.generation.request import parse_request
from webui.pictures.decoding import as_png
from webui.settings import load_settings
from webui.studio.dispatcher import MOST_WORKER_DEATHS
from webui.studio.studio import Studio

DEADLY_ADD_ON = """
import os
from webui.extensions import hookimpl

@hookimpl
def denoise_step(context):
    if context.request.prompt == "deadly" and context.step == 1:
        os._exit(9)
"""
STEPS = 6
PICTURE = {"prompt": "a red apple", "width": 256, "height": 256, "steps": STEPS, "seed": 7, "sampler": "Euler a"}
"""So large that its decoding takes long enough to be struck in."""
SMALL = {"prompt": "a green frog", "width": 128, "height": 128}

View = dict[str, Any]
Moment = Callable[[View], bool]


def loading(event: View) -> bool:
    return event["stage"].startswith("Loading")


def sampling(event: View) -> bool:
    return 0 < event["step"] < STEPS


def decoding(event: View) -> bool:
    return event["step"] == STEPS


class Stand:
    """A studio with a real worker whose add-on ends it when a prompt says so."""

    def __init__(self, folder: Path) -> None:
        add_on = folder / "add_ons" / "deadly"
        add_on.mkdir(parents=True)
        (add_on / "deadly_add_on.py").write_text(DEADLY_ADD_ON)
        (add_on / "pyproject.toml").write_text('[project]\nname = "deadly"\nversion = "1"\n[tool.easel]\nworker = "deadly_add_on"\n')
        self.executor = LocalExecutor(threads=1, extension_roots=(folder / "add_ons",))
        catalog = CheckpointCatalog([SHIPPED_CHECKPOINT.parent.parent], folder / "cache")
        self.studio = Studio(load_settings(data_dir=folder / "data"), self.executor, catalog, ExtensionRegistry())
        self.studio.start()
        self.story: list[str] = []
        """What happened to the job that finished last."""

    def kill(self) -> None:
        hello = self.executor.slots()[0].hello
        assert hello is not None
        psutil.Process(hello.pid).kill()

    def source(self, kind: str) -> View:
        """Fields of a request of that kind on the shipped apple, its left half masked."""
        apple = Image.open(SHIPPED_CHECKPOINT / "examples" / "apple.png").convert("RGB")
        mask = Image.new("L", apple.size)
        mask.paste(255, (0, 0, apple.width // 2, apple.height))
        named = {"init_image": apple} | ({"mask": mask} if kind == "inpaint" else {})
        return {"kind": kind} | {name: self.studio.images.put(as_png(picture)).sha256 for name, picture in named.items()}

    def submit(self, **changes: object) -> str:
        return self.studio.submit(parse_request(PICTURE | changes))["id"]

    def finish(self, job_id: str, *deaths: Moment) -> View:
        """Wait for the job's end; kill the worker at each of the moments, one after the other."""
        to_come = list(deaths)
        self.story = []

        def look(event: View) -> None:
            if event["type"] == "picture":
                self.story.append("picture")
            elif event["type"] == "progress":
                if loading(event) and self.story[-1:] != ["loading"]:
                    self.story.append("loading")
                if to_come and to_come[0](event):
                    del to_come[0]
                    self.kill()
                    self.story.append("killed")

        job = self.studio.follow(job_id, look)
        assert not to_come, "the worker did not die when it should have"
        return job

    def pixels(self, job: View) -> list[bytes]:
        """Of each of its pictures."""
        return [Image.open(self.studio.picture_path(image["id"])).tobytes() for image in job["images"]]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "BACK_OFF", (0.0,))
        stand = Stand(tmp_path_factory.mktemp("deaths"))
        yield stand
        stand.studio.close()


@pytest.fixture(scope="module")
def undisturbed(stand: Stand) -> list[bytes]:
    """The picture, made without any death."""
    return stand.pixels(stand.finish(stand.submit()))


def made_after(job: View, deaths: int) -> bool:
    """Whether the job ended well, and was told of so many deaths."""
    return job["status"] == "done" and len([note for note in job["notes"] if "tried again" in note]) == deaths


def test_killed_while_sampling_and_again_while_loading(stand: Stand, undisturbed: list[bytes]) -> None:
    job = stand.finish(stand.submit(), sampling, loading)
    assert stand.story == ["killed", "loading", "killed", "loading", "picture"]
    assert made_after(job, 2)
    assert stand.pixels(job) == undisturbed


@pytest.mark.slow
def test_killed_while_decoding(stand: Stand, undisturbed: list[bytes]) -> None:
    job = stand.finish(stand.submit(), decoding)
    assert stand.story == ["killed", "loading", "picture"]
    assert made_after(job, 1)
    assert stand.pixels(job) == undisturbed


@pytest.mark.slow
def test_killed_in_the_second_of_three_pictures_the_first_is_kept(stand: Stand) -> None:
    whole = stand.finish(stand.submit(batch_count=3))
    before = stand.studio.history.total()

    def in_the_second(event: View) -> bool:
        return event["image"] == 1 and sampling(event)

    job = stand.finish(stand.submit(batch_count=3), in_the_second)
    assert made_after(job, 1)
    assert stand.pixels(job) == stand.pixels(whole)
    assert stand.studio.history.total() == before + 3


@pytest.mark.parametrize("kind", ["img2img", "inpaint"])
def test_a_round_of_a_loopback_is_what_it_would_be_by_hand(stand: Stand, kind: str) -> None:
    """To the pixel: drawn on the picture that the round before has saved, with the strength of the curve."""
    asked = stand.source(kind) | SMALL
    job = stand.finish(stand.submit(**asked, loops=3, denoising_strength=0.7, final_denoising_strength=0.3, denoising_curve="Aggressive"))
    assert made_after(job, 0) and len(job["images"]) == 3
    strengths = [0.7 - 0.4 * math.sin(math.pi / 2 * done) for done in (0, 0.5, 1)]
    starts = [asked["init_image"], *(image["sha256"] for image in job["images"][:2])]
    by_hand = [
        stand.finish(stand.submit(**asked | {"init_image": start, "denoising_strength": strength, "seed": 7 + number}))
        for number, (start, strength) in enumerate(zip(starts, strengths, strict=True))
    ]
    assert [stand.pixels(one)[0] for one in by_hand] == stand.pixels(job)
    assert len(set(stand.pixels(job))) == 3


@pytest.mark.slow
def test_killed_in_the_second_round_of_a_loopback(stand: Stand) -> None:
    asked = stand.source("img2img") | SMALL | {"loops": 3}
    whole = stand.finish(stand.submit(**asked))
    before = stand.studio.history.total()
    job = stand.finish(stand.submit(**asked), lambda event: event["image"] == 1 and sampling(event))
    assert made_after(job, 1)
    assert stand.pixels(job) == stand.pixels(whole)
    assert stand.studio.history.total() == before + 3


@pytest.mark.slow
def test_a_job_that_kills_its_workers_is_set_aside_and_its_neighbours_are_unharmed(stand: Stand, undisturbed: list[bytes]) -> None:
    before, deadly, behind = stand.submit(), stand.submit(prompt="deadly"), stand.submit()
    set_aside = stand.finish(deadly)
    assert set_aside["status"] == "failed"
    assert set_aside["error"]["code"] == "worker_killed"
    assert str(MOST_WORKER_DEATHS) in set_aside["error"]["message"]
    assert len(set_aside["notes"]) == MOST_WORKER_DEATHS - 1, "each try but the last is told"
    for neighbour in (before, behind):
        job = stand.finish(neighbour)
        assert made_after(job, 0)
        assert stand.pixels(job) == undisturbed


@pytest.mark.slow
def test_deaths_before_the_job_was_taken_up_are_not_counted(stand: Stand, undisturbed: list[bytes]) -> None:
    """More of them than a job may cause. After its Hello a worker still imports the model libraries, which takes seconds."""
    stand.finish(stand.submit())
    stand.kill()
    job_id = stand.submit()
    for _ in range(MOST_WORKER_DEATHS):
        seen = stand.executor.slots()[0].hello
        while (slot := stand.executor.slots()[0]).hello is seen or not slot.alive:
            time.sleep(0.02)
        stand.kill()
    job = stand.finish(job_id)
    assert made_after(job, 0)
    assert stand.pixels(job) == undisturbed

"""Loopback: rounds that each draw on the picture of the one before, over the queue, through deaths and restarts, and back from history."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from test_adapters import Listening
from test_control import finished
from test_img2img import IMG2IMG, INPAINT, png, resolved, white

from webui.errors import InvalidRequest
from webui.executors.fake import FakeExecutor
from webui.generation.events import Failed, Step, WorkerEvent
from webui.generation.infotext import map_fields, read_infotext, write_infotext
from webui.generation.job import JobSpec
from webui.generation.loopback import strength_of
from webui.generation.passes import passes_of
from webui.generation.request import PictureFromPicture, parse_request
from webui.planning.estimate import picture_work, work_of
from webui.studio.reading import read_picture
from webui.studio.studio import Studio

LOOPS = {"loops": 3, "denoising_strength": 0.8, "final_denoising_strength": 0.2, "denoising_curve": "Lazy"}


@pytest.mark.parametrize(
    ("curve", "halfway"), [("Linear", 0.5), ("Aggressive", 0.8 - 0.6 * math.sin(math.pi / 4)), ("Lazy", 0.2 + 0.6 * math.cos(math.pi / 4))]
)
def test_the_curves_are_a1111s(curve: str, halfway: float) -> None:
    strengths = [strength_of(number, 5, 0.8, 0.2, curve) for number in range(5)]
    assert (strengths[0], strengths[2], strengths[4]) == pytest.approx((0.8, halfway, 0.2), abs=5e-5)
    assert all(len(repr(strength)) <= len("0.1234") for strength in strengths)
    assert strengths == sorted(strengths, reverse=True)
    assert strength_of(0, 1, 0.8, 0.2, curve) == 0.8


def test_each_round_is_a_request_of_its_own() -> None:
    asked = parse_request(INPAINT | LOOPS | {"masked_content": "latent noise", "batch_count": 2})
    assert asked.picture_count == 6
    rounds = asked.rounds
    assert [one.denoising_strength for one in rounds] == [strength_of(number, 3, 0.8, 0.2, "Lazy") for number in range(3)]
    assert [one.masked_content for one in rounds] == ["latent noise", "original", "original"]
    assert all(one.loops == 1 and one.rounds == (one,) for one in rounds)
    assert [passes_of(one)[0].steps.taken for one in rounds] == [17, int(rounds[1].denoising_strength * 20) + 1, 5]
    assert work_of(asked) == 2 * sum(picture_work(one) for one in rounds)
    assert parse_request({}).rounds == (parse_request({}),)


def test_a_picture_that_is_extended_has_no_rounds() -> None:
    with pytest.raises(InvalidRequest, match="again") as refused:
        parse_request(INPAINT | LOOPS | {"extend_left": 64})
    assert refused.value.field == "loops"


def test_seeds_go_on_over_rounds_and_rows() -> None:
    made = resolved(**IMG2IMG, **LOOPS, batch_count=2)
    assert made.image_seeds == tuple(range(7, 13))
    assert [made.alone(index).seed for index in (0, 4)] == [7, 11]
    second = made.alone(4, "ef" * 32)
    assert isinstance(second, PictureFromPicture)
    assert (second.init_image, second.loops, second.picture_count) == ("ef" * 32, 1, 1)


def test_the_texts_tell_round_and_curve() -> None:
    made = resolved(**IMG2IMG, **LOOPS)
    pairs = read_infotext(write_infotext(made.alone(1), 8, "1")).parameters
    strength = strength_of(1, 3, 0.8, 0.2, "Lazy")
    keys = ("Denoising strength", "Final denoising strength", "Denoising curve", "Loopback")
    assert [pairs[key] for key in keys] == [repr(strength), "0.2", "Lazy", "2 of 3"]
    assert "Loops" not in pairs, "by itself it is one picture"
    mapped = map_fields(read_infotext(write_infotext(made.alone(1), 8, "1")))
    assert not mapped.unmapped
    told = {name: mapped.of_source[name] for name in ("loops", *LOOPS)}
    assert told == {**LOOPS, "loops": 1, "denoising_strength": strength}
    # Of all rounds at once, as an extension or another program may write it.
    whole = map_fields(read_infotext(write_infotext(made, 7, "1")))
    assert LOOPS.items() <= whole.of_source.items()
    plain = read_infotext(write_infotext(resolved(**IMG2IMG, final_denoising_strength=0.1, denoising_curve="Lazy"), 7, "1")).parameters
    assert not {"Final denoising strength", "Denoising curve", "Loops", "Loopback"} & plain.keys()


# over the queue


def source(studio: Studio, kind: str) -> dict[str, Any]:
    hashes = {"init_image": studio.images.put(png(Image.new("RGB", (96, 80), (9, 80, 200)))).sha256}
    return {"kind": kind, **hashes} | ({"mask": studio.images.put(png(white(96, 80))).sha256} if kind == "inpaint" else {})


def pixels(studio: Studio, job: dict[str, Any]) -> list[bytes]:
    return [Image.open(studio.picture_path(image["id"])).tobytes() for image in job["images"]]


@pytest.mark.parametrize("kind", ["img2img", "inpaint"])
def test_each_round_starts_from_the_picture_that_was_saved_before(new_studio: Callable[..., Studio], kind: str) -> None:
    executor = Listening()
    studio = new_studio(executor)
    asked = source(studio, kind)
    job = finished(studio, {**asked, **LOOPS, "batch_count": 2, "seed": 7, "steps": 4})
    assert (job["status"], job["pictures"], job["done"]) == ("done", 6, 6)
    first, second, third, *others = job["images"]
    begins = [spec.request.init_image for spec in executor.jobs]  # type: ignore[union-attr]
    original = asked["init_image"]
    assert begins == [original, first["sha256"], second["sha256"], original, others[0]["sha256"], others[1]["sha256"]]
    # History tells of each picture exactly what was drawn, so that it can be drawn again.
    assert [studio.request_of(image["id"]) for image in job["images"]] == [spec.request for spec in executor.jobs]
    assert [image["seed"] for image in job["images"]] == [str(seed) for seed in range(7, 13)]
    # The file says the same.
    path, _ = studio.image_file(third["id"])
    told = read_picture(path.read_bytes(), [])["of_source"]
    assert (told["init_image"], told["denoising_strength"], told["loops"]) == (second["sha256"], pytest.approx(0.2), 1)


class DyingOnce(FakeExecutor):
    """Its worker dies in the middle of the second round, once."""

    def __init__(self) -> None:
        super().__init__(step_seconds=0.001)
        self.rounds: list[str] = []

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        self.rounds.append(getattr(job.request, "loopback", ""))
        for event in super().run(slot, job):
            yield event
            if self.rounds == ["1 of 3", "2 of 3"] and isinstance(event, Step) and event.step == 2:
                yield Failed({"message": "It died."}, worker_lost=True)
                return


def test_a_death_in_the_middle_takes_one_round_away_and_changes_nothing(new_studio: Callable[..., Studio]) -> None:
    executor = DyingOnce()
    studio = new_studio(executor)
    asked = {**source(studio, "img2img"), **LOOPS, "seed": 7, "steps": 6}
    job = finished(studio, asked)
    assert executor.rounds == ["1 of 3", "2 of 3", "2 of 3", "3 of 3"]
    assert job["status"] == "done"
    undisturbed = finished(studio, asked)
    assert pixels(studio, job)[0] == pixels(studio, undisturbed)[0]
    assert [image["infotext"] for image in job["images"]] == [image["infotext"] for image in undisturbed["images"]]
    assert job["images"][2]["facts"]["init_image"] == job["images"][1]["sha256"]


class Waiting(FakeExecutor):
    """Goes no further than into the second round, until it is let."""

    def __init__(self) -> None:
        super().__init__(step_seconds=0.001)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def run(self, slot: str, job: JobSpec) -> Iterator[WorkerEvent]:
        for event in super().run(slot, job):
            yield event
            if getattr(job.request, "loopback", "") == "2 of 3" and isinstance(event, Step):
                self.reached.set()
                self.go_on.wait(10)
                if self._closed.is_set():
                    yield Failed({"message": "Easel is ending."}, worker_lost=True)
                    return

    def close(self) -> None:
        super().close()
        self.go_on.set()


def test_interrupt_ends_all_rounds_and_skip_one(new_studio: Callable[..., Studio]) -> None:
    for press, done in (("interrupt", [0]), ("skip", [0, 2])):
        executor = Waiting()
        studio = new_studio(executor)
        job = studio.submit(studio.complete({**source(studio, "img2img"), **LOOPS, "steps": 6}))
        assert executor.reached.wait(10)
        getattr(studio, press)(job["id"])
        executor.go_on.set()
        ended = studio.follow(job["id"], lambda event: None)
        assert [image["index"] for image in ended["images"]] == done
        if press == "skip":
            assert ended["images"][1]["facts"]["init_image"] == ended["images"][0]["sha256"]
        studio.close()


def test_a_restart_in_the_middle_goes_on_at_its_round(new_studio: Callable[..., Studio]) -> None:
    executor = Waiting()
    studio = new_studio(executor)
    job = studio.submit(studio.complete({**source(studio, "img2img"), **LOOPS, "steps": 6}))
    assert executor.reached.wait(10)
    first = studio.job(job["id"])["images"]
    studio.close()
    listening = Listening()
    ended = new_studio(listening).follow(job["id"], lambda event: None)
    assert [image["index"] for image in ended["images"]] == [0, 1, 2]
    assert ended["images"][0] == first[0]
    assert [spec.request.loopback for spec in listening.jobs] == ["2 of 3", "3 of 3"]  # type: ignore[union-attr]

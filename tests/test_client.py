"""The Python client: it is what the API describes, it knows nothing of the server, and all it offers works over the wire."""

from __future__ import annotations

import asyncio
import inspect
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from make_client import make
from PIL import Image as Pictures
from served import apart

from webui.client import (
    AsyncEasel,
    Conflict,
    Easel,
    EaselError,
    Event,
    Img2Img,
    Invalid,
    Job,
    JobFailed,
    NotFound,
    TookTooLong,
    Txt2Img,
    Unreachable,
    Upscale,
    UpscaleStep,
)
from webui.client.errors import Busy, DiskFull, error_of
from webui.client.wire import content_type_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def easel(url: str) -> Iterator[Easel]:
    with Easel(url) as easel:
        yield easel


def small(**fields: object) -> Txt2Img:
    return Txt2Img.model_validate({"prompt": "a fox", "width": 64, "height": 64, "steps": 3, **fields})


def png(colour: str = "red", size: tuple[int, int] = (64, 64)) -> bytes:
    told = io.BytesIO()
    Pictures.new("RGB", size, colour).save(told, "PNG")
    return told.getvalue()


def test_the_client_is_what_the_api_describes(url: str) -> None:
    described = httpx.get(f"{url}/api/v1/openapi.json", timeout=60).json()
    stale = [name for name, text in make(described).items() if (ROOT / "webui" / "client" / name).read_text("utf-8") != text]
    assert not stale, f"the API has changed: run .venv/bin/python docs/make_client.py, and commit {', '.join(stale)}"


def test_the_client_knows_nothing_of_the_server() -> None:
    code = "import sys, webui.client; print([name for name in sys.modules if name.startswith('webui.')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = [name.strip(" []'\n") for name in told.split(",")]
    assert loaded
    assert all(name.startswith("webui.client") for name in loaded)


def test_both_kinds_have_the_same_operations(url: str) -> None:
    with Easel(url) as waiting:
        awaited = AsyncEasel(url)
        groups = [name for name, value in vars(waiting).items() if type(value).__name__.endswith("Operations")]
        assert len(groups) >= 14
        for group in groups:
            one, other = type(getattr(waiting, group)), type(getattr(awaited, group))
            names = [name for name in vars(one) if not name.startswith("_")]
            assert names == [name for name in vars(other) if not name.startswith("_")]
            for name in names:
                assert inspect.signature(getattr(one, name)) == inspect.signature(getattr(other, name))
    own = {name for name in vars(Easel) if not name.startswith("_")}
    assert own == {name for name in vars(AsyncEasel) if not name.startswith("_")}


def test_a_picture_is_made_followed_and_kept(easel: Easel, tmp_path: Path) -> None:
    seen: list[Event] = []
    job = easel.make(small(seed=7, batch_count=2), on_event=seen.append)
    assert (job.status, [image.seed for image in job.images]) == ("done", ["7", "8"])
    assert seen[0].type == "job"
    assert seen[-1].job is not None
    assert seen[-1].job.status == "done"
    assert all(event.image is not None for event in seen if event.type == "picture")
    kept = easel.save(job.images[0], tmp_path)
    assert kept.parent == tmp_path
    with Pictures.open(kept) as picture:
        assert picture.size == (64, 64)
        assert "Seed: 7" in picture.info["parameters"]


def test_what_is_left_out_is_the_checkpoints_own(easel: Easel) -> None:
    """The small checkpoint says 256: the 512 that the class has as its default isn't sent."""
    assert Txt2Img(prompt="a fox", steps=3).as_json() == {"kind": "txt2img", "prompt": "a fox", "steps": 3}
    job = easel.make(Txt2Img(prompt="a fox", steps=2, height=64))
    assert (job.width, job.height) == (256, 64)


def test_a_picture_is_put_in_changed_and_enlarged(easel: Easel, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(png())
    stored = easel.put_in(tmp_path / "red.png")
    assert stored.sha256 == easel.put_in(png()).sha256
    changed = easel.make(Img2Img(init_image=stored.sha256, prompt="a frog", steps=3, width=64, height=64))
    assert changed.kind == "img2img"
    step = UpscaleStep(upscaler="Lanczos", scale=2)
    larger = easel.make(Upscale(init_image=changed.images[0].sha256, finishing=[step]))
    assert (larger.images[0].width, larger.images[0].height) == (128, 128)


def test_lists_history_and_queue(easel: Easel) -> None:
    easel.make(small(prompt="a walrus of its own"))
    page = easel.history.history(q="walrus", limit=5)
    assert [image.prompt for image in page.items] == ["a walrus of its own"]
    assert any(entry.name == "small" and entry.usable for entry in easel.choices.checkpoints())
    assert not easel.queue.queue(limit=5).paused
    assert easel.studio.health().state == "ready"
    before = easel.history.mark_images(ids=[page.items[0].id], favourite=True)
    assert before is not None
    assert easel.history.history_item(page.items[0].id).favourite


def test_errors_are_told_as_the_api_tells_them(easel: Easel) -> None:
    with pytest.raises(Invalid) as wrong:
        easel.jobs.submit(small(steps=0))
    assert (wrong.value.field, wrong.value.status, wrong.value.code) == ("steps", 422, "invalid_request")
    assert wrong.value.allowed
    assert wrong.value.allowed in str(wrong.value)
    with pytest.raises(NotFound):
        easel.jobs.job("1")
    done = easel.make(small())
    with pytest.raises(Conflict):
        easel.jobs.skip(done.id)
    with pytest.raises(Exception, match="promt"):
        Txt2Img.model_validate({"promt": "a fox"})


def test_a_job_that_fails_or_is_cancelled_says_so(easel: Easel) -> None:
    easel.queue.pause()
    try:
        job = easel.jobs.submit(small(prompt="nobody waits for this"))
        with pytest.raises(TookTooLong):
            easel.wait(job, timeout=0.2)
        easel.jobs.cancel(job.id)
        with pytest.raises(JobFailed, match="cancelled") as ended:
            easel.wait(job)
        assert ended.value.job == job.id
    finally:
        easel.queue.resume()


def test_events_of_everything_go_on_after_the_last(easel: Easel, url: str) -> None:
    start = int(easel.studio.snapshot().seq)
    job = easel.make(small(prompt="heard of"))
    with Easel(url) as listener:
        for event in listener.events(after=start):
            if event.type == "job" and event.job and event.job.id == job.id and event.job.status == "done":
                break
        assert event.number > start
        last = event.number
    with Easel(url) as listener:
        following = listener.events(after=last - 1)
        assert next(following).number == last


def test_it_can_be_awaited(url: str) -> None:
    async def draw() -> list[Job]:
        async with AsyncEasel(url) as easel:
            jobs = await asyncio.gather(*(easel.make(small(prompt=f"fox {number}")) for number in range(3)))
            stored = await easel.put_in(png("blue"))
            assert len(stored.sha256) == 64
            assert (await easel.picture(jobs[0].images[0])).startswith(b"\x89PNG")
            with pytest.raises(NotFound):
                await easel.jobs.job("1")
            async for event in easel.follow(jobs[0]):
                assert event.job is not None
            return jobs

    jobs = apart(lambda: asyncio.run(draw()))
    assert [job.prompt for job in jobs] == ["fox 0", "fox 1", "fox 2"]


def test_nobody_at_the_address() -> None:
    with Easel("http://127.0.0.1:9") as easel, pytest.raises(Unreachable, match=r"launch\.py"):
        easel.studio.health()
    with pytest.raises(EaselError, match="no address"):
        Easel("127.0.0.1:7860")


def test_the_token_and_the_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(
            401, json={"error": {"code": "not_allowed", "message": "Log in.", "hint": "", "field": None, "allowed": None}}
        )

    monkeypatch.setenv("EASEL_URL", "http://easel.example:1234")
    monkeypatch.setenv("EASEL_TOKEN", "a-token-of-its-own")
    easel = Easel.from_environment()
    easel._http = httpx.Client(base_url=easel.url, headers=easel._http.headers, transport=httpx.MockTransport(answer))
    with pytest.raises(EaselError, match="Log in"):
        easel.studio.health()
    assert asked[0].headers["authorization"] == "Bearer a-token-of-its-own"
    assert str(asked[0].url) == "http://easel.example:1234/api/v1/health"


def test_answers_that_are_no_easels() -> None:
    assert isinstance(error_of(429, None, "7"), Busy)
    assert error_of(429, None, "7").retry_after == 7
    assert isinstance(error_of(507, {"error": {"message": "Full."}}), DiskFull)
    assert error_of(502, ["?"]).code == "http_502"
    with pytest.raises(EaselError, match="no picture"):
        content_type_of(b"<svg/>")

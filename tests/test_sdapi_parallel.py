"""Many clients of AUTOMATIC1111's API at once: all are answered, each with what it would have got alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import serving, serving_really
from test_sdapi import opened

from webui.executors.fake import FakeExecutor

CLIENTS, JOBS = 8, 25
SIZES = ((64, 64), (128, 64), (64, 96))


def body_of(client: int, job: int) -> dict[str, Any]:
    """What the job of a client asks for; no two are alike."""
    width, height = SIZES[(client + job) % len(SIZES)]
    return {
        "prompt": f"client {client}",
        "seed": 1000 * client + job,
        "steps": 2,
        "width": width,
        "height": height,
        "sampler_name": "Euler a",
    }


def one_client(url: str, client: int, more: dict[str, Any]) -> list[bytes]:
    """All jobs of one client, one after the other: their pixels."""
    pixels = []
    with httpx.Client(base_url=url, timeout=600) as connection:
        for job in range(JOBS):
            body = body_of(client, job) | more
            answer = connection.post("/sdapi/v1/txt2img", json=body)
            assert answer.status_code == 200, answer.text
            (image,) = answer.json()["images"]
            assert opened(image).size == (body["width"], body["height"])
            pixels.append(opened(image).tobytes())
    return pixels


def all_at_once(url: str, **more: Any) -> list[list[bytes]]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda client: one_client(url, client, more), range(CLIENTS)))


def alone(url: str, client: int, job: int, **more: Any) -> bytes:
    answer = httpx.post(f"{url}/sdapi/v1/txt2img", json=body_of(client, job) | more, timeout=600)
    return opened(answer.json()["images"][0]).tobytes()


def test_eight_clients_with_twenty_five_jobs_each(tmp_path: Path) -> None:
    with serving(tmp_path, FakeExecutor(step_seconds=0)) as url:
        together = all_at_once(url)
        assert [len(pixels) for pixels in together] == [JOBS] * CLIENTS
        assert len({one for pixels in together for one in pixels}) == CLIENTS * JOBS
        # The same seeds with nobody beside them; some of each client's.
        for client in range(CLIENTS):
            for job in range(client % 5, JOBS, 5):
                assert alone(url, client, job) == together[client][job]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_they_draw_with_a_real_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving_really(tmp_path) as url:
        model = {"override_settings": {"sd_model_checkpoint": "easel-emoji"}}
        began = time.monotonic()
        together = all_at_once(url, **model)
        with capsys.disabled():
            print(f"\n{CLIENTS} clients, {CLIENTS * JOBS} jobs, all answered in {time.monotonic() - began:.0f} s")
        assert len({one for pixels in together for one in pixels}) == CLIENTS * JOBS
        for client in range(CLIENTS):
            for job in range(client % 5, JOBS, 5):
                assert alone(url, client, job, **model) == together[client][job]

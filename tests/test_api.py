"""REST, page and door together, over the fake executor."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from test_request import BAD

SMALL = {"width": 64, "height": 64, "steps": 3}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def finish(client: httpx.Client, **fields: object) -> dict:
    answer = client.post("/api/v1/jobs", json=SMALL | fields)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    while job["status"] in ("waiting", "running"):
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    return job


def test_health_tells_state_device_dtype_version_and_queue(client: httpx.Client) -> None:
    health = client.get("/api/v1/health").json()
    assert set(health) == {"state", "device", "dtype", "version", "queue"}
    assert (health["state"], health["queue"]) == ("ready", 0)


def test_a_checkpoints_usual_chain_is_told_and_not_added(client: httpx.Client) -> None:
    (small,) = (entry for entry in client.get("/api/v1/checkpoints").json() if entry["name"] == "small")
    (step,) = small["usual"]["finishing"]
    assert (step["step"], step["upscaler"], step["scale"]) == ("upscale", "Lanczos", 2)
    (image,) = finish(client, prompt="a fox")["images"]
    assert (image["width"], image["height"]) == (64, 64)
    (image,) = finish(client, prompt="a fox", **small["usual"])["images"]
    assert (image["width"], image["height"]) == (128, 128)


def test_the_doctor_by_program(client: httpx.Client) -> None:
    told = client.get("/api/v1/system").json()
    states = {finding["id"]: finding["state"] for finding in told["findings"]}
    assert (states["checkpoints"], states["device"], states["integrity"]) == ("warn", "ok", "unchecked")
    assert told["engine"] == {
        "ready": True,
        "problem": "",
        "device": "fake",
        "device_name": "Painted patterns",
        "dtype": "none",
        "attention": [],
    }
    seq = client.get("/api/v1/snapshot").json()["seq"]
    begun = client.post("/api/v1/system/check", json={})
    assert begun.status_code == 202
    words = []
    with client.stream("GET", "/api/v1/events", params={"after": seq}) as stream:
        for line in stream.iter_lines():
            event = json.loads(line[6:]) if line.startswith("data: ") else {}
            if event.get("type") == "system":
                if event["doing"] is None:
                    break
                words.append(event["doing"]["words"])
    assert words[0] == "Reading the whole database"
    states = {finding["id"]: finding["state"] for finding in client.get("/api/v1/system").json()["findings"]}
    assert states["integrity"] == "ok"
    report = client.get("/api/v1/system/report")
    assert report.headers["content-type"].startswith("text/plain")
    assert report.headers["content-disposition"] == 'attachment; filename="easel-report.txt"'
    assert "warn  Checkpoints" in report.text


def test_a_job_by_program(client: httpx.Client) -> None:
    job = finish(client, prompt="a red apple", seed=5, batch_count=2)
    assert job["status"] == "done"
    picture = client.get(job["images"][1]["url"])
    assert picture.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(picture.content)) as opened:
        assert opened.size == (64, 64)
        assert "Seed: 6" in opened.info["parameters"]
    thumbnail = client.get(job["images"][1]["thumbnail"])
    assert thumbnail.headers["content-type"] == "image/webp"
    assert "immutable" in thumbnail.headers["cache-control"]
    page = client.get("/api/v1/history?limit=1").json()
    assert page["items"][0]["id"] == job["images"][1]["id"]
    assert page["total"] >= 2
    assert client.get(f"/api/v1/history?limit=1&before={page['next']}").json()["items"][0]["id"] == job["images"][0]["id"]
    assert client.get(f"/api/v1/history/{page['items'][0]['id']}").json()["prompt"] == "a red apple"


def test_fields_left_out_are_the_checkpoints_own(client: httpx.Client, url: str) -> None:
    answer = client.post("/api/v1/jobs", json={"prompt": "own size", "steps": 1}).json()
    assert (answer["width"], answer["height"]) == (256, 512)


def _about(event: dict[str, Any]) -> str | None:
    job = event.get("job")
    return job["id"] if isinstance(job, dict) else job


def test_events_are_told_in_order_and_resume(client: httpx.Client, url: str) -> None:
    seq = client.get("/api/v1/snapshot").json()["seq"]
    job = finish(client, prompt="events")
    events = []
    with httpx.stream("GET", f"{url}/api/v1/events", params={"after": seq}, timeout=20) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line[6:]))
                if _about(events[-1]) == job["id"] and events[-1]["type"] == "job" and events[-1]["job"]["status"] == "done":
                    break
    # The jobs of earlier tests may be ending still.
    kinds = [event["type"] for event in events if _about(event) == job["id"]]
    assert kinds[0] == "job" and kinds[-1] == "job"
    assert "progress" in kinds and "picture" in kinds
    numbers = [event["seq"] for event in events]
    assert numbers == list(range(seq + 1, seq + 1 + len(events)))
    middle = numbers[len(numbers) // 2]
    with httpx.stream("GET", f"{url}/api/v1/events", headers={"Last-Event-ID": str(middle)}, timeout=20) as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert json.loads(first[6:])["seq"] == middle + 1
    assert job["status"] == "done"


def test_a_follower_from_before_a_restart_is_told_to_begin_anew(url: str) -> None:
    with httpx.stream("GET", f"{url}/api/v1/events", params={"after": 3}, timeout=20) as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert json.loads(first[6:])["type"] == "reset"


@pytest.mark.parametrize(("fields", "field", "allowed"), BAD, ids=lambda value: str(value)[:30])
def test_bad_values_get_4xx_naming_field_and_range(client: httpx.Client, fields: dict, field: str, allowed: str | None) -> None:
    text = json.dumps(fields)
    answer = client.post("/api/v1/jobs", content=text, headers={"content-type": "application/json"})
    if len(text) > 2 * 1024 * 1024:
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "too_large"
        return
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["field"], error["allowed"]) == (field, allowed)
    assert error["hint"]


def test_bad_checkpoints_get_4xx_and_the_good_one_goes_on(client: httpx.Client) -> None:
    for name, words in (("no such", "no checkpoint called"), ("broken", "web page")):
        answer = client.post("/api/v1/jobs", json=SMALL | {"checkpoint": name})
        assert answer.status_code == 422
        assert words in answer.json()["error"]["message"]
    assert finish(client)["status"] == "done"
    listed = {entry["name"]: entry for entry in client.get("/api/v1/checkpoints").json()}
    assert listed["small"]["usable"] and not listed["broken"]["usable"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"[1]", b'"x"'])
def test_bodies_that_are_no_request(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/images/..%2f..%2fetc%2fpasswd",
        "/api/v1/images/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/thumbnails/1%00",
        "/api/v1/images/C:%5Cboot.ini",
        "/api/v1/jobs/999",
        "/api/v1/history/999999999999999999999999",
        "/api/v1/nothing",
        "/api/v1/jobs/1/preview",
    ],
)
def test_what_is_not_there_is_404_without_a_path(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "error" in answer.json()
    assert "/etc" not in answer.text


def test_a_wrong_method_is_405(client: httpx.Client) -> None:
    for answer in (client.delete("/api/v1/jobs"), client.post("/api/v1/health", json={}), client.delete("/api/v1/history/1")):
        assert answer.status_code == 405
        assert answer.json()["error"]["code"] == "http_405"


def test_interrupt_and_conflicts(client: httpx.Client) -> None:
    job = client.post("/api/v1/jobs", json=SMALL | {"steps": 150, "batch_count": 20}).json()
    assert client.post(f"/api/v1/jobs/{job['id']}/interrupt").status_code == 200
    while client.get(f"/api/v1/jobs/{job['id']}").json()["status"] in ("waiting", "running"):
        pass
    assert client.get(f"/api/v1/jobs/{job['id']}").json()["status"] == "cancelled"
    assert client.post(f"/api/v1/jobs/{job['id']}/skip").status_code == 409


# the door


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:7860", "127.0.0.1.attacker.example", "[bad", ""])
@pytest.mark.parametrize("path", ["/", "/config", "/api/v1/health", "/gradio_api/info", "/static/x"])
def test_foreign_hosts_are_refused_everywhere(client: httpx.Client, host: str, path: str) -> None:
    answer = client.get(path, headers={"host": host})
    assert answer.status_code in (400, 403)
    assert "gradio" not in answer.text


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://127.0.0.1:1", "http://localhost.attacker.example"])
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/gradio_api/upload", "/gradio_api/queue/join"])
def test_other_pages_may_not_ask_for_anything(client: httpx.Client, origin: str, path: str) -> None:
    answer = client.post(path, json={}, headers={"origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "cross_site_request"


def test_own_origin_and_programs_pass(client: httpx.Client, url: str) -> None:
    assert client.post("/api/v1/jobs", json=SMALL, headers={"origin": url}).status_code == 202
    assert client.post("/api/v1/jobs", json=SMALL).status_code == 202


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_forms_are_refused(client: httpx.Client, kind: str) -> None:
    answer = client.post("/api/v1/jobs", content=b'{"prompt": "a"}', headers={"content-type": kind})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/v1/health", "/api/v1/nothing", "/favicon.ico"])
def test_security_headers_stand_on_every_answer(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_page_is_there_and_compressed(client: httpx.Client) -> None:
    answer = client.get("/", headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert "Easel" in answer.text


@pytest.mark.parametrize("path", ["/gradio_api/monitoring", "/gradio_api/monitoring/summary", "/monitoring"])
def test_gradios_monitoring_is_off(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (403, 404)


@pytest.mark.parametrize("path", ["/etc/hostname", str(Path(__file__)), "../../etc/hostname", "http://127.0.0.1:1/"])
def test_no_file_of_this_machine_is_read_through_the_page(client: httpx.Client, path: str) -> None:
    assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_a_file_input_cannot_name_a_file_of_this_machine(tmp_path: Path) -> None:
    """The mounted page must check paths as a launched one does: Gradio switches that off unless `has_launched` is set."""
    import gradio as gr
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from webui.ui import blocks

    with gr.Blocks() as page:
        source, target = gr.File(), gr.Textbox()
        gr.Button().click(lambda path: Path(path).read_text(), source, target, api_name="read", queue=False)
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    app = blocks.mount_page(FastAPI(), page)
    body = {"data": [{"path": str(secret), "meta": {"_type": "gradio.FileData"}}]}
    with TestClient(app) as client:
        answer = client.post("/gradio_api/run/read", json=body)
    assert "canary" not in answer.text
    assert answer.status_code != 200


# the web process


def test_the_web_process_never_imports_torch(tmp_path: Path) -> None:
    code = f"""
import sys
from typing import Any
from webui.settings import load_settings
from webui.app import build_web, open_studio
with open_studio(load_settings(data_dir={str(tmp_path)!r}, executor="fake")) as (studio, _):
    build_web(studio)
print(sorted({{"torch", "diffusers", "transformers", "accelerate", "xformers"}} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent, check=True)
    assert result.stdout.strip() == "[]"


def test_nan_is_json_here_and_refused(client: httpx.Client) -> None:
    assert math.isnan(json.loads("NaN"))
    answer = client.post("/api/v1/jobs", content=b'{"cfg_scale": NaN}', headers={"content-type": "application/json"})
    assert answer.json()["error"]["allowed"] == "1 to 30"

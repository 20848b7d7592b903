"""The attacks that a studio in the browser has to stand, each tried on a running Easel, numbered as their list is.

Rows that are tried elsewhere, where what they need is at hand, stand in ELSEWHERE; a test sees to it that they are there.
"""

from __future__ import annotations

import ast
import base64
import http.client
import io
import json
import logging
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from served import serving

from webui.access_tokens import new_token
from webui.app import require_guard
from webui.errors import SettingInvalid
from webui.logs import log_to_file
from webui.redaction import Redactor
from webui.settings import load_settings

TESTS = Path(__file__).resolve().parent.parent
SMALL = {"width": 64, "height": 64, "steps": 1}
CANARY = "canary-4711"

ELSEWHERE: dict[int, tuple[str, str]] = {
    7: ("test_remote_picture.py", "test_a_name_that_changes_its_address_leads_nowhere_else"),
    19: ("test_pickles.py", "test_code_in_a_pickle_never_runs"),
    20: ("test_header.py", "test_every_malformed_safetensors_says_what_is_wrong"),
    21: ("engine/test_nan.py", "test_damaged_weights_are_named_and_nothing_of_them_stays"),
    22: ("engine/test_hostile_files.py", "test_it_is_refused_in_words_and_the_model_in_use_goes_on"),
    12: ("attacks/test_add_ons.py", "test_row_12_who_may_not_install"),
    13: ("attacks/test_add_ons.py", "test_row_13_addresses_that_nothing_is_fetched_from"),
    14: ("test_installing.py", "test_zips_that_are_not_unpacked"),
    15: ("test_installing.py", "test_what_easel_stands_on_stays_as_it_is"),
    16: ("test_installing.py", "test_look_alikes_and_taken_ids"),
    17: ("test_installing.py", "test_a_bad_add_on_does_not_pass_its_trial"),
    18: ("attacks/test_add_ons.py", "test_row_18_routes_that_are_not_an_add_ons_own"),
    28: ("browser/test_hostile_words.py", "test_row_28_hostile_words_are_text_in_every_view"),
    30: ("test_imports.py", "test_six_programs_are_taken_in_and_each_broken_file_is_listed"),
    33: ("test_owners.py", "test_ids_of_others_are_like_ids_that_never_were"),
}
"""Row -> file and test."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacks")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client


def finish(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/jobs", json=SMALL | fields)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    while job["status"] in ("waiting", "running"):
        time.sleep(0.02)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    return job


def raw(url: str, path: str) -> tuple[int, str]:
    """As it stands, without a client that tidies it first."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.putrequest("GET", path, skip_host=False)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text


def code_of(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


def png(width: int, height: int, data: bytes = b"", *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 2) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    middle = b"".join(chunk(*one) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + middle + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def picture(form: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (8, 8), **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size).save(target, form, **options)
    return target.getvalue()


# files of this machine

NAMES = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cwindows%5cwin.ini",
    "..\\..\\etc\\passwd",
    "%00",
    "1%00.png",
    "C:/windows/win.ini",
    "%5c%5chost%5cshare",
    "/etc/passwd",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["images", "thumbnails", "live", "examples", "history", "jobs"])
def test_row_01_paths_in_the_place_of_ids(url: str, place: str, name: str) -> None:
    status, text = raw(url, f"/api/v1/{place}/{name}")
    assert status in (307, 400, 404, 405, 422)
    assert "root:" not in text and "passwd" not in text and "win.ini" not in text


FILES = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1:9/",
    "http://169.254.169.254/",
    "{folder}/data/settings.yaml",
    "{folder}/secret.txt",
    "webui/app.py",
    "//etc/passwd",
    "C:/windows/win.ini",
]


@pytest.mark.parametrize("name", FILES)
def test_row_02_gradios_own_ways_to_files(url: str, folder: Path, name: str) -> None:
    (folder / "secret.txt").write_text(CANARY)
    where = name.replace("{folder}", str(folder))
    for way in ("/gradio_api/file=", "/gradio_api/file/", "/gradio_api/proxy=", "/static/", "/assets/", "/svelte/", "/gradio_api/stream/"):
        status, text = raw(url, way + where)
        assert status in (400, 403, 404, 405, 500), (way, status)
        assert CANARY not in text and "root:" not in text and "queue_limit" not in text and "def build_web" not in text


def test_row_02_no_input_of_the_page_names_a_file(client: httpx.Client, folder: Path) -> None:
    (folder / "secret.txt").write_text(CANARY)
    file = {"path": str(folder / "secret.txt"), "meta": {"_type": "gradio.FileData"}}
    config = client.get("/config").json()
    for index in range(len(config["dependencies"])):
        body = {"data": [file] * 400, "fn_index": index, "session_hash": "a", "event_data": {"job": "1"}}
        answer = client.post("/gradio_api/run/predict", json=body)
        assert CANARY not in answer.text
    upload = client.post("/gradio_api/upload", files={"files": ("../../pwn.html", b"<script>", "text/html")})
    assert upload.status_code == 200
    assert "pwn.html" in upload.text and ".." not in upload.text
    fetched = client.get(f"/gradio_api/file={upload.json()[0]}")
    assert fetched.status_code in (403, 404) or "attachment" in fetched.headers["content-disposition"]


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "1/../../x", "..", "9" * 30, "-1", ""])
def test_row_03_delete_and_download_by_name(client: httpx.Client, folder: Path, name: str) -> None:
    (folder / "x").write_text(CANARY)
    for method, path, body in (
        ("POST", "/api/v1/history/trash", {"images": [name]}),
        ("POST", "/api/v1/history/exports", {"images": [name]}),
        ("DELETE", "/api/v1/batches/" + httpx.URL("http://x").copy_with(path="/" + name).raw_path.decode()[1:], None),
    ):
        answer = client.request(method, path, json=body)
        assert answer.status_code in (200, 204, 307, 404, 405, 422)
        assert CANARY not in answer.text
    assert (folder / "x").read_text() == CANARY


def test_row_03_a_link_in_the_place_of_a_picture(client: httpx.Client, folder: Path) -> None:
    (image,) = finish(client, prompt="linked away")["images"]
    pictures = folder / "data" / "outputs"
    file = next(
        path
        for path in pictures.rglob("*.png")
        if f"{image['seed']}" in path.name and path.read_bytes() == client.get(image["url"]).content
    )
    (folder / "secret.txt").write_text(CANARY)
    file.unlink()
    file.symlink_to(folder / "secret.txt")
    answer = client.get(image["url"])
    assert CANARY not in answer.text
    assert answer.status_code == 404


HOSTILE_NAMES = [
    "../../../evil",
    "/etc/evil",
    "a/b/c",
    "CON",
    "NUL.txt",
    "a\u202egnp.exe",
    "x" * 5000,
    "trailing dot.",
    "🦊" * 90,
    "..",
    "\\\\host\\share",
]


@pytest.mark.parametrize("prompt", HOSTILE_NAMES, ids=lambda text: repr(text)[:20])
def test_row_04_names_of_files_by_pattern(client: httpx.Client, folder: Path, prompt: str) -> None:
    before = client.get("/api/v1/settings").json()["revision"]
    changed = client.patch(
        "/api/v1/settings", json={"values": {"name_pattern": "[prompt]", "folder_pattern": "[prompt]"}, "revision": before}
    )
    assert changed.status_code == 200
    finish(client, prompt=prompt, seed=abs(hash(prompt)) % 10**6)
    client.patch("/api/v1/settings", json={"values": {"name_pattern": None, "folder_pattern": None}})
    outputs = (folder / "data" / "outputs").resolve()
    for path in outputs.rglob("*"):
        assert outputs in path.parent.resolve().parents or path.parent.resolve() == outputs or path.is_relative_to(outputs)
        assert len(path.name.encode()) <= 200 and not path.name.endswith(".") and "\u202e" not in path.name
        assert path.stem.upper() not in ("CON", "NUL")
    assert not list(folder.rglob("evil*.png")) or all(path.is_relative_to(outputs) for path in folder.rglob("evil*.png"))


@pytest.mark.parametrize("name", ["outputs_dir", "data_dir", "host", "allowed_hosts"])
def test_row_05_settings_that_are_read_at_start(client: httpx.Client, name: str) -> None:
    answer = client.patch("/api/v1/settings", json={"values": {name: "/etc"}})
    assert (answer.status_code, code_of(answer)) == (403, "setting_is_startup_only")


# addresses

ADDRESSES = [
    "http://127.0.0.1/",
    "http://169.254.169.254/latest",
    "http://[::1]/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "https://example.com/a.png",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_row_06_pictures_by_address_while_that_is_off(client: httpx.Client, address: str) -> None:
    for path, body in (
        ("/sdapi/v1/img2img", {"init_images": [address]}),
        ("/sdapi/v1/extra-single-image", {"image": address}),
        ("/sdapi/v1/png-info", {"image": address}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422, (path, answer.text)
        assert (
            "Pictures aren't fetched from addresses" in answer.text or "image_url_not_allowed" in answer.text or path.endswith("png-info")
        )


def test_row_08_nobody_is_called_back(client: httpx.Client) -> None:
    for name in ("webhook", "webhook_url", "callback", "callback_url"):
        answer = client.post("/api/v1/jobs", json=SMALL | {name: "http://192.168.1.1/"})
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, name)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/a.safetensors",
        "https://localhost/a.safetensors",
        "https://[::1]/a.safetensors",
        "http://example.com/a.safetensors",
        "file:///etc/passwd",
        "https://169.254.169.254/a.safetensors",
    ],
)
def test_row_09_downloads_from_this_machine(client: httpx.Client, address: str) -> None:
    for path, body in (
        ("/api/v1/workshop/look-up", {"source": address}),
        ("/api/v1/workshop/orders", {"kind": "download", "source": address}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422, (path, answer.status_code, answer.text)


# other pages

EVIL = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"host": "evil.example"},
    {"host": "127.0.0.1.evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "text/plain"},
]


@pytest.mark.parametrize("headers", EVIL, ids=lambda headers: next(iter(headers.items())))
@pytest.mark.parametrize(
    "path", ["/api/v1/jobs", "/api/v1/people", "/sdapi/v1/txt2img", "/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset"]
)
def test_row_10_other_pages_change_nothing(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, content=b"{}", headers={"content-type": "application/json"} | headers)
    assert answer.status_code == 403
    assert "cross_site" in answer.text.lower() or "CrossSite" in answer.text


@pytest.mark.parametrize("headers", EVIL[:4], ids=lambda headers: next(iter(headers.items())))
@pytest.mark.parametrize(
    "path", ["/api/v1/events", "/gradio_api/queue/data?session_hash=a", "/gradio_api/heartbeat/a", "/config", "/sdapi/v1/options"]
)
def test_row_10_nor_do_they_listen(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 403


@pytest.mark.parametrize("given", [{"host": "0.0.0.0"}, {"host": "::"}, {"allowed_hosts": ("easel.example.com",)}])
def test_row_11_to_listen_without_a_password(given: dict[str, Any], tmp_path: Path, new_studio: Any) -> None:
    studio, settings = new_studio(start=False), load_settings(data_dir=tmp_path / "other", **given)
    with pytest.raises(SettingInvalid) as caught:
        require_guard(settings, studio)
    assert "people add" in str(caught.value) and "--listen-without-password" in str(caught.value)
    require_guard(load_settings(data_dir=tmp_path / "other", listen_without_password=True, **given), studio)
    studio.people.add("anna", "brown fox over dogs")
    require_guard(settings, studio)


# pictures and text

BOMBS = {
    "100k x 100k": png(100_000, 100_000),
    "144 megapixels": png(12_000, 12_000),
    "0 x 0": png(0, 0),
    "zTXt of 80 MB": png(8, 8, b"\0" * 200, (b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 80_000_000))),
    "truncated": picture(size=(500, 500))[:60],
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "tiff": picture("TIFF"),
    "no picture": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_row_23_pictures_that_are_none_or_too_much(client: httpx.Client, name: str) -> None:
    started = time.monotonic()
    answer = client.post("/api/v1/images", content=BOMBS[name], headers={"content-type": "image/png"})
    assert answer.status_code in (413, 415, 422), answer.text
    assert time.monotonic() - started < 60
    assert answer.json()["error"]["hint"]


@pytest.mark.parametrize(
    ("form", "mode", "kind"), [("JPEG", "CMYK", "image/jpeg"), ("PNG", "I;16", "image/png"), ("GIF", "P", "image/gif")]
)
def test_row_23_uncommon_pictures_work(client: httpx.Client, form: str, mode: str, kind: str) -> None:
    assert client.post("/api/v1/images", content=picture(form, mode), headers={"content-type": kind}).status_code == 201


@pytest.mark.parametrize(
    "text", ["not base64!", "", "data:text/html;base64,PGI+", "data:image/png;base64,", base64.b64encode(b"hello").decode(), "data:,x"]
)
def test_row_24_base64_that_is_no_picture(client: httpx.Client, text: str) -> None:
    answer = client.post("/sdapi/v1/img2img", json={"init_images": [text], "steps": 1})
    # As AUTOMATIC1111 has it, no picture at all is another matter than one that can't be read.
    assert answer.status_code == (422 if text else 404)


def test_row_24_a_body_without_end(url: str) -> None:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    connection.putrequest("POST", "/sdapi/v1/img2img")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(2 * 1024**3))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


NUMBERS = [
    ("width", 0),
    ("width", -1),
    ("height", 7),
    ("width", 10**9),
    ("width", "abc"),
    ("steps", 10**9),
    ("batch_count", 10**6),
    ("cfg_scale", "inf"),
    ("seed", 2**64),
]


@pytest.mark.parametrize(("field", "value"), NUMBERS)
def test_row_25_numbers_beyond_their_range(client: httpx.Client, field: str, value: Any) -> None:
    error = client.post("/api/v1/jobs", json=SMALL | {field: value})
    assert error.status_code == 422
    assert error.json()["error"]["field"] == field and error.json()["error"]["allowed"]


@pytest.mark.parametrize("number", ["1e400", "NaN", "-Infinity"])
def test_row_25_numbers_that_are_none(client: httpx.Client, number: str) -> None:
    body = f'{{"cfg_scale": {number}}}'.encode()
    answer = client.post("/api/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "cfg_scale")


PROMPTS = [
    "(" * 100_000,
    "[a:b:" * 10_000,
    "\ud800",
    "a\0b",
    "<lora:../../x:1>",
    "{a|b|c}" * 2000,
    "((((" * 1000 + "x" + "))))" * 1000,
    "[" * 50_000 + "]" * 50_000,
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda text: repr(text[:12]))
def test_row_26_prompts_that_never_end(client: httpx.Client, prompt: str) -> None:
    body = json.dumps(SMALL | {"prompt": prompt}).encode()
    for path in ("/api/v1/prompt/explain", "/api/v1/jobs"):
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (200, 202, 422), answer.text[:200]
    client.post("/api/v1/queue/clear")


def test_row_26_ten_megabytes_of_prompt(client: httpx.Client) -> None:
    assert client.post("/api/v1/jobs", json={"prompt": "x" * 10_000_000}).status_code == 413


HOSTILE_TEXTS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "Steps: ${7*7}, Sampler: {{7*7}}, Seed: 1",
]


@pytest.mark.parametrize("text", [*HOSTILE_TEXTS, "\n" + ", ".join(f"Key{n}: {n}" for n in range(5_000))], ids=lambda text: text[:12])
def test_row_27_infotext_is_only_text(client: httpx.Client, text: str) -> None:
    answer = client.post("/api/v1/metadata", json={"text": text})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json" and answer.headers["x-content-type-options"] == "nosniff"
    assert "49" not in json.dumps(answer.json()) or "49" in text
    assert "object-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_row_28_names_and_notes_are_only_text(client: httpx.Client, text: str) -> None:
    saved = client.put("/api/v1/styles", json={"name": text, "prompt": text})
    assert saved.json()["name"] == text
    page = client.get("/")
    assert text not in page.text
    client.delete("/api/v1/styles", params={"name": text})


QUERIES = [
    '"',
    "NEAR(",
    "a* OR",
    "-",
    "col:",
    "'; DROP TABLE image; --",
    "prompt:",
    "(" * 500,
    " ".join(f"w{n}" for n in range(10_000)),
    "\0",
    "a" * 5000,
    'model:"',
    "^",
    "{}",
    "steps:>>5",
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda text: repr(text[:10]))
def test_row_29_questions_to_the_index(client: httpx.Client, query: str) -> None:
    for path in ("/api/v1/history", "/api/v1/history/count", "/api/v1/history/facets"):
        assert client.get(path, params={"q": query}).status_code in (200, 414, 422, 431), path
    assert client.get("/api/v1/history").status_code == 200


@pytest.mark.parametrize(
    "values", [{"no_such": 1}, {"picture_quality": "high"}, {"picture_quality": 1e9}, {"name_pattern": None, "queue_limit": []}]
)
def test_row_31_settings_that_are_none(client: httpx.Client, values: dict[str, Any]) -> None:
    before = client.get("/api/v1/settings").json()["revision"]
    assert client.patch("/api/v1/settings", json={"values": values}).status_code == 422
    assert client.get("/api/v1/settings").json()["revision"] == before
    assert (
        client.patch("/api/v1/settings", content=b"{" + b" " * 5_000_000, headers={"content-type": "application/json"}).status_code == 413
    )


def test_row_32_a_queue_that_is_full(client: httpx.Client) -> None:
    client.post("/api/v1/queue/pause")
    try:
        answer = client.post("/api/v1/jobs/batch", json={"requests": [SMALL] * 60})
        assert (answer.status_code, code_of(answer)) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
    finally:
        client.post("/api/v1/queue/clear")
        client.post("/api/v1/queue/resume")


def test_row_34_who_guesses_has_to_wait_and_a_cookie_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as url, httpx.Client(base_url=url, timeout=60) as anna, httpx.Client(base_url=url, timeout=60) as stranger:
        anna.post("/api/v1/people", json={"name": "anna", "password": "brown fox over dogs"})
        cookies = dict(anna.cookies)
        assert anna.get("/api/v1/me").json()["name"] == "anna"
        assert anna.post("/api/v1/logout").status_code == 204
        assert stranger.get("/api/v1/me", cookies=cookies).status_code == 401
        assert stranger.get("/api/v1/me").status_code == 401
        statuses = [stranger.post("/api/v1/login", json={"name": "anna", "password": f"guess {n}"}).status_code for n in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        unknown = [stranger.get("/api/v1/me", auth=("nobody", f"guess {n}")).status_code for n in range(12)]
        assert unknown == [401] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", "/api/v1/nothing", None, None, 404),
        ("DELETE", "/api/v1/health", None, None, 405),
        ("POST", "/api/v1/jobs", b"<a/>", "application/xml", 415),
        ("POST", "/api/v1/jobs", b"[" * 100_000, "application/json", 422),
        ("POST", "/api/v1/jobs", b'{"a":' * 100_000, "application/json", 422),
        ("POST", "/api/v1/jobs", b'{"steps": 1, "steps": 2}', "application/json", 422),
        ("POST", "/sdapi/v1/txt2img", b"[" * 100_000, "application/json", 422),
        ("GET", "/sdapi/v1/nothing", None, None, 404),
        ("DELETE", "/sdapi/v1/txt2img", None, None, 405),
    ],
)
def test_row_35_requests_that_make_no_sense(
    client: httpx.Client, method: str, path: str, body: bytes | None, kind: str | None, status: int
) -> None:
    answer = client.request(method, path, content=body, headers={"content-type": kind} if kind else {})
    assert answer.status_code == status
    assert "Traceback" not in answer.text and ".py" not in answer.text


def test_row_36_nothing_that_is_told_holds_a_secret(client: httpx.Client, folder: Path) -> None:
    secret = new_token()
    address = f"https://me:{secret}@example.com/a.safetensors"
    told = [
        client.post("/api/v1/workshop/look-up", json={"source": address}).text,
        client.post("/api/v1/login", json={"name": "me", "password": secret, "x": 1}).text,
        client.post("/api/v1/people", json={"name": "me:", "password": secret}).text,
        client.get("/api/v1/health", headers={"authorization": f"Bearer {secret}"}).text,
        client.get("/api/v1/system/report").text,
        client.get("/api/v1/models/folders").text,
        Redactor({})(f"a token {secret}, and {address}, Authorization: Bearer {secret}, password={secret}"),
    ]
    assert not [text for text in told if secret in text]


def test_row_36_nor_does_it_name_the_home_folder_or_the_log_a_token(client: httpx.Client, tmp_path: Path) -> None:
    home, token = str(Path.home()), new_token()
    assert len(home) > 1
    there = f"{home}/nowhere-of-{CANARY}"
    told = [
        client.post("/api/v1/models/folders/look", json={"path": there}),
        client.post("/api/v1/models/folders", json={"path": there}),
        client.post("/api/v1/history/imports/look", json={"folder": there}),
        client.post("/api/v1/extensions/stages", json={"source": f"{there}.zip"}),
        client.post("/api/v1/batches/look", json={"folder": there}),
        client.post("/sdapi/v1/img2img", json={"init_images": [there], "steps": 1}),
    ]
    assert {answer.status_code // 100 for answer in told} == {4}
    assert not [answer.text for answer in told if home + "/" in answer.text]
    with log_to_file(tmp_path):
        logging.getLogger("webui.test").warning("Read %s/x with %s, sent to https://me:%s@example.com", home, token, token)
    (line,) = (tmp_path / "logs" / "easel.log").read_text().splitlines()
    assert token not in line and home + "/" not in line and "~/x with [removed]" in line
    report = client.get("/api/v1/system/report").text
    assert token not in report and home + "/" not in report


def test_every_row_is_tried() -> None:
    here = {int(name.split("_")[2]) for name in names_in(Path(__file__)) if name.startswith("test_row_")}
    for row, (file, name) in ELSEWHERE.items():
        assert name in names_in(TESTS / file), row
    assert here | set(ELSEWHERE) == set(range(1, 37))


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

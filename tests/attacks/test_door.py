"""Attacks on the door itself: what other pages may open (WebSockets, CORS), the key of commands on this machine, Gradio's own routes."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import serving
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from webui.api.entrance import Entrance, Gate
from webui.api.security import Door
from webui.app import build_web
from webui.settings import load_settings
from webui.studio.instance import AlreadyRunning, InstanceLock
from webui.studio.studio import Studio

PASSWORD = "brown fox over dogs"
OWN = "http://127.0.0.1"
FRIEND = "https://tool.example.com"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(tmp_path_factory.mktemp("door")) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


# row 10: WebSockets


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.state.person.name or "household")
    await socket.close()


def behind_the_door(studio: Studio) -> TestClient:
    """An app with a WebSocket, as an add-on may bring one, behind what stands before all routes."""
    settings = studio.preferences.current
    app = Starlette(routes=[WebSocketRoute("/echo", echo)])
    app.add_middleware(Entrance, gate=Gate(studio.people, settings))
    app.add_middleware(Door, settings=settings)
    return TestClient(app, base_url=OWN)


def said(client: TestClient, **headers: str) -> str:
    with client.websocket_connect("/echo", headers=headers) as socket:
        return socket.receive_text()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"host": "evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"origin": FRIEND},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_row_10_websockets_of_other_pages(new_studio: Callable[..., Studio], headers: dict[str, str]) -> None:
    client = behind_the_door(new_studio(start=False))
    assert said(client, origin=OWN, host="127.0.0.1") == "household"
    with pytest.raises(WebSocketDisconnect) as closed:
        said(client, **({"host": "127.0.0.1"} | headers))
    assert closed.value.code == 1008


def test_row_34_websockets_of_strangers(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    anna = studio.people.add("anna", PASSWORD)
    client = behind_the_door(studio)
    for headers in ({}, {"authorization": "Bearer easel_wrong"}, {"authorization": "Basic !"}, {"cookie": "easel-login-7860=" + "x" * 43}):
        with pytest.raises(WebSocketDisconnect) as closed:
            said(client, host="127.0.0.1", **headers)
        assert closed.value.code == 1008
    reader = studio.people.add_token(anna.id, "reads", ["read"])[1]
    with pytest.raises(WebSocketDisconnect):
        said(client, host="127.0.0.1", authorization=f"Bearer {reader}")
    maker = studio.people.add_token(anna.id, "makes", ["generate"])[1]
    assert said(client, host="127.0.0.1", authorization=f"Bearer {maker}") == "anna"
    assert (
        said(client, host="127.0.0.1", cookie=f"easel-login-{studio.preferences.current.port}={studio.people.open_login(anna.id)}")
        == "anna"
    )


# row 10: pages elsewhere that were allowed to ask, and those that were not

PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


def allowed_by(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", [FRIEND, "https://evil.example", "null"])
@pytest.mark.parametrize("path", ["/api/v1/health", "/sdapi/v1/options", "/config", "/"])
def test_row_10_no_page_elsewhere_is_allowed_anything_by_itself(client: httpx.Client, path: str, origin: str) -> None:
    for method, more in (("GET", {}), ("POST", {"content-type": "application/json"}), ("OPTIONS", PREFLIGHT)):
        answer = client.request(method, path, headers={"origin": origin} | more)
        assert (answer.status_code, allowed_by(answer)) == (403, {}), method


def test_row_10_one_page_elsewhere_is_allowed_and_no_other(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False, cors_allow_origins=(FRIEND,))
    asks = TestClient(build_web(studio), base_url=OWN)
    for path in ("/api/v1/jobs", "/sdapi/v1/txt2img"):
        preflight = asks.options(path, headers={"origin": FRIEND} | PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == FRIEND
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        # Nobody's cookie goes with it: whoever uses that page shows a token.
        assert "access-control-allow-credentials" not in preflight.headers
    answer = asks.get("/api/v1/health", headers={"origin": FRIEND})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, FRIEND)
    for origin in ("https://evil.example", "null", "http://tool.example.com", FRIEND + ":444", FRIEND + ".evil.example"):
        for method in ("GET", "OPTIONS"):
            refused = asks.request(method, "/api/v1/health", headers={"origin": origin} | PREFLIGHT)
            assert (refused.status_code, allowed_by(refused)) == (403, {}), (method, origin)
    assert asks.get("/api/v1/health", headers={"origin": FRIEND, "host": "evil.example"}).status_code == 403


# the key of commands on this machine


@pytest.mark.skipif(os.name == "nt", reason="rights of files are told otherwise there")
def test_row_36_the_key_of_this_machines_commands_is_its_owners(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        with InstanceLock(tmp_path / "data") as instance:
            key = tmp_path / "data" / "running.key"
            key.write_text("of one that was killed")
            key.chmod(0o666)
            instance.announce("http://127.0.0.1:7860", "k" * 43)
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
            assert "k" * 43 not in (tmp_path / "data" / "running.json").read_text()
            with pytest.raises(AlreadyRunning) as other, InstanceLock(tmp_path / "data"):
                pass
            assert other.value.key == "k" * 43 and "kkk" not in str(other.value)
        assert not key.exists()
    finally:
        os.umask(umask)


def test_row_34_the_key_opens_the_door_and_nothing_like_it_does(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    studio.people.add("anna", PASSWORD)
    key = "k" * 43
    asks = TestClient(build_web(studio, key), base_url=OWN)
    assert asks.get("/api/v1/me", headers={"authorization": f"Bearer {key}"}).json()["role"] == "admin"
    cut = key[:-1]
    wrong_ones: list[Any] = [
        f"Bearer {cut}",
        f"Bearer {key}k",
        f"bearer {key}",
        "Bearer ",
        f"Basic {key}",
        f"Bearer {cut}".encode() + b"\xe9",
    ]
    for wrong in wrong_ones:
        assert asks.get("/api/v1/me", headers={"authorization": wrong}).status_code == 401, wrong
    # No page elsewhere can use it, had it found it.
    assert asks.get("/api/v1/me", headers={"authorization": f"Bearer {key}", "origin": "https://evil.example"}).status_code == 403
    without = TestClient(build_web(studio), base_url=OWN)
    assert without.get("/api/v1/me", headers={"authorization": "Bearer None"}).status_code == 401


# row 2: Gradio's own routes, on the app as it is mounted

CLOSED = [
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/gradio_api/monitoring"),
    ("GET", "/gradio_api/dev/reload"),
    ("GET", "/gradio_api/deep_link?session_hash=a"),
    ("GET", "/gradio_api/runs"),
    ("GET", "/gradio_api/token"),
    ("GET", "/gradio_api/openapi.json"),
    ("GET", "/gradio_api/proxy=https://a.hf.space/x"),
    ("HEAD", "/gradio_api/proxy=https://a.hf.space/x"),
    ("POST", "/gradio_api/call/predict"),
    ("POST", "/gradio_api/call/v2/predict"),
    ("GET", "/gradio_api/call/predict/1"),
    ("POST", "/gradio_api/api/predict"),
    ("POST", "/gradio_api/process_recording"),
    ("POST", "/gradio_api/vibe-edit"),
    ("POST", "/gradio_api/undo-vibe-edit"),
    ("GET", "/gradio_api/vibe-code"),
    ("POST", "/gradio_api/vibe-code"),
    ("POST", "/gradio_api/vibe-starter-queries"),
    ("GET", "/gradio_api/mcp/sse"),
    ("POST", "/gradio_api/mcp/"),
    ("GET", "/nothing"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_row_02_what_no_page_needs_is_closed(client: httpx.Client, method: str, path: str) -> None:
    with client.stream(method, path, json={} if method == "POST" else None) as answer:
        assert answer.status_code == 404
        if method != "HEAD":
            assert json.loads(answer.read()) == {"detail": "Not Found"}


def test_row_02_what_gradio_brings_anew_is_closed_until_somebody_opens_it() -> None:
    """All that stands open is listed here: an update of Gradio that has more of it is looked at first."""
    import gradio as gr
    from gradio.routes import App
    from test_rights import routes_of

    from webui.ui.gradio_routes import USED

    with gr.Blocks() as page:
        pass
    paths = {route.path for route in routes_of(list(App.create_app(page).routes))}
    open_ones = {path.rstrip("/") for path in paths if USED.fullmatch(re.sub(r"\{[^}]+\}", "1", path))}
    assert len(paths) > 60
    assert open_ones == {
        *("", "/config", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json"),
        *("/static/{path:path}", "/assets/{path:path}", "/svelte/{path:path}"),
        *(f"/gradio_api/{name}" for name in ("app_id", "info", "login_check", "startup-events", "theme.css", "user")),
        *(f"/gradio_api/{name}" for name in ("cancel", "reset", "component_server", "queue/data", "queue/join", "queue/status")),
        *(f"/gradio_api/{name}" for name in ("upload", "upload_progress", "run/{api_name}", "heartbeat/{session_hash}")),
        *("/gradio_api/file={path_or_url:path}", "/gradio_api/file/{path:path}"),
        "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
        *(f"/gradio_api/stream/{rest}" for rest in ("{event_id}", "{event_id}/close")),
        *(
            f"/gradio_api/stream/{{session_hash}}/{{run}}/{{component_id}}/{rest}"
            for rest in ("playlist.m3u8", "playlist-file", "{segment_id}.{ext}")
        ),
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/gradio_api/queue/join", {"data": [], "fn_index": -1, "session_hash": "a"}),
        ("/gradio_api/queue/join", {"data": [], "fn_index": 10**9, "session_hash": "a"}),
        ("/gradio_api/queue/join", {"data": "x", "fn_index": 0}),
        ("/gradio_api/run/predict", {"data": [], "fn_index": 10**9}),
        ("/gradio_api/run/../../etc", {"data": []}),
        ("/gradio_api/reset", {"event_id": "../x"}),
        ("/gradio_api/cancel", {"session_hash": "a", "fn_index": 0, "event_id": "nobody"}),
        ("/gradio_api/component_server", {"component_id": 0, "fn_name": "__init__", "session_hash": "a", "data": []}),
        ("/gradio_api/component_server", {"component_id": 10**9, "fn_name": "ls", "session_hash": "a", "data": ["/"]}),
        ("/gradio_api/component_server", {"component_id": "x", "fn_name": "../x", "session_hash": "a", "data": {"path": "/etc"}}),
        ("/gradio_api/stream/x", {"data": [], "fn_index": 0, "session_hash": "a"}),
    ],
)
def test_row_02_what_is_open_takes_no_nonsense(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = client.post(path, json=body)
    assert "Traceback" not in answer.text and ".py" not in answer.text and "root:" not in answer.text
    assert answer.status_code in (200, 307, 400, 403, 404, 422, 500)
    assert answer.status_code != 200 or path.endswith(("reset", "cancel"))
    assert client.get("/api/v1/health").status_code == 200


@pytest.mark.parametrize("file", ["../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/x", "/etc/passwd", "index.js", "\x00"])
@pytest.mark.parametrize("id_", ["1", "..", "textbox", "os", "webui.app"])
def test_row_02_no_file_of_a_component_is_another(client: httpx.Client, id_: str, file: str) -> None:
    from urllib.parse import quote

    for environment in ("client", "server"):
        answer = client.get(f"/gradio_api/custom_component/{id_}/{environment}/component/{quote(file, safe='%/')}")
        assert answer.status_code in (404, 422), answer.status_code
        assert "root:" not in answer.text


def test_row_23_an_upload_has_an_end(client: httpx.Client) -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    parts = (head if part == 0 else b"x" * 1024**2 for part in range(70))
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/gradio_api/upload", content=parts, headers=kind).status_code == 413
    cross = {"origin": "https://evil.example"}
    assert client.post("/gradio_api/upload", files={"files": ("a.png", b"x")}, headers=cross).status_code == 403


def test_no_setting_of_gradio_in_the_environment_opens_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_MCP_SERVER", "GRADIO_SHARE", "GRADIO_SSR_MODE", "GRADIO_VIBE_MODE", "GRADIO_DEBUG"):
        monkeypatch.setenv(name, "True" if name != "GRADIO_SSR_MODE" else "False")
    monkeypatch.setenv("GRADIO_ALLOWED_PATHS", str(tmp_path))
    (tmp_path / "secret.txt").write_text("canary-4711")
    with serving(tmp_path) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/gradio_api/mcp/sse").status_code == 404
        assert client.get("/gradio_api/vibe-code").status_code == 404
        assert "canary" not in client.get(f"/gradio_api/file={tmp_path / 'secret.txt'}").text


def test_settings_name_whole_origins_only() -> None:
    with pytest.raises(Exception, match="cors_allow_origins"):
        load_settings(cors_allow_origins=("*",))

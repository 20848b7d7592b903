"""Who may call which route: every route that changes something stands in the table, and the table is heeded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient

from webui.api.rights import ADD_ONS, ADMINISTRATORS, EVERYBODY, NOTHING_THERE, RIGHTS
from webui.api.security import SAFE_METHODS
from webui.app import build_web
from webui.studio.studio import Studio

PASSWORD = "brown fox over dogs"
OPEN_TO_ALL = {"/login", "/api/v1/login"}
ENDLESS = {"/api/v1/events"}


def routes_of(routes: list[BaseRoute]) -> Iterator[Any]:
    """All routes, those of included routers and mounted apps, too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes_of(included.routes)
        elif isinstance(route, Mount):
            yield from routes_of(list(route.routes))
        else:
            yield route


def calls_of(app: Any) -> set[tuple[str, str]]:
    return {(method, route.path) for route in routes_of(app.routes) for method in getattr(route, "methods", None) or ("GET",)}


def address(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "1", path)


@pytest.fixture(scope="module")
def easel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Studio, Callable[..., TestClient]]]:
    """The whole app with two accounts; nothing of it runs. A maker of clients by their headers."""
    from webui.catalog.checkpoints import CheckpointCatalog
    from webui.executors.fake import FakeExecutor
    from webui.extensions.registry import ExtensionRegistry
    from webui.settings import load_settings

    folder = tmp_path_factory.mktemp("rights")
    settings = load_settings(data_dir=folder / "data", executor="fake")
    studio = Studio(settings, FakeExecutor(), CheckpointCatalog([folder / "models"], folder / "data" / "cache"), ExtensionRegistry())
    studio.people.add("anna", PASSWORD)
    studio.people.add("ben", PASSWORD)
    app = build_web(studio)

    def client(token: str = "", **options: Any) -> TestClient:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return TestClient(app, base_url="http://127.0.0.1", headers=headers, raise_server_exceptions=False, **options)

    yield app, studio, client
    studio.close()


@pytest.fixture(scope="module")
def app(easel: Any) -> Any:
    return easel[0]


def new_token(easel: Any, name: str, *scopes: str) -> str:
    studio = easel[1]
    return studio.people.add_token(studio.people.named(name).id, "test", scopes)[1]


def test_every_route_that_changes_something_says_who_may(app: Any) -> None:
    unsafe = {(method, path) for method, path in calls_of(app) if method not in SAFE_METHODS and method != "TRACE"}
    own = {(method, path) for method, path in unsafe if not path.startswith("/gradio_api") and not path.endswith(NOTHING_THERE)}
    gradios_own = {("POST", "/login/")}
    assert sorted(own - set(RIGHTS) - gradios_own) == []
    assert sorted(set(RIGHTS) - calls_of(app)) == []
    assert set(RIGHTS.values()) == {ADMINISTRATORS, EVERYBODY}


def test_only_the_answers_for_nothing_take_all_paths(app: Any) -> None:
    everything = {path for method, path in calls_of(app) if path.endswith(NOTHING_THERE) and method == "POST"}
    assert everything == {
        "/api/v1/{path:path}",
        "/sdapi/{path:path}",
        "/controlnet/{path:path}",
        "/internal/{path:path}",
    }
    assert ADD_ONS == "/api/ext/"


def test_strangers_get_401_from_every_route_before_anything_else(app: Any, easel: Any) -> None:
    stranger = easel[2](follow_redirects=False)
    tried = 0
    for method, path in sorted(calls_of(app)):
        if path in OPEN_TO_ALL:
            continue
        answer = stranger.request(method, address(path))
        assert answer.status_code == 401, (method, path, answer.status_code)
        assert "www-authenticate" in answer.headers
        tried += 1
    assert tried > 200
    # Also what no route is.
    for path in ("/nothing", "/api/nothing", "/gradio_api/nothing", "/login/x", "/LOGIN", "//login", "/login%2f"):
        assert stranger.get(path).status_code in (401, 403), path


def test_users_are_kept_from_what_is_the_administrators(easel: Any) -> None:
    user = easel[2](new_token(easel, "ben", "read", "generate"))
    for (method, path), who in sorted(RIGHTS.items()):
        if path in OPEN_TO_ALL or "people" in path:
            continue
        answer = user.request(method, address(path), content=b"{", headers={"content-type": "application/json"})
        refused = answer.status_code == 403 and "administrator" in answer.text
        assert refused == (who == ADMINISTRATORS), (method, path, answer.status_code, answer.text[:200])


def test_a_token_to_read_changes_nothing(easel: Any) -> None:
    reader = easel[2](new_token(easel, "anna", "read"))
    assert reader.get("/api/v1/health").status_code == 200
    for method, path in sorted(RIGHTS):
        if method in SAFE_METHODS or path in OPEN_TO_ALL:
            continue
        assert reader.request(method, address(path)).status_code == 403, (method, path)
    for path in ("/gradio_api/run/1", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/cancel"):
        assert reader.post(path, json={}).status_code == 403


def test_what_nobody_wrote_down_is_for_administrators(easel: Any) -> None:
    app, _, client = easel
    app.add_api_route("/api/v1/forgotten-a-moment-ago", lambda: {}, methods=["POST"])
    app.router.routes.insert(0, app.router.routes.pop())
    try:
        assert client(new_token(easel, "ben", "generate")).post("/api/v1/forgotten-a-moment-ago").status_code == 403
        assert client(new_token(easel, "anna", "admin", "generate")).post("/api/v1/forgotten-a-moment-ago").status_code == 200
    finally:
        app.router.routes.pop(0)

"""Attacks by add-ons and on their installing, over the wire: each gets one clear answer, and nothing is left behind."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from making_add_ons import files_of, says, write_files
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from webui.api.add_ons import build_extension_routers
from webui.app import build_web
from webui.errors import NotAllowed
from webui.extensions import hookimpl
from webui.extensions.install.sources import LOOPBACK_FOR_TESTS
from webui.extensions.registry import ExtensionRegistry
from webui.people import HOUSEHOLD, Person
from webui.studio.studio import Studio
from webui.workshop.extension_desk import ExtensionDesk


@pytest.fixture
def api(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        yield client


def zipped(name: str, text: str = "x") -> bytes:
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w") as archive:
        archive.writestr(name, text)
    return told.getvalue()


def ended(api: httpx.Client, stage: dict[str, Any]) -> dict[str, Any]:
    while stage["state"] == "working":
        stage = api.get(f"/extensions/stages/{stage['id']}").json()
    return stage


@pytest.mark.parametrize(
    "source", ["ext::sh -c id", "-uhack", "ssh://-oProxyCommand=id/x", "file:///etc", "http://example.org/x", "https://me:pw@example.org/x"]
)
def test_row_13_addresses_that_nothing_is_fetched_from(api: httpx.Client, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_FOR_TESTS, raising=False)
    answer = api.post("/extensions/stages", json={"source": source})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "source_not_allowed", "source")
    assert error["allowed"] and error["hint"] and "pw@" not in answer.text


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a\\..\\b", "nul.txt"])
def test_row_14_zips_that_lead_elsewhere(api: httpx.Client, name: str) -> None:
    answer = api.post("/extensions/zip?name=bad.zip", content=zipped(name), headers={"content-type": "application/zip"})
    stage = ended(api, answer.json())
    assert (stage["state"], stage["error"]["code"]) == ("failed", "unsafe_archive")
    assert all(item["origin"] != "installed" for item in api.get("/extensions").json()["items"])


def test_row_14_bodies_that_are_no_zip(api: httpx.Client) -> None:
    assert api.post("/extensions/zip", content=b"x", headers={"content-type": "text/html"}).status_code == 415
    for kind in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"):
        assert api.post("/extensions/zip", content=b"x", headers={"content-type": kind}).json()["error"]["code"] == "cross_site_request"


@pytest.mark.parametrize("name", ["gradio", "../x", "dynаmic"])
def test_row_16_ids_that_are_not_an_add_ons_own(api: httpx.Client, tmp_path: Path, name: str) -> None:
    files = files_of("honest", says("x"))
    files["pyproject.toml"] = files["pyproject.toml"].replace('name = "honest"', f'name = "{name}"')
    stage = ended(api, api.post("/extensions/stages", json={"source": str(write_files(tmp_path / "it", files))}).json())
    assert stage["error"]["code"] == "bad_id"


def test_ids_and_acts_that_are_not_there(api: httpx.Client) -> None:
    for path in ("/extensions/..%2f..%2fetc", "/extensions/nobody", "/extensions/stages/nobody"):
        assert api.get(path).status_code == 404
    for act in ("enable", "disable", "roll-back", "bring-back", "update"):
        assert api.post(f"/extensions/nobody/{act}", json={}).json()["error"]["code"] == "not_found"
    assert api.delete("/extensions/nobody").status_code == 404


def test_row_12_who_may_not_install(new_studio: Callable[..., Studio]) -> None:
    ExtensionDesk(new_studio(start=False)).refuse_remote(HOUSEHOLD)  # on this machine alone everybody may
    desk = ExtensionDesk(new_studio(start=False, host="0.0.0.0", listen_without_password=True))
    with pytest.raises(NotAllowed) as refused:
        desk.refuse_remote(HOUSEHOLD)
    assert (refused.value.code, refused.value.status) == ("install_disabled_remote", 403)
    assert "python launch.py extension install" in refused.value.hint
    desk.refuse_remote(Person("1", "Ann", "admin"))


def test_row_18_routes_that_are_not_an_add_ons_own(new_studio: Callable[..., Studio]) -> None:
    """Each is left out, its add-on is told why, and the core's own answer as before."""

    def wants(prefix: str, path: str) -> object:
        class Wants:
            @hookimpl
            def routes(self, router: Any) -> None:
                router.prefix = prefix or router.prefix
                router.add_api_route(path, lambda: "mine", methods=["GET", "POST"])

        return Wants()

    class Unguarded:
        @hookimpl
        def routes(self, router: Any) -> None:
            router.add_route("/bare", lambda request: PlainTextResponse("mine"))

    class Stripped:
        @hookimpl
        def routes(self, router: Any) -> None:
            router.add_api_route("/stripped", lambda: "mine")
            router.routes[-1].dependencies.clear()

    asked = {
        "core": wants("/api/v1", "/jobs"),
        "login": wants("", "/../../login"),
        "others": wants("/api/ext/core", "/x"),
        "everything": wants("/", "{path:path}"),
        "unguarded": Unguarded(),
        "stripped": Stripped(),
    }
    registry = ExtensionRegistry()
    for name, plugin in asked.items():
        registry.register(plugin, name, "web")
    studio = new_studio(extensions=registry, start=False)
    routers = build_extension_routers(studio)
    assert [route for router in routers for route in router.routes] == []
    assert {fault.extension for fault in studio.extensions.take_faults()} == set(asked)


def test_row_18_a_route_of_an_add_on_is_behind_the_door(new_studio: Callable[..., Studio]) -> None:
    class Open:
        @hookimpl
        def routes(self, router: Any) -> None:
            router.add_api_route("/secret", lambda: "mine", methods=["GET", "POST"])

    registry = ExtensionRegistry()
    registry.register(Open(), "open", "web")
    studio = new_studio(extensions=registry, start=False)
    account = studio.people.add("anna", "brown fox over dogs")
    reads = studio.people.add_token(account.id, "reads", ["read"])[1]
    asks = TestClient(build_web(studio), base_url="http://127.0.0.1")
    assert asks.get("/api/ext/open/secret").status_code == 401
    assert asks.get("/api/ext/open/secret", headers={"authorization": f"Bearer {reads}"}).json() == "mine"
    assert asks.post("/api/ext/open/secret", json={}, headers={"authorization": f"Bearer {reads}"}).status_code == 403
    assert asks.get("/api/ext/open/secret", headers={"origin": "https://evil.example"}).status_code == 403

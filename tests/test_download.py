"""Downloads, against a server on this machine: resumed, checked, refused, and tokens that go to nobody else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from file_server import FileServer, Served, eventually, file_server
from model_files import SD1, kohya_lora, write_safetensors

from webui.catalog.checkpoints import CheckpointCatalog
from webui.errors import Conflict, EaselError, InvalidRequest
from webui.executors.fake import FakeExecutor
from webui.extensions.registry import ExtensionRegistry
from webui.redaction import Redactor
from webui.settings import load_settings
from webui.studio.studio import Studio
from webui.tokens import TokenStore
from webui.workshop import download, plan
from webui.workshop.fetching import DownloadFailed, Fetcher, TokenNeeded, checked_url
from webui.workshop.repository_folder import RemoteFile, files_needed
from webui.workshop.sources import Hosts
from webui.workshop.workshop import Workshop


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[FileServer, FileServer]]:
    with file_server() as server, file_server() as other:
        yield server, other


@pytest.fixture
def server(servers: tuple[FileServer, FileServer]) -> FileServer:
    servers[0].clear()
    return servers[0]


@pytest.fixture
def other(servers: tuple[FileServer, FileServer]) -> FileServer:
    servers[1].clear()
    return servers[1]


def hosts(server: FileServer) -> Hosts:
    return Hosts(server.url, server.url.replace("127.0.0.1", "localhost"))


@pytest.fixture(scope="module")
def opened(servers: tuple[FileServer, FileServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("downloads")
    (folder / "models").mkdir()
    settings = load_settings(data_dir=folder / "data", executor="fake")
    studio = Studio(settings, FakeExecutor(), CheckpointCatalog([folder / "models"], folder / "data" / "cache"), ExtensionRegistry())
    workshop = Workshop(studio, hosts(servers[0]), read_seconds=5.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "BACK_OFF", (0.01, 0.01))
        workshop.start()
        yield workshop
        workshop.close()
        studio.close()


@pytest.fixture
def workshop(opened: Workshop) -> Iterator[Workshop]:
    """One workshop for all, as if it were new for each."""
    yield opened
    for order in opened.orders():
        if order["status"] in ("waiting", "running"):
            opened.cancel(order["id"])
            ended(opened, order)
        opened.remove(order["id"])
    for host in opened.tokens.hosts():
        opened.tokens.set(host, None)
    for folder in opened.models_folder.iterdir():
        shutil.rmtree(folder)


@pytest.fixture
def new_workshop(new_studio: Callable[..., Studio], server: FileServer) -> Iterator[Callable[..., Workshop]]:
    made: list[Workshop] = []

    def make(*, read_seconds: float = 5.0) -> Workshop:
        workshop = Workshop(new_studio(start=False), hosts(server), read_seconds=read_seconds)
        made.append(workshop)
        workshop.start()
        return workshop

    yield make
    for workshop in made:
        workshop.close()


@pytest.fixture
def lora(tmp_path: Path) -> bytes:
    return write_safetensors(tmp_path / "ink.safetensors", kohya_lora() | {"more": (400_000,)}).read_bytes()


def ended(workshop: Workshop, order: dict[str, Any]) -> dict[str, Any]:
    return eventually(lambda: (view := workshop.order(order["id"]))["status"] not in ("waiting", "running") and view)


def fetch(workshop: Workshop, source: str, **fields: Any) -> dict[str, Any]:
    return ended(workshop, workshop.submit({"kind": "download", "source": source, **fields}))


def parts(workshop: Workshop) -> list[str]:
    return sorted(path.name for path in workshop.models_folder.rglob("*.part"))


def test_a_file_comes_whole_goes_where_it_belongs_and_says_where_it_is_from(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    server.paths["/some/files/ink.safetensors"] = Served(lora)
    view = fetch(workshop, f"{server.url}/some/files/ink.safetensors")
    assert view["status"] == "done", view["error"]
    assert view["result"]["file"] == "loras/ink.safetensors"
    path = workshop.models_folder / "loras" / "ink.safetensors"
    assert path.read_bytes() == lora
    assert f"Downloaded from {server.url}/some/files/ink.safetensors" in json.loads(path.with_suffix(".json").read_text())["notes"]
    assert not parts(workshop)
    model = workshop._studio.catalog.models.find("ink")  # pyright: ignore[reportPrivateUsage]
    assert model is not None and (model.role, model.id) == ("lora", view["result"]["model"])


def test_a_cut_line_is_taken_up_where_it_broke(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    server.paths["/ink.safetensors"] = Served(lora, cut_after=300_000, cuts=2)
    assert fetch(workshop, f"{server.url}/ink.safetensors")["status"] == "done"
    assert server.ranges("/ink.safetensors") == ["all", "bytes=300000-", "bytes=600000-"]
    assert (workshop.models_folder / "loras" / "ink.safetensors").read_bytes() == lora


def test_another_file_of_that_name_is_fetched_from_its_beginning(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    served = server.paths["/ink.safetensors"] = Served(lora, pause=0.05)
    order = workshop.submit({"kind": "download", "source": f"{server.url}/ink.safetensors"})
    eventually(lambda: (workshop.order(order["id"])["progress"] or {}).get("done", 0) > 0)
    workshop.cancel(order["id"])
    assert 0 < ended(workshop, order)["fetched"] < len(lora)
    newer = bytearray(lora)
    newer[-1] = 7
    served.data, served.etag, served.pause = bytes(newer), '"two"', 0
    assert ended(workshop, workshop.resume(order["id"]))["status"] == "done"
    assert (workshop.models_folder / "loras" / "ink.safetensors").read_bytes() == bytes(newer)


def test_a_server_that_gives_no_parts_is_asked_for_all_again(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    server.paths["/ink.safetensors"] = Served(lora, cut_after=300_000, ranges=False)
    assert fetch(workshop, f"{server.url}/ink.safetensors", folder="lora")["status"] == "done"
    assert (workshop.models_folder / "loras" / "ink.safetensors").read_bytes() == lora


def test_a_line_that_stays_cut_fails_and_keeps_what_came(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    served = server.paths["/ink.safetensors"] = Served(lora, cut_after=0, cuts=99)
    order = workshop.submit({"kind": "download", "source": f"{server.url}/ink.safetensors"})
    view = ended(workshop, order)
    assert (view["status"], view["error"]["code"]) == ("failed", "download_failed")
    served.cut_after = 200_000
    served.cuts = 1
    served.once = [503] * 9
    workshop.resume(order["id"])
    view = eventually(lambda: (view := workshop.order(order["id"]))["status"] == "failed" and view)
    assert "busy (503)" in view["error"]["message"]
    served.once = []
    assert ended(workshop, workshop.resume(order["id"]))["status"] == "done"


def test_a_silent_server_is_given_up_in_time(new_workshop: Callable[..., Workshop], server: FileServer, lora: bytes) -> None:
    workshop = new_workshop(read_seconds=0.3)
    server.paths["/ink.safetensors"] = Served(lora, pause=1.0)
    view = fetch(workshop, f"{server.url}/ink.safetensors")
    assert view["status"] == "failed"
    assert "can't be reached" in view["error"]["message"]


def test_cancelled_and_resumed_and_removed(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    served = server.paths["/ink.safetensors"] = Served(lora, pause=0.05)
    order = workshop.submit({"kind": "download", "source": f"{server.url}/ink.safetensors"})
    eventually(lambda: (workshop.order(order["id"])["progress"] or {}).get("done", 0) > 0)
    running = workshop.order(order["id"])
    assert running["progress"]["total"] == len(lora) and running["progress"]["seconds_left"] > 0
    with pytest.raises(Conflict):
        workshop.remove(order["id"])
    workshop.cancel(order["id"])
    view = ended(workshop, order)
    assert view["status"] == "cancelled" and 0 < view["fetched"] < view["total"] == len(lora)
    served.pause = 0
    assert ended(workshop, workshop.resume(order["id"]))["status"] == "done"
    assert server.ranges("/ink.safetensors")[-1] == f"bytes={view['fetched']}-"
    workshop.remove(order["id"])
    assert workshop.orders() == []
    assert (workshop.models_folder / "loras" / "ink.safetensors").exists()


def test_removing_an_unfinished_download_removes_what_came(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    server.paths["/ink.safetensors"] = Served(lora, pause=0.05)
    order = workshop.submit({"kind": "download", "source": f"{server.url}/ink.safetensors"})
    eventually(lambda: parts(workshop))
    workshop.cancel(order["id"])
    ended(workshop, order)
    workshop.remove(order["id"])
    assert not parts(workshop)


def test_it_goes_on_after_a_restart(new_workshop: Callable[..., Workshop], server: FileServer, lora: bytes) -> None:
    served = server.paths["/ink.safetensors"] = Served(lora, pause=0.05)
    first = new_workshop()
    order = first.submit({"kind": "download", "source": f"{server.url}/ink.safetensors"})
    eventually(lambda: (first.order(order["id"])["progress"] or {}).get("done", 0) > 0)
    first.close()
    assert first.order(order["id"])["status"] == "waiting"
    there = first.order(order["id"])["fetched"]
    served.pause = 0
    second = new_workshop()
    assert ended(second, order)["status"] == "done"
    assert there and server.ranges("/ink.safetensors")[-1] == f"bytes={there}-"


@pytest.mark.parametrize("where", ["asked", "repr-digest", "digest", "x-linked-etag", "x-amz-checksum-sha256"])
def test_a_wrong_checksum_is_refused_whoever_gave_it(workshop: Workshop, server: FileServer, lora: bytes, where: str) -> None:
    wrong = hashlib.sha256(b"another").digest()
    encoded = base64.b64encode(wrong).decode()
    headers = {
        "repr-digest": {"Repr-Digest": f"sha-256=:{encoded}:"},
        "digest": {"Digest": f"md5=x, SHA-256={encoded}"},
        "x-linked-etag": {"X-Linked-Etag": f'"{wrong.hex()}"'},
        "x-amz-checksum-sha256": {"x-amz-checksum-sha256": encoded},
    }
    server.paths["/ink.safetensors"] = Served(lora, headers=headers.get(where, {}))
    fields = {"sha256": wrong.hex().upper()} if where == "asked" else {}
    view = fetch(workshop, f"{server.url}/ink.safetensors", **fields)
    assert view["error"]["code"] == "wrong_checksum"
    assert wrong.hex() in view["error"]["message"]
    assert not parts(workshop) and not (workshop.models_folder / "loras").joinpath("ink.safetensors").exists()
    if where != "asked":
        right = hashlib.sha256(lora)
        server.paths["/ink.safetensors"].headers = {"Repr-Digest": f"sha-256=:{base64.b64encode(right.digest()).decode()}:"}
        assert fetch(workshop, f"{server.url}/ink.safetensors")["status"] == "done"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!doctype html><html>please log in</html>" + b" " * 600, "is a web page"),
        (b'{"error": "gated"}', "is a JSON text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n", "is a git-lfs pointer"),
        (b"", "is empty"),
        (b"nothing that is known" * 100, "no model file"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(workshop: Workshop, server: FileServer, data: bytes, words: str) -> None:
    server.paths["/ink.safetensors"] = Served(data)
    view = fetch(workshop, f"{server.url}/ink.safetensors", folder="lora")
    assert view["status"] == "failed" and words in view["error"]["message"]
    assert not list(workshop.models_folder.rglob("*.*"))


def test_a_page_that_comes_in_the_place_of_the_file_is_refused_at_its_first_bytes(
    workshop: Workshop, server: FileServer, lora: bytes
) -> None:
    server.paths["/ink.safetensors"] = Served(b"<html>" + b"x" * 10_000_000, beginning=lora[:60_000], pause=0.05)
    view = fetch(workshop, f"{server.url}/ink.safetensors")
    assert "is a web page" in view["error"]["message"]
    assert not parts(workshop)


def test_a_file_that_ends_too_early_is_told_by_its_header(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    server.paths["/ink.safetensors"] = Served(lora[:-5])
    view = fetch(workshop, f"{server.url}/ink.safetensors")
    assert view["status"] == "failed" and "ink.safetensors is damaged or cut off" in view["error"]["message"]
    assert not parts(workshop)


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["EVIL"],)


def test_a_pickle_is_inspected_by_the_safe_child_and_never_run(
    workshop: Workshop, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVIL", str(tmp_path / "evil"))
    server.paths["/bad.pt"] = Served(pickle.dumps({"state_dict": Evil()}, protocol=2))
    view = fetch(workshop, f"{server.url}/bad.pt", folder="embedding")
    assert view["status"] == "failed" and "bad.pt can't be read" in view["error"]["message"]
    assert not (tmp_path / "evil").exists() and not parts(workshop)


@pytest.mark.parametrize(("status", "words"), [(404, "nothing at this address"), (410, "nothing at this"), (451, "refused (451)")])
def test_refusals_are_told_in_words(workshop: Workshop, server: FileServer, status: int, words: str) -> None:
    server.paths["/ink.safetensors"] = Served(b"no", status=status)
    with pytest.raises(DownloadFailed, match=words.replace("(", r"\(").replace(")", r"\)")):
        workshop.look_up({"source": f"{server.url}/ink.safetensors"})


def test_too_little_disk_is_told_before_a_byte_is_fetched(
    workshop: Workshop, server: FileServer, lora: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths["/ink.safetensors"] = Served(lora)
    monkeypatch.setattr(plan, "free_bytes", lambda folder: 100_000)
    view = fetch(workshop, f"{server.url}/ink.safetensors")
    assert view["error"]["code"] == "disk_full" and "100 kB are free" in view["error"]["message"]
    assert not parts(workshop)


def test_longer_files_than_the_settings_allow_are_not_fetched(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    head = lora[:5000]
    server.paths["/ink.safetensors"] = Served(lora, headers={"Content-Range": "bytes 0-4999/101000000000"}, status=206)
    view = fetch(workshop, f"{server.url}/ink.safetensors")
    assert view["error"]["code"] == "download_too_large" and "101.0 GB" in view["error"]["message"], (view, head)


def test_more_than_was_told_is_refused(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    server.paths["/ink.safetensors"] = Served(lora, length=False, ranges=False)
    assert fetch(workshop, f"{server.url}/ink.safetensors", name="unknown length")["status"] == "done"


def test_names_are_made_safe_and_nothing_is_overwritten(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    said = {"Content-Disposition": 'attachment; filename="../../..\\evil: name?.safetensors"'}
    server.paths["/some/where/get"] = Served(lora, headers=said)
    view = fetch(workshop, f"{server.url}/some/where/get")
    assert view["status"] == "done"
    (found,) = (workshop.models_folder / "loras").glob("*.safetensors")
    assert found.parent == workshop.models_folder / "loras" and "evil" in found.name and not set(found.name) & set('/\\:?"')
    again = fetch(workshop, f"{server.url}/some/where/get")
    assert (again["status"], again["error"]["field"]) == ("failed", "name")
    assert fetch(workshop, f"{server.url}/some/where/get", name="another")["status"] == "done"


def test_what_nobody_knows_the_kind_of_is_asked_for(workshop: Workshop, server: FileServer, tmp_path: Path) -> None:
    data = write_safetensors(tmp_path / "x.safetensors", {"some.thing": (4, 4)}).read_bytes()
    server.paths["/x.safetensors"] = Served(data)
    view = fetch(workshop, f"{server.url}/x.safetensors")
    assert view["error"]["field"] == "folder" and "upscaler" in view["error"]["allowed"]
    assert fetch(workshop, f"{server.url}/x.safetensors", folder="upscaler")["result"]["file"] == "upscalers/x.safetensors"


# addresses, redirects, tokens


@pytest.mark.parametrize("url", ["http://example.com/a", "ftp://example.com/a", "file:///etc/passwd", "https://", "//x/y", "javascript:1"])
def test_only_https_is_asked(url: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_url(url)


@pytest.mark.parametrize(
    "url", ["https://me:secret7@example.com/a", "https://example.com/a?token=secret7", "https://example.com/?x=1&api_key=secret7"]
)
def test_secrets_in_addresses_are_refused_not_repeated_and_not_written_down(workshop: Workshop, url: str) -> None:
    for ask in (workshop.submit, workshop.look_up):
        with pytest.raises(InvalidRequest) as refused:
            ask({"kind": "download", "source": url})
        assert "secret7" not in str(refused.value)
    assert workshop.orders() == []


def test_a_token_goes_to_its_host_and_not_on_to_where_that_redirects(
    workshop: Workshop, server: FileServer, other: FileServer, lora: bytes
) -> None:
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    server.paths["/ink.safetensors"] = Served(location=f"{elsewhere}/blob/ink.safetensors", token="hf_secretsecret")
    other.paths["/blob/ink.safetensors"] = Served(lora)
    host = server.url.removeprefix("http://")
    with pytest.raises(TokenNeeded, match=r"only to those it knows \(401\)"):
        workshop.look_up({"source": f"{server.url}/ink.safetensors"})
    workshop.tokens.set(host, "wrong-token")
    with pytest.raises(TokenNeeded, match="with the token that is saved"):
        workshop.look_up({"source": f"{server.url}/ink.safetensors"})
    workshop.tokens.set(host, "hf_secretsecret")
    # A second host's own token stays at home, too: it was not asked first.
    workshop.tokens.set(elsewhere.removeprefix("http://"), "anothersecret")
    assert fetch(workshop, f"{server.url}/ink.safetensors")["status"] == "done"
    assert all("authorization" not in asked.headers for asked in other.asked)
    assert {asked.headers.get("authorization") for asked in server.asked} >= {"Bearer hf_secretsecret", None}


@pytest.mark.parametrize("there", ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1"])
def test_a_name_that_leads_to_this_machine_is_not_asked(server: FileServer, other: FileServer, there: str) -> None:
    looked: list[str] = []

    def lookup(host: str, _port: int) -> list[str]:
        looked.append(host)
        return [there]

    fetcher = Fetcher(lambda _host: None, lookup=lookup)
    port = httpx.URL(other.url).port
    with pytest.raises(InvalidRequest) as refused, fetcher.open(httpx.URL(f"https://models.example:{port}/ink.safetensors")):
        pass
    assert (refused.value.code, refused.value.field, looked) == ("blocked_address", "source", ["models.example"])
    # Nor when a server that the settings name sends there.
    server.paths["/on"] = Served(location=f"https://models.example:{port}/ink.safetensors")
    with pytest.raises(InvalidRequest, match=r"models\.example is this machine"), fetcher.open(httpx.URL(f"{server.url}/on")):
        pass
    fetcher.close()
    assert other.asked == []


def test_a_host_that_the_settings_name_is_asked_wherever_it_is(server: FileServer, lora: bytes) -> None:
    server.paths["/ink.safetensors"] = Served(lora)
    fetcher = Fetcher(lambda _host: None, chosen={"localhost"}, lookup=lambda *_: pytest.fail("it is not judged"))
    with fetcher.open(httpx.URL(server.url.replace("127.0.0.1", "localhost") + "/ink.safetensors")) as answer:
        assert b"".join(answer.blocks()) == lora
    fetcher.close()


def test_redirects_have_an_end(workshop: Workshop, server: FileServer) -> None:
    server.paths["/round"] = Served(location="/round")
    with pytest.raises(DownloadFailed, match="without end"):
        workshop.look_up({"source": f"{server.url}/round"})
    server.paths["/down"] = Served(location="http://example.com/file")
    with pytest.raises(DownloadFailed, match="not followed"):
        workshop.look_up({"source": f"{server.url}/down"})


def test_tokens_are_for_their_owner_alone_and_never_stand_in_logs(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "data")
    store.set("HuggingFace.co", "ab12cd34ef56")
    assert store.hosts() == ["huggingface.co"] and store.of("huggingface.co") == "ab12cd34ef56" and store.of("evil.huggingface.co") is None
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "data" / "tokens.json").stat().st_mode) == 0o600
    redact = Redactor({}, store.secrets)
    assert "ab12cd34ef56" not in redact("GET /x with ab12cd34ef56 failed")
    TokenStore(tmp_path / "data").set("civitai.com", "new-secret-token")
    assert "new-secret-token" not in redact("it was new-secret-token")
    store.set("huggingface.co", None)
    assert store.of("huggingface.co") is None
    assert "ab12cd34ef56" not in redact("ab12cd34ef56")  # it may still be in what is logged later
    for host, token in (("https://x/y", "abcdefg"), ("x", "short"), ("x", "with space\n")):
        with pytest.raises(InvalidRequest) as refused:
            store.set(host, token)
        assert token not in str(refused.value)


# sources


def hub_repository(server: FileServer, lora: bytes, **more: Any) -> None:
    files = [
        {"rfilename": "README.md", "size": 10},
        {"rfilename": "ink.safetensors", "size": len(lora), "lfs": {"sha256": hashlib.sha256(lora).hexdigest(), "size": len(lora)}},
        {"rfilename": "ink.ckpt", "size": 7},
    ]
    told = {"sha": "abc123", "cardData": {"license": "openrail++"}, "tags": ["license:openrail++"], "siblings": files, "gated": False}
    server.json("/api/models/me/ink/revision/main", told | more)
    server.paths["/me/ink/resolve/abc123/ink.safetensors"] = Served(lora)


def test_a_repository_says_size_checksum_and_licence_first(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    hub_repository(server, lora)
    for source in ("me/ink", f"{server.url}/me/ink", f"{server.url}/me/ink/blob/main/ink.safetensors"):
        offer = workshop.look_up({"source": source}).as_dict()
        assert (offer["name"], offer["size"], offer["licence"], offer["kind"]) == ("ink.safetensors", len(lora), "openrail++", "lora")
        assert offer["sha256"] == hashlib.sha256(lora).hexdigest()
        assert offer["folder"] == "loras" and offer["family"] == "sd1"
    view = fetch(workshop, "me/ink")
    assert view["status"] == "done", view["error"]
    notes = json.loads((workshop.models_folder / "loras" / "ink.json").read_text())["notes"]
    assert notes == f"Downloaded from {server.url}/me/ink, revision abc123. Licence: openrail++."


def test_several_files_are_to_choose_from(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    files = [{"rfilename": name, "size": 5} for name in ("a.safetensors", "b.safetensors", "unet/diffusion_pytorch_model.safetensors")]
    hub_repository(server, lora, siblings=files)
    offer = workshop.look_up({"source": "me/ink"}).as_dict()
    assert [choice["name"] for choice in offer["choices"]] == [file["rfilename"] for file in files] and offer["name"] == ""
    view = fetch(workshop, "me/ink")
    assert (view["error"]["field"], view["status"]) == ("file", "failed")
    with pytest.raises(InvalidRequest, match="no model file called"):
        workshop.look_up({"source": "me/ink", "file": "c.safetensors"})
    server.paths["/me/ink/resolve/abc123/unet/diffusion_pytorch_model.safetensors"] = Served(lora)
    assert workshop.look_up({"source": "me/ink", "file": files[2]["rfilename"]}).name == "ink-unet.safetensors"


def test_a_page_of_civitai(workshop: Workshop, server: FileServer, lora: bytes) -> None:
    civitai = hosts(server).civitai
    version = {
        "id": 7,
        "modelId": 5,
        "baseModel": "SD 1.5",
        "trainedWords": ["inkdrop", "wet paper"],
        "model": {"name": "Ink", "type": "LORA"},
        "files": [
            {
                "name": "ink v1.safetensors",
                "primary": True,
                "type": "Model",
                "hashes": {"SHA256": hashlib.sha256(lora).hexdigest().upper()},
                "downloadUrl": f"{civitai}/api/download/models/7",
            }
        ],
    }
    server.json("/api/v1/models/5", {"modelVersions": [{"id": 7}], "allowCommercialUse": ["Image"], "allowNoCredit": False})
    server.json("/api/v1/model-versions/7", version)
    server.paths["/api/download/models/7"] = Served(lora)
    for source in ("/models/5/ink-drawings", "/models/5?modelVersionId=7", "/api/download/models/7"):
        offer = workshop.look_up({"source": civitai + source})
        assert (offer.name, offer.kind, offer.licence) == ("ink v1.safetensors", "lora", "credit needed; commercial use: Image"), source
    assert fetch(workshop, f"{civitai}/models/5/ink-drawings")["status"] == "done"
    sidecar = json.loads((workshop.models_folder / "loras" / "ink v1.json").read_text())
    assert sidecar["activation text"] == "inkdrop, wet paper"


def test_a_checkpoint_is_told_from_its_header_before_it_is_fetched(workshop: Workshop, server: FileServer, tmp_path: Path) -> None:
    data = write_safetensors(tmp_path / "sd1.safetensors", SD1, metadata={"long": "x" * 100_000}).read_bytes()[:500_000]
    server.paths["/sd1.safetensors"] = Served(data)
    offer = workshop.look_up({"source": f"{server.url}/sd1.safetensors"})
    assert (offer.kind, offer.family, offer.folder) == ("checkpoint", "sd1", "checkpoints")
    assert [asked.headers["range"].split("-")[0] for asked in server.asked] == ["bytes=0", "bytes=0"]


def test_hostile_answers_are_no_faults_of_ours(workshop: Workshop, server: FileServer) -> None:
    for told in ([], {"siblings": "x"}, {"siblings": [5, {"rfilename": 7}]}, {"siblings": [], "cardData": [], "tags": 5}):
        server.json("/api/models/me/ink/revision/main", told)
        with pytest.raises(EaselError):
            workshop.look_up({"source": "me/ink"})


def test_nothing_is_asked_of_anybody_before_somebody_orders(workshop: Workshop, server: FileServer) -> None:
    workshop.orders()
    assert server.asked == []


# a diffusers folder whole

SHIPPED = Path(__file__).resolve().parents[1] / "models" / "checkpoints" / "easel-emoji"


def hub_folder(server: FileServer) -> dict[str, bytes]:
    """A repository with the shipped checkpoint, and with what nobody needs beside it."""
    names = [path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob("*") if path.is_file()]
    files = {name: (SHIPPED / name).read_bytes() for name in names}
    index = json.loads(files["model_index.json"]) | {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    files["model_index.json"] = json.dumps(index).encode()
    files |= {"unet/diffusion_pytorch_model.bin": b"pickle", "safety_checker/model.safetensors": b"big", "unet/../../evil.json": b"{}"}
    siblings = [
        {"rfilename": name, "size": len(data)} | ({"lfs": {"sha256": hashlib.sha256(data).hexdigest()}} if name.endswith("tensors") else {})
        for name, data in files.items()
    ]
    server.json("/api/models/me/emoji/revision/main", {"sha": "abc123", "cardData": {"license": "mit"}, "siblings": siblings})
    for name, data in files.items():
        server.paths[f"/me/emoji/resolve/abc123/{name}"] = Served(data)
    return files


def test_a_folder_comes_whole_without_what_nobody_needs(workshop: Workshop, server: FileServer) -> None:
    files = hub_folder(server)
    choices = workshop.look_up({"source": "me/emoji"}).as_dict()["choices"]
    offer = workshop.look_up({"source": "me/emoji", "file": "model_index.json"}).as_dict()
    assert choices[0] == {"name": "model_index.json", "size": offer["size"]}
    assert (offer["name"], offer["kind"], offer["folder"], offer["licence"]) == ("emoji", "checkpoint", "checkpoints", "mit")
    view = fetch(workshop, "me/emoji", file="model_index.json")
    assert view["status"] == "done", view["error"]
    folder = workshop.models_folder / "checkpoints" / "emoji"
    came = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    beside = [name for name in files if name.startswith(("scheduler/", "tokenizer/", "text_encoder/", "vae/", "unet/"))]
    wanted = {name for name in beside if not name.endswith(".bin") and ".." not in name} | {"model_index.json"}
    assert came == {name: files[name] for name in wanted}
    assert sum(map(len, came.values())) == offer["size"] == view["result"]["bytes"] and len(came) == offer["files"]
    assert not parts(workshop)
    checkpoint = workshop._studio.catalog.find("emoji")  # pyright: ignore[reportPrivateUsage]
    assert not checkpoint.problem
    with pytest.raises(Conflict):
        download.aim(workshop.look_up({"source": "me/emoji", "file": "model_index.json"}), workshop.models_folder, 1)


def test_a_folder_goes_on_in_the_middle_of_the_file_where_it_was_cut(workshop: Workshop, server: FileServer) -> None:
    files = hub_folder(server)
    unet = "/me/emoji/resolve/abc123/unet/diffusion_pytorch_model.safetensors"
    server.paths[unet] = Served(files["unet/diffusion_pytorch_model.safetensors"], cut_after=300_000, cuts=1)
    text = "/me/emoji/resolve/abc123/text_encoder/model.safetensors"
    server.paths[unet].token = "asked-later"
    failed = fetch(workshop, "me/emoji", file="model_index.json")
    assert failed["status"] == "failed" and failed["error"]["code"] == "token_needed"
    assert not (workshop.models_folder / "checkpoints" / "emoji").exists()
    assert failed["fetched"] > len(files["text_encoder/model.safetensors"])
    server.paths[unet].token = None
    view = ended(workshop, workshop.resume(failed["id"]))
    assert view["status"] == "done", view["error"]
    assert server.ranges(text) == ["all"]
    assert server.ranges(unet)[-2:] == ["all", "bytes=300000-"]
    folder = workshop.models_folder / "checkpoints" / "emoji"
    assert (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() == files["unet/diffusion_pytorch_model.safetensors"]


def test_a_wrong_file_of_a_folder_is_refused(workshop: Workshop, server: FileServer) -> None:
    files = hub_folder(server)
    vae = "vae/diffusion_pytorch_model.safetensors"
    server.paths[f"/me/emoji/resolve/abc123/{vae}"] = Served(files[vae][:-1] + bytes([files[vae][-1] ^ 1]))
    view = fetch(workshop, "me/emoji", file="model_index.json")
    assert view["error"]["code"] == "wrong_checksum"
    with pytest.raises(InvalidRequest, match="checksum"):
        workshop.look_up({"source": "me/emoji", "file": "model_index.json", "sha256": "0" * 64})


def test_of_each_part_the_half_long_form_is_taken_and_pieces_only_where_nothing_is_whole() -> None:
    names = [
        "model_index.json",
        "sd3.safetensors",
        "text_encoders/t5xxl_fp16.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "text_encoder/model.fp16.safetensors",
        "text_encoder_3/model-00001-of-00002.safetensors",
        "text_encoder_3/model-00002-of-00002.safetensors",
        "text_encoder_3/model.safetensors.index.json",
        "text_encoder_3/model.fp16-00001-of-00002.safetensors",
        "text_encoder_3/model.fp16-00002-of-00002.safetensors",
        "text_encoder_3/model.safetensors.index.fp16.json",
        "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
        "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
        "transformer/diffusion_pytorch_model.safetensors.index.json",
        "vae/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.non_ema.safetensors",
        "tokenizer_3/spiece.model",
        "tokenizer_3/picture.png",
    ]
    parts = ("text_encoder", "text_encoder_3", "transformer", "vae", "tokenizer_3")
    index = {"_class_name": "StableDiffusion3Pipeline", "x": [None, None], **{part: ["diffusers", "X"] for part in parts}}
    needed = [file.path for file in files_needed([RemoteFile(name) for name in names], index, "me/sd3")]
    dropped = {names[number] for number in (1, 2, 4, 6, 7, 8, 16, 18)}
    assert set(needed) == set(names) - dropped and len(needed) == len(names) - len(dropped)
    assert not any(path.endswith(".safetensors") for path in needed[: len(needed) // 2])
    with pytest.raises(InvalidRequest, match="no safetensors for its vae"):
        files_needed([RemoteFile("model_index.json"), RemoteFile("vae/diffusion_pytorch_model.bin")], index, "me/sd3")

"""Add-ons from elsewhere: refused where they are bad, installed, used, gone back on, and taken out."""

from __future__ import annotations

import io
import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from making_add_ons import HOOK, Repository, files_of, git_server, says, write_files, write_wheel, write_zip

from webui.errors import Conflict, EaselError, InvalidRequest
from webui.extensions.install import archives, trial
from webui.extensions.install.archives import tree_hash, unzip
from webui.extensions.install.indexes import Indexes
from webui.extensions.install.resolver import Resolver, core_packages
from webui.extensions.install.sources import BUILT_IN_FOR, LOOPBACK_FOR_TESTS, parse_source
from webui.extensions.install.staging import Stager, known_or_parsed, newer_changes, offer
from webui.extensions.install.store import Store
from webui.extensions.manifest import Manifest, check_free, checked_id, in_order, read_manifest
from webui.extensions.starting import begin, marker_of
from webui.extensions.states import States, WorkerNotes


def quiet(_words: str) -> None:
    """Nobody watches."""


@pytest.fixture
def stager(tmp_path: Path) -> Stager:
    return Stager(Store(tmp_path / "data"), States(tmp_path / "data"))


def everything(folder: Path) -> str:
    """All bytes of what counts: what is staged does not, nor the lock that holds others off."""
    kept = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "changing.lock"]
    return "\n".join(f"{path.relative_to(folder)} {path.read_bytes()!r}" for path in kept)


# manifests


@pytest.mark.parametrize("name", ["gradio", "webui", "txt2img", "../x", "Détailer", "dynаmic", "two--hyphens", "UPPER", "a" * 61, ""])
def test_ids_that_nobody_may_have(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked_id(name)
    assert refused.value.code == "bad_id" and refused.value.hint


def test_look_alikes_and_taken_ids(tmp_path: Path) -> None:
    there = [Manifest("detailer", "1", tmp_path, {"web": "detailer_web"})]
    for other, code in (("detai1er", "bad_id"), ("det-ailer", "bad_id"), ("detailer", "id_taken")):
        with pytest.raises(EaselError) as refused:
            check_free(Manifest(other, "1", tmp_path, {"web": "other"}), there)
        assert refused.value.code == code
    with pytest.raises(Conflict, match="detailer_web"):
        check_free(Manifest("another", "1", tmp_path, {"web": "detailer_web.x"}), there)
    with pytest.raises(InvalidRequest, match="json"):
        check_free(Manifest("another", "1", tmp_path, {"web": "json"}), there)
    check_free(Manifest("another", "1", tmp_path, {"web": "another_web"}), there)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('permissions = ["everything"]', "no permission 'everything'"),
        ('permission = ["network"]', "no key 'permission'"),
        ('before = "other"', "no list"),
        ("title = 3", "no text"),
    ],
)
def test_a_manifest_that_is_wrong_is_told_by_its_key(tmp_path: Path, more: str, words: str) -> None:
    write_files(tmp_path, files_of("wrong", says("x"), more=more))
    with pytest.raises(InvalidRequest, match=words) as refused:
        read_manifest(tmp_path, strict=True)
    assert refused.value.code == "bad_manifest" and str(refused.value.field).startswith("tool.easel")


@pytest.mark.parametrize(
    ("api", "words"), [('"2"', "needs add-on API 2"), ('"1.9"', "needs add-on API 1.9"), ("1", "doesn't say which API")]
)
def test_an_api_that_is_not_ours(tmp_path: Path, api: str, words: str) -> None:
    files = files_of("later", says("x"))
    files["pyproject.toml"] = files["pyproject.toml"].replace('api = "1"', f"api = {api}")
    with pytest.raises(InvalidRequest, match=words):
        read_manifest(write_files(tmp_path, files), strict=True)


def test_order_is_by_name_and_as_asked(tmp_path: Path) -> None:
    def one(name: str, **how: tuple[str, ...]) -> Manifest:
        return Manifest(name, "1", tmp_path, **how)

    ordered = in_order([one("c"), one("a", after=("b",)), one("b", after=("gone",)), one("d", before=("b",))])
    assert [manifest.id for manifest in ordered] == ["c", "d", "b", "a"]
    circle = in_order([one("a", after=("b",)), one("b", after=("a",))])
    assert [manifest.id for manifest in circle] == ["a", "b"]


# sources


@pytest.mark.parametrize(
    "text",
    [
        "ext::sh -c touch% /tmp/pwned",
        "-uhack",
        "--upload-pack=touch /tmp/pwned",
        "ssh://-oProxyCommand=x/y",
        "git@github.com:a/b",
        "file:///etc",
        "http://example.org/a",
        "git://example.org/a",
        "https://me:secret@example.org/a",
        "https://",
        "https://-x.example.org/a",
        "https://exa mple.org/a",
        "https://example.org/a#--upload-pack=x",
        "ftp://example.org/a.zip",
        "../relative",
        "/no/such/folder",
        "",
        "pkg @ https://x",
        "pkg; import os",
    ],
)
def test_sources_that_nothing_is_fetched_from(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_FOR_TESTS, raising=False)
    with pytest.raises(InvalidRequest) as refused:
        parse_source(text)
    assert refused.value.code == "source_not_allowed" and "secret" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0.0.0.0"])
@pytest.mark.parametrize("rest", ["/add-on.zip", "/somebody/add-on"])
def test_this_machine_is_no_source(host: str, rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_FOR_TESTS, raising=False)
    with pytest.raises(InvalidRequest, match="this machine itself") as refused:
        parse_source(f"https://{host}{rest}")
    assert refused.value.code == "source_not_allowed"


def test_nor_is_a_name_that_leads_there(stager: Stager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_FOR_TESTS, raising=False)
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port, *_, **__: [(2, 1, 6, "", ("127.0.0.1", port))])
    monkeypatch.setattr("urllib.request.getproxies", dict)
    for source in ("https://add-ons.example/it.zip", "https://add-ons.example/somebody/it"):
        with pytest.raises(InvalidRequest, match=r"add-ons\.example is this machine itself"):
            stager.stage(parse_source(source), quiet, link=False)
    with pytest.raises(InvalidRequest, match=r"add-ons\.example is this machine itself"):
        Indexes(stager.store).add("https://add-ons.example/list.json")


def test_sources_told_apart(tmp_path: Path) -> None:
    page = parse_source("https://github.com/a/b/tree/dev/x")
    assert (page.kind, page.address, page.ref) == ("git", "https://github.com/a/b", "dev/x")
    assert parse_source("https://example.org/a.git#v1").ref == "v1"
    assert parse_source("https://example.org/a.zip").kind == "zip"
    assert parse_source(str(tmp_path)).kind == "folder"
    assert (parse_source("easel-x==1.0").kind, parse_source("easel-x").kind) == ("pypi", "pypi")


def test_a_known_add_on_names_what_does_its_job() -> None:
    with pytest.raises(InvalidRequest, match="Detailer") as told:
        known_or_parsed("https://github.com/Bing-su/adetailer.git")
    assert told.value.code == "built_in_instead"
    assert all(name == name.lower() and words for name, words in BUILT_IN_FOR.items())


# archives


def zip_of(*members: tuple[str | zipfile.ZipInfo, str]) -> bytes:
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return told.getvalue()


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("pyproject.toml")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted() -> bytes:
    data = bytearray(zip_of(("a.py", "x")))
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


BAD_ZIPS = {
    "traversal": zip_of(("../evil.py", "x")),
    "traversal within": zip_of(("a/../../evil.py", "x")),
    "absolute": zip_of(("/etc/evil", "x")),
    "drive": zip_of(("C:/evil", "x")),
    "backslash": zip_of(("..\\evil.py", "x")),
    "link": zip_of((link(), "/etc/passwd")),
    "case": zip_of(("a.py", "x"), ("A.py", "y")),
    "file and folder": zip_of(("a", "x"), ("a/b", "y")),
    "device": zip_of(("con.py", "x")),
    "dot": zip_of(("evil.", "x")),
    "right to left": zip_of(("a\u202eyp.x", "x")),
    "encrypted": encrypted(),
    "no zip": b"<html>login</html>",
    "cut off": zip_of(("a.py", "x" * 1000))[:-30],
    "empty": b"",
}


@pytest.mark.parametrize("data", BAD_ZIPS.values(), ids=BAD_ZIPS)
def test_zips_that_are_not_unpacked(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(InvalidRequest) as refused:
        unzip(tmp_path / "bad.zip", tmp_path / "deep" / "target")
    assert refused.value.code == "unsafe_archive"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["bad.zip"]


def test_bombs_and_crowds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 50)
    for name, data in {
        "bomb": zip_of(("a.txt", "0" * 5_000_000)),
        "crowd": zip_of(*((f"{number}.txt", "") for number in range(60))),
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidRequest):
            unzip(tmp_path / name, tmp_path / "target")
        assert not (tmp_path / "target").exists()
    # A table of members so long that reading it would take all memory is not read.
    lying = bytearray(zip_of(("a", "x")))
    struct.pack_into("<I", lying, lying.rfind(b"PK\x05\x06") + 12, 0xFFFFFFF0)
    (tmp_path / "lying").write_bytes(lying)
    with pytest.raises(InvalidRequest):
        unzip(tmp_path / "lying", tmp_path / "target")


def test_a_zip_of_a_repository_loses_its_wrapping(tmp_path: Path) -> None:
    write_zip(tmp_path / "good.zip", {"repo-main/pyproject.toml": "x", "repo-main/a/b.py": "y", "repo-main/a/__pycache__/b.pyc": "z"})
    unzip(tmp_path / "good.zip", tmp_path / "out")
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")) == ["a/b.py", "pyproject.toml"]


# packages


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels instead of the package index."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def test_packages_are_resolved_beside_easels_own(links: Path, tmp_path: Path) -> None:
    write_wheel(links, "tinyshape", "1.0")
    write_wheel(links, "tinyshape", "2.0")
    write_wheel(links, "needsold", "1.0", ["tinyshape<2", "pillow"])
    resolver = Resolver(tmp_path / "wheels")
    packages = resolver.resolve({"one": ["needsold"]}, "one", quiet)
    assert [(package.name, package.version) for package in packages] == [("needsold", "1.0"), ("tinyshape", "1.0")]
    resolver.build(packages, tmp_path / "site", quiet)
    assert (tmp_path / "site" / "tinyshape" / "__init__.py").read_text() == "VERSION = '1.0'\n"
    with pytest.raises(Conflict) as refused:
        resolver.resolve({"one": ["needsold"], "two": ["tinyshape>=2"]}, "two", quiet)
    assert refused.value.code == "dependency_conflict" and "two" in refused.value.message and "one" in refused.value.message


def test_what_easel_stands_on_stays_as_it_is(links: Path, stager: Stager, tmp_path: Path) -> None:
    write_wheel(links, "numpy", "1.26.0")
    write_wheel(links, "wantsold", "1.0", ["numpy<2"])
    data = stager.store.folder.parent
    before, core = everything(data) if data.exists() else "", core_packages()
    for number, requires in enumerate((["numpy==1.26.0"], ["wantsold"])):
        name = f"greedy-{number}"
        with pytest.raises(Conflict) as refused:
            stager.stage(parse_source(str(write_files(tmp_path / name, files_of(name, says("x"), requires=requires)))), quiet, link=False)
        assert refused.value.code == "dependency_conflict"
        assert f"Easel has numpy {core['numpy']}" in refused.value.message and name in refused.value.message
    assert everything(data) == before and core_packages() == core


def test_requirements_that_are_refused(tmp_path: Path) -> None:
    for requirement in ("tool @ https://example.org/tool.whl", "--index-url https://evil", "-e ."):
        with pytest.raises(InvalidRequest):
            read_manifest(write_files(tmp_path, files_of("wants", says("x"), requires=[requirement])))


# the trial

ZOO = {
    "raises": ("raise KeyError('face')", "KeyError: 'face'"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "ends": ("import os; os._exit(7)", "ended the process that imported it, with exit code 7"),
    "loops": ("while True: pass", "was not imported within 4 s"),
    "eats": ("keep = bytearray(2 << 30)", "MemoryError"),
    "torch": ("import torch", "it imports torch in the web process"),
    "routes": (HOOK + "def routes(router): pass", "doesn't ask for the permission routes"),
    "misspelt": (HOOK + "def prepair(request): pass", "unknown hook 'prepair'"),
    "wrong side": (HOOK + "def denoise_step(context): pass", "worker"),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a child is limited on Linux")
@pytest.mark.parametrize(("source", "words"), ZOO.values(), ids=ZOO)
def test_a_bad_add_on_does_not_pass_its_trial(
    source: str, words: str, stager: Stager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial.run_trial, "__defaults__", (trial.run_trial.__defaults__[0], 4.0))
    folder = write_files(tmp_path / "bad", files_of("bad", source))
    with pytest.raises(Conflict) as refused:
        stager.stage(parse_source(str(folder)), quiet, link=False)
    assert refused.value.code == "extension_refused" and words in refused.value.message
    assert not stager.store.folders() and not list((stager.store.folder / "staging").glob("*"))


# from install to removal


def test_a_zip_is_installed_updated_and_gone_back_on(stager: Stager, tmp_path: Path) -> None:
    first = write_zip(tmp_path / "one.zip", files_of("words", says("one"), CHANGES_md="# 1.0\nFirst."))
    second = write_zip(tmp_path / "two.zip", files_of("words", says("two"), version="2.0", CHANGES_md="# 2.0\nSecond.\n# 1.0\nFirst."))
    staged = stager.stage_zip(first, "one.zip", quiet)
    assert not stager.store.folders()  # nobody has agreed yet
    told = offer(staged)
    assert (told["id"], told["version"], told["before"], told["packages"]) == ("words", "1.0", None, [])
    installed = stager.install(staged)
    folder = stager.store.path_of(installed)
    assert tree_hash(folder) == installed.tree and not list((stager.store.folder / "staging").glob("*"))
    update = stager.stage_zip(second, "two.zip", quiet)
    assert (offer(update)["before"], offer(update)["changes"]) == ("1.0", "# 2.0\nSecond.")
    assert stager.install(update).version == "2.0" and folder.is_dir()
    assert stager.roll_back("words", quiet).version == "1.0"
    with pytest.raises(Conflict):
        stager.roll_back("words", quiet)
    stager.store.take_out("words")
    assert not stager.store.folders()
    assert stager.store.bring_back("words").version == "1.0"
    stager.store.take_out("words")
    stager.store.tidy()
    assert not list((stager.store.folder / "store").glob("*"))


def test_a_repository_is_fetched_without_git(stager: Stager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOOPBACK_FOR_TESTS, "yes")
    repository = Repository(tmp_path / "repository")
    first = repository.commit(files_of("from-git", says("one")))
    with git_server({"it": repository}) as address:
        installed = stager.install(stager.stage(parse_source(f"{address}/it"), quiet))
        assert installed.commit == first and not (stager.store.path_of(installed) / ".git").exists()
        assert stager.newer(installed, quiet) is None
        second = repository.commit(files_of("from-git", says("two"), version="2.0"))
        assert stager.newer(installed, quiet) == second
        with pytest.raises(EaselError, match="no git repository"):
            stager.stage(parse_source(f"{address}/other"), quiet)


def test_a_wheel_with_its_manifest_is_an_add_on(links: Path, stager: Stager) -> None:
    files = files_of("wheeled", says("x"))
    manifest = files.pop("pyproject.toml")
    write_wheel(links, "wheeled", "1.0", files={**files, "m_wheeled/pyproject.toml": manifest})
    write_wheel(links, "plain", "1.0")
    installed = stager.install(stager.stage(parse_source("wheeled"), quiet))
    assert (installed.id, installed.version, installed.source.kind) == ("wheeled", "1.0", "pypi")
    with pytest.raises(InvalidRequest, match="no add-on for Easel"):
        stager.stage(parse_source("plain"), quiet)


def test_what_changed_since() -> None:
    assert newer_changes("# 3\nc\n## [2.0] - May\nb\n", "2.0") == "# 3\nc"
    assert newer_changes("", "2.0") == newer_changes("# 1", None) == ""


def test_a_lock_file_that_names_another_place_is_not_followed(stager: Stager) -> None:
    stager.store.folder.mkdir(parents=True)
    (stager.store.folder / "lock.json").write_text(
        '{"version": 1, "site": "../../x", "packages": [], "add_ons": {}, "removed": {}, "indexes": []}'
    )
    assert stager.store.read().add_ons == {} and "can't be read" in stager.store.problem
    with pytest.raises(EaselError), stager.store.changing():
        pass


# starts


def test_two_starts_that_crash_give_safe_mode(tmp_path: Path) -> None:
    assert [begin(tmp_path, (), False).safe for _ in range(3)] == ["", "", "crashed"]
    States(tmp_path).arrived()
    assert begin(tmp_path, (), False).safe == ""
    assert begin(tmp_path, (), True).safe == "settings"


def test_who_ended_a_start_is_off_at_the_next(tmp_path: Path) -> None:
    root = tmp_path / "extensions"
    write_files(root / "ends", files_of("ends", says("x"), more="built_in = true"))
    write_files(root / "good", files_of("good", says("x"), more="built_in = true"))
    first = begin(tmp_path / "data", (root,), False)
    assert [folder.name for folder in first.folders] == ["ends", "good"]
    marker_of(first.states).around("ends").__enter__()  # and then the process ends
    WorkerNotes(first.states.folder).marker.around("good").__enter__()
    WorkerNotes(first.states.folder).begin()
    second = begin(tmp_path / "data", (root,), False)
    assert second.folders == () and second.states.of("ends").off == second.states.of("good").off == "crash"
    WorkerNotes(first.states.folder).forgive("good")
    second.states.change("good", off="")
    second.states.arrived()
    assert [folder.name for folder in begin(tmp_path / "data", (root,), False).folders] == ["good"]


def test_a_damaged_state_costs_no_start(tmp_path: Path) -> None:
    begin(tmp_path, (), False)
    (tmp_path / "add-ons" / "state.json").write_text("{nonsense")
    assert begin(tmp_path, (), False).safe == ""

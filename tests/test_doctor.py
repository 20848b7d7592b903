"""Each check with its fault injected: a real database, real files, real children."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from small_checkpoint import make_checkpoint
from test_studio import finish

from webui.cli import main
from webui.doctor import checks
from webui.doctor.checks import CHECKS, run
from webui.doctor.examination import Doctor, examine, summary
from webui.doctor.findings import Finding
from webui.doctor.premises import Easel, Premises, from_outside, from_within
from webui.doctor.report import write_report
from webui.durable import write_durably
from webui.executors.base import Slot
from webui.executors.fake import FakeExecutor
from webui.logs import LOG_FILE, LOG_FOLDER
from webui.settings import Settings
from webui.studio.database import DATABASE_FILE, FORM
from webui.studio.instance import InstanceLock
from webui.studio.studio import Studio

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"
BY_ID = {check.id: check for check in CHECKS}


@pytest.fixture
def outside(settings: Settings, models_dir: Path, tmp_path: Path) -> Callable[..., Premises]:
    """Makes premises as the command line sees them."""
    (tmp_path / "extensions").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def make(**given: Any) -> Premises:
        usual = {"data_dir": settings.data_dir, "models_dirs": (models_dir,), "executor": "fake", "port": port}
        return from_outside(usual | given, [tmp_path / "extensions"])

    return make


@pytest.fixture
def drawn(new_studio: Callable[..., Studio], settings: Settings) -> Path:
    """The data folder after two pictures, with no Easel running."""
    studio = new_studio()
    job = finish(studio, prompt="a secret prompt", batch_count=2)
    assert job["status"] == "done"
    studio.close()
    return settings.data_dir


def found(check: str, premises: Premises) -> Finding:
    return run(BY_ID[check], premises)


def pictures_in(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "outputs").rglob("*.png"))


def change(data_dir: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection, connection:
        connection.execute(statement, values)


def test_all_is_well_before_and_after_the_first_pictures(outside: Callable[..., Premises], new_studio: Callable[..., Studio]) -> None:
    for _ in range(2):
        told = {entry.check.id: entry.finding for entry in examine(outside())}
        assert {name: finding for name, finding in told.items() if finding.state != "ok"} == {}
        studio = new_studio()
        finish(studio)
        studio.close()
    assert told["database"].text.startswith("1 picture,")


def test_looking_changes_nothing(outside: Callable[..., Premises], drawn: Path, new_studio: Callable[..., Studio]) -> None:
    def everything() -> dict[str, tuple[int, bytes]]:
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(drawn.rglob("*")) if path.is_file()}

    before = everything()
    examine(outside())
    assert everything() == before
    new_studio(start=False)
    with InstanceLock(drawn):
        before = everything()
        assert {entry.finding.state for entry in examine(outside())} == {"ok"}
        assert everything() == before


# the database


def test_a_file_that_is_no_database(outside: Callable[..., Premises], drawn: Path) -> None:
    (drawn / DATABASE_FILE).write_bytes(b"not a database at all" * 100)
    for check in ("database", "integrity", "jobs", "lost_pictures"):
        finding = found(check, outside())
        assert finding.state == "bad", check
        assert "file is not a database" in finding.text
        assert "backup" in finding.advice


def test_a_damaged_page(outside: Callable[..., Premises], drawn: Path) -> None:
    data = bytearray((drawn / DATABASE_FILE).read_bytes())
    for place in range(3 * 4096, len(data), 4096):
        data[place : place + 100] = b"\xa5" * 100
    (drawn / DATABASE_FILE).write_bytes(data)
    assert found("integrity", outside()).state == "bad"


def test_a_row_that_points_nowhere(outside: Callable[..., Premises], drawn: Path) -> None:
    assert found("integrity", outside()).state == "ok"
    change(drawn, "INSERT INTO lora_use VALUES (1, 'grain', 1.0)")
    finding = found("integrity", outside())
    assert finding.state == "bad"
    assert "generation that isn't there" in finding.items[0]


def test_a_newer_database_an_older_one_and_somebody_elses(outside: Callable[..., Premises], drawn: Path) -> None:
    change(drawn, "UPDATE alembic_version SET version_num = '9999'")
    assert found("database", outside()).state == "bad"
    assert "newer Easel (form 9999" in found("database", outside()).text
    change(drawn, "DROP TABLE alembic_version")
    assert "not one of Easel's" in found("database", outside()).text
    shutil.copy(GOLDEN / "database-0001.sqlite3", drawn / DATABASE_FILE)
    finding = found("database", outside())
    assert (finding.state, "form 0001" in finding.text) == ("ok", True)


def test_a_database_that_another_program_holds_is_read_all_the_same(outside: Callable[..., Premises], drawn: Path) -> None:
    with closing(sqlite3.connect(drawn / DATABASE_FILE)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert found("database", outside()).state == "ok"


# pictures and jobs


def test_pictures_that_history_doesn_t_know(outside: Callable[..., Premises], drawn: Path) -> None:
    picture = pictures_in(drawn)[0]
    other = picture.with_name("holiday.png")
    other.write_bytes(b"\x89PNG but not a whole one")
    assert found("unknown_pictures", outside()).text == "All 2 are in history; 1 from other programs"
    orphan = picture.with_name("00099-orphan.png")
    shutil.copy(picture, orphan)
    finding = found("unknown_pictures", outside())
    assert finding.state == "warn"
    assert finding.items == (str(orphan),)


def test_pictures_that_are_gone(outside: Callable[..., Premises], drawn: Path) -> None:
    picture = pictures_in(drawn)[0]
    picture.unlink()
    finding = found("lost_pictures", outside())
    assert (finding.state, finding.items) == ("warn", (str(picture),))
    assert finding.text.startswith("1 picture in history has no file")


def test_remains_of_writes_that_were_cut_off(outside: Callable[..., Premises], drawn: Path) -> None:
    dead = 2**22 - 7
    names = [f"settings.yaml.{dead}-1.part", f"outputs/txt2img-images/x.png.{dead}-1.part", f"cache/thumbnails/a.webp.{dead}-1.part"]
    for name in names:
        write_durably(drawn / name, b"half")
    write_durably(drawn / f"outputs/now.png.{os.getpid()}-1.part", b"this one is being written")
    finding = found("parts", outside())
    assert finding.state == "warn"
    assert sorted(finding.items) == sorted(str(drawn / name) for name in names)
    old = drawn / f"outputs/now.png.{os.getpid()}-1.part"
    os.utime(old, (time.time() - 9999,) * 2)
    assert str(old) in found("parts", outside()).items


def test_jobs_that_nobody_works_on(outside: Callable[..., Premises], new_studio: Callable[..., Studio], drawn: Path) -> None:
    studio = new_studio(start=False)
    assert found("jobs", from_within(studio, os.getpid())).text == "0 running, 0 waiting"
    change(drawn, "UPDATE job SET status = 'running'")
    finding = found("jobs", from_within(studio, os.getpid()))
    assert (finding.state, len(finding.items)) == ("bad", 1)
    assert found("jobs", outside()).text == "1 goes on at the next start"  # no Easel holds the folder, as far as can be seen


def test_a_paused_queue(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    studio.pause(True)
    assert found("jobs", from_within(studio, os.getpid())).state == "ok"
    studio.duplicate(studio.submit(studio.complete({"prompt": "x"}))["id"])
    finding = found("jobs", from_within(studio, os.getpid()))
    assert (finding.state, finding.text) == ("warn", "The queue is paused, and 2 wait.")


# folders and settings


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no files, not even from root")
def test_a_folder_that_can_t_be_written(outside: Callable[..., Premises]) -> None:
    finding = found("pictures_folder", outside(outputs_dir="/proc/pictures"))
    assert finding.state == "bad"
    assert finding.text.startswith("Nothing can be written to /proc:")


def test_a_file_where_a_folder_should_be(outside: Callable[..., Premises], settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "cache").write_text("in the way")
    assert "is a file" in found("cache_folder", outside()).text
    assert found("data_folder", outside()).state == "ok"


def test_models_folders_that_are_away(outside: Callable[..., Premises], models_dir: Path, tmp_path: Path) -> None:
    finding = found("models_folders", outside(models_dirs=(models_dir, tmp_path / "unplugged")))
    assert (finding.state, finding.items) == ("warn", (str(tmp_path / "unplugged"),))


@pytest.mark.parametrize(
    ("text", "copy", "state", "words"),
    [
        ("port: [", "port: 7777\n", "warn", "its last good copy is used"),
        ("port: [", None, "bad", "can't be read"),
        ("port: 99999\n", None, "bad", "The setting port can't be '99999'"),
        ("potr: 7777\n", None, "bad", "no setting called 'potr'"),
        ("threads: 2\n", None, "ok", "1 set"),
    ],
)
def test_settings_that_can_t_be_used(
    outside: Callable[..., Premises], settings: Settings, text: str, copy: str | None, state: str, words: str
) -> None:
    settings.data_dir.mkdir(parents=True)
    settings.file.write_text(text)
    if copy is not None:
        (settings.data_dir / "settings.last-good.yaml").write_text(copy)
    premises = outside()
    premises.easel = Easel()
    finding = found("settings", premises)
    assert (finding.state, words in finding.text) == (state, True), finding
    assert (finding.advice == "") == (state == "ok")
    assert premises.settings.data_dir == settings.data_dir


def test_an_option_that_can_t_be_used_stops_nothing_else(outside: Callable[..., Premises], settings: Settings) -> None:
    premises = outside(executor="nothing")
    assert "'local' or 'fake'" in found("settings", premises).text
    assert found("data_folder", premises).state == "ok"


def test_a_disk_that_is_almost_full_and_little_memory(outside: Callable[..., Premises], monkeypatch: pytest.MonkeyPatch) -> None:
    premises = outside()
    free_mb = shutil.disk_usage(premises.settings.data_dir.parent).free // 1024**2
    premises.settings = premises.settings.model_copy(update={"disk_reserve_mb": free_mb * 3 // 4})
    assert found("disk", premises).state == "warn"
    premises.settings = premises.settings.model_copy(update={"disk_reserve_mb": free_mb * 2})
    assert found("disk", premises).state == "bad"
    monkeypatch.setattr(checks, "LITTLE_MEMORY", 10**18)
    assert found("memory", premises).state == "warn"


# program, engine, models, add-ons


def test_another_python_and_other_libraries(outside: Callable[..., Premises], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    monkeypatch.setattr(checks, "_REQUIREMENTS", pins)
    pins.write_text("pyyaml==0.0.1  # other\n# a comment==1\n")
    finding = found("libraries", outside())
    assert finding.state == "warn"
    assert "0.0.1 is needed" in finding.items[0]
    pins.write_text("pyyaml==0.0.1\nno-such-library[extra]==1.2\n")
    finding = found("libraries", outside())
    assert (finding.state, finding.items[0]) == ("bad", "no-such-library 1.2 is not installed")
    monkeypatch.setattr(checks, "OLDEST_PYTHON", (3, 99))
    assert found("python", outside()).state == "bad"


@pytest.mark.parametrize("fault", ["raise ModuleNotFoundError(\"No module named 'torch'\")", "raise OSError('libtorch_cpu.so is cut off')"])
def test_torch_that_is_missing_or_broken_is_told_in_one_line(
    outside: Callable[..., Premises], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text(fault)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    premises = outside(executor="local")
    finding = found("device", premises)
    assert finding.state == "bad"
    assert ("No module named 'torch'" in finding.text) or ("libtorch_cpu.so is cut off" in finding.text)
    assert "\n" not in finding.text
    assert finding.advice
    assert found("attention", premises).state == "unchecked"
    assert summary(premises, [])["engine"]["ready"] is False


def test_no_kernel_for_attention(outside: Callable[..., Premises]) -> None:
    premises = outside()
    hello = FakeExecutor().slots()[0].hello
    assert hello is not None
    premises.engine = Slot("one", alive=True, hello=hello.__class__(**vars(hello) | {"device": "cuda"}))  # type: ignore[misc]
    assert found("attention", premises).state == "bad"


def test_an_nvidia_card_that_is_not_used(outside: Callable[..., Premises], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    premises = outside()
    hello = FakeExecutor().slots()[0].hello
    assert hello is not None
    premises.engine = Slot("one", alive=True, hello=hello.__class__(**vars(hello) | {"device": "cpu"}))  # type: ignore[misc]
    assert found("device", premises).state == "ok"
    tool = tmp_path / ("nvidia-smi.exe" if os.name == "nt" else "nvidia-smi")
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found("device", premises).state == "warn"


def test_checkpoints_that_can_t_be_used(outside: Callable[..., Premises], models_dir: Path) -> None:
    broken = make_checkpoint(models_dir / "checkpoints" / "broken")
    (broken / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"<html>login</html>")
    finding = found("checkpoints", outside())
    assert finding.state == "warn"
    assert any(item.startswith("broken: ") and "web page" in item for item in finding.items)
    premises = outside()
    premises.checkpoints = [entry for entry in premises.checkpoints if entry.name == "broken"]  # type: ignore[misc]
    assert found("checkpoints", premises).state == "bad"
    premises.checkpoints = []  # type: ignore[misc]
    assert found("checkpoints", premises).text == "There is none."


def write_add_on(tmp_path: Path, name: str, source: str, side: str = "web") -> None:
    folder = tmp_path / "extensions" / name
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1"\n[tool.easel]\napi = "1"\n{side} = "{name.replace("-", "_")}"\n'
    )
    (folder / f"{name.replace('-', '_')}.py").write_text(source)


def test_add_ons_that_raise_or_exit(outside: Callable[..., Premises], tmp_path: Path) -> None:
    write_add_on(tmp_path, "a-good-one", "")
    write_add_on(tmp_path, "b-raises", "1 / 0")
    finding = found("add_ons", outside())
    assert (finding.state, finding.text) == ("bad", "1 could not be loaded. Loaded: a-good-one.")
    assert finding.items == ("b-raises: ZeroDivisionError: division by zero",)
    write_add_on(tmp_path, "c-ends", "import os; os._exit(5)")
    assert found("add_ons", outside()).items[1:] == ("c-ends: it ended the process that loaded it (exit code 5)",)
    assert found("add_ons", outside(safe_mode=True)).text.startswith("Off")


@pytest.mark.slow
def test_an_add_on_that_hangs(outside: Callable[..., Premises], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_add_on(tmp_path, "hangs", "import time; time.sleep(60)")
    monkeypatch.setattr("webui.doctor.premises.ADD_ON_SECONDS", 8.0)
    assert found("add_ons", outside()).items == ("hangs: it was not loaded within 8 s",)


def test_what_the_engine_could_not_load_is_told(outside: Callable[..., Premises]) -> None:
    premises = outside()
    hello = FakeExecutor().slots()[0].hello
    assert hello is not None
    premises.engine = Slot("one", alive=True, hello=hello.__class__(**vars(hello) | {"problems": ("x: KeyError: 'y'",)}))  # type: ignore[misc]
    assert found("add_ons", premises).items == ("x: KeyError: 'y' (in the engine)",)


def test_a_check_that_fails_itself_is_a_finding(outside: Callable[..., Premises], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "_REQUIREMENTS", tmp_path / "nowhere")
    finding = found("libraries", outside())
    assert finding.state == "bad"
    assert "FileNotFoundError" in finding.text


# the Easel that runs, and the port


def test_an_easel_that_doesn_t_answer_and_one_that_was_killed(outside: Callable[..., Premises], settings: Settings) -> None:
    with InstanceLock(settings.data_dir) as lock:
        assert "without a page" in found("easel", outside()).text
        lock.announce("http://127.0.0.1:9")
        finding = found("easel", outside())
        assert finding.state == "bad"
        assert "doesn't answer" in finding.text
        write_durably(settings.data_dir / "running.json", json.dumps({"pid": 2**22 - 7, "url": "http://127.0.0.1:9"}).encode())
        assert "none is running" in found("easel", outside()).text


def test_a_port_that_another_program_has(outside: Callable[..., Premises]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finding = found("port", outside(port=port))
        assert finding.state == "bad"
        assert f"--port {port + 1}" in finding.advice


def test_files_that_changed_under_a_running_easel(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio(start=False)
    premises = from_within(studio, os.getpid())
    assert found("easel", premises).state == "ok"
    premises.easel = Easel(os.getpid(), itself=True, files_changed=True)
    assert "Restart Easel" in found("easel", premises).advice


def test_the_doctor_within_tells_how_far_it_is_and_remembers(new_studio: Callable[..., Studio], drawn: Path) -> None:
    studio = new_studio(start=False)
    told: list[dict[str, Any] | None] = []
    doctor = Doctor(lambda: from_within(studio, os.getpid()), told.append)
    states = {finding["id"]: finding["state"] for finding in doctor.look()["findings"]}
    assert states["integrity"] == "unchecked" and states["database"] == "ok"
    assert doctor.look()["state"] == "ok"
    doctor.begin()
    doctor.begin()  # no second one beside it
    deadline = time.monotonic() + 10
    while told[-1] is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [step["number"] for step in told if step] == [1, 2, 3, 4]
    assert told[0] == {"words": "Reading the whole database", "number": 1, "of": 4}
    after = doctor.look()
    assert after["doing"] is None
    assert {finding["state"] for finding in after["findings"]} == {"ok"}
    assert all(finding["checked_at"] for finding in after["findings"])


# command line and report


def test_the_command_as_json(drawn: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EASEL_SAFE_MODE", "1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json", "--executor", "fake", "--data-dir", str(drawn)])
    root.handlers[:], root.level = handlers, level
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["state"]) == (0, "warn")
    assert {finding["id"] for finding in told["findings"]} == set(BY_ID)
    assert told["memory"]["total"] > told["memory"]["available"] > 0
    assert told["disks"][0]["total"] > told["disks"][0]["free"] > 0
    assert told["versions"]["gradio"]


def test_the_command_and_a_report_that_names_nobody(drawn: Path, tmp_path: Path) -> None:
    (drawn / DATABASE_FILE).write_bytes(b"not a database" * 1000)
    (drawn / LOG_FOLDER).mkdir(exist_ok=True)
    canaries = {
        "info": f"loaded {tmp_path}/home/berta/x.safetensors from https://u:pw-canary@example.org",
        "debug": "draws 'prompt canary'",
        "warning": f"can't write {pictures_in(drawn)[0]}",
    }
    lines = [
        json.dumps({"time": "2026-11-25T20:00:00", "level": level, "logger": "x", "message": text}) for level, text in canaries.items()
    ]
    (drawn / LOG_FOLDER / LOG_FILE).write_text("\n".join(lines) + "\n")
    environment = {
        **{
            "EASEL_EXECUTOR": "fake",
            "EASEL_MODELS_DIRS": str(tmp_path / "home" / "berta" / "models"),
            "HTTPS_PROXY": "http://u:pw-canary@proxy",
        },
        **{"HOME": str(tmp_path / "home" / "berta"), "USERPROFILE": str(tmp_path / "home" / "berta"), "HF_TOKEN": "token-canary"},
    }
    command = [sys.executable, "-m", "webui.cli", "doctor", "--data-dir", str(drawn), "--report", str(tmp_path / "report.txt")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | environment, timeout=60)
    assert result.returncode == 1, result.stderr
    assert "BAD   Database" in result.stdout
    assert "Something is wrong. (" in result.stdout
    assert "\x1b" not in result.stdout
    report = (tmp_path / "report.txt").read_text()
    assert "BAD   Database" in report
    assert "loaded ~/x.safetensors from https://[removed]@example.org" in report
    assert "~/models" in report and "HF_TOKEN=[removed]" in report
    for canary in ("berta", "pw-canary", "prompt canary", "token-canary", pictures_in(drawn)[0].name):
        assert canary not in report, canary


def test_a_report_from_within_holds_no_prompt(new_studio: Callable[..., Studio], drawn: Path) -> None:
    studio = new_studio(start=False)
    shutil.copy(pictures_in(drawn)[0], pictures_in(drawn)[0].with_name("a secret prompt.png"))
    premises = from_within(studio, os.getpid())
    report = write_report(premises, examine(premises))
    assert "1 picture made by Easel is not in history" in report
    assert "secret" not in report
    assert f"form {FORM}" in report

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, data_dir: Path, models_dir: Path | None = None) -> subprocess.CompletedProcess[str]:
    extra = ["--data-dir", str(data_dir)] + (["--models-dir", str(models_dir)] if models_dir else [])
    environment = os.environ | {"EASEL_EXECUTOR": "fake", "EASEL_FAKE_STEP_SECONDS": "0"}
    return subprocess.run(
        [sys.executable, "-m", "webui.cli", *arguments, *extra], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60
    )


def test_generate_makes_a_picture_without_a_server(tmp_path: Path, models_dir: Path) -> None:
    out = tmp_path / "apple.png"
    result = run(
        *("generate", "a red apple", "--out", str(out), "--seed", "5", "--size", "64x72", "--steps", "2", "--checkpoint", "small"),
        data_dir=tmp_path / "data",
        models_dir=models_dir,
    )
    assert result.returncode == 0, result.stderr
    with Image.open(out) as picture:
        assert picture.size == (64, 72)
        assert picture.info["parameters"].startswith("a red apple\nSteps: 2,")
    assert "seed 5" in result.stdout


def test_several_pictures_get_numbers(tmp_path: Path) -> None:
    result = run("generate", "x", "--out", str(tmp_path / "a.png"), "--pictures", "2", "--steps", "1", data_dir=tmp_path / "data")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "a-1.png").exists() and (tmp_path / "a-2.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "0"], "1 to 150"),
        (["--size", "1000000000x64"], "64 to 2048 px"),
        (["--size", "big"], "WIDTHxHEIGHT"),
        (["--cfg", "nan"], "1 to 30"),
        (["--sampler", "no such"], "DPM++ 2M"),
        (["--checkpoint", "no such"], "easel-emoji"),
        (["--out", "apple.txt"], ".png"),
        (["--out", "no/such/folder/apple.png"], "doesn't exist"),
    ],
)
def test_bad_input_is_one_sentence_that_helps(tmp_path: Path, arguments: list[str], words: str) -> None:
    result = run("generate", "x", *arguments, data_dir=tmp_path / "data")
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--host", "0.0.0.0"], "nobody has a password here yet"),
        (["serve", "--port", "0"], "greater than or equal to 1"),
        (["serve", "--executor", "nothing"], "'local' or 'fake'"),
    ],
)
def test_bad_settings_are_told(tmp_path: Path, arguments: list[str], words: str) -> None:
    result = run(*arguments, data_dir=tmp_path / "data")
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_names_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), data_dir=tmp_path / "data")
    assert result.returncode == 1
    assert f"--port {port + 1}" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent by a POSIX signal here")
def test_ctrl_c_ends_the_job_for_good(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "webui.cli",
        "generate",
        "x",
        "--steps",
        "150",
        "--out",
        str(tmp_path / "a.png"),
        "--data-dir",
        str(tmp_path / "data"),
    ]
    environment = os.environ | {"EASEL_EXECUTOR": "fake", "EASEL_FAKE_STEP_SECONDS": "0.1"}
    database = tmp_path / "data" / "easel.sqlite3"

    def status() -> list[str]:
        if not database.exists():
            return []
        with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.OperationalError):
            return [row[0] for row in connection.execute("SELECT status FROM job")]
        return []

    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while status() != ["running"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert status() == ["cancelled"]


@pytest.mark.slow
def test_generate_asks_the_easel_that_is_running(tmp_path: Path, models_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data_dir = tmp_path / "data"
    command = [sys.executable, "-m", "webui.cli", "--executor", "fake", "--port", str(port), "--data-dir", str(data_dir)]
    with subprocess.Popen([*command, "--models-dir", str(models_dir)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}" in server.stdout.readline()
            second = run("serve", "--port", str(port + 1), data_dir=data_dir)
            assert second.returncode == 1
            assert f"http://127.0.0.1:{port}" in second.stderr
            result = run("generate", "a fox", "--out", str(tmp_path / "fox.png"), "--steps", "2", data_dir=data_dir)
            assert result.returncode == 0, result.stderr
            assert (tmp_path / "fox.png").exists()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/history") as answer:
                assert json.load(answer)["items"][0]["prompt"] == "a fox"
        finally:
            server.terminate()

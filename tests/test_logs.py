"""The log: JSON lines with job ids, rotated, without prompts and secrets; a disk that fails stops nobody."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_local_executor import PRELUDE
from test_studio import SMALL, finish

from webui.app import open_studio
from webui.executors.local import LocalExecutor
from webui.generation.request import parse_request
from webui.logs import LOG_FILE, LOG_FOLDER, about_job, last_lines, log_to_console, log_to_file
from webui.settings import Settings
from webui.studio.studio import Studio

CANARY = "prompt canary"


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The log of the test run itself is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def entries(data_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data_dir / LOG_FOLDER / LOG_FILE).read_text().splitlines()]


def log_of_a_job(studio: Studio, data_dir: Path, level: str) -> tuple[str, list[dict[str, Any]]]:
    log_to_console(level)
    with log_to_file(data_dir):
        studio.start()
        job = finish(studio, prompt=CANARY)
        studio.close()
    return job["id"], entries(data_dir)


def test_each_line_about_a_job_names_it_and_no_prompt(new_studio: Callable[..., Studio], settings: Settings) -> None:
    job, lines = log_of_a_job(new_studio(start=False), settings.data_dir, "info")
    about = [line["message"] for line in lines if line.get("job") == job]
    assert [message.split()[2] for message in about] == ["begins:", "is"]
    assert {line["process"] for line in lines} == {"web"}
    assert CANARY not in json.dumps(lines)


def test_prompts_stand_in_debug_lines_only(new_studio: Callable[..., Studio], settings: Settings) -> None:
    _, lines = log_of_a_job(new_studio(start=False), settings.data_dir, "debug")
    assert {line["level"] for line in lines if CANARY in line["message"]} == {"debug"}


def test_the_level_is_respected(settings: Settings) -> None:
    log_to_console("warning")
    with log_to_file(settings.data_dir):
        logging.getLogger("webui").info("not this")
        logging.getLogger("webui").warning("but this")
    assert [line["message"] for line in entries(settings.data_dir)] == ["but this"]


WORKER = """
import logging
from webui.logs import about_job, log_to_web_process
hello()
log_to_web_process("info")
log = logging.getLogger("webui.engine.engine")
log.info("outside")
while (message := read_frame(commands)) is not None:
    if message["type"] == "run":
        job, prompt = message["job"]["job_id"], message["job"]["request"]["prompt"]
        with about_job(job, prompt):
            send(Begun(), job)
            print("a library says", prompt, file=sys.stderr, flush=True)
            print("\\x1eno record", file=sys.stderr, flush=True)
            try:
                raise ValueError(prompt)
            except ValueError:
                log.exception("failed with %r", prompt)
            sys.stderr.flush()
            if "die" in prompt:
                os._exit(3)
            time.sleep(0.2)
            send(Done(), job)
"""


def test_what_the_worker_writes_is_merged_in_with_its_job(new_studio: Callable[..., Studio], settings: Settings, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(PRELUDE + WORKER)
    studio = new_studio(LocalExecutor(command=(sys.executable, str(script))), start=False)
    log_to_console("info")
    with log_to_file(settings.data_dir):
        studio.start()
        job = studio.submit(parse_request(SMALL | {"prompt": CANARY + " die"}))
        studio.follow(job["id"], lambda _: None)
        studio.close()
    lines = entries(settings.data_dir)
    by_message = {line["message"]: line for line in lines}
    assert by_message["outside"]["process"] == "worker" and "job" not in by_message["outside"]
    failed = by_message["failed with '[prompt]'"]
    assert (failed["level"], failed["logger"], failed["job"]) == ("error", "webui.engine.engine", job["id"])
    assert failed["trace"].endswith("ValueError: [prompt]")
    said = by_message["a library says [prompt]"]
    assert (said["logger"], said["job"]) == ("webui.worker", job["id"])
    assert by_message["\x1eno record"]["job"] == job["id"]
    restarts = [line for line in lines if "is started again" in line["message"]]
    assert restarts and {line["job"] for line in restarts} == {job["id"]}
    assert CANARY not in json.dumps(lines)


def test_secrets_are_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CIVITAI_TOKEN", "value-of-a-secret")
    log_to_console("info")
    with log_to_file(tmp_path):
        logging.getLogger("webui").warning("asked https://anna:hunter2@example.org with %s", "value-of-a-secret")
    for text in (capsys.readouterr().err, json.dumps(entries(tmp_path))):
        assert "asked https://[removed]@example.org with [removed]" in text
        assert "hunter2" not in text and "value-of-a-secret" not in text


def test_files_are_rotated_and_their_number_is_bounded(tmp_path: Path) -> None:
    log_to_console("info")
    logging.getLogger().handlers.clear()
    with log_to_file(tmp_path, file_bytes=2000, old_files=2):
        for number in range(200):
            logging.getLogger("webui").info("line %d", number)
    files = sorted((tmp_path / LOG_FOLDER).iterdir())
    assert [path.name for path in files] == ["easel.log", "easel.log.1", "easel.log.2"]
    assert all(path.stat().st_size <= 2000 for path in files)
    assert entries(tmp_path)[-1]["message"] == "line 199"
    assert [line.rsplit(" ", 1)[1] for line in last_lines(tmp_path, 20)] == [str(number) for number in range(180, 200)]


def test_the_last_lines_are_read_though_some_are_cut_off(tmp_path: Path) -> None:
    log_to_console("debug")
    logging.getLogger().handlers.clear()
    with log_to_file(tmp_path):
        logging.getLogger("webui").debug("too small")
        with about_job(17):
            logging.getLogger("webui").warning("big enough")
    with open(tmp_path / LOG_FOLDER / LOG_FILE, "ab") as file:
        file.write(b'{"time": "2026-11-25T20:0\n\xff\xfe nonsense\n[]\n')
    (line,) = last_lines(tmp_path, 10)
    assert line.endswith("warning webui: big enough (job 17)")
    assert last_lines(tmp_path / "nowhere", 10) == []


@pytest.mark.skipif(os.name != "posix", reason="the limit on file sizes is POSIX's")
def test_a_full_disk_for_logs_stops_nobody(tmp_path: Path) -> None:
    """In a child, because the limit on file sizes is for a whole process."""
    script = f"""
import logging, resource, signal, sys
from pathlib import Path
from webui.logs import log_to_console, log_to_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log_to_console("info")
log = logging.getLogger("webui")
with log_to_file(Path({str(tmp_path)!r})):
    log.info("before")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    for _ in range(3):
        log.info("lost")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    log.info("after")
print("went on")
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert result.stdout == "went on\n", result.stderr
    assert result.stderr.count("can't be written now") == 1
    assert "Traceback" not in result.stderr
    assert [line.rsplit(" ", 1)[1] for line in last_lines(tmp_path, 9)] == ["before", "after"]


def test_a_file_where_the_log_folder_should_be_stops_nobody(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / LOG_FOLDER).write_text("in the way")
    log_to_console("info")
    with open_studio(settings) as (studio, _):
        studio.start()
        job = finish(studio)
    assert job["status"] == "done"
    assert capsys.readouterr().err.count("can't be written now") == 1
